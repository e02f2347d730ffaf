"""SymPy's matrices and arrays: explicit ones are stacked, expressions become linear algebra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from symgrad.errors import CompileError
from symgrad.ir.node import Expr, as_expr
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.size import Dim
from symgrad.symbolic.calls import call
from symgrad.symbolic.numbers import Exact
from symgrad.symbolic.to_expr import Plan

if TYPE_CHECKING:
    from symgrad.symbolic.to_expr import Translation

__all__ = ["plan", "size_of"]


def plan(translation: Translation, expr: Any, kind: str) -> Plan | None:
    """What a matrix, or a function of matrices, needs; None for anything else."""
    if getattr(expr, "is_MatrixExpr", False) or kind in _MADE:
        made = _MADE.get(kind)
        if made is not None:
            return made(translation, expr)
        if kind == "MatrixSymbol":
            raise CompileError(f"it has the matrix {expr}, for which no expression is given")
        return _explicit(translation, expr)
    if getattr(expr, "is_Matrix", False):
        return _stacked(translation, list(expr), expr.shape)
    if hasattr(expr, "rank") and hasattr(expr, "shape") and hasattr(expr, "_array"):
        return _stacked(translation, _flat(expr), expr.shape)
    if hasattr(expr, "as_explicit") and hasattr(expr, "shape"):
        return _explicit(translation, expr)
    return None


def _explicit(translation: Translation, expr: Any) -> Plan:
    """Entry by entry: what has no function here."""
    try:
        explicit = expr.as_explicit()
    except Exception as error:  # SymPy raises all sorts where sizes are symbols
        raise CompileError(f"nothing here expresses {expr}: {error}") from None
    if type(explicit) is type(expr):
        raise CompileError(f"nothing here expresses {expr}")
    return (explicit,), lambda value: value


def _flat(array: Any) -> list[Any]:
    import sympy

    return list(sympy.flatten(array.tolist())) if array.rank() else [array[()]]


def _stacked(translation: Translation, entries: Sequence[Any], shape: Any) -> Plan:
    """Entries beside each other, in the last axes."""
    sizes = tuple(int(n) for n in shape)

    def make(*values: Any) -> Any:
        if not values:
            return FUNCTIONS["zeros"](sizes, dtype=translation.dtype)
        parts = FUNCTIONS["broadcast_arrays"](*[as_expr(translation.constant(v)) for v in values])
        if all(part.dtype.kind == "b" for part in parts):
            stacked = FUNCTIONS["stack"](parts, axis=-1)
        else:
            stacked = FUNCTIONS["stack"](_of_one_dtype(parts, translation.dtype), axis=-1)
        return FUNCTIONS["reshape"](stacked, (*stacked.shape[:-1], *sizes))

    return tuple(entries), make


def _of_one_dtype(parts: Sequence[Expr], dtype: Any) -> list[Expr]:
    return [p if p.dtype.kind == "f" else FUNCTIONS["astype"](p, dtype) for p in parts]


def size_of(translation: Translation, size: Any) -> Any:
    """A size of a matrix: an int, or the symbolic size that its symbol stands for."""
    if size.is_Integer:
        return int(size)
    value = translation.leaves.get(size)
    if isinstance(value, (int, Dim)):
        return value
    raise CompileError(f"the size {size} is not known when it is compiled")


# ---------------------------------------------------------------- matrix expressions

_MADE: dict[str, Callable[[Translation, Any], Plan]] = {}


def _made(*names: str) -> Callable[[Callable[..., Plan]], Callable[..., Plan]]:
    def enter(fn: Callable[..., Plan]) -> Callable[..., Plan]:
        _MADE.update(dict.fromkeys(names, fn))
        return fn

    return enter


def _scale(translation: Translation, value: Any) -> Any:
    """A number or a scalar of a batch, in front of a matrix."""
    if isinstance(value, Exact) or value.ndim == 0:
        return value
    return FUNCTIONS["reshape"](value, (*value.shape, 1, 1))


@_made("MatAdd")
def _mat_add(translation: Translation, expr: Any) -> Plan:
    return expr.args, lambda *terms: reduce(lambda a, b: call("add", a, b), terms)


@_made("MatMul")
def _mat_mul(translation: Translation, expr: Any) -> Plan:
    """From the right where that ends in a vector; an inverse solves what it is followed by."""
    factors = list(expr.args)
    inverted = [type(f).__name__ == "Inverse" for f in factors]
    needed = [f.args[0] if inverse else f for f, inverse in zip(factors, inverted, strict=True)]

    def make(*values: Any) -> Any:
        scalars, items = [], []
        for factor, inverse, value in zip(factors, inverted, values, strict=True):
            if not getattr(factor, "is_Matrix", False):
                scalars.append(_scale(translation, value))
            else:
                items.append((inverse, as_expr(value)))
        product = _chain(items)
        for scalar in scalars:
            product = call("multiply", scalar, product)
        return product

    return needed, make


def _chain(items: list[tuple[bool, Expr]]) -> Expr:
    """The product of matrices, of which some are inverted."""
    items = list(items)
    narrow = items[-1][1].shape[-1] == 1
    while len(items) > 1:
        # where one of two neighbours is inverted, it solves the other
        at = len(items) - 2 if narrow else 0
        for i in reversed(range(len(items) - 1)):
            if items[i][0] and not items[i + 1][0]:
                at = i
                break
        (left_inverse, left), (right_inverse, right) = items[at : at + 2]
        if left_inverse and right_inverse:
            items[at : at + 2] = [(True, call("matmul", right, left))]
        elif left_inverse:
            items[at : at + 2] = [(False, call("linalg.solve", left, right))]
        elif right_inverse:
            turned = call("linalg.solve", _transposed(right), _transposed(left))
            items[at : at + 2] = [(False, _transposed(turned))]
        else:
            items[at : at + 2] = [(False, call("matmul", left, right))]
    inverse, product = items[0]
    return call("linalg.inv", product) if inverse else product


def _transposed(x: Any) -> Any:
    return FUNCTIONS["swapaxes"](as_expr(x), -1, -2)


@_made("MatPow")
def _mat_pow(translation: Translation, expr: Any) -> Plan:
    base, exponent = expr.args
    if not exponent.is_Integer:
        raise CompileError(f"{expr}: the power of a matrix must be an integer")
    n = int(exponent)

    def make(x: Any) -> Any:
        if n == 0:
            return FUNCTIONS["eye"](x.shape[-1], dtype=x.dtype)
        power, square, k = None, x, abs(n)
        while k:
            if k & 1:
                power = square if power is None else call("matmul", power, square)
            square, k = (call("matmul", square, square) if k > 1 else square), k >> 1
        return power if n > 0 else call("linalg.inv", power)

    return (base,), make


@_made("Transpose", "Adjoint")
def _transpose(translation: Translation, expr: Any) -> Plan:
    return expr.args, _transposed


@_made("Inverse")
def _inverse(translation: Translation, expr: Any) -> Plan:
    return expr.args[:1], lambda x: call("linalg.inv", x)


@_made("Trace")
def _trace(translation: Translation, expr: Any) -> Plan:
    def make(x: Any) -> Any:
        return FUNCTIONS["sum"](FUNCTIONS["diagonal"](x, 0, -2, -1), axis=-1)

    return expr.args, make


@_made("Determinant")
def _determinant(translation: Translation, expr: Any) -> Plan:
    return expr.args, lambda x: call("linalg.det", x)


@_made("HadamardProduct")
def _hadamard(translation: Translation, expr: Any) -> Plan:
    return expr.args, lambda *factors: reduce(lambda a, b: call("multiply", a, b), factors)


@_made("HadamardPower")
def _hadamard_power(translation: Translation, expr: Any) -> Plan:
    return expr.args, lambda x, y: call("power", x, y)


@_made("DotProduct")
def _dot_product(translation: Translation, expr: Any) -> Plan:
    def make(x: Any, y: Any) -> Any:
        x, y = (FUNCTIONS["reshape"](v, (*v.shape[:-2], v.shape[-1] * v.shape[-2])) for v in (x, y))
        return FUNCTIONS["sum"](call("multiply", x, y), axis=-1)

    return expr.args, make


@_made("KroneckerProduct")
def _kronecker(translation: Translation, expr: Any) -> Plan:
    def two(x: Any, y: Any) -> Any:
        (m, n), (p, q) = x.shape[-2:], y.shape[-2:]
        wide = (*x.shape[:-2], m, 1, n, 1), (*y.shape[:-2], 1, p, 1, q)
        product = call("multiply", *map(FUNCTIONS["reshape"], (x, y), wide))
        return FUNCTIONS["reshape"](product, (*product.shape[:-4], m * p, n * q))

    return expr.args, lambda *factors: reduce(two, factors)


@_made("Identity")
def _identity(translation: Translation, expr: Any) -> Plan:
    size = size_of(translation, expr.shape[0])
    return (), lambda: FUNCTIONS["eye"](size, dtype=translation.dtype)


@_made("ZeroMatrix", "OneMatrix")
def _filled(translation: Translation, expr: Any) -> Plan:
    name = "zeros" if type(expr).__name__ == "ZeroMatrix" else "ones"
    shape = tuple(size_of(translation, n) for n in expr.shape)
    return (), lambda: FUNCTIONS[name](shape, dtype=translation.dtype)


@_made("BlockMatrix")
def _blocks(translation: Translation, expr: Any) -> Plan:
    rows, columns = expr.blockshape

    def make(*blocks: Any) -> Any:
        join = FUNCTIONS["concatenate"]
        lines = [
            join([as_expr(b) for b in blocks[i * columns : (i + 1) * columns]], axis=-1)
            for i in range(rows)
        ]
        return join(lines, axis=-2)

    return tuple(expr.blocks), make


@_made("DiagMatrix", "DiagonalMatrix")
def _diagonal_matrix(translation: Translation, expr: Any) -> Plan:
    """A vector on the diagonal, or the diagonal of a matrix."""

    def make(x: Any) -> Any:
        if 1 in x.shape[-2:]:
            x = FUNCTIONS["reshape"](x, (*x.shape[:-2], x.shape[-1] * x.shape[-2]))
            return call("multiply", x[..., None], FUNCTIONS["eye"](x.shape[-1], dtype=x.dtype))
        return call("multiply", x, FUNCTIONS["eye"](x.shape[-1], dtype=x.dtype))

    return expr.args[:1], make


@_made("DiagonalOf")
def _diagonal_of(translation: Translation, expr: Any) -> Plan:
    return expr.args, lambda x: FUNCTIONS["diagonal"](x, 0, -2, -1)[..., None]


@_made("ElementwiseApplyFunction")
def _applied(translation: Translation, expr: Any) -> Plan:
    function = expr.function

    def make(x: Any) -> Any:
        (symbol,) = function.signature
        return translation.inside({symbol: x}, {}).expression(function.expr)

    return (expr.expr,), make


@_made("MatrixSlice")
def _slice(translation: Translation, expr: Any) -> Plan:
    def part(bounds: Any) -> slice:
        start, stop, step = (int(b) for b in bounds)
        return slice(start, None if step < 0 and stop < 0 else stop, step)

    return expr.args[:1], lambda x: x[..., part(expr.rowslice), part(expr.colslice)]
