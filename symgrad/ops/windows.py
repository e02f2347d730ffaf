"""Windows that slide along axes, and their transpose: adding them where they overlap."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import Check, Expr, as_expr, make, require, require_equal
from symgrad.ir.op import OPS, Example, Op, function, register
from symgrad.ir.size import Size, as_shape, lower_bound
from symgrad.ops.axes import Axes
from symgrad.ops.axis_kernels import overlap_add
from symgrad.ops.shape import given, normalize_axis

__all__ = ["sliding_window_view"]

Shape = tuple[Size, ...]
_view = np.lib.stride_tricks.sliding_window_view


def _example(shape: tuple[int, ...], window: Any, axis: Any = None) -> Example:
    return Example(
        lambda x: sliding_window_view(x, window, axis),
        lambda x: _view(x, window, axis),
        (shape,),
    )


@register
class SlidingWindowView(Op):
    """Every window of an array, its axes last; no axis has two."""

    name = "sliding_window_view"
    takes_complex = True
    read_only = True
    examples = (
        _example((6,), 3),
        _example((3, 5), 2, -1),
        _example((4, 5), (2, 3)),
        _example((2, 5, 4), (2, 1), (2, 1)),
        _example((3,), 3),
        _example((3, 4), 1, 0),
        _example((5,), (2, 3), (0, 0)),
    )

    def aval(self, x: Aval, *, window: Shape, axes: Axes) -> Aval:
        sizes = list(x.shape)
        for size, axis in zip(window, axes, strict=True):
            low = lower_bound(sizes[axis] - size)
            if low is None or low < 0:
                reason = f"a window of {size} on axis {axis} of {format_shape(x.shape)}"
                if isinstance(sizes[axis], int) and isinstance(size, int):
                    raise ShapeError(f"{reason}: it does not fit")
                require(Check(size, "<=", sizes[axis], reason))
            sizes[axis] = sizes[axis] - size + 1
        return Aval((*sizes, *window), x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        attrs = {"shape": node.args[0].shape, "axes": node.attrs["axes"]}
        return (make(OPS["overlap_add"], (ct,), attrs),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        axes = tuple([axis + 1 for axis in node.attrs["axes"]])
        return make(self, args, {**node.attrs, "axes": axes})

    def numpy(self, node: Expr, *args: Code) -> Code:
        window, axes = node.attrs["window"], node.attrs["axes"]
        options: dict[str, Any] = {}
        if len(axes) == 1:
            size: Any = window[0]
            if node.args[0].ndim > 1:
                options = {"axis": axes[0]}
        else:
            size = format_shape(window)
            if axes != tuple(range(node.args[0].ndim)):
                options = {"axis": axes}
        name = "np.lib.stride_tricks.sliding_window_view"
        return Code.call(name, args[0], str(size), **options)

    def is_view(self, node: Expr) -> bool:
        return True

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{windows}}\left({args[0]}\right)"

    def flops(self, node: Expr) -> int:
        return 0


def _overlapping(windows: Expr, axis: int) -> Expr:
    shape = list(windows.shape[:-1])
    shape[axis] = shape[axis] + windows.shape[-1] - 1
    return make(OPS["overlap_add"], (windows,), {"shape": tuple(shape), "axes": (axis,)})


def _added(w: Any) -> Any:
    """The definition, along one axis."""
    if not len(w):
        raise ValueError("no windows")
    out = np.zeros(len(w) + w.shape[1] - 1, w.dtype)
    for i, j in np.ndindex(*w.shape):
        out[i + j] += w[i, j]
    return out


@register
class OverlapAdd(Op):
    """Windows of every position of axes, added to an array of zeros at their positions."""

    name = "overlap_add"
    takes_complex = True
    expensive = True
    examples = (
        Example(lambda w: _overlapping(w, 0), lambda w: _added(w), ((4, 3),)),
        Example(
            lambda w: _overlapping(w, 1),
            lambda w: np.stack([_added(row) for row in w]),
            ((3, 4, 2),),
        ),
    )

    def aval(self, windows: Aval, *, shape: Shape, axes: Axes) -> Aval:
        window = windows.shape[windows.ndim - len(axes) :]
        for size, axis in zip(window, axes, strict=True):
            require_equal(windows.shape[axis], shape[axis] - size + 1, f"windows on axis {axis}")
        return Aval(shape, windows.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        axes = node.attrs["axes"]
        window = node.args[0].shape[node.args[0].ndim - len(axes) :]
        return (make(OPS["sliding_window_view"], (ct,), {"window": window, "axes": axes}),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        axes = tuple([axis + 1 for axis in node.attrs["axes"]])
        return make(self, args, {"shape": (args[0].shape[0], *node.shape), "axes": axes})

    def numpy(self, node: Expr, *args: Code) -> Code:
        shape = format_shape(node.attrs["shape"])
        return Code.call("overlap_add", args[0], shape, format_shape(node.attrs["axes"]))

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (overlap_add,)


@function
def sliding_window_view(x: Any, window_shape: Any, axis: Any = None) -> Expr:
    """Every window of an array: new last axes run within a window, the old ones over windows.

    Parameters
    ----------
    x : array_like
    window_shape : int or tuple of int
        Sizes of the window; symbolic ones are allowed.
    axis : int or tuple of int, optional
        The axes that the window slides along, one for each of its sizes; all, if None. An axis
        may be named several times.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.sliding_window_view(sg.input("x", ("B", "T")), 3, axis=1).shape
    (Dim('B'), Dim('T - 2'), 3)
    """
    x = as_expr(x)
    window = as_shape(window_shape)
    named = range(x.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple([
        normalize_axis(operator.index(a), x.ndim, "sliding_window_view: axis") for a in named
    ])  # fmt: skip
    if len(axes) != len(window):
        raise DeclarationError(
            f"sliding_window_view: {len(window)} sizes of a window for {len(axes)} axes"
        )
    if len(set(axes)) == len(axes):
        return make(OPS["sliding_window_view"], (x,), {"window": window, "axes": axes})
    windows: Expr = x
    for size, along in zip(window, axes, strict=True):  # windows of windows
        attrs = {"window": (size,), "axes": (along,)}
        windows = make(OPS["sliding_window_view"], (windows,), attrs)
    return windows
