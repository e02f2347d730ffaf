"""Loops in the source: ``for`` and ``while``, their bodies written once."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

from symgrad.emit.literals import typed
from symgrad.emit.names import safe
from symgrad.emit.regions import indented, last_reads, mentioned, names_of, result, simple, target
from symgrad.emit.scalars import converted, number_source
from symgrad.ir.aval import format_shape
from symgrad.ir.code import Code
from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.ops.called import called, plural
from symgrad.ops.loop import LOOP, Parts, trips
from symgrad.plan.kinds import is_run
from symgrad.plan.names import given_name
from symgrad.plan.program import Block, Commit, Compute
from symgrad.plan.scalars import is_number

if TYPE_CHECKING:
    from symgrad.emit.printer import Printer

__all__ = ["LoopPrinter"]


class LoopPrinter:
    """Prints one loop."""

    def __init__(self, printer: Printer, block: Block, indent: int) -> None:
        self.outer, self.block, self.indent = printer, block, indent
        self.node = block.node
        self.parts = Parts.of(self.node)
        self.test = self.node.attrs["test"]
        self.body = block.programs["body"]
        self.graph = self.body.entry.graph
        self.stacks: list[str] = []
        self.trails: tuple[int, ...] = self.node.attrs.get("trails", ())
        #: written in Python's own arithmetic, inside of what is not
        self.scalar = block.scalar
        self.before: list[str] = []
        self.crosses = self.scalar and not printer.program.scalar

    def _start(self, value: Expr) -> str:
        """The source of a first carry: a number of the kind that later ones are."""
        if not value.shape and (value.op is LITERAL or value.op is SIZE):
            return (number_source(value) if self.scalar else typed(value, strict=True)).text
        text = self.outer.code(value).text
        return converted(text, value.dtype) if self.crosses else text

    def _consts(self) -> dict[Expr, Code]:
        """What the body calls what is outside; where it works on numbers, Python's."""
        names = names_of(self.outer, self.parts.const, self.parts.consts)
        if not self.crosses:
            return names
        known = self.outer.converted
        for p, arg in zip(self.parts.const, self.parts.consts, strict=True):
            if is_number(p):
                if arg not in known:
                    base = re.sub(r"_\d+$", "", safe(simple(str(p.attrs["name"]))))
                    known[arg] = self.outer.namer.fresh(base)
                    text = converted(names[p].text, p.dtype)
                    self.outer.line(f"{known[arg]} = {text}", indent=self.indent)
                names[p] = Code(known[arg])
        return names

    def _inside(self, inner: Printer, i: int) -> str:
        value = self.parts.rows[i]
        name = given_name(self.graph, value) or inner.namer.description(value)
        return simple(name or called(value))

    def _name(self, value: Expr, other: Expr) -> str:
        return simple(given_name(self.graph, value) or given_name(self.graph, other) or "t")

    def run(self) -> None:
        p, parts = self.outer, self.parts
        consts = self._consts()
        starts = [self._start(arg) for arg in parts.init]
        carries = []
        for i, c in enumerate(parts.carry):
            name = target(p, self.block.parts[i], self._name(parts.new[i], c))
            carries.append(name)
        inner = p.nested(self.body, self.indent)
        for c, name in zip(parts.carry, carries, strict=True):
            inner.bind(c, Code(name))
        for c, code in consts.items():
            inner.bind(c, code)
        counts = self.test is None and (parts.x or parts.rows)
        index = p.index() if counts else "_"
        inner.enclosing = (*p.enclosing, index)
        self._statements(inner, index, carries)
        for line in self.before:
            p.line(line, indent=self.indent)
        for name, start in zip(carries, starts, strict=True):
            if name != start:
                p.wrapped(f"{name} = ", start, "", self.indent)
        for i, name in enumerate(self.stacks):
            kept = self.block.memory.get(len(parts.carry) + i)
            text = self._empty(i) if kept is None else p.buffers[kept]
            p.line(f"{name} = {text}", indent=self.indent)
        for i, place in zip(self.trails, self.stacks[len(parts.y) :], strict=True):
            first = self.node.attrs["length"] if self.node.attrs["reverse"] else 0
            p.line(f"{place}[{first}] = {carries[i]}", indent=self.indent)
        self._head(index, carries, consts)
        indented(p, inner.lines or ["    pass"], self.indent)
        self._after(carries)

    # ---- what comes before, and the head

    def _stack(self, inner: Printer, i: int) -> str:
        """The name of the values of all steps of a result."""
        item = self.block.parts[len(self.parts.carry) + i]
        outside = None if item is None else given_name(self.outer.entry.graph, item)
        name = simple(outside or "")
        if not name:
            text = inner.code(self.parts.rows[i]).text
            inside = re.sub(r"_\d+$", "", text) if text.isidentifier() else self._inside(inner, i)
            name = plural(inside) if i < len(self.parts.y) else f"{inside}_all"
        return target(self.outer, item, name)

    def _empty(self, i: int) -> str:
        """Where the values of all steps are put."""
        y = self.parts.rows[i]
        if self.test is not None:
            return "[]"
        length = self.node.attrs["length"] + int(i >= len(self.parts.y))
        if trips(y.shape) or (self.scalar and is_number(y)):
            text = str(length)
            return f"[None] * {text}" if text.isalnum() else f"[None] * ({text})"
        dtype = "bool_" if y.dtype.kind == "b" else y.dtype.name
        kind = "" if dtype == "float64" else f", np.{dtype}"
        return f"np.empty({format_shape((length, *y.shape))}{kind})"

    def _head(self, index: str, carries: list[str], consts: dict[Expr, Code]) -> None:
        p = self.outer
        if self.test is None:
            steps = f"range({self.node.attrs['length']})"
            steps = f"reversed({steps})" if self.node.attrs["reverse"] else steps
            p.line(f"for {index} in {steps}:", indent=self.indent)
            return
        program = self.block.programs["test"]
        inner = p.nested(program, self.indent)
        values = [Code(name) for name in carries] + list(consts.values())
        for parameter, code in zip(self.test.parameters, values, strict=True):
            inner.bind(parameter, code)
        lines = inner.statements()
        [out] = self.test.outputs
        text = inner.code(out).text
        if not lines:
            p.wrapped("while ", text, "", self.indent, end=":")
            return
        p.line("while True:", indent=self.indent)
        indented(p, lines, self.indent)
        p.line(f"if not {inner.code(out).at(12)}:", indent=self.indent + 1)
        p.line("break", indent=self.indent + 2)

    # ---- the body

    def _statements(self, inner: Printer, index: str, carries: list[str]) -> None:
        parts = self.parts
        read = self._times_read()
        for x, xs in zip(parts.x, parts.xs, strict=True):
            if read[x]:
                self._element(inner, index, x, xs, once=read[x] == 1)
        carried = set(parts.carry)
        self.stacks = [""] * len(parts.rows)
        for i, y in enumerate(parts.y):
            if y in carried:  # of the step before: kept while it is there
                self._keep(inner, index, i)
        self._take_names(inner, carries)
        inner.statements()
        for i, y in enumerate(parts.rows):
            if i >= len(parts.y) or y not in carried:
                self._keep(inner, index, i)
        changed = [
            (name, result(inner, new))
            for name, new, c in zip(carries, parts.new, parts.carry, strict=True)
            if new is not c and inner.code(new).text != name
        ]
        self._assign(inner, changed)

    def _times_read(self) -> Counter[Expr]:
        """How often the source of the body mentions each name; in a block inside, many times."""
        times: Counter[Expr] = Counter()
        outputs = [*self.parts.new, *self.parts.rows]
        pending = [out for out in outputs if out not in self.body.materialised]
        times.update(out for out in outputs if out in self.body.materialised)
        for statement in self.body.statements:
            if isinstance(statement, Compute):
                pending += statement.node.args
            elif isinstance(statement, Block):
                pending += [*statement.node.args] * 2
        while pending:
            node = pending.pop()
            if node in self.body.materialised:
                times[node] += 1
            else:
                pending += node.args
        return times

    def _element(self, inner: Printer, index: str, x: Expr, xs: Expr, once: bool) -> None:
        start = 0
        if is_run(xs) and xs not in self.outer.program.materialised:
            start, xs = xs.attrs["index"][0][1], xs.args[0]
        source = self.outer.code(xs).at(13)
        if self.scalar and is_number(x) and xs not in self.outer.listed:
            listed = self.outer.namer.fresh(
                f"{safe(source) if source.isidentifier() else 'xs'}_list"
            )
            self.before.append(f"{listed} = {source}.tolist()")
            source = listed
        element = f"{source}[{index}{f' + {start}' if start else ''}]"
        if once and source.isidentifier() and not trips(x.shape):
            inner.codes[x] = Code(element)
            return
        base = safe(simple(str(x.attrs["name"])))
        name = base if base not in inner.namer.taken else inner.namer.fresh(f"{base}_{index}")
        inner.namer.taken.add(name)
        inner.bind(x, Code(name))
        inner.line(f"{name} = {element}")
        [steps] = trips(x.shape[:1]) or [None]
        if steps is not None and steps not in inner.counted:  # the stack of a loop inside
            inner.counted.add(steps)
            inner.line(f"{steps} = len({name})")

    def _keep(self, inner: Printer, index: str, i: int) -> None:
        y, stack = self.parts.rows[i], self._stack(inner, i)
        self.stacks[i] = stack
        text = inner.code(y).text
        if i >= len(self.parts.y) and not self.node.attrs["reverse"]:
            index = f"{index} + 1"
        if self.test is None:
            inner.wrapped(f"{stack}[{index}] = ", text, "", 1)
        else:
            inner.line(f"{stack}.append({text})")

    def _take_names(self, inner: Printer, carries: list[str]) -> None:
        """New carries that are computed after the last use of the old ones bear their names."""
        last = last_reads(self.body)
        carried = set(self.parts.carry)
        outputs = [*self.parts.new, *[y for y in self.parts.y if y not in carried]]
        at_end = mentioned(self.body, [out for out in outputs if out not in self.body.materialised])
        at_end |= {out for out in outputs if out in carried}
        places = {
            value: i
            for i, s in enumerate(self.body.statements)
            for value in getattr(s, "values", ())
        }
        for c, new, name in zip(self.parts.carry, self.parts.new, carries, strict=True):
            place = places.get(new)
            free = place is not None and last.get(c, -1) <= place and c not in at_end
            statement = None if place is None else self.body.statements[place]
            plain = getattr(statement, "how", "") in ("fresh", "into")
            plain = plain or (isinstance(statement, Block) and self._goes_on(statement, c, new))
            if free and plain and new not in inner.namer.names:
                inner.namer.names[new] = name
        self._hand_on(inner, carries, last, places, at_end | set(outputs))

    def _goes_on(self, block: Block, c: Expr, new: Expr) -> bool:
        """Whether a loop inside carries on what this one carries, and reads it nowhere else."""
        if block.node.op is not LOOP or new not in set(block.parts[: block.node.attrs["carries"]]):
            return False
        args = enumerate(block.node.args)
        reading = [i for i, arg in args if c in mentioned(self.body, [arg])]
        count = block.node.attrs["carries"]
        return all([i < count and block.parts[i] is new for i in reading])

    def _hand_on(
        self,
        inner: Printer,
        carries: list[str],
        last: dict[Expr, int],
        places: dict[Expr, int],
        kept: set[Expr],
    ) -> None:
        """What is called like a carry, computed when that is not read again, takes its name."""
        computed = [s for s in self.body.statements if isinstance(s, Compute)]
        heir = {s.over: s.node for s in computed if s.over is not None}

        def dies(value: Expr) -> float:
            """The last statement that reads a value, or what is written over it."""
            end = math.inf if value in kept else last.get(value, math.inf)
            while value in heir:
                value = heir[value]
                end = max(end, math.inf if value in kept else last.get(value, math.inf))
            return end

        for c, new, name in zip(self.parts.carry, self.parts.new, carries, strict=True):
            end = places.get(new)
            if end is None or inner.namer.names.get(new) != name or c in kept:
                continue
            # a loop gives its carry a value at its head, and its body may read the old one
            at_head = isinstance(self.body.statements[end], Block)
            free: float = last.get(c, -1)
            for value, place in places.items():
                statement = self.body.statements[place]
                plain = getattr(statement, "how", "") in ("fresh", "into")
                if dies(value) > end or (at_head and dies(value) == end):
                    continue
                if not plain or free > place or value in inner.namer.names:
                    continue
                given = given_name(self.graph, value)
                if given is not None and safe(simple(given)) == name:
                    inner.namer.names[value] = name
                    free = dies(value)

    def _assign(self, inner: Printer, changed: list[tuple[str, str]]) -> None:
        names = [name for name, _ in changed]
        clash = any(
            re.search(rf"\b{name}\b", text)
            for i, name in enumerate(names)
            for _, text in changed[i + 1 :]
        )
        if clash:
            inner.wrapped(f"{', '.join(names)} = ", ", ".join([text for _, text in changed]), "", 1)
            return
        for name, text in changed:
            inner.wrapped(f"{name} = ", text, "", 1)

    # ---- what comes after

    def _after(self, carries: list[str]) -> None:
        p, length = self.outer, self.node.attrs["length"]
        listed = self.test is not None or self.scalar
        for i, (name, y) in enumerate(zip(self.stacks, self.parts.rows, strict=True)):
            if self.test is not None and not i:
                p.line(f"{length} = len({name})", indent=self.indent)
            if trips(y.shape):
                continue  # a list of stacks, each as high as its loop went round
            item = self.block.parts[len(self.parts.carry) + i]
            if item is not None and self._goes_on_as_list(item, y):
                p.listed.add(item)
                continue
            if listed and (self.test is not None or is_number(y)):
                dtype = "bool_" if y.dtype.kind == "b" else y.dtype.name
                text = f"np.array({name}, np.{dtype})"
                if y.shape:  # perhaps there are none
                    text += f".reshape({format_shape((length, *y.shape))})"
                p.line(f"{name} = {text}", indent=self.indent)
        for item, name, c in zip(self.block.parts, carries, self.parts.carry, strict=False):
            if self.crosses and item is not None:
                dtype = "bool_" if c.dtype.kind == "b" else c.dtype.name
                p.line(f"{name} = np.{dtype}({name})", indent=self.indent)

    def _goes_on_as_list(self, item: Expr, y: Expr) -> bool:
        """Whether only other loops on Python's numbers go along the values of all steps."""
        program = self.outer.program
        outputs = program.entry.graph.outputs.values()
        if not (self.scalar and is_number(y)) or item in mentioned(program, outputs):
            return False
        for statement in program.statements:
            if isinstance(statement, Block) and statement.node.op is LOOP and statement.scalar:
                parts = Parts.of(statement.node)
                read = (*parts.init, *parts.consts)
            elif isinstance(statement, (Compute, Block)):
                read = statement.node.args
            else:
                read = (statement.node,) if isinstance(statement, Commit) else ()
            if item in mentioned(program, read):
                return False
        return True
