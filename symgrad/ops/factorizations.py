"""Triangular factorisations: Cholesky and QR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.aval import Aval, Avals
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS, Example, Op, public, register
from symgrad.ir.size import size_min
from symgrad.ops.examples import later
from symgrad.ops.item import item, items
from symgrad.ops.join import concatenate
from symgrad.ops.matrices import (
    as_matrix,
    diagonal_matrix,
    diagonal_of,
    folded,
    identity_like,
    one_triangle,
    square_size,
    symmetric_part,
)
from symgrad.ops.shape import matrix_transpose
from symgrad.ops.solve import solve_triangular
from symgrad.ops.triangles import tril

__all__ = ["CholeskyFactor", "QRResult", "cholesky", "qr"]

#: for examples
_cholesky = later("cholesky")
_qr = later("qr")


class QRResult(NamedTuple):
    """Orthonormal columns, and an upper triangle."""

    Q: Any
    R: Any


# ---------------------------------------------------------------- Cholesky


def _lower_half(x: Expr) -> Expr:
    """The lower triangle, with half of the diagonal."""
    return tril(x) - diagonal_matrix(diagonal_of(x)) / 2


def _definite(x: Any) -> Any:
    """A positive definite matrix of any matrix."""
    return x @ x.mT + np.eye(x.shape[-1], dtype=x.dtype)


class CholeskyFactor(Op):
    """A triangular factor of symmetric positive definite matrices, with its derivative."""

    expensive = True

    def aval(self, a: Aval, *, upper: bool) -> Aval:
        square_size(a)
        return a

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        upper = node.attrs["upper"]
        factor, ct = (matrix_transpose(x) if upper else x for x in (node, ct))
        inner = symmetric_part(_lower_half(matrix_transpose(factor) @ ct))
        half = solve_triangular(factor, inner, lower=True, trans=1)
        whole = solve_triangular(factor, matrix_transpose(half), lower=True, trans=1)
        return (folded(whole, not upper),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        if t is None:
            return None
        upper = node.attrs["upper"]
        factor = matrix_transpose(node) if upper else node
        half = solve_triangular(factor, one_triangle(t, not upper), lower=True)
        inner = solve_triangular(factor, matrix_transpose(half), lower=True)
        moved = factor @ _lower_half(inner)
        return matrix_transpose(moved) if upper else moved

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{chol}}\left({args[0]}\right)"

    def flops(self, node: Expr) -> int:
        n = node.shape[-1]
        return n if isinstance(n, int) else 64


@register
class Cholesky(CholeskyFactor):
    """The triangular factor L of symmetric positive definite matrices L L^T."""

    name = "cholesky"
    examples = (
        *(
            Example(
                lambda x: _cholesky(x @ x.mT + identity_like(x)),
                lambda x: np.linalg.cholesky(_definite(x)),
                (shape,),
            )
            for shape in ((3, 3), (2, 4, 4), (1, 1), (0, 0))
        ),
        Example(
            lambda x: _cholesky(x + 6 * identity_like(x)),
            lambda x: np.linalg.cholesky(x + 6 * np.eye(len(x), dtype=x.dtype)),
            ((3, 3),),
        ),
        Example(
            lambda x: _cholesky(x + 6 * identity_like(x), upper=True),
            lambda x: np.linalg.cholesky(x + 6 * np.eye(len(x), dtype=x.dtype), upper=True),
            ((3, 3),),
        ),
    )

    def numpy(self, node: Expr, *args: Code) -> Code:
        options = {"upper": True} if node.attrs["upper"] else {}
        return Code.call("np.linalg.cholesky", args[0], **options)


@public(namespace="linalg")
def cholesky(a: Any, /, *, upper: bool = False) -> Expr:
    """Triangular factor L of symmetric positive definite matrices a = L L^T.

    Parameters
    ----------
    a : array_like, (..., n, n)
        Only one triangle is read: the lower one, or the upper one with `upper`.
    upper : bool
        Give L^T, an upper triangle.

    Notes
    -----
    The gradient is that of the triangle which is read, zero in the other. A matrix that is not
    positive definite raises ``numpy.linalg.LinAlgError`` at the call.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3, "n"))
    >>> sg.linalg.cholesky(x @ x.T).shape
    (3, 3)
    """
    return make(OPS["cholesky"], (as_matrix(a, "cholesky"),), {"upper": bool(upper)})


# ---------------------------------------------------------------- QR


def _product(result: Any, f: Any) -> Any:
    """A function of both factors, each entry with a weight of its own."""
    q, r = result
    return f(q) @ r + (q * q) @ (r * r)


def _qr_examples() -> tuple[Example, ...]:
    return tuple(
        Example(
            lambda x: _product(_qr(x), np.sin),
            lambda x: _product(np.linalg.qr(x), np.sin),
            (shape,),
        )
        for shape in ((3, 3), (5, 3), (2, 4, 2), (2, 3), (2, 2, 4), (1, 1), (3, 1))
    )


@register
class QR(Op):
    """Orthonormal columns Q and an upper triangle R, of matrices Q R."""

    name = "qr"
    expensive = True
    parts = ("Q", "R")
    examples = _qr_examples()

    def aval(self, a: Aval) -> Aval:
        m, n = a.shape[-2:]
        k = size_min(m, n)
        lead = a.shape[:-2]
        return Avals.of(Aval((*lead, m, k), a.dtype), Aval((*lead, k, n), a.dtype))

    def vjp(self, node: Expr, ct: Any, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        (a,), (q, r) = node.args, items(node)
        of_q, of_r = ct
        left, right = _sides(r)
        of_rest: Expr | None = None
        if right is not None and of_r is not None:  # R is [U V]: V = Q^T Y for the last columns Y
            of_v = of_r[..., right]
            more = a[..., right] @ matrix_transpose(of_v)
            of_q = more if of_q is None else of_q + more
            of_rest = q @ of_v
            of_r = of_r[..., left]
            r = r[..., left]
        elif right is not None:
            r = r[..., left]
        inner: Expr | None = None
        if of_r is not None:
            inner = r @ matrix_transpose(of_r)
        if of_q is not None:
            turned = matrix_transpose(of_q) @ q
            inner = -turned if inner is None else inner - turned
        assert inner is not None
        both = tril(inner) + matrix_transpose(tril(inner, -1))
        total = q @ both
        if of_q is not None:
            total = of_q + total
        out = matrix_transpose(solve_triangular(r, matrix_transpose(total)))
        if right is not None:
            if of_rest is None:
                of_rest = a[..., right] * 0
            out = concatenate([out, of_rest], axis=-1)
        return (out,)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Any:
        (a,), (t,) = node.args, tangents
        assert t is not None
        q, r = items(node)
        left, right = _sides(r)
        first, square = (t, r) if right is None else (t[..., left], r[..., left])
        # t R^-1 = (R^-T t^T)^T
        moved = matrix_transpose(solve_triangular(square, matrix_transpose(first), trans=1))
        inner = matrix_transpose(q) @ moved
        below = tril(inner, -1)
        turn = below - matrix_transpose(below)
        of_q = moved - q @ (inner - turn)
        of_r = (inner - turn) @ square
        if right is not None:
            rest = matrix_transpose(of_q) @ a[..., right] + matrix_transpose(q) @ t[..., right]
            of_r = concatenate([of_r, rest], axis=-1)
        return of_q, of_r

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {})

    def alone(self, node: Expr, index: int) -> Expr | None:
        return make(OPS["qr_r"], node.args, {}) if index == 1 else None

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.linalg.qr", args[0])

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{qr}}\left({args[0]}\right)"

    def flops(self, node: Expr) -> int:
        m, n = node.args[0].shape[-2:]
        return 4 * m * n * min(m, n) if isinstance(m, int) and isinstance(n, int) else 4 * 64**3


def _sides(r: Expr) -> tuple[slice, slice | None]:
    """The square part of R, and the columns beyond it; None where there are none."""
    k, n = r.shape[-2:]
    if k == n:
        return slice(None), None
    return slice(None, k), slice(k, None)


@register
class QRTriangle(Op):
    """R alone, of matrices Q R: what the factorisation becomes where nobody reads Q."""

    name = "qr_r"
    expensive = True
    examples = tuple(
        Example(
            lambda x: make(OPS["qr_r"], (x,), {}), lambda x: np.linalg.qr(x, mode="r"), (shape,)
        )
        for shape in ((3, 3), (5, 3), (2, 3, 2), (2, 3))
    )

    def aval(self, a: Aval) -> Aval:
        whole = OPS["qr"].aval(a)
        assert isinstance(whole, Avals)
        return whole.parts[1]

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        whole = make(OPS["qr"], node.args, {})
        return whole.op.vjp(whole, (None, ct), needs)  # type: ignore[arg-type]

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        whole: Any = make(OPS["qr"], node.args, {})
        found: Expr = whole.op.jvp(whole, tangents)[1]
        return found

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {})

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.linalg.qr", args[0], mode='"r"')

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{qr}}\left({args[0]}\right)_{{R}}"


@public(namespace="linalg")
def qr(a: Any, mode: str = "reduced") -> Any:
    """Factors of matrices a = Q R: orthonormal columns, and an upper triangle.

    Parameters
    ----------
    a : array_like, (..., m, n)
    mode : "reduced" or "r"
        Both factors, with min(m, n) columns of Q, or R alone.

    Returns
    -------
    QRResult
        With fields ``Q`` and ``R``; for mode ``"r"`` R itself.

    Notes
    -----
    The derivative is that at full rank: the first min(m, n) columns are independent. R has the
    signs that LAPACK gives it.

    Examples
    --------
    >>> import symgrad as sg
    >>> Q, R = sg.linalg.qr(sg.input("A", (5, 3)))
    >>> Q.shape, R.shape
    ((5, 3), (3, 3))
    """
    if mode not in ("reduced", "r"):
        raise DeclarationError(
            f"qr: expected mode 'reduced' or 'r' (the further columns of a complete Q are not "
            f"determined by the matrix); got {mode!r}"
        )
    whole = make(OPS["qr"], (as_matrix(a, "qr"),), {})
    return item(whole, 1) if mode == "r" else QRResult(*items(whole))
