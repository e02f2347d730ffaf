"""What an expression takes: NumPy's operators, methods and functions, looked up by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from symgrad.errors import ExpressionUseError
from symgrad.ir.absent import METHODS
from symgrad.ir.dispatch import call_function, call_ufunc, supported
from symgrad.ir.op import FUNCTIONS

if TYPE_CHECKING:
    from symgrad.ir.node import Expr

__all__ = ["Operators"]


class Operators:
    """The operators and methods of :class:`~symgrad.ir.node.Expr`.

    The functions themselves are ops, a layer above: each is found in the registry by name.
    """

    __slots__ = ()

    # ---- NumPy's own functions

    __array_priority__ = 1000

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        return call_ufunc(ufunc, method, args, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call_function(func, args, kwargs)

    # ---- operators

    def __add__(self, other: Any) -> Expr:
        return _call("add", self, other)

    def __radd__(self, other: Any) -> Expr:
        return _call("add", other, self)

    def __sub__(self, other: Any) -> Expr:
        return _call("subtract", self, other)

    def __rsub__(self, other: Any) -> Expr:
        return _call("subtract", other, self)

    def __mul__(self, other: Any) -> Expr:
        return _call("multiply", self, other)

    def __rmul__(self, other: Any) -> Expr:
        return _call("multiply", other, self)

    def __truediv__(self, other: Any) -> Expr:
        return _call("divide", self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return _call("divide", other, self)

    def __floordiv__(self, other: Any) -> Expr:
        return _call("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Expr:
        return _call("floor_divide", other, self)

    def __mod__(self, other: Any) -> Expr:
        return _call("remainder", self, other)

    def __rmod__(self, other: Any) -> Expr:
        return _call("remainder", other, self)

    def __pow__(self, other: Any) -> Expr:
        if type(other) is int and other == 2 and self.dtype.kind == "b":  # type: ignore[attr-defined]
            return _call("square", self)  # NumPy's operator squares: booleans give int8
        return _call("power", self, other)

    def __rpow__(self, other: Any) -> Expr:
        return _call("power", other, self)

    def __divmod__(self, other: Any) -> tuple[Expr, Expr]:
        return FUNCTIONS["divmod"](self, other)  # type: ignore[no-any-return]

    def __rdivmod__(self, other: Any) -> tuple[Expr, Expr]:
        return FUNCTIONS["divmod"](other, self)  # type: ignore[no-any-return]

    def __matmul__(self, other: Any) -> Expr:
        return _call("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Expr:
        return _call("matmul", other, self)

    def __and__(self, other: Any) -> Expr:
        return _call("bitwise_and", self, other)

    def __rand__(self, other: Any) -> Expr:
        return _call("bitwise_and", other, self)

    def __or__(self, other: Any) -> Expr:
        return _call("bitwise_or", self, other)

    def __ror__(self, other: Any) -> Expr:
        return _call("bitwise_or", other, self)

    def __xor__(self, other: Any) -> Expr:
        return _call("bitwise_xor", self, other)

    def __rxor__(self, other: Any) -> Expr:
        return _call("bitwise_xor", other, self)

    def __neg__(self) -> Expr:
        return _call("negative", self)

    def __pos__(self) -> Expr:
        return self  # type: ignore[return-value]

    def __invert__(self) -> Expr:
        return _call("invert", self)

    def __abs__(self) -> Expr:
        return _call("absolute", self)

    def __round__(self, ndigits: int | None = None) -> Expr:
        return _call("round", self, ndigits or 0)

    def __trunc__(self) -> Expr:
        return _call("trunc", self)

    def __floor__(self) -> Expr:
        return _call("floor", self)

    def __ceil__(self) -> Expr:
        return _call("ceil", self)

    def __lt__(self, other: Any) -> Expr:
        return _call("less", self, other)

    def __le__(self, other: Any) -> Expr:
        return _call("less_equal", self, other)

    def __gt__(self, other: Any) -> Expr:
        return _call("greater", self, other)

    def __ge__(self, other: Any) -> Expr:
        return _call("greater_equal", self, other)

    def __eq__(self, other: Any) -> Expr:  # type: ignore[override]
        return NotImplemented if other is None else _call("equal", self, other)

    def __ne__(self, other: Any) -> Expr:  # type: ignore[override]
        return NotImplemented if other is None else _call("not_equal", self, other)

    def __getitem__(self, index: Any) -> Expr:
        return _call("getitem", self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise ExpressionUseError(
            "an expression cannot be assigned to in place: expressions are immutable; "
            "use x = x.at[index].set(value) or x = x.at[index].add(value)"
        )

    def __delitem__(self, index: Any) -> None:
        raise ExpressionUseError(
            "an expression cannot lose elements in place: expressions are immutable; "
            "use x = sg.delete(x, index)"
        )

    # ---- methods, as arrays have them

    @property
    def T(self) -> Expr:
        return _call("transpose", self)

    @property
    def mT(self) -> Expr:
        return _call("matrix_transpose", self)

    @property
    def real(self) -> Expr:
        return _call("real", self)

    @property
    def imag(self) -> Expr:
        return _call("imag", self)

    def conj(self) -> Expr:
        return _call("conjugate", self)

    conjugate = conj

    @property
    def at(self) -> Any:
        """``x.at[index].add(v)``, ``x.at[index].set(v)``: a changed copy."""
        return _call("at", self)

    def sum(
        self,
        axis: Any = None,
        dtype: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Expr:
        return _call("sum", self, axis, dtype, keepdims=keepdims, initial=initial, where=where)

    def mean(
        self, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, where: Any = True
    ) -> Expr:
        return _call("mean", self, axis, dtype, keepdims=keepdims, where=where)

    def prod(
        self,
        axis: Any = None,
        dtype: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Expr:
        return _call("prod", self, axis, dtype, keepdims=keepdims, initial=initial, where=where)

    def max(
        self, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
    ) -> Expr:
        return _call("max", self, axis, keepdims=keepdims, initial=initial, where=where)

    def min(
        self, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
    ) -> Expr:
        return _call("min", self, axis, keepdims=keepdims, initial=initial, where=where)

    def var(
        self,
        axis: Any = None,
        dtype: Any = None,
        *,
        ddof: float = 0,
        keepdims: bool = False,
        where: Any = True,
    ) -> Expr:
        return _call("var", self, axis, dtype, ddof=ddof, keepdims=keepdims, where=where)

    def std(
        self,
        axis: Any = None,
        dtype: Any = None,
        *,
        ddof: float = 0,
        keepdims: bool = False,
        where: Any = True,
    ) -> Expr:
        return _call("std", self, axis, dtype, ddof=ddof, keepdims=keepdims, where=where)

    def any(self, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Expr:
        return _call("any", self, axis, keepdims=keepdims, where=where)

    def all(self, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Expr:
        return _call("all", self, axis, keepdims=keepdims, where=where)

    def argmax(self, axis: Any = None, *, keepdims: bool = False) -> Expr:
        return _call("argmax", self, axis, keepdims=keepdims)

    def argmin(self, axis: Any = None, *, keepdims: bool = False) -> Expr:
        return _call("argmin", self, axis, keepdims=keepdims)

    def argsort(self, axis: Any = -1, kind: Any = None, *, stable: bool | None = None) -> Expr:
        return _call("argsort", self, axis, kind, stable=stable)

    def nonzero(self) -> tuple[Expr, ...]:
        return FUNCTIONS["nonzero"](self)  # type: ignore[no-any-return]

    def compress(self, condition: Any, axis: Any = None) -> Any:
        return _call("compress", condition, self, axis=axis)

    def choose(self, choices: Any, mode: str = "raise") -> Expr:
        return _call("choose", self, choices, mode=mode)

    def searchsorted(self, v: Any, side: str = "left", sorter: Any = None) -> Expr:
        return _call("searchsorted", self, v, side=side, sorter=sorter)

    def cumsum(self, axis: Any = None, dtype: Any = None) -> Expr:
        return _call("cumsum", self, axis, dtype)

    def cumprod(self, axis: Any = None, dtype: Any = None) -> Expr:
        return _call("cumprod", self, axis, dtype)

    def dot(self, b: Any) -> Expr:
        return _call("dot", self, b)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Expr:
        return _call("trace", self, offset, axis1, axis2, dtype)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
        return _call("diagonal", self, offset, axis1, axis2)

    def reshape(self, *shape: Any, order: str = "C", copy: Any = None) -> Expr:
        supported("x.reshape", {"order": order}, {})
        return _call("reshape", self, shape[0] if len(shape) == 1 else shape)

    def ravel(self, order: str = "C") -> Expr:
        supported("x.ravel", {"order": order}, {})
        return _call("reshape", self, (-1,))

    def flatten(self, order: str = "C") -> Expr:
        supported("x.flatten", {"order": order}, {})
        return _call("reshape", self, (-1,))

    def transpose(self, *axes: Any) -> Expr:
        if not axes:
            return _call("transpose", self)
        return _call("transpose", self, axes[0] if len(axes) == 1 else axes)

    def swapaxes(self, axis1: int, axis2: int) -> Expr:
        return _call("swapaxes", self, axis1, axis2)

    def squeeze(self, axis: Any = None) -> Expr:
        return _call("squeeze", self, axis=axis)

    def repeat(self, repeats: Any, axis: int | None = None) -> Expr:
        return _call("repeat", self, repeats, axis=axis)

    def take(self, indices: Any, axis: int | None = None) -> Expr:
        return _call("take", self, indices, axis=axis)

    def clip(self, min: Any = None, max: Any = None) -> Expr:
        return _call("clip", self, min, max)

    def round(self, decimals: int = 0) -> Expr:
        return _call("round", self, decimals)

    def astype(self, dtype: Any, *, copy: bool = True) -> Expr:
        return _call("astype", self, dtype)

    def ptp(self, axis: Any = None, *, keepdims: bool = False) -> Expr:
        return _call("ptp", self, axis, keepdims=keepdims)

    def copy(self, order: str = "C") -> Expr:
        """The expression itself: nothing changes it."""
        supported("x.copy", {"order": order}, {})
        return self  # type: ignore[return-value]


def _without(name: str, why: str) -> Callable[..., Any]:
    def method(self: Operators, *args: Any, **kwargs: Any) -> Any:
        raise ExpressionUseError(f"the method .{name}() is not available for expressions: {why}")

    method.__name__ = name
    method.__doc__ = f"Not for expressions: {why}."
    return method


for _name, _why in METHODS.items():
    setattr(Operators, _name, _without(_name, _why))


def _call(name: str, *args: Any, **kwargs: Any) -> Expr:
    made: Expr = FUNCTIONS[name](*args, **kwargs)
    return made
