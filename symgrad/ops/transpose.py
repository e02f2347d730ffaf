"""Axes: how they are counted, and put in another order."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import LITERAL, SIZE, Expr, as_expr, make
from symgrad.ir.op import OPS, Example, Op, function, public, register
from symgrad.ops.examples import like_numpy

__all__ = [
    "array_code",
    "axes_index",
    "given",
    "inverse_permutation",
    "matrix_transpose",
    "moveaxis",
    "normalize_axes",
    "normalize_axis",
    "swapaxes",
    "transpose",
]


def normalize_axis(axis: Any, ndim: int, what: str = "axis") -> int:
    """An axis counted from the front.

    Raises
    ------
    DeclarationError
        If it is no integer, or out of range.
    """
    try:
        if isinstance(axis, (bool, np.bool_)):
            raise TypeError
        found = operator.index(axis)
    except TypeError:
        raise DeclarationError(
            f"{what} must be an integer; got {axis!r} ({type(axis).__name__})"
        ) from None
    if not -ndim <= found < ndim:
        raise DeclarationError(f"{what} {found} is out of range for {ndim} axes")
    return found + ndim if found < 0 else found


def normalize_axes(axes: Any, ndim: int, what: str = "axis") -> tuple[int, ...]:
    """Axes counted from the front, in the order given: one integer, or several.

    Raises
    ------
    DeclarationError
        If one is no integer, out of range, or there twice.
    """
    items = tuple(axes) if isinstance(axes, (tuple, list, np.ndarray)) else (axes,)
    found = tuple(normalize_axis(axis, ndim, what) for axis in items)
    if len(set(found)) != len(found):
        raise DeclarationError(f"{what}: {axes!r} names an axis twice")
    return found


def array_code(arg: Expr, code: Code) -> Code:
    """The source of an argument in a place where a Python number would not do."""
    if arg.ndim == 0 and arg.op in (LITERAL, SIZE):
        return Code.call("np.asarray", code)
    return code


def axes_index(parts: Sequence[str]) -> str:
    """Parts of a subscript, without the full slices at the end; many in front are ``...``."""
    count = len(parts)
    parts = list(parts)
    while parts and parts[-1] == ":":
        parts.pop()
    lead = next((i for i, part in enumerate(parts) if part != ":"), 0)
    if lead > 2 and len(parts) == count:  # what follows the dots is counted from the end
        parts[:lead] = ["..."]
    return ", ".join(parts)


def given(tangent: Expr | None) -> Expr:
    """The tangent of an only argument, which cannot be zero: the op would not be asked."""
    assert tangent is not None
    return tangent


# ---------------------------------------------------------------- transpose


@register
class Transpose(Op):
    """Axes in another order."""

    name = "transpose"
    takes_complex = True
    examples = (
        Example(lambda x: transpose(x), lambda x: x.T, ((3, 4),)),
        Example(lambda x: transpose(x), lambda x: x.T, ((2, 3, 4),)),
        Example(lambda x: transpose(x, (1, -1, 0)), lambda x: x.transpose(1, 2, 0), ((2, 3, 4),)),
        Example(lambda x: matrix_transpose(x), lambda x: np.swapaxes(x, -1, -2), ((2, 3, 4),)),
        Example(lambda x: swapaxes(x, 0, 1), lambda x: np.swapaxes(x, 0, 1), ((2, 1, 0),)),
    )

    def aval(self, x: Aval, *, axes: tuple[int, ...]) -> Aval:
        return Aval(tuple([x.shape[axis] for axis in axes]), x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (transpose(ct, inverse_permutation(node.attrs["axes"])),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return transpose(args[0], (0, *[axis + 1 for axis in node.attrs["axes"]]))

    def numpy(self, node: Expr, *args: Code) -> Code:
        axes: tuple[int, ...] = node.attrs["axes"]
        n = len(axes)
        if axes == tuple(reversed(range(n))):
            return Code.attribute(array_code(node.args[0], args[0]), "T")
        moved = [i for i, axis in enumerate(axes) if i != axis]
        if moved == [n - 2, n - 1]:
            return Code.attribute(args[0], "mT")
        if len(moved) == 2:
            return Code.method(args[0], "swapaxes", *map(str, moved))
        return Code.method(args[0], "transpose", *map(str, axes))

    def is_view(self, node: Expr) -> bool:
        return True

    def latex(self, node: Expr, *args: str) -> str:
        axes = node.attrs["axes"]
        if axes == tuple(range(len(axes) - 2)) + (len(axes) - 1, len(axes) - 2):
            return rf"{{{args[0]}}}^\top" if args[0].isalnum() else rf"\left({args[0]}\right)^\top"
        order = ", ".join(map(str, axes))
        return rf"\operatorname{{transpose}}_{{{order}}}\left({args[0]}\right)"

    def flops(self, node: Expr) -> int:
        return 0


TRANSPOSE = OPS["transpose"]


def inverse_permutation(axes: Sequence[int]) -> tuple[int, ...]:
    """Where each axis went."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


@function
def transpose(a: Any, axes: Any = None) -> Expr:
    """Axes in another order; reversed, if none is given.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 4, 3))
    >>> sg.transpose(x, (1, 0, 2)).shape
    (4, Dim('B'), 3)
    """
    a = as_expr(a)
    if axes is None:
        order = tuple(reversed(range(a.ndim)))
    else:
        order = normalize_axes(axes, a.ndim, "axes")
        if len(order) != a.ndim:
            raise DeclarationError(f"transpose: axes {axes!r} for an array of {a.ndim} axes")
    return _permuted(a, order)


def _permuted(x: Expr, order: tuple[int, ...]) -> Expr:
    """The array itself where no axis moves."""
    return x if order == tuple(range(x.ndim)) else make(TRANSPOSE, (x,), {"axes": order})


@function
def swapaxes(a: Any, axis1: int, axis2: int) -> Expr:
    """Two axes exchanged."""
    a = as_expr(a)
    one, other = normalize_axis(axis1, a.ndim, "axis1"), normalize_axis(axis2, a.ndim, "axis2")
    order = list(range(a.ndim))
    order[one], order[other] = other, one
    return transpose(a, order)


@public(
    examples=(
        like_numpy("moveaxis", ((2, 3, 4),), 0, -1),
        like_numpy("moveaxis", ((2, 3, 4, 5),), (0, 1), (-1, -2)),
    )
)
def moveaxis(a: Any, source: Any, destination: Any) -> Expr:
    """Axes moved to other positions; the others keep their order."""
    a = as_expr(a)
    sources = normalize_axes(source, a.ndim, "source")
    destinations = normalize_axes(destination, a.ndim, "destination")
    if len(sources) != len(destinations):
        raise DeclarationError(
            f"moveaxis: {len(sources)} axes to move but {len(destinations)} destinations"
        )
    order = [axis for axis in range(a.ndim) if axis not in sources]
    for to, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(to, axis)
    return transpose(a, order)


@function
def matrix_transpose(x: Any) -> Expr:
    """The last two axes exchanged."""
    x = as_expr(x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose needs at least 2 axes; got {format_shape(x.shape)}")
    return swapaxes(x, -1, -2)
