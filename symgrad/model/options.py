"""Numbers that are options of a loss, an optimiser or a schedule: checked, and Python's own.

NumPy's scalars are taken as well, since a sweep over ``np.logspace(-4, -1)`` is full of them, but
not kept: they would not be weak, and a float32 model would compute in float64.
"""

from __future__ import annotations

import math
import numbers
from typing import Any

from symgrad.errors import DeclarationError

__all__ = ["complement", "is_number", "multiple", "real", "whole"]


def is_number(value: Any) -> bool:
    """Whether a value is a real number of Python's or NumPy's, and no boolean."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def real(
    owner: str,
    name: str,
    value: Any,
    low: float,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """A finite number within bounds, which are included unless they are open.

    Raises
    ------
    DeclarationError

    Examples
    --------
    >>> import numpy as np
    >>> real("huber", "delta", np.float32(0.5), 0, open_low=True)
    0.5
    >>> real("huber", "delta", -1, 0, open_low=True)
    Traceback (most recent call last):
        ...
    symgrad.errors.DeclarationError: huber: expected finite delta > 0; got -1
    """
    good = is_number(value)
    if good:
        good = (low < value if open_low else low <= value) and value < math.inf
        good = good and (value < high if open_high else value <= high)
    if not good:
        if high == math.inf:
            wanted = f"finite {name} >{'' if open_low else '='} {low:g}"
        else:
            left, right = "<" if open_low else "<=", "<" if open_high else "<="
            wanted = f"{low:g} {left} {name} {right} {high:g}"
        raise DeclarationError(f"{owner}: expected {wanted}; got {value!r}")
    return float(value)


def whole(owner: str, name: str, value: Any, least: int) -> int:
    """An integer that is not below a bound.

    Raises
    ------
    DeclarationError

    Examples
    --------
    >>> whole("accumulate", "every", 2.0, 1)
    Traceback (most recent call last):
        ...
    symgrad.errors.DeclarationError: accumulate: expected an integer every >= 1; got 2.0
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise DeclarationError(f"{owner}: expected an integer {name} >= {least}; got {value!r}")
    return int(value)


def multiple(rate: Any, share: float) -> Any:
    """rate * share, for a number as it is written: 0.009 for 0.01 * 0.9."""
    return float(f"{rate * share:.15g}") if is_number(rate) else rate * share


def complement(share: float) -> float:
    """1 - share as it is written: 0.1 for 0.9, and not 0.09999999999999998."""
    return round(1 - share, 15)
