"""Roots of sums of squares, and sums of squares that overflow: norms, log(1 + x^2), variances."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from typing import Any

from symgrad.ir.node import Expr, as_expr, literal, make
from symgrad.ir.op import OPS
from symgrad.ops import slopes
from symgrad.ops.axes import count
from symgrad.ops.norm import unit
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.log_form import log_form
from symgrad.rewrite.pattern import (
    NUMBER,
    absolute,
    astype,
    hypot,
    log,
    log1p,
    log1p_square,
    matmul,
    mean,
    sqrt,
    square,
    var,
)
from symgrad.rewrite.pattern import sum as sum_
from symgrad.rewrite.scalars import number


@rule("stability", lambda x: sqrt(square(x)), extends_domain=True)
def root_of_square(x: Expr) -> Expr:
    """sqrt(x^2) -> |x|: nothing overflows, and the slope is exact."""
    return absolute(x)


@rule("stability", lambda x: square(absolute(x)))
def square_of_absolute(x: Expr) -> Expr:
    """|x|^2 -> x^2: it has no kink at 0, where sign(x) would take the second slope away."""
    return square(x)


@rule("stability", lambda x, y: hypot(absolute(x), y))
def hypot_of_absolute(x: Expr, y: Expr) -> Expr:
    """hypot(|x|, y) -> hypot(x, y): likewise."""
    return hypot(x, y)


@rule("stability", lambda x: log(square(x)), extends_domain=True, domain=(0.1, 2.0))
def log_of_square(x: Expr) -> Expr:
    """log(x^2) -> 2 log|x|: the square overflows, and near 1 its rounding is all there is."""
    return log(absolute(x)) * 2


@rule(
    "stability",
    lambda x, y: x / hypot(x, y),
    extends_domain=True,
    examples=(lambda x, y: x / hypot(x, y), lambda x, y: y / sqrt(x**2 + y**2)),
)
def over_hypot(x: Expr, y: Expr) -> Expr:
    """x / sqrt(x^2 + y^2) -> the cosine of an angle: its slopes do not cancel."""
    return slopes.direction(x, y)


@rule(
    "stability",
    lambda x, y: square(x) / (square(x) + square(y)),
    extends_domain=True,
    domain=(0.1, 2.0),
)
def square_over_squares(x: Expr, y: Expr) -> Expr:
    """x^2 / (x^2 + y^2) -> the square of that cosine: neither overflows nor vanishes."""
    return square(slopes.direction(x, y))


@rule(
    "stability",
    lambda x, y: sqrt(square(x) + square(y)),
    extends_domain=True,
    examples=(
        lambda x, y: sqrt(square(x) + square(y)),
        lambda x, y: sqrt(x * x + y**2),
    ),
)
def root_of_squares(x: Expr, y: Expr) -> Expr:
    """sqrt(x^2 + y^2) -> hypot(x, y): the squares overflow long before the root does."""
    return hypot(x, y)


@rule(
    "stability",
    lambda x, c=NUMBER: sqrt(square(x) + c),
    extends_domain=True,
    examples=(lambda x: sqrt(1 + x**2), lambda x: sqrt(square(x) + 0.25)),
)
def root_of_square_and_number(x: Expr, c: Expr, node: Expr) -> Expr | None:
    """sqrt(x^2 + c) -> hypot(x, sqrt(c)), where the root of c is exact."""
    value = number(c)
    if value is None or value < 0 or node.dtype.kind != "f":
        return None
    root = math.sqrt(value)
    return hypot(x, literal(root, node.dtype)) if root * root == value else None


@rule(
    "stability",
    lambda x, axis, keepdims: sqrt(sum_(square(x), axis=axis, keepdims=keepdims)),
    extends_domain=True,
    examples=(
        lambda x: sqrt(sum_(square(x), axis=1)),
        lambda x: sqrt(sum_(x * x, axis=0, keepdims=True)),
        lambda x: sqrt(sum_(x**2)),
    ),
)
def root_of_sum_of_squares(x: Expr, axis: Any, keepdims: bool, node: Expr) -> Expr | None:
    """sqrt(sum x^2) -> the norm: squares overflow long before it, and its slope at 0 is 0."""
    if node.dtype.kind != "f" or not axis:
        return None
    return make(OPS["euclidean_norm"], (x,), {"axis": axis, "keepdims": keepdims})


@rule(
    "stability",
    lambda x, axis, keepdims: sqrt(mean(square(x), axis=axis, keepdims=keepdims)),
    extends_domain=True,
    examples=(
        lambda x: sqrt(mean(square(x), axis=1)),
        lambda x: sqrt(mean(x * x, axis=1, keepdims=True)),
        lambda x: sqrt(mean(x[0] ** 2)),
    ),
)
def root_of_mean_of_squares(x: Expr, axis: Any, keepdims: bool, node: Expr) -> Expr | None:
    """sqrt(mean x^2) -> the norm over sqrt(n): squares overflow long before it."""
    if node.dtype.kind != "f" or not axis:
        return None
    norm = make(OPS["euclidean_norm"], (x,), {"axis": axis, "keepdims": keepdims})
    n = count(x.shape, axis)
    return norm / (math.sqrt(n) if isinstance(n, int) else astype(sqrt(as_expr(n)), node.dtype))


@rule(
    "stability",
    lambda x, y: x / y,
    only=lambda op, below: below[1] in ("euclidean_norm", "expand_dims", "divide"),
    extends_domain=True,
    examples=(
        lambda x: x / sqrt(sum_(square(x), axis=1, keepdims=True)),
        lambda x: x / sqrt(mean(square(x), axis=1, keepdims=True)),
        lambda x: x / sqrt(sum_(x**2)),
    ),
)
def over_norm(x: Expr, y: Expr, run: Rewriter) -> Expr | None:
    """x / ||x|| -> a vector of length 1: nothing in its slopes overflows before they do."""
    if y.op.name == "divide" and not run.opaque(y) and not y.args[1].ndim:
        found = over_norm(x, y.args[0], run)
        return None if found is None else found * y.args[1]
    spread = y.op.name == "expand_dims" and not run.opaque(y)
    norm = y.args[0] if spread else y
    if norm.op.name != "euclidean_norm" or run.opaque(norm) or norm.args[0] is not x:
        return None
    axis, kept = norm.attrs["axis"], norm.attrs["keepdims"]
    aligned = y.attrs["axis"] == axis and not kept if spread else kept or len(axis) == x.ndim
    form = log_form(x, run)
    if not aligned or (form is not None and form.hot):  # exponentials are looked at as a whole
        return None
    return unit(x, axis)


@rule(
    "stability",
    lambda x: sqrt(matmul(x, x)),
    extends_domain=True,
    examples=(lambda x: sqrt(x[0] @ x[0]),),
)
def root_of_square_of_vector(x: Expr, node: Expr) -> Expr | None:
    """sqrt(x . x) -> the norm of a vector."""
    if node.dtype.kind != "f" or x.ndim != 1:
        return None
    return make(OPS["euclidean_norm"], (x,), {"axis": (0,), "keepdims": False})


@rule(
    "stability",
    lambda x: log1p(square(x)),
    extends_domain=True,
    examples=(lambda x: log1p(square(x)), lambda x: log1p(x * x)),
)
def log1p_of_square(x: Expr) -> Expr:
    """log(1 + x^2) -> an op of its own: the square overflows at the root of the range."""
    return log1p_square(x)


@rule(
    "stability",
    lambda x, c=NUMBER: log1p(square(x) / c),
    extends_domain=True,
    examples=(lambda x: log1p(square(x) / 4.0),),
)
def log1p_of_square_over(x: Expr, c: Expr) -> Expr | None:
    """log(1 + x^2 / c) -> log(1 + (x / sqrt(c))^2), for c > 0."""
    value = number(c)
    return log1p_square(x / math.sqrt(value)) if value is not None and value > 0 else None


@rule(
    "stability",
    lambda x, c=NUMBER: log1p(square(x) * c),
    extends_domain=True,
    examples=(lambda x: log1p(square(x) * 0.25),),
)
def log1p_of_square_times(x: Expr, c: Expr) -> Expr | None:
    """log(1 + c x^2) -> log(1 + (sqrt(c) x)^2), for c > 0."""
    value = number(c)
    return log1p_square(x * math.sqrt(value)) if value is not None and value > 0 else None


@rule(
    "stability",
    lambda x, axis, keepdims: (
        mean(square(x), axis=axis, keepdims=keepdims)
        - square(mean(x, axis=axis, keepdims=keepdims))
    ),
    examples=(
        lambda x: mean(square(x), axis=0) - square(mean(x, axis=0)),
        lambda x: mean(x * x, axis=1, keepdims=True) - mean(x, axis=1, keepdims=True) ** 2,
    ),
)
def variance_in_two_passes(x: Expr, axis: Any, keepdims: bool) -> Expr:
    """E[x^2] - E[x]^2 -> E[(x - E[x])^2]: no cancellation where the mean is large."""
    return var(x, axis=axis, keepdims=keepdims)
