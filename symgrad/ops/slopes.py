"""What derivatives are made of: functions that are exact where their obvious spelling cancels.

The slope of tanh is 1 - tanh^2, of which nothing is left where tanh is 1 to the last bit; that of
hypot is x / r, whose own slope 1 / r - x^2 / r^3 cancels. Each of these is a function of its own
here, with a derivative made of these again, so that all orders are accurate.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad.ir.node import Expr, literal
from symgrad.ir.op import FUNCTIONS, Example
from symgrad.ops import slope_kernels as kernels
from symgrad.ops import special_kernels
from symgrad.ops.elementwise import elementwise
from symgrad.ops.special_ufunc import scipy_function

__all__ = [
    "direction",
    "gelu_slope",
    "one_minus_square",
    "share",
    "share2",
    "sigmoid_slope",
    "tanh_slope",
]

_PAIRS = (((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)))


def _examples(build: Any, reference: Any, **kwargs: Any) -> tuple[Example, ...]:
    return tuple(Example(build, reference, (shape,), **kwargs) for shape in ((3, 4), ()))


def _pairs(build: Any, reference: Any, **kwargs: Any) -> tuple[Example, ...]:
    return tuple(Example(build, reference, shapes, **kwargs) for shapes in _PAIRS)


@elementwise(
    formula="1 / cosh(x)**2",
    partials=lambda out, x: (out * (-2 * FUNCTIONS["tanh"](x)),),
    numpy="tanh_slope({0})",
    latex=r"\operatorname{{sech}}^2 {0}",
    kernels=(kernels.tanh_slope,),
    cost=20,
    name="tanh_slope",
    examples=_examples(lambda x: tanh_slope(x), lambda x: 1 / np.cosh(x) ** 2),
)
def tanh_slope(x: Any) -> Any:
    """1 / cosh(x)^2, exact far into its tails, where tanh itself is 1."""


@elementwise(
    formula="exp(-x) / (1 + exp(-x))**2",
    partials=lambda out, x: (-out * FUNCTIONS["tanh"](0.5 * x),),
    numpy="sigmoid_slope({0})",
    latex=r"\sigma'\left({0}\right)",
    kernels=(kernels.sigmoid_slope,),
    cost=20,
    name="sigmoid_slope",
    examples=_examples(lambda x: sigmoid_slope(x), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
)
def sigmoid_slope(x: Any) -> Any:
    """s(x) s(-x), the density of the logistic distribution, whose own slope is odd and exact."""


def _gelu_curvature(out: Expr, x: Expr) -> tuple[Expr]:
    square = x * x
    return ((2 - square) * (FUNCTIONS["exp"](-0.5 * square) * (1 / math.sqrt(2 * math.pi))),)


@elementwise(
    formula="(1 + erf(x / sqrt(2))) / 2 + x * exp(-x**2 / 2) / sqrt(2*pi)",
    partials=_gelu_curvature,
    numpy="gelu_slope({0})",
    latex=r"\operatorname{{gelu}}'\left({0}\right)",
    kernels=(special_kernels.gelu_slope,),
    cost=50,
    name="gelu_slope",
    examples=_examples(
        lambda x: gelu_slope(x),
        lambda x: scipy_function("ndtr")(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi),
    ),
)
def gelu_slope(x: Any) -> Any:
    """Phi(x) + x Phi'(x), which tends to 0 and 1: its own slope is (2 - x^2) Phi'(x)."""


@elementwise(
    formula="1 - x**2",
    partials=lambda out, x: (-2 * x,),
    numpy="one_minus_square({0})",
    latex="1 - {{{0}}}^2",
    kernels=(kernels.one_minus_square,),
    cost=3,
    name="one_minus_square",
    examples=_examples(lambda x: one_minus_square(x), lambda x: 1 - x * x),
)
def one_minus_square(x: Any) -> Any:
    """(1 - x) (1 + x): exact where x is near 1 or -1."""


def _direction_partials(out: Expr, x: Expr, y: Expr) -> tuple[Expr, Expr]:
    # y^2 / r^3 and -x y / r^3; the divisor is 1 at the origin, where all of it is 0
    r = FUNCTIONS["hypot"](x, y)
    other = direction(y, x) / FUNCTIONS["where"](r == 0, 1, r)
    return direction(y, x) * other, -out * other


@elementwise(
    formula="x / sqrt(x**2 + y**2)",
    partials=_direction_partials,
    numpy="direction({0}, {1})",
    latex=r"\frac{{{0}}}{{\sqrt{{{0}^2 + {1}^2}}}}",
    kernels=(kernels.direction,),
    cost=15,
    name="direction",
    examples=_pairs(
        lambda x, y: direction(x, y),
        lambda x, y: x / np.hypot(x, y),
        domain=((0.3, 2.0), (-2.0, 2.0)),
    ),
)
def direction(x: Any, y: Any) -> Any:
    """x / sqrt(x^2 + y^2), the cosine of the angle of (x, y); 0 at the origin."""


def _share_partials(out: Expr, x: Expr, y: Expr) -> tuple[Expr, Expr]:
    slope = out * share(y, x)
    return slope, -slope


@elementwise(
    formula="exp(x) / (exp(x) + exp(y))",
    partials=_share_partials,
    numpy="share({0}, {1})",
    latex=r"\frac{{e^{{{0}}}}}{{e^{{{0}}} + e^{{{1}}}}}",
    kernels=(kernels.share,),
    cost=35,
    name="share",
    examples=_pairs(lambda x, y: share(x, y), lambda x, y: np.exp(x) / (np.exp(x) + np.exp(y))),
)
def share(x: Any, y: Any) -> Any:
    """e^x / (e^x + e^y), which is sigmoid(x - y); 0 if both are -inf.

    The difference of numbers of some hundreds is rounded by 1e-14, and so much is lost of its
    exponential; here what rounding took is put back.
    """


def _share2_partials(out: Expr, x: Expr, y: Expr) -> tuple[Expr, Expr]:
    # the logarithm as an op, folded when compiled: SymPy is told of it, not of its rounding
    slope = out * share2(y, x) * FUNCTIONS["log"](literal(2, out.dtype))
    return slope, -slope


@elementwise(
    formula="1 / (1 + 2**(y - x))",
    partials=_share2_partials,
    numpy="share2({0}, {1})",
    latex=r"\frac{{2^{{{0}}}}}{{2^{{{0}}} + 2^{{{1}}}}}",
    kernels=(kernels.share2,),
    cost=35,
    name="share2",
    examples=_pairs(lambda x, y: share2(x, y), lambda x, y: 2**x / (2**x + 2**y)),
)
def share2(x: Any, y: Any) -> Any:
    """2^x / (2^x + 2^y), but for the rounding of the difference; 0 if both are -inf."""
