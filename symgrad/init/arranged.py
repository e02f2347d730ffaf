"""Initialisers of kernels that are not arranged as (window, in, out): grouped and transposed.

A grouped kernel is several kernels side by side, and that of a transposed convolution has its
last two axes the other way round. Each part is drawn in the ordinary arrangement: so it has its
right fans, or is orthogonal by itself, whatever draws it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from symgrad import DeclarationError
from symgrad.init import kernels
from symgrad.init.initializers import Delta, Kernels, Orthogonal, VarianceScaling
from symgrad.options import flag, whole

__all__ = ["Arranged"]


@dataclass(frozen=True, slots=True)
class Arranged:
    """As many kernels side by side as there are groups, each transposed if need be."""

    init: VarianceScaling | Orthogonal | Delta
    groups: int = 1
    transposed: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.init, (VarianceScaling, Orthogonal, Delta)):
            raise DeclarationError(
                f"arranged: needs an initialiser that looks at the shape, not {self.init!r}"
            )
        object.__setattr__(self, "groups", whole("arranged", "groups", self.groups))
        object.__setattr__(self, "transposed", flag("arranged", "transposed", self.transposed))

    def __call__(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike
    ) -> NDArray[Any]:
        """Draw an array."""
        result = np.dtype(dtype)
        self._check(len(shape), shape[-1] if shape else 0, shape)

        def draw(
            rng: np.random.Generator, part: tuple[int, ...], dtype: np.dtype[Any]
        ) -> NDArray[Any]:
            return self.init(rng, part, dtype)

        return kernels.arranged(draw, rng, shape, result, self.groups, self.transposed)

    def source(self, rng: str, shape: str, dtype: str) -> str:
        """The call as source, of the sources of its arguments."""
        sizes = ast.parse(shape, mode="eval").body
        assert isinstance(sizes, ast.Tuple)
        last = sizes.elts[-1] if sizes.elts else None
        # a symbolic size is what it is when the module runs
        size = last.value if isinstance(last, ast.Constant) else self.groups
        self._check(len(sizes.elts), size, shape)
        function, _, arguments = self.init.source(rng, shape, dtype).partition("(")
        options = f", groups={self.groups}" if self.groups > 1 else ""
        options += ", transposed=True" if self.transposed else ""
        return f"arranged({function}, {arguments.removesuffix(')')}{options})"

    def kernels(self) -> Kernels:
        """Functions that the source mentions."""
        return (kernels.arranged, *self.init.kernels())

    def _check(self, ndim: int, last: Any, shape: object) -> None:
        if ndim < 2 or last % self.groups:
            raise DeclarationError(
                f"arranged: needs at least two axes, the last a multiple of {self.groups} groups, "
                f"not the shape {shape}"
            )
