"""Array structure and calculus on axes: what the examples of the registry cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import DeclarationError, ShapeError


def gradients(y: Any, *wrt: Any) -> Any:
    return sg.function(list(wrt), sg.grad(y.sum(), list(wrt)))


# ---- windows


def test_windows_that_leave_the_function_are_memory_of_their_own() -> None:
    x = sg.input("x", (5,))
    f = sg.function([x], sg.sliding_window_view(x, 2))
    data = np.arange(5.0)
    out = f(data)
    out[0, 1] = 7  # no view, and every element is its own
    np.testing.assert_array_equal(data, np.arange(5.0))
    assert out[1, 0] == 1


def test_a_result_is_never_written_into_windows() -> None:
    x = sg.input("x", (6,))
    w = sg.sliding_window_view(x * 2.0, 3)
    y = (w + 1.0) * 3.0 - w
    got = sg.function([x], y)(np.arange(6.0))
    v = np.lib.stride_tricks.sliding_window_view(np.arange(6.0) * 2, 3)
    np.testing.assert_array_equal(got, (v + 1) * 3 - v)


def test_a_window_of_symbolic_size_is_checked_at_the_call() -> None:
    x = sg.input("x", ("T",))
    f = sg.function([x], sg.sliding_window_view(x, 4))
    assert f(np.zeros(4)).shape == (1, 4)
    with pytest.raises(ShapeError, match="a window of 4"):
        f(np.zeros(3))


# ---- interpolation


def test_slope_at_a_knot_is_the_one_of_least_size() -> None:
    x, xp, fp = sg.input("x", (5,)), sg.input("xp", (4,)), sg.input("fp", (4,))
    dx, dxp, dfp = gradients(sg.interp(x, xp, fp), x, xp, fp)(
        [0.0, 1.0, 2.0, 3.0, 5.0], [0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 4.0, 2.0]
    )
    # beyond the ends 0; at 1 between the slopes 1 and 3; at 2 between 3 and -2
    np.testing.assert_array_equal(dx, [0, 1, 0, 0, 0])
    np.testing.assert_array_equal(dxp, [0, -1, 0, 0])
    np.testing.assert_array_equal(dfp, [1, 1, 1, 2])


def test_interp_beyond_the_ends() -> None:
    x, low = sg.input("x", (4,)), sg.input("low", ())
    y = sg.interp(x, [0.0, 1.0], [5.0, 6.0], left=low, right=-1.0)
    data = np.array([-1.0, 0.0, 0.5, 2.0])
    np.testing.assert_array_equal(sg.function([x, low], y)(data, 9.0), [9.0, 5.0, 5.5, -1.0])
    _, d_low = gradients(y, x, low)(data, 9.0)
    assert d_low == 1


@pytest.mark.parametrize("reference", [np.interp])
def test_interp_in_single_precision(reference: Any) -> None:
    x = sg.input("x", ("B", 3), "float32")
    y = sg.interp(x, np.float32([0, 1, 2]), np.float32([1, 0, 2]))
    data = np.random.default_rng(0).uniform(-1, 3, (2, 3)).astype("float32")
    got = sg.function([x], y)(data)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, reference(data, [0, 1, 2], [1, 0, 2]), rtol=1e-6)


# ---- padding


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "wrap"])
def test_padding_of_a_symbolic_axis_by_more_than_one_image_is_an_error(mode: str) -> None:
    x = sg.input("x", ("T",))
    f = sg.function([x], sg.pad(x, 3, mode=mode))
    data = np.arange(4.0)
    np.testing.assert_array_equal(f(data), np.pad(data, 3, mode=mode))
    with pytest.raises(ShapeError, match="a width of 3"):
        f(data[:2])


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "wrap", "edge"])
def test_gradient_of_padding_by_several_images(mode: str) -> None:
    x = sg.input("x", (3,))
    w = np.random.default_rng(0).uniform(-1, 1, 3 + 7 + 5)
    got = sg.function([x], sg.grad((sg.pad(x, (7, 5), mode=mode) * w).sum(), x))(np.zeros(3))
    jacobian = np.stack([np.pad(e, (7, 5), mode=mode) for e in np.eye(3)])
    np.testing.assert_allclose(got, jacobian @ w, rtol=1e-14)


def test_padding_options_belong_to_their_mode() -> None:
    x = sg.input("x", (3,))
    with pytest.raises(DeclarationError, match="'edge' takes no end_values"):
        sg.pad(x, 1, mode="edge", end_values=2)
    with pytest.raises(ShapeError, match="empty axis"):
        sg.pad(x[:0], 1, mode="edge")


# ---- triangles


def test_what_a_triangle_cuts_off_has_no_gradient_whatever_it_holds() -> None:
    x = sg.input("x", (2, 2))
    value, slope = sg.function([x], [sg.tril(x), sg.grad(sg.tril(x).sum(), x)])(
        [[1.0, np.nan], [2.0, 3.0]]
    )
    np.testing.assert_array_equal(value, [[1, 0], [2, 3]])
    np.testing.assert_array_equal(slope, [[1, 0], [1, 1]])


def test_positions_of_a_triangle_need_a_number() -> None:
    with pytest.raises(DeclarationError, match="symbolic size n"):
        sg.tril_indices("n")


# ---- structure


def test_grids_of_symbolic_sizes() -> None:
    x, y = sg.input("x", ("W",)), sg.input("y", ("H",))
    X, Y = sg.meshgrid(x, y)
    assert str(X.shape) == str(Y.shape) == "(Dim('H'), Dim('W'))"
    a, b = np.arange(3.0), np.arange(2.0)
    got = sg.function([x, y], [X, Y])(a, b)
    for have, want in zip(got, np.meshgrid(a, b), strict=True):
        np.testing.assert_array_equal(have, want)


def test_nested_lists_take_the_dtype_of_their_expressions() -> None:
    c = sg.input("c", (), "float32")
    assert sg.array([[c, 1.0], [0.0, c]]).dtype == np.float32
    assert sg.array([1.0, 2.0]).dtype == np.float64
    assert sg.array([c, c], ndmin=2).shape == (1, 2)


def test_array_equal_of_shapes_that_differ() -> None:
    x = sg.input("x", ("B",))
    assert not sg.function([x], sg.array_equal(x, np.zeros((1, 3))))(np.zeros(3))
    f = sg.function([x], sg.array_equal(x, np.zeros(3)))
    assert f(np.zeros(3))
    with pytest.raises(ShapeError):
        f(np.zeros(4))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x: sg.delete(x, 9), "position 9 is out of range"),
        (lambda x: sg.insert(x, 7, 0.0), "position 7 is out of range"),
        (lambda x: sg.block([[x], x]), "same depth"),
        (lambda x: sg.rot90(sg.ones((2, 2)), axes=(0,)), "two axes"),
        (lambda x: sg.diff(x, -1), "must not be negative"),
        (lambda x: sg.gradient(x, edge_order=3), "edge_order is 1 or 2"),
        (lambda x: sg.gradient(x[:1]), "at least 2 are needed"),
        (lambda x: sg.convolve(x, x, "middle"), "mode is one of full, same, valid"),
        (lambda x: sg.convolve(x[:0], x), "at least 1 is needed"),
        (lambda x: sg.meshgrid(x, x, indexing="yx"), "indexing is"),
        (lambda x: sg.vander(sg.ones((2, 2))), "takes a vector"),
        (lambda x: sg.cumulative_sum(sg.ones((2, 2))), "needs axis="),
    ],
)
def test_refusals_say_what_was_expected(build: Any, message: str) -> None:
    with pytest.raises((DeclarationError, ShapeError), match=message):
        build(sg.input("x", (5,)))


def test_convolution_is_written_as_numpys() -> None:
    x, k = sg.input("x", ("T",)), sg.input("k", (3,))
    y = sg.convolve(x, k, "valid")
    f = sg.function([x, k], [y, sg.grad(y.sum(), k)], style="readable")
    assert 'np.convolve(x, k, "valid")' in f.source
    assert "np.correlate(" in f.source


def test_numpys_apply_along_axis_is_batched() -> None:
    x = sg.input("x", ("B", 4))
    y = np.apply_along_axis(lambda v: v * v.sum(), 1, x)
    data = np.random.default_rng(0).uniform(-1, 1, (3, 4))
    np.testing.assert_allclose(sg.function([x], y)(data), data * data.sum(1, keepdims=True))
