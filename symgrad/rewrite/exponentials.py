"""Quotients of exponentials: softmax, sigmoid and tanh in whatever spelling."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from symgrad.ir.graph import rebuild
from symgrad.ir.node import Expr
from symgrad.ops import slopes
from symgrad.rewrite.log_form import log_form
from symgrad.rewrite.pattern import matmul, sigmoid, softmax, tanh
from symgrad.rewrite.pattern import sum as sum_
from symgrad.rewrite.rows import aligned, indexes_rows, rows
from symgrad.rewrite.scalars import difference, direction, number, scaled

if TYPE_CHECKING:
    from symgrad.rewrite.engine import Rewriter

__all__ = ["ratio", "share", "softmax_quotient"]


# ---------------------------------------------------------------- softmax


def _exponential(node: Expr, run: Rewriter) -> Expr | None:
    """The logarithm of an expression that is a multiple of an exponential."""
    if run.opaque(node):
        return None
    name = node.op.name
    if (
        name in ("transpose", "reshape", "getitem", "expand_dims")
        or name == "exp"
        or (
            name in ("multiply", "divide", "where")
            and any(a.op.name == "exp" and not run.opaque(a) for a in node.args)
        )
    ):
        form = log_form(node, run)
        if form is not None and form.sure:
            return form.log
    return None


def softmax_quotient(n: Expr, d: Expr, run: Rewriter) -> Expr | None:
    """``n / d``, where `d` is a sum of exponentials and `n` linear in the same ones."""
    found = _softmax_quotient(n, d, run)
    if found is not None or run.opaque(n) or run.opaque(d):
        return found
    # factors that are numbers stand before the sum, or were taken out of it
    (n, above), (d, below) = _without_factor(n, run), _without_factor(d, run)
    found = None if above == below == 1 else _softmax_quotient(n, d, run)
    return None if found is None else scaled(found, above / below)


def _without_factor(x: Expr, run: Rewriter) -> tuple[Expr, float]:
    return (x, 1.0) if any([run.opaque(arg) for arg in x.args]) else direction(x)


def _softmax_quotient(n: Expr, d: Expr, run: Rewriter) -> Expr | None:
    """The same, with no factors before either."""
    total = rows(d, run)
    if total.op.name != "sum" or run.opaque(total) or run.opaque(n):
        return None
    e, axes = total.args[0], total.attrs["axis"]
    log_e = _exponential(e, run)
    if log_e is None:
        return None
    p = softmax(log_e, axis=axes)
    if n is e:
        return p if aligned(d, total, e.shape) else None
    name = n.op.name
    if name == "exp" and n.args[0].op.name == "getitem" and n.args[0].args[0] is log_e:
        n = rebuild(n.args[0], (e, *n.args[0].args[1:]))  # e^(x[i]) is (e^x)[i]
        name = n.op.name
    if name == "getitem" and n.args[0] is e:
        return rebuild(n, (p, *n.args[1:])) if indexes_rows(n, d, total) else None
    if name == "matmul" and n.args[0] is e and n.ndim == e.ndim == d.ndim >= 2:
        # attention by hand: (e @ v) / e.sum(axis=-1, keepdims=True)
        rowwise = axes == (e.ndim - 1,) and aligned(d, total, e.shape)
        return matmul(p, n.args[1]) if rowwise else None
    if name == "sum" and n.attrs == total.attrs and d is total:
        weighted = n.args[0]
        if weighted.op.name == "multiply" and weighted.shape == e.shape:
            left, right = weighted.args
            if left is e or right is e:
                return sum_(p * (right if left is e else left), **n.attrs)
    return None


# ---------------------------------------------------------------- sums of a few exponentials


@dataclass(frozen=True, slots=True)
class Term:
    """``factor * exp(exponent)``; an exponent of None is zero."""

    factor: float
    exponent: Expr | None


def terms(node: Expr, run: Rewriter, depth: int = 4) -> list[Term] | None:
    """An expression as a sum of multiples of exponentials, or None."""
    value = number(node)
    if value is not None:
        return [Term(value, None)]
    if depth == 0 or run.opaque(node) or node.dtype.kind != "f":
        return None
    name, args = node.op.name, node.args
    if any(arg.dtype != node.dtype for arg in args):
        return None
    if name == "exp":
        return [Term(1.0, args[0])]
    if name == "expm1":
        return [Term(1.0, args[0]), Term(-1.0, None)]
    if name == "exp_difference":
        return [Term(1.0, args[0]), Term(-1.0, args[1])]
    if name in ("sinh", "cosh"):
        x = args[0]
        return [Term(0.5, x), Term(0.5 if name == "cosh" else -0.5, scaled(x, -1))]
    if name == "coshm1":
        return [Term(0.5, args[0]), Term(0.5, scaled(args[0], -1)), Term(-1.0, None)]
    if name == "negative":
        return _times(terms(args[0], run, depth - 1), -1.0)
    if name in ("add", "subtract"):
        left, right = (terms(arg, run, depth - 1) for arg in args)
        if left is None or right is None:
            return None
        return _collected(left, right if name == "add" else _times(right, -1.0) or [])
    if name in ("multiply", "divide"):
        value = number(args[1])
        if value is not None and value != 0:
            return _times(terms(args[0], run, depth - 1), 1 / value if name == "divide" else value)
        value = number(args[0])
        if value is not None and name == "multiply":
            return _times(terms(args[1], run, depth - 1), value)
    if name == "square" or (name == "power" and number(args[1]) is not None):
        base = terms(args[0], run, depth - 1)
        exponent = 2.0 if name == "square" else number(args[1]) or 0.0
        if (
            base is not None
            and len(base) == 1
            and base[0].factor == 1
            and base[0].exponent is not None
        ):
            return [Term(1.0, scaled(base[0].exponent, exponent))]
    return None


def _times(found: list[Term] | None, factor: float) -> list[Term] | None:
    return found and [Term(factor * t.factor, t.exponent) for t in found]


def _collected(left: list[Term], right: list[Term]) -> list[Term]:
    """A sum with terms of the same exponent merged."""
    factors: dict[Expr | None, float] = {}
    for term in left + right:
        factors[term.exponent] = factors.get(term.exponent, 0.0) + term.factor
    return [Term(factor, exponent) for exponent, factor in factors.items() if factor != 0]


def ratio(n: Expr, d: Expr, run: Rewriter) -> Expr | None:
    """``n / d`` by sigmoid or tanh, where `d` is a sum of two exponentials (one may be 1)."""
    if d.op.name == "square" and not run.opaque(d):
        first = ratio(n, d.args[0], run)
        second = None if first is None else _over_two(None, 1.0, d.args[0], run)
        return None if first is None or second is None else first * second
    below = terms(d, run)
    if below is None or len(below) != 2 or all(t.exponent is None for t in below):
        return None
    above = terms(n, run)
    if above is not None and len(above) == 2:
        return _tanh(above, below)
    if above is not None and len(above) == 1:
        return _over_two(above[0].exponent, above[0].factor, d, run)
    if above is None and n.op.name == "multiply" and not run.opaque(n):
        for e, other in (n.args, n.args[::-1]):
            if e.op.name == "exp" and not run.opaque(e):
                found = _over_two(e.args[0], 1.0, d, run)
                if found is not None:
                    return other * found
    if above is None:
        found = _over_two(None, 1.0, d, run)
        return None if found is None else n * found
    return None


def _over_two(exponent: Expr | None, factor: float, d: Expr, run: Rewriter) -> Expr | None:
    """``factor * exp(exponent)`` over a sum of two terms, of which one has the same exponent."""
    below = terms(d, run)
    if below is None or len(below) != 2:
        return None
    a, b = below if below[0].exponent is exponent else below[::-1]
    if a.exponent is not exponent or a.factor * b.factor <= 0:
        return None
    if a.factor != b.factor:
        return None  # c / (c + e^x) is exact as it stands; what has log c added is rounded
    s = _logistic(a.exponent, b.exponent)
    return s if factor == a.factor else s * (factor / a.factor)


def _logistic(a: Expr | None, b: Expr | None) -> Expr:
    """e^a / (e^a + e^b), where None is zero; the difference of two exponents is not rounded."""
    if a is None or b is None or direction(a)[0] is direction(b)[0]:
        return sigmoid(difference(a, b))
    return slopes.share(a, b)


def _tanh(above: list[Term], below: list[Term]) -> Expr | None:
    """``(e^a - e^b) / (e^a + e^b) = tanh((a - b) / 2)``."""
    if {t.exponent for t in above} != {t.exponent for t in below}:
        return None
    a, b = above
    c, d = below if below[0].exponent is a.exponent else below[::-1]
    if a.factor != -b.factor or c.factor != d.factor:
        return None
    result = tanh(difference(a.exponent, b.exponent, 0.5))
    return result if a.factor == c.factor else result * (a.factor / c.factor)


# ---------------------------------------------------------------- shares of longer sums


def share(n: Expr, d: Expr, run: Rewriter, depth: int = 4) -> Expr | None:
    """``n / (a + b) = (n / a) sigmoid(log a - log b)``, where `n` is a share of `a`."""
    if d.op.name != "add" or depth == 0 or run.opaque(d) or d.dtype.kind != "f":
        return None
    for a, b in (d.args, d.args[::-1]):
        log_a, log_b = log_form(a, run), log_form(b, run)
        if log_a is None or log_b is None or not (log_a.sure and log_b.sure):
            continue
        if not (log_a.hot or log_b.hot):
            continue
        s = _logistic(log_a.log, None if log_b.is_one else log_b.log)
        if n is a:
            return s
        rest = softmax_quotient(n, a, run)
        if rest is None:
            rest = share(n, a, run, depth - 1)
        if rest is not None:
            return rest * s
    return None
