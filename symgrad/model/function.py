"""``sg.function``: expressions become a callable."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from symgrad.emit.equations import equations
from symgrad.emit.module import (
    EntrySource,
    entry_name,
    leaf_names,
    module_source,
    print_entry,
    runtime_source,
)
from symgrad.errors import CompileError, DeclarationError, DTypeError, SymgradError
from symgrad.ir.aval import format_shape
from symgrad.ir.checks import Check
from symgrad.ir.graph import Graph
from symgrad.ir.node import Expr, as_expr
from symgrad.ir.region import everything
from symgrad.model import tree as trees
from symgrad.model.artefact import Artefact
from symgrad.model.bodies import refuse_escaped
from symgrad.model.passes import Job, PassRow, run
from symgrad.model.runtime import declared_at, explained, load
from symgrad.ops.index import index_bounds
from symgrad.ops.labels import Within, bounded
from symgrad.ops.labels import label_bounds as bounds_of
from symgrad.ops.leaf import INPUT, SLOT
from symgrad.ops.random import draws
from symgrad.ops.sparse import SparseExpr
from symgrad.plan.planner import plan
from symgrad.plan.program import Entry

__all__ = [
    "Function",
    "declared_checks",
    "function",
    "label_bounds",
    "printable",
    "require_options",
    "unique_names",
]

STYLES = ("fast", "readable")
TARGETS = ("numpy",)
DEBUG = (None, "nan", "verify")


def require_options(target: str, style: str, debug: str | None) -> None:
    """Refuse unknown values of the options that ``function`` and ``compile`` share."""
    for name, value, known in (
        ("target", target, TARGETS),
        ("style", style, STYLES),
        ("debug", debug, DEBUG),
    ):
        if value not in known:
            choices = ", ".join(repr(k) for k in known)
            raise CompileError(f"{name}: expected one of {choices}; got {value!r}")


def _output(value: Any, label: str) -> Expr:
    if isinstance(value, SparseExpr):
        return value.node
    if value is None:
        raise DTypeError(
            f"output{f' {label}' * bool(label)}: expected an expression, an array or a number; got "
            "None, as a loop gives that has no result at each step"
        )
    return as_expr(value)


def unique_names(leaves: Sequence[Expr]) -> None:
    """Refuse two leaves of one name in one compiled object."""
    seen: dict[str, Expr] = {}
    for leaf in leaves:
        name = str(leaf.attrs["name"])
        other = seen.setdefault(name, leaf)
        if other is not leaf:
            raise DeclarationError(
                f"two leaves are named {name!r}: the {other.op.name} declared at "
                f"{other.location or 'an unknown place'} and the {leaf.op.name} declared at "
                f"{leaf.location or 'an unknown place'}; names are unique in what is compiled. "
                "Declare them in scopes of their own: with sg.scope(...), or name=... of a layer"
            )


def declared_checks(graph: Graph) -> tuple[Check, ...]:
    """What sizes must satisfy, of every node as it was declared."""
    nodes = everything(graph.outputs.values())
    return tuple(dict.fromkeys(check for node in nodes for check in node.checks))


def label_bounds(graph: Graph, inputs: Sequence[Expr]) -> dict[Expr, Within]:
    """Index inputs, and the bounds that they must lie in."""
    known = set(inputs)
    found: dict[Expr, Within] = {}
    for node in graph.nodes():
        for index, size in index_bounds(node) if "index" in node.attrs else bounded(node):
            for x, within in bounds_of(index, size):
                if x.op is not INPUT or not within.inputs(x) <= known:
                    continue
                if x not in found or (within.everywhere and not found[x].everywhere):
                    found[x] = within
    return found


class Function(Artefact):
    """Compiled expressions: a callable that takes the inputs by position or name.

    Made by :func:`function`. Outputs are the caller's own: no later call overwrites them.
    It may be called from several threads at once, and pickles.
    """

    def __init__(
        self,
        inputs: Sequence[Expr],
        outputs: Sequence[Expr],
        tree: Any,
        style: str,
        name: str,
        debug: str | None,
    ) -> None:
        labels = [label or "out" for label in trees.labels(tree)]
        if len(set(labels)) != len(labels):
            labels = [f"{label}#{i}" for i, label in enumerate(labels)]
        self.name = name
        self._style = style
        self._debug = debug
        self._inputs = list(inputs)
        self._tree = tree
        self._declared = Graph(dict(zip(labels, outputs, strict=True)))
        self._require_inputs()
        checks = declared_checks(self._declared)
        job = run(Job(self._declared, verify=debug == "verify"))
        self._rows = job.rows
        self._picture = job.stages["loops"]
        self._final = job.graph
        entry = Entry(
            entry_name(name),
            job.graph,
            list(inputs),
            checks=checks,
            draws=draws(self._declared),
            equations=equations(self._declared),
        )
        self._draws = bool(entry.draws)
        names = leaf_names(inputs, self._declared)
        signature = [*(names[x] for x in inputs), *(["*", "rng"] if self._draws else [])]
        planned = time.perf_counter()
        program = plan(entry, style == "fast", debug == "nan")
        self._entry = print_entry(
            program,
            names,
            signature,
            self._document(),
            lambda code: trees.source(tree, lambda i: code(labels[i])),
            label_bounds(self._declared, inputs),
            debug == "nan",
        )
        seconds = time.perf_counter() - planned
        self._rows.append(PassRow("emit", len(job.graph), Counter(), seconds))
        self._prepare()

    def _require_inputs(self) -> None:
        known = set(self._inputs)
        refuse_escaped([*self._inputs, *self._declared.nodes()])
        for node in self._declared.nodes():
            if node.op.identity and not node.args and "name" in node.attrs and node not in known:
                if node.op is SLOT:
                    continue
                where = f", declared at {node.location}" if node.location else ""
                have = ", ".join(repr(x.attrs["name"]) for x in self._inputs) or "none"
                raise CompileError(
                    f"the outputs need the {node.op.name} {node.attrs['name']!r} ({node.aval}"
                    f"{where}), which is not among the inputs of the function ({have})"
                )

    def _document(self) -> str:
        lines = [f"{printable(self.name)}."]
        if self._inputs:
            lines.append("")
            width = max(len(str(x.attrs["name"])) for x in self._inputs)
            for x in self._inputs:
                label = printable(str(x.attrs["name"]))
                lines.append(f"{label.ljust(min(width, 24))}  {format_shape(x.shape)} {x.dtype}")
        outputs = ", ".join(str(o.aval) for o in self._declared.outputs.values())
        lines.append(f"returns {outputs}" if len(outputs) < 80 else "returns as declared")
        if len(lines) == 2:
            return f"{lines[0][:-1]}: {lines[1]}."
        return "\n".join([*lines, ""])

    def _prepare(self) -> None:
        self._places = declared_at(self._inputs)
        self._positions = {str(x.attrs["name"]): i for i, x in enumerate(self._inputs)}
        runtime = runtime_source([self._entry], (), (), ())
        namespace = load(f"{runtime}\n\n{self._entry.text}", self._entry.name)
        self._run = namespace[self._entry.name]

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        del state["_run"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        rng = kwargs.pop("rng", None) if kwargs else None
        if kwargs or len(args) != len(self._inputs):
            args = self._bind(args, kwargs)
        try:
            out = self._run(*args, rng=rng) if self._draws else self._run(*args)
            return trees.restored(self._tree, out)
        except SymgradError as error:
            raise explained(error, self._places) from None

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        names = list(self._positions)
        if len(args) > len(names):
            raise CompileError(f"{self.name} takes {len(names)} inputs {names}; got {len(args)}")
        given = dict(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name not in self._positions:
                raise CompileError(f"{self.name} has no input {name!r}; it has {names}")
            if name in given:
                raise CompileError(f"{self.name} got the input {name!r} twice")
            given[name] = value
        missing = [name for name in names if name not in given]
        if missing:
            raise CompileError(f"{self.name} lacks the input {missing[0]!r}; it takes {names}")
        return tuple(given[name] for name in names)

    @property
    def _declared_graph(self) -> Graph:
        return self._declared

    def _pictured(self) -> Graph:
        return self._picture

    def _planned(self) -> Graph:
        return self._final

    def _pass_rows(self) -> list[PassRow]:
        return self._rows

    @property
    def entries(self) -> list[EntrySource]:
        return [self._entry]

    @property
    def source(self) -> str:
        """The generated source, all of it."""
        return module_source(f"{printable(self.name)}: generated by symgrad.", [self._entry])

    def __repr__(self) -> str:
        inputs = ", ".join(str(x.attrs["name"]) for x in self._inputs)
        return f"<Function {self.name}({inputs})>"


def printable(text: str) -> str:
    """Text that may stand in a docstring of the source, whatever the user typed."""
    shown = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    shown = shown.replace("\\", "/").replace('"', "'")
    return shown if len(shown) <= 60 else shown[:57] + "..."


def function(
    inputs: Any,
    outputs: Any,
    *,
    target: str = "numpy",
    style: str = "fast",
    name: str | None = None,
    debug: str | None = None,
) -> Function:
    """Compile expressions to a callable.

    Parameters
    ----------
    inputs : list or tuple of Expr
        Declared leaves, in the order of the arguments. One that no output needs is accepted.
    outputs : Expr, or structure of them
        Returned in the same structure.
    target : {"numpy"}
    style : {"fast", "readable"}
        The same program with kept buffers, or as one would write it by hand.
    name : str, optional
        Of the generated function.
    debug : {None, "nan", "verify"}
        ``"nan"`` checks every value and names the first that is not finite; ``"verify"``
        runs the verifier after each pass.

    Raises
    ------
    CompileError
        If an output needs an input that is not given.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B",))
    >>> f = sg.function([x], {"y": sg.exp(x), "dy": sg.grad(sg.exp(x).sum(), x)})
    >>> f([0.0, 0.0])
    {'y': array([1., 1.]), 'dy': array([1., 1.])}
    """
    require_options(target, style, debug)
    leaves, _ = trees.flatten(inputs)
    for leaf in leaves:
        if not isinstance(leaf, Expr) or not leaf.op.identity or "name" not in leaf.attrs:
            raise DeclarationError(
                "inputs of a function are what sg.input, sg.param or sg.state declared; "
                f"got {leaf!r}"
            )
    if len(set(leaves)) != len(leaves):
        raise DeclarationError("an input is given twice")
    unique_names(leaves)
    outs, tree = trees.flatten(outputs)
    exprs = [_output(o, label) for o, label in zip(outs, trees.labels(tree), strict=True)]
    if name is not None and (not isinstance(name, str) or not name):
        raise DeclarationError(f"name: expected a non-empty string; got {name!r}")
    return Function(leaves, exprs, tree, style, name or "function", debug)
