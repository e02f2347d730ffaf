"""Selections by masks that are expressions: reduced as NumPy reduces them, or refused."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import symgrad as sym
from symgrad.errors import DeclarationError, DTypeError, ExpressionUseError, ShapeError
from symgrad.ir.node import Expr
from symgrad.ir.op import FUNCTIONS
from symgrad.ops.masked import MaskedSelection

sg = SimpleNamespace(**FUNCTIONS)
X = np.array([[0.5, -1.0, 2.0], [3.0, np.nan, -2.5], [1.5, 4.0, 0.0], [np.inf, 1.0, 7.0]])
FINE = np.isfinite(X)
ROWS = FINE.all(axis=1)


def inputs() -> tuple[Expr, Expr, Expr]:
    return (
        sym.input("x", ("B", 3)),
        sym.input("m", ("B", 3), dtype=bool),
        sym.input("rows", ("B",), dtype=bool),
    )


def both(f: Callable[..., Any]) -> tuple[Any, Any]:
    """A function of x, mask and rows: by symgrad, and by NumPy."""
    args = inputs()
    return sym.function(list(args), f(*args))(X, FINE, ROWS), f(X, FINE, ROWS)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, m, r: x[m].sum(),
        lambda x, m, r: x[m].mean(),
        lambda x, m, r: x[m].prod(),
        lambda x, m, r: x[m].max(),
        lambda x, m, r: x[m].min(),
        lambda x, m, r: x[m].var(),
        lambda x, m, r: x[m].std(ddof=1),
        lambda x, m, r: (x[m] > 1).any(),
        lambda x, m, r: (x[m] > 1).all(),
        lambda x, m, r: np.sum(x[m], keepdims=True),
        lambda x, m, r: np.mean(np.exp(x[m]) * 2 - x[m] ** 2),
        lambda x, m, r: np.count_nonzero(x[m]),
        lambda x, m, r: x[m] @ np.sin(x[m]),
        lambda x, m, r: x[m].size * 1.0,
        lambda x, m, r: x[x > 1].min(),
        lambda x, m, r: x[r].sum(axis=0),
        lambda x, m, r: x[r].mean(axis=-2),
        lambda x, m, r: x[r].sum(axis=1).max(),
        lambda x, m, r: x[r].max(axis=1, keepdims=True).sum(axis=0),
        lambda x, m, r: x[r].std(axis=(0, 1), keepdims=True),
        lambda x, m, r: (x[r] * np.array([1.0, 2.0, 3.0])).sum(axis=0),
        lambda x, m, r: x[r].size * 1.0,
        lambda x, m, r: x[:, x[0] > 0].sum(axis=1)[:3],
        lambda x, m, r: x[r, ...].sum(),
        lambda x, m, r: x[..., x[0] > 0].sum(axis=-1)[:1],
        lambda x, m, r: np.where(x[m] > 0, x[m], -1.0).sum(),
        lambda x, m, r: np.clip(x[m], 0, 2).sum(),
        lambda x, m, r: np.nan_to_num(x[x > 1], posinf=9.0).sum(),
        lambda x, m, r: np.modf(x[m])[0].sum(),
        lambda x, m, r: x[m].round(1).sum(),
        lambda x, m, r: np.compress(r, x, axis=0).sum(axis=0),
        lambda x, m, r: np.extract(m, x).sum(),
    ],
)
def test_reductions_are_those_of_numpy(f: Callable[..., Any]) -> None:
    got, want = both(f)
    np.testing.assert_allclose(got, want, rtol=1e-14)
    assert np.shape(got) == np.shape(want)


def test_what_is_left_out_has_gradient_zero_through_any_chain() -> None:
    x = sym.input("x", (5,))
    loss = (np.sqrt(np.log(x[x > 1])) / x[x > 1]).sum()
    f = sym.function([x], sym.grad(loss, x))
    at = np.array([-1.0, 0.0, np.nan, 2.0, 1.0])
    got = f(at)
    np.testing.assert_array_equal(got[[0, 1, 2, 4]], 0.0)
    t = np.log(2.0)
    np.testing.assert_allclose(got[3], (0.5 / np.sqrt(t) - np.sqrt(t)) / 4, rtol=1e-14)


def test_nothing_selected() -> None:
    x, m, _ = inputs()
    f = sym.function([x, m], [x[m].sum(), x[m].prod(), x[m].max(), x[m].min(), x[m].size])
    assert [float(v) for v in f(X, FINE & False)] == [0, 1, -np.inf, np.inf, 0]
    g = sym.function([x, m], sym.grad(x[m].mean() + x[m].std() + x[m].max(), x))
    np.testing.assert_array_equal(g(X, FINE & False), 0.0)


def test_changed_copies() -> None:
    x, m, r = inputs()
    y = np.where(FINE, 1.0, X)
    for made, want in (
        (x.at[m].set(1.0), y),
        (x.at[m].add(1.0), np.where(FINE, X + 1, X)),
        (x.at[m].set(x[m] * 2), np.where(FINE, X * 2, X)),
        (x.at[r].set([1.0, 2.0, 3.0]), np.where(ROWS[:, None], [1.0, 2.0, 3.0], X)),
        (x.at[r].add(x[r] ** 2), np.where(ROWS[:, None], X + X**2, X)),
    ):
        np.testing.assert_array_equal(sym.function([x, m, r], made)(X, FINE, ROWS), want)
    grad = sym.function([x, m], sym.grad(sg.log(x).at[~m].set(0.0).sum(), x))
    got = grad(X, X > 0)
    np.testing.assert_allclose(got, np.where(X > 0, 1 / np.where(X > 0, X, 1), 0.0))


def test_a_mask_of_constants_is_an_index_as_ever() -> None:
    x = sym.input("x", (4,))
    assert isinstance(x[sg.arange(4) > 1], Expr)
    assert x[sg.arange(4) > 1].shape == (2,)
    assert isinstance(x[x > 1], MaskedSelection)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda x, m, r: sg.sort(x[m]), ExpressionUseError, "elementwise functions and the red"),
        (lambda x, m, r: x[m].reshape(-1), ExpressionUseError, r"sg\.where\(mask, x, fill\)"),
        (lambda x, m, r: np.linalg.norm(x[m]), ExpressionUseError, "only a call knows"),
        (lambda x, m, r: x[m].shape, ExpressionUseError, r"\.size"),
        (lambda x, m, r: len(x[m]), ExpressionUseError, r"\.size"),
        (lambda x, m, r: list(x[m]), ExpressionUseError, "selection"),
        (lambda x, m, r: np.asarray(x[m]), ExpressionUseError, "selection"),
        (lambda x, m, r: bool(x[m]), ExpressionUseError, "selection"),
        (lambda x, m, r: x[m] + x[~m], DeclarationError, "different masks"),
        (lambda x, m, r: x[m] * x[:, 0], ShapeError, "same mask"),
        (lambda x, m, r: x[m].sum(where=m), DeclarationError, "mask & where"),
        (lambda x, m, r: x[r, 0], DeclarationError, "whole axes"),
        (lambda x, m, r: x[m, :], ShapeError, "too many"),
        (lambda x, m, r: x[sym.input("k", (2, 3), dtype=bool), ...][0], ExpressionUseError, "sel"),
        (lambda x, m, r: x[sym.input("k", (), dtype=bool)], DeclarationError, "scalar"),
        (lambda x, m, r: x[:, sym.input("k", (4,), dtype=bool)], ShapeError, "4 and 3 differ"),
        (lambda x, m, r: x.at[m].set(x[:, 0]), ShapeError, "same mask"),
        (lambda x, m, r: (x > 0).at[m].set(x[m]), DTypeError, "cannot go into"),
        (lambda x, m, r: np.nonzero(x), DeclarationError, "count_nonzero"),
        (lambda x, m, r: sg.where(m), DeclarationError, "sg.where"),
        (lambda x, m, r: np.argwhere(m), DeclarationError, "sg.where"),
        (lambda x, m, r: np.copyto(x, 0.0, where=m), ExpressionUseError, r"sg\.where"),
        (lambda x, m, r: np.putmask(x, m, 0.0), ExpressionUseError, r"sg\.where"),
        (lambda x, m, r: np.unique(x), ExpressionUseError, "size of its result"),
    ],
)
def test_what_has_no_static_shape_is_refused(
    build: Callable[..., Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        build(*inputs())


def test_the_package_says_why_a_function_is_absent() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'putmask'.*sg\.where"):
        sym.putmask  # noqa: B018
