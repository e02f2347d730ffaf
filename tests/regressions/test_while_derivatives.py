"""Derivatives of loops of unknown length, in batches, in each other, and in models."""

from collections.abc import Callable
from typing import Any

import numpy as np

import symgrad as sg

X = np.array([0.5, 1.7, 0.05])
Q = np.array([0.3, 1.9, 0.8])


def grown(q: Any) -> Any:
    return sg.while_loop(lambda s: s < 10, lambda s: s * 1.3 + 0.1 * np.sin(s) * q, q)


def plain_grown(q: Any) -> Any:
    s = q
    while np.real(s) < 10:
        s = s * 1.3 + 0.1 * np.sin(s) * q
    return s


def twice(q: Any, x: Any) -> Any:
    def inner(s: Any) -> Any:
        return sg.while_loop(lambda d: d < s + 3, lambda d: d * 1.2 + q * x, s)

    return sg.while_loop(lambda s: s < 20, inner, q + 1.0)


def plain_twice(q: Any, x: Any) -> Any:
    s = q + 1.0
    while np.real(s) < 20:
        d = s
        while np.real(d) < np.real(s) + 3:
            d = d * 1.2 + q * x
        s = d
    return s


def slope(f: Callable[..., Any], *args: Any) -> Any:
    """By a complex step in the first argument."""
    return np.imag(f(args[0] + 1e-30j, *args[1:])) / 1e-30


def test_each_example_of_a_batch_has_its_own_number_of_steps() -> None:
    x = sg.input("x", (3,))
    wanted = [slope(plain_grown, v) for v in X]
    grads = [
        sg.vmap(lambda r: sg.grad(grown(r), r))(x),
        sg.map(lambda r: sg.grad(grown(r), r), x),
        sg.vmap(lambda r: sg.vmap(lambda v: sg.grad(grown(v), v))(r))(x.reshape(1, 3))[0],
        sg.grad(sg.vmap(grown)(x).sum(), x),
    ]
    for found in sg.function([x], grads)(X):
        np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_loops_in_loops_in_a_batch() -> None:
    q, x = sg.input("q", (3,)), sg.input("x", (3,))
    grads = sg.vmap(lambda q, x: sg.grad(twice(q, x), [q, x]))(q, x)
    f = sg.function([q, x], grads)
    found = f(Q, X)
    np.testing.assert_allclose(
        found[0], [slope(plain_twice, a, b) for a, b in zip(Q, X, strict=True)]
    )
    other = [slope(lambda b, a: plain_twice(a, b), b, a) for a, b in zip(Q, X, strict=True)]
    np.testing.assert_allclose(found[1], other)

    def hessian(q: Any, x: Any) -> Any:
        z = sg.stack([q, x])
        return sg.hessian(twice(z[0], z[1]), z)

    h = 1e-6
    columns = [
        np.subtract(f(Q + h, X), f(Q - h, X)) / (2 * h),
        np.subtract(f(Q, X + h), f(Q, X - h)) / (2 * h),
    ]
    wanted = np.moveaxis(np.array(columns), 2, 0)
    for mapped in (
        sg.vmap(hessian)(q, x),
        sg.map(lambda r: hessian(*r), (q, x)),
    ):
        np.testing.assert_allclose(sg.function([q, x], mapped)(Q, X), wanted, rtol=1e-5, atol=1e-4)


def test_products_of_gradients_of_loops_in_loops() -> None:
    """Loops that keep nothing but how often they went round."""
    q, x = sg.input("q", ()), sg.input("x", ())
    y = twice(q, x)
    first = [sg.grad(y, x), sg.grad(y * y, q)]
    z = first[0] * first[1]
    f = sg.function([q, x], z)
    found = sg.function([q, x], [sg.grad(z, q), sg.jvp(z, q, 1.0)])(0.7, 0.4)
    wanted = (f(0.7 + 1e-6, 0.4) - f(0.7 - 1e-6, 0.4)) / 2e-6
    np.testing.assert_allclose(found, [wanted, wanted], rtol=1e-6)


def test_alike_loops_over_what_has_one_name_are_two() -> None:
    x, a = sg.input("x", (3,)), sg.input("a", ())

    def cell(u: Any) -> Any:
        h = np.tanh(u) ** 2 + 0.2
        return h

    def run(scan: Any, grow: Any, x: Any, a: Any) -> Any:
        def step(c: Any, v: Any) -> Any:
            p, q = c
            return (cell(p * v), cell(q - v * v * 0.3)), grow(p) * grow(q)

        return scan(step, (a, a * 0.5), x)[1]

    def plain_scan(step: Any, c: Any, xs: Any) -> Any:
        ys = []
        for v in xs:
            c, y = step(c, v)
            ys.append(y)
        return c, np.array(ys)

    loss = run(sg.scan, grown, x, a).sum()
    found = sg.function([a, x], [loss, sg.grad(loss, a)])(0.7, X)

    def plain(a: Any) -> Any:
        return run(plain_scan, plain_grown, X, a).sum()

    np.testing.assert_allclose(found, [plain(0.7), slope(plain, 0.7)], rtol=1e-10)


def test_models() -> None:
    x, w = sg.input("x", ("B",)), sg.param("w", (), init=0.4)
    loss = sg.map(lambda r: grown(r * w + 0.1), x).sum() + grown(w)
    model = sg.compile(loss, outputs=grown(w), optimizer=sg.optim.SGD(1e-5))
    params = model.init(0)

    def plain(w: Any) -> Any:
        return sum(plain_grown(r * w + 0.1) for r in X) + plain_grown(w)

    value, grads = model.value_and_grad(params, x=X)
    np.testing.assert_allclose([value, grads["w"]], [plain(0.4), slope(plain, 0.4)])
    value, residuals = model.forward(params, x=X)
    np.testing.assert_allclose(model.backward(residuals)["w"], grads["w"])
    model.step(params, model.init_optimizer(params), x=X)
    np.testing.assert_allclose(params["w"], 0.4 - 1e-5 * grads["w"])
    np.testing.assert_allclose(model.predict(params), plain_grown(params["w"]))
