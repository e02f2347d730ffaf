"""Reductions: dtypes, errors, ties, zeros, overflow, and what softmax and its kin share."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symgrad.autodiff.reverse import cotangents
from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.code import Code
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.size import dim
from symgrad.ops.interpret import evaluate
from tests.ops.registry_cases import leaf, value

sg = SimpleNamespace(**FUNCTIONS)
inf, nan = np.inf, np.nan


def value_and_gradient(f: Callable[[Expr], Expr], x: Any, dtype: str = "float64") -> list[Any]:
    array = np.asarray(x, dtype)
    node = leaf(array.shape, dtype)
    y = f(node)
    seed = literal(np.ones(y.shape, y.dtype))
    return evaluate([y, cotangents([y], [seed], [node])[0]], {node: array})


def gradient(f: Callable[[Expr], Expr], x: Any) -> Any:
    return value_and_gradient(f, x)[1]


# ---- NumPy's conventions


@pytest.mark.parametrize(
    "name", ["sum", "prod", "mean", "var", "std", "max", "min", "any", "all", "argmax", "cumsum"]
)
@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int32", "uint32", "int64", "float16", "float32", "float64"]
)
def test_dtype_and_value_are_those_of_numpy(name: str, dtype: str) -> None:
    x = np.array([[1, 0, 2], [1, 1, 1]]).astype(dtype)
    want = getattr(np, name)(x, axis=1)
    node = leaf(x.shape, dtype)
    y = FUNCTIONS[name](node, axis=1)
    assert y.dtype == want.dtype
    np.testing.assert_array_equal(value(y, [node], [x]), want)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "max", "min", "var", "std", "any", "all"])
def test_numpy_functions_and_methods_give_the_same_node(name: str) -> None:
    x = leaf((3, 4), "float64")
    node = FUNCTIONS[name](x, axis=1, keepdims=True)
    assert getattr(np, name)(x, axis=-1, keepdims=True) is node
    assert getattr(x, name)(axis=(1,), keepdims=True) is node


def test_dtype_argument_is_the_dtype_of_the_computation() -> None:
    x = leaf((3,), "float32")
    assert np.sum(x, 0, "float64").dtype == np.float64
    big = np.array([1, 2**31 - 1, 5], "int32")
    y = leaf((3,), "int32")
    np.testing.assert_array_equal(value(sg.sum(y), [y], [big]), 2**31 + 5)


@pytest.mark.parametrize(
    ("build", "source"),
    [
        (lambda x: x.sum(axis=1, keepdims=True), "x.sum(axis=1, keepdims=True)"),
        (lambda x: x.mean(), "x.mean()"),
        (lambda x: x.max(axis=(0, 1)), "x.max()"),
        (lambda x: x.var(axis=0), "var(x, axis=0)"),
        (lambda x: x.std(axis=-1, ddof=1), "std(x, axis=1, ddof=1)"),
        (lambda x: x.argmax(axis=1), "x.argmax(axis=1)"),
        (lambda x: x.cumsum(axis=0), "x.cumsum(axis=0)"),
    ],
)
def test_source_is_what_a_person_would_write(build: Any, source: str) -> None:
    node = build(leaf((3, 4), "float64"))
    assert node.op.numpy(node, Code("x")).text == source
    assert node.op.numpy(node, Code("a + b", 9)).text == source.replace("x.", "(a + b).").replace(
        "(x", "(a + b"
    )


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (2, "axis 2 is out of range for 2 axes"),
        (-3, "axis -3 is out of range"),
        ((0, -2), "names an axis twice"),
        ("0", "must be an integer; got '0'"),
        (1.0, "must be an integer; got 1.0"),
        (True, "must be an integer; got True"),
    ],
)
def test_bad_axes_are_named(axis: Any, message: str) -> None:
    for name in ("sum", "max", "softmax", "logsumexp"):
        with pytest.raises(DeclarationError, match=message.replace("(", r"\(")) as error:
            FUNCTIONS[name](leaf((3, 4), "float64"), axis=axis)
        assert name in str(error.value)


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin"])
def test_nothing_has_no_extremum(name: str) -> None:
    with pytest.raises(ShapeError, match=r"axis 1 of \(3, 0\) is empty"):
        FUNCTIONS[name](leaf((3, 0), "float64"), axis=1)
    assert FUNCTIONS[name](leaf((0, 3), "float64"), axis=1).shape == (0,)


def test_values_of_empty_axes() -> None:
    x = leaf((2, 0), "float64")
    empty = np.zeros((2, 0))
    for name, want in [("sum", 0.0), ("prod", 1.0), ("logsumexp", -inf), ("norm", 0.0)]:
        np.testing.assert_array_equal(value(FUNCTIONS[name](x, axis=1), [x], [empty]), [want, want])


@pytest.mark.parametrize("shape", [(2, 0), (0, 2), (0, 0)])
def test_a_symbolic_axis_may_turn_out_to_be_empty(shape: tuple[int, int]) -> None:
    x = leaf((dim("B"), dim("T")), "float64")
    empty, rows = np.zeros(shape), shape[0]
    for name, want in [
        ("softmax", empty),
        ("log_softmax", empty),
        ("logsumexp", np.full(rows, -inf)),
    ]:
        y = FUNCTIONS[name](x, axis=1)
        (slope,) = cotangents([y], [sg.ones(y.shape)], [x])
        got, grad = evaluate([y, slope], {x: empty})
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(grad, empty)
    for name in ("max", "min"):
        got = value(FUNCTIONS[name](x, axis=0, initial=1.5), [x], [empty])
        assert got.tolist() == [1.5] * shape[1] if rows == 0 else got.shape == (0,)
    with pytest.raises(ValueError, match="zero-size array"):
        value(sg.max(x), [x], [empty])


@pytest.mark.parametrize("ddof", ["1", None, nan])
def test_ddof_is_a_number(ddof: Any) -> None:
    with pytest.raises(DeclarationError, match="ddof must be a number"):
        sg.var(leaf((3,), "float64"), ddof=ddof)


def test_mean_over_a_symbolic_axis_stays_single() -> None:
    x = leaf((dim("B"), 3), "float32")
    for name in ("mean", "var", "std"):
        y = FUNCTIONS[name](x, axis=0)
        (g,) = cotangents([y], [literal(np.ones(3, "float32"))], [x])
        assert {n.dtype.name for n in topological([y, g])} <= {"float32", "bool"}


def test_ddof_may_be_a_fraction_of_a_symbolic_size() -> None:
    x = leaf((dim("B"),), "float32")
    y = sg.var(x, ddof=0.5)
    (g,) = cotangents([y], [literal(np.float32(1))], [x])
    values = np.array([1, 2, 6], "float32")
    got, grad = evaluate([y, g], {x: values})
    np.testing.assert_allclose(got, np.var(values, ddof=0.5), 1e-6)
    np.testing.assert_allclose(grad, 2 * (values - 3) / 2.5, 1e-6)
    assert g.dtype == np.float32


# ---- derivatives where there is more than one


def test_elements_that_tie_share() -> None:
    np.testing.assert_array_equal(gradient(sg.max, [1.0, 3, 3, 2]), [0, 0.5, 0.5, 0])
    got = gradient(lambda x: sg.min(x, axis=0), [[1.0, 2], [1, 3], [1, 0]])
    np.testing.assert_array_equal(got, [[1 / 3, 0], [1 / 3, 0], [1 / 3, 1]])


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e8 / 3, -1e-300, 1e300])
@pytest.mark.parametrize("n", [1, 3, 7, 1000])
def test_std_of_a_constant_has_gradient_zero(constant: float, n: int) -> None:
    with np.errstate(over="ignore"):
        got = gradient(sg.std, np.full(n, constant))
    np.testing.assert_array_equal(got, np.zeros(n))


def test_gradient_of_std_is_that_of_the_definition() -> None:
    x = np.array([1e8, 1e8 + 1, 1e8 + 5])
    mean = mpmath.fsum(x) / 3
    centred = [mpmath.mpf(v) - mean for v in x]
    std = mpmath.sqrt(mpmath.fsum([c**2 for c in centred]) / 3)
    np.testing.assert_allclose(gradient(sg.std, x), [float(c / 3 / std) for c in centred], 1e-7)


numbers = st.sampled_from([0.0, 0.0, 1.0, -2.0, 0.5, 3.0])


@given(st.lists(numbers, min_size=1, max_size=6))
def test_gradient_of_prod_is_exact_with_zeros(values: list[float]) -> None:
    want = [np.prod(np.delete(values, i)) for i in range(len(values))]
    np.testing.assert_array_equal(gradient(sg.prod, values), want)


@given(st.lists(st.lists(numbers, min_size=4, max_size=4), min_size=1, max_size=3))
def test_gradient_of_prod_over_several_axes(values: list[list[float]]) -> None:
    x = np.array(values).reshape(-1, 2, 2)
    got = gradient(lambda x: sg.prod(x, axis=(0, 2)), x)
    for index in np.ndindex(x.shape):
        others = x.copy()
        others[index] = 1
        assert got[index] == others.prod(axis=(0, 2))[index[1]]


@given(st.lists(numbers, min_size=1, max_size=5))
def test_gradient_of_cumprod_is_exact_with_zeros(values: list[float]) -> None:
    want = np.zeros(len(values))
    for j in range(len(values)):
        for i in range(j + 1):
            want[i] += np.prod(np.delete(values[: j + 1], i))
    np.testing.assert_array_equal(gradient(sg.cumprod, values), want)


def test_second_derivative_of_prod_with_zeros() -> None:
    node = leaf((3,), "float64")
    (g,) = cotangents([sg.prod(node)], [literal(1.0)], [node])
    rows = [cotangents([g[i]], [literal(1.0)], [node])[0] for i in range(3)]
    hessian = evaluate(rows, {node: np.array([0.0, 0.0, 3.0])})
    np.testing.assert_array_equal(hessian, [[0, 3, 0], [3, 0, 0], [0, 0, 0]])


# ---- norms


@pytest.mark.parametrize(
    ("x", "norm", "slope"),
    [
        ([0.0, 0.0], 0.0, [0.0, 0.0]),
        ([3e200, 4e200], 5e200, [0.6, 0.8]),
        ([3e-200, 4e-200], 5e-200, [0.6, 0.8]),
        ([-inf, 1.0], inf, [nan, 0.0]),
        ([nan, 1.0], nan, [nan, nan]),
    ],
)
def test_norm_at_the_edges(x: list[float], norm: float, slope: list[float]) -> None:
    got, grad = value_and_gradient(sg.norm, x)
    np.testing.assert_allclose(got, norm, 1e-15)
    np.testing.assert_allclose(grad, slope, 1e-15)


def test_norms_of_rows_do_not_mix() -> None:
    rows = [[0.0, 0], [3, 4], [3e200, 4e200], [inf, 0], [5e-324, 0]]
    got = value(sg.norm(x := leaf((5, 2), "float64"), axis=1), [x], [np.array(rows)])
    np.testing.assert_allclose(got, [0, 5, 5e200, inf, 5e-324], 1e-15)


@pytest.mark.parametrize("order", [None, 0, 1, 2, 3, 0.5, -1, inf, -inf])
def test_vector_norms(order: Any) -> None:
    values = np.random.default_rng(0).uniform(0.5, 2, (3, 4))
    x = leaf((3, 4), "float64")
    for axis in (0, -1):
        want = np.linalg.norm(values, order, axis)
        np.testing.assert_allclose(value(sg.norm(x, order, axis), [x], [values]), want, 1e-14)
    assert np.linalg.norm(x, order, 1) is sg.norm(x, order, 1)


@pytest.mark.parametrize("order", [None, "fro", 1, -1, inf, -inf])
@pytest.mark.parametrize("axis", [(0, 1), (2, 0), (-1, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_matrix_norms(order: Any, axis: tuple[int, int], keepdims: bool) -> None:
    values = np.random.default_rng(0).normal(size=(2, 3, 4))
    x = leaf((2, 3, 4), "float64")
    want = np.linalg.norm(values, order, axis, keepdims)
    got = value(sg.norm(x, order, axis, keepdims), [x], [values])
    np.testing.assert_allclose(got, want, 1e-14)
    assert got.shape == want.shape


@pytest.mark.parametrize(
    ("order", "axis"), [("fro", 0), (3, (0, 1)), ("max", (0, 1)), (None, (0, 1, 2)), (2, None)]
)
def test_norms_that_do_not_exist(order: Any, axis: Any) -> None:
    with pytest.raises(DeclarationError, match="norm: "):
        sg.norm(leaf((2, 3, 4), "float64"), order, axis)


# ---- log-sum-exp and softmax


@pytest.mark.parametrize(
    ("x", "want", "slope"),
    [
        ([-inf, -inf], -inf, [0, 0]),
        ([-inf, 0.0], 0.0, [0, 1]),
        ([inf, 1.0], inf, [nan, 0]),
        ([nan, 1.0], nan, [nan, nan]),
        ([1000.0, 1000.0], 1000 + np.log(2), [0.5, 0.5]),
        ([-1000.0, -1000.0], np.log(2) - 1000, [0.5, 0.5]),
    ],
)
def test_logsumexp_at_the_edges(x: list[float], want: float, slope: list[float]) -> None:
    got, grad = value_and_gradient(sg.logsumexp, x)
    np.testing.assert_allclose(got, want, 1e-15)
    np.testing.assert_array_equal(grad, slope)


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e3, 1e8, -1e300])
def test_softmax_is_accurate_whatever_the_offset(offset: float) -> None:
    x = offset + np.array([0.0, 1.5, -3.0, 0.25])
    with mpmath.workdps(50):
        exps = [mpmath.exp(mpmath.mpf(v) - mpmath.mpf(offset)) for v in x]
        total = mpmath.fsum(exps)
        softmax = [float(e / total) for e in exps]
        log_softmax = [float(mpmath.log(e / total)) for e in exps]
        logsumexp = float(mpmath.log(total) + mpmath.mpf(offset))
    ulps = 4 * np.finfo(float).eps
    node = leaf((4,), "float64")
    np.testing.assert_allclose(value(sg.softmax(node), [node], [x]), softmax, ulps)
    np.testing.assert_allclose(value(sg.log_softmax(node), [node], [x]), log_softmax, ulps)
    got, grad = value_and_gradient(sg.logsumexp, x)
    np.testing.assert_allclose(got, logsumexp, ulps)
    np.testing.assert_allclose(grad, softmax, ulps)


def test_log_softmax_is_finite_where_softmax_is_zero() -> None:
    got, grad = value_and_gradient(lambda x: sg.log_softmax(x)[1], [1000.0, -1000.0])
    assert got == -2000
    np.testing.assert_array_equal(grad, [-1, 1])


def test_all_minus_infinity_has_no_softmax() -> None:
    x = leaf((2,), "float64")
    assert np.isnan(value(sg.softmax(x), [x], [[-inf, -inf]])).all()


def test_unsigned_integers_do_not_wrap() -> None:
    x = leaf((2,), "uint8")
    got = value(sg.softmax(x), [x], [np.array([0, 1], "uint8")])
    np.testing.assert_allclose(got, [1 / (1 + np.e), np.e / (1 + np.e)], 1e-15)


def _exponentials(outputs: list[Expr]) -> int:
    lowered = [y.op.lower(y) for y in outputs]
    return len([n for n in topological(lowered) if n.op.name == "exp"])


def test_parts_are_shared() -> None:
    x = leaf((dim("B"), 10), "float64")
    assert _exponentials([sg.softmax(x, 1), sg.log_softmax(x, 1)]) == 1
    y = sg.logsumexp(x, axis=1)
    (g,) = cotangents([y], [literal(np.ones(())) * sg.ones(y.shape)], [x])
    weights = [n for n in topological([g]) if n.op.composite]
    assert len(weights) == 1
    assert _exponentials([y, *weights]) == 1


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize("shape", [(3, 4), (0, 4), (3, 0)])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_initial_begins_the_reduction(name: str, shape: tuple[int, int], dtype: str) -> None:
    x = (np.arange(np.prod(shape)).reshape(shape) - 3).astype(dtype)
    for options in ({"axis": 0}, {"axis": 1, "keepdims": True}, {}):
        want = getattr(np, name)(x, initial=1.5, **options)
        node = leaf(x.shape, dtype)
        y = FUNCTIONS[name](node, initial=1.5, **options)
        assert (y.dtype, y.shape) == (want.dtype, want.shape)
        np.testing.assert_array_equal(value(y, [node], [x]), want)
