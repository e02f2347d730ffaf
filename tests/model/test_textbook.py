"""NumPy scripts in the style of textbooks compile through ``sg.trace`` as they are.

Each function is run on arrays, and traced and compiled; values must agree, and gradients must be
those that differences of the script's own values give.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.autodiff.differences import central_difference
from symgrad.model.tree import flatten

FOLDER = Path(__file__).parent / "textbook"


@cache
def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Use:
    """A function of a script, its arguments, and those that are not traced."""

    script: str
    function: str
    arguments: Callable[[np.random.Generator], dict[str, Any]]
    static: frozenset[str] = field(default_factory=frozenset)
    #: whether it is a scalar with gradients
    scalar: bool = True

    def __str__(self) -> str:
        return f"{self.script}.{self.function}"


def network(rng: np.random.Generator) -> dict[str, Any]:
    sizes = [(4, 6), (6, 5), (5, 3)]
    return {
        "x": rng.normal(size=(8, 4)),
        "labels": rng.integers(0, 3, 8),
        "weights": [rng.normal(size=s) / 2 for s in sizes],
        "biases": [rng.normal(size=s[1]) / 5 for s in sizes],
        "mask": (rng.random(6) < 0.7).astype(float) + 0.1,
    }


def mixture(rng: np.random.Generator) -> dict[str, Any]:
    x = np.concatenate([rng.normal(c, 0.6, (7, 2)) for c in (-1.5, 0.5, 2.0)])
    return {
        "x": x,
        "logits": np.array([0.2, -0.1, 0.3]),
        "means": [np.array([c, c + 0.2]) for c in (-1.2, 0.4, 1.7)],
        "factors": [np.eye(2) + rng.uniform(-0.2, 0.2, (2, 2)) for _ in range(3)],
    }


def kalman(rng: np.random.Generator) -> dict[str, Any]:
    track = np.cumsum(rng.normal(0.5, 0.2, (6, 2)), axis=0)
    return {
        "measurements": track + rng.normal(0, 0.1, track.shape),
        "start": np.array([0.1, -0.1, 1.0, 1.0]),
        "log_q": np.array(-1.0),
        "log_r": np.array(-0.5),
    }


def rates(rng: np.random.Generator) -> dict[str, Any]:
    return {"spot": np.array(100.0), "rate": np.array(0.03), "base": np.array(0.2),
            "skew": np.array(-0.1), "curvature": np.array(0.4)}  # fmt: skip


def portfolio(rng: np.random.Generator) -> dict[str, Any]:
    return rates(rng) | {
        "strikes": np.array([85.0, 95.0, 110.0]),
        "maturities": np.array([0.25, 1.0]),
        "amounts": np.array([[1.0, -2.0], [3.0, 1.5], [-1.0, 2.0]]),
    }


def fit(rng: np.random.Generator) -> dict[str, Any]:
    return rates(rng) | {
        "market": np.array([18.5, 9.1, 4.2]),
        "strikes": np.array([90.0, 100.0, 110.0]),
        "maturity": np.array(1.0),
    }


def prices(rng: np.random.Generator) -> dict[str, Any]:
    return {"spot": np.array([90.0, 100.0, 115.0]), "strike": np.array(100.0),
            "rate": np.array(0.05), "volatility": np.array(0.2),
            "maturity": np.array(0.5)}  # fmt: skip


def rod(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "centre": np.array(0.4),
        "width": np.array(0.15),
        "conductivity": rng.uniform(0.5, 0.9, 15),
        "left": np.array(0.1),
        "right": np.array(-0.2),
        "target": rng.uniform(0, 0.5, 15),
    }


def curve(rng: np.random.Generator) -> dict[str, Any]:
    x = np.linspace(-1, 1, 9)
    return {"x": x, "y": np.sin(3 * x) + rng.normal(0, 0.1, 9), "log_strength": np.array(-2.0)}


def process(rng: np.random.Generator) -> dict[str, Any]:
    x = rng.uniform(-1, 1, (7, 2))
    return {"x": x, "y": np.sin(2 * x[:, 0]) + x[:, 1], "log_scale": np.array(-0.3),
            "log_height": np.array(0.1), "log_noise": np.array(-1.5)}  # fmt: skip


def logistic(rng: np.random.Generator) -> dict[str, Any]:
    X, new = rng.normal(size=(12, 3)), rng.normal(size=(5, 3))
    return {
        "X": X,
        "labels": (X[:, 0] + rng.normal(0, 0.5, 12) > 0).astype(float),
        "log_strength": np.array(-0.5),
        "X_new": new,
        "labels_new": (new[:, 0] > 0).astype(float),
    }


def signal(rng: np.random.Generator) -> dict[str, Any]:
    t = np.arange(24) / 24
    return {"signal": np.sin(2 * np.pi * 2 * t) + 0.3 * rng.normal(size=24) + 0.05}


def noisy(rng: np.random.Generator) -> dict[str, Any]:
    t = np.arange(24) / 24
    return signal(rng) | {"clean": np.sin(2 * np.pi * 2 * t), "cutoff": np.array(0.15),
                          "width": np.array(0.03)}  # fmt: skip


def bodies(rng: np.random.Generator) -> dict[str, Any]:
    return {"positions": rng.normal(size=(4, 3)), "velocities": 0.3 * rng.normal(size=(4, 3)),
            "masses": rng.uniform(0.5, 1.5, 4)}  # fmt: skip


def links(rng: np.random.Generator) -> dict[str, Any]:
    weights = rng.random((6, 6)) * (rng.random((6, 6)) < 0.6)
    weights[:, 3] = 0
    return {"links": weights, "damping": np.array(0.85)}


def symmetric(rng: np.random.Generator) -> dict[str, Any]:
    A = rng.normal(size=(5, 5))
    return {"A": A @ A.T + np.diag([9.0, 4.0, 1.0, 0.5, 0.2]), "start": rng.normal(size=(5, 2))}


labels = frozenset({"labels"})
USES = [
    Use("network", "loss", network, labels),
    Use("network", "report", network, labels, scalar=False),
    Use("mixture", "after_steps", mixture),
    Use("mixture", "assignments", mixture, scalar=False),
    Use("kalman", "negative_log_likelihood", kalman),
    Use("kalman", "roughness", kalman),
    Use("kalman", "smoothed", kalman, scalar=False),
    Use("options", "portfolio", portfolio),
    Use("options", "fit", fit),
    Use("options", "greeks", prices, scalar=False),
    Use("options", "put", prices, scalar=False),
    Use("heat", "mismatch", rod),
    Use("heat", "cooled", lambda rng: {"centre": np.array(0.4), "width": np.array(0.2),
                                       "conductivity": np.array(0.6)}, scalar=False),
    Use("regression", "leave_one_out", curve),
    Use("regression", "marginal_likelihood", process),
    Use("regression", "predictive", lambda rng: process(rng) | {
        "new": rng.uniform(-1, 1, (3, 2))}, scalar=False),
    Use("regression", "validation_loss", logistic),
    Use("signals", "denoising", noisy),
    Use("signals", "description", signal),
    Use("signals", "features", signal, scalar=False),
    Use("bodies", "miss", lambda rng: bodies(rng) | {"target": np.array([1.0, 0.0, 0.5])}),
    Use("bodies", "virial", bodies),
    Use("bodies", "drift", bodies, scalar=False),
    Use("ranking", "importance", links),
    Use("ranking", "spectrum", symmetric),
    Use("ranking", "hubs_and_authorities", lambda rng: {"links": links(rng)["links"]},
        scalar=False),
]  # fmt: skip


def specified(value: Any) -> Any:
    if isinstance(value, list):
        return [specified(part) for part in value]
    return sg.spec(value.shape, value.dtype)


def traced(
    use: Use,
) -> tuple[Callable[..., Any], dict[str, Any], dict[str, np.ndarray[Any, Any]], Any]:
    """The script's function, its arguments, the data of the inputs, and the expressions."""
    fn = getattr(script(use.script), use.function)
    arguments = use.arguments(np.random.default_rng(3))
    specs = {
        name: value if name in use.static else specified(value) for name, value in arguments.items()
    }
    data: dict[str, np.ndarray[Any, Any]] = {}
    for name, value in arguments.items():
        if name not in use.static:
            parts = value if isinstance(value, list) else [value]
            for i, part in enumerate(parts):
                data[f"{name}_{i}" if isinstance(value, list) else name] = part
    return fn, arguments, data, sg.trace(fn, **specs)


@pytest.mark.parametrize("use", USES, ids=str)
def test_the_compiled_script_gives_what_the_script_gives(use: Use) -> None:
    fn, arguments, data, result = traced(use)
    want, _ = flatten(fn(**arguments))
    inputs = sg.leaves(result)
    assert set(inputs) <= set(data)
    for style in ("fast", "readable"):
        run = sg.function(list(inputs.values()), result, style=style)
        got, _ = flatten(run(**{name: data[name] for name in inputs}))
        assert len(got) == len(want)
        for one, other in zip(got, want, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("use", [use for use in USES if use.scalar], ids=str)
def test_its_gradient_is_that_of_the_script(use: Use) -> None:
    """In random directions, of each traced argument."""
    fn, arguments, data, result = traced(use)
    inputs = sg.leaves(result)
    model = sg.compile(result, wrt=list(inputs.values()))
    loss, gradients = model.value_and_grad({}, **{name: data[name] for name in inputs})
    np.testing.assert_allclose(loss, fn(**arguments), rtol=1e-9)
    rng = np.random.default_rng(4)
    for name, value in arguments.items():
        if name in use.static:
            continue
        parts = value if isinstance(value, list) else [value]
        # a link that is not there stays away: with it the script would take another branch
        directions = [rng.uniform(-1, 1, part.shape) * (part != 0) for part in parts]

        def along(t: float) -> Any:
            moved = [p + t * d for p, d in zip(parts, directions, strict=True)]  # noqa: B023
            return fn(**arguments | {name: moved if isinstance(value, list) else moved[0]})  # noqa: B023

        want, error = central_difference(along, first_step=2.0**-8)
        found = sum(
            np.vdot(gradients[key], d)
            for key, d in zip(
                [f"{name}_{i}" for i in range(len(parts))] if isinstance(value, list) else [name],
                directions,
                strict=True,
            )
            if key in gradients
        )
        np.testing.assert_allclose(found, want, rtol=1e-6, atol=1e-8 + 10 * float(error))


def test_the_scripts_know_nothing_of_symgrad() -> None:
    files = sorted(FOLDER.glob("*.py"))
    assert len(files) >= 9
    for file in files:
        text = file.read_text()
        assert "symgrad" not in text
        assert len(text.splitlines()) > 75
