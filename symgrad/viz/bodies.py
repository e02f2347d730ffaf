"""What loops and branches do, in one line of plain text, for boxes of a picture."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.ir.code import Code
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr
from symgrad.ir.region import Region, regions
from symgrad.ops.called import called
from symgrad.ops.item import ITEM
from symgrad.ops.loop import ABSENT, BLOCKS, BRANCH, LOOP, Parts
from symgrad.viz.formula import write

__all__ = ["in_short", "kind"]

_WIDEST = 40  # characters of what a value is made of; of more, the name of the op


def kind(node: Expr) -> str:
    """``scan``, ``while``, ``cond``, ``checkpoint``: what a person calls a loop or branch."""
    if node.op is LOOP:
        return "while" if node.attrs["test"] is not None else "scan"
    return "cond" if node.op is BRANCH else node.op.name


def in_short(node: Expr, args: Sequence[Code]) -> str:
    """The carries of a loop and what they become, or what a branch chooses between.

    Examples
    --------
    >>> import symgrad as sg
    >>> x, a = sg.input("x", ("T",)), sg.input("a", ())
    >>> total, _ = sg.scan(lambda s, v: (a * s + v, None), 0.0, x)
    >>> in_short(total.args[0], [Code("0"), Code("x"), Code("a")])
    's = a * s + x[t]'
    >>> y = sg.cond(a > 0, sg.sin, sg.cos, a)
    >>> in_short(y.args[0], [Code("a > 0"), Code("a")])
    'if a > 0: sin(a) else cos(a)'
    """
    if node.op is LOOP:
        return _loop(node, args)
    lead = args[:1] if node.op is BRANCH else ()
    sides = []
    for _, region in regions(node):
        shown = [out for out in region.outputs if out.op is not ABSENT][:2]
        known = dict(zip(region.parameters, args[len(lead) :], strict=True))
        sides.append(", ".join([text.text for text in _texts(shown, known)]) or "...")
    return f"if {lead[0].text}: {sides[0]} else {sides[1]}" if lead else sides[0]


def _loop(node: Expr, args: Sequence[Code]) -> str:
    parts = Parts.of(node)
    n, m = len(parts.carry), len(parts.carry) + len(parts.x)
    known = {c: Code(str(c.attrs["name"])) for c in parts.carry}
    known |= {
        x: Code(f"{code.text}[t]" if code.text.isidentifier() else str(x.attrs["name"]))
        for x, code in zip(parts.x, args[n:m], strict=True)
    }
    known |= dict(zip(parts.const, args[m:], strict=True))
    body: Region = node.attrs["body"]
    shown = list(body.outputs[:n] or body.outputs)
    names = [known[c].text for c in parts.carry] or [called(out) for out in shown]
    made = [
        f"{name} = {text.text}"
        for name, text in zip(names, _texts(shown, known), strict=True)
        if text.text != name
    ]
    return "; ".join(made[:3]) + ("; ..." if len(made) > 3 else "")


def _texts(outputs: Sequence[Expr], known: dict[Expr, Code]) -> list[Code]:
    """Values of a body, written with the names of what it is given."""
    texts = dict(known)
    for node in topological(outputs):
        if node in texts:
            continue
        args = [texts[arg] for arg in node.args]
        if node.op in BLOCKS:
            texts[node] = Code(kind(node))
        elif node.op is ITEM and node.args[0].op in BLOCKS:
            texts[node] = Code(f"{kind(node.args[0])}(...)")
        else:
            texts[node] = write(node, args, alone=False)
        if len(texts[node].text) > _WIDEST and node not in set(outputs):
            texts[node] = Code(
                node.name.rpartition(".")[2] if node.name else f"{called(node)}(...)"
            )
    return [texts[out] for out in outputs]
