"""Each rule against PyTorch's or Optax's run, and its published form in NumPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import optim
from tests.optim.test_optim import (
    NETWORK,
    TORCH,
    Params,
    Rule,
    X,
    Y,
    model_of,
    run_model,
    run_rule,
)

OPTAX = json.loads(Path(__file__).with_name("optax.json").read_text())

FROM_TORCH: dict[str, Any] = {
    "amsgrad": optim.AMSGrad(0.1, 0.8, 0.9),
    "adamw": optim.AdamW(0.02, weight_decay=0.3),
    "radam": optim.RAdam(0.02),
    "radam_other": optim.RAdam(0.02, 0.8, 0.9),
    "adagrad": optim.AdaGrad(0.1),
    "adagrad_other": optim.AdaGrad(0.1, first=0.5),
    "rmsprop": optim.RMSprop(0.01),
    "rmsprop_momentum": optim.RMSprop(0.01, 0.9, momentum=0.5),
    "rmsprop_centred": optim.RMSprop(0.01, 0.9, centred=True),
    "adadelta": optim.AdaDelta(1.0, 0.9, 1e-3),
    "l2": optim.chain(optim.l2(0.3), optim.SGD(0.05, momentum=0.9)),
    "groups": optim.groups({"W1": optim.SGD(0.01), "*": optim.SGD(0.1, momentum=0.5)}),
    "clipped": optim.chain(optim.clip_by_global_norm(0.4), optim.Adam(0.02)),
}
FROM_OPTAX: dict[str, Any] = {
    "nadam": optim.NAdam(0.02, 0.8, 0.95),
    "lion": optim.Lion(0.01),
    "lion_decay": optim.decay(optim.Lion(0.01, 0.8, 0.9), 0.5),
    "clip": optim.chain(optim.clip_by_value(0.05), optim.Adam(0.02)),
    "clip_by_global_norm": optim.chain(optim.clip_by_global_norm(0.4), optim.Adam(0.02)),
}
EVERY = [
    *[("torch", name) for name in FROM_TORCH],
    *[("optax", name) for name in FROM_OPTAX],
]


def recorded(source: str, name: str) -> tuple[Any, dict[str, list[float]]]:
    if source == "torch":
        return FROM_TORCH[name], TORCH[name]
    return FROM_OPTAX[name], OPTAX[name]


def flat(params: Params) -> np.ndarray:
    return np.concatenate([params[k].ravel() for k in NETWORK])


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize(("source", "name"), EVERY)
def test_a_run_of_fifty_steps(source: str, name: str, style: str) -> None:
    optimizer, expected = recorded(source, name)
    losses, params, _ = run_model(model_of("network", optimizer, "float64", style), "float64")
    np.testing.assert_allclose(losses, expected["losses"], rtol=1e-10)
    np.testing.assert_allclose(flat(params), expected["params"], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize(("source", "name"), EVERY)
def test_single_precision_stays_so(source: str, name: str, style: str) -> None:
    optimizer, expected = recorded(source, name)
    model = model_of("network", optimizer, "float32", style)
    losses, params, state = run_model(model, "float32")
    # the sign of what is nearly 0 is another in single precision: a step of another direction
    near = name.startswith("lion")
    np.testing.assert_allclose(losses, expected["losses"], rtol=0.05 if near else 1e-4)
    assert {p.dtype for p in params.values()} == {np.dtype("float32")}
    assert {a.dtype for a in state.values() if a.ndim} <= {np.dtype("float32")}


def root_mean_square(lr: float, decay: float, momentum: float, centred: bool) -> Rule:
    """Tieleman and Hinton (2012), and Graves (2013): E[d^2] - E[d]^2 as it is written there."""

    def rule(w: Any, d: Any, s: dict[str, Any], t: int) -> Any:
        s["n"] = decay * s.get("n", 0) + (1 - decay) * d**2
        s["g"] = decay * s.get("g", 0) + (1 - decay) * d
        size = np.sqrt(s["n"] - (s["g"] ** 2 if centred else 0)) + 1e-8
        s["u"] = momentum * s.get("u", 0) + d / size
        return w - lr * s["u"]

    return rule


def duchi(lr: float) -> Rule:
    def rule(w: Any, d: Any, s: dict[str, Any], t: int) -> Any:
        s["G"] = s.get("G", 0) + d * d
        return w - lr * d / (np.sqrt(s["G"]) + 1e-10)

    return rule


def zeiler(rho: float, eps: float) -> Rule:
    """Algorithm 1 of Zeiler (2012)."""

    def rule(w: Any, d: Any, s: dict[str, Any], t: int) -> Any:
        s["g"] = rho * s.get("g", 0) + (1 - rho) * d**2
        step = -np.sqrt(s.get("x", 0) + eps) / np.sqrt(s["g"] + eps) * d
        s["x"] = rho * s.get("x", 0) + (1 - rho) * step**2
        return w + step

    return rule


def reddi(lr: float, beta1: float, beta2: float) -> Rule:
    def rule(w: Any, d: Any, s: dict[str, Any], t: int) -> Any:
        s["m"] = beta1 * s.get("m", 0) + (1 - beta1) * d
        s["v"] = beta2 * s.get("v", 0) + (1 - beta2) * d**2
        s["top"] = np.maximum(s.get("top", 0), s["v"])
        size = np.sqrt(s["top"] / (1 - beta2**t)) + 1e-8
        return w - lr * s["m"] / (1 - beta1**t) / size

    return rule


def dozat(lr: float, mu: float, nu: float) -> Rule:
    """Algorithm 2 of Dozat (2016), mu the same at every step."""

    def rule(w: Any, d: Any, s: dict[str, Any], t: int) -> Any:
        s["m"] = mu * s.get("m", 0) + (1 - mu) * d
        s["n"] = nu * s.get("n", 0) + (1 - nu) * d**2
        m = mu * s["m"] / (1 - mu ** (t + 1)) + (1 - mu) * d / (1 - mu**t)
        return w - lr * m / (np.sqrt(s["n"] / (1 - nu**t)) + 1e-8)

    return rule


def liu(lr: float, beta1: float, beta2: float) -> Rule:
    """Algorithm 2 of Liu et al. (2020), with 5 as the bound, as its code has it."""

    def rule(w: Any, d: Any, s: dict[str, Any], t: int) -> Any:
        s["m"] = beta1 * s.get("m", 0) + (1 - beta1) * d
        s["v"] = beta2 * s.get("v", 0) + (1 - beta2) * d**2
        m, last = s["m"] / (1 - beta1**t), 2 / (1 - beta2) - 1
        rho = last - 2 * t * beta2**t / (1 - beta2**t)
        if rho <= 5:
            return w - lr * m
        r = ((rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * rho)) ** 0.5
        return w - lr * r * m * (1 - beta2**t) ** 0.5 / (np.sqrt(s["v"]) + 1e-8)

    return rule


def chen(lr: float, beta1: float, beta2: float) -> Rule:
    """Algorithm 2 of Chen et al. (2023)."""

    def rule(w: Any, d: Any, s: dict[str, Any], t: int) -> Any:
        m = s.get("m", 0)
        s["m"] = beta2 * m + (1 - beta2) * d
        return w - lr * np.sign(beta1 * m + (1 - beta1) * d)

    return rule


@pytest.mark.parametrize("problem", ["network", "regression"])
@pytest.mark.parametrize(
    ("optimizer", "rule"),
    [
        (optim.RMSprop(0.01, 0.9), root_mean_square(0.01, 0.9, 0.0, False)),
        (optim.RMSprop(0.01, 0.9, 0.5, True), root_mean_square(0.01, 0.9, 0.5, True)),
        (optim.AdaGrad(0.1), duchi(0.1)),
        (optim.AdaDelta(1.0, 0.8, 1e-2), zeiler(0.8, 1e-2)),
        (optim.AMSGrad(0.1, 0.8, 0.9), reddi(0.1, 0.8, 0.9)),
        (optim.NAdam(0.02, 0.8, 0.9), dozat(0.02, 0.8, 0.9)),
        (optim.RAdam(0.02, 0.8, 0.9), liu(0.02, 0.8, 0.9)),
        (optim.Lion(0.01, 0.8, 0.9), chen(0.01, 0.8, 0.9)),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, optim.Elementwise) else "",
)
def test_the_published_rule(optimizer: Any, rule: Rule, problem: str) -> None:
    # some 20 steps later gradients are nearly 0, and their quotients those of rounding errors
    losses, params, _ = run_model(model_of(problem, optimizer, "float64", "fast"), "float64", 30)
    expected_losses, expected = run_rule(problem, lambda t: rule, 30)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-10)
    for key, value in expected.items():
        np.testing.assert_allclose(params[key], value, rtol=1e-9, atol=1e-11)


def test_a_centred_variance_is_never_below_0() -> None:
    """E[d^2] - E[d]^2 in single precision is, for a gradient that hardly changes."""
    w = sg.param("w", (100,), dtype="float32")
    x = sg.input("x", (100,), "float32")
    model = sg.compile((w * x).sum(), optimizer=optim.RMSprop(0.1, 0.9, centred=True))
    params = model.init()
    state = model.init_optimizer(params)
    rng = np.random.default_rng(0)
    for _ in range(100):
        model.step(params, state, x=(1000 + 1e-3 * rng.normal(size=100)).astype("f4"))
        assert (state["v.w"] >= 0).all()
    assert np.isfinite(params["w"]).all()


def test_the_first_corrections_are_exact_in_single_precision() -> None:
    """1 - 0.999 in float32 is off by two parts in 10^5."""
    w = sg.param("w", (), init=0.0, dtype="float32")
    model = sg.compile(w * 3, optimizer=optim.Adam(1.0, eps=0.0))
    params = model.init()
    model.step(params, model.init_optimizer(params))
    assert abs(params["w"] + 1) <= 2e-7


@pytest.mark.parametrize(("source", "name"), EVERY)
def test_a_saved_module_makes_the_same_steps(source: str, name: str, tmp_path: Path) -> None:
    optimizer, _ = recorded(source, name)
    model = model_of("network", optimizer, "float32", "fast")
    x, y = X.astype("f4"), Y.astype("f4")
    params = model.init()
    state = model.init_optimizer(params)
    namespace: dict[str, Any] = {}
    exec(compile(model.save(tmp_path / "net.py").read_text(), "net.py", "exec"), namespace)
    others = namespace["init"]()
    other_state = namespace["init_optimizer"](others)
    assert list(other_state) == list(state)
    for _ in range(6):
        loss = model.step(params, state, x=x, y=y)
        assert namespace["step"](others, other_state, x, y) == loss
    for mine, theirs in ((params, others), (state, other_state)):
        for key, value in mine.items():
            np.testing.assert_array_equal(theirs[key], value)


@pytest.mark.parametrize("number", [np.float64(0.1), np.float32(0.125), np.int64(1)])
def test_numbers_of_numpy_are_not_strong(number: Any) -> None:
    """A sweep over np.logspace is one of float64 scalars: a float32 model stays what it is."""
    w, g = sg.param("w", (3,), dtype="float32"), sg.input("g", (3,), dtype="float32")
    for optimizer, other in (
        (optim.SGD(number, momentum=np.float64(0.9)), optim.SGD(float(number), momentum=0.9)),
        (
            optim.chain(optim.l2(number), optim.clip_by_value(number), optim.AdamW(number)),
            optim.chain(
                optim.l2(float(number)),
                optim.clip_by_value(float(number)),
                optim.AdamW(float(number)),
            ),
        ),
        (
            optim.accumulate(optim.SGD(optim.cosine(number, np.int64(9))), np.int64(2)),
            optim.accumulate(optim.SGD(optim.cosine(float(number), 9)), 2),
        ),
        (
            optim.SGD(optim.ReduceOnPlateau(number, patience=np.int64(2))),
            optim.SGD(optim.ReduceOnPlateau(float(number), patience=2)),
        ),
    ):
        sources = [
            sg.compile((w * g).sum(), optimizer=one, style="readable").source_of("step")
            for one in (optimizer, other)
        ]
        assert sources[0] == sources[1]


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.Adam(0.1, beta1=0.0, beta2=0.0),
        optim.AMSGrad(0.1, beta1=0.0),
        optim.NAdam(0.1, beta1=0.0, beta2=0.0),
        optim.RMSprop(0.1, decay=0.0),
        optim.AdaDelta(0.1, decay=0.0),
        optim.Lion(0.1, beta1=0.0, beta2=0.0),
    ],
)
@pytest.mark.parametrize("first", [1e20, np.inf])
def test_a_mean_with_decay_0_forgets(optimizer: Any, first: float) -> None:
    w, g = sg.param("w", (), init=1.0), sg.input("g", ())
    model = sg.compile(w * g, optimizer=optimizer)
    params = model.init()
    state = model.init_optimizer(params)
    model.step(params, state, g=first)
    for value in (-3.0, 0.5):
        model.step(params, state, g=value)
        kept = {"m.w": value, "v.w": value * value}
        exact = {key for key in kept if key in state}
        exact -= {"v.w"} if isinstance(optimizer, optim.AMSGrad) else set()  # that of 0.999
        assert exact
        assert {key: float(state[key]) for key in exact} == {key: kept[key] for key in exact}
