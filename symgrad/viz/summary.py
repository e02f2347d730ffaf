"""The summary: a model as a table of its layers, with their parameters and costs."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.errors import CompileError
from symgrad.ir.aval import format_shape
from symgrad.ir.graph import Graph, users
from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.ir.region import regions
from symgrad.ir.size import Size, product, symbols_in
from symgrad.ops.loop import plain_trips
from symgrad.plan.names import scope_of
from symgrad.viz.outline import Outline, printable
from symgrad.viz.work import evaluated, flops_of, inside

__all__ = ["MODEL", "Layer", "Summary"]

#: the row of what stands in no scope
MODEL = "(model)"

_WIDTH = 99  # characters of a line, at most: a name gives way
_NAME, _SHAPE, _NUMBER, _FORMULA = 24, 22, 16, 26  # of a cell; of a name, at least

Shape = tuple[Size, ...]


@dataclass(frozen=True)
class Layer:
    """A row: what a scope holds beside the scopes within it, or a leaf outside of any scope.

    Attributes
    ----------
    name : str
        The full name, such as ``encoder.hidden``.
    kind : {"input", "parameter", "state", "scope", "model"}
    output : tuple of sizes, or None
        Shape of the last array that leaves the scope; of a leaf, its own.
    dtype : str or None
        Of that array.
    parameters, states : int or Dim
        Numbers in the row's own parameters and states.
    flops : int or Dim
        Of the row's own part of the forward pass.
    """

    name: str
    kind: str
    output: Shape | None
    dtype: str | None
    parameters: Size = 0
    states: Size = 0
    flops: Size = 0


@dataclass(frozen=True)
class Summary:
    """A model as a table; made by ``.summary()``.

    Costs are counted as ``.report()`` counts them, after simplification: of the forward pass those
    of ``evaluate``, of both passes those of ``value_and_grad``. A loop counts its body as often as
    it goes round.

    Attributes
    ----------
    rows : tuple of Layer
        Inputs, parameters and states outside of scopes, scopes in the order of the forward pass,
        and what stands in none.
    parameters, states, parameter_bytes, state_bytes : int or Dim
    flops, total_flops : int or Dim
        Of the forward pass, and of forward and backward pass together.
    sizes : dict of str to int
        The symbolic sizes that were put in.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 64))
    >>> with sg.scope("out"):
    ...     y = x @ sg.param("W", (64, 10))
    >>> summary = sg.compile((y**2).mean()).summary(B=32)
    >>> [(row.name, row.parameters, row.flops) for row in summary.rows]
    [('x', 0, 0), ('out', 640, 40960), ('(model)', 0, 640)]
    """

    rows: tuple[Layer, ...]
    parameters: Size
    states: Size
    parameter_bytes: Size
    state_bytes: Size
    flops: Size
    total_flops: Size
    sizes: dict[str, int]

    @classmethod
    def of(
        cls,
        declared: Graph,
        forward: Graph,
        both: Graph,
        leaves: Sequence[Expr],
        sizes: dict[str, int],
    ) -> Summary:
        """The summary of a compilation.

        Parameters
        ----------
        declared : Graph
            As the user wrote it: it knows scopes and shapes.
        forward, both : Graph
            What became the source of the forward pass, and of forward and backward pass: they know
            the costs.
        leaves : list of Expr
            Inputs, parameters and states.
        sizes : dict of str to int
            Values for symbolic sizes.
        """
        known = set().union(*[symbols_in(n.shape) for n in (*declared.nodes(), *leaves)])
        for name, value in sizes.items():
            if name not in known:
                raise CompileError(
                    f"summary: the model has no size {name!r}; it has {sorted(known)}"
                )
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise CompileError(f"summary: {name} must be a whole number; got {value!r}")
        found = _Scopes(declared)
        costs = _costs(forward, found)
        rows = [_leaf(leaf, sizes) for leaf in leaves if leaf.op.name == "input"]
        outside = [n for n in leaves if n.op.name != "input" and not _home(n)]
        rows += [_leaf(leaf, sizes) for leaf in outside]
        own: dict[str, list[Expr]] = {}
        for leaf in leaves:
            if leaf.op.name != "input" and _home(leaf):
                own.setdefault(_home(leaf), []).append(leaf)
        for scope in found.ordered(own):
            last = found.leaving.get(scope)
            rows.append(
                Layer(
                    scope or MODEL,
                    "scope" if scope else "model",
                    None if last is None else _shape(last, sizes),
                    None if last is None else last.dtype.name,
                    _numbers(own.get(scope, ()), "param", sizes),
                    _numbers(own.get(scope, ()), "state", sizes),
                    evaluated(costs.get(scope, 0), sizes),
                )
            )
        return cls(
            tuple(rows),
            _numbers(leaves, "param", sizes),
            _numbers(leaves, "state", sizes),
            _numbers(leaves, "param", sizes, bytes=True),
            _numbers(leaves, "state", sizes, bytes=True),
            evaluated(sum(costs.values(), start=0), sizes),
            evaluated(sum([flops_of(node) for node in both.nodes()], start=0), sizes),
            dict(sizes),
        )

    # ---- as text

    def _table(self) -> list[list[str]]:
        """Head, rows and total, cell by cell; a column of states if there are any."""
        table = [["layer", "output", "parameters", "states", "FLOPs forward"]]
        for row in self.rows:
            output = "" if row.output is None else plain_trips(format_shape(row.output))
            if row.kind == "input" and row.dtype is not None and not row.dtype.startswith("float"):
                output += f" {row.dtype}"
            table.append(
                [
                    row.name,
                    printable(output, _SHAPE),
                    *self._numbers(row.parameters, row.states, row.flops),
                ]
            )
        total = self._numbers(self.parameters, self.states, self.flops)
        table.append(["total", "", *[cell or "0" for cell in total]])
        if self.states == 0:
            table = [[*line[:3], line[4]] for line in table]
        return table

    @staticmethod
    def _numbers(parameters: Size, states: Size, flops: Size) -> list[str]:
        """Cells of a row; nothing instead of 0."""
        cells = ((parameters, _NUMBER), (states, _NUMBER), (flops, _FORMULA))
        return [_amount(n, width) if n != 0 else "" for n, width in cells]

    def _notes(self) -> list[str]:
        notes = [f"{_amount(self.parameters)} parameters, {_amount(self.parameter_bytes)} bytes"]
        if self.states != 0:
            notes.append(
                f"{_amount(self.states)} values of state, {_amount(self.state_bytes)} bytes"
            )
        if _amount(self.flops, _FORMULA) != _amount(self.flops):  # the table holds a part of it
            notes.append(f"{_amount(self.flops)} FLOPs forward")
        notes.append(f"{_amount(self.total_flops)} FLOPs forward and backward")
        if self.sizes:
            notes.append("with " + ", ".join(f"{k} = {v}" for k, v in self.sizes.items()))
        return notes

    def __str__(self) -> str:
        table = self._table()
        widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
        widths[0] = min(widths[0], max(_NAME, _WIDTH - sum(widths[1:]) - 2 * len(widths[1:])))
        lines = []
        for line in table:
            name = printable(line[0], widths[0])
            cells = [name.ljust(widths[0]), line[1].ljust(widths[1])]
            cells += [cell.rjust(w) for cell, w in zip(line[2:], widths[2:], strict=True)]
            lines.append("  ".join(cells).rstrip())
        notes = [part for note in self._notes() for part in _wrapped(note)]
        return "\n".join([*lines, "", *notes])

    def _repr_html_(self) -> str:
        """How a notebook shows it: a table, and what follows from it."""
        tags = ["th", *["td"] * len(self.rows), "th"]
        body = "".join(
            "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in line) + "</tr>"
            for tag, line in zip(tags, self._table(), strict=True)
        )
        notes = "<br>".join(html.escape(note) for note in self._notes())
        return f"<table>{body}</table><p>{notes}</p>"

    def to_dict(self) -> dict[str, Any]:
        """Numbers, text for symbolic ones, lists and dicts: what JSON can hold."""
        return {
            "rows": [
                {
                    "name": row.name,
                    "kind": row.kind,
                    "output": None if row.output is None else [_plain(n) for n in row.output],
                    "dtype": row.dtype,
                    "parameters": _plain(row.parameters),
                    "states": _plain(row.states),
                    "flops": _plain(row.flops),
                }
                for row in self.rows
            ],
            "parameters": _plain(self.parameters),
            "states": _plain(self.states),
            "parameter_bytes": _plain(self.parameter_bytes),
            "state_bytes": _plain(self.state_bytes),
            "flops": _plain(self.flops),
            "total_flops": _plain(self.total_flops),
            "sizes": dict(self.sizes),
        }


class _Scopes:
    """Where each scope of a declaration begins, and what leaves it.

    Attributes
    ----------
    leaving : dict of str to Expr
        Scope -> the last array that something outside of it uses; "" is the whole model, whose
        loss leaves it.
    """

    def __init__(self, declared: Graph) -> None:
        self._graph = declared
        self._first: dict[str, int] = {}
        self._depth: dict[str, int] = {}
        self.leaving: dict[str, Expr] = {}
        nodes = declared.nodes()
        self._walk(nodes, list(declared.outputs.values()), "", 0, None)
        self.leaving[""] = declared.outputs["loss"]

    def _walk(
        self, nodes: list[Expr], outputs: Sequence[Expr], around: str, depth: int, place: int | None
    ) -> None:
        above = users(nodes)
        scopes = {n: scope_of(self._graph, n) or around for n in nodes}
        results = set(outputs)
        for i, node in enumerate(nodes):
            if not node.args or node.op in (LITERAL, SIZE):
                continue
            at = i if place is None else place
            scope = scopes[node]
            for one in _enclosing(scope):
                self._first.setdefault(one, at)
                leaves = node in results or any(not _within(scopes[u], one) for u in above[node])
                if leaves and depth <= self._depth.get(one, depth):
                    self._leave(one, node, depth)
            for _, region in regions(node):
                self._walk(region.nodes(), region.outputs, scope, depth + 1, at)

    def _leave(self, scope: str, node: Expr, depth: int) -> None:
        """An array leaves a scope; a number does so in silence where an array does."""
        old = self.leaving.get(scope)
        if old is None or node.ndim or not old.ndim or depth < self._depth[scope]:
            self.leaving[scope] = node
        self._depth[scope] = depth

    def holding(self, scope: str) -> str:
        """The innermost scope around a place that has a row."""
        return next((s for s in reversed(_enclosing(scope)) if s in self._first), "")

    def ordered(self, own: Iterable[str]) -> list[str]:
        """The scopes, each before those within it, otherwise as the forward pass meets them."""
        for scope in own:  # whose parameters alone are used, elsewhere
            for one in _enclosing(scope):
                self._first.setdefault(one, len(self._graph))
        named = [s for s in self._first if s]
        named.sort(key=lambda s: [(self._first[p], p) for p in _enclosing(s) if p])
        return [*named, ""] if "" in self._first else named


def _enclosing(scope: str) -> list[str]:
    """``a.b`` -> ``a``, ``a.b``; the root is its own."""
    if not scope:
        return [""]
    parts = scope.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _within(scope: str, outer: str) -> bool:
    return scope == outer or (outer != "" and scope.startswith(f"{outer}."))


def _costs(planned: Graph, found: _Scopes) -> dict[str, Size]:
    """FLOPs by scope."""
    outline = Outline(planned)
    costs: dict[str, Size] = {}
    for node in outline.order:
        for part, flops in inside(node):
            if flops != 0:
                own = None if part is node else scope_of(planned, part)
                scope = found.holding(own or outline.scopes[node])
                costs[scope] = costs.get(scope, 0) + flops
    return costs


def _home(leaf: Expr) -> str:
    """The scope that a parameter's name tells."""
    return leaf.origin.scope if leaf.origin is not None else ""


def _shape(node: Expr, sizes: dict[str, int]) -> Shape:
    return tuple([evaluated(n, sizes) for n in node.shape])


def _leaf(leaf: Expr, sizes: dict[str, int]) -> Layer:
    kind = {"param": "parameter"}.get(leaf.op.name, leaf.op.name)
    count = evaluated(product(leaf.shape), sizes)
    return Layer(
        str(leaf.attrs["name"]),
        kind,
        _shape(leaf, sizes),
        leaf.dtype.name,
        count if kind == "parameter" else 0,
        count if kind == "state" else 0,
    )


def _numbers(leaves: Iterable[Expr], kind: str, sizes: dict[str, int], bytes: bool = False) -> Size:
    counted = [
        product([*leaf.shape, leaf.dtype.itemsize if bytes else 1])
        for leaf in leaves
        if leaf.op.name == kind
    ]
    return evaluated(sum(counted, start=0), sizes)


def _plain(size: Size) -> int | str:
    return size if isinstance(size, int) else plain_trips(str(size))


def _wrapped(note: str) -> list[str]:
    return textwrap.wrap(note, _WIDTH, subsequent_indent="    ", break_long_words=False)


def _amount(size: Size, width: int | None = None) -> str:
    """A number, or a formula: its leading terms, where it is longer than a cell."""
    if isinstance(size, int):
        return f"{size:,}"
    text = plain_trips(str(size))
    if width is None or len(text) <= width:
        return text
    kept = text[: width - 6]
    cut = max(kept.rfind(" + "), kept.rfind(" - "))
    return f"{text[:cut]} + ..." if cut > 0 else f"{text[: width - 3]}..."
