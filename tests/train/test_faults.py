"""Networks with a fault in what was declared are named, cured by the advice; converged ones not."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import nn, optim

train = sg.train
Build = Callable[[sg.Expr], sg.Expr]
X = np.random.default_rng(0).normal(size=(256, 8))
LABELS = (X[:, 0] > 0).astype(np.int64)
NUMBERS = 2 * X[:, 0] + X[:, 1] + 1
ONE_LARGE = np.where(np.arange(8) == 3, 1e6, 1.0)


def diagnosed(
    build: Build,
    optimizer: Any = None,
    loss: str = "cross entropy",
    epochs: int = 15,
    batch_size: int | None = 32,
    scale: Any = 1.0,
) -> tuple[list[train.Finding], train.GradientFlow]:
    x, y = sg.input("x", ("B", 8)), sg.input("y", ("B",), dtype="int64")
    z, t = build(x), sg.input("t", ("B",))
    declared = {
        "cross entropy": lambda: sg.losses.mean(sg.losses.softmax_cross_entropy(z, y)),
        "squares": lambda: ((z[:, 0] - t) ** 2).mean(),
    }
    sign = -1 if loss.startswith("-") else 1
    kind = loss.removeprefix("-")
    model = sg.compile(sign * declared[kind](), optimizer=optimizer or optim.Adam(1e-2))
    data = {"x": X * scale, **({"y": LABELS} if kind == "cross entropy" else {"t": NUMBERS})}
    flow = train.gradient_flow()
    with contextlib.suppress(sg.NonFiniteError):
        train.fit(model, data, epochs=epochs, batch_size=batch_size, callbacks=[flow])
    return list(flow.diagnose()), flow


def mlp(*, out: int = 2, **options: Any) -> Build:
    return lambda x: nn.mlp(x, [32, out], **options)


def between(pass_on: Build, **options: Any) -> Build:
    """Something between two layers."""

    def build(x: sg.Expr) -> sg.Expr:
        h = nn.dense(x, 16, activation=sg.relu, name="hidden")
        return nn.dense(pass_on(h), 2, name="out")

    return build


def cubes(x: sg.Expr) -> sg.Expr:
    """In depth the values go below all numbers."""
    for i in range(6):
        x = nn.dense(x, 8, name=f"layer{i + 1}") ** 3 / 100
    return nn.dense(x, 2, name="out")


def parallel(factor: float) -> Build:
    def build(x: sg.Expr) -> sg.Expr:
        a, b = (nn.dense(x, 16, activation=sg.tanh, name=name) for name in "ab")
        return nn.dense(a + factor * b, 2, name="out")

    return build


def normed(x: sg.Expr) -> sg.Expr:
    with sg.scope("hidden"):
        h = sg.relu(nn.batch_norm(nn.dense(x, 16, name="dense"), name="norm"))
    return nn.dense(h, 2, name="out")


RELU, TANH, SIGMOID = (mlp(activation=f) for f in (sg.relu, sg.tanh, sg.sigmoid))
ZEROS, CONSTANT = sg.init.zeros(), sg.init.constant(0.1)
Case = dict[str, Any]

#: name -> (illness, layers, start of the advice or what it holds, the ill run, the cured one)
ILL: dict[str, tuple[str, tuple[str, ...], str, Case, Case]] = {
    "zeros and tanh": (
        "no gradient",
        ("layer1", "layer2"),
        "^initial weights that are random",
        {"build": mlp(init=ZEROS, activation=sg.tanh)},
        {"build": TANH},
    ),
    "underflow": (
        "no gradient",
        (*(f"layer{i + 1}" for i in range(6)), "out"),
        "an activation that does not shrink",
        {"build": cubes},
        {"build": RELU},
    ),
    "stop_gradient": (
        "no gradient",
        ("hidden",),
        "^no sg.stop_gradient",
        {"build": between(sg.stop_gradient)},
        {"build": between(lambda h: h)},
    ),
    "round": (
        "no gradient",
        ("hidden",),
        "sg.straight_through around it",
        {"build": between(sg.round)},
        {"build": between(lambda h: sg.straight_through(sg.round(h), h))},
    ),
    "a branch times 0": (
        "no gradient",
        ("b",),
        "no product with 0",
        {"build": parallel(0.0)},
        {"build": RELU},
    ),
    "all is frozen": (
        "nothing is trained",
        (),
        "sg.optim.groups",
        {"build": RELU, "optimizer": optim.groups({"*": None})},
        {"build": RELU},
    ),
    "one value for all weights": (
        "equal units",
        ("layer1",),
        "^initial weights that are random",
        {"build": mlp(init=CONSTANT, activation=sg.sigmoid)},
        {"build": SIGMOID},
    ),
    "dropout": (
        "too much dropout",
        (),
        "^a rate of dropout from",
        {"build": between(lambda h: nn.dropout(h, 0.99))},
        {"build": between(lambda h: nn.dropout(h, 0.2))},
    ),
    "wrong sign of the loss": (
        "loss without bound",
        (),
        "^the sign of the loss",
        {"build": RELU, "loss": "-cross entropy"},
        {"build": RELU},
    ),
    "wrong sign, fast": (
        "loss without bound",
        (),
        "^the sign of the loss",
        {"build": mlp(out=1), "loss": "-squares", "optimizer": optim.SGD(0.01)},
        {"build": RELU},
    ),
    "one large feature": (
        "unscaled inputs",
        ("layer1",),
        "^inputs scaled",
        {"build": RELU, "scale": ONE_LARGE},
        {"build": RELU},
    ),
    "small inputs": (
        "unscaled inputs",
        ("layer1",),
        "^inputs scaled",
        {"build": TANH, "scale": 1e-6},
        {"build": TANH},
    ),
    "small inputs of a sigmoid": (
        "vanishing gradients",
        ("layer1",),
        "^inputs scaled",
        {"build": SIGMOID, "scale": 1e-6},
        {"build": SIGMOID},
    ),
    "batch norm over one example": (
        "dead units",
        ("hidden.norm",),
        "^batches of more than one example",
        {"build": normed, "batch_size": 1, "epochs": 1},
        {"build": normed},
    ),
    "weight decay": (
        "rate too high",
        (),
        "less weight decay",
        {"build": RELU, "optimizer": optim.AdamW(1e-2, weight_decay=50.0)},
        {"build": RELU},
    ),
}


cured_by = functools.cache(diagnosed)


@pytest.mark.parametrize("name", ILL)
def test_a_fault_is_named_and_the_advice_cures_it(name: str) -> None:
    illness, layers, advice, ill, cured = ILL[name]
    found, _ = diagnosed(**ill)
    assert [(f.illness, f.layers) for f in found] == [(illness, layers)], list(map(str, found))
    text = found[0].advice
    assert text.startswith(advice[1:]) if advice.startswith("^") else advice in text
    again, flow = cured_by(**cured)
    assert again == [], list(map(str, again))
    assert np.median(flow.loss[-8:]) < 0.9 * np.median(flow.loss[:8])


def transfer(x: sg.Expr) -> sg.Expr:
    h = nn.dense(nn.dense(x, 32, activation=sg.relu, name="base1"), 32, name="base2")
    return nn.dense(sg.relu(h), 2, name="head")


def with_head(init: Any) -> Build:
    return lambda x: nn.dense(nn.mlp(x, [32], final=sg.tanh, name="body"), 2, init=init, name="out")


def plateau(x: sg.Expr) -> sg.Expr:
    """Small weights: the gradients grow for long before the loss falls."""
    return nn.mlp(x, [32, 32, 2], activation=sg.tanh, init=sg.init.normal(0.05))


HEALTHY: dict[str, Case] = {
    "a classifier at loss 0": {"build": RELU, "epochs": 100},
    "a converged line": {
        "build": lambda x: nn.dense(x, 1, name="line"),
        "loss": "squares",
        "optimizer": optim.SGD(0.1),
        "epochs": 60,
    },
    "two layers at the last bit": {
        "build": lambda x: nn.dense(nn.dense(x, 16, name="hidden"), 1, name="line"),
        "loss": "squares",
        "optimizer": optim.SGD(0.03),
        "epochs": 100,
    },
    "regression": {
        "build": mlp(out=1, activation=sg.tanh),
        "loss": "squares",
        "epochs": 60,
    },
    "a cosine schedule": {
        "build": mlp(),
        "optimizer": optim.Adam(optim.cosine(1e-2, 320)),
        "epochs": 40,
    },
    "a frozen base": {
        "build": transfer,
        "optimizer": optim.groups({"base*": None, "*": optim.Adam(1e-2)}),
        "epochs": 30,
    },
    "a head of zeros": {"build": with_head(ZEROS)},
    "a head next to zero": {"build": with_head(sg.init.normal(1e-4))},
    "a plateau": {"build": plateau, "epochs": 30},
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_run_that_converges_gives_silence(name: str) -> None:
    found, flow = diagnosed(**HEALTHY[name])
    assert found == [], list(map(str, found))
    assert np.median(flow.loss[-8:]) < 0.9 * np.median(flow.loss[:8])


def test_a_batch_that_stands_out_far_is_an_explosion() -> None:
    x, t = sg.input("x", ("B", 8)), sg.input("t", ("B",))
    loss = ((nn.dense(x, 1, name="line")[:, 0] - t) ** 2).mean()
    model, flow = sg.compile(loss, optimizer=optim.Adam(1e-3)), train.gradient_flow()
    targets = np.where(np.arange(256) == 200, 1e5, NUMBERS)
    train.fit(
        model, {"x": X, "t": targets}, epochs=1, batch_size=8, shuffle=False, callbacks=[flow]
    )
    (found,) = flow.diagnose()
    assert found.illness == "exploding gradients" and "clipped" in found.advice
    assert "at step 26 the gradient of line" in found.evidence


def test_layers_know_what_comes_before_them() -> None:
    def build(x: sg.Expr) -> sg.Expr:
        a, b = (nn.dense(x, 8, activation=sg.relu, name=name) for name in "ab")
        _, (h, _) = nn.lstm((a + b).reshape(x.shape[0], 2, 4), 8, name="lstm")
        return nn.dense(nn.layer_norm(h, name="norm"), 2, name="out")

    _, flow = diagnosed(build, epochs=1)
    assert {layer.name: sorted(layer.before) for layer in flow.layers} == {
        "a": [],
        "b": [],
        "lstm": ["a", "b"],
        "norm": ["a", "b", "lstm"],
        "out": ["a", "b", "lstm", "norm"],
    }
    assert [layer.units for layer in flow.layers[:4]] == [8, 8, 0, 0]
    assert all(layer.blocked is None and layer.begins is None for layer in flow.layers)
