"""Derivatives with respect to what an earlier derivative has simplified away.

``sg.grad`` rewrites an expression before it differentiates. Of ``h = 2 * u`` the gradient of
``h * z`` in z is ``u * 2``, in which h stands no more, and a later derivative in h would be zero.
So it is known of each derivative what it was made of; and where that depends on h, it is made
again, with h as a leaf. In the body of a loop, what is outside of it is a leaf from the start.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from symgrad.ir.graph import substitute, topological
from symgrad.ir.node import Expr

__all__ = ["Record", "note", "outer", "tracing", "with_leaves"]


@dataclass(frozen=True)
class Record:
    """How a derivative was made: from `outputs`, by `make` of them and of more leaves."""

    outputs: tuple[Expr, ...]
    kept: tuple[Expr, ...]
    make: Callable[[Sequence[Expr], Sequence[Expr]], Sequence[Expr | None]]
    index: int


#: by identity: expressions are compared element by element
_records: dict[int, tuple[weakref.ref[Expr], Record]] = {}


def _record_of(node: Expr) -> Record | None:
    found = _records.get(id(node))
    return found[1] if found is not None and found[0]() is node else None


def _remember(node: Expr, record: Record) -> None:
    key, known = id(node), _records  # of its own: at exit, globals are gone first
    known[key] = weakref.ref(node, lambda _: known.pop(key, None)), record


def note(
    outputs: Sequence[Expr],
    make: Callable[[Sequence[Expr], Sequence[Expr]], Sequence[Expr | None]],
    kept: Sequence[Expr] = (),
) -> Sequence[Expr | None]:
    """What `make` gives, and a note of how it was made.

    Parameters
    ----------
    outputs : sequence of Expr
        What is differentiated, as it was declared.
    make : callable
        Of outputs and leaves that are kept besides its own.
    kept : sequence of Expr
    """
    found = make(outputs, kept)
    given = set(topological(outputs))
    for i, one in enumerate(found):
        if one is not None and one not in given and not one.op.identity:
            _remember(one, Record(tuple(outputs), tuple(kept), make, i))
    return found


def with_leaves(outputs: Sequence[Expr], wrt: Sequence[Expr]) -> list[Expr]:
    """Outputs in which derivatives that depend on `wrt` do so visibly."""
    wanted = [x for x in wrt if not x.op.identity]
    if not wanted or not _records:
        return list(outputs)
    mapping: dict[Expr, Expr] = {}
    for node in topological(outputs):
        record = _record_of(node)
        if record is None:
            continue
        missing = [x for x in wanted if not any([x is k for k in record.kept])]
        below = set(topological(record.outputs))
        hidden = [x for x in missing if x in below or _deeper(below, x)]
        if hidden:
            inner = with_leaves(record.outputs, hidden)
            made = note(inner, record.make, (*record.kept, *hidden))[record.index]
            if made is not None:
                mapping[node] = made
    return substitute(outputs, mapping) if mapping else list(outputs)


def _deeper(below: set[Expr], x: Expr) -> bool:
    """Whether a derivative among some nodes was made of what depends on `x`."""
    for node in below:
        record = _record_of(node)
        if record is not None:
            inner = set(topological(record.outputs))
            if x in inner or _deeper(inner, x):
                return True
    return False


# ---------------------------------------------------------------- bodies


class _Tracing(threading.local):
    parameters: tuple[frozenset[Expr], ...] = ()


_tracing = _Tracing()


@contextmanager
def tracing(parameters: Sequence[Expr]) -> Iterator[None]:
    """Around the function that declares a body of these parameters."""
    before = _tracing.parameters
    _tracing.parameters = (*before, frozenset(parameters))
    try:
        yield
    finally:
        _tracing.parameters = before


def outer(outputs: Sequence[Expr]) -> list[Expr]:
    """What expressions of a body use from outside of it, while that is declared."""
    if not _tracing.parameters:
        return []
    inside = set(_tracing.parameters[-1])
    found: dict[Expr, None] = {}
    for node in topological(outputs):
        if node not in inside and any([arg in inside for arg in node.args]):
            inside.add(node)
            for arg in node.args:
                if arg not in inside and not arg.closed:
                    found.setdefault(arg)
    return list(found)
