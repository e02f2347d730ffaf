"""Norms: at zero, at the limits of the range, errors."""

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import DeclarationError

ORDERS = [None, 1, 2, 3, 1.5, 0.5, -1, -3, np.inf, -np.inf, 0]


@pytest.mark.parametrize("ord", ORDERS)
def test_gradient_at_zero_is_zero(ord: Any) -> None:
    x = sg.input("x", (3,))
    value, slope = sg.function([x], [np.linalg.norm(x, ord), sg.grad(np.linalg.norm(x, ord), x)])(
        np.zeros(3)
    )
    with np.errstate(divide="ignore"):
        assert value == np.linalg.norm(np.zeros(3), ord) == 0
    assert not slope.any()


@pytest.mark.parametrize("ord", [2, 3, 10, 1.5, 0.5, -1, -2])
@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e170, 1e300])
@pytest.mark.parametrize("style", ["readable", "fast"])
def test_nothing_overflows_but_the_norm(ord: Any, scale: float, style: str) -> None:
    x = sg.input("x", ("n",))
    norm = np.linalg.norm(x, ord)
    f = sg.function([x], [norm, sg.grad(norm, x)], style=style)
    v = np.array([1.0, -2.0, 0.5])
    value, slope = f(scale * v)
    want, want_slope = f(v)
    np.testing.assert_allclose(value / scale, want, rtol=1e-14)
    np.testing.assert_allclose(slope, want_slope, rtol=1e-13)
    np.testing.assert_allclose(want, np.linalg.norm(v, ord), rtol=1e-14)


@pytest.mark.parametrize("ord", [3, 0.5, -1])
def test_special_values(ord: Any) -> None:
    x = sg.input("x", (2, 2))
    f = sg.function([x], np.linalg.norm(x, ord, axis=1))
    v = np.array([[np.inf, 1.0], [np.nan, 1.0]])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(f(v), np.linalg.norm(v, ord, axis=1))


def test_elements_at_zero_beside_others() -> None:
    x = sg.input("x", (3,))
    for ord, want in ((3, [0, 0.25 ** (2 / 3), 0.25 ** (2 / 3)]), (1.5, None), (0.5, None)):
        got = sg.function([x], sg.grad(np.linalg.norm(x, ord), x))([0.0, 2.0, 2.0])
        assert np.isfinite(got).all()
        assert got[0] == 0
        if want is not None:
            np.testing.assert_allclose(got[1:], [2 ** (-2 / 3)] * 2)


def test_largest_elements_share_the_gradient() -> None:
    x = sg.input("x", (3,))
    got = sg.function([x], sg.grad(np.linalg.norm(x, np.inf), x))([1.0, -2.0, 2.0])
    np.testing.assert_array_equal(got, [0, -0.5, 0.5])


def test_singular_values_take_any_pair_of_axes() -> None:
    a = np.random.default_rng(0).normal(size=(2, 3, 4))
    A = sg.input("A", ("m", 3, "n"))
    for ord in ("nuc", 2, -2):
        for axis in ((0, 2), (2, 0), (-1, 1)):
            for keepdims in (False, True):
                got = sg.function([A], np.linalg.norm(A, ord, axis, keepdims))(a)
                np.testing.assert_allclose(got, np.linalg.norm(a, ord, axis, keepdims))


def test_orders_that_do_not_exist_are_refused() -> None:
    A, x = sg.input("A", (3, 3)), sg.input("x", (3,))
    for arg, ord in ((A, 3), (A, "x"), (x, "fro"), (x, "nuc"), (x, np.nan)):
        with pytest.raises(DeclarationError, match="norm"):
            np.linalg.norm(arg, ord)
    with pytest.raises(DeclarationError, match="no axis"):
        np.linalg.norm(sg.input("T", (2, 2, 2)), 2)


def test_single_precision_stays() -> None:
    A = sg.input("A", (3, 3), dtype="float32")
    for ord in (None, "nuc", 2, 1, np.inf):
        value = np.linalg.norm(A, ord)
        assert value.dtype == np.float32
        assert sg.grad(value, A).dtype == np.float32
