"""Derivatives of branches and checkpoints: the same of the derivatives of their sides."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.autodiff.batching import batch_outputs
from symgrad.autodiff.forward import pushforward
from symgrad.autodiff.loops import batched_shape, mirror, row, spread, zeros_like
from symgrad.autodiff.residuals import residuals
from symgrad.autodiff.reverse import cotangents, depends
from symgrad.ir import provenance
from symgrad.ir.graph import substitute, topological
from symgrad.ir.node import Expr, literal, make
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.region import Region, bound, keep_origins, regions
from symgrad.ops.called import called
from symgrad.ops.item import items
from symgrad.ops.loop import ABSENT, BRANCH, absent, in_side, rules


def _sides(node: Expr) -> list[Region]:
    return [region for _, region in regions(node)]


def _operands(node: Expr) -> tuple[tuple[Expr, ...], tuple[Expr, ...]]:
    """The condition, if there is one, and what the sides are given."""
    count = 1 if node.op is BRANCH else 0
    return node.args[:count], node.args[count:]


def _rebuilt(node: Expr, args: Sequence[Expr], sides: Sequence[Region]) -> Expr:
    """The same choice between other sides."""
    keys = [key for key, _ in regions(node)]
    return make(node.op, (*_operands(node)[0], *args), dict(zip(keys, sides, strict=True)))


def _cond_vjp(node: Expr, cts: Sequence[Expr | None], needs: tuple[bool, ...]) -> list[Expr | None]:
    lead, args = _operands(node)
    given = [(i, ct) for i, ct in enumerate(cts) if ct is not None]
    wanted = [i for i, need in enumerate(needs[len(lead) :]) if need]
    grads: list[list[Expr | None]] = []
    sides = []
    for key, side in regions(node):
        seeds = [mirror("d", side.outputs[i]) for i, _ in given]
        wrt = [side.parameters[i] for i in wanted]
        order = topological([side.outputs[i] for i, _ in given])
        moving = depends(order, wrt)
        alive = [(side.outputs[i], s) for (i, _), s in zip(given, seeds, strict=True)]
        alive = [(out, s) for out, s in alive if out in moving]
        with provenance.quiet(), in_side(node, key):
            found = cotangents([o for o, _ in alive], [s for _, s in alive], wrt, leaves=True)
        grads.append(found)
        sides.append((side, seeds))
    some = [k for k in range(len(wanted)) if any(found[k] is not None for found in grads)]
    if not some:
        return [None] * len(node.args)
    outputs = []
    for found in grads:
        ways = [(found[k], args[wanted[k]]) for k in some]
        outputs.append([zeros_like(arg) if ct is None else ct for ct, arg in ways])
    own = [[*side.parameters, *seeds] for side, seeds in sides]
    extra: Sequence[Expr] = ()
    if node.op is BRANCH:
        own, outputs, extra = _with_residuals(node, own, outputs)
    made = [Region(p, o) for p, o in zip(own, outputs, strict=True)]
    results = items(_rebuilt(node, [*args, *[ct for _, ct in given], *extra], made))
    out: list[Expr | None] = [None] * len(node.args)
    for k, ct in zip(some, results, strict=True):
        out[len(lead) + wanted[k]] = ct
    return out


def _with_residuals(
    node: Expr, own: list[list[Expr]], outputs: list[list[Expr]]
) -> tuple[list[list[Expr]], list[list[Expr]], tuple[Expr, ...]]:
    """Sides that are handed what is dear to compute again, and what the branch gives them.

    A side keeps what it has computed with loops, products and the like; what the other has not
    computed is absent there. All else is computed again, where it is needed.
    """
    sides = _sides(node)
    kept = []
    for side, parameters, values in zip(sides, own, outputs, strict=True):
        free = set(side.parameters)
        seeds = [p for p in parameters if p not in free]
        dear = [v for v in residuals(values, seeds) if v not in free and _is_dear(v)]
        kept.append(dear)
    if not any(kept):
        return own, outputs, ()
    given = []
    for i, side in enumerate(sides):
        values = list(side.outputs)
        for j, dear in enumerate(kept):
            values += dear if i == j else [absent(v.shape, v.dtype) for v in dear]
        given.append(Region(side.parameters, values))
    count = len(sides[0].outputs)
    whole = items(_rebuilt(node, _operands(node)[1], given))[count:]
    handed = [[bound(called(v), v.shape, v.dtype) for v in dear] for dear in kept]
    every = [p for parameters in handed for p in parameters]
    new = []
    for dear, parameters, mine, values in zip(kept, handed, own, outputs, strict=True):
        mapping = {p: p for p in mine} | dict(zip(dear, parameters, strict=True))
        new.append(substitute(values, mapping))
        keep_origins(mapping)
    return [[*mine, *every] for mine in own], new, whole


def _is_dear(value: Expr) -> bool:
    """Whether a loop, a product or the like is part of computing a value."""
    return any(n.op.expensive for n in topological([value]))


def _cond_jvp(node: Expr, tangents: tuple[Expr | None, ...]) -> tuple[Expr | None, ...]:
    lead, args = _operands(node)
    moving = [(i, t) for i, t in enumerate(tangents[len(lead) :]) if t is not None]
    found = []
    for side in _sides(node):
        wrt = [side.parameters[i] for i, _ in moving]
        mirrors = [mirror("t", p) for p in wrt]
        with provenance.quiet():
            found.append((side, mirrors, pushforward(side.outputs, wrt, mirrors)))
    count = len(found[0][2])
    some = [i for i in range(count) if any(t[i] is not None for _, _, t in found)]
    if not some:
        return (None,) * count
    made = []
    for side, mirrors, moved in found:
        outputs = []
        for i in some:
            t, out = moved[i], side.outputs[i]
            if t is None:
                t = out if out.op is ABSENT else zeros_like(out)
            outputs.append(t)
        made.append(Region([*side.parameters, *mirrors], outputs))
    whole = _rebuilt(node, [*args, *[t for _, t in moving]], made)
    results = dict(zip(some, items(whole), strict=True))
    return tuple([results.get(i) for i in range(count)])


def _cond_batch(node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
    lead = len(_operands(node)[0])
    rest = args[lead:]
    size = next(arg.shape[0] for arg, flag in zip(args, batched, strict=True) if flag)
    made = []
    for side in _sides(node):
        rows = {
            p: row(p, size) for p, flag in zip(side.parameters, batched[lead:], strict=True) if flag
        }
        own = [rows.get(p, p) for p in side.parameters]
        made.append((own, batch_outputs(side.outputs, rows)))
    apart = lead == 1 and batched[0]
    count = len(made[0][1])
    sides = []
    for own, outputs in made:
        values = []
        for i in range(count):
            value, flag = outputs[i]
            whole = apart or any(other[i][1] for _, other in made)
            if value.op is ABSENT and whole:
                value = absent(batched_shape(value.shape, size), value.dtype)
            elif whole and not flag:
                value = spread(value, size)
            values.append(value)
        sides.append(Region(own, values))
    if not apart:
        keys = [key for key, _ in regions(node)]
        return make(node.op, args, dict(zip(keys, sides, strict=True)))
    pred = args[0]
    # a choice for each example: both sides are computed, and the elements chosen
    then, otherwise = (side.on(rest) for side in sides)
    chosen = []
    for a, b in zip(then, otherwise, strict=True):
        if ABSENT in (a.op, b.op):  # read where it has been computed, and nowhere else
            chosen.append(b if a.op is ABSENT else a)
            continue
        shape = (*pred.shape, *(1,) * (a.ndim - pred.ndim))
        chosen.append(FUNCTIONS["where"](FUNCTIONS["reshape"](pred, shape), a, b))
    return _as_one(chosen)


def _as_one(values: Sequence[Expr]) -> Expr:
    """A node that gives several values: a branch whose sides are the same."""
    own = [bound(v.name or v.op.name, v.shape, v.dtype) for v in values]
    same = Region(own, own)
    return make(BRANCH, (literal(True), *values), {"then": same, "otherwise": same})


for name in ("branch", "checkpoint"):
    rules[name, "vjp"] = _cond_vjp
    rules[name, "jvp"] = _cond_jvp
    rules[name, "batch"] = _cond_batch
    rules[name, "item"] = rules["loop", "item"]
