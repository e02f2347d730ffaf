"""Conditions that say the same twice: one selection inside another, one mask within another.

A mask is followed from what it masks down to what that is made of, through what works element by
element, and through sums and scatters beside the axes along which it varies.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from symgrad.ir.graph import rebuild
from symgrad.ir.node import Expr
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import bitwise_and, expand_dims, logical_and, logical_or, where, zeros
from symgrad.rewrite.rows import is_unit, places
from symgrad.rewrite.scalars import conform

#: through which a selection is followed: what derivatives are made of
_ELEMENTWISE = ("add", "subtract", "multiply", "divide", "negative", "where", "broadcast_to")

#: and how far
_DEPTH = 12


class Mask(NamedTuple):
    """A condition, and where each of its axes stands in what it masks; None for those of size 1."""

    condition: Expr
    places: tuple[int | None, ...]

    def moved(self, to: dict[int, int]) -> Mask | None:
        """Where the axes of what it masks stand elsewhere; None if one of its own is not there."""
        if any(place is not None and place not in to for place in self.places):
            return None
        found = [None if place is None else to[place] for place in self.places]
        return Mask(self.condition, tuple(found))

    def is_that_of(self, condition: Expr, ndim: int) -> bool:
        """Whether a condition, broadcast to so many axes, says the same."""
        other = mask_of(condition, ndim)
        return self.condition is other.condition and self.places == other.places

    def varies_along(self, axes: tuple[int, ...]) -> bool:
        return any(place in axes for place in self.places)


def mask_of(condition: Expr, ndim: int) -> Mask:
    """What a condition, broadcast to so many axes, is made of by new axes and broadcasts."""
    at = list(range(ndim - condition.ndim, ndim))
    while condition.op.name in ("expand_dims", "broadcast_to"):
        if condition.op.name == "expand_dims":
            at = [place for i, place in enumerate(at) if i not in condition.attrs["axis"]]
        else:
            at = at[condition.ndim - condition.args[0].ndim :]
        condition = condition.args[0]
    sizes = zip(at, condition.shape, strict=True)
    return Mask(condition, tuple([None if is_unit(size) else place for place, size in sizes]))


def _below(mask: Mask, node: Expr, i: int) -> Mask | None:
    """The mask on an argument, whose masked elements alone come into the masked ones of `node`."""
    arg, name = node.args[i], node.op.name
    if name in _ELEMENTWISE:
        if (name, i) in (("where", 0), ("divide", 1)):  # a divisor is guarded on purpose
            return None
        return _across(mask, node, arg)
    if name == "expand_dims":
        kept = [axis for axis in range(node.ndim) if axis not in node.attrs["axis"]]
        return mask.moved({axis: place for place, axis in enumerate(kept)})
    if name == "sum":
        axes = node.attrs["axis"]
        if node.attrs["keepdims"]:
            return None if mask.varies_along(axes) else mask
        kept = [axis for axis in range(arg.ndim) if axis not in axes]
        return mask.moved(dict(enumerate(kept)))
    if name == "scatter_add":
        return mask if i == 0 else _scattered(mask, node) if arg is node.args[-1] else None
    return None


def _across(mask: Mask, node: Expr, arg: Expr) -> Mask | None:
    """The mask on an argument that is broadcast to the shape of `node`, beside its axes."""
    first = node.ndim - arg.ndim
    return mask.moved(
        {a + first: a for a, size in enumerate(arg.shape) if size == node.shape[a + first]}
    )


def _scattered(mask: Mask, node: Expr) -> Mask | None:
    """The mask on what is added: by rows that stay where they are."""
    *arrays, values = node.args[1:]
    index = node.attrs["index"]
    depth = max([a.ndim for a in arrays], default=0)
    taken = sum(entry[0] in ("slice", "new") for entry in index)
    first = taken + depth - values.ndim  # leading axes along which the values are broadcast
    to = {}
    for axis, place in enumerate(places(index, node.shape, tuple(arrays))):
        if place is not None and place >= first and values.shape[place - first] == node.shape[axis]:
            to[axis] = place - first
    return mask.moved(to)


# ---------------------------------------------------------------- one selection in another


def _chosen(node: Expr, mask: Mask, when: bool, run: Rewriter, depth: int = _DEPTH) -> Expr:
    """`node` where the mask is (not) true, without selections below that ask for it again."""
    if node.op.name == "where" and mask.is_that_of(node.args[0], node.ndim):
        return conform(node.args[1 if when else 2], node)
    if not depth or run.opaque(node) or run.uses(node) > 1:
        return node
    args = list(node.args)
    for i, arg in enumerate(args):
        below = _below(mask, node, i)
        if below is not None:
            args[i] = _chosen(arg, below, when, run, depth - 1)
    same = all([a is b for a, b in zip(args, node.args, strict=True)])
    return node if same else rebuild(node, tuple(args))


def _row(x: Expr) -> Expr:
    return expand_dims(x[:, 0] > 0, 1)


@rule(
    "algebra",
    lambda c, x, y: where(c, x, y),
    only=lambda op, below: not {*_ELEMENTWISE, "scatter_add", "sum"}.isdisjoint(below[1:]),
    examples=(
        lambda x: where(x > 0, where(x > 0, x, 1.0) * 2.0 + x, x),
        lambda x, y: where(_row(x), x * expand_dims(where(x[:, 0] > 0, y[:, 1], 0.0), 1), 0.0),
        lambda x, y: where(
            _row(x),
            x.at[np.arange(3), np.array([0, 3, 1])].add(where(x[:, 0] > 0, y[:, 1], 0.0)),
            0.0,
        ),
        lambda x: where(x[:, 0] > 0, where(_row(x), x, 0.0).sum(axis=1), 0.0),
        lambda x: where((x > 0)[:, 0], 0.0, -where((x > 0)[:, 0], 0.0, x[:, 1])),
    ),
)
def selected_twice(c: Expr, x: Expr, y: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """where(c, x * where(c, y, 0), z) -> where(c, x * y, z), and so through sums and scatters."""
    found = []
    for value, when in ((x, True), (y, False)):
        mask = mask_of(c, node.ndim)
        below = _below(mask, node, 1 if when else 2)
        found.append(value if below is None else _chosen(value, below, when, run))
    if found[0] is x and found[1] is y:
        return None
    return conform(where(c, *found), node)


# ---------------------------------------------------------------- one mask in another


def _within(part: Expr, mask: Mask, depth: int = _DEPTH) -> bool:
    """Whether a condition holds only where the mask does."""
    if mask.is_that_of(part, part.ndim):
        return True
    name = part.op.name
    if name in ("logical_or", "bitwise_or", "logical_and", "bitwise_and") and depth:
        parts = [_is_arg_within(part, i, mask, depth - 1) for i in range(2)]
        return all(parts) if name in ("logical_or", "bitwise_or") else any(parts)
    if name == "scatter_add" and part.args[0].op.name == "zeros" and depth:
        below = _scattered(mask, part)
        return below is not None and _within(part.args[-1], below, depth - 1)
    return False


def _is_arg_within(node: Expr, i: int, mask: Mask, depth: int = _DEPTH) -> bool:
    below = _across(mask, node, node.args[i])
    return below is not None and _within(node.args[i], below, depth)


def _nested(node: Expr) -> tuple[Expr, Expr] | None:
    """The smaller and the larger of two conditions, if one holds only where the other does."""
    a, b = node.args
    if a.dtype.kind == b.dtype.kind == "b":
        if _is_arg_within(node, 0, mask_of(b, node.ndim)):
            return a, b
        if _is_arg_within(node, 1, mask_of(a, node.ndim)):
            return b, a
    return None


@rule(
    "algebra",
    lambda a, b: logical_or(a, b),
    examples=(
        lambda x: logical_or(x > 0, x > 0),
        lambda x: logical_or(
            _row(x), zeros((3, 4), bool).at[np.arange(3), np.array([0, 3, 1])].add(x[:, 0] > 0)
        ),
        lambda x: logical_or(logical_and(x > 0, x < 1), x > 0),
    ),
)
def either_of_nested(a: Expr, b: Expr, node: Expr) -> Expr | None:
    """a or b -> b, where a holds only where b does."""
    found = _nested(node)
    return None if found is None else conform(found[1], node)


@rule(
    "algebra",
    lambda a, b: logical_and(a, b),
    examples=(
        lambda x: logical_and(x > 0, x > 0),
        lambda x: logical_and(logical_and(x > 0, x < 1), x > 0),
    ),
)
def both_of_nested(a: Expr, b: Expr, node: Expr) -> Expr | None:
    """a and b -> a, where a holds only where b does."""
    found = _nested(node)
    return None if found is None else conform(found[0], node)


@rule("algebra", lambda a, b: bitwise_and(a, b), examples=(lambda x: (x > 0) & (x > 0),))
def both_bits_of_nested(a: Expr, b: Expr, node: Expr) -> Expr | None:
    """a & b -> a, where a holds only where b does."""
    found = _nested(node)
    return None if found is None else conform(found[0], node)
