"""Shape: indices that merge, cancel, or move inward to where less is computed."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any, cast

import numpy as np

from symgrad.ir.graph import rebuild
from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS
from symgrad.ir.size import Size
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import (
    arange,
    broadcast_to,
    full,
    getitem,
    scatter_add,
    sqrt,
    squeeze,
    stack,
)
from symgrad.rewrite.rows import is_unit, places
from symgrad.rewrite.scalars import conform
from symgrad.rewrite.shape import unbroadcast

# ---------------------------------------------------------------- indexing


@rule(
    "shape",
    lambda x: getitem(getitem(x)),
    examples=(
        lambda x: x[1:][:, 2],
        lambda x: x[::-1][1:],
        lambda x: x[:, 1:][:, ::2],
        lambda x: x[1][2],
        lambda x: x[:, None, 1][0],
    ),
)
def slice_of_slice(x: Expr, node: Expr) -> Expr | None:
    """Two slices -> one."""
    outer = list(node.attrs["index"])
    merged: list[tuple[Any, ...]] = []
    for part in node.args[0].attrs["index"]:
        while outer and outer[0][0] == "new":
            merged.append(outer.pop(0))
        if part[0] == "at":
            merged.append(part)
            continue
        then = outer.pop(0)
        if part[0] == "new":
            if then[0] == "slice":
                if then != ("slice", 0, 1, 1):
                    return None
                merged.append(part)
            continue
        _, start, _, step = part
        if then[0] == "at":
            merged.append(("at", start + then[1] * step))
        else:
            merged.append(("slice", start + then[1] * step, then[2], step * then[3]))
    merged += outer
    return make(OPS["getitem"], (x,), {"index": tuple(merged)})


@rule(
    "shape",
    lambda x: getitem(x),
    only=lambda op, below: "stack" in below,
    examples=(
        lambda x: stack([x, x * 2.0])[1],
        lambda x: stack([x[0], x[1] * 2.0], axis=1)[1:, 0],
        lambda x: stack([x, x * 2.0], axis=2)[None, 1, :, 1],
    ),
)
def element_of_stack(x: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """One of the arrays of a stack -> that array."""
    if x.op.name != "stack" or len(node.args) > 1 or run.opaque(x):
        return None
    index = node.attrs["index"]
    axes = [i for i, part in enumerate(index) if part[0] != "new"]
    at = axes[x.attrs["axis"]]
    kind, number = index[at][:2]
    if kind != "at" or not isinstance(number, int):
        return None
    rest = index[:at] + index[at + 1 :]
    made = x.args[number]
    return conform(make(OPS["getitem"], (made,), {"index": rest}) if rest else made, node)


@rule(
    "shape",
    lambda x, i, index: getitem(x, i, index=index),
    examples=(lambda x: x[arange(3)], lambda x: x[:, arange(4)], lambda x: x[1:, arange(4), None]),
)
def gather_of_all(x: Expr, i: Expr, index: Any) -> Expr | None:
    """Elements 0, 1, ... up to the size of an axis -> the whole axis."""
    kinds = [part[0] for part in index]
    if i.ndim != 1 or ("at" in kinds and set(kinds[: kinds.index("array")]) & {"slice", "new"}):
        return None  # the axis of a gather that is not in one piece comes first
    axis = [part[0] for part in index if part[0] != "new"].index("array")
    where = places(index, x.shape, (i,))
    if where[axis] is None:
        return None
    whole = ("slice", 0, x.shape[axis], 1)
    new = tuple([whole if part[0] == "array" else part for part in index])
    return make(OPS["getitem"], (x,), {"index": new})


@rule(
    "shape",
    lambda x: getitem(broadcast_to(x)),
    examples=(
        lambda x: broadcast_to(x[0], (3, 4))[1],
        lambda x: broadcast_to(x[:, :1], (2, 3, 4))[0, 1:, ::2],
        lambda x: broadcast_to(x[:1], (3, 4))[1:, None, 2],
    ),
)
def slice_of_broadcast(x: Expr, node: Expr) -> Expr | None:
    """A slice of what was broadcast -> a broadcast of a slice."""
    wide = node.args[0]
    lead = wide.ndim - x.ndim
    axis = 0
    index: list[tuple[Any, ...]] = []
    for part in node.attrs["index"]:
        if part[0] == "new":
            if axis >= lead:
                index.append(part)
            continue
        own = axis - lead
        if own >= 0:
            repeated = is_unit(x.shape[own]) and not is_unit(wide.shape[axis])
            if not repeated:
                index.append(part)
            else:
                index.append(("at", 0) if part[0] == "at" else ("slice", 0, 1, 1))
        axis += 1
    return conform(make(OPS["getitem"], (x,), {"index": tuple(index)}), node)


@rule(
    "shape",
    lambda x, *arrays, index: getitem(x, *arrays, index=index),
    examples=(
        lambda x, y: (sqrt(x + 3.0) * 2.0)[1:],
        lambda x, y: (x * y)[arange(3), np.array([0, 3, 1])],
        lambda x, y: (x * y)[:, 2],
    ),
)
def index_before_elementwise(
    x: Expr, arrays: tuple[Expr, ...], index: Any, node: Expr, run: Rewriter
) -> Expr | None:
    """Part of an elementwise result -> the result of parts: the rest is not computed."""
    if not x.op.elementwise or x.op.name in ("named", "stop_gradient") or not x.args:
        return None
    if run.opaque(x) or run.uses(x) > 1:
        return None
    if arrays and node.ndim >= x.ndim:
        return None  # a gather may be larger than what it takes from
    if all(part[0] == "new" or part[1:] == (0, n, 1) for part, n in _with_sizes(index, x)):
        return None
    parts = [_part(arg, x, arrays, index) if arg.shape else arg for arg in x.args]
    if any(part is None for part in parts):
        return None
    return rebuild(x, tuple(cast("list[Expr]", parts)))


def _part(arg: Expr, x: Expr, arrays: tuple[Expr, ...], index: Any) -> Expr | None:
    """What an argument of an elementwise `x` is to a part of `x`: its own axes of size 1 stay."""
    if arg.shape == x.shape:
        return make(OPS["getitem"], (arg, *arrays), {"index": index})
    if arg.ndim != x.ndim:
        return None
    new: list[tuple[Any, ...]] = []
    kept: list[Expr] = []
    sizes = iter(zip(arg.shape, x.shape, strict=True))
    for part in index:
        have, want = (0, 0) if part[0] == "new" else next(sizes)
        if part[0] == "new" or have == want:
            if part[0] == "array":
                kept.append(arrays[part[1]])
                part = ("array", len(kept) - 1)
        elif not (isinstance(have, int) and have == 1):
            return None
        else:
            part = ("slice", 0, 1, 1) if part[0] == "slice" else ("at", 0)
        new.append(part)
    if arrays and max([k.ndim for k in kept], default=0) < max([a.ndim for a in arrays]):
        return None  # what is left would not have the axes of the gather
    return make(OPS["getitem"], (arg, *kept), {"index": tuple(new)})


def _with_sizes(index: Any, x: Expr) -> list[tuple[tuple[Any, ...], Size]]:
    sizes = iter(x.shape)
    return [(part, 0 if part[0] == "new" else next(sizes)) for part in index]


@rule(
    "shape",
    lambda x, *rest: scatter_add(x, *rest),
    examples=(
        lambda x: x.at[1:].add(broadcast_to(x[0], (2, 4))),
        lambda x: x.at[arange(3), np.array([0, 3, 1])].add(full((3,), x[0, 0])),
    ),
)
def broadcast_in_scatter(x: Expr, rest: tuple[Expr, ...], node: Expr, run: Rewriter) -> Expr | None:
    """Values that are added to elements broadcast by themselves."""
    bare = unbroadcast(rest[-1], run)
    return None if bare is None else make(node.op, (x, *rest[:-1], bare), node.attrs)


@rule(
    "shape",
    lambda x, v: scatter_add(x, v),
    examples=(
        lambda x: x.at[:, None].add(broadcast_to(x[:, None] * 2.0, (3, 1, 4))),
        lambda x: x.at[None, 1:, :, None].add(x[0, :, None]),
        lambda x: x.at[:].add(x * 2.0),
        lambda x: x.at[...].add(x[0, 0]),
    ),
    takes_complex=True,
)
def new_axes_in_scatter(x: Expr, v: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """Values that are added at new axes have one element along them; at all elements: a sum."""
    index = node.attrs["index"]
    whole = tuple([("slice", 0, size, 1) for size in x.shape])
    kept = tuple([part for part in index if part[0] != "new"])
    if kept == index != whole:
        return None
    slots = [i for i, part in enumerate([p for p in index if p[0] != "at"]) if part[0] == "new"]
    rank = len([part for part in index if part[0] != "at"])
    axes = tuple([i - rank + v.ndim for i in slots if i - rank + v.ndim >= 0])
    if axes:
        v = squeeze(v, axes)
    if kept != whole:
        return make(node.op, (x, v), {"index": kept})
    return x + v if v.shape == x.shape else x + broadcast_to(v, x.shape)
