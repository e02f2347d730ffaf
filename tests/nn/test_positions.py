"""Positions: their definitions in plain loops, and what they are for."""

import cmath
import math
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.nn.attention_peer import table


def test_sinusoids_by_their_definition() -> None:
    for dim in (1, 4, 5):
        found = sg.function([], sg.nn.sinusoidal_positions(7, dim))()
        for p in range(7):
            for j in range(dim):
                angle = p / 10000 ** ((j - j % 2) / dim)
                expected = math.cos(angle) if j % 2 else math.sin(angle)
                assert found[p, j] == pytest.approx(expected, rel=1e-13, abs=1e-15)


def test_sinusoids_of_a_symbolic_length() -> None:
    x = sg.input("x", ("B", "T", 6), "float32")
    y = x + sg.nn.sinusoidal_positions(x.shape[1], 6, base=100.0, dtype="float32")
    assert y.dtype == "float32"
    f = sg.function([x], y)
    for length in (0, 1, 5):
        found = f(np.zeros((2, length, 6), np.float32))
        expected = sg.function([], sg.nn.sinusoidal_positions(length, 6, base=100.0))()
        np.testing.assert_allclose(found[1], expected, rtol=1e-7, atol=1e-7)
    assert sg.nn.sinusoidal_positions("T", 6).shape == (x.shape[1], 6)
    with sg.default_dtype("float32"):
        assert sg.nn.sinusoidal_positions(3, 6).dtype == "float32"


def test_far_positions_in_float32_are_as_exact_as_near_ones() -> None:
    far = sg.nn.sinusoidal_positions(100_001, 4, dtype="float32")[-1]
    np.testing.assert_allclose(
        sg.function([], far)(),
        [math.sin(1e5), math.cos(1e5), math.sin(1e3), math.cos(1e3)],
        rtol=1e-6,
    )


def test_a_learned_row_is_added_to_each_position() -> None:
    x = sg.input("x", ("B", "T", 3), "float32")
    y = sg.nn.learned_positions(x, 5, name="positions")
    seed = sg.input("seed", ("B", "T", 3), "float32")
    model = sg.compile((seed * y).sum(), outputs=y)
    params = model.init(seed=1)
    assert {n: (v.shape, str(v.dtype)) for n, v in params.items()} == {
        "positions.W": ((5, 3), "float32")
    }
    data = table(2, 4, 3, frequency=1.7).astype("float32")
    np.testing.assert_array_equal(model.predict(params, x=data), data + params["positions.W"][:4])
    _, grads = model.value_and_grad(params, x=data, seed=data)
    np.testing.assert_array_equal(grads["positions.W"][4:], 0)
    np.testing.assert_allclose(grads["positions.W"][:4], data.sum(axis=0), rtol=1e-6)
    assert model.predict(params, x=np.ones((2, 5, 3), np.float32)).shape == (2, 5, 3)
    with pytest.raises(sg.ShapeError, match="T = 6"):
        model.predict(params, x=np.ones((2, 6, 3), np.float32))


def test_rotation_by_its_definition_in_complex_numbers() -> None:
    x = sg.input("x", ("B", "T", 6))
    f = sg.function([x], sg.nn.rotary(x, base=100.0))
    data = table(2, 5, 6, frequency=1.7)
    found = f(data)
    for n in range(2):
        for p in range(5):
            for i in range(3):
                z = complex(data[n, p, 2 * i], data[n, p, 2 * i + 1])
                z *= cmath.exp(1j * p * 100.0 ** (-2 * i / 6))
                assert found[n, p, 2 * i] == pytest.approx(z.real, rel=1e-13)
                assert found[n, p, 2 * i + 1] == pytest.approx(z.imag, rel=1e-13)


def test_products_of_rotated_rows_know_their_distance_alone() -> None:
    q, k = sg.input("q", ("T", 8)), sg.input("k", ("T", 8))
    at = sg.input("at", (), "int64")
    places = sg.arange(q.shape[0]) + at
    scores = sg.nn.rotary(q, places) @ sg.nn.rotary(k, places).T
    f = sg.function([q, k, at], scores)
    data = table(6, 8, frequency=1.7), table(6, 8, frequency=1.1)
    near, far = f(*data, 0), f(*data, 1000)
    np.testing.assert_allclose(near, far, rtol=1e-9, atol=1e-12)
    same = f(np.repeat(data[0][:1], 6, axis=0), np.repeat(data[1][:1], 6, axis=0), 3)
    for shift in range(-5, 6):
        diagonal = np.diagonal(same, shift)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-12)


def test_rotation_keeps_lengths_and_has_the_gradient_of_its_inverse() -> None:
    x = sg.param("x", (4, 6))
    y = sg.nn.rotary(x)
    model = sg.compile((y * table(4, 6, frequency=0.9)).sum(), outputs=y)
    params = {"x": table(4, 6, frequency=1.7)}
    np.testing.assert_allclose(
        (model.predict(params) ** 2).sum(-1), (params["x"] ** 2).sum(-1), rtol=1e-13
    )
    assert sg.check_gradients(model, point=params, order=1).error < 1e-8
    _, grads = model.value_and_grad(params)
    z = sg.input("z", (4, 6))
    back = sg.function([z], sg.nn.rotary(z, -np.arange(4)))
    expected = back(table(4, 6, frequency=0.9))
    np.testing.assert_allclose(grads["x"], expected, rtol=1e-12, atol=1e-15)


def test_positions_of_each_example() -> None:
    x, at = sg.input("x", ("B", "T", 2), "float32"), sg.input("at", ("B", "T"), "int64")
    y = sg.nn.rotary(x, at)
    assert y.dtype == "float32"
    f = sg.function([x, at], y)
    ones = np.tile(np.array([1.0, 0.0], np.float32), (2, 3, 1))
    places = np.array([[0, 1, 2], [5, 5, 90_000]])
    expected = np.stack([np.cos(places), np.sin(places)], axis=-1)
    np.testing.assert_allclose(f(ones, places), expected, rtol=1e-5, atol=1e-7)


X = sg.input("x", ("B", 9, 5))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: sg.nn.sinusoidal_positions(3, 0), sg.DeclarationError, "expected dim >= 1"),
        (lambda: sg.nn.sinusoidal_positions(3, 4, base=0), sg.DeclarationError, "base > 0"),
        (
            lambda: sg.nn.sinusoidal_positions(3, 4, dtype="int64"),
            sg.DTypeError,
            "expected a floating dtype; got int64",
        ),
        (
            lambda: sg.nn.sinusoidal_positions(-1, 4),
            sg.DeclarationError,
            "expected length >= 0, an integer; got -1",
        ),
        (lambda: sg.nn.sinusoidal_positions(2.5, 4), sg.DeclarationError, "length .* got 2.5"),
        (
            lambda: sg.nn.rotary(sg.input("x", (5, 4)), np.arange(3)),
            sg.ShapeError,
            r"rotary: expected positions of a shape that broadcasts to \(5,\); got \(3,\)",
        ),
        (
            lambda: sg.nn.rotary(sg.input("x", (5, 4)), np.zeros((2, 5))),
            sg.ShapeError,
            r"broadcasts to \(5,\); got \(2, 5\)",
        ),
        (
            lambda: sg.nn.rotary(
                sg.input("x", ("B", 2, "T", 4)), sg.input("at", ("B", "T"), "int64")
            ),
            sg.ShapeError,
            r"broadcasts to \(B, 2, T\); got \(B, T\)",
        ),
        (lambda: sg.nn.learned_positions(X, 0), sg.DeclarationError, "expected max_length >= 1"),
        (
            lambda: sg.nn.learned_positions(X, 8),
            sg.ShapeError,
            r"a sequence of max_length 8 or less; got shape \(B, 9, 5\)",
        ),
        (lambda: sg.nn.rotary(X), sg.ShapeError, r"an even last axis; got shape \(B, 9, 5\)"),
        (
            lambda: sg.nn.rotary(sg.input("x", (3, 4)), np.ones(3, bool)),
            sg.DTypeError,
            "positions to be real numbers; got bool",
        ),
        (
            lambda: sg.nn.rotary(sg.input("x", (3, 4)), base=math.inf),
            sg.DeclarationError,
            "rotary: expected base > 0, a finite number; got inf",
        ),
    ],
)
def test_errors_say_what_was_expected(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()


def test_a_sequence_longer_than_the_table_is_refused_at_a_call() -> None:
    x = sg.input("x", ("B", "T", 3))
    model = sg.compile(sg.nn.learned_positions(x, 20, name="positions").sum())
    params = model.init()
    assert np.isfinite(model.evaluate(params, x=np.ones((1, 20, 3))))
    said = "^learned_positions: expected a sequence of max_length 20 or less: .* got T = 21"
    with pytest.raises(sg.ShapeError, match=said):
        model.evaluate(params, x=np.ones((1, 21, 3)))
