"""Ops on arrays as SymPy is told of them, against the oracles of the ops' own examples."""

from typing import Any

import numpy as np
import pytest
import sympy

from symgrad.errors import CompileError
from symgrad.ir.node import identity
from symgrad.ir.op import FUNCTIONS, OPS, Example
from symgrad.ops.leaf import INPUT
from symgrad.symbolic.arrays import _DEFINITIONS, array_of_symbols, as_sympy_arrays

EXAMPLES = [
    pytest.param(example, id=f"{name}-{i}")
    for name in sorted(_DEFINITIONS)
    for i, example in enumerate(OPS[name].examples)
    if all(0 not in shape for shape in example.shapes) and example.dtypes is None
]


def leaf(name: str, shape: tuple[int, ...]) -> Any:
    return identity(INPUT, {"name": name, "shape": shape, "dtype": np.dtype(np.float64)})


@pytest.mark.parametrize("example", EXAMPLES)
def test_definition_is_that_of_the_oracle(example: Example) -> None:
    leaves = [leaf(f"x{i}", shape) for i, shape in enumerate(example.shapes)]
    symbols = [array_of_symbols(f"x{i}", shape) for i, shape in enumerate(example.shapes)]
    out = example.build(*leaves)
    [found] = as_sympy_arrays([out], dict(zip(leaves, symbols, strict=True)))
    rng = np.random.default_rng(3)
    values = [rng.uniform(0.2, 0.9, shape) for shape in example.shapes]
    flat = [symbol for array in symbols for symbol in array.flat]
    numbers = [number for value in values for number in value.flat]
    numeric = np.reshape(sympy.lambdify(flat, list(found.flat), "math")(*numbers), found.shape)
    np.testing.assert_allclose(numeric, example.reference(*values), rtol=1e-12)


def test_each_definition_is_tested() -> None:
    tested = {case.id.rsplit("-", 1)[0] for case in EXAMPLES}
    assert tested >= set(_DEFINITIONS) - {"scatter_add", "getitem"}, set(_DEFINITIONS) - tested


def test_casts_that_cut_off_have_no_formula() -> None:
    x = leaf("x", (2,))
    with pytest.raises(CompileError, match="a cast to int64 has no formula"):
        as_sympy_arrays([FUNCTIONS["astype"](x, "int64")], {x: array_of_symbols("x", (2,))})


def test_connectives_of_conditions_are_known_and_of_numbers_are_not() -> None:
    x, symbols = leaf("x", (1,)), array_of_symbols("x", (1,))
    [found] = as_sympy_arrays([FUNCTIONS["logical_not"](x > 0)], {x: symbols})
    assert found[0] == (symbols[0] <= 0)
    with pytest.raises(CompileError, match="logical_not of numbers has no formula"):
        as_sympy_arrays([FUNCTIONS["logical_not"](x)], {x: symbols})
