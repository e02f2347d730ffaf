"""Log-sum-exp and softmax: compositions that share their parts when they stand in one graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from symgrad.ir.aval import Aval
from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS, Example, Op, function, register
from symgrad.ops.axes import Axes, as_floating, count, delimited, indices, reduced_axes
from symgrad.ops.comparison import equal, isfinite
from symgrad.ops.creation import full
from symgrad.ops.elementwise import floating
from symgrad.ops.exponential import exp, expm1, log, log1p
from symgrad.ops.extrema import may_be_empty
from symgrad.ops.reduce import Reduction, keep, reduction
from symgrad.ops.selection import where
from symgrad.ops.shape import squeeze

__all__ = ["log_softmax", "logmeanexp", "logsumexp", "softmax"]


class _Parts:
    """What the three are made of: equal parts are one node, whichever of them asks.

    The largest element is subtracted before exponentials are taken, so that none overflows.
    """

    def __init__(self, x: Expr, axes: Axes, *, finite: bool) -> None:
        unsure = {"of_nothing": True} if may_be_empty(x, axes) else {}
        largest = reduction("max", x, axes, True, **unsure)
        # where all is -inf, or something inf, -inf less itself would be NaN
        self.shift = where(isfinite(largest), largest, 0) if finite else largest
        self.shifted = x - self.shift
        self.exp = exp(self.shifted)
        self.total = self.exp.sum(axis=axes, keepdims=True)


def _is_empty(x: Expr, axes: Axes) -> bool:
    n = count(x.shape, axes)
    return isinstance(n, int) and n == 0


def _logsumexp(x: Any, axis: int | tuple[int, ...] | None, keepdims: bool = False) -> Any:
    """The oracle of the examples: the definition, on small numbers."""
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


# ---- log-sum-exp


class _OfExponentials(Reduction):
    """The logarithm of a sum or mean of exponentials, whose gradient is a softmax."""

    numpy = Op.numpy  # none: it is lowered before source is printed

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return floating(dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (keep(ct, node) * _weights(node),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        if t is None:
            return None
        return (t * _weights(node)).sum(node.attrs["axis"], keepdims=node.attrs["keepdims"])


@register
class LogSumExp(_OfExponentials):
    """log sum exp along axes, finite wherever its value is."""

    name = "logsumexp"
    symbol = r"\operatorname*{logsumexp}"
    examples = (
        Example(lambda x: logsumexp(x), lambda x: _logsumexp(x, None), ((3, 4),)),
        Example(lambda x: logsumexp(x, axis=0), lambda x: _logsumexp(x, 0), ((3, 4),)),
        Example(
            lambda x: logsumexp(x, axis=-1, keepdims=True),
            lambda x: _logsumexp(x, -1, True),
            ((3, 4),),
        ),
        Example(
            lambda x: logsumexp(x, axis=(0, -1)), lambda x: _logsumexp(x, (0, -1)), ((2, 3, 4),)
        ),
        Example(lambda x: logsumexp(x, axis=1), lambda x: _logsumexp(x, 1), ((3, 1),)),
        Example(lambda x: logsumexp(x, axis=1), lambda x: _logsumexp(x, 1), ((3, 0),)),
    )

    def lower(self, node: Expr) -> Expr:
        (x,), axes = node.args, node.attrs["axis"]
        if _is_empty(x, axes):
            return full(node.shape, -np.inf, node.dtype)
        parts = _Parts(x, axes, finite=True)
        out = log(parts.total) + parts.shift
        return out if node.attrs["keepdims"] or not axes else squeeze(out, axes)


def _weights(node: Expr) -> Expr:
    return make(OPS["logsumexp_weights"], node.args, {"axis": node.attrs["axis"]})


@function
def logsumexp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Logarithm of the sum of exponentials along `axis`, or of all elements.

    It does not overflow; of nothing, and of nothing but -inf, it is -inf with gradient 0.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.logsumexp(sg.input("x", ("B", 10)), axis=1).shape
    (Dim('B'),)
    """
    x = as_floating(a)
    axes = reduced_axes(axis, x.ndim, "logsumexp")
    return make(OPS["logsumexp"], (x,), {"axis": axes, "keepdims": bool(keepdims)})


@register
class LogMeanExp(_OfExponentials):
    """The logarithm of a mean of exponentials: exact where it is near 0, which a sum is not."""

    name = "logmeanexp"
    symbol = r"\operatorname*{logmeanexp}"
    examples = (
        Example(lambda x: logmeanexp(x), lambda x: _logmeanexp(x, None), ((3, 4),)),
        Example(
            lambda x: logmeanexp(x, axis=1, keepdims=True),
            lambda x: _logmeanexp(x, 1, True),
            ((3, 4),),
        ),
        Example(
            lambda x: logmeanexp(x, axis=(0, 2)), lambda x: _logmeanexp(x, (0, 2)), ((2, 3, 4),)
        ),
        Example(lambda x: logmeanexp(x, axis=1), lambda x: _logmeanexp(x, 1), ((3, 1),)),
    )

    def lower(self, node: Expr) -> Expr:
        (x,), axes = node.args, node.attrs["axis"]
        if _is_empty(x, axes):
            return full(node.shape, np.nan, node.dtype)
        parts = _Parts(x, axes, finite=True)
        out = log1p(expm1(parts.shifted).mean(axis=axes, keepdims=True)) + parts.shift
        return out if node.attrs["keepdims"] or not axes else squeeze(out, axes)


def _logmeanexp(x: Any, axis: Any, keepdims: bool = False) -> Any:
    return np.log(np.exp(x).mean(axis=axis, keepdims=keepdims))


@function
def logmeanexp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Logarithm of the mean of exponentials along `axis`, or of all elements.

    It does not overflow, and keeps its digits where it is near 0, since it is no difference of
    :func:`logsumexp` and the logarithm of a length. Of nothing it is NaN, as the mean is.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> f"{sg.function([x], sg.logmeanexp(x))([1e-20, 3e-20]):.6g}"
    '2e-20'
    """
    x = as_floating(a)
    axes = reduced_axes(axis, x.ndim, "logmeanexp")
    return make(OPS["logmeanexp"], (x,), {"axis": axes, "keepdims": bool(keepdims)})


# ---- softmax


class _Normalised(Op):
    """An op that gives an array of the same shape, normalised along `axis`."""

    symbol: ClassVar[str]

    def aval(self, x: Aval, *, axis: Axes) -> Aval:
        return Aval(x.shape, floating(x.dtype))

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {"axis": tuple([a + 1 for a in node.attrs["axis"]])})

    def lower(self, node: Expr) -> Expr:
        (x,), axes = node.args, node.attrs["axis"]
        return exp(x) if _is_empty(x, axes) else self.compose(x, axes)

    def compose(self, x: Expr, axes: Axes) -> Expr:
        raise NotImplementedError(self.name)

    def latex(self, node: Expr, *args: str) -> str:
        axes = node.attrs["axis"]
        letters = "" if len(axes) == node.ndim else f"_{{{indices(axes)}}}"
        return f"{self.symbol}{letters} {delimited(args[0])}"


def _sum(x: Expr, node: Expr) -> Expr:
    return x.sum(axis=node.attrs["axis"], keepdims=True)


class _Weighted(_Normalised):
    """y_i = e^x_i / sum_k e^x_k, whose derivative is y_i (delta_ij - y_j)."""

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (node * (ct - _sum(node * ct, node)),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else node * (t - _sum(node * t, node))


def _examples(build: Callable[..., Expr], reference: Callable[..., Any]) -> tuple[Example, ...]:
    def example(shape: tuple[int, ...], axis: Any) -> Example:
        return Example(lambda x: build(x, axis), lambda x: reference(x, axis), (shape,))

    return (
        example((3, 4), -1),
        example((3, 4), 0),
        example((3, 4), None),
        example((2, 3, 4), (0, 2)),
        example((3, 1), 1),
        example((3, 0), 1),
    )


def _softmax(x: Any, axis: Any) -> Any:
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


@register
class Softmax(_Weighted):
    """exp(x) / sum(exp(x)) along axes."""

    name = "softmax"
    symbol = r"\operatorname{softmax}"
    examples = _examples(lambda x, axis: softmax(x, axis), _softmax)

    def compose(self, x: Expr, axes: Axes) -> Expr:
        parts = _Parts(x, axes, finite=False)
        return parts.exp / parts.total


@function
def softmax(x: Any, axis: Any = -1) -> Expr:
    """exp(x) / sum(exp(x)) along `axis` (an int, several, or None for all).

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.softmax(sg.input("x", ("B", 10)), axis=1).shape
    (Dim('B'), 10)
    """
    return _normalised("softmax", x, axis)


@register
class LogSumExpWeights(_Weighted):
    """The gradient of logsumexp: softmax, but 0 where all elements are -inf."""

    name = "logsumexp_weights"
    symbol = r"\operatorname{softmax}"
    examples = _examples(lambda x, axis: _normalised("logsumexp_weights", x, axis), _softmax)

    def compose(self, x: Expr, axes: Axes) -> Expr:
        parts = _Parts(x, axes, finite=True)
        return parts.exp / where(equal(parts.total, 0), 1, parts.total)


class _LogNormalised(_Normalised):
    """y_i = x_i - log sum_k e^x_k, whose derivative is delta_ij - softmax(x)_j."""

    symbol = r"\log \operatorname{softmax}"

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (ct - self._softmax(node) * _sum(ct, node),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else t - _sum(self._softmax(node) * t, node)

    def _softmax(self, node: Expr) -> Expr:
        return make(OPS["softmax"], node.args, node.attrs)


@register
class LogSoftmax(_LogNormalised):
    """x - logsumexp(x) along axes."""

    name = "log_softmax"
    examples = _examples(
        lambda x, axis: log_softmax(x, axis), lambda x, axis: np.log(_softmax(x, axis))
    )

    def compose(self, x: Expr, axes: Axes) -> Expr:
        parts = _Parts(x, axes, finite=False)
        return parts.shifted - log(parts.total)


@register
class LogSumExpLogWeights(_LogNormalised):
    """log softmax made of the parts of logsumexp, beside which it stands."""

    name = "logsumexp_log_weights"
    examples = _examples(
        lambda x, axis: _normalised("logsumexp_log_weights", x, axis),
        lambda x, axis: np.log(_softmax(x, axis)),
    )

    def compose(self, x: Expr, axes: Axes) -> Expr:
        parts = _Parts(x, axes, finite=True)
        return parts.shifted - log(parts.total)


@function
def log_softmax(x: Any, axis: Any = -1) -> Expr:
    """Logarithm of the softmax along `axis`: finite where softmax itself underflows to 0.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.log_softmax(sg.input("x", ("B", 10))).shape
    (Dim('B'), 10)
    """
    return _normalised("log_softmax", x, axis)


def _normalised(op: str, x: Any, axis: Any) -> Expr:
    x = as_floating(x)
    return make(OPS[op], (x,), {"axis": reduced_axes(axis, x.ndim, op)})
