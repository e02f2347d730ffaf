"""Random graphs: fast style, readable style and the interpreter agree, in value and gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad.ops.interpret import evaluate
from tests.fuzzing import examples

UNARY: list[Callable[[Any], Any]] = [
    sg.tanh,
    sg.sin,
    lambda a: sg.exp(-a * a),
    lambda a: -a,
    lambda a: a * 0.5,
    lambda a: 1.5 - a,
    lambda a: sg.sqrt(a * a + 1),
    lambda a: a - a.mean(axis=1, keepdims=True),
    lambda a: a.sum(axis=0),
    lambda a: a[:, ::-1],
    lambda a: a.T.T,
    lambda a: a.at[0].add(1.0),
    lambda a: a.at[:, 1].set(0.25),
    lambda a: a[np.array([1, 0, 1])],
    lambda a: sg.where(a > 0, a, 0.1 * a),
    lambda a: (a.T @ a).sum(axis=0, keepdims=True) * 0.1,
    lambda a: a.reshape(-1).reshape(a.shape),
]
BINARY: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (b * b + 1),
    lambda a, b: a * b + a,
    lambda a, b: (a * b).sum(axis=1, keepdims=True) + b,
]
SHAPE = (3, 4)

step = st.tuples(
    st.booleans(), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.booleans()
)


def build(steps: list[tuple[bool, int, int, int, bool]], leaves: list[sg.Expr]) -> list[sg.Expr]:
    """Values of one shape, each made of earlier ones; some bear names, some are outputs."""
    values = list(leaves)
    for number, (binary, which, i, j, named) in enumerate(steps):
        a, b = values[i % len(values)], values[j % len(values)]
        made = BINARY[which % len(BINARY)](a, b) if binary else UNARY[which % len(UNARY)](a)
        if made.shape != SHAPE:
            made = made + 0.5 * a
        values.append(sg.name(made, f"v{number}") if named and made.name is None else made)
    return values


def agree(found: Any, expected: Any) -> None:
    """To a small multiple of eps times the size of what was added up."""
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-14 * scale)


@examples(60)
@given(st.lists(step, min_size=1, max_size=9), st.lists(st.integers(0, 99), min_size=1, max_size=3))
def test_styles_and_interpreter_agree(
    steps: list[tuple[bool, int, int, int, bool]], chosen: list[int]
) -> None:
    leaves = [sg.input("x", SHAPE), sg.input("y", SHAPE)]
    values = build(steps, leaves)
    outputs = [values[i % len(values)] for i in chosen]
    loss = sum((o * o).mean() for o in outputs)
    everything = [*outputs, loss, *sg.grad(loss, leaves)]
    rng = np.random.default_rng(len(steps))
    data = [rng.normal(size=SHAPE) for _ in leaves]
    expected = evaluate(everything, dict(zip(leaves, data, strict=True)))
    kept = [d.copy() for d in data]
    for style in ("fast", "readable"):
        f = sg.function(leaves, everything, style=style)
        first, second = f(*data), f(*data)
        for one, again, other in zip(first, second, expected, strict=True):
            agree(one, other)
            np.testing.assert_array_equal(one, again)  # no buffer remembers the call before
        for d, k in zip(data, kept, strict=True):
            np.testing.assert_array_equal(d, k)


@examples(40)
@given(st.lists(step, min_size=1, max_size=8), st.integers(0, 99))
def test_a_step_is_the_gradient_taken_by_hand(
    steps: list[tuple[bool, int, int, int, bool]], which: int
) -> None:
    """In-place updates of parameters and states never change what is read later."""
    x = sg.input("x", SHAPE)
    leaves = [sg.param("w", SHAPE), sg.param("u", SHAPE)]
    state = sg.state("s", SHAPE, init=0.5)
    values = build(steps, [*leaves, x, state])
    last = values[-1]
    sg.update(state, values[which % len(values)])
    loss = (last * last).mean() + (values[which % len(values)] * leaves[0]).mean()
    rng = np.random.default_rng(which)
    start = {"w": rng.normal(size=SHAPE), "u": rng.normal(size=SHAPE), "s": rng.normal(size=SHAPE)}
    data = rng.normal(size=SHAPE)
    env = {leaves[0]: start["w"], leaves[1]: start["u"], state: start["s"], x: data}
    value, d_w, d_u, new = evaluate(
        [loss, *sg.grad(loss, leaves), values[which % len(values)]], env
    )
    for style in ("fast", "readable"):
        model = sg.compile(loss, optimizer=sg.optim.SGD(0.125), style=style)
        present = set(model.init())
        given_ = {"x": data} if "x" in {i.name for i in model._made.data} else {}
        params = {k: v.copy() for k, v in start.items() if k in present}
        agree(model.step(params, model.init_optimizer(params), **given_), value)
        for name, expected in (
            ("w", start["w"] - d_w / 8),
            ("u", start["u"] - d_u / 8),
            ("s", new),
        ):
            if name in present:
                agree(params[name], expected)
        params = {k: v.copy() for k, v in start.items() if k in present}
        again, residuals = model.forward(params, **given_)
        agree(again, value)
        for name, expected in (("w", d_w), ("u", d_u)):
            if name in present:
                agree(model.backward(residuals)[name], expected)
    assert math.isfinite(float(value))
