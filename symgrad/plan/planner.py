"""The planner: which values get a statement, which memory they live in, what is written over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from symgrad.ir.aval import Avals
from symgrad.ir.code import Code
from symgrad.ir.graph import topological
from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.ir.op import Op
from symgrad.ir.region import regions
from symgrad.ops.item import ITEM
from symgrad.ops.loop import ABSENT, BLOCKS, BRANCH, LOOP, trips
from symgrad.plan.aliases import Known, aliases
from symgrad.plan.inside import side_of, written_inside
from symgrad.plan.kinds import is_atom, is_filled, is_run, is_stack
from symgrad.plan.loops import roll
from symgrad.plan.names import given_name, is_backward, scope_of
from symgrad.plan.program import Block, Buffer, Commit, Compute, Entry, Loop, Program, Section
from symgrad.plan.scalars import is_scalar_program

__all__ = ["plan"]

#: operations that one readable statement may nest
_NESTED = 6
#: a transpose of a name costs nothing, wherever it stands
_TRANSPOSE = "transpose"


def _schedule(entry: Entry, given: set[Expr]) -> list[Expr]:
    """The order of computation: outputs, gradients, what updates share, then update by update."""
    seen: set[Expr] = set()
    roots = [*entry.graph.outputs.values(), *entry.seam]
    order = topological(roots, stop=given.__contains__, seen=seen)
    if entry.groups:
        times: Counter[Expr] = Counter()
        for leaves in entry.groups:
            times.update(topological([entry.commits[leaf] for leaf in leaves], seen=set(seen)))
        shared = [node for node in times if times[node] > 1]
        order += topological(shared, stop=given.__contains__, seen=seen)
    return order + topological(entry.commits.values(), stop=given.__contains__, seen=seen)


@dataclass
class _Storage:
    """Memory that one or several (by views) materialised nodes live in."""

    root: Expr
    external: bool
    unread: int = 0
    buffer: Buffer | None = None
    leaves: bool = field(default=False)
    #: a result of a loop or branch may be the same memory: never written over, nor given back
    shared: bool = field(default=False)


class _Planner:
    def __init__(
        self,
        entry: Entry,
        keep_buffers: bool,
        every: bool,
        buffers: list[Buffer] | None = None,
    ) -> None:
        self.entry = entry
        self.kept = keep_buffers
        self.every = every
        self.graph = entry.graph
        outputs = [*entry.graph.outputs.values(), *entry.commits.values()]
        given = set(entry.residuals)
        self.order = _schedule(entry, given)
        self.given = given
        self.uses: Counter[Expr] = Counter()
        for node in self.order:
            if node not in given:
                self.uses.update(node.args)
        self.uses.update(outputs)
        self.results = set(outputs)
        self.targets = {node: leaf for leaf, node in entry.commits.items()}
        self.committed: set[Expr] = set()
        self.seam = {node for node in entry.seam if not node.closed}
        self.weight: dict[Expr, int] = {}
        self.materialised: set[Expr] = set()
        self.storage: dict[Expr, _Storage] = {}
        self.reads: dict[Expr, list[Expr]] = {}
        self.writes: dict[Op, bool] = {}
        self.statements: list[Compute | Block | Section | Commit] = []
        #: those of a loop's body are the function's too
        self.buffers: list[Buffer] = [] if buffers is None else buffers
        self.free: dict[tuple[object, ...], list[Buffer]] = {}
        self.copies: set[str] = set()
        #: node that gives several arrays -> those that are read, by their index
        self.parts: dict[Expr, dict[int, Expr]] = {}
        for node in self.order:
            if node.op is ITEM and node not in given:
                self.parts.setdefault(node.args[0], {})[node.attrs["part"]] = node
        #: what bodies read at every step, and so has a name
        self.fed: set[Expr] = set()
        #: runs of rows that a loop goes along: it may as well go along the array itself
        self.runs: set[Expr] = set()
        for node in self.order:
            if node.op is LOOP:
                n, m = node.attrs["carries"], node.attrs["carries"] + node.attrs["sequences"]
                self.fed.update(node.args[n:])
                self.runs.update(x for x in node.args[n:m] if is_run(x) and self.uses[x] == 1)
            elif node.op in BLOCKS:
                self.fed.update(node.args[1 if node.op is BRANCH else 0 :])

    # ---- which nodes get a statement

    def decide(self) -> None:
        bases: set[Expr] = set()
        based = Counter(n.args[0] for n in self.order if n.op.updates and n not in self.given)
        for base, times in based.items():
            # zeros are made anew for each array that is written into them, never copied
            if self.uses[base] == 1 or (self.uses[base] == times and is_filled(base)):
                bases.add(base)
        for node in self.order:
            if is_atom(node) or node in self.given:
                if not (node.op is LITERAL or node.op is SIZE):
                    self.materialised.add(node)
                continue
            weight = 1 + sum(self.weight.get(a, 0) for a in node.args if a not in self.materialised)
            self.weight[node] = weight
            if self._stands_alone(node, weight, node in bases):
                self.materialised.add(node)

    def _stands_alone(self, node: Expr, weight: int, is_base: bool) -> bool:
        if node.op is ABSENT:
            return False
        if node.op.updates or node in self.targets or node in self.seam:
            return True
        if node.op is ITEM or node in self.parts:
            return True
        if node in self.fed and node not in self.runs:
            return True
        if is_base and (is_filled(node) or not self.kept) and not self._is_named(node):
            return False  # made under the name of what updates it
        free_view = node.op.name == _TRANSPOSE and node.args[0] in self.materialised
        if free_view and node not in self.results:
            return False
        if node in self.results and self.entry.commits:
            return True  # computed before anything that it reads is overwritten
        if self.uses[node] > 1:
            return not (node.op.is_view(node) and weight == 1 and node.op.name == _TRANSPOSE)
        if node in self.results and self.kept and node.ndim:
            return True
        if given_name(self.graph, node) is not None and node.op.name != "named":
            return True
        if (self.every or (self.kept and node.ndim)) and not node.op.is_view(node):
            return True
        return weight >= _NESTED

    def _is_named(self, node: Expr) -> bool:
        return given_name(self.graph, node) is not None

    # ---- memory

    def _storage_of(self, node: Expr) -> _Storage:
        found = self.storage.get(node)
        if found is not None:
            return found
        external = is_atom(node) or node in self.given
        if not external and node.op.is_view(node) and node.args:
            base = node.args[0]
            while base not in self.materialised and base.args and base.op.is_view(base):
                base = base.args[0]
            if base in self.materialised or is_atom(base):
                found = self._storage_of(base)
                self.storage[node] = found
                return found
        # what a loop gives may be what it was given, or an element of it; not what it stacks
        external = external or (
            node.op is ITEM and node.args[0].op in BLOCKS and not self._is_stack(node)
        )
        found = _Storage(node, external or node.op.read_only)
        self.storage[node] = found
        return found

    @staticmethod
    def _is_stack(item: Expr) -> bool:
        """Whether it is an array of the values of all steps of a loop of known length."""
        loop = item.args[0]
        stacks = loop.op is LOOP and item.attrs["part"] >= loop.attrs["carries"]
        return stacks and loop.attrs["test"] is None and not trips(item.shape)

    def _read(self, nodes: Iterable[Expr]) -> list[Expr]:
        """The materialised nodes that the source of `nodes` mentions, each time that it does."""
        found: list[Expr] = []
        for node in nodes:
            if node in self.materialised:
                found.append(node)
            else:
                found += self.reads.get(node, ())
        return found

    def run(self) -> Program:
        self.decide()
        for node in self.order:
            if node not in self.materialised and not is_atom(node):
                self.reads[node] = self._read(node.args)
        self._count_reads()
        section: tuple[str, bool] | None = None
        pending = set(self.seam)
        start = None
        for node in self.order:
            pending.discard(node)
            if node not in self.materialised or is_atom(node) or node in self.given:
                continue
            if node.op is ITEM:
                continue  # named by the statement of what gives it
            if self.entry.commits and start is None and not pending and node not in self.seam:
                if self.entry.name:  # and no side of a branch
                    self.statements.append(Section("", False, "update"))
                start = len(self.statements)
            scope = None if start is not None else scope_of(self.graph, node)
            if node.op in BLOCKS:
                block, here = self._block(node, section)
                if here is not None and here != section and start is None:
                    section = here
                    self.statements.append(Section(*here))
                self.statements.append(block)
                continue
            if node.op.updates and node.args[0].op.updates:
                scope = None  # more of what the statement before began
            if scope is not None:
                here = (scope, is_backward(self.graph, node))
                if here != section:
                    section = here
                    self.statements.append(Section(*here))
            self._statement(node)
        start = len(self.statements) if start is None and self.entry.commits else start
        for leaf, node in self.entry.commits.items():
            if leaf not in self.committed:
                self.statements.append(Commit(leaf, node))
        self._find_copies()
        statements: list[Compute | Block | Section | Commit | Loop] = list(self.statements)
        program = Program(
            self.entry, statements, self.materialised, self.buffers, self.copies, self.kept
        )
        program.scalar = self._is_scalar()
        if start is not None:
            roll(program, self.entry.groups, start)
        return program

    def _is_scalar(self) -> bool:
        """Whether it is written in Python's own arithmetic."""
        entry = self.entry
        if not self.kept or entry.commits or entry.params or entry.states or entry.residuals:
            return False
        return is_scalar_program(self.order, entry.inputs)

    def _count_reads(self) -> None:
        for node in self.order:
            if node in self.materialised and node not in self.given:
                for read in self._read(node.args):
                    self._storage_of(read).unread += 1
        for read in self._read(self.results):  # returned or committed: read after everything
            storage = self._storage_of(read)
            storage.unread += 1
            storage.leaves = True
        known: Known = {}
        for node in reversed(self.order):  # what leaves by another name
            if node.op is ITEM and node.args[0].op in BLOCKS and node not in self.given:
                leaves = self._storage_of(node).leaves
                for read in self._read(aliases(node, known)):
                    storage = self._storage_of(read)
                    storage.shared = True
                    storage.leaves = storage.leaves or leaves

    def _block(
        self, node: Expr, section: tuple[str, bool] | None
    ) -> tuple[Block, tuple[str, bool] | None]:
        """A loop or branch, with a program for each of its regions; the heading above it."""
        dead = []
        for read in self._read(node.args):
            storage = self._storage_of(read)
            storage.unread -= 1
            if not (storage.unread or storage.external or storage.shared):
                dead.append(storage)
        inside = self._written_inside(node)
        programs = {}
        for key, region in regions(node):
            # a carry of which all are kept is written twice
            trails = node.attrs.get("trails", ()) if key == "body" else ()
            entry = side_of(node, region, inside, self.entry, self.graph, trails)
            inner = _Planner(entry, self.kept, self.every, self.buffers)
            programs[key] = inner.run()
        parts = self.parts[node]
        assert isinstance(node.aval, Avals)
        places = range(len(node.aval.parts))
        headings = {
            (s.scope, s.backward): None
            for program in programs.values()
            for s in program.statements
            if isinstance(s, Section)
        }
        heading = None
        if len({scope for scope, _ in headings}) == 1:  # all of it in one place: headed outside
            for program in programs.values():
                program.statements = [s for s in program.statements if not isinstance(s, Section)]
            heading = next(iter(headings))
            if len(headings) == 2:  # both directions: that of its results, or as what is above
                results = [is_backward(self.graph, item) for item in parts.values()]
                heading = (heading[0], all(results)) if section != (heading[0], True) else section
        shown = tuple([None if i in inside else parts.get(i) for i in places])
        block = Block(node, shown, programs)
        for i, leaf in inside.items():
            block.written[parts[i]] = self.entry.stands[parts[i]] = leaf
            self._storage_of(parts[i]).external = True
            self.committed.add(leaf)
        for i, item in parts.items():
            own = self._storage_of(item)
            if self.kept and self._is_stack(item) and not own.leaves and not block.lists(i):
                block.memory[i] = own.buffer = self._buffer(item)
        for storage in dead:
            self._release(storage)
        return block, heading

    def _written_inside(self, node: Expr) -> dict[int, Expr]:
        """The results of a branch that are new values of leaves which nobody reads after it."""
        if node.op is not BRANCH or not self.entry.commits:
            return {}
        wanted: dict[int, Expr] = {}
        for i, item in self.parts[node].items():
            leaf = self.targets.get(item)
            if leaf is None or leaf in self.committed or self._storage_of(leaf).unread:
                continue
            own = self._storage_of(leaf)
            sharing = [arg for arg in node.args[1:] if self._storage_of(arg) is own]
            if len(sharing) == 1 and sharing[0] is leaf:
                wanted[i] = leaf
        return written_inside(node, self.parts[node], wanted)

    def _statement(self, node: Expr) -> None:
        statement = Compute(node)
        if isinstance(node.aval, Avals):
            parts = self.parts[node]
            statement.parts = tuple([parts.get(i) for i in range(len(node.aval.parts))])
        dying: dict[Expr, None] = {}  # in order
        own = self._storage_of(node)
        for read in self._read(node.args):
            storage = self._storage_of(read)
            storage.unread -= 1
            kept = storage.external or storage.shared or storage is own
            if storage.unread == 0 and not kept:
                dying[read] = None
        if self._commits(statement):
            pass
        elif node.op.updates:
            self._place_update(statement, dying)
        elif not node.op.is_view(node):
            self._place(statement, dying)
        for read in dying:
            self._release(self._storage_of(read))
        self.statements.append(statement)

    def _commits(self, statement: Compute) -> bool:
        """Write a new value straight into its leaf, once nothing reads the old one any more."""
        leaf = self.targets.get(statement.node)
        if leaf is None or leaf is statement.node or leaf in self.committed:
            return False
        storage = self._storage_of(leaf)  # what is shared may be read by the name of a result
        if storage.unread or storage.shared or statement.node.op.updates:
            return False
        statement.how, statement.over = "commit", leaf
        self._storage_of(statement.node).external = True
        self.committed.add(leaf)
        return True

    def _place(self, statement: Compute, dying: dict[Expr, None]) -> None:
        node = statement.node
        if node.op.elementwise and (self.kept or given_name(self.graph, node) is None):
            for i, arg in enumerate(node.args):
                if arg in dying and self._can_take_over(node, arg, i):
                    self._take_over(statement, arg)
                    return
        if self.kept and node.ndim and self._writes_into(node) and not trips(node.shape):
            own = self._storage_of(node)
            if not own.leaves:
                statement.how, statement.buffer = "into", self._buffer(node)
                own.buffer = statement.buffer

    def _can_take_over(self, node: Expr, arg: Expr, position: int) -> bool:
        storage = self._storage_of(arg)
        if storage.root is not arg or arg.shape != node.shape or arg.dtype != node.dtype:
            return False
        if not node.ndim:
            return False
        if self.kept:
            # memory that is kept never leaves the function
            return self._writes_into(node) and not (
                self._storage_of(node).leaves and storage.buffer is not None
            )
        # a person updates what has no name, or a gradient; and only from the left
        name = given_name(self.graph, arg)
        return (
            position == 0
            and node.op.name in _AUGMENTED
            and (name is None or is_backward(self.graph, arg))
        )

    def _take_over(self, statement: Compute, arg: Expr) -> None:
        old, own = self._storage_of(arg), self._storage_of(statement.node)
        statement.how, statement.over = "reuse", arg
        own.buffer, old.buffer = old.buffer, None

    def _place_update(self, statement: Compute, dying: dict[Expr, None]) -> None:
        node = statement.node
        base = node.args[0]
        statement.how = "update"
        if not node.ndim:
            return  # a number has no memory to write into: an array is made of it
        if base in dying and self._storage_of(base).root is base:
            old, own = self._storage_of(base), self._storage_of(node)
            if old.buffer is None or not own.leaves:
                statement.over = base
                own.buffer, old.buffer = old.buffer, None
                return
        own = self._storage_of(node)
        kept = self.kept and node.ndim and not trips(node.shape)
        if kept and not own.leaves and base in self.materialised:
            statement.buffer = own.buffer = self._buffer(node)

    def _writes_into(self, node: Expr) -> bool:
        if not node.args:
            return False
        if not node.op.elementwise:
            return self._takes_out(node)
        found = self.writes.get(node.op)
        if found is None:
            found = self.writes[node.op] = self._takes_out(node)
        return found

    @staticmethod
    def _takes_out(node: Expr) -> bool:
        code = node.op.numpy(node, *[Code(f"a{i}") for i in range(len(node.args))])
        return code.call_into is not None

    def _buffer(self, node: Expr) -> Buffer:
        free = self.free.get((node.shape, node.dtype))
        if free:
            return free.pop()
        buffer = Buffer(len(self.buffers), node.shape, node.dtype)
        self.buffers.append(buffer)
        return buffer

    def _release(self, storage: _Storage) -> None:
        if storage.buffer is not None:
            key = (storage.buffer.shape, storage.buffer.dtype)
            self.free.setdefault(key, []).append(storage.buffer)
            storage.buffer = None

    def _find_copies(self) -> None:
        """Outputs that would share memory with the caller's arrays, or with each other."""
        taken: set[int] = set()
        for name, node in self.graph.outputs.items():
            if name in self.entry.handed_on:
                continue
            if node.op is LITERAL:
                if node.ndim:
                    self.copies.add(name)
                continue
            base = node
            while base.args and base.op.is_view(base) and not base.op.read_only:
                base = base.args[0]
            if base.op.read_only:  # one number for many
                self.copies.add(name)
                continue
            base = node
            while base not in self.materialised and base.args and base.op.is_view(base):
                base = base.args[0]
            if base.op is LITERAL or base.op is SIZE:
                self.copies.add(name)
                continue
            storage = self._storage_of(base)
            if (storage.external and not is_stack(base)) or id(storage) in taken:
                self.copies.add(name)
            taken.add(id(storage))


_AUGMENTED = {"add", "subtract", "multiply", "divide"}


def plan(entry: Entry, keep_buffers: bool, every: bool = False) -> Program:
    """Order, storage and statements of an entry.

    Parameters
    ----------
    entry : Entry
    keep_buffers : bool
        Write results with ``out=`` into buffers kept between calls (the fast style), or into
        fresh arrays under readable names.
    every : bool
        Give every value a statement of its own, so that each can be checked.
    """
    return _Planner(entry, keep_buffers, every).run()
