"""Losses of a prediction and a target that are real numbers.

Each gives one number per example: the mean over all axes but the first. Of a vector or a scalar,
each entry is an example. Prediction and target must have one shape: a column (B, 1) and a vector
(B,), which NumPy would broadcast to a matrix, are refused.
"""

from __future__ import annotations

from typing import Any

import symgrad as sg
from symgrad.losses.arguments import of_examples, pair
from symgrad.options import complement, real

__all__ = ["huber", "log_cosh", "mae", "mse", "quantile"]


def mse(y: Any, t: Any) -> sg.Expr:
    """Mean squared error, (y - t)^2.

    Parameters
    ----------
    y : Expr
        The prediction, floating: (B, ...), (B,) or ().
    t : array_like
        The target, of the same shape; or a number.

    Returns
    -------
    Expr
        (B,), the mean over the other axes; () for a scalar.

    Raises
    ------
    ShapeError, DTypeError

    Examples
    --------
    >>> import symgrad as sg
    >>> y, t = sg.input("y", ("B", 2)), sg.input("t", ("B", 2))
    >>> sg.function([y, t], sg.losses.mse(y, t))([[1.0, 2.0], [0.0, 0.0]], [[1.0, 0.0], [1.0, 1.0]])
    array([2., 1.])
    """
    y, t = pair("mse", ("y", "t"), y, t)
    return of_examples(sg.square(y - t), "mean")


def mae(y: Any, t: Any) -> sg.Expr:
    """Mean absolute error, abs(y - t); where y = t its slope is 0.

    Parameters
    ----------
    y : Expr
        The prediction, floating: (B, ...), (B,) or ().
    t : array_like
        The target, of the same shape; or a number.

    Returns
    -------
    Expr
        (B,), the mean over the other axes; () for a scalar.

    Raises
    ------
    ShapeError, DTypeError

    Examples
    --------
    >>> import symgrad as sg
    >>> y, t = sg.input("y", ("B",)), sg.input("t", ("B",))
    >>> sg.function([y, t], sg.losses.mae(y, t))([1.0, 2.0], [1.0, -1.0])
    array([0., 3.])
    """
    y, t = pair("mae", ("y", "t"), y, t)
    return of_examples(sg.abs(y - t), "mean")


def huber(y: Any, t: Any, delta: float = 1.0) -> sg.Expr:
    """r^2 / 2 for r = abs(y - t) <= delta, and delta (r - delta / 2) beyond.

    P. Huber, *Robust estimation of a location parameter* (1964). For large residuals it grows as
    the absolute error does, so that outliers pull no harder than others.

    Parameters
    ----------
    y : Expr
        The prediction, floating: (B, ...), (B,) or ().
    t : array_like
        The target, of the same shape; or a number.
    delta : float
        Above 0.

    Returns
    -------
    Expr
        (B,), the mean over the other axes; () for a scalar.

    Raises
    ------
    ShapeError, DTypeError, DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> y = sg.input("y", ("B",))
    >>> sg.function([y], sg.losses.huber(y, 0.0))([1.0, 100.0])
    array([ 0.5, 99.5])
    """
    delta = real("huber", "delta", delta, 0, open_low=True)
    y, t = pair("huber", ("y", "t"), y, t)
    return of_examples(sg.special.huber(delta, y - t), "mean")


def log_cosh(y: Any, t: Any) -> sg.Expr:
    """log cosh(y - t): near 0 half the square, far out the absolute error less log 2.

    Its slope is tanh(y - t): it is smooth everywhere, unlike :func:`huber`'s.

    Parameters
    ----------
    y : Expr
        The prediction, floating: (B, ...), (B,) or ().
    t : array_like
        The target, of the same shape; or a number.

    Returns
    -------
    Expr
        (B,), the mean over the other axes; () for a scalar.

    Raises
    ------
    ShapeError, DTypeError

    Examples
    --------
    >>> import symgrad as sg
    >>> y = sg.input("y", ("B",))
    >>> sg.function([y], sg.losses.log_cosh(y, 0.0))([1e-3, 1000.0]).round(9)
    array([5.00000000e-07, 9.99306853e+02])
    """
    y, t = pair("log_cosh", ("y", "t"), y, t)
    return of_examples(sg.log_cosh(y - t), "mean")


def quantile(y: Any, t: Any, q: float = 0.5) -> sg.Expr:
    """Pinball loss: q (t - y) where the target is above, (1 - q) (y - t) where it is below.

    Its minimum over constant predictions is the q-th quantile of the targets (R. Koenker,
    G. Bassett, *Regression quantiles*, 1978); q = 1/2 gives half the absolute error. Where
    y = t its slope is 0.

    Parameters
    ----------
    y : Expr
        The prediction, floating: (B, ...), (B,) or ().
    t : array_like
        The target, of the same shape; or a number.
    q : float
        In (0, 1).

    Returns
    -------
    Expr
        (B,), the mean over the other axes; () for a scalar.

    Raises
    ------
    ShapeError, DTypeError, DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> y = sg.input("y", ("B",))
    >>> sg.function([y], sg.losses.quantile(y, 0.0, q=0.9))([1.0, -1.0]).round(9)
    array([0.1, 0.9])
    """
    q = real("quantile", "q", q, 0, 1, open_low=True, open_high=True)
    y, t = pair("quantile", ("y", "t"), y, t)
    r = y - t
    return of_examples(complement(q) * sg.relu(r) + q * sg.relu(-r), "mean")
