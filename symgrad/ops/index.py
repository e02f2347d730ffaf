"""Indexing, and its transpose: gathering elements, adding to them, setting them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import LITERAL, Expr, as_expr, make
from symgrad.ir.op import OPS, Example, Op, function, public, register
from symgrad.ir.size import Size, lower_bound
from symgrad.ops.broadcasting import broadcast_shapes
from symgrad.ops.creation import arange, zeros
from symgrad.ops.examples import like_numpy
from symgrad.ops.index_spec import (
    FULL_SLICE,
    Index,
    indexed_shape,
    parse_index,
    placement,
    subscript,
)
from symgrad.ops.masked import selected, traced_mask
from symgrad.ops.shape import (
    array_code,
    expand_dims,
    normalize_axis,
    ravel,
    transpose,
)

__all__ = [
    "along_axis",
    "batched_index",
    "getitem",
    "index_arrays",
    "index_bounds",
    "node_subscript",
    "provably_unique",
    "take",
    "take_along_axis",
]

Shape = tuple[Size, ...]

_INDEXED: dict[str, Any] = {"dtypes": ("float64", "int64"), "domain": ((-2.0, 2.0), (0.0, 3.0))}

# ---------------------------------------------------------------- what is known of an index


def index_arrays(node: Expr) -> tuple[Expr, ...]:
    return node.args[1:-1] if node.op.updates else node.args[1:]


def index_bounds(node: Expr) -> list[tuple[Expr, Size]]:
    """The index arrays of a node, each with the size of the axis that it must lie in."""
    x, arrays = node.args[0], index_arrays(node)
    indexed = [entry for entry in node.attrs["index"] if entry[0] != "new"]
    return [
        (arrays[entry[1]], size)
        for entry, size in zip(indexed, x.shape, strict=True)
        if entry[0] == "array"
    ]


def provably_unique(node: Expr) -> bool:
    """Whether no element of the first argument is indexed twice, as far as can be proved.

    It is not if each axis of the broadcast index arrays has an array that varies along that
    axis alone and without repetition: then the element gives the position away. One array may be
    a permutation along an axis, for each position of the others.
    """
    bounds = index_bounds(node)
    if not bounds:
        return True
    shape = broadcast_shapes(*[array.shape for array, _ in bounds])
    told = {_tells(array, size) for array, size in bounds}
    permuted = [_permutes(array) for array, _ in bounds]
    told.add(next((axis for axis in permuted if axis is not None), None))
    return all(
        axis - len(shape) in told or (isinstance(size, int) and size <= 1)
        for axis, size in enumerate(shape)
    )


def _tells(array: Expr, size: Size) -> int | None:
    """The axis, counted from the end, that an index array varies along without repetition."""
    wide = _wide_axes(array)
    while array.op.name in ("expand_dims", "squeeze", "transpose", "reshape") or _is_part(array):
        array = array.args[0]
    if len(wide) != 1 or len(_wide_axes(array)) != 1:
        return None
    if array.op.name == "arange":
        start, step = array.attrs["start"], array.attrs["step"]
        low = lower_bound(start) if array.dtype.itemsize == 8 else None
        return wide[0] if low is not None and low >= 0 and step > 0 else None
    if array.op is LITERAL:
        values = array.attrs["value"].array.ravel()
        if isinstance(size, int):
            values = np.where(values < 0, values + size, values)
        elif (values < 0).any() and (values >= 0).any():
            return None
        return wide[0] if len(np.unique(values)) == len(values) else None
    ordered = array.op.name in ("argsort", "random_permutation")
    return wide[0] if ordered and array.ndim == 1 else None


def _permutes(array: Expr) -> int | None:
    """The axis, counted from the end, along which an array holds each index once."""
    if array.op.name in ("argsort", "argpartition"):
        return int(array.attrs["axis"]) - array.ndim
    return None


def _is_part(node: Expr) -> bool:
    """Whether a node takes elements once each, and puts new axes between: ``x[:5, None]``."""
    return node.op is GETITEM and len(node.args) == 1


def _wide_axes(array: Expr) -> list[int]:
    """The axes, counted from the end, that are not known to have size 1."""
    return [
        i - array.ndim for i, s in enumerate(array.shape) if not (isinstance(s, int) and s == 1)
    ]


# ---------------------------------------------------------------- batching


def batched_index(
    index: Index, arrays: tuple[Expr, ...], flags: tuple[bool, ...], x_batched: bool, size: Size
) -> tuple[Index, tuple[Expr, ...], tuple[int, ...]]:
    """The index with a batch axis in front of the array or of some of the index arrays.

    Also the order of axes that puts the result's batch axis first, and the others where they
    were without it.
    """
    before = placement(index)
    own = [arr.ndim - flag for arr, flag in zip(arrays, flags, strict=True)]
    depth = max(own, default=0)
    count = sum(entry[0] in ("slice", "new") for entry in index)
    if not any(flags):
        new: Index = (("slice", 0, size, 1), *index)
        # arrays that were not adjacent still take the front, before the batch axis
        axis = 0 if placement(new) == before + 1 or not arrays else depth
        total = 1 + depth + count
        return new, arrays, (axis, *[i for i in range(total) if i != axis])
    aligned = tuple(
        expand_dims(arr, tuple(range(1, 1 + depth - n))) if flag else arr
        for arr, flag, n in zip(arrays, flags, own, strict=True)
    )
    if not x_batched:
        total = 1 + depth + count
        return index, aligned, (before, *[i for i in range(total) if i != before])
    rows = expand_dims(arange(size), tuple(range(1, 1 + depth)))
    shifted = [("array", entry[1] + 1) if entry[0] == "array" else entry for entry in index]
    new = (("array", 0), *shifted)
    # the axes of the arrays now come first; they stood after `before` others
    order = [0, *range(1 + depth, 1 + depth + before), *range(1, 1 + depth)]
    order += range(1 + depth + before, 1 + depth + count)
    return new, (rows, *aligned), tuple(order)


# ---------------------------------------------------------------- getitem


def _example(build: Any, reference: Any, *shapes: tuple[int, ...], **kwargs: Any) -> Example:
    return Example(build, reference, shapes, **kwargs)


_ROWS = ((-2.0, 2.0), (0, 2))
_FLOAT_AND_INT = ("float64", "int64")


@register
class GetItem(Op):
    """Elements of the first argument, as NumPy's indexing has them."""

    name = "getitem"
    takes_complex = True
    examples = (
        _example(lambda x: x[1:-1, ::2], lambda x: x[1:-1, ::2], (4, 5)),
        _example(lambda x: x[:, None, -1], lambda x: x[:, None, -1], (4, 5)),
        _example(lambda x: x[::-1, 3:0:-2], lambda x: x[::-1, 3:0:-2], (3, 5)),
        _example(lambda x: x[..., 0], lambda x: x[..., 0], (2, 3, 4)),
        _example(lambda x: x[2:2], lambda x: x[2:2], (3, 4)),
        _example(lambda x: x[[0, 2, 0, -1]], lambda x: x[[0, 2, 0, -1]], (3, 4)),
        _example(lambda x: x[[0, 1], :, [2, 0]], lambda x: x[[0, 1], :, [2, 0]], (2, 3, 4)),
        _example(lambda x: x[:, [[0], [2]], [1, 3]], lambda x: x[:, [[0], [2]], [1, 3]], (2, 3, 4)),
        _example(lambda x: x[1, :, [0, 3]], lambda x: x[1, :, [0, 3]], (2, 3, 4)),
        _example(
            lambda x: x[np.array([True, False, True])],
            lambda x: x[np.array([True, False, True])],
            (3, 4),
        ),
        _example(
            lambda x, i: x[:, i],
            lambda x, i: x[:, i],
            (3, 4),
            (2, 2),
            domain=_ROWS,
            dtypes=_FLOAT_AND_INT,
        ),
        _example(
            lambda x, i: x[i, :, 0, None],
            lambda x, i: x[i, :, 0, None],
            (3, 2, 2),
            (4,),
            domain=_ROWS,
            dtypes=_FLOAT_AND_INT,
        ),
        _example(
            lambda x, i: x[i],
            lambda x, i: x[i],
            (3, 4),
            (),
            domain=_ROWS,
            dtypes=_FLOAT_AND_INT,
        ),
    )

    def aval(self, *args: Aval, index: Index) -> Aval:
        x, *arrays = args
        return Aval(indexed_shape(x.shape, index, [a.shape for a in arrays]), x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        x, *arrays = node.args
        buffer = zeros(x.shape, ct.dtype)
        return (make(OPS["scatter_add"], (buffer, *arrays, ct), node.attrs), *[None] * len(arrays))

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        if tangents[0] is None:
            return None
        return make(self, (tangents[0], *node.args[1:]), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        size = args[batched.index(True)].shape[0]
        index, arrays, order = batched_index(
            node.attrs["index"], args[1:], batched[1:], batched[0], size
        )
        return transpose(make(self, (args[0], *arrays), {"index": index}), order)

    def numpy(self, node: Expr, *args: Code) -> Code:
        x = array_code(node.args[0], args[0])
        return Code.subscript(x, node_subscript(node, args[1:]))

    def is_view(self, node: Expr) -> bool:
        # an index computed by NumPy is a scalar, not an array without axes: it selects, as 1 does
        return all([array.ndim == 0 for array in node.args[1:]])

    def latex(self, node: Expr, *args: str) -> str:
        parts = node_subscript(node, [Code(text) for text in args[1:]])
        return (
            rf"{args[0]}_{{{parts}}}"
            if args[0].isalnum()
            else rf"\left({args[0]}\right)_{{{parts}}}"
        )

    def flops(self, node: Expr) -> int:
        return 0


def node_subscript(node: Expr, arrays: Sequence[Code]) -> str:
    return subscript(node.attrs["index"], node.args[0].shape, [code.text for code in arrays])


GETITEM = OPS["getitem"]


@function
def getitem(x: Any, index: Any) -> Expr:
    """Elements of `x`, as NumPy's indexing has them: what ``x[index]`` calls.

    Parameters
    ----------
    x : array_like
    index : int, slice, None, Ellipsis, array_like, or a tuple of them
        Integer arrays may be expressions. On a symbolic axis, an integer is checked to be in
        range at each call. A boolean mask that is an expression gives a selection that waits
        for a reduction: ``x[x > 0].sum()``.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 5))
    >>> y = sg.input("y", ("B",), dtype="int64")
    >>> x[sg.arange(x.shape[0]), y].shape, x[:, 1:-1].shape, x[None, -1].shape
    ((Dim('B'),), (Dim('B'), 3), (1, 5))
    """
    x = as_expr(x)
    if (chosen := traced_mask(x, index)) is not None:
        return selected(x, *chosen)  # type: ignore[return-value]
    x, entries, arrays = parse_index(x, index)
    return make(GETITEM, (x, *arrays), {"index": entries})


# ---------------------------------------------------------------- by axis


@public(
    examples=(
        like_numpy("take", ((3, 4), (2,)), axis=0, **_INDEXED),
        like_numpy("take", ((4, 3), (2, 5)), axis=-1, **_INDEXED),
        like_numpy("take", ((3, 4), (5,)), **_INDEXED),
    )
)
def take(a: Any, indices: Any, axis: int | None = None) -> Expr:
    """Elements along an axis; of all elements in C order, if there is none.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 5))
    >>> sg.take(x, [0, 4], axis=1).shape
    (Dim('B'), 2)
    """
    a = as_expr(a)
    if axis is None:
        return getitem(ravel(a), indices)
    lead = (FULL_SLICE,) * normalize_axis(axis, a.ndim)
    return getitem(a, (*lead, indices))


def along_axis(x: Expr, indices: Any, axis: int | None) -> tuple[Expr, tuple[Any, ...]]:
    """The array and the index arrays for one index for each other position."""
    ids = as_expr(indices)
    if axis is None:
        x, axis = ravel(x), 0
    along = normalize_axis(axis, x.ndim)
    if ids.ndim != x.ndim:
        raise ShapeError(
            f"indices of shape {format_shape(ids.shape)} for an array of shape "
            f"{format_shape(x.shape)}: the numbers of axes differ"
        )
    others = [
        expand_dims(arange(size), tuple(i for i in range(x.ndim) if i != other))
        for other, size in enumerate(x.shape)
    ]
    return x, tuple(ids if i == along else other for i, other in enumerate(others))


@public(
    examples=(
        like_numpy("take_along_axis", ((3, 4), (2, 4)), axis=0, **_INDEXED),
        like_numpy("take_along_axis", ((4, 3), (4, 2)), axis=-1, **_INDEXED),
    )
)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Expr:
    """One or several elements along an axis, chosen for each position of the other axes.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 5))
    >>> sg.take_along_axis(x, sg.argmax(x, axis=1, keepdims=True), axis=1).shape
    (Dim('B'), 1)
    """
    array, index = along_axis(as_expr(arr), indices, axis)
    return getitem(array, index)
