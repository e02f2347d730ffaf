"""A learning rate that falls when training no longer gets better."""

from __future__ import annotations

import math
import re
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from symgrad import DeclarationError
from symgrad.model.optimizing import Slot
from symgrad.options import real, whole

__all__ = ["ReduceOnPlateau", "observe"]


@dataclass(frozen=True, eq=False)
class ReduceOnPlateau:
    """A learning rate that is multiplied by `factor` when a value has stopped to improve.

    The rate and what it waits for are numbers of the optimiser's state, so that a saved state
    holds them. The training loop reports the value, after each epoch say, by :meth:`observe`;
    ``sg.train.fit`` does so.

    A value improves on the best one if it is below ``best - threshold |best|`` (above
    ``best + threshold |best|`` for ``mode="max"``); NaN never does. This is PyTorch's
    ``ReduceLROnPlateau`` for values above 0, and goes the right way for those below.

    Parameters
    ----------
    lr : float
        The first rate.
    factor : float
        In (0, 1).
    patience : int
        So many values in a row may fail to improve; with the next one the rate falls.
    threshold : float
    cooldown : int
        For so many values after a fall none counts as a failure.
    least : float
        The rate falls no further.
    mode : {"min", "max"}
    name : str
        Of the rate among the slots; two of them in one optimiser need two names.

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> plateau = sg.optim.ReduceOnPlateau(0.25, factor=0.5, patience=0)
    >>> model = sg.compile(w * w, optimizer=sg.optim.SGD(plateau))
    >>> state = model.init_optimizer(model.init())
    >>> for value in (3.0, 2.0, 2.0):
    ...     plateau.observe(state, value)
    >>> float(state["rate"])
    0.125
    """

    lr: float
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    cooldown: int = 0
    least: float = 0.0
    mode: str = "min"
    name: str = "rate"
    _slots: dict[str, Slot] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        owner = "ReduceOnPlateau"
        checked: dict[str, Any] = {
            "lr": real(owner, "lr", self.lr, 0),
            "factor": real(owner, "factor", self.factor, 0, 1, open_low=True, open_high=True),
            "patience": whole(owner, "patience", self.patience, 0),
            "threshold": real(owner, "threshold", self.threshold, 0),
            "cooldown": whole(owner, "cooldown", self.cooldown, 0),
            "least": real(owner, "least", self.least, 0),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.mode not in ("min", "max"):
            raise DeclarationError(f'{owner}: expected mode "min" or "max"; got {self.mode!r}')
        if not isinstance(self.name, str) or not re.fullmatch("[a-z][a-z0-9_]*", self.name):
            raise DeclarationError(f"{owner}: expected a lowercase word as name; got {self.name!r}")
        worst = math.inf if self.mode == "min" else -math.inf
        first = {
            self.name: self.lr,
            f"{self.name}_plateau.best": worst,
            f"{self.name}_plateau.failures": 0,
            f"{self.name}_plateau.rest": 0,
        }
        object.__setattr__(self, "_slots", {name: Slot(value) for name, value in first.items()})

    def slots(self) -> dict[str, Slot]:
        """What is kept: the same objects at each call, so that two optimisers may share it."""
        return dict(self._slots)

    def observe(self, opt_state: MutableMapping[str, Any], value: Any) -> None:
        """Report a value, such as the loss of an epoch; the state is changed in place.

        Parameters
        ----------
        opt_state : dict of arrays
            From ``model.init_optimizer``.
        value : float

        Raises
        ------
        DeclarationError
            If the state is that of another optimiser.
        """
        missing = [name for name in self._slots if name not in opt_state]
        if missing:
            raise DeclarationError(
                f"observe: opt_state has no {missing[0]!r}: it is of another optimiser"
            )
        rate, best, failures, rest = (opt_state[name] for name in self._slots)
        value, record = float(value), float(best)
        margin = self.threshold * abs(record) if math.isfinite(record) else 0.0
        better = value < record - margin if self.mode == "min" else value > record + margin
        count = 0 if better else int(failures) + 1
        resting = int(rest)
        if resting > 0:
            resting, count = resting - 1, 0
        if count > self.patience:
            rate[...] = max(float(rate) * self.factor, min(self.least, float(rate)))
            resting, count = self.cooldown, 0
        if better:
            best[...] = value
        failures[...] = count
        rest[...] = resting


def observe(optimizer: Any, opt_state: MutableMapping[str, Any], value: Any) -> None:
    """Report a value to every :class:`ReduceOnPlateau` in an optimiser, however deep.

    Parameters
    ----------
    optimizer : from sg.optim
    opt_state : dict of arrays
        Its state, which is changed in place.
    value : float
        Such as the loss of the validation data after an epoch.

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> lr = sg.optim.ReduceOnPlateau(0.5, factor=0.5, patience=0)
    >>> optimizer = sg.optim.chain(sg.optim.clip_by_value(1.0), sg.optim.SGD(lr))
    >>> state = sg.compile(w * w, optimizer=optimizer).init_optimizer({"w": 1.0})
    >>> sg.optim.observe(optimizer, state, 1.0)
    >>> sg.optim.observe(optimizer, state, 1.0)
    >>> float(state["rate"])
    0.25
    """
    for one in {id(p): p for p in plateaus_of(optimizer)}.values():
        one.observe(opt_state, value)


def plateaus_of(optimizer: Any) -> list[ReduceOnPlateau]:
    """The rates of an optimiser that want to hear how training goes."""
    found = getattr(optimizer, "plateaus", None)
    return [] if found is None else list(found())
