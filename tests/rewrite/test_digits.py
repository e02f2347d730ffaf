"""Differences that vanish near a point or far out, value and slope against mpmath."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import symgrad as sg

mp = mpmath.mp.clone()
mp.dps = 60


def cbrt(x: Any) -> Any:
    return mp.sign(x) * mp.cbrt(abs(x))


ONE: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "cbrt(1 + x) - 1 - x/3": (
        lambda x: sg.cbrt(1 + x) - 1 - x / 3,
        lambda x: cbrt(1 + x) - 1 - x / 3,
    ),
    "(1 + x)^(1/3) - 1 - x/3": (
        lambda x: (1 + x) ** (1 / 3) - 1 - x / 3,
        lambda x: cbrt(1 + x) - 1 - x / 3,
    ),
    "(1 + x)^0.4 - 1 - 0.4 x": (
        lambda x: (1 + x) ** 0.4 - 1 - 0.4 * x,
        lambda x: (1 + x) ** (mp.mpf(2) / 5) - 1 - 2 * x / 5,
    ),
    "cbrt(1 + x^3) - x": (lambda x: sg.cbrt(1 + x**3) - x, lambda x: cbrt(1 + x**3) - x),
}


@pytest.mark.parametrize("name", ONE)
def test_roots_of_one_variable(name: str) -> None:
    build, exact = ONE[name]
    x = sg.input("x", ())
    f = sg.function([x], [build(x), sg.grad(build(x), x)])
    for at in (-0.5, 1e-9, 1e-6, 1e-3, 0.1, 1.0, 8.0, 1e3):
        value, slope = f(at)
        np.testing.assert_allclose(value, float(exact(mp.mpf(at))), rtol=4e-15)
        np.testing.assert_allclose(slope, float(mp.diff(exact, mp.mpf(at))), rtol=2e-14)


SPELLINGS: dict[str, tuple[Callable[[Any, Any], Any], int]] = {
    "hypot(v, w) - v": (lambda v, w: sg.hypot(v, w) - v, 1),
    "hypot(w, v) - v": (lambda v, w: sg.hypot(w, v) - v, 1),
    "sqrt(v^2 + w^2) - v": (lambda v, w: sg.sqrt(v**2 + w**2) - v, 1),
    "v - sqrt(v v + w w)": (lambda v, w: v - sg.sqrt(v * v + w * w), -1),
    "-v + hypot(v, w)": (lambda v, w: -v + sg.hypot(v, w), 1),
    "u + hypot(u, w), u = -v": (lambda v, w: (0 - v) + sg.hypot(0 - v, w), 1),
}
PAIRS = [
    (1e8, 1.0), (-1e8, 1.0), (1.0, -1e8), (1.0, 1.0), (3.0, 2.9), (0.0, 1.0), (1e200, 1e190),
    (1e190, -1e200), (1e-200, -1e-200), (1e-5, 1e-9),
]  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_length_less_one_side(name: str) -> None:
    build, sign = SPELLINGS[name]
    v, w = sg.input("v", ()), sg.input("w", ())
    f = sg.function([v, w], [build(v, w), *sg.grad(build(v, w), [v, w])])
    for at in PAIRS:
        a, b = map(mp.mpf, at)
        r = mp.sqrt(a * a + b * b)
        value, d_v, d_w = [sign * float(part) for part in f(*at)]
        np.testing.assert_allclose(value, float(r - a), rtol=2e-15)
        np.testing.assert_allclose(d_v, float((a - r) / r), rtol=2e-15)
        np.testing.assert_allclose(d_w, float(b / r), rtol=2e-15)


def test_length_less_one_side_at_the_ends() -> None:
    v, w = sg.input("v", ()), sg.input("w", ())
    f = sg.function([v, w], [sg.hypot(v, w) - v, *sg.grad(sg.hypot(v, w) - v, [v, w])])
    assert [float(part) for part in f(0.0, 0.0)] == [0.0, -1.0, 0.0]
    assert float(f(1.0, np.inf)[0]) == np.inf
    assert float(f(-np.inf, 1.0)[0]) == np.inf
    assert np.isnan(f(np.nan, 1.0)[0])


def test_far_out_an_even_function_has_even_powers_alone() -> None:
    x = sg.input("x", ())
    slope = sg.grad(sg.sin(1 / x) * x, x)
    source = sg.function([x], slope, style="readable").source
    assert "e-18" not in source
    assert source.count("np.square(") == 1  # of 1 / x, for both ends
    f = sg.function([x], slope)
    for at in (-1e5, -30.0, -1.5, 1.5, 30.0, 1e5):
        exact = mp.sin(1 / mp.mpf(at)) - mp.cos(1 / mp.mpf(at)) / mp.mpf(at)
        np.testing.assert_allclose(f(at), float(exact), rtol=2e-15)
