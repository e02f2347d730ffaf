"""Rates that are data of the step, and what else an update may bring of its own."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import optim

DATA = {"x": np.array([[1.0, 2.0], [-1.0, 0.5], [0.25, 3.0]]), "y": np.array([1.0, 0.0, -1.0])}
RATES = [0.1, 0.2, 0.05, 0.4]


def declared(optimizer: Any, dtype: str = "float64", style: str = "fast") -> sg.Model:
    x, y = sg.input("x", ("B", 2), dtype=dtype), sg.input("y", ("B",), dtype=dtype)
    out = x @ sg.param("w", (2,), init=[0.5, -0.5], dtype=dtype)
    loss = sg.losses.mean(sg.losses.mse(out, y))
    return sg.compile(loss, outputs=out, optimizer=optimizer, style=style)


def trained(model: Any, rates: list[float] | None = None) -> np.ndarray[Any, Any]:
    params = model.init()
    state = model.init_optimizer(params)
    for rate in rates or RATES:
        model.step(params, state, **DATA, **({} if rates is None else {"rate": rate}))
    found: np.ndarray[Any, Any] = params["w"]
    return found


#: an optimiser with a rate that is given, and the same with a schedule
CASES: list[Callable[[Any], Any]] = [
    optim.SGD,
    lambda lr: optim.SGD(lr, momentum=0.9, nesterov=True),
    optim.Adam,
    optim.Lion,
    lambda lr: optim.AdamW(lr, weight_decay=0.5),
    lambda lr: optim.average(optim.chain(optim.clip_by_global_norm(0.5), optim.NAdam(lr))),
    lambda lr: optim.groups({"w": optim.decay(optim.SGD(lr), 0.1)}),
]


@pytest.mark.parametrize("make", CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_rate_given_to_the_step_is_a_schedule_by_hand(make: Any, dtype: str) -> None:
    given = declared(make(sg.input("rate", ())), dtype)
    planned = declared(make(optim.piecewise(RATES, [1, 2, 3])), dtype)
    found = trained(given, RATES)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, trained(planned))


def test_a_sweep_over_rates_compiles_once() -> None:
    model = declared(optim.SGD(sg.input("rate", ())))
    for rate in np.logspace(-3, -1, 4):
        np.testing.assert_array_equal(
            trained(model, [rate] * 4), trained(declared(optim.SGD(rate)))
        )


def test_it_composes_with_schedules() -> None:
    rate = sg.input("rate", ())
    scaled = declared(optim.SGD(lambda n: rate * optim.cosine(1.0, 10)(n)))
    np.testing.assert_allclose(
        trained(scaled, [0.1] * 4), trained(declared(optim.SGD(optim.cosine(0.1, 10)))), rtol=1e-15
    )
    same = declared(optim.SGD(lambda n: rate))
    np.testing.assert_array_equal(trained(same, RATES), trained(declared(optim.SGD(rate)), RATES))


def test_only_the_step_takes_it() -> None:
    model = declared(optim.Adam(sg.input("rate", ())), style="readable")
    assert model.signature("step").data == ("x", "y", "rate")
    for entry in ("predict", "evaluate", "value_and_grad"):
        assert "rate" not in model.signature(entry).data
    assert set(model.inputs) == {"x", "y", "rate"}
    params = model.init()
    with pytest.raises(sg.CompileError, match="step: the input 'rate' is missing"):
        model.step(params, model.init_optimizer(params), **DATA)


def test_it_pickles_saves_and_is_fitted(tmp_path: Path) -> None:
    model = declared(optim.Adam(sg.input("rate", ())))
    wanted = trained(model, RATES)
    np.testing.assert_array_equal(trained(pickle.loads(pickle.dumps(model)), RATES), wanted)
    module: dict[str, Any] = {}
    exec(compile(model.save(tmp_path / "net.py").read_text(), "net.py", "exec"), module)
    params = module["init"]()
    state = module["init_optimizer"](params)
    for rate in RATES:
        module["step"](params, state, DATA["x"], DATA["y"], rate)
    np.testing.assert_array_equal(params["w"], wanted)

    def batches() -> list[dict[str, Any]]:
        return [DATA | {"rate": rate} for rate in RATES]

    fitted = sg.train.fit(model, batches(), epochs=1, params=model.init())
    np.testing.assert_array_equal(fitted.params["w"], wanted)


def test_a_rate_is_one_real_number() -> None:
    for bad in (sg.input("rate", (2,)), sg.input("rate", (), dtype=bool)):
        with pytest.raises(sg.DeclarationError, match="Adam: expected lr to be a number, or"):
            optim.Adam(bad)
    for made in (None, "fast", [0.1], sg.const([0.1, 0.2])):
        with pytest.raises(sg.DeclarationError, match="SGD: expected the schedule's rate to be"):
            declared(optim.SGD(lambda n, made=made: made))
    with pytest.raises(sg.DeclarationError, match="two leaves are named 'x'"):
        declared(optim.SGD(sg.input("x", ())))


@pytest.mark.parametrize(
    "bad", ["0.1", None, [0.1], True, optim.cosine, optim.ReduceOnPlateau, lambda: 0.1]
)
def test_what_is_no_rate_is_refused_at_once(bad: Any) -> None:
    with pytest.raises(sg.DeclarationError, match="SGD: expected lr to be a number, a schedule"):
        optim.SGD(bad)


def test_an_update_may_draw() -> None:
    class Langevin(optim.Elementwise):
        """M. Welling, Y. W. Teh (2011): a step of descent and noise of twice its variance."""

        def rule(self, param: Any, grad: Any, memory: Any, rate: Any, step: Any) -> Any:
            noise = sg.random.normal(param.shape, dtype=param.dtype)
            return param - rate * grad + sg.sqrt(2 * rate) * noise, {}

    w = sg.param("w", (4000,))
    model = sg.compile((w * w).sum() / 2, optimizer=Langevin(0.1))
    params = model.init()
    state = model.init_optimizer(params)
    assert model.signature("step").random
    rng = np.random.default_rng(0)
    for _ in range(60):
        model.step(params, state, rng=rng)
    # the chain w' = 0.9 w + sqrt(0.2) n has the variance 0.2 / (1 - 0.81)
    assert abs(params["w"].var() - 0.2 / 0.19) < 0.1


def test_names_of_what_is_made_of_gradients_are_kept() -> None:
    def scaled(grads: Any) -> Any:
        size = sg.name(sg.sqrt(sum((g * g).sum() for g in grads.values())), "size")
        return {name: g / (1 + size) for name, g in grads.items()}

    model = declared(optim.chain(scaled, optim.SGD(0.1)), style="readable")
    assert "    size = np.sqrt(" in model.source_of("step")


@pytest.mark.parametrize("named", [False, True])
def test_a_rate_made_of_the_loss_takes_it_as_it_is_computed_anyway(named: bool) -> None:
    x, t, w = sg.input("x", ("B", 3)), sg.input("t", ("B",)), sg.param("w", (3,))
    loss = sg.name(sg.losses.mean(sg.square(x @ w - t)), "size")
    rate = 0.1 / (1 + sg.stop_gradient(loss))
    model = sg.compile(loss, optimizer=optim.SGD(sg.name(rate, "lr") if named else rate))
    step = model.source_of("step").split('"params"')[1]
    assert step.count("/ count") == 2  # of the loss and of its gradient
    assert "0.1 / (1 + size)" in step


def test_a_formula_that_mends_the_loss_mends_it_in_a_rate_too() -> None:
    x, w = sg.input("x", (3,)), sg.param("w", (3,))
    loss = sg.log(1 + sg.exp(x * w)).sum()
    model = sg.compile(loss, optimizer=optim.SGD(0.1 / (1 + sg.stop_gradient(loss))))
    params = {"w": np.full(3, 1000.0)}
    model.step(params, model.init_optimizer(params), x=np.ones(3))
    np.testing.assert_allclose(params["w"], 1000.0 - 0.1 / 3001.0, rtol=1e-15)


def test_counts_that_cancel_leave_the_name_of_the_rate() -> None:
    model = declared(optim.SGD(optim.inverse_sqrt(0.1, warm=10)), style="readable")
    step = model.source_of("step")
    assert "- 1" not in step and "+ 1" not in step
    assert "    lr = np.minimum(" in step


def test_numbers_in_a_rule_are_written_as_they_are_meant() -> None:
    model = declared(optim.NAdam(0.01), style="readable")
    assert "ahead = 0.009 / (1 - 0.9 ** n)" in model.source_of("step")
