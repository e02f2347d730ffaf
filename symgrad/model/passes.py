"""The compiler, as data: the passes in the order in which they run.

Each takes a graph and gives a graph, and can be run and printed alone. Differentiation stands
between stabilisation and simplification: a formula written by hand must have a gradient as
good as the fused op's, and to rewrite only afterwards is too late.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from symgrad.autodiff.reverse import cotangents
from symgrad.ir import provenance
from symgrad.ir.graph import Graph, inherit, rebuild, substitute, topological
from symgrad.ir.node import LITERAL, Expr, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.provenance import Origin
from symgrad.ir.region import rebuilt
from symgrad.ir.verify import verify
from symgrad.loops import tidy, unmasked, with_trails
from symgrad.model.grad import zero
from symgrad.ops.custom import CUSTOM, IMPLICIT, inlined
from symgrad.ops.item import ITEM
from symgrad.ops.leaf import NAMED, STOP_GRADIENT, TRAINING
from symgrad.ops.selection import WHERE
from symgrad.rewrite import SIMPLE, SLOPES, STABLE
from symgrad.rewrite.engine import rewrite, rewrite_exprs

__all__ = ["PASSES", "Job", "PassRow", "run"]


@dataclass
class PassRow:
    """What a pass did: for the report."""

    name: str
    nodes: int
    rules: Counter[str]
    seconds: float


@dataclass
class Job:
    """A graph on its way through the passes.

    Parameters
    ----------
    graph : Graph
    training : bool
        What ``sg.training()`` is.
    wrt : dict of str to Expr
        Label -> leaf: their gradients of `loss` become outputs of the graph.
    loss : str
        The label of the output that is differentiated.
    seed : Expr or None
        The cotangent of the loss; one if None.
    finish : callable, optional
        What follows the gradients, made of the differentiated graph: the optimiser's updates.
    verify : bool
        Run the verifier after each pass.
    simple : set of Expr
        Nodes that are simplified already.
    rows : list of PassRow
        What each pass did.
    """

    graph: Graph
    training: bool = False
    wrt: dict[str, Expr] = field(default_factory=dict)
    loss: str = "loss"
    seed: Expr | None = None
    finish: Callable[[Graph], Graph] | None = None
    verify: bool = False
    simple: set[Expr] = field(default_factory=set)
    rows: list[PassRow] = field(default_factory=list)
    #: the graph after each pass, by the pass's name
    stages: dict[str, Graph] = field(default_factory=dict)


Pass = Callable[[Graph, Job], tuple[Graph, Counter[str]]]


def resolve(graph: Graph, job: Job) -> tuple[Graph, Counter[str]]:
    """Names become origins; the training flag what it is in this entry, and what it selects."""
    named: dict[Expr, str] = {}

    def visit(node: Expr, args: tuple[Expr, ...]) -> Expr:
        if node.op is NAMED:
            named[args[0]] = node.attrs["name"]
            return args[0]
        if node.op is TRAINING:
            return literal(job.training)
        if node.op is WHERE and args[0].op is LITERAL and not args[0].shape:
            # now, so that no derivative carries a mask that is true everywhere
            chosen = args[1] if bool(args[0].attrs["value"].array) else args[2]
            if chosen.shape != node.shape:
                chosen = FUNCTIONS["broadcast_to"](chosen, node.shape)
            return chosen if chosen.dtype == node.dtype else chosen.astype(node.dtype)
        return rebuilt(node, args, visit)

    new = graph.map(visit)
    for node, name in named.items():
        new.origins.setdefault(node, Origin(name=name))
    return new, Counter()


def stabilise(graph: Graph, job: Job) -> tuple[Graph, Counter[str]]:
    """Formulas that overflow or cancel become those that do not."""
    kept = list(job.wrt.values())
    stable, fired = rewrite(graph, STABLE, keep=kept)
    if not job.wrt:
        return stable, fired
    sloped, more = rewrite(stable, SLOPES, keep=kept)
    return sloped, fired + more


def differentiate(graph: Graph, job: Job) -> tuple[Graph, Counter[str]]:
    """Gradients of the loss become outputs, last parameter first: the way that they flow."""
    if not job.wrt:
        return graph, Counter()
    loss = graph.outputs[job.loss]
    origins = dict(graph.origins)
    seed = literal(1, loss.dtype) if job.seed is None else job.seed
    leaves = list(job.wrt.values())
    found = cotangents([loss], [seed], leaves, origins)
    outputs = dict(graph.outputs)
    for label, leaf, ct in reversed(list(zip(job.wrt, leaves, found, strict=True))):
        grad = zero(leaf) if ct is None else ct
        if not grad.closed:
            origins[grad] = Origin(leaf.origin.scope if leaf.origin else "", role=("d", leaf))
        outputs[label] = grad
    return Graph(outputs, origins), Counter()


def finish(graph: Graph, job: Job) -> tuple[Graph, Counter[str]]:
    """What follows the gradients: the optimiser's updates, in the form that all else has by now."""
    if job.finish is None:
        return graph, Counter()
    known = set(graph.nodes())
    new, _ = resolve(job.finish(graph), job)
    stopped = [n.args[0] for n in new.nodes() if n.op is STOP_GRADIENT and n not in known]
    if not stopped:
        return new, Counter()
    # of the loss, say: in the form in which it is computed anyway
    stable, _, fired = rewrite_exprs(stopped, STABLE, keep=list(job.wrt.values()))
    found = dict(zip(stopped, stable, strict=True))

    def visit(node: Expr, args: tuple[Expr, ...]) -> Expr:
        if node.op is STOP_GRADIENT and node.args[0] in found:
            return found[node.args[0]]  # all derivatives are taken
        return rebuilt(node, args, visit)

    return new.map(visit), fired


def simplify(graph: Graph, job: Job) -> tuple[Graph, Counter[str]]:
    """Algebra and shapes: nothing is left that a person would delete."""
    new, fired = rewrite(unmasked(graph), SIMPLE, normal=job.simple)
    job.simple = set(new.nodes())
    return new, fired


def lower(graph: Graph, job: Job) -> tuple[Graph, Counter[str]]:
    """Compositions become primitives; what their parts share is computed once."""
    origins = dict(graph.origins)
    fired: Counter[str] = Counter()

    def visit(node: Expr, args: tuple[Expr, ...]) -> Expr:
        if node.op is ITEM and args[0].op is CUSTOM:
            found: Expr = inlined(args[0])[node.attrs["part"]]
            return found
        if node.op is IMPLICIT:
            return args[0]
        new = rebuilt(node, args, visit)
        if not new.op.composite:
            return new
        fired[new.op.name] += 1
        expanded = new.op.lower(new)
        scope = graph.origin(node)
        if scope is not None:  # its parts stand where it stood
            for part in topological([expanded], stop=set(new.args).__contains__):
                if part is expanded and scope.name:
                    continue  # it inherits the name
                if part.args and part.origin is None and not part.closed:
                    role = None if scope.role is None else ("part", node)
                    origins.setdefault(part, Origin(scope.scope, role=role))
        leaves = {arg: arg for arg in new.args}
        return substitute([expanded], leaves, visit)[0]

    mapping: dict[Expr, Expr] = {}
    outputs = substitute(list(graph.outputs.values()), mapping, visit)
    outputs = _without_unread(outputs, mapping)
    for old, made in mapping.items():
        if made is not old:
            inherit(origins, old, made)
    return Graph(dict(zip(graph.outputs, outputs, strict=True)), origins), fired


def _without_unread(outputs: Sequence[Expr], mapping: dict[Expr, Expr]) -> list[Expr]:
    """Where one alone is read of the arrays that a node gives: that one, if it costs less."""
    read: Counter[Expr] = Counter()
    for node in topological(outputs):
        if node.op is ITEM:
            read[node.args[0]] += 1
    if not read:
        return list(outputs)

    def visit(node: Expr, args: tuple[Expr, ...]) -> Expr:
        if node.op is ITEM and read[node.args[0]] == 1:
            alone = args[0].op.alone(args[0], node.attrs["part"])
            if alone is not None:
                return alone
        same = all([a is b for a, b in zip(args, node.args, strict=True)])
        return node if same else rebuild(node, args)

    found: dict[Expr, Expr] = {}
    new = substitute(outputs, found, visit)
    for old, made in mapping.items():
        mapping[old] = found.get(made, made)
    return new


def order_loops(graph: Graph, job: Job) -> tuple[Graph, Counter[str]]:
    """Loops merged, pruned, and relieved of what can be done before or after them."""
    new, done = tidy(graph)
    if done:  # what has become a number in a body may be gone from it
        new, fired = simplify(new, job)
        done += fired
    return with_trails(new), done


PASSES: tuple[tuple[str, Pass], ...] = (
    ("resolve", resolve),
    ("stabilise", stabilise),
    ("differentiate", differentiate),
    ("finish", finish),
    ("simplify", simplify),
    ("loops", order_loops),
    ("lower", lower),
    ("tidy", simplify),
)


def run(job: Job) -> Job:
    """Send a job through all passes; `job.graph` is then ready to be planned."""
    for name, apply in PASSES:
        start = time.perf_counter()
        before = job.graph
        with provenance.quiet():
            job.graph, fired = apply(before, job)
        seconds = time.perf_counter() - start
        job.rows.append(PassRow(name, len(job.graph), fired, seconds))
        job.stages[name] = job.graph
        if job.verify:
            verify(job.graph, after=name, like=before)
    return job
