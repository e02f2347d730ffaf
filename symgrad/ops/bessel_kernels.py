"""Logarithms of Bessel functions, and differences of nearly equal ones, in NumPy alone.

The coefficients interpolate 60-digit values at Chebyshev points. See ``kernels`` for the contract.
"""

# mypy: disable-error-code="no-any-return"

import numpy as np

from symgrad.ops.kernels import as_floating, deliver
from symgrad.ops.special_kernels import horner

__all__ = ["i_difference", "k_difference", "log_i0"]

# x e^-x (I_0(x) - I_1(x)) on [1, 8], in powers of (x - 4.5) / 3.5, highest first
I_NEAR = (
    -6.986170551507134e-10, 2.8051995987068124e-09, -5.817467507417955e-09, 2.040778983178425e-08,
    -8.464515420974588e-08, 2.8200054722489337e-07, -8.682570057503528e-07, 2.619707355233722e-06,
    -7.555834369071801e-06, 2.0598510980679425e-05, -5.306608774500227e-05,
    0.00012882444157442266, -0.0002932851581179438, 0.0006227466306747971, -0.0012250988225171702,
    0.00221364491115688, -0.0036303096598078385, 0.005307829278373834, -0.006710488186072282,
    0.006875326054948409, -0.004629000706345499, -0.0008370793605086512, 0.009256733711919811,
    -0.019022424577273447, 0.02791784616961218, -0.03473096145247386, 0.04087938538125609,
    -0.052348871223702416, 0.10457754898900577,
)  # fmt: skip

# x^(3/2) e^-x (I_0(x) - I_1(x)) on [8, inf), in powers of 16 / x - 1, highest first
I_FAR = (
    -1.2552433961167913e-10, -8.535042674138345e-10, 1.2716201739107186e-09,
    6.892981710456348e-09, -6.015727676830533e-09, -2.5904418682916614e-08,
    1.7795509711300862e-08, 6.10547070335259e-08, -3.722122071218776e-08, -1.0407344654214595e-07,
    5.871259952186165e-08, 1.4365988629429192e-07, -7.03799203222886e-08, -1.797240503928704e-07,
    5.241929881780056e-08, 2.180787232077917e-07, 3.2126781527810026e-08, -2.2234770225408916e-07,
    -2.188195696287391e-07, 4.878794334204263e-09, 2.5124098526140384e-07, 4.6726636776459857e-07,
    8.519659499903293e-07, 2.1678163673508194e-06, 8.16411383122933e-06, 4.49360084196137e-05,
    0.00037396928734260396, 0.00531326012428658, 0.20444880670617194,
)  # fmt: skip

# x^(3/2) e^x (K_1(x) - K_0(x)) on [1, inf), in powers of (x - 1) / (x + 1), highest first
K_FAR = (
    0.0012860011797086416, -0.014346350084891032, 0.0751644553637502, -0.2456576301713416,
    0.5611473440763781, -0.9513917819713092, 1.241055866770742, -1.2742176121672224,
    1.0446496557015146, -0.6895790098660036, 0.36743527871776654, -0.1569349526776577,
    0.0516857389984505, -0.01022266749629976, -0.0031600113176554995, 0.007339417975373324,
    -0.00941553554675028, 0.011608241776277877, -0.0144552236550102, 0.019004287418957357,
    -0.025417138522509822, 0.03929453404309266, -0.05943211901199794, 0.169525872668024,
    0.49169040645636325,
)  # fmt: skip


def i_difference(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """e^-x (I_0(x) - I_1(x)) for x >= 1; NaN below."""
    x = as_floating(x)
    near, far = np.clip(x, 1, 8), np.maximum(x, 8)
    y = np.where(
        x < 8,
        horner(I_NEAR, (near - 4.5) / 3.5) / near,
        horner(I_FAR, 16 / far - 1) / far / np.sqrt(far),
    )
    return deliver(np.where(x >= 1, y, np.nan).astype(x.dtype), out)


def k_difference(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """e^x (K_1(x) - K_0(x)) for x >= 1; NaN below."""
    x = as_floating(x)
    z = np.maximum(x, 1)
    t = np.minimum(z, 1e30)
    y = horner(K_FAR, (t - 1) / (t + 1)) / z / np.sqrt(z)
    return deliver(np.where(x >= 1, y, np.nan).astype(x.dtype), out)


def log_i0(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log I_0(x): log1p of the series without its 1, and from 30 on by the expansion at infinity.

    That is |x| - log(2 pi |x|) / 2 + log1p of a series in 1 / |x|.
    """
    x = as_floating(x)
    size = np.abs(x)
    near, far = np.minimum(np.nan_to_num(size), 30), np.clip(size, 30, np.finfo(x.dtype).max)
    square = np.square(near / 2)
    term = total = square
    k = 1
    while np.any(term > np.finfo(x.dtype).eps / 8 * total):
        k += 1
        term = term * square / (k * k)
        total = total + term
    rest = np.zeros_like(far)
    for k in range(24, 0, -1):
        rest = (1 + rest) * ((2 * k - 1) ** 2 / (8 * k)) / far
    tail = np.log1p(rest) - np.log(far) / 2 - 0.9189385332046727  # log(2 pi) / 2
    return deliver(np.where(size <= 30, np.log1p(total), size + tail).astype(x.dtype), out)
