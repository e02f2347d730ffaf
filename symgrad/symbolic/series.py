"""Functions of one variable with many digits: their exact values, and polynomials that fit them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Truth", "fit", "with_many_digits"]

#: digits at most: enough for a function that cancels twice at 1e-60
_MOST = 420
#: beyond this argument e^x is not asked for: its logarithm is a number of too many digits
_LARGEST_EXPONENT = 1e7

Function = Callable[[Any], Any]


def with_many_digits(parameters: Sequence[Any], formula: Any) -> Callable[..., Any]:
    """A SymPy expression as a function of mpmath's numbers, in the precision of the moment."""
    import mpmath
    import sympy

    def exp(x: Any) -> Any:
        if abs(x) > _LARGEST_EXPONENT:
            raise OverflowError
        return mpmath.exp(x)

    made: Callable[..., Any] = sympy.lambdify(
        list(parameters), formula, modules=[{"exp": exp}, "mpmath"], cse=True
    )
    return made


class Truth:
    """A formula of one real variable, evaluated until two precisions agree.

    Parameters
    ----------
    formula : SymPy expression, or a function of mpmath's numbers
    symbol : SymPy symbol, optional
        Of an expression.
    """

    def __init__(self, formula: Any, symbol: Any = None) -> None:
        self._at = formula if symbol is None else with_many_digits([symbol], formula)

    def _rounded(self, x: Any, digits: int) -> Any:
        import mpmath

        with mpmath.workdps(digits):
            value = self._at(mpmath.mpf(x))
        return None if isinstance(value, mpmath.mpc) or not mpmath.isfinite(value) else value

    def __call__(self, x: Any) -> Any:
        """The value with at least 30 good digits; None where there is none, or it is not known."""
        import mpmath

        try:
            tiny = int(-2 * mpmath.log10(abs(x))) if 0 < abs(x) < 1 else 0
            digits, last = 60 + tiny, self._rounded(x, 45 + tiny)
            while digits <= _MOST + 2 * tiny:
                value = self._rounded(x, digits)
                if value is None or last is None:
                    return None
                if value and abs(value - last) <= abs(value) * mpmath.mpf(10) ** -30:
                    return value
                digits, last = 2 * digits, value
            # what vanishes may do so only at this many digits
            return self._rounded(x, 1500) if last == 0 else None
        except (ArithmeticError, ValueError, TypeError):
            pass
        return None


def fit(
    f: Function, low: Any, high: Any, most: int, error: float = 2.0**-56
) -> tuple[float, ...] | None:
    """The shortest polynomial with the relative error `error` on [low, high], lowest power first.

    It interpolates at Chebyshev points, in 50 digits; coefficients are rounded to doubles.

    Parameters
    ----------
    f : callable
        With mpmath's numbers; not zero on the interval. It may give None.
    low, high : number
        At the ends, where `f` may have no value, it is not asked for one.
    most : int
        How many coefficients at most.

    Returns
    -------
    tuple of float, or None if no polynomial is as good.
    """
    import mpmath

    with mpmath.workdps(50):
        low, high = mpmath.mpf(low), mpmath.mpf(high)
        middle, half = (high + low) / 2, (high - low) / 2
        count = 4
        while count <= most:
            nodes = [middle + half * mpmath.cospi((2 * i + 1) / mpmath.mpf(2 * count))
                     for i in range(count)]  # fmt: skip
            values = [f(x) for x in nodes]
            if any(v is None for v in values):
                return None
            coefficients = _interpolate(nodes, values)
            tests = [middle + half * mpmath.cospi(i / mpmath.mpf(count + 0.37))
                     for i in range(1, count)]  # fmt: skip
            if _fits(f, coefficients, tests, error):
                return tuple([float(c) for c in coefficients])
            count += 2 if count < 12 else 4
    return None


def _fits(f: Function, coefficients: Sequence[Any], points: Sequence[Any], error: float) -> bool:
    import mpmath

    for x in points:
        exact = f(x)
        if exact is None or abs(mpmath.polyval(coefficients[::-1], x) - exact) > error * abs(exact):
            return False
    return True


def _interpolate(nodes: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """Coefficients, lowest power first, by divided differences (Newton's form expanded)."""
    n = len(nodes)
    table = list(values)
    for level in range(1, n):
        for i in range(n - 1, level - 1, -1):
            table[i] = (table[i] - table[i - 1]) / (nodes[i] - nodes[i - level])
    out = [table[-1]]
    for i in range(n - 2, -1, -1):  # out * (x - nodes[i]) + table[i]
        shifted = [table[i] - nodes[i] * out[0]]
        shifted += [out[j - 1] - nodes[i] * out[j] for j in range(1, len(out))]
        out = [*shifted, out[-1]]
    return out
