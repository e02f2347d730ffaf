"""What PyTorch's layers gave (``record_torch.py``), and the layers of symgrad held against it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import symgrad as sg

Array = np.ndarray[Any, Any]

#: of the recorder's arrays, by the names of parameters
FREQUENCIES = {"x": 1.7, "W": 2.3, "b": 3.1, "gamma": 0.9, "beta": 4.3, "pointwise.W": 2.9}


def table(shape: tuple[int, ...], frequency: float, dtype: Any = np.float64) -> Array:
    """sin(frequency (1 + k)) in C order: the arrays of the recorder."""
    k = np.arange(1, int(np.prod(shape)) + 1)
    return np.sin(frequency * k).reshape(shape).astype(dtype)


@cache
def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name("torch.json").read_text())
    return found


def agrees(
    case: str,
    layer: Callable[[sg.Expr], sg.Expr],
    shape: tuple[int, ...],
    names: dict[str, str] | None = None,
) -> None:
    """Value and every gradient of a layer in training, with the recorder's arrays.

    The array is a parameter here, so that it has a gradient; so are the weights of the sum of the
    results, whose gradient is the result. `names` gives the recorder's name for a parameter.
    """
    record = recorded()[case]
    x = sg.param("x", shape)
    out = layer(x)
    assert out.shape == tuple(record["shape"])
    weights = sg.param("weights", out.shape)
    model = sg.compile((out * weights).sum())
    first = model.init()
    called = {key: (names or {}).get(key, key) for key in first}
    params: dict[str, Array] = {
        key: table(value.shape, FREQUENCIES[called[key]]) if called[key] in FREQUENCIES else value
        for key, value in first.items()
    }
    params["weights"] = table(tuple(record["shape"]), 1.1)
    _, grads = model.value_and_grad(params)
    np.testing.assert_allclose(grads["weights"].ravel(), record["out"], rtol=1e-12, atol=1e-13)
    compared = {called[key]: value for key, value in grads.items() if key != "weights"}
    expected = record["grads"] if "x" in record["grads"] else {**record["grads"], "x": []}
    assert set(compared) == set(expected)
    for key, value in record["grads"].items():
        scale = np.abs(value).max()
        np.testing.assert_allclose(
            compared[key].ravel(), value, rtol=1e-11, atol=1e-13 * scale, err_msg=key
        )
