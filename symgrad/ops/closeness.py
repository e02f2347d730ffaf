"""Whether numbers are close, equal as arrays, infinite of one sign, or among given ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.node import Expr, as_expr, as_exprs
from symgrad.ir.op import FUNCTIONS, Example, public
from symgrad.ops.comparison import equal, isfinite, isnan, less_equal, logical_not
from symgrad.ops.examples import like_numpy
from symgrad.ops.reduce import all as all_of
from symgrad.ops.reduce import any as any_of
from symgrad.ops.rounding import absolute
from symgrad.ops.shape import expand_dims, ravel

__all__ = ["allclose", "array_equiv", "isclose", "isin", "isneginf", "isposinf"]

_FEW: dict[str, Any] = {"dtypes": ("int64", "int64"), "domain": ((0.0, 3.0), (0.0, 3.0))}


@public(
    examples=(
        like_numpy("isclose", ((3, 4), (4,)), rtol=0.5, smooth=False),
        like_numpy("isclose", ((3, 4), (4,)), **_FEW),
        like_numpy("isclose", ((3, 4), ()), 1.0, atol=0.1, equal_nan=True, smooth=False),
    )
)
def isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Expr:
    """Whether ``|a - b| <= atol + rtol |b|``, element by element.

    An infinity is close to itself alone; NaN to NaN, if `equal_nan`.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> sg.function([x], sg.isclose(x, 1.0))([1.0 + 1e-9, 1.1])
    array([ True, False])
    """
    x, y = as_exprs((a, b))
    if x.dtype.kind == y.dtype.kind == "b":
        x, y = x.astype(np.int8), y.astype(np.int8)
    near = less_equal(absolute(x - y), atol + rtol * absolute(y)) & isfinite(y) | equal(x, y)
    return near | (isnan(x) & isnan(y)) if equal_nan else near


@public(
    examples=(
        like_numpy("allclose", ((3, 4), (4,)), rtol=0.5, smooth=False),
        like_numpy("allclose", ((3, 4), (4,)), atol=5.0, smooth=False),
    )
)
def allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Expr:
    """Whether all elements are close; see :func:`isclose`."""
    return all_of(isclose(a, b, rtol, atol, equal_nan))


@public(examples=(like_numpy("array_equiv", ((3, 4), (4,)), smooth=False),))
def array_equiv(a1: Any, a2: Any) -> Expr:
    """Whether two arrays have the same elements, where one may be repeated to fit the other."""
    return all_of(equal(as_expr(a1), as_expr(a2)))


def _over_zero(name: str) -> Example:
    """An example in which x / y is infinite of both signs, NaN and finite."""

    def reference(x: Any, y: Any) -> Any:
        with np.errstate(all="ignore"):
            return getattr(np, name)(x / y)

    return Example(
        lambda x, y: FUNCTIONS[name](x / y),
        reference,
        ((5, 4), (5, 4)),
        dtypes=("int64", "int64"),
        domain=((-1.0, 2.0), (-1.0, 2.0)),
    )


@public(examples=(_over_zero("isposinf"),))
def isposinf(x: Any) -> Expr:
    """Whether it is plus infinity."""
    return equal(x, np.inf)


@public(examples=(_over_zero("isneginf"),))
def isneginf(x: Any) -> Expr:
    """Whether it is minus infinity."""
    return equal(x, -np.inf)


@public(
    examples=(
        like_numpy("isin", ((3, 4), (5,)), **_FEW),
        like_numpy("isin", ((3, 4), (2, 2)), invert=True, **_FEW),
    )
)
def isin(
    element: Any,
    test_elements: Any,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: Any = None,
) -> Expr:
    """Whether each element is one of `test_elements`; whether it is none of them, if `invert`.

    All pairs are compared. `assume_unique` and `kind`, which choose an algorithm, change nothing.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,), dtype="int64")
    >>> sg.function([x], sg.isin(x, [1, 2]))([0, 1, 2])
    array([False,  True,  True])
    """
    x, tests = as_expr(element), ravel(test_elements)
    found = any_of(equal(expand_dims(x, x.ndim), tests), axis=-1)
    return logical_not(found) if invert else found
