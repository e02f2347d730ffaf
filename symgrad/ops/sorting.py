"""Sorting, and what sorts: argsort, lexsort, partitions, the largest k."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, public, register
from symgrad.ir.size import Size, as_size
from symgrad.ops.axes import delimited, indices
from symgrad.ops.creation import zeros
from symgrad.ops.cumulative import reverse
from symgrad.ops.examples import like_numpy
from symgrad.ops.index import along_axis, take_along_axis
from symgrad.ops.scatter import scatter_add
from symgrad.ops.shape import normalize_axis, ravel

__all__ = ["argpartition", "argsort", "lexsort", "partition", "sort", "top_k"]

_KINDS = (None, "quicksort", "mergesort", "heapsort", "stable")


class AlongOne(Op):
    """An op of one argument along one `axis`, whose shape it keeps."""

    expensive = True

    def aval(self, x: Aval, *, axis: int, **attrs: Any) -> Aval:
        return x

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {**node.attrs, "axis": node.attrs["axis"] + 1})

    def latex(self, node: Expr, *args: str) -> str:
        letters = f"_{{{indices((node.attrs['axis'],))}}}"
        return rf"\operatorname*{{{self.name}}}{letters} {delimited(args[0])}"

    def flops(self, node: Expr) -> int:
        return 30


def _along(op: str, a: Any, axis: Any, kind: Any, order: Any, stable: Any) -> Expr:
    """The node of `op`, from NumPy's arguments; every sort here is a stable one."""
    if kind not in _KINDS:
        raise DeclarationError(f"{op}: kind must be one of {_KINDS[1:]}; got {kind!r}")
    if order is not None:
        raise DeclarationError(f"{op}: order names the fields of structured arrays; there are none")
    if kind is not None and stable is not None:
        raise DeclarationError(f"{op}: give kind or stable, not both")
    x = as_expr(a)
    if axis is None:
        x, axis = ravel(x), 0
    elif not x.ndim and op == "argsort" and axis in (0, -1):
        x = ravel(x)
    return make(OPS[op], (x,), {"axis": normalize_axis(axis, x.ndim, f"{op}: axis")})


def _examples(name: str, **fields: Any) -> tuple[Example, ...]:
    return (
        like_numpy(name, ((5,),), **fields),
        like_numpy(name, ((3, 4),), **fields),
        like_numpy(name, ((3, 4),), axis=0, **fields),
        like_numpy(name, ((2, 3, 4),), axis=1, kind="stable", **fields),
        like_numpy(name, ((3, 4),), axis=None, **fields),
        # ties: the order of equal elements is kept
        like_numpy(
            name, ((12,),), kind="stable", dtypes=("int64",), domain=((0.0, 4.0),), smooth=False
        ),
    )


@register
class ArgSort(AlongOne):
    """The indices that sort an axis; equal elements keep their order, NaN goes last."""

    name = "argsort"
    examples = _examples("argsort", smooth=False)

    def aval(self, x: Aval, *, axis: int, **attrs: Any) -> Aval:
        return Aval(x.shape, np.dtype(np.intp))

    def numpy(self, node: Expr, *args: Code) -> Code:
        axis = node.attrs["axis"]
        options = {} if axis == node.ndim - 1 else {"axis": axis}
        return Code.method(args[0], self.name, **options, kind='"stable"')


@function
def argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: bool | None = None
) -> Expr:
    """The indices that sort an array along `axis`; of the flattened array, if that is None.

    Equal elements keep their order, whatever `kind` is; NaN goes last.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> sg.function([x], sg.argsort(x))([3.0, 1.0, 2.0])
    array([1, 2, 0])
    """
    return _along("argsort", a, axis, kind, order, stable)


def _picked(x: Expr, order: Expr, axis: int) -> Expr:
    return take_along_axis(x, order, axis)


@register
class Sort(AlongOne):
    """The elements of an axis in ascending order."""

    name = "sort"
    examples = _examples("sort")

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        x, index = along_axis(node.args[0], self._order(node), node.attrs["axis"])
        return (scatter_add(zeros(x.shape, ct.dtype), index, ct),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else _picked(t, self._order(node), node.attrs["axis"])

    def _order(self, node: Expr) -> Expr:
        return make(OPS["argsort"], node.args, node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        axis = node.attrs["axis"]
        options = {} if axis == node.ndim - 1 else {"axis": axis}
        return Code.call("np.sort", args[0], **options)


@function
def sort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: bool | None = None
) -> Expr:
    """The elements along `axis` in ascending order; of all, flattened, if that is None.

    Notes
    -----
    The gradient goes back where each element came from; of equal elements the first in the
    result is the first in the array. NaN goes last.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> f = sg.function([x], sg.grad((sg.sort(x) * [1.0, 2.0, 3.0]).sum(), x))
    >>> f([30.0, 10.0, 20.0])
    array([3., 1., 2.])
    """
    return _along("sort", a, axis, kind, order, stable)


@public(
    examples=(
        Example(
            lambda x, y: FUNCTIONS["lexsort"]((x, y)),
            lambda x, y: np.lexsort((x, y)),
            ((8,), (8,)),
            dtypes=("int64", "int64"),
            domain=((0.0, 3.0), (0.0, 3.0)),
        ),
        Example(
            lambda x, y: FUNCTIONS["lexsort"](FUNCTIONS["stack"]([x, y, x]), axis=0),
            lambda x, y: np.lexsort(np.stack([x, y, x]), axis=0),
            ((8, 2), (8, 2)),
            dtypes=("int64", "int64"),
            domain=((0.0, 2.0), (0.0, 2.0)),
        ),
    )
)
def lexsort(keys: Any, axis: int = -1) -> Expr:
    """The indices that sort by several keys along `axis`: by the last one first.

    Examples
    --------
    >>> import symgrad as sg
    >>> x, y = sg.input("x", (3,)), sg.input("y", (3,))
    >>> sg.function([x, y], sg.lexsort((x, y)))([2.0, 1.0, 0.0], [1.0, 1.0, 0.0])
    array([2, 1, 0])
    """
    if isinstance(keys, Expr):
        sequence = [keys[i] for i in range(len(keys))]
    else:
        sequence = [as_expr(key) for key in keys]
    if not sequence:
        raise DeclarationError("lexsort: expected at least one key")
    order = argsort(sequence[0], axis)
    for key in sequence[1:]:
        order = _picked(order, argsort(_picked(key, order, axis), axis), axis)
    return order


# ---- partitions


@register
class ArgPartition(AlongOne):
    """Indices that put the elements `kth` where sorting would, smaller ones before them."""

    name = "argpartition"
    examples = (
        Example(
            lambda x: FUNCTIONS["sort"](argpartition(x, 2)[:, :2]),
            lambda x: np.sort(np.argpartition(x, 2)[:, :2]),
            ((3, 4),),
            smooth=False,
        ),
        Example(
            lambda x: argpartition(x, (1, 3), axis=0)[[1, 3]],
            lambda x: np.argpartition(x, (1, 3), axis=0)[[1, 3]],
            ((5, 2),),
            smooth=False,
        ),
    )

    def aval(self, x: Aval, *, axis: int, **attrs: Any) -> Aval:
        return Aval(x.shape, np.dtype(np.intp))

    def numpy(self, node: Expr, *args: Code) -> Code:
        kth, axis = node.attrs["kth"], node.attrs["axis"]
        options = {} if axis == node.ndim - 1 else {"axis": axis}
        places = str(kth[0]) if len(kth) == 1 else f"({', '.join(map(str, kth))})"
        return Code.method(args[0], self.name, places, **options)


def _places(kth: Any, size: Size) -> tuple[int, ...]:
    """Positions on an axis, counted from the front, where its size is known."""
    given = kth if isinstance(kth, (tuple, list, np.ndarray)) else (kth,)
    found = []
    for k in given:
        if isinstance(k, (bool, np.bool_)) or not isinstance(k, (int, np.integer)):
            raise DeclarationError(f"kth must be an integer, or several; got {kth!r}")
        if isinstance(size, int):
            if size and not -size <= k < size:
                raise ShapeError(f"kth is {k}, out of range for an axis of size {size}")
            k = k % size if size else 0
        found.append(int(k))
    return tuple(dict.fromkeys(found))


@function
def argpartition(
    a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> Expr:
    """Indices that put the `kth` smallest element where sorting would, smaller ones before it.

    The order within the parts is NumPy's, which promises none.
    """
    if kind != "introselect" or order is not None:
        raise DeclarationError("argpartition: there is one kind, 'introselect', and no order")
    x = as_expr(a)
    if axis is None:
        x, axis = ravel(x), 0
    along = normalize_axis(axis, x.ndim, "argpartition: axis")
    attrs = {"axis": along, "kth": _places(kth, x.shape[along])}
    return make(OPS["argpartition"], (x,), attrs)


@public(
    examples=(
        Example(
            lambda x: FUNCTIONS["sort"](FUNCTIONS["partition"](x, 2)[:, 2:]),
            lambda x: np.sort(np.partition(x, 2)[:, 2:]),
            ((3, 4),),
        ),
        Example(
            lambda x: FUNCTIONS["partition"](x, [-2, 0], axis=0)[[-2, 0]],
            lambda x: np.partition(x, [-2, 0], axis=0)[[-2, 0]],
            ((5, 3),),
        ),
        Example(
            lambda x: FUNCTIONS["partition"](x, 3, axis=None)[3],
            lambda x: np.partition(x, 3, axis=None)[3],
            ((2, 3),),
        ),
    )
)
def partition(
    a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> Expr:
    """The elements with the `kth` smallest where sorting would put it, smaller ones before it.

    The order within the parts is NumPy's, which promises none; the gradient goes back where
    each element came from.
    """
    places = argpartition(a, kth, axis, kind, order)
    x = as_expr(a)
    if axis is None:
        x, axis = ravel(x), 0
    return _picked(x, places, axis)


@public(
    examples=(
        Example(
            lambda x: FUNCTIONS["top_k"](x, 2)[0],
            lambda x: np.take(np.sort(x)[:, ::-1], [0, 1], axis=1),
            ((3, 4),),
        ),
        Example(
            lambda x: FUNCTIONS["top_k"](x, 3, axis=0)[1],
            lambda x: np.take(np.argsort(-x, axis=0, kind="stable"), [0, 1, 2], axis=0),
            ((8, 2),),
            dtypes=("int64",),
            domain=((0.0, 4.0),),
        ),
    )
)
def top_k(operand: Any, k: Any, axis: int = -1) -> tuple[Expr, Expr]:
    """The `k` largest elements along an axis, largest first, and their indices.

    Of equal elements the one of lower index comes first; NaN counts as largest.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 10))
    >>> values, places = sg.top_k(x, 3)
    >>> values.shape, places.dtype
    ((Dim('B'), 3), dtype('int64'))
    """
    x, count = as_expr(operand), as_size(k)
    axis = normalize_axis(axis, x.ndim, "top_k: axis")
    size = x.shape[axis]
    if isinstance(count, int) and (count < 0 or (isinstance(size, int) and count > size)):
        raise ShapeError(f"top_k: k is {count} for axis {axis} of {format_shape(x.shape)}")
    # a stable sort of the reversed axis, read from its end, keeps the order of equal elements
    backwards = reverse(argsort(reverse(x, axis), axis), axis)
    places = FUNCTIONS["subtract"](size - 1, backwards)
    first = (slice(None),) * axis + (slice(0, count),)
    places = places[first]
    return _picked(x, places, axis), places
