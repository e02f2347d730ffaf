"""Memory that results of loops and branches share with what these are given."""

from __future__ import annotations

from collections.abc import Iterable

from symgrad.ir.node import Expr
from symgrad.ir.region import regions
from symgrad.ops.item import ITEM
from symgrad.ops.loop import BLOCKS, BRANCH, LOOP, Parts, trips

__all__ = ["Known", "aliases", "bases"]

#: node of a loop or branch -> for each result, the places of the arguments it may be
Known = dict[Expr, list[set[int]]]


def aliases(item: Expr, known: Known) -> list[Expr]:
    """The arguments of a loop or branch whose memory one of its results may share.

    A carry that no step has changed is what the loop was given, a side of a branch may hand on
    what it got. `known` is extended.
    """
    whole = item.args[0]
    return [whole.args[i] for i in sorted(_places(whole, known)[item.attrs["part"]])]


def _places(whole: Expr, known: Known) -> list[set[int]]:
    found = known.get(whole)
    if found is None:
        found = known[whole] = (_of_loop if whole.op is LOOP else _of_branch)(whole, known)
    return found


def bases(nodes: Iterable[Expr], known: Known) -> set[Expr]:
    """What the memory of some values may belong to."""
    found: set[Expr] = set()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if node in found:
            continue
        found.add(node)
        if node.args and node.op.is_view(node):
            pending.append(node.args[0])
        elif node.op is ITEM and node.args[0].op in BLOCKS:
            pending += aliases(node, known)
    return found


def _of_branch(node: Expr, known: Known) -> list[set[int]]:
    sides = [side for _, side in regions(node)]
    results: list[set[int]] = [set() for _ in sides[0].outputs]
    for side in sides:
        place = {p: i for i, p in enumerate(side.parameters, 1 if node.op is BRANCH else 0)}
        for result, out in zip(results, side.outputs, strict=True):
            result |= {place[n] for n in bases([out], known) if n in place}
    return results


def _of_loop(node: Expr, known: Known) -> list[set[int]]:
    parts = Parts.of(node)
    place = {p: i for i, p in enumerate((*parts.carry, *parts.x, *parts.const))}
    outputs = [*parts.new, *parts.rows]
    results = [{place[n] for n in bases([out], known) if n in place} for out in outputs]
    n = len(parts.carry)
    for i in range(n):
        results[i].add(i)
    for i, y in enumerate(parts.rows, n):
        if not trips(y.shape):
            results[i].clear()  # copied into an array; else the values themselves are in a list
    changed = True
    while changed:  # what a carry may be one step later
        changed = False
        for result in results:
            more = set().union(*[results[i] for i in result if i < n])
            changed = changed or not more <= result
            result |= more
    return results
