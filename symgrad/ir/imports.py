"""Imports of the generated source: what they bind, and what to say where one fails."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from symgrad.errors import CompileError

__all__ = ["bound_names", "imported", "not_installed"]

#: package -> the extra of symgrad that installs it
_EXTRAS = {"scipy": "special"}


def bound_names(statement: str) -> tuple[str, ...]:
    """The names that an import statement binds.

    Examples
    --------
    >>> bound_names("from scipy import special"), bound_names("import scipy.special as sp")
    (('special',), ('sp',))
    """
    _, _, names = statement.rpartition("import ")
    return tuple([n.split(" as ")[-1].partition(".")[0].strip() for n in names.split(",")])


def not_installed(error: ImportError) -> CompileError:
    """What to raise where generated source cannot import what it needs."""
    package = (error.name or "").partition(".")[0]
    extra = _EXTRAS.get(package)
    if extra is None:
        return CompileError(f"the generated source cannot be loaded: {error}")
    return CompileError(
        f"the generated source needs {package}, which is not installed: "
        f"pip install symgrad[{extra}]"
    )


@lru_cache(maxsize=64)
def _executed(statements: tuple[str, ...]) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    try:
        exec("\n".join(statements), namespace)
    except ImportError as error:
        raise not_installed(error) from None
    return {name: namespace[name] for one in statements for name in bound_names(one)}


def imported(statements: Iterable[str]) -> dict[str, Any]:
    """What import statements bind, by name.

    Raises
    ------
    CompileError
        Naming the package that is not installed, and the extra that installs it.
    """
    return _executed(tuple(sorted(set(statements))))
