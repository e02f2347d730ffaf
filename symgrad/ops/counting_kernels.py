"""Counting into a known number of places; copied into the modules that call it."""

# mypy: disable-error-code="no-any-return"

import numpy as np

__all__ = ["count_bins"]


def count_bins(x: np.ndarray, weights: np.ndarray | None = None, length: int = 0) -> np.ndarray:
    """How often each integer below `length` occurs in x, or the sum of its weights."""
    counts = np.bincount(x, weights, length)
    if len(counts) > length:
        raise ValueError(f"bincount: expected integers below {length}; got {x.max()}")
    return counts
