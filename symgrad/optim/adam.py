"""Adam and its kin: steps along a running mean of the gradient, scaled by its running size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import symgrad as sg
from symgrad import Expr
from symgrad.optim.elementwise import Elementwise, Exprs, Rate

__all__ = ["Adam"]


@dataclass(frozen=True)
class Adam(Elementwise):
    """Adam: steps scaled by running moments of the gradient.

    ``m`` and ``v`` are the running means of d and d^2; both are divided by what they would be
    for a constant gradient. D. Kingma, J. Ba, *Adam: a method for stochastic optimization*
    (2015), algorithm 1.

    Parameters
    ----------
    lr : float, schedule or ReduceOnPlateau
    beta1, beta2 : float
        In [0, 1).
    eps : float

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(w * w, optimizer=sg.optim.Adam(0.125))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> round(float(params["w"]), 6)
    0.875
    """

    lr: Rate = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("beta1", 0.0, 1.0)
        self._check("beta2", 0.0, 1.0)
        self._check("eps", 0.0, float("inf"))

    def memory(self) -> Mapping[str, float]:
        return {"m": 0.0, "v": 0.0}

    def rule(
        self, param: Expr, grad: Expr, memory: Exprs, rate: Any, step: Expr
    ) -> tuple[Expr, Exprs]:
        n = sg.name(sg.astype(step, param.dtype), "n")
        # rounded, 1 - 0.9 is written 0.1: that is what was meant
        m = memory["m"] + round(1 - self.beta1, 15) * (grad - memory["m"])
        v = memory["v"] + round(1 - self.beta2, 15) * (sg.square(grad) - memory["v"])
        rate = sg.name(rate / (1 - sg.power(self.beta1, n)), "rate")
        scale = sg.name(sg.sqrt(1 - sg.power(self.beta2, n)), "scale")
        return param - rate * m / (sg.sqrt(v) / scale + self.eps), {"m": m, "v": v}
