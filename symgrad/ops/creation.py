"""Arrays made from shapes and numbers: zeros, ones, full, eye, arange, one_hot."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import COMPARE, Code
from symgrad.ir.dtypes import as_dtype, get_default_dtype, is_complex, is_inexact, promote
from symgrad.ir.node import LITERAL, SIZE, Expr, as_expr, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, public, register
from symgrad.ir.size import Dim, Size, as_shape, as_size, size_max
from symgrad.ops.cast import astype, dtype_code
from symgrad.ops.shape import axes_index, broadcast_to, expand_dims

__all__ = [
    "arange",
    "as_literal",
    "eye",
    "full",
    "full_like",
    "identity",
    "one_hot",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
]

Shape = tuple[Size, ...]
DType = np.dtype[Any]


def shape_code(shape: Shape) -> str:
    """A shape as an argument: one size is written without its tuple."""
    return str(shape[0]) if len(shape) == 1 else format_shape(shape)


def dtype_keyword(dtype: DType, default: Any = np.float64) -> dict[str, Any]:
    return {} if dtype == np.dtype(default) else {"dtype": dtype_code(dtype)}


class Constant(Op):
    """A value that follows from attributes alone."""

    def flops(self, node: Expr) -> int:
        return 0


class Filled(Constant):
    """One number everywhere."""

    def aval(self, *args: Aval, shape: Shape, dtype: DType) -> Aval:
        return Aval(shape, dtype)

    def numpy(self, node: Expr, *args: Code) -> Code:
        keywords = dtype_keyword(node.dtype)
        return Code.call(f"np.{self.name}", shape_code(node.shape), **keywords)


@register
class Zeros(Filled):
    """Zero everywhere."""

    name = "zeros"
    examples = (
        Example(lambda: zeros((2, 3)), lambda: np.zeros((2, 3)), ()),
        Example(lambda: zeros(3, "int64"), lambda: np.zeros(3, np.int64), ()),
        Example(lambda: zeros((0, 1), bool), lambda: np.zeros((0, 1), bool), ()),
    )

    def latex(self, node: Expr, *args: str) -> str:
        return "0"


@register
class Ones(Filled):
    """One everywhere."""

    name = "ones"
    examples = (
        Example(lambda: ones((2, 3)), lambda: np.ones((2, 3)), ()),
        Example(lambda: ones((), "float32"), lambda: np.ones((), np.float32), ()),
    )

    def latex(self, node: Expr, *args: str) -> str:
        return "1"


@register
class Full(Op):
    """One number, known at a call, everywhere."""

    name = "full"
    takes_complex = True
    examples = (
        Example(lambda v: full((2, 3), v), lambda v: np.full((2, 3), v), ((),)),
        Example(lambda v: full((2, 0), v), lambda v: np.full((2, 0), v), ((),)),
    )

    def aval(self, value: Aval, *, shape: Shape) -> Aval:
        if value.shape:
            raise ShapeError(f"the value must be a scalar; got shape {format_shape(value.shape)}")
        return Aval(shape, value.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (FUNCTIONS["sum"](ct),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        assert tangents[0] is not None
        return make(self, (tangents[0],), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        value = expand_dims(args[0], tuple(range(1, 1 + node.ndim)))
        return broadcast_to(value, (args[0].shape[0], *node.shape))

    def numpy(self, node: Expr, *args: Code) -> Code:
        keywords = dtype_keyword(node.dtype, _natural_dtype(node.args[0], args[0].text))
        return Code.call("np.full", shape_code(node.shape), args[0], **keywords)

    def latex(self, node: Expr, *args: str) -> str:
        return args[0]

    def flops(self, node: Expr) -> int:
        return 0


def _natural_dtype(value: Expr, text: str) -> DType:
    """The dtype that NumPy gives an array of a value as it is written."""
    if value.op is SIZE or (value.op is LITERAL and text.lstrip("-").isdigit()):
        return np.dtype(np.int64)
    if value.op is LITERAL and is_inexact(value.dtype):
        return np.promote_types(value.dtype, np.float64)
    return value.dtype


@register
class Eye(Constant):
    """Ones on the k-th diagonal."""

    name = "eye"
    examples = (
        Example(lambda: eye(3), lambda: np.eye(3), ()),
        Example(lambda: eye(2, 4, 1, "float32"), lambda: np.eye(2, 4, 1, np.float32), ()),
        Example(lambda: eye(3, k=-1, dtype="int64"), lambda: np.eye(3, k=-1, dtype=np.int64), ()),
    )

    def aval(self, *args: Aval, n: Size, m: Size, k: int, dtype: DType) -> Aval:
        return Aval((n, m), dtype)

    def numpy(self, node: Expr, *args: Code) -> Code:
        n, m, k = (node.attrs[key] for key in ("n", "m", "k"))
        sizes = [str(n)] if n == m else [str(n), str(m)]
        keywords = {"k": k} if k else {}
        return Code.call("np.eye", *sizes, **keywords | dtype_keyword(node.dtype))

    def latex(self, node: Expr, *args: str) -> str:
        return "I"


@register
class Arange(Constant):
    """``start, start + step, ...`` below `stop`."""

    name = "arange"
    examples = (
        Example(lambda: arange(5), lambda: np.arange(5), ()),
        Example(lambda: arange(1, 9, 3), lambda: np.arange(1, 9, 3), ()),
        Example(lambda: arange(5, 0, -2), lambda: np.arange(5, 0, -2), ()),
        Example(lambda: arange(3, 1), lambda: np.arange(3, 1), ()),
        Example(lambda: arange(0.0, 1.0, 0.25), lambda: np.arange(0.0, 1.0, 0.25), ()),
        Example(lambda: arange(4, dtype="float32"), lambda: np.arange(4, dtype=np.float32), ()),
    )

    def aval(self, *args: Aval, start: Any, stop: Any, step: Any, dtype: DType) -> Aval:
        return Aval((_arange_length(start, stop, step),), dtype)

    def numpy(self, node: Expr, *args: Code) -> Code:
        start, stop, step = (node.attrs[key] for key in ("start", "stop", "step"))
        texts = [str(stop)]
        if step != 1:
            texts = [str(start), str(stop), str(step)]
        elif start != 0:
            texts = [str(start), str(stop)]
        natural = np.float64 if any(isinstance(v, float) for v in (start, stop, step)) else np.int64
        return Code.call("np.arange", *texts, **dtype_keyword(node.dtype, natural))

    def latex(self, node: Expr, *args: str) -> str:
        start, stop, step = (
            v.latex() if isinstance(v, Dim) else str(v)
            for v in (node.attrs[key] for key in ("start", "stop", "step"))
        )
        return rf"\left({start} : {stop} : {step}\right)"


def _arange_length(start: Any, stop: Any, step: Any) -> Size:
    if any(isinstance(value, float) for value in (start, stop, step)):
        count: int = math.ceil((stop - start) / step)
        return max(0, count)
    span, pace = (stop - start, step) if step > 0 else (start - stop, -step)
    steps: Size = (span + pace - 1) // pace
    return size_max(steps, 0)


ZEROS, ONES, FULL, EYE, ARANGE = (OPS[n] for n in ("zeros", "ones", "full", "eye", "arange"))


def _dtype(dtype: Any) -> DType:
    return get_default_dtype() if dtype is None else as_dtype(dtype)


@function
def zeros(shape: Any, dtype: Any = None) -> Expr:
    """Zero everywhere.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.zeros(("B", 3)).shape
    (Dim('B'), 3)
    """
    return make(ZEROS, (), {"shape": as_shape(shape), "dtype": _dtype(dtype)})


@function
def ones(shape: Any, dtype: Any = None) -> Expr:
    """One everywhere."""
    return make(ONES, (), {"shape": as_shape(shape), "dtype": _dtype(dtype)})


@function
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Expr:
    """One value everywhere; a value that is an array is broadcast.

    Examples
    --------
    >>> import symgrad as sg
    >>> temperature = sg.input("temperature", ())
    >>> sg.full(("B", 3), temperature).shape
    (Dim('B'), 3)
    """
    value, to = as_expr(fill_value), as_shape(shape)
    if dtype is not None:
        value = as_literal(fill_value, as_dtype(dtype))
    return broadcast_to(value, to) if value.ndim else make(FULL, (value,), {"shape": to})


def as_literal(given: Any, dtype: DType) -> Expr:
    """A number as a literal of the dtype; anything else is cast."""
    exact = isinstance(given, (bool, int, float, complex, np.generic))
    if exact and (is_complex(dtype) or np.isrealobj(given)):
        return as_expr(np.asarray(given).astype(dtype))
    return astype(given, dtype)


def _like(x: Any, dtype: Any, shape: Any) -> tuple[Shape, DType]:
    x = as_expr(x)
    return (
        x.shape if shape is None else as_shape(shape),
        x.dtype if dtype is None else as_dtype(dtype),
    )


@public(
    examples=(
        Example(
            lambda x: x + FUNCTIONS["zeros_like"](x), lambda x: x + np.zeros_like(x), ((3, 4),)
        ),
    )
)
def zeros_like(a: Any, dtype: Any = None, *, shape: Any = None) -> Expr:
    """Zeros of the shape and dtype of `a`, unless others are given."""
    return zeros(*_like(a, dtype, shape))


@public(
    examples=(
        Example(lambda x: x + FUNCTIONS["ones_like"](x), lambda x: x + np.ones_like(x), ((3, 4),)),
    )
)
def ones_like(a: Any, dtype: Any = None, *, shape: Any = None) -> Expr:
    """Ones of the shape and dtype of `a`, unless others are given."""
    return ones(*_like(a, dtype, shape))


@public(
    examples=(
        Example(
            lambda x: x * FUNCTIONS["full_like"](x, 2.5),
            lambda x: x * np.full_like(x, 2.5),
            ((3, 4),),
        ),
    )
)
def full_like(a: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> Expr:
    """One value in the shape and dtype of `a`, unless others are given."""
    to, kind = _like(a, dtype, shape)
    return full(to, fill_value, kind)


@function
def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Expr:
    """Ones on the k-th diagonal of an (N, M) matrix, zeros elsewhere.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.eye("N").shape
    (Dim('N'), Dim('N'))
    """
    rows = as_size(N)
    columns = rows if M is None else as_size(M)
    try:
        diagonal = operator.index(k)
    except TypeError:
        raise DeclarationError(f"eye: the diagonal k must be an integer; got {k!r}") from None
    attrs = {"n": rows, "m": columns, "k": diagonal, "dtype": _dtype(dtype)}
    return make(EYE, (), attrs)


@public(
    examples=(
        Example(lambda x: x @ FUNCTIONS["identity"](3), lambda x: x @ np.identity(3), ((2, 3),)),
    )
)
def identity(n: Any, dtype: Any = None) -> Expr:
    """The (n, n) identity matrix."""
    return eye(n, dtype=dtype)


@function
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Expr:
    """``start, start + step, ...`` below `stop`; sizes may be symbolic, the step is a number.

    Parameters
    ----------
    start, stop : int, float or Dim
        With one of them, that is the stop and the start is 0.
    step : int or float
    dtype : dtype, optional
        int64 for integers and sizes, float64 for floats, unless given.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.arange(x.shape[0]).shape
    (Dim('B'),)
    """
    if stop is None:
        start, stop = 0, start
    first, last, pace = (
        _arange_number(value, what)
        for value, what in ((start, "start"), (stop, "stop"), (step, "step"))
    )
    if isinstance(pace, Dim):
        raise DeclarationError(f"arange: the step must be a number; got the size {pace}")
    if pace == 0:
        raise DeclarationError("arange: the step must not be zero")
    numbers = (first, last, pace)
    floats = [v for v in numbers if isinstance(v, float)]
    if floats and any(isinstance(v, Dim) for v in numbers):
        raise DeclarationError("arange: a symbolic size cannot stand beside a float")
    if not all(math.isfinite(v) for v in floats):
        raise DeclarationError(f"arange: start, stop and step must be finite; got {numbers}")
    kind = promote((), (float if floats else int,)) if dtype is None else as_dtype(dtype)
    if kind.kind in "bc":
        what = "booleans" if kind.kind == "b" else "complex numbers"
        raise DTypeError(f"arange: a range of {what} has no meaning")
    if floats:  # 0 and 0.0, equal to Python, are not to be two nodes
        first, last, pace = (float(v) + 0.0 for v in numbers)
    return make(ARANGE, (), {"start": first, "stop": last, "step": pace, "dtype": kind})


def _arange_number(value: Any, what: str) -> int | float | Dim:
    if isinstance(value, Dim):
        return value
    if isinstance(value, str):
        return as_size(value)
    if isinstance(value, (float, np.floating)):
        return float(value)
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        return operator.index(value)
    except (TypeError, ValueError):
        raise DeclarationError(
            f"arange: the {what} must be a number or a size; got {value!r}"
        ) from None


# ---------------------------------------------------------------- one_hot


@register
class OneHot(Op):
    """1 where the position along a new last axis is the integer, 0 elsewhere."""

    name = "one_hot"
    examples = (
        Example(
            lambda i: one_hot(i, 5),
            lambda i: (np.asarray(i)[..., None] == np.arange(5)) * 1.0,
            ((3, 2),),
            domain=((-1, 6),),
            dtypes=("int64",),
            smooth=False,
        ),
        Example(
            lambda i: one_hot(i, 3, dtype="int32"),
            lambda i: np.eye(3, dtype=np.int32)[i],
            ((),),
            domain=((0, 2),),
            dtypes=("int64",),
            smooth=False,
        ),
    )

    def aval(self, ids: Aval, *, size: Size, dtype: DType) -> Aval:
        if ids.dtype.kind not in "iu":
            raise DTypeError(f"the positions must be integers; got {ids.dtype}")
        return Aval((*ids.shape, size), dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (None,)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return None

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        (ids,), ndim = args, node.args[0].ndim
        if ndim:
            ids = Code.subscript(ids, axes_index([*[":"] * ndim, "None"]))
        hit = Code.infix("==", ids, Code.call("np.arange", str(node.attrs["size"])))
        if node.dtype.kind == "b":
            return hit
        return Code.method(Code(hit.text, COMPARE), "astype", dtype_code(node.dtype))

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{onehot}}\left({args[0]}\right)"


ONE_HOT = OPS["one_hot"]


@function
def one_hot(ids: Any, size: Any, dtype: Any = None) -> Expr:
    """1 where the position along a new last axis is the integer, 0 elsewhere.

    An integer outside ``0 <= i < size`` gives a row of zeros.

    Examples
    --------
    >>> import symgrad as sg
    >>> y = sg.input("y", ("B",), dtype="int64")
    >>> sg.one_hot(y, 10).shape
    (Dim('B'), 10)
    """
    return make(ONE_HOT, (as_expr(ids),), {"size": as_size(size), "dtype": _dtype(dtype)})
