"""Counts: of what is not 0, of integers, of values in bins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.checks import require_equal
from symgrad.ir.code import Code
from symgrad.ir.lifted import Lifted
from symgrad.ir.node import Expr, as_expr, as_exprs, literal, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, public, register
from symgrad.ir.size import Size, as_size
from symgrad.ops import extrema, reduce
from symgrad.ops.axes import as_floating
from symgrad.ops.cast import astype, dtype_code
from symgrad.ops.comparison import equal, greater_equal, less_equal, not_equal
from symgrad.ops.counting_kernels import count_bins
from symgrad.ops.creation import arange
from symgrad.ops.examples import like_numpy
from symgrad.ops.index import getitem
from symgrad.ops.interpret import known_value
from symgrad.ops.linspace import linspace
from symgrad.ops.search import searchsorted
from symgrad.ops.selection import clip, where
from symgrad.ops.shape import broadcast_to, expand_dims, ravel, reshape

__all__ = ["bincount", "count_nonzero", "histogram"]


@public(
    examples=(
        like_numpy("count_nonzero", ((3, 4),), dtypes=("int64",), domain=((-1.0, 2.0),)),
        like_numpy("count_nonzero", ((3, 4),), axis=0, keepdims=True, dtypes=("bool",)),
    )
)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """How many elements along `axis`, or of all, are not 0 (are true)."""
    if isinstance(a, Lifted):
        return a.reduce("count_nonzero", axis, keepdims)  # type: ignore[no-any-return]
    x = as_expr(a)
    return reduce.sum(x if x.dtype.kind == "b" else not_equal(x, 0), axis, keepdims=keepdims)


# ---- integers


@register
class BinCount(Op):
    """How often each integer below a given one occurs; or the sum of its weights."""

    name = "bincount"
    expensive = True
    examples = (
        Example(
            lambda x: bincount(x, length=5),
            lambda x: np.bincount(x, minlength=5),
            ((8,),),
            dtypes=("int64",),
            domain=((0.0, 5.0),),
        ),
        Example(
            lambda x, w: bincount(x, w, 5),
            lambda x, w: np.bincount(x, w, 5),
            ((8,), (8,)),
            dtypes=("int64", "float64"),
            domain=((0.0, 5.0), (-2.0, 2.0)),
        ),
    )

    def aval(self, *args: Aval, length: Size, dtype: np.dtype[Any]) -> Aval:
        x = args[0]
        if x.dtype.kind not in "biu":
            raise DTypeError(f"expected integers to count; got {x.dtype}")
        if len(x.shape) != 1:
            raise ShapeError(f"expected one axis of integers; got {format_shape(x.shape)}")
        if len(args) == 1:
            return Aval((length,), dtype)
        if len(args[1].shape) != 1:
            raise ShapeError(f"weights of shape {format_shape(args[1].shape)}: expected one axis")
        require_equal(x.shape[0], args[1].shape[0], "the numbers of integers and of weights")
        return Aval((length,), dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        x, *weights = node.args
        return (None, *[astype(getitem(ct, x), w.dtype) for w in weights])

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        if len(tangents) == 1 or tangents[1] is None:
            return None
        return make(self, (node.args[0], tangents[1]), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        size, length = args[batched.index(True)].shape[0], node.attrs["length"]
        rows = [
            arg if flag else broadcast_to(arg, (size, *arg.shape))
            for arg, flag in zip(args, batched, strict=True)
        ]
        # each row counts in a range of its own
        rows[0] = rows[0] + expand_dims(arange(size) * length, 1)
        flat = tuple([ravel(row) for row in rows])
        return reshape(make(self, flat, {**node.attrs, "length": size * length}), (size, length))

    def numpy(self, node: Expr, *args: Code) -> Code:
        counts = Code.call("count_bins", *args, length=node.attrs["length"])
        if node.dtype == (np.intp if len(args) == 1 else np.float64):
            return counts
        return Code.method(counts, "astype", dtype_code(node.dtype))

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (count_bins,)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{bincount}}\left({', '.join(args)}\right)"


@function
def bincount(x: Any, weights: Any = None, minlength: Any = 0, *, length: Any = None) -> Expr:
    """How often each of the integers 0, 1, ... occurs in `x`; with weights, the sum of theirs.

    Parameters
    ----------
    x : array_like of int
        Of one axis, not negative.
    weights : array_like, optional
        They have gradients.
    minlength : int
        The length of the result, at least.
    length : int or Dim, optional
        The length of the result. Unless `x` is constant, this or `minlength` must say it, and a
        larger integer in `x` is an error of the call.

    Examples
    --------
    >>> import symgrad as sg
    >>> y = sg.input("y", ("B",), dtype="int64")
    >>> sg.function([y], sg.bincount(y, length=4))([0, 2, 2])
    array([1, 0, 2, 0])
    """
    ids = as_expr(x)
    at_least = as_size(minlength)
    if length is not None:
        size = as_size(length)
    else:
        known = known_value(ids)
        if known is not None and isinstance(at_least, int):
            size = max(at_least, int(known.max(initial=-1)) + 1)
        elif isinstance(at_least, int) and at_least <= 0:
            raise DeclarationError(
                "bincount: the length of the result would depend on the values; say it, as "
                "length=..."
            )
        else:
            size = at_least
    if weights is None:
        return _counts((ids,), size, np.intp)
    return _counts((ids, as_expr(weights)), size, np.float64)


def _counts(args: tuple[Expr, ...], length: Size, dtype: Any) -> Expr:
    return make(OPS["bincount"], args, {"length": length, "dtype": np.dtype(dtype)})


# ---- bins


def _edges(a: Expr, bins: Any, range: Any) -> Expr:
    """The edges of bins, ascending, which hold one value more than there are bins."""
    if isinstance(bins, str):
        raise DeclarationError(
            f"histogram: bins={bins!r} would make their number depend on the values; give a number"
        )
    if isinstance(bins, (int, np.integer)):
        if bins < 1:
            raise DeclarationError(f"histogram: bins must be at least 1; got {bins}")
        if range is not None:
            low, high = range
            if not isinstance(low, Expr) and not isinstance(high, Expr) and low > high:
                raise DeclarationError(f"histogram: the range {range} is not ascending")
        elif a.size == 0:
            low, high = 0.0, 1.0
        else:
            low, high = extrema.min(a), extrema.max(a)
        _, low, high = as_exprs((as_floating(a), low, high))
        # of one value only, it is in the middle
        half: Expr = where(equal(low, high), literal(0.5, low.dtype), 0.0)
        edges: Expr = linspace(low - half, high + half, int(bins) + 1, dtype=low.dtype)
        return edges
    edges = as_expr(bins)
    if edges.ndim != 1:
        raise ShapeError(f"histogram: bins of shape {format_shape(edges.shape)}: expected one axis")
    known = known_value(edges)
    if known is not None and (np.diff(known) < 0).any():
        raise DeclarationError("histogram: the edges of the bins must be ascending")
    return edges


def _counted(name: str, *shapes: tuple[int, ...], **options: Any) -> Example:
    """The counts of a histogram and its edges, joined; no value is near an edge."""
    weighted = len(shapes) > 1

    def joined(module: Any, fn: Any, *args: Any) -> Any:
        more = {"weights": args[1]} if weighted else {}
        counts, edges = fn(args[0], **options, **more)
        return module["concatenate"]([counts * 1.0, edges * 1.0])

    return Example(
        lambda *args: joined(FUNCTIONS, FUNCTIONS["histogram"], *args),
        lambda *args: joined(vars(np), np.histogram, *args),
        shapes,
        away=(-1.5, -0.5, 0.5, 1.5),
    )


@public(
    examples=(
        _counted("histogram", (12,), bins=4, range=(-2.5, 1.5)),
        _counted("histogram", (3, 4), bins=[-1.5, -0.5, 0.5, 1.5]),
        _counted("histogram", (12,), (12,), bins=[-1.5, -0.5, 0.5, 1.5]),
        _counted("histogram", (12,), (12,), bins=4, range=(-2.5, 1.5), density=True),
        Example(
            lambda x: FUNCTIONS["histogram"](x, bins=3)[1],
            lambda x: np.histogram(x, bins=3)[1],
            ((12,),),
        ),
    )
)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> tuple[Expr, Expr]:
    """How many values lie in each bin, or the sum of their weights; and the edges of the bins.

    Parameters
    ----------
    a : array_like
    bins : int or array_like
        The number of bins of equal width, or all edges, ascending; each bin but the last is
        without its right edge.
    range : (low, high), optional
        Where the first bin begins and the last ends; the least and the largest value without it.
    density : bool
        Whether to divide by the width of each bin and by the total.
    weights : array_like, optional
        They have gradients; counts have none.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B",))
    >>> counts, edges = sg.histogram(x, bins=[0.0, 1.0, 2.0])
    >>> sg.function([x], counts)([0.5, 1.0, 1.5, 2.0, 9.0])
    array([1, 3])
    """
    x = as_expr(a)
    edges = _edges(x, bins, range)
    number = edges.shape[0] - 1
    flat = ravel(x)
    first, last = edges[0], edges[-1]
    inside = greater_equal(flat, first) & less_equal(flat, last)
    places = clip(searchsorted(edges, flat, side="right") - 1, 0, number - 1)
    if weights is None:
        # what is in no bin is counted in one more, which is left out
        found = bincount(where(inside, places, number), length=number + 1)[:-1]
    else:
        w = as_expr(weights)
        if w.shape != x.shape:
            raise ShapeError(
                f"histogram: weights of shape {format_shape(w.shape)} for {format_shape(x.shape)}"
            )
        found = _counts((places, where(inside, ravel(w), 0)), number, w.dtype)
    if density:
        widths = edges[1:] - edges[:-1]
        found = found / widths / reduce.sum(found)
    return found, edges
