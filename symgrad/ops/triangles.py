"""Diagonals and triangles of matrices."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, literal, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, public, register
from symgrad.ir.size import Dim, Size, as_size
from symgrad.ops.creation import Constant, arange, dtype_keyword, zeros
from symgrad.ops.examples import like_numpy
from symgrad.ops.products import diagonal
from symgrad.ops.shape import broadcast_to, given, ravel

__all__ = [
    "diag",
    "diag_indices",
    "diag_indices_from",
    "diagflat",
    "tri",
    "tril",
    "tril_indices",
    "tril_indices_from",
    "triu",
    "triu_indices",
    "triu_indices_from",
]


def _offset(name: str, k: Any) -> int:
    try:
        return operator.index(k)
    except TypeError:
        raise DeclarationError(f"{name}: the diagonal k must be an integer; got {k!r}") from None


# ---------------------------------------------------------------- a diagonal matrix


@register
class Diag(Op):
    """A vector on the k-th diagonal of a matrix of zeros."""

    name = "diag"
    takes_complex = True
    examples = (
        *(like_numpy("diag", ((3,),), *k) for k in ((), (1,), (-2,))),
        like_numpy("diag", ((3, 4),)),
        like_numpy("diag", ((4, 3),), -1),
    )

    def aval(self, x: Aval, *, k: int) -> Aval:
        n = x.shape[0] + abs(k)
        return Aval((n, n), x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (diagonal(ct, node.attrs["k"]),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        (x,), k = args, node.attrs["k"]
        along = arange(x.shape[1])
        place = (slice(None), along + max(-k, 0), along + max(k, 0))
        out: Expr = zeros((x.shape[0], *node.shape), x.dtype).at[place].set(x)
        return out

    def numpy(self, node: Expr, *args: Code) -> Code:
        k = node.attrs["k"]
        return Code.call("np.diag", args[0], **({"k": k} if k else {}))

    def latex(self, node: Expr, *args: str) -> str:
        k = node.attrs["k"]
        return rf"\operatorname{{diag}}{f'_{{{k}}}' if k else ''}\left({args[0]}\right)"

    def flops(self, node: Expr) -> int:
        return 0


@function
def diag(v: Any, k: int = 0) -> Expr:
    """A vector as the k-th diagonal of a matrix, or the k-th diagonal of a matrix as a vector.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.diag(sg.input("x", ("n",))).shape, sg.diag(sg.input("A", (3, 5)), 1).shape
    ((Dim('n'), Dim('n')), (3,))
    """
    x, offset = as_expr(v), _offset("diag", k)
    if x.ndim == 2:
        out: Expr = diagonal(x, offset)
        return out
    if x.ndim != 1:
        raise ShapeError(f"diag takes a vector or a matrix; got {format_shape(x.shape)}")
    return make(OPS["diag"], (x,), {"k": offset})


@public(examples=(like_numpy("diagflat", ((2, 2),)), like_numpy("diagflat", ((3,),), -1)))
def diagflat(v: Any, k: int = 0) -> Expr:
    """All elements, in C order, as the k-th diagonal of a matrix."""
    return diag(ravel(as_expr(v)), k)


# ---------------------------------------------------------------- triangles


class Triangle(Op):
    """A matrix, or a stack of them, with zeros on one side of the k-th diagonal."""

    def aval(self, x: Aval, *, k: int) -> Aval:
        return x

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (make(self, (ct,), node.attrs),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        k = node.attrs["k"]
        return Code.call(f"np.{self.name}", args[0], **({"k": k} if k else {}))

    def flops(self, node: Expr) -> int:
        return 0


def _triangle(name: str, m: Any, k: Any) -> Expr:
    x = as_expr(m)
    if not x.ndim:
        raise ShapeError(f"{name} takes a matrix, or a stack of them; got a scalar")
    if x.ndim == 1:  # as NumPy has it: the vector is each of the rows
        x = broadcast_to(x, (x.shape[0], x.shape[0]))
    return make(OPS[name], (x,), {"k": _offset(name, k)})


def _triangles(name: str) -> tuple[Example, ...]:
    return (
        like_numpy(name, ((3, 3),)),
        like_numpy(name, ((3, 4),), 1),
        like_numpy(name, ((2, 4, 3),), -1),
        like_numpy(name, ((3,),)),
    )


@register
class TriL(Triangle):
    """Zeros above the k-th diagonal."""

    name = "tril"
    takes_complex = True
    examples = _triangles("tril")


@function
def tril(m: Any, k: int = 0) -> Expr:
    """The lower triangle of the last two axes: zeros above the k-th diagonal.

    Notes
    -----
    What is cut off has gradient 0, whatever NaN or infinity it holds.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.tril(sg.input("A", ("B", 3, 3)), -1).shape
    (Dim('B'), 3, 3)
    """
    return _triangle("tril", m, k)


@register
class TriU(Triangle):
    """Zeros below the k-th diagonal."""

    name = "triu"
    takes_complex = True
    examples = _triangles("triu")


@function
def triu(m: Any, k: int = 0) -> Expr:
    """The upper triangle of the last two axes: zeros below the k-th diagonal.

    Notes
    -----
    What is cut off has gradient 0, whatever NaN or infinity it holds.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.triu(sg.input("A", ("n", "n"))).shape
    (Dim('n'), Dim('n'))
    """
    return _triangle("triu", m, k)


@register
class Tri(Constant):
    """Ones at and below the k-th diagonal, zeros above it."""

    name = "tri"
    examples = (
        Example(lambda: tri(3), lambda: np.tri(3), ()),
        Example(lambda: tri(2, 4, 1, "float32"), lambda: np.tri(2, 4, 1, np.float32), ()),
        Example(lambda: tri(3, k=-1, dtype=bool), lambda: np.tri(3, k=-1, dtype=bool), ()),
    )

    def aval(self, *args: Aval, n: Size, m: Size, k: int, dtype: np.dtype[Any]) -> Aval:
        return Aval((n, m), dtype)

    def numpy(self, node: Expr, *args: Code) -> Code:
        n, m, k = (node.attrs[key] for key in ("n", "m", "k"))
        sizes = [str(n)] if n == m else [str(n), str(m)]
        keywords = {"k": k} if k else {}
        return Code.call("np.tri", *sizes, **keywords | dtype_keyword(node.dtype))


@function
def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Expr:
    """Ones at and below the k-th diagonal of an (N, M) matrix, zeros above it.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.tri("n", dtype=bool).shape
    (Dim('n'), Dim('n'))
    """
    rows = as_size(N)
    attrs = {
        "n": rows,
        "m": rows if M is None else as_size(M),
        "k": _offset("tri", k),
        "dtype": zeros((), dtype).dtype,
    }
    return make(OPS["tri"], (), attrs)


# ---------------------------------------------------------------- where they are


def _known(name: str, *sizes: Any) -> list[int]:
    found = [as_size(size) for size in sizes]
    for size in found:
        if isinstance(size, Dim):
            raise DeclarationError(
                f"{name}: how many positions there are depends on the symbolic size {size}; "
                "use sg.where with sg.tri(n, dtype=bool)"
            )
    return [int(size) for size in found]


def _of_matrix(name: str, arr: Any) -> tuple[Size, Size]:
    x = as_expr(arr)
    if x.ndim != 2:
        raise ShapeError(f"{name} takes a matrix; got {format_shape(x.shape)}")
    return x.shape[0], x.shape[1]


def _taken(name: str, *args: Any) -> Example:
    """The elements at these positions."""
    reference = getattr(np, name)
    return Example(lambda x: x[FUNCTIONS[name](*args)], lambda x: x[reference(*args)], ((4, 4),))


def _taken_from(name: str, *args: Any) -> Example:
    reference = getattr(np, name)
    return Example(
        lambda x: FUNCTIONS["stack"]([x, x], axis=2)[FUNCTIONS[name](np.zeros((3, 4)), *args)],
        lambda x: np.stack([x, x], axis=2)[reference(np.zeros((3, 4)), *args)],
        ((4, 4),),
    )


@public(examples=(_taken("tril_indices", 3), _taken("tril_indices", 3, -1, 4)))
def tril_indices(n: Any, k: int = 0, m: Any = None) -> tuple[Expr, Expr]:
    """The positions of the lower triangle of an (n, m) matrix: an index.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.input("A", (3, 3))[sg.tril_indices(3)].shape
    (6,)
    """
    rows, columns = _known("tril_indices", n, n if m is None else m)
    i, j = np.tril_indices(rows, _offset("tril_indices", k), columns)
    return literal(i), literal(j)


@public(examples=(_taken("triu_indices", 3), _taken("triu_indices", 3, 1, 4)))
def triu_indices(n: Any, k: int = 0, m: Any = None) -> tuple[Expr, Expr]:
    """The positions of the upper triangle of an (n, m) matrix: an index."""
    rows, columns = _known("triu_indices", n, n if m is None else m)
    i, j = np.triu_indices(rows, _offset("triu_indices", k), columns)
    return literal(i), literal(j)


@public(examples=(_taken_from("tril_indices_from"), _taken_from("tril_indices_from", 1)))
def tril_indices_from(arr: Any, k: int = 0) -> tuple[Expr, Expr]:
    """The positions of the lower triangle of a matrix of this shape: an index."""
    n, m = _of_matrix("tril_indices_from", arr)
    return tril_indices(n, k, m)


@public(examples=(_taken_from("triu_indices_from"), _taken_from("triu_indices_from", 1)))
def triu_indices_from(arr: Any, k: int = 0) -> tuple[Expr, Expr]:
    """The positions of the upper triangle of a matrix of this shape: an index."""
    n, m = _of_matrix("triu_indices_from", arr)
    return triu_indices(n, k, m)


@public(
    examples=(
        Example(
            lambda x: x[FUNCTIONS["diag_indices"](x.shape[0])], lambda x: np.diagonal(x), ((4, 4),)
        ),
        Example(
            lambda x: x.at[FUNCTIONS["diag_indices"](x.shape[0])].set(0.5),
            lambda x: np.where(np.eye(len(x), dtype=bool), 0.5, x),
            ((3, 3),),
        ),
    )
)
def diag_indices(n: Any, ndim: int = 2) -> tuple[Expr, ...]:
    """The positions of the main diagonal of an array of n elements along each axis: an index.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("n", "n"))
    >>> x.at[sg.diag_indices("n")].set(0.0).shape
    (Dim('n'), Dim('n'))
    """
    return (arange(as_size(n)),) * operator.index(ndim)


@public(
    examples=(
        Example(lambda x: x[FUNCTIONS["diag_indices_from"](x)], lambda x: x.diagonal(), ((3, 3),)),
    )
)
def diag_indices_from(arr: Any) -> tuple[Expr, ...]:
    """The positions of the main diagonal of an array of this shape: an index."""
    x = as_expr(arr)
    if x.ndim < 2 or len(set(x.shape)) > 1:
        raise ShapeError(
            f"diag_indices_from takes an array of equal sizes; got {format_shape(x.shape)}"
        )
    return diag_indices(x.shape[0], x.ndim)
