"""Absolute value, sign and rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError
from symgrad.ir.dtypes import is_complex, is_float
from symgrad.ir.lifted import lift
from symgrad.ir.node import Expr, as_expr, literal
from symgrad.ir.op import FUNCTIONS, Example, function
from symgrad.ops.elementwise import elementwise


@elementwise(
    formula="Abs(x)",
    partials=lambda out, x: (_conjugate_direction(out, x) if is_complex(x.dtype) else sign(x),),
    numpy="np.abs({0})",
    latex=r"\left|{0}\right|",
    dtype="absolute",
    takes_complex=True,
    examples=(
        Example(lambda x: absolute(x), np.absolute, ((3, 4),), away=(0.0,)),
        Example(lambda x: abs(x), np.absolute, ((3, 4),), dtypes=("int64",), smooth=False),
    ),
)
def absolute(x: Any) -> Any:
    """Absolute value, of complex numbers the modulus.

    Notes
    -----
    The slope at 0 is 0.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> abs(x) is sg.absolute(x) is sg.abs(x)
    True
    """


FUNCTIONS["abs"] = absolute


def _conjugate_direction(modulus: Expr, z: Expr) -> Expr:
    """conj(z) / |z|, and 0 at 0: d|z| is the real part of its product with dz."""
    one = literal(1, modulus.dtype)
    return FUNCTIONS["conjugate"](z) / FUNCTIONS["where"](modulus == 0, one, modulus)  # type: ignore[no-any-return]


@elementwise(
    formula="Abs(x)",
    partials=lambda out, x: (sign(x),),
    numpy="np.fabs({0})",
    latex=r"\left|{0}\right|",
    dtype="fabs",
    examples=(
        Example(lambda x: fabs(x), np.fabs, ((3, 4),), away=(0.0,)),
        Example(lambda x: fabs(x), np.fabs, ((3, 4),), dtypes=("int64",), domain=((-4.0, 4.0),)),
    ),
)
def fabs(x: Any) -> Any:
    """Absolute value as a floating number, with slope 0 at 0."""


@elementwise(
    numpy="np.signbit({0})",
    latex=r"\operatorname{{signbit}} {0}",
    dtype="signbit",
    examples=(Example(lambda x: signbit(x), np.signbit, ((3, 4),), smooth=False),),
)
def signbit(x: Any) -> Any:
    """Whether the sign is minus: of -0.0 too."""


@elementwise(
    formula="sign(x)",
    partials=lambda out, x: (None,),
    numpy="np.sign({0})",
    latex=r"\operatorname{{sgn}} {0}",
    dtype="sign",
    examples=(Example(lambda x: sign(x), np.sign, ((3, 4),), away=(0.0,)),),
)
def sign(x: Any) -> Any:
    """-1, 0 or 1, of the sign of the value; its derivative is 0."""


@elementwise(
    formula="Piecewise((0, x < 0), (y, Eq(x, 0)), (1, True))",
    # y is the value where x is 0, and nowhere else
    partials=lambda out, x, y: (None, x == 0),
    numpy="np.heaviside({0}, {1})",
    latex=r"H_{{{1}}}\left({0}\right)",
    dtype="heaviside",
    examples=(Example(lambda x, y: heaviside(x, y), np.heaviside, ((3, 4), ()), away=(0.0,)),),
)
def heaviside(x: Any, y: Any) -> Any:
    """0 for x < 0, 1 for x > 0, y for x = 0; its derivative in x is 0."""


@elementwise(
    formula="Abs(x) * (2 * Heaviside(y, 1) - 1)",
    partials=lambda out, x, y: (sign(x) * copysign(literal(1, out.dtype), y), None),
    numpy="np.copysign({0}, {1})",
    latex=r"\left|{0}\right| \operatorname{{sgn}} {1}",
    dtype="copysign",
    examples=(Example(lambda x, y: copysign(x, y), np.copysign, ((3, 4), (4,)), away=(0.0,)),),
)
def copysign(x: Any, y: Any) -> Any:
    """The size of x with the sign of y."""


_INTEGERS = (-2.0, -1.0, 0.0, 1.0, 2.0)


@elementwise(
    formula="floor(x)",
    partials=lambda out, x: (None,),
    numpy="np.floor({0})",
    latex=r"\left\lfloor {0} \right\rfloor",
    dtype="floor",
    examples=(Example(lambda x: floor(x), np.floor, ((3, 4),), away=_INTEGERS),),
)
def floor(x: Any) -> Any:
    """The greatest integer not above it; the derivative is 0."""


@elementwise(
    formula="ceiling(x)",
    partials=lambda out, x: (None,),
    numpy="np.ceil({0})",
    latex=r"\left\lceil {0} \right\rceil",
    dtype="ceil",
    examples=(Example(lambda x: ceil(x), np.ceil, ((3, 4),), away=_INTEGERS),),
)
def ceil(x: Any) -> Any:
    """The least integer not below it; the derivative is 0."""


@elementwise(
    formula="sign(x) * floor(Abs(x))",
    partials=lambda out, x: (None,),
    numpy="np.trunc({0})",
    latex=r"\operatorname{{trunc}} {0}",
    dtype="trunc",
    examples=(Example(lambda x: trunc(x), np.trunc, ((3, 4),), away=_INTEGERS),),
)
def trunc(x: Any) -> Any:
    """The nearest integer towards 0; the derivative is 0."""


FUNCTIONS["fix"] = trunc


@elementwise(
    partials=lambda out, x: (None,),
    numpy="np.rint({0})",
    latex=r"\operatorname{{round}} {0}",
    dtype="rint",
    examples=(
        Example(lambda x: rint(x), np.rint, ((3, 4),), away=(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)),
        Example(
            lambda x: round(x, 1),
            lambda x: np.round(x, 1),
            ((3, 4),),
            domain=((0.26, 0.34),),
        ),
        *(
            Example(
                lambda x, d=d: round(x, d),
                lambda x, d=d: np.round(x, d),
                ((3, 4),),
                dtypes=("int64",),
                domain=((-999.0, 999.0),),
            )
            for d in (0, 1, -1, -2)
        ),
        Example(lambda x: round(x), np.round, ((3, 4),), dtypes=("bool",)),
    ),
)
def rint(x: Any) -> Any:
    """The nearest integer, an even one where two are as near; the derivative is 0."""


@function
def round(a: Any, decimals: int = 0) -> Expr:
    """The nearest number with that many decimals, an even one where two are as near.

    Parameters
    ----------
    a : array_like
    decimals : int
        Negative: tens, hundreds, ...

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> sg.function([x], sg.round(x))([0.5, 1.5, 2.6])
    array([0., 2., 3.])
    """
    if isinstance(decimals, bool) or not isinstance(decimals, (int, np.integer)):
        raise DeclarationError(f"round: decimals must be an integer; got {decimals!r}")
    if (lifted := lift(lambda value: round(value, decimals), a)) is not None:
        return lifted  # type: ignore[no-any-return]
    x = as_expr(a)
    if x.dtype.kind == "b":
        if decimals:
            raise DTypeError("round: booleans have no decimals")
        return rint(x)  # a float16, as in NumPy
    if not is_float(x.dtype):
        if decimals >= 0:
            return x
        unit = 10.0**-decimals
        return (rint(x / unit) * unit).astype(x.dtype)
    if decimals == 0:
        return rint(x)
    unit = 10.0 ** max(decimals, -decimals)
    return rint(x * unit) / unit if decimals > 0 else rint(x / unit) * unit


FUNCTIONS["around"] = round
