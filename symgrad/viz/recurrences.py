r"""Loops as recurrences, branches as cases: equations of what their bodies compute."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from symgrad.ir.code import Code
from symgrad.ir.graph import Graph, topological
from symgrad.ir.node import LITERAL, Expr
from symgrad.ir.region import Region, regions
from symgrad.ir.size import Dim, Size
from symgrad.ops.called import called
from symgrad.ops.item import ITEM
from symgrad.ops.loop import ABSENT, BRANCH, LOOP, Parts, trips
from symgrad.plan.names import given_name
from symgrad.viz.outline import Outline
from symgrad.viz.typeset import ATOM, BIG, SYMBOL, at, name_latex, write

__all__ = ["Recurrences", "indexed"]

_INDICES = ("t", "s", "r", "q", "p")
_LETTERS = "uwzpq"

#: (outline of a body, symbols of its leaves and outputs, letter of what has no name, index of what
#: differs from step to step) -> equations
Typeset = Callable[[Outline, dict[Expr, Code], str, str], list[str]]


def indexed(name: str, index: str) -> Code:
    r"""A name with an index, also where it is that of a cotangent or tangent.

    Examples
    --------
    >>> indexed("h", "t").text, indexed("h_all", "t").text, indexed("d_h", "t-1").text
    ('h_{t}', 'h_{\\mathrm{all}, t}', '\\frac{\\partial L}{\\partial h_{t-1}}')
    """
    if name.startswith("d_") and len(name) > 2:
        return Code(rf"\frac{{\partial L}}{{\partial {indexed(name[2:], index).text}}}", ATOM)
    if name.startswith("t_") and len(name) > 2:
        return Code(rf"\dot{{{indexed(name[2:], index).text}}}", SYMBOL)
    return with_index(Code(name_latex(name), SYMBOL), index)


def with_index(code: Code, index: str) -> Code:
    """A symbol, or an expression in parentheses, with an index."""
    if code.precedence == SYMBOL and code.text.endswith("}") and "_{" in code.text:
        return Code(f"{code.text[:-1]}, {index}}}", SYMBOL)
    fraction = re.fullmatch(r"\\frac\{\\partial L\}\{\\partial (.*)\}", code.text)
    if fraction:
        below = with_index(Code(fraction[1], SYMBOL), index)
        return Code(rf"\frac{{\partial L}}{{\partial {below.text}}}", ATOM)
    return Code(f"{at(code, SYMBOL)}_{{{index}}}", SYMBOL)


class Recurrences:
    """Writes blocks: their equations, and what their results are called outside of them.

    Parameters
    ----------
    typeset : callable
        Writes the equations of a body.
    """

    def __init__(self, typeset: Typeset) -> None:
        self.typeset = typeset
        self.lines: dict[Expr, list[str]] = {}
        self.results: dict[Expr, dict[int, Code]] = {}
        #: (result of a loop) -> what its element is called where another loop goes along it
        self.elements: dict[Expr, dict[int, Callable[[str], Code]]] = {}
        #: (loop, its result) -> all values of a carry but the last, and all but the first
        self.runs: dict[tuple[Expr, int], list[tuple[Code, Callable[[str], Code]]]] = {}
        self._names: dict[Expr, list[str]] = {}
        self._taken: set[str] = set()
        self._letters: dict[Expr, str] = {}
        self._counts: dict[str, str] = {}
        self._depth = 0
        self._cases = 0

    def block(self, graph: Graph, node: Expr, args: Sequence[Code], own: dict[int, Code]) -> None:
        """Write a loop or branch whose arguments are typeset, and some of whose results named."""
        if node not in self._letters:
            self._letters[node] = _LETTERS[len(self._letters) % len(_LETTERS)]
        if node.op is LOOP:
            self._loop(graph, node, args)
        else:
            self._sides(graph, node, args, own)

    # ---- names

    def _unique(self, node: Expr, wanted: Sequence[str]) -> list[str]:
        """Names that no other block has, the same each time that they are asked for."""
        if node not in self._names:
            found = []
            for name in wanted:
                unique, count = name, 1
                while unique in self._taken:
                    count += 1
                    unique = f"{name}_{count}"
                self._taken.add(unique)
                found.append(unique)
            self._names[node] = found
        return self._names[node]

    def _steps(self, node: Expr) -> str:
        length: Size | None = node.attrs["length"]
        if node.attrs["test"] is None and not trips(length):
            return length.latex() if isinstance(length, Dim) else str(length)
        key = next(iter(trips(length))) if length is not None else f"{id(node)}"
        count = len(self._counts)
        return self._counts.setdefault(key, f"K_{{{count + 1}}}" if count else "K")

    # ---- loops

    def _loop(self, graph: Graph, node: Expr, args: Sequence[Code]) -> None:
        parts = Parts.of(node)
        n, m = len(parts.carry), len(parts.carry) + len(parts.x)
        t, steps = _INDICES[self._depth % len(_INDICES)], self._steps(node)
        own = [str(c.attrs["name"]) for c in parts.carry]
        rows = [(given_name(graph, y) or called(y)).rpartition(".")[2] for y in parts.y]
        names = self._unique(node, [*own, *rows])
        presets: dict[Expr, Code] = {}
        new: list[Code] = []
        lines: list[str] = []
        results: dict[int, Code] = {}
        ways: dict[Expr, Callable[[str], Code]] = {}
        sums = _sums(parts)
        region: Region = node.attrs["body"]
        outputs = list(region.outputs)
        for i, (c, name) in enumerate(zip(parts.carry, names, strict=False)):
            if i in sums:  # what is added at each step, and the sum of that
                outputs[i] = sums[i]
                new.append(indexed(name, t))
                total = rf"\sum_{{{t} = 1}}^{{{steps}}} {new[-1].text}"
                results[i] = Code(total, BIG)
                presets[c] = Code("0", ATOM)
                continue
            before, after, first, last = _indices(name, t, steps, node.attrs["reverse"])
            presets[c] = indexed(name, before(t))
            new.append(indexed(name, after(t)))
            start = indexed(name, first).text
            if start != args[i].text:
                lines.append(f"{start} &= {args[i].text}")
            results[i] = indexed(name, last)
            ways[c] = lambda at_, name=name, before=before: indexed(name, before(at_))  # type: ignore[misc]
            ways.setdefault(
                parts.new[i],
                lambda at_, name=name, after=after: indexed(name, after(at_)),  # type: ignore[misc]
            )
        for x, arg, code in zip(parts.x, parts.xs, args[n:m], strict=True):
            presets[x] = self._element(arg, code, t)
        presets |= dict(zip(parts.const, args[m:], strict=True))
        elements: dict[int, Callable[[str], Code]] = {}
        for j, (y, name) in enumerate(zip(parts.y, names[n:], strict=True)):
            way = ways.get(y, lambda at_, name=name: indexed(name, at_))
            elements[n + j] = way
            results[n + j] = _all(way, steps)
        for j, i in enumerate(node.attrs.get("trails", ()), n + len(parts.y)):
            name, reverse = names[i], node.attrs["reverse"]
            before, after, *_ = _indices(name, t, steps, reverse)
            runs = [_way(name, of) for of in ((after, before) if reverse else (before, after))]
            self.runs[node, j] = [(_all(way, steps), way) for way in runs]
            late = reverse and not name.startswith("d_")
            results[j] = indexed(name, f"1:{steps}+1" if late else f"0:{steps}")
        outs = [*new, *[elements[n + j](t) for j in range(len(parts.y))]]
        outs = [
            code if i < n or parts.y[i - n] not in ways else None  # type: ignore[misc]
            for i, code in enumerate(outs)
        ]
        self._depth += 1
        body = self._body(graph, node, outputs, presets, outs, t)
        condition = ""
        if node.attrs["test"] is not None:
            values = dict(
                zip(
                    node.attrs["test"].parameters,
                    [presets[p] for p in (*parts.carry, *parts.const)],
                    strict=True,
                )
            )
            test = self._body(
                graph, node, node.attrs["test"].outputs, values, [Code("?", SYMBOL)], t
            )
            lines += test[:-1]
            condition = rf" \text{{ while }} {test[-1].partition('&= ')[2]}"
        self._depth -= 1
        if body:
            order = f"{steps}, \\dots, 1" if node.attrs["reverse"] else f"1, \\dots, {steps}"
            body[-1] += rf", \quad {t} = {order}{condition}"
        self.lines[node] = [*lines, *body]
        self.results[node], self.elements[node] = results, elements

    def _element(self, arg: Expr, code: Code, t: str) -> Code:
        """An element of what a loop goes along."""
        run = arg.op.name == "getitem" and arg.args[0].op is ITEM
        item = arg.args[0] if run else arg
        if item.op is not ITEM:
            return with_index(code, t)
        place = (item.args[0], item.attrs["part"])
        if run and place in self.runs and arg.attrs["index"][0][0] == "slice":
            start: int = arg.attrs["index"][0][1]
            return self.runs[place][start][1](t)
        way = None if run else self.elements.get(place[0], {}).get(place[1])
        return with_index(code, t) if way is None else way(t)

    # ---- branches

    def _sides(self, graph: Graph, node: Expr, args: Sequence[Code], own: dict[int, Code]) -> None:
        lead = args[:1] if node.op is BRANCH else ()
        sides = [region for _, region in regions(node)]
        count = len(sides[0].outputs)
        real = [
            next(side.outputs[i] for side in sides if side.outputs[i].op is not ABSENT)
            for i in range(count)
        ]
        names = self._unique(node, [called(out) for out in real])
        self.results[node] = {
            i: own.get(i, Code(name_latex(name), SYMBOL)) for i, name in enumerate(names)
        }
        self.elements[node] = {}
        lines: list[str] = []
        values: list[list[str]] = []
        self._depth += 1
        for key, side in regions(node):
            presets = dict(zip(side.parameters, args[len(lead) :], strict=True))
            outs = self._of_side(side, names, key)
            made = self._body(graph, node, side.outputs, presets, outs, "")
            texts = {}
            for line in made:
                symbol, _, text = line.partition(" &= ")
                if symbol.startswith("?"):  # it stands nowhere but in its case
                    texts[symbol] = text
                else:
                    lines.append(line)
            values.append([texts.get(code.text, code.text) for code in outs])
        self._depth -= 1
        for i, code in self.results[node].items():
            if not lead:
                lines.append(f"{code.text} &= {values[0][i]}")
                continue
            yes, no = values[0][i], values[1][i]
            lines.append(
                rf"{code.text} &= \begin{{cases}} {yes} & \text{{if }} {lead[0].text} \\ "
                rf"{no} & \text{{otherwise}} \end{{cases}}"
            )
        self.lines[node] = lines

    def _of_side(self, side: Region, names: Sequence[str], key: str) -> list[Code]:
        """Symbols of what a side gives: of its own, if the side reads it as well."""
        read = {arg for node in topological(side.outputs) for arg in node.args}
        known: dict[Expr, Code] = {}
        found = []
        for name, out in zip(names, side.outputs, strict=True):
            if out not in known:
                self._cases += 1
                own = name_latex(f"{name}_{key}") if out in read else f"?{self._cases}"
                known[out] = Code(own, SYMBOL)
            found.append(known[out])
        return found

    # ---- bodies

    def _body(
        self,
        graph: Graph,
        node: Expr,
        outputs: Sequence[Expr],
        presets: dict[Expr, Code],
        outs: Sequence[Code | None],
        index: str,
    ) -> list[str]:
        """The equations of a region; None for an output that has an equation already."""
        symbols = dict(presets)
        again: list[tuple[Code, Expr]] = []
        for out, code in zip(outputs, outs, strict=True):
            if code is None or (out in symbols and symbols[out].text == code.text):
                continue
            if out in symbols or (out.op is LITERAL and not out.shape):
                again.append((code, out))
            else:
                symbols[out] = code
        inner = Graph({str(i): out for i, out in enumerate(outputs)}, graph.origins)
        outline = Outline(inner)
        for i, out in enumerate(outputs):  # its place is no name
            if outline.names.get(out) == str(i):
                del outline.names[out]
        if node.op is not LOOP:  # what a side names is known there alone
            outline.names = {n: name for n, name in outline.names.items() if not n.args}
        lines = self.typeset(outline, symbols, self._letters[node], index)
        for code, out in again:
            text = symbols[out].text if out in symbols else write(out, []).text
            lines.append(f"{code.text} &= {text}")
        return lines


def _sums(parts: Parts) -> dict[int, Expr]:
    """Carries that only add up, from 0, and what they add at each step."""
    used = Counter(parts.rows)
    for node in topological([*parts.new, *parts.rows]):
        used.update(node.args)
    found = {}
    for i, (c, new, start) in enumerate(zip(parts.carry, parts.new, parts.init, strict=True)):
        if new.op.name != "add" or used[c] != 1 or used[new] or not _is_zero(start):
            continue
        a, b = new.args
        term = b if a is c else a if b is c else None
        if term is not None and term.aval == c.aval:
            found[i] = term
    return found


def _is_zero(x: Expr) -> bool:
    return x.op.name == "zeros" or (x.op is LITERAL and not x.attrs["value"].array.any())


def _indices(
    name: str, t: str, steps: str, reverse: bool
) -> tuple[Callable[[str], str], Callable[[str], str], str, str]:
    """Indices of a carry before and after a step, before the first and after the last."""
    if not reverse:
        return (lambda at_: f"{at_}-1"), (lambda at_: at_), "0", steps
    if name.startswith("d_"):  # of the value of a step, from those after it
        return (lambda at_: at_), (lambda at_: f"{at_}-1"), steps, "0"
    return (lambda at_: f"{at_}+1"), (lambda at_: at_), f"{steps}+1", "1"


def _way(name: str, of: Callable[[str], str]) -> Callable[[str], Code]:
    return lambda at_: indexed(name, of(at_))


def _all(way: Callable[[str], Code], steps: str) -> Code:
    """The values of all steps: ``h_{1:T}``, ``h_{0:T-1}``."""
    code = way("@").text
    index = re.search(r"@([-+]1)?\}", code)
    shift = index[1] if index and index[1] else ""
    low, high = {"": ("1", steps), "-1": ("0", f"{steps}-1"), "+1": ("2", f"{steps}+1")}[shift]
    return Code(code.replace(f"@{shift}", f"{low}:{high}"), SYMBOL)
