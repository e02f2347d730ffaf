"""Quotients of polynomials over one denominator, exact where terms cancel.

The slope of ``x / (a + x)`` is, by the chain rule, a difference that leaves nothing for large x;
over one denominator it is ``a / (a + x)^2``. Coefficients are exact fractions, denominators stay
the products of powers that they were written as: multiplied out they would cancel near a root.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from symgrad.ir.node import Expr, literal
from symgrad.ops.univariate import Formula
from symgrad.rewrite.pattern import multiply, power, power_series, square

__all__ = ["quotient_form"]

#: degree of a numerator at most, and the power of a factor
_DEGREE, _POWER = 12, 8

#: coefficients, lowest power first, no zero at the end: () is the number 0
Polynomial = tuple[Fraction, ...]

_X: Polynomial = (Fraction(0), Fraction(1))


class _Unsuitable(Exception):
    """The formula is no quotient of polynomials, or too large a one."""


class Quotient(NamedTuple):
    """``above / product of factor^power``; no factor is a number, and none has another within."""

    above: Polynomial
    below: Mapping[Polynomial, int]


# ---------------------------------------------------------------- polynomials


def _trimmed(coefficients: list[Fraction]) -> Polynomial:
    while coefficients and not coefficients[-1]:
        coefficients.pop()
    if len(coefficients) > _DEGREE + 1:
        raise _Unsuitable
    return tuple(coefficients)


def _plus(a: Polynomial, b: Polynomial) -> Polynomial:
    length = max(len(a), len(b))
    zero = [Fraction(0)]
    padded = [list(p) + zero * (length - len(p)) for p in (a, b)]
    return _trimmed([s + t for s, t in zip(*padded, strict=True)])


def _times(a: Polynomial, b: Polynomial) -> Polynomial:
    if not a or not b:
        return ()
    out = [Fraction(0)] * (len(a) + len(b) - 1)
    for i, s in enumerate(a):
        for j, t in enumerate(b):
            out[i + j] += s * t
    return _trimmed(out)


def _to(a: Polynomial, n: int) -> Polynomial:
    out: Polynomial = (Fraction(1),)
    for _ in range(n):
        out = _times(out, a)
    return out


def _divided(a: Polynomial, b: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Quotient and remainder."""
    rest, out = list(a), [Fraction(0)] * max(len(a) - len(b) + 1, 0)
    for i in reversed(range(len(out))):
        out[i] = factor = rest[i + len(b) - 1] / b[-1]
        for j, c in enumerate(b):
            rest[i + j] -= factor * c
    return _trimmed(out), _trimmed(rest)


def _without(a: Polynomial, factor: Polynomial, most: int = _DEGREE) -> tuple[Polynomial, int]:
    """`a` without as many of a factor as it has, and their number."""
    count = 0
    while a and count < most:
        found, rest = _divided(a, factor)
        if rest:
            break
        a, count = found, count + 1
    return a, count


# ---------------------------------------------------------------- quotients


def _whole(a: Polynomial) -> Quotient:
    return Quotient(a, {})


def _number(value: float) -> Quotient:
    if not math.isfinite(value):
        raise _Unsuitable
    return _whole(_trimmed([Fraction(value)]))


def _reduced(above: Polynomial, below: Mapping[Polynomial, int]) -> Quotient:
    left: dict[Polynomial, int] = {}
    for factor, n in below.items():
        above, shared = _without(above, factor, n)
        if n > shared:
            left[factor] = n - shared
    if any(n > _POWER for n in left.values()):
        raise _Unsuitable
    return Quotient(above, left if above else {})


def _add(a: Quotient, b: Quotient) -> Quotient:
    below = {f: max(a.below.get(f, 0), b.below.get(f, 0)) for f in {**a.below, **b.below}}
    total: Polynomial = ()
    for part in (a, b):
        above = part.above
        for factor, n in below.items():
            above = _times(above, _to(factor, n - part.below.get(factor, 0)))
        total = _plus(total, above)
    return _reduced(total, below)


def _multiply(a: Quotient, b: Quotient) -> Quotient:
    below = {f: a.below.get(f, 0) + b.below.get(f, 0) for f in {**a.below, **b.below}}
    return _reduced(_times(a.above, b.above), below)


def _inverse(a: Quotient) -> Quotient:
    rest, zeros = _without(a.above, _X)
    if not rest:
        raise _Unsuitable
    above: Polynomial = (Fraction(1),)
    for factor, n in a.below.items():
        above = _times(above, _to(factor, n))
    below = {_X: zeros} if zeros else {}
    if len(rest) == 1:
        return _reduced(_times(above, (1 / rest[0],)), below)
    return _reduced(above, {rest: 1, **below})


def _to_power(a: Quotient, exponent: Quotient) -> Quotient:
    if exponent.below or len(exponent.above) > 1:
        raise _Unsuitable
    n = exponent.above[0] if exponent.above else Fraction(0)
    if n.denominator != 1 or abs(n) > _POWER:
        raise _Unsuitable
    if n < 0:
        a = _inverse(a)
    return Quotient(_to(a.above, abs(int(n))), {f: m * abs(int(n)) for f, m in a.below.items()})


def _read(formula: Formula) -> list[Quotient]:
    """The variable and each step."""
    values = [_whole(_X)]
    minus = _number(-1.0)
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
                made = _multiply(below[0], _inverse(below[1]))
            case "reciprocal":
                made = _inverse(below[0])
            case "square":
                made = _multiply(below[0], below[0])
            case "power":
                made = _to_power(*below)
            case _:
                raise _Unsuitable
        values.append(made)
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
    # polynomials as they stand in the formula: multiplied out, they may cancel
    written = {_X: x}
    for part, node in zip(values, formula.nodes(x), strict=True):
        if not part.below and len(part.above) > 1:
            written.setdefault(part.above, node)
    rest, factors = value.above, []
    for known, node in written.items():
        rest, n = _without(rest, known)
        if n:
            factors.append(_power(node, n))
    if len(rest) > 1 or rest[0] != 1 or not factors:
        factors.insert(0, _polynomial(rest, x))
    found = factors[0]
    for factor in factors[1:]:
        found = multiply(found, factor)
    for below, n in value.below.items():
        divisor = written[below] if below in written else _polynomial(below, x)
        if n * (len(below) - 1) <= 2:
            found = found / _power(divisor, n)
        else:  # the power may leave the range
            for _ in range(n):
                found = found / divisor
    return found


def _power(x: Expr, n: int) -> Expr:
    return x if n == 1 else square(x) if n == 2 else power(x, float(n))


def _polynomial(p: Polynomial, x: Expr) -> Expr:
    terms = [(i, float(c)) for i, c in enumerate(p) if c]
    if len(terms) > 3:
        return power_series(x, tuple([float(c) for c in p]))
    total: Expr | None = None
    for i, c in terms:
        number = literal(abs(c), x.dtype)
        term = number if i == 0 else _power(x, i) if abs(c) == 1 else multiply(number, _power(x, i))
        if total is None:
            total = term if c > 0 else -term
        else:
            total = total + term if c > 0 else total - term
    assert total is not None
    return total
