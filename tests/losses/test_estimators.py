"""The score-function estimator: its value, its gradient draw by draw, and its mean."""

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.losses.tables import table

estimate = sg.losses.score_function
COSTS = np.array([1.0, -2.0, 4.0, 0.5])


def exact(logits: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
    """The expected cost of a category, and its gradient, by enumeration."""
    p = np.exp(logits) / np.exp(logits).sum()
    mean = sum(p[k] * COSTS[k] for k in range(4))
    return mean, np.array([p[k] * (COSTS[k] - mean) for k in range(4)])


@pytest.mark.parametrize("baseline", [None, 3.0, "leave_one_out"])
def test_it_is_unbiased(baseline: Any) -> None:
    logits = sg.param("logits", (4,))
    draws = 32
    k = sg.random.categorical(logits, shape=(draws,))
    loss = sg.losses.mean(
        estimate(sg.log_softmax(logits)[k], sg.const(COSTS)[k], baseline=baseline)
    )
    model = sg.compile(loss)
    at = table((4,), 1.3)
    rng = np.random.default_rng(5)
    found = [model.value_and_grad({"logits": at}, rng=rng) for _ in range(2000)]
    values = np.array([value for value, _ in found])
    grads = np.array([g["logits"] for _, g in found])
    for sample, expected in zip((values, grads), exact(at), strict=True):
        error = sample.std(axis=0) / np.sqrt(len(sample))
        assert (abs(sample.mean(axis=0) - expected) < 5 * error).all()


def test_a_baseline_lowers_the_variance() -> None:
    logits = sg.param("logits", (4,))
    k = sg.random.categorical(logits, shape=(16,))
    log_p, cost = sg.log_softmax(logits)[k], 100 + sg.const(COSTS)[k]
    spread = []
    for baseline in (None, "leave_one_out"):
        model = sg.compile(estimate(log_p, cost, baseline=baseline).mean())
        rng = np.random.default_rng(0)
        grads = [model.value_and_grad({"logits": np.zeros(4)}, rng=rng)[1] for _ in range(200)]
        spread.append(np.std([g["logits"] for g in grads]))
    assert spread[1] < spread[0] / 10


@pytest.mark.parametrize("shape", [(3,), (3, 2)])
@pytest.mark.parametrize("baseline", [None, 0.5, "leave_one_out"])
def test_gradients_draw_by_draw(shape: tuple[int, ...], baseline: Any) -> None:
    log_p, cost = sg.input("log_p", ("S", *shape[1:])), sg.input("cost", ("S", *shape[1:]))
    loss = estimate(log_p, cost, baseline=baseline)
    weights = sg.const(table(shape, 0.9))
    grads = sg.grad((loss * weights).sum(), [log_p, cost])
    a, c = table(shape, 1.3), table(shape, 2.2)
    value, (by_log_p, by_cost) = sg.function([log_p, cost], (loss, grads))(a, c)
    if baseline == "leave_one_out":
        b = np.array([np.delete(c, i, axis=0).mean(axis=0) for i in range(3)])
    else:
        b = np.full(shape, 0.0 if baseline is None else baseline)
    np.testing.assert_array_equal(value, c)
    np.testing.assert_allclose(by_log_p, table(shape, 0.9) * (c - b), rtol=1e-12)
    np.testing.assert_allclose(by_cost, table(shape, 0.9), rtol=1e-14)


def test_a_learnt_baseline_gets_no_gradient() -> None:
    log_p, cost, b = (sg.input(name, ("B",)) for name in ("log_p", "cost", "b"))
    grad = sg.grad(estimate(log_p, cost, baseline=b).sum(), b)
    np.testing.assert_array_equal(sg.function([log_p, cost, b], grad)(*np.ones((3, 4))), 0)


def test_float32_stays_float32() -> None:
    log_p = sg.param("log_p", ("B",), dtype="float32")
    cost = sg.input("cost", ("B",), dtype="float32")
    for baseline in (None, 0.5, "leave_one_out"):
        loss = sg.losses.mean(estimate(log_p, cost, baseline=baseline))
        value, grads = sg.compile(loss).value_and_grad(
            {"log_p": np.ones(3, np.float32)}, cost=np.arange(3, dtype=np.float32)
        )
        assert value.dtype == grads["log_p"].dtype == np.float32


def test_what_does_not_fit_is_refused() -> None:
    log_p = sg.input("log_p", ("B",))
    with pytest.raises(sg.ShapeError, match=r"expected cost of shape \(B,\); got \(B, 1\)"):
        estimate(log_p, sg.input("cost", ("B", 1)))
    with pytest.raises(sg.DeclarationError, match="expected baseline to be 'leave_one_out'"):
        estimate(log_p, log_p, baseline="mean")
    with pytest.raises(sg.ShapeError, match="at least two draws"):
        estimate(sg.input("p", (1,)), sg.input("c", (1,)), baseline="leave_one_out")
    with pytest.raises(sg.ShapeError, match="expected baseline to broadcast"):
        estimate(log_p, log_p, baseline=sg.input("b", (2, "B")))
    with pytest.raises(sg.DTypeError, match="expected log_prob to be floating"):
        estimate(sg.input("k", ("B",), dtype="int64"), log_p)
