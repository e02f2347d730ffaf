"""Norms of vectors and matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.dtypes import is_complex
from symgrad.ir.node import Expr, literal, make
from symgrad.ir.op import OPS, Example, Op, public, register
from symgrad.ops.arithmetic import power
from symgrad.ops.axes import Axes, as_floating, indices
from symgrad.ops.axis_kernels import euclidean_norm
from symgrad.ops.comparison import equal, not_equal
from symgrad.ops.examples import later
from symgrad.ops.gauge import tiny
from symgrad.ops.leaf import stop_gradient
from symgrad.ops.linalg_kernels import p_norm
from symgrad.ops.matrices import require_precision
from symgrad.ops.reduce import Reduction, keep, reduction
from symgrad.ops.rounding import sign
from symgrad.ops.selection import where
from symgrad.ops.shape import expand_dims, moveaxis, normalize_axes
from symgrad.ops.svd import svdvals

__all__ = ["matrix_norm", "norm", "vector_norm"]

#: for examples
_vector_norm = later("vector_norm")
_matrix_norm = later("matrix_norm")


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


@register
class Unit(Op):
    """x / ||x|| along axes: vectors of length 1, whose slope is a projection."""

    name = "unit"
    examples = (
        Example(lambda x: unit(x, (0,)), lambda x: x / np.linalg.norm(x), ((4,),)),
        Example(
            lambda x: unit(x, (1,)),
            lambda x: x / np.linalg.norm(x, axis=1, keepdims=True),
            ((3, 4),),
        ),
        Example(lambda x: unit(x, (0, 1)), lambda x: x / np.linalg.norm(x), ((3, 4),)),
    )

    def aval(self, x: Aval, *, axis: Axes) -> Aval:
        return x

    def _project(self, node: Expr, t: Expr) -> Expr:
        """What t holds at right angles to x, over ||x||: symmetric, so its own adjoint."""
        along = reduction("sum", t * node, node.attrs["axis"], True)
        return (t - along * node) / _length(node)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (self._project(node, ct),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else self._project(node, t)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return unit(args[0], tuple([a + 1 for a in node.attrs["axis"]]))

    def lower(self, node: Expr) -> Expr:
        return node.args[0] / _length(node)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\frac{{{args[0]}}}{{{OPS['euclidean_norm'].latex(_length(node), *args)}}}"

    def flops(self, node: Expr) -> int:
        return 3 * _length(node).op.flops(_length(node))


def _length(node: Expr) -> Expr:
    return reduction("euclidean_norm", node.args[0], node.attrs["axis"], True)


def unit(x: Expr, axis: Axes) -> Expr:
    """x / ||x||: vectors along axes, as vectors of length 1; NaN for 0."""
    return make(OPS["unit"], (x,), {"axis": axis})


@register
class PNorm(Reduction):
    """(sum |x|^p)^(1/p) along axes, scaled by the largest |x| (the smallest for p < 0)."""

    name = "p_norm"
    examples = (
        *(_example((3, 4), ord=p, axis=1) for p in (3, 1.5, 0.5, -1, -2.5)),
        _example((4,), ord=3),
        _example((2, 3, 4), ord=4, axis=1, keepdims=True),
        _example((3, 0), ord=3, axis=1),
    )

    def aval(self, x: Aval, *, axis: Any, keepdims: bool, p: float) -> Aval:  # type: ignore[override]
        return super().aval(x, axis=axis, keepdims=keepdims)

    def _slope(self, node: Expr) -> Expr:
        (x,), p = node.args, node.attrs["p"]
        y = keep(node, node)
        share = abs(x) / where(equal(y, 0), 1, y)
        still = equal(x, 0)  # where |x|^p has a kink, or is flat
        slope = sign(x) * power(where(still, 1, share), p - 1)
        return where(still | equal(y, 0), literal(0, x.dtype), slope)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (keep(ct, node) * self._slope(node),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        if t is None:
            return None
        attrs = node.attrs
        return reduction("sum", t * self._slope(node), attrs["axis"], attrs["keepdims"])

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call(self.name, args[0], f"{node.attrs['p']:g}", **self.options(node))

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (p_norm,)

    def latex(self, node: Expr, *args: str) -> str:
        axes = node.attrs["axis"]
        letters = "" if len(axes) == node.args[0].ndim else f", {indices(axes)}"
        return rf"\left\lVert {args[0]} \right\rVert_{{{node.attrs['p']:g}{letters}}}"

    def flops(self, node: Expr) -> int:
        return 20 * super().flops(node)


def _matrix_examples() -> tuple[Example, ...]:
    return tuple(
        _example(shape, ord=ord, axis=axis, keepdims=keepdims)
        for ord in ("nuc", 2, -2)
        for shape, axis, keepdims in (
            ((3, 3), None, False),
            ((3, 4), (0, 1), True),
            ((2, 3, 4), (2, 0), False),
            ((2, 3, 2), (0, 2), True),
        )
    )


@public(namespace="linalg", examples=_matrix_examples())
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Expr:
    """Norm of a vector or a matrix, as ``np.linalg.norm``.

    Parameters
    ----------
    x : array_like
    ord : None, number, inf, -inf, "fro" or "nuc"
        None is the square root of the sum of squares. A number is the order of a vector's norm;
        for matrices there are 1, -1, inf, -inf (sums of columns, of rows), 2, -2 (the largest and
        the smallest singular value), ``"fro"`` and ``"nuc"`` (the sum of singular values).
    axis : int, or pair of ints
        Where the vectors, or the matrices, lie. Without it, all of `x`.

    Notes
    -----
    The gradient at 0 is 0, for every norm; that of the sum of singular values is 0 along those
    that are 0. Elements that tie for the largest, or the smallest, share its gradient. Nothing
    overflows, or underflows, but the norm itself.

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
    if (ord is None and len(axes) in (1, 2)) or (_is(ord, 2) and len(axes) == 1):
        return _euclidean(x, axes, keepdims)
    if len(axes) == 1:
        return _of_vectors(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _of_matrices(x, ord, axes, keepdims)
    raise DeclarationError(f"norm: expected one axis, or two; got {axes}")


def _euclidean(x: Expr, axes: tuple[int, ...] | None, keepdims: bool) -> Expr:
    return reduction("euclidean_norm", abs(x) if is_complex(x.dtype) else x, axes, keepdims)


def _is(ord: Any, value: float) -> bool:
    return not isinstance(ord, str) and bool(ord == value)


def _of_vectors(x: Expr, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Expr:
    size = abs(x)
    if isinstance(ord, (str, bytes)) or not np.isreal(ord) or np.isnan(ord):
        raise DeclarationError(f"norm: the order of a vector's norm is a number; got {ord!r}")
    if ord == 1:
        return size.sum(axes, keepdims=keepdims)
    if ord == np.inf:
        return _largest(size, axes, keepdims)
    if ord == -np.inf:
        return size.min(axes, keepdims=keepdims)
    if ord == 0:
        return not_equal(x, 0).astype(size.dtype).sum(axes, keepdims=keepdims)
    return reduction("p_norm", size if is_complex(x.dtype) else x, axes, keepdims, p=float(ord))


def _largest(size: Expr, axes: tuple[int, ...], keepdims: bool) -> Expr:
    """The largest of numbers >= 0; that of none is 0."""
    if any([isinstance(n := size.shape[a], int) and n == 0 for a in axes]):
        return size.sum(axes, keepdims=keepdims)
    return size.max(axes, keepdims=keepdims)


def _of_matrices(x: Expr, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Expr:
    if isinstance(ord, str) and ord == "fro":
        return _euclidean(x, axes, keepdims)
    if (isinstance(ord, str) and ord == "nuc") or _is(ord, 2) or _is(ord, -2):
        require_precision(x.dtype, "norm")
        out = _of_singular_values(svdvals(moveaxis(x, axes, (-2, -1))), ord)
        return expand_dims(out, tuple(sorted(axes))) if keepdims else out
    if isinstance(ord, str) or ord not in (1, -1, np.inf, -np.inf):
        raise DeclarationError(
            "norm: expected ord None, 'fro', 'nuc', 1, -1, 2, -2, inf or -inf for matrices; "
            f"got {ord!r}"
        )
    rows, columns = axes
    summed, compared = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums: Expr = abs(x).sum(summed, keepdims=True)
    least = ord < 0
    out = sums.min(compared, keepdims=True) if least else _largest(sums, (compared,), True)
    return out if keepdims else out.squeeze(axes)


def _of_singular_values(s: Expr, ord: Any) -> Expr:
    if ord == "nuc":
        if isinstance(s.shape[-1], int) and s.shape[-1] == 0:
            return s.sum(axis=-1)
        # the gradient of a singular value at 0 is 0
        return where(s > tiny(s, s.shape[-1]), s, stop_gradient(s)).sum(axis=-1)
    out = _largest(s, (s.ndim - 1,), False) if ord == 2 else s.min(axis=-1)
    return where(equal(out, 0), literal(0, s.dtype), out)


@public(
    namespace="linalg",
    examples=tuple(
        Example(
            lambda x, options=options: _vector_norm(x, **options),
            lambda x, options=options: np.linalg.vector_norm(x, **options),
            (shape,),
        )
        for shape, options in (
            ((3, 4), {}),
            ((3, 4), {"axis": 1}),
            ((2, 3, 4), {"axis": (0, 2), "ord": 3}),
            ((2, 3, 4), {"axis": (0, 2), "ord": np.inf, "keepdims": True}),
            ((3, 4), {"ord": 1}),
        )
    ),
)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Expr:
    """Norm of vectors, which may lie along several axes; all of `x` without `axis`.

    Notes
    -----
    As :func:`norm`.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.vector_norm(sg.input("x", (2, 3, 4)), axis=(0, 2), ord=3).shape
    (3,)
    """
    made = as_floating(x)
    axes = (
        tuple(range(made.ndim))
        if axis is None
        else normalize_axes(axis, made.ndim, "vector_norm: axis")
    )
    if _is(ord, 2):
        return _euclidean(made, axes, keepdims)
    return _of_vectors(made, ord, axes, keepdims)


@public(
    namespace="linalg",
    examples=tuple(
        Example(
            lambda x, options=options: _matrix_norm(x, **options),
            lambda x, options=options: np.linalg.matrix_norm(x, **options),
            (shape,),
        )
        for shape, options in (
            ((3, 4), {}),
            ((2, 3, 4), {"ord": "nuc"}),
            ((2, 3, 4), {"ord": 1, "keepdims": True}),
        )
    ),
)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Expr:
    """Norm of matrices, which are the last two axes.

    Notes
    -----
    As :func:`norm`.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.matrix_norm(sg.input("A", ("B", 3, 4)), ord=2).shape
    (Dim('B'),)
    """
    return norm(x, ord, (-2, -1), keepdims)
