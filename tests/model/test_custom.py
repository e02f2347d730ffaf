"""Derivatives by the user's rule, and by the implicit function theorem."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import root

import symgrad as sg

Array = np.ndarray[Any, Any]


@sg.custom_vjp
def clipped(x: Any) -> Any:
    return x * 1.0


clipped.defvjp(lambda x: (x * 1.0, None), lambda _, ct: (np.clip(ct, -1.0, 1.0),))


@sg.custom_vjp
def product(a: Any, b: Any) -> Any:
    """A wrong slope on purpose, so that it is seen which one is used."""
    return {"p": a["x"] * b, "s": a["x"] + b}


product.defvjp(
    lambda a, b: ({"p": a["x"] * b, "s": a["x"] + b}, (a, b)),
    lambda kept, ct: ({"x": ct["p"] * kept[1] * 10}, None),
)


@sg.custom_jvp
def cube(x: Any) -> Any:
    return x**3


cube.defjvp(lambda p, t: (cube(p[0]), 3 * p[0] ** 2 * t[0]))


def test_the_rule_is_used_in_reverse() -> None:
    x = sg.input("x", (3,))
    loss = (clipped(x) ** 2).sum()
    value, slope = sg.function([x], [loss, sg.grad(loss, x)])([0.2, 3.0, -4.0])
    assert value == 0.2**2 + 9 + 16
    np.testing.assert_array_equal(slope, [0.4, 1.0, -1.0])


def test_structures_and_absent_cotangents() -> None:
    x, y = sg.input("x", (2,)), sg.input("y", (2,))
    made = product({"x": x}, y)
    loss = (made["p"] + made["s"]).sum()
    d_x, d_y = sg.function([x, y], sg.grad(loss, [x, y]))([1.0, 2.0], [3.0, 4.0])
    np.testing.assert_array_equal(d_x, [30.0, 40.0])
    np.testing.assert_array_equal(d_y, [0.0, 0.0])


def test_a_forward_rule_serves_all_modes() -> None:
    x = sg.input("x", ())
    y = cube(x)
    first = sg.grad(y, x)
    modes = [first, sg.jvp(y, x, 1.0), sg.grad(first, x), sg.jvp(first, x, 1.0)]
    modes += [sg.grad(sg.jvp(y, x, 1.0), x)]
    found = [float(v) for v in sg.function([x], modes)(2.0)]
    np.testing.assert_allclose(found, [12.0, 12.0, 12.0, 12.0, 12.0])


def test_they_are_batched_and_stand_in_loops() -> None:
    x = sg.input("x", ("T",))
    mapped = sg.vmap(cube)(x)
    looped, _ = sg.scan(lambda c, v: (c + clipped(v) ** 2, None), 0.0, x)
    found = sg.function([x], [mapped, sg.grad(mapped.sum(), x), sg.grad(looped, x)])(
        [1.0, 2.0, 0.1]
    )
    np.testing.assert_allclose(found[0], [1.0, 8.0, 0.001])
    np.testing.assert_allclose(found[1], [3.0, 12.0, 0.03])
    np.testing.assert_allclose(found[2], [1.0, 1.0, 0.2])


def test_messages() -> None:
    x, w = sg.input("x", ()), sg.input("w", ())
    with pytest.raises(sg.DeclarationError, match="has no rule"):
        sg.custom_vjp(lambda v: v)(x)
    with pytest.raises(sg.DeclarationError, match="from outside"):
        outside = sg.custom_vjp(lambda v: v * w)
        outside.defvjp(lambda v: (v * w, None), lambda _, ct: (ct,))
        outside(x)
    with pytest.raises(sg.DeclarationError, match="one for each argument; got 2"):
        many = sg.custom_vjp(lambda v: v * 2)
        many.defvjp(lambda v: (v * 2, None), lambda _, ct: (ct, ct))
        many(x)
    with pytest.raises(sg.DeclarationError, match="reverse mode alone"):
        sg.jvp(clipped(x), x, 1.0)
    with pytest.raises(sg.DeclarationError, match="kind is one of"):
        sg.implicit(lambda z: z, x, kind="saddle")
    with pytest.raises(sg.ShapeError, match="as many equations as unknowns"):
        sg.implicit(lambda z: sg.stack([z, z]), x)


def test_straight_through() -> None:
    x = sg.input("x", (3,))
    hard = sg.straight_through((x > 0).astype("float64"), sg.sigmoid(x))
    value, slope, moved = sg.function([x], [hard, sg.grad(hard.sum(), x), sg.jvp(hard, x, 1.0)])(
        at := np.array([-1.0, 0.5, 2.0])
    )
    np.testing.assert_array_equal(value, [0.0, 1.0, 1.0])
    s = 1 / (1 + np.exp(-at))
    np.testing.assert_allclose(slope, s * (1 - s))
    np.testing.assert_allclose(moved, s * (1 - s))


# ---------------------------------------------------------------- implicit


def solved(A: Array, b: Array) -> Array:
    found = root(lambda z: A @ z + z**3 - b, np.zeros(3), tol=1e-14)
    return np.asarray(found.x)


def test_a_root_found_elsewhere() -> None:
    """By SciPy, outside of the graph: values and first and second derivatives."""
    A, b, s = sg.input("A", (3, 3)), sg.input("b", (3,)), sg.input("s", (3,))
    z = sg.implicit(lambda z: A @ z + z**3 - b, s)
    loss = (z**2).sum()
    function = sg.function(
        [A, b, s], [sg.grad(loss, [A, b]), sg.hessian(loss, b), sg.jacobian(z, b)]
    )
    rng = np.random.default_rng(0)
    a, c = rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=3)
    (d_A, d_b), hessian, jacobian = function(a, c, solved(a, c))
    step = 1e-5

    def value(m: Array, v: Array) -> float:
        return float((solved(m, v) ** 2).sum())

    for i in range(3):
        e = np.zeros(3)
        e[i] = step
        assert d_b[i] == pytest.approx((value(a, c + e) - value(a, c - e)) / (2 * step), rel=1e-6)
        moved = [function(a, c + t * e, solved(a, c + t * e))[0][1] for t in (1, -1)]
        np.testing.assert_allclose(hessian[i], (moved[0] - moved[1]) / (2 * step), rtol=1e-5)
        column = (solved(a, c + e) - solved(a, c - e)) / (2 * step)
        np.testing.assert_allclose(jacobian[:, i], column, rtol=1e-6, atol=1e-9)
        for j in range(3):
            m = np.zeros((3, 3))
            m[i, j] = step
            wanted = (value(a + m, c) - value(a - m, c)) / (2 * step)
            assert d_A[i, j] == pytest.approx(wanted, rel=1e-6)


def test_a_minimum_and_a_fixed_point() -> None:
    """The minimum of (z - a)^2 + z^4, and the fixed point of cos(a z)."""
    a = sg.input("a", ())

    def f(z: Any) -> Any:
        return (z - a) ** 2 + z**4

    low = sg.while_loop(
        lambda z: abs(sg.grad(f(z), z)) > 1e-13, lambda z: z - 0.1 * sg.grad(f(z), z), 0.0 * a
    )
    low = sg.implicit(f, low, kind="minimum")
    fixed = sg.scan(lambda z, _: (np.cos(a * z), None), 0.5 + 0 * a, length=200)[0]
    fixed = sg.implicit(lambda z: np.cos(a * z), fixed, kind="fixed_point")
    found = sg.function([a], [low, sg.grad(low, a), fixed, sg.grad(fixed, a)])(0.7)
    z, slope, p, drift = (float(v) for v in found)
    assert slope == pytest.approx(2 / (2 + 12 * z**2), rel=1e-12)
    assert p == pytest.approx(np.cos(0.7 * p), rel=1e-12)
    assert drift == pytest.approx(-np.sin(0.7 * p) * p / (1 + 0.7 * np.sin(0.7 * p)), rel=1e-12)
