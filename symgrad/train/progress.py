"""A bar that shows how training goes, on a terminal; elsewhere it is quiet."""

from __future__ import annotations

import sys
import time
from typing import Any

__all__ = ["Progress"]

_PAUSE = 0.1  # seconds between two looks at the bar: drawing it must not cost training time


class Progress:
    """The bar of a run.

    Parameters
    ----------
    shown : bool or None
        None shows it if the standard error stream is a terminal.
    epochs, batches : int
        Epochs of the run, and batches of each, if that is known.
    """

    def __init__(self, shown: bool | None, epochs: int, batches: int | None) -> None:
        self._bar: Any = None
        self._epochs, self._batches = epochs, batches
        self._next = 0.0
        if not (sys.stderr.isatty() if shown is None else shown):
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("epoch {task.fields[epoch]}/" + str(epochs)),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        total = None if batches is None else epochs * batches
        self._task = self._bar.add_task("train", total=total, epoch=0, told="")

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, epoch: int, batch: int, loss: Any) -> None:
        """After a step."""
        if self._bar is None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PAUSE
        done = (epoch - 1) * (self._batches or 0) + batch + 1
        told = "" if loss is None else f"loss {float(loss):.4g}"
        self._bar.update(self._task, completed=done, epoch=epoch, told=told)

    def epoch(self, row: dict[str, Any]) -> None:
        """After an epoch, with its row of the history."""
        if self._bar is None:
            return
        shown = {k: v for k, v in row.items() if k not in ("epoch", "step", "seconds")}
        parts = [f"{k} {v:.4g}" for k, v in shown.items() if isinstance(v, float)]
        self._bar.console.print(f"epoch {row['epoch']}: {', '.join(parts)}", highlight=False)
