"""Rules that treat each parameter by itself: what the optimisers of the next files derive from."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import symgrad as sg
from symgrad import DeclarationError, Expr
from symgrad.model.optimizing import Optimizer, Slot, Updates
from symgrad.optim.advice import require_known
from symgrad.optim.plateau import ReduceOnPlateau
from symgrad.optim.schedules import is_schedule
from symgrad.options import complement, flag, is_number, real

__all__ = [
    "Elementwise",
    "Exprs",
    "Rate",
    "require_optimizer",
    "toward",
    "trained",
]

#: expressions by the full names of parameters or slots
Exprs = Mapping[str, Expr]
#: a number, a schedule, an expression such as an input, or a rate that the training loop sets
Rate: TypeAlias = float | Callable[[Any], Any] | Expr | ReduceOnPlateau


def toward(mean: Expr, new: Expr, decay: float) -> Expr:
    """A running mean's next value, ``decay mean + (1 - decay) new``."""
    if decay == 0:  # exact, also after what was not finite or huge
        return new
    return mean + complement(decay) * (new - mean)


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
    gradient and that memory, `rule`. The rate may be a number; a schedule, which is a function of
    the number of updates done before, an int64 expression that counts from 0; an expression of
    shape (); or a :class:`ReduceOnPlateau`. An ``sg.input`` in it is data of the step.

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

    def __new__(cls, *args: Any, **options: Any) -> Self:
        require_known(cls, options)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        owner, lr = type(self).__name__, self.lr
        if isinstance(lr, Expr):
            _require_rate(owner, "lr", lr)
        elif is_number(lr):
            self._check("lr")
        elif not isinstance(lr, ReduceOnPlateau) and not is_schedule(lr):
            raise DeclarationError(
                f"{owner}: expected lr to be a number, a schedule (a function of the number of "
                f"updates), an expression or a ReduceOnPlateau(...); got {lr!r}"
            )

    def _check(self, name: str, high: float = math.inf) -> None:
        """Make an option a number of Python's, of 0 <= option < high."""
        value = real(type(self).__name__, name, getattr(self, name), 0, high, open_high=True)
        object.__setattr__(self, name, value)

    def _check_flag(self, name: str) -> None:
        value = flag(type(self).__name__, name, getattr(self, name))
        object.__setattr__(self, name, value)

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
        if isinstance(self.lr, Expr):
            return sg.astype(self.lr, dtype)
        if not callable(self.lr):
            return self.lr
        value = _require_rate(type(self).__name__, "the schedule's rate", self.lr(step - 1))
        value = sg.astype(value, dtype)
        declared = any(value is leaf for leaf in sg.leaves(value).values())
        return value if declared else sg.name(value, "lr")

    def _memory(self) -> Mapping[str, float]:
        """What `memory` says, which a rule of the user's may have got wrong."""
        owner = (
            f"{type(self).__name__}: expected memory(self) to give a dict of kind -> first value"
        )
        try:
            inspect.signature(self.memory).bind()
        except TypeError as error:
            raise DeclarationError(f"{owner}, alike for each parameter; {error}") from None
        found = self.memory()
        if not isinstance(found, Mapping):
            raise DeclarationError(f"{owner}; got {found!r}")
        return found

    def slots(self, params: Exprs, /) -> dict[str, Slot]:
        found = {
            f"{kind}.{name}": Slot(first, like=param)
            for kind, first in self._memory().items()
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


def _require_rate(owner: str, what: str, value: Any) -> Expr:
    """One real number, as an expression."""
    made = value if isinstance(value, Expr) else sg.as_expr(value) if is_number(value) else None
    if made is None or made.ndim or made.dtype.kind not in "iuf":
        raise DeclarationError(
            f"{owner}: expected {what} to be a number, or a real expression of shape (); "
            f"got {value!r}"
        )
    return made
