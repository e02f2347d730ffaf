"""Factors that multiply and divide leave nothing behind but their NaN."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg

BIG, TINY = 1e300, 1e-310

#: what is written, what it is, and where the written form rounds, overflows or is 0 / 0
FORMULAS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "x / y * y": (lambda x, y, z: x / y * y, lambda x, y, z: x),
    "y (x / y)": (lambda x, y, z: y * (x / y), lambda x, y, z: x),
    "x y / y": (lambda x, y, z: x * y / y, lambda x, y, z: x),
    "3 x / -y (2 y)": (lambda x, y, z: 3 * x / -y * (2 * y), lambda x, y, z: -6 * x),
    "y / (x y)": (lambda x, y, z: y / (x * y), lambda x, y, z: 1 / x),
    "x y z / (y z)": (lambda x, y, z: x * y * z / (y * z), lambda x, y, z: x),
    "x^2 y / (z y)": (lambda x, y, z: x**2 * y / (z * y), lambda x, y, z: x**2 / z),
    "y^3 x / y^2 / y": (lambda x, y, z: y**3 * x / y**2 / y, lambda x, y, z: x),
    "x / sqrt(y^2) sqrt(y^2)": (
        lambda x, y, z: x / np.sqrt(y**2) * np.sqrt(y**2),
        lambda x, y, z: x,
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FORMULAS)
def test_nothing_is_left(name: str, dtype: str) -> None:
    build, truth = FORMULAS[name]
    x, y, z = [sg.input(n, (5,), dtype=dtype) for n in "xyz"]
    out = build(x, y, z)
    found = sg.function([x, y, z], [out, *sg.grad(out.sum(), [x, y])])
    big, tiny = (BIG, TINY) if dtype == "float64" else (1e38, 1e-42)
    a = np.array([0.1, -0.3, 1.7, 3.0, -2.0], dtype)
    b = np.array([0.7, big, tiny, np.inf, 0.0], dtype)
    c = np.array([0.9, 1.1, -0.7, 2.0, 1.0], dtype)
    value, d_x, d_y = found(a, b, c)
    np.testing.assert_allclose(value, truth(a, b, c), rtol=4 * np.finfo(dtype).eps)
    assert np.isfinite(d_x).all()
    np.testing.assert_array_equal(d_y, np.zeros(5, dtype))


def test_its_nan_stays_at_its_own_place() -> None:
    x, y = sg.input("x", (3,)), sg.input("y", (3,))
    found = sg.function([x, y], [x / y * y, x**2 / x])
    ratio, power = found([1.0, 2.0, np.nan], [np.nan, 3.0, 4.0])
    np.testing.assert_array_equal(ratio, [np.nan, 2.0, np.nan])
    np.testing.assert_array_equal(power, [1.0, 2.0, np.nan])


def test_shapes_stay() -> None:
    x, y = sg.input("x", (3,)), sg.input("y", ("B", 1))
    for out in (x / y * y, x * y**2 / y / y):
        assert sg.function([x, y], out)(np.ones(3), np.ones((2, 1))).shape == (2, 3)


@pytest.mark.parametrize("c", [1.0, 0.5, 2.0, 2.5, -2.0, 1 / 3])
def test_exponentials_of_logarithms(c: float) -> None:
    x = sg.input("x", (6,))
    at = np.array([1e100, 3.7e-90, 0.3, 0.0, np.inf, -1.0])
    with np.errstate(all="ignore"):
        truth = np.where(at < 0, np.nan, at**c)
        found = sg.function([x], np.exp(c * np.log(x)))(at)
    np.testing.assert_allclose(found, truth, rtol=4 * np.finfo(float).eps)


def test_compensated_summation_is_left_as_it_is() -> None:
    """Knuth's two-sum: what is lost in a + b."""
    a, b = sg.input("a", ()), sg.input("b", ())
    s = a + b
    c = s - a
    lost = (a - (s - c)) + (b - c)
    assert sg.function([a, b], lost)(1.0, 2.0**-60) == 2.0**-60
