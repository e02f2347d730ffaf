"""What PyTorch's attention layers gave (``record_attention.py``), and symgrad's held against it."""

from __future__ import annotations

import importlib.util
import json
import math
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import symgrad as sg

Array = np.ndarray[Any, Any]
B, T, S, D, HEADS, HIDDEN = 2, 3, 4, 4, 2, 6
#: of the largest entry of an array, or of 1, as all tables are of that size; in single precision
#: PyTorch's own gradients are off by up to 3e-5 of the largest entry
TOLERANCES = {"float64": 1e-12, "float32": 2e-5}


def table(*shape: int, frequency: float) -> Array:
    """As the recorder makes them."""
    values = [math.sin(frequency * (1 + k)) for k in range(math.prod(shape))]
    return np.array(values).reshape(shape)


def seen(queries: int, keys: int) -> Array:
    """Which keys may be seen: all but some, one at least for each query."""
    return np.array([[(2 * i + j) % 3 != 1 for j in range(keys)] for i in range(queries)])


@cache
def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name("attention.json").read_text())
    return found


class Weights:
    """Tables for one parameter after the other, in the recorder's order."""

    def __init__(self) -> None:
        self.made: dict[str, Array] = {}

    def add(self, name: str, *shape: int, near: float | None = None) -> None:
        values = table(*shape, frequency=0.5 + 0.07 * (len(self.made) + 1))
        self.made[name] = values if near is None else near + 0.5 * values

    def attention(self, prefix: str, features: tuple[int, int, int]) -> None:
        for letter, size in zip("qkv", features, strict=True):
            self.add(f"{prefix}W_{letter}", size, D)
        for letter in "qkv":
            self.add(f"{prefix}b_{letter}", D)
        self.add(f"{prefix}W_o", D, D)
        self.add(f"{prefix}b_o", D)


def agrees(
    case: dict[str, Any],
    output: sg.Expr,
    leaves: dict[str, sg.Expr],
    data: dict[str, Array],
    weights: dict[str, Array],
    dtype: str,
) -> None:
    """Value and every gradient, those of parameters and of data, with the recorder's."""
    seed = sg.input("seed", output.shape, dtype)
    loss = (seed * output).sum()
    outputs = {"output": output, "grads": sg.grad(loss, leaves)}
    model = sg.compile(loss, outputs=outputs, wrt=None if weights else list(leaves.values()))
    params = {name: value.astype(dtype) for name, value in weights.items()}
    if weights:
        assert {n: v.shape for n, v in model.init().items()} == {
            n: v.shape for n, v in params.items()
        }
    data = {n: v if v.dtype == bool else v.astype(dtype) for n, v in data.items()}
    weight = table(*_sizes(output), frequency=0.37).astype(dtype)
    made = model.predict(params, seed=weight, **data)
    _compare(made["output"], case["output"], dtype)
    grads = dict(made["grads"])
    if weights:
        grads |= model.value_and_grad(params, seed=weight, **data)[1]
    assert set(grads) == set(case["grads"])
    for name, values in case["grads"].items():
        _compare(grads[name], values, dtype)


def _sizes(output: sg.Expr) -> list[int]:
    known = {"B": B, "T": T, "S": S}
    return [size if isinstance(size, int) else known[str(size)] for size in output.shape]


def _compare(found: Array, values: list[float], dtype: str) -> None:
    assert found.dtype == dtype
    largest = max(1.0, np.abs(values).max())
    atol = TOLERANCES[dtype] * largest
    np.testing.assert_allclose(found.ravel(), values, rtol=0, atol=atol)


def saved(model: sg.Model, path: Path) -> ModuleType:
    """The model as the module that it is saved as."""
    model.save(path)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def takes_the_same_steps(model: sg.Model, path: Path, data: dict[str, Array]) -> None:
    """The saved module trains as the model does, to the last bit."""
    module = saved(model, path)
    params, own = model.init(seed=1), module.init(1)
    state, own_state = model.init_optimizer(params), module.init_optimizer(own)
    for _ in range(3):
        assert model.step(params, state, **data) == module.step(own, own_state, **data)
    for name, value in params.items():
        np.testing.assert_array_equal(value, own[name])
