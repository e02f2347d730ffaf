"""Random numbers in the bodies of loops: others at each step, whatever the order of the steps.

A draw is a function of the call's key and of its place in the declared model. In a loop of known
length, what a body draws is drawn for all steps before it, and the loop goes along it. Where a
test ends the loop, one number is drawn for all of it, and what a step draws is a function of that
and of the number of the step. Both hold in loops inside of loops as well: what an inner body draws
before its loop is drawn by the outer body.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from symgrad.ir import provenance
from symgrad.ir.graph import substitute
from symgrad.ir.node import Expr, identity, make
from symgrad.ir.op import OPS
from symgrad.ir.provenance import Origin
from symgrad.ir.region import bound, keep_origins
from symgrad.ir.size import Size
from symgrad.ops.draws import Draw

__all__ = ["drawn", "for_all_steps", "of_each_step", "replaced"]

#: what tells a draw from another one of its kind
_OWN = "token"


def drawn(made: Iterable[Expr]) -> list[Expr]:
    """The random draws among what has been declared."""
    return [node for node in made if isinstance(node.op, Draw)]


def for_all_steps(draws: Sequence[Expr], steps: Size) -> dict[Expr, tuple[Expr, Expr]]:
    """Draw -> what a step of a loop calls it, and the draw for all steps along a first axis."""
    found = {}
    for draw in draws:
        attrs = {key: value for key, value in draw.attrs.items() if key != _OWN}
        whole = identity(draw.op, attrs | {"shape": (steps, *draw.shape)})
        whole.origin = draw.origin
        element = bound(draw.name or "noise", draw.shape, draw.dtype)
        element.origin = draw.origin
        found[draw] = (element, whole)
    return found


def of_each_step(draws: Sequence[Expr]) -> tuple[Expr, Expr, dict[Expr, Expr]]:
    """What counts the steps of a loop, before and after a step; draw -> that of this step."""
    attrs = {"shape": (), "dtype": np.dtype(np.int64), "low": 0, "high": 2**63 - 1}
    step = bound("step", (), np.dtype(np.int64))
    with provenance.quiet():
        stream = identity(OPS["random_integers"], attrs)
        stream.origin = Origin(name="stream")
        after = step + 1
    found = {}
    for number, draw in enumerate(draws):
        own = {key: value for key, value in draw.attrs.items() if key != _OWN}
        own |= {"distribution": draw.op.name, "number": number}
        found[draw] = make(OPS["keyed_draw"], (stream, step), own)
        found[draw].origin = draw.origin
    return step, after, found


def replaced(values: Sequence[Expr], mapping: dict[Expr, Expr]) -> list[Expr]:
    """What a body gives, with its draws replaced."""
    if not mapping:
        return list(values)
    known = dict(mapping)
    with provenance.quiet():
        made = substitute(values, known)
    keep_origins(known)
    return made
