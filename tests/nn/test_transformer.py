"""Blocks of transformers: as PyTorch's encoder and decoder layers; what position i depends on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.nn.attention_peer import (
    HEADS,
    HIDDEN,
    B,
    D,
    S,
    T,
    Weights,
    agrees,
    recorded,
    seen,
    table,
    takes_the_same_steps,
)


@pytest.mark.parametrize(
    ("activation", "dtype"), [("gelu", "float64"), ("gelu", "float32"), ("relu", "float64")]
)
@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_blocks_are_pytorchs(kind: str, norm: str, activation: str, dtype: str) -> None:
    parts = ["attention", *["cross"] * (kind == "decoder"), "mlp"]
    weights = Weights()
    for part in parts[:-1]:
        weights.attention(f"{part}.", (D, D, D))
    for k, (rows, columns) in enumerate(((D, HIDDEN), (HIDDEN, D)), 1):
        weights.add(f"mlp.layer{k}.W", rows, columns)
        weights.add(f"mlp.layer{k}.b", columns)
    for part in parts:
        weights.add(f"{part}_norm.gamma", D, near=1.0)
        weights.add(f"{part}_norm.beta", D)
    x = sg.input("x", ("B", "T", D), dtype)
    leaves, data = {"x": x}, {"x": table(B, T, D, frequency=1.7)}
    options: dict[str, Any] = {}
    if kind == "decoder":
        leaves["source"] = sg.input("source", ("B", "S", D), dtype)
        data["source"] = table(B, S, D, frequency=1.1)
        options = {"source": leaves["source"], "source_mask": seen(T, S)}
    output = sg.nn.transformer_block(
        x,
        HEADS,
        causal=True,
        hidden=HIDDEN,
        norm=norm,
        activation=getattr(sg, activation),
        **options,
    )
    case = recorded()["blocks"][f"{kind}-{norm}-{activation}"]
    agrees(case, output, leaves, data, weights.made, dtype)


def test_a_causal_stack_knows_nothing_of_what_comes_later() -> None:
    x = sg.input("x", (5, 8))
    y = x
    for k in (1, 2):
        y = sg.nn.transformer_block(y, 2, causal=True, rotary=True, kv_heads=1, name=f"block{k}")
    model = sg.compile(y.sum(), outputs=y)
    params, data = model.init(seed=1), table(5, 8, frequency=1.7)
    before = model.predict(params, x=data)
    for t in range(1, 5):
        other = data.copy()
        other[t:] += 1.0
        after = model.predict(params, x=other)
        np.testing.assert_allclose(after[:t], before[:t], rtol=1e-12, atol=1e-14)
        assert (np.abs(after[t:] - before[t:]) > 1e-6).all()


def test_padding_changes_nothing_of_what_is_there() -> None:
    x, present = sg.input("x", ("B", "T", 8)), sg.input("present", ("B", "T"), "bool")
    y = sg.nn.transformer_block(x, 2, mask=present[:, None, :])
    model = sg.compile(y.sum(), outputs=y)
    params, data = model.init(seed=1), table(1, 5, 8, frequency=1.7)
    whole = model.predict(params, x=data, present=np.arange(5)[None] < 3)
    short = model.predict(params, x=data[:, :3], present=np.ones((1, 3), bool))
    np.testing.assert_allclose(whole[:, :3], short, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 4 * (72) + (8 * 32 + 32) + (32 * 8 + 8) + 2 * 16),
        ({"hidden": 5}, 4 * (72) + (8 * 5 + 5) + (5 * 8 + 8) + 2 * 16),
        ({"bias": False}, 4 * 64 + 8 * 32 + 32 * 8 + 2 * 16),
        ({"normalisation": sg.nn.rms_norm}, 4 * 72 + (8 * 32 + 32) + (32 * 8 + 8) + 2 * 8),
        ({"kv_heads": 1}, 2 * 72 + 2 * (8 * 4 + 4) + (8 * 32 + 32) + (32 * 8 + 8) + 2 * 16),
    ],
)
def test_parameters_are_counted(options: dict[str, Any], count: int) -> None:
    x = sg.input("x", ("B", "T", 8), "float32")
    y = sg.nn.transformer_block(x, 2, name="block", **options)
    assert y.shape == x.shape
    assert y.dtype == "float32"
    params = sg.compile(y.sum()).init()
    assert sum(value.size for value in params.values()) == count
    assert {value.dtype for value in params.values()} == {np.dtype("float32")}


def test_scopes_of_a_decoder() -> None:
    x, source = sg.input("x", ("B", "T", 8)), sg.input("source", ("B", "S", 6))
    y = sg.nn.transformer_block(x, 2, source=source, bias=False, name="block")
    assert sorted(sg.compile(y.sum()).init()) == sorted(
        [f"block.{part}.W_{c}" for part in ("attention", "cross") for c in "qkvo"]
        + [
            f"block.{part}_norm.{g}"
            for part in ("attention", "cross", "mlp")
            for g in ("gamma", "beta")
        ]
        + ["block.mlp.layer1.W", "block.mlp.layer2.W"]
    )


def test_gradients_by_differences() -> None:
    x, source = sg.input("x", (2, 2)), sg.input("source", (3, 2))
    y = sg.nn.transformer_block(
        x, 1, causal=True, source=source, rotary=True, hidden=2, normalisation=sg.nn.rms_norm
    )
    assert sg.check_gradients((y**2).sum(), order=1).error < 1e-6


def test_dropout_in_training_alone() -> None:
    x = sg.input("x", ("B", "T", 8))
    models = []
    for rate in (0.0, 0.5):
        y = sg.nn.transformer_block(x, 2, dropout=rate)
        models.append(sg.compile((y**2).mean(), outputs=y))
    plain, dropped = models
    params, data = plain.init(seed=1), table(2, 3, 8, frequency=1.7)
    np.testing.assert_array_equal(plain.predict(params, x=data), dropped.predict(params, x=data))
    losses = {
        float(dropped.value_and_grad(params, x=data, rng=np.random.default_rng(s))[0])
        for s in range(3)
    }
    assert len(losses | {float(plain.evaluate(params, x=data))}) == 4


def test_a_language_model_learns_what_comes_next(tmp_path: Path) -> None:
    ids = sg.input("ids", ("B", "T"), "int64")
    x = sg.nn.embedding(ids[:, :-1], 11, 16, dtype="float32", name="tokens")
    x = sg.nn.learned_positions(x, 16, name="positions")
    x = sg.nn.transformer_block(x, 4, causal=True, name="block")
    logits = sg.nn.dense(sg.nn.layer_norm(x, name="norm"), 11, name="head")
    assert logits.dtype == "float32"
    logp = sg.log_softmax(logits)
    loss = -sg.take_along_axis(logp, ids[:, 1:, None], axis=-1).mean()
    model = sg.compile(loss, outputs=logits, optimizer=sg.optim.Adam(0.01))
    params = model.init(seed=0)
    state = model.init_optimizer(params)
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 11, (64, 1))
    data = (starts + 3 * np.arange(9)) % 11  # each is three more than the one before
    losses = [float(model.step(params, state, ids=data)) for _ in range(150)]
    assert losses[0] > 2.0
    assert losses[-1] < 0.1
    takes_the_same_steps(model, tmp_path / "language.py", {"ids": data[:4]})


def test_the_source_is_as_one_would_write_it() -> None:
    x = sg.input("x", ("B", "T", 16), "float32")
    y = sg.nn.transformer_block(x, 2, causal=True, name="block")
    source = sg.compile((y**2).mean(), outputs=y, style="readable").source
    assert "einsum" not in source
    predict = source[source.index("def predict(") : source.index("def evaluate(")]
    assert predict.count(" @ ") == 8  # four projections, two products of attention, two layers
    for line in (
        "# block.attention_norm",
        "# block.attention:",
        "# block.mlp.layer1: hidden = gelu(h W + b)",
        "weights = exps / exps.sum(axis=3, keepdims=True)",
        "gelu(",
    ):
        assert line in predict


X = sg.input("x", ("B", "T", 6))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: sg.nn.transformer_block(X, 4), sg.DeclarationError, "a multiple of heads=4"),
        (
            lambda: sg.nn.transformer_block(X, 2, norm="before"),
            sg.DeclarationError,
            "expected norm to be 'pre' or 'post'; got 'before'",
        ),
        (
            lambda: sg.nn.transformer_block(X, 2, normalisation="layer"),
            sg.DeclarationError,
            "expected normalisation to be a function, such as sg.nn.layer_norm; got 'layer'",
        ),
        (
            lambda: sg.nn.transformer_block(X, 2, activation="gelu"),
            sg.DeclarationError,
            "sg.gelu",
        ),
        (lambda: sg.nn.transformer_block(X, 2, hidden=0), sg.DeclarationError, "hidden >= 1"),
        (lambda: sg.nn.transformer_block(X, 2, dropout=1), sg.DeclarationError, "0 <= rate < 1"),
        (
            lambda: sg.nn.transformer_block(X, 2, source_mask=np.ones((1, 1), bool)),
            sg.DeclarationError,
            "expected a source, where source_mask is given",
        ),
        (
            lambda: sg.nn.transformer_block(sg.input("x", ("B", "T", "D")), 2),
            sg.ShapeError,
            r"a known number of features; got \(B, T, D\)",
        ),
    ],
)
def test_errors_say_what_was_expected(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()
