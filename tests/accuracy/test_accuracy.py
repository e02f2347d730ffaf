"""A short form of ``make accuracy``, without peers; and that nothing is left out of it."""

from typing import Any

import mpmath
import numpy as np
import pytest

from tests.accuracy.cases import EXEMPT, SHIPPED, Case, cases, op_cases
from tests.accuracy.exact import FUNCTIONS
from tests.accuracy.measure import measure
from tests.accuracy.systems import naive, symgrad
from tests.accuracy.truth import elementwise_truth
from tests.accuracy.ulps import Exact

#: (case, quantity) -> why symgrad may be worse there than the naive formula
OPEN: dict[tuple[str, str], str] = {
    ("near 0: (tanh(x) - x) / x^3", "d/dx"): "of three terms that cancel in part",
    ("shares: (e^x - e^y) / (e^x + e^y)", "d/dx"): "where both exponentials vanish",
    ("shares: (e^x - e^y) / (e^x + e^y)", "d/dy"): "where both exponentials vanish",
    ("log of products: log(s(x) / s(y))", "value"): "a difference of logarithms that cancels",
    ("log of products: log((1 + x^2) / (1 + y^2))", "value"): "as above",
    ("hypot: x / sqrt(x^2 + y^2)", "d/dx"): "1 / r - x^2 / r^3 cancels, in the naive one too",
    ("softmax: e^(x - m) / sum(e^(x - m))", "d/dx"): "y (c - sum y c), where one y is nearly 1",
    ("softmax: 2 e^x / (2 sum(e^x))", "d/dx"): "as above",
    ("log_softmax: -sum(p log p)", "d/dx"): "entropy: terms that cancel, in the naive one too",
    ("determinant: log(det(A' A))", "d/dx"): "the matrix is squared before it is inverted",
    ("solve: b inv(A' A) b", "d/dx"): "the matrix is squared before it is inverted",
    ("solve: b inv(A' A) b", "d/dy"): "the matrix is squared before it is inverted",
    ("solve: b inv(A' A) b", "value"): "a matrix of 1e-151, whose square is at the range's end",
    ("norms: x / sqrt(sum(x^2))", "d/dx"): "what is along x cancels: 18 ulps where one is naive",
    ("variance: (x - m) / sqrt(v)", "d/dx"): "as above: a second projection mends it, and costs",
}


MEASURED = [
    pytest.param(case, dtype, id=f"{case}-{dtype}")
    for case in cases()
    for dtype in ("float64", "float32")
    if dtype == "float64" or case.kind == "op"  # of the families, make accuracy
]


@pytest.mark.parametrize(("case", "dtype"), MEASURED)
def test_no_error_is_beyond_4_ulps_and_that_of_the_naive_formula(case: Case, dtype: str) -> None:
    measures, refused = measure(case, dtype, [symgrad, naive], quick=True)
    assert not refused
    for one in measures:
        assert "symgrad" in one.errors
        if (str(case), one.quantity) in OPEN:
            continue
        wrong = [
            f"at {one.places[i]}: {one.values['symgrad'][i]!r}, exactly {one.exact.nearest[i]!r} "
            f"({one.errors['symgrad'][i]:.3g} ulps, naive {one.errors['naive'][i]:.3g})"
            for i in one.unexplained
        ]
        assert not wrong, f"{case}, {one.quantity}, {dtype}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("case", [c for c in cases() if c.arguments == "numbers"], ids=str)
def test_nan_gives_nan(case: Case) -> None:
    """At its own place, as the naive formula has it."""
    [problem] = case.problems("float64", quick=True)
    out = np.asarray(symgrad.run(problem).value)
    expected = np.asarray(naive.run(problem).value)
    bad = np.any([np.isnan(a) for a in problem.args], axis=0)
    np.testing.assert_array_equal(np.isnan(out[bad]), np.isnan(expected[bad]))


def test_every_op_is_measured_or_exempt_for_a_reason() -> None:
    measured = {case.group for case in op_cases()}
    assert not measured & set(EXEMPT)
    left_out = set(SHIPPED) - measured - set(EXEMPT)
    assert not left_out, f"ops with no truth and no reason: {sorted(left_out)}"
    assert all(EXEMPT.values())
    assert not set(EXEMPT) - set(SHIPPED)


def test_cases_have_different_names() -> None:
    names = [str(case) for case in cases()]
    assert len(set(names)) == len(names)


# ---- the truth itself


def _formula(xp: Any, x: Any) -> Any:
    return (1 - xp.cos(x)) / x**2


@pytest.mark.parametrize("x", [1e-300, 3e-9, 0.3, 2.0, 1e8])
def test_derivatives_are_those_of_the_closed_form(x: float) -> None:
    value, [slope], [second] = elementwise_truth(_formula, (x,))
    with mpmath.workdps(1500):
        t = mpmath.mpf(x)
        c, s = mpmath.cos(t), mpmath.sin(t)
        first = s / t**2 - 2 * (1 - c) / t**3
        curvature = c / t**2 - 4 * s / t**3 + 6 * (1 - c) / t**4
        for got, want in ((value, (1 - c) / t**2), (slope, first), (second, curvature)):
            assert abs(got - want) <= abs(want) * mpmath.mpf(10) ** -40


@pytest.mark.parametrize(
    ("formula", "point"),
    [
        (lambda xp, x: abs(x), (0.0,)),
        (lambda xp, x: xp.maximum(x, 0.0), (0.0,)),
        (lambda xp, x: xp.sqrt(x), (0.0,)),
        (lambda xp, x, y: xp.maximum(x, y), (2.0, 2.0)),
        (lambda xp, x: xp.log(x), (-1.0,)),
    ],
)
def test_there_is_no_derivative_at_a_kink(formula: Any, point: tuple[float, ...]) -> None:
    _, slopes, seconds = elementwise_truth(formula, point)
    assert slopes == seconds == [None] * len(point)


def test_a_limit_is_the_truth_at_infinity() -> None:
    value, [slope], _ = elementwise_truth(lambda xp, x: xp.log(1 + xp.exp(x)), (np.inf,))
    assert value == mpmath.inf and float(slope) == 1
    value, [slope], _ = elementwise_truth(lambda xp, x: xp.log(1 + xp.exp(x)), (-np.inf,))
    assert float(value) == float(slope) == 0
    value, [slope], _ = elementwise_truth(lambda xp, x: xp.sin(x), (np.inf,))
    assert value is None and slope is None


def test_the_functions_of_the_truth_are_those_of_scipy() -> None:
    special = pytest.importorskip("scipy.special")
    pairs = {"sigmoid": "expit", "erf": "erf", "erfc": "erfc", "log_sigmoid": "log_expit"}
    for ours, theirs in pairs.items():
        for x in (-3.0, 0.25, 2.0):
            want = getattr(special, theirs)(x)
            assert float(FUNCTIONS[ours](mpmath.mpf(x))) == pytest.approx(want, rel=1e-14)


# ---- the unit


def test_ulps() -> None:
    with mpmath.workdps(50):
        third = mpmath.mpf(1) / 3
        exact = Exact([third, mpmath.mpf(0), mpmath.mpf(10) ** 400, None])
        assert exact.error([1 / 3, 0.0, np.inf, 1.0])[:3] == pytest.approx([1 / 3, 0, 0])
        assert np.isnan(exact.error([1 / 3, 0.0, np.inf, 1.0])[3])
        up = np.nextafter(1 / 3, 1)
        assert exact.error([up, 5e-324, 1e308, 0.0])[:3] == pytest.approx([2 / 3, 1, np.inf])
        single = Exact([third], "float32")
        assert single.error(np.float32(1 / 3))[0] < 0.5
        assert single.error(np.nextafter(np.float32(1 / 3), np.float32(1)))[0] == pytest.approx(
            abs(float(mpmath.mpf(float(np.nextafter(np.float32(1 / 3), np.float32(1)))) - third))
            / float(np.spacing(np.float32(1 / 3)))
        )
