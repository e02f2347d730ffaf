"""Gradient fields of matrices and their derivatives: a family that is closed under differentiation.

The gradient G of a smooth function of a matrix has a k-th derivative along k matrices that does not
depend on their order, and is its own adjoint in each of them. So one op, of the matrix and of the
directions, has derivatives that are itself, with one direction more or another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from symgrad.ir.aval import Aval
from symgrad.ir.node import Expr, make
from symgrad.ir.op import Op
from symgrad.ops.broadcasting import broadcast_shapes, sum_to
from symgrad.ops.matrices import square_size
from symgrad.ops.shape import expand_dims

__all__ = ["Directional"]


class Directional(Op):
    """Of a matrix, what was computed of it already, and directions: the derivative along them."""

    expensive = True
    #: arguments between the matrix and the directions, which are functions of the matrix: no
    #: derivative flows through them, for that of the matrix is whole
    given: ClassVar[int] = 0

    def aval(self, a: Aval, *others: Aval, **attrs: Any) -> Aval:
        n = square_size(a)
        lead = broadcast_shapes(*[x.shape[:-2] for x in (a, *others[self.given :])])
        return Aval((*lead, n, n), a.dtype)

    def toward(self, ct: Expr) -> Expr:
        """A cotangent as a direction."""
        return ct

    def back(self, x: Expr) -> Expr:
        """The derivative along a cotangent as a cotangent."""
        return x

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        first = 1 + self.given
        base, along = node.args[:first], node.args[first:]
        ct = self.toward(ct)
        out: list[Expr | None] = [None] * len(node.args)
        if needs[0]:
            made = make(self, (*base, *along, ct), node.attrs)
            out[0] = sum_to(self.back(made), node.args[0].shape)
        for j, direction in enumerate(along):
            if needs[first + j]:
                made = make(self, (*base, *along[:j], *along[j + 1 :], ct), node.attrs)
                out[first + j] = sum_to(self.back(made), direction.shape)
        return out

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        first = 1 + self.given
        base, along = node.args[:first], node.args[first:]
        terms = []
        if tangents[0] is not None:
            terms.append(make(self, (*base, *along, tangents[0]), node.attrs))
        for j, t in enumerate(tangents[first:]):
            if t is not None:
                moved = (*along[:j], t, *along[j + 1 :])
                terms.append(make(self, (*base, *moved), node.attrs))
        total: Expr | None = None
        for term in terms:
            total = term if total is None else total + term
        return total

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        lead = node.ndim - 2
        new = []
        for i, (old, arg, is_batched) in enumerate(zip(node.args, args, batched, strict=True)):
            # what is given is numbers for each matrix, or matrices
            of_values = 0 < i <= self.given and old.ndim < node.args[0].ndim
            missing = lead - (old.ndim - (1 if of_values else 2))
            if is_batched and missing:
                arg = expand_dims(arg, tuple(range(1, 1 + missing)))
            new.append(arg)
        return make(self, tuple(new), node.attrs)
