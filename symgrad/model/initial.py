"""The generated ``init`` and ``init_optimizer``: first values of what a model keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.emit.literals import array_source, quoted, scalar_source
from symgrad.emit.module import EntrySource
from symgrad.emit.wrapping import filled, split
from symgrad.errors import CompileError, DeclarationError
from symgrad.ir.aval import format_shape
from symgrad.ir.node import Expr
from symgrad.ir.size import Dim
from symgrad.model.optimizing import Optimizing

__all__ = ["init_entry", "optimizer_entry"]

_WIDTH = 89  # of an item, beside its indentation and punctuation


def _dtype(node: Expr) -> str:
    return f"np.{'bool_' if node.dtype.kind == 'b' else node.dtype.name}"


def init_entry(
    leaves: Sequence[Expr], symbols: Sequence[str]
) -> tuple[EntrySource, dict[str, Any]]:
    """``init(seed=0, **dims)``, and the user's callables that it mentions."""
    found = EntrySource("init")
    callables: dict[str, Any] = {}
    sizes: list[str] = []
    for symbol in symbols:
        found.prelude.add("_require")
        text = f"init needs a value for the size {symbol}: init(seed, {symbol}=...)"
        sizes.append(f"_require({symbol} is not None, {quoted(text)})")
    items: list[str] = []
    shapes: list[str] = []  # checks of arrays that symbolic sizes have to fit
    draws = False
    for leaf in leaves:
        name = quoted(str(leaf.attrs["name"]))
        value = leaf.attrs["init"].value
        if value is None or isinstance(value, np.ndarray):
            array = np.array(0.0) if value is None else value
            source = _given(leaf, array, found)
            if array.ndim and any(isinstance(d, Dim) for d in leaf.shape):
                found.prelude.add("_sized")
                shape = format_shape(leaf.shape)
                shapes.append(f"_sized({name}, arrays[{name}], {shape}, {quoted(shape)})")
        else:
            source = _drawn(leaf, value, found, callables)
            draws |= "rng" in source
        items += ["    " + line for line in _item(name, source)]
    names = {"np", "rng", "seed", "arrays", "base64", *found.prelude, *found.kernels, *callables}
    for symbol in symbols:
        if symbol in names:
            raise CompileError(
                f"the size {symbol!r} bears a name that the generated init needs; rename it"
            )
    lines = ['"""Fresh parameters and state: a dictionary of arrays."""', *sizes]
    if draws:
        lines.append("rng = np.random.default_rng(seed)")
    if shapes:
        lines += ["arrays = {", *items, "}", *shapes, "return arrays"]
    else:
        lines += ["return {", *items, "}"]
    head = f"def init(seed=0{''.join(f', {s}=None' for s in symbols)}):"
    found.text = "\n".join([head, *("    " + line for line in lines)]) + "\n"
    return found, callables


def _item(name: str, source: str) -> list[str]:
    """An item of a dictionary, with the arguments of a long call on a line of their own."""
    if len(name) + len(source) > _WIDTH and source.endswith(")"):
        call, _, arguments = source.partition("(")
        rows = [arguments[:-1]]
        if len(rows[0]) >= _WIDTH:
            parts = split(source)  # an argument that stands alone is in no pieces
            rows = filled(parts[1:-1] if parts[0] == f"{call}(" else rows, _WIDTH - 1)
        return [f"{name}: {call}(", *("    " + row for row in rows), "),"]
    return [f"{name}: {source},"]


def _given(leaf: Expr, value: np.ndarray[Any, Any], found: EntrySource) -> str:
    """Source of a number or an array that the user gave."""
    with np.errstate(all="ignore"):  # NaN to an integer, 1e300 to a float32
        array = value.astype(leaf.dtype)
    if leaf.dtype.kind in "biu" and not np.array_equal(array, value):
        raise DeclarationError(
            f"{leaf.attrs['name']}: its init should be of {leaf.dtype}; got {value.dtype} values "
            f"that this does not hold"
        )
    if array.ndim:
        source = array_source(array)
        if not source.startswith("np.frombuffer"):
            return source
        name = f"_initial_{len(found.constants)}"  # too long to stand inside a function
        found.constants[name] = source
        return f"{name}.copy()"
    shape, dtype = format_shape(leaf.shape), _dtype(leaf)
    if array == 0 and not np.signbit(value):
        return f"np.zeros({shape}, {dtype})"
    number = scalar_source(array[()], array.dtype, plain=False).text
    return f"np.full({shape}, {number}, {dtype})"


def _drawn(leaf: Expr, value: Any, found: EntrySource, callables: dict[str, Any]) -> str:
    """Source of a call of an initialiser: one that has source, or the user's own."""
    name = str(leaf.attrs["name"])
    shape, dtype = format_shape(leaf.shape), _dtype(leaf)
    if hasattr(value, "source") and hasattr(value, "kernels"):
        found.kernels.update({kernel.__name__: kernel for kernel in value.kernels()})
        try:
            return str(value.source("rng", shape, dtype))
        except DeclarationError as error:
            raise DeclarationError(f"{name}: {error}") from None
    function = f"_initialiser_{len(callables)}"
    callables[function] = value
    found.prelude.add("_called")
    owner = quoted(f"the initialiser of {name!r} is a Python callable of the user's, ")
    # inside symgrad the callable itself takes the place of this function
    found.helpers[function] = (
        f"def {function}(rng, shape, dtype):\n"
        f'    """Stand in for a function that is not part of this file."""\n'
        f"    raise CompileError(\n        {owner}\n"
        '        "which a standalone file cannot hold: pass parameters"\n    )\n'
    )
    return f"_called({quoted(name)}, {function}, rng, {shape}, {dtype})"


def optimizer_entry(optimizing: Optimizing, params: Sequence[Expr]) -> EntrySource:
    """``init_optimizer(params)``: the optimiser's first state; `params` are all the model's."""
    found = EntrySource("init_optimizer")
    numbers: list[str] = []
    arrays: dict[tuple[str, str], list[Expr]] = {}
    for slot in optimizing.slots:
        kind, first, owner = str(slot.attrs["slot"]), slot.attrs["init"], optimizing.owner.get(slot)
        if owner is None:
            value = scalar_source(first, slot.dtype, plain=False).text
            numbers.append(f"{quoted(str(slot.attrs['name']))}: np.array({value})")
        else:
            arrays.setdefault((kind, _first(first)), []).append(owner)
    lines = [
        "def init_optimizer(params):",
        '    """The first state of the optimiser: a dictionary of arrays."""',
        f"    opt_state = {{{', '.join(numbers)}}}",
    ]
    for (kind, made), owners in arrays.items():
        names = ", ".join(quoted(str(p.attrs["name"])) for p in owners)
        over = "PARAMS" if _same(owners, params) else f"({names},)"
        lines.append(f'    opt_state |= {{f"{kind}.{{k}}": {made} for k in {over}}}')
    found.text = "\n".join([*lines, "    return opt_state"]) + "\n"
    return found


def _first(value: Any) -> str:
    """The first value of a slot beside the parameter ``params[k]``."""
    if value is None:
        return "np.array(params[k])"
    if value == 0:
        return "np.zeros_like(params[k])"
    number = scalar_source(value, np.dtype(np.float64), plain=False).text
    return f"np.full_like(params[k], {number})"


def _same(some: Sequence[Expr], others: Sequence[Expr]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))
