"""The formulas that must be recognised, each in several spellings.

A spelling is written once, as a function of a namespace `xp` and of arrays, and is run by every
framework, and by mpmath. Spellings of numbers are evaluated at points; those of rows reduce or
normalise along the last axis; those of matrices take one matrix at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["MATRICES", "NUMBERS", "PAIRS", "ROWS"]

Formula = Callable[..., Any]


def _s(xp: Any, x: Any) -> Any:
    return 1 / (1 + xp.exp(-x))


#: family -> {spelling: formula} of one number
NUMBERS: dict[str, dict[str, Formula]] = {
    "log1p": {
        "log(1 + x)": lambda xp, x: xp.log(1 + x),
        "log(x + 1)": lambda xp, x: xp.log(x + 1),
        "log(1 - x)": lambda xp, x: xp.log(1 - x),
        "log(1 + 2x)": lambda xp, x: xp.log(1 + 2 * x),
        "-log(1 / (1 + x))": lambda xp, x: -xp.log(1 / (1 + x)),
        "2 log(sqrt(1 + x))": lambda xp, x: 2 * xp.log(xp.sqrt(1 + x)),
        "log((1 + x) / (1 - x))": lambda xp, x: xp.log((1 + x) / (1 - x)),
        "log(1 + x) / x": lambda xp, x: xp.log(1 + x) / x,
        "log(1 + x^2)": lambda xp, x: xp.log(1 + x * x),
    },
    "expm1": {
        "exp(x) - 1": lambda xp, x: xp.exp(x) - 1,
        "1 - exp(x)": lambda xp, x: 1 - xp.exp(x),
        "exp(-x) - 1": lambda xp, x: xp.exp(-x) - 1,
        "-1 + exp(x)": lambda xp, x: -1 + xp.exp(x),
        "(exp(x) - 1) / x": lambda xp, x: (xp.exp(x) - 1) / x,
        "(2 exp(x) - 2) / 2": lambda xp, x: (2 * xp.exp(x) - 2) / 2,
        "1 / exp(x) - 1": lambda xp, x: 1 / xp.exp(x) - 1,
        "x / (exp(x) - 1)": lambda xp, x: x / (xp.exp(x) - 1),
    },
    "log1mexp": {
        "log(1 - exp(-x))": lambda xp, x: xp.log(1 - xp.exp(-x)),
        "log(1 - exp(x))": lambda xp, x: xp.log(1 - xp.exp(x)),
        "log1p(-exp(-x))": lambda xp, x: xp.log1p(-xp.exp(-x)),
        "log(-expm1(-x))": lambda xp, x: xp.log(-xp.expm1(-x)),
        "log(1 - 1 / exp(x))": lambda xp, x: xp.log(1 - 1 / xp.exp(x)),
        "log((exp(x) - 1) / exp(x))": lambda xp, x: xp.log((xp.exp(x) - 1) / xp.exp(x)),
        "log(exp(x) - 1)": lambda xp, x: xp.log(xp.exp(x) - 1),
    },
    "sigmoid": {
        "1 / (1 + exp(-x))": lambda xp, x: 1 / (1 + xp.exp(-x)),
        "1 / (1 + exp(x))": lambda xp, x: 1 / (1 + xp.exp(x)),
        "exp(x) / (1 + exp(x))": lambda xp, x: xp.exp(x) / (1 + xp.exp(x)),
        "1 - 1 / (1 + exp(-x))": lambda xp, x: 1 - _s(xp, x),
        "(1 + exp(-x))^-1": lambda xp, x: (1 + xp.exp(-x)) ** -1.0,
        "0.5 (1 + tanh(x / 2))": lambda xp, x: 0.5 * (1 + xp.tanh(x / 2)),
        "1 / (1 + 1 / exp(x))": lambda xp, x: 1 / (1 + 1 / xp.exp(x)),
        "exp(-log(1 + exp(-x)))": lambda xp, x: xp.exp(-xp.log(1 + xp.exp(-x))),
        "s (1 - s)": lambda xp, x: _s(xp, x) * (1 - _s(xp, x)),
        "s / (1 - s)": lambda xp, x: _s(xp, x) / (1 - _s(xp, x)),
        "(1 - s) / s": lambda xp, x: (1 - _s(xp, x)) / _s(xp, x),
        "exp(x) / (1 + exp(x))^2": lambda xp, x: xp.exp(x) / (1 + xp.exp(x)) ** 2,
        "s - 1": lambda xp, x: _s(xp, x) - 1,
        "x s": lambda xp, x: x * _s(xp, x),
        "1 / (exp(x) + 1 + exp(-x))": lambda xp, x: 1 / (xp.exp(x) + 1 + xp.exp(-x)),
        "3 / (1 + 2 exp(-x))": lambda xp, x: 3 / (1 + 2 * xp.exp(-x)),
    },
    "softplus": {
        "log(1 + exp(x))": lambda xp, x: xp.log(1 + xp.exp(x)),
        "log(exp(x) + 1)": lambda xp, x: xp.log(xp.exp(x) + 1),
        "log1p(exp(x))": lambda xp, x: xp.log1p(xp.exp(x)),
        "log(1 + exp(-x))": lambda xp, x: xp.log(1 + xp.exp(-x)),
        "x + log(1 + exp(-x))": lambda xp, x: x + xp.log(1 + xp.exp(-x)),
        "-log(1 - s)": lambda xp, x: -xp.log(1 - _s(xp, x)),
        "max(x, 0) + log1p(exp(-|x|))": lambda xp, x: (
            xp.maximum(x, 0.0) + xp.log1p(xp.exp(-abs(x)))
        ),
        "log(1 + exp(4x)) / 4": lambda xp, x: xp.log(1 + xp.exp(4 * x)) / 4,
        "log(1 + 1 / exp(-x))": lambda xp, x: xp.log(1 + 1 / xp.exp(-x)),
        "log(2 + 2 exp(x)) - log 2": lambda xp, x: xp.log(0.5 * (2 + 2 * xp.exp(x))),
    },
    "log_sigmoid": {
        "log(1 / (1 + exp(-x)))": lambda xp, x: xp.log(1 / (1 + xp.exp(-x))),
        "-log(1 + exp(-x))": lambda xp, x: -xp.log(1 + xp.exp(-x)),
        "x - log(1 + exp(x))": lambda xp, x: x - xp.log(1 + xp.exp(x)),
        "log(exp(x) / (1 + exp(x)))": lambda xp, x: xp.log(xp.exp(x) / (1 + xp.exp(x))),
        "log(1 - s)": lambda xp, x: xp.log(1 - _s(xp, x)),
        "log(0.5 (1 + tanh(x / 2)))": lambda xp, x: xp.log(0.5 * (1 + xp.tanh(x / 2))),
        "log s - log(1 - s)": lambda xp, x: xp.log(_s(xp, x)) - xp.log(1 - _s(xp, x)),
        "log(s / (1 - s))": lambda xp, x: xp.log(_s(xp, x) / (1 - _s(xp, x))),
    },
    "tanh": {
        "(e^x - e^-x) / (e^x + e^-x)": lambda xp, x: (
            (xp.exp(x) - xp.exp(-x)) / (xp.exp(x) + xp.exp(-x))
        ),
        "(e^2x - 1) / (e^2x + 1)": lambda xp, x: (xp.exp(2 * x) - 1) / (xp.exp(2 * x) + 1),
        "1 - 2 / (e^2x + 1)": lambda xp, x: 1 - 2 / (xp.exp(2 * x) + 1),
        "2 / (1 + e^-2x) - 1": lambda xp, x: 2 / (1 + xp.exp(-2 * x)) - 1,
        "(1 - e^-2x) / (1 + e^-2x)": lambda xp, x: (1 - xp.exp(-2 * x)) / (1 + xp.exp(-2 * x)),
        "sinh(x) / cosh(x)": lambda xp, x: xp.sinh(x) / xp.cosh(x),
        "1 - tanh(x)^2": lambda xp, x: 1 - xp.tanh(x) ** 2,
        "1 - tanh(x)": lambda xp, x: 1 - xp.tanh(x),
        "1 / cosh(x)": lambda xp, x: 1 / xp.cosh(x),
        "2 / (e^x + e^-x)": lambda xp, x: 2 / (xp.exp(x) + xp.exp(-x)),
    },
    "sinh, cosh": {
        "(e^x - e^-x) / 2": lambda xp, x: (xp.exp(x) - xp.exp(-x)) / 2,
        "(e^x + e^-x) / 2": lambda xp, x: (xp.exp(x) + xp.exp(-x)) / 2,
        "0.5 e^x - 0.5 e^-x": lambda xp, x: 0.5 * xp.exp(x) - 0.5 * xp.exp(-x),
        "(e^x - 1/e^x) / 2": lambda xp, x: (xp.exp(x) - 1 / xp.exp(x)) / 2,
        "log(cosh(x))": lambda xp, x: xp.log(xp.cosh(x)),
        "cosh(x) - 1": lambda xp, x: xp.cosh(x) - 1,
    },
    "erf, erfc": {
        "1 - erf(x)": lambda xp, x: 1 - xp.erf(x),
        "1 + erf(x)": lambda xp, x: 1 + xp.erf(x),
        "0.5 (1 + erf(x / sqrt 2))": lambda xp, x: 0.5 * (1 + xp.erf(x / 2**0.5)),
        "1 - erfc(x)": lambda xp, x: 1 - xp.erfc(x),
        "2 - erfc(x)": lambda xp, x: 2 - xp.erfc(x),
        "log(1 - erf(x))": lambda xp, x: xp.log(1 - xp.erf(x)),
        "log(erfc(-x) / 2)": lambda xp, x: xp.log(xp.erfc(-x) / 2),
        "exp(x^2) erfc(x)": lambda xp, x: xp.exp(x * x) * xp.erfc(x),
        "x (1 + erf(x)) / 2": lambda xp, x: x * (1 + xp.erf(x)) / 2,
    },
    "inverse hyperbolic": {
        "log(x + sqrt(x^2 + 1))": lambda xp, x: xp.log(x + xp.sqrt(x * x + 1)),
        "log(x + sqrt(x^2 - 1))": lambda xp, x: xp.log(x + xp.sqrt(x * x - 1)),
        "0.5 log((1 + x) / (1 - x))": lambda xp, x: 0.5 * xp.log((1 + x) / (1 - x)),
    },
    "roots": {
        "sqrt(x^2 + 1)": lambda xp, x: xp.sqrt(x * x + 1),
        "sqrt(1 + x^2) - 1": lambda xp, x: xp.sqrt(1 + x**2) - 1,
        "sqrt(1 + x) - 1": lambda xp, x: xp.sqrt(1 + x) - 1,
        "sqrt(x + 1) - sqrt(x)": lambda xp, x: xp.sqrt(x + 1) - xp.sqrt(x),
        "sqrt(1 - x^2)": lambda xp, x: xp.sqrt(1 - x * x),
        "1 / x - 1 / (x + 1)": lambda xp, x: 1 / x - 1 / (x + 1),
        "sqrt(x^2)": lambda xp, x: xp.sqrt(x**2),
        "1 / sqrt(x^2 + 1)": lambda xp, x: 1 / xp.sqrt(x * x + 1),
        "x / sqrt(1 + x^2)": lambda xp, x: x / xp.sqrt(1 + x * x),
    },
    "near 0": {
        "(1 - cos x) / x^2": lambda xp, x: (1 - xp.cos(x)) / x**2,
        "(1 - cos x) / (x x)": lambda xp, x: (1 - xp.cos(x)) / (x * x),
        "1 - cos(x)": lambda xp, x: 1 - xp.cos(x),
        "sin(x) / x": lambda xp, x: xp.sin(x) / x,
        "where(x = 0, 1, sin(x) / x)": lambda xp, x: xp.where(x == 0, 1.0, xp.sin(x) / x),
        "x - log1p(x)": lambda xp, x: x - xp.log1p(x),
        "x - log(1 + x)": lambda xp, x: x - xp.log(1 + x),
        "log(1 + x) - x": lambda xp, x: xp.log(1 + x) - x,
        "exp(x) - 1 - x": lambda xp, x: xp.exp(x) - 1 - x,
        "x - sin(x)": lambda xp, x: x - xp.sin(x),
        "(tanh(x) - x) / x^3": lambda xp, x: (xp.tanh(x) - x) / x**3,
        "x - 1 - log(x)": lambda xp, x: x - 1 - xp.log(x),
        "1 - sqrt(1 - x^2)": lambda xp, x: 1 - xp.sqrt(1 - x * x),
        "sin(x)^2": lambda xp, x: 1 - xp.cos(x) ** 2,
    },
    "logarithms": {
        "log(exp(x))": lambda xp, x: xp.log(xp.exp(x)),
        "log(exp(x)^2)": lambda xp, x: xp.log(xp.exp(x) ** 2),
        "exp(log(x))": lambda xp, x: xp.exp(xp.log(x)),
        "log(sqrt(exp(x)))": lambda xp, x: xp.log(xp.sqrt(xp.exp(x))),
        "log(x^2)": lambda xp, x: xp.log(x * x),
        "log(1 / exp(x))": lambda xp, x: xp.log(1 / xp.exp(x)),
        "-x log(x)": lambda xp, x: -x * xp.log(x),
        "exp(-exp(x))": lambda xp, x: xp.exp(-xp.exp(x)),
        "log(1 - exp(-exp(x)))": lambda xp, x: xp.log(1 - xp.exp(-xp.exp(x))),
        "log(exp(x) exp(-x))": lambda xp, x: xp.log(xp.exp(x) * xp.exp(-x)),
    },
}

#: family -> {spelling: formula} of two numbers
PAIRS: dict[str, dict[str, Formula]] = {
    "logaddexp": {
        "log(e^x + e^y)": lambda xp, x, y: xp.log(xp.exp(x) + xp.exp(y)),
        "x + log(1 + e^(y - x))": lambda xp, x, y: x + xp.log(1 + xp.exp(y - x)),
        "log(e^y (1 + e^(x - y)))": lambda xp, x, y: xp.log(xp.exp(y) * (1 + xp.exp(x - y))),
        "log(2 e^x + 3 e^y)": lambda xp, x, y: xp.log(2 * xp.exp(x) + 3 * xp.exp(y)),
        "log(e^-x + e^-y)": lambda xp, x, y: xp.log(xp.exp(-x) + xp.exp(-y)),
        "log(e^x / 2 + e^y / 2)": lambda xp, x, y: xp.log(xp.exp(x) / 2 + xp.exp(y) / 2),
        "log(1 + e^x + e^y)": lambda xp, x, y: xp.log(1 + xp.exp(x) + xp.exp(y)),
    },
    "shares": {
        "e^x / (e^x + e^y)": lambda xp, x, y: xp.exp(x) / (xp.exp(x) + xp.exp(y)),
        "e^y / (e^x + e^y)": lambda xp, x, y: xp.exp(y) / (xp.exp(x) + xp.exp(y)),
        "1 / (1 + e^(y - x))": lambda xp, x, y: 1 / (1 + xp.exp(y - x)),
        "(e^x - e^y) / (e^x + e^y)": lambda xp, x, y: (
            (xp.exp(x) - xp.exp(y)) / (xp.exp(x) + xp.exp(y))
        ),
        "log(e^x / (e^x + e^y))": lambda xp, x, y: xp.log(xp.exp(x) / (xp.exp(x) + xp.exp(y))),
    },
    "log of products": {
        "log(e^x e^y)": lambda xp, x, y: xp.log(xp.exp(x) * xp.exp(y)),
        "log(e^x / e^y)": lambda xp, x, y: xp.log(xp.exp(x) / xp.exp(y)),
        "log(s(x) s(y))": lambda xp, x, y: xp.log(_s(xp, x) * _s(xp, y)),
        "log(s(x) / s(y))": lambda xp, x, y: xp.log(_s(xp, x) / _s(xp, y)),
        "log(x^2 y^2)": lambda xp, x, y: xp.log(x**2 * y**2),
        "log((1 + x^2) / (1 + y^2))": lambda xp, x, y: xp.log((1 + x * x) / (1 + y * y)),
        "log((1 + e^x) (1 + e^y))": lambda xp, x, y: xp.log((1 + xp.exp(x)) * (1 + xp.exp(y))),
    },
    "hypot": {
        "sqrt(x^2 + y^2)": lambda xp, x, y: xp.sqrt(x**2 + y**2),
        "sqrt(x x + y y)": lambda xp, x, y: xp.sqrt(x * x + y * y),
        "(x^2 + y^2)^0.5": lambda xp, x, y: (x**2 + y**2) ** 0.5,
        "sqrt(|x|^2 + |y|^2)": lambda xp, x, y: xp.sqrt(abs(x) ** 2 + abs(y) ** 2),
        "sqrt((2x)^2 + y^2)": lambda xp, x, y: xp.sqrt((2 * x) ** 2 + y**2),
        "x / sqrt(x^2 + y^2)": lambda xp, x, y: x / xp.sqrt(x**2 + y**2),
        "x^2 / (x^2 + y^2)": lambda xp, x, y: x**2 / (x**2 + y**2),
    },
    "a / b b": {
        "x / y y": lambda xp, x, y: x / y * y,
        "x y / y": lambda xp, x, y: x * y / y,
        "y (x / y)": lambda xp, x, y: y * (x / y),
        "(x + y) - y": lambda xp, x, y: (x + y) - y,
        "x^2 - y^2": lambda xp, x, y: x**2 - y**2,
    },
    "cross-entropy": {
        "-y log s - (1 - y) log(1 - s)": lambda xp, x, y: (
            -y * xp.log(_s(xp, x)) - (1 - y) * xp.log(1 - _s(xp, x))
        ),
        "log(1 + e^x) - x y": lambda xp, x, y: xp.log(1 + xp.exp(x)) - x * y,
        "max(x, 0) - x y + log1p(e^-|x|)": lambda xp, x, y: (
            xp.maximum(x, 0.0) - x * y + xp.log1p(xp.exp(-abs(x)))
        ),
        "log(1 + e^(-x y))": lambda xp, x, y: xp.log(1 + xp.exp(-x * y)),
    },
}


def _p(xp: Any, x: Any) -> Any:
    e = xp.exp(x)
    return e / xp.sum(e, axis=-1, keepdims=True)


def _centred(xp: Any, x: Any) -> Any:
    return x - xp.mean(x, axis=-1, keepdims=True)


#: family -> {spelling: formula} of rows, along the last axis
ROWS: dict[str, dict[str, Formula]] = {
    "logsumexp": {
        "log(sum(e^x))": lambda xp, x: xp.log(xp.sum(xp.exp(x), axis=-1)),
        "log(mean(e^x))": lambda xp, x: xp.log(xp.mean(xp.exp(x), axis=-1)),
        "log(sum(e^-x))": lambda xp, x: xp.log(xp.sum(xp.exp(-x), axis=-1)),
        "log(sum(3 e^x))": lambda xp, x: xp.log(xp.sum(3 * xp.exp(x), axis=-1)),
        "log(1 + sum(e^x))": lambda xp, x: xp.log(1 + xp.sum(xp.exp(x), axis=-1)),
        "m + log(sum(e^(x - m)))": lambda xp, x: (
            xp.max(x, axis=-1) + xp.log(xp.sum(xp.exp(x - xp.max(x, axis=-1, keepdims=True)), -1))
        ),
        "-log(sum(e^(-x^2)))": lambda xp, x: -xp.log(xp.sum(xp.exp(-(x**2)), axis=-1)),
    },
    "softmax": {
        "e^x / sum(e^x)": _p,
        "e^(x - log(sum(e^x)))": lambda xp, x: xp.exp(
            x - xp.log(xp.sum(xp.exp(x), axis=-1, keepdims=True))
        ),
        "e^(x - m) / sum(e^(x - m))": lambda xp, x: (
            xp.exp(x - xp.max(x, axis=-1, keepdims=True))
            / xp.sum(xp.exp(x - xp.max(x, axis=-1, keepdims=True)), axis=-1, keepdims=True)
        ),
        "e^x (1 / sum(e^x))": lambda xp, x: (
            xp.exp(x) * (1 / xp.sum(xp.exp(x), axis=-1, keepdims=True))
        ),
        "e^-x / sum(e^-x)": lambda xp, x: xp.exp(-x) / xp.sum(xp.exp(-x), axis=-1, keepdims=True),
        "(e^x / sum(e^x))[1]": lambda xp, x: _p(xp, x)[..., 1],
        "2 e^x / (2 sum(e^x))": lambda xp, x: (
            2 * xp.exp(x) / (2 * xp.sum(xp.exp(x), axis=-1, keepdims=True))
        ),
    },
    "log_softmax": {
        "log(e^x / sum(e^x))": lambda xp, x: xp.log(_p(xp, x)),
        "x - log(sum(e^x))": lambda xp, x: x - xp.log(xp.sum(xp.exp(x), axis=-1, keepdims=True)),
        "log(p[1])": lambda xp, x: xp.log(_p(xp, x)[..., 1]),
        "log(p)[1]": lambda xp, x: xp.log(_p(xp, x))[..., 1],
        "log(sum(e^x)) - x[1]": lambda xp, x: xp.log(xp.sum(xp.exp(x), axis=-1)) - x[..., 1],
        "-sum(p log p)": lambda xp, x: -xp.sum(_p(xp, x) * xp.log(_p(xp, x)), axis=-1),
        "log(p[0] + p[1])": lambda xp, x: xp.log(_p(xp, x)[..., 0] + _p(xp, x)[..., 1]),
        "log(1 - p[1])": lambda xp, x: xp.log(1 - _p(xp, x)[..., 1]),
    },
    "norms": {
        "sqrt(sum(x^2))": lambda xp, x: xp.sqrt(xp.sum(x**2, axis=-1)),
        "sqrt(sum(x x))": lambda xp, x: xp.sqrt(xp.sum(x * x, axis=-1)),
        "sum(x^2)^0.5": lambda xp, x: xp.sum(x**2, axis=-1) ** 0.5,
        "sqrt(mean(x^2))": lambda xp, x: xp.sqrt(xp.mean(x**2, axis=-1)),
        "x / sqrt(sum(x^2))": lambda xp, x: x / xp.sqrt(xp.sum(x**2, axis=-1, keepdims=True)),
        "sqrt(sum((x - m)^2))": lambda xp, x: xp.sqrt(xp.sum(_centred(xp, x) ** 2, axis=-1)),
    },
    "variance": {
        "E[x^2] - E[x]^2": lambda xp, x: xp.mean(x**2, axis=-1) - xp.mean(x, axis=-1) ** 2,
        "E[x x] - E[x] E[x]": lambda xp, x: (
            xp.mean(x * x, axis=-1) - xp.mean(x, axis=-1) * xp.mean(x, axis=-1)
        ),
        "E[(x - E[x])^2]": lambda xp, x: xp.mean(_centred(xp, x) ** 2, axis=-1),
        "sum(x^2)/n - (sum(x)/n)^2": lambda xp, x: (
            xp.sum(x**2, axis=-1) / 4 - (xp.sum(x, axis=-1) / 4) ** 2
        ),
        "(x - m) / sqrt(v)": lambda xp, x: (
            _centred(xp, x) / xp.sqrt(xp.mean(_centred(xp, x) ** 2, axis=-1, keepdims=True))
        ),
    },
}

#: family -> {spelling: formula} of a matrix and a vector
MATRICES: dict[str, dict[str, Formula]] = {
    "solve": {
        "inv(A) b": lambda xp, a, b: xp.inv(a) @ b,
        "b inv(A) b": lambda xp, a, b: b @ xp.inv(a) @ b,
        "b inv(A' A) b": lambda xp, a, b: b @ xp.inv(a.T @ a) @ b,
    },
    "determinant": {
        "log|det(A)|": lambda xp, a, b: xp.log(abs(xp.det(a))),
        "log(det(A' A))": lambda xp, a, b: xp.log(xp.det(a.T @ a)),
    },
    "quadratic": {
        "b' A b": lambda xp, a, b: b @ (a @ b),
        "sum(b (A b))": lambda xp, a, b: xp.sum(b * (a @ b)),
    },
}
