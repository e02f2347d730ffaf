"""The initialisers as objects: what they are made of, what they refuse, and their source.

Each gives its array when called, and with ``source`` the expression that a generated module
evaluates to the same bits; both go through the functions of ``kernels``.
"""

from __future__ import annotations

import ast
import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from symgrad import DeclarationError
from symgrad.init import kernels
from symgrad.options import real

__all__ = [
    "Constant",
    "Delta",
    "Identity",
    "Initializer",
    "Normal",
    "Orthogonal",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
]

Kernels = tuple[Callable[..., Any], ...]


class Initializer(Protocol):
    """What an initialiser is: a callable from a generator, a shape and a dtype to an array."""

    def __call__(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike
    ) -> NDArray[Any]:
        """Give an array of this shape and dtype."""


def _check(owner: str, options: Any, name: str, low: float = -math.inf) -> None:
    """Make an option a finite number of Python's, `low` or more."""
    object.__setattr__(options, name, real(owner, name, getattr(options, name), low))


def _real_dtype(owner: str, dtype: DTypeLike) -> np.dtype[Any]:
    """Refuse a dtype in which random draws would be rounded to integers."""
    result = np.dtype(dtype)
    if result.kind != "f":
        raise DeclarationError(f"{owner}: needs a floating dtype, not {result.name}")
    return result


def _named(dtype: str) -> np.dtype[Any]:
    """The dtype that source such as ``np.float32`` names."""
    return np.dtype(dtype.removeprefix("np."))


def _axes(shape: str) -> int:
    """The number of axes of a shape's source."""
    tree = ast.parse(shape, mode="eval").body
    assert isinstance(tree, ast.Tuple)
    return len(tree.elts)


def _number(value: Any) -> str:
    """Source of a number."""
    if isinstance(value, (bool, np.bool_)):
        return repr(bool(value))
    if isinstance(value, numbers.Integral):
        return repr(int(value))
    if not isinstance(value, numbers.Real):
        return f"complex({_number(value.real)}, {_number(value.imag)})"
    text = repr(float(value))
    return text if math.isfinite(value) else text.replace("inf", "np.inf").replace("nan", "np.nan")


@dataclass(frozen=True, slots=True)
class Constant:
    """Every entry the same value."""

    value: complex

    def __post_init__(self) -> None:
        if not isinstance(self.value, (numbers.Number, np.bool_)):
            raise DeclarationError(f"constant: value should be a number, not {self.value!r}")

    def __call__(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike
    ) -> NDArray[Any]:
        """Give an array full of the value."""
        return np.full(shape, self.value, self._fitting(np.dtype(dtype)))

    def source(self, rng: str, shape: str, dtype: str) -> str:
        """The call as source, of the sources of its arguments."""
        self._fitting(_named(dtype))
        if self.value == 0 and not np.signbit(self.value.real):
            return f"np.zeros({shape}, {dtype})"
        return f"np.full({shape}, {_number(self.value)}, {dtype})"

    def kernels(self) -> Kernels:
        """Functions that the source mentions."""
        return ()

    def _fitting(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Refuse a dtype that does not hold the value."""
        is_real = isinstance(self.value, (numbers.Real, np.bool_))
        # a float may round; an integer or a boolean that cannot hold the value is a mistake
        if dtype.kind in "biu":
            fits = is_real and math.isfinite(self.value.real) and self._in_range(dtype)
        else:
            fits = is_real or dtype.kind == "c"
        if not fits:
            raise DeclarationError(f"constant: {dtype.name} does not hold {self.value!r}")
        return dtype

    def _in_range(self, dtype: np.dtype[Any]) -> bool:
        low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        value = self.value.real
        return low <= value <= high and value == int(value)


@dataclass(frozen=True, slots=True)
class Normal:
    """Normal distribution with this standard deviation and mean."""

    std: float = 1.0
    mean: float = 0.0

    def __post_init__(self) -> None:
        _check("normal", self, "std", 0)
        _check("normal", self, "mean")

    def __call__(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike
    ) -> NDArray[Any]:
        """Draw an array."""
        result = _real_dtype("normal", dtype)
        return np.asarray(rng.normal(self.mean, self.std, shape)).astype(result)

    def source(self, rng: str, shape: str, dtype: str) -> str:
        """The call as source, of the sources of its arguments."""
        _real_dtype("normal", _named(dtype))
        return f"{rng}.normal({_number(self.mean)}, {_number(self.std)}, {shape}).astype({dtype})"

    def kernels(self) -> Kernels:
        """Functions that the source mentions."""
        return ()


@dataclass(frozen=True, slots=True)
class Uniform:
    """Uniform distribution on [low, high]."""

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        _check("uniform", self, "low")
        _check("uniform", self, "high", self.low)
        real("uniform", "high - low", self.high - self.low)

    def __call__(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike
    ) -> NDArray[Any]:
        """Draw an array."""
        result = _real_dtype("uniform", dtype)
        return np.asarray(rng.uniform(self.low, self.high, shape)).astype(result)

    def source(self, rng: str, shape: str, dtype: str) -> str:
        """The call as source, of the sources of its arguments."""
        _real_dtype("uniform", _named(dtype))
        return f"{rng}.uniform({_number(self.low)}, {_number(self.high)}, {shape}).astype({dtype})"

    def kernels(self) -> Kernels:
        """Functions that the source mentions."""
        return ()


@dataclass(frozen=True, slots=True)
class TruncatedNormal:
    """Normal distribution of mean 0, cut off at two standard deviations.

    ``std`` is that of the normal before it is cut, as in JAX and TensorFlow; what is drawn has a
    standard deviation of 0.8796 times it.
    """

    std: float = 1.0

    def __post_init__(self) -> None:
        _check("truncated_normal", self, "std", 0)

    def __call__(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike
    ) -> NDArray[Any]:
        """Draw an array."""
        result = _real_dtype("truncated_normal", dtype)
        return kernels.truncated_normal(rng, shape, result, float(self.std))

    def source(self, rng: str, shape: str, dtype: str) -> str:
        """The call as source, of the sources of its arguments."""
        _real_dtype("truncated_normal", _named(dtype))
        return f"truncated_normal({rng}, {shape}, {dtype}, std={float(self.std)!r})"

    def kernels(self) -> Kernels:
        """Functions that the source mentions."""
        return (kernels.truncated_normal,)


@dataclass(frozen=True, slots=True)
class VarianceScaling:
    """Mean 0 and variance ``gain**2 * scale / fan``: Glorot, He and LeCun are choices of these.

    The normal is truncated at two standard deviations and widened to keep that variance.
    """

    scale: float
    fan: Literal["in", "out", "average"]
    distribution: Literal["normal", "uniform"]
    gain: float = 1.0

    def __post_init__(self) -> None:
        _check("variance scaling", self, "scale", 0)
        _check("variance scaling", self, "gain", 0)
        if self.fan not in ("in", "out", "average"):
            raise DeclarationError(
                f"variance scaling: fan should be 'in', 'out' or 'average', not {self.fan!r}"
            )
        if self.distribution not in ("normal", "uniform"):
            raise DeclarationError(
                "variance scaling: distribution should be 'normal' or 'uniform', "
                f"not {self.distribution!r}"
            )

    def __call__(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike
    ) -> NDArray[Any]:
        """Draw an array."""
        result = _real_dtype("variance scaling", dtype)
        scale, gain = float(self.scale), float(self.gain)
        return kernels.variance_scaling(
            rng, shape, result, scale, self.fan, self.distribution, gain
        )

    def source(self, rng: str, shape: str, dtype: str) -> str:
        """The call as source, of the sources of its arguments."""
        _real_dtype("variance scaling", _named(dtype))
        return (
            f"variance_scaling({rng}, {shape}, {dtype}, scale={float(self.scale)!r}, "
            f'fan="{self.fan}", distribution="{self.distribution}"{_gain(self.gain)})'
        )

    def kernels(self) -> Kernels:
        """Functions that the source mentions."""
        return (kernels.variance_scaling,)


@dataclass(frozen=True, slots=True)
class Orthogonal:
    """Gain times a matrix with orthonormal rows or columns, uniform over all such (Haar measure).

    Axes before the last are taken together, as in a convolution kernel.
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        _check("orthogonal", self, "gain")

    def __call__(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike
    ) -> NDArray[Any]:
        """Draw an array."""
        result = _real_dtype("orthogonal", dtype)
        self._check(len(shape), shape)
        return kernels.orthogonal(rng, shape, result, float(self.gain))

    def source(self, rng: str, shape: str, dtype: str) -> str:
        """The call as source, of the sources of its arguments."""
        _real_dtype("orthogonal", _named(dtype))
        self._check(_axes(shape), shape)
        return f"orthogonal({rng}, {shape}, {dtype}{_gain(self.gain)})"

    def kernels(self) -> Kernels:
        """Functions that the source mentions."""
        return (kernels.orthogonal,)

    def _check(self, ndim: int, shape: object) -> None:
        if ndim < 2:
            raise DeclarationError(f"orthogonal: needs at least two axes, not the shape {shape}")


def _gain(gain: float) -> str:
    """The argument as source, if it is not the kernels' default."""
    return "" if gain == 1 else f", gain={float(gain)!r}"


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity matrix; ones on the main diagonal if it is not square."""

    def __call__(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike
    ) -> NDArray[Any]:
        """Give the matrix."""
        self._check(len(shape), shape)
        return np.eye(*shape, dtype=np.dtype(dtype))

    def source(self, rng: str, shape: str, dtype: str) -> str:
        """The call as source, of the sources of its arguments."""
        self._check(_axes(shape), shape)
        return f"np.eye({shape[1:-1]}, dtype={dtype})"

    def kernels(self) -> Kernels:
        """Functions that the source mentions."""
        return ()

    def _check(self, ndim: int, shape: object) -> None:
        if ndim != 2:
            raise DeclarationError(f"identity: needs a matrix, not the shape {shape}")


@dataclass(frozen=True, slots=True)
class Delta:
    """The kernel of a convolution that hands on its input: the identity in mid-window."""

    def __call__(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike
    ) -> NDArray[Any]:
        """Give the kernel."""
        self._check(len(shape), shape)
        return kernels.delta(rng, shape, np.dtype(dtype))

    def source(self, rng: str, shape: str, dtype: str) -> str:
        """The call as source, of the sources of its arguments."""
        self._check(_axes(shape), shape)
        return f"delta({rng}, {shape}, {dtype})"

    def kernels(self) -> Kernels:
        """Functions that the source mentions."""
        return (kernels.delta,)

    def _check(self, ndim: int, shape: object) -> None:
        if ndim < 2:
            raise DeclarationError(f"delta: needs at least two axes, not the shape {shape}")
