"""Jacobians and Hessians, dense, of rows and sparse, against finite differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(3)


def differences(f: Callable[[Array], Any], at: Array, step: float = 1e-6) -> Array:
    """The Jacobian by central differences: of shape (*f(at).shape, *at.shape)."""
    columns = []
    for index in np.ndindex(at.shape):
        moved = []
        for sign in (1, -1):
            x = at.copy()
            x[index] += sign * step
            moved.append(np.asarray(f(x)))
        columns.append((moved[0] - moved[1]) / (2 * step))
    return np.stack(columns, axis=-1).reshape((*columns[0].shape, *at.shape))


W = RNG.normal(size=(4, 3))

#: shape of x, and what is made of it
MAPS: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "elementwise": ((3,), lambda x: np.sin(x) * x),
    "linear": ((4,), lambda x: x @ W),
    "wide": ((2, 3), lambda x: x.sum(axis=0)),
    "tall": ((3,), lambda x: np.outer(x, x) @ W[:3, :]),
    "scalar": ((2, 2), lambda x: (x**3).sum()),
    "of a scalar": ((), lambda x: np.sin(x * np.arange(4.0))),
    "elements": ((3,), lambda x: sg.stack([x[0] * x[1], np.exp(x[2])])),
    "constant": ((3,), lambda x: sg.zeros(2) + 1.0),
    "softmax": ((4,), lambda x: sg.softmax(x)),
    "loop": ((4,), lambda x: sg.scan(lambda c, v: (c * v, c + v), 1.0, x)[1]),
    "solve": ((3,), lambda x: np.linalg.solve(np.eye(3) * 2 + x * x[:, None], x)),
}


def compiled(name: str, what: Callable[[Any, Any], Any]) -> tuple[Any, Any, Array]:
    shape, build = MAPS[name]
    x = sg.input("x", shape)
    at = np.asarray(0.5 + RNG.random(shape))
    return sg.function([x], what(build(x), x)), sg.function([x], build(x)), at


@pytest.mark.parametrize("name", MAPS)
def test_jacobian(name: str) -> None:
    found, plain, at = compiled(name, sg.jacobian)
    np.testing.assert_allclose(found(at), differences(plain, at), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", MAPS)
def test_sparse_jacobian(name: str) -> None:
    found, plain, at = compiled(name, sg.sparse_jacobian)
    dense = differences(plain, at)
    made = found(at)
    assert made.shape == (max(dense.size // max(at.size, 1), 1), max(at.size, 1))
    np.testing.assert_allclose(made.toarray(), dense.reshape(made.shape), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", MAPS)
def test_hessian(name: str) -> None:
    shape, build = MAPS[name]
    x = sg.input("x", shape)
    loss = (build(x) ** 3).sum()
    dense, sparse = sg.function([x], [sg.hessian(loss, x), sg.sparse_hessian(loss, x)])(
        at := np.asarray(0.5 + RNG.random(shape))
    )
    slope = sg.function([x], sg.grad(loss, x))
    wanted = differences(slope, at)
    np.testing.assert_allclose(dense, wanted, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(sparse.toarray(), wanted.reshape(sparse.shape), rtol=1e-6, atol=1e-6)
    flat = dense.reshape(at.size, at.size)
    np.testing.assert_allclose(flat, flat.T, rtol=1e-12, atol=1e-12)


def test_half_of_a_hessian_is_computed() -> None:
    x = sg.input("x", (3,))
    loss = np.exp(x[0] * x[1]) * np.sin(x[2])
    source = sg.function([x], sg.hessian(loss, x), style="readable").source
    assert source.count("np.exp") == source.count("np.sin") == 1, source


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    "build",
    [
        lambda x: np.tanh(x),
        lambda x: sg.stack([x[..., 0] * x[..., 1], np.exp(x[..., 2])], axis=-1),
    ],
)
def test_jacobian_of_each_row(axis: int, build: Callable[[Any], Any]) -> None:
    x = sg.input("x", ("B", 3) if axis == 0 else (3, "B"))
    rows = x if axis == 0 else x.T
    y = build(rows)
    made = sg.jacobian(y if axis == 0 else y.T, x, batch_axis=axis)
    data = RNG.normal(size=(5, 3))
    found = sg.function([x], made)(data if axis == 0 else data.T)
    v = sg.input("v", (3,))
    single = sg.function([v], sg.jacobian(build(v), v))
    np.testing.assert_allclose(found, np.stack([single(row) for row in data]), rtol=1e-13)


def test_jacobian_of_each_row_through_products() -> None:
    x = sg.input("x", ("B", 4))
    y = np.tanh(x @ W)
    found = sg.function([x], sg.jacobian(y, x, batch_axis=0))(data := RNG.normal(size=(5, 4)))
    slopes = 1 - np.tanh(data @ W) ** 2
    np.testing.assert_allclose(found, slopes[:, :, None] * W.T, rtol=1e-12)


def test_columns_share_their_parts() -> None:
    x = sg.input("x", ("B", 2))
    y = np.exp(x[:, 0]) * np.sin(x[:, 1])
    source = sg.function([x], sg.jacobian(y, x, batch_axis=0), style="readable").source
    assert source.count("np.exp") == source.count("np.sin") == 1, source


def test_rows_that_meet_are_refused() -> None:
    x = sg.input("x", ("B", 3))
    for y in (x - x.mean(axis=0), x[::-1], np.cumsum(x, axis=0), x @ x.T @ x):
        with pytest.raises(sg.DeclarationError, match="here examples meet"):
            sg.jacobian(y, x, batch_axis=0)


# ---------------------------------------------------------------- sparsity


def test_patterns_are_tight() -> None:
    x = sg.input("x", (6,))
    loop = sg.scan(lambda c, v: (v * 2, c * v), 0.0, x)[1]
    cases = {
        6 + 5 + 5: x**2 + np.concatenate([x[1:], [0.0]]) + np.concatenate([[0.0], x[:-1]]),
        6: sg.where(np.arange(6) < 3, x, x**2),
        3: sg.take(x, np.array([0, 0, 5])),
        12: np.diff(sg.concatenate([x, x[:1]])),
        10: loop[1:],
        21: np.cumsum(x),
        8: x.reshape(2, 3) @ np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
        36: np.fft.irfft(np.fft.rfft(x), 6),
    }
    for count, y in cases.items():
        assert sg.sparse_jacobian(y, x).nnz == count, (count, y)


def test_few_products_for_banded_matrices() -> None:
    x = sg.input("x", (300,))
    loss = ((x[1:] - x[:-1] ** 2) ** 2).sum()
    hessian = sg.sparse_hessian(loss, x)
    assert hessian.nnz == 300 + 2 * 299
    function = sg.function([x], hessian)
    at = RNG.normal(size=300)
    dense = sg.function([x], sg.hessian(loss, x))(at)
    np.testing.assert_allclose(function(at).toarray(), dense, rtol=1e-12, atol=1e-12)
    assert "(3, 300)" in function.source or "(2, 300)" in function.source


def test_sparse_products_and_dense_forms() -> None:
    x, v = sg.input("x", (4,)), sg.input("v", (4,))
    jacobian = sg.sparse_jacobian(x[1:] * x[:-1], x)
    made, product, dense = sg.function([x, v], [jacobian, jacobian @ v, jacobian.todense()])(
        a := np.arange(1.0, 5), b := RNG.normal(size=4)
    )
    np.testing.assert_allclose(product, made @ b)
    np.testing.assert_array_equal(dense, made.toarray())
    assert a.sum() == 10


def test_symbolic_shapes_have_no_pattern() -> None:
    x = sg.input("x", ("N",))
    with pytest.raises(sg.DeclarationError, match="all shapes must be static"):
        sg.sparse_jacobian(x * 2, x)


# ---------------------------------------------------------------- higher, and products


def test_taylor() -> None:
    x = sg.input("x", ())
    found = sg.function([x], sg.taylor(lambda v: np.exp(np.sin(v)), x, 4))(0.3)
    import mpmath

    wanted = [mpmath.diff(lambda v: mpmath.exp(mpmath.sin(v)), 0.3, k) for k in range(5)]
    np.testing.assert_allclose(np.array(found), np.array(wanted, float), rtol=1e-9)
    with pytest.raises(sg.DeclarationError, match="whole number"):
        sg.taylor(x, x, -1)


def test_gauss_newton() -> None:
    x, v, w = sg.input("x", (4,)), sg.input("v", (4,)), sg.input("w", (3,))
    r = np.sin(x @ W)
    found, jac = sg.function([x, v, w], [sg.gauss_newton(r, x, v, w), sg.jacobian(r, x)])(
        RNG.normal(size=4), b := RNG.normal(size=4), c := RNG.random(3)
    )
    np.testing.assert_allclose(found, jac.T @ (c * (jac @ b)), rtol=1e-12)


def test_few_columns_are_written_out_one_by_one() -> None:
    x, X = sg.input("x", (2,)), sg.input("X", ("B", 2))
    second = sg.hessian(x[0] ** 2 * sg.sin(x[1]), x)
    rows = sg.stack([X[:, 0] * sg.sin(X[:, 1]), X[:, 0]], axis=1)
    each = sg.jacobian(rows, X, batch_axis=0)
    f, g = sg.function([x], second), sg.function([X], each)
    assert "np.eye" not in f.source + g.source
    a, b = 0.7, -0.4
    s, c = np.sin(b), np.cos(b)
    np.testing.assert_allclose(f([a, b]), [[2 * s, 2 * a * c], [2 * a * c, -a * a * s]])
    np.testing.assert_allclose(g([[a, b]]), [[[s, a * c], [1, 0]]])
