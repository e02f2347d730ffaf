"""Determinants, their logarithms, and the matrix of cofactors that is their gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad.ir.aval import Aval, Avals
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS, Example, Op, public, register
from symgrad.ops.directional import Directional
from symgrad.ops.examples import later
from symgrad.ops.item import items
from symgrad.ops.linalg_kernels import cofactors as cofactors_kernel
from symgrad.ops.matrices import as_matrix, column, square_size
from symgrad.ops.shape import matrix_transpose
from symgrad.ops.solve import inv

__all__ = ["SlogdetResult", "det", "slogdet"]

#: for examples
_det = later("det")
_slogdet = later("slogdet")


class SlogdetResult(NamedTuple):
    """The sign of a determinant, and the logarithm of its absolute value."""

    sign: Any
    logabsdet: Any


def _on_matrix(x: Expr) -> Expr:
    """Numbers for matrices, as 1 x 1 matrices."""
    return column(column(x)) if x.ndim else x


@register
class Det(Op):
    """The determinant of square matrices."""

    name = "det"
    expensive = True
    examples = tuple(
        Example(lambda a: _det(a), np.linalg.det, (shape,))
        for shape in ((3, 3), (2, 4, 4), (1, 1), (2, 2), (0, 0), (2, 0, 0))
    )

    def aval(self, a: Aval) -> Aval:
        square_size(a)
        return Aval(a.shape[:-2], a.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (_on_matrix(ct) * cofactors(node.args[0]),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else (cofactors(node.args[0]) * t).sum(axis=(-2, -1))

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {})

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.linalg.det", args[0])

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\det\left({args[0]}\right)"

    def flops(self, node: Expr) -> int:
        n = node.args[0].shape[-1]
        return n**3 if isinstance(n, int) else 64**3


def _cofactors(a: Any) -> Any:
    """From the definition: signed determinants of what is left without a row and a column."""
    n = a.shape[-1]
    out = np.empty_like(a)
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(a, i, axis=-2), j, axis=-1)
            out[..., i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    return out


def _slope(f: Callable[[Any], Any], a: Any, h: Any) -> Any:
    """The derivative along h, exact for polynomials of degree 4."""
    return (8 * (f(a + h) - f(a - h)) - (f(a + 2 * h) - f(a - 2 * h))) / 12


@register
class Cofactors(Directional):
    """The matrix of cofactors: the gradient of the determinant, and its derivatives."""

    name = "cofactors"
    examples = (
        *(
            Example(lambda a: cofactors(a), _cofactors, (shape,))
            for shape in ((3, 3), (2, 4, 4), (1, 1), (2, 2))
        ),
        Example(
            lambda a, h: cofactors(a, h),
            lambda a, h: _slope(_cofactors, a, h),
            ((3, 3), (3, 3)),
        ),
    )

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call(self.name, *args)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (cofactors_kernel,)

    def latex(self, node: Expr, *args: str) -> str:
        along = "".join(rf"\left[{h}\right]" for h in args[1:])
        return rf"\operatorname{{cof}}\left({args[0]}\right){along}"

    def flops(self, node: Expr) -> int:
        n = node.shape[-1]
        return 20 * n if isinstance(n, int) else 20 * 64


def cofactors(a: Expr, *along: Expr) -> Expr:
    """The matrix of cofactors, or its derivative along matrices."""
    return make(OPS["cofactors"], (a, *along), {})


@public(namespace="linalg")
def det(a: Any) -> Expr:
    """Determinant of square matrices.

    ``log(det(A))`` and ``log(abs(det(A)))`` become :func:`slogdet`, which does not overflow.

    Notes
    -----
    The gradient is the matrix of cofactors, exact for matrices of any rank, to any order.

    Examples
    --------
    >>> import symgrad as sg
    >>> A = sg.input("A", (2, 2))
    >>> f = sg.function([A], sg.grad(sg.linalg.det(A), A))
    >>> f([[1.0, 2.0], [2.0, 4.0]]).round(9)
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    return make(OPS["det"], (as_matrix(a, "det"),), {})


def _both(sign: Any, logabsdet: Any) -> Any:
    return logabsdet * sign


@register
class Slogdet(Op):
    """The sign of the determinant, and the logarithm of its absolute value."""

    name = "slogdet"
    expensive = True
    parts = ("sign", "logdet")
    examples = tuple(
        Example(lambda a: _both(*_slogdet(a)), lambda a: _both(*np.linalg.slogdet(a)), (shape,))
        for shape in ((3, 3), (2, 4, 4), (1, 1), (0, 0))
    )

    def aval(self, a: Aval) -> Aval:
        square_size(a)
        one = Aval(a.shape[:-2], a.dtype)
        return Avals.of(one, one)

    def vjp(self, node: Expr, ct: Any, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        if ct[1] is None:
            return (None,)
        return (_on_matrix(ct[1]) * matrix_transpose(inv(node.args[0])),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Any:
        (t,) = tangents
        assert t is not None
        return None, (matrix_transpose(inv(node.args[0])) * t).sum(axis=(-2, -1))

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {})

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.linalg.slogdet", args[0])

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{slogdet}}\left({args[0]}\right)"

    def flops(self, node: Expr) -> int:
        n = node.args[0].shape[-1]
        return n**3 if isinstance(n, int) else 64**3


@public(namespace="linalg")
def slogdet(a: Any) -> SlogdetResult:
    """Sign of the determinant of square matrices, and logarithm of its absolute value.

    Returns
    -------
    SlogdetResult
        With fields ``sign`` (0 for a singular matrix) and ``logabsdet`` (-inf).

    Notes
    -----
    The gradient of ``logabsdet`` is the transposed inverse, that of ``sign`` 0. At a singular
    matrix the gradient raises ``numpy.linalg.LinAlgError``.

    Examples
    --------
    >>> import symgrad as sg
    >>> sign, logabsdet = sg.linalg.slogdet(sg.input("A", ("B", 3, 3)))
    >>> logabsdet.shape
    (Dim('B'),)
    """
    return SlogdetResult(*items(make(OPS["slogdet"], (as_matrix(a, "slogdet"),), {})))
