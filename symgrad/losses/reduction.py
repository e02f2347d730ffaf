"""From one number per example to one number: means and sums of what is counted."""

from __future__ import annotations

from typing import Any

import symgrad as sg
from symgrad.losses.arguments import cast, expression, floating, require_broadcast

__all__ = ["mean", "total"]


def mean(values: Any, mask: Any = None, weights: Any = None) -> sg.Expr:
    """Weighted mean of losses: 0, and not NaN, where nothing is counted.

    Parameters
    ----------
    values : Expr
        Losses, floating, of any shape.
    mask : array_like of bool, optional
        What is counted; it broadcasts to the shape of `values`. What is left out has no part in
        value or gradient, whatever it holds.
    weights : array_like, optional
        Non-negative; they broadcast to the shape of `values`, and it is their sum, over what is
        counted, that the mean is divided by.

    Returns
    -------
    Expr
        Scalar, of the dtype of `values`.

    Raises
    ------
    ShapeError, DTypeError

    Examples
    --------
    >>> import symgrad as sg
    >>> v, keep = sg.input("v", ("B",)), sg.input("keep", ("B",), dtype=bool)
    >>> f = sg.function([v, keep], sg.losses.mean(v, mask=keep))
    >>> float(f([1.0, 3.0, float("nan")], [True, True, False])), float(f([1.0], [False]))
    (2.0, 0.0)
    """
    values = floating("mean", "values", values)
    if mask is None and weights is None:
        size = values.size
        if isinstance(size, int) and size > 0:
            return values.mean()
        count = sg.maximum(sg.as_expr(size), 1)
    elif weights is None:
        mask = _mask("mean", mask, values)
        count = sg.maximum(sg.broadcast_to(mask, values.shape).sum(), 1)
        values = sg.where(mask, values, 0)
    else:
        weights, values = _weighted("mean", values, mask, weights)
        count = sg.broadcast_to(weights, values.shape).sum()
        count = sg.where(sg.equal(count, 0), 1, count)
    if count.dtype != values.dtype and values.dtype.itemsize < 8:
        count = count.astype(values.dtype)
    return values.sum() / sg.name(count, "count")


def total(values: Any, mask: Any = None, weights: Any = None) -> sg.Expr:
    """Weighted sum of losses; 0 where nothing is counted.

    Parameters
    ----------
    values : Expr
        Losses, floating, of any shape.
    mask : array_like of bool, optional
        What is counted; it broadcasts to the shape of `values`.
    weights : array_like, optional
        They broadcast to the shape of `values`.

    Returns
    -------
    Expr
        Scalar, of the dtype of `values`.

    Raises
    ------
    ShapeError, DTypeError

    Examples
    --------
    >>> import symgrad as sg
    >>> v = sg.input("v", ("B",))
    >>> float(sg.function([v], sg.losses.total(v, weights=[1.0, 2.0]))([10.0, 1.0]))
    12.0
    """
    values = floating("total", "values", values)
    if weights is not None:
        _, values = _weighted("total", values, mask, weights)
    elif mask is not None:
        values = sg.where(_mask("total", mask, values), values, 0)
    return values.sum()


def _mask(owner: str, mask: Any, values: sg.Expr) -> sg.Expr:
    mask = expression(owner, "mask", mask)
    if mask.dtype.kind != "b":
        raise sg.DTypeError(
            f"{owner}: expected mask to be boolean; got {mask.dtype} (pass numbers as weights)"
        )
    require_broadcast(owner, "mask", mask.shape, values.shape)
    return mask


def _weighted(owner: str, values: sg.Expr, mask: Any, weights: Any) -> tuple[sg.Expr, sg.Expr]:
    """The weights that count, and the losses times their weights."""
    weights = expression(owner, "weights", weights)
    if weights.dtype.kind not in "biuf":
        raise sg.DTypeError(f"{owner}: expected weights to be real; got {weights.dtype}")
    require_broadcast(owner, "weights", weights.shape, values.shape)
    weights = cast(weights, values.dtype)
    if mask is None:
        return weights, weights * values
    mask = _mask(owner, mask, values)
    return sg.where(mask, weights, 0), sg.where(mask, weights * values, 0)
