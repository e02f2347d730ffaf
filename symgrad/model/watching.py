"""What a step of training returns beside the loss: expressions of values, gradients, changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.errors import DeclarationError
from symgrad.ir.graph import substitute
from symgrad.ir.node import Expr, as_expr
from symgrad.ir.op import FUNCTIONS
from symgrad.model.optimizing import stand_in

__all__ = ["Watched", "Watching"]


@dataclass(frozen=True)
class Watched:
    """What a ``watch`` may use beside what was declared: expressions, by a parameter's name.

    Parameters
    ----------
    loss : Expr
    params : mapping of str to Expr
        Their values before the step.
    grads : mapping of str to Expr
        Their gradients, before the optimiser clips or scales them.
    changes : mapping of str to Expr
        What the step adds to them.
    """

    loss: Expr
    params: Mapping[str, Expr]
    grads: Mapping[str, Expr]
    changes: Mapping[str, Expr]


class Watching:
    """The expressions that a step returns, with stand-ins for what only the compiler makes.

    Attributes
    ----------
    outputs : dict of str to Expr
        By their labels in the graph.
    names : list of str
        The keys of what the step returns, in the same order.
    """

    def __init__(self, watch: Callable[[Watched], Any], loss: Expr, params: Sequence[Expr]) -> None:
        named = {str(p.attrs["name"]): p for p in params}
        self._grads = {name: stand_in("gradient", p) for name, p in named.items()}
        self._changes = {name: stand_in("change", p) for name, p in named.items()}
        if not callable(watch):
            raise DeclarationError(
                "watch: expected a function of what a step knows that gives a dict of "
                f"expressions; got {watch!r}"
            )
        made = watch(Watched(loss, named, dict(self._grads), dict(self._changes)))
        if not isinstance(made, Mapping) or not all(isinstance(k, str) for k in made):
            raise DeclarationError(
                f"watch: expected the function to give a dict of expressions; got {made!r}"
            )
        self.names = list(made)
        self.outputs = {f"watch.{name}": as_expr(value) for name, value in made.items()}

    @classmethod
    def of(cls, watch: Any, loss: Expr, params: Sequence[Expr]) -> Watching | None:
        """What a user gave as a watch; one that was made already stays as it is."""
        if watch is None or isinstance(watch, Watching):
            return watch
        return cls(watch, loss, params)

    def stands_in(self, leaf: Expr) -> bool:
        """Whether a leaf stands for what the step will make."""
        return any(leaf is x for x in [*self._grads.values(), *self._changes.values()])

    def settled(
        self,
        outputs: Mapping[str, Expr],
        grads: Mapping[str, Expr],
        new: Mapping[str, tuple[Expr, Expr]],
    ) -> dict[str, Expr]:
        """The outputs, with the gradients and new values of parameters where they stand for them.

        Parameters
        ----------
        outputs : mapping of str to Expr
            As the passes before have left them.
        grads : mapping of str to Expr
            By the parameter's name; what is absent is not trained.
        new : mapping of str to (Expr, Expr)
            Parameter and new value, by its name.
        """
        mapping: dict[Expr, Expr] = {}
        for name, leaf in self._grads.items():
            mapping[leaf] = grads.get(name, _zeros(leaf))
        for name, leaf in self._changes.items():
            mapping[leaf] = _change(new[name]) if name in new else _zeros(leaf)
        return dict(zip(outputs, substitute(list(outputs.values()), mapping), strict=True))


def _zeros(leaf: Expr) -> Expr:
    made: Expr = FUNCTIONS["zeros"](leaf.shape, leaf.dtype)
    return made


def _change(new: tuple[Expr, Expr]) -> Expr:
    """What is added: of ``w - u`` it is ``-u`` itself, which the difference would round."""
    param, value = new
    if value.op.name == "subtract" and value.args[0] is param:
        return -value.args[1]
    return value - param
