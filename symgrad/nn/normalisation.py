"""Normalisation: over the batch, over features, over groups of channels.

Every variance is that of two passes, the mean of squared deviations from the mean: the mean of
squares less the squared mean cancels to nothing, or below it, where the mean is large.
"""

from __future__ import annotations

import operator
from typing import Any

import symgrad as sg
from symgrad.nn.layer import floating, named, shown
from symgrad.options import flag, real, whole

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]


def _axes(layer: str, x: sg.Expr, axis: Any) -> tuple[int, ...]:
    """Axes as numbers from 0, in order."""
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    found = set()
    for one in given:
        try:
            place = operator.index(one)
        except TypeError:
            place = x.ndim  # no axis
        if isinstance(one, bool) or not -x.ndim <= place < x.ndim:
            raise sg.ShapeError(
                f"{layer}: expected an axis of an array of shape {shown(x.shape)}; got {axis!r}"
            )
        found.add(place % x.ndim)
    if not found or len(found) != len(given):
        raise sg.ShapeError(f"{layer}: expected different axes, one or more; got {axis!r}")
    return tuple(sorted(found))


def _along(x: sg.Expr, values: sg.Expr, axes: tuple[int, ...]) -> sg.Expr:
    """A parameter with these axes, as it is to be broadcast against `x`."""
    if axes == tuple(range(x.ndim - len(axes), x.ndim)):
        return values  # they are the last: broadcasting does it
    shape = tuple([x.shape[i] if i in axes else 1 for i in range(x.ndim)])
    return sg.reshape(values, shape)


def _gamma(x: sg.Expr, axes: tuple[int, ...]) -> sg.Expr:
    shape = tuple([x.shape[i] for i in axes])
    return _along(x, sg.param("gamma", shape, init=1.0, dtype=x.dtype), axes)


def _beta(x: sg.Expr, axes: tuple[int, ...]) -> sg.Expr:
    shape = tuple([x.shape[i] for i in axes])
    return _along(x, sg.param("beta", shape, dtype=x.dtype), axes)


def _affine(x: sg.Expr, axes: tuple[int, ...], scale: bool, shift: bool) -> sg.Expr:
    """After a scale and a shift, where there are such."""
    y = x * _gamma(x, axes) if scale else x
    return y + _beta(x, axes) if shift else y


def _standard(x: sg.Expr, axes: tuple[int, ...], eps: float) -> sg.Expr:
    """With mean 0 and variance 1 over these axes."""
    centred = x - x.mean(axes, keepdims=True)
    return centred / sg.sqrt((centred**2).mean(axes, keepdims=True) + eps)


def batch_norm(
    x: Any,
    axis: int = -1,
    momentum: float = 0.1,
    eps: float = 1e-5,
    scale: bool = True,
    shift: bool = True,
    name: str | None = None,
) -> sg.Expr:
    """Give each feature mean 0 and variance 1 over the batch, then a scale and a shift.

    In training the mean and the variance are those of the batch, over all axes but `axis`; in
    evaluation they are running averages of these, which ``step`` keeps as states.

    Parameters
    ----------
    x : Expr
        (batch, features) or (batch, *space, channels), floating.
    axis : int
        That of the features.
    momentum : float
        The part of a running average that one batch replaces, in [0, 1], as in PyTorch:
        ``running = (1 - momentum) * running + momentum * batch``. (What TensorFlow calls the
        momentum is 1 less it.)
    eps : float
        Added to the variance.
    scale, shift : bool
        Whether there is a ``gamma``, which starts at one, and a ``beta``, which starts at zero.
    name : str, optional
        A scope for parameters and states.

    Returns
    -------
    Expr
        Of the shape and dtype of `x`.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameters: ``gamma``, ``beta``; states: ``mean``, ``var``; all (features,). As in PyTorch the
    variance that divides a batch is the mean of its n squared deviations, while that which enters
    the running variance is their sum over n - 1, without bias; a batch with n = 1 enters with a
    variance of 0, and one with n = 0 has no mean: it makes them NaN. Where the weights are shared,
    each use in turn updates the running averages.

    Ioffe and Szegedy, *Batch normalization: accelerating deep network training by reducing
    internal covariate shift* (2015).

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("B", 2))
    >>> h = sg.nn.batch_norm(x)
    >>> model = sg.compile((h**2).sum(), outputs=h, optimizer=sg.optim.SGD(0.0))
    >>> params = model.init()
    >>> data = np.array([[1.0, 10.0], [3.0, 30.0]])
    >>> loss = model.step(params, model.init_optimizer(params), x=data)
    >>> params["mean"], params["var"]  # 0.9 of what they were and 0.1 of the batch's
    (array([0.2, 2. ]), array([ 1.1, 20.9]))
    """
    x = floating("batch_norm", x, 2)
    momentum = real("batch_norm", "momentum", momentum, 0, 1)
    eps = real("batch_norm", "eps", eps, 0)
    scale, shift = flag("batch_norm", "scale", scale), flag("batch_norm", "shift", shift)
    kept = _axes("batch_norm", x, axis)
    if len(kept) != 1:
        raise sg.ShapeError(f"batch_norm: expected the one axis of the features; got {axis!r}")
    axes = tuple([i for i in range(x.ndim) if i not in kept])
    n: Any = 1
    for i in axes:
        n = n * x.shape[i]
    features = (x.shape[kept[0]],)
    with named(name):
        running_mean = sg.state("mean", features, dtype=x.dtype)
        running_var = sg.state("var", features, init=1.0, dtype=x.dtype)
        mean = x.mean(axes, keepdims=True)
        centred = x - mean
        var = (centred**2).mean(axes, keepdims=True)
        unbiased = (n / sg.maximum(n - 1, 1)).astype(x.dtype)

        def follow(running: sg.Expr, batch: sg.Expr) -> None:
            flat = sg.reshape(batch, features)
            sg.update(running, lambda so_far: so_far + momentum * (flat - so_far))

        follow(running_mean, mean)
        follow(running_var, var * unbiased)
        gain: Any = _gamma(x, kept) if scale else 1
        # the scale of a feature is a number a feature: it is found before the array is scaled
        trained = centred * (gain / sg.sqrt(var + eps))
        used = (x - _along(x, running_mean, kept)) * (
            gain / sg.sqrt(_along(x, running_var, kept) + eps)
        )
        y = sg.where(sg.training(), trained, used)
        return y + _beta(x, kept) if shift else y


def layer_norm(
    x: Any,
    axis: Any = -1,
    eps: float = 1e-5,
    scale: bool = True,
    shift: bool = True,
    name: str | None = None,
) -> sg.Expr:
    """Give the features of each example mean 0 and variance 1, then a scale and a shift.

    Parameters
    ----------
    x : Expr
        (..., features), floating.
    axis : int or tuple of int
        Those over which mean and variance are.
    eps : float
        Added to the variance, the mean of the squared deviations.
    scale, shift : bool
        Whether there is a ``gamma``, which starts at one, and a ``beta``, which starts at zero.
    name : str, optional
        A scope for the parameters.

    Returns
    -------
    Expr
        Of the shape and dtype of `x`.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameters: ``gamma`` and ``beta``, of the sizes of the axes. Ba, Kiros and Hinton, *Layer
    normalization* (2016).

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> h = sg.nn.layer_norm(x, eps=0.0)
    >>> model = sg.compile(h.sum(), outputs=h)
    >>> model.predict(model.init(), x=[[1.0, 2.0, 3.0]]).round(4)
    array([[-1.2247,  0.    ,  1.2247]])
    """
    x = floating("layer_norm", x)
    eps = real("layer_norm", "eps", eps, 0)
    scale, shift = flag("layer_norm", "scale", scale), flag("layer_norm", "shift", shift)
    axes = _axes("layer_norm", x, axis)
    with named(name):
        return _affine(_standard(x, axes, eps), axes, scale, shift)


def rms_norm(
    x: Any, axis: Any = -1, eps: float = 1e-6, scale: bool = True, name: str | None = None
) -> sg.Expr:
    """Divide the features of each example by the root of their mean square, then a scale.

    Parameters
    ----------
    x : Expr
        (..., features), floating.
    axis : int or tuple of int
        Those over which the mean is.
    eps : float
        Added to the mean square.
    scale : bool
        Whether there is a ``gamma``, which starts at one.
    name : str, optional
        A scope for the parameter.

    Returns
    -------
    Expr
        Of the shape and dtype of `x`.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameter: ``gamma``, of the sizes of the axes. Zhang and Sennrich, *Root mean square layer
    normalization* (2019).

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 2))
    >>> h = sg.nn.rms_norm(x, eps=0.0)
    >>> model = sg.compile(h.sum(), outputs=h)
    >>> model.predict(model.init(), x=[[1.0, 7.0]])
    array([[0.2, 1.4]])
    """
    x = floating("rms_norm", x)
    eps = real("rms_norm", "eps", eps, 0)
    scale = flag("rms_norm", "scale", scale)
    axes = _axes("rms_norm", x, axis)
    with named(name):
        return _affine(x / sg.sqrt((x**2).mean(axes, keepdims=True) + eps), axes, scale, False)


def group_norm(
    x: Any,
    groups: int,
    eps: float = 1e-5,
    scale: bool = True,
    shift: bool = True,
    name: str | None = None,
) -> sg.Expr:
    """Give each group of channels of an example mean 0 and variance 1, then a scale and a shift.

    Parameters
    ----------
    x : Expr
        (batch, *space, channels), floating; the channels a known number.
    groups : int
        Of as many channels each. One group normalises over all of an example.
    eps : float
        Added to the variance, the mean of the squared deviations.
    scale, shift : bool
        Whether there is a ``gamma``, which starts at one, and a ``beta``, which starts at zero.
    name : str, optional
        A scope for the parameters.

    Returns
    -------
    Expr
        Of the shape and dtype of `x`.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameters: ``gamma`` and ``beta``, (channels,). Wu and He, *Group normalization* (2018).

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.nn.group_norm(sg.input("x", ("B", 8, 8, 32)), groups=4).shape
    (Dim('B'), 8, 8, 32)
    """
    x = floating("group_norm", x, 2)
    groups = whole("group_norm", "groups", groups)
    eps = real("group_norm", "eps", eps, 0)
    scale, shift = flag("group_norm", "scale", scale), flag("group_norm", "shift", shift)
    channels = x.shape[-1]
    if not isinstance(channels, int) or channels % groups:
        raise sg.ShapeError(
            f"group_norm: expected a number of channels that is a multiple of groups={groups}; "
            f"got shape {shown(x.shape)}"
        )
    split = sg.reshape(x, (*x.shape[:-1], groups, channels // groups))
    axes = (*range(1, x.ndim - 1), x.ndim)  # space, and the channels of a group
    last = (x.ndim - 1,)
    with named(name):
        return _affine(sg.reshape(_standard(split, axes, eps), x.shape), last, scale, shift)


def instance_norm(
    x: Any, eps: float = 1e-5, scale: bool = True, shift: bool = True, name: str | None = None
) -> sg.Expr:
    """Give each channel of an example mean 0 and variance 1 over space, then a scale and a shift.

    Parameters
    ----------
    x : Expr
        (batch, *space, channels), floating, with one axis in space or more.
    eps : float
        Added to the variance, the mean of the squared deviations.
    scale, shift : bool
        Whether there is a ``gamma``, which starts at one, and a ``beta``, which starts at zero.
    name : str, optional
        A scope for the parameters.

    Returns
    -------
    Expr
        Of the shape and dtype of `x`.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameters: ``gamma`` and ``beta``, (channels,). Ulyanov, Vedaldi and Lempitsky, *Instance
    normalization: the missing ingredient for fast stylization* (2016).

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.nn.instance_norm(sg.input("x", ("B", "H", "W", 32))).shape
    (Dim('B'), Dim('H'), Dim('W'), 32)
    """
    x = floating("instance_norm", x, 3)
    eps = real("instance_norm", "eps", eps, 0)
    scale, shift = flag("instance_norm", "scale", scale), flag("instance_norm", "shift", shift)
    last = (x.ndim - 1,)
    with named(name):
        return _affine(_standard(x, tuple(range(1, x.ndim - 1)), eps), last, scale, shift)
