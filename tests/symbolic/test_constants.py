"""Constants that numbers stand for."""

import math

import pytest
import sympy

from symgrad.symbolic.constants import meant, meant_factor


@pytest.mark.parametrize(
    ("value", "constant"),
    [
        (2 / math.sqrt(math.pi), 2 / sympy.sqrt(sympy.pi)),
        (-4 / math.sqrt(math.pi), -4 / sympy.sqrt(sympy.pi)),
        (math.sqrt(2 / math.pi), sympy.sqrt(2 / sympy.pi)),
        (0.5 * math.log(2), sympy.log(2) / 2),
        (math.sqrt(math.pi / 2), sympy.sqrt(sympy.pi / 2)),
    ],
)
def test_a_constant_is_found(value: float, constant: sympy.Expr) -> None:
    assert sympy.simplify(meant(value) - constant) == 0


@pytest.mark.parametrize("value", [1.0, 0.1, math.pi, math.e, 1.12838, 0.69314718, 3.0, -0.044715])
def test_other_numbers_are_none(value: float) -> None:
    assert meant(value) is None


@pytest.mark.parametrize(
    "constant",
    [
        *[
            sympy.Rational(p, q)
            for p, q in [(1, 3), (-2, 15), (1, 362880), (1, 10), (44715, 10**6)]
        ],
        2 / sympy.sqrt(sympy.pi),
    ],
)
def test_a_factor_may_be_a_fraction(constant: sympy.Expr) -> None:
    assert sympy.simplify(meant_factor(float(constant)) - constant) == 0


@pytest.mark.parametrize(
    "value", [0.0, 0.75, 3.0, math.pi, 0.1 + 2e-17, 1e-9, 1e300, math.inf, math.nan]
)
def test_other_factors_are_none(value: float) -> None:
    assert meant_factor(value) is None
