"""The printer: a Program becomes the body of one Python function."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad.emit.blocks import print_block
from symgrad.emit.literals import array_source, one_line, typed, weak
from symgrad.emit.names import Namer, safe
from symgrad.emit.scalars import number_source, scalar_code
from symgrad.emit.wrapping import filled, split
from symgrad.ir.aval import format_shape
from symgrad.ir.code import Code
from symgrad.ir.dtypes import is_inexact
from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.plan.names import given_name, what_and_where
from symgrad.plan.program import Block, Commit, Compute, Loop, Program, Section

__all__ = ["Context", "Printer"]

_COMMENT_COLUMN = 60
_WIDTH = 96
_INDICES = ("t", "s", "r", "q", "p")


def _promotes_alike(node: Expr, beside: Expr) -> bool:
    """Whether a Python number promotes with the other operands as the typed one does."""
    others = [arg.dtype for arg in beside.args if arg.op is not LITERAL and arg.op is not SIZE]
    number = {"f": 1.0, "c": 1j}.get(node.dtype.kind, 1)
    return not others or np.result_type(number, *others) == np.result_type(node.dtype, *others)


def _is_number(node: Expr) -> bool:
    return node.op is SIZE or (node.op is LITERAL and not node.shape)


def _dtype(node: Expr) -> str:
    return f"np.{'bool_' if node.dtype.kind == 'b' else node.dtype.name}"


@dataclass
class Context:
    """What the functions of one module share: constants, kernels, prelude, the names taken."""

    reserved: set[str]
    constants: dict[Expr, tuple[str, str]] = field(default_factory=dict)
    kernels: dict[str, Callable[..., Any]] = field(default_factory=dict)
    prelude: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    leaf_names: dict[Expr, str] = field(default_factory=dict)
    sizes: set[str] = field(default_factory=set)
    #: names that loops count with
    indices: set[str] = field(default_factory=set)
    #: names of leaves -> the list in which they stand for loops; and the lists that are used
    lists: dict[tuple[str, ...], str] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)

    def constant(self, node: Expr) -> str:
        """The module-level name of a literal array."""
        found = self.constants.get(node)
        if found is None:
            # one that a pass has made is named for what it holds: alike in every entry, and a
            # name that begins with an underscore is no variable's
            digest = hashlib.blake2b(repr(node.attrs["value"].key).encode(), digest_size=3)
            name = self.leaf_names.get(node) or f"_CONST_{digest.hexdigest()}"
            found = (name, array_source(node.attrs["value"].array))
            self.constants[node] = found
        return found[0]

    def buffer(self, index: int) -> str:
        """The name of a kept buffer: ``b0``, unless the user has names of that kind."""
        prefix = "b"
        taken = {*self.leaf_names.values(), *self.sizes}
        while any(name.startswith(prefix) and name[len(prefix) :].isdigit() for name in taken):
            prefix = f"_{prefix}"
        return f"{prefix}{index}"

    def needs(self, node: Expr) -> None:
        """Note the kernels and imports of a node that is printed."""
        for kernel in node.op.prelude_of(node):
            self.kernels[kernel.__name__] = kernel
        self.imports.update(node.op.imports())

    def use(self, name: str) -> str:
        """Note that a function of the prelude is needed."""
        self.prelude.add(name)
        return name


class Printer:
    """Prints the statements of one program."""

    def __init__(self, program: Program, context: Context, debug: bool = False) -> None:
        self.program = program
        self.entry = program.entry
        self.context = context
        self.debug = debug
        self._said: Callable[[Expr], tuple[str, str]] | None = None
        self.namer = Namer(self.entry.graph, context.reserved)
        for leaf, name in context.leaf_names.items():
            self.namer.names[leaf] = name
            self.namer.taken.add(name)
        self.codes: dict[Expr, Code] = {}
        self.lines: list[str] = []
        self.buffers = {b: context.buffer(b.index) for b in program.buffers}
        self.wishes = self._wishes()
        self.looping = False
        #: how far to the right what is printed will be moved
        self.margin = 0
        #: loops inside of which it is known how often they went round
        self.counted: set[str] = set()
        #: value -> the name of the number of Python's that was made of it
        self.converted: dict[Expr, str] = {}
        #: values of all steps of a loop that are a list, for loops on Python's numbers
        self.listed: set[Expr] = set()
        #: indices of the loops around what is printed
        self.enclosing: tuple[str, ...] = ()
        if any(isinstance(s, Block) for s in program.statements):
            self.index()

    def _wishes(self) -> dict[Expr, str]:
        """Nodes without a name whose buffer dies into one with a name: it is theirs already."""
        found: dict[Expr, str] = {}
        for statement in reversed(self.program.statements):
            if isinstance(statement, Compute) and statement.how in ("reuse", "update"):
                node, over = statement.node, statement.over
                name = given_name(self.entry.graph, node) or found.get(node)
                if over is not None and name and given_name(self.entry.graph, over) is None:
                    found[over] = name
        return found

    # ---- bodies of loops and branches

    def nested(self, program: Program, indent: int) -> Printer:
        """A printer for the body of a block, whose names are apart from those around it."""
        inner = Printer(program, self.context, self.debug)
        inner.margin = self.margin + 4 * indent
        inner.namer.taken = self.namer.taken
        inner.namer._next = self.namer._next
        inner.buffers = self.buffers
        inner.enclosing = self.enclosing
        return inner

    def index(self) -> str:
        """A name for a loop's index: none of the user's, nor of a loop around it."""
        for name in _INDICES:
            own = name in self.context.indices and name not in self.enclosing
            if own or name not in self.namer.taken:
                self.namer.taken.add(name)
                self.context.indices.add(name)
                return name
        return self.namer.fresh("i")

    def bind(self, node: Expr, code: Code) -> None:
        """Give a parameter of a body its name, or what stands for it."""
        self.namer.names[node] = code.text
        self.codes[node] = code

    # ---- expressions

    def operand(self, node: Expr, beside: Expr) -> Code:
        """The source of an argument of `beside`."""
        if _is_number(node):
            if self._may_be_weak(node, beside):
                return weak(node)
            return typed(node, strict=not _promotes_alike(node, beside))
        return self.code(node)

    @staticmethod
    def _may_be_weak(node: Expr, beside: Expr) -> bool:
        """Whether another operand decides the dtype, so that a Python number will do."""
        for other in beside.args:
            if other.op is not LITERAL and other.op is not SIZE and other.dtype == node.dtype:
                return True
        return beside.op.name in ("getitem", "scatter_set") and node.dtype.kind == "i"

    def code(self, node: Expr) -> Code:
        """The source of a value: its name, or its expression where it is inlined."""
        found = self.codes.get(node)
        if found is not None:
            return found
        if self.program.scalar and _is_number(node):
            code = number_source(node)
        elif node.op is LITERAL:
            code = Code(self.context.constant(node)) if node.shape else typed(node)
        elif node.op is SIZE:
            code = typed(node)
        elif node in self.program.materialised:
            code = Code(self.namer.name(node))
        elif node in self.context.leaf_names:  # one that is written, and never read
            code = Code(self.context.leaf_names[node])
        else:
            code = self.expression(node)
        self.codes[node] = code
        return code

    def expression(self, node: Expr) -> Code:
        """The source of the operation itself."""
        if self.program.scalar:
            args = [self.code(arg) for arg in node.args]
            code, kernels = scalar_code(node, args, lambda: self._by_numpy(node))
            self.context.kernels.update({k.__name__: k for k in kernels})
            return code
        return self._by_numpy(node)

    def _by_numpy(self, node: Expr) -> Code:
        self.context.needs(node)
        if node in self.entry.draws:
            self.context.use("_draw")
            return node.op.numpy(node, Code(f"_draw(key, {self.entry.draws[node]})"))
        if node.args and all(_is_number(arg) for arg in node.args):
            return self._of_numbers(node)
        return node.op.numpy(node, *[self.operand(arg, node) for arg in node.args])

    def _of_numbers(self, node: Expr) -> Code:
        """An operation on Python numbers alone: NumPy's, since 1 / 0 is infinite here."""
        code = node.op.numpy(node, *[weak(arg, plain=False) for arg in node.args])
        if code.call_into is None:
            return node.op.numpy(node, *[typed(arg) for arg in node.args])
        name, args = code.call_into
        natural = ("float64", "int64", "bool", "complex128")
        kind = () if node.dtype.name in natural else (f"dtype={_dtype(node)}",)
        return Code(f"{name}({', '.join((*args, *kind))})")

    # ---- statements

    def line(self, text: str, comment: str = "", indent: int = 1) -> None:
        text = "    " * indent + text
        if comment:
            commented = f"{text.ljust(_COMMENT_COLUMN)}  # {comment}"
            if len(commented) + self.margin < _WIDTH + 4:
                text = commented
        self.lines.append(text)

    def statements(self) -> list[str]:
        """All statements; the return is left to the caller."""
        for statement in self.program.statements:
            if isinstance(statement, Section):
                self.section(statement)
            elif isinstance(statement, Compute):
                self.compute(statement)
            elif isinstance(statement, Block):
                print_block(self, statement, 1)
            elif isinstance(statement, Commit):
                self.line(
                    f"{self.code(statement.leaf).text}[...] = {self.code(statement.node).text}"
                )
            else:
                self.loop(statement)
        return self.lines

    def section(self, section: Section) -> None:
        if self.lines and self.lines[-1]:
            self.lines.append("")
        equation = self.entry.equations.get(section.scope, "")
        if section.title:
            self.line(f"# {section.title}")
        elif section.backward:
            heading = f"d {section.scope}" if section.scope else "gradient"
            self.line(one_line(f"# {heading}"))
        elif section.scope:
            title = f"{section.scope}: {equation}" if equation else section.scope
            self.line(one_line(f"# {title}"))
        elif equation and any(isinstance(s, Section) and s.scope for s in self.program.statements):
            self.line(one_line(f"# {equation}"))

    def compute(self, statement: Compute, indent: int = 1) -> None:
        node = statement.node
        if statement.how == "update":
            self._update(statement, indent)
        else:
            code = self.expression(node)
            if statement.how == "commit":
                self._commit(statement, code, indent)
            elif statement.how == "reuse":
                self._reuse(statement, code, indent)
            else:
                self._assign(statement, code, indent)
        if self.debug:
            for value in statement.values:
                if is_inexact(value.dtype):
                    self._check(value, indent)

    def _assign(self, statement: Compute, code: Code, indent: int) -> None:
        text = code.text
        if statement.how == "into":
            assert statement.buffer is not None
            memory = self.buffers[statement.buffer]
            text = code.into(memory) or text
            if self.looping:  # a loop's buffers have names: the value needs no other
                self.namer.names[statement.node] = memory
                self.codes[statement.node] = Code(memory)
                self.wrapped("", text, "", indent)
                return
        if statement.parts:
            names = [self._target(part) if part is not None else "_" for part in statement.parts]
            self.wrapped(f"{', '.join(names)} = ", text, "", indent)
            return
        name = self._target(statement.node)
        self.wrapped(f"{name} = ", text, self._comment(statement.node), indent)

    def _target(self, node: Expr) -> str:
        wish = self.wishes.get(node)
        if wish is not None and node not in self.namer.names:
            self.namer.names[node] = self.namer.fresh(safe(wish))
        name = self.namer.name(node)
        self.codes[node] = Code(name)
        return name

    def _comment(self, node: Expr) -> str:
        named = given_name(self.entry.graph, node) is not None
        return format_shape(node.shape) if node.ndim and named else ""

    def _reuse(self, statement: Compute, code: Code, indent: int) -> None:
        """``d_h *= h > 0``: the buffer keeps its name, unless the new value has its own."""
        assert statement.over is not None
        old = self.code(statement.over).text
        node = statement.node
        given = given_name(self.entry.graph, node)
        if given is not None and self.wishes.get(statement.over) != given:
            name = self._target(node)
            text = code.into(old) if self.program.kept else None
            self.wrapped(f"{name} = ", text or code.text, self._comment(node), indent)
            return
        self.namer.names[node] = old
        self.codes[node] = Code(old)
        if (onto := code.onto(old)) is not None:
            left, right = f"{old} {onto[0]}= ", onto[1]
        elif self.program.kept:
            left, right = "", code.into(old) or f"{old}[...] = {code.text}"
        else:
            left, right = f"{old} = ", code.text
        self.wrapped(left, right, self._comment(node), indent)

    def _commit(self, statement: Compute, code: Code, indent: int) -> None:
        assert statement.over is not None
        name = self.code(statement.over).text
        self.namer.names[statement.node] = name
        self.codes[statement.node] = Code(name)
        # only ufuncs may write over what they read: concatenate and its like do not look
        into = code.into(name) if self.program.kept and statement.node.op.elementwise else None
        if (onto := code.onto(name)) is not None:
            self.wrapped(f"{name} {onto[0]}= ", onto[1], "", indent)
        elif into is not None:
            self.wrapped("", into, "", indent)
        elif not self._commit_in_two(statement.node, code, name, indent):
            self.wrapped(f"{name}[...] = ", code.text, "", indent)

    def _commit_in_two(self, node: Expr, code: Code, name: str, indent: int) -> bool:
        """``v *= 0.9`` and ``v += d``, for ``v * 0.9 + d``."""
        if code.augmented is None:
            return False
        first = node.args[0]
        if first in self.program.materialised or not first.args:
            return False
        inner = self.expression(first).augmented
        again = inner is not None and re.search(rf"\b{name}\b", f"{inner[2]} {code.augmented[2]}")
        if inner is None or inner[1] != name or again or first.aval != node.aval:
            return False
        self.wrapped(f"{name} {inner[0]}= ", inner[2], "", indent)
        self.wrapped(f"{name} {code.augmented[0]}= ", code.augmented[2], "", indent)
        return True

    def _update(self, statement: Compute, indent: int) -> None:
        node = statement.node
        base = node.args[0]
        self.context.needs(node)
        if statement.over is not None:
            name = self.code(base).text
            given = given_name(self.entry.graph, node)
            self.namer.names[node] = name
            self.codes[node] = Code(name)
        else:
            given = None
            name = self._target(node)
            if statement.buffer is not None:
                self.line(f"{name} = {self.buffers[statement.buffer]}", indent=indent)
                self.line(f"{name}[...] = {self.code(base).text}", indent=indent)
            elif not node.ndim:  # a result of NumPy without axes is a number, not an array
                self.line(f"{name} = np.array({self.code(base).text})", indent=indent)
            elif base in self.program.materialised or base.op is LITERAL:
                self.line(f"{name} = {self.code(base).at(13)}.copy()", indent=indent)
            else:
                fresh = not base.op.is_view(base)
                text = self.code(base).text if fresh else f"{self.code(base).at(13)}.copy()"
                self.wrapped(f"{name} = ", text, self._comment(node), indent)
        args = [Code(name), *[self.operand(arg, node) for arg in node.args[1:]]]
        self.line(node.op.update(node, name, *args), indent=indent)
        if given is not None and name != safe(given):
            new = self.namer.fresh(safe(given))
            self.line(f"{new} = {name}", self._comment(node), indent=indent)
            self.namer.names[node] = new
            self.codes[node] = Code(new)

    def _check(self, node: Expr, indent: int) -> None:
        if self._said is None:
            self._said = what_and_where(self.entry)
        label, where = self._said(node)
        name = self.code(node).text
        self.context.use("_finite")
        self.line(f"_finite({name}, {label!r}, {where!r})", indent=indent)

    def loop(self, loop: Loop) -> None:
        saved, buffers = dict(self.codes), dict(self.buffers)
        names, columns = [], []
        for column in loop.columns:
            columns.append(self._column(column))
            names.append(self._column_name(column))
        for memory in loop.buffers:
            columns.append(f"({', '.join(self.buffers[b] for b in memory)})")
            names.append(self.namer.fresh("t"))
        for name, memory in zip(names[len(loop.columns) :], loop.buffers, strict=True):
            self.buffers[memory[0]] = name
        heads = columns[0] if len(columns) == 1 else f"zip({', '.join(columns)}, strict=True)"
        self.wrapped(f"for {', '.join(names)} in ", heads, "", 1, end=":")
        self.looping = True
        for name, column in zip(names, loop.columns, strict=False):
            self.codes[column[0]] = Code(name)
        for statement in loop.body:
            if isinstance(statement, Compute):
                self.compute(statement, indent=2)
            else:
                leaf, node = self.code(statement.leaf), self.code(statement.node)
                self.line(f"{leaf.text}[...] = {node.text}", indent=2)
        # after it, what stood for one of several stands for itself again
        self.codes, self.buffers = saved, buffers
        self.looping = False
        self.namer.taken.difference_update(names)  # the next loop may call its own the same

    def _column(self, column: tuple[Expr, ...]) -> str:
        names = tuple([self.code(leaf).text for leaf in column])
        listed = self.context.lists.get(names)
        if listed is not None:
            self.context.listed.add(listed)
        return listed or f"({', '.join(names)})"

    def _column_name(self, column: tuple[Expr, ...]) -> str:
        first = self.entry.stands.get(column[0], column[0])
        if first.op.name == "param":
            return self.namer.fresh("w")
        return self.namer.fresh(safe(str(first.attrs.get("slot", "d"))))

    def wrapped(self, left: str, text: str, comment: str, indent: int, end: str = "") -> None:
        """One statement, broken at its outermost commas or operators where it is too long."""
        width = _WIDTH - self.margin
        if 4 * indent + len(left) + len(text) + len(end) <= width:
            self.line(left + text + end, comment, indent)
            return
        parts = split(text)
        if len(parts) < 2:
            self.line(left + text + end, comment, indent)
            return
        opens = text.startswith("(") and parts[0] == "("
        if opens or text[len(parts[0]) - 1 : len(parts[0])] in "([":
            self.line(left + parts[0], comment, indent)
            for part in filled(parts[1:-1], width - 4 * (indent + 1)):
                self.line(part, indent=indent + 1)
            self.line(parts[-1] + end, indent=indent)
        else:
            self.line(left + "(", comment, indent)
            for part in filled(parts, width - 4 * (indent + 1)):
                self.line(part, indent=indent + 1)
            self.line(")" + end, indent=indent)
