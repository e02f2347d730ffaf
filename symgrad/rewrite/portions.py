"""Portions of a softmax: a few of its elements against all the others.

Where the portion is nearly 1 its logarithm is that of ``1 - rest``, of which a sum of the rounded
elements keeps nothing; the logarithm of the odds does.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS
from symgrad.rewrite.pattern import logaddexp, logsumexp, max, softplus, stop_gradient
from symgrad.rewrite.scalars import difference

__all__ = ["Portion", "portion"]

#: so many elements may be added by hand: the sum of the rest is taken anew for each
MOST = 8


@dataclass(frozen=True, slots=True)
class Portion:
    """A sum of elements of ``softmax(x)`` that numbers pick along its axis.

    Parameters
    ----------
    x : Expr
        Shifted, so that its greatest element along the axis is 0.
    index : tuple
        The index that picks one of them, as ``getitem`` has it.
    place : int
        Which entry of it is the axis of the softmax.
    size : int
        The length of that axis.
    picked : tuple of int
    """

    x: Expr
    index: tuple[tuple[Any, ...], ...]
    place: int
    size: int
    picked: tuple[int, ...]

    def log(self, *, rest: bool = False) -> Expr:
        """The logarithm of the portion, or of the rest."""
        others = [i for i in range(self.size) if i not in self.picked]
        of, against = (others, self.picked) if rest else (self.picked, others)
        return -softplus(difference(self._logsumexp(against), self._logsumexp(of)))

    def _logsumexp(self, places: Collection[int]) -> Expr:
        """Of single elements, and of slices where three or more are consecutive."""
        places = sorted(places)
        known = set(places)
        starts = [i for i in places if i - 1 not in known]
        stops = [i + 1 for i in places if i + 1 not in known]
        axis = len([entry for entry in self.index[: self.place] if entry[0] != "at"])
        parts: list[Expr] = []
        for start, stop in zip(starts, stops, strict=True):
            if stop - start > 2:
                part = self._at(("slice", start, stop - start, 1))
                parts.append(logsumexp(part, axis=axis))
            else:
                parts += [self._at(("at", i)) for i in range(start, stop)]
        return reduce(logaddexp, parts)

    def _at(self, entry: tuple[Any, ...]) -> Expr:
        index = (*self.index[: self.place], entry, *self.index[self.place + 1 :])
        return make(OPS["getitem"], (self.x,), {"index": index})


def portion(node: Expr) -> Portion | None:
    """What `node` is a portion of, but for all of it; its parts are known to be no cut leaves."""
    found: Portion | None = None
    waiting = [node]
    while waiting:
        term = waiting.pop()
        if term.op.name == "add":
            waiting += term.args
            continue
        one = _picked(term)
        if one is None:
            return None
        if found is not None:
            (place,) = one.picked
            if place in found.picked or found._at(("at", place)) is not one._at(("at", place)):
                return None
            one = replace(found, picked=tuple(sorted((*found.picked, place))))
        found = one
        if len(found.picked) > MOST:
            return None
    return found if found is not None and len(found.picked) < found.size else None


def _picked(node: Expr) -> Portion | None:
    """A single element."""
    if node.op.name != "getitem" or node.args[0].op.name != "softmax" or len(node.args) > 1:
        return None
    softmax, index = node.args[0], node.attrs["index"]
    places = [i for i, entry in enumerate(index) if entry[0] != "new"]
    (axis, *more) = softmax.attrs["axis"]
    size, entry = softmax.shape[axis], index[places[axis]]
    if more or not isinstance(size, int) or entry[0] != "at" or not isinstance(entry[1], int):
        return None
    x = softmax.args[0]
    if x.aval != softmax.aval:
        return None
    # odds do not change with it, and are not rounded as numbers of the size of x are
    x = x - stop_gradient(max(x, axis=axis, keepdims=True))
    return Portion(x, index, places[axis], size, (entry[1],))
