"""Convolutions of batches of signals and images.

A convolution is a matrix product: the windows of the padded array, one a row, times the kernel. So
it is made of ops that are there, and the derivatives are theirs: that in the kernel is the product
of the same windows with the cotangent, that in the array adds windows where they overlap, which
is the transposed convolution.
"""

from __future__ import annotations

from typing import Any

from symgrad.errors import ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.node import Expr, as_exprs
from symgrad.ir.op import public
from symgrad.ir.size import Size, exact_quotient, product
from symgrad.ops.conv_examples import CONV1D, CONV2D
from symgrad.ops.padding import pad
from symgrad.ops.patches import patches_of
from symgrad.ops.products import matmul
from symgrad.ops.shape import moveaxis, reshape, transpose
from symgrad.ops.spatial import (
    Pairs,
    Steps,
    channels_first,
    from_last,
    pairs_of,
    require_windows,
    steps_of,
    to_last,
)
from symgrad.ops.window_product import window_product
from symgrad.ops.windows import windows_of

__all__ = ["conv1d", "conv2d", "last_kernel"]


def _conv(
    name: str,
    rank: int,
    x: Any,
    kernel: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    data_format: Any,
) -> Expr:
    x, k = as_exprs((x, kernel))
    first = channels_first(name, data_format, rank)
    x = to_last(name, x, first, rank)
    k = last_kernel(name, k, first, rank)
    strides, gaps = (
        steps_of(name, "stride", stride, rank),
        steps_of(name, "dilation", dilation, rank),
    )
    (count,) = steps_of(name, "groups", groups, 1)
    window, (inputs, outputs) = k.shape[:rank], k.shape[rank:]
    _check_groups(name, x.shape[-1], inputs, outputs, count)
    extents = tuple([d * (w - 1) + 1 for w, d in zip(window, gaps, strict=True)])
    pairs = pairs_of(name, padding, x.shape[1:-1], extents, strides)
    require_windows(name, x, pairs, extents)
    x = _padded(x, pairs)
    if isinstance(inputs, int) and inputs == 1 and count > 1:
        windows = windows_of(x, window, tuple(range(1, 1 + rank)), strides, gaps)
        return from_last(_depthwise(windows, k, rank), first)
    return from_last(_grouped(_rows(x, window, strides, gaps), k, rank, count), first)


def _rows(x: Expr, window: tuple[Size, ...], strides: Steps, gaps: Steps) -> Expr:
    """The windows, to be multiplied by the kernel. Those of one element are the array itself."""
    if any([not isinstance(size, int) or size != 1 for size in window]):
        return patches_of(x, window, strides, gaps)
    return x[(slice(None), *[slice(None, None, step) for step in strides])]


def last_kernel(name: str, k: Expr, first: bool, rank: int) -> Expr:
    """The kernel as (*window, inputs of a group, outputs)."""
    if k.ndim != rank + 2:
        order = "(outputs, inputs, *window)" if first else "(*window, inputs, outputs)"
        raise ShapeError(f"{name}: expected a kernel {order}; got shape {format_shape(k.shape)}")
    return transpose(k, (*range(2, 2 + rank), 1, 0)) if first else k


def _check_groups(name: str, channels: Size, inputs: Size, outputs: Size, groups: int) -> None:
    if isinstance(channels, int) and isinstance(inputs, int) and channels != inputs * groups:
        raise ShapeError(
            f"{name}: a kernel for {inputs} channels in each of {groups} groups, and an array of "
            f"{channels} channels"
        )
    if exact_quotient(outputs, groups) is None:
        raise ShapeError(f"{name}: {outputs} outputs are no multiple of {groups} groups")


def _padded(x: Expr, pairs: Pairs) -> Expr:
    if all([low == 0 == high for low, high in pairs]):
        return x
    return pad(x, ((0, 0), *pairs, (0, 0)))


def _grouped(rows: Expr, k: Expr, rank: int, groups: int) -> Expr:
    """Windows times the kernel, a matrix product for each group."""
    lead = rows.shape[: 1 + rank]
    *window, inputs, outputs = k.shape
    size, each = product((*window, inputs)), outputs // groups
    if groups == 1:
        out = matmul(reshape(rows, (product(lead), size)), reshape(k, (size, outputs)))
        return reshape(out, (*lead, outputs))
    rows = reshape(rows, (*rows.shape[:-1], groups, inputs))
    rows = reshape(moveaxis(rows, -2, 0), (groups, product(lead), size))
    k = reshape(moveaxis(reshape(k, (*k.shape[:-1], groups, each)), -2, 0), (groups, size, each))
    return reshape(moveaxis(matmul(rows, k), 0, 1), (*lead, outputs))


def _depthwise(windows: Expr, k: Expr, rank: int) -> Expr:
    """Each channel by itself, with as many outputs as the kernel has for it."""
    lead, channels = windows.shape[: 1 + rank], windows.shape[1 + rank]
    outputs = k.shape[-1]
    each = exact_quotient(outputs, channels)
    if each is None:
        raise ShapeError(f"{outputs} outputs are no multiple of {channels} channels")
    space, window = "hw"[:rank], "ij"[:rank]
    weights = reshape(k, (*k.shape[:rank], channels, each))
    out = window_product(windows, weights, f"n{space}c{window}", f"{window}cm", f"n{space}cm")
    return reshape(out, (*lead, outputs))


@public(examples=CONV1D)
def conv1d(
    x: Any,
    kernel: Any,
    stride: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    groups: int = 1,
    data_format: str = "NWC",
) -> Expr:
    """Convolution of a batch of signals: :func:`conv2d` with one axis in space.

    Parameters
    ----------
    x : array_like
        (batch, width, channels), or (batch, channels, width) for ``data_format="NCW"``.
    kernel : array_like
        (window, channels / groups, outputs), or (outputs, channels / groups, window).
    stride, padding, dilation, groups
        As in :func:`conv2d`.
    data_format : {"NWC", "NCW"}

    Examples
    --------
    >>> import symgrad as sg
    >>> x, k = sg.input("x", ("B", "T", 8)), sg.param("k", (3, 8, 16))
    >>> sg.conv1d(x, k, padding="same").shape
    (Dim('B'), Dim('T'), 16)
    """
    options = (stride, padding, dilation, groups, data_format)
    return _conv("conv1d", 1, x, kernel, *options)


@public(examples=CONV2D)
def conv2d(
    x: Any,
    kernel: Any,
    stride: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    groups: int = 1,
    data_format: str = "NHWC",
) -> Expr:
    """Convolution of a batch of images, as networks have it: the kernel is not turned round.

    Parameters
    ----------
    x : array_like
        (batch, height, width, channels), or (batch, channels, height, width) for
        ``data_format="NCHW"``.
    kernel : array_like
        (height, width, channels / groups, outputs), as in JAX and TensorFlow; or (outputs,
        channels / groups, height, width) for ``"NCHW"``, as in PyTorch.
    stride : int or pair of int
    padding : "valid", "same", int, or one int or pair (before, after) for each of the two axes
        Zeros around the images. ``"same"`` makes as many results along an axis as it has strides;
        where the zeros are odd in number, one more comes after than before.
    dilation : int or pair of int
        How far apart the elements of a window are.
    groups : int
        The channels of the array, and those of the result, are in so many groups of equal size,
        and each is convolved by itself. As many groups as channels: a depthwise convolution.
    data_format : {"NHWC", "NCHW"}

    Examples
    --------
    >>> import symgrad as sg
    >>> x, k = sg.input("x", ("B", 28, 28, 3)), sg.param("k", (3, 3, 3, 8))
    >>> sg.conv2d(x, k).shape, sg.conv2d(x, k, stride=2, padding="same").shape
    ((Dim('B'), 26, 26, 8), (Dim('B'), 14, 14, 8))
    """
    options = (stride, padding, dilation, groups, data_format)
    return _conv("conv2d", 2, x, kernel, *options)
