"""What forward keeps for backward: a minimum cut between storing and recomputing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from symgrad.ir.aval import Avals
from symgrad.ir.graph import topological
from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.ir.size import Dim, Size

__all__ = ["bytes_in", "residuals"]

#: stands for a symbolic size when bytes are weighed against work
_SIZE_HINT = 64
#: cost of one floating point operation, in bytes of memory traffic
_BYTES_PER_FLOP = 1.0


def _elements(shape: tuple[Size, ...]) -> int:
    total = 1
    for size in shape:
        if isinstance(size, Dim):
            size = size.evaluate(dict.fromkeys(size.symbols, _SIZE_HINT))
        total *= max(int(size), 1)
    return total


def residuals(
    grads: Sequence[Expr], seeds: Collection[Expr], bytes_of: Mapping[Expr, int] | None = None
) -> list[Expr]:
    """The nodes that forward hands to backward, in order of their computation.

    Every value that backward uses is stored or recomputed from what is. The choice is a
    minimum cut: an edge from the source to a node weighs the work of computing it again, an
    edge through a node weighs the bytes of storing it. Matrix products, loops and random
    draws are never computed again.

    Parameters
    ----------
    grads : sequence of Expr
        What backward computes from `seeds` and the residuals.
    seeds : collection of Expr
        The cotangents: what depends on them belongs to backward.
    bytes_of : mapping of Expr to int, optional
        What it takes to keep a leaf. A leaf is there already, and costs a reference; but what a
        loop carries is another value at each step.

    References
    ----------
    Y. Boykov, V. Kolmogorov, *An Experimental Comparison of Min-Cut/Max-Flow Algorithms*,
    PAMI 26 (2004); the algorithm is networkx's.
    """
    order = topological(grads)
    late: set[Expr] = set(seeds)
    for node in order:
        if any([arg in late for arg in node.args]):
            late.add(node)
    needed: list[Expr] = []
    seen: set[Expr] = set()
    for node in order:
        if node in late:
            for arg in node.args:
                if arg not in late and arg not in seen and not arg.closed:
                    seen.add(arg)
                    needed.append(arg)
    for grad in grads:  # a gradient that does not depend on the seed at all
        if grad not in late and grad not in seen and not grad.closed:
            seen.add(grad)
            needed.append(grad)
    if not needed:
        return []
    below = topological(needed)
    stored = _cut(below, seen, bytes_of or {})
    return [node for node in below if node in stored]


def bytes_in(node: Expr) -> int:
    """The memory of an array, with a guess for symbolic sizes."""
    return 16 + _elements(node.shape) * node.dtype.itemsize


def _cut(
    order: Sequence[Expr], needed: Collection[Expr], bytes_of: Mapping[Expr, int]
) -> set[Expr]:
    import networkx as nx
    from networkx.algorithms.flow import boykov_kolmogorov

    number = {node: i for i, node in enumerate(order)}
    graph: Any = nx.DiGraph()
    for node in order:
        i = number[node]
        if node.op is LITERAL or node.op is SIZE or node.closed:
            continue  # written again where it is needed, at no cost
        count = _elements(node.shape)
        leaf = node.op.identity and "name" in node.attrs  # a draw has none: it takes memory
        if leaf or node.op.expensive:
            graph.add_edge("source", ("in", i))
        else:
            work = max(node.op.flops(node), 0) * count * _BYTES_PER_FLOP
            graph.add_edge("source", ("in", i), capacity=work)
        size = bytes_of.get(node, 1) if leaf else bytes_in(node)
        size += node.op.is_view(node)  # rather what it is a view of
        if isinstance(node.aval, Avals):  # its items are kept, one by one
            graph.add_edge(("in", i), ("out", i))
        else:
            graph.add_edge(("in", i), ("out", i), capacity=size)
        for arg in node.args:
            if not (arg.op is LITERAL or arg.op is SIZE or arg.closed):
                graph.add_edge(("out", number[arg]), ("in", i))
        if node in needed:
            graph.add_edge(("out", i), "sink")
    _, (source_side, _) = nx.minimum_cut(graph, "source", "sink", flow_func=boykov_kolmogorov)
    return {
        node
        for node in order
        if ("in", number[node]) in source_side
        and ("out", number[node]) not in source_side
        and graph.has_node(("in", number[node]))
    }
