"""Record what PyTorch's layers give, value and gradients, as ``torch.json``.

Needs PyTorch, and neither NumPy nor symgrad: ``python tests/nn/record_torch.py``. Arrays are made
of closed formulas (`table`), and stand here as symgrad has them: channels last, kernels
(*window, in, out).
"""

import json
import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

FREQUENCIES = {"x": 1.7, "W": 2.3, "b": 3.1, "gamma": 0.9, "beta": 4.3, "pointwise.W": 2.9}
STEPS = 5


def table(shape: tuple[int, ...], frequency: float, dtype: torch.dtype = torch.float64) -> Tensor:
    """Numbers that any program can make again: sin(frequency (1 + k)), in C order."""
    values = [math.sin(frequency * (1 + k)) for k in range(math.prod(shape))]
    return torch.tensor(values, dtype=torch.float64).reshape(shape).to(dtype)


def first(x: Tensor) -> Tensor:
    """Channels last to channels first."""
    return x.movedim(-1, 1)


def last(x: Tensor) -> Tensor:
    return x.movedim(1, -1)


def kernel(w: Tensor) -> Tensor:
    """(*window, a, b) to (b, a, *window), which holds for both directions of a convolution."""
    return w.movedim((-1, -2), (0, 1))


def conv(x: Tensor, W: Tensor, b: Tensor | None = None, **options: object) -> Tensor:
    f = F.conv2d if x.ndim == 4 else F.conv1d
    return last(f(first(x), kernel(W), b, **options))


def transposed(x: Tensor, W: Tensor, b: Tensor, **options: object) -> Tensor:
    f = F.conv_transpose2d if x.ndim == 4 else F.conv_transpose1d
    return last(f(first(x), kernel(W), b, **options))


def separable(x: Tensor, depthwise: Tensor, pointwise: Tensor, b: Tensor) -> Tensor:
    h = conv(x, depthwise, groups=x.shape[-1], stride=2, padding=1)
    return conv(h, pointwise, b)


#: name -> the layer, and the shapes of its arguments by the names of symgrad
CASES: dict[str, tuple[Callable[..., Tensor], dict[str, tuple[int, ...]]]] = {
    "dense": (
        lambda x, W, b: torch.tanh(F.linear(x, W.T, b)),
        {"x": (2, 3, 4), "W": (4, 5), "b": (5,)},
    ),
    "conv1d": (
        lambda x, W, b: conv(x, W, b, stride=2, padding=2, dilation=2),
        {"x": (2, 9, 3), "W": (3, 3, 4), "b": (4,)},
    ),
    "conv2d": (conv, {"x": (2, 5, 4, 3), "W": (3, 2, 3, 4), "b": (4,)}),
    "conv2d_same": (
        lambda x, W, b: conv(x, W, b, padding="same"),
        {"x": (2, 4, 5, 2), "W": (3, 3, 2, 3), "b": (3,)},
    ),
    "conv2d_groups": (
        lambda x, W, b: conv(x, W, b, groups=2, stride=2, padding=1),
        {"x": (2, 5, 5, 4), "W": (3, 3, 2, 6), "b": (6,)},
    ),
    "depthwise_conv2d": (
        lambda x, W, b: conv(x, W, b, groups=3, padding=1),
        {"x": (2, 4, 4, 3), "W": (3, 3, 1, 6), "b": (6,)},
    ),
    "separable_conv2d": (
        separable,
        {"x": (2, 5, 5, 3), "W": (3, 3, 1, 6), "pointwise.W": (1, 1, 6, 4), "b": (4,)},
    ),
    "conv1d_transpose": (
        lambda x, W, b: transposed(x, W, b, stride=3, output_padding=1, padding=1),
        {"x": (2, 4, 3), "W": (4, 2, 3), "b": (2,)},
    ),
    "conv2d_transpose": (
        lambda x, W, b: transposed(x, W, b, stride=2, padding=1),
        {"x": (2, 3, 4, 3), "W": (4, 4, 2, 3), "b": (2,)},
    ),
    "conv2d_transpose_groups": (
        lambda x, W, b: transposed(x, W, b, groups=2, stride=2, dilation=2),
        {"x": (1, 3, 3, 4), "W": (2, 3, 3, 4), "b": (6,)},
    ),
    "batch_norm": (
        lambda x, gamma, beta: F.batch_norm(x, None, None, gamma, beta, training=True),
        {"x": (6, 3), "gamma": (3,), "beta": (3,)},
    ),
    "batch_norm_images": (
        lambda x, gamma, beta: last(
            F.batch_norm(first(x), None, None, gamma, beta, training=True, eps=1e-2)
        ),
        {"x": (2, 3, 4, 3), "gamma": (3,), "beta": (3,)},
    ),
    "layer_norm": (
        lambda x, gamma, beta: F.layer_norm(x, (5,), gamma, beta),
        {"x": (2, 3, 5), "gamma": (5,), "beta": (5,)},
    ),
    "layer_norm_axes": (
        lambda x, gamma, beta: F.layer_norm(x, (3, 4), gamma, beta, eps=0.1),
        {"x": (2, 3, 4), "gamma": (3, 4), "beta": (3, 4)},
    ),
    "rms_norm": (
        lambda x, gamma: F.rms_norm(x, (5,), gamma, eps=1e-6),
        {"x": (2, 3, 5), "gamma": (5,)},
    ),
    "group_norm": (
        lambda x, gamma, beta: last(F.group_norm(first(x), 2, gamma, beta)),
        {"x": (2, 3, 2, 6), "gamma": (6,), "beta": (6,)},
    ),
    "instance_norm": (
        lambda x, gamma, beta: last(F.instance_norm(first(x), None, None, gamma, beta)),
        {"x": (2, 3, 4, 3), "gamma": (3,), "beta": (3,)},
    ),
    "max_pool2d": (
        lambda x: last(F.max_pool2d(first(x), 3, stride=2, padding=1)),
        {"x": (2, 5, 6, 2)},
    ),
    "avg_pool1d": (lambda x: last(F.avg_pool1d(first(x), 2)), {"x": (2, 7, 3)}),
    "global_avg_pool": (lambda x: x.mean((1, 2)), {"x": (2, 3, 4, 3)}),
    "global_max_pool": (lambda x: x.amax((1, 2)), {"x": (2, 3, 4, 3)}),
    "embedding": (
        lambda W: F.embedding(
            torch.tensor([[1, 4, 1], [0, 2, 4]]), W * torch.tensor([1, 1, 0, 1, 1])[:, None]
        ),
        {"W": (5, 3)},
    ),
    "residual": (
        lambda x, W, b, projection: torch.relu(
            conv(x, projection, stride=2) + conv(x, W, b, stride=2, padding=1)
        ),
        {"x": (2, 5, 5, 2), "W": (3, 3, 2, 4), "b": (4,), "pointwise.W": (1, 1, 2, 4)},
    ),
}


def recorded(name: str) -> dict[str, object]:
    """The result, and the gradient of its sum with weights of frequency 1.1."""
    layer, shapes = CASES[name]
    leaves = {key: table(shape, FREQUENCIES[key]) for key, shape in shapes.items()}
    for leaf in leaves.values():
        leaf.requires_grad_()
    out = layer(*leaves.values())
    (out * table(tuple(out.shape), 1.1)).sum().backward()
    return {
        "out": flat(out),
        "shape": list(out.shape),
        "grads": {key: flat(leaf.grad) for key, leaf in leaves.items()},
    }


def flat(x: Tensor) -> list[float]:
    return x.detach().contiguous().flatten().tolist()


def trained(shape: tuple[int, ...], momentum: float, dtype: torch.dtype) -> dict[str, list[float]]:
    """A batch normalisation that is trained for some steps, and then used."""
    norm = (torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d)(
        shape[-1], momentum=momentum, dtype=dtype
    )
    optimizer = torch.optim.SGD(norm.parameters(), lr=0.1)
    target = table(shape, 1.1, dtype)
    losses = []
    for step in range(STEPS):
        x = 3 * table(shape, 1.7 + step, dtype) + step
        optimizer.zero_grad()
        loss = ((last(norm(first(x))) - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    norm.eval()
    kept = {"gamma": norm.weight, "beta": norm.bias}
    kept |= {"mean": norm.running_mean, "var": norm.running_var}
    found = {"losses": losses, **{key: flat(value) for key, value in kept.items()}}
    return {**found, "used": flat(last(norm(first(table(shape, 0.7, dtype)))))}


if __name__ == "__main__":
    found = {
        "torch": torch.__version__,
        **{name: recorded(name) for name in CASES},
        "trained": trained((8, 3), 0.1, torch.float64),
        "trained_images": trained((2, 3, 4, 3), 0.3, torch.float64),
        "trained_float32": trained((8, 3), 0.1, torch.float32),
    }
    text = json.dumps(found, separators=(",", ":")).replace('},"', '},\n"')
    Path(__file__).with_name("torch.json").write_text(text + "\n")
