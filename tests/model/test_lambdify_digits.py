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
    ("formula", "points"),
    [
        (sympy.besseli(1, x) / sympy.besseli(0, x), [0.5, 3.0, 800.0, 1e5]),
        (sympy.besseli(3, x) / sympy.besseli(2, x), [0.5, 3.0, 800.0]),
        (sympy.besseli(Rational(5, 2), x) * sympy.exp(-x), [0.5, 3.0, 800.0]),
        (sympy.besselk(1, x) / sympy.besselk(0, x), [0.5, 3.0, 800.0]),
        (sympy.besselk(2, x) / sympy.besselk(1, x), [0.5, 3.0, 800.0]),
        (sympy.besseli(2, x) * sympy.besselk(2, x), [0.5, 3.0, 800.0]),
        (sympy.gamma(x + Rational(1, 2)) / sympy.gamma(x), [-0.7, 0.5, 3.0, 170.0, 400.0, 3e4]),
        (sympy.gamma(x) / sympy.gamma(x + 3), [-0.7, 0.5, 3.0, 170.0, 400.0]),
    ],
    ids=str,
)
def test_quotients_and_products_stay_in_range(formula: Any, points: list[float]) -> None:
    f = sg.lambdify(x, formula, derivatives=1)
    for at in points:
        value, slope = f(at)
        true, true_slope = Truth(formula, x)(at), Truth(sympy.diff(formula, x), x)(at)
        assert abs(float(value) / float(true) - 1) <= 4e-16 * max(100, 4 * abs(at))
        assert abs(float(slope[0]) / float(true_slope) - 1) <= 1e-9


def normal(z: Any) -> Any:
    return (1 + sympy.erf(z / sqrt(2))) / 2


def test_a_call_far_out_of_the_money() -> None:
    d = sympy.log(x) / Rational(1, 5)
    price = x * normal(d + Rational(1, 10)) - normal(d - Rational(1, 10))
    assert price.is_Add and len(price.args) == 3  # SymPy writes -(1 + erf) / 2 as two terms
    f = sg.lambdify(x, price)
    for at in (0.1, 0.2, 0.4, 0.7, 1.0, 2.0):
        true = Truth(price, x)(at)
        assert abs(f(at) - float(true)) <= 1e-12 * float(true)
    assert "ndtr(t - 0.1)" in sg.lambdify(x, price, style="readable").source


@pytest.mark.parametrize(
    ("formula", "at"),
    [
        (-1 - sympy.erf(x), -8.0),
        (x * sympy.exp(-100) - 1 - sympy.erf(x), -9.0),
        (x * sympy.exp(-100) - sympy.tanh(x) / 4 - Rational(1, 4), -40.0),
        (1 - sympy.erf(x) / 2 - sympy.erf(2 * x) / 2, 5.0),
    ],
    ids=str,
)
def test_one_is_added_to_what_goes_to_minus_one(formula: Any, at: float) -> None:
    assert ulps(sg.lambdify(x, formula)(at), Truth(formula, x)(at)) <= 16


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
        (y + sympy.erf(x) + 5, "y + erf(x) + 5"),
        (sqrt(x**2 / 9 + y**2), "np.hypot(y, x / 3)"),
    ],
    ids=str,
)
def test_fractions_are_written_as_such(formula: Any, source: str) -> None:
    text = sg.lambdify((x, y), formula, style="readable").source
    assert source in text, text[-300:]
