"""Imports run strictly downward, no file is a drawer, and none is too long to read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "symgrad"

# The layers of the compiler, each with those that it stands on. What those may import, it may too.
COMPILER = {
    "errors": set(),
    "options": {"errors"},  # checks of numbers and flags, for all that take options
    "ir": {"errors", "options"},
    "symbolic": {"ir"},
    "ops": {"ir", "symbolic"},
    "autodiff": {"ops"},
    "rewrite": {"ops"},
    "loops": {"autodiff"},
    "plan": {"ops"},
    "emit": {"plan"},
    "viz": {"plan"},
    "model": {"autodiff", "rewrite", "loops", "emit", "viz", "compile"},
    "compile": {"autodiff", "rewrite", "loops", "emit", "viz", "model"},  # the list of passes
    "numpy": {"model"},  # the vocabulary as a module
    "special": {"model"},
}
LIBRARY = {"nn", "losses", "init", "optim", "train"}
# What stands above the compiler sees of it; "symgrad" is a name taken from the package itself.
SURFACE = {"symgrad", "options", "model", "compile", "numpy", "special"} | LIBRARY
EVERYTHING = {"__init__", "__main__"}  # these see every layer
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc"}
LONGEST = 500


def below(layer: str) -> set[str]:
    """All layers that one of the compiler's layers may import, its own included."""
    seen, todo = {layer}, [layer]
    while todo:
        new = COMPILER[todo.pop()] - seen
        seen |= new
        todo += new
    return seen


ALLOWED = (
    {layer: below(layer) for layer in COMPILER}
    | {layer: SURFACE for layer in LIBRARY}
    | {"cli": SURFACE | {"cli"}}
)


def imported(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the line and the dotted path of each import, at whatever depth it stands.

    ``from a import b`` gives ``a.b``, whether b is a module or a name in a.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield node.lineno, tuple(alias.name.split("."))
            case ast.ImportFrom(module=module, names=names, level=level):
                base = package[: len(package) - level + 1] if level else ()
                base += tuple(module.split(".")) if module else ()
                for alias in names:
                    yield node.lineno, (*base, alias.name)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                dots = len(name) - len(name.lstrip("."))
                base = package[: len(package) - dots + 1] if dots else ()
                yield node.lineno, base + tuple(name[dots:].split("."))


def violations(root: Path) -> list[str]:
    """Return each import under ``root`` (a folder named symgrad) that the table does not allow."""
    layers = {p.stem for p in root.glob("*.py")} | {p.name for p in root.iterdir() if p.is_dir()}
    found = []
    for path in sorted(root.rglob("*.py")):
        module = path.relative_to(root.parent).with_suffix("").parts
        layer = module[1]
        if layer in EVERYTHING:
            continue
        where = path.relative_to(root.parent).as_posix()
        if layer not in ALLOWED:
            found.append(f"{where}: {layer} has no place in the layer table")
            continue
        for line, target in imported(ast.parse(path.read_text("utf-8")), module[:-1]):
            if target[0] != "symgrad":
                continue
            inside = len(target) > 1 and target[1] in layers | set(ALLOWED)
            goal = target[1] if inside else "symgrad"
            if goal not in ALLOWED[layer]:
                found.append(f"{where}:{line}: {layer} may not import {goal}")
    return found


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_imports_run_downward() -> None:
    assert modules()
    assert violations(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("ir/node.py", "from symgrad.ops import add", "ir may not import ops"),
        ("ir/node.py", "import symgrad.plan.order", "ir may not import plan"),
        ("ir/node.py", "from .. import ops", "ir may not import ops"),
        ("ir/node.py", "from symgrad import grad", "ir may not import symgrad"),
        ("errors.py", "from .ir import Node", "errors may not import ir"),
        ("symbolic/a.py", "def f():\n    from symgrad.ops import add", "may not import ops"),
        ("autodiff/a.py", "from symgrad.rewrite import rule", "may not import rewrite"),
        ("rewrite/a.py", "import symgrad.autodiff", "may not import autodiff"),
        ("plan/a.py", "from ..autodiff import vjp", "may not import autodiff"),
        ("emit/deep/a.py", "from ...viz import dot", "emit may not import viz"),
        ("viz/a.py", "if TYPE_CHECKING:\n    from symgrad.model import Model", "import model"),
        ("ops/a.py", "import_module('symgrad.rewrite')", "may not import rewrite"),
        ("ops/a.py", "importlib.import_module('..plan', __package__)", "may not import plan"),
        ("compile.py", "from symgrad.nn import dense", "may not import nn"),
        ("nn/a.py", "from symgrad.ops import add", "nn may not import ops"),
        ("nn/a.py", "from symgrad import ir", "nn may not import ir"),
        ("losses.py", "from symgrad.errors import ShapeError", "may not import errors"),
        ("train/a.py", "from symgrad.cli import main", "train may not import cli"),
        ("cli/a.py", "from symgrad.viz import dot", "cli may not import viz"),
        ("stray.py", "", "stray has no place"),
    ],
)
def test_an_upward_import_is_found(tmp_path: Path, file: str, source: str, complaint: str) -> None:
    path = tmp_path / "symgrad" / file
    path.parent.mkdir(parents=True)
    path.write_text(source)
    (found,) = violations(tmp_path / "symgrad")
    assert complaint in found


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("errors.py", "import numpy"),
        ("ir/node.py", "from . import aval\nfrom .aval import Aval\nfrom symgrad.errors import E"),
        ("ops/a.py", "from symgrad import symbolic\nfrom ..ir.node import Node"),
        ("plan/a.py", "from symgrad.ops import add\nfrom symgrad.ir import Node"),
        ("emit/a.py", "import symgrad.plan\nfrom symgrad.ops import add"),
        ("model/a.py", "from symgrad.compile import passes\nfrom symgrad import autodiff, viz"),
        ("compile.py", "from .rewrite import simplify\nfrom .model import Model"),
        ("nn/a.py", "import symgrad as sg\nfrom symgrad import grad, init\nimport symgrad.model"),
        ("train/a.py", "from symgrad.optim import SGD\nfrom . import loop"),
        ("cli/a.py", "from symgrad import compile as build, train\nimport symgrad as sg"),
        ("__init__.py", "from .ir import Node\nfrom .nn import dense"),
        ("__main__.py", "from .cli import main"),
    ],
)
def test_a_downward_import_is_allowed(tmp_path: Path, file: str, source: str) -> None:
    path = tmp_path / "symgrad" / file
    path.parent.mkdir(parents=True)
    path.write_text(source)
    assert violations(tmp_path / "symgrad") == []


def test_no_module_is_a_drawer() -> None:
    drawers = [
        path.relative_to(ROOT).as_posix()
        for folder in (PACKAGE, ROOT / "tests")
        for path in folder.rglob("*.py")
        if DRAWERS & {part.strip("_") for part in path.relative_to(ROOT).with_suffix("").parts}
    ]
    assert drawers == []


def test_no_module_is_too_long() -> None:
    lengths = {p.relative_to(ROOT).as_posix(): len(p.read_text().splitlines()) for p in modules()}
    assert {name: n for name, n in lengths.items() if n > LONGEST} == {}
