"""What the command line takes."""

from __future__ import annotations

import argparse

import symgrad as sg

__all__ = ["parser", "size"]

TARGET = (
    "a Python file and the name in it of an expression, a compiled Function or Model, "
    "or a function without arguments that returns one"
)


def parser() -> argparse.ArgumentParser:
    """The parser of ``symgrad``: each command's options, with ``command`` its name."""
    made = argparse.ArgumentParser(
        prog="symgrad",
        description="Compile mathematics over arrays to NumPy source, forward and backward.",
    )
    made.add_argument("--version", action="version", version=f"symgrad {sg.__version__}")
    commands = made.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(
        name: str, help: str, description: str, target: bool = True
    ) -> argparse.ArgumentParser:
        own = commands.add_parser(name, help=help, description=description)
        if target:
            own.add_argument("target", metavar="FILE:NAME", help=TARGET)
        own.set_defaults(command=name)
        return own

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

    summary = command(
        "summary",
        "print a table of the layers",
        "Print the layers of a model with their outputs, parameters and FLOPs.",
    )
    summary.add_argument(
        "sizes", nargs="*", type=size, metavar="B=32", help="values for symbolic sizes"
    )

    check = command(
        "check",
        "compare gradients with finite differences",
        "Compare the derivatives with finite differences. Exit status 1 if they disagree.",
    )
    check.add_argument("--order", type=_count, default=2, help="highest derivative compared (2)")
    check.add_argument("--seed", type=int, default=0, help="of the point and the directions (0)")

    _train(
        command(
            "train",
            "train a model, and keep all that is needed to do so again",
            "Train a model on arrays, print a line an epoch, and write parameters, history and "
            "a record of the run to a folder. The same command gives the same bits. Exit status "
            "1 if the loss is not finite, 130 after Ctrl-C, which leaves a checkpoint.",
        )
    )

    command(
        "doctor",
        "is NumPy as fast here as it can be?",
        "Tell which BLAS NumPy uses, which kernel it picked for this CPU, how fast it is, "
        "and what settings slow it down; check the other dependencies.",
        target=False,
    )
    return made


def _style(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--style",
        choices=("readable", "fast"),
        help="of the source: as one would write it by hand, or as it runs (fast)",
    )


def _count(text: str) -> int:
    return _whole(text, 1, "a whole number above 0")


def _whole(text: str, least: int, expected: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"expected {expected}; got {text}")
    return value


def size(text: str) -> tuple[str, int]:
    """A symbolic size and its value: ``B=32``."""
    name, _, value = text.partition("=")
    if not name or not value.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a size and its value, as B=32; got {text}")
    return name, int(value)


def _batch_size(text: str) -> int | None:
    return None if text == "all" else _count(text)


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0; got {text}")
    return value


def _seed(text: str) -> int:
    return _whole(text, 0, "a whole number, at least 0")


def _train(train: argparse.ArgumentParser) -> None:
    data = train.add_argument_group("what it is trained on")
    data.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="DATA",
        help="an .npz file of arrays named as the inputs; or x=FILE.npy, once for each input; or "
        "FILE.py:NAME or :NAME of a dict of arrays or of a function that gives batches",
    )
    data.add_argument(
        "--validation",
        action="append",
        metavar="DATA",
        help="evaluated after each epoch: as --data, or the fraction of it that is held out",
    )
    data.add_argument(
        "--batch-size", type=_batch_size, default=32, metavar="N", help="of arrays; or all (32)"
    )
    data.add_argument(
        "--remainder",
        choices=("keep", "drop"),
        default="keep",
        help="what becomes of a last batch that is not full (keep)",
    )
    data.add_argument(
        "--nan", choices=("raise", "allow"), default="raise", help="NaN in the data (raise)"
    )

    how = train.add_argument_group("how it is trained")
    how.add_argument("--epochs", type=_count, default=10, metavar="N", help="in all (10)")
    how.add_argument("--seed", type=_seed, default=0, metavar="N", help="of all that is random (0)")
    how.add_argument(
        "--optimizer",
        metavar="NAME",
        help="for what is compiled without one: adam, sgd, ...; needs --lr",
    )
    how.add_argument("--lr", type=_rate, metavar="RATE", help="the learning rate of --optimizer")
    how.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="NAME=WHAT",
        help="accuracy=y: how often the largest output is that of the label y; or NAME=:FUNCTION "
        "of the file, of outputs and batch",
    )
    how.add_argument(
        "--patience",
        type=_count,
        metavar="N",
        help="end after so many epochs without a lower loss, of validation where there is one, "
        "and keep the best parameters",
    )
    how.add_argument(
        "--nonfinite",
        choices=("raise", "skip"),
        default="raise",
        help="a step whose loss is not finite ends the run, or is left out (raise)",
    )
    how.add_argument(
        "--size",
        action="append",
        default=[],
        type=size,
        metavar="T=16",
        help="a symbolic size that parameters need",
    )

    where = train.add_argument_group("what is kept")
    where.add_argument("--out", default="run", metavar="FOLDER", help="where to write (run)")
    where.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    where.add_argument(
        "--checkpoint-every",
        type=_count,
        metavar="N",
        help="steps; a checkpoint is written after each epoch anyway",
    )
    where.add_argument(
        "--dry-run", action="store_true", help="check model and data, and write nothing"
    )
