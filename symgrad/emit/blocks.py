"""Loops and branches in the source: ``for``, ``while`` and ``if``, their bodies written once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING

from symgrad.emit.loops import LoopPrinter
from symgrad.emit.regions import indented, mentioned, names_of, result, simple, target
from symgrad.ir.node import Expr
from symgrad.ir.region import regions
from symgrad.ops.called import called
from symgrad.ops.loop import ABSENT, BRANCH, LOOP, trips
from symgrad.plan.names import given_name
from symgrad.plan.program import Block, Commit, Compute, Program

if TYPE_CHECKING:
    from symgrad.emit.printer import Printer

__all__ = ["print_block", "with_trips_named"]


def print_block(printer: Printer, block: Block, indent: int) -> None:
    """Print a loop or branch at a depth of indentation."""
    if block.node.op is not LOOP:
        _branch(printer, block, indent)
    else:
        LoopPrinter(printer, block, indent).run()


def with_trips_named(lines: list[str], taken: set[str]) -> list[str]:
    """The source with readable names for how often loops went round, in order of appearance."""
    names: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        if match[0] not in names:
            free = (f"trips_{i}" if i > 1 else "trips" for i in count(1))
            names[match[0]] = next(one for one in free if one not in taken)
            taken.add(names[match[0]])
        return names[match[0]]

    return [re.sub(r"\btrips_[0-9a-f]{12}\b", name, line) for line in lines]


def _branch(printer: Printer, block: Block, indent: int) -> None:
    """A branch; or a checkpoint, which has one side and no condition."""
    node = block.node
    is_branch = node.op is BRANCH
    args = node.args[1:] if is_branch else node.args
    graph = printer.entry.graph
    names: list[str | None] = []
    sides = list(zip(block.programs.values(), [region for _, region in regions(node)], strict=True))
    for i, item in enumerate(block.parts):
        if item is None:
            names.append(None)
            continue
        outs = [(program.entry.graph, region.outputs[i]) for program, region in sides]
        inside, out = next((one for one in outs if one[1].op is not ABSENT), outs[0])
        base = given_name(graph, item) or given_name(inside, out) or called(out)
        names.append(target(printer, item, simple(base)))
    unread = _read_by_branches_alone(printer.program, [i for i in block.parts if i is not None])
    if is_branch:
        printer.wrapped("if ", printer.code(node.args[0]).text, "", indent, end=":")
    for key, program in block.programs.items():
        region = node.attrs[key]
        inner = printer.nested(program, indent if is_branch else indent - 1)
        for p, code in names_of(printer, region.parameters, args).items():
            inner.bind(p, code)
        made = {
            value
            for s in program.statements
            if isinstance(s, Block) or (isinstance(s, Compute) and s.how in ("fresh", "into"))
            for value in s.values
        }
        for name, out in zip(names, region.outputs, strict=True):
            if name is not None and out in made:
                inner.namer.names.setdefault(out, name)
        inner.statements()
        # how often the loops of the other side went round, unless those of this one are alike
        own = [out.shape[:1] for out in region.outputs if out.op is not ABSENT]
        counted: dict[str, None] = {}
        for name, out, item in zip(names, region.outputs, block.parts, strict=True):
            if out.op is ABSENT:
                counted |= dict.fromkeys(sorted(trips(out.shape[:1]) - trips(tuple(own))))
                if item in unread:
                    continue
            if name is not None and inner.code(out).text != name:
                inner.wrapped(f"{name} = ", result(inner, out), "", 1)
        for steps in counted:
            inner.line(f"{steps} = 0")
        depth = indent if is_branch else indent - 1
        if key == "otherwise":
            if not inner.lines:
                continue
            printer.line("else:", indent=indent)
        indented(printer, inner.lines or ["    pass"], depth)
    for item, leaf in block.written.items():
        code = printer.code(leaf)
        printer.codes[item], printer.namer.names[item] = code, code.text


def _read_by_branches_alone(program: Program, items: Sequence[Expr]) -> set[Expr]:
    """Of some results of a branch, those that only other branches read: on the same side."""
    read = mentioned(program, program.entry.graph.outputs.values())
    for statement in program.statements:
        if isinstance(statement, Block) and statement.node.op is BRANCH:
            read |= mentioned(program, statement.node.args[:1])
        elif isinstance(statement, (Block, Compute)):
            read |= mentioned(program, statement.node.args)
        elif isinstance(statement, Commit):
            read |= mentioned(program, (statement.node,))
    return set(items) - read
