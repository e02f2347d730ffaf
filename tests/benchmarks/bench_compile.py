"""How long compilation takes against the number of nodes: `make bench` prints the curve.

``h = tanh(h*a + b)*0.9 + h*0.1``, unrolled, with gradients with respect to a and b; and a chain
100,000 deep. Each row is the median of three runs in this process.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest

import symgrad as sg

Row = dict[str, float]


def unrolled(steps: int) -> Row:
    """Seconds to declare, differentiate, compile and first call the recurrence."""
    start = time.perf_counter()
    first = h = sg.input("h", (100,))
    a, b = sg.input("a", ()), sg.input("b", ())
    for _ in range(steps):
        h = sg.tanh(h * a + b) * 0.9 + h * 0.1
    loss = h.sum()
    gradients = sg.grad(loss, [a, b])
    declared = time.perf_counter()
    function = sg.function([first, a, b], [loss, *gradients])
    compiled = time.perf_counter()
    values = function(np.linspace(-1, 1, 100), 0.5, 0.1)
    called = time.perf_counter()
    assert np.all(np.isfinite(values))
    nodes = len(function.graph.to_networkx())
    return {
        "nodes": nodes,
        "declare and differentiate": declared - start,
        "compile": compiled - declared,
        "first call": called - compiled,
        "total": called - start,
    }


def test_curve(capsys: pytest.CaptureFixture[str]) -> None:
    """The time for each node stays the same up to 100,000 of them."""
    per_node = {}
    with capsys.disabled():
        print()
        for steps in (100, 300, 1_000, 3_000, 5_000):
            rows = [unrolled(steps) for _ in range(3)]
            row = {key: statistics.median(r[key] for r in rows) for key in rows[0]}
            per_node[steps] = row["total"] / row["nodes"]
            shown = ", ".join(f"{k} {v:.2f} s" for k, v in row.items() if k != "nodes")
            print(f"{steps:6d} steps, {row['nodes']:7.0f} nodes: {shown}")
    assert per_node[5_000] < 3 * per_node[300]


def test_a_deep_chain(capsys: pytest.CaptureFixture[str]) -> None:
    """A chain 100,000 deep declares, differentiates, compiles, runs and pickles."""
    start = time.perf_counter()
    x = h = sg.input("x", (4,))
    for _ in range(100_000):
        h = sg.sin(h)
    function = sg.function([x], [h, sg.grad(h.sum(), x)])
    value, gradient = function(np.ones(4))
    with capsys.disabled():
        print(f"\nchain of 100,000: {time.perf_counter() - start:.1f} s")
    exact, slope = np.ones(4), np.ones(4)
    for _ in range(100_000):
        slope *= np.cos(exact)
        exact = np.sin(exact)
    np.testing.assert_array_equal(value, exact)
    np.testing.assert_allclose(gradient, slope, rtol=1e-9)
