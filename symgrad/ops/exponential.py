"""Exponentials, logarithms and roots."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.config import config
from symgrad.ir.node import LITERAL, Expr, literal
from symgrad.ir.op import FUNCTIONS, Example
from symgrad.ops import kernels, log_kernels
from symgrad.ops.elementwise import elementwise, floating
from symgrad.ops.slopes import share, share2

_POSITIVE = ((0.2, 4.0),)


def _examples(build: Any, reference: Any, **kwargs: Any) -> tuple[Example, ...]:
    return tuple(Example(build, reference, (shape,), **kwargs) for shape in ((3, 4), ()))


@elementwise(
    formula="exp(x)",
    partials=lambda out, x: (out,),
    numpy="np.exp({0})",
    latex="e^{{{0}}}",
    dtype="exp",
    cost=10,
    takes_complex=True,
    examples=_examples(lambda x: exp(x), np.exp),
)
def exp(x: Any) -> Any:
    """Exponential function.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> sg.exp(x) is sg.grad(sg.exp(x), x)
    True
    """


@elementwise(
    formula="exp(x) - 1",
    partials=lambda out, x: (exp(x),),
    numpy="np.expm1({0})",
    latex="e^{{{0}}} - 1",
    dtype="expm1",
    cost=15,
    takes_complex=True,
    examples=_examples(lambda x: expm1(x), np.expm1),
)
def expm1(x: Any) -> Any:
    """e^x - 1, without cancellation near 0."""


@elementwise(
    formula="2**x",
    numpy="np.exp2({0})",
    latex="2^{{{0}}}",
    dtype="exp2",
    cost=10,
    takes_complex=True,
    examples=_examples(lambda x: exp2(x), np.exp2),
)
def exp2(x: Any) -> Any:
    """2^x."""


@elementwise(
    formula="log(x)",
    partials=lambda out, x: (1 / x,),
    numpy="np.log({0})",
    latex=r"\log {0}",
    dtype="log",
    cost=10,
    takes_complex=True,
    examples=_examples(lambda x: log(x), np.log, domain=_POSITIVE),
)
def log(x: Any) -> Any:
    """Natural logarithm."""


@elementwise(
    formula="log(1 + x)",
    partials=lambda out, x: (1 / (1 + x),),
    numpy="np.log1p({0})",
    latex=r"\log\left(1 + {0}\right)",
    dtype="log1p",
    cost=15,
    takes_complex=True,
    examples=_examples(lambda x: log1p(x), np.log1p, domain=((-0.8, 2.0),)),
)
def log1p(x: Any) -> Any:
    """log(1 + x), without cancellation near 0."""


def _log1p_square_slope(x: Expr) -> Expr:
    radius = FUNCTIONS["hypot"](x, literal(1, x.dtype))
    slope: Expr = x / radius / radius * 2
    return slope


@elementwise(
    formula="log(1 + x**2)",
    partials=lambda out, x: (_log1p_square_slope(x),),
    numpy="log1p_square({0})",
    latex=r"\log\left(1 + {0}^2\right)",
    kernels=(kernels.log1p_square,),
    cost=20,
    examples=_examples(lambda x: log1p_square(x), lambda x: np.log1p(x * x)),
)
def log1p_square(x: Any) -> Any:
    """log(1 + x^2), also where the square overflows: minus the logarithm of a Cauchy density."""


@elementwise(
    formula="log(x) / log(2)",
    numpy="np.log2({0})",
    latex=r"\log_2 {0}",
    dtype="log2",
    cost=10,
    takes_complex=True,
    examples=_examples(lambda x: log2(x), np.log2, domain=_POSITIVE),
)
def log2(x: Any) -> Any:
    """Logarithm to base 2."""


@elementwise(
    formula="log(x) / log(10)",
    numpy="np.log10({0})",
    latex=r"\log_{{10}} {0}",
    dtype="log10",
    cost=10,
    takes_complex=True,
    examples=_examples(lambda x: log10(x), np.log10, domain=_POSITIVE),
)
def log10(x: Any) -> Any:
    """Logarithm to base 10."""


@elementwise(
    formula="log(1 - exp(-x))",
    # not 1 / expm1(x), which overflows while its reciprocal is not yet zero
    partials=lambda out, x: (exp(-x) / -expm1(-x),),
    numpy="log1mexp({0})",
    latex=r"\log\left(1 - e^{{-{0}}}\right)",
    dtype=floating,
    kernels=(kernels.log1mexp,),
    cost=30,
    examples=_examples(lambda x: log1mexp(x), lambda x: np.log(1 - np.exp(-x)), domain=_POSITIVE),
)
def log1mexp(x: Any) -> Any:
    """log(1 - e^-x) for x > 0, accurate at both ends."""


@elementwise(
    formula="log(exp(x) + exp(y))",
    partials=lambda out, x, y: (share(x, y), share(y, x)),
    numpy="np.logaddexp({0}, {1})",
    latex=r"\log\left(e^{{{0}}} + e^{{{1}}}\right)",
    dtype="logaddexp",
    cost=30,
    examples=tuple(
        Example(lambda x, y: logaddexp(x, y), np.logaddexp, shapes)
        for shapes in (((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)))
    ),
)
def logaddexp(x: Any, y: Any) -> Any:
    """log(e^x + e^y), without overflow; -inf with gradient 0 if both are -inf."""


def _log_mixture_partials(out: Expr, x: Expr, y: Expr, w: Expr) -> tuple[Expr, Expr, Expr]:
    p, q = share(x, y), share(y, x)
    if not (w.op is LITERAL and np.all(w.attrs["value"].array == 0.5)):
        p, q = w * p, (1 - w) * q
        total = p + q
        total = FUNCTIONS["where"](total == 0, 1, total)
        p, q = p / total, q / total
    # of e^x - e^y, the greater taken out
    rise = FUNCTIONS["where"](x > y, -expm1(y - x) * exp(x - out), expm1(x - y) * exp(y - out))
    return p, q, rise


@elementwise(
    formula="log(w*exp(x) + (1 - w)*exp(y))",
    partials=_log_mixture_partials,
    numpy="log_mixture({0}, {1}, {2})",
    latex=r"\log\left({2}\, e^{{{0}}} + \left(1 - {2}\right) e^{{{1}}}\right)",
    kernels=(log_kernels.log_mixture,),
    cost=35,
    name="log_mixture",
    examples=tuple(
        Example(
            lambda x, y, w: log_mixture(x, y, w),
            lambda x, y, w: np.log(w * np.exp(x) + (1 - w) * np.exp(y)),
            shapes,
            domain=((-2.0, 2.0), (-2.0, 2.0), (0.1, 0.9)),
        )
        for shapes in (((3, 4), (3, 4), ()), ((3, 1), (4,), (3, 4)))
    ),
)
def log_mixture(x: Any, y: Any, w: Any) -> Any:
    """log(w e^x + (1 - w) e^y); for w = 1/2 it is the log-mean-exp of two numbers.

    It is exact for small x and y, where the logarithms of the weights would cancel; but where w
    or 1 - w is tiny, log(w) + x may be all that counts, and is rounded.
    """


@elementwise(
    formula="log(2**x + 2**y) / log(2)",
    partials=lambda out, x, y: (share2(x, y), share2(y, x)),
    numpy="np.logaddexp2({0}, {1})",
    latex=r"\log_2\left(2^{{{0}}} + 2^{{{1}}}\right)",
    dtype="logaddexp2",
    cost=30,
    examples=tuple(
        Example(lambda x, y: logaddexp2(x, y), np.logaddexp2, shapes)
        for shapes in (((3, 4), (3, 4)), ((3, 4), (4,)))
    ),
)
def logaddexp2(x: Any, y: Any) -> Any:
    """log2(2^x + 2^y), without overflow; -inf with gradient 0 if both are -inf."""


def at_root(x: Expr, slope: Expr) -> Expr:
    """The slope of a root, which is infinite where x is 0, unless another was chosen there."""
    if config.root_at_zero == "inf":
        return slope
    return FUNCTIONS["where"](x == 0, literal(0, slope.dtype), slope)  # type: ignore[no-any-return]


@elementwise(
    formula="sqrt(x)",
    partials=lambda out, x: (at_root(out, 0.5 / out),),
    numpy="np.sqrt({0})",
    latex=r"\sqrt{{{0}}}",
    dtype="sqrt",
    cost=5,
    takes_complex=True,
    examples=_examples(lambda x: sqrt(x), np.sqrt, domain=_POSITIVE),
)
def sqrt(x: Any) -> Any:
    """Square root.

    Notes
    -----
    Its slope at 0 is infinite, the true one; with ``sg.config(root_at_zero="zero")`` it is 0.
    """


@elementwise(
    formula="sign(x) * Abs(x)**Rational(1, 3)",
    partials=lambda out, x: (at_root(out, 1 / (3 * out) / out),),
    numpy="np.cbrt({0})",
    latex=r"\sqrt[3]{{{0}}}",
    dtype="cbrt",
    cost=20,
    examples=_examples(lambda x: cbrt(x), np.cbrt, away=(0.0,)),
)
def cbrt(x: Any) -> Any:
    """Cube root, of negative numbers too."""
