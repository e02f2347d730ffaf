"""Products of vectors, and of many matrices: cross, kron, vecdot, multi_dot; np.linalg's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.node import Expr, as_exprs
from symgrad.ir.op import FUNCTIONS, NAMESPACES, Example, public
from symgrad.ir.size import Size
from symgrad.ops.creation import zeros
from symgrad.ops.examples import later
from symgrad.ops.join import concatenate, stack
from symgrad.ops.matrices import column, row
from symgrad.ops.products import diagonal, matmul, outer, tensordot, trace
from symgrad.ops.shape import (
    expand_dims,
    matrix_transpose,
    moveaxis,
    normalize_axis,
    reshape,
)

__all__ = [
    "block_diag",
    "cross",
    "kron",
    "matvec",
    "multi_dot",
    "vecdot",
    "vecmat",
]

#: for examples
_block_diag = later("block_diag")
_multi_dot = later("multi_dot")


def _like(name: str, *shapes: tuple[int, ...], space: Any = np, **options: Any) -> Example:
    def build(*xs: Any) -> Any:
        table = FUNCTIONS if space is np else NAMESPACES["linalg"]
        return table[name](*xs, **options)

    return Example(build, lambda *xs: getattr(space, name)(*xs, **options), shapes)


# ---------------------------------------------------------------- dot products over stacks


@public(
    examples=(
        _like("vecdot", (3,), (3,)),
        _like("vecdot", (2, 3), (3,)),
        _like("vecdot", (4, 1, 3), (2, 3)),
        _like("vecdot", (3, 2), (3, 2), axis=0),
    ),
    namespace="linalg",
)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Expr:
    """Dot products of vectors along `axis`, stacked over the other axes.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.vecdot(sg.input("a", ("B", 3)), sg.input("b", (3,))).shape
    (Dim('B'),)
    """
    x, y = as_exprs((x1, x2))
    if not x.ndim or not y.ndim:
        raise ShapeError("vecdot: expected vectors; got a scalar")
    x, y = (moveaxis(a, normalize_axis(axis, a.ndim, "vecdot: axis"), -1) for a in (x, y))
    if x.ndim == 1 or y.ndim == 1:
        return matmul(x, y) if y.ndim == 1 else matmul(y, x)
    return (row(x) @ column(y))[..., 0, 0]


@public(examples=(_like("matvec", (3, 4), (4,)), _like("matvec", (2, 3, 4), (5, 1, 4))))
def matvec(x1: Any, x2: Any, /) -> Expr:
    """Products of matrices and vectors, stacked over leading axes.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.matvec(sg.input("A", (3, 4)), sg.input("x", ("B", 4))).shape
    (Dim('B'), 3)
    """
    a, x = as_exprs((x1, x2))
    if a.ndim < 2 or not x.ndim:
        raise ShapeError(
            f"matvec: expected matrices and vectors; got {format_shape(a.shape)} and "
            f"{format_shape(x.shape)}"
        )
    if x.ndim == 1:
        return matmul(a, x)
    if a.ndim == 2:
        return matmul(x, matrix_transpose(a))
    return matmul(a, column(x))[..., 0]


@public(examples=(_like("vecmat", (3,), (3, 4)), _like("vecmat", (5, 1, 3), (2, 3, 4))))
def vecmat(x1: Any, x2: Any, /) -> Expr:
    """Products of vectors and matrices, stacked over leading axes.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.vecmat(sg.input("x", ("B", 3)), sg.input("A", (3, 4))).shape
    (Dim('B'), 4)
    """
    x, a = as_exprs((x1, x2))
    if a.ndim < 2 or not x.ndim:
        raise ShapeError(
            f"vecmat: expected vectors and matrices; got {format_shape(x.shape)} and "
            f"{format_shape(a.shape)}"
        )
    if x.ndim == 1 or a.ndim == 2:
        return matmul(x, a)
    return matmul(row(x), a)[..., 0, :]


# ---------------------------------------------------------------- cross and Kronecker products


@public(
    examples=(
        _like("cross", (3,), (3,)),
        _like("cross", (2, 3), (3,)),
        _like("cross", (4, 1, 3), (2, 3)),
        _like("cross", (3, 2), (3, 2), axis=0),
        _like("cross", (2, 3), (3, 2), axisb=0, axisc=0),
        _like("cross", (2, 3), (2, 3), axisa=1, axisc=0),
    ),
)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Expr:
    """Cross products of vectors of 3 elements, or of 2, which lie in a plane.

    Parameters
    ----------
    a, b : array_like
    axisa, axisb, axisc : int
        Where the vectors lie, and where those of the result do.
    axis : int, optional
        All three at once.

    Notes
    -----
    Two vectors of 2 elements give a number, the third element; one of 2 and one of 3 are taken to
    have 0 for the third, as NumPy has it (which calls this deprecated).

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.cross(sg.input("a", ("B", 3)), sg.input("b", (3,))).shape
    (Dim('B'), 3)
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = as_exprs((a, b))
    if not x.ndim or not y.ndim:
        raise ShapeError("cross: expected vectors of 2 or 3 elements; got a scalar")
    x = moveaxis(x, normalize_axis(axisa, x.ndim, "cross: axisa"), -1)
    y = moveaxis(y, normalize_axis(axisb, y.ndim, "cross: axisb"), -1)
    parts = []
    for one in (x, y):
        n = one.shape[-1]
        if not isinstance(n, int) or n not in (2, 3):
            raise ShapeError(
                f"cross: expected vectors of 2 or 3 elements; got {n} in {format_shape(one.shape)}"
            )
        parts.append([one[..., i] for i in range(n)])
    (x0, x1, *xs), (y0, y1, *ys) = parts
    last = x0 * y1 - x1 * y0
    if not xs and not ys:
        return last
    if not ys:
        first, second = -(xs[0] * y1), xs[0] * y0
    elif not xs:
        first, second = x1 * ys[0], -(x0 * ys[0])
    else:
        first, second = x1 * ys[0] - xs[0] * y1, xs[0] * y0 - x0 * ys[0]
    out = stack([first, second, last], axis=-1)
    return moveaxis(out, -1, normalize_axis(axisc, out.ndim, "cross: axisc"))


@public(
    namespace="linalg",
    name="cross",
    examples=(
        _like("cross", (2, 3), (3,), space=np.linalg),
        _like("cross", (3, 2), (3, 2), space=np.linalg, axis=0),
    ),
)
def _cross_of_three(x1: Any, x2: Any, /, *, axis: int = -1) -> Expr:
    """Cross products of vectors of 3 elements along `axis`.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.cross(sg.input("a", ("B", 3)), sg.input("b", (3,))).shape
    (Dim('B'), 3)
    """
    x, y = as_exprs((x1, x2))
    for one in (x, y):
        n = one.shape[normalize_axis(axis, one.ndim, "cross: axis")] if one.ndim else 0
        if n != 3 or not isinstance(n, int):
            raise ShapeError(f"cross: expected vectors of 3 elements; got {n}")
    return cross(x, y, axis=axis)


@public(
    examples=(
        _like("kron", (3,), (2,)),
        _like("kron", (2, 3), (3, 2)),
        _like("kron", (2, 3), (2,)),
        _like("kron", (2,), (3, 1, 2)),
        _like("kron", (), (2, 2)),
    ),
)
def kron(a: Any, b: Any) -> Expr:
    """Kronecker product: blocks a[i, j] * b.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.kron(sg.input("A", (2, "n")), sg.input("B", (3, 4))).shape
    (6, Dim('4*n'))
    """
    x, y = as_exprs((a, b))
    if not x.ndim or not y.ndim:
        return x * y
    ndim = max(x.ndim, y.ndim)
    x = expand_dims(x, tuple(range(ndim - x.ndim))) if x.ndim < ndim else x
    y = expand_dims(y, tuple(range(ndim - y.ndim))) if y.ndim < ndim else y
    left = expand_dims(x, tuple(range(1, 2 * ndim, 2)))
    right = expand_dims(y, tuple(range(0, 2 * ndim, 2)))
    return reshape(left * right, tuple([m * n for m, n in zip(x.shape, y.shape, strict=True)]))


# ---------------------------------------------------------------- chains, and blocks


def _multi_example(*shapes: tuple[int, ...]) -> Example:
    return Example(lambda *xs: _multi_dot(xs), lambda *xs: np.linalg.multi_dot(xs), shapes)


@public(
    namespace="linalg",
    examples=(
        _multi_example((2, 3), (3, 4)),
        _multi_example((4, 2), (2, 5), (5, 3)),
        _multi_example((5,), (5, 2), (2, 6), (6,)),
        _multi_example((3,), (3, 2), (2, 4), (4, 3)),
    ),
)
def multi_dot(arrays: Sequence[Any]) -> Expr:
    """Product of several matrices, in the order that takes the fewest operations.

    Parameters
    ----------
    arrays : sequence of array_like
        Matrices; the first and the last may be vectors.

    Notes
    -----
    The order is decided at declaration. Symbolic sizes are taken to be 64 for that.

    Examples
    --------
    >>> import symgrad as sg
    >>> A, B = sg.input("A", (100, 2)), sg.input("B", (2, 100))
    >>> x = sg.input("x", (100,))
    >>> sg.linalg.multi_dot([A, B, x]) is A @ (B @ x)
    True
    """
    chain = list(as_exprs(arrays))
    if len(chain) < 2:
        raise DeclarationError(f"multi_dot: expected at least two arrays; got {len(chain)}")
    for i, x in enumerate(chain):
        if x.ndim != 2 and not (x.ndim == 1 and i in (0, len(chain) - 1)):
            raise ShapeError(
                f"multi_dot: expected matrices, vectors at the ends; array {i} has shape "
                f"{format_shape(x.shape)}"
            )
    sizes = [1 if chain[0].ndim == 1 else _hint(chain[0].shape[0])]
    sizes += [_hint(x.shape[0] if x.ndim == 1 and i else x.shape[-1]) for i, x in enumerate(chain)]
    if chain[-1].ndim == 1:
        sizes[-1:] = [1]
    return _product(chain, _splits(sizes), 0, len(chain) - 1)


def _hint(size: Size) -> int:
    return size if isinstance(size, int) else size.evaluate(dict.fromkeys(size.symbols, 64))


def _splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where each part of a chain is best divided (Cormen et al., matrix-chain order)."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    best: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i, j], best[i, j] = min(options)
    return best


def _product(chain: list[Expr], splits: dict[tuple[int, int], int], i: int, j: int) -> Expr:
    if i == j:
        return chain[i]
    k = splits[i, j]
    return matmul(_product(chain, splits, i, k), _product(chain, splits, k + 1, j))


def _scipy_block_diag(*arrays: Any) -> Any:
    import scipy.linalg

    return scipy.linalg.block_diag(*arrays)


@public(
    namespace="linalg",
    examples=(
        Example(lambda *xs: _block_diag(*xs), _scipy_block_diag, ((2, 3), (1, 2), (3, 3))),
        Example(lambda *xs: _block_diag(*xs), _scipy_block_diag, ((2, 2),)),
    ),
)
def block_diag(*arrays: Any) -> Expr:
    """Matrices along the diagonal of a larger one, zeros elsewhere.

    Parameters
    ----------
    *arrays : array_like, (..., m, n)
        Stacks of one shape are taken matrix by matrix; a vector is a row, a number 1 x 1.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.block_diag(sg.input("A", (2, 3)), sg.input("B", ("n", "n"))).shape
    (Dim('n + 2'), Dim('n + 3'))
    """
    blocks = []
    for x in as_exprs(arrays):
        blocks.append(expand_dims(x, tuple(range(2 - x.ndim))) if x.ndim < 2 else x)
    if not blocks:
        raise DeclarationError("block_diag: expected at least one matrix")
    dtype = np.result_type(*[x.dtype for x in blocks])
    lead = blocks[0].shape[:-2]
    rows = []
    for i, block in enumerate(blocks):
        if block.shape[:-2] != lead:
            raise ShapeError(
                f"block_diag: expected stacks of one shape; got {format_shape(lead)} and "
                f"{format_shape(block.shape[:-2])}"
            )
        m = block.shape[-2]
        parts = [
            block.astype(dtype) if i == j else zeros((*lead, m, other.shape[-1]), dtype)
            for j, other in enumerate(blocks)
        ]
        rows.append(concatenate(parts, axis=-1) if len(parts) > 1 else parts[0])
    return concatenate(rows, axis=-2) if len(rows) > 1 else rows[0]


# ---------------------------------------------------------------- np.linalg's own forms


@public(
    namespace="linalg",
    name="outer",
    examples=(_like("outer", (3,), (2,), space=np.linalg),),
)
def _outer(x1: Any, x2: Any, /) -> Expr:
    """Products of all pairs of elements of two vectors.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.outer(sg.input("a", (3,)), sg.input("b", ("n",))).shape
    (3, Dim('n'))
    """
    x, y = as_exprs((x1, x2))
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(
            f"outer: expected two vectors; got {format_shape(x.shape)} and {format_shape(y.shape)}"
        )
    return outer(x, y)


@public(
    namespace="linalg",
    name="trace",
    examples=(
        _like("trace", (2, 3, 3), space=np.linalg),
        _like("trace", (3, 4), space=np.linalg, offset=-1),
    ),
)
def _trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Expr:
    """Sums along a diagonal of matrices, which are the last two axes.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.trace(sg.input("A", ("B", 3, 3))).shape
    (Dim('B'),)
    """
    return trace(x, offset, -2, -1, dtype)


@public(
    namespace="linalg",
    name="diagonal",
    examples=(
        _like("diagonal", (2, 3, 3), space=np.linalg),
        _like("diagonal", (2, 3, 4), space=np.linalg, offset=1),
    ),
)
def _diagonal(x: Any, /, *, offset: int = 0) -> Expr:
    """A diagonal of matrices, which are the last two axes.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.diagonal(sg.input("A", ("B", 3, 4)), offset=1).shape
    (Dim('B'), 3)
    """
    return diagonal(x, offset, -2, -1)


@public(
    namespace="linalg",
    name="tensordot",
    examples=(
        _like("tensordot", (2, 3, 4), (3, 4, 2), space=np.linalg),
        _like("tensordot", (2, 3), (3, 2), space=np.linalg, axes=((0,), (1,))),
    ),
)
def _tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Expr:
    """Sum of products over pairs of axes, by one matrix product: as ``sg.tensordot``.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.tensordot(sg.input("a", (2, 3)), sg.input("b", (3, "n")), axes=1).shape
    (2, Dim('n'))
    """
    return tensordot(x1, x2, axes)


# these have one meaning in both modules
for _same in (matmul, matrix_transpose):
    public(namespace="linalg")(_same)
