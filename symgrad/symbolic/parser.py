"""Formulas in text, read without running them: a whitelist of syntax and of names."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from symgrad.errors import DeclarationError
from symgrad.ir.op import OPS

__all__ = ["names_in", "read"]

#: a formula may nest so deep; Python's own parser gives up somewhere beyond
_DEPTH = 150
#: a power of two numbers is worked out exactly, to so many digits
_DIGITS = 1000

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
# fmt: off
#: SymPy's functions that a formula may call
_FUNCTIONS = [
    "Abs", "acos", "acosh", "acot", "acoth", "acsc", "airyai", "airyaiprime", "airybi",
    "airybiprime", "And", "arg", "asec", "asin", "asinh", "atan", "atan2", "atanh", "besseli",
    "besselj", "besselk", "bessely", "beta", "betainc_regularized", "binomial", "cbrt",
    "ceiling", "Chi", "Ci", "conjugate", "cos", "cosh", "cot", "coth", "csc", "csch", "diff",
    "digamma", "Ei", "elliptic_e", "elliptic_k", "Eq", "erf", "erf2", "erfc", "erfcinv", "erfi",
    "erfinv", "exp", "expand_func", "expint", "factorial", "floor", "frac", "fresnelc",
    "fresnels", "gamma", "Ge", "Gt", "Heaviside", "hyper", "im", "ITE", "jn", "KroneckerDelta",
    "LambertW", "Le", "log", "loggamma", "lowergamma", "Lt", "Max", "Min", "Mod", "Ne", "Not",
    "Or", "Piecewise", "polygamma", "Rational", "re", "RisingFactorial", "root", "sec", "sech",
    "Shi", "Si", "sign", "sin", "sinc", "sinh", "sqrt", "tan", "tanh", "trigamma", "uppergamma",
    "Xor", "yn", "zeta",
]
# fmt: on
#: other spellings: NumPy's, and Python's own
_ALIASES = {
    "abs": "Abs",
    "absolute": "Abs",
    "fabs": "Abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "ceil": "ceiling",
    "conj": "conjugate",
    "imag": "im",
    "real": "re",
    "gammaln": "loggamma",
    "heaviside": "Heaviside",
    "ln": "log",
    "max": "Max",
    "maximum": "Max",
    "min": "Min",
    "minimum": "Min",
    "mod": "Mod",
    "remainder": "Mod",
}
_CONSTANTS = {
    "pi": "pi",
    "oo": "oo",
    "inf": "oo",
    "nan": "nan",
    "EulerGamma": "EulerGamma",
    "GoldenRatio": "GoldenRatio",
    "Catalan": "Catalan",
    "true": "true",
    "false": "false",
}


@lru_cache(maxsize=1)
def _calls() -> dict[str, Callable[..., Any]]:
    """Name -> what makes the SymPy expression."""
    import sympy

    found: dict[str, Callable[..., Any]] = {name: getattr(sympy, name) for name in _FUNCTIONS}
    found |= {alias: getattr(sympy, name) for alias, name in _ALIASES.items()}
    found |= {
        "exp2": lambda x: 2**x,
        "expm1": lambda x: sympy.exp(x) - 1,
        "hypot": lambda x, y: sympy.sqrt(x**2 + y**2),
        "log10": lambda x: sympy.log(x) / sympy.log(10),
        "log1p": lambda x: sympy.log(1 + x),
        "log2": lambda x: sympy.log(x) / sympy.log(2),
        "power": lambda x, y: x**y,
        "reciprocal": lambda x: 1 / x,
        "square": lambda x: x**2,
        "where": lambda c, x, y: sympy.Piecewise((x, c), (y, True)),
    }
    return found


def read(formula: str, names: Mapping[str, Any]) -> Any:
    """The SymPy expression that a formula in text stands for.

    Nothing in the text is executed: what is no arithmetic, comparison, choice or call of a
    function of the whitelist (SymPy's and NumPy's elementary and special functions, and the
    elementwise ops that are formulas themselves) is an error.

    Parameters
    ----------
    formula : str
        In Python's syntax: ``"x / (1 + abs(x))"``, ``"x if x > 0 else exp(x) - 1"``.
    names : mapping of str to SymPy expression
        What the free names stand for; they go before functions and constants of the same name.

    Raises
    ------
    DeclarationError
        Naming what is not understood.

    Examples
    --------
    >>> import sympy
    >>> read("x / (1 + abs(x))", {"x": sympy.Symbol("x", real=True)})
    x/(Abs(x) + 1)
    """
    return _Reader(formula, names).value(_tree(formula), 0)


def names_in(formula: str) -> tuple[str, ...]:
    """The free names of a formula that are no constants, in order of appearance.

    Examples
    --------
    >>> names_in("scale * tanh(x / scale) + pi")
    ('scale', 'x')
    """
    tree = _tree(formula)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = [
        (node.lineno, node.col_offset, node.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and id(node) not in called and node.id not in _CONSTANTS
    ]
    return tuple(dict.fromkeys(name for _, _, name in sorted(found)))


def _tree(formula: str) -> ast.expr:
    try:
        return ast.parse(formula.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise DeclarationError(f"{formula!r} is no formula: {error}") from None


class _Reader:
    def __init__(self, formula: str, names: Mapping[str, Any]) -> None:
        self.formula = formula
        self.names = names

    def refuse(self, why: str) -> DeclarationError:
        return DeclarationError(f"{self.formula!r} is no formula: {why}")

    def value(self, node: ast.AST, depth: int) -> Any:
        if depth > _DEPTH:
            raise self.refuse(f"it nests deeper than {_DEPTH}")
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            text = ast.unparse(node)
            raise self.refuse(f"{text!r} is neither arithmetic nor a call of a known function")
        try:
            return method(node, depth + 1)
        except DeclarationError:
            raise
        except Exception as error:  # SymPy raises all sorts for arguments that do not fit
            raise self.refuse(f"{ast.unparse(node)!r}: {error}") from None

    def _constant(self, node: ast.Constant, depth: int) -> Any:
        import sympy

        value = node.value
        if isinstance(value, bool):
            return sympy.true if value else sympy.false
        if isinstance(value, int):
            return sympy.Integer(value)
        if isinstance(value, float):
            text = ast.get_source_segment(self.formula.strip(), node) or repr(value)
            return sympy.Float(text.replace("_", ""))
        raise self.refuse(f"{value!r} is no real number")

    def _name(self, node: ast.Name, depth: int) -> Any:
        import sympy

        if node.id in self.names:
            return self.names[node.id]
        if node.id in _CONSTANTS:
            return getattr(sympy, _CONSTANTS[node.id])
        if node.id == "I":  # a name like any other, where it is given: a current
            return sympy.I
        if node.id in _calls():
            raise self.refuse(f"the function {node.id} is not called")
        known = ", ".join(self.names) or "none"
        raise self.refuse(f"it has the symbol {node.id}, which is not among its parameters {known}")

    def _binop(self, node: ast.BinOp, depth: int) -> Any:
        import sympy

        left, right = self.value(node.left, depth), self.value(node.right, depth)
        if isinstance(node.op, ast.FloorDiv):
            return sympy.floor(left / right)
        if isinstance(node.op, ast.BitXor):
            if not (left.is_Relational or left.is_Boolean):
                raise self.refuse("^ is no power; write **")
            return sympy.Xor(left, right)
        if type(node.op) not in _BINARY:
            raise self.refuse(f"{ast.unparse(node)!r} is no arithmetic")
        if isinstance(node.op, ast.Pow) and left.is_number and right.is_number:
            digits = abs(right * sympy.log(abs(left), 10).n()) if left != 0 else sympy.Integer(0)
            if not digits.is_finite or digits > _DIGITS:
                raise self.refuse(f"{ast.unparse(node)!r} is too large a power of numbers")
        return _BINARY[type(node.op)](left, right)

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> Any:
        import sympy

        value = self.value(node.operand, depth)
        if isinstance(node.op, ast.USub):
            return -value
        return value if isinstance(node.op, ast.UAdd) else sympy.Not(value)

    def _compare(self, node: ast.Compare, depth: int) -> Any:
        import sympy

        kinds = {
            ast.Lt: sympy.Lt,
            ast.LtE: sympy.Le,
            ast.Gt: sympy.Gt,
            ast.GtE: sympy.Ge,
            ast.Eq: sympy.Eq,
            ast.NotEq: sympy.Ne,
        }
        if not all(type(op) in kinds for op in node.ops):
            raise self.refuse(f"{ast.unparse(node)!r} is no comparison of numbers")
        sides = [self.value(side, depth) for side in (node.left, *node.comparators)]
        parts = [
            kinds[type(op)](left, right)
            for op, left, right in zip(node.ops, sides, sides[1:], strict=False)
        ]
        return parts[0] if len(parts) == 1 else sympy.And(*parts)

    def _boolop(self, node: ast.BoolOp, depth: int) -> Any:
        import sympy

        parts = [self.value(part, depth) for part in node.values]
        return (sympy.And if isinstance(node.op, ast.And) else sympy.Or)(*parts)

    def _ifexp(self, node: ast.IfExp, depth: int) -> Any:
        import sympy

        test, body, other = (self.value(n, depth) for n in (node.test, node.body, node.orelse))
        return sympy.Piecewise((body, test), (other, True))

    def _tuple(self, node: ast.Tuple, depth: int) -> Any:
        return tuple(self.value(part, depth) for part in node.elts)

    def _list(self, node: ast.List, depth: int) -> Any:
        return [self.value(part, depth) for part in node.elts]

    def _call(self, node: ast.Call, depth: int) -> Any:
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise self.refuse(f"{ast.unparse(node)!r} is no call of a known function")
        name = node.func.id
        args = [self.value(arg, depth) for arg in node.args]
        fn = _calls().get(name)
        if fn is not None:
            return fn(*args)
        op: Any = OPS.get(name)
        if getattr(op, "formula", None) is None or not op.elementwise:
            raise self.refuse(f"there is no function {name} that a formula may call")
        if len(args) != len(op.parameters):
            raise self.refuse(f"{name} takes {len(op.parameters)} arguments; got {len(args)}")
        return read(op.formula, dict(zip(op.parameters, args, strict=True)))
