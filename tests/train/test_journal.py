"""A loss that is not finite: what caused it is found, or the step is left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.train import journal
from tests.train.models import same

train = sg.train


def logarithm(rate: float = 0.1) -> sg.Model:
    """log(w . x): not finite for the data that make it so."""
    x = sg.input("x", ("B",))
    w = sg.param("w", (), init=1.0)
    with sg.scope("model"):
        z = sg.name(w * x, "z")
        score = sg.name(sg.log(z), "score")
    return sg.compile((score * score).mean(), optimizer=sg.optim.Adam(rate))


def batches(bad: int, count: int = 100) -> list[dict[str, Any]]:
    made = [{"x": np.full(4, 1.0 + 0.01 * (i % 7))} for i in range(count)]
    made[bad] = {"x": np.array([1.0, -2.0, 1.0, 1.0])}
    return made


@pytest.mark.parametrize("bad", [0, 5, journal.INTERVAL - 1, journal.INTERVAL, 90])
def test_the_expression_is_named_and_the_parameters_are_those_before(bad: int) -> None:
    model = logarithm()
    params = model.init()
    with pytest.raises(sg.NonFiniteError) as caught:
        train.fit(model, batches(bad), epochs=1, params=params)
    message = str(caught.value)
    assert f"step {bad + 1}, batch {bad + 1} of epoch 1: the loss is nan" in message
    assert "score is nan at (1,)" in message
    assert "test_journal.py" in message
    good = train.fit(model, batches(bad)[:bad] or [{"x": np.ones(1)}], epochs=int(bad > 0))
    assert same(params, good.params)


@pytest.mark.parametrize("bad", [0, 5, 64, 90])
def test_the_step_is_left_out(bad: int) -> None:
    model, data = logarithm(), batches(bad)
    result = train.fit(model, data, epochs=1, nonfinite="skip")
    expected = train.fit(model, data[:bad] + data[bad + 1 :], epochs=1)
    assert same(result.params, expected.params)
    assert same(result.opt_state, expected.opt_state)
    assert result.history["skipped"] == [1]
    np.testing.assert_allclose(result.history["loss"], expected.history["loss"], rtol=1e-12)


def test_a_gradient_that_is_not_finite_where_the_loss_still_is() -> None:
    x, w = sg.input("x", ("B",)), sg.param("w", (), init=1.0)
    root = sg.name(sg.sqrt((w - 1.0) * x), "root")
    model = sg.compile(root.mean() + 0 * w, optimizer=sg.optim.SGD(0.1))
    params = model.init()
    with pytest.raises(
        sg.NonFiniteError,
        match="step 1, batch 1 of epoch 1: the new w would not be finite",
    ):
        train.fit(model, [{"x": np.ones(2)}] * 3, epochs=1, params=params)
    assert float(params["w"]) == 1.0


def test_data_that_cause_it_are_named() -> None:
    with pytest.raises(
        sg.NonFiniteError, match=r"step 1, .*: the loss is .*\n  x is inf at \(2,\)"
    ):
        train.fit(logarithm(), {"x": np.array([1.0, 1.0, np.inf])}, epochs=1)


def test_an_epoch_of_skipped_steps_is_an_error() -> None:
    with pytest.raises(sg.NonFiniteError, match="no step of epoch 1 had a finite loss"):
        train.fit(logarithm(), {"x": -np.ones(8)}, epochs=1, batch_size=2, nonfinite="skip")


def test_a_rate_too_high_is_told_where_it_overflows() -> None:
    x, w = sg.input("x", ("B",)), sg.param("w", (), init=1.0)
    model = sg.compile(((w * x) ** 2).mean(), optimizer=sg.optim.SGD(1e3))
    with pytest.raises(sg.NonFiniteError, match="is inf"):
        train.fit(model, {"x": np.ones(4)}, epochs=1000)
