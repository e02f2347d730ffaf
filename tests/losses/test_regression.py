"""Losses of real numbers against their definitions, entry by entry."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.losses.tables import Array, evaluated, table

L = sg.losses

# the definition of each for one entry, and its slope in the prediction
Scalar = Callable[[float], float]
DEFINED: dict[str, tuple[Callable[..., Any], Scalar, Scalar]] = {
    "mse": (L.mse, lambda r: r * r, lambda r: 2 * r),
    "mae": (L.mae, abs, lambda r: float(np.sign(r))),
    "huber": (
        lambda y, t: L.huber(y, t, delta=0.5),
        lambda r: r * r / 2 if abs(r) <= 0.5 else 0.5 * (abs(r) - 0.25),
        lambda r: min(max(r, -0.5), 0.5),
    ),
    "log_cosh": (L.log_cosh, lambda r: math.log(math.cosh(r)), math.tanh),
    "quantile": (
        lambda y, t: L.quantile(y, t, q=0.9),
        lambda r: 0.1 * r if r > 0 else -0.9 * r,
        lambda r: 0.1 if r > 0 else (-0.9 if r < 0 else 0.0),
    ),
}


def by_loops(of_entry: Scalar, r: Array) -> Array:
    rows = r.reshape(len(r), -1)
    return np.array([sum(of_entry(float(v)) for v in row) / len(row) for row in rows])


@pytest.mark.parametrize("shape", [(4,), (4, 3), (2, 3, 2), (3, 1)])
@pytest.mark.parametrize("name", DEFINED)
def test_value_and_gradient_are_the_definitions(name: str, shape: tuple[int, ...]) -> None:
    loss, value, slope = DEFINED[name]
    y, t = table(shape, 1.1, 2.0), table(shape, 0.4, 2.0)
    y.flat[1] = t.flat[1]  # no residual
    values, grads = evaluated(loss, {"y": y, "t": t})
    np.testing.assert_allclose(values, by_loops(value, y - t), rtol=1e-13, atol=1e-16)
    weights = np.cos(1.0 + np.arange(shape[0])).reshape(-1, *[1] * (len(shape) - 1))
    expected = np.vectorize(slope)(y - t) * weights / math.prod(shape[1:])
    np.testing.assert_allclose(grads["y"], expected, rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(grads["t"], -expected, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("name", DEFINED)
def test_a_scalar_is_an_example(name: str) -> None:
    loss, value, _ = DEFINED[name]
    values, _ = evaluated(loss, {"y": np.array(0.3), "t": np.array(1.4)})
    assert values.shape == ()
    np.testing.assert_allclose(values, value(0.3 - 1.4), rtol=1e-13)


@pytest.mark.parametrize("name", DEFINED)
def test_an_empty_batch_has_no_losses(name: str) -> None:
    values, grads = evaluated(DEFINED[name][0], {"y": np.zeros((0, 2)), "t": np.zeros((0, 2))})
    assert values.shape == (0,) and grads["y"].shape == (0, 2)


@pytest.mark.parametrize("name", DEFINED)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_out_it_is_finite(name: str, dtype: str) -> None:
    loss, _, _ = DEFINED[name]
    r = np.array([1e8, -1e8, 1e3, -1e3])
    values, grads = evaluated(loss, {"y": r, "t": np.zeros(4)}, dtype=dtype)
    sign = np.sign(r)
    slopes = {"mse": 2 * r, "quantile": np.where(r > 0, 0.1, -0.9), "huber": 0.5 * sign}
    assert np.isfinite(values).all()
    expected = slopes.get(name, sign) * np.cos(1.0 + np.arange(4))
    np.testing.assert_allclose(grads["y"], expected, rtol=1e-6)


def test_the_best_constant_is_the_quantile() -> None:
    targets = np.arange(11.0)
    y = sg.input("y", ())
    loss = L.quantile(sg.broadcast_to(y, (11,)), targets, q=0.8).sum()
    f = sg.function([y], loss)
    assert min(targets, key=lambda v: float(f(v))) == np.quantile(targets, 0.8)


def test_a_number_fits_every_prediction_and_integers_are_targets() -> None:
    y = sg.input("y", ("B", 2), dtype="float32")
    counts = sg.input("counts", ("B", 2), dtype="int64")
    assert L.mse(y, 1.0).dtype == L.mse(y, counts).dtype == np.float32
    np.testing.assert_array_equal(
        sg.function([y, counts], L.mse(y, counts))([[1, 2]], [[0, 0]]), [2.5]
    )


@pytest.mark.parametrize("loss", [L.mse, L.mae, L.huber, L.log_cosh, L.quantile])
def test_shapes_that_would_broadcast_are_refused(loss: Callable[..., Any]) -> None:
    column, vector = sg.input("column", ("B", 1)), sg.input("vector", ("B",))
    with pytest.raises(sg.ShapeError, match=r"expected t of shape \(B, 1\); got \(B,\)"):
        loss(column, vector)
    with pytest.raises(sg.ShapeError, match="expected t of shape"):
        loss(sg.input("wide", ("B", 3)), column)
    with pytest.raises(sg.ShapeError, match="expected t of shape"):
        loss(column, sg.input("wide", ("B", 3)))
    with pytest.raises(sg.DTypeError, match="expected y to be floating; got int64"):
        loss(sg.input("n", ("B",), dtype="int64"), vector)


def test_symbolic_sizes_are_compared_when_called() -> None:
    y, t = sg.input("y", ("B", 2)), sg.input("t", ("C", 2))
    f = sg.function([y, t], L.mse(y, t))
    with pytest.raises(sg.ShapeError):
        f(np.zeros((3, 2)), np.zeros((1, 2)))


@pytest.mark.parametrize("delta", [0, -1.0, float("inf"), float("nan"), "1", True])
def test_a_bad_delta_is_refused(delta: Any) -> None:
    with pytest.raises(sg.DeclarationError, match="huber: expected delta > 0, a finite number"):
        L.huber(sg.input("y", ()), 0.0, delta=delta)


@pytest.mark.parametrize("q", [0, 1, 1.5, -0.1])
def test_a_bad_quantile_is_refused(q: float) -> None:
    with pytest.raises(sg.DeclarationError, match="expected 0 < q < 1"):
        L.quantile(sg.input("y", ()), 0.0, q=q)


@pytest.mark.parametrize("delta", [np.float32(0.5), np.float64(0.5), np.int64(2)])
def test_an_option_may_be_a_number_of_numpy(delta: Any) -> None:
    y = sg.input("y", ("B",), dtype="float32")
    loss = L.huber(y, 0.0, delta=delta)
    assert loss.dtype == "float32"
    assert loss is L.huber(y, 0.0, delta=float(delta))
    with pytest.raises(sg.DeclarationError, match="expected delta > 0, a finite number; got True"):
        L.huber(y, 0.0, delta=True)


def test_the_mean_of_a_batch_is_one_factor_of_the_gradient() -> None:
    y, t = sg.input("y", ("B", 3)), sg.input("t", ("B", 3))
    for loss in (L.mse, L.mae, L.huber, L.log_cosh):
        mean = L.mean(loss(y, t))
        source = sg.function([y, t], (mean, sg.grad(mean, y)), style="readable").source
        body = source[source.rindex("def ") :]
        assert "broadcast_to" not in body
        assert "[None]" not in body


def test_a_tuple_of_expressions_is_no_prediction() -> None:
    x, t = sg.input("x", ("B", 5, 2)), sg.input("t", ("B", 5, 2))
    for y in (sg.nn.lstm(x, 2), [x, x]):
        with pytest.raises(
            sg.DTypeError, match=r"mse: expected y to be one array; got a .* of 2: "
        ):
            L.mse(y, t)
    with pytest.raises(sg.DTypeError, match="mse: expected t to be one array; got a tuple of 2"):
        L.mse(x, (t, t))
    with pytest.raises(sg.DTypeError, match="mean: expected values to be one array"):
        L.mean([L.mse(x, t), L.mse(t, x)])
    assert L.mse(x[:, 0, 0], [1.0, 2.0]).ndim == 1
