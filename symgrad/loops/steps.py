"""Loops that run backward over steps all of which were taken: the mask of a batch is left out."""

from __future__ import annotations

from symgrad.ir.graph import Graph, rebuild, substitute, topological
from symgrad.ir.node import LITERAL, Expr, literal, make
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.region import Region, keep_origins, rebuilt, regions
from symgrad.ops.item import ITEM
from symgrad.ops.loop import ABSENT, BLOCKS, LOOP, Parts, trips

__all__ = ["unmasked"]


def unmasked(graph: Graph) -> Graph:
    """The graph in which a loop that keeps one number at every step hands on that number.

    Backward mode asks of each step of a loop with a test whether it was taken: in a batch, some
    examples end before others. Without a batch it always was.
    """
    if not any(node.op is LOOP for node in graph.nodes()):
        return graph
    return graph.map(_visit)


def _visit(node: Expr, args: tuple[Expr, ...]) -> Expr:
    if node.op.name == "where" and args[0].op is LITERAL and not args[0].shape:
        chosen = args[1] if bool(args[0].attrs["value"].array) else args[2]
        if chosen.aval == node.aval:
            return chosen
    if not any(True for _ in regions(node)):
        same = all([a is b for a, b in zip(args, node.args, strict=True)])
        return node if same else rebuild(node, args)
    made = rebuilt(node, args, _visit)
    if made.op is not LOOP:
        return made
    known: dict[Expr, Expr] = {}
    if made.attrs["test"] is not None:  # where the body runs, the test holds
        parts = Parts.of(made)
        [test] = made.attrs["test"].on((*parts.carry, *parts.const))
        if not test.closed and any(y is test for y in parts.y):
            known[test] = literal(True)
    parts = Parts.of(made)
    values = {p: _same_in_all(arg) for p, arg in zip(parts.x, parts.xs, strict=True)}
    read = [p for p, value in values.items() if value is None and _is_read(p, made.attrs["body"])]
    told = {steps for p in read for steps in trips(p.shape)}
    for p, value in values.items():
        if value is not None and not p.shape:
            known[p] = value
        elif value is not None and trips(p.shape) <= told:
            known[p] = FUNCTIONS["full"](p.shape, value)  # another stack says how high it is
    if not known:
        return made
    body: Region = made.attrs["body"]
    mapping = dict(known)
    outputs = substitute(body.outputs, mapping, _visit)
    keep_origins(mapping)
    return make(LOOP, made.args, made.attrs | {"body": Region(body.parameters, outputs)})


def _is_read(p: Expr, body: Region) -> bool:
    """Whether a parameter is more than handed on to loops that do not read it themselves."""
    for node in topological(body.outputs):
        if not any([arg is p for arg in node.args]):
            continue
        inside = list(regions(node))
        if not inside:
            return True
        lead = len(node.args) - len(inside[0][1].parameters)
        for place, arg in enumerate(node.args):
            if arg is not p:
                continue
            if place < lead or (node.op is LOOP and place < node.attrs["carries"]):
                return True
            for _, region in inside:
                own = region.parameters
                if place - lead < len(own) and _is_read(own[place - lead], region):
                    return True
    return any([out is p for out in body.outputs])


def _same_in_all(x: Expr) -> Expr | None:
    """The number that all elements of an array are, where the graph says so."""
    while x.op is not LITERAL:
        if x.op.name in ("full", "broadcast_to") and x.args:
            x = x.args[0]
            continue
        if x.op is not ITEM or x.args[0].op not in BLOCKS:
            return None
        whole, part = x.args[0], x.attrs["part"]
        if whole.op is LOOP:
            rows = whole.attrs["body"].outputs[whole.attrs["carries"] :]
            part -= whole.attrs["carries"]
            if not 0 <= part < len(rows):
                return None
            x = rows[part]
            continue
        outputs = [region.outputs[part] for _, region in regions(whole)]
        found = [_same_in_all(out) for out in outputs if out.op is not ABSENT]
        return found[0] if all([one is found[0] for one in found]) else None
    array = x.attrs["value"].array
    return literal(array.reshape(()), x.dtype) if array.size == 1 else None
