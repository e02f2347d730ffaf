"""What stands for many expressions at once: functions are applied to what it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symgrad.errors import ExpressionUseError
from symgrad.ir.operators import Operators

__all__ = ["Lifted", "lift"]


class Lifted(Operators):
    """An object that is no expression, and takes the operators and functions of one.

    A function of each element by itself is applied to what it holds; a reduction is its own
    affair; anything else is an error that says so.
    """

    __slots__ = ()
    __hash__ = object.__hash__

    def apply(self, fn: Callable[..., Any], args: Sequence[Any]) -> Any:
        """An elementwise function of arguments of which this is one."""
        raise NotImplementedError

    def reduce(self, name: str, axis: Any, keepdims: bool, **options: Any) -> Any:
        """The reduction of a name, along axes of what this stands for."""
        raise NotImplementedError

    def misuse(self) -> ExpressionUseError:
        """What to raise where an expression is needed."""
        raise NotImplementedError


def lift(fn: Callable[..., Any], *args: Any) -> Any:
    """The elementwise function `fn` of `args`, if one of them is lifted; None if none is."""
    for arg in args:
        if isinstance(arg, Lifted):
            return arg.apply(fn, args)
    return None
