"""A diagram as DOT text: forward down, gradients up beside it, scopes as frames."""

from __future__ import annotations

import html
from collections.abc import Iterator

from symgrad.ir.size import Size
from symgrad.ops.loop import plain_trips
from symgrad.viz.diagram import Arrow, Box, Diagram
from symgrad.viz.outline import printable

__all__ = ["dot_text"]

_INK = "#2d3748"
_RED = "#b83227"
_GREY = "#6b7686"

#: kind -> meaning in the legend, and the attributes of its boxes
_STYLES: dict[str, tuple[str, dict[str, str]]] = {
    "input": ("input", {"shape": "ellipse", "fillcolor": "#d3e5f7", "color": "#2b6cb0"}),
    "param": ("parameter", {"shape": "cylinder", "fillcolor": "#d5efd0", "color": "#2f7d4f"}),
    "state": ("state", {"shape": "cylinder", "fillcolor": "#e3dcf3", "color": "#6b46c1"}),
    "constant": ("constant", {"shape": "note", "fillcolor": "#ececec", "color": "#6b7280"}),
    "value": ("value", {"shape": "box", "fillcolor": "#ffffff", "color": _INK}),
    "output": ("output", {"shape": "box", "fillcolor": "#ffffff", "color": _INK,
                          "peripheries": "2"}),
    "loss": ("loss", {"shape": "octagon", "fillcolor": "#ffe19a", "color": "#a8690c",
                      "penwidth": "2"}),
    "adjoint": ("cotangent", {"shape": "box", "fillcolor": "#fdf0ee", "color": _RED}),
    "gradient": ("gradient", {"shape": "box", "fillcolor": "#f6c6bf", "color": _RED,
                              "penwidth": "2.2"}),
    "group": ("folded", {"shape": "folder", "fillcolor": "#f4f5f7", "color": _INK}),
}  # fmt: skip
_LONG = 26  # characters of a formula that go on a line of their own
_ROUNDED = ("value", "adjoint", "output")


def dot_text(diagram: Diagram, legend: bool) -> str:
    """The text of a directed graph in the DOT language."""
    lines = [
        "digraph symgrad {",
        '  graph [rankdir=TB, newrank=true, compound=true, fontname="Helvetica", fontsize=12,'
        ' nodesep=0.3, ranksep=0.35, bgcolor="white", labelloc=b];',
        '  node [fontname="Helvetica", fontsize=12, style=filled, margin="0.12,0.06",'
        " height=0.3, width=0.4];",
        '  edge [fontname="Helvetica", fontsize=9, arrowsize=0.7];',
    ]
    if legend:
        lines.append(f"  label=<{_legend(diagram)}>;")
    lines += _clusters(diagram.boxes)
    # dot places a box below what points to it. Written from head to tail, backward arrows put
    # the gradient of a value beside it, so that gradients flow up where values flow down.
    for arrow in diagram.arrows:
        lines.append(f"  {_arrow(arrow, diagram.boxes)}")
    for tail, head in diagram.seeds():
        lines.append(f'  n{tail} -> n{head} [constraint=false, style=dashed, color="{_RED}"];')
    for i, box in enumerate(diagram.boxes):
        if box.beside is not None and diagram.boxes[box.beside].kind != "group":
            lines.append(f"  n{box.beside} -> n{i} [style=invis, minlen=0, weight=2];")
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    """A DOT string: backslashes and quotes would end it or mean something else."""
    text = html.escape(printable(text, 200), quote=False)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shape(shape: tuple[Size, ...] | None) -> str:
    """``B×64``; nothing for a scalar."""
    return "×".join([printable(plain_trips(str(size)), 24) for size in shape]) if shape else ""


def _clusters(boxes: list[Box]) -> Iterator[str]:
    """Boxes inside the frames of their scopes, which nest as the scopes do."""
    members: dict[str, list[int]] = {}
    children: dict[str, dict[str, None]] = {}
    for i, box in enumerate(boxes):
        members.setdefault(box.scope, []).append(i)
        child = box.scope
        while child:
            parent = child.rpartition(".")[0]
            children.setdefault(parent, {})[child] = None
            child = parent
    count = 0
    stack: list[tuple[str, bool]] = [("", False)]
    depth = 0
    while stack:
        scope, closing = stack.pop()
        if closing:
            depth -= 1
            yield "  " * (depth + 1) + "}"
            continue
        if scope:
            pad = "  " * (depth + 1)
            title = html.escape(printable(scope.rpartition(".")[2]))
            fill = "#f7f8fa" if depth % 2 == 0 else "#eceff3"
            yield f"{pad}subgraph cluster_{count} {{"
            yield (
                f'{pad}  label=<<B>{title}</B>>; labeljust=l; labelloc=t; style="rounded,filled";'
                f' color="#c3cad4"; fillcolor="{fill}"; fontcolor="#56606e";'
            )
            count += 1
            depth += 1
            stack.append((scope, True))
        for i in members.get(scope, ()):
            yield "  " * (depth + 1) + _node(i, boxes[i])
        stack += [(child, False) for child in reversed(children.get(scope, {}))]


def _node(i: int, box: Box) -> str:
    attributes = dict(_STYLES[box.kind][1])
    style = ["filled"]
    if box.kind in _ROUNDED:
        style.append("rounded")
    if box.backward:
        style.append("dashed" if box.kind in ("adjoint", "group") else "solid")
        attributes["color"] = _RED
    attributes["style"] = ",".join(style)
    shown = ", ".join(f'{key}="{value}"' for key, value in attributes.items())
    return f"n{i} [label=<{_label(box)}>, tooltip={_quoted(box.tooltip)}, {shown}];"


def _label(box: Box) -> str:
    title = html.escape(box.title)
    lines = [f"<B>{title}</B>"]
    if box.formula:
        formula = html.escape(box.formula)
        if box.kind == "group":
            lines.append(f'<FONT POINT-SIZE="10">{formula}</FONT>')
        else:
            joint = ":" if box.block else " ="
            lines = [f"<B>{title}</B>{joint} {formula}"]
            if len(box.formula) > _LONG:
                lines = [f"<B>{title}</B>{joint}", formula]
    elif box.kind in ("value", "adjoint"):
        lines = [title]
    elif box.shape:
        lines.append(f'<FONT POINT-SIZE="9">{html.escape(_shape(box.shape))}</FONT>')
    return "<BR/>".join(lines)


def _arrow(arrow: Arrow, boxes: list[Box]) -> str:
    tail, head = boxes[arrow.tail], boxes[arrow.head]
    label = _quoted(f" {_shape(arrow.shape)} ") if arrow.shape else '""'
    if tail.backward and head.backward:
        return (
            f"n{arrow.head} -> n{arrow.tail} [dir=back, label={label}, style=dashed,"
            f' color="{_RED}", fontcolor="{_RED}", penwidth=1.4];'
        )
    if head.backward:
        return (
            f"n{arrow.tail} -> n{arrow.head} [constraint=false, label={label}, style=dotted,"
            f' color="{_GREY}", fontcolor="{_GREY}"];'
        )
    return f'n{arrow.tail} -> n{arrow.head} [label={label}, color="{_INK}", fontcolor="{_INK}"];'


def _legend(diagram: Diagram) -> str:
    """A row of colours with their meaning, of those that occur."""
    cells = []
    kinds = {box.kind for box in diagram.boxes}
    for kind, (meaning, attributes) in _STYLES.items():
        if kind in kinds:
            cells.append(
                f'<TD BGCOLOR="{attributes["fillcolor"]}" COLOR="{attributes["color"]}" BORDER="1"'
                f' STYLE="ROUNDED">{meaning}</TD>'
            )
    cells.append(f'<TD><FONT COLOR="{_INK}">—› value</FONT></TD>')
    if any(box.backward for box in diagram.boxes):
        cells.append(f'<TD><FONT COLOR="{_RED}">- -› gradient</FONT></TD>')
        cells.append(f'<TD><FONT COLOR="{_GREY}">···› value read by the backward pass</FONT></TD>')
    rows = "".join(cells)
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="6" CELLPADDING="3"><TR>{rows}</TR></TABLE>'
    )
