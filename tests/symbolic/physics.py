"""Formulas as physicists and engineers write them, and points at which they are hard."""

from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

x, y, z, a, b, n, T, m, v = sp.symbols("x y z a b n T m v")
E, k, s, r, mu, t, p, q = sp.symbols("E k s r mu t p q")
K, S, sigma, tau = sp.symbols("K S sigma tau")


@dataclass(frozen=True)
class Formula:
    """A formula, its symbols, and points for them."""

    name: str
    expr: Any
    symbols: tuple[Any, ...]
    points: tuple[tuple[float, ...], ...]
    #: what a slope's terms lose to SciPy, which gives them to a unit or two, is allowed: where
    #: they cancel, the error of the sum is luck, and another machine has another
    noisy: bool = False


def one(name: str, expr: Any, *points: float, symbol: Any = x) -> Formula:
    return Formula(name, expr, (symbol,), tuple((p,) for p in points))


def many(name: str, expr: Any, symbols: tuple[Any, ...], *points: tuple[float, ...]) -> Formula:
    return Formula(name, expr, symbols, points)


TAILS = (-1e3, -40.0, -3.0, -1e-5, -1e-12, 1e-12, 1e-5, 0.3, 3.0, 40.0, 1e3)
SMALL = (1e-12, 1e-8, 1e-5, 1e-3, 0.1, 1.0, 3.0, 30.0)
UP = (1e-12, 1e-8, 1e-4, 0.1, 1.0, 10.0, 40.0, 700.0, 800.0)
normal_cdf = (1 + sp.erf(x / sp.sqrt(2))) / 2
d1 = (sp.log(S / K) + (r + sigma**2 / 2) * tau) / (sigma * sp.sqrt(tau))
d2 = d1 - sigma * sp.sqrt(tau)

_NOISY = ("Student's t",)

_ALL = [
    # statistical physics
    one("Fermi-Dirac", 1 / (sp.exp(x) + 1), *TAILS),
    one("Bose-Einstein", 1 / (sp.exp(x) - 1), *UP),
    one("Planck's law", x**3 / (sp.exp(x) - 1), *UP),
    one("Planck's law, times e^-x", x**3 * sp.exp(-x) / (1 - sp.exp(-x)), *UP),
    many(
        "Fermi function",
        1 / (1 + sp.exp((E - mu) / (k * T))),
        (E, mu, k, T),
        (1.0, 2.0, 1.0, 1e-3),
        (2.0, 1.0, 1.0, 1e-3),
        (1.0, 1.0, 1.0, 1.0),
        (1.1, 1.0, 1.0, 0.5),
    ),
    one("entropy of fermions", -x * sp.log(x) - (1 - x) * sp.log(1 - x), 1e-300, 1e-12, 0.3, 0.5),
    one("Einstein heat capacity", x**2 * sp.exp(x) / (sp.exp(x) - 1) ** 2, *UP),
    one("Schottky anomaly", x**2 * sp.exp(x) / (1 + sp.exp(x)) ** 2, *UP),
    one("mean energy", x / (sp.exp(x) - 1) + x / 2, *UP),
    one("Langevin function", sp.coth(x) - 1 / x, 0.5, 1.0, 3.0, 40.0, 800.0),
    one("free energy of an oscillator", x / 2 + sp.log(1 - sp.exp(-x)), *UP),
    one("two-level partition", sp.log(2 * sp.cosh(x)), *TAILS),
    many(
        "Maxwell-Boltzmann",
        sp.sqrt(2 / sp.pi) * v**2 * sp.exp(-(v**2) / (2 * a**2)) / a**3,
        (v, a),
        (1.0, 1.0),
        (1e-5, 2.0),
        (30.0, 1.0),
    ),
    many(
        "Arrhenius",
        a * sp.exp(-E / (k * T)),
        (a, E, k, T),
        (2.0, 1.0, 1.0, 0.5),
        (1e13, 0.7, 8.617e-5, 300.0),
    ),
    many(
        "Clausius-Clapeyron",
        p * sp.exp(-(a / 8.314) * (1 / T - 1 / b)),
        (p, a, T, b),
        (1e5, 4.0e4, 300.0, 373.0),
        (1e5, 4.0e4, 373.0, 373.0),
    ),
    many(
        "van der Waals",
        n * T / (v - n * b) - a * n**2 / v**2,
        (n, T, v, b, a),
        (1.0, 2.0, 5.0, 0.1, 0.3),
    ),
    many(
        "Lennard-Jones",
        4 * E * ((s / r) ** 12 - (s / r) ** 6),
        (E, s, r),
        (1.0, 1.0, 1.2),
        (0.5, 0.9, 3.0),
    ),
    many(
        "Morse",
        E * (1 - sp.exp(-a * (r - b))) ** 2,
        (E, a, r, b),
        (2.0, 1.0, 1.0, 1.0),
        (2.0, 1.5, 1.0 + 1e-9, 1.0),
        (2.0, 1.0, 5.0, 1.0),
    ),
    # relativity, waves, orbits
    one("kinetic energy", 1 / sp.sqrt(1 - x**2) - 1, 0.1, 0.5, 0.9, 1 - 1e-12),
    one("Lorentz factor", 1 / sp.sqrt(1 - x**2), 1e-9, 0.3, 1 - 2.0**-40),
    many("adding velocities", (x + y) / (1 + x * y), (x, y), (0.5, 0.25), (1e-9, 0.999)),
    many(
        "Breit-Wigner",
        b / (2 * sp.pi) / ((x - a) ** 2 + b**2 / 4),
        (x, a, b),
        (1.0, 1.0, 0.1),
        (1e160, 1.0, 0.5),
    ),
    many(
        "haversine",
        2
        * sp.asin(
            sp.sqrt(sp.sin((y - x) / 2) ** 2 + sp.cos(x) * sp.cos(y) * sp.sin((b - a) / 2) ** 2)
        ),
        (x, y, a, b),
        (0.1, 0.2, 0.3, 0.4),
        (0.5, 0.5 + 1e-9, 1.0, 1.0 + 1e-9),
    ),
    many("Kepler's equation", E - a * sp.sin(E) - m, (E, a, m), (1.0, 0.3, 0.5)),
    many(
        "distance",
        sp.sqrt((x - y) ** 2 + (a - b) ** 2),
        (x, y, a, b),
        (1e200, 0.0, 1e200, 1.0),
        (1e-200, 0.0, 3e-200, 0.0),
        (3.0, 1.0, 2.0, 5.0),
    ),
    one("pendulum", 1 - sp.cos(x), 1e-9, 1e-5, 0.1, 3.0),
    one("Rayleigh range", sp.sqrt(1 + x**2), 1e-9, 1.0, 1e200),
    one("hyperbolic Bragg", (sp.exp(x) - sp.exp(-x)) / (sp.exp(x) + sp.exp(-x)), *TAILS),
    # membranes, kinetics, growth
    one("Goldman-Hodgkin-Katz", x / (1 - sp.exp(-x)), *TAILS),
    many("Nernst", a * sp.log(x / y), (a, x, y), (25.7, 140.0, 5.0), (25.7, 1024.0, 2.0)),
    many("Michaelis-Menten", v * s / (k + s), (v, s, k), (2.0, 1e-9, 1.0), (2.0, 1e3, 1.0)),
    many("Hill", x**n / (k**n + x**n), (x, n, k), (1.0, 2.0, 3.0), (0.5, 4.0, 0.25)),
    many(
        "logistic growth",
        k / (1 + (k - a) / a * sp.exp(-r * t)),
        (k, a, r, t),
        (100.0, 2.0, 0.5, 3.0),
        (100.0, 2.0, 0.5, 900.0),
    ),
    many("Gompertz", a * sp.exp(-b * sp.exp(-t)), (a, b, t), (1.0, 2.0, 3.0), (1.0, 2.0, 40.0)),
    # statistics, finance, information
    one("softplus", sp.log(1 + sp.exp(x)), *TAILS),
    one("log-logistic", -sp.log(1 + sp.exp(-x)), *TAILS),
    one(
        "binary entropy of a logit",
        sp.log(1 + sp.exp(x)) - x / (1 + sp.exp(-x)),
        -1e3,
        -3.0,
        0.3,
        1.0,
    ),
    one("log(1 - e^-x)", -sp.log(1 - sp.exp(-x)), *UP),
    many(
        "log-sum-exp",
        sp.log(sp.exp(x) + sp.exp(y) + sp.exp(z)),
        (x, y, z),
        (1.0, 2.0, 3.0),
        (1e3, 1e3, -1e3),
        (-1e3, -1001.0, -1e4),
    ),
    many(
        "softmax",
        sp.exp(x) / (sp.exp(x) + sp.exp(y) + sp.exp(z)),
        (x, y, z),
        (1.0, 2.0, 3.0),
        (1e3, 1e3, -1e3),
        (-1e3, -1001.0, -1e4),
    ),
    one("normal cdf", normal_cdf, -38.0, -10.0, -1.0, 1e-9, 2.0, 9.0),
    one("normal log-cdf", sp.log(normal_cdf), -30.0, -10.0, -1.0, 1e-9, 2.0, 9.0),
    many(
        "Black-Scholes call",
        S * (1 + sp.erf(d1 / sp.sqrt(2))) / 2
        - K * sp.exp(-r * tau) * (1 + sp.erf(d2 / sp.sqrt(2))) / 2,
        (S, K, r, sigma, tau),
        (100.0, 90.0, 0.03, 0.2, 1.0),
    ),
    many(
        "normal log-density",
        -((x - mu) ** 2) / (2 * s**2) - sp.log(s) - sp.log(2 * sp.pi) / 2,
        (x, mu, s),
        (1.0, 0.5, 2.0),
        (1e9, 1.0, 1e-3),
    ),
    many(
        "Weibull",
        k / a * (x / a) ** (k - 1) * sp.exp(-((x / a) ** k)),
        (x, a, k),
        (1.0, 2.0, 1.5),
        (1e-9, 1.0, 3.0),
    ),
    one("Kullback-Leibler term", x * sp.log(x) - x + 1, 0.1, 0.5, 2.0, 10.0),
    one("relative growth", (sp.exp(x) - 1) / x, 1e-12, 1e-5, 1.0, 700.0),
    one("logarithm of one plus", sp.log(x + 1) / x, 1e-15, 1e-8, 0.5, 1e10),
    one("odds", sp.exp(x) / (1 + sp.exp(x)) / (1 - sp.exp(x) / (1 + sp.exp(x))), -40.0, 0.3, 40.0),
    one("Gudermannian", 2 * sp.atan(sp.tanh(x / 2)), *SMALL),
    one("squared hyperbolic secant", 1 - sp.tanh(x) ** 2, *TAILS[1:-1]),
    many(
        "Student's t",
        sp.loggamma((n + 1) / 2)
        - sp.loggamma(n / 2)
        - sp.log(n * sp.pi) / 2
        - (n + 1) / 2 * sp.log(1 + x**2 / n),
        (x, n),
        (0.5, 3.0),
        (1e-9, 5.0),
        (30.0, 2.5),
    ),
    many(
        "gamma density",
        x ** (a - 1) * sp.exp(-x / b) / (sp.gamma(a) * b**a),
        (x, a, b),
        (2.0, 3.5, 1.5),
        (0.1, 0.5, 2.0),
    ),
    many(
        "von Mises",
        sp.exp(k * sp.cos(x - mu)) / (2 * sp.pi * sp.besseli(0, k)),
        (x, mu, k),
        (0.5, 0.1, 2.0),
        (3.0, 0.0, 20.0),
    ),
    many("compound interest", (1 + r) ** n, (r, n), (0.05, 10.0), (1e-9, 1e9)),
    many("difference of squares", x**2 - y**2, (x, y), (1e8 + 1, 1e8), (3.0, 2.0)),
    one("quadratic root", (-1 + sp.sqrt(1 + 4 * x)) / 2, 1e-12, 1e-3, 1.0, 1e10),
]

FORMULAS = [replace(f, noisy=f.name in _NOISY) for f in _ALL]
