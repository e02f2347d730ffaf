"""Proofs: that an op's declared partials are those of its formula, that expressions are equal."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from symgrad.errors import CompileError, GradientMismatch
from symgrad.ir.node import Expr, identity
from symgrad.ir.op import OPS
from symgrad.symbolic.formulas import as_number, as_sympy, symbols_of
from symgrad.symbolic.partials import derive

__all__ = ["prove_equal", "prove_same"]

#: where SymPy's simplification ends within a second
_SIMPLE = 60
_POINTS = 12


def prove_equal(op: Any, seed: int = 0) -> tuple[str, ...]:
    """Prove that the declared partials of an elementwise op are those of its formula.

    Parameters
    ----------
    op : elementwise op
        With a formula and an override of its partials.
    seed : int
        For the points of numeric comparison, which lie in the domain of the op's first example.

    Returns
    -------
    tuple of str
        For each argument how it was shown: ``"symbolic"``, or ``"numeric"`` (to 50 digits at
        random points; to 15, if the override has rounded constants), or ``"fixed"`` where
        there is no derivative.

    Raises
    ------
    GradientMismatch
        Naming the op, the argument and the point.

    Examples
    --------
    >>> import symgrad.ops
    >>> prove_equal(OPS["divide"])
    ('symbolic', 'symbolic')
    """
    symbols = symbols_of(op.parameters)
    leaves = tuple(_leaf(name) for name in op.parameters)
    node = op(*leaves)
    mapping = dict(zip(leaves, symbols, strict=True))
    declared = op.partials_override(node, *leaves)
    derived = derive(op.formula, op.parameters)
    return tuple(
        "fixed"
        if fixed
        else _prove(op, str(symbol), _declared(partial, mapping), wanted, symbols, seed)
        for symbol, partial, wanted, fixed in zip(symbols, declared, derived, op.fixed, strict=True)
    )


def _leaf(name: str) -> Expr:
    import numpy as np

    return identity(OPS["input"], {"name": name, "shape": (), "dtype": np.dtype(np.float64)})


def _declared(partial: Expr | None, mapping: dict[Expr, Any]) -> Any:
    import sympy

    return sympy.Integer(0) if partial is None else as_sympy([partial], mapping)[0]


def _prove(
    op: Any, parameter: str, declared: Any, derived: Any, symbols: Sequence[Any], seed: int
) -> str:
    import sympy

    difference = declared - derived
    if difference == 0:
        return "symbolic"
    if _is_simple(difference) and sympy.simplify(difference) == 0:
        return "symbolic"
    tolerance = _tolerance(declared)
    for point in _points(op, symbols, seed):
        left, right = (_value(expr, point) for expr in (declared, derived))
        scale = abs(left) + abs(right)
        if not abs(left - right) <= tolerance * scale:
            raise GradientMismatch(
                f"the partial of {op.name} with respect to {parameter} at {_named(point)} is "
                f"declared to be {sympy.N(left, 17)}, but {op.formula} has {sympy.N(right, 17)}"
            )
    return "numeric"


def _is_simple(expr: Any) -> bool:
    """Whether simplification ends soon."""
    import sympy

    return bool(sympy.count_ops(expr) <= _SIMPLE) and not _chooses_special(expr)


def _chooses_special(expr: Any) -> bool:
    """Whether there is a choice between error functions, on which simplification does not end."""
    import sympy

    special = (sympy.erf, sympy.erfc, sympy.erfinv, sympy.erfcinv)
    return bool(expr.has(sympy.Piecewise) and expr.has(*special))


def _points(op: Any, symbols: Sequence[Any], seed: int) -> list[dict[Any, Any]]:
    """Random exact points, in the domain of the op's first example."""
    import sympy

    draw = random.Random(seed)
    domain = (op.examples[0].domain if op.examples else None) or ((-2.0, 2.0),) * len(symbols)
    return [
        {
            symbol: sympy.Rational(draw.randint(int(low * 10**6), int(high * 10**6)), 10**6)
            for symbol, (low, high) in zip(symbols, domain, strict=True)
        }
        for _ in range(_POINTS)
    ]


def _value(expr: Any, point: dict[Any, Any]) -> Any:
    return expr.subs(point).evalf(55)


def _named(point: Mapping[Any, Any]) -> str:
    return ", ".join(f"{s} = {float(v):.6g}" for s, v in point.items())


def _tolerance(*exprs: Any) -> Any:
    """For numeric comparison: 45 digits, unless the expressions hold rounded constants."""
    import sympy

    return sympy.Float("1e-14" if any(_rounded(expr) for expr in exprs) else "1e-45", 60)


def _rounded(expr: Any) -> list[Any]:
    """Literals whose exact value nobody meant: the double next to log 2, or to 1/3."""
    import sympy

    numbers = expr.atoms(sympy.Rational)
    return [c for c in numbers if c.q > 10**6 and c.q & (c.q - 1) == 0]


# ---------------------------------------------------------------- equal expressions


#: where SymPy's normal forms are found within a second
_SHORT = 150
_SAMPLES = 20


def prove_same(
    left: Any, right: Any, domain: tuple[float, float] = (-2.0, 2.0), seed: int = 0
) -> str:
    """Prove two SymPy expressions over real symbols equal, wherever both are defined.

    Parameters
    ----------
    left, right : SymPy expressions
        Literals that are log n, 1/log n or 1/n rounded to a double are taken for these.
    domain : (float, float)
        Where symbols are drawn from for numeric comparison.
    seed : int

    Returns
    -------
    str
        ``"symbolic"``, or ``"numeric"``: to 45 digits at random points (to 14, if there are
        other rounded constants).

    Raises
    ------
    CompileError
        Naming a point where they differ.

    Examples
    --------
    >>> import sympy
    >>> x = sympy.Symbol("x", real=True)
    >>> prove_same(1 - 1 / (1 + sympy.exp(-x)), 1 / (1 + sympy.exp(x)))
    'symbolic'
    """
    import sympy

    left, right = (as_number(expr.xreplace(_meant(expr))) for expr in (left, right))
    if _vanishes(left, right):
        return "symbolic"
    draw = random.Random(seed)
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    tolerance = _tolerance(left, right)
    low, high = (int(bound * 10**6) for bound in domain)
    for _ in range(_SAMPLES):
        point = {symbol: sympy.Rational(draw.randint(low, high), 10**6) for symbol in symbols}
        a, b = _value(left, point), _value(right, point)
        if a != b and not (abs(a - b) <= tolerance * (abs(a) + abs(b))) == True:  # noqa: E712
            raise CompileError(
                f"{left} is {sympy.N(a, 17)} at {_named(point)}, but {right} is {sympy.N(b, 17)}"
            )
    return "numeric"


def _vanishes(left: Any, right: Any) -> bool:
    """Whether SymPy brings the difference to zero."""
    import sympy

    difference = left - right
    if difference == 0:
        return True
    if sympy.count_ops(difference) > _SHORT or _chooses_special(difference):
        return False
    if difference.has(sympy.erfc):
        difference = sympy.expand(difference.rewrite(sympy.erf))
    plain = difference.rewrite(sympy.exp)
    if plain.has(sympy.Piecewise, sympy.Max, sympy.Min, sympy.Abs):
        return bool(sympy.simplify(difference) == 0)
    if sympy.cancel(sympy.together(sympy.expand(plain))) == 0:
        return True
    # e^x is a positive number, and exponentials are rational in such numbers
    positive = {s: sympy.log(sympy.Symbol(s.name, positive=True)) for s in plain.free_symbols}
    plain = sympy.expand_log(plain.subs(positive))
    if not plain.has(sympy.log):
        return bool(sympy.cancel(sympy.together(plain)) == 0)
    if plain.has(sympy.I):
        return False
    # a sum of logarithms is zero where the product of what they are of is one
    product = sympy.powsimp(sympy.exp(sympy.logcombine(plain, force=True)))
    return bool(sympy.cancel(sympy.together(product)) == 1)


def _meant(expr: Any) -> dict[Any, Any]:
    """For the rounded constants of an expression, what they were before they were rounded."""
    known = _roundings()
    found = {}
    for c in _rounded(expr):
        if abs(c) in known:
            found[c] = known[abs(c)] if c > 0 else -known[abs(c)]
    return found


@lru_cache(maxsize=1)
def _roundings() -> dict[Any, Any]:
    import sympy

    found = {}
    for n in range(2, 21):
        for exact in (sympy.log(n), 1 / sympy.log(n), sympy.Rational(1, n)):
            found[sympy.Rational(float(exact))] = exact
    return found
