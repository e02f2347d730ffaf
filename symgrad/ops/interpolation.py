"""Piecewise linear interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.checks import Check, require, require_equal
from symgrad.ir.code import Code
from symgrad.ir.node import LITERAL, Expr, as_exprs, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, register
from symgrad.ir.size import lower_bound
from symgrad.ops.axes import as_floating
from symgrad.ops.broadcasting import align
from symgrad.ops.comparison import equal
from symgrad.ops.creation import zeros
from symgrad.ops.index import take, take_along_axis
from symgrad.ops.join import concatenate
from symgrad.ops.reduce import sum
from symgrad.ops.selection import clip, minimum, where
from symgrad.ops.shape import broadcast_to, expand_dims, ravel, reshape

__all__ = ["interp"]


@register
class Knot(Op):
    """How many of the sorted knots do not exceed each number."""

    name = "knot"
    examples = (
        Example(
            lambda x, xp: make(OPS["knot"], (x, xp), {}),
            lambda x, xp: np.searchsorted(xp, x, side="right"),
            ((3, 4), (1,)),
            smooth=False,
        ),
        Example(
            lambda x, xp: make(OPS["knot"], (x, FUNCTIONS["cumsum"](xp)), {}),
            lambda x, xp: np.searchsorted(np.cumsum(xp), x, side="right"),
            ((5,), (4,)),
            domain=((0.0, 4.0), (0.5, 1.0)),
            smooth=False,
        ),
    )

    def aval(self, x: Aval, xp: Aval) -> Aval:
        return Aval(x.shape, np.dtype(np.intp))

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (None, None)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return None

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        x, xp = args
        if not batched[1]:
            return make(self, (x, xp), {})
        (x,) = align((x,), (batched[0],), node.ndim)
        lead = expand_dims(xp, tuple(range(1, 1 + node.ndim))) if node.ndim else xp
        below = lead <= expand_dims(x, x.ndim)
        return sum(below, axis=-1)

    def numpy(self, node: Expr, *args: Code) -> Code:
        x, xp = args
        return Code.call("np.searchsorted", xp, x, side='"right"')


@register
class Interp(Op):
    """Values at x of the polygon through the points (xp, fp); constant beyond its ends."""

    name = "interp"
    examples = tuple(
        Example(
            lambda x, xp, fp: interp(x, FUNCTIONS["cumsum"](xp), fp),
            lambda x, xp, fp: np.interp(x, np.cumsum(xp), fp),
            shapes,
            domain=((0.0, 4.0), (0.5, 1.0), (-2.0, 2.0)),
        )
        for shapes in (
            ((5,), (4,), (4,)),
            ((2, 3), (3,), (3,)),
            ((), (4,), (4,)),
            ((3,), (1,), (1,)),
        )
    )

    examples += (
        Example(
            lambda x, fp: interp(x, np.asarray([0.5, 3.2, 1.9], fp.dtype), fp, period=-2.0),
            lambda x, fp: np.interp(x, [0.5, 3.2, 1.9], fp, period=-2.0),
            ((6,), (3,)),
            domain=((-3.0, 5.0), (-2.0, 2.0)),
        ),
    )

    def aval(self, x: Aval, xp: Aval, fp: Aval) -> Aval:
        for what, knots in (("xp", xp), ("fp", fp)):
            if knots.ndim != 1:
                raise ShapeError(f"{what} must be a vector; got {format_shape(knots.shape)}")
        require_equal(xp.shape[0], fp.shape[0], "the numbers of xp and fp")
        low = lower_bound(xp.shape[0])
        if low is None or low < 1:
            reason = f"interp: at least one point is needed; got {xp.shape[0]}"
            if isinstance(xp.shape[0], int):
                raise ShapeError(reason)
            require(Check(1, "<=", xp.shape[0], reason))
        return Aval(x.shape, np.result_type(x.dtype, xp.dtype, fp.dtype))

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        x, xp, fp = node.args
        left, right, weight, slope = _segment(x, xp, fp)
        for_x = ct * slope if needs[0] else None
        at = [ravel(left), ravel(right)]
        shares = [ravel(ct * (1 - weight)), ravel(ct * weight)]
        for_fp = for_xp = None
        if needs[2]:
            for_fp = zeros(fp.shape, ct.dtype).at[at[0]].add(shares[0]).at[at[1]].add(shares[1])
        if needs[1]:
            s = ravel(slope)
            for_xp = zeros(xp.shape, ct.dtype)
            for_xp = for_xp.at[at[0]].add(-s * shares[0]).at[at[1]].add(-s * shares[1])
        return for_x, for_xp, for_fp

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        x, xp, fp = node.args
        left, right, weight, slope = _segment(x, xp, fp)
        tx, txp, tfp = tangents
        terms = []
        if tx is not None:
            terms.append(slope * tx)
        if txp is not None:
            terms.append(-slope * ((1 - weight) * take(txp, left) + weight * take(txp, right)))
        if tfp is not None:
            terms.append((1 - weight) * take(tfp, left) + weight * take(tfp, right))
        if not terms:
            return None
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        if batched == (True, False, False):
            return make(self, args, {})
        rows = args[batched.index(True)].shape[0]
        x, xp, fp = (
            arg if b else broadcast_to(arg, (rows, *arg.shape))
            for arg, b in zip(args, batched, strict=True)
        )
        flat = reshape(x, (rows, -1))
        left, right, weight, _ = _segment(flat, xp, fp)
        values = _pick(fp, left) * (1 - weight) + _pick(fp, right) * weight
        return reshape(values, x.shape)

    def numpy(self, node: Expr, *args: Code) -> Code:
        call = Code.call("np.interp", *args)
        if node.dtype == np.float64:
            return call
        kind = f"np.{node.dtype.name}"  # NumPy gives float64 always
        return Code.method(call, "astype", kind) if node.ndim else Code.call(kind, call)

    def flops(self, node: Expr) -> int:
        return 10


def _pick(knots: Expr, at: Expr) -> Expr:
    """The knots at these positions: of one vector, or of one for each row."""
    return take(knots, at) if knots.ndim == 1 else take_along_axis(knots, at, axis=1)


def _knots_below(x: Expr, xp: Expr) -> Expr:
    if xp.ndim == 1:
        return make(OPS["knot"], (x, xp), {})
    return sum(expand_dims(xp, 1) <= expand_dims(x, 2), axis=-1)


def _segment(x: Expr, xp: Expr, fp: Expr) -> tuple[Expr, Expr, Expr, Expr]:
    """The knots on both sides of x, the weight of the right one, and the slope.

    At a knot the slope is the one of least size between those on its two sides: 0, if they
    differ in sign.
    """
    last = xp.shape[-1] - 1
    left = clip(_knots_below(x, xp) - 1, 0, None)
    right = minimum(left + 1, last)
    x0, x1, f0, f1 = _pick(xp, left), _pick(xp, right), _pick(fp, left), _pick(fp, right)
    width = where(equal(x0, x1), 1, x1 - x0)
    weight = clip((x - x0) / width, 0, 1)
    slope = (f1 - f0) / width
    before = clip(left - 1, 0, None)
    xb, fb = _pick(xp, before), _pick(fp, before)
    earlier = (f0 - fb) / where(equal(x0, xb), 1, x0 - xb)
    size = FUNCTIONS["absolute"]
    least = where(slope * earlier > 0, where(size(slope) < size(earlier), slope, earlier), 0)
    outside = x < x0  # left of the first knot
    return left, right, weight, where(outside, 0, where(equal(x, x0), least, slope))


@function
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Expr:
    """Values at `x` of the polygon through the points (xp, fp).

    Parameters
    ----------
    x : array_like
    xp : array_like
        Increasing; for periodic interpolation in any order.
    fp : array_like
        All three are differentiated.
    left, right : number, optional
        The value below ``xp[0]``, and above ``xp[-1]``; that of the point there, if None.
    period : number, optional
        `x` and `xp` are taken modulo this.

    Notes
    -----
    At a point of the polygon the slope is the one of least size between those of its two sides.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> sg.function([x], sg.interp(x, [0.0, 1.0, 2.0], [0.0, 10.0, 0.0]))([0.5, 1.75])
    array([5. , 2.5])
    """
    x, xp, fp = (as_floating(a) for a in as_exprs((x, xp, fp)))
    if period is not None:
        x, xp, fp = _periodic(x, xp, fp, period)
        left = right = None
    out = make(OPS["interp"], (x, xp, fp), {})
    if right is not None:
        out = where(x > xp[-1], as_exprs((out, right))[1], out)
    if left is not None:
        out = where(x < xp[0], as_exprs((out, left))[1], out)
    return out


def _periodic(x: Expr, xp: Expr, fp: Expr, period: Any) -> tuple[Expr, Expr, Expr]:
    """The points in order within one period, with one more at each end."""
    if isinstance(period, (bool, int, float, np.floating, np.integer)):
        if period == 0:
            raise DeclarationError("interp: the period must not be 0")
        period = abs(float(period))
    if xp.ndim != 1 or fp.ndim != 1:
        raise ShapeError("interp: xp and fp must be vectors")
    remainder = FUNCTIONS["remainder"]
    order: Any
    if xp.op is LITERAL and isinstance(period, float):
        order = np.argsort(xp.attrs["value"].array % period, kind="stable")
    else:
        order = FUNCTIONS["argsort"](remainder(xp, period))
    x, xp = remainder(x, period), remainder(xp, period)
    xp, fp = xp[order], fp[order]
    xp = concatenate([xp[-1:] - period, xp, xp[:1] + period])
    return x, xp, concatenate([fp[-1:], fp, fp[:1]])
