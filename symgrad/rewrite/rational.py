"""Rational functions of exponentials in normal form: exact where terms cancel, always in range.

A formula of one variable made of e^x, sinh, cosh, tanh, the logistic function, numbers and powers
of x by the four operations is a sum of x^k N(z) / D(z) with z = e^(sx). Common factors are divided
out with exact fractions, so that what cancels is gone; roots at z = 1 become expm1; and numerator
and denominator are evaluated in e^-|sx|, with one exponential for the magnitude of the quotient.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from symgrad.ir.node import Expr, literal
from symgrad.ops.univariate import Formula
from symgrad.rewrite.pattern import (
    absolute,
    exp,
    expm1,
    multiply,
    power,
    power_series,
    sigmoid,
    square,
    tanh,
    where,
)
from symgrad.rewrite.scalars import scaled

__all__ = ["normal_form"]

#: degree of a polynomial in z at most, and of powers of x
_DEGREE, _POWER = 16, 6

#: exponent of e^x -> coefficient
Sum = dict[Fraction, Fraction]


class Ratio(NamedTuple):
    """A quotient of two sums of exponentials."""

    above: Sum
    below: Sum


#: power of x -> its factor
Value = dict[int, Ratio]

_ONE: Sum = {Fraction(0): Fraction(1)}


class _Unsuitable(Exception):
    """The formula is no rational function of exponentials, or too large a one."""


# ---------------------------------------------------------------- arithmetic


def _clean(s: Sum) -> Sum:
    return {e: c for e, c in s.items() if c}


def _plus(a: Sum, b: Sum) -> Sum:
    out = dict(a)
    for e, c in b.items():
        out[e] = out.get(e, Fraction(0)) + c
    return _clean(out)


def _by(a: Sum, b: Sum) -> Sum:
    out: Sum = {}
    for e, c in a.items():
        for f, d in b.items():
            out[e + f] = out.get(e + f, Fraction(0)) + c * d
    if len(out) > 4 * _DEGREE:
        raise _Unsuitable
    return _clean(out)


def _number(value: float) -> Value:
    if not math.isfinite(value):
        raise _Unsuitable
    return {0: Ratio({Fraction(0): Fraction(value)}, _ONE)} if value else {}


def _add(a: Value, b: Value) -> Value:
    out = dict(a)
    for k, right in b.items():
        left = out.get(k)
        if left is None:
            out[k] = right
        elif left.below == right.below:
            out[k] = Ratio(_plus(left.above, right.above), left.below)
        else:
            above = _plus(_by(left.above, right.below), _by(right.above, left.below))
            out[k] = _reduced(Ratio(above, _by(left.below, right.below)))
    return {k: r for k, r in out.items() if r.above}


def _multiply(a: Value, b: Value) -> Value:
    out: Value = {}
    for j, p in a.items():
        for k, q in b.items():
            if abs(j + k) > _POWER:
                raise _Unsuitable
            product = _reduced(Ratio(_by(p.above, q.above), _by(p.below, q.below)))
            out = _add(out, {j + k: product})
    return out


def _inverse(a: Value) -> Value:
    if len(a) != 1:
        raise _Unsuitable
    [(k, r)] = a.items()
    return {-k: Ratio(r.below, r.above)}


def _to_power(a: Value, n: int) -> Value:
    if abs(n) > _POWER:
        raise _Unsuitable
    out = _number(1.0)
    for _ in range(abs(n)):
        out = _multiply(out, a)
    return _inverse(out) if n < 0 else out


# ---------------------------------------------------------------- polynomials in z


def _unit(*sums: Sum) -> Fraction:
    """The greatest exponent of which all others are multiples."""
    found = Fraction(0)
    for s in sums:
        for e in s:
            found = Fraction(
                math.gcd(found.numerator * e.denominator, e.numerator * found.denominator),
                found.denominator * e.denominator,
            )
    return found


def _coefficients(s: Sum, unit: Fraction) -> tuple[int, list[Fraction]]:
    """The lowest power of z, and the coefficients from there on."""
    powers = {int(e / unit) if unit else 0: c for e, c in s.items()}
    low, high = min(powers), max(powers)
    if high - low > _DEGREE:
        raise _Unsuitable
    return low, [powers.get(i, Fraction(0)) for i in range(low, high + 1)]


def _divided(a: list[Fraction], b: list[Fraction]) -> tuple[list[Fraction], list[Fraction]]:
    """Quotient and remainder, lowest power first."""
    rest, out = list(a), [Fraction(0)] * max(len(a) - len(b) + 1, 1)
    for i in range(len(a) - len(b), -1, -1):
        factor = rest[i + len(b) - 1] / b[-1]
        out[i] = factor
        for j, c in enumerate(b):
            rest[i + j] -= factor * c
    while rest and not rest[-1]:
        rest.pop()
    return out, rest


def _gcd(a: list[Fraction], b: list[Fraction]) -> list[Fraction]:
    while b:
        a, b = b, _divided(a, b)[1]
        if b:
            b = [c / b[-1] for c in b]
    return a


def _reduced(r: Ratio) -> Ratio:
    """Without common factors, and with exponents of the denominator from 0 on."""
    if not r.above:
        return Ratio({}, _ONE)
    unit = _unit(r.above, r.below)
    (m, above), (n, below) = _coefficients(r.above, unit), _coefficients(r.below, unit)
    shared = _gcd(above, below)
    if len(shared) > 1:
        above, below = _divided(above, shared)[0], _divided(below, shared)[0]
    lead = below[0]
    return Ratio(
        _clean({(m - n + i) * unit: c / lead for i, c in enumerate(above)}),
        _clean({i * unit: c / lead for i, c in enumerate(below)}),
    )


# ---------------------------------------------------------------- reading a formula


def _exponential(value: Value) -> Value:
    """e^(a x): a multiple of x, and nothing more."""
    if not value:
        return _number(1.0)
    factor = value.get(1)
    if len(value) != 1 or factor is None or factor.below != _ONE or set(factor.above) != {0}:
        raise _Unsuitable
    return {0: Ratio({factor.above[Fraction(0)]: Fraction(1)}, _ONE)}


def _read(formula: Formula) -> Value:
    values: list[Value] = [{1: Ratio(_ONE, _ONE)}]
    one, two = _number(1.0), _number(2.0)
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
                made = _to_power(below[0], _whole(below[1]))
            case "exp":
                made = _exponential(below[0])
            case "expm1":
                made = _add(_exponential(below[0]), minus)
            case "sigmoid":
                made = _inverse(_add(one, _inverse(_exponential(below[0]))))
            case "sinh" | "cosh" | "coshm1" | "tanh":
                e = _exponential(below[0])
                sinh_ = _add(e, _multiply(minus, _inverse(e)))
                cosh_ = _add(e, _inverse(e))
                if op == "tanh":
                    made = _multiply(sinh_, _inverse(cosh_))
                else:
                    made = _multiply(sinh_ if op == "sinh" else cosh_, _inverse(two))
                    made = _add(made, minus) if op == "coshm1" else made
            case _:
                raise _Unsuitable
        values.append(made)
    return values[-1]


def _whole(value: Value) -> int:
    number = value.get(0)
    if len(value) != 1 or number is None or number.below != _ONE or set(number.above) != {0}:
        raise _Unsuitable
    exponent = number.above[Fraction(0)]
    if exponent.denominator != 1:
        raise _Unsuitable
    return int(exponent)


# ---------------------------------------------------------------- writing it down


def normal_form(formula: Formula, x: Expr) -> Expr | None:
    """The formula of `x` as a sum of x^k N(z) / D(z); None if it is not of that kind."""
    try:
        value = _read(formula)
        if not any(_unit(r.above, r.below) for r in value.values()):
            return None
        terms = [_term(k, _reduced(r), x) for k, r in sorted(value.items())]
    except (_Unsuitable, OverflowError, ZeroDivisionError):
        return None
    if not terms:
        return None
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _term(k: int, r: Ratio, x: Expr) -> Expr:
    unit = _unit(r.above, r.below)
    if not unit:
        return _scaled_power(k, r.above[Fraction(0)] / r.below[Fraction(0)], x)
    (m, above), (n, below) = _coefficients(r.above, unit), _coefficients(r.below, unit)
    above, roots = _without_roots_at_one(above)
    below, poles = _without_roots_at_one(below)
    order = roots - poles
    if not (_is_safe(below) and (_is_safe(above) or _has_simple_roots(above))):
        raise _Unsuitable  # near a root elsewhere, the expanded polynomial cancels
    named = _named(m - n, order, above, below, scaled(x, float(unit)))
    if named is not None:
        return named if k == 0 else multiply(_scaled_power(k, Fraction(1), x), named)
    size = scaled(absolute(x), -float(unit))
    w, v = exp(size), expm1(size)
    # z^(m - n) (z - 1)^order N(z) / D(z), for x <= 0 in w = z and for x > 0 in w = 1 / z
    down = _evaluated(above, below, w)
    up = _evaluated(above[::-1], below[::-1], w)
    low = m - n
    high = low + order + len(above) - len(below)
    negative = _times(_exp_of(low * unit, x), down)
    positive = _times(_exp_of(high * unit, x), up)
    if order:
        negative = multiply(negative, _power(v, order))
        positive = multiply(positive, _power(-v, order))
    chosen = where(x > 0, positive, negative)
    return chosen if k == 0 else multiply(_scaled_power(k, Fraction(1), x), chosen)


def _is_safe(coefficients: list[Fraction]) -> bool:
    """Whether terms do not cancel; of two, they do so no more than the difference itself."""
    if len(coefficients) <= 2:
        return True
    return all([c >= 0 for c in coefficients]) or all([c <= 0 for c in coefficients])


def _has_simple_roots(coefficients: list[Fraction]) -> bool:
    """Whether the polynomial cancels near its roots no more than anything that is zero there."""
    slope = [i * c for i, c in enumerate(coefficients)][1:]
    return len(_gcd(coefficients, slope)) == 1


def _named(
    low: int, order: int, above: list[Fraction], below: list[Fraction], u: Expr
) -> Expr | None:
    """``z^low (z - 1)^order N(z) / D(z)``, z = e^u, where there is a function for it."""
    if len(above) > 1 or below != [below[0]] * len(below):
        return None
    match low, order, len(below):
        case 0, 0, 2:
            found = sigmoid(scaled(u, -1))
        case 1, 0, 2:
            found = sigmoid(u)
        case 0, 1, 2:
            found = tanh(scaled(u, 0.5))
        case 0, 1, 1:
            found = expm1(u)
        case _:
            return None
    return scaled(found, float(above[0] / below[0]))


def _without_roots_at_one(coefficients: list[Fraction]) -> tuple[list[Fraction], int]:
    count = 0
    while len(coefficients) > 1 and sum(coefficients) == 0:
        coefficients = _divided(coefficients, [Fraction(-1), Fraction(1)])[0]
        count += 1
    return coefficients, count


def _evaluated(above: list[Fraction], below: list[Fraction], w: Expr) -> Expr:
    if len(below) == 1:
        return _series([c / below[0] for c in above], w)
    return _series(above, w) / _series(below, w)


def _series(coefficients: list[Fraction], w: Expr) -> Expr:
    """c_0 + c_1 w + ...: written out while it is short."""
    numbers = tuple([float(c) for c in coefficients])
    if len(numbers) > 2:
        return power_series(w, numbers)
    first = literal(numbers[0], w.dtype)
    return first if len(numbers) == 1 else first + scaled(w, numbers[1])


def _exp_of(factor: Fraction, x: Expr) -> Expr | None:
    return exp(scaled(x, float(factor))) if factor else None


def _times(a: Expr | None, b: Expr) -> Expr:
    return b if a is None else multiply(a, b)


def _power(x: Expr, n: int) -> Expr:
    if n == 1:
        return x
    if n == 2:
        return square(x)
    return literal(1.0, x.dtype) / _power(x, -n) if n < 0 else power(x, float(n))


def _scaled_power(k: int, factor: Fraction, x: Expr) -> Expr:
    number = literal(float(factor), x.dtype)
    if k == 0:
        return number
    if k < 0:
        return number / _power(x, -k)
    return _power(x, k) if factor == 1 else multiply(_power(x, k), number)
