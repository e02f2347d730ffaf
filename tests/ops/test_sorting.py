"""Sorting, places and quantiles: ties, NaN, infinities, errors; no difference shows these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.graph import topological
from symgrad.ops.index import provably_unique
from tests.fuzzing import examples

INF, NAN = np.inf, np.nan


def run(f: Callable[..., Any], x: Any, dtype: str = "float64") -> Any:
    values = np.asarray(x, dtype)
    node = sg.input("x", values.shape, dtype=dtype)
    return sg.function([node], f(node))(values)


def slope(f: Callable[..., Any], x: Any) -> Any:
    values = np.asarray(x, "float64")
    node = sg.input("x", values.shape)
    return sg.function([node], sg.grad(f(node).sum(), node))(values)


# ---- sort


def test_the_gradient_of_ties_follows_the_stable_order() -> None:
    weights = np.arange(1.0, 6.0)
    got = slope(lambda x: sg.sort(x) * weights, [2.0, 1.0, 2.0, 1.0, 2.0])
    np.testing.assert_array_equal(got, [3, 1, 4, 2, 5])


def test_nan_is_sorted_last_and_infinities_at_the_ends() -> None:
    x = [NAN, INF, 1.0, -INF, NAN, 0.0]
    np.testing.assert_array_equal(run(sg.sort, x), np.sort(x))
    np.testing.assert_array_equal(run(sg.argsort, x), np.argsort(x, kind="stable"))


def test_the_gradient_of_a_sort_is_written_without_an_accumulating_loop() -> None:
    """Each index occurs once, which the source can rely on."""
    x = sg.input("x", ("B", 7))
    g = sg.grad((sg.sort(x, axis=1) ** 2).sum(), x)
    scatters = [n for n in topological([g]) if n.op.name == "scatter_add"]
    assert scatters and all(provably_unique(n) for n in scatters)
    assert "np.add.at" not in sg.function([x], g).source


def test_two_permutations_may_meet() -> None:
    x = sg.input("x", (3, 3))
    rows, columns = sg.argsort(x, axis=0), sg.argsort(x, axis=1)
    (node,) = [n for n in topological([sg.grad(x[rows, columns].sum(), x)])
               if n.op.name == "scatter_add"]  # fmt: skip
    assert not provably_unique(node)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=9), st.integers(0, 9))
@examples(30)
def test_top_k_is_the_stable_order_from_above(values: list[int], k: int) -> None:
    k = min(k, len(values))
    x = sg.input("x", (len(values),))
    top, places = sg.function([x], list(sg.top_k(x, k)))(np.array(values, float))
    want = np.argsort(-np.array(values), kind="stable")[:k]
    np.testing.assert_array_equal(places, want)
    np.testing.assert_array_equal(top, np.array(values)[want])


def test_top_k_has_nan_first_and_gives_gradients() -> None:
    values, places = run(lambda x: list(sg.top_k(x, 2)), [1.0, NAN, 3.0])
    np.testing.assert_array_equal(values, [NAN, 3.0])
    np.testing.assert_array_equal(places, [1, 2])
    got = slope(lambda x: sg.top_k(x, 2)[0] * np.array([1.0, 10.0]), [5.0, 1.0, 7.0])
    np.testing.assert_array_equal(got, [10, 0, 1])
    np.testing.assert_array_equal(run(lambda x: sg.top_k(x, 2)[1], [-128, 127, 0], "int8"), [1, 2])


@pytest.mark.parametrize("kth", [0, 3, -1, (1, 4), [2, -2]])
def test_a_partition_is_one(kth: Any) -> None:
    x = np.random.default_rng(0).permutation(9).astype(float)
    got = run(lambda node: sg.partition(node, kth), x)
    assert sorted(got) == sorted(x)
    for k in np.atleast_1d(kth):
        assert got[k] == np.sort(x)[k]
        k = k % 9
        assert (got[:k] <= got[k]).all() and (got[k:] >= got[k]).all()


def test_errors_of_sorting() -> None:
    x = sg.input("x", (3, 4))
    with pytest.raises(DeclarationError, match="kind must be one of"):
        sg.sort(x, kind="bogo")
    with pytest.raises(DeclarationError, match="not both"):
        sg.argsort(x, kind="stable", stable=True)
    with pytest.raises(ShapeError, match="out of range"):
        sg.partition(x, 4)
    with pytest.raises(ShapeError, match="k is 5"):
        sg.top_k(x, 5)
    with pytest.raises(DeclarationError, match="at least one key"):
        sg.lexsort(())


# ---- places


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_of_nan_and_infinities_in_a_batch_too(side: str) -> None:
    edges = np.array([[-INF, 0.0, 0.0, 1.0, INF], [0.0, 1.0, 2.0, NAN, NAN]])
    values = np.array([-INF, -1.0, 0.0, 1.0, 1.5, INF, NAN])
    a, v = sg.input("a", ("B", 5)), sg.input("v", (7,))
    batched = sg.vmap(lambda row: sg.searchsorted(row, v, side=side))(a)
    got = sg.function([a, v], batched)(edges, values)
    np.testing.assert_array_equal(got, [np.searchsorted(row, values, side) for row in edges])


@pytest.mark.parametrize("right", [False, True])
def test_digitize_in_a_batch(right: bool) -> None:
    edges = np.array([[0.0, 1.0, 1.0, 4.0], [4.0, 2.0, 1.0, -1.0]])
    values = np.array([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 4.0, 9.0])
    e, v = sg.input("e", (2, 4)), sg.input("v", (8,))
    got = sg.function([e, v], sg.vmap(lambda row: sg.digitize(v, row, right))(e))(edges, values)
    np.testing.assert_array_equal(got, [np.digitize(values, row, right) for row in edges])


# ---- quantiles


def test_ties_share_the_gradient_of_a_median() -> None:
    np.testing.assert_array_equal(
        slope(sg.median, [1.0, 2.0, 2.0, 2.0, 9.0]), [0, 1 / 3, 1 / 3, 1 / 3, 0]
    )
    np.testing.assert_array_equal(slope(sg.median, [1.0, 2.0, 2.0, 5.0]), [0, 0.5, 0.5, 0])
    np.testing.assert_array_equal(slope(sg.median, [1.0, 1.0, 3.0, 3.0]), [0.25] * 4)
    np.testing.assert_array_equal(slope(sg.median, [4.0]), [1.0])


def test_ties_share_the_gradient_of_a_quantile_where_it_interpolates() -> None:
    got = slope(lambda x: sg.quantile(x, 0.4), [0.0, 1.0, 1.0, 5.0])  # between places 1 and 2
    np.testing.assert_array_equal(got, [0, 0.5, 0.5, 0])
    got = slope(lambda x: sg.quantile(x, 0.5), [0.0, 1.0, 3.0, 3.0])
    np.testing.assert_array_equal(got, [0, 0.5, 0.25, 0.25])


@pytest.mark.parametrize(
    "values", [[INF, INF], [-INF, INF, INF], [1.0, INF], [-INF, -INF, 2.0], [-INF, 1.0, 2.0]]
)
def test_medians_of_infinities(values: list[float]) -> None:
    np.testing.assert_array_equal(run(sg.median, values), np.median(values))


def test_an_exact_place_does_not_see_its_neighbour() -> None:
    assert run(lambda x: sg.quantile(x, [0.0, 0.5]), [1.0, 2.0, INF]).tolist() == [1.0, 2.0]
    assert run(lambda x: sg.quantile(x, 0.5), [1e308, 1.7e308]) == 1.35e308  # without overflow


def test_equal_neighbours_give_themselves_exactly() -> None:
    x = np.full(7, 0.1)
    assert (run(lambda v: sg.quantile(v, np.linspace(0, 1, 23)), x) == 0.1).all()


def test_nan_makes_its_row_nan_or_is_left_out() -> None:
    x = np.array([[1.0, NAN, 3.0], [4.0, 5.0, 6.0], [NAN, NAN, NAN]])
    np.testing.assert_array_equal(run(lambda v: sg.median(v, axis=1), x), [NAN, 5.0, NAN])
    for name in ("nanmedian", "nanmax", "nanmin", "nanmean", "nanstd", "nanvar"):
        with pytest.warns(RuntimeWarning):
            want = getattr(np, name)(x, axis=1)
        fn = getattr(sg, name)
        np.testing.assert_allclose(run(lambda v, fn=fn: fn(v, axis=1), x), want, rtol=1e-15)
        assert np.isfinite(slope(lambda v, fn=fn: fn(v, axis=1)[:2], x)).all()
        assert (slope(lambda v, fn=fn: fn(v, axis=1)[:2], x)[np.isnan(x)] == 0).all()
    np.testing.assert_array_equal(
        slope(lambda v: sg.nanmedian(v, axis=1)[:2], x), [[0.5, 0, 0.5], [0, 1, 0], [0, 0, 0]]
    )


def test_a_fraction_may_be_an_expression_and_has_a_gradient() -> None:
    x, q = sg.input("x", (5,)), sg.input("q", (2,))
    y = sg.quantile(x, q)
    f = sg.function([x, q], [y, sg.grad(y.sum(), q)])
    values, fractions = np.array([5.0, 1.0, 4.0, 2.0, 9.0]), np.array([0.3, 0.9])
    got, by_q = f(values, fractions)
    np.testing.assert_allclose(got, np.quantile(values, fractions), rtol=1e-15)
    np.testing.assert_allclose(by_q, [4 * (4 - 2), 4 * (9 - 5)], rtol=1e-15)


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32", "float64"])
@pytest.mark.parametrize("method", ["linear", "lower", "nearest", "hazen"])
def test_dtypes_of_quantiles_are_those_of_numpy(dtype: str, method: str) -> None:
    x = np.array([1, 0, 1, 1, 0]).astype(dtype)
    node = sg.input("x", (5,), dtype=dtype)
    for q in (0.5, np.float32(0.5), [0.25, 0.5]):
        if dtype == "bool" and method in ("linear", "hazen"):
            continue  # NumPy cannot subtract booleans
        want = np.quantile(x, q, method=method)
        y = sg.quantile(node, q, method=method)
        assert y.dtype == want.dtype
        np.testing.assert_array_equal(sg.function([node], y)(x), want)


def test_errors_of_quantiles() -> None:
    x = sg.input("x", (3, 0))
    with pytest.raises(DeclarationError, match=r"in \[0, 1\]"):
        sg.quantile(x, 1.5, axis=0)
    with pytest.raises(DeclarationError, match=r"in \[0, 100\]"):
        sg.percentile(x, -1, axis=0)
    with pytest.raises(DeclarationError, match="method must be one of"):
        sg.quantile(x, 0.5, axis=0, method="best")
    with pytest.raises(DeclarationError, match="empty"):
        sg.quantile(x, 0.5, axis=1)
    with pytest.raises(DTypeError, match="numbers"):
        sg.quantile(sg.input("y", (3,)), np.array([True]))
    with pytest.raises(DeclarationError, match="weights"):
        sg.quantile(sg.input("y", (3,)), 0.5, weights=[1.0, 1.0, 1.0], method="inverted_cdf")
