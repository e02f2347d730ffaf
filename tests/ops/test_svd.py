"""Singular values: equal ones and zeros, rank, pseudo-inverse and least squares."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.linalg

import symgrad as sg
from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.graph import topological

RNG = np.random.default_rng(11)


def of(shape: tuple[int, int], values: Any) -> Any:
    """A matrix of these singular values, in no special bases."""
    m, n = shape
    u, _ = np.linalg.qr(RNG.normal(size=(m, m)))
    v, _ = np.linalg.qr(RNG.normal(size=(n, n)))
    s = np.zeros(shape)
    np.fill_diagonal(s, values)
    return u @ s @ v.T


MATRICES = {
    "identity": np.eye(3),
    "zero": np.zeros((3, 3)),
    "equal": of((3, 3), [2, 2, 1]),
    "rank 1": of((3, 3), [2, 0, 0]),
    "equal and zero": of((4, 4), [2, 2, 0, 0]),
    "tall": of((5, 3), [2, 2, 2]),
    "tall, of low rank": of((5, 3), [1, 0, 0]),
    "wide": of((2, 4), [1, 1]),
    "wide, of low rank": of((2, 4), [1, 0]),
    "tall zero": np.zeros((4, 2)),
    "distinct": of((4, 3), [3, 2, 1]),
}

LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "the matrix itself": (
        lambda u, s, vt, c: ((u * s) @ vt * c).sum(),
        lambda a, c: (a * c).sum(),
    ),
    "as a bilinear form": (
        lambda u, s, vt, c: (s * (c[:, 0] @ u) * (vt @ c[0])).sum(),
        lambda a, c: c[:, 0] @ a @ c[0],
    ),
    "a a^T a": (
        lambda u, s, vt, c: ((u * s**3) @ vt * c).sum(),
        lambda a, c: (a @ a.T @ a * c).sum(),
    ),
    "a a^T": (
        lambda u, s, vt, c: ((u * s**2) @ u.T * (c @ c.T)).sum(),
        lambda a, c: (a @ a.T * (c @ c.T)).sum(),
    ),
    "sum of squares": (
        lambda u, s, vt, c: (s**2).sum() * c[0, 0],
        lambda a, c: (a * a).sum() * c[0, 0],
    ),
}


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_does_not_depend_on_the_gauge(matrix: str, loss: str) -> None:
    a = MATRICES[matrix]
    c = RNG.normal(size=a.shape)
    A, C = sg.input("A", a.shape), sg.input("C", a.shape)
    by_svd, plain = LOSSES[loss]
    made = np.linalg.svd(A, full_matrices=False)
    got = sg.function([A, C], sg.grad(by_svd(*made, C), A))(a, c)
    want = sg.function([A, C], sg.grad(plain(A, C), A))(a, c)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_polar_factor_at_equal_singular_values() -> None:
    """U V^T of c Q is Q; its derivative along H is the part of H that turns it, over c."""
    q, _ = np.linalg.qr(RNG.normal(size=(3, 3)))
    h = RNG.normal(size=(3, 3))
    A, H = sg.input("A", (3, 3)), sg.input("H", (3, 3))
    U, _, Vh = np.linalg.svd(A)
    want = (h - q @ h.T @ q) / 2 / 2.0
    got = sg.function([A, H], sg.jvp(U @ Vh, A, H))(2.0 * q, h)
    np.testing.assert_allclose(got, want, atol=1e-13)
    got = sg.function([A, H], sg.grad((U @ Vh * H).sum(), A))(2.0 * q, h)
    np.testing.assert_allclose(got, want, atol=1e-13)


def test_values_alone_are_computed_alone() -> None:
    A = sg.input("A", (4, 3))
    source = sg.function([A], np.linalg.svd(A, compute_uv=False).sum(), style="readable").source
    assert "np.linalg.svdvals(A)" in source
    s = np.linalg.svdvals(A)
    source = sg.function([A], [s.sum(), sg.grad(s.sum(), A)], style="readable").source
    assert source.count("np.linalg.svd") == 1


def test_further_vectors_are_refused() -> None:
    with pytest.raises(DeclarationError, match="full_matrices=False"):
        np.linalg.svd(sg.input("A", (4, 3)))
    with pytest.raises(DeclarationError, match="full_matrices=False"):
        np.linalg.svd(sg.input("A", ("m", "n")))
    assert np.linalg.svd(sg.input("A", ("n", "n"))).U.shape
    with pytest.raises(DeclarationError, match="eigh"):
        np.linalg.svd(sg.input("A", (3, 3)), hermitian=True)


# ---- norms of singular values


@pytest.mark.parametrize("ord", ["nuc", 2, -2, "fro", 1, np.inf])
def test_norms_of_matrices_have_gradient_zero_at_zero(ord: Any) -> None:
    A = sg.input("A", (3, 2))
    value, slope = sg.function([A], [np.linalg.norm(A, ord), sg.grad(np.linalg.norm(A, ord), A)])(
        np.zeros((3, 2))
    )
    assert value == 0
    assert not slope.any()


def test_nuclear_norm_has_the_least_subgradient_at_low_rank() -> None:
    u, v = RNG.normal(size=4), RNG.normal(size=3)
    A = sg.input("A", (4, 3))
    got = sg.function([A], sg.grad(np.linalg.norm(A, "nuc"), A))(np.outer(u, v))
    want = np.outer(u / np.linalg.norm(u), v / np.linalg.norm(v))
    np.testing.assert_allclose(got, want, atol=1e-13)


# ---- pseudo-inverse, least squares, rank, condition


@pytest.mark.parametrize(("shape", "rank"), [((4, 3), 3), ((3, 4), 3), ((4, 4), 2), ((5, 3), 1)])
def test_pseudo_inverse_at_constant_rank(shape: tuple[int, int], rank: int) -> None:
    """Along a path on which the rank stays: differences of NumPy's own."""
    m, n = shape
    x, y = RNG.normal(size=(m, rank)), RNG.normal(size=(rank, n))
    dx, dy = RNG.normal(size=(m, rank)), RNG.normal(size=(rank, n))

    def at(t: float) -> Any:
        return np.linalg.pinv((x + t * dx) @ (y + t * dy), rtol=1e-10)

    h = 1e-4
    want = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    A, H = sg.input("A", shape), sg.input("H", shape)
    P = np.linalg.pinv(A, rtol=1e-10)
    a, along = x @ y, dx @ y + x @ dy
    got = sg.function([A, H], sg.jvp(P, A, H))(a, along)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7 * np.abs(want).max())
    C = sg.input("C", (n, m))
    c = RNG.normal(size=(n, m))
    slope = sg.function([A, C], sg.grad((P * C).sum(), A))(a, c)
    np.testing.assert_allclose((slope * along).sum(), (got * c).sum(), rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-147, 1e-9, 1.0, 1e150])
@pytest.mark.parametrize("condition", [1e1, 1e6])
def test_pseudo_inverse_of_full_rank(scale: float, condition: float) -> None:
    """Its differential is then -P dA P: nothing is left of the projections, nor overflows."""
    a = scale * of((3, 3), [1.0, 0.1, 1 / condition])
    A, C = sg.input("A", (3, 3)), sg.input("C", (3, 3))
    c = RNG.normal(size=(3, 3))
    P = np.linalg.pinv(A)
    slope, moved = sg.function([A, C], [sg.grad((P * C).sum(), A), sg.jvp(P, A, C)])(a, c)
    with mpmath.workdps(60):
        p = mpmath.inverse(mpmath.matrix(a.tolist()))
        exact = (-p.T * mpmath.matrix(c.tolist()) * p.T, -p * mpmath.matrix(c.tolist()) * p)
    for got, want in zip((slope, moved), exact, strict=True):
        expected = np.array(want.tolist(), dtype=float)
        bound = 1e-14 * condition * np.abs(expected).max()
        np.testing.assert_allclose(got, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("shape", [(300, 4), (4, 300)])
def test_slopes_of_pseudo_inverse_are_no_larger_than_it(shape: tuple[int, int]) -> None:
    A, H = sg.input("A", shape), sg.input("H", shape)
    P = np.linalg.pinv(A)
    made = topological([sg.grad(np.square(P).sum(), A), sg.jvp(P, A, H)])
    assert max(math.prod(node.shape) for node in made) <= 1200


def test_rtol_and_rcond_are_numpys() -> None:
    a = of((3, 3), [1.0, 1e-3, 1e-9])
    A = sg.input("A", (3, 3))
    for options in ({}, {"rtol": 1e-2}, {"rcond": 1e-6}, {"rtol": None}):
        got = sg.function([A], np.linalg.pinv(A, **options))(a)
        np.testing.assert_allclose(got, np.linalg.pinv(a, **options))
    with pytest.raises(DeclarationError, match="both"):
        np.linalg.pinv(A, rcond=1e-3, rtol=1e-3)


def test_least_squares_gives_what_numpy_gives() -> None:
    a, b = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))
    A, B = sg.input("A", (6, 3)), sg.input("b", (6, 2))
    made = np.linalg.lstsq(A, B)
    got = sg.function([A, B], list(made))(a, b)
    for one, want in zip(got, np.linalg.lstsq(a, b), strict=True):
        np.testing.assert_allclose(one, want, rtol=1e-10)


def test_least_squares_gradient_is_that_of_the_normal_equations() -> None:
    a, b = RNG.normal(size=(6, 3)), RNG.normal(size=6)
    A, B = sg.input("A", (6, 3)), sg.input("b", (6,))
    x = np.linalg.lstsq(A, B).x
    y = np.linalg.solve(A.T @ A, A.T @ B)
    got = sg.function([A, B], sg.grad((x**2).sum(), [A, B]))(a, b)
    want = sg.function([A, B], sg.grad((y**2).sum(), [A, B]))(a, b)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_least_squares_over_a_batch() -> None:
    a, b = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 5))
    A, B = sg.input("A", ("N", 5, 3)), sg.input("b", ("N", 5))
    got = sg.function([A, B], sg.vmap(lambda m, v: np.linalg.lstsq(m, v).x)(A, B))(a, b)
    want = [np.linalg.lstsq(m, v)[0] for m, v in zip(a, b, strict=True)]
    np.testing.assert_allclose(got, want, rtol=1e-10)
    one = RNG.normal(size=(5, 3))
    M = sg.input("M", (5, 3))
    got = sg.function([M, B], sg.vmap(lambda v: np.linalg.lstsq(M, v).x)(B))(one, b)
    np.testing.assert_allclose(got, [np.linalg.lstsq(one, v)[0] for v in b], rtol=1e-10)


def test_rank_is_an_integer_without_gradient() -> None:
    A = sg.input("A", ("B", 3, 3))
    rank = np.linalg.matrix_rank(A)
    assert rank.dtype == np.int64
    a = np.stack([np.zeros((3, 3)), of((3, 3), [1, 0, 0]), np.eye(3)])
    np.testing.assert_array_equal(sg.function([A], rank)(a), [0, 1, 3])
    assert not sg.function([A], sg.grad((rank * 1.0).sum(), A))(a).any()


def test_condition() -> None:
    a = of((4, 3), [8.0, 2.0, 1.0])
    A = sg.input("A", (4, 3))
    np.testing.assert_allclose(sg.function([A], np.linalg.cond(A))(a), 8.0)
    np.testing.assert_allclose(sg.function([A], np.linalg.cond(A, -2))(a), 1 / 8)
    S = sg.input("S", (2, 2))
    assert sg.function([S], np.linalg.cond(S))([[1.0, 1.0], [1.0, 1.0]]) > 1e15
    with pytest.raises(ShapeError, match="square"):
        np.linalg.cond(A, 1)


# ---- triangular factors


def test_cholesky_reads_one_triangle() -> None:
    a = np.array([[4.0, np.nan], [2.0, 5.0]])
    A = sg.input("A", (2, 2))
    L = np.linalg.cholesky(A)
    got, slope = sg.function([A], [L, sg.grad(L.sum(), A)])(a)
    np.testing.assert_allclose(got, [[2, 0], [1, 2]])
    assert np.isfinite(slope).all()
    assert slope[0, 1] == 0
    with pytest.raises(np.linalg.LinAlgError):
        sg.function([A], L)(-np.eye(2))


def test_log_determinant_by_cholesky_has_the_inverse_as_gradient() -> None:
    x = RNG.normal(size=(4, 6))
    a = x @ x.T
    A = sg.input("A", (4, 4))
    L = np.linalg.cholesky(A)
    i = sg.arange(4)
    slope = sg.function([A], sg.grad(2 * sg.log(L[i, i]).sum(), A))(a)
    inverse = np.linalg.inv(a)
    np.testing.assert_allclose((slope + slope.T) / 2, inverse, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 3), (6, 3), (3, 5)])
def test_qr_derivative_keeps_the_factors(shape: tuple[int, int]) -> None:
    """Q^T dQ is antisymmetric, dR upper triangular, and together they give the tangent."""
    A, H = sg.input("A", shape), sg.input("H", shape)
    Q, R = np.linalg.qr(A)
    a, h = RNG.normal(size=shape), RNG.normal(size=shape)
    q, r, dq, dr = sg.function([A, H], [Q, R, *sg.jvp([Q, R], A, H)])(a, h)
    np.testing.assert_allclose(dq @ r + q @ dr, h, atol=1e-11)
    np.testing.assert_allclose(q.T @ dq + dq.T @ q, 0, atol=1e-11)
    np.testing.assert_allclose(np.tril(dr, -1), 0, atol=1e-11)


def test_qr_modes() -> None:
    A = sg.input("A", ("m", 3))
    assert "np.linalg.qr(A, mode=" in sg.function([A], np.linalg.qr(A, mode="r")).source
    with pytest.raises(DeclarationError, match="complete"):
        np.linalg.qr(A, mode="complete")
    a = RNG.normal(size=(5, 3))
    np.testing.assert_allclose(
        sg.function([A], np.linalg.qr(A, mode="r"))(a), scipy.linalg.qr(a, mode="economic")[1]
    )
