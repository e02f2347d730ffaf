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

    It is a Chebyshev series, from values in 50 digits, cut where nothing is left of it;
    coefficients are rounded to doubles.

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
        size = most + 2  # two that are nothing tell that there is an end
        angles = [(2 * i + 1) / mpmath.mpf(2 * size) for i in range(size)]
        values = [f(middle + half * mpmath.cospi(angle)) for angle in angles]
        if any(v is None for v in values):
            return None
        series = _chebyshev(values)
        allowed = error / 4 * min(abs(v) for v in values)
        while series and abs(series[-1]) <= allowed:
            allowed -= abs(series.pop())
        if not 0 < len(series) <= most:
            return None
        coefficients = _powers(series, middle, half)
        far, least = max(abs(low), abs(high)), error / 64 * min(abs(v) for v in values)
        coefficients = [c if abs(c) * far**k > least else 0 for k, c in enumerate(coefficients)]
        count = len(coefficients)
        tests = [middle + half * mpmath.cospi(i / (count + mpmath.mpf(1.37)))
                 for i in range(1, count + 1)]  # fmt: skip
        fits = _fits(f, coefficients, tests, error)
        return tuple([float(c) for c in coefficients]) if fits else None


def _fits(f: Function, coefficients: Sequence[Any], points: Sequence[Any], error: float) -> bool:
    import mpmath

    for x in points:
        exact = f(x)
        if exact is None or abs(mpmath.polyval(coefficients[::-1], x) - exact) > error * abs(exact):
            return False
    return True


def _chebyshev(values: Sequence[Any]) -> list[Any]:
    """Coefficients of the series from values at the roots of the next polynomial."""
    import mpmath

    size = len(values)
    cosines = [mpmath.cospi(mpmath.mpf(i) / (2 * size)) for i in range(4 * size)]
    out = []
    for k in range(size):
        products = [v * cosines[k * (2 * j + 1) % (4 * size)] for j, v in enumerate(values)]
        out.append(mpmath.fsum(products) * (2 if k else 1) / size)
    return out


def _powers(series: Sequence[Any], middle: Any, half: Any) -> list[Any]:
    """Coefficients of powers of x: the series by Clenshaw's rule, u = (x - middle) / half."""

    def twice_u_times(p: list[Any]) -> list[Any]:
        return [
            2 * (above - middle * here) / half for above, here in zip([0, *p], [*p, 0], strict=True)
        ]

    def plus(p: list[Any], q: list[Any], factor: int) -> list[Any]:
        length = max(len(p), len(q))
        pads = [[*r, *[0] * (length - len(r))] for r in (p, q)]
        return [a + factor * b for a, b in zip(*pads, strict=True)]

    one: list[Any] = []
    two: list[Any] = []
    for c in reversed(series[1:]):
        one, two = plus(plus([c], twice_u_times(one) if one else [], 1), two, -1), one
    u_times = [c / 2 for c in twice_u_times(one)] if one else []
    return plus(plus([series[0]], u_times, 1), two, -1)
