"""What is printed: coloured and animated on a terminal, plain text elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["heading", "progress", "source", "table"]


def _terminal() -> bool:
    return sys.stdout.isatty()


def source(text: str, language: str = "python") -> None:
    """Print source, with its syntax highlighted on a terminal."""
    if not _terminal():
        print(text.rstrip("\n"))
        return
    from rich.console import Console
    from rich.syntax import Syntax

    Console().print(
        Syntax(text.rstrip("\n"), language, theme="ansi_dark", background_color="default")
    )


def heading(text: str) -> None:
    """Print the title of a part."""
    if not _terminal():
        print(f"\n{text}\n{'-' * len(text)}")
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.print()
    console.rule(f"[bold]{text}", align="left")


def progress(values: Iterable[Any], total: int, label: str) -> Iterator[Any]:
    """Go through values behind a progress bar, which is shown on a terminal only.

    Examples
    --------
    >>> from symgrad.cli.console import progress
    >>> list(progress("ab", 2, "letters"))
    ['a', 'b']
    """
    if not _terminal():
        yield from values
        return
    from rich.progress import track

    yield from track(values, label, total=total, transient=True)


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown, aligned so that it reads as plain text too.

    Examples
    --------
    >>> from symgrad.cli.console import table
    >>> print(table(("epoch", "loss"), [("1", "0.52")]))
    | epoch | loss |
    | ----- | ---- |
    | 1     | 0.52 |
    """
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    made = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    rule = "| " + " | ".join("-" * w for w in widths) + " |"
    return "\n".join([made[0], rule, *made[1:]])
