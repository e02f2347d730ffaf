"""Networks built to be ill are named, cured by the advice; healthy ones give silence."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import nn, optim
from tests.train.models import same

train = sg.train
HE, GLOROT = sg.init.he_normal(), sg.init.glorot_uniform()
Build = Callable[[sg.Expr], sg.Expr]


def digits() -> dict[str, Any]:
    images, labels = pytest.importorskip("sklearn.datasets").load_digits(return_X_y=True)
    images = (images - images.mean()) / images.std()
    return {"x": images[:640], "y": labels[:640]}


def cross_entropy(z: sg.Expr, y: sg.Expr) -> sg.Expr:
    return -sg.log_softmax(z)[sg.arange(z.shape[0]), y].mean()


def classifier(build: Build, optimizer: Any, shift: float = 0.0, scale: float = 1.0) -> sg.Model:
    x, y = sg.input("x", ("B", 64)), sg.input("y", ("B",), dtype="int64")
    return sg.compile(cross_entropy(build(x * scale + shift), y), optimizer=optimizer)


def deep(depth: int, activation: Any, init: Any = GLOROT, norm: Any = None) -> Build:
    def build(x: sg.Expr) -> sg.Expr:
        for i in range(depth):
            with sg.scope(f"layer{i + 1}"):
                x = nn.dense(x, 64, init=init)
                x = activation(x if norm is None else norm(x, name="norm"))
        return nn.dense(x, 10, name="out")

    return build


def diagnosed(
    model: sg.Model, data: Any = None, epochs: int = 3
) -> tuple[train.Diagnosis, train.GradientFlow]:
    flow = train.gradient_flow()
    data = digits() if data is None else data
    with contextlib.suppress(sg.NonFiniteError):  # that too is recorded until it happens
        train.fit(model, data, epochs=epochs, callbacks=[flow])
    return train.diagnose(flow), flow


def low_biases(x: sg.Expr) -> sg.Expr:
    with sg.scope("low"):
        b = sg.param("b", (64,), init=-8.0)
        h = sg.relu(x @ sg.param("W", (64, 64), init=HE) + b)
    return nn.dense(h, 10, name="out")


def unrolled(init: Any, clip: bool) -> tuple[sg.Model, dict[str, Any]]:
    """A recurrence of 30 steps whose matrix is far from orthogonal."""
    x, t = sg.input("x", ("B", 30, 4)), sg.input("t", ("B", 1))
    with sg.scope("rnn"):
        W, U = sg.param("W", (4, 16), init=GLOROT), sg.param("U", (16, 16), init=init)
    h, _ = sg.scan(
        lambda h, z: (sg.relu(z @ W + h @ U), None), sg.zeros((x.shape[0], 16)), x.swapaxes(0, 1)
    )
    y = nn.dense(h, 1, name="out")
    sgd = optim.SGD(0.02)
    optimizer = optim.chain(optim.clip_by_global_norm(0.1), sgd) if clip else sgd
    rng = np.random.default_rng(0)
    data = rng.standard_normal((320, 30, 4))
    return sg.compile(((y - t) ** 2).mean(), optimizer=optimizer), {
        "x": data,
        "t": data[:, -1, :1],
    }


#: illness -> (ill network, what the advice names, cured network)
ILL: dict[str, tuple[str, str, Callable[[], sg.Model], list[Callable[[], sg.Model]]]] = {
    "sigmoid in depth": (
        "vanishing gradients",
        "relu",
        lambda: classifier(deep(8, sg.sigmoid), optim.Adam(1e-3)),
        [
            lambda: classifier(deep(8, sg.relu, HE), optim.Adam(1e-3)),
            lambda: classifier(deep(8, sg.sigmoid, norm=nn.batch_norm), optim.Adam(1e-3)),
        ],
    ),
    "small initial weights": (
        "vanishing gradients",
        "initial weights scaled",
        lambda: classifier(deep(6, sg.tanh, sg.init.normal(0.01)), optim.Adam(1e-4)),
        [lambda: classifier(deep(6, sg.tanh), optim.Adam(1e-4))],
    ),
    "large initial weights": (
        "exploding gradients",
        "initial weights scaled",
        lambda: classifier(deep(12, sg.relu, sg.init.normal(0.5)), optim.SGD(1e-6)),
        [
            lambda: classifier(deep(12, sg.relu, HE), optim.SGD(1e-2)),
            lambda: classifier(
                deep(12, sg.relu, sg.init.normal(0.5), norm=nn.layer_norm), optim.SGD(1e-2)
            ),
        ],
    ),
    "biases far below 0": (
        "dead units",
        "biases that begin at 0",
        lambda: classifier(low_biases, optim.SGD(0.1)),
        [lambda: classifier(deep(1, sg.relu, HE), optim.SGD(0.1))],
    ),
    "inputs that are not scaled": (
        "saturation",
        "inputs scaled",
        lambda: classifier(deep(2, sg.tanh), optim.SGD(1e-2), scale=50.0),
        [
            lambda: classifier(deep(2, sg.tanh), optim.SGD(1e-2)),
            lambda: classifier(deep(2, sg.tanh, norm=nn.batch_norm), optim.SGD(1e-2), scale=50.0),
        ],
    ),
    "saturated sigmoids": (
        "saturation",
        "smaller initial weights",
        lambda: classifier(deep(1, sg.sigmoid, sg.init.normal(3.0)), optim.SGD(0.1)),
        [lambda: classifier(deep(1, sg.sigmoid), optim.SGD(0.1))],
    ),
    "a rate that diverges": (
        "rate too high",
        "ten times lower",
        lambda: classifier(deep(2, sg.tanh), optim.Adam(1.0)),
        [lambda: classifier(deep(2, sg.tanh), optim.Adam(0.01))],
    ),
    "inputs that overflow": (
        "overflow",
        "inputs scaled",
        lambda: classifier(deep(2, sg.relu, HE), optim.SGD(1e-2), scale=1e200),
        [lambda: classifier(deep(2, sg.relu, HE), optim.SGD(0.1))],
    ),
    "a rate that is wild": (
        "rate too high",
        "ten times lower",
        lambda: classifier(deep(3, sg.tanh), optim.SGD(50.0)),
        [lambda: classifier(deep(3, sg.tanh), optim.SGD(0.1))],
    ),
    "a rate that kills": (
        "rate too high",
        "ten times lower",
        lambda: classifier(deep(2, sg.relu, HE), optim.SGD(10.0)),
        [lambda: classifier(deep(2, sg.relu, HE), optim.SGD(0.1))],
    ),
    "a rate below all rounding": (
        "rate too low",
        "higher",
        lambda: classifier(deep(2, sg.relu, HE), optim.SGD(1e-14)),
        [lambda: classifier(deep(2, sg.relu, HE), optim.SGD(1e-2))],
    ),
    "a rate that does nothing": (
        "rate too low",
        "higher",
        lambda: classifier(deep(2, sg.relu, HE), optim.SGD(1e-6)),
        [
            lambda: classifier(deep(2, sg.relu, HE), optim.SGD(1e-2)),
            lambda: classifier(deep(2, sg.relu, HE), optim.Adam(1e-3)),
        ],
    ),
}


@pytest.mark.parametrize("name", ILL)
def test_an_illness_is_named_and_the_advice_cures_it(name: str) -> None:
    illness, advice, ill, cures = ILL[name]
    found, _ = diagnosed(ill())
    assert [finding.illness for finding in found] == [illness]
    assert advice in found[0].advice
    assert illness in str(found) and advice in str(found)
    for cure in cures:
        again, flow = diagnosed(cure())
        assert list(again) == [], str(again)
        tenth = len(flow.loss) // 10
        assert np.median(flow.loss[-tenth:]) < 0.9 * np.median(flow.loss[:tenth])


def test_a_recurrence_explodes_and_clipping_and_orthogonal_weights_help() -> None:
    wild = sg.init.normal(0.45)
    found, _ = diagnosed(*unrolled(wild, clip=False))
    assert found[0].illness in ("exploding gradients", "rate too high"), str(found)
    assert "clip" in found[0].advice
    again, _ = diagnosed(*unrolled(sg.init.orthogonal(), clip=True))
    assert list(again) == [], str(again)


def test_a_loss_that_is_nan_at_the_second_step_is_a_rate_too_high() -> None:
    x, w = sg.input("x", ("B",)), sg.param("w", (1, 1), init=1.0)
    model = sg.compile(((w[0, 0] * x) ** 2).mean(), optimizer=optim.SGD(1e100))
    found, flow = diagnosed(model, {"x": np.ones(64)})
    assert len(flow.steps) < 10
    assert [f.illness for f in found] == ["rate too high"]


# ---- healthy networks


def images(x: sg.Expr) -> sg.Expr:
    return x.reshape(x.shape[0], 8, 8, 1)


def convolutional(x: sg.Expr) -> sg.Expr:
    h = nn.conv2d(images(x), 8, 3, padding="same", activation=sg.relu, init=HE, name="conv1")
    h = nn.conv2d(nn.max_pool2d(h, 2), 16, 3, activation=sg.relu, init=HE, name="conv2")
    return nn.dense(nn.flatten(h), 10, name="out")


def recurrent(x: sg.Expr) -> sg.Expr:
    _, (h, _) = nn.lstm(x.reshape(x.shape[0], 8, 8), 32, name="lstm")
    return nn.dense(h, 10, name="out")


def transformer(x: sg.Expr) -> sg.Expr:
    h = nn.dense(x.reshape(x.shape[0], 8, 8), 32, name="in")
    for i in range(2):
        h = nn.transformer_block(h, 4, name=f"block{i + 1}")
    return nn.dense(h.mean(axis=1), 10, name="out")


def residual(x: sg.Expr) -> sg.Expr:
    h = nn.dense(x, 64, name="in")
    for i in range(8):
        with sg.scope(f"block{i + 1}"):
            inner = nn.dense(nn.layer_norm(h, name="norm"), 64, activation=sg.gelu, name="up")
            h = h + nn.dense(inner, 64, name="down")
    return nn.dense(h, 10, name="out")


def dropped(x: sg.Expr) -> sg.Expr:
    h = nn.dropout(nn.dense(x, 64, activation=sg.relu, init=HE, name="hidden"), 0.3)
    return nn.dense(h, 10, name="out")


def autoencoder() -> tuple[sg.Model, Any]:
    x = sg.input("x", ("B", 64))
    y = nn.mlp(x, [32, 8, 32, 64], activation=sg.tanh, name="net")
    return sg.compile(((y - x) ** 2).mean(), optimizer=optim.Adam(3e-3)), {"x": digits()["x"]}


def embedded() -> tuple[sg.Model, Any]:
    ids, y = sg.input("ids", ("B", 4), "int64"), sg.input("y", ("B",), "int64")
    h = nn.embedding(ids, 500, 16, name="words").reshape(ids.shape[0], 64)
    z = nn.dense(nn.dense(h, 32, activation=sg.relu, init=HE, name="hidden"), 10, name="out")
    rows = np.random.default_rng(0).integers(0, 500, (640, 4))
    return sg.compile(cross_entropy(z, y), optimizer=optim.Adam(1e-2)), {
        "ids": rows,
        "y": rows[:, 0] % 10,
    }


def regression() -> tuple[sg.Model, Any]:
    x, t = sg.input("x", ("B", 64)), sg.input("t", ("B",))
    y = nn.dense(x, 1, name="line")[:, 0]
    data = digits()
    return sg.compile(((y - t) ** 2).mean(), optimizer=optim.SGD(0.005)), {
        "x": data["x"],
        "t": data["y"].astype(float),
    }


HEALTHY: dict[str, Callable[[], Any]] = {
    "logistic regression": lambda: classifier(
        lambda x: nn.dense(x, 10, name="out"), optim.SGD(0.1)
    ),
    "relu": lambda: classifier(deep(3, sg.relu, HE), optim.Adam(1e-3)),
    "tanh with momentum": lambda: classifier(deep(3, sg.tanh), optim.SGD(0.1, momentum=0.9)),
    "twenty layers": lambda: classifier(deep(20, sg.relu, HE), optim.Adam(1e-3)),
    "batch norm": lambda: classifier(deep(6, sg.relu, HE, nn.batch_norm), optim.Adam(1e-3)),
    "dropout": lambda: classifier(dropped, optim.RMSprop(1e-3)),
    "residual": lambda: classifier(residual, optim.AdamW(1e-3)),
    "convolutional": lambda: classifier(convolutional, optim.Adam(3e-3)),
    "lstm": lambda: classifier(recurrent, optim.Adam(5e-3)),
    "transformer": lambda: classifier(transformer, optim.Adam(1e-3)),
    "autoencoder": autoencoder,
    "embedding": embedded,
    "regression": regression,
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_network_gives_silence(name: str) -> None:
    made = HEALTHY[name]()
    found, flow = diagnosed(*(made if isinstance(made, tuple) else (made,)))
    assert list(found) == [], str(found)
    assert str(found) == f"nothing is wrong that the record of {len(flow.steps)} steps shows"


def test_a_short_record_says_nothing() -> None:
    flow = train.gradient_flow()
    assert list(train.diagnose(flow)) == []
    data = {k: v[:96] for k, v in digits().items()}
    train.fit(classifier(deep(8, sg.sigmoid), optim.Adam(1e-3)), data, epochs=1, callbacks=[flow])
    assert len(flow.steps) == 3
    assert list(flow.diagnose()) == []


# ---- the record itself


def test_the_record_is_what_numpy_makes_of_the_values() -> None:
    data = {k: v[:64] for k, v in digits().items()}
    model = classifier(deep(2, sg.tanh), optim.Adam(1e-2))
    params, plain = model.init(0), model.init(0)
    state = model.init_optimizer(plain)
    flow = train.gradient_flow()
    train.fit(model, data, epochs=3, batch_size=None, params=params, callbacks=[flow])
    assert [layer.name for layer in flow.layers] == ["layer1", "layer2", "out"]
    for step in range(3):
        before = {k: v.copy() for k, v in plain.items()}
        h = np.tanh(data["x"] @ before["layer1.W"] + before["layer1.b"])
        _, grads = model.value_and_grad(plain, **data)
        model.step(plain, state, **data)
        layer = flow["layer1"]
        for got, expected in [
            (layer.output, np.sqrt(np.mean(h**2))),
            (layer.weight, np.linalg.norm(before["layer1.W"])),
            (layer.gradient, np.linalg.norm(grads["layer1.W"])),
            (layer.change, np.linalg.norm(plain["layer1.W"] - before["layer1.W"])),
            (layer.saturated, np.mean(np.abs(h) > 0.99)),
            (
                layer.rates,
                np.linalg.norm(plain["layer1.W"] - before["layer1.W"])
                / np.linalg.norm(before["layer1.W"]),
            ),
        ]:
            assert got[step] == pytest.approx(float(expected), rel=1e-9)
    assert same(params, plain)  # recording changes nothing
    assert flow.to_dict()["step"] == [1, 2, 3]
    assert "layer1" in flow.table() and "change/weight" in flow.table()


def test_dead_units_are_counted() -> None:
    _, flow = diagnosed(
        classifier(low_biases, optim.SGD(0.0)), {k: v[:64] for k, v in digits().items()}, 1
    )
    x = digits()["x"][:64]
    params = classifier(low_biases, optim.SGD(0.0)).init(0)
    order = np.random.default_rng([0, 0, 3]).permutation(64)
    for step in range(2):
        h = np.maximum(x[order[32 * step : 32 * step + 32]] @ params["low.W"] + params["low.b"], 0)
        assert flow["low"].dead[step] == pytest.approx(np.mean(~(h > 0).any(axis=0)))


def test_every_other_step() -> None:
    flow = train.gradient_flow(every=2)
    data = {k: v[:160] for k, v in digits().items()}
    train.fit(classifier(deep(1, sg.relu), optim.SGD(0.1)), data, epochs=1, callbacks=[flow])
    assert flow.steps == [1, 3, 5]
    with pytest.raises(
        sg.DeclarationError, match="gradient_flow: expected every >= 1, an integer; got 0"
    ):
        train.gradient_flow(every=0)


def test_a_record_goes_on_after_a_checkpoint(tmp_path: Any) -> None:
    data = {k: v[:96] for k, v in digits().items()}
    model, path = classifier(deep(1, sg.relu), optim.SGD(0.1)), tmp_path / "run.npz"
    train.fit(model, data, epochs=1, checkpoint=path, callbacks=[train.gradient_flow()])
    resumed, whole = train.gradient_flow(), train.gradient_flow()
    train.fit(model, data, epochs=2, checkpoint=path, resume=True, callbacks=[resumed])
    train.fit(model, data, epochs=2, callbacks=[whole])
    assert resumed.to_dict() == whole.to_dict()


def test_a_picture_of_it(tmp_path: Any) -> None:
    pytest.importorskip("matplotlib")
    _, flow = diagnosed(classifier(deep(3, sg.relu), optim.SGD(0.1)), epochs=1)
    assert "<svg" in flow.plot(tmp_path / "flow.svg").read_text()


def test_a_diagnosis_is_of_a_record() -> None:
    model = classifier(deep(1, sg.relu), optim.SGD(0.1))
    with pytest.raises(sg.DeclarationError, match=r"diagnose: expected the record .*; got Model"):
        train.diagnose(model)  # type: ignore[arg-type]
