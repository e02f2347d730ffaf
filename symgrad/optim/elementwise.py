"""Rules that treat each parameter by itself: what the optimisers of the next files derive from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import symgrad as sg
from symgrad import DeclarationError, Expr
from symgrad.model.optimizing import Optimizer, Slot, Updates
from symgrad.optim.plateau import ReduceOnPlateau

__all__ = [
    "Elementwise",
    "Exprs",
    "Rate",
    "complement",
    "require_number",
    "require_optimizer",
    "trained",
]

#: expressions by the full names of parameters or slots
Exprs = Mapping[str, Expr]
#: a number, a schedule, or a rate that the training loop sets
Rate = float | Callable[[Any], Any] | ReduceOnPlateau


def require_number(owner: str, name: str, value: Any, low: float, high: float) -> None:
    """Refuse what is no number of low <= value < high."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value < high:
        raise DeclarationError(
            f"{owner}: {name} must satisfy {low} <= {name} < {high}; got {value!r}"
        )


def complement(beta: float) -> float:
    """1 - beta as it is written: 0.1 for 0.9, and not 0.09999999999999998."""
    return round(1 - beta, 15)


def require_optimizer(owner: str, value: Any) -> None:
    """Refuse what is no optimiser."""
    if isinstance(value, type) or not hasattr(value, "slots") or not hasattr(value, "update"):
        raise DeclarationError(
            f"{owner}: expected an optimiser, such as sg.optim.Adam(1e-3); got {value!r}"
        )


def trained(optimizer: Optimizer, params: Exprs) -> list[str]:
    """Names of the parameters that an optimiser changes."""
    trains = getattr(optimizer, "trains", None)
    return list(params) if trains is None else list(trains(params))


@dataclass(frozen=True)
class Elementwise:
    """Base of the optimisers that treat each parameter by itself.

    A rule is what it keeps for a parameter, `memory`, and what it makes of the parameter, its
    gradient and that memory, `rule`. The rate may be a number, a schedule (a function of the
    number of updates done before, an int64 expression that counts from 0) or a
    :class:`ReduceOnPlateau`.

    Examples
    --------
    >>> import symgrad as sg
    >>> class SignDescent(sg.optim.Elementwise):
    ...     def rule(self, param, grad, memory, rate, step):
    ...         return param - rate * sg.sign(grad), {}
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(w * w, optimizer=SignDescent(0.25))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> float(params["w"])
    0.75
    """

    lr: Rate

    def __post_init__(self) -> None:
        if not callable(self.lr) and not isinstance(self.lr, ReduceOnPlateau):
            self._check("lr", 0.0, float("inf"))

    def _check(self, name: str, low: float, high: float) -> None:
        require_number(type(self).__name__, name, getattr(self, name), low, high)

    def memory(self) -> Mapping[str, float]:
        """What is kept for each parameter, in its shape and dtype: kind -> first value."""
        return {}

    def rule(
        self, param: Expr, grad: Expr, memory: Exprs, rate: Any, step: Expr
    ) -> tuple[Expr, Exprs]:
        """The new parameter, and the new memory.

        Parameters
        ----------
        param, grad : Expr
            Of one shape and dtype.
        memory : mapping of str to Expr
            By kind, as ``memory()`` names them.
        rate : float, or Expr of shape ()
            Of the parameter's dtype.
        step : Expr
            The number of this update, an int64 that counts from 1.
        """
        raise NotImplementedError

    def rate(self, slots: Exprs, step: Expr, dtype: Any) -> Any:
        """The learning rate of this update, in a parameter's dtype."""
        if isinstance(self.lr, ReduceOnPlateau):
            return sg.astype(slots[self.lr.name], dtype)
        if callable(self.lr):
            return sg.name(sg.astype(sg.as_expr(self.lr(step - 1)), dtype), "lr")
        return self.lr

    def slots(self, params: Exprs, /) -> dict[str, Slot]:
        found = {
            f"{kind}.{name}": Slot(first, like=param)
            for kind, first in self.memory().items()
            for name, param in params.items()
        }
        return found | (self.lr.slots() if isinstance(self.lr, ReduceOnPlateau) else {})

    def update(self, params: Exprs, grads: Exprs, slots: Exprs, step: Expr, /) -> Updates:
        new: dict[str, Expr] = {}
        kept: dict[str, Expr] = {}
        for name, param in params.items():
            memory = {kind: slots[f"{kind}.{name}"] for kind in self.memory()}
            rate = self.rate(slots, step, param.dtype)
            new[name], changed = self.rule(param, grads[name], memory, rate, step)
            kept |= {f"{kind}.{name}": value for kind, value in changed.items()}
        return Updates(new, kept)

    def plateaus(self) -> Iterable[ReduceOnPlateau]:
        """The rates that want to hear how training goes."""
        return [self.lr] if isinstance(self.lr, ReduceOnPlateau) else []
