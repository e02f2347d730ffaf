"""Logarithms of positive expressions: e = exp(L), where L neither overflows nor underflows.

An analysis instead of a list of spellings: products, quotients, powers, sums, reductions and views
of exponentials each say what their logarithm is in terms of the logarithms of their parts.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from symgrad.ir.graph import topological
from symgrad.ir.node import Expr, literal
from symgrad.ops.exponential import log_mixture
from symgrad.rewrite.pattern import (
    logaddexp,
    softplus,
)
from symgrad.rewrite.scalars import number, scaled

if TYPE_CHECKING:
    from symgrad.rewrite.engine import Rewriter

__all__ = ["LogForm", "log_form"]


@dataclass(frozen=True, slots=True)
class LogForm:
    """The logarithm of an expression.

    Parameters
    ----------
    core : Expr
        The logarithm of the expression without its factor; of the expression's shape and dtype.
    sure : bool
        The expression is known to be >= 0 everywhere. Otherwise it is so only where its
        logarithm exists: enough below a log, not in a term of a sum.
    hot : bool
        The expression holds an exponential, so that it can overflow or underflow.
    scale, rest : Expr, optional
        The expression as ``exp(scale) * rest``, where `rest` may be negative: two such factors
        may have a positive product though neither has a logarithm.
    factor : float
        A positive number: those of a product are multiplied before their logarithm is taken, so
        that what cancels among them is gone.
    whole : (float, Expr), optional
        With this factor, the logarithm as one op: of a sum over the number of its terms it is
        that of a mean, exact where it is near 0.
    """

    core: Expr
    sure: bool = True
    hot: bool = True
    scale: Expr | None = None
    rest: Expr | None = None
    factor: float = 1.0
    whole: tuple[float, Expr] | None = None

    @property
    def log(self) -> Expr:
        """The logarithm of the expression."""
        if self.factor == 1:
            return self.core
        if self.whole is not None and abs(self.factor / self.whole[0] - 1) < 4e-16:
            return self.whole[1]
        value = number(self.core)
        if value is not None:
            return literal(np.asarray(value + math.log(self.factor), self.core.dtype))
        return self.core + math.log(self.factor)

    @property
    def is_one(self) -> bool:
        """Whether the expression is the literal 1."""
        return self.factor == 1 and number(self.core) == 0

    @property
    def is_number(self) -> bool:
        """Whether the expression is a literal number."""
        return number(self.core) == 0


# ---------------------------------------------------------------- the analysis


def log_form(node: Expr, run: Rewriter) -> LogForm | None:
    """The logarithm of `node`, or None if nothing is known of it.

    Results are shared over the run, so that the analysis of a whole graph is linear.
    """
    memo = run.memo.setdefault("log_form", {})

    def stop(n: Expr) -> bool:
        return n in memo or n.op.name not in _FORMS or run.opaque(n)

    for n in topological([node], stop=stop):
        if n in memo:
            continue
        found = None
        form = _FORMS.get(n.op.name)
        if form is not None and not run.opaque(n) and n.dtype.kind == "f":
            found = form(n, [memo.get(arg) for arg in n.args])
            if found is not None and found.core.aval != n.aval:
                found = None
        memo[n] = found
    return memo[node]


Forms = list["LogForm | None"]
Rule = Callable[[Expr, Forms], "LogForm | None"]
_FORMS: dict[str, Rule] = {}


def form_of(*names: str) -> Callable[[Rule], Rule]:
    """Declare what the logarithm of some ops is, given the forms of their arguments."""

    def enter(fn: Rule) -> Rule:
        _FORMS.update(dict.fromkeys(names, fn))
        return fn

    return enter


# ---------------------------------------------------------------- forms put together


def merged(core: Expr, *parts: LogForm, factor: float = 1.0) -> LogForm:
    """The form of something made of `parts`."""
    sure, hot = all([p.sure for p in parts]), any([p.hot for p in parts])
    return LogForm(core, sure, hot, factor=factor)


def in_range(factor: float) -> bool:
    return 1e-300 < factor < 1e300


def sum_of_two(a: LogForm, b: LogForm) -> LogForm:
    """The form of a sum."""
    if a.factor + b.factor == 1 and 0.1 <= a.factor <= 0.9:
        return merged(log_mixture(a.core, b.core, a.factor), a, b)
    if a.factor == b.factor != 1:  # c (u + v)
        form = sum_of_two(replace(a, factor=1.0), replace(b, factor=1.0))
        return replace(form, factor=a.factor)
    form = merged(_log_of_sum(a, b), a, b)
    if a.factor == b.factor:
        form = replace(form, whole=(0.5, log_mixture(a.core, b.core, 0.5)))
    return form


def _log_of_sum(a: LogForm, b: LogForm) -> Expr:
    for one, other in ((a, b), (b, a)):
        if one.is_one:
            return softplus(other.log)
    return logaddexp(a.log, b.log)


def power_of(form: LogForm, exponent: float) -> LogForm:
    factor = form.factor**exponent if abs(math.log(form.factor) * exponent) < 690 else 0.0
    if in_range(factor):
        return merged(scaled(form.core, exponent), form, factor=factor)
    return merged(scaled(form.log, exponent), form)
