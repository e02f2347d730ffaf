"""Rules of algebra, and literals, keep the values and dtypes that NumPy gives."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import symgrad as sg

STYLES = ("fast", "readable")

_DATA = {
    "bool": np.array([True, False, True, False]),
    "int8": np.array([0, 1, -128, 127], np.int8),
    "uint8": np.array([0, 1, 200, 255], np.uint8),
    "int64": np.array([0, 1, -5, 2**62]),
}


def _agree(build, *arrays):
    inputs = [sg.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
    expr = build(*inputs)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        expected = np.asarray(build(*arrays))
    for style in STYLES:
        value = np.asarray(sg.function(inputs, expr, style=style)(*arrays))
        assert value.dtype == expr.dtype == expected.dtype
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("second", ["int8", "uint8", "int64"])
@pytest.mark.parametrize("first", ["int8", "uint8", "int64"])
@pytest.mark.parametrize(
    "build",
    [
        lambda x, y: x + (-y),
        lambda x, y: x - (-y),
        lambda x, y: (-x) - y,
        lambda x, y: (-x) * y,
        lambda x, y: (-x) / y,
        lambda x, y: x / (-y),
        lambda x, y: x - (0 - y),
        lambda x, y: (-x) @ y,
        lambda x, y: x @ (-y),
    ],
)
def test_signs_of_integers_that_wrap_stay_where_they_are(build, first, second):
    _agree(build, _DATA[first], _DATA[second])


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_functions_of_negated_integers(dtype):
    for build in (lambda x: abs(-x), lambda x: np.cos(-x), lambda x: np.log(1 + x)):
        _agree(build, _DATA[dtype])


@pytest.mark.parametrize(
    "build",
    [
        lambda x: x + 0,
        lambda x: x - 0,
        lambda x: 0 - x,
        lambda x: x * 1,
        lambda x: x * -1,
        lambda x: x + x,
        lambda x: x * x,
        lambda x: x**1,
        lambda x: x * 1.0,
        lambda x: x + np.zeros((3, 1)),
        lambda x: np.log(1 + x.astype("float32")),
    ],
)
def test_neutral_elements_beside_booleans(build):
    _agree(build, _DATA["bool"])


@pytest.mark.parametrize(
    "build",
    [
        lambda x: x * np.float64(2),
        lambda x: np.float64(2) + x,
        lambda x: x * np.ones((3, 1)),
        lambda x: x + np.zeros((3, 1)),
        lambda x: x * np.int64(3),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_a_literal_of_a_wider_dtype_decides(build, dtype):
    _agree(build, np.array([0, 1, 2, 100], dtype))


@pytest.mark.parametrize("style", STYLES)
def test_adding_into_a_number_without_axes(style):
    x = sg.input("x", ())
    grad = sg.grad((x[None] * sg.exp(x)).sum(), x)
    np.testing.assert_allclose(sg.function([x], grad, style=style)(1.0), 2 * np.e)
