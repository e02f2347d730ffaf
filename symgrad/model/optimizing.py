"""The door for optimisers: what one keeps for a model, and what it makes of the gradients."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.graph import inherit, substitute
from symgrad.ir.node import Expr, identity
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.provenance import Origin
from symgrad.ops.leaf import INPUT, SLOT

__all__ = ["Optimizer", "Optimizing", "Slot", "Updates", "stand_in"]

#: the number of updates, which every model with an optimiser counts
STEPS = "steps"

#: what may stand before a parameter's name; the name of a number
_KIND = re.compile(r"[a-z][a-z0-9_]*")
_NUMBER = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")


@dataclass(frozen=True, eq=False)
class Slot:
    """An array that an optimiser keeps from step to step.

    Parameters
    ----------
    first : number, or Expr
        Its value before the first step: a number, or the parameter `like`, of which it is then
        a copy.
    like : Expr, optional
        The parameter whose shape and dtype it has; a single number if None: int64 if `first`
        is an integer, float64 otherwise.
    """

    first: float | Expr
    like: Expr | None = None


@dataclass(frozen=True)
class Updates:
    """New values, by name; what is not mentioned keeps its value.

    The source updates the parameters in the order of `params`: neighbours that follow one rule
    are written as one loop.

    Parameters
    ----------
    params, slots : mapping of str to Expr
    """

    params: Mapping[str, Expr] = field(default_factory=dict)
    slots: Mapping[str, Expr] = field(default_factory=dict)


class Optimizer(Protocol):
    """What ``sg.compile`` asks of an optimiser; parameters and slots go by their full names.

    A third method is optional: ``trains(params)`` gives the names of the parameters whose
    gradients are wanted; all of them without it.
    """

    def slots(self, params: Mapping[str, Expr], /) -> Mapping[str, Slot]:
        """What is kept, by name: ``m.hidden.W`` for a parameter, or ``rate``."""
        ...

    def update(
        self,
        params: Mapping[str, Expr],
        grads: Mapping[str, Expr],
        slots: Mapping[str, Expr],
        step: Expr,
        /,
    ) -> Updates:
        """New parameters and slots; `step`, an int64, counts the updates from 1."""
        ...


class Optimizing:
    """An optimiser at work on the parameters of one model.

    Attributes
    ----------
    count : Expr
        The slot that counts the steps.
    slots : list of Expr
        All slots, `count` first.
    trained : list of Expr
        Parameters whose gradients the optimiser asks for.
    declared : dict of Expr to Expr
        New values of leaves, with stand-ins for the gradients, which only the compiler makes.
    """

    def __init__(self, optimizer: Any, params: Sequence[Expr]) -> None:
        _require(optimizer)
        self.optimizer = optimizer
        self.params = {str(p.attrs["name"]): p for p in params}
        trains = getattr(optimizer, "trains", None)
        wanted = list(self.params) if trains is None else list(trains(dict(self.params)))
        self._known(wanted, self.params, "trains")
        self.trained = [p for name, p in self.params.items() if name in set(wanted)]
        self.count = _leaf(STEPS, Slot(0), STEPS)
        self.slots = [self.count]
        #: slot -> the parameter whose shape it has
        self.owner: dict[Expr, Expr] = {}
        self.named: dict[str, Expr] = {}
        found = _mapping(optimizer.slots(dict(self.params)), optimizer, "slots", Slot)
        for name, slot in found.items():
            if slot.like is not None and slot.like not in set(self.params.values()):
                raise DeclarationError(
                    f"{type(optimizer).__name__}: slot {name!r}: like is none of the parameters; "
                    f"got {slot.like!r}"
                )
        for name, slot in _by_kind(found, self.params):
            self._declare(name, slot)
        self._grads = {p: stand_in("gradient", p) for p in self.trained}
        self.declared = self._updates()

    def _declare(self, name: str, slot: Slot) -> None:
        what = f"{type(self.optimizer).__name__}: slot {name!r}"
        like, kind = slot.like, kind_of(name, slot)
        form = _NUMBER if like is None else _KIND
        full = name if like is None else kind
        if not form.fullmatch(full) or (like is not None and name == kind):
            owner = "" if like is None else f"{like.attrs['name']} after a dot"
            raise DeclarationError(f"{what}: expected a lowercase word{owner and f', and {owner}'}")
        taken = {(s.attrs["slot"], s in self.owner) for s in self.slots}
        if kind == STEPS or (kind, like is None) in taken:
            raise DeclarationError(f"{what}: {kind!r} is the name of something else that is kept")
        copied = isinstance(slot.first, Expr)
        if copied and slot.first is not like:
            raise DeclarationError(f"{what}: first must be a number, or the parameter `like`")
        if not copied and not isinstance(slot.first, (int, float, np.integer, np.floating)):
            raise DeclarationError(f"{what}: first must be a number; got {slot.first!r}")
        leaf = _leaf(name, slot, kind)
        self.slots.append(leaf)
        self.named[name] = leaf
        if like is not None:
            self.owner[leaf] = like

    def stands_in(self, leaf: Expr) -> bool:
        """Whether a leaf stands for a gradient."""
        return any(leaf is x for x in self._grads.values())

    def updates(self, grads: Mapping[Expr, Expr], origins: dict[Expr, Origin]) -> dict[Expr, Expr]:
        """New value of the count, of the slots and of the parameters, in the order of writing."""
        mapping = {leaf: grads[p] for p, leaf in self._grads.items()}
        stand_ins = set(mapping)
        found = substitute(list(self.declared.values()), mapping)
        for old, new in mapping.items():
            if old is not new and old not in stand_ins:
                inherit(origins, old, new)
        return dict(zip(self.declared, found, strict=True))

    def _updates(self) -> dict[Expr, Expr]:
        step = self.count + 1
        named = {str(p.attrs["name"]): g for p, g in self._grads.items()}
        made = self.optimizer.update(dict(self.params), named, dict(self.named), step)
        if not isinstance(made, Updates):
            raise DeclarationError(
                f"{type(self.optimizer).__name__}.update: expected sg.optim.Updates; got {made!r}"
            )
        params = self._values(made.params, self.params, "params")
        slots = self._values(made.slots, self.named, "slots")
        new: dict[Expr, Expr] = {self.count: step}
        new |= {slot: value for slot, value in slots.items() if slot not in self.owner}
        for p, value in params.items():
            new |= {slot: v for slot, v in slots.items() if self.owner.get(slot) is p}
            new[p] = value
        return new | slots  # those of parameters that stay as they are come last

    def groups(self, commits: Iterable[Expr]) -> list[list[Expr]]:
        """What the update of each parameter writes: its slots and itself."""
        found: dict[Expr, list[Expr]] = {}
        for leaf in commits:
            owner = self.owner.get(leaf, leaf)
            if owner in set(self.params.values()):
                found.setdefault(owner, []).append(leaf)
        return list(found.values())

    def _known(self, names: Iterable[str], known: Mapping[str, Any], what: str) -> None:
        for name in names:
            if name not in known:
                raise DeclarationError(
                    f"{type(self.optimizer).__name__}.{what}: there is no {name!r}; "
                    f"there are {sorted(known)}"
                )

    def _values(
        self, made: Mapping[str, Any], leaves: Mapping[str, Expr], what: str
    ) -> dict[Expr, Expr]:
        where = f"{type(self.optimizer).__name__}.update"
        values = _mapping(made, self.optimizer, f"update: {what}", Expr)
        self._known(values, leaves, f"update: {what}")
        found: dict[Expr, Expr] = {}
        for name, value in values.items():
            leaf = leaves[name]
            if value.shape != leaf.shape:
                raise ShapeError(
                    f"{where}: {name}: expected shape {format_shape(leaf.shape)}; "
                    f"got {format_shape(value.shape)}"
                )
            same = value.dtype == leaf.dtype
            found[leaf] = value if same else FUNCTIONS["astype"](value, leaf.dtype)
        return found


def kind_of(name: str, slot: Slot) -> str:
    """What a slot is to its parameter, or the name of one that belongs to none."""
    if slot.like is None:
        return name.rpartition(".")[0] or name
    return name.removesuffix(f".{slot.like.attrs['name']}")


def stand_in(what: str, param: Expr) -> Expr:
    """A leaf for what the compiler will make of a parameter: "gradient", say."""
    name = f"{what} of {param.attrs['name']}"
    return identity(INPUT, {"name": name, "shape": param.shape, "dtype": param.dtype})


def _by_kind(slots: Mapping[str, Slot], params: Mapping[str, Expr]) -> list[tuple[str, Slot]]:
    """Slots in the order in which their tables list them: kind by kind, as parameters stand."""
    kinds: dict[str, int] = {}
    place = {p: i for i, p in enumerate(params.values())}
    for name, slot in slots.items():
        kinds.setdefault(kind_of(name, slot), len(kinds))
    return sorted(
        slots.items(),
        key=lambda item: (kinds[kind_of(*item)], place.get(item[1].like, 0)),  # type: ignore[arg-type]
    )


def _leaf(name: str, slot: Slot, kind: str) -> Expr:
    if slot.like is not None:
        shape, dtype = slot.like.shape, slot.like.dtype
    else:
        integer = isinstance(slot.first, (int, np.integer))
        shape, dtype = (), np.dtype(np.int64 if integer else np.float64)
    first = None if isinstance(slot.first, Expr) else slot.first
    return identity(
        SLOT, {"name": name, "shape": shape, "dtype": dtype, "init": first, "slot": kind}
    )


def _require(optimizer: Any) -> None:
    """Refuse what is no optimiser, and say what was meant where that is plain."""
    if isinstance(optimizer, type):
        name = optimizer.__name__
        raise DeclarationError(
            f"optimizer: expected an optimiser; got the class {name}: call it, {name}(...)"
        )
    methods: list[Callable[..., Any] | None] = [
        getattr(optimizer, name, None) for name in ("slots", "update")
    ]
    if not all(map(callable, methods)):
        raise DeclarationError(
            f"optimizer: expected one from sg.optim, such as sg.optim.Adam(1e-3); got {optimizer!r}"
        )


def _mapping(value: Any, optimizer: Any, what: str, kind: type) -> dict[str, Any]:
    where = f"{type(optimizer).__name__}.{what}"
    if not isinstance(value, Mapping):
        raise DeclarationError(f"{where}: expected a mapping; got {value!r}")
    for name, item in value.items():
        if not isinstance(name, str) or not isinstance(item, kind):
            raise DeclarationError(
                f"{where}: expected names and {kind.__name__}s; got {name!r}: {item!r}"
            )
    return dict(value)
