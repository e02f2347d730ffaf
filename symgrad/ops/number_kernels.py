"""Single results of NumPy's functions that give two: copied into the modules that call them."""

# mypy: disable-error-code="no-any-return"

import numpy as np

from symgrad.ops.kernels import deliver

__all__ = ["exponent", "fraction", "mantissa"]


def fraction(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """What of a number stands after the point, of its sign."""
    return deliver(np.asarray(np.modf(x)[0]), out)


def mantissa(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Give m of x = m 2^e, 1/2 <= |m| < 1."""
    return deliver(np.asarray(np.frexp(x)[0]), out)


def exponent(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Give e of x = m 2^e, 1/2 <= |m| < 1."""
    return deliver(np.asarray(np.frexp(x)[1]), out)
