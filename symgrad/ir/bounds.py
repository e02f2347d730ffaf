"""Bounds of symbolic sizes that hold for all values of their symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgrad.ir.polynomial import Atom, add, of_atom, scale, sole_operation

if TYPE_CHECKING:
    from symgrad.ir.size import Dim, Size

__all__ = ["lower_bound", "upper_bound"]

_MAX_CASES = 4  # operations that a bound splits into cases: the cost doubles with each


def lower_bound(size: Size) -> int | None:
    """Greatest integer that is provably <= `size` for all symbols >= 0; None if there is none.

    Examples
    --------
    >>> from symgrad.ir.size import dim
    >>> lower_bound(dim("T") * 2 + 1), lower_bound(3 - dim("T"))
    (1, None)
    """
    if isinstance(size, int):
        return size
    if size._lower is None:
        object.__setattr__(size, "_lower", (_find_lower_bound(size),))
    assert size._lower is not None
    return size._lower[0]


def upper_bound(size: Size) -> int | None:
    """Least integer that is provably >= `size` for all symbols >= 0; None if there is none.

    Examples
    --------
    >>> from symgrad.ir.size import dim
    >>> upper_bound(3 - dim("T")), upper_bound(dim("T") % 4)
    (3, 3)
    """
    if isinstance(size, int):
        return size
    if size._upper is None:
        negated = lower_bound(scale(size, -1))
        object.__setattr__(size, "_upper", (None if negated is None else -negated,))
    assert size._upper is not None
    return size._upper[0]


def _find_lower_bound(size: Dim) -> int | None:
    bounds = [_interval_lower_bound(size)]
    operations = [(sole_operation(monomial), c) for monomial, c in size._terms]
    if sum(operation is not None for operation, _ in operations) <= _MAX_CASES:
        for operation, c in operations:
            if operation is None:
                continue
            rest = add(size, scale(of_atom(operation), -c))
            left, right = operation.left, operation.right
            if operation.op == "ramp":  # the greater (c > 0) or smaller of two sizes
                cases = lower_bound(rest), lower_bound(add(rest, scale(left, c)))
                if c > 0:
                    bounds.extend(cases)
                elif cases[0] is not None and cases[1] is not None:
                    bounds.append(min(cases[0], cases[1]))
                break
            if operation.op == "//" and isinstance(right, int):
                # left - (right - 1) <= right * (left // right) <= left
                least = add(left, 1 - right) if c > 0 else left
                scaled = lower_bound(add(scale(rest, right), scale(least, c)))
                bounds.append(None if scaled is None else -(-scaled // right))
                break
    return max((bound for bound in bounds if bound is not None), default=None)


def _interval_lower_bound(size: Dim) -> int | None:
    total = 0
    for monomial, coefficient in size._terms:
        low, high = 1, 1  # type: int, int | None
        for atom, power in monomial:
            atom_low, atom_high = _atom_bounds(atom)
            if atom_low is None or atom_low < 0:
                if len(monomial) > 1 or power > 1 or (atom_low is None and coefficient > 0):
                    return None
                atom_low = atom_low or 0
            low *= atom_low**power
            high = None if high is None or atom_high is None else high * atom_high**power
        extreme = low if coefficient > 0 else high
        if extreme is None:
            return None
        total += coefficient * extreme
    return total


def _atom_bounds(atom: Atom) -> tuple[int | None, int | None]:
    if isinstance(atom, str):
        return 0, None
    op, left, right = atom
    low, high = lower_bound(left), upper_bound(left)
    if op == "ramp":
        return max(low or 0, 0), None if high is None else max(high, 0)
    least, most = lower_bound(right), upper_bound(right)
    if least is None or least < 0:
        return None, None
    least = max(least, 1)  # a divisor is not zero
    if op == "%":
        return 0, None if most is None else most - 1
    if low is not None:
        low = low // least if low < 0 else (0 if most is None else low // most)
    if high is not None:
        high = high // least if high >= 0 else (-1 if most is None else high // most)
    return low, high
