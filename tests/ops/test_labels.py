"""Integers that are said to lie within bounds: checked at the call, and nothing else of them."""

from typing import Any

import numpy as np
import pytest

import symgrad as sg


def test_an_input_is_checked_and_no_more() -> None:
    y = sg.input("y", ("B",), dtype="int32")
    f = sg.function([y], sg.within(y, 3) * 2, style="readable")
    found = f([0, 2])
    assert found.dtype == np.int32
    assert found.tolist() == [0, 4]
    assert f(np.zeros(0, "int32")).shape == (0,)
    assert f.source.endswith("    return y * 2\n")
    for bad in (3, -1):
        with pytest.raises(sg.CompileError, match=rf"y: expected 0 <= y < 3; got {bad} at \(1,\)"):
            f([0, bad])


def test_a_size_may_be_symbolic() -> None:
    y, x = sg.input("y", ("B",), dtype="int64"), sg.input("x", ("C",))
    f = sg.function([y, x], sg.within(y, x.shape[0]) + x.shape[0])
    assert f([1], [0.0, 0.0]).tolist() == [3]
    with pytest.raises(sg.CompileError, match="expected 0 <= y < 2; got 2"):
        f([2], [0.0, 0.0])


@pytest.mark.parametrize(
    "made",
    [
        lambda y: sg.within(y.reshape(-1, 1), 2),
        lambda y: sg.within(sg.stack([y, y]), 2),
        lambda y: sg.within(sg.where(y != -7, y, 0), 2),
        lambda y: sg.vmap(lambda one: sg.within(one, 2) * 1)(y),
    ],
)
def test_inputs_behind_what_rearranges_are_checked(made: Any) -> None:
    y = sg.input("y", ("B",), dtype="int64")
    f = sg.function([y], made(y))
    f([0, 1])
    with pytest.raises(sg.CompileError, match=r"expected 0 <= y < 2; got -1 at \(1,\)"):
        f([0, -1])


def test_what_is_computed_is_not_checked() -> None:
    y = sg.input("y", ("B",), dtype="int64")
    assert sg.function([y], sg.within(y + 1, 2))([5]).tolist() == [6]


def test_points_that_are_drawn_lie_within() -> None:
    y, w = sg.input("y", (50,), dtype="int64"), sg.param("w", ())
    sg.check_gradients((w * sg.within(y, 1)).sum() + w**2)


def test_what_is_no_integer_or_outside_is_refused() -> None:
    with pytest.raises(sg.DTypeError, match="within: expected integers; got float64"):
        sg.within(sg.input("x", ("B",)), 2)
    with pytest.raises(sg.DeclarationError, match="within: expected 0 <= x < 2; got 5"):
        sg.within([0, 5], 2)
