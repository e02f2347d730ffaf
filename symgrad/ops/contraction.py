"""Sums of products over labelled axes, as transposes, reshapes and matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from symgrad.ir.checks import require_equal
from symgrad.ir.node import Expr
from symgrad.ir.size import Size, product
from symgrad.ops.products import diagonal, matmul
from symgrad.ops.shape import expand_dims, matrix_transpose, reshape, squeeze, transpose

__all__ = ["Term", "contract", "label_sizes"]


class Term(NamedTuple):
    """An operand and the labels of its axes."""

    labels: str
    value: Expr


def label_sizes(inputs: Sequence[str], shapes: Sequence[tuple[Size, ...]]) -> dict[str, Size]:
    """The size of each label, a number where one of its axes has one."""
    sizes: dict[str, Size] = {}
    for labels, shape in zip(inputs, shapes, strict=True):
        for label, size in zip(labels, shape, strict=True):
            known = sizes.setdefault(label, size)
            require_equal(known, size, f"label {label!r}")
            if isinstance(size, int):
                sizes[label] = size
    return sizes


def contract(terms: list[Term], output: str) -> Expr:
    """All operands multiplied and summed, two at a time in a cheap order."""
    for path in _path(terms, output):
        group = [terms[i] for i in path]
        terms = [t for i, t in enumerate(terms) if i not in path]
        while len(group) > 1:
            rest = [t.labels for t in (*terms, *group[2:])]
            wanted = "".join([output, *rest])
            group = [_pair(_alone(group[0], wanted + group[1].labels),
                           _alone(group[1], wanted + group[0].labels),
                           wanted), *group[2:]]  # fmt: skip
        terms.append(group[0])
    return _ordered(_alone(terms[0], output), output)


def _path(terms: list[Term], output: str) -> list[tuple[int, ...]]:
    """The order of contraction: NumPy's own search, on shapes alone."""
    if len(terms) <= 2:
        return [tuple(range(len(terms)))] if len(terms) == 2 else []
    sizes: dict[str, int] = {}
    for labels, value in terms:
        for label, size in zip(labels, value.shape, strict=True):
            if isinstance(size, int):
                sizes[label] = size
            else:
                sizes.setdefault(label, 64)  # any common number: it is not known yet
    nothing = np.zeros(())
    shapes = [np.broadcast_to(nothing, [sizes[c] for c in t.labels]) for t in terms]
    subscripts = f"{','.join([t.labels for t in terms])}->{output}"
    method = "optimal" if len(terms) <= 5 else "greedy"
    found = np.einsum_path(subscripts, *shapes, optimize=(method, 2**62))[0]
    return [tuple(step) for step in found[1:]]


def _alone(term: Term, wanted: str) -> Term:
    """An operand on its diagonals, summed over the labels that nothing else has."""
    labels, x = term
    while len(set(labels)) != len(labels):
        c = next(c for c in labels if labels.count(c) > 1)
        i = labels.index(c)
        j = labels.index(c, i + 1)
        x = diagonal(x, 0, i, j)
        labels = labels[:i] + labels[i + 1 : j] + labels[j + 1 :] + c
    gone = tuple([i for i, c in enumerate(labels) if c not in wanted])
    if gone:
        x = x.sum(axis=gone).astype(x.dtype)
        labels = "".join([c for c in labels if c in wanted])
    return Term(labels, x)


def _ordered(term: Term, labels: str) -> Expr:
    return transpose(term.value, tuple([term.labels.index(c) for c in labels]))


def _pair(a: Term, b: Term, wanted: str) -> Term:
    """Two operands, summed over the labels that they share and nothing else wants."""
    shared = [c for c in a.labels if c in b.labels]
    summed = "".join([c for c in shared if c not in wanted])
    if not summed:
        return _multiplied(a, b, wanted)
    if _is_matmul(a.labels, b.labels, summed):
        longer = max(a.labels[:-2], b.labels[:-2], key=len)
        return Term(longer + a.labels[-2] + b.labels[-1], matmul(a.value, b.value))
    stack = "".join(sorted([c for c in shared if c in wanted], key=wanted.index))
    free_a = "".join(sorted([c for c in a.labels if c not in shared], key=wanted.index))
    free_b = "".join(sorted([c for c in b.labels if c not in shared], key=wanted.index))
    if free_b and free_a and wanted.index(free_b[0]) < wanted.index(free_a[0]):
        a, b, free_a, free_b = b, a, free_b, free_a
    sizes = label_sizes([a.labels, b.labels], [a.value.shape, b.value.shape])
    left = _matrices(a, stack, free_a, summed, sizes)
    right = _matrices(b, stack, summed, free_b, sizes)
    if stack and not free_a:
        left = expand_dims(left, (left.ndim - 1,))
    if stack and not free_b:
        right = expand_dims(right, (right.ndim,))
    out = matmul(left, right)
    if stack:
        ones = (*([] if free_a else [out.ndim - 2]), *([] if free_b else [out.ndim - 1]))
        out = squeeze(out, ones) if ones else out
    labels = stack + free_a + free_b
    return Term(labels, _reshaped(out, tuple([sizes[c] for c in labels])))


def _is_matmul(a: str, b: str, summed: str) -> bool:
    """Whether stacks of matrices broadcast as ``@`` has it, and neither is a single matrix."""
    return (
        min(len(a), len(b)) > 2
        and a[-1] == b[-2] == summed
        and (a[:-2].endswith(b[:-2]) or b[:-2].endswith(a[:-2]))
        and a[-2] not in b
        and b[-1] not in a
    )


def _matrices(term: Term, stack: str, first: str, second: str, sizes: dict[str, Size]) -> Expr:
    """An operand as a stack of matrices, or of vectors where one group of labels is empty."""
    if first and second and term.labels == stack + second + first:  # a view, not a copy
        return matrix_transpose(_matrices(term, stack, second, first, sizes))
    x = _ordered(term, stack + first + second)
    groups = [product([sizes[c] for c in group]) for group in (first, second) if group]
    return _reshaped(x, (*x.shape[: len(stack)], *groups))


def _reshaped(x: Expr, shape: tuple[Size, ...]) -> Expr:
    return x if x.shape == shape else reshape(x, shape)


def _multiplied(a: Term, b: Term, wanted: str) -> Term:
    """Two operands with nothing to be summed: a product that broadcasts."""
    labels = "".join(sorted(set(a.labels + b.labels), key=wanted.index))
    sides = []
    for term in (a, b):
        present = "".join([c for c in labels if c in term.labels])
        x = _ordered(term, present)
        # axes that are missing in front broadcast by themselves
        first = labels.index(present[0]) if present else len(labels)
        missing = [i - first for i, c in enumerate(labels) if i > first and c not in present]
        sides.append(expand_dims(x, tuple(missing)) if missing else x)
    return Term(labels, sides[0] * sides[1])
