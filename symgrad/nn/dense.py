"""Dense layers: affine maps of the last axis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import symgrad as sg
from symgrad.init import glorot_uniform
from symgrad.nn.dropout import dropout as drop
from symgrad.nn.layer import Activation, activated, array, biased, floating, named
from symgrad.options import real, whole

__all__ = ["dense", "flatten", "mlp"]


def dense(
    x: Any,
    units: int,
    activation: Activation = None,
    bias: bool = True,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    name: str | None = None,
) -> sg.Expr:
    """Affine map of the last axis, and an activation: ``activation(x @ W + b)``.

    Parameters
    ----------
    x : Expr
        (..., features), floating.
    units : int
        Features of the result.
    activation : function, optional
        Such as ``sg.relu``; none if None.
    bias : bool
        Whether there is a ``b``. It starts at zero.
    init : initialiser, array, number or callable, optional
        Of ``W``. For a relu, ``sg.init.he_normal()`` keeps the variance.
    name : str, optional
        A scope for the parameters.

    Returns
    -------
    Expr
        (..., units), of the dtype of `x`.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameters: ``W`` (features, units), ``b`` (units,).

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 784))
    >>> h = sg.nn.dense(x, 128, sg.relu, init=sg.init.he_normal(), name="hidden")
    >>> logits = sg.nn.dense(h, 10, name="head")
    >>> logits.shape
    (Dim('B'), 10)
    >>> sorted(sg.compile(logits.sum()).init())
    ['head.W', 'head.b', 'hidden.W', 'hidden.b']
    """
    x = floating("dense", x)
    units = whole("dense", "units", units)
    with named(name):
        W = sg.param("W", (x.shape[-1], units), init=init, dtype=x.dtype)
        return activated("dense", biased("dense", x @ W, bias), activation)


def mlp(
    x: Any,
    widths: Iterable[int],
    activation: Activation = sg.relu,
    final: Activation = None,
    dropout: float = 0.0,
    bias: bool = True,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    name: str | None = None,
) -> sg.Expr:
    """Dense layers one after the other: a multilayer perceptron.

    Parameters
    ----------
    x : Expr
        (..., features), floating.
    widths : iterable of int
        Features of each layer, the last being those of the result.
    activation : function, optional
        After each layer but the last.
    final : function, optional
        After the last.
    dropout : float
        The part that :func:`dropout` drops after each activation but the final one.
    bias : bool
    init : initialiser, array, number or callable, optional
        Of each ``W``.
    name : str, optional
        A scope for the layers.

    Returns
    -------
    Expr
        (..., widths[-1]), of the dtype of `x`.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameters: ``layer1.W``, ``layer1.b``, ``layer2.W``, ...

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 20))
    >>> y = sg.nn.mlp(x, [64, 64, 3], sg.tanh)
    >>> sorted(sg.compile(y.sum()).init())
    ['layer1.W', 'layer1.b', 'layer2.W', 'layer2.b', 'layer3.W', 'layer3.b']
    """
    h = floating("mlp", x)
    if isinstance(widths, str) or not isinstance(widths, Iterable) or not (each := list(widths)):
        raise sg.DeclarationError(f"mlp: expected the width of each layer; got {widths!r}")
    # refused even where there is one layer alone
    dropout = real("mlp", "dropout", dropout, 0, 1, open_high=True)
    with named(name):
        for i, width in enumerate(each, 1):
            width = whole("mlp", f"the width of layer {i}", width)
            last = i == len(each)
            h = dense(h, width, final if last else activation, bias, init, name=f"layer{i}")
            if not last:
                h = drop(h, dropout)
        return h


def flatten(x: Any) -> sg.Expr:
    """Make one axis of all axes but the first: (batch, features), for a dense layer.

    Parameters
    ----------
    x : Expr
        (batch, ...). That of one axis becomes (batch, 1).

    Returns
    -------
    Expr
        (batch, features), the features in C order.

    Raises
    ------
    ShapeError
        If it has no axis.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.nn.flatten(sg.input("x", ("B", 5, "T", 3))).shape
    (Dim('B'), Dim('15*T'))
    """
    x = array("flatten", x)
    if not x.ndim:
        raise sg.ShapeError("flatten: expected an array with a batch axis; got shape ()")
    features: Any = 1
    for size in x.shape[1:]:
        features = features * size
    return sg.reshape(x, (x.shape[0], features))
