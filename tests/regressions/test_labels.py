"""Parameters may be named as what an optimiser keeps of others is."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_a_parameter_named_as_the_slot_of_another(style):
    x, w = sg.input("x", (2,)), sg.param("w", (2,), init=1.0)
    with sg.scope("v"):
        other = sg.param("w", (2,), init=2.0)
    steps = sg.param("steps", (), init=3.0)
    loss = ((w * x) ** 2).sum() + ((other * x) ** 2).sum() + steps**2
    model = sg.compile(loss, optimizer=sg.optim.SGD(0.1, momentum=0.9), style=style)
    params = model.init()
    state = model.init_optimizer(params)
    model.step(params, state, x=[1.0, 2.0])
    np.testing.assert_allclose(params["w"], 1 - 0.1 * 2 * np.array([1.0, 4.0]))
    np.testing.assert_allclose(params["v.w"], 2 - 0.1 * 4 * np.array([1.0, 4.0]))
    np.testing.assert_allclose(params["steps"], 3 - 0.1 * 6)
    assert state["steps"] == 1
