"""Functions of matrices against mpmath and closed forms, at equal and close eigenvalues too."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import DeclarationError

RNG = np.random.default_rng(13)
EPS = float(np.finfo(float).eps)


def exact_expm(a: Any) -> Any:
    with mpmath.workdps(80):
        return np.array(mpmath.expm(mpmath.matrix(a.tolist())).tolist(), float)


def exact_slope(a: Any, h: Any) -> Any:
    n = len(a)
    zero = np.zeros((n, n))
    return exact_expm(np.block([[a, h], [zero, a]]))[:n, n:]


HARD = {
    "ordinary": RNG.normal(size=(4, 4)),
    "tiny": 1e-9 * RNG.normal(size=(3, 3)),
    "large": 20 * RNG.normal(size=(3, 3)),
    "nilpotent": np.diag([1.0, 1.0, 1.0], 1) * 1e3,
    "far from normal": np.array([[1.0, 1e6], [0.0, -1.0]]),
    "zero": np.zeros((3, 3)),
    "rotation": np.array([[0.0, 30.0], [-30.0, 0.0]]),
}


@pytest.mark.parametrize("name", HARD)
def test_exponential_and_its_derivative(name: str) -> None:
    a = HARD[name]
    h = RNG.normal(size=a.shape)
    A, H = sg.input("A", a.shape), sg.input("H", a.shape)
    Y = sg.linalg.expm(A)
    value, along, back = sg.function([A, H], [Y, sg.jvp(Y, A, H), sg.grad((Y * H).sum(), A)])(a, h)
    bound = 200 * EPS * max(1.0, np.linalg.norm(a, 1) if name != "far from normal" else 1.0)
    for got, want in (
        (value, exact_expm(a)),
        (along, exact_slope(a, h)),
        (back, exact_slope(a.T, h)),
    ):
        assert np.abs(got - want).max() <= bound * np.abs(want).max()


def test_derivative_of_the_exponential_is_linear_in_the_direction() -> None:
    """A direction of any size neither adds halvings nor underflows."""
    a, h = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3))
    A, H = sg.input("A", (3, 3)), sg.input("H", (3, 3))
    f = sg.function([A, H], sg.jvp(sg.linalg.expm(A), A, H))
    for scale in (1e-200, 1e200):
        np.testing.assert_allclose(f(a, scale * h) / scale, f(a, h), rtol=1e-13)
    assert not f(a, 0 * h).any()


def test_stacks_are_scaled_matrix_by_matrix() -> None:
    a = np.stack([1e-3 * RNG.normal(size=(3, 3)), 30 * RNG.normal(size=(3, 3))])
    A = sg.input("A", ("B", 3, 3))
    got = sg.function([A], sg.linalg.expm(A))(a)
    for one, m in zip(got, a, strict=True):
        want = exact_expm(m)
        assert np.abs(one - want).max() <= 1e4 * EPS * np.abs(want).max()


# ---- symmetric matrices


def turned(values: Any) -> Any:
    q, _ = np.linalg.qr(RNG.normal(size=(len(values), len(values))))
    a = q @ np.diag(np.asarray(values, float)) @ q.T
    return (a + a.T) / 2


SPECTRA = [[1, 1, 1], [1, 1, 2], [2, 1.5, 1]]


def powers(a: Any, directions: list[Any]) -> Any:
    """The derivative of a^3 along matrices: terms of every place that they take."""
    if not directions:
        return a @ a @ a
    if len(directions) == 1:
        (h,) = directions
        return h @ a @ a + a @ h @ a + a @ a @ h
    if len(directions) == 2:
        return sum(h @ k @ a + h @ a @ k + a @ h @ k for h, k in (directions, directions[::-1]))
    h, k, m = directions
    order = [(h, k, m), (h, m, k), (k, h, m), (k, m, h), (m, h, k), (m, k, h)]
    return sum(x @ y @ z for x, y, z in order)


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_cube_to_every_order(spectrum: Any, order: int) -> None:
    a = turned(spectrum)
    directions = [turned(RNG.normal(size=3)) for _ in range(order)]
    A = sg.input("A", (3, 3))
    H = [sg.input(f"H{i}", (3, 3)) for i in range(order)]
    value = sg.linalg.symmetric_function(A, lambda w: w**3)
    for h in H:
        value = sg.jvp(value, A, h)
    got = sg.function([A, *H], value)(a, *directions)
    np.testing.assert_allclose(got, powers(a, directions), rtol=1e-12, atol=1e-12)


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "log": (sg.linalg.logm_sym, mpmath.log),
    "sqrt": (sg.linalg.sqrtm_sym, mpmath.sqrt),
    "exp": (sg.linalg.expm_sym, mpmath.exp),
    "reciprocal": (lambda a: sg.linalg.symmetric_function(a, lambda w: 1 / w), lambda w: 1 / w),
    "tanh": (lambda a: sg.linalg.symmetric_function(a, sg.tanh), mpmath.tanh),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("gap", [0.0, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 1e-1, 1.0])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3])
def test_divided_differences_at_any_distance(name: str, gap: float, scale: float) -> None:
    """Of a diagonal matrix: the derivative off the diagonal is f[x, y]."""
    fn, exact = FUNCTIONS[name]
    if name == "exp" and scale > 1:
        scale = 30.0
    x, y = scale, scale * (1 + gap)
    A = sg.input("A", (2, 2))
    Y = fn(A)
    got = sg.function([A], sg.jvp(Y, A, np.array([[0.0, 1.0], [1.0, 0.0]])))(np.diag([x, y]))
    with mpmath.workdps(60):
        p, q = mpmath.mpf(x), mpmath.mpf(y)
        want = mpmath.diff(exact, p) if x == y else (exact(q) - exact(p)) / (q - p)
        size = abs(mpmath.diff(exact, p)) + abs(mpmath.diff(exact, q))
    assert abs(got[0, 1] - float(want)) <= 64 * EPS * float(size)


def test_square_root_of_a_matrix_squares_back() -> None:
    a = turned([1, 4, 9])
    A = sg.input("A", (3, 3))
    root = sg.function([A], sg.linalg.sqrtm_sym(A))(a)
    np.testing.assert_allclose(root @ root, a, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("n", [2, 3])
def test_handwritten_functions_of_eigenvalues_are_recognised(n: int) -> None:
    """To second order where eigenvalues are equal, in forward mode over reverse."""
    A, H, C = (sg.input(x, (n, n)) for x in "AHC")
    w, V = np.linalg.eigh(A)
    by_hand = ((V * sg.exp(w)) @ V.T * C).sum()
    plain = (sg.linalg.expm(sg.tril(A) + sg.tril(A, -1).T) * C).sum()
    h, c = turned(RNG.normal(size=n)), turned(RNG.normal(size=n))
    got, want = (
        sg.function([A, H, C], [sg.grad(f, A), sg.hvp(f, A, H)])(np.eye(n), h, c)
        for f in (by_hand, plain)
    )
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_values_and_derivatives_share_one_factorisation() -> None:
    A = sg.input("A", (3, 3))
    loss = (sg.linalg.logm_sym(A) ** 2).sum()
    source = sg.function([A], [loss, sg.grad(loss, A)]).source
    assert source.count("np.linalg.eigh(") == 1


def test_what_is_no_function_of_one_number_is_refused() -> None:
    A, c = sg.input("A", (2, 2)), sg.input("c", ())
    for f in (lambda w: w * c, lambda w: sg.stack([w, w]), lambda w: sg.stack([w, w]).sum()):
        with pytest.raises(DeclarationError, match="function of one number"):
            sg.linalg.symmetric_function(A, f)


# ---- powers


def test_powers_multiply_as_often_as_needed() -> None:
    A = sg.input("A", (3, 3))
    assert sg.linalg.matrix_power(A, 1) is A
    assert sg.linalg.matrix_power(A, 4) is (A @ A) @ (A @ A)
    source = sg.function([A], np.linalg.matrix_power(A, 16), style="readable").source
    assert source.count("@") - source.count("@np") == 4
    with pytest.raises(DeclarationError, match="integer"):
        np.linalg.matrix_power(A, 1.5)
