"""Draws that NumPy's generators lack: copied into the source that makes them."""

import numpy as np

__all__ = ["keyed", "truncated_normal"]


def keyed(stream: int, step: int, number: int) -> np.random.Generator:
    """Give the generator of one draw at one step: counter-based, so that order does not matter."""
    counter = [0, 0, int(step), number]
    return np.random.Generator(np.random.Philox(key=int(stream), counter=counter))


def truncated_normal(
    rng: np.random.Generator, low: float, high: float, shape: int | tuple[int, ...]
) -> np.ndarray:
    """Draw normal numbers between low and high, by drawing again what a proposal gets wrong.

    The proposal is the normal itself where that is often between them, uniform where they are
    close, and an exponential beyond the nearer bound in a tail (Robert, 1995).
    """
    if high < 0:
        return -truncated_normal(rng, -high, -low, shape)
    x = np.empty(shape)
    todo = np.arange(x.size)
    near = max(low, 0.0)  # where the density is largest
    rate = (near + np.sqrt(near * near + 4)) / 2
    while todo.size:
        if (high - low) * rate < 2.5:
            z = rng.uniform(low, high, todo.size)
            log_share = (near * near - z * z) / 2
        elif low <= 0:
            z = rng.standard_normal(todo.size)
            log_share = np.where((low <= z) & (z <= high), 0.0, -np.inf)
        else:
            z = low + rng.standard_exponential(todo.size) / rate
            log_share = np.where(z <= high, -((z - rate) ** 2) / 2, -np.inf)
        taken = -rng.standard_exponential(todo.size) <= log_share
        x.flat[todo[taken]] = z[taken]
        todo = todo[~taken]
    return x
