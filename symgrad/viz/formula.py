"""Expressions as one line of plain text, for boxes of a picture."""

from __future__ import annotations

import numpy as np

from symgrad.ir.code import ADD, ATOM, BITAND, BITOR, BITXOR, COMPARE, MUL, POWER, UNARY, Code
from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.ops.index import node_subscript
from symgrad.viz.outline import printable

__all__ = ["number", "symbol", "write"]

#: op -> sign, its precedence, and whether the right operand may be of the same
_INFIX = {
    "add": ("+", ADD, True),
    "subtract": ("-", ADD, False),
    "multiply": ("*", MUL, True),
    "divide": ("/", MUL, False),
    "matmul": ("@", MUL, False),
    "floor_divide": ("//", MUL, False),
    "remainder": ("%", MUL, False),
    "logical_and": ("&", BITAND, True),
    "logical_or": ("|", BITOR, True),
    "logical_xor": ("^", BITXOR, True),
    "less": ("<", COMPARE, False),
    "less_equal": ("<=", COMPARE, False),
    "greater": (">", COMPARE, False),
    "greater_equal": (">=", COMPARE, False),
    "equal": ("==", COMPARE, False),
    "not_equal": ("!=", COMPARE, False),
}
_SILENT = ("broadcast_to", "expand_dims", "squeeze", "named")


def number(value: object) -> str:
    """A number with few digits: ``0.1``, ``1e-08``, ``True``, ``2j``, ``(1+2j)``."""
    if isinstance(value, np.complexfloating):
        real, imag = f"{value.real:.6g}", f"{value.imag:+.6g}j"
        return real if not value.imag else f"({real}{imag})" if value.real else imag.lstrip("+")
    return str(value) if isinstance(value, (bool, np.bool_)) else f"{value:.6g}"


def write(node: Expr, args: list[Code], alone: bool = True) -> Code:
    """The text of a node whose arguments are texts.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> write(x * 2, [Code("a + b", ADD), Code("2")]).text
    '(a + b) * 2'
    """
    name = node.op.name
    if node.op is LITERAL:
        return _literal(node)
    if node.op is SIZE:
        return Code(printable(str(node.attrs["size"])))
    if name in ("zeros", "ones"):
        return Code("0" if name == "zeros" else "1")
    if name == "full":
        return args[0]
    if name == "arange":
        parts = [node.attrs[key] for key in ("start", "stop", "step")]
        shown = parts[1:2] if parts[0] == 0 and parts[2] == 1 else parts
        return Code(f"arange({', '.join(str(p) for p in shown)})")
    if name in _SILENT and not alone:
        return args[0]
    if name in _INFIX:
        sign, level, same = _INFIX[name]
        right = args[1].at(level if same else level + 1)
        return Code(f"{args[0].at(level)} {sign} {right}", level)
    if name in ("negative", "logical_not"):
        return Code(f"{'-' if name == 'negative' else '~'}{args[0].at(UNARY)}", UNARY)
    if name == "power":
        return Code(f"{args[0].at(ATOM)}**{args[1].at(UNARY)}", POWER)
    if name == "square":
        return Code(f"{args[0].at(ATOM)}**2", POWER)
    if name == "reciprocal":
        return Code(f"1 / {args[0].at(POWER)}", MUL)
    if name == "transpose" and node.ndim == 2:
        return Code(f"{args[0].at(ATOM)}.T")
    if name == "item":
        return Code(
            f"{args[0].at(ATOM)}.{node.args[0].op.part_name(node.args[0], node.attrs['part'])}"
        )
    if name == "getitem":
        return Code(f"{args[0].at(ATOM)}[{node_subscript(node, args[1:])}]")
    if name.startswith("scatter_"):
        place = node_subscript(node, args[1:-1])
        return Code(f"{args[0].at(ATOM)}.at[{place}].{name[8:]}({args[-1].text})")
    texts = [arg.text for arg in args]
    axis = node.attrs.get("axis")
    if isinstance(axis, int) or (
        isinstance(axis, tuple) and node.args and len(axis) < node.args[0].ndim
    ):
        texts.append(f"axis={axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis}")
    return Code(f"{printable(name)}({', '.join(texts)})")


def symbol(node: Expr) -> str:
    """The op alone: ``+``, ``relu``; with the literals among its arguments: ``· > 0``.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> symbol(x + x), symbol(x > 0), symbol(sg.exp(x)), symbol(x.sum())
    ('+', '· > 0', 'exp', 'sum')
    """
    if not node.args:
        return write(node, []).text
    name = node.op.name
    shown = [write(a, []) if a.op in (LITERAL, SIZE) else Code("·") for a in node.args]
    if all(code.text == "·" for code in shown):
        if name in _INFIX:
            return _INFIX[name][0]
        if name in ("negative", "transpose"):
            return "-" if name == "negative" else "transpose"
        if name not in ("getitem", "square", "reciprocal"):
            axis = node.attrs.get("axis")
            partial = isinstance(axis, tuple) and 0 < len(axis) < node.args[0].ndim
            where = " axis " + ", ".join(map(str, axis)) if partial and axis else ""
            return f"{printable(name)}{where}"
    return write(node, shown).text


def _literal(node: Expr) -> Code:
    array = node.attrs["value"].array
    if array.size > 4:
        return Code("const")
    if array.shape:
        return Code(f"[{', '.join(number(v) for v in array.ravel())}]")
    text = number(array[()])
    return Code(text, UNARY if text.startswith("-") else ATOM)
