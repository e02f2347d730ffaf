"""Magnitudes kept in range: an expression as exp(scale) * rest, where the rest is moderate.

``(e^x - 1)^2`` overflows long before ``x^2 e^x / (e^x - 1)^2`` does anything of note. Each
exponential in a product or quotient is taken apart into the scale and the rest, sums by taking out
the greater scale; the scales are added, and one exponential is left.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from symgrad.ir.graph import rebuild, topological
from symgrad.ir.node import Expr, literal
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import (
    divide,
    exp,
    exp_below,
    exp_sum,
    expm1,
    isfinite,
    log,
    matmul,
    max,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    relu,
    sinh,
    sqrt,
    square,
    where,
)
from symgrad.rewrite.pattern import sum as sum_
from symgrad.rewrite.scalars import direction, number, scaled

__all__ = ["Forms", "Scaled", "form_of_magnitude", "in_range", "is_nonpositive", "scaled_form"]


@dataclass(frozen=True, slots=True)
class Scaled:
    """``exp(sum of factor * exponent) * rest``.

    Parameters
    ----------
    scale : mapping of Expr to float
        Exponents and their factors.
    rest : Expr or None
        None is one.
    counted : bool
        Whether zeros had no part in the scale, which may then be far below an exponent.
    """

    scale: Mapping[Expr, float]
    rest: Expr | None = None
    counted: bool = False

    def raised(self, p: float) -> Scaled:
        """To a power."""
        scale = {e: f * p for e, f in self.scale.items()}
        return Scaled(scale, None if self.rest is None else _power(self.rest, p), self.counted)


def _power(x: Expr, p: float) -> Expr:
    if p == 0.5:
        return sqrt(x)
    if p == 2:
        return square(x)
    return divide(1.0, x) if p == -1 else power(x, p)


Forms = list["Scaled | None"]
Rule = Callable[[Expr, Forms], "Scaled | None"]
_FORMS: dict[str, Rule] = {}


def scaled_form(node: Expr, run: Rewriter) -> Scaled | None:
    """`node` taken apart, or None if it holds no exponential."""
    memo = run.memo.setdefault("scaled_form", {})

    def stop(n: Expr) -> bool:
        return n in memo or n.op.name not in _FORMS or run.opaque(n)

    for n in topological([node], stop=stop):
        if n in memo:
            continue
        form = _FORMS.get(n.op.name)
        known = form is not None and not run.opaque(n) and n.dtype.kind == "f"
        memo[n] = form(n, [memo.get(arg) for arg in n.args]) if form and known else None
    return memo[node]


def form_of_magnitude(*names: str) -> Callable[[Rule], Rule]:
    def enter(fn: Rule) -> Rule:
        _FORMS.update(dict.fromkeys(names, fn))
        return fn

    return enter


@form_of_magnitude("exp")
def _exp(node: Expr, forms: Forms) -> Scaled | None:
    exponent, factor = direction(node.args[0])
    return Scaled({exponent: factor}) if node.args[0].dtype == node.dtype else None


@form_of_magnitude("exp_sum")
def _exp_sum(node: Expr, forms: Forms) -> Scaled | None:
    if any(arg.aval != node.aval for arg in node.args):
        return None
    return Scaled(_added([dict([direction(arg)]) for arg in node.args]))


@form_of_magnitude("expm1")
def _expm1(node: Expr, forms: Forms) -> Scaled | None:
    x = node.args[0]
    if x.dtype != node.dtype:
        return None
    return Scaled({relu(x): 1.0}, where(x > 0, -expm1(-x), expm1(x)))


@form_of_magnitude("sinh", "cosh")
def _hyperbolic(node: Expr, forms: Forms) -> Scaled | None:
    x = node.args[0]
    if x.dtype != node.dtype:
        return None
    # not |x|, whose slope at 0 says nothing of how the two exponentials go on
    minus = scaled(x, -1)
    top = maximum(x, minus)
    up, down = exp_below(x, top), exp_below(minus, top)
    if node.op.name == "cosh":
        return Scaled({top: 1.0}, (up + down) * 0.5)
    near = expm1(x - top) - expm1(minus - top)
    return Scaled({top: 1.0}, where(top < 1, near, up - down) * 0.5)


@form_of_magnitude("coshm1")
def _coshm1(node: Expr, forms: Forms) -> Scaled | None:
    form = _hyperbolic(sinh(scaled(node.args[0], 0.5)), [])
    if form is None or form.rest is None or node.args[0].dtype != node.dtype:
        return None
    return Scaled(form.raised(2).scale, square(form.rest) * 2)


@form_of_magnitude("multiply", "divide")
def _product(node: Expr, forms: Forms) -> Scaled | None:
    a, b = forms
    if (a is None and b is None) or not _same_dtype(node):
        return None
    x = a or Scaled({}, node.args[0])
    y = b or Scaled({}, node.args[1])
    if node.op.name == "divide":
        rest = x.rest if y.rest is None else divide(1.0 if x.rest is None else x.rest, y.rest)
        scale = _added([x.scale, {e: -f for e, f in y.scale.items()}])
        return Scaled(scale, rest, x.counted or y.counted)
    rests = [r for r in (x.rest, y.rest) if r is not None]
    rest = None if not rests else rests[0] if len(rests) == 1 else multiply(*rests)
    return Scaled(_added([x.scale, y.scale]), rest, x.counted or y.counted)


def _same_dtype(node: Expr) -> bool:
    return all(arg.dtype == node.dtype for arg in node.args)


def _added(scales: list[Mapping[Expr, float]]) -> dict[Expr, float]:
    total: dict[Expr, float] = {}
    for scale in scales:
        for exponent, factor in scale.items():
            total[exponent] = total.get(exponent, 0.0) + factor
    return {e: f for e, f in total.items() if f}


@form_of_magnitude("negative")
def _negative(node: Expr, forms: Forms) -> Scaled | None:
    form = forms[0]
    if form is None:
        return None
    rest = literal(-1.0, node.dtype) if form.rest is None else negative(form.rest)
    return Scaled(form.scale, rest, form.counted)


@form_of_magnitude("square")
def _square(node: Expr, forms: Forms) -> Scaled | None:
    return forms[0] and forms[0].raised(2)


@form_of_magnitude("sqrt")
def _sqrt(node: Expr, forms: Forms) -> Scaled | None:
    return forms[0] and forms[0].raised(0.5)


@form_of_magnitude("reciprocal")
def _reciprocal(node: Expr, forms: Forms) -> Scaled | None:
    return forms[0] and forms[0].raised(-1)


@form_of_magnitude("power")
def _power_of(node: Expr, forms: Forms) -> Scaled | None:
    p = number(node.args[1])
    return forms[0].raised(p) if forms[0] is not None and p else None


@form_of_magnitude("add", "subtract")
def _sum_of_two(node: Expr, forms: Forms) -> Scaled | None:
    # beside numbers only: a scale for everything that exponentials are added to helps nobody
    if not _same_dtype(node) or all(form is None for form in forms):
        return None
    for arg, form in zip(node.args, forms, strict=True):
        if form is None and number(arg) is None:
            return None
    x, y = (form or Scaled({}, arg) for arg, form in zip(node.args, forms, strict=True))
    shared = {e: f for e, f in x.scale.items() if y.scale.get(e) == f}
    left = {e: f for e, f in x.scale.items() if e not in shared}
    right = {e: f for e, f in y.scale.items() if e not in shared}
    if not left and not right:
        rest = _combined(node, _times(x.rest, None, node), _times(y.rest, None, node))
        return Scaled(shared, rest, x.counted or y.counted)
    p, q = _exponent(left), _exponent(right)
    if p is None or q is None:
        one = q if p is None else p
        assert one is not None
        if is_nonpositive(one):
            return None
        factor = y.rest if p is None else x.rest
        positive = _is_positive(factor)
        top = relu(_counted(one, factor))
        zero, rest_of_one = exp_below(literal(0.0, node.dtype), top), _below(one, top, factor)
        first, second = (zero, rest_of_one) if p is None else (rest_of_one, zero)
    else:
        if is_nonpositive(p) and is_nonpositive(q):
            return None
        top = maximum(_counted(p, x.rest), _counted(q, y.rest))
        positive = _is_positive(x.rest) and _is_positive(y.rest)
        if not (_is_positive(x.rest) or _is_positive(y.rest)):
            top = _finite(top)
        first, second = _below(p, top, x.rest), _below(q, top, y.rest)
    rest = _combined(node, _times(x.rest, first, node), _times(y.rest, second, node))
    counted = x.counted or y.counted or not positive
    return Scaled(_added([shared, {top: 1.0}]), rest, counted)


def _combined(node: Expr, a: Expr, b: Expr) -> Expr:
    return a + b if node.op.name == "add" else a - b


def _times(rest: Expr | None, factor: Expr | None, node: Expr) -> Expr:
    if rest is None:
        return literal(1.0, node.dtype) if factor is None else factor
    return rest if factor is None else multiply(rest, factor)


def _exponent(scale: Mapping[Expr, float]) -> Expr | None:
    """The sum of a scale as one expression; None is zero."""
    total: Expr | None = None
    for exponent, factor in scale.items():
        term = scaled(exponent, factor)
        total = term if total is None else total + term
    return total


def _finite(top: Expr) -> Expr:
    """A scale that can be taken out: none where the greatest exponent is infinite."""
    return where(isfinite(top), top, 0)


def _is_positive(rest: Expr | None, depth: int = 6) -> bool:
    """Whether what an exponential is multiplied by is known to be no zero."""
    if rest is None:
        return True
    name = rest.op.name
    if name in ("exp", "exp_below", "exp_sum", "cosh"):
        return True
    if name == "literal":
        return bool(np.all(rest.attrs["value"].array > 0))
    composed = name in ("add", "multiply", "divide", "sqrt", "square", "sum", "broadcast_to")
    return composed and depth > 0 and all([_is_positive(a, depth - 1) for a in rest.args])


def _counted(exponent: Expr, rest: Expr | None) -> Expr:
    """The exponent where it has a part in a sum: not where it is multiplied by zero."""
    return exponent if _is_positive(rest) else where(rest != 0, exponent, -math.inf)


def _below(exponent: Expr, top: Expr, rest: Expr | None) -> Expr:
    """e^(exponent - top); in range also where a zero beside it let it have no part in `top`."""
    if not _is_positive(rest):
        exponent = minimum(exponent, top + _FAR)
    return exp_below(exponent, top)


#: an exponent whose exponential is a number in single precision too, in which a formula of one
#: variable may be computed whatever it was made of
_FAR = 87.0


def _used(matrix: Expr, axis: int) -> Expr:
    """Where a row (or column) of a matrix holds anything but zeros, as numbers."""
    if matrix.ndim == 1:
        return matrix
    return abs(matrix).max(axis=-1 if axis == -1 else -2)


@form_of_magnitude("sum")
def _reduced(node: Expr, forms: Forms) -> Scaled | None:
    form, x = forms[0], node.args[0]
    exponent = None if form is None else _exponent(form.scale)
    if form is None or exponent is None:
        return None
    axes, kept = node.attrs["axis"], node.attrs["keepdims"]
    if exponent.shape != x.shape or is_nonpositive(exponent):
        return None
    if any([isinstance(x.shape[a], int) and x.shape[a] == 0 for a in axes]):
        return None  # nothing has no maximum
    counted = _counted(exponent, form.rest)
    top = _finite(max(counted, axis=axes, keepdims=True))
    terms = _times(form.rest, _below(exponent, top, form.rest), node)
    scale = top if kept else _finite(max(counted, axis=axes))
    total = sum_(terms, axis=axes, keepdims=kept)
    return Scaled({scale: 1.0}, total, form.counted or counted is not exponent)


@form_of_magnitude("matmul")
def _matrix_product(node: Expr, forms: Forms) -> Scaled | None:
    """Rows of exponentials times a matrix, or a matrix times a vector of them."""
    (a, b), (form, other) = node.args, forms
    if form is not None and b.ndim <= 2 and a.ndim >= b.ndim:
        exponent = _exponent(form.scale)
        if exponent is None or exponent.shape != a.shape or is_nonpositive(exponent):
            return None
        weights = form.rest if _is_positive(b) else _used(b, -1)
        counted = _counted(exponent, weights)
        top = _finite(max(counted, axis=-1, keepdims=True))
        scale = top if b.ndim == 2 else _finite(max(counted, axis=-1))
        rows = _times(form.rest, _below(exponent, top, weights), node)
        return Scaled({scale: 1.0}, matmul(rows, b), form.counted or counted is not exponent)
    if other is not None and b.ndim == 1:
        exponent = _exponent(other.scale)
        if exponent is None or exponent.shape != b.shape or is_nonpositive(exponent):
            return None
        weights = other.rest if _is_positive(a) else _used(a, -2)
        counted = _counted(exponent, weights)
        top = _finite(max(counted, axis=0))
        column = _times(other.rest, _below(exponent, top, weights), node)
        return Scaled({top: 1.0}, matmul(a, column), other.counted or counted is not exponent)
    return None


@form_of_magnitude("getitem", "reshape", "transpose", "expand_dims", "squeeze", "broadcast_to")
def _view(node: Expr, forms: Forms) -> Scaled | None:
    form, x = forms[0], node.args[0]
    if form is None:
        return None
    parts = [*form.scale, *([] if form.rest is None else [form.rest])]
    if any(part.shape != x.shape for part in parts):
        return None
    scale = {rebuild(node, (e, *node.args[1:])): f for e, f in form.scale.items()}
    rest = None if form.rest is None else rebuild(node, (form.rest, *node.args[1:]))
    return Scaled(scale, rest, form.counted)


def is_nonpositive(x: Expr) -> bool:
    """Whether an exponent is known not to be positive, so that its exponential is in range."""
    x, factor = direction(x)
    name = x.op.name
    if name == "maximum" and x.args[1] is scaled(x.args[0], -1):
        return factor < 0
    if name in ("absolute", "square", "relu", "softplus", "exp"):
        return factor < 0
    value = number(x)
    if value is not None:
        return factor * value <= 0
    if name == "subtract" and factor > 0:
        p, top = x.args
        if top.op.name in ("maximum", "relu", "max", "logsumexp"):
            return any(arg is p for arg in top.args)
    return False


# ---------------------------------------------------------------- put together again


def in_range(node: Expr, run: Rewriter) -> Expr | None:
    """A product, quotient or root with its exponentials as one; None if nothing is gained."""
    form = scaled_form(node, run)
    if form is None or not _at_risk(node, run):
        return None
    head = _exponential(form.scale)
    if head is not None and form.counted and form.rest is not None:
        # beside a zero, an exponential that may be as large as it likes
        exponent = _exponent(form.scale)
        head = exp(where(form.rest != 0, exponent, minimum(exponent, _FAR)))
    if head is None:
        made = form.rest
    elif form.rest is None:
        made = head
    elif form.rest.op.name == "divide" and number(form.rest.args[0]) is not None:
        made = head * form.rest.args[0] / form.rest.args[1]  # as one writes it
    else:
        made = multiply(head, form.rest)
    return made if made is not None and made.aval == node.aval else None


def _at_risk(node: Expr, run: Rewriter) -> bool:
    """Whether parts of a product can overflow or vanish though the whole does not."""
    if node.op.name == "sqrt":
        return True
    forms = [scaled_form(arg, run) for arg in node.args]
    if any(form is None for form in forms):
        return False
    # two that vanish have a product that vanishes
    return node.op.name == "divide" or not all(
        is_nonpositive(scaled(e, f)) for form in forms if form for e, f in form.scale.items()
    )


def _exponential(scale: Mapping[Expr, float]) -> Expr | None:
    """exp of a scale; its terms are added without a loss."""
    terms = [scaled(e, f) for e, f in scale.items()]
    if not terms:
        return None
    if len(terms) == 1:
        return exp(terms[0])
    total = terms[0]
    for term in terms[1:-1]:
        total = total + term
    return exp_sum(total, terms[-1])


# ---------------------------------------------------------------- rules


@rule(
    "magnitude",
    lambda x, y: x * y,
    extends_domain=True,
    examples=(
        lambda x, y: exp(x) * exp(y),
        lambda x, y: exp(-x) * sinh(x),
        lambda x, y: (1 / expm1(x)) * exp(x),
    ),
)
def product_in_range(x: Expr, y: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """(e^a u) (e^b v) -> e^(a + b) u v: one of two vanishes where the other overflows."""
    return in_range(node, run)


@rule(
    "magnitude",
    lambda x, y: x / y,
    extends_domain=True,
    examples=(
        lambda x, y: exp(x) / exp(y),
        lambda x, y: square(x) * exp(x) / square(expm1(x)),
        lambda x, y: (exp(x) + 1) / (exp(x) + 2),
    ),
)
def quotient_in_range(x: Expr, y: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """(e^a u) / (e^b v) -> e^(a - b) u / v: both overflow, or vanish."""
    return in_range(node, run)


@rule(
    "magnitude",
    lambda x: sqrt(x),
    extends_domain=True,
    examples=(lambda x: sqrt(1 + exp(2 * x)), lambda x: sqrt(x**2 * exp(x))),
)
def root_in_range(x: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """sqrt(e^a u) -> e^(a/2) sqrt(u)."""
    return in_range(node, run)


@rule(
    "magnitude",
    lambda x: log(x),
    extends_domain=True,
    examples=(
        lambda x, y: log(sum_(exp(x) * y * y, axis=1)),
        lambda x, y: log(exp(x) @ square(y[0])),
        lambda x, y: log(square(y) @ exp(x[0])),
    ),
)
def log_in_range(x: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """log(e^a u) -> a + log(u), for u of any sign: the logarithm exists where u is positive."""
    form = scaled_form(x, run)
    exponent = None if form is None else _exponent(form.scale)
    if form is None or exponent is None or form.rest is None:
        return None
    made = exponent + log(form.rest)
    return made if made.aval == node.aval else None
