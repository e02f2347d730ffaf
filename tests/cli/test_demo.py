"""The demo: a short run to its end, and its honesty when it fails."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from symgrad.cli import demo
from symgrad.cli.errors import CommandError
from symgrad.cli.fresh import outputs_in_a_fresh_interpreter
from tests.cli.conftest import Command

Finished = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The demo as `make demo` runs it, with fewer epochs, in a process of its own."""
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "symgrad", "demo", "--epochs", "12"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return folder / "demo", done


@pytest.mark.slow
def test_it_reaches_its_accuracy_and_ships_the_same_numbers(
    finished: Finished,
) -> None:
    _, done = finished
    assert (done.returncode, done.stderr) == (0, "")
    assert "def step(params, opt_state, x, y):" in done.stdout
    assert "the same to the last bit" in done.stdout
    assert "\x1b" not in done.stdout  # no colours, no bar: it is no terminal


@pytest.mark.slow
def test_what_it_writes(finished: Finished) -> None:
    folder, _ = finished
    assert {p.name for p in folder.iterdir() if p.is_file()} == {
        "classifier.py", "net.py", "net.npz", "flow.svg", "report.md",
    }  # fmt: skip
    report = (folder / "report.md").read_text("utf-8")
    for part in ("def step(", "$$", "flow.svg", "Held-out accuracy", "| epoch |", "stabilise"):
        assert part in report
    assert "<svg" in (folder / "flow.svg").read_text("utf-8")
    with np.load(folder / "net.npz", allow_pickle=False) as stored:
        assert stored["hidden.W"].shape == (64, 128)


@pytest.mark.slow
def test_the_shipped_file_reaches_the_accuracy_by_itself(
    finished: Finished,
) -> None:
    folder, done = finished
    data = demo.digits()
    p = outputs_in_a_fresh_interpreter(folder / "net.py", folder / "net.npz", {"x": data.x_test})
    accuracy = (p.argmax(axis=1) == data.y_test).mean()
    assert accuracy >= demo.WANTED
    assert f"held-out accuracy {accuracy:.2%}" in done.stdout


@pytest.mark.slow
def test_too_low_an_accuracy_is_a_failure(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    ran = command("demo", "--out", tmp_path / "demo", "--epochs", "1")
    assert ran.status == 1
    assert "is below 97%" in ran.out


def test_without_scikit_learn_it_says_so(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    ran = command("demo", "--out", tmp_path / "demo")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.endswith("pip install scikit-learn\n")
    assert not (tmp_path / "demo").exists()


def test_the_digits_are_split_without_overlap() -> None:
    pytest.importorskip("sklearn")
    data = demo.digits()
    assert (len(data.x), len(data.x_test)) == (1437, 360)
    assert data.x.min() == 0 and data.x.max() == 1
    train = {row.tobytes() for row in data.x}
    assert not any(row.tobytes() in train for row in data.x_test)


@pytest.mark.parametrize("package", ["symgrad", "sympy", "sklearn", "rich"])
def test_a_shipped_file_that_needs_more_than_numpy_is_caught(tmp_path: Path, package: str) -> None:
    net, params = tmp_path / "net.py", tmp_path / "net.npz"
    np.savez(params, w=np.ones(2))
    net.write_text(f"import {package}\n\ndef predict(params, x):\n    return x\n")
    with pytest.raises(CommandError, match=f"ModuleNotFoundError: {package} is not NumPy"):
        outputs_in_a_fresh_interpreter(net, params, {"x": np.ones(3)})


def test_the_fresh_interpreter_gives_what_the_module_gives(tmp_path: Path) -> None:
    net, params = tmp_path / "net.py", tmp_path / "net.npz"
    np.savez(params, **{"a.w": np.arange(3.0)})
    net.write_text("def predict(params, x):\n    return params['a.w'] * x\n")
    found = outputs_in_a_fresh_interpreter(net, params, {"x": np.array([2.0, 3.0, 5.0])})
    np.testing.assert_array_equal(found, [0.0, 3.0, 10.0])
