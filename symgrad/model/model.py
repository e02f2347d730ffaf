"""``sg.compile``: a loss becomes a model with its forward pass, gradients and training step."""

from __future__ import annotations

import os
import pathlib
import textwrap
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symgrad.emit.module import EntrySource, module_source, runtime_source
from symgrad.errors import CompileError, DeclarationError, ShapeError, SymgradError
from symgrad.ir.aval import format_shape
from symgrad.ir.graph import Graph
from symgrad.ir.node import Expr
from symgrad.ir.size import Dim
from symgrad.model import tree as trees
from symgrad.model.arrays import save_arrays
from symgrad.model.declared import ENTRIES, TRAINING, Declared
from symgrad.model.entries import Entries, shown
from symgrad.model.function import require_options
from symgrad.model.grad import require_scalar
from symgrad.model.passes import PassRow
from symgrad.model.runtime import declared_at, explained, load
from symgrad.model.watching import Watched
from symgrad.ops.leaf import INPUT, PARAM

__all__ = ["Model", "compile"]

Array = np.ndarray[Any, Any]
Params = dict[str, Array]


class Model(Declared):
    """A compiled model, made by :func:`compile`.

    Parameters live in a dictionary of the caller's, by name; data is passed by name. Entries
    are generated when first used; ``source`` holds all of them.
    """

    def __init__(self, made: Entries) -> None:
        super().__init__(made)
        self._prepare()

    def _prepare(self) -> None:
        self._lock = threading.RLock()
        self._functions: dict[str, Callable[..., Any]] = {}
        self._checks: dict[str, Callable[..., Any]] = {}  # of an entry's data, before it runs
        self._places = declared_at([*self._made.data, *self._made.params, *self._made.states])

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        for key in ("_lock", "_functions", "_checks", "_places"):
            del state[key]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def __repr__(self) -> str:
        data = ", ".join(str(x.attrs["name"]) for x in self._made.data)
        return f"<Model of {data}: {len(self._made.params)} parameters>"

    # ---- the entries

    def init(self, /, seed: int = 0, **dims: int) -> Params:
        """Fresh parameters and state.

        Parameters
        ----------
        seed : int
        **dims : int
            Symbolic sizes that a parameter's shape needs.
        """
        known = self._made.parameter_sizes()
        for name, value in dims.items():
            if name not in known:
                raise CompileError(f"init: no parameter has the size {name!r}; sizes are {known}")
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
                raise ShapeError(f"init: the size {name!r} must be an integer >= 0; got {value!r}")
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise CompileError(f"init: seed must be an integer >= 0; got {seed!r}")
        return self._call("init", seed, **dims)  # type: ignore[no-any-return]

    def predict(self, params: Params, /, *unnamed: Any, **data: Any) -> Any:
        """The outputs, in evaluation mode."""
        self._require("predict")
        if unnamed:
            raise self._by_name("predict", unnamed)
        return trees.restored(self._made.tree, self._run("predict", params, data))

    def evaluate(self, params: Params, /, *unnamed: Any, **data: Any) -> Any:
        """The loss, in evaluation mode."""
        if unnamed:
            raise self._by_name("evaluate", unnamed)
        return self._run("evaluate", params, data)

    def forward(self, params: Params, /, *unnamed: Any, **data: Any) -> tuple[Any, tuple[Any, ...]]:
        """The loss, and the residuals that ``backward`` needs and nothing else.

        Parameters
        ----------
        params : dict of arrays
        **data : arrays
            By the names of the inputs; ``rng`` where the entry draws random numbers.

        Examples
        --------
        >>> import symgrad as sg
        >>> w, x = sg.param("w", (), init=2.0), sg.input("x", ())
        >>> model = sg.compile((w * x) ** 2)
        >>> loss, residuals = model.forward(model.init(), x=3.0)
        >>> float(loss), float(model.backward(residuals)["w"])
        (36.0, 36.0)
        """
        if unnamed:
            raise self._by_name("forward", unnamed)
        return self._run("forward", params, data)  # type: ignore[no-any-return]

    def backward(self, residuals: tuple[Any, ...], cotangent: Any = 1.0) -> Params:
        """The gradients from what ``forward`` returned; see there for an example.

        Parameters
        ----------
        residuals : tuple
            As ``forward`` returned them.
        cotangent : float
            Of the loss: every gradient is multiplied by it.
        """
        if np.shape(cotangent) != () or not np.can_cast(np.asarray(cotangent).dtype, np.float64):
            raise ShapeError(f"backward: expected a number as the cotangent; got {cotangent!r}")
        return self._call("backward", residuals, cotangent)  # type: ignore[no-any-return]

    def value_and_grad(self, params: Params, /, *unnamed: Any, **data: Any) -> tuple[Any, Params]:
        """The loss and its gradients, in one function; :func:`compile` has an example.

        Parameters
        ----------
        params : dict of arrays
        **data : arrays
            By the names of the inputs; ``rng`` where the entry draws random numbers.
        """
        if unnamed:
            raise self._by_name("value_and_grad", unnamed)
        return self._run("value_and_grad", params, data)  # type: ignore[no-any-return]

    def init_optimizer(self, params: Params) -> Params:
        """The optimiser's first state."""
        self._require("init_optimizer")
        self._require_dict("init_optimizer", "params", params)
        self.check_params(params)
        return self._call("init_optimizer", params)  # type: ignore[no-any-return]

    def step(self, params: Params, opt_state: Params, /, *unnamed: Any, **data: Any) -> Any:
        """One training step: updates `params` and `opt_state` in place, returns the loss.

        A model that was compiled with ``watch=`` returns the loss and a dict of what is watched.

        Parameters
        ----------
        params, opt_state : dict of arrays
            From ``init`` and ``init_optimizer``.
        **data : arrays
            By the names of the inputs; ``rng`` where the entry draws random numbers.

        Raises
        ------
        CompileError
            If the model was compiled without an optimiser.

        Examples
        --------
        >>> import symgrad as sg
        >>> w, x = sg.param("w", (), init=2.0), sg.input("x", ())
        >>> model = sg.compile((w - x) ** 2, optimizer=sg.optim.SGD(0.25))
        >>> params = model.init()
        >>> loss = model.step(params, model.init_optimizer(params), x=1.0)
        >>> float(loss), float(params["w"])
        (1.0, 1.5)
        """
        self._require("step")
        if unnamed:
            raise self._by_name("step", unnamed)
        self._require_dict("step", "opt_state", opt_state)
        return self._run("step", params, data, opt_state)

    def _require_dict(self, entry: str, what: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise CompileError(
                f"{entry}: {what} must be a dict of arrays; got {type(value).__name__}"
            )

    def check_params(self, params: Params) -> None:
        """Raise unless `params` has every parameter and state, of the right shape, and no other.

        Parameters
        ----------
        params : dict of arrays

        Raises
        ------
        CompileError
            For a name that is missing, or not the model's.
        ShapeError
        """
        leaves = {str(p.attrs["name"]): p for p in [*self._made.params, *self._made.states]}
        for name in params:
            if name not in leaves:
                raise CompileError(f"the model has no parameter {name!r}; it has {sorted(leaves)}")
        sizes: dict[str, int] = {}
        for name, leaf in leaves.items():
            if name not in params:
                raise CompileError(f"params has no {name!r}; it has {sorted(params)}")
            got = np.shape(params[name])
            fits = len(got) == leaf.ndim and all(
                sizes.setdefault(str(d), g) == g if isinstance(d, Dim) else d == g
                for d, g in zip(leaf.shape, got, strict=True)
            )
            if not fits:
                raise ShapeError(f"{name}: expected shape {format_shape(leaf.shape)}; got {got}")

    def check_data(self, entry: str, /, **data: Any) -> None:
        """Raise what an entry would raise of these data; nothing is computed.

        Names, dtypes, shapes, sizes that must agree, and labels within their bounds. What
        only the parameters decide, such as the rows of a table of symbolic size, is left out.

        Parameters
        ----------
        entry : str
            As :meth:`signature` takes it.
        **data : arrays
            By the names of the inputs.

        Raises
        ------
        CompileError
            For an input that is missing, or not the model's, and for labels out of bounds.
        ShapeError, DTypeError

        Examples
        --------
        >>> import symgrad as sg
        >>> x, y = sg.input("x", ("B", 3)), sg.input("y", ("B",), dtype="int64")
        >>> loss = sg.losses.mean(sg.losses.softmax_cross_entropy(x, y))
        >>> model = sg.compile(loss)
        >>> model.check_data("evaluate", x=[[1.0, 2.0, 3.0]], y=[2])
        >>> try:
        ...     model.check_data("evaluate", x=[[1.0, 2.0, 3.0]], y=[3])
        ... except sg.CompileError as error:
        ...     print(str(error).splitlines()[0])
        y: expected 0 <= y < 3; got 3 at (0,)
        """
        self._require(entry)
        self._function(entry)
        args = self._bind(entry, data)
        if entry in self._checks:
            try:
                self._checks[entry](*args)
            except SymgradError as error:
                raise explained(error, self._places) from None

    def save(self, path: str | os.PathLike[str], params: Params | None = None) -> pathlib.Path:
        """Write the source as a module that needs NumPy and nothing else.

        Only where it calls functions of ``sg.special`` that NumPy cannot express does it import
        SciPy too; its first lines say so.

        Parameters
        ----------
        path : path of the module
        params : dict of arrays, optional
            Written beside it, as ``.safetensors`` (an extra).

        Returns
        -------
        pathlib.Path
            Of the module.
        """
        target = super().save(path)
        if params is not None:
            self.check_params(params)
            save_arrays(target.with_suffix(".safetensors"), params)
        return target

    # ---- calling

    def _run(self, entry: str, params: Params, data: dict[str, Any], *more: Any) -> Any:
        function = self._functions.get(entry) or self._function(entry)
        rng = data.pop("rng", None)
        self._require_dict(entry, "params", params)
        args = self._bind(entry, data)
        try:
            if entry in self._made.random:
                return function(params, *more, *args, rng=rng)
            return function(params, *more, *args)
        except SymgradError as error:
            raise explained(error, self._places) from None

    def _call(self, entry: str, *args: Any, **kwargs: Any) -> Any:
        function = self._functions.get(entry) or self._function(entry)
        try:
            return function(*args, **kwargs)
        except SymgradError as error:
            raise explained(error, self._places) from None

    def _by_name(self, entry: str, unnamed: tuple[Any, ...]) -> CompileError:
        """What is wrong with data that is given by position."""
        self._function(entry)
        call = ", ".join(
            ["params", *(["opt_state"] if entry == "step" else [])]
            + [f"{name}=..." for name in self._made.signatures[entry]]
        )
        return CompileError(
            f"{entry}: data is given by name, {entry}({call}); got {len(unnamed)} more by position"
        )

    def _bind(self, entry: str, data: dict[str, Any]) -> list[Any]:
        names = self._made.signatures[entry]
        if len(data) != len(names) or any(name not in data for name in names):
            known = {str(x.attrs["name"]) for x in self._made.data}
            for name in data:
                if name not in known:
                    raise CompileError(
                        f"{entry}: the model has no input {name!r}; it takes {names}"
                    )
            for name in names:
                if name not in data:
                    where = self._places.get(name)
                    raise CompileError(
                        f"{entry}: the input {name!r} is missing; it takes {names}"
                        + (f"\n  {name} was declared at {where}" if where else "")
                    )
        return [data[name] for name in names]

    def _function(self, entry: str) -> Callable[..., Any]:
        with self._lock:
            found = self._functions.get(entry)
            if found is None:
                text = self._made.source(entry)
                runtime = runtime_source(
                    [text], self._made.params, self._made.states, self._made.slots
                )
                namespace = load(f"{runtime}\n\n{text.text}", entry)
                namespace.update(self._made.callables)
                if text.check:
                    self._checks[entry] = namespace[text.check]
                found = self._functions[entry] = namespace[entry]
            return found

    @property
    def entries(self) -> list[EntrySource]:
        """Every entry of the model, generated."""
        names = [n for n in ENTRIES if n != "predict" or self._made.outputs]
        if self._made.optimizer is not None:
            names += TRAINING
        return [self._made.source(name) for name in names]

    @property
    def source(self) -> str:
        """The generated source, all of it: a module with every entry as a function."""
        params = [f"{shown(p)} {format_shape(p.shape)}" for p in self._made.params[:8]]
        params += ["..."] if len(self._made.params) > 8 else []
        data = [f"{shown(x)} {x.aval}" for x in self._made.data]
        listed = [_listed("params", params), _listed("data", data)]
        title = "\n".join(["A model, generated by symgrad.\n", *listed, ""])
        return module_source(
            title, self.entries, self._made.params, self._made.states, self._made.slots
        )

    # ---- pictures

    @property
    def _declared_graph(self) -> Graph:
        return self._made.declared

    def _pictured(self) -> Graph:
        self._made.source("value_and_grad")
        return self._made.pictures["value_and_grad"]

    def _planned(self) -> Graph:
        self._made.source("value_and_grad")
        return self._made.graphs["value_and_grad"]

    def _pass_rows(self) -> list[PassRow]:
        self._made.source("value_and_grad")
        return self._made.rows["value_and_grad"]


def _listed(kind: str, items: list[str]) -> str:
    """A line of the module's docstring, broken between items."""
    text = ", ".join(item.replace(" ", "\xa0") for item in items)
    lines = textwrap.wrap(text, 88, break_long_words=False, break_on_hyphens=False)
    indent = "\n" + 8 * " "
    return f"{kind:<8}{indent.join(lines)}".replace("\xa0", " ").rstrip()


def compile(
    loss: Any,
    *,
    outputs: Any = None,
    optimizer: Any = None,
    wrt: Any = None,
    target: str = "numpy",
    style: str = "fast",
    memory: Any = None,
    debug: str | None = None,
    watch: Callable[[Watched], Mapping[str, Any]] | None = None,
) -> Model:
    """Compile a model: parameters and data are found in the graph.

    Parameters
    ----------
    loss : Expr of shape ()
    outputs : Expr, or structure of them, optional
        What ``predict`` returns.
    optimizer : from sg.optim, optional
        Declared as expressions in the same graph; without one there is no ``step``.
    wrt : list of Expr, optional
        Parameters that have gradients; all of them if None.
    target : {"numpy"}
        What is generated.
    style : {"fast", "readable"}
        With buffers that are kept between calls, or as one would write it by hand.
    memory : None
        Reserved for the checkpointing of loops.
    debug : {None, "nan", "verify"}
        Check every value for NaN and infinity as it is computed, or the graph after each pass.
    watch : callable, optional
        ``watch(known)`` gives a dict of expressions that ``step`` returns beside the loss, as a
        second result. It may use what was declared, and ``known.grads``, ``known.changes`` and
        ``known.params`` by a parameter's name. What they share with the step is computed once.

    Raises
    ------
    ShapeError
        If the loss is not a scalar.
    DeclarationError
        If two leaves have one name.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B",))
    >>> w = sg.param("w", (), init=2.0)
    >>> model = sg.compile(((w * x - 1.0) ** 2).mean(), optimizer=sg.optim.SGD(0.1))
    >>> params = model.init(seed=0)
    >>> loss, grads = model.value_and_grad(params, x=[1.0, 2.0])
    >>> float(loss), float(grads["w"])
    (5.0, 7.0)
    >>> watched = model.recompiled(watch=lambda known: {"slope": known.grads["w"]})
    >>> loss, found = watched.step(params, watched.init_optimizer(params), x=[1.0, 2.0])
    >>> float(found["slope"]), round(float(params["w"]), 3)
    (7.0, 1.3)
    """
    require_options(target, style, debug)
    if memory is not None:
        raise CompileError(f"memory: expected None; got {memory!r}")
    loss = require_scalar(loss)
    chosen: list[Expr] | None = None
    if wrt is not None:
        chosen, _ = trees.flatten(wrt)
        for leaf in chosen:
            if not isinstance(leaf, Expr) or leaf.op not in (PARAM, INPUT):
                raise DeclarationError(f"wrt: expected parameters or inputs; got {leaf!r}")
        if optimizer is not None and any(leaf.op is not PARAM for leaf in chosen):
            raise DeclarationError("wrt: an optimizer updates parameters, not inputs")
    if watch is not None and optimizer is None:
        raise DeclarationError("watch: only a step returns what is watched: pass optimizer=")
    return Model(Entries(loss, outputs, optimizer, chosen, style, debug, watch))
