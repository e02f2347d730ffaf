"""Structures of expressions: nested tuples, lists and dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from symgrad.emit.literals import quoted
from symgrad.errors import DeclarationError

__all__ = [
    "Tree",
    "flatten",
    "flatten_like",
    "labels",
    "ordered",
    "restored",
    "source",
    "unflatten",
]

#: None for a leaf, else (container type, keys or None, subtrees)
Tree = Any


def flatten(structure: Any) -> tuple[list[Any], Tree]:
    """The leaves of a structure, and the structure without them.

    Examples
    --------
    >>> leaves, tree = flatten({"a": 1, "b": (2, [3])})
    >>> leaves, unflatten(tree, [10, 20, 30])
    ([1, 2, 3], {'a': 10, 'b': (20, [30])})
    """
    if isinstance(structure, dict):
        keys: Any = tuple(structure)
        parts: Sequence[Any] = tuple(structure.values())
    elif isinstance(structure, (list, tuple)):
        keys, parts = None, structure
    else:
        return [structure], None
    leaves: list[Any] = []
    trees = []
    for part in parts:
        below, tree = flatten(part)
        leaves += below
        trees.append(tree)
    return leaves, (type(structure), keys, tuple(trees))


def flatten_like(given: Any, tree: Tree) -> list[Any]:
    """The leaves of `given` down to where `tree` has its own: a list there is an array.

    Raises
    ------
    DeclarationError
        If keys or lengths differ.
    """
    if tree is None:
        return [given]
    _, keys, trees = tree
    if keys is not None:
        if not isinstance(given, dict) or set(given) != set(keys):
            raise DeclarationError(f"expected a dict with the keys {list(keys)}; got {given!r}")
        parts = [given[k] for k in keys]
    else:
        if not isinstance(given, (list, tuple)) or len(given) != len(trees):
            raise DeclarationError(f"expected {len(trees)} items in a list or tuple; got {given!r}")
        parts = list(given)
    leaves: list[Any] = []
    for part, below in zip(parts, trees, strict=True):
        leaves += flatten_like(part, below)
    return leaves


def ordered(structure: Any, tree: Tree) -> Any:
    """The structure with its dicts in the order of `tree`, where they have the same keys.

    Examples
    --------
    >>> ordered({"b": 1, "a": 2}, flatten({"a": 0, "b": 0})[1])
    {'a': 2, 'b': 1}
    """
    if tree is None:
        return structure
    _, keys, trees = tree
    if keys is not None:
        if not isinstance(structure, dict) or set(structure) != set(keys):
            return structure
        return {k: ordered(structure[k], below) for k, below in zip(keys, trees, strict=True)}
    if not isinstance(structure, (list, tuple)) or len(structure) != len(trees):
        return structure
    parts = [ordered(part, below) for part, below in zip(structure, trees, strict=True)]
    if isinstance(structure, list):
        return parts
    return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)


def unflatten(tree: Tree, leaves: Sequence[Any]) -> Any:
    """The structure with new leaves."""
    return _rebuild(tree, iter(leaves))


def _rebuild(tree: Tree, leaves: Iterator[Any]) -> Any:
    if tree is None:
        return next(leaves)
    kind, keys, trees = tree
    parts = [_rebuild(t, leaves) for t in trees]
    if keys is not None:
        return dict(zip(keys, parts, strict=True))
    if issubclass(kind, list):
        return parts
    return kind(*parts) if hasattr(kind, "_fields") else tuple(parts)


def restored(tree: Tree, value: Any) -> Any:
    """What generated source returned, its tuples made the named ones that were declared."""
    return unflatten(tree, flatten(value)[0]) if _is_named(tree) else value


def _is_named(tree: Tree) -> bool:
    return tree is not None and (hasattr(tree[0], "_fields") or any(map(_is_named, tree[2])))


def labels(tree: Tree, prefix: str = "") -> list[str]:
    """A path for each leaf, such as ``0``, ``b.1``, for messages and names."""
    if tree is None:
        return [prefix]
    _, keys, trees = tree
    names = keys if keys is not None else range(len(trees))
    found: list[str] = []
    for name, below in zip(names, trees, strict=True):
        found += labels(below, f"{prefix}.{name}" if prefix else str(name))
    return found


def source(tree: Tree, leaf: Callable[[int], str]) -> str:
    """Python source of the structure; `leaf` gives that of leaf number i."""
    return _source(tree, leaf, iter(range(10**9)))


def _key(key: Any) -> str:
    return quoted(key) if isinstance(key, str) else repr(key)


def _source(tree: Tree, leaf: Callable[[int], str], count: Iterator[int]) -> str:
    if tree is None:
        return leaf(next(count))
    kind, keys, trees = tree
    parts = [_source(t, leaf, count) for t in trees]
    if keys is not None:
        return "{" + ", ".join(f"{_key(k)}: {p}" for k, p in zip(keys, parts, strict=True)) + "}"
    inner = ", ".join(parts)
    if issubclass(kind, list):
        return f"[{inner}]"
    return f"({inner},)" if len(parts) == 1 else f"({inner})"
