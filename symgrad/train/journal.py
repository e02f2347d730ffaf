"""Steps that can be done again: how the cause of a loss that is not finite is found.

A step changes parameters in place, so that when its loss is NaN the values that caused it are
gone. The journal keeps a copy of an earlier state and the batches since then. Steps are
deterministic: done again from the copy, they lead to the same bits, and the first step that goes
wrong is found with the state before it. Copying every `INTERVAL` steps costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import symgrad as sg
from symgrad import NonFiniteError
from symgrad.train.batches import Batch
from symgrad.train.watching import Steps

__all__ = ["Journal"]

Array = np.ndarray[Any, Any]
State = tuple[dict[str, Array], dict[str, Array]]

INTERVAL = 64
_BYTES = 1 << 28  # batches that are held at most


class Journal:
    """The steps since a state that is kept.

    Parameters
    ----------
    model : Model
    params, opt_state : dict of arrays
        The run's own: steps change them in place.
    generator : callable
        The ``rng`` of the step of a number; None for one that draws nothing.
    skip : bool
        Whether a step that goes wrong is left out, instead of ending the run.
    steps : Steps
        How a step is done.
    """

    def __init__(
        self,
        model: sg.Model,
        params: dict[str, Array],
        opt_state: dict[str, Array],
        generator: Callable[[int], np.random.Generator | None],
        skip: bool,
        steps: Steps,
    ) -> None:
        self._model, self._state, self._skip = model, (params, opt_state), skip
        self._steps = steps
        self._generator = generator
        self.skipped = 0
        self.begin()

    def begin(self) -> None:
        """Keep the state as it is: whoever changes it otherwise than by a step calls this."""
        self._kept = _copied(self._state)
        self._since: list[tuple[int, Batch, str]] = []
        self._held = 0

    def step(self, number: int, batch: Batch, place: str) -> Any:
        """One step of training, at a place that messages tell; None if it was left out.

        Raises
        ------
        NonFiniteError
            With the expression that caused it; the parameters are those before that step.
        """
        if len(self._since) >= INTERVAL or self._held > _BYTES:
            self.begin()
        self._since.append((number, batch, place))
        self._held += sum(np.asarray(value).nbytes for value in batch.values())
        loss = self._do(number, batch)
        if np.isfinite(loss):
            return loss
        return self._again(loss)

    def _do(self, number: int, batch: Batch) -> Any:
        rng = self._generator(number)
        random = {} if rng is None else {"rng": rng}
        return self._steps(number, self._state, {**batch, **random})

    def _again(self, loss: Any) -> Any:
        """The steps since the kept state, without those that go wrong."""
        _put(self._kept, self._state)
        since, self._since = self._since, []
        result: Any = None
        for number, batch, place in since:
            before = _copied(self._state)
            result = self._do(number, batch)
            if np.isfinite(result) and _finite(self._state[0]):
                self._since.append((number, batch, place))
                continue
            _put(before, self._state)
            if not self._skip:
                raise NonFiniteError(self._cause(number, batch, place, result))
            self.skipped += 1
            result = None
        return result

    def _cause(self, number: int, batch: Batch, place: str, loss: Any) -> str:
        what = (
            f"the loss is {float(loss)}"
            if not np.isfinite(loss)
            else "a parameter's new value is not finite"
        )
        head = (
            f"step {number + 1}, {place}: {what}; the parameters are left as they were before it."
        )
        for name, value in batch.items():
            bad = _first_bad(value)
            if bad is not None:
                return f"{head}\n  {name} is {bad}"
        rng = self._generator(number)
        random = {} if rng is None else {"rng": rng}
        checking = self._model.recompiled(debug="nan", watch=None)
        try:
            checking.step(*_copied(self._state), **batch, **random)
        except NonFiniteError as error:
            return f"{head}\n  {error}"
        return head


def _first_bad(value: Any) -> str | None:
    array = np.asarray(value)
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return None
    at = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
    return f"{array[at]} at {at}"


def _copied(state: State) -> State:
    params, opt_state = state
    return {k: v.copy() for k, v in params.items()}, {k: v.copy() for k, v in opt_state.items()}


def _put(source: State, target: State) -> None:
    """Copy values into arrays: they stay the caller's own."""
    for old, new in zip(target, source, strict=True):
        for name, array in old.items():
            array[...] = new[name]


def _finite(arrays: dict[str, Array]) -> bool:
    return all(np.isfinite(a).all() for a in arrays.values() if a.dtype.kind == "f")
