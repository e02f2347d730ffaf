"""Sizes from text: names, and integer arithmetic on them."""

from __future__ import annotations

import ast
import keyword
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.division import floordiv, modulo, size_max, size_min
from symgrad.ir.polynomial import add, multiply, of_atom, power, scale

if TYPE_CHECKING:
    from symgrad.ir.size import Dim, Size

__all__ = ["dim", "parse"]

_MAX_EXPONENT = 16  # "9**9**9" must not hang

_OPERATORS: dict[type[ast.AST], Callable[[Size, Size], Size]] = {
    ast.Add: add,
    ast.Sub: lambda a, b: add(a, scale(b, -1)),
    ast.Mult: multiply,
    ast.FloorDiv: floordiv,
    ast.Mod: modulo,
}


def dim(name: str) -> Dim:
    """The symbolic size called `name`.

    Examples
    --------
    >>> from symgrad.ir.size import dim
    >>> dim("B") * 2 + 1
    Dim('2*B + 1')
    """
    if not isinstance(name, str):
        raise DeclarationError(
            f"the name of a size must be a string; got {name!r} ({type(name).__name__})"
        )
    if not name.isidentifier() or keyword.iskeyword(name):
        raise DeclarationError(
            f"the name of a size must be a Python identifier that is no keyword; got {name!r}"
        )
    if name in ("max", "min", "__debug__"):
        raise DeclarationError(f"a size cannot be called {name!r}: the name is reserved")
    # Python reads identifiers in this form, and generated source must mean the same symbol.
    return of_atom(str(name) if name.isascii() else unicodedata.normalize("NFKC", name))


def parse(text: str) -> Size:
    if text.isidentifier() and not keyword.iskeyword(text):
        return dim(text)
    try:
        return _from_ast(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, MemoryError, RecursionError, ZeroDivisionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error) or "nested too deeply"
        raise ShapeError(
            f"a size must be a name or integer arithmetic such as '2*T + 1'; got {text!r}: {reason}"
        ) from None


def _from_ast(node: ast.expr) -> Size:
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return value
        case ast.Name(id=name):
            return dim(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return scale(_from_ast(operand), -1)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _from_ast(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            exponent = _from_ast(right)
            if not isinstance(exponent, int) or not 0 <= exponent <= _MAX_EXPONENT:
                raise ValueError(f"an exponent must be an integer from 0 to {_MAX_EXPONENT}")
            return power(_from_ast(left), exponent)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_from_ast(left), _from_ast(right))
        case ast.Call(func=ast.Name(id="max" | "min" as name), args=[a, b], keywords=[]):
            return (size_max if name == "max" else size_min)(_from_ast(a), _from_ast(b))
    raise ValueError(f"{ast.unparse(node)!r} is not allowed in a size")
