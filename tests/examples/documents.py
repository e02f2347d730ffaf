"""Run the code blocks of a Markdown document, and compare what they print with what it shows.

In a document,

- a ``python`` block is run, in one namespace with those before it; one whose first line is a
  comment with a file name (``# net.py``) is saved under that name first;
- a ``console`` block holds lines ``$ symgrad ...``, which are run, each followed by its output;
- a ``text`` block right after a ``python`` block is what that block prints.

``python -m tests.examples.documents`` puts what is printed now into every document.
"""

import contextlib
import io
import linecache
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from symgrad.cli import main

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (\w+\.py)\n")
COMMAND = re.compile(r"^\$ (.*)$", re.MULTILINE)


def renewed(document: str) -> str:
    """The document with the output that its blocks give now."""
    parts: list[str] = []
    end = 0
    printed: str | None = None  # by the block before, if it was Python
    with _workplace():
        namespace: dict[str, object] = {"__name__": "__document__"}
        for number, block in enumerate(BLOCK.finditer(document)):
            between = document[end : block.start()]
            parts.append(between)
            end = block.end()
            language, text = block.groups()
            if language == "text" and printed is not None and not between.strip():
                text, printed = printed, None
            elif language == "python":
                printed = _python(text, number, namespace)
            elif language == "console":
                text, printed = _console(text), None
            else:
                printed = None
            parts.append(f"```{language}\n{text}```")
    return "".join([*parts, document[end:]])


@contextlib.contextmanager
def _workplace() -> Iterator[None]:
    """A folder of its own, on the path as that of a script is, with no trace left."""
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        mock.patch.object(sys, "path", [folder, *sys.path]),
        mock.patch.dict(os.environ, COLUMNS="80"),
    ):
        before = set(sys.modules)
        linecache.clearcache()  # another document's block may have had the same name
        yield
        for name in set(sys.modules) - before:  # only its own: a library stays loaded
            if str(getattr(sys.modules[name], "__file__", "")).startswith(os.path.realpath(folder)):
                del sys.modules[name]


def _python(text: str, number: int, namespace: dict[str, object]) -> str:
    named = NAMED.match(text)
    file = named.group(1) if named else f"block_{number}.py"
    Path(file).write_text(text, encoding="utf-8")  # names of variables are read from the file
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(text, file, "exec"), namespace)
    return out.getvalue()


def _console(text: str) -> str:
    shown = []
    for command in COMMAND.findall(text):
        program, *arguments = shlex.split(command)
        assert program == "symgrad", f"a console block runs symgrad; it has {command!r}"
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = main(arguments)
        assert status == 0, f"{command!r} exits with {status}"
        shown.append(f"$ {command}\n{out.getvalue()}")
    return "".join(shown)


if __name__ == "__main__":
    for path in DOCUMENTS:
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
        print(path.relative_to(ROOT))
