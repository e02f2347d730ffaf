"""Descent along the gradient, and along one scaled by what it was before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import symgrad as sg
from symgrad import DeclarationError, Expr
from symgrad.optim.elementwise import Elementwise, Exprs, Rate, toward
from symgrad.options import complement

__all__ = ["SGD", "AdaDelta", "AdaGrad", "Lion", "RMSprop"]


@dataclass(frozen=True)
class SGD(Elementwise):
    """Stochastic gradient descent, with momentum if asked for.

    ``v = momentum v + d``, ``w = w - lr v``; Nesterov: ``w = w - lr (d + momentum v)``, as in
    Sutskever et al., *On the importance of initialization and momentum in deep learning*
    (2013), in PyTorch's form. Momentum itself is Polyak's, *Some methods of speeding up the
    convergence of iteration methods* (1964).

    Parameters
    ----------
    lr : float, schedule, Expr or ReduceOnPlateau
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
        self._check("momentum", 1)
        self._check_flag("nesterov")
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


@dataclass(frozen=True)
class AdaGrad(Elementwise):
    """AdaGrad: each step divided by the root of all squares so far.

    ``s = s + d^2``, ``w = w - lr d / (sqrt(s) + eps)``. J. Duchi, E. Hazan, Y. Singer, *Adaptive
    subgradient methods for online learning and stochastic optimization* (2011), in its diagonal
    form.

    Parameters
    ----------
    lr : float, schedule, Expr or ReduceOnPlateau
    first : float
        Of ``s``, at least 0.
    eps : float

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(w * w, optimizer=sg.optim.AdaGrad(0.125))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> round(float(params["w"]), 6)
    0.875
    """

    lr: Rate = 1e-2
    first: float = 0.0
    eps: float = 1e-10

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("first")
        self._check("eps")

    def memory(self) -> Mapping[str, float]:
        return {"s": self.first}

    def rule(
        self, param: Expr, grad: Expr, memory: Exprs, rate: Any, step: Expr
    ) -> tuple[Expr, Exprs]:
        s = memory["s"] + sg.square(grad)
        return param - rate * grad / (sg.sqrt(s) + self.eps), {"s": s}


@dataclass(frozen=True)
class RMSprop(Elementwise):
    """RMSprop: each step divided by the root of a running mean of squares.

    ``v = decay v + (1 - decay) d^2``, ``w = w - lr d / (sqrt(v) + eps)``: T. Tieleman, G. Hinton,
    *Lecture 6.5: rmsprop*, Coursera (2012). Centred, `v` is the running variance of d: A. Graves,
    *Generating sequences with recurrent neural networks* (2013), equation 40, with the variance
    updated as such, ``v = decay (v + (1 - decay) (d - mean)^2)``, which is the same number and
    can not fall below 0. With momentum ``u = momentum u + d / (sqrt(v) + eps)`` takes the place
    of the quotient, as in PyTorch.

    Parameters
    ----------
    lr : float, schedule, Expr or ReduceOnPlateau
    decay, momentum : float
        In [0, 1).
    centred : bool
    eps : float

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(w * w, optimizer=sg.optim.RMSprop(0.125, decay=0.75))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> round(float(params["w"]), 6)
    0.75
    """

    lr: Rate = 1e-2
    decay: float = 0.99
    momentum: float = 0.0
    centred: bool = False
    eps: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("decay", 1)
        self._check("momentum", 1)
        self._check_flag("centred")
        self._check("eps")

    def memory(self) -> Mapping[str, float]:
        mean = {"mean": 0.0} if self.centred else {}
        return mean | {"v": 0.0} | ({"u": 0.0} if self.momentum else {})

    def rule(
        self, param: Expr, grad: Expr, memory: Exprs, rate: Any, step: Expr
    ) -> tuple[Expr, Exprs]:
        new: dict[str, Expr] = {}
        if self.centred:
            spread = complement(self.decay) * sg.square(grad - memory["mean"])
            new["mean"] = toward(memory["mean"], grad, self.decay)
            new["v"] = self.decay * (memory["v"] + spread)
        else:
            new["v"] = toward(memory["v"], sg.square(grad), self.decay)
        move = grad / (sg.sqrt(new["v"]) + self.eps)
        if self.momentum:
            move = new["u"] = self.momentum * memory["u"] + move
        return param - rate * move, new


@dataclass(frozen=True)
class AdaDelta(Elementwise):
    """AdaDelta: steps in the parameter's own units, from running means of squares.

    ``v`` is that of gradients, ``u`` that of steps: the step is ``d sqrt(u + eps) / sqrt(v +
    eps)``. M. Zeiler, *ADADELTA: an adaptive learning rate method* (2012), algorithm 1.

    Parameters
    ----------
    lr : float, schedule, Expr or ReduceOnPlateau
        1 in the paper.
    decay : float
        In [0, 1).
    eps : float

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(w * w, optimizer=sg.optim.AdaDelta(decay=0.75, eps=0.25))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> round(float(params["w"]), 6)
    0.105573
    """

    lr: Rate = 1.0
    decay: float = 0.9
    eps: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("decay", 1)
        self._check("eps")

    def memory(self) -> Mapping[str, float]:
        return {"v": 0.0, "u": 0.0}

    def rule(
        self, param: Expr, grad: Expr, memory: Exprs, rate: Any, step: Expr
    ) -> tuple[Expr, Exprs]:
        v = toward(memory["v"], sg.square(grad), self.decay)
        move = sg.sqrt(memory["u"] + self.eps) / sg.sqrt(v + self.eps) * grad
        u = toward(memory["u"], sg.square(move), self.decay)
        return param - rate * move, {"v": v, "u": u}


@dataclass(frozen=True)
class Lion(Elementwise):
    """Lion: steps of one size, along the sign of a mean of gradients.

    ``w = w - lr sign(beta1 m + (1 - beta1) d)``, ``m = beta2 m + (1 - beta2) d``. X. Chen et al.,
    *Symbolic discovery of optimization algorithms* (2023), algorithm 2; its weight decay is
    ``decay(Lion(...), ...)``.

    Parameters
    ----------
    lr : float, schedule, Expr or ReduceOnPlateau
    beta1, beta2 : float
        In [0, 1).

    Examples
    --------
    >>> import symgrad as sg
    >>> w = sg.param("w", (), init=1.0)
    >>> model = sg.compile(w * w, optimizer=sg.optim.Lion(0.125))
    >>> params = model.init()
    >>> _ = model.step(params, model.init_optimizer(params))
    >>> float(params["w"])
    0.875
    """

    lr: Rate = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("beta1", 1)
        self._check("beta2", 1)

    def memory(self) -> Mapping[str, float]:
        return {"m": 0.0}

    def rule(
        self, param: Expr, grad: Expr, memory: Exprs, rate: Any, step: Expr
    ) -> tuple[Expr, Exprs]:
        direction = sg.sign(toward(memory["m"], grad, self.beta1))
        return param - rate * direction, {"m": toward(memory["m"], grad, self.beta2)}
