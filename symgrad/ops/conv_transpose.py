"""Transposed convolutions: each element adds its multiple of the kernel to the result."""

from __future__ import annotations

from typing import Any

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.node import Expr, as_exprs, make
from symgrad.ir.op import OPS, public
from symgrad.ir.size import Size, exact_quotient, product, size_max
from symgrad.ops.conv_examples import CONV1D_TRANSPOSE, CONV2D_TRANSPOSE
from symgrad.ops.convolution import last_kernel
from symgrad.ops.padding import pad
from symgrad.ops.products import matmul
from symgrad.ops.shape import matrix_transpose, moveaxis, reshape, transpose
from symgrad.ops.spatial import (
    Pairs,
    Steps,
    channels_first,
    from_last,
    pairs_of,
    steps_of,
    to_last,
)
from symgrad.ops.windows import overlapping

__all__ = ["conv1d_transpose", "conv2d_transpose"]


def _conv_transpose(
    name: str,
    rank: int,
    x: Any,
    kernel: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
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
    more = steps_of(name, "output_padding", output_padding, rank, least=0)
    (count,) = steps_of(name, "groups", groups, 1)
    window, inputs = k.shape[:rank], k.shape[-1]
    channels = x.shape[-1]
    if isinstance(channels, int) and isinstance(inputs, int) and channels != inputs:
        raise ShapeError(f"{name}: a kernel for {inputs} channels, and an array of {channels}")
    if exact_quotient(inputs, count) is None:
        raise ShapeError(f"{name}: {inputs} channels are no multiple of {count} groups")
    extents = tuple([d * (w - 1) + 1 for w, d in zip(window, gaps, strict=True)])
    for extra, step, gap in zip(more, strides, gaps, strict=True):
        if extra >= max(step, gap):
            raise DeclarationError(
                f"{name}: output_padding {extra} must be below the stride or the dilation"
            )
    pairs, added = _cut(name, padding, extents, strides, more)
    windows = _spread(x, k, rank, count)  # (batch, *space, channels, *window)
    space = tuple(range(1, 1 + rank))
    full = tuple([
        (n - 1) * s + e for n, s, e in zip(x.shape[1:-1], strides, extents, strict=True)
    ])  # fmt: skip
    shape = (x.shape[0], *full, windows.shape[1 + rank])
    out = overlapping(windows, shape, space, strides, gaps)
    ends = [size_max(put - high, 0) for (_, high), put in zip(pairs, added, strict=True)]
    if not all([_is_zero(end) for end in ends]):  # beyond what is cut off at the end
        out = pad(out, ((0, 0), *[(0, end) for end in ends], (0, 0)))
    lengths = tuple([
        size - low - high + put
        for size, (low, high), put in zip(full, pairs, added, strict=True)
    ])  # fmt: skip
    for length, size, (low, high) in zip(lengths, full, pairs, strict=True):
        if isinstance(length, int) and length < 0:
            raise ShapeError(
                f"{name}: padding of ({low}, {high}) would cut off more than the {size} elements "
                "that there are along an axis"
            )
    if lengths != out.shape[1:-1]:
        entries = [("slice", low, n, 1) for (low, _), n in zip(pairs, lengths, strict=True)]
        whole = [("slice", 0, size, 1) for size in (out.shape[0], out.shape[-1])]
        out = make(OPS["getitem"], (out,), {"index": (whole[0], *entries, whole[1])})
    return from_last(out, first)


def _is_zero(size: Size) -> bool:
    return isinstance(size, int) and size == 0


def _cut(
    name: str, padding: Any, extents: tuple[Size, ...], strides: Steps, more: Steps
) -> tuple[Pairs, tuple[Size, ...]]:
    """What is cut off at both ends, and how many elements are put at the end."""
    if not (isinstance(padding, str) and padding == "same"):
        return pairs_of(name, padding, extents, extents, strides), more
    # the result is as long as the axis times the stride
    totals = [size_max(e - s, 0) for e, s in zip(extents, strides, strict=True)]
    short = [size_max(s - e, 0) for e, s in zip(extents, strides, strict=True)]
    pairs = tuple([(total // 2, total - total // 2) for total in totals])
    return pairs, tuple([few + extra for few, extra in zip(short, more, strict=True)])


def _spread(x: Expr, k: Expr, rank: int, groups: int) -> Expr:
    """Each element of `x` times the kernel: the windows that it contributes to."""
    lead, window = x.shape[:-1], k.shape[:rank]
    outputs, inputs = k.shape[rank:]
    size = product((*window, outputs))
    if groups == 1:
        rows = reshape(x, (product(lead), inputs))
        columns = matmul(rows, transpose(reshape(k, (size, inputs))))
        columns = reshape(columns, (*lead, *window, outputs))
        return moveaxis(columns, -1, 1 + rank)
    each = inputs // groups
    rows = moveaxis(reshape(x, (product(lead), groups, each)), 1, 0)
    k = moveaxis(reshape(k, (*window, outputs, groups, each)), -2, 0)
    k = reshape(k, (groups, size, each))
    columns = matmul(rows, matrix_transpose(k))  # (groups, rows, window of outputs)
    columns = reshape(columns, (groups, *lead, *window, outputs))
    columns = moveaxis(columns, (0, -1), (1 + rank, 2 + rank))  # (*lead, groups, outputs, *window)
    return reshape(columns, (*lead, groups * outputs, *window))


@public(examples=CONV1D_TRANSPOSE)
def conv1d_transpose(
    x: Any,
    kernel: Any,
    stride: Any = 1,
    padding: Any = "valid",
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    data_format: str = "NWC",
) -> Expr:
    """The transpose of :func:`conv1d`: :func:`conv2d_transpose` with one axis in space.

    Parameters
    ----------
    x : array_like
        (batch, width, channels), or (batch, channels, width) for ``data_format="NCW"``.
    kernel : array_like
        (window, outputs / groups, channels), or (channels, outputs / groups, window).
    stride, padding, output_padding, dilation, groups
        As in :func:`conv2d_transpose`.
    data_format : {"NWC", "NCW"}

    Examples
    --------
    >>> import symgrad as sg
    >>> x, k = sg.input("x", ("B", "T", 16)), sg.param("k", (4, 8, 16))
    >>> sg.conv1d_transpose(x, k, stride=2, padding="same").shape
    (Dim('B'), Dim('2*T'), 8)
    """
    options = (stride, padding, output_padding, dilation, groups, data_format)
    return _conv_transpose("conv1d_transpose", 1, x, kernel, *options)


@public(examples=CONV2D_TRANSPOSE)
def conv2d_transpose(
    x: Any,
    kernel: Any,
    stride: Any = 1,
    padding: Any = "valid",
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    data_format: str = "NHWC",
) -> Expr:
    """The transpose of :func:`conv2d`, as a linear map of its array: what its gradient is.

    Along an axis of n elements it gives (n - 1) stride + dilation (window - 1) + 1 - padding +
    output_padding of them, the padding being that before and that after together.

    Parameters
    ----------
    x : array_like
        (batch, height, width, channels), or (batch, channels, height, width) for
        ``data_format="NCHW"``.
    kernel : array_like
        That of the convolution: (height, width, outputs / groups, channels), as in TensorFlow; or
        (channels, outputs / groups, height, width) for ``"NCHW"``, as in PyTorch.
    stride : int or pair of int
    padding : "valid", "same", int, or one int or pair (before, after) for each of the two axes
        What the convolution pads, which is cut off here. ``"same"`` makes the result as long as
        the array times the stride.
    output_padding : int or pair of int
        So many elements more at the end, of the several lengths that a stride makes equal.
    dilation : int or pair of int
    groups : int
    data_format : {"NHWC", "NCHW"}

    Examples
    --------
    >>> import symgrad as sg
    >>> x, k = sg.input("x", ("B", 7, 7, 16)), sg.param("k", (3, 3, 8, 16))
    >>> sg.conv2d_transpose(x, k, stride=2, padding="same").shape
    (Dim('B'), 14, 14, 8)
    """
    options = (stride, padding, output_padding, dilation, groups, data_format)
    return _conv_transpose("conv2d_transpose", 2, x, kernel, *options)
