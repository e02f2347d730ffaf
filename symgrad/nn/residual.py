"""Residual connections: what a branch adds to its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import symgrad as sg
from symgrad.init import glorot_uniform
from symgrad.nn.convolution import conv1d, conv2d
from symgrad.nn.dense import dense
from symgrad.nn.layer import Activation, activated, array, floating, named, shown

__all__ = ["residual"]


def residual(
    x: Any,
    fn: Callable[[sg.Expr], Any],
    activation: Activation = None,
    stride: Any = 1,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    name: str | None = None,
) -> sg.Expr:
    """Add a branch to its input: ``activation(x + fn(x))``, with a projection where they differ.

    Parameters
    ----------
    x : Expr
        (..., features), floating.
    fn : function
        The branch, called once on `x`: its result has the shape of `x` but for the number of
        features, and for the axes in space where the branch strides over them.
    activation : function, optional
        After the sum.
    stride : int or one int for each axis in space
        That of the branch: the input is projected at every so manieth place, by a convolution
        with a window of one. Other than 1, `x` is (batch, width, channels) or (batch, height,
        width, channels), and the branch pads with "same".
    init : initialiser, array, number or callable, optional
        Of the projection.
    name : str, optional
        A scope for the branch and the projection.

    Returns
    -------
    Expr
        Of the shape of ``fn(x)``.

    Raises
    ------
    DeclarationError, DTypeError
    ShapeError
        If the sum does not fit.

    Notes
    -----
    Parameter, where the branch changes the features or strides: ``projection.W``, without bias.
    He et al., *Deep residual learning for image recognition* (2016), the option B of its 3.3.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 64))
    >>> y = sg.nn.residual(x, lambda h: sg.nn.mlp(h, [128, 64]), name="block1")
    >>> y = sg.nn.residual(y, lambda h: sg.nn.dense(h, 32, sg.relu), name="block2")
    >>> sorted(sg.compile(y.sum()).init())[-3:]
    ['block2.W', 'block2.b', 'block2.projection.W']
    """
    x = floating("residual", x)
    if not callable(fn):
        raise sg.DeclarationError(f"residual: expected a function as the branch; got {fn!r}")
    with named(name):
        branch = array("residual", fn(x))
        strides = any([s != 1 for s in (stride if isinstance(stride, (tuple, list)) else [stride])])
        if branch.ndim != x.ndim:
            raise sg.ShapeError(
                f"residual: expected a branch of {x.ndim} axes, as its input {shown(x.shape)}; "
                f"got shape {shown(branch.shape)}"
            )
        kept: sg.Expr = x
        if strides:
            convs = {3: conv1d, 4: conv2d}
            if x.ndim not in convs:
                raise sg.ShapeError(
                    f"residual: expected (batch, width, channels) or (batch, height, width, "
                    f"channels) for stride={stride!r}; got shape {shown(x.shape)}"
                )
            width = _features(branch)
            kept = convs[x.ndim](
                x, width, 1, stride=stride, bias=False, init=init, name="projection"
            )
        elif branch.shape[-1] != x.shape[-1]:
            kept = dense(x, _features(branch), bias=False, init=init, name="projection")
        if kept.shape != branch.shape:
            hint = "" if strides else "; if the branch strides, give residual its stride"
            raise sg.ShapeError(
                f"residual: the branch has shape {shown(branch.shape)}, and its input "
                f"{shown(x.shape)} becomes {shown(kept.shape)}{hint}"
            )
        return activated("residual", kept + branch, activation)


def _features(branch: sg.Expr) -> int:
    size = branch.shape[-1]
    if not isinstance(size, int):
        raise sg.ShapeError(
            f"residual: expected a branch with a known number of features; got shape "
            f"{shown(branch.shape)}"
        )
    return size
