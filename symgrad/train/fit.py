"""``train.fit``: epochs over minibatches, validation, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import symgrad as sg
from symgrad import CheckpointError, CompileError, DeclarationError
from symgrad.train.batches import Batch, Batches, batches_of, counted_by, held_out
from symgrad.train.callbacks import AfterEpoch, Callback, Run
from symgrad.train.checkpoint import Checkpoint, forget_partial
from symgrad.train.history import History
from symgrad.train.interruption import Interruption, deferred
from symgrad.train.journal import Journal
from symgrad.train.progress import Progress
from symgrad.train.watching import Steps

__all__ = ["Result", "evaluate", "fit"]

Array = np.ndarray[Any, Any]
Metric = Callable[[Any, Batch], Any]


@dataclass(frozen=True)
class Result:
    """What :func:`fit` gives back.

    Attributes
    ----------
    params, opt_state : dict of arrays
    history : History
        A row for each epoch.
    stopped : str or None
        Why the run ended before its last epoch.
    """

    params: dict[str, Array]
    opt_state: dict[str, Array]
    history: History
    stopped: str | None = None


def fit(
    model: sg.Model,
    data: Any,
    *,
    epochs: int,
    batch_size: int | None = 32,
    params: dict[str, Array] | None = None,
    validation: Any = None,
    metrics: Mapping[str, Metric] | None = None,
    callbacks: Sequence[Callback | Callable[[Run], Any]] = (),
    checkpoint: Any = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    seed: int = 0,
    shuffle: bool = True,
    remainder: str = "keep",
    nonfinite: str = "raise",
    nan: str = "raise",
    sizes: Mapping[str, int] | None = None,
    progress: bool | None = None,
) -> Result:
    """Train a model: epochs over minibatches, in an order that the seed decides.

    The same arguments give the same bits. A run that was ended at any moment, by ``kill -9`` too,
    is taken up from its last checkpoint with ``resume=True`` and ends at the bits that it would
    have ended at.

    Parameters
    ----------
    model : Model
        Compiled with ``optimizer=``.
    data : dict of arrays, iterable of dicts, or a function of the epoch's number that gives one
        By the names of the inputs. Arrays have the examples along their first axis; one may be
        the path of a ``.npy`` file, which is mapped, not read. An iterable gives one batch after
        the other, each epoch anew; so does a function of the epoch's number (from 0), or of
        nothing, such as a generator function.
    epochs : int
        In all: a resumed run does those that are left.
    batch_size : int or None
        Of arrays; None takes them whole.
    params : dict of arrays, optional
        First values, changed in place; ``model.init(seed)`` if None.
    validation : like data, or float
        Evaluated after each epoch; a number below 1 is the fraction of `data` that is held out
        for it.
    metrics : dict of str to callable, optional
        ``(outputs, batch) -> numbers``, a number for each example or one for the batch, of what
        ``predict`` returns; averaged over the validation data, or without it over `data`.
    callbacks : sequence of Callback, or of functions of the run
        Functions are called after each epoch.
    checkpoint : path ending in ``.npz``, optional
        Written after each epoch, when Ctrl-C is pressed, and at the end.
    checkpoint_every : int, optional
        Written after each so many steps too.
    resume : bool
        Go on from the checkpoint, if there is one.
    seed : int
        Of the parameters, the order of the examples and the draws of each step.
    shuffle : bool
        Whether the examples of arrays come in an order of their own in each epoch.
    remainder : {"keep", "drop"}
        What becomes of a last batch that is not full.
    nonfinite : {"raise", "skip"}
        Whether a step whose loss or parameters would not be finite ends the run, with the
        expression that caused it, or is left out and counted in the history as ``skipped``.
    nan : {"raise", "allow"}
        What becomes of NaN in the data.
    sizes : dict of str to int, optional
        Symbolic sizes that parameters need.
    progress : bool, optional
        Whether a bar is shown; None shows it if the standard error stream is a terminal.

    Returns
    -------
    Result

    Raises
    ------
    DeclarationError, ShapeError, DTypeError, CompileError
        For data or options that do not fit.
    NonFiniteError
        With ``nonfinite="raise"``; the parameters are those before the step.
    CheckpointError
        If the checkpoint is torn, of another model or of other settings.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x, t = sg.input("x", ("B", 3)), sg.input("t", ("B",))
    >>> y = x @ sg.param("w", (3,)) + sg.param("b", ())
    >>> model = sg.compile(((y - t) ** 2).mean(), outputs=y, optimizer=sg.optim.SGD(0.1))
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> data = {"x": X, "t": X @ [1.0, -2.0, 3.0] + 0.5}
    >>> result = sg.train.fit(model, data, epochs=20, validation=0.2)
    >>> result.params["w"].round(3)
    array([ 1., -2.,  3.])
    >>> result.history["validation_loss"][-1] < 1e-6
    True
    """
    if model.optimizer is None:
        raise CompileError("fit: the model was compiled without optimizer=, so it has no step")
    _whole("epochs", epochs, 0)
    if checkpoint_every is not None:
        _whole("checkpoint_every", checkpoint_every, 1)
    _whole("seed", seed, 0)
    if nonfinite not in ("raise", "skip"):
        raise DeclarationError(f"nonfinite: expected 'raise' or 'skip'; got {nonfinite!r}")
    if resume and checkpoint is None:
        raise DeclarationError("resume=True needs the path of a checkpoint: pass checkpoint=")
    if metrics and model.outputs is None:
        raise CompileError("metrics need outputs: compile the model with outputs=")
    if isinstance(validation, float):
        if not 0 < validation < 1:
            raise DeclarationError(
                f"validation: a fraction must lie between 0 and 1; got {validation!r}"
            )
        data, validation = held_out(data, model, validation, seed)
    options: dict[str, Any] = {"batch_size": batch_size, "seed": seed, "nan": nan}
    training = batches_of(data, model, shuffle=shuffle, remainder=remainder, **options)
    held = None
    if validation is not None:
        held = batches_of(validation, model, shuffle=False, what="validation", **options)
    if params is None:
        params = model.init(seed, **(sizes or {}))
    else:
        model.check_params(params)
    run = Run(model, params, model.init_optimizer(params))
    hooks = [c if isinstance(c, Callback) else AfterEpoch(c) for c in callbacks]
    settings = {"seed": seed, "data": training.described(), "nonfinite": nonfinite}
    loop = _Loop(run, training, held, metrics or {}, hooks, settings, seed, nonfinite == "skip")
    if checkpoint is not None:
        loop.path = Path(checkpoint)
        loop.every = checkpoint_every
        forget_partial(checkpoint)
        if resume and loop.path.exists():
            loop.restore(Checkpoint.load(loop.path))
    with deferred() as interruption, Progress(progress, epochs, training.count) as bar:
        loop.go(epochs, interruption, bar)
    return Result(run.params, run.opt_state, run.history, run.stopped)


def _whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise DeclarationError(f"{name}: expected a whole number, at least {least}; got {value!r}")


class _Loop:
    """The state of a run, and how it goes on."""

    def __init__(
        self,
        run: Run,
        training: Batches,
        held: Batches | None,
        metrics: Mapping[str, Metric],
        hooks: Sequence[Callback],
        settings: dict[str, Any],
        seed: int,
        skip: bool,
    ) -> None:
        self.run, self.training, self.held = run, training, held
        self.metrics, self.hooks, self.settings = metrics, hooks, settings
        self.steps = Steps(run.model, hooks)
        self.path: Path | None = None
        self.every: int | None = None
        self._seed, self._skip = seed, skip
        self._random = run.model.signature("step").random
        self._inputs = run.model.inputs
        self._names: Any = None  # of the last batch, and the array that counts its examples
        self._by: str | None = None
        self._batch = 0  # batches done of the epoch that runs
        self._total, self._weight, self._skipped, self._seconds = 0.0, 0, 0, 0.0
        self._epochs_done = 0

    def generator(self, step: int) -> np.random.Generator | None:
        """The generator of a step's draws: of seed and step alone, so there is nothing to keep."""
        return np.random.default_rng([self._seed, step, 1]) if self._random else None

    def go(self, epochs: int, interruption: Interruption, bar: Progress) -> None:
        """Train up to this epoch."""
        run = self.run
        for hook in self.hooks:
            hook.on_begin(run)
        state = run.params, run.opt_state
        journal = Journal(run.model, *state, self.generator, self._skip, self.steps)
        watched = any(type(hook).on_step is not Callback.on_step for hook in self.hooks)
        while self._epochs_done < epochs and run.stopped is None:
            run.epoch = self._epochs_done + 1
            start = time.perf_counter() - self._seconds
            for batch in self.training.epoch(self._epochs_done, self._batch):
                skipped = journal.skipped
                loss = self._step(journal, batch)
                self._skipped += journal.skipped - skipped
                self._batch += 1
                if watched:
                    for hook in self.hooks:
                        run.watched = self.steps.watched.get(hook, {})
                        hook.on_step(run)
                bar.step(run.epoch, self._batch, loss)
                self._seconds = time.perf_counter() - start
                if interruption.asked:
                    self.save()
                    raise KeyboardInterrupt
                if self.every is not None and run.step % self.every == 0:
                    self.save()
                if run.stopped is not None:
                    break
            else:
                self._end_of_epoch(bar)
                journal.begin()  # callbacks may have changed what it keeps
                self.save()
                if interruption.asked:
                    raise KeyboardInterrupt
        for hook in self.hooks:
            hook.on_end(run)

    def _step(self, journal: Journal, batch: Batch) -> Any:
        run = self.run
        place = f"batch {self._batch + 1} of epoch {run.epoch}"
        try:
            loss = journal.step(run.step, batch, place)
        except sg.NonFiniteError:
            raise  # it tells the place of the step that caused it
        except sg.SymgradError as error:
            raise type(error)(f"{error}\n  in {place}") from None
        run.step += 1
        if loss is not None:
            run.loss = float(loss)
            if self._names != batch.keys():
                self._names, self._by = batch.keys(), counted_by(batch, self._inputs)
            weight = 1 if self._by is None else len(batch[self._by])
            self._total += run.loss * weight
            self._weight += weight
        return loss

    def _end_of_epoch(self, bar: Progress) -> None:
        run = self.run
        if not self._weight:
            raise sg.NonFiniteError(f"no step of epoch {run.epoch} had a finite loss")
        row: dict[str, Any] = {"epoch": run.epoch, "step": run.step}
        row["loss"] = self._total / self._weight
        if self._skipped:
            row["skipped"] = self._skipped
        if self.held is not None:
            found = evaluate_batches(run.model, run.params, self.held, self.metrics)
            row |= {f"validation_{name}": value for name, value in found.items()}
        elif self.metrics:
            found = evaluate_batches(run.model, run.params, self.training, self.metrics)
            row |= {name: found[name] for name in self.metrics}
        row["seconds"] = self._seconds
        run.history.append(row)
        bar.epoch(row)
        value = row.get("validation_loss", row["loss"])
        sg.optim.observe(run.model.optimizer, run.opt_state, value)
        for hook in self.hooks:
            hook.on_epoch(run)
        self._epochs_done += 1
        self._batch = 0
        self._total, self._weight, self._skipped, self._seconds = 0.0, 0, 0, 0.0

    # ---- checkpoints

    def save(self) -> None:
        """Write a checkpoint, if there is a place for it."""
        if self.path is None:
            return
        run = self.run
        progress = {
            "epochs": self._epochs_done,
            "batch": self._batch,
            "step": run.step,
            "loss": run.loss,
            "total": self._total,
            "weight": self._weight,
            "skipped": self._skipped,
            "seconds": self._seconds,
            "history": run.history.rows,
            "stopped": run.stopped,
        }
        kept = [{"type": type(h).__name__, "state": h.state()} for h in self.hooks if h.state()]
        Checkpoint(
            run.params, run.opt_state, _fingerprint(run), self.settings, progress, kept
        ).save(self.path)

    def restore(self, saved: Checkpoint) -> None:
        """Go on from a checkpoint."""
        run = self.run
        saved.require(_fingerprint(run), self.settings, self.path)
        for mine, its in ((run.params, saved.params), (run.opt_state, saved.opt_state)):
            for name, array in mine.items():
                array[...] = its[name]
        progress = saved.progress
        self._epochs_done, self._batch = progress["epochs"], progress["batch"]
        run.step, run.loss = progress["step"], progress["loss"]
        run.epoch = self._epochs_done
        run.stopped = progress["stopped"]
        self._total, self._weight = progress["total"], progress["weight"]
        self._skipped, self._seconds = progress["skipped"], progress["seconds"]
        run.history.rows[:] = progress["history"]
        keeping = [h for h in self.hooks if h.state()]
        types = [type(h).__name__ for h in keeping]
        if types != [kept["type"] for kept in saved.callbacks]:
            raise CheckpointError(
                f"{self.path} was written with the callbacks "
                f"{[kept['type'] for kept in saved.callbacks]}; this run has {types}"
            )
        for hook, kept in zip(keeping, saved.callbacks, strict=True):
            hook.restore(kept["state"])


def _fingerprint(run: Run) -> list[Any]:
    """Names, shapes and dtypes of all that a model keeps."""
    both = [*run.params.items(), *run.opt_state.items()]
    return [[name, list(array.shape), array.dtype.name] for name, array in both]


def evaluate_batches(
    model: sg.Model, params: dict[str, Array], batches: Batches, metrics: Mapping[str, Metric]
) -> dict[str, float]:
    """Mean loss and metrics over all examples, in evaluation mode."""
    entries = ["evaluate", *(["predict"] if metrics else [])]
    signatures = {entry: model.signature(entry) for entry in entries}
    inputs = model.inputs
    totals: dict[str, float] = {}
    weights: dict[str, float] = {}

    def add(name: str, value: Any, weight: int) -> None:
        array = np.asarray(value, np.float64)
        mean = float(array.mean()) if array.size else 0.0
        totals[name] = totals.get(name, 0.0) + mean * weight
        weights[name] = weights.get(name, 0.0) + weight

    for index, batch in enumerate(batches.epoch(0)):
        by = counted_by(batch, inputs)
        weight = 1 if by is None else len(batch[by])
        found = {}
        for entry, signature in signatures.items():
            own = {name: batch[name] for name in signature.data if name in batch}
            if signature.random:
                own["rng"] = np.random.default_rng([index, 2])
            found[entry] = getattr(model, entry)(params, **own)
        add("loss", found["evaluate"], weight)
        for name, metric in metrics.items():
            add(name, metric(found["predict"], batch), weight)
    return {name: totals[name] / weights[name] for name in totals}


def evaluate(
    model: sg.Model,
    params: dict[str, Array],
    data: Any,
    *,
    batch_size: int | None = 256,
    metrics: Mapping[str, Metric] | None = None,
    nan: str = "raise",
) -> dict[str, float]:
    """Mean loss and metrics of a model over data, in evaluation mode, a batch at a time.

    Parameters
    ----------
    model : Model
    params : dict of arrays
    data, batch_size, metrics, nan
        As :func:`fit` takes them.

    Returns
    -------
    dict of str to float
        ``loss``, and each metric.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x, w = sg.input("x", ("B",)), sg.param("w", (), init=1.0)
    >>> model = sg.compile(((w - x) ** 2).mean(), outputs=w + x)
    >>> sg.train.evaluate(model, model.init(), {"x": np.arange(5.0)}, batch_size=2)
    {'loss': 3.0}
    """
    batches = batches_of(data, model, batch_size=batch_size, shuffle=False, nan=nan)
    return evaluate_batches(model, params, batches, metrics or {})
