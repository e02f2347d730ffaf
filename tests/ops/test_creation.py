"""Arrays made from shapes and numbers, with sizes that are known only at a call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad.ops
from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.code import Code
from symgrad.ir.dtypes import default_dtype
from symgrad.ir.node import Expr, identity
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.size import as_shape, dim
from symgrad.ops.interpret import evaluate
from symgrad.ops.leaf import INPUT

assert symgrad.ops.FAMILIES

B, T = dim("B"), dim("T")


def leaf(name: str, shape: Any, dtype: str = "float64") -> Expr:
    return identity(INPUT, {"name": name, "shape": as_shape(shape), "dtype": np.dtype(dtype)})


def f(name: str, *args: Any, **kwargs: Any) -> Any:
    return FUNCTIONS[name](*args, **kwargs)


def source(node: Expr) -> str:
    codes = [Code(arg.name or f"a{i}") for i, arg in enumerate(node.args)]
    return node.op.numpy(node, *codes).text


def test_source_is_what_a_person_would_write() -> None:
    y = leaf("y", ("B",), "int64")
    assert source(f("zeros", ("B", 3))) == "np.zeros((B, 3))"
    assert source(f("zeros", 3)) == "np.zeros(3)"
    assert source(f("ones", ("B",), "float32")) == "np.ones(B, dtype=np.float32)"
    assert source(f("zeros", (), bool)) == "np.zeros((), dtype=bool)"
    assert source(f("eye", "B")) == "np.eye(B)"
    assert source(f("eye", 2, 3, k=1)) == "np.eye(2, 3, k=1)"
    assert source(f("arange", "B")) == "np.arange(B)"
    assert source(f("arange", 1, B + 1)) == "np.arange(1, B + 1)"
    assert source(f("arange", 0, "B", 2)) == "np.arange(0, B, 2)"
    assert source(f("arange", 3, dtype="float32")) == "np.arange(3, dtype=np.float32)"
    assert source(f("arange", 0.0, 1.0, 0.25)) == "np.arange(0.0, 1.0, 0.25)"
    assert source(f("one_hot", y, 10)) == "(y[:, None] == np.arange(10)).astype(np.float64)"
    assert source(f("full", ("B", 3), leaf("v", ()))) == "np.full((B, 3), v)"
    assert source(f("full", 3, leaf("w", (), "float32"))) == "np.full(3, w)"
    number = f("full", 3, 2.0)
    assert number.op.numpy(number, Code("2.0")).text == "np.full(3, 2.0)"
    assert number.op.numpy(number, Code("2")).text == "np.full(3, 2, dtype=np.float64)"
    assert source(f("linspace", 0.0, 1.0, "B")) == "np.linspace(a0, a1, B)"


@pytest.mark.parametrize("size", [0, 1, 4])
def test_symbolic_ranges(size: int) -> None:
    x = leaf("x", ("B",))
    env = {x: np.zeros(size)}
    cases = [
        (f("arange", x.shape[0]), np.arange(size)),
        (f("arange", 1, x.shape[0]), np.arange(1, size)),
        (f("arange", x.shape[0], 0, -1), np.arange(size, 0, -1)),
        (f("arange", x.shape[0] - 1, -1, -2), np.arange(size - 1, -1, -2)),
        (f("arange", 0, 2 * x.shape[0] + 1, 3), np.arange(0, 2 * size + 1, 3)),
    ]
    for node, want in cases:
        got = evaluate([node + 0 * x.shape[0]], env)[0]
        assert np.array_equal(got, want)
        (length,) = node.shape
        assert (length if isinstance(length, int) else length.evaluate({"B": size})) == len(want)


def test_equal_numbers_of_different_kind_are_different_nodes() -> None:
    assert f("arange", 3) is not f("arange", 3.0)
    assert f("arange", 3).dtype == np.int64
    assert f("arange", 3.0).dtype == np.float64
    assert f("arange", 0, 3.0) is f("arange", 0.0, 3)


def test_dtypes_follow_the_setting_and_the_prototype() -> None:
    x = leaf("x", ("B", 2), "float32")
    assert f("zeros", 3).dtype == np.float64
    with default_dtype("float32"):
        assert f("zeros", 3).dtype == f("eye", 3).dtype == np.float32
    assert f("ones_like", x).dtype == np.float32
    assert f("zeros_like", x, dtype=int).dtype == np.int64
    assert f("full_like", x, 2).dtype == np.float32
    assert f("full_like", x, 2).shape == (B, 2)
    assert f("full", 3, 2).dtype == np.int64
    assert f("full", 3, True).dtype == np.bool_


def test_full_broadcasts_an_array() -> None:
    row = leaf("row", (3,))
    node = f("full", (2, 3), row)
    assert evaluate([node], {row: [1.0, 2.0, 3.0]})[0].tolist() == [[1.0, 2.0, 3.0]] * 2


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (lambda: f("arange", 1, 5, 0), DeclarationError, "must not be zero"),
        (lambda: f("arange", 1, "B", 0.5), DeclarationError, "beside a float"),
        (lambda: f("arange", 0, 10, "B"), DeclarationError, "step must be a number"),
        (lambda: f("arange", True), DeclarationError, "must be a number or a size"),
        (lambda: f("arange", np.nan), DeclarationError, "must be finite"),
        (lambda: f("arange", 3, dtype=bool), DTypeError, "booleans"),
        (lambda: f("zeros", (2, -1)), ShapeError, "must not be negative"),
        (lambda: f("eye", 3, k=0.5), DeclarationError, "must be an integer"),
        (lambda: f("one_hot", leaf("p", (3,)), 4), DTypeError, "must be integers"),
        (lambda: f("linspace", leaf("p", (3,)), np.ones(2)), ShapeError, "do not broadcast"),
    ],
)
def test_refusals_say_what_was_expected(declare: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        declare()


def test_linspace_between_arrays() -> None:
    low, high = leaf("low", (3, 1)), leaf("high", (2,))
    a, b = np.array([[0.0], [1.0], [-2.0]]), np.array([2.0, 3.5])
    for options in ({}, {"axis": -1}, {"endpoint": False, "axis": 1}):
        made, step = f("linspace", low, high, 4, retstep=True, **options)
        got, got_step = evaluate([made, step], {low: a, high: b})
        want, want_step = np.linspace(a, b, 4, retstep=True, **options)
        np.testing.assert_allclose(got, want, rtol=1e-15, atol=1e-15)
        np.testing.assert_allclose(got_step, want_step, rtol=1e-15)
