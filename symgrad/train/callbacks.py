"""What is called while a model is trained: hooks, early stopping, metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import symgrad as sg
from symgrad import DeclarationError
from symgrad.options import flag, real, whole
from symgrad.train.history import History

__all__ = ["Callback", "EarlyStopping", "Run", "accuracy", "hooks_of", "require_columns"]

Array = np.ndarray[Any, Any]


@dataclass
class Run:
    """A training run, as callbacks see it and may change it.

    Attributes
    ----------
    model : Model
    params, opt_state : dict of arrays
        Changed in place by each step.
    epoch : int
        From 1; that which runs, or has just ended.
    step : int
        Steps done.
    loss : float
        Of the last step.
    watched : dict of str to array
        What the callback that is being called has asked to watch, of the last step; empty if that
        step was not watched.
    history : History
        With the row of the epoch when ``on_epoch`` is called.
    stopped : str or None
        Why the run ends early.
    """

    model: sg.Model
    params: dict[str, Array]
    opt_state: dict[str, Array]
    history: History = field(default_factory=History)
    epoch: int = 0
    step: int = 0
    loss: float = float("nan")
    stopped: str | None = None
    watched: dict[str, Any] = field(default_factory=dict)

    #: set by :meth:`changed`, and by the loop when it has taken notice
    is_changed: bool = False

    def stop(self, reason: str) -> None:
        """End the run after this step or epoch."""
        self.stopped = reason

    def changed(self) -> None:
        """Tell that a callback has changed parameters or the optimiser's state after a step.

        Steps may be done again when one of them goes wrong; what was changed between them
        would else be lost.
        """
        self.is_changed = True


class Callback:
    """What is called while a model is trained; each method may be overridden.

    A function of the run is a callback too: it is called after each epoch.

    Attributes
    ----------
    every : int
        1 unless a subclass says otherwise: :meth:`watch` is heeded at the first step and at each
        so many after it.
    """

    every: int = 1

    def watch(self, model: sg.Model) -> Callable[[Any], dict[str, Any]] | None:
        """What it wants of each step beside the loss: a function as ``sg.compile(watch=)`` takes.

        ``run.watched`` then holds it when :meth:`on_step` is called.
        """
        return None

    def reset(self) -> None:
        """Forget what an earlier run has left: called before each run, also one that resumes."""

    def on_begin(self, run: Run) -> None:
        """Before the first step of this call of fit, also when it resumes."""

    def on_step(self, run: Run) -> None:
        """After each step that was not left out; see :meth:`Run.changed`."""

    def on_epoch(self, run: Run) -> None:
        """After each epoch, with its row in the history."""

    def on_end(self, run: Run) -> None:
        """After the last epoch, however the run has ended, errors excepted."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of it: numbers, texts and arrays, by name."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` gave."""


class EarlyStopping(Callback):
    """End the run when a column of the history has not improved for some epochs.

    The parameters of the best epoch, and the optimiser's state, are put back. L. Prechelt, *Early
    stopping - but when?* (1998).

    Parameters
    ----------
    monitor : str
        A column of the history.
    patience : int
        Epochs without improvement after which the run ends.
    least : float
        What counts as an improvement must be at least that much better.
    mode : {"min", "max"}
        Whether less is better, or more.
    restore_best : bool

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> w, x = sg.param("w", ()), sg.input("x", ("B",))
    >>> model = sg.compile(((w - x) ** 2).mean(), optimizer=sg.optim.SGD(0.5))
    >>> stop = sg.train.EarlyStopping("loss", patience=2)
    >>> result = sg.train.fit(model, {"x": np.ones(4)}, epochs=100, callbacks=[stop])
    >>> result.stopped
    'loss has not improved since epoch 2'
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: int = 10,
        least: float = 0.0,
        mode: str = "min",
        restore_best: bool = True,
    ) -> None:
        if mode not in ("min", "max"):
            raise DeclarationError(f"EarlyStopping: mode must be 'min' or 'max'; got {mode!r}")
        self.monitor, self.mode = monitor, mode
        self.patience = whole("EarlyStopping", "patience", patience)
        self.least = real("EarlyStopping", "least", least, 0)
        self.restore_best = flag("EarlyStopping", "restore_best", restore_best)
        self.reset()

    def reset(self) -> None:
        """Forget the best epoch of an earlier run."""
        self.best, self.best_epoch = float("inf"), 0
        self._kept: tuple[dict[str, Array], dict[str, Array]] = {}, {}

    def on_begin(self, run: Run) -> None:
        """Decide anew for a run that resumes: the patience may be another."""
        self._decide(run)

    def on_epoch(self, run: Run) -> None:
        """Compare the epoch with the best one."""
        row = run.history[-1]
        if self.monitor not in row:
            raise DeclarationError(
                f"EarlyStopping: the history has no column {self.monitor!r}; it has {list(row)}"
            )
        value = float(row[self.monitor]) * (1.0 if self.mode == "min" else -1.0)
        if value < self.best - self.least:
            self.best, self.best_epoch = value, run.epoch
            if self.restore_best:
                params, opt_state = (
                    {k: v.copy() for k, v in arrays.items()}
                    for arrays in (run.params, run.opt_state)
                )
                self._kept = params, opt_state
        self._decide(run)

    def _decide(self, run: Run) -> None:
        if run.epoch - self.best_epoch >= self.patience:
            run.stop(f"{self.monitor} has not improved since epoch {self.best_epoch}")

    def on_end(self, run: Run) -> None:
        """Put the best parameters back, and the optimiser's state with them."""
        for arrays, kept in zip((run.params, run.opt_state), self._kept, strict=True):
            for name, value in kept.items():
                arrays[name][...] = value

    def state(self) -> dict[str, Any]:
        """The best value, its epoch, its parameters."""
        return {"best": self.best, "best_epoch": self.best_epoch, "kept": self._kept}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` gave."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        params, opt_state = state["kept"]
        self._kept = params, opt_state


class AfterEpoch(Callback):
    """A function of the run, called after each epoch."""

    def __init__(self, function: Callable[[Run], Any]) -> None:
        self.function = function

    def on_epoch(self, run: Run) -> None:
        """Call it."""
        self.function(run)


def hooks_of(callbacks: Any) -> list[Callback]:
    """What a user passes as callbacks, each a Callback that has forgotten earlier runs.

    Raises
    ------
    DeclarationError
        For what is no callback, and for one that stands twice.
    """
    if isinstance(callbacks, Callback) or not isinstance(callbacks, Iterable):
        raise DeclarationError(f"callbacks: expected a list of them; got {callbacks!r}")
    hooks: list[Callback] = []
    for callback in callbacks:
        if isinstance(callback, type) or not (isinstance(callback, Callback) or callable(callback)):
            raise DeclarationError(
                "callbacks: expected objects such as sg.train.EarlyStopping(), or functions of "
                f"the run; got {callback!r}"
            )
        if any(callback is other for other in hooks):
            raise DeclarationError(f"callbacks: {callback!r} stands twice")
        hooks.append(callback if isinstance(callback, Callback) else AfterEpoch(callback))
    for hook in hooks:
        hook.reset()
    return hooks


def require_columns(hooks: list[Callback], columns: list[str], plateau: str | None) -> None:
    """Refuse to watch a column of the history that will not be there.

    Parameters
    ----------
    hooks : list of Callback
    columns : list of str
        That the history will have, besides those that callbacks of the user's add.
    plateau : str or None
        The column that the optimiser's rate depends on.

    Raises
    ------
    DeclarationError
    """
    watched = [("plateau", plateau)]
    for hook in hooks:
        if isinstance(hook, EarlyStopping):
            watched.append(("EarlyStopping", hook.monitor))
        elif type(hook).on_epoch is not Callback.on_epoch:
            break  # it may write columns of its own, which those after it watch
    for who, name in watched:
        if name is not None and name not in columns:
            there = name.removeprefix("validation_")
            advice = f"; pass validation=, or watch {there!r}" if there in columns else ""
            raise DeclarationError(
                f"{who}: the history will have no column {name!r}; it will have {columns}{advice}"
            )


def accuracy(
    labels: str, axis: int = -1, ignore: int | None = None
) -> Callable[[Any, dict[str, Any]], Array]:
    """A metric: whether the largest output of each example is that of its label.

    Parameters
    ----------
    labels : str
        The input that holds the labels, integers or one-hot.
    axis : int
        Of the outputs, over the classes.
    ignore : int, optional
        A label that is not counted.

    Raises
    ------
    DeclarationError
        When it is called, if there is no such input.

    Examples
    --------
    >>> import numpy as np
    >>> from symgrad.train import accuracy
    >>> accuracy("y")(np.array([[0.1, 0.9], [0.8, 0.2]]), {"y": np.array([1, 1])})
    array([ True, False])
    """

    def metric(outputs: Any, batch: dict[str, Any]) -> Array:
        if labels not in batch:
            raise DeclarationError(
                f"accuracy: the data have no {labels!r}; they have {sorted(batch)}"
            )
        truth = np.asarray(batch[labels])
        guess = np.argmax(outputs, axis=axis)
        if truth.ndim == np.ndim(outputs):
            truth = truth.argmax(axis=axis)
        right: Array = np.asarray(guess == truth)
        return right if ignore is None else right[truth != ignore]

    return metric
