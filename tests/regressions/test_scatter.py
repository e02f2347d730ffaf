"""Scatters that are broadcast are not merged as if they had the whole shape."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_a_broadcast_scatter_beside_another_gradient(style):
    z, w = sg.input("z", (2, 4)), sg.input("w", (1, 3))
    taken = sg.take(z.sum(axis=(0, 1), keepdims=True), np.array([0, 0, -1]), axis=1)
    for sign in (1.0, -1.0):
        loss = (taken * w).sum() + sign * (z * z).sum()
        f = sg.function([z, w], sg.grad(loss, z), style=style)
        data, weights = np.arange(8.0).reshape(2, 4), np.array([[1.0, 2.0, 4.0]])
        np.testing.assert_allclose(f(data, weights), 7.0 + sign * 2 * data)


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_sums_and_differences_with_a_broadcast_scatter(style):
    x, y = sg.input("x", (3, 4)), sg.input("y", ())
    data = np.arange(12.0).reshape(3, 4)
    for shape in ((1, 4), (4,), (1, 1), (3, 1)):
        one = np.zeros(shape)
        one[..., :1] += 5.0
        scattered = sg.zeros(shape).at[..., :1].add(y)
        for expr, expected in (
            (scattered + x, one + data),
            (x - scattered, data - one),
            (scattered - x, one - data),
        ):
            np.testing.assert_array_equal(
                sg.function([x, y], expr, style=style)(data, 5.0), expected
            )
