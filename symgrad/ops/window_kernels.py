"""Sums, extremes and overlaps of windows; copied into the modules that call them."""

# mypy: disable-error-code="no-any-return"

import numpy as np

__all__ = [
    "first_extreme",
    "overlap_add",
    "patches",
    "place",
    "pooled",
    "spread_to_first",
    "taken_from_first",
]


def place(
    offsets: tuple[int, ...],
    axes: tuple[int, ...],
    counts: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[slice, ...]:
    """Where the elements at these offsets of all windows stand in the array."""
    index = [slice(None)] * (max(axes, default=-1) + 1)
    for axis, i, n, step, gap in zip(axes, offsets, counts, stride, dilation, strict=True):
        index[axis] = slice(i * gap, i * gap + max(n - 1, 0) * step + min(n, 1), step)
    return tuple(index)


def overlap_add(
    windows: np.ndarray,
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> np.ndarray:
    """Windows that slide along axes, added where they overlap.

    The axes of the windows are the last ones, in the order of `axes`.
    """
    out = np.zeros(shape, windows.dtype)
    counts = tuple([windows.shape[axis] for axis in axes])
    for offsets in np.ndindex(*windows.shape[windows.ndim - len(axes) :]):
        out[place(offsets, axes, counts, stride, dilation)] += windows[(..., *offsets)]
    return out


def pooled(
    reduce: np.ufunc,
    x: np.ndarray,
    window: tuple[int, ...],
    axes: tuple[int, ...],
    stride: tuple[int, ...],
) -> np.ndarray:
    """`reduce` of the elements of each window that slides along axes."""
    ones = (1,) * len(axes)
    sizes = zip(axes, window, stride, strict=True)
    counts = tuple([(x.shape[axis] - size) // step + 1 for axis, size, step in sizes])
    places = [place(offsets, axes, counts, stride, ones) for offsets in np.ndindex(*window)]
    out = np.array(x[places[0]])
    for index in places[1:]:
        reduce(out, x[index], out=out)
    return out


def first_extreme(
    x: np.ndarray,
    y: np.ndarray,
    window: tuple[int, ...],
    axes: tuple[int, ...],
    stride: tuple[int, ...],
) -> list[tuple[tuple[slice, ...], np.ndarray]]:
    """For each offset in a window: its place in `x`, and which results it is the first to give."""
    ones, counts = (1,) * len(axes), tuple([y.shape[axis] for axis in axes])
    waiting, undefined = np.ones(y.shape, bool), bool(np.isnan(y).any())
    firsts = []
    for offsets in np.ndindex(*window):
        index = place(offsets, axes, counts, stride, ones)
        found = x[index] == y
        if undefined:
            found |= np.isnan(x[index])
        found &= waiting
        waiting ^= found
        firsts.append((index, found))
    return firsts


def spread_to_first(
    x: np.ndarray,
    y: np.ndarray,
    ct: np.ndarray,
    window: tuple[int, ...],
    axes: tuple[int, ...],
    stride: tuple[int, ...],
) -> np.ndarray:
    """`ct` added to zeros at the element of each window that is first to have its extreme `y`."""
    out = np.zeros(x.shape, ct.dtype)
    apart = all(step >= size for step, size in zip(stride, window, strict=True))
    for index, found in first_extreme(x, y, window, axes, stride):
        if apart:
            np.copyto(out[index], ct, where=found)
        else:
            out[index] += np.where(found, ct, 0)
    return out


def taken_from_first(
    x: np.ndarray,
    y: np.ndarray,
    t: np.ndarray,
    window: tuple[int, ...],
    axes: tuple[int, ...],
    stride: tuple[int, ...],
) -> np.ndarray:
    """The element of `t` where each window of `x` is first to have its extreme `y`."""
    out = np.zeros(y.shape, t.dtype)
    for index, found in first_extreme(x, y, window, axes, stride):
        np.copyto(out, t[index], where=found)
    return out


def patches(
    x: np.ndarray, window: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> np.ndarray:
    """Windows of (batch, *space, channels) as (batch, *places, *window, channels)."""
    axes = tuple(range(1, 1 + len(window)))
    extents = tuple([(w - 1) * gap + 1 for w, gap in zip(window, dilation, strict=True)])
    if x.shape[-1] == 1:  # whole rows of a channel are longer than rows of a window
        counts = tuple(
            [
                (x.shape[axis] - extent) // step + 1
                for axis, extent, step in zip(axes, extents, stride, strict=True)
            ]
        )
        out = np.empty((len(x), *counts, *window, 1), x.dtype)
        for offsets in np.ndindex(*window):
            out[(..., *offsets, slice(None))] = x[place(offsets, axes, counts, stride, dilation)]
        return out
    view = np.lib.stride_tricks.sliding_window_view(x, extents, axes)
    steps = [slice(None, None, step) for step in (*stride, 1, *dilation)]
    return np.ascontiguousarray(np.moveaxis(view[(slice(None), *steps)], 1 + len(axes), -1))
