"""Slices that are written side by side until they fill an array: pieces put together."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS
from symgrad.ir.size import Size
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import broadcast_to, concatenate, scatter_add, stack, zeros

Piece = tuple[Size, Size, Expr]


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
    pieces: list[Piece] = []
    axis = kind = None
    below = node
    while below.op.name == "scatter_add":
        base, *arrays, values = below.args
        place = _along_one_axis(below.attrs["index"], below.shape)
        if arrays or place is None or (below is not node and run.uses(below) > 1):
            return None
        at, (name, start, length) = place
        if axis not in (None, at) or kind not in (None, name) or run.opaque(below):
            return None
        axis, kind = at, name
        pieces.append((start, length, _filling(values, below)))
        below = base
    if below.op.name != "zeros" or axis is None or len(pieces) < 2:
        return None
    ordered = _side_by_side(pieces, node.shape[axis])
    if ordered is None:
        return None
    return (stack if kind == "at" else concatenate)(ordered, axis=axis)


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
