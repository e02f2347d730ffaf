"""The abstract value of a node: what is known of it before any number is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.ir.size import Size

__all__ = ["Aval", "Avals", "format_shape"]


def format_shape(shape: tuple[Size, ...]) -> str:
    """``(B, 64)``, as Python would print it with the names of the sizes."""
    inner = ", ".join(str(size) for size in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


@dataclass(frozen=True, slots=True)
class Aval:
    """Shape and dtype.

    Parameters
    ----------
    shape : tuple of Size
        Static sizes are ints, symbolic ones are :class:`~symgrad.ir.size.Dim`.
    dtype : numpy.dtype

    Examples
    --------
    >>> import numpy as np
    >>> print(Aval((2, 3), np.dtype("float32")))
    (2, 3) float32
    """

    shape: tuple[Size, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __str__(self) -> str:
        return f"{format_shape(self.shape)} {self.dtype}"


@dataclass(frozen=True, slots=True)
class Avals(Aval):
    """Of a node that gives several arrays: one Aval for each.

    Such a node is no array itself. ``item`` nodes take its parts, and nothing else reads it; so
    the shape without axes and the dtype of Python objects that it has stand for "no array".

    Parameters
    ----------
    parts : tuple of Aval
    """

    parts: tuple[Aval, ...] = ()

    @staticmethod
    def of(*parts: Aval) -> Avals:
        """
        Examples
        --------
        >>> import numpy as np
        >>> print(Avals.of(Aval((3,), np.dtype("float64")), Aval((), np.dtype("int64"))))
        (3,) float64, () int64
        """
        return Avals((), np.dtype(object), parts)

    def __str__(self) -> str:
        return ", ".join([str(part) for part in self.parts])
