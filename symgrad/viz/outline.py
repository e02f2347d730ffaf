"""What of a graph a person wants to see: names, scopes, direction, and which nodes stand alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from symgrad.ir.code import Code
from symgrad.ir.graph import Graph, users
from symgrad.ir.node import LITERAL, Expr
from symgrad.ir.op import Op
from symgrad.ir.region import regions
from symgrad.plan.names import given_name, is_backward, scope_of

__all__ = ["Outline", "is_constant", "printable", "target"]

#: (node, its arguments as text, whether it stands alone) -> its text
Writer = Callable[[Expr, list[Code], bool], Code]
#: a node that stands alone and its number, if it has no name -> what it is called elsewhere
Reference = Callable[[Expr, int | None], Code]

_REPEATED = 20  # characters of an inexpensive expression that may be written at each use


def printable(text: str, width: int = 40) -> str:
    """User text without control characters and lone surrogates, and not too long."""
    if len(text) > width:
        text = f"{text[: width - 13]}...{text[-10:]}"
    return "".join([c if c.isprintable() else c.encode("unicode_escape").decode() for c in text])


def is_constant(node: Expr) -> bool:
    """Whether a node is a literal too large to be written where it is used."""
    return node.op is LITERAL and node.attrs["value"].array.size > 4


def target(graph: Graph, node: Expr) -> tuple[str, Expr] | None:
    """For a cotangent ("d") or a tangent ("t"): the kind, and the node that it belongs to."""
    origin = graph.origin(node)
    if origin is None or origin.role is None or "name" in node.attrs:
        return None
    return origin.role  # type: ignore[return-value]


class Outline:
    """A graph with a name, a scope and a direction for its nodes.

    Passes give an origin only to what replaces something of the user's. The parts between are
    placed here: in the scope of their users, and in the backward pass if all of these are.

    Attributes
    ----------
    order : list of Expr
        All nodes, arguments first.
    index : dict of Expr to int
        Places in `order`.
    names : dict of Expr to str
        Unique: the second ``h`` is ``h_2``.
    labels : dict of Expr to list of str
        The outputs that a node is.
    backward : set of Expr
    scopes : dict of Expr to str
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.order = graph.nodes()
        self.index = {node: i for i, node in enumerate(self.order)}
        self.users = users(self.order)
        self.labels: dict[Expr, list[str]] = {}
        for label, node in graph.outputs.items():
            self.labels.setdefault(node, []).append(label)
        self.backward: set[Expr] = set()
        self.scopes: dict[Expr, str] = {}
        self._place()
        self.names = self._named()

    def _place(self) -> None:
        for node in reversed(self.order):
            above = self.users[node]
            scope = scope_of(self.graph, node)
            if scope is None:
                scope = _common([self.scopes[user] for user in above])
            self.scopes[node] = scope
            unplaced = self.graph.origin(node) is None and above and node not in self.labels
            inside = [n for _, region in regions(node) for n in region.outputs]
            if any([is_backward(self.graph, n) for n in (node, *inside)]) or (
                unplaced and all([user in self.backward for user in above])
            ):
                self.backward.add(node)

    def _named(self) -> dict[Expr, str]:
        names: dict[Expr, str] = {}
        taken: set[str] = set()
        counts: dict[str, int] = {}
        forward = [n for n in self.order if target(self.graph, n) is None]
        adjoint = [n for n in self.order if target(self.graph, n) is not None]
        for node in [*forward, *adjoint]:
            name = self._wanted(node, names)
            if name is None:
                continue
            unique = name
            while unique in taken:
                counts[name] = counts.get(name, 1) + 1
                unique = f"{name}_{counts[name]}"
            taken.add(unique)
            names[node] = unique
        return names

    def _wanted(self, node: Expr, names: dict[Expr, str]) -> str | None:
        role = target(self.graph, node)
        if role is not None and role[1] in names:
            kind, below = role
            again = target(self.graph, below) is not None  # dd_x rather than d_d_x
            return f"{kind}{names[below]}" if again else f"{kind}_{names[below]}"
        name = given_name(self.graph, node)
        if name is None and node in self.labels:
            name = self.labels[node][0]
            name = f"d_{name[2:]}" if name.startswith("d.") else name
        return name

    def local(self, node: Expr, scope: str) -> str | None:
        """The name inside `scope`, where ``scope.W`` is ``W`` and ``d_scope.W`` is ``d_W``."""
        name = self.names.get(node)
        if name is None or not scope:
            return name
        head, _, tail = name.rpartition(f"{scope}.")
        return f"{head}{tail}" if head.strip("dt") in ("", "_") and tail else name

    def heads(
        self, write: Writer, refer: Reference, limit: int, apart: Collection[Op] = ()
    ) -> dict[Expr, str]:
        """The nodes that stand alone, in order, each with the text of its right-hand side.

        These are leaves, outputs, what the user named, what is used more than once, and as
        many others as keep each text within `limit`. A leaf has no text.
        """
        alone = {node for node in self.order if node.op in apart or self._stands_alone(node)}
        self._write(write, refer, limit, alone, apart)
        return self._write(write, refer, limit, alone, apart)  # with the numbers that follow

    def _stands_alone(self, node: Expr) -> bool:
        return node in self.labels or node in self.names or is_constant(node)

    def _worth_a_name(self, node: Expr, text: Code) -> bool:
        """Whether a node that the user did not name is used more than once, and not trivial."""
        if not node.args or len(set(self.users[node])) < 2:
            return False
        return node.op.flops(node) > 0 or len(text.text) > _REPEATED

    def _write(
        self,
        write: Writer,
        refer: Reference,
        limit: int,
        alone: set[Expr],
        apart: Collection[Op],
    ) -> dict[Expr, str]:
        texts: dict[Expr, Code] = {}
        found: dict[Expr, str] = {}
        numbers: dict[Expr, int] = {}

        def stand(node: Expr) -> None:
            alone.add(node)
            if node not in self.names and node.op not in apart:
                numbers[node] = len(numbers) + 1
            texts[node] = refer(node, numbers.get(node))

        for node in self.order:
            while True:
                text = write(node, [texts[arg] for arg in node.args], node in alone)
                inner = {arg for arg in node.args if arg.args and arg not in alone}
                excess = len(text.text) - limit
                if excess <= 0 or not inner:
                    break
                for arg in sorted(inner, key=lambda a: (-len(texts[a].text), self.index[a])):
                    found[arg] = texts[arg].text
                    stand(arg)
                    excess -= len(found[arg]) - len(texts[arg].text)
                    if excess <= 0:
                        break
            texts[node] = text
            part = any([arg.op in apart for arg in node.args])
            if node in alone or (not part and self._worth_a_name(node, text)):
                found[node] = "" if node.op.identity and not node.args else text.text
                stand(node)
        return {node: found[node] for node in self.order if node in found}


def _common(scopes: Sequence[str]) -> str:
    """The innermost scope that holds all of them."""
    if not scopes:
        return ""
    common = scopes[0].split(".")
    for scope in scopes[1:]:
        parts = scope.split(".")
        n = 0
        while n < min(len(common), len(parts)) and common[n] == parts[n]:
            n += 1
        common = common[:n]
    return ".".join(common)
