"""Softmax beside log-sum-exp: exponentials that both take are taken once.

The two shift differently: log-sum-exp has a value where all elements are -inf, the others are NaN.
Where they stand in one graph, all take the shift that gives a value.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import log_softmax, logsumexp, softmax


def _made(name: str, x: Expr, axis: Any) -> Expr:
    return make(OPS[name], (x,), {"axis": axis})


def _is_beside(x: Expr, axis: Any, run: Rewriter) -> bool:
    sums = [logsumexp(x, axis=axis, keepdims=keepdims) for keepdims in (False, True)]
    return any(run.has(node) for node in (*sums, _made("logsumexp_weights", x, axis)))


@rule(
    "algebra",
    lambda x, axis: softmax(x, axis=axis),
    extends_domain=True,
    examples=(lambda x: softmax(x, axis=1) + logsumexp(x, axis=1, keepdims=True),),
)
def softmax_beside_logsumexp(x: Expr, axis: Any, node: Expr, run: Rewriter) -> Expr | None:
    """softmax(x) -> the gradient of logsumexp(x), where that stands in the graph too."""
    return _made("logsumexp_weights", x, axis) if _is_beside(x, axis, run) else None


@rule(
    "algebra",
    lambda x, axis: log_softmax(x, axis=axis),
    extends_domain=True,
    examples=(lambda x: log_softmax(x, axis=1) + logsumexp(x, axis=1, keepdims=True),),
)
def log_softmax_beside_logsumexp(x: Expr, axis: Any, node: Expr, run: Rewriter) -> Expr | None:
    """log softmax(x) -> the same of the parts of logsumexp(x), where that stands in the graph."""
    beside = _is_beside(x, axis, run)
    return _made("logsumexp_log_weights", x, axis) if beside else None
