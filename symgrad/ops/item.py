"""The parts of a node that gives several arrays: a factorisation, a loop."""

from __future__ import annotations

from symgrad.ir.aval import Aval, Avals
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS, Op, register

__all__ = ["ITEM", "item", "items"]


@register
class Item(Op):
    """One of the arrays that a node gives.

    Its derivatives are those of the node: differentiation hands the cotangents of all items to
    the node's own rule at once, and takes their tangents from it.
    """

    name = "item"
    takes_complex = True

    def aval(self, whole: Aval, *, part: int) -> Aval:
        assert isinstance(whole, Avals)
        return whole.parts[part]

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.subscript(args[0], str(node.attrs["part"]))

    def latex(self, node: Expr, *args: str) -> str:
        part = node.args[0].op.part_name(node.args[0], node.attrs["part"]).replace("_", r"\_")
        return rf"{{{args[0]}}}_{{\mathrm{{{part}}}}}"

    def flops(self, node: Expr) -> int:
        return 0


ITEM = OPS["item"]


def item(whole: Expr, index: int) -> Expr:
    """The array of this index of a node that gives several."""
    made = make(ITEM, (whole,), {"part": index})
    if made.origin is not None and made.origin.part is None:
        made.origin.part = index
    return made


def items(whole: Expr) -> tuple[Expr, ...]:
    """All arrays of a node that gives several."""
    assert isinstance(whole.aval, Avals)
    return tuple([item(whole, i) for i in range(len(whole.aval.parts))])
