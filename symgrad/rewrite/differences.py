"""Differences of values of one smooth function, in forms that do not cancel."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from symgrad.ir.node import Expr
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.log_form import log_form
from symgrad.rewrite.pattern import (
    cos,
    cos_difference,
    divide,
    exp,
    exp_difference,
    log,
    log_difference,
    log_quotient,
    reciprocal_difference,
    root_less,
    sin,
    sin_difference,
    sqrt,
    sqrt_difference,
    square,
    square_difference,
)
from symgrad.rewrite.scalars import number, scaled


def _both_vary(p: Expr, q: Expr) -> bool:
    """Whether neither is a number: a difference from a number has one rounding, and no other."""
    return number(p) is None and number(q) is None


@rule("difference", lambda p, q: square(p) - square(q))
def difference_of_squares(p: Expr, q: Expr) -> Expr | None:
    """p^2 - q^2 -> (p - q) (p + q), with slopes 2 p and -2 q."""
    return square_difference(p, q) if _both_vary(p, q) else None


@rule("difference", lambda p, q: sqrt(p) - sqrt(q), domain=(0.2, 2.0))
def difference_of_roots(p: Expr, q: Expr) -> Expr | None:
    """sqrt(p) - sqrt(q) -> (p - q) / (sqrt(p) + sqrt(q))."""
    return sqrt_difference(p, q) if _both_vary(p, q) else None


@rule("difference", lambda p, q: divide(1, p) - divide(1, q), domain=(0.2, 2.0))
def difference_of_reciprocals(p: Expr, q: Expr) -> Expr | None:
    """1 / p - 1 / q -> (q - p) / (p q)."""
    return reciprocal_difference(p, q) if _both_vary(p, q) else None


@rule("difference", lambda p, q: exp(p) - exp(q))
def difference_of_exponentials(p: Expr, q: Expr) -> Expr | None:
    """e^p - e^q -> e^q expm1(p - q), for close p and q."""
    return exp_difference(p, q) if _both_vary(p, q) else None


@rule("difference", lambda p, q: sin(p) - sin(q))
def difference_of_sines(p: Expr, q: Expr) -> Expr | None:
    """sin p - sin q -> 2 cos((p + q) / 2) sin((p - q) / 2), for close p and q."""
    return sin_difference(p, q) if _both_vary(p, q) else None


@rule("difference", lambda p, q: cos(p) - cos(q))
def difference_of_cosines(p: Expr, q: Expr) -> Expr | None:
    """cos p - cos q -> -2 sin((p + q) / 2) sin((p - q) / 2), for close p and q."""
    return cos_difference(p, q) if _both_vary(p, q) else None


@rule("difference", lambda p, q: log(p) - log(q), domain=(0.2, 2.0))
def difference_of_logarithms(p: Expr, q: Expr, run: Rewriter) -> Expr | None:
    """log p - log q -> log(1 + (p - q) / q), for close p and q."""
    return log_difference(p, q) if _both_vary(p, q) else None


@rule("difference", lambda p, q: log(p / q), extends_domain=True, domain=(0.2, 2.0))
def logarithm_of_quotient(p: Expr, q: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """log(p / q) -> log(1 + (p - q) / q) for close p and q; log p - log q out of range."""
    form = log_form(node.args[0], run)
    if not _both_vary(p, q) or (form is not None and form.hot):
        return None
    return log_quotient(p, q)


@rule(
    "difference",
    lambda p, q: sqrt(p) - q,
    domain=(1.0, 2.0),
    examples=(
        lambda x, y: sqrt(square(x) + y) - x,
        lambda x, y: sqrt(square(x) - y * 0.1) - x,
    ),
)
def root_less_its_base(p: Expr, q: Expr, run: Rewriter) -> Expr | None:
    """sqrt(q^2 + r) - q -> r / (sqrt(q^2 + r) + q), for q > 0."""
    rest = _beyond_square(p, q, run)
    return None if rest is None else root_less(q, rest)


@rule(
    "difference",
    lambda p, q: sqrt(p) + q,
    domain=(1.0, 2.0),
    examples=(lambda x, y: sqrt(square(x) + y) + x, lambda x, y: -x + sqrt(square(x) + y)),
)
def root_and_its_base(p: Expr, q: Expr, run: Rewriter) -> Expr | None:
    """sqrt(q^2 + r) + q -> -r / (q - sqrt(q^2 + r)), for q < 0."""
    rest = _beyond_square(p, q, run)
    return None if rest is None else root_less(scaled(q, -1), rest)


def _beyond_square(p: Expr, q: Expr, run: Rewriter) -> Expr | None:
    """r, where p is q^2 + r."""
    if run.opaque(p) or p.op.name not in ("add", "subtract") or p.aval != q.aval:
        return None
    base = scaled(q, -1)
    left, right = p.args
    for first, second in ((left, right), (right, left)):
        squares = first.op.name == "square" and not run.opaque(first)
        if squares and (first.args[0] is q or first.args[0] is base) and second.dtype == p.dtype:
            if p.op.name == "add":
                return second
            return scaled(second, -1) if first is left else None
    return None
