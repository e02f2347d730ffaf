"""The draws behind the initialisers: plain functions, whose source generated modules copy.

Each uses NumPy, builtins, and the functions and constants of this file only. Draws are made in
float64 and then rounded.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# the type of a function that is an argument cannot be named without an import

import numpy as np

__all__ = [
    "arranged",
    "delta",
    "fans",
    "orthogonal",
    "truncated_normal",
    "truncated_standard_normal",
    "variance_scaling",
]

# the standard deviation of a standard normal truncated to [-2, 2]
TRUNCATED_STD = 0.8796256610342398


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Give the numbers of inputs and outputs that a weight ``(*window, in, out)`` connects."""
    if len(shape) < 2:
        size = int(np.prod(shape))
        return size, size
    window = int(np.prod(shape[:-2]))
    return window * shape[-2], window * shape[-1]


def truncated_standard_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw from a normal restricted to [-2, 2], by drawing again what falls outside."""
    z = rng.standard_normal(shape).reshape(-1)
    while (outside := np.flatnonzero(np.abs(z) > 2)).size:
        z[outside] = rng.standard_normal(outside.size)
    return z.reshape(shape)


def truncated_normal(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: type | np.dtype, std: float
) -> np.ndarray:
    """Draw from a normal of this standard deviation, cut off at two of them."""
    return np.asarray(std * truncated_standard_normal(rng, shape)).astype(dtype)


def variance_scaling(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: type | np.dtype,
    scale: float,
    fan: str,
    distribution: str,
    gain: float = 1.0,
) -> np.ndarray:
    """Draw with mean 0 and variance gain^2 scale / fan; the normal is cut off at both tails."""
    fan_in, fan_out = fans(shape)
    size = {"in": fan_in, "out": fan_out, "average": (fan_in + fan_out) / 2}[fan]
    std = gain * np.sqrt(scale / max(size, 1))  # an empty weight has no fan
    if distribution == "uniform":
        bound = np.sqrt(3) * std
        return np.asarray(rng.uniform(-bound, bound, shape)).astype(dtype)
    return truncated_normal(rng, shape, dtype, std / TRUNCATED_STD)


def orthogonal(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: type | np.dtype, gain: float = 1.0
) -> np.ndarray:
    """Draw gain times a matrix with orthonormal rows or columns, uniform over all such."""
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    # the signs of R's diagonal depend on the routine: without them Q is not uniform
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    if rows < columns:
        q = q.T
    return np.asarray(gain * q.reshape(shape)).astype(dtype, order="C")


def delta(rng: np.random.Generator, shape: tuple[int, ...], dtype: type | np.dtype) -> np.ndarray:
    """Give the kernel of a convolution that hands on its input: the identity in mid-window."""
    kernel = np.zeros(shape, dtype)
    if kernel.size:
        kernel[tuple([(size - 1) // 2 for size in shape[:-2]])] = np.eye(shape[-2], shape[-1])
    return kernel


def arranged(
    draw,
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: type | np.dtype,
    groups: int = 1,
    transposed: bool = False,
    **options,
) -> np.ndarray:
    """Draw the kernel of each group as (*window, in, out); put them side by side."""
    part = (*shape[:-1], shape[-1] // groups)
    if transposed:
        part = (*part[:-2], part[-1], part[-2])
    parts = [draw(rng, part, dtype, **options) for _ in range(groups)]
    if transposed:
        parts = [np.swapaxes(each, -1, -2) for each in parts]
    return np.ascontiguousarray(np.concatenate(parts, axis=-1)).reshape(shape)
