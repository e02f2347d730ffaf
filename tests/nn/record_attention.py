"""Record what PyTorch's attention and transformer layers give on the tables of their tests.

Needs PyTorch, and neither NumPy nor symgrad: ``python tests/nn/record_attention.py``. Weights and
their gradients are recorded in symgrad's layout and by symgrad's names.
"""

import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

B, T, S, D, HEADS, HIDDEN = 2, 3, 4, 4, 2, 6


def table(*shape: int, frequency: float) -> torch.Tensor:
    """Numbers that any program can make again: sin(frequency (1 + k)), row by row."""
    values = [math.sin(frequency * (1 + k)) for k in range(math.prod(shape))]
    return torch.tensor(values, dtype=torch.float64).reshape(*shape)


def seen(queries: int, keys: int) -> torch.Tensor:
    """Which keys may be seen: all but some, one at least for each query."""
    return torch.tensor([[(2 * i + j) % 3 != 1 for j in range(keys)] for i in range(queries)])


def flat(values: torch.Tensor) -> list[float]:
    return [float(f"{v:.15g}") for v in values.detach().flatten().tolist()]


def recorded(output: torch.Tensor, leaves: dict[str, Any]) -> dict[str, Any]:
    """The output, and gradients of the leaves; those of tensors that PyTorch has transposed."""
    (table(*output.shape, frequency=0.37) * output).sum().backward()
    grads = {}
    for name, leaf in leaves.items():
        tensor, turned = leaf if isinstance(leaf, tuple) else (leaf, False)
        grads[name] = flat(tensor.grad.T if turned else tensor.grad)
    return {"output": flat(output), "grads": grads}


# ---------------------------------------------------------------- products


def products() -> dict[str, Any]:
    cases: dict[str, dict[str, Any]] = {
        "plain": {},
        "causal": {"is_causal": True},
        "scaled": {"scale": 0.3},
        "boolean": {"attn_mask": seen(T, S)},
        "biased": {"attn_mask": table(HEADS, T, S, frequency=2.9).requires_grad_()},
    }
    made = {}
    for name, options in cases.items():
        q = table(B, HEADS, T, D, frequency=1.7).requires_grad_()
        k = table(B, HEADS, S, D, frequency=1.1).requires_grad_()
        v = table(B, HEADS, S, 3, frequency=0.7).requires_grad_()
        leaves = {"q": q, "k": k, "v": v}
        if name == "biased":
            leaves["mask"] = options["attn_mask"]
        made[name] = recorded(scaled_dot_product_attention(q, k, v, **options), leaves)
    return made


# ---------------------------------------------------------------- layers


class Weights:
    """Tables for one parameter after the other."""

    def __init__(self) -> None:
        self.count = 0

    def next(self, *shape: int) -> torch.Tensor:
        self.count += 1
        return table(*shape, frequency=0.5 + 0.07 * self.count)


def set_attention(net: nn.MultiheadAttention, features: tuple[int, int, int], made: Weights) -> Any:
    """Fill the weights; reading their gradients back needs slices where PyTorch has packed them."""
    matrices = [made.next(size, D) for size in features]
    biases = [made.next(D) for _ in range(3)]
    if net.in_proj_weight is not None:
        net.in_proj_weight.data = torch.cat([W.T for W in matrices])
    else:
        for letter, W in zip("qkv", matrices, strict=True):
            getattr(net, f"{letter}_proj_weight").data = W.T.contiguous()
    net.in_proj_bias.data = torch.cat(biases)
    net.out_proj.weight.data = made.next(D, D).T.contiguous()
    net.out_proj.bias.data = made.next(D)


def attention_grads(net: nn.MultiheadAttention, prefix: str) -> dict[str, torch.Tensor]:
    packed = net.in_proj_weight
    grads = {}
    for i, letter in enumerate("qkv"):
        part = slice(i * D, (i + 1) * D)
        whole = getattr(net, f"{letter}_proj_weight") if packed is None else packed
        grads[f"{prefix}W_{letter}"] = (whole.grad if packed is None else whole.grad[part]).T
        grads[f"{prefix}b_{letter}"] = net.in_proj_bias.grad[part]
    grads[f"{prefix}W_o"] = net.out_proj.weight.grad.T
    grads[f"{prefix}b_o"] = net.out_proj.bias.grad
    return grads


def heads() -> dict[str, Any]:
    hidden = torch.tensor([[False] * T, [False] * (T - 1) + [True]])
    made = {}
    for name in ("own", "causal", "padded", "cross", "masked"):
        cross = name in ("cross", "masked")
        options = {"kdim": 5, "vdim": 3} if cross else {}
        net = nn.MultiheadAttention(D, HEADS, batch_first=True, **options).double()
        set_attention(net, (D, 5, 3) if cross else (D, D, D), Weights())
        q = table(B, T, D, frequency=1.7).requires_grad_()
        if cross:
            k = table(B, S, 5, frequency=1.1).requires_grad_()
            v = table(B, S, 3, frequency=0.7).requires_grad_()
            mask = ~seen(T, S) if name == "masked" else None
            output, _ = net(q, k, v, attn_mask=mask, need_weights=False)
            leaves = {"q": q, "k": k, "v": v}
        else:
            later = ~torch.ones(T, T, dtype=torch.bool).tril() if name == "causal" else None
            padding = hidden if name == "padded" else None
            output, _ = net(q, q, q, attn_mask=later, key_padding_mask=padding, need_weights=False)
            leaves = {"q": q}
        made[name] = recorded(output, leaves)
        made[name]["grads"] |= {n: flat(g) for n, g in attention_grads(net, "").items()}
    return made


def set_dense(layer: nn.Linear, made: Weights) -> None:
    layer.weight.data = made.next(layer.in_features, layer.out_features).T.contiguous()
    layer.bias.data = made.next(layer.out_features)


def set_norm(layer: nn.LayerNorm, made: Weights) -> None:
    layer.weight.data = 1 + 0.5 * made.next(D)
    layer.bias.data = made.next(D)


def blocks() -> dict[str, Any]:
    made = {}
    for decoder in (False, True):
        for first in (True, False):
            for act in ("gelu", "relu"):
                kind = nn.TransformerDecoderLayer if decoder else nn.TransformerEncoderLayer
                net: Any = kind(
                    D, HEADS, HIDDEN, 0.0, act, batch_first=True, norm_first=first
                ).double()
                weights = Weights()
                names = ["attention", *["cross"] * decoder, "mlp"]
                inner = [net.self_attn, *([net.multihead_attn] if decoder else [])]
                for attention in inner:
                    set_attention(attention, (D, D, D), weights)
                set_dense(net.linear1, weights)
                set_dense(net.linear2, weights)
                norms = [net.norm1, net.norm2, *([net.norm3] if decoder else [])]
                for norm in norms:
                    set_norm(norm, weights)
                x = table(B, T, D, frequency=1.7).requires_grad_()
                later = ~torch.ones(T, T, dtype=torch.bool).tril()
                leaves = {"x": x}
                if decoder:
                    source = table(B, S, D, frequency=1.1).requires_grad_()
                    output = net(x, source, tgt_mask=later, memory_mask=~seen(T, S))
                    leaves["source"] = source
                else:
                    output = net(x, src_mask=later)
                case = recorded(output, leaves)
                grads: dict[str, torch.Tensor] = {}
                for name, attention in zip(names[:-1], inner, strict=True):
                    grads |= attention_grads(attention, f"{name}.")
                for k, layer in ((1, net.linear1), (2, net.linear2)):
                    grads[f"mlp.layer{k}.W"] = layer.weight.grad.T
                    grads[f"mlp.layer{k}.b"] = layer.bias.grad
                for name, norm in zip(names, norms, strict=True):
                    grads[f"{name}_norm.gamma"] = norm.weight.grad
                    grads[f"{name}_norm.beta"] = norm.bias.grad
                case["grads"] |= {name: flat(g) for name, g in grads.items()}
                key = "decoder" if decoder else "encoder"
                made[f"{key}-{'pre' if first else 'post'}-{act}"] = case
    return made


if __name__ == "__main__":
    found = {
        "torch": torch.__version__,
        "products": products(),
        "heads": heads(),
        "blocks": blocks(),
    }
    text = json.dumps(found).replace("}, ", "},\n")
    Path(__file__).with_name("attention.json").write_text(text + "\n")
