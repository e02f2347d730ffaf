"""Arrays made larger or turned round: repeat, tile, flip, roll."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, public, register
from symgrad.ir.size import Dim, Size, as_size
from symgrad.ops.examples import like_numpy
from symgrad.ops.index import getitem
from symgrad.ops.join import concatenate, slab
from symgrad.ops.shape import expand_dims, normalize_axes, normalize_axis, ravel, reshape

__all__ = ["flip", "fliplr", "flipud", "repeat", "roll", "tile"]

# ---------------------------------------------------------------- repeat and tile


@register
class Repeat(Op):
    """Each element of an axis several times in a row."""

    name = "repeat"
    takes_complex = True
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
    takes_complex = True
    examples = (
        Example(lambda x: tile(x, 3), lambda x: np.tile(x, 3), ((2, 4),)),
        Example(lambda x: tile(x, (2, 1, 3)), lambda x: np.tile(x, (2, 1, 3)), ((2, 2),)),
        Example(lambda x: tile(x, np.array([2, 1])), lambda x: np.tile(x, (2, 1)), ((2, 3),)),
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
    if isinstance(repeats, Expr):
        raise DeclarationError(
            "repeat: the numbers of repeats must be constant, for the shape of the result depends "
            "on them"
        )
    if axis is None:
        a, axis = ravel(a), 0
    along = normalize_axis(axis, a.ndim)
    if isinstance(repeats, (list, tuple, np.ndarray)) and np.size(repeats) != 1:
        return _repeated(a, np.asarray(repeats), along)
    if isinstance(repeats, (list, tuple, np.ndarray)):
        repeats = np.asarray(repeats).item()
    attrs = {"repeats": as_size(repeats), "axis": along}
    return make(REPEAT, (a,), attrs)


def _repeated(a: Expr, repeats: np.ndarray[Any, Any], axis: int) -> Expr:
    """Each element so often as its own number says."""
    size = a.shape[axis]
    if repeats.ndim != 1 or (repeats.size and repeats.dtype.kind not in "biu"):
        raise DeclarationError(f"repeat: one integer for each element; got {repeats.tolist()}")
    if size != len(repeats):
        raise DeclarationError(f"repeat: {len(repeats)} numbers for an axis of size {size}")
    positions = np.repeat(np.arange(len(repeats)), repeats)
    return getitem(a, (slice(None),) * axis + (positions,))


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
    given = reps.tolist() if isinstance(reps, np.ndarray) else reps
    counts = tuple(as_size(r) for r in (given if isinstance(given, (tuple, list)) else (given,)))
    if len(counts) > A.ndim:
        A = expand_dims(A, tuple(range(len(counts) - A.ndim)))
    counts = (1,) * (A.ndim - len(counts)) + counts
    return make(TILE, (A,), {"reps": counts}) if counts else A


# ---------------------------------------------------------------- flip and roll


@public(
    examples=(
        like_numpy("flip", ((3, 4),)),
        like_numpy("flip", ((3, 4),), axis=-1),
        like_numpy("flip", ((2, 3, 4),), axis=(0, 2)),
    )
)
def flip(m: Any, axis: Any = None) -> Expr:
    """Axes from back to front: these, or all."""
    m = as_expr(m)
    axes = range(m.ndim) if axis is None else normalize_axes(axis, m.ndim)
    return getitem(m, tuple(slice(None, None, -1 if i in axes else None) for i in range(m.ndim)))


@public(examples=(like_numpy("flipud", ((3, 4),)),))
def flipud(m: Any) -> Expr:
    """Axis 0 from back to front."""
    return flip(m, 0)


@public(examples=(like_numpy("fliplr", ((3, 4),)),))
def fliplr(m: Any) -> Expr:
    """Axis 1 from back to front."""
    return flip(m, 1)


@public(
    examples=(
        like_numpy("roll", ((3, 4),), 1),
        like_numpy("roll", ((3, 4),), -2, axis=1),
        like_numpy("roll", ((3, 4),), (1, 5), axis=(0, 1)),
    )
)
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
