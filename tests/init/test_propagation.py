"""What initialisers are for: signals and gradients neither die nor explode in a deep network."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg

DEPTH, WIDTH, EXAMPLES = 50, 192, 32


def linear(x: sg.Expr) -> sg.Expr:
    return x


def magnitudes(activation: Callable[[Any], Any], init: Any, scale: float) -> tuple[float, float]:
    """Mean square of the last layer over that of the data; of the first gradient over the last."""
    x = sg.input("x", (EXAMPLES, WIDTH))
    h = sg.nn.mlp(x, [WIDTH] * DEPTH, activation, final=activation, init=init)
    rng = np.random.default_rng(5)
    seed = rng.normal(size=(EXAMPLES, WIDTH))
    gradient = sg.vjp(h, x, sg.const(seed))
    model = sg.compile(h.sum(), outputs=[h, gradient])
    data = scale * rng.normal(size=(EXAMPLES, WIDTH))
    last, first = model.predict(model.init(seed=1), x=data)
    return (last**2).mean() / (data**2).mean(), (first**2).mean() / (seed**2).mean()


@pytest.mark.parametrize(
    ("activation", "init"),
    [
        (sg.relu, sg.init.he_normal()),
        (sg.relu, sg.init.he_uniform()),
        (sg.relu, sg.init.orthogonal(2**0.5)),
        (sg.tanh, sg.init.glorot_uniform()),
        (sg.tanh, sg.init.glorot_normal()),
        (sg.tanh, sg.init.orthogonal()),
        (linear, sg.init.lecun_normal()),
        (linear, sg.init.lecun_uniform()),
        (linear, sg.init.identity()),
    ],
)
def test_the_fitting_initialiser_keeps_both(activation: Callable[[Any], Any], init: Any) -> None:
    # tanh is linear where the data is small: there its variance is that of its input
    forward, backward = magnitudes(activation, init, 0.03 if activation is sg.tanh else 1.0)
    # the logarithm of a product of 50 random layers has a standard deviation of
    # sqrt(5 DEPTH / WIDTH), some 1.1, or less
    assert 1 / 20 < forward < 20
    assert 1 / 20 < backward < 20


def test_orthogonal_layers_keep_lengths_exactly() -> None:
    forward, backward = magnitudes(linear, sg.init.orthogonal(), 1.0)
    assert forward == pytest.approx(1, rel=1e-12)
    assert backward == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(
    ("activation", "init", "factor"),
    [
        (sg.relu, sg.init.glorot_uniform(), 1 / 2),  # half of the variance is lost in a relu
        (sg.relu, sg.init.lecun_normal(), 1 / 2),
        (linear, sg.init.he_normal(), 2),
        (linear, sg.init.normal(0.01), WIDTH * 1e-4),
    ],
)
def test_another_initialiser_loses_or_gains_a_factor_in_each_layer(
    activation: Callable[[Any], Any], init: Any, factor: float
) -> None:
    for found in magnitudes(activation, init, 1.0):
        assert np.log(found) == pytest.approx(DEPTH * np.log(factor), abs=np.log(20))


def test_saturated_layers_are_chaos() -> None:
    """With weights of variance 1 the few slopes that are left carry gradients that explode."""
    forward, backward = magnitudes(sg.tanh, sg.init.normal(1.0), 1.0)
    assert 0.8 < forward < 1
    assert backward > 1e30
