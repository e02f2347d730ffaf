"""Norms of vectors and matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.code import Code
from symgrad.ir.dtypes import is_complex
from symgrad.ir.node import Expr
from symgrad.ir.op import Example, function, register
from symgrad.ops.arithmetic import power
from symgrad.ops.axes import as_floating, indices
from symgrad.ops.axis_kernels import euclidean_norm
from symgrad.ops.comparison import equal, not_equal
from symgrad.ops.reduce import Reduction, keep, reduction
from symgrad.ops.selection import where
from symgrad.ops.shape import normalize_axes

__all__ = ["norm"]


def _example(shape: tuple[int, ...], **options: Any) -> Example:
    return Example(lambda x: norm(x, **options), lambda x: np.linalg.norm(x, **options), (shape,))


@register
class EuclideanNorm(Reduction):
    """The square root of the sum of squares along axes; its gradient at 0 is 0."""

    name = "euclidean_norm"
    examples = (
        _example((4,)),
        _example((3, 4)),
        _example((3, 4), axis=0),
        _example((3, 4), axis=-1, keepdims=True),
        _example((2, 3, 4), axis=(0, 2)),
        _example((3, 4), ord=1, axis=0),
        _example((3, 4), ord=np.inf, axis=1),
        _example((3, 4), ord=-np.inf, axis=1),
        _example((3, 4), ord=3, axis=1),
        _example((3, 4), ord="fro"),
        _example((2, 3, 4), ord=1, axis=(2, 0)),
        _example((2, 3, 4), ord=np.inf, axis=(0, 2), keepdims=True),
    )

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (keep(ct, node) * _direction(node),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else reduction("sum", t * _direction(node), **node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call(self.name, args[0], **self.options(node))

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (euclidean_norm,)

    def latex(self, node: Expr, *args: str) -> str:
        axes = node.attrs["axis"]
        letters = "" if len(axes) == node.args[0].ndim else f"_{{{indices(axes)}}}"
        return rf"\left\lVert {args[0]} \right\rVert{letters}"

    def flops(self, node: Expr) -> int:
        return 2 * super().flops(node)


def _direction(node: Expr) -> Expr:
    """x / ||x||, and 0 at 0."""
    y = keep(node, node)
    return node.args[0] / where(equal(y, 0), 1, y)


@function
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Expr:
    """Norm of a vector or a matrix, as ``np.linalg.norm``; its gradient at 0 is 0.

    Parameters
    ----------
    x : array_like
    ord : None, number, inf, -inf or "fro"
        None is the square root of the sum of squares. A number is the order of a vector's norm;
        for matrices there are 1, -1, inf, -inf (sums of columns, of rows) and ``"fro"``.
    axis : int, or pair of ints
        Where the vectors, or the matrices, lie. Without it, all of `x`.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.norm(sg.input("x", ("B", 3)), axis=1).shape
    (Dim('B'),)
    """
    x = as_floating(x)
    if axis is None:
        if ord is None:
            return _euclidean(x, None, keepdims)
        if x.ndim not in (1, 2):
            raise DeclarationError(
                f"norm: with ord={ord!r} and no axis, expected a vector or a matrix; "
                f"got {x.ndim} axes"
            )
        axis = tuple(range(x.ndim))
    axes = normalize_axes(axis, x.ndim, "norm: axis")
    if (ord is None and len(axes) in (1, 2)) or (ord == 2 and len(axes) == 1):
        return _euclidean(x, axes, keepdims)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise DeclarationError(f"norm: expected one axis, or two; got {axes}")


def _euclidean(x: Expr, axes: tuple[int, ...] | None, keepdims: bool) -> Expr:
    return reduction("euclidean_norm", abs(x) if is_complex(x.dtype) else x, axes, keepdims)


def _vector_norm(x: Expr, ord: Any, axis: int, keepdims: bool) -> Expr:
    size = abs(x)
    if isinstance(ord, (str, bytes)) or not np.isreal(ord) or np.isnan(ord):
        raise DeclarationError(f"norm: the order of a vector's norm is a number; got {ord!r}")
    if ord == 1:
        return size.sum(axis, keepdims=keepdims)
    if ord == np.inf:
        return _largest(size, axis, keepdims)
    if ord == -np.inf:
        return size.min(axis, keepdims=keepdims)
    if ord == 0:
        return not_equal(x, 0).astype(size.dtype).sum(axis, keepdims=keepdims)
    return power(power(size, ord).sum(axis, keepdims=keepdims), 1 / ord)


def _largest(size: Expr, axis: int, keepdims: bool) -> Expr:
    """The largest of numbers >= 0; that of none is 0."""
    if size.shape[axis] == 0:
        return size.sum(axis, keepdims=keepdims)
    return size.max(axis, keepdims=keepdims)


def _matrix_norm(x: Expr, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Expr:
    if ord == "fro":
        return _euclidean(x, axes, keepdims)
    if ord not in (1, -1, np.inf, -np.inf):
        raise DeclarationError(
            f"norm: expected ord None, 'fro', 1, -1, inf or -inf for matrices; got {ord!r}"
        )
    rows, columns = axes
    summed, compared = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = abs(x).sum(summed, keepdims=True)
    out = _largest(sums, compared, True) if ord > 0 else sums.min(compared, keepdims=True)
    return out if keepdims else out.squeeze(axes)
