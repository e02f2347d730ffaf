"""Checks: what could not be proved of symbolic sizes at declaration, and is found out at a call."""

from __future__ import annotations

import threading
from typing import NamedTuple

from symgrad.errors import ShapeError
from symgrad.ir.size import Size

__all__ = ["Check", "pending", "require", "require_equal"]


class Check(NamedTuple):
    """What could not be proved of symbolic sizes at declaration: checked at each call.

    ``relation`` is ``"=="`` or ``"<="``: `left` and `right` as the entry must find them.
    """

    left: Size
    relation: str
    right: Size
    reason: str


class _Pending(threading.local):
    checks: list[Check] | None = None
    reason: str | None = None


#: those of the node whose shape rule is running, and the reason that they get if not their own
pending = _Pending()


def require_equal(left: Size, right: Size, reason: str) -> None:
    """Two sizes must be the same: an error if they cannot be, a check at entry if they may be.

    For the shape rules of ops: the check belongs to the node that is being made.

    Raises
    ------
    ShapeError
        With `reason`, if both are static and differ.
    """
    if left is right or left == right:
        return
    if isinstance(left, int) and isinstance(right, int):
        raise ShapeError(f"{reason}: {left} and {right} differ")
    require(Check(left, "==", right, reason))


def require(check: Check) -> None:
    """Add a check to the node whose shape rule is running."""
    if pending.checks is not None:
        if pending.reason is not None:
            check = check._replace(reason=pending.reason)
        pending.checks.append(check)
