"""Objectives for ``scipy.optimize``: a structure of arrays as one vector, and derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.graph import substitute
from symgrad.ir.node import Expr, as_expr, identity
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.region import everything
from symgrad.ir.size import Dim
from symgrad.model import tree as trees
from symgrad.model.function import Function, function
from symgrad.model.grad import grad, hvp
from symgrad.model.jacobian import hessian, jacobian
from symgrad.model.sparse import sparse_hessian, sparse_jacobian
from symgrad.ops.leaf import INPUT, PARAM, STATE

__all__ = ["Objective", "objective"]

Array = np.ndarray[Any, Any]


class Objective:
    """A loss, or residuals, as functions of one vector; made by :func:`objective`.

    All methods take a vector of `size` numbers, as :meth:`pack` makes it.

    Attributes
    ----------
    size : int
    """

    def __init__(
        self, loss: Expr, leaves: list[Expr], tree: Any, data: Mapping[str, Any], sparse: bool
    ) -> None:
        self._tree, self._leaves, self.sparse = tree, leaves, sparse
        self._data_leaves = [
            n
            for n in everything([loss])
            if n.op in (INPUT, PARAM, STATE) and not any([n is leaf for leaf in leaves])
        ]
        sizes = self._sizes(data)
        self._shapes = [_static(leaf, sizes) for leaf in leaves]
        counts = [int(np.prod(shape)) for shape in self._shapes]
        self._ends = np.cumsum([0, *counts]).tolist()
        self.size = self._ends[-1]
        dtype = np.result_type(*[leaf.dtype for leaf in leaves])
        self._v = identity(INPUT, {"name": "v", "shape": (self.size,), "dtype": dtype})
        self._loss = self._of_vector(loss)
        self.is_scalar = not self._loss.shape
        self._data = self._checked(data)

    # ---- declaration

    def _checked(self, data: Mapping[str, Any]) -> list[Any]:
        names = {str(x.attrs["name"]): x for x in self._data_leaves}
        unknown = [name for name in data if name not in names]
        if unknown:
            raise DeclarationError(
                f"objective: data holds {unknown[0]!r}, which the loss does not use; it uses "
                f"{', '.join(map(repr, names)) or 'no data'}"
            )
        missing = [name for name in names if name not in data]
        if missing:
            x = names[missing[0]]
            raise DeclarationError(
                f"objective: the loss needs {missing[0]!r} ({x.aval}); give it in data"
            )
        return [np.asarray(data[name]) for name in names]

    def _sizes(self, data: Mapping[str, Any]) -> dict[str, int]:
        """Symbolic sizes, from the shapes of the data."""
        found: dict[str, int] = {}
        for x in self._data_leaves:
            value = data.get(str(x.attrs["name"]))
            given_shape = () if value is None else np.shape(value)
            for size, given in zip(x.shape, given_shape, strict=False):
                if isinstance(size, Dim) and str(size) in size.symbols:
                    found.setdefault(str(size), given)
        return found

    def _of_vector(self, expr: Expr) -> Expr:
        parts = {}
        for leaf, shape, start, end in zip(
            self._leaves, self._shapes, self._ends, self._ends[1:], strict=False
        ):
            part = self._v[start:end].reshape(*shape) if shape else self._v[start]
            parts[leaf] = part if part.dtype == leaf.dtype else part.astype(leaf.dtype)
        return substitute([expr], dict(parts))[0]

    def _compiled(self, outputs: Any, more: Sequence[Expr] = ()) -> Function:
        return function([self._v, *more, *self._data_leaves], outputs, name="objective")

    # ---- vectors and structures

    def pack(self, values: Any) -> Array:
        """A structure of arrays, like the one declared, as a vector."""
        given = trees.flatten_like(values, self._tree)
        flat = []
        for leaf, shape, value in zip(self._leaves, self._shapes, given, strict=True):
            array = np.asarray(value, self._v.dtype)
            if array.shape != shape:
                raise ShapeError(
                    f"pack: {leaf.name} has shape {format_shape(shape)}; got "
                    f"{format_shape(array.shape)}"
                )
            flat.append(array.reshape(-1))
        return np.concatenate(flat)

    def unpack(self, v: Any) -> Any:
        """The structure of arrays that a vector stands for."""
        v = self._vector(v)
        values = [
            v[start:end].reshape(shape).astype(leaf.dtype)
            for leaf, shape, start, end in zip(
                self._leaves, self._shapes, self._ends, self._ends[1:], strict=False
            )
        ]
        return trees.unflatten(self._tree, values)

    def _vector(self, v: Any) -> Array:
        array = np.asarray(v, self._v.dtype)
        if array.shape != (self.size,):
            raise ShapeError(
                f"expected a vector of {self.size} numbers; got shape {format_shape(array.shape)}"
            )
        return array

    # ---- values and derivatives

    @cached_property
    def _fun(self) -> Function:
        return self._compiled(self._loss)

    @cached_property
    def _jac(self) -> Function:
        if self.is_scalar:
            return self._compiled(grad(self._loss, self._v))
        if self.sparse:
            return self._compiled(sparse_jacobian(self._loss, self._v))
        return self._compiled(jacobian(self._loss, self._v))

    @cached_property
    def _both(self) -> Function:
        return self._compiled([self._loss, grad(self._loss, self._v)])

    @cached_property
    def _hess(self) -> Function:
        made = sparse_hessian if self.sparse else hessian
        return self._compiled(made(self._loss, self._v))

    @cached_property
    def _hessp(self) -> Function:
        p = identity(INPUT, {"name": "p", "shape": (self.size,), "dtype": self._v.dtype})
        return self._compiled(hvp(self._loss, self._v, p), [p])

    def _require_scalar(self, what: str) -> None:
        if not self.is_scalar:
            raise ShapeError(
                f"{what} is that of a scalar; this objective gives residuals of shape "
                f"{format_shape(self._loss.shape)}"
            )

    def fun(self, v: Any, *args: Any) -> Any:
        """The loss, a float; or the residuals, an array."""
        found = self._fun(self._vector(v), *self._data)
        return float(found) if self.is_scalar else found

    def jac(self, v: Any, *args: Any) -> Any:
        """The gradient of the loss; or the Jacobian of the residuals, sparse if so declared."""
        return self._jac(self._vector(v), *self._data)

    def value_and_grad(self, v: Any, *args: Any) -> tuple[float, Array]:
        """Both in one run: for ``minimize(objective.value_and_grad, ..., jac=True)``."""
        self._require_scalar("value_and_grad")
        value, slope = self._both(self._vector(v), *self._data)
        return float(value), slope

    def hess(self, v: Any, *args: Any) -> Any:
        """The Hessian of the loss, sparse if so declared."""
        self._require_scalar("the Hessian")
        return self._hess(self._vector(v), *self._data)

    def hessp(self, v: Any, p: Any, *args: Any) -> Array:
        """The Hessian times a vector."""
        self._require_scalar("the Hessian")
        found: Array = self._hessp(self._vector(v), self._vector(p), *self._data)
        return found

    # ---- constraints

    def _named(self, limits: Mapping[str, Any], start: float) -> Array:
        found = np.full(self.size, start)
        names = {str(leaf.name): i for i, leaf in enumerate(self._leaves)}
        if self._tree is not None and self._tree[1] is not None:
            names |= {str(k): i for i, k in enumerate(self._tree[1])}
        for name, value in limits.items():
            if name not in names:
                raise DeclarationError(
                    f"no variable is called {name!r}; there are {', '.join(map(repr, names))}"
                )
            i = names[name]
            shape = self._shapes[i]
            try:
                array = np.broadcast_to(np.asarray(value, float), shape)
            except ValueError:
                raise ShapeError(
                    f"{name}: expected shape {format_shape(shape)} or a number; got "
                    f"{format_shape(np.shape(value))}"
                ) from None
            found[self._ends[i] : self._ends[i + 1]] = array.reshape(-1)
        return found

    def bounds(self, limits: Mapping[str, tuple[Any, Any]]) -> Any:
        """``scipy.optimize.Bounds`` by name: ``{"k": (0, None)}``; None is unbounded."""
        from scipy.optimize import Bounds

        for name, pair in limits.items():
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise DeclarationError(
                    f"bounds: {name!r} needs (lower, upper), where None is unbounded; got {pair!r}"
                )
        low = {k: _limit(a, -np.inf) for k, (a, _) in limits.items()}
        high = {k: _limit(b, np.inf) for k, (_, b) in limits.items()}
        return Bounds(self._named(low, -np.inf), self._named(high, np.inf))

    def linear_constraint(
        self, coefficients: Mapping[str, Any], lower: float = -np.inf, upper: float = np.inf
    ) -> Any:
        """``lower <= sum of coefficients times variables <= upper``, by name."""
        from scipy.optimize import LinearConstraint

        return LinearConstraint(self._named(coefficients, 0.0)[None], lower, upper)

    def constraint(self, expr: Any, lower: Any, upper: Any) -> Any:
        """``lower <= expr <= upper``, with the derivatives that ``trust-constr`` wants.

        Parameters
        ----------
        expr : Expr
            Of the same variables and data; a number or an array.
        lower, upper : array_like
        """
        from scipy.optimize import NonlinearConstraint

        made = FUNCTIONS["reshape"](self._of_vector(as_expr(expr)), (-1,))
        weights = identity(INPUT, {"name": "w", "shape": made.shape, "dtype": made.dtype})
        leaves, values = self._data_leaves, self._data  # all: they may decide sizes
        value_ = function([self._v, *leaves], made, name="constraint")
        slopes = function([self._v, *leaves], jacobian(made, self._v), name="constraint_jacobian")
        weighted = (made * weights).sum()
        second = function(
            [self._v, weights, *leaves], hessian(weighted, self._v), name="constraint_hessian"
        )
        return NonlinearConstraint(
            lambda v: value_(v, *values),
            lower,
            upper,
            jac=lambda v: slopes(v, *values),
            hess=lambda v, w: second(v, w, *values),
        )

    def __repr__(self) -> str:
        names = ", ".join([str(leaf.name) for leaf in self._leaves])
        return f"<Objective of {names}: {self.size} numbers>"


def _limit(value: Any, unbounded: float) -> Array:
    """A limit, or an array of them, in which None is no limit."""
    array = np.asarray(value, object)
    given = [unbounded if one is None else float(one) for one in array.flat]
    return np.array(given).reshape(array.shape)


def _static(leaf: Expr, sizes: Mapping[str, int]) -> tuple[int, ...]:
    shape = []
    for size in leaf.shape:
        if isinstance(size, Dim):
            unknown = (
                sorted(size.symbols - set(sizes))
                if isinstance(size.symbols, set)
                else [s for s in size.symbols if s not in sizes]
            )
            if unknown:
                raise DeclarationError(
                    f"objective: the size {unknown[0]!r} of {leaf.name} ({leaf.aval}) is not known "
                    "from the shapes of the data; a vector needs static sizes"
                )
            size = int(size.evaluate(dict(sizes)))
        shape.append(size)
    return tuple(shape)


def objective(
    loss: Any, wrt: Any, data: Mapping[str, Any] | None = None, sparse: bool = False
) -> Objective:
    """A loss for ``scipy.optimize``: functions of one vector, and their derivatives.

    Parameters
    ----------
    loss : Expr
        A scalar for ``minimize``; an array of residuals for ``least_squares`` and ``root``.
    wrt : Expr, or list, tuple or dict of them
        The variables: parameters or inputs.
    data : dict, optional
        The values of all other inputs, by name.
    sparse : bool
        Give Hessians, and Jacobians of residuals, as ``scipy.sparse.csr_array``.

    Returns
    -------
    Objective
        With ``fun``, ``jac``, ``value_and_grad``, ``hess``, ``hessp``, ``pack``, ``unpack``,
        ``bounds``, ``linear_constraint`` and ``constraint``.

    Raises
    ------
    DeclarationError
        If data are missing or unknown, or a variable's size is not known.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> from scipy.optimize import minimize
    >>> x, y = sg.input("x", ()), sg.input("y", ())
    >>> rosen = sg.objective((1 - x) ** 2 + 100 * (y - x**2) ** 2, {"x": x, "y": y})
    >>> start = rosen.pack({"x": -1.2, "y": 1.0})
    >>> found = minimize(rosen.fun, start, jac=rosen.jac, hess=rosen.hess, method="trust-ncg")
    >>> {name: round(float(value), 4) for name, value in rosen.unpack(found.x).items()}
    {'x': 1.0, 'y': 1.0}
    """
    leaves, tree = trees.flatten(wrt)
    for leaf in leaves:
        if not isinstance(leaf, Expr) or leaf.op not in (INPUT, PARAM):
            raise DeclarationError(
                "objective: the variables are inputs or parameters, or a structure of them; got "
                f"{leaf!r}"
            )
    if data is not None and not isinstance(data, Mapping):
        raise DeclarationError(
            f"objective: data is a dict of the inputs' values by name; got {data!r}"
        )
    if not leaves:
        raise DeclarationError("objective: there is no variable; wrt is empty")
    for i, leaf in enumerate(leaves):
        if any(leaf is other for other in leaves[:i]):
            raise DeclarationError(f"objective: the variable {leaf.name!r} is given twice")
    made = as_expr(loss)
    if made.dtype.kind != "f":
        raise DeclarationError(f"objective: expected a floating loss; got {made.aval}")
    if made.ndim > 1:
        made = FUNCTIONS["reshape"](made, (-1,))
    return Objective(made, leaves, tree, data or {}, sparse)
