"""Positions of extrema: argmax, argmin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, register
from symgrad.ops.axes import delimited, indices
from symgrad.ops.extrema import require_elements
from symgrad.ops.shape import normalize_axis, ravel, reshape

__all__ = ["Position", "argmax", "argmin", "position"]


class Position(Op):
    """The first index of an extremum along one axis."""

    def aval(self, x: Aval, *, axis: int, keepdims: bool) -> Aval:
        one = (1,) if keepdims else ()
        shape = (*x.shape[:axis], *one, *x.shape[axis + 1 :])
        require_elements(x, (axis,), shape)
        return Aval(shape, np.dtype(np.intp))

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {**node.attrs, "axis": node.attrs["axis"] + 1})

    def options(self, node: Expr) -> dict[str, Any]:
        """The keyword arguments of the call, without those that are NumPy's defaults."""
        options: dict[str, Any] = {}
        if node.args[0].ndim > 1:
            options["axis"] = node.attrs["axis"]
        if node.attrs["keepdims"]:
            options["keepdims"] = True
        return options

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.method(args[0], self.name, out=True, **self.options(node))

    def latex(self, node: Expr, *args: str) -> str:
        letters = f"_{{{indices((node.attrs['axis'],))}}}"
        symbol = rf"\operatorname*{{{self.name}}}"
        return f"{symbol}{letters} {delimited(args[0])}"


def position(op: str, a: Any, axis: Any, keepdims: bool) -> Expr:
    """The node of a position, from what a user passed."""
    x = as_expr(a)
    attrs = {"axis": 0, "keepdims": bool(keepdims) and axis is not None}
    if axis is not None and (x.ndim or axis not in (0, -1)):
        attrs["axis"] = normalize_axis(axis, x.ndim, f"{op}: axis")
        return make(OPS[op], (x,), attrs)
    flat = x if x.ndim == 1 else ravel(x)
    found = make(OPS[op], (flat,), attrs)
    return reshape(found, (1,) * x.ndim) if keepdims else found


def _examples(name: str, reference: Callable[..., Any]) -> tuple[Example, ...]:
    def example(shape: tuple[int, ...], axis: int | None, keepdims: bool) -> Example:
        return Example(
            lambda x: FUNCTIONS[name](x, axis=axis, keepdims=keepdims),
            lambda x: reference(x, axis=axis, keepdims=keepdims),
            (shape,),
            smooth=False,
        )

    return (
        example((3, 4), None, False),
        example((3, 4), 0, False),
        example((3, 4), -1, True),
        example((5,), None, True),
        example((3, 1), 1, False),
    )


@register
class ArgMax(Position):
    """The first index of the largest element along an axis."""

    name = "argmax"
    examples = _examples("argmax", np.argmax)


@function
def argmax(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Expr:
    """First index of the largest element along `axis`, or in the flattened array.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.argmax(x, axis=1)  # the class of each row
    <Expr argmax...: (B,) int64>
    """
    return position("argmax", a, axis, keepdims)


@register
class ArgMin(Position):
    """The first index of the smallest element along an axis."""

    name = "argmin"
    examples = _examples("argmin", np.argmin)


@function
def argmin(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Expr:
    """First index of the smallest element along `axis`, or in the flattened array.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.argmin(x).shape
    ()
    """
    return position("argmin", a, axis, keepdims)
