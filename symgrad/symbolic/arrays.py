"""Arrays of SymPy expressions: a graph written out, element by element."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.aval import Avals
from symgrad.ir.graph import topological
from symgrad.ir.node import LITERAL, Expr
from symgrad.symbolic.formulas import exact, translate
from symgrad.symbolic.matrices import DEFINITIONS

__all__ = ["array_of_symbols", "as_sympy_arrays", "dense"]

Array = np.ndarray[Any, Any]


def array_of_symbols(name: str, shape: tuple[int, ...]) -> Array:
    """An array of real symbols, called by the name and their index.

    Examples
    --------
    >>> array_of_symbols("x", (2,))
    array([x_0, x_1], dtype=object)
    """
    import sympy

    symbols = np.empty(shape, object)
    for index in np.ndindex(shape):
        symbols[index] = sympy.Symbol("_".join([name, *map(str, index)]), real=True)
    return symbols


def dense(given: Any, shape: tuple[int, ...]) -> Array:
    """What a user gave for an array: a nested list, a matrix, an indexed base, or one symbol.

    Raises
    ------
    DeclarationError
        If it has another shape.
    """
    import sympy

    array = np.empty(shape, object)
    if isinstance(given, (sympy.IndexedBase, sympy.MatrixSymbol)):
        for index in np.ndindex(shape):
            array[index] = given[index if len(index) != 1 else index[0]]
        return array
    if hasattr(given, "tolist"):
        given = given.tolist()
    found = np.array(given, object)
    if found.shape != shape:
        if found.size != array.size or 1 not in (found.shape or (1,)):
            raise DeclarationError(f"expected symbols of shape {shape}; got {found.shape}")
        found = found.reshape(shape)
    for index in np.ndindex(shape):
        array[index] = sympy.sympify(found[index])
    return array


def as_sympy_arrays(outputs: Sequence[Expr], leaves: Mapping[Expr, Array]) -> list[Array]:
    """Each element of the expressions in SymPy's language.

    Elementwise ops are their formulas, the ops on arrays their definitions: a softmax is the
    plain quotient, a variance the mean of squares. All shapes must be static.

    Parameters
    ----------
    outputs : sequence of Expr
    leaves : mapping
        What stands for the leaves: arrays of SymPy expressions.

    Raises
    ------
    CompileError
        Naming an op of which SymPy cannot be told.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> as_sympy_arrays([sg.softmax(x)[0]], {x: array_of_symbols("x", (2,))})[0].item()
    exp(x_0)/(exp(x_0) + exp(x_1))
    """
    found: dict[Expr, Array] = dict(leaves)
    for node in topological(outputs, stop=found.__contains__):
        if node not in found:
            value = _written_out(node, [found[arg] for arg in node.args])
            if not isinstance(node.aval, Avals):
                assert value.shape == node.shape, (node.op.name, value.shape, node.shape)
            found[node] = value
    return [found[output] for output in outputs]


def _written_out(node: Expr, args: list[Array]) -> Any:
    if node.op is LITERAL:
        array = node.attrs["value"].array
        return _each(lambda value: exact(array.dtype.type(value)))(array)
    define = _DEFINITIONS.get(node.op.name) or DEFINITIONS.get(node.op.name)
    if define is not None:
        value = define(node, *args)
        return value if isinstance(node.aval, Avals) else np.asarray(value, object)
    if node.op.name == "symmetric_function":
        return _symmetric_function(node, *args)
    if not args:  # a size, or a draw: SymPy is told of no more than translate knows
        return np.asarray(translate(node, []), object)
    return _each(lambda *values: translate(node, list(values)), len(args))(*args)


def _symmetric_function(node: Expr, a: Array, w: Array, v: Array) -> Array:
    """V f(w) V^T."""
    body = node.attrs["f"]
    (x,) = [n for n in topological([body]) if n.op.identity]
    values = np.empty(w.shape, object)
    for index in np.ndindex(w.shape):
        values[index] = as_sympy_arrays([body], {x: np.asarray(w[index], object)})[0].item()
    return (v * values[..., None, :]) @ v.swapaxes(-1, -2)


def _each(fn: Callable[..., Any], arity: int = 1) -> Callable[..., Array]:
    """`fn` on each element, always giving an array."""
    ufunc = np.frompyfunc(fn, arity, 1)

    def apply(*arrays: Any) -> Any:
        with np.errstate(invalid="ignore"):  # a literal NaN is looked at
            return np.asarray(ufunc(*arrays), object)

    return apply


# ---------------------------------------------------------------- definitions of ops on arrays

_DEFINITIONS: dict[str, Callable[..., Any]] = {}


def _define(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def enter(fn: Callable[..., Any]) -> Callable[..., Any]:
        _DEFINITIONS.update(dict.fromkeys(names, fn))
        return fn

    return enter


def _exp(x: Array) -> Array:
    import sympy

    return _each(sympy.exp)(x)


def _log(x: Array) -> Array:
    import sympy

    return _each(sympy.log)(x)


def _total(x: Array, node: Expr, keepdims: bool = True) -> Any:
    return x.sum(axis=node.attrs["axis"], keepdims=keepdims)


def _count(x: Array, node: Expr) -> Any:
    import sympy

    return sympy.Integer(np.prod([x.shape[axis] for axis in node.attrs["axis"]], dtype=int))


@_define("reshape", "expand_dims", "squeeze")
def _reshape(node: Expr, x: Array) -> Any:
    return x.reshape(node.shape)


@_define("broadcast_to", "full")
def _broadcast(node: Expr, x: Array) -> Any:
    return np.broadcast_to(x, node.shape)  # type: ignore[arg-type]  # sizes are static here


@_define("transpose")
def _transpose(node: Expr, x: Array) -> Any:
    return x.transpose(node.attrs["axes"])


@_define("concatenate", "stack")
def _join(node: Expr, *arrays: Array) -> Any:
    join = np.concatenate if node.op.name == "concatenate" else np.stack
    return join(arrays, axis=node.attrs["axis"])


@_define("zeros", "ones")
def _constant(node: Expr) -> Any:
    import sympy

    value = sympy.S.Zero if node.op.name == "zeros" else sympy.S.One
    return np.full(node.shape, value, object)


@_define("arange")
def _arange(node: Expr) -> Any:
    import sympy

    start, step = (sympy.Rational(node.attrs[key]) for key in ("start", "step"))
    return [start + step * i for i in range(node.shape[0])]


@_define("sum", "prod")
def _fold(node: Expr, x: Array) -> Any:
    fold = np.sum if node.op.name == "sum" else np.prod
    if node.args[0].dtype.kind == "b":  # conditions that hold are counted
        x = np.frompyfunc(_one_or_zero, 1, 1)(x)
    return fold(x, axis=node.attrs["axis"], keepdims=node.attrs["keepdims"])


def _one_or_zero(condition: Any) -> Any:
    import sympy

    return sympy.Piecewise((1, condition), (0, True))


@_define("max", "min")
def _extremum(node: Expr, x: Array) -> Any:
    import sympy

    choose = np.frompyfunc(sympy.Max if node.op.name == "max" else sympy.Min, 2, 1)
    for axis in node.attrs["axis"]:
        x = choose.reduce(x, axis=axis, keepdims=True)
    return x.reshape(node.shape)


@_define("euclidean_norm")
def _euclidean_norm(node: Expr, x: Array) -> Any:
    import sympy

    total = np.asarray(_total(x * x, node, node.attrs["keepdims"]), object)
    return _each(sympy.sqrt)(total)


@_define("unit")
def _unit(node: Expr, x: Array) -> Any:
    import sympy

    return x / _each(sympy.sqrt)(np.asarray(_total(x * x, node), object))


@_define("p_norm")
def _p_norm(node: Expr, x: Array) -> Any:
    import sympy

    p = sympy.Rational(node.attrs["p"])
    powers = _each(lambda value: sympy.Abs(value) ** p)(x)
    total = np.asarray(_total(powers, node, node.attrs["keepdims"]), object)
    return _each(lambda value: value ** (1 / p))(total)


@_define("mean")
def _mean(node: Expr, x: Array) -> Any:
    return _total(x, node, node.attrs["keepdims"]) / _count(x, node)


@_define("var")
def _var(node: Expr, x: Array) -> Any:
    away = x - _total(x, node) / _count(x, node)
    count = _count(x, node) - node.attrs["ddof"]
    return _total(away**2, node, node.attrs["keepdims"]) / count


@_define("logsumexp")
def _logsumexp(node: Expr, x: Array) -> Any:
    return _log(np.asarray(_total(_exp(x), node, node.attrs["keepdims"]), object))


@_define("logmeanexp")
def _logmeanexp(node: Expr, x: Array) -> Any:
    mean = _total(_exp(x), node, node.attrs["keepdims"]) / _count(x, node)
    return _log(np.asarray(mean, object))


@_define("softmax", "log_softmax")
def _softmax(node: Expr, x: Array) -> Any:
    e = _exp(x)
    if node.op.name == "softmax":
        return e / _total(e, node)
    return x - _log(_total(e, node))


@_define("matmul")
def _matmul(node: Expr, x: Array, y: Array) -> Any:
    return x @ y


@_define("getitem")
def _getitem(node: Expr, x: Array, *arrays: Array) -> Any:
    return x[_index(node, arrays)]


@_define("scatter_add")
def _scatter_add(node: Expr, x: Array, *rest: Array) -> Any:
    *arrays, values = rest
    if node.dtype.kind == "b":  # of truth values, the sum is whether one holds
        import sympy

        either = np.frompyfunc(sympy.Or, 2, 1)
        out = np.vectorize(lambda v: sympy.true if v else sympy.false, otypes=[object])(x)
        either.at(out, _index(node, arrays), values)
        return out
    out = x.copy()
    np.add.at(out, _index(node, arrays), values)
    return out


def _index(node: Expr, arrays: Sequence[Array]) -> tuple[Any, ...]:
    """NumPy's index of a node that has a normalised one."""
    index: list[Any] = []
    for kind, *rest in node.attrs["index"]:
        if kind == "slice":
            start, length, step = rest
            stop = start + length * step
            index.append(slice(start, None if stop < 0 else stop, step))
        elif kind == "new":
            index.append(None)
        else:
            index.append(arrays[rest[0]].astype(int) if kind == "array" else rest[0])
    return tuple(index)
