"""The commands on FILE:NAME: show, compile, graph, summary, check."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import symgrad as sg
from symgrad.cli import console
from symgrad.cli.errors import CommandError
from symgrad.cli.target import Compiled, compiled, declared

__all__ = ["COMMANDS"]

PICTURES = (".svg", ".png", ".pdf", ".dot")


def show(options: argparse.Namespace) -> int:
    """Print the source, or the parts that are asked for instead."""
    found = compiled(options.target, options.style)
    if options.entry is not None:
        console.source(entry(found, options.entry))
    if options.graph:
        console.source(found.graph.dot(), "dot")
    if options.latex:
        print(found.latex())
    if options.report:
        print(found.report())
    if not (options.entry or options.graph or options.latex or options.report):
        console.source(found.source)
    return 0


def entry(found: Compiled, name: str) -> str:
    """The source of one entry."""
    entries = {one.name: one.text for one in found.entries}
    if name not in entries:
        hint = (
            "; step needs optimizer= where the model is compiled"
            if name in ("step", "init_optimizer") and isinstance(found, sg.Model)
            else ""
        )
        raise CommandError(f"no entry {name!r}; there is {', '.join(entries)}{hint}")
    return entries[name]


def build(options: argparse.Namespace) -> int:
    """Write the source as a module."""
    output = _writable(options.output)
    if output.suffix != ".py":
        raise CommandError(f"a module ends in .py; got {options.output}")
    print(compiled(options.target, options.style).save(output))
    return 0


def graph(options: argparse.Namespace) -> int:
    """Draw the graph."""
    output = _writable(options.output)
    if output.suffix not in PICTURES:
        raise CommandError(f"a picture ends in {', '.join(PICTURES)}; got {options.output}")
    compiled(options.target).graph.render(output)
    print(output)
    return 0


def summary(options: argparse.Namespace) -> int:
    """Print the table of layers."""
    found = compiled(options.target)
    if not isinstance(found, sg.Model):
        raise CommandError("a summary is of a model: of a loss of shape () with parameters")
    print(found.summary(**dict(options.sizes)))
    return 0


def _writable(path: str) -> Path:
    """Refuse a folder that does not exist before any work is done."""
    output = Path(path)
    if not output.parent.is_dir():
        raise CommandError(f"no such folder: {output.parent}")
    return output


def check(options: argparse.Namespace) -> int:
    """Compare gradients with finite differences; 1 if they disagree."""
    found = declared(options.target)
    if isinstance(found, sg.Function):
        raise CommandError("check takes a model or an expression; a Function holds neither")
    if isinstance(found, sg.Expr) and found.shape != ():
        # Weights, since a plain sum can hide errors: that of a softmax is constant.
        found = (found * sg.input("weights", found.shape, found.dtype)).sum()
        print("not a scalar: its sum with random weights is checked")
    try:
        report = sg.check_gradients(found, order=options.order, seed=options.seed)
    except sg.GradientMismatch as mismatch:
        print(mismatch)
        return 1
    print(report)
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "show": show,
    "compile": build,
    "graph": graph,
    "summary": summary,
    "check": check,
}
