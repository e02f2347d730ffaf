"""Mean, variance and standard deviation: reductions with derivatives and source of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.node import Expr
from symgrad.ir.op import FUNCTIONS, Example, function, register
from symgrad.ir.size import Dim, Size
from symgrad.ops.arithmetic import divide
from symgrad.ops.axes import count, delimited, indices
from symgrad.ops.cast import astype
from symgrad.ops.comparison import equal
from symgrad.ops.elementwise import floating
from symgrad.ops.reduce import Reduction, keep, reduction, spread
from symgrad.ops.selection import where

__all__ = ["mean", "std", "var"]


def _examples(name: str, **kwargs: Any) -> tuple[Example, ...]:
    reference = getattr(np, name)

    def example(shape: tuple[int, ...], **options: Any) -> Example:
        return Example(
            lambda x: FUNCTIONS[name](x, **options, **kwargs),
            lambda x: reference(x, **options, **kwargs),
            (shape,),
        )

    return (
        example((3, 4)),
        example((3, 4), keepdims=True),
        example((3, 4), axis=0),
        example((3, 4), axis=-1, keepdims=True),
        example((2, 3, 4), axis=(0, -1)),
    )


class Average(Reduction):
    """A reduction to floating numbers."""

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return floating(dtype)


@register
class Mean(Average):
    """The arithmetic mean of the elements along axes."""

    name = "mean"
    symbol = r"\operatorname*{mean}"
    examples = (
        *_examples("mean"),
        Example(lambda x: mean(x, axis=1), lambda x: x.mean(axis=1), ((3, 1),)),
        Example(lambda x: mean(x, axis=0), lambda x: x.mean(axis=0), ((3, 0),)),
    )

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (spread(ct / _elements(node), node),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else reduction("mean", t, **node.attrs)


def _elements(node: Expr) -> Size:
    return count(node.args[0].shape, node.attrs["axis"])


@function
def mean(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False) -> Expr:
    """Arithmetic mean along `axis`, or of all elements; that of integers is float64.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3), dtype="float32")
    >>> sg.mean(x, axis=1).dtype
    dtype('float32')
    """
    return reduction("mean", a, axis, keepdims, dtype)


class Spread(Average):
    """Variance or standard deviation, attribute `ddof`: both from the centred values."""

    def options(self, node: Expr) -> dict[str, Any]:
        options = super().options(node)
        if node.attrs["ddof"]:
            options["ddof"] = node.attrs["ddof"]
        return options

    def latex(self, node: Expr, *args: str) -> str:
        axes = node.attrs["axis"]
        letters = "" if len(axes) == node.args[0].ndim else f"_{{{indices(axes)}}}"
        return rf"\operatorname{{{self.name}}}{letters} {delimited(args[0])}"


def _mean(x: Expr, node: Expr) -> Expr:
    return reduction("mean", x, node.attrs["axis"], True)


def _centred(node: Expr) -> Expr:
    return node.args[0] - _mean(node.args[0], node)


def _over_freedom(x: Expr, node: Expr) -> Expr:
    """x / (n - ddof); like NumPy, nothing is negative there."""
    n, ddof = _elements(node), node.attrs["ddof"]
    freedom: Any = n - ddof if isinstance(n, Dim) else max(n - ddof, 0)
    if isinstance(freedom, Expr):  # a symbolic size less a fraction
        freedom = astype(freedom, x.dtype)
    return divide(x, freedom)


def _total(x: Expr, node: Expr) -> Expr:
    return reduction("sum", x, node.attrs["axis"], node.attrs["keepdims"])


@register
class Var(Spread):
    """The mean of the squared deviations from the mean, in two passes."""

    name = "var"
    examples = (*_examples("var"), *_examples("var", ddof=1))

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        slope = _over_freedom(keep(ct, node) * 2, node)
        return (slope * _centred(node),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        if t is None:
            return None
        return _over_freedom(_total(_centred(node) * t, node) * 2, node)


@register
class Std(Spread):
    """The square root of the variance."""

    name = "std"
    examples = (*_examples("std"), *_examples("std", ddof=1))

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        slope = _over_freedom(ct / _nonzero(node), node)
        return (keep(slope, node) * _recentred(node),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        if t is None:
            return None
        return _over_freedom(_total(_recentred(node) * t, node) / _nonzero(node), node)


def _nonzero(y: Expr) -> Expr:
    """A divisor that is 1 where y is 0."""
    return where(equal(y, 0), 1, y)


def _recentred(node: Expr) -> Expr:
    """Deviations from the mean, without what is left where the mean was rounded.

    The mean of equal numbers may differ from them in its last place. Their deviation is then as
    large as its own standard deviation, and the quotient not 0 but 1; the mean of deviations
    that are equal is exact.
    """
    centred = _centred(node)
    return centred - _mean(centred, node)


def _ddof(ddof: Any) -> int | float:
    if isinstance(ddof, (int, float, np.integer, np.floating)) and np.isfinite(ddof):
        return int(ddof) if ddof == int(ddof) else float(ddof)
    raise DeclarationError(f"ddof must be a number; got {type(ddof).__name__} {ddof!r}")


@function
def var(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: float = 0, keepdims: bool = False
) -> Expr:
    """Variance along `axis`, or of all elements: sum of squared deviations / (n - ddof).

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.var(x, axis=0, ddof=1).shape
    (3,)
    """
    return reduction("var", a, axis, keepdims, dtype, ddof=_ddof(ddof))


@function
def std(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: float = 0, keepdims: bool = False
) -> Expr:
    """Standard deviation along `axis`, or of all; the gradient of a constant's is 0.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.std(x, axis=1, keepdims=True).shape
    (Dim('B'), 1)
    """
    return reduction("std", a, axis, keepdims, dtype, ddof=_ddof(ddof))
