"""Elementwise ops of an order that is known at declaration: psi_n(x), j_n(x), E_n(x)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.code import Code
from symgrad.ir.node import LITERAL, Expr, as_exprs, make
from symgrad.ir.op import Example, register_instance
from symgrad.ops.broadcasting import align
from symgrad.ops.elementwise import DTypeRule, Elementwise, fill, floating

__all__ = ["Ordered", "order_of", "ordered"]


class Ordered(Elementwise):
    """An elementwise op with an attribute `n`; ``{n}`` in its templates stands for it."""

    slopes: Callable[..., Sequence[Expr | None]]

    def __call__(self, n: int, *args: Any) -> Expr:
        return make(self, tuple(as_exprs(args)), {"n": n})

    @property
    def has_derivative(self) -> bool:
        return True

    def partials(self, node: Expr) -> Sequence[Expr | None]:
        return self.slopes(node.attrs["n"], node, *node.args)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, tuple(align(args, batched, node.ndim)), node.attrs)

    def numpy(self, node: Expr, *args: Code) -> Code:
        return fill(self.template.replace("{n}", str(node.attrs["n"])), args)

    def latex(self, node: Expr, *args: str) -> str:
        assert self.latex_template is not None
        return self.latex_template.format(*args, n=node.attrs["n"])

    def of_order(self, n: int) -> Elementwise:
        """The op of one order, as an elementwise op with a formula: for proofs."""
        assert self.formula is not None
        return Elementwise(
            name=f"{self.name} of order {n}",
            arity=self.arity,
            formula=self.formula.replace("{n}", str(n)),
            partials=lambda out, *args: self.slopes(n, self(n, *args), *args),
            numpy=self.template.replace("{n}", str(n)),
            latex=self.latex_template,
            dtype=self.dtype_rule,
            kernels=self.kernels,
            examples=self.examples,
            cost=self.cost,
            weak=None,
            parameters=self.parameters,
            lower=None,
            imports=self.imports(),
        )


def ordered(
    name: str,
    parameters: str,
    *,
    partials: Callable[..., Sequence[Expr | None]],
    numpy: str,
    latex: str,
    formula: str | None = None,
    dtype: DTypeRule = floating,
    kernels: tuple[Callable[..., Any], ...] = (),
    imports: tuple[str, ...] = (),
    examples: tuple[Example, ...] = (),
    cost: int = 100,
    doc: str = "",
    kind: type[Ordered] = Ordered,
) -> Ordered:
    """Declare an op of an order; ``partials(n, out, *args)`` gives its derivatives.

    The other arguments are those of :func:`~symgrad.ops.elementwise.elementwise`.
    """
    names = tuple(parameters.split())
    op = kind(
        name=name,
        arity=len(names),
        formula=formula,
        partials=None,
        numpy=numpy,
        latex=latex,
        dtype=dtype,
        kernels=kernels,
        examples=examples,
        cost=cost,
        weak=None,
        parameters=names,
        lower=None,
        imports=imports,
    )
    op.slopes = partials
    op.__doc__ = doc
    return register_instance(op)


def order_of(n: Any, function: str, least: int = 0) -> int:
    """An order as an int: a number, or a literal; it is a part of the function, not an argument."""
    if isinstance(n, Expr) and n.op is LITERAL and not n.shape:
        n = n.attrs["value"].array[()]
    if isinstance(n, (float, np.floating)) and n == int(n):
        n = int(n)
    if isinstance(n, np.ndarray) and n.ndim == 0 and n == int(n):
        n = int(n)
    try:
        found = operator.index(n)
    except TypeError:
        what = repr(n) if not isinstance(n, Expr) else "an expression"
        raise DeclarationError(
            f"{function}: expected the order as an integer known at declaration; got {what}"
        ) from None
    if found < least:
        raise DeclarationError(f"{function}: expected an order >= {least}; got {found}")
    return found
