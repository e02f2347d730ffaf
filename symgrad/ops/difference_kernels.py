"""Differences of nearby values for NumPy alone; copied into the modules that call them.

Where two values are far apart, or one is not finite, each gives what the plain difference gives.
See ``kernels`` for the contract.
"""

# mypy: disable-error-code="no-any-return"

import numpy as np

from symgrad.ops.kernels import as_floating, deliver

__all__ = [
    "cos_increment",
    "exp_increment",
    "log_increment",
    "reciprocal_increment",
    "sin_increment",
    "sqrt_increment",
    "square_increment",
    "log_product",
    "cos_difference",
    "exp_difference",
    "log_difference",
    "log_quotient",
    "reciprocal_difference",
    "root_less",
    "sin_difference",
    "sqrt_difference",
    "square_difference",
]


def square_difference(p: np.ndarray, q: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """p^2 - q^2."""
    p, q = as_floating(p), as_floating(q)
    with np.errstate(over="ignore", invalid="ignore"):
        y = (p - q) * (p + q)
        return deliver(np.where(np.isnan(y), p * p - q * q, y), out)


def sqrt_difference(p: np.ndarray, q: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """sqrt(p) - sqrt(q)."""
    p, q = as_floating(p), as_floating(q)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        a, b = np.sqrt(p), np.sqrt(q)
        y = (p - q) / (a + b)
        return deliver(np.where(np.isnan(y), a - b, y), out)


def reciprocal_difference(
    p: np.ndarray, q: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """1 / p - 1 / q."""
    p, q = as_floating(p), as_floating(q)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        plain, near = 1 / p - 1 / q, (q - p) / p / q
        close = (2 * p > q) & (2 * q > p) | (2 * p < q) & (2 * q < p)
        return deliver(np.where(close & np.isfinite(near), near, plain), out)


def exp_difference(p: np.ndarray, q: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """e^p - e^q."""
    p, q = as_floating(p), as_floating(q)
    with np.errstate(over="ignore", invalid="ignore"):
        d, a, b = p - q, np.exp(p), np.exp(q)
        near = (np.abs(d) < 1) | (np.isinf(a) & np.isinf(b))
        return deliver(np.where(near, b * np.expm1(d), a - b), out)


def log_difference(p: np.ndarray, q: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log p - log q."""
    p, q = as_floating(p), as_floating(q)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        close = (q > 0) & (2 * p > q) & (p < 2 * q) & (p < np.inf)
        near = np.log1p((p - q) / q)
        return deliver(np.where(close, near, np.log(p) - np.log(q)), out)


def log_quotient(p: np.ndarray, q: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(p / q)."""
    p, q = as_floating(p), as_floating(q)
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        ratio = p / q
        y = np.where((ratio > 0.5) & (ratio < 2), np.log1p((p - q) / q), np.log(ratio))
        lost = np.isinf(ratio) | (np.abs(ratio) < np.finfo(ratio.dtype).smallest_normal)
        lost = lost & ~np.signbit(ratio)
        apart = np.log(np.abs(p)) - np.log(np.abs(q))
        return deliver(np.where(lost, apart, y), out)


def sin_cos_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sin(a + b) and cos(a + b), of the sum as it is without rounding."""
    total = a + b
    part = total - a
    lost = (a - (total - part)) + (b - part)
    s, c, t, d = np.sin(total), np.cos(total), np.sin(lost), np.cos(lost)
    return s * d + c * t, c * d - s * t


def sin_difference(p: np.ndarray, q: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """sin p - sin q."""
    p, q = as_floating(p), as_floating(q)
    with np.errstate(invalid="ignore"):
        half = (p - q) / 2
        near = 2 * sin_cos_sum(q, half)[1] * np.sin(half)
        return deliver(np.where(np.abs(half) < 0.5, near, np.sin(p) - np.sin(q)), out)


def cos_difference(p: np.ndarray, q: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """cos p - cos q."""
    p, q = as_floating(p), as_floating(q)
    with np.errstate(invalid="ignore"):
        half = (p - q) / 2
        near = -2 * sin_cos_sum(q, half)[0] * np.sin(half)
        return deliver(np.where(np.abs(half) < 0.5, near, np.cos(p) - np.cos(q)), out)


def root_less(q: np.ndarray, r: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """sqrt(q^2 + r) - q."""
    q, r = as_floating(q), as_floating(r)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        size = np.abs(q)
        large = size > np.sqrt(np.finfo(size.dtype).max) / 4
        root = np.where(large, size * np.sqrt(1 + r / size / size), np.sqrt(q * q + r))
        near = r / (root + q)
        return deliver(np.where((q > 0) & np.isfinite(root), near, root - q), out)


def log_product(p: np.ndarray, q: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(p q)."""
    p, q = as_floating(p), as_floating(q)
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        product = p * q
        lost = np.isinf(product) | (np.abs(product) < np.finfo(product.dtype).smallest_normal)
        apart = np.log(np.abs(p)) + np.log(np.abs(q))
        same = np.signbit(p) == np.signbit(q)
        return deliver(np.where(lost & same, apart, np.log(product)), out)


def square_increment(x: np.ndarray, h: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """(x + h)^2 - x^2."""
    x, h = as_floating(x), as_floating(h)
    with np.errstate(over="ignore", invalid="ignore"):
        y = h * (2 * x + h)
        return deliver(np.where(np.isnan(y), np.square(x + h) - x * x, y), out)


def sqrt_increment(x: np.ndarray, h: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """sqrt(x + h) - sqrt(x)."""
    x, h = as_floating(x), as_floating(h)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        a, b = np.sqrt(x + h), np.sqrt(x)
        a = np.where(np.isinf(a), 2 * np.sqrt(x / 4 + h / 4), a)
        y = h / (a + b)
        return deliver(np.where(np.isnan(y), a - b, y), out)


def reciprocal_increment(x: np.ndarray, h: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """1 / (x + h) - 1 / x."""
    x, h = as_floating(x), as_floating(h)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        near = -h / x / (x + h)
        close = (np.abs(h) < np.abs(x)) & np.isfinite(near)
        return deliver(np.where(close, near, 1 / (x + h) - 1 / x), out)


def exp_increment(x: np.ndarray, h: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """e^(x + h) - e^x."""
    x, h = as_floating(x), as_floating(h)
    with np.errstate(over="ignore", invalid="ignore"):
        a, b = np.exp(x + h), np.exp(x)
        near = ((np.abs(h) < 1) | (np.isinf(a) & np.isinf(b))) & ~np.isinf(x)
        return deliver(np.where(near, b * np.expm1(h), a - b), out)


def log_increment(x: np.ndarray, h: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(x + h) - log(x)."""
    x, h = as_floating(x), as_floating(h)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        close = (x > 0) & (2 * np.abs(h) < x)
        return deliver(np.where(close, np.log1p(h / x), np.log(x + h) - np.log(x)), out)


def sin_increment(x: np.ndarray, h: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """sin(x + h) - sin(x)."""
    x, h = as_floating(x), as_floating(h)
    with np.errstate(invalid="ignore"):
        near = 2 * sin_cos_sum(x, h / 2)[1] * np.sin(h / 2)
        return deliver(np.where(np.abs(h) < 1, near, np.sin(x + h) - np.sin(x)), out)


def cos_increment(x: np.ndarray, h: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """cos(x + h) - cos(x)."""
    x, h = as_floating(x), as_floating(h)
    with np.errstate(invalid="ignore"):
        near = -2 * sin_cos_sum(x, h / 2)[0] * np.sin(h / 2)
        return deliver(np.where(np.abs(h) < 1, near, np.cos(x + h) - np.cos(x)), out)
