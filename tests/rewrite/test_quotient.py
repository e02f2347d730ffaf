"""Quotients of polynomials over one denominator, and what is left as it was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import symgrad as sg

#: formulas of one variable; they take symgrad's expressions and mpmath's numbers
QUOTIENTS: dict[str, Callable[[Any], Any]] = {
    "x / (a + x)": lambda x: 2.3 * x / (0.7 + x),
    "x^2 / (x^2 + 3)": lambda x: x**2 / (x**2 + 3),
    "(x^2 + 2 x + 3) / (x^2 + 4)": lambda x: (x**2 + 2 * x + 3) / (x**2 + 4),
    "1 / (1 + 25 x^2)": lambda x: 1 / (1 + 25 * x**2),
    "x / (1 + x) - x / (2 + x)": lambda x: x / (1 + x) - x / (2 + x),
    "x^3 / (1 + x)^3": lambda x: x**3 / (1 + x) ** 3,
    "Hill": lambda x: x**2.5 / (0.4**2.5 + x**2.5),
    "x^1.3 / (2 + x^1.3)": lambda x: x**1.3 / (2 + x**1.3),
    "sqrt(x) / (1 + sqrt(x))": lambda x: x**0.5 / (1 + x**0.5),
    "1 / x - 1 / (x + 1)": lambda x: 1 / x - 1 / (x + 1),
    "(x - 1) / (x + 1)": lambda x: (x - 1) / (x + 1),
}
POINTS = np.array([1e-9, 0.03, 0.31, 1.7, 12.0, 900.0, 3e5, 7e9, 2e15])


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize("name", QUOTIENTS)
def test_a_slope_keeps_its_digits_at_any_distance(name: str, style: str) -> None:
    formula = QUOTIENTS[name]
    x = sg.input("x", POINTS.shape)
    f = sg.function([x], sg.grad(formula(x).sum(), x), style=style)
    got = f(POINTS)
    with mpmath.workdps(80):
        exact = [mpmath.diff(formula, mpmath.mpf(p)) for p in POINTS]
    for point, value, truth in zip(POINTS, got, exact, strict=True):
        error = abs(mpmath.mpf(float(value)) - truth) / abs(truth)
        assert error < 64 * np.finfo(np.float64).eps, f"{name} at {point}: {float(error):.2g}"


# a difference of reciprocals is one of nearby values, and has a function of its own
@pytest.mark.parametrize("name", [name for name in QUOTIENTS if name != "1 / x - 1 / (x + 1)"])
def test_it_reads_as_on_paper(name: str) -> None:
    x = sg.input("x", ("n",))
    f = sg.function([x], sg.grad(QUOTIENTS[name](x).sum(), x), style="readable")
    assert "where" not in f.source
    assert "power_series" not in f.source


def test_a_slope_of_saturation_is_a_square_below() -> None:
    x = sg.input("x", (3,))
    f = sg.function([x], sg.grad((x / (4.0 + x)).sum(), x), style="readable")
    assert "4 / np.square(4 + x)" in f.source


def test_what_was_written_as_a_difference_is_not_multiplied_out() -> None:
    """(x - 1000)^2 + 1 would lose half of its digits as a polynomial in x."""
    x = sg.input("x", (4,))
    points = 1000 + np.array([-2.5, 0.3, 0.7, 40.0])
    f = sg.function([x], sg.grad((1 / ((x - 1000) ** 2 + 1)).sum(), x))
    t = points - 1000
    np.testing.assert_allclose(f(points), -2 * t / (t**2 + 1) ** 2, rtol=1e-14)


#: far from zero a sine loses what its argument does: no polynomial can help it everywhere
LEFT: dict[str, Callable[[Any], Any]] = {
    "sin(2 pi x)": lambda x: sg.sin(2 * np.pi * x),
    "sin(3 pi x) / 2": lambda x: 0.5 * sg.sin(3 * np.pi * x),
    "two waves": lambda x: sg.sin(100 * x) + 0.3 * sg.sin(200 * x),
    "a chirp": lambda x: sg.sin(30 * x + 5 * x**2),
    "damped": lambda x: sg.exp(-0.5 * x) * sg.cos(2 * np.pi * x),
    "a bell": lambda x: sg.exp(-0.5 * ((x - 1.5) / 0.2) ** 2),
    "a potential": lambda x: 1.2 * ((2.5 / x) ** 12 - (2.5 / x) ** 6),
    "Arrhenius": lambda x: 1e5 * sg.exp(-4000 / (8.314 * x)),
    "van der Waals": lambda x: 8.314 * 300 / (x - 0.03) - 0.4 / x**2,
    "a cubic": lambda x: 3 * x**3 - 2.5 * x**2 + 0.1 * x - 7,
}


@pytest.mark.parametrize("name", LEFT)
def test_ordinary_formulas_get_no_polynomials(name: str) -> None:
    x = sg.input("x", ("n",))
    y = LEFT[name](x)
    f = sg.function([x], [y, sg.grad(y.sum(), x)], style="readable")
    assert "power_series" not in f.source


def test_what_touches_zero_is_still_mended() -> None:
    """x - 1 - log x is small, and never negative, near 1."""
    x = sg.input("x", (6,))
    points = 1 + np.array([-1e-4, -1e-7, -1e-9, 1e-9, 1e-7, 1e-4])
    got = sg.function([x], x - 1 - sg.log(x))(points)
    with mpmath.workdps(60):
        exact = [float(mpmath.mpf(p) - 1 - mpmath.log(mpmath.mpf(p))) for p in points]
    np.testing.assert_allclose(got, exact, rtol=1e-15)


def test_curvature_of_a_logistic_density_is_one_quotient() -> None:
    x = sg.input("x", (3,))
    density = sg.exp(-x) / (1 + sg.exp(-x)) ** 2
    curvature = sg.grad(sg.grad(density.sum(), x).sum(), x)
    f = sg.function([x], curvature, style="readable")
    assert f.source.count("np.exp(") <= 3
    points = np.array([-1.7, 0.2, 3.1])
    with mpmath.workdps(60):
        exact = [float(mpmath.diff(lambda t: mpmath.exp(-t) / (1 + mpmath.exp(-t)) ** 2, p, 2))
                 for p in points]  # fmt: skip
    np.testing.assert_allclose(f(points), exact, rtol=1e-14)
