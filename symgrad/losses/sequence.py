"""Losses of sequences whose labels are not aligned with their steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.losses.arguments import expression, floating, integers, require_classes, text
from symgrad.options import whole

__all__ = ["ctc"]


def ctc(
    logits: Any,
    labels: Any,
    logit_lengths: Any = None,
    label_lengths: Any = None,
    blank: int = 0,
) -> sg.Expr:
    """Connectionist temporal classification: -log of the sum over all alignments of labels.

    An alignment says a class or blank at each step; repetitions of a class are one label, and
    blanks, which may stand between labels, none. Computed by the forward recursion, in
    logarithms: A. Graves et al., *Connectionist temporal classification* (2006), section 4.1.

    Parameters
    ----------
    logits : Expr
        (B, T, C): unnormalised log-probabilities of classes and blank at each step.
    labels : array_like
        (B, L) integers 0 <= label < C, none of them `blank`; that they are classes is checked, at
        each call if they are an input. What is beyond the length of a row may be any integer.
    logit_lengths : array_like, optional
        (B,) integers 0 <= length <= T: how many steps each row has; T if None.
    label_lengths : array_like, optional
        (B,) integers 0 <= length <= L: how many labels each row has; L if None.
    blank : int
        The class that stands for none.

    Returns
    -------
    Expr
        (B,). Where no alignment exists, since there are fewer steps than labels and
        repetitions, it is inf with gradient 0: such a row has no part in training, and
        ``mean(loss, mask=sg.isfinite(loss))`` leaves it out of the mean.

    Raises
    ------
    ShapeError, DTypeError, DeclarationError

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> z = sg.input("z", ("B", "T", 3))
    >>> y = sg.input("y", ("B", "L"), dtype="int64")
    >>> f = sg.function([z, y], sg.losses.ctc(z, y))
    >>> p = np.exp(-f(np.zeros((1, 2, 3)), [[1]]))  # of 9 sequences, three say 1: 11, 01, 10
    >>> p.round(4)
    array([0.3333])
    """
    z = floating("ctc", "logits", logits)
    if z.ndim != 3:
        raise sg.ShapeError(f"ctc: expected logits of shape (B, T, C); got {text(z.shape)}")
    batch, steps, classes = z.shape
    known = isinstance(classes, int)
    blank = whole("ctc", "blank", blank, 0, classes if known else math.inf)
    given, labels = labels, expression("ctc", "labels", labels)
    if labels.ndim != 2:
        raise sg.ShapeError(f"ctc: expected labels of shape (B, L); got {text(labels.shape)}")
    count = labels.shape[1]
    labels = integers("ctc", "labels", labels, (batch, count)).astype("int64")
    if label_lengths is None:
        _require_labels(given, classes, blank)
    else:
        if not isinstance(label_lengths, sg.Expr) and isinstance(count, int):
            counted = np.arange(count) < np.reshape(label_lengths, (-1, 1))
            _require_labels(given, classes, blank, counted)
        label_lengths = _lengths("label_lengths", label_lengths, batch, count)
        labels = sg.where(sg.arange(count) < label_lengths[:, None], labels, blank)

    lengths = None
    if logit_lengths is not None:  # beyond its length a row has no part, whatever it holds
        lengths = _lengths("logit_lengths", logit_lengths, batch, steps)
        inside = sg.arange(steps) < lengths[:, None]
        z = sg.where(inside[..., None], z, 0)

    # blank, label, blank, label, ..., blank: a step stays, goes to the next, or, between labels
    # that differ, past the blank
    none = sg.full((batch, 1), blank, dtype="int64")
    pairs = sg.stack([sg.broadcast_to(none, labels.shape), labels], axis=2)
    states = sg.concatenate([pairs.reshape((batch, 2 * count)), none], axis=1)
    states = sg.name(states, "states")
    before = sg.concatenate([none, none, states], axis=1)[:, :-2]
    skip = sg.where(sg.equal(states, before), -np.inf, sg.zeros((), dtype=z.dtype))
    skip = sg.name(skip, "skip")

    log_p = sg.swapaxes(sg.log_softmax(z), 0, 1)
    emitted = sg.name(log_p[:, sg.arange(batch)[:, None], states], "emitted")
    position = sg.arange(2 * count + 1)
    nowhere = sg.full((batch, 2), -np.inf, dtype=z.dtype)
    start = sg.where(sg.equal(position, 0), sg.zeros((batch, 1), dtype=z.dtype), -np.inf)

    def advance(alpha: sg.Expr, emission: sg.Expr) -> tuple[sg.Expr, sg.Expr | None]:
        padded = sg.concatenate([nowhere, alpha], axis=1)
        ways = sg.name(sg.stack([alpha, padded[:, 1:-1], padded[:, :-2] + skip]), "ways")
        alpha = sg.logsumexp(ways, axis=0) + emission
        return alpha, None if lengths is None else alpha

    alpha, alphas = sg.scan(advance, start, emitted)
    if lengths is not None:
        alpha = sg.concatenate([start[None], alphas])[lengths, sg.arange(batch)]
    if label_lengths is None:
        return -sg.logsumexp(alpha[:, -2:], axis=1)
    # an index, so that a call checks that 0 <= length <= L
    last = 2 * sg.arange(count + 1)[label_lengths][:, None]
    ends = sg.equal(position, last) | sg.equal(position, last - 1)
    return -sg.logsumexp(sg.where(ends, alpha, -np.inf), axis=1)


def _require_labels(given: Any, classes: Any, blank: int, counted: Any = True) -> None:
    """Refuse labels given as an array of which one that counts is no class, or is the blank."""
    require_classes("ctc", "label", given, classes, counted)
    if isinstance(given, sg.Expr):
        return
    found = np.argwhere(np.equal(given, blank) & counted)
    if len(found):
        raise sg.DeclarationError(
            f"ctc: expected labels other than blank={blank}; got it at {tuple(found[0].tolist())}"
        )


def _lengths(name: str, value: Any, batch: Any, most: Any) -> sg.Expr:
    if isinstance(most, int):
        require_classes("ctc", f"each of {name}", value, most + 1)
    return integers("ctc", name, value, (batch,))
