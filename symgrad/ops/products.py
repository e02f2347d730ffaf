"""Products of matrices and vectors: matmul, and what NumPy builds on it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.checks import require_equal
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_exprs, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, public, register
from symgrad.ir.size import product, size_max, size_min
from symgrad.ops.broadcasting import broadcast_shapes, sum_to
from symgrad.ops.creation import arange
from symgrad.ops.examples import like_numpy
from symgrad.ops.shape import (
    broadcast_to,
    expand_dims,
    matrix_transpose,
    moveaxis,
    normalize_axis,
    ravel,
    reshape,
    squeeze,
    transpose,
)

__all__ = ["MATMUL", "diagonal", "dot", "inner", "matmul", "outer", "tensordot", "trace", "vdot"]


def _rows(x: Expr) -> Expr:
    """All axes but the last merged into one."""
    if x.ndim == 2:
        return x
    return reshape(x, (product(x.shape[:-1]), x.shape[-1]))


def _column(x: Expr) -> Expr:
    return expand_dims(x, (x.ndim,))


def _row(x: Expr) -> Expr:
    return expand_dims(x, (x.ndim - 1,))


@register
class Matmul(Op):
    """The matrix product, stacked over leading axes, as ``@`` has it."""

    name = "matmul"
    takes_complex = True
    expensive = True
    examples = tuple(
        Example(lambda a, b: matmul(a, b), lambda a, b: a @ b, shapes)
        for shapes in (
            ((3, 4), (4, 2)),
            ((4,), (4,)),
            ((4,), (4, 2)),
            ((3, 4), (4,)),
            ((2, 3, 4), (4, 5)),
            ((3, 4), (2, 4, 5)),
            ((2, 3, 4), (2, 4, 5)),
            ((2, 1, 3, 4), (5, 4, 2)),
            ((4,), (2, 4, 3)),
            ((2, 3, 4), (4,)),
            ((1, 1), (1, 3)),
            ((3, 0), (0, 2)),
        )
    )

    def aval(self, a: Aval, b: Aval) -> Aval:
        for side, x in (("left", a), ("right", b)):
            if not x.shape:
                raise ShapeError(f"the {side} operand has no axes; expected at least one, use *")
        axis = -1 if b.ndim == 1 else -2
        require_equal(
            a.shape[-1],
            b.shape[axis],
            f"axis -1 of {format_shape(a.shape)} and axis {axis} of {format_shape(b.shape)}",
        )
        lead = broadcast_shapes(a.shape[:-2], b.shape[:-2])
        shape = (*lead, *a.shape[-2:-1], *(b.shape[-1:] if b.ndim > 1 else ()))
        return Aval(shape, np.result_type(a.dtype, b.dtype))

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        a, b = node.args
        return (
            _left_cotangent(a, b, ct) if needs[0] else None,
            _right_cotangent(a, b, ct) if needs[1] else None,
        )

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (a, b), (ta, tb) = node.args, tangents
        left = None if ta is None else make(self, (ta, b), {})
        right = None if tb is None else make(self, (a, tb), {})
        if left is None or right is None:
            return right if left is None else left
        return left + right

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        (a, b), (na, nb) = args, (node.args[0].ndim, node.args[1].ndim)
        if batched == (True, False) and nb <= max(na, 2):
            return make(self, (a, b), {})
        if batched == (False, True) and nb == 1:  # a commutes with its vectors
            if na == 1:
                return make(self, (b, a), {})
            if na == 2:
                return make(self, (b, matrix_transpose(a)), {})
        elif batched == (False, True) and na <= nb:
            return make(self, (a, b), {})
        lead = max(na, nb, 2) - 2
        a = _stacked(_row(a) if na == 1 else a, batched[0], lead)
        b = _stacked(_column(b) if nb == 1 else b, batched[1], lead)
        out = make(self, (a, b), {})
        gone = (*((lead + 1,) if na == 1 else ()), *((lead + 2,) if nb == 1 else ()))
        return squeeze(out, axis=gone) if gone else out

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.infix("@", *args)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"{args[0]} \, {args[1]}"

    def flops(self, node: Expr) -> int:
        inner = node.args[0].shape[-1]
        return 2 * inner if isinstance(inner, int) else 128


MATMUL = OPS["matmul"]


def _stacked(x: Expr, batched: bool, lead: int) -> Expr:
    """A stack of matrices, its batch axis in front of `lead` axes."""
    missing = lead - (x.ndim - 2 - batched)
    if not batched or not missing:
        return x
    return expand_dims(x, tuple(range(1, 1 + missing)))


def _left_cotangent(a: Expr, b: Expr, ct: Expr) -> Expr:
    """ct b^T, summed over the axes along which a was broadcast."""
    if b.ndim == 1:  # y_i = sum_k a_ik b_k
        return (_column(ct) if a.ndim > 1 else ct) * b
    if a.ndim == 1:  # y_n = sum_k a_k b_kn
        if b.ndim == 2:
            return matmul(b, ct)
        return _contracted(b, ct, (*range(b.ndim - 2), b.ndim - 1), tuple(range(ct.ndim)))
    if a.ndim == 2 and b.ndim > 2:  # one product in place of a sum of products
        axes = (*range(ct.ndim - 2), ct.ndim - 1)
        return _contracted(ct, b, axes, axes)
    return sum_to(matmul(ct, matrix_transpose(b)), a.shape)


def _right_cotangent(a: Expr, b: Expr, ct: Expr) -> Expr:
    """a^T ct, summed over the axes along which b was broadcast."""
    if a.ndim == 1:  # y_n = sum_k a_k b_kn
        if b.ndim == 1:
            return ct * a
        return _column(a) * _row(ct)
    if b.ndim == 1:
        return matmul(matrix_transpose(_rows(a)), reshape(ct, (product(ct.shape),)))
    if b.ndim == 2:  # one product in place of a sum of products
        return matmul(matrix_transpose(_rows(a)), _rows(ct))
    return sum_to(matmul(matrix_transpose(a), ct), b.shape)


@function
def matmul(x1: Any, x2: Any) -> Expr:
    """Matrix product, as ``@``: vectors, matrices, and stacks of them that broadcast.

    Examples
    --------
    >>> import symgrad as sg
    >>> x, W = sg.input("x", ("B", 3)), sg.param("W", (3, 2))
    >>> sg.matmul(x, W) is x @ W, (x @ W).shape
    (True, (Dim('B'), 2))
    """
    return make(MATMUL, tuple(as_exprs((x1, x2))), {})


# ---- compositions, as NumPy defines them


def _flat(x: Expr) -> Expr:
    return x if x.ndim == 1 else ravel(x)


@public(
    examples=(
        like_numpy("dot", ((3,), (3,))),
        like_numpy("dot", ((2, 3), (3,))),
        like_numpy("dot", ((2, 3), (3, 4))),
        like_numpy("dot", ((2, 3), (4, 3, 5))),
        like_numpy("dot", ((), (2, 3))),
    )
)
def dot(a: Any, b: Any) -> Expr:
    """Sum over the last axis of `a` and the last but one of `b` (the only one of a vector).

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.dot(sg.input("a", (2, 3)), sg.input("b", (5, 3, 4))).shape
    (2, 5, 4)
    """
    x, y = as_exprs((a, b))
    if not x.ndim or not y.ndim:
        return x * y
    if y.ndim == 1 or (x.ndim <= 2 and y.ndim == 2):
        return matmul(x, y)
    return tensordot(x, y, (x.ndim - 1, y.ndim - 2))


@public(
    examples=(
        like_numpy("inner", ((3,), (3,))),
        like_numpy("inner", ((2, 3), (4, 3))),
        like_numpy("inner", ((2, 3), ())),
    )
)
def inner(a: Any, b: Any) -> Expr:
    """Sum of products over the last axes of both.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.inner(sg.input("a", (2, 3)), sg.input("b", (5, 3))).shape
    (2, 5)
    """
    x, y = as_exprs((a, b))
    if not x.ndim or not y.ndim:
        return x * y
    return matmul(x, y) if y.ndim == 1 else tensordot(x, y, (x.ndim - 1, y.ndim - 1))


@public(examples=(like_numpy("vdot", ((3,), (3,))), like_numpy("vdot", ((2, 3), (2, 3)))))
def vdot(a: Any, b: Any) -> Expr:
    """Sum of the products of all elements, of a complex `a` the conjugates; both are flattened.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.vdot(sg.input("a", (2, 3)), sg.input("b", (2, 3))).shape
    ()
    """
    x, y = as_exprs((a, b))
    return matmul(_flat(FUNCTIONS["conjugate"](x)), _flat(y))


@public(
    examples=(
        like_numpy("outer", ((2,), (3,))),
        like_numpy("outer", ((2, 3), (4,))),
    )
)
def outer(a: Any, b: Any) -> Expr:
    """Products of all pairs of elements; both are flattened.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.outer(sg.input("a", (3,)), sg.input("b", ("B",))).shape
    (3, Dim('B'))
    """
    x, y = as_exprs((a, b))
    return _column(_flat(x)) * _flat(y)


@public(
    examples=(
        like_numpy("tensordot", ((2, 3, 4), (3, 4, 5))),
        like_numpy("tensordot", ((2, 3, 4), (4, 2, 5)), axes=((0, 2), (1, 0))),
        like_numpy("tensordot", ((2,), (3,)), axes=0),
    )
)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Expr:
    """Sum of products over pairs of axes, by one matrix product.

    Parameters
    ----------
    a, b : array_like
    axes : int or (axes of a, axes of b)
        An int n pairs the last n axes of `a` with the first n of `b`.

    Examples
    --------
    >>> import symgrad as sg
    >>> a, b = sg.input("a", (2, 3, 4)), sg.input("b", (4, 3, "n"))
    >>> sg.tensordot(a, b, axes=((1, 2), (1, 0))).shape
    (2, Dim('n'))
    """
    x, y = as_exprs((a, b))
    of_x, of_y = _paired_axes(x, y, axes)
    sizes = list(y.shape)
    for i, j in zip(of_x, of_y, strict=True):
        left, right = x.shape[i], y.shape[j]
        if isinstance(left, int) and isinstance(right, int) and left != right:
            raise ShapeError(
                f"tensordot: axis {i} of {format_shape(x.shape)} and axis {j} of "
                f"{format_shape(y.shape)} are summed together: {left} and {right} differ"
            )
        sizes[j] = left
    if tuple(sizes) != y.shape:  # checked axis by axis: products of sizes may agree by chance
        y = broadcast_to(y, tuple(sizes))
    return _contracted(x, y, of_x, of_y)


def _contracted(a: Expr, b: Expr, of_a: tuple[int, ...], of_b: tuple[int, ...]) -> Expr:
    """The sum of products over pairs of axes of equal size."""
    if not of_a:
        return (expand_dims(a, tuple(range(a.ndim, a.ndim + b.ndim))) if b.ndim else a) * b
    free_a = tuple([i for i in range(a.ndim) if i not in of_a])
    free_b = tuple([j for j in range(b.ndim) if j not in of_b])
    shape = (*[a.shape[i] for i in free_a], *[b.shape[j] for j in free_b])
    return _reshaped(matmul(_matrix(a, free_a, of_a), _matrix(b, of_b, free_b)), shape)


def _matrix(x: Expr, first: tuple[int, ...], second: tuple[int, ...]) -> Expr:
    """Two groups of axes as the two axes of a matrix; a vector if one of them is empty."""
    x = transpose(x, first + second)
    sizes = x.shape[: len(first)], x.shape[len(first) :]
    return _reshaped(x, tuple([product(s) for s in sizes if s]))


def _reshaped(x: Expr, shape: tuple[Any, ...]) -> Expr:
    return x if x.shape == shape else reshape(x, shape)


def _paired_axes(a: Expr, b: Expr, axes: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(axes, (tuple, list)):
        if len(axes) != 2:
            raise DeclarationError(f"tensordot: expected an int or two groups of axes; got {axes}")
        groups = [g if isinstance(g, (tuple, list)) else (g,) for g in axes]
        of_a, of_b = (
            tuple([normalize_axis(i, x.ndim, "tensordot: axis") for i in group])
            for x, group in zip((a, b), groups, strict=True)
        )
        if len(of_a) != len(of_b) or len(set(of_a)) != len(of_a) or len(set(of_b)) != len(of_b):
            raise DeclarationError(
                f"tensordot: axes are paired one to one, each at most once; got {axes}"
            )
        return of_a, of_b
    try:
        n = operator.index(axes)
    except TypeError:
        raise DeclarationError(
            f"tensordot: expected an int or two groups of axes; got {axes!r}"
        ) from None
    if not 0 <= n <= min(a.ndim, b.ndim):
        raise DeclarationError(
            f"tensordot: {n} axes of {format_shape(a.shape)} and {format_shape(b.shape)} "
            "cannot be paired"
        )
    return tuple(range(a.ndim - n, a.ndim)), tuple(range(n))


@function
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
    """The elements a[i, i + offset] of two axes, along one new axis at the end.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.diagonal(sg.input("A", ("B", 3, 4)), 1, 1, 2).shape
    (Dim('B'), 3)
    """
    (a,) = as_exprs((a,))
    rows, columns = (normalize_axis(x, a.ndim, "diagonal: axis") for x in (axis1, axis2))
    if rows == columns:
        raise DeclarationError(f"diagonal: expected two axes; got {rows} twice")
    first, second = max(-offset, 0), max(offset, 0)
    i = arange(size_max(size_min(a.shape[rows] - first, a.shape[columns] - second), 0))
    index = (i + first if first else i, i + second if second else i)
    return moveaxis(moveaxis(a, (rows, columns), (0, 1))[index], 0, -1)


@public(
    examples=(
        like_numpy("trace", ((3, 3),)),
        like_numpy("trace", ((2, 3, 4),), offset=1, axis1=1, axis2=2),
        like_numpy("trace", ((3, 4),), offset=-1),
    )
)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Expr:
    """Sum along a diagonal of two axes.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> np.trace(sg.input("A", (3, 3))).shape
    ()
    """
    return diagonal(a, offset, axis1, axis2).sum(axis=-1, dtype=dtype)
