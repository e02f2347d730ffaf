"""What is known of an array before it has values: its axes and sizes; and whether two are equal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.ir.node import Expr, as_expr, literal
from symgrad.ir.op import FUNCTIONS, Example, public
from symgrad.ir.size import Size, as_shape, product
from symgrad.ops import broadcasting
from symgrad.ops.comparison import equal, isnan, not_equal
from symgrad.ops.shape import normalize_axes

__all__ = [
    "array_equal",
    "broadcast_shapes",
    "iscomplexobj",
    "isrealobj",
    "ndim",
    "result_type",
    "shape",
    "size",
]


@public(
    examples=(
        Example(lambda x: x * FUNCTIONS["shape"](x)[1], lambda x: x * np.shape(x)[1], ((3, 4),)),
        Example(
            lambda x: x.reshape(FUNCTIONS["shape"](x) + (1,)), lambda x: x[..., None], ((3, 4),)
        ),
    )
)
def shape(a: Any) -> tuple[Size, ...]:
    """The sizes of the axes; symbolic ones are sizes that may be calculated with.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.shape(sg.input("x", ("B", 3)))
    (Dim('B'), 3)
    """
    return as_expr(a).shape


@public(
    examples=(Example(lambda x: x * FUNCTIONS["ndim"](x), lambda x: x * np.ndim(x), ((3, 4),)),)
)
def ndim(a: Any) -> int:
    """The number of axes."""
    return as_expr(a).ndim


@public(
    examples=(
        Example(lambda x: x / FUNCTIONS["size"](x), lambda x: x / np.size(x), ((3, 4),)),
        Example(lambda x: x / FUNCTIONS["size"](x, 1), lambda x: x / np.size(x, 1), ((3, 4),)),
    )
)
def size(a: Any, axis: Any = None) -> Size:
    """The number of elements, or that along an axis or several.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.size(sg.input("x", ("B", 3)))
    Dim('3*B')
    """
    sizes = as_expr(a).shape
    if axis is None:
        return product(sizes)
    return product([sizes[i] for i in normalize_axes(axis, len(sizes), "size: axis")])


@public(
    examples=(
        Example(
            lambda x, y: x * FUNCTIONS["broadcast_shapes"](x.shape, y.shape)[0],
            lambda x, y: x * np.broadcast_shapes(x.shape, y.shape)[0],
            ((3, 4), (4,)),
        ),
    )
)
def broadcast_shapes(*args: Any) -> tuple[Size, ...]:
    """The shape that arrays of these shapes have together; a symbolic size never means 1.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.broadcast_shapes(("B", 1), (3,))
    (Dim('B'), 3)
    """
    shapes: Sequence[tuple[Size, ...]] = [as_shape(arg) for arg in args]
    return broadcasting.broadcast_shapes(*shapes) if shapes else ()


@public(
    examples=(
        Example(
            lambda x: FUNCTIONS["array_equal"](x, x), lambda x: np.array_equal(x, x), ((3, 4),)
        ),
        Example(lambda x, y: FUNCTIONS["array_equal"](x, y), np.array_equal, ((3, 4), (3, 4))),
        Example(lambda x, y: FUNCTIONS["array_equal"](x, y), np.array_equal, ((3, 4), (3,))),
        Example(
            lambda x: FUNCTIONS["array_equal"](x, x, equal_nan=True),
            lambda x: np.array(True),
            ((3,),),
        ),
    )
)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Expr:
    """Whether two arrays have one shape, and equal elements; a boolean scalar.

    Parameters
    ----------
    a1, a2 : array_like
        Sizes that may be equal are checked to be, at each call.
    equal_nan : bool
        Whether NaN equals NaN.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> sg.array_equal(x, x[::-1]).shape
    ()
    """
    x, y = as_expr(a1), as_expr(a2)
    pairs = zip(x.shape, y.shape, strict=False)
    differ = [isinstance(a, int) and isinstance(b, int) and a != b for a, b in pairs]
    if x.ndim != y.ndim or any(differ):
        return literal(False)
    same = equal(x, y)
    if equal_nan and x.dtype.kind in "fc" and y.dtype.kind in "fc":
        same = same | (isnan(x) & isnan(y))
    alike: Expr = FUNCTIONS["all"](same)
    return alike


# ---- dtypes


@public(
    examples=(
        Example(
            lambda x, y: x.astype(FUNCTIONS["result_type"](x, y, "float16")),
            lambda x, y: x.astype(np.result_type(x, y, "float16")),
            ((3,), (3,)),
            dtypes=("int16", "float32"),
            domain=((-3.0, 3.0), (-2.0, 2.0)),
        ),
        Example(
            lambda x: x.astype(FUNCTIONS["result_type"](x, 1.0)),
            lambda x: x.astype("float64"),
            ((3,),),
        ),
    )
)
def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The dtype that these have together, as NumPy promotes; Python's numbers are weak.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.result_type(sg.input("x", (3,), "float32"), 1.0)
    dtype('float32')
    """
    known = [a.dtype if isinstance(a, Expr) else a for a in arrays_and_dtypes]
    return np.result_type(*known)


@public(examples=(Example(lambda x: x * FUNCTIONS["iscomplexobj"](x), lambda x: 0 * x, ((3, 4),)),))
def iscomplexobj(x: Any) -> bool:
    """Whether the dtype is a complex one."""
    return as_expr(x).dtype.kind == "c"


@public(examples=(Example(lambda x: x * FUNCTIONS["isrealobj"](x), lambda x: x, ((3, 4),)),))
def isrealobj(x: Any) -> bool:
    """Whether the dtype is a real one."""
    return not iscomplexobj(x)


def _of_complex(name: str) -> Example:
    """Of complex numbers, some of which are real."""
    return Example(
        lambda x, y: FUNCTIONS[name](FUNCTIONS["complex"](x, FUNCTIONS["floor"](y))),
        lambda x, y: getattr(np, name)(x + 1j * np.floor(y)),
        ((3, 4), (3, 4)),
        domain=((-2.0, 2.0), (0.0, 2.0)),
        smooth=False,
    )


@public(examples=(_of_complex("iscomplex"),))
def iscomplex(x: Any) -> Expr:
    """Whether the imaginary part is not 0, element by element."""
    return not_equal(FUNCTIONS["imag"](x), 0)


@public(examples=(_of_complex("isreal"),))
def isreal(x: Any) -> Expr:
    """Whether the imaginary part is 0, element by element."""
    return equal(FUNCTIONS["imag"](x), 0)
