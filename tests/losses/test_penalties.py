"""Penalties of parameters: which they are, and what they come to."""

from typing import Any

import numpy as np
import pytest

import symgrad as sg

L = sg.losses


def network() -> tuple[sg.Expr, dict[str, Any]]:
    x = sg.input("x", ("B", 2))
    params = {}
    for name in ("hidden", "out"):
        with sg.scope(name):
            params[f"{name}.W"] = sg.param("W", (2, 2), init=sg.init.normal())
            params[f"{name}.b"] = sg.param("b", (2,), init=sg.init.normal())
            x = x @ params[f"{name}.W"] + params[f"{name}.b"]
    return x.sum() + 0 * sg.state("seen", ()), params


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ("*W", {"hidden.W", "out.W"}),
        ("hidden.*", {"hidden.W", "hidden.b"}),
        (["out.b", "*.b"], {"hidden.b", "out.b"}),
        ("*", {"hidden.W", "hidden.b", "out.W", "out.b"}),
    ],
)
def test_parameters_are_chosen_by_name(names: Any, chosen: set[str]) -> None:
    loss, params = network()
    model = sg.compile(loss)
    values = model.init(1)
    for penalty, size in ((L.l1, np.abs), (L.l2, np.square)):
        expected = sum(float(size(values[name]).sum()) for name in chosen)
        for given in (loss, params):
            compiled = sg.compile(penalty(given, names))
            known = {name: values[name] for name in compiled.init()}
            np.testing.assert_allclose(compiled.evaluate(known), expected, rtol=1e-14)


def test_gradients_are_the_sign_and_twice_the_value() -> None:
    w = sg.param("w", (3,), dtype="float32")
    values = {"w": np.array([1.5, 0.0, -2.0], np.float32)}
    for penalty, slope in ((L.l1, [1, 0, -1]), (L.l2, [3, 0, -4])):
        value, grads = sg.compile(penalty([w])).value_and_grad(values)
        assert value.dtype == np.float32
        np.testing.assert_array_equal(grads["w"], slope)


def test_structures_and_single_expressions() -> None:
    a, b = sg.input("a", (2,)), sg.input("b", ())
    f = sg.function([a, b], [L.l1(a), L.l1([a, {"b": b}]), L.l2((a, b))])
    assert [float(v) for v in f([1.0, -2.0], 3.0)] == [3, 6, 14]


def test_what_does_not_exist_is_refused() -> None:
    loss, params = network()
    with pytest.raises(sg.DeclarationError, match=r"is called '\*V'; there are \['hidden\.W'"):
        L.l2(loss, names="*V")
    with pytest.raises(sg.DeclarationError, match="is called 'x'"):
        L.l1(loss, names=["*", "x"])  # an input is no parameter, a state neither
    with pytest.raises(sg.DeclarationError, match="expected parameters"):
        L.l1([])
    with pytest.raises(sg.DTypeError, match="floating"):
        L.l2(sg.input("n", (2,), dtype="int64"))
    assert set(sg.leaves(loss, kind="param")) == set(params)


def test_a_scope_is_chosen_as_in_optimisers() -> None:
    y, params = network()
    penalty = L.l2(y, names="hidden")
    wanted = L.l2([params["hidden.W"], params["hidden.b"]])
    model = sg.compile(penalty, outputs=wanted)
    values = model.init(3)
    assert model.evaluate(values) == model.predict(values)
    with pytest.raises(sg.DeclarationError, match="l1: names: expected a pattern of names"):
        L.l1(y, names=3)  # type: ignore[arg-type]
