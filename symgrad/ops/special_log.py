"""Logarithms with factors, entropies, logit, Box-Cox, robust losses: NumPy alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad.ir.node import Expr, as_exprs, literal
from symgrad.ir.op import Example, public
from symgrad.ops import gamma_kernels, kernels, log_kernels
from symgrad.ops import softmax as softmax_ops
from symgrad.ops.activation import log_sigmoid, sigmoid, softplus
from symgrad.ops.axes import as_floating
from symgrad.ops.broadcasting import broadcast_shapes
from symgrad.ops.comparison import isfinite, logical_and, not_equal
from symgrad.ops.elementwise import elementwise
from symgrad.ops.exponential import exp, expm1, log, log1p
from symgrad.ops.extrema import max
from symgrad.ops.leaf import stop_gradient
from symgrad.ops.ordered import Ordered, ordered
from symgrad.ops.rounding import absolute, sign
from symgrad.ops.selection import clip, where
from symgrad.ops.shape import broadcast_to, squeeze
from symgrad.ops.special_ufunc import against_scipy, alias, scipy_function, special
from symgrad.ops.trigonometric import hypot, sin

_POSITIVE = (0.2, 4.0)

alias(sigmoid, "expit")
alias(log_sigmoid, "log_expit")
alias(softplus, "softplus")
alias(expm1, "expm1")
alias(log1p, "log1p")


# ---- products and entropies


def _quotient(x: Expr, y: Expr) -> Expr:
    """x / y, 0 where both are 0."""
    return where(logical_and(x == 0, y == 0), 0, x / y)


def _xlogy_partials(out: Expr, x: Expr, y: Expr) -> tuple[Expr, Expr]:
    # of x log x the slope is log x + 1, also where x / x is none: at 0 and infinity
    return log(y), literal(1, out.dtype) if x is y else _quotient(x, y)


@elementwise(
    formula="x * log(y)",
    partials=_xlogy_partials,
    numpy="xlogy({0}, {1})",
    latex=r"{0} \log {1}",
    kernels=(log_kernels.xlogy,),
    examples=against_scipy("xlogy", (-2.0, 2.0), _POSITIVE),
    cost=15,
    namespace="special",
)
def xlogy(x: Any, y: Any) -> Any:
    """x log y, and 0 where x = 0, also if y is 0 or infinite.

    Examples
    --------
    >>> import symgrad as sg
    >>> x, y = sg.input("x", ()), sg.input("y", ())
    >>> float(sg.function([x, y], sg.special.xlogy(x, y))(0.0, 0.0))
    0.0

    Notes
    -----
    Its slope in x is log y, -inf at y = 0; that in y is x / y, and 0 where both are 0.
    """


@elementwise(
    formula="x * log(1 + y)",
    partials=lambda out, x, y: (log1p(y), _quotient(x, 1 + y)),
    numpy="xlog1py({0}, {1})",
    latex=r"{0} \log\left(1 + {1}\right)",
    kernels=(log_kernels.xlog1py,),
    examples=against_scipy("xlog1py", (-2.0, 2.0), (-0.8, 2.0)),
    cost=20,
    namespace="special",
)
def xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y), and 0 where x = 0, also if y is -1 or infinite."""


@elementwise(
    formula="-x * log(x)",
    partials=lambda out, x: (-(1 + log(x)),),
    numpy="entr({0})",
    latex=r"\left(-{0} \log {0}\right)",
    kernels=(log_kernels.entr,),
    examples=against_scipy("entr", _POSITIVE),
    cost=15,
    namespace="special",
)
def entr(x: Any) -> Any:
    """-x log x, the entropy of a share: 0 at 0, -inf below.

    Notes
    -----
    Its slope at 0 is inf, the true one.
    """


@elementwise(
    formula="log(x) - log(y)",
    partials=lambda out, x, y: (1 / x, -1 / y),
    numpy="log_ratio({0}, {1})",
    latex=r"\log \frac{{{0}}}{{{1}}}",
    kernels=(log_kernels.log_ratio,),
    examples=tuple(
        Example(lambda x, y: _log_ratio(x, y), lambda x, y: np.log(x / y), shapes,
                domain=(_POSITIVE, _POSITIVE))
        for shapes in (((3, 4), (3, 4)), ((3, 1), (4,)))
    ),
    cost=25,
    name="log_ratio",
)  # fmt: skip
def _log_ratio(x: Any, y: Any) -> Any:
    """log(x / y), exact for x near y."""


def _zero_where_both_are(x: Expr, y: Expr, value: Expr) -> Expr:
    return where(logical_and(x == 0, y == 0), 0, value)


@elementwise(
    formula="x * log(x / y)",
    partials=lambda out, x, y: (
        _zero_where_both_are(x, y, 1 + _log_ratio(x, y)),
        -_quotient(x, y),
    ),
    numpy="rel_entr({0}, {1})",
    latex=r"{0} \log \frac{{{0}}}{{{1}}}",
    kernels=(log_kernels.rel_entr,),
    examples=against_scipy("rel_entr", _POSITIVE, _POSITIVE),
    cost=30,
    namespace="special",
)
def rel_entr(x: Any, y: Any) -> Any:
    """x log(x / y): 0 where x = 0 <= y, inf where one is negative or y alone is 0.

    Notes
    -----
    Where both are 0 its slopes are 0; where x alone is 0, that in x is -inf.
    """


@elementwise(
    formula="x * log(x / y) - x + y",
    partials=lambda out, x, y: (
        _zero_where_both_are(x, y, _log_ratio(x, y)),
        _zero_where_both_are(x, y, (y - x) / y),
    ),
    numpy="kl_div({0}, {1})",
    latex=r"\left({0} \log \frac{{{0}}}{{{1}}} - {0} + {1}\right)",
    kernels=(log_kernels.kl_div,),
    examples=against_scipy("kl_div", _POSITIVE, _POSITIVE),
    cost=40,
    namespace="special",
)
def kl_div(x: Any, y: Any) -> Any:
    """x log(x / y) - x + y, which is never negative; exact where x is near y.

    Notes
    -----
    Where both are 0 its slopes are 0.
    """


# ---- odds and powers


@elementwise(
    formula="log(p / (1 - p))",
    partials=lambda out, p: (1 / (p * (1 - p)),),
    numpy="logit({0})",
    latex=r"\operatorname{{logit}}\left({0}\right)",
    kernels=(log_kernels.logit,),
    examples=against_scipy("logit", (0.05, 0.95)),
    cost=25,
    namespace="special",
)
def logit(p: Any) -> Any:
    """log(p / (1 - p)), the inverse of the logistic function; exact for p near 1/2.

    Examples
    --------
    >>> import symgrad as sg
    >>> p = sg.input("p", ())
    >>> float(sg.function([p], sg.special.logit(p))(0.5))
    0.0
    """


_MOMENT: Ordered = ordered(
    "exponential_moment",
    "x",
    formula="diff((exp(x) - 1) / x, x, {n})",
    partials=lambda n, out, x: (_MOMENT(n + 1, x),),
    numpy="exponential_moment({n}, {0})",
    latex=r"\int_0^1 t^{{{n}}} e^{{{0} t}} \, dt",
    kernels=(log_kernels.exponential_moment,),
    examples=(
        Example(
            lambda x: _MOMENT(1, x),
            lambda x: (np.exp(x) * (x - 1) + 1) / x**2,
            ((3, 4),),
            domain=((0.5, 3.0),),
        ),
        Example(lambda x: _MOMENT(0, x), lambda x: np.expm1(x) / x, ((),), domain=((-3.0, -0.5),)),
    ),
    doc="The integral of t^n e^(x t) from 0 to 1.",
)


@elementwise(
    formula="(exp(x) - 1) / x",
    partials=lambda out, x: (_MOMENT(1, x),),
    numpy="expm1_over_x({0})",
    latex=r"\frac{{e^{{{0}}} - 1}}{{{0}}}",
    kernels=(kernels.expm1_over_x,),
    examples=against_scipy("exprel", (0.1, 3.0)),
    cost=30,
    namespace="special",
)
def exprel(x: Any) -> Any:
    """(e^x - 1) / x, 1 at 0; exact near 0, as are its derivatives of any order."""


@elementwise(
    formula="cos(x) - 1",
    partials=lambda out, x: (-sin(x),),
    numpy="cosm1({0})",
    latex=r"\left(\cos {0} - 1\right)",
    kernels=(log_kernels.cosm1,),
    examples=against_scipy("cosm1", (-2.0, 2.0)),
    cost=25,
    namespace="special",
)
def cosm1(x: Any) -> Any:
    """cos(x) - 1, without cancellation near 0."""


def _boxcox_slope(logarithm: Expr, lmbda: Expr) -> Expr:
    """d/dlmbda (e^(lmbda L) - 1) / lmbda = L^2 int_0^1 t e^(lmbda L t)."""
    return logarithm * logarithm * _MOMENT(1, lmbda * logarithm)


@elementwise(
    formula="(x**lmbda - 1) / lmbda",
    partials=lambda out, x, lmbda: (x ** (lmbda - 1), _boxcox_slope(log(x), lmbda)),
    numpy="boxcox({0}, {1})",
    latex=r"\frac{{{0}^{{{1}}} - 1}}{{{1}}}",
    kernels=(log_kernels.boxcox,),
    examples=against_scipy("boxcox", _POSITIVE, (0.2, 2.0)),
    cost=40,
    namespace="special",
)
def boxcox(x: Any, lmbda: Any) -> Any:
    """Transformation of Box and Cox, (x^lmbda - 1) / lmbda, log(x) where lmbda = 0."""


@elementwise(
    formula="((1 + x)**lmbda - 1) / lmbda",
    partials=lambda out, x, lmbda: (
        exp((lmbda - 1) * log1p(x)),
        _boxcox_slope(log1p(x), lmbda),
    ),
    numpy="boxcox1p({0}, {1})",
    latex=r"\frac{{\left(1 + {0}\right)^{{{1}}} - 1}}{{{1}}}",
    kernels=(log_kernels.boxcox1p,),
    examples=against_scipy("boxcox1p", (-0.7, 3.0), (0.2, 2.0)),
    cost=40,
    namespace="special",
)
def boxcox1p(x: Any, lmbda: Any) -> Any:
    """Transformation of Box and Cox of 1 + x."""


@elementwise(
    formula="log(1 + x) - x",
    partials=lambda out, x: (-x / (1 + x),),
    numpy="log1pmx({0})",
    latex=r"\left(\log\left(1 + {0}\right) - {0}\right)",
    kernels=(gamma_kernels.log1pmx,),
    examples=(
        Example(lambda x: log1pmx(x), lambda x: np.log1p(x) - x, ((3, 4),), domain=((-0.7, 3.0),)),
    ),
    cost=60,
    namespace="special",
)
def log1pmx(x: Any) -> Any:
    """log(1 + x) - x, without cancellation near 0."""


def _inverse_slope(value: Expr, y: Expr, lmbda: Expr) -> Expr:
    """d/dlmbda (1 + lmbda y)^(1 / lmbda), of which `value` is the value."""
    none = abs(lmbda * y) < 1e-14
    z = where(none, 1, lmbda)
    inside = log1pmx(-lmbda * y / (1 + lmbda * y)) / (z * z)
    # to first order in lmbda, so that the next derivative is right at 0 too
    return value * where(none, y * y * (-0.5 + (2 / 3) * lmbda * y), inside)


@elementwise(
    formula="(1 + lmbda * y)**(1 / lmbda)",
    partials=lambda out, y, lmbda: (
        out / (1 + lmbda * y),
        _inverse_slope(out, y, lmbda),
    ),
    numpy="inv_boxcox({0}, {1})",
    latex=r"\left(1 + {1} {0}\right)^{{1 / {1}}}",
    kernels=(log_kernels.inv_boxcox,),
    examples=against_scipy("inv_boxcox", _POSITIVE, (0.2, 2.0)),
    cost=40,
    namespace="special",
)
def inv_boxcox(y: Any, lmbda: Any) -> Any:
    """Inverse of :func:`boxcox`, (1 + lmbda y)^(1 / lmbda), e^y where lmbda = 0."""


@elementwise(
    formula="(1 + lmbda * y)**(1 / lmbda) - 1",
    partials=lambda out, y, lmbda: (
        inv_boxcox(y, lmbda) / (1 + lmbda * y),
        _inverse_slope(inv_boxcox(y, lmbda), y, lmbda),
    ),
    numpy="inv_boxcox1p({0}, {1})",
    latex=r"\left(\left(1 + {1} {0}\right)^{{1 / {1}}} - 1\right)",
    kernels=(log_kernels.inv_boxcox1p,),
    examples=against_scipy("inv_boxcox1p", _POSITIVE, (0.2, 2.0)),
    cost=40,
    namespace="special",
)
def inv_boxcox1p(y: Any, lmbda: Any) -> Any:
    """Inverse of :func:`boxcox1p`."""


# ---- robust losses


@elementwise(
    formula="Piecewise((r**2 / 2, Abs(r) <= delta), (delta * (Abs(r) - delta / 2), True))",
    partials=lambda out, delta, r: (
        where(abs(r) <= delta, 0, abs(r) - delta),
        clip(r, -delta, delta),
    ),
    numpy="huber({0}, {1})",
    latex=r"\operatorname{{huber}}_{{{0}}}\left({1}\right)",
    kernels=(log_kernels.huber,),
    examples=tuple(
        Example(lambda d, r: huber(d, r), lambda d, r: scipy_function("huber")(d, r), shapes,
                domain=((0.7, 1.3), domain), smooth=True)
        for shapes, domain in (
            (((3, 4), (3, 4)), (-0.6, 0.6)), (((3, 1), (4,)), (1.4, 3.0)),
        )
    ),
    cost=8,
    namespace="special",
)  # fmt: skip
def huber(delta: Any, r: Any) -> Any:
    """Loss of Huber: r^2 / 2 for |r| <= delta, then linear; inf for a negative delta."""


def _pseudo_huber_slopes(out: Expr, delta: Expr, r: Expr) -> tuple[Expr, Expr]:
    u = r / delta
    h = hypot(1, u)
    w = u * (u / (1 + h))  # h - 1
    return delta * (w * (w / h)), r / h


@elementwise(
    formula="delta**2 * (sqrt(1 + (r / delta)**2) - 1)",
    partials=_pseudo_huber_slopes,
    numpy="pseudo_huber({0}, {1})",
    latex=r"\operatorname{{pseudo\ huber}}_{{{0}}}\left({1}\right)",
    kernels=(log_kernels.pseudo_huber,),
    examples=against_scipy("pseudo_huber", (0.5, 2.0), (-2.0, 2.0)),
    cost=15,
    namespace="special",
)
def pseudo_huber(delta: Any, r: Any) -> Any:
    """delta^2 (sqrt(1 + (r / delta)^2) - 1), a smooth form of :func:`huber`; exact for small r."""


# ---- over axes, with the arguments that SciPy has


@public(
    namespace="special",
    name="softmax",
    examples=(
        Example(
            lambda x: special("softmax")(x, axis=1),
            lambda x: scipy_function("softmax")(x, axis=1),
            ((3, 4),),
        ),
        Example(lambda x: special("softmax")(x), lambda x: scipy_function("softmax")(x), ((3, 4),)),
    ),
)
def softmax(x: Any, axis: Any = None) -> Expr:
    """e^x over its sum along `axis`, or over that of all elements, the default as in SciPy.

    Notes
    -----
    ``sg.softmax`` is the same function with the default ``axis=-1``.
    """
    return softmax_ops.softmax(x, axis)


@public(
    namespace="special",
    name="log_softmax",
    examples=(
        Example(
            lambda x: special("log_softmax")(x),
            lambda x: scipy_function("log_softmax")(x),
            ((3, 4),),
        ),
    ),
)
def log_softmax(x: Any, axis: Any = None) -> Expr:
    """Logarithm of :func:`softmax`; by default over all elements, as in SciPy."""
    return softmax_ops.log_softmax(x, axis)


def _logsumexp_examples() -> tuple[Example, ...]:
    reference = scipy_function("logsumexp")
    return (
        Example(lambda x: special("logsumexp")(x, 1), lambda x: reference(x, 1), ((3, 4),)),
        Example(
            lambda x, b: special("logsumexp")(x, 1, b),
            lambda x, b: reference(x, 1, b),
            ((3, 4), (4,)),
            domain=((-2.0, 2.0), (0.2, 2.0)),
        ),
        Example(
            lambda x, b: special("logsumexp")(x, 0, b, True, True)[0],
            lambda x, b: reference(x, 0, b, True, True)[0],
            ((3, 4), (3, 1)),
            domain=((-2.0, 2.0), (-2.0, -0.5)),
        ),
    )


@public(namespace="special", name="logsumexp", examples=_logsumexp_examples())
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """Logarithm of the sum of ``b * exp(a)`` along `axis`, or of all elements.

    Parameters
    ----------
    a : array_like
    axis : int, tuple of int or None
    b : array_like, optional
        Factors, which may be negative or 0.
    keepdims : bool
    return_sign : bool
        Give the logarithm of the absolute value of the sum, and its sign; otherwise the logarithm
        of a negative sum is NaN.
    """
    if b is None and not return_sign:
        return softmax_ops.logsumexp(a, axis, keepdims=keepdims)
    x = as_floating(a)
    if b is not None:
        x, b = as_exprs((x, b))
        shape = broadcast_shapes(x.shape, b.shape)
        x = where(not_equal(b, 0), broadcast_to(x, shape), -math.inf)
    largest = stop_gradient(max(x, axis=axis, keepdims=True, initial=-math.inf))
    shift = where(isfinite(largest), largest, 0)
    terms = exp(x - shift)
    total = (terms if b is None else b * terms).sum(axis=axis, keepdims=True)
    value = log(absolute(total) if return_sign else total) + shift
    signs = sign(total)
    if not keepdims:
        axes = tuple(range(x.ndim)) if axis is None else axis
        value, signs = (squeeze(v, axes) if x.ndim else v for v in (value, signs))
    return (value, signs) if return_sign else value
