"""Elementwise functions that NumPy lacks, each finite and accurate far into its tails.

The compiler copies the source of these functions into the modules that it generates, so each uses
NumPy, other kernels and module-level tuples only. All share one contract: ``name(x, out=None)``
takes arrays or scalars, writes to ``out`` if given (which may be ``x`` itself), computes in the
precision of ``x`` (integers and booleans become float64), and gives no floating-point warning.
"""

# ufuncs that are given out= are typed as Any
# mypy: disable-error-code="no-any-return"

import numpy as np

__all__ = [
    "as_floating",
    "as_floats",
    "blocks",
    "coshm1",
    "deliver",
    "exp_below",
    "exp_sum",
    "expm1_over_x",
    "gelu_tanh",
    "log1mexp",
    "log1p_over_x",
    "log1p_square",
    "log_cosh",
    "log_sigmoid",
    "logistic_loss",
    "logistic_residual",
    "power_series",
    "room",
    "sigmoid",
    "silu",
    "softplus",
]


def as_floating(x: np.ndarray) -> np.ndarray:
    """Give x as an array of floats; integers and booleans become float64."""
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def as_floats(*arguments: np.ndarray) -> list[np.ndarray]:
    """Give arrays of their common floating dtype, for which Python's numbers do not count."""
    dtype = np.result_type(*arguments)
    dtype = dtype if dtype.kind == "f" else np.dtype(np.float64)
    return [np.asarray(x, dtype) for x in arguments]


def deliver(y: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    """Give y as a ufunc would: in out if there is one, as a scalar if y has no axes."""
    if out is None:
        return y[()]
    np.copyto(out, y, casting="same_kind")
    return out


def room(x: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    """Give memory for as many results as x has numbers: out, if it can be filled in blocks."""
    if out is None or not out.flags.c_contiguous or (out.shape, out.dtype) != (x.shape, x.dtype):
        return np.empty(x.shape, x.dtype)
    return out


def blocks(*arrays: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """Give 16384 numbers of each array at a time, so that what is made of them stays in cache."""
    flat = [array.reshape(-1) for array in arrays]
    return [tuple([a[i : i + 16384] for a in flat]) for i in range(0, flat[0].size, 16384)]


def sigmoid(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """1 / (1 + e^-x) = e^min(x, 0) / (1 + e^-|x|), in which nothing overflows."""
    x = as_floating(x)
    e = np.exp(-np.abs(x))
    return np.divide(np.maximum(e, x >= 0), 1 + e, out=out)


def softplus(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(1 + e^x) = max(x, 0) + log1p(e^-|x|)."""
    x = as_floating(x)
    return np.add(np.maximum(x, 0), np.log1p(np.exp(-np.abs(x))), out=out)


def log_sigmoid(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(1 / (1 + e^-x)) = min(x, 0) - log1p(e^-|x|)."""
    x = as_floating(x)
    return np.subtract(np.minimum(x, 0), np.log1p(np.exp(-np.abs(x))), out=out)


def logistic_loss(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(1 + e^x) - x y = x (h - y) + log1p(e^-|x|), where h is 1 for x > 0 and else 0."""
    x, y = as_floats(x, y)
    return np.add(x * ((x > 0) - y), np.log1p(np.exp(-np.abs(x))), out=out)


def logistic_residual(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """sigmoid(x) - y = (h - y) + (sigmoid(x) - h), where h is 1 for x > 0 and else 0."""
    x, y = as_floats(x, y)
    e = np.exp(-np.abs(x))
    e /= 1 + e
    above = x > 0
    tail = np.where(above, -e, e)
    near = (y > 0.2) & (y < 0.8)
    if not near.any():
        return np.add(above - y, tail, out=out)
    near = near & (np.abs(x) < 1)  # there h is 1/2
    return deliver(np.where(near, (0.5 - y) + np.tanh(x / 2) / 2, (above - y) + tail), out)


def coshm1(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """cosh(x) - 1 = 2 sinh(x / 2)^2."""
    s = np.sinh(0.5 * as_floating(x))
    return np.multiply(2 * s, s, out=out)


def log_cosh(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log cosh x: log1p(sinh^2 x) / 2, and far out |x| + log1p(e^(-2 |x|)) - log 2."""
    size = np.abs(as_floating(x))
    near = np.log1p(np.square(np.sinh(np.minimum(size, 1)))) / 2
    far = size - 0.6931471805599453 + np.log1p(np.exp(-2 * size))
    return deliver(np.where(size < 1, near, far), out)


def log1mexp(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(1 - e^-x) for x >= 0: log(-expm1(-x)) up to log 2, log1p(-e^-x) beyond (Maechler)."""
    x = as_floating(x)
    small = x < 0.6931471805599453
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        y = -np.where(small, np.expm1(-x), np.exp(-x))
        y = np.where(small, np.log(y), np.log1p(y))
    return deliver(y, out)


def silu(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """x / (1 + e^-x), 0 at -inf; x e^x below -80 is (x e^-80) e^(x + 80), lest e^x underflow."""
    x = as_floating(x)
    y = np.maximum(x, -2000) * np.exp(np.clip(x, -80, 0)) * np.exp(np.minimum(x + 80, 0))
    return np.divide(y, 1 + np.exp(-np.abs(x)), out=out)


def gelu_tanh(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """x (1 + tanh u) / 2 = x / (1 + e^-2u), u = sqrt(2/pi) (x + 0.044715 x^3) (Hendrycks)."""
    x = as_floating(x)
    z = np.clip(x, -40, 40)
    v = z * (1.5957691216057308 + 0.07135481627260025 * z * z)
    y = np.maximum(x, -40) * np.exp(np.clip(v, -80, 0)) * np.exp(np.minimum(v + 80, 0))
    return np.divide(y, 1 + np.exp(-np.abs(v)), out=out)


def expm1_over_x(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """(e^x - 1) / x, 1 at 0; beyond 80 (e^80 / x) e^(x - 80), which overflows no sooner than it."""
    x = as_floating(x)
    z = np.minimum(x, 1000)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        y = np.where(x < 80, np.expm1(x) / x, 5.54062238439351e34 / z * np.exp(z - 80))
    return deliver(np.where(x == 0, 1, y), out)


def log1p_over_x(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(1 + x) / x, 1 at 0, and 0 at inf."""
    x = as_floating(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log1p(np.minimum(x, np.finfo(x.dtype).max)) / x
    return deliver(np.where(x == 0, 1, y), out)


def exp_below(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """e^(a - b) where a <= b, as exact as exp_sum: 1 where both are the same infinity."""
    y = np.where(np.equal(a, b), 1, exp_sum(a, np.negative(b)))
    return deliver(y, out)


def power_series(
    x: np.ndarray, coefficients: tuple[float, ...], out: np.ndarray | None = None
) -> np.ndarray:
    """c_0 + c_1 x + c_2 x^2 + ... by Horner's rule."""
    y = np.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        y *= x
        y += c
    return deliver(y, out)


def exp_sum(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """e^(a + b), with what rounding the sum loses (Knuth's two-sum) put back to first order."""
    a, b = as_floating(a), as_floating(b)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        s = a + b
        part = s - a
        lost = (a - (s - part)) + (b - part)
        y = np.exp(s)
        y = np.where((np.abs(lost) < 1) & (y < np.inf), y + y * lost, y)
    return deliver(y, out)


def log1p_square(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(1 + x^2); beyond 1e9, where the 1 is lost, 2 log |x|."""
    size = np.abs(as_floating(x))
    with np.errstate(divide="ignore", over="ignore"):
        return deliver(np.where(size > 1e9, 2 * np.log(size), np.log1p(size * size)), out)
