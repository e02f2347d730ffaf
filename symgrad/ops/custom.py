"""Functions whose derivative is the user's: the rule stands in the node, as a region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.errors import DTypeError
from symgrad.ir.aval import Aval, Avals
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS, Example, Op, function, register
from symgrad.ir.region import Region
from symgrad.ops.item import items
from symgrad.ops.loop import Structured, rules

__all__ = ["CUSTOM", "IMPLICIT", "custom", "inlined", "straight_through"]


@register
class Custom(Structured):
    """A function with a rule of the user's for reverse or forward mode.

    Parameters
    ----------
    body : Region
        Of the arguments.
    rule : Region
        Of the arguments and the cotangents of the results, giving those of the arguments; or, if
        `forward`, of the arguments and their tangents, giving the tangents of the results.
    forward : bool
    title : str
        The user's function, for messages.
    """

    name = "custom"
    expensive = False

    def aval(self, *args: Aval, body: Region, rule: Region, forward: bool, title: str) -> Aval:
        return Avals.of(*[out.aval for out in body.outputs])

    def vjp(self, node: Expr, ct: Any, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return rules["custom", "vjp"](node, ct, needs)  # type: ignore[no-any-return]


@register
class Implicit(Op):
    """A root z of F(z, a, b, ...), however it was found: the first argument.

    Its derivative is that of the implicit function theorem: ``dz = -F_z^-1 (F_a da + F_b db)``.

    Parameters
    ----------
    residual : Region
        F, of z and the other arguments, with the shape of z.
    """

    name = "implicit"

    def aval(self, z: Aval, *args: Aval, residual: Region) -> Aval:
        return z

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return rules["implicit", "vjp"](node, ct, needs)  # type: ignore[no-any-return]

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return rules["implicit", "jvp"](node, tangents)  # type: ignore[no-any-return]

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return rules["implicit", "batch"](node, args, batched)  # type: ignore[no-any-return]

    def is_view(self, node: Expr) -> bool:
        return True

    def numpy(self, node: Expr, *args: Code) -> Code:
        return args[0]

    def flops(self, node: Expr) -> int:
        return 0


@register
class StraightThrough(Op):
    """The value of the first argument, with the derivative of the second."""

    name = "straight_through"
    elementwise = True
    examples = (
        Example(
            lambda x: straight_through(x * 2.0, x * 2.0 + 1.0),
            lambda x: x * 2.0,
            ((3, 4),),
            smooth=False,
        ),
    )

    def aval(self, hard: Aval, soft: Aval) -> Aval:
        if hard.shape != soft.shape:
            from symgrad.errors import ShapeError

            raise ShapeError("the value and what stands for its slope have one shape")
        if soft.dtype.kind not in "fc":
            raise DTypeError("what stands for the slope is floating")
        return soft

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (None, ct)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return tangents[1]

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        from symgrad.ir.op import FUNCTIONS

        made = [
            arg if flag else FUNCTIONS["broadcast_to"](arg, args[batched.index(True)].shape)
            for arg, flag in zip(args, batched, strict=True)
        ]
        return make(self, tuple(made), {})

    def lower(self, node: Expr) -> Expr:
        hard, soft = node.args
        return hard if hard.dtype == soft.dtype else hard.astype(soft.dtype)

    def flops(self, node: Expr) -> int:
        return 0


CUSTOM, IMPLICIT = OPS["custom"], OPS["implicit"]


@function
def straight_through(hard: Any, soft: Any) -> Expr:
    """The value of `hard`, with the derivative of `soft`.

    Parameters
    ----------
    hard, soft : Expr, array or number of one shape
        A step function of something, and a smooth one that stands for it where it is
        differentiated.

    References
    ----------
    Y. Bengio, N. Leonard, A. Courville, *Estimating or Propagating Gradients Through Stochastic
    Neurons for Conditional Computation* (2013)

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ())
    >>> y = sg.straight_through(np.round(x), x)
    >>> [float(v) for v in sg.function([x], [y, sg.grad(y * y, x)])(1.7)]
    [2.0, 4.0]
    """
    from symgrad.ir.node import as_exprs

    one, other = as_exprs([hard, soft])
    return make(OPS["straight_through"], (one, other), {})


def inlined(node: Expr) -> list[Expr]:
    """What a function with a rule of its own computes."""
    body: Region = node.attrs["body"]
    return body.on(node.args)


def custom(
    args: Sequence[Expr], body: Region, rule: Region, forward: bool, title: str
) -> tuple[Expr, ...]:
    """The results of a function with a rule of the user's."""
    attrs = {"body": body, "rule": rule, "forward": forward, "title": title}
    return items(make(CUSTOM, tuple(args), attrs))
