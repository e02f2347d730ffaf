"""Loops: one op, a body that is repeated, whether over an axis or while a test holds.

``scan``, ``while_loop`` and ``map`` declare it (:mod:`symgrad.model.control`); its derivatives and
its batching need those of the body, and are handed over by :mod:`symgrad.autodiff.loops`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.aval import Aval, Avals, format_shape
from symgrad.ir.checks import require_equal
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS, Op, register
from symgrad.ir.region import Region, fingerprint, regions
from symgrad.ir.size import Size, dim, symbols_in
from symgrad.ops.called import called, plural
from symgrad.ops.creation import dtype_keyword
from symgrad.ops.item import items

__all__ = [
    "ABSENT",
    "BLOCKS",
    "BRANCH",
    "CHECKPOINT",
    "LOOP",
    "Loop",
    "Parts",
    "absent",
    "in_side",
    "loop",
    "named_trips",
    "plain_trips",
    "rules",
    "trips",
]

#: (op's name, what is wanted) -> how it is made; set by `symgrad.autodiff.loops`
rules: dict[tuple[str, str], Callable[..., Any]] = {}


_TRIPS = "trips_"


def trips(size: object) -> set[str]:
    """The sizes in a size, or a shape, that are known when a loop has ended."""
    return {s for s in symbols_in(size) if s.startswith(_TRIPS)}


def plain_trips(text: str) -> str:
    """A text about sizes in which numbers of trips are called that, for people."""
    return re.sub(rf"\b{_TRIPS}[0-9a-f]+\b", "trips", text)


#: the branches in whose sides something is differentiated, the innermost last
_branches: ContextVar[tuple[tuple[Expr, str], ...]] = ContextVar("_branches", default=())


@contextmanager
def in_side(branch: Expr, side: str) -> Iterator[None]:
    """Loops with a test are counted apart in each side of each branch: one alone is taken."""
    token = _branches.set((*_branches.get(), (branch, side)))
    try:
        yield
    finally:
        _branches.reset(token)


def named_trips(node: Expr) -> Size:
    """The name of the number of trips of a loop with a test: the same wherever it is.

    In a side of a branch it is that of this branch: two branches may hold loops that are alike.
    """
    digest = fingerprint(node)
    for branch, side in _branches.get():
        digest = hashlib.blake2b(f"{digest} {fingerprint(branch)} {side}".encode()).hexdigest()
    return dim(_TRIPS + digest[:12])


class Parts(NamedTuple):
    """Arguments, parameters and outputs of a loop, by what they are to it."""

    init: tuple[Expr, ...]
    xs: tuple[Expr, ...]
    consts: tuple[Expr, ...]
    carry: tuple[Expr, ...]
    x: tuple[Expr, ...]
    const: tuple[Expr, ...]
    new: tuple[Expr, ...]
    y: tuple[Expr, ...]
    #: values of the body of which an array is made: results, and carries of which all are kept
    rows: tuple[Expr, ...]

    @staticmethod
    def of(node: Expr) -> Parts:
        """
        Parameters
        ----------
        node : Expr
            Of the op `loop`.
        """
        body: Region = node.attrs["body"]
        n, m = node.attrs["carries"], node.attrs["carries"] + node.attrs["sequences"]
        a, p, o = node.args, body.parameters, body.outputs
        rows = (*o[n:], *[o[i] for i in node.attrs.get("trails", ())])
        return Parts(a[:n], a[n:m], a[m:], p[:n], p[n:m], p[m:], o[:n], o[n:], rows)


class Structured(Op):
    """What loops and branches share: several results, rules that need those of the body."""

    expensive = True
    takes_complex = True

    def vjp(self, node: Expr, ct: Any, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return rules[self.name, "vjp"](node, ct, needs)  # type: ignore[no-any-return]

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Any:
        return rules[self.name, "jvp"](node, tangents)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return rules[self.name, "batch"](node, args, batched)  # type: ignore[no-any-return]

    def batched_item(self, whole: Expr, item: Expr) -> tuple[Expr, bool]:
        return rules[self.name, "item"](whole, item)  # type: ignore[no-any-return]

    def part_name(self, node: Expr, index: int) -> str:
        """As its region calls it."""
        _, region = next(regions(node))
        return called(region.outputs[index])

    def flops(self, node: Expr) -> int:
        return 0


@register
class Loop(Structured):
    """``carry, y[t] = body(carry, x[t])`` for each t, or while a test of the carry holds.

    Parameters
    ----------
    body : Region
        Of the carry, one element of each sequence, and constants; it gives the new carry and an
        element of each result.
    test : Region or None
        Of the carry and the constants; None for a loop of known length.
    length : Size or None
        Of a loop with a test, the name of its number of trips, where it gives results.
    reverse : bool
        From the last element to the first; results keep the place of their elements.
    carries, sequences : int
        How many of the arguments are such; the others are constants.
    trails : tuple of int
        Carries of which all values are given, the first one too: of one more than the steps. They
        come after the results. :mod:`symgrad.loops.trails` makes them, once all is differentiated.
    """

    name = "loop"

    def part_name(self, node: Expr, index: int) -> str:
        """As the body calls it; the values of all steps in the plural."""
        past = index - len(node.attrs["body"].outputs)
        if past >= 0:
            return f"{self.part_name(node, node.attrs['trails'][past])}_all"
        body: Region = node.attrs["body"]
        value = body.outputs[index]
        if index >= node.attrs["carries"]:
            return plural(called(value))
        return called(value) if value.name else str(body.parameters[index].attrs["name"])

    def aval(
        self,
        *args: Aval,
        body: Region,
        test: Region | None,
        length: Size | None,
        reverse: bool,
        carries: int,
        sequences: int,
        trails: tuple[int, ...] = (),
    ) -> Aval:
        for a in args[carries : carries + sequences]:
            assert length is not None
            require_equal(a.shape[0], length, "the sequences of a loop are equally long")
        element = [Aval(a.shape[1:], a.dtype) for a in args[carries : carries + sequences]]
        wanted = [*args[:carries], *element, *args[carries + sequences :]]
        _require_alike("loop", wanted, body)
        made = [out.aval for out in body.outputs]
        for i, (before, after) in enumerate(zip(args[:carries], made, strict=False)):
            if before != after:
                name = body.parameters[i].attrs["name"]
                kind = ShapeError if before.shape != after.shape else DTypeError
                raise kind(f"the carry {name!r} is {before} before a step and {after} after it")
        rows = []
        for aval in made[carries:]:
            assert length is not None
            rows.append(Aval((length, *aval.shape), aval.dtype))
        for i in trails:
            assert length is not None
            rows.append(Aval((length + 1, *made[i].shape), made[i].dtype))
        return Avals.of(*made[:carries], *rows)


@register
class Branch(Structured):
    """``then(*args)`` where a scalar condition, the first argument, holds; else the other."""

    name = "branch"

    def aval(self, pred: Aval, *args: Aval, then: Region, otherwise: Region) -> Aval:
        _require_alike("cond", args, then)
        _require_alike("cond", args, otherwise)
        made = [out.aval for out in then.outputs]
        other = [out.aval for out in otherwise.outputs]
        if made != other:
            shown = [", ".join([str(a) for a in avals]) for avals in (made, other)]
            raise ShapeError(f"one branch gives {shown[0]}, the other {shown[1]}")
        return Avals.of(*made)


@register
class Checkpoint(Structured):
    """A computation of which nothing is kept for backward: it is done again there."""

    name = "checkpoint"

    def aval(self, *args: Aval, body: Region) -> Aval:
        _require_alike("checkpoint", args, body)
        return Avals.of(*[out.aval for out in body.outputs])


@register
class Absent(Op):
    """What one side of a branch has not computed, and nobody reads there: zeros, if anything.

    The other side keeps it for backward mode. What no loop has counted has no length.
    """

    name = "absent"
    takes_complex = True

    def aval(self, *, shape: tuple[Size, ...], dtype: np.dtype[Any]) -> Aval:
        return Aval(shape, dtype)

    def numpy(self, node: Expr, *args: Code) -> Code:
        shape = tuple([0 if trips(size) else size for size in node.shape])
        return Code.call("np.zeros", format_shape(shape), **dtype_keyword(node.dtype))

    def latex(self, node: Expr, *args: str) -> str:
        return r"\cdot"

    def flops(self, node: Expr) -> int:
        return 0


def _require_alike(what: str, args: Sequence[Aval], region: Region) -> None:
    have = [p.aval for p in region.parameters]
    if list(args) != have:
        raise ShapeError(
            f"the body of a {what} takes {', '.join(map(str, have))}; got "
            f"{', '.join(map(str, args))}"
        )


LOOP, BRANCH, CHECKPOINT = OPS["loop"], OPS["branch"], OPS["checkpoint"]
ABSENT = OPS["absent"]

#: what becomes a block of statements
BLOCKS = (LOOP, BRANCH, CHECKPOINT)


def absent(shape: tuple[Size, ...], dtype: np.dtype[Any]) -> Expr:
    """What a side of a branch has not computed."""
    return make(ABSENT, (), {"shape": shape, "dtype": dtype})


def loop(
    init: Sequence[Expr],
    xs: Sequence[Expr],
    consts: Sequence[Expr],
    body: Region,
    length: Size | None,
    reverse: bool = False,
    test: Region | None = None,
) -> tuple[Expr, ...]:
    """The final carry and the results of a loop."""
    attrs = {
        "body": body,
        "test": test,
        "length": length,
        "reverse": reverse,
        "carries": len(init),
        "sequences": len(xs),
    }
    return items(make(LOOP, (*init, *xs, *consts), attrs))
