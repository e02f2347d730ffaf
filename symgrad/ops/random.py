"""Random draws: keyed, so that order, threads and recomputation never change their bits.

Each call of a compiled entry takes one key from the caller's ``numpy.random.Generator``; a
draw is a function of that key and of its number in the declared model (Philox, a
counter-based generator).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.dtypes import as_dtype, get_default_dtype
from symgrad.ir.graph import Graph
from symgrad.ir.node import Expr, as_expr, identity
from symgrad.ir.op import OPS, Op, register
from symgrad.ir.size import Size, as_shape
from symgrad.ops.creation import shape_code

__all__ = ["bernoulli", "draws", "normal", "uniform"]


class Draw(Op):
    """Random numbers of a shape; two draws never merge."""

    identity = True
    expensive = True

    def aval(self, *args: Aval, shape: tuple[Size, ...], dtype: np.dtype[Any], token: str) -> Aval:
        return Aval(shape, dtype)


@register
class StandardNormal(Draw):
    """Independent normal numbers, mean 0 and variance 1."""

    name = "standard_normal"

    def numpy(self, node: Expr, *args: Code) -> Code:
        return _drawn(node, args[0], "standard_normal")

    def latex(self, node: Expr, *args: str) -> str:
        return r"\mathcal{N}(0, 1)"


@register
class StandardUniform(Draw):
    """Independent numbers, uniform in [0, 1)."""

    name = "standard_uniform"

    def numpy(self, node: Expr, *args: Code) -> Code:
        return _drawn(node, args[0], "random")

    def latex(self, node: Expr, *args: str) -> str:
        return r"\mathcal{U}(0, 1)"


def _drawn(node: Expr, generator: Code, method: str) -> Code:
    arguments = [shape_code(node.shape)]
    if node.dtype != np.float64:
        arguments.append(f"dtype=np.{node.dtype.name}")
    return Code.method(generator, method, *arguments)


def draws(graph: Graph) -> dict[Expr, int]:
    """The number of each draw in a declared model: the order of the walk from its outputs."""
    found = [node for node in graph.nodes() if isinstance(node.op, Draw)]
    return {node: i for i, node in enumerate(found)}


def _draw(name: str, shape: Any, dtype: Any) -> Expr:
    found = as_dtype(get_default_dtype() if dtype is None else dtype)
    if found.kind != "f" or found.itemsize < 4:
        raise DTypeError(f"random numbers are float64 or float32; got {found}")
    return identity(OPS[name], {"shape": as_shape(shape), "dtype": found})


def normal(shape: Any = (), loc: Any = 0.0, scale: Any = 1.0, dtype: Any = None) -> Expr:
    """Normal numbers, drawn anew at each call from its ``rng=``.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> f = sg.function([], sg.random.normal((2,)))
    >>> a, b = (f(rng=np.random.default_rng(0)) for _ in range(2))
    >>> bool((a == b).all())
    True
    """
    made = _draw("standard_normal", shape, dtype)
    if not (isinstance(scale, float) and scale == 1.0):
        made = made * scale
    return made if isinstance(loc, float) and loc == 0.0 else made + loc


def uniform(shape: Any = (), low: Any = 0.0, high: Any = 1.0, dtype: Any = None) -> Expr:
    """Uniform numbers in [low, high), drawn anew at each call from its ``rng=``."""
    made = _draw("standard_uniform", shape, dtype)
    if isinstance(low, float) and isinstance(high, float) and (low, high) == (0.0, 1.0):
        return made
    scaled: Expr = made * (as_expr(high) - low) + low
    return scaled


def bernoulli(p: Any, shape: Any = None) -> Expr:
    """Booleans, true with probability `p`, drawn anew at each call from its ``rng=``."""
    chance = as_expr(p)
    if "value" in chance.attrs and not chance.shape:
        value = float(chance.attrs["value"].array)
        if not 0 <= value <= 1:
            raise DeclarationError(f"a probability must lie in [0, 1]; got {value}")
    axes = chance.shape if shape is None else as_shape(shape)
    return _draw("standard_uniform", axes, "float64") < chance
