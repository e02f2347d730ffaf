"""The same update for every parameter is written once, as a loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.ir.node import LITERAL, Expr
from symgrad.plan.program import Block, Buffer, Commit, Compute, Loop, Program

__all__ = ["roll"]

Statement = Compute | Commit


class _Block:
    """The update of one parameter, and its form: equal forms differ only in `refs`, `buffers`."""

    def __init__(self, statements: list[Statement], program: Program) -> None:
        self.statements = statements
        self.program = program
        self.refs: list[Expr] = []
        self.buffers: list[Buffer] = []
        self._number: dict[Expr, int] = {}
        self._local: dict[Expr, tuple[int, int]] = {}
        self.form: list[Any] = []
        for i, statement in enumerate(statements):
            self.form.append(self._statement(statement))
            values = [statement.node] if isinstance(statement, Commit) else statement.values
            for j, value in enumerate(values):
                self._local[value] = (i, j)

    def _statement(self, statement: Statement) -> Any:
        if isinstance(statement, Commit):
            return ("commit", self._ref(statement.leaf), self._ref(statement.node))
        node = statement.node
        buffer = None
        if statement.buffer is not None:
            if statement.buffer not in self.buffers:
                self.buffers.append(statement.buffer)
            buffer = self.buffers.index(statement.buffer)
        over = None if statement.over is None else self._ref(statement.over)
        read = tuple([part is not None for part in statement.parts])
        return (statement.how, buffer, over, read, self._operation(node))

    def _operation(self, node: Expr) -> Any:
        attrs = tuple(node.attrs.items())
        return (node.op.name, attrs, tuple([self._operand(arg) for arg in node.args]))

    def _operand(self, node: Expr) -> Any:
        if node.op is LITERAL:
            return ("literal", node.attrs["value"])
        if node in self.program.materialised:
            return self._ref(node)
        return self._operation(node)

    def _ref(self, node: Expr) -> Any:
        if node in self._local:
            return ("local", self._local[node])
        if node not in self._number:
            self._number[node] = len(self.refs)
            self.refs.append(node)
        return ("ref", self._number[node])


def roll(program: Program, groups: Sequence[Sequence[Expr]], start: int) -> None:
    """Replace the updates of several parameters by one loop, if all have one form.

    Parameters
    ----------
    program : Program
        Changed in place.
    groups : sequence of sequences of Expr
        The committed leaves of each parameter.
    start : int
        The statement with which the updates begin.
    """
    if len(groups) < 2 or any(isinstance(s, Block) for s in program.statements[start:]):
        return
    owner = {leaf: i for i, leaves in enumerate(groups) for leaf in leaves}
    parts: list[list[Statement]] = [[] for _ in groups]
    shared: list[Any] = []
    for block_of, statement in _owned(program, owner, start):
        if block_of is None:
            if any(parts):
                return  # not in one piece: left as it is
            shared.append(statement)
        else:
            parts[block_of].append(statement)
    blocks = [_Block(statements, program) for statements in parts]
    first = blocks[0]
    if not first.statements or any(b.form != first.form for b in blocks):
        return
    columns = [
        column
        for column in zip(*[b.refs for b in blocks], strict=True)
        if any(node is not column[0] for node in column)
    ]
    columns.sort(key=_rank)
    buffers = list(zip(*[b.buffers for b in blocks], strict=True))
    program.statements[start:] = [*shared, Loop(columns, buffers, first.statements)]


def _rank(column: tuple[Expr, ...]) -> int:
    """Parameters first, then gradients, then what the optimiser keeps."""
    return {"param": 0, "slot": 2}.get(column[0].op.name, 1)


def _owned(
    program: Program, owner: dict[Expr, int], start: int
) -> list[tuple[int | None, Statement]]:
    """Each statement with the group that alone it serves; None for what several share."""
    statements = [s for s in program.statements[start:] if isinstance(s, (Compute, Commit))]
    serves: dict[Expr, set[int]] = {}
    found: list[tuple[int | None, Statement]] = []
    for statement in reversed(statements):
        values = [statement.node] if isinstance(statement, Commit) else statement.values
        groups = set().union(*[serves.get(value, ()) for value in values])
        leaf = statement.leaf if isinstance(statement, Commit) else statement.over
        if leaf in owner and (isinstance(statement, Commit) or statement.how == "commit"):
            groups.add(owner[leaf])
        pending = list(statement.node.args) if isinstance(statement, Compute) else [statement.node]
        while pending:
            node = pending.pop()
            serves.setdefault(node, set()).update(groups)
            if node not in program.materialised:
                pending.extend(node.args)
        found.append((next(iter(groups)) if len(groups) == 1 else None, statement))
    return found[::-1]
