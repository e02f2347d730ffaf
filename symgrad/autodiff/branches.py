"""Derivatives of branches: a branch between the derivatives of both sides."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.autodiff.batching import batch_outputs
from symgrad.autodiff.forward import pushforward
from symgrad.autodiff.loops import mirror, row, spread, zeros_like
from symgrad.autodiff.reverse import cotangents, depends
from symgrad.ir import provenance
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr, make
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.region import Region
from symgrad.ops.item import items
from symgrad.ops.loop import BRANCH, rules


def _sides(node: Expr) -> list[Region]:
    return [node.attrs["then"], node.attrs["otherwise"]]


def branch(pred: Expr, args: Sequence[Expr], then: Region, otherwise: Region) -> tuple[Expr, ...]:
    """The results of one of two regions of the same parameters."""
    return items(make(BRANCH, (pred, *args), {"then": then, "otherwise": otherwise}))


def _cond_vjp(node: Expr, cts: Sequence[Expr | None], needs: tuple[bool, ...]) -> list[Expr | None]:
    pred, *args = node.args
    given = [(i, ct) for i, ct in enumerate(cts) if ct is not None]
    wanted = [i for i, need in enumerate(needs[1:]) if need]
    grads: list[list[Expr | None]] = []
    regions = []
    for side in _sides(node):
        seeds = [mirror("d", side.outputs[i]) for i, _ in given]
        wrt = [side.parameters[i] for i in wanted]
        order = topological([side.outputs[i] for i, _ in given])
        moving = depends(order, wrt)
        alive = [(side.outputs[i], s) for (i, _), s in zip(given, seeds, strict=True)]
        alive = [(out, s) for out, s in alive if out in moving]
        with provenance.quiet():
            found = cotangents([o for o, _ in alive], [s for _, s in alive], wrt, leaves=True)
        grads.append(found)
        regions.append((side, seeds))
    some = [k for k in range(len(wanted)) if any(found[k] is not None for found in grads)]
    if not some:
        return [None] * len(node.args)
    made = []
    for (side, seeds), found in zip(regions, grads, strict=True):
        outputs = []
        for k in some:
            ct = found[k]
            outputs.append(zeros_like(args[wanted[k]]) if ct is None else ct)
        made.append(Region([*side.parameters, *seeds], outputs))
    results = branch(pred, [*args, *[ct for _, ct in given]], *made)
    out: list[Expr | None] = [None] * len(node.args)
    for k, ct in zip(some, results, strict=True):
        out[1 + wanted[k]] = ct
    return out


def _cond_jvp(node: Expr, tangents: tuple[Expr | None, ...]) -> tuple[Expr | None, ...]:
    pred, *args = node.args
    moving = [(i, t) for i, t in enumerate(tangents[1:]) if t is not None]
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
            t = moved[i]
            outputs.append(zeros_like(side.outputs[i]) if t is None else t)
        made.append(Region([*side.parameters, *mirrors], outputs))
    results = dict(zip(some, branch(pred, [*args, *[t for _, t in moving]], *made), strict=True))
    return tuple([results.get(i) for i in range(count)])


def _cond_batch(node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
    pred, *rest = args
    size = next(arg.shape[0] for arg, flag in zip(args, batched, strict=True) if flag)
    made = []
    for side in _sides(node):
        rows = {
            p: row(p, size) for p, flag in zip(side.parameters, batched[1:], strict=True) if flag
        }
        own = [rows.get(p, p) for p in side.parameters]
        made.append((own, batch_outputs(side.outputs, rows)))
    apart = batched[0]
    count = len(made[0][1])
    regions = []
    for own, outputs in made:
        values = []
        for i in range(count):
            value, flag = outputs[i]
            whole = apart or any(other[i][1] for _, other in made)
            values.append(spread(value, size) if whole and not flag else value)
        regions.append(Region(own, values))
    if not apart:
        return make(BRANCH, args, {"then": regions[0], "otherwise": regions[1]})
    # a choice for each example: both sides are computed, and the elements chosen
    then, otherwise = (region.on(rest) for region in regions)
    chosen = []
    for a, b in zip(then, otherwise, strict=True):
        shape = (*pred.shape, *(1,) * (a.ndim - pred.ndim))
        chosen.append(FUNCTIONS["where"](FUNCTIONS["reshape"](pred, shape), a, b))
    return _as_one(chosen)


def _as_one(values: Sequence[Expr]) -> Expr:
    """A node that gives several values: a branch whose sides are the same."""
    from symgrad.ir.node import literal
    from symgrad.ir.region import bound

    own = [bound(v.name or v.op.name, v.shape, v.dtype) for v in values]
    same = Region(own, own)
    return make(BRANCH, (literal(True), *values), {"then": same, "otherwise": same})


rules["cond", "vjp"] = _cond_vjp
rules["cond", "jvp"] = _cond_jvp
rules["cond", "batch"] = _cond_batch
