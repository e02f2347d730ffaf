"""Reductions to the largest and the smallest element: max, min."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.config import config
from symgrad.ir.dtypes import extreme
from symgrad.ir.lifted import Lifted
from symgrad.ir.node import Expr, as_expr
from symgrad.ir.op import FUNCTIONS, function, register
from symgrad.ir.size import Size, lower_bound
from symgrad.ops.axes import Axes, count, reduced_axes
from symgrad.ops.cast import astype
from symgrad.ops.comparison import equal
from symgrad.ops.creation import as_literal
from symgrad.ops.cumulative import cumsum
from symgrad.ops.reduce import (
    Reduction,
    keep,
    masked_examples,
    only,
    reduction,
    reduction_examples,
)
from symgrad.ops.selection import maximum, minimum
from symgrad.ops.shape import (
    broadcast_to,
    inverse_permutation,
    reshape,
    squeeze,
    transpose,
)

__all__ = ["may_be_empty", "require_elements"]


class Extremum(Reduction):
    """Maximum or minimum; elements that tie share the derivative.

    With the attribute `of_nothing` an axis may turn out to be empty at the call: then it is what
    leaves all others as they are, -inf or inf.
    """

    def aval(self, x: Aval, *, axis: Axes, keepdims: bool, **attrs: Any) -> Aval:
        out = super().aval(x, axis=axis, keepdims=keepdims)
        if not attrs.get("of_nothing"):
            require_elements(x, axis, out.shape)
        return out

    def options(self, node: Expr) -> dict[str, Any]:
        options = super().options(node)
        if node.attrs.get("of_nothing"):
            start = extreme(node.dtype, self.name == "max")
            options["initial"] = str(start).replace("inf", "np.inf")
        return options

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        chosen, ties = _ties(node)
        return (keep(ct, node) / ties * chosen,)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        if t is None:
            return None
        chosen, ties = _ties(node)
        axes = node.attrs["axis"]
        mean = (t * chosen).sum(axis=axes, keepdims=True) / ties
        return mean if node.attrs["keepdims"] or not axes else squeeze(mean, axes)


def _ties(node: Expr) -> tuple[Expr, Expr]:
    """Where the extremum is taken, and in how many places for each result."""
    (x,), axes = node.args, node.attrs["axis"]
    chosen = equal(x, keep(node, node))
    if config.ties == "first":
        chosen = _first(chosen, axes)
    return chosen, astype(chosen.sum(axis=axes, keepdims=True), x.dtype)


def _first(chosen: Expr, axes: Axes) -> Expr:
    """Of the elements that are chosen along axes, the first alone."""
    if not axes:
        return chosen
    others = tuple([a for a in range(chosen.ndim) if a not in axes])
    moved = transpose(chosen, others + axes)
    rows = reshape(moved, (*moved.shape[: len(others)], count(chosen.shape, axes)))
    first = reshape(rows & equal(cumsum(rows, len(others)), 1), moved.shape)
    return transpose(first, inverse_permutation(others + axes))


def may_be_empty(x: Expr, axes: Axes) -> bool:
    """Whether the sizes of axes allow that there is no element, known at the call alone."""
    return builtins.any([(lower_bound(x.shape[a]) or 0) < 1 for a in axes])


def require_elements(x: Aval, axes: Axes, result: tuple[Size, ...]) -> None:
    """Like NumPy: an empty axis has no extremum, unless nothing is asked for."""
    empty = [a for a in axes if isinstance(x.shape[a], int) and x.shape[a] == 0]
    if empty and not builtins.any([isinstance(s, int) and s == 0 for s in result]):
        raise ShapeError(
            f"axis {empty[0]} of {format_shape(x.shape)} is empty and has no extremum; "
            "expected at least one element"
        )


_DISTINCT: dict[str, Any] = {"domain": ((-2.0, 2.0),)}


def _extremum(op: str, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any) -> Expr:
    x = as_expr(a)
    if initial is None:
        if where is not True and where is not None:
            raise DeclarationError(
                f"{op}: a mask may leave no element, and nothing has no {op}imum: say what it is "
                "then, as initial=..."
            )
        return reduction(op, x, axis, keepdims)
    start = as_literal(initial, x.dtype)
    fill = extreme(x.dtype, op == "max")
    x = only(x, where, fill)
    axes = reduced_axes(axis if x.ndim or axis not in (0, -1) else (), x.ndim, op)
    if builtins.any([isinstance(x.shape[a], int) and x.shape[a] == 0 for a in axes]):
        shape = [1 if i in axes else s for i, s in enumerate(x.shape) if keepdims or i not in axes]
        return broadcast_to(start, tuple(shape))
    unsure = {"of_nothing": True} if may_be_empty(x, axes) else {}
    found = reduction(op, x, axes, keepdims, **unsure)
    return maximum(found, start) if op == "max" else minimum(found, start)


@register
class Max(Extremum):
    """The largest of the elements along axes."""

    name = "max"
    symbol = r"\max"
    examples = reduction_examples("max", np.max, **_DISTINCT) + masked_examples("max", -3.0)


@function
def max(
    a: Any,
    axis: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Expr:
    """Largest element along `axis`, or of all; k elements that tie get 1/k of the gradient each.

    With `initial` the result is no less than that, and an axis may be empty; `where` says which
    elements take part, and needs an `initial` for those rows where none does.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.max(x, axis=0, keepdims=True).shape
    (1, 3)
    """
    if isinstance(a, Lifted):
        return a.reduce("max", axis, keepdims, initial=initial, where=where)  # type: ignore[no-any-return]
    return _extremum("max", a, axis, keepdims, initial, where)


@register
class Min(Extremum):
    """The smallest of the elements along axes."""

    name = "min"
    symbol = r"\min"
    examples = reduction_examples("min", np.min, **_DISTINCT) + masked_examples("min", 3.0)


@function
def min(
    a: Any,
    axis: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Expr:
    """Smallest element along `axis`, or of all; k that tie get 1/k of the gradient each.

    With `initial` the result is no more than that, and an axis may be empty; `where` says which
    elements take part, and needs an `initial` for those rows where none does.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.min(x).shape
    ()
    """
    if isinstance(a, Lifted):
        return a.reduce("min", axis, keepdims, initial=initial, where=where)  # type: ignore[no-any-return]
    return _extremum("min", a, axis, keepdims, initial, where)


FUNCTIONS["amax"], FUNCTIONS["amin"] = max, min
