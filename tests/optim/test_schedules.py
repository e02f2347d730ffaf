"""Schedules against PyTorch's and Optax's rates, and rates that fall on a plateau."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import optim
from tests.optim.test_optim import STEPS, TORCH, model_of, run_model
from tests.optim.test_rules import OPTAX

#: as in ``record_torch``
PLATEAUS: dict[str, dict[str, Any]] = {
    "plain": {"factor": 0.5, "patience": 2},
    "cooldown": {"factor": 0.3, "patience": 1, "cooldown": 3, "least": 1e-3},
    "threshold": {"factor": 0.5, "patience": 0, "threshold": 0.1},
    "max": {"factor": 0.5, "patience": 1, "mode": "max", "threshold": 0.05},
}
FROM_TORCH = {
    "constant": optim.constant(0.4),
    "step_decay": optim.step_decay(0.4, every=7, factor=0.3),
    "piecewise": optim.piecewise([0.4, 0.2, 0.1], [5, 20]),
    "exponential": optim.exponential(0.4, 0.9),
    "cosine": optim.cosine(0.4, 49, least=0.01),
    "linear": optim.linear(0.08, 0.32, 20),
    "one_cycle": optim.one_cycle(0.5, STEPS),
    "one_cycle_other": optim.one_cycle(0.5, STEPS, up=0.4, start=5.0, end=100.0),
    "warm_up": optim.warm_up(optim.exponential(0.4, 0.9), 8),
}
FROM_OPTAX = {
    "piecewise": optim.piecewise([0.4, 0.2, 0.1], [5, 20]),
    "exponential": optim.exponential(0.4, 0.5, every=10),
    "cosine": optim.cosine(0.4, 30, least=0.04),
    "linear": optim.linear(0.4, 0.1, 30),
}


def values() -> list[float]:
    """As in ``record_torch``."""
    return [2 + math.cos(0.7 * k) + 3 / (1 + k) for k in range(STEPS)]


def rates(schedule: Callable[[Any], Any], style: str = "fast") -> list[float]:
    count = sg.input("count", (), "int64")
    rate = sg.function([count], schedule(count), style=style)
    assert np.asarray(rate(3)).dtype == np.float64
    return [float(rate(n)) for n in range(STEPS)]


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("name", FROM_TORCH)
def test_pytorch_has_the_same_rates(name: str, style: str) -> None:
    expected = TORCH["schedules"][name]
    np.testing.assert_allclose(rates(FROM_TORCH[name], style), expected, rtol=1e-13)


@pytest.mark.parametrize("name", FROM_OPTAX)
def test_optax_has_the_same_rates(name: str) -> None:
    expected = OPTAX["schedules"][name]
    np.testing.assert_allclose(rates(FROM_OPTAX[name]), expected, rtol=2e-7)  # some in float32


def test_the_rates_of_the_transformer() -> None:
    """Vaswani et al. (2017), equation 3, for steps that count from 1."""
    d, warm = 512, 10
    found = rates(optim.inverse_sqrt((d * warm) ** -0.5, warm))
    expected = [d**-0.5 * min(n**-0.5, n * warm**-1.5) for n in range(1, STEPS + 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_warm_up_to_a_number() -> None:
    assert rates(optim.warm_up(0.5, 4))[:6] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5])


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("name", FROM_TORCH)
def test_a_step_has_the_rate_of_the_updates_before_it(name: str, style: str) -> None:
    w = sg.param("w", (2,), dtype="float32")
    model = sg.compile(-w.sum(), optimizer=optim.SGD(FROM_TORCH[name]), style=style)
    params = model.init()
    state = model.init_optimizer(params)
    for lr in rates(FROM_TORCH[name])[:12]:
        before = params["w"].copy()
        model.step(params, state)
        np.testing.assert_array_equal(params["w"], before + np.float32(lr))


@pytest.mark.parametrize("name", ["piecewise", "warm_up"])
def test_a_model_with_a_schedule_pickles(name: str) -> None:
    model = model_of("regression", optim.Adam(FROM_TORCH[name]), "float64", "fast")
    again = pickle.loads(pickle.dumps(model))
    assert run_model(again, "float64", 5)[0] == run_model(model, "float64", 5)[0]


@pytest.mark.parametrize("name", PLATEAUS)
def test_pytorch_falls_on_the_same_plateaus(name: str) -> None:
    plateau = optim.ReduceOnPlateau(0.4, **PLATEAUS[name])
    state = {k: np.array(slot.first) for k, slot in plateau.slots().items()}
    found = []
    for value in values():
        plateau.observe(state, value)
        found.append(float(state["rate"]))
    np.testing.assert_allclose(found, TORCH["plateaus"][name], rtol=1e-14)
    assert len(set(found)) > 2  # it fell more than once


def test_the_state_holds_all_of_a_plateau() -> None:
    """What is observed after a state was saved and loaded is as if it never was."""
    plateau = optim.ReduceOnPlateau(0.4, factor=0.5, patience=2, cooldown=1)
    model = model_of("regression", optim.SGD(plateau), "float64", "fast")
    whole = model.init_optimizer(model.init())
    for value in values():
        plateau.observe(whole, value)
    halves = model.init_optimizer(model.init())
    for i, value in enumerate(values()):
        if i == 20:
            halves = {k: a.copy() for k, a in halves.items()}
        pickle.loads(pickle.dumps(plateau)).observe(halves, value)
    assert whole == halves


def test_a_plateau_below_zero_and_what_is_not_a_number() -> None:
    plateau = optim.ReduceOnPlateau(1.0, factor=0.5, patience=0, threshold=0.1)
    state = {k: np.array(slot.first) for k, slot in plateau.slots().items()}
    found = []
    for value in (-10.0, -10.5, -11.5, math.nan, -20.0, math.inf):
        plateau.observe(state, value)
        found.append(float(state["rate"]))
    assert found == [1.0, 0.5, 0.5, 0.25, 0.25, 0.125]


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_a_step_reads_the_rate_that_the_loop_has_set(style: str) -> None:
    lr = optim.ReduceOnPlateau(0.5, factor=0.5, patience=0)
    w = sg.param("w", (2,), dtype="float32")
    model = sg.compile(w.sum(), optimizer=optim.SGD(lr), style=style)
    params = model.init()
    state = model.init_optimizer(params)
    assert list(state) == [
        "steps", "rate", "rate_plateau.best", "rate_plateau.failures", "rate_plateau.rest",
    ]  # fmt: skip
    for value in (1.0, 1.0):
        model.step(params, state)
        optim.observe(model.optimizer, state, value)
    model.step(params, state)
    assert params["w"].tolist() == [-1.25, -1.25]
    assert params["w"].dtype == np.float32


def test_plateaus_in_one_optimizer_are_told_apart() -> None:
    slow, fast = optim.ReduceOnPlateau(0.1, name="slow"), optim.ReduceOnPlateau(0.5)
    both = optim.groups({"W*": optim.SGD(slow), "*": optim.Adam(fast)})
    state = model_of("network", both, "float64", "fast").init_optimizer(model_params())
    assert {"slow", "rate"} < set(state)
    shared = optim.groups({"W*": optim.SGD(fast), "*": optim.Adam(fast)})
    state = model_of("network", optim.average(shared), "float64", "fast").init_optimizer(
        model_params()
    )
    optim.observe(shared, state, 1.0)
    optim.observe(shared, state, 1.0)
    assert state["rate_plateau.failures"] == 1  # once for each value, though it is there twice
    clash = optim.groups({"W*": optim.SGD(optim.ReduceOnPlateau(0.1)), "*": optim.SGD(fast)})
    with pytest.raises(sg.DeclarationError, match=r"two numbers named 'rate'.*name='slow'"):
        model_of("network", clash, "float64", "fast")


def model_params() -> dict[str, np.ndarray]:
    return model_of("network", None, "float64", "fast").init()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.constant(-1.0), "constant: expected lr >= 0, a finite number; got -1.0"),
        (lambda: optim.step_decay(0.1, 0), "expected every >= 1, an integer; got 0"),
        (lambda: optim.step_decay(0.1, 2, 0.0), "expected factor > 0, a finite number; got 0.0"),
        (lambda: optim.piecewise([0.1], [5]), "rising bounds and one more rate; got 1 rates"),
        (lambda: optim.piecewise([0.1, 0.2, 0.3], [5, 5]), "rising bounds"),
        (lambda: optim.exponential(0.1, "half"), "factor > 0, a finite number; got 'half'"),
        (lambda: optim.cosine(0.1, 2.5), "expected steps >= 1, an integer; got 2.5"),
        (lambda: optim.linear(0.1, math.nan, 3), "expected last >= 0, a finite number; got nan"),
        (lambda: optim.piecewise(0.1, [3]), "a sequence of rates; got 0.1"),
        (lambda: optim.piecewise([0.1, 0.2], 3), "a sequence of bounds; got 3"),
        (lambda: optim.warm_up("slow", 3), "expected a schedule .* got 'slow'"),
        (lambda: optim.warm_up(optim.cosine, 3), "expected a schedule .* got <function cosine"),
        (lambda: optim.one_cycle(0.1, 10, up=0.05), "more than one step on the way up"),
        (lambda: optim.inverse_sqrt(0.1, True), "expected warm >= 1, an integer; got True"),
        (
            lambda: optim.ReduceOnPlateau(-0.1),
            "ReduceOnPlateau: expected lr >= 0, a finite number; got -0.1",
        ),
        (
            lambda: optim.ReduceOnPlateau(0.1, factor=1.0),
            "0 < factor < 1, a finite number; got 1.0",
        ),
        (lambda: optim.ReduceOnPlateau(0.1, patience=-1), "patience >= 0, an integer; got -1"),
        (lambda: optim.ReduceOnPlateau(0.1, mode="least"), "mode .*got 'least'"),
        (lambda: optim.ReduceOnPlateau(0.1, name="my rate"), "as name; got 'my rate'"),
        (lambda: optim.ReduceOnPlateau(0.1).observe({}, 1.0), "opt_state has no 'rate'"),
    ],
)
def test_bad_arguments(make: Callable[[], object], message: str) -> None:
    with pytest.raises(sg.DeclarationError, match=message):
        make()
