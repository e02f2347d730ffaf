"""``sg.check_gradients``: what a user compiled, against finite differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.autodiff.check import CheckReport, check_expressions
from symgrad.errors import DeclarationError
from symgrad.ir.dtypes import is_float
from symgrad.ir.graph import Graph, substitute
from symgrad.ir.node import Expr, identity
from symgrad.model.function import Function
from symgrad.model.grad import require_scalar, stabilised
from symgrad.model.model import Model
from symgrad.model.passes import Job, resolve
from symgrad.ops.draws import Draw
from symgrad.ops.leaf import INPUT, PARAM

__all__ = ["check_gradients"]

Array = np.ndarray[Any, Any]


class _Compiled:
    """Evaluates expressions by compiling them, each set of them once."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._functions: dict[tuple[Expr, ...], tuple[Function, list[Expr]]] = {}
        self._inputs: dict[Expr, Expr] = {}

    def __call__(self, outputs: Sequence[Expr], env: Mapping[Expr, Any]) -> list[Array]:
        key = (*outputs, *env)
        found = self._functions.get(key)
        if found is None:
            leaves = list(env)
            inputs = [self._as_input(leaf) for leaf in leaves]
            new = substitute(outputs, dict(zip(leaves, inputs, strict=True)))
            function = Function(inputs, new, *_shape(len(outputs)), "check", None)
            found = self._functions[key] = (function, leaves)
        function, leaves = found
        rng = np.random.default_rng(self._seed)  # the same draws each time
        values = function(*[env[leaf] for leaf in leaves], rng=rng)
        return [np.asarray(v) for v in values]

    def _as_input(self, leaf: Expr) -> Expr:
        """The leaf, or an input in the place of a draw: its numbers are those of the point."""
        if not isinstance(leaf.op, Draw):
            return leaf
        name = f"draw_{leaf.attrs['token']}"
        attrs = {"name": name, "shape": leaf.shape, "dtype": leaf.dtype}
        return self._inputs.setdefault(leaf, identity(INPUT, attrs))


def _shape(count: int) -> tuple[Any, str]:
    return (list, None, (None,) * count), "fast"


def check_gradients(
    loss_or_model: Any,
    point: Mapping[Any, Any] | None = None,
    modes: Sequence[str] = ("rev", "fwd"),
    order: int = 2,
    seed: int = 0,
) -> CheckReport:
    """Compare derivatives, as they are compiled, with finite differences in float64.

    Parameters
    ----------
    loss_or_model : Expr of shape () or Model
        With respect to its parameters or, if it has none, its floating inputs.
    point : dict, optional
        Leaf, or its name -> value. What is not given is drawn: floats normal, labels within
        the bounds of what they index, symbolic sizes small and different.
    modes : sequence of {"rev", "fwd"}
    order : int
        2 checks second derivatives along random directions too.
    seed : int

    Returns
    -------
    CheckReport
        Prints as a table.

    Raises
    ------
    GradientMismatch
        Naming the array, the entry and both numbers.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> report = sg.check_gradients((sg.sin(x) * x).sum())
    >>> report.error < 1e-6
    True
    """
    if isinstance(loss_or_model, Model):
        loss, wrt = loss_or_model._made.declared.outputs["loss"], list(loss_or_model._made.wrt)
    else:
        loss, wrt = require_scalar(loss_or_model), []
    graph, _ = resolve(Graph({"loss": loss}), Job(Graph({"loss": loss}), training=True))
    nodes = graph.nodes()
    if not wrt:
        wrt = [n for n in nodes if n.op is PARAM]
    if not wrt:
        wrt = [n for n in nodes if n.op is INPUT and is_float(n.dtype)]
    if not wrt:
        raise DeclarationError("the loss has no parameter and no floating input to check")
    known = list(Graph({"loss": loss}).nodes())
    if isinstance(loss_or_model, Model):  # `model.init()` is a point, whatever the loss needs of it
        known += [*loss_or_model._made.params, *loss_or_model._made.states]
    unneeded = set(known) - set(nodes)
    given = {k: v for k, v in _point(point or {}, known).items() if k not in unneeded}
    outputs = stabilised([graph.outputs["loss"]], wrt)
    return check_expressions(outputs, wrt, given, modes, order, seed, _Compiled(seed))


def _point(point: Mapping[Any, Any], nodes: Sequence[Expr]) -> dict[Expr, Any]:
    leaves = {str(n.attrs["name"]): n for n in nodes if n.op.identity and "name" in n.attrs}
    found: dict[Expr, Any] = {}
    for key, value in point.items():
        leaf = key if isinstance(key, Expr) else leaves.get(key)
        if leaf is None:
            raise DeclarationError(f"point: the loss has no {key!r}; it has {sorted(leaves)}")
        found[leaf] = value
    return found
