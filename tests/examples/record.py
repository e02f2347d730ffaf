"""Run the examples in full, and put what they print into docs/examples.md.

    python -m tests.examples.record [NAME ...]

In the document, the comment ``<!-- python examples/digits.py -->`` stands before the ``text``
block that holds what that command prints. Without names, all of them are run.
"""

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from tests.examples.documents import ROOT

DOCUMENT = ROOT / "docs" / "examples.md"
RECORD = re.compile(r"<!-- (python examples/(\w+)\.py[^>]*?) -->\n```text\n(.*?)^```$", re.M | re.S)


def recorded(document: str, names: set[str]) -> str:
    """The document with what the named examples print now; all of them if none is named."""

    def run(block: re.Match[str]) -> str:
        command, name, _ = block.groups()
        if names and name not in names:
            return block.group(0)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *shlex.split(command)[1:]],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        print(f"{name}: {time.perf_counter() - start:.0f} s\n{done.stdout}", flush=True)
        lines = "\n".join(line.rstrip() for line in done.stdout.rstrip().splitlines())
        return f"<!-- {command} -->\n```text\n{lines}\n```"

    return RECORD.sub(run, document)


def main(names: set[str], path: Path = DOCUMENT) -> None:
    """Renew the document."""
    known = {match.group(2) for match in RECORD.finditer(path.read_text(encoding="utf-8"))}
    if unknown := names - known:
        raise SystemExit(f"no example in {path.name}: {', '.join(sorted(unknown))}")
    text = recorded(path.read_text(encoding="utf-8"), names)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(set(sys.argv[1:]))
