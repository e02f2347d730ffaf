"""Derivatives against finite differences: both modes, to any order, with the entry named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.autodiff.differences import FIRST_STEP, LEVELS, central_difference
from symgrad.autodiff.forward import pushforward
from symgrad.autodiff.point import draw_point, in_double
from symgrad.autodiff.reverse import cotangents, require_differentiable
from symgrad.errors import DeclarationError, DTypeError, GradientMismatch, NonFiniteError
from symgrad.ir import provenance
from symgrad.ir.dtypes import is_float
from symgrad.ir.node import Expr, identity
from symgrad.ir.op import FUNCTIONS
from symgrad.ops.interpret import evaluate as interpret
from symgrad.ops.leaf import INPUT

__all__ = ["CheckReport", "CheckRow", "check_expressions"]

Array = np.ndarray[Any, Any]
Evaluate = Callable[[Sequence[Expr], Mapping[Expr, Any]], Sequence[Array]]

#: arrays up to this size are checked entry by entry, larger ones along random directions and
#: at some entries
SMALL = 32
SAMPLES = 6
DIRECTIONS = 2

#: differences that stay nearer to the point, for where a kink is near
SHORT_STEP = 2.0**-16
SHORT_LEVELS = 5

RELATIVE = 1e-6  # of the derivatives themselves
ROUNDING = 1e-10  # of the function's values: what differences of them cannot resolve


@dataclass(frozen=True)
class CheckRow:
    """What was compared for one array: by which mode, of which order, how far they were apart."""

    name: str
    mode: str
    order: int
    error: float
    entries: int
    size: int


@dataclass(frozen=True)
class CheckReport:
    """The derivatives that were compared with finite differences, all of which agreed.

    Attributes
    ----------
    rows : tuple of CheckRow
        `mode` lists the modes from the inside out: ``"rev fwd"`` is forward over reverse.
        `error` is the largest difference, relative to the derivative where that exceeds 1.
    """

    rows: tuple[CheckRow, ...]

    @property
    def error(self) -> float:
        """The largest error of all."""
        return max((row.error for row in self.rows), default=0.0)

    def __str__(self) -> str:
        header = ("with respect to", "order", "mode", "compared", "max error")
        table = [header] + [
            (
                row.name,
                str(row.order),
                row.mode,
                f"{row.entries} of {row.size}" if row.entries < row.size else "all",
                f"{row.error:.1e}",
            )
            for row in self.rows
        ]
        widths = [max(len(line[i]) for line in table) for i in range(len(header))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in table
        )


def check_expressions(
    outputs: Sequence[Expr],
    wrt: Sequence[Expr],
    point: Mapping[Expr, Any] | None = None,
    modes: Sequence[str] = ("rev", "fwd"),
    order: int = 2,
    seed: int = 0,
    evaluate: Evaluate = interpret,
) -> CheckReport:
    """Compare derivatives with central differences of the values, in float64.

    Small arrays are compared entry by entry, large ones along random directions and at some
    entries. Derivatives of higher order are those of a lower one along a random direction, so
    each is compared with differences of what has been compared before.

    Parameters
    ----------
    outputs, wrt : sequence of Expr
        `wrt` are leaves.
    point : mapping of leaves to arrays, optional
        Leaves that are not given are drawn: floats from a normal distribution, integers
        within the bounds of what they index, symbolic sizes small and all different.
    modes : sequence of {"rev", "fwd"}
    order : int
    seed : int
        Of the point, the directions and the weights of the outputs.
    evaluate : callable
        ``(expressions, {leaf: array}) -> arrays``: what is being checked; the reference
        interpreter by default.

    Returns
    -------
    CheckReport

    Raises
    ------
    GradientMismatch
        Naming the array, the entry, the mode and both numbers.
    NonFiniteError
        If the outputs are not finite at the point.
    DTypeError
        If an output or one of `wrt` is not floating.
    """
    modes = tuple(modes)
    if not modes or not set(modes) <= {"rev", "fwd"}:
        raise DeclarationError(f"modes must be among 'rev' and 'fwd'; got {modes!r}")
    if not isinstance(order, int) or order < 1:
        raise DeclarationError(f"order must be a positive integer; got {order!r}")
    require_differentiable(wrt)
    for output in outputs:
        if not is_float(output.dtype):
            raise DTypeError(f"only floating values have derivatives; got {output!r}")
    rng = np.random.default_rng(seed)
    with provenance.quiet():
        names = [x.name or f"argument {i}" for i, x in enumerate(wrt)]
        double, leaves = in_double(outputs, wrt)
        given = {leaves.get(leaf, leaf): value for leaf, value in (point or {}).items()}
        env = draw_point(double, given, rng, evaluate, list(leaves.values()))
        checker = _Checker([leaves[x] for x in wrt], names, modes, env, rng, evaluate)
        level: list[tuple[tuple[str, ...], list[Expr]]] = [((), double)]
        for _ in range(order):
            level = [made for done, exprs in level for made in checker.compare(done, exprs)]
    return CheckReport(tuple(checker.rows))


@dataclass
class _Claim:
    """What the modes say of the slope of outputs along one direction of one array."""

    outputs: Sequence[Expr]
    x: Expr
    direction: Array
    weight: list[Array]
    total: float
    scale: float
    label: str
    done: tuple[str, ...]
    reverse: float | None = None
    forward: Sequence[Array] | None = None


class _Checker:
    """Compares derivatives of functions of the same leaves at the same point."""

    def __init__(
        self,
        wrt: list[Expr],
        names: list[str],
        modes: tuple[str, ...],
        env: dict[Expr, Array],
        rng: np.random.Generator,
        evaluate: Evaluate,
    ) -> None:
        self.wrt = wrt
        self.names = names
        self.modes = modes
        self.env = env
        self.rng = rng
        self.evaluate = evaluate
        self.rows: list[CheckRow] = []

    def compare(
        self, done: tuple[str, ...], outputs: Sequence[Expr]
    ) -> list[tuple[tuple[str, ...], list[Expr]]]:
        """Check first derivatives of `outputs`; returns them, along one random direction.

        `done` are the modes by which `outputs` were themselves derived.
        """
        values = self._values(outputs, self.env)
        scale = max([float(np.abs(v).max(initial=0)) for v in values], default=0.0)
        weights = [self._fresh(out, unit=not out.shape) for out in outputs]
        tangents = [self._fresh(x, unit=False) for x in self.wrt]
        reverse = self._or_zero(cotangents(outputs, weights, self.wrt), self.wrt)
        forward = self._or_zero(pushforward(outputs, self.wrt, tangents), outputs)
        gradients = self._values(reverse, self.env) if "rev" in self.modes else []
        at_rest = {**self.env, **{t: np.zeros_like(self.env[t]) for t in tangents}}
        weight = [self.env[w] for w in weights]
        total = scale * sum(float(np.abs(w).sum()) for w in weight)
        for i, (x, name) in enumerate(zip(self.wrt, self.names, strict=True)):
            errors = dict.fromkeys(self.modes, 0.0)
            directions = self._directions(self.env[x], SAMPLES if done else SMALL)
            for label, direction in directions:
                claim = _Claim(outputs, x, direction, weight, total, scale, f"{name}{label}", done)
                if gradients:
                    claim.reverse = float(np.sum(gradients[i] * direction))
                if "fwd" in self.modes:
                    claim.forward = self._values(forward, {**at_rest, tangents[i]: direction})
                try:
                    found = self._verdict(claim, FIRST_STEP, LEVELS)
                except GradientMismatch:  # a kink within reach of the long steps, or a mistake
                    found = self._verdict(claim, SHORT_STEP, SHORT_LEVELS)
                for mode, error in found.items():
                    errors[mode] = max(errors[mode], error)
            size = self.env[x].size
            for mode, error in errors.items():
                modes = " ".join((*done, mode))
                entries = min(len(directions), size)
                self.rows.append(CheckRow(name, modes, len(done) + 1, error, entries, size))
        # along the direction that the tangents hold
        along = [
            FUNCTIONS["sum"](FUNCTIONS["multiply"](g, t))
            for g, t in zip(reverse, tangents, strict=True)
        ]
        return [((*done, mode), along if mode == "rev" else forward) for mode in self.modes]

    def _verdict(self, claim: _Claim, step: float, levels: int) -> dict[str, float]:
        """The error of each mode along one direction; raises where it is too large."""
        slopes, doubt = self._differences(claim.outputs, claim.x, claim.direction, step, levels)
        found: dict[str, float] = {}
        if claim.reverse is not None:
            want = sum([np.sum(w * s) for w, s in zip(claim.weight, slopes, strict=True)])
            where = f"d / d {claim.label}"
            got = np.asarray(claim.reverse)
            found["rev"] = _agree(got, want, doubt, claim.total, where, "rev", claim.done)
        if claim.forward is not None:
            for k, (tangent, slope) in enumerate(zip(claim.forward, slopes, strict=True)):
                where = f"d output {k}{{}} / d {claim.label}"
                error = _agree(tangent, slope, doubt, claim.scale, where, "fwd", claim.done)
                found["fwd"] = max(found.get("fwd", 0.0), error)
        return found

    def _differences(
        self, outputs: Sequence[Expr], x: Expr, direction: Array, step: float, levels: int
    ) -> tuple[list[Array], float]:
        """Differences of the outputs as `x` moves along `direction`, and how far to trust them."""
        base = self.env[x]
        shapes: list[tuple[int, ...]] = []

        def moved(t: float) -> Array:
            values = self._values(outputs, {**self.env, x: base + t * direction}, finite=False)
            shapes[:] = [v.shape for v in values]
            return np.concatenate([v.ravel() for v in values])

        slope, error = central_difference(moved, step, levels)
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        slopes = [
            part.reshape(shape) for part, shape in zip(np.split(slope, ends), shapes, strict=True)
        ]
        return slopes, float(error.max(initial=0))

    def _directions(self, value: Array, small: int) -> list[tuple[str, Array]]:
        """What to move along: each entry of a small array; else some, and random directions."""
        if value.size <= small:
            chosen = np.arange(value.size)
        else:
            chosen = np.sort(self.rng.choice(value.size, SAMPLES, replace=False))
        found: list[tuple[str, Array]] = []
        for flat in chosen:
            entry = np.zeros(value.size)
            entry[flat] = 1
            index = tuple(int(i) for i in np.unravel_index(int(flat), value.shape))
            found.append((_entry(index), entry.reshape(value.shape)))
        if value.size > small:
            for k in range(DIRECTIONS):
                direction = np.asarray(self.rng.uniform(-1, 1, value.shape))
                found.append((f" along random direction {k}", direction))
        return found

    def _fresh(self, like: Expr, unit: bool) -> Expr:
        """A new input of the shape of an expression, with a random value at the point."""
        leaf = identity(INPUT, {"name": "seed", "shape": like.shape, "dtype": like.dtype})
        shape = self._values([like], self.env, finite=False)[0].shape
        self.env[leaf] = np.asarray(1.0 if unit else self.rng.uniform(-1, 1, shape))
        return leaf

    def _or_zero(self, found: Sequence[Expr | None], like: Sequence[Expr]) -> list[Expr]:
        return [
            FUNCTIONS["zeros"](x.shape, x.dtype) if expr is None else expr
            for expr, x in zip(found, like, strict=True)
        ]

    def _values(
        self, exprs: Sequence[Expr], env: Mapping[Expr, Array], finite: bool = True
    ) -> list[Array]:
        values = [np.asarray(v, np.float64) for v in self.evaluate(exprs, env)]
        if finite:
            for expr, value in zip(exprs, values, strict=True):
                if not np.isfinite(value).all():
                    at = _entry(tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0]))
                    raise NonFiniteError(f"{expr!r} is not finite{' at ' + at if at else ''}")
        return values


def _entry(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""


def _agree(
    got: Any,
    want: Any,
    doubt: float,
    magnitude: float,
    where: str,
    mode: str,
    done: tuple[str, ...],
) -> float:
    """The largest error of the entries of an array, each of which must be small enough.

    `magnitude` is that of the values that were subtracted to get `want`, `doubt` the error
    that extrapolation estimates; in `where`, braces stand for the entry.
    """
    got, want = np.asarray(got), np.asarray(want)
    size = np.maximum(np.abs(got), np.abs(want))
    # an uncertain difference is trusted less, but never so little that all would pass
    bound = RELATIVE * size + ROUNDING * magnitude + np.minimum(doubt, 10 * RELATIVE * size)
    error = np.asarray(np.abs(got - want))
    wrong = np.argwhere(~(error <= bound))  # with NaN
    if len(wrong):
        at = tuple(int(i) for i in wrong[0])
        over = f" (of {' of '.join(reversed(done))})" if done else ""
        raise GradientMismatch(
            f"{where.replace('{}', _entry(at))}, order {len(done) + 1}, mode {mode}{over}: "
            f"symgrad gives {float(got[at])!r}, finite differences {float(want[at])!r}; they "
            f"differ by {float(error[at]):.1e}, allowed is {float(np.asarray(bound)[at]):.1e}"
        )
    return float((error / np.maximum(1.0, size)).max(initial=0.0))
