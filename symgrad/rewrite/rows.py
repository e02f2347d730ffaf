"""Which element stands where: axes followed through reductions, views and indexing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.ir.node import LITERAL, Expr
from symgrad.ir.size import Size

if TYPE_CHECKING:
    from symgrad.rewrite.engine import Rewriter

__all__ = ["aligned", "indexes_rows", "is_unit", "places", "rows", "same_rows"]

#: views that keep elements in their order
_ORDERLY = ("reshape", "expand_dims", "squeeze", "getitem")
_REDUCTIONS = ("sum", "mean", "max", "min", "logsumexp", "logmeanexp", "prod")

Shape = tuple[Size, ...]


def is_unit(size: Size) -> bool:
    """Whether a size is the static 1: a symbolic one never is."""
    return isinstance(size, int) and size == 1


def rows(node: Expr, run: Rewriter) -> Expr:
    """`node` below views that keep all its elements in their order."""
    while node.op.name in _ORDERLY and not run.opaque(node) and _keeps_order(node):
        node = node.args[0]
    return node


def _keeps_order(node: Expr) -> bool:
    if node.op.name != "getitem":
        return True
    taken = [part for part in node.attrs["index"] if part[0] != "new"]
    return taken == [("slice", 0, size, 1) for size in node.args[0].shape]


def same_rows(a: Expr, b: Expr, run: Rewriter) -> bool:
    """Whether two expressions hold the same elements in the same order, in whatever shape."""
    a, b = rows(a, run), rows(b, run)
    return a is b or (
        a.op is b.op
        and a.op.name in _REDUCTIONS
        and a.args[0] is b.args[0]
        and a.attrs["axis"] == b.attrs["axis"]
        and not (run.opaque(a) or run.opaque(b))
    )


def aligned(d: Expr, reduction: Expr, shape: Shape) -> bool:
    """Whether `d`, broadcast to `shape`, puts each result of `reduction` at its own row.

    `d` holds the elements of `reduction`, in their order.
    """
    axes = reduction.attrs["axis"]
    kept = [1 if axis in axes else size for axis, size in enumerate(shape)]
    padded = [1] * (len(shape) - d.ndim) + list(d.shape)
    return reduction.args[0].shape == shape and padded == kept


def indexes_rows(picked: Expr, d: Expr, reduction: Expr) -> bool:
    """Whether ``picked op d`` is ``(source op reduction)[index]``, where `picked` is source[index].

    That is so when every axis which is not reduced is taken whole and in order, and stands in
    `picked` where `d` has it.
    """
    source = picked.args[0]
    if d is not reduction or reduction.args[0].shape != source.shape or d.ndim > picked.ndim:
        return False
    where = places(picked.attrs["index"], source.shape, picked.args[1:])
    kept = [axis for axis in range(source.ndim) if axis not in reduction.attrs["axis"]]
    for order, axis in enumerate(kept):
        there = axis if reduction.attrs["keepdims"] else order
        place = where[axis]
        if place is None or picked.ndim - place != d.ndim - there:
            return False
    return True


def places(
    index: tuple[tuple[Any, ...], ...], shape: Shape, arrays: tuple[Expr, ...]
) -> list[int | None]:
    """For each axis, where in the indexed result it stands, whole and in order; None if not.

    An axis is whole if a full slice takes it, or an array that counts 0, 1, ... up to its size.
    """
    advanced = [i for i, part in enumerate(index) if part[0] == "array"]
    if advanced:  # beside arrays, integers count as arrays
        advanced = [i for i, part in enumerate(index) if part[0] in ("array", "at")]
    depth = max([array.ndim for array in arrays], default=0)
    together = not advanced or advanced == list(range(advanced[0], advanced[-1] + 1))
    front: int | None = None if together else 0  # where the axes of the arrays go
    out = 0 if together else depth
    found: list[int | None] = []
    for i, part in enumerate(index):
        if part[0] == "new":
            out += 1
            continue
        place: int | None = None
        size = shape[len(found)]
        if i in advanced:
            if front is None:
                front, out = out, out + depth
            if part[0] == "array":
                place = _counted(arrays[part[1]], size, front + depth)
        elif part[0] == "slice":
            place = out if part[1:] == (0, size, 1) else None
            out += 1
        found.append(place)
    return found


def _counted(array: Expr, size: Size, end: int) -> int | None:
    """The axis along which an array counts 0, 1, ... size - 1, if it does; its last is end - 1."""
    wide = [axis for axis, n in enumerate(array.shape) if not is_unit(n)]
    if len(wide) > 1:
        return None
    base = array
    while base.op.name in _ORDERLY and _keeps_order(base):
        base = base.args[0]
    if base.shape != (size,):
        return None
    if base.op is LITERAL:
        counts = np.array_equal(
            base.attrs["value"].array, np.arange(base.attrs["value"].array.size)
        )
    else:
        counts = base.op.name == "arange" and (base.attrs["start"], base.attrs["step"]) == (0, 1)
    if not counts:
        return None
    return end - array.ndim + (wide[0] if wide else array.ndim - 1)
