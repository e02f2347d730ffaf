"""NumPy's ufunc methods and array methods on expressions, against NumPy on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import DeclarationError, ExpressionUseError

X = np.random.default_rng(0).uniform(0.5, 2.0, (3, 4))


def value(build: Any, x: Any = X) -> Any:
    v = sg.input("x", np.shape(x), np.asarray(x).dtype)
    return sg.function([v], build(v))(x)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: np.add.reduce(x),
        lambda x: np.add.reduce(x, axis=1, keepdims=True),
        lambda x: np.add.reduce(x, axis=None),
        lambda x: np.multiply.reduce(x, axis=(0, 1)),
        lambda x: np.maximum.reduce(x, axis=1),
        lambda x: np.minimum.reduce(x, axis=1, initial=0.75),
        lambda x: np.logaddexp.reduce(x, axis=1),
        lambda x: np.logical_and.reduce(x > 0.6, axis=1),
        lambda x: np.logical_or.reduce(x > 1.9, axis=1),
        lambda x: np.hypot.reduce(x, axis=1),
        lambda x: np.subtract.reduce(x, axis=0),
        lambda x: np.logical_xor.reduce(x > 1, axis=None),
        lambda x: np.hypot.reduce(x, axis=1, keepdims=True),
        lambda x: np.add.accumulate(x),
        lambda x: np.multiply.accumulate(x, axis=1),
        lambda x: np.maximum.accumulate(x, axis=1),
        lambda x: np.minimum.accumulate(x, axis=-1),
        lambda x: np.logaddexp.accumulate(x, axis=1),
        lambda x: np.subtract.accumulate(x, axis=1),
        lambda x: np.add.outer(x, x[0]),
        lambda x: np.multiply.outer(2.0, x),
        lambda x: np.hypot.outer(x[0], x[:, 1]),
        lambda x: np.add(x, 1, dtype="float32"),
        lambda x: x.sum(1, "float32"),
        lambda x: x.sum(axis=1, dtype="float32", keepdims=True),
        lambda x: x.mean(0, keepdims=True),
        lambda x: x.std(1, ddof=1),
        lambda x: x.max(0, keepdims=True),
        lambda x: x.cumprod(1),
        lambda x: x.cumsum(1, "float32"),
        lambda x: x.trace(1),
        lambda x: x.diagonal(-1),
        lambda x: x.round(1),
        lambda x: x.flatten(),
        lambda x: x.copy(),
        lambda x: x.ravel("C"),
        lambda x: x.dot(x.T),
        lambda x: np.atleast_3d(x),
        lambda x: np.asarray([1.0, 2.0], like=x) + 0 * x[:, :2],
        lambda x: np.zeros(4, like=x) + x,
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=1),
    ],
)
def test_as_numpy_does(build: Any) -> None:
    want = np.asarray(build(X))
    got = value(build)
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-6 if want.dtype == "float32" else 1e-14)


def test_gradients_go_through_ufunc_methods() -> None:
    v = sg.input("x", (4,))
    got = sg.function([v], sg.grad(np.hypot.reduce(v), v))(X[0])
    np.testing.assert_allclose(got, X[0] / np.linalg.norm(X[0]), rtol=1e-14)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda x: np.add.at(x, 0, 1.0), r"use x = x.at\[index\].add"),
        (lambda x: np.add.reduceat(x, [0, 2]), "sg.stack"),
        (lambda x: np.add.reduce(x, where=[True] * 4), "sg.where"),
        (lambda x: np.fill_diagonal(x, 0), "diag_indices"),
        (lambda x: np.putmask(x, [True] * 4, 0.0), "sg.where"),
        (lambda x: x.sort(), "sg.sort"),
        (lambda x: x.fill(0), "full_like"),
        (lambda x: x.item(), "keep it an expression"),
        (lambda x: x.tolist(), "keep it an expression"),
        (lambda x: x.view("int64"), "astype"),
        (lambda x: x.flatten("F"), "order"),
        (lambda x: np.sum(x, out=np.zeros(())), "immutable"),
    ],
)
def test_what_is_refused_names_what_to_use(use: Any, message: str) -> None:
    with pytest.raises(ExpressionUseError, match=message):
        use(sg.input("x", (4,)))


def test_what_sg_lacks_names_what_to_use() -> None:
    with pytest.raises(AttributeError, match="sliding_window_view"):
        sg.as_strided  # noqa: B018
    with pytest.raises(AttributeError, match="diag_indices"):
        sg.fill_diagonal  # noqa: B018


def test_steps_of_a_symbolic_axis_cannot_be_written_out() -> None:
    with pytest.raises(DeclarationError, match="must be a number from 1 to 256; got T"):
        np.hypot.reduce(sg.input("x", ("T",)))
    assert np.add.reduce(sg.input("x", ("T",))).shape == ()
