"""sinc and the modified Bessel function I0, with derivatives of every order that do not cancel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.lifted import lift
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, public, register
from symgrad.ops import entire_kernels as kernels
from symgrad.ops.elementwise import floating

__all__ = ["i0", "i1", "sinc"]


class Entire(Op):
    """An elementwise function of one argument; the attribute `order` says which of a family."""

    elementwise = True

    def aval(self, x: Aval, *, order: int) -> Aval:
        return Aval(x.shape, floating(x.dtype))

    def slope(self, node: Expr) -> Expr:
        """The derivative at each element."""
        raise NotImplementedError(self.name)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (ct * self.slope(node),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return None if tangents[0] is None else tangents[0] * self.slope(node)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        order = node.attrs["order"]
        return Code.call(self.name, args[0], *([f"order={order}"] if order else []), out=True)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (getattr(kernels, self.name),)

    def flops(self, node: Expr) -> int:
        return 60


def _of_order(op: Op, node: Expr, order: int) -> Expr:
    return make(op, node.args, {"order": order})


def _function(name: str, x: Any) -> Expr:
    if (lifted := lift(lambda value: _function(name, value), x)) is not None:
        return lifted  # type: ignore[no-any-return]
    return make(OPS[name], (as_expr(x),), {"order": 0})


# ---- sinc


@register
class Sinc(Entire):
    """sin(pi x) / (pi x), or its derivative of a given order."""

    name = "sinc"
    examples = (
        Example(lambda x: sinc(x), np.sinc, ((3, 4),)),
        Example(lambda x: sinc(x), np.sinc, ((),), ((-0.01, 0.01),)),
        Example(lambda x: sinc(x), np.sinc, ((4,),), ((-20.0, 20.0),)),
    )

    def slope(self, node: Expr) -> Expr:
        return _of_order(self, node, node.attrs["order"] + 1)

    def latex(self, node: Expr, *args: str) -> str:
        order = node.attrs["order"]
        primes = "'" * order if order < 4 else f"^{{({order})}}"
        return rf"\operatorname{{sinc}}{primes}\left({args[0]}\right)"


@function
def sinc(x: Any) -> Expr:
    """sin(pi x) / (pi x), 1 at 0, exactly 0 at other integers.

    Notes
    -----
    Derivatives of every order are accurate near 0, where the formula cancels. At infinity the
    value and the slopes are their limits, 0.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> sg.function([x], sg.sinc(x))([0.0, 0.5, 1.0]).round(4)
    array([1.    , 0.6366, 0.    ])
    """
    return _function("sinc", x)


# ---- modified Bessel functions


@register
class BesselI(Entire):
    """The modified Bessel function of the first kind, of an integer order."""

    name = "bessel_i"
    formula = "besseli({order}, x)"
    parameters = ("x",)
    examples = (
        Example(lambda x: FUNCTIONS["i0"](x), np.i0, ((3, 4),)),
        Example(lambda x: FUNCTIONS["i0"](x), np.i0, ((2,),), ((28.0, 34.0),)),
        Example(
            lambda x: FUNCTIONS["i1"](x), lambda x: import_module("scipy.special").i1(x), ((3, 4),)
        ),
    )

    def slope(self, node: Expr) -> Expr:
        order = node.attrs["order"]
        above = _of_order(self, node, order + 1)
        return above if not order else (_of_order(self, node, order - 1) + above) * 0.5

    def latex(self, node: Expr, *args: str) -> str:
        return rf"I_{{{node.attrs['order']}}}\left({args[0]}\right)"


@public(namespace="special")
def i0(x: Any) -> Expr:
    """The modified Bessel function of the first kind of order 0; its derivative is I1.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> sg.function([x], sg.i0(x))([0.0, 1.0]).round(4)
    array([1.    , 1.2661])
    """
    return _function("bessel_i", x)


@public(namespace="special")
def i1(x: Any) -> Expr:
    """The modified Bessel function of the first kind of order 1."""
    return _of_order(OPS["bessel_i"], i0(x), 1)
