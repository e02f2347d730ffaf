"""Random draws in bodies of loops and branches: others at each step, and always the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.model.runtime import load


def _walk(x: Any, s: Any) -> Any:
    def step(at: Any, _: Any) -> Any:
        at = 0.9 * at + s * sg.random.normal(at.shape)
        return at, at

    return sg.scan(step, x, length=6)[1].sum()


def _passage(x: Any, s: Any) -> Any:
    def step(at: Any) -> Any:
        return at + s * abs(sg.random.normal(at.shape)) + sg.random.uniform(at.shape)

    return sg.while_loop(lambda at: at.sum() < 8 + sg.random.uniform(()), step, x).sum()


def _map(x: Any, s: Any) -> Any:
    return sg.map(lambda v: v * sg.exp(s * sg.random.gumbel(())), x).sum()


def _nested(x: Any, s: Any) -> Any:
    def outer(c: Any) -> Any:
        k, total = c
        inner = sg.while_loop(lambda v: v < 2, lambda v: v + sg.random.exponential(()) * s, 0.0)
        row, _ = sg.scan(lambda a, v: (a + v * sg.random.normal(()), None), inner, x)
        return k + 1, total + row

    return sg.while_loop(lambda c: c[0] < 3, outer, (0, 0.0))[1]


def _branch(x: Any, s: Any) -> Any:
    return sg.cond(
        s > 0,
        lambda v: (v * s * sg.random.normal((3,))).sum(),
        lambda v: (v * sg.random.laplace((3,))).sum(),
        x,
    )


def _kept(x: Any, s: Any) -> Any:
    def step(at: Any, _: Any) -> Any:
        return sg.tanh(at + s * sg.random.normal(at.shape)), None

    return sg.scan(step, x, length=9, memory="sqrt")[0].sum()


MODELS = [_walk, _passage, _map, _nested, _branch, _kept]


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("declared", MODELS)
def test_gradients_hold_the_noise_fixed(declared: Any, style: str) -> None:
    x, s = sg.input("x", (3,)), sg.param("s", ())
    model = sg.compile(declared(x, s), style=style)
    data = np.array([0.3, -0.4, 0.7])

    def loss(value: float) -> float:
        return float(model.evaluate({"s": value}, x=data, rng=np.random.default_rng(1)))

    value, grads = model.value_and_grad({"s": 0.8}, x=data, rng=np.random.default_rng(1))
    assert value == pytest.approx(loss(0.8), rel=1e-14)
    by_differences = (loss(0.8 + 1e-6) - loss(0.8 - 1e-6)) / 2e-6
    assert grads["s"] == pytest.approx(by_differences, rel=1e-6, abs=1e-8)

    half, residuals = model.forward({"s": 0.8}, x=data, rng=np.random.default_rng(1))
    assert half == value
    assert model.backward(residuals)["s"] == pytest.approx(float(grads["s"]), rel=1e-13)


@pytest.mark.parametrize("declared", MODELS)
def test_the_same_bits_in_every_style_and_alone(declared: Any) -> None:
    x, s = sg.input("x", (3,)), sg.input("s", ())
    loss = declared(x, s)
    data = [0.3, -0.4, 0.7]
    functions = [sg.function([x, s], loss, style=style) for style in ("fast", "readable")]
    alone = [load(f.source, "alone")["function"] for f in functions]
    found = [run(data, 0.8, rng=np.random.default_rng(7)) for run in (*functions, *alone)]
    assert len({float(value) for value in found}) == 1
    assert float(functions[0](data, 0.8, rng=np.random.default_rng(8))) != float(found[0])


def test_no_step_draws_what_another_has_drawn() -> None:
    def step(c: Any) -> Any:
        k, seen = c
        first, second = sg.random.normal(()), sg.random.normal(())
        return k + 1, seen.at[k].set(sg.stack([first, second]))

    _, seen = sg.while_loop(lambda c: c[0] < 500, step, (0, sg.zeros((500, 2))))
    scanned = sg.scan(
        lambda c, _: (c, sg.scan(lambda d, _: (d, sg.random.normal(())), 0.0, length=4)[1]),
        0.0,
        length=250,
    )[1]
    mapped = sg.map(lambda v: sg.random.normal((2,)), np.zeros(500))
    f = sg.function([], [seen, scanned, mapped])
    values = f(rng=np.random.default_rng(0))
    everything = np.concatenate([v.ravel() for v in values])
    assert len(set(everything)) == everything.size == 3000
    # normal: mean within 5 standard errors, and rows that do not correlate with one another
    assert abs(everything.mean()) < 5 / np.sqrt(3000)
    assert abs(everything.std() - 1) < 5 / np.sqrt(6000)
    pairs = values[0]
    assert abs(np.corrcoef(pairs[:, 0], pairs[:, 1])[0, 1]) < 5 / np.sqrt(500)
    assert abs(np.corrcoef(pairs[1:, 0], pairs[:-1, 0])[0, 1]) < 5 / np.sqrt(500)


def test_what_is_drawn_outside_is_the_same_at_each_step() -> None:
    z = sg.random.normal(())
    f = sg.function([], sg.scan(lambda c, _: (c, z), 0.0, length=4)[1])
    assert len(set(f(rng=np.random.default_rng(0)))) == 1


def test_kinds_of_draws() -> None:
    def step(c: Any, _: Any) -> Any:
        kinds = (
            sg.random.permutation(5),
            sg.random.integers(3, 6, (2,)),
            sg.random.bernoulli(0.5, (4,)),
            sg.random.truncated_normal(0.5, 1.0, (3,)),
            sg.random.normal((2,), dtype="float32"),
        )
        return c, kinds

    ys = sg.scan(step, 0.0, length=40)[1]
    counted = sg.while_loop(
        lambda c: c[0] < 1, lambda c: (c[0] + 1, step(0, 0)[1]), (0, step(0, 0)[1])
    )
    rows, (_, last) = sg.function([], (ys, counted))(rng=np.random.default_rng(3))
    for order, integers, flags, bounded, single in (*zip(*rows, strict=True), last):
        assert sorted(order) == [0, 1, 2, 3, 4]
        assert integers.dtype == np.int64 and ((integers >= 3) & (integers < 6)).all()
        assert flags.dtype == np.bool_
        assert ((bounded >= 0.5) & (bounded <= 1.0)).all()
        assert single.dtype == np.float32
    assert len({tuple(order) for order in rows[0]}) > 20


def test_the_source_draws_once_for_all_steps() -> None:
    x, s = sg.input("x", (3,)), sg.input("s", ())
    f = sg.function([x, s], _walk(x, s), style="readable")
    assert "noise = _draw(key, 0).standard_normal((6, 3))" in f.source
    assert "s * noise[t]" in f.source
    g = sg.function([x, s], _passage(x, s), style="readable")
    assert "keyed(stream, step, " in g.source
