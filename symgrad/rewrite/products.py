"""Algebra of arrays: sums of products as matrix products, gradients of indexing as one scatter."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import any as any_
from symgrad.rewrite.pattern import (
    broadcast_to,
    expand_dims,
    matmul,
    negative,
    transpose,
    zeros,
)
from symgrad.rewrite.pattern import sum as sum_
from symgrad.rewrite.rows import is_unit, places
from symgrad.rewrite.scalars import number

# ---------------------------------------------------------------- matrix products


@rule(
    "algebra",
    lambda a, b: transpose(matmul(a, b)),
    examples=(
        lambda x, y: transpose(transpose(x) @ y),
        lambda x, y: transpose(x @ transpose(y)),
    ),
    takes_complex=True,
)
def transpose_of_product(a: Expr, b: Expr, run: Rewriter, node: Expr) -> Expr | None:
    """(A^T B)^T -> B^T A: transposes cancel."""
    if a.ndim != 2 or b.ndim != 2 or node.attrs["axes"] != (1, 0):
        return None
    if "transpose" not in (a.op.name, b.op.name) or run.uses(node.args[0]) > 1:
        return None
    return matmul(transpose(b), transpose(a))


@rule(
    "algebra",
    lambda x, y, axis: sum_(x * y, axis=axis, keepdims=False),
    examples=(
        lambda x, y: (x[:, :, None] * y.T[None]).sum(axis=1),
        lambda x, y: (x[0] * y[0]).sum(),
        lambda x, y: (x * y[0]).sum(axis=1),
        lambda x, y: (x * y[:, :1]).sum(axis=0),
    ),
)
def sum_of_products(x: Expr, y: Expr, axis: Any, node: Expr, run: Rewriter) -> Expr | None:
    """sum_k x_ik y_kj -> x @ y: no array of all products is made."""
    product_ = node.args[0]
    if product_.dtype.kind != "f" or x.dtype != y.dtype or run.uses(product_) > 1:
        return None
    if len(axis) != 1 or x is y:
        return None
    if x.ndim == y.ndim == 1:
        same = x.shape == y.shape and not is_unit(x.shape[0])
        return matmul(x, y) if same else None
    if x.ndim == 2 and product_.shape == x.shape:
        if axis == (1,) and y.ndim == 1 and y.shape == x.shape[1:]:
            return matmul(x, y)
        if axis == (0,) and y.shape == (x.shape[0], 1) and not is_unit(x.shape[0]):
            return matmul(y.reshape(x.shape[0]), x)
        return None
    if x.ndim == y.ndim == 3 and axis == (1,):
        (m, k, one), (uno, k_too, n) = x.shape, y.shape
        if is_unit(one) and is_unit(uno) and k == k_too and not (is_unit(m) or is_unit(n)):
            return matmul(x.reshape(m, k), y.reshape(k, n))
    return None


# ---------------------------------------------------------------- scatters: gradients of indexing


def _scattered(node: Expr, run: Rewriter) -> bool:
    """Whether a node adds into a fresh buffer, and is used once."""
    return (
        node.op.name == "scatter_add"
        and node.args[0].op.name == "zeros"
        and run.uses(node) == 1
        and not run.opaque(node)
    )


def _onto(scattered: Expr, buffer: Expr, negated: bool = False) -> Expr:
    *arrays, values = scattered.args[1:]
    return make(
        scattered.op, (buffer, *arrays, negative(values) if negated else values), scattered.attrs
    )


@rule(
    "algebra",
    lambda s, x: s + x,
    only=lambda op, below: "scatter_add" in below,
    examples=(
        lambda x, y: zeros((3, 4)).at[1].add(y[0]) + x,
        lambda x, y: zeros((3, 4)).at[1].add(y[0]) + zeros((3, 4)).at[:, 2].add(x[:, 0]),
    ),
    takes_complex=True,
)
def scatters_into_one(s: Expr, x: Expr, run: Rewriter, node: Expr) -> Expr | None:
    """scatter_add(0, i, v) + x -> scatter_add(x, i, v): one buffer instead of two."""
    if not _scattered(s, run) or not s.aval == x.aval == node.aval:  # neither is broadcast
        return None
    return _onto(s, x)


@rule(
    "algebra",
    lambda x, s: x - s,
    only=lambda op, below: "scatter_add" in below,
    examples=(
        lambda x, y: x - zeros((3, 4)).at[1].add(y[0]),
        lambda x, y: zeros((3, 4)).at[1].add(y[0]) - x,
    ),
    takes_complex=True,
)
def scatter_subtracted(x: Expr, s: Expr, run: Rewriter, node: Expr) -> Expr | None:
    """x - scatter_add(0, i, v) -> scatter_add(x, i, -v), and the other way round."""
    if not s.aval == x.aval == node.aval:
        return None  # one of them is broadcast
    if _scattered(s, run):
        return _onto(s, x, negated=True)
    if _scattered(x, run):
        return _onto(x, -s)
    return None


@rule(
    "algebra",
    lambda s: -s,
    examples=(lambda x: -(zeros((3, 4)).at[1].add(x[0])),),
    takes_complex=True,
)
def scatter_negated(s: Expr, run: Rewriter) -> Expr | None:
    """-scatter_add(0, i, v) -> scatter_add(0, i, -v)."""
    return _onto(s, s.args[0], negated=True) if _scattered(s, run) else None


@rule(
    "algebra",
    lambda s, c: s * c,
    only=lambda op, below: "scatter_add" in below,
    examples=(lambda x: zeros((3, 4)).at[1].add(x[0]) * 3.0,),
)
def scatter_scaled(s: Expr, c: Expr, run: Rewriter) -> Expr | None:
    """scatter_add(0, i, v) * c -> scatter_add(0, i, v * c) for a finite number c."""
    if not _scattered(s, run) or not _is_finite(c, s):
        return None
    *arrays, values = s.args[1:]
    return make(s.op, (s.args[0], *arrays, values * c), s.attrs)


@rule(
    "algebra",
    lambda s, c: s / c,
    only=lambda op, below: "scatter_add" in below,
    examples=(lambda x: zeros((3, 4)).at[1].add(x[0]) / 3.0,),
)
def scatter_divided(s: Expr, c: Expr, run: Rewriter) -> Expr | None:
    """scatter_add(0, i, v) / c -> scatter_add(0, i, v / c) for a number c that is not 0."""
    if not _scattered(s, run) or not _is_finite(c, s) or number(c) == 0:
        return None
    *arrays, values = s.args[1:]
    return make(s.op, (s.args[0], *arrays, values / c), s.attrs)


def _is_finite(c: Expr, like: Expr) -> bool:
    value = number(c)
    known = c.op.name == "size" or (value is not None and math.isfinite(value))
    return known and c.dtype == like.dtype


@rule(
    "algebra",
    lambda s, axis, keepdims: sum_(s, axis=axis, keepdims=keepdims),
    examples=(
        lambda x: zeros((3, 4)).at[np.arange(3), np.array([0, 3, 1])].add(x[:, 0]).sum(axis=1),
        lambda x: zeros((3, 4)).at[:, 2].add(x[:, 0]).sum(axis=1, keepdims=True),
        lambda x: zeros((3, 4)).at[:, 1:3].add(x[:, :2]).sum(axis=1),
        lambda x: zeros((3, 4)).at[1:, 1:3].add(x[:2, :2]).sum(),
        lambda x: zeros((3, 4)).at[:, 1:3].add(x[0, 0]).sum(axis=1),
    ),
    takes_complex=True,
)
def sum_of_scatter(s: Expr, axis: Any, keepdims: bool, run: Rewriter, node: Expr) -> Expr | None:
    """The sum over scattered axes of what was scattered into zeros -> the sum of the values."""
    return _over_scattered(s, node, run)


@rule(
    "algebra",
    lambda s: any_(s),
    only=lambda op, below: below == ("scatter_add",),
    examples=(
        lambda x: zeros((3, 4), bool).at[np.arange(3), np.array([0, 3, 1])].add(x[:, 0] > 0).any(1),
        lambda x: zeros((3, 4), bool).at[:, 1:3].add(x[:, :2] > 0).any(axis=1, keepdims=True),
    ),
)
def any_of_scatter(s: Expr, run: Rewriter, node: Expr) -> Expr | None:
    """Whether any was scattered into zeros, over scattered axes -> whether any of the values is."""
    return _over_scattered(s, node, run)


def _over_scattered(s: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """The reduction of the values, in place of one of what they were scattered into."""
    if s.op.name != "scatter_add" or s.args[0].op.name != "zeros" or run.opaque(s):
        return None
    if s.dtype.kind == "b" and node.op.name != "any":
        return None
    axis = node.attrs["axis"]
    *arrays, values = s.args[1:]
    index = s.attrs["index"]
    where_ = places(index, s.shape, tuple(arrays))
    kept = [where_[a] for a in range(s.ndim) if a not in axis]
    if None in kept or kept != sorted(kept, key=lambda place: place or 0):
        return None
    picked = make(OPS["getitem"], (s.args[0], *arrays), {"index": index})
    rest = tuple([i for i in range(picked.ndim) if i not in kept])
    if values.shape != picked.shape:
        values = broadcast_to(values, picked.shape)
    whole = any_ if node.op.name == "any" else sum_
    total = whole(values, axis=rest) if rest else values
    return expand_dims(total, axis) if node.attrs["keepdims"] else total
