"""Polynomials by their coefficients, the highest power first."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.node import Expr, as_expr, as_exprs
from symgrad.ir.op import FUNCTIONS, Example, public
from symgrad.ir.size import Dim, Size, size_max
from symgrad.ops.axes import as_floating
from symgrad.ops.cast import astype
from symgrad.ops.convolve import convolve
from symgrad.ops.creation import arange, zeros
from symgrad.ops.examples import like_numpy
from symgrad.ops.extend import flip
from symgrad.ops.join import concatenate
from symgrad.ops.padding import pad
from symgrad.ops.shape import broadcast_to, expand_dims

__all__ = ["polyadd", "polyder", "polyint", "polymul", "polysub", "polyval", "vander"]


def _coefficients(name: str, p: Any) -> Expr:
    x = as_expr(p)
    if x.ndim > 1:
        raise ShapeError(f"{name}: coefficients are a vector; got {format_shape(x.shape)}")
    return x if x.ndim else expand_dims(x, 0)


@public(
    examples=(
        like_numpy("vander", ((3,),)),
        like_numpy("vander", ((3,),), 5, increasing=True),
        like_numpy("vander", ((3,),), 0),
    )
)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Expr:
    """The powers of each element of a vector, from N - 1 to 0: the Vandermonde matrix.

    Parameters
    ----------
    x : array_like
    N : int or Dim, optional
        As many as there are elements, if None.
    increasing : bool
        From 0 to N - 1.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.vander(sg.input("x", ("B",)), 3).shape
    (Dim('B'), 3)
    """
    values = as_expr(x)
    if values.ndim != 1:
        raise ShapeError(f"vander takes a vector; got {format_shape(values.shape)}")
    exponents = arange(values.shape[0] if N is None else N, dtype=values.dtype)
    return FUNCTIONS["power"](  # type: ignore[no-any-return]
        expand_dims(values, 1), exponents if increasing else flip(exponents)
    )


@public(
    examples=(
        like_numpy("polyval", ((4,), (3,))),
        like_numpy("polyval", ((3,), (2, 3))),
        like_numpy("polyval", ((1,), ())),
    )
)
def polyval(p: Any, x: Any) -> Expr:
    """The value of a polynomial, by Horner's rule.

    Parameters
    ----------
    p : array_like
        Coefficients, the highest power first. Their number may be symbolic: powers are multiplied
        then.
    x : array_like

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> sg.function([x], sg.polyval([1, 0, -1], x))([2.0, 3.0])
    array([3., 8.])
    """
    c = _coefficients("polyval", p)
    c, points = as_exprs((c, x))
    count = c.shape[0]
    if isinstance(count, Dim):
        exponents = arange(count, dtype=points.dtype)
        powers = FUNCTIONS["power"](expand_dims(points, points.ndim), flip(exponents))
        return powers @ c  # type: ignore[no-any-return]
    if count == 0:
        return zeros(points.shape, np.result_type(c.dtype, points.dtype))
    value = c[0]
    for i in range(1, count):
        value = value * points + c[i]
    if count == 1:
        value = broadcast_to(value, points.shape)
    return astype(value, np.result_type(c.dtype, points.dtype))


@public(
    examples=(
        like_numpy("polyder", ((4,),)),
        like_numpy("polyder", ((4,),), 2),
        like_numpy("polyder", ((4,),), 0),
    )
)
def polyder(p: Any, m: int = 1) -> Expr:
    """The coefficients of the m-th derivative of a polynomial."""
    times = operator.index(m)
    if times < 0:
        raise DeclarationError(f"polyder: the order must not be negative; got {times}")
    c = _coefficients("polyder", p)
    for _ in range(times):
        degrees = flip(arange(c.shape[0], dtype=c.dtype))
        c = c[:-1] * degrees[:-1]
    return c


@public(
    examples=(
        like_numpy("polyint", ((4,),)),
        like_numpy("polyint", ((3,),), 2, 0.5),
        Example(
            lambda p, k: FUNCTIONS["polyint"](p, 2, k),
            lambda p, k: np.polyint(p, 2, k),
            ((3,), (2,)),
        ),
    )
)
def polyint(p: Any, m: int = 1, k: Any = None) -> Expr:
    """The coefficients of the m-th antiderivative of a polynomial.

    Parameters
    ----------
    p : array_like
    m : int
    k : number or vector of m numbers, optional
        The constants of integration; 0, if None.
    """
    times = operator.index(m)
    if times < 0:
        raise DeclarationError(f"polyint: the order must not be negative; got {times}")
    c = as_floating(_coefficients("polyint", p))
    constants = as_exprs((c, 0.0 if k is None else k))[1]
    constants = broadcast_to(constants, (times,))
    for i in range(times):
        degrees = flip(arange(1, c.shape[0] + 1, dtype=c.dtype))
        c = concatenate([c / degrees, constants[i : i + 1]])
    return c


def _aligned(name: str, a1: Any, a2: Any) -> tuple[Expr, Expr]:
    """Coefficients of the same powers side by side."""
    a, b = (_coefficients(name, x) for x in as_exprs((a1, a2)))
    count: Size = size_max(a.shape[0], b.shape[0])
    left, right = (pad(x, (count - x.shape[0], 0)) if x.shape[0] != count else x for x in (a, b))
    return left, right


@public(examples=(like_numpy("polyadd", ((4,), (2,))), like_numpy("polyadd", ((2,), (3,)))))
def polyadd(a1: Any, a2: Any) -> Expr:
    """The coefficients of the sum of two polynomials."""
    a, b = _aligned("polyadd", a1, a2)
    return a + b


@public(examples=(like_numpy("polysub", ((4,), (2,))), like_numpy("polysub", ((2,), (3,)))))
def polysub(a1: Any, a2: Any) -> Expr:
    """The coefficients of the difference of two polynomials."""
    a, b = _aligned("polysub", a1, a2)
    return a - b


@public(examples=(like_numpy("polymul", ((4,), (2,))), like_numpy("polymul", ((1,), (3,)))))
def polymul(a1: Any, a2: Any) -> Expr:
    """The coefficients of the product of two polynomials.

    Notes
    -----
    Leading coefficients that are 0 are kept: the shape does not depend on values.
    """
    a, b = (_coefficients("polymul", x) for x in as_exprs((a1, a2)))
    n, m = a.shape[0], b.shape[0]
    if n == 0 or m == 0:  # the polynomial 0
        return zeros(size_max(n, 1) + size_max(m, 1) - 1, np.result_type(a.dtype, b.dtype))
    return convolve(a, b)
