"""Incomplete gamma and beta functions and the distributions that they are, of SciPy.

Their slopes in the last argument are densities, which are NumPy's alone and exact far into their
tails. In their parameters they have no derivative: asking for one is an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.node import Expr
from symgrad.ir.op import Example, public
from symgrad.ops import gamma_kernels
from symgrad.ops.elementwise import elementwise
from symgrad.ops.exponential import exp, log, log1p, sqrt
from symgrad.ops.leaf import stop_gradient
from symgrad.ops.special_gamma import POLYGAMMA_DIFFERENCE, betaln, digamma
from symgrad.ops.special_ufunc import in_common, scipy_function, scipy_ufunc, special

_SHAPE = (0.5, 6.0)
_PROBABILITY = (0.05, 0.95)


def _constant_shape(name: str, *domain: tuple[float, float], count: int = 1) -> tuple[Example, ...]:
    """With parameters that are constants, or arrays of integers."""
    reference = scipy_function(name)
    given = (2.5, 1.5)[:count]

    build = special(name)
    return (
        Example(lambda x: build(*given, x), lambda x: reference(*given, x), ((3, 4),),
                domain=domain),
        Example(build, reference, ((4,),) * count + ((3, 1),),
                domain=((1.0, 6.0),) * count + domain,
                dtypes=("int16",) * count + ("float64",)),
    )  # fmt: skip


# ---- densities


@elementwise(
    formula="x**(a - 1) * exp(-x) / gamma(a)",
    partials=lambda out, a, x: (
        out * (log(x) - digamma(a)),
        out * ((a - 1 - x) / x),
    ),
    numpy="gamma_density({0}, {1})",
    latex=r"\frac{{{1}^{{{0} - 1}} e^{{-{1}}}}}{{\Gamma\left({0}\right)}}",
    kernels=(gamma_kernels.gamma_density,),
    examples=(
        Example(
            lambda a, x: _gamma_density(a, x),
            lambda a, x: x ** (a - 1) * np.exp(-x) / scipy_function("gamma")(a),
            ((3, 4), (4,)),
            domain=(_SHAPE, _SHAPE),
        ),
    ),
    cost=200,
    name="gamma_density",
)
def _gamma_density(a: Any, x: Any) -> Any:
    """The density of the gamma distribution of shape a and scale 1."""


@elementwise(
    formula="x**(a - 1) * (1 - x)**(b - 1) * gamma(a + b) / (gamma(a) * gamma(b))",
    partials=lambda out, a, b, x: (
        out * (log(x) + POLYGAMMA_DIFFERENCE(0, a, b)),
        out * (log1p(-x) + POLYGAMMA_DIFFERENCE(0, b, a)),
        out * ((a - 1) / x - (b - 1) / (1 - x)),
    ),
    numpy="beta_density({0}, {1}, {2})",
    latex=(
        r"\frac{{{2}^{{{0} - 1}} \left(1 - {2}\right)^{{{1} - 1}}}}"
        r"{{\mathrm{{B}}\left({0}, {1}\right)}}"
    ),
    kernels=(gamma_kernels.beta_density,),
    examples=(
        Example(
            lambda a, b, x: _beta_density(a, b, x),
            lambda a, b, x: x ** (a - 1) * (1 - x) ** (b - 1) / scipy_function("beta")(a, b),
            ((3, 4), (4,), (3, 1)),
            domain=(_SHAPE, _SHAPE, _PROBABILITY),
        ),
    ),
    cost=300,
    name="beta_density",
)
def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """The density of the beta distribution."""


# ---- incomplete functions


@scipy_ufunc(
    formula="lowergamma(a, x) / gamma(a)",
    partials=lambda out, a, x: (None, _gamma_density(a, x)),
    numpy="special.gammainc({0}, {1})",
    latex=r"P\left({0}, {1}\right)",
    examples=_constant_shape("gammainc", (0.3, 6.0)),
    fixed=("a",),
)
def gammainc(a: Any, x: Any) -> Any:
    """Regularised lower incomplete gamma function: the distribution function of Gamma(a).

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> round(float(sg.function([x], sg.special.gammainc(2.5, x))(2.0)), 6)
    0.450584

    Notes
    -----
    It has a derivative with respect to `x`; asking for that with respect to `a` is an error.
    """


@scipy_ufunc(
    formula="uppergamma(a, x) / gamma(a)",
    partials=lambda out, a, x: (None, -_gamma_density(a, x)),
    numpy="special.gammaincc({0}, {1})",
    latex=r"Q\left({0}, {1}\right)",
    examples=_constant_shape("gammaincc", (0.3, 6.0)),
    fixed=("a",),
)
def gammaincc(a: Any, x: Any) -> Any:
    """1 - gammainc(a, x), without cancellation; differentiable with respect to `x` alone."""


@scipy_ufunc(
    formula="betainc_regularized(a, b, 0, x)",
    partials=lambda out, a, b, x: (None, None, _beta_density(a, b, x)),
    numpy="special.betainc({0}, {1}, {2})",
    latex=r"I_{{{2}}}\left({0}, {1}\right)",
    examples=_constant_shape("betainc", _PROBABILITY, count=2),
    fixed=("a", "b"),
)
def betainc(a: Any, b: Any, x: Any) -> Any:
    """Regularised incomplete beta function: the distribution function of Beta(a, b).

    Notes
    -----
    It has a derivative with respect to `x`; asking for that with respect to `a` or `b` is an error.
    """


@scipy_ufunc(
    formula="1 - betainc_regularized(a, b, 0, x)",
    partials=lambda out, a, b, x: (None, None, -_beta_density(a, b, x)),
    numpy="special.betaincc({0}, {1}, {2})",
    latex=r"\left(1 - I_{{{2}}}\left({0}, {1}\right)\right)",
    examples=_constant_shape("betaincc", _PROBABILITY, count=2),
    fixed=("a", "b"),
)
def betaincc(a: Any, b: Any, x: Any) -> Any:
    """1 - betainc(a, b, x), without cancellation; differentiable with respect to `x` alone."""


# ---- inverses: the slope is one over that of what is inverted


@scipy_ufunc(
    partials=lambda out, a, y: (None, 1 / _gamma_density(a, out)),
    numpy="special.gammaincinv({0}, {1})",
    latex=r"P^{{-1}}\left({0}, {1}\right)",
    examples=_constant_shape("gammaincinv", _PROBABILITY),
    fixed=("a",),
)
def gammaincinv(a: Any, y: Any) -> Any:
    """Inverse of :func:`gammainc` in its last argument: the quantile function of Gamma(a)."""


@scipy_ufunc(
    partials=lambda out, a, y: (None, -1 / _gamma_density(a, out)),
    numpy="special.gammainccinv({0}, {1})",
    latex=r"Q^{{-1}}\left({0}, {1}\right)",
    examples=_constant_shape("gammainccinv", _PROBABILITY),
    fixed=("a",),
)
def gammainccinv(a: Any, y: Any) -> Any:
    """Inverse of :func:`gammaincc` in its last argument."""


@scipy_ufunc(
    partials=lambda out, a, b, y: (None, None, 1 / _beta_density(a, b, out)),
    numpy="special.betaincinv({0}, {1}, {2})",
    latex=r"I^{{-1}}_{{{2}}}\left({0}, {1}\right)",
    examples=_constant_shape("betaincinv", _PROBABILITY, count=2),
    fixed=("a", "b"),
)
def betaincinv(a: Any, b: Any, y: Any) -> Any:
    """Inverse of :func:`betainc` in its last argument: the quantile function of Beta(a, b)."""


# ---- distribution functions


def _student_density(df: Expr, t: Expr) -> Expr:
    exponent = -0.5 * (df + 1) * log1p(t * t / df)
    return exp(exponent - betaln(0.5 * df, 0.5)) / sqrt(df)


@scipy_ufunc(
    partials=lambda out, df, t: (None, _student_density(df, t)),
    numpy="special.stdtr({0}, {1})",
    latex=r"F_{{t, {0}}}\left({1}\right)",
    examples=_constant_shape("stdtr", (-3.0, 3.0)),
    fixed=("df",),
)
def stdtr(df: Any, t: Any) -> Any:
    """Distribution function of Student's t with `df` degrees of freedom.

    Notes
    -----
    It has a derivative with respect to `t`; asking for that with respect to `df` is an error.
    """


@scipy_ufunc(
    partials=lambda out, df, p: (None, 1 / _student_density(df, out)),
    numpy="special.stdtrit({0}, {1})",
    latex=r"F^{{-1}}_{{t, {0}}}\left({1}\right)",
    examples=_constant_shape("stdtrit", _PROBABILITY),
    fixed=("df",),
)
def stdtrit(df: Any, p: Any) -> Any:
    """Inverse of :func:`stdtr` in its last argument: the quantile function of Student's t."""


@public(namespace="special", examples=_constant_shape("chdtr", (0.3, 6.0)))
def chdtr(v: Any, x: Any) -> Expr:
    """Distribution function of chi-square with `v` degrees of freedom, which are held fixed."""
    v, x = in_common(v, x)
    return gammainc(0.5 * v, 0.5 * x)


@public(namespace="special", examples=_constant_shape("chdtrc", (0.3, 6.0)))
def chdtrc(v: Any, x: Any) -> Expr:
    """1 - chdtr(v, x), without cancellation."""
    v, x = in_common(v, x)
    return gammaincc(0.5 * v, 0.5 * x)


@public(namespace="special", examples=_constant_shape("gdtr", (0.3, 3.0), count=2))
def gdtr(a: Any, b: Any, x: Any) -> Expr:
    """Distribution function of the gamma distribution of rate `a` and shape `b`.

    Notes
    -----
    The shape `b` is held fixed: asking for the derivative with respect to it is an error.
    """
    a, b, x = in_common(a, b, x)
    return gammainc(b, a * x)


@public(namespace="special", examples=_constant_shape("gdtrc", (0.3, 3.0), count=2))
def gdtrc(a: Any, b: Any, x: Any) -> Expr:
    """1 - gdtr(a, b, x), without cancellation."""
    a, b, x = in_common(a, b, x)
    return gammaincc(b, a * x)


@public(namespace="special", examples=_constant_shape("fdtr", (0.3, 3.0), count=2))
def fdtr(dfn: Any, dfd: Any, x: Any) -> Expr:
    """Distribution function of F with `dfn` and `dfd` degrees of freedom.

    Notes
    -----
    The degrees of freedom are held fixed by ``stop_gradient``, for x too depends on them inside.
    """
    dfn, dfd, x = in_common(dfn, dfd, x)
    scaled = stop_gradient(dfn) * x
    return betainc(0.5 * dfn, 0.5 * dfd, scaled / (scaled + stop_gradient(dfd)))


@public(namespace="special", examples=_constant_shape("fdtrc", (0.3, 3.0), count=2))
def fdtrc(dfn: Any, dfd: Any, x: Any) -> Expr:
    """1 - fdtr(dfn, dfd, x), without cancellation."""
    dfn, dfd, x = in_common(dfn, dfd, x)
    rest = stop_gradient(dfd)
    return betainc(0.5 * dfd, 0.5 * dfn, rest / (rest + stop_gradient(dfn) * x))
