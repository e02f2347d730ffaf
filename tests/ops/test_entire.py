"""sinc and I0 against mpmath at 50 digits: value and derivatives, near 0 and far out."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import mpmath
import numpy as np
import pytest

import symgrad as sg
from symgrad.ops import entire_kernels as kernels

INF, NAN = np.inf, np.nan
NEAR = [1e-300, 1e-17, 1e-8, 1e-4, 0.01, 0.3, 0.5]
FAR = [1.0, 1.7, 2.0, 3.25, 10.0, 10.5, 1e3 + 0.25, 1e8 + 0.25, 2.0**60]


def sinc_derivative(x: float, order: int) -> Any:
    """By the integral of s^n cos(pi x s + n pi / 2) over [0, 1], term by term of its series."""
    with mpmath.workdps(60):
        t = mpmath.pi * mpmath.mpf(x)
        if abs(x) < 4:
            first = (order + 1) // 2
            terms = [
                (-1) ** k * t ** (2 * k - order) / (mpmath.factorial(2 * k - order) * (2 * k + 1))
                for k in range(first, first + 60)
            ]
            return mpmath.pi**order * mpmath.fsum(terms)
        return mpmath.diff(lambda u: mpmath.sin(mpmath.pi * u) / (mpmath.pi * u), x, order)


@pytest.mark.parametrize("order", range(5))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_derivatives_of_sinc(order: int, dtype: str) -> None:
    points = np.array([0.0, *NEAR, *FAR, *[-p for p in NEAR + FAR]]).astype(dtype)
    got = kernels.sinc(points, order)
    assert got.dtype == points.dtype
    eps = float(np.finfo(dtype).eps)
    for x, y in zip(points.tolist(), got.tolist(), strict=True):
        want = sinc_derivative(x, order)
        # near a zero of the derivative the last bit of pi x shows
        scale = abs(float(want)) + np.pi**order * min(abs(x), 1 / max(abs(x), 1e-300))
        assert abs(y - float(want)) <= 8 * eps * scale, (x, y, want)


def test_sinc_at_its_special_points() -> None:
    points = np.array([0.0, 1.0, -2.0, 1e6, INF, -INF, NAN])
    np.testing.assert_array_equal(kernels.sinc(points), [1, 0, 0, 0, 0, 0, NAN])
    np.testing.assert_array_equal(kernels.sinc(points[[0, 4, 6]], 1), [0, 0, NAN])
    np.testing.assert_allclose(kernels.sinc(points[0], 2), -(np.pi**2) / 3, rtol=1e-15)


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_modified_bessel_functions(order: int, dtype: str) -> None:
    big = 85.0 if dtype == "float32" else 700.0
    points = np.array([0.0, 1e-8, 0.1, 1.0, 5.5, 14.0, 24.2, 29.9, 30.1, 50.0, big]).astype(dtype)
    points = np.concatenate([points, -points])
    got = kernels.bessel_i(points, order)
    assert got.dtype == points.dtype
    want = np.array([float(mpmath.besseli(order, float(x))) for x in points])
    np.testing.assert_allclose(got, want, rtol=6 * float(np.finfo(dtype).eps))


def test_modified_bessel_functions_at_their_ends() -> None:
    points = np.array([INF, -INF, NAN, 713.0])
    np.testing.assert_array_equal(kernels.bessel_i(points[:3], 0), [INF, INF, NAN])
    np.testing.assert_array_equal(kernels.bessel_i(points[:3], 1), [INF, -INF, NAN])
    assert np.isfinite(kernels.bessel_i(points[3]))  # e^713 is not


@pytest.mark.parametrize("name", ["sinc", "bessel_i"])
def test_the_contract_of_kernels(name: str) -> None:
    kernel = getattr(kernels, name)
    x = np.array([[0.0, 1.5], [-3.0, 40.0]])
    want = kernel(x, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with np.errstate(all="raise", under="ignore"):
            out = x.copy()
            assert kernel(out, 1, out) is out
            np.testing.assert_array_equal(out, want)
            assert np.ndim(kernel(np.float64(1.5))) == 0
            assert kernel(np.array([1, 2])).dtype == np.float64
    assert inspect.getdoc(kernel)


def test_second_derivatives_at_zero() -> None:
    x = sg.input("x", ())
    for fn, want in ((sg.sinc, -(np.pi**2) / 3), (sg.i0, 0.5)):
        second = sg.grad(sg.grad(fn(x), x), x)
        np.testing.assert_allclose(sg.function([x], second)(0.0), want, rtol=1e-15)
