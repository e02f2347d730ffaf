"""Discrete convolution and correlation of two vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.checks import Check, require
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_exprs, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, register
from symgrad.ir.size import Size, lower_bound, size_max, size_min
from symgrad.ops.cumulative import reverse
from symgrad.ops.join import slab
from symgrad.ops.padding import pad
from symgrad.ops.products import matmul
from symgrad.ops.shape import expand_dims, squeeze
from symgrad.ops.windows import sliding_window_view

__all__ = ["convolve", "correlate"]

_MODES = ("full", "same", "valid")


class Sliding(Op):
    """Products of two vectors of n and m elements, one slid along the other, summed.

    Attribute `mode` says how many of the n + m - 1 results of ``"full"`` are given: the ones
    where both overlap in all elements of the shorter, or as many as the longer has.
    """

    expensive = True

    def aval(self, a: Aval, v: Aval, *, mode: str) -> Aval:
        for x in (a, v):
            if x.ndim != 1:
                raise ShapeError(f"expected two vectors; got shape {format_shape(x.shape)}")
            low = lower_bound(x.shape[0])
            if low is None or low < 1:
                reason = f"{self.name} of a vector of {x.shape[0]} elements: at least 1 is needed"
                if isinstance(x.shape[0], int):
                    raise ShapeError(reason)
                require(Check(1, "<=", x.shape[0], reason))
        n, m = a.shape[0], v.shape[0]
        return Aval((_length(n, m, mode),), np.result_type(a.dtype, v.dtype))

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (a, v), (ta, tv) = node.args, tangents
        left = None if ta is None else make(self, (ta, v), node.attrs)
        right = None if tv is None else make(self, (a, tv), node.attrs)
        if left is None or right is None:
            return right if left is None else left
        return left + right

    def start(self, n: Size, m: Size, mode: str) -> Size:
        """Where in the full result the given one begins."""
        if mode == "full":
            return 0
        return size_min(n, m) - 1 if mode == "valid" else (size_min(n, m) - 1) // 2

    def all_of(self, ct: Expr, node: Expr) -> Expr:
        """A cotangent of the full result."""
        n, m = node.args[0].shape[0], node.args[1].shape[0]
        mode = node.attrs["mode"]
        if mode == "full":
            return ct
        start = self.start(n, m, mode)
        return pad(ct, (start, n + m - 1 - start - _length(n, m, mode)))

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        (a, v), (n, m) = args, [x.shape[0] for x in node.args]
        mode = node.attrs["mode"]
        width = [(0, 0)] * (a.ndim - 1) + [(m - 1, m - 1)]
        windows = sliding_window_view(pad(a, width), m, axis=-1)
        windows = slab(windows, windows.ndim - 2, self.start(n, m, mode), _length(n, m, mode))
        weights = self.weights(v)
        if not batched[1]:
            return matmul(windows, weights)
        return squeeze(matmul(windows, expand_dims(weights, -1)), axis=-1)

    def weights(self, v: Expr) -> Expr:
        """What a window is multiplied by: `v` in the order in which it meets it."""
        return v

    def numpy(self, node: Expr, *args: Code) -> Code:
        default = "full" if self.name == "convolve" else "valid"
        mode = node.attrs["mode"]
        options = [] if mode == default else [f'"{mode}"']
        return Code.call(f"np.{self.name}", *args, *options)

    def flops(self, node: Expr) -> int:
        m = node.args[1].shape[0]
        return 2 * m if isinstance(m, int) else 64


def _length(n: Size, m: Size, mode: str) -> Size:
    if mode == "full":
        return n + m - 1
    longer = size_max(n, m)
    return longer if mode == "same" else longer - size_min(n, m) + 1


def _examples(name: str) -> tuple[Example, ...]:
    reference = getattr(np, name)
    shapes = (((5,), (3,)), ((3,), (5,)), ((4,), (2,)), ((2,), (5,)), ((4,), (4,)), ((1,), (3,)))

    def example(mode: str, pair: Any) -> Example:
        return Example(
            lambda a, v: FUNCTIONS[name](a, v, mode),
            lambda a, v: reference(a, v, mode),
            pair,
        )

    return tuple(example(mode, pair) for pair in shapes for mode in _MODES)


@register
class Convolve(Sliding):
    """y_k = sum_j a_(k-j) v_j."""

    name = "convolve"
    examples = _examples("convolve")

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        a, v = node.args
        full = self.all_of(ct, node)
        return (
            correlate(full, v) if needs[0] else None,
            correlate(full, a) if needs[1] else None,
        )

    def weights(self, v: Expr) -> Expr:
        return reverse(v, v.ndim - 1)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"{args[0]} * {args[1]}"


@register
class Correlate(Sliding):
    """y_k = sum_j a_(k+j) v_j."""

    name = "correlate"
    examples = _examples("correlate")

    def start(self, n: Size, m: Size, mode: str) -> Size:
        if mode != "same":
            return super().start(n, m, mode)
        # the shorter of even size is not in the middle: NumPy puts it at the other side of it
        # if it is the first
        shorter_first = size_min(1, size_max(m - n, 0))
        return (size_min(n, m) - 1) // 2 + shorter_first * ((n + 1) % 2)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        a, v = node.args
        full = self.all_of(ct, node)
        return (
            convolve(full, v, "valid") if needs[0] else None,
            reverse(correlate(full, a), 0) if needs[1] else None,
        )

    def latex(self, node: Expr, *args: str) -> str:
        return rf"{args[0]} \star {args[1]}"


def _slid(name: str, a: Any, v: Any, mode: Any) -> Expr:
    if mode not in _MODES:
        raise DeclarationError(f"{name}: mode is one of {', '.join(_MODES)}; got {mode!r}")
    x, y = as_exprs((a, v))
    return make(OPS[name], (x, y), {"mode": mode})


@function
def convolve(a: Any, v: Any, mode: str = "full") -> Expr:
    """Convolution of two vectors: the coefficients of a product of polynomials.

    Parameters
    ----------
    a, v : array_like
        Vectors of at least one element.
    mode : {"full", "same", "valid"}
        All n + m - 1 results; the middle max(n, m) of them; or those max(n, m) - min(n, m) + 1
        for which both overlap completely.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("T",))
    >>> sg.convolve(x, [0.25, 0.5, 0.25]).shape
    (Dim('T + 2'),)
    """
    return _slid("convolve", a, v, mode)


@function
def correlate(a: Any, v: Any, mode: str = "valid") -> Expr:
    """Cross-correlation of two vectors: sums of products, one slid along the other.

    Parameters
    ----------
    a, v : array_like
        Vectors of at least one element.
    mode : {"valid", "same", "full"}
        As in :func:`convolve`.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (10,))
    >>> sg.correlate(x, [1.0, -1.0]).shape
    (9,)
    """
    return _slid("correlate", a, v, mode)
