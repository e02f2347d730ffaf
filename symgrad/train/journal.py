"""Steps that can be done again: how the cause of a loss that is not finite is found.

A step changes parameters in place, so that when something in it is not finite the values that
caused it are gone. The journal keeps a copy of an earlier state and the batches since then. Steps
are deterministic: done again from the copy they lead to the same bits, and the first step that
goes wrong is found with the state before it. Copying every `INTERVAL` steps costs next to nothing.
Nothing becomes permanent - a copy, a checkpoint, a row of the history - before it is settled that
all is finite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad import NonFiniteError
from symgrad.train.batches import Batch
from symgrad.train.watching import Steps

__all__ = ["Journal", "Sums"]

Array = np.ndarray[Any, Any]
State = tuple[dict[str, Array], dict[str, Array]]

INTERVAL = 64
_BYTES = 1 << 28  # batches that are held at most


@dataclass
class Sums:
    """What the steps of an epoch add up to.

    Attributes
    ----------
    loss : float
        Of each step, times its examples.
    examples, skipped : int
        Examples that were trained on; steps that were left out.
    """

    loss: float = 0.0
    examples: int = 0
    skipped: int = 0


@dataclass
class _Step:
    number: int
    batch: Batch
    examples: int
    place: str
    loss: float = 0.0
    #: what it has made infinite
    bad: tuple[str, ...] = ()


class Journal:
    """The steps since a state that is kept.

    Parameters
    ----------
    steps : Steps
        How a step is done.
    state : pair of dicts of arrays
        The run's own parameters and optimiser's state: steps change them in place.
    generator : callable
        The ``rng`` of the step of a number; None for one that draws nothing.
    skip : bool
        Whether a step that goes wrong is left out, instead of ending the run.
    nan : bool
        Whether NaN in the data is meant, and no cause.

    Attributes
    ----------
    sums : Sums
        Of the steps that are settled.
    """

    def __init__(
        self,
        steps: Steps,
        state: State,
        generator: Callable[[int], np.random.Generator | None],
        skip: bool,
        nan: bool,
    ) -> None:
        self._steps, self._state, self._generator = steps, state, generator
        self._skip, self._nan = skip, nan
        self._states = set(steps.model.states)
        self.sums = Sums()
        self._keep()

    def _keep(self) -> None:
        self._kept = _copied(self._state)
        self._since: list[_Step] = []
        self._held = 0

    def step(self, number: int, batch: Batch, examples: int, place: str) -> float | None:
        """One step of training, at a place that messages tell; None if it was left out.

        Raises
        ------
        NonFiniteError
            With the expression that caused it; the parameters are those before that step.
        """
        if len(self._since) >= INTERVAL or self._held > _BYTES:
            self.settle()
        step = _Step(number, batch, examples, place)
        self._since.append(step)
        self._held += sum(np.asarray(value).nbytes for value in batch.values())
        step.loss = self._do(step)
        if np.isfinite(step.loss):
            return step.loss
        self._again()
        return step.loss if self._since and self._since[-1] is step else None

    def settle(self) -> None:
        """Take the state as it is for good; first see that all of it is finite.

        Whoever changes the state otherwise than by a step calls this before and after.

        Raises
        ------
        NonFiniteError
        """
        if self._went_wrong(self._kept):
            self._again()
        for step in self._since:
            self.sums.loss += step.loss * step.examples
            self.sums.examples += step.examples
        self._keep()

    def _draws(self, step: _Step) -> dict[str, Any]:
        rng = self._generator(step.number)
        return {} if rng is None else {"rng": rng}

    def _do(self, step: _Step) -> float:
        return float(self._steps(step.number, self._state, {**step.batch, **self._draws(step)}))

    def _again(self) -> None:
        """Do the steps since the kept state again, without those that go wrong."""
        _put(self._kept, self._state)
        since, self._since = self._since, []
        for step in since:
            before = _copied(self._state)
            step.loss = self._do(step)
            step.bad = self._went_wrong(before)
            if np.isfinite(step.loss) and not step.bad:
                self._since.append(step)
                continue
            _put(before, self._state)
            if not self._skip:
                raise NonFiniteError(self._cause(step))
            self.sums.skipped += 1

    def _went_wrong(self, before: State) -> tuple[str, ...]:
        """Names of what was finite and is so no more; a state may be, a minimum of nothing."""
        found = []
        for now, then in zip(self._state, before, strict=True):
            for name, array in now.items():
                if array.dtype.kind != "f":
                    continue
                state = name in self._states and now is self._state[0]
                good: Callable[[Array], Any] = _is_number if state else np.isfinite
                if not good(array).all() and (good(then[name]) & ~good(array)).any():
                    found.append(name)
        return tuple(found)

    def _cause(self, step: _Step) -> str:
        what = f"the loss is {step.loss}"
        if np.isfinite(step.loss):
            what = f"the new {', '.join(step.bad)} would not be finite"
        head = (
            f"step {step.number + 1}, {step.place}: {what}; the parameters are left as they were "
            "before it."
        )
        for name, value in step.batch.items():
            bad = _first_bad(value, self._nan)
            if bad is not None:
                return f"{head}\n  {name} is {bad}"
        checking = self._steps.model.recompiled(debug="nan", watch=None)
        try:
            checking.step(*_copied(self._state), **step.batch, **self._draws(step))
        except NonFiniteError as error:
            return f"{head}\n  {error}"
        return head


def _is_number(array: Array) -> Any:
    return ~np.isnan(array)


def _first_bad(value: Any, nan: bool) -> str | None:
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return None
    bad = np.isinf(array) if nan else ~np.isfinite(array)
    if not bad.any():
        return None
    at = tuple(np.argwhere(bad)[0].tolist())
    return f"{array[at]} at {at}"


def _copied(state: State) -> State:
    params, opt_state = state
    return {k: v.copy() for k, v in params.items()}, {k: v.copy() for k, v in opt_state.items()}


def _put(source: State, target: State) -> None:
    """Copy values into arrays: they stay the caller's own."""
    for old, new in zip(target, source, strict=True):
        for name, array in old.items():
            array[...] = new[name]
