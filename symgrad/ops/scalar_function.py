"""Functions of one number, as expressions: what is applied to each eigenvalue of a matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir import provenance
from symgrad.ir.graph import rebuild, substitute, topological
from symgrad.ir.node import Expr, as_expr, identity, literal
from symgrad.ops.gauge import forward_mode
from symgrad.ops.leaf import INPUT
from symgrad.ops.shape import broadcast_to

__all__ = ["apply_scalar", "derivative", "function_of", "scalar_function"]

#: ops that only put axes of size 1, or copies, beside those of their argument
_SPREADING = frozenset({"expand_dims", "broadcast_to"})


def _argument(dtype: np.dtype[Any]) -> Expr:
    """What stands for the eigenvalue in the function that a node applies: always the same leaf."""
    token = f"eigenvalue of {dtype.name}"
    return identity(INPUT, {"name": "w", "shape": (), "dtype": dtype, "token": token})


def scalar_function(f: Callable[[Expr], Any], dtype: np.dtype[Any]) -> Expr:
    """A function of one number, as the expression of it.

    Raises
    ------
    DeclarationError
        If it is not made of elementwise operations on its argument and on constants.
    """
    x = _argument(dtype)
    with provenance.quiet():
        body = as_expr(f(x))
    foreign = [
        n for n in topological([body]) if n is not x and not n.closed and not n.op.elementwise
    ]
    leaves = [n for n in topological([body]) if n.op.identity and n is not x]
    if foreign or leaves or body.shape:
        what = (leaves or foreign or [body])[0]
        raise DeclarationError(
            "symmetric_function: expected a function of one number, made of elementwise "
            f"operations on it and on constants; it uses {what!r}"
        )
    return body if body.dtype == dtype else body.astype(dtype)


def apply_scalar(body: Expr, w: Expr) -> Expr:
    """The function of each element of `w`."""
    x = _argument(w.dtype)
    made = substitute([body], {x: w})[0]
    return made if made.shape == w.shape else broadcast_to(made, w.shape)


def derivative(body: Expr) -> Expr:
    """The derivative of a function of one number."""
    x = _argument(body.dtype)
    (found,) = forward_mode[0]([body], [x], [literal(1, body.dtype)])
    return literal(0, body.dtype) if found is None else found


def function_of(y: Expr, w: Expr) -> Expr | None:
    """The function of one number that gives `y` from each element of `w`; None if it is no such.

    `y` may have axes of size 1, or copies, beside those of `w`: it is for the caller to know
    where they are.
    """
    x = _argument(w.dtype)
    found: dict[Expr, Expr] = {w: x}
    for node in topological([y], stop=lambda n: n is w):
        if node is w:
            continue
        if node.closed:
            number = _number(node)
            if number is None:
                return None
            found[node] = number
        elif node.op.name in _SPREADING or (node.op.name == "getitem" and _is_whole(node)):
            found[node] = found[node.args[0]]
        elif node.op.elementwise and not node.op.identity and node.args:
            found[node] = rebuild(node, tuple([found[arg] for arg in node.args]))
        else:
            return None
    return found.get(y)


def _is_whole(node: Expr) -> bool:
    """Whether an index takes everything in order, with new axes between."""
    axes = [part for part in node.attrs["index"] if part[0] != "new"]
    return len(node.args) == 1 and all(
        [
            part[0] == "slice" and part[1:] == (0, size, 1)
            for part, size in zip(axes, node.args[0].shape, strict=True)
        ]
    )


def _number(node: Expr) -> Expr | None:
    """A constant that is one number, without its axes."""
    while node.op.name in _SPREADING:
        node = node.args[0]
    if node.op.name in ("ones", "zeros"):
        return literal(1.0 if node.op.name == "ones" else 0.0, node.dtype)
    if node.op.name == "literal" and node.attrs["value"].array.size == 1:
        return literal(node.attrs["value"].array.reshape(()))
    return node if not node.shape else None
