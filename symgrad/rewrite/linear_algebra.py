"""Stabilisation of linear algebra: no explicit inverse, no determinant that overflows.

Where a matrix is proved to be positive definite, its Cholesky factor serves for all.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Callable

from symgrad.ir.node import Expr, make
from symgrad.ir.op import NAMESPACES, OPS
from symgrad.ops.definite import inverse, logdet, solution
from symgrad.ops.item import item
from symgrad.ops.scalar_function import function_of
from symgrad.ops.shape import matrix_transpose, swapaxes
from symgrad.rewrite.definite import is_definite
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import (
    absolute,
    det,
    diag,
    exp,
    eye,
    inv,
    inv_definite,
    log,
    matmul,
    sqrt,
    square,
)

_solve, _slogdet, _eigh = (NAMESPACES["linalg"][name] for name in ("solve", "slogdet", "eigh"))


def _square(x: Expr) -> Expr:
    """For examples: a matrix far from singular, with a positive determinant."""
    return x[1:, 2:] + 8.0 * eye(2, dtype=x.dtype)


def _gram(x: Expr) -> Expr:
    """For examples: a positive definite matrix."""
    return x[1:, 2:] @ x[1:, 2:].T + 2.0 * eye(2, dtype=x.dtype)


# ---------------------------------------------------------------- inverses


@rule(
    "stability",
    lambda a: inv(a),
    examples=(lambda x: inv(_gram(x)),),
)
def inverse_of_definite(a: Expr, run: Rewriter) -> Expr | None:
    """A^-1 -> L^-T L^-1 for a positive definite A = L L^T."""
    return inverse(a) if is_definite(a, run) else None


@rule(
    "stability",
    lambda a, b: matmul(inv(a), b),
    examples=(
        lambda x, y: inv(_square(x)) @ y[:2],
        lambda x, y: inv(_square(x)) @ y[:2, 0],
        lambda x, y: y[:2, 0] @ (inv(_square(x)) @ y[:2, 0]),
    ),
)
def inverse_of_matrix_times(a: Expr, b: Expr) -> Expr:
    """A^-1 b -> solve(A, b)."""
    return _solve(a, b)


@rule(
    "stability",
    lambda a, b: matmul(b, inv(a)),
    examples=(
        lambda x, y: y[:, :2] @ inv(_square(x)),
        lambda x, y: y[0, :2] @ inv(_square(x)),
        lambda x, y: y[0, :2] @ inv(_square(x)) @ y[0, :2],
    ),
)
def times_inverse_of_matrix(a: Expr, b: Expr) -> Expr:
    """b A^-1 -> solve(A^T, b^T)^T."""
    if b.ndim == 1:
        return _solve(matrix_transpose(a), b)
    return matrix_transpose(_solve(matrix_transpose(a), matrix_transpose(b)))


@rule(
    "stability",
    lambda a, f, b: matmul(inv_definite(a, f), b),
    examples=(
        lambda x, y: inv(_gram(x)) @ y[1:, :2],
        lambda x, y: inv(_gram(x)) @ y[1:, 0],
    ),
)
def definite_inverse_times(a: Expr, f: Expr, b: Expr) -> Expr:
    """A^-1 b -> L^-T L^-1 b for a positive definite A = L L^T (an infinite b may turn NaN)."""
    return solution(a, b)


@rule(
    "stability",
    lambda a, f, b: matmul(b, inv_definite(a, f)),
    examples=(
        lambda x, y: y[1:, :2] @ inv(_gram(x)),
        lambda x, y: y[2, :2] @ inv(_gram(x)) @ y[2, :2],
    ),
)
def times_definite_inverse(a: Expr, f: Expr, b: Expr) -> Expr:
    """b A^-1 -> (L^-T L^-1 b^T)^T for a positive definite A (an infinite b may turn NaN)."""
    if b.ndim == 1:
        return solution(a, b)
    return matrix_transpose(solution(a, matrix_transpose(b)))


# ---------------------------------------------------------------- determinants


@rule(
    "stability",
    lambda a: log(det(a)),
    extends_domain=True,
    examples=(lambda x: log(det(_square(x))), lambda x: log(det(_gram(x)))),
)
def log_of_determinant(a: Expr, run: Rewriter) -> Expr:
    """log det A -> 2 sum log diag L for a positive definite A = L L^T, else from slogdet."""
    if is_definite(a, run):
        return logdet(a)
    signs, found = _slogdet(a)
    return log(signs) + found  # NaN where the determinant is negative


@rule(
    "stability",
    lambda a: log(absolute(det(a))),
    extends_domain=True,
    examples=(lambda x: log(abs(det(_square(x)))), lambda x: log(abs(det(_gram(x))))),
)
def log_of_size_of_determinant(a: Expr, run: Rewriter) -> Expr:
    """log |det A| from slogdet, or the Cholesky factor: it neither over- nor underflows."""
    return logdet(a) if is_definite(a, run) else _slogdet(a).logabsdet


@rule(
    "stability",
    lambda a: log(sqrt(det(a))),
    extends_domain=True,
    examples=(lambda x: log(sqrt(det(_square(x)))),),
)
def log_of_root_of_determinant(a: Expr) -> Expr:
    """log sqrt det A -> log(det A) / 2."""
    return log(det(a)) / 2


@rule(
    "stability",
    lambda a: log(square(det(a))),
    extends_domain=True,
    examples=(lambda x: log(det(_square(x)) ** 2),),
)
def log_of_square_of_determinant(a: Expr) -> Expr:
    """log (det A)^2 -> 2 log |det A|."""
    return log(absolute(det(a))) * 2


# ---------------------------------------------------------------- functions of eigenvalues


@rule(
    "stability",
    lambda a, b: matmul(a, b),
    examples=(
        lambda x: _spectral(x, lambda w, v: (v * exp(w / 8)) @ v.T),
        lambda x: _spectral(x, lambda w, v: (v / exp(w / 8)[None, :]) @ v.T),
        lambda x: _spectral(x, lambda w, v: v @ (exp(w / 8)[:, None] * v.T)),
        lambda x: _spectral(x, lambda w, v: v @ diag(exp(w / 8)) @ v.T),
    ),
)
def function_of_eigenvalues(a: Expr, b: Expr, run: Rewriter) -> Expr | None:
    """V f(w) V^T -> f(A): its derivative is exact where eigenvalues are equal."""
    v, f = _scaled(a, run, -2)
    u, g = _scaled(b, run, -1)
    if (f is None) == (g is None) or u is not swapaxes(v, -1, -2):
        return None
    if v.op.name != "item" or v.attrs["part"] != 1 or v.args[0].op.name != "eigh":
        return None
    whole = v.args[0]
    w = item(whole, 0)
    if run.opaque(v) or run.opaque(w):
        return None
    inverted, values = f or g or (False, w)
    body = function_of(values, w)
    if body is None or body.dtype != w.dtype:
        return None
    read = whole.args[0] if whole.attrs["lower"] else matrix_transpose(whole.args[0])
    return make(OPS["symmetric_function"], (read, w, v), {"f": 1 / body if inverted else body})


def _scaled(x: Expr, run: Rewriter, axis: int) -> tuple[Expr, tuple[bool, Expr] | None]:
    """A matrix and the numbers that its columns (axis -2), or rows (-1), are multiplied by.

    With True where they are divided by them.
    """
    name = x.op.name
    if run.opaque(x) or name not in ("multiply", "divide", "matmul"):
        return x, None
    first, second = x.args
    if name == "matmul":
        matrix, other = (first, second) if axis == -2 else (second, first)
        if other.op.name == "diag" and other.attrs["k"] == 0 and not run.opaque(other):
            return matrix, (False, other.args[0])
        return x, None
    for matrix, other in ((first, second), (second, first)):
        spread = other.ndim == 1 if axis == -2 else False
        if other.ndim > 1:
            size = other.shape[axis]
            spread = isinstance(size, int) and size == 1
        if spread and matrix.shape == x.shape and matrix.op.name in ("item", "transpose"):
            return matrix, (name == "divide", other)
        if name == "divide":
            break
    return x, None


def _spectral(x: Expr, build: Callable[[Expr, Expr], Expr]) -> Expr:
    """For examples."""
    return build(*_eigh(_gram(x)))
