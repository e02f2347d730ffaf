"""Names of parameters that a pattern chooses, and names of slots that must not meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from symgrad import DeclarationError, Expr
from symgrad.model.optimizing import Slot, kind_of

__all__ = ["Pattern", "apart", "chosen", "matches", "require_pattern"]

#: a scope, a name, or a pattern of names as the shell has them; or several of these
Pattern = str | Sequence[str]


def matches(pattern: str, name: str) -> bool:
    """Whether a parameter's name is a pattern, lies in that scope, or is matched by it."""
    return name == pattern or name.startswith(f"{pattern}.") or fnmatchcase(name, pattern)


def require_pattern(owner: str, pattern: object) -> tuple[str, ...]:
    """Patterns as a tuple."""
    found = (pattern,) if isinstance(pattern, str) else pattern
    if (
        not isinstance(found, Sequence)
        or not found
        or not all(isinstance(one, str) and one for one in found)
    ):
        raise DeclarationError(f"{owner}: expected a pattern of names, or several; got {pattern!r}")
    return tuple(found)


def chosen(owner: str, on: Sequence[str], names: Iterable[str]) -> set[str]:
    """The names that patterns choose; a pattern that chooses none is an error."""
    names = list(names)
    for pattern in on:
        if not any(matches(pattern, name) for name in names):
            raise DeclarationError(
                f"{owner}: no parameter is called {pattern!r}; there are {names}"
            )
    return {name for name in names if any(matches(pattern, name) for pattern in on)}


def apart(parts: Sequence[Mapping[str, Slot]]) -> list[dict[str, str]]:
    """For each of several optimisers' slots: own name -> name beside those of the others.

    The first keeps its names; what would bear one of them is numbered, ``v_2.W``. Numbers are
    shared where they are the same slot, and else must be named apart by their user, who asks for
    them by name.
    """
    taken: dict[str, Slot] = {}
    found = []
    for part in parts:
        kinds: dict[str, list[str]] = {}
        own: dict[str, str] = {}
        for name, slot in part.items():
            if slot.like is not None:
                kinds.setdefault(kind_of(name, slot), []).append(name)
                continue
            if taken.setdefault(name, slot) is not slot:
                raise DeclarationError(
                    f"an optimiser keeps two numbers named {name!r}: give one of them another "
                    "name, as in ReduceOnPlateau(..., name='slow')"
                )
            own[name] = name
        for kind, names in kinds.items():
            new, count = kind, 1
            while any(new + name[len(kind) :] in taken for name in names):
                count += 1
                new = f"{kind}_{count}"
            own |= {name: new + name[len(kind) :] for name in names}
        taken |= {own[name]: slot for name, slot in part.items()}
        found.append(own)
    return found


def merged(parts: Sequence[Mapping[str, Slot]]) -> dict[str, Slot]:
    """The slots of several optimisers under the names of :func:`apart`."""
    return {
        own[name]: slot
        for part, own in zip(parts, apart(parts), strict=True)
        for name, slot in part.items()
    }


def within(own: Mapping[str, str], slots: Mapping[str, Expr]) -> dict[str, Expr]:
    """One optimiser's slots under its own names."""
    return {name: slots[full] for name, full in own.items()}


def outward(own: Mapping[str, str], slots: Mapping[str, Expr]) -> dict[str, Expr]:
    """New values of one optimiser's slots under their names beside the others'."""
    return {own[name]: value for name, value in slots.items()}
