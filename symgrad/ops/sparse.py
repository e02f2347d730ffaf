"""A sparse matrix as a result: values that are computed, at places that are known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DTypeError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, literal, make
from symgrad.ir.op import FUNCTIONS, OPS, Op, register

__all__ = ["SparseExpr"]

Array = np.ndarray[Any, Any]


@register
class SparseMatrix(Op):
    """``scipy.sparse.csr_array`` of values in order of rows: for what a function returns."""

    name = "csr"
    read_only = False

    def aval(self, values: Aval, columns: Aval, starts: Aval, *, shape: tuple[int, int]) -> Aval:
        return Aval(shape, values.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        raise DTypeError(
            "a sparse matrix is a result, and nothing is computed with it; differentiate its "
            ".values, or what it is the Jacobian of"
        )

    def numpy(self, node: Expr, *args: Code) -> Code:
        values, columns, starts = args
        shape = node.attrs["shape"]
        return Code.call(
            "sparse.csr_array", f"({values.text}, {columns.text}, {starts.text})", shape=str(shape)
        )

    def imports(self) -> tuple[str, ...]:
        return ("from scipy import sparse",)


class SparseExpr:
    """A sparse matrix: values that are an expression, on a pattern that is fixed.

    Compiled as an output, it becomes a ``scipy.sparse.csr_array``.

    Attributes
    ----------
    values : Expr of shape (nnz,)
    rows, columns : ndarray of int
        The places of the values, in order of rows.
    shape : tuple of two int
    """

    def __init__(self, values: Expr, rows: Array, columns: Array, shape: tuple[int, int]) -> None:
        self.values, self.rows, self.columns, self.shape = values, rows, columns, shape

    @property
    def nnz(self) -> int:
        """The number of entries that may differ from zero."""
        return len(self.rows)

    @property
    def node(self) -> Expr:
        """The matrix as a result of a function."""
        starts = np.searchsorted(self.rows, np.arange(self.shape[0] + 1)).astype(np.int32)
        columns = literal(self.columns.astype(np.int32))
        return make(OPS["csr"], (self.values, columns, literal(starts)), {"shape": self.shape})

    def todense(self) -> Expr:
        """The matrix with its zeros."""
        empty = FUNCTIONS["zeros"](self.shape, dtype=self.values.dtype)
        return empty.at[self.rows, self.columns].set(self.values)  # type: ignore[no-any-return]

    def __matmul__(self, v: Any) -> Expr:
        """The product with a vector."""
        terms = self.values * FUNCTIONS["take"](v, self.columns, axis=0)
        empty = FUNCTIONS["zeros"](self.shape[:1], dtype=terms.dtype)
        return empty.at[self.rows].add(terms)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<SparseExpr {self.shape}, {self.nnz} values of {self.values.dtype}>"
