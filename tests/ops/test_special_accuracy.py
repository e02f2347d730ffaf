"""Special functions and their slopes against mpmath, far into their tails.

Bounds are in units in the last place of the exact result. Where a function is SciPy's, the bound on
its value says how good SciPy is; what is symgrad's own keeps to 4 ulps unless a reason is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest

import symgrad.ops  # noqa: F401 (fills the registry)
from symgrad.autodiff.reverse import cotangents
from symgrad.ir.node import Expr, identity
from symgrad.ir.op import FUNCTIONS, NAMESPACES, OPS
from symgrad.ops.interpret import evaluate

mp = mpmath.mp.clone()
mp.dps = 60
mpf = mp.mpf


def high(f: Callable[..., Any], digits: int = 700) -> Callable[..., Any]:
    """`f` with so many digits, for formulas that cancel."""

    def more(*args: Any) -> Any:
        with mp.workdps(digits):
            return f(*args)

    return more


# ---- truths that mpmath does not have, or not everywhere


def erfc(x: Any) -> Any:
    return mp.erfc(x) if abs(x) < 1000 else mpf(0 if x > 0 else 2)


def ndtr(x: Any) -> Any:
    return erfc(-x / mp.sqrt(2)) / 2


def mills_series(x: Any) -> Any:
    """Phi(x) sqrt(2 pi) e^(x^2/2) |x| for x far below 0, to 40 digits."""
    w, term, total = 1 / (x * x), mpf(1), mpf(0)
    for k in range(8):
        total += term
        term *= -(2 * k + 1) * w
    return total


def log_ndtr(x: Any) -> Any:
    if x < -1000:
        return -x * x / 2 - mp.log(-x * mp.sqrt(2 * mp.pi)) + mp.log(mills_series(x))
    return mp.log1p(-ndtr(-x)) if x > 0 else mp.log(ndtr(x))


def log_ndtr_slope(x: Any) -> Any:
    if x < -1000:
        return -x / mills_series(x)
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi) / ndtr(x)


def erfcx(x: Any) -> Any:
    if x > 1000:
        return mills_series(x * mp.sqrt(2)) / (x * mp.sqrt(mp.pi))
    return mp.exp(x * x) * mp.erfc(x)


def erfcx_slope(x: Any) -> Any:
    if x > 1000:
        w = 1 / (x * x)
        terms = 1 - mpf(3) / 2 * w + mpf(15) / 4 * w**2 - mpf(105) / 8 * w**3 + mpf(945) / 16 * w**4
        return -w / mp.sqrt(mp.pi) * terms
    return high(lambda x: 2 * x * erfcx(x) - 2 / mp.sqrt(mp.pi), 80)(x)


def digamma(x: Any) -> Any:
    return mp.digamma(x)


def loggamma(x: Any) -> Any:
    return mp.loggamma(x) if x > 0 else mp.log(abs(mp.gamma(x)))


def betaln(a: Any, b: Any) -> Any:
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def scaled_i(order: int) -> Callable[..., Any]:
    def f(x: Any) -> Any:
        if abs(x) < 400:
            return mp.exp(-abs(x)) * mp.besseli(order, x)
        return mp.sign(x) ** order * hankel(order, abs(x), -1) / mp.sqrt(2 * mp.pi * abs(x))

    return f


def scaled_k(order: int) -> Callable[..., Any]:
    def f(x: Any) -> Any:
        if x < 400:
            return mp.exp(x) * mp.besselk(order, x)
        return hankel(order, x, 1) * mp.sqrt(mp.pi / (2 * x))

    return f


def hankel(order: int, x: Any, sign: int) -> Any:
    """The asymptotic series of I (sign -1) and K (sign 1): its terms fall below any precision."""
    term, total = mpf(1), mpf(0)
    for k in range(60):
        total += term
        term *= sign * (4 * order**2 - (2 * k + 1) ** 2) / (8 * x * (k + 1))
    return total


def i0e_slope(x: Any) -> Any:
    return high(lambda x: mp.sign(x) * (scaled_i(1)(abs(x)) - scaled_i(0)(x)), 120)(x)


def dawsn(x: Any) -> Any:
    if abs(x) > 1000:
        return mills_like(x) / (2 * x)
    return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)


def mills_like(x: Any) -> Any:
    w, term, total = 1 / (2 * x * x), mpf(1), mpf(0)
    for k in range(9):
        total += term
        term *= (2 * k + 1) * w
    return total


def dawsn_slope(x: Any) -> Any:
    if abs(x) > 1000:
        w = 1 / (2 * x * x)
        return -w * (1 + 3 * w * (1 + 5 * w * (1 + 7 * w * (1 + 9 * w))))
    return high(lambda x: 1 - 2 * x * dawsn(x), 80)(x)


def gamma_density(a: Any, x: Any) -> Any:
    return mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    return mp.exp((a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) - betaln(a, b))


# ---- the points


def both(*points: float) -> list[float]:
    return sorted({*points, *[-p for p in points]})


RNG = np.random.default_rng(3)
TINY = [5e-324, 1e-310, 1e-300, 1e-100, 1e-17, 3e-9, 1e-4]
MIDDLE = [0.1, 0.5, 0.9, 1.0, 1.3, 2.0, 2.5, 4.0, 7.0, 10.0, 12.5, 20.0, 36.9]
LARGE = [50.0, 300.0, 745.5, 1e3, 1e5, 1e8, 1e15, 1e100, 1e300]
POSITIVE = TINY + MIDDLE + LARGE + RNG.uniform(0, 4, 60).tolist() + RNG.uniform(4, 60, 40).tolist()
REAL = both(*POSITIVE, 0.0)
# mpmath takes its time for K
KNOWN_K = [1e-8, 1e-3, 0.1, 0.5, 0.9, 1.0, 1.3, 2.5, 7.0, 20.0, 300.0, 745.5, 1e8, 1e100]
SHARES = [1e-300, 1e-100, 1e-20, 1e-5, 0.01, 0.1, 0.25, 0.3, 0.49, 0.5 - 1e-12, 0.5, 0.5 + 1e-9,
          0.7, 0.75, 0.9, 0.999, 1 - 2.0**-40, 1 - 2.0**-53]  # fmt: skip
SIGNED = both(1e-300, 1e-9, 0.1, 0.3, 0.7, 0.99, 1 - 2.0**-40, 1 - 2.0**-53)
PAIRS = [(x, y) for x in (1e-300, 1e-8, 0.3, 1.0, 2.5, 40.0, 1e8) for y in (1e-8, 0.7, 3.0, 1e5)]
NEAR = [(x, x * (1 + e)) for x in (1e-8, 0.3, 1.0, 1e8) for e in (1e-15, -1e-12, 1e-6, 0.3, -0.4)]


class Case(NamedTuple):
    """What a function is, its slopes, where it is looked at, and by how many ulps it may be off."""

    value: Callable[..., Any]
    slopes: tuple[Callable[..., Any] | None, ...]
    points: list[Any]
    ulps: float = 4
    slope_ulps: float = 4


def unary(value: Any, slope: Any, points: list[float], *bounds: float) -> Case:
    return Case(value, (slope,), [(p,) for p in points], *bounds)


CASES: dict[str, Case] = {
    # logarithms
    "xlogy": Case(lambda x, y: x * mp.log(y), (lambda x, y: mp.log(y), lambda x, y: x / y), PAIRS),
    "xlog1py": Case(
        lambda x, y: x * mp.log1p(y), (lambda x, y: mp.log1p(y), lambda x, y: x / (1 + y)), PAIRS
    ),
    # not near 1/e, where the slope -1 - log x vanishes
    "entr": unary(
        lambda x: -x * mp.log(x),
        lambda x: -1 - mp.log(x),
        [x for x in POSITIVE if not 0.2 < x < 0.6],
    ),
    # exact near x = y; near x = y / e the first slope, 1 + log(x / y), vanishes
    "rel_entr": Case(
        high(lambda x, y: x * mp.log(x / y), 90),
        (lambda x, y: 1 + mp.log(x / y), lambda x, y: -x / y),
        PAIRS + NEAR,
        4,
        8,
    ),
    "kl_div": Case(
        high(lambda x, y: x * mp.log(x / y) - x + y, 90),
        (high(lambda x, y: mp.log(x / y), 90), lambda x, y: (y - x) / y),
        PAIRS + NEAR,
    ),
    "logit": unary(high(lambda p: mp.log(p / (1 - p)), 400), lambda p: 1 / (p * (1 - p)), SHARES),
    "exprel": unary(
        high(lambda x: mp.expm1(x) / x if x else mpf(1), 900),
        high(lambda x: (mp.exp(x) * (x - 1) + 1) / x**2 if x else mpf(1) / 2, 900),
        both(1e-300, 1e-9, 1e-4, 0.3, 1.0, 5.0, 11.9, 12.0, 30.0, 300.0) + [700.0, -1e8, -1e300],
        4, 7,
    ),
    "cosm1": unary(high(lambda x: mp.cos(x) - 1), lambda x: -mp.sin(x), both(*TINY[2:], *MIDDLE)),
    "log1pmx": unary(
        high(lambda x: mp.log1p(x) - x), lambda x: -x / (1 + x), [*POSITIVE, -1e-9, -0.3, -0.9]
    ),
    "boxcox": Case(
        high(lambda x, q: mp.expm1(q * mp.log(x)) / q, 400),
        (
            lambda x, q: x ** (q - 1),
            high(lambda x, q: (x**q * (q * mp.log(x) - 1) + 1) / q**2, 400),
        ),
        [(x, q) for x in (1e-3, 0.7, 1 + 1e-9, 5.0, 300.0) for q in (-2.0, -1e-9, 1e-100, 0.3, 3)],
        4, 20,  # x^q in the second slope has the error of its logarithm
    ),
    "pseudo_huber": Case(
        high(lambda d, r: d**2 * (mp.sqrt(1 + (r / d) ** 2) - 1)),
        (None, high(lambda d, r: r / mp.sqrt(1 + (r / d) ** 2))),
        [(d, r) for d in (1e-3, 1.0, 1e5) for r in both(1e-100, 1e-9, 0.3, 40.0, 1e8, 1e200)],
    ),
    # the error function
    "erfcx": unary(erfcx, erfcx_slope, [x for x in REAL if x > -26]),
    # densities have the error of x^2 in their exponent: the naive form's
    "ndtr": unary(
        ndtr, lambda x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi), [x for x in REAL if -38 < x < 9],
        4, 400,
    ),
    "log_ndtr": unary(
        log_ndtr, log_ndtr_slope, [x for x in REAL if x < 6 and abs(x) < 1e154], 4, 16
    ),
    "erfinv": unary(
        lambda y: mp.erfinv(y),
        lambda y: mp.sqrt(mp.pi) / 2 * mp.exp(mp.erfinv(y) ** 2),
        SIGNED,
    ),
    "dawsn": unary(dawsn, dawsn_slope, both(*[x for x in POSITIVE if x > 12.5]), 16, 4),
    # gamma
    "gammaln": unary(loggamma, digamma, [x for x in POSITIVE if x > 1e-307]),
    "digamma": unary(
        digamma, lambda x: mp.polygamma(1, x), [x for x in POSITIVE if 1e-150 < x < 1e7]
    ),
    "gamma": unary(
        mp.gamma, lambda x: mp.gamma(x) * mp.digamma(x),
        [x for x in POSITIVE if 1e-150 < x < 170], 20, 25,
    ),
    "betaln": Case(
        high(betaln, 400),
        (
            high(lambda a, b: mp.digamma(a) - mp.digamma(a + b), 400),
            high(lambda a, b: mp.digamma(b) - mp.digamma(a + b), 400),
        ),
        [(a, b) for a in (1e-8, 0.3, 2.5, 7.0, 1e4, 1e12) for b in (1e-5, 0.7, 3.0, 90.0, 1e8)],
    ),
    # Bessel
    "i0e": unary(scaled_i(0), i0e_slope, [x for x in REAL if abs(x) > 1e-300 and abs(x) < 1e200]),
    "log_i0": unary(
        high(lambda x: abs(x) + mp.log(scaled_i(0)(x)), 400),
        lambda x: scaled_i(1)(x) / scaled_i(0)(x),
        [x for x in REAL if abs(x) > 1e-150 and abs(x) < 1e200], 4, 12,  # SciPy's i1e and i0e
    ),
    "i1e": unary(
        scaled_i(1),
        high(lambda x: scaled_i(0)(x) - scaled_i(1)(abs(x)) - scaled_i(1)(x) / x, 120),
        # not near 1.55, where the slope vanishes; it has the error of SciPy's i1e
        [x for x in POSITIVE if 1e-300 < x < 1e150 and not 1 < x < 2.2], 8, 24,
    ),
    "k0e": unary(
        scaled_k(0), high(lambda x: scaled_k(0)(x) - scaled_k(1)(x), 120),
        KNOWN_K, 6, 6,
    ),
    "k1e": unary(
        scaled_k(1),
        high(lambda x: scaled_k(1)(x) - scaled_k(0)(x) - scaled_k(1)(x) / x, 120),
        KNOWN_K, 6, 8,
    ),
    # Lambert's W: near -1/e its slope has the condition of the argument
    "lambertw": unary(
        lambda x: mp.lambertw(x).real,
        lambda x: (lambda w: mp.exp(-w) / (1 + w))(mp.lambertw(x).real),
        [*POSITIVE, *(-x for x in POSITIVE if x < 0.3)],
    ),
}  # fmt: skip


def leaf(name: str, shape: tuple[int, ...]) -> Expr:
    return identity(OPS["input"], {"name": name, "shape": shape, "dtype": np.dtype(np.float64)})


def slopes(name: str, count: int, n: int) -> tuple[list[Expr], Expr, list[Expr | None]]:
    leaves = [leaf("xyzw"[i], (n,)) for i in range(count)]
    out = NAMESPACES["special"][name](*leaves)
    return leaves, out, cotangents([out], [FUNCTIONS["ones"](out.shape)], leaves)


def ulps(got: float, exact: Any) -> float:
    nearest = float(exact)
    if math.isinf(nearest):
        return 0.0 if got == nearest else math.inf
    if not math.isfinite(got):
        return math.inf
    return float(abs(mpf(got) - exact) / mpf(float(np.spacing(abs(nearest)))))


def worst(values: Any, exact: list[Any], points: list[Any]) -> tuple[float, str]:
    errors = [ulps(float(v), e) for v, e in zip(values, exact, strict=True)]
    i = int(np.argmax(errors))
    return errors[i], f"{errors[i]:.3g} ulps at {points[i]}: {values[i]} for {float(exact[i])}"


@pytest.mark.parametrize("name", CASES)
def test_value_and_slopes(name: str) -> None:
    case = CASES[name]
    columns = [np.array(c, dtype=float) for c in zip(*case.points, strict=True)]
    points = [tuple(map(mpf, p)) for p in case.points]
    leaves, out, found = slopes(name, len(columns), len(points))
    env = dict(zip(leaves, columns, strict=True))
    error, message = worst(evaluate([out], env)[0], [case.value(*p) for p in points], case.points)
    assert error <= case.ulps, f"{name}: {message}"
    for k, (slope, made) in enumerate(zip(case.slopes, found, strict=True)):
        if slope is None:
            continue
        assert made is not None
        exact = [slope(*p) for p in points]
        error, message = worst(evaluate([made], env)[0], exact, case.points)
        assert error <= case.slope_ulps, f"{name}, slope in argument {k}: {message}"


# ---- what AD makes of the slopes, and edges


@pytest.mark.parametrize("x", [-1e6, -1e4, -300.0, -30.0, -5.0, -1.0])
def test_the_curvature_of_log_ndtr(x: float) -> None:
    """-m (m + x) with m the inverse of Mills' ratio, which cancels in that form."""
    leaves, _, (slope,) = slopes("log_ndtr", 1, 1)
    assert slope is not None
    (second,) = cotangents([slope], [FUNCTIONS["ones"](slope.shape)], leaves)
    assert second is not None
    with mp.workdps(80):
        y = mpf(x)
        # of the scaled tail, whose exponential is taken out
        tail = mp.erfc(-y / mp.sqrt(2)) * mp.exp(y * y / 2) / 2
        m = 1 / (mp.sqrt(2 * mp.pi) * tail) if abs(x) < 1000 else -y / mills_series(y)
        exact = -m * (m + y)
    assert ulps(float(evaluate([second], {leaves[0]: [x]})[0][0]), exact) <= 16


@pytest.mark.parametrize("name", ["erfinv", "erfcinv", "ndtri", "ndtri_exp"])
def test_the_slope_of_an_inverse_is_one_over_that_of_the_function(name: str) -> None:
    """At values so near to the ends that the density underflows or the value is rounded to 1."""
    points = {
        "erfinv": [1 - 2.0**-53, -1 + 2.0**-53, 0.0, 1e-300],
        "erfcinv": [1e-300, 3e-308, 1.0, 2 - 2.0**-52],
        "ndtri": [1e-300, 5e-324, 0.5, 1 - 2.0**-53],
        "ndtri_exp": [-1e4, -700.0, -0.69, -1e-10],
    }[name]

    def density(z: Any) -> Any:
        if name in ("erfinv", "erfcinv"):
            return 2 / mp.sqrt(mp.pi) * mp.exp(-z * z) * (1 if name == "erfinv" else -1)
        scale = mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)
        return scale if name == "ndtri" else scale / ndtr(z)

    leaves, out, (slope,) = slopes(name, 1, len(points))
    assert slope is not None
    value, got = evaluate([out, slope], {leaves[0]: points})
    for p, z, s in zip(points, value, got, strict=True):
        # the value is rounded, and its square stands in an exponent: ulps for each of its size
        assert ulps(float(s), 1 / density(mpf(float(z)))) <= 8 + 4 * float(z) ** 2, p


def test_edges() -> None:
    def at(name: str, *args: float) -> tuple[float, list[float]]:
        leaves, out, found = slopes(name, len(args), 1)
        env = {x: np.array([a]) for x, a in zip(leaves, args, strict=True)}
        parts = [g for g in found if g is not None]
        value, *rest = evaluate([out, *parts], env)
        return float(value[0]), [float(r[0]) for r in rest]

    inf = math.inf
    assert at("xlogy", 0.0, 0.0) == (0.0, [-inf, 0.0])
    assert at("xlogy", 0.0, 2.0) == (0.0, [math.log(2), 0.0])
    assert at("entr", 0.0) == (0.0, [inf])
    assert at("entr", -1.0)[0] == -inf
    assert at("rel_entr", 0.0, 0.0) == (0.0, [0.0, 0.0])
    assert at("rel_entr", 0.0, 1.0) == (0.0, [-inf, 0.0])
    assert at("rel_entr", 1.0, 0.0)[0] == inf
    assert at("kl_div", 0.0, 0.0) == (0.0, [0.0, 0.0])
    assert at("logit", 0.0) == (-inf, [inf]) and at("logit", 1.0) == (inf, [inf])
    assert at("erfinv", 1.0)[0] == inf
    assert at("exprel", 0.0) == (1.0, [0.5])
    assert at("i0e", 0.0) == (1.0, [0.0]) and at("i1e", 0.0) == (0.0, [0.5])
    assert at("j1", 0.0) == (0.0, [0.5]) and at("i1", 0.0) == (0.0, [0.5])
    assert at("rgamma", -3.0) == (0.0, [pytest.approx(-6.0, rel=1e-14)])
    assert at("rgamma", 0.0) == (0.0, [1.0])
    assert at("gammaln", -2.0)[0] == inf and at("gammaln", inf)[0] == inf
    assert at("digamma", 0.0)[0] == -inf and math.isnan(at("digamma", -4.0)[0])
    assert at("log_ndtr", inf) == (0.0, [0.0]) and at("log_ndtr", -inf)[0] == -inf
    assert at("lambertw", -1 / math.e)[0] == -1.0 and math.isnan(at("lambertw", -0.4)[0])
    assert at("betaln", 1.0, 1.0)[0] == 0.0


@pytest.mark.parametrize(
    ("a", "x"), [(1e-3, 1e-300), (0.5, 1e-10), (2.5, 0.01), (30.0, 200.0), (1e6, 1.001e6),
                 (1e12, 1e12 + 3e5), (1.0, 0.0), (150.0, 1e-3)],
)  # fmt: skip
def test_the_density_of_gamma(a: float, x: float) -> None:
    leaf_x = leaf("x", (1,))
    out = NAMESPACES["special"]["gammainc"](a, leaf_x)
    (slope,) = cotangents([out], [FUNCTIONS["ones"](out.shape)], [leaf_x])
    assert slope is not None
    exact = mpf(1) if (a, x) == (1.0, 0.0) else high(gamma_density, 100)(mpf(a), mpf(x))
    got = float(evaluate([slope], {leaf_x: [x]})[0][0])
    # x is rounded: near the maximum a unit of it moves the exponent by (x - a) / a
    bound = 12 + abs(float(mp.log(exact))) / 4
    assert ulps(got, exact) <= bound, (got, exact)


def test_orders_and_parameters_are_fixed() -> None:
    from symgrad.errors import DeclarationError

    v, x = leaf("v", (2,)), leaf("x", (2,))
    for name, wanted in (("jv", "v"), ("kve", "v"), ("gammainc", "a"), ("stdtr", "df")):
        out = NAMESPACES["special"][name](v, x)
        seed = FUNCTIONS["ones"](out.shape)
        assert cotangents([out], [seed], [x])[0] is not None
        with pytest.raises(DeclarationError) as info:
            cotangents([out], [seed], [v])
        assert f"no derivative with respect to {wanted}; sg.stop_gradient({wanted})" in str(
            info.value
        )
        held = NAMESPACES["special"][name](FUNCTIONS["stop_gradient"](v), x)
        assert cotangents([held], [seed], [x])[0] is not None
    for wrong in (1.5, -1, x):
        with pytest.raises(DeclarationError, match="polygamma: expected"):
            NAMESPACES["special"]["polygamma"](wrong, x)
    with pytest.raises(DeclarationError, match="lambertw: expected a branch with real values"):
        NAMESPACES["special"]["lambertw"](x, 1)


@pytest.mark.parametrize(
    "name",
    ["polygamma", "polygamma_difference", "exponential_moment", "expn",
     "spherical_jn", "spherical_yn", "spherical_in", "spherical_kn"],
)  # fmt: skip
def test_the_slopes_of_ordered_ops_are_those_of_their_formulas(name: str) -> None:
    from symgrad.ops.ordered import Ordered
    from symgrad.symbolic.proofs import prove_equal

    op = OPS[name]
    assert isinstance(op, Ordered)
    for n in (1,) if name.startswith("spherical") else (1, 2):
        assert set(prove_equal(op.of_order(n))) <= {"symbolic", "numeric"}
