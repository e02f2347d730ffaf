"""The wheel holds the package and works outside the checkout; importing symgrad is cheap."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LATE = ("sympy", "networkx", "rich", "scipy", "argparse")  # imported when first needed


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    """Run a command and give its standard output; what it says on failure is shown."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=inherited | env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def pip(*arguments: str | Path, cwd: Path) -> None:
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this checkout."""
    out = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", out, ROOT, cwd=out)
    (built,) = out.glob("symgrad-*.whl")
    return built


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel in a folder of its own, which precedes the checkout on PYTHONPATH."""
    folder = tmp_path_factory.mktemp("site")
    pip("install", "--no-deps", "--no-index", "--target", folder, wheel, cwd=folder)
    return folder


@pytest.mark.slow
def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    source = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "symgrad").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "symgrad/py.typed" in names
    assert names == source


@pytest.mark.slow
def test_installed_wheel_compiles_a_gradient(site: Path, tmp_path: Path) -> None:
    script = """
import json, symgrad as sg
from importlib.metadata import version
x = sg.input("x", ("B",))
gradient = sg.function([x], sg.grad((x * x * x).sum(), x))
print(json.dumps([sg.__file__, version("symgrad"), gradient([1.0, -2.0, 3.0]).tolist()]))
"""
    file, version, gradient = json.loads(
        run(sys.executable, "-c", script, cwd=tmp_path, PYTHONPATH=str(site))
    )
    assert Path(file).is_relative_to(site)
    assert version == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert gradient == [3.0, 12.0, 27.0]


@pytest.mark.slow
@pytest.mark.parametrize("door", ["script", "module"])
def test_installed_command_line(site: Path, tmp_path: Path, door: str) -> None:
    command = [site / "bin" / "symgrad"] if door == "script" else [sys.executable, "-m", "symgrad"]
    shown = run(*command, "--help", cwd=tmp_path, PYTHONPATH=str(site))
    assert "usage: symgrad" in shown
    assert "demo" in shown


def test_import_leaves_the_heavy_libraries_alone(tmp_path: Path) -> None:
    script = "import sys, json, symgrad; print(json.dumps(sorted(sys.modules)))"
    imported = json.loads(run(sys.executable, "-c", script, cwd=tmp_path, PYTHONPATH=str(ROOT)))
    assert "symgrad" in imported
    assert not set(LATE) & set(imported)


@pytest.mark.slow
def test_import_costs_little_more_than_numpy(tmp_path: Path) -> None:
    def seconds(module: str) -> float:
        script = f"from time import perf_counter as t; s = t(); import {module}; print(t() - s)"
        return float(run(sys.executable, "-c", script, cwd=tmp_path, PYTHONPATH=str(ROOT)))

    # Interleaved, so that a busy spell hits both; the minimum, since noise only ever adds.
    rounds = [(seconds("numpy"), seconds("symgrad")) for _ in range(12)]
    numpy, symgrad = map(min, zip(*rounds, strict=True))
    assert symgrad < 1.3 * numpy
