"""Factors: where they go, what they cost there, and which of them stay."""

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr, literal
from symgrad.ops.interpret import evaluate
from symgrad.rewrite import SIMPLE, rewrite_exprs


def simplified(expr: Expr) -> Expr:
    return rewrite_exprs([expr], SIMPLE)[0][0]


def whole_products(expr: Expr) -> int:
    """How many products and quotients of whole matrices are left."""
    found = topological([simplified(expr)])
    return sum(n.op.name in ("multiply", "divide") and n.shape[-1:] == (5,) for n in found)


def test_literals_meet_at_the_smallest_factor(leaf: Any) -> None:
    x, s, n = leaf("x", ("B", 5)), leaf("s", ()), leaf("n", (), "int64")
    assert simplified(s * (x * 2.0)) is (s * 2.0) * x
    assert simplified((s / 4.0) * (x * 2.0)) is (s / 2.0) * x
    assert simplified((1 / n) * (x * 2.0)) is (literal(2) / n) * x
    assert simplified(x / s * 0.25) is x / s * 0.25  # both may be tiny


def test_literals_do_not_leave_what_is_used_elsewhere(leaf: Any) -> None:
    x, s = leaf("x", ("B", 5)), leaf("s", ())
    twice = x * 2.0
    (product, kept), _, _ = rewrite_exprs([s * twice, twice], SIMPLE)
    assert kept is twice and product is s * twice


def test_what_does_not_vary_leaves_the_sum(leaf: Any) -> None:
    x, y, w = leaf("x", ("B", 5)), leaf("y", ("B", 5)), leaf("w", (5,))
    root = sg.sqrt(leaf("v", ("B", 1)))
    unit = y / root
    found = simplified((x * (unit / root)).sum(axis=1, keepdims=True))
    assert found is (x * unit).sum(axis=1, keepdims=True) / root
    assert whole_products((x * y / root).sum(axis=1)) == 1
    assert simplified((x * y * w).sum(axis=0)) is (x * y).sum(axis=0) * w
    assert simplified((x / root).sum(axis=0)) is (x / root).sum(axis=0)  # it varies along it


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_no_product_leaves_the_range_of_numbers(leaf: Any, size: float) -> None:
    x, y = leaf("x", ("B", 5)), leaf("y", ("B", 5))
    root = leaf("root", ("B", 1))
    expr = (x * (y / root)).sum(axis=1)
    data = {x: np.full((2, 5), size), y: np.full((2, 5), size), root: np.full((2, 1), size)}
    slope = x * 2.0 / sg.sum(x, axis=1, keepdims=True)
    before = evaluate([expr, slope], data)
    after = evaluate([simplified(expr), simplified(slope)], data)
    for a, b in zip(after, before, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-15)


def test_a_scale_that_guards_a_sum_stays_within(leaf: Any) -> None:
    x, y = leaf("x", ("B", 5)), leaf("y", ("B", 5))
    largest = abs(x).max(axis=1, keepdims=True)
    expr = (x / largest * y).sum(axis=1)
    data = {x: np.full((2, 5), 1e308), y: np.ones((2, 5))}
    [value] = evaluate([simplified(expr)], data)
    np.testing.assert_array_equal(value, 5.0)


def test_the_gradient_of_a_norm_goes_over_all_elements_as_often_as_one_writes_it() -> None:
    x, t = sg.input("x", ("B", 7, 64)), sg.input("t", ("B", 7, 64))
    h = x * sg.param("s", (64,))
    loss = sg.losses.mean(sg.square(sg.nn.layer_norm(h) - t))
    model = sg.compile(loss, style="readable")
    body = model.source_of("value_and_grad").split("# gradient")[1]
    assert "2 / count" in body
    assert "keepdims=True) / root / root / 64 * " in body
    assert "0.5" not in body and "* 2" not in body


def test_signs_of_factors_further_in_become_subtraction(leaf: Any) -> None:
    x, y, z = leaf("x"), leaf("y"), leaf("z", ())
    assert simplified(x + (z / -4.0) * y) is x - (z / 4.0) * y


def test_a_difference_that_is_there_is_not_taken_the_other_way_round(leaf: Any) -> None:
    x, y = leaf("x"), leaf("y")
    d = x - y
    assert simplified(d + sg.sum(-d) / 12.0) is d - d.sum() / 12.0
