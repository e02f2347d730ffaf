"""Quotients of polynomials over one denominator, exact where terms cancel.

The slope of ``x / (a + x)`` is, by the chain rule, a difference that leaves nothing for large x;
over one denominator it is ``a / (a + x)^2``. Coefficients are exact fractions, denominators stay
the products of powers that they were written as: multiplied out they would cancel near a root.
Exponents may be negative, and fractions: ``x^2.5 / (a + x^2.5)`` is a quotient too.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

from symgrad.ir.node import Expr, literal
from symgrad.ops.univariate import Formula
from symgrad.rewrite.pattern import multiply, power, power_series, sqrt, square

__all__ = ["quotient_form"]

#: terms of a sum at most, the size of an exponent, and the power of a factor
_TERMS, _EXPONENT, _POWER = 13, 16, 8

#: (exponent, coefficient) of each term, by exponent, no coefficient zero: () is the number 0
Polynomial = tuple[tuple[Fraction, Fraction], ...]

_ONE: Polynomial = ((Fraction(0), Fraction(1)),)
_X: Polynomial = ((Fraction(1), Fraction(1)),)


class _Unsuitable(Exception):
    """The formula is no quotient of polynomials, or too large a one."""


class Quotient(NamedTuple):
    """``above / product of factor^power``; each factor is a sum with a constant term."""

    above: Polynomial
    below: Mapping[Polynomial, int]


# ---------------------------------------------------------------- polynomials


def _sum(terms: Iterable[tuple[Fraction, Fraction]]) -> Polynomial:
    found: dict[Fraction, Fraction] = {}
    for exponent, c in terms:
        found[exponent] = found.get(exponent, Fraction(0)) + c
    out = tuple(sorted([(e, c) for e, c in found.items() if c]))
    if len(out) > _TERMS or any([abs(e) > _EXPONENT for e, _ in out]):
        raise _Unsuitable
    return out


def _times(a: Polynomial, b: Polynomial) -> Polynomial:
    return _sum([(e + f, c * d) for e, c in a for f, d in b])


def _to(a: Polynomial, n: int) -> Polynomial:
    out = _ONE
    for _ in range(n):
        out = _times(out, a)
    return out


def _monomial(exponent: Fraction, c: Fraction = Fraction(1)) -> Polynomial:
    return _sum([(exponent, c)])


def _lowest(a: Polynomial) -> tuple[Fraction, Polynomial]:
    """The lowest exponent, and the polynomial without that power of x."""
    low = a[0][0]
    return low, tuple([(e - low, c) for e, c in a])


def _divided(a: Polynomial, b: Polynomial) -> Polynomial | None:
    """The quotient, if nothing remains."""
    (top, lead) = b[-1]
    out: list[tuple[Fraction, Fraction]] = []
    while a and a[-1][0] >= top and len(out) < 2 * _TERMS:
        exponent, c = a[-1][0] - top, a[-1][1] / lead
        out.append((exponent, c))
        a = _sum([*a, *[(e + exponent, -c * d) for e, d in b]])
    return None if a else _sum(out)


def _without(a: Polynomial, factor: Polynomial, most: int = _EXPONENT) -> tuple[Polynomial, int]:
    """`a` without as many of a factor as it has, and their number."""
    count = 0
    while a and count < most:
        found = _divided(a, factor)
        if found is None:
            break
        a, count = found, count + 1
    return a, count


# ---------------------------------------------------------------- quotients


def _number(value: float) -> Quotient:
    if not math.isfinite(value):
        raise _Unsuitable
    return Quotient(_monomial(Fraction(0), Fraction(value)), {})


def _reduced(above: Polynomial, below: Mapping[Polynomial, int]) -> Quotient:
    left: dict[Polynomial, int] = {}
    for factor, n in below.items():
        above, shared = _without(above, factor, n)
        if n > shared:
            left[factor] = n - shared
    if any([n > _POWER for n in left.values()]):
        raise _Unsuitable
    return Quotient(above, left if above else {})


def _add(a: Quotient, b: Quotient) -> Quotient:
    below = {f: max(a.below.get(f, 0), b.below.get(f, 0)) for f in {**a.below, **b.below}}
    terms: list[tuple[Fraction, Fraction]] = []
    for part in (a, b):
        above = part.above
        for factor, n in below.items():
            above = _times(above, _to(factor, n - part.below.get(factor, 0)))
        terms.extend(above)
    return _reduced(_sum(terms), below)


def _multiply(a: Quotient, b: Quotient) -> Quotient:
    below = {f: a.below.get(f, 0) + b.below.get(f, 0) for f in {**a.below, **b.below}}
    return _reduced(_times(a.above, b.above), below)


def _inverse(a: Quotient, sums: Iterable[Polynomial]) -> Quotient:
    """1 / a, whose denominator is made of those of `sums` that are in it."""
    if not a.above:
        raise _Unsuitable
    low, rest = _lowest(a.above)
    above = _monomial(-low)
    for factor, n in a.below.items():
        above = _times(above, _to(factor, n))
    below: dict[Polynomial, int] = {}
    for factor in sums:
        rest, n = _without(rest, factor)
        if n:
            below[factor] = n
    if len(rest) > 1:
        return _reduced(above, {**below, rest: 1})
    return _reduced(_times(above, _monomial(Fraction(0), 1 / rest[0][1])), below)


def _to_power(a: Quotient, exponent: Quotient, sums: Iterable[Polynomial]) -> Quotient:
    if exponent.below or len(exponent.above) > 1 or any([e for e, _ in exponent.above]):
        raise _Unsuitable
    given = exponent.above[0][1] if exponent.above else Fraction(0)
    n = given.limit_denominator(64)  # 1.3, and what is left of 0.3 + 1
    if abs(n - given) > 1e-15:
        raise _Unsuitable
    if n.denominator > 1:
        if a.below or len(a.above) != 1 or a.above[0][1] != 1:
            raise _Unsuitable
        return Quotient(_monomial(a.above[0][0] * n), {})
    count = abs(int(n))
    if count > _EXPONENT:
        raise _Unsuitable
    if n < 0:
        a = _inverse(a, sums)
    return Quotient(_to(a.above, count), {f: m * count for f, m in a.below.items() if count})


def _read(formula: Formula) -> list[Quotient]:
    """The variable and each step."""
    values = [Quotient(_X, {})]
    minus, half = _number(-1.0), _number(0.5)
    #: sums that were read, without powers of x: of one's power the first is the sum itself
    sums: dict[Polynomial, None] = {}
    for op, args, attrs in formula.steps:
        below = [values[i] for i in args]
        match op:
            case "literal":
                made = _number(attrs[0][1])
            case "add":
                made = _add(*below)
            case "subtract":
                made = _add(below[0], _multiply(minus, below[1]))
            case "negative":
                made = _multiply(minus, below[0])
            case "multiply":
                made = _multiply(*below)
            case "divide":
                made = _multiply(below[0], _inverse(below[1], sums))
            case "reciprocal":
                made = _inverse(below[0], sums)
            case "square":
                made = _multiply(below[0], below[0])
            case "sqrt":
                made = _to_power(below[0], half, sums)
            case "power":
                made = _to_power(below[0], below[1], sums)
            case _:
                raise _Unsuitable
        values.append(made)
        if len(made.above) > 1 and not made.below:
            sums.setdefault(_lowest(made.above)[1])
    return values


# ---------------------------------------------------------------- writing it down


def quotient_form(formula: Formula, x: Expr) -> Expr | None:
    """The formula of `x` over one denominator; None if it has none, or is no such quotient."""
    try:
        values = _read(formula)
    except (_Unsuitable, OverflowError, ZeroDivisionError):
        return None
    value = values[-1]
    if not value.below:
        return None
    # sums as they stand in the formula: multiplied out, they may cancel
    written: dict[Polynomial, Expr] = {}
    for part, node in zip(values, formula.nodes(x), strict=True):
        if not part.below and len(part.above) > 1:
            written.setdefault(part.above, node)
    low, rest = _lowest(value.above)
    factors = [_power(x, low)] if low > 0 else []
    for known, node in written.items():
        rest, n = _without(rest, known)
        if n:
            factors.append(_power(node, Fraction(n)))
    if rest != _ONE or not factors:
        factors.insert(0, _polynomial(rest, x))
    found = factors[0]
    for factor in factors[1:]:
        found = multiply(found, factor)
    if low < 0:
        found = found / _power(x, -low)
    for below, n in value.below.items():
        divisor = written[below] if below in written else _polynomial(below, x)
        together = 2 if below[-1][0] <= 1 else 1  # a higher power may leave the range
        for _ in range(n // together):
            found = found / _power(divisor, Fraction(together))
        if n % together:
            found = found / divisor
    return found


def _power(x: Expr, exponent: Fraction) -> Expr:
    if exponent == 1:
        return x
    if exponent == 2:
        return square(x)
    return sqrt(x) if exponent == Fraction(1, 2) else power(x, float(exponent))


def _polynomial(p: Polynomial, x: Expr) -> Expr:
    if len(p) > 3 and all([e.denominator == 1 and e >= 0 for e, _ in p]):
        known = dict(p)
        top = int(p[-1][0])
        return power_series(x, tuple([float(known.get(Fraction(i), 0)) for i in range(top + 1)]))
    total: Expr | None = None
    for exponent, c in p:
        number = literal(abs(float(c)), x.dtype)
        term = number if exponent == 0 else _power(x, exponent)
        if exponent != 0 and abs(c) != 1:
            term = multiply(number, term)
        if total is None:
            total = term if c > 0 else -term
        else:
            total = total + term if c > 0 else total - term
    assert total is not None
    return total
