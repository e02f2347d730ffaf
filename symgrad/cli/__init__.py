"""The command line: ``symgrad`` and ``python -m symgrad``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import IO

import symgrad as sg
from symgrad.cli.arguments import parser
from symgrad.cli.errors import CommandError

__all__ = ["main"]

BROKEN_PIPE = 141  # what a shell reports of a program that a closed pipe has ended
INTERRUPTED = 130


def _run(options: argparse.Namespace) -> int:
    # each command imports what it needs: `symgrad --help` costs no compiler
    if options.command == "demo":
        from symgrad.cli import demo

        return demo.run(options.out, options.epochs, options.seed)
    if options.command == "doctor":
        from symgrad.cli import doctor

        return doctor.run()
    if options.command == "train":
        from symgrad.cli import training

        return training.run(options)
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
            options = parser().parse_args(argv)
        except SystemExit as exit:  # argparse has printed its message
            return int(exit.code or 0)
        options.arguments = list(sys.argv[1:] if argv is None else argv)
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
