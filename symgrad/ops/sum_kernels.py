"""Sums of float32 along axes that NumPy adds one after the other; copied into modules.

NumPy sums pairwise only along the axis that is contiguous in memory; along any other it adds row
after row, and the error grows with their number. Here rows are added in runs of 128, and what
these give in the same way, so that the error grows with the logarithm of that number. Wide rows
take up to a quarter more time, narrow ones a fraction of it.
"""

# mypy: disable-error-code="no-any-return"

import numpy as np

__all__ = ["mean_along", "std_along", "sum_along", "var_along"]


def sum_rows(x: np.ndarray, axis: int) -> np.ndarray:
    """Sum along an axis that is not the last in memory, by runs of 128 rows."""
    lead, trail = x.shape[:axis], x.shape[axis + 1 :]
    width = 1
    for size in trail:
        width *= size
    while x.shape[axis] > 128 and width:
        n = x.shape[axis]
        # narrow rows are added many at a time
        many = max(1, min(1024 // width, n // 2048))
        whole = n - n % (128 * many)
        front = x if whole == n else x[(*(slice(None),) * axis, slice(whole))]
        runs = front.reshape(*lead, whole // (128 * many), 128, many * width).sum(axis=axis + 1)
        runs = runs.reshape(*lead, whole // 128, *trail)
        if whole < n:
            runs = np.concatenate([runs, x[(*(slice(None),) * axis, slice(whole, None))]], axis)
        x = runs
    return x.sum(axis=axis)


def sum_along(
    x: np.ndarray,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Sum along axes: pairwise in memory, else by runs of rows."""
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 1 and x.shape[axes[0]] <= 128:
        return x.sum(axis=axes, keepdims=keepdims, out=out)
    order = list(range(x.ndim))
    if not x.flags.c_contiguous:
        order.sort(key=lambda a: -abs(x.strides[a]))
    y = x.transpose(order)
    for place in range(x.ndim - 1, -1, -1):
        if order[place] in axes:
            y = y.sum(axis=-1) if place == y.ndim - 1 else sum_rows(y, place)
    left = [a for a in order if a not in axes]
    if left != sorted(left):
        y = y.transpose(np.argsort(left))
    if keepdims:
        y = np.expand_dims(y, axes)
    if out is None:
        return y
    out[...] = y
    return out


def elements_along(x: np.ndarray, axis: int | tuple[int, ...] | None) -> int:
    """Count the elements that are reduced to one."""
    number = 1
    for a in range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,):
        number *= x.shape[a]
    return number


def mean_along(
    x: np.ndarray,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Mean along axes, of a sum by runs of rows."""
    return np.divide(sum_along(x, axis, keepdims), elements_along(x, axis), out=out)


def var_along(
    x: np.ndarray,
    axis: int | tuple[int, ...] | None = None,
    ddof: float = 0,
    keepdims: bool = False,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Variance along axes, of squared deviations that are summed by runs of rows."""
    squares = x - mean_along(x, axis, True)
    np.multiply(squares, squares, out=squares)
    freedom = max(elements_along(x, axis) - ddof, 0)
    return np.divide(sum_along(squares, axis, keepdims), freedom, out=out)


def std_along(
    x: np.ndarray,
    axis: int | tuple[int, ...] | None = None,
    ddof: float = 0,
    keepdims: bool = False,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Standard deviation along axes, of squares that are summed by runs of rows."""
    return np.sqrt(var_along(x, axis, ddof, keepdims), out=out)
