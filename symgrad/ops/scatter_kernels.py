"""Additions to rows of an array, for NumPy alone. See ``kernels`` for the contract."""

import numpy as np

__all__ = ["add_rows"]


def add_rows(target: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
    """Add values to rows of target, in place; a row that is named repeatedly gets all of them."""
    count, width = len(target), target[:1].size
    inside = rows.size == 0 or (rows.min() >= -count and rows.max() < count)
    if not (inside and width and target.flags.c_contiguous):
        np.add.at(target, rows, values)
        return
    # np.add.at is several times faster along one axis; the order of the additions is the same
    first = np.where(rows < 0, rows + count, rows) * width
    places = first[..., None] + np.arange(width)
    values = np.broadcast_to(values, rows.shape + target.shape[1:])
    np.add.at(target.reshape(-1), places.reshape(-1), values.reshape(-1))
