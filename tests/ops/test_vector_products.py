"""Products of vectors and chains of matrices; NumPy's own functions on expressions."""

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import DeclarationError, ShapeError

RNG = np.random.default_rng(17)


def test_numpy_functions_take_expressions() -> None:
    """np.linalg.<f> and the functions of the same name elsewhere, which mean other things."""
    a, b = RNG.normal(size=(2, 3, 3)), RNG.normal(size=(2, 3, 3))
    A, B = sg.input("A", (2, 3, 3)), sg.input("B", (2, 3, 3))
    cases: list[Any] = [
        lambda x, y: np.linalg.trace(x),
        lambda x, y: np.trace(x),
        lambda x, y: np.linalg.diagonal(x, offset=1),
        lambda x, y: np.diagonal(x, 1),
        lambda x, y: np.linalg.outer(x[0, 0], y[0, 0]),
        lambda x, y: np.outer(x[0], y[0]),
        lambda x, y: np.linalg.cross(x, y),
        lambda x, y: np.linalg.cross(x, y, axis=1),
        lambda x, y: np.cross(x, y, axis=1),
        lambda x, y: np.linalg.matmul(x, y),
        lambda x, y: np.linalg.tensordot(x, y, axes=((1, 2), (1, 2))),
        lambda x, y: np.linalg.vecdot(x, y, axis=1),
        lambda x, y: np.vecdot(x, y, axis=-2),
        lambda x, y: np.matvec(x, y[:, 0]),
        lambda x, y: np.vecmat(x[:, 0], y),
        lambda x, y: np.linalg.matrix_transpose(x),
        lambda x, y: np.linalg.multi_dot([x[0], y[0], x[1]]),
        lambda x, y: np.kron(x, y[0]),
        lambda x, y: np.linalg.vector_norm(x, axis=(0, 1)),
        lambda x, y: np.linalg.matrix_norm(x),
    ]
    for case in cases:
        got = sg.function([A, B], case(A, B))(a, b)
        np.testing.assert_allclose(got, case(a, b), rtol=1e-13, atol=1e-13)


def test_namespace() -> None:
    assert sg.linalg.solve is not None
    assert {"solve", "eigh", "expm", "block_diag", "trace"} <= set(dir(sg.linalg))
    missing = set(np.linalg.__all__) - set(dir(sg.linalg)) - {"LinAlgError"}
    assert missing == set()


@pytest.mark.parametrize(
    "shapes",
    [
        ((10, 100), (100, 5), (5, 50)),
        ((50, 5), (5, 100), (100, 10), (10, 1000)),
        ((30, 35), (35, 15), (15, 5), (5, 10), (10, 20), (20, 25)),
    ],
)
def test_chains_are_multiplied_in_the_cheapest_order(shapes: Any) -> None:
    """Against the cost of every order."""

    def cost(expr: Any) -> int:
        if expr.op.name != "matmul":
            return 0
        a, b = expr.args
        return cost(a) + cost(b) + a.shape[0] * a.shape[1] * b.shape[1]

    def least(i: int, j: int) -> int:
        if i == j:
            return 0
        return min(
            least(i, k) + least(k + 1, j) + shapes[i][0] * shapes[k][1] * shapes[j][1]
            for k in range(i, j)
        )

    inputs = [sg.input(f"A{i}", shape) for i, shape in enumerate(shapes)]
    assert cost(np.linalg.multi_dot(inputs)) == least(0, len(shapes) - 1)


def test_chains_with_vectors_and_symbolic_sizes() -> None:
    x, A, B, y = (
        sg.input("x", ("m",)),
        sg.input("A", ("m", "n")),
        sg.input("B", ("n", 3)),
        sg.input("y", (3,)),
    )
    made = np.linalg.multi_dot([x, A, B, y])
    assert made.shape == ()
    values = [RNG.normal(size=s) for s in ((4,), (4, 5), (5, 3), (3,))]
    got = sg.function([x, A, B, y], made)(*values)
    np.testing.assert_allclose(got, np.linalg.multi_dot(values))


def test_cross_products_of_the_plane() -> None:
    a, b, c = RNG.normal(size=(4, 2)), RNG.normal(size=(4, 2)), RNG.normal(size=(4, 3))
    A, B, C = sg.input("a", (4, 2)), sg.input("b", (4, 2)), sg.input("c", (4, 3))
    got = sg.function([A, B, C], [sg.cross(A, B), sg.cross(A, C), sg.cross(C, A)])(a, b, c)
    wide = [np.concatenate([x, np.zeros((4, 1))], axis=1) for x in (a, b)]
    np.testing.assert_allclose(got[0], np.cross(wide[0], wide[1])[:, 2])
    np.testing.assert_allclose(got[1], np.cross(wide[0], c))
    np.testing.assert_allclose(got[2], np.cross(c, wide[0]))


def test_block_diagonal_of_stacks() -> None:
    A, B = sg.input("A", ("N", 2, 3)), sg.input("B", ("N", 1, 1))
    a, b = RNG.normal(size=(4, 2, 3)), RNG.normal(size=(4, 1, 1))
    got = sg.function([A, B], sg.linalg.block_diag(A, B))(a, b)
    assert got.shape == (4, 3, 4)
    np.testing.assert_array_equal(got[:, :2, :3], a)
    np.testing.assert_array_equal(got[:, 2, 3], b[:, 0, 0])
    assert not got[:, :2, 3].any() and not got[:, 2, :3].any()


def test_what_does_not_fit_is_refused() -> None:
    x, A = sg.input("x", (4,)), sg.input("A", (3, 4))
    with pytest.raises(ShapeError, match="2 or 3 elements"):
        sg.cross(x, x)
    with pytest.raises(ShapeError, match="3 elements"):
        np.linalg.cross(x, x)
    with pytest.raises(ShapeError, match="two vectors"):
        np.linalg.outer(A, x)
    with pytest.raises(ShapeError, match="array 1"):
        np.linalg.multi_dot([A, x, A])
    with pytest.raises(DeclarationError, match="at least two"):
        np.linalg.multi_dot([A])
    with pytest.raises(ShapeError, match="differ"):
        np.linalg.multi_dot([A, A])
    with pytest.raises(ShapeError, match="matvec"):
        np.matvec(x, x)
