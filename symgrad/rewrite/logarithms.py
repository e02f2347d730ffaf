"""What the logarithms of products, sums, powers and views of exponentials are, op by op."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np

from symgrad.ir.graph import rebuild
from symgrad.ir.node import Expr, literal
from symgrad.ir.size import product
from symgrad.rewrite.log_form import (
    Forms,
    LogForm,
    form_of,
    in_range,
    merged,
    power_of,
    sum_of_two,
)
from symgrad.rewrite.pattern import (
    absolute,
    log,
    log1mexp,
    log_cosh,
    log_softmax,
    logmeanexp,
    logsumexp,
    maximum,
    minimum,
    softplus,
    where,
)
from symgrad.rewrite.pattern import sum as sum_
from symgrad.rewrite.portions import portion
from symgrad.rewrite.scalars import difference, number, scaled


@form_of("literal")
def _literal(node: Expr, forms: Forms) -> LogForm | None:
    array = node.attrs["value"].array
    if not (np.all(array >= 0) and np.all(np.isfinite(array))):
        return None
    if not node.shape and array > 0:
        return LogForm(literal(0.0, node.dtype), hot=False, factor=float(array))
    with np.errstate(divide="ignore"):
        return LogForm(literal(np.log(array).astype(node.dtype)), hot=False)


@form_of("astype", "one_hot")
def _indicator(node: Expr, forms: Forms) -> LogForm | None:
    if node.op.name == "one_hot":
        return LogForm(log(node), hot=False)
    return _mask(node.args[0], node) if node.args[0].dtype.kind == "b" else None


def _mask(condition: Expr, node: Expr) -> LogForm:
    """The form of a condition as a number, in the dtype of `node`."""
    one, zero = literal(0.0, node.dtype), literal(-np.inf, node.dtype)
    return LogForm(where(condition, one, zero), hot=False)


@form_of("exp")
def _exp(node: Expr, forms: Forms) -> LogForm | None:
    return LogForm(node.args[0]) if node.args[0].dtype == node.dtype else None


@form_of("exp_sum", "exp_below")
def _exp_sum(node: Expr, forms: Forms) -> LogForm | None:
    a, b = node.args
    if a.dtype != node.dtype or b.dtype != node.dtype:
        return None
    return LogForm(a + b if node.op.name == "exp_sum" else a - b)


@form_of("exp2")
def _exp2(node: Expr, forms: Forms) -> LogForm | None:
    return LogForm(scaled(node.args[0], math.log(2))) if node.args[0].dtype == node.dtype else None


@form_of("sigmoid")
def _sigmoid(node: Expr, forms: Forms) -> LogForm | None:
    return LogForm(-softplus(scaled(node.args[0], -1)))


@form_of("share")
def _share(node: Expr, forms: Forms) -> LogForm | None:
    return LogForm(-softplus(difference(node.args[1], node.args[0])))


@form_of("cosh")
def _cosh(node: Expr, forms: Forms) -> LogForm | None:
    return LogForm(log_cosh(node.args[0]))


@form_of("coshm1")
def _coshm1(node: Expr, forms: Forms) -> LogForm | None:
    size = absolute(node.args[0])  # e^|x| (1 - e^-|x|)^2 / 2
    return LogForm(size + scaled(log1mexp(size), 2), factor=0.5)


@form_of("softmax")
def _softmax(node: Expr, forms: Forms) -> LogForm | None:
    return LogForm(log_softmax(node.args[0], axis=node.attrs["axis"]))


def _factors(node: Expr, forms: Forms) -> tuple[LogForm, LogForm] | LogForm | None:
    """Forms of two factors, of which one at most is not sure: it has the sign of their product.

    Of two that are not sure, the form of ``node`` itself.
    """
    a, b = [
        _mask(arg, node) if arg.dtype.kind == "b" else form
        for arg, form in zip(node.args, forms, strict=True)
    ]
    if not ((a and a.hot) or (b and b.hot)):
        return None if a is None or b is None else (a, b)
    if (a is None or not a.sure) and (b is None or not b.sure):
        return _of_unknown_sign(node, a, b)
    return a or _unknown(node.args[0]), b or _unknown(node.args[1])


def _unknown(x: Expr) -> LogForm:
    return LogForm(log(x), sure=False, hot=False, rest=x)


def _of_unknown_sign(node: Expr, a: LogForm | None, b: LogForm | None) -> LogForm | None:
    """A product or quotient of two expressions that may both be negative."""
    (p, u), (q, v) = [
        (form.scale, form.rest) if form and form.scale is not None else (None, arg)
        for form, arg in zip((a, b), node.args, strict=True)
    ]
    if u is None or v is None or (p is None and q is None):
        return None
    scale = difference(p, q) if node.op.name == "divide" else _sum_of(p, q)
    return _scaled_rest(scale, rebuild(node, (u, v)))


def _sum_of(*scales: Expr | None) -> Expr:
    one, *more = [scale for scale in scales if scale is not None]
    return one + more[0] if more else one


def _scaled_rest(scale: Expr, rest: Expr) -> LogForm:
    """The form of ``exp(scale) * rest``."""
    return LogForm(scale + log(rest), sure=False, scale=scale, rest=rest)


@form_of("multiply")
def _multiply(node: Expr, forms: Forms) -> LogForm | None:
    factors = _factors(node, forms)
    if factors is None or isinstance(factors, LogForm):
        return factors
    a, b = factors
    factor = a.factor * b.factor
    if in_range(factor):
        for one, other in ((a, b), (b, a)):
            plain = other.rest is None or one.is_one
            if one.is_number and plain and other.core.shape == node.shape:
                return replace(other, factor=factor)
    for sure, other in ((a, b), (b, a)):
        if other.rest is not None:
            return _scaled_rest(_sum_of(sure.log, other.scale), other.rest)
    if in_range(factor):
        return merged(without_scale(a.core, b.core), a, b, factor=factor)
    return merged(a.log + b.log, a, b)


def without_scale(a: Expr, b: Expr) -> Expr:
    """``a + b``, where scales that were taken out of sums of exponentials are put back.

    ``(y + t) + log(e^(p - t) + e^(q - t))`` for a `t` made of `p` and `q`, which hides no NaN; and
    so for several of them.
    """
    terms = [*_terms(a), *_terms(b)]
    restored: list[Expr] = []
    for other in [*terms]:
        found = _with_own_scale(other)
        if found is None:
            continue
        top, whole = found
        places = [i for i, term in enumerate(terms) if term is top]
        if places:
            del terms[places[0]]
            terms = [whole if term is other else term for term in terms]
            restored.append(whole)
    if not restored:
        return a + b
    rest = [term for term in terms if not any([term is whole for whole in restored])]
    return reduce(add, [*rest, *restored])


def _terms(x: Expr) -> list[Expr]:
    """The terms of a sum, few and not deep."""
    if x.op.name != "add":
        return [x]
    return [term for arg in x.args for term in ([arg] if arg.op.name != "add" else arg.args)]


def _with_own_scale(x: Expr) -> tuple[Expr, Expr] | None:
    """``t`` and ``log(e^p + e^q)``, for ``log(e^(p - t) + e^(q - t))`` with such a `t`."""
    if x.op.name != "logaddexp":
        return None
    (p, top), (q, same) = [less(arg) for arg in x.args]
    if top is None or top is not same or not all([arg is p or arg is q for arg in top.args]):
        return None
    return top, sum_of_two(LogForm(p), LogForm(q)).log


def less(core: Expr) -> tuple[Expr, Expr | None]:
    """``p`` and ``t`` of ``p - t``."""
    if core.op.name == "subtract":
        return core.args[0], core.args[1]
    if core.op.name == "negative":
        return literal(0.0, core.dtype), core.args[0]
    return core, None


def _over_expm1(c: float | None, below: Expr) -> LogForm | None:
    """``c / (e^u - 1)`` for c < 0: positive where u is negative."""
    if c is None or c >= 0 or below.op.name != "expm1":
        return None
    u = below.args[0]
    return LogForm(scaled(log1mexp(scaled(u, -1)), -1), sure=False, factor=-c)


@form_of("divide")
def _divide(node: Expr, forms: Forms) -> LogForm | None:
    special = _over_expm1(number(node.args[0]), node.args[1])
    if special is not None:
        return special
    factors = _factors(node, forms)
    if factors is None or isinstance(factors, LogForm):
        return factors
    a, b = factors
    factor = a.factor / b.factor
    if in_range(factor) and b.rest is None:
        if b.is_number and (a.rest is None or b.is_one) and a.core.shape == node.shape:
            return replace(a, factor=factor)
        if a.is_number and b.core.shape == node.shape:
            return merged(scaled(b.core, -1), a, b, factor=factor)
    if a.rest is not None:
        return _scaled_rest(difference(a.scale, b.log), a.rest)
    if in_range(factor):
        return merged(a.core - b.core, a, b, factor=factor)
    return merged(a.log - b.log, a, b)


@form_of("reciprocal")
def _reciprocal(node: Expr, forms: Forms) -> LogForm | None:
    return power_of(forms[0], -1) if forms[0] else None


@form_of("sqrt")
def _sqrt(node: Expr, forms: Forms) -> LogForm | None:
    return power_of(forms[0], 0.5) if forms[0] else None


@form_of("square")
def _square(node: Expr, forms: Forms) -> LogForm | None:
    return power_of(forms[0], 2) if forms[0] and forms[0].sure else None


@form_of("power")
def _power(node: Expr, forms: Forms) -> LogForm | None:
    exponent = number(node.args[1])
    if forms[0] is None or not forms[0].sure or exponent is None:
        return None
    return power_of(forms[0], exponent)


@form_of("absolute")
def _absolute(node: Expr, forms: Forms) -> LogForm | None:
    return forms[0] if forms[0] and forms[0].sure else None


@form_of("add")
def _add(node: Expr, forms: Forms) -> LogForm | None:
    a, b = forms
    if a is None or b is None or not (a.sure and b.sure and (a.hot or b.hot)):
        return None
    part = portion(node)
    return LogForm(part.log()) if part else sum_of_two(a, b)


@form_of("subtract")
def _subtract(node: Expr, forms: Forms) -> LogForm | None:
    # positive or not, the logarithm exists where a > b, and log1mexp then does
    a, b = forms
    if a is None or b is None or not (a.sure and b.sure and b.hot):
        return None
    if a.is_one:
        part = portion(node.args[1])
        if part is not None:
            return LogForm(part.log(rest=True))
        return LogForm(log1mexp(scaled(b.log, -1)), sure=False)
    if a.hot:
        return LogForm(a.log + log1mexp(difference(a.log, b.log)), sure=False)
    return None


@form_of("expm1")
def _expm1(node: Expr, forms: Forms) -> LogForm | None:
    x = node.args[0]
    return LogForm(x + log1mexp(x), sure=False)


@form_of("negative")
def _negative(node: Expr, forms: Forms) -> LogForm | None:
    x = node.args[0]
    if x.op.name == "divide":
        c = number(x.args[0])
        return _over_expm1(None if c is None else -c, x.args[1])
    if x.op.name != "expm1":
        return None
    return LogForm(log1mexp(scaled(x.args[0], -1)), sure=False)


@form_of("sum", "mean")
def _sum(node: Expr, forms: Forms) -> LogForm | None:
    form = forms[0]
    if form is None or not form.sure or not form.hot:
        return None
    x, attrs = form.core, node.attrs
    count = product(x.shape[axis] for axis in attrs["axis"])
    total, mean = logsumexp(x, **attrs), logmeanexp(x, **attrs)
    core, other = (total, mean) if node.op.name == "sum" else (mean, total)
    if not isinstance(count, int) or not count:
        return LogForm(core, factor=form.factor)
    ratio = 1 / count if core is total else float(count)
    return LogForm(core, factor=form.factor, whole=(ratio, other))


@form_of("prod")
def _prod(node: Expr, forms: Forms) -> LogForm | None:
    form = forms[0]
    if form is None or not form.sure or not form.hot:
        return None
    return LogForm(sum_(form.log, **node.attrs))


@form_of("hypot")
def _hypot(node: Expr, forms: Forms) -> LogForm | None:
    a, b = forms
    if a is None or b is None or not (a.sure and b.sure and (a.hot or b.hot)):
        return None
    return power_of(sum_of_two(power_of(a, 2), power_of(b, 2)), 0.5)


@form_of("euclidean_norm")
def _norm(node: Expr, forms: Forms) -> LogForm | None:
    form = forms[0]
    if form is None or not form.sure or not form.hot:
        return None
    total = logsumexp(scaled(form.core, 2), **node.attrs)
    return LogForm(scaled(total, 0.5), factor=form.factor)


@form_of("max", "min")
def _extremum(node: Expr, forms: Forms) -> LogForm | None:
    form = forms[0]
    if form is None or not form.sure or not form.hot:
        return None
    return LogForm(rebuild(node, (form.log,)))


@form_of("maximum", "minimum")
def _extremum_of_two(node: Expr, forms: Forms) -> LogForm | None:
    a, b = forms
    if a is None or b is None or not (a.sure and b.sure):
        return None
    return merged((maximum if node.op.name == "maximum" else minimum)(a.log, b.log), a, b)


@form_of("where")
def _where(node: Expr, forms: Forms) -> LogForm | None:
    _, a, b = forms
    if a is None or b is None:
        return None
    return merged(where(node.args[0], a.log, b.log), a, b)


@form_of("getitem", "reshape", "transpose", "expand_dims", "squeeze", "broadcast_to")
def _view(node: Expr, forms: Forms) -> LogForm | None:
    form = forms[0]
    if form is None or not form.hot:
        return None
    core = rebuild(node, (form.core, *node.args[1:]))
    whole = form.whole and (form.whole[0], rebuild(node, (form.whole[1], *node.args[1:])))
    return replace(merged(core, form, factor=form.factor), whole=whole)


@form_of("concatenate", "stack")
def _joined(node: Expr, forms: Forms) -> LogForm | None:
    known = [form for form in forms if form is not None]
    if len(known) < len(forms):
        return None
    return merged(rebuild(node, tuple([form.log for form in known])), *known)
