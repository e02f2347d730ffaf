"""``sg.lambdify`` of formulas that cancel or overflow as SymPy writes them, against mpmath."""

from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from sympy import Rational, Symbol, cos, sin, sqrt, tan

import symgrad as sg
from symgrad.symbolic.series import Truth

x, y = Symbol("x"), Symbol("y")


def ulps(found: Any, true: Any) -> float:
    with mpmath.workdps(50):
        spacing = float(np.spacing(abs(float(true))))
        return float(abs(mpmath.mpf(float(found)) - true) / spacing)


@pytest.mark.parametrize(
    "formula",
    [
        sin(x) - x + x**3 / 6,
        sin(x) - x + x**3 / 6 - x**5 / 120,
        tan(x) - x / (1 - x**2 / 3),
        tan(x) - x - x**3 / 3 - 2 * x**5 / 15,
        cos(x) - 1 + x**2 / 2 - x**4 / 24,
        sympy.asin(x) - x - x**3 / 6 - 3 * x**5 / 40,
        (1 + x) ** Rational(2, 5) - 1 - 2 * x / 5,
        sympy.log(1 + x) - x * (6 + x) / (6 + 4 * x),
    ],
    ids=str,
)
@pytest.mark.parametrize("at", [1e-6, 1e-3, 0.01, 0.1])
def test_terms_of_a_series_are_fractions(formula: Any, at: float) -> None:
    found = sg.lambdify(x, formula)(at)
    assert ulps(found, Truth(formula, x)(at)) <= 8


@pytest.mark.parametrize(
    ("formula", "source"),
    [
        (x**3 / 6, "x ** 3 / 6"),
        (x / (3 * y), "x / (y * 3)"),
        ((x + 1) / 3, "(x + 1) / 3"),
        (x / 3 + y / 3, "(x + y) / 3"),
        (3 * x / 4, "x * 0.75"),
        (-x / 7, "x / -7"),
        (Rational(5, 3) / y, "1.6666666666666667 / y"),
        (sympy.pi * x / 3, "x * 1.0471975511965979"),
        (Rational(1, 10**20) * x, "x * 1e-20"),
        (sqrt(x**2 / 9 + y**2), "np.hypot(y, x / 3)"),
    ],
    ids=str,
)
def test_fractions_are_written_as_such(formula: Any, source: str) -> None:
    text = sg.lambdify((x, y), formula, style="readable").source
    assert source in text, text[-300:]
