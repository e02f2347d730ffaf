"""Identifiers for the source: the user's names where there are any, made safe."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from symgrad.ir.graph import Graph
from symgrad.ir.node import Expr
from symgrad.ops.called import RESERVED, slope_name
from symgrad.plan.names import given_name

__all__ = ["Namer", "safe"]

_LONGEST = 40


def safe(name: str) -> str:
    """An identifier that reads like `name`, whatever the user typed; never code.

    Examples
    --------
    >>> safe("hidden.W"), safe("x; import os"), safe("lambda"), safe("größe"), safe("")
    ('hidden_W', 'x_import_os', 'lambda_', 'größe', 'v')
    """
    # Python reads identifiers in this form: two names that look different must be different
    name = unicodedata.normalize("NFKC", name)
    text = re.sub(r"\W+", "_", name).strip("_") or "v"
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rstrip("_")
    if not text.isidentifier():
        text = f"v_{text}"
    if not text.isidentifier():  # digits of scripts that identifiers do not take
        text = re.sub(r"[^0-9A-Za-z_]", "_", text)
    if text in RESERVED:
        text += "_"
    return text


class Namer:
    """Gives each node a name of its own, in the order in which it is asked."""

    def __init__(self, graph: Graph, reserved: Iterable[str]) -> None:
        self.graph = graph
        self.taken = set(reserved)
        self.names: dict[Expr, str] = {}
        self._next: dict[str, int] = {}
        #: names that are not the user's
        self.generic: set[str] = set()
        self._users: dict[Expr, str] | None = None

    def fresh(self, base: str) -> str:
        """`base`, or `base_2`, `base_3`, ... where that is taken."""
        name = base
        while name in self.taken:
            count = self._next.get(base, 1) + 1
            self._next[base] = count
            name = f"{base}_{count}"
        self.taken.add(name)
        return name

    def name(self, node: Expr) -> str:
        """The name of a node that has a statement of its own."""
        found = self.names.get(node)
        if found is None:
            given = given_name(self.graph, node)
            base = safe(given) if given is not None else self._described(node)
            found = self.names[node] = self.fresh(base)
        return found

    def _described(self, node: Expr) -> str:
        """A name for what the user left without one: ``z_max``, ``rows``, or ``t``."""
        return self._generic(safe(self.description(node) or _PLAIN.get(node.op.name, "t")))

    def description(self, node: Expr) -> str | None:
        """What a value is called after those that it is made of, or for; None if after nothing."""
        if node.op.name == "item":
            return node.args[0].op.part_name(node.args[0], node.attrs["part"])
        slope = slope_name(node, self._known)
        if slope is not None or len(node.args) != 1:
            return slope
        known = self.names.get(node.args[0])
        if known is None or known in self.generic or len(known) > 12:
            return None
        user = self._named_user(node) if node.op.name == "getitem" else None
        return f"{re.sub(r'_[0-9]+$', '', known)}_{user or _ending(node)}"

    def _named_user(self, node: Expr) -> str | None:
        """What a part of an array is there for: ``z_i`` where ``i = sigmoid(z[:, :4])``."""
        if self._users is None:
            self._users = {}
            for user in self.graph.nodes():
                if user.op.elementwise and len(user.args) == 1:
                    name = given_name(self.graph, user)
                    if name and "." not in name:
                        self._users.setdefault(user.args[0], name)
        return self._users.get(node)

    def _known(self, node: Expr) -> str | None:
        return self.names.get(node) or given_name(self.graph, node)

    def _generic(self, base: str) -> str:
        """Note a name that the user did not give, so that no other is made of it."""
        name = base
        count = self._next.get(base, 1)
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self._next[base] = count
        self.generic.add(name)
        return name


def _ending(node: Expr) -> str:
    """How a name ends that is made of the argument's: ``z_max``, ``x_0`` for ``x[0]``."""
    index = node.attrs.get("index", ())
    if index and all(part[0] == "at" and isinstance(part[1], int) for part in index):
        return "_".join(str(part[1]) for part in index)
    return _SHORT.get(node.op.name, node.op.name)


_SHORT = {
    "transpose": "T",
    "definite_factor": "factor",
    "astype": "cast",
    "negative": "neg",
    "getitem": "part",
}
#: names for results of ops on what has no name itself
_PLAIN = {
    "arange": "rows",
    "equal": "mask",
    "exp": "exps",
    "greater": "mask",
    "keyed_draw": "noise",
    "greater_equal": "mask",
    "less": "mask",
    "less_equal": "mask",
    "max": "largest",
    "min": "least",
    "mean": "average",
    "not_equal": "mask",
    "sqrt": "root",
    "standard_normal": "noise",
    "standard_uniform": "noise",
    "sum": "total",
}
