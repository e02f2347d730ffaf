"""Every stability rule against mpmath at hard points, value and slope.

Generated from the tables, for each left side that is made of elementwise ops alone. The truth is
the left side itself with up to 800 digits, and its derivatives by SymPy. The error is at most the
largest of 4 ulps, the naive form's, and what a change of the arguments by their last bits does.
"""

import math
from itertools import product
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

from symgrad.autodiff.reverse import cotangents
from symgrad.ir.graph import topological
from symgrad.ir.node import LITERAL, Expr, identity
from symgrad.ir.op import FUNCTIONS
from symgrad.ops.interpret import evaluate
from symgrad.ops.leaf import INPUT
from symgrad.rewrite import Rule, rewrite_exprs
from symgrad.symbolic.formulas import as_sympy
from tests.rewrite.rule_cases import CASES
from tests.rewrite.ulps import ulps

TINY, MIDDLE = [5e-324, 1e-310, 1e-300, 1e-17, 3e-9, 1e-4], [0.3, 0.7, 1.0, 2.5, 10.0, 36.9]
LARGE, HUGE = [50.0, 300.0, 745.5, 1e3], [1e8, 1e300]


#: functions that mpmath does not come to an end with at large numbers
SLOW = (
    sympy.gamma,
    sympy.besseli,
    sympy.besselk,
    sympy.lowergamma,
    sympy.uppergamma,
    sympy.betainc_regularized,
)


#: SymPy's own translation forgets that it is regularised
OURS = {"betainc_regularized": lambda *args: mpmath.betainc(*args, regularized=True)}


def both_signs(points: list[float]) -> list[float]:
    return [0.0, *points, *[-p for p in points]]


def vector(name: str, n: int) -> Expr:
    return identity(INPUT, {"name": name, "shape": (n,), "dtype": np.dtype(np.float64)})


def is_scalar_form(names: tuple[str, ...], build: Any) -> bool:
    try:
        left = build(*[vector(name, 2) for name in names])
    except Exception:  # it needs axes that a vector has not
        return False
    return all(
        node.op.elementwise or node.op is INPUT or (node.op is LITERAL and not node.shape)
        for node in topological([left])
    )


SCALAR = [
    case
    for case in CASES
    if case.values[0].table == "stability" and is_scalar_form(*case.values[1:])
]


def points_of(formula: Any, count: int) -> list[tuple[float, ...]]:
    """Hard points; not those at which mpmath would write out e^(10^8) digit by digit."""
    if formula.has(*SLOW):
        return [(p, *[0.7] * (count - 1)) for p in both_signs([1e-4, *MIDDLE[:5]])]
    nested = any(e.args[0].has(sympy.exp) for e in formula.atoms(sympy.exp))
    huge = [] if nested else HUGE
    if count == 1:
        return [(p,) for p in both_signs(TINY + MIDDLE + LARGE + huge)]
    first = both_signs(TINY[::3] + MIDDLE[::3] + LARGE[1::2] + huge)
    return [(p, q) for p in first for q in (0.5, 700.0)] + [(p, p) for p in first]


def digits(point: tuple[float, ...]) -> int:
    """As many as 1 - cos x cancels for a small x, or 1 + e^-x for a large one."""
    needed = [min(abs(p), 800) if abs(p) > 1 else -2 * math.log10(abs(p)) for p in point if p]
    return 60 + int(max(needed, default=0))


class Truth:
    """A formula with many digits."""

    def __init__(self, formula: Any, symbols: list[Any]) -> None:
        self.fn = sympy.lambdify(symbols, formula, modules=[OURS, "mpmath"], cse=True)

    def at(self, point: tuple[float, ...]) -> Any:
        """The value, or None where there is none."""
        with mpmath.workdps(digits(point)):
            try:
                value = self.fn(*[mpmath.mpf(p) for p in point])
            except (ArithmeticError, ValueError):
                return None
        return None if isinstance(value, mpmath.mpc) or mpmath.isnan(value) else value

    def sensitivity(self, point: tuple[float, ...]) -> float:
        """How many ulps the value moves when the arguments move by one."""
        ends = [(np.nextafter(p, -np.inf), np.nextafter(p, np.inf)) for p in point]
        moved = [value for value in map(self.at, product(*ends)) if value is not None]
        return float(max(ulps([float(v) for v in moved], [self.at(point)] * len(moved)), default=0))


def check(
    naive: Any, stable: Any, truth: Truth, points: list[tuple[float, ...]], noise: float = 0.0
) -> None:
    exact = [truth.at(point) for point in points]
    known = [i for i, value in enumerate(exact) if value is not None]
    assert len(known) > len(points) // 4
    values = [exact[i] for i in known]
    old, new = ulps(naive[known], values), ulps(stable[known], values)
    for i in np.flatnonzero(new > np.maximum(old, 4.0)):
        if abs(stable[known[i]] - float(values[i])) > noise:
            bound = 4 + 2 * truth.sensitivity(points[known[i]])
            assert new[i] <= bound, (points[known[i]], float(values[i]), old[i])


def sides(rule: Rule, names: Any, build: Any, n: int) -> tuple[list[Expr], Expr, Expr]:
    leaves = [vector(name, n) for name in names]
    naive = build(*leaves)
    [stable], _, fired = rewrite_exprs([naive], ["stability"])
    assert fired
    return leaves, naive, stable


@pytest.mark.parametrize(("rule", "names", "build"), SCALAR)
def test_value_and_slope_are_accurate(rule: Rule, names: Any, build: Any) -> None:
    leaves, naive, _ = sides(rule, names, build, 1)
    symbols = [sympy.Symbol(name, real=True) for name in names]
    [formula] = as_sympy([naive], dict(zip(leaves, symbols, strict=True)))
    points = points_of(formula, len(names))
    leaves, naive, stable = sides(rule, names, build, len(points))
    env = dict(zip(leaves, np.array(points).T, strict=True))
    seed = FUNCTIONS["ones"](naive.shape)
    check(*evaluate([naive, stable], env), Truth(formula, symbols), points)
    # tanh' is made of the value of tanh, and has its error: documented there
    hyperbolic = any(node.op.name == "tanh" for node in topological([stable]))
    noise = np.finfo(float).eps if hyperbolic else 0.0
    for x, symbol in zip(leaves, symbols, strict=True):
        if not formula.has(symbol):
            continue
        [old], [new] = (cotangents([side], [seed], [x]) for side in (naive, stable))
        [new], _, _ = rewrite_exprs([new], ["arithmetic", "algebra", "shape", "folding"])
        check(*evaluate([old, new], env), Truth(formula.diff(symbol), symbols), points, noise)


@pytest.mark.parametrize(("rule", "names", "build"), SCALAR)
def test_special_values_stay(rule: Rule, names: Any, build: Any) -> None:
    """NaN gives NaN; at an infinity, what the naive formula knows, the stable one knows too."""
    first = [np.nan, np.inf, -np.inf]
    points = [(p, *[0.5] * (len(names) - 1)) for p in first]
    leaves, naive, stable = sides(rule, names, build, len(points))
    before, after = evaluate([naive, stable], dict(zip(leaves, np.array(points).T, strict=True)))
    known = ~np.isnan(before)
    np.testing.assert_array_equal(np.isnan(after[0]), np.isnan(before[0]))
    np.testing.assert_allclose(after[known], before[known], rtol=1e-15)
