"""``sg.lambdify``: a SymPy expression becomes a function of arrays, with gradient and Hessian."""

from __future__ import annotations

import os
import pathlib
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir import provenance
from symgrad.model import tree as trees
from symgrad.model.arguments import declared_arguments
from symgrad.model.artefact import Artefact
from symgrad.model.batched import Pattern, flags_and_sizes, spread
from symgrad.model.function import Function, require_options
from symgrad.model.jets import Jet, jet_of
from symgrad.model.scalar_code import scalar_program
from symgrad.model.sympy_door import sympified, translated

if TYPE_CHECKING:
    from symgrad.ir.graph import Graph
    from symgrad.ir.node import Expr
    from symgrad.model.passes import PassRow

__all__ = ["Lambdified", "lambdify"]

#: elements that are worked on at a time: intermediate results of so many stay in the cache
BLOCK = 16_384

_PLAIN = frozenset({float, int, np.float64})


def lambdify(
    args: Any, expr: Any, derivatives: int = 0, *, style: str = "fast", name: str = "lambdified"
) -> Lambdified:
    """A SymPy expression as a function of numbers and arrays, with its derivatives.

    As ``sympy.lambdify``, but a constant has the shape of the arguments, a branch that is not
    taken neither warns nor poisons, common parts are computed once, formulas are stabilised,
    and large expressions compile in a time linear in their size.

    Parameters
    ----------
    args : symbol, or list or tuple of them, nested as the arguments of the call are to be
        Symbols, matrix symbols, matrices of symbols, indexed bases, ``f(t)``.
    expr : SymPy expression, matrix or array, or a list, tuple or dict of them
    derivatives : {0, 1, 2}
        Whether the gradient, and the Hessian, are returned too. Symbolic differentiation of the
        whole is never asked of SymPy.
    style : {"fast", "readable"}
    name : str
        Of the generated function.

    Returns
    -------
    Lambdified
        Call it with numbers and arrays that broadcast against each other, of shape ``batch``
        together (an array argument has its own axes last). It returns the value, of shape
        ``batch + shape of expr``; with `derivatives` a tuple of value, gradient
        ``(..., n)`` and Hessian ``(..., n, n)``, where n counts the scalar arguments in their
        order, an array argument by its elements.

    Raises
    ------
    CompileError
        Naming the symbol that is no argument, or the function that has no counterpart.

    Notes
    -----
    Integers become float64; float32 stays float32. Where no branch of a ``Piecewise`` applies,
    the value is NaN.

    Examples
    --------
    >>> import sympy, symgrad as sg
    >>> x, y = sympy.symbols("x y")
    >>> f = sg.lambdify((x, y), sympy.log(1 + sympy.exp(x * y)), derivatives=1)
    >>> value, gradient = f([0.0, 1000.0], 1.0)
    >>> value, gradient
    (array([6.93147181e-01, 1.00000000e+03]), array([[5.e-01, 0.e+00],
           [1.e+00, 1.e+03]]))
    """
    require_options("numpy", style, None)
    if derivatives not in (0, 1, 2) or isinstance(derivatives, bool):
        raise DeclarationError(f"derivatives: expected 0, 1 or 2; got {derivatives!r}")
    if not isinstance(name, str) or not name:
        raise DeclarationError(f"name: expected a non-empty string; got {name!r}")
    return Lambdified(args, expr, derivatives, style, name)


class Lambdified(Artefact):
    """A function of numbers and arrays, made by :func:`lambdify`.

    It compiles when first called with arguments of a kind: one program for numbers, one for
    arrays of one shape, one for each other way in which arguments broadcast, and keeps them.
    It may be called from several threads at once, and pickles.

    Attributes
    ----------
    function : Function
        The program for arguments that are arrays of one axis: what `source`, `save`, `latex`
        and `report` show.
    """

    def __init__(self, args: Any, expr: Any, derivatives: int, style: str, name: str) -> None:
        self.derivatives = derivatives
        self._style = style
        self._name = name
        self._arguments, self._structure = declared_arguments(args)
        parts, self._tree = trees.flatten(sympified(expr))
        self._parts = parts
        self._nested = self._structure is not None and any(
            below is not None for below in self._structure[2]
        )
        self._prepare()
        if all(argument.shape is not None for argument in self._arguments):
            self._jet(self._key(tuple(a.shape for a in self._arguments), np.dtype(np.float64)))

    def _prepare(self) -> None:
        self._lock = threading.RLock()
        self._jets: dict[Any, Jet] = {}
        self._functions: dict[Any, Function] = {}
        self._scalar: Any = None
        self._scalars = all(a.shape == () for a in self._arguments) and not self._nested
        self._count = len(self._arguments)

    def __getstate__(self) -> dict[str, Any]:
        keep = ("derivatives", "_style", "_name", "_arguments", "_structure", "_parts", "_tree")
        return {key: self.__dict__[key] for key in (*keep, "_nested")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    # ---- calling

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if self._scalars and not kwargs and len(args) == self._count:
            for arg in args:
                if type(arg) not in _PLAIN:
                    break
            else:
                if self._scalar is None:
                    self._scalar = self._number_program()
                return self._scalar(*args)
        return self._call(self._bound(args, kwargs))

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """The arguments in order, out of the structure in which they were declared."""
        if kwargs:
            names = [a.name for a in self._arguments]
            if self._nested:
                raise DeclarationError(f"{self._name}: nested arguments are passed by position")
            given = dict(zip(names, args, strict=False))
            for name, value in kwargs.items():
                if name not in names or name in given:
                    what = "twice" if name in given else f"but it has only {names}"
                    raise DeclarationError(f"{self._name} got the argument {name!r}, {what}")
                given[name] = value
            if len(given) != len(names):
                missing = next(name for name in names if name not in given)
                raise DeclarationError(f"{self._name} lacks the argument {missing!r}")
            return [given[name] for name in names]
        if self._structure is None:
            expected, found = 1, list(args)
        else:
            expected, found = len(self._structure[2]), []
            if len(args) == expected:
                for value, below in zip(args, self._structure[2], strict=True):
                    found += _leaves_like(value, below, self._name)
        if len(args) != expected:
            shown = ", ".join(a.name for a in self._arguments)
            raise DeclarationError(
                f"{self._name} takes {expected} arguments ({shown}); got {len(args)}"
            )
        return found

    def _call(self, values: list[Any]) -> Any:
        arrays, dtype = self._arrays(values)
        shapes = []
        batches = []
        for argument, array in zip(self._arguments, arrays, strict=True):
            if array.ndim < argument.ndim:
                raise ShapeError(
                    f"{argument.name}: expected {argument.ndim} axes or more; got {array.shape}"
                )
            cut = array.ndim - argument.ndim
            core = array.shape[cut:]
            if argument.shape is not None and core != argument.shape:
                raise ShapeError(
                    f"{argument.name}: expected shape (..., "
                    f"{', '.join(map(str, argument.shape))}); got {array.shape}"
                )
            shapes.append(core)
            batches.append(array.shape[:cut])
        try:
            batch = np.broadcast_shapes(*batches)
        except ValueError:
            shown = ", ".join(
                f"{a.name} {s}" for a, s in zip(self._arguments, batches, strict=True)
            )
            raise ShapeError(
                f"{self._name}: the arguments do not broadcast against each other: {shown}"
            ) from None
        pattern, sizes, kept = flags_and_sizes(batches, batch)
        flat = [
            array.reshape((*shape, *core))
            for array, shape, core in zip(arrays, kept, shapes, strict=True)
        ]
        key = self._key(tuple(shapes), dtype)
        function = self._function(key, pattern)
        jet = self._jets[key]
        if len(sizes) == 1 and sizes[0] > BLOCK:
            outputs = _blocks(function, flat, pattern, sizes[0], jet)
        else:
            outputs = function(*flat)
        done = [
            out.reshape((*batch, *out.shape[len(sizes) :])) if len(batch) != len(sizes) else out
            for out in outputs
        ]
        return self._result(done)

    def _arrays(self, values: list[Any]) -> tuple[list[np.ndarray[Any, Any]], np.dtype[Any]]:
        """The arguments in one floating dtype: Python's numbers take that of the arrays."""
        arrays, strong = [], []
        for argument, value in zip(self._arguments, values, strict=True):
            try:
                array = np.asarray(value)
            except ValueError as error:
                raise ShapeError(f"{argument.name}: expected an array; got {error}") from None
            if array.dtype.kind not in "fiub":
                raise DTypeError(
                    f"{argument.name}: expected real numbers; got {array.dtype} "
                    f"({type(value).__name__})"
                )
            arrays.append(array)
            if type(value) not in (int, float, bool):
                strong.append(array.dtype if array.dtype.kind == "f" else np.dtype(np.float64))
        dtype = np.result_type(*strong) if strong else np.dtype(np.float64)
        dtype = dtype if dtype in (np.float32, np.float64) else np.dtype(np.float64)
        return [array.astype(dtype, copy=False) for array in arrays], dtype

    def _result(self, outputs: list[Any]) -> Any:
        """Value, gradient and Hessian, each in the structure of the expression."""
        if self._tree is None:
            return tuple(outputs) if self.derivatives else outputs[0]
        parts = [
            trees.unflatten(self._tree, outputs[i :: self.derivatives + 1])
            for i in range(self.derivatives + 1)
        ]
        return tuple(parts) if self.derivatives else parts[0]

    # ---- compiling

    def _key(self, shapes: Any, dtype: np.dtype[Any]) -> Any:
        return shapes, dtype.str

    def _jet(self, key: Any) -> Jet:
        # quiet, so that the source does not depend on the line that happened to call first
        with self._lock, provenance.quiet():
            jet = self._jets.get(key)
            if jet is None:
                shapes, dtype = key
                inputs: list[Expr] = []
                leaves: dict[Any, Any] = {}
                for argument, shape in zip(self._arguments, shapes, strict=True):
                    leaf, below = argument.leaf(shape, np.dtype(dtype))
                    inputs.append(leaf)
                    leaves |= below
                values = translated(self._parts, leaves)
                self._jets[key] = jet = jet_of(inputs, values, self.derivatives, self._name)
            return jet

    def _function(self, key: Any, pattern: Pattern) -> Function:
        function = self._functions.get((key, pattern))
        if function is None:
            with self._lock:
                jet = self._jet(key)
                inputs, outputs = spread(jet, pattern)
                tree = trees.flatten(outputs)[1]
                function = Function(inputs, outputs, tree, self._style, self._name, None)
                self._functions[key, pattern] = function
        return function

    def _number_program(self) -> Any:
        """The function of numbers alone."""
        key = self._key(((),) * self._count, np.dtype(np.float64))
        with self._lock:
            jet = self._jet(key)
            return scalar_program(jet, self._style, self._name, self._result)

    @property
    def function(self) -> Function:
        """The program for arrays of one axis."""
        for argument in self._arguments:
            if argument.shape is None:
                raise DeclarationError(
                    f"the shape of {argument.name} is known when {self._name} is called; give "
                    "its indexed base a shape"
                )
        key = self._key(tuple(a.shape for a in self._arguments), np.dtype(np.float64))
        pattern: Pattern = ((True,) * self._count,) if self._count else ()
        return self._function(key, pattern)

    # ---- what it shows

    @property
    def source(self) -> str:
        """The generated source of `function`."""
        return self.function.source

    def save(self, path: str | os.PathLike[str]) -> pathlib.Path:
        """Write `function` as a module that needs NumPy and nothing else.

        Its arguments are arrays of one axis (beside those of an array argument), of one length.
        """
        return self.function.save(path)

    @property
    def _declared_graph(self) -> Graph:
        return self.function._declared_graph

    def _pictured(self) -> Graph:
        return self.function._pictured()

    def _planned(self) -> Graph:
        return self.function._planned()

    def _pass_rows(self) -> list[PassRow]:
        return self.function._pass_rows()

    def __repr__(self) -> str:
        shown = ", ".join(a.name for a in self._arguments)
        return f"<Lambdified {self._name}({shown}), derivatives={self.derivatives}>"


def _leaves_like(value: Any, tree: Any, name: str) -> list[Any]:
    """The leaves of an argument down to where `tree` has its own: a list there is an array."""
    if tree is None:
        return [value]
    if not hasattr(value, "__len__") or len(value) != len(tree[2]):
        raise DeclarationError(f"{name}: expected {len(tree[2])} values in place of a tuple")
    found = []
    for part, below in zip(value, tree[2], strict=True):
        found += _leaves_like(part, below, name)
    return found


def _blocks(
    function: Function, arrays: list[Any], pattern: Pattern, size: int, jet: Jet
) -> list[Any]:
    """The same, a block of elements at a time."""
    (flags,) = pattern
    outputs: list[Any] = []
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        part = function(
            *[a[start:stop] if full else a for a, full in zip(arrays, flags, strict=True)]
        )
        if not outputs:
            outputs = [_room(block, size) for block in part]
        for whole, block in zip(outputs, part, strict=True):
            whole[start:stop] = block
    return outputs


def _room(block: Any, size: int) -> Any:
    """Memory for `size` elements, laid out as that of a block is."""
    if block.ndim > 1 and block.strides[0] == block.itemsize:
        return np.moveaxis(np.empty((*block.shape[1:], size), block.dtype), -1, 0)
    return np.empty((size, *block.shape[1:]), block.dtype)
