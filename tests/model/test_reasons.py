"""Checks of symbolic sizes in the words of who asks."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.model.reasons import because


def refusal(y: sg.Expr, x: sg.Expr) -> str:
    with pytest.raises(sg.ShapeError) as caught:
        sg.function([x], y)(np.ones(5))
    return str(caught.value)


def test_the_innermost_reason_is_given_and_ends_with_its_block() -> None:
    x, table = sg.input("x", ("T",)), sg.const(np.arange(4.0))
    with because("outer"):
        with because("inner"):
            first = x * table[: x.shape[0]]
        second = x - table[: x.shape[0]]
    third = x / table[: x.shape[0]]
    assert refusal(first, x) == "inner: T == min(T, 4) must hold; got T = 5"
    assert refusal(second, x).startswith("outer: ")
    assert "do not broadcast" in refusal(third, x)


def test_an_error_ends_the_block_too() -> None:
    x, table = sg.input("x", ("T",)), sg.const(np.arange(4.0))
    with pytest.raises(KeyError), because("outer"):
        raise KeyError
    assert "outer" not in refusal(x + table[: x.shape[0]], x)
