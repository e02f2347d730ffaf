"""Trigonometric and hyperbolic functions, their inverses, atan2 and hypot."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad.ir.node import Expr, literal
from symgrad.ir.op import FUNCTIONS, Example
from symgrad.ops import kernels
from symgrad.ops.elementwise import elementwise, floating
from symgrad.ops.exponential import sqrt
from symgrad.ops.selection import where
from symgrad.ops.slopes import direction, one_minus_square, tanh_slope


def _examples(build: Any, reference: Any, **kwargs: Any) -> tuple[Example, ...]:
    return tuple(Example(build, reference, (shape,), **kwargs) for shape in ((3, 4), ()))


@elementwise(
    formula="sin(x)",
    numpy="np.sin({0})",
    latex=r"\sin {0}",
    dtype="sin",
    cost=15,
    takes_complex=True,
    examples=_examples(lambda x: sin(x), np.sin),
)
def sin(x: Any) -> Any:
    """Sine.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> sg.grad(sg.sin(x), x) is sg.cos(x)
    True
    """


@elementwise(
    formula="cos(x)",
    numpy="np.cos({0})",
    latex=r"\cos {0}",
    dtype="cos",
    cost=15,
    takes_complex=True,
    examples=_examples(lambda x: cos(x), np.cos),
)
def cos(x: Any) -> Any:
    """Cosine."""


@elementwise(
    formula="tan(x)",
    numpy="np.tan({0})",
    latex=r"\tan {0}",
    dtype="tan",
    cost=20,
    takes_complex=True,
    examples=_examples(lambda x: tan(x), np.tan, domain=((-1.2, 1.2),)),
)
def tan(x: Any) -> Any:
    """Tangent."""


@elementwise(
    formula="asin(x)",
    partials=lambda out, x: (1 / sqrt(one_minus_square(x)),),
    numpy="np.arcsin({0})",
    latex=r"\arcsin {0}",
    dtype="arcsin",
    cost=20,
    examples=_examples(lambda x: arcsin(x), np.arcsin, domain=((-0.9, 0.9),)),
)
def arcsin(x: Any) -> Any:
    """Inverse sine."""


@elementwise(
    formula="acos(x)",
    partials=lambda out, x: (-1 / sqrt(one_minus_square(x)),),
    numpy="np.arccos({0})",
    latex=r"\arccos {0}",
    dtype="arccos",
    cost=20,
    examples=_examples(lambda x: arccos(x), np.arccos, domain=((-0.9, 0.9),)),
)
def arccos(x: Any) -> Any:
    """Inverse cosine."""


@elementwise(
    formula="atan(x)",
    numpy="np.arctan({0})",
    latex=r"\arctan {0}",
    dtype="arctan",
    cost=20,
    examples=_examples(lambda x: arctan(x), np.arctan),
)
def arctan(x: Any) -> Any:
    """Inverse tangent."""


@elementwise(
    formula="sinh(x)",
    numpy="np.sinh({0})",
    latex=r"\sinh {0}",
    dtype="sinh",
    cost=20,
    takes_complex=True,
    examples=_examples(lambda x: sinh(x), np.sinh),
)
def sinh(x: Any) -> Any:
    """Hyperbolic sine."""


@elementwise(
    formula="cosh(x)",
    numpy="np.cosh({0})",
    latex=r"\cosh {0}",
    dtype="cosh",
    cost=20,
    takes_complex=True,
    examples=_examples(lambda x: cosh(x), np.cosh),
)
def cosh(x: Any) -> Any:
    """Hyperbolic cosine."""


@elementwise(
    formula="cosh(x) - 1",
    partials=lambda out, x: (sinh(x),),
    numpy="coshm1({0})",
    latex=r"\left(\cosh {0} - 1\right)",
    dtype=floating,
    kernels=(kernels.coshm1,),
    cost=25,
    name="coshm1",
    examples=_examples(lambda x: coshm1(x), lambda x: np.cosh(x) - 1),
)
def coshm1(x: Any) -> Any:
    """cosh(x) - 1, without cancellation near 0."""


@elementwise(
    formula="tanh(x)",
    # not 1 - tanh^2, of which nothing is left where tanh is 1 to the last bit
    partials=lambda out, x: (1 - out * out if x.dtype.kind == "c" else tanh_slope(x),),
    numpy="np.tanh({0})",
    latex=r"\tanh {0}",
    dtype="tanh",
    cost=15,
    takes_complex=True,
    examples=_examples(lambda x: tanh(x), np.tanh),
)
def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""


@elementwise(
    formula="log(cosh(x))",
    partials=lambda out, x: (tanh(x),),
    numpy="log_cosh({0})",
    latex=r"\log \cosh {0}",
    dtype=floating,
    kernels=(kernels.log_cosh,),
    cost=45,
    examples=_examples(lambda x: log_cosh(x), lambda x: np.log(np.cosh(x))),
)
def log_cosh(x: Any) -> Any:
    """Logarithm of cosh(x): x^2 / 2 near 0, |x| - log 2 far out; a loss with the slope tanh(x).

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> f = sg.function([x], sg.log_cosh(x))
    >>> float(f(1e-9)), round(float(f(1000.0)), 4)
    (5e-19, 999.3069)
    """


@elementwise(
    formula="asinh(x)",
    numpy="np.arcsinh({0})",
    latex=r"\operatorname{{arsinh}} {0}",
    dtype="arcsinh",
    cost=25,
    examples=_examples(lambda x: arcsinh(x), np.arcsinh),
)
def arcsinh(x: Any) -> Any:
    """Inverse hyperbolic sine."""


@elementwise(
    formula="acosh(x)",
    numpy="np.arccosh({0})",
    latex=r"\operatorname{{arcosh}} {0}",
    dtype="arccosh",
    cost=25,
    examples=_examples(lambda x: arccosh(x), np.arccosh, domain=((1.2, 4.0),)),
)
def arccosh(x: Any) -> Any:
    """Inverse hyperbolic cosine."""


@elementwise(
    formula="atanh(x)",
    partials=lambda out, x: (1 / one_minus_square(x),),
    numpy="np.arctanh({0})",
    latex=r"\operatorname{{artanh}} {0}",
    dtype="arctanh",
    cost=25,
    examples=_examples(lambda x: arctanh(x), np.arctanh, domain=((-0.9, 0.9),)),
)
def arctanh(x: Any) -> Any:
    """Inverse hyperbolic tangent."""


def _arctan2_partials(out: Expr, y: Expr, x: Expr) -> tuple[Expr, Expr]:
    # x / r^2 and -y / r^2: the square overflows and underflows long before; the divisor is 1
    # at the origin, where the derivatives are 0
    r = hypot(x, y)
    r = where(r == 0, 1, r)
    return direction(x, y) / r, -direction(y, x) / r


@elementwise(
    formula="atan2(y, x)",
    partials=_arctan2_partials,
    numpy="np.arctan2({0}, {1})",
    latex=r"\operatorname{{atan2}}\left({0}, {1}\right)",
    dtype="arctan2",
    cost=25,
    examples=tuple(
        Example(
            lambda y, x: arctan2(y, x),
            np.arctan2,
            shapes,
            domain=((0.3, 2.0), (-2.0, 2.0)),
        )
        for shapes in (((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)))
    ),
)
def arctan2(y: Any, x: Any) -> Any:
    """The angle of the point (x, y), in (-pi, pi]; its gradient at the origin is 0."""


@elementwise(
    formula="sqrt(x**2 + y**2)",
    partials=lambda out, x, y: (direction(x, y), direction(y, x)),
    numpy="np.hypot({0}, {1})",
    latex=r"\sqrt{{{0}^2 + {1}^2}}",
    dtype="hypot",
    cost=10,
    examples=tuple(
        Example(lambda x, y: hypot(x, y), np.hypot, shapes, domain=((0.3, 2.0), (-2.0, 2.0)))
        for shapes in (((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)))
    ),
)
def hypot(x: Any, y: Any) -> Any:
    """sqrt(x^2 + y^2) without overflow; its gradient at the origin is 0."""


# NumPy 2 has these names, too
for _name in ("sin", "cos", "tan", "sinh", "cosh", "tanh"):
    FUNCTIONS[f"a{_name}"] = FUNCTIONS[f"arc{_name}"]
FUNCTIONS["atan2"] = arctan2


@elementwise(
    formula="180 * x / pi",
    partials=lambda out, x: (literal(180 / math.pi, out.dtype),),
    numpy="np.degrees({0})",
    latex=r"\frac{{180}}{{\pi}} {0}",
    dtype="degrees",
    examples=_examples(lambda x: degrees(x), np.degrees),
)
def degrees(x: Any) -> Any:
    """An angle in degrees, of one in radians."""


@elementwise(
    formula="pi * x / 180",
    partials=lambda out, x: (literal(math.pi / 180, out.dtype),),
    numpy="np.radians({0})",
    latex=r"\frac{{\pi}}{{180}} {0}",
    dtype="radians",
    examples=_examples(lambda x: radians(x), np.radians),
)
def radians(x: Any) -> Any:
    """An angle in radians, of one in degrees."""


FUNCTIONS["rad2deg"], FUNCTIONS["deg2rad"] = degrees, radians
