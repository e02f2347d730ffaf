"""Formulas: from a string to SymPy, and from an expression, through its ops' formulas, to SymPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from symgrad.errors import CompileError
from symgrad.ir.dtypes import is_complex
from symgrad.ir.graph import topological
from symgrad.ir.node import LITERAL, Expr
from symgrad.symbolic.parser import read

if TYPE_CHECKING:
    import sympy

__all__ = [
    "as_number",
    "as_sympy",
    "exact",
    "expression_of",
    "parse",
    "symbols_of",
    "translate",
]

#: ops whose values are those of their first argument
_TRANSPARENT = frozenset({"astype", "named", "broadcast_to", "reshape", "stop_gradient"})
#: of conditions; of numbers, which they take too, these are no formulas
_CONNECTIVES = {
    "logical_and": "x & y",
    "logical_or": "x | y",
    "logical_xor": "Xor(x, y)",
    "logical_not": "~x",
}
_LOGIC = frozenset({"bitwise_and", "bitwise_or", "bitwise_xor", "invert", *_CONNECTIVES})


@lru_cache(maxsize=256)
def symbols_of(parameters: tuple[str, ...], real: bool = True) -> tuple[sympy.Symbol, ...]:
    """Symbols of these names, for real numbers unless complex ones are asked for."""
    import sympy

    return tuple(sympy.Symbol(name, **({"real": True} if real else {})) for name in parameters)


@lru_cache(maxsize=1024)
def parse(formula: str, parameters: tuple[str, ...], real: bool = True) -> sympy.Basic:
    """The formula as a SymPy expression over the symbols of :func:`symbols_of`.

    Raises
    ------
    DeclarationError
        If it is no formula, or has other symbols than `parameters`.
    """
    return read(formula, dict(zip(parameters, symbols_of(parameters, real), strict=True)))


def expression_of(source: Any, parameters: tuple[str, ...], real: bool = True) -> Any:
    """A formula, in text or as SymPy's expression over real symbols, as that expression."""
    return parse(source, parameters, real) if isinstance(source, str) else source


def as_sympy(outputs: Sequence[Expr], symbols: Mapping[Expr, Any]) -> list[Any]:
    """The expressions in SymPy's language, by the formulas of their ops.

    Parameters
    ----------
    outputs : sequence of Expr
    symbols : mapping
        What stands for the leaves.

    Raises
    ------
    CompileError
        Naming an op that has no formula.
    """
    found: dict[Expr, Any] = dict(symbols)
    for node in topological(outputs, stop=found.__contains__):
        if node not in found:
            found[node] = translate(node, [found[arg] for arg in node.args])
    return [as_number(found[output]) for output in outputs]


def translate(node: Expr, args: list[Any]) -> Any:
    """A node, or one element of it, from those of its arguments.

    Raises
    ------
    CompileError
        If the op has no formula.
    """
    op = node.op
    if op is LITERAL and not node.shape:
        return exact(node.attrs["value"].array[()])
    if op.name == "astype" and node.dtype.kind not in ("f", node.args[0].dtype.kind):
        raise CompileError(f"a cast to {node.dtype} has no formula, so SymPy cannot be told of it")
    if op.name in _TRANSPARENT:
        return args[0]
    formula = _CONNECTIVES.get(op.name) or getattr(op, "source", getattr(op, "formula", None))
    if formula is None:
        raise CompileError(f"{op.name} has no formula, so SymPy cannot be told of it")
    if "n" in node.attrs:  # an op of an order
        formula = formula.replace("{n}", str(node.attrs["n"]))
    parameters: tuple[str, ...] = op.parameters  # type: ignore[attr-defined]
    if op.name in _CONNECTIVES and any([arg.dtype.kind != "b" for arg in node.args]):
        raise CompileError(f"{op.name} of numbers has no formula, so SymPy cannot be told of it")
    for i, arg in enumerate(args):
        wants_truth = op.name in _LOGIC or (op.name == "where" and i == 0)
        args[i] = arg if wants_truth else as_number(arg)
    real = not any([is_complex(arg.dtype) for arg in node.args])
    mapping = dict(zip(symbols_of(parameters, real), args, strict=True))
    expr = expression_of(formula, parameters, real).xreplace(mapping)
    return expr if real else expr.doit()  # re(x + I*y) is x


def exact(value: Any) -> Any:
    """A literal as SymPy's exact number."""
    import sympy

    if value.dtype.kind == "b":
        return sympy.true if value else sympy.false
    if value.dtype.kind == "c":
        return exact(value.real) + sympy.I * exact(value.imag)
    return sympy.Rational(value.item()) if abs(value) < float("inf") else sympy.Float(value.item())


def as_number(expr: Any) -> Any:
    """A condition as the number that NumPy makes of it: 1 or 0."""
    import sympy
    from sympy.logic.boolalg import Boolean

    if isinstance(expr, Boolean) and not expr.is_Symbol:
        return sympy.Piecewise((1, expr), (0, True))
    return expr
