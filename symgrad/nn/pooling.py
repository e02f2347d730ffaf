"""Pooling: windows as the operations have them, and all of space at once."""

from __future__ import annotations

from typing import Any

import symgrad as sg
from symgrad.nn.layer import floating

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "global_avg_pool",
    "global_max_pool",
    "max_pool1d",
    "max_pool2d",
]

max_pool1d, max_pool2d = sg.max_pool1d, sg.max_pool2d
avg_pool1d, avg_pool2d = sg.avg_pool1d, sg.avg_pool2d


def _space(layer: str, x: Any) -> tuple[sg.Expr, tuple[int, ...]]:
    x = floating(layer, x, 3)
    return x, tuple(range(1, x.ndim - 1))


def global_avg_pool(x: Any) -> sg.Expr:
    """The mean over all of space: one number for each example and channel.

    Parameters
    ----------
    x : Expr
        (batch, *space, channels), floating, with one axis in space or more.

    Returns
    -------
    Expr
        (batch, channels).

    Raises
    ------
    DTypeError, ShapeError

    Notes
    -----
    Lin, Chen and Yan, *Network in network* (2014).

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.nn.global_avg_pool(sg.input("x", ("B", 7, 7, 64))).shape
    (Dim('B'), 64)
    """
    x, axes = _space("global_avg_pool", x)
    return x.mean(axes)


def global_max_pool(x: Any) -> sg.Expr:
    """The largest element over all of space, for each example and channel.

    Parameters
    ----------
    x : Expr
        (batch, *space, channels), floating, with one axis in space or more.

    Returns
    -------
    Expr
        (batch, channels). Of k elements that tie each gets 1/k of the gradient.

    Raises
    ------
    DTypeError, ShapeError

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.nn.global_max_pool(sg.input("x", ("B", "T", 64))).shape
    (Dim('B'), 64)
    """
    x, axes = _space("global_max_pool", x)
    return x.max(axes)
