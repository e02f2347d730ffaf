"""Indices as NumPy reads them: parsed once, when an expression is indexed, and printed.

An index becomes a tuple that covers every axis, with one entry for each part, in order:
``("slice", start, length, step)``, ``("at", i)``, ``("new",)``, or ``("array", k)`` for the k-th
of the index arrays, which are arguments of the node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.checks import Check, require
from symgrad.ir.node import LITERAL, Expr, as_expr, literal
from symgrad.ir.size import Dim, Size, dim, lower_bound, slice_length, upper_bound
from symgrad.ops.broadcasting import broadcast_shapes
from symgrad.ops.interpret import known_value
from symgrad.ops.shape import axes_index, reshape

__all__ = [
    "FULL_SLICE",
    "Index",
    "indexed_shape",
    "parse_index",
    "placement",
    "subscript",
    "subscript_value",
]

Shape = tuple[Size, ...]
Index = tuple[tuple[Any, ...], ...]

#: what stands in a user's index for a whole axis
FULL_SLICE = slice(None)


# ---------------------------------------------------------------- parsing


def parse_index(x: Expr, index: Any) -> tuple[Expr, Index, tuple[Expr, ...]]:
    """An index of `x` in full: the array to be indexed, the entries and the index arrays.

    The array is `x` itself, but for a boolean mask on an axis of symbolic size, which thereby
    must be as long as the mask.

    Raises
    ------
    ShapeError
        For too many indices, or one that is out of range.
    DTypeError
        For an index that is no integer.
    DeclarationError
        For what NumPy would not take as an index, or a mask that is an expression.
    """
    parts = [_classify(part) for part in (index if isinstance(index, tuple) else (index,))]
    parts = _without_ellipsis(parts, x.ndim)
    shape = list(x.shape)
    entries: list[tuple[Any, ...]] = []
    arrays: list[Expr] = []
    axis = 0
    for part in parts:
        if part is None:
            entries.append(("new",))
        elif isinstance(part, slice):
            spec = slice_length(part.start, part.stop, part.step, shape[axis])
            entries.append(("slice", spec.start, spec.length, spec.step))
            axis += 1
        elif isinstance(part, (int, Dim)):
            entries.append(("at", _position(part, shape[axis], axis)))
            axis += 1
        elif isinstance(part, np.ndarray):  # a mask: it covers as many axes as it has
            for k, size in enumerate(part.shape):
                if isinstance(shape[axis + k], int) and shape[axis + k] != size:
                    raise ShapeError(
                        f"a boolean mask of shape {part.shape} on axis {axis + k} "
                        f"of {format_shape(x.shape)}: {size} and {shape[axis + k]} differ"
                    )
                shape[axis + k] = size
            for positions in part.nonzero():
                entries.append(("array", len(arrays)))
                arrays.append(literal(positions))
            axis += part.ndim
        else:
            _refuse_out_of_range(part, shape[axis], axis)
            entries.append(("array", len(arrays)))
            arrays.append(part)
            axis += 1
    if tuple(shape) != x.shape:
        x = reshape(x, tuple(shape))
    return x, tuple(entries), tuple(arrays)


def _classify(part: Any) -> Any:
    """One part of an index: None, Ellipsis, slice, int, Dim, a mask, or an integer expression."""
    if part is None or part is Ellipsis or isinstance(part, (slice, Dim)):
        return part
    if isinstance(part, (bool, np.bool_)):
        raise DeclarationError(
            f"{part} is no index; use None for a new axis, or sg.where to choose elements"
        )
    if isinstance(part, (int, np.integer)):
        return int(part)
    if isinstance(part, (float, np.floating, str)):
        raise DTypeError(f"an index must be an integer; got {part!r} ({type(part).__name__})")
    if isinstance(part, (list, tuple)) and not len(part):
        return literal(np.empty(0, np.intp))
    found = as_expr(part)
    if found.dtype.kind == "b":
        if not found.ndim:
            raise DeclarationError("a boolean scalar is no index; use sg.where")
        known = known_value(found)
        if known is None:
            raise DeclarationError(
                "a boolean expression cannot be an index here, for the shape of the result would "
                "depend on its values; use sg.where(mask, x, 0) and keep the shape"
            )
        return known
    if found.dtype.kind not in "iu":
        raise DTypeError(f"an index must be an integer; got an array of {found.dtype}")
    return found


def _axes_taken(part: Any) -> int:
    if part is None:
        return 0
    return part.ndim if isinstance(part, np.ndarray) else 1


def _without_ellipsis(parts: list[Any], ndim: int) -> list[Any]:
    """The parts with every axis covered: an ellipsis, or the end, stands for full slices."""
    places = [i for i, part in enumerate(parts) if part is Ellipsis]
    if len(places) > 1:
        raise DeclarationError("an index can have only one ellipsis ('...')")
    taken = sum(_axes_taken(part) for part in parts if part is not Ellipsis)
    if taken > ndim:
        raise ShapeError(f"too many indices: {taken} for {ndim} axes")
    at = places[0] if places else len(parts)
    return [*parts[:at], *[FULL_SLICE] * (ndim - taken), *parts[at + 1 :]]


def _position(i: Size, size: Size, axis: int) -> Size:
    """A constant index counted from the front; on a static axis, within range."""
    if isinstance(i, int):
        if isinstance(size, int) and not -size <= i < size:
            raise ShapeError(f"index {i} is out of range for axis {axis} of size {size}")
        return i + size if i < 0 else i
    high = upper_bound(i)
    # A size of unknown sign counts from the front, and is checked to be there at each call.
    return i + size if high is not None and high < 0 else i


def _refuse_out_of_range(array: Expr, size: Size, axis: int) -> None:
    """An array of constants must lie in the axis, where its size is known."""
    if array.op is not LITERAL or not isinstance(size, int):
        return
    values = array.attrs["value"].array
    bad = values[(values < -size) | (values >= size)]
    if bad.size:
        raise ShapeError(f"index {bad.flat[0]} is out of range for axis {axis} of size {size}")


# ---------------------------------------------------------------- shape


def placement(index: Index) -> int:
    """How many axes of the result stand before those of the broadcast index arrays.

    NumPy puts those in the place of the index arrays where all are adjacent, first where they
    are not; beside an array, an integer counts as one.
    """
    advanced = [i for i, entry in enumerate(index) if entry[0] in ("array", "at")]
    if not any(entry[0] == "array" for entry in index):
        return 0
    if advanced[-1] - advanced[0] + 1 != len(advanced):
        return 0
    return advanced[0]


def indexed_shape(shape: Shape, index: Index, arrays: Sequence[Shape]) -> Shape:
    """The shape of ``x[index]``; what symbolic sizes leave open becomes a check."""
    out: list[Size] = []
    axis = 0
    for kind, *rest in index:
        if kind == "new":
            out.append(1)
            continue
        if kind == "slice":
            out.append(rest[1])
        elif kind == "at":
            _check_position(rest[0], shape, axis)
        axis += 1
    if arrays:
        at = placement(index)
        out[at:at] = broadcast_shapes(*arrays)
    return tuple(out)


def _check_position(i: Size, shape: Shape, axis: int) -> None:
    size = shape[axis]
    reason = (
        f"index {_position_text(i, size)} is out of range for axis {axis} of {format_shape(shape)}"
    )
    low, room = lower_bound(i), lower_bound(size - i)
    if low is None or low < 0:
        if isinstance(i, int):
            raise ShapeError(reason)
        require(Check(0, "<=", i, reason))
    if room is None or room < 1:
        if isinstance(size, int) and isinstance(i, int):
            raise ShapeError(reason)
        require(Check(i + 1, "<=", size, reason))


# ---------------------------------------------------------------- printing


def subscript(index: Index, shape: Shape, arrays: Sequence[str]) -> str:
    """What stands between the brackets."""
    return axes_index(subscript_parts(index, shape, arrays)) or ("()" if not shape else ":")


def subscript_value(index: Index, shape: Shape, arrays: Sequence[str]) -> str:
    """The same as a value, for a function that takes an index."""
    parts = subscript_parts(index, shape, arrays)
    inside = axes_index(parts)
    while parts[-1] == ":":
        parts.pop()
    if any(entry[0] == "slice" for entry in index[: len(parts)]):
        return f"np.s_[{inside}]"
    return inside if len(parts) == 1 else f"({inside})"


def subscript_parts(index: Index, shape: Shape, arrays: Sequence[str]) -> list[str]:
    """One text for each entry of an index."""
    texts: list[str] = []
    axis = 0
    for kind, *rest in index:
        if kind == "new":
            texts.append("None")
            continue
        if kind == "array":
            texts.append(arrays[rest[0]])
        elif kind == "at":
            texts.append(_position_text(rest[0], shape[axis]))
        else:
            texts.append(_slice_text(rest[0], rest[1], rest[2], shape[axis]))
        axis += 1
    return texts


def _position_text(i: Size, size: Size) -> str:
    """A position, counted from the end where that is a number and the position is none."""
    from_end = i - size
    return str(from_end) if isinstance(i, Dim) and isinstance(from_end, int) else str(i)


def _slice_text(start: Size, length: Size, step: int, size: Size) -> str:
    """A slice in the first natural spelling that means the same."""
    end = start + length * step
    suffix = f":{step}" if step != 1 else ""
    for first in _spellings(start, size):
        for last in _spellings(end, size):
            try:
                spec = slice_length(first, last, step, size)
            except DeclarationError:
                continue
            if (spec.start, spec.length) == (start, length):
                left, right = ("" if v is None else str(v) for v in (first, last))
                return f"{left}:{right}{suffix}"
    if step > 0:  # right whenever the elements lie on the axis
        return f"{start}:{end}{suffix}"
    # from the end: the place before element 0 has no other name
    return f"{start - size}:{end - size}{suffix}"


def _spellings(bound: Size, size: Size) -> list[Size | None]:
    """Ways to write a bound: none, as NumPy would clamp it, from the end, as it is."""
    return [None, _unclamped(bound, size), _unclamped(bound - size, size), bound]


def _unclamped(bound: Size, size: Size) -> Size:
    """What a bound is on an axis so long that nothing is cut off: ``min(T, B)`` becomes T."""
    if isinstance(bound, int) or isinstance(size, int):
        return bound
    long: Size = 10**9
    for name in bound.symbols:
        if name not in size.symbols:
            long = long + 10**9 * dim(name)
    return bound.substitute(dict.fromkeys(size.symbols, long))
