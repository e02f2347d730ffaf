"""Numbers that any program can make again, and what a loss and its gradients are at them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import symgrad as sg

Array = np.ndarray[Any, Any]


def table(shape: tuple[int, ...], frequency: float, scale: float = 1.0) -> Array:
    """scale sin(frequency (1 + k)), row by row: as in ``record_torch``."""
    values = [scale * math.sin(frequency * (1 + k)) for k in range(math.prod(shape))]
    return np.array(values).reshape(shape)


def declared(arrays: dict[str, Array], dtype: Any = None, symbolic: bool = True) -> dict[str, Any]:
    """An input for each array; the first axes are symbolic."""
    made = {}
    for name, array in arrays.items():
        shape: tuple[Any, ...] = array.shape
        if symbolic and shape:
            shape = (f"N{shape[0]}", *shape[1:])
        kind = dtype if dtype is not None and array.dtype.kind == "f" else array.dtype
        made[name] = sg.input(name, shape, dtype=kind)
    return made


def evaluated(
    loss: Callable[..., Any],
    arrays: dict[str, Array],
    dtype: Any = None,
    symbolic: bool = True,
    style: str = "fast",
) -> tuple[Array, dict[str, Array]]:
    """The losses, and the gradient of their sum weighted by cosines, for each floating array."""
    made = declared(arrays, dtype, symbolic)
    values = loss(*made.values())
    weights = sg.cos(1.0 + sg.arange(values.size).astype("float64")).reshape(values.shape)
    total = (values * weights.astype(values.dtype)).sum()
    wrt = [x for x in made.values() if x.dtype.kind == "f"]
    f = sg.function(list(made.values()), (values, sg.grad(total, wrt)), style=style)
    given = [np.asarray(a, made[name].dtype) for name, a in arrays.items()]
    found, grads = f(*given)
    return found, {x.name: g for x, g in zip(wrt, grads, strict=True)}
