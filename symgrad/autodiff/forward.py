"""Forward mode: tangents are pushed through the graph beside the values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.autodiff.reverse import conform, depends, require_differentiable
from symgrad.errors import ShapeError
from symgrad.ir import provenance
from symgrad.ir.aval import Avals, format_shape
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr
from symgrad.ir.provenance import Origin
from symgrad.ops.gauge import forward_mode
from symgrad.ops.item import ITEM

__all__ = ["pushforward"]


def pushforward(
    outputs: Sequence[Expr], wrt: Sequence[Expr], tangents: Sequence[Expr]
) -> list[Expr | None]:
    """Tangents of `outputs` along `tangents` of `wrt`; None is a structural zero.

    Raises
    ------
    DTypeError
        For integer or boolean `wrt`.
    ShapeError
        For a tangent whose shape is not that of its primal.
    """
    require_differentiable(wrt)
    with provenance.quiet():
        for x, t in zip(wrt, tangents, strict=True):
            if t.shape != x.shape:
                raise ShapeError(
                    f"a tangent of shape {format_shape(t.shape)} for an expression of shape "
                    f"{format_shape(x.shape)}"
                )
        found: dict[Expr, Expr] = {}
        for x, t in zip(wrt, tangents, strict=True):
            found[x] = found[x] + t if x in found else t  # what stands twice moves by the sum
        of_items: dict[Expr, tuple[Expr | None, ...]] = {}
        order = topological(outputs, stop=found.__contains__)
        active = depends(order, wrt)
        for node in order:
            if node not in active or node in found or not node.args:
                continue
            if node.op is ITEM:
                parts = of_items.get(node.args[0])
                tangent = None if parts is None else parts[node.attrs["part"]]
            else:
                below = tuple([found.get(arg) for arg in node.args])
                if all([t is None for t in below]):
                    continue
                made = _jvp(node, below)
                if isinstance(node.aval, Avals):
                    of_items[node] = made
                    continue
                tangent = made
            if tangent is None:
                continue
            tangent = conform(tangent, node)
            if tangent.origin is None and not tangent.closed:
                scope = node.origin.scope if node.origin else ""
                tangent.origin = Origin(scope, role=("t", node))
            found[node] = tangent
        return [found.get(output) for output in outputs]


def _jvp(node: Expr, tangents: tuple[Expr | None, ...]) -> Any:
    if node.op.has_derivative or not node.op.composite:
        return node.op.jvp(node, tangents)
    moving = {arg: t for arg, t in zip(node.args, tangents, strict=True) if t is not None}
    return pushforward([node.op.lower(node)], list(moving), list(moving.values()))[0]


forward_mode[:] = [pushforward]
