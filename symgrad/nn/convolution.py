"""Convolutions, their transposes, and those that take channels and space apart."""

from __future__ import annotations

from typing import Any

import symgrad as sg
from symgrad.init import arranged, glorot_uniform
from symgrad.nn.layer import Activation, activated, biased, floating, named, shown
from symgrad.options import whole

__all__ = [
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_transpose",
    "depthwise_conv2d",
    "separable_conv2d",
]

_OPERATIONS = {
    "conv1d": sg.conv1d,
    "conv2d": sg.conv2d,
    "depthwise_conv2d": sg.conv2d,
    "conv1d_transpose": sg.conv1d_transpose,
    "conv2d_transpose": sg.conv2d_transpose,
}
_SPACE = {1: "width", 2: "height, width"}


def _window(layer: str, kernel: Any, rank: int) -> tuple[int, ...]:
    """The window: one size for all axes, or one for each."""
    sizes = tuple(kernel) if isinstance(kernel, (tuple, list)) else (kernel,) * rank
    if len(sizes) != rank:
        raise sg.DeclarationError(
            f"{layer}: expected one size of the window, or {rank}; got kernel={kernel!r}"
        )
    return tuple([whole(layer, "each size of the window", size) for size in sizes])


def _image(layer: str, x: Any, rank: int) -> tuple[sg.Expr, int]:
    """The input and the number of its channels."""
    x = floating(layer, x, 0)
    if x.ndim != rank + 2:
        raise sg.ShapeError(
            f"{layer}: expected (batch, {_SPACE[rank]}, channels); got shape {shown(x.shape)}"
        )
    if not isinstance(x.shape[-1], int):
        raise sg.ShapeError(
            f"{layer}: expected a known number of channels; got shape {shown(x.shape)}"
        )
    return x, x.shape[-1]


def _convolved(
    layer: str,
    rank: int,
    x: Any,
    filters: Any,
    kernel: Any,
    groups: Any,
    activation: Activation,
    bias: bool,
    init: Any,
    name: str | None,
    **options: Any,
) -> sg.Expr:
    x, channels = _image(layer, x, rank)
    filters = whole(layer, "filters", filters)
    groups = whole(layer, "groups", groups)
    window = _window(layer, kernel, rank)
    if channels % groups or filters % groups:
        raise sg.DeclarationError(
            f"{layer}: expected channels and filters that are multiples of groups={groups}; got "
            f"{channels} channels and {filters} filters"
        )
    transposed = layer.endswith("transpose")
    # a transposed convolution has the kernel of the convolution whose transpose it is
    ends = (filters // groups, channels) if transposed else (channels // groups, filters)
    init = arranged(init, groups, transposed)
    with named(name):
        W = sg.param("W", (*window, *ends), init=init, dtype=x.dtype)
        y = _OPERATIONS[layer](x, W, groups=groups, **options)
        return activated(layer, biased(layer, y, bias), activation)


def conv1d(
    x: Any,
    filters: int,
    kernel: Any,
    stride: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    groups: int = 1,
    activation: Activation = None,
    bias: bool = True,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    name: str | None = None,
) -> sg.Expr:
    """Convolution of a batch of signals: :func:`conv2d` with one axis in space.

    Parameters
    ----------
    x : Expr
        (batch, width, channels), floating.
    filters, kernel, stride, padding, dilation, groups, activation, bias, init, name
        As in :func:`conv2d`. ``padding=[(kernel - 1, 0)]`` makes it causal.

    Returns
    -------
    Expr
        (batch, width, filters).

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameters: ``W`` (kernel, channels / groups, filters), ``b`` (filters,).

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", "T", 16))
    >>> sg.nn.conv1d(x, 32, 3, padding="same").shape
    (Dim('B'), Dim('T'), 32)
    >>> sg.nn.conv1d(x, 32, 3, padding=[(2, 0)]).shape
    (Dim('B'), Dim('T'), 32)
    """
    return _convolved(
        "conv1d", 1, x, filters, kernel, groups, activation, bias, init, name,
        stride=stride, padding=padding, dilation=dilation,
    )  # fmt: skip


def conv2d(
    x: Any,
    filters: int,
    kernel: Any,
    stride: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    groups: int = 1,
    activation: Activation = None,
    bias: bool = True,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    name: str | None = None,
) -> sg.Expr:
    r"""Convolution of a batch of images, a bias for each filter, and an activation.

    Parameters
    ----------
    x : Expr
        (batch, height, width, channels), floating; the channels a known number.
    filters : int
        Channels of the result.
    kernel : int or pair of int
        The size of the window.
    stride, dilation : int or pair of int
        How far apart windows are, and the elements of a window.
    padding : "valid", "same", int, or one int or pair (before, after) for each axis in space
        Zeros around the images, as in ``sg.conv2d``.
    groups : int
        The channels, and the filters, are in so many groups, each convolved by itself.
    activation : function, optional
    bias : bool
        Whether there is a ``b``. It starts at zero. Before a normalisation it is of no use.
    init : initialiser, array, number or callable, optional
        Of ``W``. Its fans are those of one group.
    name : str, optional
        A scope for the parameters.

    Returns
    -------
    Expr
        (batch, height, width, filters), of the dtype of `x`.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameters: ``W`` (\*window, channels / groups, filters), ``b`` (filters,).

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 28, 28, 1))
    >>> h = sg.nn.conv2d(x, 8, 3, padding="same", activation=sg.relu, name="first")
    >>> sg.nn.conv2d(h, 16, 3, stride=2, name="second").shape
    (Dim('B'), 13, 13, 16)
    """
    return _convolved(
        "conv2d", 2, x, filters, kernel, groups, activation, bias, init, name,
        stride=stride, padding=padding, dilation=dilation,
    )  # fmt: skip


def depthwise_conv2d(
    x: Any,
    kernel: Any,
    multiplier: int = 1,
    stride: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    activation: Activation = None,
    bias: bool = True,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    name: str | None = None,
) -> sg.Expr:
    r"""Convolution of each channel by itself, with `multiplier` filters for it.

    Parameters
    ----------
    x : Expr
        (batch, height, width, channels), floating.
    kernel : int or pair of int
    multiplier : int
        Filters for each channel: those of a channel are next to one another in the result.
    stride, padding, dilation, activation, bias, init, name
        As in :func:`conv2d`.

    Returns
    -------
    Expr
        (batch, height, width, channels * multiplier), of the dtype of `x`.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameters: ``W`` (\*window, 1, channels * multiplier), ``b`` (channels * multiplier,).

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 14, 14, 32))
    >>> sg.nn.depthwise_conv2d(x, 3, multiplier=2, padding="same").shape
    (Dim('B'), 14, 14, 64)
    """
    x, channels = _image("depthwise_conv2d", x, 2)
    filters = channels * whole("depthwise_conv2d", "multiplier", multiplier)
    return _convolved(
        "depthwise_conv2d", 2, x, filters, kernel, channels, activation, bias, init, name,
        stride=stride, padding=padding, dilation=dilation,
    )  # fmt: skip


def separable_conv2d(
    x: Any,
    filters: int,
    kernel: Any,
    multiplier: int = 1,
    stride: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    activation: Activation = None,
    bias: bool = True,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    name: str | None = None,
) -> sg.Expr:
    r"""Convolution in space channel by channel, and then over channels at each place.

    Parameters
    ----------
    x : Expr
        (batch, height, width, channels), floating.
    filters : int
        Channels of the result.
    kernel : int or pair of int
    multiplier : int
        Filters of the depthwise convolution for each channel.
    stride, padding, dilation
        Of the depthwise convolution, as in :func:`conv2d`.
    activation : function, optional
        At the end; there is none between.
    bias : bool
        At the end.
    init : initialiser, array, number or callable, optional
        Of both kernels.
    name : str, optional
        A scope for both.

    Returns
    -------
    Expr
        (batch, height, width, filters), of the dtype of `x`.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameters: ``depthwise.W`` (\*window, 1, channels * multiplier), ``pointwise.W``
    (1, 1, channels * multiplier, filters), ``pointwise.b`` (filters,). Chollet, *Xception: deep
    learning with depthwise separable convolutions* (2017).

    Examples
    --------
    >>> import symgrad as sg
    >>> y = sg.nn.separable_conv2d(sg.input("x", ("B", 14, 14, 32)), 64, 3, name="block")
    >>> sorted(sg.compile(y.sum()).init())
    ['block.depthwise.W', 'block.pointwise.W', 'block.pointwise.b']
    """
    x, _ = _image("separable_conv2d", x, 2)
    filters = whole("separable_conv2d", "filters", filters)
    with named(name):
        h = depthwise_conv2d(
            x, kernel, multiplier, stride, padding, dilation,
            bias=False, init=init, name="depthwise",
        )  # fmt: skip
        return conv2d(h, filters, 1, activation=activation, bias=bias, init=init, name="pointwise")


def conv1d_transpose(
    x: Any,
    filters: int,
    kernel: Any,
    stride: Any = 1,
    padding: Any = "valid",
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    activation: Activation = None,
    bias: bool = True,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    name: str | None = None,
) -> sg.Expr:
    """Transposed convolution of signals: :func:`conv2d_transpose` with one axis in space.

    Parameters
    ----------
    x : Expr
        (batch, width, channels), floating.
    filters, kernel, stride, padding, output_padding, dilation, groups, activation, bias, init, name
        As in :func:`conv2d_transpose`.

    Returns
    -------
    Expr
        (batch, width, filters).

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameters: ``W`` (kernel, filters / groups, channels), ``b`` (filters,).

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", "T", 16))
    >>> sg.nn.conv1d_transpose(x, 8, 4, stride=2, padding="same").shape
    (Dim('B'), Dim('2*T'), 8)
    """
    return _convolved(
        "conv1d_transpose", 1, x, filters, kernel, groups, activation, bias, init, name,
        stride=stride, padding=padding, output_padding=output_padding, dilation=dilation,
    )  # fmt: skip


def conv2d_transpose(
    x: Any,
    filters: int,
    kernel: Any,
    stride: Any = 1,
    padding: Any = "valid",
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    activation: Activation = None,
    bias: bool = True,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    name: str | None = None,
) -> sg.Expr:
    r"""Transposed convolution of a batch of images, for networks that make them larger.

    Parameters
    ----------
    x : Expr
        (batch, height, width, channels), floating; the channels a known number.
    filters : int
        Channels of the result.
    kernel : int or pair of int
        The size of the window. A multiple of the stride avoids a pattern of checks.
    stride, dilation : int or pair of int
        Of the convolution whose transpose this is: a stride of 2 doubles the size.
    padding : "valid", "same", int, or one int or pair (before, after) for each axis in space
        What is cut off, as in ``sg.conv2d_transpose``; "same" makes the result as large as the
        image times the stride.
    output_padding : int or pair of int
        So many elements more at the end.
    groups : int
    activation : function, optional
    bias : bool
    init : initialiser, array, number or callable, optional
        Of ``W``. Its inputs are the channels of `x`, whatever the order of the axes.
    name : str, optional
        A scope for the parameters.

    Returns
    -------
    Expr
        (batch, height, width, filters), of the dtype of `x`.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameters: ``W`` (\*window, filters / groups, channels), ``b`` (filters,). The kernel is that
    of the convolution from the result to `x`, as in TensorFlow.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 7, 7, 16))
    >>> sg.nn.conv2d_transpose(x, 8, 4, stride=2, padding="same").shape
    (Dim('B'), 14, 14, 8)
    """
    return _convolved(
        "conv2d_transpose", 2, x, filters, kernel, groups, activation, bias, init, name,
        stride=stride, padding=padding, output_padding=output_padding, dilation=dilation,
    )  # fmt: skip
