"""e^(a + b) and e^(a - b), as exact as if sum and difference had not been rounded."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.op import Example
from symgrad.ops import kernels
from symgrad.ops.elementwise import elementwise

__all__ = ["exp_below", "exp_sum"]

_SHAPES = (((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), ()))


@elementwise(
    formula="exp(a + b)",
    partials=lambda out, a, b: (out, out),
    numpy="exp_sum({0}, {1})",
    latex="e^{{{0} + {1}}}",
    kernels=(kernels.exp_sum,),
    cost=20,
    examples=tuple(
        Example(lambda a, b: exp_sum(a, b), lambda a, b: np.exp(a + b), s) for s in _SHAPES
    ),
)
def exp_sum(a: Any, b: Any) -> Any:
    """e^(a + b), where the rounding of the sum is made good.

    A sum of some hundreds is rounded by some 1e-14, and so its exponential loses two digits; the
    product e^a e^b, which it stands for, does not.

    Examples
    --------
    >>> import symgrad as sg
    >>> a, b = sg.input("a", ()), sg.input("b", ())
    >>> round(float(sg.function([a, b], sg.exp_sum(a, b))(700.1, -700.0)), 13)
    1.1051709180757
    """


@elementwise(
    formula="exp(a - b)",
    partials=lambda out, a, b: (out, -out),
    numpy="exp_below({0}, {1})",
    latex="e^{{{0} - {1}}}",
    kernels=(kernels.exp_below,),
    cost=20,
    examples=tuple(
        Example(lambda a, b: exp_below(a, b), lambda a, b: np.exp(a - b), s) for s in _SHAPES
    ),
)
def exp_below(a: Any, b: Any) -> Any:
    """e^(a - b), for b at least as great as a: a number that cannot overflow.

    What is left of e^a when the greatest of some exponents is taken out; the rounding of the
    difference is made good.
    """
