"""Public functions on translated values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.errors import CompileError
from symgrad.ir.op import FUNCTIONS, NAMESPACES
from symgrad.symbolic.numbers import Exact, nearest

__all__ = ["call", "known", "plain"]


def _function(name: str) -> Callable[..., Any] | None:
    space, _, short = name.rpartition(".")
    spaces = [space] if space else ["special"]
    found = [NAMESPACES[s][short] for s in spaces if short in NAMESPACES.get(s, {})]
    return FUNCTIONS.get(short) if not found else found[0]


def known(name: str) -> bool:
    """Whether there is a public function of that name."""
    return _function(name) is not None


def call(name: str, *values: Any) -> Any:
    """A public function on translated values, by its name or ``linalg.<name>``.

    Raises
    ------
    CompileError
        If there is none of that name.
    """
    found = _function(name)
    if found is None:
        raise CompileError(f"no function {name} to express it by")
    return found(*[plain(value) for value in values])


def plain(value: Any) -> Any:
    return nearest(value.expr) if isinstance(value, Exact) else value
