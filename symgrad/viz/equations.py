r"""A graph as equations: one for each named value and gradient."""

from __future__ import annotations

from symgrad.ir.code import Code
from symgrad.ir.graph import Graph
from symgrad.ir.node import Expr
from symgrad.viz.outline import Outline, is_constant, target
from symgrad.viz.typeset import ATOM, SYMBOL, name_latex, write

__all__ = ["latex"]

_LIMIT = 400  # characters of a right-hand side, beyond which parts of it get an equation


def latex(graph: Graph) -> str:
    r"""Each named value and gradient as an equation, in an ``aligned`` environment.

    What has no name and is used more than once, or would make an equation too long, is
    :math:`v_1, v_2, \dots`. The cotangent of `x` is :math:`\partial L / \partial x`.

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
    symbols: dict[Expr, Code] = {}
    losses = [node for node, labels in outline.labels.items() if "loss" in labels]
    loss = losses[0] if losses else None

    def refer(node: Expr, number: int | None) -> Code:
        symbols[node] = _symbol(outline, node, number, loss, symbols)
        return symbols[node]

    texts = outline.heads(write, refer, _LIMIT)
    lines = [
        f"{symbols[node].text} &= {text}"
        for node, text in texts.items()
        if text and not is_constant(node)
    ]
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _symbol(
    outline: Outline,
    node: Expr,
    number: int | None,
    loss: Expr | None,
    symbols: dict[Expr, Code],
) -> Code:
    if number is not None:
        return Code(f"v_{{{number}}}", SYMBOL)
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
