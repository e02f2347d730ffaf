"""Which matrices are proved to be positive definite, whatever their arguments are."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.graph import topological
from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.ops.shape import swapaxes
from symgrad.rewrite.engine import Rewriter

__all__ = ["is_definite"]

#: elementwise ops whose values are positive; at most 0 by underflow
_POSITIVE = frozenset({"exp", "cosh", "softplus", "sigmoid"})
#: and those whose values are not negative
_NOT_NEGATIVE = frozenset({"square", "absolute", "relu", "sqrt", "euclidean_norm", "count"})
#: products and sums of what is positive
_KEEPS_SIGN = frozenset({"multiply", "add", "divide", "mean", "sum", "maximum", "sqrt", "square"})

SEMI, DEFINITE = 1, 2


def is_definite(a: Expr, run: Rewriter) -> bool:
    """Whether a matrix is symmetric and positive definite by the way that it is made.

    Sums of A A^T, A P A^T and what else is semidefinite, with c I (c > 0), the product of a
    Cholesky factor with its transpose, exponentials of symmetric matrices and inverses of these.
    """
    known = run.memo.setdefault("definite", {})
    for node in topological([a], stop=lambda n: n in known or run.opaque(n)):
        if node not in known:
            known[node] = 0 if run.opaque(node) else _judge(node, known)
    return bool(known[a] == DEFINITE)


def _judge(node: Expr, known: dict[Expr, int]) -> int:
    if node.ndim < 2:
        return 0
    name, args = node.op.name, node.args
    if node.op is LITERAL:
        return _of_literal(node.attrs["value"].array)
    if name == "add":
        return _of_sum([known[arg] for arg in args]) if _same_shape(node) else 0
    if name in ("multiply", "divide"):
        return _scaled(node, known)
    if name == "matmul":
        return _of_product(node, known)
    if name == "eye":
        return DEFINITE if _is_identity(node) else 0
    if name in ("transpose", "inv", "inv_definite"):
        if name == "transpose" and not _swaps_last(node):
            return 0
        level = known[args[0]]
        return level if name == "transpose" else (level if level == DEFINITE else 0)
    if name == "symmetric_function" and len(args) == 3:
        return DEFINITE if node.attrs["f"].op.name == "exp" else 0
    return 0


def _of_literal(a: np.ndarray[Any, Any]) -> int:
    """Of a constant matrix, by its eigenvalues."""
    square = a.shape[-1] == a.shape[-2] and a.dtype.kind == "f"
    if not square or not a.size or not np.isfinite(a).all() or (a != a.swapaxes(-1, -2)).any():
        return 0
    w = np.linalg.eigvalsh(a.astype(np.float64))
    if (w[..., 0] > len(w) * np.finfo(a.dtype).eps * w[..., -1]).all():
        return DEFINITE
    diagonal = (a == a * np.eye(a.shape[-1])).all()
    return SEMI if diagonal and (a >= 0).all() else 0


def _of_sum(levels: list[int]) -> int:
    return max(levels) if min(levels) >= SEMI else 0


def _same_shape(node: Expr) -> bool:
    """Whether no summand is repeated along an axis of its matrices."""
    return all([arg.shape[-2:] == node.shape[-2:] for arg in node.args])


def _scaled(node: Expr, known: dict[Expr, int]) -> int:
    """A matrix times a number, or over one."""
    pairs = [node.args] if node.op.name == "divide" else [node.args, node.args[::-1]]
    for matrix, number in pairs:
        if number.ndim and not (
            number.ndim >= 2 and all([isinstance(n, int) and n == 1 for n in number.shape[-2:]])
        ):
            continue
        level = known[matrix]
        if not level or matrix.shape[-2:] != node.shape[-2:]:
            continue
        of_number = _sign(number)
        if of_number == DEFINITE:
            return level
        if of_number == SEMI:
            return SEMI
    return 0


def _sign(x: Expr) -> int:
    """Whether all elements are positive (2), or not negative (1)."""
    levels: dict[Expr, int] = {}
    for node in topological([x]):
        name = node.op.name
        below = [levels[arg] for arg in node.args]
        if node.op is LITERAL:
            value = node.attrs["value"].array
            positive, some = bool(np.all(value > 0)), bool(np.all(value >= 0))
            levels[node] = DEFINITE if positive else SEMI if some else 0
        elif node.op is SIZE or name in _POSITIVE:
            levels[node] = DEFINITE
        elif name == "add" and below and min(below) >= SEMI:
            levels[node] = max(below)
        elif (name in _KEEPS_SIGN and below and min(below) >= SEMI) or (
            name in ("expand_dims", "broadcast_to", "reshape", "getitem", "astype") and below
        ):
            levels[node] = below[0] if len(below) == 1 else min(below)
        elif name in _NOT_NEGATIVE:
            levels[node] = SEMI
        else:
            levels[node] = 0
    return levels[x]


def _swaps_last(node: Expr) -> bool:
    return node is swapaxes(node.args[0], -1, -2)


def _are_transposes(a: Expr, b: Expr) -> bool:
    return (
        a.ndim >= 2 and b.ndim == a.ndim and (b is swapaxes(a, -1, -2) or a is swapaxes(b, -1, -2))
    )


def _of_product(node: Expr, known: dict[Expr, int]) -> int:
    a, b = node.args
    if _are_transposes(a, b):
        factor = a if a.op.name != "transpose" else b
        return DEFINITE if factor.op.name in ("cholesky", "definite_factor") else SEMI
    # A P A^T, in either order of the products
    if a.op.name == "matmul" and _are_transposes(a.args[0], b) and known[a.args[1]]:
        return SEMI
    if b.op.name == "matmul" and _are_transposes(a, b.args[1]) and known[b.args[0]]:
        return SEMI
    return 0


def _is_identity(node: Expr) -> bool:
    attrs = node.attrs
    return attrs.get("k", 0) == 0 and node.shape[-1] == node.shape[-2]
