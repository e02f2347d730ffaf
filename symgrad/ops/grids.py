"""Coordinates: grids, open meshes, and numbers spaced evenly on a logarithmic scale."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.node import LITERAL, Expr, as_expr, as_exprs, literal
from symgrad.ir.op import FUNCTIONS, Example, public
from symgrad.ir.size import as_shape
from symgrad.ops.cast import astype
from symgrad.ops.creation import arange
from symgrad.ops.examples import like_numpy
from symgrad.ops.join import stack
from symgrad.ops.linspace import fractions_along
from symgrad.ops.shape import broadcast_to, expand_dims, moveaxis, normalize_axis, reshape

__all__ = ["geomspace", "indices", "ix_", "logspace", "meshgrid"]


def _grid(**kwargs: Any) -> Example:
    """All coordinates multiplied: each must be in its place."""
    return Example(
        lambda x, y, z: _product(meshgrid(x, y, z, **kwargs)),
        lambda x, y, z: _product(np.meshgrid(x, y, z, **kwargs)),
        ((2,), (3,), (4,)),
    )


def _product(parts: Any) -> Any:
    x, y, z = parts
    return (x + 1.0) * (y * y) * z


@public(
    examples=(
        _grid(),
        _grid(indexing="ij"),
        _grid(sparse=True),
        _grid(indexing="ij", sparse=True),
        Example(lambda x: FUNCTIONS["meshgrid"](x)[0], lambda x: np.meshgrid(x)[0], ((3,),)),
    )
)
def meshgrid(
    *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Expr, ...]:
    """Coordinates at every point of a grid, from those along its axes.

    Parameters
    ----------
    *xi : array_like
        Vectors, or scalars.
    copy : bool
        Of no consequence: expressions are immutable.
    sparse : bool
        Sizes of 1 that broadcast, rather than whole grids.
    indexing : {"xy", "ij"}
        Whether the first coordinate runs along axis 1 or 0 of the result.

    Examples
    --------
    >>> import symgrad as sg
    >>> x, y = sg.meshgrid(sg.input("x", ("W",)), sg.input("y", ("H",)))
    >>> x.shape
    (Dim('H'), Dim('W'))
    """
    if indexing not in ("xy", "ij"):
        raise DeclarationError(f"meshgrid: indexing is 'xy' or 'ij'; got {indexing!r}")
    vectors = [reshape(x, (-1,)) if x.ndim != 1 else x for x in map(as_expr, xi)]
    n = len(vectors)
    axes = list(range(n))
    if indexing == "xy" and n > 1:
        axes[:2] = [1, 0]
    out = [
        expand_dims(x, tuple([i for i in range(n) if i != axis])) if n > 1 else x
        for x, axis in zip(vectors, axes, strict=True)
    ]
    if sparse:
        return tuple(out)
    shape = tuple([vectors[axes.index(i)].shape[0] for i in range(n)])
    return tuple([broadcast_to(x, shape) for x in out])


@public(
    examples=(
        Example(
            lambda x: FUNCTIONS["indices"](x.shape, x.dtype) * x,
            lambda x: np.indices(x.shape, x.dtype) * x,
            ((2, 3),),
        ),
        Example(
            lambda x: FUNCTIONS["indices"](x.shape, x.dtype, sparse=True)[1] * x,
            lambda x: np.indices(x.shape, x.dtype, sparse=True)[1] * x,
            ((2, 3),),
        ),
    )
)
def indices(dimensions: Any, dtype: Any = int, sparse: bool = False) -> Any:
    """The positions along each axis at every point of a grid of this shape.

    Returns
    -------
    Expr, or a tuple of Expr if `sparse`
        One grid for each axis, stacked; sparse ones are open and broadcast.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.indices(("H", "W")).shape
    (2, Dim('H'), Dim('W'))
    """
    shape = as_shape(dimensions)
    n = len(shape)
    open_ = tuple([
        expand_dims(arange(size, dtype=dtype), tuple([i for i in range(n) if i != axis]))
        for axis, size in enumerate(shape)
    ])  # fmt: skip
    return open_ if sparse else stack([broadcast_to(x, shape) for x in open_])


@public(
    examples=(
        Example(
            lambda x: x[FUNCTIONS["ix_"]([0, 2], [1, 1, 3])],
            lambda x: x[np.ix_([0, 2], [1, 1, 3])],
            ((3, 4),),
        ),
        Example(
            lambda x, i, j: x[FUNCTIONS["ix_"](i, j)],
            lambda x, i, j: x[np.ix_(i, j)],
            ((3, 4), (5,), (2,)),
            domain=((-2.0, 2.0), (0, 3), (0, 3)),
            dtypes=("float64", "int64", "int64"),
        ),
    )
)
def ix_(*args: Any) -> tuple[Expr, ...]:
    """An open mesh of positions: an index of all combinations.

    A constant mask stands for the positions where it is true.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.input("x", (3, 4))[sg.ix_([0, 2], [1, 3])].shape
    (2, 2)
    """
    out = []
    for axis, arg in enumerate(args):
        x = as_expr(arg)
        if x.ndim != 1:
            raise ShapeError(f"ix_: expected vectors; got {format_shape(x.shape)}")
        if x.dtype.kind == "b":
            if x.op is not LITERAL:
                raise DeclarationError("ix_: a mask must be constant")
            x = literal(np.flatnonzero(x.attrs["value"].array))
        out.append(expand_dims(x, tuple([i for i in range(len(args)) if i != axis])))
    return tuple(out)


# ---------------------------------------------------------------- logarithmic scales


def _finished(out: Expr, dtype: Any, axis: int) -> Expr:
    along = normalize_axis(operator.index(axis), out.ndim, "axis")
    out = moveaxis(out, 0, along)
    return out if dtype is None else astype(out, dtype)


@public(
    examples=(
        like_numpy("logspace", ((), ()), 5),
        like_numpy("logspace", ((), ()), 4, endpoint=False, base=2.0),
        like_numpy("logspace", ((3,), (3,)), 4, axis=-1),
    )
)
def logspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Expr:
    """Powers of a base whose exponents are evenly spaced.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.function([], sg.logspace(0.0, 2.0, 3))()
    array([  1.,  10., 100.])
    """
    first, last = as_exprs((start, stop))
    t = fractions_along([first, last], num, endpoint)
    exponents = first * (1 - t) + last * t
    return _finished(FUNCTIONS["power"](base, exponents), dtype, axis)


_POSITIVE: dict[str, Any] = {"domain": ((0.5, 2.0), (3.0, 8.0))}


@public(
    examples=(
        like_numpy("geomspace", ((), ()), 5, **_POSITIVE),
        like_numpy("geomspace", ((), ()), 4, endpoint=False, domain=((-2.0, -0.5), (-9.0, -3.0))),
        like_numpy("geomspace", ((3,), (3,)), 4, axis=1, **_POSITIVE),
    )
)
def geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Expr:
    """Numbers in a geometric progression from one to another of the same sign.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.function([], sg.geomspace(1.0, 16.0, 5))()
    array([ 1.,  2.,  4.,  8., 16.])
    """
    first, last = as_exprs((start, stop))
    t = fractions_along([first, last], num, endpoint)
    power, size, sign = FUNCTIONS["power"], FUNCTIONS["absolute"], FUNCTIONS["sign"]
    out = sign(first) * power(size(first), 1 - t) * power(size(last), t)
    return _finished(out, dtype, axis)
