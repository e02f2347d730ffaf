"""Shape: views, broadcasts, reductions that merge or cancel."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.graph import rebuild
from symgrad.ir.node import LITERAL, Expr, literal, make
from symgrad.ir.size import Size, product
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import (
    anything,
    broadcast_to,
    concatenate,
    elementwise,
    expand_dims,
    full,
    getitem,
    ones,
    reshape,
    sqrt,
    squeeze,
    stack,
    transpose,
    zeros,
)
from symgrad.rewrite.pattern import sum as sum_
from symgrad.rewrite.rows import is_unit
from symgrad.rewrite.scalars import conform

_REDUCTIONS = ("sum", "prod", "max", "min", "mean", "any", "all", "logsumexp", "logmeanexp")
_ORDERLY = ("reshape", "expand_dims", "squeeze")
_VIEWS = (*_ORDERLY, "transpose", "broadcast_to", "getitem")
#: views whose elements do not lie in order, so that to reshape them copies
_SCATTERED = ("transpose", "broadcast_to", "getitem")
#: what may hold one number many times
_SPREAD = frozenset({"broadcast_to", "full", "zeros", "ones", "literal"})

# ---------------------------------------------------------------- views


@rule(
    "shape",
    lambda x: anything(x),
    only=lambda op, below: op in _VIEWS or op == "astype",
    examples=(
        lambda x: reshape(x, (3, 4)),
        lambda x: x[:, :],
    ),
)
def no_view(x: Expr, node: Expr) -> Expr | None:
    """A reshape, transpose, broadcast, slice or cast that changes nothing -> its argument."""
    if x.aval != node.aval:
        return None
    name = node.op.name
    if name in ("reshape", "expand_dims", "squeeze", "broadcast_to", "astype"):
        return x
    if name == "transpose" and node.attrs["axes"] == tuple(range(x.ndim)):
        return x
    whole = tuple([("slice", 0, size, 1) for size in x.shape])
    return x if name == "getitem" and node.attrs["index"] == whole else None


@rule(
    "shape",
    lambda x, a, b: transpose(transpose(x, axes=a), axes=b),
    examples=(lambda x: x.T.T, lambda x: transpose(transpose(x[None], (1, 2, 0)), (0, 2, 1))),
)
def transpose_of_transpose(x: Expr, a: Any, b: Any) -> Expr:
    """Two transposes -> one."""
    return transpose(x, tuple([a[i] for i in b]))


@rule(
    "shape",
    lambda x: anything(anything(x)),
    only=lambda op, below: op in _ORDERLY,
    examples=(
        lambda x: reshape(reshape(x, (2, 6)), (4, 3)),
        lambda x: reshape(x, (2, 6))[:, None].reshape(3, 4),
        lambda x: reshape(squeeze(expand_dims(x, 1), 1), (12,)),
        lambda x: expand_dims(expand_dims(x, 0), 2),
        lambda x: squeeze(squeeze(x.sum(axis=(0, 1), keepdims=True), 0), 0),
        lambda x: squeeze(expand_dims(x, (0, 1)), 1),
    ),
)
def view_of_view(x: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """Two reshapes, expansions or squeezes -> one, or none; but no second copy beside a first."""
    inner = node.args[0]
    outer_name, inner_name = node.op.name, inner.op.name
    if outer_name not in _ORDERLY or inner_name not in _ORDERLY or run.opaque(inner):
        return None
    if x.shape == node.shape:
        return x
    if inner_name == "reshape" and x.op.name in _SCATTERED and run.uses(inner) > 1:
        return None  # the inner one copies, the outer is a view of the copy
    if outer_name == "reshape":
        return reshape(x, node.shape)
    if outer_name == "expand_dims" and inner_name == "expand_dims":
        outer = node.attrs["axis"]
        old = [axis for axis in range(node.ndim) if axis not in outer]
        return expand_dims(x, tuple(sorted((*outer, *(old[a] for a in inner.attrs["axis"])))))
    if outer_name == "squeeze" and inner_name == "squeeze":
        left = [axis for axis in range(x.ndim) if axis not in inner.attrs["axis"]]
        axes = (*inner.attrs["axis"], *(left[a] for a in node.attrs["axis"]))
        return squeeze(x, tuple(sorted(axes)))
    if outer_name == "squeeze" and inner_name == "expand_dims":
        made, dropped = inner.attrs["axis"], node.attrs["axis"]
        if set(dropped) <= set(made):
            rest = [axis for axis in range(inner.ndim) if axis not in dropped]
            return expand_dims(x, tuple([rest.index(a) for a in made if a not in dropped]))
    if inner_name == "reshape":
        return reshape(x, node.shape)
    return None


@rule(
    "shape",
    lambda x: broadcast_to(broadcast_to(x)),
    examples=(lambda x: broadcast_to(broadcast_to(x[:1], (3, 4)), (2, 3, 4)),),
)
def broadcast_of_broadcast(x: Expr, node: Expr) -> Expr:
    """Two broadcasts -> one."""
    return broadcast_to(x, node.shape)


@rule(
    "shape",
    lambda x: broadcast_to(expand_dims(x)),
    examples=(lambda x: broadcast_to(x[None], (2, 3, 4)),),
)
def broadcast_of_leading_axes(x: Expr, node: Expr) -> Expr | None:
    """Leading axes of one element need not be made before a broadcast."""
    axes = node.args[0].attrs["axis"]
    return broadcast_to(x, node.shape) if axes == tuple(range(len(axes))) else None


@rule(
    "shape",
    lambda x: anything(x),
    only=lambda op, below: op in _VIEWS,
    examples=(
        lambda x: transpose(broadcast_to(x[0, 0], (2, 3))),
        lambda x: reshape(zeros((2, 3)), (6,)) + x[0, 0],
        lambda x: ones((2, 3))[0] * x[0, 0],
        lambda x: full((2, 3), x[0, 0])[1:, None],
        lambda x: x * broadcast_to(literal([2.0]), (3, 4)),
    ),
)
def view_of_constant(x: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """A view of one number everywhere -> that number everywhere, in the view's shape."""
    if node.op.name not in (*_ORDERLY, "transpose", "broadcast_to", "getitem") or run.opaque(x):
        return None
    return _filled_like(x, node)


def _filled_like(x: Expr, node: Expr) -> Expr | None:
    name = x.op.name
    if name in ("zeros", "ones"):
        return (zeros if name == "zeros" else ones)(node.shape, x.dtype)
    if name == "full" or (name == "broadcast_to" and x.args[0].shape == ()):
        return make(x.op, x.args, {**x.attrs, "shape": node.shape})
    scalar = _uniform(x) if node.op.name == "broadcast_to" else None
    return None if scalar is None else conform(scalar, node)


def _uniform(x: Expr) -> Expr | None:
    """The number that a literal array holds everywhere."""
    if x.op is not LITERAL or not x.ndim or "name" in x.attrs:
        return None
    array = x.attrs["value"].array
    same = array.size > 0 and bool(np.all(array == array.flat[0]))
    return literal(array.flat[0], x.dtype) if same else None


@rule(
    "shape",
    lambda x: getitem(x),
    examples=(lambda x: x[:, None], lambda x: x[None, :, :, None]),
)
def new_axes(x: Expr, node: Expr) -> Expr | None:
    """An index that only makes new axes -> expand_dims."""
    index = node.attrs["index"]
    taken = [part for part in index if part[0] != "new"]
    if taken != [("slice", 0, size, 1) for size in x.shape] or len(taken) == len(index):
        return None
    return expand_dims(x, tuple([i for i, part in enumerate(index) if part[0] == "new"]))


# ---------------------------------------------------------------- broadcasting


def unbroadcast(arg: Expr, run: Rewriter) -> Expr | None:
    """What `arg` is broadcast from, if it is a broadcast."""
    if run.opaque(arg):
        return None
    name = arg.op.name
    if name in ("broadcast_to", "full"):
        return arg.args[0]
    if name in ("zeros", "ones"):
        return literal(0 if name == "zeros" else 1, arg.dtype)
    return _uniform(arg)


@rule(
    "shape",
    lambda *args: elementwise(*args),
    only=lambda op, below: not _SPREAD.isdisjoint(below),
    examples=(
        lambda x: x * broadcast_to(x[0], (3, 4)),
        lambda x: sqrt(broadcast_to(x[0] + 9.0, (3, 4))),
        lambda x: x + np.zeros((3, 4)),
        lambda x: x + np.ones((2, 1, 1)),
        lambda x: x / full((3, 4), 2.0),
    ),
)
@rule(
    "stability",
    lambda *args: elementwise(*args),
    only=lambda op, below: not _SPREAD.isdisjoint(below),
    examples=(lambda x: x + np.ones((3, 1)), lambda x: x + np.ones((2, 1, 1))),
)
def broadcast_last(args: tuple[Expr, ...], node: Expr, run: Rewriter) -> Expr | None:
    """An elementwise op broadcasts by itself: on what was broadcast, it goes first."""
    bare = [unbroadcast(arg, run) for arg in args]
    if all([b is None for b in bare]):
        return None
    new = tuple([a if b is None else b for a, b in zip(args, bare, strict=True)])
    return conform(rebuild(node, new), node)


@rule(
    "shape",
    lambda *args: elementwise(*args),
    only=lambda op, below: "expand_dims" in below,
    examples=(
        lambda x: x + expand_dims(x[0, 0], (0, 1)),
        lambda x: x[0] * expand_dims(x[0, 0], (0,)),
        lambda x: x * broadcast_to(expand_dims(x[0, 0], (0,)) / 3.0, (4,)),
    ),
)
def axes_of_number_last(args: tuple[Expr, ...], node: Expr, run: Rewriter) -> Expr | None:
    """A number needs no axes where another argument has them, or before what is done to it."""
    new = tuple([arg.args[0] if _is_number_with_axes(arg, run) else arg for arg in args])
    if all([a is b for a, b in zip(args, new, strict=True)]):
        return None
    made = rebuild(node, new)
    if made.dtype != node.dtype:
        return None
    if made.shape == () and node.shape != ():
        made = expand_dims(made, tuple(range(node.ndim)))
    return made if made.shape == node.shape else None


def _is_number_with_axes(arg: Expr, run: Rewriter) -> bool:
    return arg.op.name == "expand_dims" and not arg.args[0].shape and not run.opaque(arg)


# ---------------------------------------------------------------- reductions


@rule(
    "shape",
    lambda x: anything(x),
    only=lambda op, below: op in _REDUCTIONS,
    examples=(
        lambda x: x.sum(axis=()),
        lambda x: x[:1].sum(axis=0),
        lambda x: x[:1].max(axis=(0, 1), keepdims=True),
        lambda x: x[:1].mean(axis=0, keepdims=True),
    ),
)
def reduction_of_one(x: Expr, node: Expr) -> Expr | None:
    """A reduction over no axes, or over axes of one element, is a view."""
    if node.op.name not in _REDUCTIONS or x.dtype != node.dtype:
        return None
    axes, keepdims = node.attrs["axis"], node.attrs["keepdims"]
    wide = tuple([axis for axis in axes if not is_unit(x.shape[axis])])
    if wide == axes and axes:
        return None
    if wide:
        return rebuild_with(node, x, wide, True) if keepdims else None
    return x if keepdims or not axes else squeeze(x, axes)


def rebuild_with(node: Expr, x: Expr, axes: tuple[int, ...], keepdims: bool) -> Expr:
    """The reduction `node` of another argument over other axes."""
    return make(node.op, (x,), {**node.attrs, "axis": axes, "keepdims": keepdims})


@rule(
    "shape",
    lambda x: anything(anything(x)),
    only=lambda op, below: op in _REDUCTIONS and below == (op,),
    examples=(
        lambda x: x.sum(axis=1).sum(axis=0),
        lambda x: x[None].sum(axis=2).sum(axis=1),
        lambda x: x.max(axis=1, keepdims=True).max(axis=0, keepdims=True),
        lambda x: x.mean(axis=1, keepdims=True).mean(axis=(0, 1)),
    ),
)
def reduction_of_reduction(x: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """Two reductions of a kind -> one over the axes of both."""
    inner = node.args[0]
    if node.op.name not in _REDUCTIONS or inner.op is not node.op or run.opaque(inner):
        return None
    if run.uses(inner) > 1:
        return None
    first, second = inner.attrs["axis"], node.attrs["axis"]
    keepdims = node.attrs["keepdims"]
    if not inner.attrs["keepdims"]:
        if keepdims:
            return None
        left = [axis for axis in range(x.ndim) if axis not in first]
        second = tuple([left[axis] for axis in second])
    elif not keepdims and not set(first) <= set(second):
        return None
    attrs = {**inner.attrs, **node.attrs, "axis": tuple(sorted({*first, *second}))}
    return make(node.op, (x,), attrs)


@rule(
    "shape",
    lambda x: anything(anything(x)),
    only=lambda op, below: op in _REDUCTIONS,
    examples=(
        lambda x: x.T.sum(axis=0),
        lambda x: x.T.max(axis=(0, 1)),
        lambda x: reshape(x, (2, 6)).sum(),
        lambda x: reshape(x, (12,)).mean(axis=0),
        lambda x: x[:, None].sum(axis=(0, 1)),
    ),
)
def reduction_of_view(x: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """A reduction does not care for the order or shape of what it reduces whole."""
    view = node.args[0]
    if node.op.name not in _REDUCTIONS or run.opaque(view):
        return None
    axes, keepdims = node.attrs["axis"], node.attrs["keepdims"]
    if view.op.name == "transpose" and not keepdims:
        order = view.attrs["axes"]
        left = [order[axis] for axis in range(view.ndim) if axis not in axes]
        if left == sorted(left):
            return rebuild_with(node, x, tuple(sorted([order[a] for a in axes])), False)
    if view.op.name in _ORDERLY and len(axes) == view.ndim and not keepdims:
        return rebuild_with(node, x, tuple(range(x.ndim)), False)
    if view.op.name == "expand_dims" and not keepdims:
        made = view.attrs["axis"]
        old = [axis for axis in range(view.ndim) if axis not in made]
        if set(made) <= set(axes):
            return rebuild_with(node, x, tuple([old.index(a) for a in axes if a in old]), False)
    return None


@rule(
    "shape",
    lambda x: anything(anything(x)),
    only=lambda op, below: op in _ORDERLY,
    examples=(
        lambda x: reshape(x.sum(axis=1), (3, 1)),
        lambda x: expand_dims(x.max(axis=0), 0),
        lambda x: squeeze(x.sum(axis=1, keepdims=True), 1),
    ),
)
def view_of_reduction(x: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """A reduction whose axes are put back, or dropped, at once -> with or without keepdims."""
    reduction = node.args[0]
    if node.op.name not in _ORDERLY or reduction.op.name not in (*_REDUCTIONS, "var", "std"):
        return None
    if run.opaque(reduction) or run.uses(reduction) > 1:
        return None
    keepdims = not reduction.attrs["keepdims"]
    axes = reduction.attrs["axis"]
    if keepdims:
        shape: tuple[Size, ...] = tuple([1 if i in axes else n for i, n in enumerate(x.shape)])
    else:
        shape = tuple([n for i, n in enumerate(x.shape) if i not in axes])
    return rebuild_with(reduction, x, axes, keepdims) if shape == node.shape else None


@rule(
    "shape",
    lambda x: anything(broadcast_to(x)),
    examples=(
        lambda x: broadcast_to(x[0], (3, 4)).sum(axis=0),
        lambda x: broadcast_to(x[:, :1], (2, 3, 4)).sum(axis=(0, 1, 2)),
        lambda x: broadcast_to(x[:1], (3, 4)).mean(axis=0, keepdims=True),
        lambda x: broadcast_to(x[0], (3, 4)).max(axis=1),
        lambda x: broadcast_to(x[0] > 0, (3, 4)).any(axis=0),
    ),
)
def reduction_of_broadcast(x: Expr, node: Expr) -> Expr | None:
    """A sum of equal numbers -> times their count; their mean or maximum -> the number."""
    if node.op.name not in ("sum", "mean", "max", "min", "any", "all") or x.dtype != node.dtype:
        return None
    wide, axes, keepdims = node.args[0].shape, node.attrs["axis"], node.attrs["keepdims"]
    lead = len(wide) - x.ndim

    def repeated(axis: int) -> bool:
        return axis < lead or (is_unit(x.shape[axis - lead]) and not is_unit(wide[axis]))

    again = [axis for axis in axes if repeated(axis)]
    if node.op.name != "sum" and not all(isinstance(wide[a], int) and wide[a] for a in again):
        return None  # the mean or maximum of none is not the number
    own = tuple([axis - lead for axis in axes if axis >= lead])
    reduced = rebuild_with(node, x, own, keepdims)
    count = product([wide[axis] for axis in again])
    if node.op.name == "sum" and not is_unit(count):
        reduced = reduced * count
    return conform(reduced, node)


@rule(
    "shape",
    lambda x: sum_(x),
    examples=(lambda x: ones((3, 4)).sum(axis=0) * x, lambda x: full((2, 5), x[0, 0]).sum()),
)
def sum_of_constant(x: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """The sum of one number everywhere -> times the count."""
    if x.op.name not in ("ones", "full") or run.opaque(x) or x.dtype != node.dtype:
        return None
    one = literal(1, x.dtype) if x.op.name == "ones" else x.args[0]
    count = product([x.shape[axis] for axis in node.attrs["axis"]])
    return conform(one if is_unit(count) else one * count, node)


# ---------------------------------------------------------------- joining


@rule("shape", lambda x: concatenate(x), examples=(lambda x: concatenate([x], axis=0),))
def concatenate_of_one(x: Expr) -> Expr:
    """One array joined -> the array."""
    return x


@rule("shape", lambda x, axis: stack(x, axis=axis), examples=(lambda x: stack([x], axis=1),))
def stack_of_one(x: Expr, axis: int) -> Expr:
    """One array stacked -> with one more axis."""
    return expand_dims(x, (axis,))
