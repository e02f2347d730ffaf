"""What the losses take: checks of shapes, dtypes and numbers, and how results are reduced."""

from __future__ import annotations

import math
from typing import Any

import symgrad as sg

__all__ = [
    "at_labels",
    "floating",
    "integers",
    "like",
    "number",
    "of_examples",
    "pair",
    "require_broadcast",
    "require_shape",
    "spread",
    "text",
]


def text(shape: tuple[Any, ...]) -> str:
    """A shape as it is written in messages."""
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def floating(owner: str, name: str, value: Any) -> sg.Expr:
    """An argument that is differentiated, which must be floating."""
    x = sg.as_expr(value)
    if x.dtype.kind != "f":
        raise sg.DTypeError(f"{owner}: expected {name} to be floating; got {x.dtype}")
    return x


def integers(owner: str, name: str, value: Any, shape: tuple[Any, ...]) -> sg.Expr:
    """Labels: integers of a shape."""
    x = sg.as_expr(value)
    if x.dtype.kind not in "iu":
        raise sg.DTypeError(f"{owner}: expected {name} to be integers; got {x.dtype}")
    require_shape(owner, name, x, shape)
    return x


def require_shape(owner: str, name: str, x: sg.Expr, shape: tuple[Any, ...]) -> None:
    """Refuse a shape that is another one, or that would only broadcast."""
    fits = x.ndim == len(shape)
    if fits:
        try:
            fits = _widened(sg.broadcast_shapes(x.shape, shape), shape) is None
            fits = fits and _widened(shape, x.shape) is None
        except sg.ShapeError:
            fits = False
    if not fits:
        raise sg.ShapeError(f"{owner}: expected {name} of shape {text(shape)}; got {text(x.shape)}")


def _widened(wide: tuple[Any, ...], shape: tuple[Any, ...]) -> int | None:
    """An axis of 1 in `shape` that is not 1 in `wide`: it was, or would be, broadcast."""
    for axis, (a, b) in enumerate(zip(wide, shape, strict=True)):
        if isinstance(b, int) and b == 1 and not (isinstance(a, int) and a == 1):
            return axis
    return None


def pair(owner: str, names: tuple[str, str], y: Any, t: Any) -> tuple[sg.Expr, sg.Expr]:
    """A prediction and its target: of one shape (a number fits all), in the prediction's dtype."""
    first = floating(owner, names[0], y)
    return first, like(owner, names[1], t, first)


def like(owner: str, name: str, value: Any, x: sg.Expr) -> sg.Expr:
    """Data of the shape of `x`, in its dtype; a Python number fits every shape."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = sg.full((), value, dtype=x.dtype)
    other = sg.as_expr(value)
    if other.ndim:
        require_shape(owner, name, other, x.shape)
    return other if other.dtype == x.dtype else other.astype(x.dtype)


def spread(
    owner: str, names: tuple[str, ...], x: Any, parameters: tuple[Any, ...]
) -> list[sg.Expr]:
    """Data and parameters of its distribution, which must broadcast to the shape of the data.

    Data that is not floating, or no expression, takes the parameters' dtype; Python numbers take
    that of what they meet.
    """
    given = [
        None if isinstance(p, (int, float)) else floating(owner, name, p)
        for name, p in zip(names[1:], parameters, strict=True)
    ]
    data = sg.as_expr(x)
    dtypes = [p.dtype for p in given if p is not None]
    if data.dtype.kind != "f" or (dtypes and not isinstance(x, sg.Expr)):
        data = data.astype(sg.result_type(*dtypes) if dtypes else "float64")
    made = [data]
    for name, p, number in zip(names[1:], given, parameters, strict=True):
        if p is None:
            p = sg.as_expr(data.dtype.type(number))
        require_broadcast(owner, name, p.shape, data.shape)
        made.append(p)
    return made


def require_broadcast(
    owner: str, name: str, shape: tuple[Any, ...], wanted: tuple[Any, ...]
) -> None:
    """Refuse a shape whose broadcast with another is larger than that one."""
    try:
        whole = sg.broadcast_shapes(shape, wanted)
        fits = len(whole) == len(wanted) and _widened(whole, wanted) is None
    except sg.ShapeError:
        fits = False
    if not fits:
        raise sg.ShapeError(
            f"{owner}: expected {name} to broadcast to {text(wanted)}; got {text(shape)}"
        )


def number(
    owner: str,
    name: str,
    value: Any,
    low: float,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """A Python number within bounds, which are included unless they are open."""
    good = not isinstance(value, bool) and isinstance(value, (int, float))
    if good:
        good = (low < value if open_low else low <= value) and value < math.inf
        good = good and (value < high if open_high else value <= high)
    if not good:
        left = f"{low:g} {'<' if open_low else '<='} "
        right = "" if high == math.inf else f" {'<' if open_high else '<='} {high:g}"
        left = f"finite {name} >{'' if open_low else '='} {low:g}" if not right else left + name
        raise sg.DeclarationError(f"{owner}: expected {left}{right}; got {value!r}")
    return float(value)


def at_labels(values: sg.Expr, labels: sg.Expr) -> sg.Expr:
    """The element along the last axis that each label says."""
    index: list[Any] = []
    for axis, size in enumerate(values.shape[:-1]):
        place = sg.arange(size)
        index.append(place.reshape((-1,) + (1,) * (labels.ndim - 1 - axis)))
    return values[(*index, labels)]


def of_examples(values: sg.Expr, how: str) -> sg.Expr:
    """One number per example: the mean or the sum over all axes but the first."""
    axes = tuple(range(1, values.ndim))
    if not axes:
        return values
    return values.mean(axis=axes) if how == "mean" else values.sum(axis=axes)
