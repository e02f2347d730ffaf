"""Logarithms with factors and of quotients, for NumPy alone: entropies, logit, Box-Cox.

A product 0 log 0 is 0, quotients near 1 keep their digits, and nothing overflows on the way. See
``kernels`` for the contract.
"""

# mypy: disable-error-code="no-any-return"

import numpy as np

from symgrad.ops.gamma_kernels import log1pmx
from symgrad.ops.kernels import as_floating, as_floats, deliver

__all__ = [
    "boxcox",
    "boxcox1p",
    "entr",
    "exponential_moment",
    "inv_boxcox",
    "inv_boxcox1p",
    "kl_div",
    "log_mixture",
    "log_ratio",
    "logit",
    "rel_entr",
    "xlog1py",
    "xlogy",
]


def xlogy(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """x log y, and 0 where x = 0, whatever y is but NaN."""
    x, y = as_floats(x, y)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        z = x * np.log(y)
    return deliver(np.where((x == 0) & ~np.isnan(y), np.zeros_like(z), z), out)


def xlog1py(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """x log(1 + y), and 0 where x = 0, whatever y is but NaN."""
    x, y = as_floats(x, y)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        z = x * np.log1p(y)
    return deliver(np.where((x == 0) & ~np.isnan(y), np.zeros_like(z), z), out)


def entr(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """-x log x; 0 at 0, -inf below."""
    x = as_floating(x)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        y = np.where(x == 0, 0, -x * np.log(x))
    return deliver(np.where(x < 0, -np.inf, y), out)


def log_ratio(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(x / y), of the difference where x is near y, of both where x / y over- or underflows."""
    x, y = as_floats(x, y)
    with np.errstate(all="ignore"):
        q = x / y
        z = np.where((q > 0.5) & (q < 2), np.log1p((x - y) / y), np.log(q))
        tiny = np.finfo(q.dtype).tiny
        z = np.where((q >= tiny) & (q <= 1 / tiny), z, np.log(x) - np.log(y))
    return deliver(z, out)


def log_mixture(
    x: np.ndarray, y: np.ndarray, w: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """log(w e^x + (1 - w) e^y) = c + log1p(w expm1(x - c) + (1 - w) expm1(y - c)).

    c is the greater of x and y; 0 where that is small, as the result may be, or infinite.
    """
    x, y, w = as_floats(x, y, w)
    m = np.maximum(x, y)
    c = np.where((np.abs(m) < 1) | np.isinf(m), 0, m)
    with np.errstate(divide="ignore", over="ignore"):
        inner = w * np.expm1(x - c) + (1 - w) * np.expm1(y - c)
        return np.add(c, np.log1p(inner), out=out)


def rel_entr(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """x log(x / y); 0 where x = 0 <= y, inf where one is negative, or y alone is 0."""
    x, y = as_floats(x, y)
    with np.errstate(all="ignore"):
        z = np.where((x > 0) & (y > 0), x * log_ratio(x, y), np.inf)
    z = np.where((x == 0) & (y >= 0), 0, z)
    return deliver(np.where(np.isnan(x) | np.isnan(y), np.nan, z), out)


def kl_div(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """x log(x / y) - x + y; where x is near y, -x (log(1 + d) - d) with d = (y - x) / x."""
    x, y = as_floats(x, y)
    with np.errstate(all="ignore"):
        d = (y - x) / x
        z = np.where(np.abs(d) < 0.6, -x * log1pmx(d), rel_entr(x, y) + (y - x))
    z = np.where((x == 0) & (y >= 0), y, np.where((x < 0) | (y < 0), np.inf, z))
    return deliver(np.where(np.isnan(x) | np.isnan(y), np.nan, z), out)


def logit(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(x / (1 - x)); near 1/2 as 2 artanh(2 x - 1), whose argument is exact."""
    x = as_floating(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.log(x / (1 - x))
        near = 2 * np.arctanh(np.clip(2 * x - 1, -0.5, 0.5))
    return deliver(np.where(np.abs(x - 0.5) < 0.25, near, far), out)


def boxcox(x: np.ndarray, lmbda: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """(x^lmbda - 1) / lmbda, log(x) where lmbda = 0."""
    x, lmbda = as_floats(x, lmbda)
    with np.errstate(all="ignore"):
        y = np.log(x)
        z = np.expm1(lmbda * y)
        # a power has a smaller error than the exponential of a large logarithm
        z = np.where(np.abs(z + 0.5) > 1, x**lmbda - 1, z) / lmbda
    return deliver(np.where(np.abs(lmbda) < 1e-300, y, z).astype(z.dtype), out)


def boxcox1p(x: np.ndarray, lmbda: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """((1 + x)^lmbda - 1) / lmbda, log(1 + x) where lmbda = 0."""
    x, lmbda = as_floats(x, lmbda)
    with np.errstate(all="ignore"):
        y = np.log1p(x)
        z = np.expm1(lmbda * y) / lmbda
    return deliver(np.where(np.abs(lmbda) < 1e-300, y, z).astype(z.dtype), out)


def inv_boxcox(y: np.ndarray, lmbda: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """(1 + lmbda y)^(1 / lmbda), e^y where lmbda = 0."""
    y, lmbda = as_floats(y, lmbda)
    with np.errstate(all="ignore"):
        z = np.where(np.abs(lmbda) < 1e-300, y, np.log1p(lmbda * y) / lmbda)
        z = np.exp(z.astype(np.result_type(y, lmbda)))
    return deliver(z, out)


def inv_boxcox1p(y: np.ndarray, lmbda: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """(1 + lmbda y)^(1 / lmbda) - 1, e^y - 1 where lmbda = 0."""
    y, lmbda = as_floats(y, lmbda)
    with np.errstate(all="ignore"):
        z = np.where(np.abs(lmbda) < 1e-300, y, np.log1p(lmbda * y) / lmbda)
        z = np.expm1(z.astype(np.result_type(y, lmbda)))
    return deliver(z, out)


def exponential_moment(n: int, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """int_0^1 t^n e^(x t) dt: for |x| < 12 + 2 n a series of terms of one sign, else closed."""
    x = as_floating(x)
    edge = 12 + 2 * n
    near = np.abs(x) < edge
    y = np.empty_like(x)
    a, b = np.abs(x[near]), x[~near]
    with np.errstate(all="ignore"):
        # x > 0: sum x^k / (k! (n + 1 + k)); x < 0: e^x sum |x|^k / ((n + 1) ... (n + 1 + k))
        positive = x[near] >= 0
        term = np.where(positive, 1, 1 / (n + 1)).astype(x.dtype)
        total = term / np.where(positive, n + 1, 1)
        for k in range(1, 70 + 8 * n):
            term = term * (a / np.where(positive, k, n + 1 + k))
            total = total + term / np.where(positive, n + 1 + k, 1)
        y[near] = total * np.exp(np.where(positive, 0, -a)).astype(x.dtype)
        # e^x / x (1 - n / x + n (n - 1) / x^2 - ...) less the value at 0 of the primitive
        series, last = np.ones_like(b), 1.0
        for k in range(1, n + 1):
            series = 1 - k / b * series
            last *= k
        half = np.exp(0.5 * np.minimum(b, 2000))
        y[~near] = half * (series / np.minimum(b, 2000) * half) + (-1 / b) ** (n + 1) * last
    return deliver(y, out)


def cosm1(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """cos(x) - 1 = -2 sin(x / 2)^2."""
    s = np.sin(0.5 * as_floating(x))
    return np.multiply(-2 * s, s, out=out)


def huber(delta: np.ndarray, r: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """r^2 / 2 for |r| <= delta, delta (|r| - delta / 2) beyond, inf for delta < 0."""
    delta, r = as_floats(delta, r)
    r = np.abs(r)
    with np.errstate(all="ignore"):
        y = np.where(r <= delta, 0.5 * r * r, delta * (r - 0.5 * delta))
    return deliver(np.where(delta < 0, np.inf, y), out)


def pseudo_huber(delta: np.ndarray, r: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """delta^2 (sqrt(1 + u^2) - 1) = r (r / (1 + sqrt(1 + u^2))), u = r / delta; 0 for delta = 0."""
    delta, r = as_floats(delta, r)
    with np.errstate(all="ignore"):
        y = r * (r / (1 + np.hypot(1, r / delta)))
    return deliver(np.where(delta < 0, np.inf, np.where((delta == 0) | (r == 0), 0, y)), out)
