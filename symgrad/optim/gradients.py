"""Transformations of gradients, and the chain that puts them before an optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import symgrad as sg
from symgrad import DeclarationError, Expr
from symgrad.model.optimizing import Optimizer, Slot, Updates
from symgrad.optim.elementwise import Exprs, require_optimizer, trained
from symgrad.optim.names import Pattern, apart, chosen, merged, outward, require_pattern, within
from symgrad.optim.plateau import ReduceOnPlateau, plateaus_of
from symgrad.options import real

__all__ = ["Transformation", "chain", "clip_by_global_norm", "clip_by_value", "l2"]


class Transformation:
    """Base of what gives new gradients for gradients, and may keep something to do so."""

    def slots(self, params: Exprs, /) -> Mapping[str, Slot]:
        """What is kept, as an optimiser declares it."""
        return {}

    def apply(
        self, params: Exprs, grads: Exprs, slots: Exprs, step: Expr, /
    ) -> tuple[Exprs, Exprs]:
        """New gradients, and new slots; all mappings go by full names.

        Parameters
        ----------
        params, grads : mapping of str to Expr
            Of the parameters that are trained.
        slots : mapping of str to Expr
        step : Expr
            The number of this update, an int64 that counts from 1.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class _Function(Transformation):
    function: Callable[[Exprs], Exprs]

    def apply(
        self, params: Exprs, grads: Exprs, slots: Exprs, step: Expr, /
    ) -> tuple[Exprs, Exprs]:
        return self.function(grads), {}


@dataclass(frozen=True)
class _Chain:
    transformations: tuple[Transformation, ...]
    optimizer: Optimizer

    def trains(self, params: Exprs, /) -> list[str]:
        return trained(self.optimizer, params)

    def plateaus(self) -> Iterable[ReduceOnPlateau]:
        return plateaus_of(self.optimizer)

    def _parts(self, params: Exprs) -> list[Mapping[str, Slot]]:
        moved = {name: params[name] for name in self.trains(params)}
        return [self.optimizer.slots(params), *(t.slots(moved) for t in self.transformations)]

    def slots(self, params: Exprs, /) -> dict[str, Slot]:
        return merged(self._parts(params))

    def update(self, params: Exprs, grads: Exprs, slots: Exprs, step: Expr, /) -> Updates:
        inner, *others = apart(self._parts(params))
        moved = {name: params[name] for name in self.trains(params)}
        kept: dict[str, Expr] = {}
        for transformation, own in zip(self.transformations, others, strict=True):
            made, changed = transformation.apply(moved, grads, within(own, slots), step)
            grads = _same_form(made, grads)
            kept |= outward(own, changed)
        new = self.optimizer.update(params, grads, within(inner, slots), step)
        return Updates(new.params, kept | outward(inner, new.slots))


def _same_form(made: Any, grads: Exprs) -> dict[str, Expr]:
    """What a transformation gave, in the order of the gradients, if it fits them."""
    if not isinstance(made, Mapping) or set(made) != set(grads):
        raise DeclarationError(
            f"chain: a function of gradients must give a mapping of the same names "
            f"{list(grads)}; got {made!r}"
        )
    for name, grad in grads.items():
        if not isinstance(made[name], Expr) or made[name].shape != grad.shape:
            raise DeclarationError(
                f"chain: expected a function of gradients to give for {name!r} an expression "
                f"of shape {grad.shape}; got {made[name]!r}"
            )
    return {name: made[name] for name in grads}


def chain(*parts: Any) -> Optimizer:
    """An optimiser that is handed transformed gradients.

    Parameters
    ----------
    *parts
        Transformations, first to last, and then the optimiser. A transformation is one of this
        module's, an object of a class derived from ``Transformation``, or a function that takes
        a dict of gradients, by the names of their parameters, and gives such a dict. They see the
        gradients of the parameters that the optimiser trains, and no others.

    Returns
    -------
    Optimizer

    Raises
    ------
    DeclarationError
        If the last is no optimiser, or another is no transformation.

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> optimizer = sg.optim.chain(sg.optim.clip_by_value(0.5), sg.optim.SGD(1.0))
    >>> model = sg.compile(w * w, optimizer=optimizer)
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> float(params["w"])
    0.5
    """
    if not parts:
        raise DeclarationError("chain: expected transformations and then an optimiser; got nothing")
    *transformations, optimizer = parts
    require_optimizer("chain: last", optimizer)
    found: list[Transformation] = []
    for one in transformations:
        if isinstance(one, Transformation):
            found.append(one)
        elif callable(one) and not isinstance(one, type):
            found.append(_Function(one))
        else:
            raise DeclarationError(
                f"chain: expected a transformation of gradients before the optimiser; got {one!r}"
            )
    return _Chain(tuple(found), optimizer)


@dataclass(frozen=True)
class _ClipByValue(Transformation):
    limit: float

    def apply(
        self, params: Exprs, grads: Exprs, slots: Exprs, step: Expr, /
    ) -> tuple[Exprs, Exprs]:
        return {name: sg.clip(g, -self.limit, self.limit) for name, g in grads.items()}, {}


def clip_by_value(limit: float) -> Transformation:
    """Each element of a gradient is brought into [-limit, limit].

    Parameters
    ----------
    limit : float
        Above 0.

    Returns
    -------
    Transformation

    Raises
    ------
    DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.optim.chain(sg.optim.clip_by_value(0.5), sg.optim.SGD(0.1)).transformations
    (_ClipByValue(limit=0.5),)
    """
    return _ClipByValue(real("clip_by_value", "limit", limit, 0, open_low=True))


@dataclass(frozen=True)
class _ClipByGlobalNorm(Transformation):
    limit: float

    def apply(
        self, params: Exprs, grads: Exprs, slots: Exprs, step: Expr, /
    ) -> tuple[Exprs, Exprs]:
        if not grads:
            return grads, {}
        norms = [sg.linalg.norm(g) for g in grads.values()]
        # the norm of norms: neither overflows where its result does not
        norm = sg.name(norms[0] if len(norms) == 1 else sg.linalg.norm(sg.stack(norms)), "norm")
        shrink = sg.name(self.limit / sg.maximum(norm, self.limit), "shrink")
        return {name: g * sg.astype(shrink, g.dtype) for name, g in grads.items()}, {}


def clip_by_global_norm(limit: float) -> Transformation:
    """All gradients are shrunk by one factor, where their common norm is above a limit.

    The norm is that of all gradients as one vector; it does not overflow, in float32 either. Up
    to the limit gradients stay as they are, to the bit. R. Pascanu, T. Mikolov, Y. Bengio, *On
    the difficulty of training recurrent neural networks* (2013), algorithm 1.

    Parameters
    ----------
    limit : float
        Above 0.

    Returns
    -------
    Transformation

    Raises
    ------
    DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (2,), init=[3.0, 4.0])
    >>> optimizer = sg.optim.chain(sg.optim.clip_by_global_norm(0.5), sg.optim.SGD(1.0))
    >>> model = sg.compile((w * w).sum() / 2, optimizer=optimizer)
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> params["w"].tolist()
    [2.7, 3.6]
    """
    return _ClipByGlobalNorm(real("clip_by_global_norm", "limit", limit, 0, open_low=True))


@dataclass(frozen=True)
class _L2(Transformation):
    coefficient: float
    on: tuple[str, ...]

    def apply(
        self, params: Exprs, grads: Exprs, slots: Exprs, step: Expr, /
    ) -> tuple[Exprs, Exprs]:
        names = chosen("l2", self.on, grads)
        new = {n: g + self.coefficient * params[n] for n, g in grads.items() if n in names}
        return new | {n: g for n, g in grads.items() if n not in names}, {}


def l2(coefficient: float, on: Pattern = "*") -> Transformation:
    """The gradient of ``coefficient / 2 sum(w^2)`` is added: PyTorch's ``weight_decay`` of SGD.

    Under Adam this is not the same as :func:`decay`, whose docstring says more.

    Parameters
    ----------
    coefficient : float
        At least 0.
    on : str or sequence of str
        The parameters that it is added for: a scope, a name or a pattern such as ``"*.W"``.

    Returns
    -------
    Transformation

    Raises
    ------
    DeclarationError
        Also if a pattern matches no parameter, when a model is compiled.

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(0 * w, optimizer=sg.optim.chain(sg.optim.l2(0.5), sg.optim.SGD(0.5)))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> float(params["w"])
    0.75
    """
    coefficient = real("l2", "coefficient", coefficient, 0)
    return _L2(coefficient, require_pattern("l2: on", on))
