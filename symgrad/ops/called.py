"""What values are called that have no name of their own: after others that have one."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Callable

from symgrad.ir import provenance
from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS

__all__ = ["RESERVED", "called", "plural", "slope_name"]

#: names that mean something to Python
RESERVED = frozenset({*dir(builtins), *keyword.kwlist, *keyword.softkwlist})


#: op -> what its result is called, where that is not the op's own name
_NOUNS = {
    "add": "total",
    "cos": "cosine",
    "divide": "quotient",
    "equal": "mask",
    "greater": "mask",
    "greater_equal": "mask",
    "less": "mask",
    "less_equal": "mask",
    "matmul": "product",
    "multiply": "product",
    "not_equal": "mask",
    "sin": "sine",
    "subtract": "difference",
}


def slope_name(node: Expr, name_of: Callable[[Expr], str | None]) -> str | None:
    """``h_slope`` for the slope of what is called h: ``tanh_slope(x)`` where h is ``tanh(x)``."""
    base = OPS.get(node.op.name.removesuffix("_slope"))
    if base is None or base is node.op:
        return None
    with provenance.quiet():  # if there is none, none is declared
        twin = make(base, node.args, {})
    name = name_of(twin)
    return f"{name}_slope" if name else None


def called(node: Expr) -> str:
    """The name of a value, without its scope; else one made of an argument's, or of the op's.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> h = sg.tanh(x)
    >>> [called(node) for node in (x, h, sg.cos(x), sg.cos(x) + 1)]
    ['x', 'h', 'x_cos', 'total']
    """
    name = node.name or slope_name(node, lambda twin: twin.name)
    if name is None and node.op.name == "item":
        return node.args[0].op.part_name(node.args[0], node.attrs["part"])
    if name is None and node.op.elementwise and len(node.args) == 1 and node.args[0].name:
        name = f"{called(node.args[0])}_{node.op.name}"
    return (name or _NOUNS.get(node.op.name, node.op.name)).rpartition(".")[2]


def plural(name: str) -> str:
    """The name of the values of all steps: ``hs`` of ``h``, but ``i_all`` of ``i``."""
    if name.endswith("_all"):
        return name
    several = f"{name}s"
    return f"{name}_all" if several in RESERVED or name.endswith("s") else several
