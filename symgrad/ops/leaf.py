"""Leaves of a graph: inputs, parameters, states, the training flag; and marks on expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import OPS, Example, Op, function, register
from symgrad.ir.size import Size

__all__ = [
    "BOUND",
    "INPUT",
    "NAMED",
    "PARAM",
    "SLOT",
    "STATE",
    "STOP_GRADIENT",
    "TRAINING",
    "stop_gradient",
]

Shape = tuple[Size, ...]


class Leaf(Op):
    """A value that comes from outside, an identity: two of the same name are not the same."""

    identity = True

    def aval(
        self,
        *args: Aval,
        name: str,
        shape: Shape,
        dtype: np.dtype[Any],
        token: str,
        init: Any = None,
        cell: Any = None,
        slot: str | None = None,
    ) -> Aval:
        return Aval(shape, dtype)

    def latex(self, node: Expr, *args: str) -> str:
        raise NotImplementedError("leaves are typeset by their names")


@register
class Input(Leaf):
    """Data that arrives with each call."""

    name = "input"


@register
class Param(Leaf):
    """A trainable value."""

    name = "param"


@register
class State(Leaf):
    """A value that no gradient reaches, changed by ``sg.update``."""

    name = "state"


@register
class Slot(Leaf):
    """What an optimiser keeps for a parameter, such as a running mean of its gradient."""

    name = "slot"


@register
class Bound(Leaf):
    """A parameter of the body of a loop or branch."""

    name = "bound"


@register
class Training(Op):
    """The flag of the entry being compiled: resolved then, never at a call."""

    name = "training"

    def aval(self, *args: Aval) -> Aval:
        return Aval((), np.dtype(np.bool_))


class Mark(Op):
    """The identity function of values, with a meaning for the compiler."""

    elementwise = True

    def is_view(self, node: Expr) -> bool:
        return True

    def aval(self, x: Aval, **attrs: Any) -> Aval:
        return x

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        return args[0]

    def latex(self, node: Expr, *args: str) -> str:
        return args[0]

    def flops(self, node: Expr) -> int:
        return 0


@register
class Named(Mark):
    """A name for a constant, which may belong to many models: there it is part of the node."""

    name = "named"
    takes_complex = True

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (ct,)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return tangents[0]


@register
class StopGradient(Mark):
    """The identity, with derivative zero."""

    name = "stop_gradient"
    takes_complex = True
    examples = (
        Example(lambda x: stop_gradient(x) * 2.0, lambda x: x * 2.0, ((3, 4),), smooth=False),
    )

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (None,)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return None


@register
class Copy(Mark):
    """A value in memory of its own: made by the compiler, where a leaf is about to change."""

    name = "copy"
    takes_complex = True
    elementwise = False  # it is written nowhere but into new memory
    examples = (Example(lambda x: make(OPS["copy"], (x,), {}), np.copy, ((3, 4),)),)

    def is_view(self, node: Expr) -> bool:
        return False

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (ct,)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return tangents[0]

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.array", args[0])


INPUT, PARAM, STATE, SLOT = (OPS[n] for n in ("input", "param", "state", "slot"))
BOUND = OPS["bound"]
TRAINING, COPY = OPS["training"], OPS["copy"]
NAMED, STOP_GRADIENT = OPS["named"], OPS["stop_gradient"]


@function
def stop_gradient(x: Any) -> Expr:
    """The value of `x`, a constant for differentiation.

    Parameters
    ----------
    x : Expr, array or number

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> f = sg.function([x], sg.grad(x * sg.stop_gradient(x), x))
    >>> float(f(3.0))
    3.0
    """
    return make(STOP_GRADIENT, (as_expr(x),), {})
