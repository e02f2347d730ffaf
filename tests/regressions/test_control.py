"""Loops and branches that once gave wrong results."""

from typing import Any

import numpy as np
import pytest

import symgrad as sg

STYLES = ["fast", "readable"]


def test_vmap_in_a_body_shares_what_the_body_carries() -> None:
    x = sg.input("x", ("T", 3))

    def step(c: Any, row: Any) -> Any:
        scaled = sg.vmap(lambda v: v * c + 1.0)(row)
        return c + scaled.sum(), scaled

    total, rows = sg.scan(step, 0.5, x)
    data = np.arange(6.0).reshape(2, 3)
    found = sg.function([x], [total, rows])(data)
    c, wanted = 0.5, []
    for row in data:
        wanted.append(row * c + 1.0)
        c += wanted[-1].sum()
    np.testing.assert_allclose(found[0], c)
    np.testing.assert_allclose(found[1], wanted)


@pytest.mark.parametrize("style", STYLES)
def test_zeros_that_a_loop_hands_on_are_not_written_over(style: str) -> None:
    M = sg.input("M", (3, 3))
    zeros = sg.zeros((3, 3))
    handed, _ = sg.scan(lambda c, _: (zeros, None), M, length=2)
    row = handed[2]
    loss = np.sin(row).sum() + np.sin(zeros[2]).sum()
    found = sg.function([M], [row, loss, sg.grad(loss, M), sg.grad(loss, zeros)], style=style)
    value, _, _, slope = found(np.ones((3, 3)))
    np.testing.assert_array_equal(value, np.zeros(3))
    np.testing.assert_array_equal(slope[2], np.full(3, 2.0))


@pytest.mark.parametrize("length", [0, 1, 3])
def test_what_a_loop_hands_on_is_not_written_over(length: int) -> None:
    """A carry that no step changes is the memory of its start, which others read later."""
    x = sg.input("x", (4,))
    start = np.sin(x)
    handed, _ = sg.scan(
        lambda c, _: (sg.cond(c[0] > 9, lambda v: -v, lambda v: v, c), None), start, length=length
    )
    update = start.at[1].add(5.0)
    out = [handed * 2.0 + update, handed]
    value = np.array([0.1, 0.2, 0.3, 0.4])
    found = sg.function([x], out)(value)
    s = np.sin(value)
    np.testing.assert_allclose(found[0], 3 * s + 5.0 * (np.arange(4) == 1))
    np.testing.assert_allclose(found[1], s)


def test_a_buffer_that_a_loop_hands_on_in_a_loop_is_not_kept() -> None:
    """The carry of the outer loop may be what the inner one was given, in a step before."""
    x = sg.input("x", ("T", 4))

    def outer(c: Any, row: Any) -> Any:
        a = np.sin(row)
        handed, _ = sg.scan(lambda d, _: (d, None), a * c, length=2)
        once = sg.while_loop(lambda d: d[0] > 9, lambda d: d * 0.5, a + c)
        return once, handed + c

    c, rows = sg.scan(outer, sg.zeros(4), x)
    data = np.random.default_rng(0).normal(size=(5, 4))
    f = sg.function([x], [c, rows])
    found = f(data)
    state, wanted = np.zeros(4), []
    for row in data:
        wanted.append(np.sin(row) * state + state)
        state = np.sin(row) + state
    np.testing.assert_allclose(found[0], state)
    np.testing.assert_allclose(found[1], wanted)


@pytest.mark.parametrize("style", STYLES)
def test_a_number_that_becomes_a_carry_is_numpys(style: str) -> None:
    a, z = sg.input("a", ()), sg.input("z", (3,))
    c, _ = sg.scan(lambda c, _: (0.5, None), a, length=2)
    d = sg.cond(a > 0, lambda: 0.25, lambda: 1.0)
    out = [(c * 2.0)[None] + z, (d * 2.0)[None] + z, (c + d).reshape(1)]
    found = sg.function([a, z], out, style=style)(2.0, np.zeros(3))
    np.testing.assert_array_equal(found[0], [1.0] * 3)
    np.testing.assert_array_equal(found[1], [0.5] * 3)
    np.testing.assert_array_equal(found[2], [0.75])


def test_backward_asks_for_no_size_that_forward_alone_needs() -> None:
    x, a, w = sg.input("x", ("T", 2)), sg.input("a", ()), sg.param("w", (), init=3.0)
    c, rows = sg.scan(lambda c, _: (c + x[0, 0], sg.zeros("T") + c), a, length=sg.dim("T") * 2)
    model = sg.compile(c * rows.sum() * w)
    params = model.init()
    loss, residuals = model.forward(params, x=np.ones((2, 2)), a=1.0)
    np.testing.assert_allclose(loss, 5.0 * 2 * (1 + 2 + 3 + 4) * 3.0)
    np.testing.assert_allclose(model.backward(residuals)["w"], loss / 3.0)


def test_loops_beside_updates_without_gradients_are_kept() -> None:
    a, b = sg.param("a", (), init=2.0), sg.param("b", (), init=3.0)
    c, _ = sg.scan(lambda c, _: (sg.stop_gradient(c * a + b), None), 1.0, length=2)
    model = sg.compile(np.sin(c), optimizer=sg.optim.SGD(0.1))
    params = model.init()
    loss = model.step(params, model.init_optimizer(params))
    np.testing.assert_allclose(loss, np.sin((1.0 * 2 + 3) * 2 + 3))
