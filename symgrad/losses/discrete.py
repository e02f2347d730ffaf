"""Negative log-likelihoods of counts and classes; conventions as in ``distributions``."""

from __future__ import annotations

import math
from typing import Any

import symgrad as sg
from symgrad.losses.arguments import (
    at_labels,
    expression,
    floating,
    integers,
    of_examples,
    require_classes,
    spread,
    two_classes,
)

__all__ = ["nll_bernoulli", "nll_categorical", "nll_negative_binomial", "nll_poisson"]


def nll_poisson(k: Any, log_rate: Any) -> sg.Expr:
    """Of a Poisson distribution: rate - k log_rate + log k!.

    Parameters
    ----------
    k : array_like
        Counts, integers or floating, (B, ...), (B,) or ().
    log_rate : Expr or number
        Broadcast to the shape of `k`.

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
    >>> k, a = sg.input("k", ("B",), dtype="int64"), sg.input("a", ())
    >>> sg.function([k, a], sg.losses.nll_poisson(k, a))([0, 3], 0.0).round(4)
    array([1.    , 2.7918])
    """
    k, log_rate = spread("nll_poisson", ("k", "log_rate"), k, (log_rate,))
    # of rate 0 there is never anything: nothing is certain, and 0 * inf no NaN
    certain = sg.equal(k, 0) & sg.equal(log_rate, -math.inf)
    counted = k * sg.where(certain, 0, log_rate)
    return of_examples(sg.exp(log_rate) - counted + sg.gammaln(k + 1), "sum")


def nll_negative_binomial(k: Any, log_count: Any, logits: Any) -> sg.Expr:
    """Of a negative binomial distribution: the successes before `count` failures.

    ``-log(Gamma(k + n) / (k! Gamma(n))) - n log(1 - p) - k log p`` with ``n = exp(log_count)``
    and ``p = sigmoid(logits)``: the mean is ``n exp(logits)``, and the variance larger, as
    Poisson's is not.

    Parameters
    ----------
    k : array_like
        Counts, integers or floating, (B, ...), (B,) or ().
    log_count, logits : Expr or number
        Broadcast to the shape of `k`; `count` need be no integer.

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
    >>> k, z = sg.input("k", ("B",), dtype="int64"), sg.input("z", ())
    >>> f = sg.function([k, z], sg.losses.nll_negative_binomial(k, 0.0, z))
    >>> f([0, 2], 0.0).round(4)  # geometric: 1/2, 1/8
    array([0.6931, 2.0794])
    """
    names = ("k", "log_count", "logits")
    k, log_count, logits = spread("nll_negative_binomial", names, k, (log_count, logits))
    n, z = sg.exp(log_count), logits
    # Gamma(k + n) / (k! Gamma(n)) is 1 / ((k + n) B(k + 1, n))
    ways = sg.special.betaln(k + 1, n) + sg.log(k + n)
    return of_examples(ways + n * sg.softplus(z) + k * sg.softplus(-z), "sum")


def nll_bernoulli(x: Any, logits: Any) -> sg.Expr:
    """Of a Bernoulli distribution: softplus(z) - x z.

    Parameters
    ----------
    x : array_like
        0 and 1, booleans, or floating: shares between, which are not checked; (B, ...), (B,) or ().
    logits : Expr or number
        z, of the probability of 1; broadcast to the shape of `x`.

    Returns
    -------
    Expr
        (B,), summed over the other axes.

    Raises
    ------
    ShapeError, DTypeError, DeclarationError

    See Also
    --------
    symgrad.losses.sigmoid_cross_entropy : the same for each label

    Examples
    --------
    >>> import symgrad as sg
    >>> x, z = sg.input("x", ("B", 2), dtype=bool), sg.input("z", (2,))
    >>> sg.function([x, z], sg.losses.nll_bernoulli(x, z))([[True, False]], [0.0, 0.0]).round(4)
    array([1.3863])
    """
    x = two_classes("nll_bernoulli", "x", x)
    x, z = spread("nll_bernoulli", ("x", "logits"), x, (logits,))
    return of_examples(sg.softplus(z) - x * z, "sum")


def nll_categorical(k: Any, logits: Any) -> sg.Expr:
    """Of a categorical distribution: -log softmax(logits)_k.

    Parameters
    ----------
    k : array_like
        Integers 0 <= k < C, (B, ...), (B,) or ().
    logits : Expr
        (B, ..., C), or (C,) for all alike.

    Returns
    -------
    Expr
        (B,), summed over the other axes.

    Raises
    ------
    ShapeError, DTypeError

    See Also
    --------
    symgrad.losses.softmax_cross_entropy : the same for each label

    Examples
    --------
    >>> import symgrad as sg
    >>> k, z = sg.input("k", ("B", 2), dtype="int64"), sg.input("z", ("B", 2, 3))
    >>> f = sg.function([k, z], sg.losses.nll_categorical(k, z))
    >>> f([[0, 1]], [[[0.0, 0.0, 0.0], [0.0, 100.0, 0.0]]]).round(4)
    array([1.0986])
    """
    z = floating("nll_categorical", "logits", logits)
    labels = expression("nll_categorical", "k", k)
    if z.ndim:
        require_classes("nll_categorical", "k", k, z.shape[-1])
    if z.ndim == 1 and labels.ndim:
        labels = integers("nll_categorical", "k", labels, labels.shape)
        return of_examples(-sg.log_softmax(z)[labels], "sum")
    if z.ndim == 0:
        raise sg.ShapeError("nll_categorical: expected logits (B, ..., C); got a scalar")
    labels = integers("nll_categorical", "k", labels, z.shape[:-1])
    return of_examples(-at_labels(sg.log_softmax(z), labels), "sum")
