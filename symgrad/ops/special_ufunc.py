"""Ops that are ufuncs of ``scipy.special``, and the examples of ops that have its names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from symgrad.errors import DTypeError
from symgrad.ir.node import Expr, as_exprs, make
from symgrad.ir.op import FUNCTIONS, NAMESPACES, Example
from symgrad.ops.cast import astype
from symgrad.ops.elementwise import Elementwise, elementwise

__all__ = [
    "SCIPY",
    "alias",
    "against_scipy",
    "in_common",
    "scipy_dtype",
    "scipy_function",
    "scipy_ufunc",
    "special",
]

#: what the generated source imports
SCIPY = ("from scipy import special",)


def scipy_dtype(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of SciPy's ufuncs, which have loops for float32 and float64."""
    found = np.result_type(np.float32, *dtypes)
    if found.kind != "f":
        raise DTypeError(f"expected real numbers; got {', '.join(d.name for d in dtypes)}")
    return found


def in_common(*xs: Any) -> list[Expr]:
    """Arguments in the dtype in which SciPy computes: its choice of a loop is left no room."""
    exprs = as_exprs(xs)
    dtype = scipy_dtype(*[x.dtype for x in exprs])
    return [x if x.dtype == dtype else astype(x, dtype) for x in exprs]


class ScipyUfunc(Elementwise):
    """An op whose source calls a ufunc of SciPy."""

    def __call__(self, *args: Any) -> Expr:
        return make(self, tuple(in_common(*args)), {})


def scipy_ufunc(
    *,
    numpy: str,
    formula: str | None = None,
    partials: Callable[..., Sequence[Expr | None]] | None = None,
    latex: str,
    examples: tuple[Example, ...] = (),
    fixed: tuple[str, ...] = (),
    name: str | None = None,
    cost: int = 100,
) -> Callable[[Callable[..., Any]], Callable[..., Expr]]:
    """Declare an elementwise op whose source calls ``special.<ufunc>`` of SciPy."""
    return elementwise(
        formula=formula,
        partials=partials,
        numpy=numpy,
        latex=latex,
        dtype=scipy_dtype,
        examples=examples,
        cost=cost,
        name=name,
        imports=SCIPY,
        fixed=fixed,
        namespace="special",
        kind=ScipyUfunc,
    )


def special(name: str) -> Callable[..., Any]:
    """``sg.special.<name>``, looked up when called: for examples of what is declared below."""
    return lambda *args, **kwargs: NAMESPACES["special"][name](*args, **kwargs)


def scipy_function(name: str) -> Callable[..., Any]:
    """A function of ``scipy.special``, imported when it is called."""
    return lambda *args, **kwargs: getattr(import_module("scipy.special"), name)(*args, **kwargs)


def against_scipy(
    name: str,
    *domain: tuple[float, float],
    before: tuple[Any, ...] = (),
    away: tuple[float, ...] = (),
    smooth: bool = True,
) -> tuple[Example, ...]:
    """Examples of ``sg.special.<name>``, of which SciPy's function of that name is the oracle.

    `before` are leading arguments that are constants; of several arguments one example broadcasts.
    """
    count = len(domain)
    reference = scipy_function(name)

    build = special(name)

    def example(*shapes: tuple[int, ...]) -> Example:
        return Example(
            lambda *xs: build(*before, *xs),
            lambda *xs: reference(*before, *xs),
            shapes,
            domain=tuple(domain),
            away=away,
            smooth=smooth,
        )

    if count == 1:
        return example((3, 4)), example(())
    return example(*[(3, 4)] * count), example(*[(3, 1)], *[(4,)] * (count - 1))


def alias(fn: Callable[..., Any], *names: str, new: bool = True) -> None:
    """Enter a function in ``sg.special`` under further names; if `new`, as ``sg.<name>`` too."""
    for name in names:
        NAMESPACES.setdefault("special", {})[name] = fn
        if new:
            FUNCTIONS.setdefault(name, fn)
