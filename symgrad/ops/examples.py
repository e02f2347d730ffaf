"""Examples of functions that NumPy has under the same name: its own is the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.op import FUNCTIONS, Example

__all__ = ["joined", "like_numpy", "parts"]

Shape = tuple[int, ...]


def like_numpy(name: str, shapes: tuple[Shape, ...], *args: Any, **kwargs: Any) -> Example:
    """The function against NumPy's of that name, called in the same way."""
    fields = {key: kwargs.pop(key) for key in ("dtypes", "domain") if key in kwargs}
    reference = getattr(np, name)
    return Example(
        lambda *xs: FUNCTIONS[name](*xs, *args, **kwargs),
        lambda *xs: reference(*xs, *args, **kwargs),
        shapes,
        **fields,
    )


def parts(name: str, shapes: tuple[Shape, ...], *args: Any, **kwargs: Any) -> Example:
    """A function that gives several arrays, as one: side by side, each with its own weight."""
    reference = getattr(np, name)
    return Example(
        lambda x: FUNCTIONS["concatenate"](
            [FUNCTIONS["reshape"](p, (-1,)) * (i + 1.0)
             for i, p in enumerate(FUNCTIONS[name](x, *args, **kwargs))]
        ),
        lambda x: np.concatenate(
            [p.ravel() * (i + 1.0) for i, p in enumerate(reference(x, *args, **kwargs))],
            dtype=x.dtype,
        ),
        shapes,
    )  # fmt: skip


def joined(name: str, *shapes: Shape) -> Example:
    """A function of a list of arrays."""
    reference = getattr(np, name)
    return Example(lambda *xs: FUNCTIONS[name](xs), lambda *xs: reference(xs), shapes)
