"""Stabilisation of formulas in special functions: tails, quotients and logarithms of them.

What a function is the exponential of stands here for the analysis of ``log_form``, so that a
logarithm of products, quotients and sums that hold it is found like any other.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

import numpy as np

from symgrad.ir.node import LITERAL, Expr
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.log_form import Forms, LogForm, form_of, log_form
from symgrad.rewrite.pattern import (
    absolute,
    bessel_i,
    beta,
    betainc,
    betaincc,
    betaln,
    erf,
    erfc,
    erfcx,
    exp,
    gamma,
    gammainc,
    gammaincc,
    gammaln,
    gammasgn,
    i0,
    i0e,
    i1,
    i1e,
    ive,
    k0,
    k0e,
    k1,
    k1e,
    kv,
    kve,
    log,
    log1p,
    log_i0,
    log_ndtr,
    logit,
    ndtr,
    square,
    tanh,
    where,
    xlogy,
)
from symgrad.rewrite.scalars import number, scaled

_ROOT_HALF = math.sqrt(0.5)


# ---------------------------------------------------------------- logarithms


@form_of("ndtr")
def _ndtr(node: Expr, forms: Forms) -> LogForm | None:
    return LogForm(log_ndtr(node.args[0]))


@form_of("erfc")
def _erfc(node: Expr, forms: Forms) -> LogForm | None:
    # beyond 1/2 by erfcx, which does not underflow; before, erf is what is small
    x = node.args[0]
    far = x > 0.5
    tail = log(erfcx(where(far, x, 1))) - square(where(far, x, 1))
    return LogForm(where(far, tail, log1p(-erf(where(far, 0, x)))))


@form_of("gamma")
def _gamma(node: Expr, forms: Forms) -> LogForm | None:
    x = node.args[0]
    return _signed(gammaln(x), gammasgn(x))


@form_of("beta")
def _beta(node: Expr, forms: Forms) -> LogForm | None:
    a, b = node.args
    return _signed(betaln(a, b), gammasgn(a) * gammasgn(b) * gammasgn(a + b))


def _signed(scale: Expr, sign: Expr) -> LogForm:
    """The form of e^scale with a sign: its logarithm is NaN where that is negative."""
    return LogForm(scale + log(sign), sure=False, scale=scale, rest=sign)


@form_of("bessel_i")
def _i_of_order(node: Expr, forms: Forms) -> LogForm | None:
    x, order = node.args[0], node.attrs["order"]
    if not order:
        return LogForm(log_i0(x))
    return _of_scaled(x, i1e(x) if order == 1 else ive(order, x))


@form_of("k0", "k1")
def _k(node: Expr, forms: Forms) -> LogForm | None:
    x = node.args[0]
    return LogForm(log((k0e if node.op.name == "k0" else k1e)(x)) - x)


@form_of("kv")
def _kv(node: Expr, forms: Forms) -> LogForm | None:
    v, x = node.args
    return LogForm(log(kve(v, x)) - x)


@form_of("iv")
def _iv(node: Expr, forms: Forms) -> LogForm | None:
    v, x = node.args
    return _of_scaled(x, ive(v, x))


def _of_scaled(x: Expr, rest: Expr) -> LogForm:
    """The form of e^|x| times `rest`, which has the sign of the whole."""
    return LogForm(absolute(x) + log(rest), sure=False, scale=absolute(x), rest=rest)


# ---------------------------------------------------------------- the normal distribution


def _unrounded(x: Expr, factor: float) -> tuple[Expr, bool]:
    """``factor * x``, and whether that is an expression or its negative, but for rounding."""
    y = scaled(x, factor)
    last = number(y.args[1]) if y.op.name == "multiply" else None
    if last is None:
        return y, True
    if abs(abs(last) - 1) > 4 * np.finfo(y.dtype).eps or y.args[0].aval != y.aval:
        return y, False
    return (y.args[0] if last > 0 else -y.args[0]), True


@rule(
    "stability",
    lambda x: erfc(x) * 0.5,
    examples=(lambda x: 0.5 * erfc(x * _ROOT_HALF), lambda x: erfc(_ROOT_HALF * x) * 0.5),
)
def half_erfc(x: Expr) -> Expr | None:
    """erfc(-x / sqrt 2) * 0.5 -> ndtr(x)."""
    argument, known = _unrounded(x, -math.sqrt(2))
    return ndtr(argument) if known else None


@rule("stability", lambda x: erfc(x) / 2, examples=(lambda x: erfc(x * _ROOT_HALF) / 2,))
def erfc_over_two(x: Expr) -> Expr | None:
    """erfc(-x / sqrt 2) / 2 -> ndtr(x)."""
    argument, known = _unrounded(x, -math.sqrt(2))
    return ndtr(argument) if known else None


@rule("stability", lambda x: erf(x) * 0.5 + 0.5)
def half_erf_plus_half(x: Expr) -> Expr:
    """0.5 erf(x) + 0.5 -> 0.5 erfc(-x): exact where erf(x) is near -1."""
    return erfc(scaled(x, -1)) * 0.5


@rule("stability", lambda x: erf(x) / 2 + 0.5)
def erf_over_two_plus_half(x: Expr) -> Expr:
    """erf(x) / 2 + 0.5 -> 0.5 erfc(-x)."""
    return erfc(scaled(x, -1)) * 0.5


@rule("stability", lambda x: 0.5 - erf(x) * 0.5)
def half_less_half_erf(x: Expr) -> Expr:
    """0.5 - 0.5 erf(x) -> 0.5 erfc(x): exact where erf(x) is near 1."""
    return erfc(x) * 0.5


@rule("stability", lambda x: log(erfc(x) * 0.5), extends_domain=True)
def log_of_half_erfc(x: Expr) -> Expr:
    """log(0.5 erfc(x)) -> log_ndtr(-sqrt(2) x): finite, and exact in both tails."""
    return log_ndtr(_unrounded(x, -math.sqrt(2))[0])


@rule("stability", lambda x: log(erfc(x) / 2), extends_domain=True)
def log_of_erfc_over_two(x: Expr) -> Expr:
    """log(erfc(x) / 2) -> log_ndtr(-sqrt(2) x)."""
    return log_ndtr(_unrounded(x, -math.sqrt(2))[0])


@rule("stability", lambda x: 1 - ndtr(x))
def one_minus_ndtr(x: Expr) -> Expr:
    """1 - ndtr(x) -> ndtr(-x): exact where ndtr(x) is near 1."""
    return ndtr(scaled(x, -1))


@rule(
    "stability",
    lambda x, y: x / ndtr(y),
    extends_domain=True,
    examples=(
        lambda x: exp(-0.5 * x**2) / ndtr(x),
        lambda x: exp(-(x * x) / 2) / 2.5 / ndtr(-x),
    ),
)
def over_ndtr(x: Expr, y: Expr) -> Expr | None:
    """c e^(-x^2/2) / ndtr(x) -> 2 c / erfcx(-x / sqrt 2), one over Mills' ratio, for x < -5."""
    e = scaled(x, 1)
    if e.op.name == "multiply" and number(e.args[1]) is not None:
        e = e.args[0]
    if e.op.name != "exp" or e.aval != x.aval:
        return None
    exponents = [scaled(square(z), -0.5) for z in (y, scaled(y, -1))]
    if not any([scaled(e.args[0], 1) is exponent for exponent in exponents]):
        return None
    factor = number(scaled(x, 1).args[1]) if scaled(x, 1) is not e else 1.0
    assert factor is not None
    low = y < -5  # before that the quotient is as good
    tail = 2 * factor / erfcx(where(low, y, 0) * -_ROOT_HALF)
    return where(low, tail, x / where(low, 1, ndtr(y)))


@rule("stability", lambda x: exp(square(x)) * erfc(x), extends_domain=True)
def scaled_erfc(x: Expr) -> Expr:
    """e^(x^2) erfc(x) -> erfcx(x): neither over- nor underflows."""
    return erfcx(x)


@rule("stability", lambda x: erfc(x) / exp(-square(x)), extends_domain=True)
def erfc_over_exp(x: Expr) -> Expr:
    """erfc(x) / e^(-x^2) -> erfcx(x)."""
    return erfcx(x)


# ---------------------------------------------------------------- complements


@rule(
    "stability",
    lambda a, x: 1 - gammainc(a, x),
    domain=(0.3, 4.0),
    examples=(lambda x: 1 - gammainc(2.5, x),),
)
def one_minus_gammainc(a: Expr, x: Expr) -> Expr:
    """1 - gammainc(a, x) -> gammaincc(a, x)."""
    return gammaincc(a, x)


@rule(
    "stability",
    lambda a, x: 1 - gammaincc(a, x),
    domain=(0.3, 4.0),
    examples=(lambda x: 1 - gammaincc(2.5, x),),
)
def one_minus_gammaincc(a: Expr, x: Expr) -> Expr:
    """1 - gammaincc(a, x) -> gammainc(a, x)."""
    return gammainc(a, x)


@rule(
    "stability",
    lambda a, b, x: 1 - betainc(a, b, x),
    domain=(0.05, 0.95),
    examples=(lambda x: 1 - betainc(2.5, 1.5, x),),
)
def one_minus_betainc(a: Expr, b: Expr, x: Expr) -> Expr:
    """1 - betainc(a, b, x) -> betaincc(a, b, x)."""
    return betaincc(a, b, x)


@rule(
    "stability",
    lambda a, b, x: 1 - betaincc(a, b, x),
    domain=(0.05, 0.95),
    examples=(lambda x: 1 - betaincc(2.5, 1.5, x),),
)
def one_minus_betaincc(a: Expr, b: Expr, x: Expr) -> Expr:
    """1 - betaincc(a, b, x) -> betainc(a, b, x)."""
    return betainc(a, b, x)


#: what has a form of its own for 1 - f, and most for 1 + f
_NEAR_ONE = frozenset({"erf", "erfc", "exp", "cos", "ndtr", "sigmoid", "tanh"})
_NEAR_MINUS_ONE = frozenset({"erf", "tanh"})


@rule(
    "stability",
    lambda x, f: x - x * f,
    when=lambda f: f.op.name in _NEAR_ONE,
    extends_domain=True,
    examples=(
        lambda x, y: x - x * erf(y),
        lambda x, y: x - ndtr(y) * x,
        lambda x, y: x - x * tanh(y),
    ),
)
def less_a_share(x: Expr, f: Expr, run: Rewriter) -> Expr | None:
    """x - x f -> x (1 - f), of an f that comes near 1: there 1 - f has another form."""
    return None if run.opaque(f) or x.op is LITERAL else x * (1 - f)


@rule(
    "stability",
    lambda x, f: x * f - x,
    when=lambda f: f.op.name in _NEAR_ONE,
    extends_domain=True,
    examples=(lambda x, y: x * erf(y) - x, lambda x, y: x * exp(y) - x),
)
def share_less_all(x: Expr, f: Expr, run: Rewriter) -> Expr | None:
    """x f - x -> -(x (1 - f)), of an f that comes near 1."""
    return None if run.opaque(f) or x.op is LITERAL else -(x * (1 - f))


@rule(
    "stability",
    lambda x, f: x + x * f,
    when=lambda f: f.op.name in _NEAR_MINUS_ONE,
    extends_domain=True,
    examples=(lambda x, y: x + x * erf(y), lambda x, y: x * tanh(y) + x),
)
def more_a_share(x: Expr, f: Expr, run: Rewriter) -> Expr | None:
    """x + x f -> x (1 + f), of an f that comes near -1."""
    return None if run.opaque(f) or x.op is LITERAL else x * (1 + f)


# ---------------------------------------------------------------- gamma and Bessel


@rule(
    "stability",
    lambda x, y: gamma(x) * gamma(y) / gamma(x + y),
    extends_domain=True,
    domain=(0.3, 4.0),
)
def gammas_to_beta(x: Expr, y: Expr) -> Expr:
    """gamma(x) gamma(y) / gamma(x + y) -> beta(x, y): each overflows from 171 on."""
    return beta(x, y)


@rule(
    "stability",
    lambda x, y: (gammaln(x) + gammaln(y)) - gammaln(x + y),
    extends_domain=True,
    domain=(0.3, 4.0),
)
def gammalns_to_betaln(x: Expr, y: Expr) -> Expr:
    """gammaln(x) + gammaln(y) - gammaln(x + y) -> betaln(x, y), which does not cancel."""
    return betaln(x, y)


@rule(
    "stability",
    lambda x: bessel_i(x, order=1) / bessel_i(x, order=0),
    extends_domain=True,
    examples=(lambda x: i1(x) / i0(x),),
)
def ratio_of_i(x: Expr) -> Expr:
    """i1(x) / i0(x) -> i1e(x) / i0e(x): both overflow from 714 on."""
    return i1e(x) / i0e(x)


@rule("stability", lambda x: k1(x) / k0(x), extends_domain=True, domain=(0.3, 4.0))
def ratio_of_k(x: Expr) -> Expr:
    """k1(x) / k0(x) -> k1e(x) / k0e(x): both underflow from 745 on."""
    return k1e(x) / k0e(x)


@rule(
    "stability",
    lambda x: exp(-absolute(x)) * bessel_i(x, order=0),
    extends_domain=True,
    examples=(lambda x: exp(-absolute(x)) * i0(x),),
)
def scaled_i0(x: Expr) -> Expr:
    """e^-|x| i0(x) -> i0e(x)."""
    return i0e(x)


@rule(
    "stability",
    lambda x: exp(-x) * bessel_i(x, order=0),
    extends_domain=True,
    examples=(lambda x: exp(-x) * i0(x),),
)
def exp_times_i0(x: Expr) -> Expr:
    """e^-x i0(x) -> i0e(x) for x > 0."""
    low = x <= 0
    return where(low, exp(-x) * i0(where(low, x, 0)), i0e(where(low, 1, x)))


@rule("stability", lambda x: exp(x) * k0(x), extends_domain=True, domain=(0.3, 4.0))
def scaled_k0(x: Expr) -> Expr:
    """e^x k0(x) -> k0e(x)."""
    return k0e(x)


@rule("stability", lambda x: exp(x) * k1(x), extends_domain=True, domain=(0.3, 4.0))
def scaled_k1(x: Expr) -> Expr:
    """e^x k1(x) -> k1e(x)."""
    return k1e(x)


@rule(
    "stability",
    lambda v, x: exp(x) * kv(v, x),
    extends_domain=True,
    domain=(0.3, 4.0),
    examples=(lambda x: exp(x) * kv(1.5, x),),
)
def scaled_kv(v: Expr, x: Expr) -> Expr:
    """e^x kv(v, x) -> kve(v, x)."""
    return kve(v, x)


# ---------------------------------------------------------------- odds and entropy


def _log_odds(p: Expr) -> Expr:
    return log(p / (1 - p))


@rule(
    "stability",
    lambda p: log(p / (1 - p)),
    domain=(0.05, 0.95),
    examples=(lambda x: _log_odds(square(tanh(x)) * 0.25),),
)
def log_odds(p: Expr, run: Rewriter) -> Expr | None:
    """log(p / (1 - p)) -> logit(p): exact for p near 1/2."""
    form = log_form(p, run)
    return None if form is not None and form.hot else logit(p)


@rule("stability", lambda p: log(p) - log1p(-p), domain=(0.05, 0.95))
def difference_of_logs(p: Expr) -> Expr:
    """log(p) - log(1 - p) -> logit(p)."""
    return logit(p)


@rule("stability", lambda x: x * log(x), extends_domain=True, domain=(0.05, 3.0))
def entropy(x: Expr) -> Expr:
    """x log x -> xlogy(x, x): 0 at 0, with the true slope -inf instead of NaN."""
    return xlogy(x, x)
