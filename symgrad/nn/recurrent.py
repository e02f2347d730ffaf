"""Recurrent layers on sequences (B, T, features): plain, gated, and long short-term memory.

Inside, time comes first, as :func:`symgrad.scan` goes along it. The product of all inputs with
`W` is one, before the loop; a step adds what its state gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import symgrad as sg
from symgrad.init import arranged, glorot_uniform, orthogonal
from symgrad.nn.dropout import dropout as drop
from symgrad.nn.layer import Activation, activated, floating, named, shown
from symgrad.options import flag, real, whole

__all__ = ["gru", "lstm", "rnn"]

#: the state of one cell: h alone, or h and c
State = tuple[sg.Expr, ...]
#: from the product of the input with W, bias added, and the state before it, the state after it
Step = Callable[[sg.Expr, State], State]


class _Layers(NamedTuple):
    """What the three kinds of layers have in common."""

    what: str
    carried: tuple[str, ...]
    gates: int
    units: int
    layers: int
    bidirectional: bool
    dropout: float
    init: Any
    recurrent_init: Any
    bias: bool
    memory: int | str | None
    bias_init: Any = None

    def __call__(
        self, x: Any, cell: Callable[[sg.Expr], Step], initial: Any, mask: Any, name: str | None
    ) -> tuple[sg.Expr, Any]:
        """Outputs (B, T, units) and the last state, of layers whose steps `cell` gives."""
        x = floating(self.what, x)
        if x.ndim != 3:
            raise sg.ShapeError(
                f"{self.what}: expected x of shape (B, T, features); got {shown(x.shape)}"
            )
        whole(self.what, "units", self.units)
        whole(self.what, "layers", self.layers)
        flag(self.what, "bidirectional", self.bidirectional)
        flag(self.what, "bias", self.bias)
        # refused even where there is one layer alone
        real(self.what, "dropout", self.dropout, 0, 1, open_high=True)
        starts = self._starts(x, initial)
        present = None if mask is None else self._present(x, mask)
        rows = x.swapaxes(0, 1)
        if present is not None:
            rows = sg.where(present, rows, 0)  # padding takes no part, whatever it holds
        ends: list[State] = []
        with named(name):
            for k in range(self.layers):
                with named(f"layer{k + 1}" if self.layers > 1 else None):
                    if k:
                        rows = drop(rows, self.dropout)
                    sides = []
                    for reverse in (False, True)[: self._directions]:
                        side = ("forward", "backward")[reverse] if self.bidirectional else None
                        with named(side):
                            start = starts[len(ends)]
                            states, end = self._along(rows, cell, start, present, reverse)
                        sides.append(states)
                        ends.append(end)
                    rows = sides[0] if len(sides) == 1 else sg.concatenate(sides, axis=-1)
        outputs = sg.name(rows.swapaxes(0, 1), "outputs")
        last = [self._joined(parts) for parts in zip(*ends, strict=True)]
        return outputs, last[0] if len(last) == 1 else tuple(last)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _along(
        self,
        rows: sg.Expr,
        cell: Callable[[sg.Expr], Step],
        start: State,
        present: sg.Expr | None,
        reverse: bool,
    ) -> tuple[sg.Expr, State]:
        """The states h after all steps of one layer in one direction, and the last state."""
        width, dtype = self.gates * self.units, rows.dtype
        init = arranged(self.init, self.gates)
        recurrent_init = arranged(self.recurrent_init, self.gates)
        products = rows @ sg.param("W", (rows.shape[-1], width), init, dtype)
        if self.bias:
            products = products + sg.param("b", (width,), self.bias_init, dtype)
        products = sg.name(products, "xW")
        step = cell(sg.param("U", (self.units, width), recurrent_init, dtype))

        def advance(state: Any, given: Any) -> Any:
            old = tuple([state[key] for key in self.carried])
            new = step(given["a"], old)
            if present is not None:
                here = given["present"]
                new = tuple([sg.where(here, n, o) for n, o in zip(new, old, strict=True)])
            new = tuple([sg.name(n, key) for n, key in zip(new, self.carried, strict=True)])
            return dict(zip(self.carried, new, strict=True)), new[0]

        xs = {"a": products} if present is None else {"a": products, "present": present}
        carry = dict(zip(self.carried, start, strict=True))
        end, states = sg.scan(advance, carry, xs, reverse=reverse, memory=self.memory)
        if present is not None:
            states = sg.where(present, states, 0)
        return sg.name(states, "hs"), tuple([end[key] for key in self.carried])

    def _starts(self, x: sg.Expr, initial: Any) -> list[State]:
        """The first state of each layer and direction."""
        count = self.layers * self._directions
        shape = (x.shape[0], self.units)
        if initial is None:
            return [(sg.zeros(shape, x.dtype),) * len(self.carried)] * count
        parts = (initial,) if len(self.carried) == 1 else initial
        if not isinstance(parts, (tuple, list)) or len(parts) != len(self.carried):
            raise sg.DeclarationError(
                f"{self.what}: expected initial to be ({', '.join(self.carried)}), as the state "
                f"that it returns; got {parts!r}"
            )
        given = [sg.as_expr(part).astype(x.dtype) for part in parts]
        expected = shape if count == 1 else (count, *shape)
        for key, part in zip(self.carried, given, strict=True):
            if part.shape != expected:
                raise sg.ShapeError(
                    f"{self.what}: expected initial {key} of shape {shown(expected)}; "
                    f"got {shown(part.shape)}"
                )
        if count == 1:
            return [tuple(given)]
        return [tuple([part[k] for part in given]) for k in range(count)]

    def _present(self, x: sg.Expr, mask: Any) -> sg.Expr:
        """The mask, time first, of shape (T, B, 1)."""
        mask = sg.as_expr(mask)
        if mask.dtype.kind != "b":
            raise sg.DTypeError(f"{self.what}: expected mask to be boolean; got {mask.dtype}")
        if mask.shape != x.shape[:2]:
            raise sg.ShapeError(
                f"{self.what}: expected mask of shape {shown(x.shape[:2])}; got {shown(mask.shape)}"
            )
        return mask.T[:, :, None]

    def _joined(self, parts: Sequence[sg.Expr]) -> sg.Expr:
        return parts[0] if len(parts) == 1 else sg.stack(list(parts))


def _gates(z: sg.Expr, count: int) -> list[sg.Expr]:
    """The parts of the last axis, one for each gate."""
    units = z.shape[-1] // count
    return [z[:, k * units : (k + 1) * units] for k in range(count)]


def rnn(
    x: Any,
    units: int,
    layers: int = 1,
    bidirectional: bool = False,
    initial: Any = None,
    mask: Any = None,
    dropout: float = 0.0,
    activation: Activation = sg.tanh,
    *,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    recurrent_init: Any = orthogonal(),  # noqa: B008
    bias: bool = True,
    memory: int | str | None = None,
    name: str | None = None,
) -> tuple[sg.Expr, sg.Expr]:
    """Plain recurrent layer: ``h = activation(x[:, t] @ W + h @ U + b)`` for each t.

    J. L. Elman, *Finding structure in time* (1990).

    Parameters
    ----------
    x : Expr of shape (B, T, features)
        Floating; `B` and `T` may be symbolic.
    units : int
        The size of the state.
    layers : int
        Each goes along the outputs of the one before it.
    bidirectional : bool
        Whether a second state goes from the last step to the first, with weights of its own.
        The outputs of both are joined, forward first.
    initial : Expr, optional
        The state before the first step, of the shape of that which is returned; zeros if None.
    mask : Expr of shape (B, T), optional
        Boolean. Where it is False there is no step: the state stays, the output is 0, and what `x`
        holds has no effect. With True first and False after, a row is a sequence of its own length,
        in both directions.
    dropout : float
        The rate at which outputs of each layer but the last are dropped, in training.
    activation : function, optional
        Such as ``sg.relu``; none if None.
    init, recurrent_init : initialiser, array, number or callable, optional
        Of `W` and of `U`. Each gate has a matrix of its own, drawn by itself.
    bias : bool
    memory : int, ``"sqrt"`` or None
        What reverse mode may keep; see :func:`symgrad.scan`.
    name : str, optional
        A scope for the parameters.

    Returns
    -------
    outputs : Expr of shape (B, T, units), or (B, T, 2 * units) if bidirectional
        The states of the last layer after each step.
    h : Expr of shape (B, units), or (layers * directions, B, units) where there are several
        After the last step of each layer, and in it of each direction.

    Raises
    ------
    DeclarationError, ShapeError, DTypeError

    Notes
    -----
    Parameters: `W` (features, units), `U` (units, units), `b` (units,); with several layers in
    the scopes ``layer1``, ``layer2``, ..., and if bidirectional in ``forward`` and ``backward``.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("B", "T", 3))
    >>> outputs, h = sg.nn.rnn(x, 4)
    >>> model = sg.compile((h**2).mean(), outputs=outputs)
    >>> model.predict(model.init(), x=np.ones((2, 5, 3))).shape
    (2, 5, 4)
    """

    def cell(U: sg.Expr) -> Step:
        return lambda a, state: (activated("rnn", a + state[0] @ U, activation),)

    make = _Layers(
        "rnn", ("h",), 1, units, layers, bidirectional, dropout,
        init, recurrent_init, bias, memory,
    )  # fmt: skip
    outputs, h = make(x, cell, initial, mask, name)
    return outputs, h


def gru(
    x: Any,
    units: int,
    layers: int = 1,
    bidirectional: bool = False,
    initial: Any = None,
    mask: Any = None,
    dropout: float = 0.0,
    *,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    recurrent_init: Any = orthogonal(),  # noqa: B008
    bias: bool = True,
    memory: int | str | None = None,
    name: str | None = None,
) -> tuple[sg.Expr, sg.Expr]:
    """Gated recurrent units, which decide by themselves how much of a state is kept.

    With the three parts of ``x[:, t] @ W + b`` and of ``h @ U``, in the order r, z, n::

        r = sigmoid(x_r + h_r)
        z = sigmoid(x_z + h_z)
        n = tanh(x_n + r * (h_n + b_n))
        h = (1 - z) * n + z * h

    K. Cho et al., *Learning phrase representations using RNN encoder-decoder* (2014), with the
    reset gate after the product, as in PyTorch and cuDNN.

    Parameters
    ----------
    x, units, layers, bidirectional, initial, mask, dropout
        As in :func:`rnn`.
    init, recurrent_init, bias, memory, name
        As in :func:`rnn`.

    Returns
    -------
    outputs, h
        As in :func:`rnn`.

    Raises
    ------
    DeclarationError, ShapeError, DTypeError

    Notes
    -----
    Parameters: `W` (features, 3 * units), `U` (units, 3 * units), `b` (3 * units,) and `b_n`
    (units,); scopes as in :func:`rnn`. PyTorch has two biases of 3 * units,
    of which those of r and z are only ever added: `b` is their sum there, and that of the input
    in n.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("B", "T", 3))
    >>> outputs, h = sg.nn.gru(x, 4, layers=2, name="encoder")
    >>> model = sg.compile((h**2).mean(), outputs=h)
    >>> params = model.init()
    >>> list(params)[:4]
    ['encoder.layer1.W', 'encoder.layer1.b', 'encoder.layer1.U', 'encoder.layer1.b_n']
    >>> model.predict(params, x=np.ones((2, 5, 3))).shape
    (2, 2, 4)
    """

    def cell(U: sg.Expr) -> Step:
        b_n = sg.param("b_n", (units,), dtype=U.dtype) if bias else 0

        def step(x: sg.Expr, state: State) -> State:
            (h,) = state
            (x_r, x_z, x_n), (h_r, h_z, h_n) = _gates(x, 3), _gates(h @ U, 3)
            r = sg.name(sg.sigmoid(x_r + h_r), "r")
            z = sg.name(sg.sigmoid(x_z + h_z), "z")
            n = sg.name(sg.tanh(x_n + r * (h_n + b_n)), "n")
            return (n + z * (h - n),)  # (1 - z) n + z h

        return step

    make = _Layers(
        "gru", ("h",), 3, units, layers, bidirectional, dropout,
        init, recurrent_init, bias, memory,
    )  # fmt: skip
    outputs, h = make(x, cell, initial, mask, name)
    return outputs, h


def lstm(
    x: Any,
    units: int,
    layers: int = 1,
    bidirectional: bool = False,
    initial: Any = None,
    mask: Any = None,
    dropout: float = 0.0,
    forget_bias: float = 0.0,
    *,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    recurrent_init: Any = orthogonal(),  # noqa: B008
    bias: bool = True,
    memory: int | str | None = None,
    name: str | None = None,
) -> tuple[sg.Expr, tuple[sg.Expr, sg.Expr]]:
    """Long short-term memory: a second state c, of which gates decide what is kept and shown.

    With the four parts of ``x[:, t] @ W + h @ U + b``, in the order i, f, g, o::

        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)

    S. Hochreiter and J. Schmidhuber, *Long short-term memory* (1997), with the forget gate of
    F. Gers et al., *Learning to forget* (2000).

    Parameters
    ----------
    x, units, layers, bidirectional, mask, dropout
        As in :func:`rnn`.
    initial : (h, c), optional
        The state before the first step, of the shapes of that which is returned; zeros if None.
    forget_bias : float
        The first value of the bias of f. With 1 a network remembers from the start: R. Jozefowicz
        et al., *An empirical exploration of recurrent network architectures* (2015).
    init, recurrent_init, bias, memory, name
        As in :func:`rnn`.

    Returns
    -------
    outputs : Expr of shape (B, T, units), or (B, T, 2 * units) if bidirectional
        The states h of the last layer after each step.
    h, c : a pair of Expr, as `h` of :func:`rnn`

    Raises
    ------
    DeclarationError, ShapeError, DTypeError

    Notes
    -----
    Parameters: `W` (features, 4 * units), `U` (units, 4 * units), `b` (4 * units,), the sum of
    PyTorch's two biases; scopes as in :func:`rnn`.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x, present = sg.input("x", ("B", "T", 3)), sg.input("present", ("B", "T"), "bool")
    >>> outputs, (h, c) = sg.nn.lstm(x, 4, bidirectional=True, mask=present)
    >>> model = sg.compile((h**2).mean(), outputs=(outputs, h))
    >>> params = model.init()
    >>> params["forward.U"].shape
    (4, 16)
    >>> lengths = np.array([5, 2])
    >>> outputs, h = model.predict(
    ...     params, x=np.ones((2, 5, 3)), present=np.arange(5) < lengths[:, None]
    ... )
    >>> outputs.shape, h.shape, bool((outputs[1, 2:] == 0).all())
    ((2, 5, 8), (2, 2, 4), True)
    """
    bias_init = None
    forget_bias = real("lstm", "forget_bias", forget_bias)
    if forget_bias:
        if not bias:
            raise sg.DeclarationError("lstm: expected bias=True, where forget_bias is given")
        units = whole("lstm", "units", units)
        bias_init = [0.0] * units + [forget_bias] * units + [0.0] * (2 * units)

    def cell(U: sg.Expr) -> Step:
        def step(x: sg.Expr, state: State) -> State:
            h, c = state
            i, f, g, o = _gates(x + h @ U, 4)
            i, f, o = (sg.name(sg.sigmoid(v), k) for v, k in ((i, "i"), (f, "f"), (o, "o")))
            g = sg.name(sg.tanh(g), "g")
            c = f * c + i * g
            return o * sg.tanh(c), c

        return step

    make = _Layers(
        "lstm", ("h", "c"), 4, units, layers, bidirectional, dropout,
        init, recurrent_init, bias, memory, bias_init,
    )  # fmt: skip
    outputs, (h, c) = make(x, cell, initial, mask, name)
    return outputs, (h, c)
