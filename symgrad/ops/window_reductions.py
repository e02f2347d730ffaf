"""Sums and maxima of windows that slide along axes, and what differentiates them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import OPS, Example, Op, register
from symgrad.ops.axes import Axes
from symgrad.ops.creation import ones
from symgrad.ops.shape import broadcast_to, expand_dims, given
from symgrad.ops.spatial import Steps
from symgrad.ops.window_kernels import (
    first_extreme,
    place,
    pooled,
    spread_to_first,
    taken_from_first,
)
from symgrad.ops.windows import overlapping, window_counts

__all__ = ["WindowMax", "WindowSum"]


class Pool(Op):
    """A reduction of windows; attributes are their sizes, axes, and how far they are apart."""

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        rows = args[batched.index(True)].shape[0]
        full = [
            arg if b else broadcast_to(arg, (rows, *arg.shape))
            for arg, b in zip(args, batched, strict=True)
        ]
        axes = tuple([axis + 1 for axis in node.attrs["axes"]])
        return make(self, tuple(full), {**node.attrs, "axes": axes})

    def numpy(self, node: Expr, *args: Code) -> Code:
        texts = [format_shape(node.attrs[key]) for key in ("window", "axes", "stride")]
        return Code.call(self.kernel, *args, *texts)

    kernel: str

    def flops(self, node: Expr) -> int:
        count: int = np.prod(node.attrs["window"], dtype=int)
        return int(count)


class Folded(Pool):
    """A ufunc over the elements of each window."""

    ufunc: str
    kernel = "pooled"

    def aval(self, x: Aval, *, window: Steps, axes: Axes, stride: Steps) -> Aval:
        sizes = list(x.shape)
        counts = window_counts(x, window, axes, stride, (1,) * len(axes))
        for axis, count in zip(axes, counts, strict=True):
            sizes[axis] = count
        return Aval(tuple(sizes), x.dtype)

    def numpy(self, node: Expr, *args: Code) -> Code:
        return super().numpy(node, Code(f"np.{self.ufunc}"), *args)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (place, pooled)


def _example(name: str, reference: Callable[..., Any], shape: tuple[int, ...], *window: Any) -> Any:
    sizes, axes, stride = window
    attrs = {"window": sizes, "axes": axes, "stride": stride}
    view = np.lib.stride_tricks.sliding_window_view

    def expected(x: Any) -> Any:
        steps = [slice(None)] * x.ndim
        for axis, step in zip(axes, stride, strict=True):
            steps[axis] = slice(None, None, step)
        return reference(view(x, sizes, axes)[tuple(steps)], axis=tuple(range(-len(axes), 0)))

    return Example(lambda x: make(OPS[name], (x,), attrs), expected, (shape,))


def _examples(name: str, reference: Callable[..., Any]) -> tuple[Example, ...]:
    return (
        _example(name, reference, (5,), (2,), (0,), (1,)),
        _example(name, reference, (2, 7), (3,), (1,), (2,)),
        _example(name, reference, (5, 3, 4), (2, 3), (0, 2), (3, 1)),
    )


@register
class WindowSum(Folded):
    """The sum of the elements of each window."""

    name = "window_sum"
    ufunc = "add"
    examples = _examples("window_sum", np.sum)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        window, axes, stride = (node.attrs[key] for key in ("window", "axes", "stride"))
        every = expand_dims(ct, tuple(range(ct.ndim, ct.ndim + len(window))))
        every = broadcast_to(every, (*ct.shape, *window))
        return (overlapping(every, node.args[0].shape, axes, stride, None),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{sumpool}}\left({args[0]}\right)"


@register
class WindowMax(Folded):
    """The largest element of each window; of several, the first has the derivative."""

    name = "window_max"
    ufunc = "maximum"
    examples = _examples("window_max", np.max)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (make(OPS["window_max_spread"], (node.args[0], node, ct), node.attrs),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        t = given(tangents[0])
        return make(OPS["window_max_taken"], (node.args[0], node, t), node.attrs)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{maxpool}}\left({args[0]}\right)"


class OfFirst(Pool):
    """A linear map of the last argument, which follows the first largest element of each window.

    The first two arguments are an array and the largest elements of its windows. The map is
    constant where they are: it jumps, if another element becomes the largest.
    """

    transposed: str

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        x, y, _ = node.args
        return (None, None, make(OPS[self.transposed], (x, y, ct), node.attrs))

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (x, y, _), t = node.args, tangents[2]
        return None if t is None else make(self, (x, y, t), node.attrs)


def _of_first(name: str, reference: Callable[..., Any], back: bool) -> tuple[Example, ...]:
    """Of numbers that are all different, so that differences do not see a jump."""
    attrs: dict[str, Any] = {"window": (2,), "axes": (1,), "stride": (2,)}
    order = np.array([3.0, 7.0, 1.0, 2.0, 6.0, 5.0])

    def build(t: Expr) -> Expr:
        x = as_expr(order.astype(t.dtype)) * ones((t.shape[0], 1), t.dtype)
        return make(OPS[name], (x, make(OPS["window_max"], (x,), attrs), t), attrs)

    return (Example(build, reference, ((2, 3 if back else 6),)),)


def _spread_reference(ct: Any) -> Any:
    if ct.shape[1] != 3:
        raise ValueError("three windows")
    out = np.zeros((len(ct), 6), ct.dtype)
    out[:, [1, 3, 4]] = ct
    return out


def _taken_reference(t: Any) -> Any:
    if t.shape[1] != 6:
        raise ValueError("six elements")
    return t[:, [1, 3, 4]]


@register
class WindowMaxSpread(OfFirst):
    """Cotangents of the windows' largest elements, each at the first element that has its value."""

    name = "window_max_spread"
    kernel = "spread_to_first"
    transposed = "window_max_taken"
    examples = _of_first("window_max_spread", _spread_reference, True)

    def aval(self, x: Aval, y: Aval, ct: Aval, **attrs: Any) -> Aval:
        return Aval(x.shape, ct.dtype)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (place, first_extreme, spread_to_first)


@register
class WindowMaxTaken(OfFirst):
    """The tangent of the first element of each window that is the largest."""

    name = "window_max_taken"
    kernel = "taken_from_first"
    transposed = "window_max_spread"
    examples = _of_first("window_max_taken", _taken_reference, False)

    def aval(self, x: Aval, y: Aval, t: Aval, **attrs: Any) -> Aval:
        return Aval(y.shape, t.dtype)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (place, first_extreme, taken_from_first)
