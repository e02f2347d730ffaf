"""Literal numbers in expressions: read, merged, and made to fit."""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from symgrad.ir.node import LITERAL, Expr
from symgrad.rewrite.pattern import astype, broadcast_to, multiply, negative, subtract

__all__ = ["conform", "difference", "direction", "number", "scaled"]


def number(node: Expr) -> float | None:
    """The value of a scalar literal that is a real number, None for all else."""
    if node.op is LITERAL and not node.shape and node.dtype.kind not in "bc":
        return float(node.attrs["value"].array)
    return None


def direction(x: Expr) -> tuple[Expr, float]:
    """`x` without its sign and literal factors, and their product."""
    factor = 1.0
    while x.op.name in ("negative", "multiply", "divide"):
        left, right = x.args[0], x.args[-1]
        value = -1.0 if x.op.name == "negative" else number(right)
        if value and left.aval == x.aval:
            x, factor = left, factor / value if x.op.name == "divide" else factor * value
            continue
        value = number(left)
        if value and x.op.name == "multiply" and right.aval == x.aval:
            x, factor = right, factor * value
            continue
        break
    return x, factor


def scaled(x: Expr, factor: float) -> Expr:
    """``factor * x``, merged with a sign or literal factor that `x` has.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> scaled(-x / 2, -2.0) is x
    True
    """
    x, own = direction(x)
    factor *= own
    if factor == 1:
        return x
    return negative(x) if factor == -1 else multiply(x, factor)


def difference(a: Expr | None, b: Expr | None, factor: float = 1.0) -> Expr:
    """``factor * (a - b)``, where None is zero; ``x - (-x)`` is ``2 * x``."""
    if a is None or b is None:
        one = a if b is None else b
        assert one is not None
        return scaled(one, factor if b is None else -factor)
    (u, p), (v, q) = direction(a), direction(b)
    if u is v and p != q:
        return scaled(u, factor * (p - q))
    return scaled(subtract(a, b), factor)


def conform(x: Expr, node: Expr) -> Expr:
    """`x` with the dtype of `node`, broadcast to its shape."""
    if x.dtype != node.dtype:
        x = astype(x, node.dtype)
    return x if x.shape == node.shape else broadcast_to(x, node.shape)
