"""Leaves for expressions under test."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad.ops
import symgrad.rewrite  # noqa: F401
from symgrad.ir.node import Expr, identity
from symgrad.ir.size import as_shape
from symgrad.ops.leaf import INPUT

Leaf = Callable[..., Expr]


@pytest.fixture
def leaf() -> Leaf:
    """A function that makes an input of a name, shape and dtype."""

    def make(name: str, shape: Any = (3, 4), dtype: str = "float64") -> Expr:
        attrs = {"name": name, "shape": as_shape(shape), "dtype": np.dtype(dtype)}
        return identity(INPUT, attrs)

    return make
