"""What a function takes from the caller's dictionaries, by the tables of its module."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from symgrad.emit.literals import quoted
from symgrad.emit.printer import Context
from symgrad.ir.node import Expr

__all__ = ["bound", "kinds", "slots_unpacked", "unpacking"]


def bound(left: str, value: str) -> list[str]:
    """``a, b = value``, its names on lines of their own where they are many."""
    if len(left) + len(value) < 90 or ", " not in left:
        return [f"{left} = {value}"]
    lines = textwrap.wrap(f"{left},", 88, break_long_words=False, break_on_hyphens=False)
    return ["(", *(f"    {line}" for line in lines), f") = {value}"]


def unpacking(
    names: Sequence[str], source: str, table: str, writes: bool | Sequence[str]
) -> list[str]:
    """``a, b = _unpack(params, PARAMS, "params")``; `writes` are the keys of what is updated."""
    left = f"({names[0]},)" if len(names) == 1 else ", ".join(names)
    value = _unpack(source, table, writes)
    if len(value) < 90 or isinstance(writes, bool):
        return bound(left, value)
    keys = ", ".join([quoted(key).replace(" ", "\0") for key in writes])  # no line ends in a key
    lines = textwrap.wrap(f"{keys},", 84, break_long_words=False, break_on_hyphens=False)
    items = ["        " + line.replace("\0", " ") for line in lines]
    whole = [f'    {source}, {table}, "{source}",', "    write=(", *items, "    ),"]
    return [*bound(left, "_unpack("), *whole, ")"]


def _unpack(source: str, table: str, writes: bool | Sequence[str]) -> str:
    if not isinstance(writes, bool):
        keys = ", ".join([quoted(key) for key in writes])
        value = f"({keys},)" if len(writes) == 1 else f"({keys})"
    else:
        value = str(writes)
    write = f", write={value}" if writes else ""
    return f'_unpack({source}, {table}, "{source}"{write})'


def slots_unpacked(
    slots: Sequence[tuple[str, Sequence[Expr]]],
    context: Context,
    statements: Sequence[str],
    writes: bool,
) -> list[str]:
    """What an optimiser keeps: by name, or as a list where only loops go through it."""
    mentioned = set(re.findall(r"\w+", "\n".join(line.partition("# ")[0] for line in statements)))
    found: list[str] = []
    for kind, leaves in slots:
        names = [context.leaf_names[leaf] for leaf in leaves]
        table, whole = f"SLOTS_{kind.upper()}", f"{kind}_list"
        if whole not in context.listed:
            found += unpacking(names, "opt_state", table, writes)
            continue
        found.append(f"{whole} = {_unpack('opt_state', table, writes)}")
        if mentioned & set(names):
            found += bound(", ".join(names), whole)
    return ["    " + line for line in found]


def kinds(slots: Sequence[Expr]) -> list[tuple[str, list[Expr]]]:
    """Slots by what they are to the optimiser."""
    found: dict[str, list[Expr]] = {}
    for slot in slots:
        found.setdefault(str(slot.attrs["slot"]), []).append(slot)
    return list(found.items())
