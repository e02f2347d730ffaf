"""Casts between dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DTypeError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.dtypes import as_dtype, is_complex, is_inexact
from symgrad.ir.lifted import Lifted
from symgrad.ir.node import LITERAL, SIZE, Expr, as_expr, make
from symgrad.ir.op import OPS, Example, Op, function, register

__all__ = ["astype", "dtype_code"]


def dtype_code(dtype: np.dtype[Any]) -> str:
    """A dtype as source: ``np.float32``, ``bool``."""
    return "bool" if dtype.kind == "b" else f"np.{dtype.name}"


@register
class AsType(Op):
    """The values in another dtype; a float keeps its derivative in another float or a complex."""

    name = "astype"
    elementwise = True
    takes_complex = True
    examples = (
        # none between floats: differences of the values would see the rounding to float32
        Example(
            lambda x: astype(x, "float64") * 2.0,
            lambda x: x.astype(np.float64) * 2.0,
            ((3, 4),),
            dtypes=("int32",),
            domain=((-5, 5),),
        ),
        Example(
            lambda x: astype(x, "float32"),
            lambda x: x.astype(np.float32),
            ((3, 4),),
            dtypes=("int32",),
            domain=((-5, 5),),
        ),
        Example(
            lambda x: astype(x, "int64"),
            lambda x: x.astype(np.int64),
            ((3, 4),),
            away=(-1.0, 0.0, 1.0),
            smooth=False,
        ),
        Example(lambda x: astype(x, bool), lambda x: x != 0, ((3, 4),), smooth=False),
    )

    def aval(self, x: Aval, *, dtype: np.dtype[Any]) -> Aval:
        if is_complex(x.dtype) and not (is_complex(dtype) or dtype.kind == "b"):
            raise DTypeError(f"complex values do not become {dtype}: take their .real or .imag")
        return Aval(x.shape, dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        (x,) = node.args
        if not (is_inexact(x.dtype) and is_inexact(node.dtype)):
            return (None,)
        return (ct if is_complex(node.dtype) else astype(ct, x.dtype),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (tangent,) = tangents
        if tangent is None or not is_inexact(node.dtype):
            return None
        return astype(tangent, node.dtype)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        (x,) = node.args
        if x.ndim == 0 and x.op in (LITERAL, SIZE):
            return Code.call(f"np.{node.dtype.name}", args[0])
        return Code.method(args[0], "astype", dtype_code(node.dtype))

    def latex(self, node: Expr, *args: str) -> str:
        if is_inexact(node.dtype):
            return args[0]
        return rf"\operatorname{{{node.dtype.name}}}\left({args[0]}\right)"


ASTYPE = OPS["astype"]


@function
def astype(x: Any, dtype: Any) -> Expr:
    """The values in another dtype, as NumPy casts them.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B",), dtype="int64")
    >>> sg.astype(x, "float32").dtype
    dtype('float32')
    """
    if isinstance(x, Lifted):
        return x.apply(lambda value: astype(value, dtype), (x,))  # type: ignore[no-any-return]
    x, to = as_expr(x), as_dtype(dtype)
    return x if x.dtype == to else make(ASTYPE, (x,), {"dtype": to})
