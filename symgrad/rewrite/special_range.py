"""Modified Bessel functions and the gamma function in products and quotients that stay in range."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from symgrad.ir.node import Expr
from symgrad.rewrite.engine import rule
from symgrad.rewrite.magnitude import Forms, Scaled, form_of_magnitude
from symgrad.rewrite.pattern import (
    absolute,
    exp,
    gamma,
    gammaln,
    gammasgn,
    i0e,
    i1e,
    ive,
    k0e,
    k1e,
    kve,
    maximum,
    poch,
    where,
)
from symgrad.rewrite.scalars import number


@form_of_magnitude("bessel_i")
def _i_of_order(node: Expr, forms: Forms) -> Scaled | None:
    x, order = node.args[0], node.attrs["order"]
    rest = i0e(x) if order == 0 else i1e(x) if order == 1 else ive(order, x)
    return Scaled({absolute(x): 1.0}, rest)


@form_of_magnitude("iv")
def _i(node: Expr, forms: Forms) -> Scaled | None:
    v, x = node.args
    return Scaled({absolute(x): 1.0}, ive(v, x)) if x.aval == node.aval else None


@form_of_magnitude("k0", "k1")
def _k_of_order(node: Expr, forms: Forms) -> Scaled | None:
    x = node.args[0]
    return Scaled({x: -1.0}, (k0e if node.op.name == "k0" else k1e)(x))


@form_of_magnitude("kv")
def _k(node: Expr, forms: Forms) -> Scaled | None:
    v, x = node.args
    return Scaled({x: -1.0}, kve(v, x)) if x.aval == node.aval else None


#: from here on gamma overflows
_LARGEST = {"float64": 171.0, "float32": 35.0}


def _steps_from(x: Expr) -> tuple[Expr, float]:
    """y and c of y + c; x itself and 0 if it is no such sum."""
    c = number(x.args[1]) if x.op.name in ("add", "subtract") else None
    if c is None or x.args[0].aval != x.aval:
        return x, 0.0
    return x.args[0], c if x.op.name == "add" else -c


def _is_chosen(x: Expr) -> bool:
    """Whether it is what the rule below leaves where nothing overflows."""
    return x.op.name == "where" and number(x.args[1]) == 1


@rule(
    "magnitude",
    lambda x, y: gamma(x) / gamma(y),
    extends_domain=True,
    domain=(0.3, 4.0),
    examples=(lambda x: gamma(x + 0.5) / gamma(x),),
)
def quotient_of_gammas(x: Expr, y: Expr, node: Expr) -> Expr | None:
    """gamma(x) / gamma(y) where one overflows: the product between them, or by logarithms."""
    largest = _LARGEST.get(str(node.dtype))
    if largest is None or not x.aval == y.aval == node.aval or _is_chosen(x):
        return None
    far = maximum(x, y) > largest
    u, v = where(far, x, 1), where(far, y, 1)
    (base, step), (same, less) = _steps_from(x), _steps_from(y)
    if base is same:
        large = poch(v, step - less)
    else:
        large = gammasgn(u) * gammasgn(v) * exp(gammaln(u) - gammaln(v))
    return where(far, large, gamma(where(far, 1, x)) / gamma(where(far, 1, y)))
