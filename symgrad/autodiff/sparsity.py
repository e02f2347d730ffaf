"""Which element of a result depends on which of an argument: found on the graph, by sets.

Each element of each node has the set of the elements that it depends on, as the bits of an
integer, in an array of objects. What only moves elements about is asked where it moves them, by
running it on their numbers; so there is no rule to write for it.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.aval import Avals
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr
from symgrad.ir.region import everything, regions
from symgrad.ir.size import Dim, symbols_in
from symgrad.ops.interpret import evaluate_node
from symgrad.ops.item import ITEM
from symgrad.ops.loop import BRANCH, CHECKPOINT, LOOP, Parts, trips

__all__ = ["dependencies", "pattern"]

#: element -> the set of elements that it depends on
Sets = np.ndarray[Any, Any]

#: ops that move elements of their arguments, add zeros, and do nothing else
_MOVES = frozenset(
    {
        *("transpose", "reshape", "broadcast_to", "expand_dims", "squeeze", "getitem"),
        *("concatenate", "stack", "repeat", "tile", "pad", "diag", "tril", "triu", "patches"),
        *("sliding_window_view", "fftshift", "ifftshift", "copy"),
    }
)
#: along attribute `axis`, each result depends on all elements
_REDUCTIONS = frozenset(
    {
        *("sum", "prod", "any", "all", "max", "min", "mean", "var", "std"),
        *("logsumexp", "logmeanexp", "euclidean_norm", "p_norm"),
    }
)
_ALONG = frozenset({"softmax", "log_softmax", "sort", "argsort", "unit"})
_RUNNING = frozenset({"cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"})
#: no derivative passes through
_OPAQUE = frozenset({"stop_gradient", "argmax", "argmin", "argsort"})


class _Tracer:
    """Sets for the nodes of a graph, from those of its leaves."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.known: dict[Expr, Any] = {}

    # ---- what is known

    def shape(self, node: Expr) -> tuple[int, ...]:
        return tuple(
            [d.evaluate(dict(self.sizes)) if isinstance(d, Dim) else d for d in node.shape]
        )

    def value(self, node: Expr) -> Any:
        """The value of a constant, or None for what is not one."""
        if not node.closed or node.dtype == object:
            return None
        if node not in self.known:
            for n in topological([node], stop=self.known.__contains__):
                if n not in self.known:
                    args = [self.known[arg] for arg in n.args]
                    self.known[n] = evaluate_node(n, args, self.sizes)
        return self.known[node]

    def empty(self, node: Expr) -> Sets:
        return _filled(self.shape(node), 0)

    # ---- the walk

    def run(self, outputs: Sequence[Expr], sets: dict[Expr, Any]) -> list[Sets]:
        for node in topological(outputs, stop=sets.__contains__):
            if node not in sets:
                sets[node] = self.node(node, sets)
        return [sets[out] for out in outputs]

    def node(self, node: Expr, sets: dict[Expr, Any]) -> Any:
        if node.op is ITEM:
            return sets[node.args[0]][node.attrs["part"]]
        args = [sets[arg] for arg in node.args]
        if node.op is LOOP:
            return self.loop(node, args)
        if node.op in (BRANCH, CHECKPOINT):
            return self.branch(node, args)
        several = isinstance(node.aval, Avals)
        if not several and (not args or node.dtype.kind not in "fc" or node.closed):
            return self.empty(node)
        if not any([_has_any(a) for a in args]) or node.op.name in _OPAQUE:
            return [self._zeros(p) for p in node.aval.parts] if several else self.empty(node)  # type: ignore[attr-defined]
        rule = getattr(self, f"_{node.op.name}", None)
        if rule is not None:
            return rule(node, args)
        if node.op.elementwise:
            return self.broadcast(node, args)
        if node.op.name in _MOVES:
            return self.move(node, args)
        if node.op.name in _REDUCTIONS:
            axes = tuple(node.attrs["axis"])
            made = np.bitwise_or.reduce(args[0], axis=axes, keepdims=node.attrs["keepdims"])
            return _as_sets(made)
        if node.op.name in _ALONG:
            axes = node.attrs["axis"]
            axes = tuple(axes) if isinstance(axes, (tuple, list)) else (axes,)
            whole = np.bitwise_or.reduce(args[0], axis=axes, keepdims=True)
            return _as_sets(np.broadcast_to(whole, args[0].shape))
        if node.op.name in _RUNNING:
            return self.running(node, args[0])
        if node.op.composite:
            leaves = dict(zip(node.args, args, strict=True))
            return self.run([node.op.lower(node)], leaves)[0]
        return self.everything(node, args)

    def _zeros(self, aval: Any) -> Sets:
        return _filled(
            tuple([d.evaluate(dict(self.sizes)) if isinstance(d, Dim) else d for d in aval.shape]),
            0,
        )

    def everything(self, node: Expr, args: Sequence[Sets]) -> Any:
        """Of an op about which nothing more is known: all of its arguments."""
        union = 0
        for a in args:
            for one in a.flat:
                union |= one
        if isinstance(node.aval, Avals):
            return [self._zeros(part) | union for part in node.aval.parts]
        return _filled(self.shape(node), union)

    # ---- elementwise

    def broadcast(self, node: Expr, args: Sequence[Sets]) -> Sets:
        made = self.empty(node)
        for a in args:
            made = _as_sets(made | a)
        if node.op.name in ("multiply", "divide", "where"):
            made = self.masked(node, made, args)
        return _as_sets(made)

    def masked(self, node: Expr, made: Sets, args: Sequence[Sets]) -> Sets:
        """Without what a constant zero, or the choice of a constant condition, takes away."""
        if node.op.name == "where":
            chosen = self.value(node.args[0])
            if chosen is None:
                return made
            both = np.broadcast_arrays(*args[1:], made)
            return _as_sets(np.where(chosen.astype(bool), both[0], both[1]))
        for arg in node.args[: 1 if node.op.name == "divide" else 2]:
            value = self.value(arg)
            if value is not None:
                made = _as_sets(np.where(np.broadcast_to(value == 0, made.shape), 0, made))
        return made

    # ---- moves

    def move(self, node: Expr, args: Sequence[Sets]) -> Sets:
        """Where each element of the result comes from, by running the op on their numbers."""
        indices: list[Any] = []
        pool: list[Any] = [0]
        for i, (arg, a) in enumerate(zip(node.args, args, strict=True)):
            if node.op.name == "getitem" and i > 0:
                value = self.value(arg)
                if value is None:  # known only when it is called: any of them
                    return self.anywhere(node, args[0])
                indices.append(value)
                continue
            start = len(pool)
            pool += list(a.flat)
            indices.append(np.arange(start, len(pool), dtype=np.int64).reshape(a.shape))
        return _gathered(pool, self.places(node, indices))

    def places(self, node: Expr, indices: Sequence[Any]) -> Any:
        twin = _integer_twin(node)
        return np.asarray(evaluate_node(twin, indices, self.sizes)).astype(np.int64)

    def anywhere(self, node: Expr, a: Sets) -> Sets:
        union = 0
        for one in a.flat:
            union |= one
        return _filled(self.shape(node), union)

    def _scatter_add(self, node: Expr, args: Sequence[Sets]) -> Sets:
        return self.scatter(node, args, replaces=False)

    def _scatter_set(self, node: Expr, args: Sequence[Sets]) -> Sets:
        return self.scatter(node, args, replaces=True)

    def scatter(self, node: Expr, args: Sequence[Sets], replaces: bool) -> Sets:
        from symgrad.ir.node import make
        from symgrad.ir.op import OPS

        base, values = node.args[0], args[-1]
        known = [self.value(arg) for arg in node.args[1:-1]]
        if any([k is None for k in known]):
            return _as_sets(args[0] | self.anywhere(node, values))
        picked = make(OPS["getitem"], (base, *node.args[1:-1]), {"index": node.attrs["index"]})
        numbers = np.arange(args[0].size, dtype=np.int64).reshape(args[0].shape)
        places = self.places(picked, [numbers, *known])
        made = args[0].copy()
        flat = made.reshape(-1)
        for place, one in zip(places.flat, np.broadcast_to(values, places.shape).flat, strict=True):
            flat[place] = one if replaces else flat[place] | one
        return made

    # ---- sums of products

    def _matmul(self, node: Expr, args: Sequence[Sets]) -> Sets:
        a, b = args
        u, v = (self.nonzero(arg, s) for arg, s in zip(node.args, args, strict=True))
        if a.ndim == 1:
            a, u = a[None], u[None]
        if b.ndim == 1:
            b, v = b[:, None], v[:, None]
        made: Any = 0
        for k in range(a.shape[-1]):
            both = u[..., :, k, None] & v[..., None, k, :]
            made = np.where(both, a[..., :, k, None] | b[..., None, k, :], 0) | made
        return _as_sets(np.asarray(made, object).reshape(self.shape(node)))

    def _einsum(self, node: Expr, args: Sequence[Sets]) -> Sets:
        subscripts = node.attrs["subscripts"]
        left, _, right = subscripts.partition("->")
        if "." in subscripts:
            return self.everything(node, args)  # type: ignore[no-any-return]
        letters = sorted({c for c in left if c.isalpha()})
        made: Any = 0
        for term, a in zip(left.split(","), args, strict=True):
            if len(set(term)) != len(term):
                return self.everything(node, args)  # type: ignore[no-any-return]
            order = [term.index(c) for c in letters if c in term]
            index = tuple([slice(None) if c in term else None for c in letters])
            made = a.transpose(order)[index] | made
        gone = tuple([i for i, c in enumerate(letters) if c not in right])
        made = np.bitwise_or.reduce(made, axis=gone) if gone else made
        kept = [c for c in letters if c in right]
        return _as_sets(np.asarray(made, object).transpose([kept.index(c) for c in right]))

    def nonzero(self, arg: Expr, sets: Sets) -> Any:
        value = self.value(arg)
        return np.ones(sets.shape, bool) if value is None else np.asarray(value) != 0

    def running(self, node: Expr, a: Sets) -> Sets:
        axis = node.attrs["axis"]
        return _as_sets(np.bitwise_or.accumulate(a, axis=axis))

    # ---- loops and branches

    def loop(self, node: Expr, args: Sequence[Sets]) -> list[Any]:
        parts = Parts.of(node)
        n, m = len(parts.carry), len(parts.carry) + len(parts.x)
        carry, rows, consts = list(args[:n]), args[n:m], args[m:]
        fixed = dict(zip(parts.const, consts, strict=True))
        length = node.attrs["length"]
        if node.attrs["test"] is not None or trips(length):
            # what may have been carried, however often it went round; one row stands for all
            known = fixed | {x: _as_sets(row[0]) for x, row in zip(parts.x, rows, strict=True)}
            while True:
                values = known | dict(zip(parts.carry, carry, strict=True))
                step = self.run(parts.new, dict(values))
                wider = [_as_sets(old | new) for old, new in zip(carry, step, strict=True)]
                if all([(a == b).all() for a, b in zip(wider, carry, strict=True)]):
                    return [*carry, *[y[None] for y in self.run(parts.y, values)]]
                carry = wider
        length = length.evaluate(dict(self.sizes)) if isinstance(length, Dim) else length
        steps = range(length)[:: -1 if node.attrs["reverse"] else 1]
        made: dict[int, list[Any]] = {}
        for t in steps:
            known = fixed | dict(zip(parts.carry, carry, strict=True))
            known |= {x: _as_sets(row[t]) for x, row in zip(parts.x, rows, strict=True)}
            found = self.run([*parts.new, *parts.y], known)
            carry, made[t] = found[:n], found[n:]
        stacked = []
        for i, y in enumerate(parts.y):
            shape = (length, *self.shape(y))
            stacked.append(_filled(shape, 0))
            for t in range(length):
                stacked[-1][t] = made[t][i][()]  # a number, not an array of one
        return [*carry, *stacked]

    def branch(self, node: Expr, args: Sequence[Sets]) -> list[Any]:
        given = args[1:] if node.op is BRANCH else args
        found = []
        for _, region in regions(node):
            known = dict(zip(region.parameters, given, strict=True))
            found.append(self.run(region.outputs, known))
        return [_as_sets(reduce(operator.or_, sides)) for sides in zip(*found, strict=True)]


def _filled(shape: tuple[int, ...], value: int) -> Sets:
    made = np.empty(shape, object)
    made.fill(value)
    return made


def _as_sets(value: Any) -> Sets:
    """An array of objects, also of a single one."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return value
    made = np.empty(np.shape(value), object)
    made[...] = value
    return made


def _has_any(sets: Any) -> bool:
    many = sets if isinstance(sets, list) else [sets]
    return any(one for a in many for one in a.flat)


def _gathered(pool: Sequence[int], places: Any) -> Sets:
    made = np.empty(places.shape, object)
    flat = made.reshape(-1)
    for i, place in enumerate(places.flat):
        flat[i] = pool[place]
    return made if places.shape else _as_sets(flat[0])


def _integer_twin(node: Expr) -> Expr:
    """The same movement of whole numbers."""
    from symgrad.ir.node import identity, make
    from symgrad.ops.leaf import INPUT

    args = tuple(
        [
            arg
            if i > 0 and node.op.name == "getitem"
            else identity(INPUT, {"name": "i", "shape": arg.shape, "dtype": np.dtype(np.int64)})
            for i, arg in enumerate(node.args)
        ]
    )
    return make(node.op, args, node.attrs)


def dependencies(
    outputs: Sequence[Expr], x: Expr, sizes: Mapping[str, int] | None = None
) -> list[Sets]:
    """For each element of each output the elements of `x` that it depends on, as bits.

    Parameters
    ----------
    outputs : sequence of Expr
    x : Expr
    sizes : mapping of str to int, optional
        Values for symbolic sizes.
    """
    unknown = {s for n in everything(outputs) for s in trips((n.shape, *n.attrs.values()))}
    tracer = _Tracer(dict.fromkeys(unknown, 1) | dict(sizes or {}))
    shape = tracer.shape(x)
    own = np.empty(shape, object)
    flat = own.reshape(-1)
    for i in range(flat.size):
        flat[i] = 1 << i
    return tracer.run(outputs, {x: own})


def pattern(y: Expr, x: Expr) -> tuple[Any, Any]:
    """Rows and columns of the entries of the Jacobian that are not structurally zero.

    Raises
    ------
    DeclarationError
        If a shape is symbolic.
    """
    for node in topological([y], stop=lambda n: n is x):
        if symbols_in(node.shape) - trips(node.shape):
            where = f", declared at {node.location}" if node.location else ""
            raise DeclarationError(
                f"a sparse Jacobian has a fixed pattern, so all shapes must be static; "
                f"{node.name or node.op.name} is {node.aval}{where}"
            )
    [sets] = dependencies([y], x)
    rows: list[int] = []
    columns: list[int] = []
    for i, one in enumerate(sets.flat):
        while one:
            low = one & -one
            rows.append(i)
            columns.append(low.bit_length() - 1)
            one ^= low
    return np.array(rows, np.int64), np.array(columns, np.int64)
