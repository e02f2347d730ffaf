"""Rules of linear algebra: which matrices are proved definite, and what is gained."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import symgrad as sg
from symgrad.ir.node import Expr
from symgrad.rewrite import rewrite_exprs
from symgrad.rewrite.definite import is_definite
from symgrad.rewrite.engine import Rewriter

RNG = np.random.default_rng(23)
INV, DET = np.linalg.inv, np.linalg.det


def names(expr: Any) -> set[str]:
    from symgrad.ir.graph import topological

    [made], _, _ = rewrite_exprs([expr], ["stability"])
    return {node.op.name for node in topological([made])}


A, B, X = sg.input("A", (3, 3)), sg.input("B", (3, 3)), sg.input("X", (5, 3))
S, P = sg.input("S", ("N", 3, 3)), sg.input("P", (3, 3))
c = sg.input("c", ())
EYE = sg.eye(3)

DEFINITE: dict[str, Expr] = {
    "a a^T + I": A @ A.T + EYE,
    "x^T x + c I": X.T @ X + 1e-3 * EYE,
    "I + a^T a": EYE + A.T @ A,
    "with an array": A @ A.T + np.diag([1.0, 2.0, 3.0]),
    "two products": A @ A.T + B.T @ B + EYE,
    "scaled": 0.5 * (A @ A.T) + EYE / 2,
    "a mean": X.T @ X / 5 + EYE,
    "exp(c)": A @ A.T + sg.exp(c) * EYE,
    "softplus(c)": A @ A.T + EYE * (sg.softplus(c) + 1e-6),
    "stacks": S @ S.mT + EYE,
    "a p a^T": A @ (B @ B.T) @ A.T + EYE,
    "a (p a^T)": A @ ((B @ B.T) @ A.T) + EYE,
    "of a factor": np.linalg.cholesky(P) @ np.linalg.cholesky(P).T,
    "an inverse": INV(A @ A.T + EYE),
    "its transpose": (A @ A.T + EYE).T,
    "an exponential": sg.linalg.expm_sym(A),
    "square of c": A @ A.T * sg.square(c) + EYE,
}
NOT_DEFINITE: dict[str, Expr] = {
    "any matrix": A,
    "a b + I": A @ B + EYE,
    "a a": A @ A + EYE,
    "a a^T": A @ A.T,
    "a a^T - I": A @ A.T - EYE,
    "a a^T + c I": A @ A.T + c * EYE,
    "a b^T + I": A @ B.T + EYE,
    "a + a^T + I": A + A.T + EYE,
    "negative": -(A @ A.T) + EYE,
    "scaled by columns": A @ A.T * sg.exp(A[0]) + EYE,
    "plus a row": A @ A.T + EYE + sg.exp(A[0]),
    "plus a number": A @ A.T + EYE + 1.0,
    "off the diagonal": A @ A.T + sg.eye(3, k=1),
    "an array that is not": A @ A.T + np.diag([1.0, -2.0, 3.0]),
    "an asymmetric array": A @ A.T + np.array([[1.0, 0.1, 0], [0, 1.0, 0], [0, 0, 1.0]]),
    "transposed batch axis": S @ sg.transpose(S, (0, 2, 1)) - EYE,
}


@pytest.mark.parametrize("name", DEFINITE)
def test_proved(name: str) -> None:
    assert is_definite(DEFINITE[name], Rewriter([]))


@pytest.mark.parametrize("name", NOT_DEFINITE)
def test_not_proved(name: str) -> None:
    assert not is_definite(NOT_DEFINITE[name], Rewriter([]))


@pytest.mark.parametrize("name", DEFINITE)
def test_what_is_proved_is_true(name: str) -> None:
    from symgrad.ops.interpret import evaluate

    env = {A: RNG.normal(size=(3, 3)), B: RNG.normal(size=(3, 3)), X: RNG.normal(size=(5, 3))}
    env |= {S: RNG.normal(size=(2, 3, 3)), P: np.eye(3) + 0.1, c: np.array(-1.3)}
    [value] = evaluate([DEFINITE[name]], env)
    np.testing.assert_allclose(value, value.swapaxes(-1, -2), atol=1e-12)
    assert (np.linalg.eigvalsh(value) > 0).all()


def test_one_factor_serves_for_all() -> None:
    """The logarithm of a normal density, and its gradient."""
    d = sg.input("d", (3,))
    cov = X.T @ X + 0.1 * EYE
    loss = d @ INV(cov) @ d + sg.log(DET(cov))
    source = sg.function([X, d], [loss, sg.grad(loss, X)]).source
    assert source.count("definite_factor(") == 2  # its definition, and one call
    assert "np.linalg.inv(cov" not in source and "np.linalg.det" not in source
    x, v = RNG.normal(size=(5, 3)), RNG.normal(size=3)
    got, slope = sg.function([X, d], [loss, sg.grad(loss, X)])(x, v)
    s = x.T @ x + 0.1 * np.eye(3)
    np.testing.assert_allclose(got, v @ np.linalg.solve(s, v) + np.linalg.slogdet(s)[1])
    u = np.linalg.solve(s, v)
    want = 2 * x @ (np.linalg.inv(s) - np.outer(u, u))
    np.testing.assert_allclose(slope, want, rtol=1e-10, atol=1e-12)


def test_explicit_inverses_disappear() -> None:
    b = sg.input("b", (3,))
    for made in (INV(A) @ b, b @ INV(A), INV(A) @ B, B @ INV(A), b @ INV(A) @ b):
        assert "inv" not in names(made)
    assert "inv" not in names(np.trace(INV(A) @ B))
    assert "inv" in names(INV(A))


def test_a_cut_leaf_is_not_looked_into() -> None:
    b = sg.input("b", (3,))
    inverse = INV(A)
    y = inverse @ b
    slope = sg.function([A, b], sg.grad(y.sum(), inverse))(np.eye(3), [1.0, 2.0, 3.0])
    np.testing.assert_allclose(slope, np.tile([1.0, 2.0, 3.0], (3, 1)))


def hilbert(n: int) -> Any:
    return 1 / (np.arange(n)[:, None] + np.arange(n) + 1.0)


def test_a_product_with_the_inverse_leaves_a_small_residual() -> None:
    """Solving is backward stable; multiplying with the inverse is not."""
    n = 8
    H, b = sg.input("H", (n, n)), sg.input("b", (n,))
    a, v = hilbert(n), hilbert(n) @ np.ones(n)
    x = sg.function([H, b], INV(H) @ b)(a, v)
    naive = np.linalg.inv(a) @ v

    def residual(y: Any) -> Any:
        return np.abs(a @ y - v).max() / (np.abs(a) @ np.abs(y)).max()

    assert residual(x) <= 4 * np.finfo(float).eps
    assert residual(naive) > 1e3 * residual(x) or residual(naive) > 1e-13


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e3, 1e30])
@pytest.mark.parametrize("definite", [True, False])
def test_logarithms_of_determinants_against_mpmath(scale: float, definite: bool) -> None:
    n = 12
    Y = sg.input("Y", (n, n))
    root = RNG.normal(size=(n, n)) + 2 * np.eye(n)
    if definite:
        matrix, a = Y @ Y.T + 1e-70 * sg.eye(n), root @ root.T * scale**2
    else:
        root = root @ root.T  # with a positive determinant
        matrix, a = Y, root * scale
    value = sg.log(DET(matrix))
    got, slope = sg.function([Y], [value, sg.grad(value, Y)])(root * scale)
    with mpmath.workdps(60):
        m = mpmath.matrix(a.tolist())
        want = float(mpmath.log(mpmath.det(m)))
    np.testing.assert_allclose(got, want, rtol=1e-11)
    assert np.isfinite(slope).all()


def test_log_of_a_negative_determinant_is_nan_and_of_its_size_is_not() -> None:
    f = sg.function([A], [sg.log(DET(A)), sg.log(abs(DET(A)))])
    first, second = f(np.diag([1.0, -2.0, 1.0]))
    assert np.isnan(first)
    np.testing.assert_allclose(second, np.log(2))
    first, second = f(np.zeros((3, 3)))
    assert first == second == -np.inf


def test_a_matrix_that_rounding_left_indefinite_is_solved_all_the_same() -> None:
    b = sg.input("b", (3,))
    made = X.T @ X + 1e-30 * EYE
    x = np.zeros((5, 3))
    x[0] = [1.0, 1.0, 1.0 + 2e-16]
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.cholesky(x.T @ x + 1e-30 * np.eye(3))
    f = sg.function([X, b], [INV(made) @ b, sg.log(DET(made))])
    try:
        got = f(x, np.ones(3))
    except np.linalg.LinAlgError as error:
        assert "Singular" in str(error)  # what NumPy's own inverse says of it
    else:
        assert len(got) == 2


@pytest.mark.parametrize(
    "spelling",
    [
        lambda w, v: (v * sg.exp(w)) @ v.T,
        lambda w, v: (v * sg.exp(w)[None, :]) @ v.T,
        lambda w, v: (sg.exp(w) * v) @ v.T,
        lambda w, v: (v * (2 * sg.exp(w) + 1)) @ v.T,
        lambda w, v: (v / sg.exp(w)) @ v.T,
        lambda w, v: v @ sg.diag(sg.exp(w)) @ v.T,
        lambda w, v: v @ (sg.exp(w)[:, None] * v.T),
        lambda w, v: v @ (sg.diag(sg.exp(w)) @ v.T),
    ],
)
def test_functions_of_eigenvalues_in_every_spelling(spelling: Callable[..., Any]) -> None:
    assert "symmetric_function" in names(spelling(*np.linalg.eigh(A)))


@pytest.mark.parametrize(
    "other",
    [
        lambda w, v: (v * sg.exp(w)[:, None]) @ v.T,
        lambda w, v: (v * sg.exp(w)) @ v,
        lambda w, v: (v * w.sum()) @ v.T,
        lambda w, v: (v * (w * B[0])) @ v.T,
        lambda w, v: (v * sg.cumsum(w)) @ v.T,
        lambda w, v: (v * w[::-1]) @ v.T,
    ],
)
def test_what_is_no_function_of_the_matrix_is_left(other: Callable[..., Any]) -> None:
    assert "symmetric_function" not in names(other(*np.linalg.eigh(A)))
