"""Mean, variance and standard deviation: reductions with derivatives and source of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.code import Code
from symgrad.ir.dtypes import is_complex, real_dtype
from symgrad.ir.lifted import Lifted
from symgrad.ir.node import Expr, as_expr, as_exprs
from symgrad.ir.op import FUNCTIONS, Example, function, register
from symgrad.ir.size import Dim, Size
from symgrad.ops import axis_kernels
from symgrad.ops.arithmetic import divide
from symgrad.ops.axes import Axes, as_floating, count, delimited, indices, reduced_axes
from symgrad.ops.cast import astype
from symgrad.ops.comparison import equal
from symgrad.ops.complex import abs2
from symgrad.ops.elementwise import floating
from symgrad.ops.exponential import sqrt
from symgrad.ops.reduce import Summing, keep, only, reduction, spread
from symgrad.ops.selection import maximum
from symgrad.ops.selection import where as choose
from symgrad.ops.shape import broadcast_to, squeeze
from symgrad.ops.sum_kernels import mean_along, std_along, var_along

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


def _masked(name: str, **options: Any) -> tuple[Example, ...]:
    """Examples with a mask of the elements that take part, of which each row has two."""
    reference = getattr(np, name)
    mask = np.array([[True, False, True, False], [False, True, True, True], [True] * 4])
    return (
        Example(
            lambda x: FUNCTIONS[name](x, axis=1, where=mask, **options),
            lambda x: reference(x, axis=1, where=mask, **options),
            ((3, 4),),
        ),
        Example(
            lambda x: FUNCTIONS[name](x, axis=(0, 2), keepdims=True, where=mask, **options),
            lambda x: reference(x, axis=(0, 2), keepdims=True, where=mask, **options),
            ((2, 3, 4),),
        ),
    )


def _about_a_mean(name: str) -> Example:
    reference = getattr(np, name)
    return Example(
        lambda x, m: FUNCTIONS[name](x, axis=1, mean=m, correction=1),
        lambda x, m: reference(x, axis=1, mean=m, correction=1),
        ((3, 4), (3, 1)),
    )


class Average(Summing):
    """A reduction to floating numbers."""

    of_numbers = False

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return floating(dtype)


@register
class Mean(Average):
    """The arithmetic mean of the elements along axes."""

    name = "mean"
    kernel = mean_along
    takes_complex = True
    symbol = r"\operatorname*{mean}"
    examples = (
        *_examples("mean"),
        Example(lambda x: mean(x, axis=1), lambda x: x.mean(axis=1), ((3, 1),)),
        Example(lambda x: mean(x, axis=0), lambda x: x.mean(axis=0), ((3, 0),)),
        *_masked("mean"),
    )

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (spread(ct / _elements(node), node),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else reduction("mean", t, **node.attrs)


def _elements(node: Expr) -> Size:
    return count(node.args[0].shape, node.attrs["axis"])


@function
def mean(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, where: Any = True
) -> Expr:
    """Arithmetic mean along `axis`, or of all elements; that of integers is float64.

    `where` is a mask of the elements that take part, as for :func:`sum`; the mean of none is NaN.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3), dtype="float32")
    >>> sg.mean(x, axis=1).dtype
    dtype('float32')
    """
    if isinstance(a, Lifted):
        return a.reduce("mean", axis, keepdims, dtype=dtype, where=where)  # type: ignore[no-any-return]
    if where is True or where is None:
        return reduction("mean", a, axis, keepdims, dtype)
    x = as_floating(a) if dtype is None else astype(as_expr(a), dtype)
    axes = reduced_axes(axis, x.ndim, "mean")
    return _masked_mean(x, where, axes, keepdims)


def _masked_mean(x: Expr, mask: Any, axes: Axes, keepdims: bool) -> Expr:
    total = reduction("sum", only(x, mask, 0), axes, keepdims)
    return total / _number(x, mask, axes, keepdims)


def _number(x: Expr, mask: Any, axes: Axes, keepdims: bool) -> Expr:
    """How many elements along the axes take part."""
    every = broadcast_to(as_expr(mask), only(x, mask, 0).shape)
    return astype(reduction("sum", every, axes, keepdims), x.dtype)


class Spread(Average):
    """Variance or standard deviation, attribute `ddof`: both from the centred values."""

    def options(self, node: Expr) -> dict[str, Any]:
        options = super().options(node)
        if node.attrs["ddof"]:
            options["ddof"] = node.attrs["ddof"]
        return options

    def numpy(self, node: Expr, *args: Code) -> Code:
        if self._in_runs(node):
            return super().numpy(node, *args)
        return Code.call(self.name, args[0], **self.options(node))

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return getattr(axis_kernels, self.name), type(self).kernel

    def prelude_of(self, node: Expr) -> tuple[Callable[..., Any], ...]:
        whole, in_runs = self.prelude()
        return (in_runs if self._in_runs(node) else whole,)

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
    """The mean of the squared deviations from the mean, which is corrected for its rounding."""

    name = "var"
    kernel = var_along
    examples = (
        *_examples("var"),
        *_examples("var", ddof=1),
        *_masked("var", ddof=0.5),
        _about_a_mean("var"),
    )

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        slope = _over_freedom(keep(ct, node) * 2, node)
        return (slope * _recentred(node),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        if t is None:
            return None
        return _over_freedom(_total(_recentred(node) * t, node) * 2, node)


@register
class Std(Spread):
    """The square root of the variance."""

    name = "std"
    kernel = std_along
    examples = (
        *_examples("std"),
        *_examples("std", ddof=1),
        *_masked("std", ddof=0.5),
        _about_a_mean("std"),
    )

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        # the quotient first: it is of the size of 1, whatever that of the deviation
        unit = _recentred(node) / keep(_nonzero(node), node)
        return (keep(_over_freedom(ct, node), node) * unit,)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        if t is None:
            return None
        return _over_freedom(_total(_recentred(node) * t, node) / _nonzero(node), node)


def _nonzero(y: Expr) -> Expr:
    """A divisor that is 1 where y is 0."""
    return choose(equal(y, 0), 1, y)


def _recentred(node: Expr) -> Expr:
    """Deviations from the mean, without what is left where the mean was rounded.

    The mean of large numbers that hardly differ is rounded by as much as they differ. That of
    equal numbers may not be equal to them: their deviation is then as large as its own standard
    deviation, and the quotient not 0 but 1. The mean of the deviations is what rounding took.
    """
    centred = _centred(node)
    return centred - _mean(centred, node)


def _ddof(ddof: Any, correction: Any) -> int | float:
    if correction is not None:
        if ddof:
            raise DeclarationError("ddof and correction are the same: give one of them")
        ddof = correction
    if isinstance(ddof, (int, float, np.integer, np.floating)) and np.isfinite(ddof):
        return int(ddof) if ddof == int(ddof) else float(ddof)
    raise DeclarationError(f"ddof must be a number; got {type(ddof).__name__} {ddof!r}")


def _spread(
    op: str, a: Any, axis: Any, dtype: Any, keepdims: bool, ddof: int | float, where: Any, mean: Any
) -> Expr:
    """The variance or standard deviation of the elements in a mask, or about a given mean."""
    if isinstance(a, Lifted):
        options = {"dtype": dtype, "where": where, "ddof": ddof, "mean": mean}
        return a.reduce(op, axis, keepdims, **options)  # type: ignore[no-any-return]
    spectral = is_complex(as_expr(a).dtype)
    if (where is True or where is None) and mean is None and not spectral:
        return reduction(op, a, axis, keepdims, dtype, ddof=ddof)
    x = as_floating(a) if dtype is None else astype(as_expr(a), dtype)
    axes = reduced_axes(axis, x.ndim, op)
    masked = not (where is True or where is None)
    n: Any = _number(x, where, axes, True) if masked else count(x.shape, axes)

    def centre(values: Expr) -> Expr:
        middle = reduction("sum", values, axes, True) / n
        return only(values - middle, where, 0)

    if mean is None:
        centred = centre(only(x, where, 0))
        if op == "std":
            centred = centre(centred)  # as `_recentred`
    else:
        centred = only(x - as_exprs((x, mean))[1], where, 0)
    freedom = maximum(astype(as_expr(n - ddof), real_dtype(x.dtype)), 0)
    if masked and not keepdims:
        freedom = squeeze(freedom, axes)
    if op == "var":
        return reduction("sum", abs2(centred), axes, keepdims) / freedom
    # the norm has gradient 0 at 0, where the root of a sum of squares has none
    size = abs(centred) if spectral else centred
    return reduction("euclidean_norm", size, axes, keepdims) / sqrt(freedom)


@function
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = None,
    correction: float | None = None,
) -> Expr:
    """Variance along `axis`, or of all elements: sum of squared deviations / (n - ddof).

    That of complex numbers is real: of their distances from the mean.

    Parameters
    ----------
    a : array_like
    axis : int, tuple of int or None
    dtype : dtype, optional
    ddof : float
        What is taken off the number of elements; `correction` is another name for it.
    keepdims : bool
    where : array_like of bool
        Which elements take part.
    mean : array_like, optional
        The mean, if it is known, with the reduced axes at size 1.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.var(x, axis=0, ddof=1).shape
    (3,)
    """
    return _spread("var", a, axis, dtype, keepdims, _ddof(ddof, correction), where, mean)


@function
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = None,
    correction: float | None = None,
) -> Expr:
    """Standard deviation along `axis`, or of all; the gradient of a constant's is 0.

    The arguments are those of :func:`var`.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.std(x, axis=1, keepdims=True).shape
    (Dim('B'), 1)
    """
    return _spread("std", a, axis, dtype, keepdims, _ddof(ddof, correction), where, mean)
