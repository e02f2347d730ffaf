"""Special functions of expressions, with the names and arguments of ``scipy.special``.

SciPy's own ufuncs take expressions as well: ``scipy.special.erf(x)``.

Examples
--------
>>> import symgrad as sg
>>> x = sg.input("x", ())
>>> float(sg.function([x], sg.special.erf(x))(0.0))
0.0
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any


def _functions() -> Mapping[str, Any]:
    importlib.import_module("symgrad.ops")
    from symgrad.ir.op import NAMESPACES

    return NAMESPACES.get("special", {})


def __getattr__(name: str) -> Any:
    found = None if name.startswith("__") else _functions().get(name)
    if found is None:
        raise AttributeError(f"module 'symgrad.special' has no function {name!r}", name=name)
    return found


def __dir__() -> list[str]:
    return sorted(_functions())
