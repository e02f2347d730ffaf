"""Singular values and singular vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.aval import Aval, Avals
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS, Example, Op, public, register
from symgrad.ir.size import is_provably_equal, size_min
from symgrad.ops.examples import later
from symgrad.ops.gauge import along_values, inverse_gaps, reciprocal, tiny
from symgrad.ops.item import item, items
from symgrad.ops.matrices import as_matrix, column, diagonal_matrix, diagonal_of, row
from symgrad.ops.selection import where
from symgrad.ops.shape import matrix_transpose

__all__ = ["SVDResult", "svd", "svdvals"]

#: for examples
_svd = later("svd")


class SVDResult(NamedTuple):
    """Left singular vectors (columns), singular values (descending), right ones (rows)."""

    U: Any
    S: Any
    Vh: Any


def _weighted(result: Any) -> Any:
    """A function of the matrix that does not depend on the signs of singular vectors."""
    u, s, vt = result
    return (u * (s / (1 + s * s))[..., None, :]) @ vt


def _even_odd(u: Expr, v: Expr, of_u: Expr | None, of_v: Expr | None) -> tuple[Expr, Expr]:
    """How a loss changes as U and V are turned together, and against each other."""
    turns = []
    for x, ct in ((u, of_u), (v, of_v)):
        if ct is not None:
            inner = matrix_transpose(x) @ ct
            turns.append((inner - matrix_transpose(inner)) / 2)
    if len(turns) == 2:
        return turns[0] + turns[1], turns[0] - turns[1]
    return turns[0], turns[0] if of_u is not None else -turns[0]


def _outside(x: Expr, y: Expr) -> Expr:
    """The part of y outside of what the orthonormal columns of x span."""
    return y - x @ (matrix_transpose(x) @ y)


@register
class SVD(Op):
    """Singular vectors and values of matrices U diag(S) Vh."""

    name = "svd"
    expensive = True
    parts = ("U", "S", "Vh")
    examples = (
        *(
            Example(
                lambda x: _weighted(_svd(x, full_matrices=False)),
                lambda x: _weighted(np.linalg.svd(x, full_matrices=False)),
                (shape,),
            )
            for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 1), (3, 1))
        ),
        Example(
            lambda x: _svd(x, full_matrices=False).U ** 2 @ _svd(x, full_matrices=False).Vh ** 2,
            lambda x: (
                np.linalg.svd(x, full_matrices=False)[0] ** 2
                @ np.linalg.svd(x, full_matrices=False)[2] ** 2
            ),
            ((4, 3),),
        ),
        Example(
            lambda x: _svd(x).U ** 2 * _svd(x).S,
            lambda x: np.linalg.svd(x)[0] ** 2 * np.linalg.svd(x)[1],
            ((3, 3),),
        ),
    )

    def aval(self, a: Aval) -> Aval:
        m, n = a.shape[-2:]
        k, lead = size_min(m, n), a.shape[:-2]
        return Avals.of(
            Aval((*lead, m, k), a.dtype), Aval((*lead, k), a.dtype), Aval((*lead, k, n), a.dtype)
        )

    def vjp(self, node: Expr, ct: Any, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        of_u, of_s, of_vt = ct
        of_v = None if of_vt is None else matrix_transpose(of_vt)
        u, s, vt = items(node)
        v = matrix_transpose(vt)
        if of_u is None and of_v is None:
            return ((u * row(of_s)) @ vt,)
        even, odd = _even_odd(u, v, of_u, of_v)
        apart = inverse_gaps(s)
        together, none = _inverse_sums(s)
        alone, zero = _inverses(s)
        even, odd = even * apart, odd * together
        tall, wide = _is_tall(node.args[0]), _is_tall(matrix_transpose(node.args[0]))
        outer_u = _outside(u, of_u) * alone if of_u is not None and tall else None
        outer_v = _outside(v, of_v) * alone if of_v is not None and wide else None
        moved = along_values([of_u, of_v], s)
        if moved is not None:  # the limits where values are equal, or zero
            (to_u, to_v), steps = moved
            turned, countered = _even_odd(u, v, to_u, to_v)
            even = where(apart == 0, turned * inverse_gaps(steps), even)
            odd = where(none, countered * _inverse_sums(steps)[0], odd)
            if outer_u is not None and to_u is not None:
                outer_u = where(zero, _outside(u, to_u) / row(steps), outer_u)
            if outer_v is not None and to_v is not None:
                outer_v = where(zero, _outside(v, to_v) / row(steps), outer_v)
        core = even + odd if of_s is None else even + odd + diagonal_matrix(of_s)
        total = u @ core @ vt
        if outer_u is not None:
            total = total + outer_u @ vt
        if outer_v is not None:
            total = total + u @ matrix_transpose(outer_v)
        return (total,)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Any:
        (a,), (t,) = node.args, tangents
        assert t is not None
        u, s, vt = items(node)
        v = matrix_transpose(vt)
        inner = matrix_transpose(u) @ t @ v
        flipped = matrix_transpose(inner)
        even = (inner + flipped) / 2 * inverse_gaps(s)
        odd = (inner - flipped) / 2 * _inverse_sums(s)[0]
        of_u, of_v = u @ (even + odd), v @ (even - odd)
        alone = _inverses(s)[0]
        if _is_tall(a):
            of_u = of_u + _outside(u, t @ v) * alone
        if _is_tall(matrix_transpose(a)):
            of_v = of_v + _outside(v, matrix_transpose(t) @ u) * alone
        return of_u, diagonal_of(inner), matrix_transpose(of_v)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {})

    def alone(self, node: Expr, index: int) -> Expr | None:
        return make(OPS["svdvals"], node.args, {}) if index == 1 else None

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.linalg.svd", args[0], full_matrices=False)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{svd}}\left({args[0]}\right)"

    def flops(self, node: Expr) -> int:
        m, n = node.args[0].shape[-2:]
        return 14 * m * n * min(m, n) if isinstance(m, int) and isinstance(n, int) else 14 * 64**3


def _is_tall(a: Expr) -> bool:
    """Whether matrices have, or may have, more rows than columns."""
    m, n = a.shape[-2:]
    return not is_provably_equal(size_min(m, n), m)


def _zero(s: Expr) -> Expr:
    """Which singular values are 0, but for rounding."""
    if isinstance(s.shape[-1], int) and s.shape[-1] == 0:
        return s == 0
    return s <= tiny(s, s.shape[-1] * 4)


def _inverses(s: Expr) -> tuple[Expr, Expr]:
    """1 / s as a row, 0 for zeros; and where they are."""
    zero = row(_zero(s))
    return reciprocal(row(s), zero), zero


def _inverse_sums(s: Expr) -> tuple[Expr, Expr]:
    """1 / (s_i + s_j), 0 where both are zeros; and where they are."""
    zero = _zero(s)
    both = row(zero) & column(zero)
    return reciprocal(row(s) + column(s), both), both


@register
class SVDVals(Op):
    """Singular values alone: what the factorisation becomes where nobody reads its vectors."""

    name = "svdvals"
    expensive = True
    examples = tuple(
        Example(lambda x: make(OPS["svdvals"], (x,), {}), np.linalg.svdvals, (shape,))
        for shape in ((3, 3), (4, 2), (2, 2, 3), (1, 1))
    )

    def aval(self, a: Aval) -> Aval:
        return Aval((*a.shape[:-2], size_min(*a.shape[-2:])), a.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        whole = make(OPS["svd"], node.args, {})
        return whole.op.vjp(whole, (None, ct, None), needs)  # type: ignore[arg-type]

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        whole: Any = make(OPS["svd"], node.args, {})
        found: Expr = whole.op.jvp(whole, tangents)[1]
        return found

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {})

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.linalg.svdvals", args[0])

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\sigma\left({args[0]}\right)"


@public(namespace="linalg")
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Singular value decomposition of matrices a = U diag(S) Vh.

    Parameters
    ----------
    a : array_like, (..., m, n)
    full_matrices : bool
        True, the default as in NumPy, is taken for square matrices only: the further vectors of
        others are not determined by the matrix.
    compute_uv : bool
        Give the singular values alone if False.
    hermitian : bool
        Not available: use :func:`eigh`.

    Returns
    -------
    SVDResult
        With fields ``U``, ``S`` (descending) and ``Vh``; without `compute_uv`, S itself.

    Notes
    -----
    Where singular values are equal, or zero, the gradient of a loss that does not depend on the
    choice of their vectors is finite and right in reverse mode; forward mode, and derivatives of
    the gradient, are right there for losses of whole subspaces alone.

    Examples
    --------
    >>> import symgrad as sg
    >>> U, S, Vh = sg.linalg.svd(sg.input("A", ("B", 5, 3)), full_matrices=False)
    >>> U.shape, S.shape, Vh.shape
    ((Dim('B'), 5, 3), (Dim('B'), 3), (Dim('B'), 3, 3))
    """
    if hermitian:
        raise DeclarationError("svd: hermitian=True is not available; use sg.linalg.eigh")
    x = as_matrix(a, "svd")
    if compute_uv and full_matrices and not is_provably_equal(*x.shape[-2:]):
        raise DeclarationError(
            f"svd: the further vectors of full_matrices=True are not determined by a matrix of "
            f"{x.shape[-2]} x {x.shape[-1]}; expected full_matrices=False"
        )
    whole = make(OPS["svd"], (x,), {})
    return SVDResult(*items(whole)) if compute_uv else item(whole, 1)


@public(namespace="linalg")
def svdvals(x: Any, /) -> Expr:
    """Singular values of matrices, in descending order.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.svdvals(sg.input("A", ("B", 5, 3))).shape
    (Dim('B'), 3)
    """
    return item(make(OPS["svd"], (as_matrix(x, "svdvals"),), {}), 1)
