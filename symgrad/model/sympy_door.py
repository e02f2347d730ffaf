"""To and from SymPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symgrad.autodiff.forward import pushforward
from symgrad.errors import CompileError, DeclarationError
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr, as_expr, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.size import Dim
from symgrad.model import tree as trees
from symgrad.model.grad import stabilised
from symgrad.ops.leaf import NAMED

__all__ = ["derivative_of", "from_sympy", "sympified", "to_sympy", "translated"]


def from_sympy(expr: Any, symbols: Mapping[Any, Any]) -> Any:
    """A SymPy expression as an expression.

    Parameters
    ----------
    expr : SymPy expression, matrix or array, or a list, tuple or dict of them
        Real-valued, or a condition. A matrix, explicit or an expression of matrix symbols,
        becomes an array; a ``Sum`` over a known range becomes a reduction; an unevaluated
        ``Derivative`` is differentiated here.
    symbols : mapping
        What its symbols stand for: SymPy's symbol (matrix symbol, indexed base, ``f(t)``,
        ``x[0]``), or its name, -> expression, array, number or size.

    Returns
    -------
    Expr, or the same structure of them. The arrays for symbols broadcast against each other.

    Raises
    ------
    CompileError
        Naming the symbol that is not given, or the function that has no counterpart.

    Examples
    --------
    >>> import sympy, symgrad as sg
    >>> t = sympy.Symbol("t")
    >>> x = sg.input("x", ("B",))
    >>> sg.function([x], sg.from_sympy(sympy.sin(t) ** 2, {t: x}))([0.0, 1.0])
    array([0.        , 0.70807342])
    """
    parts, tree = trees.flatten(sympified(expr))
    leaves = _leaves(symbols, parts)
    return trees.unflatten(tree, translated(parts, leaves))


def translated(parts: list[Any], leaves: Mapping[Any, Any]) -> list[Expr]:
    """Each of several SymPy expressions; what they share is translated once."""
    from symgrad.symbolic.to_expr import Translation

    translation = Translation(leaves, derivative_of)
    try:
        return [translation.expression(part) for part in parts]
    except RecursionError:
        raise CompileError(
            "SymPy itself recurses too deeply for this expression; build it with evaluate=False, "
            "or in parts"
        ) from None


def derivative_of(value: Expr, wrt: Expr) -> Expr:
    """d value / d wrt, element by element."""
    y = stabilised([value], [wrt])[0]
    one = literal(1, wrt.dtype)
    seed = one if not wrt.shape else FUNCTIONS["broadcast_to"](one, wrt.shape)
    (tangent,) = pushforward([y], [wrt], [seed])
    if tangent is None:
        return FUNCTIONS["zeros"](y.shape, dtype=wrt.dtype) if y.shape else literal(0, wrt.dtype)
    return tangent


def sympified(expr: Any) -> Any:
    """SymPy's immutable objects, in structures of Python's own."""
    import sympy

    if isinstance(expr, dict) and type(expr) is dict:
        return {key: sympified(part) for key, part in expr.items()}
    if isinstance(expr, (list, tuple)):
        parts = [sympified(part) for part in expr]
        if hasattr(expr, "_fields"):
            return type(expr)(*parts)
        return parts if isinstance(expr, list) else tuple(parts)
    if isinstance(expr, sympy.Tuple):
        return tuple(sympified(part) for part in expr)
    if isinstance(expr, sympy.Dict):
        return {str(key): sympified(part) for key, part in expr.items()}
    if isinstance(expr, str):
        raise DeclarationError(
            f"expected a SymPy expression; got the text {expr!r}: sg.elementwise takes formulas"
        )
    if hasattr(expr, "as_immutable"):
        return expr.as_immutable()
    try:
        return sympy.sympify(expr, strict=True)
    except sympy.SympifyError:
        raise DeclarationError(
            f"expected a SymPy expression; got {type(expr).__name__} {str(expr)[:60]!r}"
        ) from None


def _leaves(symbols: Mapping[Any, Any], parts: list[Any]) -> dict[Any, Any]:
    """SymPy's object -> its value; names stand for the symbols that bear them."""
    found: dict[Any, Any] = {}
    named: dict[str, list[Any]] | None = None
    for key, value in symbols.items():
        value = value if isinstance(value, (Dim, int)) else as_expr(value)
        if not isinstance(key, str):
            found[key] = value
            continue
        if named is None:
            named = {}
            for symbol in {s for part in parts for s in getattr(part, "free_symbols", ())}:
                named.setdefault(str(symbol), []).append(symbol)
        for symbol in named.get(key, ()):
            found.setdefault(symbol, value)
    return found


# ---------------------------------------------------------------- to SymPy


#: ops that move values, or repeat them
_MOVING = frozenset({"broadcast_to", "expand_dims", "full", "reshape", "squeeze"})


def _same_everywhere(node: Expr, found: Mapping[Expr, Any]) -> Any:
    """The one value that all elements of an array have; None where they may differ."""
    import sympy

    name = node.op.name
    if name in ("zeros", "ones"):
        return sympy.Integer(name == "ones")
    if name in _MOVING and found[node.args[0]].is_number and node.args[0].closed:
        return found[node.args[0]]
    return None


def to_sympy(expr: Any, symbols: Mapping[Any, Any] | None = None, *, named: bool = False) -> Any:
    """An expression in SymPy's language, by the formulas of its ops.

    Parameters
    ----------
    expr : Expr, or a list, tuple or dict of them
        A scalar becomes a SymPy expression. An array of static sizes becomes a matrix if it has
        two axes, else an n-dimensional array, of its elements ``x_0``, ``x_1``, ... Where a size
        is symbolic and every op is elementwise, the result is the formula of one element.
    symbols : mapping, optional
        Leaf, or its name, -> what stands for it: a symbol, or for an array a nested list, matrix
        or indexed base. Others are real symbols of their names.
    named : bool
        Keep what ``sg.name`` named apart: the result is ``(definitions, result)`` with a list of
        ``(symbol, formula)``, as of ``sympy.cse``.

    Raises
    ------
    CompileError
        Naming the op that has no formula.

    Examples
    --------
    >>> import symgrad as sg
    >>> x, y = sg.input("x", ()), sg.input("y", ())
    >>> sg.to_sympy(sg.grad(sg.exp(x * y), x))
    y*exp(x*y)
    >>> sg.to_sympy(sg.input("A", (2, 2)) @ sg.input("v", (2,)))
    [A_0_0*v_0 + A_0_1*v_1, A_1_0*v_0 + A_1_1*v_1]
    """
    outputs, tree = trees.flatten(expr)
    outputs = [as_expr(o) for o in outputs]
    writer = _Writer(symbols or {}, named)
    found = writer.write(outputs)
    result = trees.unflatten(tree, found)
    return (writer.definitions, result) if named else result


class _Writer:
    """One translation to SymPy."""

    def __init__(self, symbols: Mapping[Any, Any], named: bool) -> None:
        self.given = dict(symbols)
        self.named = named
        self.definitions: list[tuple[Any, Any]] = []
        self.used: set[str] = set()

    def write(self, outputs: list[Expr]) -> list[Any]:
        order = topological(outputs, stop=self._is_given)
        if all(isinstance(size, int) for node in order for size in node.shape) and any(
            node.shape for node in order
        ):
            return self._arrays(outputs, order)
        return self._elements(outputs, order)

    def _is_given(self, node: Expr) -> bool:
        return node in self.given or (not node.args and str(node.attrs.get("name")) in self.given)

    def _symbol_for(self, node: Expr) -> Any:
        if node in self.given:
            return self.given[node]
        return self.given.get(str(node.attrs.get("name")))

    def _fresh(self, name: str) -> str:
        count, base = 1, name
        while name in self.used:
            count += 1
            name = f"{base}_{count}"
        self.used.add(name)
        return name

    # ---- one element

    def _elements(self, outputs: list[Expr], order: list[Expr]) -> list[Any]:
        import sympy

        from symgrad.symbolic.formulas import as_number, translate

        found: dict[Expr, Any] = {}
        for node in order:
            if self._is_given(node):
                found[node] = sympy.sympify(self._symbol_for(node))
            elif node.op.identity and "name" in node.attrs:
                found[node] = sympy.Symbol(self._fresh(str(node.attrs["name"])), real=True)
            elif node.op is NAMED:
                found[node] = self._definition(node, found[node.args[0]])
            else:
                if (value := _same_everywhere(node, found)) is not None:
                    found[node] = value
                    continue
                if node.args and not node.op.elementwise and node.op.name != "broadcast_to":
                    raise CompileError(
                        f"{node.op.name} has no formula for one element, so SymPy cannot be told "
                        f"of it: {node!r}; with static sizes its elements would be written out"
                    )
                found[node] = translate(node, [found[arg] for arg in node.args])
                found[node] = self._named(node, found[node])
        return [as_number(found[output]) for output in outputs]

    def _named(self, node: Expr, value: Any) -> Any:
        declared = node.origin.name if node.origin is not None and node.args else None
        return self._definition(node, value, declared) if self.named and declared else value

    def _definition(self, node: Expr, value: Any, name: str | None = None) -> Any:
        import sympy

        if not self.named:
            return value
        symbol = sympy.Symbol(self._fresh(name or str(node.attrs["name"])), real=True)
        self.definitions.append((symbol, value))
        return symbol

    # ---- all elements of static arrays

    def _arrays(self, outputs: list[Expr], order: list[Expr]) -> list[Any]:
        import numpy as np
        import sympy

        from symgrad.symbolic.arrays import array_of_symbols, as_sympy_arrays, dense

        leaves: dict[Expr, Any] = {}
        for node in order:
            shape = tuple([int(size) for size in node.shape])
            if self._is_given(node):
                leaves[node] = dense(self._symbol_for(node), shape)
            elif node.op.identity and "name" in node.attrs:
                leaves[node] = array_of_symbols(self._fresh(str(node.attrs["name"])), shape)
            elif self.named and node.args and node.origin is not None and node.origin.name:
                (value,) = as_sympy_arrays([node], leaves)
                symbols = array_of_symbols(self._fresh(node.origin.name), shape)
                self.definitions += list(zip(symbols.flat, value.flat, strict=True))
                leaves[node] = symbols
        results = []
        for output, array in zip(outputs, as_sympy_arrays(outputs, leaves), strict=True):
            entries = np.asarray(array, object)
            if not output.shape:
                results.append(entries[()])
            elif output.ndim == 2:
                results.append(sympy.ImmutableMatrix(*output.shape, list(entries.flat)))
            else:
                results.append(sympy.ImmutableDenseNDimArray(list(entries.flat), output.shape))
        return results
