"""Recurrent layers: as PyTorch's, also packed; their definition in loops; parameters, errors."""

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg

RECORDED = json.loads(Path(__file__).with_name("recurrent.json").read_text())["cases"]
B, T, F, H = 3, 4, 2, 3
LENGTHS = np.array([4, 1, 3])
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
PRESENT = np.arange(T) < LENGTHS[:, None]


def table(*shape: int, frequency: float) -> np.ndarray:
    """As the recorder makes them."""
    values = [math.sin(frequency * (1 + k)) for k in range(math.prod(shape))]
    return np.array(values).reshape(shape)


def weights(kind: str, layers: int, bidirectional: bool, dtype: str = "float64") -> dict[str, Any]:
    """The recorder's weights, by symgrad's names."""
    gates, found, at = GATES[kind], {}, 0
    for layer in range(layers):
        for side in ("forward", "backward")[: 1 + bidirectional]:
            features = F if layer == 0 else H * (1 + bidirectional)
            parts = [f"layer{layer + 1}"] * (layers > 1) + [side] * bidirectional
            prefix = "".join([f"{part}." for part in parts])
            at += 1
            found[f"{prefix}W"] = table(features, gates * H, frequency=1.3 + 0.1 * at)
            found[f"{prefix}U"] = table(H, gates * H, frequency=2.1 + 0.1 * at)
            found[f"{prefix}b"] = table(gates * H, frequency=0.7 + 0.1 * at)
            if kind == "gru":
                found[f"{prefix}b_n"] = table(H, frequency=1.9 + 0.1 * at)
    return {name: value.astype(dtype) for name, value in found.items()}


def ends_of(kind: str, state: Any) -> tuple[Any, ...]:
    return tuple(state) if kind == "lstm" else (state,)


def declare(
    kind: str, layers: int, bidirectional: bool, packed: bool, dtype: str = "float64"
) -> sg.Model:
    """The recorder's loss, with the gradients of data and first state among the outputs."""
    x = sg.input("x", ("B", "T", F), dtype)
    mask = sg.input("mask", ("B", "T"), "bool") if packed else None
    count = layers * (1 + bidirectional)
    shape = ("B", H) if count == 1 else (count, "B", H)
    starts = [sg.input(name, shape, dtype) for name in ("h0", "c0")[: 1 + (kind == "lstm")]]
    initial = tuple(starts) if kind == "lstm" else starts[0]
    layer = getattr(sg.nn, kind)
    outputs, state = layer(x, H, layers, bidirectional, initial=initial, mask=mask)
    ends = ends_of(kind, state)
    seeds = [sg.input("seed", ("B", "T", H * (1 + bidirectional)), dtype)]
    seeds += [sg.input(f"seed{k}", shape, dtype) for k in range(len(ends))]
    loss = sum(
        [(seed * v).sum() for seed, v in zip(seeds, (outputs, *ends), strict=True)], sg.const(0)
    )
    grads = sg.grad(loss, [x, *starts])
    return sg.compile(loss, outputs={"outputs": outputs, "state": list(ends), "grads": grads})


def data_of(kind: str, layers: int, bidirectional: bool, packed: bool, dtype: str) -> Any:
    count = layers * (1 + bidirectional)
    x = table(B, T, F, frequency=1.7)
    shape = (B, H) if count == 1 else (count, B, H)
    data = {"h0": table(*shape, frequency=0.9)}
    if kind == "lstm":
        data["c0"] = table(*shape, frequency=1.1)
    data["seed"] = table(B, T, H * (1 + bidirectional), frequency=0.37)
    for k in range(1 + (kind == "lstm")):
        data[f"seed{k}"] = table(*shape, frequency=0.53 + 0.1 * k)
    data = {name: value.astype(dtype) for name, value in data.items()}
    if packed:
        x[~PRESENT] = np.nan  # whatever it holds
        data["mask"] = PRESENT
    return data | {"x": x.astype(dtype)}


def case_of(name: str) -> tuple[str, int, bool, bool]:
    kind, layers, both, packed = name.split("-")
    return kind, int(layers), both == "bi", packed == "packed"


SINGLE = [name for name in RECORDED if name.endswith(("1-uni-full", "1-bi-packed"))]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, "float64") for name in RECORDED] + [(name, "float32") for name in SINGLE],
)
def test_it_is_pytorchs_in_values_and_gradients(name: str, dtype: str) -> None:
    case, recorded = case_of(name), RECORDED[name]
    model, data = declare(*case, dtype), data_of(*case, dtype)
    params = weights(*case[:3], dtype)
    assert set(model.init()) == set(params)
    tolerance = (
        {"rtol": 1e-11, "atol": 1e-12} if dtype == "float64" else {"rtol": 2e-5, "atol": 3e-6}
    )

    def close(found: np.ndarray, values: list[float]) -> None:
        assert found.dtype == dtype
        np.testing.assert_allclose(found.ravel(), values, **tolerance)

    loss, grads = model.value_and_grad(params, **data)
    np.testing.assert_allclose(loss, recorded["loss"], **tolerance)
    for parameter in params:
        close(grads[parameter], recorded["grads"][parameter])
    made = model.predict(params, **data)
    close(made["outputs"], recorded["outputs"])
    for end, values in zip(made["state"], recorded["state"], strict=True):
        close(end, values)
    for key, found in zip(("x", "h0", "c0"), made["grads"], strict=False):
        close(found, recorded["grads"][key])


# ---------------------------------------------------------------- definitions


def logistic(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def by_loops(kind: str, x: np.ndarray, p: dict[str, Any]) -> np.ndarray:
    """One layer, from zeros, one example, one step and one number after the other."""
    batch, steps, _ = x.shape
    out = np.zeros((batch, steps, H))
    for n in range(batch):
        h, c = np.zeros(H), np.zeros(H)
        for t in range(steps):
            new_h, new_c = np.zeros(H), np.zeros(H)
            for j in range(H):

                def part(k: int, values: Any, matrix: Any, j: int = j) -> float:
                    return sum(values[m] * matrix[m, k * H + j] for m in range(len(values)))

                own = [part(k, x[n, t], p["W"]) + p["b"][k * H + j] for k in range(GATES[kind])]
                old = [part(k, h, p["U"]) for k in range(GATES[kind])]
                if kind == "rnn":
                    new_h[j] = np.tanh(own[0] + old[0])
                elif kind == "gru":
                    r, z = logistic(own[0] + old[0]), logistic(own[1] + old[1])
                    candidate = np.tanh(own[2] + r * (old[2] + p["b_n"][j]))
                    new_h[j] = (1 - z) * candidate + z * h[j]
                else:
                    i, f, g, o = [a + b for a, b in zip(own, old, strict=True)]
                    new_c[j] = logistic(f) * c[j] + logistic(i) * np.tanh(g)
                    new_h[j] = logistic(o) * np.tanh(new_c[j])
            h, c = new_h, new_c
            out[n, t] = h
    return out


@pytest.mark.parametrize("kind", GATES)
def test_the_definition(kind: str) -> None:
    x = sg.input("x", ("B", "T", F))
    outputs, state = getattr(sg.nn, kind)(x, H)
    assert outputs.shape == (x.shape[0], x.shape[1], H)
    assert [end.shape for end in ends_of(kind, state)] == [(x.shape[0], H)] * (1 + (kind == "lstm"))
    model = sg.compile((outputs**2).mean(), outputs=(outputs, ends_of(kind, state)[0]))
    params = weights(kind, 1, False)
    rows = table(B, T, F, frequency=1.7)
    made, last = model.predict(params, x=rows)
    np.testing.assert_allclose(made, by_loops(kind, rows, params), rtol=1e-12)
    np.testing.assert_array_equal(last, made[:, -1])


@pytest.mark.parametrize("kind", GATES)
def test_gradients_of_masked_layers_by_differences(kind: str) -> None:
    x = sg.input("x", (2, 3, 2))
    mask = sg.const(np.array([[True, False, True], [True, True, False]]))  # a hole, and an end
    outputs, state = getattr(sg.nn, kind)(x, 2, bidirectional=True, mask=mask, name="m")
    loss = (outputs**2).sum() + sum([(e**3).sum() for e in ends_of(kind, state)], sg.const(0))
    assert sg.check_gradients(loss, order=1).error < 1e-6


def test_where_the_mask_is_false_the_state_stays() -> None:
    x, mask = sg.input("x", ("B", "T", F)), sg.input("mask", ("B", "T"), "bool")
    outputs, (h, c) = sg.nn.lstm(x, H, mask=mask)
    model = sg.compile((h * c).sum(), outputs=(outputs, h, c))
    params, rows = weights("lstm", 1, False), table(1, 4, F, frequency=1.7)
    present = np.array([[True, False, True, False]])
    outputs, h, c = model.predict(params, x=rows, mask=present)
    short, short_h, short_c = model.predict(params, x=rows[:, [0, 2]], mask=np.ones((1, 2), bool))
    np.testing.assert_array_equal(outputs[:, [0, 2]], short)
    np.testing.assert_array_equal(outputs[:, [1, 3]], 0)
    np.testing.assert_array_equal((h, c), (short_h, short_c))
    _, h, c = model.predict(params, x=rows, mask=np.zeros((1, 4), bool))
    np.testing.assert_array_equal((h, c), 0)


# ---------------------------------------------------------------- parameters and options


@pytest.mark.parametrize(
    ("kind", "options", "count"),
    [
        ("rnn", {}, 5 * 7 + 7 * 7 + 7),
        ("rnn", {"bias": False}, 5 * 7 + 7 * 7),
        ("gru", {}, 3 * (5 * 7 + 7 * 7 + 7) + 7),
        ("gru", {"bias": False}, 3 * (5 * 7 + 7 * 7)),
        ("lstm", {}, 4 * (5 * 7 + 7 * 7 + 7)),
        ("lstm", {"layers": 2}, 4 * (5 * 7 + 7 * 7 + 7) + 4 * (7 * 7 + 7 * 7 + 7)),
        ("lstm", {"bidirectional": True}, 8 * (5 * 7 + 7 * 7 + 7)),
    ],
)
def test_parameters_are_counted(kind: str, options: dict[str, Any], count: int) -> None:
    outputs, _ = getattr(sg.nn, kind)(sg.input("x", ("B", "T", 5)), 7, **options)
    params = sg.compile(outputs.sum()).init()
    assert sum(value.size for value in params.values()) == count


def test_names_follow_layers_and_directions() -> None:
    outputs, _ = sg.nn.rnn(sg.input("x", ("B", "T", 2)), 3, 2, True, name="encoder")
    assert sorted(sg.compile(outputs.sum()).init()) == sorted(
        f"encoder.layer{k}.{side}.{w}"
        for k in (1, 2)
        for side in ("forward", "backward")
        for w in "WUb"
    )
    outputs, _ = sg.nn.rnn(sg.input("x", ("B", "T", 2)), 3)
    assert sorted(sg.compile(outputs.sum()).init()) == ["U", "W", "b"]


def test_first_weights() -> None:
    outputs, _ = sg.nn.lstm(sg.input("x", ("B", "T", 5), "float32"), 7, forget_bias=1.0)
    params = sg.compile(outputs.sum()).init(seed=3)
    assert {value.dtype for value in params.values()} == {np.dtype("float32")}
    np.testing.assert_array_equal(params["b"], [0] * 7 + [1] * 7 + [0] * 14)
    for gate in np.split(params["U"], 4, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(7), atol=1e-6)
    bound = math.sqrt(6 / (5 + 7))
    assert 0.9 * bound < np.abs(params["W"]).max() <= bound
    outputs, _ = sg.nn.gru(
        sg.input("x", ("B", "T", 5)), 7, init=sg.init.ones(), recurrent_init=sg.init.zeros()
    )
    params = sg.compile(outputs.sum()).init()
    assert (params["W"] == 1).all()
    assert (params["U"] == 0).all()


def test_any_activation() -> None:
    x = sg.input("x", ("B", "T", F))
    outputs, _ = sg.nn.rnn(x, H, activation=sg.relu)
    model = sg.compile(outputs.sum(), outputs=outputs)
    params, rows = weights("rnn", 1, False), table(B, T, F, frequency=1.7)
    h = np.zeros((B, H))
    for t in range(T):
        h = np.maximum(rows[:, t] @ params["W"] + h @ params["U"] + params["b"], 0)
    np.testing.assert_allclose(model.predict(params, x=rows)[:, -1], h, rtol=1e-12)


def test_dropout_is_between_layers_in_training() -> None:
    x = sg.input("x", ("B", "T", F))
    outputs, _ = sg.nn.gru(x, H, layers=2, dropout=0.5)
    model = sg.compile((outputs**2).mean(), outputs=outputs)
    plain_outputs, _ = sg.nn.gru(x, H, layers=2)
    plain = sg.compile((plain_outputs**2).mean(), outputs=plain_outputs)
    params, rows = weights("gru", 2, False), table(B, T, F, frequency=1.7)
    np.testing.assert_array_equal(model.predict(params, x=rows), plain.predict(params, x=rows))
    losses = [
        float(model.value_and_grad(params, x=rows, rng=np.random.default_rng(k))[0])
        for k in range(3)
    ]
    assert len({*losses, float(plain.evaluate(params, x=rows))}) == 4
    # the first layer alone has none after it
    single, _ = sg.nn.gru(x, H, dropout=0.5)
    sg.compile(single.sum()).value_and_grad(weights("gru", 1, False), x=rows)


def test_memory_trades_work_for_room() -> None:
    x = sg.input("x", ("B", "T", F))
    found = []
    for memory in (None, "sqrt"):
        outputs, _ = sg.nn.lstm(x, H, memory=memory)
        model = sg.compile((outputs**2).mean())
        found.append(
            model.value_and_grad(weights("lstm", 1, False), x=table(B, 9, F, frequency=1.7))
        )
    assert found[0][0] == found[1][0]
    for name, value in found[0][1].items():
        np.testing.assert_allclose(value, found[1][1][name], rtol=1e-12)


@pytest.mark.parametrize("kind", ["rnn", "gru"])
def test_value_and_gradient_are_one_loop_each_for_every_layer_and_direction(kind: str) -> None:
    x = sg.input("x", ("B", "T", F))
    outputs, _ = getattr(sg.nn, kind)(x, H, layers=2, bidirectional=True)
    source = sg.compile((outputs**2).mean()).source
    both = source[source.index("def value_and_grad") :]
    assert both.count("for t in range(T)") + both.count("for t in reversed(range(T))") == 8


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (2, 1), (1, 3)])
def test_small_batches(shape: tuple[int, int]) -> None:
    x = sg.input("x", ("B", "T", F))
    outputs, h = sg.nn.gru(x, H)
    model = sg.compile(outputs.sum() + h.sum(), outputs=(outputs, h))
    params, rows = weights("gru", 1, False), np.ones((*shape, F))
    made, last = model.predict(params, x=rows)
    assert made.shape == (*shape, H)
    assert last.shape == (shape[0], H)
    _, grads = model.value_and_grad(params, x=rows)
    assert all(np.isfinite(value).all() for value in grads.values())


@pytest.mark.parametrize("kind", GATES)
def test_the_saved_module_takes_the_same_steps(kind: str, tmp_path: Path) -> None:
    x, mask = sg.input("x", ("B", "T", F), "float32"), sg.input("mask", ("B", "T"), "bool")
    outputs, _ = getattr(sg.nn, kind)(x, H, 2, True, mask=mask, name="net")
    model = sg.compile((outputs**2).mean(), outputs=outputs, optimizer=sg.optim.Adam(0.01))
    model.save(tmp_path / "net.py")
    spec = importlib.util.spec_from_file_location("net", tmp_path / "net.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    data = {"x": table(B, T, F, frequency=1.7).astype("float32"), "mask": PRESENT}
    params, own = model.init(seed=1), module.init(1)
    state, own_state = model.init_optimizer(params), module.init_optimizer(own)
    for _ in range(3):
        assert model.step(params, state, **data) == module.step(own, own_state, **data)
    for name, value in params.items():
        np.testing.assert_array_equal(value, own[name])


# ---------------------------------------------------------------- errors

X = sg.input("x", ("B", "T", 5))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (
            lambda: sg.nn.rnn(X, 0),
            sg.DeclarationError,
            "rnn: expected units >= 1, an integer; got 0",
        ),
        (
            lambda: sg.nn.gru(X, 2.0),
            sg.DeclarationError,
            "gru: expected units >= 1, an integer; got 2.0",
        ),
        (lambda: sg.nn.lstm(X, 2, layers=0), sg.DeclarationError, "expected layers >= 1"),
        (
            lambda: sg.nn.lstm(X, 2, dropout=1.0),
            sg.DeclarationError,
            "lstm: expected 0 <= dropout < 1, .* got 1.0",
        ),
        (
            lambda: sg.nn.lstm(X, 2, forget_bias="one"),
            sg.DeclarationError,
            "lstm: expected forget_bias, a finite number; got 'one'",
        ),
        (
            lambda: sg.nn.lstm(X, 2, forget_bias=np.ones(2)),
            sg.DeclarationError,
            "lstm: expected forget_bias, a finite number",
        ),
        (
            lambda: sg.nn.gru(X, 2, bidirectional="both"),
            sg.DeclarationError,
            "gru: expected bidirectional to be True or False; got 'both'",
        ),
        (
            lambda: sg.nn.gru(X, 2, bias=sg.init.ones()),
            sg.DeclarationError,
            "gru: expected bias to be True or False; got Constant",
        ),
        (
            lambda: sg.nn.rnn(X, 2, activation="tanh"),
            sg.DeclarationError,
            "rnn: expected a function such as sg.relu as the activation; got 'tanh'",
        ),
        (
            lambda: sg.nn.lstm(sg.input("x", ("B", 5)), 2),
            sg.ShapeError,
            r"lstm: expected x of shape \(B, T, features\); got \(B, 5\)",
        ),
        (
            lambda: sg.nn.rnn(sg.input("x", ("B", "T", 5), "int64"), 2),
            sg.DTypeError,
            "rnn: expected a floating array; got int64",
        ),
        (
            lambda: sg.nn.lstm(X, 2, initial=sg.input("h", ("B", 2))),
            sg.DeclarationError,
            r"expected initial to be \(h, c\)",
        ),
        (
            lambda: sg.nn.gru(X, 2, initial=sg.input("h", ("B", 3))),
            sg.ShapeError,
            r"expected initial h of shape \(B, 2\); got \(B, 3\)",
        ),
        (
            lambda: sg.nn.gru(X, 2, layers=2, initial=sg.input("h", ("B", 2))),
            sg.ShapeError,
            r"expected initial h of shape \(2, B, 2\); got \(B, 2\)",
        ),
        (
            lambda: sg.nn.gru(X, 2, mask=sg.input("m", ("B", "T"))),
            sg.DTypeError,
            "expected mask to be boolean; got float64",
        ),
        (
            lambda: sg.nn.gru(X, 2, mask=sg.input("m", ("T", "B"), "bool")),
            sg.ShapeError,
            r"expected mask of shape \(B, T\); got \(T, B\)",
        ),
        (
            lambda: sg.nn.lstm(X, 2, forget_bias=1.0, bias=False),
            sg.DeclarationError,
            "expected bias=True, where forget_bias is given",
        ),
    ],
)
def test_errors_say_what_was_expected(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()
