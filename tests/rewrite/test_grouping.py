"""An amplitude in front of what cancels: value and two derivatives against 60 digits."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

import symgrad as sg

FORMULAS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "A sin(x) / x": lambda m, x, a: a * m.sin(x) / x,
    "A x / (e^x - 1)": lambda m, x, a: a * x / (m.exp(x) - 1),
    "A (1 - e^-x) / x": lambda m, x, a: a * (1 - m.exp(-x)) / x,
    "A tanh(x) / x": lambda m, x, a: a * m.tanh(x) / x,
    "A x^2 e^x / (e^x - 1)^2": lambda m, x, a: a * x**2 * m.exp(x) / (m.exp(x) - 1) ** 2,
    "A log(1 + x) / x": lambda m, x, a: a * m.log(1 + x) / x,
    "x e^-A / (1 - e^-x)": lambda m, x, a: x * m.exp(-a) / (1 - m.exp(-x)),
    "A / tanh(x) - A / x": lambda m, x, a: a / m.tanh(x) - a / x,
    "1 / x A sin(x)": lambda m, x, a: 1 / x * a * m.sin(x),
    "A^2 (1 - cos(x)) / x^2 / 3": lambda m, x, a: a**2 * (1 - m.cos(x)) / x**2 / 3,
}


@pytest.mark.parametrize("broadcast", [False, True])
@pytest.mark.parametrize("name", FORMULAS)
def test_an_amplitude_hides_nothing(name: str, broadcast: bool) -> None:
    build = FORMULAS[name]
    points = np.array([1e-8, -3e-5, 0.3, 2.0])
    amplitude = 1.7
    x, a = sg.input("x", (4,)), sg.input("a", (2, 1) if broadcast else ())
    y = build(np, x, a)
    total = y[0] if broadcast else y
    first = sg.grad(total.sum(), x)
    found = sg.function([x, a], [total, first, sg.grad(first.sum(), x)])(
        points, np.full((2, 1), amplitude) if broadcast else amplitude
    )
    symbol = sympy.Symbol("x")
    formula = build(sympy, symbol, sympy.Rational(amplitude))
    for order, values in enumerate(found):
        exact = sympy.lambdify(symbol, formula.diff(symbol, order), "mpmath")
        for point, value in zip(points, values, strict=True):
            with mpmath.workdps(90):
                truth = exact(mpmath.mpf(point))
                error = abs(mpmath.mpf(float(value)) - truth) / abs(truth)
            assert error < (8, 32, 128)[order] * 2.0**-53, (order, point, value, float(truth))
