"""What the losses take: checks of shapes, dtypes and numbers, and how results are reduced."""

from __future__ import annotations

from typing import Any

import numpy as np

import symgrad as sg
from symgrad.options import is_number, require_single

__all__ = [
    "at_labels",
    "cast",
    "expression",
    "floating",
    "integers",
    "like",
    "of_examples",
    "pair",
    "require_broadcast",
    "require_classes",
    "require_shape",
    "spread",
    "text",
    "two_classes",
]


def text(shape: tuple[Any, ...]) -> str:
    """A shape as it is written in messages."""
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def expression(owner: str, name: str, value: Any) -> sg.Expr:
    """An argument that is an expression, an array or a number."""
    require_single(owner, f"{name} to be one array", value, sg.Expr)
    try:
        return sg.as_expr(value)
    except sg.DTypeError as error:
        raise sg.DTypeError(f"{owner}: {name}: {error}") from None


def floating(owner: str, name: str, value: Any) -> sg.Expr:
    """An argument that is differentiated, which must be floating."""
    x = expression(owner, name, value)
    if x.dtype.kind != "f":
        raise sg.DTypeError(f"{owner}: expected {name} to be floating; got {x.dtype}")
    return x


def integers(owner: str, name: str, value: Any, shape: tuple[Any, ...]) -> sg.Expr:
    """Labels: integers of a shape."""
    x = expression(owner, name, value)
    if x.dtype.kind not in "iu":
        raise sg.DTypeError(f"{owner}: expected {name} to be integers; got {x.dtype}")
    require_shape(owner, name, x, shape)
    return x


def require_classes(owner: str, name: str, labels: Any, classes: Any, counted: Any = True) -> None:
    """Refuse labels given as an array that are no classes; an input is checked by the call.

    `counted` says which have to be.
    """
    if isinstance(labels, sg.Expr) or not isinstance(classes, int):
        return
    given = np.asarray(labels)
    if given.dtype.kind in "iu":
        bad = given[counted & ((given < 0) | (given >= classes))]
        if bad.size:
            raise sg.DeclarationError(
                f"{owner}: expected 0 <= {name} < {classes}; got {int(bad[0])}"
            )


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
    if is_number(value):
        value = sg.full((), value, dtype=x.dtype)
    other = expression(owner, name, value)
    if other.ndim:
        require_shape(owner, name, other, x.shape)
    return cast(other, x.dtype)


def two_classes(owner: str, name: str, labels: Any) -> Any:
    """Labels of two classes: integers must be 0 and 1; an input of them is checked by the call.

    Floating ones may be probabilities, and are not looked at.
    """
    require_classes(owner, name, labels, 2)
    given = isinstance(labels, sg.Expr) and labels.dtype.kind in "iu"
    return sg.within(labels, 2) if given else labels


def cast(x: sg.Expr, dtype: Any) -> sg.Expr:
    """An expression in a dtype, itself if it has it."""
    return x if x.dtype == dtype else x.astype(dtype)


def spread(
    owner: str, names: tuple[str, ...], x: Any, parameters: tuple[Any, ...]
) -> list[sg.Expr]:
    """Data and parameters of its distribution, which must broadcast to the shape of the data.

    Expressions keep their dtype, and arrays take theirs; data that is not floating takes that of
    the parameters. Numbers take that of what they meet.
    """
    data = expression(owner, names[0], x)
    given = [
        None if is_number(p) else floating(owner, name, p)
        for name, p in zip(names[1:], parameters, strict=True)
    ]
    declared = [e.dtype for e in (x, *parameters) if isinstance(e, sg.Expr)]
    dtypes = [d for d in declared if d.kind == "f"] or [p.dtype for p in given if p is not None]
    dtypes = dtypes or [data.dtype if data.dtype.kind == "f" else np.dtype("float64")]
    dtype = sg.result_type(*dtypes)
    if data.dtype.kind != "f" or not isinstance(x, sg.Expr):
        data = cast(data, dtype)
    made = [data]
    for name, p, number in zip(names[1:], given, parameters, strict=True):
        if p is None:
            p = sg.as_expr(data.dtype.type(number))
        elif not isinstance(number, sg.Expr):
            p = cast(p, dtype)
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
