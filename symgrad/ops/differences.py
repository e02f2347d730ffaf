"""Calculus on an axis: differences, gradients, the trapezoidal rule, unwrapping of phases."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.node import Expr, as_expr, as_exprs
from symgrad.ir.op import FUNCTIONS, Example, public
from symgrad.ops.axes import as_floating
from symgrad.ops.comparison import not_equal
from symgrad.ops.cumulative import cumsum
from symgrad.ops.examples import like_numpy
from symgrad.ops.index import getitem
from symgrad.ops.join import concatenate
from symgrad.ops.selection import where
from symgrad.ops.shape import broadcast_to, expand_dims, normalize_axes, normalize_axis, ravel

__all__ = ["diff", "ediff1d", "gradient", "trapezoid", "unwrap"]


def _part(x: Expr, axis: int, start: int | None, stop: int | None) -> Expr:
    return getitem(x, (slice(None),) * axis + (slice(start, stop),))


def _step(x: Expr, axis: int) -> Expr:
    later, earlier = _part(x, axis, 1, None), _part(x, axis, None, -1)
    return not_equal(later, earlier) if x.dtype.kind == "b" else later - earlier


# ---------------------------------------------------------------- differences


@public(
    examples=(
        like_numpy("diff", ((5,),)),
        like_numpy("diff", ((3, 4),), 2),
        like_numpy("diff", ((3, 4),), axis=0),
        Example(
            lambda x, y: FUNCTIONS["diff"](x, prepend=0.5, append=y),
            lambda x, y: np.diff(x, prepend=x.dtype.type(0.5), append=y),
            ((3, 4), (3, 1)),
        ),
        like_numpy("diff", ((3, 4),), 0),
        like_numpy("diff", ((2,),), 3),
        like_numpy("diff", ((5,),), dtypes=("bool",)),
    )
)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Expr:
    """Differences of neighbours along an axis, taken n times.

    Parameters
    ----------
    a : array_like
    n : int
    axis : int
    prepend, append : array_like, optional
        What stands before and after the array; a scalar is one element more.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.diff(sg.input("x", ("B", 5)), axis=1).shape
    (Dim('B'), 4)
    """
    x: Expr = as_expr(a)
    times = operator.index(n)
    if times < 0:
        raise DeclarationError(f"diff: the order must not be negative; got {times}")
    if not x.ndim:
        raise ShapeError("diff: a scalar has no neighbours")
    along = normalize_axis(axis, x.ndim, "diff: axis")
    if times == 0:
        return x
    if prepend is not None or append is not None:
        x = concatenate([*_beside(prepend, x, along), x, *_beside(append, x, along)], axis=along)
    for _ in range(times):
        x = _step(x, along)
    return x


def _beside(given: Any, x: Expr, axis: int) -> list[Expr]:
    if given is None:
        return []
    value = as_exprs((x, given))[1]
    if not value.ndim:
        value = broadcast_to(value, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    return [value]


@public(
    examples=(
        like_numpy("ediff1d", ((5,),)),
        Example(
            lambda x, y: FUNCTIONS["ediff1d"](x, to_begin=0.5, to_end=y),
            lambda x, y: np.ediff1d(x, to_begin=0.5, to_end=y),
            ((2, 3), (2,)),
        ),
    )
)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Expr:
    """Differences of neighbours in the flattened array, with what is put before and after them."""
    x: Expr = as_expr(ary)
    step = _step(x if x.ndim == 1 else ravel(x), 0)
    ends = [
        [] if end is None else [ravel(as_exprs((step, end))[1].astype(step.dtype))]
        for end in (to_begin, to_end)
    ]
    return concatenate([*ends[0], step, *ends[1]]) if ends[0] or ends[1] else step


# ---------------------------------------------------------------- gradient


def _gradient(shape: tuple[int, ...], *args: Any, **kwargs: Any) -> Example:
    return Example(
        lambda x, *h: gradient(x, *args, *h, **kwargs),
        lambda x, *h: np.gradient(x, *args, *h, **kwargs),
        (shape,),
    )


@public(
    examples=(
        _gradient((5,)),
        _gradient((5,), 0.5, edge_order=2),
        _gradient((3, 4), axis=1),
        Example(
            lambda x: (
                FUNCTIONS["gradient"](x, 2.0, 0.25)[0] * FUNCTIONS["gradient"](x, 2.0, 0.25)[1]
            ),
            lambda x: np.multiply(*np.gradient(x, 2.0, 0.25)),
            ((3, 4),),
        ),
        Example(
            lambda x, h: FUNCTIONS["gradient"](x, h),
            np.gradient,
            ((4,), ()),
            domain=((-2.0, 2.0), (0.5, 1.0)),
        ),
        *(
            Example(
                lambda x, h, order=order: FUNCTIONS["gradient"](
                    x, h[0] + cumsum(h * h + 0.5), edge_order=order
                ),
                lambda x, h, order=order: np.gradient(
                    x, h[0] + np.cumsum(h * h + 0.5), edge_order=order
                ),
                ((5,), (5,)),
            )
            for order in (1, 2)
        ),
        Example(
            lambda x, h: FUNCTIONS["gradient"](x, cumsum(h), axis=0, edge_order=2),
            lambda x, h: np.gradient(x, np.cumsum(h), axis=0, edge_order=2),
            ((4, 3), (4,)),
            domain=((-2.0, 2.0), (0.5, 1.0)),
        ),
    )
)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Slopes of sampled values along axes: central differences, one-sided ones at the ends.

    Parameters
    ----------
    f : array_like
    *varargs : number or vector
        The spacing: none (1), one for all axes, or one for each axis; of each a number, or the
        coordinates along that axis. It may be an expression.
    axis : int or tuple of int, optional
        All axes, if None.
    edge_order : {1, 2}
        The order of the differences at the ends.

    Returns
    -------
    Expr, or a tuple of Expr for several axes

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.gradient(sg.input("x", ("B", 5)), 0.1, axis=1).shape
    (Dim('B'), 5)
    """
    x = as_floating(f)
    axes = tuple(range(x.ndim)) if axis is None else normalize_axes(axis, x.ndim, "gradient: axis")
    if edge_order not in (1, 2):
        raise DeclarationError(f"gradient: edge_order is 1 or 2; got {edge_order!r}")
    if len(varargs) not in (0, 1, len(axes)):
        raise DeclarationError(f"gradient: {len(varargs)} spacings for {len(axes)} axes")
    spacings = varargs if len(varargs) == len(axes) else (varargs or (1.0,)) * len(axes)
    out = tuple([
        _slopes(x, along, as_exprs((x, h))[1], edge_order)
        for along, h in zip(axes, spacings, strict=True)
    ])  # fmt: skip
    return out[0] if len(out) == 1 else out


def _slopes(x: Expr, axis: int, h: Expr, order: int) -> Expr:
    size = x.shape[axis]
    if isinstance(size, int) and size < order + 1:
        raise ShapeError(
            f"gradient: axis {axis} of {format_shape(x.shape)} has {size} elements; "
            f"at least {order + 1} are needed"
        )
    if h.ndim > 1:
        raise ShapeError(f"gradient: coordinates of shape {format_shape(h.shape)}; one axis needed")

    def at(i: int) -> Expr:
        return _part(x, axis, i, i + 1 if i != -1 else None)

    before, here, after = _part(x, axis, None, -2), _part(x, axis, 1, -1), _part(x, axis, 2, None)
    if not h.ndim:
        middle = (after - before) / (2 * h)
        first, last = (at(1) - at(0)) / h, (at(-1) - at(-2)) / h
        if order == 2:
            first = (-1.5 * at(0) + 2.0 * at(1) - 0.5 * at(2)) / h
            last = (0.5 * at(-3) - 2.0 * at(-2) + 1.5 * at(-1)) / h
        return concatenate([first, middle, last], axis=axis)
    step = _shaped(_step(h, 0), x, axis)
    left, right = _part(step, axis, None, -1), _part(step, axis, 1, None)
    both = left + right
    middle = (
        -right / (left * both) * before
        + (right - left) / (left * right) * here
        + left / (right * both) * after
    )

    def gap(i: int) -> Expr:
        return _part(step, axis, i, i + 1 if i != -1 else None)

    if order == 1:
        first, last = (at(1) - at(0)) / gap(0), (at(-1) - at(-2)) / gap(-1)
        return concatenate([first, middle, last], axis=axis)
    first = _edge(at(0), at(1), at(2), gap(0), gap(1))
    last = -_edge(at(-1), at(-2), at(-3), gap(-1), gap(-2))
    return concatenate([first, middle, last], axis=axis)


def _edge(f0: Expr, f1: Expr, f2: Expr, h0: Expr, h1: Expr) -> Expr:
    """The slope at the first of three points that lie h0 and h1 apart."""
    both = h0 + h1
    return -(h0 + both) / (h0 * both) * f0 + both / (h0 * h1) * f1 - h0 / (h1 * both) * f2


def _shaped(h: Expr, x: Expr, axis: int) -> Expr:
    """A vector along an axis of an array."""
    after = x.ndim - axis - 1
    return expand_dims(h, tuple(range(1, 1 + after))) if after else h


# ---------------------------------------------------------------- integration


@public(
    examples=(
        like_numpy("trapezoid", ((5,),)),
        like_numpy("trapezoid", ((3, 4),), dx=0.5, axis=0),
        like_numpy("trapezoid", ((3, 4), (4,))),
        like_numpy("trapezoid", ((3, 4), (3, 4)), axis=0),
        like_numpy("trapezoid", ((3, 4, 2), (4,)), axis=1),
        like_numpy("trapezoid", ((1,),)),
    )
)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Expr:
    """The integral of sampled values along an axis, by the trapezoidal rule.

    Parameters
    ----------
    y : array_like
    x : array_like, optional
        Where the samples lie: a vector along `axis`, or of the shape of `y`.
    dx : number
        The spacing, if there is no `x`.
    axis : int

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.trapezoid(sg.input("y", ("B", 50)), sg.linspace(0.0, 1.0, 50)).shape
    (Dim('B'),)
    """
    values = as_floating(y)
    if not values.ndim:
        raise ShapeError("trapezoid: a scalar has no axis")
    along = normalize_axis(axis, values.ndim, "trapezoid: axis")
    step: Any = as_exprs((values, dx))[1]
    if x is not None:
        points = as_exprs((values, x))[1]
        if points.ndim == 1:
            step = _shaped(_step(points, 0), values, along)
        else:
            step = _step(points, normalize_axis(axis, points.ndim, "trapezoid: axis"))
    pairs = _part(values, along, 1, None) + _part(values, along, None, -1)
    total: Expr = FUNCTIONS["sum"](step * pairs / 2.0, axis=along)
    return total


# ---------------------------------------------------------------- phases


@public(
    examples=(
        Example(lambda x: FUNCTIONS["unwrap"](x), np.unwrap, ((6,),), domain=((-9.0, 9.0),)),
        Example(
            lambda x: FUNCTIONS["unwrap"](x, axis=0, period=3.0),
            lambda x: np.unwrap(x, axis=0, period=3.0),
            ((5, 3),),
            domain=((-4.0, 4.0),),
        ),
        Example(
            lambda x: FUNCTIONS["unwrap"](x, discont=4.0),
            lambda x: np.unwrap(x, discont=4.0),
            ((2, 6),),
            domain=((-9.0, 9.0),),
        ),
        Example(
            lambda x: FUNCTIONS["unwrap"](x, period=4),
            lambda x: np.unwrap(x, period=4),
            ((6,),),
            dtypes=("int64",),
            domain=((0, 12),),
        ),
    )
)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Expr:
    """Values that are known up to multiples of a period, without jumps between neighbours.

    Parameters
    ----------
    p : array_like
    discont : number, optional
        Jumps below this are left as they are; half a period, and never less.
    axis : int
    period : number

    Notes
    -----
    The multiples that are added have derivative 0.

    Examples
    --------
    >>> import symgrad as sg
    >>> phase = sg.input("phase", (3,))
    >>> sg.function([phase], sg.unwrap(phase))([0.0, 6.0, 0.5]).round(4)
    array([ 0.    , -0.2832,  0.5   ])
    """
    x = as_expr(p)
    along = normalize_axis(axis, x.ndim, "unwrap: axis")
    step = FUNCTIONS["stop_gradient"](_step(x, along))
    whole = x.dtype.kind in "biu" and isinstance(period, (int, np.integer))
    half: Any = operator.index(period) // 2 if whole else period / 2
    low: Any = -half if not whole or period % 2 == 0 else -half - 1
    wrapped = FUNCTIONS["remainder"](step - low, period) + low
    if not whole or period % 2 == 0:  # a jump of exactly half a period keeps its sign
        wrapped = where((wrapped == low) & (step > 0), half, wrapped)
    limit = period / 2 if discont is None else discont
    change = where(FUNCTIONS["absolute"](step) < limit, 0, wrapped - step)
    first = _part(x, along, None, 1)
    return concatenate([first, _part(x, along, 1, None) + cumsum(change, along)], axis=along)
