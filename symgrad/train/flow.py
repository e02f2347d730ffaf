"""What flows through a network while it is trained: activations forward, gradients backward.

Each recorded step gives, for each layer, the root mean square of its outputs, the norms of its
weights, of their gradient and of their change, the part of its units that is dead and the part of
its outputs that is saturated. The compiler computes them within the training step, from values
that the step has at hand.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import symgrad as sg
from symgrad import CompileError
from symgrad.options import whole
from symgrad.train.callbacks import Callback, Run
from symgrad.train.layers import Layer, ends_of, kept_by_dropout, layers_of

__all__ = ["GradientFlow", "Layer", "gradient_flow"]

#: an output of tanh or of a sigmoid is saturated where the slope is below that at this value
TANH_LIMIT = 0.99
SIGMOID_LIMIT = 0.995  # = (1 + TANH_LIMIT) / 2


QUANTITIES = ("output", "weight", "gradient", "change", "dead", "saturated")


def gradient_flow(every: int = 1) -> GradientFlow:
    """A callback that records what flows through each layer, step by step.

    Parameters
    ----------
    every : int
        Steps whose number (from 0) it divides are recorded.

    Returns
    -------
    GradientFlow

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x, t = sg.input("x", ("B", 4)), sg.input("t", ("B", 1))
    >>> h = sg.nn.dense(x, 8, activation=sg.tanh, name="hidden")
    >>> y = sg.nn.dense(h, 1, name="out")
    >>> model = sg.compile(((y - t) ** 2).mean(), optimizer=sg.optim.SGD(0.1))
    >>> X = np.random.default_rng(0).normal(size=(64, 4))
    >>> flow = sg.train.gradient_flow()
    >>> result = sg.train.fit(
    ...     model, {"x": X, "t": X[:, :1]}, epochs=10, batch_size=16, callbacks=[flow]
    ... )
    >>> [layer.name for layer in flow.layers], len(flow["hidden"].gradient)
    (['hidden', 'out'], 40)
    >>> print(flow.diagnose())
    nothing is wrong that the record of 40 steps shows
    """
    return GradientFlow(every)


class GradientFlow(Callback):
    """What :func:`gradient_flow` makes: a record that grows while a model is trained.

    Attributes
    ----------
    layers : list of Layer
        In the order of the forward pass.
    steps : list of int
        The steps that were recorded, from 1.
    loss : list of float
        Of each recorded step.
    kept : list of float
        The part of its inputs that each dropout keeps.
    """

    def __init__(self, every: int = 1) -> None:
        self.every = whole("gradient_flow", "every", every)
        self.reset()

    def reset(self) -> None:
        """Forget the record of an earlier run."""
        self.layers: list[Layer] = []
        self.kept: list[float] = []
        self.steps: list[int] = []
        self.loss: list[float] = []

    def __getitem__(self, name: str) -> Layer:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(f"there is no layer {name!r}; there are {[x.name for x in self.layers]}")

    def __repr__(self) -> str:
        return f"<GradientFlow of {len(self.layers)} layers: {len(self.steps)} steps>"

    # ---- recording

    def watch(self, model: sg.Model) -> Callable[[Any], dict[str, Any]]:
        """The sums that each recorded step returns."""
        nodes = sg.subexpressions(model.loss)
        layers = layers_of(model, nodes)
        self.layers, self.kept = layers, kept_by_dropout(nodes)
        ends = ends_of(nodes, layers)

        def sums(known: Any) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for layer in layers:
                for what, of in (
                    ("weight", known.params),
                    ("gradient", known.grads),
                    ("change", known.changes),
                ):
                    parts = [_squares(of[name]) for name in layer.parameters]
                    found[f"{what}/{layer.name}"] = sum(parts[1:], parts[0])
                end = ends.get(layer.name)
                if end is None:
                    continue
                node, kind = end
                found[f"output/{layer.name}"] = _squares(node) / sg.size(node)
                if kind == "relu" and node.ndim > 1:
                    alive = sg.any(node > 0, axis=tuple(range(node.ndim - 1)))
                    found[f"dead/{layer.name}"] = 1 - _part(alive)
                elif kind in ("tanh", "sigmoid"):
                    found[f"saturated/{layer.name}"] = _part(_flat(node, kind))
            return found

        return sums

    def on_step(self, run: Run) -> None:
        """Add a step to the record."""
        if not run.watched:
            return
        self.steps.append(run.step)
        self.loss.append(run.loss)
        for layer in self.layers:
            for quantity in QUANTITIES:
                value = run.watched.get(f"{quantity}/{layer.name}")
                if value is not None:
                    number = float(value)
                    is_part = quantity in ("dead", "saturated")
                    getattr(layer, quantity).append(number if is_part else _root(number))

    def state(self) -> dict[str, Any]:
        """The record so far."""
        return {
            "steps": self.steps,
            "loss": self.loss,
            "layers": {x.name: {q: getattr(x, q) for q in QUANTITIES} for x in self.layers},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` gave."""
        self.steps, self.loss = list(state["steps"]), list(state["loss"])
        for name, values in state["layers"].items():
            for quantity in QUANTITIES:
                setattr(self[name], quantity, list(values[quantity]))

    # ---- showing

    def diagnose(self) -> Any:
        """What is wrong, as far as the record shows it: see :func:`sg.train.diagnose`."""
        from symgrad.train.diagnosis import diagnose

        return diagnose(self)

    def to_dict(self) -> dict[str, Any]:
        """The record as lists: ``step``, ``loss``, and ``layers`` by name and quantity."""
        return {"step": self.steps, "loss": self.loss, "layers": self.state()["layers"]}

    def table(self, last: int = 100) -> str:
        """Medians over the last recorded steps, a row for each layer.

        Parameters
        ----------
        last : int
            How many steps.
        """
        header = ["layer", "output", "gradient", "change/weight", "dead", "saturated"]
        rows = [header]
        for layer in self.layers:
            columns = (layer.output, layer.gradient, layer.rates)
            parts = (layer.dead, layer.saturated)
            rows.append(
                [
                    layer.name,
                    *(f"{median(c[-last:]):.2e}" if c else "" for c in columns),
                    *(f"{median(c[-last:]):.0%}" if c else "" for c in parts),
                ]
            )
        widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
        lines = [
            "  ".join(
                cell.ljust(w) if i == 0 else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join(lines)

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw outputs, gradients and relative changes of each layer against the steps.

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
            from matplotlib import colormaps
            from matplotlib.figure import Figure
        except ImportError:
            raise CompileError(
                "a plot needs the package matplotlib: pip install 'symgrad[plot]'"
            ) from None
        target = Path(path)
        figure = Figure(figsize=(7.5, 7.5), layout="constrained")
        axes = figure.subplots(3, 1, sharex=True)
        titles = ("outputs, root mean square", "gradient, norm", "change / weight")
        shades = colormaps["viridis"].resampled(max(2, len(self.layers)))
        for index, layer in enumerate(self.layers):
            for ax, values in zip(axes, (layer.output, layer.gradient, layer.rates), strict=True):
                if any(v > 0 for v in values):
                    ax.plot(self.steps, values, color=shades(index), lw=1, label=layer.name)
        for ax, title in zip(axes, titles, strict=True):
            ax.set_yscale("log")
            ax.set_title(title, fontsize=10)
        axes[-1].set_xlabel("step")
        handles, labels = axes[1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper", fontsize=8)
        figure.savefig(target)
        return target


def median(values: list[float]) -> float:
    """The value in the middle; the mean of the two in the middle of an even number."""
    if not values:
        return math.nan
    ordered = sorted(values, key=lambda v: (math.isnan(v), v))  # NaN counts as the largest
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _root(square: float) -> float:
    return math.sqrt(square) if square >= 0 else math.nan


def _squares(x: sg.Expr) -> Any:
    """The sum of squares, as one product of BLAS."""
    return sg.vdot(x, x) if x.ndim else x * x


def _part(mask: Any) -> Any:
    """Which part of a mask is true."""
    return sg.count_nonzero(mask) / sg.size(mask)


def _flat(node: sg.Expr, kind: str) -> Any:
    if kind == "tanh":
        return abs(node) > TANH_LIMIT
    return abs(node - 0.5) > SIGMOID_LIMIT - 0.5
