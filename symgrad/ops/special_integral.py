"""Integrals and inverses that are functions of their own: exponential, sine, Fresnel, elliptic,
Airy, hypergeometric, Lambert's W. All but the last are SciPy's.
"""

from __future__ import annotations

import math
from typing import Any

from symgrad.errors import DeclarationError
from symgrad.ir.node import Expr, as_exprs
from symgrad.ir.op import Example, public
from symgrad.ops import lambertw_kernels
from symgrad.ops.elementwise import elementwise
from symgrad.ops.exponential import exp
from symgrad.ops.ordered import Ordered, order_of, ordered
from symgrad.ops.selection import where
from symgrad.ops.special_bessel import spherical_in, spherical_jn
from symgrad.ops.special_gamma import cospi, sinpi
from symgrad.ops.special_ufunc import (
    SCIPY,
    against_scipy,
    in_common,
    scipy_dtype,
    scipy_function,
    scipy_ufunc,
    special,
)
from symgrad.ops.trigonometric import cos, cosh

_POSITIVE = (0.3, 5.0)
_REAL = (-4.0, 4.0)


# ---- exponential integrals


@scipy_ufunc(
    formula="expint(1, z)",
    partials=lambda out, z: (-exp(-z) / z,),
    numpy="special.exp1({0})",
    latex=r"E_1\left({0}\right)",
    examples=against_scipy("exp1", _POSITIVE),
)
def exp1(z: Any) -> Any:
    """Exponential integral E_1, the integral of e^-t / t from z to infinity."""


@scipy_ufunc(
    formula="Ei(x)",
    partials=lambda out, x: (exp(x) / x,),
    numpy="special.expi({0})",
    latex=r"\operatorname{{Ei}}\left({0}\right)",
    examples=(*against_scipy("expi", _POSITIVE), *against_scipy("expi", (-3.0, -0.3))),
)
def expi(x: Any) -> Any:
    """Exponential integral Ei, the principal value of the integral of e^t / t up to x."""


def _expn_slope(n: int, out: Expr, x: Expr) -> tuple[Expr]:
    return (-_EXPN(n - 1, x) if n else -(out + out / x),)


_EXPN: Ordered = ordered(
    "expn",
    "x",
    formula="expint({n}, x)",
    partials=_expn_slope,
    numpy="special.expn({n}.0, {0})",
    latex=r"E_{{{n}}}\left({0}\right)",
    dtype=scipy_dtype,
    imports=SCIPY,
    examples=tuple(
        Example(
            lambda x, n=n: special("expn")(n, x),
            lambda x, n=n: scipy_function("expn")(n, x),
            (shape,),
            domain=(_POSITIVE,),
        )
        for n, shape in ((0, (3,)), (1, ()), (3, (3, 4)))
    ),
    doc="Exponential integral E_n.",
)  # fmt: skip


@public(namespace="special")
def expn(n: Any, x: Any) -> Expr:
    """Exponential integral E_n, the integral of e^(-x t) / t^n from 1 to infinity; n = 0, 1, ..."""
    return _EXPN(order_of(n, "expn"), *in_common(x))


# ---- integrals of oscillating functions


def _parts(name: str, index: int, *domain: tuple[float, float]) -> tuple[Example, ...]:
    reference = scipy_function(name)

    return tuple(
        Example(
            lambda x: special(name)(x)[index],
            lambda x: reference(x)[index],
            (shape,),
            domain=domain,
        )
        for shape in ((3, 4), ())
    )


@scipy_ufunc(
    formula="Si(x)",
    partials=lambda out, x: (spherical_jn(0, x),),
    numpy="special.sici({0})[0]",
    latex=r"\operatorname{{Si}}\left({0}\right)",
    examples=_parts("sici", 0, _REAL),
    name="sine_integral",
)
def _sine_integral(x: Any) -> Any:
    """The integral of sin(t) / t from 0."""


@scipy_ufunc(
    formula="Ci(x)",
    partials=lambda out, x: (cos(x) / x,),
    numpy="special.sici({0})[1]",
    latex=r"\operatorname{{Ci}}\left({0}\right)",
    examples=_parts("sici", 1, _POSITIVE),
    name="cosine_integral",
)
def _cosine_integral(x: Any) -> Any:
    """Minus the integral of cos(t) / t to infinity."""


@scipy_ufunc(
    formula="Shi(x)",
    partials=lambda out, x: (spherical_in(0, x),),
    numpy="special.shichi({0})[0]",
    latex=r"\operatorname{{Shi}}\left({0}\right)",
    examples=_parts("shichi", 0, _POSITIVE),
    name="sinh_integral",
)
def _sinh_integral(x: Any) -> Any:
    """The integral of sinh(t) / t from 0."""


@scipy_ufunc(
    formula="Chi(x)",
    partials=lambda out, x: (cosh(x) / x,),
    numpy="special.shichi({0})[1]",
    latex=r"\operatorname{{Chi}}\left({0}\right)",
    examples=_parts("shichi", 1, _POSITIVE),
    name="cosh_integral",
)
def _cosh_integral(x: Any) -> Any:
    """Euler's constant, log x, and the integral of (cosh(t) - 1) / t from 0."""


@scipy_ufunc(
    formula="fresnels(x)",
    partials=lambda out, x: (sinpi(0.5 * (x * x)),),
    numpy="special.fresnel({0})[0]",
    latex=r"S\left({0}\right)",
    examples=_parts("fresnel", 0, (-2.0, 2.0)),
    name="fresnel_sine",
)
def _fresnel_sine(x: Any) -> Any:
    """The integral of sin(pi t^2 / 2) from 0."""


@scipy_ufunc(
    formula="fresnelc(x)",
    partials=lambda out, x: (cospi(0.5 * (x * x)),),
    numpy="special.fresnel({0})[1]",
    latex=r"C\left({0}\right)",
    examples=_parts("fresnel", 1, (-2.0, 2.0)),
    name="fresnel_cosine",
)
def _fresnel_cosine(x: Any) -> Any:
    """The integral of cos(pi t^2 / 2) from 0."""


@scipy_ufunc(
    formula="airyai(x)",
    partials=lambda out, x: (_airy_aip(x),),
    numpy="special.airy({0})[0]",
    latex=r"\operatorname{{Ai}}\left({0}\right)",
    examples=_parts("airy", 0, _REAL),
    name="airy_ai",
)
def _airy_ai(x: Any) -> Any:
    """Airy's function Ai."""


@scipy_ufunc(
    formula="airyaiprime(x)",
    partials=lambda out, x: (x * _airy_ai(x),),
    numpy="special.airy({0})[1]",
    latex=r"\operatorname{{Ai}}'\left({0}\right)",
    examples=_parts("airy", 1, _REAL),
    name="airy_aip",
)
def _airy_aip(x: Any) -> Any:
    """The derivative of Ai."""


@scipy_ufunc(
    formula="airybi(x)",
    partials=lambda out, x: (_airy_bip(x),),
    numpy="special.airy({0})[2]",
    latex=r"\operatorname{{Bi}}\left({0}\right)",
    examples=_parts("airy", 2, _REAL),
    name="airy_bi",
)
def _airy_bi(x: Any) -> Any:
    """Airy's function Bi."""


@scipy_ufunc(
    formula="airybiprime(x)",
    partials=lambda out, x: (x * _airy_bi(x),),
    numpy="special.airy({0})[3]",
    latex=r"\operatorname{{Bi}}'\left({0}\right)",
    examples=_parts("airy", 3, _REAL),
    name="airy_bip",
)
def _airy_bip(x: Any) -> Any:
    """The derivative of Bi."""


@public(namespace="special")
def sici(x: Any) -> tuple[Expr, Expr]:
    """Sine and cosine integrals, (Si(x), Ci(x)).

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> si, ci = sg.special.sici(x)
    >>> round(float(sg.function([x], si)(1.0)), 6)
    0.946083
    """
    return _sine_integral(x), _cosine_integral(x)


@public(namespace="special")
def shichi(x: Any) -> tuple[Expr, Expr]:
    """Hyperbolic sine and cosine integrals, (Shi(x), Chi(x))."""
    return _sinh_integral(x), _cosh_integral(x)


@public(namespace="special")
def fresnel(x: Any) -> tuple[Expr, Expr]:
    """Fresnel's integrals, (S(x), C(x)), of sin(pi t^2 / 2) and cos(pi t^2 / 2) from 0."""
    return _fresnel_sine(x), _fresnel_cosine(x)


@public(namespace="special")
def airy(x: Any) -> tuple[Expr, Expr, Expr, Expr]:
    """Airy's functions and their derivatives, (Ai, Ai', Bi, Bi')."""
    return _airy_ai(x), _airy_aip(x), _airy_bi(x), _airy_bip(x)


# ---- hypergeometric functions: the derivative moves every parameter by one


@scipy_ufunc(
    formula="hyper([a, b], [c], z)",
    partials=lambda out, a, b, c, z: (
        None,
        None,
        None,
        (a * b / c) * hyp2f1(a + 1, b + 1, c + 1, z),
    ),
    numpy="special.hyp2f1({0}, {1}, {2}, {3})",
    latex=r"{{}}_2F_1\left({0}, {1}; {2}; {3}\right)",
    examples=(
        Example(
            lambda z: hyp2f1(0.5, 1.5, 2.25, z),
            lambda z: scipy_function("hyp2f1")(0.5, 1.5, 2.25, z),
            ((3, 4),),
            domain=((-0.7, 0.7),),
        ),
    ),
    fixed=("a", "b", "c"),
)
def hyp2f1(a: Any, b: Any, c: Any, z: Any) -> Any:
    """Hypergeometric function 2F1(a, b; c; z), differentiable with respect to `z` alone."""


@scipy_ufunc(
    formula="hyper([a], [b], x)",
    partials=lambda out, a, b, x: (None, None, (a / b) * hyp1f1(a + 1, b + 1, x)),
    numpy="special.hyp1f1({0}, {1}, {2})",
    latex=r"{{}}_1F_1\left({0}; {1}; {2}\right)",
    examples=(
        Example(
            lambda x: hyp1f1(0.5, 1.75, x),
            lambda x: scipy_function("hyp1f1")(0.5, 1.75, x),
            ((3, 4),),
        ),
    ),
    fixed=("a", "b"),
)
def hyp1f1(a: Any, b: Any, x: Any) -> Any:
    """Confluent hypergeometric function 1F1(a; b; x), differentiable with respect to `x` alone."""


@scipy_ufunc(
    formula="hyper([], [v], z)",
    partials=lambda out, v, z: (None, hyp0f1(v + 1, z) / v),
    numpy="special.hyp0f1({0}, {1})",
    latex=r"{{}}_0F_1\left(; {0}; {1}\right)",
    examples=(
        Example(lambda z: hyp0f1(1.5, z), lambda z: scipy_function("hyp0f1")(1.5, z), ((3, 4),)),
    ),
    fixed=("v",),
)
def hyp0f1(v: Any, z: Any) -> Any:
    """Confluent hypergeometric limit function 0F1(; v; z), differentiable in `z` alone."""


@scipy_ufunc(
    partials=lambda out, a, b, x: (None, None, -a * hyperu(a + 1, b + 1, x)),
    numpy="special.hyperu({0}, {1}, {2})",
    latex=r"U\left({0}, {1}, {2}\right)",
    examples=(
        Example(
            lambda x: hyperu(0.5, 1.25, x),
            lambda x: scipy_function("hyperu")(0.5, 1.25, x),
            ((3, 4),),
            domain=((0.5, 4.0),),
        ),
    ),
    fixed=("a", "b"),
)
def hyperu(a: Any, b: Any, x: Any) -> Any:
    """Confluent hypergeometric function U(a, b, x), differentiable with respect to `x` alone."""


# ---- complete elliptic integrals, of the parameter m = k^2


def _ellipk_slope(out: Expr, m: Expr) -> tuple[Expr]:
    # (E - (1 - m) K) / (2 m (1 - m)), which cancels near 0: there by 2F1
    near = abs(m) < 0.5
    series = (math.pi / 8) * hyp2f1(1.5, 1.5, 2, where(near, m, 0))
    n = where(near, 0.75, m)
    return (where(near, series, (ellipe(n) - (1 - n) * ellipk(n)) / (2 * n * (1 - n))),)


@scipy_ufunc(
    formula="elliptic_k(m)",
    partials=_ellipk_slope,
    numpy="special.ellipk({0})",
    latex=r"K\left({0}\right)",
    examples=(*against_scipy("ellipk", (-0.4, 0.4)), *against_scipy("ellipk", (0.6, 0.95))),
)
def ellipk(m: Any) -> Any:
    """Complete elliptic integral of the first kind, of the parameter m = k^2."""


def _ellipkm1_slope(out: Expr, p: Expr) -> tuple[Expr]:
    near = abs(p - 1) < 0.5
    q = where(near, 0.25, p)
    (slope,) = _ellipk_slope(out, where(near, 1 - p, 0))
    far = (ellipe(1 - q) - q * ellipkm1(q)) / (2 * q * (1 - q))
    return (-where(near, slope, far),)


@scipy_ufunc(
    formula="elliptic_k(1 - p)",
    partials=_ellipkm1_slope,
    numpy="special.ellipkm1({0})",
    latex=r"K\left(1 - {0}\right)",
    examples=(*against_scipy("ellipkm1", (0.6, 1.4)), *against_scipy("ellipkm1", (0.05, 0.4))),
)
def ellipkm1(p: Any) -> Any:
    """ellipk(1 - p), exact near its singularity p = 0."""


def _ellipe_slope(out: Expr, m: Expr) -> tuple[Expr]:
    # (E - K) / (2 m), which cancels near 0
    near = abs(m) < 0.5
    series = (-math.pi / 8) * hyp2f1(0.5, 1.5, 2, where(near, m, 0))
    n = where(near, 0.75, m)
    return (where(near, series, (ellipe(n) - ellipk(n)) / (2 * n)),)


@scipy_ufunc(
    formula="elliptic_e(m)",
    partials=_ellipe_slope,
    numpy="special.ellipe({0})",
    latex=r"E\left({0}\right)",
    examples=(*against_scipy("ellipe", (-0.4, 0.4)), *against_scipy("ellipe", (0.6, 0.95))),
)
def ellipe(m: Any) -> Any:
    """Complete elliptic integral of the second kind, of the parameter m = k^2."""


# ---- Lambert's W


def _lambertw_slope(out: Expr, z: Expr) -> tuple[Expr]:
    # e^-w / (1 + w); far from 0, where e^w = z / w is known better than from w
    near = abs(z) < 0.25
    return (where(near, exp(-out), out / where(near, 1, z)) / (1 + out),)


def _lambertw_examples(branch: int, *domains: tuple[float, float]) -> tuple[Example, ...]:
    reference = scipy_function("lambertw")
    return tuple(
        Example(
            lambda z: special("lambertw")(z, branch),
            lambda z: reference(z, branch).real,
            ((3, 4),),
            domain=(domain,),
        )
        for domain in domains
    )  # fmt: skip


@elementwise(
    formula="LambertW(z)",
    partials=_lambertw_slope,
    numpy="lambertw({0})",
    latex=r"W_0\left({0}\right)",
    kernels=(lambertw_kernels.lambertw,),
    examples=_lambertw_examples(0, (0.1, 5.0), (-0.3, -0.05)),
    cost=150,
    name="lambertw",
)
def _principal(z: Any) -> Any:
    """The principal branch of Lambert's W for a real number; NaN below -1/e."""


@elementwise(
    formula="LambertW(z, -1)",
    partials=lambda out, z: (out / (z * (1 + out)),),
    numpy="lambertw_lower({0})",
    latex=r"W_{{-1}}\left({0}\right)",
    kernels=(lambertw_kernels.lambertw_lower,),
    examples=_lambertw_examples(-1, (-0.3, -0.05)),
    cost=150,
    name="lambertw_lower",
)
def _lower(z: Any) -> Any:
    """The branch -1 of Lambert's W, real on [-1/e, 0)."""


@public(namespace="special")
def lambertw(z: Any, k: Any = 0, tol: float = 1e-8) -> Expr:
    """Lambert's W, the inverse of w e^w, on its two real branches: k = 0 and k = -1.

    Parameters
    ----------
    z : array_like
        Real.
    k : int
        0, or -1 for the branch below -1 on [-1/e, 0).
    tol : float
        For compatibility with SciPy: the result is always as exact as it can be.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> round(float(sg.function([x], sg.special.lambertw(x))(1.0)), 6)
    0.567143

    Notes
    -----
    It is real, and NaN where W is not, as below -1/e; SciPy's is complex.
    """
    (z,) = as_exprs((z,))
    branch = order_of(k, "lambertw", least=-1)
    if branch > 0:
        raise DeclarationError(
            f"lambertw: expected a branch with real values, 0 or -1; got {branch}"
        )
    return _lower(z) if branch else _principal(z)
