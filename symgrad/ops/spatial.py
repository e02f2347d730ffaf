"""The arguments of convolutions and pooling: strides, padding, layouts, along spatial axes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.node import Expr
from symgrad.ir.size import Size, as_size, size_max
from symgrad.ops.shape import moveaxis

__all__ = [
    "Pairs",
    "Steps",
    "channels_first",
    "from_last",
    "pairs_of",
    "require_windows",
    "steps_of",
    "to_last",
]

Steps = tuple[int, ...]
Pairs = tuple[tuple[Size, Size], ...]

#: number of spatial axes -> names of the layouts with channels last, and first
_LAYOUTS = {1: (("NWC", "NHWC"), ("NCW", "NCHW")), 2: (("NHWC",), ("NCHW",))}


def steps_of(name: str, what: str, given: Any, rank: int, least: int = 1) -> Steps:
    """One integer for each spatial axis, from one for all or one for each."""
    items = tuple(given) if isinstance(given, (tuple, list)) else (given,) * rank
    try:
        if any([isinstance(item, (bool, np.bool_)) for item in items]):
            raise TypeError
        found = tuple([operator.index(item) for item in items])
    except TypeError:
        raise DeclarationError(
            f"{name}: {what} must be one integer, or one for each of {rank} axes; got {given!r}"
        ) from None
    if len(found) != rank or min(found) < least:
        raise DeclarationError(
            f"{name}: {what} must be {least} or more, for each of {rank} axes; got {given!r}"
        )
    return found


def pairs_of(
    name: str, given: Any, sizes: tuple[Size, ...], extents: tuple[Size, ...], stride: Steps
) -> Pairs:
    """What is put before and after each spatial axis.

    ``"same"`` gives as many results as there are strides in the axis, the odd one after it.
    """
    rank = len(sizes)
    if isinstance(given, str):
        if given not in ("valid", "same"):
            raise DeclarationError(f"{name}: padding is 'valid', 'same', or widths; got {given!r}")
        if given == "valid":
            return ((0, 0),) * rank
        totals = [_same(*each) for each in zip(sizes, extents, stride, strict=True)]
        return tuple([(total // 2, total - total // 2) for total in totals])
    items = tuple(given) if isinstance(given, (tuple, list)) else (given,) * rank
    if len(items) != rank:
        raise DeclarationError(
            f"{name}: padding needs one width, or one width or pair (before, after) for each of "
            f"{rank} axes; got {given!r}"
        )
    pairs = []
    for item in items:
        ends = tuple(item) if isinstance(item, (tuple, list)) else (item, item)
        if len(ends) != 2:
            raise DeclarationError(f"{name}: expected a pair (before, after); got {item!r}")
        pairs.append((_width(name, ends[0]), _width(name, ends[1])))
    return tuple(pairs)


def _width(name: str, given: Any) -> Size:
    """So many elements of padding: a negative number would be a slice."""
    try:
        return as_size(given)
    except (ShapeError, DTypeError, DeclarationError):
        raise DeclarationError(
            f"{name}: expected widths of padding >= 0, integers; got {given!r}"
        ) from None


def require_windows(name: str, x: Expr, pairs: Pairs, extents: tuple[Size, ...]) -> None:
    """Refuse windows that are larger than an array with its padding, where both are known."""
    for axis, ((low, high), extent) in enumerate(zip(pairs, extents, strict=True), start=1):
        room = x.shape[axis] + low + high
        if isinstance(room, int) and isinstance(extent, int) and room < extent:
            raise ShapeError(
                f"{name}: a window of {extent} on axis {axis} of {format_shape(x.shape)}, padded "
                f"by ({low}, {high}): it does not fit"
            )


def _same(size: Size, extent: Size, stride: int) -> Size:
    count = (size + stride - 1) // stride
    return size_max((count - 1) * stride + extent - size, 0) if stride > 1 else extent - 1


def channels_first(name: str, data_format: Any, rank: int) -> bool:
    """Whether a layout has its channels before the spatial axes."""
    last, first = _LAYOUTS[rank]
    if data_format not in (*last, *first):
        names = " or ".join(repr(layout) for layout in (*last, *first))
        raise DeclarationError(f"{name}: data_format is {names}; got {data_format!r}")
    return data_format in first


def to_last(name: str, x: Expr, first: bool, rank: int) -> Expr:
    """The array with its channels last."""
    if x.ndim != rank + 2:
        raise ShapeError(
            f"{name}: expected an array of {rank + 2} axes, the batch, {rank} in space and the "
            f"channels; got {format_shape(x.shape)}"
        )
    return moveaxis(x, 1, -1) if first else x


def from_last(x: Expr, first: bool) -> Expr:
    return moveaxis(x, -1, 1) if first else x
