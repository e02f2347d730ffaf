"""Derivatives that the user gives: by a rule, or by an equation that holds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.dtypes import is_float
from symgrad.ir.node import LITERAL, Expr, as_expr, make
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.region import Region, bound, close
from symgrad.model import tree as trees
from symgrad.model.grad import grad
from symgrad.ops.custom import IMPLICIT, custom

__all__ = ["custom_jvp", "custom_vjp", "implicit"]


class _Custom:
    """A function of expressions, with a rule for its derivative."""

    kind: str
    forward: bool

    def __init__(self, fn: Callable[..., Any]) -> None:
        if not callable(fn):
            raise DeclarationError(f"{self.kind} decorates a function; got {fn!r}")
        self.fn = fn
        functools.update_wrapper(self, fn)

    def _title(self) -> str:
        return getattr(self.fn, "__name__", "the function")

    def _region(self, parameters: Sequence[Expr], outputs: Sequence[Expr], what: str) -> Region:
        region, captured = close(parameters, outputs)
        outside = [node for node in captured if not node.closed]
        if outside:
            node = outside[0]
            where = f", declared at {node.location}" if node.location else ""
            raise DeclarationError(
                f"{self.kind}: {what} of {self._title()} uses {node.name or node.op.name!r} "
                f"({node.aval}{where}) from outside, where no derivative would reach it; pass it "
                "as an argument"
            )
        if captured:  # constants, made inside again
            values = dict(zip(region.parameters[len(parameters) :], captured, strict=True))
            own = region.parameters[: len(parameters)]
            return Region(own, region.on([*own, *values.values()]))
        return region

    def __call__(self, *args: Any) -> Any:
        leaves, tree = trees.flatten(args)
        given = [as_expr(leaf) for leaf in leaves]
        own = [bound(e.name or f"x{i}", e.shape, e.dtype) for i, e in enumerate(given)]
        result = self.fn(*trees.unflatten(tree, own))
        outputs, out_tree = trees.flatten(result)
        values = [as_expr(out) for out in outputs]
        body = self._region(own, values, "the value")
        rule = self._rule(tree, own, out_tree, values)
        made = custom(given, body, rule, self.forward, self._title())
        return trees.unflatten(out_tree, made)

    def _rule(self, tree: Any, own: list[Expr], out_tree: Any, values: list[Expr]) -> Region:
        raise NotImplementedError

    def _fitted(self, found: Sequence[Any], like: Sequence[Expr], what: str) -> list[Expr]:
        if len(found) != len(like):
            raise DeclarationError(
                f"{self.kind}: the rule of {self._title()} must give {len(like)} {what}; "
                f"got {len(found)}"
            )
        made = []
        for one, x in zip(found, like, strict=True):
            e = FUNCTIONS["zeros"](x.shape, dtype=x.dtype) if one is None else as_expr(one)
            if e.shape != x.shape:
                if e.shape:
                    raise ShapeError(
                        f"{self.kind}: the rule of {self._title()} gives {format_shape(e.shape)} "
                        f"where {format_shape(x.shape)} is expected"
                    )
                e = FUNCTIONS["broadcast_to"](e, x.shape)
            made.append(e if e.dtype == x.dtype else e.astype(x.dtype))
        return made


class custom_vjp(_Custom):
    """Decorate a function whose derivative in reverse mode is given by a rule.

    The function is called with expressions and returns a structure of them. ``fn.defvjp(forward,
    backward)`` gives the rule: ``forward(*args) -> (result, residuals)``, and
    ``backward(residuals, cotangent) -> one cotangent for each argument`` (None for zero).

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> @sg.custom_vjp
    ... def clipped(x):
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -1.0, 1.0),))
    >>> x = sg.input("x", ())
    >>> f = sg.function([x], sg.grad(clipped(x) ** 2, x))
    >>> float(f(3.0))
    1.0
    """

    kind = "custom_vjp"
    forward = False

    def __init__(self, fn: Callable[..., Any]) -> None:
        super().__init__(fn)
        self._pair: tuple[Callable[..., Any], Callable[..., Any]] | None = None

    def defvjp(self, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
        """Give the rule.

        Parameters
        ----------
        forward : callable
            ``forward(*args) -> (result, residuals)``, any structure.
        backward : callable
            ``backward(residuals, cotangent) -> tuple``, a cotangent for each argument.
        """
        self._pair = forward, backward

    def _rule(self, tree: Any, own: list[Expr], out_tree: Any, values: list[Expr]) -> Region:
        if self._pair is None:
            raise DeclarationError(
                f"custom_vjp: {self._title()} has no rule; give one with "
                f"{self._title()}.defvjp(forward, backward)"
            )
        forward, backward = self._pair
        made = forward(*trees.unflatten(tree, own))
        if not isinstance(made, tuple) or len(made) != 2:
            raise DeclarationError(
                f"custom_vjp: forward of {self._title()} must return (result, residuals)"
            )
        cts = [bound("ct", v.shape, v.dtype) for v in values]
        found = backward(made[1], trees.unflatten(out_tree, cts))
        found = found if isinstance(found, (tuple, list)) else (found,)
        flat: list[Any] = []
        for one, below in zip(found, tree[2], strict=False):
            flat += trees.flatten(one)[0] if one is not None else [None] * _count(below)
        if len(found) != len(tree[2]):
            raise DeclarationError(
                f"custom_vjp: backward of {self._title()} must give {len(tree[2])} cotangents, one "
                f"for each argument; got {len(found)}"
            )
        return self._region([*own, *cts], self._fitted(flat, own, "cotangents"), "the rule")


def _count(tree: Any) -> int:
    return 1 if tree is None else sum(_count(part) for part in tree[2])


class custom_jvp(_Custom):
    """Decorate a function whose derivative is given by a rule in forward mode; it serves both.

    ``fn.defjvp(rule)`` gives it: ``rule(primals, tangents) -> (result, tangent of the result)``,
    where the tangent is linear in the tangents. In reverse mode the rule is transposed.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> @sg.custom_jvp
    ... def log1pexp(x):
    ...     return np.log(1 + np.exp(x))
    >>> log1pexp.defjvp(lambda p, t: (log1pexp(p[0]), t[0] * sg.sigmoid(p[0])))
    >>> x = sg.input("x", ())
    >>> f = sg.function([x], [sg.grad(log1pexp(x), x), sg.jvp(log1pexp(x), x, 1.0)])
    >>> [float(v) for v in f(0.0)]
    [0.5, 0.5]
    """

    kind = "custom_jvp"
    forward = True

    def __init__(self, fn: Callable[..., Any]) -> None:
        super().__init__(fn)
        self._forward: Callable[..., Any] | None = None
        self._inside = False

    def defjvp(self, rule: Callable[..., Any]) -> None:
        """Give the rule, ``rule(primals, tangents) -> (result, tangent of the result)``."""
        self._forward = rule

    def __call__(self, *args: Any) -> Any:
        # called in its own rule, it is the function itself
        return self.fn(*args) if self._inside else super().__call__(*args)

    def _rule(self, tree: Any, own: list[Expr], out_tree: Any, values: list[Expr]) -> Region:
        if self._forward is None:
            raise DeclarationError(
                f"custom_jvp: {self._title()} has no rule; give one with "
                f"{self._title()}.defjvp(rule)"
            )
        moving = [bound(f"t_{p.attrs['name']}", p.shape, p.dtype) for p in own]
        self._inside = True
        try:
            made = self._forward(trees.unflatten(tree, own), trees.unflatten(tree, moving))
        finally:
            self._inside = False
        if not isinstance(made, tuple) or len(made) != 2:
            raise DeclarationError(
                f"custom_jvp: the rule of {self._title()} must return (result, tangent)"
            )
        found = self._fitted(trees.flatten(made[1])[0], values, "tangents")
        return self._region([*own, *moving], found, "the rule")


_KINDS = ("root", "minimum", "fixed_point")


def implicit(fn: Callable[[Any], Any], solution: Any, kind: str = "root") -> Expr:
    """A solution whose derivative is that of the equation it solves, whatever solver found it.

    The implicit function theorem: where ``F(z, a) = 0``, the root moves by
    ``dz = -F_z^-1 F_a da`` with what `fn` uses from outside. To any order, in both modes.

    Parameters
    ----------
    fn : callable
        Of the solution: F, with as many equations as unknowns; for ``kind="minimum"`` the scalar
        that is minimal; for ``kind="fixed_point"`` the map that gives z back.
    solution : Expr
        The root, as a loop, an input or anything else gives it. Its own derivative is not used.
    kind : {"root", "minimum", "fixed_point"}

    Returns
    -------
    Expr
        The value of `solution`.

    Raises
    ------
    DeclarationError, ShapeError

    Examples
    --------
    >>> import symgrad as sg
    >>> a = sg.input("a", ())
    >>> z = sg.while_loop(lambda z: abs(z**3 - a) > 1e-14, lambda z: z - (z**3 - a) / (3 * z**2), a)
    >>> z = sg.implicit(lambda z: z**3 - a, z)
    >>> f = sg.function([a], sg.grad(z, a))
    >>> round(float(f(8.0)), 12), round(1 / 12, 12)
    (0.083333333333, 0.083333333333)
    """
    if kind not in _KINDS:
        raise DeclarationError(f"implicit: kind is one of {', '.join(_KINDS)}; got {kind!r}")
    if not callable(fn):
        raise DeclarationError(f"implicit expects a function and a solution; got {fn!r}")
    z = as_expr(solution)
    if not is_float(z.dtype):
        raise DTypeError(f"implicit: the solution is floating; got {z.aval}")
    own = bound(z.name or "z", z.shape, z.dtype)
    value = as_expr(fn(own))
    if kind == "minimum":
        value = grad(value, own)
    elif kind == "fixed_point":
        value = value - own
    if value.shape != z.shape:
        raise ShapeError(
            f"implicit: as many equations as unknowns; the solution is {format_shape(z.shape)}, "
            f"what the function gives {format_shape(value.shape)}"
        )
    region, captured = close([own], [value])
    if z.op is LITERAL:
        raise DeclarationError("implicit: the solution is a constant")
    return make(IMPLICIT, (z, *captured), {"residual": region})
