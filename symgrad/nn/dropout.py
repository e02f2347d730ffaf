"""Dropout: parts of an array that training leaves out at random."""

from __future__ import annotations

from typing import Any

import symgrad as sg
from symgrad.nn.layer import floating
from symgrad.options import real

__all__ = ["dropout", "spatial_dropout"]


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
    x = floating("dropout", x, 0)
    return _dropped("dropout", x, rate, x.shape)


def spatial_dropout(x: Any, rate: float) -> sg.Expr:
    """Drop whole channels with probability `rate` in training, scale what is kept.

    Neighbours in an image say much the same: to drop one of them hides nothing. So a channel of
    an example is dropped everywhere or nowhere. Tompson et al., *Efficient object localization
    using convolutional networks* (2015).

    Parameters
    ----------
    x : Expr
        (batch, *space, channels), floating.
    rate : float
        In [0, 1).

    Returns
    -------
    Expr
        Of the shape of `x`; `x` itself in evaluation.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("B", 2, 2, 1))
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(sg.nn.spatial_dropout(w * x, 0.5).sum(axis=(1, 2, 3)).max())
    >>> loss, _ = model.forward(model.init(), x=np.ones((9, 2, 2, 1)), rng=np.random.default_rng(0))
    >>> float(loss)
    8.0
    """
    x = floating("spatial_dropout", x, 3)
    return _dropped("spatial_dropout", x, rate, (x.shape[0], *[1] * (x.ndim - 2), x.shape[-1]))


def _dropped(layer: str, x: sg.Expr, rate: float, shape: tuple[Any, ...]) -> sg.Expr:
    """With a mask of this shape, which is broadcast."""
    rate = real(layer, "rate", rate, 0, 1, open_high=True)
    if rate == 0:
        return x
    # 0.1 rather than 0.09999999999999998; what keeps next to nothing keeps it as it is
    keep = round(1 - rate, 15) or 1 - rate
    mask = sg.random.dropout_mask(shape, rate)
    # `where` rather than a product: what is dropped is 0, whatever it holds
    return sg.where(sg.training(), sg.where(mask, x / keep, 0.0), x)
