"""What `where` did not take stays 0: products and sums of derivatives that know where they vanish.

Where an expression is exactly 0 because `where` selected nothing there, its product with a
partial derivative is 0 too, even if that is NaN or infinite. So a derivative that is 0 in places
is kept in the form ``where(taken, value, 0)``: it is multiplied by multiplying `value`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from symgrad.ir.node import LITERAL, Expr, literal, make
from symgrad.ir.op import FUNCTIONS, OPS

__all__ = ["Masked", "add", "masked", "reached", "scalar", "select", "times"]

#: how far from its `where` a value is still recognised
_DEPTH = 16


class Masked(NamedTuple):
    """An expression that is `value` where `condition` is (not) true, and exactly 0 elsewhere."""

    condition: Expr
    value: Expr
    when: bool = True

    @property
    def mask(self) -> Expr:
        """Where it may differ from 0."""
        return self.condition if self.when else _call("logical_not", self.condition)


def masked(x: Expr) -> Masked | None:
    """`x` as a value and where it is taken, if it was selected by `where`; None if not.

    It is looked for below what moves elements about: views, copies, indexing, sums of places.
    """
    moves: list[Expr] = []
    while x.op.name != "where":
        if len(moves) == _DEPTH or not _is_move(x):
            return None
        moves.append(x)
        x = x.args[-1] if x.op.name == "scatter_add" else x.args[0]
    condition, value, other = x.args
    if is_zero(other):
        found = Masked(condition, value)
    elif is_zero(value):
        found = Masked(condition, other, False)
    else:
        return None
    if not moves:
        return found
    mask, value = found.mask, _spread(found.value, x.shape)
    for move in reversed(moves):
        mask, value = _MOVES[move.op.name](move, mask, value)
    return Masked(mask, value)


def select(condition: Expr, value: Expr, when: bool = True) -> Expr:
    """`value` where the condition is (not) true, 0 elsewhere; two selections become one."""
    found, zero = masked(value), literal(0, value.dtype)
    if found is not None:
        mask = condition if when else _call("logical_not", condition)
        inner = found.mask
        if mask is not inner:
            both = mask.dtype.kind == inner.dtype.kind == "b"
            mask = _call("bitwise_and" if both else "logical_and", mask, inner)
        return _call("where", mask, _spread(found.value, value.shape), zero)
    if when:
        return _call("where", condition, value, zero)
    return _call("where", condition, zero, value)


def times(ct: Expr, partial: Expr) -> Expr:
    """ct * partial: 0 where `ct` was not taken, whatever the partial is there.

    There is no product with the literal one, or minus one.
    """
    found = masked(ct)
    if found is not None and (ct.op.name == "where" or scalar(partial) is None):
        value = _product(found.value, partial)
        zero = literal(0, value.dtype)
        if found.when:
            return _call("where", found.condition, value, zero)
        return _call("where", found.condition, zero, value)
    return _product(ct, partial)


def _product(ct: Expr, partial: Expr) -> Expr:
    value = scalar(partial)
    if value == 1:
        return ct
    if scalar(ct) == 1 and ct.aval == partial.aval:  # the seed of a scalar
        return partial
    if value == -1:
        return _call("negative", ct)
    return _call("multiply", ct, partial)


def add(a: Expr, b: Expr) -> Expr:
    """a + b, which stays exactly 0 where neither was taken."""
    one, other = masked(a), masked(b)
    if one is None or other is None:
        return _call("add", a, b)
    if one.condition is other.condition:
        if one.when == other.when:
            return _rebuilt(one, _call("add", one.value, other.value))
        if not one.when:
            one, other = other, one
        return _call("where", one.condition, one.value, other.value)
    left, right = _factors(one.mask), _factors(other.mask)
    if left and right and left[1] is right[1]:  # c & d and ~c & d
        for taken, first, second in ((left[0], one, other), (right[0], other, one)):
            away = right[0] if taken is left[0] else left[0]
            if away.op.name in ("logical_not", "invert") and away.args[0] is taken:
                chosen = _call("where", taken, first.value, second.value)
                return _call("where", left[1], chosen, literal(0, a.dtype))
    either = _call("logical_or", one.mask, other.mask)
    return _call("where", either, _call("add", a, b), literal(0, a.dtype))


def _rebuilt(like: Masked, value: Expr) -> Expr:
    zero = literal(0, value.dtype)
    args = (value, zero) if like.when else (zero, value)
    return _call("where", like.condition, *args)


def _factors(mask: Expr) -> tuple[Expr, ...] | None:
    return mask.args if mask.op.name in ("bitwise_and", "logical_and") else None


def reached(node: Expr, ct: Expr) -> Expr | None:
    """Which elements of the argument of `node` a masked cotangent reaches; None for all.

    For ops of one argument that work along axes: reductions, and what keeps the shape. What a
    result that was not taken is made of has derivative 0, whatever it holds.
    """
    if "axis" not in node.attrs or not node.args:
        return None
    x, axis = node.args[0], node.attrs["axis"]
    if "keepdims" in node.attrs:
        if (found := masked(ct)) is None:
            return None
        mask = _spread(found.mask, node.shape)
        if node.attrs["keepdims"] or not axis:
            return mask
        return _call("expand_dims", mask, axis)
    if len(node.args) == 1 and x.shape == node.shape and isinstance(axis, (int, tuple)):
        if (found := masked(ct)) is None:
            return None
        return _call("any", _spread(found.mask, node.shape), axis=axis, keepdims=True)
    return None


def scalar(x: Expr) -> object:
    """The value of a scalar literal; None for anything else."""
    return x.attrs["value"].array[()] if x.op is LITERAL and not x.shape else None


def is_zero(x: Expr) -> bool:
    return bool(scalar(x) == 0)


# ---- what moves elements about: a mask goes along with the values


def _moved(move: Expr, mask: Expr, value: Expr) -> tuple[Expr, Expr]:
    """Views and copies of single elements: of the mask as of the values."""
    rest = move.args[1:]
    attrs = move.attrs
    mask = _spread(mask, move.args[0].shape)
    return make(move.op, (mask, *rest), attrs), make(move.op, (value, *rest), attrs)


def _kept(move: Expr, mask: Expr, value: Expr) -> tuple[Expr, Expr]:
    return mask, make(move.op, (value,), move.attrs)


def _axes_moved(move: Expr, mask: Expr, value: Expr) -> tuple[Expr, Expr]:
    """A mask keeps its axes of size 1, which broadcast."""
    missing = move.args[0].ndim - mask.ndim
    if missing:
        mask = _call("expand_dims", mask, tuple(range(missing)))
    if move.op.name == "squeeze":
        return _moved(move, mask, value)
    return make(move.op, (mask,), move.attrs), make(move.op, (value,), move.attrs)


def _summed(move: Expr, mask: Expr, value: Expr) -> tuple[Expr, Expr]:
    mask = _spread(mask, move.args[0].shape)
    return make(OPS["any"], (mask,), move.attrs), move


def _scattered(move: Expr, mask: Expr, value: Expr) -> tuple[Expr, Expr]:
    _, *arrays, added = move.args
    nowhere = _call("zeros", move.shape, dtype=bool)
    mask = _spread(mask, added.shape)
    return make(move.op, (nowhere, *arrays, mask), move.attrs), move


def _scaled(move: Expr, mask: Expr, value: Expr) -> tuple[Expr, Expr]:
    return mask, make(move.op, (value, move.args[1]), move.attrs)


_MOVES: dict[str, Callable[[Expr, Expr, Expr], tuple[Expr, Expr]]] = {
    "astype": _kept,
    "real": _kept,
    "conjugate": _kept,
    "negative": _kept,
    "broadcast_to": _kept,
    "transpose": _axes_moved,
    "expand_dims": _axes_moved,
    "squeeze": _axes_moved,
    "reshape": _moved,
    "getitem": _moved,
    "sum": _summed,
    "scatter_add": _scattered,
    "multiply": _scaled,
    "divide": _scaled,
}


def _is_move(x: Expr) -> bool:
    if x.op.name == "scatter_add":
        return x.args[0].op.name == "zeros"
    if x.op.name in ("multiply", "divide"):  # by a number
        return not x.args[1].shape and x.args[1].op.name in ("literal", "size")
    return x.op.name in _MOVES


def _spread(x: Expr, shape: tuple[object, ...]) -> Expr:
    return x if x.shape == shape else _call("broadcast_to", x, shape)


def _call(name: str, *args: object, **kwargs: object) -> Expr:
    made: Expr = FUNCTIONS[name](*args, **kwargs)
    return made
