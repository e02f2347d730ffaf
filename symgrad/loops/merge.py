"""Loops and branches that run alike are one: a value and its gradient share their work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from symgrad.ir.graph import rebuild, substitute, topological
from symgrad.ir.node import Expr, make
from symgrad.ir.region import Region, regions
from symgrad.ops.item import ITEM, item
from symgrad.ops.loop import BRANCH, LOOP, Parts

__all__ = ["merged"]


def merged(
    outputs: list[Expr], done: Counter[str], note: Callable[[dict[Expr, Expr]], None]
) -> list[Expr]:
    """Outputs in which loops over the same carry are one, which gives what each of them gave."""
    while True:
        found = _pair(outputs)
        if found is None:
            return outputs
        whole, places = found
        done[f"{whole.op.name}: merged with another"] += 1

        def visit(node: Expr, args: tuple[Expr, ...]) -> Expr:
            if node.op is ITEM and node.args[0] in places:  # noqa: B023
                return item(whole, places[node.args[0]][node.attrs["part"]])  # noqa: B023
            same = all([a is b for a, b in zip(args, node.args, strict=True)])
            return node if same else rebuild(node, args)

        mapping: dict[Expr, Expr] = {}
        outputs = substitute(outputs, mapping, visit)
        note(mapping)


def _pair(outputs: Sequence[Expr]) -> tuple[Expr, dict[Expr, dict[int, int]]] | None:
    return _pair_of_branches(outputs) or _pair_of_loops(outputs)


def _pair_of_branches(
    outputs: Sequence[Expr],
) -> tuple[Expr, dict[Expr, dict[int, int]]] | None:
    """Two branches by the same condition over the same values, as one that gives all results."""
    known: dict[tuple[Expr, ...], Expr] = {}
    for node in topological(outputs):
        if node.op is not BRANCH:
            continue
        own = [region.parameters for _, region in regions(node)]
        key = (*node.args, *[p for parameters in own for p in parameters])
        other = known.setdefault(key, node)
        if other is node:
            continue
        sides = {}
        places: dict[Expr, dict[int, int]] = {other: {}, node: {}}
        columns = [
            tuple([region.outputs[i] for _, region in regions(one)])
            for one in (other, node)
            for i in range(len(next(regions(one))[1].outputs))
        ]
        unique = list(dict.fromkeys(columns))
        at = {column: i for i, column in enumerate(unique)}
        count = len(next(regions(other))[1].outputs)
        for i, column in enumerate(columns):
            one, place = (other, i) if i < count else (node, i - count)
            places[one][place] = at[column]
        for side, (key_, region) in enumerate(regions(other)):
            sides[key_] = Region(region.parameters, [column[side] for column in unique])
        return make(BRANCH, node.args, sides), places
    return None


def _pair_of_loops(outputs: Sequence[Expr]) -> tuple[Expr, dict[Expr, dict[int, int]]] | None:
    loops = [node for node in topological(outputs) if node.op is LOOP]
    with_parameter: dict[Expr, list[Expr]] = {}
    for node in loops:
        parameters = node.attrs["body"].parameters
        # loops of several layers may have all their parameters in common: each is tried
        for other in dict.fromkeys([o for p in parameters for o in with_parameter.get(p, ())]):
            union = _union(other, node)
            if union is not None:
                return union
        for p in parameters:
            with_parameter.setdefault(p, []).append(node)
    return None


def _union(a: Expr, b: Expr) -> tuple[Expr, dict[Expr, dict[int, int]]] | None:
    """One loop for two, and where the results of each are in it."""
    first, second = Parts.of(a), Parts.of(b)
    one, other = a.attrs, b.attrs
    if one["reverse"] != other["reverse"] or (one["test"] is None) != (other["test"] is None):
        return None
    if one["test"] is None and one["length"] != other["length"]:
        return None
    if None not in (one["length"], other["length"]) and one["length"] != other["length"]:
        return None
    if one["test"] is not None:
        tests = [
            region.on((*parts.carry, *parts.const))
            for region, parts in ((one["test"], first), (other["test"], second))
        ]
        if tests[0][0] is not tests[1][0]:
            return None
    step: dict[Expr, tuple[str, Expr, Expr | None]] = {}
    for parts in (first, second):
        rows = [
            *[
                (c, ("carry", i, n))
                for c, i, n in zip(parts.carry, parts.init, parts.new, strict=True)
            ],
            *[(x, ("x", arg, None)) for x, arg in zip(parts.x, parts.xs, strict=True)],
            *[(k, ("const", arg, None)) for k, arg in zip(parts.const, parts.consts, strict=True)],
        ]
        for p, what in rows:
            known = step.setdefault(p, what)
            same = known[0] == what[0] and known[1] is what[1] and known[2] is what[2]
            if not same:
                return None
    if a in set(topological(b.args)) or b in set(topological(a.args)):
        return None
    carry = [p for p, (kind, _, _) in step.items() if kind == "carry"]
    x = [p for p, (kind, _, _) in step.items() if kind == "x"]
    const = [p for p, (kind, _, _) in step.items() if kind == "const"]
    y = list(dict.fromkeys([*first.y, *second.y]))
    own = [*carry, *x, *const]
    body = Region(own, [*[step[p][2] for p in carry], *y])  # type: ignore[list-item]
    test = None if one["test"] is None else Region([*carry, *const], tests[0])
    attrs = one | {
        "body": body,
        "test": test,
        "length": one["length"] if one["length"] is not None else other["length"],
        "carries": len(carry),
        "sequences": len(x),
    }
    whole = make(LOOP, tuple([step[p][1] for p in own]), attrs)
    at = {p: i for i, p in enumerate(carry)}
    rows_at = {out: len(carry) + i for i, out in enumerate(y)}
    places = {}
    for node, parts in ((a, first), (b, second)):
        count = len(parts.carry)
        places[node] = {i: at[p] for i, p in enumerate(parts.carry)}
        places[node] |= {count + i: rows_at[out] for i, out in enumerate(parts.y)}
    return whole, places
