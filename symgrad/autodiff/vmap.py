"""``vmap``: a function declared for one example, applied to a whole batch without a loop."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from symgrad.autodiff.batching import batch_outputs
from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir import provenance
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr, as_expr, identity
from symgrad.ir.op import function
from symgrad.ir.size import Size
from symgrad.ops.leaf import INPUT
from symgrad.ops.shape import broadcast_to, moveaxis, normalize_axis

__all__ = ["vmap"]


@function
def vmap(fn: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """`fn`, declared for one example, as a function of a batch of them.

    `fn` is called once, on expressions without the batch axis. What it uses from outside is
    shared by all examples.

    Parameters
    ----------
    fn : callable
        Of nested tuples, lists and dicts of expressions; it returns such a structure.
    in_axes : int, None, or a structure of them
        The axis of each argument that runs over the batch; None for an argument that all
        examples share. A structure may stop early: what it gives holds for all that is below.
    out_axes : int, None, or a structure of them
        Where each result has its batch axis; None for what is the same for all examples.

    Returns
    -------
    callable
        Takes as many positional arguments as `fn`.

    Raises
    ------
    DeclarationError
        If nothing is mapped, an axis is out of range, structures do not fit, an op cannot be
        batched, or `fn` draws random numbers (whose meaning would be unclear).
    ShapeError
        If the batch axes of two arguments have different sizes.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> A = sg.input("A", (3, 3))
    >>> quadratic = sg.vmap(lambda v, M: v @ M @ v, in_axes=(0, None))
    >>> quadratic(x, A).shape
    (Dim('B'),)
    """
    if not callable(fn):
        raise DeclarationError(f"vmap expects a function; got {type(fn).__name__}")

    @functools.wraps(fn)
    def mapped(*args: Any) -> Any:
        axes = in_axes
        if isinstance(axes, (tuple, list)):
            axes = tuple(axes)
            if len(axes) != len(args):
                raise DeclarationError(
                    f"vmap: in_axes has {len(axes)} entries for {len(args)} arguments"
                )
        leaves = [as_expr(leaf) for leaf in _leaves(args)]
        leaf_axes = _spread(axes, args, "in_axes")
        batched: dict[Expr, Expr] = {}
        shared: set[Expr] = set()
        examples: list[Expr] = []
        with provenance.quiet():
            for leaf, axis in zip(leaves, leaf_axes, strict=True):
                if axis is None:
                    shared.add(leaf)
                    examples.append(leaf)
                else:
                    front = moveaxis(leaf, normalize_axis(axis, leaf.ndim, "vmap: in_axes"), 0)
                    example = _example(leaf, front)
                    batched[example] = front
                    examples.append(example)
        if not batched:
            raise DeclarationError("vmap: no argument is mapped; at least one needs an axis")
        size = _batch_size(batched)
        result = fn(*_refill(args, iter(examples)))
        outputs = [as_expr(leaf) for leaf in _leaves(result)]
        _refuse_draws(outputs, shared)
        new = [
            _placed(out, flag, axis, size)
            for (out, flag), axis in zip(
                batch_outputs(outputs, batched), _spread(out_axes, result, "out_axes"), strict=True
            )
        ]
        return _refill(result, iter(new))

    return mapped


def _example(leaf: Expr, front: Expr) -> Expr:
    """A stand-in for one example of `leaf`."""
    name = leaf.name or "example"
    return identity(INPUT, {"name": name, "shape": front.shape[1:], "dtype": front.dtype})


def _batch_size(batched: dict[Expr, Expr]) -> Size:
    """The batch's size: a static one, if there is one.

    Where sizes may be equal, the ops in which they meet check it at entry.
    """
    sizes = [front.shape[0] for front in batched.values()]
    static = [size for size in sizes if isinstance(size, int)]
    for size in static[1:]:
        if size != static[0]:
            shapes = ", ".join(f"{e.name}: {f.shape[0]}" for e, f in batched.items())
            raise ShapeError(f"vmap: the batch axes have different sizes ({shapes})")
    return static[0] if static else sizes[0]


def _refuse_draws(outputs: list[Expr], shared: set[Expr]) -> None:
    """One draw for all examples, or one for each? The user must say."""
    for node in topological(outputs, stop=shared.__contains__):
        if node.op.identity and "name" not in node.attrs and node not in shared:
            where = f", declared at {node.location}" if node.location else ""
            raise DeclarationError(
                f"vmap: the function uses a random draw ({node.op.name}{where}); draw it outside "
                "and pass it as an argument: with a batch axis for one draw for each example, "
                "with None in in_axes for one that all share"
            )


def _placed(out: Expr, is_batched: bool, axis: int | None, size: Size) -> Expr:
    """A result with its batch axis where `out_axes` wants it."""
    with provenance.quiet():
        if axis is None:
            if is_batched:
                raise DeclarationError(
                    f"vmap: out_axes is None for a result that differs between examples ({out!r})"
                )
            return out
        if not is_batched:
            out = broadcast_to(out, (size, *out.shape))
        return moveaxis(out, 0, normalize_axis(axis, out.ndim, "vmap: out_axes"))


# ---- structures: nested tuples, lists and dicts; None is an empty one


def _children(tree: Any) -> list[Any] | None:
    """The parts of a structure in order, or None for a leaf."""
    if tree is None:
        return []
    if isinstance(tree, (tuple, list)):
        return list(tree)
    if isinstance(tree, dict):
        return list(tree.values())
    return None


def _leaves(tree: Any) -> Iterator[Any]:
    parts = _children(tree)
    if parts is None:
        yield tree
    else:
        for part in parts:
            yield from _leaves(part)


def _refill(tree: Any, values: Iterator[Any]) -> Any:
    """The structure with other leaves, taken from `values` in order."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {key: _refill(part, values) for key, part in tree.items()}
    if isinstance(tree, (tuple, list)):
        parts = [_refill(part, values) for part in tree]
        if hasattr(tree, "_fields"):  # a named tuple
            return type(tree)(*parts)
        return type(tree)(parts)
    return next(values)


def _spread(prefix: Any, tree: Any, what: str) -> list[int | None]:
    """An axis for each leaf of `tree`; `prefix` may stop above the leaves."""
    if prefix is None or (isinstance(prefix, int) and not isinstance(prefix, bool)):
        return [prefix for _ in _leaves(tree)]
    parts = _children(tree)
    axes = None
    if isinstance(prefix, dict) and isinstance(tree, dict) and prefix.keys() == tree.keys():
        axes = [prefix[key] for key in tree]
    elif isinstance(prefix, (tuple, list)) and isinstance(tree, (tuple, list)):
        axes = list(prefix)
    if parts is None or axes is None or len(axes) != len(parts):
        raise DeclarationError(
            f"vmap: {what} must be an int, None, or a structure of them that fits the values; "
            f"{prefix!r} does not fit {tree!r}"
        )
    return [a for axis, part in zip(axes, parts, strict=True) for a in _spread(axis, part, what)]
