"""A module of NumPy's names over the registry: nothing is imported before it is asked for."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

__all__ = ["attributes"]

#: what a module's ``__getattr__`` and ``__dir__`` are
Access = tuple[Callable[[str], Any], Callable[[], list[str]]]


def attributes(module: str, space: str, original: ModuleType) -> Access:
    """``__getattr__`` and ``__dir__`` of the module that stands for NumPy's `original`.

    It has the functions of the registry under `space` (without one: those that `original` has
    too), and NumPy's own constants and dtypes. Asking for anything else that `original` has is an
    error that says why it is absent.
    """

    def functions() -> Mapping[str, Any]:
        importlib.import_module("symgrad.ops")
        importlib.import_module("symgrad.autodiff.along_axis")
        from symgrad.ir.op import FUNCTIONS, NAMESPACES

        return NAMESPACES.get(space, {}) if space else FUNCTIONS

    def get(name: str) -> Any:
        from symgrad.numpy.names import ABSENCES, OWN

        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        if name in OWN[space] and hasattr(original, name):
            return getattr(original, name)
        why = ABSENCES[space].get(name)
        found = None if why else functions().get(name)
        if found is None:
            raise AttributeError(
                f"module {module!r} has no {name!r}" + (f": {why}" if why else ""), name=name
            )
        if not space and not _has(original, name):
            raise AttributeError(
                f"module {module!r} has what NumPy has, and that has no {name!r}; use sg.{name}"
            )
        return found

    def names() -> list[str]:
        from symgrad.numpy.names import ABSENCES, OWN

        own = {name for name in OWN[space] if hasattr(original, name)}
        ours = {name for name in functions() if space or _has(original, name)}
        return sorted(ours - ABSENCES[space].keys() | own)

    return get, names


def _has(original: ModuleType, name: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that NumPy is about to drop
        return hasattr(original, name)
