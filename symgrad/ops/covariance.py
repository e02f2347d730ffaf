"""Weighted averages, ranges, covariance and correlation."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.node import Expr, as_expr
from symgrad.ir.op import FUNCTIONS, Example, public
from symgrad.ops import extrema, reduce, statistics
from symgrad.ops.arithmetic import multiply
from symgrad.ops.axes import count, reduced_axes
from symgrad.ops.cast import astype
from symgrad.ops.creation import full, zeros
from symgrad.ops.examples import like_numpy
from symgrad.ops.interpret import known_value
from symgrad.ops.join import concatenate
from symgrad.ops.products import matmul
from symgrad.ops.selection import clip, maximum
from symgrad.ops.shape import broadcast_to, expand_dims, reshape, squeeze, transpose

__all__ = ["average", "corrcoef", "cov", "ptp"]


@public(
    examples=(
        like_numpy("ptp", ((3, 4),)),
        like_numpy("ptp", ((3, 4),), axis=0),
        like_numpy("ptp", ((2, 3, 4),), axis=(0, 2), keepdims=True),
    )
)
def ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """The largest element less the smallest: "peak to peak"."""
    x = as_expr(a)
    high = extrema.max(x, axis, keepdims=keepdims)
    return FUNCTIONS["subtract"](high, extrema.min(x, axis, keepdims=keepdims))  # type: ignore[no-any-return]


# ---- average


def _weights_like(x: Expr, weights: Expr, axis: Any) -> Expr:
    """Weights in the shape of what they weigh: of all its elements, or along axes."""
    if weights.shape == x.shape:
        return weights
    if axis is None:
        raise ShapeError(
            f"weights of shape {format_shape(weights.shape)} for {format_shape(x.shape)}: "
            "say along which axis they are"
        )
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    axes = tuple([a % x.ndim for a in given if reduced_axes(a, x.ndim, "average")])
    if weights.ndim != len(axes):
        raise ShapeError(
            f"weights of shape {format_shape(weights.shape)} along {len(axes)} axes: expected as "
            "many axes"
        )
    weights = transpose(weights, tuple(np.argsort(axes).tolist()))
    others = tuple([i for i in range(x.ndim) if i not in axes])
    spread = expand_dims(weights, others) if others else weights
    return broadcast_to(spread, x.shape)


@public(
    examples=(
        like_numpy("average", ((3, 4),)),
        like_numpy("average", ((3, 4),), axis=1, keepdims=True),
        *(
            Example(
                lambda x, w, axis=axis: FUNCTIONS["average"](x, axis, w),
                lambda x, w, axis=axis: np.average(x, axis, w),
                (shape, weights),
                domain=((-2.0, 2.0), (0.5, 2.0)),
            )
            for shape, weights, axis in (
                ((3, 4), (3, 4), None),
                ((3, 4), (3, 4), 0),
                ((3, 4), (4,), 1),
                ((3, 4), (3,), 0),
                ((2, 3, 4), (4, 2), (2, 0)),
            )
        ),
        Example(
            lambda x, w: FUNCTIONS["multiply"](*FUNCTIONS["average"](x, 0, w, returned=True)),
            lambda x, w: np.multiply(*np.average(x, 0, w, returned=True)),
            ((3, 4), (3,)),
            domain=((-2.0, 2.0), (0.5, 2.0)),
        ),
    )
)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """Mean with weights, which may have the shape of `a` or only that of `axis`.

    Parameters
    ----------
    a : array_like
    axis : int, tuple of int or None
    weights : array_like, optional
        The mean is the plain one without them. Where they add up to 0, it is NaN or infinite.
    returned : bool
        Whether to give the sum of the weights as well.
    keepdims : bool

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.average(x, axis=1, weights=[1.0, 2.0, 1.0]).shape
    (Dim('B'),)
    """
    x = as_expr(a)
    if weights is None:
        mean = statistics.mean(x, axis, keepdims=keepdims)
        total = as_expr(count(x.shape, reduced_axes(axis, x.ndim, "average")))
        total = astype(total, mean.dtype)
    else:
        w = _weights_like(x, as_expr(weights), axis)
        both = np.result_type(x.dtype, w.dtype)
        dtype = both if both.kind == "f" else np.dtype(np.float64)
        x, w = astype(x, dtype), astype(w, dtype)
        total = reduce.sum(w, axis, keepdims=keepdims)
        mean = reduce.sum(multiply(x, w), axis, keepdims=keepdims) / total
    if not returned:
        return mean
    return mean, total if total.shape == mean.shape else broadcast_to(total, mean.shape)


# ---- covariance


def _variables(m: Any, y: Any, rowvar: bool, dtype: Any) -> Expr:
    """Each variable a row, each observation a column."""
    parts = [as_expr(m)] + ([] if y is None else [as_expr(y)])
    for part in parts:
        if part.ndim > 2:
            raise ShapeError(f"variables of shape {format_shape(part.shape)}: at most two axes")
    common = np.result_type(np.float64, *[p.dtype for p in parts]) if dtype is None else dtype
    rows = []
    for i, part in enumerate(parts):
        part = astype(part, common)
        flat = part.ndim < 2
        if flat:
            part = reshape(part, (1, -1)) if part.ndim else reshape(part, (1, 1))
        first_is_one = isinstance(part.shape[0], int) and part.shape[0] == 1
        if not rowvar and not (flat if i == 0 else first_is_one):
            part = transpose(part)
        rows.append(part)
    # as in NumPy, without any variable in `m` there is none
    return rows[0] if len(rows) == 1 or rows[0].shape[0] == 0 else concatenate(rows)


def _observation_weights(given: Any, rows: Expr, name: str) -> Expr:
    w = as_expr(given)
    if name == "fweights" and w.dtype.kind == "f":
        known = known_value(w)
        if known is None or (known != np.around(known)).any():
            raise DTypeError("fweights must be integers: how often each observation is counted")
    if w.ndim != 1:
        raise ShapeError(f"{name} of shape {format_shape(w.shape)}: expected one axis")
    return astype(w, rows.dtype)


def _examples(name: str) -> tuple[Example, ...]:
    return (
        like_numpy(name, ((3, 5),)),
        like_numpy(name, ((5, 3),), rowvar=False),
        like_numpy(name, ((6,),)),
        like_numpy(name, ((6,), (6,))),
        like_numpy(name, ((2, 5), (5,))),
        like_numpy(name, ((5, 2), (5, 2)), rowvar=False),
    )


@public(
    examples=(
        *_examples("cov"),
        like_numpy("cov", ((3, 5),), bias=True),
        like_numpy("cov", ((3, 5),), ddof=2),
        *(
            Example(
                lambda x, w, o=o: FUNCTIONS["cov"](x, aweights=w, **o),
                lambda x, w, o=o: np.cov(x, aweights=w, **o),
                ((3, 4), (4,)),
                domain=((-2.0, 2.0), (0.5, 2.0)),
            )
            for o in ({}, {"ddof": 0})
        ),
        Example(
            lambda x, f, w: FUNCTIONS["cov"](x, fweights=f, aweights=w),
            lambda x, f, w: np.cov(x, fweights=f, aweights=w),
            ((3, 4), (4,), (4,)),
            domain=((-2.0, 2.0), (1.0, 4.0), (0.5, 2.0)),
            dtypes=("float64", "int64", "float64"),
        ),
        Example(
            lambda x, f: FUNCTIONS["cov"](x, fweights=f),
            lambda x, f: np.cov(x, fweights=f),
            ((3, 4), (4,)),
            domain=((-2.0, 2.0), (1.0, 4.0)),
            dtypes=("float64", "int64"),
        ),
    )
)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Expr:
    """Covariance matrix of variables, of deviations from their means; float64 unless told.

    Parameters
    ----------
    m : array_like
        Variables in rows, observations in columns; the other way, if not `rowvar`.
    y : array_like, optional
        More variables.
    rowvar : bool
    bias : bool
        Whether to divide by n, rather than by n - 1.
    ddof : int, optional
        What is taken off n.
    fweights : array_like of int, optional
        How often each observation is counted.
    aweights : array_like, optional
        The weight of each observation; they have gradients.
    dtype : dtype, optional

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.cov(sg.input("x", ("B", 3)), rowvar=False).shape
    (3, 3)
    """
    if ddof is not None and ddof != int(ddof):
        raise DeclarationError(f"cov: ddof must be an integer; got {ddof}")
    off = int(not bias) if ddof is None else int(ddof)
    rows = _variables(m, y, rowvar, dtype)
    if rows.shape[0] == 0:
        return zeros((0, 0), rows.dtype)
    given = [
        _observation_weights(w, rows, name)
        for w, name in ((fweights, "fweights"), (aweights, "aweights"))
        if w is not None
    ]
    if not given:
        size = as_expr(rows.shape[1])
        freedom = astype(size, rows.dtype) - off
        centred = weighted = rows - statistics.mean(rows, 1, keepdims=True)
    else:
        w = given[0] if len(given) == 1 else given[0] * given[1]
        total = reduce.sum(w)
        centred = rows - reduce.sum(rows * w, 1, keepdims=True) / total
        weighted = centred * w
        if off and aweights is not None:
            freedom = total - off * reduce.sum(w * given[-1]) / total
        else:
            freedom = total - off
    found = matmul(weighted, transpose(centred)) / maximum(freedom, 0)
    return _without_ones(found)


def _without_ones(x: Expr) -> Expr:
    """Axes of size 1 are taken away: the covariance of one variable is a number."""
    axes = tuple([i for i, size in enumerate(x.shape) if isinstance(size, int) and size == 1])
    return squeeze(x, axes) if axes else x


@public(examples=_examples("corrcoef"))
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Expr:
    """Correlation matrix of variables: that of constants is NaN.

    The deviations of each variable are divided by their norm, so that neither large means nor
    tiny deviations lose digits.

    Parameters
    ----------
    x : array_like
        Variables in rows, observations in columns; the other way, if not `rowvar`.
    y : array_like, optional
        More variables.
    rowvar : bool
    dtype : dtype, optional

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.corrcoef(sg.input("x", (2, "N"))).shape
    (2, 2)
    """
    rows = _variables(x, y, rowvar, dtype)
    if rows.shape[0] == 0:
        return zeros((0, 0), rows.dtype)
    if rows.shape[1] == 0:
        return _without_ones(full((rows.shape[0],) * 2, np.nan, rows.dtype))
    centred = rows - statistics.mean(rows, 1, keepdims=True)
    # what is left of the mean's rounding goes too
    centred = centred - statistics.mean(centred, 1, keepdims=True)
    unit = centred / reduce.reduction("euclidean_norm", centred, 1, True)
    return _without_ones(clip(matmul(unit, transpose(unit)), -1, 1))
