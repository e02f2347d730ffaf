"""Sums and products over integers, indexed symbols, and derivatives that SymPy left open."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.errors import CompileError
from symgrad.ir.node import Expr, as_expr, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.size import Dim
from symgrad.symbolic.calls import call
from symgrad.symbolic.numbers import Exact, nearest
from symgrad.symbolic.to_expr import Plan

if TYPE_CHECKING:
    from symgrad.symbolic.to_expr import Translation

__all__ = ["plan", "table"]

#: sums of so few terms are written out; of more, an axis is summed over
_WRITTEN_OUT = 4
#: so many values of a function of integers are worked out by SymPy
_TABLE = 1_000
#: the most terms that are written out where an axis cannot be had
_MOST = 10_000


def plan(translation: Translation, expr: Any, kind: str) -> Plan | None:
    """What a sum, an indexed symbol or an open derivative needs; None for anything else."""
    if kind in ("Sum", "Product"):
        return (), lambda: _folded(translation, expr, kind)
    if kind == "Indexed":
        return (), lambda: _indexed(translation, expr.base, expr.indices, str(expr))
    if kind == "MatrixElement":
        return (expr.args[0],), lambda array: _element(translation, array, expr.args[1:], str(expr))
    if kind == "Derivative":
        return _derivative(translation, expr)
    if kind == "Subs":
        return (expr.doit(),), lambda value: value
    return None


# ---------------------------------------------------------------- sums and products


def _folded(translation: Translation, expr: Any, kind: str) -> Any:
    """``Sum(f, (i, a, b), (j, c, d))``: the last range is the outermost."""
    *inner, (symbol, low, high) = expr.limits
    body = expr.func(expr.function, *inner) if inner else expr.function
    if not expr.free_symbols and not expr.atoms(_indexed_base()):
        return Exact(expr)
    first, last = (_bound(translation, bound, expr) for bound in (low, high))
    if first is None or last is None:
        closed = expr.doit()
        if closed.atoms(type(expr)):
            raise CompileError(
                f"the range of {symbol} in {expr} must be known when it is compiled, or be a "
                "symbolic size; and it has no closed form"
            )
        return translation.value(closed)
    count = last - first + 1
    if isinstance(count, int) and count < 0:
        # SymPy takes the sum backwards: Sum(f, (i, 3, 0)) is -f(1) - f(2)
        backwards = expr.func(body, (symbol, last + 1, first - 1))
        value = translation.value(backwards)
        return call("negative", value) if kind == "Sum" else call("divide", 1, value)
    depends = any(symbol in bound.free_symbols for limit in inner for bound in limit[1:])
    if isinstance(count, int) and (count <= _WRITTEN_OUT or depends) and count <= _MOST:
        return _written_out(translation, body, symbol, range(first, first + count), kind)
    if depends:
        raise CompileError(f"{expr} has {count} terms with ranges that depend on {symbol}")
    return _along_an_axis(translation, body, symbol, first, count, kind)


def _indexed_base() -> Any:
    from sympy import IndexedBase, MatrixSymbol

    return (IndexedBase, MatrixSymbol)


def _bound(translation: Translation, bound: Any, expr: Any) -> Any:
    """An end of a range: an int, or a symbolic size; None where it is neither."""
    if bound.is_Integer:
        return int(bound)
    if bound.is_Symbol:
        value = translation.leaves.get(bound)
        return value if isinstance(value, (int, Dim, np.integer)) else None
    if bound.is_Add or bound.is_Mul:
        parts = [_bound(translation, part, expr) for part in bound.args]
        if any(part is None for part in parts):
            return None
        return reduce(lambda a, b: a + b if bound.is_Add else a * b, parts)
    return None


def _written_out(translation: Translation, body: Any, symbol: Any, values: range, kind: str) -> Any:
    if not values:
        return Exact(_sympy_integer(0 if kind == "Sum" else 1))
    terms = []
    for k in values:
        term = translation.value(body.xreplace({symbol: _sympy_integer(k)}))
        terms.append(nearest(term.expr) if isinstance(term, Exact) else term)
    return reduce(lambda a, b: call("add" if kind == "Sum" else "multiply", a, b), terms)


def _sympy_integer(value: int) -> Any:
    import sympy

    return sympy.Integer(value)


def _along_an_axis(
    translation: Translation, body: Any, symbol: Any, first: Any, count: Any, kind: str
) -> Any:
    """One more axis, in front of those of all leaves and of the ranges around this one."""
    arrays = _indexed_base()  # of these one element is meant, whatever their axes
    values = [v for s, v in translation.leaves.items() if not isinstance(s, arrays)]
    values += translation.indices.values()
    depth = max((v.ndim for v in values if isinstance(v, Expr)), default=0)
    shape = (count, *[1] * depth)
    numbers = FUNCTIONS["arange"](first, first + count)
    index = FUNCTIONS["reshape"](numbers, shape)
    inside = translation.inside(
        {symbol: FUNCTIONS["astype"](index, translation.dtype)}, {symbol: index}
    )
    if isinstance(count, int) and isinstance(first, int):
        inside.ranges[symbol] = np.arange(first, first + count).reshape((count, *[1] * depth))
    terms = inside.expression(body)
    axis = -(depth + 1)
    if terms.ndim <= depth:  # every term is the same
        return call("multiply", terms, count) if kind == "Sum" else call("power", terms, count)
    return FUNCTIONS["sum" if kind == "Sum" else "prod"](terms, axis=axis)


def table(translation: Translation, expr: Any) -> Expr | None:
    """A function of known integers alone, as SymPy works it out, rounded once; else None."""
    symbols = sorted(expr.free_symbols, key=str)
    ranges = translation.ranges
    if not symbols or not all(symbol in ranges for symbol in symbols):
        return None
    arrays = np.broadcast_arrays(*[ranges[symbol] for symbol in symbols])
    if arrays[0].size > _TABLE:
        return None
    values = np.empty(arrays[0].shape)
    for index in np.ndindex(values.shape):
        point = {s: _sympy_integer(int(a[index])) for s, a in zip(symbols, arrays, strict=True)}
        values[index] = nearest(expr.subs(point).doit())
    return literal(values, translation.dtype)


# ---------------------------------------------------------------- indices


def _indexed(translation: Translation, base: Any, indices: Any, text: str) -> Any:
    for leaf in (base, getattr(base, "label", None)):
        if leaf in translation.leaves:
            return _element(translation, as_expr(translation.leaves[leaf]), indices, text)
    raise CompileError(f"it has {text}, but no array is given for {base}")


def _element(translation: Translation, array: Any, indices: Any, text: str) -> Any:
    array = as_expr(array)
    if array.ndim != len(indices):
        raise CompileError(
            f"{text} has {len(indices)} indices, but the array for it has {array.ndim} axes"
        )
    found = []
    for index in indices:
        value = _index(translation, index)
        if value is None:
            raise CompileError(f"the index {index} of {text} is not known when it is compiled")
        found.append(value)
    return array[tuple(found)]


def _index(translation: Translation, index: Any) -> Any:
    """An index: an int, or an expression of integers; None where it is neither."""
    if index.is_Integer:
        return int(index)
    ranges = translation.indices
    if index in ranges:
        return ranges[index]
    if index in translation.leaves:
        value = translation.leaves[index]
        if isinstance(value, Exact):
            return int(value.expr)
        is_whole = isinstance(value, (int, np.integer, Dim)) or (
            isinstance(value, Expr) and value.dtype.kind in "iu"
        )
        return value if is_whole else None
    if index.is_Add or index.is_Mul:
        parts = [_index(translation, part) for part in index.args]
        if any(part is None for part in parts):
            return None
        return reduce(lambda a, b: a + b if index.is_Add else a * b, parts)
    if type(index).__name__ == "Mod":
        parts = [_index(translation, part) for part in index.args]
        return None if any(part is None for part in parts) else parts[0] % parts[1]
    return None


# ---------------------------------------------------------------- derivatives


def _derivative(translation: Translation, expr: Any) -> Plan:
    """By our own differentiation where the variables are leaves, else by SymPy's."""
    wrt = [symbol for symbol, count in expr.variable_count for _ in range(_times(count, expr))]
    values: list[Any] = [translation.leaves.get(symbol) for symbol in wrt]
    own = translation.derivative
    leaves = [value for value in values if _is_leaf(value)]
    if own is None or len(leaves) < len(values):
        return (expr.doit(),), lambda value: value

    def make(value: Any) -> Any:
        for x in leaves:
            if isinstance(value, Exact):
                return literal(0, translation.dtype)
            value = own(value, x)
        return value

    return (expr.expr,), make


def _times(count: Any, expr: Any) -> int:
    if not count.is_Integer:
        raise CompileError(f"the order of {expr} is not known when it is compiled")
    return int(count)


def _is_leaf(value: Any) -> bool:
    return isinstance(value, Expr) and not value.args and value.dtype.kind == "f"
