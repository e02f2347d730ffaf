"""Dtypes: NumPy 2 promotion, where Python's own numbers are weak."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from symgrad.errors import DTypeError

__all__ = [
    "as_dtype",
    "default_dtype",
    "extreme",
    "get_default_dtype",
    "is_complex",
    "is_float",
    "is_inexact",
    "promote",
    "real_dtype",
]


class _Setting(threading.local):
    dtype: np.dtype[Any] = np.dtype(np.float64)


_setting = _Setting()


def get_default_dtype() -> np.dtype[Any]:
    """The dtype of inputs, parameters and literals that were declared without one."""
    return _setting.dtype


def default_dtype(dtype: Any) -> AbstractContextManager[None]:
    """Set the default floating dtype; also a context manager that restores the old one.

    Parameters
    ----------
    dtype : str or numpy.dtype
        ``"float64"`` (the default until set) or ``"float32"``.

    Examples
    --------
    >>> import symgrad as sg
    >>> with sg.default_dtype("float32"):
    ...     x = sg.input("x", (3,))
    >>> x.dtype
    dtype('float32')
    """
    new = as_dtype(dtype)
    if not is_float(new):
        raise DTypeError(f"the default dtype must be a floating one; got {new}")
    old, _setting.dtype = _setting.dtype, new

    @contextmanager
    def restore() -> Iterator[None]:
        try:
            yield
        finally:
            _setting.dtype = old

    return restore()


@lru_cache(maxsize=256)
def _checked(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind not in "biufc" or dtype.itemsize > (16 if dtype.kind == "c" else 8):
        raise DTypeError(f"expected a boolean, integer, floating or complex dtype; got {dtype}")
    return dtype.newbyteorder("=")


def as_dtype(dtype: Any) -> np.dtype[Any]:
    """A NumPy dtype that expressions may have: boolean, integer, floating or complex.

    Raises
    ------
    DTypeError
        If it is no dtype, or an object, string or extended one.
    """
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise DTypeError(f"expected a dtype such as 'float64'; got {dtype!r}") from None
    return _checked(found)


def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether values of this dtype are real numbers that may have gradients."""
    return dtype.kind == "f"


def is_complex(dtype: np.dtype[Any]) -> bool:
    """Whether values of this dtype are complex: intermediate values and constants alone are."""
    return dtype.kind == "c"


def is_inexact(dtype: np.dtype[Any]) -> bool:
    """Whether derivatives flow through values of this dtype: floating or complex ones."""
    return dtype.kind in "fc"


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the real part of values of this dtype.

    Examples
    --------
    >>> real_dtype(np.dtype("complex64")), real_dtype(np.dtype("int32"))
    (dtype('float32'), dtype('int32'))
    """
    return np.empty(0, dtype).real.dtype if dtype.kind == "c" else dtype


def extreme(dtype: np.dtype[Any], low: bool) -> Any:
    """The value that no other is below (or above): where a maximum or a minimum begins."""
    if dtype.kind == "f":
        return -np.inf if low else np.inf
    if dtype.kind == "b":
        return not low
    return np.iinfo(dtype).min if low else np.iinfo(dtype).max


@lru_cache(maxsize=4096)
def _promote(dtypes: tuple[np.dtype[Any], ...], weak: tuple[type, ...]) -> np.dtype[Any]:
    # NumPy itself knows the rule: Python scalars given to result_type are weak
    return np.result_type(*dtypes, *(t(1) for t in weak))


def promote(dtypes: tuple[np.dtype[Any], ...], weak: tuple[type, ...] = ()) -> np.dtype[Any]:
    """The common dtype of arrays and of weak Python scalars, as NumPy 2 has it.

    Without any array, Python floats have the default dtype, complex numbers the complex one
    of its precision, ints int64, bools bool.
    """
    if dtypes:
        return _promote(dtypes, weak)
    if complex in weak:
        return np.result_type(get_default_dtype(), np.complex64)
    if float in weak:
        return get_default_dtype()
    return np.dtype(np.int64 if int in weak else np.bool_)
