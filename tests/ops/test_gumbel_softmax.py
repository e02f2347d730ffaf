"""Gumbel-softmax: what it draws, how often, and its gradient."""

from typing import Any

import numpy as np
import pytest

import symgrad as sg

gumbel_softmax = sg.random.gumbel_softmax
LOGITS = np.array([0.5, -1.0, 1.5, 0.0])


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("hard", [False, True])
def test_categories_come_with_their_probability(axis: int, hard: bool) -> None:
    n = 20_000
    shape = (n, 4) if axis else (4, n)
    z = sg.input("z", shape, dtype="float32")
    f = sg.function([z], gumbel_softmax(z, 0.5, axis=axis, hard=hard))
    logits = np.broadcast_to(LOGITS if axis else LOGITS[:, None], shape).astype(np.float32)
    y = f(logits, rng=np.random.default_rng(1))
    assert y.dtype == np.float32 and y.shape == shape
    np.testing.assert_allclose(y.sum(axis=axis), 1, rtol=1e-5)
    if hard:
        assert set(np.unique(y)) == {0, 1}
    counts = np.bincount(y.argmax(axis=axis), minlength=4)
    p = np.exp(LOGITS) / np.exp(LOGITS).sum()
    assert (abs(counts - n * p) < 5 * np.sqrt(n * p * (1 - p))).all()


def test_it_is_the_softmax_of_logits_and_noise_and_so_is_its_gradient() -> None:
    z, t = sg.input("z", ("B", 4)), sg.input("t", ())
    costs = np.array([1.0, -2.0, 0.5, 3.0])
    logits, seed = np.tile(LOGITS, (3, 1)), 7
    noise = sg.function([], sg.random.gumbel((3, 4)))(rng=np.random.default_rng(seed))
    a = (logits + noise) / 0.7
    y = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    slope = y * (costs - (y @ costs)[:, None])
    for hard in (False, True):
        sample = gumbel_softmax(z, t, hard=hard)
        f = sg.function([z, t], (sample, sg.grad((sample * costs).sum(), [z, t])))
        found, (by_z, by_t) = f(logits, 0.7, rng=np.random.default_rng(seed))
        expected = np.eye(4)[y.argmax(axis=1)] if hard else y
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        np.testing.assert_allclose(by_z, slope / 0.7, rtol=1e-12)
        np.testing.assert_allclose(by_t, -(slope * a).sum() / 0.7, rtol=1e-10)


def test_it_tends_to_one_hot_and_stays_finite() -> None:
    z = sg.input("z", ("B", 3), dtype="float32")
    sample = gumbel_softmax(z, 1e-4)
    f = sg.function([z], (sample, sg.grad(sample[:, 0].sum(), z)))
    y, grad = f(np.full((100, 3), 1000, np.float32), rng=np.random.default_rng(0))
    assert (y.max(axis=1) > 0.99).mean() > 0.95 and np.isfinite(grad).all()


def test_it_draws_in_evaluation_as_well() -> None:
    z = sg.param("z", (3,))
    model = sg.compile(gumbel_softmax(z)[0], outputs=gumbel_softmax(z, hard=True))
    drawn = [model.predict(model.init(), rng=np.random.default_rng(i)).argmax() for i in range(20)]
    assert set(drawn) == {0, 1, 2}


@pytest.mark.parametrize("temperature", [0, -1.0, float("inf"), float("nan"), True, "1"])
def test_a_bad_temperature_is_refused(temperature: Any) -> None:
    with pytest.raises(sg.DeclarationError, match="expected temperature > 0, a finite number"):
        gumbel_softmax(sg.input("z", (3,)), temperature)
