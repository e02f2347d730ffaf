"""NumPy's ways to join, cut, turn and enlarge arrays, made of the ops for that."""

from __future__ import annotations

import operator
from itertools import pairwise
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.node import Expr, as_expr, as_exprs
from symgrad.ir.op import FUNCTIONS, Example, public
from symgrad.ir.size import Dim, Size, as_shape, product
from symgrad.ops.creation import zeros
from symgrad.ops.examples import joined, like_numpy, parts
from symgrad.ops.extend import flip, tile
from symgrad.ops.index import getitem
from symgrad.ops.join import concatenate, split, stack
from symgrad.ops.shape import (
    broadcast_to,
    expand_dims,
    moveaxis,
    normalize_axes,
    normalize_axis,
    ravel,
    reshape,
    swapaxes,
    transpose,
)

__all__ = [
    "append",
    "atleast_3d",
    "block",
    "delete",
    "dsplit",
    "dstack",
    "insert",
    "resize",
    "rollaxis",
    "rot90",
    "unstack",
]

Shape = tuple[int, ...]

FUNCTIONS["permute_dims"] = transpose
FUNCTIONS["concat"] = concatenate

# ---------------------------------------------------------------- turning


@public(
    examples=(
        like_numpy("rot90", ((3, 4),)),
        like_numpy("rot90", ((3, 4),), 2),
        like_numpy("rot90", ((2, 3, 4),), -1, axes=(1, 2)),
        like_numpy("rot90", ((2, 3, 4),), 1, axes=(2, 0)),
        like_numpy("rot90", ((3, 4),), 4),
    )
)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Expr:
    """A plane turned by quarter turns, from the first axis of two towards the second.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.rot90(sg.input("x", ("H", "W"))).shape
    (Dim('W'), Dim('H'))
    """
    x: Expr = as_expr(m)
    plane = normalize_axes(axes, x.ndim, "rot90: axes")
    if len(plane) != 2:
        raise DeclarationError(f"rot90 turns a plane of two axes; got axes={axes!r}")
    turns = operator.index(k) % 4
    if turns == 1:
        return swapaxes(flip(x, plane[1]), *plane)
    if turns == 2:
        return flip(x, plane)
    return flip(swapaxes(x, *plane), plane[1]) if turns == 3 else x


@public(
    examples=(
        like_numpy("rollaxis", ((2, 3, 4),), 2),
        like_numpy("rollaxis", ((2, 3, 4),), 0, 3),
        like_numpy("rollaxis", ((2, 3, 4),), -2, 1),
    )
)
def rollaxis(a: Any, axis: int, start: int = 0) -> Expr:
    """An axis moved in front of another; ``moveaxis`` says the same more plainly."""
    x: Expr = as_expr(a)
    source = normalize_axis(axis, x.ndim, "rollaxis: axis")
    before = operator.index(start)
    if not -x.ndim <= before <= x.ndim:
        raise DeclarationError(f"rollaxis: start {before} is out of range for {x.ndim} axes")
    before += x.ndim if before < 0 else 0
    return moveaxis(x, source, before - 1 if source < before else before)


# ---------------------------------------------------------------- joining and cutting


@public(examples=(like_numpy("atleast_3d", ((2,),)), like_numpy("atleast_3d", ((2, 3),))))
def atleast_3d(*arys: Any) -> Any:
    """The array with at least three axes: a matrix has its last of size 1, a vector both ends.

    Of several arrays, a tuple of them.
    """
    new = {0: (0, 1, 2), 1: (0, 2), 2: (2,)}
    made = tuple([expand_dims(x, new[x.ndim]) if x.ndim < 3 else x for x in map(as_expr, arys)])
    return made[0] if len(made) == 1 else made


@public(examples=(joined("dstack", (3,), (3,)), joined("dstack", (2, 3), (2, 3, 2))))
def dstack(tup: Any) -> Expr:
    """Arrays one behind the other, along axis 2."""
    return concatenate([atleast_3d(part) for part in tup], axis=2)


@public(examples=(parts("dsplit", ((2, 3, 4),), (1, 3)), parts("dsplit", ((2, 3, 2),), (1,))))
def dsplit(ary: Any, indices_or_sections: Any) -> list[Expr]:
    """Parts along axis 2."""
    x = as_expr(ary)
    if x.ndim < 3:
        raise ShapeError(f"dsplit needs at least 3 axes; got {format_shape(x.shape)}")
    return split(x, indices_or_sections, axis=2)


@public(
    examples=(
        Example(
            lambda x: FUNCTIONS["unstack"](stack([x, 2 * x], axis=1), axis=1)[1],
            lambda x: 2 * x,
            ((3,),),
        ),
        Example(lambda x: FUNCTIONS["unstack"](stack([x, 2 * x]))[0], lambda x: x, ((3, 4),)),
    )
)
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Expr, ...]:
    """The slices along an axis of static size, without that axis.

    Examples
    --------
    >>> import symgrad as sg
    >>> a, b = sg.unstack(sg.input("x", ("B", 2)), axis=1)
    >>> a.shape
    (Dim('B'),)
    """
    x = as_expr(x)
    along = normalize_axis(axis, x.ndim, "unstack: axis")
    count = x.shape[along]
    if isinstance(count, Dim):
        raise ShapeError(f"unstack: axis {along} has the symbolic size {count}; expected a number")
    return tuple([getitem(x, (slice(None),) * along + (i,)) for i in range(count)])


@public(
    examples=(
        Example(
            lambda x, y: FUNCTIONS["block"]([[x, y], [y.T, 0.5 * x]]),
            lambda x, y: np.block([[x, y], [y.T, 0.5 * x]]),
            ((3, 3), (3, 3)),
        ),
        Example(
            lambda x, y: FUNCTIONS["block"]([x, y, 1.0]),
            lambda x, y: np.block([x, y, np.ones((), x.dtype)]),
            ((3,), (2,)),
        ),
        Example(lambda x: FUNCTIONS["block"](x), lambda x: np.block(x), ((3,),)),
    )
)
def block(arrays: Any) -> Expr:
    """An array from nested lists of blocks: the innermost lists are joined along the last axis.

    Examples
    --------
    >>> import symgrad as sg
    >>> A, b = sg.input("A", ("n", "n")), sg.input("b", ("n", 1))
    >>> sg.block([[A, b], [b.T, sg.zeros((1, 1))]]).shape
    (Dim('n + 1'), Dim('n + 1'))
    """
    leaves, depth = _leaves(arrays, 0)
    blocks = as_exprs(leaves)
    ndim = max([depth, *[b.ndim for b in blocks]])
    lifted = iter([expand_dims(b, tuple(range(ndim - b.ndim))) for b in blocks])
    return _assembled(arrays, lifted, ndim - depth)


def _leaves(tree: Any, depth: int) -> tuple[list[Any], int]:
    """The blocks in order, and how deep they lie: all as deep."""
    if not isinstance(tree, list):
        return [tree], depth
    if not tree:
        raise DeclarationError("block: an empty list has no shape")
    found = [_leaves(part, depth + 1) for part in tree]
    depths = {deep for _, deep in found}
    if len(depths) > 1:
        raise DeclarationError("block: lists must be nested to the same depth everywhere")
    return [leaf for leaves, _ in found for leaf in leaves], depths.pop()


def _assembled(tree: Any, blocks: Any, axis: int) -> Expr:
    if not isinstance(tree, list):
        block: Expr = next(blocks)
        return block
    return concatenate([_assembled(part, blocks, axis + 1) for part in tree], axis=axis)


# ---------------------------------------------------------------- more elements, or fewer


@public(
    examples=(
        like_numpy("append", ((2, 3), (1, 3)), axis=0),
        like_numpy("append", ((2, 3), (2,))),
    )
)
def append(arr: Any, values: Any, axis: int | None = None) -> Expr:
    """Values joined to the end of an axis, or of the flattened array."""
    x, v = as_exprs((as_expr(arr), values))
    if axis is None:
        return concatenate([ravel(x), ravel(v)])
    return concatenate([x, v], axis=normalize_axis(axis, x.ndim, "append: axis"))


def _positions(name: str, obj: Any, size: Size, end: int) -> np.ndarray[Any, Any]:
    """Constant positions on an axis, counted from the front; `end` of them lie past its end."""
    if isinstance(obj, Expr) or not isinstance(size, int):
        raise DeclarationError(
            f"{name}: positions and the size of the axis must be known (it is {size}); "
            "join slices with sg.concatenate"
        )
    if isinstance(obj, slice):
        return np.arange(size)[obj]
    found = np.asarray(obj)
    if found.dtype == bool:
        return np.flatnonzero(found)
    if found.size and found.dtype.kind not in "iu":
        raise DeclarationError(f"{name}: positions must be integers; got {found.dtype}")
    found = found.astype(np.intp)
    bad = found[(found < -size) | (found >= size + end)]
    if bad.size:
        raise DeclarationError(f"{name}: position {bad.flat[0]} is out of range for size {size}")
    return np.where(found < 0, found + size, found)


@public(
    examples=(
        like_numpy("delete", ((3, 4),), 1, axis=1),
        like_numpy("delete", ((4, 3),), [0, -1], axis=0),
        like_numpy("delete", ((5,),), slice(None, None, 2)),
        like_numpy("delete", ((2, 3),), []),
    )
)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Expr:
    """Without the elements at constant positions of an axis, or of the flattened array.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.delete(sg.input("x", ("B", 5)), [0, 2], axis=1).shape
    (Dim('B'), 3)
    """
    x, along = _flat_or_along("delete", arr, axis)
    gone = _positions("delete", obj, x.shape[along], 0)
    return concatenate(_kept(x, along, gone), axis=along)


def _kept(x: Expr, axis: int, gone: np.ndarray[Any, Any]) -> list[Expr]:
    """The stretches between positions, as slices: at least one, if empty."""
    size = x.shape[axis]
    assert isinstance(size, int)
    lead = (slice(None),) * axis
    edges = [-1, *sorted({int(i) for i in gone.ravel()}), size]
    stretches = [
        getitem(x, (*lead, slice(low + 1, high))) for low, high in pairwise(edges) if high > low + 1
    ]
    return stretches or [getitem(x, (*lead, slice(0, 0)))]


def _flat_or_along(name: str, arr: Any, axis: int | None) -> tuple[Expr, int]:
    x = as_expr(arr)
    if axis is None:
        return (x if x.ndim == 1 else ravel(x)), 0
    return x, normalize_axis(axis, x.ndim, f"{name}: axis")


def _inserted(shape: Shape, of_values: Shape, obj: Any, axis: int | None = None) -> Example:
    return Example(
        lambda x, v: insert(x, obj, v, axis),
        lambda x, v: np.insert(x, obj, v, axis),
        (shape, of_values),
    )


@public(
    examples=(
        _inserted((3, 4), (3,), 1, 1),
        _inserted((4,), (2,), [1, 3]),
        _inserted((4,), (2,), [2, 2]),
        _inserted((3, 4), (), -1, 0),
        _inserted((3, 4), (2, 4), [3, 0], 0),
        _inserted((3, 4), (3, 2), [3, 0], 1),
    )
)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Expr:
    """Values put in before constant positions of an axis, or of the flattened array.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.insert(sg.input("x", ("B", 3)), 0, 1.0, axis=1).shape
    (Dim('B'), 4)
    """
    x, along = _flat_or_along("insert", arr, axis)
    x, v = as_exprs((x, values))
    v = v.astype(x.dtype)
    at = _positions("insert", obj, x.shape[along], 1)
    if v.ndim < x.ndim:
        v = expand_dims(v, tuple(range(x.ndim - v.ndim)))
    if at.size == 1:  # all values go there; beside a number, along their own first axis
        v = v if at.ndim else moveaxis(v, 0, along)
        count = v.shape[along]
        if not isinstance(count, int):
            raise DeclarationError(f"insert: the number of values must be known; it is {count}")
        at = np.full(count, at.item())
    v = broadcast_to(v, (*x.shape[:along], at.size, *x.shape[along + 1 :]))
    lead = (slice(None),) * along
    pieces: list[Expr] = []
    start = 0
    for k in np.argsort(at, kind="stable"):
        if at[k] > start:
            pieces.append(getitem(x, (*lead, slice(start, int(at[k])))))
            start = int(at[k])
        pieces.append(getitem(v, (*lead, slice(int(k), int(k) + 1))))
    pieces.append(getitem(x, (*lead, slice(start, None))))
    return concatenate(pieces, axis=along)


@public(
    examples=(
        like_numpy("resize", ((2, 3),), (3, 3)),
        like_numpy("resize", ((2, 3),), 4),
        like_numpy("resize", ((3,),), (0, 2)),
    )
)
def resize(a: Any, new_shape: Any) -> Expr:
    """The elements in another shape, repeated in C order or cut off to fill it.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> sg.function([x], sg.resize(x, (2, 2)))([1.0, 2.0, 3.0])
    array([[1., 2.],
           [3., 1.]])
    """
    x, to = as_expr(a), as_shape(new_shape)
    total, size = product(to), x.size
    if total == 0 or size == 0:
        return zeros(to, x.dtype)
    copies = -(-total // size)
    flat = tile(ravel(x), copies)[:total]
    return reshape(flat, to)
