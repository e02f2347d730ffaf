"""Kullback-Leibler divergences, of parameters as in ``distributions``, summed per example."""

from __future__ import annotations

from typing import Any

import symgrad as sg
from symgrad.losses.arguments import (
    floating,
    of_examples,
    spread,
)

__all__ = ["kl_bernoulli", "kl_divergence", "kl_normal"]


def kl_divergence(logits: Any, other: Any) -> sg.Expr:
    """Kullback-Leibler divergence of two categorical distributions: sum_c p_c log(p_c / q_c).

    Parameters
    ----------
    logits : Expr
        Of p, (B, ..., C).
    other : Expr or array_like
        The logits of q, of the same shape or broadcast to it. Distillation of a teacher's
        knowledge has the teacher here as p, under ``sg.stop_gradient``.

    Returns
    -------
    Expr
        (B,), summed over all axes but the first; () for two vectors.

    Raises
    ------
    ShapeError, DTypeError

    Notes
    -----
    Logits are finite: one of -inf, a class that is excluded, gives NaN; a large negative number
    excludes it as well.

    Examples
    --------
    >>> import symgrad as sg
    >>> a, b = sg.input("a", ("B", 2)), sg.input("b", ("B", 2))
    >>> f = sg.function([a, b], sg.losses.kl_divergence(a, b))
    >>> f([[1.0, 1.0], [1000.0, 0.0]], [[5.0, 5.0], [0.0, 0.0]]).round(4)
    array([0.    , 0.6931])
    """
    a = floating("kl_divergence", "logits", logits)
    if a.ndim == 0:
        raise sg.ShapeError("kl_divergence: expected logits (B, ..., C); got a scalar")
    a, b = spread("kl_divergence", ("logits", "other"), logits, (other,))
    terms = sg.softmax(a) * (sg.log_softmax(a) - sg.log_softmax(b))
    return of_examples(terms.sum(axis=-1), "sum")


def kl_normal(mean: Any, log_std: Any, other_mean: Any = 0.0, other_log_std: Any = 0.0) -> sg.Expr:
    """Kullback-Leibler divergence of two normal distributions with diagonal covariances.

    ``(s^2 + d^2 - 1) / 2 - log s`` with ``s = std / other_std`` and ``d = (mean - other_mean) /
    other_std``: from the standard normal distribution, where no other is given. It is the term
    by which a variational autoencoder is drawn to its prior (D. Kingma, M. Welling,
    *Auto-encoding variational Bayes*, 2014).

    Parameters
    ----------
    mean : Expr
        (B, ...), (B,) or ().
    log_std, other_mean, other_log_std : Expr or number
        Broadcast to the shape of `mean`.

    Returns
    -------
    Expr
        (B,), summed over the other axes.

    Raises
    ------
    ShapeError, DTypeError

    Examples
    --------
    >>> import symgrad as sg
    >>> m, s = sg.input("m", ("B", 2)), sg.input("s", ("B", 2))
    >>> sg.function([m, s], sg.losses.kl_normal(m, s))([[0.0, 2.0]], [[0.0, 0.0]])
    array([2.])
    """
    names = ("mean", "log_std", "other_mean", "other_log_std")
    parameters = (log_std, other_mean, other_log_std)
    mean, log_std, other_mean, other_log_std = spread("kl_normal", names, mean, parameters)
    log_ratio = log_std - other_log_std
    distance = (mean - other_mean) * sg.exp(-other_log_std)
    # expm1(2 l) / 2 - l rather than (e^2l - 1) / 2 - l: it is 0 to second order at l = 0
    loss = (sg.expm1(2 * log_ratio) + sg.square(distance)) / 2 - log_ratio
    return of_examples(loss, "sum")


def kl_bernoulli(logits: Any, other: Any) -> sg.Expr:
    """Kullback-Leibler divergence of two Bernoulli distributions.

    ``p (a - b) + softplus(b) - softplus(a)`` for the logits a of p and b of q.

    Parameters
    ----------
    logits : Expr
        Of p, (B, ...), (B,) or ().
    other : Expr or number
        The logits of q, broadcast to the shape of `logits`.

    Returns
    -------
    Expr
        (B,), summed over the other axes.

    Raises
    ------
    ShapeError, DTypeError

    Examples
    --------
    >>> import symgrad as sg
    >>> a = sg.input("a", ("B",))
    >>> sg.function([a], sg.losses.kl_bernoulli(a, 0.0))([0.0, 1000.0]).round(4)
    array([0.    , 0.6931])
    """
    a, b = spread("kl_bernoulli", ("logits", "other"), logits, (other,))
    p, rest = sg.sigmoid(a), sg.sigmoid(-a)
    # both terms by the logarithm that does not cancel: log s(a) - log s(b), and of -a and -b
    loss = p * (sg.softplus(-b) - sg.softplus(-a)) + rest * (sg.softplus(b) - sg.softplus(a))
    return of_examples(loss, "sum")
