"""Constant folding: what is known at compile time is computed then, if it stays small."""

from __future__ import annotations

import numpy as np

from symgrad.ir.aval import Avals
from symgrad.ir.node import LITERAL, Expr, literal
from symgrad.ops.interpret import evaluate_node
from symgrad.rewrite.engine import rule
from symgrad.rewrite.pattern import anything

#: a literal of more elements would make the source longer than the call that computes it
LIMIT = 1024

#: these print better than their values
_READABLE = frozenset({"broadcast_to", "full", "tile", "repeat", "one_hot", "named", "getitem"})


@rule(
    "folding",
    lambda *args: anything(*args),
    only=lambda op, below: set(below) == {"literal"},
    examples=(
        lambda x: x * (literal(2.0) + literal(3.0)),
        lambda x: x + np.sqrt(literal([1.0, 2.0, 3.0, 4.0])).sum(),
    ),
)
def fold(args: tuple[Expr, ...], node: Expr) -> Expr | None:
    """An op on literals -> its value."""
    if not args or node.op.composite or node.op.name in _READABLE:
        return None
    if isinstance(node.aval, Avals):
        return None
    biggest = 1
    for arg in args:
        if arg.op is not LITERAL or "name" in arg.attrs:
            return None
        biggest = max(biggest, arg.attrs["value"].array.size)
    size = node.size
    if not isinstance(size, int) or size > min(biggest, LIMIT):
        return None
    value = evaluate_node(node, [arg.attrs["value"].array for arg in args])
    if not np.all(np.isfinite(value)):
        return None  # the user sees the warning where it belongs: at the call
    return literal(value)
