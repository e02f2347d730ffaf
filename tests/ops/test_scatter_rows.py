"""Additions to rows that are named repeatedly: against ``np.add.at`` on rows."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.ops.scatter_kernels import add_rows


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (0,), (2, 0)])
@pytest.mark.parametrize("rest", [(3,), (2, 3), (0,), (1,)])
def test_rows_get_all_that_is_added(
    shape: tuple[int, ...], rest: tuple[int, ...], dtype: str
) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(-7, 7, shape)
    values = (10 * rng.standard_normal((*shape, *rest))).astype(dtype)
    expected, got = np.ones((7, *rest), dtype), np.ones((7, *rest), dtype)
    np.add.at(expected, rows, values)
    add_rows(got, rows, values)
    assert got.tobytes() == expected.tobytes()
    add_rows(got[::2], np.array([0, 0]), np.ones((2, *rest), dtype))  # not contiguous
    np.add.at(expected[::2], [0, 0], np.ones((2, *rest), dtype))
    np.testing.assert_array_equal(got, expected)
    add_rows(got, rows, np.ones(rest, dtype))  # broadcast
    np.add.at(expected, rows, np.ones(rest, dtype))
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("row", [7, -8])
def test_rows_outside_are_an_error(row: int) -> None:
    with pytest.raises(IndexError):
        add_rows(np.ones((7, 2)), np.array([0, row]), np.ones((2, 2)))


def test_the_gradient_of_an_embedding_uses_it() -> None:
    ids, W = sg.input("ids", ("B", "T"), "int64"), sg.param("W", (100, 8))
    f = sg.function([ids, W], sg.grad((sg.sin(W)[ids] ** 2).sum(), W))
    assert "add_rows(" in f.source
    table, at = (
        np.random.default_rng(0).standard_normal((100, 8)),
        np.array([[1, 2, 1], [99, 0, 1]]),
    )
    times = np.bincount(at.ravel(), minlength=100)[:, None]
    np.testing.assert_allclose(f(at, table), times * np.sin(2 * table), atol=1e-15)
