"""The engine: tables of rules, applied bottom-up until none fires."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from symgrad.errors import CompileError
from symgrad.ir import provenance
from symgrad.ir.aval import Avals
from symgrad.ir.graph import Graph, inherit, rebuild, topological
from symgrad.ir.node import Expr, make
from symgrad.ir.op import FUNCTIONS, Op
from symgrad.ir.printer import short
from symgrad.ir.region import Region, keep_origins, regions, with_regions
from symgrad.ops.broadcasting import Shape
from symgrad.rewrite.pattern import Node, trace

__all__ = ["RULES", "Rewriter", "Rule", "rewrite", "rewrite_exprs", "rule"]

#: a rule may fire so many times for each node of the graph before it is taken to run away
FUEL = 50

#: how often a graph is gone over: what one round leaves without users, the next one sees so
ROUNDS = 4

#: names that a right side may have beside its captures: the matched root, and the run
_GIVEN = ("node", "run")


@dataclass(frozen=True)
class Rule:
    """A left and a right side.

    Parameters
    ----------
    name, doc : str
        Of the function that gives the right side; the report and its equations show them.
    table : str
    pattern : Node
    build : callable
        The right side: takes captures by name, and if it wants `node` and `run`. It may give
        None: then the rule does not apply.
    when : callable, optional
        A guard, which takes the captures that it names.
    only : callable, optional
        Of the names of the matched op and of its arguments' ops: whether the rule is worth trying.
    extends_domain : bool
        The right side is finite at points where the left one is NaN or infinite.
    examples : tuple of callable
        Left sides for the generated tests, where the pattern alone does not tell how to make one.
    shapes : tuple of shapes
        Of the arguments of `examples`; (3, 4) for each if not given.
    domain : (float, float)
        Where the tests draw arguments from.
    takes_complex : bool
        It holds for complex numbers too; of those that move or choose values, all do.
    given, guarded : tuple of str
        What `build` takes beside the captures, and what `when` takes.
    """

    name: str
    doc: str
    table: str
    pattern: Node
    build: Callable[..., Expr | None]
    when: Callable[..., bool] | None = None
    only: Callable[[str, tuple[str, ...]], bool] | None = None
    extends_domain: bool = False
    examples: tuple[Callable[..., Expr], ...] = ()
    shapes: tuple[Shape, ...] = ()
    domain: tuple[float, float] = (-2.0, 2.0)
    takes_complex: bool = False
    given: tuple[str, ...] = ()
    guarded: tuple[str, ...] = ()

    def apply(self, order: Node, node: Expr, run: Rewriter) -> Expr | None:
        """The right side for `node`, matched with one order of the pattern; or None."""
        bound: dict[str, Any] = {}
        if not order.match_root(node, bound, run.kept):
            return None
        if self.table != "shape" and not self._is_identity_in(order, node, bound):
            return None
        if self.when is not None and not self.when(**{k: bound[k] for k in self.guarded}):
            return None
        if "node" in self.given:
            bound["node"] = node
        if "run" in self.given:
            bound["run"] = run
        # a capture of all further arguments is passed by name like the others
        result = self.build(**bound)
        return None if result is node else result

    def _is_identity_in(self, order: Node, node: Expr, bound: dict[str, Any]) -> bool:
        """Whether the dtypes that matched are such that the rule holds.

        Arithmetic identities hold for floats, and for integers that wrap in one dtype throughout;
        a part that is narrower than the whole wraps at another place, and booleans are not
        numbers. Of complex numbers few hold, and the rule says so.
        """
        matched = order.matched(node)
        captured = [value for value in bound.values() if isinstance(value, Expr)]
        captured += [n for value in bound.values() if isinstance(value, tuple) for n in value
                     if isinstance(n, Expr)]  # fmt: skip
        kinds = {n.dtype.kind for _, n in matched} | {n.dtype.kind for n in captured}
        if "c" in kinds:
            return self.takes_complex or all([pattern.op in _CHOOSING for pattern, _ in matched])
        if all([n.dtype.kind == "f" for _, n in matched]):
            return True
        if all([pattern.op in _CHOOSING for pattern, _ in matched]):
            return True
        dtypes = {n.dtype for n in captured} | {n.dtype for _, n in matched}
        names = [pattern.op for pattern, _ in matched]
        signed = node.dtype.kind == "i" or (node.dtype.kind == "u" and "absolute" not in names)
        return len(dtypes) == 1 and signed

    def __str__(self) -> str:
        return f"{self.name}: {self.pattern}"


#: ops that choose or move values: rules of them alone hold for every dtype
_CHOOSING = {"where", "maximum", "minimum", "logical_not", "invert", "astype", "any"}
_CHOOSING |= {"logical_or", "logical_and", "bitwise_and", "anything", "elementwise", "transpose"}


#: table -> its rules, in the order in which they are tried
RULES: dict[str, list[Rule]] = {}


def rule(
    table: str,
    pattern: Callable[..., Any],
    *,
    when: Callable[..., bool] | None = None,
    only: Callable[[str, tuple[str, ...]], bool] | None = None,
    extends_domain: bool = False,
    examples: Sequence[Callable[..., Expr]] = (),
    shapes: Sequence[Shape] = (),
    domain: tuple[float, float] = (-2.0, 2.0),
    takes_complex: bool = False,
) -> Callable[[Callable[..., Expr | None]], Callable[..., Expr | None]]:
    """Declare a rewrite rule; the decorated function is its right side.

    Its parameters are the captures of the pattern, and optionally `node` (what matched) and
    `run` (the running :class:`Rewriter`). It returns an expression of the same shape and dtype,
    or None where the rule does not apply. `only`, of the names of the matched op and of its
    arguments' ops, says where a rule for any op is worth trying; it is asked once for each.

    Examples
    --------
    >>> from symgrad.rewrite.pattern import log, sigmoid, softplus
    >>> @rule("an example", lambda x: log(sigmoid(x)))
    ... def log_sigmoid(x):
    ...     "log s(x) -> -softplus(-x): finite for every finite x."
    ...     return -softplus(-x)
    >>> print(RULES.pop("an example")[0])
    log_sigmoid: log(sigmoid(x))
    """
    traced = trace(pattern)

    def declare(fn: Callable[..., Expr | None]) -> Callable[..., Expr | None]:
        parameters = inspect.signature(fn).parameters
        made = Rule(
            name=fn.__name__,
            doc=inspect.getdoc(fn) or "",
            table=table,
            pattern=traced,
            build=fn,
            when=when,
            only=only,
            extends_domain=extends_domain,
            examples=tuple(examples),
            shapes=tuple(shapes),
            domain=domain,
            takes_complex=takes_complex,
            given=tuple([name for name in _GIVEN if name in parameters]),
            guarded=tuple(inspect.signature(when).parameters) if when else (),
        )
        rules = RULES.setdefault(table, [])
        if any(other.name == made.name for other in rules):
            raise ValueError(f"a rule named {made.name} exists already in table {table}")
        rules.append(made)
        return fn

    return declare


class _Index:
    """Which rules may match a node, by its op and the ops of its arguments."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._orders = [(one, order) for one in rules for order in one.pattern.orders()]
        self._candidates: dict[tuple[Op, ...], list[tuple[Rule, Node]]] = {}

    def candidates(self, key: tuple[Op, ...]) -> list[tuple[Rule, Node]]:
        found = self._candidates.get(key)
        if found is None:
            names = key[0].name, tuple([op.name for op in key[1:]])
            found = self._candidates[key] = [
                (one, order)
                for one, order in self._orders
                if order.fits(key[0], key[1:]) and (one.only is None or one.only(*names))
            ]
        return found


_indices: dict[tuple[int, ...], tuple[tuple[Rule, ...], _Index]] = {}


def _index(rules: tuple[Rule, ...]) -> _Index:
    """The index of some rules, made once."""
    key = tuple(map(id, rules))
    found = _indices.get(key)
    if found is None or any(a is not b for a, b in zip(found[0], rules, strict=True)):
        found = _indices[key] = (rules, _Index(rules))
    return found[1]


@dataclass
class Rewriter:
    """One run of tables over expressions.

    Each node is brought to normal form after its arguments, and what a rule makes is brought to
    normal form in its turn. Everything is walked with an explicit stack, and every node visited
    once, so the cost is linear in the size of the graph.
    """

    rules: Sequence[Rule]
    #: cut leaves: no rule looks through them
    keep: Collection[Expr] = ()
    #: node -> its normal form
    mapping: dict[Expr, Expr] = field(default_factory=dict)
    fired: Counter[str] = field(default_factory=Counter)
    #: a place for analyses of nodes that rules share: name -> node -> result
    memo: dict[str, dict[Any, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kept = frozenset(self.keep)
        self._index = _index(tuple(self.rules))
        self._uses: Counter[Expr] = Counter()
        self.mapping.update((node, node) for node in self.kept)

    def opaque(self, node: Expr) -> bool:
        """Whether a node is a cut leaf, whose inside no rule may use."""
        return node in self.kept

    def uses(self, node: Expr) -> int:
        """How many times a node is used, as far as is known; 1 for what a rule has just made."""
        return self._uses[node] or 1

    def has(self, node: Expr) -> bool:
        """Whether a node stands in the graph, as far as is known."""
        return self._uses[node] > 0

    def run(self, outputs: Sequence[Expr]) -> list[Expr]:
        """The normal forms of `outputs`.

        Raises
        ------
        CompileError
            Naming the rule that loops, or that changed a shape or dtype.
        """
        order = topological(outputs, stop=self.opaque)
        for node in order:
            self._uses.update(node.args)
        self._uses.update(outputs)
        self.fuel = FUEL * len(order) + 1000
        with provenance.quiet():
            for node in order:
                if node not in self.mapping:
                    self._normalise(node)
        return [self.mapping[out] for out in outputs]

    def _normalise(self, root: Expr) -> None:
        mapping = self.mapping
        waiting: dict[Expr, tuple[Expr, Rule | None]] = {}  # node -> what it became, and by what
        stack = [root]
        while stack:
            node = stack[-1]
            if node in mapping:
                stack.pop()
                continue
            if node in waiting:
                became, by = waiting[node]
                if became not in mapping:
                    raise CompileError(
                        f"rewriting does not end: rule {by.name if by else '?'} leads from "
                        f"{short(node)} back to itself"
                    )
                mapping[node] = mapping[became]
                self._hand_over(node, mapping[became])
                stack.pop()
                continue
            pending = [arg for arg in node.args if arg not in mapping]
            if pending:
                stack.extend(reversed(pending))
                continue
            args = tuple([mapping[arg] for arg in node.args])
            fired: Rule | None = None
            if all([a is b for a, b in zip(args, node.args, strict=True)]):
                found = self._inside(node) or self.first(node)
                if found is None:
                    mapping[node] = node
                    stack.pop()
                    continue
                became, fired = found
            else:
                became = rebuild(node, args)
                if became.aval != node.aval and not isinstance(node.aval, Avals):
                    became = self._reshaped(became, node)
                self._hand_over(node, became)
            if became is node:
                mapping[node] = node
            elif became in mapping:
                mapping[node] = mapping[became]
                self._hand_over(node, mapping[became])
            elif became in waiting:
                raise CompileError(
                    f"rewriting does not end: rule {fired.name if fired else '?'} leads from "
                    f"{short(node)} back to {short(became)}"
                )
            else:
                waiting[node] = (became, fired)
                stack.append(became)

    def _reshaped(self, new: Expr, old: Expr) -> Expr:
        """A rebuilt node whose sizes have got other names, checked to be equal at entry."""
        reshaped: Expr = FUNCTIONS["reshape"](new, old.shape)
        return reshaped

    def _hand_over(self, old: Expr, new: Expr) -> None:
        self._uses[new] = max(self._uses[new], self._uses[old])

    def _inside(self, node: Expr) -> tuple[Expr, None] | None:
        """The node with the bodies that it holds in normal form, if that changes it."""
        if not any(True for _ in regions(node)):
            return None
        known = self.memo.setdefault("regions", {})

        def change(region: Region) -> Region:
            if region not in known:
                outputs = list(region.outputs)
                for _ in range(ROUNDS):
                    run = Rewriter(self.rules)
                    outputs = run.run(outputs)
                    self.fired += run.fired
                    if not run.fired:
                        break
                    keep_origins(run.mapping)
                new = Region(region.parameters, outputs)
                known[region] = known[new] = new
            found: Region = known[region]
            return found

        made = make(node.op, node.args, with_regions(node, change))
        return None if made is node else (made, None)

    def first(self, node: Expr) -> tuple[Expr, Rule] | None:
        """What the first rule that fires makes of a node whose arguments are in normal form."""
        key = (node.op, *[arg.op for arg in node.args])
        for one, order in self._index.candidates(key):
            result = one.apply(order, node, self)
            if result is None:
                continue
            if result.aval != node.aval:
                if _same_but_for_names(result, node):
                    continue
                raise CompileError(
                    f"rule {one.name} ({one.pattern}) made {result.aval} of {node.aval} "
                    f"at {short(node)}"
                )
            self.fired[one.name] += 1
            self.fuel -= 1
            if self.fuel < 0:
                worst = self.fired.most_common(1)[0][0]
                raise CompileError(
                    f"rewriting does not end: rule {one.name} fired last, {worst} most often "
                    f"({self.fired[worst]} times), at {short(node)}"
                )
            return result, one
        return None


def _same_but_for_names(new: Expr, old: Expr) -> bool:
    """Whether shapes differ only in the names of symbolic sizes that are checked to be equal."""
    return (
        new.dtype == old.dtype
        and new.ndim == old.ndim
        and all(
            a == b or not (isinstance(a, int) and isinstance(b, int))
            for a, b in zip(new.shape, old.shape, strict=True)
        )
    )


def rewrite_exprs(
    outputs: Sequence[Expr],
    tables: Sequence[str],
    keep: Collection[Expr] = (),
    normal: Collection[Expr] = (),
) -> tuple[list[Expr], dict[Expr, Expr], Counter[str]]:
    """Rewrite expressions by tables of rules.

    Parameters
    ----------
    outputs : sequence of Expr
    tables : sequence of str
        Keys of `RULES`; the rules of all of them are applied together.
    keep : collection of Expr
        Cut leaves: they stay as they are, and no rule looks through them.
    normal : collection of Expr
        Nodes that an earlier run of the same tables left as they are: not tried again.

    Returns
    -------
    outputs : list of Expr
    mapping : dict of Expr to Expr
        From each node that was visited to what it became.
    fired : Counter
        How often each rule fired.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> [y], _, fired = rewrite_exprs([sg.log(1 + sg.exp(x))], ["stability"])
    >>> y is sg.softplus(x)
    True
    """
    rules = [r for table in tables for r in RULES[table]]
    new = list(outputs)
    mapping: dict[Expr, Expr] = {}
    fired: Counter[str] = Counter()
    for _ in range(ROUNDS):
        run = Rewriter(rules, keep, {n: n for n in normal})
        new = run.run(new)
        for old, between in mapping.items():
            mapping[old] = run.mapping.get(between, between)
        for old, made in run.mapping.items():
            mapping.setdefault(old, made)
        fired += run.fired
        if not run.fired:
            break
        normal = _settled(new, run)
    return new, mapping, fired


#: rules look at the uses of nodes as deep as this
_DEPTH = 4


def _settled(outputs: Sequence[Expr], run: Rewriter) -> list[Expr]:
    """Nodes that another run would leave as they are: no number of uses below has changed.

    While a run goes on, what it replaces still counts as a user.
    """
    order = topological(outputs, stop=run.opaque)
    uses = Counter(outputs)
    for node in order:
        uses.update(node.args)
    unsettled = {node for node in order if uses[node] != run.uses(node)}
    for _ in range(_DEPTH):
        unsettled.update([n for n in order if any([arg in unsettled for arg in n.args])])
    return [node for node in order if node not in unsettled]


def rewrite(
    graph: Graph,
    tables: Sequence[str],
    keep: Collection[Expr] = (),
    normal: Collection[Expr] = (),
) -> tuple[Graph, Counter[str]]:
    """Rewrite a graph by tables of rules; see :func:`rewrite_exprs`.

    A node that is replaced hands its origin to its replacement.
    """
    new, mapping, fired = rewrite_exprs(list(graph.outputs.values()), tables, keep, normal)
    origins = dict(graph.origins)
    for old, made in mapping.items():
        if made is not old:
            inherit(origins, old, made)
    return Graph(dict(zip(graph.outputs, new, strict=True)), origins), fired
