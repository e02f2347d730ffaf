"""Work that leaves a loop: what does not change in it, and products that are summed over it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from symgrad.autodiff.batching import batch_outputs
from symgrad.errors import DeclarationError
from symgrad.ir.graph import substitute, topological
from symgrad.ir.node import LITERAL, SIZE, Expr, make
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.provenance import Origin
from symgrad.ir.region import Region, bound, keep_origins
from symgrad.ir.size import Size
from symgrad.ops.called import called
from symgrad.ops.item import items
from symgrad.ops.loop import BRANCH, LOOP, Parts, trips

__all__ = ["relieved"]


def relieved(node: Expr, done: Counter[str]) -> dict[int, Expr] | None:
    """What stands for each result of a loop, once work has left it; None if none can."""
    before = _before(node, done)
    after = _after(before, done)
    if after is not None:
        return after
    return None if before is node else dict(enumerate(items(before)))


# ---------------------------------------------------------------- before the loop


_BLOCKS = (LOOP, BRANCH)


def _is_trivial(node: Expr) -> bool:
    """What costs nothing to compute again, or is made anew to be written into."""
    return node.op is LITERAL or node.op is SIZE or node.op.name in ("bound", "zeros", "full")


def _before(node: Expr, done: Counter[str]) -> Expr:
    """The loop with what the carry has no part in computed before it, for all steps at once."""
    parts = Parts.of(node)
    outputs = [*parts.new, *parts.y]
    if node.attrs["test"] is not None:
        outputs += node.attrs["test"].on((*parts.carry, *parts.const))
    order = topological(outputs)
    kind = _kinds(parts, outputs)
    heavy: set[Expr] = set()
    for n in order:
        if _is_heavy(n) or (n.op not in _BLOCKS and any([arg in heavy for arg in n.args])):
            heavy.add(n)  # what a loop or branch is given, but not itself: it may not run
    fixed: dict[Expr, None] = {}
    rows: dict[Expr, None] = {}

    def wanted(n: Expr) -> None:
        if kind[n] == "const" and not _is_trivial(n) and (n.closed or not n.op.is_view(n)):
            fixed.setdefault(n)
        elif kind[n] == "x" and n in heavy:
            while n.op.is_view(n) and n.args[0] in heavy and not n.name:
                n = n.args[0]  # of what is computed, a step may take its part
            rows.setdefault(n)

    for n in order:
        for arg in n.args:
            if kind[arg] != kind[n] or (arg in heavy and n not in heavy):
                wanted(arg)
    for out in outputs:
        wanted(out)
    for n in [*fixed, *rows]:
        if n.dtype == object:  # several arrays: its items leave the loop, or it stays
            fixed.pop(n, None)
            rows.pop(n, None)
        elif n in rows and _is_ragged(topological([n])):
            rows.pop(n)
    if not fixed and not rows:
        return node
    outside = dict(zip((*parts.carry, *parts.x, *parts.const), node.args, strict=True))
    moved = substitute(list(fixed), {p: outside[p] for p in parts.const})
    new_consts = {n: bound(_name(n), n.shape, n.dtype) for n in fixed}
    values: list[Expr] = []
    if rows:
        stacked = {p: bound(_name(p), (node.attrs["length"], *p.shape), p.dtype) for p in parts.x}
        try:
            made = batch_outputs(list(rows), stacked)
        except DeclarationError:  # an op that cannot be batched stays in the loop
            rows.clear()
            made = []
        mapping = {stacked[p]: outside[p] for p in parts.x} | {p: outside[p] for p in parts.const}
        values = substitute([value for value, _ in made], mapping)
        if not fixed and not rows:
            return node
    new_rows = {n: bound(_name(n), n.shape, n.dtype) for n in rows}
    mapping = {p: p for p in (*parts.carry, *parts.x, *parts.const)} | new_consts | new_rows
    inner = substitute(outputs, mapping)
    keep_origins(mapping)
    for old, new in [*zip(fixed, moved, strict=True), *zip(rows, values, strict=True)]:
        if new.origin is None and not new.closed:
            new.origin = old.origin if old.name else Origin(_scope(old), _name(old))
    count = len(node.attrs["body"].outputs)
    x, const = [*parts.x, *new_rows.values()], [*parts.const, *new_consts.values()]
    attrs = node.attrs | {
        "body": Region([*parts.carry, *x, *const], inner[:count]),
        "sequences": len(x),
    }
    if node.attrs["test"] is not None:
        attrs["test"] = Region([*parts.carry, *const], inner[count:])
    args = (*parts.init, *parts.xs, *values, *parts.consts, *moved)
    done["loop: computed once, before it"] += len(fixed)
    done["loop: computed for all steps at once, before it"] += len(rows)
    return make(LOOP, args, attrs)


def _kinds(parts: Parts, outputs: Sequence[Expr]) -> dict[Expr, str]:
    """What each node of a body depends on: the carry, the sequences, or constants alone."""
    kind: dict[Expr, str] = dict.fromkeys(parts.carry, "carry")
    kind |= dict.fromkeys(parts.x, "x") | dict.fromkeys(parts.const, "const")
    for n in topological(outputs):
        if n not in kind:
            below = {kind[arg] for arg in n.args}
            # a loop that may not end is run where it stands, and only if it is reached
            endless = n.op is LOOP and n.attrs["test"] is not None
            if n.op.identity or "carry" in below or n.op.updates or endless:
                kind[n] = "carry"
            else:
                kind[n] = "x" if "x" in below else "const"
    return kind


def _is_ragged(values: Iterable[Expr]) -> bool:
    """Whether some are of another height at each step, so that no array holds those of all."""
    return any([trips(value.shape) for value in values])


def _is_heavy(node: Expr) -> bool:
    """What is worth doing for all steps at once, in memory for all of them."""
    return node.op.name == "matmul"


def _scope(node: Expr) -> str:
    """The user's scope."""
    return node.origin.scope if node.origin is not None else ""


def _name(node: Expr) -> str:
    """A name for what has left the loop: its own, or xW for a product x W."""
    if node.name:
        return node.name.rsplit(".", 1)[-1]
    below = [arg.name.rsplit(".", 1)[-1] for arg in node.args if arg.name]
    if node.op.name == "matmul" and len(below) == 2:
        return "".join(below) if max(map(len, below)) < 3 else "_".join(below)
    return called(node)


# ---------------------------------------------------------------- after the loop


def _after(node: Expr, done: Counter[str]) -> dict[int, Expr] | None:
    """A sum of matrix products over the steps as one product, after the loop."""
    parts = Parts.of(node)
    length: Size = node.attrs["length"]
    if node.attrs["test"] is not None:
        return None
    total = [*parts.new, *parts.y]
    users: Counter[Expr] = Counter(total)
    for n in topological(total):
        users.update(n.args)
    stacks: dict[Expr, Expr] = dict(zip(parts.x, parts.xs, strict=True))
    rows = {out: i for i, out in enumerate(parts.y)}
    more: list[Expr] = []
    summed: dict[int, tuple[Expr, Expr]] = {}
    plain: dict[int, tuple[Expr, Expr]] = {}
    for i, (c, new) in enumerate(zip(parts.carry, parts.new, strict=True)):
        if new.op.name != "add" or users[c] != 1:
            continue
        a, b = new.args
        term = b if a is c else a if b is c else None
        if term is None or term.aval != c.aval:
            continue
        product = term.op.name == "matmul" and all(arg.ndim == 2 for arg in term.args)
        if product or _outer(term) is not None:
            summed[i] = (term, c)
        elif term.op.name == "sum":
            plain[i] = (term, c)
    kind = _kinds(parts, total)
    mapped: dict[int, Expr] = {}  # a result that is a product with what does not change
    for j, y in enumerate(parts.y):
        if y.op.name == "matmul" and users[y] == 1 and kind[y] == "carry":
            left, right = y.args
            if kind[right] == "const" and right.ndim == 2:
                mapped[j] = left
    summed = {i: (term, c) for i, (term, c) in summed.items() if not _is_ragged(term.args)}
    plain = {i: (term, c) for i, (term, c) in plain.items() if not _is_ragged(term.args)}
    mapped = {j: left for j, left in mapped.items() if not _is_ragged([left, parts.y[j]])}
    if not summed and not mapped:
        return None
    wanted: dict[Expr, None] = dict.fromkeys(mapped.values())
    for term, _ in summed.values():
        outer = _outer(term)
        left, right = term.args if outer is None else outer
        wanted.setdefault(left.args[0] if left.op.name == "transpose" else left)
        wanted.setdefault(right)
    for i, (term, c) in plain.items():
        if term.args[0] in wanted or term.args[0] in rows:
            summed[i] = (term, c)
            wanted.setdefault(term.args[0])
    stay = [j for j in range(len(parts.y)) if j not in mapped]
    rows = {parts.y[j]: place for place, j in enumerate(stay)}
    for value in wanted:
        if value not in stacks and value not in rows:
            rows[value] = len(stay) + len(more)
            more.append(value)
    kept = [i for i in range(len(parts.carry)) if i not in summed]
    own = [*[parts.carry[i] for i in kept], *parts.x, *parts.const]
    body = Region(own, [*[parts.new[i] for i in kept], *[parts.y[j] for j in stay], *more])
    args = (*[parts.init[i] for i in kept], *parts.xs, *parts.consts)
    whole = make(LOOP, args, node.attrs | {"body": body, "carries": len(kept)})
    made = items(whole)
    stacks |= {value: made[len(kept) + i] for value, i in rows.items() if value not in stacks}
    results = {i: made[place] for place, i in enumerate(kept)}
    for place, j in enumerate(stay):
        results[len(parts.carry) + j] = made[len(kept) + place]
    outside = dict(zip(parts.const, parts.consts, strict=True))
    for j, left in mapped.items():
        [right] = substitute([parts.y[j].args[1]], dict(outside))
        results[len(parts.carry) + j] = stacks[left] @ right
    for i, (term, _) in summed.items():
        value = _of_all_steps(term, stacks, length)
        start = parts.init[i]
        results[i] = value if _is_zero(start) else start + value
        if results[i].origin is None:
            results[i].origin = parts.new[i].origin
    done["loop: a sum over its steps as one product, after it"] += len(summed)
    done["loop: computed for all steps at once, after it"] += len(mapped)
    return results


def _outer(term: Expr) -> tuple[Expr, Expr] | None:
    """The vectors of an outer product, ``a[:, None] * b[None]``."""
    if term.op.name != "multiply" or term.ndim != 2:
        return None
    found = {}
    for arg in term.args:
        if arg.op.name == "expand_dims" and arg.args[0].ndim == 1:
            found[tuple(arg.attrs["axis"])] = arg.args[0]
    return (found[1,], found[0,]) if {(1,), (0,)} == set(found) else None


def _is_zero(x: Expr) -> bool:
    if x.op is LITERAL:
        return not x.attrs["value"].array.any()
    return x.op.name == "zeros"


def _of_all_steps(term: Expr, stacks: dict[Expr, Expr], length: Size) -> Expr:
    """The sum over the steps of a matrix product, or of a sum."""
    if term.op.name == "sum":
        x = stacks[term.args[0]]
        axes = (0, *[axis + 1 for axis in term.attrs["axis"]])
        found: Expr = FUNCTIONS["sum"](x, axis=axes, keepdims=False)
        return found if found.shape == term.shape else found.reshape(*term.shape)
    outer = _outer(term)
    if outer is not None:  # sum_t a_t b_t' = [a_1 a_2 ...] [b_1 b_2 ...]'
        return stacks[outer[0]].T @ stacks[outer[1]]
    left, right = term.args
    flipped = left.op.name == "transpose"
    a, b = stacks[left.args[0] if flipped else left], stacks[right]
    columns = b.reshape(length * b.shape[1], b.shape[2])
    if flipped:  # sum_t a_t' b_t = [a_1; a_2; ...]' [b_1; b_2; ...]
        return a.reshape(length * a.shape[1], a.shape[2]).T @ columns
    wide: Expr = FUNCTIONS["moveaxis"](a, 0, 1)
    return wide.reshape(wide.shape[0], length * wide.shape[2]) @ columns
