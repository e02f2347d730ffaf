"""What a node is called: by its user, or for what it is the cotangent of."""

from __future__ import annotations

from symgrad.ir.graph import Graph
from symgrad.ir.node import Expr

__all__ = ["given_name", "is_backward", "scope_of"]


def given_name(graph: Graph, node: Expr) -> str | None:
    """The user's name for a node, ``d_name`` for the cotangent of a named one, or None."""
    prefix = ""
    for _ in range(4):  # the cotangent of a cotangent is dd_x; deeper than that nobody reads
        origin = graph.origin(node)
        if "name" in node.attrs:
            return prefix + str(node.attrs["name"])
        if origin is None:
            return None
        if origin.role is not None:
            kind, node = origin.role  # type: ignore[assignment]
            if kind == "part":
                return None
            prefix = f"{kind}_{prefix}" if not prefix else kind + prefix
            continue
        name = origin.name or origin.variable
        return prefix + name if name else None
    return None


def is_backward(graph: Graph, node: Expr) -> bool:
    """Whether a node was made by differentiation."""
    origin = graph.origin(node)
    return origin is not None and origin.role is not None


def scope_of(graph: Graph, node: Expr) -> str | None:
    """The user's scope, or None for what the compiler made without a place of its own."""
    origin = graph.origin(node)
    return None if origin is None else origin.scope
