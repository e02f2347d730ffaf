"""The mathematics of a scope in one line of plain text, for the comments of the source."""

from __future__ import annotations

from symgrad.emit.literals import weak
from symgrad.ir.code import ADD, ATOM, MUL, Code
from symgrad.ir.graph import Graph
from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.plan.names import given_name, scope_of

__all__ = ["equations"]

_WIDTH = 84


def equations(declared: Graph, nodes: list[Expr] | None = None) -> dict[str, str]:
    """Scope -> ``h = relu(x W + b)`` for what is named in it, as the user declared it."""
    found: dict[str, list[str]] = {}
    texts: dict[Expr, Code] = {}
    for node in declared.nodes() if nodes is None else nodes:
        scope = scope_of(declared, node)
        name = given_name(declared, node)
        right = _written(node, texts)
        if name is None:
            texts[node] = right
            continue
        short = name.rsplit(".", 1)[-1]
        texts[node] = Code(short)
        if node.args and scope is not None:
            found.setdefault(scope, []).append(f"{short} = {right.text}")
    return {scope: _fit(lines) for scope, lines in found.items()}


def _fit(lines: list[str]) -> str:
    text = ",  ".join(lines)
    if len(text) <= _WIDTH:
        return text
    last = lines[-1]
    return last if len(last) <= _WIDTH else f"{last[: _WIDTH - 3]}..."


def _written(node: Expr, texts: dict[Expr, Code]) -> Code:
    if node.op is LITERAL:
        array = node.attrs["value"].array
        return weak(node) if not array.shape else Code(str(node.attrs.get("name", "const")))
    if node.op is SIZE:
        return weak(node)
    args = [texts[a] for a in node.args]
    if any(len(a.text) > 4 * _WIDTH for a in args):
        return Code("...")
    name = node.op.name
    if name == "matmul":
        return Code(f"{args[0].at(MUL)} {args[1].at(ATOM)}", MUL)
    if name in _INFIX:
        return Code.infix(_INFIX[name], *args)
    if name == "negative":
        return Code(f"-{args[0].at(MUL)}", ADD)
    if name == "square":
        return Code(f"{args[0].at(ATOM)}^2")
    if name == "power":
        return Code(f"{args[0].at(ATOM)}^{args[1].at(ATOM)}")
    if name in ("transpose", "matrix_transpose"):
        return Code(f"{args[0].at(ATOM)}'")
    if name in ("reshape", "expand_dims", "squeeze", "broadcast_to", "astype", "named", "within"):
        return args[0]
    if name == "item":
        return Code(
            f"{args[0].at(ATOM)}.{node.args[0].op.part_name(node.args[0], node.attrs['part'])}"
        )
    if name == "getitem":
        inner = ", ".join(a.text for a in args[1:]) or "..."
        return Code(f"{args[0].at(ATOM)}[{inner}]")
    if not args:
        return Code(name)
    return Code(f"{name}({', '.join(a.text for a in args)})")


_INFIX = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
}
