"""The entries of a model: each is sent through the passes, planned and printed when needed."""

from __future__ import annotations

import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from symgrad.autodiff.residuals import residuals
from symgrad.emit.equations import equations
from symgrad.emit.literals import quoted
from symgrad.emit.module import EntrySource, leaf_names, print_entry
from symgrad.errors import DeclarationError
from symgrad.ir.aval import format_shape
from symgrad.ir.config import config
from symgrad.ir.graph import Graph, topological
from symgrad.ir.node import Expr, as_expr, identity, make
from symgrad.ir.provenance import Origin
from symgrad.ir.region import everything, regions
from symgrad.ir.size import dim, symbols_in
from symgrad.model import tree as trees
from symgrad.model.bodies import refuse_escaped
from symgrad.model.function import declared_checks, label_bounds, printable, unique_names
from symgrad.model.initial import init_entry, optimizer_entry
from symgrad.model.optimizing import Optimizing
from symgrad.model.passes import Job, PassRow, run
from symgrad.model.watching import Watching
from symgrad.ops.leaf import COPY, INPUT, PARAM, STATE
from symgrad.ops.loop import BRANCH, trips
from symgrad.ops.random import draws
from symgrad.plan.aliases import Known, bases
from symgrad.plan.names import given_name
from symgrad.plan.planner import plan
from symgrad.plan.program import Entry

__all__ = ["Entries", "shown"]

#: a space at which no line is broken
_TIED = "\u00a0"


class Entries:
    """What was found in a model's graph, and the source of its entries.

    Attributes
    ----------
    declared : Graph
        Loss and outputs, as the user declared them.
    data, params, states, slots : list of Expr
        Leaves, in the order of the walk.
    sources : dict of str to EntrySource
    signatures : dict of str to list of str
        Entry -> the data that it takes.
    random : set of str
        Entries that take ``rng=``.
    rows, graphs, pictures : dict
        Entry -> what the passes did, the graph that was planned, and that before its
        compositions were lowered.
    """

    def __init__(
        self,
        loss: Expr,
        outputs: Any,
        optimizer: Any,
        wrt: Sequence[Expr] | None,
        style: str,
        debug: str | None,
        watch: Any = None,
    ) -> None:
        self.style = style
        self.debug = debug
        self.optimizer = optimizer
        self.conventions = config.current  # entries are made when they are first called
        self.tree: trees.Tree = None
        flat: list[Any] = []
        if outputs is not None:
            flat, self.tree = trees.flatten(outputs)
        self.outputs = {
            f"out.{label}" if label else "out": as_expr(o)
            for label, o in zip(trees.labels(self.tree), flat, strict=False)
        }
        self.declared = Graph({"loss": loss, **self.outputs})
        self.updates = _state_updates(self.declared)
        whole = Graph({**self.declared.outputs, **{_new(s): u for s, u in self.updates.items()}})
        self.params = [n for n in whole.nodes() if n.op is PARAM]
        self.watching = Watching.of(watch, loss, self.params)
        if self.watching is not None:
            whole = Graph({**whole.outputs, **self.watching.outputs})
        nodes = whole.nodes()
        self.params = [n for n in nodes if n.op is PARAM]
        self.states = [n for n in nodes if n.op is STATE]
        self.wrt = list(self.params if wrt is None else wrt)
        self.optimizing = None if optimizer is None else Optimizing(optimizer, self.wrt)
        if self.optimizing is not None:
            made = self.optimizing.declared.items()
            whole = Graph({**whole.outputs, **{_new(leaf): value for leaf, value in made}})
            nodes = whole.nodes()
            self._refuse_strangers(nodes)
        refuse_escaped(nodes)
        self.data = [n for n in nodes if n.op is INPUT and not self._is_made(n)]
        unique_names([*self.data, *self.params, *self.states])
        self.slots = [] if self.optimizing is None else self.optimizing.slots
        self.names = leaf_names([*self.data, *self.params, *self.states, *self.slots], whole)
        self.draws = draws(whole)
        self.checks = declared_checks(whole)
        self.equations = equations(self.declared)
        self.bounds = label_bounds(whole, self.data)
        self.sources: dict[str, EntrySource] = {}
        self.callables: dict[str, Any] = {}
        self.rows: dict[str, list[PassRow]] = {}
        self.graphs: dict[str, Graph] = {}
        self.pictures: dict[str, Graph] = {}
        self.signatures: dict[str, list[str]] = {}
        self.random: set[str] = set()
        self._lock = threading.RLock()

    def _is_made(self, leaf: Expr) -> bool:
        """Whether it stands for what a step makes, and is no data."""
        makers = [maker for maker in (self.watching, self.optimizing) if maker is not None]
        return any(maker.stands_in(leaf) for maker in makers)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()

    def source(self, name: str) -> EntrySource:
        """The source of an entry, generated at the first call."""
        with self._lock:
            if name not in self.sources:
                with config.use(self.conventions):
                    getattr(self, f"_make_{name}")()
            return self.sources[name]

    def parameter_sizes(self) -> list[str]:
        return sorted(symbols_in(*[leaf.shape for leaf in [*self.params, *self.states]]))

    def _make_init(self) -> None:
        leaves = [*self.params, *self.states]
        self.sources["init"], self.callables = init_entry(leaves, self.parameter_sizes())

    def _make_init_optimizer(self) -> None:
        assert self.optimizing is not None
        self.sources["init_optimizer"] = optimizer_entry(self.optimizing, self.params)

    def _job(self, entry: str, outputs: dict[str, Expr], **options: Any) -> Job:
        origins = {}
        loss = self.declared.outputs["loss"]
        if loss.name is None and not loss.closed:
            origins[loss] = Origin(loss.origin.scope if loss.origin else "", "loss")
        job = run(Job(Graph(outputs, origins), verify=self.debug == "verify", **options))
        self.rows[entry] = job.rows
        self.pictures[entry] = job.stages["loops"]
        for label, leaf in job.wrt.items():  # a gradient is called after its parameter
            grad = job.graph.outputs[label]
            if not grad.closed and given_name(job.graph, grad) is None:
                scope = leaf.origin.scope if leaf.origin else ""
                job.graph.origins[grad] = Origin(scope, role=("d", leaf))
        return job

    def _make(
        self,
        name: str,
        graph: Graph,
        document: str,
        returns: Callable[[Callable[[str], str]], str],
        commits: dict[Expr, Expr] | None = None,
        seam: Sequence[Expr] = (),
        data: Sequence[Expr] | None = None,
    ) -> None:
        if data is None:
            needed = set(topological([*graph.outputs.values(), *(commits or {}).values()]))
            data = [x for x in self.data if x in needed]
        entry = Entry(
            name,
            graph,
            list(data),
            self.params,
            self.states,
            self._slots_of(commits or {}),
            commits or {},
            seam=list(seam),
            groups=self.optimizing.groups(commits or {}) if self.optimizing else [],
            checks=self.checks,
            draws=self.draws,
            equations=self.equations,
            handed_on={k for k in graph.outputs if k != "loss"} if name == "forward" else set(),
        )
        self.signatures[name] = [str(x.attrs["name"]) for x in data]
        whole = [*graph.outputs.values(), *(commits or {}).values()]
        random = any(node in self.draws for node in topological(whole))
        names = self.names
        arguments = ["params", *(["opt_state"] if name == "step" else [])]
        arguments += [names[x] for x in data]
        if random:
            self.random.add(name)
            arguments += ["*", "rng"]
        start = time.perf_counter()
        program = plan(entry, self.style == "fast", self.debug == "nan")
        self.sources[name] = print_entry(
            program,
            names,
            arguments,
            self._document(document, data, random, self._returned(name)),
            returns,
            {x: b for x, b in self.bounds.items() if b.inputs(x) <= set(data)},
            self.debug == "nan",
            writes=name == "step",
        )
        self.graphs[name] = graph
        self.rows[name].append(PassRow("emit", len(graph), Counter(), time.perf_counter() - start))

    def _document(self, first: str, data: Sequence[Expr], random: bool, returns: str = "") -> str:
        width = max([7, *(len(shown(x)) for x in data)])
        width = min(width, 24)
        lines = [first, ""]
        params = [f"{shown(p)} {format_shape(p.shape)}" for p in self.params] or ["none"]
        rows = textwrap.wrap(", ".join(p.replace(" ", _TIED) for p in params), 84 - width)
        for i, row in enumerate(rows):
            label = "" if i else "params"
            lines.append(f"{label.ljust(width)}  {row.replace(_TIED, ' ')}")
        for x in data:
            checked = ""
            if x in self.bounds:
                size, mark, lengths = self.bounds[x]
                checked = f", checked: 0 <= {shown(x)} < {size}"
                checked += f", or {mark}" if mark is not None else ""
                checked += f", or beyond {shown(lengths)}" if lengths is not None else ""
            lines.append(f"{shown(x).ljust(width)}  {x.aval}{checked}")
        if random:
            lines.append(f"{'rng'.ljust(width)}  numpy.random.Generator: one key is taken from it")
        if returns:
            lines.append(f"{'returns'.ljust(width)}  {returns}")
        return "\n".join([*lines, ""])

    def _returned(self, name: str) -> str:
        loss = f"loss {self.declared.outputs['loss'].aval}"
        if name == "step" and self.watching is not None:
            return f"{loss}, and what is watched"
        if name == "predict":
            outputs = ", ".join(str(o.aval) for o in self.outputs.values())
            return outputs if len(outputs) < 80 else "outputs, as declared"
        return {
            "forward": f"{loss}, residuals",
            "value_and_grad": f"{loss}, grads: a dict like params",
        }.get(name, loss)

    def _make_predict(self) -> None:
        job = self._job("predict", dict(self.outputs))
        labels = list(self.outputs)
        self._make(
            "predict",
            job.graph,
            "Outputs, in evaluation mode.",
            lambda code: trees.source(self.tree, lambda i: code(labels[i])),
        )

    def _make_evaluate(self) -> None:
        job = self._job("evaluate", {"loss": self.declared.outputs["loss"]})
        self._make("evaluate", job.graph, "Loss, in evaluation mode.", lambda code: code("loss"))

    def _gradient_labels(self) -> dict[str, Expr]:
        return {f"d.{x.attrs['name']}": x for x in self.wrt}

    def wrt_is_all(self) -> bool:
        return len(self.wrt) == len(self.params) and all(
            a is b for a, b in zip(self.wrt, self.params, strict=True)
        )

    def _grads_source(self, code: Callable[[str], str]) -> str:
        texts = {x: code(f"d.{x.attrs['name']}") for x in self.wrt}
        if texts and self.wrt_is_all():
            inner = ", ".join(texts[x] for x in self.wrt) + ("," if len(texts) == 1 else "")
            return f"dict(zip(PARAMS, ({inner}), strict=True))"
        inner = ", ".join(f"{quoted(str(x.attrs['name']))}: {text}" for x, text in texts.items())
        return f"{{{inner}}}"

    def _make_value_and_grad(self) -> None:
        job = self._job(
            "value_and_grad",
            {"loss": self.declared.outputs["loss"]},
            training=True,
            wrt=self._gradient_labels(),
        )
        self._make(
            "value_and_grad",
            job.graph,
            "Loss and its gradient.",
            lambda code: f"{code('loss')}, {self._grads_source(code)}",
        )

    def _make_forward(self) -> None:
        self._split()

    def _make_backward(self) -> None:
        self._split()

    def _split(self) -> None:
        """Forward and backward from one graph, cut where the least is to be kept."""
        loss = self.declared.outputs["loss"]
        seed = identity(INPUT, {"name": "cotangent", "shape": (), "dtype": loss.dtype})
        job = self._job(
            "forward", {"loss": loss}, training=True, wrt=self._gradient_labels(), seed=seed
        )
        grads = {k: v for k, v in job.graph.outputs.items() if k != "loss"}
        kept = residuals(list(grads.values()), [seed])
        sizes = _sizes_needed(grads.values(), kept, seed)
        outputs = {"loss": job.graph.outputs["loss"]}
        outputs |= {f"residual.{i}": node for i, node in enumerate(kept)}

        def forward_returns(code: Callable[[str], str]) -> str:
            parts = [*sizes, *(code(f"residual.{i}") for i in range(len(kept)))]
            return f"{code('loss')}, ({', '.join(parts)}{',' if len(parts) == 1 else ''})"

        self._make(
            "forward",
            Graph(outputs, job.graph.origins),
            "Loss, and the residuals that backward needs.",
            forward_returns,
        )
        # residuals belong to the call: they are what the caller passed, not copies of it
        self.rows["backward"] = list(self.rows["forward"])
        entry = Entry(
            "backward",
            Graph(grads, job.graph.origins),
            [],
            residuals=[*kept, seed],
            equations=self.equations,
        )
        names = dict(self.names)
        names[seed] = "cotangent"
        self.sources["backward"] = print_entry(
            plan(entry, self.style == "fast", self.debug == "nan"),
            names,
            ["residuals", "cotangent=1.0"],
            "Gradients, from what forward returned and the cotangent of the loss.",
            self._grads_source,
            given=[*sizes, *kept],
            debug=self.debug == "nan",
        )

    # ---- the training step

    def _slots_of(self, commits: dict[Expr, Expr]) -> list[Expr]:
        """The slots of every kind of which a step reads or writes one."""
        used = {*commits, *topological(list(commits.values()))}
        kinds = {s.attrs["slot"] for s in self.slots if s in used}
        return [s for s in self.slots if s.attrs["slot"] in kinds]

    def _make_step(self) -> None:
        optimizing = self.optimizing
        assert optimizing is not None
        labels = {f"d.{x.attrs['name']}": x for x in optimizing.trained}
        commits: dict[str, Expr] = {}

        def finish(graph: Graph) -> Graph:
            made = set(map(_new, self.updates))
            outputs = {k: v for k, v in graph.outputs.items() if k not in made}
            updates = {k: v for k, v in graph.outputs.items() if k in made}
            grads = {x: outputs[label] for label, x in labels.items()}
            origins = dict(graph.origins)
            values = optimizing.updates(grads, origins)
            for leaf, new in values.items():
                commits[_new(leaf)] = leaf
                updates[_new(leaf)] = new
            if self.watching is not None:
                outputs |= self.watching.settled(
                    {k: outputs[k] for k in self.watching.outputs},
                    {str(x.attrs["name"]): g for x, g in grads.items()},
                    {str(x.attrs["name"]): (x, values[x]) for x in self.params if x in values},
                )
            return Graph({**outputs, **updates}, origins)

        watched = {} if self.watching is None else self.watching.outputs
        outputs = {"loss": self.declared.outputs["loss"], **watched}
        for state, new in self.updates.items():
            commits[_new(state)] = state
            outputs[_new(state)] = new
        job = self._job("step", outputs, training=True, wrt=labels, finish=finish)
        made = _apart(job.graph.outputs, commits)
        self._make(
            "step",
            Graph({k: made[k] for k in ["loss", *watched]}, job.graph.origins),
            "One training step: params and opt_state are updated in place; returns the loss.",
            self._step_returns,
            {leaf: made[label] for label, leaf in commits.items()},
            [made[label] for label in reversed(labels)],
        )

    def _refuse_strangers(self, nodes: Iterable[Expr]) -> None:
        """An update may take data of its own; what is kept, it keeps in slots."""
        known = {*self.params, *self.states}
        for node in nodes:
            if node.op in (PARAM, STATE) and node not in known:
                raise DeclarationError(
                    f"{type(self.optimizer).__name__}: the update uses the {node.op.name} "
                    f"{node.attrs['name']!r}, which the loss does not; what an optimiser keeps is "
                    "a slot, and what changes from call to call an sg.input"
                )

    def _step_returns(self, code: Callable[[str], str]) -> str:
        if self.watching is None:
            return code("loss")
        loss = code("loss")
        labels = zip(self.watching.names, self.watching.outputs, strict=True)
        items = [f"        {quoted(name)}: {code(label)},\n" for name, label in labels]
        return f"{loss}, {{\n{''.join(items)}    }}"


def _new(leaf: Expr) -> str:
    """The label of a leaf's new value: a slot of one parameter may be named as another is."""
    return f"new.{leaf.op.name}.{leaf.attrs['name']}"


def _apart(outputs: dict[str, Expr], commits: dict[str, Expr]) -> dict[str, Expr]:
    """Results of a step, copied where they are a leaf that the step itself overwrites."""
    changed = set(commits.values())
    known: Known = {}
    found: dict[str, Expr] = {}
    for label, node in outputs.items():
        base = node
        while base.args and base.op.is_view(base):
            base = base.args[0]
        own = commits.get(label)
        # a branch or loop may give its own leaf: then nothing is written that was not there
        alike = {n for n in bases([base], known) if n in changed} - {own}
        same = own is node or (base not in changed and not alike)
        found[label] = node if same else make(COPY, (node,), {})
    return found


def shown(leaf: Expr) -> str:
    """The name of a leaf, for a docstring."""
    return printable(str(leaf.attrs["name"]))


def _state_updates(graph: Graph) -> dict[Expr, Expr]:
    """States below a graph and their new values, and those below these."""
    found: dict[Expr, Expr] = {}
    seen: set[Expr] = set()
    pending = list(graph.outputs.values())
    while pending:
        for node in topological(pending, seen=seen):
            if node.op is STATE:
                new = node.attrs["cell"].expression
                if new is not None:
                    found[node] = new
        pending = [new for new in found.values() if new not in seen]
    return found


def _sizes_needed(grads: Any, kept: Sequence[Expr], seed: Expr) -> list[str]:
    """Symbolic sizes that the source of backward mentions."""
    stop = {*kept, seed}
    late = [n for n in topological(list(grads), stop=stop.__contains__) if n not in stop]
    inner = everything([out for n in late for _, region in regions(n) for out in region.outputs])
    found: set[str] = set()
    for n in [*late, *inner]:
        found |= symbols_in(n.shape, *n.attrs.values())
    # how often loops went round, in order of appearance: their names differ between processes;
    # of a loop in a loop, a step of the outer one knows it
    handed = [arg.shape[:1] for n in late if n.op is BRANCH for arg in n.args]
    outside = [symbol for n in late for symbol in trips((n.shape[:1], *n.attrs.values(), *handed))]
    return [*sorted(found - trips(tuple(map(dim, found)))), *dict.fromkeys(outside)]
