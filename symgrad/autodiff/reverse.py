"""Reverse mode: a graph of cotangents, differentiable like any other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.errors import DTypeError, ShapeError
from symgrad.ir import provenance
from symgrad.ir.aval import Aval, Avals
from symgrad.ir.dtypes import is_complex, is_inexact
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.provenance import Origin
from symgrad.ops import masking
from symgrad.ops.item import ITEM

__all__ = ["cotangents", "depends", "require_differentiable"]


def require_differentiable(wrt: Sequence[Expr]) -> None:
    """Refuse integers and booleans: they have no gradient, and zero would be a lie.

    Raises
    ------
    DTypeError
    """
    for x in wrt:
        if not is_inexact(x.dtype):
            name = x.name or "an expression"
            where = f", declared at {x.location}" if x.location else ""
            raise DTypeError(
                f"a gradient with respect to {name} ({x.aval}{where}) was asked for, but only "
                "floating values have gradients; use .astype('float64') before, if that is meant"
            )


def depends(order: Sequence[Expr], wrt: Sequence[Expr]) -> set[Expr]:
    """The nodes of `order` through which a derivative with respect to `wrt` can flow."""
    active = set(wrt)
    for node in order:
        if node not in active and _is_smooth(node.aval):
            for arg in node.args:
                if arg in active:
                    active.add(node)
                    break
    return active


def _is_smooth(aval: Aval) -> bool:
    if isinstance(aval, Avals):
        return any([is_inexact(part.dtype) for part in aval.parts])
    return is_inexact(aval.dtype)


def cotangents(
    outputs: Sequence[Expr],
    seeds: Sequence[Expr],
    wrt: Sequence[Expr],
    origins: dict[Expr, Origin] | None = None,
    leaves: bool = False,
) -> list[Expr | None]:
    """Cotangents of `wrt`: the products of `seeds` with the Jacobian of `outputs`.

    Each of `wrt` may be any expression. Where one of them is made of another, each gets the
    whole derivative, as if it had been asked for alone; with `leaves`, each is a leaf, and
    nothing below it is looked at. None is a structural zero.

    The cotangent of a node that stands in the user's program is marked as such, on the new
    node or, if given, in `origins`: its name in the source is ``d_`` and the node's.

    Raises
    ------
    DTypeError
        For integer or boolean `wrt`.
    ShapeError
        For a seed whose shape is not that of its output.
    """
    require_differentiable(wrt)
    with provenance.quiet():
        cut = frozenset(wrt if leaves else ())
        order = topological(outputs, stop=cut.__contains__)
        active = depends(order, wrt)
        found: dict[Expr, list[Expr]] = {}
        for output, seed in zip(outputs, seeds, strict=True):
            if seed.shape != output.shape:
                raise ShapeError(
                    f"a cotangent of shape {seed.shape} for an output of shape {output.shape}"
                )
            if output in active:
                found.setdefault(output, []).append(seed)
        totals: dict[Expr, Expr] = {}
        of_items: dict[Expr, dict[int, Expr]] = {}
        for node in reversed(order):
            ct: Any
            if isinstance(node.aval, Avals):
                by_index = of_items.pop(node, None)
                if by_index is None:
                    continue
                ct = tuple([by_index.get(i) for i in range(len(node.aval.parts))])
            else:
                parts = found.pop(node, None)
                if parts is None:
                    continue
                ct = parts[0]
                for part in parts[1:]:
                    ct = masking.add(ct, part)
                totals[node] = ct
                _mark(ct, node, origins)
                if node in cut:
                    continue
            needs = tuple([arg in active for arg in node.args])
            if not any(needs):
                continue
            if node.op is ITEM:
                of_items.setdefault(node.args[0], {})[node.attrs["part"]] = ct
                continue
            for arg, need, one in zip(node.args, needs, _vjp(node, ct, needs), strict=True):
                if need and one is not None:
                    found.setdefault(arg, []).append(conform(one, arg))
        return [totals.get(x) for x in wrt]


def _vjp(node: Expr, ct: Any, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
    if isinstance(node.aval, Avals):
        return node.op.vjp(node, ct, needs)
    parts = _products(node, ct, needs)
    mask = masking.reached(node, ct)
    if mask is None or parts[0] is None or masking.masked(parts[0]) is not None:
        return parts
    return (masking.select(mask, parts[0]), *parts[1:])


def _products(node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
    if node.op.has_derivative or not node.op.composite:
        return node.op.vjp(node, ct, needs)
    floats = [arg for arg, need in zip(node.args, needs, strict=True) if need]
    parts = cotangents([node.op.lower(node)], [ct], floats, leaves=True)
    found = dict(zip(floats, parts, strict=True))
    # an argument that stands twice has its whole cotangent at its first place
    return [found.pop(arg, None) for arg in node.args]


def conform(ct: Expr, primal: Expr) -> Expr:
    """A cotangent with exactly the dtype and shape of its primal.

    That of a real primal is the real part of what a complex op gives: see `symgrad.ops.complex`.
    """
    if is_complex(ct.dtype) and not is_complex(primal.dtype):
        ct = FUNCTIONS["real"](ct)
    if ct.dtype != primal.dtype:
        ct = FUNCTIONS["astype"](ct, primal.dtype)
    if ct.shape != primal.shape:
        # the same sizes under two names, checked to be equal at entry
        ct = FUNCTIONS["reshape"](ct, primal.shape)
    return ct


def _mark(ct: Expr, node: Expr, origins: dict[Expr, Origin] | None) -> None:
    if ct.closed:
        return
    scope = node.origin.scope if node.origin else ""
    if origins is not None:
        if ct.origin is None or ct.origin.role is not None:
            known = origins.get(ct)
            if known is None or (_is_of_unnamed(known, origins) and _has_name(node, origins)):
                origins[ct] = Origin(scope, role=("d", node))
    elif ct.origin is None:
        ct.origin = Origin(scope, role=("d", node))


def _is_of_unnamed(origin: Origin, origins: dict[Expr, Origin]) -> bool:
    """Whether it says that a value is the cotangent of one that has no name."""
    if origin.role is None or origin.role[0] != "d":
        return False
    return not _has_name(origin.role[1], origins)


def _has_name(node: Any, origins: dict[Expr, Origin]) -> bool:
    origin = origins.get(node)
    return node.name is not None or (origin is not None and origin.name is not None)
