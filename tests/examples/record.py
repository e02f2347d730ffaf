"""Run the examples in full, and put what they print into the documents.

    python -m tests.examples.record [NAME ...]

In docs/examples.md and docs/experiments.md, the comment ``<!-- python examples/digits.py -->``
stands before the ``text`` block that holds what that command prints. Without names, all are run.
"""

import re
import shlex
import subprocess
import sys
import time

from tests.examples.documents import ROOT

DOCUMENTS = [ROOT / "docs" / "examples.md", ROOT / "docs" / "experiments.md"]
PICTURES = ROOT / "docs" / "pictures"
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


def main(names: set[str]) -> None:
    """Renew the documents, after each example."""
    texts = {path: path.read_text(encoding="utf-8") for path in DOCUMENTS}
    known = {match.group(2): path for path in texts for match in RECORD.finditer(texts[path])}
    if unknown := names - set(known):
        raise SystemExit(f"no such example: {', '.join(sorted(unknown))}")
    PICTURES.mkdir(exist_ok=True)
    for name, path in known.items():
        if not names or name in names:
            text = path.read_text(encoding="utf-8")
            path.write_text(recorded(text, {name}), encoding="utf-8")


if __name__ == "__main__":
    main(set(sys.argv[1:]))
