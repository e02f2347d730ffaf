"""Batching: one more axis, in front, is pushed through a graph by each op's own rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symgrad.errors import DeclarationError
from symgrad.ir import provenance
from symgrad.ir.graph import rebuild, topological
from symgrad.ir.node import Expr
from symgrad.ir.op import Op
from symgrad.ops.item import ITEM

__all__ = ["batch_outputs"]


def batch_outputs(outputs: Sequence[Expr], batched: Mapping[Expr, Expr]) -> list[tuple[Expr, bool]]:
    """Outputs computed for a whole batch at once, and whether they depend on it at all.

    What does not depend on a batched expression is left as it is, and shared by all examples:
    parameters, states, constants, and draws that take nothing of the batch.

    Parameters
    ----------
    outputs : sequence of Expr
        As declared for one example.
    batched : mapping of Expr to Expr
        Expressions below `outputs`, each with the one that takes its place: of the same shape
        but for one more axis in front, the batch. Nothing below them is looked at.

    Returns
    -------
    list of (Expr, bool)
        True where the result has the batch in front; False where it has the shape of the
        output itself.

    Raises
    ------
    DeclarationError
        For an op that has no batching rule and is no composition of ops that have one.
    """
    found = {node: (replacement, True) for node, replacement in batched.items()}
    with provenance.quiet():
        return _push(outputs, found)


def _push(outputs: Sequence[Expr], found: dict[Expr, tuple[Expr, bool]]) -> list[tuple[Expr, bool]]:
    """Batch `outputs`; `found` holds what is batched already, and is extended in place."""
    for node in topological(outputs, stop=found.__contains__):
        if node in found:
            continue
        below = [found[arg] for arg in node.args]
        if not any([is_batched for _, is_batched in below]):
            # a result that all examples share may be one of a batched loop
            args = tuple([new for new, _ in below])
            same = all([a is b for a, b in zip(args, node.args, strict=True)])
            found[node] = (node if same else rebuild(node, args), False)
        elif node.op is ITEM:
            found[node] = node.args[0].op.batched_item(below[0][0], node)
        elif type(node.op).batch is not Op.batch:
            new = node.op.batch(
                node, tuple([new for new, _ in below]), tuple([flag for _, flag in below])
            )
            if new.origin is None and not new.closed:
                new.origin = node.origin  # it computes what the user declared there
            found[node] = (new, True)
        elif node.op.composite:
            # its parts may reuse the node's own arguments, which are in `found`
            found[node] = _push([node.op.lower(node)], found)[0]
        else:
            where = f", declared at {node.location}" if node.location else ""
            raise DeclarationError(
                f"{node.op.name} cannot be batched ({node.aval}{where}): it has no batching rule; "
                "declare it on the whole batch, outside the function given to vmap"
            )
    return [found[output] for output in outputs]
