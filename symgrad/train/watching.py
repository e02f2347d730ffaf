"""Steps of training that also return what callbacks watch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import symgrad as sg
from symgrad.train.callbacks import Callback

__all__ = ["Steps"]


class Steps:
    """The training step of a model, with what callbacks watch where one wants it.

    Watching changes no bits of what is trained. A model that was compiled with options of its
    own for its steps, ``watch`` or ``debug``, is trained without them.

    Attributes
    ----------
    model : Model
        What is trained.
    watched : list of dict
        What the last step gave, for each callback.
    """

    def __init__(self, model: sg.Model, hooks: Sequence[Callback]) -> None:
        if model.watched is not None or model.debug is not None:
            model = model.recompiled(watch=None, debug=None)
        self.model = model
        self._hooks = hooks
        self._watches = [hook.watch(model) for hook in hooks]
        self._names: list[dict[str, str]] = []  # in what a step returns -> what the callback said
        self.watched: list[dict[str, Any]] = [{} for _ in hooks]
        self._watching: sg.Model | None = None
        if any(watch is not None for watch in self._watches):
            self._watching = model.recompiled(watch=self._watch)

    def _watch(self, known: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._names = []
        for index, watch in enumerate(self._watches):
            made = {} if watch is None else watch(known)
            self._names.append({f"{index}.{name}": name for name in made})
            found |= {f"{index}.{name}": value for name, value in made.items()}
        return found

    def __call__(self, number: int, state: Any, data: Mapping[str, Any]) -> Any:
        """One step, of this number (from 0): the loss."""
        wanting = [
            index
            for index, (hook, watch) in enumerate(zip(self._hooks, self._watches, strict=True))
            if watch is not None and number % hook.every == 0
        ]
        self.watched = [{} for _ in self._hooks]
        if self._watching is None or not wanting:
            return self.model.step(*state, **data)
        loss, found = self._watching.step(*state, **data)
        for index in wanting:
            names = self._names[index]
            self.watched[index] = {name: found[full] for full, name in names.items()}
        return loss
