"""Kinds of nodes that a plan treats apart: what is written in place, filled, a run, a stack."""

from __future__ import annotations

from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.ops.item import ITEM
from symgrad.ops.loop import LOOP

__all__ = ["is_atom", "is_filled", "is_run", "is_stack"]


def is_atom(node: Expr) -> bool:
    """Whether a node is written as it stands: a number, a size, a leaf."""
    return node.op is LITERAL or node.op is SIZE or (node.op.identity and "name" in node.attrs)


def is_run(node: Expr) -> bool:
    """Whether a node is a run of the rows of an array, of which a loop reads one a step."""
    if node.op.name != "getitem" or not node.attrs["index"]:
        return False
    first, *rest = node.attrs["index"]
    full = [("slice", 0, size, 1) for size in node.args[0].shape[1:]]
    return first[0] == "slice" and isinstance(first[1], int) and first[3] == 1 and rest == full


def is_filled(node: Expr) -> bool:
    """Whether a node is an array full of one number, made in one call."""
    return node.op.name in ("zeros", "ones", "full") and node.closed


def is_stack(node: Expr) -> bool:
    """Whether it holds what a loop gave at every step: an array made for it, at each call."""
    if node.op is not ITEM or node.args[0].op is not LOOP:
        return False
    return bool(node.attrs["part"] >= node.args[0].attrs["carries"])
