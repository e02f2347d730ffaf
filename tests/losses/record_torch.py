"""Record losses of PyTorch's and their gradients at the tables of ``tables``, as ``torch.json``.

Needs PyTorch, and neither NumPy nor symgrad: ``python tests/losses/record_torch.py``.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributions as D
import torch.nn.functional as F

T = torch.Tensor
LABELS = torch.tensor([2, 0, 4, 2])
GRID = torch.tensor([[2, 0, 1], [3, 3, 0]])
CLASS_WEIGHTS = torch.tensor([1.0, 0.5, 2.0, 1.5, 0.25], dtype=torch.float64)
BITS = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
COUNTS = torch.tensor([[0.0, 3.0, 1.0], [7.0, 2.0, 0.0]], dtype=torch.float64)


def table(*shape: int, frequency: float, scale: float = 1.0) -> T:
    values = [scale * math.sin(frequency * (1 + k)) for k in range(math.prod(shape))]
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


z = table(4, 5, frequency=1.7, scale=3.0)
grid = table(2, 3, 4, frequency=1.3, scale=2.0)
y, t = table(2, 3, frequency=0.9, scale=2.0), table(2, 3, frequency=2.1, scale=2.0)
s, d = table(2, 3, frequency=3.3), table(2, 3, frequency=4.7)
positive, share = torch.exp(t), torch.sigmoid(t)
factor = table(2, 3, 3, frequency=1.1)
steps = table(3, 6, 4, frequency=1.9, scale=2.0)
pairs = {
    "a": table(4, 3, frequency=0.7),
    "p": table(4, 3, frequency=1.2),
    "n": table(4, 3, frequency=2.6),
}


def ce(z: T, labels: T, **options: Any) -> T:
    return F.cross_entropy(z, labels, reduction="none", **options)


def nll(distribution: D.Distribution, x: T) -> T:
    return -distribution.log_prob(x).sum(-1)


def normal(x: T, factor: T, m: T) -> T:
    L = torch.tril(factor, -1) + torch.diag_embed(
        torch.exp(torch.diagonal(factor, dim1=-2, dim2=-1))
    )
    return -D.MultivariateNormal(m, scale_tril=L).log_prob(x)


def ctc(labels: list[list[int]], logit_lengths: list[int], label_lengths: list[int]) -> Any:
    def loss(z: T) -> T:
        log_p = torch.log_softmax(z, -1).transpose(0, 1)
        lengths = [torch.tensor(v) for v in (logit_lengths, label_lengths)]
        return F.ctc_loss(log_p, torch.tensor(labels), *lengths, blank=0, reduction="none")

    return loss


def nce(a: T, p: T) -> T:
    cosines = F.normalize(a) @ F.normalize(p).T
    return ce(cosines / 0.2, torch.arange(4))


CASES: dict[str, tuple[Callable[..., T], dict[str, T]]] = {
    "ce": (lambda z: ce(z, LABELS), {"z": z}),
    "ce_grid": (lambda z: ce(z.permute(0, 2, 1), GRID), {"z": grid}),
    "ce_weights": (lambda z: ce(z, LABELS, weight=CLASS_WEIGHTS), {"z": z}),
    "ce_smooth": (lambda z: ce(z, LABELS, label_smoothing=0.1), {"z": z}),
    "ce_smooth_weights": (
        lambda z: ce(z, LABELS, label_smoothing=0.1, weight=CLASS_WEIGHTS),
        {"z": z},
    ),
    "ce_ignore": (
        lambda z: ce(z, torch.tensor([2, -100, 4, -100]), ignore_index=-100, label_smoothing=0.2),
        {"z": z},
    ),
    "ce_shares": (
        lambda z: ce(z, torch.softmax(table(4, 5, frequency=0.3), -1), label_smoothing=0.3),
        {"z": z},
    ),
    "ce_shares_weights": (
        lambda z: ce(z, torch.softmax(table(4, 5, frequency=0.3), -1), weight=CLASS_WEIGHTS),
        {"z": z},
    ),
    "bce": (lambda z: F.binary_cross_entropy_with_logits(z, BITS, reduction="none"), {"z": y}),
    "bce_pos_weight": (
        lambda z: F.binary_cross_entropy_with_logits(
            z, share, reduction="none", pos_weight=CLASS_WEIGHTS[:3]
        ),
        {"z": y},
    ),
    "mse": (lambda y, t: F.mse_loss(y, t, reduction="none").mean(-1), {"y": y, "t": t}),
    "mae": (lambda y, t: F.l1_loss(y, t, reduction="none").mean(-1), {"y": y, "t": t}),
    "huber": (
        lambda y, t: F.huber_loss(y, t, reduction="none", delta=0.7).mean(-1),
        {"y": y, "t": t},
    ),
    "normal": (lambda x, m, s: nll(D.Normal(m, s.exp()), x), {"x": t, "m": y, "s": s}),
    "log_normal": (
        lambda x, m, s: nll(D.LogNormal(m, s.exp()), x),
        {"x": positive, "m": y, "s": s},
    ),
    "laplace": (lambda x, m, s: nll(D.Laplace(m, s.exp()), x), {"x": t, "m": y, "s": s}),
    "student_t": (
        lambda x, m, s, d: nll(D.StudentT(d.exp(), m, s.exp()), x),
        {"x": t, "m": y, "s": s, "d": d},
    ),
    "exponential": (lambda x, s: nll(D.Exponential(s.exp()), x), {"x": positive, "s": s}),
    "gamma": (
        lambda x, d, s: nll(D.Gamma(d.exp(), s.exp()), x),
        {"x": positive, "d": d, "s": s},
    ),
    "beta": (lambda x, d, s: nll(D.Beta(d.exp(), s.exp()), x), {"x": share, "d": d, "s": s}),
    "poisson": (lambda s: nll(D.Poisson(s.exp()), COUNTS), {"s": s}),
    "negative_binomial": (
        lambda d, z: nll(D.NegativeBinomial(d.exp(), logits=z), COUNTS),
        {"d": d, "z": y},
    ),
    "bernoulli": (lambda z: nll(D.Bernoulli(logits=z), BITS), {"z": y}),
    "categorical": (lambda z: nll(D.Categorical(logits=z), GRID), {"z": grid}),
    "multivariate_normal": (normal, {"x": t, "factor": factor, "m": y}),
    "kl_divergence": (
        lambda a, b: D.kl_divergence(D.Categorical(logits=a), D.Categorical(logits=b)).sum(-1),
        {"a": grid, "b": table(2, 3, 4, frequency=0.6)},
    ),
    "kl_normal": (
        lambda m, s, n, d: D.kl_divergence(D.Normal(m, s.exp()), D.Normal(n, d.exp())).sum(-1),
        {"m": y, "s": s, "n": t, "d": d},
    ),
    "kl_bernoulli": (
        lambda a, b: D.kl_divergence(D.Bernoulli(logits=a), D.Bernoulli(logits=b)).sum(-1),
        {"a": y, "b": t},
    ),
    "triplet": (
        lambda a, p, n: F.triplet_margin_loss(a, p, n, margin=0.5, eps=0.0, reduction="none"),
        pairs,
    ),
    "info_nce": (nce, {"a": pairs["a"], "p": pairs["p"]}),
    "ctc": (ctc([[1, 2], [3, 3], [2, 1]], [6, 6, 6], [2, 2, 2]), {"z": steps}),
    "ctc_lengths": (
        ctc([[1, 2, 3], [3, 3, 0], [0, 0, 0]], [6, 4, 2], [3, 2, 0]),
        {"z": steps},
    ),
}


def record(name: str) -> dict[str, Any]:
    loss, given = CASES[name]
    leaves = {key: value.clone().requires_grad_() for key, value in given.items()}
    values = loss(**leaves)
    weights = torch.cos(1.0 + torch.arange(values.numel(), dtype=torch.float64))
    (values.flatten() * weights).sum().backward()
    grads = {key: leaf.grad.flatten().tolist() for key, leaf in leaves.items()}
    return {"shape": list(values.shape), "loss": values.flatten().tolist(), "grads": grads}


if __name__ == "__main__":
    found = {"torch": torch.__version__, **{name: record(name) for name in CASES}}
    Path(__file__).with_name("torch.json").write_text(json.dumps(found) + "\n")
