"""Windows that slide along axes, and their transpose: adding them where they overlap."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.checks import Check, require, require_equal
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import OPS, Example, Op, function, register
from symgrad.ir.size import Size, as_shape, lower_bound
from symgrad.ops.axes import Axes
from symgrad.ops.shape import axes_index, given, moveaxis, normalize_axis
from symgrad.ops.window_kernels import overlap_add, place

__all__ = ["overlapping", "sliding_window_view", "window_counts", "windows_of"]

Shape = tuple[Size, ...]
Steps = tuple[int, ...]
_view = np.lib.stride_tricks.sliding_window_view


def _example(shape: tuple[int, ...], window: Any, axis: Any = None) -> Example:
    return Example(
        lambda x: sliding_window_view(x, window, axis),
        lambda x: _view(x, window, axis),
        (shape,),
    )


def window_counts(
    x: Aval, window: Shape, axes: Axes, stride: Steps, dilation: Steps
) -> tuple[Size, ...]:
    """How many windows there are along each axis: one at least, which is checked."""
    counts = []
    for size, axis, step, gap in zip(window, axes, stride, dilation, strict=True):
        have, extent = x.shape[axis], _extent(size, gap)
        low = lower_bound(have - extent)
        if low is None or low < 0:
            reason = f"a window of {extent} on axis {axis} of {format_shape(x.shape)}"
            if isinstance(have, int) and isinstance(extent, int):
                raise ShapeError(f"{reason}: it does not fit")
            require(Check(extent, "<=", have, reason))
        counts.append((have - extent) // step + 1)
    return tuple(counts)


@register
class SlidingWindowView(Op):
    """Windows of an array, their axes last; no axis has two.

    Along each axis they start `stride` elements apart, and their elements stand `dilation` apart.
    """

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
        Example(
            lambda x: windows_of(x, (2, 3), (1, 2), (2, 1), (1, 2)),
            lambda x: _view(x, (2, 5), (1, 2))[:, ::2, :, :, ::2],
            ((2, 5, 7),),
        ),
    )

    def aval(self, x: Aval, *, window: Shape, axes: Axes, stride: Steps, dilation: Steps) -> Aval:
        sizes = list(x.shape)
        for axis, count in zip(axes, window_counts(x, window, axes, stride, dilation), strict=True):
            sizes[axis] = count
        return Aval((*sizes, *window), x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        attrs = {"shape": node.args[0].shape, **node.attrs}
        del attrs["window"]
        return (make(OPS["overlap_add"], (ct,), attrs),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        axes = tuple([axis + 1 for axis in node.attrs["axes"]])
        return make(self, args, {**node.attrs, "axes": axes})

    def numpy(self, node: Expr, *args: Code) -> Code:
        axes, stride, dilation = (node.attrs[key] for key in ("axes", "stride", "dilation"))
        window = tuple([
            _extent(size, gap) for size, gap in zip(node.attrs["window"], dilation, strict=True)
        ])  # fmt: skip
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
        code = Code.call(name, args[0], str(size), **options)
        steps = [1] * node.args[0].ndim
        for axis, step in zip(axes, stride, strict=True):
            steps[axis] = step
        parts = [":" if step == 1 else f"::{step}" for step in (*steps, *dilation)]
        return Code.subscript(code, axes_index(parts)) if set(parts) != {":"} else code

    def is_view(self, node: Expr) -> bool:
        return True

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{windows}}\left({args[0]}\right)"

    def flops(self, node: Expr) -> int:
        return 0


def _extent(size: Size, dilation: int) -> Size:
    """How many elements a window reaches over."""
    return dilation * (size - 1) + 1


def _overlap(windows: Expr, axis: int, stride: int, dilation: int) -> Expr:
    shape = list(windows.shape[:-1])
    shape[axis] = (shape[axis] - 1) * stride + _extent(windows.shape[-1], dilation)
    return overlapping(windows, tuple(shape), (axis,), (stride,), (dilation,))


def _added(w: Any, stride: int, dilation: int) -> Any:
    """The definition, along one axis."""
    if not w.size:
        raise ValueError("no windows")
    out = np.zeros((len(w) - 1) * stride + (w.shape[1] - 1) * dilation + 1, w.dtype)
    for i, j in np.ndindex(*w.shape):
        out[i * stride + j * dilation] += w[i, j]
    return out


@register
class OverlapAdd(Op):
    """Windows of every position of axes, added to an array of zeros at their positions."""

    name = "overlap_add"
    takes_complex = True
    expensive = True
    examples = (
        Example(lambda w: _overlap(w, 0, 1, 1), lambda w: _added(w, 1, 1), ((4, 3),)),
        Example(lambda w: _overlap(w, 0, 2, 3), lambda w: _added(w, 2, 3), ((4, 3),)),
        Example(
            lambda w: _overlap(w, 1, 3, 1),
            lambda w: np.stack([_added(row, 3, 1) for row in w]),
            ((3, 4, 2),),
        ),
    )

    def aval(
        self, windows: Aval, *, shape: Shape, axes: Axes, stride: Steps, dilation: Steps
    ) -> Aval:
        window = windows.shape[windows.ndim - len(axes) :]
        for size, axis, step, gap in zip(window, axes, stride, dilation, strict=True):
            count = (shape[axis] - _extent(size, gap)) // step + 1
            require_equal(windows.shape[axis], count, f"windows on axis {axis}")
        return Aval(shape, windows.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        axes = node.attrs["axes"]
        window = node.args[0].shape[node.args[0].ndim - len(axes) :]
        attrs = {"window": window, **node.attrs}
        del attrs["shape"]
        space = tuple(range(1, 1 + len(axes)))
        if axes == space and ct.ndim == len(axes) + 2:  # images: rows for a matrix product
            del attrs["axes"]
            return (moveaxis(make(OPS["patches"], (ct,), attrs), -1, 1 + len(axes)),)
        return (make(OPS["sliding_window_view"], (ct,), attrs),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        axes = tuple([axis + 1 for axis in node.attrs["axes"]])
        shape = (args[0].shape[0], *node.shape)
        return make(self, args, {**node.attrs, "shape": shape, "axes": axes})

    def numpy(self, node: Expr, *args: Code) -> Code:
        texts = [format_shape(node.attrs[k]) for k in ("shape", "axes", "stride", "dilation")]
        return Code.call("overlap_add", args[0], *texts)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (place, overlap_add)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{overlap}}\left({args[0]}\right)"


def windows_of(
    x: Expr, window: Shape, axes: Axes, stride: Steps | None = None, dilation: Steps | None = None
) -> Expr:
    """Windows along axes, no axis twice; their own axes are the last ones."""
    ones = (1,) * len(axes)
    attrs = {
        "window": window,
        "axes": axes,
        "stride": stride or ones,
        "dilation": dilation or ones,
    }
    return make(OPS["sliding_window_view"], (x,), attrs)


def overlapping(
    windows: Expr, shape: Shape, axes: Axes, stride: Steps | None, dilation: Steps | None
) -> Expr:
    """The transpose of :func:`windows_of`: windows added where they overlap."""
    ones = (1,) * len(axes)
    attrs = {"shape": shape, "axes": axes, "stride": stride or ones, "dilation": dilation or ones}
    return make(OPS["overlap_add"], (windows,), attrs)


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
        return windows_of(x, window, axes)
    windows: Expr = x
    for size, along in zip(window, axes, strict=True):  # windows of windows
        windows = windows_of(windows, (size,), (along,))
    return windows
