"""Loops in loops whose sources once gave a name twice, or read it too late."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg

STYLES = ["fast", "readable"]


@pytest.mark.parametrize("style", STYLES)
def test_an_inner_loop_begins_with_what_it_also_overwrites(style: str) -> None:
    W, x = sg.input("W", (2, 2)), sg.input("x", ("T", 2))

    def outer(h: Any, v: Any) -> Any:
        h = sg.tanh(W @ h + v)
        h, _ = sg.scan(lambda z, _: (sg.sin(z) * h + v, None), v, length=3)
        return h, None

    h, _ = sg.scan(outer, sg.zeros((2,)), x)
    weights, rows = np.array([[0.3, 0.1], [0.5, -0.2]]), np.array([[1.0, 2.0], [0.3, 0.4]])
    state = np.zeros(2)
    for v in rows:
        helper, state = np.tanh(weights @ state + v), v
        for _ in range(3):
            state = np.sin(state) * helper + v
    np.testing.assert_allclose(sg.function([W, x], h, style=style)(weights, rows), state)


@pytest.mark.parametrize("style", STYLES)
def test_a_number_is_made_of_the_value_that_has_the_name_now(style: str) -> None:
    v, a = sg.input("v", (3,)), sg.input("a", ())

    def go(h: Any) -> Any:
        return sg.while_loop(lambda k: k < 3.0, lambda k: k + sg.sin(k) * h * 0.01 + 0.3, 0.0)

    def outer(c: Any, vt: Any) -> Any:
        h, w = c
        after = sg.name(sg.sin(h) + w.sum() + go(h), "h")
        return (after, w * vt), go(after)

    _, ks = sg.scan(outer, (a, v), v)
    found = sg.function([a, v], ks, style=style)(0.4, [0.3, 0.2, 0.7])

    def plain(h: float) -> float:
        k = 0.0
        while k < 3.0:
            k = k + np.sin(k) * h * 0.01 + 0.3
        return k

    h, w, wanted = 0.4, np.array([0.3, 0.2, 0.7]), []
    for vt in (0.3, 0.2, 0.7):
        h = np.sin(h) + w.sum() + plain(h)
        w = w * vt
        wanted.append(plain(h))
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("style", STYLES)
def test_an_outer_loop_counts_by_a_name_of_its_own(style: str) -> None:
    x = sg.input("x", ())

    def step(h: Any, _: Any) -> Any:
        new, _ = sg.scan(lambda k, _: (sg.sin(k) + 0.1, None), h, length=5)
        return new, (h, new)

    _, (before, after) = sg.scan(step, x, length=3)
    early, late = sg.function([x], [before, after], style=style)(1.0)
    states = [1.0]
    for _ in range(3):
        k = states[-1]
        for _ in range(5):
            k = np.sin(k) + 0.1
        states.append(k)
    np.testing.assert_allclose(early, states[:-1])
    np.testing.assert_allclose(late, states[1:])


@pytest.mark.parametrize("style", STYLES)
def test_an_inner_loop_that_reads_the_carry_and_begins_elsewhere(style: str) -> None:
    a = sg.input("a", ())

    def outer(h: Any, _: Any) -> Any:
        return sg.scan(lambda k, _: (sg.cos(k) * h, None), a, length=2)[0], None

    h = 0.3
    for _ in range(3):
        k = 0.3
        for _ in range(2):
            k = np.cos(k) * h
        h = k
    found = sg.function([a], sg.scan(outer, a, length=3)[0], style=style)(0.3)
    assert found == pytest.approx(h, rel=1e-14)


@pytest.mark.parametrize("style", STYLES)
def test_backward_counts_the_steps_of_its_own_step(style: str) -> None:
    a, x = sg.input("a", ()), sg.input("x", (3,))

    def step(h: Any, v: Any) -> Any:
        def search() -> Any:
            return sg.while_loop(lambda c: c < 2.0, lambda c: c + a * a + 1.3, h)

        r = sg.cond(v > 0, search, lambda: h * a)
        return r, r * h

    h, hs = sg.scan(step, a, x)
    loss = h + (hs * hs).sum()
    f = sg.function([a, x], (loss, sg.grad(loss, a)), style=style)
    at = [0.3, -0.4, 0.6]
    wanted = (f(0.4 + 1e-6, at)[0] - f(0.4 - 1e-6, at)[0]) / 2e-6
    assert f(0.4, at)[1] == pytest.approx(float(wanted), rel=1e-6)


def test_equations_of_loops_in_sides_and_along_carries() -> None:
    a, b, x = sg.input("a", ()), sg.input("b", ()), sg.input("x", (3,))
    h, _ = sg.scan(lambda h, _: (sg.sin(h), None), x, length=4)
    s, _ = sg.scan(lambda s, v: (s * v, None), 1.0, h)
    assert r"\sin h_{t-1}" in sg.function([x], s).latex()

    def side() -> Any:
        p = a + b
        inner = sg.cond(b > 0, lambda: p, lambda: b)
        return p, p * a, inner, sg.scan(lambda s, v: (s * p + v, None), 0.0, x)[0]

    text = sg.function([a, b, x], list(sg.cond(a > 0, side, lambda: (a, b, b, a)))).latex()
    assert "?" not in text
    assert r"p_{\mathrm{then}} &= a + b" in text and r"p_{\mathrm{then}} \, a" in text


@pytest.mark.parametrize("style", STYLES)
def test_the_default_cotangent_may_be_indexed(style: str) -> None:
    b = sg.param("b", (3,))
    loss, _ = sg.scan(lambda h, _: ((b - h)[0], None), 0.5, length=3)
    model = sg.compile(loss, style=style)
    params = {"b": np.array([2.0, 1.0, 1.0])}
    value, residuals = model.forward(params)
    assert value == 1.5  # b - (b - (b - 1/2))
    for cotangent, scale in (((), 1.0), ((2.0,), 2.0), ((3,), 3.0)):
        found = model.backward(residuals, *cotangent)["b"]
        np.testing.assert_array_equal(found, [scale, 0.0, 0.0])
