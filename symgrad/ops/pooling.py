"""Pooling: the largest or the mean element of windows that slide along axes in space."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, public
from symgrad.ir.size import product
from symgrad.ops.creation import ones
from symgrad.ops.padding import pad
from symgrad.ops.shape import expand_dims
from symgrad.ops.spatial import (
    Pairs,
    channels_first,
    from_last,
    pairs_of,
    require_windows,
    steps_of,
    to_last,
)

__all__ = ["avg_pool1d", "avg_pool2d", "max_pool1d", "max_pool2d"]

# ---------------------------------------------------------------- arguments


def _arguments(
    name: str, rank: int, x: Any, window: Any, stride: Any, padding: Any, data_format: Any
) -> tuple[Expr, dict[str, Any], Pairs, bool]:
    first = channels_first(name, data_format, rank)
    x = to_last(name, as_expr(x), first, rank)
    sizes = steps_of(name, "window", window, rank)
    steps = sizes if stride is None else steps_of(name, "stride", stride, rank)
    pairs = pairs_of(name, padding, x.shape[1:-1], sizes, steps)
    for size, pair in zip(sizes, pairs, strict=True):
        if any([isinstance(width, int) and width >= size for width in pair]):
            raise DeclarationError(
                f"{name}: padding of {pair} would leave windows of {size} with nothing in them"
            )
    require_windows(name, x, pairs, sizes)
    axes = tuple(range(1, 1 + rank))
    return x, {"window": sizes, "axes": axes, "stride": steps}, pairs, first


def _around(x: Expr, pairs: Pairs, value: Any) -> Expr:
    if all([isinstance(n, int) and n == 0 for pair in pairs for n in pair]):
        return x
    options = {"constant_values": value} if value else {}
    return pad(x, ((0, 0), *pairs, (0, 0)), **options)


def _max_pool(name: str, rank: int, x: Any, *arguments: Any) -> Expr:
    x, attrs, pairs, first = _arguments(name, rank, x, *arguments)
    kind = x.dtype.kind
    lowest = -np.inf if kind == "f" else False if kind == "b" else int(np.iinfo(x.dtype).min)
    return from_last(make(OPS["window_max"], (_around(x, pairs, lowest),), attrs), first)


def _avg_pool(name: str, rank: int, x: Any, *arguments: Any, count_padding: bool) -> Expr:
    x, attrs, pairs, first = _arguments(name, rank, x, *arguments)
    total = make(OPS["window_sum"], (_around(x, pairs, 0),), attrs)
    whole = product(attrs["window"])
    divisor: Any = whole if count_padding else _elements(x, attrs, pairs, total.dtype)
    return from_last(FUNCTIONS["divide"](total, divisor), first)


def _elements(x: Expr, attrs: dict[str, Any], pairs: Pairs, dtype: np.dtype[Any]) -> Expr:
    """How many elements of the array each window has: a product of the numbers along its axes."""
    count: Any = None
    kind = dtype if dtype.kind == "f" else np.dtype(np.float64)
    each = zip(attrs["window"], attrs["axes"], attrs["stride"], pairs, strict=True)
    for window, axis, stride, pair in each:
        inside = pad(ones((x.shape[axis],), kind), (pair,))
        along = make(
            OPS["window_sum"], (inside,), {"window": (window,), "axes": (0,), "stride": (stride,)}
        )
        along = expand_dims(along, tuple(range(1, x.ndim - axis)))
        count = along if count is None else count * along
    found: Expr = count
    return found


# ---------------------------------------------------------------- functions


def _pool_example(name: str, shape: tuple[int, ...], *args: Any, **options: Any) -> Example:
    return Example(
        lambda x: FUNCTIONS[name](x, *args, **options),
        lambda x: _loops(name, x, *args, **options),
        (shape,),
    )


def _loops(
    name: str,
    x: Any,
    window: Any,
    stride: Any = None,
    padding: Any = "valid",
    count_include_pad: bool = True,
    data_format: str = "NHWC",
) -> Any:
    """The definition, window by window."""
    x = np.moveaxis(x, 1, -1) if data_format in ("NCW", "NCHW") else x
    rank = x.ndim - 2
    sizes = np.broadcast_to(window, rank)
    steps = sizes if stride is None else np.broadcast_to(stride, rank)
    space = np.array(x.shape[1:-1])
    low = high = np.zeros(rank, int)
    if padding == "same":
        total = np.maximum((-(-space // steps) - 1) * steps + sizes - space, 0)
        low, high = total // 2, total - total // 2
    elif padding != "valid":
        low = high = np.broadcast_to(padding, rank)
    counts = (space + low + high - sizes) // steps + 1
    if (counts < 1).any():
        raise ValueError("no windows")
    out = np.zeros((len(x), *counts, x.shape[-1]))
    for at in np.ndindex(*counts):
        start = np.array(at) * steps - low
        ends = [
            slice(max(s, 0), min(s + k, n)) for s, k, n in zip(start, sizes, space, strict=True)
        ]
        part = x[(slice(None), *ends)].reshape(len(x), -1, x.shape[-1])
        if "max" in name:
            found = part.max(axis=1)
        else:
            found = part.sum(axis=1) / (sizes.prod() if count_include_pad else part.shape[1])
        out[(slice(None), *at)] = found
    out = out.astype(x.dtype)
    return np.moveaxis(out, -1, 1) if data_format in ("NCW", "NCHW") else out


def _pool_examples(kind: str) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    of_1d = (
        _pool_example(f"{kind}_pool1d", (2, 6, 3), 2),
        _pool_example(f"{kind}_pool1d", (2, 5, 2), 3, stride=2, padding="same"),
        _pool_example(f"{kind}_pool1d", (2, 3, 7), 2, stride=3, data_format="NCW"),
    )
    of_2d = (
        _pool_example(f"{kind}_pool2d", (2, 4, 6, 3), 2),
        _pool_example(f"{kind}_pool2d", (1, 5, 4, 2), (3, 2), stride=1),
        _pool_example(f"{kind}_pool2d", (1, 5, 4, 2), 3, stride=2, padding="same"),
        _pool_example(f"{kind}_pool2d", (1, 4, 5, 1), 3, padding=(1, 0)),
        _pool_example(f"{kind}_pool2d", (1, 2, 5, 7), 2, stride=(3, 2), data_format="NCHW"),
    )
    return of_1d, of_2d


_MAX_1D, _MAX_2D = _pool_examples("max")
_AVG_1D, _AVG_2D = _pool_examples("avg")


@public(examples=_MAX_1D)
def max_pool1d(
    x: Any, window: Any, stride: Any = None, padding: Any = "valid", data_format: str = "NWC"
) -> Expr:
    """The largest element of each window of a batch of signals: see :func:`max_pool2d`.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.max_pool1d(sg.input("x", ("B", 10, 3)), 2).shape
    (Dim('B'), 5, 3)
    """
    return _max_pool("max_pool1d", 1, x, window, stride, padding, data_format)


@public(examples=_MAX_2D)
def max_pool2d(
    x: Any, window: Any, stride: Any = None, padding: Any = "valid", data_format: str = "NHWC"
) -> Expr:
    """The largest element of each window of a batch of images, channel by channel.

    Parameters
    ----------
    x : array_like
        (batch, height, width, channels), or (batch, channels, height, width) for
        ``data_format="NCHW"``.
    window : int or pair of int
    stride : int or pair of int, optional
        The size of the window, if None: then no windows overlap.
    padding : "valid", "same", int, or one int or pair (before, after) for each of the two axes
        As in :func:`conv2d`; what is put around is never the largest.
    data_format : {"NHWC", "NCHW"}

    Notes
    -----
    Of elements of a window that tie, the first in C order gets the gradient. The mean or the
    largest of all of an image is ``x.mean((1, 2))`` and ``x.max((1, 2))``.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.max_pool2d(sg.input("x", ("B", 28, 28, 8)), 2).shape
    (Dim('B'), 14, 14, 8)
    """
    return _max_pool("max_pool2d", 2, x, window, stride, padding, data_format)


@public(
    examples=(
        *_AVG_1D,
        _pool_example("avg_pool1d", (2, 5, 1), 3, padding=1, stride=1, count_include_pad=False),
    )
)
def avg_pool1d(
    x: Any,
    window: Any,
    stride: Any = None,
    padding: Any = "valid",
    count_include_pad: bool = True,
    data_format: str = "NWC",
) -> Expr:
    """The mean of each window of a batch of signals: see :func:`avg_pool2d`.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.avg_pool1d(sg.input("x", ("B", 10, 3)), 2).shape
    (Dim('B'), 5, 3)
    """
    arguments = (window, stride, padding, data_format)
    return _avg_pool("avg_pool1d", 1, x, *arguments, count_padding=count_include_pad)


@public(
    examples=(
        *_AVG_2D,
        _pool_example("avg_pool2d", (1, 5, 4, 2), 3, 2, "same", count_include_pad=False),
    )
)
def avg_pool2d(
    x: Any,
    window: Any,
    stride: Any = None,
    padding: Any = "valid",
    count_include_pad: bool = True,
    data_format: str = "NHWC",
) -> Expr:
    """The mean of each window of a batch of images, channel by channel.

    Parameters
    ----------
    x : array_like
        (batch, height, width, channels), or (batch, channels, height, width) for
        ``data_format="NCHW"``.
    window : int or pair of int
    stride : int or pair of int, optional
        The size of the window, if None: then no windows overlap.
    padding : "valid", "same", int, or one int or pair (before, after) for each of the two axes
        As in :func:`conv2d`.
    count_include_pad : bool
        Whether the zeros that are put around count as elements of a window, as in PyTorch; in
        TensorFlow they do not.
    data_format : {"NHWC", "NCHW"}

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.avg_pool2d(sg.input("x", ("B", 28, 28, 8)), 2).shape
    (Dim('B'), 14, 14, 8)
    """
    arguments = (window, stride, padding, data_format)
    return _avg_pool("avg_pool2d", 2, x, *arguments, count_padding=count_include_pad)
