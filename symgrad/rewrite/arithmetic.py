"""Arithmetic: neutral elements, signs and literal factors in one form, the one that rules know.

Applied with the rules that stabilise, and again after differentiation. A rule here keeps NaN and
inf where they were: ``0 * x`` stays.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

from symgrad.ir.graph import rebuild
from symgrad.ir.node import LITERAL, Expr, literal
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import (
    NUMBER,
    absolute,
    anything,
    cos,
    matmul,
    mean,
    negative,
    reciprocal,
    sqrt,
    square,
    transpose,
)
from symgrad.rewrite.pattern import sum as sum_
from symgrad.rewrite.scalars import conform, direction, number, scaled

# ---------------------------------------------------------------- neutral elements


@rule("arithmetic", lambda x: x + 0, takes_complex=True)
def plus_zero(x: Expr) -> Expr:
    """x + 0 -> x."""
    return x


@rule("arithmetic", lambda x: x - 0, takes_complex=True)
def minus_zero(x: Expr) -> Expr:
    """x - 0 -> x."""
    return x


@rule("arithmetic", lambda x: 0 - x, takes_complex=True)
def zero_minus(x: Expr) -> Expr:
    """0 - x -> -x."""
    return -x


@rule("arithmetic", lambda x: x * 1, takes_complex=True)
def times_one(x: Expr) -> Expr:
    """x * 1 -> x."""
    return x


@rule("arithmetic", lambda x: x / 1, takes_complex=True)
def over_one(x: Expr, node: Expr) -> Expr | None:
    """x / 1 -> x."""
    return x if x.dtype == node.dtype else None


@rule("arithmetic", lambda x: x * -1, takes_complex=True)
def times_minus_one(x: Expr) -> Expr:
    """x * -1 -> -x."""
    return -x


@rule("arithmetic", lambda x: x / -1, takes_complex=True)
def over_minus_one(x: Expr, node: Expr) -> Expr | None:
    """x / -1 -> -x."""
    return -x if x.dtype == node.dtype else None


@rule("arithmetic", lambda x: x + x, takes_complex=True)
def twice(x: Expr) -> Expr:
    """x + x -> 2 x, which is exact."""
    return x * 2


# ---------------------------------------------------------------- signs, moved outward


@rule("arithmetic", lambda x: negative(negative(x)), takes_complex=True)
def minus_minus(x: Expr) -> Expr:
    """-(-x) -> x."""
    return x


@rule("arithmetic", lambda x, y: x + (-y), takes_complex=True)
def plus_minus(x: Expr, y: Expr) -> Expr:
    """x + (-y) -> x - y."""
    return x - y


@rule("arithmetic", lambda x, y: x - (-y), takes_complex=True)
def minus_negative(x: Expr, y: Expr) -> Expr:
    """x - (-y) -> x + y."""
    return x + y


@rule("arithmetic", lambda x, y: (-x) - y, takes_complex=True)
def negative_minus(x: Expr, y: Expr) -> Expr:
    """(-x) - y -> -(x + y)."""
    return -(x + y)


@rule("arithmetic", lambda x, y: (-x) * y, takes_complex=True)
def negative_times(x: Expr, y: Expr, node: Expr) -> Expr:
    """(-x) y -> -(x y)."""
    return -(y * x) if node.args[0] is y else -(x * y)


@rule("arithmetic", lambda x, y: x / y / y * y, extends_domain=True, domain=(0.1, 2.0))
def divided_once_too_often(x: Expr, y: Expr) -> Expr:
    """x / y / y * y -> x / y: what the chain rule makes of log(1 / y), finite where y is not."""
    return x / y


@rule("arithmetic", lambda x, y: (-x) / y, domain=(0.1, 2.0), takes_complex=True)
def negative_over(x: Expr, y: Expr) -> Expr:
    """(-x) / y -> -(x / y)."""
    return -(x / y)


@rule("arithmetic", lambda x, y: x / (-y), domain=(0.1, 2.0), takes_complex=True)
def over_negative(x: Expr, y: Expr) -> Expr:
    """x / (-y) -> -(x / y)."""
    return -(x / y)


@rule("arithmetic", lambda x, y: -(x - y), takes_complex=True)
def minus_difference(x: Expr, y: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """-(x - y) -> y - x, where the difference is not there anyway."""
    return y - x if run.uses(node.args[0]) == 1 else None


@rule("arithmetic", lambda x: square(-x), takes_complex=True)
def square_of_negative(x: Expr) -> Expr:
    """(-x)^2 -> x^2."""
    return square(x)


@rule("arithmetic", lambda x: absolute(-x), takes_complex=True)
def absolute_of_negative(x: Expr) -> Expr:
    """|-x| -> |x|."""
    return absolute(x)


@rule("arithmetic", lambda x: cos(-x))
def cos_of_negative(x: Expr) -> Expr:
    """cos(-x) -> cos(x)."""
    return cos(x)


@rule(
    "arithmetic", lambda x, y: matmul(-x, y), examples=(lambda x: (-x) @ x.T,), takes_complex=True
)
def negative_matmul(x: Expr, y: Expr) -> Expr:
    """(-A) B -> -(A B)."""
    return negative(matmul(x, y))


@rule(
    "arithmetic", lambda x, y: matmul(x, -y), examples=(lambda x: x.T @ (-x),), takes_complex=True
)
def matmul_negative(x: Expr, y: Expr) -> Expr:
    """A (-B) -> -(A B)."""
    return negative(matmul(x, y))


#: not broadcasts and new axes, which go after elementwise ops and so after signs
_LINEAR = ("sum", "mean", "cumsum", "reshape", "transpose")


@rule(
    "arithmetic",
    lambda x: anything(-x),
    examples=(lambda x: (-x).sum(axis=1), lambda x: transpose(-x), lambda x: (-x).mean()),
    takes_complex=True,
)
def negative_in_linear(x: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """sum(-x) -> -sum(x), and so for means and views."""
    if node.op.name not in _LINEAR or x.dtype != node.dtype:
        return None
    if run.uses(node.args[0]) > 1 and node.op.name not in ("sum", "mean"):
        return None
    return -rebuild(node, (x,))


@rule("arithmetic", lambda x, y: -mean(x - y), examples=(lambda x, y: -(x - y).mean(axis=1),))
def negative_of_mean(x: Expr, y: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """-mean(x - y) -> mean(y - x)."""
    return _turned(x, y, node, run)


@rule("arithmetic", lambda x, y: -sum_(x - y), examples=(lambda x, y: -(x - y).sum(axis=1),))
def negative_of_sum(x: Expr, y: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """-sum(x - y) -> sum(y - x)."""
    return _turned(x, y, node, run)


def _turned(x: Expr, y: Expr, node: Expr, run: Rewriter) -> Expr | None:
    reduction = node.args[0]
    if run.uses(reduction) > 1 or run.uses(reduction.args[0]) > 1:
        return None
    return rebuild(reduction, (y - x,))


@rule(
    "arithmetic",
    lambda x, y: x + y,
    examples=(lambda x, y: x + y * -3.0, lambda x, y: y / -3.0 + x, lambda x, y: x + -2.5),
)
def plus_negative_multiple(x: Expr, y: Expr, run: Rewriter) -> Expr | None:
    """x + y * -c -> x - y * c."""
    positive = _negated(y, run)
    return None if positive is None else x - positive


@rule(
    "arithmetic",
    lambda x, y: x - y,
    examples=(lambda x, y: x - y * -3.0, lambda x, y: x - y / -3.0, lambda x, y: x - -2.5),
)
def minus_negative_multiple(x: Expr, y: Expr, run: Rewriter) -> Expr | None:
    """x - y * -c -> x + y * c."""
    positive = _negated(y, run)
    return None if positive is None else x + positive


def _negated(y: Expr, run: Rewriter) -> Expr | None:
    """-y, where `y` is a negative literal or has a negative literal factor."""
    value = number(y)
    if value is not None:
        return literal(-y.attrs["value"].array) if value < 0 and y.dtype.kind == "f" else None
    if run.opaque(y) or y.op.name not in ("multiply", "divide") or y.dtype.kind != "f":
        return None
    left, right = y.args
    value = number(right)
    if value is None and run.uses(y) == run.uses(left) == 1:  # the factor stands further in
        positive = _negated(left, run) if number(left) is None else None
        return None if positive is None else rebuild(y, (positive, right))
    if value is None or not value < 0:
        return None
    return rebuild(y, (left, literal(-right.attrs["value"].array)))


# ---------------------------------------------------------------- literal factors


def _product(a: float, b: float) -> float | None:
    """a * b, where it is an ordinary number."""
    result = a * b
    return result if math.isfinite(result) and abs(result) > 1e-30 and abs(result) < 1e30 else None


@rule("arithmetic", lambda x, c=NUMBER: c * x, examples=(lambda x: 2.0 * x,))
def literal_last(x: Expr, c: Expr, node: Expr) -> Expr | None:
    """c * x -> x * c for a literal c: one form for the rules below."""
    return x * c if node.args[0] is c and x.op is not LITERAL else None


@rule(
    "arithmetic",
    lambda x, c=NUMBER: -(x * c),
    examples=(lambda x: -(x * 3.0), lambda x: -(x * -3.0)),
)
def minus_multiple(x: Expr, c: Expr) -> Expr | None:
    """-(x * c) -> x * -c for a literal c."""
    return x * literal(-c.attrs["value"].array) if _is_real(c) else None


@rule("arithmetic", lambda x, c=NUMBER: -(x / c), examples=(lambda x: -(x / 3.0),))
def minus_quotient(x: Expr, c: Expr) -> Expr | None:
    """-(x / c) -> x / -c for a literal c."""
    return x / literal(-c.attrs["value"].array) if _is_real(c) else None


@rule("arithmetic", lambda x, c=NUMBER: c / x, examples=(lambda x: -3.0 / (x + 3),))
def negative_inverse(x: Expr, c: Expr) -> Expr | None:
    """-c / x -> -(c / x) for a literal c: the sign may meet another one."""
    value = number(c)
    if value is None or not value < 0 or not _is_real(c):
        return None
    return -(literal(-c.attrs["value"].array) / x)


def _is_real(c: Expr) -> bool:
    return number(c) is not None and c.dtype.kind == "f"


def _merged(x: Expr, a: Expr, b: Expr, node: Expr, value: float | None) -> Expr | None:
    if value is None or not (_is_real(a) and _is_real(b)) or x.dtype != node.dtype:
        return None
    return x * literal(value, node.dtype)


@rule(
    "arithmetic", lambda x, a=NUMBER, b=NUMBER: (x * a) * b, examples=(lambda x: (x * 3.0) * 0.5,)
)
def multiple_of_multiple(x: Expr, a: Expr, b: Expr, node: Expr) -> Expr | None:
    """(x * a) * b -> x * (a b) for literals a, b."""
    p, q = number(a), number(b)
    return None if p is None or q is None else _merged(x, a, b, node, _product(p, q))


@rule(
    "arithmetic", lambda x, a=NUMBER, b=NUMBER: (x * a) / b, examples=(lambda x: (x * 3.0) / 2.0,)
)
def quotient_of_multiple(x: Expr, a: Expr, b: Expr, node: Expr) -> Expr | None:
    """(x * a) / b -> x * (a / b) for literals a, b; x / (b / a) where that is easier to read."""
    p, q = number(a), number(b)
    if p is None or not q:
        return None
    if p and (q / p).is_integer() and len(f"{p / q!r}") > len("-0.125") and x.dtype == node.dtype:
        real = _is_real(a) and _is_real(b) and abs(q / p) < 2**53
        return x / literal(q / p, node.dtype) if real else None
    return _merged(x, a, b, node, _product(p, 1 / q))


@rule(
    "arithmetic", lambda x, a=NUMBER, b=NUMBER: (x / a) * b, examples=(lambda x: (x / 3.0) * 3.0,)
)
def multiple_of_quotient(x: Expr, a: Expr, b: Expr, node: Expr) -> Expr | None:
    """(x / a) * b -> x * (b / a) for literals a, b; x / (a / b) where that is a whole number."""
    p, q = number(a), number(b)
    if not p or not q or x.dtype != node.dtype or not (_is_real(a) and _is_real(b)):
        return None
    if (p / q).is_integer() and abs(p / q) < 2**53:
        return x / literal(p / q, node.dtype)
    return _merged(x, a, b, node, _product(q / p, 1.0))


@rule(
    "arithmetic", lambda x, a=NUMBER, b=NUMBER: (x / a) / b, examples=(lambda x: (x / 3.0) / 2.0,)
)
def quotient_of_quotient(x: Expr, a: Expr, b: Expr, node: Expr) -> Expr | None:
    """(x / a) / b -> x / (a b) for literals a, b."""
    p, q = number(a), number(b)
    if p is None or q is None or not (_is_real(a) and _is_real(b)) or x.dtype != node.dtype:
        return None
    value = _product(p, q)
    return None if value is None else x / literal(value, node.dtype)


# ---------------------------------------------------------------- powers


@rule(
    "arithmetic",
    lambda x, a=NUMBER, b=NUMBER: (x + a) - b,
    extends_domain=True,
    examples=(lambda x: (x + 2.5) - 2.5,),
)
def plus_and_minus(x: Expr, a: Expr, b: Expr, node: Expr) -> Expr | None:
    """(x + a) - a -> x for a literal of ordinary size; with a large one, it rounds x on purpose."""
    p, q = number(a), number(b)
    plain = p is not None and p == q and abs(p) < 1e6 and x.aval == node.aval
    return x if plain and x.dtype.kind == "f" else None


def _inverse(x: Expr, a: Expr, b: Expr, node: Expr, value: float | None) -> Expr | None:
    if value is None or number(a) is None or not _is_real(b) or node.dtype.kind != "f":
        return None
    if x.dtype != node.dtype and x.dtype.kind not in "iu":  # a count, which is divided by as it is
        return None
    whole = a.dtype.kind in "iu" and x.dtype == a.dtype and value.is_integer()
    inverse = literal(int(value), a.dtype) / x if whole else literal(value, node.dtype) / x
    return inverse if inverse.aval == node.aval else None


def _over(a: Expr, b: Expr) -> float | None:
    p, q = number(a), number(b)
    return None if p is None or not q else _product(p, 1 / q)


@rule(
    "arithmetic",
    lambda x, a=NUMBER, b=NUMBER: a / (x * b),
    extends_domain=True,
    examples=(lambda x: 3.0 / (x * 2.0),),
    domain=(0.1, 2.0),
)
def inverse_of_multiple(x: Expr, a: Expr, b: Expr, node: Expr) -> Expr | None:
    """a / (x * b) -> (a / b) / x for literals a, b."""
    return _inverse(x, a, b, node, _over(a, b))


@rule(
    "arithmetic",
    lambda x, a=NUMBER, b=NUMBER: (a / x) / b,
    extends_domain=True,
    examples=(lambda x: (3.0 / x) / 2.0,),
    domain=(0.1, 2.0),
)
def quotient_of_inverse(x: Expr, a: Expr, b: Expr, node: Expr) -> Expr | None:
    """(a / x) / b -> (a / b) / x for literals a, b."""
    return _inverse(x, a, b, node, _over(a, b))


@rule(
    "arithmetic",
    lambda x, a=NUMBER, b=NUMBER: (a / x) * b,
    extends_domain=True,
    examples=(lambda x: (3.0 / x) * 2.0,),
    domain=(0.1, 2.0),
)
def multiple_of_inverse(x: Expr, a: Expr, b: Expr, node: Expr) -> Expr | None:
    """(a / x) * b -> (a b) / x for literals a, b."""
    p, q = number(a), number(b)
    return None if p is None or q is None else _inverse(x, a, b, node, _product(p, q))


@rule(
    "arithmetic",
    lambda x, a=NUMBER, b=NUMBER: a / (b / x),
    extends_domain=True,
    examples=(lambda x: 3.0 / (2.0 / x),),
    domain=(0.1, 2.0),
)
def inverse_of_inverse(x: Expr, a: Expr, b: Expr, node: Expr) -> Expr | None:
    """a / (b / x) -> x * (a / b) for literals a, b: also where b / x overflows."""
    return _merged(x, a, b, node, _over(a, b))


@rule("arithmetic", lambda x: x**1, takes_complex=True)
def power_one(x: Expr) -> Expr:
    """x^1 -> x."""
    return x


@rule("arithmetic", lambda x: x**0, takes_complex=True)
def power_zero(x: Expr, node: Expr) -> Expr:
    """x^0 -> 1, also of NaN."""
    return conform(literal(1, node.dtype), node)


@rule("arithmetic", lambda x: x**0.5, domain=(0.1, 2.0))
def power_half(x: Expr) -> Expr:
    """x^(1/2) -> sqrt(x)."""
    return sqrt(x)


@rule("stability", lambda x: x**-1, domain=(0.1, 2.0))
@rule("arithmetic", lambda x: x**-1, domain=(0.1, 2.0))
def power_minus_one(x: Expr, node: Expr) -> Expr | None:
    """x^-1 -> 1 / x."""
    return 1 / x if x.dtype.kind == "f" else None


@rule("arithmetic", lambda x, y: y * reciprocal(x), domain=(0.1, 2.0))
def times_reciprocal(x: Expr, y: Expr, node: Expr) -> Expr | None:
    """y * (1 / x) -> y / x."""
    return y / x if x.dtype.kind == "f" else None


@rule("stability", lambda x, y: y * (1 / x), domain=(0.1, 2.0))
@rule("arithmetic", lambda x, y: y * (1 / x), domain=(0.1, 2.0))
def times_inverse(x: Expr, y: Expr) -> Expr | None:
    """y * (1 / x) -> y / x."""
    return y / x if x.dtype.kind == "f" else None


# ---------------------------------------------------------------- like terms


@rule(
    "arithmetic",
    lambda x, y: x + y,
    extends_domain=True,
    examples=(lambda x: x * 0.25 + x * 0.5, lambda x: x + x * 3.0, lambda x: x / 2.0 + x),
)
def sum_of_multiples(x: Expr, y: Expr, run: Rewriter) -> Expr | None:
    """a x + b x -> (a + b) x for literals a, b."""
    return _like_terms(x, y, 1.0, run)


@rule(
    "arithmetic",
    lambda x, y: x - y,
    extends_domain=True,
    examples=(lambda x: x * 0.25 - x * 0.5, lambda x: x - x * 3.0, lambda x: x / 2.0 - x),
)
def difference_of_multiples(x: Expr, y: Expr, run: Rewriter) -> Expr | None:
    """a x - b x -> (a - b) x for literals a, b."""
    return _like_terms(x, y, -1.0, run)


def _like_terms(x: Expr, y: Expr, sign: float, run: Rewriter) -> Expr | None:
    if x is y or x.dtype.kind != "f" or x.aval != y.aval or run.opaque(x) or run.opaque(y):
        return None
    (u, a), (v, b) = direction(x), direction(y)
    total = a + sign * b
    # nothing is left of x - x but its NaN and inf, which must stay
    return scaled(u, total) if u is v and total != 0 else None
