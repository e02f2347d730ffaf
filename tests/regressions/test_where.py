"""What `where` does not take has gradient exactly 0, also where it was broadcast."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize(
    "build",
    [
        lambda m, z: sg.where(m > 0, sg.sqrt(m), z),
        lambda m, z: sg.where(m > 0, sg.log(m), 0.0) * z,
        lambda m, z: sg.where(m <= 0, z, sg.sqrt(m)),
        lambda m, z: sg.where((m > 0) & (z > -9), sg.sqrt(m), z),
    ],
)
def test_the_branch_not_taken_of_a_broadcast(build, style):
    z = sg.input("z", ("B", 2))
    m = sg.max(z, axis=0, keepdims=True)
    f = sg.function([z], sg.grad(build(m, z).sum(), z), style=style)
    data = np.array([[-1.0, 2.0], [-3.0, 0.5], [-2.0, 1.0]])
    found = f(data)
    assert np.isfinite(found).all()
    g = sg.function([z], build(m, z).sum())
    with np.errstate(all="ignore"):
        for i in np.ndindex(data.shape):
            step = np.zeros_like(data)
            step[i] = 1e-6
            slope = (g(data + step) - g(data - step)) / 2e-6
            np.testing.assert_allclose(found[i], slope, atol=1e-7)
