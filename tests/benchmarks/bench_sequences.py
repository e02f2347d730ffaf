"""Layers of sequences beside PyTorch's, value and gradient: recurrent ones, and a transformer's.

Inputs and widths are alike, weights are each library's own. Printed are medians, and their ratios
to symgrad's. A peer that is not installed is left out.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.benchmarks.bench_loops import interleaved, lstm_symgrad, shown

Call = Callable[[], Any]


def data(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def trained(y: sg.Expr, **inputs: Any) -> Call:
    """Value and gradient of the mean square of a layer's outputs."""
    model = sg.compile((y**2).mean())
    params = model.init(seed=0)
    return lambda: model.value_and_grad(params, **inputs)


def torch_call(net: Any, first: Callable[[Any], Any], x: Any) -> Call:
    import torch

    rows = torch.tensor(x)

    def run() -> Any:
        net.zero_grad(set_to_none=True)
        (first(net(rows)) ** 2).mean().backward()

    return run


HAS_TORCH = importlib.util.find_spec("torch") is not None


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_recurrent(kind: str) -> None:
    B, T, F, H = 32, 100, 64, 128
    rows = data(B, T, F)
    present = np.arange(T) < np.random.default_rng(1).integers(T // 4, T, B)[:, None]
    x, mask = sg.input("x", ("B", "T", F), "float32"), sg.input("mask", ("B", "T"), "bool")
    layer = getattr(sg.nn, kind)
    calls = {
        "symgrad": trained(layer(x, H)[0], x=rows),
        "masked": trained(layer(x, H, mask=mask)[0], x=rows, mask=present),
        "bidirectional": trained(layer(x, H, bidirectional=True)[0], x=rows),
    }
    if kind == "lstm":
        calls["by hand"] = lstm_symgrad()
    if HAS_TORCH:
        import torch

        net = getattr(torch.nn, kind.upper())(F, H, batch_first=True)
        calls["torch"] = torch_call(net, lambda made: made[0], rows)
    shown(f"{kind}, float32, T={T} B={B} H={H}", interleaved(calls, rounds=15), 1e-3, "ms")


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_transformer_block(activation: str) -> None:
    B, T, D, HEADS = 8, 128, 256, 8
    rows, x = data(B, T, D), sg.input("x", ("B", "T", D), "float32")

    def block(**options: Any) -> Call:
        y = sg.nn.transformer_block(x, HEADS, activation=getattr(sg, activation), **options)
        return trained(y, x=rows)

    calls = {"symgrad": block(), "causal": block(causal=True), "rotary": block(rotary=True)}
    if HAS_TORCH:
        import torch

        net = torch.nn.TransformerEncoderLayer(
            D, HEADS, 4 * D, 0.0, activation, batch_first=True, norm_first=True
        )
        calls["torch"] = torch_call(net, lambda made: made, rows)
    title = f"transformer block, {activation}, float32, B={B} T={T} d={D} heads={HEADS}"
    shown(title, interleaved(calls, rounds=15), 1e-3, "ms")
