"""Reasons for what is asked of symbolic sizes, in the words of the layer that asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from symgrad.ir.checks import pending

__all__ = ["because"]


@contextmanager
def because(reason: str) -> Iterator[None]:
    """Checks of symbolic sizes that are declared inside fail at a call with this reason.

    Without it the message is of the operation that needs the sizes: of shapes that do not
    broadcast, say, where it is a sequence that is too long.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x, table = sg.input("x", ("T",)), np.arange(3.0)
    >>> with because("at most 3 positions are known"):
    ...     y = x + sg.const(table)[: x.shape[0]]
    >>> sg.function([x], y)(np.ones(4))
    Traceback (most recent call last):
        ...
    symgrad.errors.ShapeError: at most 3 positions are known: T == min(T, 3) must hold; got T = 4
    """
    outer, pending.reason = pending.reason, reason
    try:
        yield
    finally:
        pending.reason = outer
