"""Systems of linear equations, and inverses."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.checks import require_equal
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, make
from symgrad.ir.op import NAMESPACES, OPS, Example, Op, public, register
from symgrad.ir.size import product
from symgrad.ops.broadcasting import align, sum_to
from symgrad.ops.examples import later
from symgrad.ops.linalg_kernels import solve_triangular as solve_triangular_kernel
from symgrad.ops.matrices import (
    as_matrix,
    broadcast_stacks,
    column,
    floats,
    identity_like,
    row,
    square_size,
)
from symgrad.ops.shape import matrix_transpose, moveaxis, normalize_axes, reshape, transpose
from symgrad.ops.triangles import tril, triu

__all__ = ["inv", "solve", "solve_triangular", "tensorinv", "tensorsolve"]

#: for examples
_solve = later("solve")
_solve_triangular = later("solve_triangular")
_inv = later("inv")


def _shifted(x: Any) -> Any:
    """A matrix that is far from singular."""
    return x + 5 * np.eye(x.shape[-1], dtype=x.dtype)


def _well(x: Expr) -> Expr:
    return x + 5 * identity_like(x)


def _solves(build: Callable[..., Any], reference: Callable[..., Any]) -> tuple[Example, ...]:
    return tuple(
        Example(
            lambda a, b: build(_well(a), b), lambda a, b: reference(_shifted(a), b), (left, right)
        )
        for left, right in (
            ((3, 3), (3,)),
            ((3, 3), (3, 2)),
            ((2, 3, 3), (3,)),
            ((2, 3, 3), (2, 3, 4)),
            ((3, 3), (2, 3, 4)),
            ((2, 1, 3, 3), (4, 3, 2)),
            ((2, 3, 3), (3, 4)),
            ((1, 1), (1,)),
        )
    )


# ---------------------------------------------------------------- general systems


class Solution(Op):
    """x with a x = b: b is one vector, or a stack of matrices."""

    expensive = True

    def aval(self, a: Aval, b: Aval, **attrs: Any) -> Aval:
        n = square_size(a)
        lead = a.shape[:-2] if b.ndim == 1 else broadcast_stacks(a.shape, b.shape)
        axis = -1 if b.ndim == 1 else -2
        require_equal(
            n,
            b.shape[axis],
            f"the size of {format_shape(a.shape)} and axis {axis} of {format_shape(b.shape)}",
        )
        return Aval(
            (*lead, n, *(b.shape[-1:] if b.ndim > 1 else ())), np.result_type(a.dtype, b.dtype)
        )

    def _of(self, node: Expr, a: Expr, b: Expr) -> Expr:
        return make(self, (a, b), node.attrs)

    def _columns(self, node: Expr, a: Expr, b: Expr) -> Expr:
        """The solution for a right side that has the shape of a solution."""
        if node.args[1].ndim > 1 or b.ndim == 1:
            return self._of(node, a, b)
        return self._of(node, a, column(b))[..., 0]

    def _transposed(self, node: Expr, ct: Expr) -> Expr:
        """The solution of a^T y = ct."""
        raise NotImplementedError

    def _used(self, node: Expr, ct: Expr) -> Expr:
        """The part of a cotangent of the matrix that is read, or of its tangent."""
        return ct

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        a, b = node.args
        of_b = self._transposed(node, ct)
        of_a: Expr | None = None
        if needs[0]:
            if b.ndim == 1:
                outer = column(of_b) * row(node)
            else:
                outer = of_b @ matrix_transpose(node)
            if self._is_transposed(node):
                outer = matrix_transpose(outer)
            of_a = self._used(node, sum_to(-outer, a.shape))
        return of_a, sum_to(of_b, b.shape) if needs[1] else None

    def _is_transposed(self, node: Expr) -> bool:
        return False

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        a, b = node.args
        ta, tb = tangents
        right = tb
        if ta is not None:
            ta = self._used(node, ta)
            if self._is_transposed(node):
                ta = matrix_transpose(ta)
            if b.ndim == 1:
                moved = (ta @ column(node))[..., 0]
            else:
                moved = ta @ node
            right = -moved if tb is None else tb - moved
        assert right is not None
        return self._columns(node, a, right)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        (a, b), vector = args, node.args[1].ndim == 1
        if vector and not batched[1]:
            return self._of(node, a, b)
        if node.args[0].ndim == 2 and not batched[0]:  # the matrix is factored once
            if vector:
                return matrix_transpose(self._of(node, a, matrix_transpose(b)))
            if b.ndim == 3:
                moved = moveaxis(b, 0, 1)
                flat = reshape(moved, (moved.shape[0], product(moved.shape[1:])))
                return moveaxis(reshape(self._of(node, a, flat), moved.shape), 1, 0)
        rank = max(node.args[0].ndim, node.args[1].ndim + vector)
        if vector:
            b = column(b)
        a, b = align((a, b), batched, rank)
        out = self._of(node, a, b)
        return out[..., 0] if vector else out

    def flops(self, node: Expr) -> int:
        n = node.args[0].shape[-1]
        return n**2 if isinstance(n, int) else 64**2

    def latex(self, node: Expr, *args: str) -> str:
        return rf"{{{args[0]}}}^{{-1}} \, {args[1]}"


@register
class Solve(Solution):
    """The solution of a system of linear equations."""

    name = "solve"
    examples = _solves(lambda a, b: _solve(a, b), np.linalg.solve)

    def _transposed(self, node: Expr, ct: Expr) -> Expr:
        return self._columns(node, matrix_transpose(node.args[0]), ct)

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.linalg.solve", *args)


@public(namespace="linalg")
def solve(a: Any, b: Any) -> Expr:
    """Solution x of the linear equations a x = b.

    Parameters
    ----------
    a : array_like, (..., n, n)
    b : array_like, (n,) or (..., n, k)
        A vector if it has one axis, else matrices, as in NumPy 2.

    Notes
    -----
    A singular matrix raises ``numpy.linalg.LinAlgError`` at the call.

    Examples
    --------
    >>> import symgrad as sg
    >>> A = sg.input("A", ("n", "n"))
    >>> sg.linalg.solve(A, sg.input("b", ("n",))).shape
    (Dim('n'),)
    """
    return make(OPS["solve"], _system(a, b, "solve"), {})


def _system(a: Any, b: Any, op: str) -> tuple[Expr, Expr]:
    left, right = as_matrix(a, op), floats(b, op)
    if not right.ndim:
        raise ShapeError(f"{op}: b must be a vector or a matrix; got a scalar")
    return left, right


# ---------------------------------------------------------------- triangular systems


def _triangular_reference(lower: bool, transposed: bool, unit: bool) -> Callable[..., Any]:
    def reference(a: Any, b: Any) -> Any:
        t = np.tril(a) if lower else np.triu(a)
        if unit:
            t = t - t * np.eye(a.shape[-1]) + np.eye(a.shape[-1])
        return np.linalg.solve(np.swapaxes(t, -1, -2) if transposed else t, b)

    return reference


def _triangular_examples() -> tuple[Example, ...]:
    found: list[Example] = []
    for lower, trans, unit, picked in (
        (False, 0, False, slice(None)),
        (True, 0, False, slice(1, 4)),
        (False, 1, False, slice(3, 5)),
        (True, 1, True, slice(0, 3)),
        (False, 0, True, slice(1, 2)),
    ):

        def build(a: Any, b: Any, options: Any = (lower, trans, unit)) -> Any:
            return _solve_triangular(a, b, *options)

        found += _solves(build, _triangular_reference(lower, bool(trans), unit))[picked]
    return tuple(found)


@register
class SolveTriangular(Solution):
    """The solution of a system of linear equations of which one triangle is read."""

    name = "solve_triangular"
    examples = _triangular_examples()

    def _transposed(self, node: Expr, ct: Expr) -> Expr:
        attrs = {**node.attrs, "transposed": not node.attrs["transposed"]}
        a, b = node.args
        if b.ndim > 1 or ct.ndim == 1:
            return make(self, (a, ct), attrs)
        return make(self, (a, column(ct)), attrs)[..., 0]

    def _is_transposed(self, node: Expr) -> bool:
        return bool(node.attrs["transposed"])

    def _used(self, node: Expr, ct: Expr) -> Expr:
        unit = node.attrs["unit"]
        return tril(ct, -1 if unit else 0) if node.attrs["lower"] else triu(ct, 1 if unit else 0)

    def numpy(self, node: Expr, *args: Code) -> Code:
        options = {key: True for key, value in node.attrs.items() if value}
        if node.args[1].ndim > 1:
            return Code.call(self.name, *args, **options)
        right = Code.subscript(args[1], ":, None")
        return Code.subscript(Code.call(self.name, args[0], right, **options), "..., 0")

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (solve_triangular_kernel,)


@public(namespace="linalg")
def solve_triangular(
    a: Any, b: Any, lower: bool = False, trans: Any = 0, unit_diagonal: bool = False
) -> Expr:
    """Solution x of t x = b, or of t^T x = b, where t is one triangle of `a`.

    Parameters
    ----------
    a : array_like, (..., n, n)
        The other triangle is not read.
    b : array_like, (n,) or (..., n, k)
        A vector if it has one axis, else matrices.
    lower : bool
        Whether t is the lower triangle.
    trans : 0, 1, 2, "N", "T" or "C"
        1, 2, ``"T"`` and ``"C"`` transpose t.
    unit_diagonal : bool
        Take the diagonal to be 1; it is not read then.

    Notes
    -----
    The gradient is zero outside the triangle that is read. A zero on the diagonal raises
    ``numpy.linalg.LinAlgError`` at the call.

    Examples
    --------
    >>> import symgrad as sg
    >>> L, b = sg.input("L", (3, 3)), sg.input("b", (3,))
    >>> sg.linalg.solve_triangular(L, b, lower=True).shape
    (3,)
    """
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise DeclarationError(
            f"solve_triangular: expected trans 0, 1, 2, 'N', 'T' or 'C'; got {trans!r}"
        )
    attrs = {
        "lower": bool(lower),
        "transposed": trans not in (0, "N"),
        "unit": bool(unit_diagonal),
    }
    return make(OPS["solve_triangular"], _system(a, b, "solve_triangular"), attrs)


# ---------------------------------------------------------------- inverses


@register
class Inv(Op):
    """The inverse of square matrices."""

    name = "inv"
    expensive = True
    examples = tuple(
        Example(lambda a: _inv(_well(a)), lambda a: np.linalg.inv(_shifted(a)), (shape,))
        for shape in ((3, 3), (2, 4, 4), (1, 1), (0, 0))
    )

    def aval(self, a: Aval) -> Aval:
        square_size(a)
        return a

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        x = matrix_transpose(node)
        return (-(x @ ct @ x),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else -(node @ t @ node)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {})

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.linalg.inv", args[0])

    def latex(self, node: Expr, *args: str) -> str:
        return rf"{{{args[0]}}}^{{-1}}"

    def flops(self, node: Expr) -> int:
        n = node.shape[-1]
        return 2 * n if isinstance(n, int) else 128


@public(namespace="linalg")
def inv(a: Any) -> Expr:
    """Inverse of square matrices.

    Where it is multiplied with something, :func:`solve` is more accurate: the compiler replaces
    ``inv(A) @ b`` by it.

    Notes
    -----
    A singular matrix raises ``numpy.linalg.LinAlgError`` at the call.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> np.linalg.inv(sg.input("A", ("B", 3, 3))).shape
    (Dim('B'), 3, 3)
    """
    return make(OPS["inv"], (as_matrix(a, "inv"),), {})


# ---------------------------------------------------------------- tensors as matrices


def _tensors(name: str, shapes: Any, *args: Any) -> Example:
    n = int(np.prod(shapes[0])) ** 0.5
    shift = 5 * np.eye(round(n)).reshape(shapes[0])
    return Example(
        lambda a, *b: NAMESPACES["linalg"][name](a + shift.astype(a.dtype), *b, *args),
        lambda a, *b: getattr(np.linalg, name)(a + shift.astype(a.dtype), *b, *args),
        shapes,
    )


@public(
    namespace="linalg",
    examples=(
        _tensors("tensorsolve", ((2, 3, 3, 2), (2, 3))),
        _tensors("tensorsolve", ((6, 2, 3), (6,))),
    ),
)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Expr:
    """Solution x of tensordot(a, x, x.ndim) = b.

    Parameters
    ----------
    a : array_like
        Its first axes are those of `b`, the others those of x; their sizes have equal products.
    b : array_like
    axes : tuple of int, optional
        Axes of `a` that are moved to its end first.

    Examples
    --------
    >>> import symgrad as sg
    >>> a, b = sg.input("a", (2, 3, 6)), sg.input("b", (2, 3))
    >>> sg.linalg.tensorsolve(a, b).shape
    (6,)
    """
    left, right = _system(a, b, "tensorsolve")
    if axes is not None:
        last = normalize_axes(axes, left.ndim, "tensorsolve: axes")
        left = transpose(left, (*[i for i in range(left.ndim) if i not in last], *last))
    shape = left.shape[right.ndim :]
    rows, columns = product(right.shape), product(shape)
    return reshape(solve(reshape(left, (rows, columns)), reshape(right, (rows,))), shape)


@public(
    namespace="linalg",
    examples=(
        _tensors("tensorinv", ((2, 3, 3, 2),)),
        _tensors("tensorinv", ((6, 2, 3),), 1),
    ),
)
def tensorinv(a: Any, ind: int = 2) -> Expr:
    """Inverse of a tensor with respect to ``tensordot(..., ind)``.

    Parameters
    ----------
    a : array_like
        The products of the sizes of its first `ind` axes and of the others are equal.
    ind : int

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.tensorinv(sg.input("a", (2, 3, 6))).shape
    (6, 2, 3)
    """
    x = as_matrix(a, "tensorinv")
    try:
        count = operator.index(ind)
    except TypeError:
        count = 0
    if not 0 < count < x.ndim:
        raise DeclarationError(
            f"tensorinv: expected ind between 1 and {x.ndim - 1} for {format_shape(x.shape)}; "
            f"got {ind!r}"
        )
    first, last = x.shape[:count], x.shape[count:]
    return reshape(inv(reshape(x, (product(first), product(last)))), (*last, *first))
