"""Readable text of expressions and graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.ir.node import Expr, LiteralValue

if TYPE_CHECKING:
    from symgrad.ir.graph import Graph

__all__ = ["listing", "short"]


def _attrs(node: Expr) -> str:
    shown = [f"{k}={_value(v)}" for k, v in node.attrs.items() if k not in ("token", "init")]
    return f"[{', '.join(shown)}]" if shown else ""


def _value(value: Any) -> str:
    if isinstance(value, LiteralValue):
        return _array(value.array)
    if isinstance(value, np.dtype):
        return value.name
    return str(value)


def _array(array: np.ndarray[Any, Any]) -> str:
    if array.size > 4:
        return f"array{array.shape}"
    return str(array.tolist())


def short(node: Expr, depth: int = 3) -> str:
    """One line for an expression, cut off at `depth`.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> short(sg.exp(x) + 1)
    'add(exp(x), 1.0)'
    """
    if "value" in node.attrs:
        return _value(node.attrs["value"])
    if not node.args:
        return str(node.attrs.get("name", f"{node.op.name}{_attrs(node)}"))
    if depth == 0:
        return "..."
    inner = ", ".join([short(arg, depth - 1) for arg in node.args])
    return f"{node.op.name}{_attrs(node)}({inner})"


def listing(graph: Graph) -> str:
    """A graph as numbered lines, one a node, arguments first.

    Examples
    --------
    >>> import symgrad as sg
    >>> from symgrad.ir.graph import Graph
    >>> x = sg.input("x", ("B", 3))
    >>> print(listing(Graph({"y": sg.tanh(x * 2)})))
    %0 = x                                       (B, 3) float64
    %1 = literal[value=2.0]                      () float64
    %2 = multiply(%0, %1)                        (B, 3) float64
    %3 = tanh(%2)                                (B, 3) float64
    return y=%3
    """
    order = graph.nodes()
    number = {node: i for i, node in enumerate(order)}
    lines = []
    for i, node in enumerate(order):
        if node.op.identity and "name" in node.attrs:
            text = str(node.attrs["name"])
        else:
            args = ", ".join(f"%{number[a]}" for a in node.args)
            text = f"{node.op.name}{_attrs(node)}" + (f"({args})" if node.args else "")
        origin = graph.origin(node)
        name = f"  # {origin.name}" if origin is not None and origin.name else ""
        lines.append(f"%{i} = {text}".ljust(45) + f"{node.aval}{name}")
    outputs = ", ".join(f"{name}=%{number[out]}" for name, out in graph.outputs.items())
    return "\n".join([*lines, f"return {outputs}"])
