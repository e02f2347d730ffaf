"""Generated source becomes functions: compiled, visible in tracebacks, with symgrad's errors."""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable, Iterable
from typing import Any

from symgrad import errors
from symgrad.errors import SymgradError
from symgrad.ir.imports import not_installed
from symgrad.ir.node import Expr

__all__ = ["declared_at", "explained", "load"]

_count = itertools.count(1)


def load(source: str, title: str) -> dict[str, Any]:
    """Execute generated source; tracebacks show its lines.

    Raises
    ------
    CompileError
        If it needs a package that is not installed.
    """
    # the name of the pseudo-file only has to be new: nothing that is generated depends on it
    filename = f"<symgrad {title} {next(_count)}>"
    namespace: dict[str, Any] = {"__name__": f"symgrad.generated.{title}"}
    try:
        exec(compile(source, filename, "exec"), namespace)
    except ImportError as error:
        raise not_installed(error) from None
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    for name in ("ShapeError", "DTypeError", "CompileError", "NonFiniteError"):
        if name in namespace:
            namespace[name] = getattr(errors, name)
    return namespace


def declared_at(leaves: Iterable[Expr]) -> dict[str, str]:
    """Name of a leaf -> where the user declared it."""
    return {str(x.attrs["name"]): x.location for x in leaves if x.location}


def explained(error: SymgradError, places: dict[str, str]) -> SymgradError:
    """The error with the place where the input or parameter that it names was declared."""
    text = str(error)
    for name, place in places.items():
        if text.startswith((f"{name}:", f"params[{name!r}]", f"params has no {name!r}")):
            return type(error)(f"{text}\n  {name} was declared at {place}")
    return error


Entry = Callable[..., Any]
