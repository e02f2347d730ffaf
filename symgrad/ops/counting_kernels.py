"""Counting in places, and finding by place; copied into the modules that call it."""

# mypy: disable-error-code="no-any-return"

import numpy as np

__all__ = ["count_bins", "order_statistics"]


def count_bins(x: np.ndarray, weights: np.ndarray | None = None, length: int = 0) -> np.ndarray:
    """How often each integer below `length` occurs in x, or the sum of its weights."""
    counts = np.bincount(x, weights, length)
    if len(counts) > length:
        raise ValueError(f"bincount: expected integers below {length}; got {x.max()}")
    return counts


def order_statistics(x: np.ndarray, k: np.ndarray, missing: bool = False) -> np.ndarray:
    """Give the k-th smallest elements of the last axis: of a row with NaN, unless missing, NaN."""
    if k.ndim > 1:
        y = np.sort(x, axis=-1)
        last = y[..., -1:]
        y = np.take_along_axis(y, k, axis=-1)
    else:
        y = np.partition(x, [*k, -1], axis=-1)
        last = y[..., -1:]
        y = y[..., k]
    if missing or x.dtype.kind != "f":
        return y
    return np.where(np.isnan(last), last, y)
