"""Optimisers: each an update rule in a few expressions, in the same graph as the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import symgrad as sg
from symgrad import DeclarationError

__all__ = ["SGD", "Adam", "Optimizer"]

Rate = float | Callable[[Any], Any]


class Optimizer(Protocol):
    """What ``sg.compile`` asks of an optimiser."""

    def slots(self) -> dict[str, float]:
        """What is kept for each parameter, in its shape, and its first value."""
        ...

    def update(self, param: Any, grad: Any, slots: dict[str, Any], step: Any) -> Any:
        """New value of a parameter and of its slots; `step` counts from 1."""
        ...


def _rate(lr: Rate, step: Any, dtype: Any) -> Any:
    if callable(lr):
        return sg.astype(sg.as_expr(lr(step)), dtype)
    return lr


def _number(owner: str, name: str, value: Any, low: float, high: float) -> None:
    """Refuse what is no number of low <= value < high."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value < high:
        raise DeclarationError(
            f"{owner}: {name} must satisfy {low} <= {name} < {high}; got {value!r}"
        )


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent, with momentum if asked for.

    ``v = momentum v + d``, ``w = w - lr v``; Nesterov: ``w = w - lr (d + momentum v)``, as in
    Sutskever et al., *On the importance of initialization and momentum in deep learning*
    (2013), in PyTorch's form.

    Parameters
    ----------
    lr : float, or callable from the step's number to an expression
    momentum : float
        In [0, 1).
    nesterov : bool
    """

    lr: Rate
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        if not callable(self.lr):
            _number("SGD", "lr", self.lr, 0.0, float("inf"))
        _number("SGD", "momentum", self.momentum, 0.0, 1.0)
        if self.nesterov and not self.momentum:
            raise DeclarationError("SGD: nesterov=True needs a momentum above 0")

    def slots(self) -> dict[str, float]:
        return {"v": 0.0} if self.momentum else {}

    def update(self, param: Any, grad: Any, slots: dict[str, Any], step: Any) -> Any:
        lr = _rate(self.lr, step, param.dtype)
        if not self.momentum:
            return param - lr * grad, {}
        v = self.momentum * slots["v"] + grad
        direction = grad + self.momentum * v if self.nesterov else v
        return param - lr * direction, {"v": v}


@dataclass(frozen=True)
class Adam:
    """Adam: steps scaled by running moments of the gradient.

    ``m`` and ``v`` are the running means of d and d^2; both are divided by what they would be
    for a constant gradient. D. Kingma, J. Ba, *Adam: a method for stochastic optimization*
    (2015), algorithm 1.

    Parameters
    ----------
    lr : float, or callable from the step's number to an expression
    beta1, beta2 : float
        In [0, 1).
    eps : float
    """

    lr: Rate = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        if not callable(self.lr):
            _number("Adam", "lr", self.lr, 0.0, float("inf"))
        _number("Adam", "beta1", self.beta1, 0.0, 1.0)
        _number("Adam", "beta2", self.beta2, 0.0, 1.0)
        _number("Adam", "eps", self.eps, 0.0, float("inf"))

    def slots(self) -> dict[str, float]:
        return {"m": 0.0, "v": 0.0}

    def update(self, param: Any, grad: Any, slots: dict[str, Any], step: Any) -> Any:
        n = sg.name(sg.astype(step, param.dtype), "n")
        # rounded, 1 - 0.9 is written 0.1: that is what was meant
        m = slots["m"] + round(1 - self.beta1, 15) * (grad - slots["m"])
        v = slots["v"] + round(1 - self.beta2, 15) * (sg.square(grad) - slots["v"])
        lr = _rate(self.lr, step, param.dtype)
        rate = sg.name(lr / (1 - sg.power(self.beta1, n)), "rate")
        scale = sg.name(sg.sqrt(1 - sg.power(self.beta2, n)), "scale")
        return param - rate * m / (sg.sqrt(v) / scale + self.eps), {"m": m, "v": v}
