r"""A graph as equations: one for each named value and gradient."""

from __future__ import annotations

from symgrad.ir.code import Code
from symgrad.ir.graph import Graph
from symgrad.ir.node import Expr
from symgrad.ops.item import ITEM
from symgrad.ops.loop import BLOCKS
from symgrad.viz.outline import Outline, is_constant, target
from symgrad.viz.recurrences import Recurrences, with_index
from symgrad.viz.typeset import ATOM, SYMBOL, name_latex, write

__all__ = ["latex"]

_LIMIT = 400  # characters of a right-hand side, beyond which parts of it get an equation


def latex(graph: Graph) -> str:
    r"""Each named value and gradient as an equation, in an ``aligned`` environment.

    What has no name and is used more than once, or would make an equation too long, is
    :math:`v_1, v_2, \dots`. The cotangent of `x` is :math:`\partial L / \partial x`. A loop is a
    recurrence of what it carries, a branch has cases.

    Examples
    --------
    >>> import symgrad as sg
    >>> x, w = sg.input("x", ("B", 3)), sg.param("w", (3,))
    >>> h = sg.name(sg.relu(x @ w + 1), "h")
    >>> print(latex(Graph({"out": h})))
    \begin{aligned}
    h &= \operatorname{relu}\left(x \, w + 1\right)
    \end{aligned}
    """
    outline = Outline(graph)
    losses = [node for node, labels in outline.labels.items() if "loss" in labels]
    loss = losses[0] if losses else None
    blocks: Recurrences

    def of_body(body: Outline, known: dict[Expr, Code], letter: str, index: str) -> list[str]:
        return _equations(body, known, letter, index, None, blocks)

    blocks = Recurrences(of_body)
    body = " \\\\\n".join(_equations(outline, {}, "v", "", loss, blocks))
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _equations(
    outline: Outline,
    known: dict[Expr, Code],
    letter: str,
    index: str,
    loss: Expr | None,
    blocks: Recurrences,
) -> list[str]:
    """The equations of a graph, or of a body some of whose values have symbols already."""
    symbols: dict[Expr, Code] = {}
    latest = {target(outline.graph, node): node for node in outline.order}
    for node in outline.order:  # of the parts of a cotangent, their sum bears its name
        role = target(outline.graph, node)
        if role is not None and latest[role] is not node and node not in outline.labels:
            outline.names.pop(node, None)

    def refer(node: Expr, number: int | None) -> Code:
        if node in known:
            symbols[node] = known[node]
        elif node.op in BLOCKS:
            symbols[node] = Code("")
        else:
            code = _symbol(outline, node, letter, number, loss, symbols)
            symbols[node] = with_index(code, index) if index else code
        return symbols[node]

    def typeset(node: Expr, args: list[Code], alone: bool = True) -> Code:
        if node.op in BLOCKS:
            own = {
                item.attrs["part"]: _symbol(outline, item, letter, None, loss, symbols)
                for item in outline.users[node]
                if item in outline.names
            }
            blocks.block(outline.graph, node, args, own)
            return Code("block")
        if node.op is ITEM and node.args[0].op in BLOCKS:
            return blocks.results[node.args[0]][node.attrs["part"]]
        if node.op.name == "getitem" and node.args[0].op is ITEM:
            runs = blocks.runs.get((node.args[0].args[0], node.args[0].attrs["part"]))
            if runs is not None and node.attrs["index"][0][0] == "slice":
                start: int = node.attrs["index"][0][1]
                return runs[start][0]
        return write(node, args, alone)

    texts = outline.heads(typeset, refer, _LIMIT, BLOCKS)
    lines: list[str] = []
    for node, text in texts.items():
        if node.op in BLOCKS:
            lines += blocks.lines[node]
        elif text and not is_constant(node) and text != symbols[node].text:
            lines.append(f"{symbols[node].text} &= {text}")
    return lines


def _symbol(
    outline: Outline,
    node: Expr,
    letter: str,
    number: int | None,
    loss: Expr | None,
    symbols: dict[Expr, Code],
) -> Code:
    if number is not None:
        return Code(f"{letter}_{{{number}}}", SYMBOL)
    if node is loss and outline.names[node] == "loss":
        return Code("L", SYMBOL)
    role = target(outline.graph, node)
    if role is None:
        return Code(name_latex(outline.names[node]), SYMBOL)
    kind, below = role
    if below in symbols:
        inner = symbols[below].text
    else:
        inner = name_latex(outline.names[node].removeprefix(f"{kind}_"))
    if kind == "t":
        return Code(rf"\dot{{{inner}}}", SYMBOL)
    if target(outline.graph, below) is not None:  # the cotangent of a cotangent
        return Code(rf"\overline{{{inner}}}", ATOM)
    above = symbols[loss].text if loss in symbols else "L"
    return Code(rf"\frac{{\partial {above}}}{{\partial {inner}}}", ATOM)
