"""What a training run measured, epoch by epoch: as data, as CSV, as a plot."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from symgrad import CompileError

__all__ = ["COLUMNS", "History"]

#: that a history may have without metrics
COLUMNS = ("epoch", "step", "loss", "skipped", "validation_loss", "seconds")


class History:
    """A table with a row for each epoch, which grows while a model is trained.

    The columns are ``epoch`` (from 1), ``step`` (of training, at the end of the epoch), ``loss``
    (the mean over the epoch, of the parameters as they changed), ``seconds``, with validation data
    ``validation_loss``, and the metrics.

    Examples
    --------
    >>> from symgrad.train import History
    >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    >>> history["loss"]
    [0.5, 0.25]
    >>> history[-1]
    {'epoch': 2, 'loss': 0.25}
    """

    def __init__(self, rows: list[dict[str, Any]] | None = None) -> None:
        self.rows: list[dict[str, Any]] = [] if rows is None else [dict(row) for row in rows]

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in the order of their first appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def append(self, row: Mapping[str, Any]) -> None:
        """Add the row of an epoch."""
        self.rows.append(dict(row))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __getitem__(self, key: str | int) -> Any:
        if isinstance(key, int):
            return self.rows[key]
        if key not in self.columns:
            raise KeyError(f"the history has no column {key!r}; it has {self.columns}")
        return [row.get(key) for row in self.rows]

    def __repr__(self) -> str:
        if not self.rows:
            return "<History of 0 epochs>"
        last = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in self[-1].items()}
        return f"<History of {len(self)} epochs; last {last}>"

    def to_dict(self) -> dict[str, list[Any]]:
        """Each column as a list."""
        return {name: self[name] for name in self.columns}

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write the table; numbers are written so that reading them gives the same bits."""
        target = Path(path)
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns, restval="")
            writer.writeheader()
            writer.writerows(self.rows)
        return target

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw loss and metrics against the epochs, and write the picture.

        Parameters
        ----------
        path : path
            Its suffix tells the kind: .png, .svg or .pdf. Needs matplotlib, the extra ``plot``.

        Raises
        ------
        CompileError
            If matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise CompileError(
                "a plot needs the package matplotlib: pip install 'symgrad[plot]'"
            ) from None
        target = Path(path)
        shown = [c for c in self.columns if c not in ("epoch", "step", "seconds")]
        groups: dict[str, list[str]] = {}  # training and validation of one quantity share axes
        for name in shown:
            groups.setdefault(name.removeprefix("validation_"), []).append(name)
        figure = Figure(figsize=(6.4, 2.6 * max(1, len(groups))), layout="constrained")
        axes = figure.subplots(max(1, len(groups)), 1, sharex=True, squeeze=False)[:, 0]
        for ax, (quantity, names) in zip(axes, groups.items(), strict=False):
            for name in names:
                points = [(r["epoch"], r[name]) for r in self.rows if r.get(name) is not None]
                label = "validation" if name.startswith("validation_") else "training"
                ax.plot(*zip(*points, strict=True), marker=".", label=label)
            ax.set_ylabel(quantity)
            if len(names) > 1:
                ax.legend()
        axes[-1].set_xlabel("epoch")
        figure.savefig(target)
        return target
