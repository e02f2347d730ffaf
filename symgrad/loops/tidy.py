"""Loops and branches without what nobody reads, and of those that run alike one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from symgrad.ir import provenance
from symgrad.ir.graph import Graph, inherit, rebuild, substitute, topological
from symgrad.ir.node import LITERAL, Expr, make
from symgrad.ir.region import Region, is_number, keep_origins, regions, with_regions
from symgrad.loops.merge import merged
from symgrad.loops.motion import relieved
from symgrad.ops.item import ITEM, items
from symgrad.ops.loop import BLOCKS, BRANCH, LOOP, Parts, trips

__all__ = ["Results", "tidy"]

#: what leaves one loop may leave the one around it in the next round
_ROUNDS = 8

#: part of a loop -> what stands for it
Results = dict[int, Expr]


def tidy(graph: Graph) -> tuple[Graph, Counter[str]]:
    """The graph with its loops and branches in order; how often each thing was done."""
    done: Counter[str] = Counter()
    if not any(True for node in graph.nodes() for _ in regions(node)):
        return graph, done
    outputs = list(graph.outputs.values())
    with provenance.quiet():
        for _ in range(_ROUNDS):
            before = outputs
            outputs = _tidied(outputs, done, graph)
            if all([a is b for a, b in zip(before, outputs, strict=True)]):
                break
    return Graph(dict(zip(graph.outputs, outputs, strict=True)), graph.origins), done


def _tidied(outputs: list[Expr], done: Counter[str], graph: Graph) -> list[Expr]:
    outputs = merged(outputs, done, lambda mapping: _hand_over(mapping, graph))
    read: dict[Expr, set[int]] = {}
    for node in topological(outputs):
        if node.op is ITEM:
            read.setdefault(node.args[0], set()).add(node.attrs["part"])
    results: dict[Expr, Results] = {}

    def visit(node: Expr, args: tuple[Expr, ...]) -> Expr:
        if node.op is ITEM and args[0] in results:
            return results[args[0]][node.attrs["part"]]
        if not any(True for _ in regions(node)):
            same = all([a is b for a, b in zip(args, node.args, strict=True)])
            return node if same else rebuild(node, args)

        def change(region: Region) -> Region:
            inner = _tidied(list(region.outputs), done, graph)
            same = all([a is b for a, b in zip(inner, region.outputs, strict=True)])
            return region if same else Region(region.parameters, inner)

        made = make(node.op, args, with_regions(node, change))
        if node.op not in BLOCKS:
            return made
        found = (_loop if node.op is LOOP else _branch)(made, read.get(node, set()), done)
        if found is not None:
            results[made] = found
        return made

    mapping: dict[Expr, Expr] = {}
    new = substitute(outputs, mapping, visit)
    _hand_over(mapping, graph)
    return new


def _hand_over(mapping: dict[Expr, Expr], graph: Graph) -> None:
    keep_origins(mapping)
    for old, made in mapping.items():
        if made is not old:
            inherit(graph.origins, old, made)


# ---------------------------------------------------------------- loops


def _needed(parts: Parts, test: Region | None, read: Iterable[int]) -> list[int]:
    """The outputs of a body that are read, or that what is read is made of."""
    outputs = [*parts.new, *parts.y]
    alive = set(read)
    tested = () if test is None else test.on((*parts.carry, *parts.const))
    while True:
        below = set(topological([*tested, *[outputs[i] for i in alive]]))
        more = {i for i, c in enumerate(parts.carry) if c in below} - alive
        if not more:
            return sorted(alive)
        alive |= more


def _loop(node: Expr, read: set[int], done: Counter[str]) -> Results | None:
    """A loop without what is not read, and with what does not change outside of it."""
    parts, test = Parts.of(node), node.attrs["test"]
    n = len(parts.carry)
    alive = _needed(parts, test, read)
    if test is not None and node.attrs["length"] is not None and not any(i >= n for i in alive):
        alive.append(n)  # how often it went round is the length of a result
    fixed = {i for i in alive if i < n and parts.new[i] is parts.carry[i]}
    fate: dict[Expr, Expr] = {}  # parameter -> what stands for it
    consts: dict[Expr, Expr] = {}  # argument -> parameter
    for p, arg in [
        *[(parts.carry[i], parts.init[i]) for i in sorted(fixed)],
        *zip(parts.const, parts.consts, strict=True),
    ]:
        if is_number(arg):
            fate[p] = arg
        else:
            fate[p] = consts.setdefault(arg, p)
    sequences: dict[Expr, Expr] = {}
    for p, arg in zip(parts.x, parts.xs, strict=True):
        fate[p] = sequences.setdefault(arg, p)
    carried = [i for i in alive if i < n and i not in fixed]
    outputs = [*parts.new, *parts.y]
    alike: dict[Expr, int] = {}
    for i in alive:
        if i >= n:
            alike.setdefault(outputs[i], i)
    rows = list(alike.values())
    mapping = {parts.carry[i]: parts.carry[i] for i in carried} | fate
    tests = [] if test is None else test.on((*parts.carry, *parts.const))
    new = substitute([outputs[i] for i in [*carried, *rows]] + tests, mapping)
    keep_origins(mapping)
    used = set(topological(new))
    if trips(node.attrs["length"]) and test is None and used.isdisjoint(sequences.values()):
        told = [p for arg, p in sequences.items() if arg.op.name not in ("full", "broadcast_to")]
        used.update((told or list(sequences.values()))[:1])  # its length is that of the loop
    x = [(arg, p) for arg, p in sequences.items() if p in used]
    const = [(arg, p) for arg, p in consts.items() if p in used]
    own = [*[parts.carry[i] for i in carried], *[p for _, p in x], *[p for _, p in const]]
    if test is not None:
        check = new.pop()
        values = [*own[: len(carried)], *own[len(carried) + len(x) :]]
        test = Region(values, [check])
    made = make(
        LOOP,
        (*[parts.init[i] for i in carried], *[arg for arg, _ in x], *[arg for arg, _ in const]),
        node.attrs
        | {
            "body": Region(own, new),
            "test": test,
            "carries": len(carried),
            "sequences": len(x),
        },
    )
    results: Results = {i: parts.init[i] for i in fixed}
    places = {i: place for place, i in enumerate([*carried, *rows])}
    relief = relieved(made, done)
    found = relief if relief is not None else dict(enumerate(items(made)))
    places |= {i: places[alike[outputs[i]]] for i in alive if i >= n}
    results |= {i: found[place] for i, place in places.items()}
    if made is node and relief is None:
        return None
    if len(own) < len(node.args) or len(new) < len(outputs):
        done["loop: what nobody reads is left out"] += 1
    return results


# ---------------------------------------------------------------- branches


def _branch(node: Expr, read: set[int], done: Counter[str]) -> Results | None:
    """A branch without what is not read; one side alone where the condition is known."""
    keys, sides = zip(*regions(node), strict=True)
    count = 1 if node.op is BRANCH else 0
    lead, args = node.args[:count], node.args[count:]
    if lead and lead[0].op is LITERAL:
        side = sides[0] if bool(lead[0].attrs["value"].array) else sides[1]
        return dict(enumerate(side.on(args)))
    alive = sorted(read)
    parameters = sides[0].parameters
    common: dict[Expr, int] = {}
    made = []
    for side in sides:
        fate: dict[Expr, Expr] = {}
        for i, (p, arg) in enumerate(zip(side.parameters, args, strict=True)):
            if is_number(arg):
                fate[p] = arg
            else:
                fate[p] = parameters[common.setdefault(arg, i)]
        made.append(substitute([side.outputs[i] for i in alive], fate))
        keep_origins(fate)
    used = set(topological([out for outputs in made for out in outputs]))
    kept = [(arg, parameters[i]) for arg, i in common.items() if parameters[i] in used]
    own = [p for _, p in kept]
    bodies = [Region(own, outputs) for outputs in made]
    whole = make(node.op, (*lead, *[arg for arg, _ in kept]), dict(zip(keys, bodies, strict=True)))
    if whole is node:
        return None
    return dict(zip(alive, items(whole), strict=True))
