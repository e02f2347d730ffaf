"""Scans that keep little for backward: in chunks, of which the carry at the start is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence

from symgrad.autodiff.residuals import bytes_in
from symgrad.errors import DeclarationError
from symgrad.ir import provenance
from symgrad.ir.node import Expr, make
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.region import Region, bound
from symgrad.ir.size import Dim, Size
from symgrad.ops.item import items
from symgrad.ops.loop import CHECKPOINT, loop

__all__ = ["chunk_length", "in_chunks"]

#: the length of chunks where that of the loop is symbolic: right for a thousand steps
_USUAL = 32


def chunk_length(body: Region, carries: int, length: Size, memory: object) -> int | None:
    """How many steps are computed again together; None where all is kept.

    Raises
    ------
    DeclarationError
        If `memory` is neither None, ``"sqrt"`` nor a number of bytes that suffices.
    """
    if memory is None:
        return None
    is_bytes = isinstance(memory, int) and not isinstance(memory, bool) and memory > 0
    if not is_bytes and memory != "sqrt":
        raise DeclarationError(
            f'scan: memory is None, "sqrt" or a positive number of bytes; got {memory!r}'
        )
    if isinstance(length, Dim):
        return _USUAL
    if length < 4:
        return None
    if not is_bytes:
        return math.isqrt(length - 1) + 1
    floats = [n for n in body.nodes() if n.dtype.kind == "f" and n.args]
    of_step = sum([bytes_in(n) for n in floats]) or 1
    of_carry = sum([bytes_in(p) for p in body.parameters[:carries]]) or 1
    assert isinstance(memory, int)
    if length * of_step <= memory:
        return None
    best = min(max(round(math.sqrt(length * of_carry / of_step)), 1), length)
    least = -(-length // best) * of_carry + best * of_step
    if least > memory:
        raise DeclarationError(
            f"scan: memory={memory} bytes are not enough: {length} steps need about {least}, "
            "with the carry kept at some steps and the others computed again"
        )
    return best


def in_chunks(
    init: Sequence[Expr],
    xs: Sequence[Expr],
    consts: Sequence[Expr],
    body: Region,
    length: Size,
    reverse: bool,
    chunk: int,
) -> tuple[Expr, ...]:
    """A scan as one over chunks, each of which is computed again in reverse mode."""
    with provenance.quiet():
        count = length // chunk
        whole = count * chunk
        rest = length - whole
        start = rest if reverse else 0
        carries = len(init)
        parts = [
            FUNCTIONS["reshape"](x[start : start + whole], (count, chunk, *x.shape[1:])) for x in xs
        ]
        own = [bound(str(p.attrs["name"]), p.shape, p.dtype) for p in body.parameters[:carries]]
        rows = [
            bound(f"{p.attrs['name']}s", (chunk, *p.shape), p.dtype)
            for p in body.parameters[carries : carries + len(xs)]
        ]
        fixed = [
            bound(str(p.attrs["name"]), p.shape, p.dtype)
            for p in body.parameters[carries + len(xs) :]
        ]
        inner = loop(own, rows, fixed, body, chunk, reverse)
        once = Region([*own, *rows, *fixed], inner)
        again = Region(once.parameters, items(make(CHECKPOINT, once.parameters, {"body": once})))
        made = list(loop(init, parts, consts, again, count, reverse))
        results = [FUNCTIONS["reshape"](y, (whole, *y.shape[2:])) for y in made[carries:]]
        if rest == 0:
            return (*made[:carries], *results)
        left = [x[:start] if reverse else x[whole:] for x in xs]
        tail = loop(made[:carries], left, consts, body, rest, reverse)
        joined = [
            FUNCTIONS["concatenate"]([b, a] if reverse else [a, b])
            for a, b in zip(results, tail[carries:], strict=True)
        ]
    return (*tail[:carries], *joined)
