"""The same update for every parameter is written once, as a loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.ir.node import LITERAL, Expr
from symgrad.plan.program import Buffer, Commit, Compute, Loop, Program

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
    """Replace the updates of several parameters by one loop, where they have one form.

    Parameters
    ----------
    program : Program
        Changed in place.
    groups : sequence of sequences of Expr
        The committed leaves of each parameter.
    start : int
        The statement with which the updates begin.
    """
    if len(groups) < 2:
        return
    owner = {leaf: i for i, leaves in enumerate(groups) for leaf in leaves}
    rest: list[Any] = [*program.statements[start:], None]
    found: list[Any] = []
    piece: list[Statement] = []
    for i, statement in enumerate(rest):
        if isinstance(statement, (Compute, Commit)):
            piece.append(statement)
            continue
        found += _rolled(program, owner, piece, rest[i:-1])
        piece = []
        if statement is not None:  # a loop or branch
            found.append(statement)
    program.statements[start:] = found


def _rolled(
    program: Program, owner: dict[Expr, int], statements: list[Statement], later: Sequence[Any]
) -> Sequence[Any]:
    """Statements without a loop or branch among them, with loops for neighbours of one form."""
    parts: dict[int, list[Statement]] = {}
    shared: list[Statement] = []
    for block_of, statement in _owned(program, owner, statements):
        if block_of is None:
            if parts:
                return statements  # not in one piece: left as it is
            shared.append(statement)
        else:
            parts.setdefault(block_of, []).append(statement)
    if len(parts) < 2 or not _read_by(program, later).isdisjoint(
        v for s in statements for v in _values(s)
    ):
        return statements
    blocks = {i: _Block(part, program) for i, part in parts.items()}
    for i, block in blocks.items():
        if any(owner.get(ref, i) != i for ref in block.refs):
            return statements  # one reads what another one writes
    runs: list[list[_Block]] = []
    for block in blocks.values():
        if runs and runs[-1][0].form == block.form:
            runs[-1].append(block)
        else:
            runs.append([block])
    order = [s for run in runs for block in run for s in block.statements]
    whole = all(a is b for a, b in zip([*shared, *order], statements, strict=True))
    if not whole:
        return statements  # what a statement writes over may be read by one that would follow
    found: list[Any] = list(shared)
    for run in runs:
        found += [_loop(run, program)] if len(run) > 1 else run[0].statements
    return found


def _loop(run: Sequence[_Block], program: Program) -> Loop:
    columns = [
        column
        for column in zip(*[block.refs for block in run], strict=True)
        if any(node is not column[0] for node in column)
    ]
    stands = program.entry.stands
    columns.sort(key=lambda column: _rank(stands.get(column[0], column[0])))
    buffers = list(zip(*[block.buffers for block in run], strict=True))
    return Loop(columns, buffers, run[0].statements)


def _rank(leaf: Expr) -> int:
    """Parameters first, then gradients, then what the optimiser keeps."""
    return {"param": 0, "slot": 2}.get(leaf.op.name, 1)


def _values(statement: Statement) -> list[Expr]:
    return [] if isinstance(statement, Commit) else statement.values


def _read_by(program: Program, statements: Sequence[Any]) -> set[Expr]:
    """The names that statements, and the results of the program, mention."""
    found: set[Expr] = set()
    pending = list(program.entry.graph.outputs.values())
    for statement in statements:
        pending += [statement.node] if isinstance(statement, Commit) else statement.node.args
    while pending:
        node = pending.pop()
        if node in found:
            continue
        if node in program.materialised:
            found.add(node)
        else:
            pending += node.args
    return found


def _owned(
    program: Program, owner: dict[Expr, int], statements: Sequence[Statement]
) -> list[tuple[int | None, Statement]]:
    """Each statement with the group that alone it serves; None for what several share."""
    serves: dict[Expr, set[int]] = {}
    found: list[tuple[int | None, Statement]] = []
    for statement in reversed(statements):
        values = [statement.node] if isinstance(statement, Commit) else statement.values
        groups = set().union(*[serves.get(value, ()) for value in values])
        leaf = statement.leaf if isinstance(statement, Commit) else statement.over
        commits = isinstance(statement, Commit) or statement.how == "commit"
        if commits and leaf in owner:
            groups.add(owner[leaf])
        pending = list(statement.node.args) if isinstance(statement, Compute) else [statement.node]
        while pending:
            node = pending.pop()
            serves.setdefault(node, set()).update(groups)
            if node not in program.materialised:
                pending.extend(node.args)
        alone = len(groups) == 1 and not (commits and leaf not in owner)
        found.append((next(iter(groups)) if alone else None, statement))
    return found[::-1]
