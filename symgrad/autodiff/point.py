"""A point at which a graph can be evaluated: values for its leaves, in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, NonFiniteError, ShapeError
from symgrad.ir.checks import Check
from symgrad.ir.dtypes import is_inexact
from symgrad.ir.graph import rebuild, substitute, topological
from symgrad.ir.node import LITERAL, Expr, identity, literal, make
from symgrad.ir.size import Size
from symgrad.ops.draws import Draw
from symgrad.ops.index import index_bounds
from symgrad.ops.labels import bounded
from symgrad.ops.leaf import TRAINING

__all__ = ["draw_point", "in_double"]

Array = np.ndarray[Any, Any]

DOUBLE = np.dtype(np.float64)
SCALE = 0.5
INTEGERS = 3  # integers that index nothing are below this


def in_double(
    outputs: Sequence[Expr], leaves: Sequence[Expr]
) -> tuple[list[Expr], dict[Expr, Expr]]:
    """The same expressions in double precision, and what each of their leaves became."""
    mapping: dict[Expr, Expr] = {}

    def visit(node: Expr, args: tuple[Expr, ...]) -> Expr:
        if node.op is LITERAL and _narrow(node.dtype):
            array = node.attrs["value"].array
            return literal(array, _widened(node.dtype), node.attrs.get("name"))
        attrs = dict(node.attrs)
        if _narrow(attrs.get("dtype")):
            attrs["dtype"] = _widened(attrs["dtype"])
            if node.op.identity:
                attrs.pop("token", None)
                return identity(node.op, attrs, args)
            return make(node.op, args, attrs)
        return rebuild(node, args)

    new = substitute([*outputs, *leaves], mapping, visit)
    return new[: len(outputs)], mapping


def _narrow(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and is_inexact(dtype) and dtype != _widened(dtype)


def _widened(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.promote_types(dtype, DOUBLE)


def draw_point(
    outputs: Sequence[Expr],
    given: Mapping[Expr, Any],
    rng: np.random.Generator,
    evaluate: Callable[[Sequence[Expr], Mapping[Expr, Any]], Sequence[Array]],
    leaves: Sequence[Expr] = (),
) -> dict[Expr, Array]:
    """Values for `leaves` and all leaves below `outputs`: those given, the others drawn.

    Floats are normal; if the outputs are not finite there (a logarithm of a negative number),
    then positive. Integers are within the bounds of the axes that they index; random draws are
    drawn once.

    Raises
    ------
    ShapeError
        If no small sizes satisfy what the graph demands of them.
    NonFiniteError
        If the outputs are finite at none of the points tried.
    """
    nodes = topological([*outputs, *leaves])
    found = [n for n in nodes if n.op is TRAINING or n.op.identity]
    sizes = _sizes(found, given, [check for n in nodes for check in n.checks])
    bounds = _bounds(nodes, sizes)
    floats: tuple[Callable[[tuple[int, ...]], Any], ...] = (
        lambda shape: SCALE * rng.standard_normal(shape),
        lambda shape: rng.uniform(0.2, 0.8, shape),
        lambda shape: rng.uniform(1.2, 1.8, shape),
    )
    for draw in floats:
        env: dict[Expr, Array] = {}
        for leaf in found:
            shape = tuple([_value(size, sizes) for size in leaf.shape])
            if leaf in given:
                env[leaf] = np.array(given[leaf], leaf.dtype)
            elif leaf.op is TRAINING:
                env[leaf] = np.array(True)
            elif isinstance(leaf.op, Draw):
                env[leaf] = leaf.op.sample(leaf, rng, shape).astype(leaf.dtype)
            elif leaf.dtype.kind == "f":
                env[leaf] = np.asarray(draw(shape))
            elif leaf.dtype.kind == "b":
                env[leaf] = np.asarray(rng.random(shape) < 0.5)
            else:
                high = bounds.get(leaf, INTEGERS)
                env[leaf] = np.asarray(rng.integers(0, max(high, 1), shape), leaf.dtype)
        if all(np.isfinite(value).all() for value in evaluate(outputs, env)):
            return env
        if all(leaf in given or leaf.dtype.kind != "f" for leaf in found):
            raise NonFiniteError("the outputs are not finite at the given point")
    raise NonFiniteError("the outputs are finite at no point that was drawn: give one")


def _bounds(nodes: Sequence[Expr], sizes: Mapping[str, int]) -> dict[Expr, int]:
    """The least size of the axes that an integer expression indexes, for each that does.

    A leaf below an index array has the bound of that array: right where it is only reshaped.
    """
    found: dict[Expr, int] = {}
    for node in nodes:
        for index, size in index_bounds(node) if "index" in node.attrs else bounded(node):
            bound = _value(size, sizes)
            for part in topological([index]):
                if part.op.identity:
                    found[part] = min(found.get(part, bound), bound)
    return found


def _sizes(
    leaves: Sequence[Expr], given: Mapping[Expr, Any], checks: Sequence[Check]
) -> dict[str, int]:
    """Small values for the symbols of the leaves' shapes: all different, unless they must not be.

    Sizes of what is given are read from it.
    """
    fixed: dict[str, int] = {}
    names: dict[str, None] = {}
    for leaf in leaves:
        shape = np.shape(given[leaf]) if leaf in given else leaf.shape
        if len(shape) != leaf.ndim:
            raise ShapeError(f"{leaf!r} was given a value of shape {shape}")
        for declared, actual in zip(leaf.shape, shape, strict=True):
            if isinstance(declared, int):
                if declared != actual:
                    raise ShapeError(f"{leaf!r} was given a value of shape {shape}")
                continue
            names.update(dict.fromkeys(declared.symbols))
            if isinstance(actual, int) and declared.symbols == (str(declared),):
                fixed[str(declared)] = actual
    free = [name for name in names if name not in fixed]
    for start in (3, 5, 8, 16):
        sizes = {**fixed, **{name: start + i for i, name in enumerate(free)}}
        if _satisfied(sizes, set(free), checks):
            return sizes
    raise ShapeError(
        f"no small values were found for the sizes {', '.join(free)} that satisfy all of: "
        + "; ".join(sorted({f"{c.left} {c.relation} {c.right}" for c in checks}))
        + ". Give a point"
    )


def _satisfied(sizes: dict[str, int], free: set[str], checks: Sequence[Check]) -> bool:
    """Whether `sizes` pass, after free ones were set equal where a check asks for it."""
    for _ in range(len(free) + 1):
        wrong = [check for check in checks if not holds(check, sizes)]
        if not wrong:
            return True
        for check in wrong:
            for symbol, value in ((check.left, check.right), (check.right, check.left)):
                if check.relation == "==" and str(symbol) in free and not holds(check, sizes):
                    sizes[str(symbol)] = _value(value, sizes)
    return False


def holds(check: Check, sizes: Mapping[str, int]) -> bool:
    """Whether a check passes where the symbols have these values."""
    left, right = _value(check.left, sizes), _value(check.right, sizes)
    if check.relation == "==":
        return left == right
    if check.relation == "<=":
        return left <= right
    raise DeclarationError(f"unknown relation {check.relation}")


def _value(size: Size, sizes: Mapping[str, int]) -> int:
    return size if isinstance(size, int) else size.evaluate(sizes)
