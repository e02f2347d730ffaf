"""What is declared while a function of the user's runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["building", "record", "recording", "state"]


class _State(threading.local):
    nodes: list[Any] | None = None
    #: all that is built, or found where it was built before
    built: set[Any] | None = None


_state = state = _State()


def record(node: Any) -> None:
    """Note an identity that has just been declared."""
    if _state.nodes is not None:
        _state.nodes.append(node)


@contextmanager
def recording() -> Iterator[list[Any]]:
    """The identities that are declared inside: to refuse those that have no place there."""
    outer, _state.nodes = _state.nodes, []
    made = _state.nodes
    try:
        yield made
    finally:
        _state.nodes = outer
        if outer is not None:
            outer += made


@contextmanager
def building() -> Iterator[set[Any]]:
    """All that is declared inside, whether or not it has been declared elsewhere as well."""
    outer, _state.built = _state.built, set()
    made = _state.built
    try:
        yield made
    finally:
        _state.built = outer
        if outer is not None:
            outer |= made
