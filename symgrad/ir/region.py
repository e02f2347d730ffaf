"""Regions: the closed bodies of loops and branches, graphs of their own in a node's attributes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any

from symgrad.ir import provenance
from symgrad.ir.graph import flatten, rebuild, restore, substitute, topological
from symgrad.ir.node import LITERAL, Expr, LiteralValue, identity, make
from symgrad.ir.op import OPS

__all__ = ["Region", "bound", "close", "everything", "fingerprint", "rebuilt", "regions"]


class Region:
    """Outputs as a function of parameters, and of nothing else.

    Canonical up to renaming: two regions that compute the same of their parameters are equal,
    whatever these are called, so that two equal loops are one node.

    Parameters
    ----------
    parameters : tuple of Expr
        Leaves of the op `bound`.
    outputs : tuple of Expr
        Made of the parameters, numbers, sizes and constants alone.
    """

    __slots__ = ("_hash", "_records", "outputs", "parameters")

    def __init__(self, parameters: Sequence[Expr], outputs: Sequence[Expr]) -> None:
        self.parameters = tuple(parameters)
        self.outputs = tuple(outputs)
        number: dict[Expr, Any] = {}
        records: list[Any] = [tuple([p.aval for p in self.parameters])]
        for i, p in enumerate(self.parameters):
            number.setdefault(p, ("parameter", i))
        for node in self.nodes():
            if node in number:
                continue
            if node.op.identity:
                records.append((node.op.name, node.attrs["token"]))
            else:
                args = tuple([number[a] for a in node.args])
                records.append((node.op.name, args, tuple(node.attrs.items())))
            number[node] = len(records)
        records.append(tuple([number[out] for out in self.outputs]))
        self._records = tuple(records)
        self._hash = hash(self._records)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Region)
            and self._hash == other._hash
            and self._records == other._records
        )

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (flatten((*self.parameters, *self.outputs)), len(self.parameters))

    def nodes(self) -> list[Expr]:
        """What the outputs are made of, arguments first; no parameter that none uses."""
        return topological(self.outputs)

    def on(self, args: Sequence[Expr]) -> list[Expr]:
        """The outputs with arguments in place of the parameters."""
        return substitute(self.outputs, dict(zip(self.parameters, args, strict=True)))

    def __str__(self) -> str:
        from symgrad.ir.printer import short

        names = ", ".join([str(p.attrs["name"]) for p in self.parameters])
        return f"({names}) -> ({', '.join([short(out) for out in self.outputs])})"


def _restored(flat: Any, count: int) -> Region:
    nodes = restore(flat)
    return Region(nodes[:count], nodes[count:])


def bound(name: str, shape: Any, dtype: Any) -> Expr:
    """A parameter of a region: a leaf that nothing else is."""
    return identity(OPS["bound"], {"name": name, "shape": tuple(shape), "dtype": dtype})


def close(
    parameters: Sequence[Expr],
    outputs: Sequence[Expr],
    own: Container[Expr] = (),
    numbers: Container[Expr] = (),
) -> tuple[Region, list[Expr]]:
    """Outputs over parameters as a region, and what they use from outside.

    That becomes further parameters, in the order of the walk. Numbers and sizes stay inside: rules
    see them there; so do arrays full of one, if they are among `numbers`. What else does not depend
    on the parameters is computed outside, once, unless it is the region's `own`.
    """
    dependent = set(parameters)
    for node in topological(outputs):
        if any([arg in dependent for arg in node.args]):
            dependent.add(node)
    captured: dict[Expr, Expr] = {}

    def is_inside(node: Expr) -> bool:
        return node in dependent or node in own

    def capture(node: Expr) -> None:
        if is_inside(node) or node in captured or node.op is LITERAL:
            return
        if (not node.shape or node in numbers) and is_number(node):
            return
        captured[node] = bound(node.name or node.op.name, node.shape, node.dtype)

    # what was there before stays outside, also if it is made of what the body has made again
    for node in topological(outputs, stop=lambda node: not is_inside(node)):
        if is_inside(node):
            for arg in node.args:
                capture(arg)
    for out in outputs:
        capture(out)
    mapping = {p: p for p in parameters} | captured
    with provenance.quiet():
        new = substitute(outputs, mapping)
    keep_origins(mapping)
    return Region((*parameters, *captured.values()), new), list(captured)


_SPREAD = ("broadcast_to", "full", "zeros", "ones", "expand_dims")


def is_number(node: Expr) -> bool:
    """Whether it is a number, made of others and of sizes, perhaps in each element of an array."""
    pending, seen = [node], {node}
    while pending:
        n = pending.pop()
        if n.op.identity or n.op.expensive or n.dtype == object:
            return False
        if n.shape and n.op.name not in _SPREAD:
            return False
        pending += [arg for arg in n.args if arg not in seen]
        seen.update(n.args)
    return True


def keep_origins(mapping: dict[Expr, Expr]) -> None:
    """Rebuilt nodes are declared where the old ones were."""
    for old, new in mapping.items():
        if new is not old and new.origin is None and not new.closed:
            new.origin = old.origin


def regions(node: Expr) -> Iterator[tuple[str, Region]]:
    """The regions of a node, by the attribute that holds them."""
    for key, value in node.attrs.items():
        if isinstance(value, Region):
            yield key, value


def with_regions(node: Expr, change: Callable[[Region], Region]) -> dict[str, Any]:
    """The attributes of a node with its regions changed."""
    return {k: change(v) if isinstance(v, Region) else v for k, v in node.attrs.items()}


def rebuilt(
    node: Expr,
    args: tuple[Expr, ...],
    visit: Callable[[Expr, tuple[Expr, ...]], Expr],
) -> Expr:
    """The node on other arguments, and its regions rebuilt by `visit`."""

    def change(region: Region) -> Region:
        mapping = {p: p for p in region.parameters}
        outputs = substitute(region.outputs, mapping, visit)
        if all([a is b for a, b in zip(outputs, region.outputs, strict=True)]):
            return region
        keep_origins(mapping)
        return Region(region.parameters, outputs)

    if any(True for _ in regions(node)):
        return make(node.op, args, with_regions(node, change))
    same = all([a is b for a, b in zip(args, node.args, strict=True)])
    return node if same else rebuild(node, args)


def everything(outputs: Iterable[Expr], stop: Callable[[Expr], bool] | None = None) -> list[Expr]:
    """All nodes below `outputs`, and those in the regions of each after it, to any depth.

    Below and inside a node for which `stop` is true it does not go.
    """
    found: list[Expr] = []
    seen: set[Expr] = set()
    waiting = [list(outputs)]
    while waiting:
        for node in topological(waiting.pop(), stop, seen):
            found.append(node)
            if stop is not None and stop(node):
                continue
            waiting += [list(region.outputs) for _, region in regions(node)]
    return found


def fingerprint(node: Expr) -> str:
    """A name for a node that no other node has; parameters of regions count by their places."""
    return _fingerprints([node], {})[0]


def _fingerprints(outputs: Sequence[Expr], known: dict[Expr, str]) -> list[str]:
    for n in topological(outputs, stop=known.__contains__):
        if n in known:
            continue
        digest = hashlib.blake2b(n.op.name.encode(), digest_size=16)
        for arg in n.args:
            digest.update(known[arg].encode())
        for key, value in n.attrs.items():
            if key in ("init", "cell"):
                continue
            if isinstance(value, Region):
                places = {p: f"parameter {i}" for i, p in enumerate(value.parameters)}
                value = _fingerprints(value.outputs, places)
            elif isinstance(value, LiteralValue):
                value = value.key
            digest.update(f"{key}={value!r}".encode())
        known[n] = digest.hexdigest()
    return [known[out] for out in outputs]
