"""Families of formulas along an axis, in spellings drawn at random, against their exact values.

Each is computed on rows and on columns, in double and in single precision, whole and one element
of it. The error is at most the larger of some ulps and the error of the spelling as it stands;
what the last bits of the arguments change is added.
"""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.accuracy.cases import Case
from tests.accuracy.measure import measure
from tests.accuracy.systems import naive, symgrad
from tests.fuzzing import examples
from tests.rewrite.spellings import OF_ROWS, ROW_FAMILIES, Term, build, respelled, shown

#: units in the last place, where the naive form of the spelling is no worse
ALLOWED = {"value": 8.0, "d/dx": 24.0}
#: slopes of which most cancels, in the naive form as well: of a cotangent the part along x, or
#: its mean by probabilities of which one is nearly 1; the last digits are luck
LUCK = {"direction": 4.0, "standardised": 4.0, "softmax": 8.0, "softmin": 8.0}
#: families whose result has the length of the row; the others' is a number
ROWS = ("softmax", "softmin", "log-softmax", "log-softmin", "direction", "standardised")


def formula(term: Term, family: str, columns: bool = False, picked: bool = False) -> Any:
    """The term as a function of an array module and rows."""

    def call(xp: Any, x: Any) -> Any:
        def lookup(name: str) -> Callable[..., Any]:
            if name not in OF_ROWS:
                return getattr(xp, name)  # type: ignore[no-any-return]
            return lambda a: getattr(xp, name)(a, axis=0 if columns else -1, keepdims=True)

        out = build(term, x.T if columns else x, lookup)
        if columns:
            out = out.T
        if family not in ROWS:
            return out[..., 0]
        return out[..., 1] if picked else out

    return call


def check(family: str, seed: int, dtype: str) -> None:
    rng = random.Random(seed)
    columns, picked = rng.random() < 0.5, rng.random() < 0.5
    term = ROW_FAMILIES[family]
    spelling = respelled(term, rng)
    case = Case("family", family, "rows", formula(term, family, picked=picked), "rows")
    measures, refused = measure(
        case, dtype, [symgrad, naive], True, formula(spelling, family, columns, picked)
    )
    assert not refused
    for one in measures:
        for i in one.beyond:
            error, other = (float(one.errors[name][i]) for name in ("symgrad", "naive"))
            if family in LUCK and one.quantity == "d/dx":
                other *= LUCK[family]
                if family == "direction" and not np.isfinite(one.exact.nearest[i]):
                    continue  # 1 / |x| overflows
                if one.exact.nearest[i] == 0:
                    continue  # all of it cancels: there is no unit to measure in
            if error > max(ALLOWED[one.quantity], other):
                where = "columns" if columns else "rows"
                assert error <= max(ALLOWED[one.quantity], other) + 2 * one.sensitivity(i), (
                    f"{one.quantity} of {shown(spelling)} on {where} in {dtype} "
                    f"at {one.places[i]}: {one.values['symgrad'][i]!r}, exactly "
                    f"{one.exact.nearest[i]!r}: {error:.3g} ulps, naive {other:.3g}"
                )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("family", ROW_FAMILIES)
def test_spelling_is_as_good_as_any(family: str, seed: int, dtype: str) -> None:
    check(family, seed, dtype)


@examples(6)
@given(st.sampled_from(sorted(ROW_FAMILIES)), st.integers(1_000, 10**9))
def test_any_spelling(family: str, seed: int) -> None:
    check(family, seed, "float64")
