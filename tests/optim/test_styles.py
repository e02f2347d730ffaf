"""Steps of networks whose parameters have repeated forms: both styles do the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import symgrad as sg
from symgrad import nn, optim

OPTIMISERS: dict[str, Callable[[], optim.Optimizer]] = {
    "momentum": lambda: optim.SGD(0.05, momentum=0.9),
    "nesterov": lambda: optim.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: optim.Adam(1e-2),
    "amsgrad": lambda: optim.AMSGrad(1e-2),
    "adamw": lambda: optim.AdamW(1e-2),
    "nadam": lambda: optim.NAdam(1e-2),
    "radam": lambda: optim.RAdam(1e-2),
    "adadelta": lambda: optim.AdaDelta(1.0),
    "rmsprop": lambda: optim.RMSprop(1e-2, momentum=0.9),
    "lion": lambda: optim.Lion(1e-3),
    "averaged": lambda: optim.average(optim.Adam(1e-2), 0.9),
    "clipped": lambda: optim.chain(optim.clip_by_global_norm(0.1), optim.Adam(1e-2)),
    "accumulated": lambda: optim.accumulate(optim.Adam(1e-2), every=2),
    "grouped": lambda: optim.groups({"*.W": optim.Adam(1e-2), "*": optim.SGD(0.1, momentum=0.5)}),
}


def normalised(x: sg.Expr, width: int) -> sg.Expr:
    for i in range(3):
        x = sg.relu(nn.batch_norm(nn.dense(x, width, name=f"d{i}"), name=f"n{i}"))
    return x


def recurrent(x: sg.Expr, width: int) -> sg.Expr:
    x = x.reshape(x.shape[0], 4, 2)
    x, _ = nn.gru(x, width, name="g1")
    x, _ = nn.gru(nn.layer_norm(x, name="n"), width, name="g2")
    return x[:, -1]


def mixed(x: sg.Expr, width: int) -> sg.Expr:
    x = nn.mlp(x, [width, width], activation=sg.gelu, name="m")
    x = nn.residual(x, lambda h: nn.dense(nn.rms_norm(h, name="n"), width, name="r"))
    return nn.dense(nn.dense(x, width, bias=False, name="a"), width, name="b")


NETWORKS = {"normalised": normalised, "recurrent": recurrent, "mixed": mixed}


# each network with each optimiser, in the one width or the other
@pytest.mark.parametrize(
    ("network", "width", "name"),
    [
        (network, (8, 64)[(i + j) % 2], name)
        for i, network in enumerate(NETWORKS)
        for j, name in enumerate(OPTIMISERS)
    ],
)
def test_fast_does_what_is_readable(network: str, width: int, name: str) -> None:
    x = sg.input("x", ("B", 8))
    y = nn.dense(NETWORKS[network](x, width), 1, name="out")
    data = np.random.default_rng(0).standard_normal((4, 8))
    found = []
    for style in ("readable", "fast"):
        model = sg.compile((y**2).mean(), optimizer=OPTIMISERS[name](), style=style)
        params = model.init(0)
        state = model.init_optimizer(params)
        losses = [float(model.step(params, state, x=data)) for _ in range(4)]
        found.append((losses, params, state))
    (losses, params, state), (fast_losses, fast_params, fast_state) = found
    np.testing.assert_allclose(fast_losses, losses, rtol=1e-9)
    for ours, theirs in ((params, fast_params), (state, fast_state)):
        for key, value in ours.items():
            np.testing.assert_allclose(theirs[key], value, rtol=1e-6, atol=1e-9, err_msg=key)
