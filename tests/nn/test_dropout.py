"""Dropout: active in training only, unbiased, exact about what it drops."""

import numpy as np
import pytest

import symgrad as sg


def model(rate: float, dtype: str = "float64") -> sg.Model:
    x = sg.input("x", ("B", 3), dtype=dtype)
    w = sg.param("w", (3,), init=2.0, dtype=dtype)
    out = sg.nn.dropout(w * x, rate)
    return sg.compile(out.sum(), outputs=out)


def test_it_does_nothing_in_evaluation() -> None:
    x = np.arange(6.0).reshape(2, 3)
    compiled = model(0.4)
    np.testing.assert_array_equal(compiled.predict(compiled.init(), x=x), 2 * x)


def test_a_rate_of_zero_is_no_dropout() -> None:
    x = sg.input("x", (3,))
    assert sg.nn.dropout(x, 0) is x


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_what_is_kept_is_scaled_and_as_frequent_as_declared(rate: float) -> None:
    compiled = model(rate)
    params = compiled.init()
    x = np.ones((20_000, 3))
    loss, grads = compiled.value_and_grad(params, x=x, rng=np.random.default_rng(1))
    kept = grads["w"] * (1 - rate)  # each kept entry has the gradient x / keep
    np.testing.assert_allclose(kept, np.round(kept), rtol=0, atol=1e-8)
    # within 5 standard deviations of a binomial count
    np.testing.assert_allclose(
        kept, 20_000 * (1 - rate), atol=5 * np.sqrt(20_000 * rate * (1 - rate))
    )
    np.testing.assert_allclose(loss, 2 * grads["w"].sum(), rtol=1e-12)


def test_the_same_seed_drops_the_same_entries_in_forward_and_backward() -> None:
    compiled = model(0.5)
    params, x = compiled.init(), np.ones((50, 3))
    loss, grads = compiled.value_and_grad(params, x=x, rng=np.random.default_rng(3))
    split, residuals = compiled.forward(params, x=x, rng=np.random.default_rng(3))
    assert split == loss
    np.testing.assert_array_equal(compiled.backward(residuals)["w"], grads["w"])
    other, _ = compiled.value_and_grad(params, x=x, rng=np.random.default_rng(4))
    assert other != loss


def test_what_is_dropped_is_zero_whatever_it_holds() -> None:
    x = sg.input("x", (1000,))
    f = sg.compile(sg.nn.dropout(x, 0.5).sum() * sg.param("one", (), init=1.0))
    loss, _ = f.value_and_grad(f.init(), x=np.full(1000, np.inf), rng=np.random.default_rng(0))
    assert loss == np.inf  # and not NaN, which 0 * inf would give


def test_float32_stays_float32() -> None:
    compiled = model(0.3, "float32")
    params = compiled.init()
    x = np.ones((4, 3), np.float32)
    loss, grads = compiled.value_and_grad(params, x=x, rng=np.random.default_rng(0))
    assert loss.dtype == grads["w"].dtype == np.float32


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1, float("nan"), "0.5", True, None])
def test_a_bad_rate_is_refused(rate: object) -> None:
    with pytest.raises(sg.DeclarationError, match="0 <= rate < 1"):
        sg.nn.dropout(sg.input("x", (3,)), rate)  # type: ignore[arg-type]


def test_any_real_number_is_a_rate() -> None:
    x = sg.param("x", (1000,))
    model = sg.compile(sg.nn.dropout(x, np.float32(0.5)).sum())
    _, grads = model.value_and_grad(model.init(), rng=np.random.default_rng(0))
    assert set(grads["x"]) == {0.0, 2.0}


def test_what_is_dropped_almost_always_is_scaled_by_what_it_is() -> None:
    rate = float(np.nextafter(1.0, 0.0))  # is kept with probability 2**-53
    x = sg.param("x", (1000,), init=1.0)
    model = sg.compile(sg.nn.dropout(x, rate).sum())
    loss, _ = model.value_and_grad(model.init(), rng=np.random.default_rng(0))
    assert loss == 0.0
    assert "1.1102230246251565e-16" in model.source  # and not 0.0, by which nothing is divided


def test_integers_are_refused() -> None:
    with pytest.raises(sg.DTypeError, match="floating"):
        sg.nn.dropout(sg.input("x", (3,), dtype="int64"), 0.5)


# ---- whole channels


def test_a_channel_is_dropped_everywhere_or_nowhere() -> None:
    x = sg.param("x", (40, 3, 5, 7))
    model = sg.compile(sg.nn.spatial_dropout(x, 0.3).sum())
    _, grads = model.value_and_grad(model.init(), rng=np.random.default_rng(0))
    g = grads["x"].reshape(40, 15, 7)
    assert (g == g[:, :1]).all()
    kept = g[:, 0] * 0.7
    np.testing.assert_allclose(kept, np.round(kept), atol=1e-12)
    assert abs(kept.mean() - 0.7) < 5 * np.sqrt(0.21 / kept.size)


def test_spatial_dropout_does_nothing_in_evaluation() -> None:
    x = sg.input("x", ("B", "T", 2))
    assert sg.nn.spatial_dropout(x, 0.0) is x
    f = sg.function([x], sg.nn.spatial_dropout(x, 0.5))
    data = np.arange(12.0).reshape(2, 3, 2)
    np.testing.assert_array_equal(f(data), data)


def test_spatial_dropout_needs_space() -> None:
    with pytest.raises(sg.ShapeError, match=r"spatial_dropout: .* least 3 axes; got .*\(B, 3\)"):
        sg.nn.spatial_dropout(sg.input("x", ("B", 3)), 0.5)
    with pytest.raises(sg.DeclarationError, match=r"spatial_dropout: expected .*rate .* got 1"):
        sg.nn.spatial_dropout(sg.input("x", ("B", 2, 3)), 1)
