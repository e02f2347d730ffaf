"""Kernels of derivatives; see ``kernels`` for their contract."""

# mypy: disable-error-code="no-any-return"

import numpy as np

from symgrad.ops.kernels import as_floating, deliver

__all__ = ["direction", "one_minus_square", "share", "share2", "sigmoid_slope", "tanh_slope"]


def tanh_slope(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """1 / cosh(x)^2 = 4 e / (1 + e)^2 with e = e^(-2|x|)."""
    e = np.exp(-2 * np.abs(as_floating(x)))
    return np.divide(4 * e, np.square(1 + e), out=out)


def sigmoid_slope(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """e^-x / (1 + e^-x)^2, which is even: e / (1 + e)^2 with e = e^-|x|."""
    e = np.exp(-np.abs(as_floating(x)))
    return np.divide(e, np.square(1 + e), out=out)


def one_minus_square(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """1 - x^2 as (1 - x) (1 + x), in which nothing cancels near 1 and -1."""
    x = as_floating(x)
    with np.errstate(over="ignore"):
        return np.multiply(1 - x, 1 + x, out=out)


def direction(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """x / sqrt(x^2 + y^2), 0 at the origin: first both are divided by the larger of them."""
    x, y = np.broadcast_arrays(as_floating(x), as_floating(y))
    largest = np.maximum(np.abs(x), np.abs(y))
    infinite = np.isinf(largest)
    # an infinity is 1 beside anything finite, and so is its direction
    a = np.where(infinite, np.copysign(np.isinf(x), x), x)
    b = np.where(infinite, np.isinf(y), y)
    scale = np.where(infinite | (largest == 0), 1, largest).astype(a.dtype)
    a, b = a / scale, b / scale
    r = np.sqrt(a * a + b * b)
    return np.divide(a, np.where(r == 0, 1, r), out=out)


def two_difference(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give x - y, rounded, and what the rounding took (Knuth), 0 where that is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        d = x - y
        part = d - x
        lost = (x - (d - part)) - (y + part)
    return d, np.where(np.abs(lost) < 1, lost, 0)


def share(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """e^x / (e^x + e^y) = s + s (1 - s) lost, with s = sigmoid(x - y); 1/2 if both are inf."""
    x, y = as_floating(x), as_floating(y)
    d, lost = two_difference(x, y)
    d = np.where((x == y) & (x > 0), 0, d)
    e = np.exp(-np.abs(d))
    s = np.exp(np.minimum(d, 0)) / (1 + e)
    s = s + s * np.where(d > 0, e / (1 + e), 1 / (1 + e)) * lost
    return deliver(np.where((x == y) & (x < -np.finfo(x.dtype).max), 0, s), out)


def share2(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """2^x / (2^x + 2^y); see `share`."""
    x, y = as_floating(x), as_floating(y)
    d, lost = two_difference(x, y)
    d = np.where((x == y) & (x > 0), 0, d)
    e = np.exp2(-np.abs(d))
    s = np.exp2(np.minimum(d, 0)) / (1 + e)
    s = s + s * np.where(d > 0, e / (1 + e), 1 / (1 + e)) * (lost * 0.6931471805599453)
    return deliver(np.where((x == y) & (x < -np.finfo(x.dtype).max), 0, s), out)
