"""Constants that numbers stand for."""

import math

import pytest
import sympy

from symgrad.symbolic.constants import meant


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
