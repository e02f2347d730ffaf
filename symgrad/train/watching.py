"""Steps of training that also return what callbacks watch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import symgrad as sg
from symgrad.train.callbacks import Callback

__all__ = ["Steps"]


class Steps:
    """The training step of a model, with what callbacks watch where one wants it.

    Watching changes no bits of what is trained.
    """

    def __init__(self, model: sg.Model, hooks: Sequence[Callback]) -> None:
        self._plain = model.recompiled(watch=None) if model.watched else model
        asked = [(hook, hook.watch(model)) for hook in hooks]
        self._asked = [(hook, watch) for hook, watch in asked if watch is not None]
        #: what the last step gave, by callback
        self.watched: dict[Callback, dict[str, Any]] = {}
        self._watching: sg.Model | None = None
        if self._asked:
            self._watching = model.recompiled(watch=self._watch)

    def _watch(self, known: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for number, (_, watch) in enumerate(self._asked):
            found |= {f"{number}.{name}": value for name, value in watch(known).items()}
        return found

    def __call__(self, number: int, state: Any, data: Mapping[str, Any]) -> Any:
        """One step, of this number (from 0): the loss."""
        self.watched = {}
        wanting = [hook for hook, _ in self._asked if number % hook.every == 0]
        if self._watching is None or not wanting:
            return self._plain.step(*state, **data)
        loss, found = self._watching.step(*state, **data)
        for index, (hook, _) in enumerate(self._asked):
            prefix = f"{index}."
            self.watched[hook] = {
                k.removeprefix(prefix): v for k, v in found.items() if k.startswith(prefix)
            }
        return loss
