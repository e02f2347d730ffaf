"""Increments of smooth functions: f(x + h) - f(x), exact for any h however small.

Where the increment h is known as an expression, it need not be found again as the difference of two
rounded values. Slopes are increments of the slope.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.ir.node import Expr
from symgrad.ir.op import FUNCTIONS, Example
from symgrad.ops import difference_kernels as kernels
from symgrad.ops.elementwise import elementwise

__all__ = [
    "cos_increment",
    "exp_increment",
    "log_increment",
    "reciprocal_increment",
    "sin_increment",
    "sqrt_increment",
    "square_increment",
]

_SHAPES = (((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), ()))


def _examples(name: str, f: Callable[..., Any], low: float = -2.0) -> tuple[Example, ...]:
    return tuple(
        Example(
            lambda x, h: FUNCTIONS[name](x, h),
            lambda x, h: f(x + h) - f(x),
            shapes,
            domain=((low, 3.0), (0.01, 0.9)),
        )
        for shapes in _SHAPES
    )


def _f(name: str, *args: Expr) -> Expr:
    made: Expr = FUNCTIONS[name](*args)
    return made


@elementwise(
    formula="(x + h)**2 - x**2",
    partials=lambda out, x, h: (h * 2, (x + h) * 2),
    numpy="square_increment({0}, {1})",
    latex=r"\Delta_{{{1}}} \left({0}\right)^2",
    kernels=(kernels.square_increment,),
    examples=_examples("square_increment", np.square),
)
def square_increment(x: Any, h: Any) -> Any:
    """(x + h)^2 - x^2 as h (2 x + h)."""


@elementwise(
    formula="sqrt(x + h) - sqrt(x)",
    partials=lambda out, x, h: (
        out * -0.5 / _f("sqrt", x + h) / _f("sqrt", x),
        0.5 / _f("sqrt", x + h),
    ),
    numpy="sqrt_increment({0}, {1})",
    latex=r"\Delta_{{{1}}} \sqrt{{{0}}}",
    kernels=(kernels.sqrt_increment,),
    examples=_examples("sqrt_increment", np.sqrt, 0.2),
)
def sqrt_increment(x: Any, h: Any) -> Any:
    """sqrt(x + h) - sqrt(x) as h / (sqrt(x + h) + sqrt(x))."""


@elementwise(
    formula="1 / (x + h) - 1 / x",
    partials=lambda out, x, h: (-out * (1 / (x + h) + 1 / x), -1 / _f("square", x + h)),
    numpy="reciprocal_increment({0}, {1})",
    latex=r"\Delta_{{{1}}} \frac{{1}}{{{0}}}",
    kernels=(kernels.reciprocal_increment,),
    examples=_examples("reciprocal_increment", np.reciprocal, 0.2),
)
def reciprocal_increment(x: Any, h: Any) -> Any:
    """1 / (x + h) - 1 / x as -h / x / (x + h)."""


@elementwise(
    formula="exp(x + h) - exp(x)",
    partials=lambda out, x, h: (out, _f("exp", x + h)),
    numpy="exp_increment({0}, {1})",
    latex=r"\Delta_{{{1}}} e^{{{0}}}",
    kernels=(kernels.exp_increment,),
    examples=_examples("exp_increment", np.exp),
)
def exp_increment(x: Any, h: Any) -> Any:
    """e^(x + h) - e^x; for small h as e^x (e^h - 1)."""


@elementwise(
    formula="log(x + h) - log(x)",
    partials=lambda out, x, h: (_f("reciprocal_increment", x, h), 1 / (x + h)),
    numpy="log_increment({0}, {1})",
    latex=r"\Delta_{{{1}}} \log {0}",
    kernels=(kernels.log_increment,),
    examples=_examples("log_increment", np.log, 0.2),
)
def log_increment(x: Any, h: Any) -> Any:
    """log(x + h) - log(x); for small h as log(1 + h / x)."""


@elementwise(
    formula="sin(x + h) - sin(x)",
    partials=lambda out, x, h: (_f("cos_increment", x, h), _f("cos", x + h)),
    numpy="sin_increment({0}, {1})",
    latex=r"\Delta_{{{1}}} \sin {0}",
    kernels=(kernels.sin_increment,),
    examples=_examples("sin_increment", np.sin),
)
def sin_increment(x: Any, h: Any) -> Any:
    """sin(x + h) - sin(x); for small h as 2 cos(x + h / 2) sin(h / 2)."""


@elementwise(
    formula="cos(x + h) - cos(x)",
    partials=lambda out, x, h: (-_f("sin_increment", x, h), -_f("sin", x + h)),
    numpy="cos_increment({0}, {1})",
    latex=r"\Delta_{{{1}}} \cos {0}",
    kernels=(kernels.cos_increment,),
    examples=_examples("cos_increment", np.cos),
)
def cos_increment(x: Any, h: Any) -> Any:
    """cos(x + h) - cos(x); for small h as -2 sin(x + h / 2) sin(h / 2)."""
