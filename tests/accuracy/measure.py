"""Errors of all systems on one case, and what they may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import product
from typing import Any

import mpmath
import numpy as np

from tests.accuracy.cases import Case
from tests.accuracy.systems import Problem, System
from tests.accuracy.truth import elementwise_truth, truth
from tests.accuracy.ulps import Exact

__all__ = ["ALLOWED", "Measure", "measure"]

Array = np.ndarray[Any, Any]
#: an error in ulps that any formula may have
ALLOWED = 4.0


@dataclass
class Measure:
    """Errors of one quantity of a case, one for each number of the result.

    Parameters
    ----------
    case : Case
    dtype : str
    quantity : str
        ``"value"``, ``"d/dx"``, ``"d2/dx2"``.
    places : list of str
        Where each number was measured.
    exact : Exact
    moved : callable
        Of a number's position: its exact values where the arguments are moved by their last bits.
    errors : dict of str to array
        System -> ulps.
    values : dict of str to array
        System -> what it gave.
    """

    case: Case
    dtype: str
    quantity: str
    places: list[str]
    exact: Exact
    moved: Callable[[int], list[Any]]
    errors: dict[str, Array] = field(default_factory=dict)
    values: dict[str, Array] = field(default_factory=dict)

    @cached_property
    def bound(self) -> Array:
        """What symgrad's error may be: 4 ulps, or the least error of the others."""
        others = [e for name, e in self.errors.items() if name != "symgrad"]
        best = np.min(others, axis=0) if others else np.full(len(self.places), np.inf)
        return np.maximum(ALLOWED, best)

    @cached_property
    def beyond(self) -> list[int]:
        """Where symgrad's error is more than that, the worst first."""
        own = self.errors.get("symgrad")
        if own is None:
            return []
        found = np.flatnonzero(own > self.bound)
        return [int(i) for i in sorted(found, key=lambda i: -own[i] / self.bound[i])]

    @cached_property
    def unexplained(self) -> list[int]:
        """Of these, where it is more than what the last bits of the arguments do, too."""
        return [i for i in self.beyond if self.errors["symgrad"][i] > self.sensitivity(i)]

    def sensitivity(self, i: int) -> float:
        """4 ulps, and how far the exact result moves when each argument moves by its last bit."""
        moved = [v for v in self.moved(i) if v is not None]
        if not moved:
            return ALLOWED
        here = self.exact.at(i)
        several = 4 if self.case.arguments == "matrices" else 1  # a matrix has many bits to move
        return ALLOWED + several * max(float(here.error(np.array([float(v)]))[0]) for v in moved)


def measure(
    case: Case,
    dtype: str,
    systems: Sequence[System],
    quick: bool = False,
    spelling: Callable[..., Any] | None = None,
) -> tuple[list[Measure], dict[str, str]]:
    """The errors of a case, and why a system could not be measured.

    With a `spelling`, the systems compute that formula, and the case's own says what is exact.
    """
    found: dict[str, list[Measure]] = {}
    refused: dict[str, str] = {}
    for problem in case.problems(dtype, quick):
        made = _numbers(case, problem, dtype) if problem.numbers else _whole(case, problem, dtype)
        given_to = problem if spelling is None else replace(problem, formula=spelling)
        for system in systems:
            results = system.run(given_to)
            if results.refused:
                refused[system.name] = results.refused
            given = {"value": results.value}
            for i, slope in zip(problem.wrt, results.slopes, strict=False):
                given[f"d/d{'xyz'[i]}"] = slope
            for i, second in zip(problem.wrt, results.curvatures, strict=False):
                given[f"d2/d{'xyz'[i]}2"] = second
            for one in made:
                value = given.get(one.quantity)
                if value is not None:
                    one.values[system.name] = value = np.ravel(value)
                    one.errors[system.name] = one.exact.error(value)
        for one in made:
            found.setdefault(one.quantity, []).append(one)
    return [_joined(parts) for parts in found.values()], refused


def _numbers(case: Case, problem: Problem, dtype: str) -> list[Measure]:
    """Of a formula of numbers."""
    columns = [np.asarray(a, np.float64).tolist() for a in problem.args]
    points = list(zip(*columns, strict=True))
    places = [", ".join(f"{v:.17g}" for v in point) for point in points]
    names = "xyz"[: len(columns)]
    keys = ["value", *[f"d/d{n}" for n in names]]
    keys += [f"d2/d{n}2" for n in names] if problem.curved else []

    def row(point: tuple[float, ...]) -> list[Any]:
        value, slopes, seconds = elementwise_truth(problem.formula, point, problem.curved)
        infinite = value is not None and mpmath.isinf(value)
        if case.kind == "family" and infinite and np.isfinite(point).all():
            return [None] * len(keys)  # an argument of log vanishes with these digits
        return [value, *slopes, *(seconds if problem.curved else [])]

    def moved(i: int, k: int) -> list[Any]:
        numbers = [a.dtype.type(p) for a, p in zip(problem.args, points[i], strict=True)]
        ends = [[_nudged(n, [sign]) for sign in (-1, 1)] for n in numbers]
        return [row(tuple(map(float, end)))[k] for end in product(*ends)]

    rows = [row(point) for point in points]
    return [
        Measure(
            case, dtype, key, places, Exact([r[k] for r in rows], dtype), lambda i, k=k: moved(i, k)
        )
        for k, key in enumerate(keys)
    ]


def _whole(case: Case, problem: Problem, dtype: str) -> list[Measure]:
    """Of a formula of arrays: rows one by one, since each is a point of its own."""
    batched = len(problem.args) == 1 and problem.args[0].ndim == 2
    calls = (
        [([row], w) for row, w in zip(problem.args[0], problem.weights, strict=True)]
        if batched
        else [(problem.args, 1.0 if problem.weights is None else problem.weights)]
    )
    columns: dict[str, tuple[list[str], list[Any], list[tuple[int, int]]]] = {}
    found = [_rows(problem, args, weights) for args, weights in calls]
    shapes = [np.shape(rows["value"]) for rows in found if rows["value"] is not None]
    if not shapes:  # a singular matrix: there is nothing to compare with
        return []
    for n, ((args, _), rows) in enumerate(zip(calls, found, strict=True)):
        shown = "; ".join(np.array2string(np.asarray(a), precision=6) for a in args)
        if rows["value"] is None:
            rows["value"] = np.full(shapes[0], None)
        for key, values in rows.items():
            places, column, index = columns.setdefault(key, ([], [], []))
            flat = np.ravel(values)
            places += [f"{' '.join(shown.split())} [{k}]" for k in range(len(flat))]
            column += list(flat)
            index += [(n, k) for k in range(len(flat))]

    @cache
    def neighbours(n: int) -> list[dict[str, Any]]:
        """The exact results of a call where its arguments and weights are moved."""
        args, weights = calls[n]
        made = []
        for pattern in ([1], [1, -1], [1, 1, -1]):
            *ends, factors = [_nudged(a, pattern) for a in (*args, weights)]
            made.append(_rows(problem, ends, factors))
        return made

    def moved(key: str, i: int) -> list[Any]:
        n, k = columns[key][2][i]
        return [np.ravel(rows[key])[k] for rows in neighbours(n) if rows["value"] is not None]

    return [
        Measure(
            case,
            dtype,
            key,
            places,
            Exact(column, dtype, norm=not batched),
            lambda i, key=key: moved(key, i),
        )
        for key, (places, column, _) in columns.items()
    ]


def _nudged(array: Any, pattern: list[int]) -> Array:
    """The numbers moved to their neighbours, up and down as the pattern says."""
    array = np.asarray(array)
    ends = np.where(np.resize(pattern, array.shape) > 0, np.inf, -np.inf).astype(array.dtype)
    return np.asarray(np.nextafter(array, ends))


def _rows(problem: Problem, args: Any, weights: Any) -> dict[str, Any]:
    found = truth(problem.formula, args, weights, problem.wrt)
    rows = {"value": found.value}
    for i in problem.wrt:
        rows[f"d/d{'xyz'[i]}"] = found.slopes[i]
    return rows


def _joined(parts: list[Measure]) -> Measure:
    """The measures of several calls as one."""
    first = parts[0]
    if len(parts) == 1:
        return first
    starts = np.cumsum([0, *[len(p.places) for p in parts]])

    def moved(i: int) -> list[Any]:
        n = int(np.searchsorted(starts, i, side="right")) - 1
        return parts[n].moved(i - int(starts[n]))

    places = [place for part in parts for place in part.places]
    exact = Exact.joined([p.exact for p in parts])
    whole = Measure(first.case, first.dtype, first.quantity, places, exact, moved)
    for name in sorted(set.intersection(*[set(p.errors) for p in parts])):
        whole.errors[name] = np.concatenate([p.errors[name] for p in parts])
        whole.values[name] = np.concatenate([p.values[name] for p in parts])
    return whole
