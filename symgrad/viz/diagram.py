"""What a picture shows: boxes, arrows between them, and the scopes that they stand in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from symgrad.ir.code import Code
from symgrad.ir.graph import Graph
from symgrad.ir.node import LITERAL, Expr
from symgrad.ir.size import Size
from symgrad.ops.item import ITEM
from symgrad.ops.loop import BLOCKS, plain_trips
from symgrad.viz.bodies import in_short, kind
from symgrad.viz.formula import symbol, write
from symgrad.viz.outline import Outline, printable, target

__all__ = ["Arrow", "Box", "Diagram", "MOST", "diagram"]

#: more boxes than this nobody reads: scopes are drawn as one box each
MOST = 400
_RUNS = 100  # boxes for what has no scope to be folded into
_WIDTH = 44  # characters of a formula in one box

_LEAVES = {"input": "input", "param": "param", "state": "state", "slot": "state"}


@dataclass
class Box:
    """One shape of the drawing.

    ``kind`` is ``"input"``, ``"param"``, ``"state"``, ``"constant"``, ``"value"``,
    ``"adjoint"``, ``"gradient"`` (an adjoint that is an output), ``"output"``, ``"loss"``
    or ``"group"``.
    """

    title: str
    formula: str
    kind: str
    scope: str
    backward: bool
    shape: tuple[Size, ...] | None
    tooltip: str = ""
    nodes: list[Expr] = field(default_factory=list)
    #: it stands for a loop or branch
    block: bool = False
    #: place of the box that this one holds the cotangent of
    beside: int | None = None


@dataclass(frozen=True)
class Arrow:
    """A value on its way from one box (by place) to another; several, if `shape` is None."""

    tail: int
    head: int
    shape: tuple[Size, ...] | None


@dataclass
class Diagram:
    """Boxes in the order of the walk, and arrows."""

    boxes: list[Box]
    arrows: list[Arrow]

    def seeds(self) -> list[tuple[int, int]]:
        """From the loss to the cotangents that come before all others.

        The cotangent of the loss is one, and simplified away: without these, nothing would
        show where the gradient starts.
        """
        losses = [i for i, box in enumerate(self.boxes) if box.kind == "loss"]
        if len(losses) != 1:
            return []
        later: set[int] = set()
        for arrow in self.arrows:  # in the order of their heads
            tail = self.boxes[arrow.tail]
            if tail.backward and (tail.beside is not None or arrow.tail in later):
                later.add(arrow.head)
        firsts = [
            i for i, box in enumerate(self.boxes) if box.beside is not None and i not in later
        ]
        return [(losses[0], i) for i in firsts if self.boxes[i].beside != losses[0]]


def diagram(graph: Graph, detail: str) -> Diagram:
    """The boxes and arrows of a graph.

    Parameters
    ----------
    graph : Graph
    detail : {"names", "ops"}
        A box for what has a name or is used more than once, with the formula that leads to it;
        or a box for each operation. Where that gives more than `MOST`, scopes are folded.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> y = sg.name(sg.exp(x * 2) + 1, "y")
    >>> [(b.title, b.formula) for b in diagram(Graph({"out": y}), "names").boxes]
    [('x', ''), ('y', 'exp(x * 2) + 1')]
    >>> [(b.title, b.formula) for b in diagram(Graph({"out": y}), "ops").boxes]
    [('x', ''), ('· * 2', ''), ('exp', ''), ('y', '· + 1')]
    """
    outline = Outline(graph)
    formulas = _formulas(outline) if detail == "names" else _operations(outline)
    groups = _groups(outline, list(formulas))
    boxes: list[Box] = []
    place: dict[Expr, int] = {}
    made: dict[str, int] = {}
    number = 0
    for node, formula in formulas.items():
        if detail == "names" and node not in outline.names and node.op not in BLOCKS:
            number += 1
        key = groups.get(node)
        if key is None:
            place[node] = len(boxes)
            boxes.append(_box(outline, node, formula, number, detail))
        else:
            if key not in made:
                made[key] = len(boxes)
                boxes.append(_group(outline, node, key))
            place[node] = made[key]
    for node in outline.order:  # arguments first: what is folded belongs to its user's box
        if node in place:
            boxes[place[node]].nodes.append(node)
    arrows = _arrows(outline, place)
    for node, at in place.items():
        role = target(graph, node)
        if role is not None and boxes[at].kind != "group":
            below = place.get(role[1])
            boxes[at].beside = below if below != at else None
    for box in boxes:
        if box.kind == "group":
            box.formula = _contents(box.nodes)
    return Diagram(boxes, arrows)


def _formulas(outline: Outline) -> dict[Expr, str]:
    def refer(node: Expr, number: int | None) -> Code:
        if number is not None:
            return Code(f"v{number}")
        return Code(printable(outline.local(node, outline.scopes[node]) or ""))

    def text(node: Expr, args: list[Code], alone: bool = True) -> Code:
        if node.op in BLOCKS:
            return Code(in_short(node, args))
        if node.op is ITEM and node.args[0].op in BLOCKS:
            return Code(printable(node.args[0].op.part_name(node.args[0], node.attrs["part"])))
        return write(node, args, alone)

    return outline.heads(text, refer, _WIDTH, BLOCKS)


def _operations(outline: Outline) -> dict[Expr, str]:
    shown = {}
    for node in outline.order:
        small = not node.args and not node.op.identity and _is_small(node)
        if small and node not in outline.labels and node not in outline.names:
            continue
        shown[node] = "" if node.op.identity and not node.args else symbol(node)
    return shown


def _is_small(node: Expr) -> bool:
    return node.op is not LITERAL or node.attrs["value"].array.size <= 4


def _kind(outline: Outline, node: Expr) -> str:
    if node.op.name in _LEAVES:
        return _LEAVES[node.op.name]
    labels = outline.labels.get(node, [])
    if "loss" in labels:
        return "loss"
    if node in outline.backward:
        return "gradient" if labels else "adjoint"
    if labels:
        return "output"
    return "constant" if node.closed and not node.args else "value"


def _box(outline: Outline, node: Expr, formula: str, number: int, detail: str) -> Box:
    scope = outline.scopes[node]
    title = printable(outline.local(node, scope) or (f"v{number}" if detail == "names" else ""))
    block = node.op in BLOCKS
    if block:
        title = kind(node)
    if not title:
        title, formula = formula, ""
    where = _place(node.location)
    about = outline.names.get(node, node.op.name)
    return Box(
        title,
        printable(formula, 2 * _WIDTH),
        _kind(outline, node),
        scope,
        node in outline.backward,
        None if block else node.shape,
        plain_trips(f"{printable(about)} {node.aval}{where}"),
        block=block,
    )


def _place(location: str | None) -> str:
    """The user's file, without its folder, and line."""
    return f", {os.path.basename(location)}" if location else ""


# ---- too many boxes


def _groups(outline: Outline, nodes: list[Expr]) -> dict[Expr, str]:
    """Which boxes are folded into one: the innermost scopes first, then runs of the walk."""
    groups: dict[Expr, str] = {}
    count = len(nodes)
    depth = max((_depth(outline.scopes[node]) for node in nodes), default=0)
    while count > MOST and depth > 0:
        for node in nodes:
            scope = outline.scopes[node]
            if _depth(scope) >= depth:
                path = ".".join(scope.split(".")[:depth])
                groups[node] = f"d {path}" if node in outline.backward else path
        count = len({groups.get(node, str(i)) for i, node in enumerate(nodes)})
        depth -= 1
    if count > MOST:
        rest = [node for node in nodes if node not in groups or depth == 0]
        length = -(-len(rest) // _RUNS)
        for side in (False, True):
            run = [node for node in rest if (node in outline.backward) is side]
            for i, node in enumerate(run):
                groups[node] = f"{'backward' if side else 'forward'} {i // length + 1}"
    return groups


def _depth(scope: str) -> int:
    return len(scope.split(".")) if scope else 0


def _group(outline: Outline, node: Expr, key: str) -> Box:
    scope = outline.scopes[node] if key.removeprefix("d ") in outline.scopes[node] else ""
    parent = ".".join(scope.split(".")[: max(0, _depth(key.removeprefix("d ")) - 1)])
    return Box(printable(key), "", "group", parent, node in outline.backward, None, printable(key))


def _contents(nodes: list[Expr]) -> str:
    leaves = sum(1 for node in nodes if node.op.name == "param")
    parts = [f"{len(nodes) - leaves} values"]
    if leaves:
        parts.append(f"{leaves} parameters")
    return ", ".join(parts)


def _arrows(outline: Outline, place: dict[Expr, int]) -> list[Arrow]:
    """From each box to those whose formula reads it, through what is folded between."""
    reads: dict[Expr, dict[Expr, tuple[Size, ...]]] = {}
    found: dict[tuple[int, int], Arrow] = {}
    for node in outline.order:
        below: dict[Expr, tuple[Size, ...]] = {}
        for arg in node.args:
            if arg in place:  # of what gives several arrays, the one that is read
                below[arg] = node.shape if node.op is ITEM else arg.shape
            else:
                below |= reads[arg]
        if node not in place:
            reads[node] = below
            continue
        head = place[node]
        for arg, shape in below.items():
            tail = place[arg]
            if tail == head:
                continue
            arrow = Arrow(tail, head, shape)
            old = found.setdefault((tail, head), arrow)
            if old.shape != arrow.shape:
                found[tail, head] = Arrow(tail, head, None)
    return list(found.values())
