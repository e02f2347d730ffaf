"""A module of generated source: entries, what they call, and the tables they share."""

from __future__ import annotations

import builtins
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from symgrad.emit import prelude
from symgrad.emit.blocks import with_trips_named
from symgrad.emit.literals import quoted
from symgrad.emit.names import safe
from symgrad.emit.printer import Context, Printer
from symgrad.emit.scalars import converted, scalar_names
from symgrad.emit.signature import Signature
from symgrad.emit.unpacking import bound, kinds, slots_unpacked, unpacking
from symgrad.errors import CompileError
from symgrad.ir.aval import format_shape
from symgrad.ir.graph import Graph
from symgrad.ir.imports import bound_names
from symgrad.ir.node import LITERAL, Expr
from symgrad.ir.op import OPS, Op
from symgrad.ir.size import Dim, symbols_in
from symgrad.ops.labels import Within
from symgrad.plan.program import Entry, Program
from symgrad.plan.scalars import is_number

__all__ = [
    "EntrySource",
    "entry_name",
    "leaf_names",
    "module_source",
    "print_entry",
    "runtime_source",
]

_ERRORS = ("ShapeError", "DTypeError", "CompileError", "NonFiniteError")
_TABLES = ("PARAMS", "STATES")
_WIDTH = 96
_BASE_RESERVED = frozenset(
    {"np", "base64", "threading", "params", "opt_state", "rng", "key", "residuals", "cotangent"}
    | {"grads", "arrays", "states", "slots"}
    | set(_ERRORS)
    | set(_TABLES)
    | {name for name in vars(prelude) if inspect.isfunction(getattr(prelude, name))}
)

#: prelude function -> what it mentions
_NEEDS = {
    "_array": ("ShapeError", "DTypeError"),
    "_sized": ("ShapeError",),
    "_within": ("CompileError",),
    "_require": ("ShapeError",),
    "_unpack": ("ShapeError", "DTypeError", "CompileError"),
    "_key": ("CompileError",),
    "_called": ("ShapeError", "DTypeError", "CompileError"),
    "_finite": ("NonFiniteError",),
}


@dataclass
class EntrySource:
    """The text of one entry, and what it needs of its module.

    Parameters
    ----------
    name, text : str
    prelude : set of str
        Functions of ``emit.prelude`` that it calls.
    kernels : dict of str to function
        What NumPy lacks.
    constants : dict of str to str
        Literal arrays.
    helpers : dict of str to str
        Functions that were generated with it.
    imports : set of str
        Import statements besides that of NumPy.
    arguments : dict of str to str
        Name of an input -> that of the argument.
    check : str
        The helper that takes the inputs and raises for what does not fit; "" without inputs.
    """

    name: str
    text: str = ""
    prelude: set[str] = field(default_factory=set)
    kernels: dict[str, Callable[..., Any]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    helpers: dict[str, str] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    arguments: dict[str, str] = field(default_factory=dict)
    check: str = ""


@cache
def _kernel_names() -> frozenset[str]:
    """What kernels, and the functions that they call, are named."""
    kernels = {n for op in OPS.values() for k in op.prelude() for n in k.__globals__}
    return frozenset(kernels | {n for op in OPS.values() for n in _imported_names(op)})


def _imported_names(op: Op) -> Iterator[str]:
    """What the imports of an op bind."""
    for statement in op.imports():
        yield from bound_names(statement)


def entry_name(name: str) -> str:
    """The user's name for a function, made safe, and no name that its source needs."""
    made = safe(name)
    return f"{made}_" if made in _BASE_RESERVED or made in _kernel_names() else made


def _slot_names(leaves: Iterable[Expr]) -> set[str]:
    """Names that the source gives to what an optimiser keeps."""
    found = {str(leaf.attrs["slot"]) for leaf in leaves if "slot" in leaf.attrs}
    return {name for kind in found for name in (f"SLOTS_{kind.upper()}", f"{kind}_list")}


def leaf_names(leaves: Iterable[Expr], declared: Graph) -> dict[Expr, str]:
    """Identifiers for leaves and literal arrays: the user's names made safe and unique."""
    names: dict[Expr, str] = {}
    leaves = list(leaves)
    taken = {*_BASE_RESERVED, *_slot_names(leaves)}
    arrays = [node for node in declared.nodes() if node.op is LITERAL and node.shape]
    for leaf in [*leaves, *arrays]:
        base = safe(str(leaf.attrs.get("name", "const")))
        base = base.upper() if leaf.op is LITERAL else base
        name, count = base, 1
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        names[leaf] = name
    return names


def _context(entry: Entry, names: dict[Expr, str], numbers: set[str]) -> Context:
    symbols = symbols_in(*[node.shape for node in [*entry.nodes(), *entry.inputs]])
    # the kernels of every op that could be called, and what is imported, keep their names
    kernels = {k.__name__ for node in entry.nodes() for k in node.op.prelude_of(node)}
    kernels.update(name for node in entry.nodes() for name in _imported_names(node.op))
    kernels |= numbers
    reserved = {*_BASE_RESERVED, *kernels, *_slot_names(entry.slots)}
    context = Context(reserved, leaf_names=dict(names))
    for symbol in sorted(symbols & (context.reserved | set(dir(builtins)))):
        raise CompileError(
            f"the size {symbol!r} bears a name that the generated source needs; rename it"
        )
    taken = set(names.values())
    for leaf, name in names.items():
        while name in symbols or name in kernels:  # a size keeps its name
            name += "_"
        while name != names[leaf] and name in taken:
            name += "_"
        context.leaf_names[leaf] = name
    context.sizes = symbols
    return context


def print_entry(
    program: Program,
    names: dict[Expr, str],
    arguments: Sequence[str],
    document: str,
    returns: Callable[[Callable[[str], str]], str],
    bounds: dict[Expr, Within] | None = None,
    debug: bool = False,
    given: Sequence[Expr | str] = (),
    writes: bool = False,
) -> EntrySource:
    """The source of one function.

    Parameters
    ----------
    program : Program
    names : dict of Expr to str
        Identifiers of the leaves.
    arguments : sequence of str
        The signature, in order.
    document : str
        The docstring.
    returns : callable
        Given a function from an output's label to its source, the text after ``return``.
    bounds : dict of Expr to Within
        Index inputs, and the size that they must stay below.
    debug : bool
        Check every value for NaN and infinities.
    given : sequence of Expr or str
        What ``residuals`` holds, in order: nodes and the names of sizes.
    writes : bool
        The caller's dictionaries are updated in place.
    """
    entry = program.entry
    context = _context(entry, names, scalar_names(program))
    context.reserved |= context.sizes
    signature = Signature(entry, context)
    helpers: dict[str, str] = {}
    body: list[str] = []
    check = ""
    if given:
        _unpack_residuals(given, signature, context, body)
    elif entry.inputs:
        check = _check_function(entry, signature, context, bounds or {}, helpers, body)
    if (seed := entry.typed_seed()) is not None:
        name = context.leaf_names[seed]
        body.append(f"{name} = np.{seed.dtype.name}({name})")
    slots = kinds(entry.slots)
    for kind, leaves in slots:
        if len(leaves) > 1:
            names_of = tuple([context.leaf_names[leaf] for leaf in leaves])
            context.lists[names_of] = f"{kind}_list"
            context.reserved.add(f"{kind}_list")
    unpacked = len(body)  # slots are named once it is known which loops go through them all
    for table, leaves in [
        ("PARAMS", entry.params),
        ("STATES", entry.states if _are_read(entry.states, entry) else []),
    ]:
        if leaves:
            names_of = tuple([context.leaf_names[p] for p in leaves])
            written = [str(p.attrs["name"]) for p in leaves if entry.commits.get(p, p) is not p]
            some = len(written) == len(leaves) or written
            body += unpacking(names_of, "params", table, writes and some)
            context.use("_unpack")
            unpacked = len(body)
    body += signature.sizes_of([*entry.params, *entry.states])
    body += signature.checks()
    if entry.draws and any(node in entry.draws for node in entry.nodes()) and not given:
        context.use("_key")
        body.append("key = _key(rng)")
    if program.buffers:
        _workspace(program, context, helpers, body)
    if program.scalar:
        for x in entry.inputs:
            if not x.shape and is_number(x):
                name = context.leaf_names[x]
                body.append(f"{name} = {converted(name, x.dtype)}")
    printer = Printer(program, context, debug)
    lines = ["    " + line for line in body]
    statements = printer.statements()
    if lines and statements:
        lines.append("")
    lines += statements

    def source_of(label: str) -> str:
        node = entry.graph.outputs[label]
        code = printer.code(node).text
        if program.scalar:
            return f"np.{_numpy_name(node.dtype)}({code})"
        return f"np.array({code})" if label in program.copies else code

    if slots:
        context.use("_unpack")
        lines[unpacked:unpacked] = slots_unpacked(slots, context, statements, writes)
    before = len(printer.lines)
    result = returns(source_of)
    lines += printer.lines[before:]
    if result:
        printer.lines = []
        printer.wrapped("return ", result, "", 1)
        lines += printer.lines
    moved = {name: context.leaf_names[leaf] for leaf, name in names.items()}
    if entry.inputs and not given:
        _forget_unused(lines, context.sizes)
    lines = with_trips_named(lines, printer.namer.taken)
    head = f"def {entry.name}({', '.join(moved.get(a, a) for a in arguments)}):"
    text = "\n".join(
        ['@np.errstate(all="ignore")', head, textwrap.indent(f'"""{document}"""', "    "), *lines]
    )
    return EntrySource(
        entry.name,
        text + "\n",
        context.prelude,
        context.kernels,
        dict(context.constants.values()),
        helpers,
        context.imports,
        {str(x.attrs["name"]): context.leaf_names[x] for x in entry.inputs},
        check,
    )


def _numpy_name(dtype: np.dtype[Any]) -> str:
    return "bool_" if dtype.kind == "b" else dtype.name


def _forget_unused(lines: list[str], sizes: set[str]) -> None:
    """Sizes that no statement reads get no name."""
    first, rest = lines[0], "\n".join(line.partition("# ")[0] for line in lines[1:])
    left, equals, right = first.partition(" = ")
    for size in sizes:
        if not re.search(rf"\b{size}\b", rest):
            left = re.sub(rf", {size}\b", ", _", left)
    lines[0] = left + equals + right


def _are_read(states: Sequence[Expr], entry: Entry) -> bool:
    """Whether an entry needs the states: their values, or the sizes that they decide."""
    read = {*entry.nodes(), *entry.commits}
    return any(s in read or any(isinstance(d, Dim) for d in s.shape) for s in states)


def _unpack_residuals(
    given: Sequence[Expr | str], signature: Signature, context: Context, body: list[str]
) -> None:
    from symgrad.emit.names import Namer

    namer = Namer(signature.entry.graph, context.reserved | set(context.leaf_names.values()))
    left = []
    for item in given:
        if isinstance(item, str):
            signature.bound.add(item)
            left.append(item)
        elif item in context.leaf_names:
            left.append(context.leaf_names[item])
        else:
            name = namer.name(item)
            context.leaf_names[item] = name
            left.append(name)
    body += bound(f"({left[0]},)" if len(left) == 1 else ", ".join(left), "residuals")


def _check_function(
    entry: Entry,
    signature: Signature,
    context: Context,
    bounds: dict[Expr, Within],
    helpers: dict[str, str],
    body: list[str],
) -> str:
    """The checks of data in a function of their own, the same for every entry; its name."""
    inputs = [context.leaf_names[x] for x in entry.inputs]
    lines = signature.inputs(bounds)
    # a name that says which inputs, where it can do so without doubt
    plain = len(inputs) <= 4 and not any("_" in name for name in inputs)
    name = f"_check_{'_'.join(inputs)}" if plain else f"_checked_{entry.name}"
    results = [*inputs, *sorted(signature.bound)]
    text = [f"def {name}({', '.join(inputs)}):"]
    text.append('    """Data as arrays of their declared dtypes and shapes; the sizes."""')
    text += ["    " + line for line in lines]
    text.append(f"    return {', '.join(results)}")
    helpers[name] = "\n".join(text) + "\n"
    body += bound(", ".join(results), f"{name}({', '.join(inputs)})")
    return name


def _workspace(
    program: Program,
    context: Context,
    helpers: dict[str, str],
    body: list[str],
) -> None:
    """A function that allocates the buffers, and the statement that fetches them."""
    context.use("_kept")
    sizes = sorted(symbols_in(*[buffer.shape for buffer in program.buffers]))
    name = f"_{program.entry.name}_buffers"
    text = [f"def {name}({', '.join(sizes)}):", '    """Memory that is kept between calls."""']
    text.append("    return (")
    for buffer in program.buffers:
        dtype = "bool_" if buffer.dtype.kind == "b" else buffer.dtype.name
        kind = "" if dtype == "float64" else f", np.{dtype}"
        text.append(f"        np.empty({format_shape(buffer.shape)}{kind}),")
    text.append("    )")
    helpers[name] = "\n".join(text) + "\n"
    names = [context.buffer(b.index) for b in program.buffers]
    left = ", ".join(names)
    call = ", ".join([name, *sizes])
    body += bound(f"({left},)" if len(names) == 1 else left, f"_kept({call})")
    context.reserved |= set(names)


def _table(name: str, leaves: Sequence[Expr]) -> str:
    lines = [f"{name} = {{"]
    for leaf in leaves:
        shape = ", ".join("None" if isinstance(d, Dim) else str(d) for d in leaf.shape)
        shape = f"({shape},)" if len(leaf.shape) == 1 else f"({shape})"
        lines.append(f'    {quoted(str(leaf.attrs["name"]))}: ({shape}, "{leaf.dtype.name}"),')
    return "\n".join([*lines, "}"])


def runtime_source(
    entries: Sequence[EntrySource],
    params: Sequence[Expr],
    states: Sequence[Expr],
    slots: Sequence[Expr],
) -> str:
    """Tables, constants, kernels and prelude that the entries need."""
    used: set[str] = set()
    kernels: dict[str, Callable[..., Any]] = {}
    constants: dict[str, str] = {}
    for entry in entries:
        used |= entry.prelude
        kernels.update(entry.kernels)
        constants.update(entry.constants)
    errors = {e for name in used for e in _NEEDS.get(name, ())}
    parts: list[str] = []
    tables = [("PARAMS", params), ("STATES", states)]
    tables += [(f"SLOTS_{name.upper()}", kind) for name, kind in kinds(slots)]
    shown = [_table(table, leaves) for table, leaves in tables if leaves]
    if shown:
        parts.append("\n\n".join(shown))
    if constants:
        parts.append("\n".join(f"{name} = {text}" for name, text in sorted(constants.items())))
    for error in _ERRORS:
        if error in errors:
            parts.append(inspect.getsource(getattr(prelude, error)).rstrip())
    for kernel in _closure(kernels):
        parts.append(kernel)
    if "_kept" in used:
        parts.append("_memory = threading.local()")
    for name, value in vars(prelude).items():
        if name in used and inspect.isfunction(value):
            parts.append(inspect.getsource(value).rstrip())
    helpers: dict[str, str] = {}
    for entry in entries:
        helpers.update(entry.helpers)
    parts += [text.rstrip() for text in helpers.values()]
    imports = ["import numpy as np", *sorted({one for e in entries for one in e.imports})]
    if "_kept" in used:
        imports.insert(0, "import threading\n")
    body = "\n\n\n".join(parts)
    if re.search(r"\bmath\.", body) or any(re.search(r"\bmath\.", e.text) for e in entries):
        imports.insert(0, "import math\n")
    if "base64." in body:
        imports.insert(0, "import base64")
    blank = "\n\n\n" if body.startswith(("class ", "def ", "@")) else "\n\n"
    return "\n".join(imports) + (blank + body if body else "") + "\n"


def _closure(kernels: dict[str, Callable[..., Any]]) -> list[str]:
    """Source of kernels and of what they call in their own files, callees first."""
    done: dict[str, str] = {}

    def visit(name: str, value: Any) -> None:
        if name in done:
            return
        if inspect.isfunction(value):
            done[name] = ""
            for other in value.__code__.co_names:
                found = value.__globals__.get(other)
                if found is not None and other != "np" and not inspect.ismodule(found):
                    visit(other, found)
            text = done.pop(name)
            text = inspect.getsource(value).rstrip()
            done[name] = text
        else:
            done[name] = _table_source(name, value)

    for name, kernel in sorted(kernels.items()):
        visit(name, kernel)
    return list(done.values())


#: package -> how it is written
_PROPER = {"scipy": "SciPy"}


def _table_source(name: str, value: Any) -> str:
    """The coefficients of a kernel, in lines of a readable length."""
    text = f"{name} = {value!r}"
    if len(text) <= _WIDTH or not isinstance(value, tuple):
        return text
    lines = textwrap.wrap(f"{repr(value)[1:-1]},", _WIDTH - 4, break_long_words=False)
    return "\n".join([f"{name} = (", *(f"    {line}" for line in lines), ")"])


def _with_packages(title: str, packages: Sequence[str]) -> str:
    """The title with a sentence on what the module needs besides NumPy."""
    first, _, rest = title.partition("\n")
    return "\n".join([first, "", f"It needs NumPy and {', '.join(packages)}.", rest])


def module_source(
    title: str,
    entries: Sequence[EntrySource],
    params: Sequence[Expr] = (),
    states: Sequence[Expr] = (),
    slots: Sequence[Expr] = (),
    extra: Sequence[str] = (),
) -> str:
    """The whole module, as it is saved."""
    packages = sorted({one.split()[1].partition(".")[0] for e in entries for one in e.imports})
    if packages:
        title = _with_packages(title, [_PROPER.get(name, name) for name in packages])
    parts = [f'"""{title}"""\n', runtime_source(entries, params, states, slots)]
    for text in [*extra, *(entry.text for entry in entries)]:
        parts.append("\n\n" + text)
    return "\n".join(parts[:2]) + "".join(parts[2:])
