"""Examples of functions that NumPy has under the same name: its own is the oracle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.ir.op import FUNCTIONS, NAMESPACES, Example

__all__ = ["both", "joined", "later", "like_numpy", "parts", "spectral"]

Shape = tuple[int, ...]

#: what an example may be given beside the arguments of the function
FIELDS = ("dtypes", "domain", "away", "smooth")


def like_numpy(name: str, shapes: tuple[Shape, ...], *args: Any, **kwargs: Any) -> Example:
    """The function against NumPy's of that name, called in the same way."""
    fields = {key: kwargs.pop(key) for key in FIELDS if key in kwargs}
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


def spectral(*names: str, real: bool = False) -> tuple[Example, ...]:
    """Transforms of ``np.fft`` against NumPy's: lengths, padding, cropping, axes and norms.

    Those of names that end in 2 or n are called with ``s`` and ``axes``.
    """
    cases: list[tuple[str, tuple[int, ...], dict[str, Any]]] = []
    for name in names:
        if name[-1] not in "2n":
            cases += [
                (name, (6,), {}),
                (name, (5,), {"norm": "ortho"}),
                (name, (3, 4), {"n": 7, "axis": 0, "norm": "forward"}),
                (name, (2, 5), {"n": 4}),
                (name, (4, 3, 2), {"axis": 1, "n": 3}),
            ]
        elif name.endswith("2"):
            cases += [(name, (4, 3), {}), (name, (2, 3, 4), {"s": (4, 5), "norm": "forward"})]
        else:
            cases += [
                (name, (3, 4), {"norm": "ortho"}),
                (name, (4, 3, 2), {"axes": (2, 0)}),
                (name, (3, 4, 5), {"s": (4, 3), "axes": (0, 1)}),
            ]
    return tuple(_transform(name, shape, real, options) for name, shape, options in cases)


def _transform(name: str, shape: Shape, real: bool, options: dict[str, Any]) -> Example:
    reference = getattr(np.fft, name)
    return Example(
        lambda x: NAMESPACES["fft"][name](x, **options),
        lambda x: reference(x, **options),
        (shape,),
        dtypes=("float64" if real or len(shape) == 1 else "complex128",),
    )


def both(name: str, shapes: tuple[Shape, ...], **fields: Any) -> Example:
    """A function that gives two arrays of one shape, as one: the first and three of the second."""
    reference = getattr(np, name)

    def build(*xs: Any) -> Any:
        first, second = FUNCTIONS[name](*xs)
        return first + second * 3

    def combine(*xs: Any) -> Any:
        first, second = reference(*xs)
        return first + second * 3

    return Example(build, combine, shapes, **fields)


def later(name: str, namespace: str = "linalg") -> Callable[..., Any]:
    """The function of this name, which is declared below the examples that call it."""
    return lambda *args, **kwargs: NAMESPACES[namespace][name](*args, **kwargs)
