"""Partial derivatives of an elementwise op, derived from its formula once, when first needed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from symgrad.errors import CompileError
from symgrad.ir.node import Expr, literal
from symgrad.symbolic.formulas import parse, symbols_of
from symgrad.symbolic.to_expr import Builder, builder

if TYPE_CHECKING:
    import sympy

__all__ = ["HasFormula", "derivatives", "derive", "partials"]

#: what is longer is not simplified, which would take SymPy seconds
_SIMPLIFIED = 120


class HasFormula(Protocol):
    """What is needed of an op: its name, and a formula over its parameters."""

    name: ClassVar[str]
    formula: str | None
    parameters: tuple[str, ...]


def partials(op: HasFormula, node: Expr) -> list[Expr | None]:
    """d node / d argument i at each index; None where it is zero.

    Parameters
    ----------
    op : elementwise op with a formula
    node : Expr
        A node of that op; its value is used where the derivative contains the formula itself.

    Raises
    ------
    CompileError
        Naming the op and its formula, if SymPy's derivative cannot be expressed.
    """
    assert op.formula is not None
    values = (*node.args, node)
    found: list[Expr | None] = []
    for build in _builders(op.name, op.formula, op.parameters):
        value = build(values)
        if not isinstance(value, Expr):
            value = None if value == 0 else literal(value, node.dtype)
        found.append(value)
    return found


@lru_cache(maxsize=1024)
def derive(formula: str, parameters: tuple[str, ...]) -> tuple[Any, ...]:
    """The partial derivatives of a formula, simplified, as SymPy expressions.

    Ties follow the package's conventions: a maximum or minimum has slope 0 where it meets a
    constant, 1/2 where two variable terms meet; jumps have slope 0.

    Examples
    --------
    >>> derive("log(x) / y", ("x", "y"))
    (1/(x*y), -log(x)/y**2)
    """
    expr = _constant_bounds(parse(formula, parameters))
    return tuple(_shortest(_flat_steps(expr.diff(symbol))) for symbol in symbols_of(parameters))


def derivatives(expr: Any, parameter: str) -> list[Any]:
    """The derivative of an expression over real symbols, in the forms that SymPy gives it."""
    import sympy

    (symbol,) = symbols_of((parameter,))
    plain = _flat_steps(_constant_bounds(expr).diff(symbol))
    forms = [plain]
    if sympy.count_ops(plain) <= _SIMPLIFIED:
        apart = _without_signs(plain, symbol)
        forms += [sympy.simplify(plain), sympy.factor_terms(plain)]
        forms += [sympy.factor(sympy.together(plain))]
        forms += [] if apart is None else [apart]
    return list(dict.fromkeys(forms))


def _without_signs(expr: Any, symbol: Any) -> Any:
    """The same where x sign(x) is |x| and sign(x)^2 is 1; None without |x|."""
    import sympy

    if not expr.has(sympy.Abs(symbol)):
        return None
    size, sign = sympy.Dummy("size", positive=True), sympy.Dummy("sign", real=True, nonzero=True)
    marked = expr.xreplace({sympy.Abs(symbol): size, sympy.sign(symbol): sign})
    marked = marked.xreplace({symbol: sign * size})
    marked = marked.replace(
        lambda part: part.is_Pow and part.base == sign and part.exp.is_Integer,
        lambda part: sign ** (part.exp % 2),
    )
    short = sympy.simplify(marked).subs(sign * size, symbol)
    short = short.xreplace({size: sympy.Abs(symbol), sign: sympy.sign(symbol)})
    return None if short.has(size, sign) else short


@lru_cache(maxsize=1024)
def _builders(name: str, formula: str, parameters: tuple[str, ...]) -> tuple[Builder, ...]:
    import sympy

    out = sympy.Dummy("out", real=True)
    positions = {s: i for i, s in enumerate((*symbols_of(parameters), out))}
    value = parse(formula, parameters)
    made = []
    for parameter, derivative in zip(parameters, derive(formula, parameters), strict=True):
        # a formula that is x^n or a sum says nothing that its parts do not
        if not value.is_Pow or value.exp.free_symbols:
            derivative = derivative.xreplace({value: out, 1 / value: 1 / out})
        try:
            made.append(builder(derivative, positions))
        except CompileError as error:
            raise CompileError(
                f"the derivative of {name}, defined as {formula}, with respect to {parameter} is "
                f"{derivative}: {error}; give the op its partials"
            ) from None
    return tuple(made)


def _constant_bounds(expr: sympy.Basic) -> sympy.Basic:
    """max(u, c) as a choice with slope 0 at the bound c, which SymPy would give slope 1/2."""
    import sympy

    def choose(kind: Any, args: tuple[Any, ...]) -> Any:
        bounds = [arg for arg in args if arg.is_number]
        if not bounds or len(bounds) == len(args):
            return kind(*args)
        bound = kind(*bounds)
        inner = kind(*[arg for arg in args if not arg.is_number])
        inside = inner > bound if kind is sympy.Max else inner < bound
        return sympy.Piecewise((inner, inside), (bound, True))

    for kind in (sympy.Max, sympy.Min):
        expr = expr.replace(kind, lambda *args, kind=kind: choose(kind, args))
    return expr


def _flat_steps(expr: sympy.Basic) -> sympy.Basic:
    """The derivative of a step function, which SymPy leaves open, is 0."""
    import sympy

    steps = (sympy.floor, sympy.ceiling, sympy.frac)

    def is_open(part: Any) -> bool:
        inner = part.args[0] if isinstance(part, sympy.Subs) else part
        return isinstance(inner, sympy.Derivative) and isinstance(inner.expr, steps[:2])

    return expr.replace(is_open, lambda part: sympy.Integer(0)).replace(
        sympy.DiracDelta, lambda *args: sympy.Integer(0)
    )


def _shortest(expr: Any) -> Any:
    """The expression or its simplification, whichever is shorter."""
    import sympy

    return min((expr, sympy.simplify(expr)), key=sympy.count_ops)
