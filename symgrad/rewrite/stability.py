"""Stabilisation: formulas that overflow, underflow or cancel, in forms that do not.

Applied before differentiation, so that the gradient too is that of the stable form. What is a
matter of logarithms of positive expressions is decided by one analysis, ``log_form``; quotients
of exponentials by another, ``exponentials``. The remaining rules are identities.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

from symgrad.ir.graph import rebuild
from symgrad.ir.node import Expr
from symgrad.ops import activation, slopes
from symgrad.ops.trigonometric import coshm1
from symgrad.rewrite import exponentials
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.exponentials import ratio, softmax_quotient
from symgrad.rewrite.log_form import log_form
from symgrad.rewrite.pattern import (
    absolute,
    cos,
    cosh,
    cosm1,
    erf,
    erfc,
    exp,
    expm1,
    log,
    log1mexp,
    log1p,
    log2,
    log10,
    log_softmax,
    maximum,
    mean,
    reciprocal,
    relu,
    share,
    sigmoid,
    sinh,
    softmax,
    softplus,
    sqrt,
    square,
    tanh,
)
from symgrad.rewrite.pattern import sum as sum_
from symgrad.rewrite.scalars import scaled

# ---------------------------------------------------------------- logarithms


@rule(
    "stability",
    lambda x: log(x),
    extends_domain=True,
    examples=(
        lambda x, y: log(exp(x)),
        lambda x, y: log(exp(x) + exp(y)),
        lambda x, y: log(exp(x) / sum_(exp(x), axis=1, keepdims=True)),
        lambda x, y: log(sum_(3.0 * exp(x - y), axis=0)),
        lambda x, y: log(mean(exp(x), axis=(0, 1))),
        lambda x, y: log(1 + exp(-2.0 * x)),
        lambda x, y: log(sigmoid(x) * sqrt(sigmoid(y))),
        lambda x, y: log(softmax(x, axis=1)[:, 1:]),
        lambda x, y: log(softmax(x, axis=1)[:, 0] + softmax(x, axis=1)[:, 2]),
        lambda x, y: log(1 - softmax(x, axis=0)[1]),
        lambda x, y: log(1 - exp(-exp(x))),
        lambda x, y: log(cosh(x)),
    ),
)
def log_of_exponentials(x: Expr, run: Rewriter) -> Expr | None:
    """log e -> L where e = exp(L) is made of exponentials: it neither over- nor underflows."""
    form = log_form(x, run)
    return form.log if form is not None and form.hot else None


@rule(
    "stability",
    lambda x: log1p(x),
    extends_domain=True,
    examples=(
        lambda x: log1p(exp(x)),
        lambda x: log1p(2 * exp(-x)),
        lambda x: log1p(-exp(-square(x) - 0.1)),
    ),
)
def log1p_of_exponentials(x: Expr, run: Rewriter) -> Expr | None:
    """log(1 + e^u) -> softplus(u), log(1 - e^-u) -> log1mexp(u)."""
    form = log_form(x, run)
    if form is not None and form.hot and form.sure:
        return softplus(form.log)
    if x.op.name == "negative" or (x.op.name == "multiply" and not run.opaque(x)):
        form = None if run.opaque(x) else log_form(scaled(x, -1), run)
        if form is not None and form.hot and form.sure and x.op.name == "negative":
            return log1mexp(scaled(form.log, -1))
    return None


@rule(
    "stability",
    lambda x: log2(x),
    extends_domain=True,
    examples=(lambda x: log2(1 + exp(x)), lambda x: log2(softmax(x, axis=1))),
)
def log2_of_exponentials(x: Expr, run: Rewriter) -> Expr | None:
    """As the natural logarithm, over log 2."""
    form = log_form(x, run)
    return scaled(form.log, math.log2(math.e)) if form is not None and form.hot else None


@rule(
    "stability",
    lambda x: log10(x),
    extends_domain=True,
    examples=(lambda x: log10(1 + exp(x)), lambda x: log10(softmax(x, axis=1))),
)
def log10_of_exponentials(x: Expr, run: Rewriter) -> Expr | None:
    """As the natural logarithm, over log 10."""
    form = log_form(x, run)
    return scaled(form.log, math.log10(math.e)) if form is not None and form.hot else None


@rule("stability", lambda x: log(1 + x), domain=(-0.9, 2.0))
def log_of_one_plus(x: Expr) -> Expr:
    """log(1 + x) -> log1p(x): exact for small x."""
    return log1p(x)


@rule("stability", lambda x: log(1 - x), domain=(-2.0, 0.9))
def log_of_one_minus(x: Expr) -> Expr:
    """log(1 - x) -> log1p(-x): exact for small x."""
    return log1p(-x)


@rule("stability", lambda x: log1p(x - 1), domain=(0.1, 2.0))
def log1p_of_minus_one(x: Expr) -> Expr:
    """log1p(x - 1) -> log(x): the difference loses small x."""
    return log(x)


@rule("stability", lambda x: sqrt(exp(x)), extends_domain=True)
def sqrt_of_exp(x: Expr) -> Expr:
    """sqrt(e^x) -> e^(x/2): overflows at twice the argument."""
    return exp(scaled(x, 0.5))


# ---------------------------------------------------------------- differences of exponentials


@rule("stability", lambda x: exp(x) - 1)
def exp_minus_one(x: Expr) -> Expr:
    """e^x - 1 -> expm1(x): exact for small x."""
    return expm1(x)


@rule("stability", lambda x: exp(x) + (-1))
def exp_plus_minus_one(x: Expr) -> Expr:
    """e^x + (-1) -> expm1(x)."""
    return expm1(x)


@rule("stability", lambda x: 1 - exp(x))
def one_minus_exp(x: Expr) -> Expr:
    """1 - e^x -> -expm1(x): exact for small x."""
    return -expm1(x)


@rule("stability", lambda x: exp(x) - exp(-x), extends_domain=True)
def difference_to_sinh(x: Expr) -> Expr:
    """e^x - e^-x -> 2 sinh(x): exact for small x."""
    return sinh(x) * 2


@rule("stability", lambda x: exp(-x) - exp(x), extends_domain=True)
def difference_to_minus_sinh(x: Expr) -> Expr:
    """e^-x - e^x -> -2 sinh(x)."""
    return sinh(x) * -2


@rule("stability", lambda x: 1 / exp(x), extends_domain=True)
def one_over_exp(x: Expr) -> Expr:
    """1 / e^x -> e^-x: where e^x overflows, it may still be a number."""
    return exp(scaled(x, -1))


@rule("stability", lambda x: log(sqrt(x)), domain=(0.1, 2.0))
def log_of_root(x: Expr) -> Expr:
    """log(sqrt(x)) -> log(x) / 2: whatever x is, its logarithm may be better known."""
    return log(x) * 0.5


@rule("stability", lambda x: (exp(x) + exp(-x)) / 2, extends_domain=True)
def half_sum_to_cosh(x: Expr) -> Expr:
    """(e^x + e^-x) / 2 -> cosh(x)."""
    return cosh(x)


@rule("stability", lambda x: 0.5 * (exp(x) + exp(-x)), extends_domain=True)
def half_times_sum_to_cosh(x: Expr) -> Expr:
    """0.5 (e^x + e^-x) -> cosh(x)."""
    return cosh(x)


@rule("stability", lambda x: (sinh(x) * 2) / 2)
def half_of_twice_sinh(x: Expr) -> Expr:
    """2 sinh(x) / 2 -> sinh(x): what is left of (e^x - e^-x) / 2."""
    return sinh(x)


@rule("stability", lambda x: 0.5 * (sinh(x) * 2))
def half_times_twice_sinh(x: Expr) -> Expr:
    """0.5 (2 sinh(x)) -> sinh(x)."""
    return sinh(x)


# ---------------------------------------------------------------- quotients of exponentials


@rule(
    "stability",
    lambda n, d: n / d,
    extends_domain=True,
    examples=(
        lambda x, y: exp(x) / sum_(exp(x), axis=1, keepdims=True),
        lambda x, y: exp(x) / sum_(exp(x), axis=1)[:, None],
        lambda x, y: exp(x) / sum_(exp(x), axis=0),
        lambda x, y: exp(x) / sum_(exp(x), axis=(0, 1)),
        lambda x, y: exp(x)[:, 1] / sum_(exp(x), axis=1),
        lambda x, y: exp(x[:, 1]) / sum_(exp(x), axis=1),
        lambda x, y: exp(x[1, 2]) / sum_(exp(x)),
        lambda x, y: sum_(exp(x) * y, axis=1) / sum_(exp(x), axis=1),
        lambda x, y: (exp(x) @ y.T) / sum_(exp(x), axis=-1, keepdims=True),
        lambda x, y: 2 * exp(x) / (3 * sum_(exp(x), axis=0)),
    ),
)
def quotient_to_softmax(n: Expr, d: Expr, run: Rewriter) -> Expr | None:
    """e^x / sum e^x -> softmax(x), and what is linear in it."""
    return softmax_quotient(n, d, run)


@rule(
    "stability",
    lambda d, n: d / n,
    extends_domain=True,
    examples=(
        lambda x: sum_(exp(x), axis=1, keepdims=True) / exp(x),
        lambda x: sum_(exp(x), axis=0) / exp(x)[2],
    ),
)
def quotient_to_inverse_softmax(d: Expr, n: Expr, run: Rewriter) -> Expr | None:
    """sum(e^x) / e^x -> e^(-log softmax(x))."""
    p = exponentials.softmax_quotient(n, d, run)
    if p is None:
        return None
    if p.op.name == "softmax":
        return exp(-log_softmax(p.args[0], axis=p.attrs["axis"]))
    if p.op.name == "getitem" and p.args[0].op.name == "softmax":
        whole = p.args[0]
        return exp(-rebuild(p, (log_softmax(whole.args[0], axis=whole.attrs["axis"]), *p.args[1:])))
    return None


@rule(
    "stability",
    lambda n, d: n / d,
    extends_domain=True,
    examples=(
        lambda x, y: 1 / (1 + exp(-x)),
        lambda x, y: exp(x) / (1 + exp(x)),
        lambda x, y: exp(x) / (exp(y) + exp(x)),
        lambda x, y: y / (1 + exp(-x)),
        lambda x, y: (exp(x) - exp(-x)) / (exp(x) + exp(-x)),
        lambda x, y: (exp(2 * x) - 1) / (exp(2 * x) + 1),
        lambda x, y: (1 - exp(x)) / (1 + exp(x)),
        lambda x, y: sinh(x) / cosh(x),
        lambda x, y: exp(x) / square(1 + exp(x)),
    ),
)
def quotient_to_sigmoid(n: Expr, d: Expr, run: Rewriter) -> Expr | None:
    """e^a / (e^a + e^b) -> sigmoid(a - b), (e^a - e^b) / (e^a + e^b) -> tanh((a - b) / 2)."""
    return ratio(n, d, run)


@rule(
    "stability",
    lambda n, d: n / d,
    extends_domain=True,
    examples=(
        lambda x, y: exp(x) / (exp(x) + exp(y) + exp(x * y)),
        lambda x, y: exp(x) / (1 + sum_(exp(x), axis=1, keepdims=True)),
    ),
)
def quotient_to_share(n: Expr, d: Expr, run: Rewriter) -> Expr | None:
    """n / (a + b) -> (n / a) sigmoid(log a - log b), for n a share of a."""
    return exponentials.share(n, d, run)


@rule("stability", lambda x: reciprocal(1 + exp(x)), extends_domain=True)
def reciprocal_to_sigmoid(x: Expr) -> Expr:
    """1 / (1 + e^x) -> sigmoid(-x)."""
    return sigmoid(scaled(x, -1))


@rule("stability", lambda x: 1 - sigmoid(x))
def one_minus_sigmoid(x: Expr) -> Expr:
    """1 - s(x) -> s(-x): exact where s(x) is near 1."""
    return sigmoid(scaled(x, -1))


@rule(
    "stability",
    lambda x, y: 1 - share(x, y),
    examples=(lambda x, y: 1 - slopes.share(x, y), lambda x, y: 1 - exp(x) / (exp(x) + exp(y))),
)
def one_minus_share(x: Expr, y: Expr) -> Expr:
    """1 - e^x / (e^x + e^y) -> e^y / (e^x + e^y)."""
    return slopes.share(y, x)


@rule("stability", lambda x: sigmoid(x) - 1)
def sigmoid_minus_one(x: Expr) -> Expr:
    """s(x) - 1 -> -s(-x): exact where s(x) is near 1."""
    return -sigmoid(scaled(x, -1))


@rule(
    "stability",
    lambda x, y: sigmoid(x) / sigmoid(y),
    extends_domain=True,
    examples=(lambda x: sigmoid(x) / sigmoid(-x), lambda x: sigmoid(-x) / sigmoid(x)),
)
def odds(x: Expr, y: Expr) -> Expr | None:
    """s(x) / s(-x) -> e^x: the quotient of two vanishing numbers."""
    return exp(x) if y is scaled(x, -1) else None


@rule("stability", lambda x: sigmoid(x) * 2 - 1)
def twice_sigmoid_minus_one(x: Expr) -> Expr:
    """2 s(x) - 1 -> tanh(x/2): exact for small x."""
    return tanh(scaled(x, 0.5))


@rule("stability", lambda x: 1 - sigmoid(x) * 2)
def one_minus_twice_sigmoid(x: Expr) -> Expr:
    """1 - 2 s(x) -> -tanh(x/2): exact for small x."""
    return -tanh(scaled(x, 0.5))


@rule("stability", lambda x: 1 + tanh(x))
def one_plus_tanh(x: Expr) -> Expr:
    """1 + tanh(x) -> 2 s(2x): exact where tanh(x) is near -1."""
    return sigmoid(scaled(x, 2)) * 2


@rule("stability", lambda x: 1 - tanh(x))
def one_minus_tanh(x: Expr) -> Expr:
    """1 - tanh(x) -> 2 s(-2x): exact where tanh(x) is near 1."""
    return sigmoid(scaled(x, -2)) * 2


@rule("stability", lambda x: 0.5 * (sigmoid(x) * 2))
def half_times_twice_sigmoid(x: Expr) -> Expr:
    """0.5 (2 s(x)) -> s(x): what is left of 0.5 (1 + tanh(x/2))."""
    return sigmoid(x)


@rule("stability", lambda x: (sigmoid(x) * 2) / 2)
def half_of_twice_sigmoid(x: Expr) -> Expr:
    """2 s(x) / 2 -> s(x)."""
    return sigmoid(x)


# ---------------------------------------------------------------- other cancellations


@rule("stability", lambda x: 1 - erf(x))
def one_minus_erf(x: Expr) -> Expr:
    """1 - erf(x) -> erfc(x): exact where erf(x) is near 1."""
    return erfc(x)


@rule("stability", lambda x: 1 + erf(x))
def one_plus_erf(x: Expr) -> Expr:
    """1 + erf(x) -> erfc(-x): exact where erf(x) is near -1."""
    return erfc(scaled(x, -1))


@rule("stability", lambda x: 1 - erfc(x))
def one_minus_erfc(x: Expr) -> Expr:
    """1 - erfc(x) -> erf(x): exact for small x."""
    return erf(x)


@rule("stability", lambda x: 1 - cos(x))
def one_minus_cos(x: Expr) -> Expr:
    """1 - cos(x) -> -cosm1(x): exact for small x, and its slope is sin(x)."""
    return -cosm1(x)


@rule("stability", lambda x: cos(x) - 1)
def cos_minus_one(x: Expr) -> Expr:
    """cos(x) - 1 -> cosm1(x): exact for small x, and its slope is -sin(x)."""
    return cosm1(x)


@rule("stability", lambda x: cosh(x) - 1)
def cosh_minus_one(x: Expr) -> Expr:
    """cosh(x) - 1 -> coshm1(x): exact for small x, and its slope is sinh(x)."""
    return coshm1(x)


@rule("stability", lambda x: 1 - cosh(x))
def one_minus_cosh(x: Expr) -> Expr:
    """1 - cosh(x) -> -coshm1(x): exact for small x, and its slope is -sinh(x)."""
    return -coshm1(x)


@rule("stability", lambda x: x * x, takes_complex=True)
@rule("algebra", lambda x: x * x, takes_complex=True)
def product_to_square(x: Expr) -> Expr:
    """x * x -> x^2."""
    return square(x)


@rule("stability", lambda x: x**2, takes_complex=True)
@rule("algebra", lambda x: x**2, takes_complex=True)
def power_to_square(x: Expr) -> Expr:
    """x ** 2 -> x^2, the op."""
    return square(x)


# ---------------------------------------------------------------- softplus in two pieces


@rule("stability", lambda x: maximum(x, 0))
def maximum_to_relu(x: Expr) -> Expr | None:
    """max(x, 0) -> relu(x)."""
    return relu(x) if x.dtype.kind == "f" else None


@rule("stability", lambda x: relu(x) + softplus(-absolute(x)))
def relu_plus_softplus(x: Expr) -> Expr:
    """max(x, 0) + log(1 + e^-|x|) -> softplus(x): as good, and its slope is sigmoid(x)."""
    return softplus(x)


@rule(
    "stability",
    lambda x, y: softplus(x) - x * y,
    extends_domain=True,
    examples=(lambda x, y: softplus(x) - x * y,),
)
def softplus_less_product(x: Expr, y: Expr, node: Expr) -> Expr | None:
    """log(1 + e^x) - x y -> the loss of a logit, as exact where almost nothing is left of it."""
    return _logistic_loss(x, y, node)


@rule("stability", lambda x, y: softplus(x) + -(x * y), extends_domain=True)
def softplus_and_minus_product(x: Expr, y: Expr, node: Expr) -> Expr | None:
    """log(1 + e^x) + -(x y): as the difference."""
    return _logistic_loss(x, y, node)


@rule(
    "stability",
    lambda x, y, u: y * softplus(u) + (1 - y) * softplus(x),
    extends_domain=True,
    examples=(lambda x, y: y * softplus(-x) + (1 - y) * softplus(x),),
)
def cross_entropy_of_sigmoid(x: Expr, y: Expr, u: Expr, node: Expr) -> Expr | None:
    """-y log s(x) - (1 - y) log s(-x) -> log(1 + e^x) - x y."""
    return _logistic_loss(x, y, node) if u is scaled(x, -1) else None


def _logistic_loss(x: Expr, y: Expr, node: Expr) -> Expr | None:
    loss: Expr = activation.logistic_loss(x, y)
    return loss if loss.aval == node.aval else None


@rule("stability", lambda x, y: (relu(x) - y) + softplus(-absolute(x)))
def relu_less_plus_softplus(x: Expr, y: Expr) -> Expr:
    """max(x, 0) - y + log(1 + e^-|x|) -> softplus(x) - y: cross-entropy on logits."""
    return softplus(x) - y


@rule("stability", lambda x, y: (relu(x) + y) + softplus(-absolute(x)))
def relu_more_plus_softplus(x: Expr, y: Expr) -> Expr:
    """max(x, 0) + y + log(1 + e^-|x|) -> softplus(x) + y."""
    return softplus(x) + y
