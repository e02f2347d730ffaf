"""``sg.trace``: a function of arrays, called once on inputs, becomes expressions."""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from symgrad.errors import DeclarationError, ExpressionUseError
from symgrad.ir import size as sizes
from symgrad.ir.dtypes import as_dtype, get_default_dtype
from symgrad.ir.graph import topological
from symgrad.ir.lifted import Lifted
from symgrad.ir.node import Expr, as_expr
from symgrad.model.declare import input
from symgrad.model.tree import flatten
from symgrad.ops.leaf import INPUT, PARAM, STATE

__all__ = ["Spec", "leaves", "spec", "subexpressions", "trace"]


class Spec(NamedTuple):
    """A shape and a dtype; made by :func:`spec`."""

    shape: tuple[sizes.Size, ...]
    dtype: np.dtype[Any]


def spec(shape: Any, dtype: Any = None) -> Spec:
    """A shape and a dtype, for :func:`trace`.

    Parameters
    ----------
    shape : tuple of int, str or Dim
    dtype : dtype, optional
        The default dtype (float64) if None.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.spec(("N", 3), "float32")
    Spec(shape=(Dim('N'), 3), dtype=dtype('float32'))
    """
    return Spec(sizes.as_shape(shape), as_dtype(get_default_dtype() if dtype is None else dtype))


def trace(fn: Callable[..., Any], /, *specs: Any, **named: Any) -> Any:
    """Call a function of arrays once, on fresh inputs, and give back its results.

    The function need not know of symgrad: NumPy's functions take expressions. Python's own
    control flow runs while it is traced: a loop over a static axis is written out, and a branch
    on a static argument is chosen.

    Parameters
    ----------
    fn : callable
        Made of NumPy functions, without filling arrays in place.
    *specs, **named : from :func:`spec`, structures of them, or anything else
        The arguments. Each spec, also within tuples, lists and dicts, becomes an input; all that
        is no spec (numbers, strings, arrays, expressions) is passed as it is. The inputs are
        named as the parameters are: ``x``; ``xs_0`` for the first of ``*xs``; ``params_W`` for
        ``params["W"]``.

    Returns
    -------
    What `fn` returns: expressions, in whose graph the inputs are found by name
    (:func:`leaves`).

    Raises
    ------
    DeclarationError
        If the arguments do not fit `fn`, two inputs have one name, or nothing is returned.
    ExpressionUseError
        If `fn` does with its arguments what needs their values: it says what to use instead.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> def energy(x, k=2.0):
    ...     return 0.5 * k * np.sum((x[1:] - x[:-1]) ** 2)
    >>> loss = sg.trace(energy, sg.spec(("N",)), k=3.0)
    >>> x = sg.leaves(loss)["x"]
    >>> sg.function([x], sg.grad(loss, x))([1.0, 2.0, 4.0])
    array([-3., -3.,  6.])
    """
    if not callable(fn):
        raise DeclarationError(f"trace expects a function; got {type(fn).__name__} {fn!r}")
    title = getattr(fn, "__qualname__", repr(fn))
    args, kwargs = _arguments(fn, title, specs, named)
    made: dict[str, Expr] = {}
    args = tuple([_inputs(value, name, made) for name, value in args])
    kwargs = {key: _inputs(value, key, made) for key, value in kwargs.items()}
    try:
        result = fn(*args, **kwargs)
    except ExpressionUseError:
        raise
    except Exception as error:
        hidden = _hidden(error)
        if hidden is None:
            raise
        raise ExpressionUseError(f"{hidden}{_place(error)}") from error
    if result is None:
        raise DeclarationError(
            f"trace: {title} returned None; a function is traced for what it returns, and "
            "expressions cannot be filled or changed in place"
        )
    return _expressions(result)


def leaves(outputs: Any, kind: str | None = None) -> dict[str, Expr]:
    """The inputs, parameters and states that expressions are made of, by name.

    Parameters
    ----------
    outputs : Expr, or structure of them
    kind : "input", "param" or "state", optional
        All three if None.

    Raises
    ------
    DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> x, w = sg.input("x", (3,)), sg.param("w", (3,))
    >>> list(sg.leaves((w * x).sum()))
    ['w', 'x']
    >>> list(sg.leaves((w * x).sum(), kind="param"))
    ['w']
    """
    kinds = {"input": INPUT, "param": PARAM, "state": STATE}
    if kind is not None and kind not in kinds:
        raise DeclarationError(f"leaves: expected kind to be one of {list(kinds)}; got {kind!r}")
    wanted = kinds.values() if kind is None else (kinds[kind],)
    found: dict[str, Expr] = {}
    for node in topological([as_expr(leaf) for leaf in flatten(outputs)[0]]):
        if node.op in wanted:
            found.setdefault(str(node.attrs["name"]), node)
    return found


def subexpressions(outputs: Any) -> list[Expr]:
    """All that expressions are made of, themselves included: arguments before what needs them.

    What stands in the body of a loop or a branch is part of that loop's expression.

    Parameters
    ----------
    outputs : Expr, or structure of them

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> [node.op.name for node in sg.subexpressions(sg.tanh(2.0 * x))]
    ['literal', 'input', 'multiply', 'tanh']
    """
    return list(topological([as_expr(leaf) for leaf in flatten(outputs)[0]]))


Named = list[tuple[str, Any]]


def _arguments(
    fn: Callable[..., Any], title: str, specs: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Positional arguments with their names, and those that are passed by name."""
    try:
        signature = inspect.signature(fn)
    except ValueError:  # a function written in C may have none
        return [(f"x{i}", value) for i, value in enumerate(specs)], named
    try:
        bound = signature.bind(*specs, **named)
    except TypeError as error:
        raise DeclarationError(f"trace: {title}{signature}: {error}") from None
    args: Named = []
    for name, value in bound.arguments.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            args += [(f"{name}_{i}", part) for i, part in enumerate(value)]
        elif len(args) < len(bound.args):
            args.append((name, value))
    return args, bound.kwargs


def _inputs(value: Any, name: str, made: dict[str, Expr]) -> Any:
    """The argument with an input in place of each spec."""
    if isinstance(value, Spec):
        if name in made:
            raise DeclarationError(f"trace: two inputs would have the name {name!r}")
        made[name] = input(name, *value)
        return made[name]
    if isinstance(value, dict) and _has_spec(value):
        return {key: _inputs(part, f"{name}_{key}", made) for key, part in value.items()}
    if isinstance(value, (list, tuple)) and _has_spec(value):
        fields = getattr(value, "_fields", range(len(value)))
        parts = [
            _inputs(part, f"{name}_{key}", made) for key, part in zip(fields, value, strict=True)
        ]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _has_spec(value: Any) -> bool:
    if isinstance(value, Spec):
        return True
    if isinstance(value, dict):
        return any(_has_spec(part) for part in value.values())
    return isinstance(value, (list, tuple)) and any(_has_spec(part) for part in value)


def _expressions(result: Any) -> Any:
    """The result with its numbers and arrays as expressions."""
    if isinstance(result, dict):
        return {key: _expressions(part) for key, part in result.items()}
    if isinstance(result, (list, tuple)):
        parts = [_expressions(part) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if isinstance(result, (bool, int, float, complex, np.ndarray, np.generic, sizes.Dim, Lifted)):
        return as_expr(result)  # of a selection, which is no expression, it says why
    return result


def _hidden(error: BaseException) -> ExpressionUseError | None:
    """The refusal that a library met and reported in words of its own."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ExpressionUseError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _place(error: BaseException) -> str:
    """The line of the traced function in which an error arose."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if (
            not frame.filename.startswith(package)
            and os.sep + "numpy" + os.sep not in frame.filename
        ):
            return f"\n  in {frame.filename}:{frame.lineno}: {frame.line}"
    return ""
