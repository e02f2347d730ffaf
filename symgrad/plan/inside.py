"""New values that a branch may write where they belong, in the side that computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symgrad.ir.graph import Graph
from symgrad.ir.node import Expr
from symgrad.ir.region import Region, regions
from symgrad.plan.aliases import Known, bases
from symgrad.plan.program import Entry

__all__ = ["side_of", "written_inside"]


def written_inside(
    node: Expr, parts: Mapping[int, Expr], wanted: Mapping[int, Expr]
) -> dict[int, Expr]:
    """Of the results that are leaves' new values, those that the sides can write themselves.

    Nothing else that a side gives may be the memory of such a leaf: it would be overwritten, or
    be so in the wrong order.

    Parameters
    ----------
    node : Expr
        A branch.
    parts : mapping of int to Expr
        Its results that are read.
    wanted : mapping of int to Expr
        Result -> leaf that is given to the branch and that nobody reads after it.
    """
    found = dict(wanted)
    known: Known = {}
    for _, side in regions(node):
        stand = _stand(node, side)
        for j in parts:
            out = side.outputs[j]
            for i, leaf in list(found.items()):
                same = i == j and out is stand[leaf]
                if not same and stand[leaf] in bases([out], known):
                    del found[i]
    return found


def _stand(node: Expr, side: Region) -> dict[Expr, Expr]:
    """Argument of a branch -> the parameter that stands for it in a side."""
    return dict(zip(node.args[1:], side.parameters, strict=True))


def side_of(
    node: Expr,
    side: Region,
    inside: Mapping[int, Expr],
    outer: Entry,
    graph: Graph,
    again: Sequence[int] = (),
) -> Entry:
    """A side, or the body of a loop, as an entry that writes the results `inside`.

    The results `again` are needed twice.
    """
    made = {i: out for i, out in enumerate(side.outputs) if i not in inside}
    made |= {len(side.outputs) + k: side.outputs[i] for k, i in enumerate(again)}
    outputs = {str(i): out for i, out in made.items()}
    entry = Entry("", Graph(outputs, graph.origins), list(side.parameters), draws=outer.draws)
    if not inside:
        return entry
    stand = _stand(node, side)
    entry.stands = {own: outer.stands.get(arg, arg) for arg, own in stand.items()}
    for i, leaf in inside.items():
        own, new = stand[leaf], side.outputs[i]
        if new is not own:
            entry.commits[own] = new
    groups = [[stand[leaf] for leaf in leaves if leaf in stand] for leaves in outer.groups]
    written = [[own for own in leaves if own in entry.commits] for leaves in groups]
    entry.groups = [leaves for leaves in written if leaves]
    return entry
