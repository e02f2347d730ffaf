"""Numbers and flags that are options of a layer, a loss, an optimiser: checked, and Python's own.

NumPy's scalars are taken as well, since a sweep over ``np.logspace(-4, -1)`` is full of them, but
not kept: they would not be weak, and a float32 model would compute in float64. Every message is
``owner: expected ...; got ...``.
"""

from __future__ import annotations

import math
import numbers
import operator
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError

__all__ = ["complement", "flag", "is_number", "multiple", "real", "whole"]


def is_number(value: Any) -> bool:
    """Whether a value is a real number of Python's or NumPy's, and no boolean."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def real(
    owner: str,
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
    finite: bool = True,
) -> float:
    """A number within bounds, which are included unless they are open; never NaN.

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
    symgrad.errors.DeclarationError: huber: expected delta > 0, a finite number; got -1
    >>> real("dropout", "rate", 1.0, 0, 1, open_high=True)
    Traceback (most recent call last):
        ...
    symgrad.errors.DeclarationError: dropout: expected 0 <= rate < 1, a finite number; got 1.0
    """
    try:
        found = float(value) if is_number(value) else math.nan
    except OverflowError:  # an integer beyond all floats
        found = math.nan
    above = found > low if open_low else found >= low
    below = found < high if open_high else found <= high
    if not (above and below) or (finite and math.isinf(found)):
        bounds = _bounds(name, low, high, open_low, open_high)
        kind = "a finite number" if finite else "a number"
        raise DeclarationError(f"{owner}: expected {bounds}, {kind}; got {value!r}")
    return found


def whole(owner: str, name: str, value: Any, least: float = 1, below: float = math.inf) -> int:
    """An integer ``least <= value < below``.

    Raises
    ------
    DeclarationError

    Examples
    --------
    >>> whole("dense", "units", np.int32(8))
    8
    >>> whole("accumulate", "every", 2.0)
    Traceback (most recent call last):
        ...
    symgrad.errors.DeclarationError: accumulate: expected every >= 1, an integer; got 2.0
    """
    try:
        found = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        found = None
    if found is None or not least <= found < below:
        bounds = _bounds(name, least, below, False, True)
        raise DeclarationError(f"{owner}: expected {bounds}, an integer; got {value!r}")
    return found


def flag(owner: str, name: str, value: Any) -> bool:
    """True or False, and not the mask or the initialiser that is meant for another place.

    Raises
    ------
    DeclarationError

    Examples
    --------
    >>> flag("SGD", "nesterov", 1)
    Traceback (most recent call last):
        ...
    symgrad.errors.DeclarationError: SGD: expected nesterov to be True or False; got 1
    """
    if not isinstance(value, (bool, np.bool_)):
        raise DeclarationError(f"{owner}: expected {name} to be True or False; got {value!r}")
    return bool(value)


def multiple(rate: Any, share: float) -> Any:
    """rate * share, for a number as it is written: 0.009 for 0.01 * 0.9."""
    return float(f"{rate * share:.15g}") if is_number(rate) else rate * share


def complement(share: float) -> float:
    """1 - share as it is written: 0.1 for 0.9, and not 0.09999999999999998."""
    return round(1 - share, 15)


def _bounds(name: str, low: float, high: float, open_low: bool, open_high: bool) -> str:
    """What is asked of a name: ``name``, ``name >= 0``, ``0 <= name < 1``."""
    if high == math.inf:
        return name if low == -math.inf else f"{name} {'>' if open_low else '>='} {low}"
    right = f"{name} {'<' if open_high else '<='} {high}"
    return right if low == -math.inf else f"{low} {'<' if open_low else '<='} {right}"
