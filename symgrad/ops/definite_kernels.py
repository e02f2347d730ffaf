"""Positive definite matrices by their Cholesky factor. Matrices are the last two axes of stacks.

The compiler copies the source of these functions into the modules that it generates.
"""

# copied into modules that people read: without annotations, as in the rest of that source
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from symgrad.ops.linalg_kernels import solve_triangular

__all__ = ["definite_factor", "inv_definite", "logdet_definite", "solve_definite"]


def definite_factor(a):
    """L with L L^T = a; NaN where rounding has left a matrix that is not positive definite."""
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        return np.full_like(a, np.nan)


def solve_definite(a, factor, b):
    """x with a x = b, where factor is that of a."""
    if np.isnan(factor).any():
        return np.linalg.solve(a, b)
    return solve_triangular(factor, solve_triangular(factor, b, lower=True), True, True)


def inv_definite(a, factor):
    """The inverse of a, where factor is that of a."""
    if np.isnan(factor).any():
        return np.linalg.inv(a)
    x = solve_triangular(factor, np.eye(a.shape[-1], dtype=a.dtype), lower=True)
    return np.swapaxes(x, -1, -2) @ x


def logdet_definite(a, factor):
    """log(det(a)), where factor is that of a."""
    if np.isnan(factor).any():
        sign, logdet = np.linalg.slogdet(a)
        return np.where(sign < 0, np.nan, logdet).astype(a.dtype)[()]
    return 2 * np.log(np.diagonal(factor, 0, -2, -1)).sum(axis=-1)
