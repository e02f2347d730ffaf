"""How arguments broadcast against each other, and the program for each way in which they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.autodiff.batching import batch_outputs
from symgrad.ir import provenance
from symgrad.ir.node import Expr, identity
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.size import Size, dim
from symgrad.model.jets import Jet, Part
from symgrad.ops.leaf import INPUT

__all__ = ["Pattern", "flags_and_sizes", "spread"]

#: for each axis of the batch, which of the arguments run over it
Pattern = tuple[tuple[bool, ...], ...]


def flags_and_sizes(
    shapes: Sequence[tuple[int, ...]], batch: tuple[int, ...]
) -> tuple[Pattern, list[int], list[tuple[int, ...]]]:
    """The pattern of arguments of these shapes, with axes merged that all run over alike.

    Returns
    -------
    pattern, sizes of its axes, the shape of each argument in the axes that it runs over

    Examples
    --------
    >>> flags_and_sizes([(3, 4), (4,), ()], (3, 4))
    (((True, False, False), (True, True, False)), [3, 4], [(3, 4), (4,), ()])
    >>> flags_and_sizes([(3, 4), (3, 4), ()], (3, 4))
    (((True, True, False),), [12], [(12,), (12,), ()])
    """
    padded = [(1,) * (len(batch) - len(s)) + tuple(s) for s in shapes]
    flags: list[tuple[bool, ...]] = []
    sizes: list[int] = []
    for axis, size in enumerate(batch):
        runs = tuple([shape[axis] != 1 for shape in padded])
        if not any(runs):
            continue
        if flags and flags[-1] == runs:
            sizes[-1] *= size
        else:
            flags.append(runs)
            sizes.append(size)
    kept = [
        tuple([size for runs, size in zip(flags, sizes, strict=True) if runs[i]])
        for i in range(len(shapes))
    ]
    return tuple(flags), sizes, kept


def spread(jet: Jet, pattern: Pattern) -> tuple[list[Expr], list[Expr]]:
    """Inputs with the axes that they run over in front, and the outputs for all of the batch."""
    axes: list[Size] = [dim(name) for name in _names(len(pattern))]
    with provenance.quiet():
        inputs = list(jet.inputs)
        flat = [component for part in jet.parts for component in part.components]
        has: list[list[bool]] = [[] for _ in flat]
        for runs, size in zip(reversed(pattern), reversed(axes), strict=True):
            wider = [_wider(x, size) if run else x for x, run in zip(inputs, runs, strict=True)]
            mapping = {x: new for x, new, run in zip(inputs, wider, runs, strict=True) if run}
            flat_and_flags = batch_outputs(flat, mapping)
            inputs = wider
            flat = [new for new, _ in flat_and_flags]
            has = [[flag, *flags] for (_, flag), flags in zip(flat_and_flags, has, strict=True)]
        outputs, at = [], 0
        for part in jet.parts:
            count = len(part.components)
            filled = [
                _filled(x, flags, axes, component.shape)
                for x, flags, component in zip(
                    flat[at : at + count], has[at : at + count], part.components, strict=True
                )
            ]
            outputs.append(_assembled(part, filled, len(axes)))
            at += count
        return inputs, outputs


def _names(count: int) -> list[str]:
    return ["N", "M", "K", "L"][:count] if count <= 4 else [f"N{i}" for i in range(count)]


def _wider(x: Expr, size: Size) -> Expr:
    attrs = {"name": x.attrs["name"], "shape": (size, *x.shape), "dtype": x.dtype}
    return identity(INPUT, attrs)


def _filled(x: Expr, flags: list[bool], axes: list[Size], shape: tuple[Size, ...]) -> Expr:
    """With all axes of the batch, also those that it does not depend on."""
    if all(flags):
        return x
    ones: list[Any] = [size if flag else 1 for size, flag in zip(axes, flags, strict=True)]
    wide = FUNCTIONS["reshape"](x, (*ones, *shape))
    return FUNCTIONS["broadcast_to"](wide, (*axes, *shape))  # type: ignore[no-any-return]


def _assembled(part: Part, components: list[Expr], batch: int) -> Expr:
    """An output of its components: they are stacked in front, where each is contiguous."""
    if part.whole:
        return components[0]
    if not components:
        raise AssertionError("an output without components")
    stacked = FUNCTIONS["stack"](components)
    if len(part.shape) > 1:
        stacked = FUNCTIONS["reshape"](stacked, (*part.shape, *components[0].shape))
    if not batch:
        return stacked  # type: ignore[no-any-return]
    order = (*range(len(part.shape), stacked.ndim), *range(len(part.shape)))
    return FUNCTIONS["transpose"](stacked, order)  # type: ignore[no-any-return]
