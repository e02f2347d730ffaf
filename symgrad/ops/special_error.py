"""The error function and its kin, and the normal distribution.

Slopes of inverses are taken from the tail on which a value lies, e^(y^2) = erfcx(y) / erfc(y), and
those of logarithms from Mills' ratio: neither under- nor overflows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad.ir.node import Expr
from symgrad.ir.op import Example
from symgrad.ops import special_kernels
from symgrad.ops.activation import erf, erfc
from symgrad.ops.elementwise import elementwise
from symgrad.ops.exponential import exp, expm1
from symgrad.ops.selection import where
from symgrad.ops.special_ufunc import against_scipy, alias, scipy_function, scipy_ufunc

_HALF_ROOT_PI = math.sqrt(math.pi) / 2
_ROOT_HALF = math.sqrt(0.5)
_ROOT_HALF_PI = math.sqrt(math.pi / 2)

alias(erf, "erf")
alias(erfc, "erfc")


# ---- scaled


@elementwise(
    formula="exp(x**2) * erfc(x)",
    partials=lambda out, x: (-2 * _erfcx_integral(x),),
    numpy="erfcx({0})",
    latex=r"\operatorname{{erfcx}}\left({0}\right)",
    kernels=(special_kernels.erfcx,),
    examples=against_scipy("erfcx", (-1.5, 3.0)),
    cost=50,
    namespace="special",
)
def erfcx(x: Any) -> Any:
    """e^(x^2) erfc(x), the scaled complement of the error function.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> f = sg.function([x], [sg.special.erfcx(x), sg.grad(sg.special.erfcx(x), x)])
    >>> [float(f"{float(v):.6g}") for v in f(1e8)]
    [5.6419e-09, -5.6419e-17]
    """


@elementwise(
    formula="1 / sqrt(pi) - x * exp(x**2) * erfc(x)",
    partials=lambda out, x: (2 * x * out - erfcx(x),),
    numpy="erfcx_integral({0})",
    latex=r"e^{{{0}^2}} \int_{{{0}}}^\infty \operatorname{{erfc}}",
    kernels=(special_kernels.erfcx_integral,),
    examples=(
        Example(
            lambda x: _erfcx_integral(x),
            lambda x: 1 / np.sqrt(np.pi) - x * scipy_function("erfcx")(x),
            ((3, 4),),
            domain=((-1.5, 3.0),),
        ),
    ),
    cost=60,
    name="erfcx_integral",
)
def _erfcx_integral(x: Any) -> Any:
    """e^(x^2) times the integral of erfc from x to infinity: -erfcx'(x) / 2."""


# ---- the normal distribution


def _density(x: Expr) -> Expr:
    return exp(-0.5 * (x * x)) * (1 / math.sqrt(2 * math.pi))


@elementwise(
    formula="erfc(-x / sqrt(2)) / 2",
    partials=lambda out, x: (_density(x),),
    numpy="ndtr({0})",
    latex=r"\Phi\left({0}\right)",
    kernels=(special_kernels.ndtr,),
    examples=against_scipy("ndtr", (-3.0, 3.0)),
    cost=45,
    namespace="special",
)
def ndtr(x: Any) -> Any:
    """Distribution function of the normal distribution, accurate in both tails.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> float(f"{float(sg.function([x], sg.special.ndtr(x))(-37.0)):.6g}")
    5.72557e-300
    """


def _log_ndtr_slope(out: Expr, x: Expr) -> tuple[Expr]:
    # one over Mills' ratio; above 0 erfcx(-x / sqrt 2) would overflow
    low = x < 0
    mills = erfcx(where(low, x, 0) * -_ROOT_HALF)
    return (where(low, (1 / _ROOT_HALF_PI) / mills, _density(x) / ndtr(where(low, 0, x))),)


@elementwise(
    formula="log(erfc(-x / sqrt(2)) / 2)",
    partials=_log_ndtr_slope,
    numpy="log_ndtr({0})",
    latex=r"\log \Phi\left({0}\right)",
    kernels=(special_kernels.log_ndtr,),
    examples=against_scipy("log_ndtr", (-4.0, 3.0)),
    cost=60,
    namespace="special",
)
def log_ndtr(x: Any) -> Any:
    """Logarithm of the distribution function of the normal distribution.

    Finite for every finite x, and so are its slope, one over Mills' ratio, and its curvature.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> round(float(sg.function([x], sg.grad(sg.special.log_ndtr(x), x))(-1e10)))
    10000000000
    """


# ---- inverses


def _erfinv_slope(out: Expr, y: Expr) -> tuple[Expr]:
    # e^(z^2) = erfcx(z) / erfc(z), and erfc(z) = 1 - |y|; at 0 from the right, not by |y|
    low = y < 0
    tail = erfcx(where(low, -out, out)) / where(low, 1 + y, 1 - y)
    return (_HALF_ROOT_PI * _near_or_tail(abs(y) < 0.84, out * out, tail),)


def _near_or_tail(near: Expr, exponent: Expr, tail: Expr) -> Expr:
    """e^exponent, or `tail`, which is as much: its own slope cancels near the middle."""
    return where(near, exp(where(near, exponent, 0)), tail)


@scipy_ufunc(
    formula="erfinv(y)",
    partials=_erfinv_slope,
    numpy="special.erfinv({0})",
    latex=r"\operatorname{{erf}}^{{-1}}\left({0}\right)",
    examples=against_scipy("erfinv", (-0.95, 0.95)),
)
def erfinv(y: Any) -> Any:
    """Inverse of the error function, on [-1, 1]."""


def _erfcinv_slope(out: Expr, y: Expr) -> tuple[Expr]:
    high = y > 1
    tail = erfcx(where(high, -out, out)) / where(high, 2 - y, y)
    return (-_HALF_ROOT_PI * _near_or_tail(abs(y - 1) < 0.84, out * out, tail),)


@scipy_ufunc(
    formula="erfcinv(y)",
    partials=_erfcinv_slope,
    numpy="special.erfcinv({0})",
    latex=r"\operatorname{{erfc}}^{{-1}}\left({0}\right)",
    examples=against_scipy("erfcinv", (0.05, 1.95)),
)
def erfcinv(y: Any) -> Any:
    """Inverse of the complement of the error function, on [0, 2]."""


def _ndtri_slope(out: Expr, y: Expr) -> tuple[Expr]:
    low = y < 0.5
    tail = 0.5 * erfcx(where(low, -out, out) * _ROOT_HALF) / where(low, y, 1 - y)
    return (2 * _ROOT_HALF_PI * _near_or_tail(abs(y - 0.5) < 0.42, 0.5 * (out * out), tail),)


@scipy_ufunc(
    formula="sqrt(2) * erfinv(2*y - 1)",
    partials=_ndtri_slope,
    numpy="special.ndtri({0})",
    latex=r"\Phi^{{-1}}\left({0}\right)",
    examples=against_scipy("ndtri", (0.05, 0.95)),
)
def ndtri(y: Any) -> Any:
    """Inverse of :func:`ndtr`: the quantile function of the normal distribution."""


def _ndtri_exp_slope(out: Expr, y: Expr) -> tuple[Expr]:
    low = out < 0
    odds = where(low, 1, expm1(-where(low, -1, y)))  # (1 - e^y) / e^y
    return (_ROOT_HALF_PI * erfcx(where(low, -out, out) * _ROOT_HALF) / odds,)


@scipy_ufunc(
    formula="sqrt(2) * erfinv(2*exp(y) - 1)",
    partials=_ndtri_exp_slope,
    numpy="special.ndtri_exp({0})",
    latex=r"\Phi^{{-1}}\left(e^{{{0}}}\right)",
    examples=against_scipy("ndtri_exp", (-4.0, -0.1)),
)
def ndtri_exp(y: Any) -> Any:
    """Inverse of :func:`log_ndtr`: the quantile of a probability given by its logarithm."""


# ---- with the other sign in the exponent


@scipy_ufunc(
    formula="erfi(z)",
    partials=lambda out, z: ((1 / _HALF_ROOT_PI) * exp(z * z),),
    numpy="special.erfi({0})",
    latex=r"\operatorname{{erfi}}\left({0}\right)",
    examples=against_scipy("erfi", (-2.0, 2.0)),
)
def erfi(z: Any) -> Any:
    """Imaginary error function, 2/sqrt(pi) times the integral of e^(t^2)."""


def _dawsn_slope(out: Expr, x: Expr) -> tuple[Expr]:
    # 1 - 2 x D(x), which cancels far out: there -sum (2k - 1)!! / (2 x^2)^k
    far = abs(x) > 12
    w = 0.5 / where(far, x * x, 1)
    series: Any = 27.0
    for k in range(25, 0, -2):
        series = k * (1 + w * series) if k > 1 else 1 + w * series
    return (where(far, -w * series, 1 - 2 * x * out),)


@scipy_ufunc(
    formula="sqrt(pi)/2 * exp(-x**2) * erfi(x)",
    partials=_dawsn_slope,
    numpy="special.dawsn({0})",
    latex=r"F\left({0}\right)",
    examples=against_scipy("dawsn", (-3.0, 3.0)),
)
def dawsn(x: Any) -> Any:
    """Dawson's integral, e^(-x^2) times the integral of e^(t^2) from 0 to x."""
