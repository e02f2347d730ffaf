"""Arrays with something around them: a constant, their own elements, or what is made of these."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.checks import Check, require
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, as_exprs, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, register
from symgrad.ir.size import Size, as_size, lower_bound
from symgrad.ops.cast import astype
from symgrad.ops.cumulative import reverse
from symgrad.ops.examples import like_numpy
from symgrad.ops.index import getitem
from symgrad.ops.join import concatenate, slab
from symgrad.ops.linspace import linspace
from symgrad.ops.shape import broadcast_to, given, normalize_axis

__all__ = ["pad"]

Width = tuple[tuple[Size, Size], ...]

# ---------------------------------------------------------------- a constant


@register
class Pad(Op):
    """A constant around the array."""

    name = "pad"
    takes_complex = True
    examples = (
        Example(lambda x: pad(x, 1), lambda x: np.pad(x, 1), ((3, 4),)),
        Example(
            lambda x: pad(x, ((0, 2), (1, 0)), constant_values=1.5),
            lambda x: np.pad(x, ((0, 2), (1, 0)), constant_values=1.5),
            ((2, 3),),
        ),
        Example(
            lambda x: pad(x, (1, 2), constant_values=-1),
            lambda x: np.pad(x, (1, 2), constant_values=-1),
            ((1, 0),),
        ),
        Example(
            lambda x: pad(x, {0: 1, -1: (0, 2)}),
            lambda x: np.pad(x, ((1, 1), (0, 0), (0, 2))),
            ((2, 3, 2),),
        ),
        Example(
            lambda x, v: pad(x, 2, constant_values=((v, 2 * v), (1.0, v))),
            lambda x, v: np.pad(x, 2, constant_values=((v, 2 * v), (1.0, v))),
            ((2, 3), ()),
        ),
    )

    def aval(self, x: Aval, *, width: Width, value: Any) -> Aval:
        sizes = [low + n + high for n, (low, high) in zip(x.shape, width, strict=True)]
        return Aval(tuple(sizes), x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        width = node.attrs["width"]
        index = tuple(
            ("slice", low, size, 1)
            for size, (low, _) in zip(node.args[0].shape, width, strict=True)
        )
        return (make(OPS["getitem"], (ct,), {"index": index}),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        assert tangents[0] is not None
        return make(self, (tangents[0],), {**node.attrs, "value": _number(0, node.dtype)})

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {**node.attrs, "width": ((0, 0), *node.attrs["width"])})

    def numpy(self, node: Expr, *args: Code) -> Code:
        value = node.attrs["value"]
        keywords: dict[str, Any] = {"constant_values": _number_code(value)} if value else {}
        return Code.call("np.pad", args[0], _width_code(node.attrs["width"]), **keywords)

    def flops(self, node: Expr) -> int:
        return 0


PAD = OPS["pad"]


def _number(value: Any, dtype: np.dtype[Any]) -> Any:
    """The number that an array of this dtype would hold."""
    number = np.asarray(value).astype(dtype).item()
    return math.nan if number != number else number  # one nan, so that equal nodes meet


def _number_code(value: Any) -> str:
    if isinstance(value, complex) and not np.isfinite(value):
        return f"complex({_number_code(value.real)}, {_number_code(value.imag)})"
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def _width_code(width: Width) -> str:
    sides = {side for pair in width for side in pair}
    if len(sides) == 1:
        return str(width[0][0])
    if len(set(width)) == 1:
        return format_shape(width[0])
    inner = ", ".join(format_shape(pair) for pair in width)
    return f"({inner},)" if len(width) == 1 else f"({inner})"


# ---------------------------------------------------------------- the array's own elements

#: (where in the result, how many, which element is the first, step to the next)
Run = tuple[Size, Size, Size, int]


def _runs(mode: str, n: Size, low: Size, high: Size) -> list[Run]:
    """What stands before and after an axis of n elements, as stretches of it."""
    sizes = (n, low, high)
    if all([isinstance(size, int) for size in sizes]):
        return [*_stretches(mode, sizes, False), *_stretches(mode, sizes, True)]
    first, last = {
        "edge": ((0, 0), (n - 1, 0)),
        "reflect": ((low, -1), (n - 2, -1)),
        "symmetric": ((low - 1, -1), (n - 1, -1)),
        "wrap": ((n - low, 1), (0, 1)),
    }[mode]
    return [(0, low, *first), (low + n, high, *last)]


def _stretches(mode: str, sizes: Any, after: bool) -> list[Run]:
    """The same for sizes that are numbers: NumPy's own positions, which may run to and fro."""
    n, low, high = sizes
    around: Any = np.pad
    positions = around(np.arange(n), (low, high), mode=mode).tolist()
    start, end = (low + n, low + n + high) if after else (0, low)
    runs: list[Run] = []
    while start < end:
        stop = start + 1
        step = positions[stop] - positions[start] if stop < end else 0
        if abs(step) <= 1:
            while stop < end and positions[stop] - positions[stop - 1] == step:
                stop += 1
        runs.append((start, stop - start, positions[start], step if stop > start + 1 else 1))
        start = stop
    return runs


@register
class PadFrom(Op):
    """Elements of the array itself around it: repeated, mirrored, or periodic."""

    name = "pad_from"
    takes_complex = True
    examples = (
        *(
            like_numpy("pad", (shape,), width, mode=mode)
            for shape, width in (((3, 4), 2), ((3, 2), ((0, 1), (1, 0))))
            for mode in ("edge", "reflect", "symmetric", "wrap")
        ),
        *(like_numpy("pad", ((1,),), (2, 3), mode=m) for m in ("reflect", "symmetric", "wrap")),
    )  # fmt: skip

    def aval(self, x: Aval, *, width: Width, mode: str) -> Aval:
        sizes = []
        for axis, (n, (low, high)) in enumerate(zip(x.shape, width, strict=True)):
            sizes.append(low + n + high)
            if low == 0 == high:
                continue
            reason = f"pad: mode {mode!r} on axis {axis} of {format_shape(x.shape)}"
            if isinstance(n, int) and n == 0:
                raise ShapeError(f"{reason}: an empty axis has nothing to be repeated")
            if isinstance(n, int) and isinstance(low, int) and isinstance(high, int):
                continue
            # one turn is enough where the number of turns cannot be known
            least = {"edge": 0, "reflect": 1}.get(mode, 0)
            for side in (low, high) if mode != "edge" else (1,):
                room = lower_bound(n - side - least)
                if room is None or room < 0:
                    require(Check(side + least, "<=", n, f"{reason}: a width of {side}"))
        return Aval(tuple(sizes), x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        mode = node.attrs["mode"]
        for axis, (n, (low, high)) in enumerate(
            zip(node.args[0].shape, node.attrs["width"], strict=True)
        ):
            if low == 0 == high:
                continue
            total = slab(ct, axis, low, n)
            for at, length, first, step in _runs(mode, n, low, high):
                piece = slab(ct, axis, at, length)
                if step == 0:
                    piece = FUNCTIONS["sum"](piece, axis=axis, keepdims=True)
                    length = 1
                elif step < 0:
                    piece, first = reverse(piece, axis), first - length + 1
                total = _added(total, axis, first, length, piece)
            ct = total
        return (ct,)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {**node.attrs, "width": ((0, 0), *node.attrs["width"])})

    def numpy(self, node: Expr, *args: Code) -> Code:
        mode = f'"{node.attrs["mode"]}"'
        return Code.call("np.pad", args[0], _width_code(node.attrs["width"]), mode=mode)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{pad}}\left({args[0]}\right)"

    def flops(self, node: Expr) -> int:
        return 0


def _added(x: Expr, axis: int, start: Size, length: Size, values: Expr) -> Expr:
    """`values` added to consecutive positions of an axis."""
    index = tuple(
        ("slice", start, length, 1) if i == axis else ("slice", 0, size, 1)
        for i, size in enumerate(x.shape)
    )
    return make(OPS["scatter_add"], (x, values), {"index": index})


# ---------------------------------------------------------------- what is made of them


def _sides(x: Expr, axis: int, low: Any, high: Any, make_side: Callable[..., Expr]) -> Expr:
    """The array between what `make_side(after, width)` gives."""
    parts = [
        [] if width == 0 else [make_side(after, width)] for after, width in ((0, low), (1, high))
    ]
    return concatenate([*parts[0], x, *parts[1]], axis=axis)


def _repeated(side: Expr, axis: int, width: Size) -> Expr:
    return broadcast_to(side, (*side.shape[:axis], width, *side.shape[axis + 1 :]))


def _constants(x: Expr, axis: int, low: Size, high: Size, values: Any) -> Expr:
    def side(after: int, width: Size) -> Expr:
        value = astype(as_exprs((x, values[after]))[1], x.dtype)
        return broadcast_to(value, (*x.shape[:axis], width, *x.shape[axis + 1 :]))

    return _sides(x, axis, low, high, side)


def _ramps(x: Expr, axis: int, low: Size, high: Size, ends: Any) -> Expr:
    def side(after: int, width: Size) -> Expr:
        edge = getitem(x, (slice(None),) * axis + (-1 if after else 0,))
        end = as_exprs((x, ends[after]))[1]
        ramp = linspace(end, edge, width, endpoint=False, axis=axis)
        if edge.ndim == 0 and ramp.ndim != x.ndim:
            raise ShapeError("pad: end_values must be numbers")
        ramp = astype(FUNCTIONS["floor"](ramp), x.dtype) if x.dtype.kind in "biu" else ramp
        return reverse(ramp, axis) if after else ramp

    return _sides(x, axis, low, high, side)


_STATISTICS = {"maximum": "max", "minimum": "min", "mean": "mean", "median": "median"}


def _statistics(x: Expr, axis: int, low: Size, high: Size, mode: str, lengths: Any) -> Expr:
    def side(after: int, width: Size) -> Expr:
        length = lengths[after]
        part = slice(None)
        if length is not None:
            part = slice(-length, None) if after else slice(None, length)
        values = getitem(x, (slice(None),) * axis + (part,))
        found = FUNCTIONS[_STATISTICS[mode]](values, axis=axis, keepdims=True)
        if not np.can_cast(found.dtype, np.result_type(x.dtype, np.int64), "same_kind"):
            found = FUNCTIONS["rint"](found)
        return _repeated(astype(found, x.dtype), axis, width)

    return _sides(x, axis, low, high, side)


#: mode -> the options that it takes
_OPTIONS: dict[str, tuple[str, ...]] = {
    "constant": ("constant_values",),
    "empty": (),
    "edge": (),
    "wrap": (),
    "reflect": ("reflect_type",),
    "symmetric": ("reflect_type",),
    "linear_ramp": ("end_values",),
    **dict.fromkeys(_STATISTICS, ("stat_length",)),
}


@function
def pad(array: Any, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Expr:
    """The array with something around it: a constant, or what follows from its own elements.

    Parameters
    ----------
    array : array_like
    pad_width : int, (before, after), ((before, after), ...), or dict of axis to one of these
        The same for all axes, or one pair for each. Not negative.
    mode : str
        ``"constant"``, ``"edge"``, ``"reflect"``, ``"symmetric"``, ``"wrap"``,
        ``"linear_ramp"``, ``"maximum"``, ``"minimum"``, ``"mean"``, ``"median"``, or ``"empty"``,
        which gives zeros.
    **kwargs
        As in NumPy: ``constant_values``, ``end_values``, ``stat_length`` (of any form that
        `pad_width` takes) or ``reflect_type`` (``"even"`` or ``"odd"``). Values may be expressions.

    Notes
    -----
    The elements that are repeated or mirrored get the gradients of all their copies. Around an
    axis of symbolic size at most one mirror image or period is put, which is checked at each call.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.pad(x, ((0, 0), (1, 2))).shape, sg.pad(x, 1, mode="edge").shape
    ((Dim('B'), 6), (Dim('B + 2'), 5))
    """
    x = as_expr(array)
    if mode not in _OPTIONS:
        raise DeclarationError(f"pad: mode is one of {', '.join(_OPTIONS)}; got {mode!r}")
    unknown = set(kwargs) - set(_OPTIONS[mode])
    if unknown:
        raise DeclarationError(f"pad: mode {mode!r} takes no {', '.join(sorted(unknown))}")
    width = _pad_width(pad_width, x.ndim)
    if not x.ndim:
        return x
    if mode in ("constant", "empty"):
        return _with_constants(x, width, kwargs.get("constant_values", 0))
    if mode in ("edge", "wrap", "reflect", "symmetric"):
        if kwargs.get("reflect_type", "even") == "odd":
            return _odd(x, width, mode)
        return make(OPS["pad_from"], (x,), {"width": width, "mode": mode})
    ends = _pairs("end_values", kwargs.get("end_values", 0), x.ndim)
    lengths = _pairs("stat_length", kwargs.get("stat_length"), x.ndim)
    for axis, (low, high) in enumerate(width):
        if low == 0 == high:
            continue
        if x.shape[axis] == 0:
            raise ShapeError(f"pad: axis {axis} is empty, and mode is {mode!r}")
        if mode == "linear_ramp":
            x = _ramps(x, axis, low, high, ends[axis])
        else:
            x = _statistics(x, axis, low, high, mode, lengths[axis])
    return x


def _with_constants(x: Expr, width: Width, values: Any) -> Expr:
    if isinstance(values, (bool, int, float, complex, np.generic)):
        value = np.asarray(values)
        if not np.can_cast(value.dtype, np.result_type(x.dtype, np.int64), "same_kind"):
            raise DTypeError(f"pad: a value of {value.dtype} around an array of {x.dtype}")
        return make(PAD, (x,), {"width": width, "value": _number(value, x.dtype)})
    pairs = _pairs("constant_values", values, x.ndim)
    for axis, (low, high) in enumerate(width):
        x = _constants(x, axis, low, high, pairs[axis])
    return x


def _odd(x: Expr, width: Width, mode: str) -> Expr:
    """Mirrored through the edge as a point: twice the edge less the mirror image."""
    for axis, (low, high) in enumerate(width):
        n, image = x.shape[axis], 0 if mode == "symmetric" else 1
        if isinstance(n, int) and n > image and max(low, high) > n - image:
            raise DeclarationError("pad: reflect_type='odd' is for widths of one mirror image")
        one = tuple([(low, high) if i == axis else (0, 0) for i in range(x.ndim)])
        edge, mirrored = (
            make(OPS["pad_from"], (x,), {"width": one, "mode": m}) for m in ("edge", mode)
        )
        x = 2 * edge - mirrored
    return x


def _pad_width(given: Any, ndim: int) -> Width:
    """One pair of sizes for each axis, from any of NumPy's forms."""
    if isinstance(given, dict):
        pairs = {normalize_axis(axis, ndim, "pad: axis"): w for axis, w in given.items()}
        return tuple([_pad_width(pairs.get(axis, 0), 1)[0] for axis in range(ndim)])
    found = _pairs("pad_width", given, ndim)
    return tuple([(as_size(low), as_size(high)) for low, high in found])


def _pairs(what: str, given: Any, ndim: int) -> list[tuple[Any, Any]]:
    """(before, after) for each axis: from one for all, from one for each, or from a number."""
    rows = given.tolist() if isinstance(given, np.ndarray) else given
    if not isinstance(rows, (tuple, list)):
        rows = (rows,)
    if not any(isinstance(row, (tuple, list)) for row in rows):
        rows = (rows,)
    pairs = []
    for row in rows:
        ends = tuple(row) if isinstance(row, (tuple, list)) else (row,)
        if len(ends) not in (1, 2):
            raise DeclarationError(f"pad: {what} must be (before, after); got {row!r}")
        pairs.append((ends[0], ends[-1]))
    if len(pairs) == 1:
        pairs = pairs * ndim
    if len(pairs) != ndim:
        raise DeclarationError(f"pad: {len(pairs)} pairs of {what} for {ndim} axes")
    return pairs


OPS["pad_from"].examples += (
    like_numpy("pad", ((4,),), (2, 3), mode="reflect", reflect_type="odd"),
    like_numpy("pad", ((2, 3),), 1, mode="symmetric", reflect_type="odd"),
)
OPS["pad"].examples += (
    like_numpy("pad", ((3, 4),), 2, mode="linear_ramp"),
    like_numpy("pad", ((2, 3),), (1, 2), mode="linear_ramp", end_values=(1.0, -1.0)),
    like_numpy("pad", ((3, 4),), 1, mode="maximum"),
    like_numpy("pad", ((3, 4),), (0, 2), mode="minimum", stat_length=2),
    like_numpy("pad", ((3, 4),), 2, mode="mean"),
    like_numpy("pad", ((5,),), (1, 2), mode="mean", stat_length=(2, 3)),
    like_numpy("pad", ((2, 3),), 1, mode="mean", dtypes=("int64",), domain=((-5, 5),)),
)
