"""Sums, products and powers of SymPy's: what form they are in, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from symgrad.symbolic.calls import call
from symgrad.symbolic.numbers import Exact, fraction

__all__ = [
    "common_factor",
    "difference_of_squares",
    "dyadic",
    "is_number",
    "is_positive",
    "less_one",
    "product_of",
    "reciprocal_of",
    "sum_of",
    "sum_of_squares",
    "times",
    "with_tails",
]

#: functions that go from -1 to 1, so that 1 less one is small
_SIGMOIDAL = frozenset({"erf", "tanh"})


def sum_of(plus: list[Any], minus: list[Any], number: int | float) -> Any:
    """In the order in which one writes it: 1 - x, x + 1, x - y - 1."""
    plus, minus = list(plus), list(minus)
    if not plus and number > 0:
        plus, number = [number], 0
    if not plus:
        total = call("negative", minus.pop(0))
    else:
        total = reduce(lambda a, b: call("add", a, b), plus)
    if not number <= 0:  # NaN, too
        total = call("add", total, number)
    for value in minus:
        total = call("subtract", total, value)
    return call("subtract", total, -number) if number < 0 else total


def product_of(values: Sequence[Any]) -> Any:
    return reduce(lambda a, b: call("multiply", a, b), values)


def is_number(expr: Any) -> bool:
    """Whether it is a constant, told without a walk through what is deep."""
    return bool(expr.is_Number or expr.is_NumberSymbol or (not expr.is_Symbol and expr.is_number))


def reciprocal_of(expr: Any) -> Any:
    """1 / expr, of a power with a negative exponent; None for anything else."""
    import sympy

    if not expr.is_Pow or not is_number(expr.exp) or not expr.exp.is_negative:
        return None
    return expr.base if expr.exp == -1 else sympy.Pow(expr.base, -expr.exp, evaluate=False)


def is_positive(expr: Any) -> bool:
    """Whether it is known not to be negative, at a glance."""
    if type(expr).__name__ in ("exp", "Abs", "cosh"):
        return True
    if expr.is_Pow:
        return bool(expr.exp.is_Integer and expr.exp % 2 == 0)
    return bool(expr.is_Symbol and expr.is_nonnegative)


def dyadic(exponent: Any) -> Any:
    """An exponent that was written 0.5 or 2.0, as the fraction that it is."""
    import sympy

    if not exponent.is_Float:
        return exponent
    value = sympy.Rational(float(exponent))
    return value if value.q <= 4 and abs(value.p) < 2**30 else exponent


def times(coefficient: Any, x: Any) -> Any:
    """A number of SymPy's times a value; a fraction of whole numbers stays one."""
    if isinstance(x, Exact):
        return Exact(coefficient * x.expr)
    above, below = fraction(coefficient)
    x = x if above == 1 else call("multiply", above, x)
    return x if below == 1 else call("divide", x, below)


def less_one(expr: Any) -> tuple[Any, ...] | None:
    """The other terms of a sum that has the term 1."""
    if not expr.is_Add:
        return None
    rest = tuple([term for term in expr.args if not (term.is_Integer and term == 1)])
    return rest if len(rest) < len(expr.args) else None


def common_factor(terms: Sequence[Any]) -> tuple[Any, list[int], list[Any]] | None:
    """c, signs and rests of c (1 + x), which SymPy writes c + c x; None where c is 1."""
    import sympy

    found, signs, rests = None, [], []
    for term in terms:
        if term.is_Number:
            c, rest = term, sympy.Integer(1)
        elif term.is_Mul and term.args[0].is_Number:
            c, *parts = term.args
            rest = parts[0] if len(parts) == 1 else sympy.Mul(*parts, evaluate=False)
        else:
            return None
        if not c.is_finite or c == 0 or abs(c) == 1 or (found is not None and abs(c) != found):
            return None
        found = abs(c)
        signs.append(1 if c > 0 else -1)
        rests.append(rest)
    return found, signs, rests


def with_tails(terms: Sequence[Any]) -> list[Any] | None:
    """x - (1 + erf(y)) / 2 of what SymPy writes x - erf(y) / 2 - 1/2; None if it is no such sum."""
    import sympy

    if len(terms) < 2 or not any([term.is_Number for term in terms]):
        return None
    rest, parts = [], []
    number = sympy.Add(*[term for term in terms if term.is_Number])
    for term in terms:
        if term.is_Number:
            continue
        product = term.is_Mul and len(term.args) == 2
        c, f = term.args if product else (sympy.Integer(1), term)
        if type(f).__name__ in _SIGMOIDAL and c.is_Number:
            parts.append((c, f))
        else:
            rest.append(term)
    if (not rest and len(parts) < 2 and number > 0) or abs(number) != sum(
        [abs(c) for c, _ in parts]
    ):
        return None
    sign = sympy.sign(number)
    for c, f in parts:
        one = sympy.Add(abs(c), sign * c * f, evaluate=False)
        rest.append(one if sign > 0 else sympy.Mul(-1, one, evaluate=False))
    return rest


def _root(term: Any) -> tuple[Any, Any] | None:
    """c and r with (c r)^2 = term, where that needs no root of a symbol; None otherwise."""
    import sympy

    if term.is_Rational:
        root = sympy.sqrt(term) if term > 0 else None
        return (root, sympy.Integer(1)) if root is not None and root.is_Rational else None
    coefficient = sympy.Integer(1)
    if term.is_Mul and len(term.args) == 2 and term.args[0].is_Rational:
        coefficient, term = term.args
    if not (term.is_Pow and term.exp == 2 and coefficient > 0):
        return None
    root = sympy.sqrt(coefficient)
    return (root, term.base) if root.is_Rational else None


def sum_of_squares(expr: Any) -> tuple[Any, Any] | None:
    if not expr.is_Add or len(expr.args) != 2:
        return None
    first, second = map(_root, expr.args)
    return None if first is None or second is None else (first, second)


def difference_of_squares(terms: Sequence[Any]) -> tuple[Any, Any] | None:
    """a^2 - b^2 as the roots of both."""
    for plus, minus in (terms, terms[::-1]):
        opposite = _opposite(minus)
        if opposite is not None:
            a, b = _root(plus), _root(opposite)
            if a is not None and b is not None:
                return a, b
    return None


def _opposite(term: Any) -> Any:
    """-term, of a term that has a minus sign."""
    if term.is_Number:
        return -term if term < 0 else None
    if term.is_Mul and len(term.args) == 2 and term.args[0].is_Rational and term.args[0] < 0:
        return -term
    return None
