"""Choices among arrays, and the places where a condition holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, as_exprs, literal, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, public, register
from symgrad.ops.broadcasting import align, broadcast_shapes, sum_to
from symgrad.ops.cast import astype
from symgrad.ops.comparison import equal
from symgrad.ops.index import take
from symgrad.ops.interpret import known_value
from symgrad.ops.masked import selected
from symgrad.ops.selection import where
from symgrad.ops.shape import broadcast_to, normalize_axis, ravel

__all__ = [
    "argwhere",
    "choose",
    "compress",
    "extract",
    "flatnonzero",
    "nonzero",
    "piecewise",
    "select",
]


# ---- by conditions


def _condition(given: Any, what: str) -> Expr:
    found = as_expr(given)
    if found.dtype.kind != "b":
        raise DTypeError(f"{what}: conditions must be booleans; got {found.dtype}")
    return found


@public(
    examples=(
        Example(
            lambda x, y: FUNCTIONS["select"]([x > 1, x > 0], [x * y, y], 0.5),
            lambda x, y: np.select([x > 1, x > 0], [x * y, y], 0.5),
            ((3, 4), (4,)),
            away=(0.0, 1.0),
        ),
        Example(
            lambda x: FUNCTIONS["select"]([x < 0], [x**2]),
            lambda x: np.select([x < 0], [x**2]),
            ((3, 4),),
            away=(0.0,),
        ),
    )
)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Expr:
    """For each element the choice of the first condition that holds, or the default.

    Parameters
    ----------
    condlist : sequence of array_like of bool
    choicelist : sequence of array_like
        As many; all of them are computed.
    default : array_like

    Notes
    -----
    What is not chosen has gradient exactly 0, whatever NaN or infinity it holds.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> sg.function([x], sg.select([x < 0, x < 2], [0.0, x], 9.0))([-1.0, 1.0, 3.0])
    array([0., 1., 9.])
    """
    conditions = [_condition(c, "select") for c in condlist]
    *choices, result = as_exprs([*choicelist, default])
    if len(conditions) != len(choices) or not choices:
        raise DeclarationError(
            f"select: expected as many choices as conditions, at least one; got {len(choices)} "
            f"and {len(conditions)}"
        )
    dtype = np.result_type(*[part.dtype for part in (*choices, result)])
    shape = broadcast_shapes(*[part.shape for part in (*conditions, *choices, result)])
    result = astype(result, dtype)
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = where(condition, astype(choice, dtype), result)
    return result if result.shape == shape else broadcast_to(result, shape)


def _conditions(condlist: Any, x: Expr) -> list[Expr]:
    """The conditions of ``piecewise``: one, or several in a list or along a first axis."""
    if isinstance(condlist, (list, tuple)) and len(condlist):
        first = condlist[0]
        several = isinstance(first, (list, tuple, np.ndarray, Expr)) or x.ndim == 0
        parts: Sequence[Any] = condlist if several else [condlist]
        return [_condition(part, "piecewise") for part in parts]
    found = _condition(condlist, "piecewise")
    if found.ndim <= x.ndim:
        return [found]
    return [found[i] for i in range(len(found))]


@public(
    examples=(
        Example(
            lambda x: FUNCTIONS["piecewise"](x, [x < 0, x >= 1], [lambda v: -v, lambda v: v**2]),
            lambda x: np.piecewise(x, [x < 0, x >= 1], [lambda v: -v, lambda v: v**2]),
            ((3, 4),),
            away=(0.0, 1.0),
        ),
        Example(
            lambda x: FUNCTIONS["piecewise"](x, [x < 0], [2.5, lambda v, a: a * v], 3.0),
            lambda x: np.piecewise(x, [x < 0], [2.5, lambda v, a: a * v], 3.0),
            ((3, 4),),
            away=(0.0,),
        ),
        Example(
            lambda x: FUNCTIONS["piecewise"](x, x < 0, [lambda v: v**3]),
            lambda x: np.piecewise(x, x < 0, [lambda v: v**3]),
            ((5,),),
            away=(0.0,),
        ),
    )
)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Expr:
    """For each element the function of the last condition that holds; 0 where none does.

    Parameters
    ----------
    x : array_like
    condlist : array_like of bool, or sequence of them
    funclist : sequence of callable or number
        As many, or one more for where no condition holds. Each is called with all of `x`.
    *args, **kw
        What the functions are called with besides.

    Notes
    -----
    As in NumPy, the result has the dtype of `x`. Functions that were not taken have gradient
    exactly 0.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> f = sg.function([x], sg.piecewise(x, [x < 0], [0.0, sg.sqrt]))
    >>> f([-1.0, 4.0])
    array([0., 2.])
    """
    values = as_expr(x)
    conditions = _conditions(condlist, values)
    functions = list(funclist)
    if len(functions) not in (len(conditions), len(conditions) + 1):
        raise DeclarationError(
            f"piecewise: with {len(conditions)} conditions, {len(conditions)} or "
            f"{len(conditions) + 1} functions are expected; got {len(functions)}"
        )
    default = functions.pop() if len(functions) > len(conditions) else 0

    def piece(fn: Any) -> Expr:
        made = as_exprs((values, fn(values, *args, **kw) if callable(fn) else fn))[1]
        return astype(made, values.dtype)

    result = piece(default)
    for condition, fn in zip(conditions, functions, strict=True):
        result = where(condition, piece(fn), result)
    return result if result.shape == values.shape else broadcast_to(result, values.shape)


# ---- by number


@register
class Choose(Op):
    """The element of the choice whose number stands in the first argument."""

    name = "choose"
    elementwise = True
    examples = tuple(
        Example(
            lambda i, x, y, mode=mode: choose(i, [x, y, 0.5], mode=mode),
            lambda i, x, y, mode=mode: np.choose(i, [x, y, 0.5], mode=mode),
            ((3, 4), (3, 4), (4,)),
            dtypes=("int64", "float64", "float64"),
            domain=(domain, (-2.0, 2.0), (-2.0, 2.0)),
        )
        for mode, domain in (("raise", (0.0, 3.0)), ("wrap", (-5.0, 7.0)), ("clip", (-2.0, 5.0)))
    )

    def aval(self, *args: Aval, mode: str) -> Aval:
        if args[0].dtype.kind not in "biu":
            raise DTypeError(f"choices are numbered by integers; got {args[0].dtype}")
        shape = broadcast_shapes(*[a.shape for a in args])
        return Aval(shape, np.result_type(*[a.dtype for a in args[1:]]))

    def _chosen(self, node: Expr) -> list[Expr]:
        """Where each choice is taken."""
        number, count = node.args[0], len(node.args) - 1
        if node.attrs["mode"] == "wrap":
            number = number % count
        elif node.attrs["mode"] == "clip":
            number = FUNCTIONS["clip"](number, 0, count - 1)
        return [equal(number, i) for i in range(count)]

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        zero = literal(0, ct.dtype)
        return (
            None,
            *[
                sum_to(where(chosen, ct, zero), arg.shape) if need else None
                for chosen, arg, need in zip(
                    self._chosen(node), node.args[1:], needs[1:], strict=True
                )
            ],
        )

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        if all(t is None for t in tangents[1:]):
            return None
        zero = literal(0, node.dtype)
        parts = [zero if t is None else t for t in tangents[1:]]
        made = make(self, (node.args[0], *parts), node.attrs)
        return made if made.shape == node.shape else broadcast_to(made, node.shape)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, tuple(align(args, batched, node.ndim)), node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        mode = node.attrs["mode"]
        options: dict[str, Any] = {} if mode == "raise" else {"mode": f'"{mode}"'}
        choices = ", ".join(code.text for code in args[1:])
        comma = "," if len(args) == 2 else ""
        return Code.call("np.choose", args[0], f"({choices}{comma})", **options)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{choose}}_{{{args[0]}}}\left({', '.join(args[1:])}\right)"


@function
def choose(a: Any, choices: Any, *, mode: str = "raise") -> Expr:
    """For each element the choice of that number; each choice has gradient where it is taken.

    Parameters
    ----------
    a : array_like of int
    choices : sequence of array_like, or array_like whose first axis numbers them
    mode : {"raise", "wrap", "clip"}
        What a number without a choice is: an error of the call, taken modulo their number, or
        that of the nearest choice.

    Examples
    --------
    >>> import symgrad as sg
    >>> i, x = sg.input("i", (3,), dtype="int64"), sg.input("x", (3,))
    >>> sg.function([i, x], sg.choose(i, [x, -x]))([0, 1, 0], [1.0, 2.0, 3.0])
    array([ 1., -2.,  3.])
    """
    if mode not in ("raise", "wrap", "clip"):
        raise DeclarationError(f"choose: mode must be 'raise', 'wrap' or 'clip'; got {mode!r}")
    if isinstance(choices, Expr):
        parts = [choices[i] for i in range(len(choices))]
    else:
        parts = as_exprs(choices)
    if not 1 <= len(parts) < 64:
        raise DeclarationError(f"choose: expected 1 to 63 choices; got {len(parts)}")
    return make(OPS["choose"], (as_expr(a), *parts), {"mode": mode})


# ---- places


def _known(a: Any, what: str) -> np.ndarray[Any, Any]:
    found = as_expr(a)
    value = known_value(found)
    if value is None:
        raise DeclarationError(
            f"{what}: how many elements are not 0 depends on values, which a static shape cannot; "
            "choose with sg.where(condition, x, 0), reduce x[condition].sum(), or count with "
            "sg.count_nonzero(condition)"
        )
    return value


def _of_constant(name: str) -> Example:
    """Elements of x at the places where a constant is not 0."""
    constant = np.array([[0, 3, 0, 1], [0, 0, 2, 0]])

    def built(x: Any, module: Any) -> Any:
        places = module(constant)
        return x[places if isinstance(places, tuple) else (places % 2,)]

    return Example(
        lambda x: built(x, FUNCTIONS[name]),
        lambda x: built(x, getattr(np, name)),
        ((2, 4),),
    )


@public(examples=(_of_constant("nonzero"),))
def nonzero(a: Any) -> tuple[Expr, ...]:
    """The indices of the elements of a constant that are not 0, one array for each axis.

    Those of an expression have no static number: that is an error, which names what to use.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.function([], sg.nonzero([0, 3, 0, 1])[0])()
    array([1, 3])
    """
    value = _known(a, "nonzero")
    if not value.ndim:
        raise ShapeError("nonzero: a number has no axes to index")
    return tuple([literal(places) for places in value.nonzero()])


@public(examples=(_of_constant("flatnonzero"),))
def flatnonzero(a: Any) -> Expr:
    """The indices of the elements of a flattened constant that are not 0; see :func:`nonzero`."""
    return literal(np.flatnonzero(_known(a, "flatnonzero")))


@public(examples=(_of_constant("argwhere"),))
def argwhere(a: Any) -> Expr:
    """The indices of the elements of a constant that are not 0, a row each; see :func:`nonzero`."""
    return literal(np.argwhere(_known(a, "argwhere")))


_KEPT = np.array([True, False, True])


@public(
    examples=(
        Example(
            lambda x: FUNCTIONS["compress"](_KEPT, x, axis=0),
            lambda x: np.compress(_KEPT, x, axis=0),
            ((3, 4),),
        ),
        Example(
            lambda x: FUNCTIONS["compress"](_KEPT, x),
            lambda x: np.compress(_KEPT, x),
            ((3, 4),),
        ),
    )
)
def compress(condition: Any, a: Any, axis: int | None = None) -> Expr:
    """The slices along `axis` where a condition of one axis holds; of the flattened array.

    A condition that is an expression gives a selection, which waits for a reduction: see
    :func:`getitem`.
    """
    mask = as_expr(condition)
    if mask.ndim != 1:
        raise ShapeError(
            f"compress: a condition of shape {format_shape(mask.shape)}: expected one axis"
        )
    x = as_expr(a)
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis(axis, x.ndim, "compress: axis")
    known = known_value(mask)
    if known is not None:
        return take(x, np.flatnonzero(known), axis)
    return selected(x, _condition(mask, "compress"), axis)  # type: ignore[return-value]


@public(
    examples=(
        Example(
            lambda x: FUNCTIONS["extract"](np.eye(3) > 0, x),
            lambda x: np.extract(np.eye(3) > 0, x),
            ((3, 3),),
        ),
    )
)
def extract(condition: Any, arr: Any) -> Expr:
    """The elements of a flattened array where a condition holds; see :func:`compress`."""
    mask = as_expr(condition)
    known = known_value(mask)
    if known is not None:
        return take(arr, np.flatnonzero(known))
    return selected(ravel(arr), ravel(_condition(mask, "extract")), 0)  # type: ignore[return-value]
