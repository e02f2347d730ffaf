"""The report: totals agree with counts made by hand."""

import json

import numpy as np
import pytest

import symgrad as sg
from symgrad.ir.size import Dim
from symgrad.viz.work import flops_of


def linear():
    x, t = sg.input("x", ("B", 64)), sg.input("t", ("B", 32))
    y = sg.name(x @ sg.param("W", (64, 32)) + sg.param("b", (32,)), "y")
    return sg.compile(((y - t) * (y - t)).sum())


@pytest.mark.parametrize(
    ("left", "right", "flops"),
    [
        ((5, 7), (7, 3), 2 * 5 * 7 * 3),
        ((4, 5, 7), (7, 3), 2 * 4 * 5 * 7 * 3),
        ((7,), (7,), 2 * 7),
        ((5, 7), (7,), 2 * 5 * 7),
    ],
)
def test_a_matrix_product_of_m_k_n_takes_2mkn(left, right, flops: int) -> None:
    assert flops_of(sg.input("a", left) @ sg.input("b", right)) == flops


def test_symbolic_sizes_are_counted_as_they_are() -> None:
    m, k, n = sg.dim("M"), sg.dim("K"), sg.dim("N")
    a, b = sg.input("a", ("M", "K")), sg.input("b", ("K", "N"))
    assert flops_of(a @ b) == 2 * m * k * n
    assert flops_of(sg.einsum("mk,kn->mn", a, b)) == 2 * m * k * n
    assert flops_of(a.sum(axis=1)) == m * k
    assert flops_of(sg.norm(a, axis=1)) == 2 * m * k
    assert flops_of(a) == 0 and flops_of(a[0]) == 0


def test_the_cost_of_a_linear_model() -> None:
    report = linear().report()
    b = sg.dim("B")
    # forward: product, bias, difference, square, sum; backward: W's product and 2 (y - t), b's sum
    assert report.forward_flops == 2 * b * 64 * 32 + 4 * b * 32
    assert report.backward_flops == 2 * b * 64 * 32 + 2 * b * 32
    assert report.flops == report.forward_flops + report.backward_flops
    assert report.parameter_bytes == 8 * (64 * 32 + 32)
    assert isinstance(report.peak_bytes, Dim)


def test_sizes_are_put_in() -> None:
    open_, closed = linear().report(), linear().report(B=10)
    for cost in ("forward_flops", "backward_flops", "intermediate_bytes"):
        assert getattr(closed, cost) == getattr(open_, cost).evaluate({"B": 10})
    assert closed.peak_bytes <= closed.intermediate_bytes + 8 * (64 * 32 + 32) + 8


def test_the_peak_is_what_lives_at_once() -> None:
    x = sg.input("x", (1000,))
    y = x
    for _ in range(10):
        y = sg.sin(y)
    report = sg.function([x], y).report()
    assert report.peak_bytes == 2 * 8000  # a value and the one that is made from it
    assert report.intermediate_bytes == 9 * 8000


def test_passes_follow_one_another_and_rules_are_counted() -> None:
    x = sg.input("x", ("B", 3))
    e = sg.exp(x)
    model = sg.compile(sg.log(e / e.sum(axis=1, keepdims=True)).mean(), wrt=[x])
    report = model.report()
    for before, after in zip(report.passes, report.passes[1:], strict=False):
        assert before.after == after.before
    assert report.rules and sum(report.rules.values()) == sum(
        sum(p.rules.values()) for p in report.passes
    )
    assert report.seconds == pytest.approx(sum(p.seconds for p in report.passes))
    stabilise = next(p for p in report.passes if p.name == "stabilise")
    assert stabilise.rules


def test_what_is_shown_holds_every_pass_and_cost() -> None:
    report = linear().report(B=4)
    text, page, data = str(report), report._repr_html_(), report.to_dict()
    assert json.loads(json.dumps(data)) == data
    assert json.dumps(linear().report().to_dict())
    for row in report.passes:
        assert row.name in text and f"<td>{row.name}</td>" in page
    assert f"{report.flops:,}" in text and f"{report.flops:,}" in page
    assert data["flops"] == report.flops == data["forward_flops"] + data["backward_flops"]
    assert np.isfinite(data["seconds"])
