"""Products and sums regrouped by what their parts depend on: ``A sin(x) / x``, ``A (sin(x) / x)``.

A person, and SymPy, write an amplitude first. The part of one variable that cancels near 0 is then
no part of the graph; here it becomes one, where that mends something.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from functools import reduce

from symgrad.ir.node import LITERAL, Expr
from symgrad.ops.univariate import Formula
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import cos, divide, exp, multiply, sin, square
from symgrad.rewrite.univariate import base

#: factors of a product at most
_MANY = 10

#: a factor, and whether it divides
Factor = tuple[Expr, bool]


def _factors(node: Expr, run: Rewriter) -> list[Factor] | None:
    """What a product or quotient is made of, in the order in which it is written."""
    found: list[Factor] = []
    waiting: list[Factor] = [(node, False)]
    while waiting:
        part, below = waiting.pop()
        name = part.op.name
        if part.dtype != node.dtype or len(found) + len(waiting) > _MANY:
            return None
        if name in ("multiply", "divide") and (part is node or not run.opaque(part)):
            left, right = part.args
            waiting.append((right, below != (name == "divide")))
            waiting.append((left, below))
        else:
            found.append((part, below))
    return found


def _product(factors: list[Factor]) -> Expr | None:
    """The factors as one quotient; None for no factor above."""
    above = [f for f, below in factors if not below]
    under = [f for f, below in factors if below]
    if not above:
        return None if not under else 1 / reduce(multiply, under)
    whole = reduce(multiply, above)
    return divide(whole, reduce(multiply, under)) if under else whole


def _without(factors: list[Factor], taken: list[Factor]) -> list[Factor]:
    """The factors that are not taken, by identity: each of those takes one."""
    left = list(factors)
    for x, below in taken:
        for i, (y, under) in enumerate(left):
            if y is x and below == under:
                del left[i]
                break
    return left


def _is_power(x: Expr, variable: Expr) -> bool:
    return x is variable or (
        x.op.name in ("square", "power", "reciprocal") and x.args[0] is variable
    )


def _is_mended(part: Expr, variable: Expr) -> bool:
    formula = Formula(part, variable)
    return formula.is_unstable and formula.needed


@rule(
    "univariate",
    lambda a, b: a / b,
    extends_domain=True,
    examples=(
        lambda x, y: y * sin(x) / x,
        lambda x, y: y * x / (exp(x) - 1),
        lambda x, y: y * (1 - cos(x)) / square(x),
    ),
    domain=(0.1, 2.0),
)
def quotient_by_variables(a: Expr, b: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """(y f(x)) / g(x) -> y (f(x) / g(x)), where the quotient is one that cancels somewhere."""
    return _grouped(node, run)


@rule(
    "univariate",
    lambda a, b: a * b,
    extends_domain=True,
    examples=(
        lambda x, y: sin(x) * (y / x),
        lambda x, y: (1 / x) * (y * sin(x)),
    ),
    domain=(0.1, 2.0),
)
def product_by_variables(a: Expr, b: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """f(x) (y / g(x)) -> y (f(x) / g(x)), where the quotient is one that cancels somewhere."""
    return _grouped(node, run)


def _grouped(node: Expr, run: Rewriter) -> Expr | None:
    if node.dtype.kind != "f":
        return None
    factors = _factors(node, run)
    if factors is None or len(factors) < 3:
        return None
    groups: dict[Expr, list[Factor]] = {}
    for factor in factors:
        if factor[0].op is not LITERAL:
            groups.setdefault(base(factor[0], run).node, []).append(factor)
    if len(groups) < 2:
        return None
    for variable, group in groups.items():
        part = _product(group) if len(group) > 1 else None
        if all([_is_power(factor, variable) for factor, _ in group]):
            continue  # a power of the variable, which cancels nowhere
        if part is None or part.shape != variable.shape or not _is_mended(part, variable):
            continue
        rest = _product(_without(factors, group))
        made = part if rest is None else multiply(rest, part)
        return made if made.aval == node.aval else None
    return None


@rule(
    "univariate",
    lambda a, b: a - b,
    extends_domain=True,
    examples=(lambda x, y: y / sin(x) - y / x, lambda x, y: y * exp(x) - y * cos(x)),
    domain=(0.1, 2.0),
)
def difference_by_variables(a: Expr, b: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """y f(x) - y g(x) -> y (f(x) - g(x)), where the difference is one that cancels somewhere."""
    return _common(node, run, False)


@rule(
    "univariate",
    lambda a, b: a + b,
    extends_domain=True,
    examples=(lambda x, y: y * exp(x) + y * (cos(x) - 2),),
    domain=(0.1, 2.0),
)
def sum_by_variables(a: Expr, b: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """y f(x) + y g(x) -> y (f(x) + g(x)), where the sum is one that cancels somewhere."""
    return _common(node, run, True)


def _common(node: Expr, run: Rewriter, plus: bool) -> Expr | None:
    """The sum or difference of two products with the factors that they share taken out."""
    if node.dtype.kind != "f" or any(run.opaque(arg) for arg in node.args):
        return None
    parts = [_factors(arg, run) for arg in node.args]
    left, right = parts
    if left is None or right is None or max(len(left), len(right)) < 2:
        return None
    shared = _without(left, _without(left, right))  # as often as both have it
    shared = [f for f in shared if f[0].op is not LITERAL]
    ends = [_product(_without(part, shared)) for part in (left, right)]
    one, other = [end for end in ends if end is not None] if None not in ends else (None, None)
    common = _product(shared)
    if one is None or other is None or common is None or one.shape != other.shape:
        return None
    variable = base(one, run).node
    if base(other, run).node is not variable or variable.shape != one.shape:
        return None
    part = one + other if plus else one - other
    if not _is_mended(part, variable):
        return None
    made = multiply(common, part)
    return made if made.aval == node.aval else None
