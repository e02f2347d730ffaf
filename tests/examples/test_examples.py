"""The examples run, and reach what they promise."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.examples.documents import ROOT

EXAMPLES = ROOT / "examples"
Array = np.ndarray[Any, Any]


def imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_short_and_says_how_to_run_it() -> None:
    for path in EXAMPLES.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert f"python examples/{path.name}" in text
        assert len(text.splitlines()) < 100


def test_digits_reach_95_percent_in_three_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    assert imported(EXAMPLES / "digits.py").main(epochs=3) > 0.95
    assert "epoch   3   held-out accuracy" in capsys.readouterr().out


def test_digits_is_the_model_of_the_demo(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    example = imported(EXAMPLES / "digits.py")
    copied = tmp_path / "classifier.py"  # as the demo does: the package's own files are not users'
    copied.write_bytes((ROOT / "symgrad" / "cli" / "classifier.py").read_bytes())
    assert imported(copied).model.source == example.model.source


def test_scipy_fit_finds_the_parameters_in_spite_of_outliers() -> None:
    example = imported(EXAMPLES / "scipy_fit.py")
    found = example.main(count=2000)
    assert found.success
    np.testing.assert_allclose(found.x, example.TRUE, atol=0.03)


def test_scipy_fit_has_the_right_curvature() -> None:
    example = imported(EXAMPLES / "scipy_fit.py")
    times, values = example.measure(50)
    theta, direction = example.START, np.array([1.0, -2.0, 0.5, 3.0])
    step = 1e-5

    def gradient(at: np.ndarray) -> np.ndarray:
        return example.value_and_gradient(at, times, values)[1]

    plus, minus = gradient(theta + step * direction), gradient(theta - step * direction)
    product = example.curvature(theta, direction, times, values)
    np.testing.assert_allclose(product, (plus - minus) / (2 * step), rtol=1e-6)


def test_ship_it_trains_in_the_saved_file_alone(tmp_path: Path) -> None:
    example = imported(EXAMPLES / "ship_it.py")
    start = example.main(tmp_path, steps=0)
    assert example.main(tmp_path, steps=500) < start / 20
    imports = {
        line
        for line in (tmp_path / "regression.py").read_text().splitlines()
        if line.startswith(("import ", "from "))
    }
    assert imports <= {"import numpy as np", "import threading", "import base64"}
    with np.load(tmp_path / "regression.npz", allow_pickle=False) as stored:
        example.model.check_params(dict(stored))


def test_ship_it_raises_a_shape_error_without_symgrad(tmp_path: Path) -> None:
    example = imported(EXAMPLES / "ship_it.py")
    net = example.receive(example.model.save(tmp_path / "net.py"))
    with pytest.raises(ValueError, match=r"x: expected shape \(B, 1\)") as caught:
        net.predict(net.init(0), np.zeros((3, 2)))
    assert not isinstance(caught.value, sg.SymgradError)


def test_discrete_latent_finds_the_digits_without_labels(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("sklearn")
    found = imported(EXAMPLES / "discrete_latent.py").main(epochs=8)
    assert set(found) == {"Gumbel-softmax", "score function"}
    assert min(found.values()) > 0.6  # of ten digits
    assert capsys.readouterr().out.count("purity") == 2
