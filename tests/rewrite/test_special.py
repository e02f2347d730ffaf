"""Formulas in special functions as one writes them, value and slope against mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import symgrad as sg
from symgrad.autodiff.reverse import cotangents
from symgrad.ir.op import FUNCTIONS, OPS
from symgrad.ops.elementwise import Elementwise
from symgrad.ops.interpret import evaluate
from symgrad.rewrite import rewrite_exprs
from symgrad.rewrite.pattern import (
    beta,
    cos,
    erf,
    erfc,
    exp,
    gamma,
    gammaln,
    i0,
    i1,
    k0,
    log,
    ndtr,
    square,
)

mp = mpmath.mp.clone()
mp.dps = 120
R2 = math.sqrt(2)


def phi(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def log_phi(x: Any) -> Any:
    return mp.log(phi(x)) if x < 0 else mp.log1p(-phi(-x))


POINTS = [-700.0, -37.0, -10.0, -1.0, -1e-3, 0.0, 0.3, 1.0, 5.0, 9.0]
ROWS: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[float], float]] = {
    "log of 0.5 (1 + erf)": (lambda x: log(0.5 * (1 + erf(x / R2))), log_phi, POINTS, 1e-13),
    "log of (1 + erf) / 2": (lambda x: log((1 + erf(x / R2)) / 2), log_phi, POINTS, 1e-13),
    "log of 1/2 + erf / 2": (lambda x: log(0.5 + 0.5 * erf(x / R2)), log_phi, POINTS, 1e-13),
    "log of erfc(-x / sqrt 2) / 2": (lambda x: log(erfc(-x / R2) / 2), log_phi, POINTS, 1e-13),
    "log ndtr": (lambda x: log(ndtr(x)), log_phi, POINTS, 1e-13),
    "log(1 - ndtr)": (lambda x: log(1 - ndtr(-x)), log_phi, POINTS, 1e-13),
    "log of a product": (
        lambda x: log(3 * ndtr(x) * exp(-x)), lambda x: mp.log(3) + log_phi(x) - x, POINTS, 1e-13
    ),
    "log of a difference of two": (
        lambda x: log(ndtr(x) / (ndtr(x) + ndtr(x - 1))),
        lambda x: -mp.log1p(mp.exp(log_phi(x - 1) - log_phi(x))), [-300.0, -37.0, 0.0, 5.0], 1e-10
    ),
    "log erfc": (
        lambda x: log(erfc(x)), lambda x: mp.log(mp.erfc(x)),
        [-3.0, -1e-9, 1e-9, 0.3, 0.6, 5.0, 30.0], 1e-13
    ),
    "log(1 - erf)": (
        lambda x: log(1 - erf(x)), lambda x: mp.log(mp.erfc(x)), [-3.0, 0.3, 5.0, 30.0], 1e-13
    ),
    "mills": (
        lambda x: exp(-(x**2) / 2) / math.sqrt(2 * math.pi) / ndtr(x),
        lambda x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi) / phi(x),
        [-700.0, -37.0, -3.0, 1.0], 1e-12
    ),
    "erfcx": (
        lambda x: exp(x * x) * (1 - erf(x)), lambda x: mp.exp(x * x) * mp.erfc(x),
        [0.3, 5.0, 27.0, 30.0], 1e-12
    ),
    "log gamma": (
        lambda x: log(gamma(x)), mp.loggamma, [1e-9, 0.5, 1.5, 3.0, 171.0, 300.0, 1e5], 1e-13
    ),
    "log of a quotient of gammas": (
        lambda x: log(gamma(x + 0.5) / gamma(x)),
        lambda x: mp.loggamma(x + mp.mpf(0.5)) - mp.loggamma(x), [0.5, 3.0, 300.0], 1e-11
    ),
    "log beta": (
        lambda x: log(beta(x, 3.0)),
        lambda x: mp.loggamma(x) + mp.loggamma(3) - mp.loggamma(x + 3), [0.5, 300.0, 1e9], 1e-13
    ),
    "log beta by log gamma": (
        lambda x: gammaln(x) + gammaln(3.0) - gammaln(x + 3.0),
        lambda x: mp.loggamma(x) + mp.loggamma(3) - mp.loggamma(x + 3),
        [0.5, 300.0, 1e9],
        1e-13,
    ),
    "gammas to beta": (
        lambda x: gamma(x) * gamma(2.0 + 0 * x) / gamma(x + (2.0 + 0 * x)),
        lambda x: 1 / (x * (x + 1)), [0.5, 3.0, 300.0, 1e4], 1e-10  # SciPy's beta
    ),
    "log i0": (
        lambda x: log(i0(x)), lambda x: mp.log(mp.besseli(0, x)),
        [1e-9, 1e-3, 0.3, 5.0, 700.0, 2000.0], 1e-13
    ),
    "log i0, negative": (
        lambda x: log(i0(-x)), lambda x: mp.log(mp.besseli(0, x)), [0.3, 5.0, 2000.0], 1e-13
    ),
    "log i1": (
        lambda x: log(i1(x)), lambda x: mp.log(mp.besseli(1, x)), [0.3, 5.0, 2000.0], 1e-13
    ),
    "log k0": (
        lambda x: log(k0(x)), lambda x: mp.log(mp.besselk(0, x)), [0.3, 5.0, 2000.0], 1e-13
    ),
    "von Mises": (
        lambda x: x - log(2 * math.pi * i0(x)),
        lambda x: x - mp.log(2 * mp.pi * mp.besseli(0, x)), [0.3, 5.0, 2000.0], 1e-12
    ),
    "mean resultant length": (
        lambda x: i1(x) / i0(x), lambda x: mp.besseli(1, x) / mp.besseli(0, x),
        [0.3, 5.0, 700.0, 2000.0], 1e-10
    ),
    "less a share of erf": (
        lambda x: x - x * erf(x), lambda x: x * mp.erfc(x), [-3.0, 0.3, 5.0, 8.0, 20.0], 1e-13
    ),
    "a share of ndtr less all": (
        lambda x: ndtr(x) * x - x, lambda x: -x * phi(-x), [-3.0, 0.3, 8.0, 20.0], 1e-13
    ),
    "more a share of erf": (
        lambda x: x + erf(x - 9) * x, lambda x: x * mp.erfc(9 - x), [0.3, 2.0, 20.0], 1e-13
    ),
    "less a share of e^-x": (
        lambda x: x - x * exp(-x), lambda x: -x * mp.expm1(-x), [1e-9, 0.3, 20.0], 1e-13
    ),
    "less a share of cos": (
        lambda x: x - x * cos(x), lambda x: x * (1 - mp.cos(x)), [1e-9, 0.3, 3.0], 1e-13
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_value_and_slope(name: str, leaf: Any) -> None:
    build, exact, points, tolerance = ROWS[name]
    x = leaf("x", (len(points),))
    [stable], _, fired = rewrite_exprs([build(x)], ["stability"])
    assert fired, "nothing was recognised"
    (slope,) = cotangents([stable], [FUNCTIONS["ones"](stable.shape)], [x])
    value, found = evaluate([stable, slope], {x: points})
    h = mp.mpf(10) ** -40
    truth = [exact(mp.mpf(p)) for p in points]
    slopes = [(exact(p + h) - exact(p - h)) / (2 * h) for p in map(mp.mpf, points)]
    np.testing.assert_allclose(value, [float(t) for t in truth], rtol=tolerance, atol=1e-300)
    np.testing.assert_allclose(found, [float(t) for t in slopes], rtol=tolerance, atol=1e-300)


def test_the_logarithm_of_a_negative_gamma_stays_nan(leaf: Any) -> None:
    x = leaf("x", (4,))
    points = [-0.5, -1.5, -2.5, 3.0]
    [stable], _, fired = rewrite_exprs([log(gamma(x))], ["stability"])
    assert fired
    with np.errstate(all="ignore"):
        want = np.log([float(mpmath.gamma(p)) for p in points])
    np.testing.assert_allclose(evaluate([stable], {x: points})[0], want, rtol=1e-14)


def test_an_entropy_by_hand_has_a_value_at_zero(leaf: Any) -> None:
    p = leaf("p", (3,))
    [stable], _, fired = rewrite_exprs([-(p * log(p)).sum()], ["stability"])
    assert fired
    value = evaluate([stable], {p: [0.0, 0.5, 0.5]})[0]
    assert value == pytest.approx(math.log(2), rel=1e-15)


def test_a_kernel_of_gaussians_stays_as_it_is(leaf: Any) -> None:
    x = leaf("x", (3,))
    [same], _, _ = rewrite_exprs([exp(-square(x))], ["stability"])
    assert same is exp(-square(x))


@pytest.mark.parametrize("order", [0, 1, 2])
def test_logarithms_of_bessel_functions_are_compiled(order: int) -> None:
    v = sg.input("v", ("N",))
    value = sg.special.iv(order, v) if order > 1 else (sg.i1 if order else sg.i0)(v)
    sums = [] if order else [sg.log(value + 1)]  # of what may be negative there is no more known
    for build in (sg.log(value), sg.log(value * v), sg.log(value) - v, *sums):
        f = sg.function([v], [build, sg.grad(build.sum(), v)])
        assert np.all(np.isfinite(f([0.5, 3.0, 800.0]))), f.source


def test_the_logarithm_of_i0_reads_as_such() -> None:
    v = sg.input("v", ("N",))
    loss = sg.log(sg.i0(v))
    f = sg.function([v], [loss, sg.grad(loss.sum(), v)], style="readable")
    assert "log_i0(v)" in f.source and "special.i1e(v) / special.i0e(v)" in f.source


def test_rewriting_ends_on_the_logarithm_of_any_function() -> None:
    inputs = [sg.input(name, ("N",)) for name in ("u", "v")]
    tried = 0
    for name, op in [*OPS.items()]:
        if not isinstance(op, Elementwise) or op.arity > 2 or name not in FUNCTIONS:
            continue
        try:
            value = FUNCTIONS[name](*inputs[: op.arity])
        except (sg.SymgradError, TypeError):  # of whole numbers, or of other arguments
            continue
        if value.dtype.kind == "f":
            sg.function(inputs, sg.log(value) + sg.log(value + 1))
            tried += 1
    assert tried > 100
