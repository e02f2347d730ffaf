"""What the functions that declare loops and branches are given, and what they give back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from symgrad.errors import (
    CompileError,
    DeclarationError,
    DTypeError,
    ExpressionUseError,
    ShapeError,
)
from symgrad.ir import provenance
from symgrad.ir.graph import substitute, topological
from symgrad.ir.node import LITERAL, Expr, as_expr, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.recording import building, recording
from symgrad.ir.region import bound, keep_origins, rebuilt
from symgrad.model import tree as trees
from symgrad.model.derived import tracing
from symgrad.ops.leaf import BOUND, STATE
from symgrad.ops.loop import LOOP

__all__ = [
    "Structure",
    "body_of",
    "called",
    "carry_back",
    "endless",
    "first_carry",
    "is_weak",
    "leaf",
    "names_of",
    "parameter_names",
    "placed",
    "refuse_escaped",
    "renamed",
    "require_same",
    "settled",
    "shown",
]


class Structure:
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

    def fits(self, other: Structure) -> bool:
        return _plain(self.tree) == _plain(other.tree) and self.present == other.present


def _plain(tree: Any) -> Any:
    """A structure in which named tuples, tuples and lists are alike."""
    if tree is None:
        return None
    _, keys, below = tree
    return keys, tuple([_plain(part) for part in below])


def parameter_names(fn: Callable[..., Any], count: int) -> list[str]:
    try:
        names = [
            p.name
            for p in inspect.signature(fn).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        names = []
    return [*names, *["x"] * count][:count]


def names_of(structure: Structure, parameter: str) -> list[str]:
    """What the leaves of an argument are called in the body."""
    found = []
    for label, given in zip(structure.labels, structure.given, strict=True):
        last = label.rsplit(".", 1)[-1]
        own = given.name if isinstance(given, Expr) else None
        if not label:
            found.append(parameter)
        elif not last.isdigit():
            found.append(last)
        elif own:
            found.append(own.rsplit(".", 1)[-1].rstrip("0").rstrip("_") or parameter)
        else:
            found.append(f"{parameter}_{last}")
    return found


def first_carry(start: Structure, what: str, beside: Sequence[Expr]) -> list[Expr]:
    """The first carry: a Python float takes single precision where all that it meets has it."""
    made = [leaf(one, f"{what}: init") for one in start.given]
    weak = [is_weak(one) for one in start.given]
    strong = [e for e, flag in zip(made, weak, strict=True) if not flag]
    kinds = {e.dtype for e in (*strong, *beside) if e.dtype.kind == "f"}
    if kinds != {np.dtype(np.float32)}:
        return made
    return [
        literal(e.attrs["value"].array, np.float32) if flag and e.dtype.kind == "f" else e
        for e, flag in zip(made, weak, strict=True)
    ]


def called(what: str, fn: Callable[..., Any], *args: Any) -> Any:
    """The user's function, or an error that says what it is given."""
    try:
        inspect.signature(fn).bind(*args)
    except TypeError as error:
        count = f"{len(args)} argument{'s' if len(args) != 1 else ''}"
        raise DeclarationError(
            f"{what}: {getattr(fn, '__name__', fn)!r} is called with {count}; it does not take "
            f"them: {error}"
        ) from None
    except ValueError:
        pass  # a builtin without a signature
    return fn(*args)


def require_same(what: str, own: Sequence[Expr], new: Sequence[Expr]) -> None:
    """A step must keep the shape and dtype of what is carried."""
    for p, out in zip(own, new, strict=True):
        if p.aval != out.aval:
            where = f", declared at {out.location}" if out.location else ""
            kind = ShapeError if p.shape != out.shape else DTypeError
            raise kind(
                f"{what}: the carry {p.attrs['name']!r} is {p.aval} before a step and {out.aval} "
                f"after it{where}"
            )


@contextmanager
def body_of(
    what: str, fn: Any, parameters: Sequence[Expr]
) -> Iterator[tuple[set[Expr], list[Expr]]]:
    """Around the user's function: what it builds, and the identities that it declares."""
    if not callable(fn):
        raise DeclarationError(f"{what} expects a function; got {type(fn).__name__} {fn!r}")
    with recording() as made, building() as built, tracing(parameters):
        yield built, made


def leaf(value: Any, what: str) -> Expr:
    try:
        return as_expr(value)
    except ExpressionUseError:
        raise
    except Exception as error:
        raise DeclarationError(f"{what}: {error}") from None


def carry_back(what: str, structure: Structure, result: Any) -> list[Expr]:
    """The leaves of the new carry, which has the structure of the old one."""
    back = Structure(trees.ordered(result, structure.tree))
    if not structure.fits(back):
        raise DeclarationError(
            f"{what}: the carry's structure must stay the same; it is {shown(structure)} before "
            f"a step and {shown(back)} after it"
        )
    return [leaf(one, f"{what}: the new carry") for one in back.given]


def shown(structure: Structure) -> str:
    return repr(structure.of([_Name("*")] * len(structure.given)))


class _Name(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def settled(
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
            changed = substitute([*new, *outputs], mapping, None if attempt else _weakly)
        keep_origins(mapping)
        own, new, outputs = fresh, changed[: len(new)], changed[len(new) :]
    for i, p in enumerate(own):
        if weak[i] and init[i].dtype != p.dtype:
            init[i] = literal(init[i].attrs["value"].array, p.dtype)
        if weak[i] and init[i].shape != p.shape:
            init[i] = FUNCTIONS["broadcast_to"](init[i], p.shape)
    return own, new, outputs


def _weakly(node: Expr, args: tuple[Expr, ...]) -> Expr:
    """The node on narrower arguments: numbers beside them were most likely Python's, and follow."""
    kinds = {arg.dtype for arg in args if arg.dtype.kind == "f" and not _is_number(arg)}
    if kinds == {np.dtype(np.float32)}:
        args = tuple([_narrow(arg) if _is_number(arg) else arg for arg in args])
    return rebuilt(node, args, _weakly)


def _is_number(node: Expr) -> bool:
    return node.op is LITERAL and not node.shape


def _narrow(number: Expr) -> Expr:
    wide = number.dtype == np.float64
    return literal(number.attrs["value"].array, np.float32) if wide else number


def renamed(
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


def refuse_escaped(nodes: Iterable[Expr]) -> None:
    """Refuse values of a body that stand outside of it.

    Raises
    ------
    CompileError
        That names the value.
    """
    known = list(nodes)
    for node in known:
        if node.op is not BOUND:
            continue
        where = f" (declared at {node.location})" if node.location else ""
        advice = "let the body return what is wanted of it"
        if (state := _updated_from(node, known)) is not None:
            advice = (
                f"the state {state.attrs['name']!r} changes once a call: let the body return what "
                "its update needs, and update it after the loop. Of layers, batch_norm goes "
                "before the loop, over all steps at once; layer_norm may stand in the body"
            )
        raise CompileError(
            f"the value {node.attrs['name']!r} belongs to the body of a loop or branch and is "
            f"not known outside of it; {advice}{where}"
        )


def _updated_from(value: Expr, known: list[Expr]) -> Expr | None:
    """A state whose update needs this value."""
    for state in known:
        new = state.attrs["cell"].expression if state.op is STATE else None
        if new is not None and any([node is value for node in topological([new])]):
            return state
    return None


def endless(built: set[Expr]) -> set[Expr]:
    """Of what a body declares, the loops that may not end, and what it makes of their results.

    They are run where they stand.
    """
    found = {n for n in built if n.op is LOOP and n.attrs["test"] is not None}
    if found:
        for node in topological(list(built)):
            if node in built and any([arg in found for arg in node.args]):
                found.add(node)
    return found


def is_weak(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) and not isinstance(value, np.generic)


def placed(made: Sequence[Expr], structures: Sequence[int]) -> None:
    """Tell each result its place among what the call gives, for the variable's name."""
    at = 0
    for place, count in enumerate(structures):
        for node in made[at : at + count]:
            if node.origin is not None:
                node.origin.inner = False
                node.origin.part = place if count == 1 else 10**6
        at += count
