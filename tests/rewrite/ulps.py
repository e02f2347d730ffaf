"""Errors in units in the last place."""

from collections.abc import Iterable
from typing import Any

import mpmath
import numpy as np

__all__ = ["ulps"]


def ulps(value: Any, exact: Iterable[Any]) -> Any:
    """The distance in units in the last place of the exact result; inf where it is not finite."""
    out = []
    for v, e in zip(np.ravel(value), exact, strict=True):
        rounded = np.float64(float(e))
        if not np.isfinite(rounded):
            out.append(0.0 if v == rounded else np.inf)
        elif not np.isfinite(v):
            out.append(np.inf)
        else:
            with mpmath.workdps(800):
                away = abs(mpmath.mpf(float(v)) - mpmath.mpf(e))
                out.append(float(away / mpmath.mpf(float(np.spacing(abs(rounded))))))
    return np.array(out)
