"""Expressions from what a user has: ``array``, ``asarray``, copies, arrays to be filled."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.node import Expr, as_expr, as_exprs
from symgrad.ir.op import FUNCTIONS, Example, public
from symgrad.ops.cast import astype
from symgrad.ops.creation import zeros, zeros_like
from symgrad.ops.examples import like_numpy
from symgrad.ops.join import atleast_1d, stack
from symgrad.ops.shape import expand_dims

__all__ = ["array", "asarray", "ascontiguousarray", "copy", "empty", "empty_like"]


def _converted(a: Any, dtype: Any, order: Any) -> Expr:
    if order not in (None, "C", "K", "A"):
        raise DeclarationError(f"order={order!r}: expressions have no memory; only 'C' is known")
    out = _joined(a)
    return out if dtype is None else astype(out, dtype)


def _joined(a: Any) -> Expr:
    """Nested lists are stacked; numbers in them give way to the dtypes of expressions."""
    if isinstance(a, (list, tuple)) and _has_expressions(a):
        return stack([_joined(part) if isinstance(part, (list, tuple)) else part for part in a])
    return as_exprs([a])[0]


def _has_expressions(a: Any) -> bool:
    if isinstance(a, (list, tuple)):
        return any([_has_expressions(part) for part in a])
    return isinstance(a, Expr)


@public(
    examples=(
        Example(
            lambda x, y: FUNCTIONS["array"]([[x, y], [y, 1.0]]),
            lambda x, y: np.array([[x, y], [y, np.ones_like(x)]]),
            ((), ()),
        ),
        Example(
            lambda x: FUNCTIONS["array"]([x, 2 * x], ndmin=3),
            lambda x: np.array([x, 2 * x], ndmin=3),
            ((2,),),
        ),
    )
)
def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: bool | None = True,
    order: str = "K",
    subok: bool = False,
    ndmin: int = 0,
) -> Expr:
    """An expression of an array, of a number, or of nested lists that may hold expressions.

    Examples
    --------
    >>> import symgrad as sg
    >>> c, s = sg.input("c", ()), sg.input("s", ())
    >>> sg.array([[c, -s], [s, c]]).shape
    (2, 2)
    """
    out = _converted(object, dtype, order)
    missing = ndmin - out.ndim
    return expand_dims(out, tuple(range(missing))) if missing > 0 else out


@public(
    examples=(
        Example(
            lambda x: FUNCTIONS["asarray"]([x, x * x]), lambda x: np.asarray([x, x * x]), ((3,),)
        ),
        Example(lambda x: FUNCTIONS["asarray"](x), lambda x: x, ((3, 4),)),
    )
)
def asarray(a: Any, dtype: Any = None, order: Any = None, *, copy: bool | None = None) -> Expr:
    """An expression of an array, of a number, or of nested lists that may hold expressions.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> sg.asarray(x) is x
    True
    """
    return _converted(a, dtype, order)


FUNCTIONS["asanyarray"] = asarray


@public(examples=(like_numpy("ascontiguousarray", ((),)), like_numpy("ascontiguousarray", ((2,),))))
def ascontiguousarray(a: Any, dtype: Any = None) -> Expr:
    """The array with at least one axis; memory is the compiler's concern."""
    made: Expr = atleast_1d(_converted(a, dtype, None))
    return made


@public(examples=(like_numpy("copy", ((3, 4),)),))
def copy(a: Any, order: str = "K", subok: bool = False) -> Expr:
    """The expression itself: it is immutable."""
    return _converted(a, None, order)


@public(
    examples=(
        Example(
            lambda x: x + FUNCTIONS["empty"]((2, 3), x.dtype),
            lambda x: x + np.zeros((2, 3), x.dtype),
            ((3,),),
        ),
    )
)
def empty(shape: Any, dtype: Any = None) -> Expr:
    """Zeros: no element of an expression is without a value."""
    return zeros(shape, dtype)


@public(
    examples=(
        Example(
            lambda x: x + FUNCTIONS["empty_like"](x), lambda x: x + np.zeros_like(x), ((2, 3),)
        ),
    )
)
def empty_like(prototype: Any, dtype: Any = None, *, shape: Any = None) -> Expr:
    """Zeros of the shape and dtype of the prototype, unless others are given."""
    return zeros_like(as_expr(prototype), dtype=dtype, shape=shape)
