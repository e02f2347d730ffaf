"""Means and sums of what is counted, and of nothing."""

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.losses.tables import table

L = sg.losses
V = table((3, 2), 1.1)
MASK = np.array([[True, False], [True, True], [False, False]])
W = np.array([[1.0, 2.0], [0.5, 0.0], [3.0, 1.0]])


def model(dtype: str = "float64", **kinds: str) -> sg.Model:
    v = sg.param("v", ("B", 2), dtype=dtype)
    given = {k: sg.input(k, ("B", 2), dtype=kind) for k, kind in kinds.items()}
    return sg.compile(L.mean(v, **given), outputs=L.total(v, **given))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "given", [{}, {"mask": MASK}, {"weights": W}, {"mask": MASK, "weights": W}]
)
def test_mean_and_total_are_weighted(given: dict[str, Any], dtype: str) -> None:
    compiled = model(dtype, **{k: str(a.dtype) for k, a in given.items()})
    params = {"v": V.astype(dtype)}
    weights = given.get("weights", np.ones((3, 2))) * given.get("mask", True)
    total = sum(V[place] * weights[place] for place in np.ndindex(3, 2))
    loss, grads = compiled.value_and_grad(params, **given)
    assert loss.dtype == grads["v"].dtype == dtype
    rtol = 1e-13 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(loss, total / weights.sum(), rtol=rtol)
    np.testing.assert_allclose(grads["v"], weights / weights.sum(), rtol=rtol)
    np.testing.assert_allclose(compiled.predict(params, **given), total, rtol=rtol)


def test_what_is_masked_has_no_part_whatever_it_holds() -> None:
    for bad in (np.nan, np.inf):
        v = np.where(MASK, V, bad)
        loss, grads = model(mask="bool").value_and_grad({"v": v}, mask=MASK)
        np.testing.assert_allclose(loss, V[MASK].mean(), rtol=1e-14)
        np.testing.assert_allclose(grads["v"], MASK / MASK.sum())
        both = model(mask="bool", weights="float64")
        loss, grads = both.value_and_grad({"v": v}, mask=MASK, weights=W)
        np.testing.assert_allclose(loss, (V * W)[MASK].sum() / W[MASK].sum(), rtol=1e-14)
        np.testing.assert_allclose(grads["v"], MASK * W / W[MASK].sum())


def test_nothing_counted_is_zero() -> None:
    none = np.zeros((3, 2), bool)
    for kinds, given in (
        ({"mask": "bool"}, {"mask": none}),
        ({"weights": "float64"}, {"weights": none.astype(float)}),
        ({"mask": "bool", "weights": "float64"}, {"mask": none, "weights": W}),
    ):
        loss, grads = model(**kinds).value_and_grad({"v": V}, **given)
        assert loss == 0
        np.testing.assert_array_equal(grads["v"], 0)


@pytest.mark.parametrize("kinds", [{}, {"mask": "bool"}, {"weights": "float64"}])
def test_an_empty_batch_is_zero(kinds: dict[str, str]) -> None:
    compiled = model(**kinds)
    given = {k: np.zeros((0, 2), kind) for k, kind in kinds.items()}
    loss, grads = compiled.value_and_grad({"v": np.zeros((0, 2))}, **given)
    assert loss == 0 and grads["v"].shape == (0, 2)
    assert compiled.predict({"v": np.zeros((0, 2))}, **given) == 0


def test_static_sizes() -> None:
    v = sg.input("v", (3, 2))
    np.testing.assert_allclose(sg.function([v], L.mean(v))(V), V.mean())
    e = sg.input("e", (0,))
    assert sg.function([e], L.mean(e))(np.zeros(0)) == 0
    s = sg.input("s", ())
    assert sg.function([s], L.mean(s))(3.0) == 3.0


def test_a_mask_of_rows_counts_each_entry() -> None:
    v, rows = sg.input("v", ("B", 2)), sg.input("rows", ("B", 1), dtype=bool)
    f = sg.function([v, rows], [L.mean(v, mask=rows), L.mean(v, weights=rows)])
    kept = np.array([[True], [False], [True]])
    np.testing.assert_allclose(f(V, kept), [V[[0, 2]].mean()] * 2, rtol=1e-14)


def test_weights_may_be_learnt() -> None:
    w, v = sg.param("w", ("B",)), sg.input("v", ("B",))
    sg.check_gradients(L.mean(v, weights=sg.exp(w)), {"w": V[:, 0], "v": V[:, 1]})


def test_what_does_not_fit_is_refused() -> None:
    v = sg.input("v", ("B",))
    with pytest.raises(sg.DTypeError, match="expected mask to be boolean; got float64"):
        L.mean(v, mask=v)
    with pytest.raises(sg.ShapeError, match=r"expected mask to broadcast to \(B,\); got \(B, 1\)"):
        L.mean(v, mask=sg.input("m", ("B", 1), dtype=bool))
    with pytest.raises(sg.ShapeError, match="expected weights to broadcast"):
        L.total(v, weights=sg.input("w", (2, "B")))
    with pytest.raises(sg.DTypeError, match="expected values to be floating"):
        L.mean(sg.input("n", ("B",), dtype="int64"))
