"""Reductions: ops that take away axes (sum, prod, any, all), and what all of them share."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.lifted import Lifted
from symgrad.ir.node import Expr, as_expr, literal, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, register
from symgrad.ops.axes import Axes, accumulator, count, delimited, indices, reduced_axes
from symgrad.ops.broadcasting import broadcast_shapes
from symgrad.ops.cast import astype
from symgrad.ops.creation import as_literal, ones
from symgrad.ops.cumulative import exclusive_cumprod, reverse
from symgrad.ops.selection import where as choose
from symgrad.ops.shape import (
    broadcast_to,
    expand_dims,
    inverse_permutation,
    reshape,
    transpose,
)
from symgrad.ops.sum_kernels import sum_along

__all__ = [
    "Reduction",
    "Summing",
    "keep",
    "masked_examples",
    "only",
    "reduction",
    "reduction_examples",
    "spread",
]


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
    #: whether a number has an axis 0, as in NumPy for what is a ufunc's ``reduce``
    of_numbers: ClassVar[bool] = True

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


class Summing(Reduction):
    """A reduction that adds: in float32, along axes that NumPy adds row by row, by a kernel."""

    #: what adds in runs of rows
    kernel: ClassVar[Callable[..., Any]]

    def _in_runs(self, node: Expr) -> bool:
        (x,), axes = node.args, node.attrs["axis"]
        if x.dtype != np.float32 or not axes:
            return False
        last = tuple(range(x.ndim - len(axes), x.ndim))
        if axes == last and x.op.name not in ("transpose", "getitem"):
            return False  # contiguous: NumPy's sums are pairwise
        rows = count(x.shape, axes)
        return not isinstance(rows, int) or rows > 128

    def numpy(self, node: Expr, *args: Code) -> Code:
        (x,), axes = node.args, node.attrs["axis"]
        whole = self.name == "sum" and len(axes) == x.ndim and not node.attrs["keepdims"]
        if whole and x.dtype.kind == "b" and x.ndim:  # several times faster than to add them
            return Code.call("np.int64", Code.call("np.count_nonzero", args[0]))
        if self._in_runs(node):
            name = type(self).kernel.__name__
            return Code.call(name, args[0], out=True, **self.options(node))
        return super().numpy(node, *args)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (type(self).kernel,)

    def prelude_of(self, node: Expr) -> tuple[Callable[..., Any], ...]:
        return self.prelude() if self._in_runs(node) else ()


def reduction(op: str, x: Any, axis: Any, keepdims: bool, dtype: Any = None, **attrs: Any) -> Expr:
    """The node of a reduction, from what a user passed."""
    x = as_expr(x)
    if dtype is not None:
        x = astype(x, dtype)
    made = OPS[op]
    if not x.ndim and axis in (0, -1) and isinstance(made, Reduction) and made.of_numbers:
        axis = ()
    axes = reduced_axes(axis, x.ndim, op)
    return make(made, (x,), {"axis": axes, "keepdims": bool(keepdims), **attrs})


def only(a: Any, where: Any, fill: Any) -> Expr:
    """The elements that take part, by a mask that broadcasts to `a`; `fill` for the others.

    They are selected, so that no NaN or infinity of the others reaches value or gradient.
    """
    x: Expr = as_expr(a)
    if where is True or where is None:
        return x
    mask = as_expr(where)
    if mask.dtype.kind != "b":
        raise DTypeError(f"where must be a mask of booleans; got {mask.dtype}")
    common = broadcast_shapes(mask.shape, x.shape)
    if len(common) > x.ndim or builtins.any(
        [have == 1 != got for have, got in zip(x.shape, common, strict=True)]
    ):
        raise ShapeError(
            f"the mask `where` of shape {format_shape(mask.shape)} does not broadcast to "
            f"{format_shape(x.shape)}"
        )
    return choose(mask, x, literal(fill, x.dtype))


def reduction_examples(
    name: str, reference: Callable[..., Any], **kwargs: Any
) -> tuple[Example, ...]:
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


def masked_examples(name: str, initial: float) -> tuple[Example, ...]:
    """Examples with a mask of the elements that take part, and an initial value."""
    reference = getattr(np, name)

    def example(shapes: tuple[tuple[int, ...], ...], **options: Any) -> Example:
        return Example(
            lambda x, m: FUNCTIONS[name](x, where=m, initial=initial, **options),
            lambda x, m: reference(x, where=m, initial=initial, **options),
            shapes,
            dtypes=("float64", "bool"),
        )

    return (
        example(((3, 4), (3, 4))),
        example(((3, 4), (4,)), axis=1),
        example(((2, 3, 4), (3, 1)), axis=(0, 2), keepdims=True),
    )


# ---- sums and products


@register
class Sum(Summing):
    """The sum of the elements along axes."""

    name = "sum"
    kernel = sum_along
    takes_complex = True
    symbol = r"\sum"
    examples = (
        reduction_examples("sum", np.sum) + _empty("sum", np.sum) + masked_examples("sum", 1.5)
    )

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return accumulator(dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (spread(ct, node),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else make(self, (t,), node.attrs)


@function
def sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Expr:
    """Sum of the elements along `axis`, or of all of them; integers and booleans give int64.

    Parameters
    ----------
    a : array_like
    axis : int, tuple of int or None
    dtype : dtype, optional
        In which to add.
    keepdims : bool
    initial : array_like, optional
        What the sum begins with.
    where : array_like of bool
        Which elements take part; whatever the others hold has no part in value or gradient.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.sum(x, axis=1).shape, sg.sum(x, axis=0, keepdims=True).shape
    ((Dim('B'),), (1, 3))
    """
    if isinstance(a, Lifted):
        options = {"dtype": dtype, "initial": initial, "where": where}
        return a.reduce("sum", axis, keepdims, **options)  # type: ignore[no-any-return]
    total = reduction("sum", only(a, where, 0), axis, keepdims, dtype)
    return total if initial is None else total + as_literal(initial, total.dtype)


@register
class Prod(Reduction):
    """The product of the elements along axes."""

    name = "prod"
    takes_complex = True
    symbol = r"\prod"
    examples = (
        reduction_examples("prod", np.prod) + _empty("prod", np.prod) + masked_examples("prod", 1.5)
    )

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
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Expr:
    """Product of the elements along `axis`, or of all; its gradient is exact where some are 0.

    `initial` and `where` as for :func:`sum`.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.prod(x, axis=1).shape
    (Dim('B'),)
    """
    if isinstance(a, Lifted):
        options = {"dtype": dtype, "initial": initial, "where": where}
        return a.reduce("prod", axis, keepdims, **options)  # type: ignore[no-any-return]
    total = reduction("prod", only(a, where, 1), axis, keepdims, dtype)
    return total if initial is None else total * as_literal(initial, total.dtype)


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
    examples = reduction_examples("any", np.any, **_BOOLEAN)


@function
def any(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Expr:
    """Whether any element along `axis` is true (is not 0); False for an empty one.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.any(x > 0, axis=1).dtype
    dtype('bool')
    """
    if isinstance(a, Lifted):
        return a.reduce("any", axis, keepdims, where=where)  # type: ignore[no-any-return]
    return reduction("any", only(a, where, False), axis, keepdims)


@register
class All(Logical):
    """Whether all elements along axes are true."""

    name = "all"
    symbol = r"\bigwedge"
    examples = reduction_examples("all", np.all, **_BOOLEAN)


@function
def all(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Expr:
    """Whether all elements along `axis` are true (are not 0); True for an empty one.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.all(x > 0, axis=1).shape
    (Dim('B'),)
    """
    if isinstance(a, Lifted):
        return a.reduce("all", axis, keepdims, where=where)  # type: ignore[no-any-return]
    return reduction("all", only(a, where, True), axis, keepdims)
