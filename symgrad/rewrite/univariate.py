"""Parts of a graph that depend on one expression alone: mended where they cancel.

The part may be spelled in any way: what is looked at is how well its numbers are computed
(:mod:`symgrad.ops.repair`), not what it is made of.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from symgrad.ir.graph import rebuild, topological
from symgrad.ir.node import LITERAL, Expr, make
from symgrad.ir.op import Op
from symgrad.ops.repair import loses_no_more, profile
from symgrad.ops.univariate import UNIVARIATE, Formula, rewritten
from symgrad.rewrite.engine import Rewriter, rewrite_exprs, rule
from symgrad.rewrite.pattern import anything, cos, exp, log1p, sin, square, tanh
from symgrad.rewrite.quotient import quotient_form
from symgrad.rewrite.rational import normal_form

#: steps of a formula at most
LONGEST = 24

#: what makes a formula something else than analytic: kinks and jumps
_KINKS = ("Piecewise", "Max", "Min", "Abs", "sign", "floor", "ceiling", "Heaviside", "Mod", "frac")
#: what takes seconds to compute with many digits; these functions are as good as they can be
_SLOW = (
    *("gamma", "bessel", "zeta", "hyper", "elliptic", "airy", "fresnel", "Lambert", "expint"),
    *("Ei(", "Si(", "Ci(", "Shi(", "Chi(", "erfi(", "betainc", "erfinv", "erfcinv", "{n}"),
)
#: analytic everywhere but at 0, where they have no polynomial
_ODD_ROOTS = frozenset({"cbrt"})
#: functions of one argument that may cancel with it; others are as good as their argument
_UNARY = frozenset({"log", "sqrt", "reciprocal", "arccos", "arcsin", "arccosh", "arctanh", "log1p"})


@cache
def _analytic(op: Op) -> bool:
    """Whether an elementwise op is given by one formula without kinks, soon computed."""
    formula = getattr(op, "formula", None)
    return (
        op is UNIVARIATE
        or op.name in _ODD_ROOTS
        or (
            op.elementwise
            and formula is not None
            and not any(word in formula for word in (*_KINKS, *_SLOW))
        )
    )


class Base(NamedTuple):
    """What a node is a function of, and by how many steps."""

    node: Expr
    steps: int


def base(node: Expr, run: Rewriter) -> Base:
    """The deepest expression of which `node` is an elementwise, analytic function."""
    memo = run.memo.setdefault("base", {})

    def stop(n: Expr) -> bool:
        return n in memo or run.opaque(n) or not _analytic(n.op)

    for n in topological([node], stop=stop):
        if n not in memo:
            memo[n] = Base(n, 0) if stop(n) or n.dtype.kind != "f" else _joined(n, memo)
    found: Base = memo[node]
    return found


def _joined(node: Expr, memo: dict[Expr, Base]) -> Base:
    bases = []
    for arg in node.args:
        if arg.op is LITERAL and not arg.shape and arg.dtype == node.dtype:
            continue
        if arg.shape != node.shape or arg.dtype != node.dtype:
            return Base(node, 0)
        bases.append(memo[arg])
    steps = 1 + sum([b.steps for b in bases])
    if not bases or steps > LONGEST:
        return Base(node, 0)
    first = bases[0]
    if all([b.node is first.node for b in bases]):
        return Base(first.node, steps)
    return Base(node, 0)


def _may_cancel(op: str, args: tuple[str, ...]) -> bool:
    return len(args) > 1 or op in _UNARY


@rule(
    "univariate",
    lambda *args: anything(*args),
    only=_may_cancel,
    extends_domain=True,
    examples=(
        lambda x: sin(x) / x,
        lambda x: x - log1p(x),
        lambda x: (1 - cos(x)) / square(x),
        lambda x: 1 / tanh(x) - 1 / x,
        lambda x: (exp(x) - 1 - x) / square(x),
    ),
    domain=(0.1, 2.0),
)
def formula_of_one_variable(args: tuple[Expr, ...], node: Expr, run: Rewriter) -> Expr | None:
    """f(x) -> f(x) by a polynomial where the formula, or its slope, cancels."""
    found = _formula(node, run)
    if found is None:
        return None
    formula, variable = found
    parts_mended = any(arg.op is UNIVARIATE for arg in node.args)
    if parts_mended or formula.is_unstable:
        # another form of it may need no polynomial; nor does its slope, unless parts had some
        whole = formula.in_range
        plain = whole != formula and not (whole.has_kinks or profile(whole).unstable)
        if plain and (parts_mended or not profile(whole.derivative).unstable):
            return whole.build(variable)
    if not formula.needed:
        return None
    return make(UNIVARIATE, (variable,), {"formula": formula})


@rule(
    "slope",
    lambda *args: anything(*args),
    only=_may_cancel,
    extends_domain=True,
    examples=(lambda x: x / (x + 3), lambda x: square(x) / (square(x) + 2)),
    domain=(0.1, 2.0),
)
def formula_with_another_slope(args: tuple[Expr, ...], node: Expr, run: Rewriter) -> Expr | None:
    """f(x) -> f(x), whose slope by the chain rule cancels, and is given in another form.

    After all others: they look at what a formula is made of.
    """
    found = _formula(node, run)
    if found is None or not found[0].has_another_slope:
        return None
    return make(UNIVARIATE, (found[1],), {"formula": found[0]})


@rule(
    "mending",
    lambda *args: anything(*args),
    only=_may_cancel,
    extends_domain=True,
    examples=(lambda x: sin(x) / x, lambda x: x - log1p(x)),
    domain=(0.1, 2.0),
)
def cancelling_formula(args: tuple[Expr, ...], node: Expr, run: Rewriter) -> Expr | None:
    """f(x) -> f(x) by a polynomial where the formula cancels, whatever its slope does."""
    found = _formula(node, run)
    if found is None or not profile(found[0]).unstable or not found[0].pieces:
        return None
    return make(UNIVARIATE, (found[1],), {"formula": found[0]})


def _formula(node: Expr, run: Rewriter) -> tuple[Formula, Expr] | None:
    """What a node is of the one expression that it depends on."""
    if node.dtype.kind != "f":
        return None
    variable, steps = base(node, run)
    return None if steps < 2 else (Formula(node, variable), variable)


#: what keeps formulas in range, and has no polynomials
_IN_RANGE = ("stability", "arithmetic", "folding", "difference", "magnitude")


def _stable(formula: Formula, x: Expr, mend: bool) -> Expr:
    """A formula in range; if wanted, with its parts mended, but not as a whole."""
    [root], _, _ = rewrite_exprs([formula.build(x)], ("arithmetic", "algebra"))
    [plain], _, _ = rewrite_exprs([root], ("stability", "arithmetic", "folding", "difference"))
    known = Formula(plain, x, plain=False)
    if not known.has_kinks and not profile(known).unstable:
        return plain
    for form in (quotient_form, normal_form):
        found = form(formula, x)
        if found is not None and loses_no_more(Formula(found, x, plain=False), formula):
            return found
    if mend:
        parts, _, _ = rewrite_exprs(root.args, ("mending", *_IN_RANGE))
        root = rebuild(root, tuple(parts))
    [found], _, _ = rewrite_exprs([root], _IN_RANGE)
    return found


rewritten.append(_stable)
