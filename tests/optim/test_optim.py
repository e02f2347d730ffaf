"""Optimisers through ``model.step``, against the published updates in NumPy and PyTorch's runs."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import optim

STEPS = 50
TORCH = json.loads(Path(__file__).with_name("torch.json").read_text())
Params = dict[str, np.ndarray]


def table(*shape: int, frequency: float) -> np.ndarray:
    """As in ``record_torch``."""
    values = [math.sin(frequency * (1 + k)) for k in range(math.prod(shape))]
    return np.array(values).reshape(shape)


X, Y = table(12, 3, frequency=1.7), table(12, 1, frequency=0.9)
NETWORK = {
    "W1": table(3, 4, frequency=2.3),
    "bias": table(4, frequency=3.1),
    "W2": table(4, 1, frequency=4.3),
}
REGRESSION = {"w": table(3, 1, frequency=0.7), "b": np.array(0.25)}


def network_gradient(p: Params, x: np.ndarray, y: np.ndarray) -> tuple[Any, Params]:
    h = np.tanh(x @ p["W1"] + p["bias"])
    r = h @ p["W2"] - y
    d_r = 2 * r / r.dtype.type(r.size)
    d_a = d_r @ p["W2"].T * (1 - h * h)
    return (r * r).mean(), {"W1": x.T @ d_a, "bias": d_a.sum(axis=0), "W2": h.T @ d_r}


def regression_gradient(p: Params, x: np.ndarray, y: np.ndarray) -> tuple[Any, Params]:
    r = x @ p["w"] + p["b"] - y
    d_r = 2 * r / r.dtype.type(r.size)
    return (r * r).mean(), {"w": x.T @ d_r, "b": d_r.sum()}


def model_of(problem: str, optimizer: optim.Optimizer, dtype: str, style: str) -> sg.Model:
    x, y = sg.input("x", ("B", 3), dtype), sg.input("y", ("B", 1), dtype)
    first = NETWORK if problem == "network" else REGRESSION
    p = {k: sg.param(k, v.shape, init=v, dtype=dtype) for k, v in first.items()}
    if problem == "network":
        out = sg.tanh(x @ p["W1"] + p["bias"]) @ p["W2"]
    else:
        out = x @ p["w"] + p["b"]
    return sg.compile(((out - y) ** 2).mean(), optimizer=optimizer, style=style)


PROBLEMS = {
    "network": (NETWORK, network_gradient),
    "regression": (REGRESSION, regression_gradient),
}

# A rule has the parameter w, gradient d, the array's own memory s and the step t = 1, 2, ...
Rule = Callable[[Any, Any, dict[str, Any], int], Any]


def gradient_descent(lr: float) -> Rule:
    return lambda w, d, s, t: w - lr * d


def heavy_ball(lr: float, momentum: float, nesterov: bool) -> Rule:
    """PyTorch's form of Sutskever et al. (2013): v' = mu v + d; w' = w - lr v' or look ahead."""

    def rule(w: Any, d: Any, s: dict[str, Any], t: int) -> Any:
        s["v"] = momentum * s.get("v", 0) + d
        return w - lr * (d + momentum * s["v"] if nesterov else s["v"])

    return rule


def kingma_ba(lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Rule:
    """Algorithm 1 of Kingma and Ba (2015), line by line."""

    def rule(w: Any, d: Any, s: dict[str, Any], t: int) -> Any:
        s["m"] = beta1 * s.get("m", 0) + (1 - beta1) * d
        s["v"] = beta2 * s.get("v", 0) + (1 - beta2) * d**2
        m_hat, v_hat = s["m"] / (1 - beta1**t), s["v"] / (1 - beta2**t)
        return w - lr * m_hat / (np.sqrt(v_hat) + eps)

    return rule


RULES: dict[str, tuple[optim.Optimizer, Rule]] = {
    "sgd": (optim.SGD(0.1), gradient_descent(0.1)),
    "momentum": (optim.SGD(0.05, momentum=0.9), heavy_ball(0.05, 0.9, False)),
    "nesterov": (optim.SGD(0.05, momentum=0.9, nesterov=True), heavy_ball(0.05, 0.9, True)),
    "adam": (optim.Adam(0.02), kingma_ba(0.02)),
    "adam_other": (optim.Adam(0.02, 0.8, 0.95, 1e-3), kingma_ba(0.02, 0.8, 0.95, 1e-3)),
}


def run_model(
    model: sg.Model, dtype: str, steps: int = STEPS
) -> tuple[list[float], Params, Params]:
    params = model.init()
    state = model.init_optimizer(params)
    x, y = X.astype(dtype), Y.astype(dtype)
    losses = [float(model.step(params, state, x=x, y=y)) for _ in range(steps)]
    return losses, params, state


def run_rule(
    problem: str, rule: Callable[[int], Rule], steps: int = STEPS
) -> tuple[list[float], Params]:
    """The reference, in float64."""
    first, gradient = PROBLEMS[problem]
    params = dict(first)
    memory: dict[str, dict[str, Any]] = {name: {} for name in params}
    losses = []
    for t in range(1, steps + 1):
        loss, grads = gradient(params, X, Y)
        losses.append(float(loss))
        params = {k: rule(t)(w, grads[k], memory[k], t) for k, w in params.items()}
    return losses, params


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", RULES)
def test_fifty_steps(name: str, problem: str, dtype: str, tolerance: float, style: str) -> None:
    optimizer, rule = RULES[name]
    losses, params, state = run_model(model_of(problem, optimizer, dtype, style), dtype)
    expected_losses, expected = run_rule(problem, lambda t: rule)
    np.testing.assert_allclose(losses, expected_losses, rtol=tolerance, atol=tolerance)
    for key, value in expected.items():
        assert params[key].dtype == dtype
        np.testing.assert_allclose(params[key], value, rtol=tolerance, atol=tolerance)
    assert {a.dtype for k, a in state.items() if a.dtype.kind == "f"} <= {np.dtype(dtype)}
    assert expected_losses[-1] < expected_losses[0] / 1.1  # the steps are not all tiny


@pytest.mark.parametrize("name", RULES)
def test_pytorch_goes_the_same_way(name: str) -> None:
    losses, params, _ = run_model(model_of("network", RULES[name][0], "float64", "fast"), "float64")
    np.testing.assert_allclose(losses, TORCH[name]["losses"], rtol=1e-11)
    flat = np.concatenate([params[k].ravel() for k in NETWORK])
    np.testing.assert_allclose(flat, TORCH[name]["params"], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_parameters_may_bear_the_names_of_buffers(style: str) -> None:
    """The fast style keeps its buffers in local variables, which must not hide parameters."""
    x, y = sg.input("x", ("B", 3)), sg.input("y", ("B", 1))
    p = {
        key: sg.param(name, NETWORK[key].shape, init=NETWORK[key])
        for key, name in (("W1", "b0"), ("bias", "b1"), ("W2", "b2"))
    }
    out = sg.tanh(x @ p["W1"] + p["bias"]) @ p["W2"]
    model = sg.compile(((out - y) ** 2).mean(), optimizer=optim.SGD(0.1), style=style)
    losses, _, _ = run_model(model, "float64")
    np.testing.assert_allclose(losses, TORCH["sgd"]["losses"], rtol=1e-11)


def decay(step: Any) -> Any:
    return 0.2 / (1 + 0.1 * step)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda lr: optim.SGD(lr), gradient_descent),
        (lambda lr: optim.SGD(lr, momentum=0.5), lambda lr: heavy_ball(lr, 0.5, False)),
        (lambda lr: optim.Adam(lr), kingma_ba),
    ],
    ids=["sgd", "momentum", "adam"],
)
def test_a_schedule_sees_the_updates_done_before(
    make: Callable[[Any], optim.Optimizer], rule: Callable[[float], Rule], dtype: str
) -> None:
    losses, params, _ = run_model(model_of("regression", make(decay), dtype, "fast"), dtype, 20)
    memory = run_rule("regression", lambda t: rule(decay(t - 1)), 20)
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    np.testing.assert_allclose(losses, memory[0], rtol=tolerance, atol=tolerance)
    for key, value in memory[1].items():
        assert params[key].dtype == dtype
        np.testing.assert_allclose(params[key], value, rtol=tolerance, atol=tolerance)


def test_a_schedule_may_be_constant() -> None:
    fixed = run_model(model_of("regression", optim.SGD(0.1), "float64", "fast"), "float64")
    called = run_model(
        model_of("regression", optim.SGD(lambda t: 0.1), "float64", "fast"), "float64"
    )
    np.testing.assert_allclose(called[0], fixed[0], rtol=1e-14)


def test_only_what_is_asked_for_is_updated() -> None:
    w, v = sg.param("w", (), init=1.0), sg.param("v", (), init=2.0)
    model = sg.compile((w * v) ** 2, optimizer=optim.SGD(0.1), wrt=[w])
    params = model.init()
    assert model.step(params, model.init_optimizer(params)) == 4.0
    assert params["v"] == 2.0
    assert params["w"] == 1 - 0.1 * 8


@pytest.mark.parametrize("name", RULES)
def test_a_run_may_be_continued(name: str) -> None:
    """The state holds all that there is to know: 25 + 25 steps are 50, to the bit."""
    model = model_of("network", RULES[name][0], "float64", "fast")
    _, params, _ = run_model(model, "float64")
    _, half, state = run_model(model, "float64", 25)
    half = {k: a.copy() for k, a in half.items()}
    state = {k: a.copy() for k, a in state.items()}
    for _ in range(25):
        model.step(half, state, x=X, y=Y)
    for key in params:
        np.testing.assert_array_equal(half[key], params[key])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.SGD(-0.1), "lr"),
        (lambda: optim.SGD(math.nan), "lr"),
        (lambda: optim.SGD(math.inf), "lr"),
        (lambda: optim.SGD("fast"), "lr"),
        (lambda: optim.SGD(True), "lr"),
        (lambda: optim.SGD(0.1, momentum=1.0), "momentum"),
        (lambda: optim.SGD(0.1, momentum=-0.5), "momentum"),
        (lambda: optim.SGD(0.1, nesterov=True), "nesterov"),
        (lambda: optim.Adam(-1.0), "lr"),
        (lambda: optim.Adam(beta1=1.0), "beta1"),
        (lambda: optim.Adam(beta2=-0.1), "beta2"),
        (lambda: optim.Adam(beta2=None), "beta2"),
        (lambda: optim.Adam(eps=-1e-8), "eps"),
    ],
)
def test_bad_arguments(make: Callable[[], object], message: str) -> None:
    with pytest.raises(sg.DeclarationError, match=message):
        make()


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (optim.SGD, {"weight_decay": 0.1}, r"SGD has no .*'weight_decay': .*\.decay\(SGD\(\.\.\."),
        (optim.Adam, {"weight_decay": 0.1}, "around Adam is AdamW; or .*chain.*l2"),
        (optim.Adam, {"betas": (0.9, 0.99)}, "Adam has no option 'betas': pass beta1=..., beta2"),
        (optim.NAdam, {"learning_rate": 0.1}, "NAdam has no option 'learning_rate': .* lr"),
        (optim.RMSprop, {"alpha": 0.9}, "'alpha': .* called decay"),
        (optim.SGD, {"lr": 0.1, "clipvalue": 1.0}, r"clip_by_value\(...\), SGD\(...\)\)$"),
    ],
)
def test_options_of_other_libraries_get_advice(
    kind: Callable[..., object], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(sg.DeclarationError, match=message):
        kind(**options)


def test_an_option_of_ones_own_may_have_any_name() -> None:
    @dataclass(frozen=True)
    class Decayed(optim.SGD):
        weight_decay: float = 0.0

    assert Decayed(0.1, weight_decay=0.5).weight_decay == 0.5
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        optim.SGD(0.1, colour=1)  # type: ignore[call-arg]
    assert pickle.loads(pickle.dumps(optim.Adam(0.1))) == optim.Adam(0.1)


def test_a_memory_that_is_none_is_refused() -> None:
    class Wrong(optim.SGD):
        def memory(self, param: Any) -> Any:  # type: ignore[override]
            return {"v": 0.0}

    class Names(optim.SGD):
        def memory(self) -> Any:
            return ["v"]

    w = sg.param("w", ())
    for rule, got in ((Wrong, "missing a required argument: 'param'"), (Names, r"got \['v'\]")):
        with pytest.raises(sg.DeclarationError, match=rf"{rule.__name__}: expected memory.*{got}"):
            sg.compile(w * w, optimizer=rule(0.1))


def test_without_an_optimizer_there_is_no_step() -> None:
    w = sg.param("w", (), init=1.0)
    model = sg.compile(w * w)
    with pytest.raises(sg.CompileError, match="optimizer"):
        model.step(model.init(), {})


def test_an_update_keeps_nothing_but_slots() -> None:
    w, other = sg.param("w", (), init=1.0), sg.state("other", ())
    with pytest.raises(sg.DeclarationError, match="SGD: the update uses the state 'other'"):
        sg.compile(w * w, optimizer=optim.SGD(lambda step: other * 0.5**step))
