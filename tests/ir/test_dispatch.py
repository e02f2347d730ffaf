"""NumPy's calls and Python's own operations on expressions: as on arrays, or refused clearly."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg

X = np.array([[0.3, -1.2, 2.5], [1.7, 0.4, -0.6]])
V = np.array([0.5, 1.5, -2.5])
S = np.array(0.75)
K = np.array([2, 0, 1])

#: the same expression of arrays and of expressions
SAME: dict[str, Callable[..., Any]] = {
    # every argument by position, as NumPy has them
    "sum": lambda x, v, s, k: np.sum(x, 0, None, None, True),
    "sum, dtype": lambda x, v, s, k: np.sum(x, 1, np.float32),
    "sum, initial": lambda x, v, s, k: np.sum(x, axis=1, initial=2.0, keepdims=True),
    "prod": lambda x, v, s, k: np.prod(x, 0, np.float32, None, True, 3.0),
    "max": lambda x, v, s, k: np.max(x, 1, None, True, 0.5),
    "min, initial": lambda x, v, s, k: np.min(x, initial=-5),
    "mean": lambda x, v, s, k: np.mean(x, 0),
    "mean, dtype": lambda x, v, s, k: np.mean(x, 1, np.float32, None, True),
    "std": lambda x, v, s, k: np.std(x, 0, None, None, 1),
    "var": lambda x, v, s, k: np.var(x, axis=1, ddof=1, keepdims=True),
    "cumsum": lambda x, v, s, k: np.cumsum(x, 1, np.float32),
    "cumprod of integers": lambda x, v, s, k: np.cumprod(k, dtype=float),
    "argmax": lambda x, v, s, k: np.argmax(x, 1, keepdims=True),
    "any": lambda x, v, s, k: np.any(x > 2, 1),
    "round": lambda x, v, s, k: np.round(x, 1),
    "around": lambda x, v, s, k: np.around(x, decimals=0),
    "clip": lambda x, v, s, k: np.clip(x, -1, 1),
    "clip, by name": lambda x, v, s, k: np.clip(x, a_min=None, a_max=0.5),
    "clip, new names": lambda x, v, s, k: np.clip(x, min=0.1),
    "where": lambda x, v, s, k: np.where(x > 0, x, 0),
    "linspace": lambda x, v, s, k: np.linspace(s, 2.0, 4),
    "linspace, step": lambda x, v, s, k: np.linspace(s, v, 4, False, True, None, -1)[1],
    "full_like": lambda x, v, s, k: np.full_like(x, 2) + x,
    "zeros_like": lambda x, v, s, k: np.zeros_like(x, order="K", subok=False, shape=(2,)) + s,
    "reshape": lambda x, v, s, k: np.reshape(x, (3, 2), order="C"),
    "transpose": lambda x, v, s, k: np.transpose(x, axes=(1, 0)),
    "take": lambda x, v, s, k: np.take(x, k, 1, mode="raise"),
    "take_along_axis": lambda x, v, s, k: np.take_along_axis(x, k[None, :], -1),
    "by name": lambda x, v, s, k: (
        np.expand_dims(a=x, axis=1) + np.squeeze(a=x[None], axis=0)[:, None]
    ),
    "einsum": lambda x, v, s, k: np.einsum("ij,j->i", x, v, optimize=True),
    "tensordot": lambda x, v, s, k: np.tensordot(x, v, axes=([1], [0])),
    "trace": lambda x, v, s, k: np.trace(x, 1, 0, 1, np.float32),
    "concatenate": lambda x, v, s, k: np.concatenate([x, X], axis=1, dtype=np.float32),
    "concatenate with an array": lambda x, v, s, k: np.concatenate([v, np.ones(2)]),
    "stack": lambda x, v, s, k: np.stack([V, v], axis=1),
    "block": lambda x, v, s, k: np.block([[x, X], [v[None], np.zeros((1, 3))]]),
    "hstack": lambda x, v, s, k: np.hstack([v, 1.0, V]),
    "result_type": lambda x, v, s, k: x.astype(np.result_type(k, np.float32)),
    "shape": lambda x, v, s, k: x * np.shape(x)[1] + np.ndim(x) - np.size(x, 0),
    # ufuncs, and what they take
    "dtype of a ufunc": lambda x, v, s, k: np.exp(x, dtype=np.float32),
    "dtype of integers": lambda x, v, s, k: np.add(k, 1, dtype=np.float64),
    "harmless arguments": lambda x, v, s, k: np.exp(x, where=True, casting="same_kind", order="K"),
    "reduce": lambda x, v, s, k: np.add.reduce(x, axis=None),
    "outer": lambda x, v, s, k: np.subtract.outer(v, V),
    "a ufunc of SciPy": lambda x, v, s, k: __import__("scipy.special").special.erf(x),
    # Python's operations
    "NumPy's scalars": lambda x, v, s, k: np.float64(2) * x + x * np.float32(3) - np.int64(1) / s,
    "arrays": lambda x, v, s, k: V * x + (X @ v)[:, None] - X / s + (np.asarray(V) <= v),
    "rebinding": lambda x, v, s, k: rebound(x),
    "power": lambda x, v, s, k: 2.0**x + np.abs(x) ** V,
    "divmod": lambda x, v, s, k: divmod(x, s)[0] + divmod(3.5, s)[1],
    "abs, round": lambda x, v, s, k: abs(x) + abs(s),
    "sum of a list": lambda x, v, s, k: sum([v, 2 * v]),
    "rows": lambda x, v, s, k: sum(row * i for i, row in enumerate(x)),
    "unpacking": lambda x, v, s, k: unpacked(v),
    "slices": lambda x, v, s, k: x[::-1, None, ..., -1] + x[0, 1:][None],
    "a list as index": lambda x, v, s, k: x[:, [0, 2]] + x[[1, 0]][:, :2],
    "a mask as index": lambda x, v, s, k: x[:, np.array([True, False, True])],
    "a mask that is an expression": lambda x, v, s, k: x[x > 0].sum() + np.mean(v[v < s]),
    "an expression as index": lambda x, v, s, k: v[k] * x[0, k],
    "len": lambda x, v, s, k: x / len(x),
}


def rebound(x: Any) -> Any:
    y = x
    y = y + 1
    y -= V
    y *= 2
    return y


def unpacked(v: Any) -> Any:
    a, b, c = v
    first, *rest = v
    return a * b - c + first * len(rest)


@pytest.mark.parametrize("name", SAME)
def test_as_numpy_does(name: str) -> None:
    arguments = (X, V, S, K)
    inputs = [sg.input("xvsk"[i], np.shape(a), a.dtype) for i, a in enumerate(arguments)]
    want = np.asarray(SAME[name](*arguments))
    made = SAME[name](*inputs)
    assert made.dtype == want.dtype
    got = sg.function(inputs, made)(*arguments)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-6 if want.dtype == np.float32 else 1e-14)


def fill(x: Any, v: Any, s: Any) -> None:
    out = np.zeros(3)
    out += v


def fill_all(x: Any, v: Any, s: Any) -> None:
    out = np.zeros((2, 3))
    out[:] = x


def remove(x: Any, v: Any, s: Any) -> None:
    del v[0]


def assign(x: Any, v: Any, s: Any) -> None:
    v[0] = s


def decide(x: Any, v: Any, s: Any) -> None:
    if s > 0:
        raise AssertionError


REFUSED: dict[str, tuple[Callable[..., Any], list[str]]] = {
    "out": (lambda x, v, s: np.exp(v, out=np.zeros(3)), ["np.exp(..., out=...)", "immutable"]),
    "out of a reduction": (lambda x, v, s: np.sum(v, 0, None, S), ["np.sum(..., out=...)"]),
    "in place": (fill, ["np.add(..., out=...)", "`a = a + x`"]),
    "where": (lambda x, v, s: np.exp(v, where=V > 0), ["where=", "sg.where(mask"]),
    "order": (lambda x, v, s: np.reshape(x, (3, 2), order="F"), ["order=", "order='C'"]),
    "casting": (lambda x, v, s: np.exp(v, casting="unsafe"), ["casting=", "astype"]),
    "signature": (lambda x, v, s: np.exp(v, signature="f->f"), ["signature=", "astype"]),
    "dtype that does not fit": (lambda x, v, s: np.exp(v, dtype=np.int64), ["np.exp", "int64"]),
    "np.array": (lambda x, v, s: np.array([v, v]), ["sg.numpy.array", "sg.stack", "'v'"]),
    "np.array of scalars": (lambda x, v, s: np.array([[s, 1.0], [2.0, s]]), ["sg.numpy.array"]),
    "np.array of objects": (lambda x, v, s: np.array([v, v], dtype=object), ["sg.numpy.array"]),
    "np.asarray": (lambda x, v, s: np.asarray(v), ["sg.numpy.array", "test_dispatch.py:"]),
    "np.full": (lambda x, v, s: np.full(3, s), ["np.full(3, x)", "sg.numpy"]),
    "filling": (fill_all, ["out.at[index].set(x)", "sg.stack"]),
    "an array indexed": (lambda x, v, s: V[s.astype(int)], ["sg.take(array, x, axis=0)"]),
    "float": (lambda x, v, s: float(s), ["no Python number", "sg.function"]),
    "math": (lambda x, v, s: math.sin(s), ["sg.sin for math.sin"]),
    "int": (lambda x, v, s: int(s), ["astype('int64')"]),
    "range": (lambda x, v, s: range(s), ["sg.scan"]),
    "complex": (lambda x, v, s: complex(s), ["no Python number"]),
    "if": (decide, ["sg.where", "sg.cond", "sg.while_loop"]),
    "and": (lambda x, v, s: v and s, ["sg.where", "& | ~"]),
    "not": (lambda x, v, s: not s, ["& | ~"]),
    "max of two": (lambda x, v, s: max(s, v[0]), ["sg.maximum"]),
    "sorted": (lambda x, v, s: sorted(v), ["sg.sort"]),
    "in a list": (lambda x, v, s: v in [x[0], 2 * v], ["`in`", "a is b"]),
    "in an expression": (lambda x, v, s: s in v, ["sg.any(x == value)"]),
    "format": (lambda x, v, s: f"{s:.3f}", ["no value", "print"]),
    "assignment": (assign, ["x.at[index].set(value)"]),
    "deletion": (remove, ["sg.delete(x, index)"]),
    "no axes": (lambda x, v, s: list(s), ["no axes"]),
    "one-argument where": (lambda x, v, s: np.where(v > 0), ["sg.where(condition, x, 0)"]),
    "what a mask selects": (lambda x, v, s: np.concatenate([v[v > 0], v]), ["sg.where(mask, x"]),
    "ufunc.at": (lambda x, v, s: np.add.at(V, [0], v), [".at[index].add"]),
    "frompyfunc": (lambda x, v, s: np.frompyfunc(abs, 1, 1)(v), ["on the expression itself"]),
    "emath": (lambda x, v, s: np.emath.sqrt(v), ["np.lib.scimath.sqrt is not available"]),
    "save": (lambda x, v, s: np.save("x.npy", v), ["np.save", "sg.function"]),
    "a symbolic size": (lambda x, v, s: np.zeros((sg.dim("B"), 2)), ["sg.zeros"]),
    "a symbolic range": (lambda x, v, s: np.arange(sg.dim("B")), ["sg.arange"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_use(name: str) -> None:
    use, words = REFUSED[name]
    x, v, s = sg.input("x", (2, 3)), sg.input("v", (3,)), sg.input("s", ())
    with pytest.raises((sg.SymgradError, ValueError)) as caught:
        use(x, v, s)
    assert isinstance(caught.value, sg.SymgradError)
    for word in words:
        assert word in str(caught.value), word


def test_filling_element_by_element_shows_the_refusal_as_the_cause() -> None:
    """NumPy reports it in its own words; ``sg.trace`` brings the refusal to the front."""
    out, s = np.zeros(2), sg.input("s", ())
    with pytest.raises(ValueError, match="setting an array element") as caught:
        out[0] = s
    assert isinstance(caught.value.__cause__, sg.ExpressionUseError)
    assert "out = out.at[i].set(x)" in str(caught.value.__cause__)


def test_python_treats_an_expression_as_a_value() -> None:
    x = sg.input("x", (3,))
    assert copy.copy(x) is x
    assert copy.deepcopy([x])[0] is x
    assert x.copy() is x
    assert {x: 1, x + 1: 2}[x + 1] == 2
    assert hash(x) == hash(x)
    assert (x == None, x != None) == (False, True)  # noqa: E711
    assert x in [x]
    assert f"{x}" == str(x) == "<Expr x: (3,) float64>"
    assert np.iterable(x)
    assert not np.iterable(sg.input("s", ()))
    assert not np.isscalar(x)
    assert math.floor(x[0]) is sg.floor(x[0])
    assert math.ceil(x[0]) is sg.ceil(x[0])
    assert math.trunc(x[0]) is sg.trunc(x[0])
    assert round(x, 2) is sg.round(x, 2)


def test_nothing_of_numpy_makes_an_array_of_objects() -> None:
    x = sg.input("x", (1000,))
    for build in (np.array, np.asarray, np.atleast_1d, np.ravel, np.copy):
        try:
            made = build([x, x])
        except sg.ExpressionUseError:
            continue
        assert isinstance(made, sg.Expr)
