"""Joining and cutting: concatenate, stack, split."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval
from symgrad.ir.checks import require_equal
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, as_exprs, make
from symgrad.ir.op import OPS, Example, Op, function, public, register
from symgrad.ir.size import Dim, Size, exact_quotient
from symgrad.ops.cast import astype
from symgrad.ops.creation import zeros
from symgrad.ops.examples import joined, like_numpy, parts
from symgrad.ops.index import getitem
from symgrad.ops.index_spec import FULL_SLICE
from symgrad.ops.shape import (
    broadcast_to,
    expand_dims,
    normalize_axis,
    ravel,
)

__all__ = [
    "array_split",
    "atleast_1d",
    "atleast_2d",
    "column_stack",
    "concatenate",
    "hsplit",
    "hstack",
    "split",
    "stack",
    "vsplit",
    "vstack",
]

Shape = tuple[Size, ...]


def _joined(args: Sequence[Aval]) -> np.dtype[Any]:
    return np.result_type(*[a.dtype for a in args])


def _tuple_code(args: Iterable[Code]) -> str:
    texts = [arg.text for arg in args]
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def _axis_keyword(axis: int) -> dict[str, int]:
    return {"axis": axis} if axis else {}


def _filled_in(node: Expr, tangents: tuple[Expr | None, ...]) -> tuple[Expr, ...] | None:
    """Tangents with zeros for those that are not there; None if none is."""
    if all(t is None for t in tangents):
        return None
    return tuple(
        zeros(arg.shape, node.dtype) if t is None else t
        for t, arg in zip(tangents, node.args, strict=True)
    )


def _all_batched(args: tuple[Expr, ...], batched: tuple[bool, ...]) -> tuple[Expr, ...]:
    """Arguments of which each has the batch axis."""
    size = args[batched.index(True)].shape[0]
    return tuple(
        arg if b else broadcast_to(arg, (size, *arg.shape))
        for arg, b in zip(args, batched, strict=True)
    )


def _part(x: Expr, axis: int, index: Any) -> Expr:
    return getitem(x, ((FULL_SLICE,) * axis + (index,)))


def slab(x: Expr, axis: int, start: Size, length: Size) -> Expr:
    """Some consecutive positions of an axis, which are known to be there."""
    index = tuple(
        ("slice", start, length, 1) if i == axis else ("slice", 0, size, 1)
        for i, size in enumerate(x.shape)
    )
    return make(OPS["getitem"], (x,), {"index": index})


# ---------------------------------------------------------------- concatenate and stack


@register
class Concatenate(Op):
    """Arrays one after the other along an axis that they have."""

    name = "concatenate"
    takes_complex = True
    examples = (
        Example(
            lambda x, y: concatenate([x, y]),
            lambda x, y: np.concatenate([x, y]),
            ((3, 4), (1, 4)),
        ),
        Example(
            lambda x, y, z: concatenate([x, y, z], axis=-1),
            lambda x, y, z: np.concatenate([x, y, z], axis=-1),
            ((3, 2), (3, 0), (3, 1)),
        ),
        Example(
            lambda x, y: concatenate((x, y, x), axis=1),
            lambda x, y: np.concatenate((x, y, x), axis=1),
            ((2, 1, 3), (2, 2, 3)),
        ),
    )

    def aval(self, *args: Aval, axis: int) -> Aval:
        first = args[0].shape
        total: Size = 0
        for arg in args:
            if arg.ndim != len(first):
                raise ShapeError(f"arrays of {len(first)} and {arg.ndim} axes")
            for i, (a, b) in enumerate(zip(first, arg.shape, strict=True)):
                if i != axis:
                    require_equal(a, b, f"all axes but {axis} must have one size: axis {i}")
            total = total + arg.shape[axis]
        return Aval((*first[:axis], total, *first[axis + 1 :]), _joined(args))

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        axis, start = node.attrs["axis"], 0
        parts: list[Expr | None] = []
        for arg, need in zip(node.args, needs, strict=True):
            length = arg.shape[axis]
            parts.append(slab(ct, axis, start, length) if need else None)
            start = start + length
        return parts

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        args = _filled_in(node, tangents)
        return None if args is None else make(self, args, node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, _all_batched(args, batched), {"axis": node.attrs["axis"] + 1})

    def numpy(self, node: Expr, *args: Code) -> Code:
        keywords = _axis_keyword(node.attrs["axis"])
        return Code.call("np.concatenate", _tuple_code(args), out=True, **keywords)

    def flops(self, node: Expr) -> int:
        return 0


@register
class Stack(Op):
    """Arrays of one shape along a new axis."""

    name = "stack"
    takes_complex = True
    examples = (
        Example(lambda x, y: stack([x, y]), lambda x, y: np.stack([x, y]), ((3, 4), (3, 4))),
        Example(
            lambda x, y: stack([x, y], axis=-1),
            lambda x, y: np.stack([x, y], axis=-1),
            ((3, 1), (3, 1)),
        ),
        Example(lambda x, y: stack([x, y]), lambda x, y: np.stack([x, y]), ((), ())),
        Example(lambda x: stack([x], axis=1), lambda x: np.stack([x], axis=1), ((0, 2),)),
    )

    def aval(self, *args: Aval, axis: int) -> Aval:
        first = args[0].shape
        for arg in args:
            if arg.ndim != len(first):
                raise ShapeError(f"arrays of {len(first)} and {arg.ndim} axes")
            for i, (a, b) in enumerate(zip(first, arg.shape, strict=True)):
                require_equal(a, b, f"all arrays must have one shape: axis {i}")
        return Aval((*first[:axis], len(args), *first[axis:]), _joined(args))

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        axis = node.attrs["axis"]
        return [_part(ct, axis, i) if need else None for i, need in enumerate(needs)]

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        args = _filled_in(node, tangents)
        return None if args is None else make(self, args, node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, _all_batched(args, batched), {"axis": node.attrs["axis"] + 1})

    def numpy(self, node: Expr, *args: Code) -> Code:
        if node.ndim == 1:  # of numbers
            natural = node.dtype.name in ("float64", "int64", "complex128", "bool")
            kind = "" if natural else f", np.{node.dtype.name}"
            return Code(f"np.array([{', '.join([arg.text for arg in args])}]{kind})")
        keywords = _axis_keyword(node.attrs["axis"])
        return Code.call("np.stack", _tuple_code(args), out=True, **keywords)

    def flops(self, node: Expr) -> int:
        return 0


CONCATENATE, STACK = OPS["concatenate"], OPS["stack"]


def _several(arrays: Any, name: str, dtype: Any = None) -> list[Expr]:
    if isinstance(arrays, Expr):
        arrays = list(arrays)
    if not isinstance(arrays, (list, tuple, np.ndarray)):
        raise DeclarationError(f"{name} needs a list of arrays; got {type(arrays).__name__}")
    if not len(arrays):
        raise DeclarationError(f"{name} needs at least one array")
    parts = as_exprs(arrays)
    return parts if dtype is None else [astype(part, dtype) for part in parts]


@function
def concatenate(arrays: Any, axis: int | None = 0, *, dtype: Any = None) -> Expr:
    """Arrays one after the other along an axis that they have; symbolic sizes add up.

    Parameters
    ----------
    arrays : sequence of array_like
    axis : int or None
        With None the arrays are raveled first.
    dtype : dtype, optional
        Of the result.

    Examples
    --------
    >>> import symgrad as sg
    >>> x, y = sg.input("x", ("B", 3)), sg.input("y", ("C", 3))
    >>> sg.concatenate([x, y]).shape
    (Dim('B + C'), 3)
    """
    parts = _several(arrays, "concatenate", dtype)
    if axis is None:
        parts, axis = [ravel(part) for part in parts], 0
    if not parts[0].ndim:
        raise ShapeError("concatenate: scalars have no axis to be joined along; use sg.stack")
    return make(CONCATENATE, tuple(parts), {"axis": normalize_axis(axis, parts[0].ndim)})


@function
def stack(arrays: Any, axis: int = 0, *, dtype: Any = None) -> Expr:
    """Arrays of one shape along a new axis; nested lists are stacked from within.

    Examples
    --------
    >>> import symgrad as sg
    >>> a, b = sg.input("a", ("B",)), sg.input("b", ("B",))
    >>> sg.stack([a, b], axis=1).shape
    (Dim('B'), 2)
    """
    parts = _several(arrays, "stack", dtype)
    return make(STACK, tuple(parts), {"axis": normalize_axis(axis, parts[0].ndim + 1)})


@public(examples=(like_numpy("atleast_1d", ((),)), like_numpy("atleast_1d", ((2, 3),))))
def atleast_1d(*arys: Any) -> Any:
    """The array, or a scalar as an array of one element; of several arrays, a tuple of them."""
    return _each(arys, lambda x: x if x.ndim else expand_dims(x, 0))


def _each(arrays: Sequence[Any], change: Callable[[Expr], Expr]) -> Any:
    """One changed array for one, a tuple of them for several."""
    made = tuple([change(as_expr(x)) for x in arrays])
    return made[0] if len(made) == 1 else made


@public(examples=(like_numpy("atleast_2d", ((),)), like_numpy("atleast_2d", ((3,),))))
def atleast_2d(*arys: Any) -> Any:
    """The array, with axes put in front until it has two; of several arrays, a tuple of them."""
    return _each(arys, lambda x: expand_dims(x, tuple(range(2 - x.ndim))) if x.ndim < 2 else x)


@public(examples=(joined("vstack", (3,), (3,)), joined("vstack", (1, 3), (2, 3))))
def vstack(tup: Any, *, dtype: Any = None) -> Expr:
    """Arrays one below the other; vectors are rows."""
    return concatenate([atleast_2d(part) for part in _several(tup, "vstack", dtype)])


@public(examples=(joined("hstack", (3,), (4,)), joined("hstack", (3, 1), (3, 2))))
def hstack(tup: Any, *, dtype: Any = None) -> Expr:
    """Arrays one beside the other: along axis 1, or 0 for vectors."""
    parts = [atleast_1d(part) for part in _several(tup, "hstack", dtype)]
    return concatenate(parts, axis=0 if parts[0].ndim == 1 else 1)


@public(examples=(joined("column_stack", (3,), (3, 2), (3,)),))
def column_stack(tup: Any) -> Expr:
    """Arrays one beside the other; vectors are columns."""
    parts = _several(tup, "column_stack")
    columns = [part if part.ndim > 1 else expand_dims(atleast_1d(part), 1) for part in parts]
    return concatenate(columns, axis=1)


# ---------------------------------------------------------------- split


@public(
    examples=(
        parts("split", ((6, 2),), 3),
        parts("split", ((2, 7),), (2, 3), axis=1),
        parts("split", ((5,),), (-1,)),
    )
)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Expr]:
    """Equal parts along an axis, or the parts between given positions.

    Raises
    ------
    ShapeError
        If the axis has a static size that is no multiple of the number of parts, or a symbolic
        one that is not known to be.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 6))
    >>> [part.shape[1] for part in sg.split(x, 3, axis=1)]
    [2, 2, 2]
    """
    ary = as_expr(ary)
    along = normalize_axis(axis, ary.ndim)
    if not isinstance(indices_or_sections, (list, tuple, np.ndarray)):
        sections, size = _sections(indices_or_sections), ary.shape[along]
        length = exact_quotient(size, sections)
        if length is None:
            raise ShapeError(
                f"split: axis {along} of size {size} is not a multiple of {sections}; "
                "sg.array_split makes unequal parts"
            )
        return [slab(ary, along, length * i, length) for i in range(sections)]
    return _split_at(ary, list(indices_or_sections), along)


@public(examples=(parts("array_split", ((7, 2),), 3), parts("array_split", ((2, 5),), 2, axis=1)))
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Expr]:
    """Parts along an axis that differ by at most one in size, the longer ones first."""
    ary = as_expr(ary)
    along = normalize_axis(axis, ary.ndim)
    if isinstance(indices_or_sections, (list, tuple, np.ndarray)):
        return _split_at(ary, list(indices_or_sections), along)
    sections, size = _sections(indices_or_sections), ary.shape[along]
    # part i has (size + sections - 1 - i) // sections elements
    parts, start = [], 0
    for i in range(sections):
        length = (size + (sections - 1 - i)) // sections
        parts.append(slab(ary, along, start, length))
        start = start + length
    return parts


def _sections(count: Any) -> int:
    try:
        sections = operator.index(count)
    except TypeError:
        raise DeclarationError(
            f"split: the number of parts must be an integer; got {count!r}"
        ) from None
    if sections < 1:
        raise DeclarationError(f"split: the number of parts must be positive; got {sections}")
    return sections


def _split_at(x: Expr, bounds: list[Any], axis: int) -> list[Expr]:
    edges = [0, *[b if isinstance(b, Dim) else operator.index(b) for b in bounds], None]
    return [_part(x, axis, slice(low, high)) for low, high in pairwise(edges)]


@public(examples=(parts("vsplit", ((4, 3),), 2),))
def vsplit(ary: Any, indices_or_sections: Any) -> list[Expr]:
    """Parts along axis 0."""
    return split(ary, indices_or_sections, axis=0)


@public(examples=(parts("hsplit", ((3, 4),), 2), parts("hsplit", ((6,),), 3)))
def hsplit(ary: Any, indices_or_sections: Any) -> list[Expr]:
    """Parts along axis 1, or 0 for a vector."""
    ary = as_expr(ary)
    return split(ary, indices_or_sections, axis=min(1, ary.ndim - 1))
