"""The verifier: what must hold of every graph between two passes."""

from __future__ import annotations

from symgrad.errors import CompileError
from symgrad.ir.graph import Graph
from symgrad.ir.node import Expr
from symgrad.ir.op import OPS
from symgrad.ir.printer import short

__all__ = ["verify"]


def verify(graph: Graph, after: str = "", like: Graph | None = None) -> Graph:
    """Check a graph, and that its outputs have the avals that they had in `like`.

    Every op is the registered one, every aval what the op's own rule gives, and no attribute
    is unhashable (it could not be interned).

    Raises
    ------
    CompileError
        Naming the pass, the node and what is wrong with it.
    """

    def fail(node: Expr, what: str) -> CompileError:
        return CompileError(f"after {after or 'declaration'}: {what} at {short(node)}")

    for node in graph.nodes():
        if OPS.get(node.op.name) is not node.op:
            raise fail(node, f"unregistered op {node.op.name}")
        try:
            hash(tuple(node.attrs.items()))
        except TypeError:
            raise fail(node, "unhashable attribute") from None
        aval = node.op.aval(*[arg.aval for arg in node.args], **node.attrs)
        if aval != node.aval:
            raise fail(node, f"aval {node.aval} where the op's rule gives {aval}")
    if like is not None:
        for name, old in like.outputs.items():
            new = graph.outputs.get(name)
            if new is None:
                raise CompileError(f"after {after}: output {name} is lost")
            if new.aval != old.aval:
                raise fail(new, f"output {name} became {new.aval}, was {old.aval}")
    return graph
