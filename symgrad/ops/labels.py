"""Integers that arrive with a call and are used as an index: what bounds they must satisfy."""

from __future__ import annotations

from typing import Any, NamedTuple

from symgrad.errors import DeclarationError, DTypeError
from symgrad.ir.aval import Aval
from symgrad.ir.node import LITERAL, Expr, as_expr, make
from symgrad.ir.op import OPS, Example, Op, function, register
from symgrad.ir.size import Size, as_size

__all__ = ["Within", "bounded", "label_bounds", "within"]

#: ops whose result holds every integer that they are given, and no other
_REARRANGING = frozenset(
    {
        "astype", "broadcast_to", "concatenate", "expand_dims", "flip", "reshape", "squeeze",
        "stack", "transpose",
    }
)  # fmt: skip


class Within(NamedTuple):
    """What an index must satisfy: 0 <= i < size; or to be the mark, or beyond its row's length."""

    size: Size
    mark: int | None = None
    lengths: Expr | None = None

    @property
    def everywhere(self) -> bool:
        """Whether it must hold of all elements."""
        return self.mark is None and self.lengths is None

    def inputs(self, index: Expr) -> set[Expr]:
        """What must be known to check it of an index."""
        return {index} if self.lengths is None else {index, self.lengths}


def label_bounds(index: Expr, size: Size) -> list[tuple[Expr, Within]]:
    """What an index is made of, and the bounds of each: behind reshape, stack and the like.

    Behind ``where(y != mark, y, 0)`` it is y, and behind ``where(arange(T) < n[:, None], y, 0)``
    too, whose rows have lengths.
    """
    found: dict[Expr, Within] = {}
    waiting, seen = [index], {index}
    while waiting:
        node = waiting.pop()
        if node.op.name in _REARRANGING and all([arg.dtype.kind in "iu" for arg in node.args]):
            waiting += [arg for arg in reversed(node.args) if arg not in seen]
            seen.update(node.args)
        else:
            label, within = _masked(node, size) or (node, Within(size))
            found.setdefault(label, within)
    return list(found.items())


def _masked(node: Expr, size: Size) -> tuple[Expr, Within] | None:
    """The labels of ``where(condition, labels, literal)``, if the condition is a known one."""
    if node.op.name != "where" or node.args[2].op is not LITERAL:
        return None
    condition, given, _ = node.args
    y = _uncast(given)
    if condition.op.name == "not_equal" and condition.args[0] in {y, given}:
        mark = condition.args[1]
        if mark.op is LITERAL and mark.ndim == 0:
            return y, Within(size, int(mark.attrs["value"].array))
    if condition.op.name == "less" and y.ndim == 2:
        place, lengths = condition.args
        counts = place.op.name == "arange" and place.shape == y.shape[1:]
        if counts and place.attrs["start"] == 0 and place.attrs["step"] == 1:
            rows = _of_rows(_uncast(lengths))
            if rows is not None and rows.shape == y.shape[:1]:
                return y, Within(size, lengths=rows)
    return None


def _uncast(x: Expr) -> Expr:
    return _uncast(x.args[0]) if x.op.name == "astype" and x.args[0].dtype.kind in "iu" else x


def _of_rows(column: Expr) -> Expr | None:
    """The vector n of ``n[:, None]``."""
    inserts = column.op.name == "expand_dims" or (
        column.op.name == "getitem" and column.attrs["index"][1:] == (("new",),)
    )
    if not inserts or column.shape[1:] != (1,) or column.shape[:1] != column.args[0].shape:
        return None
    return _uncast(column.args[0])


# ---------------------------------------------------------------- bounds of what is no index


@register
class Bounded(Op):
    """Integers that are said to lie in 0 <= i < size, as those of an index must."""

    name = "within"
    elementwise = True
    examples = (Example(lambda i: within(i, 4), lambda i: i, ((2, 3),), ((0.0, 3.0),), ("int64",)),)

    def aval(self, x: Aval, size: Size) -> Aval:
        if x.dtype.kind not in "iu":
            raise DTypeError(f"within: expected integers; got {x.dtype}")
        return x

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)

    def lower(self, node: Expr) -> Expr:
        return node.args[0]

    def latex(self, node: Expr, *args: str) -> str:
        return args[0]

    def flops(self, node: Expr) -> int:
        return 0


def bounded(node: Expr) -> list[tuple[Expr, Size]]:
    """What a node of ``within`` says of its argument."""
    return [(node.args[0], node.attrs["size"])] if node.op.name == "within" else []


@function
def within(x: Any, size: Any) -> Expr:
    """The integers of `x`, which must satisfy ``0 <= x < size``.

    An input among them is checked when the compiled function is called, as one that is used as an
    index is; so are inputs that were reshaped, stacked and the like. What is computed is not.

    Parameters
    ----------
    x : Expr, array or integer
    size : int or Dim

    Raises
    ------
    DTypeError
        If they are no integers.
    DeclarationError
        If numbers are given that are outside.

    Examples
    --------
    >>> import symgrad as sg
    >>> y = sg.input("y", ("B",), dtype="int64")
    >>> f = sg.function([y], 2 * sg.within(y, 2) - 1)
    >>> f([0, 1, 1])
    array([-1,  1,  1])
    >>> f([0, 1, -1])
    Traceback (most recent call last):
        ...
    symgrad.errors.CompileError: y: expected 0 <= y < 2; got -1 at (2,)...
    """
    x, size = as_expr(x), as_size(size)
    made = make(OPS["within"], (x,), {"size": size})
    if x.op is LITERAL and isinstance(size, int):
        values = x.attrs["value"].array
        bad = values[(values < 0) | (values >= size)]
        if bad.size:
            raise DeclarationError(f"within: expected 0 <= x < {size}; got {int(bad[0])}")
    return made
