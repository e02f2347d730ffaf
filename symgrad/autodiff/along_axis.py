"""``apply_along_axis``: a function of vectors, applied to all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.autodiff.vmap import vmap
from symgrad.errors import ShapeError
from symgrad.ir.node import Expr, as_expr
from symgrad.ir.op import FUNCTIONS, Example, public
from symgrad.ops.shape import moveaxis, normalize_axis

__all__ = ["apply_along_axis"]


@public(
    examples=(
        Example(
            lambda x: FUNCTIONS["apply_along_axis"](lambda v: v[0] * v.sum(), 1, x),
            lambda x: np.apply_along_axis(lambda v: v[0] * v.sum(), 1, x),
            ((3, 4),),
        ),
        Example(
            lambda x: FUNCTIONS["apply_along_axis"](lambda v, k: v[:2, None] * v * k, 1, x, 3.0),
            lambda x: np.apply_along_axis(lambda v: v[:2, None] * v * 3.0, 1, x),
            ((2, 3, 4),),
        ),
        Example(
            lambda x: FUNCTIONS["apply_along_axis"](lambda v: v * v.mean(), 0, x),
            lambda x: x * x.mean(),
            ((3,),),
        ),
    )
)
def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Expr:
    """``func1d(vector, *args, **kwargs)`` for each vector along an axis; its axes replace that one.

    The function is called once, on an expression of one vector, and batched as by :func:`vmap`.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 4, 3))
    >>> sg.apply_along_axis(lambda v: v @ v, 1, x).shape
    (Dim('B'), 3)
    """
    x = as_expr(arr)
    if not x.ndim:
        raise ShapeError("apply_along_axis: a scalar has no axis")
    along = normalize_axis(axis, x.ndim, "apply_along_axis: axis")
    rows = moveaxis(x, along, x.ndim - 1)
    made: list[int] = []

    def one(vector: Expr) -> Expr:
        found = as_expr(func1d(vector, *args, **kwargs))
        made.append(found.ndim)
        return found

    apply: Callable[..., Any] = one
    for _ in range(x.ndim - 1):
        apply = vmap(apply)
    out: Expr = apply(rows)
    new = made[0]
    source = tuple(range(out.ndim - new, out.ndim))
    return moveaxis(out, source, tuple(range(along, along + new))) if new else out
