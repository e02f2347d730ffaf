"""Examples of convolutions; their oracle is the definition, in loops over plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.op import FUNCTIONS, Example

__all__ = ["CONV1D", "CONV1D_TRANSPOSE", "CONV2D", "CONV2D_TRANSPOSE"]

Steps = tuple[int, ...]


def convolved(x: Any, k: Any, stride: Steps, pads: Any, dilation: Steps, groups: int) -> Any:
    """Convolution of (batch, *space, channels) with (*window, channels / groups, outputs)."""
    rank = len(stride)
    x = np.pad(x, ((0, 0), *pads, (0, 0)))
    space, window = x.shape[1:-1], k.shape[:rank]
    extents = [d * (w - 1) + 1 for d, w in zip(dilation, window, strict=True)]
    counts = [(n - e) // s + 1 for n, e, s in zip(space, extents, stride, strict=True)]
    if min(counts) < 1 or min(window) < 1:
        raise ValueError("the window does not fit")
    inputs, outputs = k.shape[rank:]
    if inputs * groups != x.shape[-1] or outputs % groups:
        raise ValueError("channels")
    each = outputs // groups
    out = np.zeros((len(x), *counts, outputs), np.result_type(x, k))
    for at in np.ndindex(*counts):
        for offset in np.ndindex(*window):
            where = [p * s + o * d for p, s, o, d in zip(at, stride, offset, dilation, strict=True)]
            for g in range(groups):
                inside = x[(slice(None), *where)][:, g * inputs : (g + 1) * inputs]
                of_group = slice(g * each, (g + 1) * each)
                out[(slice(None), *at, of_group)] += inside @ k[offset][:, of_group]
    return out


def transposed(
    x: Any, k: Any, stride: Steps, pads: Any, more: Steps, dilation: Steps, groups: int
) -> Any:
    """Each element of (batch, *space, channels) adds its multiple of the kernel's windows."""
    rank = len(stride)
    window, (outputs, inputs) = k.shape[:rank], k.shape[rank:]
    if x.shape[-1] != inputs or inputs % groups or min(window) < 1 or min(x.shape[1:-1]) < 1:
        raise ValueError("channels")
    each = inputs // groups
    extents = [d * (w - 1) + 1 for d, w in zip(dilation, window, strict=True)]
    full = [(n - 1) * s + e + m for n, s, e, m in
            zip(x.shape[1:-1], stride, extents, more, strict=True)]  # fmt: skip
    out = np.zeros((len(x), *full, outputs * groups), np.result_type(x, k))
    for at in np.ndindex(*x.shape[1:-1]):
        for offset in np.ndindex(*window):
            where = [p * s + o * d for p, s, o, d in zip(at, stride, offset, dilation, strict=True)]
            for g in range(groups):
                inside = x[(slice(None), *at)][:, g * each : (g + 1) * each]
                kernel = k[offset][:, g * each : (g + 1) * each]
                of_group = slice(g * outputs, (g + 1) * outputs)
                out[(slice(None), *where, of_group)] += inside @ kernel.T
    ends = [slice(low, n - high) for n, (low, high) in zip(full, pads, strict=True)]
    return out[(slice(None), *ends)]


def _of(
    name: str,
    oracle: Any,
    shape: tuple[int, ...],
    window: tuple[int, ...],
    pads: Any = None,
    **options: Any,
) -> Example:
    """A function against its oracle; `pads` is what its padding comes to."""
    rank = len(shape) - 2
    first = options.get("data_format") in ("NCW", "NCHW")
    back = "transpose" in name
    names = ("stride", "output_padding", "dilation") if back else ("stride", "dilation")
    steps = {n: np.broadcast_to(options.get(n, 0 if "output" in n else 1), rank) for n in names}

    def reference(x: Any, k: Any) -> Any:
        if first:
            x, k = np.moveaxis(x, 1, -1), np.transpose(k, (*range(2, 2 + rank), 1, 0))
        s, *others = [tuple(map(int, steps[n])) for n in names]
        widths = [(0, 0)] * rank if pads is None else pads
        if pads == "same":
            extents = [d * (w - 1) + 1 for d, w in zip(others[-1], k.shape, strict=False)]
            totals = [(-(-n // t) - 1) * t + e - n
                      for n, t, e in zip(x.shape[1:], s, extents, strict=False)]  # fmt: skip
            if back:  # as long as the array times the stride
                totals = [e - t for t, e in zip(s, extents, strict=True)]
                others[0] = tuple([max(0, -n) for n in totals])
            widths = [(max(n, 0) // 2, -(-max(n, 0) // 2)) for n in totals]
        y = oracle(x, k, s, widths, *others, options.get("groups", 1))
        return np.moveaxis(y, -1, 1) if first else y

    return Example(lambda x, k: FUNCTIONS[name](x, k, **options), reference, (shape, window))


def _conv(
    shape: tuple[int, ...], window: tuple[int, ...], pads: Any = None, **options: Any
) -> Example:
    return _of("conv1d" if len(shape) == 3 else "conv2d", convolved, shape, window, pads, **options)


def _back(
    shape: tuple[int, ...], window: tuple[int, ...], pads: Any = None, **options: Any
) -> Example:
    name = "conv1d_transpose" if len(shape) == 3 else "conv2d_transpose"
    return _of(name, transposed, shape, window, pads, **options)


CONV1D = (
    _conv((2, 6, 3), (3, 3, 4)),
    _conv((1, 5, 1), (2, 1, 1), "same", padding="same"),
    _conv((1, 7, 2), (3, 2, 2), [(1, 1)], padding=1, stride=3, dilation=2),
    _conv((2, 4, 5), (2, 2, 3), groups=2, data_format="NCW"),
)

CONV2D = (
    _conv((2, 4, 5, 3), (3, 2, 3, 2)),
    _conv((1, 5, 4, 1), (2, 3, 1, 2), "same", padding="same"),
    _conv((1, 6, 5, 1), (3, 3, 1, 1), "same", padding="same", stride=2),
    _conv((1, 5, 6, 1), (2, 2, 1, 1), [(1, 0), (2, 1)], padding=((1, 0), (2, 1)), stride=(3, 1)),
    _conv((1, 5, 6, 2), (2, 3, 2, 1), dilation=(2, 1)),
    _conv((1, 3, 3, 4), (2, 2, 2, 2), groups=2),
    _conv((2, 3, 4, 2), (2, 2, 1, 2), groups=2),
    _conv((1, 3, 4, 2), (2, 2, 1, 6), [(1, 1), (0, 0)], groups=2, padding=(1, 0)),
    _conv((2, 3, 4, 4), (5, 3, 2, 2), data_format="NCHW"),
    _conv((1, 3, 2, 1), (1, 1, 1, 2), stride=2),
)

CONV1D_TRANSPOSE = (
    _back((2, 3, 3), (2, 4, 3)),
    _back((1, 3, 2), (4, 1, 2), "same", stride=2, padding="same"),
    _back((1, 3, 2), (3, 1, 2), [(1, 1)], stride=2, padding=1, output_padding=1),
    _back((1, 4, 3), (4, 2, 2), groups=2, stride=3, data_format="NCW"),
)

CONV2D_TRANSPOSE = (
    _back((2, 3, 2, 3), (2, 3, 2, 3)),
    _back((1, 3, 2, 1), (3, 2, 2, 1), "same", stride=2, padding="same"),
    _back((1, 2, 3, 1), (2, 3, 1, 1), [(0, 1), (1, 0)], padding=((0, 1), (1, 0)), dilation=2),
    _back((1, 2, 3, 1), (1, 2, 1, 1), output_padding=(2, 1), stride=3),
    _back((1, 2, 2, 4), (2, 2, 3, 4), groups=2, stride=(1, 2)),
    _back((2, 4, 2, 3), (4, 2, 3, 2), groups=2, data_format="NCHW"),
)
