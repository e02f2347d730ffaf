"""Stores of weights: what is declared again under a name is what was declared first."""

from __future__ import annotations

import threading
from typing import Any

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.node import Expr
from symgrad.ops.leaf import PARAM

__all__ = ["Weights", "stored"]


class _Open(threading.local):
    def __init__(self) -> None:
        #: those whose ``with`` is open in this thread, the innermost last
        self.stores: list[Weights] = []


_open = _Open()


class Weights:
    """Parameters and states by their full names: inside ``with``, a name means one leaf.

    See :func:`symgrad.nn.shared`, which makes one. A mapping in small: ``len``, ``in``,
    iteration over the names, and ``weights["encoder.W"]``.
    """

    __slots__ = ("_leaves",)

    def __init__(self) -> None:
        self._leaves: dict[str, Expr] = {}

    def __enter__(self) -> Weights:
        _open.stores.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _open.stores.pop()

    def __len__(self) -> int:
        return len(self._leaves)

    def __iter__(self) -> Any:
        return iter(self._leaves)

    def __contains__(self, name: object) -> bool:
        return name in self._leaves

    def __getitem__(self, name: str) -> Expr:
        return self._leaves[name]

    def __repr__(self) -> str:
        return f"<shared weights: {', '.join(self._leaves) or 'none yet'}>"

    def kept(self, leaf: Expr) -> Expr:
        """The leaf that was declared first under this one's name: this one, if none was."""
        name = str(leaf.attrs["name"])
        found = self._leaves.setdefault(name, leaf)
        if found is leaf:
            return leaf
        if found.op is not leaf.op:
            kinds = [f"a {'parameter' if node.op is PARAM else 'state'}" for node in (found, leaf)]
            raise DeclarationError(
                f"shared {name!r}: it is {kinds[0]}; got a declaration of {kinds[1]}"
            )
        if found.shape != leaf.shape:
            raise ShapeError(
                f"shared {name!r}: it has the shape {format_shape(found.shape)}; got a "
                f"declaration of {format_shape(leaf.shape)}"
            )
        if found.dtype != leaf.dtype:
            raise DTypeError(
                f"shared {name!r}: it is {found.dtype}; got a declaration of {leaf.dtype}"
            )
        return found


def stored(leaf: Expr) -> Expr:
    """A parameter or a state that is being declared, or what the innermost open store has."""
    return _open.stores[-1].kept(leaf) if _open.stores else leaf
