"""The table of conventions at kinks and edges, row by row, and the few that may be selected."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import symgrad as sg

INF, NAN = np.inf, np.nan
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Row:
    """A function of some arguments at points, and its slopes in each of them there.

    `points` and `slopes` have one list for each argument. For an elementwise function an entry is
    a point of its own; else the list is an argument, and the slopes are those of the sum.
    `second` is the sum of second derivatives in all arguments together, along ones.
    """

    name: str
    build: Callable[..., Any]
    points: Sequence[Sequence[float]]
    slopes: Sequence[Sequence[float]]
    elementwise: bool = True
    second: Sequence[Sequence[float]] | None = None

    def __str__(self) -> str:
        return self.name


def cross(x: Any) -> Any:
    """The logarithm of a softmax at the first class, written by hand."""
    return sg.log(sg.exp(x[0]) / sg.exp(x).sum())


R = Row
third = 1 / 3
TABLE = [
    R("abs at 0", abs, [[0.0, -2.0]], [[0, -1]], second=[[0, 0]]),
    R("sign", sg.sign, [[0.0, 2.0]], [[0, 0]]),
    R("floor", sg.floor, [[0.0, 1.0, 1.5]], [[0, 0, 0]]),
    R("ceil", sg.ceil, [[0.0, 1.0, 1.5]], [[0, 0, 0]]),
    R("round", sg.round, [[0.5, 1.5, 2.0]], [[0, 0, 0]]),
    R("trunc", sg.trunc, [[0.0, -1.0]], [[0, 0]]),
    R("comparison", lambda x: (x > 0).astype(x.dtype), [[0.0, 1.0]], [[0, 0]]),
    R("relu at 0", sg.relu, [[0.0, 1.0, -1.0]], [[0, 1, 0]], second=[[0, 0, 0]]),
    R("maximum of x and 0", lambda x: sg.maximum(x, 0), [[0.0, 1.0]], [[0, 1]]),
    R("maximum of 2 and x", lambda x: sg.maximum(2.0, x), [[2.0, 3.0, 1.0]], [[0, 1, 0]]),
    R("minimum of x and 1", lambda x: sg.minimum(x, 1), [[1.0, 0.0]], [[0, 1]]),
    R("clip at its bounds", lambda x: sg.clip(x, -1, 1), [[-1.0, 0.0, 1.0]], [[0, 1, 0]]),
    R("clip from below", lambda x: sg.clip(x, 0, None), [[0.0, 1.0]], [[0, 1]]),
    R("maximum of two that tie", sg.maximum, [[1.0, 0.0], [1.0, 2.0]],
      [[0.5, 0], [0.5, 1]], second=[[0, 0], [0, 0]]),
    R("minimum of two that tie", sg.minimum, [[1.0, 0.0], [1.0, 2.0]], [[0.5, 1], [0.5, 0]]),
    R("fmax of two that tie", sg.fmax, [[1.0, NAN], [1.0, 2.0]], [[0.5, 0], [0.5, 1]]),
    R("fmin of two that tie", sg.fmin, [[1.0, NAN], [1.0, 2.0]], [[0.5, 0], [0.5, 1]]),
    R("clip between expressions", lambda x, y: sg.clip(x, y, 9.0), [[1.0], [1.0]], [[0.5], [0.5]]),
    R("largest of three that tie", sg.max, [[2.0, 1.0, 2.0, 2.0]], [[third, 0, third, third]],
      elementwise=False, second=[[0, 0, 0, 0]]),
    R("smallest of two that tie", sg.min, [[1.0, 1.0, 2.0]], [[0.5, 0.5, 0]], elementwise=False),
    R("largest by rows", lambda x: sg.max(x.reshape(2, 2), axis=1), [[1.0, 1.0, 3.0, 2.0]],
      [[0.5, 0.5, 1, 0]], elementwise=False),
    R("norm at 0", sg.norm, [[0.0, 0.0]], [[0, 0]], elementwise=False),
    R("norm by hand at 0", lambda x: sg.sqrt((x * x).sum()), [[0.0, 0.0]], [[0, 0]],
      elementwise=False),
    R("norms by hand of rows", lambda x: np.sqrt(np.sum(x.reshape(2, 2) ** 2, axis=1)),
      [[0.0, 0.0, 3.0, 4.0]], [[0, 0, 0.6, 0.8]], elementwise=False),
    R("hypot(0, 0)", sg.hypot, [[0.0, 3.0], [0.0, 4.0]], [[0, 0.6], [0, 0.8]]),
    R("hypot by hand", lambda x, y: sg.sqrt(x**2 + y**2), [[0.0], [0.0]], [[0], [0]]),
    R("atan2(0, 0)", sg.arctan2, [[0.0, 1.0], [0.0, 1.0]], [[0, 0.5], [0, -0.5]]),
    R("std of a constant", sg.std, [[1.1, 1.1, 1.1]], [[0, 0, 0]], elementwise=False),
    R("sqrt at 0", sg.sqrt, [[0.0, 4.0]], [[INF, 0.25]]),
    R("x^3 at 0", lambda x: x**3, [[0.0]], [[0]], second=[[0]]),
    R("x^1.5 at 0", lambda x: x**1.5, [[0.0]], [[0]], second=[[INF]]),
    R("x^1 at 0", lambda x: x**1.0, [[0.0]], [[1]], second=[[0]]),
    R("x^0 at 0", lambda x: x**0.0, [[0.0]], [[0]], second=[[0]]),
    R("x^y at x = 0", sg.power, [[0.0, 0.0, 0.0], [3.0, 1.0, 0.0]], [[0, 1, 0], [0, 0, 0]]),
    R("prod with a zero", sg.prod, [[2.0, 0.0, 3.0]], [[0, 6, 0]], elementwise=False,
      second=[[3, 5, 2]]),
    R("prod with two zeros", sg.prod, [[0.0, 0.0, 3.0]], [[0, 0, 0]], elementwise=False,
      second=[[3, 3, 0]]),
    R("cumprod with a zero", sg.cumprod, [[2.0, 0.0, 3.0]], [[1, 8, 0]], elementwise=False),
    R("where", lambda x: sg.where(x > 0, sg.log(x), 0.0), [[0.0, -1.0, NAN, 2.0]],
      [[0, 0, 0, 0.5]], second=[[0, 0, 0, -0.25]]),
    R("logsumexp of all -inf", sg.logsumexp, [[-INF, -INF]], [[0, 0]], elementwise=False),
    R("logaddexp of -inf and -inf", sg.logaddexp, [[-INF, -INF], [-INF, 1.0]], [[0, 0], [0, 1]]),
    R("logsumexp by hand", lambda x: sg.log(sg.exp(x).sum()), [[-1000.0, -1000.0]], [[0.5, 0.5]],
      elementwise=False),
    R("log of a softmax by hand", cross, [[-1000.0, 1000.0]], [[1, -1]], elementwise=False),
    R("gather with repeated indices", lambda x: x[[0, 1, 0, 0]] * np.array([1.0, 2.0, 3.0, 4.0]),
      [[1.0, 1.0]], [[8, 2]], elementwise=False),
    R("scatter-set, the last wins", lambda x, y: x.at[[0, 1, 0]].set(y) * np.array([1.0, 10.0]),
      [[1.0, 1.0], [1.0, 2.0, 3.0]], [[0, 0], [0, 10, 1]], elementwise=False),
    R("scatter-add", lambda x, y: x.at[[0, 1, 0]].add(y) * np.array([1.0, 10.0]),
      [[1.0, 1.0], [1.0, 2.0, 3.0]], [[1, 10], [1, 10, 1]], elementwise=False),
    R("max-pool, the first of a window", lambda x: sg.max_pool2d(x.reshape(1, 2, 2, 1), 2),
      [[1.0, 3.0, 3.0, 3.0]], [[0, 1, 0, 0]], elementwise=False),
    R("median of elements that tie", sg.median, [[1.0, 2.0, 2.0, 5.0, 0.0]],
      [[0, 0.5, 0.5, 0, 0]], elementwise=False),
    R("running maximum of two that tie", lambda x: sg.cummax(x)[-1:], [[2.0, 2.0, 1.0]],
      [[0.5, 0.5, 0]], elementwise=False),
    R("sort of elements that tie", lambda x: sg.sort(x) * np.array([1.0, 2.0, 3.0]),
      [[2.0, 1.0, 2.0]], [[2, 1, 3]], elementwise=False),
    R("maximum without NaN", sg.nanmax, [[2.0, NAN, 2.0]], [[0.5, 0, 0.5]], elementwise=False),
    R("sum without NaN", lambda x: sg.nansum(x * x), [[2.0, NAN, 1.0]], [[4, 0, 2]],
      elementwise=False),
]  # fmt: skip


def compiled(
    row: Row, shapes: Sequence[tuple[int, ...]], dtype: str, style: str
) -> Callable[..., Any]:
    """The slopes in reverse and forward mode, and the second ones, as one function."""
    xs = [sg.input("xyz"[i], shape, dtype=dtype) for i, shape in enumerate(shapes)]
    out = row.build(*xs)
    loss = out.sum()
    ones = [np.ones(shape, dtype) for shape in shapes]
    reverse = sg.grad(loss, xs)
    assert [g.dtype for g in reverse] == [np.dtype(dtype)] * len(xs)
    forward = []
    for x, shape in zip(xs, shapes, strict=True):
        if row.elementwise:
            forward.append([sg.jvp(out, x, np.ones(shape, dtype))])
        else:
            forward.append([sg.jvp(loss, x, basis) for basis in np.eye(shape[0], dtype=dtype)])
    second = []
    if row.second is not None:
        along = sg.jvp(loss, xs, ones)
        second = [
            sg.grad(along, xs),
            sg.jvp(reverse, xs, ones),
            sg.grad(sum(g.sum() for g in reverse), xs),
        ]
    return sg.function(xs, [reverse, forward, second], style=style)


def assert_slopes(got: Any, want: Any, dtype: str) -> None:
    want = np.asarray(want, float)
    np.testing.assert_allclose(got, want, rtol=1e-6 if dtype == "float32" else 1e-13)


@pytest.mark.parametrize("row", TABLE, ids=str)
@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_row_of_the_table(row: Row, style: str, dtype: str) -> None:
    shapes = [np.shape(p) for p in row.points]
    run = compiled(row, shapes, dtype, style)
    points = [np.array(p, dtype) for p in row.points]
    reverse, forward, second = run(*points)
    for i, want in enumerate(row.slopes):
        assert_slopes(reverse[i], want, dtype)
        got = forward[i][0] if row.elementwise else np.array(forward[i])
        assert_slopes(got, want, dtype)
    for found in second:
        for got, want in zip(found, row.second or (), strict=True):
            assert_slopes(got, want, dtype)


@pytest.mark.parametrize("row", [row for row in TABLE if row.elementwise], ids=str)
@pytest.mark.parametrize("style", ["fast", "readable"])
def test_row_of_the_table_for_scalars(row: Row, style: str) -> None:
    run = compiled(row, [()] * len(row.points), "float64", style)
    for k in range(len(row.points[0])):
        reverse, forward, second = run(*[np.array(p[k]) for p in row.points])
        for i, want in enumerate(row.slopes):
            assert_slopes(reverse[i], want[k], "float64")
            assert_slopes(forward[i][0], want[k], "float64")
        for found in second:
            for got, wanted in zip(found, row.second or (), strict=True):
                assert_slopes(got, wanted[k], "float64")


def gauge_free(eigh: Any) -> Any:
    """The matrix function V f(w) V^T, which does not depend on the choice of the vectors."""
    w, v = eigh
    return ((v * (w**2 + w)) @ v.T) * np.arange(9.0).reshape(3, 3)


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_the_gradient_of_a_singular_determinant_is_the_adjugate(style: str) -> None:
    A = sg.input("A", (3, 3))
    gradient = sg.grad(sg.linalg.det(A), A)
    f = sg.function([A], gradient, style=style)
    rng = np.random.default_rng(0)
    singular = rng.normal(size=(3, 2)) @ rng.normal(size=(2, 3))
    for value in (singular, np.diag([1.0, 2.0, 0.0]), np.diag([3.0, 0.0, 0.0]), np.zeros((3, 3))):
        cofactors = [
            [
                (-1) ** (i + j) * np.linalg.det(np.delete(np.delete(value, i, 0), j, 1))
                for j in range(3)
            ]
            for i in range(3)
        ]
        np.testing.assert_allclose(f(value), cofactors, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_equal_eigenvalues_and_singular_values_have_finite_gradients(style: str) -> None:
    """Of what does not depend on the choice of vectors: the closed form of the same function."""
    A = sg.input("A", (3, 3))
    symmetric = 0.5 * (A + A.T)
    weights = np.arange(9.0).reshape(3, 3)
    by_vectors = gauge_free(sg.linalg.eigh(symmetric)).sum()
    in_closed_form = ((symmetric @ symmetric + symmetric) * weights).sum()
    u, s, vh = sg.linalg.svd(A)
    rebuilt = (((u * s**3) @ vh) * weights).sum()
    cubic = ((A @ A.T @ A) * weights).sum()
    pairs = [(by_vectors, in_closed_form), (rebuilt, cubic)]
    f = sg.function([A], [[sg.grad(e, A) for e in pair] for pair in pairs], style=style)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    for value in (np.eye(3), np.diag([2.0, 2.0, 1.0]), turn @ np.diag([2.0, 2.0, 5.0]) @ turn.T):
        for got, want in f(value):
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


def test_values_at_the_edges() -> None:
    x = sg.input("x", (2,))
    f = sg.function([x], [sg.logsumexp(x), sg.norm(x), sg.std(x), sg.hypot(x[0], x[1])])
    assert f([-INF, -INF])[0] == -INF
    assert f([0.0, 0.0])[1:] == [0, 0, 0]


@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8"])
def test_integers_and_booleans_have_no_gradient(dtype: str) -> None:
    k = sg.input("k", (3,), dtype=dtype)
    loss = (k * 0.5).sum()
    with pytest.raises(sg.DTypeError, match="only floating values have gradients"):
        sg.grad(loss, k)
    with pytest.raises(sg.DTypeError, match="only floating values have gradients"):
        sg.jvp(loss, k, np.ones(3))


# ---- what may be selected


def slope(build: Callable[..., Any], *points: Any, **choices: Any) -> list[Any]:
    """Gradients in reverse mode, made under a choice, and the same in forward mode."""
    xs = [sg.input("xyz"[i], np.shape(p)) for i, p in enumerate(points)]
    with sg.config(**choices):
        loss = build(*xs).sum()
        reverse = sg.grad(loss, xs)
        forward = [[sg.jvp(loss, x, basis.reshape(np.shape(p)))
                    for basis in np.eye(max(1, np.size(p)))]
                   for x, p in zip(xs, points, strict=True)]  # fmt: skip
    found = sg.function(xs, [reverse, forward])(*points)
    for one, other, p in zip(*found, points, strict=True):
        np.testing.assert_allclose(one, np.reshape(other, np.shape(p)), rtol=1e-14)
    return [np.asarray(g).tolist() for g in found[0]]


def test_ties_may_go_to_the_first() -> None:
    first = {"ties": "first"}
    assert slope(sg.max, [1.0, 2.0, 2.0], **first) == [[0, 1, 0]]
    assert slope(sg.min, [2.0, 1.0, 1.0, 1.0], **first) == [[0, 1, 0, 0]]
    assert slope(sg.max, [[1.0, 2.0], [2.0, 2.0]], **first) == [[[0, 1], [0, 0]]]
    rows = [[1.0, 1.0], [0.0, 2.0], [3.0, 3.0]]
    assert slope(lambda x: sg.max(x, axis=1), rows, **first) == [[[1, 0], [0, 1], [1, 0]]]
    assert slope(lambda x: sg.max(x, axis=0, keepdims=True), [[1.0, 2], [1, 2]], **first) == [
        [[1, 1], [0, 0]]
    ]
    box = np.zeros((2, 2, 2))
    want = np.zeros((2, 2, 2))
    want[0, :, 0] = 1
    assert slope(lambda x: sg.max(x, axis=(0, 2)), box, **first) == [want.tolist()]
    for fn, other in ((sg.maximum, 0.0), (sg.minimum, 1.0), (sg.fmax, 0.0), (sg.fmin, 1.0)):
        assert slope(fn, [1.0, 2.0], [1.0, 3.0], **first) == [[1, other], [0, 1 - other]]


@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
def test_the_slope_at_a_bound_may_be_chosen(at: float) -> None:
    for build, points, want in (
        (sg.relu, [-1.0, 0.0, 1.0], [0, at, 1]),
        (lambda x: sg.maximum(x, 2.0), [1.0, 2.0, 3.0], [0, at, 1]),
        (lambda x: sg.minimum(2.0, x), [1.0, 2.0, 3.0], [1, at, 0]),
        (lambda x: sg.clip(x, 0, 1), [-1.0, 0.0, 0.5, 1.0, 2.0], [0, at, 1, at, 0]),
        (lambda x: sg.clip(x, None, 1), [1.0, 2.0], [at, 0]),
    ):
        assert slope(build, points, at_bound=at) == [want]


def test_roots_may_have_slope_zero_at_zero() -> None:
    for build, last in (
        (sg.sqrt, 0.25),
        (lambda x: x**0.5, 0.25),
        (sg.cbrt, 1 / (3 * 4 ** (2 / 3))),
    ):
        (got,) = slope(build, [0.0, 4.0], root_at_zero="zero")
        np.testing.assert_allclose(got, [0, last], rtol=1e-14)
        assert slope(build, [0.0])[0] == [INF]
    x = sg.input("x", ())
    with sg.config(root_at_zero="zero"):
        twice = sg.grad(sg.grad(sg.sqrt(x), x), x)
    assert sg.function([x], twice)(0.0) == 0


def test_a_choice_holds_for_what_is_compiled_under_it() -> None:
    """Entries of a model are made when they are first called, under what held at sg.compile."""
    w = sg.param("w", (2,), init=1.0)
    loss = sg.max(w)
    with sg.config(ties="first"):
        chosen = sg.compile(loss)
    plain = sg.compile(loss)
    params = plain.init()
    np.testing.assert_array_equal(chosen.value_and_grad(params)[1]["w"], [1, 0])
    np.testing.assert_array_equal(plain.value_and_grad(params)[1]["w"], [0.5, 0.5])
    with sg.config(ties="first"):
        again = sg.compile(loss)
    assert again.source == chosen.source


def test_the_setting_is_restored_and_belongs_to_a_thread() -> None:
    with sg.config(ties="first", at_bound=1.0):
        with pytest.raises(KeyError), sg.config(at_bound=0.5):
            assert (sg.config.ties, sg.config.at_bound) == ("first", 0.5)
            raise KeyError
        assert sg.config.at_bound == 1.0
        seen: list[str] = []
        thread = threading.Thread(target=lambda: seen.append(sg.config.ties))
        thread.start()
        thread.join()
        assert seen == ["share"]
    assert repr(sg.config) == "sg.config(ties='share', at_bound=0.0, root_at_zero='inf')"
    restore = sg.config(ties="first")  # without `with` it stays
    assert sg.config.ties == "first"
    with restore:
        pass
    assert sg.config.ties == "share"


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"tie": "first"}, "sg.config has no 'tie'; there is 'ties', 'at_bound', 'root_at_zero'"),
        ({"ties": "last"}, "ties: expected one of 'share', 'first'; got 'last'"),
        ({"at_bound": 2}, "at_bound: expected one of 0.0, 0.5, 1.0; got 2"),
        ({"at_bound": True}, "got True"),
    ],
)
def test_what_may_not_be_chosen(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(sg.DeclarationError, match=message):
        sg.config(**choices)
    assert sg.config.ties == "share"
