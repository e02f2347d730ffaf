"""Pseudo-inverse and least squares, rank and condition of matrices of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.checks import require_equal
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import OPS, Example, Op, public, register
from symgrad.ir.size import is_provably_equal, size_min
from symgrad.ops.examples import later
from symgrad.ops.matrices import as_matrix, column, floats
from symgrad.ops.norm import norm
from symgrad.ops.shape import matrix_transpose, moveaxis, reshape
from symgrad.ops.solve import inv
from symgrad.ops.svd import svdvals

__all__ = ["LstsqResult", "cond", "lstsq", "matrix_rank", "pinv"]

#: for examples
_pinv = later("pinv")
_lstsq = later("lstsq")
_matrix_rank = later("matrix_rank")
_cond = later("cond")


class LstsqResult(NamedTuple):
    """The solution, sums of squared residuals, the rank, and the singular values."""

    x: Any
    residuals: Any
    rank: Any
    s: Any


def _tolerance(value: Any, op: str, name: str) -> float | None:
    """A relative tolerance: a Python number, or None."""
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DeclarationError(f"{op}: expected a number for {name}; got {value!r}") from None


# ---------------------------------------------------------------- the pseudo-inverse


def _pinv_example(shape: tuple[int, ...], **options: Any) -> Example:
    return Example(lambda x: _pinv(x, **options), lambda x: np.linalg.pinv(x, **options), (shape,))


@register
class Pinv(Op):
    """The pseudo-inverse, with the derivative that it has among matrices of one rank."""

    name = "pinv"
    expensive = True
    examples = (
        *(_pinv_example(s) for s in ((3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 1), (0, 3))),
        _pinv_example((3, 2), rtol=None),
        _pinv_example((2, 3), rcond=1e-10),
        Example(  # of rank 1
            lambda x, y: _pinv(column(x) * y, rtol=1e-4),
            lambda x, y: np.linalg.pinv(np.outer(x, y), rtol=1e-4),
            ((4,), (3,)),
            domain=((0.5, 2.0), (0.5, 2.0)),
        ),
    )

    def aval(self, a: Aval, *, rtol: float | str | None) -> Aval:
        m, n = a.shape[-2:]
        return Aval((*a.shape[:-2], n, m), a.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        (a,), p = node.args, node
        if _is_wide(a):
            turned = _pinv_vjp(matrix_transpose(a), matrix_transpose(p), matrix_transpose(ct))
            return (matrix_transpose(turned),)
        return (_pinv_vjp(a, p, ct),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (a,), (t,), p = node.args, tangents, node
        if t is None:
            return None
        if _is_wide(a):
            turned = _pinv_jvp(matrix_transpose(a), matrix_transpose(p), matrix_transpose(t))
            return matrix_transpose(turned)
        return _pinv_jvp(a, p, t)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        rtol = node.attrs["rtol"]
        return Code.call("np.linalg.pinv", args[0], **({} if rtol == "default" else {"rtol": rtol}))

    def latex(self, node: Expr, *args: str) -> str:
        return rf"{{{args[0]}}}^{{+}}"

    def flops(self, node: Expr) -> int:
        n, m = node.shape[-2:]
        return 20 * min(m, n) if isinstance(m, int) and isinstance(n, int) else 20 * 64


def _is_wide(a: Expr) -> bool:
    m, n = a.shape[-2:]
    return isinstance(m, int) and isinstance(n, int) and m < n


# Bracketed so that with more rows than columns all between is n x n, and that nothing is as large
# as p p' p, beyond the range long before the derivative is: first what the projections leave of a
# matrix, then its growth. They are applied twice: once leaves cond(a) roundings of what it takes.


def _pinv_vjp(a: Expr, p: Expr, ct: Expr) -> Expr:
    pt, turned = matrix_transpose(p), matrix_transpose(ct)
    outside, beside = turned, turned
    for _ in range(2):
        outside = outside - a @ (p @ outside)
        beside = beside - beside @ (p @ a)
    return outside @ (p @ pt) + pt @ (p @ beside) - pt @ (ct @ pt)


def _pinv_jvp(a: Expr, p: Expr, t: Expr) -> Expr:
    pt, turned = matrix_transpose(p), matrix_transpose(t)
    outside, beside = turned, turned
    for _ in range(2):
        outside = outside - (outside @ a) @ p
        beside = beside - (p @ a) @ beside
    return (p @ pt) @ outside + (beside @ pt) @ p - (p @ t) @ p


@public(namespace="linalg")
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = "default") -> Expr:
    """Moore-Penrose pseudo-inverse of matrices of any shape.

    Parameters
    ----------
    a : array_like, (..., m, n)
    rcond, rtol : float, optional
        Singular values below this times the largest are taken to be 0. By default 1e-15, as in
        NumPy; with ``rtol=None`` max(m, n) times the spacing of the dtype.
    hermitian : bool
        Accepted for symmetric matrices, and without effect.

    Notes
    -----
    The derivative is that at constant rank (Golub and Pereyra): where the rank changes there is
    none.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.pinv(sg.input("A", (5, 3))).shape
    (3, 5)
    """
    if rcond is not None:
        if rtol != "default":
            raise DeclarationError("pinv: expected rcond or rtol; got both")
        rtol = rcond
    value = rtol if rtol == "default" else _tolerance(rtol, "pinv", "rtol")
    return make(OPS["pinv"], (as_matrix(a, "pinv"),), {"rtol": value})


# ---------------------------------------------------------------- least squares


def _lstsq_example(left: tuple[int, ...], right: tuple[int, ...], **options: Any) -> Example:
    return Example(
        lambda a, b: _lstsq(a, b, **options).x,
        lambda a, b: np.linalg.lstsq(a, b, **options)[0],
        (left, right),
    )


@register
class Lstsq(Op):
    """The solution of least length of a least-squares problem."""

    name = "lstsq"
    expensive = True
    examples = (
        _lstsq_example((5, 3), (5,)),
        _lstsq_example((5, 3), (5, 2)),
        _lstsq_example((3, 3), (3,)),
        _lstsq_example((2, 4), (2, 3)),
        _lstsq_example((4, 2), (4,), rcond=1e-4),
        Example(  # of rank 1
            lambda x, y, b: _lstsq(column(x) * y, b, rcond=1e-4).x,
            lambda x, y, b: np.linalg.lstsq(np.outer(x, y), b, rcond=1e-4)[0],
            ((4,), (3,), (4,)),
            domain=((0.5, 2.0), (0.5, 2.0), (-1.0, 1.0)),
        ),
    )

    def aval(self, a: Aval, b: Aval, *, rcond: float | None) -> Aval:
        m, n = a.shape
        require_equal(
            m, b.shape[0], f"axis 0 of {format_shape(a.shape)} and of {format_shape(b.shape)}"
        )
        return Aval((n, *b.shape[1:]), np.result_type(a.dtype, b.dtype))

    def _pinv(self, node: Expr) -> Expr:
        return make(OPS["pinv"], node.args[:1], {"rtol": node.attrs["rcond"]})

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        a, b = node.args
        p = self._pinv(node)
        pt, at = matrix_transpose(p), matrix_transpose(a)
        of_b = pt @ ct
        if not needs[0]:
            return None, of_b
        residual = b - a @ node
        terms = _outer(-of_b, node) + _outer(residual, p @ of_b) + _outer(pt @ node, ct - at @ of_b)
        return terms, of_b

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (a, b), (ta, tb) = node.args, tangents
        p = self._pinv(node)
        total = None if tb is None else p @ tb
        if ta is not None:
            pt, tt = matrix_transpose(p), matrix_transpose(ta)
            far = tt @ (pt @ node)
            moved = p @ (pt @ (tt @ (b - a @ node))) - p @ (ta @ node) + far - p @ (a @ far)
            total = moved if total is None else total + moved
        return total

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        a, b = args
        if not batched[0]:  # more columns: the matrix is factored once
            moved = moveaxis(b, 0, -1)
            shape = moved.shape
            flat = reshape(moved, (shape[0], -1)) if len(shape) > 2 else moved
            out = make(self, (a, flat), node.attrs)
            return moveaxis(reshape(out, (out.shape[0], *shape[1:])), -1, 0)
        p = make(OPS["pinv"], (a,), {"rtol": node.attrs["rcond"]})  # NumPy takes no stacks here
        vector = node.args[1].ndim == 1
        if vector and batched[1]:
            return (p @ column(b))[..., 0]
        return p @ b

    def numpy(self, node: Expr, *args: Code) -> Code:
        rcond = node.attrs["rcond"]
        options = {} if rcond is None else {"rcond": rcond}
        return Code.subscript(Code.call("np.linalg.lstsq", *args, **options), "0")

    def latex(self, node: Expr, *args: str) -> str:
        return rf"{{{args[0]}}}^{{+}} \, {args[1]}"

    def flops(self, node: Expr) -> int:
        return 20 * 64


def _outer(x: Expr, y: Expr) -> Expr:
    """x y^T, summed over the columns of both where they have any."""
    return column(x) * y if x.ndim == 1 else x @ matrix_transpose(y)


@public(namespace="linalg")
def lstsq(a: Any, b: Any, rcond: Any = None) -> LstsqResult:
    """Least-squares solution of a x = b; of several the one of least length.

    Parameters
    ----------
    a : array_like, (m, n)
    b : array_like, (m,) or (m, k)
    rcond : float, optional
        Singular values below this times the largest are taken to be 0; max(m, n) times the
        spacing of the dtype by default.

    Returns
    -------
    LstsqResult
        With fields ``x``, ``residuals``, ``rank`` and ``s``, in NumPy's order. What is not used
        is not computed. NumPy's ``residuals`` are empty where the rank is not n or m <= n;
        here the shape cannot depend on the rank, and they are always the sums of squares of
        b - a x, of shape () or (k,).

    Notes
    -----
    The derivative is that at constant rank (Golub and Pereyra).

    Examples
    --------
    >>> import symgrad as sg
    >>> X, y = sg.input("X", ("N", 3)), sg.input("y", ("N",))
    >>> sg.linalg.lstsq(X, y).x.shape
    (3,)
    """
    left, right = as_matrix(a, "lstsq"), floats(b, "lstsq")
    if left.ndim != 2 or right.ndim not in (1, 2):
        raise ShapeError(
            f"lstsq: expected a matrix, and a vector or matrix; got {format_shape(left.shape)} "
            f"and {format_shape(right.shape)}"
        )
    tolerance = _tolerance(rcond, "lstsq", "rcond")
    x = make(OPS["lstsq"], (left, right), {"rcond": tolerance})
    residual = right - left @ x
    s = svdvals(left)
    return LstsqResult(x, (residual * residual).sum(axis=0), _rank(left, tolerance), s)


# ---------------------------------------------------------------- rank and condition


@register
class MatrixRank(Op):
    """The number of singular values that are not zero but for rounding."""

    name = "matrix_rank"
    examples = tuple(
        Example(
            lambda x, options=options: _matrix_rank(x, **options),
            lambda x, options=options: np.linalg.matrix_rank(x, **options),
            (shape,),
            smooth=False,
        )
        for shape, options in (
            ((3, 3), {}),
            ((2, 4, 2), {}),
            ((3, 3), {"tol": 1.5}),
            ((3, 4), {"rtol": 0.5}),
            ((3,), {}),
        )
    )

    def aval(self, a: Aval, *, tol: float | None, rtol: float | None, hermitian: bool) -> Aval:
        return Aval(a.shape[:-2], np.dtype(np.int64))

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        options = {key: value for key, value in node.attrs.items() if value}
        return Code.call("np.linalg.matrix_rank", args[0], **options)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{rank}}\left({args[0]}\right)"


def _rank(a: Expr, rtol: float | None, tol: float | None = None, hermitian: bool = False) -> Expr:
    return make(OPS["matrix_rank"], (a,), {"tol": tol, "rtol": rtol, "hermitian": hermitian})


@public(namespace="linalg")
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Expr:
    """Rank of matrices: how many singular values are larger than a tolerance.

    Parameters
    ----------
    A : array_like, (..., m, n)
        Of a vector: 1 unless all of it is 0.
    tol, rtol : float, optional
        The tolerance, absolute or relative to the largest singular value; max(m, n) times the
        spacing of the dtype, relative, by default.
    hermitian : bool
        Whether the matrices are symmetric.

    Notes
    -----
    An integer: it has no gradient.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.matrix_rank(sg.input("A", ("B", 3, 3))).dtype
    dtype('int64')
    """
    x = as_expr(A)
    if x.ndim < 2:
        return (x != 0).any().astype(np.int64)
    if tol is not None and rtol is not None:
        raise DeclarationError("matrix_rank: expected tol or rtol; got both")
    return _rank(
        as_matrix(x, "matrix_rank"),
        _tolerance(rtol, "matrix_rank", "rtol"),
        _tolerance(tol, "matrix_rank", "tol"),
        bool(hermitian),
    )


@public(
    namespace="linalg",
    examples=tuple(
        Example(lambda x, p=p: _cond(x, p), lambda x, p=p: np.linalg.cond(x, p), (shape,))
        for shape, p in (
            ((3, 3), None),
            ((2, 4, 3), 2),
            ((3, 3), -2),
            ((3, 3), 1),
            ((3, 3), "fro"),
            ((2, 3, 3), np.inf),
        )
    ),
)
def cond(x: Any, p: Any = None) -> Expr:
    """Condition number of matrices.

    Parameters
    ----------
    x : array_like, (..., m, n)
    p : None, 1, -1, 2, -2, inf, -inf or "fro"
        The norm. None and 2 are the quotient of the largest and the smallest singular value, -2
        its inverse; the others need square matrices.

    Notes
    -----
    Singular matrices have condition inf for None and 2; for the other norms they raise
    ``numpy.linalg.LinAlgError`` at the call.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.cond(sg.input("A", ("B", 3, 3))).shape
    (Dim('B'),)
    """
    a = as_matrix(x, "cond")
    if p is None or p in (2, -2):
        s = svdvals(a)
        if is_provably_equal(size_min(*a.shape[-2:]), 0):
            raise ShapeError(f"cond: expected matrices with elements; got {format_shape(a.shape)}")
        first, last = s[..., 0], s[..., -1]
        return last / first if p == -2 else first / last
    return norm(a, p, (-2, -1)) * norm(inv(a), p, (-2, -1))
