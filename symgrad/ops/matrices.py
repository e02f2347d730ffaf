"""What ops on matrices share: stacks of them, their checks, their diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.checks import require_equal
from symgrad.ir.node import Expr, as_expr
from symgrad.ir.size import Size
from symgrad.ops.axes import as_floating
from symgrad.ops.broadcasting import broadcast_shapes
from symgrad.ops.creation import arange, eye
from symgrad.ops.shape import expand_dims, matrix_transpose
from symgrad.ops.triangles import tril, triu

__all__ = [
    "as_matrix",
    "broadcast_stacks",
    "column",
    "diagonal_matrix",
    "diagonal_of",
    "floats",
    "folded",
    "identity_like",
    "one_triangle",
    "require_precision",
    "row",
    "square_size",
    "symmetric_part",
]

Shape = tuple[Size, ...]


def as_matrix(x: Any, op: str) -> Expr:
    """A stack of matrices of float32 or float64; integers become float64.

    Raises
    ------
    ShapeError, DTypeError
    """
    made = floats(x, op)
    if made.ndim < 2:
        raise ShapeError(
            f"{op}: expected a matrix, or a stack of matrices; got shape {format_shape(made.shape)}"
        )
    return made


def floats(x: Any, op: str) -> Expr:
    """An array of float32 or float64; integers become float64."""
    made = as_expr(x)
    if made.dtype.kind in "biu":
        made = as_floating(made)
    require_precision(made.dtype, op)
    return made


def require_precision(dtype: np.dtype[Any], op: str) -> None:
    """Refuse what LAPACK does not compute in."""
    if dtype.kind != "f" or dtype.itemsize < 4:
        raise DTypeError(f"{op}: expected float32 or float64; got {dtype}")


def square_size(x: Aval) -> Size:
    """The size of square matrices: an error, or a check at entry, if they may not be square."""
    rows, columns = x.shape[-2:]
    require_equal(rows, columns, f"{format_shape(x.shape)} should be square: its last two axes")
    # the static size says more
    return columns if isinstance(columns, int) else rows


def broadcast_stacks(*shapes: Shape) -> Shape:
    """The common leading axes of stacks of matrices."""
    return broadcast_shapes(*[shape[:-2] for shape in shapes])


def row(x: Expr) -> Expr:
    """Vectors as rows: x[..., None, :]."""
    return expand_dims(x, (x.ndim - 1,))


def column(x: Expr) -> Expr:
    """Vectors as columns: x[..., None]."""
    return expand_dims(x, (x.ndim,))


def identity_like(x: Expr) -> Expr:
    """The identity matrix of the size of square matrices."""
    return eye(x.shape[-1], dtype=x.dtype)


def diagonal_of(x: Expr) -> Expr:
    """The diagonals of square matrices."""
    i = arange(x.shape[-1])
    made: Expr = x[(..., i, i)]
    return made


def diagonal_matrix(x: Expr) -> Expr:
    """Vectors as diagonal matrices."""
    return row(x) * identity_like(x)


def symmetric_part(x: Expr) -> Expr:
    """(x + x^T) / 2."""
    return (x + matrix_transpose(x)) / 2


def one_triangle(x: Expr, lower: bool) -> Expr:
    """The symmetric matrix of which one triangle of `x` is read."""
    return (
        tril(x) + matrix_transpose(tril(x, -1)) if lower else triu(x) + matrix_transpose(triu(x, 1))
    )


def folded(ct: Expr, lower: bool) -> Expr:
    """The cotangent of the triangle that is read, from that of the symmetric matrix."""
    other = matrix_transpose(ct)
    return tril(ct) + tril(other, -1) if lower else triu(ct) + triu(other, 1)
