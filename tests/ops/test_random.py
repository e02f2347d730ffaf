"""Random draws: their distributions, their bits, their gradients, what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import symgrad as sg
from symgrad.ir.node import Expr

R = sg.random
MANY = 20_000


def drawn(expr: Expr, seed: int = 0, **kwargs: Any) -> np.ndarray[Any, Any]:
    return sg.function([], expr, **kwargs)(rng=np.random.default_rng(seed))


# ---- distributions, against SciPy's


DISTRIBUTIONS: dict[str, tuple[Callable[..., Expr], Any]] = {
    "normal": (lambda n, **k: R.normal(n, **k), stats.norm()),
    "moved normal": (lambda n, **k: R.normal(n, -3.0, 0.5, **k), stats.norm(-3, 0.5)),
    "uniform": (lambda n, **k: R.uniform(n, **k), stats.uniform()),
    "moved uniform": (lambda n, **k: R.uniform(n, -1.0, 4.0, **k), stats.uniform(-1, 5)),
    "exponential": (lambda n, **k: R.exponential(n, **k), stats.expon()),
    "scaled exponential": (lambda n, **k: R.exponential(n, 0.25, **k), stats.expon(scale=0.25)),
    "gumbel": (lambda n, **k: R.gumbel(n, **k), stats.gumbel_r()),
    "moved gumbel": (lambda n, **k: R.gumbel(n, 2.0, 3.0, **k), stats.gumbel_r(2, 3)),
    "laplace": (lambda n, **k: R.laplace(n, 1.0, 2.0, **k), stats.laplace(1, 2)),
    "logistic": (lambda n, **k: R.logistic(n, 1.0, 2.0, **k), stats.logistic(1, 2)),
    **{
        f"truncated normal {low} {high}": (
            lambda n, low=low, high=high, **k: R.truncated_normal(low, high, n, **k),
            stats.truncnorm(low, high),
        )
        for low, high in (
            (-2.0, 2.0), (-np.inf, np.inf), (-0.3, 0.4), (-0.5, np.inf), (1.0, np.inf),
            (0.0, 5.0), (3.0, 3.2), (6.0, np.inf), (-9.0, -8.0), (-np.inf, -4.0), (-1.0, 8.0),
            (0.5, 6.0),
        )
    },
    "moved truncated normal": (
        lambda n, **k: R.truncated_normal(-1.0, 2.0, n, 5.0, 2.0, **k),
        stats.truncnorm(-1, 2, 5, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_numbers_have_their_distribution(name: str, dtype: str) -> None:
    build, expected = DISTRIBUTIONS[name]
    values = drawn(build((MANY,), dtype=dtype), seed=1)
    assert values.dtype == dtype and values.shape == (MANY,)
    low, high = expected.support()
    slack = np.finfo(dtype).eps * np.abs(values).max()
    assert values.min() >= low - slack and values.max() <= high + slack
    assert stats.kstest(values.astype(float), expected.cdf).pvalue > 1e-3


def test_neighbours_are_independent() -> None:
    values = drawn(R.truncated_normal(0.5, 6.0, (2, MANY)), seed=2)
    assert abs(np.corrcoef(values)[0, 1]) < 5 / np.sqrt(MANY)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_categories_have_their_probabilities(axis: int) -> None:
    p = np.array([0.1, 0.0, 0.6, 0.3])
    with np.errstate(divide="ignore"):
        logits = np.moveaxis(np.stack([np.log(p) + 7.0] * 2), 1, axis)
    values = drawn(R.categorical(logits, axis=axis, shape=(MANY, 2)), seed=3)
    assert values.shape == (MANY, 2) and values.dtype == np.int64
    for column in values.T:
        counts = np.bincount(column, minlength=4)
        assert counts[1] == 0
        assert stats.chisquare(counts[p > 0], MANY * p[p > 0]).pvalue > 1e-3


@pytest.mark.parametrize(("low", "high", "endpoint"), [(0, 5, False), (-3, 3, True), (7, 8, False)])
@pytest.mark.parametrize("dtype", ["int64", "int8", "uint16"])
def test_integers_are_uniform(low: int, high: int, endpoint: bool, dtype: str) -> None:
    if dtype == "uint16" and low < 0:
        return
    values = drawn(R.integers(low, high, (MANY,), dtype, endpoint), seed=4)
    assert values.dtype == dtype
    counts = np.bincount(values.astype(int) - low)
    assert len(counts) == high - low + endpoint
    assert len(counts) == 1 or stats.chisquare(counts).pvalue > 1e-3


def test_one_bound_is_the_upper_one() -> None:
    assert set(drawn(R.integers(3, shape=(100,)))) == {0, 1, 2}


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_booleans_have_their_probability(p: float) -> None:
    for expr, chance in ((R.bernoulli(p, (MANY,)), p), (R.dropout_mask((MANY,), p), 1 - p)):
        values = drawn(expr, seed=5)
        assert values.dtype == bool
        assert stats.binomtest(int(values.sum()), MANY, chance).pvalue > 1e-3


def test_permutations_are_uniform() -> None:
    orders = [tuple(drawn(R.permutation(3), seed=k)) for k in range(600)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 6 and stats.chisquare(counts).pvalue > 1e-3


def test_choices() -> None:
    x = np.arange(10.0, 15.0)
    taken = drawn(R.choice(x, (5,), replace=False))
    np.testing.assert_array_equal(np.sort(taken), x)
    assert stats.chisquare(np.bincount(drawn(R.choice(4, (MANY,))))).pvalue > 1e-3
    p = np.array([0.2, 0.5, 0.3])
    weighted = drawn(R.choice(3, (MANY,), p=p), seed=6)
    assert stats.chisquare(np.bincount(weighted), MANY * p).pvalue > 1e-3
    rows = drawn(R.choice(np.eye(3), (2, 4), axis=1))
    assert rows.shape == (3, 2, 4)
    np.testing.assert_array_equal(rows.sum(axis=0), np.ones((2, 4)))


# ---- bits


def everything() -> tuple[Any, dict[str, Any]]:
    x = sg.input("x", ("N", 3))
    w = sg.param("w", (3,), init=1.5)
    n = x.shape[0]
    y = R.permutation(x * w)
    parts = [
        (y * np.arange(3)).sum() * y[0, 0],
        R.choice(x * w, (4,), replace=False).sum(),
        (x * w)[R.integers(n, shape=(5,))].sum(),
        (R.categorical(x * w) * w.sum()).sum(),
        sg.where(R.dropout_mask(x.shape, 0.3), x * w, 0.0).sum(),
        R.truncated_normal(-1.0, np.inf, (2, 3), w, w * w).sum(),
        *[
            draw(x.shape, loc=w, scale=w * w).sum()
            for draw in (R.normal, R.gumbel, R.laplace, R.logistic)
        ],
        (R.exponential((n,), w[0]) ** 2).sum() + R.uniform((3,), w, 2 * w).sum(),
    ]
    loss = parts[0]
    for part in parts[1:]:
        loss = loss + part
    return loss, {"x": np.random.default_rng(0).normal(size=(6, 3))}


def test_bits_are_the_same_everywhere(tmp_path: Path) -> None:
    loss, data = everything()
    made = {style: sg.compile(loss, style=style) for style in ("readable", "fast")}
    params = made["fast"].init()

    def rng() -> np.random.Generator:
        return np.random.default_rng(11)

    value, grads = made["fast"].value_and_grad(params, **data, rng=rng())
    made["fast"].save(tmp_path / "net.py")
    space: dict[str, Any] = {}
    exec((tmp_path / "net.py").read_text(), space)
    again = pickle.loads(pickle.dumps(made["fast"]))
    forward, residuals = made["fast"].forward(params, **data, rng=rng())
    others = [
        made["readable"].value_and_grad(params, **data, rng=rng()),
        again.value_and_grad(params, **data, rng=rng()),
        space["value_and_grad"](params, **data, rng=rng()),
        (forward, made["fast"].backward(residuals)),
        (made["readable"].evaluate(params, **data, rng=rng()), grads),
    ]
    for other, other_grads in others:
        np.testing.assert_allclose(other, value, rtol=1e-13)
        np.testing.assert_allclose(other_grads["w"], grads["w"], rtol=1e-12)
    different, _ = made["fast"].value_and_grad(params, **data, rng=np.random.default_rng(12))
    assert different != value


def test_two_draws_are_two() -> None:
    for draw in (R.gumbel, R.laplace, R.logistic, R.exponential, R.normal):
        a, b = drawn(sg.stack([draw((3,)), draw((3,))]))
        assert (a != b).all()
    a, b = drawn(sg.stack([R.permutation(50), R.permutation(50)]))
    assert (a != b).any()


def test_a_draw_that_is_used_twice_is_one() -> None:
    g = R.gumbel((5,))
    np.testing.assert_array_equal(drawn(g - g), np.zeros(5))


# ---- gradients


def test_gradients_flow_through_the_moved_and_the_shuffled() -> None:
    loss, data = everything()
    sg.check_gradients(loss, {n: data["x"] for n in inputs_of(loss)})


def inputs_of(loss: Expr) -> list[Expr]:
    from symgrad.ir.graph import topological

    return [node for node in topological([loss]) if node.op.name == "input"]


@pytest.mark.parametrize("axis", [0, 1])
def test_a_permutation_hands_its_gradient_back(axis: int) -> None:
    x = sg.input("x", (4, 5))
    y = R.permutation(x, axis)
    weight = np.random.default_rng(0).normal(size=(4, 5))
    f = sg.function([x], [y, sg.grad((y * weight).sum(), x)])
    value = np.arange(20.0).reshape(4, 5)
    shuffled, slope = f(value, rng=np.random.default_rng(3))
    order = np.array([np.flatnonzero(np.isclose(value, v))[0] for v in shuffled.ravel()])
    expected = np.zeros(20)
    expected[order] = weight.ravel()
    np.testing.assert_array_equal(slope, expected.reshape(4, 5))
    rest = 1 - axis  # whole slices move
    np.testing.assert_array_equal(np.sort(shuffled, axis=axis), value)
    assert np.unique(np.argsort(shuffled, axis=axis), axis=rest).shape[rest] == 1
    assert "np.add.at" not in f.source  # no element is taken twice


def test_a_reparameterised_mean_has_the_slope_of_the_expectation() -> None:
    loc, scale = sg.param("loc", ()), sg.param("scale", ())
    z = R.normal((MANY,), loc, scale)
    model = sg.compile((z**2).mean())
    _, grads = model.value_and_grad({"loc": 0.5, "scale": 2.0}, rng=np.random.default_rng(0))
    assert float(grads["loc"]) == pytest.approx(2 * 0.5, abs=0.1)
    assert float(grads["scale"]) == pytest.approx(2 * 2.0, abs=0.1)


def test_what_is_chosen_has_no_gradient() -> None:
    logits = sg.param("logits", (5,))
    one_hot = sg.one_hot(R.categorical(logits), 5)
    model = sg.compile((one_hot * np.arange(5)).sum() + (logits * 0).sum())
    _, grads = model.value_and_grad(model.init(), rng=np.random.default_rng(0))
    np.testing.assert_array_equal(grads["logits"], np.zeros(5))


# ---- sizes known at a call, dtypes, equations


def test_symbolic_sizes() -> None:
    x = sg.input("x", ("B", 4))
    parts = [R.permutation(x), x + R.gumbel(x.shape), x + R.truncated_normal(0, 1, x.shape)]
    for size in (1, 3):
        results = sg.function([x], parts)(np.ones((size, 4)), rng=np.random.default_rng(0))
        assert [r.shape for r in results] == [(size, 4)] * 3
    order = sg.function([x], R.permutation(x.shape[0]))(
        np.ones((6, 4)), rng=np.random.default_rng(0)
    )
    np.testing.assert_array_equal(np.sort(order), np.arange(6))


def test_the_default_dtype_is_drawn() -> None:
    with sg.default_dtype("float32"):
        parts = [R.gumbel((2,)), R.laplace((2,)), R.logistic((2,)), R.exponential((2,)),
                 R.truncated_normal(shape=(2,)), R.normal((2,), 1.0, 2.0)]  # fmt: skip
    assert {drawn(p).dtype for p in parts} == {np.dtype("float32")}


def test_draws_are_typeset() -> None:
    y = R.normal((2,)) + R.gumbel((2,)) * R.truncated_normal(0, np.inf, (2,))
    text = sg.function([], y).latex()
    assert r"\mathcal{N}(0, 1)" in text and r"\operatorname{Gumbel}(0, 1)" in text
    assert r"[0, \infty]" in text


# ---- refusals


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: R.gumbel((2,), dtype="int64"), sg.DTypeError, "float64 or float32; got int64"),
        (
            lambda: R.truncated_normal(2.0, 1.0),
            sg.DeclarationError,
            "upper > 2.0, a number; got 1.0",
        ),
        (
            lambda: R.truncated_normal(sg.param("a", ())),
            sg.DeclarationError,
            "lower, a number; got <Expr",
        ),
        (lambda: R.truncated_normal(np.nan, 1.0), sg.DeclarationError, "lower, a number; got nan"),
        (lambda: R.integers(5, 5), sg.DeclarationError, "nothing lies in 5 <= i < 5"),
        (lambda: R.integers(0, 300, dtype="uint8"), sg.DTypeError, "does not fit into uint8"),
        (lambda: R.integers(0.5), sg.DeclarationError, "integers or sizes; got 0.5"),
        (lambda: R.integers(3, dtype="float32"), sg.DTypeError, "an integer dtype; got float32"),
        (lambda: R.categorical(np.zeros((2, 3)), shape=(3,)), sg.ShapeError, r"ends with \(2,\)"),
        (lambda: R.categorical(np.zeros(3), axis=1), sg.DeclarationError, "out of range"),
        (lambda: R.permutation(sg.input("x", ())), sg.DeclarationError, "out of range for 0"),
        (lambda: R.choice(3, (4,), replace=False), sg.DeclarationError, "4 of 3 without"),
        (lambda: R.choice(3, (2,), False, p=[0.2, 0.3, 0.5]), sg.DeclarationError, "replace=True"),
        (lambda: R.bernoulli(1.5, (2,)), sg.DeclarationError, r"must lie in \[0, 1\]; got 1.5"),
        (lambda: R.dropout_mask((2,), -0.5), sg.DeclarationError, r"must lie in \[0, 1\]; got 1.5"),
    ],
)
def test_refusals(build: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build()


def test_numbers_are_drawn_from_the_callers_generator() -> None:
    f = sg.function([], R.laplace((3,)))
    for given in ({}, {"rng": 3}):
        with pytest.raises(sg.CompileError, match="rng="):
            f(**given)


@pytest.mark.parametrize(
    "call",
    [
        lambda: sg.random.normal(0, 2, (4,)),
        lambda: sg.random.laplace(3, (3,)),
        lambda: sg.random.exponential(2, (3,)),
        lambda: sg.random.uniform(0, 1, (3,)),
        lambda: sg.random.uniform(2, 5),
    ],
)
def test_the_order_of_numpy_is_refused(call: Any) -> None:
    with pytest.raises(sg.DeclarationError, match="shape"):
        call()


def test_draws_have_the_dtype_of_their_parameters() -> None:
    mean, std = sg.input("mean", ("B", 2), "float32"), sg.input("std", (2,), "float32")
    assert sg.random.normal(mean.shape, mean, std).dtype == np.float32
    assert sg.random.normal(mean.shape, mean, 2.0).dtype == np.float32
    assert sg.random.uniform((2,), low=std).dtype == np.float32
    assert sg.random.exponential((2,), np.ones(2, np.float32)).dtype == np.float32
    assert sg.random.normal(mean.shape, mean, sg.input("wide", (2,))).dtype == np.float64
    assert sg.random.normal((2,), sg.input("whole", (2,), "int64")).dtype == np.float64
    assert sg.random.normal(mean.shape, mean, dtype="float64").dtype == np.float64
    with sg.default_dtype("float32"):
        assert sg.random.normal((2,)).dtype == np.float32
