"""Where a factor costs least: literals at the smallest array, what does not vary outside of sums.

Applied after differentiation: the chain rule multiplies whole arrays by each factor in its turn.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Callable

from symgrad.ir.node import LITERAL, Expr
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import NUMBER, anything, divide, multiply, squeeze
from symgrad.rewrite.rows import is_unit, rows
from symgrad.rewrite.scalars import number
from symgrad.rewrite.shape import rebuild_with

#: factors, and whether they divide
Peel = list[tuple[Expr, bool]]


def _is_free(c: Expr, run: Rewriter, *products: Expr) -> bool:
    """Whether a literal may leave its place: of ordinary size, in products used here alone."""
    ordinary = 1e-6 < abs(number(c) or 0.0) < 1e6  # else its product may be out of range
    return ordinary and all(
        [
            p.dtype == c.dtype and p.dtype.kind == "f" and run.uses(p) == 1 and not run.opaque(p)
            for p in products
        ]
    )


def _is_factor(x: Expr) -> bool:
    return x.op is not LITERAL


# ---------------------------------------------------------------- literals


@rule(
    "algebra",
    lambda x, y, c=NUMBER: x * (y * c),
    examples=(lambda x, y: x[0] * (y * 2.0), lambda x, y: (y * 2.0) * x, lambda x, y: x * (y * 3)),
)
def multiple_in_product(x: Expr, y: Expr, c: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """x * (y * c) -> (x * c) * y, for x smaller than y; (x * y) * c, where they are alike."""
    inner = node.args[0] if node.args[1] is x else node.args[1]
    if not (_is_factor(x) and _is_factor(y) and _is_free(c, run, inner)):
        return None
    if x.dtype != node.dtype or y.shape != node.shape:
        return None
    first, second = (y, x) if node.args[1] is x else (x, y)
    if x.op.name == "broadcast_to":
        return None  # which goes outside, and leaves a number behind
    if x.shape == y.shape:
        return first * second * c
    return (x * c) * y if first is x else y * (x * c)


@rule(
    "algebra",
    lambda x, y, c=NUMBER: (x * y) * c,
    examples=(lambda x, y: (x[0] * y) * 2.0, lambda x, y: (y * x[0]) * 2.0),
)
def multiple_of_product(x: Expr, y: Expr, c: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """(x * y) * c -> (x * c) * y, for x smaller than y."""
    product = node.args[0] if node.args[1] is c else node.args[1]
    if not (_is_factor(x) and _is_factor(y) and _is_free(c, run, product)):
        return None
    if x.dtype != y.dtype or x.shape == node.shape or y.shape != node.shape:
        return None
    return (x * c) * y if product.args[0] is x else y * (x * c)


@rule(
    "algebra",
    lambda x, y, c=NUMBER: x * (c / y),
    extends_domain=True,
    examples=(lambda x, y: x * (2.5 / y),),
    domain=(0.1, 2.0),
)
def inverse_in_product(x: Expr, y: Expr, c: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """x * (c / y) -> (x / y) * c, where c may meet another literal."""
    inner = node.args[0] if node.args[1] is x else node.args[1]
    if not (_is_factor(x) and _is_free(c, run, inner)) or x.dtype != node.dtype:
        return None
    return x / y * c if x.shape == y.shape == node.shape else None


def _past(x: Expr, y: Expr, c: Expr, node: Expr, run: Rewriter) -> bool:
    quotient = node.args[0]
    free = _is_factor(x) and _is_factor(y) and _is_free(c, run, quotient, quotient.args[0])
    return free and x.shape == node.shape and x.dtype == node.dtype


@rule(
    "algebra",
    lambda x, y, c=NUMBER, d=NUMBER: (x * c) / y * d,
    extends_domain=True,
    examples=(lambda x, y: x * 2.5 / y * 2.0,),
    domain=(0.1, 2.0),
)
def multiples_past_divisor(
    x: Expr, y: Expr, c: Expr, d: Expr, node: Expr, run: Rewriter
) -> Expr | None:
    """(x * c) / y * d -> (x * c * d) / y for literals c, d, which merge."""
    return x * c * d / y if _past(x, y, c, node, run) else None


@rule(
    "algebra",
    lambda x, y, c=NUMBER, d=NUMBER: (x * c) / y / d,
    extends_domain=True,
    examples=(lambda x, y: x * 2.5 / y / 2.0,),
    domain=(0.1, 2.0),
)
def quotients_past_divisor(
    x: Expr, y: Expr, c: Expr, d: Expr, node: Expr, run: Rewriter
) -> Expr | None:
    """(x * c) / y / d -> (x * c / d) / y for literals c, d, which merge."""
    return x * c / d / y if _past(x, y, c, node, run) else None


# ---------------------------------------------------------------- what does not vary


def _varies(x: Expr, ndim: int, axes: tuple[int, ...]) -> bool:
    """Whether an array, broadcast to so many axes, has others than equal elements along some."""
    first = ndim - x.ndim
    return any(axis >= first and not is_unit(x.shape[axis - first]) for axis in axes)


def _is_scale(x: Expr, run: Rewriter) -> bool:
    """Whether it may stand in a sum so that this does not overflow."""
    return rows(x, run).op.name in ("max", "min", "maximum", "minimum", "stop_gradient", "gauge")


def _peeled(x: Expr, constant: Callable[[Expr], bool], run: Rewriter) -> tuple[Expr, Peel]:
    """A summand without its constant factors and divisors, and these, the outermost first.

    They are taken where nothing else is then multiplied that was not before: what is left of
    ``x * (f / d)`` without `d` could be out of range, but not where `f` is a quotient by `d` too.
    """
    found: Peel = []
    while run.uses(x) == 1 and not run.opaque(x) and x.op.name in ("multiply", "divide"):
        left, right = x.args
        below = x.op.name == "divide"
        if constant(right) and left.dtype == x.dtype and left.shape == x.shape:
            found.append((right, below))
            x = left
        elif not below and constant(left) and right.dtype == x.dtype and right.shape == x.shape:
            found.append((left, False))
            x = right
        else:
            break
    if x.op.name == "multiply" and run.uses(x) == 1 and not run.opaque(x):
        for part, other in (x.args, x.args[::-1]):
            if part.op.name != "divide" or run.uses(part) > 1 or run.opaque(part):
                continue
            f, d = part.args
            if constant(d) and f.op.name == "divide" and f.args[1] is d and f.shape == part.shape:
                x = f * other if x.args[0] is part else other * f
                return x, [*found, (d, True)]
    return x, found


@rule(
    "algebra",
    lambda x: anything(x),
    only=lambda op, below: op in ("sum", "mean") and below[0] in ("multiply", "divide"),
    extends_domain=True,
    examples=(
        lambda x, y: (x * y.sum(axis=1, keepdims=True)).sum(axis=1, keepdims=True),
        lambda x, y: (x / y.sum(axis=1, keepdims=True)).sum(axis=1),
        lambda x, y: (x * (y / x.sum(1, keepdims=True) / x.sum(1, keepdims=True))).sum(axis=1),
        lambda x, y: (x * y[0]).mean(axis=0),
        lambda x, y: (y * x / y[0, 0]).sum(),
    ),
    domain=(0.1, 2.0),
)
def constant_out_of_sum(x: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """sum(x * f) -> sum(x) * f, for a factor or divisor f that is the same along the axes."""
    axes = node.attrs["axis"]
    if x.dtype.kind != "f" or x.dtype != node.dtype or any(is_unit(x.shape[a]) for a in axes):
        return None

    def constant(f: Expr) -> bool:
        if f.dtype != x.dtype or _varies(f, x.ndim, axes) or _is_scale(f, run):
            return False
        return f.op is not LITERAL or 1e-6 < abs(number(f) or 0.0) < 1e6

    summand, taken = _peeled(x, constant, run)
    if not taken:
        return None
    keepdims = node.attrs["keepdims"]
    whole = rebuild_with(node, summand, axes, keepdims)
    for f, below in reversed(taken):
        own = () if keepdims else tuple(a - x.ndim + f.ndim for a in axes if a >= x.ndim - f.ndim)
        f = squeeze(f, own) if own else f
        whole = divide(whole, f) if below else multiply(whole, f)
    return whole if whole.shape == node.shape else None
