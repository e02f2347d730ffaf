"""Running extremes and the running log-sum-exp, and NumPy's newer names of running sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr
from symgrad.ir.op import FUNCTIONS, Example, function, public, register
from symgrad.ops.axes import as_floating, delimited, indices
from symgrad.ops.comparison import equal
from symgrad.ops.creation import full
from symgrad.ops.cumulative import (
    Cumulative,
    cumprod,
    cumsum,
    cumulative,
    delayed,
    linear_recurrence,
    reverse,
    reversed_recurrence,
)
from symgrad.ops.elementwise import floating
from symgrad.ops.exponential import exp
from symgrad.ops.join import concatenate
from symgrad.ops.selection import where
from symgrad.ops.shape import normalize_axis, ravel

__all__ = ["cummax", "cummin", "cumulative_prod", "cumulative_sum", "logcumsumexp"]


class Running(Cumulative):
    """What the accumulation of a ufunc gives."""

    ufunc: str

    def numpy(self, node: Expr, *args: Code) -> Code:
        axis = node.attrs["axis"]
        options = {"axis": axis} if axis else {}
        return Code.call(f"np.{self.ufunc}.accumulate", args[0], out=True, **options)

    def latex(self, node: Expr, *args: str) -> str:
        i = indices((node.attrs["axis"],))
        return rf"{self.symbol}_{{{i}' \le {i}}} {delimited(args[0])}"


def _examples(build: Callable[..., Expr], reference: Callable[..., Any]) -> tuple[Example, ...]:
    def example(shape: tuple[int, ...], axis: int | None, backward: bool = False) -> Example:
        def expected(x: Any) -> Any:
            x, along = (x.ravel(), 0) if axis is None else (x, axis)
            flipped = np.flip(x, along) if backward else x
            out = reference(flipped, axis=along)
            return np.flip(out, along) if backward else out

        return Example(lambda x: build(x, axis, reverse=backward), expected, (shape,))

    return (
        example((5,), 0),
        example((3, 4), None),
        example((3, 4), -1),
        example((4, 3), 0, backward=True),
        example((2, 3, 2), 1, backward=True),
        example((3, 1), 1),
        example((2, 0), 1),
    )


def _along(op: str, x: Any, axis: int | None, backward: bool) -> Expr:
    """The node of a running op, from the front or from the back."""
    if not backward:
        return cumulative(op, x, axis)
    x = as_expr(x)
    if axis is None or x.ndim == 0:
        x, axis = ravel(x), 0 if axis is None else axis
    along = normalize_axis(axis, x.ndim, f"{op}: axis")
    return reverse(cumulative(op, reverse(x, along), along), along)


# ---- extremes


class RunningExtreme(Running):
    """The extreme of all elements up to each one; those that tie share the derivative."""

    def aval(self, x: Aval, *, axis: int) -> Aval:
        return x

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        axis = node.attrs["axis"]
        chosen, stays, ties = _ties(node)
        return (reversed_recurrence(stays, ct / ties, axis) * chosen,)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        if t is None:
            return None
        chosen, stays, ties = _ties(node)
        return linear_recurrence(stays, t * chosen, node.attrs["axis"]) / ties


def _ties(node: Expr) -> tuple[Expr, Expr, Expr]:
    """Which elements are the extreme when they come; where it stays; how many have it so far."""
    (x,), axis = node.args, node.attrs["axis"]
    chosen = equal(x, node)
    first = (slice(None),) * axis + (slice(0, 1),)
    stays = equal(node, delayed(node, axis, 0)).at[first].set(False)
    count = cumsum(chosen, axis)
    before = cummax(where(stays, 0, count - chosen), axis)
    return chosen, stays.astype(x.dtype), (count - before).astype(x.dtype)


@register
class CumMax(RunningExtreme):
    """The largest of all elements up to each one."""

    name = "cummax"
    symbol = r"\max"
    ufunc = "maximum"
    examples = _examples(lambda x, *a, **k: cummax(x, *a, **k), np.maximum.accumulate)


@function
def cummax(a: Any, axis: int | None = None, *, reverse: bool = False) -> Expr:
    """Largest element so far along `axis`, or in the flattened array.

    Parameters
    ----------
    a : array_like
    axis : int, optional
    reverse : bool
        From the last element to the first.

    Notes
    -----
    Of k elements so far that tie for the largest, each gets 1/k of the gradient.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (4,))
    >>> sg.function([x], sg.cummax(x))([1.0, 3.0, 2.0, 5.0])
    array([1., 3., 3., 5.])
    """
    return _along("cummax", a, axis, reverse)


@register
class CumMin(RunningExtreme):
    """The smallest of all elements up to each one."""

    name = "cummin"
    symbol = r"\min"
    ufunc = "minimum"
    examples = _examples(lambda x, *a, **k: cummin(x, *a, **k), np.minimum.accumulate)


@function
def cummin(a: Any, axis: int | None = None, *, reverse: bool = False) -> Expr:
    """Smallest element so far along `axis`, or in the flattened array.

    Parameters
    ----------
    a : array_like
    axis : int, optional
    reverse : bool
        From the last element to the first.

    Notes
    -----
    Of k elements so far that tie for the smallest, each gets 1/k of the gradient.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (4,))
    >>> sg.function([x], sg.cummin(x, reverse=True))([1.0, 3.0, 2.0, 5.0])
    array([1., 2., 2., 5.])
    """
    return _along("cummin", a, axis, reverse)


# ---- log-sum-exp


@register
class LogCumSumExp(Running):
    """log sum exp of all elements up to each one.

    With y the result, the slope of y_i in x_j is e^(x_j - y_i) for j <= i. It is the product of
    e^(x_j - y_j) and of the factors e^(y_k - y_(k+1)) in between, none of which exceeds 1, so
    that a recurrence with these factors gives sums over i or j without overflow.
    """

    name = "logcumsumexp"
    symbol = r"\operatorname*{logsumexp}"
    ufunc = "logaddexp"
    examples = _examples(
        lambda x, *a, **k: logcumsumexp(x, *a, **k),
        lambda x, axis: np.log(np.cumsum(np.exp(x), axis=axis)),
    )

    def aval(self, x: Aval, *, axis: int) -> Aval:
        return Aval(x.shape, floating(x.dtype))

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        weights, factors = _weights(node)
        return (reversed_recurrence(factors, ct, node.attrs["axis"]) * weights,)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        if t is None:
            return None
        weights, factors = _weights(node)
        return linear_recurrence(factors, t * weights, node.attrs["axis"])

    def flops(self, node: Expr) -> int:
        return 20


def _weights(node: Expr) -> tuple[Expr, Expr]:
    """e^(x_i - y_i), and e^(y_(i-1) - y_i); both are 0 where y_i is -inf."""
    (x,) = node.args
    some = node != -np.inf
    factors = where(some, exp(delayed(node, node.attrs["axis"], -np.inf) - node), 0)
    return where(some, exp(x - node), 0), factors


@function
def logcumsumexp(a: Any, axis: int | None = None, *, reverse: bool = False) -> Expr:
    """Logarithm of the running sum of exponentials along `axis`, or of the flattened array.

    Parameters
    ----------
    a : array_like
    axis : int, optional
    reverse : bool
        From the last element to the first.

    Notes
    -----
    Neither value nor gradient overflows. Of nothing but -inf it is -inf, with gradient 0.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> sg.function([x], sg.logcumsumexp(x))([1000.0, 1000.0, -1000.0])
    array([1000.        , 1000.69314718, 1000.69314718])
    """
    return _along("logcumsumexp", as_floating(a), axis, reverse)


# ---- sums and products under NumPy's newer names


def _with_initial(op: Callable[..., Expr], name: str, initial: int) -> tuple[Example, ...]:
    def build(**kwargs: Any) -> Callable[..., Expr]:
        return lambda x: op(x, **kwargs)

    def reference(axis: int) -> Callable[..., Any]:
        def expected(x: Any) -> Any:
            lead = np.full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), initial, x.dtype)
            return np.concatenate([lead, getattr(np, name)(x, axis=axis)], axis=axis)

        return expected

    return (
        Example(build(), lambda x: getattr(np, name)(x), ((5,),)),
        Example(build(axis=1), lambda x: getattr(np, name)(x, axis=1), ((3, 4),)),
        Example(build(axis=0, include_initial=True), reference(0), ((3, 4),)),
        Example(build(axis=1, include_initial=True), reference(1), ((2, 0),)),
    )


def _cumulative_(
    op: Callable[..., Expr], name: str, x: Any, axis: Any, dtype: Any, initial: int | None
) -> Expr:
    x = as_expr(x)
    if axis is None:
        if x.ndim != 1:
            raise DeclarationError(f"{name}: an array of {x.ndim} axes needs axis=")
        axis = 0
    along = normalize_axis(axis, x.ndim, f"{name}: axis")
    out = op(x, along, dtype)
    if initial is None:
        return out
    lead = full((*x.shape[:along], 1, *x.shape[along + 1 :]), initial, out.dtype)
    return concatenate([lead, out], axis=along)


@public(examples=_with_initial(lambda *a, **k: FUNCTIONS["cumulative_sum"](*a, **k), "cumsum", 0))
def cumulative_sum(
    x: Any, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Expr:
    """Running sum along `axis`, which an array of one axis need not name.

    Parameters
    ----------
    x : array_like
    axis : int, optional
    dtype : dtype, optional
    include_initial : bool
        Begin with the sum of nothing, 0: one element more.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.cumulative_sum(sg.input("x", ("B", 3)), axis=1, include_initial=True).shape
    (Dim('B'), 4)
    """
    return _cumulative_(cumsum, "cumulative_sum", x, axis, dtype, 0 if include_initial else None)


@public(examples=_with_initial(lambda *a, **k: FUNCTIONS["cumulative_prod"](*a, **k), "cumprod", 1))
def cumulative_prod(
    x: Any, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Expr:
    """Running product along `axis`, which an array of one axis need not name.

    Parameters
    ----------
    x : array_like
    axis : int, optional
    dtype : dtype, optional
    include_initial : bool
        Begin with the product of nothing, 1: one element more.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.cumulative_prod(sg.input("x", (3,)), include_initial=True).shape
    (4,)
    """
    return _cumulative_(cumprod, "cumulative_prod", x, axis, dtype, 1 if include_initial else None)
