"""Choices: what is not chosen is not seen; which condition wins; errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.node import Expr

NAN = np.nan


def gradients(loss: Callable[..., Any], *arrays: Any) -> list[Any]:
    nodes = [sg.input(f"x{i}", a.shape, dtype=a.dtype) for i, a in enumerate(arrays)]
    wrt = [n for n in nodes if n.dtype.kind == "f"]
    return sg.function(nodes, sg.grad(loss(*nodes).sum(), wrt))(*arrays)


def test_choices_that_are_not_taken_have_gradient_zero() -> None:
    x = np.array([-4.0, 4.0, 9.0])
    for choice in (
        lambda x: sg.select([x < 0, x < 5], [2 * x, sg.sqrt(x)], 0.0),
        lambda x: sg.piecewise(x, [x < 0, x >= 0], [lambda v: 2 * v, sg.sqrt]) * (x < 5),
    ):
        (got,) = gradients(choice, x)
        np.testing.assert_array_equal(got, [2.0, 0.25, 0.0])
    i = np.array([0, 1, 1])
    roots, values = gradients(
        lambda i, a, b: sg.choose(i, [sg.sqrt(a), b]),
        i,
        np.array([4.0, -1.0, 0.0]),
        np.full(3, NAN),
    )
    np.testing.assert_array_equal(roots, [0.25, 0, 0])
    np.testing.assert_array_equal(values, [0, 1, 1])


def test_the_first_condition_of_select_wins_and_the_last_of_piecewise() -> None:
    x = np.array([1.0, 2.0, 3.0])
    conditions = [lambda v: v > 0, lambda v: v > 1]
    node = sg.input("x", (3,))
    for f in (
        lambda v, m: m.select([c(v) for c in conditions], [v * 0 + 10.0, v * 0 + 20.0]),
        lambda v, m: m.piecewise(v, [c(v) for c in conditions], [10.0, 20.0]),
    ):
        np.testing.assert_array_equal(sg.function([node], f(node, sg))(x), f(x, np))


def test_a_number_without_a_choice_is_an_error_of_the_call() -> None:
    i, x = sg.input("i", (2,), dtype="int64"), sg.input("x", (2,))
    f = sg.function([i, x], sg.choose(i, [x, -x]))
    np.testing.assert_array_equal(f([0, 1], [1.0, 2.0]), [1.0, -2.0])
    for bad in ([0, 2], [-1, 0]):
        with pytest.raises(ValueError, match="invalid entry in choice array"):
            f(bad, [1.0, 2.0])


def test_choices_may_stand_along_a_first_axis() -> None:
    i, x = sg.input("i", (4,), dtype="int64"), sg.input("x", (3, 4))
    values, numbers = np.arange(12.0).reshape(3, 4), np.array([2, 0, 1, 2])
    got = sg.function([i, x], sg.choose(i, x))(numbers, values)
    np.testing.assert_array_equal(got, np.choose(numbers, values))


def test_places_of_constants() -> None:
    mask = np.array([[True, False, True], [False, False, True]])
    rows, columns = sg.nonzero(mask)
    assert isinstance(rows, Expr) and rows.shape == (3,)
    np.testing.assert_array_equal(sg.function([], [rows, columns])(), np.nonzero(mask))
    assert sg.where(sg.const(mask))[0] is rows
    assert sg.argwhere(sg.arange(5) % 2 == 0).shape == (3, 1)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda x: sg.select([x > 0], [x, x]), DeclarationError, "as many choices"),
        (lambda x: sg.select([x], [x]), DTypeError, "booleans"),
        (lambda x: sg.piecewise(x, [x > 0], [1.0, 2.0, 3.0]), DeclarationError, "1 or 2 functions"),
        (lambda x: sg.choose(x, [x, x]), DTypeError, "integers"),
        (lambda x: sg.choose([0], [x], mode="best"), DeclarationError, "mode must be"),
        (lambda x: sg.compress(np.eye(2) > 0, x), ShapeError, "one axis"),
        (lambda x: sg.compress(x, x), DTypeError, "booleans"),
        (lambda x: sg.nonzero(sg.const(3.0)), ShapeError, "no axes"),
        (lambda x: sg.where(x > 0, x), DeclarationError, "two values"),
    ],
)
def test_errors(build: Callable[..., Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build(sg.input("x", (4,)))
