"""``sg.compile``: every entry of a model, against an implementation by hand."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg

STYLES = ["fast", "readable"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 5))
Y = RNG.integers(0, 3, size=7)


@pytest.fixture(params=STYLES)
def style(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def classifier(style: str = "fast", **options: Any) -> sg.Model:
    x, y = sg.input("x", ("B", 5)), sg.input("y", ("B",), dtype="int64")
    with sg.scope("hidden"):
        h = sg.tanh(x @ sg.param("W", (5, 4), init=sg.init.he_normal()) + sg.param("b", (4,)))
    with sg.scope("out"):
        z = h @ sg.param("W", (4, 3), init=sg.init.he_normal()) + sg.param("b", (3,))
    e = sg.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -sg.log(p)[sg.arange(x.shape[0]), y].mean()
    options.setdefault("optimizer", sg.optim.SGD(0.1))
    return sg.compile(loss, outputs={"p": p, "label": z.argmax(axis=1)}, style=style, **options)


def by_hand(params: dict[str, Any], x: Any, y: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Probabilities, loss and gradients of the classifier."""
    h = np.tanh(x @ params["hidden.W"] + params["hidden.b"])
    z = h @ params["out.W"] + params["out.b"]
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(x))
    d_z = p.copy()
    d_z[rows, y] -= 1
    d_z /= len(x)
    d_a = d_z @ params["out.W"].T * (1 - h * h)
    grads = {"hidden.W": x.T @ d_a, "hidden.b": d_a.sum(0), "out.W": h.T @ d_z, "out.b": d_z.sum(0)}
    return p, -np.log(p[rows, y]).mean(), grads


def close(found: dict[str, Any], expected: dict[str, Any], tolerance: float = 1e-13) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=tolerance, atol=tolerance, err_msg=name)


def equal(found: Any, expected: Any) -> None:
    """Bit by bit, through dictionaries and tuples."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name in expected:
            equal(found[name], expected[name])
    elif isinstance(expected, (tuple, list)):
        for one, other in zip(found, expected, strict=True):
            equal(one, other)
    else:
        np.testing.assert_array_equal(found, expected)


# ---- the entries against the hand


def test_every_entry_agrees_with_the_hand(style: str) -> None:
    model = classifier(style)
    params = model.init(seed=3)
    p, loss, grads = by_hand(params, X, Y)
    np.testing.assert_allclose(model.evaluate(params, x=X, y=Y), loss, rtol=1e-14)
    found = model.predict(params, x=X)
    assert list(found) == ["p", "label"]
    np.testing.assert_allclose(found["p"], p, rtol=1e-14)
    np.testing.assert_array_equal(found["label"], p.argmax(axis=1))
    value, slopes = model.value_and_grad(params, x=X, y=Y)
    np.testing.assert_allclose(value, loss, rtol=1e-14)
    close(slopes, grads)
    value, residuals = model.forward(params, x=X, y=Y)
    np.testing.assert_allclose(value, loss, rtol=1e-14)
    close(model.backward(residuals), grads)


def test_step_is_plain_gradient_descent_in_place(style: str) -> None:
    model = classifier(style)
    params = model.init(seed=3)
    mine = {k: v.copy() for k, v in params.items()}
    arrays = dict(params)
    opt_state = model.init_optimizer(params)
    slots = dict(opt_state)
    for _ in range(4):
        loss = model.step(params, opt_state, x=X, y=Y)
        _, expected, grads = by_hand(mine, X, Y)
        mine = {k: v - 0.1 * grads[k] for k, v in mine.items()}
        np.testing.assert_allclose(loss, expected, rtol=1e-13)
        close(params, mine)
    assert all(params[k] is arrays[k] for k in arrays)
    assert all(opt_state[k] is slots[k] for k in slots)
    assert int(opt_state["steps"]) == 4


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_optimisers_against_their_formulas(momentum: float, style: str) -> None:
    adam, sgd = sg.optim.Adam(0.01), sg.optim.SGD(0.05, momentum=momentum)
    for optimizer in (adam, sgd):
        model = classifier(style, optimizer=optimizer)
        params = model.init(seed=1)
        mine = {k: v.copy() for k, v in params.items()}
        m = {k: np.zeros_like(v) for k, v in mine.items()}
        v = {k: np.zeros_like(a) for k, a in mine.items()}
        state = model.init_optimizer(params)
        for t in range(1, 6):
            model.step(params, state, x=X, y=Y)
            _, _, grads = by_hand(mine, X, Y)
            for k, g in grads.items():
                if optimizer is adam:
                    m[k] = 0.9 * m[k] + 0.1 * g
                    v[k] = 0.999 * v[k] + 0.001 * g * g
                    mine[k] = mine[k] - 0.01 * (m[k] / (1 - 0.9**t)) / (
                        np.sqrt(v[k] / (1 - 0.999**t)) + 1e-8
                    )
                else:
                    m[k] = momentum * m[k] + g
                    mine[k] = mine[k] - 0.05 * m[k]
        close(params, mine, 1e-10)


def test_the_cotangent_scales_the_gradient(style: str) -> None:
    model = classifier(style)
    params = model.init(seed=3)
    _, _, grads = by_hand(params, X, Y)
    _, residuals = model.forward(params, x=X, y=Y)
    close(model.backward(residuals, cotangent=3), {k: 3 * g for k, g in grads.items()})
    close(model.backward(residuals, -0.5), {k: -0.5 * g for k, g in grads.items()})
    close(model.backward(residuals, cotangent=0.0), {k: 0 * g for k, g in grads.items()})


def test_backward_may_run_twice_late_and_out_of_order(style: str) -> None:
    model = classifier(style)
    params = model.init(seed=3)
    _, first = model.forward(params, x=X, y=Y)
    _, second = model.forward(params, x=X[::-1], y=Y)
    _, third = model.forward(params, x=X[:2], y=Y[:2])
    for residuals, x, y in (
        (third, X[:2], Y[:2]),
        (first, X, Y),
        (second, X[::-1], Y),
        (first, X, Y),
    ):
        close(model.backward(residuals), by_hand(params, x, y)[2])


def test_residuals_hold_nothing_that_is_not_needed(style: str) -> None:
    model = classifier(style)
    params = model.init(seed=3)
    _, residuals = model.forward(params, x=X, y=Y)
    assert isinstance(residuals, tuple)
    for i, value in enumerate(residuals):
        spoilt = list(residuals)
        spoilt[i] = (
            value * 0 + np.array(1, np.asarray(value).dtype) if np.ndim(value) else value + 1
        )
        try:
            changed = model.backward(tuple(spoilt))
        except (ValueError, IndexError):
            continue  # a size
        kept = model.backward(residuals)
        assert any((changed[k] != kept[k]).any() for k in kept), i


def test_a_linear_loss_keeps_only_its_data() -> None:
    x, w = sg.input("x", ("B", 3)), sg.param("w", (3,))
    model = sg.compile((x @ w).mean())
    _, residuals = model.forward({"w": np.ones(3)}, x=np.ones((4, 3)))
    assert sorted(np.shape(r) for r in residuals if np.ndim(r)) == [(4, 3)]


def test_a_mask_is_kept_and_not_what_it_was_drawn_from() -> None:
    keep = sg.random.bernoulli(0.5, (100,))
    model = sg.compile(sg.where(keep, sg.param("w", (100,), init=1.0), 0.0).sum())
    _, residuals = model.forward(model.init(), rng=np.random.default_rng(0))
    assert [np.asarray(r).dtype for r in residuals] == [np.dtype(bool)]


def test_step_returns_the_loss_of_before(style: str) -> None:
    """Also where the loss is a parameter itself, which the step overwrites."""
    w = sg.param("w", (), init=3.0)
    for loss in (w, -w, w * w, sg.param("v", (1,), init=3.0).reshape(())):
        model = sg.compile(loss, optimizer=sg.optim.SGD(0.5), style=style)
        params = model.init()
        before = model.evaluate(params)
        found = model.step(params, model.init_optimizer(params))
        assert found == before != model.evaluate(params)


def test_a_draw_that_only_an_update_needs(style: str) -> None:
    w, s = sg.param("w", (), init=1.0), sg.state("s", (3,))
    sg.update(s, sg.random.normal((3,)))
    model = sg.compile(w * w + 0 * s.sum(), optimizer=sg.optim.SGD(0.1), style=style)
    params = model.init()
    assert model.evaluate(params) == 1.0
    model.step(params, model.init_optimizer(params), rng=np.random.default_rng(0))
    first = params["s"].copy()
    model.step(params, model.init_optimizer(params), rng=np.random.default_rng(1))
    assert (first != params["s"]).all()


def test_parameters_named_as_buffers_are(style: str) -> None:
    """``b0`` and ``b1`` are what users call biases."""
    x = sg.input("x", ("B", 2))
    b0, b1 = sg.param("b0", (2,), init=1.0), sg.param("b1", (2, 2), init=0.5)
    h = sg.tanh(x @ b1 + b0)
    model = sg.compile((sg.tanh(h @ b1) ** 2 + b0).sum(), optimizer=sg.optim.SGD(0.1), style=style)
    params = model.init()
    data = np.array([[1.0, -1.0], [0.5, 2.0]])
    hidden = np.tanh(data @ params["b1"] + params["b0"])
    expected = (np.tanh(hidden @ params["b1"]) ** 2 + params["b0"]).sum()
    np.testing.assert_allclose(model.evaluate(params, x=data), expected, rtol=1e-14)
    np.testing.assert_allclose(model.value_and_grad(params, x=data)[0], expected, rtol=1e-14)


def test_residuals_are_not_shared_between_calls(style: str) -> None:
    model = classifier(style)
    params = model.init(seed=3)
    _, first = model.forward(params, x=X, y=Y)
    before = [np.array(r) for r in first]
    model.forward(params, x=-X, y=Y)
    model.value_and_grad(params, x=-X, y=Y)
    for one, other in zip(first, before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_each_entry_asks_only_for_what_it_needs() -> None:
    model = classifier()
    params = model.init()
    model.predict(params, x=X)
    with pytest.raises(sg.CompileError, match=r"evaluate: the input 'y' is missing") as caught:
        model.evaluate(params, x=X)
    assert "test_model.py:" in str(caught.value)
    with pytest.raises(sg.CompileError, match=r"no input 'z'; it takes \['x', 'y'\]"):
        model.evaluate(params, x=X, y=Y, z=1)
    with pytest.raises(sg.CompileError, match="no input 'z'"):
        model.predict(params, x=X, z=1)


def test_data_that_an_entry_does_not_need_may_be_passed_or_is_refused_with_a_reason() -> None:
    model = classifier()
    params = model.init()
    expected = model.predict(params, x=X)
    equal(model.predict(params, x=X, y=Y), expected)


def test_a_model_that_lacks_outputs_or_an_optimiser_says_so() -> None:
    model = sg.compile((sg.param("w", (2,)) ** 2).sum())
    params = model.init()
    with pytest.raises(sg.CompileError, match="without outputs="):
        model.predict(params)
    with pytest.raises(sg.CompileError, match="without optimizer="):
        model.step(params, {})
    with pytest.raises(sg.CompileError, match="without optimizer="):
        model.init_optimizer(params)
    assert model.evaluate(params) == 0.0
    equal(model.value_and_grad(params)[1], {"w": np.zeros(2)})


def test_outputs_keep_their_structure(style: str) -> None:
    w = sg.param("w", (2,), init=2.0)
    for outputs in (w, [w], (w, {"a": w * 2}), {"b": [w, w]}):
        model = sg.compile(w.sum(), outputs=outputs, style=style)
        found = model.predict(model.init())
        assert type(found) is (np.ndarray if outputs is w else type(outputs))


# ---- states and the training flag


def normalised(style: str) -> sg.Model:
    """A loss in which every entry shows whether it is training, and what the state is."""
    x = sg.input("x", ("B",))
    seen = sg.state("seen", (), init=10.0)
    sg.update(seen, 0.5 * seen + 0.5 * x.mean())
    w = sg.param("w", (), init=2.0)
    center = sg.where(sg.training(), x.mean(), seen)
    out = w * (x - center)
    return sg.compile((out**2).sum(), outputs=out, optimizer=sg.optim.SGD(0.01), style=style)


def test_training_is_true_in_step_and_gradients_only(style: str) -> None:
    model = normalised(style)
    params = model.init()
    x = np.array([1.0, 2.0, 6.0])
    training, evaluation = ((2 * (x - c)) ** 2 for c in (3.0, 10.0))
    np.testing.assert_allclose(model.evaluate(params, x=x), evaluation.sum())
    np.testing.assert_allclose(model.predict(params, x=x), 2 * (x - 10))
    np.testing.assert_allclose(model.forward(params, x=x)[0], training.sum())
    np.testing.assert_allclose(model.value_and_grad(params, x=x)[0], training.sum())
    np.testing.assert_allclose(
        model.step(params, model.init_optimizer(params), x=x), training.sum()
    )


@pytest.mark.parametrize("whole", [False, True])
def test_what_training_selects_leaves_no_mask_in_the_gradient(style: str, whole: bool) -> None:
    """The flag is known before differentiation: selections of equal shapes, or to broadcast."""
    x = sg.input("x", ("B", 3))
    seen = sg.state("seen", (3,))
    w = sg.param("w", (3,), init=2.0)
    mean = (w * x).mean(axis=0)
    if whole:
        h = sg.where(sg.training(), w * x - mean, w * x - seen)
    else:
        h = w * x - sg.where(sg.training(), mean, seen)
    picked = sg.where(sg.training(), h.sum(axis=0).sum(), h)  # a scalar, or an array
    model = sg.compile((h**2).sum() + picked.mean(), optimizer=sg.optim.SGD(0.1), style=style)
    for entry in ("backward", "value_and_grad", "step"):
        source = model.source[model.source.index(f"def {entry}(") :]
        source = source[: source.find("\n\n\n")]
        assert "np.where" not in source and ".any(" not in source
    data = np.arange(12.0).reshape(4, 3) ** 1.5
    _, grads = model.value_and_grad(model.init(), x=data)
    centred = data - data.mean(0)
    expected = 4 * (centred**2).sum(0) + centred.sum(0)
    np.testing.assert_allclose(grads["w"], expected, rtol=1e-12, atol=1e-10)


def test_the_parameters_of_a_model_are_a_point_whatever_the_loss_needs_of_them() -> None:
    """A running mean is used in evaluation alone, and a state may be read by outputs alone."""
    x = sg.input("x", ("B",))
    w, mean, other = sg.param("w", (), init=2.0), sg.state("mean", ()), sg.state("other", ())
    loss = ((w * x - sg.where(sg.training(), (w * x).mean(), mean)) ** 2).sum()
    model = sg.compile(loss, outputs=loss + other)
    assert sg.check_gradients(model, model.init()).error < 1e-6
    with pytest.raises(sg.DeclarationError, match="the loss has no 'wrong'"):
        sg.check_gradients(model, {"wrong": 1.0})


def test_states_are_committed_by_step_alone(style: str) -> None:
    model = normalised(style)
    params = model.init()
    opt_state = model.init_optimizer(params)
    x = np.array([1.0, 2.0, 6.0])
    for entry in (model.evaluate, model.predict, model.forward, model.value_and_grad):
        entry(params, x=x)
    assert params["seen"] == 10.0
    array = params["seen"]
    model.step(params, opt_state, x=x)
    assert params["seen"] is array
    assert params["seen"] == 6.5
    model.step(params, opt_state, x=x)
    assert params["seen"] == 4.75


def test_a_state_is_updated_last_from_values_of_before(style: str) -> None:
    """An update that reads parameters and other states sees them as they were."""
    w = sg.param("w", (3,), init=1.0)
    a, b = sg.state("a", (3,), init=1.0), sg.state("b", (3,), init=5.0)
    sg.update(a, b)
    sg.update(b, a)  # exchanged
    last = sg.state("last", (3,))
    sg.update(last, w)
    loss = (w * w).sum() + 0 * (a + b + last).sum()
    model = sg.compile(loss, optimizer=sg.optim.SGD(0.25), style=style)
    params = model.init()
    opt_state = model.init_optimizer(params)
    for n in range(1, 4):
        before = {k: v.copy() for k, v in params.items()}
        model.step(params, opt_state)
        np.testing.assert_array_equal(params["a"], before["b"])
        np.testing.assert_array_equal(params["b"], before["a"])
        np.testing.assert_array_equal(params["last"], before["w"])
        np.testing.assert_array_equal(params["w"], np.full(3, 0.5**n))


def test_states_that_only_updates_mention_are_found(style: str) -> None:
    x = sg.input("x", ())
    total, count = sg.state("total", ()), sg.state("count", (), dtype="int64")
    sg.update(count, count + 1)
    sg.update(total, total + x * count)
    w = sg.param("w", (), init=1.0)
    model = sg.compile(w * w + 0 * total, optimizer=sg.optim.SGD(0.1), style=style)
    params = model.init()
    opt_state = model.init_optimizer(params)
    for value in (1.0, 2.0, 3.0):
        model.step(params, opt_state, x=value)
    assert (params["count"], params["total"]) == (3, 0 * 1 + 1 * 2 + 2 * 3)
    assert params["count"].dtype == np.int64


def test_parameters_do_not_alias_what_is_returned(style: str) -> None:
    w = sg.param("w", (3,), init=1.0)
    model = sg.compile((w * w).sum(), outputs=w, optimizer=sg.optim.SGD(0.1), style=style)
    params = model.init()
    predicted = model.predict(params)
    grads = model.value_and_grad(params)[1]
    before = grads["w"].copy()
    model.step(params, model.init_optimizer(params))
    np.testing.assert_array_equal(predicted, np.ones(3))
    np.testing.assert_array_equal(grads["w"], before)


# ---- what is differentiated


def test_wrt_takes_a_subset(style: str) -> None:
    model = classifier(style)
    w, b = (p for p in model._made.params if p.name in ("out.W", "hidden.b"))
    subset = sg.compile(
        model._made.declared.outputs["loss"], wrt=[w, b], optimizer=sg.optim.Adam(0.1), style=style
    )
    params = model.init(seed=3)
    _, loss, grads = by_hand(params, X, Y)
    value, found = subset.value_and_grad(params, x=X, y=Y)
    np.testing.assert_allclose(value, loss, rtol=1e-14)
    close(found, {k: grads[k] for k in (w.name, b.name)})
    _, residuals = subset.forward(params, x=X, y=Y)
    close(subset.backward(residuals), {k: grads[k] for k in (w.name, b.name)})
    frozen = {k: params[k].copy() for k in ("hidden.W", "out.b")}
    opt_state = subset.init_optimizer(params)
    subset.step(params, opt_state, x=X, y=Y)
    for name, array in frozen.items():
        np.testing.assert_array_equal(params[name], array)
    assert not any("hidden.W" in key for key in opt_state)


def test_wrt_refuses_what_is_no_leaf() -> None:
    x, w = sg.input("x", ()), sg.param("w", ())
    with pytest.raises(sg.DeclarationError, match="wrt: expected parameters or inputs"):
        sg.compile(w * x, wrt=[w * 2])
    with pytest.raises(sg.DeclarationError, match="an optimizer updates parameters, not inputs"):
        sg.compile(w * x, wrt=[x], optimizer=sg.optim.SGD(0.1))
    model = sg.compile(w * x, wrt=[x, w])
    close(model.value_and_grad({"w": np.array(3.0)}, x=2.0)[1], {"x": 3.0, "w": 2.0})


def test_an_unused_parameter_has_gradient_zero(style: str) -> None:
    w, unused = sg.param("w", (2,), init=1.0), sg.param("unused", (3,), init=4.0)
    also = sg.param("also", ("B",), init=1.0)
    x = sg.input("x", ("B",))
    model = sg.compile(
        (w * w).sum() + x.sum(), outputs=[unused, also], style=style, optimizer=sg.optim.Adam(0.1)
    )
    params = model.init(B=2)
    expected = {"w": [2.0, 2.0], "unused": [0.0] * 3, "also": [0.0] * 2}
    _, grads = model.value_and_grad(params, x=[1.0, 2.0])
    close(grads, {k: np.array(v) for k, v in expected.items()})
    grads["unused"][:] = 5
    close(
        model.backward(model.forward(params, x=[1.0, 2.0])[1]),
        {k: np.array(v) for k, v in expected.items()},
    )
    model.step(params, model.init_optimizer(params), x=[1.0, 2.0])
    np.testing.assert_array_equal(params["unused"], np.full(3, 4.0))


def test_a_loss_must_be_a_floating_scalar() -> None:
    w, n = sg.param("w", (3,)), sg.input("n", (), dtype="int64")
    with pytest.raises(sg.ShapeError, match=r"loss has shape \(3,\).*test_model\.py:.*\.mean\(\)"):
        sg.compile(w * 2)
    with pytest.raises(sg.DTypeError, match="a loss must be floating; got int64"):
        sg.compile(n + 1)
    with pytest.raises(sg.DTypeError, match="expected an expression"):
        sg.compile("loss")


# ---- dtypes, sizes


def test_float32_stays_float32(style: str) -> None:
    with sg.default_dtype("float32"):
        x, s = sg.input("x", ("B", 3)), sg.state("s", ())
        h = sg.tanh(x @ sg.param("W", (3, 2), init=sg.init.he_normal()) + sg.param("b", (2,)))
        loss = ((h - 0.3) ** 2).mean() + 0 * s
        sg.update(s, 0.9 * s + 0.1 * h.mean())
    for optimizer in (sg.optim.Adam(0.1), sg.optim.SGD(0.1, momentum=0.9)):
        model = sg.compile(loss, outputs=h, optimizer=optimizer, style=style)
        params = model.init()
        opt_state = model.init_optimizer(params)
        data = np.ones((4, 3), "float32")
        value, grads = model.value_and_grad(params, x=data)
        _, residuals = model.forward(params, x=data)
        found = [
            value, *grads.values(), model.predict(params, x=data), model.evaluate(params, x=data),
            *model.backward(residuals, cotangent=2.0).values(),
            *model.backward(residuals, cotangent=np.float64(2.0)).values(),
            model.step(params, opt_state, x=data),
            *params.values(), *(v for k, v in opt_state.items() if k != "steps"),
            *(r for r in residuals if np.asarray(r).dtype.kind == "f"),
        ]  # fmt: skip
        assert {np.asarray(a).dtype for a in found} == {np.dtype("float32")}


def test_symbolic_sizes_of_parameters(style: str) -> None:
    x = sg.input("x", ("B", "F"))
    w = sg.param("w", ("F", sg.dim("F") * 2), init=sg.init.he_normal())
    model = sg.compile((sg.tanh(x @ w) ** 2).mean(), optimizer=sg.optim.SGD(0.1), style=style)
    with pytest.raises(sg.ShapeError, match=r"init needs a value for the size F"):
        model.init(0)
    with pytest.raises(sg.CompileError, match="no parameter has the size 'B'"):
        model.init(0, F=3, B=2)
    for wrong in (-1, 2.5, True, "3"):
        with pytest.raises(sg.ShapeError, match="size 'F' must be an integer"):
            model.init(0, F=wrong)
    params = model.init(0, F=3)
    assert params["w"].shape == (3, 6)
    _, grads = model.value_and_grad(params, x=np.ones((2, 3)))
    assert grads["w"].shape == (3, 6)
    with pytest.raises(sg.ShapeError, match=r"w.*expected shape \(F, 2\*F\)|x: expected"):
        model.evaluate(params, x=np.ones((2, 4)))


@pytest.mark.parametrize("rows", [0, 1])
def test_empty_and_single_batches(rows: int, style: str) -> None:
    x, w = sg.input("x", ("B", 3)), sg.param("w", (3,), init=1.0)
    model = sg.compile(((x @ w) ** 2).sum(), optimizer=sg.optim.SGD(0.1), style=style)
    params = model.init()
    value, grads = model.value_and_grad(params, x=np.ones((rows, 3)))
    assert value == 9.0 * rows
    np.testing.assert_array_equal(grads["w"], np.full(3, 6.0 * rows))
    assert model.step(params, model.init_optimizer(params), x=np.ones((rows, 3))) == 9.0 * rows


def test_parameters_are_checked() -> None:
    model = classifier()
    params = model.init()
    cases: list[tuple[Any, type, str]] = [
        (
            {k: v for k, v in params.items() if k != "out.b"},
            sg.CompileError,
            "params has no 'out.b'",
        ),
        (
            {**params, "out.b": np.zeros(4)},
            sg.ShapeError,
            r"params\['out.b'\]: expected shape \(3,\); got \(4,\)",
        ),
        (
            {**params, "out.b": np.zeros(3, complex)},
            sg.DTypeError,
            r"params\['out.b'\]: expected float64",
        ),
        ([1, 2], sg.CompileError, "params must be a dict of arrays; got list"),
    ]
    for wrong, kind, message in cases:
        with pytest.raises(kind, match=message):
            model.evaluate(wrong, x=X, y=Y)
    opt_state = model.init_optimizer(params)
    with pytest.raises(sg.DTypeError, match=r"params\['out.b'\]: expected an array of float64"):
        model.step({**params, "out.b": [0.0, 0.0, 0.0]}, opt_state, x=X, y=Y)
    with pytest.raises(sg.CompileError, match="opt_state has no 'steps'"):
        model.step(params, {}, x=X, y=Y)


def test_check_params_names_what_is_wrong() -> None:
    model = classifier()
    params = model.init()
    model.check_params(params)
    with pytest.raises(sg.CompileError, match="no parameter 'more'"):
        model.check_params({**params, "more": np.zeros(2)})
    with pytest.raises(sg.CompileError, match=r"params has no 'out\.b'"):
        model.check_params({k: v for k, v in params.items() if k != "out.b"})
    with pytest.raises(sg.ShapeError, match=r"out\.b: expected shape \(3,\); got \(2,\)"):
        model.check_params({**params, "out.b": np.zeros(2)})


def test_check_data_raises_what_an_entry_would() -> None:
    model = classifier()
    params = model.init()
    data = {"x": X, "y": Y}
    for entry in ("evaluate", "forward", "value_and_grad", "predict"):
        model.check_data(entry, **data)
    pickle.loads(pickle.dumps(model)).check_data("evaluate", **data)
    for bad in ({"x": X}, data | {"x": X[:, :1]}, data | {"y": Y + 9}, data | {"y": Y * 1.0}):
        with pytest.raises(sg.SymgradError) as expected:
            model.evaluate(params, **bad)
        with pytest.raises(type(expected.value)) as found:
            model.check_data("evaluate", **bad)
        assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("bad", [-1, 3, 10**12])
def test_labels_out_of_range_are_refused(bad: int, style: str) -> None:
    model = classifier(style)
    params = model.init()
    opt_state = model.init_optimizer(params)
    labels = Y.copy()
    labels[4] = bad
    before = {k: v.copy() for k, v in params.items()}
    for call in (
        lambda: model.evaluate(params, x=X, y=labels),
        lambda: model.value_and_grad(params, x=X, y=labels),
        lambda: model.forward(params, x=X, y=labels),
        lambda: model.step(params, opt_state, x=X, y=labels),
    ):
        with pytest.raises(sg.CompileError, match=rf"y: expected 0 <= y < 3; got {bad} at \(4,\)"):
            call()
    equal(params, before)


# ---- randomness


def dropout(style: str) -> sg.Model:
    x = sg.input("x", ("B", 5))
    w = sg.param("w", (5,), init=sg.init.he_normal())
    mask = sg.random.bernoulli(0.5, x.shape)
    h = sg.where(sg.training(), sg.where(mask, x * 2, 0.0), x)
    noise = sg.random.normal((x.shape[0],))
    loss = ((h @ w - noise) ** 2).mean()
    return sg.compile(loss, outputs=h @ w, optimizer=sg.optim.SGD(0.1), style=style)


def test_one_key_gives_the_same_bits_in_every_entry_and_style() -> None:
    found = []
    for style in STYLES:
        model = dropout(style)
        params = model.init(seed=1)
        value, grads = model.value_and_grad(params, x=X, rng=np.random.default_rng(9))
        forward, residuals = model.forward(params, x=X, rng=np.random.default_rng(9))
        close(model.backward(residuals), grads)
        np.testing.assert_allclose(forward, value, rtol=1e-14)
        stepped = model.step(
            params, model.init_optimizer(params), x=X, rng=np.random.default_rng(9)
        )
        np.testing.assert_allclose(stepped, value, rtol=1e-14)
        close({"w": model.init(seed=1)["w"] - 0.1 * grads["w"]}, {"w": params["w"]})
        found.append(value)
        with pytest.raises(sg.CompileError, match="rng"):
            model.value_and_grad(params, x=X)
        np.testing.assert_allclose(model.predict(params, x=X), X @ params["w"], rtol=1e-13)
        other, _ = model.value_and_grad(model.init(seed=1), x=X, rng=np.random.default_rng(8))
        assert other != value
    np.testing.assert_allclose(found[0], found[1], rtol=1e-14)


# ---- threads, pickles, styles, debugging


def test_eight_threads_agree_with_one(style: str) -> None:
    model = classifier(style)
    params = model.init(seed=3)
    sizes = [1 + i % 6 for i in range(32)]
    serial = [classifier(style).value_and_grad(params, x=X[:n], y=Y[:n]) for n in sizes[:6]]
    found: dict[int, Any] = {}
    barrier = threading.Barrier(8)

    def work(start: int) -> None:
        barrier.wait()
        for i in range(start, len(sizes), 8):
            n = sizes[i]
            _, residuals = model.forward(params, x=X[:n], y=Y[:n])
            found[i] = (model.value_and_grad(params, x=X[:n], y=Y[:n]), model.backward(residuals))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(sizes)
    for i, (both, backward) in found.items():
        equal(both, serial[i % 6])
        close(backward, both[1])


def test_a_model_pickles_to_the_last_bit(style: str, tmp_path: Path) -> None:
    model = classifier(style, optimizer=sg.optim.Adam(0.01))
    model.evaluate(model.init(), x=X, y=Y)  # some entries are generated, some are not
    again = pickle.loads(pickle.dumps(model))
    assert again.source == model.source

    code = (
        "import pickle, sys\n"
        "model, x, y = pickle.load(open(sys.argv[1], 'rb'))\n"
        "params = model.init(seed=3)\n"
        "state = model.init_optimizer(params)\n"
        "losses = [model.step(params, state, x=x, y=y) for _ in range(3)]\n"
        "out = (losses, params, state, model.predict(params, x=x), model.source)\n"
        "pickle.dump(out, open(sys.argv[2], 'wb'))\n"
    )
    (tmp_path / "in").write_bytes(pickle.dumps((model, X, Y)))
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code, tmp_path / "in", tmp_path / "out"], check=True
    )
    params = again.init(seed=3)
    state = again.init_optimizer(params)
    losses = [again.step(params, state, x=X, y=Y) for _ in range(3)]
    here = (losses, params, state, again.predict(params, x=X), again.source)
    equal(pickle.loads((tmp_path / "out").read_bytes()), here)


def test_styles_agree() -> None:
    fast, readable = classifier("fast"), classifier("readable")
    params = fast.init(seed=3)
    equal(readable.init(seed=3), params)
    one, other = (m.value_and_grad(params, x=X, y=Y) for m in (fast, readable))
    np.testing.assert_allclose(one[0], other[0], rtol=1e-15)
    close(one[1], other[1], 4e-16)


def test_debug_nan_names_the_first_in_a_model(style: str) -> None:
    x, w = sg.input("x", ("B",)), sg.param("w", (), init=1.0)
    root = sg.sqrt(x * w)
    loss = (root * 2 + 1).sum()
    model = sg.compile(loss, optimizer=sg.optim.SGD(0.1), debug="nan", style=style)
    params = model.init()
    opt_state = model.init_optimizer(params)
    assert model.evaluate(params, x=[1.0, 4.0]) == 8.0
    calls = (
        lambda: model.evaluate(params, x=[1.0, -4.0]),
        lambda: model.forward(params, x=[1.0, -4.0]),
        lambda: model.value_and_grad(params, x=[1.0, -4.0]),
        lambda: model.step(params, opt_state, x=[1.0, -4.0]),
    )
    for call in calls:
        with pytest.raises(sg.NonFiniteError, match=r"root is nan at \(1,\).*test_model\.py:"):
            call()
    assert params["w"] == 1.0
    # the slope of a root at 0: said to be on the way to a gradient, and of which line
    said = r"divide, in the gradient with respect to .*, is (inf|nan) at \(1,\).*test_model\.py:\d"
    with pytest.raises(sg.NonFiniteError, match=said):
        model.value_and_grad(params, x=[1.0, 0.0])


def test_tracebacks_show_lines_of_generated_source() -> None:
    x, n = sg.input("x", (3,)), sg.input("n", (), dtype="int64")
    model = sg.compile((x[n * 2] * sg.param("w", (), init=1.0)) ** 2)
    try:
        model.evaluate(model.init(), x=np.ones(3), n=2)
    except IndexError:
        text = traceback.format_exc()
    assert "<symgrad evaluate" in text
    assert "x[" in text.rsplit("<symgrad evaluate", 1)[1]


@pytest.mark.parametrize("cotangent", [[1.0, 2.0], "a", None, 1j])
def test_a_cotangent_is_a_number(cotangent: object) -> None:
    w = sg.param("w", (3,), init=1.0)
    model = sg.compile((w * w).sum())
    _, residuals = model.forward(model.init())
    with pytest.raises(sg.ShapeError, match="backward: expected a number as the cotangent; got"):
        model.backward(residuals, cotangent)


def test_labels_are_checked_where_a_parameter_decides_how_many_there_are() -> None:
    table = sg.param("table", ("V", 2))
    ids = sg.input("ids", ("B",), dtype="int64")
    model = sg.compile(table[ids].sum())
    params = {"table": np.arange(6.0).reshape(3, 2)}
    assert model.evaluate(params, ids=[0, 2]) == 10
    value, grads = model.value_and_grad(params, ids=[0, 2])
    assert value == 10 and grads["table"].tolist() == [[1, 1], [0, 0], [1, 1]]
    for wrong in (3, -1):
        with pytest.raises(sg.CompileError, match=f"0 <= ids < 3; got {wrong}"):
            model.value_and_grad(params, ids=[wrong])


@pytest.mark.parametrize("entry", ["predict", "evaluate", "forward", "value_and_grad", "step"])
def test_data_by_position_is_refused_with_the_names(entry: str) -> None:
    x, y, w = sg.input("x", ("B",)), sg.input("y", ("B",)), sg.param("w", ())
    model = sg.compile(((w * x - y) ** 2).mean(), outputs=w * x, optimizer=sg.optim.SGD(0.1))
    params = model.init()
    first = [params, *([model.init_optimizer(params)] if entry == "step" else [])]
    asked = "x=..." if entry == "predict" else "x=..., y=..."
    call = rf"{entry}\(params, {'opt_state, ' if entry == 'step' else ''}{asked}\)"
    with pytest.raises(sg.CompileError, match=rf"data is given by name, {call}; got 2 more"):
        getattr(model, entry)(*first, [1.0], [2.0])


def test_no_data_is_called_none() -> None:
    x = sg.input("x", ("B",))
    model = sg.compile((x * sg.param("w", ())).sum())
    with pytest.raises(sg.DTypeError, match=r"x: expected float64; got None\n  x was declared at"):
        model.evaluate(model.init(), x=None)
