"""Polynomials with integer coefficients over atoms: the form that symbolic sizes are kept in.

An atom is a symbol or an operation that is no polynomial: a floor division, a remainder or a ramp.
A polynomial that is constant is an ``int``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, TypeAlias, TypeVar, cast
from weakref import WeakValueDictionary

import numpy as np

if TYPE_CHECKING:
    from symgrad.ir.size import Dim, Size


class Operation(NamedTuple):
    """An atom that is no symbol: ``left // right``, ``left % right`` or ``max(left, 0)``."""

    op: Literal["//", "%", "ramp"]
    left: Size
    right: Size


Atom: TypeAlias = "str | Operation"
Monomial: TypeAlias = tuple[tuple[Atom, int], ...]  # atoms with their powers, in order
Term: TypeAlias = tuple[Monomial, int]  # a monomial with its coefficient

_F = TypeVar("_F", bound=Callable[..., Any])


def cached(function: _F) -> _F:
    """Models repeat few sizes many times: an operation on them is done once."""
    return cast(_F, lru_cache(maxsize=4096)(function))


class Polynomial:
    """An immutable, interned polynomial: what a symbolic size consists of.

    `Dim` is its one subclass, and what arithmetic makes.
    """

    __slots__ = ("__weakref__", "_hash", "_lower", "_rendered", "_terms", "_upper")

    _terms: tuple[Term, ...]
    _hash: int
    _lower: tuple[int | None] | None  # lower bound, once asked for
    _upper: tuple[int | None] | None
    _rendered: tuple[str, int] | None  # text and its precedence, once asked for

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a symbolic size is immutable: cannot set {name!r}")

    __delattr__ = __setattr__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Polynomial):
            return NotImplemented
        # Interned sizes are identical; two threads may still have made one at the same time.
        return self._hash == other._hash and self._terms == other._terms

    def __hash__(self) -> int:
        return self._hash

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the symbols that occur, sorted."""
        names: set[str] = set()
        for monomial, _ in self._terms:
            for atom, _ in monomial:
                if isinstance(atom, str):
                    names.add(atom)
                else:
                    names.update(*(s.symbols for s in atom[1:] if isinstance(s, Polynomial)))
        return tuple(sorted(names))


_interned: WeakValueDictionary[tuple[Term, ...], Dim] = WeakValueDictionary()
_made = cast("type[Dim]", Polynomial)  # set by symgrad.ir.size, which imports this


def intern(terms: tuple[Term, ...]) -> Dim:
    found = _interned.get(terms)
    if found is None:
        found = object.__new__(_made)
        for slot, value in (("_terms", terms), ("_hash", hash(terms))):
            object.__setattr__(found, slot, value)
        object.__setattr__(found, "_lower", None)
        object.__setattr__(found, "_upper", None)
        object.__setattr__(found, "_rendered", None)
        _interned[terms] = found
    return found


def operand(value: object) -> Size | None:
    """An integer or size as a size; None for anything else, a bool included."""
    if isinstance(value, Polynomial):
        return cast("Dim", value)
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    return None


def terms_of(size: Size) -> tuple[Term, ...]:
    if isinstance(size, Polynomial):
        return size._terms
    return (((), size),) if size else ()


def atom_key(atom: Atom) -> tuple[bool, str]:
    """Place of an atom among others: symbols first, then by text."""
    if isinstance(atom, str):
        return False, atom
    from symgrad.ir.size_text import PYTHON  # text is made of polynomials, and orders them

    return True, PYTHON.operation(atom)[0]


def term_key(term: Term) -> tuple[int, list[tuple[tuple[bool, str], int]]]:
    """Graded lexicographic order, highest first: admissible, which division relies on."""
    monomial = term[0]
    return -sum(p for _, p in monomial), [(atom_key(atom), -p) for atom, p in monomial]


def build(terms: Mapping[Monomial, int]) -> Size:
    kept = [term for term in terms.items() if term[1]]
    if len(kept) > 1:
        kept.sort(key=term_key)
    elif not kept:
        return 0
    elif not kept[0][0]:
        return kept[0][1]
    return intern(tuple(kept))


def of_atom(atom: Atom) -> Dim:
    return intern(((((atom, 1),), 1),))


@cached
def add(a: Size, b: Size) -> Size:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    terms = dict(terms_of(a))
    for monomial, coefficient in terms_of(b):
        terms[monomial] = terms.get(monomial, 0) + coefficient
    return build(terms)


def scale(a: Size, factor: int) -> Size:
    if isinstance(a, int):
        return a * factor
    if factor == 0:
        return 0
    return a if factor == 1 else intern(tuple((m, c * factor) for m, c in a._terms))


@cached
def multiply(a: Size, b: Size) -> Size:
    if isinstance(b, int):
        return scale(a, b)
    if isinstance(a, int):
        return scale(b, a)
    terms: dict[Monomial, int] = {}
    for m, c in a._terms:
        for n, d in b._terms:
            monomial = merge(m, n)
            terms[monomial] = terms.get(monomial, 0) + c * d
    return build(terms)


def merge(m: Monomial, n: Monomial) -> Monomial:
    if not (m and n):
        return m or n
    powers = dict(m)
    for atom, power in n:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda factor: atom_key(factor[0])))


def power(base: Size, exponent: int) -> Size:
    """A size to a static power >= 0."""
    result: Size = 1
    for _ in range(exponent):
        result = multiply(result, base)
    return result


def leading(size: Size) -> Term:
    return size._terms[0] if isinstance(size, Polynomial) else ((), size)


def monomial_quotient(m: Monomial, n: Monomial) -> Monomial | None:
    powers = dict(m)
    for atom, power in n:
        if powers.get(atom, 0) < power:
            return None
        powers[atom] -= power
    return tuple((atom, power) for atom, power in powers.items() if power)


def divide(p: Size, q: Size) -> tuple[Size, Size]:
    """Quotient and remainder of polynomials: ``p == quotient * q + remainder``."""
    lead, divisor = leading(q)
    quotient: Size = 0
    remainder: Size = 0
    while p != 0:
        monomial, coefficient = leading(p)
        factor = monomial_quotient(monomial, lead)
        # A constant is split, 7 = 3*2 + 1; another term only if it divides: 3*T//2 stays as it is.
        share = coefficient // divisor
        if factor is None or (monomial and coefficient % divisor) or not share:
            term = build({monomial: coefficient})
            remainder = add(remainder, term)
            p = add(p, scale(term, -1))
        else:
            part = build({factor: share})
            quotient = add(quotient, part)
            p = add(p, scale(multiply(part, q), -1))
    return quotient, remainder


def content(*sizes: Size) -> Size:
    """The greatest monomial, with its coefficient, that divides every term."""
    terms = [term for size in sizes for term in terms_of(size)]
    powers = dict(terms[0][0])
    for monomial, _ in terms[1:]:
        other = dict(monomial)
        powers = {a: min(p, other[a]) for a, p in powers.items() if a in other}
    return build({tuple(powers.items()): math.gcd(*(c for _, c in terms))})


def sole_operation(monomial: Monomial) -> Operation | None:
    """The operation that a monomial consists of, if it is one."""
    if len(monomial) == 1 and monomial[0][1] == 1:
        atom = monomial[0][0]
        return atom if isinstance(atom, Operation) else None
    return None
