"""Differences of nearby values: f(p) - f(q) without the loss of what p and q have in common.

Each is an op of its own, so that its slopes are those of the difference as it was written: f'(p)
and -f'(q), which do not cancel.
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
    "cos_difference",
    "exp_difference",
    "log_difference",
    "log_product",
    "log_quotient",
    "reciprocal_difference",
    "root_less",
    "sin_difference",
    "sqrt_difference",
    "square_difference",
]

_SHAPES = (((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), ()))


def _examples(
    name: str, reference: Callable[..., Any], low: float = -2.0, high: float = 2.0
) -> tuple[Example, ...]:
    return tuple(
        Example(
            lambda p, q: FUNCTIONS[name](p, q),
            reference,
            shapes,
            domain=((low, high), (low, high)),
        )
        for shapes in _SHAPES
    )


def _f(name: str, x: Expr) -> Expr:
    made: Expr = FUNCTIONS[name](x)
    return made


@elementwise(
    formula="p**2 - q**2",
    partials=lambda out, p, q: (p * 2, q * -2),
    numpy="square_difference({0}, {1})",
    latex="{0}^2 - {1}^2",
    kernels=(kernels.square_difference,),
    examples=_examples("square_difference", lambda p, q: p * p - q * q),
)
def square_difference(p: Any, q: Any) -> Any:
    """p^2 - q^2 as (p - q) (p + q).

    Examples
    --------
    >>> import symgrad as sg
    >>> p = sg.input("p", ())
    >>> float(sg.function([p], p**2 - sg.const(1e8) ** 2)(1e8 + 1e-8) > 0)
    1.0
    """


@elementwise(
    formula="sqrt(p) - sqrt(q)",
    partials=lambda out, p, q: (0.5 / _f("sqrt", p), -0.5 / _f("sqrt", q)),
    numpy="sqrt_difference({0}, {1})",
    latex=r"\sqrt{{{0}}} - \sqrt{{{1}}}",
    kernels=(kernels.sqrt_difference,),
    examples=_examples("sqrt_difference", lambda p, q: np.sqrt(p) - np.sqrt(q), 0.2, 3.0),
)
def sqrt_difference(p: Any, q: Any) -> Any:
    """sqrt(p) - sqrt(q) as (p - q) / (sqrt(p) + sqrt(q))."""


@elementwise(
    formula="1/p - 1/q",
    partials=lambda out, p, q: (-1 / _f("square", p), 1 / _f("square", q)),
    numpy="reciprocal_difference({0}, {1})",
    latex=r"\frac{{1}}{{{0}}} - \frac{{1}}{{{1}}}",
    kernels=(kernels.reciprocal_difference,),
    examples=_examples("reciprocal_difference", lambda p, q: 1 / p - 1 / q, 0.3, 3.0),
)
def reciprocal_difference(p: Any, q: Any) -> Any:
    """1 / p - 1 / q as (q - p) / p / q."""


@elementwise(
    formula="exp(p) - exp(q)",
    partials=lambda out, p, q: (_f("exp", p), -_f("exp", q)),
    numpy="exp_difference({0}, {1})",
    latex="e^{{{0}}} - e^{{{1}}}",
    kernels=(kernels.exp_difference,),
    examples=_examples("exp_difference", lambda p, q: np.exp(p) - np.exp(q)),
)
def exp_difference(p: Any, q: Any) -> Any:
    """e^p - e^q; for close p and q as e^q (e^(p - q) - 1)."""


@elementwise(
    formula="log(p) - log(q)",
    partials=lambda out, p, q: (1 / p, -1 / q),
    numpy="log_difference({0}, {1})",
    latex=r"\log {0} - \log {1}",
    kernels=(kernels.log_difference,),
    examples=_examples("log_difference", lambda p, q: np.log(p) - np.log(q), 0.2, 3.0),
)
def log_difference(p: Any, q: Any) -> Any:
    """log p - log q; for close p and q as log(1 + (p - q) / q)."""


@elementwise(
    formula="log(p / q)",
    partials=lambda out, p, q: (1 / p, -1 / q),
    numpy="log_quotient({0}, {1})",
    latex=r"\log \frac{{{0}}}{{{1}}}",
    kernels=(kernels.log_quotient,),
    examples=_examples("log_quotient", lambda p, q: np.log(p / q), 0.2, 3.0),
)
def log_quotient(p: Any, q: Any) -> Any:
    """log(p / q), also where p / q is close to 1, overflows or vanishes."""


@elementwise(
    formula="log(p * q)",
    partials=lambda out, p, q: (1 / p, 1 / q),
    numpy="log_product({0}, {1})",
    latex=r"\log\left({0} {1}\right)",
    kernels=(kernels.log_product,),
    examples=_examples("log_product", lambda p, q: np.log(p * q), 0.2, 3.0),
)
def log_product(p: Any, q: Any) -> Any:
    """log(p q), also where the product overflows or vanishes."""


@elementwise(
    formula="sin(p) - sin(q)",
    partials=lambda out, p, q: (_f("cos", p), -_f("cos", q)),
    numpy="sin_difference({0}, {1})",
    latex=r"\sin {0} - \sin {1}",
    kernels=(kernels.sin_difference,),
    examples=_examples("sin_difference", lambda p, q: np.sin(p) - np.sin(q)),
)
def sin_difference(p: Any, q: Any) -> Any:
    """sin p - sin q; for close p and q as 2 cos((p + q) / 2) sin((p - q) / 2)."""


@elementwise(
    formula="cos(p) - cos(q)",
    partials=lambda out, p, q: (-_f("sin", p), _f("sin", q)),
    numpy="cos_difference({0}, {1})",
    latex=r"\cos {0} - \cos {1}",
    kernels=(kernels.cos_difference,),
    examples=_examples("cos_difference", lambda p, q: np.cos(p) - np.cos(q)),
)
def cos_difference(p: Any, q: Any) -> Any:
    """cos p - cos q; for close p and q as -2 sin((p + q) / 2) sin((p - q) / 2)."""


def _root_slopes(out: Expr, q: Expr, r: Expr) -> tuple[Expr, Expr]:
    root = FUNCTIONS["sqrt"](q * q + r)
    return -out / root, 0.5 / root


@elementwise(
    formula="sqrt(q**2 + r) - q",
    partials=_root_slopes,
    numpy="root_less({0}, {1})",
    latex=r"\sqrt{{{0}^2 + {1}}} - {0}",
    kernels=(kernels.root_less,),
    examples=tuple(
        Example(
            lambda q, r: root_less(q, r),
            lambda q, r: np.sqrt(q * q + r) - q,
            shapes,
            domain=((-2.0, 2.0), (0.5, 2.0)),
        )
        for shapes in _SHAPES
    ),
)
def root_less(q: Any, r: Any) -> Any:
    """sqrt(q^2 + r) - q; for q > 0 as r / (sqrt(q^2 + r) + q): a root of t^2 + 2 q t = r."""
