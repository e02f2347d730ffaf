"""Where a factor costs least: literals at the smallest array, what does not vary outside of sums.

Applied after differentiation: the chain rule multiplies whole arrays by each factor in its turn.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from symgrad.ir.node import LITERAL, Expr
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import NUMBER, anything, divide, multiply, squeeze
from symgrad.rewrite.rows import is_unit, rows
from symgrad.rewrite.scalars import number
from symgrad.rewrite.shape import rebuild_with

#: factors of a product at most
_MANY = 10


def _is_free(c: Expr, run: Rewriter, *products: Expr) -> bool:
    """Whether a literal may leave its place: the products are floating and used here alone."""
    return c.dtype.kind == "f" and all(
        [p.dtype == c.dtype and run.uses(p) == 1 and not run.opaque(p) for p in products]
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


@rule(
    "algebra",
    lambda x, y, c=NUMBER: (x * c) / y,
    extends_domain=True,
    examples=(lambda x, y: x * 2.5 / y[0],),
    domain=(0.1, 2.0),
)
def multiple_over(x: Expr, y: Expr, c: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """(x * c) / y -> x * (c / y), for y smaller than x: one operation less on all of x."""
    if not (_is_factor(x) and _is_factor(y) and _is_free(c, run, node.args[0])):
        return None
    if y.dtype != node.dtype or x.shape != node.shape or y.shape == node.shape:
        return None
    if y.op.name == "size":  # a number divided by a size of 0 is an error in Python
        return None
    return x * (c / y) if (number(c) or -1) > 0 else None


@rule(
    "algebra",
    lambda x, y, c=NUMBER: x / y * c,
    extends_domain=True,
    examples=(lambda x, y: x / y[0] * 2.5,),
    domain=(0.1, 2.0),
)
def multiple_of_ratio(x: Expr, y: Expr, c: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """x / y * c -> (x * c) / y, for y smaller than x: of two orders, one."""
    if not (_is_factor(x) and _is_factor(y) and _is_free(c, run, node.args[0])):
        return None
    smaller = x.shape == node.shape and y.shape != node.shape and x.dtype == node.dtype
    return x * c / y if smaller else None


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


def _factors(node: Expr, run: Rewriter) -> list[tuple[Expr, bool]]:
    """What a product is made of, in order, and whether it divides; single uses are opened."""
    found: list[tuple[Expr, bool]] = []
    waiting = [(node, False)]
    while waiting:
        part, below = waiting.pop()
        opened = part.op.name in ("multiply", "divide") and part.dtype == node.dtype
        free = part is node or (run.uses(part) == 1 and not run.opaque(part))
        if opened and free and len(found) + len(waiting) < _MANY:
            left, right = part.args
            waiting.append((right, below != (part.op.name == "divide")))
            waiting.append((left, below))
        else:
            found.append((part, below))
    return found


def _varies(x: Expr, ndim: int, axes: tuple[int, ...]) -> bool:
    """Whether an array, broadcast to so many axes, has others than equal elements along some."""
    first = ndim - x.ndim
    return any(axis >= first and not is_unit(x.shape[axis - first]) for axis in axes)


def _is_scale(x: Expr, run: Rewriter) -> bool:
    """Whether it may stand in a sum so that this does not overflow."""
    return rows(x, run).op.name in ("max", "min", "maximum", "minimum", "stop_gradient", "gauge")


def _times(whole: Expr, factors: list[tuple[Expr, bool]]) -> Expr:
    for x, below in factors:
        whole = divide(whole, x) if below else multiply(whole, x)
    return whole


def _along(x: Expr, ndim: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of an array that is broadcast to so many that are among `axes`."""
    first = ndim - x.ndim
    return tuple([axis - first for axis in axes if axis >= first])


@rule(
    "algebra",
    lambda x: anything(x),
    only=lambda op, below: op in ("sum", "mean") and below[0] in ("multiply", "divide"),
    extends_domain=True,
    examples=(
        lambda x, y: (x * y.sum(axis=1, keepdims=True)).sum(axis=1, keepdims=True),
        lambda x, y: (x * (x / y.sum(axis=1, keepdims=True))).sum(axis=1),
        lambda x, y: (x * y[0]).mean(axis=0),
        lambda x, y: (x / y[0, 0] * y).sum(),
    ),
    domain=(0.1, 2.0),
)
def constant_out_of_sum(x: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """sum(x * f) -> sum(x) * f, for a factor or divisor f that is the same along the axes."""
    axes = node.attrs["axis"]
    if x.dtype.kind != "f" or x.dtype != node.dtype or run.uses(x) > 1 or run.opaque(x):
        return None
    factors = _factors(x, run)
    inside: list[tuple[Expr, bool]] = []
    outside: list[tuple[Expr, bool]] = []
    for f, below in factors:
        stays = _varies(f, x.ndim, axes) or _is_scale(f, run)
        (inside if stays else outside).append((f, below))
    over = [i for i, (_, below) in enumerate(inside) if not below]
    if not outside or not over or any(is_unit(x.shape[axis]) for axis in axes):
        return None
    first, _ = inside.pop(over[0])
    summand = _times(first, inside)
    keepdims = node.attrs["keepdims"]
    total = rebuild_with(node, summand, _along(summand, x.ndim, axes), keepdims)
    if not keepdims:
        outside = [(_without(f, x.ndim, axes), below) for f, below in outside]
    whole = _times(total, outside)
    return whole if whole.shape == node.shape else None


def _without(x: Expr, ndim: int, axes: tuple[int, ...]) -> Expr:
    own = _along(x, ndim, axes)
    return squeeze(x, own) if own else x
