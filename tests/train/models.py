"""Small models and data that the tests of training share."""

from __future__ import annotations

from typing import Any

import numpy as np

import symgrad as sg

Array = np.ndarray[Any, Any]


def blobs(count: int = 96, seed: int = 0) -> dict[str, Array]:
    """Three clouds of points in the plane, with their labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, count)
    centres = np.array([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
    return {"x": centres[y] + 0.5 * rng.standard_normal((count, 2)), "y": y}


def classifier(
    optimizer: Any = None, rate: float = 0.0, size: Any = "B", debug: str | None = None
) -> sg.Model:
    """A network of two layers; with a rate, it drops units at random."""
    x = sg.input("x", (size, 2))
    y = sg.input("y", (size,), dtype="int64")
    with sg.scope("hidden"):
        W = sg.param("W", (2, 8), init=sg.init.glorot_uniform())
        h = sg.tanh(x @ W + sg.param("b", (8,)))
    if rate:
        h = sg.nn.dropout(h, rate)
    with sg.scope("out"):
        z = h @ sg.param("W", (8, 3), init=sg.init.glorot_uniform()) + sg.param("b", (3,))
    loss = -sg.log_softmax(z)[sg.arange(x.shape[0]), y].mean()
    seen = sg.state("seen", ())
    sg.update(seen, seen + 1.0)
    optimizer = sg.optim.Adam(1e-2) if optimizer is None else optimizer
    return sg.compile(loss + 0 * seen, outputs=sg.softmax(z), optimizer=optimizer, debug=debug)


def same(a: dict[str, Array], b: dict[str, Array]) -> bool:
    """Whether two dictionaries hold the same bits."""
    return a.keys() == b.keys() and all(a[k].tobytes() == b[k].tobytes() for k in a)
