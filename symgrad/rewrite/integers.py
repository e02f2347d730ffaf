"""Sums of integers and literals: counts, of which one is taken here and added again there."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from symgrad.ir.node import LITERAL, Expr, literal
from symgrad.ops.leaf import SLOT, STATE
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import NUMBER, astype


def _of(x: Expr) -> Expr:
    return astype(x, "int64")


@rule(
    "arithmetic",
    lambda x, c=NUMBER: x + c,
    only=lambda op, below: below[0] in ("add", "subtract"),
    examples=(lambda x: (_of(x) + 3) + 4, lambda x: (_of(x) - 1) + 1, lambda x: (_of(x) - 3) + 1),
)
def sum_plus_integer(x: Expr, c: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """(n + a) + b -> n + (a + b), of integers, which wrap alike in any order."""
    return _merged(x, c, 1, node, run)


@rule(
    "arithmetic",
    lambda x, c=NUMBER: x - c,
    only=lambda op, below: below[0] in ("add", "subtract"),
    examples=(lambda x: (_of(x) + 1) - 1, lambda x: (_of(x) + 1) - 3, lambda x: (_of(x) - 3) - 1),
)
def sum_less_integer(x: Expr, c: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """(n + a) - b -> n + (a - b), of integers."""
    return _merged(x, c, -1, node, run)


def _merged(total: Expr, c: Expr, sign: int, node: Expr, run: Rewriter) -> Expr | None:
    if run.opaque(total) or total.op.name not in ("add", "subtract"):
        return None
    x, a = total.args
    if a.op is not LITERAL or a.shape or "name" in a.attrs or node.dtype.kind != "i":
        return None
    if not a.dtype == c.dtype == x.dtype == node.dtype or x.aval != node.aval:
        return None
    p, q = (int(one.attrs["value"].array) for one in (a, c))
    value = sign * q + (p if total.op.name == "add" else -p)
    if abs(value) > np.iinfo(node.dtype).max:
        return None
    if x.op in (SLOT, STATE) and total.op.name == "add":
        return None  # its new value is at hand when the old one is written over
    if not value:
        return x
    return x + literal(value, x.dtype) if value > 0 else x - literal(-value, x.dtype)
