"""Differences of values of one smooth function, in forms that do not cancel."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from symgrad.ir.node import Expr
from symgrad.ir.op import FUNCTIONS
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.log_form import log_form
from symgrad.rewrite.magnitude import scaled_form
from symgrad.rewrite.pattern import (
    absolute,
    cos,
    divide,
    exp,
    hypot,
    log,
    log_product,
    log_quotient,
    root_less,
    sin,
    sqrt,
    square,
    where,
)
from symgrad.rewrite.scalars import number, scaled


def _both_vary(p: Expr, q: Expr) -> bool:
    """Whether neither is a number: a difference from a number has one rounding, and no other."""
    return number(p) is None and number(q) is None


def _apart(name: str, p: Expr, q: Expr, run: Rewriter) -> Expr | None:
    """f(p) - f(q): an increment where p is q + h, or q is p + h."""
    if not _both_vary(p, q):
        return None
    h = _increment(p, q, run)
    if h is not None:
        return FUNCTIONS[f"{name}_increment"](q, h)
    h = _increment(q, p, run)
    if h is not None:
        return -FUNCTIONS[f"{name}_increment"](p, h)
    return FUNCTIONS[f"{name}_difference"](p, q)


def _increment(p: Expr, q: Expr, run: Rewriter) -> Expr | None:
    """h, where p is q + h as it stands."""
    if run.opaque(p) or p.op.name not in ("add", "subtract") or p.aval != q.aval:
        return None
    left, right = p.args
    if left is q and right.dtype == p.dtype:
        return right if p.op.name == "add" else scaled(right, -1)
    return left if right is q and p.op.name == "add" and left.dtype == p.dtype else None


@rule(
    "difference",
    lambda p, q: square(p) - square(q),
    extends_domain=True,
    examples=(
        lambda x, y: square(x) - square(y),
        lambda x, y: square(x + y) - square(x),
        lambda x, y: square(x) - square(y + x),
    ),
)
def difference_of_squares(p: Expr, q: Expr, run: Rewriter) -> Expr | None:
    """p^2 - q^2 -> (p - q) (p + q), with slopes 2 p and -2 q."""
    return _apart("square", p, q, run)


@rule(
    "difference",
    lambda p, q: sqrt(p) - sqrt(q),
    extends_domain=True,
    examples=(
        lambda x, y: sqrt(x) - sqrt(y),
        lambda x, y: sqrt(x + y) - sqrt(x),
        lambda x, y: sqrt(x) - sqrt(y + x),
    ),
    domain=(0.2, 2.0),
)
def difference_of_roots(p: Expr, q: Expr, run: Rewriter) -> Expr | None:
    """sqrt(p) - sqrt(q) -> (p - q) / (sqrt(p) + sqrt(q))."""
    return _apart("sqrt", p, q, run)


@rule("difference", lambda p, q: divide(1, p) - divide(1, q), domain=(0.2, 2.0))
def difference_of_reciprocals(p: Expr, q: Expr, run: Rewriter) -> Expr | None:
    """1 / p - 1 / q -> (q - p) / (p q)."""
    return _apart("reciprocal", p, q, run)


@rule(
    "difference",
    lambda p, q: exp(p) - exp(q),
    extends_domain=True,
    examples=(
        lambda x, y: exp(x) - exp(y),
        lambda x, y: exp(x + y) - exp(x),
        lambda x, y: exp(x) - exp(y + x),
    ),
)
def difference_of_exponentials(p: Expr, q: Expr, run: Rewriter) -> Expr | None:
    """e^p - e^q -> e^q expm1(p - q), for close p and q."""
    return _apart("exp", p, q, run)


@rule(
    "difference",
    lambda p, q: sin(p) - sin(q),
    examples=(
        lambda x, y: sin(x) - sin(y),
        lambda x, y: sin(x + y) - sin(x),
        lambda x, y: sin(x) - sin(y + x),
    ),
)
def difference_of_sines(p: Expr, q: Expr, run: Rewriter) -> Expr | None:
    """sin p - sin q -> 2 cos((p + q) / 2) sin((p - q) / 2), for close p and q."""
    return _apart("sin", p, q, run)


@rule(
    "difference",
    lambda p, q: cos(p) - cos(q),
    examples=(
        lambda x, y: cos(x) - cos(y),
        lambda x, y: cos(x + y) - cos(x),
        lambda x, y: cos(x) - cos(y + x),
    ),
)
def difference_of_cosines(p: Expr, q: Expr, run: Rewriter) -> Expr | None:
    """cos p - cos q -> -2 sin((p + q) / 2) sin((p - q) / 2), for close p and q."""
    return _apart("cos", p, q, run)


@rule(
    "difference",
    lambda p, q: log(p) - log(q),
    extends_domain=True,
    examples=(
        lambda x, y: log(x) - log(y),
        lambda x, y: log(x + y) - log(x),
        lambda x, y: log(x) - log(y + x),
    ),
    domain=(0.2, 2.0),
)
def difference_of_logarithms(p: Expr, q: Expr, run: Rewriter) -> Expr | None:
    """log p - log q -> log(1 + (p - q) / q), for close p and q."""
    return _apart("log", p, q, run)


def _has_exponent(x: Expr, run: Rewriter) -> bool:
    """Whether x has a factor e^a, so that its logarithm has the term a."""
    form, parts = log_form(x, run), scaled_form(x, run)
    if form is not None and form.hot:
        return True
    return parts is not None and parts.rest is not None and bool(parts.scale)


@rule("difference", lambda p, q: log(p * q), extends_domain=True, domain=(0.2, 2.0))
def logarithm_of_product(p: Expr, q: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """log(p q) -> log p + log q, where the product is out of range."""
    if not _both_vary(p, q) or _has_exponent(node.args[0], run):
        return None
    return log_product(p, q)


@rule("difference", lambda p, q: log(p / q), extends_domain=True, domain=(0.2, 2.0))
def logarithm_of_quotient(p: Expr, q: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """log(p / q) -> log(1 + (p - q) / q) for close p and q; log p - log q out of range."""
    if not _both_vary(p, q) or _has_exponent(node.args[0], run):
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


@rule(
    "difference",
    lambda p, w, q: hypot(p, w) - q,
    extends_domain=True,
    examples=(lambda x, y: hypot(x, y) - x, lambda x, y: hypot(x, y) - y),
)
def hypot_less_its_base(p: Expr, w: Expr, q: Expr, node: Expr) -> Expr | None:
    """hypot(q, w) - q -> w (w / (hypot(q, w) + q)) for q > |w|."""
    return _hypot_less(p, w, q, node)


@rule(
    "difference",
    lambda p, w, q: q - hypot(p, w),
    extends_domain=True,
    examples=(lambda x, y: x - hypot(x, y), lambda x, y: y - hypot(x, y)),
)
def base_less_its_hypot(p: Expr, w: Expr, q: Expr, node: Expr) -> Expr | None:
    """q - hypot(q, w) -> -(hypot(q, w) - q)."""
    less = _hypot_less(p, w, q, node)
    return None if less is None else -less


@rule(
    "difference",
    lambda p, w, q: hypot(p, w) + q,
    extends_domain=True,
    examples=(lambda x, y: hypot(x, y) + x, lambda x, y: y + hypot(x, y)),
)
def hypot_and_its_base(p: Expr, w: Expr, q: Expr, node: Expr) -> Expr | None:
    """hypot(q, w) + q -> w (w / (hypot(q, w) - q)) for q < -|w|."""
    return _hypot_less(p, w, scaled(q, -1), node)


def _hypot_less(p: Expr, w: Expr, q: Expr, node: Expr) -> Expr | None:
    """hypot(p, w) - q, where one of the two is q but for the sign."""
    sides = (q, scaled(q, -1))
    if w is sides[0] or w is sides[1]:
        p, w = w, p
    elif not (p is sides[0] or p is sides[1]):
        return None
    if not (_both_vary(p, w) and p.aval == w.aval == node.aval):
        return None
    root = hypot(p, w)
    close = q > absolute(w)
    return where(close, w * (w / (root + absolute(q))), root) - where(close, 0, q)
