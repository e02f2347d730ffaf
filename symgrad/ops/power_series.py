"""Polynomials with coefficients that are known at declaration, element by element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, literal, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, register
from symgrad.ops import kernels
from symgrad.ops.cast import astype
from symgrad.ops.masking import times

__all__ = ["power_series"]


@register
class PowerSeries(Op):
    """c_0 + c_1 x + c_2 x^2 + ..., by Horner's rule."""

    name = "power_series"
    elementwise = True
    examples = tuple(
        Example(
            lambda x, c=c: power_series(x, c),
            lambda x, c=c: np.polynomial.polynomial.polyval(x, c).astype(x.dtype),
            (shape,),
        )
        for c, shape in (
            ((1.0, -0.5, 0.25, 2.0), (3, 4)),
            ((0.5, 3.0), ()),
            ((0.0, 0.0, 1.0), (3,)),
        )
    )

    def aval(self, x: Aval, *, coefficients: tuple[float, ...]) -> Aval:
        return x

    def partials(self, node: Expr) -> tuple[Expr | None]:
        """d node / d x at each index."""
        lower = tuple([k * c for k, c in enumerate(node.attrs["coefficients"])][1:])
        return (_made(node.args[0], lower),) if any(lower) else (None,)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        (slope,) = self.partials(node)
        return (None if slope is None else times(ct, slope),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (slope,) = self.partials(node)
        tangent = tangents[0]
        return None if slope is None or tangent is None else times(tangent, slope)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        numbers = ", ".join(repr(c) for c in node.attrs["coefficients"])
        return Code.call("power_series", args[0], f"({numbers})", out=True)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (kernels.power_series,)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"P_{{{len(node.attrs['coefficients']) - 1}}}\left({args[0]}\right)"

    def flops(self, node: Expr) -> int:
        return 2 * len(node.attrs["coefficients"])


POWER_SERIES = OPS["power_series"]


def _made(x: Expr, coefficients: tuple[float, ...]) -> Expr:
    if len(coefficients) == 1:
        made: Expr = FUNCTIONS["full"](x.shape, literal(coefficients[0], x.dtype))
        return made
    return make(POWER_SERIES, (x,), {"coefficients": coefficients})


@function
def power_series(x: Any, coefficients: Sequence[float]) -> Expr:
    """c_0 + c_1 x + c_2 x^2 + ..., with the coefficient of the lowest power first.

    Parameters
    ----------
    x : array_like
        Integers become float64.
    coefficients : sequence of float

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> sg.function([x], sg.power_series(x, [1, 0, 3]))([1.0, 2.0])
    array([ 4., 13.])
    """
    numbers = tuple([float(c) + 0.0 for c in coefficients])
    if not numbers:
        raise DeclarationError("power_series: expected one coefficient or more; got none")
    x = as_expr(x)
    return _made(x if x.dtype.kind == "f" else astype(x, np.float64), numbers)
