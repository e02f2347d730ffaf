"""What is drawn at a call: standard distributions, whose bits follow from the call's key alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from symgrad.errors import DeclarationError, DTypeError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.dtypes import as_dtype, get_default_dtype
from symgrad.ir.graph import Graph
from symgrad.ir.node import Expr, identity, literal, make
from symgrad.ir.op import OPS, Example, Op, register
from symgrad.ir.size import Dim, Size, as_shape
from symgrad.ops import random_kernels
from symgrad.ops.cast import dtype_code
from symgrad.ops.creation import shape_code

__all__ = ["Draw", "draw", "draws"]


class Draw(Op):
    """Random numbers of a shape; two draws never merge."""

    identity = True
    expensive = True

    def aval(
        self, *args: Aval, shape: tuple[Size, ...], dtype: np.dtype[Any], token: str, **attrs: Any
    ) -> Aval:
        return Aval(shape, dtype)

    def sample(
        self, node: Expr, generator: np.random.Generator, shape: tuple[int, ...]
    ) -> np.ndarray[Any, Any]:
        """Numbers of the same distribution, for sizes that are known."""
        raise NotImplementedError(self.name)


class Standard(Draw):
    """A distribution that a method of NumPy's generators draws from, in float64."""

    method: ClassVar[str]
    #: the method takes dtype=, and draws floats of single precision as such
    single: ClassVar[bool] = False
    symbol: ClassVar[str]

    def numpy(self, node: Expr, *args: Code) -> Code:
        if self.single:
            given = [] if node.dtype == np.float64 else [f"dtype={dtype_code(node.dtype)}"]
            return Code.method(args[0], self.method, shape_code(node.shape), *given)
        code = Code.method(args[0], self.method, size=shape_code(node.shape))
        if node.dtype == np.float64:
            return code
        return Code.method(code, "astype", dtype_code(node.dtype))

    def sample(
        self, node: Expr, generator: np.random.Generator, shape: tuple[int, ...]
    ) -> np.ndarray[Any, Any]:
        return np.asarray(getattr(generator, self.method)(size=shape))

    def latex(self, node: Expr, *args: str) -> str:
        return self.symbol


@register
class StandardNormal(Standard):
    """Independent normal numbers, mean 0 and variance 1."""

    name = method = "standard_normal"
    single = True
    symbol = r"\mathcal{N}(0, 1)"


@register
class StandardUniform(Standard):
    """Independent numbers, uniform in [0, 1)."""

    name, method = "standard_uniform", "random"
    single = True
    symbol = r"\mathcal{U}(0, 1)"


@register
class StandardExponential(Standard):
    """Independent numbers of density e^-x, x >= 0."""

    name = method = "standard_exponential"
    single = True
    symbol = r"\operatorname{Exponential}(1)"


@register
class StandardGumbel(Standard):
    """Independent numbers of distribution function exp(-e^-x)."""

    name, method = "standard_gumbel", "gumbel"
    symbol = r"\operatorname{Gumbel}(0, 1)"


@register
class StandardLaplace(Standard):
    """Independent numbers of density e^-|x| / 2."""

    name, method = "standard_laplace", "laplace"
    symbol = r"\operatorname{Laplace}(0, 1)"


@register
class StandardLogistic(Standard):
    """Independent numbers of distribution function 1 / (1 + e^-x)."""

    name, method = "standard_logistic", "logistic"
    symbol = r"\operatorname{Logistic}(0, 1)"


@register
class TruncatedNormal(Draw):
    """Independent normal numbers, given that they are between two bounds."""

    name = "standard_truncated_normal"

    def numpy(self, node: Expr, *args: Code) -> Code:
        bounds = [_number(node.attrs[key]) for key in ("lower", "upper")]
        code = Code.call("truncated_normal", args[0], *bounds, shape_code(node.shape))
        if node.dtype == np.float64:
            return code
        return Code.method(code, "astype", dtype_code(node.dtype))

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (random_kernels.truncated_normal,)

    def sample(
        self, node: Expr, generator: np.random.Generator, shape: tuple[int, ...]
    ) -> np.ndarray[Any, Any]:
        lower, upper = node.attrs["lower"], node.attrs["upper"]
        return random_kernels.truncated_normal(generator, lower, upper, shape)

    def latex(self, node: Expr, *args: str) -> str:
        low, high = (f"{node.attrs[key]:g}".replace("inf", r"\infty") for key in ("lower", "upper"))
        return rf"\mathcal{{N}}(0, 1)_{{[{low}, {high}]}}"


def _number(value: float) -> str:
    if np.isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    return repr(int(value) if value.is_integer() and abs(value) < 1e6 else value)


@register
class RandomIntegers(Draw):
    """Independent integers, uniform in low <= i < high."""

    name = "random_integers"

    def numpy(self, node: Expr, *args: Code) -> Code:
        low, high = node.attrs["low"], node.attrs["high"]
        bounds = [str(high)] if low == 0 else [str(low), str(high)]
        options: dict[str, Any] = {"size": shape_code(node.shape)}
        if node.dtype != np.int64:
            options["dtype"] = dtype_code(node.dtype)
        return Code.method(args[0], "integers", *bounds, **options)

    def sample(
        self, node: Expr, generator: np.random.Generator, shape: tuple[int, ...]
    ) -> np.ndarray[Any, Any]:
        low, high = node.attrs["low"], node.attrs["high"]
        if isinstance(low, int) and isinstance(high, int):
            return np.asarray(generator.integers(low, high, size=shape))
        return np.zeros(shape)  # in every range of positions of an axis

    def latex(self, node: Expr, *args: str) -> str:
        low, high = (
            v.latex() if isinstance(v, Dim) else str(v)
            for v in (node.attrs["low"], node.attrs["high"])
        )
        return rf"\mathcal{{U}}\{{{low}, \dots, {high} - 1\}}"


@register
class RandomPermutation(Draw):
    """The numbers 0, 1, ... below the size of the last axis, each row in a random order."""

    name = "random_permutation"

    def numpy(self, node: Expr, *args: Code) -> Code:
        n = str(node.shape[-1])
        if node.ndim == 1:
            return Code.method(args[0], "permutation", n)
        rows = Code.call("np.broadcast_to", f"np.arange({n})", shape_code(node.shape))
        return Code.method(args[0], "permuted", rows, axis="-1")

    def sample(
        self, node: Expr, generator: np.random.Generator, shape: tuple[int, ...]
    ) -> np.ndarray[Any, Any]:
        rows = np.broadcast_to(np.arange(shape[-1]), shape)
        return generator.permuted(rows, axis=-1)

    def latex(self, node: Expr, *args: str) -> str:
        return r"\operatorname{permutation}"


@register
class KeyedDraw(Op):
    """A draw of a loop that ends when a test says so: of its stream of numbers, those of a step.

    Parameters
    ----------
    distribution : str
        The op of a draw, whose other attributes are here as well.
    number : int
        Of the draw in the body of the loop.
    """

    name = "keyed_draw"
    expensive = True
    examples = (
        Example(
            lambda: make(
                OPS["keyed_draw"],
                (literal(5), literal(2)),
                {
                    "distribution": "standard_normal",
                    "number": 1,
                    "shape": (2, 3),
                    "dtype": np.dtype(np.float64),
                },
            ),
            lambda: random_kernels.keyed(5, 2, 1).standard_normal((2, 3)),
            (),
        ),
    )

    def aval(
        self,
        stream: Aval,
        step: Aval,
        *,
        shape: tuple[Size, ...],
        dtype: np.dtype[Any],
        **attrs: Any,
    ) -> Aval:
        return Aval(shape, dtype)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        where = f" (declared at {node.location})" if node.location else ""
        raise DeclarationError(
            f"random numbers{where} that are drawn step by step cannot be drawn for a batch; "
            "draw them outside, for the whole batch, and pass them in"
        )

    def numpy(self, node: Expr, *args: Code) -> Code:
        generator = Code.call("keyed", *args, str(node.attrs["number"]))
        return OPS[node.attrs["distribution"]].numpy(node, generator)

    def prelude_of(self, node: Expr) -> tuple[Callable[..., Any], ...]:
        return (random_kernels.keyed, *OPS[node.attrs["distribution"]].prelude_of(node))

    def latex(self, node: Expr, *args: str) -> str:
        return OPS[node.attrs["distribution"]].latex(node)

    def flops(self, node: Expr) -> int:
        return 20


def draws(graph: Graph) -> dict[Expr, int]:
    """The number of each draw in a declared model: the order of the walk from its outputs."""
    found = [node for node in graph.nodes() if isinstance(node.op, Draw)]
    return {node: i for i, node in enumerate(found)}


def draw(name: str, shape: Any, dtype: Any, **attrs: Any) -> Expr:
    """A draw of floats, in the default dtype if there is none."""
    found = as_dtype(get_default_dtype() if dtype is None else dtype)
    if found.kind != "f" or found.itemsize < 4:
        raise DTypeError(f"random numbers are float64 or float32; got {found}")
    return identity(OPS[name], {"shape": as_shape(shape), "dtype": found, **attrs})
