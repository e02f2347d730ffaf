"""Determinants: gradients at matrices of every rank, logarithms that do not overflow."""

import math
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import ShapeError

RNG = np.random.default_rng(5)


def leibniz(a: Any) -> Any:
    """The definition: no division, so that it holds for any matrix."""
    n = len(a)
    total: Any = 0
    for order in permutations(range(n)):
        sign = round(np.linalg.det(np.eye(n)[list(order)])) if n else 1
        product: Any = sign
        for i, j in enumerate(order):
            product = product * a[i][j]
        total = total + product
    return total


def of_rank(n: int, rank: int) -> Any:
    return RNG.normal(size=(n, rank)) @ RNG.normal(size=(rank, n))


def gradient_of(a: Any) -> Any:
    n = len(a)
    out = np.ones((n, n))
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(a, i, 0), j, 1)
            out[i, j] = (-1) ** (i + j) * leibniz(minor)
    return out


CASES = [(n, rank) for n in (1, 2, 3, 4) for rank in range(n + 1)]


@pytest.mark.parametrize(("n", "rank"), CASES)
def test_gradient_is_the_matrix_of_cofactors(n: int, rank: int) -> None:
    a = of_rank(n, rank)
    A = sg.input("A", (n, n))
    got = sg.function([A], sg.grad(np.linalg.det(A), A))(a)
    scale = max(1.0, np.abs(a).max()) ** (n - 1)
    np.testing.assert_allclose(got, gradient_of(a), rtol=1e-11, atol=1e-13 * scale)


@pytest.mark.parametrize(("n", "rank"), CASES)
@pytest.mark.parametrize("order", [2, 3, 4])
def test_derivatives_of_every_order_are_those_of_the_polynomial(
    n: int, rank: int, order: int
) -> None:
    """Along one direction: the coefficients of det(a + t h), which is a polynomial in t."""
    a, h = of_rank(n, rank), RNG.normal(size=(n, n))
    A, H = sg.input("A", (n, n)), sg.input("H", (n, n))
    value = np.linalg.det(A)
    for _ in range(order):
        value = sg.jvp(value, A, H)
    got = sg.function([A, H], value)(a, h)
    points = np.linspace(-1, 1, n + 1)
    fit = np.polynomial.Polynomial.fit(points, [leibniz(a + t * h) for t in points], n)
    want = fit.convert().coef[order] * math.factorial(order) if order <= n else 0.0
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_reverse_over_reverse_at_singular_matrices(rank: int) -> None:
    a, h, k = of_rank(3, rank), RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3))
    A, H, K = (sg.input(x, (3, 3)) for x in "AHK")
    first = (sg.grad(np.linalg.det(A), A) * H).sum()
    second = (sg.grad(first, A) * K).sum()
    got = sg.function([A, H, K], second)(a, h, k)

    def mixed(s: float, t: float) -> Any:
        return leibniz(a + s * h + t * k)

    want = (mixed(1, 1) - mixed(1, -1) - mixed(-1, 1) + mixed(-1, -1)) / 4
    np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12)


def test_a_stack_may_hold_singular_matrices_beside_others() -> None:
    a = np.stack([of_rank(3, rank) for rank in range(4)])
    A = sg.input("A", ("B", 3, 3))
    got = sg.function([A], sg.grad(np.linalg.det(A).sum(), A))(a)
    for one, want in zip(got, a, strict=True):
        np.testing.assert_allclose(one, gradient_of(want), rtol=1e-11, atol=1e-12)


def test_empty_matrices() -> None:
    A = sg.input("A", (2, 0, 0))
    value, slope = sg.function([A], [np.linalg.det(A), sg.grad(np.linalg.det(A).sum(), A)])(
        np.zeros((2, 0, 0))
    )
    np.testing.assert_array_equal(value, [1.0, 1.0])
    assert slope.shape == (2, 0, 0)


def test_nearly_singular_gradient_keeps_its_digits() -> None:
    """As many as the entries of the matrix have, whatever its condition."""
    u, _ = np.linalg.qr(RNG.normal(size=(4, 4)))
    v, _ = np.linalg.qr(RNG.normal(size=(4, 4)))
    a = u @ np.diag([1.0, 1.0, 1.0, 1e-15]) @ v.T
    A = sg.input("A", (4, 4))
    got = sg.function([A], sg.grad(np.linalg.det(A), A))(a)
    np.testing.assert_allclose(got, gradient_of(a), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("scale", "dtype"), [(1e150, float), (1e-150, float), (1e15, np.float32), (1e-17, np.float32)]
)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_gradient_is_in_range_though_the_determinant_is_not(
    scale: float, dtype: Any, rank: int
) -> None:
    a = (scale * of_rank(3, rank)).astype(dtype)
    A, H = sg.input("A", (3, 3), dtype), sg.input("H", (3, 3), dtype)
    first = sg.grad(np.linalg.det(A), A)
    got, moved = sg.function([A, H], [first, sg.grad((first * H).sum(), A)])(a, a)
    assert got.dtype == dtype
    exact = [[Fraction(float(v)) for v in row] for row in a]
    want = gradient_of(np.array(exact)).astype(float)  # of fractions, rounded once
    bound = 16 * float(np.finfo(dtype).eps) * np.abs(a).max().astype(float) ** 2
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)
    # a polynomial of degree 2 in A: Euler
    np.testing.assert_allclose(moved, 2 * want, rtol=0, atol=4 * bound)


def test_slogdet_neither_overflows_nor_loses_the_sign() -> None:
    A = sg.input("A", (200, 200))
    sign, logabsdet = np.linalg.slogdet(A)
    f = sg.function([A], [sign, logabsdet, sg.grad(logabsdet, A)])
    a = -1e10 * np.eye(200)
    a[0, 0] = 1e10
    got_sign, got_log, slope = f(a)
    assert got_sign == -1
    np.testing.assert_allclose(got_log, 200 * math.log(1e10))
    np.testing.assert_allclose(slope, np.linalg.inv(a).T)


def test_slogdet_has_named_fields_and_a_constant_sign() -> None:
    A = sg.input("A", (3, 3))
    made = sg.linalg.slogdet(A)
    assert (made.sign, made.logabsdet) == tuple(made)
    assert not sg.function([A], sg.grad(made.sign, A))(np.eye(3)).any()


def test_not_square_is_refused() -> None:
    for fn in (np.linalg.det, np.linalg.slogdet):
        with pytest.raises(ShapeError, match="square"):
            fn(sg.input("A", (2, 3)))
