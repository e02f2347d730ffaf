"""Optimisers made of optimisers: weight decay, accumulated gradients, groups, averaged weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import symgrad as sg
from symgrad import DeclarationError, Expr
from symgrad.model.optimizing import Optimizer, Slot, Updates
from symgrad.optim.elementwise import (
    Elementwise,
    Exprs,
    require_optimizer,
    toward,
    trained,
)
from symgrad.optim.names import (
    Pattern,
    apart,
    chosen,
    matches,
    merged,
    outward,
    require_pattern,
    within,
)
from symgrad.optim.plateau import ReduceOnPlateau, plateaus_of
from symgrad.options import real, whole

__all__ = ["accumulate", "average", "averaged", "decay", "groups"]

Array = TypeVar("Array")


@dataclass(frozen=True)
class _Wrapper:
    """An optimiser around another one; `_own` is what it keeps besides."""

    optimizer: Optimizer

    def trains(self, params: Exprs, /) -> list[str]:
        return trained(self.optimizer, params)

    def plateaus(self) -> Iterable[ReduceOnPlateau]:
        return plateaus_of(self.optimizer)

    def _own(self, params: Exprs) -> dict[str, Slot]:
        return {}

    def _parts(self, params: Exprs) -> list[Mapping[str, Slot]]:
        return [self.optimizer.slots(params), self._own(params)]

    def slots(self, params: Exprs, /) -> dict[str, Slot]:
        return merged(self._parts(params))


@dataclass(frozen=True)
class _Decay(_Wrapper):
    optimizer: Elementwise
    coefficient: float
    on: tuple[str, ...]

    def update(self, params: Exprs, grads: Exprs, slots: Exprs, step: Expr, /) -> Updates:
        names = chosen("decay", self.on, params)
        shrunk: dict[str, Expr] = {}
        for name, param in params.items():  # those of one rule side by side
            if name in names:
                rate = self.optimizer.rate(slots, step, param.dtype)
                shrunk[name] = (1 - rate * self.coefficient) * param
        others = {name: param for name, param in params.items() if name not in names}
        return self.optimizer.update(shrunk | others, grads, slots, step)


def decay(optimizer: Elementwise, coefficient: float, on: Pattern = "*") -> Optimizer:
    """Weight decay apart from the gradient: ``w = (1 - lr coefficient) w`` before the update.

    Around :class:`Adam` this is AdamW. It differs from :func:`l2` in that what decays a weight is
    not divided by the size of its gradients. I. Loshchilov, F. Hutter, *Decoupled weight decay
    regularization* (2019), algorithm 2, in PyTorch's form: the learning rate multiplies it.

    Parameters
    ----------
    optimizer : Elementwise
        Such as ``Adam(1e-3)``.
    coefficient : float
        At least 0.
    on : str or sequence of str
        The parameters that decay: a scope, a name or a pattern such as ``"*.W"``.

    Returns
    -------
    Optimizer

    Raises
    ------
    DeclarationError
        Also if a pattern matches no parameter, when a model is compiled.

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(0 * w, optimizer=sg.optim.decay(sg.optim.SGD(0.5), 0.5))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> float(params["w"])
    0.75
    """
    require_optimizer("decay", optimizer)
    if not isinstance(optimizer, Elementwise):
        raise DeclarationError(
            "decay: expected one update rule, such as Adam(1e-3), whose rate it shares; put others "
            f"around it, as in chain(..., decay(Adam(1e-3), 0.01)); got {optimizer!r}"
        )
    coefficient = real("decay", "coefficient", coefficient, 0)
    return _Decay(optimizer, coefficient, require_pattern("decay: on", on))


@dataclass(frozen=True)
class _Accumulate(_Wrapper):
    every: int

    def _own(self, params: Exprs) -> dict[str, Slot]:
        return {f"total.{name}": Slot(0.0, like=params[name]) for name in self.trains(params)}

    def update(self, params: Exprs, grads: Exprs, slots: Exprs, step: Expr, /) -> Updates:
        inner, own = apart(self._parts(params))
        old = within(inner, slots)
        sums = {name: slots[own[f"total.{name}"]] for name in grads}
        total = sg.cond(  # begun anew rather than set to zero: NaN does not stay
            sg.equal(step % self.every, 1),
            lambda: dict(grads),
            lambda: {name: sums[name] + g for name, g in grads.items()},
        )
        changed: list[dict[str, Expr]] = []

        def now() -> list[dict[str, Expr]]:
            mean = {name: t / self.every for name, t in total.items()}
            made = self.optimizer.update(params, mean, old, step // self.every)
            changed.extend((dict(made.params), dict(made.slots)))
            return changed

        def later() -> list[dict[str, Expr]]:
            return [
                {name: leaves[name] for name in made}
                for leaves, made in zip((params, old), changed, strict=True)
            ]

        new, kept = sg.cond(sg.equal(step % self.every, 0), now, later)
        totals = {own[f"total.{name}"]: value for name, value in total.items()}
        return Updates(new, outward(inner, kept) | totals)


def accumulate(optimizer: Optimizer, every: int) -> Optimizer:
    """Update once in `every` steps, by the mean of their gradients: large batches piece by piece.

    In between the parameters stay as they are. The inner optimiser counts its own updates: its
    schedules and corrections are those of a run of fewer steps.

    Parameters
    ----------
    optimizer : Optimizer
    every : int
        At least 1.

    Returns
    -------
    Optimizer

    Raises
    ------
    DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> w, x = sg.param("w", (), init=1.0), sg.input("x", ())
    >>> model = sg.compile(w * x, optimizer=sg.optim.accumulate(sg.optim.SGD(0.5), every=2))
    >>> params = model.init()
    >>> state = model.init_optimizer(params)
    >>> for value in (1.0, 3.0):
    ...     _ = model.step(params, state, x=value)
    ...     print(params["w"])
    1.0
    0.0
    """
    require_optimizer("accumulate", optimizer)
    every = whole("accumulate", "every", every, 1)
    return optimizer if every == 1 else _Accumulate(optimizer, every)


@dataclass(frozen=True)
class _Groups:
    optimizers: Mapping[str, Optimizer | None]

    def _members(self, params: Exprs) -> list[tuple[Optimizer, dict[str, Expr]]]:
        """The optimisers with their parameters; without those that are frozen."""
        members: dict[str, dict[str, Expr]] = {pattern: {} for pattern in self.optimizers}
        for name, param in params.items():
            for pattern, group in members.items():
                if matches(pattern, name):
                    group[name] = param
                    break
            else:
                raise DeclarationError(
                    f"groups: the parameter {name!r} is in none of {list(members)}; a last group "
                    'called "*" takes all that are left, and None as its optimiser freezes them'
                )
        for pattern, group in members.items():
            if not group:
                raise DeclarationError(
                    f"groups: {pattern!r} has no parameter that an earlier group has not; "
                    f"there are {list(params)}"
                )
        return [(o, members[p]) for p, o in self.optimizers.items() if o is not None]

    def trains(self, params: Exprs, /) -> list[str]:
        found = {name for o, group in self._members(params) for name in trained(o, group)}
        return [name for name in params if name in found]

    def plateaus(self) -> Iterable[ReduceOnPlateau]:
        return [p for o in self.optimizers.values() for p in plateaus_of(o)]

    def slots(self, params: Exprs, /) -> dict[str, Slot]:
        return merged([o.slots(group) for o, group in self._members(params)])

    def update(self, params: Exprs, grads: Exprs, slots: Exprs, step: Expr, /) -> Updates:
        members = self._members(params)
        new: dict[str, Expr] = {}
        kept: dict[str, Expr] = {}
        names = apart([o.slots(group) for o, group in members])
        for (optimizer, group), own in zip(members, names, strict=True):
            mine = {name: grads[name] for name in trained(optimizer, group)}
            made = optimizer.update(group, mine, within(own, slots), step)
            new |= made.params
            kept |= outward(own, made.slots)
        return Updates(new, kept)


def groups(optimizers: Mapping[str, Optimizer | None]) -> Optimizer:
    """An optimiser for each group of parameters.

    Parameters
    ----------
    optimizers : dict of str to Optimizer or None
        Pattern -> optimiser: the pattern is a scope, the name of a parameter, or a pattern of
        names such as ``"*.b"``. A parameter belongs to the first group that matches it. ``None``
        freezes a group: its gradients are not even computed. States, such as the running averages
        of a batch norm, are no parameters, and change all the same.

    Returns
    -------
    Optimizer

    Raises
    ------
    DeclarationError
        Also if a parameter is in no group, or a group has none, when a model is compiled.

    Examples
    --------
    >>> import symgrad as sg
    >>> with sg.scope("encoder"):
    ...     v = sg.param("v", (), init=1.0)
    >>> w = sg.param("w", (), init=1.0)
    >>> optimizer = sg.optim.groups({"encoder": None, "*": sg.optim.SGD(0.25)})
    >>> model = sg.compile((v + w) ** 2, optimizer=optimizer)
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> float(params["encoder.v"]), float(params["w"])
    (1.0, 0.0)
    """
    if not isinstance(optimizers, Mapping) or not optimizers:
        raise DeclarationError(
            f"groups: expected a dict of patterns to optimisers; got {optimizers!r}"
        )
    for pattern, optimizer in optimizers.items():
        if not isinstance(pattern, str) or not pattern:
            raise DeclarationError(f"groups: expected a pattern of names; got {pattern!r}")
        if optimizer is not None:
            require_optimizer(f"groups: {pattern!r}", optimizer)
    return _Groups(dict(optimizers))


@dataclass(frozen=True)
class _Average(_Wrapper):
    decay: float

    def _own(self, params: Exprs) -> dict[str, Slot]:
        names = self.trains(params)
        return {f"average.{name}": Slot(params[name], like=params[name]) for name in names}

    def update(self, params: Exprs, grads: Exprs, slots: Exprs, step: Expr, /) -> Updates:
        inner, own = apart(self._parts(params))
        made = self.optimizer.update(params, grads, within(inner, slots), step)
        kept = outward(inner, made.slots)
        for name, new in made.params.items():
            full = own[f"average.{name}"]
            kept[full] = toward(slots[full], new, self.decay)
        return Updates(made.params, kept)


def average(optimizer: Optimizer, decay: float = 0.999) -> Optimizer:
    """Keep a running mean of the weights besides: ``a = decay a + (1 - decay) w`` at each step.

    It begins at the first weights, and often predicts better than the last ones;
    :func:`averaged` gives it. B. Polyak, A. Juditsky, *Acceleration of stochastic approximation by
    averaging* (1992), with weights that fade as in D. Kingma, J. Ba, *Adam* (2015), section 7.2.

    Parameters
    ----------
    optimizer : Optimizer
    decay : float
        In [0, 1).

    Returns
    -------
    Optimizer

    Raises
    ------
    DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(w * w, optimizer=sg.optim.average(sg.optim.SGD(0.5), 0.75))
    >>> params = model.init()
    >>> state = model.init_optimizer(params)
    >>> _ = model.step(params, state)
    >>> float(params["w"]), float(sg.optim.averaged(params, state)["w"])
    (0.0, 0.75)
    """
    require_optimizer("average", optimizer)
    decay = real("average", "decay", decay, 0, 1, open_high=True)
    return _Average(optimizer, decay)


def averaged(params: Mapping[str, Array], opt_state: Mapping[str, Array]) -> dict[str, Array]:
    """Parameters with the means that :func:`average` keeps in the place of the last values.

    Parameters
    ----------
    params, opt_state : dict of arrays

    Returns
    -------
    dict of arrays
        The states, and parameters that are not averaged, as they are in `params`. The arrays are
        those of `opt_state` and `params`, which the next step changes: copy what is to stay.

    Raises
    ------
    DeclarationError
        If the state has no means.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.optim.averaged({"w": 1.0, "seen": 5.0}, {"steps": 3, "average.w": 0.5})
    {'w': 0.5, 'seen': 5.0}
    """
    if not any(f"average.{name}" in opt_state for name in params):
        raise DeclarationError(
            "averaged: opt_state holds no means of weights: the optimiser was not in average(...)"
        )
    return {name: opt_state.get(f"average.{name}", value) for name, value in params.items()}
