"""Reductions of some of the elements: what a mask leaves out has no part in value or gradient."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from symgrad.autodiff.reverse import cotangents
from symgrad.errors import DeclarationError, DTypeError, ExpressionUseError, ShapeError
from symgrad.ir.node import Expr, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.ops.interpret import evaluate
from tests.ops.registry_cases import leaf, value

sg = SimpleNamespace(**FUNCTIONS)
INF, NAN = np.inf, np.nan

X = np.array([[1.0, NAN, 3.0], [INF, -2.0, 5.0], [NAN, INF, -INF]])
MASK = np.array([[True, False, True], [False, True, True], [False, False, False]])


def value_and_gradient(f: Callable[..., Expr], x: Any, mask: Any = MASK) -> list[Any]:
    x = np.asarray(x, "float64")
    node, where = leaf(x.shape, "float64"), leaf(mask.shape, "bool", "mask")
    y = f(node, where)
    ones = literal(np.ones(y.shape, y.dtype))
    return evaluate([y, cotangents([y], [ones], [node])[0]], {node: x, where: mask})


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "max", "min"])
def test_what_is_left_out_reaches_neither_value_nor_gradient(name: str) -> None:
    options = {"initial": 0.0} if name in ("max", "min") else {}

    def total(x: Expr, m: Expr) -> Expr:
        return FUNCTIONS[name](x, axis=1, where=m, **options)

    got, slope = value_and_gradient(total, X)
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning) if name in (
        "mean", "var", "std"
    ) else np.errstate():  # fmt: skip
        want = getattr(np, name)(X, axis=1, where=MASK, **options)
    np.testing.assert_allclose(got, want, rtol=1e-15)
    assert np.isfinite(slope[MASK]).all()
    np.testing.assert_array_equal(slope[~MASK], 0.0)


def test_nothing_comes_back_through_what_made_the_elements_left_out() -> None:
    """The slope of log at -1 is no number that 0 times could be taken of."""
    x = np.array([[4.0, -1.0, 0.0]])
    mask = np.array([[True, False, False]])
    for name in ("sum", "mean", "prod"):
        _, slope = value_and_gradient(
            lambda x, m, n=name: FUNCTIONS[n](sg.log(x), where=m), x, mask
        )
        assert slope[0, 0] in (0.25, 0.25 * 1.0)
        np.testing.assert_array_equal(slope[0, 1:], 0.0)


def test_the_standard_deviation_of_equal_elements_has_gradient_zero() -> None:
    x = np.array([[0.1, 7.0, 0.1, 0.1]])
    mask = np.array([[True, False, True, True]])
    got, slope = value_and_gradient(lambda x, m: sg.std(x, where=m), x, mask)
    assert got < 1e-16
    np.testing.assert_array_equal(slope, 0.0)


def test_an_initial_value_bounds_an_extremum() -> None:
    x = np.array([[1.0, 5.0], [2.0, 2.0], [0.0, 1.0]])
    every = np.ones((3, 2), bool)
    got, slope = value_and_gradient(lambda x, m: sg.max(x, axis=1, initial=2.0), x, every)
    np.testing.assert_array_equal(got, [5, 2, 2])
    np.testing.assert_array_equal(slope, [[0, 1], [0, 0], [0, 0]])  # at a literal bound: 0


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["max", "min"])
def test_an_extremum_of_nothing_is_the_initial_value(name: str, keepdims: bool) -> None:
    x = leaf((3, 0), "float64")
    y = FUNCTIONS[name](x, axis=1, initial=2.5, keepdims=keepdims)
    want = getattr(np, name)(np.empty((3, 0)), axis=1, initial=2.5, keepdims=keepdims)
    np.testing.assert_array_equal(value(y, [x], [np.empty((3, 0))]), want)
    assert y.shape == want.shape


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "float32"])
@pytest.mark.parametrize("name", ["max", "min"])
def test_masked_extrema_of_every_dtype(name: str, dtype: str) -> None:
    x = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    mask = np.array([[True, False, True], [False, False, False]])
    node = leaf(x.shape, dtype)
    initial = x.dtype.type(name == "min")
    y = FUNCTIONS[name](node, axis=1, where=mask, initial=initial)
    want = getattr(np, name)(x, axis=1, where=mask, initial=initial)
    assert y.dtype == want.dtype
    np.testing.assert_array_equal(value(y, [node], [x]), want)


def test_any_and_all_of_some() -> None:
    x, m = leaf((2, 3), "bool"), leaf((3,), "bool")
    values = [np.array([[True, False, False], [False, True, True]]), np.array([False, True, True])]
    for name in ("any", "all"):
        y = getattr(np, name)(x, axis=1, where=m)
        want = getattr(np, name)(values[0], axis=1, where=values[1])
        np.testing.assert_array_equal(value(y, [x, m], values), want)


def test_numpys_own_functions_and_methods_take_masks() -> None:
    x, m = leaf((2, 3), "float64"), leaf((2, 3), "bool")
    assert np.sum(x, axis=0, where=m, initial=1.0) is x.sum(axis=0, where=m, initial=1.0)
    assert np.mean(x, where=m) is x.mean(where=m)
    assert np.std(x, axis=1, ddof=1, where=m) is x.std(axis=1, ddof=1, where=m)
    assert np.sum(x, where=True) is x.sum()


def test_errors_of_masks() -> None:
    x, m = leaf((2, 3), "float64"), leaf((2, 3), "bool")
    with pytest.raises(DeclarationError, match="initial"):
        sg.max(x, where=m)
    with pytest.raises(DTypeError, match="booleans"):
        sg.sum(x, where=x)
    with pytest.raises(ShapeError, match="mask"):
        sg.sum(leaf((3,), "float64"), where=m)
    with pytest.raises(DeclarationError, match="ddof"):
        sg.var(x, ddof=1, correction=1)
    with pytest.raises(ExpressionUseError, match=r"sg\.where"):
        np.add(x, x, where=m)


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "any", "all", "mean", "var"])
@pytest.mark.parametrize("axis", [0, -1, 1, (0,), ()])
def test_axes_of_a_number_are_those_of_numpy(name: str, axis: Any) -> None:
    x = leaf((), "float64")
    try:
        want = getattr(np, name)(np.array(3.0), axis=axis)
    except np.exceptions.AxisError:
        with pytest.raises(DeclarationError):
            FUNCTIONS[name](x, axis=axis)
    else:
        np.testing.assert_array_equal(value(FUNCTIONS[name](x, axis=axis), [x], [3.0]), want)
