"""Negative log-likelihoods of real numbers: the losses of models that predict distributions.

Parameters are unconstrained, so that a layer's output serves as it is: scales, rates and shapes
come as logarithms (``log_std``, ``log_rate``), probabilities as logits. They broadcast to the
shape of the data.

Each gives one number per example, which is that of all of an example's numbers together: those of
independent components are *added* over all axes but the first. Of a vector or a scalar, each entry
is an example. Constants are kept: the values are true densities, to be compared between models.
Those of counts and classes, in ``discrete``, and divergences keep to the same.
"""

from __future__ import annotations

import math
from typing import Any

import symgrad as sg
from symgrad.losses.arguments import (
    cast,
    expression,
    floating,
    of_examples,
    require_broadcast,
    require_shape,
    spread,
    text,
)
from symgrad.options import is_number

__all__ = [
    "nll_beta",
    "nll_exponential",
    "nll_gamma",
    "nll_laplace",
    "nll_log_normal",
    "nll_multivariate_normal",
    "nll_normal",
    "nll_student_t",
]

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


# ---- of real numbers


def nll_normal(x: Any, mean: Any, log_std: Any = 0.0) -> sg.Expr:
    """Of a normal distribution: r^2 / 2 + log_std + log(2 pi) / 2 with r = (x - mean) / std.

    Parameters
    ----------
    x : array_like
        Data, (B, ...), (B,) or ().
    mean, log_std : Expr or number
        Mean and logarithm of the standard deviation, broadcast to the shape of `x`.

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
    >>> x, m = sg.input("x", ("B", 2)), sg.input("m", ("B", 2))
    >>> f = sg.function([x, m], sg.losses.nll_normal(x, m))
    >>> f([[0.0, 1.0]], [[0.0, 0.0]]).round(4)
    array([2.3379])
    """
    x, mean, log_std = spread("nll_normal", ("x", "mean", "log_std"), x, (mean, log_std))
    r = (x - mean) * sg.exp(-log_std)
    return of_examples(sg.square(r) / 2 + log_std + HALF_LOG_2PI, "sum")


def nll_log_normal(x: Any, mean: Any, log_std: Any = 0.0) -> sg.Expr:
    """Of a log-normal distribution: that of log x is normal.

    Parameters
    ----------
    x : array_like
        Data above 0, (B, ...), (B,) or ().
    mean, log_std : Expr or number
        Of log x, broadcast to the shape of `x`.

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
    >>> x = sg.input("x", ("B",))
    >>> sg.function([x], sg.losses.nll_log_normal(x, 0.0))([1.0, 10.0]).round(4)
    array([0.9189, 5.8725])
    """
    x, mean, log_std = spread("nll_log_normal", ("x", "mean", "log_std"), x, (mean, log_std))
    log_x = sg.name(sg.log(x), "log_x")
    r = (log_x - mean) * sg.exp(-log_std)
    return of_examples(sg.square(r) / 2 + log_std + log_x + HALF_LOG_2PI, "sum")


def nll_laplace(x: Any, loc: Any, log_scale: Any = 0.0) -> sg.Expr:
    """Of a Laplace distribution: abs(x - loc) / scale + log_scale + log 2.

    Parameters
    ----------
    x : array_like
        Data, (B, ...), (B,) or ().
    loc, log_scale : Expr or number
        Broadcast to the shape of `x`.

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
    >>> x = sg.input("x", ("B",))
    >>> sg.function([x], sg.losses.nll_laplace(x, 1.0))([1.0, -1.0]).round(4)
    array([0.6931, 2.6931])
    """
    x, loc, log_scale = spread("nll_laplace", ("x", "loc", "log_scale"), x, (loc, log_scale))
    r = sg.abs(x - loc) * sg.exp(-log_scale)
    return of_examples(r + log_scale + math.log(2), "sum")


def nll_student_t(x: Any, loc: Any, log_scale: Any = 0.0, log_df: Any = 0.0) -> sg.Expr:
    """Of Student's t distribution, whose tails make it robust against outliers.

    ``(df + 1) / 2 log(1 + r^2 / df) + log_scale + log B(df / 2, 1 / 2) + log_df / 2`` with
    ``r = (x - loc) / scale``.

    Parameters
    ----------
    x : array_like
        Data, (B, ...), (B,) or ().
    loc, log_scale, log_df : Expr or number
        `log_df` is the logarithm of the degrees of freedom. Broadcast to the shape of `x`.

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
    >>> x = sg.input("x", ("B",))
    >>> sg.function([x], sg.losses.nll_student_t(x, 0.0))([0.0, 1e6]).round(4)  # Cauchy
    array([ 1.1447, 28.7758])
    """
    names = ("x", "loc", "log_scale", "log_df")
    x, loc, log_scale, log_df = spread("nll_student_t", names, x, (loc, log_scale, log_df))
    df = sg.exp(log_df)
    # of r / sqrt(df), so that a huge residual is not squared before it is divided
    r = (x - loc) * sg.exp(-log_scale - log_df / 2)
    log_norm = log_scale + log_df / 2 + sg.special.betaln(df / 2, 0.5)
    return of_examples((df + 1) / 2 * sg.log1p(sg.square(r)) + log_norm, "sum")


def nll_multivariate_normal(x: Any, mean: Any, factor: Any) -> sg.Expr:
    """Of a multivariate normal distribution with the covariance L L^T.

    ``|L^-1 (x - mean)|^2 / 2 + sum log diag L + D log(2 pi) / 2``.

    Parameters
    ----------
    x : array_like
        Data, (B, D), or (D,) for one example.
    mean : Expr or number
        Broadcast to the shape of `x`.
    factor : Expr
        (D, D), or (B, D, D) for one of each example: the Cholesky factor L of the covariance,
        unconstrained. Below the diagonal it holds L, on the diagonal the logarithms of L's; what
        is above has no part. Zeros are the standard normal distribution.

    Returns
    -------
    Expr
        (B,), or ().

    Raises
    ------
    ShapeError, DTypeError

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 2))
    >>> factor = sg.const([[0.0, 0.0], [1.0, 0.0]])  # covariance [[1, 1], [1, 2]]
    >>> f = sg.function([x], sg.losses.nll_multivariate_normal(x, 0.0, factor))
    >>> f([[0.0, 0.0], [1.0, 1.0]]).round(4)
    array([1.8379, 2.3379])
    """
    owner = "nll_multivariate_normal"
    factor = floating(owner, "factor", factor)
    data = expression(owner, "x", x)
    if data.dtype.kind != "f" or not isinstance(x, sg.Expr):
        data = cast(data, factor.dtype)
    if data.ndim not in (1, 2):
        raise sg.ShapeError(f"{owner}: expected x of shape (B, D) or (D,); got {text(data.shape)}")
    size = data.shape[-1]
    lead = data.shape[:-1] if factor.ndim == 3 and data.ndim == 2 else ()
    require_shape(owner, "factor", factor, (*lead, size, size))
    if is_number(mean):
        mean = float(mean)
    else:
        given, mean = mean, floating(owner, "mean", mean)
        mean = mean if isinstance(given, sg.Expr) else cast(mean, data.dtype)
        require_broadcast(owner, "mean", mean.shape, data.shape)
    log_diagonal = sg.diagonal(factor, axis1=-2, axis2=-1)
    eye = sg.eye(size, dtype=factor.dtype)
    L = sg.name(sg.tril(factor, -1) + eye * sg.exp(log_diagonal)[..., None], "L")
    r = data - mean
    if lead:
        r = sg.solve_triangular(L, r[..., None], lower=True)[..., 0]
    else:
        r = sg.solve_triangular(L, r.T, lower=True).T
    constant = HALF_LOG_2PI * sg.as_expr(size).astype(factor.dtype)
    squares = sg.square(r).sum(axis=-1) / 2
    result: sg.Expr = squares + log_diagonal.sum(axis=-1) + constant
    return result


# ---- of positive numbers and of shares


def nll_exponential(x: Any, log_rate: Any) -> sg.Expr:
    """Of an exponential distribution: rate x - log_rate.

    Parameters
    ----------
    x : array_like
        Data, at least 0, (B, ...), (B,) or ().
    log_rate : Expr or number
        Broadcast to the shape of `x`; the mean is 1 / rate.

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
    >>> x, a = sg.input("x", ("B",)), sg.input("a", ())
    >>> sg.function([x, a], sg.losses.nll_exponential(x, a))([0.0, 2.0], 0.0)
    array([0., 2.])
    """
    x, log_rate = spread("nll_exponential", ("x", "log_rate"), x, (log_rate,))
    return of_examples(x * sg.exp(log_rate) - log_rate, "sum")


def nll_gamma(x: Any, log_shape: Any, log_rate: Any = 0.0) -> sg.Expr:
    """Of a gamma distribution: rate x - (a - 1) log x - a log_rate + log Gamma(a).

    Parameters
    ----------
    x : array_like
        Data above 0, (B, ...), (B,) or ().
    log_shape, log_rate : Expr or number
        Logarithms of the shape a and of the rate, broadcast to the shape of `x`; the mean is
        a / rate.

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
    >>> x = sg.input("x", ("B",))
    >>> sg.function([x], sg.losses.nll_gamma(x, 0.0))([0.5, 2.0])  # a = 1: exponential
    array([0.5, 2. ])
    """
    names = ("x", "log_shape", "log_rate")
    plain = is_number(log_rate) and log_rate == 0
    x, log_shape, log_rate = spread("nll_gamma", names, x, (log_shape, log_rate))
    a = sg.exp(log_shape)
    loss = x * sg.exp(log_rate) - sg.xlogy(a - 1, x) + sg.gammaln(a)
    return of_examples(loss if plain else loss - a * log_rate, "sum")


def nll_beta(x: Any, log_a: Any, log_b: Any) -> sg.Expr:
    """Of a beta distribution: log B(a, b) - (a - 1) log x - (b - 1) log(1 - x).

    Parameters
    ----------
    x : array_like
        Data in (0, 1), (B, ...), (B,) or ().
    log_a, log_b : Expr or number
        Broadcast to the shape of `x`; the mean is a / (a + b).

    Returns
    -------
    Expr
        (B,), summed over the other axes.

    Raises
    ------
    ShapeError, DTypeError

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("B",))
    >>> sg.function([x], sg.losses.nll_beta(x, np.log(2.0), 0.0))([0.25, 1.0]).round(4)  # 2 x
    array([ 0.6931, -0.6931])
    """
    x, log_a, log_b = spread("nll_beta", ("x", "log_a", "log_b"), x, (log_a, log_b))
    a, b = sg.exp(log_a), sg.exp(log_b)
    loss = sg.special.betaln(a, b) - sg.xlogy(a - 1, x) - sg.special.xlog1py(b - 1, -x)
    return of_examples(loss, "sum")
