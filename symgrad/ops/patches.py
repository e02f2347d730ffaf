"""The windows of images as rows: what makes a convolution a matrix product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS, Example, Op, register
from symgrad.ops.shape import given, moveaxis, reshape
from symgrad.ops.window_kernels import patches, place
from symgrad.ops.windows import Shape, Steps, overlapping, window_counts

__all__ = ["patches_of"]

_view = np.lib.stride_tricks.sliding_window_view


@register
class Patches(Op):
    """Windows of (batch, *space, channels) as (batch, *places, *window, channels), copied."""

    name = "patches"
    takes_complex = True
    examples = (
        Example(
            lambda x: patches_of(x, (2, 3), (1, 1), (1, 1)),
            lambda x: np.moveaxis(_view(x, (2, 3), (1, 2)), 3, -1),
            ((2, 3, 4, 2),),
        ),
        Example(
            lambda x: patches_of(x, (2, 2), (2, 1), (1, 2)),
            lambda x: np.moveaxis(_view(x, (2, 3), (1, 2))[:, ::2, ..., ::2], 3, -1),
            ((1, 5, 4, 1),),
        ),
        Example(
            lambda x: patches_of(x, (3,), (2,), (1,)),
            lambda x: np.moveaxis(_view(x, 3, 1)[:, ::2], 2, -1),
            ((2, 6, 3),),
        ),
    )

    def aval(self, x: Aval, *, window: Shape, stride: Steps, dilation: Steps) -> Aval:
        axes = tuple(range(1, 1 + len(window)))
        counts = window_counts(x, window, axes, stride, dilation)
        return Aval((x.shape[0], *counts, *window, x.shape[-1]), x.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        window, stride, dilation = (node.attrs[k] for k in ("window", "stride", "dilation"))
        rank = len(window)
        windows = moveaxis(ct, -1, 1 + rank)
        axes = tuple(range(1, 1 + rank))
        return (overlapping(windows, node.args[0].shape, axes, stride, dilation),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return make(self, (given(tangents[0]),), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        (x,) = args
        merged = reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))
        return reshape(make(self, (merged,), node.attrs), (*x.shape[:2], *node.shape[1:]))

    def numpy(self, node: Expr, *args: Code) -> Code:
        texts = [format_shape(node.attrs[key]) for key in ("window", "stride", "dilation")]
        return Code.call("patches", args[0], *texts)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (place, patches)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{patches}}\left({args[0]}\right)"


def patches_of(x: Expr, window: Shape, stride: Steps, dilation: Steps) -> Expr:
    """Windows of (batch, *space, channels), one after the other, the channels last."""
    return make(OPS["patches"], (x,), {"window": window, "stride": stride, "dilation": dilation})
