"""Gradients of expectations over what is drawn and has no gradient of its own."""

from __future__ import annotations

from typing import Any

import symgrad as sg
from symgrad.losses.arguments import (
    cast,
    expression,
    floating,
    require_broadcast,
    require_shape,
    text,
)
from symgrad.options import is_number

__all__ = ["score_function"]


def score_function(log_prob: Any, cost: Any, baseline: Any = None) -> sg.Expr:
    """The cost of a draw, whose gradient estimates that of the expected cost without bias.

    ``grad E[f(k)] = E[(f(k) - b) grad log p(k)] + E[grad f(k)]``, for any b that does not
    depend on the draw: the estimator known as REINFORCE (R. Williams, *Simple statistical
    gradient-following algorithms*, 1992). Where there is a reward rather than a cost, pass its
    negative.

    Parameters
    ----------
    log_prob : Expr
        Log-probability of what was drawn, (B,) or (S, B): the parameters of the distribution get
        their gradient through it. What was drawn counts as given: pass it through
        ``sg.stop_gradient`` where it is itself a differentiable function of the parameters.
    cost : Expr or array_like
        Of each draw, of the same shape. Its own parameters get their gradient as ever.
    baseline : array_like or "leave_one_out", optional
        What is subtracted from the cost, and lowers the variance the nearer it is to its
        expectation: a number or expression that broadcasts, and gets no gradient here (a running
        mean in an ``sg.state``, a network's prediction, which is trained by a loss of its own);
        or the mean cost of the other draws along the first axis (W. Kool, H. van Hoof, M.
        Welling, *Buy 4 REINFORCE samples, get a baseline for free!*, 2019), which must not
        depend on one another.

    Returns
    -------
    Expr
        Of the shape of `log_prob`: its value is the cost; ``mean`` of it is a loss.

    Raises
    ------
    ShapeError, DTypeError, DeclarationError

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> logits = sg.param("logits", (3,))
    >>> k = sg.random.categorical(logits, shape=(10_000,))
    >>> log_p = sg.log_softmax(logits)[k]
    >>> cost = sg.const([1.0, 2.0, 6.0])[k]
    >>> loss = sg.losses.score_function(log_p, cost, baseline="leave_one_out").mean()
    >>> model = sg.compile(loss)
    >>> value, grads = model.value_and_grad(model.init(), rng=np.random.default_rng(0))
    >>> abs(grads["logits"] - np.array([-2, -1, 3]) / 3).max() < 0.1  # p (f - E f)
    np.True_
    """
    log_p = floating("score_function", "log_prob", log_prob)
    cost = cast(expression("score_function", "cost", cost), log_p.dtype)
    require_shape("score_function", "cost", cost, log_p.shape)
    advantage = cost
    if isinstance(baseline, str):
        if baseline != "leave_one_out":
            raise sg.DeclarationError(
                "score_function: expected baseline to be 'leave_one_out', a number or an "
                f"expression; got {baseline!r}"
            )
        advantage = cost - _of_others(cost)
    elif baseline is not None:
        if is_number(baseline):
            baseline = float(baseline)
        else:
            baseline = cast(expression("score_function", "baseline", baseline), cost.dtype)
            require_broadcast("score_function", "baseline", baseline.shape, cost.shape)
        advantage = cost - baseline
    return sg.straight_through(cost, cost + sg.stop_gradient(advantage) * log_p)


def _of_others(cost: sg.Expr) -> sg.Expr:
    """The mean of all costs along the first axis but one's own."""
    n = cost.shape[0] if cost.ndim else 1
    if isinstance(n, int) and n < 2:
        raise sg.ShapeError(
            "score_function: expected at least two draws along the first axis for a baseline of "
            f"the others; got {text(cost.shape)}"
        )
    others: sg.Expr = (cost.sum(axis=0) - cost) / (n - 1)
    return others
