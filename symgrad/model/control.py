"""Control flow: loops and branches, declared with functions that are called once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ExpressionUseError, ShapeError
from symgrad.ir import provenance
from symgrad.ir.aval import format_shape
from symgrad.ir.graph import substitute, topological
from symgrad.ir.node import Expr, as_expr, literal, make
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.recording import building, recording
from symgrad.ir.region import Region, bound, close, keep_origins
from symgrad.ir.size import Size, as_size
from symgrad.model import tree as trees
from symgrad.model.chunks import chunk_length, in_chunks
from symgrad.model.derived import tracing
from symgrad.ops.draws import Draw
from symgrad.ops.item import items
from symgrad.ops.leaf import BOUND
from symgrad.ops.loop import BRANCH, loop

__all__ = ["cond", "map", "scan", "while_loop"]


class _Structure:
    """Leaves of nested tuples, lists and dicts; None is an empty one."""

    def __init__(self, value: Any) -> None:
        leaves, self.tree = trees.flatten(value)
        self.present = [leaf is not None for leaf in leaves]
        self.given = [leaf for leaf in leaves if leaf is not None]
        self.labels = [
            label for label, here in zip(trees.labels(self.tree), self.present, strict=True) if here
        ]

    def of(self, leaves: Sequence[Any]) -> Any:
        """The same structure with other leaves."""
        rest = iter(leaves)
        return trees.unflatten(self.tree, [next(rest) if here else None for here in self.present])

    def fits(self, other: _Structure) -> bool:
        return _plain(self.tree) == _plain(other.tree) and self.present == other.present


def _plain(tree: Any) -> Any:
    """A structure in which named tuples, tuples and lists are alike."""
    if tree is None:
        return None
    _, keys, below = tree
    return keys, tuple([_plain(part) for part in below])


def _parameter_names(fn: Callable[..., Any], count: int) -> list[str]:
    try:
        names = [
            p.name
            for p in inspect.signature(fn).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        names = []
    return [*names, *["x"] * count][:count]


def _names(structure: _Structure, parameter: str) -> list[str]:
    """What the leaves of an argument are called in the body."""
    found = []
    for label, leaf in zip(structure.labels, structure.given, strict=True):
        last = label.rsplit(".", 1)[-1]
        own = leaf.name if isinstance(leaf, Expr) else None
        if not label:
            found.append(parameter)
        elif not last.isdigit():
            found.append(last)
        elif own:
            found.append(own.rsplit(".", 1)[-1].rstrip("0").rstrip("_") or parameter)
        else:
            found.append(f"{parameter}_{last}")
    return found


@contextmanager
def _body(what: str, fn: Any, parameters: Sequence[Expr]) -> Iterator[set[Expr]]:
    """Around the user's function: what it declares; draws, the same at each step, are refused."""
    if not callable(fn):
        raise DeclarationError(f"{what} expects a function; got {type(fn).__name__} {fn!r}")
    with recording() as made, building() as built, tracing(parameters):
        yield built
    for node in made:
        if isinstance(node.op, Draw):
            where = f", declared at {node.location}" if node.location else ""
            raise DeclarationError(
                f"{what}: the body draws random numbers ({node.op.name}{where}), which would be "
                "the same at every step; draw them all before, with the steps as first axis, and "
                "give them to the loop as xs"
            )


def _leaf(value: Any, what: str) -> Expr:
    try:
        return as_expr(value)
    except ExpressionUseError:
        raise
    except Exception as error:
        raise DeclarationError(f"{what}: {error}") from None


def _carry_back(what: str, structure: _Structure, result: Any) -> list[Expr]:
    """The leaves of the new carry, which has the structure of the old one."""
    back = _Structure(result)
    if not structure.fits(back):
        raise DeclarationError(
            f"{what}: the carry's structure must stay the same; it is {_shown(structure)} before "
            f"a step and {_shown(back)} after it"
        )
    return [_leaf(leaf, f"{what}: the new carry") for leaf in back.given]


def _shown(structure: _Structure) -> str:
    return repr(structure.of([_Name("*")] * len(structure.given)))


class _Name(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _settled(
    weak: list[bool], init: list[Expr], own: list[Expr], new: list[Expr], outputs: list[Expr]
) -> tuple[list[Expr], list[Expr], list[Expr]]:
    """Carries that began as Python numbers, in the dtype and shape that a step gives them."""
    if not any(weak):
        return own, new, outputs
    started = {p for p, flag in zip(own, weak, strict=True) if flag}
    leaves = [n for n in topological([*new, *outputs]) if not n.args and n not in started]
    single = np.dtype(np.float32)
    beside = {n.dtype for n in leaves if n.dtype.kind == "f" and not (n.closed and not n.ndim)}
    for attempt in range(4):
        fresh = list(own)
        for i, (p, out) in enumerate(zip(own, new, strict=True)):
            dtype = np.result_type(p.dtype, out.dtype)
            if not attempt and beside == {single} and out.dtype.kind == "f":
                dtype = single  # a Python number is weak: what it meets decides
            if weak[i] and (p.shape != out.shape or p.dtype != dtype):
                fresh[i] = bound(str(p.attrs["name"]), out.shape, dtype)
        if all([a is b for a, b in zip(fresh, own, strict=True)]):
            break
        mapping = dict(zip(own, fresh, strict=True))
        with provenance.quiet():
            changed = substitute([*new, *outputs], mapping)
        keep_origins(mapping)
        own, new, outputs = fresh, changed[: len(new)], changed[len(new) :]
    for i, p in enumerate(own):
        if weak[i] and init[i].dtype != p.dtype:
            init[i] = literal(init[i].attrs["value"].array, p.dtype)
        if weak[i] and init[i].shape != p.shape:
            init[i] = FUNCTIONS["broadcast_to"](init[i], p.shape)
    return own, new, outputs


def _renamed(
    own: list[Expr], new: list[Expr], outputs: list[Expr]
) -> tuple[list[Expr], list[Expr], list[Expr]]:
    """Carries called as the body calls their new values."""
    called = [out.name if out.op is not BOUND else None for out in new]
    fresh = [
        p if not name else bound(name.rsplit(".", 1)[-1], p.shape, p.dtype)
        for p, name in zip(own, called, strict=True)
    ]
    mapping = dict(zip(own, fresh, strict=True))
    with provenance.quiet():
        changed = substitute([*new, *outputs], mapping)
    keep_origins(mapping)
    return fresh, changed[: len(new)], changed[len(new) :]


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) and not isinstance(value, np.generic)


def _placed(made: Sequence[Expr], structures: Sequence[int]) -> None:
    """Tell each result its place among what the call gives, for the variable's name."""
    at = 0
    for place, count in enumerate(structures):
        for node in made[at : at + count]:
            if node.origin is not None:
                node.origin.inner = False
                node.origin.part = place if count == 1 else 10**6
        at += count


def scan(
    fn: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: Any = None,
    reverse: bool = False,
    memory: int | str | None = None,
) -> tuple[Any, Any]:
    """Repeat a step over the first axis of sequences, carrying a state.

    ``carry, y[t] = fn(carry, x[t])`` for t = 0, 1, ... The source has a plain ``for``.

    Parameters
    ----------
    fn : callable
        ``fn(carry, x) -> (carry, y)``; called once, on expressions. `x` and `y` are structures
        like `xs`, or None. What it uses from outside is captured.
    init : structure of Expr, array or number
        The carry before the first step. A step must keep its structure, shapes and dtypes; a
        Python number takes those that a step gives it.
    xs : structure of Expr or array, optional
        What is gone through, along the first axes, which are equally long.
    length : int, str or Dim, optional
        The number of steps, where there are no `xs`.
    reverse : bool
        From the last element to the first; ``y[t]`` stays at the place of ``x[t]``.
    memory : int, ``"sqrt"`` or None
        What reverse mode may keep: all that it needs of each step (None); or the carry at some
        steps alone, from which the others are computed again, ``"sqrt"`` for as few as the
        square root of the length, an int for as many as fit in so many bytes.

    Returns
    -------
    carry : structure like `init`
        After the last step.
    ys : structure like what `fn` gives
        The results of all steps, along a new first axis.

    Raises
    ------
    DeclarationError
        If the structures do not fit, or the body draws random numbers.
    ShapeError, DTypeError
        If a step changes the shape or dtype of the carry, or sequences differ in length.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("T",))
    >>> total, sums = sg.scan(lambda s, v: (s + v, s + v), 0.0, x)
    >>> f = sg.function([x], [sums, sg.grad(total * total, x)])
    >>> f([1.0, 2.0, 3.0])
    [array([1., 3., 6.]), array([12., 12., 12.])]
    """
    start, rows = _Structure(init), _Structure(xs)
    carry = [_leaf(leaf, "scan: init") for leaf in start.given]
    sequences = [_leaf(leaf, "scan: xs") for leaf in rows.given]
    steps = _length("scan", rows, sequences, length)
    names = _parameter_names(fn, 2) if callable(fn) else ["carry", "x"]
    own = [
        bound(name, e.shape, e.dtype)
        for name, e in zip(_names(start, names[0]), carry, strict=True)
    ]
    elements = [
        bound(name, e.shape[1:], e.dtype)
        for name, e in zip(_names(rows, names[1]), sequences, strict=True)
    ]
    with _body("scan", fn, [*own, *elements]) as built:
        result = fn(start.of(own), rows.of(elements))
    if not isinstance(result, tuple) or len(result) != 2:
        raise DeclarationError(
            "scan: the function must return (carry, y), two results (y may be None); got "
            f"{type(result).__name__}"
        )
    ys = _Structure(result[1])
    y = [_leaf(leaf, "scan: y") for leaf in ys.given]
    new = _carry_back("scan", start, result[0])
    own, new, y = _settled([_is_number(v) for v in start.given], carry, own, new, y)
    own, new, y = _renamed(own, new, y)
    if not new and not y:
        raise DeclarationError("scan: the function carries nothing and gives nothing")
    region, captured = close([*own, *elements], [*new, *y], numbers=built)
    chunk = chunk_length(region, len(new), steps, memory)
    if chunk is None:
        made = loop(carry, sequences, captured, region, steps, bool(reverse))
    else:
        made = in_chunks(carry, sequences, captured, region, steps, bool(reverse), chunk)
    _placed(made, [len(new), len(y)])
    return start.of(made[: len(new)]), ys.of(made[len(new) :])


def _length(what: str, rows: _Structure, sequences: list[Expr], length: Any) -> Size:
    for label, e in zip(rows.labels, sequences, strict=True):
        if not e.ndim:
            raise ShapeError(f"{what}: xs{label and '.' + label} has no axis to go along")
    if length is not None:
        return as_size(length)
    if not sequences:
        raise DeclarationError(f"{what}: without xs, it needs length=")
    sizes = [e.shape[0] for e in sequences]
    static = [size for size in sizes if isinstance(size, int)]
    return static[0] if static else sizes[0]


def map(fn: Callable[[Any], Any], xs: Any) -> Any:
    """Apply a function to each element along the first axis, one after the other.

    As ``sg.vmap(fn)(xs)`` it gives all results along a first axis; it needs the memory of one.

    Parameters
    ----------
    fn : callable
        ``fn(x) -> y``, structures; called once, on expressions.
    xs : structure of Expr or array

    Returns
    -------
    structure like what `fn` gives

    Examples
    --------
    >>> import symgrad as sg
    >>> A = sg.input("A", ("N", 2, 2))
    >>> f = sg.function([A], sg.map(sg.linalg.det, A))
    >>> f([[[1.0, 0.0], [0.0, 2.0]], [[3.0, 0.0], [0.0, 4.0]]])
    array([ 2., 12.])
    """
    [name] = _parameter_names(fn, 1) if callable(fn) else ["x"]
    rows = _Structure(xs)
    sequences = [_leaf(leaf, "map: xs") for leaf in rows.given]
    steps = _length("map", rows, sequences, None)
    elements = [
        bound(n, e.shape[1:], e.dtype) for n, e in zip(_names(rows, name), sequences, strict=True)
    ]
    with _body("map", fn, elements) as built:
        ys = _Structure(fn(rows.of(elements)))
    y = [_leaf(leaf, "map: y") for leaf in ys.given]
    if not y:
        raise DeclarationError("map: the function gives nothing")
    region, captured = close(elements, y, numbers=built)
    made = loop((), sequences, captured, region, steps)
    _placed(made, [1] * len(y))
    return ys.of(made)


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
    """Repeat a step while a condition holds: ``while cond(carry): carry = body(carry)``.

    There is no bound on the number of steps, and it is differentiable in both modes: reverse mode
    keeps what it needs of each step on a stack that grows.

    Parameters
    ----------
    cond : callable
        ``cond(carry)`` -> scalar condition; called once, on expressions.
    body : callable
        ``body(carry) -> carry``, of the same structure, shapes and dtypes.
    init : structure of Expr, array or number

    Returns
    -------
    structure like `init`
        The first carry for which the condition does not hold.

    Raises
    ------
    DeclarationError, ShapeError, DTypeError
        As :func:`scan` does; if the condition is no scalar.

    Examples
    --------
    >>> import symgrad as sg
    >>> a = sg.input("a", ())
    >>> root = sg.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a)
    >>> f = sg.function([a], [root, sg.grad(root, a)])
    >>> [round(float(v), 6) for v in f(2.0)]
    [1.414214, 0.353553]
    """
    start = _Structure(init)
    carry = [_leaf(leaf, "while_loop: init") for leaf in start.given]
    if not carry:
        raise DeclarationError("while_loop: there is nothing to carry")
    [name] = _parameter_names(body, 1) if callable(body) else ["carry"]
    own = [bound(n, e.shape, e.dtype) for n, e in zip(_names(start, name), carry, strict=True)]
    with _body("while_loop", cond, own) as tested:
        test = _condition("while_loop", cond(start.of(own)))
    with _body("while_loop", body, own) as built:
        result = body(start.of(own))
    new = _carry_back("while_loop", start, result)
    own, new, [test] = _settled([_is_number(v) for v in start.given], carry, own, new, [test])
    own, new, [test] = _renamed(own, new, [test])
    region, captured = close(own, [*new, test], numbers=built | tested)
    step = Region(region.parameters, region.outputs[:-1])
    check = Region(region.parameters, region.outputs[-1:])
    made = loop(carry, (), captured, step, None, test=check)
    _placed(made, [1] * len(new))
    return start.of(made)


def _condition(what: str, value: Any) -> Expr:
    made = _leaf(value, f"{what}: the condition")
    if made.shape:
        raise ShapeError(
            f"{what}: the condition must be a scalar; got {format_shape(made.shape)}. "
            "sg.all or sg.any makes one of many, sg.where chooses element by element"
        )
    return made if made.dtype.kind == "b" else made != 0


def cond(pred: Any, then: Callable[..., Any], otherwise: Callable[..., Any], *operands: Any) -> Any:
    """One of two computations: the other is not run, and its derivative is exactly 0.

    Parameters
    ----------
    pred : Expr of shape ()
        A condition.
    then, otherwise : callable
        Of the operands; each is called once, on expressions. They give structures of the same
        shapes; dtypes are promoted.
    *operands : structure of Expr, array or number
        What the functions use from outside is captured as well; what they declare themselves is
        computed in their side alone.

    Returns
    -------
    structure like what the functions give

    Raises
    ------
    DeclarationError, ShapeError
        If the condition is no scalar, or the two give different structures or shapes.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> y = sg.cond(x > 0, lambda v: sg.log(v), lambda v: v * 0, x)
    >>> f = sg.function([x], [y, sg.grad(y, x)])
    >>> [float(v) for v in f(-1.0)]
    [-0.0, 0.0]
    """
    condition = _condition("cond", pred)
    given = _Structure(tuple(operands))
    args = [_leaf(leaf, "cond: operand") for leaf in given.given]
    names = _parameter_names(then, len(operands)) if callable(then) else ["x"] * len(operands)
    called = [
        n for name, one in zip(names, operands, strict=True) for n in _names(_Structure(one), name)
    ]
    own = [bound(n, e.shape, e.dtype) for n, e in zip(called, args, strict=True)]
    results = []
    inside: set[Expr] = set()  # the work of a side is done there alone, whatever it is made of
    for fn in (then, otherwise):
        with _body("cond", fn, own) as built:
            results.append(_Structure(fn(*given.of(own))))
        inside |= built
    one, other = results
    if not one.fits(other):
        raise DeclarationError(
            f"cond: both functions must give the same structure; got {_shown(one)} and "
            f"{_shown(other)}"
        )
    a, b = ([_leaf(leaf, "cond: result") for leaf in r.given] for r in results)
    if not a:
        raise DeclarationError("cond: the functions give nothing")
    for i, (p, q) in enumerate(zip(a, b, strict=True)):
        if p.dtype != q.dtype:
            dtype = np.result_type(*_kinds(one.given[i], p), *_kinds(other.given[i], q))
            a[i], b[i] = p.astype(dtype), q.astype(dtype)
    region, captured = close(own, [*a, *b], inside)
    sides = [
        Region(region.parameters, region.outputs[: len(a)]),
        Region(region.parameters, region.outputs[len(a) :]),
    ]
    attrs = {"then": sides[0], "otherwise": sides[1]}
    made = items(make(BRANCH, (condition, *args, *captured), attrs))
    _placed(made, [1] * len(made))
    return one.of(made)


def _kinds(given: Any, made: Expr) -> list[Any]:
    """What takes part in promotion: a Python number is weak."""
    return [given] if _is_number(given) else [made.dtype]
