"""Slices that are written side by side until they fill an array: pieces put together."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS
from symgrad.ir.size import Size
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import broadcast_to, concatenate, exp, scatter_add, stack, zeros

Piece = tuple[Size, Size, Expr]

#: pieces of more than this are left where they are: each sum of some of them is looked at
_MOST = 64


@rule(
    "algebra",
    lambda x, *rest: scatter_add(x, *rest),
    examples=(
        lambda x: zeros((3, 4)).at[:, :1].add(x[:, :1]).at[:, 1:].add(x[:, 1:] * 2.0),
        lambda x: zeros((5, 4)).at[3:].add(x[0]).at[:3].add(x),
        lambda x: zeros((2, 4)).at[1].add(x[2]).at[0].add(x[0, 0]),
        lambda x: zeros((4, 3)).at[:, 0].add(x[0]).at[:, 2].add(x[1]).at[:, 1].add(x[2]),
    ),
    takes_complex=True,
)
def slices_that_tile(x: Expr, rest: tuple[Expr, ...], node: Expr, run: Rewriter) -> Expr | None:
    """Zeros to which each slice along an axis is added once -> the slices, concatenated."""
    return _concatenated(node, run)


def _apart(x: Expr) -> Expr:
    left = zeros((3, 4), x.dtype).at[:, :1].add(x[:, :1])
    right = zeros((3, 4), x.dtype).at[:, 1:].add(x[:, 1:])
    return (left + right) * exp(left) * exp(right)


@rule(
    "algebra",
    lambda a, b: a + b,
    only=lambda op, below: "scatter_add" in below,
    examples=(_apart,),
    takes_complex=True,
)
def sums_that_tile(a: Expr, b: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """The same of slices that have been added to zeros apart, and may be used elsewhere."""
    return _concatenated(node, run)


def _concatenated(node: Expr, run: Rewriter) -> Expr | None:
    pieces: list[Piece] = []
    axis = kind = None
    pending = [node]
    while pending:
        part = pending.pop()
        if part.op.name == "add" and all([arg.aval == node.aval for arg in part.args]):
            pending += part.args
            continue
        if part.op.name == "zeros" and part.aval == node.aval:
            continue
        place = _along_one_axis(part.attrs["index"], part.shape) if _is_slice(part) else None
        if place is None or run.opaque(part) or len(pieces) == _MOST:
            return None
        at, (name, start, length) = place
        if axis not in (None, at) or kind not in (None, name):
            return None
        axis, kind = at, name
        pieces.append((start, length, _filling(part.args[-1], part)))
        pending.append(part.args[0])
    if axis is None or len(pieces) < 2:
        return None
    ordered = _side_by_side(pieces, node.shape[axis])
    if ordered is None:
        return None
    return (stack if kind == "at" else concatenate)(ordered, axis=axis)


def _is_slice(part: Expr) -> bool:
    """Whether something is added at an index without arrays."""
    return part.op.name == "scatter_add" and len(part.args) == 2


def _along_one_axis(
    index: tuple[tuple[Any, ...], ...], shape: tuple[Size, ...]
) -> tuple[int, tuple[str, Size, Size]] | None:
    """The one axis that an index takes a part of, and what part: its start and length."""
    found = None
    if len(index) != len(shape):
        return None
    for axis, (part, size) in enumerate(zip(index, shape, strict=True)):
        if part[0] == "slice" and part[3] == 1:
            if part[1] == 0 and part[2] == size:
                continue
            place = (axis, ("slice", part[1], part[2]))
        elif part[0] == "at":
            place = (axis, ("at", part[1], 1))
        else:
            return None
        if found is not None:
            return None
        found = place
    return found


def _filling(values: Expr, node: Expr) -> Expr:
    """What is added, in the whole shape of the elements that it is added to."""
    shape = make(OPS["getitem"], (node.args[0],), {"index": node.attrs["index"]}).shape
    return values if values.shape == shape else broadcast_to(values, shape)


def _side_by_side(pieces: list[Piece], size: Size) -> list[Expr] | None:
    """The pieces in order, if each begins where the one before ends, from 0 to `size`."""
    by_start = {start: (length, values) for start, length, values in pieces}
    if len(by_start) < len(pieces):
        return None
    ordered: list[Expr] = []
    end: Size = 0
    while end in by_start:
        length, values = by_start.pop(end)
        ordered.append(values)
        end = end + length
    return ordered if end == size and not by_start else None
