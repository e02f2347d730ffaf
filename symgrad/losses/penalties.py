"""Penalties on the size of parameters, to be added to a loss.

Biases and scales of normalisations are usually left out: choose the matrices by name,
``names="*W"``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import symgrad as sg
from symgrad.losses.arguments import floating
from symgrad.optim.names import Pattern, chosen, require_pattern

__all__ = ["l1", "l2"]


def l1(params: Any, names: Pattern | None = None) -> sg.Expr:
    """Sum of the absolute values of all entries; at 0 its slope is 0.

    Parameters
    ----------
    params : Expr, or a list, tuple or dict of them
        What is penalised. With `names`, where parameters are looked for: an expression (a loss,
        an output) that depends on them, or a dict by name.
    names : str or sequence of str, optional
        A scope, a name or a pattern such as ``"*.W"``, as for ``on`` of ``sg.optim.l2``; or
        several. A parameter that fits several is counted once.

    Returns
    -------
    Expr
        Scalar.

    Raises
    ------
    DeclarationError
        If there is nothing to penalise, or no name fits a pattern.
    DTypeError

    Examples
    --------
    >>> import symgrad as sg
    >>> W, b = sg.param("W", (2,), init=[3.0, -4.0]), sg.param("b", (), init=1.0)
    >>> y = (W * 2).sum() + b
    >>> penalty = sg.losses.l1(y, names="W")
    >>> model = sg.compile(penalty)
    >>> float(model.evaluate(model.init()))
    7.0
    """
    return _penalty("l1", params, names, sg.abs)


def l2(params: Any, names: Pattern | None = None) -> sg.Expr:
    """Sum of the squares of all entries, without a factor 1/2: its slope is 2 w.

    Parameters
    ----------
    params : Expr, or a list, tuple or dict of them
        What is penalised. With `names`, where parameters are looked for: an expression (a loss,
        an output) that depends on them, or a dict by name.
    names : str or sequence of str, optional
        A scope, a name or a pattern such as ``"*.W"``, as for ``on`` of ``sg.optim.l2``; or
        several. A parameter that fits several is counted once.

    Returns
    -------
    Expr
        Scalar.

    Raises
    ------
    DeclarationError
        If there is nothing to penalise, or no name fits a pattern.
    DTypeError

    Notes
    -----
    Added to a loss it decays weights with SGD alone; adaptive optimisers scale its gradient too.

    Examples
    --------
    >>> import symgrad as sg
    >>> W, b = sg.param("W", (2,), init=[3.0, -4.0]), sg.param("b", (), init=1.0)
    >>> penalty = sg.losses.l2({"W": W, "b": b})
    >>> model = sg.compile(penalty)
    >>> float(model.evaluate(model.init()))
    26.0
    """
    return _penalty("l2", params, names, sg.square)


def _penalty(owner: str, params: Any, names: Any, size: Callable[[Any], Any]) -> sg.Expr:
    chosen = list(_all(params)) if names is None else _named(owner, params, names)
    if not chosen:
        raise sg.DeclarationError(f"{owner}: expected parameters; got {params!r}")
    total = None
    for one in chosen:
        part = size(floating(owner, "each parameter", one)).sum()
        total = part if total is None else total + part
    assert total is not None
    return total


def _all(params: Any) -> Iterator[Any]:
    if isinstance(params, dict):
        params = list(params.values())
    if isinstance(params, (list, tuple)):
        for part in params:
            yield from _all(part)
    else:
        yield params


def _named(owner: str, params: Any, names: Any) -> list[Any]:
    patterns = require_pattern(f"{owner}: names", names)
    known = params if isinstance(params, dict) else sg.leaves(params, kind="param")
    found = chosen(owner, patterns, known)
    return [p for name, p in known.items() if name in found]
