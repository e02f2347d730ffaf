"""Positive definite matrices by their Cholesky factor: what rules make of ``inv`` and ``det``.

Each op takes the matrix and its factor. The derivative flows through the matrix alone, as if there
were no factor, and uses it again. A matrix that rounding has made indefinite has a factor of NaN,
and is treated as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS, Example, Op, register
from symgrad.ops.broadcasting import align, sum_to
from symgrad.ops.definite_kernels import (
    definite_factor,
    inv_definite,
    logdet_definite,
    solve_definite,
)
from symgrad.ops.factorizations import CholeskyFactor
from symgrad.ops.matrices import column, identity_like, row, square_size
from symgrad.ops.shape import matrix_transpose

__all__ = ["factored", "inverse", "logdet", "solution"]


def _definite(x: Expr) -> Expr:
    return x @ matrix_transpose(x) + identity_like(x)


def _as_definite(x: Any) -> Any:
    return x @ x.mT + np.eye(x.shape[-1], dtype=x.dtype)


@register
class DefiniteFactor(CholeskyFactor):
    """The triangular factor of positive definite matrices, NaN where rounding left them not so."""

    name = "definite_factor"
    examples = tuple(
        Example(
            lambda x: make(OPS["definite_factor"], (_definite(x),), {"upper": False}),
            lambda x: np.linalg.cholesky(_as_definite(x)),
            (shape,),
        )
        for shape in ((3, 3), (2, 2, 2))
    )

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call(self.name, args[0])

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (definite_factor,)


def factored(a: Expr) -> tuple[Expr, Expr]:
    """A positive definite matrix and its factor."""
    return a, make(OPS["definite_factor"], (a,), {"upper": False})


def inverse(a: Expr) -> Expr:
    """The inverse of positive definite matrices."""
    return make(OPS["inv_definite"], factored(a), {})


def logdet(a: Expr) -> Expr:
    """The logarithm of the determinant of positive definite matrices."""
    return make(OPS["logdet_definite"], factored(a), {})


def solution(a: Expr, b: Expr) -> Expr:
    """The solution of a x = b for positive definite matrices a."""
    return make(OPS["solve_definite"], (*factored(a), b), {})


@register
class InvDefinite(Op):
    """The inverse of positive definite matrices, from their factor."""

    name = "inv_definite"
    expensive = True
    examples = tuple(
        Example(lambda x: inverse(_definite(x)), lambda x: np.linalg.inv(_as_definite(x)), (shape,))
        for shape in ((3, 3), (2, 2, 2))
    )

    def aval(self, a: Aval, factor: Aval) -> Aval:
        square_size(a)
        return a

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return -(node @ ct @ node), None

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        t = tangents[0]
        return None if t is None else -(node @ t @ node)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {})

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call(self.name, *args)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (inv_definite,)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"{{{args[0]}}}^{{-1}}"

    def flops(self, node: Expr) -> int:
        n = node.shape[-1]
        return 2 * n if isinstance(n, int) else 128


@register
class LogdetDefinite(Op):
    """The logarithm of the determinant of positive definite matrices, from their factor."""

    name = "logdet_definite"
    examples = tuple(
        Example(
            lambda x: logdet(_definite(x)),
            lambda x: np.linalg.slogdet(_as_definite(x))[1],
            (shape,),
        )
        for shape in ((3, 3), (2, 2, 2))
    )

    def aval(self, a: Aval, factor: Aval) -> Aval:
        return Aval(a.shape[:-2], a.dtype)

    def _slope(self, node: Expr) -> Expr:
        return make(OPS["inv_definite"], node.args, {})

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (column(column(ct)) if ct.ndim else ct) * self._slope(node), None

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        t = tangents[0]
        return None if t is None else (self._slope(node) * t).sum(axis=(-2, -1))

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {})

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call(self.name, *args)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (logdet_definite,)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\log \det\left({args[0]}\right)"


@register
class SolveDefinite(Op):
    """The solution of systems with positive definite matrices, from their factor."""

    name = "solve_definite"
    expensive = True
    examples = tuple(
        Example(
            lambda x, b: solution(_definite(x), b),
            lambda x, b: np.linalg.solve(_as_definite(x), b),
            shapes,
        )
        for shapes in (
            ((3, 3), (3,)),
            ((3, 3), (3, 2)),
            ((2, 3, 3), (3,)),
            ((2, 3, 3), (2, 3, 4)),
            ((3, 3), (2, 3, 4)),
        )
    )

    def aval(self, a: Aval, factor: Aval, b: Aval) -> Aval:
        return OPS["solve"].aval(a, b)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        a, factor, b = node.args
        vector = b.ndim == 1
        of_b = self._columns(a, factor, ct, vector)
        outer = column(of_b) * row(node) if vector else of_b @ matrix_transpose(node)
        return sum_to(-outer, a.shape), None, sum_to(of_b, b.shape)

    def _columns(self, a: Expr, factor: Expr, b: Expr, vector: bool) -> Expr:
        if not vector or b.ndim == 1:
            return make(self, (a, factor, b), {})
        return make(self, (a, factor, column(b)), {})[..., 0]

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        a, factor, b = node.args
        ta, _, right = tangents
        vector = b.ndim == 1
        if ta is not None:
            moved = (ta @ column(node))[..., 0] if vector else ta @ node
            right = -moved if right is None else right - moved
        return None if right is None else self._columns(a, factor, right, vector)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        a, factor, b = args
        vector = node.args[2].ndim == 1
        if vector and not batched[2]:
            return make(self, args, {})
        rank = max(node.args[0].ndim, node.args[2].ndim + vector)
        if vector:
            b = column(b)
        aligned = align((a, factor, b), batched, rank)
        out = make(self, tuple(aligned), {})
        return out[..., 0] if vector else out

    def numpy(self, node: Expr, *args: Code) -> Code:
        if node.args[2].ndim > 1:
            return Code.call(self.name, *args)
        right = Code.subscript(args[2], ":, None")
        return Code.subscript(Code.call(self.name, args[0], args[1], right), "..., 0")

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (solve_definite,)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"{{{args[0]}}}^{{-1}} \, {args[2]}"

    def flops(self, node: Expr) -> int:
        return OPS["solve"].flops(node)
