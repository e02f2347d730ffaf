"""float32 sums along every axis: their error does not grow with the number of rows."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.ops import sum_kernels

EPS = float(np.finfo(np.float32).eps)


def layouts(x: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """The array, and views of it that are not contiguous."""
    return [x, x.transpose(2, 0, 1), x[:, ::-1], x[..., ::2], np.asfortranarray(x)]


@pytest.mark.parametrize("name", ["sum", "mean", "var", "std"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_values_and_shapes_are_those_of_numpy(name: str, keepdims: bool) -> None:
    x = np.random.default_rng(0).normal(1, 1, (3, 300, 5)).astype(np.float32)
    kernel = getattr(sum_kernels, f"{name}_along")
    axes = list(chain.from_iterable(combinations(range(3), n) for n in (1, 2, 3)))
    for y in layouts(x):
        for axis in [None, 1, *axes]:
            want = getattr(np, name)(y.astype(np.float64), axis=axis, keepdims=keepdims)
            got = kernel(y, axis, keepdims=keepdims)
            assert np.shape(got) == want.shape and np.asarray(got).dtype == np.float32
            np.testing.assert_allclose(got, want, rtol=1e-5)
            if want.ndim:
                out = np.full(want.shape, 7, np.float32)
                assert kernel(y, axis, keepdims=keepdims, out=out) is out
                np.testing.assert_array_equal(out, got)


@pytest.mark.parametrize("shape", [(0, 3), (200, 0), (0, 0), (129, 1), (128, 3), (4097, 3)])
def test_sizes_at_the_edges(shape: tuple[int, int]) -> None:
    x = np.ones(shape, np.float32)
    np.testing.assert_array_equal(sum_kernels.sum_along(x, 0), x.sum(axis=0))
    np.testing.assert_array_equal(sum_kernels.sum_along(x.T, 1), x.sum(axis=0))


@pytest.mark.parametrize("width", [1, 3, 64, 2000])
@pytest.mark.parametrize("rows", [1000, 60_000])
def test_the_error_does_not_grow_with_the_number_of_rows(rows: int, width: int) -> None:
    if rows * width > 10**7:
        rows = 10**7 // width
    x = np.random.default_rng(1).random((rows, width)).astype(np.float32)
    want = x.astype(np.float64).sum(axis=0)
    got = sum_kernels.sum_along(x, 0)
    assert np.abs(got - want).max() <= 16 * EPS * want.max()


def test_generated_source_adds_in_runs_only_where_it_matters() -> None:
    def source(shape: Any, f: Any, dtype: str = "float32") -> str:
        x = sg.input("x", shape, dtype=dtype)
        return sg.function([x], f(x)).source

    assert "sum_along(x, axis=0)" in source(("B", 3), lambda x: x.sum(axis=0))
    assert "var_along(x, axis=0, ddof=1)" in source(("B", 3), lambda x: x.var(axis=0, ddof=1))
    for plain in (
        source(("B", 3), lambda x: x.sum(axis=1)),  # contiguous
        source(("B", 3), lambda x: x.sum()),
        source((64, 3), lambda x: x.sum(axis=0)),  # few
        source(("B", 3), lambda x: x.sum(axis=0), "float64"),
    ):
        assert "_along" not in plain


def test_a_gradient_that_sums_over_a_batch_is_accurate() -> None:
    """The bias of a layer: 100,000 rows of float32, whose plain sum is off in the fifth digit."""
    x = sg.input("x", ("B", 4), dtype="float32")
    b = sg.input("b", (4,), dtype="float32")
    f = sg.function([x, b], sg.grad((sg.exp(x) + b * x).sum(), b))
    values = np.random.default_rng(2).random((100_000, 4)).astype(np.float32)
    want = values.astype(np.float64).sum(axis=0)
    got = f(values, np.zeros(4, np.float32))
    assert np.abs(got - want).max() <= 16 * EPS * want.max()
    assert np.abs(values.sum(axis=0) - want).max() > 30 * EPS * want.max()  # the plain sum
