"""Algebra: powers, inverse pairs, choices, casts.

Applied after differentiation. A rule here keeps NaN and inf where they were: ``0 * x`` stays.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.node import LITERAL, Expr
from symgrad.ops import slopes
from symgrad.rewrite.engine import rule
from symgrad.rewrite.pattern import (
    absolute,
    astype,
    exp,
    invert,
    log,
    logical_not,
    maximum,
    minimum,
    sigmoid_slope,
    sqrt,
    square,
    tanh_slope,
    where,
)
from symgrad.rewrite.scalars import conform

# ---------------------------------------------------------------- inverse pairs, choices, casts


@rule("algebra", lambda x: log(exp(x)), extends_domain=True)
def log_of_exp(x: Expr, node: Expr) -> Expr | None:
    """log(e^x) -> x, also where e^x overflows."""
    return x if x.dtype == node.dtype else None


@rule("algebra", lambda x: sqrt(square(x)), extends_domain=True)
def sqrt_of_square(x: Expr, node: Expr) -> Expr | None:
    """sqrt(x^2) -> |x|, also where x^2 overflows."""
    return absolute(x) if x.dtype == node.dtype else None


@rule("algebra", lambda x: absolute(absolute(x)))
def absolute_of_absolute(x: Expr) -> Expr:
    """||x|| -> |x|."""
    return absolute(x)


@rule("algebra", lambda x: square(absolute(x)))
def square_of_absolute(x: Expr) -> Expr:
    """|x|^2 -> x^2."""
    return square(x)


@rule("algebra", lambda x: maximum(x, x))
def maximum_of_same(x: Expr) -> Expr:
    """max(x, x) -> x."""
    return x


@rule("algebra", lambda x: minimum(x, x))
def minimum_of_same(x: Expr) -> Expr:
    """min(x, x) -> x."""
    return x


@rule(
    "algebra",
    lambda x: logical_not(logical_not(x)),
    examples=(lambda x: logical_not(logical_not(x > 0)),),
)
def not_not(x: Expr, node: Expr) -> Expr | None:
    """not not x -> x, for a boolean."""
    return x if x.dtype == node.dtype else None


@rule("algebra", lambda x: invert(invert(x)), examples=(lambda x: invert(invert(x > 0)),))
def invert_of_invert(x: Expr) -> Expr:
    """~~x -> x."""
    return x


@rule("algebra", lambda c, x: where(c, x, x), examples=(lambda x: where(x > 0, x, x),))
def where_same(c: Expr, x: Expr, node: Expr) -> Expr:
    """where(c, x, x) -> x."""
    return conform(x, node)


@rule(
    "algebra",
    lambda c, x, y: where(c, x, y),
    examples=(
        lambda x, y: where(np.array(True), x, y),
        lambda x, y: where(np.zeros((3, 1), bool), x, y),
    ),
)
def where_known(c: Expr, x: Expr, y: Expr, node: Expr) -> Expr | None:
    """where(True, x, y) -> x, where(False, x, y) -> y."""
    if c.op is not LITERAL:
        return None
    known = c.attrs["value"].array.astype(bool)
    if not known.size or known.any() != known.all():
        return None
    return conform(x if known.all() else y, node)


@rule(
    "algebra",
    lambda c, x, y, z: where(c, where(c, x, y), z),
    examples=(lambda x, y: where(x > 0, where(x > 0, x, y), -x),),
)
def where_in_where(c: Expr, x: Expr, y: Expr, z: Expr, node: Expr) -> Expr:
    """where(c, where(c, x, y), z) -> where(c, x, z): y is never taken."""
    return conform(where(c, x, z), node)


@rule(
    "algebra",
    lambda c, x, y, z: where(c, x, where(c, y, z)),
    examples=(lambda x, y: where(x > 0, -x, where(x > 0, x, y)),),
)
def where_in_else(c: Expr, x: Expr, y: Expr, z: Expr, node: Expr) -> Expr:
    """where(c, x, where(c, y, z)) -> where(c, x, z): y is never taken."""
    return conform(where(c, x, z), node)


@rule(
    "algebra",
    lambda c, x, y: where(logical_not(c), x, y),
    examples=(lambda x, y: where(logical_not(x > 0), x, y),),
)
def where_not(c: Expr, x: Expr, y: Expr) -> Expr:
    """where(not c, x, y) -> where(c, y, x)."""
    return where(c, y, x)


@rule(
    "algebra",
    lambda x, dtype: astype(astype(x), dtype=dtype),
    examples=(lambda x: astype(astype(astype(x, "float32"), "float64"), "float32"),),
    takes_complex=True,
)
def cast_of_cast(x: Expr, dtype: Any, node: Expr) -> Expr | None:
    """A cast through a dtype that loses nothing -> one cast."""
    between = node.args[0].dtype
    return astype(x, dtype) if np.can_cast(x.dtype, between, "safe") else None


# ---------------------------------------------------------------- even functions


@rule("arithmetic", lambda x: sigmoid_slope(-x), examples=(lambda x: slopes.sigmoid_slope(-x),))
def sigmoid_slope_of_negative(x: Expr) -> Expr:
    """s'(-x) -> s'(x): the density of the logistic distribution is even."""
    return slopes.sigmoid_slope(x)


@rule("arithmetic", lambda x: tanh_slope(-x), examples=(lambda x: slopes.tanh_slope(-x),))
def tanh_slope_of_negative(x: Expr) -> Expr:
    """tanh'(-x) -> tanh'(x)."""
    return slopes.tanh_slope(x)
