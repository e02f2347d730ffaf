"""What ops along axes share: the axes themselves, their sizes, their letters in equations."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from symgrad.ir.dtypes import is_inexact
from symgrad.ir.node import Expr, as_expr
from symgrad.ir.size import Size, product
from symgrad.ops.cast import astype
from symgrad.ops.shape import normalize_axes

__all__ = ["Axes", "accumulator", "as_floating", "count", "delimited", "indices", "reduced_axes"]

#: sorted, counted from the front
Axes = tuple[int, ...]


def reduced_axes(axis: Any, ndim: int, op: str) -> Axes:
    """The canonical form of an `axis` argument; None stands for all axes.

    Raises
    ------
    DeclarationError
        For an axis that is no integer, out of range, or given twice.
    """
    if axis is None:
        return tuple(range(ndim))
    return tuple(sorted(normalize_axes(axis, ndim, f"{op}: axis")))


def count(shape: tuple[Size, ...], axes: Axes) -> Size:
    """How many elements stand along axes together."""
    return product([shape[a] for a in axes])


def accumulator(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which NumPy adds and multiplies: integers at least of the machine's size."""
    if is_inexact(dtype):
        return dtype
    return np.promote_types(dtype, np.uint64 if dtype.kind == "u" else np.int64)


def as_floating(x: Any) -> Expr:
    """An expression of floats; integers and booleans become float64."""
    x = as_expr(x)
    return x if is_inexact(x.dtype) else astype(x, np.float64)


def indices(axes: Axes) -> str:
    """The letters of axes in an equation: i for the first, j for the second."""
    return " ".join(["ijklmnpqrs"[a] if a < 10 else f"i_{{{a}}}" for a in axes])


def delimited(text: str) -> str:
    """An operand in an equation, in parentheses unless it is a single symbol."""
    if re.fullmatch(r"(\\?\w+|\\mathrm\{\w*\})(_(\w|\{[^{}]*\}))?", text):
        return text
    return rf"\left({text}\right)"
