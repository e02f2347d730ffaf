"""Pooling: PyTorch's numbers, all of space at once, symbolic sizes, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.nn.peer import agrees, table

nn = sg.nn


@pytest.mark.parametrize(
    ("case", "layer", "shape"),
    [
        ("max_pool2d", lambda x: nn.max_pool2d(x, 3, stride=2, padding=1), (2, 5, 6, 2)),
        ("avg_pool1d", lambda x: nn.avg_pool1d(x, 2), (2, 7, 3)),
        ("global_avg_pool", nn.global_avg_pool, (2, 3, 4, 3)),
        ("global_max_pool", nn.global_max_pool, (2, 3, 4, 3)),
    ],
)
def test_value_and_gradients_are_pytorchs(
    case: str, layer: Callable[[sg.Expr], sg.Expr], shape: tuple[int, ...]
) -> None:
    agrees(case, layer, shape)


def test_windows_are_those_of_the_operations() -> None:
    x = sg.input("x", ("B", 6, 6, 2))
    assert nn.max_pool2d(x, 2) is sg.max_pool2d(x, 2)
    assert nn.avg_pool2d(x, 2) is sg.avg_pool2d(x, 2)
    signal = sg.input("signal", ("B", 6, 2))
    assert nn.max_pool1d(signal, 2) is sg.max_pool1d(signal, 2)
    assert nn.avg_pool1d(signal, 2) is sg.avg_pool1d(signal, 2)


@pytest.mark.parametrize("shape", [("B", "T", 3), ("B", "H", "W", 3), (2, "D", 3, "W", 3)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_all_of_space_at_symbolic_sizes(shape: tuple[Any, ...], dtype: str) -> None:
    x = sg.input("x", shape, dtype=dtype)
    f = sg.function([x], (nn.global_avg_pool(x), nn.global_max_pool(x)))
    static = {"B": 2, "T": 5, "H": 3, "W": 4, "D": 2}
    data = table(tuple([static.get(n, n) for n in shape]), 1.7, dtype)
    flat = data.reshape(2, -1, 3)
    mean, largest = f(data)
    assert mean.dtype == largest.dtype == dtype
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(mean, flat.astype(float).mean(1), rtol=0, atol=2 * eps)
    np.testing.assert_array_equal(largest, flat.max(1))


@pytest.mark.parametrize("layer", [nn.global_avg_pool, nn.global_max_pool])
def test_nonsense_is_refused(layer: Callable[[sg.Expr], sg.Expr]) -> None:
    with pytest.raises(sg.ShapeError, match=r"pool: expected .* at least 3 axes; got .*\(B, 3\)"):
        layer(sg.input("x", ("B", 3)))
    with pytest.raises(sg.DTypeError, match="floating array; got int64"):
        layer(sg.input("x", ("B", 3, 3), dtype="int64"))
