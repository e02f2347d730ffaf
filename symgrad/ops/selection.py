"""Ops that choose among their arguments: where, maximum, minimum, clip, relu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.config import config
from symgrad.ir.dtypes import is_complex
from symgrad.ir.lifted import Lifted, lift
from symgrad.ir.node import Expr, as_expr, as_exprs, literal, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, register
from symgrad.ops.broadcasting import align, broadcast_shapes, sum_to
from symgrad.ops.elementwise import common, elementwise
from symgrad.ops.masking import add, select

__all__ = ["WHERE", "Where", "clip", "fmax", "fmin", "maximum", "minimum", "relu", "where"]

_SHAPES = (((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 1)))


@register
class Where(Op):
    """x where the condition holds, y elsewhere; so are cotangents and tangents selected.

    They are selected, not multiplied by a mask: whatever NaN or infinity the element not taken
    holds, nothing of it is seen.
    """

    name = "where"
    elementwise = True
    takes_complex = True
    parameters = ("condition", "x", "y")
    formula = "Piecewise((x, condition), (y, True))"
    examples = (
        *(
            Example(
                lambda c, x, y: where(c, x, y),
                np.where,
                shapes,
                dtypes=("bool", "float64", "float64"),
                domain=((0.0, 2.0), (-2.0, 2.0), (-2.0, 2.0)),
            )
            for shapes in (
                ((3, 4), (3, 4), (3, 4)),
                ((3, 4), (4,), ()),
                ((4,), (3, 1), (3, 4)),
                ((), (2, 1), (1, 3)),
            )
        ),
        Example(
            lambda c, x: where(c > 0, x, 1.5),
            lambda c, x: np.where(c > 0, x, 1.5),
            ((3, 4), (4,)),
            away=(0.0,),
        ),
    )

    def aval(self, *args: Aval, **attrs: Any) -> Aval:
        condition, x, y = args
        if is_complex(condition.dtype):
            raise DTypeError(f"the condition must be true or false; got {condition.dtype}")
        shape = broadcast_shapes(condition.shape, x.shape, y.shape)
        return Aval(shape, np.result_type(x.dtype, y.dtype))

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        condition, x, y = node.args
        return (
            None,
            _selected(condition, ct, x, True) if needs[1] else None,
            _selected(condition, ct, y, False) if needs[2] else None,
        )

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (condition, _, _), (_, x, y) = node.args, tangents
        if x is not None and y is not None:
            tangent = add(select(condition, x), select(condition, y, False))
        elif x is not None:
            tangent = select(condition, x)
        elif y is not None:
            tangent = select(condition, y, False)
        else:
            return None
        if tangent.shape != node.shape:
            tangent = FUNCTIONS["broadcast_to"](tangent, node.shape)
        return tangent

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, tuple(align(args, batched, node.ndim)), {})

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.where", *args)

    def latex(self, node: Expr, *args: str) -> str:
        condition, x, y = args
        cases = rf"{x} & \text{{if }} {condition} \\ {y} & \text{{otherwise}}"
        return rf"\begin{{cases}} {cases} \end{{cases}}"


WHERE = OPS["where"]


def _selected(condition: Expr, ct: Expr, x: Expr, when: bool) -> Expr:
    """The cotangent of `x`, which is taken where the condition is `when`."""
    if broadcast_shapes(condition.shape, x.shape) == x.shape:
        return select(condition, sum_to(ct, x.shape), when)
    return sum_to(select(condition, ct, when), x.shape)


@function
def where(condition: Any, x: Any = None, y: Any = None) -> Expr:
    """Elements of `x` where the condition holds, of `y` elsewhere.

    The gradient of the element not taken is exactly 0, whatever NaN or infinity it holds.

    Parameters
    ----------
    condition : array_like
        Booleans, or numbers of which 0 is false.
    x, y : array_like
        Both are computed. Without them the result is that of :func:`nonzero`.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> f = sg.function([x], sg.grad(sg.where(x > 0, sg.sqrt(x), 0.0).sum(), x))
    >>> f([4.0, -1.0])
    array([0.25, 0.  ])
    """
    if x is None and y is None:
        return FUNCTIONS["nonzero"](condition)  # type: ignore[no-any-return]
    if x is None or y is None:
        raise DeclarationError("where: expected a condition and two values, or a condition alone")
    if (lifted := lift(where, condition, x, y)) is not None:
        return lifted  # type: ignore[no-any-return]
    x, y = as_exprs((x, y))
    return make(WHERE, (as_expr(condition), x, y), {})


# ---- maximum and minimum


def _pairs(build: Any, reference: Any) -> tuple[Example, ...]:
    return (
        *(Example(build, reference, shapes) for shapes in _SHAPES),
        Example(
            lambda x: build(x, 0.5),
            lambda x: reference(x, 0.5),
            ((3, 4),),
            away=(0.5,),
        ),
        Example(
            build,
            reference,
            ((3, 4), (4,)),
            dtypes=("int64", "int64"),
            domain=((-3.0, 3.0), (-3.0, 3.0)),
            smooth=False,
        ),
    )


def _shares(x: Expr, y: Expr, x_wins: Expr, y_wins: Expr, out: Expr) -> tuple[Expr, Expr]:
    """What of the cotangent each gets: two variables that tie share, a bound gives slope 0."""
    tie = x == y
    if x.closed or y.closed:
        return at_bound(tie, x_wins, out), at_bound(tie, y_wins, out)
    if config.ties == "first":
        return x_wins | tie, y_wins
    half = literal(0.5, out.dtype)
    return where(tie, half, x_wins), where(tie, half, y_wins)


def at_bound(there: Expr, slope: Expr, out: Expr) -> Expr:
    """The slope of what is limited by a constant: 0 at the bound, unless another was chosen."""
    if config.at_bound == 0:
        return slope
    if config.at_bound == 1:
        return slope | there
    return where(there, literal(0.5, out.dtype), slope)


@elementwise(
    formula="Max(x, y)",
    partials=lambda out, x, y: _shares(x, y, x > y, y > x, out),
    numpy="np.maximum({0}, {1})",
    latex=r"\max\left({0}, {1}\right)",
    dtype="maximum",
    examples=_pairs(lambda x, y: maximum(x, y), np.maximum),
)
def maximum(x: Any, y: Any) -> Any:
    """The greater of two values, element by element; NaN if one is NaN.

    Where two expressions tie, each has slope 1/2; against a constant, the slope at the tie is 0.
    """


@elementwise(
    formula="Min(x, y)",
    partials=lambda out, x, y: _shares(x, y, x < y, y < x, out),
    numpy="np.minimum({0}, {1})",
    latex=r"\min\left({0}, {1}\right)",
    dtype="minimum",
    examples=_pairs(lambda x, y: minimum(x, y), np.minimum),
)
def minimum(x: Any, y: Any) -> Any:
    """The lesser of two values, element by element; NaN if one is NaN.

    Where two expressions tie, each has slope 1/2; against a constant, the slope at the tie is 0.
    """


def _taken(x: Expr, y: Expr, out: Expr) -> tuple[Expr, Expr]:
    """As `_shares`, where NaN loses against a number."""
    apart = x != y
    return _shares(x, y, (out == x) & apart, (out == y) & apart, out)


@elementwise(
    formula="Max(x, y)",
    partials=lambda out, x, y: _taken(x, y, out),
    numpy="np.fmax({0}, {1})",
    latex=r"\max\left({0}, {1}\right)",
    dtype="fmax",
    examples=_pairs(lambda x, y: fmax(x, y), np.fmax),
)
def fmax(x: Any, y: Any) -> Any:
    """The greater of two values, element by element; the other one if one is NaN."""


@elementwise(
    formula="Min(x, y)",
    partials=lambda out, x, y: _taken(x, y, out),
    numpy="np.fmin({0}, {1})",
    latex=r"\min\left({0}, {1}\right)",
    dtype="fmin",
    examples=_pairs(lambda x, y: fmin(x, y), np.fmin),
)
def fmin(x: Any, y: Any) -> Any:
    """The lesser of two values, element by element; the other one if one is NaN."""


@elementwise(
    formula="Max(x, 0)",
    # of the result, not of x, which need not be kept then
    partials=lambda out, x: (at_bound(x == 0, out > 0, out),),
    numpy="np.maximum({0}, 0)",
    latex=r"\operatorname{{relu}}\left({0}\right)",
    dtype=lambda x: np.maximum.resolve_dtypes(
        (x, np.dtype(np.int8) if x.kind in "bi" else x, None)
    )[-1],
    examples=(
        Example(lambda x: relu(x), lambda x: np.maximum(x, 0), ((3, 4),), away=(0.0,)),
        Example(lambda x: relu(x), lambda x: np.maximum(x, 0), ((),), away=(0.0,)),
    ),
)
def relu(x: Any) -> Any:
    """max(x, 0), with slope 0 at 0.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> sg.function([x], sg.relu(x))([-1.0, 0.0, 2.0])
    array([0., 0., 2.])
    """


# ---- clip


@elementwise(
    formula="Min(Max(x, low), high)",
    partials=lambda out, x, low, high: (
        at_bound((x == low) | (x == high), (x > low) & (x < high), out),
        (low > x) & (low < high),
        (high < x) | (high < low),
    ),
    numpy="np.clip({0}, {1}, {2})",
    latex=r"\operatorname{{clip}}\left({0}, {1}, {2}\right)",
    dtype=common,
    name="clip",
)
def clip_between(x: Any, low: Any, high: Any) -> Any:
    """Values limited by two constants; see :func:`clip`."""


@function
def clip(
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    *,
    min: Any = None,
    max: Any = None,
) -> Expr:
    """Values limited to an interval: ``minimum(maximum(a, min), max)``.

    Parameters
    ----------
    a : array_like
    a_min, a_max : array_like or None
        The bounds, which may also be given as `min` and `max`; None is no bound. At a bound
        that is a constant the slope is 0; with an expression as bound, ties share.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> sg.function([x], sg.clip(x, -1, 1))([-2.0, 0.5, 2.0])
    array([-1. ,  0.5,  1. ])
    """
    if (a_min is not None and min is not None) or (a_max is not None and max is not None):
        raise DeclarationError("clip: give each bound once, as a_min or min, a_max or max")
    if isinstance(a, Lifted):
        return a.apply(clip, (a, a_min, a_max) if min is max is None else (a, min, max))  # type: ignore[no-any-return]
    low = a_min if min is None else min
    high = a_max if max is None else max
    if low is None and high is None:
        return as_expr(a)
    if low is None:
        return minimum(a, high)
    if high is None:
        return maximum(a, low)
    a, low, high = as_exprs((a, low, high))
    if low.closed and high.closed:
        return clip_between(a, low, high)
    return minimum(maximum(a, low), high)


OPS["clip"].examples = tuple(
    Example(
        lambda x, low=low, high=high: clip(x, low, high),
        lambda x, low=low, high=high: np.clip(x, low, high),
        ((3, 4),),
        away=(-1.0, 0.5),
    )
    for low, high in ((-1, 0.5), (None, 0.5), (-1.0, None), (-1.0, [0.5, 0.5, 0.5, 0.5]))
) + (
    Example(
        lambda x, low, high: clip(x, low, high),
        np.clip,
        ((3, 4), (4,), (3, 1)),
        domain=((-2.0, 2.0), (-1.0, -0.5), (0.5, 1.0)),
    ),
)
