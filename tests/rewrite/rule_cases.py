"""Left sides for each rule of each table: what the generated tests run over."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from symgrad.ir.node import Expr
from symgrad.ir.op import FUNCTIONS
from symgrad.model.formula import elementwise
from symgrad.rewrite import RULES, Rule
from symgrad.rewrite.pattern import Capture, Node, Number, Pattern

#: a left side of a rule that sees through functions of the user's, which it cannot name
THROUGH = {
    "through_formulas": (lambda x: FUNCTIONS["log"](elementwise("a_logistic", "1/(1+exp(-x))")(x)),)
}
ALL = [rule for rules in RULES.values() for rule in rules]


def captures(pattern: Pattern) -> list[str]:
    """Names of the expressions that a pattern captures, in order."""
    if isinstance(pattern, Capture):
        return [pattern.name]
    found = [] if isinstance(pattern, Number) else [captures(arg) for arg in pattern.args]
    return list(dict.fromkeys(name for names in found for name in names))


def instance(pattern: Any, env: dict[str, Expr]) -> Any:
    """A pattern as an expression, with leaves in the place of its captures."""
    if isinstance(pattern, Capture):
        return env[pattern.name]
    if isinstance(pattern, Node):
        args = [instance(arg, env) for arg in pattern.args]
        return FUNCTIONS[pattern.op](*args, **pattern.attrs)
    return pattern.value


def left_sides(rule: Rule) -> list[tuple[tuple[str, ...], Callable[..., Expr]]]:
    """Leaves and left sides: the rule's examples, or its pattern on leaves."""
    examples = rule.examples or THROUGH.get(rule.name, ())
    if examples:
        return [(tuple(inspect.signature(e).parameters), e) for e in examples]
    names = tuple(captures(rule.pattern))
    return [(names, lambda *args: instance(rule.pattern, dict(zip(names, args, strict=True))))]


CASES = [
    pytest.param(rule, names, build, id=f"{rule.table}-{rule.name}-{i}")
    for rule in ALL
    for i, (names, build) in enumerate(left_sides(rule))
]
