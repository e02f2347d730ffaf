"""A function of a reduction applied over several axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.node import Expr, as_expr
from symgrad.ir.op import FUNCTIONS, Example, public
from symgrad.ops.shape import expand_dims, normalize_axes

__all__ = ["apply_over_axes"]


@public(
    examples=(
        Example(
            lambda x: FUNCTIONS["apply_over_axes"](FUNCTIONS["sum"], x * x, (0, 2)),
            lambda x: np.apply_over_axes(np.sum, x * x, (0, 2)),
            ((2, 3, 4),),
        ),
        Example(
            lambda x: FUNCTIONS["apply_over_axes"](FUNCTIONS["cumsum"], x, -1),
            lambda x: np.apply_over_axes(np.cumsum, x, -1),
            ((2, 3),),
        ),
    )
)
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Expr:
    """``func(a, axis)`` for one axis after the other; an axis that it takes away stays, of size 1.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.apply_over_axes(sg.sum, sg.input("x", ("B", 3, 4)), (1, 2)).shape
    (Dim('B'), 1, 1)
    """
    x = as_expr(a)
    for axis in normalize_axes(axes, x.ndim, "apply_over_axes: axis"):
        found = as_expr(func(x, axis))
        if found.ndim not in (x.ndim, x.ndim - 1):
            raise ShapeError(
                f"apply_over_axes: the function made {format_shape(found.shape)} of "
                f"{format_shape(x.shape)}; expected as many axes, or one less"
            )
        x = found if found.ndim == x.ndim else expand_dims(found, axis)
    return x
