"""Record what PyTorch's optimisers do to the network of ``test_optim``, as ``torch.json``.

Needs PyTorch, and neither NumPy nor symgrad: ``python tests/optim/record_torch.py``.
"""

import json
import math
from pathlib import Path

import torch

STEPS = 50
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.02),
    "adam_other": lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.95), eps=1e-3),
}


def table(rows: int, columns: int, frequency: float) -> torch.Tensor:
    """Numbers that any program can make again: sin(frequency (1 + k)), row by row."""
    values = [math.sin(frequency * (1 + k)) for k in range(rows * columns)]
    return torch.tensor(values, dtype=torch.float64).reshape(rows, columns)


def trajectory(name: str) -> dict[str, list[float]]:
    x, y = table(12, 3, 1.7), table(12, 1, 0.9)
    w1, b1 = table(3, 4, 2.3).requires_grad_(), table(1, 4, 3.1)[0].clone().requires_grad_()
    w2 = table(4, 1, 4.3).requires_grad_()
    optimizer = OPTIMIZERS[name]([w1, b1, w2])
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = ((torch.tanh(x @ w1 + b1) @ w2 - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    final = [v for p in (w1, b1, w2) for v in p.detach().flatten().tolist()]
    return {"losses": losses, "params": final}


if __name__ == "__main__":
    found = {"torch": torch.__version__, **{name: trajectory(name) for name in OPTIMIZERS}}
    Path(__file__).with_name("torch.json").write_text(json.dumps(found, indent=1) + "\n")
