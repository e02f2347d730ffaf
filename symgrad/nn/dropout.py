"""Dropout: parts of an array that training leaves out at random."""

from __future__ import annotations

from typing import Any

import symgrad as sg

__all__ = ["dropout"]


def dropout(x: Any, rate: float) -> sg.Expr:
    """Drop each entry with probability `rate` in training, scale what is kept; else do nothing.

    The entries that are kept are divided by ``1 - rate``, so that the mean is the same in
    training and in evaluation. Srivastava et al., *Dropout: a simple way to prevent neural
    networks from overfitting* (2014).

    Parameters
    ----------
    x : Expr
        Floating.
    rate : float
        In [0, 1).

    Raises
    ------
    DeclarationError, DTypeError

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("B",))
    >>> w = sg.param("w", (), init=1.0)
    >>> kept = sg.nn.dropout(w * x, 0.5)
    >>> model = sg.compile(kept.sum(), outputs=kept)
    >>> params = model.init()
    >>> model.predict(params, x=np.ones(4))
    array([1., 1., 1., 1.])
    >>> loss, grads = model.value_and_grad(params, x=np.ones(1000), rng=np.random.default_rng(0))
    >>> 900 < float(loss) < 1100
    True
    """
    x = sg.as_expr(x)
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < 1:
        raise sg.DeclarationError(f"dropout: rate must satisfy 0 <= rate < 1; got {rate!r}")
    if x.dtype.kind != "f":
        raise sg.DTypeError(f"dropout: expected a floating array; got {x.dtype}")
    if rate == 0:
        return x
    keep = round(1 - rate, 15)
    mask = sg.random.dropout_mask(x.shape, rate)
    # `where` rather than a product: what is dropped is 0, whatever it holds
    return sg.where(sg.training(), sg.where(mask, x / keep, 0.0), x)
