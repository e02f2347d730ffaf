"""What a model was declared with: its leaves, its loss, what its entries take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from symgrad.errors import CompileError
from symgrad.ir.config import config
from symgrad.ir.node import Expr
from symgrad.model import tree as trees
from symgrad.model.artefact import Artefact
from symgrad.model.entries import Entries

if TYPE_CHECKING:
    from symgrad.model.model import Model
    from symgrad.viz.summary import Summary

__all__ = ["ENTRIES", "TRAINING", "Declared", "Signature"]

ENTRIES = ("init", "predict", "evaluate", "forward", "backward", "value_and_grad")
TRAINING = ("init_optimizer", "step")


class Signature(NamedTuple):
    """What an entry of a model takes, beside its parameters."""

    #: names of the data
    data: tuple[str, ...]
    #: whether it draws random numbers: it then needs ``rng=``
    random: bool


class Declared(Artefact):
    """The part of ``Model`` that tells what it was declared with."""

    def __init__(self, made: Entries) -> None:
        self._made = made

    @property
    def inputs(self) -> dict[str, Expr]:
        """The inputs that loss, outputs and the optimiser's update depend on, by name."""
        return {str(leaf.attrs["name"]): leaf for leaf in self._made.data}

    @property
    def params(self) -> dict[str, Expr]:
        """The parameters, by name, in the order of the generated code."""
        return {str(leaf.attrs["name"]): leaf for leaf in self._made.params}

    @property
    def states(self) -> dict[str, Expr]:
        """The states, by name."""
        return {str(leaf.attrs["name"]): leaf for leaf in self._made.states}

    @property
    def loss(self) -> Expr:
        """The loss, as it was declared."""
        return self._made.declared.outputs["loss"]

    @property
    def outputs(self) -> Any:
        """What ``predict`` returns, as it was declared; None if it was not."""
        if not self._made.outputs:
            return None
        return trees.unflatten(self._made.tree, list(self._made.outputs.values()))

    @property
    def optimizer(self) -> Any:
        """The optimiser that it was compiled with, or None."""
        return self._made.optimizer

    @property
    def trained(self) -> tuple[str, ...]:
        """Names of the parameters that ``step`` changes."""
        optimizing = self._made.optimizing
        leaves = [] if optimizing is None else optimizing.trained
        return tuple(str(leaf.attrs["name"]) for leaf in leaves)

    @property
    def watched(self) -> tuple[str, ...] | None:
        """Names of what ``step`` returns beside the loss; None if it returns the loss alone."""
        watching = self._made.watching
        return None if watching is None else tuple(watching.names)

    @property
    def debug(self) -> str | None:
        """The option ``debug`` that it was compiled with."""
        return self._made.debug

    def source_of(self, entry: str) -> str:
        """The source of one entry, without the functions that it calls.

        Parameters
        ----------
        entry : str
            Such as ``"step"``.

        Examples
        --------
        >>> import symgrad as sg
        >>> w = sg.param("w", ())
        >>> print(sg.compile(w * w, style="readable").source_of("evaluate").splitlines()[1])
        def evaluate(params):
        """
        self._require(entry)
        return self._made.source(entry).text

    def signature(self, entry: str) -> Signature:
        """What an entry takes, beside parameters and the optimiser's state.

        Parameters
        ----------
        entry : str
            ``"predict"``, ``"evaluate"``, ``"forward"``, ``"value_and_grad"`` or ``"step"``.

        Examples
        --------
        >>> import symgrad as sg
        >>> w, x, y = sg.param("w", ()), sg.input("x", ("B",)), sg.input("y", ("B",))
        >>> model = sg.compile(((w * x - y) ** 2).mean(), outputs=w * x)
        >>> model.signature("predict")
        Signature(data=('x',), random=False)
        >>> model.signature("evaluate").data
        ('x', 'y')
        """
        self._require(entry)
        self._made.source(entry)
        return Signature(tuple(self._made.signatures[entry]), entry in self._made.random)

    def summary(self, **sizes: int) -> Summary:
        """The model as a table: its layers, their outputs, parameters and FLOPs.

        Parameters
        ----------
        **sizes : int
            Values for symbolic sizes; the numbers are formulas in the others.

        Raises
        ------
        CompileError
            For a size that the model does not have.

        Examples
        --------
        >>> import symgrad as sg
        >>> x = sg.input("x", ("B", 8))
        >>> with sg.scope("hidden"):
        ...     h = sg.tanh(x @ sg.param("W", (8, 4)) + sg.param("b", (4,)))
        >>> print(sg.compile((h**2).mean()).summary())
        layer    output  parameters  FLOPs forward
        x        (B, 8)
        hidden   (B, 4)          36          128*B
        (model)  ()                            8*B
        total                    36          136*B
        <BLANKLINE>
        36 parameters, 288 bytes
        308*B FLOPs forward and backward
        """
        from symgrad.viz.summary import Summary

        made = self._made
        made.source("evaluate")
        leaves = [*made.data, *made.params, *made.states]
        return Summary.of(
            made.declared, made.graphs["evaluate"], self._planned(), leaves, dict(sizes)
        )

    def recompiled(self, **changes: Any) -> Model:
        """The same model, compiled with other options.

        Parameters
        ----------
        **changes
            ``outputs``, ``optimizer``, ``wrt``, ``style``, ``debug`` or ``watch``, as
            :func:`compile` takes them.

        Examples
        --------
        >>> import numpy as np, symgrad as sg
        >>> w, x = sg.param("w", ()), sg.input("x", ())
        >>> model = sg.compile(sg.log(w * x))
        >>> model.recompiled(debug="nan").value_and_grad({"w": -1.0}, x=2.0)
        Traceback (most recent call last):
            ...
        symgrad.errors.NonFiniteError: loss is nan ...
        """
        made = self._made
        options = {
            "outputs": self.outputs,
            "optimizer": made.optimizer,
            "wrt": None if made.wrt_is_all() else made.wrt,
            "style": made.style,
            "debug": made.debug,
            "watch": made.watching,
        }
        if changes.get("optimizer", made.optimizer) is None:
            options["watch"] = None  # there is no step that would return it
        for name in changes:
            if name not in options:
                raise CompileError(f"recompiled: expected one of {sorted(options)}; got {name!r}")
        from symgrad.model.model import compile

        with config.use(made.conventions):
            return compile(self.loss, **(options | changes))

    def _require(self, entry: str) -> None:
        """Refuse an entry that the model does not have."""
        if entry not in (*ENTRIES, *TRAINING):
            raise CompileError(f"expected one of {(*ENTRIES, *TRAINING)}; got {entry!r}")
        if entry == "predict" and not self._made.outputs:
            raise CompileError("the model was compiled without outputs=, so it predicts nothing")
        if entry in TRAINING and self._made.optimizer is None:
            raise CompileError("the model was compiled without optimizer=, so it has no step")
