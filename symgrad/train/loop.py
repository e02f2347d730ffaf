"""The loop of a training run: epochs, what is measured after each, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import symgrad as sg
from symgrad import CheckpointError
from symgrad.train.batches import Batch, Batches, per_example
from symgrad.train.callbacks import Callback, Run
from symgrad.train.checkpoint import Checkpoint, require_folder
from symgrad.train.claim import claimed
from symgrad.train.interruption import Interruption
from symgrad.train.journal import Journal, Sums
from symgrad.train.measuring import Metric, averages
from symgrad.train.progress import Progress
from symgrad.train.watching import Steps

__all__ = ["Loop"]

Array = np.ndarray[Any, Any]


class Loop:
    """The state of a run, and how it goes on.

    Parameters
    ----------
    run : Run
    training : Batches
    hooks : sequence of Callback
    settings : dict
        What a checkpoint must have in common with the run; ``"seed"`` among it.
    skip, nan : bool
        Whether steps that go wrong are left out; whether NaN in the data is meant.
    """

    def __init__(
        self,
        run: Run,
        training: Batches,
        hooks: Sequence[Callback],
        settings: dict[str, Any],
        skip: bool,
        nan: bool,
    ) -> None:
        self.run, self.training, self.hooks, self.settings = run, training, hooks, settings
        self._seed = settings["seed"]
        self._random = run.model.signature("step").random
        self._inputs = run.model.inputs
        self._counted: dict[tuple[str, ...], str | None] = {}
        self._steps = Steps(run.model, hooks)
        state = run.params, run.opt_state
        self._journal = Journal(self._steps, state, self.generator, skip, nan)
        self._epochs = 0  # that are done
        self._batch = 0  # batches done of the one that runs
        self._seconds = 0.0  # that it has taken
        self._path: Path | None = None
        self._every: int | None = None
        self._resumes = False
        self.judge(None, {}, False, None)

    def judge(
        self,
        data: Batches | None,
        metrics: Mapping[str, Metric],
        held: bool,
        plateau: str | None,
    ) -> None:
        """Set what is measured after each epoch, and whether on data that are held out."""
        self._judged, self._metrics, self._held, self._plateau = data, metrics, held, plateau

    def keep(self, path: Path, every: int | None, resumes: bool) -> None:
        """Set where checkpoints are written, and after how many steps besides each epoch.

        What is there already is gone on with, or is in the way.
        """
        self._path, self._every, self._resumes = path, every, resumes
        if resumes and path.exists():
            self.restore(Checkpoint.load(path))

    def generator(self, step: int) -> np.random.Generator | None:
        """The generator of a step's draws: of seed and step alone, so there is nothing to keep."""
        return np.random.default_rng([self._seed, step, 1]) if self._random else None

    # ---- going on

    def go(self, epochs: int, interruption: Interruption, bar: Progress) -> None:
        """Train up to this epoch."""
        run = self.run
        for hook in self.hooks:
            hook.on_begin(run)
        if self._path is None:
            self._go(epochs, interruption, bar)
            return
        require_folder(self._path)  # one of the hooks may have made it
        with claimed(self._path, new=not self._resumes):
            self._go(epochs, interruption, bar)

    def _go(self, epochs: int, interruption: Interruption, bar: Progress) -> None:
        run = self.run
        self._journal.settle()
        while self._epochs < epochs and run.stopped is None:
            run.epoch = self._epochs + 1
            whole = self._go_through(interruption, bar)
            self._journal.settle()
            if whole:
                self._end_epoch(bar)
            self.save()
            if interruption.asked:
                raise KeyboardInterrupt
        for hook in self.hooks:
            hook.on_end(run)

    def _go_through(self, interruption: Interruption, bar: Progress) -> bool:
        """The batches that are left of an epoch; whether it came to its end."""
        run = self.run
        start = time.perf_counter() - self._seconds
        stepping = [i for i, h in enumerate(self.hooks) if _overrides(h, "on_step")]
        for batch in self.training.epoch(self._epochs, self._batch):
            if interruption.asked or run.stopped is not None:
                return False
            loss = self._step(batch)
            self._batch += 1
            if loss is not None:
                for index in stepping:
                    run.watched = self._steps.watched[index]
                    self.hooks[index].on_step(run)
                if run.is_changed:
                    self._journal.settle()
                    run.is_changed = False
            bar.step(run.epoch, self._batch, loss)
            self._seconds = time.perf_counter() - start
            if self._every is not None and run.step % self._every == 0:
                self._journal.settle()
                self.save()
        return True

    def _step(self, batch: Batch) -> float | None:
        run = self.run
        place = f"batch {self._batch + 1} of epoch {run.epoch}"
        names = tuple(batch)
        if names not in self._counted:
            self._counted[names] = next(iter(per_example(names, self._inputs)), None)
        by = self._counted[names]
        examples = 1 if by is None or not np.ndim(batch[by]) else len(batch[by])
        try:
            loss = self._journal.step(run.step, batch, examples, place)
        except sg.NonFiniteError:
            raise  # it tells the place of the step that caused it
        except sg.SymgradError as error:
            raise type(error)(f"{error}\n  in {place}") from None
        run.step += 1
        if loss is not None:
            run.loss = loss
        return loss

    def _end_epoch(self, bar: Progress) -> None:
        run, sums = self.run, self._journal.sums
        if not sums.examples:
            raise sg.NonFiniteError(f"no step of epoch {run.epoch} had a finite loss")
        row: dict[str, Any] = {"epoch": run.epoch, "step": run.step}
        row["loss"] = sums.loss / sums.examples
        if sums.skipped:
            row["skipped"] = sums.skipped
        if self._judged is not None:
            found = averages(run.model, run.params, self._judged, self._metrics)
            if self._held:
                row |= {f"validation_{name}": value for name, value in found.items()}
            else:
                row |= {name: found[name] for name in self._metrics}
        row["seconds"] = self._seconds
        run.history.append(row)
        bar.epoch(row)
        self._observe(row)
        for hook in self.hooks:
            hook.on_epoch(run)
        self._journal.settle()  # what optimiser and callbacks have changed stays
        run.is_changed = False
        self._journal.sums = Sums()
        self._epochs += 1
        self._batch, self._seconds = 0, 0.0

    def _observe(self, row: Mapping[str, Any]) -> None:
        column = self._plateau or ("validation_loss" if self._held else "loss")
        sg.optim.observe(self.run.model.optimizer, self.run.opt_state, row[column])

    # ---- checkpoints

    def save(self) -> None:
        """Write a checkpoint, if there is a place for it."""
        if self._path is None:
            return
        run, sums = self.run, self._journal.sums
        progress = {
            "epochs": self._epochs,
            "batch": self._batch,
            "step": run.step,
            "loss": run.loss,
            "sums": [sums.loss, sums.examples, sums.skipped],
            "seconds": self._seconds,
            "history": run.history.rows,
            "stopped": run.stopped,
        }
        kept = [{"type": type(h).__name__, "state": h.state()} for h in self._keeping()]
        Checkpoint(
            run.params, run.opt_state, _fingerprint(run), self.settings, progress, kept
        ).save(self._path)

    def restore(self, saved: Checkpoint) -> None:
        """Go on from a checkpoint."""
        run = self.run
        saved.require(_fingerprint(run), self.settings, self._path)
        for mine, its in ((run.params, saved.params), (run.opt_state, saved.opt_state)):
            for name, array in mine.items():
                array[...] = its[name]
        progress = saved.progress
        self._epochs, self._batch = progress["epochs"], progress["batch"]
        self._seconds = progress["seconds"]
        run.step, run.loss, run.epoch = progress["step"], progress["loss"], self._epochs
        run.history.rows[:] = progress["history"]
        hooks = self._keeping()
        types = [type(hook).__name__ for hook in hooks]
        if types != [kept["type"] for kept in saved.callbacks]:
            raise CheckpointError(
                f"{self._path} was written with the callbacks "
                f"{[kept['type'] for kept in saved.callbacks]}; this run has {types}"
            )
        for hook, kept in zip(hooks, saved.callbacks, strict=True):
            hook.restore(kept["state"])
        self._journal.sums = Sums(*progress["sums"])
        self._journal.settle()

    def _keeping(self) -> list[Callback]:
        return [hook for hook in self.hooks if _overrides(hook, "state")]


def _overrides(hook: Callback, method: str) -> bool:
    return getattr(type(hook), method) is not getattr(Callback, method)


def _fingerprint(run: Run) -> list[Any]:
    """Names, shapes and dtypes of all that a model keeps."""
    parts = {"": run.params, "optimiser's ": run.opt_state}
    return [
        [f"{whose}{name}", list(array.shape), array.dtype.name]
        for whose, arrays in parts.items()
        for name, array in arrays.items()
    ]
