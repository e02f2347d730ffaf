"""Functions that users made of formulas: rules see what they are made of."""

from __future__ import annotations

from typing import Any

from symgrad.ir.graph import rebuild
from symgrad.ir.node import Expr
from symgrad.ir.op import OPS
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import anything


def _on_a_formula(name: str, below: tuple[str, ...]) -> bool:
    return any(arg in OPS and OPS[arg].transparent for arg in below)


@rule("stability", lambda *args: anything(*args), only=_on_a_formula, extends_domain=True)
def through_formulas(args: Any, node: Expr, run: Rewriter) -> Expr | None:
    """g(f(x)) -> what a rule makes of it when the formula of f is written out."""
    written = [
        arg.op.lower(arg) if arg.op.transparent and not run.opaque(arg) else arg for arg in args
    ]
    found = run.first(rebuild(node, tuple(written)))
    return None if found is None else found[0]
