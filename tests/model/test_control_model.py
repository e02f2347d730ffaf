"""Models with loops and branches: the two halves of the gradient, in files of their own too."""

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.model.runtime import load

Array = np.ndarray[Any, Any]


def rnn(x: Any, w: Any) -> Any:
    def step(h: Any, v: Any) -> Any:
        h = sg.tanh(h * w + v)
        return h, h

    h, hs = sg.scan(step, np.zeros(3), x)
    return (hs**2).mean() + h.sum()


def until(x: Any, w: Any) -> Any:
    z = sg.while_loop(lambda z: (z**2).sum() > 0.1, lambda z: z * sg.sigmoid(w), x[0])
    return (z * w).sum()


def nested(x: Any, w: Any) -> Any:
    def step(c: Any, v: Any) -> Any:
        r = sg.while_loop(lambda r: (r**2).sum() > 0.1, lambda r: r * sg.sigmoid(w), c + v)
        return r, r * w

    c, cs = sg.scan(step, np.ones(3), x)
    return (cs**3).sum() + c.sum()


def branch(x: Any, w: Any) -> Any:
    return (sg.cond(w.sum() > 0, lambda v: sg.sin(v) * w, lambda v: sg.exp(-v) * w, x) ** 2).sum()


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("declared", [rnn, until, nested, branch])
def test_backward_gives_what_value_and_grad_gives(declared: Any, style: str) -> None:
    x, w = sg.input("x", ("T", 3)), sg.param("w", (3,))
    model = sg.compile(declared(x, w), style=style)
    rng = np.random.default_rng(0)
    params, data = {"w": rng.normal(size=3)}, rng.normal(size=(5, 3))
    loss, grads = model.value_and_grad(params, x=data)

    half, residuals = model.forward(params, x=data)
    np.testing.assert_allclose(half, loss)
    np.testing.assert_allclose(model.backward(residuals)["w"], grads["w"], rtol=1e-12)

    alone = load(model.source, "alone")
    half, residuals = alone["forward"](params, data)
    np.testing.assert_allclose(alone["backward"](residuals)["w"], grads["w"], rtol=1e-12)


def test_residuals_bear_the_names_of_the_body() -> None:
    x, w = sg.input("x", ("T", 3)), sg.param("w", (3,))
    source = sg.compile(rnn(x, w), style="readable").source
    [line] = [line for line in source.splitlines() if line.endswith(" = residuals")]
    assert "h_all" in line.partition(" = ")[0].split(", ")


def test_backward_needs_no_size_of_what_is_only_indexed() -> None:
    x, w = sg.input("x", ("T", 3)), sg.param("w", (3,))
    model = sg.compile(sg.exp(x[0] * w).sum())
    _, residuals = model.forward({"w": np.zeros(3)}, x=np.ones((2, 3)))
    np.testing.assert_allclose(model.backward(residuals)["w"], np.ones(3))


def test_all_steps_are_given_as_they_were_stored() -> None:
    x = sg.input("x", ("T",))
    last, sums = sg.scan(lambda s, v: (s + v, s + v), 0.0, x)
    f = sg.function([x], [sums, sums, sums[::-1], last], style="readable")
    assert "return [sums, np.array(sums), np.array(sums[::-1]), np.array(s)]" in f.source
    first, second, *_ = f([1.0, 2.0])
    first[:] = 0
    np.testing.assert_array_equal(second, [1, 3])


def test_the_gradient_inside_a_body_is_multiplied_by_no_ones() -> None:
    A, b = sg.input("A", ("N", 3)), sg.input("b", ("N",))

    def descend(w: Any, _: Any) -> Any:
        w = w - 0.1 * sg.grad(((A @ w - b) ** 2).mean(), w)
        return w, None

    w, _ = sg.scan(descend, np.zeros(3), length=200)
    f = sg.function([A, b], w, style="readable")
    assert "broadcast_to" not in f.source and "np.divide(2.0, N)" in f.source
    at, values = np.random.default_rng(0).normal(size=(5, 3)), np.arange(5.0)
    by_hand = np.zeros(3)
    for _ in range(200):
        by_hand -= 0.1 * 2 * at.T @ (at @ by_hand - values) / 5
    np.testing.assert_allclose(f(at, values), by_hand, rtol=1e-12)


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_the_side_not_taken_is_not_run_whatever_it_is_made_of(style: str) -> None:
    A = sg.input("A", (2, 2))
    safe = sg.linalg.eigvalsh(A)[0] > 0
    root = sg.cond(safe, lambda: sg.linalg.cholesky(A), lambda: sg.zeros((2, 2)))
    f = sg.function([A], (root, sg.grad(root.sum(), A)), style=style)
    indefinite = np.diag([1.0, -1.0])
    for value in f(indefinite):
        np.testing.assert_array_equal(value, np.zeros((2, 2)))
    definite = np.array([[2.0, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose(f(definite)[0], np.linalg.cholesky(definite))


def test_what_a_side_shares_with_the_outside_is_captured() -> None:
    x = sg.input("x", (3,))
    e = sg.exp(x)
    y = sg.cond(x[0] > 0, lambda: e * 2, lambda: e)
    f = sg.function([x], (y, e), style="readable")
    assert f.source.count("np.exp(x)") == 1
    np.testing.assert_allclose(f([1.0, 0.0, 2.0])[0], 2 * np.exp([1.0, 0.0, 2.0]))
    np.testing.assert_allclose(f([-1.0, 0.0, 2.0])[0], np.exp([-1.0, 0.0, 2.0]))


def test_pictures_and_equations_have_one_forward_loop() -> None:
    x, w = sg.input("x", ("T", 3)), sg.param("w", (3,))
    h, _ = sg.scan(lambda h, v: (np.tanh(h * w + v), None), sg.zeros(3), x)
    model = sg.compile((h**2).sum())
    text = model.latex()
    assert text.count(r"\quad t = ") == 2, text
    assert text.count("h_{0} &= 0") == 1
    drawn = model.graph.dot()
    assert drawn.count("<B>scan</B>") == 2 and "d_w" in drawn


def test_a_masked_recurrence_joins_what_its_gates_get() -> None:
    """The gradient of gates that are slices of one product is put together, not added up."""
    x, here = sg.input("x", ("T", "B", 2)), sg.input("here", ("T", "B"), "bool")
    W, U = sg.input("W", (2, 6)), sg.input("U", (3, 6))

    def cell(h: Any, step: Any) -> Any:
        v, keep = step
        a = v @ W + h @ U
        new = sg.sigmoid(a[:, :3]) * sg.tanh(a[:, 3:])
        return sg.where(keep[:, None], new, h), None

    h, _ = sg.scan(cell, sg.ones((x.shape[1], 3)), (x, here))
    loss = (h**2).sum()
    f = sg.function([x, here, W, U], (loss, sg.grad(loss, [W, U])), style="readable")
    backward = f.source.partition("reversed")[2]
    assert "np.concatenate" in backward
    assert "+=" not in backward and "logical_or" not in backward
    rng = np.random.default_rng(0)
    at = [rng.normal(size=(4, 5, 2)), rng.random((4, 5)) < 0.6, *rng.normal(size=(2, 3, 6))]
    at[2] = at[2][:2]
    _, (_, slope) = f(*at)
    for i, j in ((0, 0), (2, 5), (1, 3)):
        moved = [[*at[:3], at[3].copy()] for _ in range(2)]
        moved[0][3][i, j] += 1e-6
        moved[1][3][i, j] -= 1e-6
        wanted = (f(*moved[0])[0] - f(*moved[1])[0]) / 2e-6
        np.testing.assert_allclose(slope[i, j], wanted, rtol=1e-6, atol=1e-8)
