"""The gamma function and its kin: log-gamma, polygamma, beta, factorials.

The logarithms and their derivatives are NumPy's alone, the others SciPy's ufuncs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad.ir.node import Expr, as_exprs
from symgrad.ir.op import Example, public
from symgrad.ops import gamma_kernels
from symgrad.ops.comparison import logical_and
from symgrad.ops.elementwise import elementwise
from symgrad.ops.ordered import Ordered, order_of, ordered
from symgrad.ops.selection import where
from symgrad.ops.special_ufunc import (
    against_scipy,
    alias,
    scipy_function,
    scipy_ufunc,
    special,
)

_GAMMA = ((0.3, 5.0),)
_PAIR = ((0.3, 5.0), (0.3, 5.0))


# ---- logarithms and their derivatives


@elementwise(
    formula="loggamma(x)",
    partials=lambda out, x: (digamma(x),),
    numpy="gammaln({0})",
    latex=r"\log \Gamma\left({0}\right)",
    kernels=(gamma_kernels.gammaln,),
    examples=(*against_scipy("gammaln", *_GAMMA), *against_scipy("gammaln", (-0.9, -0.1))),
    cost=80,
    namespace="special",
)
def gammaln(x: Any) -> Any:
    """Logarithm of the absolute value of the gamma function.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> round(float(sg.function([x], sg.special.gammaln(x))(5.0)), 6)
    3.178054

    Notes
    -----
    The poles at 0, -1, -2, ... are inf. Written by hand, ``log(gamma(x))`` overflows from 171 on.
    """


@elementwise(
    formula="loggamma(x)",
    partials=lambda out, x: (digamma(x),),
    numpy="loggamma({0})",
    latex=r"\log \Gamma\left({0}\right)",
    kernels=(gamma_kernels.loggamma,),
    examples=against_scipy("loggamma", *_GAMMA),
    cost=80,
    namespace="special",
)
def loggamma(x: Any) -> Any:
    """Logarithm of the gamma function of a real number; NaN below 0, as SciPy's."""


@elementwise(
    partials=lambda out, x: (None,),
    numpy="gammasgn({0})",
    latex=r"\operatorname{{sgn}} \Gamma\left({0}\right)",
    kernels=(gamma_kernels.gammasgn,),
    examples=against_scipy("gammasgn", (-3.9, 2.0), away=(-3.0, -2.0, -1.0, 0.0)),
    cost=5,
    namespace="special",
)
def gammasgn(x: Any) -> Any:
    """Sign of the gamma function.

    Notes
    -----
    Its slope is 0. It is NaN at the poles -1, -2, ..., and at 0 has the sign of that zero.
    """


@elementwise(
    formula="digamma(x)",
    partials=lambda out, x: (_POLYGAMMA(1, x),),
    numpy="digamma({0})",
    latex=r"\psi\left({0}\right)",
    kernels=(gamma_kernels.digamma,),
    examples=(*against_scipy("digamma", *_GAMMA), *against_scipy("digamma", (-0.9, -0.1))),
    cost=120,
    namespace="special",
)
def digamma(x: Any) -> Any:
    """Derivative of the logarithm of the gamma function.

    Notes
    -----
    NaN at the poles -1, -2, ...; at 0 infinite, with the sign opposite to that of the zero.
    """


alias(digamma, "psi")

_POLYGAMMA: Ordered = ordered(
    "polygamma",
    "x",
    formula="polygamma({n}, x)",
    partials=lambda n, out, x: (_POLYGAMMA(n + 1, x),),
    numpy="polygamma({n}, {0})",
    latex=r"\psi^{{({n})}}\left({0}\right)",
    kernels=(gamma_kernels.polygamma,),
    examples=tuple(
        Example(
            lambda x, n=n: special("polygamma")(n, x),
            lambda x, n=n: scipy_function("polygamma")(n, x),
            (shape,),
            domain=(domain,),
        )
        for n, shape, domain in (
            (1, (3, 4), (0.4, 5.0)),
            (2, (3,), (0.4, 5.0)),
            (3, (), (0.4, 5.0)),
            (1, (3,), (-1.7, -1.2)),
        )
    ),
    doc="The n-th derivative of digamma.",
)


@public(namespace="special")
def polygamma(n: Any, x: Any) -> Expr:
    """The n-th derivative of the digamma function.

    Parameters
    ----------
    n : int
        0, 1, 2, ..., known at declaration.
    x : array_like

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> round(float(sg.function([x], sg.special.polygamma(1, x))(1.0)), 6)
    1.644934
    """
    order = order_of(n, "polygamma")
    return _POLYGAMMA(order, x) if order else digamma(x)


#: psi_n(x + d) - psi_n(x)
POLYGAMMA_DIFFERENCE: Ordered = ordered(
    "polygamma_difference",
    "x d",
    formula="polygamma({n}, x + d) - polygamma({n}, x)",
    partials=lambda n, out, x, d: (POLYGAMMA_DIFFERENCE(n + 1, x, d), _POLYGAMMA(n + 1, x + d)),
    numpy="polygamma_difference({n}, {0}, {1})",
    latex=r"\left(\psi^{{({n})}}\left({0} + {1}\right) - \psi^{{({n})}}\left({0}\right)\right)",
    kernels=(gamma_kernels.polygamma_difference,),
    examples=tuple(
        Example(
            lambda x, d, n=n: POLYGAMMA_DIFFERENCE(n, x, d),
            lambda x, d, n=n: (
                scipy_function("polygamma")(n, x + d) - scipy_function("polygamma")(n, x)
            ),
            shapes,
            domain=_PAIR,
        )
        for n, shapes in ((0, ((3, 4), (3, 4))), (1, ((3, 1), (4,))))
    ),
    doc="psi_n(x + d) - psi_n(x), without cancellation.",
)


def _digamma_less(x: Expr, d: Expr) -> Expr:
    """psi(x) - psi(x + d)."""
    return -POLYGAMMA_DIFFERENCE(0, x, d)


@elementwise(
    formula="loggamma(a) + loggamma(b) - loggamma(a + b)",
    partials=lambda out, a, b: (_digamma_less(a, b), _digamma_less(b, a)),
    numpy="betaln({0}, {1})",
    latex=r"\log \mathrm{{B}}\left({0}, {1}\right)",
    kernels=(gamma_kernels.betaln,),
    examples=against_scipy("betaln", *_PAIR),
    cost=250,
    namespace="special",
)
def betaln(a: Any, b: Any) -> Any:
    """Logarithm of the absolute value of the beta function.

    It and its slopes keep their digits for arguments however large and however different.
    """


@public(
    namespace="special",
    examples=(
        Example(
            lambda x: special("multigammaln")(x, 3),
            lambda x: scipy_function("multigammaln")(x, 3),
            ((3, 4),),
            domain=((1.5, 6.0),),
        ),
    ),
)
def multigammaln(a: Any, d: int) -> Expr:
    """Logarithm of the multivariate gamma function of dimension `d`, for a > (d - 1) / 2."""
    d = order_of(d, "multigammaln", least=1)
    (a,) = as_exprs((a,))
    total = gammaln(a)
    for j in range(1, d):
        total = total + gammaln(a - 0.5 * j)
    return total + 0.25 * d * (d - 1) * math.log(math.pi) if d > 1 else total


# ---- the functions themselves


@scipy_ufunc(
    formula="gamma(z)",
    partials=lambda out, z: (out * digamma(z),),
    numpy="special.gamma({0})",
    latex=r"\Gamma\left({0}\right)",
    examples=(*against_scipy("gamma", *_GAMMA), *against_scipy("gamma", (-1.8, -1.2))),
)
def gamma(z: Any) -> Any:
    """Gamma function.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> round(float(sg.function([x], sg.grad(sg.special.gamma(x), x))(1.0)), 6)
    -0.577216
    """


@elementwise(
    formula="sin(pi*x)",
    partials=lambda out, x: (math.pi * cospi(x),),
    numpy="sinpi({0})",
    latex=r"\sin\left(\pi {0}\right)",
    kernels=(gamma_kernels.sinpi,),
    examples=(
        Example(lambda x: sinpi(x), lambda x: np.sin(np.pi * x), ((3, 4),)),
        Example(lambda x: sinpi(x), lambda x: np.sin(np.pi * x), ((),)),
    ),
    cost=30,
    namespace="special",
)
def sinpi(x: Any) -> Any:
    """sin(pi x), exactly 0 at every integer however large."""


@elementwise(
    formula="cos(pi*x)",
    partials=lambda out, x: (-math.pi * sinpi(x),),
    numpy="cospi({0})",
    latex=r"\cos\left(\pi {0}\right)",
    kernels=(gamma_kernels.cospi,),
    examples=(
        Example(lambda x: cospi(x), lambda x: np.cos(np.pi * x), ((3, 4),)),
        Example(lambda x: cospi(x), lambda x: np.cos(np.pi * x), ((),)),
    ),
    cost=30,
    namespace="special",
)
def cospi(x: Any) -> Any:
    """cos(pi x), exactly 0 halfway between integers however large."""


def _rgamma_slope(out: Expr, z: Expr) -> tuple[Expr]:
    # below 1/2 by 1 / Gamma(z) = sin(pi z) Gamma(1 - z) / pi, which has a slope at its zeros
    low = z < 0.5
    w = where(low, 1 - z, 1)
    turned = gamma(w) * (cospi(z) - sinpi(z) * digamma(w) / math.pi)
    return (where(low, turned, -out * digamma(where(low, 1, z))),)


@scipy_ufunc(
    formula="1 / gamma(z)",
    partials=_rgamma_slope,
    numpy="special.rgamma({0})",
    latex=r"\frac{{1}}{{\Gamma\left({0}\right)}}",
    examples=(*against_scipy("rgamma", *_GAMMA), *against_scipy("rgamma", (-2.5, 0.4))),
)
def rgamma(z: Any) -> Any:
    """Reciprocal of the gamma function: 0 at 0, -1, -2, ..., with its slope (-1)^n n! there."""


@scipy_ufunc(
    formula="gamma(a) * gamma(b) / gamma(a + b)",
    partials=lambda out, a, b: (out * _digamma_less(a, b), out * _digamma_less(b, a)),
    numpy="special.beta({0}, {1})",
    latex=r"\mathrm{{B}}\left({0}, {1}\right)",
    examples=against_scipy("beta", *_PAIR),
)
def beta(a: Any, b: Any) -> Any:
    """Beta function, gamma(a) gamma(b) / gamma(a + b)."""


@scipy_ufunc(
    formula="gamma(z + m) / gamma(z)",
    partials=lambda out, z, m: (
        out * POLYGAMMA_DIFFERENCE(0, z, m),
        out * digamma(z + m),
    ),
    numpy="special.poch({0}, {1})",
    latex=r"\left({0}\right)_{{{1}}}",
    examples=against_scipy("poch", *_PAIR),
)
def poch(z: Any, m: Any) -> Any:
    """Rising factorial, gamma(z + m) / gamma(z)."""


@scipy_ufunc(
    formula="gamma(x + 1) / (gamma(y + 1) * gamma(x - y + 1))",
    partials=lambda out, x, y: (
        out * POLYGAMMA_DIFFERENCE(0, x - y + 1, y),
        out * -POLYGAMMA_DIFFERENCE(0, x - y + 1, 2 * y - x),
    ),
    numpy="special.binom({0}, {1})",
    latex=r"\binom{{{0}}}{{{1}}}",
    examples=against_scipy("binom", (3.0, 6.0), (0.3, 2.5)),
)
def binom(x: Any, y: Any) -> Any:
    """Binomial coefficient, of real numbers too."""


@public(
    namespace="special",
    examples=(
        Example(
            lambda k: special("comb")(6.0, k),
            lambda k: scipy_function("binom")(6.0, k),
            ((3, 4),),
            domain=((0.3, 5.5),),
        ),
    ),
)
def comb(N: Any, k: Any) -> Expr:
    """Number of ways to choose `k` of `N` things; 0 unless 0 <= k <= N.

    Notes
    -----
    Both may be real: between integers it is the binomial coefficient, with its derivative.
    """
    N, k = as_exprs((N, k))
    inside = logical_and(logical_and(k <= N, N >= 0), k >= 0)
    return where(inside, binom(N, k), 0)


@public(
    namespace="special",
    examples=(
        Example(
            lambda n: special("factorial")(n), lambda n: scipy_function("gamma")(n + 1), ((3, 4),),
            domain=((0.2, 5.0),),
        ),
    ),
)  # fmt: skip
def factorial(n: Any) -> Expr:
    """gamma(n + 1), and 0 for n < 0; between integers it is continuous and has a derivative."""
    (n,) = as_exprs((n,))
    low = n < 0
    return where(low, 0, gamma(where(low, 1, n + 1)))


# ---- the Hurwitz zeta function


@scipy_ufunc(
    formula="zeta(x, q)",
    partials=lambda out, x, q: (None, -x * _hurwitz(x + 1, q)),
    numpy="special.zeta({0}, {1})",
    latex=r"\zeta\left({0}, {1}\right)",
    examples=(
        Example(
            lambda q: special("zeta")(2.5, q),
            lambda q: scipy_function("zeta")(2.5, q),
            ((3, 4),),
            domain=((0.4, 5.0),),
        ),
        Example(
            lambda x, q: special("zeta")(x, q),
            lambda x, q: scipy_function("zeta")(x, q),
            ((4,), (3, 1)),
            domain=((2.0, 6.0), (0.4, 5.0)),
            dtypes=("int16", "float64"),
        ),
    ),
    fixed=("x",),
    name="hurwitz_zeta",
)
def _hurwitz(x: Any, q: Any) -> Any:
    """sum_k (q + k)^-x."""


@scipy_ufunc(
    formula="zeta(x)",
    partials=lambda out, x: (None,),
    numpy="special.zeta({0})",
    latex=r"\zeta\left({0}\right)",
    examples=(
        Example(
            lambda x: special("zeta")(x), scipy_function("zeta"), ((4,),), domain=((2.0, 6.0),),
            dtypes=("int64",),
        ),
    ),
    fixed=("x",),
    name="riemann_zeta",
)  # fmt: skip
def _riemann(x: Any) -> Any:
    """sum_k k^-x."""


@public(namespace="special")
def zeta(x: Any, q: Any = None) -> Expr:
    """Riemann's zeta function of `x`, or that of Hurwitz, the sum of (q + k)^-x.

    Notes
    -----
    It has a derivative with respect to `q`; asking for that with respect to `x` is an error.
    """
    return _riemann(x) if q is None else _hurwitz(x, q)
