"""``docs/ops.md``: every public operation, from what the registry knows of it.

``python -m tests.documents.ops`` writes it. Signature, meaning and conventions are those of the
docstring; the equations come from the ops, the derivatives from their own rules; the errors are
those that ``make accuracy`` measured last, from ``docs/accuracy.json``.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import symgrad.ops
from symgrad.errors import DTypeError, SymgradError
from symgrad.ir import provenance
from symgrad.ir.code import Code
from symgrad.ir.graph import Graph
from symgrad.ir.node import Expr, as_expr, identity, literal
from symgrad.ir.op import FUNCTIONS, NAMESPACES, OPS, Example, Op
from symgrad.ops.leaf import INPUT
from symgrad.viz.outline import Outline
from symgrad.viz.typeset import SYMBOL, name_latex, write
from tests.accuracy.report import ulps
from tests.ops.registry_cases import COMPOSED

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "ops.md"
DATA = ROOT / "docs" / "accuracy.json"

HEADER = """\
# Operations

Every function below is `sg.<name>`, and so is its NumPy namesake called on an expression: same
arguments, same defaults, same rules for shapes and dtypes. Where a function is in a namespace,
its full name is given.

An equation for $f$ is what the operation computes. For an operation of numbers,
$\\partial f / \\partial x$ is its slope at each element. For one of arrays, $\\bar f$ is the
cotangent of the result (the gradient of the loss with respect to it), and $\\bar x$ what the
operation makes of it. A function without a derivative of its own is a composition of others, and
has theirs.

Errors are the largest in units in the last place (ulps) over the points of
[Measured accuracy](accuracy.md), in float64 and float32.

<!-- made by python -m tests.documents.ops -->
"""


@dataclass(frozen=True)
class Entry:
    """A public function, under all its names."""

    names: tuple[str, ...]
    function: Callable[..., Any]
    op: Op | None

    @property
    def name(self) -> str:
        return self.names[0]


def entries() -> dict[str, list[Entry]]:
    """Family module -> its public functions, in the order of their declaration."""
    assert symgrad.ops.FAMILIES
    names: dict[int, list[str]] = {}
    functions: dict[int, Callable[..., Any]] = {}
    tables = [("", FUNCTIONS), *((f"{space}.", table) for space, table in NAMESPACES.items())]
    for prefix, table in tables:
        for name, fn in table.items():
            functions[id(fn)] = fn
            names.setdefault(id(fn), []).append(f"{prefix}{name}")
    found: dict[str, list[Entry]] = {}
    for key, fn in functions.items():
        own = fn.__name__
        order = sorted(names[key], key=lambda n: (n != own, n))
        op = getattr(fn, "op", None) or OPS.get(own)
        found.setdefault(fn.__module__, []).append(Entry(tuple(order), fn, op))
    families = [f"symgrad.ops.{family}" for family in symgrad.ops.FAMILIES]
    rank = {module: i for i, module in enumerate(families)}
    for module in found:
        found[module].sort(key=lambda e: _line(e.function))
    return dict(sorted(found.items(), key=lambda item: (rank.get(item[0], len(rank)), item[0])))


def _line(fn: Callable[..., Any]) -> int:
    return int(inspect.unwrap(fn).__code__.co_firstlineno)


# ---------------------------------------------------------------- text


def signature(fn: Callable[..., Any]) -> str:
    parameters = [
        p.replace(annotation=inspect.Parameter.empty)
        for p in inspect.signature(inspect.unwrap(fn)).parameters.values()
    ]
    made = inspect.Signature(parameters)
    return re.sub(r"<[^<>]*>", "...", str(made))


def meaning(fn: Callable[..., Any]) -> str:
    """The first paragraph of the docstring."""
    return _plain((inspect.getdoc(fn) or "").partition("\n\n")[0])


def notes(fn: Callable[..., Any]) -> str:
    """The section `Notes`."""
    found = re.search(
        r"^Notes\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", inspect.getdoc(fn) or "", re.M | re.S
    )
    return _plain(found[1]) if found else ""


def _plain(text: str) -> str:
    """Lines joined; roles of reStructuredText and double backquotes as Markdown."""
    text = re.sub(r":\w+:`([^`]*)`", r"`\1`", " ".join(text.split()))
    text = (
        re.sub(r"(?<=\w)_(?=\w)|(?<!`)(\*)(?!`)", lambda m: "\\" + m[0], re.sub("``", "`", text))
        if "`" not in text
        else re.sub("``", "`", text)
    )
    return text


# ---------------------------------------------------------------- equations


def leaf(name: str, shape: Any = (), dtype: Any = "float64") -> Expr:
    return identity(INPUT, {"name": name, "shape": tuple(shape), "dtype": np.dtype(dtype)})


def equations(entry: Entry) -> list[str]:
    """What the function computes and its derivatives, each as ``left = right``."""
    with provenance.quiet():
        if entry.op is None:
            return _of_a_composition(entry)
        for example in entry.op.examples:
            if made := _of_an_op(entry.op, example):
                return made
    return []


def _inputs(example: Example, names: Sequence[str], scalar: bool) -> list[Expr]:
    dtypes = example.dtypes or ("float64",) * len(example.shapes)
    return [
        leaf(name, () if scalar else shape, dtype)
        for name, shape, dtype in zip(names, example.shapes, dtypes, strict=False)
    ]


def _of_a_composition(entry: Entry) -> list[str]:
    for example in COMPOSED.get(entry.name, ()):
        leaves = _inputs(example, "xyzuvw", False)
        node = as_expr(example.build(*leaves))
        return _typeset("f", node, {}, {x: str(x.attrs["name"]) for x in leaves})
    return []


def _of_an_op(op: Op, example: Example) -> list[str]:
    """The op on the arguments of an example, and its derivatives by its own rule."""
    scalar = op.elementwise
    parameters = getattr(op, "parameters", ())
    names = parameters if len(parameters) == len(example.shapes) else "xyzuvw"
    leaves = _inputs(example, names, scalar)
    try:
        node = as_expr(example.build(*leaves))
    except SymgradError:  # its arguments cannot be numbers
        return []
    if node.op is not op:
        return []
    known = {x: str(x.attrs["name"]) for x in leaves}
    slopes: dict[str, Expr | None] = {}
    if node.dtype.kind == "f" and op.has_derivative and leaves:
        seed = literal(1, node.dtype) if scalar else leaf("seed", node.shape)
        if not scalar:
            known[seed] = r"\bar f"
        needs = tuple(arg in known and arg.dtype.kind == "f" for arg in node.args)
        try:
            found = op.vjp(node, seed, needs)
        except DTypeError:
            found = [None] * len(needs)
        for arg, slope, need in zip(node.args, found, needs, strict=True):
            if need:
                name = name_latex(known[arg])
                left = rf"\frac{{\partial f}}{{\partial {name}}}" if scalar else rf"\bar {name}"
                slopes[left] = slope
    return _typeset("f", node, slopes, known)


def _typeset(
    head: str, node: Expr, slopes: dict[str, Expr | None], names: dict[Expr, str]
) -> list[str]:
    lines = []
    texts = {x: Code(n if n.startswith("\\") else name_latex(n), SYMBOL) for x, n in names.items()}
    if node in texts:
        return []
    lines.append(f"{head} = {_write(node, dict(texts))}")
    texts[node] = Code(head, SYMBOL)
    for left, slope in slopes.items():
        right = "0" if slope is None else _write(slope, dict(texts))
        lines.append(f"{left} = {right}")
    return lines


_LIMIT = 400


def _write(root: Expr, texts: dict[Expr, Code]) -> str:
    """The right side; what is used twice, or would make it too long, gets an equation below."""
    if root in texts:
        return texts[root].text
    labels = {"root": root}
    graph = Graph(labels)
    known = dict(texts)
    order = [n for n in graph.nodes()]

    class Known(Outline):
        def _stands_alone(self, node: Expr) -> bool:
            return node is root or node in known

    outline = Known(graph)
    symbols: dict[Expr, Code] = {}

    def refer(node: Expr, number: int | None) -> Code:
        symbols[node] = known.get(node) or Code("" if node is root else f"v_{{{number}}}", SYMBOL)
        return symbols[node]

    numbers = {n: i for i, n in enumerate(order)}
    heads = outline.heads(write, refer, _LIMIT)
    parts = [(n, t) for n, t in heads.items() if t and n not in known and n is not root]
    renumbered = _renumber([symbols[n].text for n, _ in parts])
    text = heads[root]
    tail = "".join(
        rf",\quad {symbols[n].text} = {t}" for n, t in sorted(parts, key=lambda p: numbers[p[0]])
    )
    out = text + tail
    for old, new in renumbered.items():
        out = out.replace(old, f"\0{new}")
    return out.replace("\0", "")


def _renumber(symbols: list[str]) -> dict[str, str]:
    return {s: f"v_{{{i + 1}}}" for i, s in enumerate(symbols)}


# ---------------------------------------------------------------- errors


def errors(name: str, data: dict[str, Any]) -> str:
    """``value 1.0 ulps (float32: 2.1), gradient 1.7 ulps (2.6)``."""
    results = data["cases"].get(name, {}).get("results", {})
    parts = []
    for what in ("value", "gradient"):
        double, single = (_worst(results, dtype, what) for dtype in ("float64", "float32"))
        if double is not None:
            more = f" (float32: {ulps(single)})" if single is not None else ""
            parts.append(f"{what} {ulps(double)} ulps{more}")
    return ", ".join(parts)


def _worst(results: dict[str, Any], dtype: str, what: str) -> Any:
    return results.get(dtype, {}).get(what, {}).get("symgrad", {}).get("worst")


# ---------------------------------------------------------------- the page


def page(data: dict[str, Any]) -> str:
    """The document."""
    parts = [HEADER]
    for module, found in entries().items():
        title = (importlib.import_module(module).__doc__ or module).partition("\n")[0]
        parts.append(f"\n## {_plain(title.rstrip('.'))}\n")
        for entry in found:
            parts.append(_entry(entry, data))
    return "".join(parts)


def _entry(entry: Entry, data: dict[str, Any]) -> str:
    lines = [f"\n### {entry.name}\n", f"`{entry.name}{signature(entry.function)}`"]
    others = [n for n in entry.names[1:]]
    if others:
        lines.append(f" (also {', '.join(f'`{n}`' for n in others)})")
    text = meaning(entry.function)
    if text:
        lines.append(f"\n\n{text}")
    made = equations(entry)
    if made:
        body = " \\\\\n".join(line.replace(" = ", " &= ", 1) for line in made)
        lines.append(f"\n\n```math\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n```")
    if convention := notes(entry.function):
        lines.append(f"\n\n{convention}")
    measured = errors(entry.op.name if entry.op is not None else entry.name, data)
    if measured:
        lines.append(f"\n\nMeasured error: {measured}.")
    head, *rest = lines
    return head + "\n" + "".join(rest) + "\n"


def measured() -> dict[str, Any]:
    """What ``make accuracy`` wrote last; nothing, if it never did."""
    if not DATA.exists():
        return {"cases": {}}
    data: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    return data


if __name__ == "__main__":
    PAGE.write_text(page(measured()), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
