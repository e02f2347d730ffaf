"""The points at which errors are measured: ordinary ones, edges, thresholds, random magnitudes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["EDGES", "pairs", "singles", "special", "triples", "vectors"]

Array = np.ndarray[Any, Any]

ORDINARY = [0.3, 0.7, 1.0, 1.5, 2.5, 10.0]
#: 0 and what the conventions name: tiny, +-1e3, +-1e8, +-1e300, subnormals
EDGES = [0.0, 5e-324, 1e-310, 2.2250738585072014e-308, 1e-300, 1e-17, 3e-9, 1e-4, 1e3, 1e8, 1e300]
#: where functions change over: log 2, pi/2, where 1 + e^-x is 1, where e^x ends, in both formats
THRESHOLDS = [
    0.5, 0.6931471805599453, 0.75, 0.9999999999999999, 1.0000000000000002, 1.5707963267948966,
    5.5, 16.6, 26.6, 36.7, 38.5, 88.7, 103.9, 300.0, 709.78, 710.4, 745.1,
]  # fmt: skip
#: the same edges for float32
EDGES_32 = [0.0, 1e-45, 1e-40, 1.1754944e-38, 1e-30, 1e-8, 3e-5, 1e-2, 1e3, 1e8, 1e38]
SPECIAL = [np.inf, -np.inf, np.nan]


def _random(count: int, dtype: Any, seed: int) -> Array:
    """Numbers whose logarithms are uniform, of both signs."""
    rng = np.random.default_rng(seed)
    low, high = (-12.0, 4.0) if np.dtype(dtype) == np.float64 else (-6.0, 3.0)
    return rng.choice([-1.0, 1.0], count) * 10.0 ** rng.uniform(low, high, count)


def singles(dtype: Any = "float64", quick: bool = False) -> Array:
    """Points of functions of one number."""
    edges = EDGES if np.dtype(dtype) == np.float64 else EDGES_32
    step = 3 if quick else 1
    positive = [*ORDINARY[::step], *edges, *THRESHOLDS[::step]]
    many = 4 if quick else 40
    special = SPECIAL[-1:] if quick else SPECIAL
    points = [*positive, *[-p for p in positive if p], *_random(many, dtype, 1), *special]
    return np.unique(np.array(points).astype(dtype))


def _product(dtype: Any, quick: bool, count: int) -> list[Array]:
    edges = EDGES if np.dtype(dtype) == np.float64 else EDGES_32
    first = [*ORDINARY[::2], *edges, *THRESHOLDS[3::4]]
    first = first[1::4] if quick else first
    first = [*first, *[-p for p in first if p]]
    special = SPECIAL[-1:] if quick else SPECIAL
    rows: list[tuple[float, ...]] = [(x, *[0.5] * (count - 1)) for x in special]
    for x in first:
        rows += [(x,) * count, (x, *[0.5] * (count - 1)), (700.0, *[x] * (count - 1))]
    many = 5 if quick else 50
    random = np.stack([_random(many, dtype, seed) for seed in range(2, 2 + count)])
    # numbers of about one size: what cancels, cancels here
    close = random * (1 + 1e-6 * np.arange(count)[:, None])
    close[1:] = close[0] * (1 + np.array([1e-10, -1e-3])[: count - 1, None])
    columns = np.concatenate([np.array(rows).T, random, close], axis=1)
    kept = np.unique(columns.astype(dtype), axis=1)
    return list(kept)


def pairs(dtype: Any = "float64", quick: bool = False) -> list[Array]:
    """Points of functions of two numbers: one array for each."""
    return _product(dtype, quick, 2)


def triples(dtype: Any = "float64", quick: bool = False) -> list[Array]:
    """Points of functions of three numbers."""
    return _product(dtype, quick, 3)


def vectors(dtype: Any = "float64", quick: bool = False, size: int = 4) -> Array:
    """Rows: spread and equal, large and tiny, with ties, with a large common part."""
    rng = np.random.default_rng(5)
    rows = [
        rng.standard_normal(size),
        np.linspace(-1000, 1000, size),
        np.linspace(-1000, 1000, size)[::-1],
        np.full(size, 2.5),
        np.zeros(size),
        1e4 + rng.random(size),
        -1e4 + rng.random(size) * 1e-3,
        1e3 * rng.standard_normal(size),
        1e-3 * rng.standard_normal(size),
        1e-9 * rng.standard_normal(size),
        1e8 + np.arange(size),
        1e8 * (1 + 1e-7 * rng.standard_normal(size)),
        np.where(np.arange(size) == 1, 800.0, -800.0),
        np.where(np.arange(size) == 0, 50.0, rng.standard_normal(size)),
        np.where(np.arange(size) == 2, 0.0, rng.standard_normal(size)),
        np.arange(size) * 37.0,
        -np.arange(size) * 745.0,
        1e30 * rng.standard_normal(size),
    ]
    if np.dtype(dtype) == np.float64:
        rows += [
            1e200 * rng.standard_normal(size),
            1e-200 * rng.standard_normal(size),
            1e-310 * (1 + np.arange(size)),
        ]
    if not quick:
        rows += [10.0**k * rng.standard_normal(size) for k in (-6, -2, 1, 2, 2, 5)]
        rows += [rng.uniform(-30, 30, size) for _ in range(6)]
    return np.array(rows).astype(dtype)


Points = Callable[..., Any]


def special(
    domain: list[tuple[float, float]], dtype: Any = "float64", quick: bool = False
) -> list[Array]:
    """Points of special functions: where their examples are, near 0, and somewhat further out.

    Truths with a thousand digits, which the ends of the range need, would take minutes.
    """
    rng = np.random.default_rng(11)
    near = [] if quick else [1e-30, 1e-8, 1e-3, 0.5, 1.0, 2.0, 5.0, 20.0, 90.0]
    columns = []
    for low, high in domain:
        inside = rng.uniform(low, high, 6 if quick else 14)
        outside = [p for p in [*near, *[-n for n in near]] if len(domain) == 1]
        columns.append([*inside, *outside])
    return [np.array(c).astype(dtype) for c in columns]


def matrices(dtype: Any = "float64", quick: bool = False) -> list[tuple[Array, Array]]:
    """Square matrices, well and badly conditioned, each with a vector."""
    rng = np.random.default_rng(7)
    n = 3
    hilbert = 1.0 / (np.arange(n)[:, None] + np.arange(n) + 1)
    found = [
        rng.standard_normal((n, n)),
        np.eye(n) * 2 + 0.1 * rng.standard_normal((n, n)),
        hilbert,
        np.diag([1e8, 1.0, 1e-8]) + 1e-9 * rng.standard_normal((n, n)),
        1e150 * rng.standard_normal((n, n)),
        1e-150 * rng.standard_normal((n, n)),
    ]
    if np.dtype(dtype) == np.float32:
        found[-2:] = [1e15 * found[0], 1e-15 * found[0]]
    return [(a.astype(dtype), rng.standard_normal(n).astype(dtype)) for a in found]
