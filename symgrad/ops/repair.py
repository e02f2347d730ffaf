"""Where a formula of one variable loses its digits, and the polynomials that stand in for it there.

Three places are looked at: zero, the numbers that stand in the formula, and infinity. Whether
there is anything to mend is seen by evaluating in single and in double precision, which is cheap;
only then is the formula evaluated with many digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.errors import CompileError
from symgrad.ir.node import Expr, identity, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.ops.interpret import evaluate
from symgrad.ops.leaf import INPUT

if TYPE_CHECKING:
    from symgrad.ops.univariate import Formula
    from symgrad.symbolic.series import Truth

__all__ = ["Piece", "Profile", "loses_no_more", "pieces", "profile"]

Array = np.ndarray[Any, Any]

#: units in the last place that a formula may lose before it is looked at; and that it may keep
_ALARM, _GOOD = 64.0, 4.0
#: coefficients of a polynomial at most; and on the shortest interval that is tried
_LONGEST, _LONG = 34, 20


@dataclass(frozen=True)
class Piece:
    """``t^power P(t^step)`` where ``|t| < radius``: t is x - center, or 1 / |x| for large x.

    Parameters
    ----------
    center : float
        inf and -inf for large x of that sign.
    radius : float
        Of t.
    power : float
        A whole number, or for large x half of one.
    step : int
    coefficients : tuple of float
        Of P, lowest power first.
    """

    center: float
    radius: float
    power: float
    step: int
    coefficients: tuple[float, ...]

    def variable(self, x: Expr) -> Expr:
        if np.isinf(self.center):
            made: Expr = literal(1.0 if self.center > 0 else -1.0, x.dtype) / x
            return made
        return x if self.center == 0 else x - literal(self.center, x.dtype)

    def covers(self, x: Expr, t: Expr) -> Expr:
        """Whether the polynomial stands for the formula."""
        if self.center == np.inf:
            inside: Expr = x > literal(1 / self.radius, x.dtype)
        elif self.center == -np.inf:
            inside = x < literal(-1 / self.radius, x.dtype)
        else:
            inside = abs(t) < literal(self.radius, x.dtype)
        return inside

    def on(self, x: Expr, value: Expr) -> Expr:
        """The polynomial where it stands for the formula, `value` elsewhere."""
        t = self.variable(x)
        base = t if self.step == 1 else FUNCTIONS["square"](t)
        result = FUNCTIONS["power_series"](base, self.coefficients)
        for _ in range(int(abs(self.power))):
            result = result * t if self.power > 0 else result / t
        if self.power % 1:
            root = FUNCTIONS["sqrt"](t)
            result = result * root if self.power > 0 else result / root
        return FUNCTIONS["where"](self.covers(x, t), result, value)  # type: ignore[no-any-return]


# ---------------------------------------------------------------- is there anything to mend?


def _centers(formula: Formula) -> list[float]:
    """Zero, one, the numbers that stand in the formula, and infinity: near these it may cancel."""
    numbers = [float(attrs[0][1]) for op, _, attrs in formula.steps if op == "literal"]
    found = [c for n in numbers for c in (n, -n) if n and 1e-6 < abs(n) < 1e6]
    finite = list(dict.fromkeys([0.0, 1.0, -1.0, *found]))[:9]
    return [*finite, np.inf, -np.inf]


def _approach(center: float) -> Array:
    """Points that come ever closer to a center, exact in single precision."""
    if np.isinf(center):
        return np.asarray(np.sign(center) * _FAR, np.float32)
    steps, center = _NEAR if center == 0 else _NEAR[8:], _to_single(center)
    return np.asarray(center + steps * (abs(center) or 1.0), np.float32)


#: exact in single precision, and so are small multiples of them
_PLAIN = np.array([s * p for s in (-1, 1) for p in (1.5, 2.5, 4.0, 6.0, 10.0, 16.0, 24.0, 40.0)])
_FAR = np.array([1.37 * 2.0**k for k in range(3, 60, 3)])
_NEAR = np.array([s * 1.37 * 2.0**-k for k in range(2, 20) for s in (-1, 1)])
#: a hole between numbers: where the formula has a value at the sixteenth, it has one here
_OUT = np.array([-1e5, -2e3, 2e3, 1e5])


def _values(formula: Formula, points: Array) -> Array:
    x = identity(INPUT, {"name": "x", "shape": points.shape, "dtype": points.dtype})
    with np.errstate(all="ignore"):
        return np.broadcast_to(evaluate([formula.build(x)], {x: points})[0], points.shape)


def _in_both(formula: Formula, points: Array) -> tuple[Array, Array]:
    """In single and in double precision, both as doubles.

    Numbers of the formula are rounded to single precision in both: what is seen is lost by its
    steps, not by 0.7 that is another number in single precision.
    """
    rounded = formula.mapped(_to_single)
    single = _values(rounded, points).astype(np.float64)
    return single, _values(rounded, points.astype(np.float64))


def _to_single(number: float) -> float:
    with np.errstate(over="ignore"):
        rounded = float(np.float32(number))
    return rounded if rounded and np.isfinite(rounded) else number


@dataclass(frozen=True)
class Profile:
    """Where a formula, evaluated as it is written, is not to be trusted."""

    #: centers near which it loses digits, or has a hole
    bad: frozenset[float]
    #: the same anywhere at all
    unstable: bool
    #: whether digits are lost near a center at numbers whose powers stay in range
    cancels: bool


@lru_cache(maxsize=8192)
def profile(formula: Formula) -> Profile:
    """Look for lost digits: by the difference between single and double precision."""
    if len(formula.steps) < 2:
        return Profile(frozenset(), False, False)
    centers = _centers(formula)
    groups = [_approach(c) for c in centers] + [np.asarray(_PLAIN, np.float32)]
    ends = np.cumsum([len(g) for g in groups])
    points = np.concatenate(groups)
    finite = np.array([c for c in centers if np.isfinite(c)])
    beside = [finite + sign * 1e-5 * np.where(finite == 0, 1, np.abs(finite)) for sign in (-1, 1)]
    extra = np.concatenate([finite, *beside, _OUT])
    try:
        single, double = _in_both(formula, points)
        extra = _values(formula, extra)
    except (CompileError, ImportError):  # it needs what is not installed
        return Profile(frozenset(), False, False)
    at, below, above = (extra[i * len(finite) : (i + 1) * len(finite)] for i in range(3))
    bad, cancels = set(), False
    for center, value, start, end in zip(
        centers, [*at, np.nan, np.nan], [0, *ends], ends, strict=False
    ):
        part = slice(start, end)
        if _loses_digits(center, value, single[part], double[part]):
            bad.add(center)
            near = (np.abs(points[part]) > 1e-4) & (np.abs(points[part]) < 1e4)
            lost = _lost(single[part][near], double[part][near], 1e37)
            cancels = cancels or bool(np.any(lost >= _ALARM))
    with np.errstate(all="ignore"):
        holes = np.isnan(at) & (np.abs(below - above) < 1)
    bad.update(float(c) for c in finite[holes])
    plain = double[ends[-2] :]
    out = np.isnan(extra[-4:])
    gaps = (out[:2].any() and np.isfinite(plain[7])) or (out[2:].any() and np.isfinite(plain[-1]))
    loses = _loss(single[ends[-2] :], plain, 1e30, _ALARM)
    return Profile(frozenset(bad), bool(bad or gaps or loses), cancels)


def loses_no_more(one: Formula, other: Formula) -> bool:
    """Whether a formula loses digits only near those special points of another where that does."""
    groups = [_approach(c) for c in _centers(other) if c not in profile(other).bad]
    try:
        for points in [*groups, np.asarray(_PLAIN, np.float32)]:
            mine, theirs = [_lost(*_in_both(f, points), 1e37) for f in (one, other)]
            with np.errstate(invalid="ignore"):
                if np.any((mine > _ALARM) & ~(mine < 4 * np.nanmax(theirs, initial=0))):
                    return False
    except (CompileError, ImportError):
        return False
    return True


def _lost(single: Array, double: Array, largest: float) -> Array:
    """What single precision loses, in units in the last place; NaN where nothing is known."""
    with np.errstate(all="ignore"):
        usual = np.isfinite(double) & (np.abs(double) > 1 / largest) & (np.abs(double) < largest)
        lost = np.abs(single - double) / np.spacing(np.abs(double).astype(np.float32))
        return np.where(usual, np.where(np.isnan(lost), np.inf, lost), np.nan)


def _loss(single: Array, double: Array, largest: float, allowed: float | Array) -> bool:
    """Whether single precision loses more digits than allowed, where enough is known."""
    lost = _lost(single, double, largest)
    return bool((~np.isnan(lost)).sum() >= 6 and np.any(lost >= allowed))


def _loses_digits(center: float, value: float, single: Array, double: Array) -> bool:
    """Whether it does, coming closer to a center; `value` is the one at the center."""
    if np.isinf(center):
        with np.errstate(all="ignore"):
            pace = np.abs(np.diff(np.log2(np.abs(double))))
        # what grows, decays or oscillates faster than a power has no series in 1 / x
        if not np.all(pace[np.isfinite(pace)] < 40) or np.isfinite(double).sum() < 12:
            return False
    elif center and np.isfinite(value) and value:
        # sin(3 pi x) has zeros near all thirds, and none quite there: no special point
        return False
    return _loss(single, double, 1e37, _ALARM * _amplified(center, double))


def _amplified(center: float, double: Array) -> float | Array:
    """By how much the formula amplifies what rounding x itself would do, near a zero or a pole.

    ``x - sqrt(x)`` at 1 and ``1 / (x^2 - 4)`` at 2 lose no more than that as they are written. What
    only touches zero, as ``x - 1 - log x`` does, shall not become negative.
    """
    if not center or np.isinf(center):
        return 1.0
    with np.errstate(all="ignore"):
        pace = np.log2(np.abs(double[-8:-2] / double[-6:]))
    order = np.round(np.median(pace))
    if not (np.all(np.abs(pace - order) < 0.1) and (order == 1 or order < 0)):
        return 1.0
    return np.asarray(np.abs(order / _NEAR[8:]))


# ---------------------------------------------------------------- mending


@lru_cache(maxsize=1024)
def pieces(formula: Formula) -> tuple[Piece, ...]:
    """Polynomials for the places where the formula loses digits."""
    from symgrad.symbolic.series import Truth

    try:
        truth = Truth(_with_many_digits(formula))
    except CompileError:  # an op that SymPy cannot be told of
        return ()
    found = []
    for center in _centers(formula):
        if center in profile(formula.stable).bad:
            piece = _mended(formula, truth, center)
            if piece is not None:
                found.append(piece)
    return tuple(found)


def _with_many_digits(formula: Formula) -> Callable[[Any], Any]:
    """The formula as a function of mpmath's numbers, step by step: as a graph, not as a tree."""
    x = identity(INPUT, {"name": "x", "shape": (), "dtype": np.dtype(np.float64)})
    nodes = formula.nodes(x)
    program: list[tuple[Callable[..., Any], tuple[int, ...]]] = []
    terms = {i for op, args, _ in formula.steps if op not in _SCALING for i in args}
    for i, ((op, args, attrs), node) in enumerate(zip(formula.steps, nodes[1:], strict=True), 1):
        if op == "literal":
            program.append((_constant(float(attrs[0][1]), i in terms), ()))
        else:
            program.append((_step(node), args))

    def at(t: Any) -> Any:
        values = [t]
        for function, args in program:
            values.append(function(*[values[i] for i in args]))
        return values[-1]

    return at


#: of which a number is a factor or an exponent
_SCALING = frozenset({"multiply", "divide", "power"})


def _constant(value: float, is_term: bool) -> Callable[[], Any]:
    import mpmath

    from symgrad.symbolic.constants import meant, meant_factor
    from symgrad.symbolic.series import with_many_digits

    exact = (meant if is_term else meant_factor)(value)
    return (lambda: mpmath.mpf(value)) if exact is None else with_many_digits([], exact)


#: (op, attributes, kinds of the arguments) -> the op as a function of mpmath's numbers
_KNOWN_STEPS: dict[Any, Callable[..., Any]] = {}
_MANY_STEPS = 4096


def _step(node: Expr) -> Callable[..., Any]:
    import sympy

    from symgrad.symbolic.formulas import translate
    from symgrad.symbolic.series import with_many_digits

    kinds = tuple([arg.dtype.kind for arg in node.args])
    key = (node.op, tuple(node.attrs.items()), kinds)
    if key not in _KNOWN_STEPS:
        if len(_KNOWN_STEPS) >= _MANY_STEPS:  # exponents from users' data have no end
            _KNOWN_STEPS.clear()
        symbols = [
            sympy.Symbol(f"x{i}", real=True)
            if kind == "f"
            else sympy.Gt(sympy.Symbol(f"x{i}", real=True), sympy.Rational(1, 2))
            for i, kind in enumerate(kinds)
        ]
        names = [sympy.Symbol(f"x{i}", real=True) for i in range(len(kinds))]
        _KNOWN_STEPS[key] = with_many_digits(names, translate(node, symbols))
    return _KNOWN_STEPS[key]


def _errors(formula: Formula, truth: Truth, points: Array) -> Array:
    """Errors of the formula as it is written, in units in the last place; 0 where unknown."""
    return _distance(_values(formula, points), [truth(float(p)) for p in points])


def _distance(values: Array, exact: list[Any]) -> Array:
    out = []
    for value, true in zip(values, exact, strict=True):
        if true is None or not np.isfinite(float(true)):
            out.append(0.0)
        elif not np.isfinite(value):
            out.append(np.inf)
        else:
            spacing = float(np.spacing(abs(float(true))))
            out.append(abs(float(type(true)(float(value)) - true)) / spacing)
    return np.array(out)


def _x_of(center: float, t: Array) -> Array:
    return np.asarray(np.sign(center) / t if np.isinf(center) else center + t)


#: radii that are tried, largest first
_RADII = (2.0, 1.5, 1.0, 0.75, 0.5, 0.375, 0.25, 0.1875, 0.125, 0.09375, 2.0**-4, 2.0**-5, 2.0**-6)


def _signs(center: float) -> tuple[float, ...]:
    return (1.0,) if np.isinf(center) else (1.0, -1.0)


def _mended(formula: Formula, truth: Truth, center: float) -> Piece | None:
    """The shortest polynomial beyond which the formula can be trusted; None if there is none."""
    unit = abs(center) if center and np.isfinite(center) else 1.0
    # no powers of two: with 1 they make sums that need no rounding
    inner = np.array([s * unit * 1.37 * 2.0**-k for k in (8, 12, 20, 26) for s in _signs(center)])
    worst_inside = _errors(formula.stable, truth, _x_of(center, inner)).max(initial=0)
    if worst_inside <= _GOOD and not _is_hole(formula.stable, center):
        return None
    rng = np.random.default_rng(0)
    # a polynomial around another number must not reach zero
    radii = _RADII if center == 0 or np.isinf(center) else [r for r in _RADII if r < 0.5]
    rings = [[s * unit * r * rng.uniform(1.0, 1.5, 6) for s in _signs(center)] for r in radii]
    errors = _errors(formula.stable, truth, _x_of(center, np.array(rings).ravel()))
    naive = dict(zip(radii, errors.reshape(len(radii), -1).max(axis=1), strict=True))
    shape = _shape(truth, center, unit)
    if shape is None:
        return None
    power, step = shape
    # what no polynomial fits on the shortest interval, none fits on a longer one
    if _fitted(truth, center, min(radii) * unit, power, step, _LONG) is None:
        return None
    trusted = [r for r in radii if naive[r] <= _GOOD]
    # the smallest radius outside of which all is well, then the best that there is
    wanted = [r for r in reversed(radii) if all(naive[q] <= _GOOD for q in radii if q >= r)]
    order = [*wanted, *[r for r in radii if r not in wanted]] if trusted else radii
    for r in order:
        piece = _fitted(truth, center, r * unit, power, step)
        if piece is not None and _is_better(formula, truth, piece):
            return piece
    return None


def _is_hole(formula: Formula, center: float) -> bool:
    return np.isfinite(center) and not np.isfinite(_values(formula, np.array([center]))[0])


def _around(truth: Truth, center: float) -> Callable[[Any], Any]:
    """The exact value as a function of t."""
    if np.isinf(center):
        sign = 1 if center > 0 else -1
        return lambda t: truth(sign / t)
    return lambda t: truth(center + t)


def _shape(truth: Truth, center: float, unit: float) -> tuple[float, int] | None:
    """The leading power of t, and 2 if only every second power occurs."""
    import mpmath

    at = _around(truth, center)
    with mpmath.workdps(50):
        h = mpmath.mpf(2) ** -40 * unit
        one, two = at(h), at(2 * h)
        if one is None or two is None or not one or not two or one * two < 0:
            return None
        twice = mpmath.log(two / one, 2) * 2
        power = float(mpmath.nint(twice)) / 2
        if abs(twice - 2 * power) > 1e-3 or abs(power) > 8:
            return None
        if power % 1:
            return (power, 1) if np.isinf(center) else None
        pairs = [(at(s * unit / 7), at(-s * unit / 7)) for s in (1, mpmath.mpf(0.37))]
        sign = 1 if power % 2 == 0 else -1
        even = all(
            p is not None and q is not None and abs(p - sign * q) < abs(p) * 1e-25 for p, q in pairs
        )
        return power, 2 if even else 1


def _fitted(
    truth: Truth, center: float, radius: float, power: float, step: int, most: int = _LONGEST
) -> Piece | None:
    import mpmath

    from symgrad.symbolic.series import fit

    at = _around(truth, center)

    def rest(s: Any) -> Any:
        t = mpmath.sqrt(s) if step == 2 else s
        value = at(t)
        return None if value is None else value / t**power

    if step == 2:
        low, high = 0.0, radius**2
    else:
        low, high = (0.0 if np.isinf(center) else -radius), radius
    coefficients = fit(rest, low, high, most)
    if coefficients is None:
        return None
    return Piece(center, radius, power, step, coefficients)


def _is_better(formula: Formula, truth: Truth, piece: Piece) -> bool:
    """Whether nothing gets worse where the polynomial stands for the formula."""
    rng = np.random.default_rng(1)
    sizes = piece.radius * np.concatenate([rng.uniform(0, 1, 24), 2.0 ** -rng.uniform(1, 30, 12)])
    t = np.concatenate([s * sizes for s in _signs(piece.center)])
    points = _x_of(piece.center, t)
    x = identity(INPUT, {"name": "x", "shape": points.shape, "dtype": points.dtype})
    exact = [truth(float(p)) for p in points]
    naive = _distance(_values(formula.stable, points), exact)
    mended = _distance(evaluate([piece.on(x, formula.stable.build(x))], {x: points})[0], exact)
    return bool(np.all(mended <= np.maximum(naive, _GOOD)))
