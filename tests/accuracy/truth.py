"""The exact value and derivatives of a formula at a point, with as many digits as it cancels.

Derivatives are central differences, at a step so small, and with so many digits, that some fifty
of them are right. Where the one-sided ones disagree there is a kink, and no derivative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from mpmath import mpf

from tests.accuracy.exact import Exactly

__all__ = ["Truth", "digits", "elementwise_truth", "lifted", "truth"]

#: what is taken for the limit, where a number is infinite: two values beyond any format
BEYOND = (mpf(10) ** 330, mpf(10) ** 400)
EXACT = Exactly()
Formula = Callable[..., Any]


@dataclass(frozen=True)
class Truth:
    """Exact values; None where there are none.

    Parameters
    ----------
    value : array of mpf
    slopes : list of array of mpf, one for each argument
        d sum(weights * value) / d argument, of its shape.
    curvatures : list of array of mpf
        The second derivatives of numbers, each with respect to its argument alone.
    """

    value: Any
    slopes: list[Any]
    curvatures: list[Any]


def digits(numbers: Sequence[float]) -> int:
    """As many as 1 - cos x cancels for a small x, 1 + e^-x or 1 - erf(x) for a large one."""
    needed = 0.0
    for x in numbers:
        if x and math.isfinite(x):
            size = abs(math.log10(abs(x)))
            needed = max(needed, 2 * size, min(x * x / 2, 520))
    return 60 + int(needed)


def _step(x: Any) -> Any:
    """Far below anything that a formula could resolve near x."""
    if x == 0:
        return mpf(10) ** -200
    if abs(x) >= BEYOND[0]:
        return abs(x) * mpf(10) ** -40
    return mpf(10) ** -50 * min(abs(x), mpf(1))


def _number(x: Any) -> Any:
    return None if x is None or isinstance(x, mpmath.mpc) or mpmath.isnan(x) else mpf(x)


def _call(formula: Formula, args: Sequence[Any]) -> Any:
    try:
        return _number(formula(EXACT, *args))
    except (ArithmeticError, ValueError, mpmath.libmp.NoConvergence):
        return None


def elementwise_truth(
    formula: Formula, point: Sequence[float], curved: bool = True
) -> tuple[Any, list[Any], list[Any]]:
    """Value, first and second derivatives of a formula of numbers at one point."""
    none = [None] * len(point)
    if any(math.isnan(p) for p in point):
        return None, none, none
    if any(math.isinf(p) for p in point):
        return _limit(formula, point, curved)
    # a difference loses the digits of its step, twice for the second derivative
    small = max([100 if p else 400 for p in point] + [_reach(point)])
    with mpmath.workdps(digits(point) + small):
        args = [mpf(p) for p in point]
        value = _call(formula, args)
        if value is None:
            return None, none, none
        if mpmath.isinf(value):
            return value, none, none
        found = [_derivatives(formula, args, i, value, curved) for i in range(len(args))]
        if len(args) > 1 and not _is_smooth(formula, args, value, [f[0] for f in found]):
            return value, none, none
    return value, [f[0] for f in found], [f[1] for f in found]


def _is_smooth(formula: Formula, args: list[Any], value: Any, slopes: list[Any]) -> bool:
    """Whether all arguments together move the value as each does alone: not where some tie."""
    if any(s is None for s in slopes):
        return False
    h = min(_step(a) for a in args)
    moved = _call(formula, [a + h for a in args])
    if moved is None:
        return False
    size = sum(abs(s) for s in slopes)
    away = abs((moved - value) / h - sum(slopes))
    return bool(away <= max(size * mpf(10) ** -20, abs(value) * mpmath.sqrt(h)))


def _reach(point: Sequence[float]) -> int:
    """Digits between the largest number and the smallest step."""
    sizes = [math.log10(abs(p)) for p in point if p]
    return int(150 + 2 * (max([0.0, *sizes]) - min([0.0, *sizes])))


def _derivatives(
    formula: Formula, args: list[Any], i: int, value: Any, curved: bool
) -> tuple[Any, Any]:
    h = _step(args[i])
    up, down = list(args), list(args)
    up[i] += h
    down[i] -= h
    above, below = _call(formula, up), _call(formula, down)
    if above is None or below is None or not mpmath.isfinite(above - below):
        return None, None
    after, before = (above - value) / h, (value - below) / h
    size = abs(after) + abs(before)
    gap = abs(after - before)
    if gap > size * mpf(10) ** -20 and (
        # a kink; but for a derivative that is 0 itself, as that of cos at 0
        gap > abs(value) * mpmath.sqrt(h) or abs(after + before) > size / 100
    ):
        return None, None
    second = (above - 2 * value + below) / h**2 if curved else None
    return (above - below) / (2 * h), second


def _limit(
    formula: Formula, point: Sequence[float], curved: bool
) -> tuple[Any, list[Any], list[Any]]:
    """What the results tend to, where a number tends to infinity."""
    none = [None] * len(point)
    rows = []
    with mpmath.workdps(1000):
        for far in BEYOND:
            args = [mpf(p) if math.isfinite(p) else math.copysign(1, p) * far for p in point]
            value = _call(formula, args)
            if value is None:
                return None, none, none
            found = [_derivatives(formula, args, i, value, curved) for i in range(len(args))]
            rows.append([value, *[f[0] for f in found], *[f[1] for f in found]])
        out = [_same(*pair) for pair in zip(*rows, strict=True)]
    n = len(point)
    return out[0], out[1 : n + 1], out[n + 1 :]


def _same(one: Any, other: Any) -> Any:
    """The limit of which two values are known: what they agree in, 0 or an infinity."""
    if one is None or other is None:
        return None
    if abs(one) > 1 and abs(other) > abs(one) * 1.01 and one * other > 0:  # it grows
        return mpf("inf") if one > 0 else mpf("-inf")
    if abs(one) < mpf(10) ** -60 and abs(other) < abs(one) * mpf(10) ** -20:  # it vanishes
        return mpf(0)
    near = float(one)
    return other if near == float(other) and not math.isinf(near) else None


def truth(
    formula: Formula, args: Sequence[Any], weights: Any, differentiable: Sequence[int]
) -> Truth:
    """Value and gradient of a formula of arrays, in one call."""
    numbers = [float(v) for a in args for v in np.ravel(a) if np.asarray(a).dtype.kind == "f"]
    reach = [100 if v else 400 for v in numbers] + [_reach(numbers)]
    with mpmath.workdps(digits(numbers) + max(reach)):
        exact = [lifted(a) for a in args]

        def total() -> Any:
            try:
                out = np.asarray(formula(EXACT, *exact), object)
            except (ArithmeticError, ValueError):
                return None
            return out

        value = total()
        if value is None:
            nothing = [np.full(np.shape(a), None, object) for a in args]
            return Truth(None, nothing, [])
        factors = np.asarray(lifted(weights), object)
        here = _number(np.sum(value * factors))
        slopes: list[Any] = []
        for i, array in enumerate(exact):
            slope = np.full(np.shape(array), None, object) if i in differentiable else None
            slopes.append(slope)
            if slope is None:
                continue
            for index in np.ndindex(np.shape(array)):
                slope[index] = _slope(total, here, array, index, factors)
        clean = np.array([_number(v) for v in value.flat], object).reshape(value.shape)
        return Truth(clean, slopes, [])


def _slope(total: Callable[[], Any], value: Any, array: Any, index: Any, weights: Any) -> Any:
    """The derivative of the weighted sum of results, which is `value` here."""
    kept = array[index]
    h = _step(kept)
    ends = []
    for sign in (1, -1):
        array[index] = kept + sign * h
        found = total()
        ends.append(None if found is None else _number(np.sum(found * weights)))
    array[index] = kept
    above, below = ends
    if any(e is None or mpmath.isinf(e) for e in (value, *ends)):
        return None
    after, before = (above - value) / h, (value - below) / h
    size = abs(after) + abs(before)
    smooth = abs(after - before) <= max(size * mpf(10) ** -20, abs(value) * mpmath.sqrt(h))
    return (above - below) / (2 * h) if smooth else None


def lifted(array: Any) -> Any:
    array = np.asarray(array)
    if array.dtype.kind != "f":
        return array
    return np.array([mpf(float(v)) for v in array.flat], object).reshape(array.shape)
