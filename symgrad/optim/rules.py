"""Descent along the gradient, and along one scaled by what it was before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from symgrad import DeclarationError, Expr
from symgrad.optim.elementwise import Elementwise, Exprs

__all__ = ["SGD"]


@dataclass(frozen=True)
class SGD(Elementwise):
    """Stochastic gradient descent, with momentum if asked for.

    ``v = momentum v + d``, ``w = w - lr v``; Nesterov: ``w = w - lr (d + momentum v)``, as in
    Sutskever et al., *On the importance of initialization and momentum in deep learning*
    (2013), in PyTorch's form. Momentum itself is Polyak's, *Some methods of speeding up the
    convergence of iteration methods* (1964).

    Parameters
    ----------
    lr : float, schedule or ReduceOnPlateau
    momentum : float
        In [0, 1).
    nesterov : bool

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(w * w, optimizer=sg.optim.SGD(0.25, momentum=0.9))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> float(params["w"])
    0.5
    """

    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("momentum", 0.0, 1.0)
        if self.nesterov and not self.momentum:
            raise DeclarationError("SGD: nesterov=True needs a momentum above 0")

    def memory(self) -> Mapping[str, float]:
        return {"v": 0.0} if self.momentum else {}

    def rule(
        self, param: Expr, grad: Expr, memory: Exprs, rate: Any, step: Expr
    ) -> tuple[Expr, Exprs]:
        if not self.momentum:
            return param - rate * grad, {}
        v = self.momentum * memory["v"] + grad
        direction = grad + self.momentum * v if self.nesterov else v
        return param - rate * direction, {"v": v}
