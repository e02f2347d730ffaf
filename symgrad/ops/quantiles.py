"""Median, quantiles and percentiles; also of the numbers that are not NaN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad.errors import DeclarationError, DTypeError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.dtypes import is_float
from symgrad.ir.node import Expr, as_expr, as_exprs, literal, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, public, register
from symgrad.ir.size import Size
from symgrad.ops.axes import Axes, count, reduced_axes
from symgrad.ops.broadcasting import broadcast_shapes, sum_to
from symgrad.ops.cast import astype
from symgrad.ops.comparison import equal, isnan, logical_not
from symgrad.ops.counting_kernels import order_statistics
from symgrad.ops.creation import full
from symgrad.ops.examples import like_numpy
from symgrad.ops.interpret import known_value
from symgrad.ops.join import concatenate
from symgrad.ops.reduce import sum as total
from symgrad.ops.rounding import ceil, floor, rint
from symgrad.ops.selection import maximum, minimum, where
from symgrad.ops.shape import expand_dims, moveaxis, reshape, transpose

__all__ = ["median", "nanmedian", "nanpercentile", "nanquantile", "percentile", "quantile"]


# ---- the k-th smallest


@register
class OrderStatistics(Op):
    """Of the last axis, the elements that sorting would put at given places.

    The places, counted from 0, are the second argument: one axis of them for all rows, or one
    more axis for each row. A row with NaN is NaN, unless NaN is `missing`: then it is sorted
    last. Elements that tie share the derivative: that is the subgradient of least norm.
    """

    name = "order_statistics"
    expensive = True
    examples = (
        Example(
            lambda x: _places(x, literal([2, 0]), False),
            lambda x: np.sort(x)[:, [2, 0]],
            ((3, 4),),
        ),
        Example(
            lambda x, k: _places(x, k, True),
            lambda x, k: np.take_along_axis(np.sort(x, axis=-1), k, axis=-1),
            ((2, 3, 4), (2, 3, 2)),
            dtypes=("float64", "int64"),
            domain=((-2.0, 2.0), (0.0, 3.0)),
        ),
        Example(
            lambda x, k: _places(x, k, False),
            lambda x, k: np.take_along_axis(np.sort(x, axis=-1), k, axis=-1),
            ((3, 4), (3, 1)),
            dtypes=("float64", "int64"),
            domain=((-2.0, 2.0), (0.0, 3.0)),
        ),
    )

    def aval(self, *args: Aval, missing: bool) -> Aval:
        x, k = args
        lead = x.shape[:-1] if len(k.shape) == 1 else broadcast_shapes(x.shape[:-1], k.shape[:-1])
        return Aval((*lead, k.shape[-1]), x.dtype)

    def _shares(self, node: Expr) -> tuple[Expr, Expr, Expr]:
        """Elements by places, which of them are at each, and how many those are."""
        x = expand_dims(node.args[0], node.args[0].ndim - 1)
        chosen = equal(x, expand_dims(node, node.ndim))
        ties = astype(total(chosen, axis=-1, keepdims=True), node.dtype)
        return x, chosen, ties

    def _share(self, node: Expr, value: Expr, chosen: Expr) -> Expr:
        """What those at a place get; where a row is NaN, so is that."""
        if node.attrs["missing"]:
            return where(chosen, value, literal(0, node.dtype))
        return value * astype(chosen, node.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        _, chosen, ties = self._shares(node)
        shares = self._share(node, expand_dims(ct, ct.ndim) / ties, chosen)
        return (sum_to(total(shares, axis=-2), node.args[0].shape), None)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        if tangents[0] is None:
            return None
        _, chosen, ties = self._shares(node)
        t = expand_dims(tangents[0], tangents[0].ndim - 1)
        return total(self._share(node, t / ties, chosen), axis=-1)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        x, k = args
        if batched[1]:
            own = node.args[1].ndim
            rank = node.args[0].ndim
            if own == 1:
                k = expand_dims(k, tuple(range(1, rank)))
            if not batched[0]:
                x = expand_dims(x, 0)
        elif k.ndim > 1:
            k = expand_dims(k, 0)
        return make(self, (x, k), node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        options = {"missing": True} if node.attrs["missing"] else {}
        return Code.call(self.name, *args, **options)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (order_statistics,)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{sort}}\left({args[0]}\right)_{{{args[1]}}}"

    def flops(self, node: Expr) -> int:
        return 30


def _places(x: Expr, k: Expr, missing: bool) -> Expr:
    return make(OPS["order_statistics"], (x, k), {"missing": missing})


# ---- where a quantile lies


class Place(NamedTuple):
    """Between which places of the sorted elements a quantile lies, and how far from the lower."""

    low: Expr
    high: Expr
    #: None for methods that take an element as it is
    share: Expr | None


def _continuous(alpha: float, beta: float) -> Callable[[Any, Expr], Expr]:
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


#: method -> the place of a quantile among n elements, of which the fraction interpolates
_INTERPOLATED: dict[str, Callable[[Any, Expr], Expr]] = {
    "linear": lambda n, q: (n - 1) * q,
    "interpolated_inverted_cdf": _continuous(0, 1),
    "hazen": _continuous(0.5, 0.5),
    "weibull": _continuous(0, 0),
    "median_unbiased": _continuous(1 / 3, 1 / 3),
    "normal_unbiased": _continuous(3 / 8, 3 / 8),
    "averaged_inverted_cdf": lambda n, q: n * q - 1,
    "midpoint": lambda n, q: (n - 1) * q,
}


def _nearest_odd(n: Any, q: Expr) -> Expr:
    """The nearest place; of two as near, the odd one, which counted from 1 is even."""
    place = n * q - 1.5
    below = floor(place)
    stays = equal(place, below) & equal(below % 2, 1)
    return where(stays, below, below + 1)


#: method -> the place of a quantile among n elements, an integer
_DISCRETE: dict[str, Callable[[Any, Expr], Expr]] = {
    "lower": lambda n, q: floor((n - 1) * q),
    "higher": lambda n, q: ceil((n - 1) * q),
    "nearest": lambda n, q: rint((n - 1) * q),
    "inverted_cdf": lambda n, q: ceil(n * q - 1),
    "closest_observation": _nearest_odd,
}


def _place(method: str, n: Any, q: Expr) -> Place:
    top = maximum(n - 1, 0)

    def on_axis(place: Expr) -> Expr:
        return astype(minimum(maximum(place, 0), top), np.int64)

    if method in _DISCRETE:
        at = on_axis(_DISCRETE[method](n, q))
        return Place(at, at, None)
    place = _INTERPOLATED[method](n, q)
    below = floor(place)
    share = place - below
    if method == "averaged_inverted_cdf":
        share = where(share > 0, 1.0, 0.5)
    elif method == "midpoint":
        share = where(share > 0, 0.5, 0.0)
    # an exact place has no neighbour, whose infinity would make it NaN
    above = where(share > 0, below + 1, below)
    return Place(on_axis(below), on_axis(above), share)


# ---- quantiles


def _rows(x: Expr, axes: Axes) -> Expr:
    """The axes made one, which is last."""
    others = tuple([i for i in range(x.ndim) if i not in axes])
    if others + axes != tuple(range(x.ndim)):
        x = transpose(x, others + axes)
    if len(axes) == 1:
        return x
    return reshape(x, (*x.shape[: len(others)], count(x.shape, tuple(range(len(others), x.ndim)))))


def _fractions(q: Any, scale: float, x: Expr) -> tuple[Expr, np.dtype[Any]]:
    """The fractions in float64, and the dtype of what is interpolated with them."""
    _, given = as_exprs((x, q))
    if given.dtype.kind not in "fiu":
        raise DTypeError(f"quantiles must be numbers; got {given.dtype}")
    dtype = np.result_type(x.dtype, given.dtype)
    known = known_value(given)
    if isinstance(q, (int, float)):  # not as rounded to the dtype of the array
        given = literal(np.float64(q))
    fractions = astype(given, np.float64)
    if known is not None and not ((known >= 0) & (known <= scale)).all():
        what = "quantiles must be in [0, 1]" if scale == 1 else "percentiles must be in [0, 100]"
        raise DeclarationError(f"{what}; got {known}")
    if scale != 1:
        fractions = fractions / scale
    return fractions, dtype if dtype.kind == "f" else np.dtype(np.float64)


def _quantile(
    a: Any,
    q: Any,
    axis: Any,
    method: str,
    keepdims: bool,
    weights: Any,
    scale: float,
    gaps: bool,
    of_nothing: bool = True,
) -> Expr:
    if method not in _DISCRETE and method not in _INTERPOLATED:
        raise DeclarationError(
            f"quantile: method must be one of {', '.join(sorted(_DISCRETE | _INTERPOLATED))}; "
            f"got {method!r}"
        )
    if weights is not None:
        raise DeclarationError("quantile: weights are not available")
    x = as_expr(a)
    if not is_float(x.dtype) and method in _INTERPOLATED:
        x = astype(x, np.float64)
    fractions, dtype = _fractions(q, scale, x)
    axes = reduced_axes(axis, x.ndim, "quantile")
    rows = _rows(x, axes)
    flat = reshape(fractions, (-1,)) if fractions.ndim != 1 else fractions
    size = rows.shape[-1]
    if isinstance(size, int) and size == 0:
        if not of_nothing:
            raise DeclarationError("quantile: the axis is empty, and nothing has no quantile")
        found = full((*rows.shape[:-1], flat.shape[0]), np.nan, dtype)
    else:
        found = _along_last(rows, flat, method, gaps and is_float(x.dtype), dtype)
    lead = found.shape[:-1]
    if keepdims:
        lead = tuple([1 if i in axes else s for i, s in enumerate(x.shape)])
    if not fractions.ndim:
        return reshape(found, lead)
    front = moveaxis(found, -1, 0)
    return reshape(front, (*fractions.shape, *lead))


def _along_last(rows: Expr, q: Expr, method: str, gaps: bool, dtype: np.dtype[Any]) -> Expr:
    """Quantiles along the last axis; the fractions are the last axis of the result."""
    if gaps:
        present = total(logical_not(isnan(rows)), axis=-1, keepdims=True)
        n: Any = astype(present, np.float64)
    else:
        n = _number(rows.shape[-1])
    low, high, share = _place(method, n, q)
    if share is None:
        return _places(rows, low, gaps)
    low_value, high_value = _pair(rows, low, high, gaps)
    if low_value is high_value:
        return astype(low_value, dtype)
    part = _simplified(astype(share, dtype))
    known = known_value(part)
    if known is None or not np.all(known == 0.5):
        mixed = low_value * _simplified(1 - part) + high_value * part
        # weights that add up to 1 but for their rounding would move what is equal
        return where(equal(low_value, high_value), low_value, mixed)
    return low_value * part + high_value * part


def _number(size: Size) -> Any:
    return float(size) if isinstance(size, int) else astype(as_expr(size), np.float64)


def _simplified(x: Expr) -> Expr:
    """A constant as a literal."""
    known = known_value(x)
    return x if known is None else literal(known)


def _pair(rows: Expr, low: Expr, high: Expr, gaps: bool) -> tuple[Expr, Expr]:
    """The elements at two lists of places, found together."""
    first, second = known_value(low), known_value(high)
    if first is None or second is None:
        k = concatenate([low, high], axis=-1)
        both = _places(rows, k, gaps)
        number = low.shape[-1]
        return both[..., :number], both[..., number:]
    if np.array_equal(first, second):
        found = _places(rows, literal(first), gaps)
        return found, found
    places, index = np.unique(np.concatenate([first, second]), return_inverse=True)
    both = _places(rows, literal(places), gaps)
    return tuple(  # type: ignore[return-value]
        both[..., _slice(part)] for part in (index[: len(first)], index[len(first) :])
    )


def _slice(index: np.ndarray[Any, Any]) -> Any:
    """One place is taken by a slice, which is a view."""
    return slice(int(index[0]), int(index[0]) + 1) if len(index) == 1 else index


_METHODS = (*_INTERPOLATED, *_DISCRETE)


def _examples(name: str, scale: float) -> tuple[Example, ...]:
    return (
        like_numpy(name, ((5,),), 0.3 * scale),
        like_numpy(name, ((3, 4),), 0.5 * scale, axis=1),
        like_numpy(name, ((3, 4),), [0.1 * scale, 1.0 * scale], axis=0, keepdims=True),
        like_numpy(name, ((2, 3, 4),), [[0.2 * scale], [0.9 * scale]], axis=(0, 2)),
        *(like_numpy(name, ((2, 7),), 0.35 * scale, axis=1, method=m) for m in _METHODS),
        like_numpy(
            name, ((6,),), 0.4 * scale, method="lower", dtypes=("int64",), domain=((0.0, 9.0),)
        ),
        like_numpy(name, ((6,),), 0.4 * scale, dtypes=("int64",), domain=((0.0, 9.0),)),
    )


@public(examples=_examples("quantile", 1.0))
def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Any = None,
) -> Expr:
    """Quantiles along `axis`, or of all elements.

    Parameters
    ----------
    a : array_like
    q : array_like
        Fractions in [0, 1]; their axes come first in the result. They may be expressions, and
        have gradients where the method interpolates.
    axis : int, tuple of int or None
    method : str
        Any of NumPy's: ``"linear"``, ``"lower"``, ``"higher"``, ``"midpoint"``, ``"nearest"``,
        ``"median_unbiased"``, ...
    keepdims : bool

    Notes
    -----
    A quantile is one element or lies between two; elements that tie with one share its part of
    the gradient, which is the subgradient of least norm. A row with NaN is NaN.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (5,))
    >>> sg.function([x], sg.quantile(x, [0.0, 0.5, 0.9]))([1.0, 2.0, 3.0, 4.0, 5.0])
    array([1. , 3. , 4.6])
    """
    return _quantile(a, q, axis, method, keepdims, weights, 1, False, False)


@public(examples=_examples("percentile", 100.0)[:5])
def percentile(
    a: Any,
    q: Any,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Any = None,
) -> Expr:
    """Quantiles of fractions in percent, 0 to 100; see :func:`quantile`."""
    return _quantile(a, q, axis, method, keepdims, weights, 100, False, False)


@public(
    examples=(
        like_numpy("median", ((5,),)),
        like_numpy("median", ((6,),)),
        like_numpy("median", ((3, 4),), axis=0),
        like_numpy("median", ((3, 4),), axis=1, keepdims=True),
        like_numpy("median", ((2, 3, 4),), axis=(0, 2)),
        like_numpy("median", ((6,),), dtypes=("int64",), domain=((0.0, 9.0),)),
    )
)
def median(a: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """The middle element of each row, or the mean of the two in the middle.

    Notes
    -----
    Elements that tie with one in the middle share its part of the gradient. A row with NaN is
    NaN.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (4,))
    >>> sg.function([x], sg.grad(sg.median(x), x))([1.0, 9.0, 2.0, 3.0])
    array([0. , 0. , 0.5, 0.5])
    """
    return _quantile(a, 0.5, axis, "linear", keepdims, None, 1, False)


def _gappy(name: str, shape: tuple[int, ...], *args: Any, **options: Any) -> tuple[Example, ...]:
    """Examples on arrays in which the numbers from 1 to 2 are missing, once by themselves."""

    def reference(x: Any) -> Any:
        if not x.size and args:
            raise ValueError("here NumPy drops the axes of the fractions")
        return getattr(np, name)(x, *args, **options)

    return (
        Example(
            lambda x: FUNCTIONS[name](where(x > 1, np.nan, x), *args, **options),
            lambda x: reference(np.where(x > 1, np.nan, x)),
            (shape,),
            away=(1.0,),
        ),
        Example(lambda x: FUNCTIONS[name](x, *args, **options), reference, (shape,)),
    )


@public(
    examples=(
        *_gappy("nanquantile", (7,), 0.4),
        *_gappy("nanquantile", (3, 5), [0.25, 0.8], axis=1),
        *_gappy("nanquantile", (2, 3, 4), 0.3, axis=(0, 2), keepdims=True),
        *_gappy("nanquantile", (2, 7), 0.35, axis=1, method="hazen"),
        *_gappy("nanquantile", (2, 7), 0.35, axis=1, method="closest_observation"),
    )
)
def nanquantile(
    a: Any,
    q: Any,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Any = None,
) -> Expr:
    """Quantiles of the elements that are not NaN; NaN, if there are none.

    The arguments and the gradient are those of :func:`quantile`; that of NaN is 0.
    """
    return _quantile(a, q, axis, method, keepdims, weights, 1, True)


@public(examples=_gappy("nanpercentile", (3, 5), [25.0, 80.0], axis=1))
def nanpercentile(
    a: Any,
    q: Any,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Any = None,
) -> Expr:
    """Percentiles of the elements that are not NaN; see :func:`nanquantile`."""
    return _quantile(a, q, axis, method, keepdims, weights, 100, True)


@public(examples=_gappy("nanmedian", (3, 5)) + _gappy("nanmedian", (3, 4), axis=1))
def nanmedian(a: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """The median of the elements that are not NaN; NaN, if there are none."""
    return _quantile(a, 0.5, axis, "linear", keepdims, None, 1, True)
