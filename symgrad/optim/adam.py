"""Adam and its kin: steps along a running mean of the gradient, scaled by its running size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import symgrad as sg
from symgrad import Expr
from symgrad.model.optimizing import Optimizer
from symgrad.optim.elementwise import Elementwise, Exprs, Rate, toward
from symgrad.optim.names import Pattern
from symgrad.optim.wrappers import decay
from symgrad.options import complement, multiple

__all__ = ["AMSGrad", "Adam", "AdamW", "NAdam", "RAdam"]


@dataclass(frozen=True)
class Adam(Elementwise):
    """Adam: steps scaled by running moments of the gradient.

    ``m`` and ``v`` are the running means of d and d^2; both are divided by what they would be
    for a constant gradient. D. Kingma, J. Ba, *Adam: a method for stochastic optimization*
    (2015), algorithm 1.

    Parameters
    ----------
    lr : float, schedule, Expr or ReduceOnPlateau
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
        self._check("beta1", 1)
        self._check("beta2", 1)
        self._check("eps")

    def memory(self) -> Mapping[str, float]:
        return {"m": 0.0, "v": 0.0}

    def rule(
        self, param: Expr, grad: Expr, memory: Exprs, rate: Any, step: Expr
    ) -> tuple[Expr, Exprs]:
        m, v = self._means(grad, memory)
        rate, scale = self._corrected(rate, step, param.dtype)
        return param - rate * m / (sg.sqrt(v) / scale + self.eps), {"m": m, "v": v}

    def _means(self, grad: Expr, memory: Exprs) -> tuple[Expr, Expr]:
        m = toward(memory["m"], grad, self.beta1)
        return m, toward(memory["v"], sg.square(grad), self.beta2)

    def _corrected(self, rate: Any, step: Expr, dtype: Any) -> tuple[Any, Expr]:
        """The rate, and what the root of `v` is divided by: 1 - beta^n in float64."""
        n = sg.name(sg.astype(step, "float64"), "n")
        if self.beta1:
            rate = sg.name(sg.astype(rate / (1 - sg.power(self.beta1, n)), dtype), "rate")
        return rate, sg.name(sg.astype(sg.sqrt(1 - sg.power(self.beta2, n)), dtype), "scale")


@dataclass(frozen=True)
class AMSGrad(Adam):
    """Adam with the largest `v` so far in the place of `v`: steps never grow again.

    S. Reddi, S. Kale, S. Kumar, *On the convergence of Adam and beyond* (2018), algorithm 2, with
    Adam's corrections of the first steps, as in PyTorch.

    Parameters
    ----------
    lr : float, schedule, Expr or ReduceOnPlateau
    beta1, beta2 : float
        In [0, 1).
    eps : float

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(w * w, optimizer=sg.optim.AMSGrad(0.125))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> round(float(params["w"]), 6)
    0.875
    """

    def memory(self) -> Mapping[str, float]:
        return {"m": 0.0, "v": 0.0, "top": 0.0}

    def rule(
        self, param: Expr, grad: Expr, memory: Exprs, rate: Any, step: Expr
    ) -> tuple[Expr, Exprs]:
        m, v = self._means(grad, memory)
        top = sg.maximum(memory["top"], v)
        rate, scale = self._corrected(rate, step, param.dtype)
        new = param - rate * m / (sg.sqrt(top) / scale + self.eps)
        return new, {"m": m, "v": v, "top": top}


@dataclass(frozen=True)
class NAdam(Adam):
    """Adam that looks ahead, as Nesterov's momentum does.

    ``beta1 m / (1 - beta1^(n + 1)) + (1 - beta1) d / (1 - beta1^n)`` takes the place of Adam's
    corrected ``m``. T. Dozat, *Incorporating Nesterov momentum into Adam* (2016), algorithm 2, with
    one beta1 for all steps.

    Parameters
    ----------
    lr : float, schedule, Expr or ReduceOnPlateau
    beta1, beta2 : float
        In [0, 1).
    eps : float

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(w * w, optimizer=sg.optim.NAdam(0.125, beta1=0.5))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> round(float(params["w"]), 6)
    0.833333
    """

    def rule(
        self, param: Expr, grad: Expr, memory: Exprs, rate: Any, step: Expr
    ) -> tuple[Expr, Exprs]:
        m, v = self._means(grad, memory)
        ahead, _ = self._corrected(multiple(rate, self.beta1), step + 1, param.dtype)
        rest = multiple(rate, complement(self.beta1))
        now, scale = self._corrected(rest, step, param.dtype)
        if self.beta1:
            ahead, now = sg.name(ahead, "ahead"), sg.name(now, "now")
        new = param - (ahead * m + now * grad) / (sg.sqrt(v) / scale + self.eps)
        return new, {"m": m, "v": v}


@dataclass(frozen=True)
class RAdam(Adam):
    """Adam that waits with scaling its steps until `v` is an estimate of the variance.

    L. Liu et al., *On the variance of the adaptive learning rate and beyond* (2020), algorithm 2.

    Parameters
    ----------
    lr : float, schedule, Expr or ReduceOnPlateau
    beta1, beta2 : float
        In [0, 1).
    eps : float

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(w * w, optimizer=sg.optim.RAdam(0.125))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> float(params["w"])
    0.75
    """

    def rule(
        self, param: Expr, grad: Expr, memory: Exprs, rate: Any, step: Expr
    ) -> tuple[Expr, Exprs]:
        m, v = self._means(grad, memory)
        rate, _ = self._corrected(rate, step, param.dtype)
        scale, ready = self._rectified(step, param.dtype)
        size = sg.where(ready, scale / (sg.sqrt(v) + self.eps), 1.0)
        return param - rate * m * size, {"m": m, "v": v}

    def _rectified(self, step: Expr, dtype: Any) -> tuple[Expr, Expr]:
        """The factor of the scaled step, and whether there is one: rho_n > 5."""
        n = sg.name(sg.astype(step, "float64"), "n")
        power = sg.power(self.beta2, n)
        most = 2 / complement(self.beta2) - 1
        rho = sg.name(most - 2 * n * power / (1 - power), "rho")
        ready = sg.name(rho > 5, "ready")
        ratio = (rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho)
        scale = sg.sqrt(sg.where(ready, ratio, 1.0) * (1 - power))
        return sg.name(sg.astype(scale, dtype), "scale"), ready


def AdamW(  # an optimiser like the classes beside it
    lr: Rate = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.01,
    on: Pattern = "*",
) -> Optimizer:
    """Adam with weight decay of its own: ``decay(Adam(lr, beta1, beta2, eps), weight_decay, on)``.

    I. Loshchilov, F. Hutter, *Decoupled weight decay regularization* (2019), algorithm 2.

    Parameters
    ----------
    lr : float, schedule, Expr or ReduceOnPlateau
    beta1, beta2 : float
        In [0, 1).
    eps : float
    weight_decay : float
        At each step a weight loses this part, times the rate, of itself.
    on : str or sequence of str
        The parameters that decay; see :func:`decay`.

    Returns
    -------
    Optimizer

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(w * w, optimizer=sg.optim.AdamW(0.125, weight_decay=0.5))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> round(float(params["w"]), 6)
    0.8125
    """
    return decay(Adam(lr, beta1, beta2, eps), weight_decay, on)
