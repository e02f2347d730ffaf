"""Formulas written by hand, against mpmath: never worse than 4 ulps, or than the naive formula."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import symgrad as sg
from symgrad.autodiff.reverse import cotangents
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.ops.interpret import evaluate
from symgrad.rewrite import STABLE, rewrite_exprs
from symgrad.rewrite.pattern import (
    absolute,
    arange,
    cos,
    cosh,
    erf,
    exp,
    expm1,
    hypot,
    log,
    log1p,
    log10,
    logsumexp,
    one_hot,
    sigmoid,
    sinh,
    softplus,
    sqrt,
    tanh,
)
from tests.accuracy.ulps import ulps

mp = mpmath.mp.clone()
mp.dps = 800  # cancellation of e^1000 against 1 costs 434 digits


def s(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


# spelling: (by hand, with 800 digits, points or None for all)
HARD = [0.0, 1e-300, -1e-300, 1e-17, -1e-17, 1e-9, -3e-9, 1e-4, -1e-4, 0.3, -0.3, 0.7, 1.0, -1.0]
HARD += [2.5, -2.5, 10.0, -10.0, 36.9, -36.9, 50.0, -50.0, 300.0, -300.0, 745.5, -745.5, 1e3, -1e3]
POSITIVE = [x for x in HARD if x > 0]
HARD_COSH = [*[x for x in HARD if abs(x) < 700], 710.4, -710.4]  # the last values in range
SPELLINGS: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[float]]] = {
    "log(1 + e^x)": (lambda x: log(1 + exp(x)), lambda x: mp.log(1 + mp.exp(x)), HARD),
    "log1p(e^-x)": (lambda x: log1p(exp(-x)), lambda x: mp.log(1 + mp.exp(-x)), HARD),
    "log(e^2x + 1)": (lambda x: log(exp(2 * x) + 1), lambda x: mp.log(1 + mp.exp(2 * x)), HARD),
    "1 / (1 + e^-x)": (lambda x: 1 / (1 + exp(-x)), s, HARD),
    "(e^-x + 1)^-1": (lambda x: (exp(-x) + 1) ** -1.0, s, HARD),
    "e^x / (1 + e^x)": (lambda x: exp(x) / (1 + exp(x)), s, HARD),
    "e^x / (e^x + 1)": (lambda x: exp(x) / (exp(x) + 1), s, HARD),
    "1 - 1 / (1 + e^x)": (lambda x: 1 - 1 / (1 + exp(x)), s, HARD),
    "1 - s(x)": (lambda x: 1 - sigmoid(x), lambda x: s(-x), HARD),
    "0.5 (1 + tanh(x/2))": (lambda x: 0.5 * (1 + tanh(x / 2)), s, HARD),
    "(tanh(0.5 x) + 1) / 2": (lambda x: (tanh(0.5 * x) + 1) / 2, s, HARD),
    "x / (1 + e^-x)": (lambda x: x / (1 + exp(-x)), lambda x: x * s(x), HARD),
    "log s": (lambda x: log(sigmoid(x)), lambda x: mp.log(s(x)), HARD),
    "log(1 - s)": (lambda x: log(1 - sigmoid(x)), lambda x: mp.log(s(-x)), HARD),
    "-log(1 / (1 + e^-x))": (lambda x: -log(1 / (1 + exp(-x))), lambda x: -mp.log(s(x)), HARD),
    "log(s / (1 - s))": (lambda x: log(sigmoid(x) / (1 - sigmoid(x))), lambda x: x, HARD),
    "log s - log(1 - s)": (lambda x: log(sigmoid(x)) - log(1 - sigmoid(x)), lambda x: x, HARD),
    "log(e^x)": (lambda x: log(exp(x)), lambda x: x, HARD),
    "e^x - 1": (lambda x: exp(x) - 1, lambda x: mp.expm1(x), HARD),
    "1 - e^-x": (lambda x: 1 - exp(-x), lambda x: -mp.expm1(-x), HARD),
    "log(1 + x)": (lambda x: log(1 + x), lambda x: mp.log1p(x), POSITIVE),
    "log(1 - e^-x)": (lambda x: log(1 - exp(-x)), lambda x: mp.log(-mp.expm1(-x)), POSITIVE),
    "log(-expm1(-x))": (lambda x: log(-expm1(-x)), lambda x: mp.log(-mp.expm1(-x)), POSITIVE),
    "log1p(-e^-x)": (lambda x: log1p(-exp(-x)), lambda x: mp.log(-mp.expm1(-x)), POSITIVE),
    "tanh, difference": (
        lambda x: (exp(x) - exp(-x)) / (exp(x) + exp(-x)),
        lambda x: mp.tanh(x),
        HARD,
    ),
    "tanh, e^2x": (lambda x: (exp(2 * x) - 1) / (exp(2 * x) + 1), lambda x: mp.tanh(x), HARD),
    "tanh, e^-2x": (lambda x: (1 - exp(-2 * x)) / (1 + exp(-2 * x)), lambda x: mp.tanh(x), HARD),
    "tanh, 2 s(2x) - 1": (lambda x: 2 * sigmoid(2 * x) - 1, lambda x: mp.tanh(x), HARD),
    "sinh / cosh": (lambda x: sinh(x) / cosh(x), lambda x: mp.tanh(x), HARD),
    "sinh": (lambda x: (exp(x) - exp(-x)) / 2, lambda x: mp.sinh(x), HARD),
    "cosh": (lambda x: 0.5 * (exp(-x) + exp(x)), lambda x: mp.cosh(x), HARD),
    "1 - erf": (lambda x: 1 - erf(x), lambda x: mp.erfc(x), [x for x in HARD if abs(x) < 26]),
    "1 - cos": (lambda x: 1 - cos(x), lambda x: 2 * mp.sin(mp.mpf(x) / 2) ** 2, HARD),
    "cos - 1": (lambda x: cos(x) - 1, lambda x: -2 * mp.sin(mp.mpf(x) / 2) ** 2, HARD),
    "cosh - 1": (lambda x: cosh(x) - 1, lambda x: 2 * mp.sinh(mp.mpf(x) / 2) ** 2, HARD_COSH),
    "1 - cosh": (lambda x: 1 - cosh(x), lambda x: -2 * mp.sinh(mp.mpf(x) / 2) ** 2, HARD_COSH),
    "log(cosh - 1)": (
        lambda x: log(cosh(x) - 1),
        lambda x: mp.log(2 * mp.sinh(mp.mpf(x) / 2) ** 2),
        [x for x in HARD if x],
    ),
    "hypot": (
        lambda x: sqrt(x**2 + (x * 1e155) ** 2),
        lambda x: abs(x) * mp.sqrt(1 + mp.mpf(1e155) ** 2),
        [x for x in HARD if abs(x) > 1e-200],
    ),
    "x - softplus": (lambda x: x - softplus(x), lambda x: mp.log(s(x)), HARD),
    "e^x / (1 + e^x)^2": (lambda x: exp(x) / (1 + exp(x)) ** 2, lambda x: s(x) * s(-x), HARD),
}


#: derivatives that are a difference of two terms up to 1, as tanh' = 1 - tanh^2 is
DIFFERENCES = {name for name in SPELLINGS if "tanh, " in name} | {
    "sinh / cosh",
    "e^x / (1 + e^x)^2",
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_spelling_is_accurate(name: str, leaf: Any) -> None:
    build, exact, points = SPELLINGS[name]
    x = leaf("x", (len(points),))
    naive = build(x)
    [stable], _, fired = rewrite_exprs([naive], ["stability"])
    assert fired, "nothing was recognised"
    before, after = evaluate([naive, stable], {x: points})
    truth = [exact(mp.mpf(p)) for p in points]
    old, new = ulps(before, truth), ulps(after, truth)
    worse = new > np.maximum(old, 4.0)
    assert not worse.any(), [(points[i], old[i], new[i]) for i in np.flatnonzero(worse)]
    assert np.all(np.isfinite(new)), "not finite where the truth is"


@pytest.mark.parametrize("name", SPELLINGS)
def test_gradient_of_spelling_is_accurate(name: str, leaf: Any) -> None:
    build, exact, points = SPELLINGS[name]
    points = [p for p in points if 1e-5 < abs(p) < 700]
    x = leaf("x", (len(points),))
    [stable], _, _ = rewrite_exprs([build(x)], ["stability"])
    [d_x] = cotangents([stable], [FUNCTIONS["ones"](stable.shape)], [x])
    [found], _, _ = rewrite_exprs([d_x], ["arithmetic", "algebra", "shape", "folding"])
    [value] = evaluate([found], {x: points})
    step = mp.mpf(10) ** -300
    truth = [(exact(mp.mpf(p) + step) - exact(mp.mpf(p) - step)) / (2 * step) for p in points]
    terms = np.finfo(float).eps if name in DIFFERENCES else 1e-300
    for v, t, p in zip(value, truth, points, strict=True):
        rounded = float(t)
        if np.isfinite(rounded):
            assert abs(v - rounded) <= 1e-13 * abs(rounded) + terms, (p, v, rounded)


def test_curvature_of_versines() -> None:
    """The slope of 1 - cos(x) is sin(x) itself, of which cos(x) is the slope at its zeros too."""
    points = np.array([np.pi / 2, -np.pi / 2, 3 * np.pi / 2, 1e-9, 0.3, 30.0])
    x = sg.input("x", (len(points),))
    for build, curvature in (
        (lambda v: 1 - cos(v), mp.cos),
        (lambda v: cos(v) - 1, lambda v: -mp.cos(v)),
        (lambda v: cosh(v) - 1, mp.cosh),
    ):
        second = sg.grad(sg.grad(build(x).sum(), x).sum(), x)
        truth = [curvature(mp.mpf(float(p))) for p in points]
        assert np.all(ulps(sg.function([x], second)(points), truth) <= 4)


def test_quotient_with_a_versine_stays_in_range() -> None:
    """(cosh(x) - 1) / sinh(x) = tanh(x / 2), far beyond where each of the two overflows."""
    points = np.array([-1e3, -800.0, -2.0, -1e-5, 1e-5, 0.3, 40.0, 800.0])
    x = sg.input("x", (len(points),))
    value = (cosh(x) - 1) / sinh(x)
    truth = [mp.tanh(mp.mpf(float(p)) / 2) for p in points]
    assert np.all(ulps(sg.function([x], value)(points), truth) <= 4)
    np.testing.assert_allclose(
        sg.function([x], sg.grad(value.sum(), x))(points),
        [float((1 - t * t) / 2) for t in truth],
        rtol=1e-13,
    )


INF = float("inf")
#: (by hand, first and second derivative, points at the ends of the range and where kinks were)
ENDS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any], list[float]]] = {
    "-x log(x)": (
        lambda x: -x * log(x),
        lambda x: -1 - mp.log(x),
        lambda x: -1 / x,
        [1e300, INF, 1e-300, 1.0],
    ),
    "sqrt(|x|^2 + 4)": (
        lambda x: sqrt(absolute(x) ** 2 + 4),
        lambda x: x / mp.sqrt(x * x + 4),
        lambda x: 4 / (x * x + 4) ** 1.5,
        [0.0, 1e-300, -1.0],
    ),
    "hypot(|x|, 2)": (
        lambda x: hypot(absolute(x), 2.0),
        lambda x: x / mp.sqrt(x * x + 4),
        lambda x: 4 / (x * x + 4) ** 1.5,
        [0.0, 1e-300, -1.0],
    ),
}


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_slopes_at_ends(name: str, dtype: str) -> None:
    build, slope, curvature, values = ENDS[name]
    with np.errstate(over="ignore", under="ignore"):
        points = np.array(values).astype(dtype)
    points = points[(points != 0) | (np.array(values) == 0)]
    x = sg.input("x", (len(points),), dtype)
    first = sg.grad(build(x).sum(), x)
    found = sg.function([x], [first, sg.grad(first.sum(), x)])(points)
    for got, exact in zip(found, (slope, curvature), strict=True):
        truth = [exact(mp.mpf(float(p))) for p in points]
        for value, true in zip(got, truth, strict=True):
            with np.errstate(over="ignore"):
                want = got.dtype.type(float(true))
            assert value == want or abs(value - want) <= 4 * np.spacing(abs(want)), (name, true)


def test_slope_of_the_logarithm_of_an_inverse() -> None:
    x = sg.input("x", (5,))
    slope = sg.function([x], sg.grad(-log(1 / (1 + x)).sum(), x))
    points = np.array([np.inf, 1e300, 1e-300, -0.5, 3.0])
    np.testing.assert_allclose(slope(points), 1 / (1 + points), rtol=1e-15, atol=0)


def test_a_formula_of_one_variable_keeps_the_range_of_single_precision() -> None:
    """(log(1 - exp(-exp(x))))'' where exp(x) is no number of single precision any more."""
    x = sg.input("x", (3,), "float32")
    value = log(1 - exp(-exp(x))).sum()
    second = sg.grad(sg.grad(value, x).sum(), x)
    got = sg.function([x], second)(np.array([95.0, 103.9, 1e30], "float32"))
    np.testing.assert_array_equal(got, 0.0)


UNITS: dict[str, tuple[Callable[..., Any], float]] = {
    "x / sqrt(sum(x^2))": (lambda x: x / sqrt((x**2).sum(axis=1, keepdims=True)), 1.0),
    "x / norm[:, None]": (lambda x: x / sg.expand_dims(sqrt((x * x).sum(axis=1)), 1), 1.0),
    "x / sqrt(mean(x^2))": (lambda x: x / sqrt((x * x).mean(axis=1, keepdims=True)), 2.0),
}


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("scale", [1e200, 1.0, 1e-200])
def test_slope_of_a_unit_vector(name: str, scale: float) -> None:
    """A projection, to the last bits of the cotangent, wherever x is in range."""
    build, factor = UNITS[name]
    x, w = sg.input("x", ("B", 4)), sg.input("w", ("B", 4))
    value, slope = sg.function([x, w], [build(x), sg.grad((w * build(x)).sum(), x)])(
        points := scale * np.array([[1.0, 2.0, 3.0, 4.0], [5e3, -0.2, -1.3, 0.02]]),
        weights := np.array([[0.5, 1.0, 1.5, 2.1], [3.0, 0.1, 0.7, -0.2]]),
    )
    for row, t, got, d_row in zip(points, weights, value, slope, strict=True):
        v, t = [mp.mpf(float(p)) for p in row], [mp.mpf(float(p)) for p in t]
        square = mp.fsum(p * p for p in v)
        dot = mp.fsum(p * q for p, q in zip(v, t, strict=True))
        unit = [factor * p / mp.sqrt(square) for p in v]
        exact = [
            factor * (q - p * dot / square) / mp.sqrt(square) for p, q in zip(v, t, strict=True)
        ]
        assert np.all(ulps(got, unit) <= 4)
        roundings = 4e-16 * float(factor * max(abs(q) for q in t) / mp.sqrt(square))
        np.testing.assert_allclose(d_row, [float(e) for e in exact], rtol=0, atol=roundings)


@pytest.mark.parametrize("scale", [1e200, 1e-200])
@pytest.mark.parametrize("rows", [4, "B"])
def test_root_of_mean_square_stays_in_range(scale: float, rows: Any) -> None:
    x = sg.input("x", (rows,))
    value = sqrt((x**2).mean())
    points = np.array([1.0, 2.0, 4.0, 10.0]) * scale
    got, slope = sg.function([x], [value, sg.grad(value, x)])(points)
    root = mp.sqrt(mp.fsum(mp.mpf(float(p)) ** 2 for p in points) / 4)
    assert ulps(np.array([got]), [root]) <= 4
    assert np.all(ulps(slope, [mp.mpf(float(p)) / (4 * root) for p in points]) <= 4)


# ---------------------------------------------------------------- softmax and its kin


def reference(z: Any) -> tuple[Any, Any]:
    """Log-softmax along the last axis, and log-sum-exp, with many digits."""
    total = [mp.log(mp.fsum(mp.exp(mp.mpf(v)) for v in row)) for row in z]
    logs = [[mp.mpf(v) - t for v in row] for row, t in zip(z, total, strict=True)]
    return np.array(logs, dtype=float), np.array(total, dtype=float)


def picked(p: Expr, y: Expr) -> Expr:
    return p[arange(p.shape[0]), y]


def shifted(z: Expr) -> Expr:
    return exp(z - z.max(axis=1, keepdims=True))


LOSSES: dict[str, Callable[[Expr, Expr], Expr]] = {
    "keepdims": lambda z, y: -log(picked(exp(z) / exp(z).sum(axis=1, keepdims=True), y)),
    "log before index": lambda z, y: -picked(log(exp(z) / exp(z).sum(axis=1, keepdims=True)), y),
    "new axis": lambda z, y: -picked(log(exp(z) / exp(z).sum(axis=1)[:, None]), y),
    "reshape": lambda z, y: -picked(log(exp(z) / exp(z).sum(axis=1).reshape(-1, 1)), y),
    "transposed": lambda z, y: -log((exp(z).T / exp(z.T).sum(axis=0)).T[arange(z.shape[0]), y]),
    "index before quotient": lambda z, y: -log(picked(exp(z), y) / exp(z).sum(axis=1)),
    "difference of logs": lambda z, y: log(exp(z).sum(axis=1)) - log(picked(exp(z), y)),
    "logsumexp": lambda z, y: logsumexp(z, axis=1) - picked(z, y),
    "shifted by hand": lambda z, y: -log(picked(shifted(z) / shifted(z).sum(axis=1)[:, None], y)),
    "shifted logsumexp": lambda z, y: log(shifted(z).sum(axis=1)) + z.max(axis=1) - picked(z, y),
    "one hot": lambda z, y: (
        -(one_hot(y, 10) * log(exp(z) / exp(z).sum(axis=1, keepdims=True))).sum(axis=1)
    ),
    "one hot inside": lambda z, y: (
        -log((one_hot(y, 10) * (exp(z) / exp(z).sum(axis=1, keepdims=True))).sum(axis=1))
    ),
    "scaled": lambda z, y: -log(picked(3 * exp(z) / (3 * exp(z)).sum(axis=1, keepdims=True), y)),
}


@pytest.mark.parametrize("batch", [5, "B"])
@pytest.mark.parametrize("scale", [1.0, 1000.0, 1e8])
@pytest.mark.parametrize("name", LOSSES)
def test_cross_entropy_by_hand(name: str, scale: float, batch: Any, leaf: Any) -> None:
    z, y = leaf("z", (batch, 10)), leaf("y", (batch,), "int64")
    loss = LOSSES[name](z, y).mean()
    [loss], _, fired = rewrite_exprs([loss], ["stability"])
    assert fired
    [d_z] = cotangents([loss], [literal(1.0)], [z])
    [value, gradient], _, _ = rewrite_exprs(
        [loss, d_z], ["arithmetic", "algebra", "shape", "folding"]
    )
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(5, 10)) * scale, np.array([1, 5, 9, 0, 1])
    logits[0, 1], logits[1, 5] = 1000.0, -1000.0
    found, slope = evaluate([value, gradient], {z: logits, y: labels})
    logs, _ = reference(logits)
    np.testing.assert_allclose(found, -logs[np.arange(5), labels].mean(), rtol=1e-14)
    expected = np.exp(logs)
    expected[np.arange(5), labels] = np.expm1(logs[np.arange(5), labels])
    np.testing.assert_allclose(slope, expected / 5, rtol=1e-11, atol=1e-16)


def test_gradient_collapses_to_softmax_less_onehot(leaf: Any) -> None:
    z, y = leaf("z", ("B", 10)), leaf("y", ("B",), "int64")
    e = exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    [loss], _, _ = rewrite_exprs([-log(p)[arange(z.shape[0]), y].mean()], ["stability"])
    [d_z] = cotangents([loss], [literal(1.0)], [z])
    [d_z], _, _ = rewrite_exprs([d_z], ["arithmetic", "algebra", "shape", "folding"])
    assert d_z.op.name == "scatter_add"
    buffer, _, labels, values = d_z.args
    assert labels is y and not values.shape
    softmax = FUNCTIONS["softmax"](z, axis=1)
    assert buffer.op.name == "divide" and buffer.args[0] is softmax
    assert buffer.args[1].op.name == "size"


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, (0, 1), None])
def test_logsumexp_along_any_axis(axis: Any, keepdims: bool, leaf: Any) -> None:
    x = leaf("x")
    [found], _, _ = rewrite_exprs([log(exp(x).sum(axis=axis, keepdims=keepdims))], ["stability"])
    assert found is logsumexp(x, axis=axis, keepdims=keepdims)
    weighted = log((exp(x - 3.0) * 0.25).sum(axis=axis, keepdims=keepdims))
    [found], _, _ = rewrite_exprs([weighted], ["stability"])
    value = np.random.default_rng(1).normal(size=(3, 4)) * 1e3
    [result] = evaluate([found], {x: value})
    axes = (0, 1) if axis is None else axis
    np.testing.assert_allclose(
        result,
        np.logaddexp.reduce(value, axis=axes, keepdims=keepdims) - 3 + np.log(0.25),
        rtol=1e-14,
    )


def test_binary_cross_entropy_by_hand(leaf: Any) -> None:
    x, t = leaf("x", (6,)), leaf("t", (6,))
    p = 1 / (1 + exp(-x))
    loss = -(t * log(p) + (1 - t) * log(1 - p)).sum()
    [loss], _, _ = rewrite_exprs([loss], ["stability"])
    [d_x] = cotangents([loss], [literal(1.0)], [x])
    logits, targets = np.array([1e3, -1e3, 40.0, -40.0, 0.1, 0.0]), np.array([1, 0, 0, 1, 1, 0.5])
    value, slope = evaluate([loss, d_x], {x: logits, t: targets})
    softplus_ = [mp.log(1 + mp.exp(v)) for v in logits]
    exact = mp.fsum(
        w - mp.mpf(float(b)) * mp.mpf(float(v))
        for w, b, v in zip(softplus_, targets, logits, strict=True)
    )
    np.testing.assert_allclose(value, float(exact), rtol=1e-14)
    expected = [float(s(mp.mpf(v)) - mp.mpf(b)) for v, b in zip(logits, targets, strict=True)]
    np.testing.assert_allclose(slope, expected, rtol=1e-12, atol=1e-16)


def test_attention_by_hand(leaf: Any) -> None:
    scores, values = leaf("scores", (2, 3, 4)), leaf("values", (2, 4, 5))
    e = exp(scores)
    [out], _, _ = rewrite_exprs([(e @ values) / e.sum(axis=-1, keepdims=True)], ["stability"])
    assert out is FUNCTIONS["softmax"](scores, axis=-1) @ values


def test_what_is_not_the_same_row_is_left_alone(leaf: Any) -> None:
    x = leaf("x", (4, 4))
    e = exp(x)
    wrong = e / e.sum(axis=1)  # divides each column by the sum of a row
    [found], _, _ = rewrite_exprs([wrong], ["stability"])
    value = np.random.default_rng(2).normal(size=(4, 4))
    before, after = evaluate([wrong, found], {x: value})
    np.testing.assert_allclose(after, before, rtol=1e-14)
    assert "softmax" not in found.op.name
    picked_wrong = e[:, arange(4)] / e.sum(axis=1)
    [found], _, _ = rewrite_exprs([log(picked_wrong)], ["stability"])
    before, after = evaluate([log(picked_wrong), found], {x: value})
    np.testing.assert_allclose(after, before, rtol=1e-12)


def test_a_term_that_may_be_negative_is_not_taken_for_positive(leaf: Any) -> None:
    x, w = leaf("x"), leaf("w")
    loss = log((exp(x) * w).sum(axis=1))
    [found], _, _ = rewrite_exprs([loss], ["stability"])
    env = {x: np.full((3, 4), 0.5), w: np.tile([-1.0, 3.0, 2.0, -0.5], (3, 1))}
    before, after = evaluate([loss, found], env)
    np.testing.assert_allclose(after, before, rtol=1e-14)
    squared = log(absolute(exp(x) - 2 * exp(w)) ** 2.0)
    [found], _, _ = rewrite_exprs([squared], ["stability"])
    before, after = evaluate([squared, found], env)
    np.testing.assert_allclose(after, before, rtol=1e-13)


def test_root_of_squares_is_hypot(leaf: Any) -> None:
    x, y = leaf("x"), leaf("y")
    [found], _, _ = rewrite_exprs([sqrt(x * x + y**2)], ["stability"])
    assert found is hypot(x, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(dtype: str, leaf: Any) -> None:
    x = leaf("x", dtype=dtype)
    for naive in (log(1 + exp(x)), 1 / (1 + exp(-x)), log10(exp(x).mean(axis=1)), log(cosh(x))):
        [found], _, fired = rewrite_exprs([naive], ["stability"])
        assert fired and found.dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: -log(exp(x[0]) / exp(x).sum()),
        lambda x: log(exp(x).sum() / exp(x)[0]),
        lambda x: log(exp(x).sum()) - x[0],
    ],
)
def test_a_picked_logarithm_of_softmax_is_one(build: Any) -> None:
    x = sg.input("x", ("N",))
    made, _, _ = rewrite_exprs([build(x)], STABLE)
    assert {n.op.name for n in topological(made)} <= {
        "input", "log_softmax", "getitem", "negative",
    }  # fmt: skip


def test_a_scale_of_ones_own_is_not_taken_out_again() -> None:
    """log(e^(x - m) + e^(y - m)) is small far from x = y, and no difference of large numbers."""
    x, y = sg.input("x", ()), sg.input("y", ())
    m = sg.maximum(x, y)
    f = sg.function([x, y], log(exp(x - m) + exp(y - m)))
    with mpmath.workdps(50):
        exact = float(mpmath.log1p(mpmath.exp(-30)))
    assert abs(f(1000.0, 970.0) - exact) < 4 * np.spacing(exact)


@pytest.mark.parametrize("build", [lambda y: y, lambda y: sg.sigmoid(y), lambda y: y * y])
def test_a_weight_that_is_zero_has_no_part_in_the_scale(build: Any) -> None:
    """Be it zero as it is given, or because it vanishes."""
    x, y = sg.input("x", ("N",)), sg.input("y", ("N",))
    weight = build(y)
    total = (exp(x) * weight).sum()
    at = np.array([700.0, -50.0]), np.array([-1000.0 if weight.op.name == "sigmoid" else 0.0, 1.0])
    known = evaluate([weight], {y: at[1]})[0][1]
    f = sg.function([x, y], [log(total), total / exp(x[1]), log(exp(x) @ weight)])
    np.testing.assert_allclose(f(*at), [np.log(known) - 50, known, np.log(known) - 50], rtol=1e-14)


# ---------------------------------------------------------------- cross-entropy of a logit

OF_LOGITS: dict[str, Callable[..., Any]] = {
    "max(x, 0) - x y + log1p(e^-|x|)": lambda x, y: (
        sg.maximum(x, 0) - x * y + log1p(exp(-absolute(x)))
    ),
    "log(1 + e^x) - y x": lambda x, y: log(1 + exp(x)) - y * x,
    "-y log s - (1 - y) log(1 - s)": lambda x, y: (
        -y * log(sigmoid(x)) - (1 - y) * log(1 - sigmoid(x))
    ),
    "-(y log s + (1 - y) log(1 - s))": lambda x, y: (
        -(log(sigmoid(x)) * y + (1 - y) * log(sigmoid(-x)))
    ),
}


@pytest.mark.parametrize("name", OF_LOGITS)
def test_loss_of_a_logit_is_exact_where_little_is_left(name: str) -> None:
    logits = [700.0, 36.9, 2.5, 1.0, 1e-4, 1e-9, 0.0]
    x, y = (np.ravel(a) for a in np.meshgrid([*logits, *[-a for a in logits]], [0.0, 0.5, 1.0]))
    a, b = sg.input("x", x.shape), sg.input("y", y.shape)
    loss = OF_LOGITS[name](a, b)
    found = sg.function([a, b], [loss, sg.grad(loss.sum(), a)])(x, y)
    exact = [
        (mp.log(1 + mp.exp(u)) - u * v, s(u) - v)
        for u, v in zip(map(mp.mpf, x), map(mp.mpf, y), strict=True)
    ]
    for one, truth in zip(found, zip(*exact, strict=True), strict=True):
        assert np.max(ulps(one, list(truth))) <= 4


def test_loss_of_a_logit_takes_what_broadcasts_and_keeps_nan() -> None:
    x, y = sg.input("x", (3, 1), dtype="float32"), sg.input("y", (2,), dtype="float32")
    loss = log(1 + exp(x)) - x * y
    f = sg.function([x, y], loss)
    a, b = np.array([[1.0], [np.nan], [-2.0]], np.float32), np.array([1.0, np.nan], np.float32)
    assert f(a, b).dtype == np.float32
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(f(a, b), np.log(1 + np.exp(a)) - a * b, rtol=1e-6)


# ---------------------------------------------------------------- means of two exponentials

#: the weight of e^x, and a formula of log(w e^x + (1 - w) e^y)
MIXTURES: dict[str, tuple[float, Callable[..., Any]]] = {
    "log(e^x / 2 + e^y / 2)": (0.5, lambda x, y: log(exp(x) / 2 + exp(y) / 2)),
    "log((e^x + e^y) / 2)": (0.5, lambda x, y: log((exp(x) + exp(y)) / 2)),
    "log(e^x / 4 + 3 e^y / 4)": (0.25, lambda x, y: log(exp(x) / 4 + exp(y) * 0.75)),
    "log((e^x + e^y) / 2)[...]": (0.5, lambda x, y: log(((exp(x) + exp(y)) / 2)[::-1])[::-1]),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_mean_of_two_exponentials_is_exact_near_zero(name: str) -> None:
    w, build = MIXTURES[name]
    numbers = [1e-300, 1e-10, 2e-3, 0.7, 30.0, 1e4]
    x, y = (np.ravel(a) for a in np.meshgrid(numbers, numbers))
    x, y = np.append(x, [-1e-10, -1e-10, 3.0, -700.0, -1e4]), np.append(y, [-3e-9, 1, -5, -9, 5])
    a, b = sg.input("x", x.shape), sg.input("y", y.shape)
    out = build(a, b)
    value, slope = sg.function([a, b], [out, sg.grad(out.sum(), a)])(x, y)
    terms = [
        (w * mp.exp(mp.mpf(u)), (1 - w) * mp.exp(mp.mpf(v))) for u, v in zip(x, y, strict=True)
    ]
    assert np.max(ulps(value, [mp.log(p + q) for p, q in terms])) <= 4
    assert np.max(ulps(slope, [p / (p + q) for p, q in terms])) <= 4


def test_mean_of_one_and_an_exponential() -> None:
    x = sg.input("x", (4,))
    points = np.array([1e-300, -2e-16, 1e-9, 800.0])
    value = sg.function([x], log((1 + exp(x)) / 2))(points)
    assert np.max(ulps(value, [mp.log((1 + mp.exp(mp.mpf(p))) / 2) for p in points])) <= 4


def test_mean_of_two_exponentials_at_infinity() -> None:
    inf, nan = np.inf, np.nan
    x, y = np.array([inf, -inf, inf, -inf, nan, 1.0]), np.array([inf, -inf, 2.0, 2.0, 1.0, nan])
    a, b = sg.input("x", x.shape), sg.input("y", y.shape)
    out = log((exp(a) + exp(b)) / 2)
    value, slope = sg.function([a, b], [out, sg.grad(out.sum(), a)])(x, y)
    np.testing.assert_array_equal(value, [inf, -inf, inf, 2 - np.log(2), nan, nan])
    np.testing.assert_array_equal(slope, [0.5, 0.0, 1.0, 0.0, nan, nan])


def test_a_cut_leaf_in_a_logarithm_stays_a_leaf() -> None:
    x = sg.input("x", (4,))
    for leaf, count in ((logsumexp(x), 4), (FUNCTIONS["logaddexp"](x[0], x[1]), 2)):
        slope = sg.grad(log(exp(leaf) / count), leaf)
        assert sg.function([x], slope)(np.arange(4.0)) == 1


# ---------------------------------------------------------------- portions of a softmax

PORTIONS: dict[str, tuple[tuple[int, ...], Callable[..., Any]]] = {
    "log(1 - p[1])": ((0, 2, 3), lambda p: log(1 - p[..., 1])),
    "log(1 - p[0])": ((1, 2, 3), lambda p: log(1 - p[..., 0])),
    "log(p[0] + p[1])": ((0, 1), lambda p: log(p[..., 0] + p[..., 1])),
    "log(p[3] + p[0] + p[2])": ((0, 2, 3), lambda p: log(p[..., 3] + p[..., 0] + p[..., 2])),
    "log(1 - (p[1] + p[2]))": ((0, 3), lambda p: log(1 - (p[..., 1] + p[..., 2]))),
}


@pytest.mark.parametrize("name", PORTIONS)
def test_portion_of_a_softmax_is_exact_where_it_is_nearly_all_or_nothing(name: str) -> None:
    kept, build = PORTIONS[name]
    rows = [[0.5, 21.0, -6.0, 3.0], [40.0, 0.5, -30.0, 0.0], [0.0, -2.0, 70.0, 1.5]]
    rows += [[-0.5, 0.25, 0.0, 0.125], [1.0, -20.0, 1.0, -300.0], [-8.0, -9.0, -0.5, 60.0]]
    rows += [[1e8, 1e8 + 1, 1e8 - 8, 1e8 - 0.5]]
    x = sg.input("x", (len(rows), 4))
    out = build(sg.softmax(x))
    value, slope = sg.function([x], [out, sg.grad(out.sum(), x)])(rows)
    for i, row in enumerate(rows):
        e = [mp.exp(mp.mpf(v)) for v in row]
        inside, total = sum(e[k] for k in kept), sum(e)
        outside = sum(e[k] for k in range(4) if k not in kept)
        exact = [v / inside * outside / total if k in kept else -v / total for k, v in enumerate(e)]
        # differences of numbers up to 70 are rounded by as much as the numbers themselves
        np.testing.assert_allclose(value[i], float(mp.log(inside / total)), rtol=5e-14)
        np.testing.assert_allclose(slope[i], [float(v) for v in exact], rtol=5e-14)


def test_portion_of_a_softmax_along_another_axis() -> None:
    x = sg.input("x", (3, "B", 2))
    p = sg.softmax(x, axis=0)
    out = [log(1 - p[1]), log(p[0, :, 1] + p[2, :, 1]), log(p[0] + p[1] + p[2])]
    rows = np.random.default_rng(0).normal(size=(3, 5, 2))
    q = np.exp(rows) / np.exp(rows).sum(axis=0)
    expected = [np.log(1 - q[1]), np.log(q[0] + q[2])[:, 1], np.zeros((5, 2))]
    for found, want in zip(sg.function([x], out)(rows), expected, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-13, atol=1e-15)


def test_portion_of_a_softmax_that_is_a_cut_leaf() -> None:
    x = sg.input("x", (3,))
    p = sg.softmax(x)
    slope = sg.function([x], sg.grad(log(1 - p[1]), p))([0.0, 1.0, 2.0])
    q = np.exp([0.0, 1.0, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()
    np.testing.assert_allclose(slope, [0, -1 / (1 - q[1]), 0], rtol=1e-14)


def test_scales_of_several_sums_are_put_back() -> None:
    """log((1 + e^x) (1 + e^y)) is a sum of two softplus, with finite slopes at infinity too."""
    x, y = sg.input("x", ()), sg.input("y", ())
    e = sg.log((1 + sg.exp(x)) * (1 + sg.exp(y)))
    function = sg.function([x, y], [e, *sg.grad(e, [x, y])], style="readable")
    assert "logaddexp" not in function.source
    for at in (0.3, 800.0, np.inf):
        value, d_x, d_y = function(at, 0.5)
        assert value == pytest.approx(np.logaddexp(0, at) + np.log1p(np.exp(0.5)), rel=1e-15)
        assert d_x == pytest.approx(1 / (1 + np.exp(-at)), rel=1e-15)
        assert d_y == pytest.approx(1 / (1 + np.exp(-0.5)), rel=1e-15)
