"""Record what PyTorch's optimisers do to the network of ``test_optim``, as ``torch.json``.

Its schedules too, and the rates of its ``ReduceLROnPlateau``. Needs PyTorch, and neither NumPy
nor symgrad: ``python tests/optim/record_torch.py``.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path

import torch

STEPS = 50
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.02),
    "adam_other": lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.95), eps=1e-3),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.8, 0.9), amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.3),
    "radam": lambda p: torch.optim.RAdam(p, lr=0.02),
    "radam_other": lambda p: torch.optim.RAdam(p, lr=0.02, betas=(0.8, 0.9)),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "adagrad_other": lambda p: torch.optim.Adagrad(p, lr=0.1, initial_accumulator_value=0.5),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "rmsprop_momentum": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, momentum=0.5),
    "rmsprop_centred": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, centered=True),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=1.0, rho=0.9, eps=1e-3),
    "l2": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.3),
    "groups": lambda p: torch.optim.SGD(
        [{"params": p[:1], "lr": 0.01}, {"params": p[1:], "lr": 0.1, "momentum": 0.5}]
    ),
    "clipped": lambda p: torch.optim.Adam(p, lr=0.02),
}
#: of the counts 0, 1, ...: the learning rate of the update that follows
SCHEDULERS = {
    "constant": lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0),
    "step_decay": lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=7, gamma=0.3),
    "piecewise": lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [5, 20], gamma=0.5),
    "exponential": lambda o: torch.optim.lr_scheduler.ExponentialLR(o, gamma=0.9),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=49, eta_min=0.01),
    "linear": lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.2, 0.8, total_iters=20),
    "one_cycle": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.5, total_steps=STEPS),
    "one_cycle_other": lambda o: torch.optim.lr_scheduler.OneCycleLR(
        o, 0.5, total_steps=STEPS, pct_start=0.4, div_factor=5.0, final_div_factor=100.0
    ),
    "warm_up": lambda o: torch.optim.lr_scheduler.SequentialLR(
        o,
        [
            torch.optim.lr_scheduler.LinearLR(o, 1 / 9, 1.0, total_iters=8),
            torch.optim.lr_scheduler.ExponentialLR(o, gamma=0.9),
        ],
        [8],
    ),
}
PLATEAUS = {
    "plain": {"factor": 0.5, "patience": 2},
    "cooldown": {"factor": 0.3, "patience": 1, "cooldown": 3, "min_lr": 1e-3},
    "threshold": {"factor": 0.5, "patience": 0, "threshold": 0.1},
    "max": {"factor": 0.5, "patience": 1, "mode": "max", "threshold": 0.05},
}


def table(rows: int, columns: int, frequency: float) -> torch.Tensor:
    """Numbers that any program can make again: sin(frequency (1 + k)), row by row."""
    values = [math.sin(frequency * (1 + k)) for k in range(rows * columns)]
    return torch.tensor(values, dtype=torch.float64).reshape(rows, columns)


def values() -> list[float]:
    """What the training loop would observe: it falls, with bumps, and stays above 0."""
    return [2 + math.cos(0.7 * k) + 3 / (1 + k) for k in range(STEPS)]


def network() -> tuple[list[torch.Tensor], Callable[[], torch.Tensor]]:
    x, y = table(12, 3, 1.7), table(12, 1, 0.9)
    w1, b1 = table(3, 4, 2.3).requires_grad_(), table(1, 4, 3.1)[0].clone().requires_grad_()
    w2 = table(4, 1, 4.3).requires_grad_()
    return [w1, b1, w2], lambda: ((torch.tanh(x @ w1 + b1) @ w2 - y) ** 2).mean()


def trajectory(name: str) -> dict[str, list[float]]:
    params, objective = network()
    optimizer = OPTIMIZERS[name](params)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = objective()
        loss.backward()
        if name == "clipped":
            # PyTorch divides by norm + 1e-6: the limit is the factor's, not the norm's
            norm = torch.sqrt(sum((p.grad**2).sum() for p in params))
            for p in params:
                p.grad *= min(1.0, 0.4 / norm.item())
        optimizer.step()
        losses.append(loss.item())
    return {"losses": losses, "params": [v for p in params for v in p.detach().flatten().tolist()]}


def rates(name: str) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    scheduler = SCHEDULERS[name](optimizer)
    found = []
    for step in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < STEPS - 1:
            scheduler.step()
    return found


def plateau(name: str) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **PLATEAUS[name], eps=0.0)
    found = []
    for value in values():
        scheduler.step(value)
        found.append(optimizer.param_groups[0]["lr"])
    return found


if __name__ == "__main__":
    found = {
        "torch": torch.__version__,
        **{name: trajectory(name) for name in OPTIMIZERS},
        "schedules": {name: rates(name) for name in SCHEDULERS},
        "plateaus": {name: plateau(name) for name in PLATEAUS},
    }
    Path(__file__).with_name("torch.json").write_text(json.dumps(found, indent=1) + "\n")
