"""Softmax beside log-sum-exp: one exponential for both, and the values that they had."""

import numpy as np
import pytest

import symgrad as sg


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("op", [sg.softmax, sg.log_softmax])
def test_exponentials_are_taken_once(op: object, keepdims: bool) -> None:
    x = sg.input("x", ("B", 5))
    total = sg.logsumexp(x, axis=-1, keepdims=keepdims)
    f = sg.function([x], [op(x), total])  # type: ignore[operator]
    assert f.source.count("np.exp(") == 1
    rows = np.random.default_rng(0).normal(size=(4, 5)) * [[1.0], [30.0], [300.0], [1e4]]
    rows[1, 2] = -np.inf
    alone = sg.function([x], op(x))(rows), sg.function([x], total)(rows)  # type: ignore[operator]
    for found, expected in zip(f(rows), alone, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_others_stay_as_they_are() -> None:
    x = sg.input("x", ("B", 5))
    f = sg.function([x], [sg.softmax(x), sg.logsumexp(x, axis=0)])  # along another axis
    assert f.source.count("np.exp(") == 2
    assert "isfinite" not in sg.function([x], [sg.softmax(x), sg.log_softmax(x)]).source


def test_a_broken_power_of_a_focal_loss_takes_two() -> None:
    z, y = sg.input("x", ("B", 4)) @ sg.param("W", (4, 5)), sg.input("y", ("B",), dtype="int64")
    loss = sg.losses.mean(sg.losses.softmax_focal(z, y, gamma=1.5))
    step = sg.compile(loss, style="readable").source_of("value_and_grad")
    assert step.count("np.exp(") == 3  # of all classes, of the others, and the power
