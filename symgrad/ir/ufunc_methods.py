"""The methods of NumPy's ufuncs on expressions: ``np.add.reduce``, ``.accumulate``, ``.outer``.

Those that have an op of their own become it. Any other ufunc of two arguments is applied step by
step along the axis, whose size must be a number then.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from symgrad.errors import DeclarationError, ExpressionUseError
from symgrad.ir.op import FUNCTIONS

if TYPE_CHECKING:
    from symgrad.ir.node import Expr

__all__ = ["call_method"]

#: ufunc -> the function that reduces by it
_REDUCED = {
    "add": "sum",
    "multiply": "prod",
    "maximum": "max",
    "minimum": "min",
    "logical_and": "all",
    "logical_or": "any",
    "logaddexp": "logsumexp",
}
_ACCUMULATED = {
    "add": "cumsum",
    "multiply": "cumprod",
    "maximum": "cummax",
    "minimum": "cummin",
    "logaddexp": "logcumsumexp",
}
#: steps that are written out one by one
_LONGEST = 256


def call_method(ufunc: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``np.<ufunc>.<method>(*args, **kwargs)`` gives on expressions.

    Raises
    ------
    ExpressionUseError
        For a method that changes its argument or has no counterpart, naming what to use.
    """
    name = ufunc.__name__
    fn = FUNCTIONS.get(name)
    if method == "at":
        use = "add" if name == "add" else "set"
        raise ExpressionUseError(
            f"np.{name}.at would change its argument, and expressions are immutable; "
            f"use x = x.at[index].{use}(values)"
        )
    if method == "reduceat":
        raise ExpressionUseError(
            f"np.{name}.reduceat is not available for expressions; reduce slices and join them: "
            "sg.stack([x[i:j].sum(axis=0) for i, j in pairs])"
        )
    if fn is None or ufunc.nin != 2 or ufunc.nout != 1:
        raise ExpressionUseError(f"np.{name}.{method} is not available for expressions")
    return _METHODS[method](name, fn, *args, **kwargs)


def _outer(name: str, fn: Callable[..., Expr], a: Any, b: Any, dtype: Any = None) -> Expr:
    """The function on each pair of an element of `a` and one of `b`."""
    as_expr = FUNCTIONS["asarray"]
    x, y = as_expr(a, dtype), as_expr(b, dtype)
    return fn(FUNCTIONS["expand_dims"](x, tuple(range(x.ndim, x.ndim + y.ndim))), y)


def _reduce(
    name: str,
    fn: Callable[..., Expr],
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
) -> Expr:
    x = FUNCTIONS["asarray"](array, dtype)
    if name in _REDUCED:
        out = FUNCTIONS[_REDUCED[name]](x, axis=axis, keepdims=bool(keepdims))
    else:
        axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        out = x
        for along in sorted([_axis(a, x.ndim) for a in axes], reverse=True):
            out = functools.reduce(fn, _steps(f"np.{name}.reduce", out, along))
            if keepdims:
                out = FUNCTIONS["expand_dims"](out, along)
    return out if initial is None else fn(initial, out)


def _accumulate(
    name: str, fn: Callable[..., Expr], array: Any, axis: Any = 0, dtype: Any = None
) -> Expr:
    x = FUNCTIONS["asarray"](array, dtype)
    along = _axis(axis, x.ndim)
    if name in _ACCUMULATED:
        return FUNCTIONS[_ACCUMULATED[name]](x, axis=along)  # type: ignore[no-any-return]
    parts = itertools.accumulate(_steps(f"np.{name}.accumulate", x, along), fn)
    return FUNCTIONS["stack"](list(parts), axis=along)  # type: ignore[no-any-return]


_METHODS: dict[str, Callable[..., Any]] = {
    "outer": _outer,
    "reduce": _reduce,
    "accumulate": _accumulate,
}


def _axis(axis: Any, ndim: int) -> int:
    found = operator.index(axis)
    if not -ndim <= found < ndim:
        raise DeclarationError(f"axis {found} is out of range for {ndim} axes")
    return found % ndim


def _steps(what: str, x: Expr, axis: int) -> list[Expr]:
    size = x.shape[axis]
    if not isinstance(size, int) or not 0 < size <= _LONGEST:
        raise DeclarationError(
            f"{what} is written out step by step: the size of axis {axis} must be a number from 1 "
            f"to {_LONGEST}; got {size}"
        )
    return [x[(slice(None),) * axis + (i,)] for i in range(size)]
