"""Record what PyTorch's recurrent layers give on the tables of ``test_recurrent``.

Needs PyTorch, and neither NumPy nor symgrad: ``python tests/nn/record_recurrent.py``. Weights are
recorded in symgrad's layout: ``W`` (features, gates * units), ``U``, ``b``, and ``b_n`` of a GRU.
"""

import json
import math
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

B, T, F, H = 3, 4, 2, 3
LENGTHS = [4, 1, 3]
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
MAKE = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
CASES = [
    (kind, layers, bidirectional, packed)
    for kind in MAKE
    for layers, bidirectional, packed in (
        (1, False, False),
        (1, False, True),
        (1, True, True),
        (2, True, False),
        (2, True, True),
    )
]


def table(*shape: int, frequency: float) -> torch.Tensor:
    """Numbers that any program can make again: sin(frequency (1 + k)), row by row."""
    values = [math.sin(frequency * (1 + k)) for k in range(math.prod(shape))]
    return torch.tensor(values, dtype=torch.float64).reshape(*shape)


def set_weights(net: Any, kind: str, layers: int, bidirectional: bool) -> dict[str, Any]:
    """Fill the weights from tables; the tensors in symgrad's layout by symgrad's names."""
    gates, found, at = GATES[kind], {}, 0
    for layer in range(layers):
        for side, suffix in (("forward", ""), ("backward", "_reverse"))[: 1 + bidirectional]:
            features = F if layer == 0 else H * (1 + bidirectional)
            parts = [f"layer{layer + 1}"] * (layers > 1) + [side] * bidirectional
            prefix = "".join([f"{part}." for part in parts])
            at += 1
            W = table(features, gates * H, frequency=1.3 + 0.1 * at)
            U = table(H, gates * H, frequency=2.1 + 0.1 * at)
            b = table(gates * H, frequency=0.7 + 0.1 * at)
            b_n = table(H, frequency=1.9 + 0.1 * at)
            hidden = torch.zeros(gates * H, dtype=torch.float64)
            if kind == "gru":
                hidden[2 * H :] = b_n
            own = {"ih": W.T, "hh": U.T}
            for key, value in own.items():
                getattr(net, f"weight_{key}_l{layer}{suffix}").data = value.clone().contiguous()
            getattr(net, f"bias_ih_l{layer}{suffix}").data = b.clone()
            getattr(net, f"bias_hh_l{layer}{suffix}").data = hidden.clone()
            found[prefix] = (layer, suffix)
    return found


def gradients(net: Any, kind: str, places: dict[str, Any]) -> dict[str, list[float]]:
    made = {}
    for prefix, (layer, suffix) in places.items():
        at = f"l{layer}{suffix}"
        made[f"{prefix}W"] = getattr(net, f"weight_ih_{at}").grad.T
        made[f"{prefix}U"] = getattr(net, f"weight_hh_{at}").grad.T
        made[f"{prefix}b"] = getattr(net, f"bias_ih_{at}").grad
        if kind == "gru":
            made[f"{prefix}b_n"] = getattr(net, f"bias_hh_{at}").grad[2 * H :]
    return {name: flat(value) for name, value in made.items()}


def flat(values: torch.Tensor) -> list[float]:
    return [float(f"{v:.15g}") for v in values.detach().flatten().tolist()]


def record(kind: str, layers: int, bidirectional: bool, packed: bool) -> dict[str, Any]:
    net = MAKE[kind](F, H, layers, bidirectional=bidirectional, batch_first=True).double()
    places = set_weights(net, kind, layers, bidirectional)
    x = table(B, T, F, frequency=1.7).requires_grad_()
    count = layers * (1 + bidirectional)
    h0 = table(count, B, H, frequency=0.9).requires_grad_()
    c0 = table(count, B, H, frequency=1.1).requires_grad_()
    start = (h0, c0) if kind == "lstm" else h0
    if packed:
        rows = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
        outputs, last = net(rows, start)
        outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=T)
    else:
        outputs, last = net(x, start)
    ends = last if kind == "lstm" else (last,)
    weights = table(*outputs.shape, frequency=0.37)
    loss = (weights * outputs).sum()
    for k, end in enumerate(ends):
        loss = loss + (table(*end.shape, frequency=0.53 + 0.1 * k) * end).sum()
    loss.backward()
    assert x.grad is not None and h0.grad is not None
    grads = gradients(net, kind, places) | {"x": flat(x.grad), "h0": flat(h0.grad)}
    if kind == "lstm":
        assert c0.grad is not None
        grads["c0"] = flat(c0.grad)
    return {
        "loss": loss.item(),
        "outputs": flat(outputs),
        "state": [flat(end) for end in ends],
        "grads": grads,
    }


if __name__ == "__main__":
    cases = {
        f"{kind}-{layers}-{'bi' if both else 'uni'}-{'packed' if packed else 'full'}": record(
            kind, layers, both, packed
        )
        for kind, layers, both, packed in CASES
    }
    text = json.dumps({"torch": torch.__version__, "cases": cases}, indent=None)
    Path(__file__).with_name("recurrent.json").write_text(text.replace("}, ", "},\n") + "\n")
