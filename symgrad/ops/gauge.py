"""Eigenvalues and singular values that are equal, and what does not depend on their vectors.

The vectors of equal values may be turned among themselves: a *gauge*. A loss that is a function
of the matrix does not depend on it, yet the textbook derivative divides by the differences of the
values, 0 / 0. Its limit exists. Where the cotangent of the vectors does not depend on the values,
it is 0. Elsewhere, by l'Hopital's rule, it is a quotient of derivatives as the values are moved
apart, which forward mode provides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr, literal, make
from symgrad.ir.op import OPS, Example, Op, register
from symgrad.ir.size import Size
from symgrad.ops.creation import arange
from symgrad.ops.leaf import stop_gradient
from symgrad.ops.linalg_kernels import inverse_gaps as inverse_gaps_kernel
from symgrad.ops.matrices import column, row
from symgrad.ops.selection import where
from symgrad.ops.shape import broadcast_to

__all__ = ["along_values", "forward_mode", "inverse_gaps", "reciprocal", "tiny"]

#: differentiation stands above the ops, and puts its forward mode here when it is imported:
#: (outputs, wrt, tangents) -> tangents of the outputs, None for zero
forward_mode: list[Callable[[Sequence[Expr], Sequence[Expr], Sequence[Expr]], list[Expr | None]]]
forward_mode = []


def tiny(w: Expr, size: Size) -> Expr:
    """What rounding may leave of a zero among values computed together."""
    largest = abs(w).max(axis=-1, keepdims=True)
    made: Expr = stop_gradient(largest * size * float(np.finfo(w.dtype).eps))
    return made


@register
class InverseGaps(Op):
    """1 / (w_j - w_i), and 0 where the two are the same value but for rounding."""

    name = "inverse_gaps"
    examples = tuple(
        Example(
            lambda x: inverse_gaps(x + (arange(x.shape[-1]) * 4).astype(x.dtype)),
            lambda x: _inverse_gaps(x + (np.arange(x.shape[-1]) * 4).astype(x.dtype)),
            (shape,),
            domain=((-1.0, 1.0),),
        )
        for shape in ((3,), (2, 3), (1,), (0,))
    )

    def aval(self, w: Aval) -> Aval:
        return Aval((*w.shape, w.shape[-1]), w.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        slopes = ct * node * node
        return (slopes.sum(axis=-1) - slopes.sum(axis=-2),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else (column(t) - row(t)) * node * node

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {})

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call(self.name, args[0])

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (inverse_gaps_kernel,)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\left(\frac{{1}}{{{{{args[0]}}}_j - {{{args[0]}}}_i}}\right)"

    def flops(self, node: Expr) -> int:
        return 4


def _inverse_gaps(w: Any) -> Any:
    with np.errstate(divide="ignore"):
        out = 1 / (w[..., None, :] - w[..., :, None])
    return np.where(np.isinf(out), 0, out).astype(w.dtype)


def inverse_gaps(w: Expr) -> Expr:
    """1 / (w_j - w_i) for all pairs of values, and 0 where the two are the same."""
    return make(OPS["inverse_gaps"], (w,), {})


def reciprocal(x: Expr, zero: Expr) -> Expr:
    """1 / x, and 0 where `zero` holds."""
    return where(zero, literal(0, x.dtype), 1 / where(zero, literal(1, x.dtype), x))


def along_values(cts: Sequence[Expr | None], w: Expr) -> tuple[list[Expr | None], Expr] | None:
    """How cotangents change as the values are moved apart, and by how much each is moved.

    None if they do not depend on the values.
    """
    present = [ct for ct in cts if ct is not None]
    if w not in set(topological(present)):
        return None
    steps = broadcast_to((arange(w.shape[-1]) + 1).astype(w.dtype), w.shape)
    moved = iter(forward_mode[0](present, [w], [steps]))
    found = [None if ct is None else next(moved) for ct in cts]
    return None if all([m is None for m in found]) else (found, steps)
