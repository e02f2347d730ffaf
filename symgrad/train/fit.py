"""``train.fit``: epochs over minibatches, validation, checkpoints."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import symgrad as sg
from symgrad import CompileError, DeclarationError, DTypeError, ShapeError
from symgrad.options import flag, real, whole
from symgrad.train.batches import ArrayBatches, Batches, batches_of, held_out
from symgrad.train.callbacks import Callback, Run, hooks_of, require_columns
from symgrad.train.checkpoint import place_of
from symgrad.train.claim import require_new
from symgrad.train.history import History
from symgrad.train.interruption import deferred
from symgrad.train.loop import Loop
from symgrad.train.measuring import Metric, averages, entries_of, require_metrics
from symgrad.train.progress import Progress

__all__ = ["Result", "evaluate", "fit"]

Array = np.ndarray[Any, Any]


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
    plateau: str | None = None,
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
        nothing, such as a generator function; one that never ends is cut into epochs by
        ``itertools.islice``. A number may stand for an array without axes.
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
        ``predict`` returns; averaged over the validation data, or without it over `data`. An array
        counts as many numbers as it holds, a number as many as the batch has examples. The
        columns of the history that are there anyway are no names for them. Each is tried on the
        first batch of arrays before the first step.
    callbacks : sequence of Callback, or of functions of the run
        Functions are called after each epoch.
    checkpoint : path ending in ``.npz``, optional
        Written after each epoch, when Ctrl-C is pressed, and at the end; by one run at a time, and
        never over what another run has left there.
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
        Whether a step whose loss or new values would not be finite ends the run, with the
        expression that caused it, or is left out and counted in the history as ``skipped``.
    nan : {"raise", "allow"}
        What becomes of NaN in the data.
    sizes : dict of str to int, optional
        Symbolic sizes that parameters need.
    progress : bool, optional
        Whether a bar is shown; None shows it if the standard error stream is a terminal.
    plateau : str, optional
        The column of the history that a ``ReduceOnPlateau`` watches: ``"validation_loss"``, or
        without validation ``"loss"``, if None.

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
        If the checkpoint is torn, of another model or of other settings; if another run writes
        it; if there is one, and ``resume=True`` is not given.

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
    _require_model("fit", model)
    if model.optimizer is None:
        raise CompileError("fit: the model was compiled without optimizer=, so it has no step")
    epochs = whole("fit", "epochs", epochs, 0)
    if checkpoint_every is not None:
        checkpoint_every = whole("fit", "checkpoint_every", checkpoint_every)
    seed = whole("fit", "seed", seed, 0)
    resume, shuffle = flag("fit", "resume", resume), flag("fit", "shuffle", shuffle)
    if nonfinite not in ("raise", "skip"):
        raise DeclarationError(f"nonfinite: expected 'raise' or 'skip'; got {nonfinite!r}")
    if resume and checkpoint is None:
        raise DeclarationError("resume=True needs the path of a checkpoint: pass checkpoint=")
    measured = require_metrics(model, metrics)
    hooks = hooks_of(callbacks)
    require_columns(hooks, _columns(measured, validation is not None), plateau)
    path = None if checkpoint is None else place_of(checkpoint)
    if path is not None and not resume:
        require_new(path)
    options: dict[str, Any] = {"batch_size": batch_size, "seed": seed, "nan": nan}
    rows = others = None
    if isinstance(validation, (float, np.floating)):
        share = real("fit", "validation", validation, 0, 1, open_low=True, open_high=True)
        rows, others = held_out(data, model, share, seed)
        validation = data
    training = batches_of(data, model, shuffle=shuffle, remainder=remainder, rows=rows, **options)
    judged = None
    if validation is not None:
        judged = batches_of(
            validation, model, shuffle=False, what="validation", rows=others, **options
        )
    elif measured:
        judged = _in_order(data, model, remainder, options)
    apart = validation is not None and validation is not data
    judging = [] if judged is None else entries_of(measured)
    training.check(["step"] if apart else ["step", *judging])
    if judged is not None and apart:
        judged.check(judging)
    if params is None:
        params = model.init(seed, **(sizes or {}))
    else:
        _require_params(model, params)
    if measured and isinstance(judged, ArrayBatches):
        averages(model, params, judged, measured, trial=True)
    run = Run(model, params, model.init_optimizer(params))
    settings = {
        "seed": seed,
        "data": training.described(),
        "validation": None if validation is None or judged is None else judged.described(),
        "nonfinite": nonfinite,
        "step": hashlib.sha256(model.source_of("step").encode()).hexdigest(),
    }
    loop = Loop(run, training, hooks, settings, nonfinite == "skip", nan == "allow")
    loop.judge(judged, measured, validation is not None, plateau)
    if path is not None:
        loop.keep(path, checkpoint_every, resume)
    with deferred() as interruption, Progress(progress, epochs, training.count) as bar:
        loop.go(epochs, interruption, bar)
    return Result(run.params, run.opt_state, run.history, run.stopped)


def _require_model(owner: str, model: Any) -> None:
    if not isinstance(model, sg.Model):
        raise DeclarationError(
            f"{owner}: expected a compiled model, as sg.compile gives it; "
            f"got {type(model).__name__}"
        )


def _columns(metrics: Mapping[str, Metric], held: bool) -> list[str]:
    """The columns that the history will have, whatever callbacks add."""
    measured = [f"validation_{name}" for name in ("loss", *metrics)] if held else list(metrics)
    return ["epoch", "step", "loss", *measured, "seconds"]


def _require_params(model: sg.Model, params: dict[str, Array]) -> None:
    """Refuse parameters that no step can change in place."""
    model.check_params(params)
    for name, leaf in {**model.params, **model.states}.items():
        value = params[name]
        if not isinstance(value, np.ndarray) or value.dtype != leaf.dtype:
            kind = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
            raise DTypeError(f"params[{name!r}]: expected an array of {leaf.dtype}; got {kind}")
        if not value.flags.writeable:
            raise DTypeError(f"params[{name!r}]: it is changed in place, and cannot be written to")


def _in_order(data: Any, model: sg.Model, remainder: str, options: dict[str, Any]) -> Batches:
    """The training data to measure on: all of them, if the model takes a last batch as it is."""
    if isinstance(data, Iterator):
        raise DeclarationError(
            "metrics without validation go through the data once more after each epoch, and a "
            "generator gives its batches once: pass the function that makes it"
        )
    try:
        return batches_of(data, model, shuffle=False, **options)
    except ShapeError:
        return batches_of(data, model, shuffle=False, remainder=remainder, **options)


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
    _require_model("evaluate", model)
    measured = require_metrics(model, metrics)
    batches = batches_of(data, model, batch_size=batch_size, shuffle=False, nan=nan)
    batches.check(entries_of(measured))
    return averages(model, params, batches, measured)
