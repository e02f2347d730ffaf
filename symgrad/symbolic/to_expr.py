"""From SymPy to expressions: each part of a formula becomes a node, without recursion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.errors import CompileError
from symgrad.ir.graph import substitute
from symgrad.ir.node import Expr, as_expr, identity, literal
from symgrad.ir.op import OPS
from symgrad.symbolic.arithmetic import (
    common_factor,
    difference_of_squares,
    dyadic,
    is_number,
    is_positive,
    less_one,
    product_of,
    reciprocal_of,
    sum_of,
    sum_of_squares,
    times,
    with_tails,
)
from symgrad.symbolic.calls import call, known, plain
from symgrad.symbolic.numbers import Exact, fraction, nearest

if TYPE_CHECKING:
    import sympy

__all__ = ["Builder", "Translation", "builder"]

#: values of the symbols -> an expression, or a Python number where nothing depends on them
Builder = Callable[[Sequence[Any]], Any]
#: what a part needs first, and how it is made of their values
Plan = tuple[Sequence[Any], Callable[..., Any]]

RELATIONS = {
    "StrictLessThan": "less",
    "LessThan": "less_equal",
    "StrictGreaterThan": "greater",
    "GreaterThan": "greater_equal",
    "Equality": "equal",
    "Unequality": "not_equal",
}
CONNECTIVES = {"And": "logical_and", "Or": "logical_or", "Xor": "logical_xor"}


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
    made: dict[tuple[np.dtype[Any], ...], tuple[list[Expr], Any]] = {}

    def template(dtypes: tuple[np.dtype[Any], ...]) -> tuple[list[Expr], Any]:
        """Leaves of these dtypes, and the expression made of them: translated once."""
        leaves = [
            identity(OPS["input"], {"name": f"value {i}", "shape": (), "dtype": dtype})
            for i, dtype in enumerate(dtypes)
        ]
        given = {s: leaves[i] for s, i in symbols.items()}
        value = Translation(given, factors=True).value(expr)
        return leaves, nearest(value.expr) if isinstance(value, Exact) else value

    def build(values: Sequence[Any]) -> Any:
        exprs = [as_expr(value) for value in values]
        dtypes = tuple([value.dtype for value in exprs])
        if dtypes not in made:
            made[dtypes] = template(dtypes)
        leaves, value = made[dtypes]
        if not isinstance(value, Expr):
            return value
        return substitute([value], dict(zip(leaves, exprs, strict=True)))[0]

    count = 1 + max(symbols.values(), default=-1)
    build([literal(0.5, name="any")] * count)  # what cannot be expressed is known now
    return build


class Translation:
    """One translation; every part is visited once, and equal parts share a node.

    Parameters
    ----------
    leaves : mapping
        Symbols, and whatever else of SymPy's stands for itself (``f(t)``, ``x[0]``, a matrix
        symbol), each with its value: an expression, a number or a size.
    derivative : callable, optional
        ``(value, wrt) -> value`` differentiates what is translated already; SymPy does it if None.
    indices : mapping, optional
        Symbols that run over integers: arrays of them, for indices.
    factors : bool
        Whether a difference of squares becomes a product: for what is not differentiated.
    """

    def __init__(
        self,
        leaves: Mapping[Any, Any],
        derivative: Callable[[Expr, Expr], Expr] | None = None,
        indices: Mapping[Any, Any] | None = None,
        factors: bool = False,
    ) -> None:
        self.leaves = dict(leaves)
        self.derivative = derivative
        self.indices = dict(indices or {})
        #: of these, those of which the values are known
        self.ranges: dict[Any, np.ndarray[Any, Any]] = {}
        self.factors = factors
        self._kinds = {type(leaf) for leaf in self.leaves}
        self._found: dict[int, Any] = {}
        self._kept: list[Any] = []  # SymPy's objects, whose ids are the keys
        self._turn: dict[int, int] = {}  # in which order they got their values
        #: of products with a minus sign, what they are without it
        self._negated: dict[int, Any] = {}

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating dtype of the leaves, for constants that meet none."""
        dtypes = [v.dtype for v in self.leaves.values() if isinstance(v, Expr)]
        floats = [d for d in dtypes if d.kind == "f"]
        return np.result_type(*floats) if floats else np.dtype(np.float64)

    def inside(self, leaves: Mapping[Any, Any], indices: Mapping[Any, Any]) -> Translation:
        """The translation of a part in which further symbols have values."""
        new = Translation(self.leaves | dict(leaves), self.derivative, self.indices | dict(indices))
        new.ranges = dict(self.ranges)
        return new

    # ---- the walk

    def value(self, expr: Any) -> Any:
        """The expression for `expr`; an ``Exact`` number where it depends on no leaf."""
        found, kept = self._found, self._kept
        stack: list[tuple[Any, Plan | None]] = [(expr, None)]
        while stack:
            part, plan = stack.pop()
            if id(part) in found:
                continue
            if plan is None:
                kept.append(part)
                if type(part) in self._kinds and part in self.leaves:
                    found[id(part)] = self.leaves[part]
                    self._turn[id(part)] = len(self._turn)
                    continue
                plan = self.plan(part)
                stack.append((part, plan))
                stack.extend([(p, None) for p in reversed(plan[0]) if id(p) not in found])
                continue
            self._turn[id(part)] = len(self._turn)
            below = [found[id(p)] for p in plan[0]]
            if below and all([isinstance(v, Exact) for v in below]) and _foldable(part):
                found[id(part)] = Exact(part)
            else:
                found[id(part)] = plan[1](*below)
        return found[id(expr)]

    def expression(self, expr: Any, like: np.dtype[Any] | None = None) -> Expr:
        """The same, an expression even where it is a constant."""
        value = self.value(expr)
        if isinstance(value, Exact):
            return literal(nearest(value.expr), like or self.dtype)
        return as_expr(value)

    def plan(self, expr: Any) -> Plan:
        """What is to be translated before `expr`, and how it is made of that."""
        kind = type(expr).__name__
        if expr.is_Symbol:
            raise CompileError(f"it has the symbol {expr}, for which no expression is given")
        if kind in ("BooleanTrue", "BooleanFalse"):
            return (), lambda: literal(kind == "BooleanTrue")
        if expr.is_Number or expr.is_NumberSymbol:
            return (), lambda: Exact(expr)
        if self.ranges and (expr.is_Pow or expr.is_Function):
            from symgrad.symbolic.from_sums import table

            if (values := table(self, expr)) is not None:
                return (), lambda: values
        if getattr(expr, "is_Matrix", False):
            return self._elsewhere(expr, kind)
        if expr.is_Add:
            return self._add(expr)
        if expr.is_Mul:
            return self._multiply(expr)
        if expr.is_Pow:
            return self._power(expr)
        if kind == "Piecewise":
            return self._piecewise(expr)
        if kind in RELATIONS:
            return expr.args, lambda *sides: self._relation(RELATIONS[kind], *sides)
        if kind in CONNECTIVES:
            return expr.args, lambda *parts: reduce(
                lambda a, b: call(CONNECTIVES[kind], a, b), parts
            )
        if kind == "Not":
            return expr.args, lambda x: call("logical_not", x)
        if kind == "log" and (rest := less_one(expr.args[0])) is not None:
            return rest, lambda *terms: call("log1p", self._total(rest, terms))
        return self._elsewhere(expr, kind)

    def _elsewhere(self, expr: Any, kind: str) -> Plan:
        """Functions, arrays, sums: each in a module of its own."""
        from symgrad.symbolic import from_functions, from_matrices, from_sums

        for module in (from_sums, from_matrices, from_functions):
            plan: Plan | None = module.plan(self, expr, kind)
            if plan is not None:
                return plan
        raise CompileError(f"nothing here expresses {_short(expr)}")

    # ---- arithmetic

    def _add(self, expr: Any) -> Plan:
        terms = expr.args
        if (tails := with_tails(terms)) is not None:
            return tails, lambda *values: self._total(tails, values)
        if (common := common_factor(terms)) is not None:
            factor, signs, rests = common
            if (normal := _normal_probability(factor, signs, rests)) is not None:
                return (normal,), lambda x: call("ndtr", x)

            def make(*values: Any) -> Any:
                plus = [v for v, sign in zip(values, signs, strict=True) if sign > 0]
                minus = [v for v, sign in zip(values, signs, strict=True) if sign < 0]
                ones = [nearest(v.expr) for v in plus if isinstance(v, Exact)]
                ones += [-nearest(v.expr) for v in minus if isinstance(v, Exact)]
                plus, minus = ([v for v in s if isinstance(v, Expr)] for s in (plus, minus))
                return times(factor, sum_of(plus, minus, sum(ones)))

            return rests, make
        if len(terms) == 2:
            squares = difference_of_squares(terms) if self.factors else None
            if squares is not None:
                (a, p), (b, q) = squares
                return (p, q), lambda x, y: self._factored(times(a, x), times(b, y))
            for one, other in (terms, terms[::-1]):
                if other == -1 and type(one).__name__ == "exp":
                    return one.args, lambda x: call("expm1", x)
        return terms, lambda *values: self._total(terms, values)

    def _factored(self, a: Any, b: Any) -> Any:
        """a^2 - b^2, which does not cancel."""
        return call("multiply", call("subtract", a, b), call("add", a, b))

    def _total(self, terms: Sequence[Any], values: Sequence[Any]) -> Any:
        """The sum: what is added first, then numbers, then what is subtracted."""
        plus, minus, numbers = [], [], []
        for term, value in self._in_turn(terms, values):
            if isinstance(value, Exact):
                numbers.append(value.expr)
            elif id(term) in self._negated:
                minus.append(self._negated[id(term)])
            else:
                plus.append(value)
        return sum_of(plus, minus, nearest(sum(numbers)) if numbers else 0)

    def _in_turn(self, parts: Sequence[Any], values: Sequence[Any]) -> list[tuple[Any, Any]]:
        """Terms or factors in the order in which they came up.

        SymPy flattens a sum of a sum; so its terms come first again, and it is computed once.
        """
        pairs = list(zip(parts, values, strict=True))
        return sorted(pairs, key=lambda pair: self._turn[id(pair[0])])

    def _multiply(self, expr: Any) -> Plan:
        """A product of numbers, what stands above, and what stands below the line."""
        parts = [reciprocal_of(factor) or factor for factor in expr.args]

        def make(*values: Any) -> Any:
            number: Any = 1
            above: list[Any] = []
            below: list[Any] = []
            factors = dict(zip(map(id, parts), expr.args, strict=True))
            for part, value in self._in_turn(parts, values):
                factor = factors[id(part)]
                if isinstance(value, Exact):
                    number *= factor
                else:
                    (above if part is factor else below).append(value)
            scale, divisor = fraction(number) if number != 1 else (1, 1)
            if divisor != 1:
                below.insert(0, divisor)
            negative = scale < 0
            positive = self._quotient(-scale if negative else scale, above, below)
            if negative:
                self._negated[id(expr)] = positive
                return call("negative", positive)
            return positive

        return parts, make

    def _quotient(self, scale: Any, above: list[Any], below: list[Any]) -> Any:
        if above:
            value = product_of(above)
            value = value if scale == 1 else call("multiply", scale, value)
        else:
            value = scale
        return call("divide", value, product_of(below)) if below else value

    def _power(self, expr: Any) -> Plan:
        base, exponent = expr.args
        if is_number(exponent):
            if (below := reciprocal_of(expr)) is not None:
                return (below,), lambda x: call("divide", 1, x)
            number = dyadic(exponent)
            if 2 * number == 1:
                if (sides := sum_of_squares(base)) is not None:
                    # the square of a large or tiny term would overflow or underflow
                    (a, p), (b, q) = sides
                    return (p, q), lambda x, y: call("hypot", times(a, x), times(b, y))
                if base.is_Pow and base.exp == 2:
                    return (base.base,), lambda x: call("absolute", x)
            return (base,), lambda x: self._raised(base, x, number)
        if base == 2:
            return (exponent,), lambda y: call("exp2", y)
        return (base, exponent), lambda x, y: call("power", x, y)

    def _raised(self, base: Any, x: Any, exponent: Any) -> Any:
        """x to a positive number."""
        exponent = dyadic(exponent)
        if exponent == 1:
            return x
        if exponent == 2:
            return call("square", x)
        if 2 * exponent == 1:
            return call("sqrt", x)
        if exponent.is_Rational and exponent.q == 3:
            root = call("cbrt", x)
            value = root if exponent.p == 1 else self._raised(base, root, exponent * 3)
            if is_positive(base):
                return value
            # SymPy's principal root of a negative number is not real
            return call("where", call("less", x, 0), literal(float("nan"), self.dtype), value)
        return call("power", x, nearest(exponent))

    # ---- choices

    def _relation(self, name: str, left: Any, right: Any) -> Any:
        if name in ("equal", "not_equal") and any(
            isinstance(side, Expr) and side.dtype.kind == "b" for side in (left, right)
        ):
            different = call("logical_xor", left, right)
            return different if name == "not_equal" else call("logical_not", different)
        return call(name, left, right)

    def _piecewise(self, expr: Any) -> Plan:
        parts = [part for choice in expr.args for part in choice.args]

        def make(*values: Any) -> Any:
            value: Any = literal(float("nan"), self.dtype)
            for i in reversed(range(0, len(values), 2)):
                value = self.choose(parts[i + 1], values[i + 1], values[i], value)
            return value

        return parts, make

    def choose(self, condition: Any, truth: Any, chosen: Any, other: Any) -> Any:
        """One of two values; numbers among them get the dtype of the leaves."""
        if condition == True:  # noqa: E712 (SymPy's own true)
            return chosen
        if condition == False:  # noqa: E712
            return other
        chosen, other = (self.constant(v) for v in (chosen, other))
        return call("where", truth, chosen, other)

    def constant(self, value: Any) -> Any:
        """A number as a literal of the dtype of the leaves; an expression as it is."""
        if isinstance(value, Expr):
            return value
        return literal(plain(value), self.dtype)


def _normal_probability(factor: Any, signs: list[int], rests: list[Any]) -> Any:
    """x of (1 + erf(x / sqrt(2))) / 2, whose slope is exp(-x^2 / 2); None for anything else."""
    import sympy

    if 2 * factor != 1 or len(rests) != 2 or not known("ndtr"):
        return None
    for i, rest in enumerate(rests):
        if type(rest).__name__ == "erf" and rests[1 - i] == 1 and signs[1 - i] > 0:
            x = sympy.sqrt(2) * rest.args[0]
            argument = rest.args[0]
            if argument.is_Mul and sympy.sqrt(2) in argument.args:
                return x if signs[i] > 0 else -x
    return None


def _short(expr: Any) -> str:
    text = str(expr)
    return text if len(text) <= 80 else text[:77] + "..."


def _foldable(expr: Any) -> bool:
    """Whether SymPy can be asked for the number that it is."""
    if getattr(expr, "is_Boolean", False) or getattr(expr, "is_Matrix", False):
        return False
    return bool(getattr(expr, "is_number", False))
