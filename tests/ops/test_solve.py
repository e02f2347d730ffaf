"""Systems of equations: conventions, accuracy on ill-conditioned matrices, errors."""

from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.linalg

import symgrad as sg
from symgrad.errors import DeclarationError, DTypeError, ShapeError

RNG = np.random.default_rng(3)


def hilbert(n: int) -> Any:
    return 1 / (np.arange(n)[:, None] + np.arange(n) + 1.0)


def exact_solution(a: Any, b: Any) -> Any:
    with mpmath.workdps(60):
        x = mpmath.lu_solve(mpmath.matrix(a.tolist()), mpmath.matrix(b.tolist()))
        return np.array([float(v) for v in x])


def exact_gradient(a: Any, b: Any) -> tuple[Any, Any]:
    """Of sum(x) with a x = b."""
    with mpmath.workdps(60):
        m = mpmath.matrix(a.tolist())
        x = mpmath.lu_solve(m, mpmath.matrix(b.tolist()))
        y = mpmath.lu_solve(m.T, mpmath.matrix([1] * len(b)))
        n = len(b)
        of_a = [[float(-y[i] * x[j]) for j in range(n)] for i in range(n)]
        return np.array(of_a), np.array([float(v) for v in y])


@pytest.mark.parametrize("n", [4, 8])
def test_ill_conditioned_systems_are_as_accurate_as_their_condition_allows(n: int) -> None:
    a, b = hilbert(n), RNG.normal(size=n)
    A, B = sg.input("A", (n, n)), sg.input("b", (n,))
    x = np.linalg.solve(A, B)
    f = sg.function([A, B], [x, *sg.grad(x.sum(), [A, B])])
    bound = 16 * n * np.finfo(float).eps * np.linalg.cond(a)
    for got, want in zip(f(a, b), [exact_solution(a, b), *exact_gradient(a, b)], strict=True):
        assert np.abs(got - want).max() <= bound * np.abs(want).max()


def test_gradient_of_solve_solves_the_transposed_system() -> None:
    A, b = sg.input("A", (3, 3)), sg.input("b", (3,))
    f = sg.function([A, b], sg.grad((np.linalg.solve(A, b) ** 2).sum(), A), style="readable")
    body = f.source[f.source.index("def function") :]
    assert body.count("np.linalg.solve(") == 2
    assert "np.linalg.solve(A.T, " in body
    assert "inv" not in body


def test_b_is_a_vector_only_if_it_has_one_axis() -> None:
    A, b = sg.input("A", (2, 3, 3)), sg.input("b", (2, 3))
    with pytest.raises(ShapeError, match="axis -2"):
        np.linalg.solve(A, b)
    assert np.linalg.solve(A, b[..., None]).shape == (2, 3, 1)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("trans", [0, 1, "N", "T", "C", 2])
@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("n", [3, 100])
def test_solve_triangular_is_scipys(lower: bool, trans: Any, unit: bool, n: int) -> None:
    a = RNG.normal(size=(n, n)) / n + 3 * np.eye(n)
    b = RNG.normal(size=(n, 2))
    A, B = sg.input("A", ("n", "n")), sg.input("b", ("n", 2))
    x = sg.linalg.solve_triangular(A, B, lower=lower, trans=trans, unit_diagonal=unit)
    f = sg.function([A, B], [x, sg.grad(x.sum(), A)])
    got, slope = f(a, b)
    want = scipy.linalg.solve_triangular(a, b, trans=trans, lower=lower, unit_diagonal=unit)
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)
    unread = np.triu(slope, 0 if unit else 1) if lower else np.tril(slope, 0 if unit else -1)
    assert not unread.any()
    assert slope.any()


def test_solve_triangular_does_not_read_the_other_triangle() -> None:
    a = np.array([[2.0, np.nan], [1.0, 4.0]])
    A, b = sg.input("A", (2, 2)), sg.input("b", (2,))
    x = sg.linalg.solve_triangular(A, b, lower=True)
    got, slope = sg.function([A, b], [x, sg.grad(x.sum(), A)])(a, [2.0, 9.0])
    np.testing.assert_allclose(got, [1.0, 2.0])
    assert np.isfinite(slope).all()


def test_substitution_is_accurate_where_elimination_with_pivoting_is_not() -> None:
    """Component by component, as Higham has it for triangular systems."""
    n = 40
    a = np.tril(RNG.uniform(0.5, 1.5, (n, n))) * np.logspace(0, -12, n)[None, :]
    b = RNG.normal(size=n)
    A, B = sg.input("A", (n, n)), sg.input("b", (n,))
    got = sg.function([A, B], sg.linalg.solve_triangular(A, B, lower=True))(a, b)
    want = scipy.linalg.solve_triangular(a, b, lower=True)
    np.testing.assert_allclose(got, want, rtol=1e-9)
    residual = np.abs(a @ got - b) / (np.abs(a) @ np.abs(got) + np.abs(b))
    assert residual.max() <= n * np.finfo(float).eps


def test_singular_matrices_raise_at_the_call() -> None:
    A, b = sg.input("A", (2, 2)), sg.input("b", (2,))
    for made in (np.linalg.solve(A, b), np.linalg.inv(A), sg.linalg.solve_triangular(A, b)):
        with pytest.raises(np.linalg.LinAlgError):
            sg.function([A, b], made)(np.zeros((2, 2)), np.ones(2))


def test_what_is_no_system_is_refused() -> None:
    A, b = sg.input("A", (2, 3)), sg.input("b", (3,))
    with pytest.raises(ShapeError, match="square"):
        np.linalg.solve(A, b)
    with pytest.raises(ShapeError, match="square"):
        np.linalg.inv(A)
    with pytest.raises(ShapeError, match="expected a matrix"):
        np.linalg.inv(b)
    with pytest.raises(ShapeError, match="scalar"):
        np.linalg.solve(sg.input("S", (3, 3)), sg.input("s", ()))
    with pytest.raises(DeclarationError, match="trans"):
        sg.linalg.solve_triangular(sg.input("S", (3, 3)), b, trans="X")
    with pytest.raises(DTypeError, match="float16"):
        np.linalg.inv(sg.input("H", (3, 3), dtype="float16"))
    with pytest.raises(DeclarationError, match="ind"):
        np.linalg.tensorinv(sg.input("T", (3, 3)), 0)


def test_symbolic_sizes_are_checked_at_the_call() -> None:
    A = sg.input("A", ("m", "n"))
    f = sg.function([A], np.linalg.inv(A))
    np.testing.assert_allclose(f(2 * np.eye(3)), np.eye(3) / 2)
    with pytest.raises(ShapeError, match="square"):
        f(np.ones((2, 3)))


def test_vmap_over_right_sides_factors_a_shared_matrix_once() -> None:
    A, b = sg.input("A", (3, 3)), sg.input("b", ("B", 3))
    x = sg.vmap(lambda v: np.linalg.solve(A, v))(b)
    f = sg.function([A, b], x, style="readable")
    assert "np.linalg.solve(A, b.T).T" in f.source
    a, v = RNG.normal(size=(3, 3)), RNG.normal(size=(4, 3))
    np.testing.assert_allclose(f(a, v), np.linalg.solve(a, v[..., None])[..., 0], rtol=1e-12)


def test_tensorsolve_moves_axes() -> None:
    a = RNG.normal(size=(3, 2, 4, 6))
    b = RNG.normal(size=(3, 4))[:, :]
    A, B = sg.input("a", (2, 6, 12)), sg.input("b", (2, 6))
    a = RNG.normal(size=(2, 6, 12))
    b = RNG.normal(size=(2, 6))
    np.testing.assert_allclose(
        sg.function([A, B], np.linalg.tensorsolve(A, B))(a, b), np.linalg.tensorsolve(a, b)
    )
    C = sg.input("c", (12, 2, 6))
    got = sg.function([C, B], np.linalg.tensorsolve(C, B, axes=(0,)))(np.moveaxis(a, -1, 0), b)
    np.testing.assert_allclose(
        got, np.linalg.tensorsolve(np.moveaxis(a, -1, 0), b, axes=(0,)), rtol=1e-12
    )
