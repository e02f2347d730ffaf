"""Evenly spaced numbers between two scalars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import ShapeError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.dtypes import is_float, is_inexact, real_dtype
from symgrad.ir.node import Expr, as_expr, as_exprs, literal, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, register
from symgrad.ir.size import Size, as_size
from symgrad.ops.cast import astype
from symgrad.ops.creation import dtype_keyword
from symgrad.ops.shape import expand_dims

__all__ = ["fractions_along", "linspace"]


@register
class Linspace(Op):
    """Evenly spaced numbers from one scalar to another."""

    name = "linspace"
    examples = (
        Example(lambda a, b: linspace(a, b, 5), lambda a, b: np.linspace(a, b, 5), ((), ())),
        Example(lambda a, b: linspace(a, b, 1), lambda a, b: np.linspace(a, b, 1), ((), ())),
        Example(
            lambda a, b: linspace(a, b, 4, endpoint=False),
            lambda a, b: np.linspace(a, b, 4, endpoint=False),
            ((), ()),
        ),
    )

    def aval(self, *args: Aval, num: Size, endpoint: bool) -> Aval:
        start, stop = args
        if start.shape or stop.shape:
            raise ShapeError("start and stop must be scalars")
        common = np.result_type(start.dtype, stop.dtype)
        return Aval((num,), common if is_float(common) else np.dtype(np.float64))

    def _fractions(self, node: Expr) -> Expr:
        """How far each element is on the way from start to stop."""
        ends = (as_expr(np.zeros((), node.dtype)), as_expr(np.ones((), node.dtype)))
        return make(self, ends, node.attrs)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        t = self._fractions(node)
        total = FUNCTIONS["sum"]
        return (
            total(ct * (1 - t)) if needs[0] else None,
            total(ct * t) if needs[1] else None,
        )

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        zero = as_expr(np.zeros((), node.dtype))
        start, stop = (zero if t is None else t for t in tangents)
        return make(self, (start, stop), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        start, stop = (
            expand_dims(arg, 1) if b else arg for arg, b in zip(args, batched, strict=True)
        )
        t = self._fractions(node)
        return astype(start * (1 - t) + stop * t, node.dtype)

    def numpy(self, node: Expr, *args: Code) -> Code:
        keywords = dtype_keyword(node.dtype)
        if not node.attrs["endpoint"]:
            keywords = {"endpoint": False} | keywords
        return Code.call("np.linspace", *args, str(node.attrs["num"]), **keywords)


LINSPACE = OPS["linspace"]


def fractions_along(ends: Sequence[Expr], num: Any, endpoint: bool) -> Expr:
    """0 to 1 along a new axis, in front of those that the two ends have together."""
    common = np.result_type(*[end.dtype for end in ends])
    kind = real_dtype(common) if is_inexact(common) else np.dtype(np.float64)
    limits = (literal(np.zeros((), kind)), literal(np.ones((), kind)))
    t = make(LINSPACE, limits, {"num": as_size(num), "endpoint": bool(endpoint)})
    ndim = max([end.ndim for end in ends])
    return expand_dims(t, tuple(range(1, 1 + ndim))) if ndim else t


@function
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Evenly spaced numbers from `start` to `stop`.

    Parameters
    ----------
    start, stop : array_like
        Scalars, or arrays that broadcast: then the numbers are along a new axis.
    num : int or Dim
        How many.
    endpoint : bool
        Whether `stop` is the last of them.
    retstep : bool
        Whether to give ``(numbers, step)``.
    dtype : dtype, optional
    axis : int
        Where the new axis is.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linspace(0.0, 1.0, 5).shape
    (5,)
    >>> sg.linspace(sg.input("low", (3,)), 1.0, 5).shape
    (5, 3)
    """
    low, high = as_exprs((start, stop))
    count = as_size(num)
    attrs = {"num": count, "endpoint": bool(endpoint)}
    if low.ndim or high.ndim:
        t = fractions_along([low, high], count, endpoint)
        numbers = FUNCTIONS["moveaxis"](low * (1 - t) + high * t, 0, axis)
    else:
        numbers = make(LINSPACE, (low, high), attrs)
    if dtype is not None:
        numbers = astype(numbers, dtype)
    if not retstep:
        return numbers
    steps: Any = count - 1 if endpoint else count
    return numbers, (high - low) / steps
