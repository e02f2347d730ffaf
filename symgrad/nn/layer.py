"""What the layers ask of their arguments, in one voice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import symgrad as sg
from symgrad.options import flag, require_single

__all__ = [
    "Activation",
    "activated",
    "array",
    "biased",
    "floating",
    "named",
    "shown",
    "spreads",
]

#: a function of an expression, such as ``sg.relu``; None is the identity
Activation = Callable[[sg.Expr], Any] | None


def named(name: str | None) -> contextlib.AbstractContextManager[None]:
    """The scope of a layer: one of its own if it has a name, else that which is open."""
    return contextlib.nullcontext() if name is None else sg.scope(name)


def array(layer: str, x: Any) -> sg.Expr:
    """One array: an expression, numbers; no tuple of expressions, as a recurrent layer gives."""
    require_single(layer, "an array", x, sg.Expr)
    return sg.as_expr(x)


def floating(layer: str, x: Any, least: int = 1) -> sg.Expr:
    """The input of a layer: a floating array of so many axes or more."""
    x = array(layer, x)
    if x.dtype.kind != "f":
        raise sg.DTypeError(f"{layer}: expected a floating array; got {x.dtype}")
    if x.ndim < least:
        axes = "axis" if least == 1 else "axes"
        raise sg.ShapeError(
            f"{layer}: expected an array of at least {least} {axes}; got shape {shown(x.shape)}"
        )
    return x


def shown(shape: tuple[Any, ...]) -> str:
    """A shape as a message has it: (B, 3)."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def spreads(own: Any, size: Any) -> bool:
    """Whether an axis broadcasts to this size, as far as it is known before the call.

    A symbolic size is taken at its name: one of another name, or where a number is wanted, is a
    mistake more often than not, and would show in a call alone, or never.
    """
    if own == size or own == 1:
        return True
    return isinstance(own, int) and not isinstance(size, int)


def biased(layer: str, y: sg.Expr, bias: bool) -> sg.Expr:
    """With a bias ``b`` for each entry of the last axis, which starts at zero."""
    with_bias = flag(layer, "bias", bias)
    return y + sg.param("b", (y.shape[-1],), dtype=y.dtype) if with_bias else y


def activated(layer: str, y: sg.Expr, activation: Activation) -> sg.Expr:
    """After the activation, if there is one."""
    if activation is None:
        return y
    if not callable(activation):
        hint = f": pass the function, sg.{activation}" if isinstance(activation, str) else ""
        raise sg.DeclarationError(
            f"{layer}: expected a function such as sg.relu as the activation; "
            f"got {activation!r}{hint}"
        )
    return array(layer, activation(y))
