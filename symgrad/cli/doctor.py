"""``symgrad doctor``: is NumPy as fast here as it can be, and is everything there?"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sysconfig
from importlib.metadata import PackageNotFoundError, version

import symgrad as sg
from symgrad.cli import blas

__all__ = ["run"]

REQUIRED = ("numpy", "sympy", "networkx", "graphviz-pure", "rich")
OPTIONAL = ("scipy", "scikit-learn", "threadpoolctl")


def run() -> int:
    """Print the examination; 1 if something that symgrad needs is missing or does not run."""
    print(f"symgrad {sg.__version__}, Python {platform.python_version()}, {platform.platform()}")
    _speed()
    print("\nDependencies")
    missing = _versions()
    picture = _picture()
    _line("picture", picture)
    if missing:
        print(f"\nMissing: {', '.join(missing)}. pip install {' '.join(missing)}")
    return 1 if missing or picture != "drawn" else 0


def _speed() -> None:
    found = blas.inspect()
    name, features = blas.cpu()
    cpus = blas.available_cpus()
    print("\nProcessor")
    _line("name", name)
    _line("instructions", " ".join(features) or "unknown")
    _line("CPUs", f"{cpus} for this process, {os.cpu_count()} in all")
    print("\nBLAS")
    _line("library", f"{found.name} {found.version}")
    _line("path", found.path or "unknown")
    if found.config:
        _line("config", found.config)
    _line("kernel", found.core or "unknown")
    _line("threads", "unknown" if found.threads is None else str(found.threads))
    print("\nSettings")
    for setting, effect in blas.SETTINGS.items():
        value = os.environ.get(setting)
        shown = f"{value}  ({effect})" if value else "not set"
        _line(setting, shown, 24)
    print("\nMatrix product, 768 x 768")
    forced = [setting for setting in blas.FORCED if os.environ.get(setting)]
    _rates("as it is set" if forced else "measured", dict(os.environ))
    if forced:
        free = {k: v for k, v in os.environ.items() if k not in forced}
        _rates(f"without {' and '.join(forced)}", free)
    print("\nAdvice")
    found_advice = blas.advice(found, features, cpus, os.environ)
    for text in found_advice:
        print(f"  - {text}")
    if not found_advice:
        print("  none: nothing in the settings slows NumPy down")


def _rates(label: str, environment: dict[str, str]) -> None:
    try:
        rates = blas.gemm(environment)
    except (subprocess.SubprocessError, ValueError) as error:
        _line(label, f"could not be measured: {error}")
        return
    shown = ", ".join(f"{dtype} {rate:.0f} GFLOP/s" for dtype, rate in rates.items())
    _line(label, shown)


def _versions() -> list[str]:
    """Print the version of each package; the required ones that are missing."""
    missing = []
    for package in (*REQUIRED, *OPTIONAL):
        try:
            _line(package, version(package))
        except PackageNotFoundError:
            if package in REQUIRED:
                missing.append(package)
            _line(package, "missing" if package in REQUIRED else "not installed (optional)")
    return missing


def _picture() -> str:
    """Draw a small graph by the way that every picture takes."""
    program = shutil.which("graphviz-pure", path=sysconfig.get_path("scripts"))
    _line("renderer", program or shutil.which("dot") or "none found")
    x = sg.input("x", ())
    try:
        drawn = sg.function([x], sg.exp(x)).graph.svg()
    except Exception as error:  # whatever it is, it belongs into the examination
        return f"failed: {type(error).__name__}: {error}"
    return "drawn" if "<svg" in drawn else "failed: the renderer gave no SVG"


def _line(label: str, value: str, width: int = 16) -> None:
    print(f"  {label.ljust(width)} {value}")
