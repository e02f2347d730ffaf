"""Parts of numbers, powers and rounding: special values, dtypes and slopes at the edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import DeclarationError, DTypeError

INF, NAN = np.inf, np.nan


def run(f: Callable[..., Any], *arrays: Any) -> Any:
    nodes = [sg.input(f"x{i}", a.shape, dtype=a.dtype) for i, a in enumerate(arrays)]
    return sg.function(nodes, f(*nodes))(*arrays)


# ---- numbers and their parts


@pytest.mark.parametrize(
    "name", ["modf", "frexp", "fmod", "degrees", "radians", "fabs", "signbit", "spacing"]
)
def test_special_values_are_those_of_numpy(name: str) -> None:
    x = np.array([0.0, -0.0, 1.0, -2.5, 5e-324, -1e-310, 1e300, INF, -INF, NAN])
    other = (np.full_like(x, 0.7),) if name == "fmod" else ()
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x, *other)
    got = run(lambda *nodes: getattr(sg, name)(*nodes), x, *other)
    for g, w in zip(
        *[r if isinstance(r, (tuple, list)) else (r,) for r in (got, want)], strict=True
    ):
        np.testing.assert_array_equal(g, w)
        if w.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(g), np.signbit(w))


def test_the_slope_of_ldexp_overflows_no_sooner_than_it_must() -> None:
    x, n = sg.input("x", ()), sg.input("n", (), dtype="int64")
    f = sg.function([x, n], sg.grad(sg.ldexp(x, n) * 1e-300, x))
    assert float(f(1e-200, 1200)) == np.ldexp(1e-300, 1200)  # 2^1200 by itself is infinite


def test_the_quotient_that_fmod_takes_off_is_exact() -> None:
    x, y = np.array([1.0, 5.3, -7.9]), np.array([0.1, 0.1, 0.3])
    got = run(lambda a, b: sg.grad(sg.fmod(a, b).sum(), b), x, y)
    want = -np.rint((x - np.fmod(x, y)) / y)
    np.testing.assert_array_equal(got, want)
    assert got[0] == -9.0  # 1 / 0.1 rounds to 10, but 10 times 0.1 is more than 1


# ---- powers


def test_powers_of_booleans_have_numpys_dtypes() -> None:
    b = np.array([True, False])
    node = sg.input("b", (2,), dtype="bool")
    for f in (
        lambda v: v**2,
        lambda v: v**3,
        lambda v: v**1,
        lambda v: v**True,
        lambda v: np.power(v, 2),
        lambda v: v**2.0,
        lambda v: np.float_power(v, 2),
    ):
        want = f(b)
        y = f(node)
        got = sg.function([node], y)(b)
        assert y.dtype == want.dtype == got.dtype
        np.testing.assert_array_equal(got, want)


def test_integers_have_no_negative_integer_powers() -> None:
    x, n = sg.input("x", (2,), dtype="int64"), sg.input("n", (), dtype="int64")
    for exponent in (-1, -sg.const(2), sg.const(1) - sg.const([2, 3])):
        with pytest.raises(DeclarationError, match="negative integer powers"):
            x**exponent
    with pytest.raises(ValueError, match="negative integer powers"):
        sg.function([x, n], x**n)([1, 2], -1)


def test_rounding_of_booleans_and_integers() -> None:
    b = sg.input("b", (2,), dtype="bool")
    assert sg.round(b).dtype == np.round(np.array([True])).dtype
    with pytest.raises(DTypeError, match="decimals"):
        sg.round(b, 1)
    x = np.array([15, 25, -15, 151, 10**15 + 5])
    np.testing.assert_array_equal(run(lambda v: sg.round(v, -1), x), np.round(x, -1))


@pytest.mark.parametrize("y", [0.0, 1.0, 2.0, 3.0])
def test_second_derivatives_of_a_power_at_zero(y: float) -> None:
    """d2/dx2, d2/dxdy both ways, d2/dy2 at x = 0, where the formula divides by x or takes log 0."""
    a, b = sg.input("a", ()), sg.input("b", ())
    z = a**b
    by_a, by_b = sg.grad(z, a), sg.grad(z, b)
    f = sg.function(
        [a, b],
        [sg.grad(by_a, a), sg.grad(by_a, b), sg.grad(by_b, a), sg.grad(by_b, b)],
    )
    assert [float(v) for v in f(0.0, y)] == [2.0 if y == 2 else 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("x", "y", "slopes"),
    [
        (INF, -1.0, (-0.0, 0.0)),
        (0.5, INF, (0.0, 0.0)),
        (2.0, -INF, (0.0, 0.0)),
        (1e-300, 2.0, (2e-300, 0.0)),
        (0.0, 0.5, (INF, 0.0)),
        (-0.0, 1.0, (1.0, 0.0)),
    ],
)
def test_slopes_of_a_power_in_its_tails(x: float, y: float, slopes: tuple[float, float]) -> None:
    a, b = sg.input("a", ()), sg.input("b", ())
    f = sg.function([a, b], list(sg.grad(a**b, [a, b])))
    got = [float(v) for v in f(x, y)]
    if np.isinf(y):
        assert got[1] == slopes[1]  # what x does there is 0 times infinity
    else:
        np.testing.assert_allclose(got, slopes, rtol=1e-15)
