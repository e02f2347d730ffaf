"""Loops beside JAX and PyTorch: an LSTM and its gradient, and an integrator on numbers.

Each is checked against the peer's result, and timed in turn with it; printed are medians, and
their ratios to symgrad's. A peer that is not installed is left out.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg

T, B, FEATURES, UNITS = 100, 32, 64, 128
STEPS = 100_000


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def interleaved(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each, all of them called in each round."""
    times: dict[str, list[float]] = {key: [] for key in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for key, call in calls.items():
            start = time.perf_counter()
            call()
            times[key].append(time.perf_counter() - start)
    return {key: statistics.median(found) for key, found in times.items()}


def shown(title: str, medians: dict[str, float], unit: float, per: str) -> None:
    """Print the medians, and in brackets how many times symgrad's they are."""
    own = medians["symgrad"]
    parts = [f"{key} {took / unit:.2f} {per} ({took / own:.2f})" for key, took in medians.items()]
    print(f"\n{title}: {', '.join(parts)}")


# ---------------------------------------------------------------- LSTM


def _arrays() -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    shapes = ((T, B, FEATURES), (FEATURES, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,))
    scales = (1.0, 0.1, 0.1, 0.1)
    return [
        rng.normal(scale=scale, size=shape).astype(np.float32)
        for shape, scale in zip(shapes, scales, strict=True)
    ]


def _gates(z: Any) -> list[Any]:
    return [z[:, k * UNITS : (k + 1) * UNITS] for k in range(4)]


def lstm_symgrad() -> Callable[[], Any]:
    xs, *weights = _arrays()
    x = sg.input("x", ("T", "B", FEATURES), "float32")
    W, U, b = [
        sg.param(name, value.shape, dtype="float32")
        for name, value in zip("WUb", weights, strict=True)
    ]

    def cell(state: Any, x: Any) -> Any:
        h, c = state
        i, f, g, o = _gates(x @ W + h @ U + b)
        c = sg.sigmoid(f) * c + sg.sigmoid(i) * sg.tanh(g)
        h = sg.sigmoid(o) * sg.tanh(c)
        return (h, c), h

    start = sg.zeros((x.shape[1], UNITS), "float32")
    _, hs = sg.scan(cell, (start, start), x)
    model = sg.compile((hs**2).mean())
    params = dict(zip("WUb", weights, strict=True))

    def run() -> Any:
        loss, grads = model.value_and_grad(params, x=xs)
        return loss, grads["U"]

    return run


def lstm_jax() -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    xs, *weights = _arrays()

    def loss(weights: Any, x: Any) -> Any:
        W, U, b = weights

        def cell(state: Any, x: Any) -> Any:
            h, c = state
            i, f, g, o = _gates(x @ W + h @ U + b)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        start = jnp.zeros((B, UNITS), jnp.float32)
        _, hs = jax.lax.scan(cell, (start, start), x)
        return (hs**2).mean()

    compiled = jax.jit(jax.value_and_grad(loss))

    def run() -> Any:
        value, (_, dU, _) = jax.block_until_ready(compiled(weights, xs))
        return value, dU

    return run


def lstm_torch() -> Callable[[], Any]:
    import torch

    xs, W, U, b = _arrays()
    net = torch.nn.LSTM(FEATURES, UNITS)
    with torch.no_grad():
        net.weight_ih_l0.copy_(torch.tensor(W.T))
        net.weight_hh_l0.copy_(torch.tensor(U.T))
        net.bias_ih_l0.copy_(torch.tensor(b))
        net.bias_hh_l0.zero_()
    x = torch.tensor(xs)

    def run() -> Any:
        net.zero_grad(set_to_none=True)
        hs, _ = net(x)
        loss = (hs**2).mean()
        loss.backward()
        assert net.weight_hh_l0.grad is not None
        return loss.item(), net.weight_hh_l0.grad.numpy().T

    return run


def test_lstm() -> None:
    calls = {"symgrad": lstm_symgrad()}
    peers = {"jax": lstm_jax, "torch": lstm_torch}
    calls |= {name: make() for name, make in peers.items() if _has(name)}
    loss, slope = calls["symgrad"]()
    for call in calls.values():
        other, its_slope = call()
        np.testing.assert_allclose(loss, other, rtol=1e-5)
        np.testing.assert_allclose(slope, its_slope, rtol=1e-3, atol=1e-7)
    title = f"LSTM, value and gradient, float32, T={T} B={B} H={UNITS}"
    shown(title, interleaved(calls, rounds=15), 1e-3, "ms")


# ---------------------------------------------------------------- numbers


def pendulum(th0: Any, g: Any, k: Any, scan: Callable[..., Any], xp: Any) -> Any:
    """A driven pendulum with drag, by Euler's method: some 24 operations a step."""
    dt = 1e-4

    def step(state: Any, _: Any) -> Any:
        t, th, om = state
        a = 0.3 * xp.cos(2.0 * t) * xp.exp(-0.1 * t) - g * xp.sin(th) - k * om * abs(om)
        return (t + dt, th + dt * om + 0.5 * dt * dt * a, om + dt * a), None

    return scan(step, (0.0, th0, 0.0), length=STEPS)[0][1]


@pytest.mark.parametrize("wanted", ["value", "gradient", "tangent"])
def test_integrator_on_numbers(wanted: str) -> None:
    th0, g, k = [sg.input(name, ()) for name in ("th0", "g", "k")]
    end = pendulum(th0, g, k, sg.scan, sg)
    outputs: dict[str, Any] = {
        "value": [end],
        "gradient": [end, *sg.grad(end, [th0, g, k])],
        "tangent": [end, sg.jvp(end, g, 1.0)],
    }
    f = sg.function([th0, g, k], outputs[wanted])
    calls: dict[str, Callable[[], Any]] = {"symgrad": lambda: f(1.0, 9.8, 0.1)}
    if _has("jax"):
        calls["jax"] = _pendulum_jax(wanted)
        np.testing.assert_allclose(calls["symgrad"](), calls["jax"](), rtol=1e-8)
    title = f"pendulum of {STEPS} steps on numbers, {wanted}"
    shown(title, interleaved(calls, rounds=5), 1e-6 * STEPS, "us a step")


def _pendulum_jax(wanted: str) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def value(th0: Any, g: Any, k: Any) -> Any:
        return pendulum(th0, g, k, jax.lax.scan, jnp)

    if wanted == "tangent":
        made: Any = lambda a, b, c: jax.jvp(lambda g: value(a, g, c), (b,), (1.0,))  # noqa: E731
    else:
        made = jax.value_and_grad(value, (0, 1, 2)) if wanted == "gradient" else value
    compiled = jax.jit(made)
    return lambda: jax.tree.leaves(jax.block_until_ready(compiled(1.0, 9.8, 0.1)))
