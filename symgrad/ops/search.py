"""Places in sorted arrays: searchsorted, digitize. They are integers, which have no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_exprs, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, register
from symgrad.ops.comparison import greater, greater_equal, isnan, less, less_equal, logical_not
from symgrad.ops.examples import like_numpy
from symgrad.ops.index import take
from symgrad.ops.reduce import sum as total
from symgrad.ops.selection import where
from symgrad.ops.shape import broadcast_to, expand_dims

__all__ = ["digitize", "searchsorted"]

_SORTED = (-1.5, -0.5, 0.0, 0.0, 0.75, 1.5)


class Search(Op):
    """Places of values in an array of one axis: the arguments are the array and the values."""

    expensive = True

    def aval(self, *args: Aval, **attrs: Any) -> Aval:
        edges, values = args
        if len(edges.shape) != 1:
            raise ShapeError(f"expected one axis of sorted values; got {format_shape(edges.shape)}")
        return Aval(values.shape, np.dtype(np.intp))

    def counted(self, node: Expr, edges: Expr, values: Expr) -> Expr:
        """The same by comparing all pairs: edges along the last axis, values with one of size 1."""
        raise NotImplementedError(self.name)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        edges, values = args
        if not batched[0]:
            return make(self, args, node.attrs)
        size, rank = edges.shape[0], node.ndim
        if not batched[1]:
            values = broadcast_to(values, (size, *values.shape))
        edges = expand_dims(edges, tuple(range(1, 1 + rank)))
        return total(self.counted(node, edges, expand_dims(values, values.ndim)), axis=-1)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{{self.name}}}\left({args[0]}, {args[1]}\right)"

    def flops(self, node: Expr) -> int:
        return 20


@register
class SearchSorted(Search):
    """Where values belong in a sorted array."""

    name = "searchsorted"
    examples = (
        Example(
            lambda x: searchsorted(_SORTED, x),
            lambda x: np.searchsorted(_SORTED, x),
            ((3, 4),),
            smooth=False,
        ),
        *(
            like_numpy(
                "searchsorted",
                ((5,), (3, 4)),
                side=side,
                dtypes=("int64", "int64"),
                domain=((2.0, 3.0), (0.0, 5.0)),
            )
            for side in ("left", "right")
        ),
        Example(
            lambda x, v: searchsorted(x, v, sorter=x.argsort()),
            lambda x, v: np.searchsorted(x, v, sorter=x.argsort()),
            ((5,), ()),
            smooth=False,
        ),
    )

    def counted(self, node: Expr, edges: Expr, values: Expr) -> Expr:
        compare = less if node.attrs["side"] == "left" else less_equal
        before = compare(edges, values)
        if node.attrs["side"] == "left":
            return before | (isnan(values) & logical_not(isnan(edges)))  # NaN is sorted last
        return before | isnan(values)

    def numpy(self, node: Expr, *args: Code) -> Code:
        options: dict[str, Any] = {"side": '"right"'} if node.attrs["side"] == "right" else {}
        return Code.call("np.searchsorted", *args, **options)


@function
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Expr:
    """The indices at which values keep a sorted array sorted when they are put in.

    Parameters
    ----------
    a : array_like
        Of one axis, ascending; in the order of `sorter`, if there is one.
    v : array_like
    side : {"left", "right"}
        Before or behind elements that are equal.
    sorter : array_like of int, optional

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> sg.function([x], sg.searchsorted([1.0, 2.0, 3.0], x))([0.5, 2.0, 9.0])
    array([0, 1, 3])
    """
    if side not in ("left", "right"):
        raise DeclarationError(f"searchsorted: side must be 'left' or 'right'; got {side!r}")
    edges, values = as_exprs((a, v))
    if sorter is not None:
        edges = take(edges, sorter)
    return make(OPS["searchsorted"], (edges, values), {"side": side})


@register
class Digitize(Search):
    """In which of the bins between edges, ascending or descending, values lie."""

    name = "digitize"
    examples = tuple(
        Example(
            lambda x, bins=bins, right=right: digitize(x, bins, right),
            lambda x, bins=bins, right=right: np.digitize(x, bins, right),
            ((3, 4),),
            dtypes=("int64",),
            domain=((-1.0, 6.0),),
        )
        for bins in ([0.0, 1.0, 2.5, 4.0], [4, 2, 1, 0])
        for right in (False, True)
    ) + (
        Example(
            lambda x, e: digitize(x, FUNCTIONS["sort"](e)[::-1]),
            lambda x, e: np.digitize(x, np.sort(e)[::-1]),
            ((3, 4), (4,)),
            smooth=False,
        ),
    )

    def counted(self, node: Expr, edges: Expr, values: Expr) -> Expr:
        last, first = edges[..., -1:], edges[..., :1]
        right = node.attrs["right"]
        up = (less if right else less_equal)(edges, values)
        down = (greater_equal if right else greater)(edges, values)
        return where(less_equal(first, last), up | isnan(values), down)

    def numpy(self, node: Expr, *args: Code) -> Code:
        options: dict[str, Any] = {"right": True} if node.attrs["right"] else {}
        return Code.call("np.digitize", args[1], args[0], **options)


@function
def digitize(x: Any, bins: Any, right: bool = False) -> Expr:
    """The index of the bin that each value lies in; 0 is before all of them.

    Parameters
    ----------
    x : array_like
    bins : array_like
        The edges, of one axis, ascending or descending.
    right : bool
        Whether a bin holds its right edge, rather than its left one.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> sg.function([x], sg.digitize(x, [0.0, 1.0]))([-1.0, 0.0, 5.0])
    array([0, 1, 2])
    """
    values, edges = as_exprs((x, bins))
    return make(OPS["digitize"], (edges, values), {"right": bool(right)})
