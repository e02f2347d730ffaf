"""From SymPy to expressions: a formula becomes a function that builds it, op by op."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import TYPE_CHECKING, Any

from symgrad.errors import CompileError
from symgrad.ir.op import FUNCTIONS

if TYPE_CHECKING:
    import sympy

__all__ = ["Builder", "builder"]

#: values of the symbols -> an expression, or a Python number where nothing depends on them
Builder = Callable[[Sequence[Any]], Any]

#: SymPy's functions that have another name here; the others are looked up by their own
RENAMED = {
    "Abs": "absolute",
    "ceiling": "ceil",
    "Heaviside": "heaviside",
    "re": "positive",  # symbols are real
    "conjugate": "positive",
    "loggamma": "gammaln",
}
#: what SymPy writes and NumPy lacks: the reciprocals of these
RECIPROCALS = {
    "sec": "cos",
    "csc": "sin",
    "cot": "tan",
    "sech": "cosh",
    "csch": "sinh",
    "coth": "tanh",
}
RELATIONS = {
    "StrictLessThan": "less",
    "LessThan": "less_equal",
    "StrictGreaterThan": "greater",
    "GreaterThan": "greater_equal",
    "Equality": "equal",
    "Unequality": "not_equal",
}
FOLDED = {
    "Max": "maximum",
    "Min": "minimum",
    "And": "logical_and",
    "Or": "logical_or",
    "Xor": "logical_xor",
}


def builder(expr: sympy.Basic, symbols: Mapping[sympy.Symbol, int]) -> Builder:
    """The function that builds `expr` from the values of its symbols.

    Parameters
    ----------
    expr : sympy expression
        Real-valued, or a condition.
    symbols : mapping
        Symbol -> its position among the values.

    Raises
    ------
    CompileError
        Naming a function or symbol that has no counterpart.
    """
    return _Translation(symbols).build(expr)


def _constant(value: float) -> Builder:
    return lambda values: value


def _apply(name: str, *parts: Builder) -> Builder:
    if name not in FUNCTIONS:
        raise CompileError(f"no function {name} to express it by")
    return lambda values: FUNCTIONS[name](*[part(values) for part in parts])


def _fold(name: str, parts: Sequence[Builder]) -> Builder:
    return reduce(lambda left, right: _apply(name, left, right), parts)


class _Translation:
    """One formula's translation; equal parts share a node, since expressions are interned."""

    def __init__(self, symbols: Mapping[sympy.Symbol, int]) -> None:
        self.symbols = symbols

    def build(self, expr: Any) -> Builder:
        if expr in self.symbols:
            position = self.symbols[expr]
            return lambda values: values[position]
        if expr.is_Boolean and expr in (True, False):
            return _constant(bool(expr))
        if expr.is_number:
            return _constant(_number(expr))
        kind = type(expr).__name__
        if expr.is_Add:
            return self.add(expr)
        if expr.is_Mul:
            return self.multiply(expr)
        if expr.is_Pow:
            return self.power(expr.base, expr.exp)
        if kind == "Piecewise":
            return self.piecewise(expr)
        if kind in RELATIONS:
            return _apply(RELATIONS[kind], *map(self.build, expr.args))
        if kind in FOLDED:
            return _fold(FOLDED[kind], [self.build(arg) for arg in expr.args])
        if kind == "Not":
            return _apply("logical_not", self.build(expr.args[0]))
        if kind == "DiracDelta":
            return _constant(0)  # jumps have slope 0
        if kind == "log" and len(expr.args) == 1:
            rest = expr.args[0] - 1
            if expr.args[0].is_Add and len(rest.args) < len(expr.args[0].args):
                return _apply("log1p", self.build(rest))
        if kind in RECIPROCALS:
            return _apply("reciprocal", _apply(RECIPROCALS[kind], self.build(expr.args[0])))
        if expr.is_Function:
            return _apply(RENAMED.get(kind, kind), *map(self.build, expr.args))
        raise CompileError(f"nothing here expresses {expr}")

    def add(self, expr: Any) -> Builder:
        if factors := _difference_of_squares(expr):
            return self.multiply_all(factors)
        terms = sorted(expr.as_ordered_terms(), key=lambda term: term.could_extract_minus_sign())
        if len(terms) == 2 and terms[1] == -1 and type(terms[0]).__name__ == "exp":
            return _apply("expm1", self.build(terms[0].args[0]))
        total = self.build(terms[0])
        for term in terms[1:]:
            if term.could_extract_minus_sign():
                total = _apply("subtract", total, self.build(-term))
            else:
                total = _apply("add", total, self.build(term))
        return total

    def multiply(self, expr: Any) -> Builder:
        import sympy

        number, above, below = sympy.Integer(1), [], []
        for factor in expr.as_ordered_factors():
            base, exponent = factor.as_base_exp()
            if factor.is_number:
                number *= factor
            elif exponent.is_number and exponent.is_negative and type(factor).__name__ != "exp":
                below.append(base**-exponent)
            else:
                above.append(factor)
        negative = bool(number.is_negative)
        scale = _number(-number if negative else number)
        if above:
            value = self.multiply_all(above)
            if scale != 1:
                value = _apply("multiply", _constant(scale), value)
        else:
            value = _constant(scale)
        if below:
            value = _apply("divide", value, self.multiply_all(below))
        return _apply("negative", value) if negative else value

    def multiply_all(self, factors: Sequence[Any]) -> Builder:
        return _fold("multiply", [self.build(factor) for factor in factors])

    def power(self, base: Any, exponent: Any) -> Builder:
        import sympy

        if exponent.is_number and exponent.is_negative:
            return _apply("divide", _constant(1), self.build(base**-exponent))
        if exponent == sympy.Rational(1, 2):
            # the square of a large or tiny term would overflow or underflow
            if sides := _sum_of_squares(base):
                return _apply("hypot", *map(self.build, sides))
            return _apply("sqrt", self.build(base))
        if exponent == 2:
            return _apply("square", self.build(base))
        if base == 2:
            return _apply("exp2", self.build(exponent))
        return _apply("power", self.build(base), self.build(exponent))

    def piecewise(self, expr: Any) -> Builder:
        value = _constant(float("nan"))
        for choice, condition in reversed(expr.args):
            chosen = self.build(choice)
            if condition == True:  # noqa: E712 (SymPy's own true)
                value = chosen
            else:
                value = _apply("where", self.build(condition), chosen, value)
        return value


def _number(expr: Any) -> int | float:
    """The nearest Python number: an int where it is one."""
    if expr.is_Integer:
        return int(expr)
    if expr.is_Rational:
        return float(Fraction(int(expr.p), int(expr.q)))
    value = expr.evalf(30)
    if not value.is_real and not value.is_infinite:
        raise CompileError(f"{expr} is no real number")
    return float(value)


def _root(term: Any) -> Any:
    """r with r^2 = term, where that needs no root of a symbol; None otherwise."""
    import sympy

    if term.is_number:
        root = sympy.sqrt(term)
        return root if root.is_Rational else None
    coefficient, rest = term.as_coeff_Mul()
    base, exponent = rest.as_base_exp()
    root = sympy.sqrt(coefficient)
    return root * base if exponent == 2 and root.is_Rational else None


def _sum_of_squares(expr: Any) -> tuple[Any, Any] | None:
    if not expr.is_Add or len(expr.args) != 2:
        return None
    first, second = map(_root, expr.args)
    return None if first is None or second is None else (first, second)


def _difference_of_squares(expr: Any) -> tuple[Any, Any] | None:
    """a^2 - b^2 as (a - b, a + b), which does not cancel."""
    if len(expr.args) != 2:
        return None
    for plus, minus in (expr.args, expr.args[::-1]):
        a, b = _root(plus), _root(-minus)
        if a is not None and b is not None:
            return a - b, a + b
    return None
