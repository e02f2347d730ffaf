"""``symgrad train``: from a declaration and data to a folder that holds the run."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable
from typing import Any

import symgrad as sg
from symgrad.cli.datasets import Dataset, Files, dataset, validation
from symgrad.cli.errors import CommandError
from symgrad.cli.record import FILES, Folder, again, record_of
from symgrad.cli.target import found_in, located
from symgrad.train import Callback, EarlyStopping, Result, Run, accuracy, fit

__all__ = ["run"]

INTERRUPTED = 130
#: what a step raises for data that does not fit; anything else is an error of the compiler
_DATA = (ArithmeticError, LookupError, MemoryError, ValueError)

_OPTIONS = {
    "nan='allow'": "--nan allow",
    "remainder='drop'": "--remainder drop",
    "batch_size=None": "--batch-size all",
    "batch_size=": "--batch-size ",
    "resume=True": "--resume",
}


def run(options: argparse.Namespace) -> int:
    """Train, and keep the run; 1 if the loss is not finite, 130 if Ctrl-C was pressed."""
    path, name = located(options.target)
    files = Files(path)
    model = _model(found_in(files.module(), path, name), options, name)
    data = dataset(options.data, files, "--data")
    held = validation(options.validation, files)
    metrics = dict([_metric(text, model, files) for text in options.metric])
    if len(metrics) < len(options.metric):
        raise CommandError("--metric: two metrics have one name")
    record = record_of(
        options.arguments, path, name, data, held, _settings(options), options.epochs
    )
    folder = Folder(options.out)
    notes: list[str] = []
    if options.resume:
        record, notes = folder.resumed(record)
    elif not options.dry_run:
        folder.require()
    summary = str(model.summary(**dict(options.size)))
    print(summary, end="\n\n", flush=True)
    for note in notes:
        print(f"symgrad: note: {note}", file=sys.stderr)

    def begin() -> None:
        """Write what is known, when model and data are known to fit."""
        if options.resume:
            folder.record(record)
        else:
            folder.write(record, path, summary, model)

    best = None
    if options.patience is not None:
        monitor = "loss" if held is None else "validation_loss"
        best = EarlyStopping(monitor, options.patience)
    arguments: dict[str, Any] = {
        "batch_size": options.batch_size,
        "validation": None if held is None else held.value,
        "metrics": metrics,
        "seed": options.seed,
        "remainder": options.remainder,
        "nonfinite": options.nonfinite,
        "nan": options.nan,
        "sizes": dict(options.size),
    }
    if options.dry_run:
        if held is not None:
            arguments["validation"] = _at_hand(held)
        hooks = [] if best is None else [best]
        try:
            fit(model, _at_hand(data), epochs=0, progress=False, callbacks=hooks, **arguments)
        except sg.SymgradError as error:
            raise CommandError(_as_options(str(error))) from error
        print("model and data fit; nothing is trained or written (--dry-run)")
        return 0
    epochs = Epochs(options.epochs, begin)
    try:
        result = fit(
            model,
            data.value,
            epochs=options.epochs,
            callbacks=[epochs] if best is None else [epochs, best],
            checkpoint=folder["checkpoint.npz"],
            checkpoint_every=options.checkpoint_every,
            resume=options.resume,
            **arguments,
        )
    except KeyboardInterrupt:
        return _interrupted(folder, epochs, record)
    except sg.NonFiniteError as error:
        print(f"symgrad: {error}", file=sys.stderr)
        return 1
    except _DATA as error:
        if isinstance(error, sg.SymgradError):
            raise CommandError(_as_options(str(error))) from error
        raise CommandError(f"training raised {type(error).__name__}: {error}") from error
    finally:
        if epochs.run is not None:
            if len(epochs.run.history):
                epochs.run.history.to_csv(folder["history.csv"])
            elif not folder["checkpoint.npz"].exists() and not options.resume:
                folder.forget()
    sg.save_arrays(folder["params.npz"], result.params)
    _finished(folder, result, best)
    return 0


def _as_options(message: str) -> str:
    """The advice of an error of ``train.fit``, as one follows it on the command line."""
    for argument, option in _OPTIONS.items():
        message = message.replace(argument, option)
    return message


def _at_hand(data: Dataset) -> Any:
    """Data as they are checked before a run: of batches that are made, the first."""
    if not callable(data.value):
        return data.value
    return next(iter(data.value(0)), [])


def _model(found: Any, options: argparse.Namespace, name: str) -> sg.Model:
    """What is trained: a model that has an optimiser, its own or the one that was asked for."""
    if isinstance(found, sg.Function):
        raise CommandError(
            f"{name!r} is a Function, which has no loss to train; name a Model or a loss"
        )
    if isinstance(found, sg.Model) and found.optimizer is not None:
        for option in ("optimizer", "lr"):
            if getattr(options, option) is not None:
                raise CommandError(
                    f"{name!r} is compiled with an optimizer already, so --{option} has no say"
                )
        return found
    rule = _optimizer(options, name)
    if isinstance(found, sg.Model):
        return found.recompiled(optimizer=rule)
    return sg.compile(found, optimizer=rule)


def _optimizer(options: argparse.Namespace, name: str) -> Any:
    rules = _rules()
    known = ", ".join(rules)
    if options.optimizer is None:
        raise CommandError(
            f"{name!r} is compiled without an optimizer: pass --optimizer (one of {known}) and --lr"
        )
    if options.optimizer not in rules:
        raise CommandError(f"--optimizer: expected one of {known}; got {options.optimizer!r}")
    rule = rules[options.optimizer]
    if options.lr is not None:
        return rule(options.lr)
    if inspect.signature(rule).parameters["lr"].default is inspect.Parameter.empty:
        raise CommandError(
            f"--optimizer {options.optimizer} needs a learning rate: pass --lr, such as --lr 1e-2"
        )
    return rule()


def _rules() -> dict[str, Callable[..., Any]]:
    """The optimisers that need no more than a learning rate, by their names in small letters."""
    found = {}
    for name in sg.optim.__all__:
        value = getattr(sg.optim, name)
        is_rule = hasattr(value, "update") or inspect.isfunction(value)
        if value in (sg.optim.Optimizer, sg.optim.Elementwise) or not is_rule:
            continue
        if not name[0].isupper():  # a wrapper, or a schedule
            continue
        parameters = inspect.signature(value).parameters
        needed = {n for n, p in parameters.items() if p.default is p.empty}
        if "lr" in parameters and needed <= {"lr"}:
            found[name.lower()] = value
    return dict(sorted(found.items()))


def _metric(text: str, model: sg.Model, files: Files) -> tuple[str, Callable[[Any, Any], Any]]:
    """A metric: ``accuracy=y``, or ``NAME=:FUNCTION``."""
    name, _, what = text.partition("=")
    if not name or not what:
        raise CommandError(f"--metric: expected accuracy=LABELS or NAME=:FUNCTION; got {text!r}")
    if ":" in what:
        path, called, metric = files.value(what, f"--metric {name}")
        if not callable(metric):
            raise CommandError(f"--metric {name}: {called!r} in {path} is no function")
    elif name == "accuracy":
        if what not in model.inputs:
            raise CommandError(
                f"--metric {text}: the model has no input {what!r}; it has {sorted(model.inputs)}"
            )
        metric = accuracy(what)
    else:
        raise CommandError(f"--metric: expected accuracy=LABELS or NAME=:FUNCTION; got {text!r}")

    def measured(outputs: Any, batch: Any) -> Any:
        try:
            return metric(outputs, batch)
        except Exception as error:
            raise CommandError(f"--metric {text} raised {type(error).__name__}: {error}") from error

    return name, measured


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """The options that decide the bits of a run, whatever its length."""
    return {
        "--seed": options.seed,
        "--batch-size": options.batch_size or "all",
        "--optimizer": options.optimizer,
        "--lr": options.lr,
        "--metric": options.metric,
        "--patience": options.patience,
        "--remainder": options.remainder,
        "--nonfinite": options.nonfinite,
        "--nan": options.nan,
        "--size": dict(options.size),
    }


class Epochs(Callback):
    """A line for each epoch, where no bar prints it; and the run, for what is kept of it."""

    def __init__(self, total: int, begin: Callable[[], None]) -> None:
        self.run: Run | None = None
        self._begin = begin
        self._total = total
        self._barred = sys.stdout.isatty() and sys.stderr.isatty()

    def on_begin(self, run: Run) -> None:
        """Begin to write; say where a resumed run goes on."""
        if len(run.history) > self._total:  # the record would tell of a shorter run
            raise CommandError(
                f"--epochs: the run has done {len(run.history)} already; got {self._total}"
            )
        self._begin()
        self.run = run
        if run.step:
            print(f"going on after step {run.step}, {len(run.history)} epochs done", flush=True)

    def on_epoch(self, run: Run) -> None:
        """Print the epoch's row."""
        if self._barred:
            return
        row = {k: v for k, v in run.history[-1].items() if k not in ("epoch", "step", "seconds")}
        parts = [f"{k} {v:#.5g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()]
        number = f"{run.epoch:>{len(str(self._total))}}/{self._total}"
        print("  ".join([f"epoch {number}", *parts]), flush=True)


def _interrupted(folder: Folder, epochs: Epochs, record: dict[str, Any]) -> int:
    checkpoint = folder["checkpoint.npz"]
    done = epochs.run.step if epochs.run is not None else 0
    kept = f"; {checkpoint} holds the state" if checkpoint.exists() else ""
    print(f"\nsymgrad: interrupted after step {done}{kept}", file=sys.stderr)
    print(f"go on with: {again(record['arguments'], '--resume')}", file=sys.stderr)
    return INTERRUPTED


def _finished(folder: Folder, result: Result, best: EarlyStopping | None) -> None:
    """Say how it ended and where things are."""
    if result.stopped is not None:
        print(f"stopped: {result.stopped}")
    missing = {}
    try:
        result.history.plot(folder["history.svg"])
    except sg.CompileError as error:  # matplotlib is an extra
        missing["history.svg"] = f"not drawn: {error}"
    of = "" if best is None else f", of epoch {best.best_epoch}, the best"
    told = FILES | {"params.npz": FILES["params.npz"] + of}
    width = max(len(str(folder[name])) for name in told)
    print()
    for name, what in told.items():
        print(f"{folder[name]!s:<{width}}  {missing.get(name, what)}")
