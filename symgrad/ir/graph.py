"""A graph: outputs and what hangs below them, walked without recursion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from symgrad.ir import provenance
from symgrad.ir.node import Expr, identity, make
from symgrad.ir.op import OPS, Op
from symgrad.ir.provenance import Origin

__all__ = ["Graph", "flatten", "restore", "substitute", "topological", "users"]


def topological(
    outputs: Iterable[Expr],
    stop: Callable[[Expr], bool] | None = None,
    seen: set[Expr] | None = None,
) -> list[Expr]:
    """Nodes below `outputs`, arguments first, in an order that depends on the graph alone.

    A depth-first walk, first argument first. Below a node for which `stop` is true it does
    not go; nodes in `seen` are left out, and those found are added to it.
    """
    order: list[Expr] = []
    done: set[Expr] = set() if seen is None else seen
    for output in outputs:
        if output in done:
            continue
        stack: list[tuple[Expr, int]] = [(output, 0)]
        done.add(output)
        while stack:
            node, i = stack.pop()
            args = node.args
            if stop is None or not args or not stop(node):
                n = len(args)
                while i < n and args[i] in done:
                    i += 1
                if i < n:
                    stack.append((node, i + 1))
                    done.add(args[i])
                    stack.append((args[i], 0))
                    continue
            order.append(node)
    return order


def users(order: Sequence[Expr]) -> dict[Expr, list[Expr]]:
    """Node -> the nodes of `order` that take it as an argument, once for each time they do."""
    found: dict[Expr, list[Expr]] = {node: [] for node in order}
    for node in order:
        for arg in node.args:
            if arg in found:
                found[arg].append(node)
    return found


def substitute(
    outputs: Sequence[Expr],
    mapping: dict[Expr, Expr],
    visit: Callable[[Expr, tuple[Expr, ...]], Expr] | None = None,
) -> list[Expr]:
    """Outputs with nodes replaced, rebuilt bottom-up; `mapping` is extended in place.

    `visit` makes the new node from the old one and its new arguments.
    """
    for node in topological(outputs, stop=mapping.__contains__):
        if node in mapping:
            continue
        args = tuple([mapping[arg] for arg in node.args])
        if visit is not None:
            mapping[node] = visit(node, args)
        elif all([a is b for a, b in zip(args, node.args, strict=True)]):
            mapping[node] = node
        else:
            mapping[node] = rebuild(node, args)
    return [mapping[out] for out in outputs]


def rebuild(node: Expr, args: tuple[Expr, ...]) -> Expr:
    """The same op and attributes on other arguments."""
    if not node.op.identity:
        return make(node.op, args, node.attrs)
    if all([a is b for a, b in zip(args, node.args, strict=True)]):
        return node
    return identity(node.op, dict(node.attrs), args)


@dataclass
class Graph:
    """Named outputs, and the origins of nodes that passes have made.

    A pass takes a graph and gives a new one. `origins` lives here, not on the nodes, so that
    what one compilation names never shows in another's source.

    Parameters
    ----------
    outputs : dict of str to Expr
        In the order in which they are to be computed, where nothing else decides it.
    origins : dict of Expr to Origin
    """

    outputs: dict[str, Expr]
    origins: dict[Expr, Origin] = field(default_factory=dict)
    _order: list[Expr] | None = field(default=None, init=False, repr=False, compare=False)

    def nodes(self) -> list[Expr]:
        """All nodes, arguments first; not to be changed by the caller."""
        if self._order is None:
            self._order = topological(self.outputs.values())
        return self._order

    def origin(self, node: Expr) -> Origin | None:
        """Where a node comes from: as a pass recorded it, else as the user declared it."""
        return self.origins.get(node) or node.origin

    def leaves(self, kind: str) -> list[Expr]:
        """The nodes of one identity op (``"input"``, ``"param"``, ...), in order of the walk."""
        op = OPS[kind]
        return [node for node in self.nodes() if node.op is op]

    def map(self, visit: Callable[[Expr, tuple[Expr, ...]], Expr]) -> Graph:
        """Rebuild bottom-up; a replaced node hands its origin to its replacement."""
        mapping: dict[Expr, Expr] = {}
        with provenance.quiet():
            new = substitute(list(self.outputs.values()), mapping, visit)
        origins = dict(self.origins)
        for old, made in mapping.items():
            if made is not old:
                inherit(origins, old, made)
        return Graph(dict(zip(self.outputs, new, strict=True)), origins)

    def __len__(self) -> int:
        return len(self.nodes())

    def __str__(self) -> str:
        from symgrad.ir.printer import listing

        return listing(self)

    def __getstate__(self) -> Any:
        outputs = list(self.outputs.values())
        extra = [node for node in self.origins]
        flat = flatten([*outputs, *extra])
        roles = []
        for origin in self.origins.values():
            roles.append((origin.scope, origin.name, origin.__getstate__()[2], None))
        return {"names": list(self.outputs), "flat": flat, "origins": roles}

    def __setstate__(self, state: Any) -> None:
        nodes = restore(state["flat"])
        count = len(state["names"])
        self.outputs = dict(zip(state["names"], nodes[:count], strict=True))
        self._order = None
        self.origins = {}
        for node, fields in zip(nodes[count:], state["origins"], strict=True):
            origin = Origin()
            origin.__setstate__(fields)
            self.origins[node] = origin


def inherit(origins: dict[Expr, Origin], old: Expr, new: Expr) -> None:
    """Hand the origin of a replaced node to its replacement, unless that has one."""
    origin = origins.get(old) or old.origin
    if origin is None or new.closed:
        return
    own = origins.get(new) or new.origin
    # what the user named goes before what has no name
    names = origin.name is not None and not (own and (own.name or new.name))
    # and what the user declared before what differentiation made of it
    declares = own is None or (own.role is not None and origin.role is None)
    if names or (declares and new not in origins):
        origins[new] = origin


Record = tuple[Op, tuple[int, ...], dict[str, Any], Any]
#: records of nodes, the outputs among them, and for states the new values that are among them
Flat = tuple[list[Record], list[int], dict[int, int]]


def flatten(outputs: Sequence[Expr]) -> Flat:
    """A graph as flat records, for pickling: nothing recurses over its depth, or in a circle.

    A state keeps its new value, which is made of the state.
    """
    seen: set[Expr] = set()
    order = topological(outputs, seen=seen)
    new: dict[Expr, Expr] = {}
    for node in order:  # which grows
        cell = node.attrs.get("cell")
        if cell is not None and cell.expression is not None:
            new[node] = cell.expression
            order += topological([cell.expression], seen=seen)
    index = {node: i for i, node in enumerate(order)}
    records: list[Record] = []
    for node in order:
        origin = node.origin
        kept = None
        if origin is not None and (origin.name or origin.code is not None):
            kept = (origin.scope, origin.name, origin.__getstate__()[2], None)
        attrs = node.attrs
        if attrs.get("cell") is not None:
            attrs = attrs | {"cell": type(attrs["cell"])}
        records.append((node.op, tuple([index[a] for a in node.args]), attrs, kept))
    changed = {index[state]: index[value] for state, value in new.items()}
    return records, [index[out] for out in outputs], changed


def restore(flat: Flat) -> tuple[Expr, ...]:
    """The nodes of a flattened graph; those that exist already are found, not made."""
    records, outputs, changed = flat
    nodes: list[Expr] = []
    with provenance.quiet():
        for op, args, attrs, kept in records:
            below = tuple([nodes[i] for i in args])
            if attrs.get("cell") is not None:
                attrs = attrs | {"cell": attrs["cell"]()}
            node = identity(op, attrs, below) if op.identity else make(op, below, attrs)
            if kept is not None and node.origin is None and not node.closed:
                node.origin = Origin()
                node.origin.__setstate__(kept)
            nodes.append(node)
    for state, value in changed.items():
        cell = nodes[state].attrs["cell"]
        if cell.expression is None:
            cell.expression = nodes[value]
    return tuple([nodes[i] for i in outputs])
