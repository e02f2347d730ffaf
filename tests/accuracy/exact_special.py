"""Special functions with many digits: by the ops' formulas, or where mpmath has another form."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import sympy
from mpmath import mp, mpf

from symgrad.ir.op import OPS
from symgrad.symbolic.formulas import parse

__all__ = ["FIXED", "SPECIAL", "by_formula"]


def _entr(x: Any) -> Any:
    return -x * mp.log(x) if x > 0 else mpf(0) if x == 0 else mpf("-inf")


def _xlogy(x: Any, y: Any) -> Any:
    return mpf(0) if x == 0 else x * mp.log(y)


def _ndtr(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _stdtr(df: Any, t: Any) -> Any:
    tail = mp.betainc(df / 2, mpf(1) / 2, 0, df / (df + t * t), regularized=True) / 2
    return 1 - tail if t > 0 else tail


def _below(a: Any, x: Any) -> Any:
    return mpf("nan") if x < 0 else mp.gammainc(a, 0, x, regularized=True)


def _above(a: Any, x: Any) -> Any:
    return mpf("nan") if x < 0 else mp.gammainc(a, x, mp.inf, regularized=True)


def _beta(a: Any, b: Any, x: Any) -> Any:
    return mp.betainc(a, b, 0, x, regularized=True) if 0 <= x <= 1 else mpf("nan")


#: of functions whose formula mpmath does not evaluate as it stands, or not everywhere
SPECIAL: dict[str, Callable[..., Any]] = {
    "gammaln": lambda x: mp.log(abs(mp.gamma(x))),
    "loggamma": mp.loggamma,
    "entr": _entr,
    "xlogy": _xlogy,
    "xlog1py": lambda x, y: mpf(0) if x == 0 else x * mp.log1p(y),
    "ndtr": _ndtr,
    "log_ndtr": lambda x: mp.log(_ndtr(x)),
    "erfcinv": lambda y: mp.erfinv(1 - y),
    "ndtri": lambda y: mp.sqrt(2) * mp.erfinv(2 * y - 1),
    "ndtri_exp": lambda y: mp.sqrt(2) * mp.erfinv(2 * mp.exp(y) - 1),
    "exprel": lambda x: mp.expm1(x) / x if x else mpf(1),
    "betainc": _beta,
    "betaincc": lambda a, b, x: mp.betainc(a, b, x, 1, regularized=True),
    "gammainc": _below,
    "gammaincc": _above,
    "stdtr": _stdtr,
    "lambertw": mp.lambertw,
    "lambertw_lower": lambda x: mp.lambertw(x, -1),
    "airy_aip": lambda x: mp.airyai(x, derivative=1),
    "airy_bip": lambda x: mp.airybi(x, derivative=1),
}

#: op -> a call of it with some arguments fixed: those have no derivative, or are whole numbers
FIXED: dict[str, tuple[str, Callable[..., Any], Callable[..., Any]]] = {
    "polygamma": ("polygamma", lambda xp, x: xp.polygamma(2, x), lambda x: mp.polygamma(2, x)),
    "hurwitz_zeta": ("zeta", lambda xp, q: xp.zeta(2.5, q), lambda q: mp.zeta(mpf(2.5), q)),
    "jv": ("jv", lambda xp, z: xp.jv(1.5, z), lambda z: mp.besselj(mpf(1.5), z)),
    "yv": ("yv", lambda xp, z: xp.yv(1.5, z), lambda z: mp.bessely(mpf(1.5), z)),
    "iv": ("iv", lambda xp, z: xp.iv(1.5, z), lambda z: mp.besseli(mpf(1.5), z)),
    "kv": ("kv", lambda xp, z: xp.kv(1.5, z), lambda z: mp.besselk(mpf(1.5), z)),
    "ive": (
        "ive",
        lambda xp, z: xp.ive(1.5, z),
        lambda z: mp.exp(-abs(z)) * mp.besseli(mpf(1.5), z),
    ),
    "kve": ("kve", lambda xp, z: xp.kve(1.5, z), lambda z: mp.exp(z) * mp.besselk(mpf(1.5), z)),
    "expn": ("expn", lambda xp, x: xp.expn(3, x), lambda x: mp.expint(3, x)),
    "spherical_jn": (
        "spherical_jn",
        lambda xp, z: xp.spherical_jn(2, z),
        lambda z: mp.sqrt(mp.pi / (2 * z)) * mp.besselj(mpf(2.5), z),
    ),
    "spherical_yn": (
        "spherical_yn",
        lambda xp, z: xp.spherical_yn(2, z),
        lambda z: mp.sqrt(mp.pi / (2 * z)) * mp.bessely(mpf(2.5), z),
    ),
    "spherical_in": (
        "spherical_in",
        lambda xp, z: xp.spherical_in(2, z),
        lambda z: mp.sqrt(mp.pi / (2 * z)) * mp.besseli(mpf(2.5), z),
    ),
    "spherical_kn": (
        "spherical_kn",
        lambda xp, z: xp.spherical_kn(2, z),
        lambda z: mp.sqrt(mp.pi / (2 * z)) * mp.besselk(mpf(2.5), z),
    ),
    "hyp2f1": (
        "hyp2f1",
        lambda xp, z: xp.hyp2f1(0.5, 1.5, 2.5, z),
        lambda z: mp.hyp2f1(0.5, 1.5, 2.5, z),
    ),
    "hyp1f1": ("hyp1f1", lambda xp, z: xp.hyp1f1(0.5, 1.5, z), lambda z: mp.hyp1f1(0.5, 1.5, z)),
    "hyp0f1": ("hyp0f1", lambda xp, z: xp.hyp0f1(1.5, z), lambda z: mp.hyp0f1(1.5, z)),
    "gammainc": (
        "gammainc",
        lambda xp, x: xp.gammainc(2.5, x),
        lambda x: _below(mpf(2.5), x),
    ),
    "gammaincc": (
        "gammaincc",
        lambda xp, x: xp.gammaincc(2.5, x),
        lambda x: _above(mpf(2.5), x),
    ),
    "betainc": (
        "betainc",
        lambda xp, x: xp.betainc(2.5, 1.5, x),
        lambda x: _beta(mpf(2.5), mpf(1.5), x),
    ),
    "betaincc": (
        "betaincc",
        lambda xp, x: xp.betaincc(2.5, 1.5, x),
        lambda x: mp.betainc(mpf(2.5), mpf(1.5), x, 1, regularized=True),
    ),
    "stdtr": ("stdtr", lambda xp, t: xp.stdtr(3.5, t), lambda t: _stdtr(mpf(3.5), t)),
}


@cache
def by_formula(name: str) -> Callable[..., Any]:
    """The formula of an op, evaluated by mpmath."""
    op: Any = OPS[name]
    expr = parse(op.formula, op.parameters)
    symbols = [sympy.Symbol(p, real=True) for p in op.parameters]
    return sympy.lambdify(symbols, expr, modules="mpmath")  # type: ignore[no-any-return]
