"""Basic slices of an axis of symbolic size, by NumPy's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.bounds import lower_bound, upper_bound
from symgrad.ir.division import floordiv, ramp, size_max, size_min
from symgrad.ir.polynomial import add, operand, scale

if TYPE_CHECKING:
    from symgrad.ir.size import Size

__all__ = ["SliceSpec", "slice_length"]


@dataclass(frozen=True, slots=True)
class SliceSpec:
    """A basic slice of an axis: elements ``start + i*step`` for ``0 <= i < length``."""

    start: Size
    length: Size
    step: int


def slice_length(start: Size | None, stop: Size | None, step: int | None, size: Size) -> SliceSpec:
    """Normalise a basic slice of an axis of `size` elements, by NumPy's rules.

    Examples
    --------
    >>> from symgrad.ir.size import dim
    >>> slice_length(None, None, 2, dim("B"))
    SliceSpec(start=0, length=Dim('(B + 1)//2'), step=2)
    >>> slice_length(-3, None, None, dim("B")).length
    Dim('min(B, 3)')
    """
    stride = 1 if step is None else operand(step)
    if not isinstance(stride, int):
        raise DTypeError(f"the step of a slice must be a static integer; got {step!r}")
    if stride == 0:
        raise ShapeError("the step of a slice must not be zero")
    # Positions go from first to last; going backward the end lies before element 0, at -1.
    first, last = (0, size) if stride > 0 else (-1, add(size, -1))
    begin_bound, end_bound = (first, last) if stride > 0 else (last, first)
    begin = begin_bound if start is None else _position(start, size, first, last)
    end = end_bound if stop is None else _position(stop, size, first, last)
    # A begin (going backward, an end) past the last element may stay: the length is then <= 0.
    near, far = (start, end) if stride > 0 else (stop, begin)
    if near is None or not _is_nonnegative(near):
        near = begin if stride > 0 else end
    pace = abs(stride)
    steps = floordiv(add(add(far, scale(_as_int(near), -1)), pace - 1), pace)
    return SliceSpec(begin, ramp(steps), stride)


def _position(index: Size, size: Size, first: int, last: Size) -> Size:
    """Where a slice's bound lies on the axis, clamped to ``first ... last``."""
    index = _as_int(index)
    if _is_nonnegative(index):
        return size_min(index, last)
    high = upper_bound(index)
    if high is None or high >= 0:
        raise DeclarationError(
            f"whether the slice bound {index} counts from the end (is negative) cannot be decided "
            f"at declaration: sizes are known only when the function is called"
        )
    return size_max(add(index, size), first)


def _as_int(index: Size) -> Size:
    size = operand(index)
    if size is None:
        raise DTypeError(
            f"a slice bound must be an integer, a size or None; "
            f"got {index!r} ({type(index).__name__})"
        )
    return size


def _is_nonnegative(index: Size) -> bool:
    low = lower_bound(_as_int(index))
    return low is not None and low >= 0
