"""Numbers that stand for a constant: 1.1283791670955126 is 2 / sqrt(pi), 0.4 is 2 / 5."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

__all__ = ["meant", "meant_factor"]

#: what derivatives bring along; not pi itself, at whose double a formula may be evaluated
_CONSTANTS = {
    "sqrt(pi)": math.sqrt(math.pi),
    "1/sqrt(pi)": 1 / math.sqrt(math.pi),
    "sqrt(2*pi)": math.sqrt(2 * math.pi),
    "1/sqrt(2*pi)": 1 / math.sqrt(2 * math.pi),
    "log(2)": math.log(2),
    "1/log(2)": 1 / math.log(2),
    "log(10)": math.log(10),
    "1/log(10)": 1 / math.log(10),
}
#: small factors before them
_FACTORS = sorted(
    {s * n / d for s in (-1, 1) for n in range(1, 13) for d in (1, 2, 4, 8, 16, 32)}, key=abs
)
#: denominators at most: those of a series, and of numbers with six decimals
_DENOMINATOR = 10**6


@lru_cache(maxsize=4096)
def meant(value: float) -> Any:
    """The constant that a number is, to the last bits, as SymPy has it; None if it is none.

    What cancels on paper, as ``2 / sqrt(pi) e^(-x^2) - erf(x) / x`` does at 0, cancels with many
    digits only if these are those of the constant, not those of the number nearest to it.
    """
    import sympy

    for text, constant in _CONSTANTS.items():
        factor = value / constant
        near = [f for f in _FACTORS if abs(f - factor) <= 4e-16 * abs(f)]
        if near:
            return sympy.Rational(near[0]) * sympy.sympify(text)
    return None


def meant_factor(value: float) -> Any:
    """The constant or the fraction that a factor or an exponent is; None if it is none.

    As for :func:`meant`: ``(1 + x)^(1/3) - 1 - x / 3`` cancels if both thirds are thirds. Not to be
    asked of what is added or subtracted: the formula may be evaluated at that very number.
    """
    import sympy

    if not math.isfinite(value) or value == 0 or abs(value) > _DENOMINATOR:
        return meant(value)
    near = Fraction(value).limit_denominator(_DENOMINATOR)
    exact = float(near) == value and near != Fraction(value)
    return sympy.Rational(near.numerator, near.denominator) if exact else meant(value)
