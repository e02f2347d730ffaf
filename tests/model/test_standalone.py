"""The saved file: NumPy and nothing else, the same bytes, clean, the same on every run."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.golden.models import MODELS, STYLES

#: runs a saved file where only the standard library and NumPy can be imported
ALONE = """
import importlib.util, pickle, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top != "numpy":
            raise ImportError(f"{name} is not available here")

sys.meta_path.insert(0, Blocker())
net, data, out = sys.argv[1:]
spec = importlib.util.spec_from_file_location("net", net)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert not any(name.partition(".")[0] in ("symgrad", "sympy") for name in sys.modules)
with open(data, "rb") as file:
    calls = pickle.load(file)
import numpy as np
with open(out, "wb") as file:
    pickle.dump(eval(calls["code"], {"net": module, "np": np, **calls}), file)
"""

TRAIN = """
(lambda p, s: {
    "init": net.init(3),
    "predict": net.predict(p, **seen),
    "evaluate": net.evaluate(p, **data),
    "both": net.value_and_grad(p, **data, **rng()),
    "halves": (lambda out: (out[0], net.backward(out[1], 2.0)))(net.forward(p, **data, **rng())),
    "steps": [net.step(p, s, **data, **rng()) for _ in range(4)] if s is not None else [],
    "params": p, "opt_state": s,
})(net.init(3), net.init_optimizer(net.init(3)) if trained else None)
"""


class _Here:
    """The entries of a model, called as those of its file are."""

    def __init__(self, model: sg.Model) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def data_of(name: str) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    width = {
        "classifier": 64,
        "perceptron": 16,
        "normalisation": 16,
        "autoencoder": 16,
        "dropout": 16,
    }
    data: dict[str, Any] = {"x": rng.normal(size=(6, width.get(name, 8)))}
    if name == "classifier":
        data["y"] = rng.integers(0, 10, size=6)
    elif name == "perceptron":
        data["t"] = rng.normal(size=(6, 2))
    elif name == "normalisation":
        data["t"] = rng.normal(size=(6, 16))
    elif name == "attention":
        data["x"] = rng.normal(size=(2, 5, 16))
    elif name == "lstm":
        data = {"x": rng.normal(size=(5, 2, 8)), "target": rng.normal(size=(5, 2, 16))}
    elif name == "gru":
        data = {"x": rng.normal(size=(5, 2, 8)), "present": rng.random((5, 2)) < 0.7}
    elif name == "embedding":
        data = {"ids": rng.integers(0, 100, size=(6, 3)), "t": rng.normal(size=6)}
    elif name not in ("autoencoder", "running_mean"):
        data["t"] = rng.normal(size=6)
    if name == "single_precision":
        data = {k: v.astype("float32") for k, v in data.items()}
    return data


def alone(path: Path, calls: dict[str, Any], tmp_path: Path) -> Any:
    (tmp_path / "data").write_bytes(pickle.dumps(calls))
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        ALONE,
        path,
        tmp_path / "data",
        tmp_path / "out",
    ]
    done = subprocess.run(
        [str(c) for c in command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return pickle.loads((tmp_path / "out").read_bytes())


def identical(found: Any, expected: Any, where: str = "") -> None:
    """Types, dtypes and bytes."""
    assert type(found) is type(expected), where
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key in expected:
            identical(found[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected), where
        for i, (one, other) in enumerate(zip(found, expected, strict=True)):
            identical(one, other, f"{where}.{i}")
    elif expected is not None:
        one, other = np.asarray(found), np.asarray(expected)
        assert (one.dtype, one.shape) == (other.dtype, other.shape), where
        assert one.tobytes() == other.tobytes(), where


FUNCTIONS = ("hessian_vector", "rosenbrock", "root")


@pytest.mark.parametrize("name", [n for n in MODELS if n not in FUNCTIONS])
def test_every_entry_of_the_file_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    style = STYLES[len(name) % 2]
    model = MODELS[name](style)
    assert isinstance(model, sg.Model)
    data = data_of(name)
    seen = {k: v for k, v in data.items() if k in ("x", "ids", "present")}
    calls = {
        "code": TRAIN.strip().replace(
            "**rng()", "**({'rng': np.random.default_rng(5)} if random else {})"
        ),
        "data": data,
        "seen": seen,
        "random": name == "dropout",
        "trained": "def step" in model.source,
    }
    found = alone(model.save(tmp_path / "net.py"), calls, tmp_path)
    expected = eval(str(calls["code"]), {"net": _Here(model), "np": np, **calls})
    identical(found, expected)


@pytest.mark.parametrize("style", STYLES)
def test_a_function_is_saved_too(style: str, tmp_path: Path) -> None:
    f = MODELS["hessian_vector"](style)
    args = (np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.0, 3.0]))
    found = alone(
        f.save(tmp_path / "net.py"), {"code": "net.polynomial(*args)", "args": args}, tmp_path
    )
    assert isinstance(f, sg.Function)
    identical(found, f(*args))
    g = MODELS["rosenbrock"](style)
    assert isinstance(g, sg.Function)
    calls = {"code": "net.rosenbrock(x)", "x": [1.0, 2.0, 3.0]}
    identical(alone(g.save(tmp_path / "g.py"), calls, tmp_path), g(calls["x"]))


def test_the_file_checks_its_data_with_errors_of_its_own(tmp_path: Path) -> None:
    model = MODELS["classifier"]("readable")
    path = model.save(tmp_path / "net.py")
    namespace: dict[str, Any] = {"__name__": "net"}
    exec(path.read_text(encoding="utf-8"), namespace)
    params, data = namespace["init"](0), data_of("classifier")
    with pytest.raises(ValueError, match=r"x: expected shape \(B, 64\)"):
        namespace["predict"](params, data["x"][:, :3])
    with pytest.raises(ValueError, match="y: expected 0 <= y < 10; got -1 at"):
        namespace["evaluate"](params, data["x"], data["y"] * 0 - 1)
    with pytest.raises(TypeError, match="y: expected int64; got float64"):
        namespace["evaluate"](params, data["x"], data["y"] * 1.5)
    assert namespace["ShapeError"] is not sg.ShapeError


def test_sources_are_clean(tmp_path: Path) -> None:
    for name, declare in MODELS.items():
        for style in STYLES:
            text = declare(style).source
            assert "\t" not in text and "\r" not in text
            assert text.endswith("\n") and not text.endswith("\n\n")
            for number, line in enumerate(text.splitlines(), 1):
                assert line == line.rstrip(), (name, style, number)
            (tmp_path / f"{name}_{style}.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,W,I",
         "--line-length", "100", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


#: declares things before, prints the sources of all models, then their hash
SOURCES = """
import sys
import symgrad as sg
if sys.argv[1] == "after":
    x, p = sg.input("x", ("B", 7)), sg.param("w", (7,))
    sg.compile((sg.exp(x @ p) * sg.const([1.0, 2.0]).sum()).mean(), outputs=x + 1).source
    h = sg.log(sg.exp(x).sum(axis=1)) - sg.random.normal((3,)).sum()
    sg.function([x], sg.grad(h.sum(), x))
from tests.golden.models import MODELS
names = list(MODELS)
if sys.argv[1] == "after":
    names.reverse()
made = {}
for name in names:
    for style in ("fast", "readable"):
        made[name, style] = MODELS[name](style).source
sys.stdout.buffer.write("".join(made[key] for key in sorted(made)).encode())
"""


def test_the_source_is_the_same_on_every_run() -> None:
    root = Path(__file__).parents[2]
    runs = []
    for seed, before in (("0", "first"), ("4242", "after")):
        runs.append(
            subprocess.Popen(
                [sys.executable, "-c", SOURCES, before],
                cwd=root,
                env={**os.environ, "PYTHONHASHSEED": seed},
                stdout=subprocess.PIPE,
            )
        )
    made = [run.communicate()[0] for run in runs]
    assert all(run.returncode == 0 for run in runs)
    assert len(made[0]) > 10_000
    assert made[0] == made[1]


def test_the_source_does_not_depend_on_which_entry_came_first() -> None:
    one, two = (MODELS["classifier"]("fast") for _ in range(2))
    data = data_of("classifier")
    assert isinstance(one, sg.Model)
    params = one.init()
    one.step(params, one.init_optimizer(params), **data)
    one.predict(params, x=data["x"])
    assert one.source == two.source
