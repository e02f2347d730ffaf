"""Which programs work on numbers alone, and so are written in Python's own arithmetic."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from symgrad.ir.aval import Avals
from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.ops.item import ITEM
from symgrad.ops.loop import BLOCKS

__all__ = ["PLAIN", "is_number", "is_scalar_program"]

#: op -> its source for Python numbers; the functions that are no part of Python are
#: `symgrad.emit.scalar_kernels`
PLAIN: dict[str, str] = {
    "absolute": "abs({0})",
    "add": "{0} + {1}",
    "arccos": "arccos({0})",
    "arccosh": "arccosh({0})",
    "arcsin": "arcsin({0})",
    "arcsinh": "math.asinh({0})",
    "arctan": "math.atan({0})",
    "arctan2": "math.atan2({0}, {1})",
    "arctanh": "arctanh({0})",
    "cos": "cos({0})",
    "cosh": "cosh({0})",
    "divide": "divide({0}, {1})",
    "equal": "{0} == {1}",
    "erf": "math.erf({0})",
    "erfc": "math.erfc({0})",
    "exp": "exp({0})",
    "exp2": "exp2({0})",
    "expm1": "expm1({0})",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "hypot": "math.hypot({0}, {1})",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "log": "log({0})",
    "log10": "log10({0})",
    "log1p": "log1p({0})",
    "log2": "log2({0})",
    "logical_and": "{0} and {1}",
    "logical_not": "not {0}",
    "logical_or": "{0} or {1}",
    "maximum": "maximum({0}, {1})",
    "minimum": "minimum({0}, {1})",
    "multiply": "{0} * {1}",
    "negative": "-{0}",
    "not_equal": "{0} != {1}",
    "power": "power({0}, {1})",
    "reciprocal": "divide(1.0, {0})",
    "relu": "maximum({0}, 0.0)",
    "sigmoid": "scalar_sigmoid({0})",
    "sigmoid_slope": "scalar_sigmoid_slope({0})",
    "sign": "sign({0})",
    "sin": "sin({0})",
    "sinh": "sinh({0})",
    "softplus": "scalar_softplus({0})",
    "sqrt": "sqrt({0})",
    "stop_gradient": "{0}",
    "subtract": "{0} - {1}",
    "tan": "tan({0})",
    "tanh": "math.tanh({0})",
    "tanh_slope": "scalar_tanh_slope({0})",
    "where": "({1} if {0} else {2})",
}
#: dtypes that Python's numbers are
_DTYPES = (np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.bool_))
#: of the operations of a program, the share at least that Python has itself
_SHARE = 0.5


def is_number(node: Expr) -> bool:
    """Whether it is one number, of a dtype that Python's numbers are."""
    return not isinstance(node.aval, Avals) and not node.shape and node.dtype in _DTYPES


#: operations whose integer result is one of what they are given, or no larger
_BOUNDED = frozenset(
    {"where", "maximum", "minimum", "remainder", "getitem", "item", "stop_gradient"}
)


def _may_wrap(node: Expr) -> bool:
    """Whether it is an integer that could pass 2^63, where NumPy's wrap and Python's grow.

    Counting does not get there.
    """
    if node.dtype.kind != "i" or node.op.name in _BOUNDED:
        return False
    if node.op.name == "astype":
        return node.args[0].dtype.kind == "f"
    counts = node.op.name in ("add", "subtract") and node.args[0].dtype.kind == "i"
    return not (counts and any([arg.op is LITERAL or arg.op is SIZE for arg in node.args]))


def is_scalar_program(order: Iterable[Expr], leaves: Iterable[Expr]) -> bool:
    """Whether all that is computed are numbers, mostly by what Python has itself.

    Parameters
    ----------
    order : iterable of Expr
        The nodes of a function or of a loop's body.
    leaves : iterable of Expr
        What it is given: numbers, or arrays of which elements are taken.
    """
    own = known = 0
    given = set(leaves)
    for node in order:
        if node in given or node.op is SIZE:
            continue
        if node.op is LITERAL:
            if node.shape or node.dtype not in _DTYPES:
                return False
            continue
        if node.op in BLOCKS:
            continue
        if not is_number(node) or _may_wrap(node):
            return False
        if node.op is ITEM:
            if node.args[0].op not in BLOCKS:
                return False
            continue
        if node.op.identity or node.op.updates:
            return False
        if node.op.name in ("square", "astype", "power_series") or node.op.name in PLAIN:
            known += 1
        elif not (node.op.elementwise or node.op.name == "getitem"):
            return False
        own += 1
    return own > 0 and known >= _SHARE * own
