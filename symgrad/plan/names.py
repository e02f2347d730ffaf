"""What a node is called: by its user, or for what it is the cotangent of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from symgrad.ir.graph import Graph, topological
from symgrad.ir.node import Expr

if TYPE_CHECKING:
    from symgrad.plan.program import Entry

__all__ = ["given_name", "is_backward", "scope_of", "what_and_where"]


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


def what_and_where(entry: Entry) -> Callable[[Expr], tuple[str, str]]:
    """A function that says, for an error, what a node is and where the user declared it.

    What differentiation made on the way to a gradient is said to be that: the place is then that
    of the expression of which it is the gradient.
    """
    graph, purpose = entry.graph, dict[Expr, Expr]()
    for node in reversed(topological([*graph.outputs.values(), *entry.commits.values()])):
        if is_backward(graph, node):
            purpose[node] = node
        for arg in node.args:
            if node in purpose and graph.origin(arg) is None:
                purpose.setdefault(arg, purpose[node])

    def said(node: Expr) -> tuple[str, str]:
        name, origin = given_name(graph, node), graph.origin(node)
        if origin is not None and origin.location:
            return name or node.op.name, origin.location
        subject = _subject(graph, purpose.get(node))
        if subject is None:
            return name or node.op.name, ""
        place = graph.origin(subject)
        known = given_name(graph, subject) or subject.op.name
        made = name or f"{node.op.name}, in the gradient with respect to {known},"
        return made, (place.location if place else None) or ""

    return said


def _subject(graph: Graph, node: Expr | None) -> Expr | None:
    """Of which expression of the user's a node is the cotangent or the tangent."""
    while node is not None and is_backward(graph, node):
        origin = graph.origin(node)
        assert origin is not None and origin.role is not None
        node = origin.role[1]  # type: ignore[assignment]
    return node
