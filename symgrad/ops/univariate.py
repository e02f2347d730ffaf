"""Formulas of one variable that cancel somewhere, and are given by polynomials there.

``(1 - cos x) / x^2`` is exact far from 0; near 0 nothing of it is left. The rewriter finds such
parts of a graph, whatever they are made of, and makes each one a node of the op `univariate`: the
formula as it was written, with a polynomial where it is not to be trusted. The derivative of one is
another, with polynomials of its own, so that it is as accurate at any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar, cast

import numpy as np

from symgrad.ir.aval import Aval
from symgrad.ir.graph import substitute, topological
from symgrad.ir.node import LITERAL, Expr, identity, literal, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, register
from symgrad.ops.leaf import INPUT
from symgrad.ops.masking import times
from symgrad.ops.repair import Piece, pieces, profile

__all__ = ["UNIVARIATE", "Formula", "rewritten"]

#: steps of a formula that is still looked at: a higher derivative of a long one takes minutes
LARGEST = 160

T = TypeVar("T")

#: (op, positions of its arguments, attributes); the variable is at 0, a number is a step too
Step = tuple[str, tuple[int, ...], tuple[tuple[str, Any], ...]]

_CHOOSING = frozenset({"where", "relu", "maximum", "minimum", "absolute", "exp_below"})

#: what makes a formula stable far from where it cancels, and if wanted mends its parts: set by the
#: rewriter, a layer above
rewritten: list[Callable[[Formula, Expr, bool], Expr]] = []


def _once(method: Callable[[Formula], T]) -> T:
    """A property that equal formulas share: the same parts come again in many of them."""
    return cast(T, property(lru_cache(maxsize=4096)(method)))


class Formula:
    """A formula of one variable, canonical: two that are equal compare so.

    Parameters
    ----------
    root : Expr
    variable : Expr
        The one thing below `root` that is no literal; everything between is elementwise.
    plain : bool
        Whether parts that are nodes of this op are written out.
    """

    __slots__ = ("_hash", "steps")

    def __init__(self, root: Expr, variable: Expr, plain: bool = True) -> None:
        index: dict[Expr, int] = {variable: 0}
        steps: list[Step] = []
        if plain:
            root = _plain(root, variable)
        for node in topological([root], stop=lambda n: n is variable):
            if node is variable:
                continue
            if node.op is LITERAL:
                value = float(node.attrs["value"].array)
                zero = () if value else (("sign", math.copysign(1.0, value)),)  # 0.0 == -0.0
                step: Step = ("literal", (), (("value", value), *zero))
            else:
                args = tuple([index[arg] for arg in node.args])
                step = (node.op.name, args, tuple(node.attrs.items()))
            index[node] = len(index)
            steps.append(step)
        self.steps = tuple(steps)
        self._hash = hash(self.steps)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Formula) and self.steps == other.steps)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> Any:
        return _restored, (self.steps,)

    def nodes(self, x: Expr) -> list[Expr]:
        """The variable and each step, on an expression."""
        found = [x]
        for op, args, attrs in self.steps:
            if op == "literal":
                found.append(literal(attrs[0][1], x.dtype))
            else:
                found.append(make(OPS[op], tuple([found[i] for i in args]), dict(attrs)))
        return found

    def build(self, x: Expr) -> Expr:
        """The formula as it was written, on an expression."""
        return self.nodes(x)[-1]

    def mapped(self, function: Callable[[float], float]) -> Formula:
        """The formula with other numbers in it."""
        steps = [
            (op, args, (("value", function(attrs[0][1])), *attrs[1:]) if op == "literal" else attrs)
            for op, args, attrs in self.steps
        ]
        return _restored(tuple(steps))

    @_once
    def pieces(self) -> tuple[Piece, ...]:
        """Where a polynomial stands in for the formula."""
        if len(self.steps) > LARGEST or not profile(self.stable).bad:
            return ()
        return pieces(self)

    @_once
    def derivative(self) -> Formula:
        """The formula of the derivative."""
        x = identity(INPUT, {"name": "x", "shape": (), "dtype": np.dtype(np.float64)})
        slope = _slope(self.nodes(x), x)
        return Formula(slope, x)

    @_once
    def stable(self) -> Formula:
        """The formula as it is computed: its parts mended, its magnitudes kept in range."""
        return self._rewritten(True)

    @_once
    def in_range(self) -> Formula:
        """The formula with magnitudes kept in range, and nothing mended."""
        return self._rewritten(False)

    def _rewritten(self, mend: bool) -> Formula:
        if len(self.steps) > LARGEST:
            return self
        x = identity(INPUT, {"name": "x", "shape": (), "dtype": np.dtype(np.float64)})
        root = self.build(x)
        for rewrite in rewritten:
            root = rewrite(self, x, mend)
        return Formula(root, x, plain=False)

    @_once
    def needed(self) -> bool:
        """Whether there is more to the formula than its steps.

        It has polynomials, or its derivative has; or its stable form has kinks, so that no formula
        that it is a part of could be looked at any more.
        """
        if not self.is_unstable:
            return False
        slope = self.derivative
        return (
            bool(self.pieces)
            or (self.stable.has_kinks and not self.has_kinks)
            or slope.in_range.has_kinks
            or bool(profile(slope.in_range).bad and slope.pieces)
        )

    @_once
    def has_another_slope(self) -> bool:
        """Whether the derivative of the chain rule cancels, and another form of it does not."""
        slope = self.derivative
        return profile(slope).cancels and not profile(slope.in_range).bad

    @property
    def is_unstable(self) -> bool:
        """Whether it or its derivative, evaluated as written, is not to be trusted somewhere."""
        return profile(self).unstable or profile(self.derivative).unstable

    @property
    def has_kinks(self) -> bool:
        """Whether it chooses among values."""
        return not _CHOOSING.isdisjoint([op for op, _, _ in self.steps])

    def __repr__(self) -> str:
        from symgrad.ir.printer import short

        return f"<formula {short(self.build(_X))}>"


def _restored(steps: tuple[Step, ...]) -> Formula:
    made = object.__new__(Formula)
    made.steps = steps
    made._hash = hash(steps)
    return made


def _plain(root: Expr, variable: Expr) -> Expr:
    """The formula without polynomials that parts of it were given."""

    def visit(node: Expr, args: tuple[Expr, ...]) -> Expr:
        if node.op is UNIVARIATE:
            made: Expr = node.attrs["formula"].build(args[0])
            return made
        return make(node.op, args, node.attrs)

    return substitute([root], {variable: variable}, visit)[0]


def _slope(nodes: Sequence[Expr], x: Expr) -> Expr:
    """The derivative of the last of `nodes` with respect to the first, by the chain rule."""
    slopes: dict[Expr, Expr | None] = {x: literal(1.0, x.dtype)}
    for node in nodes[1:]:
        tangents = tuple([slopes.get(arg) for arg in node.args])
        moved = node.args and any(t is not None for t in tangents) and node.dtype.kind == "f"
        slopes[node] = node.op.jvp(node, tangents) if moved else None
    slope = slopes[nodes[-1]]
    return literal(0.0, x.dtype) if slope is None else slope


_X = identity(INPUT, {"name": "x", "shape": (), "dtype": np.dtype(np.float64)})


def _example(
    build: Callable[[Any], Any], reference: Callable[[Any], Any], **kwargs: Any
) -> Example:
    formula = Formula(build(_X), _X)
    return Example(
        lambda x: make(UNIVARIATE, (x,), {"formula": formula}), reference, ((3, 4),), **kwargs
    )


@register
class Univariate(Op):
    """A formula of one variable, with a polynomial wherever it would cancel."""

    name = "univariate"
    elementwise = True

    def aval(self, x: Aval, *, formula: Formula) -> Aval:
        return x

    def partials(self, node: Expr) -> tuple[Expr]:
        """d node / d x at each index."""
        formula: Formula = node.attrs["formula"].derivative
        return (of(formula, node.args[0]),)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (times(ct, self.partials(node)[0]),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        assert tangents[0] is not None
        return times(tangents[0], self.partials(node)[0])

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)

    def lower(self, node: Expr) -> Expr:
        (x,), formula = node.args, node.attrs["formula"]
        value: Expr = formula.stable.build(x)
        for piece in formula.pieces:
            value = piece.on(x, value)
        return value

    def latex(self, node: Expr, *args: str) -> str:
        nodes = node.attrs["formula"].nodes(node.args[0])
        texts: dict[Expr, str] = {node.args[0]: args[0]}
        for part in nodes[1:]:
            if part.op is LITERAL:
                texts[part] = f"{float(part.attrs['value'].array):g}"
            else:
                texts[part] = part.op.latex(part, *[rf"{{{texts[a]}}}" for a in part.args])
        return texts[nodes[-1]]

    def flops(self, node: Expr) -> int:
        return sum(part.op.flops(part) for part in node.attrs["formula"].nodes(node.args[0])[1:])


UNIVARIATE = OPS["univariate"]


def of(formula: Formula, x: Expr) -> Expr:
    """The formula on an expression: as a node of its own, if there is more to it than its steps."""
    if formula.needed or formula.has_another_slope:
        return make(UNIVARIATE, (x,), {"formula": formula})
    return formula.stable.build(x)


def _examples() -> Mapping[str, Any]:
    f = FUNCTIONS
    return {
        "sin(x) / x": (lambda x: f["sin"](x) / x, lambda x: np.sinc(x / np.pi)),
    }


Univariate.examples = tuple(_example(*pair) for pair in _examples().values())
