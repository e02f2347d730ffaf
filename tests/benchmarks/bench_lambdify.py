"""``sg.lambdify`` beside ``sympy.lambdify(..., cse=True)``: value, gradient, Hessian.

What is timed: the time until the first result, and then one call with numbers, with arrays of
1,000 and of 100,000 elements. SymPy is given the same derivatives, which it works out itself;
where that takes longer than a minute, only its value is timed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

x, y, z = sp.symbols("x y z")


def recurrence(steps: int) -> tuple[Any, Any]:
    """A map applied again and again: SymPy's derivative of it grows exponentially."""
    u, w = x, y
    for _ in range(steps):
        u, w = sp.sin(u * w) + u / 2, sp.cos(u - w) * w
    return (x, y), u + w


def pendulum() -> tuple[Any, Any]:
    """Kinetic and potential energy of a double pendulum with an elastic joint."""
    a, b, p, q, m, length = sp.symbols("a b p q m length")
    delta = a - b
    kinetic = (p**2 + 2 * q**2 - 2 * p * q * sp.cos(delta)) / (
        2 * m * length**2 * (1 + sp.sin(delta) ** 2)
    )
    potential = -m * length * (2 * sp.cos(a) + sp.cos(b)) + sp.exp(-(delta**2))
    return (a, b, p, q, m, length), kinetic + potential


def mixture() -> tuple[Any, Any]:
    """The logarithm of a sum of many exponentials."""
    terms = [sp.exp(-((x - sp.Rational(k, 7)) ** 2) * y - z * k) for k in range(30)]
    return (x, y, z), sp.log(sp.Add(*terms))


def polynomial() -> tuple[Any, Any]:
    """A sum of 400 terms."""
    terms = [
        sp.Rational(k + 1, 3) * x ** (k % 7) * y ** (k % 5) * sp.sin(k * z) for k in range(400)
    ]
    return (x, y, z), sp.Add(*terms)


CASES: dict[str, Callable[[], tuple[Any, Any]]] = {
    "recurrence of 3 steps": lambda: recurrence(3),
    "recurrence of 20 steps": lambda: recurrence(20),
    "double pendulum": pendulum,
    "log-sum-exp of 30": mixture,
    "sum of 400 terms": polynomial,
}
ORDERS = {
    "recurrence of 3 steps": (0, 1, 2),
    "recurrence of 20 steps": (),  # SymPy's cse alone takes minutes
    "double pendulum": (0, 1, 2),
    "log-sum-exp of 30": (0, 1, 2),
    "sum of 400 terms": (0, 1, 2),
}


def peer(symbols: Any, expr: Any, order: int) -> Callable[..., Any]:
    parts = [expr]
    if order:
        slopes = [expr.diff(s) for s in symbols]
        parts += slopes
        if order == 2:
            parts += [slopes[i].diff(s) for i in range(len(symbols)) for s in symbols[i:]]
    return sp.lambdify(symbols, parts, "numpy", cse=True)  # type: ignore[no-any-return]


def seconds(fn: Callable[..., Any], args: list[Any], least: float = 0.2) -> float:
    """The median time of a call."""
    fn(*args)
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < 5 or (time.perf_counter() - start < least and len(times) < 2000):
        before = time.perf_counter()
        fn(*args)
        times.append(time.perf_counter() - before)
    return statistics.median(times)


@pytest.mark.parametrize("name", CASES)
def test_beside_sympy(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    symbols, expr = CASES[name]()
    rng = np.random.default_rng(0)
    for order in (0, 1, 2):
        start = time.perf_counter()
        ours = sg.lambdify(symbols, expr, derivatives=order)
        ours(*rng.uniform(0.5, 1, (len(symbols), 2)))
        ours_first = time.perf_counter() - start
        theirs = None
        if order in ORDERS[name]:
            start = time.perf_counter()
            theirs = peer(symbols, expr, order)
            theirs(*rng.uniform(0.5, 1, (len(symbols), 2)))
        theirs_first = time.perf_counter() - start
        row = f"{name}, order {order}: first {ours_first:.2f} s"
        row += f" ({theirs_first:.2f} s)" if theirs else " (-)"
        for size in ((), (1000,), (100_000,)):
            points = rng.uniform(0.5, 1, (len(symbols), *size))
            args = [float(p) for p in points] if not size else list(points)
            mine = seconds(ours, args)
            row += f"; {size[0] if size else 1}: {mine * 1e6:.0f} us"
            if theirs:
                other = seconds(theirs, args)
                row += f" ({other / mine:.2f}x)"
                value = ours(*args)[0] if order else ours(*args)
                np.testing.assert_allclose(value, theirs(*args)[0], rtol=1e-9)
        with capsys.disabled():
            print("\n" + row, end="")
