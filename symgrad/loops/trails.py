"""A carry that is kept both before and after each step is kept once, with its first value."""

from __future__ import annotations

from symgrad.ir.graph import Graph
from symgrad.ir.node import Expr, make
from symgrad.ir.region import Region, rebuilt
from symgrad.ops.item import ITEM, item
from symgrad.ops.loop import LOOP, Parts

__all__ = ["with_trails"]

#: part of a loop -> what stands for it
_Results = dict[int, Expr]


def with_trails(graph: Graph) -> Graph:
    """The graph in which no loop makes two arrays that differ by one step.

    A recurrent network gives the state after each step, and its gradient asks for the state
    before each. Of an array of all states, the first one in front, both are parts.
    """
    if not any(node.op is LOOP for node in graph.nodes()):
        return graph
    results: dict[Expr, _Results] = {}

    def visit(node: Expr, args: tuple[Expr, ...]) -> Expr:
        if node.op is ITEM and args[0] in results:
            return results[args[0]][node.attrs["part"]]
        made = rebuilt(node, args, visit)
        if made.op is LOOP and made.attrs["test"] is None:
            found = _trailed(made)
            if found is not None:
                results[made] = found
        return made

    return graph.map(visit)


def _trailed(node: Expr) -> _Results | None:
    parts = Parts.of(node)
    n = len(parts.carry)
    pairs = {}
    for i, (c, new) in enumerate(zip(parts.carry, parts.new, strict=True)):
        before = [j for j, y in enumerate(parts.y) if y is c]
        after = [j for j, y in enumerate(parts.y) if y is new]
        if before and after and new is not c:
            pairs[i] = (before, after)
    if not pairs:
        return None
    gone = {j for before, after in pairs.values() for j in (*before, *after)}
    stay = [j for j in range(len(parts.y)) if j not in gone]
    body = Region(node.attrs["body"].parameters, [*parts.new, *[parts.y[j] for j in stay]])
    whole = make(LOOP, node.args, node.attrs | {"body": body, "trails": tuple(pairs)})
    results = {i: item(whole, i) for i in range(n)}
    results |= {n + j: item(whole, n + place) for place, j in enumerate(stay)}
    for place, (before, after) in enumerate(pairs.values(), n + len(stay)):
        trail = item(whole, place)
        early, late = trail[:-1], trail[1:]
        if node.attrs["reverse"]:
            early, late = late, early
        results |= {n + j: early for j in before} | {n + j: late for j in after}
    return results
