"""Stabilisation of softmax, its logarithm, log-sum-exp and softplus: shifts and differences."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.graph import rebuild
from symgrad.ir.node import LITERAL, Expr, literal
from symgrad.ir.size import product
from symgrad.ops.leaf import STOP_GRADIENT
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import (
    exp,
    log,
    log_sigmoid,
    log_softmax,
    logaddexp,
    logmeanexp,
    logsumexp,
    sigmoid,
    softmax,
    softplus,
)
from symgrad.rewrite.rows import indexes_rows, rows, same_rows
from symgrad.rewrite.scalars import scaled

# ---------------------------------------------------------------- softmax and its logarithm


@rule(
    "stability",
    lambda x, axis: exp(log_softmax(x, axis=axis)),
    examples=(lambda x: exp(log_softmax(x, axis=1)),),
)
def exp_of_log_softmax(x: Expr, axis: Any) -> Expr:
    """exp(log softmax(x)) -> softmax(x)."""
    return softmax(x, axis=axis)


@rule("stability", lambda x: exp(-softplus(x)))
def exp_of_minus_softplus(x: Expr) -> Expr:
    """exp(-log(1 + e^x)) -> s(-x)."""
    return sigmoid(scaled(x, -1))


@rule("stability", lambda x: exp(log_sigmoid(x)))
def exp_of_log_sigmoid(x: Expr) -> Expr:
    """exp(log s(x)) -> s(x)."""
    return sigmoid(x)


def _is_shift(c: Expr, x: Expr, axes: tuple[int, ...], node: Expr) -> bool:
    """Whether `c`, added to `x`, is the same along `axes`."""
    lead = node.ndim - c.ndim
    return x.shape == node.shape and all(
        axis < lead or (isinstance(c.shape[axis - lead], int) and c.shape[axis - lead] == 1)
        for axis in axes
    )


def _unshifted(x: Expr, axes: tuple[int, ...], run: Rewriter) -> Expr | None:
    """`x` without a summand that is the same along `axes`."""
    if run.opaque(x) or x.op.name not in ("add", "subtract"):
        return None
    for part, c in (x.args, x.args[::-1])[: 2 if x.op.name == "add" else 1]:
        shifts = part.dtype == x.dtype and _is_shift(c, part, axes, x)
        if shifts and _is_finite_with(c, part, run):
            return part
    return None


def _is_finite_with(c: Expr, x: Expr, run: Rewriter) -> bool:
    """Whether `c` is a finite number, or made of `x` alone: then it hides no NaN of its own."""
    c = rows(c, run)
    if c.op is STOP_GRADIENT and not run.opaque(c):
        c = rows(c.args[0], run)
    if c.op is LITERAL:
        return bool(np.all(np.isfinite(c.attrs["value"].array)))
    return c.op.name in ("max", "min", "mean", "logsumexp", "logmeanexp") and c.args[0] is x


@rule(
    "stability",
    lambda x, axis: softmax(x, axis=axis),
    extends_domain=True,
    examples=(
        lambda x: softmax(x - x.max(axis=1, keepdims=True), axis=1),
        lambda x: softmax(3.0 + x, axis=0),
    ),
)
def softmax_of_shift(x: Expr, axis: Any, run: Rewriter) -> Expr | None:
    """softmax(x - c) -> softmax(x), for c the same along the axis: the op shifts by itself."""
    bare = _unshifted(x, axis, run)
    return None if bare is None else softmax(bare, axis=axis)


@rule(
    "stability",
    lambda x, axis: log_softmax(x, axis=axis),
    extends_domain=True,
    examples=(lambda x: log_softmax(x - x.max(axis=1, keepdims=True), axis=1),),
)
def log_softmax_of_shift(x: Expr, axis: Any, run: Rewriter) -> Expr | None:
    """log softmax(x - c) -> log softmax(x), for c the same along the axis."""
    bare = _unshifted(x, axis, run)
    return None if bare is None else log_softmax(bare, axis=axis)


@rule(
    "stability",
    lambda x, c, d, axis, keepdims: logsumexp(x - c, axis=axis, keepdims=keepdims) + d,
    extends_domain=True,
    examples=(
        lambda x: (
            logsumexp(x - x.max(axis=1, keepdims=True), axis=1, keepdims=True)
            + x.max(axis=1, keepdims=True)
        ),
        lambda x: logsumexp(x - x.max(axis=1, keepdims=True), axis=1) + x.max(axis=1),
    ),
)
def logsumexp_of_shift(
    x: Expr, c: Expr, d: Expr, axis: Any, keepdims: bool, node: Expr, run: Rewriter
) -> Expr | None:
    """logsumexp(x - c) + c -> logsumexp(x), for c the same along the axis."""
    whole = logsumexp(x, axis=axis, keepdims=keepdims)
    return _of_shift(x, c, d, axis, whole, node, run)


@rule(
    "stability",
    lambda x, c, d, axis, keepdims: logmeanexp(x - c, axis=axis, keepdims=keepdims) + d,
    extends_domain=True,
    examples=(lambda x: logmeanexp(x - x.max(axis=1, keepdims=True), axis=1) + x.max(axis=1),),
)
def logmeanexp_of_shift(
    x: Expr, c: Expr, d: Expr, axis: Any, keepdims: bool, node: Expr, run: Rewriter
) -> Expr | None:
    """logmeanexp(x - c) + c -> logmeanexp(x), for c the same along the axis."""
    whole = logmeanexp(x, axis=axis, keepdims=keepdims)
    return _of_shift(x, c, d, axis, whole, node, run)


def _of_shift(
    x: Expr, c: Expr, d: Expr, axis: Any, whole: Expr, node: Expr, run: Rewriter
) -> Expr | None:
    """`whole`, if `c`, which was taken from `x` along the axis, is the `d` that was added again."""
    shifted = x - c
    if not (_is_shift(c, x, axis, shifted) and x.dtype == node.dtype and same_rows(c, d, run)):
        return None
    # d must stand on the rows of c: it does where it has the shape of what it is added to
    kept = c.ndim == x.ndim and d.shape in (whole.shape, c.shape)
    return whole if kept and whole.shape == node.shape else None


def _less_logsumexp(x: Expr, total: Expr, run: Rewriter) -> Expr | None:
    """``x - total`` as a log-softmax, where `total` is a logsumexp of what `x` is taken from."""
    reduction = rows(total, run)
    if reduction.op.name not in ("logsumexp", "logmeanexp") or run.opaque(reduction):
        return None
    source, axes = reduction.args[0], reduction.attrs["axis"]
    kept = tuple([1 if i in axes else n for i, n in enumerate(source.shape)])
    found = log_softmax(source, axis=axes)
    if x is source:
        padded = (1,) * (source.ndim - total.ndim) + total.shape
        if padded != kept:
            return None
    elif x.op.name == "getitem" and x.args[0] is source and not run.opaque(x):
        if not indexes_rows(x, total, reduction):
            return None
        found = rebuild(x, (found, *x.args[1:]))
    else:
        return None
    if reduction.op.name == "logsumexp":
        return found
    return found + log(count(source, axes))


def count(x: Expr, axes: tuple[int, ...]) -> Expr:
    """How many elements `x` has along `axes`, as a number of its dtype."""
    return literal(1.0, x.dtype) * product(x.shape[axis] for axis in axes)


@rule(
    "stability",
    lambda x, d: x - d,
    extends_domain=True,
    examples=(
        lambda x: x - logsumexp(x, axis=1, keepdims=True),
        lambda x: x - logsumexp(x, axis=1)[:, None],
        lambda x: x[:, 1] - logsumexp(x, axis=1),
        lambda x: logsumexp(x, axis=0) - x,
        lambda x: logsumexp(x, axis=1) - x[np.arange(3), np.array([0, 3, 1])],
        lambda x: x - logmeanexp(x, axis=1, keepdims=True),
        lambda x: logmeanexp(x, axis=0) - x[1],
    ),
)
def less_logsumexp(x: Expr, d: Expr, run: Rewriter) -> Expr | None:
    """x - logsumexp(x) -> log softmax(x): its error does not grow with x; of the mean alike."""
    found = _less_logsumexp(x, d, run)
    if found is not None:
        return found
    found = _less_logsumexp(d, x, run)
    return None if found is None else -found


@rule("stability", lambda x, y: y + softplus(x - y), extends_domain=True)
def softplus_of_difference(x: Expr, y: Expr) -> Expr:
    """y + log(1 + e^(x - y)) -> log(e^x + e^y): the slopes are shares, no differences from 1."""
    return logaddexp(x, y)


@rule("stability", lambda x: logaddexp(x, 0))
def logaddexp_with_zero(x: Expr) -> Expr:
    """log(e^x + e^0) -> softplus(x)."""
    return softplus(x)


@rule("stability", lambda x: softplus(x) - x, extends_domain=True)
def softplus_less_argument(x: Expr) -> Expr:
    """softplus(x) - x -> softplus(-x): exact for large x."""
    return softplus(scaled(x, -1))


@rule("stability", lambda x: x - softplus(x), extends_domain=True)
def argument_less_softplus(x: Expr) -> Expr:
    """x - softplus(x) -> -softplus(-x): exact for large x."""
    return -softplus(scaled(x, -1))


@rule(
    "stability",
    lambda x, y: softplus(x) - softplus(y),
    examples=(lambda x: softplus(x) - softplus(-x), lambda x: softplus(-x) - softplus(x)),
)
def logit(x: Expr, y: Expr) -> Expr | None:
    """softplus(x) - softplus(-x) -> x: the logit of a sigmoid."""
    return x if y is scaled(x, -1) else None


@rule(
    "stability",
    lambda x, y: softplus(x) + -softplus(y),
    examples=(lambda x: -softplus(-x) + softplus(x),),
)
def logit_of_sum(x: Expr, y: Expr) -> Expr | None:
    """softplus(x) + (-softplus(-x)) -> x."""
    return x if y is scaled(x, -1) else None


@rule(
    "stability",
    lambda x, y: -softplus(x) - -softplus(y),
    examples=(lambda x: -softplus(-x) - -softplus(x),),
)
def logit_of_logs(x: Expr, y: Expr) -> Expr | None:
    """log s(x) - log s(-x) -> x."""
    return y if x is scaled(y, -1) else None
