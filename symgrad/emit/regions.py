"""What the sources of loops and branches share: names from outside, names for what they give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from symgrad.emit.literals import typed
from symgrad.emit.names import safe
from symgrad.emit.scalars import number_source
from symgrad.ir.code import Code
from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.plan.program import Program

if TYPE_CHECKING:
    from symgrad.emit.printer import Printer

__all__ = ["indented", "last_reads", "mentioned", "names_of", "result", "simple", "target"]


def mentioned(program: Program, nodes: Iterable[Expr]) -> set[Expr]:
    """The names that the source of some values mentions."""
    found: set[Expr] = set()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if node in found:
            continue
        if node in program.materialised:
            found.add(node)
        else:
            pending += node.args
    return found


def indented(printer: Printer, lines: Sequence[str], indent: int) -> None:
    printer.lines += ["    " * indent + line if line else "" for line in lines]


def last_reads(program: Program) -> dict[Expr, int]:
    """Name -> the last statement that mentions it; what is given at the end comes after all."""
    last: dict[Expr, int] = {}
    for i, statement in enumerate(program.statements):
        if hasattr(statement, "node"):
            read = mentioned(program, statement.node.args)
            last |= dict.fromkeys(read, i)
            over = getattr(statement, "over", None)
            if over is not None:
                last[over] = i
    return last


def names_of(
    printer: Printer, parameters: Sequence[Expr], args: Sequence[Expr]
) -> dict[Expr, Code]:
    return {p: printer.code(arg) for p, arg in zip(parameters, args, strict=True)}


def simple(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def target(printer: Printer, item: Expr | None, inside: str) -> str:
    """The name of a result: as the user called it in the body, or outside."""
    name = printer.namer.names.get(item) if item is not None else None
    name = name or printer.namer.fresh(safe(inside))
    if item is not None:
        printer.namer.names[item] = name
        printer.codes[item] = Code(name)
    return name


def result(printer: Printer, value: Expr) -> str:
    """The source of a carry, or of what a branch gives: never a number of Python's."""
    if not value.shape and (value.op is LITERAL or value.op is SIZE):
        number = number_source(value) if printer.program.scalar else typed(value, strict=True)
        return number.text
    return printer.code(value).text
