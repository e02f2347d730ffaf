"""Nodes that give several arrays: one statement names them, and nothing is computed twice."""

import pickle
import re
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.ir.aval import Avals
from symgrad.ir.graph import Graph, topological
from symgrad.ir.verify import verify
from symgrad.ops.item import ITEM

RNG = np.random.default_rng(19)


def body(f: Any) -> str:
    source: str = f.source
    return source[source.index('"""', source.index("def function")) :]


def test_the_users_names_are_those_of_the_source() -> None:
    A = sg.input("A", (3, 3))
    values, vectors = np.linalg.eigh(A)
    f = sg.function([A], [values, vectors], style="readable")
    assert "values, vectors = np.linalg.eigh(A)" in body(f)


def test_parts_that_nobody_reads_have_no_name() -> None:
    A = sg.input("A", (3, 3))
    Q, _ = np.linalg.qr(A)
    assert "Q, _ = np.linalg.qr(A)" in body(sg.function([A], Q * 2, style="readable"))
    assert "_, logdet = np.linalg.slogdet(A)" in body(
        sg.function([A], np.linalg.slogdet(A)[1] + 1, style="readable")
    )


def test_two_factorisations_have_different_names() -> None:
    A, B = sg.input("A", (3, 3)), sg.input("B", (3, 3))
    one, other = (tuple(np.linalg.qr(x)) for x in (A, B))
    text = body(sg.function([A, B], [one[0] @ other[0], one[1] @ other[1]]))
    assert re.findall(r"(\w+), (\w+) = np\.linalg\.qr\(", text) == [("Q", "R"), ("Q_2", "R_2")]


def test_equal_factorisations_are_one_node() -> None:
    A = sg.input("A", (3, 3))
    assert np.linalg.eigh(A).eigenvalues is np.linalg.eigvalsh(A)
    assert np.linalg.svd(A).S is np.linalg.svdvals(A)


def test_a_node_of_several_arrays_is_no_array() -> None:
    A = sg.input("A", ("n", "n"))
    w = np.linalg.eigvalsh(A)
    assert w.op is ITEM
    whole = w.args[0]
    assert isinstance(whole.aval, Avals)
    assert str(whole.aval) == "(n,) float64, (n, n) float64"
    verify(Graph({"w": w}))


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize("debug", [None, "nan", "verify"])
def test_pickles_and_debug_modes(style: str, debug: str | None) -> None:
    A = sg.input("A", ("n", "n"))
    w, V = np.linalg.eigh(A)
    f = sg.function([A], [sg.exp(w) * 2, V[:, 0] ** 2], style=style, debug=debug)
    a = RNG.normal(size=(3, 3))
    again = pickle.loads(pickle.dumps(f))
    for one, other in zip(f(a), again(a), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.source == f.source
    if debug == "nan":
        with pytest.raises(sg.NonFiniteError, match="w is"):
            f(np.diag([1e308, -1e308, 1.0]) * np.array([1, 1, np.nan]))


def test_expressions_pickle() -> None:
    A = sg.input("A", (3, 3))
    made = np.linalg.svd(A).S.sum()
    assert pickle.loads(pickle.dumps(made)) is made


def test_forward_keeps_the_parts_that_backward_needs() -> None:
    W = sg.param("W", (4, 4))
    w, V = np.linalg.eigh(W + W.T)
    loss = (w**2).sum() + (V[:, 0] ** 4).sum()
    m = sg.compile(loss)
    params = {"W": RNG.normal(size=(4, 4))}
    value, residuals = m.forward(params)
    assert all(isinstance(r, np.ndarray) for r in residuals)
    backward = m.source[m.source.index("def backward") :]
    assert "np.linalg.eigh" not in backward[: backward.index("return")]
    want_value, want = m.value_and_grad(params)
    np.testing.assert_allclose(value, want_value)
    np.testing.assert_allclose(m.backward(residuals)["W"], want["W"])


def test_an_optimiser_step_with_a_factorisation_for_each_parameter() -> None:
    """The updates of all parameters become one loop, with the tuple assignment inside."""

    class Whitened(sg.optim.SGD):
        def rule(self, p: Any, g: Any, memory: Any, rate: Any, step: Any) -> Any:
            w, V = np.linalg.eigh(g @ g.T + sg.eye(3))
            return p - 0.1 * ((V / sg.sqrt(w)) @ V.T @ g), {}

    A, B = sg.param("A", (3, 3)), sg.param("B", (3, 3))
    m = sg.compile(((A @ B - sg.eye(3)) ** 2).sum(), optimizer=Whitened(0.1))
    params = {k: RNG.normal(size=(3, 3)) for k in "AB"}
    before = {k: v.copy() for k, v in params.items()}
    _, grads = m.value_and_grad(params)
    m.step(params, m.init_optimizer(params))
    for k, g in grads.items():
        w, v = np.linalg.eigh(g @ g.T + np.eye(3))
        np.testing.assert_allclose(
            params[k], before[k] - 0.1 * (v / np.sqrt(w)) @ v.T @ g, rtol=1e-10
        )
    step = m.source[m.source.index("def step") :]
    assert step.count("np.linalg.eigh(") == 1


def test_vmap() -> None:
    A = sg.input("A", ("B", 3, 3))
    f = sg.function([A], sg.vmap(lambda a: tuple(np.linalg.eigh(a)))(A))
    a = RNG.normal(size=(5, 3, 3))
    for got, want in zip(f(a), np.linalg.eigh(a), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_gradient_with_respect_to_a_part_stops_there() -> None:
    A = sg.input("A", (3, 3))
    w, V = np.linalg.eigh(A)
    loss = (w**2 * V[0]).sum()
    of_w, of_v = sg.grad(loss, [w, V])
    a = RNG.normal(size=(3, 3))
    values, vectors = np.linalg.eigh(a)
    got_w, got_v = sg.function([A], [of_w, of_v])(a)
    np.testing.assert_allclose(got_w, 2 * values * vectors[0])
    np.testing.assert_allclose(got_v[0], values**2)
    assert not got_v[1:].any()


def test_pictures_equations_and_reports() -> None:
    W = sg.param("W", (3, 3))
    m = sg.compile(np.linalg.svdvals(W).sum() + np.linalg.slogdet(W).logabsdet)
    m.value_and_grad({"W": np.eye(3)})
    assert "svd" in m.graph.dot()
    assert "svd" in m.latex() and "slogdet" in m.latex()
    assert "svd" in str(topological([np.linalg.svdvals(W)])[1])
    assert str(m.report())


def test_a_constant_factorisation_is_left_to_the_call() -> None:
    A = sg.input("A", (2, 2))
    w, _ = np.linalg.eigh(sg.const(np.diag([1.0, 3.0])))
    np.testing.assert_allclose(sg.function([A], A * w)(np.ones((2, 2))), [[1, 3], [1, 3]])
