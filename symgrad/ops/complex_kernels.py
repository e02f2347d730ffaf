"""Functions of complex numbers that NumPy lacks: copied into the source that calls them.

Each takes ``out=`` and gives a scalar for scalars, as the kernels of `symgrad.ops.kernels` do.
"""

# ufuncs that are given out= are typed as Any
# mypy: disable-error-code="no-any-return"

import numpy as np

__all__ = ["abs2", "complex_of", "hermitian_weights"]


def abs2(z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """|z|^2, without the square root of abs."""
    return np.add(np.square(z.real), np.square(z.imag), out=out)


def complex_of(re: np.ndarray, im: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """re + 1j * im, in which a NaN or an infinity stays in its own part."""
    if out is not None:
        out.real, out.imag = re, im
        return out
    z = np.empty(np.broadcast(re, im).shape, np.result_type(re, im, np.complex64))
    z.real, z.imag = re, im
    return z[()]


def hermitian_weights(n: int) -> np.ndarray:
    """How often each frequency of a half spectrum stands in the whole one of length n."""
    weights = np.full(n // 2 + 1, 2.0)
    weights[0] = 1.0
    if n % 2 == 0:
        weights[-1] = 1.0
    return weights
