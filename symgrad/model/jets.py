"""Value, gradient and Hessian of expressions of a few arguments, as expressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symgrad.autodiff.forward import pushforward
from symgrad.autodiff.reverse import cotangents
from symgrad.autodiff.vmap import vmap
from symgrad.errors import DTypeError
from symgrad.ir import provenance
from symgrad.ir.dtypes import is_float
from symgrad.ir.node import Expr, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.model.grad import stabilised, zero

__all__ = ["Jet", "Part", "jet_of"]


@dataclass(frozen=True)
class Part:
    """One output: its components (all scalars, or one array) and the shape that they fill."""

    components: tuple[Expr, ...]
    shape: tuple[int, ...]

    @property
    def whole(self) -> bool:
        """Whether it is one array, rather than scalars to be stacked."""
        return len(self.components) == 1 and self.components[0].shape == self.shape


@dataclass(frozen=True)
class Jet:
    """Inputs, and for each value: the value, its gradient, its Hessian, as far as asked for."""

    inputs: tuple[Expr, ...]
    parts: tuple[Part, ...]


def jet_of(inputs: Sequence[Expr], values: Sequence[Expr], order: int, name: str) -> Jet:
    """The derivatives of `values` with respect to all elements of `inputs`.

    Scalars of scalars are differentiated in reverse mode, entry by entry, the Hessian above its
    diagonal alone; what is an array, or is made of arrays, by products with unit vectors.

    Raises
    ------
    DTypeError
        For the derivative of a condition.
    """
    parts: list[Part] = []
    with provenance.quiet():
        for value in values:
            if order and not is_float(value.dtype):
                raise DTypeError(f"{name}: a condition has no derivative; use derivatives=0")
            parts.append(Part((value,), _static(value)))
            if not order:
                continue
            if not value.shape and not any(x.shape for x in inputs):
                parts += _of_scalars(inputs, value, order)
            else:
                parts += _of_arrays(inputs, value, order)
    return Jet(tuple(inputs), tuple(parts))


def _static(value: Expr) -> tuple[int, ...]:
    return tuple(int(n) for n in value.shape)


def _reverse(value: Expr, inputs: Sequence[Expr]) -> list[Expr]:
    found = cotangents([value], [literal(1, value.dtype)], list(inputs))
    return [zero(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


def _of_scalars(inputs: Sequence[Expr], value: Expr, order: int) -> list[Part]:
    n = len(inputs)
    gradient = _reverse(stabilised([value], inputs)[0], inputs)
    parts = [Part(tuple(gradient), (n,))]
    if order == 2:
        rows: list[list[Expr]] = []
        for i, slope in enumerate(stabilised(gradient, inputs)):
            above = [rows[j][i] for j in range(i)]  # it is symmetric
            rows.append(above + _reverse(slope, inputs[i:]))
        parts.append(Part(tuple(entry for row in rows for entry in row), (n, n)))
    return parts


def _of_arrays(inputs: Sequence[Expr], value: Expr, order: int) -> list[Part]:
    first = _jacobian(inputs, value)
    parts = [Part((first,), _static(first))]
    if order == 2:
        second = _jacobian(inputs, first)
        swapped = FUNCTIONS["swapaxes"](second, -1, -2)
        half = FUNCTIONS["multiply"](FUNCTIONS["add"](second, swapped), 0.5)
        parts.append(Part((half,), _static(half)))
    return parts


def _jacobian(inputs: Sequence[Expr], value: Expr) -> Expr:
    """Of shape value.shape + (n,): forwards where there are fewer inputs than values."""
    sizes = [int(np.prod(_static(x))) for x in inputs]
    n, m = sum(sizes), int(np.prod(_static(value)))
    y = stabilised([value], inputs)[0]
    reshape, concatenate = FUNCTIONS["reshape"], FUNCTIONS["concatenate"]
    if n == 0:
        empty: Expr = FUNCTIONS["zeros"]((*value.shape, 0), dtype=value.dtype)
        return empty

    def pulled(seed: Expr) -> Expr:
        found = cotangents([y], [seed], list(inputs))
        flat = [
            reshape(zero(x) if g is None else g, (size,))
            for x, g, size in zip(inputs, found, sizes, strict=True)
        ]
        return concatenate(flat)  # type: ignore[no-any-return]

    def pushed(direction: Expr) -> Expr:
        starts = np.cumsum([0, *sizes[:-1]])
        seeds = [
            reshape(direction[int(a) : int(a) + size], x.shape)
            for x, a, size in zip(inputs, starts, sizes, strict=True)
        ]
        (tangent,) = pushforward([y], list(inputs), seeds)
        return zero(y) if tangent is None else tangent

    if not value.shape:
        return pulled(literal(1, value.dtype))
    if m < n:
        units = np.eye(m, dtype=value.dtype).reshape(m, *_static(value))
        rows = vmap(pulled)(units)
        return reshape(rows, (*value.shape, n))  # type: ignore[no-any-return]
    if all(not x.shape for x in inputs):  # one direction after the other: most of each is zero
        columns = [pushed(literal(unit)) for unit in np.eye(n, dtype=value.dtype)]
        return FUNCTIONS["stack"](columns, axis=-1)  # type: ignore[no-any-return]
    return vmap(pushed, 0, -1)(np.eye(n, dtype=value.dtype))  # type: ignore[no-any-return]
