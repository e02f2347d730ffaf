"""Derivatives of loops: a loop that keeps what it must, and one that runs backward through it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from symgrad.autodiff.batching import batch_outputs
from symgrad.autodiff.forward import pushforward
from symgrad.autodiff.residuals import bytes_in, residuals
from symgrad.autodiff.reverse import cotangents, depends
from symgrad.ir import provenance
from symgrad.ir.dtypes import is_inexact
from symgrad.ir.graph import substitute, topological
from symgrad.ir.node import Expr, literal, make
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.provenance import Origin
from symgrad.ir.region import Region, bound, keep_origins
from symgrad.ir.size import Size
from symgrad.ops.called import called
from symgrad.ops.item import item, items
from symgrad.ops.loop import LOOP, Parts, loop, named_trips, rules, trips

__all__ = ["batched_shape", "mirror", "row", "spread", "zeros_like"]


def zeros_like(x: Expr) -> Expr:
    """A zero with the shape and dtype of `x`, of which nothing else is used."""
    if not x.shape:
        return literal(0, x.dtype)
    return FUNCTIONS["zeros"](x.shape, dtype=x.dtype)  # type: ignore[no-any-return]


def _active(parts: Parts, outputs: Sequence[Expr], moving: Collection[Expr]) -> list[Expr]:
    """The parameters of a body that move with those in `moving`, in any number of steps."""
    order = topological(outputs)
    found = set(moving)
    while True:
        reached = depends(order, list(found))
        new = {
            c
            for c, out in zip(parts.carry, parts.new, strict=True)
            if out in reached and c not in found and is_inexact(c.dtype)
        }
        if not new:
            break
        found |= new
    return [p for p in (*parts.carry, *parts.x, *parts.const) if p in found]


def _flowing(parts: Parts, active: Sequence[Expr], seeded: set[int]) -> list[int]:
    """The outputs of a body that have a cotangent, in any number of steps back."""
    outputs = [*parts.new, *parts.y]
    n, moves = len(parts.carry), set(active)
    while True:
        below = set(topological([outputs[i] for i in seeded]))
        new = {
            i for i, c in enumerate(parts.carry) if i not in seeded and c in below and c in moves
        }
        if not new:
            break
        seeded |= new
    moving = depends(topological(outputs), list(active))
    carried = [i for i in range(n) if i in seeded and parts.carry[i] in moves]
    return [*carried, *[i for i in range(n, len(outputs)) if i in seeded and outputs[i] in moving]]


def _role(kind: str, of: Expr) -> Origin:
    return Origin(of.origin.scope if of.origin else "", role=(kind, of))


def mirror(kind: str, of: Expr, name: str | None = None) -> Expr:
    """A parameter for the cotangent ("d") or tangent ("t") of a value of the body."""
    made = bound(f"{kind}_{(name or called(of)).rpartition('.')[2]}", of.shape, of.dtype)
    made.origin = _role(kind, of)
    return made


# ---------------------------------------------------------------- reverse mode


@dataclass
class _Backward:
    """The loop that runs backward, while it is put together."""

    init: list[Expr]
    carry: list[Expr]
    new: list[Expr]
    xs: list[Expr]
    x: list[Expr]
    consts: list[Expr]
    const: list[Expr]
    y: list[Expr]


def _loop_vjp(node: Expr, cts: Sequence[Expr | None], needs: tuple[bool, ...]) -> list[Expr | None]:
    parts = Parts.of(node)
    outputs = [*parts.new, *parts.y]
    arguments = dict(zip((*parts.carry, *parts.x, *parts.const), node.args, strict=True))
    moving = [p for (p, _), need in zip(arguments.items(), needs, strict=True) if need]
    active = _active(parts, outputs, moving)
    flowing = _flowing(parts, active, {i for i, ct in enumerate(cts) if ct is not None})
    if not flowing:
        return [None] * len(node.args)
    seeds = {}
    for i in flowing:
        own = outputs[i].name or (i < len(parts.carry) and str(parts.carry[i].attrs["name"]))
        seeds[i] = mirror("d", outputs[i], own or None)
    with provenance.quiet():
        found = cotangents([outputs[i] for i in flowing], list(seeds.values()), active, leaves=True)
    grads = dict(zip(active, found, strict=True))
    carried = [i for i in flowing if i < len(parts.carry)]

    back = _Backward([], [], [], [], [], [], [], [])
    for i in carried:
        c = parts.carry[i]
        start, step = cts[i], grads[c]
        back.init.append(zeros_like(c) if start is None else start)
        back.carry.append(seeds[i])
        back.new.append(zeros_like(c) if step is None else step)
    summed = [p for p in parts.const if grads.get(p) is not None and p in set(moving)]
    for p in summed:
        total = mirror("d", p)
        back.init.append(zeros_like(p))
        back.carry.append(total)
        back.new.append(total + grads[p])
    read = [p for p in parts.x if grads.get(p) is not None and p in set(moving)]
    back.y += [grads[p] for p in read]  # type: ignore[misc]

    taken: dict[Expr, Expr] = {}
    if node.attrs["test"] is not None:  # in a batch, some examples end before others
        [test] = node.attrs["test"].on((*parts.carry, *parts.const))
        if not test.closed:
            on = bound("taken", test.shape, test.dtype)
            taken[on] = test
            steps = zip(back.new, back.carry, strict=True)
            back.new = [FUNCTIONS["where"](on, new, c) for new, c in steps]
    whole = _with_residuals(node, parts, arguments, back, seeds.values(), taken)
    for i in flowing:
        if i >= len(parts.carry):
            back.x.append(seeds[i])
            back.xs.append(cts[i])  # type: ignore[arg-type]
    results = _run(back, whole.attrs["length"], not node.attrs["reverse"])

    final: dict[Expr, Expr] = {}
    for p, ct in zip([*[parts.carry[i] for i in carried], *summed, *read], results, strict=True):
        final[p] = ct
        if ct.origin is None:
            ct.origin = _role("d", arguments[p])
    return [final.get(p) if need else None for p, need in zip(arguments, needs, strict=True)]


def _with_residuals(
    node: Expr,
    parts: Parts,
    arguments: dict[Expr, Expr],
    back: _Backward,
    seeds: Iterable[Expr],
    taken: dict[Expr, Expr],
) -> Expr:
    """The loop that also gives what `back` needs of each step, which `back` is handed.

    `taken` are parameters of the backward loop and what they are in the step.
    """
    given = [*seeds, *back.carry, *taken]
    wanted = [*back.new, *back.y]
    cost = {c: bytes_in(c) for c in parts.carry} | dict.fromkeys(parts.const, 0)
    kept = residuals(wanted, given, cost)
    loop_body: Region = node.attrs["body"]
    known = {out: len(parts.carry) + i for i, out in enumerate(parts.y)}
    outputs = list(loop_body.outputs)
    mapping: dict[Expr, Expr] = {}
    stacks: list[tuple[Expr, int]] = []
    is_const, is_x = set(parts.const), set(parts.x)
    for value in kept:
        if value in is_const:
            mapping[value] = value
            back.const.append(value)
            back.consts.append(arguments[value])
        elif value in is_x:
            mapping[value] = value
            back.x.append(value)
            back.xs.append(arguments[value])
        else:
            if value not in known:
                known[value] = len(outputs)
                outputs.append(value)
            mapping[value] = bound(called(value), value.shape, value.dtype)
            stacks.append((mapping[value], known[value]))
    for value in taken.values():
        if value not in known:
            known[value] = len(outputs)
            outputs.append(value)
    length = node.attrs["length"]
    if node.attrs["test"] is not None:
        if length is None:
            length = named_trips(node)
        if not stacks:  # the number of trips comes with a result of each
            extra = parts.carry[0]
            if extra not in known:
                known[extra] = len(outputs)
                outputs.append(extra)
            unread = bound(called(extra), extra.shape, extra.dtype)
            stacks.append((unread, known[extra]))
    whole = node
    if len(outputs) > len(loop_body.outputs) or length != node.attrs["length"]:
        body = Region(loop_body.parameters, outputs)
        whole = make(LOOP, node.args, node.attrs | {"body": body, "length": length})
    made = items(whole)
    stacks += [(on, known[value]) for on, value in taken.items()]
    for parameter, index in stacks:
        back.x.append(parameter)
        back.xs.append(made[index])
    if not back.x and parts.x and trips(length):  # it says how often the loop went round
        back.x.append(bound(called(parts.x[0]), parts.x[0].shape, parts.x[0].dtype))
        back.xs.append(parts.xs[0])
    mapping |= {p: p for p in given}
    new = substitute(wanted, mapping)
    keep_origins(mapping)
    back.new, back.y = new[: len(back.new)], new[len(back.new) :]
    return whole


def _run(back: _Backward, length: Size, reverse: bool) -> tuple[Expr, ...]:
    body = Region([*back.carry, *back.x, *back.const], [*back.new, *back.y])
    return loop(back.init, back.xs, back.consts, body, length, reverse)


# ---------------------------------------------------------------- forward mode


def _loop_jvp(node: Expr, tangents: tuple[Expr | None, ...]) -> tuple[Expr | None, ...]:
    parts = Parts.of(node)
    outputs = [*parts.new, *parts.y]
    arguments = (*parts.carry, *parts.x, *parts.const)
    given = {p: t for p, t in zip(arguments, tangents, strict=True) if t is not None}
    active = _active(parts, outputs, list(given))
    mirrors = {p: mirror("t", p) for p in active}
    with provenance.quiet():
        moved = pushforward(outputs, active, [mirrors[p] for p in active])
    n = len(parts.carry)
    carried = [i for i in range(n) if parts.carry[i] in mirrors]
    rows = [i for i in range(n, len(outputs)) if moved[i] is not None]

    def both(own: Sequence[Expr], values: Sequence[Expr]) -> tuple[list[Expr], list[Expr]]:
        moving = [p for p in own if p in mirrors]
        start = [given.get(p) for p in moving]
        starts = [zeros_like(p) if t is None else t for p, t in zip(moving, start, strict=True)]
        return [*own, *[mirrors[p] for p in moving]], [*values, *starts]

    carry, init = both(parts.carry, parts.init)
    x, xs = both(parts.x, parts.xs)
    const, consts = both(parts.const, parts.consts)
    new = [*parts.new]
    for i in carried:
        t = moved[i]
        new.append(zeros_like(parts.carry[i]) if t is None else t)
    y = [*parts.y, *[moved[i] for i in rows]]
    test = node.attrs["test"]
    if test is not None:
        values = dict(zip((*parts.carry, *parts.const), test.parameters, strict=True))
        more = [
            values[p] if p in values else bound("t", p.shape, p.dtype) for p in (*carry, *const)
        ]
        test = Region(more, test.outputs)
    body = Region([*carry, *x, *const], [*new, *y])  # type: ignore[list-item]
    attrs = node.attrs
    made = loop(init, xs, consts, body, attrs["length"], attrs["reverse"], test)
    found: list[Expr | None] = [None] * len(outputs)
    for place, i in enumerate(carried):
        found[i] = made[n + place]
    for place, i in enumerate(rows):
        found[i] = made[len(new) + len(parts.y) + place]
    return tuple(found)


# ---------------------------------------------------------------- batching


def batched_shape(shape: tuple[Size, ...], size: Size) -> tuple[Size, ...]:
    """The shape for a whole batch, with its axis in front.

    What steps of unknown number have kept, maybe a list of arrays of unequal heights, is for
    other loops alone: the batch comes after the axes of steps.
    """
    depth = _depth(shape)
    return (*shape[:depth], size, *shape[depth:])


def row(p: Expr, size: Size) -> Expr:
    """A parameter for a whole batch of what `p` is one of."""
    return bound(str(p.attrs["name"]), batched_shape(p.shape, size), p.dtype)


def spread(x: Expr, size: Size) -> Expr:
    """The same for each of a batch."""
    depth, shape = _depth(x.shape), batched_shape(x.shape, size)
    if depth:
        x = FUNCTIONS["expand_dims"](x, depth)
    return FUNCTIONS["broadcast_to"](x, shape)  # type: ignore[no-any-return]


def _depth(shape: tuple[Size, ...]) -> int:
    """How many axes come before that of a batch."""
    depth = 0
    while trips(shape[depth:]):
        depth += 1
    return depth


def _batch_size(single: Sequence[Expr], args: Sequence[Expr], batched: Sequence[bool]) -> Size:
    """The size of the batch that arguments are given for."""
    for one, arg, flag in zip(single, args, batched, strict=True):
        if flag:
            return arg.shape[_depth(one.shape)]
    raise AssertionError("nothing is batched")


def _loop_batch(node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
    parts = Parts.of(node)
    size = _batch_size(node.args, args, batched)
    n, m = len(parts.carry), len(parts.carry) + len(parts.x)
    parameters = (*parts.carry, *parts.x, *parts.const)
    rows = {p: row(p, size) for p, flag in zip(parameters, batched, strict=True) if flag}
    test: Region | None = node.attrs["test"]
    checks = [] if test is None else test.on((*parts.carry, *parts.const))
    while True:  # what a batched value flows into is batched
        made = batch_outputs([*parts.new, *parts.y, *checks], rows)
        apart = any([flag for _, flag in made[len(node.aval.parts) :]])  # type: ignore[attr-defined]
        late = [
            c
            for c, (_, flag) in zip(parts.carry, made, strict=False)
            if c not in rows and (flag or apart)
        ]
        if not late:
            break
        rows |= {c: row(c, size) for c in late}
    new = [value for value, _ in made]
    for i, c in enumerate(parts.carry):
        if c in rows and not made[i][1]:
            new[i] = spread(new[i], size)
    own = [rows.get(p, p) for p in parameters]
    given = []
    for i, (p, arg, flag) in enumerate(zip(parameters, args, batched, strict=True)):
        if p in rows and not flag:
            arg = spread(arg, size)
        first = flag and n <= i < m and not trips(node.args[i].shape)
        given.append(FUNCTIONS["moveaxis"](arg, 0, 1) if first else arg)
    attrs = dict(node.attrs)
    if test is not None:
        condition = new.pop()
        if apart:  # until no example goes on; those that have ended stay as they are
            for i, c in enumerate(own[:n]):
                new[i] = FUNCTIONS["where"](_beside(condition, c), new[i], c)
            condition = FUNCTIONS["any"](condition)
        attrs["test"] = Region([*own[:n], *own[m:]], [condition])
    attrs["body"] = Region(own, new)
    return make(LOOP, tuple(given), attrs)


def _beside(condition: Expr, x: Expr) -> Expr:
    """A condition for each example, with axes for what an example has."""
    shape = (*condition.shape, *(1,) * (x.ndim - condition.ndim))
    return FUNCTIONS["reshape"](condition, shape)  # type: ignore[no-any-return]


def _unbatched(whole: Expr, node: Expr) -> tuple[Expr, bool]:
    """An item of a batched loop or branch; of a result of each step, time is its first axis."""
    made = item(whole, node.attrs["part"])
    is_batched = made.ndim > node.ndim
    stacked = whole.op is LOOP and node.attrs["part"] >= whole.attrs["carries"]
    if is_batched and stacked and not trips(node.shape):
        made = FUNCTIONS["moveaxis"](made, 1, 0)
    return made, is_batched


rules["loop", "vjp"] = _loop_vjp
rules["loop", "jvp"] = _loop_jvp
rules["loop", "batch"] = _loop_batch
rules["loop", "item"] = _unbatched
