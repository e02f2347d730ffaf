"""Sizes that are no polynomials: floor division, remainder, maximum and minimum.

Each is simplified as far as can be proved, and is an atom where it cannot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from symgrad.ir.bounds import lower_bound, upper_bound
from symgrad.ir.polynomial import (
    Atom,
    Operation,
    Polynomial,
    add,
    build,
    cached,
    content,
    divide,
    leading,
    multiply,
    of_atom,
    power,
    scale,
    sole_operation,
    terms_of,
)

if TYPE_CHECKING:
    from symgrad.ir.size import Size

__all__ = ["floordiv", "modulo", "ramp", "size_max", "size_min", "substitute"]


@cached
def floordiv(p: Size, q: Size) -> Size:
    if isinstance(q, int) and (q == 0 or isinstance(p, int)):
        return p // q if isinstance(p, int) else _division_by_zero(p)
    if leading(q)[1] < 0:
        p, q = scale(p, -1), scale(q, -1)
    quotient, rest = divide(p, q)
    return add(quotient, _floor_of_rest(rest, q)) if rest != 0 else quotient


def _floor_of_rest(p: Size, q: Size) -> Size:
    """``p // q`` where `p` has no multiple of `q` left in it and the sign of `q` is canonical."""
    common = content(p, q)
    if common != 1:
        return floordiv(divide(p, common)[0], divide(q, common)[0])
    if isinstance(q, int) and isinstance(p, Polynomial):
        shared = math.gcd(q, *(c for monomial, c in p._terms if monomial))
        if shared != 1:
            return floordiv(floordiv(p, shared), q // shared)
        if p._terms[0][1] < 0:  # floor(p/q) = -ceil(-p/q): one form for both ways to round up
            return scale(floordiv(add(q - 1, scale(p, -1)), q), -1)
        (monomial, coefficient), *others = p._terms
        atom = monomial[0][0]
        if (
            isinstance(atom, Operation)
            and atom.op == "//"
            and isinstance(atom.right, int)
            and monomial == ((atom, 1),)
            and coefficient == 1
            and all(not m for m, _ in others)
        ):  # (x//a + c)//q = (x + a*c)//(a*q)
            constant = others[0][1] if others else 0
            return floordiv(add(atom.left, constant * atom.right), atom.right * q)
    return 0 if _is_reduced(p, q) else of_atom(Operation("//", p, q))


@cached
def modulo(p: Size, q: Size) -> Size:
    if isinstance(q, int) and (q == 0 or isinstance(p, int)):
        return p % q if isinstance(p, int) else _division_by_zero(p)
    if leading(q)[1] < 0:
        return scale(modulo(scale(p, -1), scale(q, -1)), -1)
    if isinstance(q, int):
        rest = build({monomial: c % q for monomial, c in terms_of(p)})
    else:
        rest = divide(p, q)[1]
    if rest == 0:
        return 0
    shared = content(rest, q)
    if shared != 1:
        reduced = modulo(divide(rest, shared)[0], divide(q, shared)[0])
        return multiply(shared, reduced)
    return rest if _is_reduced(rest, q) else of_atom(Operation("%", rest, q))


def _is_reduced(p: Size, q: Size) -> bool:
    """Whether ``0 <= p < q`` is provable."""
    low, gap = lower_bound(p), lower_bound(add(q, scale(p, -1)))
    return low is not None and low >= 0 and gap is not None and gap > 0


def _division_by_zero(p: Size) -> NoReturn:
    raise ZeroDivisionError(f"size {p} divided by zero")


@cached
def ramp(p: Size) -> Size:
    """``max(p, 0)``."""
    if isinstance(p, int):
        return max(p, 0)
    low, high = lower_bound(p), upper_bound(p)
    if low is not None and low >= 0:
        return p
    if high is not None and high <= 0:
        return 0
    if p._terms[0][1] < 0:
        flipped = scale(p, -1)
        return add(ramp(flipped), p)
    factor = math.gcd(*(c for _, c in p._terms))
    if factor != 1:
        return scale(ramp(divide(p, factor)[0]), factor)
    for monomial, coefficient in p._terms:
        atom = sole_operation(monomial)
        if atom is not None and atom.op == "ramp" and coefficient == 1:
            rest = add(p, scale(of_atom(atom), -1))
            ceiling = upper_bound(rest)
            if ceiling is not None and ceiling <= 0:  # max(max(x, 0) + r, 0) = max(x + r, 0)
                return ramp(add(atom.left, rest))
    return of_atom(Operation("ramp", p, 0))


def size_max(a: Size, b: Size) -> Size:
    """The greater of two sizes, one of them where that is provable.

    Examples
    --------
    >>> from symgrad.ir.size import dim
    >>> size_max(dim("B"), 3), size_max(dim("B") + 3, 3)
    (Dim('max(B, 3)'), Dim('B + 3'))
    """
    return add(b, ramp(add(a, scale(b, -1))))


def size_min(a: Size, b: Size) -> Size:
    """The smaller of two sizes, one of them where that is provable.

    Examples
    --------
    >>> from symgrad.ir.size import dim
    >>> size_min(dim("B"), 3), size_min(dim("B") + 3, 3)
    (Dim('min(B, 3)'), 3)
    """
    return add(a, scale(ramp(add(a, scale(b, -1))), -1))


def substitute(size: Size, env: Mapping[str, Size]) -> Size:
    """The size with each symbol that `env` names replaced."""
    if isinstance(size, int):
        return size
    total: Size = 0
    for monomial, coefficient in size._terms:
        value: Size = coefficient
        for atom, exponent in monomial:
            value = multiply(value, power(_substitute_atom(atom, env), exponent))
        total = add(total, value)
    return total


def _substitute_atom(atom: Atom, env: Mapping[str, Size]) -> Size:
    if isinstance(atom, str):
        return env[atom] if atom in env else of_atom(atom)
    left, right = (substitute(s, env) for s in atom[1:])
    match atom.op:
        case "//":
            return floordiv(left, right)
        case "%":
            return modulo(left, right)
        case "ramp":
            return ramp(left)
