"""Sparse Jacobians and Hessians: the pattern from the graph, few products by colouring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.autodiff.colouring import columns_coloured, symmetric_coloured
from symgrad.autodiff.forward import pushforward
from symgrad.autodiff.reverse import cotangents
from symgrad.autodiff.sparsity import pattern
from symgrad.ir import provenance
from symgrad.ir.node import Expr, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.model.grad import grad, hvp, require_scalar, stabilised, zero
from symgrad.model.jacobian import mapped, output, stand_in, variable
from symgrad.ops.sparse import SparseExpr

__all__ = ["sparse_hessian", "sparse_jacobian"]


def _ordered(rows: Any, columns: Any) -> tuple[Any, Any]:
    order = np.lexsort((columns, rows))
    return rows[order], columns[order]


def _compressed(value: Callable[[Expr], Expr], colours: Any, like: Expr) -> Expr:
    """Products with the sum of the unit vectors of each colour, along a new first axis."""
    count = int(colours.max(initial=-1)) + 1
    seeds = np.zeros((count, len(colours)))
    seeds[colours, np.arange(len(colours))] = 1
    seed = stand_in(like, "seed")
    made = value(seed)
    given = literal(seeds.reshape(count, *like.shape).astype(like.dtype))
    return FUNCTIONS["reshape"](mapped(made, seed, given, made), (count, -1))  # type: ignore[no-any-return]


def sparse_jacobian(y: Any, x: Any) -> SparseExpr:
    """The Jacobian of which only what may differ from zero is computed.

    The pattern is found on the graph; columns that meet in no row are computed together (or rows,
    where these are fewer colours).

    Parameters
    ----------
    y, x : Expr
        Of static shapes; the matrix is that of their elements in C order.

    Returns
    -------
    SparseExpr
        Of shape ``(y.size, x.size)``; a compiled function returns it as
        ``scipy.sparse.csr_array``.

    Raises
    ------
    DeclarationError
        If a shape is symbolic.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (4,))
    >>> J = sg.sparse_jacobian(x[1:] * x[:-1], x)
    >>> J
    <SparseExpr (3, 4), 6 values of float64>
    >>> sg.function([x], J)([1.0, 2.0, 3.0, 4.0]).toarray()
    array([[2., 1., 0., 0.],
           [0., 3., 2., 0.],
           [0., 0., 4., 3.]])
    """
    x, y = variable(x, "sparse_jacobian"), output(y, "sparse_jacobian")
    rows, columns = _ordered(*pattern(y, x))
    shape = (int(y.size), int(x.size))
    [y] = stabilised([y], [x])
    by_column = columns_coloured(rows, columns, shape[1])
    by_row = columns_coloured(columns, rows, shape[0])
    with provenance.quiet():
        if not len(rows):
            values = FUNCTIONS["zeros"]((0,), dtype=y.dtype)
        elif by_column.max() <= by_row.max():

            def forward(seed: Expr) -> Expr:
                [found] = pushforward([y], [x], [seed])
                return zero(y) if found is None else found

            values = _compressed(forward, by_column, x)[by_column[columns], rows]
        else:

            def backward(seed: Expr) -> Expr:
                [found] = cotangents([y], [seed], [x])
                return zero(x) if found is None else found

            values = _compressed(backward, by_row, y)[by_row[rows], columns]
    return SparseExpr(values, rows, columns, shape)


def sparse_hessian(loss: Any, x: Any) -> SparseExpr:
    """The Hessian of which only what may differ from zero is computed.

    Its symmetry lets fewer products do: a star colouring.

    Parameters
    ----------
    loss : Expr of shape ()
    x : Expr
        Of a static shape.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> H = sg.sparse_hessian((x[1:] * x[:-1]).sum(), x)
    >>> sg.function([x], H)([1.0, 2.0, 3.0]).toarray()
    array([[0., 1., 0.],
           [1., 0., 1.],
           [0., 1., 0.]])
    """
    x, loss = variable(x, "sparse_hessian"), require_scalar(loss)
    rows, columns = _ordered(*pattern(grad(loss, x), x))
    count = int(x.size)
    colours = symmetric_coloured(rows, columns, count)
    alone: dict[tuple[int, int], int] = {}
    for r, c in zip(rows.tolist(), columns.tolist(), strict=True):
        key = (r, int(colours[c]))
        alone[key] = alone.get(key, 0) + 1
    with provenance.quiet():
        if not len(rows):
            return SparseExpr(
                FUNCTIONS["zeros"]((0,), dtype=x.dtype), rows, columns, (count, count)
            )
        direct = np.array(
            [
                alone[r, int(colours[c])] == 1
                for r, c in zip(rows.tolist(), columns.tolist(), strict=True)
            ]
        )
        made = _compressed(lambda seed: hvp(loss, x, seed), colours, x)
        of = np.where(direct, colours[columns], colours[rows])
        at = np.where(direct, rows, columns)
        return SparseExpr(made[of, at], rows, columns, (count, count))
