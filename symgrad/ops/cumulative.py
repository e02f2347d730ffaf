"""Running sums and products, and the linear recurrence that differentiates them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.ir.aval import Aval
from symgrad.ir.checks import require_equal
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import OPS, Example, Op, function, register
from symgrad.ops.axes import accumulator, delimited, indices
from symgrad.ops.axis_kernels import recurrence, recurrence_in_blocks
from symgrad.ops.creation import full
from symgrad.ops.shape import broadcast_to, normalize_axis, ravel

__all__ = [
    "Cumulative",
    "cumprod",
    "cumsum",
    "cumulative",
    "delayed",
    "exclusive_cumprod",
    "linear_recurrence",
    "reverse",
    "reversed_recurrence",
]


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * axis, part)


def reverse(x: Expr, axis: int) -> Expr:
    """The elements of an axis, last first."""
    return x[_along(axis, slice(None, None, -1))]


def delayed(x: Expr, axis: int, first: float) -> Expr:
    """Each element of an axis moved on by one place; `first` stands at the first."""
    filled = full(x.shape, first, x.dtype)
    return filled.at[_along(axis, slice(1, None))].set(x[_along(axis, slice(-1))])  # type: ignore[no-any-return]


class Cumulative(Op):
    """An op of one argument along one `axis`, whose shape it keeps."""

    symbol: str

    def aval(self, x: Aval, *, axis: int) -> Aval:
        return Aval(x.shape, accumulator(x.dtype))

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {"axis": node.attrs["axis"] + 1})

    def numpy(self, node: Expr, *args: Code) -> Code:
        options = {} if node.ndim == 1 else {"axis": node.attrs["axis"]}
        return Code.method(args[0], self.name, out=True, **options)

    def latex(self, node: Expr, *args: str) -> str:
        i = indices((node.attrs["axis"],))
        return rf"{self.symbol}_{{{i}' \le {i}}} {delimited(args[0])}"


def cumulative(op: str, a: Any, axis: Any, dtype: Any = None) -> Expr:
    """The node of an op along one axis, from what a user passed; without an axis, flattened."""
    x = as_expr(a)
    if dtype is not None:
        x = x.astype(dtype)
    if axis is None or x.ndim == 0:
        x, axis = (x if x.ndim == 1 else ravel(x)), 0 if axis is None else axis
    return make(OPS[op], (x,), {"axis": normalize_axis(axis, x.ndim, f"{op}: axis")})


def _examples(build: Callable[..., Expr], reference: Callable[..., Any]) -> tuple[Example, ...]:
    def example(shape: tuple[int, ...], axis: int | None) -> Example:
        return Example(lambda x: build(x, axis), lambda x: reference(x, axis), (shape,))

    return (
        example((5,), 0),
        example((3, 4), None),
        example((3, 4), -1),
        example((2, 3, 2), 1),
        example((3, 1), 1),
        example((2, 0), 1),
    )


# ---- sums


@register
class CumSum(Cumulative):
    """The sum of all elements up to each one."""

    name = "cumsum"
    takes_complex = True
    symbol = r"\sum"
    examples = _examples(lambda x, axis: cumsum(x, axis), np.cumsum)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        axis = node.attrs["axis"]
        return (reverse(cumsum(reverse(ct, axis), axis), axis),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else make(self, (t,), node.attrs)


@function
def cumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Expr:
    """Running sum along `axis`, or over the flattened array.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.cumsum(sg.input("x", ("B", 10)), axis=1).shape
    (Dim('B'), 10)
    """
    return cumulative("cumsum", a, axis, dtype)


# ---- products


@register
class CumProd(Cumulative):
    """The product of all elements up to each one: y_i = x_i y_(i-1)."""

    name = "cumprod"
    takes_complex = True
    symbol = r"\prod"
    examples = _examples(lambda x, axis: cumprod(x, axis), np.cumprod)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        (x,), axis = node.args, node.attrs["axis"]
        return (reversed_recurrence(x, ct, axis) * delayed(node, axis, 1),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        ((x,), (t,)), axis = (node.args, tangents), node.attrs["axis"]
        return None if t is None else linear_recurrence(x, t * delayed(node, axis, 1), axis)


@function
def cumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Expr:
    """Running product along `axis`, or over the flattened array; zeros have exact gradients.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.cumprod(x, axis=0).shape
    (Dim('B'), 3)
    """
    return cumulative("cumprod", a, axis, dtype)


def exclusive_cumprod(x: Expr, axis: int) -> Expr:
    """The product of what stands before each element of an axis."""
    return delayed(cumprod(x, axis), axis, 1)


# ---- the linear recurrence


def _weighted_sum(a: Any, b: Any) -> Any:
    """The recurrence written out, an oracle: y_i = sum_j b_j a_(j+1) ... a_i."""
    n = len(b)
    return np.array(
        [np.sum([b[j] * np.prod(a[j + 1 : i + 1]) for j in range(i + 1)]) for i in range(n)]
    )


@register
class Recurrence(Op):
    """y_i = a_i y_(i-1) + b_i along an axis, from 0: derivatives without any division."""

    name = "recurrence"
    takes_complex = True
    expensive = True
    examples = (
        Example(
            lambda a, b: linear_recurrence(a, b, 1),
            lambda a, b: np.stack([_weighted_sum(*rows) for rows in zip(a, b, strict=True)]),
            ((2, 3), (2, 3)),
        ),
        Example(lambda a, b: linear_recurrence(a, b, 0), _weighted_sum, ((4,), (4,))),
    )

    def aval(self, a: Aval, b: Aval, *, axis: int) -> Aval:
        for i, (left, right) in enumerate(zip(a.shape, b.shape, strict=True)):
            require_equal(left, right, f"axis {i} of the factors and of the terms")
        return Aval(b.shape, np.result_type(a.dtype, b.dtype))

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        axis = node.attrs["axis"]
        total = reversed_recurrence(node.args[0], ct, axis)
        return (total * delayed(node, axis, 0), total)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (ta, tb), axis = tangents, node.attrs["axis"]
        if ta is not None:
            moved = ta * delayed(node, axis, 0)
            tb = moved if tb is None else moved + tb
        return None if tb is None else linear_recurrence(node.args[0], tb, axis)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        shape = args[batched.index(True)].shape
        full_args = [
            broadcast_to(x, (shape[0], *y.shape)) if not is_batched else x
            for x, y, is_batched in zip(args, node.args, batched, strict=True)
        ]
        return make(self, tuple(full_args), {"axis": node.attrs["axis"] + 1})

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("recurrence", *args, axis=node.attrs["axis"])

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (recurrence, recurrence_in_blocks)

    def latex(self, node: Expr, *args: str) -> str:
        i = indices((node.attrs["axis"],))
        return rf"\operatorname{{recurrence}}_{{{i}}}\left({args[0]}, {args[1]}\right)"

    def flops(self, node: Expr) -> int:
        return 2


def linear_recurrence(a: Expr, b: Expr, axis: int) -> Expr:
    """y_i = a_i y_(i-1) + b_i along an axis, from 0."""
    return make(OPS["recurrence"], (a, b), {"axis": axis})


def reversed_recurrence(a: Expr, b: Expr, axis: int) -> Expr:
    """y_i = a_(i+1) y_(i+1) + b_i: what reverse mode makes of the recurrence."""
    factors = delayed(reverse(a, axis), axis, 0)
    return reverse(linear_recurrence(factors, reverse(b, axis), axis), axis)
