"""Parts of numbers: remainders towards 0, fraction and exponent, neighbours, common divisors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DTypeError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.lifted import lift
from symgrad.ir.node import Expr, as_expr, as_exprs, literal, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, public, register
from symgrad.ops import number_kernels as kernels
from symgrad.ops.arithmetic import divide, floor_divide, remainder
from symgrad.ops.broadcasting import align, broadcast_shapes, sum_to
from symgrad.ops.cast import astype
from symgrad.ops.elementwise import elementwise
from symgrad.ops.examples import both, like_numpy
from symgrad.ops.rounding import rint, trunc

__all__ = ["divmod", "fmod", "frexp", "gcd", "lcm", "ldexp", "modf", "nextafter", "spacing"]

_SHAPES = (((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)))
_INTEGERS: dict[str, Any] = {
    "dtypes": ("int64", "int64"),
    "domain": ((-20.0, 20.0), (1.0, 7.0)),
    "smooth": False,
}


# ---- remainders


def _fmod_partials(out: Expr, x: Expr, y: Expr) -> tuple[Expr, Expr]:
    # the quotient that the remainder belongs to: trunc(x / y) may have been rounded up past it
    return literal(1, out.dtype), -rint(divide(x - out, y))


@elementwise(
    partials=_fmod_partials,
    numpy="np.fmod({0}, {1})",
    latex=r"\operatorname{{fmod}}\left({0}, {1}\right)",
    dtype="fmod",
    cost=5,
    examples=(
        *(like_numpy("fmod", s, domain=((0.2, 0.9), (1.0, 1.5))) for s in _SHAPES),
        like_numpy("fmod", ((3, 4), (4,)), domain=((-2.9, -2.2), (1.0, 1.05))),
        like_numpy("fmod", ((3, 4), (4,)), **_INTEGERS),
    ),
)
def fmod(x: Any, y: Any) -> Any:
    """x - y * trunc(x / y), of the sign of x.

    Notes
    -----
    The slope in y is minus the quotient that was taken off, which is exact; at the jumps it is
    that of the value.
    """


@public(
    examples=(
        both("divmod", ((3, 4), (4,)), domain=((0.2, 0.9), (1.0, 1.5))),
        both("divmod", ((3, 4), (4,)), **_INTEGERS),
    )
)
def divmod(x: Any, y: Any) -> tuple[Expr, Expr]:
    """The quotient ``x // y`` and the remainder ``x % y``.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> sg.divmod(x, 2.0) == divmod(x, 2.0)
    True
    """
    if (lifted := lift(divmod, x, y)) is not None:
        return lifted  # type: ignore[no-any-return]
    x, y = as_exprs((x, y))
    return floor_divide(x, y), remainder(x, y)


# ---- fraction and exponent


def _first_output(name: str) -> Any:
    """The dtype of the first of the two results of a ufunc."""

    def rule(dtype: np.dtype[Any]) -> np.dtype[Any]:
        return getattr(np, name).resolve_dtypes((dtype, None, None))[1]  # type: ignore[no-any-return]

    return rule


@elementwise(
    partials=lambda out, x: (literal(1, out.dtype),),
    numpy="fraction({0})",
    latex=r"\operatorname{{frac}} {0}",
    dtype=_first_output("modf"),
    kernels=(kernels.fraction,),
    name="fraction",
    examples=(
        Example(
            lambda x: FUNCTIONS["modf"](x)[0],
            lambda x: np.modf(x)[0],
            ((3, 4),),
            away=(-2.0, -1.0, 0.0, 1.0, 2.0),
        ),
    ),
)
def _fraction(x: Any) -> Any:
    """What of a number stands after the point, of its sign."""


@public(
    examples=(
        both("modf", ((3, 4),), away=(-2.0, -1.0, 0.0, 1.0, 2.0)),
        both("modf", ((5,),), dtypes=("int64",), domain=((-3.0, 3.0),)),
    )
)
def modf(x: Any) -> tuple[Expr, Expr]:
    """The fraction and the integer that a number is the sum of, both of its sign.

    Notes
    -----
    The slope of the fraction is 1, that of the integer 0, at integers too.
    """
    if (lifted := lift(modf, x)) is not None:
        return lifted  # type: ignore[no-any-return]
    part = _fraction(x)
    return part, trunc(astype(x, part.dtype))


@elementwise(
    partials=lambda out, x: (_ldexp(literal(1, out.dtype), -_exponent(x)),),
    numpy="mantissa({0})",
    latex=r"\operatorname{{mantissa}} {0}",
    dtype=_first_output("frexp"),
    kernels=(kernels.mantissa,),
    name="mantissa",
    examples=(
        Example(
            lambda x: FUNCTIONS["frexp"](x)[0], lambda x: np.frexp(x)[0], ((3, 4),), ((1.1, 1.9),)
        ),
        Example(
            lambda x: FUNCTIONS["frexp"](x)[0], lambda x: np.frexp(x)[0], ((3, 4),), ((-7.5, -4.5),)
        ),
    ),
)
def _mantissa(x: Any) -> Any:
    """The number m with x = m 2^e, 1/2 <= |m| < 1."""


@elementwise(
    partials=lambda out, x: (None,),
    numpy="exponent({0})",
    latex=r"\operatorname{{exponent}} {0}",
    dtype=lambda dtype: np.dtype(np.int32),
    kernels=(kernels.exponent,),
    name="exponent",
    examples=(Example(lambda x: frexp(x)[1], lambda x: np.frexp(x)[1], ((3, 4),)),),
)
def _exponent(x: Any) -> Any:
    """The integer e with x = m 2^e, 1/2 <= |m| < 1."""


@function
def frexp(x: Any) -> tuple[Expr, Expr]:
    """The mantissa m and the exponent e with x = m 2^e, 1/2 <= |m| < 1.

    Notes
    -----
    The slope of the mantissa is 2^-e, which is exact; the exponent, an integer, has no gradient.
    """
    return _mantissa(x), _exponent(x)


@register
class LdExp(Op):
    """x 2^n with an integer n: a change of the exponent, and exact."""

    name = "ldexp"
    elementwise = True
    parameters = ("x", "n")
    examples = tuple(
        like_numpy("ldexp", s, dtypes=("float64", "int64"), domain=((-2.0, 2.0), (-3.0, 4.0)))
        for s in _SHAPES
    )

    def aval(self, *args: Aval, **attrs: Any) -> Aval:
        x, n = args
        if n.dtype.kind not in "bi":
            raise DTypeError(f"an exponent must be an integer; got {n.dtype}")
        found = np.ldexp.resolve_dtypes((x.dtype, np.dtype(np.int64), None))[-1]
        return Aval(broadcast_shapes(x.shape, n.shape), found)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        x, n = node.args
        # one change of the exponent: 2^n by itself may overflow where the product does not
        return (sum_to(make(self, (ct, n), {}), x.shape), None)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return None if tangents[0] is None else make(self, (tangents[0], node.args[1]), {})

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, tuple(align(args, batched, node.ndim)), {})

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.ldexp", *args, out=True)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"{args[0]} \cdot 2^{{{args[1]}}}"


def _ldexp(x: Expr, n: Expr) -> Expr:
    return make(OPS["ldexp"], (x, n), {})


@function
def ldexp(x: Any, n: Any) -> Expr:
    """x 2^n with an integer n, which has no gradient; that in x is 2^n.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> sg.function([x], sg.ldexp(x, 3))([1.0, 0.5])
    array([8., 4.])
    """
    if (lifted := lift(ldexp, x, n)) is not None:
        return lifted  # type: ignore[no-any-return]
    return _ldexp(as_expr(x), as_expr(n))


# ---- neighbours


@elementwise(
    partials=lambda out, x, y: (None, None),
    numpy="np.nextafter({0}, {1})",
    dtype="nextafter",
    examples=(Example(lambda x, y: nextafter(x, y), np.nextafter, ((3, 4), (4,)), smooth=False),),
)
def nextafter(x: Any, y: Any) -> Any:
    """The number next to x on the way to y; a step of the grid of numbers, with derivative 0."""


@elementwise(
    partials=lambda out, x: (None,),
    numpy="np.spacing({0})",
    dtype="spacing",
    examples=(Example(lambda x: spacing(x), np.spacing, ((3, 4),), smooth=False),),
)
def spacing(x: Any) -> Any:
    """The distance to the next number away from 0, of the sign of x; its derivative is 0."""


# ---- integers


@elementwise(
    numpy="np.gcd({0}, {1})",
    latex=r"\gcd\left({0}, {1}\right)",
    dtype="gcd",
    cost=20,
    examples=tuple(like_numpy("gcd", s, **_INTEGERS) for s in _SHAPES),
)
def gcd(x: Any, y: Any) -> Any:
    """The greatest common divisor of integers."""


@elementwise(
    numpy="np.lcm({0}, {1})",
    latex=r"\operatorname{{lcm}}\left({0}, {1}\right)",
    dtype="lcm",
    cost=20,
    examples=tuple(like_numpy("lcm", s, **_INTEGERS) for s in _SHAPES),
)
def lcm(x: Any, y: Any) -> Any:
    """The least common multiple of integers."""


FUNCTIONS["bitwise_not"] = FUNCTIONS["bitwise_invert"] = FUNCTIONS["invert"]
FUNCTIONS["bitwise_left_shift"] = FUNCTIONS["left_shift"]
FUNCTIONS["bitwise_right_shift"] = FUNCTIONS["right_shift"]


@elementwise(
    numpy="np.bitwise_count({0})",
    dtype="bitwise_count",
    examples=(like_numpy("bitwise_count", ((3, 4),), dtypes=("int64",), domain=((-99.0, 99.0),)),),
)
def bitwise_count(x: Any) -> Any:
    """How many bits of the absolute value are 1."""
