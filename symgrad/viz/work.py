"""How much a graph computes and holds: FLOPs and bytes, as formulas in its symbolic sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.ir.op import OPS
from symgrad.ir.region import regions
from symgrad.ir.size import Dim, Size, product
from symgrad.ops.axes import count
from symgrad.ops.leaf import Leaf
from symgrad.ops.loop import BLOCKS, LOOP, trips
from symgrad.ops.products import MATMUL
from symgrad.ops.reduce import Reduction

__all__ = ["bytes_of", "evaluated", "flops_of", "inside", "peak"]

#: what a symbolic size is taken to be where two formulas must be compared
HINT = 64


def flops_of(node: Expr) -> Size:
    """Floating point operations of one node: elements times ``Op.flops``.

    That gives one number for each element, with a guess where it depends on a symbolic size;
    products of matrices and reductions are counted exactly here.

    Examples
    --------
    >>> import symgrad as sg
    >>> x, w = sg.input("x", ("B", 64)), sg.param("w", (64, 32))
    >>> flops_of(x @ w), flops_of(x + 1), flops_of(x.sum())
    (Dim('4096*B'), Dim('64*B'), Dim('64*B'))
    """
    if isinstance(node.op, Leaf) or node.op in (LITERAL, SIZE):
        return 0
    if node.op in BLOCKS:
        return _flops_of_block(node)
    elements = product(node.shape)
    if node.op is MATMUL:
        return product([2, elements, node.args[0].shape[-1]])
    if node.op is OPS["einsum"]:
        sizes: dict[str, Size] = {}
        inputs, _, output = node.attrs["subscripts"].partition("->")
        for term, arg in zip(inputs.split(","), node.args, strict=True):
            for letter, size in zip(term, arg.shape, strict=True):
                if sizes.get(letter, 1) == 1:
                    sizes[letter] = size
        summed = [size for letter, size in sizes.items() if letter not in output]
        return product([2, elements, *summed])
    each = node.op.flops(node)
    if isinstance(node.op, Reduction):
        read = count(node.args[0].shape, node.attrs["axis"])
        if not isinstance(read, int):
            return product([max(each // HINT, 1), elements, read])  # `each` holds HINT for it
    return product([each, elements])


def _flops_of_block(node: Expr) -> Size:
    return sum([size for _, size in inside(node)], start=0)


def inside(node: Expr) -> list[tuple[Expr, Size]]:
    """What a node computes, as nodes with their FLOPs: itself, or what its bodies hold.

    A loop's body counts as often as the loop goes round (once, if only a test knows), of a
    branch's sides the larger one counts.
    """
    if node.op not in BLOCKS:
        return [(node, flops_of(node))]
    sides = [[each for n in region.nodes() for each in inside(n)] for _, region in regions(node)]
    if node.op is LOOP:
        known = node.attrs["test"] is None and not trips(node.attrs["length"])
        times = node.attrs["length"] if known else 1
        return [(n, product([size, times])) for n, size in sides[0]]

    def cost(side: list[tuple[Expr, Size]]) -> int:
        return int(evaluated(sum([size for _, size in side], start=0), {}, HINT))

    return max(sides, key=cost)


def bytes_of(nodes: Iterable[Expr]) -> Size:
    """The memory of the values of nodes."""
    total: Size = 0
    for node in nodes:
        total = total + product(node.shape) * node.dtype.itemsize
    return total


def evaluated(size: Size, sizes: dict[str, int], default: int | None = None) -> Size:
    """A formula with sizes put in; `default` for those that are not given."""
    if not isinstance(size, Dim):
        return size
    known: dict[str, Size] = dict(sizes)
    if default is not None:
        known = {name: sizes.get(name, default) for name in size.symbols}
    return size.substitute({name: known[name] for name in size.symbols if name in known})


def peak(order: Sequence[Expr], outputs: Sequence[Expr], sizes: dict[str, int]) -> Size:
    """The most memory that values take at once, if each is freed after its last use.

    Leaves, constants and views take none. Which moment is the worst is decided with the given
    sizes, and 64 for those that are not known.
    """
    owner: dict[Expr, Expr] = {}
    last: dict[Expr, int] = {}
    for i, node in enumerate(order):
        owner[node] = owner[node.args[0]] if node.args and node.op.is_view(node) else node
        for used in (node, *node.args):
            last[owner[used]] = i
    for node in outputs:
        last[owner[node]] = len(order)
    dying: dict[int, list[Expr]] = {}
    for node, i in last.items():
        dying.setdefault(i, []).append(node)
    live: Size = 0
    best: Size = 0
    highest = -1
    for i, node in enumerate(order):
        if owner[node] is node and node.args:
            live = live + bytes_of([node])
        hinted = evaluated(live, sizes, HINT)
        if isinstance(hinted, int) and hinted > highest:
            best, highest = live, hinted
        for dead in dying.get(i, ()):
            if dead.args:
                live = live - bytes_of([dead])
    return best
