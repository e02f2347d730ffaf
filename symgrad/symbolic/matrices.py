"""What SymPy is told of linear algebra: definitions over arrays of expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.ir.node import Expr

__all__ = ["DEFINITIONS"]

Array = np.ndarray[Any, Any]
Definition = Callable[..., Any]


def _det(a: Array) -> Any:
    """By expansion along the first row; the definition, for small matrices."""
    n = a.shape[-1]
    if n == 0:
        return np.full(a.shape[:-2], 1, object)[()]
    total: Any = 0
    for j in range(n):
        minor = np.delete(a[..., 1:, :], j, axis=-1)
        total = total + (-1) ** j * a[..., 0, j] * _det(minor)
    return total


def _inv(a: Array) -> Array:
    n = a.shape[-1]
    out = np.empty(a.shape, object)
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(a, i, axis=-2), j, axis=-1)
            out[..., j, i] = (-1) ** (i + j) * np.asarray(_det(minor), object)
    quotient: Array = out / np.asarray(_det(a), object)[..., None, None]
    return quotient


def _each(name: str) -> Callable[[Any], Array]:
    import sympy

    ufunc = np.frompyfunc(getattr(sympy, name), 1, 1)
    return lambda x: np.asarray(ufunc(np.asarray(x, object)), object)


def _solve(a: Array, b: Array) -> Array:
    return _inv(a) @ b


def _slogdet(node: Expr, a: Array) -> tuple[Array, Array]:
    value = np.asarray(_det(a), object)
    return _each("sign")(value), _each("log")(_each("Abs")(value))


def _eigh(node: Expr, a: Array) -> tuple[Array, Array]:
    """Symbols: what is said of eigenvalues and eigenvectors holds for any."""
    import sympy

    n, lead = a.shape[-1], a.shape[:-2]

    def symbols(name: str, shape: tuple[int, ...]) -> Array:
        out = np.empty(shape, object)
        for index in np.ndindex(shape):
            out[index] = sympy.Symbol("_".join([name, *map(str, index)]), real=True)
        return out

    return symbols("w", (*lead, n)), symbols("V", (*lead, n, n))


def _eye(node: Expr) -> Array:
    n, m, k = (node.attrs[key] for key in ("n", "m", "k"))
    return np.eye(n, m, k, dtype=int).astype(object)


#: op -> (node, arguments) -> its value, or a tuple of them
DEFINITIONS: dict[str, Definition] = {
    "det": lambda node, a: _det(a),
    "definite_factor": lambda node, a: a,  # only ops that are given the matrix too read it
    "diag": lambda node, x: np.diag(x, node.attrs["k"]),
    "eigh": _eigh,
    "eye": _eye,
    "inv": lambda node, a: _inv(a),
    "inv_definite": lambda node, a, factor: _inv(a),
    "item": lambda node, whole: whole[node.attrs["part"]],
    "logdet_definite": lambda node, a, factor: _each("log")(_det(a)),
    "slogdet": _slogdet,
    "solve": lambda node, a, b: _solve(a, b),
    "solve_definite": lambda node, a, factor, b: _solve(a, b),
}
