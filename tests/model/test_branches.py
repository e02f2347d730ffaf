"""Branches share the work of their sides between value and gradient, whatever the sides hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg

RNG = np.random.default_rng(0)
X, W, P = RNG.normal(size=3), RNG.normal(size=(3, 3)), np.array([1.0, -0.5, -2.0, 3.0, -1.5, 0.3])


def _until(v: Any, w: Any) -> Any:
    return sg.while_loop(lambda z: (z**2).sum() > 0.1, lambda z: sg.tanh(z @ w) * 0.7, v)


def _deep(v: Any, w: Any) -> Any:
    return sg.scan(lambda h, _: (sg.tanh(h @ w), None), v, length=4)[0]


def _loop_or_product(x: Any, w: Any, p: Any) -> Any:
    return (sg.cond(p[0] > 0, lambda v: _deep(v, w), lambda v: sg.exp(-v @ w) @ w, x) ** 2).sum()


def _search_or_loop(x: Any, w: Any, p: Any) -> Any:
    return sg.sin(sg.cond(p[0] > 0, lambda v: _until(v, w) + v, lambda v: _deep(v, w), x)).sum()


def _in_each_other(x: Any, w: Any, p: Any) -> Any:
    def step(c: Any, q: Any) -> Any:
        def rest(v: Any) -> Any:
            return sg.cond(q < -1, lambda u: _deep(u, w), lambda u: sg.exp(-u @ w) @ w, v)

        c = sg.cond(q > 0, lambda v: _until(v, w) + v, rest, c)
        return c, c * q

    c, ys = sg.scan(step, x, p)
    return (ys**2).sum() + c.sum()


MODELS = [_loop_or_product, _search_or_loop, _in_each_other]


def _slope(f: Any, at: np.ndarray[Any, Any], h: float = 1e-6) -> np.ndarray[Any, Any]:
    """Central differences of `f` in its one argument; the new axes are the last."""
    columns = []
    for i in range(at.size):
        d = np.zeros(at.size)
        d[i] = h
        d = d.reshape(at.shape)
        columns.append((f(at + d) - f(at - d)) / (2 * h))
    return np.stack(columns, axis=-1).reshape((*np.shape(columns[0]), *at.shape))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("declared", MODELS)
def test_derivatives(declared: Any, style: str, sign: float) -> None:
    x, w, p = sg.input("x", (3,)), sg.input("w", (3, 3)), sg.input("p", ("K",))
    loss = declared(x, w, p)
    slope = sg.grad(loss, x)
    made = (loss, sg.grad(loss, [x, w]), sg.jacobian(slope, x), sg.jvp(loss, x, np.ones(3)))
    value, (dx, dw), curvature, tangent = sg.function([x, w, p], made, style=style)(X, W, sign * P)
    alone = sg.function([x, w, p], loss)
    assert value == pytest.approx(float(alone(X, W, sign * P)), rel=1e-14)
    np.testing.assert_allclose(dx, _slope(lambda v: alone(v, W, sign * P), X), 1e-6, 1e-7)
    np.testing.assert_allclose(dw, _slope(lambda v: alone(X, v, sign * P), W), 1e-6, 1e-7)
    np.testing.assert_allclose(tangent, dx.sum(), 1e-10)
    first = sg.function([x, w, p], slope, style=style)
    np.testing.assert_allclose(first(X, W, sign * P), dx, 1e-12)
    np.testing.assert_allclose(curvature, _slope(lambda v: first(v, W, sign * P), X), 1e-5, 1e-6)
    twice = sg.function([x, w, p], sg.hessian(loss, x), style=style)
    np.testing.assert_allclose(twice(X, W, sign * P), curvature, 1e-9, 1e-11)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("declared", MODELS)
def test_what_backward_is_handed(declared: Any, sign: float) -> None:
    x, w, p = sg.param("x", (3,)), sg.input("w", (3, 3)), sg.input("p", ("K",))
    model = sg.compile(declared(x, w, p))
    _, grads = model.value_and_grad({"x": X}, w=W, p=sign * P)
    _, residuals = model.forward({"x": X}, w=W, p=sign * P)
    np.testing.assert_allclose(model.backward(residuals)["x"], grads["x"], rtol=1e-12)


@pytest.mark.parametrize("declared", [_loop_or_product, _search_or_loop])
def test_in_a_batch(declared: Any) -> None:
    xs, w, ps = sg.input("xs", ("M", 3)), sg.input("w", (3, 3)), sg.input("ps", ("M", 2))

    def both(x: Any, p: Any) -> Any:
        loss = declared(x, w, p)
        return loss, sg.grad(loss, x)

    losses, slopes = sg.vmap(both)(xs, ps)
    outside = sg.grad(sg.vmap(lambda x, p: declared(x, w, p))(xs, ps).sum(), xs)
    made = sg.function([xs, w, ps], (losses, slopes, outside))
    x, p = sg.input("x", (3,)), sg.input("p", (2,))
    one = sg.function([x, w, p], (declared(x, w, p), sg.grad(declared(x, w, p), x)))
    many, signs = RNG.normal(size=(4, 3)), np.array([[1.0, 0.0], [-1.0, 0.0]] * 2)
    values, rows, again = made(many, W, signs)
    for i in range(4):
        value, slope = one(many[i], W, signs[i])
        np.testing.assert_allclose(values[i], value, rtol=1e-13)
        np.testing.assert_allclose(rows[i], slope, rtol=1e-12)
        np.testing.assert_allclose(again[i], slope, rtol=1e-12)


def test_the_forward_part_of_a_side_runs_once() -> None:
    x, w, p = sg.input("x", (3,)), sg.input("w", (3, 3)), sg.input("p", (1,))
    loss = _loop_or_product(x, w, p)
    for wanted in ((loss, sg.grad(loss, w)), sg.grad(loss, w)):
        source = sg.function([x, w, p], wanted, style="readable").source
        assert source.count("in range(4):") == 1 and source.count("in reversed(range(4)):") == 1
        assert source.partition("def function")[2].count("np.exp(") == 1
        assert "np.zeros((4, 3))" not in source  # nothing stands in for what a side has not kept


def test_a_cheap_side_is_computed_again_in_one_branch() -> None:
    x, p = sg.input("x", (3,)), sg.input("p", ())
    y = sg.cond(p > 0, lambda v: sg.sin(v) * v, lambda v: sg.exp(v), x)
    source = sg.function([x, p], sg.grad(y.sum(), x), style="readable").source
    assert source.count("if mask:") + source.count("if p > 0:") == 1


def _grown(v: Any) -> Any:
    return sg.while_loop(lambda z: z < 5, lambda z: z * 1.5 + sg.sin(z) ** 2 + 0.1, v)


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_alike_loops_of_several_branches_are_counted_apart(style: str) -> None:
    x, p, q = (sg.input(name, ()) for name in "xpq")
    y = sg.cond(p > 0, _grown, lambda v: v * 2, x)
    z = sg.cond(q > 0, _grown, lambda v: v * 3, x)
    loss = y * sg.sin(z) + _grown(x)
    alone = sg.function([x, p, q], loss)
    f = sg.function([x, p, q], sg.grad(loss, x), style=style)
    for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        wanted = (alone(0.3 + 1e-6, *signs) - alone(0.3 - 1e-6, *signs)) / 2e-6
        assert f(0.3, *signs) == pytest.approx(float(wanted), rel=1e-6)


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_both_sides_may_hold_the_same_loop(style: str) -> None:
    x, p = sg.input("x", ()), sg.input("p", ())
    y = sg.cond(p > 0, _grown, lambda v: -_grown(v), x)
    f = sg.function([x, p], (y, sg.grad(sg.sin(y), x)), style=style)
    for sign in (1.0, -1.0):
        values = [np.sin(f(0.3 + h, sign)[0]) for h in (1e-6, -1e-6)]
        wanted = (values[0] - values[1]) / 2e-6
        assert f(0.3, sign)[1] == pytest.approx(float(wanted), rel=1e-6)
