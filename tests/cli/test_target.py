"""FILE:NAME: what it finds, and one clear message where it does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from symgrad.cli.errors import CommandError
from symgrad.cli.target import declared, load
from tests.cli.conftest import Command


@pytest.mark.parametrize("name", ["loss", "model", "rows", "build", "y"])
def test_what_a_name_may_be(net: Path, name: str) -> None:
    module = load(net)
    found = declared(f"{net}:{name}")
    expected = "Model" if name == "build" else type(getattr(module, name)).__name__
    assert type(found).__name__ == expected


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("{net}", "expected FILE:NAME, such as net.py:loss; got"),
        ("{net}:", "expected FILE:NAME"),
        (":loss", "expected FILE:NAME"),
        ("{net}x:loss", "no such file"),
        ("{folder}:loss", "no such file"),
        ("{net}:lss", "net.py has no 'lss'; it has x, t, w, y, loss, model, rows"),
        ("{net}:number", "'number' in {net} is of type int; expected an expression, a compiled"),
        ("{net}:WIDTH", "of type int"),
        ("{net}:needs", "missing a required argument: 'width'"),
    ],
)
def test_what_is_not_there_gives_one_message(
    command: Command, net: Path, target: str, message: str
) -> None:
    places = {"net": net, "folder": net.parent}
    ran = command("show", target.format(**places))
    assert (ran.status, ran.out) == (2, "")
    assert f"symgrad: {message.format(**places)}"[9:] in ran.err
    assert "symgrad: " in ran.err
    assert "Traceback (most recent" not in ran.err


def test_an_exception_shows_the_users_lines_only(command: Command, net: Path) -> None:
    ran = command("show", f"{net}:broken")
    assert ran.status == 2
    assert "ShapeError" in ran.err
    assert f'File "{net}", line 25, in broken' in ran.err
    assert ran.err.count('File "') == 1  # none of symgrad's own
    assert "return x @" in ran.err


def test_an_exception_while_the_file_runs(command: Command, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("def divide():\n    return 1 / 0\n")
    file = tmp_path / "bad.py"
    file.write_text("import beside\n\nbeside.divide()\n")
    ran = command("check", f"{file}:loss")
    assert ran.status == 2
    assert "bad.py raised" in ran.err
    assert 'bad.py", line 3' in ran.err
    assert 'beside.py", line 2, in divide' in ran.err
    assert ran.err.endswith("ZeroDivisionError: division by zero\n")
    assert ran.err.count('File "') == 2


def test_a_syntax_error(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text("x = (\n")
    ran = command("show", f"{file}:x")
    assert ran.status == 2
    assert 'bad.py", line 1' in ran.err
    assert "SyntaxError" in ran.err


def test_a_file_that_exits(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "exits.py"
    file.write_text("import sys\nsys.exit('no licence')\n")
    ran = command("show", f"{file}:x")
    assert ran.status == 2
    assert "exited with 'no licence'" in ran.err


def test_a_file_named_like_a_library_does_not_replace_it(tmp_path: Path) -> None:
    numpy = sys.modules["numpy"]
    file = tmp_path / "numpy.py"
    file.write_text("import symgrad as sg\nx = sg.input('x', ())\n")
    path = list(sys.path)
    try:
        assert declared(f"{file}:x").name == "x"
    finally:
        sys.path[:] = path
    assert sys.modules["numpy"] is numpy


def test_a_file_that_is_not_python(tmp_path: Path) -> None:
    file = tmp_path / "net.txt"
    file.write_text("x")
    with pytest.raises(CommandError, match="not a Python file"):
        declared(f"{file}:x")


@pytest.mark.skipif(os.name != "posix", reason="pipes of a shell")
def test_a_closed_pipe_ends_quietly(net: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "symgrad", "show", f"{net}:model"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == "declared\n"
    process.stderr.close()
    assert process.wait(60) == 141


def test_a_terminal_without_unicode_gets_escapes(tmp_path: Path) -> None:
    file = tmp_path / "greek.py"
    file.write_text("import symgrad as sg\nx = sg.input('x', ())\nf = sg.name(sg.exp(x), 'λ')\n")
    done = subprocess.run(
        [sys.executable, "-m", "symgrad", "show", f"{file}:f"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\u03bb = exp(x)" in done.stdout
