"""Changing elements: adding to them, setting them; ``x.at[index].add(v)`` and ``.set(v)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DTypeError, ExpressionUseError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.checks import Check, require
from symgrad.ir.code import UNARY, Code
from symgrad.ir.node import Expr, as_expr, as_exprs, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, public, register
from symgrad.ir.size import product
from symgrad.ops.broadcasting import sum_to
from symgrad.ops.cast import astype
from symgrad.ops.creation import arange, zeros
from symgrad.ops.index import (
    GETITEM,
    along_axis,
    batched_index,
    index_arrays,
    node_subscript,
    provably_unique,
)
from symgrad.ops.index_spec import Index, indexed_shape, parse_index, subscript_value
from symgrad.ops.masked import expanded, selected, traced_mask
from symgrad.ops.scatter_kernels import add_rows
from symgrad.ops.shape import broadcast_to, expand_dims, inverse_permutation, reshape, transpose

__all__ = ["At", "Slots", "at", "put_along_axis", "scatter_add", "scatter_set"]

_ROWS = ((-2.0, 2.0), (0, 2))
_FLOAT_AND_INT = ("float64", "int64")


def _example(build: Any, reference: Any, *shapes: tuple[int, ...], **kwargs: Any) -> Example:
    return Example(build, reference, shapes, **kwargs)


class Scatter(Op):
    """The first argument with the elements at an index changed by the last argument."""

    updates = True

    def aval(self, *args: Aval, index: Index) -> Aval:
        x, *arrays, values = args
        if values.dtype != x.dtype:
            raise DTypeError(f"values of {values.dtype} for an array of {x.dtype}")
        slots = indexed_shape(x.shape, index, [a.shape for a in arrays])
        reason = (
            f"values of shape {format_shape(values.shape)} "
            f"for elements of shape {format_shape(slots)}"
        )
        if len(values.shape) > len(slots):
            raise ShapeError(reason)
        for i in range(-len(values.shape), 0):
            have, want = values.shape[i], slots[i]
            if have == want or (isinstance(have, int) and have == 1):
                continue
            if isinstance(have, int) and isinstance(want, int):
                raise ShapeError(f"{reason}: axis {i} has {have}, not {want}")
            require(Check(have, "==", want, f"{reason}: axis {i}"))
        return x

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        size = args[batched.index(True)].shape[0]
        x, *arrays, values = args
        if not batched[0]:
            x = broadcast_to(x, (size, *x.shape))
        index, arrays_, order = batched_index(
            node.attrs["index"], tuple(arrays), batched[1:-1], True, size
        )
        if values.ndim:  # a number stays one
            missing = len(order) - values.ndim
            first = 1 if batched[-1] else 0
            values = expand_dims(values, tuple(range(first, first + missing)))
            values = transpose(values, inverse_permutation(order))
        return make(self, (x, *arrays_, values), {"index": index})

    def flops(self, node: Expr) -> int:
        return 0

    def _latex(self, node: Expr, arrow: str, args: tuple[str, ...]) -> str:
        parts = node_subscript(node, [Code(text) for text in args[1:-1]])
        return rf"{args[0]}\left[{{{parts}}} {arrow} {args[-1]}\right]"


def _gathered(node: Expr, x: Expr) -> Expr:
    """The elements of `x` at the index of a scatter."""
    return make(GETITEM, (x, *index_arrays(node)), node.attrs)


def _or_zeros(tangent: Expr | None, primal: Expr) -> Expr:
    return zeros(primal.shape, primal.dtype) if tangent is None else tangent


def _names_rows(node: Expr) -> bool:
    """Whether the index is one array of rows, along the first of several axes."""
    first, *rest = node.attrs["index"]
    whole = [("slice", 0, size, 1) for size in node.shape[1:]]
    return first == ("array", 0) and bool(rest) and rest == whole and bool(node.args[1].ndim)


@register
class ScatterAdd(Scatter):
    """Adds values to elements; an element that is indexed repeatedly gets all of them."""

    name = "scatter_add"
    takes_complex = True
    examples = (
        _example(
            lambda x, v: x.at[1:].add(v), lambda x, v: _added(x, np.s_[1:], v), (3, 4), (2, 4)
        ),
        _example(
            lambda x, v: x.at[[0, 2, 0]].add(v),
            lambda x, v: _added(x, np.array([0, 2, 0]), v),
            (3, 4),
            (4,),
        ),
        _example(
            lambda x, v: x.at[[0, 1], :, [2, 0]].add(v),
            lambda x, v: _added(x, np.s_[[0, 1], :, [2, 0]], v),
            (2, 3, 4),
            (2, 1),
        ),
        _example(
            lambda x, i, v: x.at[:, i].add(v),
            lambda x, i, v: _added(x, (slice(None), i), v),
            (2, 3),
            (4,),
            (2, 4),
            domain=(*_ROWS, (-2.0, 2.0)),
            dtypes=(*_FLOAT_AND_INT, "float64"),
        ),
    )

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        values = node.args[-1]
        for_values = sum_to(_gathered(node, ct), values.shape) if needs[-1] else None
        return (ct, *[None] * (len(node.args) - 2), for_values)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        if tangents[-1] is None:
            return tangents[0]
        x = _or_zeros(tangents[0], node.args[0])
        return make(self, (x, *index_arrays(node), tangents[-1]), node.attrs)

    def update(self, node: Expr, target: str, *args: Code) -> str:
        *arrays, values = args[1:]
        if provably_unique(node):
            index = node_subscript(node, arrays)
            if values.precedence == UNARY and values.text.startswith("-"):
                return f"{target}[{index}] -= {values.text[1:]}"
            return f"{target}[{index}] += {values.text}"
        if _names_rows(node):
            return f"add_rows({target}, {arrays[0].text}, {values.text})"
        index = subscript_value(node.attrs["index"], node.shape, [code.text for code in arrays])
        return f"np.add.at({target}, {index}, {values.text})"

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (add_rows,)

    def prelude_of(self, node: Expr) -> tuple[Callable[..., Any], ...]:
        return self.prelude() if _names_rows(node) and not provably_unique(node) else ()

    def latex(self, node: Expr, *args: str) -> str:
        return self._latex(node, r"\mathrel{+}=", args)


@register
class ScatterSet(Scatter):
    """Sets elements to values; of repeated indices the last wins, in value and in gradient."""

    name = "scatter_set"
    takes_complex = True
    examples = (
        _example(lambda x, v: x.at[1:].set(v), lambda x, v: _set(x, np.s_[1:], v), (3, 4), (2, 4)),
        _example(
            lambda x, v: x.at[[0, 2, 0]].set(v),
            lambda x, v: _set(x, np.array([0, 2, 0]), v),
            (3, 4),
            (3, 4),
        ),
        _example(
            lambda x, v: x.at[1, ::2].set(v), lambda x, v: _set(x, np.s_[1, ::2], v), (3, 4), ()
        ),
        _example(
            lambda x, i, v: x.at[:, i].set(v),
            lambda x, i, v: _set(x, (slice(None), i), v),
            (2, 3),
            (4,),
            (2, 4),
            domain=(*_ROWS, (-2.0, 2.0)),
            dtypes=(*_FLOAT_AND_INT, "float64"),
        ),
    )

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        values, arrays = node.args[-1], index_arrays(node)
        zero = as_expr(np.zeros((), ct.dtype))
        for_x = make(self, (ct, *arrays, zero), node.attrs) if needs[0] else None
        for_values = None
        if needs[-1]:
            gathered = _gathered(node, ct)
            if not provably_unique(node):
                gathered = FUNCTIONS["where"](self._won(node), gathered, zero)
            for_values = sum_to(gathered, values.shape)
        return (for_x, *[None] * len(arrays), for_values)

    def _won(self, node: Expr) -> Expr:
        """Which of the writes to one element was the last: the one that finds its own number."""
        slots = _gathered(node, node.args[0]).shape
        numbers = reshape(arange(product(slots)), slots)
        marks = zeros(node.shape, numbers.dtype)
        marks = make(self, (marks, *index_arrays(node), numbers), node.attrs)
        return FUNCTIONS["equal"](_gathered(node, marks), numbers)  # type: ignore[no-any-return]

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        x = _or_zeros(tangents[0], node.args[0])
        values = tangents[-1]
        if values is None:
            if tangents[0] is None:
                return None
            values = as_expr(np.zeros((), x.dtype))
        return make(self, (x, *index_arrays(node), values), node.attrs)

    def update(self, node: Expr, target: str, *args: Code) -> str:
        *arrays, values = args[1:]
        return f"{target}[{node_subscript(node, arrays)}] = {self._in_order(node, values).text}"

    def _in_order(self, node: Expr, values: Code) -> Code:
        """The values, laid out so that NumPy writes them in C order: the last is then the last.

        NumPy walks along the memory of indices and values where all of them agree on an order;
        contiguous values rule out any but C. One index array of one axis is taken as it comes.
        """
        arrays, given = index_arrays(node), node.args[-1].shape
        if (
            (len(arrays) == 1 and arrays[0].ndim < 2)
            or all(isinstance(size, int) and size == 1 for size in given)
            or provably_unique(node)
        ):
            return values
        slots = indexed_shape(node.shape, node.attrs["index"], [a.shape for a in arrays])
        if given != slots:
            values = Code.call("np.broadcast_to", values, format_shape(slots))
        return Code.call("np.ascontiguousarray", values)

    def latex(self, node: Expr, *args: str) -> str:
        return self._latex(node, r"\leftarrow", args)


SCATTER_ADD, SCATTER_SET = OPS["scatter_add"], OPS["scatter_set"]


def _added(x: Any, index: Any, values: Any) -> Any:
    out = x.copy()
    np.add.at(out, index, values)
    return out


def _set(x: Any, index: Any, values: Any) -> Any:
    out = x.copy()
    out[index] = values
    return out


def _put(x: Any, indices: Any, values: Any) -> Any:
    out = x.copy()
    np.put_along_axis(out, indices, values, axis=1)
    return out


class At:
    """What ``x.at`` gives: ``x.at[index].add(v)`` and ``x.at[index].set(v)``."""

    __slots__ = ("_x",)

    def __init__(self, x: Expr) -> None:
        self._x = x

    def __getitem__(self, index: Any) -> Slots:
        return Slots(self._x, index)


class Slots:
    """Elements of an expression that are to be changed, in a copy."""

    __slots__ = ("_index", "_x")

    def __init__(self, x: Expr, index: Any) -> None:
        self._x = x
        self._index = index

    def add(self, values: Any) -> Expr:
        """The array with `values` added; an element indexed twice gets both."""
        return scatter_add(self._x, self._index, values)

    def set(self, values: Any) -> Expr:
        """The array with elements set to `values`; of repeated indices the last wins."""
        return scatter_set(self._x, self._index, values)


@function
def at(x: Any) -> At:
    """A changed copy of an expression: ``x.at[index].add(v)``, ``x.at[index].set(v)``.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 5))
    >>> x.at[:, 0].set(1.0).shape
    (Dim('B'), 5)
    """
    return At(as_expr(x))


@function
def scatter_add(x: Any, index: Any, values: Any) -> Expr:
    """A copy of `x` with `values` added at an index: what ``x.at[index].add(values)`` calls."""
    return _scatter(SCATTER_ADD, x, index, values)


@function
def scatter_set(x: Any, index: Any, values: Any) -> Expr:
    """A copy of `x` with `values` set at an index: what ``x.at[index].set(values)`` calls."""
    return _scatter(SCATTER_SET, x, index, values)


def _scatter(op: Op, x: Any, index: Any, values: Any) -> Expr:
    x = as_expr(x)
    if (chosen := traced_mask(x, index)) is not None:
        return _masked(op, x, *chosen, values)
    x, values = as_exprs((x, values))
    if not np.can_cast(values.dtype, x.dtype, "same_kind"):
        raise DTypeError(
            f"{op.name}: values of {values.dtype} cannot go into an array of {x.dtype}"
        )
    x, entries, arrays = parse_index(x, index)
    return make(op, (x, *arrays, astype(values, x.dtype)), {"index": entries})


def _masked(op: Op, x: Expr, mask: Expr, axis: int, values: Any) -> Expr:
    """The elements that a mask chooses set, or added to, where the mask is an expression."""
    where = selected(x, mask, axis)
    x, given = as_exprs((x, where.beside(values, op.name)))
    if not np.can_cast(given.dtype, x.dtype, "same_kind"):
        raise DTypeError(f"{op.name}: values of {given.dtype} cannot go into an array of {x.dtype}")
    given = astype(given, x.dtype)
    new = given if op is SCATTER_SET else FUNCTIONS["add"](x, given)
    return FUNCTIONS["where"](expanded(mask, axis, x), new, x)  # type: ignore[no-any-return]


@public(
    examples=(
        # one index a row: what is written twice has no derivative that differences could see
        Example(
            lambda x, i, v: FUNCTIONS["put_along_axis"](x, i, v, axis=1, inplace=False),
            _put,
            ((3, 4), (3, 1), (3, 1)),
            dtypes=("float64", "int64", "float64"),
            domain=((-2.0, 2.0), (0.0, 4.0), (-2.0, 2.0)),
        ),
    )
)
def put_along_axis(
    arr: Any, indices: Any, values: Any, axis: int | None = -1, *, inplace: bool = True
) -> Expr:
    """A copy of `arr` with elements along an axis set: the inverse of ``take_along_axis``.

    NumPy's function changes its argument, which an expression does not allow: say
    ``inplace=False``, as in JAX.
    """
    if inplace:
        raise ExpressionUseError(
            "put_along_axis would change its argument, and expressions are immutable; "
            "use x = sg.put_along_axis(x, indices, values, axis, inplace=False)"
        )
    arr = as_expr(arr)
    array, index = along_axis(arr, indices, axis)
    return reshape(scatter_set(array, index, values), arr.shape)
