"""Equations of loops and branches: recurrences and cases."""

from __future__ import annotations

from typing import Any

import symgrad as sg


def _lines(text: str) -> list[str]:
    return [line.removesuffix(r" \\") for line in text.splitlines()[1:-1]]


def test_a_recurrent_network_and_its_gradient() -> None:
    x = sg.input("x", ("T", "B", 3))
    W, U, b = sg.input("W", (3, 5)), sg.input("U", (5, 5)), sg.input("b", (5,))

    def cell(h: Any, x: Any) -> Any:
        h = sg.tanh(x @ W + h @ U + b)
        return h, h

    last, _ = sg.scan(cell, sg.zeros((x.shape[1], 5)), x)
    f = sg.function([x, W, U, b], (last, sg.grad(last.sum(), U)))
    lines = _lines(f.latex())
    assert r"h_{0} &= 0" in lines
    assert r"u_{1, t} &= \mathrm{xW}_{t} + h_{t-1} \, U + b" in lines
    assert r"h_{t} &= \tanh u_{1, t}" in lines
    assert r"\mathrm{last} &= h_{T}" in lines
    [step] = [line for line in lines if line.startswith(r"\frac{\partial L}{\partial h_{t-1}}")]
    assert step.endswith(r"U^\top, \quad t = T, \dots, 1")
    [slope] = [line for line in lines if line.startswith(r"\frac{\partial L}{\partial U}")]
    assert r"h_{0:T-1}" in slope


def test_a_loop_with_a_test() -> None:
    a = sg.input("a", ())
    root = sg.while_loop(lambda x: abs(x**2 - a) > 1e-14 * a, lambda x: (x + a / x) / 2, a)
    assert _lines(sg.function([a], (root, sg.grad(root, a))).latex()) == [
        r"x_{0} &= a",
        r"x_{t} &= \frac{x_{t-1} + \frac{a}{x_{t-1}}}{2}, \quad t = 1, \dots, K \text{ while } "
        r"\left|{x_{t-1}}^2 - a\right| > 10^{-14} \, a",
        r"\mathrm{root} &= x_{K}",
        r"\frac{\partial L}{\partial x_{K}} &= 1",
        r"w_{1, t} &= 0.5 \, \frac{\partial L}{\partial x_{t}}",
        r"\frac{\partial L}{\partial x_{t-1}} &= w_{1, t} - w_{1, t} \, "
        r"\frac{\frac{a}{x_{t-1}}}{x_{t-1}}",
        r"\frac{\partial L}{\partial a_{t}} &= \frac{w_{1, t}}{x_{t-1}}, \quad t = K, \dots, 1",
        r"\frac{\partial L}{\partial a} &= \frac{\partial L}{\partial x_{0}} + "
        r"\left(\sum_{t = 1}^{K} \frac{\partial L}{\partial a_{t}}\right)",
    ]


def test_a_branch_has_cases() -> None:
    a = sg.input("a", ())
    y = sg.cond(a > 0, lambda v: sg.sin(v), lambda v: sg.exp(v) * 2, a)
    assert _lines(sg.function([a], (y, sg.grad(y, a))).latex()) == [
        r"y &= \begin{cases} \sin a & \text{if } a > 0 \\ 2 \, e^{a} & \text{otherwise} "
        r"\end{cases}",
        r"\frac{\partial L}{\partial a} &= \begin{cases} \cos a & \text{if } a > 0 \\ "
        r"2 \, e^{a} & \text{otherwise} \end{cases}",
    ]


def test_backwards_and_inside_each_other() -> None:
    M, s = sg.input("M", ("N", 6)), sg.input("s", ())

    def outer(c: Any, row: Any) -> Any:
        c, _ = sg.scan(lambda d, v: (sg.sin(d) * v, None), c, row, reverse=True)
        return c, None

    end, _ = sg.scan(outer, s, M)
    assert _lines(sg.function([M, s], end).latex()) == [
        r"c_{0} &= s",
        r"d_{7} &= c_{t-1}".replace("7", "6+1"),
        r"d_{s} &= \sin d_{s+1} \, M_{t, s}, \quad s = 6, \dots, 1",
        r"c_{t} &= d_{1}, \quad t = 1, \dots, N",
        r"\mathrm{end} &= c_{N}",
    ]


def test_sizes_that_a_loop_counts_are_called_trips() -> None:
    a = sg.input("a", (2,))
    z = sg.while_loop(lambda z: (z**2).sum() > 1, lambda z: sg.tanh(z) * 0.7, a)
    f = sg.function([a], (z, sg.grad(z.sum(), a)))
    drawn, told = f.graph.dot(), str(f.report())
    assert "trips×2" in drawn and "trips_" not in drawn
    assert "trips" in told and "trips_" not in told
