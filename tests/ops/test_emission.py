"""Every op compiled, in both styles: its examples' values and gradients in one function."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.autodiff.reverse import cotangents
from symgrad.ir.node import Expr, as_expr
from tests.ops.registry_cases import (
    NEEDS_STATIC,
    Array,
    Case,
    assert_close,
    cases,
    leaf,
    size_names,
    symbolic_shapes,
    value,
    weights,
    with_examples,
)


def declared(
    name: str, symbolic: bool
) -> tuple[list[Expr], list[Array], list[Expr], list[tuple[Case, Array]]]:
    """Inputs and their values; outputs, each with its case and the value that it must have.

    The oracle of a value is the example's reference; that of a gradient the interpreter, whose
    gradients are compared with differences of the reference in ``test_registry``.
    """
    inputs: list[Expr] = []
    values: list[Array] = []
    outputs: list[Expr] = []
    expected: list[tuple[Case, Array]] = []
    for k, case in enumerate(cases(name)):
        # names are unique within a compiled function
        shapes: Any = case.example.shapes
        if symbolic and (name, case.number) not in NEEDS_STATIC:
            shapes = symbolic_shapes(shapes, size_names(shapes, f"S{k}_"))
        renamed = [
            leaf(shape, v.dtype, f"{'xyzuvw'[i]}{k}")
            for i, (shape, v) in enumerate(zip(shapes, case.values, strict=True))
        ]
        node = as_expr(case.example.build(*renamed))
        inputs += renamed
        values += case.values
        outputs.append(node)
        expected.append((case, case.reference()))
        if not case.differentiable:
            continue
        seed = leaf(node.shape, node.dtype, f"seed{k}")
        weight = weights(7, case.reference().shape, node.dtype)
        inputs.append(seed)
        values.append(weight)
        wrt = [renamed[i] for i in case.differentiable]
        for gradient in cotangents([node], [seed], wrt):
            if gradient is not None:
                outputs.append(gradient)
                want = value(gradient, [*renamed, seed], [*case.values, weight])
                expected.append((case, want))
    return inputs, values, outputs, expected


@pytest.mark.parametrize(("style", "symbolic"), [("readable", False), ("fast", True)])
@pytest.mark.parametrize("name", with_examples())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_compiled(name: str, style: str, symbolic: bool) -> None:
    inputs, values, outputs, expected = declared(name, symbolic)
    fn: Any = sg.function(inputs, outputs, style=style)
    source = fn.source
    ast.parse(source)
    before = [v.copy() for v in values]
    results = fn(*values)
    assert len(results) == len(outputs)
    for got, node, (case, want) in zip(results, outputs, expected, strict=True):
        assert np.asarray(got).dtype == node.dtype, f"{case}: {source}"
        assert_close(got, want, f"{case}, {style}:\n{source}", 1e-11)
    for old, now in zip(before, values, strict=True):
        np.testing.assert_array_equal(now, old, err_msg=f"an input was changed:\n{source}")
    # what the caller holds is the caller's: a second call writes elsewhere, with the same bits
    kept = [np.array(r) for r in results]
    again = fn(*values)
    for first, copy, second in zip(results, kept, again, strict=True):
        np.testing.assert_array_equal(first, copy)
        np.testing.assert_array_equal(second, copy)
