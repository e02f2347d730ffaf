"""Errors in units in the last place of the exact result."""

from collections.abc import Iterable, Sequence
from typing import Any

import mpmath
import numpy as np

__all__ = ["Exact", "ulps"]

Array = np.ndarray[Any, Any]


class Exact:
    """Exact values, as what `dtype` holds nearest to them and the rest in its last places.

    Parameters
    ----------
    values : array of mpf, or None where there is no value
    dtype : the format of the results that are compared with them
    norm : bool
        Measure all in ulps of the largest, as the errors of matrices are.

    Attributes
    ----------
    nearest : array of `dtype`
        NaN where there is no value.
    rest : array of float
        What `nearest` lacks, in ulps: at most 1/2 but for roundings at an end of the range.
    known : array of bool
    """

    def __init__(self, values: Any, dtype: Any = "float64", *, norm: bool = False) -> None:
        values = np.asarray(values, object)
        dtype = np.dtype(dtype)
        with np.errstate(over="ignore", under="ignore"):
            flat = [dtype.type(np.nan if v is None else float(v)) for v in values.flat]
        self.nearest = np.array(flat, dtype).reshape(values.shape)
        self.known = np.array([v is not None for v in values.flat], bool).reshape(values.shape)
        self.spacing = np.spacing(np.abs(self.nearest)).astype(np.float64)
        if norm and np.isfinite(self.spacing).any():
            self.spacing = np.full(values.shape, np.nanmax(self.spacing))
        rest = []
        for value, near, space in zip(values.flat, flat, self.spacing.flat, strict=True):
            if value is None or not np.isfinite(near):
                rest.append(0.0)
            else:
                rest.append(float((value - mpmath.mpf(float(near))) / mpmath.mpf(float(space))))
        self.rest = np.array(rest).reshape(values.shape)

    def at(self, i: int) -> "Exact":
        """One of them."""
        part = object.__new__(Exact)
        for name in ("nearest", "rest", "known", "spacing"):
            setattr(part, name, np.ravel(getattr(self, name))[i : i + 1])
        return part

    @classmethod
    def joined(cls, parts: Sequence["Exact"]) -> "Exact":
        whole = object.__new__(cls)
        for name in ("nearest", "rest", "known", "spacing"):
            setattr(whole, name, np.concatenate([np.ravel(getattr(p, name)) for p in parts]))
        return whole

    def error(self, value: Any) -> Array:
        """The distance in ulps: inf where one of the two is not finite, NaN where unknown."""
        value = np.broadcast_to(np.asarray(value), self.nearest.shape)
        with np.errstate(all="ignore"):
            away = (value.astype(np.float64) - self.nearest.astype(np.float64)) / self.spacing
            out = np.abs(away - self.rest)
            same = (value == self.nearest) | (np.isnan(value) & np.isnan(self.nearest))
        finite = np.isfinite(self.nearest)
        out = np.where(finite & np.isfinite(value), out, np.where(same, 0.0, np.inf))
        return np.where(self.known, out, np.nan)


def ulps(value: Any, exact: Iterable[Any]) -> Array:
    """The error of each of `value` against exact values that all exist."""
    return Exact(np.array(list(exact), object)).error(np.ravel(value))
