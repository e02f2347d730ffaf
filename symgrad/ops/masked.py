"""``x[mask]`` with a mask that is an expression: elements whose number only a call knows.

Its shape would depend on values, so it is no expression. But what is then reduced has a shape,
and the same value as a reduction of all elements in which the others are selected away. So
elementwise functions wait, applied to all elements, until a reduction comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ExpressionUseError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.dtypes import extreme
from symgrad.ir.lifted import Lifted
from symgrad.ir.node import Expr, as_expr
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.size import Size, product
from symgrad.ops.interpret import known_value
from symgrad.ops.transpose import normalize_axes

__all__ = ["MaskedSelection", "expanded", "selected", "traced_mask"]

_REDUCTIONS = ("sum", "mean", "prod", "max", "min", "any", "all", "var", "std", "count_nonzero")


class MaskedSelection(Lifted):
    """The elements of an array that a mask chooses, in the order of the array.

    Reduce it: ``x[mask].sum()``, ``.mean()``, ``.prod()``, ``.max()``, ``.min()``, ``.any()``,
    ``.all()``, ``.var()``, ``.std()``; ``.size`` is the number of elements. Elementwise functions
    apply to it, also with a number, or with another selection by the same mask. What the mask
    leaves out reaches neither value nor gradient, whatever NaN or infinity it holds.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (4,))
    >>> f = sg.function([x], sg.log(x[x > 0]).sum())
    >>> float(f([1.0, -5.0, 1.0, 0.0]))
    0.0
    """

    __slots__ = ("_axis", "_mask", "_values")

    def __init__(self, values: Expr, mask: Expr, axis: int) -> None:
        self._values = values
        self._mask = mask
        #: the first of the axes that the mask covers: they become one
        self._axis = axis

    # ---- what is known of it

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._values.dtype

    @property
    def ndim(self) -> int:
        return self._values.ndim - self._mask.ndim + 1

    @property
    def size(self) -> Expr:
        """The number of elements, an expression."""
        rest = self._others()
        number = FUNCTIONS["sum"](self._mask)
        return number if rest == 1 else number * rest  # type: ignore[no-any-return]

    @property
    def shape(self) -> tuple[Size, ...]:
        raise ExpressionUseError(
            f"the shape of {self._described()} is known only at call time; .size is the number "
            "of its elements"
        )

    def __len__(self) -> int:
        raise ExpressionUseError(
            f"the length of {self._described()} is known only at call time; use .size"
        )

    def __iter__(self) -> Any:
        raise self.misuse()

    def __bool__(self) -> bool:
        raise self.misuse()

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        raise self.misuse()

    def __repr__(self) -> str:
        return f"<{self._described()}>"

    def _others(self) -> Size:
        covered = range(self._axis, self._axis + self._mask.ndim)
        return product([s for i, s in enumerate(self._values.shape) if i not in covered])

    def _described(self) -> str:
        name = self._values.name or "x"
        mask = self._mask.name or "mask"
        return f"selection {name}[{mask}] of {format_shape(self._values.shape)} {self.dtype}"

    def misuse(self) -> ExpressionUseError:
        return ExpressionUseError(
            f"the {self._described()} has as many elements as the mask is true, which only a call "
            "knows: it takes elementwise functions and the reductions "
            f"{', '.join(_REDUCTIONS)}; sg.where(mask, x, fill) keeps the shape"
        )

    # ---- functions of it

    def same_mask(self, other: MaskedSelection) -> bool:
        """Whether both choose the same places."""
        return self._mask is other._mask and self._axis == other._axis

    def beside(self, other: Any, what: str) -> Any:
        """What stands for `other`, beside the elements of this, beside all elements."""
        if isinstance(other, MaskedSelection):
            if not self.same_mask(other):
                raise DeclarationError(f"{what}: {self!r} and {other!r} have different masks")
            return other._values
        if other is None or isinstance(other, (bool, int, float, np.generic)):
            return other
        found = as_expr(other)
        if found.ndim > self.ndim - 1 - self._axis:
            raise ShapeError(
                f"{what}: an array of shape {format_shape(found.shape)} beside {self!r}, of which "
                "only a call knows how many elements there are; index it with the same mask"
            )
        return found

    def apply(self, fn: Callable[..., Any], args: Sequence[Any]) -> Any:
        what = str(getattr(fn, "name", None) or getattr(fn, "__name__", "function"))
        made = fn(*[self.beside(arg, what) for arg in args])
        if isinstance(made, tuple):
            return tuple([MaskedSelection(part, self._mask, self._axis) for part in made])
        return MaskedSelection(made, self._mask, self._axis)

    def reduce(self, name: str, axis: Any, keepdims: bool, **options: Any) -> Any:
        extra = options.pop("where", None)
        if extra is not None and extra is not True:
            raise DeclarationError(f"{name}: {self!r} is masked already; use mask & where")
        options = {k: v for k, v in options.items() if v is not None}
        axes = (
            range(self.ndim) if axis is None else normalize_axes(axis, self.ndim, f"{name}: axis")
        )
        covered = self._mask.ndim
        whole: list[int] = []
        for i in sorted(axes):
            if i == self._axis:
                whole += range(i, i + covered)
            else:
                whole.append(i if i < self._axis else i + covered - 1)
        fn = FUNCTIONS[name]
        if self._axis not in axes:
            values = fn(self._values, axis=tuple(whole), keepdims=keepdims, **options)
            gone = 0 if keepdims else sum(i < self._axis for i in axes)
            return MaskedSelection(values, self._mask, self._axis - gone)
        mask = expanded(self._mask, self._axis, self._values)
        values = self._values
        if name == "count_nonzero":
            values = FUNCTIONS["where"](mask, FUNCTIONS["not_equal"](values, 0), False)
        elif name in ("max", "min") and "initial" not in options:
            values = FUNCTIONS["where"](mask, values, extreme(values.dtype, name == "max"))
        else:
            options["where"] = mask
        found = fn(values, axis=tuple(whole), **options)
        return FUNCTIONS["expand_dims"](found, tuple(axes)) if keepdims else found

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, MaskedSelection) and self.ndim == other.ndim == 1:
            return (self * other).sum()
        raise self.misuse()

    def dot(self, b: Any) -> Any:
        return self @ b


def expanded(mask: Expr, axis: int, values: Expr) -> Expr:
    """The mask with axes of size 1 for those of the values that follow it."""
    behind = values.ndim - axis - mask.ndim
    if not behind:
        return mask
    spread: Expr = FUNCTIONS["expand_dims"](mask, tuple(range(mask.ndim, mask.ndim + behind)))
    return spread


def selected(x: Expr, mask: Expr, axis: int) -> MaskedSelection:
    """The elements of `x` that a mask on some of its axes chooses."""
    for i, (have, want) in enumerate(
        zip(x.shape[axis : axis + mask.ndim], mask.shape, strict=False), start=axis
    ):
        if isinstance(have, int) and isinstance(want, int) and have != want:
            raise ShapeError(
                f"a boolean mask of shape {format_shape(mask.shape)} on axis {i} of "
                f"{format_shape(x.shape)}: {want} and {have} differ"
            )
    return MaskedSelection(x, mask, axis)


def traced_mask(x: Expr, index: Any) -> tuple[Expr, int] | None:
    """The boolean expression in an index and the axis where it begins; None if there is none."""
    parts = list(index) if isinstance(index, tuple) else [index]
    found = [i for i, part in enumerate(parts) if _is_traced_mask(part)]
    if not found:
        return None
    mask = parts[found[0]]
    if not mask.ndim:
        raise DeclarationError("a boolean scalar is no index; use sg.where")
    others = [part for part in parts if part is not mask and part is not Ellipsis]
    if len(found) > 1 or any(not _is_whole(part) for part in others):
        raise DeclarationError(
            "beside a mask that is an expression only whole axes can stand, as in x[:, mask]; "
            "index first, then choose by the mask"
        )
    if len(others) + mask.ndim > x.ndim:
        raise ShapeError(f"too many indices: {len(others) + mask.ndim} for {x.ndim} axes")
    behind = len(parts) - 1 - found[0]
    if any(part is Ellipsis for part in parts[: found[0]]):
        return mask, x.ndim - mask.ndim - behind
    return mask, found[0]


def _is_traced_mask(part: Any) -> bool:
    return isinstance(part, Expr) and part.dtype.kind == "b" and known_value(part) is None


def _is_whole(part: Any) -> bool:
    return isinstance(part, slice) and part == slice(None)
