"""Values that are missing: NaN replaced, and statistics of the numbers that are not NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.ir.code import Code
from symgrad.ir.dtypes import extreme, is_float
from symgrad.ir.lifted import Lifted
from symgrad.ir.node import Expr, as_expr, as_exprs
from symgrad.ir.op import FUNCTIONS, Example, public, register
from symgrad.ops import extrema, reduce, statistics
from symgrad.ops.comparison import equal, isnan, logical_not
from symgrad.ops.cumulative import cumprod, cumsum
from symgrad.ops.position import Position, position
from symgrad.ops.reduce import only
from symgrad.ops.selection import where as choose

__all__ = [
    "nan_to_num",
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
    "present",
]


def _gappy(name: str, *shapes: tuple[int, ...], **options: Any) -> tuple[Example, ...]:
    """Examples on arrays in which the numbers from 1 to 2 are missing, once by themselves."""
    reference = getattr(np, name)

    def holes(x: Any, module: Any) -> Any:
        return module.where(x > 1.0, np.nan, x)

    return tuple(
        Example(
            lambda x, f=f: FUNCTIONS[name](f(x, _SYMBOLIC), **options),
            lambda x, f=f: reference(f(x, np), **options),
            (shape,),
            away=(1.0,),
        )
        for shape in shapes
        for f in (holes, lambda x, module: x)
    )


class _Symbolic:
    where = staticmethod(choose)


_SYMBOLIC = _Symbolic()


def present(a: Any, where: Any = True) -> tuple[Expr, Any]:
    """An array, and the mask of its elements that are numbers and not masked out."""
    x = as_expr(a)
    if not is_float(x.dtype):
        return x, where
    mask = logical_not(isnan(x))
    return x, mask if where is True or where is None else mask & as_expr(where)


# ---- replaced


@public(
    examples=(
        *_gappy("nan_to_num", (3, 4)),
        *_gappy("nan_to_num", (3, 4), nan=0.5, posinf=2.0, neginf=-2.0),
        Example(
            lambda x, y: FUNCTIONS["nan_to_num"](x / y, posinf=7.0),
            lambda x, y: np.nan_to_num(x / y, posinf=7.0),
            ((5, 4), (5, 4)),
            dtypes=("int64", "int64"),
            domain=((-1.0, 2.0), (-1.0, 2.0)),
            smooth=False,
        ),
    )
)
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Expr:
    """NaN and infinities replaced by numbers: 0, and the largest and the least of the dtype.

    Notes
    -----
    The gradient of what is replaced is exactly 0, also of what it was made of.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> f = sg.function([x], sg.grad(sg.nan_to_num(sg.sqrt(x)).sum(), x))
    >>> f([4.0, -1.0, float("inf")])
    array([0.25, 0.  , 0.  ])
    """
    if isinstance(x, Lifted):
        fill = {"nan": nan, "posinf": posinf, "neginf": neginf}
        return x.apply(lambda value: nan_to_num(value, **fill), (x,))  # type: ignore[no-any-return]
    values = as_expr(x)
    if not is_float(values.dtype):
        return values
    limits = np.finfo(values.dtype)
    posinf = float(limits.max) if posinf is None else posinf
    neginf = float(limits.min) if neginf is None else neginf
    _, missing, high, low = as_exprs((values, nan, posinf, neginf))
    finite = choose(equal(values, -np.inf), low, values)
    return choose(isnan(values), missing, choose(equal(values, np.inf), high, finite))


# ---- sums and products


@public(examples=_gappy("nansum", (3, 4)) + _gappy("nansum", (3, 4), axis=1, initial=2.0))
def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Expr:
    """Sum of the elements that are not NaN; the others have gradient 0."""
    x, mask = present(a, where)
    return reduce.sum(x, axis, dtype, keepdims=keepdims, initial=initial, where=mask)


@public(examples=_gappy("nanprod", (3, 4)) + _gappy("nanprod", (3, 4), axis=0, keepdims=True))
def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Expr:
    """Product of the elements that are not NaN; the others have gradient 0."""
    x, mask = present(a, where)
    return reduce.prod(x, axis, dtype, keepdims=keepdims, initial=initial, where=mask)


def _filled(a: Any, value: float) -> Expr:
    x, mask = present(a)
    return only(x, mask, value)


@public(examples=_gappy("nancumsum", (3, 4), (5,)) + _gappy("nancumsum", (3, 4), axis=1))
def nancumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Expr:
    """Running sum in which NaN counts as 0."""
    return cumsum(_filled(a, 0), axis, dtype)


@public(examples=_gappy("nancumprod", (3, 4), (5,)) + _gappy("nancumprod", (3, 4), axis=1))
def nancumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Expr:
    """Running product in which NaN counts as 1."""
    return cumprod(_filled(a, 1), axis, dtype)


# ---- means


@public(examples=_gappy("nanmean", (3, 4)) + _gappy("nanmean", (3, 4), axis=0, keepdims=True))
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, where: Any = True
) -> Expr:
    """Mean of the elements that are not NaN; NaN, if there are none."""
    x, mask = present(a, where)
    return statistics.mean(x, axis, dtype, keepdims=keepdims, where=mask)


@public(examples=_gappy("nanvar", (3, 4)) + _gappy("nanvar", (3, 4), axis=1, ddof=0.5))
def nanvar(
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
    """Variance of the elements that are not NaN; NaN, if there are no more than `ddof`."""
    x, mask = present(a, where)
    options: dict[str, Any] = {"ddof": ddof, "mean": mean, "correction": correction}
    return _with_freedom(statistics.var, x, axis, dtype, keepdims, mask, options)


@public(examples=_gappy("nanstd", (3, 4)) + _gappy("nanstd", (3, 4), axis=1, ddof=0.5))
def nanstd(
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
    """Standard deviation of the elements that are not NaN; NaN, if there are no more than `ddof`.

    Notes
    -----
    The gradient of that of equal numbers is 0, as for :func:`std`.
    """
    x, mask = present(a, where)
    options: dict[str, Any] = {"ddof": ddof, "mean": mean, "correction": correction}
    return _with_freedom(statistics.std, x, axis, dtype, keepdims, mask, options)


def _with_freedom(
    fn: Callable[..., Expr],
    x: Expr,
    axis: Any,
    dtype: Any,
    keepdims: bool,
    mask: Any,
    options: dict[str, Any],
) -> Expr:
    """Unlike NumPy's ``var``, its ``nanvar`` is NaN, not infinite, without degrees of freedom."""
    found = fn(x, axis, dtype, keepdims=keepdims, where=mask, **options)
    if mask is True or mask is None:
        return found
    number = reduce.sum(mask, axis, keepdims=keepdims)
    taken_off = options["correction"] if options["correction"] is not None else options["ddof"]
    return choose(number.astype(found.dtype) > taken_off, found, np.nan)


# ---- extrema


def _extremum(op: str, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any) -> Expr:
    x, mask = present(a, where)
    fn = extrema.max if op == "max" else extrema.min
    if not is_float(x.dtype) or initial is not None:
        return fn(x, axis, keepdims=keepdims, initial=initial, where=mask)
    found = reduce.reduction(op, only(x, mask, extreme(x.dtype, op == "max")), axis, keepdims)
    some = reduce.any(mask, axis, keepdims=keepdims)
    return choose(some, found, np.nan)


@public(examples=_gappy("nanmax", (3, 4)) + _gappy("nanmax", (3, 4), axis=1, keepdims=True))
def nanmax(
    a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Expr:
    """Largest of the elements that are not NaN; NaN, if there are none. Ties share the slope."""
    return _extremum("max", a, axis, keepdims, initial, where)


@public(examples=_gappy("nanmin", (3, 4)) + _gappy("nanmin", (3, 4), axis=1, keepdims=True))
def nanmin(
    a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Expr:
    """Smallest of the elements that are not NaN; NaN, if there are none. Ties share the slope."""
    return _extremum("min", a, axis, keepdims, initial, where)


class NumberPosition(Position):
    """The first index of an extremum of what is not NaN; an error of the call, if all is."""

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call(f"np.{self.name}", args[0], out=True, **self.options(node))


@register
class NanArgMax(NumberPosition):
    """The first index of the largest element along an axis that is not NaN."""

    name = "nanargmax"
    examples = tuple(
        Example(e.build, e.reference, e.shapes, away=e.away, smooth=False)
        for e in _gappy("nanargmax", (3, 4), (5,)) + _gappy("nanargmax", (3, 4), keepdims=True)
    )


@register
class NanArgMin(NumberPosition):
    """The first index of the smallest element along an axis that is not NaN."""

    name = "nanargmin"
    examples = tuple(
        Example(e.build, e.reference, e.shapes, away=e.away, smooth=False)
        for e in _gappy("nanargmin", (3, 4), (5,)) + _gappy("nanargmin", (3, 4), keepdims=True)
    )


@public()
def nanargmax(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Expr:
    """First index of the largest element that is not NaN; a call with none is an error."""
    return position("nanargmax" if is_float(as_expr(a).dtype) else "argmax", a, axis, keepdims)


@public()
def nanargmin(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Expr:
    """First index of the smallest element that is not NaN; a call with none is an error."""
    return position("nanargmin" if is_float(as_expr(a).dtype) else "argmin", a, axis, keepdims)
