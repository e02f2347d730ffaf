"""Conditions that say the same twice: what may be dropped, and what may not."""

from typing import Any

import numpy as np

import symgrad as sg
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr
from symgrad.ops.interpret import evaluate
from symgrad.rewrite import SIMPLE, rewrite_exprs
from symgrad.rewrite.pattern import arange, expand_dims, logical_or, where, zeros


def simplified(*exprs: Expr) -> list[Expr]:
    return rewrite_exprs(list(exprs), SIMPLE)[0]


def selections(*exprs: Expr) -> int:
    return sum(node.op.name == "where" for node in topological(exprs))


def test_a_mask_is_followed_through_sums_and_scatters(leaf: Any) -> None:
    x, v, i = leaf("x", ("B", 5)), leaf("v", ("B",)), leaf("i", ("B",), "int64")
    keep = leaf("keep", ("B",), "bool")
    row, place = expand_dims(keep, 1), (arange(x.shape[0]), i)
    kept = where(keep, v, 0.0)
    value = x * expand_dims(kept, 1) - where(row, x, 0.0).sum(axis=1, keepdims=True)
    [found] = simplified(where(row, value.at[place].add(kept), 0.0))
    assert selections(found) == 1
    data = {
        x: np.arange(15.0).reshape(3, 5),
        v: np.array([1.0, np.nan, 3.0]),
        i: np.array([0, 4, 1]),
        keep: np.array([True, False, True]),
    }
    before, after = evaluate([where(row, value.at[place].add(kept), 0.0), found], data)
    np.testing.assert_array_equal(after, before)


def test_a_selection_along_other_axes_stays(leaf: Any) -> None:
    x, c, i = leaf("x", (4, 4)), leaf("c", (4,), "bool"), leaf("i", (4,), "int64")
    row, column = expand_dims(c, 1), expand_dims(c, 0)
    for expr in (
        where(row, where(column, x, 0.0) * 2.0, 0.0),  # one along rows, one along columns
        where(column, where(column, x, 0.0).sum(axis=1, keepdims=True), 0.0),  # summed across
        where(row, zeros((4, 4)).at[i].add(where(row, x, 0.0)), x),  # rows go elsewhere
        where(row, x / where(row, x, 1.0), x),  # a divisor that is guarded
    ):
        assert selections(*simplified(expr)) == 2


def test_what_is_used_elsewhere_is_not_made_twice(leaf: Any) -> None:
    x, y, c = leaf("x"), leaf("y"), leaf("c", dtype="bool")
    h = where(c, x, 0.0) * y
    first, second = simplified(where(c, h + x, 0.0), h)
    assert second is h and selections(first, second) == 2
    assert h in set(topological([first]))


def test_masks_within_masks(leaf: Any) -> None:
    keep, i = leaf("keep", ("B",), "bool"), leaf("i", ("B",), "int64")
    n = keep.shape[0]
    row = expand_dims(keep, 1)
    spread = zeros((n, 5), bool).at[arange(n), i].add(keep)
    assert simplified(logical_or(row, spread))[0] is simplified(sg.broadcast_to(row, (n, 5)))[0]
    assert simplified(spread.any(axis=1))[0] is keep
    assert simplified(row & spread.any(axis=1, keepdims=True))[0] is row
    elsewhere = zeros((n, n), bool).at[i].add(row)  # whose rows are others
    found = simplified(logical_or(row, elsewhere))[0]
    assert "scatter_add" in [node.op.name for node in topological([found])]
