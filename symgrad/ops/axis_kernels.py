"""Functions along axes that NumPy lacks; copied into the modules that call them."""

# mypy: disable-error-code="no-any-return"

import numpy as np

__all__ = ["euclidean_norm", "recurrence"]


def recurrence(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    """y_i = a_i y_(i-1) + b_i along an axis, where y_(-1) = 0."""
    y = np.array(b)
    rows, factors = np.moveaxis(y, axis, 0), np.moveaxis(a, axis, 0)
    for i in range(1, len(rows)):
        rows[i] += factors[i] * rows[i - 1]
    return y


def euclidean_norm(
    x: np.ndarray, axis: tuple[int, ...] | None = None, keepdims: bool = False
) -> np.ndarray:
    """Square root of the sum of squares; scaled, if squares overflow or underflow."""
    limits = np.finfo(x.dtype)
    low, high = limits.smallest_normal / limits.eps, limits.max
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        total = np.square(x).sum(axis=axis, keepdims=keepdims)
        exact = (low < total) & (total <= high)
        if exact.all():
            return np.sqrt(total)
        scale = np.abs(x).max(axis=axis, keepdims=True, initial=0)
        scale = np.where((scale > 0) & (scale <= high), scale, 1)
        total = np.square(x / scale).sum(axis=axis, keepdims=keepdims)
        return np.sqrt(total) * scale.reshape(total.shape)
