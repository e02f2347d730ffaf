"""Functions along axes that NumPy lacks; copied into the modules that call them."""

# mypy: disable-error-code="no-any-return"

import numpy as np

__all__ = ["euclidean_norm", "recurrence", "recurrence_in_blocks"]


def recurrence(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    """y_i = a_i y_(i-1) + b_i along an axis, where y_(-1) = 0."""
    y = np.array(b, np.result_type(a, b))
    rows, factors = np.moveaxis(y, axis, 0), np.moveaxis(a, axis, 0)
    for i in range(max(1, recurrence_in_blocks(factors, rows)), len(rows)):
        rows[i] += factors[i] * rows[i - 1]
    return y


def recurrence_in_blocks(factors: np.ndarray, rows: np.ndarray) -> int:
    """Finish as many rows as fill whole blocks, all blocks side by side; how many these are.

    None, if a product of factors might overflow or underflow where the recurrence does not.
    """
    n, length = len(rows), min(int(len(rows) ** 0.5), 64)
    count = n // max(length, 1)
    if length <= 8 or rows[0].size > 32:
        return 0
    y = rows[: count * length].reshape(count, length, *rows.shape[1:]).copy()
    scale = np.array(factors[: count * length], y.dtype).reshape(y.shape)
    range_ = np.abs(np.frexp(np.abs(scale))[1]).sum(axis=1)
    if not (range_ < np.finfo(y.dtype).maxexp - 4).all() or not np.isfinite(scale).all():
        return 0
    for j in range(1, length):
        y[:, j] += scale[:, j] * y[:, j - 1]
        scale[:, j] *= scale[:, j - 1]
    for i in range(1, count):
        y[i] += scale[i] * y[i - 1, -1]
    rows[: count * length] = y.reshape(count * length, *rows.shape[1:])
    return count * length


def euclidean_norm(
    x: np.ndarray, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
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


def deviations(x: np.ndarray, axis: int | tuple[int, ...] | None = None) -> tuple[np.ndarray, int]:
    """Give x less its mean, without what rounding took of the mean, and the number of elements.

    The mean of large numbers that hardly differ is rounded by as much as they differ; the mean
    of their deviations from it is what rounding took.
    """
    mean = x.mean(axis=axis, keepdims=True)
    d = x - mean
    if d.size:
        d -= d.mean(axis=axis, keepdims=True)
    return d, d.size // mean.size if mean.size else 0


def var(
    x: np.ndarray,
    axis: int | tuple[int, ...] | None = None,
    ddof: float = 0,
    keepdims: bool = False,
) -> np.ndarray:
    """Sum of squared deviations from the mean / (n - ddof), in three passes."""
    with np.errstate(all="ignore"):
        d, n = deviations(x, axis)
        return np.square(d).sum(axis=axis, keepdims=keepdims) / d.dtype.type(max(n - ddof, 0))


def std(
    x: np.ndarray,
    axis: int | tuple[int, ...] | None = None,
    ddof: float = 0,
    keepdims: bool = False,
) -> np.ndarray:
    """Root of the variance; by the norm of the deviations, if squares overflow or underflow."""
    with np.errstate(all="ignore"):
        d, n = deviations(x, axis)
        freedom = d.dtype.type(max(n - ddof, 0))
        total = np.square(d).sum(axis=axis, keepdims=keepdims)
        y = np.sqrt(total / freedom)
        limits = np.finfo(d.dtype)
        exact = (limits.smallest_normal / limits.eps < total) & (total <= limits.max)
        if exact.all():
            return y
        scaled = euclidean_norm(d, axis, keepdims) / np.sqrt(freedom)
        return np.where(exact, y, scaled)[()]
