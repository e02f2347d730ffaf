"""What is undone again: ``x / y * y``, ``x y / (y z)``, ``x^2 / x``, ``e^(log x)``.

Rounding, overflow and the 0 / 0 of a factor that has no part in the result go with it; its NaN
stays. Sums are left alone: ``(x + y) - y`` rounds x, on purpose in compensated summation.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

from symgrad.ir.node import LITERAL, Expr, literal
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import NUMBER, exp, isnan, log, power, reciprocal, sqrt, square, where
from symgrad.rewrite.scalars import conform, number

#: how deep a product is looked into, and the greatest power that is taken apart
_DEPTH, _POWER = 8, 6

#: what may hold several factors, or one several times
_COMPOUND = frozenset({"multiply", "divide", "negative", "reciprocal", "square", "power"})

#: base -> exponent
Powers = dict[Expr, int]


def _power_of(part: Expr) -> tuple[Expr, int] | None:
    """The base and the exponent of a whole power."""
    if part.op is LITERAL or part.op.name == "exp":
        return None  # numbers are merged elsewhere, and exponentials by their exponents
    if part.op.name == "square":
        return part.args[0], 2
    if part.op.name == "power":
        n = number(part.args[1])
        if n is not None and n.is_integer() and 0 < abs(n) <= _POWER:
            return part.args[0], int(n)
    return part, 1


def _powers(node: Expr, run: Rewriter) -> Powers:
    """The factors of a product or quotient, and how often each is in it."""
    found: Powers = {}
    waiting = [(node, 1, _DEPTH)]
    while waiting:
        part, sign, depth = waiting.pop()
        name = part.op.name
        if run.opaque(part) or not depth or any([a.dtype != part.dtype for a in part.args]):
            found[part] = found.get(part, 0) + sign
        elif name in ("multiply", "divide", "negative", "reciprocal"):
            first = -sign if name == "reciprocal" else sign
            waiting.append((part.args[0], first, depth - 1))
            if len(part.args) > 1:
                waiting.append((part.args[1], sign if name == "multiply" else -sign, depth - 1))
        elif (power := _power_of(part)) is not None:
            found[power[0]] = found.get(power[0], 0) + sign * power[1]
    return found


def _without(node: Expr, base: Expr, n: int, run: Rewriter) -> Expr | None:
    """``node / base^n``, the rest as it was written; None for 1."""
    if n == 0:
        return node
    match node.op.name:
        case "multiply" | "divide" if node is not base:
            left, right = node.args
            sign = 1 if node.op.name == "multiply" else -1
            first = _powers(left, run).get(base, 0)
            taken = min(max(first, 0), n) if n > 0 else max(min(first, 0), n)
            a = _without(left, base, taken, run)
            b = _without(right, base, sign * (n - taken), run)
            if b is None:
                return a
            if a is None:
                return b if sign > 0 else 1 / b
            return a * b if sign > 0 else a / b
        case "negative" | "reciprocal" if node is not base:
            negated = node.op.name == "negative"
            rest = _without(node.args[0], base, n if negated else -n, run)
            if rest is None:
                return literal(-1.0 if negated else 1.0, node.dtype)
            return -rest if negated else reciprocal(rest)
    found = _power_of(node)
    left_over = (1 if node is base or found is None else found[1]) - n
    match left_over:
        case 0:
            return None
        case 1:
            return base
        case 2:
            return square(base)
    return power(base, float(left_over))


def _cancelled(node: Expr, run: Rewriter) -> Expr | None:
    if node.dtype.kind != "f" or any([arg.dtype != node.dtype for arg in node.args]):
        return None
    sign = 1 if node.op.name == "multiply" else -1
    left, right = node.args
    if left.op.name not in _COMPOUND and right.op.name not in _COMPOUND:
        return None  # the most frequent case, and nothing to look into
    above, below = _powers(left, run), _powers(right, run)
    for base, p in above.items():
        q = sign * below.get(base, 0)
        if p * q >= 0 or (left is base and right is base):
            continue  # x / x is exact as it stands
        n = min(abs(p), abs(q)) * (1 if p > 0 else -1)
        a, b = _without(left, base, n, run), _without(right, base, -n * sign, run)
        one = literal(1.0, node.dtype)
        if b is None:
            rest = one if a is None else a
        elif sign > 0:
            rest = b if a is None else a * b
        else:
            rest = (one if a is None else a) / b
        if p + q == 0 and base.op.name != "size":
            rest = where(isnan(base), math.nan, rest)
        return conform(rest, node)
    return None


@rule(
    "stability",
    lambda a, b: a * b,
    extends_domain=True,
    examples=(
        lambda x, y: x / y * y,
        lambda x, y: y * (x / y),
        lambda x, y: square(x) * (y / x),
    ),
    domain=(0.1, 2.0),
)
def product_cancels(a: Expr, b: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """x / y * y -> x, NaN where y is."""
    return _cancelled(node, run)


@rule(
    "stability",
    lambda a, b: a / b,
    extends_domain=True,
    examples=(
        lambda x, y: x * y / y,
        lambda x, y: x * y / (y * y * 3.0),
        lambda x, y: x / (y * x),
        lambda x: x**3 / square(x),
    ),
    domain=(0.1, 2.0),
)
def quotient_cancels(a: Expr, b: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """x y / y -> x, NaN where y is; x^3 / x^2 -> x."""
    return _cancelled(node, run)


# ---------------------------------------------------------------- exponentials of logarithms


@rule("stability", lambda x: exp(log(x)), domain=(0.1, 2.0))
def exp_of_log(x: Expr, node: Expr) -> Expr | None:
    """e^(log x) -> x, NaN where x < 0: the error of a large logarithm is not multiplied."""
    return where(x < 0, math.nan, x) if x.dtype == node.dtype else None


@rule(
    "stability",
    lambda x, c=NUMBER: exp(log(x) * c),
    domain=(0.1, 2.0),
    examples=(lambda x: exp(log(x) * 2.5), lambda x: exp(log(x) * -2.0)),
)
def exp_of_multiple_of_log(x: Expr, c: Expr, node: Expr) -> Expr | None:
    """e^(c log x) -> x^c, NaN where x < 0."""
    return _raised(x, number(c), node)


@rule(
    "stability",
    lambda x, c=NUMBER: exp(log(x) / c),
    domain=(0.1, 2.0),
    examples=(lambda x: exp(log(x) / 2.0),),
)
def exp_of_part_of_log(x: Expr, c: Expr, node: Expr) -> Expr | None:
    """e^(log(x) / c) -> x^(1 / c), NaN where x < 0."""
    n = number(c)
    return _raised(x, 1 / n, node) if n else None


def _raised(x: Expr, n: float | None, node: Expr) -> Expr | None:
    if n is None or x.dtype != node.dtype or not 0 < abs(n) <= _POWER:
        return None
    if n == 0.5:
        return sqrt(x)
    if n < 0 and n % 2 == 1:
        return None  # of -0, the power is -inf
    return where(x < 0, math.nan, power(x, n))  # (-inf)^2.5 is inf
