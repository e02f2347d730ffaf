"""``sg.trace``: arguments of every kind, structures, static values, and what cannot be traced."""

from __future__ import annotations

import math
import re
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import symgrad as sg

Point = namedtuple("Point", "x y")
S = sg.spec


def names(traced: Any) -> list[str]:
    return sorted(sg.leaves(traced))


def compiled(inputs: list[str], traced: Any) -> sg.Function:
    found = sg.leaves(traced)
    return sg.function([found[name] for name in inputs], traced)


def test_arguments_of_every_kind() -> None:
    def f(a: Any, /, b: Any, c: Any = 2.0, *rest: Any, d: Any, e: Any = 3.0, **more: Any) -> Any:
        return a + b * c + sum(rest) * d + e + more["g"] * more["h"]

    traced = sg.trace(f, S(()), S(()), 5.0, S(()), 1.0, S(()), d=S(()), g=S(()), h=4)
    assert names(traced) == ["a", "b", "d", "g", "rest_0", "rest_2"]
    data = {"a": 1.0, "b": 2.0, "d": 0.5, "g": -1.0, "rest_0": 7.0, "rest_2": 8.0}
    g = compiled(list(data), traced)
    assert g(**data) == f(1.0, 2.0, 5.0, 7.0, 1.0, 8.0, d=0.5, g=-1.0, h=4)
    assert names(sg.trace(lambda x, y=2.0: x * y, S(()))) == ["x"]
    assert names(sg.trace(lambda x, y=2.0: x * y, S(()), y=S(()))) == ["x", "y"]


def test_structures_of_specs_and_static_parts() -> None:
    def f(params: Any, points: Any, pair: Any, options: Any) -> Any:
        assert isinstance(params["layers"], list)
        assert isinstance(pair, Point)
        assert options is known
        h = points[0]
        for layer in params["layers"]:
            h = np.tanh(h @ layer["W"] + layer["b"])
        return {"h": h, "sum": (pair.x + pair.y, points[1]), "pair": Point(pair.x, 1.0)}

    known = {"static": [1, 2]}
    layer = {"W": S((2, 2)), "b": S((2,))}
    traced = sg.trace(f, {"layers": [layer, layer]}, (S(("N", 2)), 7), Point(S(()), S(())), known)
    assert names(traced) == [
        "pair_x", "pair_y", "params_layers_0_W", "params_layers_0_b", "params_layers_1_W",
        "params_layers_1_b", "points_0",
    ]  # fmt: skip
    assert list(traced) == ["h", "sum", "pair"]
    assert isinstance(traced["pair"], Point)
    assert all(isinstance(e, sg.Expr) for e in (traced["h"], *traced["sum"], *traced["pair"]))
    inputs = sg.leaves(traced)
    run = compiled(list(inputs), traced)
    rng = np.random.default_rng(0)
    data = {k: rng.normal(size=[3 if isinstance(s, sg.Dim) else s for s in x.shape])
            for k, x in inputs.items()}  # fmt: skip
    got = run(**data)
    layers = [{k: data[f"params_layers_{i}_{k}"] for k in "Wb"} for i in (0, 1)]
    pair = Point(data["pair_x"], data["pair_y"])
    want = f({"layers": layers}, (data["points_0"], 7), pair, known)
    np.testing.assert_allclose(got["h"], want["h"], rtol=1e-13)
    assert got["sum"] == want["sum"]
    assert got["pair"] == want["pair"]


def test_static_arguments_choose_at_declaration() -> None:
    def f(x: Any, steps: int, kind: str) -> Any:
        for _ in range(steps):
            x = np.sin(x) if kind == "sin" else np.cos(x)
        return x

    g = compiled(["x"], sg.trace(f, S((3,)), 3, "sin"))
    x = np.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(g(x), f(x, 3, "sin"), rtol=1e-15)


def test_ordinary_loops_and_indexing() -> None:
    def f(A: Any, x: Any) -> Any:
        total = 0.0
        for row, value in zip(A, x, strict=True):
            total += np.sum(row) * value
        for i in range(len(x)):
            total = total + x[i] ** i
        first, *others = x
        low, high = A[:, 0], A[..., -1]
        return total + first - sum(others) + (low * high)[::2].sum() + A[[0, 2], 1].max()

    A, x = np.arange(12.0).reshape(3, 4) / 7, np.array([0.5, -1.5, 2.0])
    g = compiled(["A", "x"], sg.trace(f, S((3, 4)), S((3,))))
    np.testing.assert_allclose(g(A, x), f(A, x), rtol=1e-14)


def test_a_function_of_c_and_one_of_numpy() -> None:
    x = np.array([0.1, -0.2])
    np.testing.assert_array_equal(compiled(["x"], sg.trace(np.tanh, S((2,))))(x), np.tanh(x))
    traced = sg.trace(np.linalg.norm, S((2,)))
    np.testing.assert_allclose(compiled(["x"], traced)(x), np.linalg.norm(x))


def test_symbolic_sizes_and_dtypes() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.mean(x, axis=0) * x.shape[0] + y

    traced = sg.trace(f, S(("N", 2), "float32"), S((2,), "float32"))
    assert traced.dtype == np.float32
    g = compiled(["x", "y"], traced)
    np.testing.assert_allclose(g(np.ones((5, 2), np.float32), np.zeros(2, np.float32)), [5, 5])


# ---- what cannot be traced says what to use


def filled(x: Any) -> Any:
    out = np.zeros(3)
    for i in range(3):
        out[i] = x[i] * 2
    return out


def filled_by_rows(x: Any) -> Any:
    out = np.empty((2, 3))
    out[0] = x
    return out


def in_place(x: Any) -> Any:
    total = np.zeros(3)
    total += x
    return total


def written(x: Any) -> Any:
    x[0] = 1.0
    return x


def branch(x: Any) -> Any:
    return x if x.sum() > 0 else -x


def loop(x: Any) -> Any:
    while x.max() > 1:
        x = x / 2
    return x


def of_math(x: Any) -> Any:
    return math.sin(x[0])


def joined(x: Any) -> Any:
    return np.array([x, 2 * x])


def counted(x: Any) -> Any:
    return sum(i for i in range(x[0]))


def of_scipy(x: Any) -> Any:
    import scipy.linalg

    return scipy.linalg.norm(x)


def sorted_(x: Any) -> Any:
    return sorted(x)


def larger(x: Any) -> Any:
    return max(x[0], x[1])


def found(x: Any) -> Any:
    return np.nonzero(x)


def formatted(x: Any) -> Any:
    return f"{x[0]:.3f}"


def left_masked(x: Any) -> Any:
    return x[x > 0]


def masked(x: Any) -> Any:
    return np.sort(x[x > 0])


@pytest.mark.parametrize(
    ("fn", "words"),
    [
        (filled, ["sg.stack", ".at[i].set", "out[i] = x[i] * 2"]),
        (filled_by_rows, ["sg.stack", "out.at[index].set"]),
        (in_place, ["np.add", "a = a + x"]),
        (written, ["immutable", "x.at[index].set"]),
        (branch, ["sg.where", "sg.cond"]),
        (loop, ["sg.while_loop"]),
        (of_math, ["sg.sin"]),
        (joined, ["sg.numpy.array", "sg.stack"]),
        (counted, ["no Python number"]),
        (of_scipy, ["no NumPy array"]),
        (sorted_, ["sg.sort"]),
        (larger, ["sg.maximum"]),
        (found, ["nonzero", "sg.where", "sg.count_nonzero"]),
        (formatted, ["no value"]),
        (masked, ["sg.where(mask, x, fill)", "sum, mean"]),
        (left_masked, ["sg.where(mask, x, fill)"]),
    ],
)
def test_what_cannot_be_traced_names_the_alternative(fn: Any, words: list[str]) -> None:
    with pytest.raises(sg.DeclarationError) as caught:
        sg.trace(fn, S((3,)))
    for word in words:
        assert word in str(caught.value), word


def test_misuse_is_refused() -> None:
    with pytest.raises(sg.DeclarationError, match=r"trace: .*missing a required argument: 'x'"):
        sg.trace(branch)
    with pytest.raises(sg.DeclarationError, match="trace expects a function; got int"):
        sg.trace(3, S(()))  # type: ignore[arg-type]
    with pytest.raises(sg.DeclarationError, match="returned None"):
        sg.trace(lambda x: None, S(()))
    with pytest.raises(sg.DeclarationError, match="two inputs would have the name 'a_b'"):
        sg.trace(lambda a, a_b: a["b"] + a_b, {"b": S(())}, S(()))
    with pytest.raises(ZeroDivisionError):  # an error of the function's own stays what it is
        sg.trace(lambda x: 1 / 0, S(()))
    with pytest.raises(sg.DeclarationError, match=re.escape("'rng'")):
        sg.trace(lambda rng: rng, S(()))


def test_leaves_are_found_by_kind() -> None:
    w, x, s = sg.param("w", (3,)), sg.input("x", (3,)), sg.state("s", ())
    loss = [(w * x).sum(), s]
    for kind, found in (("param", w), ("input", x), ("state", s)):
        ((name, leaf),) = sg.leaves(loss, kind=kind).items()
        assert leaf is found and name == found.name
    assert set(sg.leaves(loss)) == {"w", "x", "s"}
    with pytest.raises(sg.DeclarationError, match="expected kind to be one of"):
        sg.leaves(loss, kind="parameter")
