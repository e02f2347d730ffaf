"""Products of windows with weights, one for each channel, without a copy of the windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS, Example, Op, register
from symgrad.ir.size import product
from symgrad.ops.contraction import label_sizes
from symgrad.ops.reduce import sum

__all__ = ["window_product"]


@register
class WindowProduct(Op):
    """Products of two arrays summed over labels, by ``np.einsum``: no copy of views is made.

    For the few elements of a window, which a matrix product would first have to copy. Attribute
    `labels` names the axes of both and of the result. Each label of one stands in the other, or
    in the result.
    """

    name = "window_product"
    expensive = True
    examples = tuple(
        Example(
            lambda a, b, labels=labels: window_product(a, b, *labels),
            lambda a, b, labels=labels: np.einsum(f"{labels[0]},{labels[1]}->{labels[2]}", a, b),
            shapes,
        )
        for labels, shapes in (
            (("nci", "ic", "nc"), ((2, 3, 4), (4, 3))),
            (("nci", "icm", "ncm"), ((2, 3, 4), (4, 3, 2))),
        )
    )

    def aval(self, a: Aval, b: Aval, *, labels: tuple[str, str, str]) -> Aval:
        sizes = label_sizes(labels[:2], [a.shape, b.shape])
        return Aval(tuple([sizes[c] for c in labels[2]]), np.result_type(a.dtype, b.dtype))

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        (a, b), (of_a, of_b, out) = node.args, node.attrs["labels"]
        return (
            window_product(ct, b, out, of_b, of_a) if needs[0] else None,
            _over_batch(a, ct, of_a, out, of_b) if needs[1] else None,
        )

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (a, b), (ta, tb) = node.args, tangents
        left = None if ta is None else make(self, (ta, b), node.attrs)
        right = None if tb is None else make(self, (a, tb), node.attrs)
        if left is None or right is None:
            return right if left is None else left
        return left + right

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        labels = node.attrs["labels"]
        new = next(c for c in "zyxwvutsrqp" if c not in "".join(labels))
        lead = [new if b else "" for b in batched]
        named = (lead[0] + labels[0], lead[1] + labels[1], new + labels[2])
        return make(self, args, {"labels": named})

    def numpy(self, node: Expr, *args: Code) -> Code:
        a, b, out = node.attrs["labels"]
        return Code.call("np.einsum", f'"{a},{b}->{out}"', *args)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"{args[0]} \cdot {args[1]}"

    def flops(self, node: Expr) -> int:
        summed = set(node.attrs["labels"][0]) - set(node.attrs["labels"][2])
        sizes = label_sizes(node.attrs["labels"][:2], [x.shape for x in node.args])
        count = product([sizes[c] for c in summed])
        return 2 * count if isinstance(count, int) else 64


def window_product(a: Expr, b: Expr, of_a: str, of_b: str, out: str) -> Expr:
    """The sum of products over the labels that `out` does not have."""
    return make(OPS["window_product"], (a, b), {"labels": (of_a, of_b, out)})


def _over_batch(a: Expr, b: Expr, of_a: str, of_b: str, out: str) -> Expr:
    """The same, where the first label is summed last: sums of many terms lose less so."""
    lead = of_a[0]
    if lead in out or lead not in of_b:
        return window_product(a, b, of_a, of_b, out)
    return sum(window_product(a, b, of_a, of_b, lead + out), axis=0)
