"""Einstein summation: parsed once, differentiated as itself, computed by matrix products."""

from __future__ import annotations

import math
import operator
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_exprs, make
from symgrad.ir.op import OPS, Example, Op, function, register
from symgrad.ops.contraction import Term, contract, label_sizes
from symgrad.ops.creation import eye
from symgrad.ops.shape import broadcast_to, expand_dims, squeeze

__all__ = ["einsum"]

_LETTERS = string.ascii_lowercase + string.ascii_uppercase


# ---- subscripts


def _split(subscripts: str) -> tuple[list[str], str]:
    """The labels of the operands, and of the result."""
    inputs, output = subscripts.split("->")
    return inputs.split(","), output


def _fresh(used: str, count: int) -> str:
    """Letters that are not in use yet."""
    free = [letter for letter in _LETTERS if letter not in used]
    if count > len(free):
        raise DeclarationError(f"einsum: more than {len(_LETTERS)} different axes")
    return "".join(free[:count])


def _parse(subscripts: str, operands: Sequence[Expr]) -> tuple[list[str], str]:
    """Labels of the operands and of the result, with ellipses and the output written out.

    Raises
    ------
    DeclarationError
        Saying what is wrong with the subscripts.
    """
    text = subscripts.replace(" ", "")
    wrong = f"einsum: {subscripts!r}"
    head, arrow, tail = text.partition("->")
    terms = head.split(",")
    if len(terms) != len(operands):
        raise DeclarationError(f"{wrong} has {len(terms)} terms for {len(operands)} operands")
    for term in [*terms, tail]:
        letters = term.replace("...", "", 1)
        if not all([c in _LETTERS for c in letters]):
            raise DeclarationError(
                f"{wrong}: expected letters, commas, '->' and '...'; got {term!r}"
            )
    ranks = [x.ndim - len(t.replace("...", "")) for t, x in zip(terms, operands, strict=True)]
    for term, rank, x in zip(terms, ranks, operands, strict=True):
        if rank < 0 or (rank > 0 and "..." not in term):
            raise DeclarationError(
                f"{wrong}: {term!r} labels {len(term.replace('...', ''))} axes of an operand "
                f"of shape {format_shape(x.shape)}"
            )
    spread = _fresh(text, max([r for r, t in zip(ranks, terms, strict=True) if "..." in t] or [0]))
    inputs = [
        t.replace("...", spread[len(spread) - r :]) for t, r in zip(terms, ranks, strict=True)
    ]
    if arrow:
        if spread and "..." not in tail:
            raise DeclarationError(f"{wrong}: '...' stands for axes, but the result has none")
        output = tail.replace("...", spread)
    else:
        labels = head.replace(",", "").replace(".", "")
        output = spread + "".join(sorted([c for c in set(labels) if labels.count(c) == 1]))
    if len(set(output)) != len(output):
        raise DeclarationError(f"{wrong}: a label is twice in the result {output!r}")
    missing = [c for c in output if not any([c in t for t in inputs])]
    if missing:
        raise DeclarationError(f"{wrong}: {missing[0]!r} in the result is on no operand")
    return inputs, output


def _from_lists(args: Sequence[Any]) -> tuple[str, list[Any]]:
    """NumPy's other form: operand, list of numbers, ..., and a last list for the result."""
    operands, lists = list(args[: len(args) // 2 * 2 : 2]), [*args[1::2]]
    if len(args) % 2:
        lists.append(args[-1])

    def letters(labels: Sequence[Any]) -> str:
        try:
            return "".join(
                ["..." if item is Ellipsis else _LETTERS[operator.index(item)] for item in labels]
            )
        except (TypeError, IndexError):
            raise DeclarationError(
                f"einsum: expected a list of numbers below 52, or '...'; got {labels!r}"
            ) from None

    texts = [letters(item) for item in lists]
    subscripts = ",".join(texts[: len(operands)])
    return subscripts + ("->" + texts[-1] if len(args) % 2 else ""), operands


# ---- the op


def _example(subscripts: str, *shapes: tuple[int, ...]) -> Example:
    return Example(
        lambda *xs: einsum(subscripts, *xs), lambda *xs: np.einsum(subscripts, *xs), shapes
    )


@register
class Einsum(Op):
    """A sum of products over labelled axes; attribute `subscripts`, with the output."""

    name = "einsum"
    takes_complex = True
    expensive = True
    examples = (
        _example("ij,jk->ik", (2, 3), (3, 4)),
        _example("ij,jk", (2, 3), (3, 4)),
        _example("ij,kj->ki", (2, 3), (4, 3)),
        _example("ij->ji", (2, 3)),
        _example("ij->", (2, 3)),
        _example("ii->", (3, 3)),
        _example("ii->i", (3, 3)),
        _example("iji->j", (3, 2, 3)),
        _example("i,i->", (3,), (3,)),
        _example("i,j->ji", (3,), (2,)),
        _example("ij,ij->ij", (2, 3), (2, 3)),
        _example("ij,j->i", (2, 3), (3,)),
        _example("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
        _example("bthd,bshd->bhts", (2, 3, 2, 4), (2, 5, 2, 4)),
        _example("bi,bi->b", (2, 3), (2, 3)),
        _example("bi,bij,bj->b", (2, 3), (2, 3, 4), (2, 4)),
        _example("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
        _example("...ij,jk->...ik", (2, 3, 4), (4, 5)),
        _example("...i,...i", (2, 3), (3,)),
        _example("ij,kl->", (2, 3), (4, 5)),
        _example("ij,jk->k", (2, 3), (3, 4)),
        _example("ij,k->ik", (2, 3), (4,)),
        _example("ijk,ljk->il", (2, 3, 4), (5, 3, 4)),
    )

    def aval(self, *args: Aval, subscripts: str) -> Aval:
        inputs, output = _split(subscripts)
        sizes = label_sizes(inputs, [a.shape for a in args])
        return Aval(tuple([sizes[c] for c in output]), np.result_type(*[a.dtype for a in args]))

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        inputs, output = _split(node.attrs["subscripts"])
        out: list[Expr | None] = []
        for k, (labels, need) in enumerate(zip(inputs, needs, strict=True)):
            others = [(t, x) for i, (t, x) in enumerate(zip(inputs, node.args, strict=True))
                      if i != k]  # fmt: skip
            out.append(_cotangent(node.args[k], labels, [(output, ct), *others]) if need else None)
        return out

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        total: Expr | None = None
        for k, t in enumerate(tangents):
            if t is not None:
                args = (*node.args[:k], t, *node.args[k + 1 :])
                term = make(self, args, node.attrs)
                total = term if total is None else total + term
        return total

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        inputs, output = _split(node.attrs["subscripts"])
        new = _fresh(node.attrs["subscripts"], 1)
        terms = [new + t if is_new else t for t, is_new in zip(inputs, batched, strict=True)]
        return _make(terms, new + output, args)

    def lower(self, node: Expr) -> Expr:
        inputs, output = _split(node.attrs["subscripts"])
        return contract([Term(t, x) for t, x in zip(inputs, node.args, strict=True)], output)

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.einsum", repr(node.attrs["subscripts"]), *args)

    def is_view(self, node: Expr) -> bool:
        inputs, output = _split(node.attrs["subscripts"])
        return len(inputs) == 1 and set(inputs[0]) == set(output)

    def latex(self, node: Expr, *args: str) -> str:
        inputs, output = _split(node.attrs["subscripts"])
        summed = sorted(set("".join(inputs)) - set(output))
        sign = rf"\sum_{{{' '.join(summed)}}} " if summed else ""
        factors = [rf"\left({x}\right)_{{{' '.join(t)}}}" if t else x
                   for x, t in zip(args, inputs, strict=True)]  # fmt: skip
        return sign + r" \, ".join(factors)

    def flops(self, node: Expr) -> int:
        inputs, output = _split(node.attrs["subscripts"])
        sizes = label_sizes(inputs, [x.shape for x in node.args])
        summed = [sizes[c] for c in sizes if c not in output]
        return 2 * math.prod([n if isinstance(n, int) else 64 for n in summed])


def _make(inputs: Sequence[str], output: str, args: Sequence[Expr]) -> Expr:
    return make(OPS["einsum"], tuple(args), {"subscripts": f"{','.join(inputs)}->{output}"})


def _cotangent(x: Expr, labels: str, terms: list[tuple[str, Expr]]) -> Expr:
    """The cotangent of one operand: the others and that of the result, summed to its labels."""
    distinct = "".join(dict.fromkeys(labels))
    present = {c for t, _ in terms for c in t}
    kept = "".join([c for c in distinct if c in present])
    ct = _make([t for t, _ in terms], kept, [value for _, value in terms])
    if kept != distinct:  # summed by itself: the same for every index
        absent = tuple([i for i, c in enumerate(distinct) if c not in present])
        shape = tuple([x.shape[labels.index(c)] for c in distinct])
        ct = broadcast_to(expand_dims(ct, absent), shape)
    if distinct == labels:
        return ct
    # off the diagonals that the operand was read along, it has no influence
    inputs, args, new = [distinct], [ct], ""
    for i, c in enumerate(labels):
        if c in labels[:i]:
            new += _fresh(labels + new, 1)
            inputs.append(c + new[-1])
            args.append(eye(x.shape[i], dtype=ct.dtype))
        else:
            new += c
    return _make(inputs, new, args)


# ---- the public function


@function
def einsum(subscripts: Any, *operands: Any, optimize: Any = None) -> Expr:
    """Sum of products over labelled axes, as ``np.einsum``.

    Parameters
    ----------
    subscripts : str
        Labels of the axes of each operand, and, after ``->``, of the result; ``...`` stands for
        further axes that broadcast. NumPy's form ``einsum(a, [0, 1], b, [1, 2])`` is taken too.
    *operands : array_like
    optimize : object
        For compatibility: operands are always contracted in a cheap order.

    Examples
    --------
    >>> import symgrad as sg
    >>> q, k = sg.input("q", ("B", "T", 8)), sg.input("k", ("B", "S", 8))
    >>> sg.einsum("btd,bsd->bts", q, k).shape
    (Dim('B'), Dim('T'), Dim('S'))
    """
    given: list[Any] = list(operands)
    if not isinstance(subscripts, str):
        subscripts, given = _from_lists((subscripts, *operands))
    if not given:
        raise DeclarationError("einsum: expected at least one operand")
    args = as_exprs(given)
    inputs, output = _parse(subscripts, args)
    return _broadcast(inputs, output, args)


def _broadcast(inputs: list[str], output: str, args: list[Expr]) -> Expr:
    """The node, after axes of size 1 have lost labels that other operands have at full size."""
    wide = {c for t, x in zip(inputs, args, strict=True) for c, n in zip(t, x.shape, strict=True)
            if not (isinstance(n, int) and n == 1)}  # fmt: skip
    terms, values = [], []
    for labels, x in zip(inputs, args, strict=True):
        ones = [i for i, c in enumerate(labels)
                if c in wide and isinstance(x.shape[i], int) and x.shape[i] == 1]  # fmt: skip
        if ones and any([labels.count(labels[i]) > 1 for i in ones]):
            raise ShapeError(
                f"einsum: {labels!r} takes a diagonal of shape {format_shape(x.shape)}, "
                "whose sizes differ"
            )
        terms.append("".join([c for i, c in enumerate(labels) if i not in ones]))
        values.append(squeeze(x, tuple(ones)) if ones else x)
    return _make(terms, output, values)
