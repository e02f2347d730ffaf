"""``sg.grad``, ``sg.vjp``, ``sg.jvp``, ``sg.hvp``: structures, cuts, zeros, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg

A = np.array([0.3, -1.2, 2.0])


def run(inputs: list[sg.Expr], outputs: Any, *data: Any) -> Any:
    """Both styles; they must agree."""
    found = [sg.function(inputs, outputs, style=s)(*data) for s in ("fast", "readable")]
    np.testing.assert_equal(found[0], found[1])
    return found[0]


def test_the_gradient_has_the_structure_of_wrt() -> None:
    x, y = sg.input("x", (3,)), sg.input("y", (3,))
    loss = (x * x * y).sum()
    d_x, d_y = 2 * A, A * A
    structures: list[tuple[Any, Any]] = [
        (x, d_x),
        ([x, y], [d_x, d_y]),
        ((y,), (d_y,)),
        ({"b": x, "a": {"c": [y]}}, {"b": d_x, "a": {"c": [d_y]}}),
        ([], []),
    ]
    for wrt, expected in structures:
        np.testing.assert_equal(run([x, y], sg.grad(loss, wrt), A, np.ones(3)), expected)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_gradient_has_shape_and_dtype_of_its_own(dtype: str) -> None:
    x, b = sg.input("x", ("B", 3), dtype=dtype), sg.input("b", (3,))
    loss = sg.exp(x + b).sum()
    d_x, d_b = sg.grad(loss, [x, b])
    assert (d_x.shape, d_x.dtype) == (x.shape, np.dtype(dtype))
    assert (d_b.shape, d_b.dtype) == ((3,), np.float64)
    first, second = run([x, b], [d_x, d_b], np.zeros((2, 3)), np.zeros(3))
    assert (first.dtype, second.dtype) == (np.dtype(dtype), np.float64)
    np.testing.assert_array_equal(second, [2.0, 2.0, 2.0])


def test_what_the_loss_does_not_depend_on_has_gradient_zero() -> None:
    x, y = sg.input("x", (3,)), sg.input("y", ("B", 2), dtype="float32")
    found = run([x, y], sg.grad(x.sum(), [x, y]), A, np.ones((4, 2)))
    np.testing.assert_array_equal(found[0], np.ones(3))
    np.testing.assert_array_equal(found[1], np.zeros((4, 2)))
    assert found[1].dtype == np.float32


def test_wrt_may_be_any_expression_and_is_then_a_leaf() -> None:
    x = sg.input("x", (3,))
    h = sg.tanh(x)
    k = h * h
    loss = (k * sg.exp(h)).sum()
    t = np.tanh(A)
    np.testing.assert_allclose(run([x], sg.grad(loss, k), A), np.exp(t), rtol=1e-15)
    # each by itself: k does not stand still for the derivative by h
    d_h, d_k = run([x], sg.grad(loss, [h, k]), A)
    np.testing.assert_allclose(d_h, (2 * t + t * t) * np.exp(t), rtol=1e-14)
    np.testing.assert_allclose(d_k, np.exp(t), rtol=1e-15)


def test_a_cut_survives_the_rewriting_that_would_swallow_it() -> None:
    z = sg.input("z", ("B", 3))
    e = sg.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -sg.log(p[:, 0]).sum()
    data = np.array([[1.0, 2.0, -1.0], [0.0, 0.0, 3.0]])
    soft = np.exp(data) / np.exp(data).sum(axis=1, keepdims=True)
    d_p, d_e, d_z = run([z], sg.grad(loss, [p, e, z]), data)
    expected = np.zeros((2, 3))
    expected[:, 0] = -1 / soft[:, 0]
    np.testing.assert_allclose(d_p, expected, rtol=1e-14)
    np.testing.assert_allclose(d_z, soft - [1, 0, 0], rtol=1e-13)
    np.testing.assert_allclose(d_e * np.exp(data), d_z, rtol=1e-13)


def test_a_derivative_may_be_differentiated_again() -> None:
    x = sg.input("x", ())
    f = sg.sin(x) * x
    derivatives = [f]
    for _ in range(4):
        derivatives.append(sg.grad(derivatives[-1], x))
    v = 0.7
    s, c = np.sin(v), np.cos(v)
    expected = [s * v, s + v * c, 2 * c - v * s, -3 * s - v * c, -4 * c + v * s]
    np.testing.assert_allclose(run([x], derivatives, v), expected, rtol=1e-14)


def test_gradients_are_expressions_like_any_other() -> None:
    x = sg.input("x", (3,))
    g = sg.grad((x**3).sum(), x)
    penalty = (g * g).sum()  # of a gradient
    np.testing.assert_allclose(run([x], sg.grad(penalty, x), A), 36 * A**3, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_integers_have_no_gradient(dtype: str) -> None:
    n, x = sg.input("n", (3,), dtype=dtype), sg.input("x", (3,))
    loss = (n * x).sum()
    for call in (
        lambda: sg.grad(loss, n),
        lambda: sg.grad(loss, [x, n]),
        lambda: sg.vjp(n * x, n, 1.0),
        lambda: sg.jvp(n * x, n, 1.0),
        lambda: sg.grad(loss, n * 2),
    ):
        with pytest.raises(sg.DTypeError, match=rf"{dtype}|int64"):
            call()


def test_what_has_no_gradient_says_why() -> None:
    x = sg.input("x", (3,))
    with pytest.raises(
        sg.ShapeError, match=r"shape \(3,\).*test_grad\.py:.*\.sum\(\) or \.mean\(\)"
    ):
        sg.grad(x * 2, x)
    with pytest.raises(sg.DTypeError, match="a loss must be floating; got int64"):
        sg.grad(sg.input("n", (), dtype="int64") + 1, x)
    for wrong in ("x", None, 3.0, [x, "y"]):
        with pytest.raises(sg.DeclarationError, match="to differentiate with respect to; got"):
            sg.grad(x.sum(), wrong)


def test_value_and_grad_is_both() -> None:
    x = sg.input("x", (3,))
    loss = (x * x).sum()
    value, d = sg.value_and_grad(loss, {"x": x})
    assert value is loss
    np.testing.assert_array_equal(run([x], d["x"], A), 2 * A)


# ---- products


M = np.arange(6.0).reshape(2, 3) / 3 - 1


def test_vjp_is_the_transposed_jacobian() -> None:
    x = sg.input("x", (3,))
    y, z = sg.tanh(M @ x), x * x
    jac_y = (1 - np.tanh(M @ A) ** 2)[:, None] * M
    u, v = np.array([1.0, -2.0]), np.array([3.0, 0.5, 1.0])
    np.testing.assert_allclose(run([x], sg.vjp(y, x, u), A), u @ jac_y, rtol=1e-14)
    found = run([x], sg.vjp({"y": y, "z": [z]}, [x], {"y": u, "z": [v]}), A)
    np.testing.assert_allclose(found[0], u @ jac_y + 2 * A * v, rtol=1e-14)
    np.testing.assert_allclose(run([x], sg.vjp(z, x, 2), A), 4 * A, rtol=1e-15)


def test_jvp_is_the_jacobian() -> None:
    x, w = sg.input("x", (3,)), sg.input("w", (2, 3))
    y = sg.tanh(w @ x)
    v, dw = np.array([3.0, 0.5, 1.0]), np.ones((2, 3))
    slope = 1 - np.tanh(M @ A) ** 2
    np.testing.assert_allclose(run([x, w], sg.jvp(y, x, v), A, M), slope * (M @ v), rtol=1e-14)
    found = run([x, w], sg.jvp((y, {"x": x * x}), {"a": x, "b": w}, {"a": v, "b": dw}), A, M)
    np.testing.assert_allclose(found[0], slope * (M @ v + dw @ A), rtol=1e-14)
    np.testing.assert_allclose(found[1]["x"], 2 * A * v, rtol=1e-15)


def test_seeds_may_be_expressions_arrays_or_numbers() -> None:
    x, s = sg.input("x", (3,)), sg.input("s", (3,))
    for seed, value in (
        (s, M[0]),
        (s * 2, 2 * M[0]),
        ([1, 2, 3], np.arange(1.0, 4)),
        (2.0, 2.0),
        (1, 1.0),
    ):
        np.testing.assert_allclose(run([x, s], sg.vjp(x * x, x, seed), A, M[0]), 2 * A * value)
        np.testing.assert_allclose(run([x, s], sg.jvp(x * x, x, seed), A, M[0]), 2 * A * value)


def test_seeds_of_another_shape_or_structure_are_refused() -> None:
    x = sg.input("x", (3,))
    with pytest.raises(sg.ShapeError, match=r"cotangent.*\(3,\).*\(2,\)"):
        sg.vjp(x * x, x, [1.0, 2.0])
    with pytest.raises(sg.ShapeError, match=r"tangent.*\(3,\).*\(2,\)"):
        sg.jvp(x * x, x, [1.0, 2.0])
    with pytest.raises(sg.DeclarationError, match="expected 2 items"):
        sg.vjp([x, x * x], x, [1.0])
    with pytest.raises(sg.DeclarationError, match="keys"):
        sg.jvp(x, {"a": x}, {"b": 1.0})


def test_products_of_what_nothing_depends_on_are_zero() -> None:
    x, y = sg.input("x", (3,)), sg.input("y", ("B", 2))
    np.testing.assert_array_equal(
        run([x, y], sg.vjp(x, y, 1.0), A, np.ones((5, 2))), np.zeros((5, 2))
    )
    np.testing.assert_array_equal(run([x, y], sg.jvp(x, y, 1.0), A, np.ones((5, 2))), np.zeros(3))


def test_hvp_is_the_hessian_times_a_vector() -> None:
    x, v = sg.input("x", (3,)), sg.input("v", (3,))
    loss = (x**4).sum() + x[0] * x[1] ** 2
    hessian = np.diag(12 * A**2)
    hessian[0, 1] = hessian[1, 0] = 2 * A[1]
    hessian[1, 1] += 2 * A[0]
    np.testing.assert_allclose(run([x, v], sg.hvp(loss, x, v), A, M[1]), hessian @ M[1], rtol=1e-13)
    found = run([x, v], sg.hvp(loss, {"x": x}, {"x": v}), A, M[1])
    np.testing.assert_allclose(found["x"], hessian @ M[1], rtol=1e-13)


def test_stop_gradient_is_the_identity_with_slope_zero() -> None:
    x = sg.input("x", (3,))
    held = sg.stop_gradient(x * x)
    value, d = run([x], (held, sg.grad((held * x).sum(), x)), A)
    np.testing.assert_array_equal(value, A * A)
    np.testing.assert_array_equal(d, A * A)
    np.testing.assert_array_equal(run([x], sg.jvp(held * x, x, 1.0), A), A * A)
    np.testing.assert_array_equal(run([x], sg.grad(held.sum(), x), A), np.zeros(3))
    second = sg.grad(sg.grad((held * x).sum(), x).sum(), x)
    np.testing.assert_array_equal(run([x], second, A), np.zeros(3))
