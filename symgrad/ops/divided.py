"""Divided differences, accurate for points at any distance, equal ones among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations, product
from math import factorial
from typing import Any

import numpy as np

from symgrad.ir.node import Expr, literal
from symgrad.ops.selection import where
from symgrad.ops.shape import expand_dims

__all__ = ["divided_differences"]

Function = Callable[[Expr], Expr]
#: nodes of the quadrature along each axis, and of the one that tells its error
_FINE, _COARSE = 8, 5


def divided_differences(functions: Sequence[Function], w: Expr) -> Expr:
    """f[w_i, w_j, ...] for all combinations of elements along the last axis.

    A quotient of differences loses digits to cancellation where points are close; the integral of
    the derivative between them (Hermite and Genocchi), by quadrature, does not, but fails where
    they are far apart. Both come with an estimate of their error, and the better one is taken.

    Parameters
    ----------
    functions : sequence of callables
        f and its derivatives; their number decides that of the points, one more axis for each.
    w : Expr, (..., n)

    References
    ----------
    N. Higham, *Functions of Matrices*, SIAM (2008), appendix B.16.
    """
    eps = float(np.finfo(w.dtype).eps)
    order = len(functions) - 1
    value = functions[0](w)
    error = abs(value) * eps
    for k in range(1, order + 1):
        value, error = _next(functions[k], w, k, value, error, eps)
    return value


def _along(x: Expr, axes: Sequence[int], count: int) -> Expr:
    """An array whose last axes run over some of `count` points, with size 1 for the others."""
    first = x.ndim - len(axes)
    return expand_dims(x, tuple([first + i for i in range(count) if i not in axes]))


def _next(f: Function, w: Expr, k: int, lower: Expr, error: Expr, eps: float) -> tuple[Expr, Expr]:
    """Differences of k + 1 points and their errors, from those of k points."""
    points = [_along(w, (i,), k + 1) for i in range(k + 1)]
    fine, coarse = (_integral(f, points, n if k == 1 else n - 2) for n in (_FINE, _COARSE))
    best, best_error = fine, abs(fine - coarse) + abs(fine) * eps
    for i, j in combinations(range(k + 1), 2):
        without_i, without_j = (
            [_along(x, [m for m in range(k + 1) if m != gone], k + 1) for x in (lower, error)]
            for gone in (i, j)
        )
        gap = points[j] - points[i]
        safe = where(gap == 0, literal(1, w.dtype), gap)
        quotient = (without_i[0] - without_j[0]) / safe
        its_error = (without_i[1] + without_j[1]) / abs(safe) + abs(quotient) * eps
        better = (gap != 0) & ~(best_error <= its_error)
        best = where(better, quotient, best)
        if k > 1:
            best_error = where(better, its_error, best_error)
    return best, best_error


def _integral(f: Function, points: list[Expr], count: int) -> Expr:
    """The integral of the k-th derivative over the simplex of the points."""
    nodes, weights = _simplex(len(points) - 1, count)
    total: Any = None
    for i, x in enumerate(points):
        share = literal(nodes[:, i], x.dtype)
        term = expand_dims(x, (x.ndim,)) * share
        total = term if total is None else total + term
    made: Expr = f(total) @ literal(weights, points[0].dtype)
    return made


@cache
def _simplex(order: int, count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Nodes (barycentric) and weights on a simplex: products of Gauss's, collapsed."""
    x, w = np.polynomial.legendre.leggauss(count)
    x, w = (x + 1) / 2, w / 2
    nodes, weights = [], []
    for index in product(range(count), repeat=order):
        left, shares, weight = 1.0, [], 1.0
        for depth, i in enumerate(index):
            shares.append(left * x[i])
            weight *= w[i] * (1 - x[i]) ** (order - 1 - depth)
            left *= 1 - x[i]
        nodes.append([*shares, left])
        weights.append(weight)
    assert abs(sum(weights) * factorial(order) - 1) < 1e-12
    return np.array(nodes), np.array(weights)
