"""The arguments of a lambdified expression: what SymPy has for variables, and their inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.node import Expr, identity
from symgrad.model import tree as trees
from symgrad.ops.leaf import INPUT

__all__ = ["Argument", "declared_arguments"]


@dataclass(frozen=True)
class Argument:
    """One argument.

    Parameters
    ----------
    name : str
        Unique among the arguments, and that of the symbol if it may be.
    target : SymPy object
        A symbol, an applied function, an indexed base, a matrix symbol, or a matrix of symbols.
    shape : tuple of int, or None
        Of one element of a batch; None where each call shows it.
    ndim : int
        Its axes.
    """

    name: str
    target: Any
    shape: tuple[int, ...] | None
    ndim: int

    def leaf(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Expr, dict[Any, Any]]:
        """An input of this shape, and what of SymPy's it gives values to."""
        leaf = identity(INPUT, {"name": self.name, "shape": shape, "dtype": dtype})
        if not _is_explicit(self.target):
            sizes = getattr(self.target, "shape", None) or ()
            found: dict[Any, Any] = {self.target: leaf}
            for symbol, size in zip(sizes, shape, strict=False):
                if getattr(symbol, "is_Symbol", False):
                    found[symbol] = size
            if type(self.target).__name__ == "DeferredVector":
                import sympy

                # its elements are symbols that are called so
                for i in range(shape[0]):
                    found[sympy.Symbol(f"{self.target.name}[{i}]")] = leaf[i]
            return leaf, found
        return leaf, {self.target[i]: leaf[i] for i in np.ndindex(shape)}


def _is_explicit(target: Any) -> bool:
    """A matrix or array of symbols."""
    return hasattr(target, "tolist") and not getattr(target, "is_MatrixExpr", False)


def declared_arguments(args: Any) -> tuple[list[Argument], Any]:
    """The arguments in order, and the structure that they come in (None for one alone).

    Raises
    ------
    DeclarationError
        For what cannot be a variable, or is given twice.
    """
    import sympy

    if isinstance(args, sympy.Tuple):
        args = tuple(args)
    if isinstance(args, (set, frozenset, dict)):
        raise DeclarationError("the arguments must be in an order: give a list or a tuple")
    if isinstance(args, (list, tuple)):
        args = [tuple(a) if isinstance(a, sympy.Tuple) else a for a in args]
    targets, structure = trees.flatten(args)
    taken = {"rng"}
    found: list[Argument] = []
    seen: set[Any] = set()
    for target in targets:
        target = sympy.Symbol(target) if isinstance(target, str) else target
        if hasattr(target, "as_immutable"):
            target = target.as_immutable()
        parts = _parts(target)
        for part in parts:
            if part in seen:
                raise DeclarationError(f"{part} is given twice among the arguments")
            seen.add(part)
        shape, ndim = _shape(target)
        found.append(Argument(_fresh(_name(target, len(found)), taken), target, shape, ndim))
    return found, structure


def _parts(target: Any) -> list[Any]:
    """The variables in an argument.

    Raises
    ------
    DeclarationError
        If it is none.
    """
    import sympy

    if _is_explicit(target):
        return [part for i in np.ndindex(_shape(target)[0] or ()) for part in _parts(target[i])]
    kinds = (sympy.Symbol, sympy.MatrixSymbol, sympy.IndexedBase, sympy.Indexed, sympy.Derivative)
    undefined = sympy.core.function.AppliedUndef
    element = sympy.matrices.expressions.matexpr.MatrixElement
    if isinstance(target, (*kinds, undefined, element)):
        return [target]
    raise DeclarationError(
        f"an argument must be a symbol, an indexed base, a matrix of symbols, or a function "
        f"f(t); got {type(target).__name__} {str(target)[:60]}"
    )


def _shape(target: Any) -> tuple[tuple[int, ...] | None, int]:
    import sympy

    if isinstance(target, sympy.IndexedBase):
        if target.shape is None:
            return None, 1
        sizes = target.shape
    elif type(target).__name__ == "DeferredVector":
        return None, 1
    elif isinstance(target, sympy.MatrixSymbol) or _is_explicit(target):
        sizes = target.shape
    else:
        return (), 0
    if all(getattr(n, "is_Integer", isinstance(n, int)) for n in sizes):
        return tuple(int(n) for n in sizes), len(sizes)
    return None, len(sizes)


def _name(target: Any, position: int) -> str:
    if _is_explicit(target):
        return f"arg_{position}"
    return str(target.name if hasattr(target, "name") else target)


def _fresh(name: str, taken: set[str]) -> str:
    count, base = 1, name
    while name in taken:
        count += 1
        name = f"{base}_{count}"
    taken.add(name)
    return name
