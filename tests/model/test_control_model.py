"""Models with loops and branches: the two halves of the gradient, in files of their own too."""

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.model.runtime import load

Array = np.ndarray[Any, Any]


def rnn(x: Any, w: Any) -> Any:
    def step(h: Any, v: Any) -> Any:
        h = sg.tanh(h * w + v)
        return h, h

    h, hs = sg.scan(step, np.zeros(3), x)
    return (hs**2).mean() + h.sum()


def until(x: Any, w: Any) -> Any:
    z = sg.while_loop(lambda z: (z**2).sum() > 0.1, lambda z: z * sg.sigmoid(w), x[0])
    return (z * w).sum()


def nested(x: Any, w: Any) -> Any:
    def step(c: Any, v: Any) -> Any:
        r = sg.while_loop(lambda r: (r**2).sum() > 0.1, lambda r: r * sg.sigmoid(w), c + v)
        return r, r * w

    c, cs = sg.scan(step, np.ones(3), x)
    return (cs**3).sum() + c.sum()


def branch(x: Any, w: Any) -> Any:
    return (sg.cond(w.sum() > 0, lambda v: sg.sin(v) * w, lambda v: sg.exp(-v) * w, x) ** 2).sum()


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("declared", [rnn, until, nested, branch])
def test_backward_gives_what_value_and_grad_gives(declared: Any, style: str) -> None:
    x, w = sg.input("x", ("T", 3)), sg.param("w", (3,))
    model = sg.compile(declared(x, w), style=style)
    rng = np.random.default_rng(0)
    params, data = {"w": rng.normal(size=3)}, rng.normal(size=(5, 3))
    loss, grads = model.value_and_grad(params, x=data)

    half, residuals = model.forward(params, x=data)
    np.testing.assert_allclose(half, loss)
    np.testing.assert_allclose(model.backward(residuals)["w"], grads["w"], rtol=1e-12)

    alone = load(model.source, "alone")
    half, residuals = alone["forward"](params, data)
    np.testing.assert_allclose(alone["backward"](residuals)["w"], grads["w"], rtol=1e-12)


def test_residuals_bear_the_names_of_the_body() -> None:
    x, w = sg.input("x", ("T", 3)), sg.param("w", (3,))
    source = sg.compile(rnn(x, w), style="readable").source
    [line] = [line for line in source.splitlines() if line.endswith(" = residuals")]
    assert "hs" in line.partition(" = ")[0].split(", ")


def test_backward_needs_no_size_of_what_is_only_indexed() -> None:
    x, w = sg.input("x", ("T", 3)), sg.param("w", (3,))
    model = sg.compile(sg.exp(x[0] * w).sum())
    _, residuals = model.forward({"w": np.zeros(3)}, x=np.ones((2, 3)))
    np.testing.assert_allclose(model.backward(residuals)["w"], np.ones(3))
