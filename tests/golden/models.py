"""Small models, of which the whole generated source is kept beside this file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import symgrad as sg

HERE = Path(__file__).parent
STYLES = ("readable", "fast")
Compiled = sg.Model | sg.Function


def classifier(style: str) -> Compiled:
    """Two layers and a cross-entropy written by hand."""
    x = sg.input("x", ("B", 64))
    y = sg.input("y", ("B",), dtype="int64")
    with sg.scope("hidden"):
        h = sg.relu(x @ sg.param("W", (64, 32), init=sg.init.he_normal()) + sg.param("b", (32,)))
    with sg.scope("out"):
        z = h @ sg.param("W", (32, 10)) + sg.param("b", (10,))
    e = sg.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -sg.log(p)[sg.arange(x.shape[0]), y].mean()
    return sg.compile(loss, outputs=p, optimizer=sg.optim.Adam(1e-3), style=style)


def linear_regression(style: str) -> Compiled:
    x, t = sg.input("x", ("B", 8)), sg.input("t", ("B",))
    y = x @ sg.param("w", (8,)) + sg.param("b", ())
    loss = ((y - t) ** 2).mean()
    return sg.compile(loss, outputs=y, optimizer=sg.optim.SGD(0.1), style=style)


def logistic_regression(style: str) -> Compiled:
    """With the loss in its stable form, as one writes it by hand."""
    x, t = sg.input("x", ("B", 8)), sg.input("t", ("B",))
    z = x @ sg.param("w", (8,)) + sg.param("b", ())
    loss = (sg.maximum(z, 0) - z * t + sg.log1p(sg.exp(-abs(z)))).mean()
    p = 1 / (1 + sg.exp(-z))
    return sg.compile(loss, outputs=p, optimizer=sg.optim.SGD(0.1, momentum=0.9), style=style)


def perceptron(style: str) -> Compiled:
    """Three layers, each in a scope."""
    x, t = sg.input("x", ("B", 16)), sg.input("t", ("B", 2))
    h = x
    for name, units, width in (("first", 16, 32), ("second", 32, 32)):
        with sg.scope(name):
            W = sg.param("W", (units, width), init=sg.init.glorot_uniform())
            h = sg.name(sg.tanh(h @ W + sg.param("b", (width,))), f"h_{name}")
    with sg.scope("last"):
        y = h @ sg.param("W", (32, 2), init=sg.init.glorot_uniform()) + sg.param("b", (2,))
    loss = ((y - t) ** 2).sum(axis=1).mean()
    return sg.compile(loss, outputs=y, optimizer=sg.optim.Adam(1e-3), style=style)


def normalisation(style: str) -> Compiled:
    """Rows brought to mean 0 and variance 1, by hand."""
    x, t = sg.input("x", ("B", 16)), sg.input("t", ("B", 16))
    mean = x.mean(axis=1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=1, keepdims=True)
    y = (x - mean) / sg.sqrt(var + 1e-5) * sg.param("scale", (16,), init=1.0) + sg.param(
        "shift", (16,)
    )
    return sg.compile(((y - t) ** 2).mean(), outputs=y, style=style)


def attention(style: str) -> Compiled:
    """One block of attention over a sequence, heads in one einsum."""
    x = sg.input("x", ("B", "T", 16))
    with sg.scope("attention"):
        W = [sg.param(name, (16, 2, 8), init=sg.init.glorot_uniform()) for name in "QKV"]
        q, k, v = (sg.einsum("btd,dhk->bhtk", x, w) for w in W)
        scores = sg.einsum("bhik,bhjk->bhij", q, k) / 8**0.5
        a = sg.exp(scores)
        a = a / a.sum(axis=-1, keepdims=True)
        y = sg.einsum("bhij,bhjk,hkd->bid", a, v, sg.param("O", (2, 8, 16)))
    return sg.compile(((x + y) ** 2).mean(), outputs=y, style=style)


def embedding(style: str) -> Compiled:
    """Rows of a table, by number: the gradient is a scatter."""
    ids = sg.input("ids", ("B", "T"), dtype="int64")
    t = sg.input("t", ("B",))
    table = sg.param("table", (100, 8), init=sg.init.normal(0.1))
    mean = table[ids].mean(axis=1)
    y = mean @ sg.param("w", (8,))
    return sg.compile(((y - t) ** 2).mean(), outputs=y, optimizer=sg.optim.SGD(0.1), style=style)


def autoencoder(style: str) -> Compiled:
    """One matrix, used twice."""
    x = sg.input("x", ("B", 16))
    W = sg.param("W", (16, 4), init=sg.init.glorot_uniform())
    code = sg.tanh(x @ W + sg.param("b", (4,)))
    y = code @ W.T + sg.param("c", (16,))
    return sg.compile(((y - x) ** 2).mean(), outputs={"code": code, "y": y}, style=style)


def dropout(style: str) -> Compiled:
    """A mask drawn in training alone."""
    x, t = sg.input("x", ("B", 16)), sg.input("t", ("B",))
    keep = sg.random.bernoulli(0.8, x.shape)
    h = sg.where(sg.training(), sg.where(keep, x / 0.8, 0.0), x)
    y = h @ sg.param("w", (16,))
    return sg.compile(((y - t) ** 2).mean(), outputs=y, optimizer=sg.optim.SGD(0.1), style=style)


def hessian_vector(style: str) -> Compiled:
    """A polynomial, its gradient and its Hessian times a vector."""
    x, v = sg.input("x", (3,)), sg.input("v", (3,))
    f = x[0] ** 3 + 2 * x[0] * x[1] ** 2 - x[1] * x[2] + x[2] ** 4
    return sg.function(
        [x, v],
        {"f": f, "grad": sg.grad(f, x), "hvp": sg.hvp(f, x, v)},
        style=style,
        name="polynomial",
    )


def single_precision(style: str) -> Compiled:
    with sg.default_dtype("float32"):
        x, t = sg.input("x", ("B", 8)), sg.input("t", ("B",))
        h = sg.log1p(sg.exp(x @ sg.param("W", (8, 4), init=sg.init.he_normal())))
        y = h @ sg.param("w", (4,), init=0.5)
    return sg.compile(((y - t) ** 2).mean(), outputs=y, optimizer=sg.optim.Adam(), style=style)


def running_mean(style: str) -> Compiled:
    """A state: the mean over batches, used when it is not trained."""
    x = sg.input("x", ("B", 8))
    mean = sg.state("mean", (8,))
    batch_mean = x.mean(axis=0)
    sg.update(mean, 0.9 * mean + 0.1 * batch_mean)
    centred = x - sg.where(sg.training(), batch_mean, mean)
    y = centred @ sg.param("w", (8,), init=1.0)
    return sg.compile((y**2).mean(), outputs=y, optimizer=sg.optim.SGD(0.01), style=style)


def rosenbrock(style: str) -> Compiled:
    x = sg.input("x", ("N",))
    a, b = x[:-1], x[1:]
    f = (100 * (b - a**2) ** 2 + (1 - a) ** 2).sum()
    return sg.function([x], (f, sg.grad(f, x)), style=style, name="rosenbrock")


def lstm(style: str) -> Compiled:
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), and backpropagation through it."""
    units = 16
    x, target = sg.input("x", ("T", "B", 8)), sg.input("target", ("T", "B", units))
    W = sg.param("W", (8, 4 * units), init=sg.init.glorot_uniform())
    U = sg.param("U", (units, 4 * units), init=sg.init.glorot_uniform())
    b = sg.param("b", (4 * units,))

    def cell(state: Any, x: Any) -> Any:
        h, c = state
        z = x @ W + h @ U + b
        i = sg.sigmoid(z[:, :units])
        f = sg.sigmoid(z[:, units : 2 * units])
        o = sg.sigmoid(z[:, 2 * units : 3 * units])
        g = sg.tanh(z[:, 3 * units :])
        c = f * c + i * g
        h = o * sg.tanh(c)
        return (h, c), h

    start = sg.zeros((x.shape[1], units))
    _, hs = sg.scan(cell, (start, start), x)
    loss = ((hs - target) ** 2).mean()
    return sg.compile(loss, outputs=hs, optimizer=sg.optim.SGD(0.1), style=style)


def gru(style: str) -> Compiled:
    """Gated recurrent units (Cho et al., 2014) over sequences of unequal lengths."""
    units = 16
    x, present = sg.input("x", ("T", "B", 8)), sg.input("present", ("T", "B"), "bool")
    W = sg.param("W", (8, 3 * units), init=sg.init.glorot_uniform())
    U = sg.param("U", (units, 3 * units), init=sg.init.glorot_uniform())

    def cell(h: Any, step: Any) -> Any:
        x, here = step
        a, b = x @ W, h @ U
        r = sg.sigmoid(a[:, :units] + b[:, :units])
        z = sg.sigmoid(a[:, units : 2 * units] + b[:, units : 2 * units])
        n = sg.tanh(a[:, 2 * units :] + r * b[:, 2 * units :])
        h = sg.where(here[:, None], (1 - z) * n + z * h, h)
        return h, None

    last, _ = sg.scan(cell, sg.zeros((x.shape[1], units)), (x, present))
    return sg.compile((last**2).mean(), outputs=last, optimizer=sg.optim.SGD(0.1), style=style)


def root(style: str) -> Compiled:
    """Newton's method until it has converged, and the derivative of what it finds."""
    a = sg.input("a", ())

    def newton(z: Any) -> Any:
        return z - (z**3 + z - a) / (3 * z**2 + 1)

    z = sg.while_loop(lambda z: abs(z**3 + z - a) > 1e-12, newton, a)
    return sg.function([a], (z, sg.grad(z, a)), style=style, name="root")


MODELS: dict[str, Callable[[str], Compiled]] = {
    fn.__name__: fn
    for fn in (
        classifier,
        linear_regression,
        logistic_regression,
        perceptron,
        normalisation,
        attention,
        embedding,
        autoencoder,
        dropout,
        hessian_vector,
        single_precision,
        running_mean,
        rosenbrock,
        lstm,
        gru,
        root,
    )
}


def path_of(name: str, style: str) -> Path:
    """Where the golden source of a model is kept."""
    return HERE / "sources" / f"{name}.{style}.py"
