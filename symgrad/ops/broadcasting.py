"""Broadcasting of shapes that may be symbolic, and its transpose."""

from __future__ import annotations

from symgrad.errors import ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.checks import Check, require
from symgrad.ir.node import Expr
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.size import Size

__all__ = ["align", "broadcast_shapes", "sum_to"]

Shape = tuple[Size, ...]


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The common shape, as NumPy has it; a symbolic size never silently means 1.

    Two sizes that may be equal become a check at the entry of the compiled function.

    Raises
    ------
    ShapeError
        Naming the axis and both sizes.
    """
    first = shapes[0]
    if all([s is first or s == first for s in shapes[1:]]):
        return first
    ndim = max(len(s) for s in shapes)
    out: list[Size] = [1] * ndim
    for shape in shapes:
        offset = ndim - len(shape)
        for i, new in enumerate(shape):
            old = out[offset + i]
            if isinstance(old, int) and old == 1:
                out[offset + i] = new
            elif new != old and not (isinstance(new, int) and new == 1):
                axis = i - len(shape)
                reason = f"shapes {' and '.join(map(format_shape, shapes))} do not broadcast"
                if isinstance(old, int) and isinstance(new, int):
                    raise ShapeError(f"{reason}: axis {axis} has {old} and {new}")
                require(Check(old, "==", new, f"{reason}: axis {axis}"))
                if isinstance(new, int):  # the static size says more
                    out[offset + i] = new
    return tuple(out)


def sum_to(x: Expr, shape: Shape) -> Expr:
    """Sum a cotangent over the axes along which a value of `shape` was broadcast to it."""
    if x.shape == shape:
        return x
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(
        lead + i
        for i, (want, have) in enumerate(zip(shape, x.shape[lead:], strict=True))
        if isinstance(want, int) and want == 1 and not (isinstance(have, int) and have == 1)
    )
    if axes:
        kept = FUNCTIONS["sum"](x, axis=axes, keepdims=True)
        x = FUNCTIONS["squeeze"](kept, axis=tuple(range(lead))) if lead else kept
    # sizes that are only checked to be equal at entry keep the names of what they belong to
    return x


def align(args: tuple[Expr, ...], batched: tuple[bool, ...], ndim: int) -> list[Expr]:
    """Arguments of which some have a batch axis in front, reshaped so that they broadcast.

    `ndim` is the rank of the result without the batch axis.
    """
    out = []
    for arg, is_batched in zip(args, batched, strict=True):
        if is_batched and arg.ndim - 1 < ndim:
            missing = ndim - (arg.ndim - 1)
            arg = FUNCTIONS["expand_dims"](arg, tuple(range(1, 1 + missing)))
        out.append(arg)
    return out
