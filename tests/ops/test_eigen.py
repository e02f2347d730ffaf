"""Eigenvalues: equal ones, one triangle, one factorisation, complex spectra refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import DeclarationError, ShapeError

RNG = np.random.default_rng(7)


def turned(values: Any) -> Any:
    """A symmetric matrix of these eigenvalues, in no special basis."""
    q, _ = np.linalg.qr(RNG.normal(size=(len(values), len(values))))
    a = q @ np.diag(np.asarray(values, float)) @ q.T
    return (a + a.T) / 2


SPECTRA = {
    "all equal": np.eye(3),
    "identity, turned": turned([1, 1, 1]),
    "zero": np.zeros((3, 3)),
    "two equal": np.diag([2.0, 1.0, 1.0]),
    "two equal, turned": turned([2, 1, 1]),
    "two pairs": turned([1, 1, 3, 3]),
    "distinct": turned([1, 2, 4]),
}

#: losses that do not depend on the choice of eigenvectors: (with eigh, the same without it)
LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "the matrix itself": (
        lambda w, v, c: ((v * w) @ v.T * c).sum(),
        lambda a, c: (a * c).sum(),
    ),
    "the matrix itself, as a quadratic form": (
        lambda w, v, c: (w * (v.T @ c[0]) * (v.T @ c[1])).sum(),
        lambda a, c: c[0] @ a @ c[1],
    ),
    "its square, by columns": (
        lambda w, v, c: ((v.T @ c @ v) * (w**2 * sg.eye(w.shape[0]))).sum(),
        lambda a, c: (a @ a * c).sum(),
    ),
    "its cube, by einsum": (
        lambda w, v, c: sg.einsum("ik,k,jk,ij->", v, w**3, v, c),
        lambda a, c: (a @ a @ a * c).sum(),
    ),
    "the trace of its square": (
        lambda w, v, c: (w**2).sum() * c[0, 0],
        lambda a, c: (a * a).sum() * c[0, 0],
    ),
    "a constant": (
        lambda w, v, c: (v @ v.T * c).sum(),
        lambda a, c: (c * sg.eye(a.shape[0])).sum() + 0 * a.sum(),
    ),
}


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_does_not_depend_on_the_gauge(spectrum: str, loss: str) -> None:
    a = SPECTRA[spectrum]
    n = len(a)
    c = RNG.normal(size=(n, n))
    A, C = sg.input("A", (n, n)), sg.input("C", (n, n))
    by_eigh, plain = LOSSES[loss]
    symmetric = (A + A.T) / 2
    got = sg.function([A, C], sg.grad(by_eigh(*np.linalg.eigh(symmetric), C), A))(a, c)
    want = sg.function([A, C], sg.grad(plain(symmetric, C), A))(a, c)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("mode", ["forward over reverse", "reverse over reverse"])
def test_second_derivatives_of_sums_over_eigenvalues(spectrum: str, mode: str) -> None:
    """sum w^3 = tr A^3, whose second derivative along H is 3 tr(H (A H + H A))."""
    a = SPECTRA[spectrum]
    n = len(a)
    h = turned(RNG.normal(size=n))
    A, H = sg.input("A", (n, n)), sg.input("H", (n, n))
    first = sg.grad((np.linalg.eigvalsh(A) ** 3).sum(), A)
    if mode == "forward over reverse":
        second = (sg.jvp(first, A, H) * H).sum()
    else:
        second = (sg.grad((first * H).sum(), A) * H).sum()
    got = sg.function([A, H], second)(a, h)
    np.testing.assert_allclose(got, 3 * np.trace(h @ (a @ h + h @ a)), rtol=1e-10, atol=1e-10)


def test_projector_on_a_repeated_eigenvalue() -> None:
    """dP = sum over the gap: P H Q / (w_P - w_Q) and its transpose."""
    a = turned([1, 1, 4])
    h = turned([1.0, -2.0, 0.5])
    A, H = sg.input("A", (3, 3)), sg.input("H", (3, 3))
    _, V = np.linalg.eigh(A)
    P = V[:, :2] @ V[:, :2].T
    p, got = sg.function([A, H], [P, sg.jvp(P, A, H)])(a, h)
    q = np.eye(3) - p
    np.testing.assert_allclose(got, (p @ h @ q + q @ h @ p) / (1 - 4), atol=1e-13)
    by_reverse = sg.function([A, H], sg.grad((P * H).sum(), A))(a, h)
    symmetric = (by_reverse + by_reverse.T) / 2
    np.testing.assert_allclose(symmetric, (p @ h @ q + q @ h @ p) / (1 - 4), atol=1e-13)


def test_close_eigenvalues_are_not_taken_for_equal() -> None:
    a = np.diag([1.0, 1.0 + 1e-9, 2.0])
    A = sg.input("A", (3, 3))
    _, V = np.linalg.eigh(A)
    got = sg.function([A], sg.grad((V[0, 0] * V[1, 0]) ** 1, A))(a)
    np.testing.assert_allclose(got[1, 0], -1e9, rtol=1e-6)


@pytest.mark.parametrize("uplo", ["L", "U"])
def test_one_triangle_is_read(uplo: str) -> None:
    a = RNG.normal(size=(3, 3))
    A = sg.input("A", (3, 3))
    w, V = np.linalg.eigh(A, UPLO=uplo)
    values, slope = sg.function([A], [w, sg.grad((w**2).sum() + V[0, 0] ** 2, A)])(a)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(a, uplo))
    unread = np.triu(slope, 1) if uplo == "L" else np.tril(slope, -1)
    assert not unread.any()
    sg.check_gradients((w**2).sum() + V[0, 0] ** 2, {A: a})


def test_values_and_vectors_come_of_one_factorisation() -> None:
    A, C = sg.input("A", (3, 3)), sg.input("C", (3, 3))
    w, V = np.linalg.eigh(A)
    loss = sg.exp(w).sum() + (V[:, :1] @ V[:, :1].T * C).sum()
    for style in ("readable", "fast"):
        source = sg.function([A, C], [loss, sg.grad(loss, A)], style=style).source
        assert source.count("np.linalg.eigh(") == 1
        assert "    w, V = np.linalg.eigh(A)\n" in source
    alone = sg.function([A], np.linalg.eigh(A).eigenvalues.sum()).source
    assert "np.linalg.eigvalsh(A)" in alone and "eigh(A)" not in alone.replace("eigvalsh", "")


def test_eig_of_a_real_spectrum() -> None:
    a = np.diag([1.0, 2.0, 4.0]) + 0.3 * RNG.normal(size=(3, 3))
    a = np.linalg.inv(turned([1, 2, 3]) + 3 * np.eye(3)) @ turned([1, 2, 4])  # similar to symmetric
    A = sg.input("A", (3, 3))
    w, V = np.linalg.eig(A)
    got_w, got_v = sg.function([A], [w, V])(a)
    np.testing.assert_allclose(a @ got_v, got_v * got_w, atol=1e-12)
    sg.check_gradients((w**3).sum() + (V**2 * w).sum(), {A: a})


def test_trace_by_general_eigenvalues() -> None:
    a = np.array([[1.0, 2.0], [0.0, 3.0]])
    A = sg.input("A", (2, 2))
    got = sg.function([A], sg.grad((np.linalg.eigvals(A) ** 2).sum(), A))(a)
    np.testing.assert_allclose(got, 2 * a.T, atol=1e-12)  # of tr A^2


@pytest.mark.parametrize("fn", [np.linalg.eig, np.linalg.eigvals])
def test_complex_eigenvalues_raise(fn: Callable[..., Any]) -> None:
    A = sg.input("A", (2, 2))
    made = fn(A)
    f = sg.function([A], list(made) if isinstance(made, tuple) else made)
    with pytest.raises(np.linalg.LinAlgError, match="complex"):
        f([[0.0, 1.0], [-1.0, 0.0]])


def test_gradient_of_eig_raises_for_complex_eigenvalues_too() -> None:
    A = sg.input("A", (2, 2))
    f = sg.function([A], sg.grad((np.linalg.eigvals(A) ** 2).sum(), A))
    with pytest.raises(np.linalg.LinAlgError, match="complex"):
        f([[0.0, 1.0], [-1.0, 0.0]])


def test_what_has_no_eigenvalues_is_refused() -> None:
    for fn in (np.linalg.eigh, np.linalg.eigvalsh, np.linalg.eig, np.linalg.eigvals):
        with pytest.raises(ShapeError, match="square"):
            fn(sg.input("A", (2, 3)))
    with pytest.raises(DeclarationError, match="UPLO"):
        np.linalg.eigh(sg.input("A", (2, 2)), "X")


def test_fields_have_numpys_names() -> None:
    made = np.linalg.eigh(sg.input("A", (2, 2)))
    assert made._fields == np.linalg.eigh(np.eye(2))._fields
    assert np.linalg.eig(sg.input("A", (2, 2)))._fields == np.linalg.eig(np.eye(2))._fields
