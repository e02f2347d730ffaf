"""Programs on numbers: Python's arithmetic gives what NumPy's does, at the edges too."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.emit import scalar_kernels
from symgrad.ir.op import FUNCTIONS, OPS
from symgrad.plan.scalars import PLAIN

EDGES = [0.0, -0.0, 1.0, -1.0, 0.3, -0.7, 2.5, -3.0, 1e-310, 1e300, -1e300, 709.0, 710.5, -745.2]
EDGES += [math.inf, -math.inf, math.nan, 1e16, 36.7, -36.7]


def ulps(found: float, wanted: float) -> float:
    if found == wanted or (math.isnan(found) and math.isnan(wanted)):
        return 0.0
    if not (math.isfinite(found) and math.isfinite(wanted)):
        return math.inf
    return abs(found - wanted) / np.spacing(abs(wanted))


def programs(build: Any, count: int) -> tuple[Any, Any]:
    """The same on numbers, and on arrays."""
    x = [sg.input(f"x{i}", ()) for i in range(count)]
    a = [sg.input(f"x{i}", (1,)) for i in range(count)]
    numbers, arrays = sg.function(x, build(*x)), sg.function(a, build(*a))
    assert "np.float64(" in numbers.source or "np.bool_(" in numbers.source, numbers.source
    return numbers, arrays


#: measured on this machine's NumPy: SIMD loops of its own, whose last bits are not those of libm
LOOSE = {"tanh": 3, "sinh": 3, "power": 3, "exp": 2, "tan": 2}


@pytest.mark.parametrize("name", [n for n in PLAIN if n in FUNCTIONS and hasattr(OPS[n], "arity")])
def test_each_operation(name: str) -> None:
    count = OPS[name].arity  # type: ignore[attr-defined]
    if name.startswith("logical"):
        numbers, arrays = programs(lambda *x: FUNCTIONS[name](*[v > 0 for v in x]), count)
    elif name == "where":
        numbers, arrays = programs(lambda c, x, y: sg.where(c > 0, x, y), 3)
    else:
        numbers, arrays = programs(lambda *x: FUNCTIONS[name](*x), count)
    points = list(product(EDGES, repeat=min(count, 2)))
    points = [(*p, 0.5) for p in points] if count == 3 else points
    for point in points:
        wanted = arrays(*[np.array([p]) for p in point])[0]
        found = numbers(*point)
        assert found.dtype == wanted.dtype
        if abs(point[0]) > 1e8 and name in ("sin", "cos", "tan"):
            continue
        assert ulps(float(found), float(wanted)) <= LOOSE.get(name, 2), (point, found, wanted)


def test_every_function_of_numbers_is_used() -> None:
    text = " ".join(PLAIN.values())
    own = [n for n in vars(scalar_kernels) if not n.startswith("_") and n not in ("math", "np")]
    special = {"scalar_power_series", "annotations"}
    assert [n for n in own if f"{n}(" not in text and n not in special] == []


def euler(numbers: bool) -> Any:
    """One step with some 20 operations."""
    x0, n = sg.input("x0", ()), sg.input("n", (), dtype="int64")
    dt = 1e-3

    def step(c: Any) -> Any:
        i, x, v, e = c
        r = x * x + 0.1
        force = -9.81 * x / r - 0.1 * v + 0.01 * v * v * v - 0.3 * x * x * x
        return i + 1, x + dt * v, v + dt * force, e + dt * (v * v + r) * 0.5

    _, x, _, e = sg.while_loop(lambda c: c[0] < n, step, (0, x0, 0.0, 0.0))
    style = "fast" if numbers else "readable"
    return sg.function([x0, n], [x, e, sg.grad(e, x0)], style=style)


def test_a_loop_on_numbers_agrees_with_numpy() -> None:
    for found, wanted in zip(euler(True)(0.7, 1000), euler(False)(0.7, 1000), strict=True):
        assert found == pytest.approx(wanted, rel=1e-12)
    assert "float(x0)" in euler(True).source
    assert "float(x0)" not in euler(False).source


def test_dividing_by_zero_in_a_loop_goes_on() -> None:
    """1 / 0 is infinite, as NumPy's is, and the loop ends where it does there."""
    a = sg.input("a", ())
    x = sg.while_loop(lambda c: c < 10, lambda c: c + 1 / a + sg.exp(c * 400), 1.0)
    for value, wanted in ((0.0, math.inf), (1.0, 2 + math.exp(400))):
        for style in ("fast", "readable"):
            assert sg.function([a], x, style=style)(value) == pytest.approx(wanted, rel=1e-14)


def test_numbers_and_arrays_meet() -> None:
    """An array is indexed in a loop on numbers, and what that gives is used in array code."""
    x, y = sg.input("x", ("N",)), sg.input("y", ("N", 2))
    (_, total), rows = sg.scan(
        lambda c, v: ((c[0] + 1, c[1] * 0.5 + v * x[c[0]]), c[1]), (0, 0.0), x
    )
    out = y * total + rows.sum()
    a, b = np.arange(1.0, 5), np.ones((4, 2))
    fast, readable = (
        sg.function([x, y], [out, sg.grad(out.sum(), x)], style=style)(a, b)
        for style in ("fast", "readable")
    )
    for one, other in zip(fast, readable, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


def test_user_names_give_way() -> None:
    exp, divide = sg.input("exp", ()), sg.input("divide", ())
    found = sg.function([exp, divide], sg.exp(exp) / divide)(1.0, 2.0)
    assert found == pytest.approx(math.e / 2)


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_integers_wrap_as_numpy_s_do(style: str) -> None:
    """Products and sums of carries pass 2^63; a counter does not."""
    n = sg.input("n", (), dtype="int64")
    _, power = sg.while_loop(lambda c: c[0] < 70, lambda c: (c[0] + 1, c[1] * n), (0, 1))
    _, low, _ = sg.while_loop(
        lambda c: c[0] < 100, lambda c: (c[0] + 1, c[2], c[1] + c[2]), (0, n * 0, n * 0 + 1)
    )
    found = sg.function([n], [power, low], style=style)(3)
    fibonacci = [0, 1]
    for _ in range(100):
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    for value, exact in zip(found, (3**70, fibonacci[100]), strict=True):
        assert int(value) == (exact + 2**63) % 2**64 - 2**63


def test_a_counter_leaves_a_loop_on_numbers() -> None:
    n, x = sg.input("n", (), dtype="int64"), sg.input("x", ())
    _, y = sg.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] * 0.5), (0, x))
    assert "float(x)" in sg.function([n, x], y).source
