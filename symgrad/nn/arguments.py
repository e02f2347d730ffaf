"""Checks of what layers are given: each says what was expected, and what came."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import symgrad as sg

__all__ = ["activation_of", "at_least", "floating", "in_scope", "rate_of"]


def floating(what: str, x: Any, axes: int, shape: str, name: str = "x") -> sg.Expr:
    """`x` as an expression, refused unless it is floating and has at least so many axes."""
    x = sg.as_expr(x)
    if x.dtype.kind != "f":
        raise sg.DTypeError(f"{what}: expected {name} to be a floating array; got {x.dtype}")
    if x.ndim < axes:
        raise sg.ShapeError(f"{what}: expected {name} of shape {shape}; got {shown(x)}")
    return x


def shown(x: sg.Expr) -> str:
    """The shape of an expression, as it is written."""
    return "(" + ", ".join([str(size) for size in x.shape]) + ("," * (x.ndim == 1)) + ")"


def at_least(what: str, name: str, value: Any, least: int = 1) -> int:
    """A static whole number, not below `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise sg.DeclarationError(f"{what}: expected {name} >= {least}; got {value!r}")
    return value


def rate_of(what: str, value: Any) -> float:
    """A probability of dropout."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise sg.DeclarationError(f"{what}: expected 0 <= dropout < 1; got {value!r}")
    return value


def activation_of(what: str, value: Any) -> Any:
    """A function of an expression; its name as a string is refused."""
    if not callable(value):
        raise sg.DeclarationError(
            f"{what}: expected activation to be a function, such as sg.relu; got {value!r}"
        )
    return value


def in_scope(name: str | None) -> AbstractContextManager[None]:
    """The scope of a layer that has a name; none otherwise."""
    return nullcontext() if name is None else sg.scope(name)
