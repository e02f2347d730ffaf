"""Stabilised logarithms are finite wherever the naive ones are."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg

X = np.array([-2.0, -0.5, 0.3, 1.5])
Y = np.array([0.4, -0.7, -2.0, 1.1])


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize(
    "build",
    [
        lambda x, y: np.log((np.exp(x) - 1) / x),
        lambda x, y: np.log((1 - np.exp(x)) * (1 - np.exp(y))),
        lambda x, y: np.log((np.exp(x) - np.exp(y)) / (x - y)),
        lambda x, y: np.log(np.exp(x) * y * y),
        lambda x, y: np.log(np.exp(x) * y / x),
        lambda x, y: np.log((np.exp(x) * y) * (np.exp(y) * x)),
        lambda x, y: np.log((np.exp(x) * y) / (np.exp(y) * x)),
        lambda x, y: np.log2((1 - np.exp(x)) / y),
    ],
)
def test_log_of_factors_that_are_both_negative(build, style):
    x, y = sg.input("x", ("B",)), sg.input("y", ("B",))
    f = sg.function([x, y], build(x, y), style=style)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(f(X, Y), build(X, Y), rtol=1e-12, atol=1e-14)


def test_what_is_known_of_the_factors_is_still_taken_out():
    x, y = sg.input("x", ()), sg.input("y", ())
    f = sg.function([x, y], sg.log(sg.exp(x) * y * y))
    np.testing.assert_allclose(f(2000.0, -3.0), 2000 + np.log(9.0))
