"""The command line: ``symgrad`` and ``python -m symgrad``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import IO

import symgrad as sg
from symgrad.cli.errors import CommandError

__all__ = ["main"]

BROKEN_PIPE = 141  # what a shell reports of a program that a closed pipe has ended
INTERRUPTED = 130
TARGET = (
    "a Python file and the name in it of an expression, a compiled Function or Model, "
    "or a function without arguments that returns one"
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="symgrad",
        description="Compile mathematics over arrays to NumPy source, forward and backward.",
    )
    parser.add_argument("--version", action="version", version=f"symgrad {sg.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(
        name: str, help: str, description: str, target: bool = True
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=description)
        if target:
            made.add_argument("target", metavar="FILE:NAME", help=TARGET)
        made.set_defaults(command=name)
        return made

    demo = command(
        "demo",
        "train, print and draw an example model",
        "Declare a classifier of handwritten digits, check its gradients, print the training "
        "step that was generated, train it, and ship it as one file that needs only NumPy.",
        target=False,
    )
    demo.add_argument("--out", default="demo", metavar="FOLDER", help="where to write (demo)")
    demo.add_argument("--epochs", type=_count, default=30, metavar="N", help="of training (30)")
    demo.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random (0)")

    show = command(
        "show",
        "print the generated source",
        "Print the generated source; with --graph, --latex or --report, print those instead.",
    )
    _style(show)
    show.add_argument("--entry", metavar="NAME", help="one entry only, such as step")
    show.add_argument("--graph", action="store_true", help="the graph, in Graphviz's language")
    show.add_argument("--latex", action="store_true", help="each named value as an equation")
    show.add_argument("--report", action="store_true", help="what each pass did, rules, costs")

    build = command(
        "compile",
        "write the generated source to a file",
        "Write a module that needs NumPy and nothing else.",
    )
    build.add_argument("-o", "--output", required=True, metavar="NET.PY")
    _style(build)

    graph = command(
        "graph", "draw the graph", "Draw the graph, forward and backward: .svg, .png, .pdf or .dot."
    )
    graph.add_argument("-o", "--output", required=True, metavar="FLOW.SVG")

    check = command(
        "check",
        "compare gradients with finite differences",
        "Compare the derivatives with finite differences. Exit status 1 if they disagree.",
    )
    check.add_argument("--order", type=_count, default=2, help="highest derivative compared (2)")
    check.add_argument("--seed", type=int, default=0, help="of the point and the directions (0)")

    command(
        "doctor",
        "is NumPy as fast here as it can be?",
        "Tell which BLAS NumPy uses, which kernel it picked for this CPU, how fast it is, "
        "and what settings slow it down; check the other dependencies.",
        target=False,
    )
    return parser


def _style(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--style",
        choices=("readable", "fast"),
        help="of the source: as one would write it by hand, or as it runs (fast)",
    )


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0; got {text}")
    return value


def _run(options: argparse.Namespace) -> int:
    # each command imports what it needs: `symgrad --help` costs no compiler
    if options.command == "demo":
        from symgrad.cli import demo

        return demo.run(options.out, options.epochs, options.seed)
    if options.command == "doctor":
        from symgrad.cli import doctor

        return doctor.run()
    from symgrad.cli import commands

    return commands.COMMANDS[options.command](options)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and give its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process if None.

    Returns
    -------
    int
        0; 1 if a check has failed; 2 if the command could not run.

    Examples
    --------
    >>> from symgrad.cli import main
    >>> main(["show", "nowhere.py:loss"])
    2
    """
    _print_what_the_terminal_can()
    try:
        try:
            options = _parser().parse_args(argv)
        except SystemExit as exit:  # argparse has printed its message
            return int(exit.code or 0)
        status = _run(options)
        sys.stdout.flush()
    except (CommandError, sg.SymgradError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            _drop(sys.stdout)
            return BROKEN_PIPE
        with contextlib.suppress(BrokenPipeError):
            print(f"symgrad: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    return status


def _print_what_the_terminal_can() -> None:
    """Signs that the terminal's encoding lacks are shown escaped rather than as an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and stream.errors == "strict":
            reconfigure(errors="backslashreplace")


def _drop(stream: IO[str]) -> None:
    """Let the interpreter's own flush at exit go nowhere: the reader has left."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
