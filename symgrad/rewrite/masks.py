"""Selections that change nothing: of what is 0 already wherever it is not selected."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Collection, Sequence

from symgrad.ir.node import LITERAL, Expr
from symgrad.ops.index_spec import Index
from symgrad.rewrite.engine import rule
from symgrad.rewrite.pattern import broadcast_to, logical_or, where, zeros


def _example(x: Expr) -> Expr:
    mask, blank = x[:, :1] > 0.0, zeros((3, 4), x.dtype)
    left = blank.at[:, :2].add(where(mask, x[:, 2:], 0.0))
    right = blank.at[:, 3].add(where(mask[:, 0], x[:, 1], 0.0))
    nowhere = zeros((3, 4), bool)
    taken = logical_or(
        nowhere.at[:, :2].add(broadcast_to(mask, (3, 2))), nowhere.at[:, 3].add(mask[:, 0])
    )
    return where(taken, left + right, 0.0)


@rule(
    "algebra",
    lambda c, v, z: where(c, v, z),
    only=lambda op, below: "logical_or" in below or "scatter_add" in below,
    examples=(
        _example,
        lambda x: where(logical_or(x > 0.0, x < -1.0), where(x > 0.0, x, 0.0), 0.0),
    ),
)
def selected_already(c: Expr, v: Expr, z: Expr, node: Expr) -> Expr | None:
    """where(c, v, 0) -> v, if v is exactly 0 wherever c does not hold."""
    if not _is_zero(z) or v.aval != node.aval:
        return None
    return v if _vanishes(v, _alternatives(c)) else None


def _alternatives(mask: Expr) -> set[Expr]:
    """The conditions of which one at least holds."""
    found: set[Expr] = set()
    pending = [mask]
    while pending:
        one = _bare(pending.pop())
        if one.op.name == "logical_or":
            pending += one.args
        else:
            found.add(one)
    return found


def _bare(x: Expr) -> Expr:
    while x.op.name == "broadcast_to":
        x = x.args[0]
    return x


def _is_zero(x: Expr) -> bool:
    x = _bare(x)
    return x.op.name == "zeros" or (x.op is LITERAL and not x.attrs["value"].array.any())


def _vanishes(value: Expr, masks: Collection[Expr]) -> bool:
    """Whether a value is exactly 0 where none of the masks holds."""
    while True:
        if _is_zero(value):
            return True
        if value.op.name == "where":
            condition, _, other = value.args
            return _is_zero(other) and _alternatives(condition) <= set(masks)
        if value.op.name == "add":
            return all([_vanishes(arg, masks) for arg in value.args])
        if value.op.name in ("concatenate", "stack"):
            places = zip(value.args, _places(value), strict=True)
            return all([_vanishes(part, _within(masks, index, ())) for part, index in places])
        if value.op.name != "scatter_add":
            return False
        base, *arrays, added = value.args
        if not _vanishes(added, _within(masks, value.attrs["index"], arrays)):
            return False
        value = base


def _within(masks: Collection[Expr], index: Index, arrays: Sequence[Expr]) -> set[Expr]:
    """Masks of the elements at an index, of which masks of the whole are made."""
    found: set[Expr] = set()
    for mask in masks:
        if mask.op.name == "scatter_add" and mask.attrs["index"] == index:
            own = mask.args[1:-1]
            if len(own) == len(arrays) and all([a is b for a, b in zip(own, arrays, strict=True)]):
                found |= _alternatives(mask.args[-1])
    return found


def _places(joined: Expr) -> list[Index]:
    """The index of each part of a concatenation or stack."""
    axis, start = joined.attrs["axis"], 0
    found = []
    for k, part in enumerate(joined.args):
        index: list[tuple[object, ...]] = [("slice", 0, size, 1) for size in joined.shape]
        size = 1 if joined.op.name == "stack" else part.shape[axis]
        index[axis] = ("at", k) if joined.op.name == "stack" else ("slice", start, size, 1)
        start = start + size
        found.append(tuple(index))
    return found
