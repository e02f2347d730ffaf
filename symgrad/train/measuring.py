"""What is measured of a model over data: the mean loss, and metrics."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import numpy as np

import symgrad as sg
from symgrad import CompileError, DeclarationError, ShapeError
from symgrad.train.batches import Batch, Batches, per_example
from symgrad.train.history import COLUMNS

__all__ = ["Metric", "averages", "entries_of", "require_metrics"]

Array = np.ndarray[Any, Any]
Metric = Callable[[Any, Batch], Any]


def require_metrics(model: sg.Model, metrics: Any) -> dict[str, Metric]:
    """The metrics that a user passes, by name; None is none.

    Raises
    ------
    CompileError
        If the model has no outputs to measure.
    DeclarationError
        For what is no function of outputs and batch, and for names of other columns.
    """
    if metrics is not None and not isinstance(metrics, Mapping):
        raise DeclarationError(f"metrics: expected a dict of functions by name; got {metrics!r}")
    found = dict(metrics or {})
    if found and model.outputs is None:
        raise CompileError("metrics need outputs: compile the model with outputs=")
    for name, metric in found.items():
        if not callable(metric):
            raise DeclarationError(
                f"metrics[{name!r}]: expected a function of the outputs and the batch, such as "
                f"sg.train.accuracy('y'); got {metric!r}"
            )
        _require_two(name, metric)
        if name in COLUMNS or name.startswith("validation_"):
            raise DeclarationError(
                f"metrics: {name!r} is the name of a column that the history has anyway"
            )
    return found


def _require_two(name: str, metric: Metric) -> None:
    try:
        signature = inspect.signature(metric)
    except ValueError:  # written in C, without a signature
        return
    try:
        signature.bind(None, None)
    except TypeError:
        raise DeclarationError(
            f"metrics[{name!r}]: expected a function of two arguments, the outputs and the batch; "
            f"got {metric!r}, which takes {signature}"
        ) from None


def entries_of(metrics: Mapping[str, Metric]) -> list[str]:
    """The entries of a model that :func:`averages` calls."""
    return ["evaluate", *(["predict"] if metrics else [])]


def averages(
    model: sg.Model,
    params: dict[str, Array],
    batches: Batches,
    metrics: Mapping[str, Metric],
    *,
    trial: bool = False,
) -> dict[str, float]:
    """Mean loss over all examples and means of metrics, in evaluation mode.

    Parameters
    ----------
    model : Model
    params : dict of arrays
    batches : Batches
    metrics : dict of str to function
    trial : bool
        Whether the first batch is enough: what fails is refused before a run has begun.

    Raises
    ------
    SymgradError
        For data that do not fit, with the batch; for what a metric gives that is no number.
    """
    signatures = {entry: model.signature(entry) for entry in entries_of(metrics)}
    inputs = model.inputs
    totals, counts = (dict.fromkeys(["loss", *metrics], 0.0) for _ in range(2))
    for index, batch in enumerate(islice(batches.epoch(0), 1 if trial else None)):
        counted = per_example(batch, inputs)
        weight = len(batch[counted[0]]) if counted else 1
        found: dict[str, Any] = {}
        for entry, signature in signatures.items():
            own = {name: batch[name] for name in signature.data if name in batch}
            if signature.random:
                own["rng"] = np.random.default_rng([index, 2])
            try:
                found[entry] = getattr(model, entry)(params, **own)
            except sg.SymgradError as error:
                where = f"batch {index + 1} of {batches.what}"
                raise type(error)(f"{error}\n  in {where}") from None
        values = {"loss": np.asarray(found["evaluate"], np.float64)}
        for name, metric in metrics.items():
            values[name] = _measured(name, metric, found["predict"], batch)
        for name, array in values.items():
            # several numbers count as many as they are; one stands for its examples
            totals[name] += float(array.sum()) if array.ndim else float(array) * weight
            counts[name] += array.size if array.ndim else weight
    for name, count in counts.items():
        if not count and not trial:
            raise ShapeError(
                f"metrics[{name!r}]: expected a number of some batch of {batches.what}; "
                "got empty arrays of all"
            )
    return {name: total / max(counts[name], 1) for name, total in totals.items()}


def _measured(name: str, metric: Metric, outputs: Any, batch: Batch) -> Array:
    """What a metric says of a batch: one number, or an array of them."""
    try:
        value = metric(outputs, batch)
    except Exception as error:
        error.add_note(f"raised by metrics[{name!r}]")
        raise
    try:
        array = np.asarray(value)
    except ValueError:  # rows of unequal lengths
        array = np.empty((), object)
    if array.dtype.kind not in "biuf":
        raise DeclarationError(
            f"metrics[{name!r}]: expected a number, or an array of numbers; got {value!r}"
        )
    return array.astype(np.float64)
