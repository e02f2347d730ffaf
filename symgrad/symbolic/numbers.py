"""SymPy's exact numbers as the nearest that NumPy has."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from symgrad.errors import CompileError

__all__ = ["Exact", "fraction", "nearest"]

#: whole numbers up to this one are doubles
_WHOLE = 2**53


class Exact:
    """A constant that SymPy still holds exactly: it is rounded once, where it meets a variable."""

    __slots__ = ("expr",)

    def __init__(self, expr: Any) -> None:
        self.expr = expr


def nearest(expr: Any) -> int | float:
    """The nearest Python number: an int where it is one.

    Raises
    ------
    CompileError
        For a number that is not real.

    Examples
    --------
    >>> import sympy
    >>> nearest(sympy.Rational(1, 3)), nearest(sympy.Integer(2)), nearest(sympy.pi)
    (0.3333333333333333, 2, 3.141592653589793)
    """
    if expr.is_Integer:
        value = int(expr)
        return value if abs(value) < 2**63 else _rounded(Fraction(value))
    if expr.is_Rational:
        return _rounded(Fraction(int(expr.p), int(expr.q)))
    if expr.is_Float:
        return float(expr)
    found = expr.evalf(30)
    if found.is_Number or found.is_infinite:
        if found.is_infinite and not found.is_extended_real:
            return math.nan  # SymPy's 1/0, of which the sign is unknown
        return float(found)
    real, imaginary = found.as_real_imag()
    if imaginary != 0:
        if not (real.is_Number and imaginary.is_Number and abs(imaginary) < abs(real) * 1e-25):
            raise CompileError(f"{expr} is no real number")
        found = real
    try:
        return float(found)
    except (TypeError, ValueError):
        raise CompileError(f"{expr} is no real number") from None


def fraction(expr: Any) -> tuple[int | float, int]:
    """p and q of which a number is the quotient, both exact; of a number without any, it and 1.

    Terms of a series cancel only if x / 6 is x / 6, not x times the double next to 1 / 6.

    Examples
    --------
    >>> import sympy
    >>> fraction(sympy.Rational(2, 3)), fraction(sympy.Rational(3, 4)), fraction(sympy.pi)
    ((2, 3), (0.75, 1), (3.141592653589793, 1))
    """
    if expr.is_Rational and abs(expr.p) <= _WHOLE and expr.q <= _WHOLE and expr.q & (expr.q - 1):
        return int(expr.p), int(expr.q)
    return nearest(expr), 1


def _rounded(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
