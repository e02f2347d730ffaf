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


def _by_differences(f: Any, at: list[Any], i: int) -> Any:
    """The slopes of a scalar function in its i-th argument, by central differences."""
    slopes = np.zeros_like(at[i])
    for index in np.ndindex(slopes.shape):
        values = []
        for h in (1e-6, -1e-6):
            moved = [np.array(v) for v in at]
            moved[i][index] += h
            values.append(float(f(*moved)))
        slopes[index] = (values[0] - values[1]) / 2e-6
    return slopes


def _counted_scan(W: Any, X: Any, m: Any) -> Any:
    def step(h: Any, v: Any) -> Any:
        def turn(c: Any) -> Any:
            return sg.tanh(c[0] @ W + v), c[1] + 1

        return sg.while_loop(lambda c: c[1] < m, turn, (h, 0))[0], None

    return sg.scan(step, np.zeros(3), X)[0]


def _counted_map(W: Any, X: Any, m: Any) -> Any:
    def each(v: Any) -> Any:
        return sg.while_loop(
            lambda c: c[1] < m, lambda c: (sg.tanh(c[0] @ W + v), c[1] + 1), (np.zeros(3), 0)
        )[0]

    return sg.map(each, X)


def _product_in_a_map(W: Any, X: Any, m: Any) -> Any:
    def each(v: Any) -> Any:
        def turn(c: Any) -> Any:
            return c[0] + 1, c[1] + sg.tanh(W @ (v * c[0])) * v.max()

        return sg.while_loop(lambda c: c[0] < m, turn, (0, np.zeros(3)))[1]

    return sg.map(each, X)


def _three_deep(W: Any, X: Any, m: Any) -> Any:
    def each(v: Any) -> Any:
        def turn(c: Any) -> Any:
            inner = sg.while_loop(
                lambda d: d[0] < c[0], lambda d: (d[0] + 1, sg.sin(d[1] @ W) + v), (0, c[1])
            )
            return c[0] + 1, inner[1]

        return sg.while_loop(lambda c: c[0] < m, turn, (0, v))[1]

    return sg.map(each, X)


def _static_rows(W: Any, X: Any, m: Any) -> Any:
    def inner(h: Any, e: Any) -> Any:
        h = sg.while_loop(lambda h: h.sum() < 3, lambda h: h + sg.sin(h @ W * e) ** 2 + 0.5, h)
        return h, None

    def outer(h: Any, v: Any) -> Any:
        return sg.scan(inner, h * v, np.array([0.3, 0.7]))[0], None

    return sg.scan(outer, np.ones(3), X)[0]


@pytest.mark.parametrize("rows", [3, 1, 0])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "declared", [_counted_scan, _counted_map, _product_in_a_map, _three_deep, _static_rows]
)
def test_what_loops_of_unknown_length_keep_stays_in_lists(
    declared: Any, style: str, rows: int
) -> None:
    """A sum over steps is no product of arrays where each step keeps another number of rows."""
    W, X, m = sg.input("W", (3, 3)), sg.input("X", ("T", 3)), sg.input("m", (), int)
    loss = (declared(W, X, m) ** 2).sum()
    alone = sg.function([W, X, m], loss)
    found = sg.function([W, X, m], [loss, sg.grad(loss, [W, X])], style=style)
    rng = np.random.default_rng(3)
    at = [rng.normal(size=(3, 3)), rng.normal(size=(rows, 3))]
    for count in (2, 0):
        value, slopes = found(*at, count)
        np.testing.assert_allclose(value, alone(*at, count), rtol=1e-12)
        for i, slope in enumerate(slopes):
            wanted = _by_differences(lambda *a: alone(*a, count), at, i)  # noqa: B023
            np.testing.assert_allclose(slope, wanted, rtol=1e-6, atol=1e-8)


def test_a_size_is_not_overwritten_by_a_loop_inside() -> None:
    x, X, E = sg.input("x", ()), sg.input("X", ("T",)), sg.input("E", ("U",))

    def inner(h: Any, e: Any) -> Any:
        return sg.while_loop(lambda h: h < 3, lambda h: h + sg.sin(h * e) ** 2 + 0.5, h), None

    end = sg.scan(lambda h, v: (sg.scan(inner, h * v, E)[0], None), x, X)[0]
    f = sg.function([x, X, E], sg.grad(end, x) + 0 * E.sum(), style="readable")
    assert "U = len(" not in f.source
    assert "where" not in f.source  # a step that is taken back was taken


def test_a_python_number_is_weak_in_a_carry() -> None:
    a, x = sg.input("a", (), "float32"), sg.input("x", ("T",), "float32")
    dtypes = [
        sg.scan(lambda z, _: (z * a + 0.5, None), 1.0, length=3)[0],
        sg.while_loop(lambda z: abs(z * z - a) > 1e-6 * a, lambda z: (z + a / z) / 2, 1.0),
        sg.scan(lambda z, u: (z * u + 0.5, None), 0, x)[0],
        sg.scan(lambda z, u: (z * u + 0.5, z * 2), 0.0, x)[1],
        sg.scan(lambda z, u: (sg.scan(lambda y, v: (y * v + 0.5, None), z, x)[0], u), 1.0, x)[0],
    ]
    assert {str(e.dtype) for e in dtypes} == {"float32"}
    assert sg.scan(lambda z, _: (z * 0.5 + 1, None), 1.0, length=3)[0].dtype == np.float64
    b = sg.input("b", ())
    assert sg.scan(lambda z, u: (z * u + b, None), 1.0, x)[0].dtype == np.float64


def test_dicts_are_alike_whatever_the_order_of_their_keys() -> None:
    x, a = sg.input("x", ("T",)), sg.input("a", ())

    def step(c: Any, v: Any) -> Any:
        return {"b": c["b"] + v, "a": c["a"] * 2.0}, None

    carry, _ = sg.scan(step, {"a": 1.0, "b": 0.0}, x)
    either = sg.cond(a > 0, lambda: {"p": a, "q": 2 * a}, lambda: {"q": -a, "p": a * 3})
    found, chosen = sg.function([x, a], (carry, either))([1.0, 2.0], -1.0)
    assert found == {"a": 4.0, "b": 3.0} and chosen == {"p": -3.0, "q": 1.0}


def test_values_of_a_body_are_refused_in_models() -> None:
    escaped: list[Any] = []
    x, w = sg.input("x", ("T", 3)), sg.param("w", (3,))
    sg.scan(lambda h, v: (escaped.append(h) or h + v, None), np.zeros(3), x)  # type: ignore[func-returns-value]
    with pytest.raises(sg.CompileError, match=r"'h' belongs to the body .*test_control.py"):
        sg.compile((escaped[0] * w).sum())
    with pytest.raises(sg.CompileError, match="'h' belongs to the body"):
        sg.function([w], (escaped[0] * w).sum())
    s = sg.state("s", ())

    def cell(h: Any, v: Any) -> Any:
        sg.update(s, h.sum())
        return h + v, None

    h, _ = sg.scan(cell, np.zeros(3), x)
    with pytest.raises(sg.CompileError, match="'h' belongs to the body"):
        sg.compile((w * h).sum() + s)


def test_lengths_and_sides_that_differ_are_named() -> None:
    x, a = sg.input("x", (3,)), sg.input("a", ())
    with pytest.raises(sg.ShapeError, match=r"scan: length=4 and the 3 elements of xs"):
        sg.scan(lambda c, v: (c, None), 0.0, x, length=4)
    with pytest.raises(sg.ShapeError, match=r"cond: one branch gives at 'k' \(3,\) float64"):
        sg.cond(a > 0, lambda: {"k": x}, lambda: {"k": a})
    with pytest.raises(sg.DTypeError, match=r"output 1: expected an expression"):
        sg.function([x], sg.scan(lambda c, v: (c + v, None), 0.0, x))
