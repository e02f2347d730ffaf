"""Options are checked in one way: NumPy's scalars become Python's, and messages are of one form."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.options import flag, real, whole


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (real("f", "a", np.float32(0.5)), 0.5),
        (real("f", "a", np.int8(-3)), -3.0),
        (real("f", "a", Fraction(1, 4), 0, 1), 0.25),
        (real("f", "a", 0, 0), 0.0),
        (real("f", "a", 1, 0, 1), 1.0),
        (real("f", "a", -math.inf, finite=False), -math.inf),
        (whole("f", "n", np.uint8(200)), 200),
        (whole("f", "n", 0, 0, 1), 0),
        (whole("f", "n", -(10**30), -math.inf), -(10**30)),
        (flag("f", "on", np.True_), True),
        (flag("f", "on", False), False),
    ],
)
def test_what_is_taken_is_pythons_own(found: object, expected: object) -> None:
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("value", [math.nan, np.float32("nan"), True, np.True_, "1", None, 1j])
def test_no_real_number(value: Any) -> None:
    for finite in (True, False):
        with pytest.raises(sg.DeclarationError, match=r"^f: expected a, a (finite )?number; got "):
            real("f", "a", value, finite=finite)


@pytest.mark.parametrize(
    "value", [1.0, np.float64(1), math.nan, math.inf, True, np.True_, "1", None]
)
def test_no_integer(value: Any) -> None:
    with pytest.raises(sg.DeclarationError, match=r"^f: expected n >= 1, an integer; got "):
        whole("f", "n", value)


@pytest.mark.parametrize("value", [0, 1, "True", None, np.array([True])])
def test_no_flag(value: Any) -> None:
    with pytest.raises(sg.DeclarationError, match=r"^f: expected on to be True or False; got "):
        flag("f", "on", value)


def test_an_expression_is_no_option() -> None:
    x = sg.input("x", (), dtype="int64")
    for check in (real, whole, flag):
        with pytest.raises(sg.DeclarationError, match="got <Expr x"):
            check("f", "a", x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: real("f", "a", math.inf, 0), "f: expected a >= 0, a finite number; got inf"),
        (lambda: real("f", "a", 10**400, 0), "f: expected a >= 0, a finite number; got 1000"),
        (lambda: real("f", "a", 0, 0, open_low=True), "f: expected a > 0, a finite number; got 0"),
        (lambda: real("f", "a", 2, high=1), "f: expected a <= 1, a finite number; got 2"),
        (lambda: real("f", "a", 2, 0, 1), "f: expected 0 <= a <= 1, a finite number; got 2"),
        (
            lambda: real("f", "a", 1, 0, 1, open_low=True, open_high=True),
            "f: expected 0 < a < 1, a finite number; got 1",
        ),
        (lambda: whole("f", "n", 3, 0, 3), "f: expected 0 <= n < 3, an integer; got 3"),
        (lambda: whole("f", "n", -1, 0), "f: expected n >= 0, an integer; got -1"),
    ],
)
def test_bounds_are_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(sg.DeclarationError) as caught:
        make()
    assert str(caught.value).startswith(message)
