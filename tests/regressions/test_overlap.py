"""What a step writes into a state is not read again after it has been written over."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_a_state_that_is_rotated(style):
    first = np.arange(8.0).reshape(4, 2)
    x, w = sg.input("x", ()), sg.param("w", ())
    history = sg.state("history", (4, 2), init=first)
    sg.update(history, sg.concatenate([history[3:], history[:3]]))
    model = sg.compile((w - x) ** 2 + 0 * history.sum(), optimizer=sg.optim.SGD(0.1), style=style)
    params = model.init()
    model.step(params, model.init_optimizer(params), x=1.0)
    np.testing.assert_array_equal(params["history"], np.roll(first, 1, axis=0))


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("key", ["a", "loss", "residual.0"])
def test_an_output_that_is_an_input_is_a_copy_whatever_its_key(key, style):
    x = sg.input("x", (3,))
    data = np.ones(3)
    assert not np.shares_memory(sg.function([x], {key: x}, style=style)(data)[key], data)
