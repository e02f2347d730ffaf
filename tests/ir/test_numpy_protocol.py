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
        lambda x: np.pad(x, 1, "reflect"),
        lambda x: np.pad(x, ((0, 1), (2, 0)), mode="linear_ramp", end_values=3.0),
        lambda x: np.pad(x, 1, constant_values=0.5),
        lambda x: np.insert(x, [1, 2], x[:, :2], axis=1),
        lambda x: np.delete(x, 1, axis=1),
        lambda x: np.append(x, x),
        lambda x: np.resize(x, (2, 9)),
        lambda x: np.block([[x, x], [2 * x, x]]),
        lambda x: np.meshgrid(x[0], x[:, 0], indexing="ij")[1],
        lambda x: x[np.ix_([0, 2], [1, 3])],
        lambda x: np.interp(x, x[0].cumsum(), x[1]),
        lambda x: np.unwrap(x * 9, axis=0),
        lambda x: np.tril(x, -1) + np.triu(x, k=2),
        lambda x: np.diag(x[0], 1),
        lambda x: np.diagflat(x[:2]),
        lambda x: np.convolve(x[0], x[1], "same"),
        lambda x: np.correlate(x[0], x[1], "full"),
        lambda x: np.gradient(x, 0.5, axis=1, edge_order=2),
        lambda x: np.gradient(x, 0.5, 2.0)[1],
        lambda x: np.trapezoid(x, x=x[0].cumsum(), axis=-1),
        lambda x: np.diff(x, n=2, axis=1),
        lambda x: np.ediff1d(x, to_begin=0.5),
        lambda x: np.polyval(x[0], x),
        lambda x: np.polymul(np.polyder(x[0]), np.polyint(x[1])),
        lambda x: np.polyadd(x[0], x[1, :2]) - np.polysub(x[0], x[1, 1:]),
        lambda x: np.vander(x[0], 3, increasing=True),
        lambda x: np.rot90(x, 3),
        lambda x: np.rollaxis(x, 1),
        lambda x: np.dstack([x, x]),
        lambda x: np.dsplit(np.atleast_3d(x), 1)[0],
        lambda x: np.unstack(x, axis=1)[2],
        lambda x: np.permute_dims(x, (1, 0)),
        lambda x: np.apply_along_axis(lambda v: v[:2] * v.sum(), 1, x),
        lambda x: np.apply_over_axes(np.sum, x, (0, 1)),
        lambda x: np.cumulative_sum(x, axis=1, include_initial=True),
        lambda x: np.cumulative_prod(x[0]),
        lambda x: np.geomspace(x[0], x[1], 4),
        lambda x: np.logspace(x[0, 0], x[1, 1], num=3, base=2.0),
        lambda x: np.linspace(x[0], x[1], 4, axis=1),
        lambda x: np.array_equal(x, x),
        lambda x: x * np.shape(x)[1] + np.ndim(x) + np.size(x) + np.size(x, 1),
        lambda x: np.copy(x) + np.empty_like(x) * 0,
        lambda x: x[np.tril_indices_from(x)],
        lambda x: x[:, :3][np.diag_indices_from(x[:, :3])],
        lambda x: np.repeat(x, [1, 0, 2], axis=0),
        lambda x: np.tile(x, (2, 1)),
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
