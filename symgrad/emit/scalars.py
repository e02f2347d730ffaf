"""Programs on numbers, in Python's own arithmetic: faster than NumPy's, which is for arrays."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.emit import scalar_kernels
from symgrad.emit.literals import scalar_source
from symgrad.ir.code import ATOM, COMPARE, UNARY, Code
from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.plan.program import Block, Program
from symgrad.plan.scalars import PLAIN

__all__ = ["converted", "number_source", "scalar_code", "scalar_names"]

#: what the name of a function stands for in a template
_CALL = re.compile(r"^([\w.]+)\(")
_INFIX = re.compile(r"^\{0\} (\S+) \{1\}$")


def scalar_names(program: Program) -> set[str]:
    """Names that the functions of numbers take in the source of a program, if it has any."""
    blocks = [s for s in program.statements if isinstance(s, Block)]
    inner = [p for block in blocks for p in block.programs.values()]
    if not (program.scalar or inner):
        return set()
    own = {name for name in vars(scalar_kernels) if not name.startswith("_")}
    return own if program.scalar else set().union(*map(scalar_names, inner))


def number_source(node: Expr) -> Code:
    """A literal or size as a Python number of its own kind."""
    if node.op is SIZE:
        text = str(node.attrs["size"])
        code = Code(text if text.isidentifier() else f"({text})")
        return code if node.dtype.kind == "i" else Code(f"float({text})")
    value = node.attrs["value"].array[()]
    if node.dtype.kind == "f" and not np.isfinite(value):
        text = "math.nan" if np.isnan(value) else "math.inf" if value > 0 else "-math.inf"
        return Code(text, UNARY if text.startswith("-") else ATOM)
    return scalar_source(value, value.dtype, plain=False)


def converted(text: str, dtype: np.dtype[Any]) -> str:
    """The source of a value of NumPy's as a Python number."""
    kind = {"f": "float", "i": "int", "b": "bool"}[dtype.kind]
    return f"{kind}({text})"


def scalar_code(
    node: Expr, args: Sequence[Code], by_numpy: Callable[[], Code]
) -> tuple[Code, tuple[Callable[..., Any], ...]]:
    """The source of an operation on numbers, and the functions that it calls.

    What Python has no function for, NumPy computes.
    """
    name = node.op.name
    template = PLAIN.get(name)
    if name == "divide" and _is_nonzero(node.args[1]):
        template = "{0} / {1}"
    elif name == "square":
        return Code.infix("*", args[0], args[0]), ()
    elif name == "astype":
        return Code(converted(args[0].text, node.dtype)), ()
    elif name == "power_series":
        given = ", ".join([repr(c) for c in node.attrs["coefficients"]])
        code = Code(f"scalar_power_series({args[0].text}, ({given},))")
        return code, (scalar_kernels.scalar_power_series,)
    if template is None or (node.dtype.kind == "i" and name in ("power", "divide", "remainder")):
        return Code(converted(by_numpy().text, node.dtype)), ()
    if name in ("logical_and", "logical_or", "logical_not"):
        return Code(f"({template.format(*[a.at(ATOM) for a in args])})"), ()
    match = _INFIX.match(template)
    if match is not None:
        code = Code.infix(match[1], args[0], args[1])
        return Code(code.text, code.precedence), ()
    if template == "-{0}":
        return Code.prefix("-", args[0]), ()
    if name == "where":
        text = f"{args[1].at(COMPARE)} if {args[0].at(COMPARE)} else {args[2].at(COMPARE)}"
        return Code(f"({text})"), ()
    call = _CALL.match(template)
    kernel = None if call is None else getattr(scalar_kernels, call[1], None)
    return Code(template.format(*[a.text for a in args])), () if kernel is None else (kernel,)


def _is_nonzero(node: Expr) -> bool:
    return node.op is LITERAL and bool(node.attrs["value"].array != 0)
