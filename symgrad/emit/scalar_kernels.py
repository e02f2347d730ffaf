"""Functions of Python numbers, copied into the source of programs on numbers alone.

Each is that of :mod:`math` where it has a value; where it raises, NumPy's inf or NaN.
"""

from __future__ import annotations

import math

import numpy as np


def divide(x: float, y: float) -> float:
    """x / y."""
    return x / y if y else float(np.divide(x, y))


def exp(x: float) -> float:
    """e^x."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def exp2(x: float) -> float:
    """2^x."""
    try:
        return math.exp2(x)
    except OverflowError:
        return math.inf


def expm1(x: float) -> float:
    """e^x - 1."""
    try:
        return math.expm1(x)
    except OverflowError:
        return math.inf


def log(x: float) -> float:
    """The natural logarithm."""
    return math.log(x) if x > 0 else float(np.log(x))


def log2(x: float) -> float:
    """The logarithm to base 2."""
    return math.log2(x) if x > 0 else float(np.log2(x))


def log10(x: float) -> float:
    """The logarithm to base 10."""
    return math.log10(x) if x > 0 else float(np.log10(x))


def log1p(x: float) -> float:
    """log(1 + x)."""
    return math.log1p(x) if x > -1 else float(np.log1p(x))


def sqrt(x: float) -> float:
    """The square root."""
    return math.sqrt(x) if x >= 0 else math.nan


def sin(x: float) -> float:
    """The sine."""
    return math.sin(x) if abs(x) < math.inf else math.nan


def cos(x: float) -> float:
    """The cosine."""
    return math.cos(x) if abs(x) < math.inf else math.nan


def tan(x: float) -> float:
    """The tangent."""
    return math.tan(x) if abs(x) < math.inf else math.nan


def sinh(x: float) -> float:
    """The hyperbolic sine."""
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(math.inf, x)


def cosh(x: float) -> float:
    """The hyperbolic cosine."""
    try:
        return math.cosh(x)
    except OverflowError:
        return math.inf


def arcsin(x: float) -> float:
    """The inverse sine."""
    return math.asin(x) if -1 <= x <= 1 else math.nan


def arccos(x: float) -> float:
    """The inverse cosine."""
    return math.acos(x) if -1 <= x <= 1 else math.nan


def arccosh(x: float) -> float:
    """The inverse hyperbolic cosine."""
    return math.acosh(x) if x >= 1 else math.nan


def arctanh(x: float) -> float:
    """The inverse hyperbolic tangent."""
    return math.atanh(x) if -1 < x < 1 else float(np.arctanh(x))


def power(x: float, y: float) -> float:
    """x^y."""
    try:
        return math.pow(x, y)
    except (OverflowError, ValueError):
        return float(np.power(np.float64(x), y))


def maximum(x: float, y: float) -> float:
    """The larger of two, NaN if one is."""
    return x if x >= y or x != x else y


def minimum(x: float, y: float) -> float:
    """The smaller of two, NaN if one is."""
    return x if x <= y or x != x else y


def sign(x: float) -> float:
    """-1, 0 or 1; NaN of NaN."""
    return float((x > 0) - (x < 0)) if x == x else x


def scalar_sigmoid(x: float) -> float:
    """1 / (1 + e^-x), in which nothing overflows."""
    e = math.exp(-abs(x))
    return (1.0 if x >= 0 else e) / (1 + e) if x == x else x


def scalar_softplus(x: float) -> float:
    """log(1 + e^x) = max(x, 0) + log1p(e^-|x|)."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x))) if x == x else x


def scalar_sigmoid_slope(x: float) -> float:
    """e / (1 + e)^2 with e = e^-|x|."""
    e = math.exp(-abs(x))
    return e / ((1 + e) * (1 + e))


def scalar_tanh_slope(x: float) -> float:
    """4 e / (1 + e)^2 with e = e^(-2|x|)."""
    e = math.exp(-2 * abs(x))
    return 4 * e / ((1 + e) * (1 + e))


def scalar_power_series(x: float, coefficients: tuple[float, ...]) -> float:
    """c_0 + c_1 x + c_2 x^2 + ... by Horner's rule."""
    y = coefficients[-1]
    for c in coefficients[-2::-1]:
        y = y * x + c
    return y
