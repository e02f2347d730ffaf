"""Ops that change the shape and no value: reshape, broadcast, axes of size 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.checks import require_equal
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, public, register
from symgrad.ir.size import Size, as_shape, exact_quotient, product
from symgrad.ops.broadcasting import align, broadcast_shapes, sum_to
from symgrad.ops.examples import like_numpy
from symgrad.ops.transpose import (
    array_code,
    axes_index,
    given,
    inverse_permutation,
    matrix_transpose,
    moveaxis,
    normalize_axes,
    normalize_axis,
    swapaxes,
    transpose,
)

__all__ = [
    "given",
    "inverse_permutation",
    "array_code",
    "axes_index",
    "broadcast_arrays",
    "broadcast_to",
    "expand_dims",
    "matrix_transpose",
    "moveaxis",
    "normalize_axes",
    "normalize_axis",
    "ravel",
    "reshape",
    "squeeze",
    "swapaxes",
    "transpose",
]

Shape = tuple[Size, ...]


# ---------------------------------------------------------------- reshape


@register
class Reshape(Op):
    """The same elements, in C order, in another shape."""

    name = "reshape"
    takes_complex = True
    examples = (
        Example(lambda x: reshape(x, (4, 3)), lambda x: np.reshape(x, (4, 3)), ((3, 4),)),
        Example(lambda x: reshape(x, (2, -1, 3)), lambda x: np.reshape(x, (2, 2, 3)), ((3, 4),)),
        Example(lambda x: reshape(x, -1), lambda x: np.reshape(x, -1), ((3, 4),)),
        Example(lambda x: reshape(x, ()), lambda x: np.reshape(x, ()), ((1, 1),)),
        Example(lambda x: reshape(x, (1, 1)), lambda x: np.reshape(x, (1, 1)), ((),)),
        Example(lambda x: reshape(x, (4, 0)), lambda x: np.reshape(x, (4, 0)), ((0, 3),)),
    )

    def aval(self, x: Aval, *, shape: Shape) -> Aval:
        if shape != x.shape:
            require_equal(
                product(x.shape),
                product(shape),
                f"{format_shape(x.shape)} cannot become {format_shape(shape)}: "
                "the numbers of elements",
            )
        return Aval(shape, x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (reshape(ct, node.args[0].shape),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return reshape(args[0], (args[0].shape[0], *node.shape))

    def numpy(self, node: Expr, *args: Code) -> Code:
        x = array_code(node.args[0], args[0])
        if len(node.shape) == 1:
            return Code.method(x, "ravel")
        if not node.shape:
            return Code.method(x, "reshape", "()")
        return Code.method(x, "reshape", *_with_inferred(node.shape))

    def is_view(self, node: Expr) -> bool:
        return True

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{reshape}}_{{{_latex_shape(node.shape)}}}\left({args[0]}\right)"

    def flops(self, node: Expr) -> int:
        return 0


def _with_inferred(shape: Shape) -> list[str]:
    """Sizes as text; the only compound one becomes -1 where NumPy can work it out."""
    texts = [str(size) for size in shape]
    compound = [i for i, text in enumerate(texts) if not (text.isidentifier() or text.isdigit())]
    others = [size for i, size in enumerate(shape) if i not in compound]
    if len(compound) == 1 and all(isinstance(size, int) and size > 0 for size in others):
        texts[compound[0]] = "-1"
    return texts


def _latex_shape(shape: Shape) -> str:
    inner = r" \times ".join(str(s) if isinstance(s, int) else s.latex() for s in shape)
    return inner or "()"


RESHAPE = OPS["reshape"]


@function
def reshape(a: Any, shape: Any) -> Expr:
    """The same elements, in C order, in another shape.

    Parameters
    ----------
    a : array_like
    shape : int, Dim, str or a tuple of them
        One entry may be -1: it follows from the others. Where symbolic sizes leave it open
        whether the number of elements fits, that is checked at each call.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 4, 3))
    >>> sg.reshape(x, ("B", -1)).shape
    (Dim('B'), 12)
    """
    a = as_expr(a)
    items = list(shape) if isinstance(shape, (tuple, list)) else [shape]
    unknown = [i for i, item in enumerate(items) if _is_minus_one(item)]
    if len(unknown) > 1:
        raise ShapeError(f"reshape: only one size may be -1; got {tuple(items)}")
    known = as_shape([item for i, item in enumerate(items) if i not in unknown])
    if not unknown:
        return make(RESHAPE, (a,), {"shape": known})
    at = unknown[0]
    total, rest = product(a.shape), product(known)
    inferred = exact_quotient(total, rest)
    if inferred is None:
        if isinstance(rest, int) and (isinstance(total, int) or rest == 0):
            raise ShapeError(
                f"reshape: {format_shape(a.shape)} cannot become {tuple(items)}: "
                f"{total} elements are not a multiple of {rest}"
            )
        inferred = total // rest
    return make(RESHAPE, (a,), {"shape": (*known[:at], inferred, *known[at:])})


def _is_minus_one(item: Any) -> bool:
    return isinstance(item, (int, np.integer)) and item == -1


@public(examples=(like_numpy("ravel", ((2, 3),)), like_numpy("ravel", ((),))))
def ravel(a: Any) -> Expr:
    """All elements along one axis, in C order."""
    return reshape(a, (-1,))


# ---------------------------------------------------------------- broadcast_to


@register
class BroadcastTo(Op):
    """Values repeated along axes of size 1 and along new axes in front."""

    name = "broadcast_to"
    read_only = True
    takes_complex = True
    examples = (
        Example(lambda x: broadcast_to(x, (3, 4)), lambda x: np.broadcast_to(x, (3, 4)), ((4,),)),
        Example(lambda x: broadcast_to(x, (3, 4)), lambda x: np.broadcast_to(x, (3, 4)), ((3, 1),)),
        Example(lambda x: broadcast_to(x, (2, 3)), lambda x: np.broadcast_to(x, (2, 3)), ((),)),
        Example(lambda x: broadcast_to(x, (0, 3)), lambda x: np.broadcast_to(x, (0, 3)), ((1, 3),)),
    )

    def aval(self, x: Aval, *, shape: Shape) -> Aval:
        reason = f"{format_shape(x.shape)} does not broadcast to {format_shape(shape)}"
        if len(shape) < x.ndim:
            raise ShapeError(f"{reason}: {x.ndim} axes cannot become {len(shape)}")
        for i in range(-x.ndim, 0):
            if not (isinstance(x.shape[i], int) and x.shape[i] == 1):
                require_equal(x.shape[i], shape[i], f"{reason}: axis {i}")
        return Aval(shape, x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (sum_to(ct, node.args[0].shape),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        (x,) = align(args, batched, node.ndim)
        return broadcast_to(x, (args[0].shape[0], *node.shape))

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.broadcast_to", args[0], format_shape(node.shape))

    def is_view(self, node: Expr) -> bool:
        return True

    def latex(self, node: Expr, *args: str) -> str:
        return args[0]

    def flops(self, node: Expr) -> int:
        return 0


BROADCAST_TO = OPS["broadcast_to"]


@function
def broadcast_to(array: Any, shape: Any) -> Expr:
    """The array in a shape that it broadcasts to.

    Examples
    --------
    >>> import symgrad as sg
    >>> b = sg.input("b", (3,))
    >>> sg.broadcast_to(b, ("B", 3)).shape
    (Dim('B'), 3)
    """
    array, to = as_expr(array), as_shape(shape)
    return array if array.shape == to else make(BROADCAST_TO, (array,), {"shape": to})


@public(
    examples=(
        Example(
            lambda x, y: FUNCTIONS["broadcast_arrays"](x, y)[1] * 2.0,
            lambda x, y: np.broadcast_arrays(x, y)[1] * 2.0,
            ((3, 4), (3, 1)),
        ),
    )
)
def broadcast_arrays(*args: Any) -> tuple[Expr, ...]:
    """All arguments in their common shape."""
    exprs = [as_expr(arg) for arg in args]
    if not exprs:
        return ()
    shape = broadcast_shapes(*[x.shape for x in exprs])
    return tuple(broadcast_to(x, shape) for x in exprs)


# ---------------------------------------------------------------- axes of size 1


@register
class ExpandDims(Op):
    """New axes of size 1, at these positions of the result."""

    name = "expand_dims"
    takes_complex = True
    examples = (
        Example(lambda x: expand_dims(x, 0), lambda x: x[None], ((3, 4),)),
        Example(lambda x: expand_dims(x, -1), lambda x: x[..., None], ((2, 3, 4),)),
        Example(
            lambda x: expand_dims(x, 3), lambda x: np.reshape(x, (2, 1, 2, 1, 3)), ((2, 1, 2, 3),)
        ),
        Example(lambda x: expand_dims(x, (1, 3)), lambda x: x[:, None, :, None], ((3, 4),)),
        Example(lambda x: expand_dims(x, (0, 1)), lambda x: np.reshape(x, (1, 1)), ((),)),
    )

    def aval(self, x: Aval, *, axis: tuple[int, ...]) -> Aval:
        sizes = iter(x.shape)
        ndim = x.ndim + len(axis)
        return Aval(tuple([1 if i in axis else next(sizes) for i in range(ndim)]), x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (squeeze(ct, node.attrs["axis"]),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return expand_dims(args[0], tuple(axis + 1 for axis in node.attrs["axis"]))

    def numpy(self, node: Expr, *args: Code) -> Code:
        axis = node.attrs["axis"]
        parts = ["None" if i in axis else ":" for i in range(node.ndim)]
        return Code.subscript(array_code(node.args[0], args[0]), axes_index(parts))

    def is_view(self, node: Expr) -> bool:
        return True

    def latex(self, node: Expr, *args: str) -> str:
        return args[0]

    def flops(self, node: Expr) -> int:
        return 0


@register
class Squeeze(Op):
    """Without these axes, whose size is 1."""

    name = "squeeze"
    takes_complex = True
    examples = (
        Example(lambda x: squeeze(x), lambda x: np.squeeze(x), ((3, 1, 4, 1),)),
        Example(lambda x: squeeze(x, 1), lambda x: x[:, 0], ((3, 1, 1),)),
        Example(lambda x: squeeze(x, (0, -1)), lambda x: x[0, :, 0], ((1, 3, 1),)),
        Example(lambda x: squeeze(x), lambda x: np.squeeze(x), ((1,),)),
    )

    def aval(self, x: Aval, *, axis: tuple[int, ...]) -> Aval:
        for i in axis:
            size = x.shape[i]
            if not (isinstance(size, int) and size == 1):
                hint = "" if isinstance(size, int) else ": a symbolic size never means 1"
                raise ShapeError(
                    f"axis {i} of {format_shape(x.shape)} has size {size}, not 1{hint}"
                )
        return Aval(tuple([s for i, s in enumerate(x.shape) if i not in axis]), x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (expand_dims(ct, node.attrs["axis"]),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return squeeze(args[0], tuple(axis + 1 for axis in node.attrs["axis"]))

    def numpy(self, node: Expr, *args: Code) -> Code:
        axis = node.attrs["axis"]
        parts = ["0" if i in axis else ":" for i in range(node.args[0].ndim)]
        return Code.subscript(args[0], axes_index(parts))

    def is_view(self, node: Expr) -> bool:
        return True

    def latex(self, node: Expr, *args: str) -> str:
        return args[0]

    def flops(self, node: Expr) -> int:
        return 0


EXPAND_DIMS, SQUEEZE = OPS["expand_dims"], OPS["squeeze"]


@function
def expand_dims(a: Any, axis: Any) -> Expr:
    """New axes of size 1, at these positions of the result.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.expand_dims(x, (0, -1)).shape
    (1, Dim('B'), 3, 1)
    """
    a = as_expr(a)
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    axes = tuple(sorted(normalize_axes(axis, a.ndim + count)))
    return make(EXPAND_DIMS, (a,), {"axis": axes}) if axes else a


@function
def squeeze(a: Any, axis: Any = None) -> Expr:
    """Without axes of size 1: these, or all whose size is the number 1.

    Raises
    ------
    ShapeError
        For an axis of another size; a symbolic size never means 1.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 1, 3))
    >>> sg.squeeze(x).shape
    (Dim('B'), 3)
    """
    a = as_expr(a)
    if axis is None:
        axes = tuple(i for i, s in enumerate(a.shape) if isinstance(s, int) and s == 1)
    else:
        axes = tuple(sorted(normalize_axes(axis, a.ndim)))
    return make(SQUEEZE, (a,), {"axis": axes}) if axes else a
