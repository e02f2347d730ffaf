"""Optimisers of optimisers, and transformations of gradients: alone, in each other, in source."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import optim
from tests.optim.test_optim import (
    NETWORK,
    X,
    Y,
    kingma_ba,
    model_of,
    network_gradient,
    run_model,
    run_rule,
)
from tests.optim.test_rules import OPTAX, flat

STYLES = ["fast", "readable"]


def step_source(optimizer: Any, style: str) -> str:
    source = model_of("network", optimizer, "float64", style).source
    return source[source.index("# update") :].partition("\n\n\n")[0]


# ---------------------------------------------------------------- decay, l2, clipping


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("schedule", [0.05, lambda n: 0.05 / (1 + n)], ids=["number", "schedule"])
def test_decay_of_some_parameters(schedule: Any, style: str) -> None:
    optimizer = optim.decay(optim.SGD(schedule, momentum=0.5), 0.3, on="W*")
    _, found, _ = run_model(model_of("network", optimizer, "float64", style), "float64", 10)
    params, v = dict(NETWORK), dict.fromkeys(NETWORK, 0.0)
    for n in range(10):
        lr = schedule(n) if callable(schedule) else schedule
        _, grads = network_gradient(params, X, Y)
        for k in params:
            v[k] = 0.5 * v[k] + grads[k]
            params[k] = params[k] * (1 - lr * 0.3 * k.startswith("W")) - lr * v[k]
    np.testing.assert_allclose(flat(found), flat(params), rtol=1e-12)


@pytest.mark.parametrize("style", STYLES)
def test_a_norm_that_would_overflow(style: str) -> None:
    a, b = sg.param("a", (3,), dtype="float32"), sg.param("b", (), dtype="float32")
    x = sg.input("x", (3,), "float32")
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.SGD(1.0))
    model = sg.compile((a * x).sum() + b * x[0], optimizer=optimizer, style=style)
    for size in (1e30, 1e-30, 0.0, 1e38):
        params = model.init()
        model.step(params, model.init_optimizer(params), x=np.full(3, size, "f4"))
        expected = -0.5 if size > 1 else -np.float32(size)
        np.testing.assert_allclose([*params["a"], params["b"]], expected, rtol=3e-7)


@pytest.mark.parametrize("style", STYLES)
def test_up_to_the_limit_nothing_is_changed(style: str) -> None:
    plain = model_of("network", optim.Adam(0.02), "float64", style)
    clipped = model_of(
        "network", optim.chain(optim.clip_by_global_norm(100.0), optim.Adam(0.02)), "float64", style
    )
    for mine, other in zip(
        run_model(clipped, "float64")[1:], run_model(plain, "float64")[1:], strict=True
    ):
        for key in mine:
            np.testing.assert_array_equal(mine[key], other[key])


def test_functions_and_transformations_with_slots() -> None:
    class Smoothed(optim.Transformation):
        def slots(self, params: Any) -> Any:
            return {f"v.{name}": optim.Slot(0.0, like=p) for name, p in params.items()}

        def apply(self, params: Any, grads: Any, slots: Any, step: Any) -> Any:
            new = {name: 0.5 * slots[f"v.{name}"] + g for name, g in grads.items()}
            return new, {f"v.{name}": value for name, value in new.items()}

    double = optim.chain(
        lambda grads: {k: 2 * g for k, g in grads.items()},
        Smoothed(),
        Smoothed(),
        optim.SGD(0.01, momentum=0.5),
    )
    _, found, state = run_model(model_of("network", double, "float64", "fast"), "float64", 8)
    assert {"v.W1", "v_2.W1", "v_3.W1"} < set(state)
    params = dict(NETWORK)
    memory = {k: np.zeros((3, *value.shape)) for k, value in params.items()}
    for _ in range(8):
        _, grads = network_gradient(params, X, Y)
        for k in params:
            value = 2 * grads[k]
            for slot in memory[k]:
                slot[...] = value = 0.5 * slot + value
            params[k] = params[k] - 0.01 * value
    np.testing.assert_allclose(flat(found), flat(params), rtol=1e-12)


# ---------------------------------------------------------------- accumulated gradients


@pytest.mark.parametrize("style", STYLES)
def test_of_equal_gradients_the_mean_is_one(style: str) -> None:
    """So that Adam makes every fourth step: with its own count in its corrections."""
    optimizer = optim.accumulate(optim.Adam(0.05), 4)
    losses, _, _ = run_model(model_of("network", optimizer, "float64", style), "float64", 48)
    expected, _ = run_rule("network", lambda t: kingma_ba(0.05), 12)
    np.testing.assert_allclose(losses, np.repeat(expected, 4), rtol=1e-12)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_batch_in_pieces_is_the_whole_batch(dtype: str, style: str) -> None:
    tolerance = 1e-12 if dtype == "float64" else 1e-5

    def make(every: int) -> Any:
        inner = optim.chain(optim.clip_by_global_norm(0.5), optim.Adam(optim.cosine(0.05, 8)))
        return model_of("network", optim.average(optim.accumulate(inner, every)), dtype, style)

    whole, pieces = make(1), make(3)
    a, b = whole.init(), pieces.init()
    state, other = whole.init_optimizer(a), pieces.init_optimizer(b)
    for _ in range(8):
        whole.step(a, state, x=X.astype(dtype), y=Y.astype(dtype))
        before = {k: value.copy() for k, value in b.items()}
        for i in range(3):
            for k, value in before.items():
                np.testing.assert_array_equal(b[k], value)
            pieces.step(b, other, x=X[i::3].astype(dtype), y=Y[i::3].astype(dtype))
        np.testing.assert_allclose(flat(b), flat(a), rtol=tolerance, atol=tolerance)
        assert all(value.dtype == dtype for value in b.values())


def test_nan_goes_with_its_batch() -> None:
    w, x = sg.param("w", (), init=1.0), sg.input("x", ())
    model = sg.compile(w * x, optimizer=optim.accumulate(optim.SGD(0.5), 2))
    params = model.init()
    state = model.init_optimizer(params)
    model.step(params, state, x=np.nan)
    model.step(params, state, x=1.0)
    assert np.isnan(params["w"])
    params["w"][...] = 1.0
    for value in (1.0, 3.0):
        model.step(params, state, x=value)
    assert params["w"] == 0.0


def test_what_a_branch_changes_is_written_there() -> None:
    source = re.sub(r"\bt_\d+", "t", step_source(optim.accumulate(optim.Adam(), 4), "readable"))
    assert source.splitlines()[:8] == [
        "# update",
        "    steps += 1",
        "    t = steps % 4",
        "    if t == 1:",
        "        for d, total in zip((d_W1, d_bias, d_W2), total_list, strict=True):",
        "            total[...] = d",
        "    else:",
        "        for d, total in zip((d_W1, d_bias, d_W2), total_list, strict=True):",
    ]
    assert "@" not in source  # the gradients are not computed a second time
    assert "            w -= " in source


# ---------------------------------------------------------------- groups


def scoped(optimizer: Any, style: str = "fast") -> sg.Model:
    x = sg.input("x", ("B", 3))
    with sg.scope("encoder"):
        h = sg.tanh(x @ sg.param("W", (3, 3), init=0.5) + sg.param("b", (3,)))
    with sg.scope("encoder2"):
        h = sg.tanh(h @ sg.param("W", (3, 3), init=0.5) + sg.param("b", (3,)))
    return sg.compile((h**2).sum() + sg.param("c", ()), optimizer=optimizer, style=style)


@pytest.mark.parametrize("style", STYLES)
def test_first_match_wins_and_none_freezes(style: str) -> None:
    model = scoped(
        optim.groups({"encoder": None, "*.b": optim.SGD(0.5), "*": optim.Adam(0.25)}), style
    )
    params = model.init()
    before = {k: value.copy() for k, value in params.items()}
    state = model.init_optimizer(params)
    assert list(state) == ["steps", "m.encoder2.W", "m.c", "v.encoder2.W", "v.c"]
    _, grads = model.value_and_grad(params, x=X)
    model.step(params, state, x=X)
    for key in ("encoder.W", "encoder.b"):
        np.testing.assert_array_equal(params[key], before[key])
    np.testing.assert_allclose(params["encoder2.b"], -0.5 * grads["encoder2.b"], rtol=1e-14)
    np.testing.assert_allclose(params["c"], -0.25, rtol=1e-7)
    source = model.source
    assert "d_encoder_W" not in source[source.index("def step(") :]


def test_the_norm_is_that_of_what_is_trained() -> None:
    optimizer = optim.chain(
        optim.clip_by_global_norm(1.0), optim.groups({"a": None, "*": optim.SGD(1.0)})
    )
    a, b = sg.param("a", ()), sg.param("b", ())
    model = sg.compile(3 * a + 4 * b, optimizer=optimizer)
    params = model.init()
    model.step(params, model.init_optimizer(params))
    assert (params["a"], params["b"]) == (0.0, -1.0)


def test_neighbours_of_one_rule_are_one_loop() -> None:
    optimizer = optim.groups({"encoder*": optim.SGD(0.5), "*": optim.Adam()})
    source = scoped(optimizer, "readable").source
    assert source[source.index("# update") :].count("for w, d in zip(") == 1
    decayed = optim.chain(optim.clip_by_global_norm(1.0), optim.AdamW(on="*.W"))
    source = scoped(decayed, "readable").source
    assert source[source.index("# update") :].count("for w, d, m, v in zip(") == 2


# ---------------------------------------------------------------- averages


@pytest.mark.parametrize("style", STYLES)
def test_averages_are_those_of_optax(style: str) -> None:
    clipped = optim.chain(optim.clip_by_value(0.05), optim.Adam(0.02))
    model = model_of("network", optim.average(clipped, 0.9), "float64", style)
    _, params, state = run_model(model, "float64")
    np.testing.assert_allclose(
        flat(optim.averaged(params, state)), OPTAX["clip"]["average"], rtol=1e-10
    )
    np.testing.assert_allclose(flat(params), OPTAX["clip"]["params"], rtol=1e-9)


def test_the_first_average_is_a_copy() -> None:
    model = model_of("network", optim.average(optim.SGD(0.1)), "float64", "fast")
    params = model.init()
    state = model.init_optimizer(params)
    np.testing.assert_array_equal(state["average.W1"], params["W1"])
    assert not np.shares_memory(state["average.W1"], params["W1"])
    assert list(optim.averaged(params, state)) == list(params)


# ---------------------------------------------------------------- all of them in each other


def later(optimizers: dict[str, Any]) -> Any:
    """Groups, of which those inside of others go by another parameter."""
    rest = optimizers["*"]
    inner = type(rest) is type(optim.groups({"*": None}))
    return optim.groups({"bias": optimizers["W1"], "*": rest} if inner else optimizers)


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "clip": lambda o: optim.chain(optim.clip_by_global_norm(0.3), o),
    "accumulate": lambda o: optim.accumulate(o, 2),
    "average": lambda o: optim.average(o, 0.5),
    "groups": lambda o: later({"W1": optim.decay(optim.Lion(0.01), 0.1), "*": o}),
    "l2": lambda o: optim.chain(optim.l2(0.1, on="W2"), o),
}


@pytest.mark.parametrize(("outer", "inner"), [*itertools.product(WRAPPERS, WRAPPERS)])
def test_wrappers_in_wrappers(outer: str, inner: str, tmp_path: Path) -> None:
    """Both styles and the saved module agree, all slots are apart, single precision stays."""
    optimizer = WRAPPERS[outer](WRAPPERS[inner](optim.Adam(optim.linear(0.05, 0.01, 5))))
    results = []
    for style, dtype in (("fast", "float64"), ("readable", "float64"), ("fast", "float32")):
        model = model_of("network", optimizer, dtype, style)
        results.append(run_model(model, dtype, 9))
        _, params, state = results[-1]
        assert {a.dtype for a in (*params.values(), *state.values()) if a.ndim} == {np.dtype(dtype)}
    (_, a, state), (_, b, other), (_, c, _) = results
    np.testing.assert_allclose(flat(b), flat(a), rtol=1e-12)
    np.testing.assert_allclose(flat(c), flat(a), rtol=0.02)
    for key, value in state.items():
        np.testing.assert_allclose(other[key], value, rtol=1e-9, atol=1e-14)
    kept = {"accumulate": "total", "average": "average"}.get(outer)
    if kept and outer == inner:
        assert {f"{kept}.W2", f"{kept}_2.W2"} < set(state)
    namespace: dict[str, Any] = {}
    model = model_of("network", optimizer, "float64", "fast")
    exec(compile(model.save(tmp_path / "net.py").read_text(), "net.py", "exec"), namespace)
    params = namespace["init"]()
    saved = namespace["init_optimizer"](params)
    for _ in range(9):
        namespace["step"](params, saved, X, Y)
    np.testing.assert_array_equal(flat(params), flat(a))
    for key, value in state.items():
        np.testing.assert_array_equal(saved[key], value)


def test_four_deep() -> None:
    optimizer: Any = optim.SGD(optim.ReduceOnPlateau(0.05), momentum=0.5)
    for wrap in WRAPPERS.values():
        optimizer = wrap(optimizer)
    losses, _, state = run_model(model_of("network", optimizer, "float64", "fast"), "float64", 20)
    assert losses[-1] < losses[0]
    assert {"steps", "rate", "v.W2", "total.W1", "average.W2", "m.W1"} - {"total.W1"} < set(state)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.chain(), "got nothing"),
        (lambda: optim.chain(optim.clip_by_value(1.0)), "chain: last: expected an optimiser"),
        (lambda: optim.chain(optim.Adam, optim.Adam()), "a transformation of gradients .*Adam"),
        (lambda: optim.chain(optim.SGD(0.1), optim.Adam()), "a transformation of gradients"),
        (
            lambda: optim.clip_by_value(0.0),
            "clip_by_value: expected limit > 0, a finite number; got 0.0",
        ),
        (lambda: optim.clip_by_global_norm(None), "limit > 0, a finite number; got None"),
        (lambda: optim.l2(-1.0), "coefficient"),
        (lambda: optim.l2(1.0, on=[]), "a pattern of names, or several; got \\[\\]"),
        (lambda: optim.decay(optim.Adam, 0.1), "decay: expected an optimiser"),
        (lambda: optim.decay(optim.average(optim.Adam()), 0.1), "decay: expected one update rule"),
        (lambda: optim.decay(optim.Adam(), "0.1"), "coefficient"),
        (lambda: optim.accumulate(optim.Adam(), 0), "expected every >= 1, an integer; got 0"),
        (lambda: optim.accumulate("adam", 2), "expected an optimiser.*got 'adam'"),
        (
            lambda: optim.average(optim.Adam(), 1.0),
            "average: expected 0 <= decay < 1, a finite number; got 1.0",
        ),
        (lambda: optim.groups({}), "a dict of patterns"),
        (lambda: optim.groups({"*": "adam"}), "groups: '\\*': expected an optimiser"),
        (lambda: optim.groups({1: None}), "a pattern of names; got 1"),
        (lambda: optim.averaged({"w": 1.0}, {"steps": 0}), "no means of weights"),
        (lambda: scoped(optim.groups({"encoder": optim.Adam()})), "'encoder2.W' is in none"),
        (
            lambda: scoped(optim.groups({"*": optim.Adam(), "c": None})),
            "'c' has no parameter that an earlier group has not",
        ),
        (lambda: step_source(optim.AdamW(on="bias2"), "fast"), "no parameter is called 'bias2'"),
        (
            lambda: step_source(optim.chain(optim.l2(0.1, "U"), optim.Adam()), "fast"),
            "l2: no parameter is called 'U'",
        ),
        (
            lambda: step_source(optim.chain(lambda grads: {}, optim.Adam()), "fast"),
            "must give a mapping of the same names",
        ),
        (
            lambda: scoped(
                optim.chain(lambda grads: {k: g.sum() for k, g in grads.items()}, optim.Adam())
            ),
            r"to give for 'encoder\.W' an expression of shape \(3, 3\); got",
        ),
        (lambda: scoped(optim.AdamW(on="bias2")), "decay: no parameter is called 'bias2'"),
        (lambda: scoped(optim.chain(optim.l2(0.1, "U"), optim.Adam())), "l2: no parameter is"),
        (lambda: optim.SGD(0.1, 0.9, nesterov="yes"), "nesterov to be True or False; got 'yes'"),
        (lambda: optim.RMSprop(centred=1), "centred to be True or False; got 1"),
    ],
)
def test_bad_arguments(make: Callable[[], object], message: str) -> None:
    with pytest.raises(sg.DeclarationError, match=message):
        make()
