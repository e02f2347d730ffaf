"""Numbers instead of arrays: the same program in Python's own arithmetic, where it has it all."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.ir.graph import Graph, topological
from symgrad.ir.node import LITERAL, Expr
from symgrad.model import tree as trees
from symgrad.model.batched import spread
from symgrad.model.function import Function
from symgrad.model.jets import Jet
from symgrad.model.passes import Job, run
from symgrad.model.runtime import load

__all__ = ["scalar_program"]

#: op -> its value of numbers; what raises for an argument is left to NumPy
_TEMPLATES = {
    "absolute": "abs({0})",
    "add": "{0} + {1}",
    "arccos": "acos({0})",
    "arccosh": "acosh({0})",
    "arcsin": "asin({0})",
    "arcsinh": "asinh({0})",
    "arctan": "atan({0})",
    "arctan2": "atan2({0}, {1})",
    "arctanh": "atanh({0})",
    "astype": "{0} + 0.0",
    "broadcast_to": "{0}",
    "cbrt": "cbrt({0})",
    "ceil": "float(ceil({0}))",
    "cos": "cos({0})",
    "cosh": "cosh({0})",
    "divide": "{0} / {1}",
    "equal": "{0} == {1}",
    "erf": "erf({0})",
    "erfc": "erfc({0})",
    "exp": "exp({0})",
    "exp2": "exp2({0})",
    "expm1": "expm1({0})",
    "floor": "float(floor({0}))",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "hypot": "hypot({0}, {1})",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "log": "log({0})",
    "log10": "log10({0})",
    "log1p": "log1p({0})",
    "log2": "log2({0})",
    "logical_and": "{0} and {1}",
    "logical_not": "not {0}",
    "logical_or": "{0} or {1}",
    "maximum": "({0} if {0} >= {1} or {0} != {0} else {1})",
    "minimum": "({0} if {0} <= {1} or {0} != {0} else {1})",
    "multiply": "{0} * {1}",
    "negative": "-{0}",
    "not_equal": "{0} != {1}",
    "positive": "{0}",
    "power": "pow({0}, {1})",
    "reciprocal": "1.0 / {0}",
    "relu": "(0.0 if {0} < 0 else {0})",
    "remainder": "{0} % {1}",
    "reshape": "{0}",
    "sigmoid": "sigmoid({0})",
    "sign": "(({0} > 0) - ({0} < 0) if {0} == {0} else {0}) + 0.0",
    "sin": "sin({0})",
    "sinh": "sinh({0})",
    "softplus": "softplus({0})",
    "sqrt": "sqrt({0})",
    "square": "{0} * {0}",
    "stop_gradient": "{0}",
    "subtract": "{0} - {1}",
    "tan": "tan({0})",
    "tanh": "tanh({0})",
    "where": "({1} if {0} else {2})",
}


def _sigmoid(x: float) -> float:
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    e = math.exp(x)
    return e / (1 + e)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def scalar_program(
    jet: Jet, style: str, name: str, result: Callable[[list[Any]], Any]
) -> Callable[..., Any]:
    """A function of Python numbers, of what `result` makes of the outputs.

    Where Python raises (1/0, log(0), an overflow), the program of NumPy is asked, which goes on
    with inf and NaN.
    """
    inputs, outputs = spread(jet, ())
    tree = trees.flatten(outputs)[1]
    array_program: list[Function] = []

    def by_numpy(*args: Any) -> Any:
        if not array_program:
            array_program.append(Function(inputs, outputs, tree, style, name, None))
        return result(array_program[0](*args))

    components = [c for part in jet.parts for c in part.components]
    if any(c.shape for c in components):
        return by_numpy
    labels = {str(i): component for i, component in enumerate(components)}
    lowered = run(Job(Graph(labels))).graph
    text = _text(list(inputs), list(lowered.outputs.values()))
    if text is None:
        return by_numpy
    namespace = load(text, name)
    namespace.update({k: getattr(math, k) for k in dir(math) if not k.startswith("_")})
    namespace.update(sigmoid=_sigmoid, softplus=_softplus)
    compute = namespace["program"]
    ends = list(np.cumsum([len(part.components) for part in jet.parts]))
    places = list(zip([0, *ends[:-1]], ends, [part.shape for part in jet.parts], strict=True))
    plain = len(jet.parts) == 1 and not jet.parts[0].shape
    make, number = np.array, np.float64

    def program(*args: Any) -> Any:
        try:
            found = compute(*args)
        except (ArithmeticError, ValueError):
            return by_numpy(*args)
        if plain:
            return result([number(found[0])])
        return result(
            [
                make(found[a:b]).reshape(shape) if shape else number(found[a])
                for a, b, shape in places
            ]
        )

    return program


def _text(inputs: Sequence[Expr], outputs: Sequence[Expr]) -> str | None:
    """The source of the function of numbers; None where an op is not Python's."""
    names: dict[Expr, str] = {x: f"x{i}" for i, x in enumerate(inputs)}
    lines = [f"    {names[x]} = float({names[x]})" for x in inputs]
    for node in topological(outputs):
        if node in names:
            continue
        if node.op is LITERAL and not node.shape:
            value = node.attrs["value"].array[()].item()
            names[node] = _literal(value)
            continue
        template = _TEMPLATES.get(node.op.name)
        if template is None or node.shape:
            return None
        names[node] = f"t{len(names)}"
        code = template.format(*[names[arg] for arg in node.args])
        lines.append(f"    {names[node]} = {code}")
    results = ", ".join(names[out] for out in outputs)
    signature = ", ".join(names[x] for x in inputs)
    return f"def program({signature}):\n" + "\n".join([*lines, f"    return [{results}]", ""])


def _literal(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    return f"({value!r})" if isinstance(value, bool) or value < 0 else repr(value)
