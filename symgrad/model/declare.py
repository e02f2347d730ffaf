"""Declaring: inputs, parameters, states, constants, names."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

import symgrad.autodiff.along_axis  # noqa: F401  # NumPy's function of that name calls it
from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir import size as sizes
from symgrad.ir.aval import format_shape
from symgrad.ir.dtypes import as_dtype, get_default_dtype, is_complex, is_float
from symgrad.ir.node import Expr, as_expr, identity, literal, make
from symgrad.ir.provenance import Origin, capture, current_scope
from symgrad.model.sharing import stored
from symgrad.ops.leaf import INPUT, NAMED, PARAM, STATE, TRAINING

__all__ = [
    "Cell",
    "const",
    "dim",
    "input",
    "name",
    "param",
    "state",
    "training",
    "update",
]

dim = sizes.dim


def _checked_name(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise DeclarationError(f"the name of {what} must be a non-empty string; got {value!r}")
    return value


def _leaf(op: Any, full: str, shape: Any, dtype: Any, what: str, **attrs: Any) -> Expr:
    found = as_dtype(get_default_dtype() if dtype is None else dtype)
    if is_complex(found):
        raise DTypeError(
            f"{what} {full!r}: expected a real dtype; got {found}. Pass the real and the imaginary "
            "part, and join them: z = sg.complex(re, im)"
        )
    try:
        axes = sizes.as_shape(shape)
    except (ShapeError, DTypeError) as error:
        raise type(error)(f"{what} {full!r}: {error}") from None
    return identity(op, {"name": full, "shape": axes, "dtype": found, **attrs})


def input(name: str, shape: Any, dtype: Any = None) -> Expr:
    """Declare data that arrives with each call.

    Parameters
    ----------
    name : str
        Any name but ``rng``; data is passed to a model by it.
    shape : tuple of int, str or Dim
        ``"B"`` is a symbolic size, known at the call.
    dtype : dtype, optional
        Boolean, integer or floating; the default dtype (float64) if None.

    Raises
    ------
    DeclarationError, ShapeError, DTypeError

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 64))
    >>> x.shape, x.dtype
    ((Dim('B'), 64), dtype('float64'))
    """
    _checked_name(name, "an input")
    if name == "rng":
        raise DeclarationError(
            "'rng' is the name of the random generator of a call; choose another"
        )
    return _leaf(INPUT, name, shape, dtype, "input")


class Hashable:
    """An initialiser as an attribute of a node: compared by identity, kept as it is."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _require_initialiser(value: Any, full: str) -> None:
    """Refuse a class, or a function of other arguments: as a rule it was meant to be called."""
    try:
        inspect.signature(value).bind(None, (), None)
        fits = not isinstance(value, type)
    except TypeError:
        fits = False
    except ValueError:  # written in C, without a signature
        fits = True
    if not fits:
        shown = getattr(value, "__name__", repr(value))
        raise DeclarationError(
            f"init of {full!r}: expected a callable (rng, shape, dtype); got {shown}, which does "
            f"not take these; if it makes an initialiser, call it: {shown}()"
        )


def _initialiser(value: Any, full: str, shape: tuple[Any, ...]) -> Hashable:
    if value is None:
        return Hashable(value)
    if callable(value):
        _require_initialiser(value, full)
        return Hashable(value)
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError
    except (TypeError, ValueError):
        raise DeclarationError(
            f"init of {full!r}: expected an initialiser from sg.init, an array, a number or a "
            f"callable (rng, shape, dtype); got {value!r}"
        ) from None
    if array.shape:
        static = [s for s in shape if isinstance(s, int)]
        if array.ndim != len(shape) or (len(static) == len(shape) and array.shape != tuple(shape)):
            raise ShapeError(
                f"init of {full!r}: expected shape {format_shape(shape)}; got {array.shape}"
            )
    return Hashable(np.array(array))


def param(name: str, shape: Any, init: Any = None, dtype: Any = None) -> Expr:
    """Declare a trainable value, in the current scope.

    Parameters
    ----------
    name : str
        The scope is put before it: ``encoder.W``.
    shape : tuple of int, str or Dim
    init : initialiser, array, number or callable ``(rng, shape, dtype)``, optional
        From ``sg.init``; zeros if None.
    dtype : dtype, optional
        Floating; the default dtype if None.

    Raises
    ------
    DeclarationError, ShapeError, DTypeError

    Examples
    --------
    >>> import symgrad as sg
    >>> W = sg.param("W", (64, 32), init=sg.init.he_normal())
    >>> sg.compile((W * W).sum()).init(seed=0)["W"].shape
    (64, 32)
    """
    full = _in_scope(_checked_name(name, "a parameter"))
    axes = sizes.as_shape(shape) if _is_shape(shape) else shape
    holder = _initialiser(init, full, axes if isinstance(axes, tuple) else ())
    made = _leaf(PARAM, full, shape, dtype, "parameter", init=holder)
    if not is_float(made.dtype):
        raise DTypeError(
            f"parameter {full!r}: expected a floating dtype, since it is trained; got {made.dtype}"
        )
    return stored(made)


def _is_shape(shape: Any) -> bool:
    try:
        sizes.as_shape(shape)
    except (ShapeError, DTypeError, DeclarationError):
        return False
    return True


def _in_scope(name: str) -> str:
    scope = current_scope()
    return f"{scope}.{name}" if scope else name


class Cell:
    """Where a state keeps the expression of its new value."""

    __slots__ = ("expression",)

    def __init__(self) -> None:
        self.expression: Expr | None = None


def state(name: str, shape: Any, init: Any = 0.0, dtype: Any = None) -> Expr:
    """Declare a value that no gradient reaches, such as a running mean.

    Its new value is declared by :func:`update` and committed by ``step`` alone.

    Parameters
    ----------
    name : str
    shape : tuple of int, str or Dim
    init : array, number or callable ``(rng, shape, dtype)``, optional
    dtype : dtype, optional
        The default dtype if None.

    Examples
    --------
    >>> import symgrad as sg
    >>> seen = sg.state("seen", ())
    >>> x = sg.input("x", ("B",))
    >>> sg.update(seen, seen + x.shape[0])
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile((w * x).mean() + 0 * seen, optimizer=sg.optim.SGD(0.1))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params), x=[1.0, 2.0, 3.0])
    >>> float(params["seen"])
    3.0
    """
    full = _in_scope(_checked_name(name, "a state"))
    axes = sizes.as_shape(shape) if _is_shape(shape) else ()
    holder = _initialiser(init, full, axes)
    return stored(_leaf(STATE, full, shape, dtype, "state", init=holder, cell=Cell()))


def update(state: Expr, expression: Any) -> None:
    """Declare the new value of a state, committed last, by ``step`` alone.

    It is part of a model whose loss, outputs or other updates read the state.

    Parameters
    ----------
    state : Expr
        From :func:`state`.
    expression : Expr, array or number, or a function
        Of the state's shape. A function takes the value that the state is to have so far (the
        state itself, or the new value that an earlier update gave it) and gives the next: so
        updates of a state that is used at several places follow one another.

    Raises
    ------
    DeclarationError
        If it is no state, or has an update already that is not of this expression.
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> import symgrad as sg
    >>> mean = sg.state("mean", (3,))
    >>> x = sg.input("x", ("B", 3))
    >>> sg.update(mean, 0.9 * mean + 0.1 * x.mean(axis=0))
    >>> seen = sg.state("seen", ())
    >>> for data in (x, sg.input("y", ("C", 3))):
    ...     sg.update(seen, lambda so_far: so_far + data.shape[0])
    """
    if not isinstance(state, Expr) or state.op is not STATE:
        raise DeclarationError(f"sg.update takes a state from sg.state; got {state!r}")
    cell: Cell = state.attrs["cell"]
    follows = callable(expression) and not isinstance(expression, Expr)
    if follows:
        expression = expression(state if cell.expression is None else cell.expression)
    new = as_expr(expression)
    if not follows and cell.expression is not None and cell.expression is not new:
        raise DeclarationError(f"the state {state.name!r} has an update already")
    if new.shape != state.shape:
        if new.shape:
            raise ShapeError(
                f"update of {state.name!r}: expected {format_shape(state.shape)}; "
                f"got {format_shape(new.shape)}"
            )
        from symgrad.ir.op import FUNCTIONS

        new = FUNCTIONS["broadcast_to"](new, state.shape)
    if new.dtype != state.dtype:
        new = new.astype(state.dtype)
    cell.expression = new


def training() -> Expr:
    """The flag of the entry being compiled: true in ``step``, ``forward`` and gradients.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> f = sg.function([x], sg.where(sg.training(), 0.0, x))
    >>> float(f(2.0))
    2.0
    """
    return make(TRAINING, (), {})


def const(value: Any, name: str | None = None) -> Expr:
    """A literal array; Python and NumPy numbers need no wrapping.

    Parameters
    ----------
    value : array, nested list or number
    name : str, optional
        What the source calls it.

    Raises
    ------
    DeclarationError
        If a value that is to be named is an expression.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.const([1.0, 2.0], name="weights").shape
    (2,)
    """
    if name is not None:
        _checked_name(name, "a constant")
    made = as_expr(value)
    if name is None:
        return made
    if "value" not in made.attrs:
        raise DeclarationError(f"sg.const takes an array or a number; got {made!r}")
    return literal(made.attrs["value"].array, name=name)


def name(expression: Any, name: str) -> Expr:
    """Give a subexpression a name for source, pictures and equations.

    Parameters
    ----------
    expression : Expr
    name : str

    Raises
    ------
    DeclarationError
        If it was declared under another name.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> h1 = sg.name(sg.tanh(x), "h1")
    >>> h1.name
    'h1'
    """
    _checked_name(name, "an expression")
    node = as_expr(expression)
    if node.closed:  # it may belong to other models too: there it keeps its own name
        return make(NAMED, (node,), {"name": name})
    if "name" in node.attrs:
        if node.attrs["name"] == name:
            return node
        raise DeclarationError(
            f"{node.attrs['name']!r} is declared and has that name; got {name!r}"
        )
    origin = node.origin or capture() or Origin()
    origin.name = name
    node.origin = origin
    return node
