"""Numbers in the source: as short as they can be and still the same value and dtype."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from symgrad.ir.code import ATOM, UNARY, Code
from symgrad.ir.node import LITERAL, SIZE, Expr

__all__ = ["array_source", "one_line", "quoted", "scalar_source", "typed", "weak"]

_PYTHON = {
    np.dtype(np.float64): float,
    np.dtype(np.complex128): complex,
    np.dtype(np.int64): int,
    np.dtype(np.bool_): bool,
}


def scalar_source(value: Any, dtype: np.dtype[Any], plain: bool) -> Code:
    """A number; `plain` allows a whole float to be written as an integer."""
    if dtype.kind == "b":
        return Code(str(bool(value)))
    if dtype.kind == "c":
        return _complex_source(value)
    if dtype.kind in "iu":
        text = str(int(value))
    elif np.isnan(value):
        return Code("np.nan")
    elif np.isinf(value):
        return Code("np.inf") if value > 0 else Code("-np.inf", UNARY)
    elif (
        plain
        and value == int(value)
        and abs(value) < 1e6
        and not (value == 0 and np.signbit(value))
    ):
        text = str(int(value))
    else:
        text = repr(float(value))
        short = str(dtype.type(value))
        if dtype.type(float(short)) == value and len(short) < len(text):
            text = short
        text = text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    return Code(text, UNARY if text.startswith("-") else ATOM)


def _complex_source(value: Any) -> Code:
    """``2j``, ``(1 + 2j)``; by its parts where a sum of them would be another number.

    The sign of a zero real part beside an imaginary one is not kept: no function has a branch
    there.
    """
    real, imag = [scalar_source(part, part.dtype, plain=True) for part in (value.real, value.imag)]
    negative_zero = any(part == 0 and np.signbit(part) for part in (value.real, value.imag))
    if np.isfinite(value) and value.real == 0 and (value.imag != 0 or not negative_zero):
        return Code(f"{imag.text}j", imag.precedence)
    if np.isfinite(value) and not negative_zero:
        sign = "-" if value.imag < 0 else "+"
        return Code(f"({real.text} {sign} {imag.text.removeprefix('-')}j)")
    return Code(f"complex({real.text}, {imag.text})")


def weak(node: Expr, plain: bool = True) -> Code:
    """A scalar literal or size beside an operand that decides the dtype."""
    if node.op is SIZE:
        text = str(node.attrs["size"])
        return Code(text if text.isidentifier() else f"({text})")
    value = node.attrs["value"].array[()]
    if plain and node.dtype.kind == "c" and not value.imag and not np.signbit(value.imag):
        value = value.real  # a real number beside complex ones
    return scalar_source(value, value.dtype, plain)


def typed(node: Expr, strict: bool = False) -> Code:
    """A scalar literal or size that decides the dtype.

    With `strict` it does so also beside an array of a narrower dtype, to which a Python number
    would give way.
    """
    code = weak(node, plain=False)
    if node.op is LITERAL and node.dtype in _PYTHON and not strict:
        return code
    return Code(f"np.{node.dtype.name.replace('bool', 'bool_')}({code.text})")


def one_line(text: str) -> str:
    """Text that may stand in a comment of the source, whatever the user typed."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def quoted(text: str) -> str:
    """A string literal, in double quotes where that needs no escape."""
    literal = repr(text)
    inner = literal[1:-1]
    return literal if '"' in inner or "\\'" in inner else f'"{inner}"'


def array_source(array: np.ndarray[Any, Any]) -> str:
    """An array literal: as nested lists where a person would, else as bytes."""
    dtype = array.dtype
    kind = "" if dtype in _PYTHON and array.size else f", dtype=np.{dtype.name}"
    if array.size <= 1000:
        if array.size == 0:
            return f"np.zeros({array.shape}{kind})"
        text = _nested(array)
        return f"np.array({text}{kind})"
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return (
        f'np.frombuffer(base64.b64decode("{data}"), dtype=np.{dtype.name}).reshape({array.shape})'
    )


def _nested(array: np.ndarray[Any, Any]) -> str:
    if array.ndim == 0:
        return scalar_source(array[()], array.dtype, plain=False).text
    return f"[{', '.join(_nested(part) for part in array)}]"
