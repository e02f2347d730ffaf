"""A user's file, and the command line run in this process."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from symgrad.cli import main

NET = """\
import symgrad as sg
from side import WIDTH

x = sg.input("x", ("B", 4))
t = sg.input("t", ("B",))
w = sg.param("w", (WIDTH,), init=sg.init.normal())
y = sg.tanh(x @ w)
loss = ((y - t) ** 2).mean()
model = sg.compile(loss, outputs=y, optimizer=sg.optim.SGD(0.1), style="readable")
rows = sg.function([x], sg.tanh(x), name="rows")
number = 3

print("declared")


def build():
    return model


def needs(width):
    return model


def broken():
    return x @ sg.input("q", (3, 2))
"""


class Ran(NamedTuple):
    """What a command gave."""

    status: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Path]:
    """A file that declares a model, in a folder of its own, with a module beside it."""
    (tmp_path / "side.py").write_text("WIDTH = 4\n")
    path = tmp_path / "net.py"
    path.write_text(NET)
    before = list(sys.path), dict(sys.modules)
    yield path
    sys.path[:] = before[0]
    for name in set(sys.modules) & {"net", "side"}:
        del sys.modules[name]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run ``symgrad`` with these arguments."""

    def run(*arguments: object) -> Ran:
        status = main([str(a) for a in arguments])
        return Ran(status, *capsys.readouterr())

    return run
