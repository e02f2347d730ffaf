"""``sg.lambdify`` on formulas of physics: against mpmath, beside SymPy's own lambdify."""

import math
import warnings
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

import symgrad as sg
from tests.symbolic.physics import FORMULAS, Formula

#: ulps for value, gradient, Hessian; or so many times the error of the naive formula
ALLOWED = ((4.0, 1.0), (16.0, 2.0), (64.0, 4.0))


def ulps(got: float, want: Any) -> float:
    nearest = float(want)
    if math.isinf(nearest):
        return 0.0 if got == nearest else math.inf
    if not math.isfinite(got):
        return math.inf
    if abs(nearest) < 1e-307:  # subnormal, or nothing
        return 0.0 if abs(got) < 1e-306 else math.inf
    return float(abs(mpmath.mpf(got) - want) / float(np.spacing(abs(nearest))))


@cache
def errors(
    formula: Formula,
) -> list[tuple[str, int, tuple[float, ...], float, float, float, float]]:
    """What, order, point, value, truth, our error, the naive formula's; for everything."""
    n = len(formula.symbols)
    slopes = [formula.expr.diff(s) for s in formula.symbols]
    curves = [slope.diff(s) for slope in slopes for s in formula.symbols]
    parts = [formula.expr, *slopes, *curves]
    labels = ["value", *(f"d{s}" for s in formula.symbols)]
    labels += [f"d{s} d{t}" for s in formula.symbols for t in formula.symbols]
    columns = [np.array(column) for column in zip(*formula.points, strict=True)]
    value, gradient, hessian = sg.lambdify(formula.symbols, formula.expr, 2)(*columns)
    ours = [value, *np.moveaxis(gradient, -1, 0)]
    ours += [*hessian.reshape(len(value), -1).T]
    naive = sympy.lambdify(formula.symbols, parts, ["scipy", "numpy"])
    exact = sympy.lambdify(formula.symbols, parts, "mpmath", cse=True)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peers = [np.broadcast_to(p, (len(formula.points),)) for p in naive(*columns)]
    found = []
    for k, point in enumerate(formula.points):
        for i, (label, truth) in enumerate(zip(labels, truths(exact, point), strict=False)):
            order = 0 if i == 0 else 1 if i <= n else 2
            got, peer = float(ours[i][k]), float(peers[i][k])
            row = (label, order, point, got, float(truth), ulps(got, truth), ulps(peer, truth))
            found.append(row)
    return found


def truths(exact: Any, point: tuple[float, ...]) -> list[Any]:
    """With as many digits as it takes until 40 of them stay; what is 0 is so with 4000."""
    known: list[Any] = []
    for digits in (150, 600, 4000):
        with mpmath.mp.workdps(digits):
            try:
                found = [mpmath.mpmathify(t) for t in exact(*map(mpmath.mpf, point))]
            except ZeroDivisionError:  # by a difference that needs more digits
                continue
            pairs = zip(known, found, strict=False)
            if known and all(a and abs(a - b) <= abs(b) * mpmath.mpf(10) ** -40 for a, b in pairs):
                break
        known = found
    return found


def noise(formula: Formula, label: str, point: tuple[float, ...]) -> float:
    """Ulps of the slope that one unit in each of its terms makes, for a noisy formula."""
    if not formula.noisy or not label.startswith("d"):
        return 0.0
    terms = sympy.Add.make_args(formula.expr.diff(*[part[1:] for part in label.split()]))
    with mpmath.mp.workdps(50):
        found = [
            sympy.lambdify(formula.symbols, t, "mpmath")(*map(mpmath.mpf, point)) for t in terms
        ]
        return float(sum(map(abs, found)) / abs(sum(found)))


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.name)
def test_no_worse_than_naive(formula: Formula) -> None:
    """Each value, slope and curvature: accurate, or as good as SymPy's own."""
    worse = [
        f"{label} at {point}: {got} for {truth}: {ours:.3g} ulps, naive {naive:.3g}"
        for label, order, point, got, truth, ours, naive in errors(formula)
        if not ours
        <= max(ALLOWED[order][0], ALLOWED[order][1] * naive, noise(formula, label, point))
    ]
    assert not worse, "\n".join(worse)


#: where SymPy's lambdify loses everything, and ours nothing: (formula, label, point)
SAVED = [
    ("Planck's law", "value", (1e-12,)),
    ("Planck's law", "dx", (1e-8,)),
    ("Bose-Einstein", "value", (1e-12,)),
    ("Schottky anomaly", "value", (800.0,)),
    ("two-level partition", "value", (1e3,)),
    ("two-level partition", "dx", (-1e3,)),
    ("Morse", "value", (2.0, 1.5, 1.0 + 1e-9, 1.0)),
    ("distance", "value", (1e200, 0.0, 1e200, 1.0)),
    ("distance", "dx", (1e200, 0.0, 1e200, 1.0)),
    ("pendulum", "value", (1e-9,)),
    ("hyperbolic Bragg", "value", (1e3,)),
    ("Goldman-Hodgkin-Katz", "value", (1e-12,)),
    ("softplus", "value", (1e3,)),
    ("softplus", "dx", (1e3,)),
    ("log-logistic", "value", (-1e3,)),
    ("log(1 - e^-x)", "value", (40.0,)),
    ("log-sum-exp", "value", (1e3, 1e3, -1e3)),
    ("log-sum-exp", "dx", (-1e3, -1001.0, -1e4)),
    ("softmax", "value", (1e3, 1e3, -1e3)),
    ("softmax", "dx", (-1e3, -1001.0, -1e4)),
    ("normal cdf", "value", (-10.0,)),
    ("relative growth", "value", (1e-12,)),
    ("logarithm of one plus", "value", (1e-15,)),
    ("Rayleigh range", "value", (1e200,)),
]


@pytest.mark.parametrize(("name", "label", "point"), SAVED)
def test_saved(name: str, label: str, point: tuple[float, ...]) -> None:
    [formula] = [f for f in FORMULAS if f.name == name]
    [(_, order, _, _, _, ours, naive)] = [
        row for row in errors(formula) if row[0] == label and row[2] == point
    ]
    assert ours <= ALLOWED[order][0]
    assert naive > 1e4
