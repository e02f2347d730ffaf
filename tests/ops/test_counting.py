"""Counts, averages, covariance: gradients by hand, large means, conventions and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import DeclarationError, DTypeError, ShapeError

INF, NAN = np.inf, np.nan


def run(f: Callable[..., Any], *arrays: Any) -> Any:
    nodes = [sg.input(f"x{i}", a.shape, dtype=a.dtype) for i, a in enumerate(arrays)]
    return sg.function(nodes, f(*nodes))(*arrays)


def slope(f: Callable[..., Any], x: Any) -> Any:
    return run(lambda node: sg.grad(f(node).sum(), node), np.asarray(x, "float64"))


# ---- correlation


def exact_correlation(x: Any, y: Any) -> Any:
    with mpmath.workdps(50):
        x, y = [[mpmath.mpf(float(v)) for v in row] for row in (x, y)]
        x, y = [[v - mpmath.fsum(row) / len(row) for v in row] for row in (x, y)]
        dot = mpmath.fsum(a * b for a, b in zip(x, y, strict=True))
        return dot / mpmath.sqrt(mpmath.fsum(a * a for a in x) * mpmath.fsum(b * b for b in y))


@pytest.mark.parametrize(
    ("scale", "shift"), [(1, 0), (1, 1e8), (1e-200, 0), (1e200, 0), (1, -1e15)]
)
def test_correlation_at_large_means_and_scales(scale: float, shift: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 40)) * scale + shift
    got = run(sg.corrcoef, x)
    want = float(exact_correlation(*x))
    np.testing.assert_allclose(got, [[1, want], [want, 1]], rtol=1e-13, atol=1e-15)


def test_the_gradient_of_a_correlation_at_a_large_mean() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 30)) + 1e7
    got = slope(lambda v: sg.corrcoef(v, sg.const(y))[0, 1], x)
    a, b = x - x.mean(), y - y.mean()
    r = a @ b / np.sqrt((a @ a) * (b @ b))
    want = b / np.sqrt((a @ a) * (b @ b)) - r * a / (a @ a)
    np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9)


def test_constants_have_no_correlation() -> None:
    x = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]])
    np.testing.assert_allclose(run(sg.corrcoef, x), [[NAN, NAN], [NAN, 1.0]], rtol=1e-15)


def test_errors_of_covariance() -> None:
    x = sg.input("x", (3, 4))
    with pytest.raises(DTypeError, match="fweights must be integers"):
        sg.cov(x, fweights=[0.5, 1.0, 1.0, 1.0])
    with pytest.raises(DeclarationError, match="ddof"):
        sg.cov(x, ddof=0.5)
    with pytest.raises(ShapeError, match="two axes"):
        sg.cov(sg.input("y", (2, 3, 4)))
    with pytest.raises(ShapeError, match="axis"):
        sg.average(x, weights=[1.0, 2.0, 3.0])


# ---- deviations


@pytest.mark.parametrize("value", [0.1, 1e8 / 3, -7.3e-12])
@pytest.mark.parametrize("masked", [False, True])
def test_the_deviation_of_equal_numbers_has_gradient_zero(value: float, masked: bool) -> None:
    x = np.full(11, value)
    mask = np.arange(11) % 3 > 0
    got = slope(lambda v: sg.std(v, where=mask) if masked else sg.nanstd(v), x)
    np.testing.assert_array_equal(got, 0.0)


# ---- counts


def test_weights_of_counts_have_gradients() -> None:
    ids, w = np.array([0, 2, 2, 1]), np.array([1.0, 2.0, 3.0, 4.0])
    i, v = sg.input("i", (4,), dtype="int64"), sg.input("v", (4,))
    y = sg.bincount(i, v, length=4) * np.array([1.0, 10.0, 100.0, 1000.0])
    f = sg.function([i, v], [sg.bincount(i, v, length=4), sg.grad(y.sum(), v)])
    got, slopes = f(ids, w)
    np.testing.assert_array_equal(got, [1, 4, 5, 0])
    np.testing.assert_array_equal(slopes, [1, 100, 100, 10])


def test_the_length_of_a_count_is_static_and_checked() -> None:
    ids = sg.input("ids", ("N",), dtype="int64")
    with pytest.raises(DeclarationError, match="length"):
        sg.bincount(ids)
    assert sg.bincount([0, 3, 1]).shape == (4,)
    assert sg.bincount(ids, minlength=5).shape == (5,)
    f = sg.function([ids], sg.bincount(ids, length=3))
    np.testing.assert_array_equal(f([0, 2, 2]), [1, 0, 2])
    with pytest.raises(ValueError, match="below 3; got 3"):
        f([0, 3])
    with pytest.raises(DTypeError, match="integers"):
        sg.bincount(sg.input("x", (3,)), length=3)


@pytest.mark.parametrize("dtype", ["int64", "float32", "float64"])
def test_a_histogram_at_its_edges(dtype: str) -> None:
    x = np.array([0, 1, 1, 2, 3, 3, 4, -1, 5]).astype(dtype)
    for bins in ([0, 1, 2, 3], 3):
        want, edges = np.histogram(x, bins, range=(0, 3) if isinstance(bins, int) else None)
        options = {"range": (0, 3)} if isinstance(bins, int) else {}
        got, where = run(lambda v, b=bins, o=options: list(sg.histogram(v, b, **o)), x)
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(where, edges)
        assert got.dtype == want.dtype and where.dtype == edges.dtype


def test_histograms_of_one_value_and_of_none() -> None:
    for x in (np.full(3, 2.5), np.empty(0)):
        want, edges = np.histogram(x, 4)
        got, where = run(lambda v: list(sg.histogram(v, 4)), x)
        np.testing.assert_array_equal(got, want)
        np.testing.assert_allclose(where, edges, rtol=1e-15)


def test_errors_of_histograms() -> None:
    x = sg.input("x", (5,))
    with pytest.raises(DeclarationError, match="depend on the values"):
        sg.histogram(x, "auto")
    with pytest.raises(DeclarationError, match="ascending"):
        sg.histogram(x, [0.0, 2.0, 1.0])
    with pytest.raises(DeclarationError, match="at least 1"):
        sg.histogram(x, 0)


# ---- NaN


def test_sums_without_nan_and_of_nothing() -> None:
    x = np.array([[NAN, 2.0], [NAN, NAN]])
    np.testing.assert_array_equal(run(lambda v: sg.nansum(v, axis=1), x), [2, 0])
    np.testing.assert_array_equal(run(lambda v: sg.nanprod(v, axis=1), x), [2, 1])
    np.testing.assert_array_equal(slope(lambda v: sg.nanprod(v, axis=1), x), [[0, 1], [0, 0]])
    np.testing.assert_array_equal(run(lambda v: sg.nanmax(v, axis=1, initial=-5.0), x), [2, -5])
    with pytest.raises(ValueError, match="All-NaN"):
        run(lambda v: sg.nanargmax(v, axis=1), x)


def test_replaced_numbers_have_no_gradient_below_either() -> None:
    x = np.array([0.0, 4.0, -1.0, INF])
    got = slope(lambda v: sg.nan_to_num(1 / sg.sqrt(v)), x)
    np.testing.assert_array_equal(got, [0.0, -1 / 16, 0.0, -0.0])
