"""The logarithm of the gamma function, its derivatives, and what is made of them, in NumPy alone.

What cancels in a naive sum is never subtracted: log-gamma has its zeros at 1 and 2 as factors,
digamma is the difference from its root, and differences of digamma, or of log-gamma in the beta
function, are sums of terms of one sign. See ``kernels`` for the contract.
"""

# mypy: disable-error-code="no-any-return"

import numpy as np

from symgrad.ops.kernels import as_floating, as_floats, deliver
from symgrad.ops.special_kernels import horner

__all__ = [
    "beta_density",
    "betaln",
    "cospi",
    "digamma",
    "gamma_density",
    "gammaln",
    "gammasgn",
    "log1pmx",
    "loggamma",
    "polygamma",
    "polygamma_difference",
    "sinpi",
]

# log Gamma(1 + y) / (y (y - 1)) on [0, 1], in powers of y - 1/2, highest first
LOG_GAMMA = (
    1.1820969445467145e-05, -1.8527803997032962e-05, 1.3584275459130943e-05,
    -2.148770252062576e-05, 4.281642862794779e-05, -6.793733027397047e-05, 0.00010541715222185904,
    -0.0001685717945035172, 0.00027130273545114005, -0.00043803516132580534,
    0.0007115202752051298, -0.001164411377219605, 0.0019229162321227923, -0.0032120742206072908,
    0.005446457842219553, -0.009425622444829649, 0.01679709863121395, -0.03130848750105327,
    0.06291140107456485, -0.14595989591430594, 0.4831289505409809,
)  # fmt: skip

# x times the error of Stirling's formula for log Gamma(x) on [2.5, inf), in powers of 1 / x^2
STIRLING = (
    -0.3798798444577467, 0.43176800571851115, -0.23176632972839445, 0.08129466384616944,
    -0.022593560645490073, 0.006035234354704072, -0.0019031412413929255, 0.0008413836627094221,
    -0.0005952323836025104, 0.0007936507466535246, -0.002777777777623419, 0.08333333333333325,
)  # fmt: skip

# the Bernoulli numbers B_2, B_4, ...
BERNOULLI = (
    0.16666666666666666, -0.03333333333333333, 0.023809523809523808, -0.03333333333333333,
    0.07575757575757576, -0.2531135531135531, 1.1666666666666667, -7.092156862745098,
    54.971177944862156,
)  # fmt: skip

# artanh(r) / r - 1 over r^2, in powers of r^2, highest first; enough for |r| <= 1/3
ARTANH = tuple(1 / (2 * k + 3) for k in range(16, -1, -1))

# where digamma is zero, in two parts: for x > 0, and between -1 and 0
DIGAMMA_ROOTS = (
    (1.4616321449683622, 9.549995429965697e-17),
    (-0.5040830082644554, -8.15428206243813e-18),
)


def sinpi(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """sin(pi x), exact where x is an integer: x is reduced to [-1/2, 1/2] without rounding."""
    x = as_floating(x)
    with np.errstate(invalid="ignore"):
        r = x - 2 * np.round(0.5 * x)
        r = np.where(np.abs(r) > 0.5, np.copysign(1, r) - r, r)
    return deliver(np.sin(np.pi * r), out)


def cospi(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """cos(pi x) = sin(pi (1/2 - |x|)), with x reduced to [-1, 1] without rounding."""
    x = as_floating(x)
    with np.errstate(invalid="ignore"):
        r = np.abs(x - 2 * np.round(0.5 * x))
    return deliver(np.sin(np.pi * (0.5 - r)), out)


def log1pmx(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(1 + x) - x; near 0 by log(1 + x) = 2 artanh r, r = x / (2 + x), whose first term is x."""
    x = as_floating(x)
    z = np.clip(x, -0.5, 1)
    r = z / (2 + z)
    s = r * r
    near = r * (2 * s * horner(ARTANH, s) - z)
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.log1p(np.minimum(x, np.finfo(x.dtype).max)) - x
    return deliver(np.where(np.isnan(x) | (z != x), far, near), out)


def stirling_error(x: np.ndarray) -> np.ndarray:
    """Give log Gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2 for x >= 2.5."""
    u = 1 / x
    return u * horner(STIRLING, u * u)


def gammaln_positive(x: np.ndarray) -> np.ndarray:
    """Compute log Gamma(x) for x >= 0: factors that vanish at 1 and 2 up to 2.5, then Stirling."""
    near = x < 2.5
    y = np.empty_like(x)
    a, b = x[near], x[~near]
    t = a - np.clip(np.floor(a), 0, 2)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        shift = np.where(a < 1, -np.log(a), np.where(a < 2, 0, np.log1p(t)))
        y[near] = t * (t - 1) * horner(LOG_GAMMA, t - 0.5) + shift
        y[~near] = (b - 0.5) * (np.log(b) - 1) + (0.4189385332046727 + stirling_error(b))
    return y


def gammaln(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log |Gamma(x)|; for x < 0 by Gamma(x) Gamma(1 - x) = pi / sin(pi x)."""
    x = as_floating(x)
    low = x < 0
    z = gammaln_positive(np.where(low, 1 - x, x))
    with np.errstate(divide="ignore", invalid="ignore"):
        reflected = 1.1447298858494002 - np.log(np.abs(sinpi(x))) - z
    return deliver(np.where(low, np.where(np.isinf(x), np.inf, reflected), z), out)


def loggamma(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log Gamma(x) for x >= 0, NaN below."""
    x = as_floating(x)
    with np.errstate(invalid="ignore"):
        y = gammaln_positive(np.where(x < 0, np.nan, x))
    return deliver(y, out)


def gammasgn(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The sign of Gamma(x); NaN at its poles below 0, that of the zero at 0."""
    x = as_floating(x)
    n = np.floor(x)
    with np.errstate(invalid="ignore"):
        sign = np.where(n == 2 * np.floor(0.5 * n), 1.0, -1.0)
    sign = np.where(x < 0, np.where(n == x, np.nan, sign), np.where(x == 0, np.copysign(1, x), 1))
    return deliver(np.where(np.isnan(x), x, sign).astype(x.dtype), out)


def asymptotic(n: int) -> list[float]:
    """Give the series of |psi_n(x)| for large x in powers of 1 / x, without the log x of n = 0."""
    series = [0.0] * (2 * len(BERNOULLI) + n + 1)
    factor = 1.0
    for i in range(2, n):
        factor *= i
    series[n] = factor if n else 0.0
    series[n + 1] = 0.5 * factor * max(n, 1)
    for k, number in enumerate(BERNOULLI, 1):
        factor = number / (2 * k)
        for i in range(n):
            factor *= 2 * k + i
        series[2 * k + n] = factor
    return series


def difference_of_shifted(n: int, x: np.ndarray, d: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Compute psi_n(y) - psi_n(x), y = x + d, in terms of one sign where no pole is between.

    Both are shifted by an integer to where the asymptotic series holds.
    """
    steps, series = 10 + n, asymptotic(n)
    total = np.zeros_like(d)
    for k in range(steps):
        u, v = 1 / (x + k), 1 / (y + k)
        powers = np.ones_like(d)
        for i in range(1, n + 1):
            powers = powers * v + u**i
        total += d * u * v * powers
    u, v = 1 / (x + steps), 1 / (y + steps)
    value, slope = np.zeros_like(d), np.zeros_like(d)
    for c in reversed(series):  # Horner's scheme, and that of the divided difference
        slope = slope * u + value
        value = value * v + c
    tail = d * u * v * slope
    if n == 0:
        return np.log1p(d * u) + (total + tail)
    return (-1) ** n * (2 * series[n + 1] * total + tail)


def digamma(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """(log Gamma)'(x): above -1 its difference from a root, below that by reflection."""
    x = as_floating(x)
    below = x <= -1
    z = np.where(below, 1 - x, x)
    root = np.where((z < 0)[..., None], DIGAMMA_ROOTS[1], DIGAMMA_ROOTS[0])
    near = root[..., 0].astype(x.dtype)
    rest = (root[..., 0] - near + root[..., 1]).astype(x.dtype)
    with np.errstate(all="ignore"):
        y = difference_of_shifted(0, near, (z - near) - rest, z)
        y = np.where(below, y - np.pi * cospi(x) / sinpi(x), y)
        # the pole at 0 has the sign of that zero, the others have none
        pole = np.where(x == 0, -np.copysign(np.inf, x), np.nan)
    y = np.where((x <= 0) & (x == np.floor(x)), pole, np.where(x == np.inf, x, y))
    return deliver(y.astype(x.dtype), out)


def polygamma(n: int, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The n-th derivative of digamma, n >= 1; below 0 by reflection, with derivatives of cot."""
    x = as_floating(x)
    low = x <= 0
    z = np.where(low, 1 - x, x)
    series = asymptotic(n)
    with np.errstate(all="ignore"):
        total = np.zeros_like(x)
        for k in range(9 + n, -1, -1):
            total += 1 / (z + k) ** (n + 1)
        u = 1 / (z + (10 + n))
        tail = np.zeros_like(x)
        for c in reversed(series):
            tail = tail * u + c
        y = (-1) ** (n + 1) * (2 * series[n + 1] * total + tail)
        if low.any():
            # the derivatives of cot are polynomials in it: P' -> -(1 + c^2) P'(c)
            cot, p = cospi(x) / sinpi(x), [0.0, 1.0]
            for _ in range(n):
                d = [i * c for i, c in enumerate(p)][1:]
                p = [-(a + b) for a, b in zip([*d, 0.0, 0.0], [0.0, 0.0, *d], strict=True)]
            turned = np.zeros_like(x)
            for c in reversed(p):
                turned = turned * cot + c
            y = np.where(low, (-1) ** n * y - np.pi ** (n + 1) * turned, y)
    return deliver(y, out)


def polygamma_difference(
    n: int, x: np.ndarray, d: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """psi_n(x + d) - psi_n(x), which for x and x + d > 0 does not cancel however small d is."""
    x, d = np.broadcast_arrays(*as_floats(x, d))
    y = x + d
    with np.errstate(all="ignore"):
        z = difference_of_shifted(n, x, d, y)
        low = ~((x > 0) & (y > 0))
        if low.any():
            a, b = np.where(low, x, 1), np.where(low, y, 1)
            direct = polygamma(n, b) - polygamma(n, a) if n else digamma(b) - digamma(a)
            z = np.where(low, direct, z)
    return deliver(z, out)


def betaln(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log |B(a, b)|: from 2.5 on by what Stirling's formulas of the three log-gammas differ in."""
    a, b = np.broadcast_arrays(*as_floats(a, b))
    a, b = np.minimum(a, b), np.maximum(a, b)
    with np.errstate(all="ignore"):
        total = a + b
        s, t, u = np.maximum(a, 2.5), np.maximum(b, 2.5), np.maximum(total, 2.5)
        error = stirling_error(t) - stirling_error(u)
        ratio = a / b
        tail = t * np.log1p(ratio)
        y = gammaln(a) + (gammaln(b) - gammaln(total))
        mixed = a * (1 - np.log(t)) - (tail + (a - 0.5) * np.log1p(ratio)) + error
        y = np.where(b >= 2.5, gammaln(a) + mixed, y)
        both = 0.9189385332046728 - 0.5 * np.log(b) + (s - 0.5) * (np.log(ratio) - np.log1p(ratio))
        y = np.where(a >= 2.5, both - tail + (stirling_error(s) + error), y)
    return deliver(y, out)


def log_quotient(x: np.ndarray, y: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Compute log(x / y) - d with d = x / y - 1, accurate for x near y and for x near 0."""
    return np.where(x < 0.5 * y, np.log(x / y) - d, log1pmx(d))


def gamma_density(a: np.ndarray, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """x^(a - 1) e^-x / Gamma(a); from a = 2.5 on by its maximum and Stirling's formula (Loader)."""
    a, x = np.broadcast_arrays(*as_floats(a, x))
    s = np.maximum(a, 2.5)
    info = np.finfo(x.dtype)
    with np.errstate(all="ignore"):
        # where neither overflows, powers have smaller errors than the exponential of a sum
        power, scale = x**s, s**s
        fits = (power > 1e9 * info.tiny) & (power < 1e-9 * info.max) & (scale < 1e-9 * info.max)
        fits &= np.exp(-x) > 1e9 * info.tiny
        bell = np.exp(s * log_quotient(x, s, (x - s) / s))
        bell = np.where(fits, (power * np.exp(-x)) * (np.exp(s) / scale), bell)
        far = np.sqrt(s / (2 * np.pi)) * np.exp(-stirling_error(s)) * bell / x
        one = np.minimum(a, 2.5)
        scale = np.where(one < 1, one, 1) * np.exp(-gammaln(np.where(one < 1, one + 1, one)))
        near = scale * x ** (one - 1) * np.exp(-x)
        y = np.where(a >= 2.5, np.where(x == 0, 0, far), near)
    return deliver(np.where(np.isposinf(x), 0, np.where((a < 0) | (x < 0), np.nan, y)), out)


def beta_density(
    a: np.ndarray, b: np.ndarray, x: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """x^(a - 1) (1 - x)^(b - 1) / B(a, b); for a, b >= 2.5 by its maximum (Loader)."""
    a, b, x = np.broadcast_arrays(*as_floats(a, b, x))
    s, t, rest = np.maximum(a, 2.5), np.maximum(b, 2.5), 1 - x
    with np.errstate(all="ignore"):
        n = s + t
        away = x * t - rest * s  # n (x - s / n)
        exponent = s * log_quotient(x, s / n, away / s) + t * log_quotient(rest, t / n, -away / t)
        error = stirling_error(n) - stirling_error(s) - stirling_error(t)
        far = np.sqrt(s * (t / n) / (2 * np.pi)) * np.exp(exponent + error) / (x * rest)
        power = np.where(x < 0.5, np.exp((b - 1) * np.log1p(-x)), rest ** (b - 1))
        near = x ** (a - 1) * power * np.exp(-betaln(a, b))
        edge = (x == 0) | (x == 1)
        y = np.where((a >= 2.5) & (b >= 2.5), np.where(edge, 0, far), near)
    return deliver(np.where((a < 0) | (b < 0) | (x < 0) | (x > 1), np.nan, y), out)
