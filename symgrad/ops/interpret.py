"""The reference interpreter: each node by itself, by the very source that would be emitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from symgrad.ir.aval import Avals
from symgrad.ir.code import Code
from symgrad.ir.graph import topological
from symgrad.ir.imports import imported
from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.ir.size import Size, symbols_in

__all__ = ["evaluate", "evaluate_node", "known_value"]

Array = np.ndarray[Any, Any]


@lru_cache(maxsize=4096)
def _compiled(
    source: str, kernels: tuple[Callable[..., Any], ...], imports: tuple[str, ...]
) -> Callable[..., Any]:
    namespace: dict[str, Any] = {"np": np, **imported(imports)}
    for kernel in kernels:
        # a kernel may call others of its file
        namespace.update(kernel.__globals__)
    exec(source, namespace)
    return namespace["run"]  # type: ignore[no-any-return]


def evaluate_node(node: Expr, args: Sequence[Any], sizes: Mapping[str, int] | None = None) -> Any:
    """The value of one node from those of its arguments: an array, or a tuple of them."""
    sizes = sizes or {}
    if node.op is LITERAL:
        return node.attrs["value"].array
    if node.op is SIZE:
        return np.asarray(node.attrs["size"].evaluate(sizes), node.dtype)
    names = [f"a{i}" for i in range(len(args))]
    codes = [Code(name) for name in names]
    signature = ", ".join([*names, *(f"{s}=None" for s in sizes)])
    if node.op.updates:
        body = f"    out = a0.copy()\n    {node.op.update(node, 'out', *codes)}\n    return out"
    else:
        body = f"    return {node.op.numpy(node, *codes).text}"
    source = f"def run({signature}):\n{body}\n"
    run = _compiled(source, node.op.prelude_of(node), node.op.imports())
    with np.errstate(all="ignore"):
        value = run(*args, **sizes)
    if isinstance(node.aval, Avals):
        return tuple([np.asarray(v, p.dtype) for v, p in zip(value, node.aval.parts, strict=True)])
    return np.asarray(value, node.dtype)


def evaluate(outputs: Sequence[Expr], env: Mapping[Expr, Any]) -> list[Array]:
    """Values of expressions, given those of their leaves: slow, plain, an oracle for tests.

    Sizes are read from the shapes of the leaves in `env`.
    """
    values: dict[Expr, Array] = {}
    sizes: dict[str, int] = {}
    for leaf, value in env.items():
        array = np.asarray(value, leaf.dtype)
        values[leaf] = array
        for declared, actual in zip(leaf.shape, array.shape, strict=True):
            _bind(sizes, declared, actual)
    return _run(outputs, values, sizes)


def known_value(node: Expr) -> Array | None:
    """The value of an expression of constants alone; None if inputs or symbolic sizes are in it."""
    if node.op is LITERAL:
        return node.attrs["value"].array  # type: ignore[no-any-return]
    if not node.closed or not all(isinstance(size, int) for size in node.shape):
        return None
    if any(n.op is SIZE or not _is_static(n) for n in topological([node])):
        return None
    return _run([node], {}, {})[0]


def _is_static(node: Expr) -> bool:
    return node.op.name != "training" and not symbols_in(node.shape, *node.attrs.values())


def _run(
    outputs: Sequence[Expr], values: dict[Expr, Array], sizes: Mapping[str, int]
) -> list[Array]:
    """Values of expressions; `values` holds those that are known, and is extended in place."""
    for node in topological(outputs, stop=values.__contains__):
        if node in values:
            continue
        if node.op.composite:
            values[node] = _run([node.op.lower(node)], values, sizes)[0]
        else:
            values[node] = evaluate_node(node, [values[a] for a in node.args], sizes)
    return [values[out] for out in outputs]


def _bind(sizes: dict[str, int], declared: Size, actual: int) -> None:
    if isinstance(declared, int):
        if declared != actual:
            raise ValueError(f"a size is {actual}, declared {declared}")
        return
    if str(declared) in declared.symbols:
        sizes[str(declared)] = actual
