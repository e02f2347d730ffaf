"""Functions with many digits: their exact values, and polynomials that fit them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Truth", "fit", "with_many_digits"]

#: digits at most: enough for a function that cancels twice at 1e-60
_MOST = 420
#: beyond this e^x and x^y are not asked for: what is made of them takes that many bits
_LARGEST_EXPONENT = 1e7
#: beyond so many bits nor is a sine: it takes as many of pi
_LARGEST_ANGLE = 100_000

Function = Callable[[Any], Any]


def with_many_digits(parameters: Sequence[Any], formula: Any) -> Callable[..., Any]:
    """A SymPy expression as a function of mpmath's numbers, in the precision of the moment."""
    import mpmath
    import sympy

    def bounded(name: str) -> Function:
        function, angle = getattr(mpmath, name), name in ("sin", "cos", "tan")

        def at(x: Any) -> Any:
            exponent = mpmath.im(x) if angle else x
            if abs(exponent) > _LARGEST_EXPONENT or (angle and mpmath.mag(x) > _LARGEST_ANGLE):
                raise OverflowError
            return function(x)

        return at

    def power(x: Any, y: Any) -> Any:
        if x and abs(y * mpmath.log(abs(x))) > _LARGEST_EXPONENT:
            raise OverflowError
        return mpmath.power(x, y)

    functions = {name: bounded(name) for name in ("exp", "sinh", "cosh", "sin", "cos", "tan")}
    formula = formula.replace(
        lambda part: part.is_Pow and not part.exp.is_number,
        lambda part: sympy.Function("power")(part.base, part.exp),
    )
    made: Callable[..., Any] = sympy.lambdify(
        list(parameters), formula, modules=[functions | {"power": power}, "mpmath"], cse=True
    )
    return made


class Truth:
    """A formula of real variables, evaluated until two precisions agree.

    Parameters
    ----------
    formula : SymPy expression, or a function of mpmath's numbers
    symbols : SymPy symbols
        Of an expression: its variables, in the order of a call's arguments.
    """

    def __init__(self, formula: Any, *symbols: Any) -> None:
        self._at = with_many_digits(symbols, formula) if symbols else formula

    def _rounded(self, point: Sequence[Any], digits: int) -> Any:
        import mpmath

        with mpmath.workdps(digits):
            value = self._at(*[mpmath.mpf(x) for x in point])
        return None if isinstance(value, mpmath.mpc) or not mpmath.isfinite(value) else value

    def __call__(self, *point: Any) -> Any:
        """The value with at least 30 good digits; None where there is none, or it is not known."""
        import mpmath

        try:
            tiny = int(-2 * mpmath.log10(min([1, *[abs(x) for x in point if x]])))
            digits, last = 60 + tiny, self._rounded(point, 45 + tiny)
            while digits <= _MOST + 2 * tiny:
                value = self._rounded(point, digits)
                if value is None or last is None:
                    return None
                if value and abs(value - last) <= abs(value) * mpmath.mpf(10) ** -30:
                    return value
                digits, last = 2 * digits, value
            # what vanishes may do so only at this many digits
            return self._rounded(point, 1500) if last == 0 else None
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
