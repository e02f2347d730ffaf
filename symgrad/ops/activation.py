"""Activation functions and the error function: each finite and accurate far into its tails."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np

from symgrad.ir.node import Expr, literal
from symgrad.ir.op import Example, function
from symgrad.ops import kernels, special_kernels
from symgrad.ops.elementwise import elementwise, floating
from symgrad.ops.exponential import exp
from symgrad.ops.slopes import gelu_slope, sigmoid_slope


def _examples(build: Any, reference: Any, **kwargs: Any) -> tuple[Example, ...]:
    return tuple(Example(build, reference, (shape,), **kwargs) for shape in ((3, 4), ()))


def _scipy(name: str, x: Any) -> Any:
    return getattr(import_module("scipy.special"), name)(x)


@elementwise(
    formula="1 / (1 + exp(-x))",
    # not out * (1 - out), which is 0 from x = 37 on
    partials=lambda out, x: (sigmoid_slope(x),),
    numpy="sigmoid({0})",
    latex=r"\sigma\left({0}\right)",
    dtype=floating,
    kernels=(kernels.sigmoid,),
    cost=25,
    examples=_examples(lambda x: sigmoid(x), lambda x: _scipy("expit", x)),
)
def sigmoid(x: Any) -> Any:
    """Logistic function 1 / (1 + e^-x).

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> float(sg.function([x], sg.sigmoid(x))(-1000.0))
    0.0
    """


@elementwise(
    formula="log(1 + exp(x))",
    partials=lambda out, x: (sigmoid(x),),
    numpy="softplus({0})",
    latex=r"\operatorname{{softplus}}\left({0}\right)",
    dtype=floating,
    kernels=(kernels.softplus,),
    cost=30,
    examples=_examples(lambda x: softplus(x), lambda x: np.logaddexp(0, x)),
)
def softplus(x: Any) -> Any:
    """log(1 + e^x), a smooth relu."""


@elementwise(
    formula="-log(1 + exp(-x))",
    partials=lambda out, x: (sigmoid(-x),),
    numpy="log_sigmoid({0})",
    latex=r"\log \sigma\left({0}\right)",
    dtype=floating,
    kernels=(kernels.log_sigmoid,),
    cost=30,
    examples=_examples(lambda x: log_sigmoid(x), lambda x: _scipy("log_expit", x)),
)
def log_sigmoid(x: Any) -> Any:
    """log(1 / (1 + e^-x)), finite for every finite x."""


_LOGITS = (((3, 4), (3, 4)), ((3, 1), (4,)))


@elementwise(
    formula="log(1 + exp(x)) - x*y",
    partials=lambda out, x, y: (logistic_residual(x, y), -x),
    numpy="logistic_loss({0}, {1})",
    latex=r"\log\left(1 + e^{{{0}}}\right) - {0}\,{1}",
    kernels=(kernels.logistic_loss,),
    cost=35,
    name="logistic_loss",
    examples=tuple(
        Example(lambda x, y: logistic_loss(x, y), lambda x, y: np.logaddexp(0, x) - x * y, shapes)
        for shapes in _LOGITS
    ),
)
def logistic_loss(x: Any, y: Any) -> Any:
    """log(1 + e^x) - x y, the cross-entropy of a logit x and a share y.

    Where y is 1 and x large, or y is 0 and -x is, it is e^-|x|, of which a difference of the two
    terms keeps nothing.
    """


@elementwise(
    formula="1 / (1 + exp(-x)) - y",
    partials=lambda out, x, y: (sigmoid_slope(x), literal(-1, out.dtype)),
    numpy="logistic_residual({0}, {1})",
    latex=r"\left(\sigma\left({0}\right) - {1}\right)",
    kernels=(kernels.logistic_residual,),
    cost=40,
    name="logistic_residual",
    examples=tuple(
        Example(lambda x, y: logistic_residual(x, y), lambda x, y: _scipy("expit", x) - y, shapes)
        for shapes in _LOGITS
    ),
)
def logistic_residual(x: Any, y: Any) -> Any:
    """sigmoid(x) - y, exact where y is 0, 1/2 or 1 and little is left."""


@elementwise(
    formula="x / (1 + exp(-x))",
    partials=lambda out, x: (sigmoid(x) + out * sigmoid(-x),),
    numpy="silu({0})",
    latex=r"\operatorname{{silu}}\left({0}\right)",
    dtype=floating,
    kernels=(kernels.silu,),
    cost=25,
    examples=_examples(lambda x: silu(x), lambda x: x * _scipy("expit", x)),
)
def silu(x: Any) -> Any:
    """x / (1 + e^-x), also called swish."""


@elementwise(
    formula="erf(x)",
    partials=lambda out, x: (2 / math.sqrt(math.pi) * exp(-(x * x)),),
    numpy="erf({0})",
    latex=r"\operatorname{{erf}}\left({0}\right)",
    dtype=floating,
    kernels=(special_kernels.erf,),
    cost=40,
    examples=_examples(lambda x: erf(x), lambda x: _scipy("erf", x)),
)
def erf(x: Any) -> Any:
    """Error function."""


@elementwise(
    formula="erfc(x)",
    partials=lambda out, x: (-2 / math.sqrt(math.pi) * exp(-(x * x)),),
    numpy="erfc({0})",
    latex=r"\operatorname{{erfc}}\left({0}\right)",
    dtype=floating,
    kernels=(special_kernels.erfc,),
    cost=40,
    examples=_examples(lambda x: erfc(x), lambda x: _scipy("erfc", x)),
)
def erfc(x: Any) -> Any:
    """1 - erf(x), accurate where erf is near 1."""


@elementwise(
    formula="x * (1 + erf(x / sqrt(2))) / 2",
    partials=lambda out, x: (gelu_slope(x),),
    numpy="gelu({0})",
    latex=r"\operatorname{{gelu}}\left({0}\right)",
    dtype=floating,
    kernels=(special_kernels.gelu,),
    cost=45,
    name="gelu",
    examples=_examples(lambda x: gelu(x), lambda x: x * _scipy("ndtr", x)),
)
def gelu_erf(x: Any) -> Any:
    """x Phi(x), Phi being the normal distribution function; see :func:`gelu`."""


_C = math.sqrt(2 / math.pi)


def _gelu_tanh_partials(out: Expr, x: Expr) -> tuple[Expr]:
    # x sigmoid(2 u) with u = c (x + a x^3)
    square = x * x
    u = x * (2 * _C + 2 * _C * 0.044715 * square)
    du = 2 * _C + 6 * _C * 0.044715 * square
    return (sigmoid(u) + out * sigmoid(-u) * du,)


@elementwise(
    formula="x * (1 + tanh(sqrt(2/pi) * (x + Rational(44715, 1000000) * x**3))) / 2",
    partials=_gelu_tanh_partials,
    numpy="gelu_tanh({0})",
    latex=r"\operatorname{{gelu}}\left({0}\right)",
    dtype=floating,
    kernels=(kernels.gelu_tanh,),
    cost=40,
    examples=_examples(
        lambda x: gelu(x, approximate=True),
        lambda x: 0.5 * x * (1 + np.tanh(_C * (x + 0.044715 * x**3))),
    ),
)
def gelu_tanh(x: Any) -> Any:
    """The approximation of gelu by tanh; see :func:`gelu`."""


@function
def gelu(x: Any, approximate: bool = False) -> Expr:
    """x Phi(x), Phi being the distribution function of the normal distribution.

    Parameters
    ----------
    x : array_like
    approximate : bool
        Whether to use the usual approximation by tanh instead of the error function.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> round(float(sg.function([x], sg.gelu(x))(1.0)), 6)
    0.841345
    """
    return gelu_tanh(x) if approximate else gelu_erf(x)
