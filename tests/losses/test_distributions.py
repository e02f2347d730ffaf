"""Likelihoods and divergences: SciPy's densities, huge parameters, shapes that do not fit."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import stats

import symgrad as sg
from tests.losses.tables import Array, evaluated, table

L = sg.losses

X, M, S = table((3, 2), 0.9, 2.0), table((3, 2), 2.1), table((3, 2), 3.3, 0.7)
D = table((3, 2), 4.7, 0.8)
POSITIVE, SHARE = np.exp(X), 1 / (1 + np.exp(-X))
COUNTS = np.array([[0.0, 3.0], [7.0, 2.0], [1.0, 30.0]])
BITS = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])

# the loss, its arguments, and SciPy's log-density of them
Density = Callable[..., Array]
SCIPY: dict[str, tuple[Callable[..., Any], tuple[Array, ...], Density]] = {
    "normal": (L.nll_normal, (X, M, S), lambda x, m, s: stats.norm.logpdf(x, m, np.exp(s))),
    "log_normal": (
        L.nll_log_normal,
        (POSITIVE, M, S),
        lambda x, m, s: stats.lognorm.logpdf(x, np.exp(s), scale=np.exp(m)),
    ),
    "laplace": (L.nll_laplace, (X, M, S), lambda x, m, s: stats.laplace.logpdf(x, m, np.exp(s))),
    "student_t": (
        L.nll_student_t,
        (X, M, S, D),
        lambda x, m, s, d: stats.t.logpdf(x, np.exp(d), m, np.exp(s)),
    ),
    "exponential": (
        L.nll_exponential,
        (POSITIVE, S),
        lambda x, s: stats.expon.logpdf(x, scale=np.exp(-s)),
    ),
    "gamma": (
        L.nll_gamma,
        (POSITIVE, D, S),
        lambda x, d, s: stats.gamma.logpdf(x, np.exp(d), scale=np.exp(-s)),
    ),
    "beta": (
        L.nll_beta,
        (SHARE, D, S),
        lambda x, a, b: stats.beta.logpdf(x, np.exp(a), np.exp(b)),
    ),
    "poisson": (L.nll_poisson, (COUNTS, S), lambda k, s: stats.poisson.logpmf(k, np.exp(s))),
    "negative_binomial": (
        L.nll_negative_binomial,
        (COUNTS, D, M),
        lambda k, d, z: stats.nbinom.logpmf(k, np.exp(d), 1 / (1 + np.exp(z))),
    ),
    "bernoulli": (
        L.nll_bernoulli,
        (BITS, M),
        lambda x, z: stats.bernoulli.logpmf(x, 1 / (1 + np.exp(-z))),
    ),
}


@pytest.mark.parametrize("name", SCIPY)
def test_value_and_gradient_are_those_of_scipys_density(name: str) -> None:
    loss, arrays, density = SCIPY[name]
    given = {f"p{i}": a for i, a in enumerate(arrays)}
    values, grads = evaluated(loss, given)
    np.testing.assert_allclose(values, -density(*arrays).sum(axis=1), rtol=1e-11)
    weights, h = np.cos(1.0 + np.arange(3))[:, None], 1e-6
    for i in range(1, len(arrays)):  # of the parameters: SciPy's counts are integers
        up, down = ([a + h * sign * (j == i) for j, a in enumerate(arrays)] for sign in (1, -1))
        slope = -(density(*up) - density(*down)) / (2 * h)
        np.testing.assert_allclose(grads[f"p{i}"], slope * weights, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", SCIPY)
def test_parameters_broadcast_to_the_data_and_not_beyond(name: str) -> None:
    loss, arrays, density = SCIPY[name]
    few = [arrays[0], *[a[0] for a in arrays[1:]]]
    values, grads = evaluated(loss, {f"p{i}": a for i, a in enumerate(few)}, symbolic=False)
    np.testing.assert_allclose(values, -density(*few).sum(axis=1), rtol=1e-11)
    assert [g.shape for g in grads.values()] == [(3, 2)] + [(2,)] * (len(few) - 1)
    x = sg.input("x", ("B", 1))
    wide = [sg.input(f"p{i}", ("B", 2)) for i in range(1, len(arrays))]
    with pytest.raises(sg.ShapeError, match=r"to broadcast to \(B, 1\); got \(B, 2\)"):
        loss(x, *wide)
    with pytest.raises(sg.DTypeError, match="to be floating"):
        loss(x, *[sg.input(f"n{i}", (), dtype="int64") for i in range(1, len(arrays))])


@pytest.mark.parametrize("name", SCIPY)
def test_numbers_serve_as_parameters(name: str) -> None:
    loss, arrays, density = SCIPY[name]
    numbers = [0.3] * (len(arrays) - 1)
    values, _ = evaluated(lambda x: loss(x, *numbers), {"x": arrays[0]}, dtype="float32")
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, -density(arrays[0], *numbers).sum(axis=1), rtol=2e-5)


@pytest.mark.parametrize("name", SCIPY)
def test_an_empty_batch_and_a_scalar(name: str) -> None:
    loss, arrays, density = SCIPY[name]
    values, grads = evaluated(loss, {f"p{i}": a[:0] for i, a in enumerate(arrays)})
    assert values.shape == (0,) and grads["p1"].shape == (0, 2)
    single = [a[1, 1] for a in arrays]
    values, _ = evaluated(loss, {f"p{i}": a for i, a in enumerate(single)})
    np.testing.assert_allclose(values, -density(*single), rtol=1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("loss", "x"), [(L.nll_bernoulli, 1.0), (L.nll_bernoulli, 0.0), (L.kl_bernoulli, None)]
)
def test_huge_logits(loss: Callable[..., Any], x: float | None, dtype: str) -> None:
    z = np.array([1000.0, -1000.0])
    if x is None:  # from q = 1/2, and to it: log 2, and log 2 short of the logit
        values, grads = evaluated(lambda z: loss(z, 0.0), {"z": z}, dtype=dtype)
        np.testing.assert_allclose(values, math.log(2), rtol=1e-6)
        np.testing.assert_array_equal(grads["z"], 0)
        values, grads = evaluated(lambda z: loss(sg.zeros(2, dtype=dtype), z), {"z": z}, dtype)
        np.testing.assert_allclose(values, 500 - math.log(2), rtol=1e-6)
        np.testing.assert_allclose(grads["z"], np.cos([1.0, 2.0]) * [0.5, -0.5], rtol=1e-6)
        return
    values, grads = evaluated(lambda z: loss(np.full(2, x), z), {"z": z}, dtype)
    np.testing.assert_allclose(values, [0, 1000] if x else [1000, 0], rtol=1e-6)
    slope = [0, -1] if x else [1, 0]
    np.testing.assert_allclose(grads["z"], np.cos([1.0, 2.0]) * slope, rtol=1e-6)


def test_outliers_are_no_trouble() -> None:
    x = np.array([1e30, 1e200])
    values, grads = evaluated(lambda x: L.nll_student_t(x, 0.0), {"x": x})
    np.testing.assert_allclose(values, math.log(math.pi) + 2 * np.log(x), rtol=1e-14)
    np.testing.assert_allclose(grads["x"], 2 / x * np.cos([1.0, 2.0]), rtol=1e-14)


@pytest.mark.parametrize("n", [1e-8, 1.0, 1e8, 1e12])
@pytest.mark.parametrize("k", [0.0, 3.0, 1e6])
def test_negative_binomial_towards_poissons(n: float, k: float) -> None:
    z = math.log(2.5 / n)
    values, _ = evaluated(lambda a: L.nll_negative_binomial(k, a, z), {"a": np.array(math.log(n))})
    with mpmath.workdps(60):
        m, p = mpmath.exp(mpmath.mpf(math.log(n))), 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
        terms = [
            mpmath.loggamma(m) - mpmath.loggamma(k + m) + mpmath.loggamma(k + 1),
            -m * mpmath.log(1 - p),
            -k * mpmath.log(p),
        ]
        size = float(sum(abs(t) for t in terms))
        np.testing.assert_allclose(values, float(sum(terms)), rtol=0, atol=1e-13 * size)


def test_the_powers_of_data_at_a_bound_are_one() -> None:
    np.testing.assert_allclose(evaluated(lambda x: L.nll_gamma(x, 0.0), {"x": np.zeros(1)})[0], 0)
    np.testing.assert_allclose(
        evaluated(lambda x: L.nll_beta(x, 0.0, 0.0), {"x": np.array([0.0, 1.0])})[0], 0
    )


# ---- several dimensions


def test_multivariate_normal_is_scipys() -> None:
    x, m, F = table((4, 3), 0.9), table((3,), 2.1), table((3, 3), 1.1)
    Lower = np.tril(F, -1) + np.diag(np.exp(np.diag(F)))
    values, grads = evaluated(
        lambda x, m, F: L.nll_multivariate_normal(x, m, F), {"x": x, "m": m, "F": F}, symbolic=False
    )
    expected = -stats.multivariate_normal.logpdf(x, m, Lower @ Lower.T)
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    np.testing.assert_array_equal(grads["F"][np.triu_indices(3, 1)], 0)
    one, _ = evaluated(
        lambda x, F: L.nll_multivariate_normal(x, 0.0, F), {"x": x[0], "F": F}, symbolic=False
    )
    assert one.shape == ()
    np.testing.assert_allclose(one, -stats.multivariate_normal.logpdf(x[0], None, Lower @ Lower.T))


def test_multivariate_normal_refuses_what_does_not_fit() -> None:
    x, F = sg.input("x", ("B", 3)), sg.input("F", (3, 3))
    with pytest.raises(sg.ShapeError, match=r"expected factor of shape \(3, 3\); got \(2, 2\)"):
        L.nll_multivariate_normal(x, 0.0, sg.input("G", (2, 2)))
    with pytest.raises(sg.ShapeError, match="expected mean to broadcast"):
        L.nll_multivariate_normal(x, sg.input("m", (2,)), F)
    with pytest.raises(sg.ShapeError, match="expected x of shape"):
        L.nll_multivariate_normal(sg.input("y", ("B", 3, 3)), 0.0, F)


# ---- classes and divergences


def test_categorical_sums_the_labels_of_an_example() -> None:
    z, k = table((2, 3, 4), 1.3, 2.0), np.array([[2, 0, 1], [3, 3, 0]])
    log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    expected = [-sum(log_p[i, j, k[i, j]] for j in range(3)) for i in range(2)]
    values, _ = evaluated(lambda z: L.nll_categorical(k, z), {"z": z})
    np.testing.assert_allclose(values, expected, rtol=1e-13)
    values, _ = evaluated(lambda z: L.nll_categorical(k, z), {"z": z[0, 0]}, symbolic=False)
    expected = [-sum(log_p[0, 0, c] for c in row) for row in k]
    np.testing.assert_allclose(values, expected, rtol=1e-13)
    with pytest.raises(sg.DTypeError, match="expected k to be integers"):
        L.nll_categorical(sg.input("k", ("B",)), sg.input("z", ("B", 3)))


def entropy_loop(a: Array, b: Array) -> float:
    p, q = (np.exp(v) / np.exp(v).sum() for v in (a, b))
    return float(sum(u * math.log(u / v) for u, v in zip(p, q, strict=True)))


def test_divergences_are_their_definitions() -> None:
    a, b = table((3, 4), 1.3, 2.0), table((3, 4), 0.6, 2.0)
    values, _ = evaluated(L.kl_divergence, {"a": a, "b": b})
    np.testing.assert_allclose(values, [entropy_loop(*v) for v in zip(a, b, strict=True)])
    values, _ = evaluated(L.kl_divergence, {"a": a[0], "b": b[0]})
    np.testing.assert_allclose(values, entropy_loop(a[0], b[0]))
    values, _ = evaluated(L.kl_bernoulli, {"a": a, "b": b})
    two = [
        [entropy_loop(np.array([v, 0]), np.array([w, 0])) for v, w in zip(*r, strict=True)]
        for r in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(values, np.sum(two, axis=1), rtol=1e-12)
    grid = np.linspace(-40, 40, 200_001)
    m, s = 0.7, -0.4
    p = stats.norm.pdf(grid, m, math.exp(s))
    log_ratio = stats.norm.logpdf(grid, m, math.exp(s)) - stats.norm.logpdf(grid)
    values, _ = evaluated(L.kl_normal, {"m": np.array([m]), "s": np.array([s])})
    np.testing.assert_allclose(values, [np.trapezoid(p * log_ratio, grid)], rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_divergence_of_huge_logits(dtype: str) -> None:
    a = np.array([[1000.0, 0.0, -1000.0], [0.0, 0.0, 0.0]])
    b = np.array([[0.0, 1000.0, 0.0], [1000.0, 0.0, -1000.0]])
    values, grads = evaluated(L.kl_divergence, {"a": a, "b": b}, dtype=dtype)
    np.testing.assert_allclose(values, [1000, 1000 - math.log(3)], rtol=1e-6)
    ct = np.cos([[1.0], [2.0]])
    np.testing.assert_allclose(grads["b"], ct * [[-1, 1, 0], [2 / 3, -1 / 3, -1 / 3]], rtol=1e-6)
    # p (log p / q - KL), with log p / q = -log 3 + (0, 1000, 2000)
    np.testing.assert_allclose(
        grads["a"], ct * [[0, 0, 0], [-1000 / 3, 0, 1000 / 3]], rtol=1e-5, atol=1e-3
    )


@pytest.mark.parametrize("step", [0.0, 1e-8, 1e-4, 1.0])
def test_kl_normal_keeps_its_digits_near_its_minimum(step: float) -> None:
    values, grads = evaluated(
        lambda m, s: L.kl_normal(m, s), {"m": np.array(0.0), "s": np.array(step)}
    )
    with mpmath.workdps(60):
        s = mpmath.mpf(step)
        value, slope = mpmath.expm1(2 * s) / 2 - s, mpmath.expm1(2 * s)
        np.testing.assert_allclose(values, float(value), rtol=0, atol=1e-16 * max(step, 1e-300) * 4)
        np.testing.assert_allclose(grads["s"], float(slope * mpmath.cos(1)), rtol=1e-12, atol=2e-16)


def test_a_distribution_does_not_diverge_from_itself() -> None:
    x = sg.input("x", ("B", 3))
    for loss in (L.kl_divergence(x, x), L.kl_bernoulli(x, x), L.kl_normal(x, x, x, x)):
        np.testing.assert_array_equal(sg.function([x], loss)(table((2, 3), 1.0, 500.0)), 0)
    with pytest.raises(sg.ShapeError, match="expected other to broadcast"):
        L.kl_divergence(x, sg.input("y", ("B", 4)))


def test_arrays_take_the_dtype_of_what_is_declared() -> None:
    x = sg.input("x", ("B", 2), dtype="float32")
    k = sg.input("k", ("B", 2), dtype="int64")
    zeros = np.zeros(2)
    found = [
        L.nll_normal(x, x, zeros),
        L.nll_normal(x, [0.0, 0.0], zeros),
        L.nll_normal([0.0, 1.0], 0.0, x[0]),
        L.nll_poisson(k, x),
        L.nll_multivariate_normal(x, zeros, sg.param("f", (2, 2), dtype="float32")),
        L.nll_multivariate_normal([[0.0, 1.0]], 0.0, sg.param("f", (2, 2), dtype="float32")),
        L.kl_divergence(x, zeros),
        L.kl_normal(x, zeros),
        sg.losses.score_function(x[:, 0], zeros[:1][0] + x[:, 1], np.float64(0.5)),
        sg.losses.score_function(x[:, 0], sg.input("c", ("B",)), 0.5),
    ]
    assert [loss.dtype for loss in found] == [np.dtype("float32")] * len(found)
    assert L.nll_poisson(k, zeros).dtype == "float64"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_nothing_is_certain_at_a_poisson_rate_of_zero(dtype: str) -> None:
    k, a = sg.input("k", ("B",), dtype=dtype), sg.input("a", ("B",), dtype=dtype)
    loss = L.nll_poisson(k, a)
    f = sg.function([k, a], [loss, sg.grad(loss.sum(), a)])
    counts = np.array([0, 3, 0, 2], dtype)
    value, slope = f(counts, np.array([-np.inf, -np.inf, 0.0, np.nan], dtype))
    assert value.dtype == slope.dtype == dtype
    np.testing.assert_array_equal(value, [0.0, np.inf, 1.0, np.nan])
    np.testing.assert_array_equal(slope, [0.0, -3.0, 1.0, np.nan])
