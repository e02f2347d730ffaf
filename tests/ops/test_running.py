"""Running extremes and sums: ties, infinities, long axes; the recurrence in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.ops.axis_kernels import recurrence


def gradient(build: Any, x: Any, weights: Any) -> Any:
    v = sg.input("x", np.shape(x))
    return sg.function([v], sg.grad((build(v) * np.asarray(weights)).sum(), v))(np.asarray(x))


def test_elements_that_tie_share() -> None:
    got = gradient(sg.cummax, [1.0, 3.0, 3.0, 2.0, 3.0, 4.0], [1.0] * 6)
    # y = x0, x1, (x1 + x2)/2 twice, (x1 + x2 + x4)/3, x5
    np.testing.assert_allclose(got, [1, 1 + 1 / 2 + 1 / 2 + 1 / 3, 4 / 3, 0, 1 / 3, 1])
    got = gradient(sg.cummin, [2.0, 2.0, 1.0], [1.0, 4.0, 8.0])
    np.testing.assert_allclose(got, [1 + 2, 2, 8])


def test_nan_stays_at_its_place_and_after_it() -> None:
    x = sg.input("x", (4,))
    value = sg.function([x], sg.cummax(x))([1.0, 2.0, np.nan, 5.0])
    np.testing.assert_array_equal(value, [1.0, 2.0, np.nan, np.nan])


def test_logcumsumexp_of_nothing_but_minus_infinity() -> None:
    x = np.array([-np.inf, -np.inf, 0.0, -np.inf, 1.0])
    v = sg.input("x", (5,))
    y = sg.logcumsumexp(v)
    value, slope = sg.function([v], [y, sg.grad(y.sum(), v)])(x)
    np.testing.assert_allclose(value, [-np.inf, -np.inf, 0, 0, np.logaddexp(0, 1)])
    share = 1 / (1 + np.e)
    np.testing.assert_allclose(slope, [0, 0, 1 + 1 + share, 0, 1 - share])


@pytest.mark.parametrize("reverse", [False, True])
def test_logcumsumexp_neither_overflows_nor_underflows(reverse: bool) -> None:
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 50
    rng = np.random.default_rng(0)
    x = rng.uniform(-2000, 2000, 40)
    v = sg.input("x", (40,))
    y = sg.logcumsumexp(v, reverse=reverse)
    weights = rng.uniform(-1, 1, 40)
    value, slope = sg.function([v], [y, sg.grad((y * weights).sum(), v)])(x)
    order = slice(None, None, -1) if reverse else slice(None)
    z, w = x[order], weights[order]
    exps = [mpmath.exp(mpmath.mpf(float(t))) for t in z]
    totals = [mpmath.fsum(exps[: i + 1]) for i in range(40)]
    want = [float(mpmath.log(t)) for t in totals]
    slopes = [
        float(mpmath.fsum(float(w[i]) * exps[j] / totals[i] for i in range(j, 40)))
        for j in range(40)
    ]
    np.testing.assert_allclose(value[order], want, rtol=1e-14)
    np.testing.assert_allclose(slope[order], slopes, rtol=1e-12, atol=1e-300)


def test_cumprod_with_zeros_has_exact_gradients() -> None:
    x = np.array([2.0, 0.0, 3.0, 0.0, 5.0])
    got = gradient(sg.cumprod, x, [1.0] * 5)
    # d(x0) + d(x0 x1) + d(x0 x1 x2) + ...
    np.testing.assert_array_equal(got, [1, 2 + 2 * 3, 0, 0, 0])


def by_steps(a: Any, b: Any) -> Any:
    y = np.array(b)
    for i in range(1, len(y)):
        y[i] += a[i] * y[i - 1]
    return y


@pytest.mark.parametrize("shape", [(1,), (64,), (101,), (1000, 3), (7001,)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_recurrence_in_blocks(shape: Any, dtype: str) -> None:
    rng = np.random.default_rng(1)
    a = rng.uniform(-1.1, 1.1, shape).astype(dtype)
    a[rng.random(shape) < 0.1] = 0
    b = rng.uniform(-1, 1, shape).astype(dtype)
    got = recurrence(a, b, 0)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, by_steps(a, b), rtol=0, atol=200 * np.finfo(dtype).eps)
    moved = recurrence(np.moveaxis(a, 0, -1), np.moveaxis(b, 0, -1), a.ndim - 1)
    np.testing.assert_array_equal(np.moveaxis(moved, -1, 0), got)


def test_recurrence_where_products_of_factors_leave_the_range() -> None:
    a = np.tile([1e200, 1e-200], 500)
    b = np.ones(1000) * 1e-100
    np.testing.assert_allclose(recurrence(a, b, 0), by_steps(a, b), rtol=1e-10)
    a = np.full(400, 1e150)
    b = np.zeros(400)
    np.testing.assert_array_equal(recurrence(a, b, 0), b)


def test_recurrence_of_complex_numbers() -> None:
    rng = np.random.default_rng(3)
    a, b = (rng.uniform(-0.7, 0.7, 300) + 1j * rng.uniform(-0.7, 0.7, 300) for _ in range(2))
    np.testing.assert_allclose(recurrence(a, b, 0), by_steps(a, b), rtol=0, atol=1e-13)


def test_recurrence_of_booleans() -> None:
    a = np.random.default_rng(2).random(500) < 0.9
    b = np.ones(500)
    np.testing.assert_array_equal(recurrence(a, b, 0), by_steps(a, b))
