"""Symbolic sizes: integer arithmetic over names of axes, in canonical form.

A size is an ``int`` or a `Dim`, a polynomial with integer coefficients over atoms. An atom is a
symbol, a floor division, a remainder, or a ramp ``max(p, 0)``. The ramp alone is enough for maxima
and minima (``max(a, b) = b + max(a - b, 0)``), so that ``max(a, b) + min(a, b)`` cancels to
``a + b`` with no rule for it; the printer turns it back into ``max`` and ``min``.

Every symbol stands for an integer >= 0, and a size in a divisor for a nonzero one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NoReturn, TypeAlias

import numpy as np

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir import polynomial
from symgrad.ir.bounds import lower_bound, upper_bound
from symgrad.ir.division import floordiv, modulo, size_max, size_min, substitute
from symgrad.ir.polynomial import (
    Polynomial,
    Term,
    add,
    divide,
    intern,
    leading,
    multiply,
    operand,
    power,
    scale,
)
from symgrad.ir.size_parse import dim, parse
from symgrad.ir.size_text import ATOM, LATEX, joined, render
from symgrad.ir.slicing import SliceSpec, slice_length

__all__ = [
    "Dim",
    "Size",
    "SliceSpec",
    "as_shape",
    "as_size",
    "dim",
    "exact_quotient",
    "is_provably_equal",
    "lower_bound",
    "product",
    "symbols_in",
    "size_max",
    "size_min",
    "slice_length",
    "upper_bound",
]

_INEXACT = (float, complex, np.inexact)


def _no_expressions(size: Dim) -> NoReturn:
    raise DeclarationError(f"size {size} used as a number before symgrad.ir.node is imported")


_as_expr: Callable[[Dim], Any] = _no_expressions  # set by symgrad.ir.node, which imports this


def _arithmetic(
    exact: Callable[[Size, Size], Any], general: Callable[[Any, Any], Any]
) -> tuple[Callable[[Dim, Any], Any], Callable[[Dim, Any], Any]]:
    """An operator and its reflection: exact on sizes, an expression on other numbers."""

    def forward(self: Dim, other: Any) -> Any:
        size = operand(other)
        if size is not None:
            return exact(self, size)
        if isinstance(other, _INEXACT):
            return general(_as_expr(self), other)
        return NotImplemented

    def reflected(self: Dim, other: Any) -> Any:
        size = operand(other)
        if size is not None:
            return exact(size, self)
        if isinstance(other, _INEXACT):
            return general(other, _as_expr(self))
        return NotImplemented

    return forward, reflected


def _comparison(
    symbol: str, sign: int, margin: int, general: Callable[[Any, Any], Any]
) -> Callable[[Dim, Any], Any]:
    """An order operator: true when ``sign * (self - other) >= margin``, if that is provable."""

    def compare(self: Dim, other: Any) -> Any:
        size = operand(other)
        if size is None:
            if isinstance(other, _INEXACT):
                return general(_as_expr(self), other)
            return NotImplemented
        difference = scale(add(self, scale(size, -1)), sign)
        low, high = lower_bound(difference), upper_bound(difference)
        if low is not None and low >= margin:
            return True
        if high is not None and high < margin:
            return False
        raise DeclarationError(
            f"the comparison {self} {symbol} {size} cannot be decided at declaration: "
            f"sizes are known only when the function is called"
        )

    return compare


#: ufuncs that NumPy's scalars call for their operators
_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "power": operator.pow,
    "divmod": divmod,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}


class Dim(Polynomial):
    """A symbolic integer in canonical form; made by `dim`, `as_size` and arithmetic.

    Two sizes are equal exactly when their canonical forms are.

    Examples
    --------
    >>> T = dim("T")
    >>> (2 * T + 1) * T
    Dim('2*T**2 + T')
    >>> (6 * T) // 3 == T * 2
    True
    """

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        """A size among numbers is computed with as a size, in all else it is an expression."""
        own = _OPERATORS.get(ufunc.__name__)
        alone = all([isinstance(a, Dim) or np.ndim(a) == 0 for a in args])
        if own is not None and alone and method == "__call__" and not kwargs:
            return own(*[a.item() if isinstance(a, (np.generic, np.ndarray)) else a for a in args])
        args = tuple([_as_expr(a) if isinstance(a, Dim) else a for a in args])
        return getattr(ufunc, method)(*args, **kwargs)

    def __new__(cls, *args: object) -> Dim:
        raise DeclarationError("a symbolic size is made by dim(name) or as_size(value), not Dim()")

    def __reduce__(self) -> tuple[Callable[..., Dim], tuple[tuple[Term, ...]]]:
        return _restored, (self._terms,)

    __add__, __radd__ = _arithmetic(lambda a, b: add(a, b), operator.add)
    __sub__, __rsub__ = _arithmetic(lambda a, b: add(a, scale(b, -1)), operator.sub)
    __mul__, __rmul__ = _arithmetic(lambda a, b: multiply(a, b), operator.mul)
    __floordiv__, __rfloordiv__ = _arithmetic(lambda a, b: floordiv(a, b), operator.floordiv)
    __mod__, __rmod__ = _arithmetic(lambda a, b: modulo(a, b), operator.mod)
    __pow__, __rpow__ = _arithmetic(lambda a, b: _power(a, b), operator.pow)
    __divmod__, __rdivmod__ = _arithmetic(
        lambda a, b: (floordiv(a, b), modulo(a, b)), lambda a, b: (a // b, a % b)
    )
    __truediv__, __rtruediv__ = _arithmetic(lambda a, b: _number(a) / _number(b), operator.truediv)

    __lt__ = _comparison("<", -1, 1, operator.lt)
    __le__ = _comparison("<=", -1, 0, operator.le)
    __gt__ = _comparison(">", 1, 1, operator.gt)
    __ge__ = _comparison(">=", 1, 0, operator.ge)

    def __neg__(self) -> Size:
        return scale(self, -1)

    def __pos__(self) -> Dim:
        return self

    def __abs__(self) -> Size:
        return size_max(self, scale(self, -1))

    def __bool__(self) -> bool:
        low, high = lower_bound(self), upper_bound(self)
        if (low is not None and low > 0) or (high is not None and high < 0):
            return True
        raise DeclarationError(
            f"whether size {self} is zero cannot be decided at declaration: "
            f"sizes are known only when the function is called"
        )

    def __int__(self) -> int:
        raise DTypeError(
            f"size {self} is symbolic: its value is only known at call time "
            f"(int(), range() and a Python loop need a static size; sg.zeros, sg.arange, sg.vmap "
            f"and operations on whole arrays take a symbolic one)"
        )

    __index__ = __int__

    def __float__(self) -> float:
        raise DTypeError(f"size {self} is symbolic: its value is only known at call time")

    def __str__(self) -> str:
        return render(self)[0]

    def __repr__(self) -> str:
        return f"Dim({str(self)!r})"

    def evaluate(self, env: Mapping[str, int]) -> int:
        """Value of the size when each symbol has the value that `env` gives it.

        Examples
        --------
        >>> as_size("(T + 1)//2").evaluate({"T": 6})
        3
        """
        missing = [name for name in self.symbols if name not in env]
        if missing:
            raise DeclarationError(f"size {self} needs a value for {', '.join(missing)}")
        value = self.substitute({name: int(env[name]) for name in self.symbols})
        assert isinstance(value, int)
        return value

    def substitute(self, env: Mapping[str, Size]) -> Size:
        """The size with each symbol that `env` names replaced.

        Examples
        --------
        >>> dim("T").substitute({"T": dim("B") * 2})
        Dim('2*B')
        """
        return substitute(self, env)

    def latex(self) -> str:
        r"""The size in LaTeX.

        Examples
        --------
        >>> print(as_size("(T + 1)//2").latex())
        \left\lfloor \frac{T + 1}{2} \right\rfloor
        """
        return LATEX.render(self)[0]

    def solve(self, value_name: str, known: Collection[str]) -> tuple[str, str] | None:
        """Solve ``self == value`` for the one symbol that is not known.

        Parameters
        ----------
        value_name
            Source text of the value, such as ``"x.shape[0]"``.
        known
            Symbols that the resulting source may use.

        Returns
        -------
        tuple or None
            The symbol and Python source of its value, or None if more than one symbol is unknown
            or the size is not linear in it. The division is exact only if the value fits the
            size, so the caller should evaluate the size and compare.

        Examples
        --------
        >>> as_size("2*T + 1").solve("x.shape[0]", known=())
        ('T', '(x.shape[0] - 1)//2')
        """
        unknown = [name for name in self.symbols if name not in known]
        if len(unknown) != 1:
            return None
        name = unknown[0]
        rest = self.substitute({name: 0})
        slope = add(self.substitute({name: 1}), scale(rest, -1))
        if add(multiply(slope, dim(name)), rest) != self:
            return None
        if leading(slope)[1] > 0:
            source = joined(value_name, scale(rest, -1))
        else:
            slope, source = scale(slope, -1), joined(f"-{value_name}", rest)
        if slope == 1:
            return name, source
        if source != value_name:
            source = f"({source})"
        # A known size of 0 leaves the unknown free: 0 is then as good as any, and no error.
        divisor, precedence = render(size_max(slope, 1) if lower_bound(slope) == 0 else slope)
        return name, f"{source}//{divisor}" if precedence == ATOM else f"{source}//({divisor})"


Size: TypeAlias = int | Dim

polynomial._made = Dim


def _restored(terms: tuple[Term, ...]) -> Dim:
    """The size that was pickled."""
    return intern(terms)


def _number(size: Size) -> Any:
    return size if isinstance(size, int) else _as_expr(size)


def _power(base: Size, exponent: Size) -> Any:
    """A size for a static exponent >= 0, otherwise an expression."""
    if isinstance(exponent, Dim) or exponent < 0:
        return _number(base) ** _number(exponent)
    return power(base, exponent)


def as_size(value: object) -> Size:
    """A size from an integer, a `Dim`, or text: a name or arithmetic on names.

    Examples
    --------
    >>> as_size(3), as_size("B"), as_size("(H + 2*p - k)//s + 1")
    (3, Dim('B'), Dim('(H - k + 2*p)//s + 1'))
    """
    size = parse(value) if isinstance(value, str) else operand(value)
    if size is None:
        got = str(value) if isinstance(value, _INEXACT) else f"{value!r} ({type(value).__name__})"
        raise DTypeError(f"a size must be an integer; got {got}")
    high = upper_bound(size) if isinstance(size, Dim) else size
    if high is not None and high < 0:
        raise ShapeError(f"a size must not be negative; got {value}")
    return size


def as_shape(value: object) -> tuple[Size, ...]:
    """A shape from a tuple or list of sizes, or from one size.

    Examples
    --------
    >>> as_shape(("B", 3)), as_shape("T")
    ((Dim('B'), 3), (Dim('T'),))
    """
    if not isinstance(value, tuple | list):
        return (as_size(value),)
    sizes = []
    for axis, item in enumerate(value):
        try:
            sizes.append(as_size(item))
        except (ShapeError, DTypeError, DeclarationError) as error:
            raise type(error)(f"axis {axis} of shape {value!r}: {error}") from None
    return tuple(sizes)


def symbols_in(*values: object) -> set[str]:
    """The names of the symbolic sizes among `values`, and in tuples of them to any depth.

    Examples
    --------
    >>> sorted(symbols_in(dim("B") * 2, (3, ("slice", dim("T")))))
    ['B', 'T']
    """
    found: set[str] = set()
    for value in values:
        if isinstance(value, Dim):
            found.update(value.symbols)
        elif isinstance(value, tuple):
            found |= symbols_in(*value)
    return found


def product(sizes: Iterable[Size]) -> Size:
    """Product of sizes, 1 for none.

    Examples
    --------
    >>> product((2, dim("B"), 3))
    Dim('6*B')
    """
    result: Size = 1
    for size in sizes:
        result = multiply(result, size)
    return result


def exact_quotient(a: Size, b: Size) -> Size | None:
    """``a // b`` if the division is provably exact, otherwise None.

    Examples
    --------
    >>> exact_quotient(6 * dim("B"), 3), exact_quotient(dim("B"), 3)
    (Dim('2*B'), None)
    """
    if isinstance(b, int) and b == 0:
        return None
    quotient, remainder = divide(a, b)
    return quotient if remainder == 0 else None


def is_provably_equal(a: Size, b: Size) -> bool:
    """Whether two sizes are equal for all values of their symbols, as far as can be proved.

    Examples
    --------
    >>> is_provably_equal(dim("T") * 2, 2 * dim("T")), is_provably_equal(dim("T"), dim("B"))
    (True, False)
    """
    if a is b:
        return True
    difference = add(a, scale(b, -1))
    return lower_bound(difference) == 0 == upper_bound(difference)
