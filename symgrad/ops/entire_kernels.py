"""Entire functions and all their derivatives, each by the formula that is accurate at its place.

One kernel gives a function's derivative of any order, so that none is made of differences of
others, which would cancel near 0. See ``kernels`` for the contract.
"""

# mypy: disable-error-code="no-any-return"

import numpy as np

from symgrad.ops.kernels import as_floating, deliver
from symgrad.ops.special_kernels import exact_square

__all__ = ["bessel_i", "sinc"]


def sine_cosine_of_pi(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sin(pi x) and cos(pi x): what is taken off x is exact, so that integers give exact zeros."""
    rest = x - 2 * np.rint(x / 2)
    size = np.abs(rest)
    sine = np.copysign(np.sin(np.pi * np.minimum(size, 1 - size)), rest)
    cosine = np.where(size < 0.25, np.cos(np.pi * size), np.sin(np.pi * (0.5 - size)))
    return sine, cosine


def sinc_near(t: np.ndarray, order: int) -> np.ndarray:
    """Give a derivative of sin(t) / t by its series at 0: sum of (-1)^k t^(2k) / (2k+1)!."""
    first = (order + 1) // 2
    power = 2 * first - order
    coefficients = []
    factorial = 1.0
    for k in range(first, first + 12 + 2 * order):
        coefficients.append((-1) ** k / (factorial * (2 * k + 1)))
        power += 2
        factorial *= power * (power - 1)
    square = t * t
    total = np.full_like(t, coefficients[-1])
    for c in coefficients[-2::-1]:
        total *= square
        total += c
    return total * t if order % 2 else total


def sinc(x: np.ndarray, order: int = 0, out: np.ndarray | None = None) -> np.ndarray:
    """Give sin(pi x) / (pi x), or a derivative of it; 0 at infinity."""
    x = as_floating(x)
    finite = np.isfinite(x)
    z = np.where(finite, x, 0)
    t = np.pi * z
    near = np.abs(t) < order + 1
    u = np.where(near, 1, t)
    sine, cosine = sine_cosine_of_pi(z)
    waves = (sine, cosine, -sine, -cosine)
    y = sine / np.where(z == 0, 1, t)
    if order == 0:
        y = np.where(z == 0, 1, y)
    else:
        # u y = sin u, differentiated: u y^(m) + m y^(m-1) = sin^(m) u; stable where u > m
        for m in range(1, order + 1):
            y = (waves[m % 4] - m * y) / u
        y = np.where(near, sinc_near(np.where(near, t, 0), order), y) * np.pi**order
    return deliver(np.where(finite, y, np.where(np.isnan(x), x, 0)).astype(x.dtype), out)


def bessel_i_near(x: np.ndarray, order: int) -> np.ndarray:
    """Give I_n by its series at 0, whose terms are all positive."""
    half = x / 2
    square, error = exact_square(half)
    term = np.ones_like(x)
    for k in range(1, order + 1):
        term *= half / k
    total, weighted = term.copy(), np.zeros_like(x)
    k = 0
    while np.any(term > np.finfo(x.dtype).eps / 8 * total):
        k += 1
        term *= square / (k * (k + order))
        total += term
        weighted += k * term
    # the k-th term has the rounding of the square k times
    return total + error / np.where(square == 0, 1, square) * weighted


def bessel_i_far(x: np.ndarray, order: int) -> np.ndarray:
    """Give I_n by its expansion at infinity: e^x / sqrt(2 pi x) times a series in 1 / x."""
    total = np.ones_like(x)
    for k in range(24, 0, -1):
        total = 1 - total * ((4 * order * order - (2 * k - 1) ** 2) / (8 * k)) / x
    with np.errstate(over="ignore"):
        half = np.exp(x / 2)  # e^x overflows before the quotient does
        return half * (total / np.sqrt(2 * np.pi * x)) * half


def bessel_i(x: np.ndarray, order: int = 0, out: np.ndarray | None = None) -> np.ndarray:
    """Give the modified Bessel function of the first kind I_n of an integer order n >= 0."""
    x = as_floating(x)
    size = np.abs(x)
    far = size > max(30, order * order)
    y = np.empty_like(size)
    y[far] = bessel_i_far(np.minimum(size[far], 2000), order)
    y[~far] = bessel_i_near(np.nan_to_num(size[~far]), order)
    y = np.where(np.isnan(x), x, y)
    return deliver(np.where((x < 0) & (order % 2 == 1), -y, y), out)
