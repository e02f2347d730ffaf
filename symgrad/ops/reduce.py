"""Reductions: ops that take away axes (sum, prod, max, min, any, all)."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from symgrad.errors import ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, register
from symgrad.ir.size import Size
from symgrad.ops.axes import Axes, accumulator, count, delimited, indices, reduced_axes
from symgrad.ops.cast import astype
from symgrad.ops.comparison import equal
from symgrad.ops.creation import as_literal, full, ones
from symgrad.ops.cumulative import exclusive_cumprod, reverse
from symgrad.ops.shape import (
    broadcast_to,
    expand_dims,
    inverse_permutation,
    reshape,
    squeeze,
    transpose,
)

__all__ = ["Reduction", "keep", "reduction", "require_elements", "spread"]


# ---- putting reduced axes back


def keep(x: Expr, node: Expr) -> Expr:
    """A value of the shape of a reduction, with the reduced axes put back at size 1."""
    axes = node.attrs["axis"]
    if node.attrs["keepdims"] or not axes:
        return x
    return expand_dims(x, axes)


def spread(x: Expr, node: Expr) -> Expr:
    """A value of the shape of a reduction, repeated over the axes that it reduced."""
    x = keep(x, node)
    shape = node.args[0].shape
    return x if x.shape == shape else broadcast_to(x, shape)


# ---- the common part of all reductions


class Reduction(Op):
    """An op of one argument with attributes `axis` (sorted, non-negative) and `keepdims`."""

    #: how it is typeset; the axes become its subscript
    symbol: ClassVar[str]

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype of the result."""
        return dtype

    def aval(self, x: Aval, *, axis: Axes, keepdims: bool, **attrs: Any) -> Aval:
        shape = tuple(
            [1 if i in axis else s for i, s in enumerate(x.shape) if keepdims or i not in axis]
        )
        return Aval(shape, self.dtype(x.dtype))

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        axes = tuple([a + 1 for a in node.attrs["axis"]])
        return make(self, args, {**node.attrs, "axis": axes})

    def options(self, node: Expr) -> dict[str, Any]:
        """The keyword arguments of the call, without those that are NumPy's defaults."""
        axes: Axes = node.attrs["axis"]
        options: dict[str, Any] = {}
        if axes != tuple(range(node.args[0].ndim)):
            options["axis"] = axes[0] if len(axes) == 1 else axes
        if node.attrs["keepdims"]:
            options["keepdims"] = True
        return options

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.method(args[0], self.name, out=True, **self.options(node))

    def latex(self, node: Expr, *args: str) -> str:
        axes = node.attrs["axis"]
        everything = len(axes) == node.args[0].ndim
        letters = "" if everything else f"_{{{indices(axes)}}}"
        return f"{self.symbol}{letters} {delimited(args[0])}"

    def flops(self, node: Expr) -> int:
        n = count(node.args[0].shape, node.attrs["axis"])
        return n if isinstance(n, int) else 64


def reduction(op: str, x: Any, axis: Any, keepdims: bool, dtype: Any = None, **attrs: Any) -> Expr:
    """The node of a reduction, from what a user passed."""
    x = as_expr(x)
    if dtype is not None:
        x = astype(x, dtype)
    axes = reduced_axes(axis, x.ndim, op)
    return make(OPS[op], (x,), {"axis": axes, "keepdims": bool(keepdims), **attrs})


def _with_initial(op: str, combine: str, x: Any, initial: Any, *options: Any) -> Expr:
    """A reduction that begins with `initial`: of nothing, it is that."""
    if initial is None:
        return reduction(op, x, *options)
    x = as_expr(x)
    axes = reduced_axes(options[0], x.ndim, op)
    if builtins.any([isinstance(x.shape[a], int) and x.shape[a] == 0 for a in axes]):
        zero = reduction("sum", x, *options)  # of nothing: it has the shape and the dtype
        return full(zero.shape, initial, zero.dtype if op in ("sum", "prod") else x.dtype)
    found = reduction(op, x, *options)
    return FUNCTIONS[combine](found, as_literal(initial, found.dtype))  # type: ignore[no-any-return]


def _examples(name: str, reference: Callable[..., Any], **kwargs: Any) -> tuple[Example, ...]:
    """One example for each form that the arguments of a reduction take."""

    def example(shape: tuple[int, ...], axis: Any, keepdims: bool) -> Example:
        return Example(
            lambda x: FUNCTIONS[name](x, axis=axis, keepdims=keepdims),
            lambda x: reference(x, axis=axis, keepdims=keepdims),
            (shape,),
            **kwargs,
        )

    return (
        example((3, 4), None, False),
        example((3, 4), None, True),
        example((3, 4), 0, False),
        example((3, 4), -1, True),
        example((2, 3, 4), (0, -1), False),
        example((2, 3, 4), (2, 1), True),
        example((3, 1), 1, False),
        example((3, 4), (), False),
        example((), None, False),
    )


def _empty(name: str, reference: Callable[..., Any]) -> tuple[Example, ...]:
    return (
        Example(lambda x: FUNCTIONS[name](x, axis=1), lambda x: reference(x, axis=1), ((3, 0),)),
    )


# ---- sums and products


@register
class Sum(Reduction):
    """The sum of the elements along axes."""

    name = "sum"
    symbol = r"\sum"
    examples = _examples("sum", np.sum) + _empty("sum", np.sum)

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return accumulator(dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (spread(ct, node),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else make(self, (t,), node.attrs)


@function
def sum(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, initial: Any = None
) -> Expr:
    """Sum of the elements along `axis`, or of all of them; integers and booleans give int64.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.sum(x, axis=1).shape, sg.sum(x, axis=0, keepdims=True).shape
    ((Dim('B'),), (1, 3))
    """
    return _with_initial("sum", "add", a, initial, axis, keepdims, dtype)


@register
class Prod(Reduction):
    """The product of the elements along axes."""

    name = "prod"
    symbol = r"\prod"
    examples = _examples("prod", np.prod) + _empty("prod", np.prod)

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return accumulator(dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (keep(ct, node) * _product_of_others(node),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        if t is None:
            return None
        return make(OPS["sum"], (t * _product_of_others(node),), node.attrs)


def _product_of_others(node: Expr) -> Expr:
    """For each element, the product of all others that are reduced with it.

    That before it times that after it, so that zeros are exact: nothing is divided.
    """
    (x,), axes = node.args, node.attrs["axis"]
    if not axes:
        return ones(x.shape, x.dtype)
    if len(axes) == 1:
        return _others_along(x, axes[0])
    others = tuple([a for a in range(x.ndim) if a not in axes])
    moved = transpose(x, others + axes)
    rows = reshape(moved, (*moved.shape[: len(others)], count(x.shape, axes)))
    out = reshape(_others_along(rows, len(others)), moved.shape)
    return transpose(out, inverse_permutation(others + axes))


def _others_along(x: Expr, axis: int) -> Expr:
    before = exclusive_cumprod(x, axis)
    after = reverse(exclusive_cumprod(reverse(x, axis), axis), axis)
    return before * after


@function
def prod(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, initial: Any = None
) -> Expr:
    """Product of the elements along `axis`, or of all; its gradient is exact where some are 0.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.prod(x, axis=1).shape
    (Dim('B'),)
    """
    return _with_initial("prod", "multiply", a, initial, axis, keepdims, dtype)


# ---- extrema


class Extremum(Reduction):
    """Maximum or minimum; elements that tie share the derivative."""

    def aval(self, x: Aval, *, axis: Axes, keepdims: bool, **attrs: Any) -> Aval:
        out = super().aval(x, axis=axis, keepdims=keepdims)
        require_elements(x, axis, out.shape)
        return out

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
    return chosen, astype(chosen.sum(axis=axes, keepdims=True), x.dtype)


def require_elements(x: Aval, axes: Axes, result: tuple[Size, ...]) -> None:
    """Like NumPy: an empty axis has no extremum, unless nothing is asked for."""
    empty = [a for a in axes if isinstance(x.shape[a], int) and x.shape[a] == 0]
    if empty and not builtins.any([isinstance(s, int) and s == 0 for s in result]):
        raise ShapeError(
            f"axis {empty[0]} of {format_shape(x.shape)} is empty and has no extremum; "
            "expected at least one element"
        )


_DISTINCT: dict[str, Any] = {"domain": ((-2.0, 2.0),)}


@register
class Max(Extremum):
    """The largest of the elements along axes."""

    name = "max"
    symbol = r"\max"
    examples = _examples("max", np.max, **_DISTINCT)


@function
def max(a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None) -> Expr:
    """Largest element along `axis`, or of all; k elements that tie get 1/k of the gradient each.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.max(x, axis=0, keepdims=True).shape
    (1, 3)
    """
    return _with_initial("max", "maximum", a, initial, axis, keepdims)


@register
class Min(Extremum):
    """The smallest of the elements along axes."""

    name = "min"
    symbol = r"\min"
    examples = _examples("min", np.min, **_DISTINCT)


@function
def min(a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None) -> Expr:
    """Smallest element along `axis`, or of all; k that tie get 1/k of the gradient each.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.min(x).shape
    ()
    """
    return _with_initial("min", "minimum", a, initial, axis, keepdims)


FUNCTIONS["amax"], FUNCTIONS["amin"] = max, min


# ---- logic


class Logical(Reduction):
    """A reduction of truth values."""

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return np.dtype(np.bool_)


_BOOLEAN: dict[str, Any] = {"dtypes": ("bool",), "smooth": False}


@register
class Any_(Logical):
    """Whether any element along axes is true."""

    name = "any"
    symbol = r"\bigvee"
    examples = _examples("any", np.any, **_BOOLEAN)


@function
def any(a: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Whether any element along `axis` is true (is not 0); False for an empty one.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.any(x > 0, axis=1).dtype
    dtype('bool')
    """
    return reduction("any", a, axis, keepdims)


@register
class All(Logical):
    """Whether all elements along axes are true."""

    name = "all"
    symbol = r"\bigwedge"
    examples = _examples("all", np.all, **_BOOLEAN)


@function
def all(a: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Whether all elements along `axis` are true (are not 0); True for an empty one.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.all(x > 0, axis=1).shape
    (Dim('B'),)
    """
    return reduction("all", a, axis, keepdims)
