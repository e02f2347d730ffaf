"""Shared weights: one leaf for a name, whatever number of layers declare it."""

import threading

import numpy as np
import pytest

import symgrad as sg


def layer(x: sg.Expr, units: int = 3) -> sg.Expr:
    with sg.scope("layer"):
        return sg.tanh(x @ sg.param("W", (x.shape[-1], units), init=sg.init.he_normal()))


def test_the_second_declaration_gives_the_first_leaf_and_the_gradient_is_the_sum() -> None:
    x, y = sg.input("x", ("B", 4)), sg.input("y", ("B", 4))
    weights = sg.nn.shared()
    with weights:
        a = layer(x)
    with weights:
        b = layer(y)
    model = sg.compile((a * b).sum())
    params = model.init(seed=1)
    assert list(params) == ["layer.W"]
    data = {"x": np.sin(np.arange(8.0)).reshape(2, 4), "y": np.cos(np.arange(8.0)).reshape(2, 4)}
    h, k = np.tanh(data["x"] @ params["layer.W"]), np.tanh(data["y"] @ params["layer.W"])
    expected = data["x"].T @ (k * (1 - h**2)) + data["y"].T @ (h * (1 - k**2))
    loss, grads = model.value_and_grad(params, **data)
    np.testing.assert_allclose(loss, (h * k).sum(), rtol=1e-14)
    np.testing.assert_allclose(grads["layer.W"], expected, rtol=1e-13)


def test_twice_in_one_block_is_the_same_too() -> None:
    x = sg.input("x", ("B", 4))
    with sg.nn.shared() as weights:
        assert layer(x) is layer(x)
    assert list(weights) == ["layer.W"] and len(weights) == 1 and "layer.W" in weights
    assert weights["layer.W"].shape == (4, 3)
    assert repr(weights) == "<shared weights: layer.W>"


def test_the_full_name_counts() -> None:
    x = sg.input("x", ("B", 4))
    with sg.nn.shared() as weights:
        with sg.scope("a"):
            layer(x)
        with sg.scope("b"):
            layer(x)
    assert list(weights) == ["a.layer.W", "b.layer.W"]


def test_outside_the_block_and_in_another_store_it_is_another_leaf() -> None:
    x = sg.input("x", ("B", 4))
    with sg.nn.shared() as weights:
        first = layer(x)
        with sg.nn.shared():
            inner = layer(x)
        again = layer(x)
    outside = layer(x)
    assert again is first and inner is not first and outside is not first
    with weights:
        assert layer(x) is first


def test_a_store_is_open_in_its_own_thread_alone() -> None:
    found: list[sg.Expr] = []
    with sg.nn.shared() as weights:
        kept = sg.param("w", ())
        thread = threading.Thread(target=lambda: found.append(sg.param("w", ())))
        thread.start()
        thread.join()
    assert found[0] is not kept and len(weights) == 1


def test_a_store_closes_with_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), sg.nn.shared() as weights:
        1 / 0  # noqa: B018
    sg.param("w", ())
    assert len(weights) == 0


def test_what_does_not_agree_is_refused() -> None:
    with sg.nn.shared():
        sg.param("w", (2, 3))
        with pytest.raises(sg.ShapeError, match=r"shared 'w': it has the shape \(2, 3\); got .*3,"):
            sg.param("w", (3, 2))
        with pytest.raises(sg.DTypeError, match=r"shared 'w': it is float64; got .* of float32"):
            sg.param("w", (2, 3), dtype="float32")
        with pytest.raises(sg.DeclarationError, match=r"it is a parameter; got .* a state"):
            sg.state("w", (2, 3))
        # what is refused leaves no trace
        assert sg.param("w", (2, 3)).dtype == np.float64


def test_updates_of_a_shared_state_follow_one_another() -> None:
    x, y = sg.input("x", ("B",)), sg.input("y", ("B",))
    weights = sg.nn.shared()
    total: sg.Expr = sg.const(0.0)
    for data in (x, y):
        with weights:
            seen = sg.state("seen", (), init=1.0)
        sg.update(seen, lambda old, data=data: 2 * old + data.sum())
        total = total + (sg.param("w", (), init=0.0) if data is x else 0.0) * data.sum()
    model = sg.compile(total + 0 * seen, optimizer=sg.optim.SGD(0.1))
    params = model.init()
    model.step(params, model.init_optimizer(params), x=[1.0, 2.0], y=[3.0, 4.0])
    assert params["seen"] == 2 * (2 * 1 + 3) + 7
    with pytest.raises(sg.DeclarationError, match="has an update already"):
        sg.update(seen, 0.0)
