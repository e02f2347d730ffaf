"""Arithmetic: sums, products, quotients, powers, remainders."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.lifted import lift
from symgrad.ir.node import LITERAL, Expr, as_expr, as_exprs, literal
from symgrad.ir.op import FUNCTIONS, Example, function, public
from symgrad.ops.cast import astype
from symgrad.ops.elementwise import elementwise
from symgrad.ops.examples import like_numpy
from symgrad.ops.exponential import at_root, log
from symgrad.ops.interpret import known_value
from symgrad.ops.selection import where

_PAIR = ((3, 4), (3, 4))
_ROW = ((3, 4), (4,))
_COLUMN = ((3, 1), (1, 4))


def _pairs(reference: Any, build: Any, **kwargs: Any) -> tuple[Example, ...]:
    return tuple(Example(build, reference, shapes, **kwargs) for shapes in (_PAIR, _ROW, _COLUMN))


@elementwise(
    formula="x + y",
    partials=lambda out, x, y: (_one(out), _one(out)),
    numpy="{0} + {1}",
    latex="{0} + {1}",
    dtype="add",
    takes_complex=True,
    examples=_pairs(lambda x, y: x + y, lambda x, y: x + y),
)
def add(x: Any, y: Any) -> Any:
    """Sum, element by element.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3, 1))
    >>> sg.add(x, [1.0, 2.0]).shape
    (3, 2)
    """


def _one(like: Expr) -> Expr:
    return literal(1, like.dtype)


@elementwise(
    formula="x - y",
    partials=lambda out, x, y: (_one(out), literal(-1, out.dtype)),
    numpy="{0} - {1}",
    latex="{0} - {1}",
    dtype="subtract",
    takes_complex=True,
    examples=_pairs(lambda x, y: x - y, lambda x, y: x - y),
)
def subtract(x: Any, y: Any) -> Any:
    """Difference, element by element."""


@elementwise(
    formula="x * y",
    partials=lambda out, x, y: (y, x),
    numpy="{0} * {1}",
    latex=r"{0} \, {1}",
    dtype="multiply",
    takes_complex=True,
    examples=_pairs(lambda x, y: x * y, lambda x, y: x * y),
)
def multiply(x: Any, y: Any) -> Any:
    """Product, element by element."""


@elementwise(
    formula="x / y",
    # -x/y^2 as -(x/y)/y: y^2 overflows long before the quotient does
    partials=lambda out, x, y: (1 / y, -out / y),
    numpy="{0} / {1}",
    latex=r"\frac{{{0}}}{{{1}}}",
    dtype="divide",
    cost=4,
    takes_complex=True,
    examples=_pairs(lambda x, y: x / y, lambda x, y: x / y, domain=((-2.0, 2.0), (0.5, 2.0))),
)
def divide(x: Any, y: Any) -> Any:
    """Quotient, element by element; integers divide to float64."""


@elementwise(
    formula="-x",
    partials=lambda out, x: (literal(-1, out.dtype),),
    numpy="-{0}",
    latex="-{0}",
    dtype="negative",
    takes_complex=True,
    examples=(Example(lambda x: -x, lambda x: -x, ((3, 4),)),),
)
def negative(x: Any) -> Any:
    """The value with its sign changed."""


@public(examples=(like_numpy("positive", ((3, 4),)),))
def positive(x: Any) -> Expr:
    """The value itself."""
    return as_expr(x)


# ---- powers


def _power_partials(out: Expr, x: Expr, y: Expr) -> tuple[Expr | None, Expr | None]:
    zero = literal(0, out.dtype)
    if y.op is LITERAL and not y.shape:
        p = y.attrs["value"].array
        by_x = None if p == 0 else _one(out) if p == 1 else y * x ** literal(p - 1, y.dtype)
        if by_x is not None and 0 < p < 1:
            by_x = at_root(x, by_x)
    else:
        slope = where((x == 0) & (y == 1), _one(out), y * x ** (y - 1))
        by_x = where(y == 0, zero, slope)  # x^0 is constant, at 0 too
    # 0^y is 0 for all y > 0; at y = 0 it jumps, and its slope is 0 by convention. What falls to
    # 0 falls faster than a logarithm grows: inf^-1 log inf
    there = FUNCTIONS["real"](y) >= 0
    by_y = where((out == 0) | ((x == 0) & there), zero, out * log(x))
    return by_x, by_y


def _check_power(x: Expr, y: Expr) -> None:
    if x.dtype.kind in "iu" and y.dtype.kind == "i" and y.closed:
        exponents = known_value(y)
        if exponents is not None and (exponents < 0).any():
            raise DeclarationError(
                f"power: integers to negative integer powers are not integers: {x.dtype} to the "
                f"power {exponents}; use a floating exponent or base, or sg.reciprocal"
            )


@elementwise(
    formula="x**y",
    partials=_power_partials,
    numpy="{0} ** {1}",
    latex="{{{0}}}^{{{1}}}",
    dtype="power",
    name="power",
    check=_check_power,
    cost=20,
    takes_complex=True,
    examples=(
        *_pairs(lambda x, y: x**y, lambda x, y: x**y, domain=((0.3, 2.0), (-2.0, 2.0))),
        *(
            Example(
                lambda x, p=p: x**p,
                lambda x, p=p: x**p,
                ((3, 4),),
                domain=((0.3, 2.0),) if isinstance(p, float) else None,
                away=(0.0,),
            )
            for p in (0, 1, 2, 3, -1, 0.5, -1.5)
        ),
        Example(lambda x: 2.0**x, lambda x: 2.0**x, ((3, 4),)),
        Example(
            lambda x, y: x**y,
            lambda x, y: x**y,
            ((3, 4), (4,)),
            dtypes=("int64", "int64"),
            domain=((-3.0, 4.0), (0.0, 4.0)),
            smooth=False,
        ),
    ),
)
def _power(x: Any, y: Any) -> Any:
    """x to the power y; see :func:`power`."""


@function
def power(x: Any, y: Any) -> Expr:
    """x to the power y, element by element.

    Integers have no negative integer powers: a constant one is refused, any other is an error
    of the call.

    Notes
    -----
    The slope in x at x = 0 is 0 for y > 1 and for y = 0, and 1 for y = 1; the slope in y is 0
    there for y >= 0. Where the power is 0, its slope in y is 0.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> float(sg.function([x], sg.grad(x**3, x))(2.0))
    12.0
    """
    if (lifted := lift(power, x, y)) is not None:
        return lifted  # type: ignore[no-any-return]
    base, exponent = as_exprs((x, y))
    if base.dtype.kind == "b" and exponent.dtype.kind in "iu":
        # NumPy's operator would square booleans in int8
        base = astype(base, np.result_type(base.dtype, exponent.dtype))
    return _power(base, exponent)


FUNCTIONS["pow"] = power


@public(
    examples=(
        like_numpy("float_power", ((3, 4),), 2),
        like_numpy(
            "float_power",
            ((3, 4), (4,)),
            dtypes=("int64", "int64"),
            domain=((1.0, 5.0), (-3.0, 4.0)),
        ),
    )
)
def float_power(x: Any, y: Any) -> Expr:
    """x to the power y in float64, whatever the arguments: integers have negative powers here."""
    base, exponent = as_exprs((x, y))
    return power(astype(base, np.float64), astype(exponent, np.float64))


@elementwise(
    formula="x**2",
    partials=lambda out, x: (2 * x,),
    numpy="np.square({0})",
    latex="{{{0}}}^2",
    dtype="square",
    takes_complex=True,
    examples=(Example(lambda x: square(x), np.square, ((3, 4),)),),
)
def square(x: Any) -> Any:
    """The value times itself."""


@elementwise(
    formula="1 / x",
    partials=lambda out, x: (-square(out),),
    numpy="np.reciprocal({0})",
    latex=r"\frac{{1}}{{{0}}}",
    dtype="reciprocal",
    cost=4,
    takes_complex=True,
    examples=(Example(lambda x: reciprocal(x), np.reciprocal, ((3, 4),), domain=((0.3, 2.0),)),),
)
def reciprocal(x: Any) -> Any:
    """1 / x."""


# ---- remainders


def _divisions(build: Any, reference: Any) -> tuple[Example, ...]:
    """Examples in which no quotient is near an integer: there it jumps."""
    return (
        *_pairs(build, reference, domain=((0.2, 0.9), (1.0, 1.5))),
        *_pairs(build, reference, domain=((-1.9, -1.1), (1.0, 1.05))),
        *_pairs(
            build,
            reference,
            dtypes=("int64", "int64"),
            domain=((-20.0, 20.0), (1.0, 7.0)),
            smooth=False,
        ),
    )


@elementwise(
    formula="floor(x / y)",
    partials=lambda out, x, y: (None, None),
    numpy="{0} // {1}",
    latex=r"\left\lfloor \frac{{{0}}}{{{1}}} \right\rfloor",
    dtype="floor_divide",
    cost=5,
    examples=_divisions(lambda x, y: x // y, lambda x, y: x // y),
)
def floor_divide(x: Any, y: Any) -> Any:
    """The greatest integer not above x / y; its derivative is 0."""


@elementwise(
    formula="x - y * floor(x / y)",
    partials=lambda out, x, y: (_one(out), -(x // y)),
    numpy="{0} % {1}",
    latex=r"{0} \bmod {1}",
    dtype="remainder",
    cost=5,
    examples=_divisions(lambda x, y: x % y, lambda x, y: x % y),
)
def remainder(x: Any, y: Any) -> Any:
    """x - y * floor(x / y), of the sign of y."""


FUNCTIONS["mod"], FUNCTIONS["true_divide"] = remainder, divide
