"""Arrays made larger or turned round: repeat, tile, pad, flip, roll."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, register
from symgrad.ir.size import Dim, Size, as_size
from symgrad.ops.index import getitem
from symgrad.ops.join import concatenate, slab
from symgrad.ops.shape import expand_dims, normalize_axes, normalize_axis, ravel, reshape

__all__ = ["flip", "fliplr", "flipud", "pad", "repeat", "roll", "tile"]

Width = tuple[tuple[Size, Size], ...]

# ---------------------------------------------------------------- repeat and tile


@register
class Repeat(Op):
    """Each element of an axis several times in a row."""

    name = "repeat"
    examples = (
        Example(lambda x: repeat(x, 3, axis=1), lambda x: np.repeat(x, 3, axis=1), ((2, 4),)),
        Example(lambda x: repeat(x, 2, axis=0), lambda x: np.repeat(x, 2, axis=0), ((0, 3),)),
        Example(lambda x: repeat(x, 0, axis=-1), lambda x: np.repeat(x, 0, axis=-1), ((2, 3),)),
        Example(lambda x: repeat(x, 2), lambda x: np.repeat(x, 2), ((2, 3),)),
    )

    def aval(self, x: Aval, *, repeats: Size, axis: int) -> Aval:
        return Aval((*x.shape[:axis], x.shape[axis] * repeats, *x.shape[axis + 1 :]), x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        axis, shape = node.attrs["axis"], node.args[0].shape
        copies = reshape(ct, (*shape[: axis + 1], node.attrs["repeats"], *shape[axis + 1 :]))
        return (FUNCTIONS["sum"](copies, axis=axis + 1),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        assert tangents[0] is not None
        return make(self, (tangents[0],), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {**node.attrs, "axis": node.attrs["axis"] + 1})

    def numpy(self, node: Expr, *args: Code) -> Code:
        repeats, axis = node.attrs["repeats"], node.attrs["axis"]
        keywords = {"axis": axis} if node.ndim > 1 else {}
        return Code.method(args[0], "repeat", str(repeats), **keywords)

    def flops(self, node: Expr) -> int:
        return 0


@register
class Tile(Op):
    """Copies of the whole, side by side along each axis."""

    name = "tile"
    examples = (
        Example(lambda x: tile(x, 3), lambda x: np.tile(x, 3), ((2, 4),)),
        Example(lambda x: tile(x, (2, 1, 3)), lambda x: np.tile(x, (2, 1, 3)), ((2, 2),)),
        Example(lambda x: tile(x, (2,)), lambda x: np.tile(x, (2,)), ((),)),
        Example(lambda x: tile(x, (2, 0)), lambda x: np.tile(x, (2, 0)), ((1, 3),)),
    )

    def aval(self, x: Aval, *, reps: tuple[Size, ...]) -> Aval:
        return Aval(tuple([n * r for n, r in zip(x.shape, reps, strict=True)]), x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        (x,), reps = node.args, node.attrs["reps"]
        # (r0 n0, r1 n1) -> (r0, n0, r1, n1): each copy is one position of the r axes
        pairs = [size for pair in zip(reps, x.shape, strict=True) for size in pair]
        copies = reshape(ct, tuple(pairs))
        return (FUNCTIONS["sum"](copies, axis=tuple(range(0, 2 * x.ndim, 2))),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        assert tangents[0] is not None
        return make(self, (tangents[0],), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {"reps": (1, *node.attrs["reps"])})

    def numpy(self, node: Expr, *args: Code) -> Code:
        reps = node.attrs["reps"]
        while len(reps) > 1 and reps[0] == 1:  # NumPy puts them in front
            reps = reps[1:]
        text = str(reps[0]) if len(reps) == 1 else format_shape(reps)
        return Code.call("np.tile", args[0], text)

    def flops(self, node: Expr) -> int:
        return 0


REPEAT, TILE = OPS["repeat"], OPS["tile"]


@function
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Expr:
    """Each element of an axis several times in a row; of all elements, if there is no axis.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.repeat(sg.input("x", ("B", 3)), 2, axis=0).shape
    (Dim('2*B'), 3)
    """
    a = as_expr(a)
    if isinstance(repeats, (list, tuple, np.ndarray, Expr)):
        raise DeclarationError(
            "repeat: one number of repeats for all elements; for several, index with an array"
        )
    if axis is None:
        a, axis = ravel(a), 0
    attrs = {"repeats": as_size(repeats), "axis": normalize_axis(axis, a.ndim)}
    return make(REPEAT, (a,), attrs)


@function
def tile(A: Any, reps: Any) -> Expr:
    """Copies of the whole, side by side: so many along each axis, counted from the last.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.tile(sg.input("x", ("B", 3)), (2, 1)).shape
    (Dim('2*B'), 3)
    """
    A = as_expr(A)
    counts = tuple(as_size(r) for r in (reps if isinstance(reps, (tuple, list)) else (reps,)))
    if len(counts) > A.ndim:
        A = expand_dims(A, tuple(range(len(counts) - A.ndim)))
    counts = (1,) * (A.ndim - len(counts)) + counts
    return make(TILE, (A,), {"reps": counts}) if counts else A


# ---------------------------------------------------------------- flip and roll


@function
def flip(m: Any, axis: Any = None) -> Expr:
    """Axes from back to front: these, or all."""
    m = as_expr(m)
    axes = range(m.ndim) if axis is None else normalize_axes(axis, m.ndim)
    return getitem(m, tuple(slice(None, None, -1 if i in axes else None) for i in range(m.ndim)))


@function
def flipud(m: Any) -> Expr:
    """Axis 0 from back to front."""
    return flip(m, 0)


@function
def fliplr(m: Any) -> Expr:
    """Axis 1 from back to front."""
    return flip(m, 1)


@function
def roll(a: Any, shift: Any, axis: Any = None) -> Expr:
    """Elements moved along axes; what leaves at one end comes in at the other.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.roll(sg.input("x", ("B", 5)), 1, axis=1).shape
    (Dim('B'), 5)
    """
    rolled: Expr = as_expr(a)
    if axis is None:
        return reshape(roll(ravel(rolled), shift, 0), rolled.shape)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,)
    pairs = _matched([normalize_axis(along, rolled.ndim) for along in axes], list(shifts))
    for along, by in zip(*pairs, strict=True):
        size = rolled.shape[along]
        by = by if isinstance(by, Dim) else operator.index(by)
        if isinstance(size, int) and size == 0:
            continue
        moved = by % size
        if isinstance(moved, int) and moved == 0:
            continue
        stay = size - moved
        parts = [slab(rolled, along, stay, moved), slab(rolled, along, 0, stay)]
        rolled = concatenate(parts, axis=along)
    return rolled


def _matched(axes: list[int], shifts: list[Any]) -> tuple[list[int], list[Any]]:
    """One shift for each axis: one alone serves all."""
    if len(axes) == 1:
        axes = axes * len(shifts)
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    if len(axes) != len(shifts):
        raise DeclarationError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
    return axes, shifts


# ---------------------------------------------------------------- pad


@register
class Pad(Op):
    """A constant around the array."""

    name = "pad"
    examples = (
        Example(lambda x: pad(x, 1), lambda x: np.pad(x, 1), ((3, 4),)),
        Example(
            lambda x: pad(x, ((0, 2), (1, 0)), constant_values=1.5),
            lambda x: np.pad(x, ((0, 2), (1, 0)), constant_values=1.5),
            ((2, 3),),
        ),
        Example(
            lambda x: pad(x, (1, 2), constant_values=-1),
            lambda x: np.pad(x, (1, 2), constant_values=-1),
            ((1, 0),),
        ),
    )

    def aval(self, x: Aval, *, width: Width, value: Any) -> Aval:
        sizes = [low + n + high for n, (low, high) in zip(x.shape, width, strict=True)]
        return Aval(tuple(sizes), x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        width = node.attrs["width"]
        index = tuple(
            ("slice", low, size, 1)
            for size, (low, _) in zip(node.args[0].shape, width, strict=True)
        )
        return (make(OPS["getitem"], (ct,), {"index": index}),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        assert tangents[0] is not None
        return make(self, (tangents[0],), {**node.attrs, "value": _number(0, node.dtype)})

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {**node.attrs, "width": ((0, 0), *node.attrs["width"])})

    def numpy(self, node: Expr, *args: Code) -> Code:
        width, value = node.attrs["width"], node.attrs["value"]
        sides = {side for pair in width for side in pair}
        if len(sides) == 1:
            text = str(width[0][0])
        elif len(set(width)) == 1:
            text = format_shape(width[0])
        else:
            inner = ", ".join(format_shape(pair) for pair in width)
            text = f"({inner},)" if len(width) == 1 else f"({inner})"
        keywords: dict[str, Any] = {"constant_values": _number_code(value)} if value else {}
        return Code.call("np.pad", args[0], text, **keywords)

    def flops(self, node: Expr) -> int:
        return 0


PAD = OPS["pad"]


def _number(value: Any, dtype: np.dtype[Any]) -> Any:
    """The number that an array of this dtype would hold."""
    number = np.asarray(value).astype(dtype).item()
    return math.nan if number != number else number  # one nan, so that equal nodes meet


def _number_code(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(value)


@function
def pad(array: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Expr:
    """A constant around the array.

    Parameters
    ----------
    array : array_like
    pad_width : int, (before, after), or ((before, after), ...)
        The same for all axes, or one pair for each. Not negative.
    mode : {"constant"}
    constant_values : number

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.pad(x, ((0, 0), (1, 2))).shape
    (Dim('B'), 6)
    """
    array = as_expr(array)
    if mode != "constant":
        raise DeclarationError(f"pad: only mode='constant' is available; got {mode!r}")
    if not isinstance(constant_values, (bool, int, float, np.generic)):
        raise DeclarationError(
            f"pad: constant_values must be one number; got {type(constant_values).__name__}"
        )
    value = np.asarray(constant_values)
    if value.dtype.kind == "f" and array.dtype.kind != "f":
        raise DTypeError(f"pad: a value of {value.dtype} around an array of {array.dtype}")
    attrs = {"width": _pad_width(pad_width, array.ndim), "value": _number(value, array.dtype)}
    return make(PAD, (array,), attrs) if array.ndim else array


def _pad_width(given: Any, ndim: int) -> Width:
    """One pair of sizes for each axis, from any of NumPy's forms."""
    rows = given.tolist() if isinstance(given, np.ndarray) else given
    if not isinstance(rows, (tuple, list)):
        rows = (rows,)
    if not any(isinstance(row, (tuple, list)) for row in rows):
        rows = (rows,)
    pairs = []
    for row in rows:
        ends = tuple(row) if isinstance(row, (tuple, list)) else (row,)
        if len(ends) not in (1, 2):
            raise DeclarationError(f"pad: expected (before, after); got {row!r}")
        pairs.append((as_size(ends[0]), as_size(ends[-1])))
    if len(pairs) == 1:
        pairs = pairs * ndim
    if len(pairs) != ndim:
        raise DeclarationError(f"pad: {len(pairs)} pairs of widths for {ndim} axes")
    return tuple(pairs)
