"""Control flow: loops and branches, declared with functions that are called once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.node import Expr, literal, make
from symgrad.ir.region import Region, bound, close
from symgrad.ir.size import Size, as_size
from symgrad.model import tree as trees
from symgrad.model.bodies import (
    Structure,
    body_of,
    called,
    carry_back,
    endless,
    first_carry,
    is_weak,
    leaf,
    names_of,
    parameter_names,
    placed,
    renamed,
    require_same,
    settled,
    shown,
)
from symgrad.model.chunks import chunk_length, in_chunks
from symgrad.model.noise import drawn, for_all_steps, of_each_step, replaced
from symgrad.ops.item import items
from symgrad.ops.loop import BRANCH, loop

__all__ = ["cond", "map", "scan", "while_loop"]


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
        If the structures do not fit.
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
    start, rows = Structure(init), Structure(xs)
    sequences = [leaf(one, "scan: xs") for one in rows.given]
    carry = first_carry(start, "scan", sequences)
    steps = _length("scan", rows, sequences, length)
    names = parameter_names(fn, 2) if callable(fn) else ["carry", "x"]
    own = [
        bound(name, e.shape, e.dtype)
        for name, e in zip(names_of(start, names[0]), carry, strict=True)
    ]
    elements = [
        bound(name, e.shape[1:], e.dtype)
        for name, e in zip(names_of(rows, names[1]), sequences, strict=True)
    ]
    with body_of("scan", fn, [*own, *elements]) as (built, declared):
        result = called("scan", fn, start.of(own), rows.of(elements))
    if not isinstance(result, tuple) or len(result) != 2:
        raise DeclarationError(
            "scan: the function must return (carry, y), two results (y may be None); got "
            f"{type(result).__name__}"
        )
    ys = Structure(result[1])
    y = [leaf(one, "scan: y") for one in ys.given]
    new = carry_back("scan", start, result[0])
    noise = for_all_steps(drawn(declared), steps)
    new, y = _with_noise(noise, new, y, elements, sequences)
    own, new, y = settled([is_weak(v) for v in start.given], carry, own, new, y)
    own, new, y = renamed(own, new, y)
    require_same("scan", own, new)
    if not new and not y:
        raise DeclarationError("scan: the function carries nothing and gives nothing")
    region, captured = close([*own, *elements], [*new, *y], endless(built), built)
    chunk = chunk_length(region, len(new), steps, memory)
    if chunk is None:
        made = loop(carry, sequences, captured, region, steps, bool(reverse))
    else:
        made = in_chunks(carry, sequences, captured, region, steps, bool(reverse), chunk)
    placed(made, [len(new), len(y)])
    return start.of(made[: len(new)]), ys.of(made[len(new) :])


def _with_noise(
    noise: dict[Expr, tuple[Expr, Expr]],
    new: list[Expr],
    y: list[Expr],
    elements: list[Expr],
    sequences: list[Expr],
) -> tuple[list[Expr], list[Expr]]:
    """What a step gives of what is drawn before the loop, along which it then goes as well."""
    made = replaced([*new, *y], {draw: element for draw, (element, _) in noise.items()})
    elements += [element for element, _ in noise.values()]
    sequences += [whole for _, whole in noise.values()]
    return made[: len(new)], made[len(new) :]


def _length(what: str, rows: Structure, sequences: list[Expr], length: Any) -> Size:
    for label, e in zip(rows.labels, sequences, strict=True):
        if not e.ndim:
            raise ShapeError(f"{what}: xs{label and '.' + label} has no axis to go along")
    if length is not None:
        steps = as_size(length)
        for label, e in zip(rows.labels, sequences, strict=True):
            if isinstance(steps, int) and isinstance(e.shape[0], int) and steps != e.shape[0]:
                raise ShapeError(
                    f"{what}: length={steps} and the {e.shape[0]} elements of xs"
                    f"{label and '.' + label} {e.aval} differ"
                )
        return steps
    if not sequences:
        raise DeclarationError(f"{what}: without xs, it needs length=")
    sizes = [e.shape[0] for e in sequences]
    static = [size for size in sizes if isinstance(size, int)]
    if len(set(static)) > 1:
        shown = ", ".join([f"xs.{n} {e.aval}" for n, e in zip(rows.labels, sequences, strict=True)])
        raise ShapeError(f"{what}: the first axes of the sequences differ: {shown}")
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
    [name] = parameter_names(fn, 1) if callable(fn) else ["x"]
    rows = Structure(xs)
    sequences = [leaf(one, "map: xs") for one in rows.given]
    steps = _length("map", rows, sequences, None)
    elements = [
        bound(n, e.shape[1:], e.dtype) for n, e in zip(names_of(rows, name), sequences, strict=True)
    ]
    with body_of("map", fn, elements) as (built, declared):
        ys = Structure(called("map", fn, rows.of(elements)))
    y = [leaf(one, "map: y") for one in ys.given]
    if not y:
        raise DeclarationError("map: the function gives nothing")
    _, y = _with_noise(for_all_steps(drawn(declared), steps), [], y, elements, sequences)
    region, captured = close(elements, y, endless(built), built)
    made = loop((), sequences, captured, region, steps)
    placed(made, [1] * len(y))
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
    start = Structure(init)
    carry = first_carry(start, "while_loop", ())
    if not carry:
        raise DeclarationError("while_loop: there is nothing to carry")
    [name] = parameter_names(body, 1) if callable(body) else ["carry"]
    own = [bound(n, e.shape, e.dtype) for n, e in zip(names_of(start, name), carry, strict=True)]
    with body_of("while_loop", cond, own) as (tested, in_test):
        test = _condition("while_loop", called("while_loop", cond, start.of(own)))
    with body_of("while_loop", body, own) as (built, in_body):
        result = called("while_loop", body, start.of(own))
    new = carry_back("while_loop", start, result)
    count, draws = len(new), drawn([*in_test, *in_body])
    if draws:
        step, after, mapping = of_each_step(draws)
        [test, *new] = replaced([test, *new], mapping)
        carry, own, new = [*carry, literal(0)], [*own, step], [*new, after]
    weak = [is_weak(v) for v in start.given] + [False] * (len(new) - count)
    own, new, [test] = settled(weak, carry, own, new, [test])
    own, new, [test] = renamed(own, new, [test])
    require_same("while_loop", own, new)
    region, captured = close(own, [*new, test], endless(built | tested), built | tested)
    once = Region(region.parameters, region.outputs[:-1])
    check = Region(region.parameters, region.outputs[-1:])
    made = loop(carry, (), captured, once, None, test=check)[:count]
    placed(made, [1] * count)
    return start.of(made)


def _condition(what: str, value: Any) -> Expr:
    made = leaf(value, f"{what}: the condition")
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
    given = Structure(tuple(operands))
    args = [leaf(one, "cond: operand") for one in given.given]
    names = parameter_names(then, len(operands)) if callable(then) else ["x"] * len(operands)
    titles = [
        n for name, one in zip(names, operands, strict=True) for n in names_of(Structure(one), name)
    ]
    own = [bound(n, e.shape, e.dtype) for n, e in zip(titles, args, strict=True)]
    results: list[Structure] = []
    raw: list[Any] = []
    inside: set[Expr] = set()  # the work of a side is done there alone, whatever it is made of
    for fn in (then, otherwise):
        with body_of("cond", fn, own) as (built, declared):
            raw.append(called("cond", fn, *given.of(own)))
        results.append(Structure(raw[-1]))
        inside |= built - set(drawn(declared))  # which are drawn whatever side is taken
    one, other = results[0], Structure(trees.ordered(raw[1], results[0].tree))
    if not one.fits(other):
        raise DeclarationError(
            f"cond: both functions must give the same structure; got {shown(one)} and "
            f"{shown(other)}"
        )
    a, b = ([leaf(value, "cond: result") for value in r.given] for r in (one, other))
    if not a:
        raise DeclarationError("cond: the functions give nothing")
    for i, (p, q) in enumerate(zip(a, b, strict=True)):
        if p.dtype != q.dtype:
            dtype = np.result_type(*_kinds(one.given[i], p), *_kinds(other.given[i], q))
            a[i], b[i] = p.astype(dtype), q.astype(dtype)
    for label, p, q in zip(one.labels, a, b, strict=True):
        if p.aval != q.aval:
            place = f" at {label!r}" if label else ""
            places = [f"{e.aval}{f', declared at {e.location}' * bool(e.location)}" for e in (p, q)]
            raise ShapeError(f"cond: one branch gives{place} {places[0]}; the other {places[1]}")
    region, captured = close(own, [*a, *b], inside)
    sides = [
        Region(region.parameters, region.outputs[: len(a)]),
        Region(region.parameters, region.outputs[len(a) :]),
    ]
    attrs = {"then": sides[0], "otherwise": sides[1]}
    made = items(make(BRANCH, (condition, *args, *captured), attrs))
    placed(made, [1] * len(made))
    return one.of(made)


def _kinds(given: Any, made: Expr) -> list[Any]:
    """What takes part in promotion: a Python number is weak."""
    return [given] if is_weak(given) else [made.dtype]
