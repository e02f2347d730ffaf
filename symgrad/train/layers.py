"""The layers of a network, as its graph shows them: their parameters, their order, their ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

import symgrad as sg

__all__ = ["Layer", "ends_of", "kept_by_dropout", "layers_of"]


@dataclass
class Layer:
    """The measurements of one layer: a list for each quantity, a value for each recorded step.

    Attributes
    ----------
    name : str
        The scope of its parameters, or the name of a parameter outside of any scope.
    parameters : list of str
        Those that are measured: its matrices, or all if there are none.
    gathered : bool
        Whether rows of it are looked up, as those of an embedding: most have no gradient.
    trained : bool
        Whether the steps change it.
    activation : str or None
        The function at its end, if that is one that dies or saturates.
    matrix : bool
        Whether what is measured are matrices, not vectors and numbers.
    before : frozenset of str
        The layers that its inputs come from, near and far: none if it sees but the inputs of the
        network.
    blocked : str or None
        What lets no gradient pass on each path from it to the loss, as ``"stop_gradient"``.
    units : int
        Columns of its matrix, where its outputs are a product with it, biases and an activation;
        else 0.
    begins : float or None
        The norm at which the weights begin, if all of them begin at the same value.
    output : list of float
        Root mean square of its outputs.
    weight, gradient, change : list of float
        Euclidean norms of its weights, of their gradient and of what a step adds to them.
    dead : list of float
        Part of its units that are 0 for each example of the batch.
    saturated : list of float
        Part of its outputs where the activation is flat.
    """

    name: str
    parameters: list[str]
    gathered: bool = False
    trained: bool = True
    activation: str | None = None
    matrix: bool = True
    before: frozenset[str] = frozenset()
    blocked: str | None = None
    units: int = 0
    begins: float | None = None
    output: list[float] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)
    gradient: list[float] = field(default_factory=list)
    change: list[float] = field(default_factory=list)
    dead: list[float] = field(default_factory=list)
    saturated: list[float] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """What each step adds to the weights, relative to them."""
        pairs = zip(self.change, self.weight, strict=True)
        return [c / w if w else math.inf if c else 0.0 for c, w in pairs]


def layers_of(model: sg.Model, nodes: list[sg.Expr]) -> list[Layer]:
    """The parameters by scope, in the order of the forward pass."""
    gathered = {
        str(node.args[0].attrs["name"])
        for node in nodes
        if node.op.name in ("gather", "take", "getitem") and node.args[0].op.name == "param"
    }
    groups: dict[str, list[str]] = {}
    for name in model.params:
        groups.setdefault(name.rpartition(".")[0] or name, []).append(name)
    found = []
    for layer, names in groups.items():
        matrices = [name for name in names if model.params[name].ndim > 1]
        measured = matrices or names
        looked_up = any(name in gathered for name in measured)
        trained = any(name in model.trained for name in measured)
        begins = _begins([model.params[name] for name in matrices])
        found.append(
            Layer(layer, measured, looked_up, trained, matrix=bool(matrices), begins=begins)
        )
    _trace(nodes, model.loss, found)
    return found


def _begins(matrices: list[sg.Expr]) -> float | None:
    """The norm of weights that begin as one constant; None if they do not, or may not."""
    squares = 0.0
    for matrix in matrices:
        init, size = matrix.attrs["init"].value, matrix.size
        value = init.value if isinstance(init, sg.init.Constant) else 0.0 if init is None else init
        if callable(value) or not isinstance(size, int) or np.ptp(value) != 0:
            return None
        squares += size * abs(np.ravel(value)[0]) ** 2
    return math.sqrt(squares) if matrices else None


#: operations whose derivative is 0 wherever there is one; so is that of what is no float
_FLAT = frozenset({"stop_gradient", "round", "floor", "ceil", "trunc", "rint", "fix", "sign"})

#: what an operation is called outside, where that is not its own name
_NAMES = {"rint": "round", "trunc": "fix"}

#: a value is made of numbers alone, of parameters, or of data
_NUMBER, _WEIGHTS, _DATA = range(3)


def _trace(nodes: list[sg.Expr], loss: sg.Expr, layers: list[Layer]) -> None:
    """Find which layers come before which, and from which of them no gradient comes back."""
    index = {layer.name: i for i, layer in enumerate(layers)}
    before = [0] * len(layers)
    made: dict[sg.Expr, int] = {}
    reach: dict[sg.Expr, int] = {}  # the layers, as bits, whose weights a value depends on
    opened: dict[sg.Expr, int] = {}  # those of them that it has a derivative by
    for node in nodes:
        if node.op.name == "param":
            made[node] = _WEIGHTS
            reach[node] = opened[node] = 1 << index[_scope_of(node)]
            continue
        made[node] = _kind_of(node, made)
        reach[node] = opened[node] = 0
        weights = upstream = 0
        for arg in node.args:
            reach[node] |= reach[arg]
            opened[node] |= opened[arg]
            if made[arg] == _WEIGHTS:
                weights |= reach[arg]
            else:
                upstream |= reach[arg]
        for i in _bits(weights if made[node] == _DATA else 0):
            # the weights of a loop come to it all at once, in the order of its layers
            inside = weights & ((1 << i) - 1) if node.op.name == "loop" else 0
            before[i] |= (upstream | inside) & ~(1 << i)
        if _is_flat(node):
            for i in _bits(opened[node]):
                layers[i].blocked = layers[i].blocked or _NAMES.get(node.op.name, node.op.name)
            opened[node] = 0
        elif node.op.name == "straight_through":
            opened[node] = opened[node.args[-1]]
    for i, layer in enumerate(layers):
        layer.before = frozenset(layers[j].name for j in _bits(before[i]))
        if opened[loss] >> i & 1:
            layer.blocked = None
        elif reach[loss] >> i & 1 == 0:
            layer.trained = False  # it makes an output, and no part of the loss
    ends = ends_of(nodes, layers)
    for i, layer in enumerate(layers):
        if layer.name in ends and len(layer.parameters) == 1:
            layer.units = _units(ends[layer.name][0], 1 << i, made, reach)


def _scope_of(leaf: sg.Expr) -> str:
    """The layer of a parameter: its scope, or itself outside of any."""
    name = str(leaf.attrs["name"])
    return name.rpartition(".")[0] or name


def _kind_of(node: sg.Expr, made: dict[sg.Expr, int]) -> int:
    if node.args:
        return max(made[arg] for arg in node.args)
    shape = node.shape
    fixed = node.op.name not in ("input", "state", "literal") and all(
        isinstance(n, int) for n in shape
    )
    return _NUMBER if fixed or not shape else _DATA


def _is_flat(node: sg.Expr) -> bool:
    return node.op.name in _FLAT or node.dtype.kind in "biu"


def _bits(mask: int) -> list[int]:
    return [i for i in range(mask.bit_length()) if mask >> i & 1]


_PRODUCTS = frozenset({"matmul", "einsum", "convolution"})
#: what stands between such a product and the end of its layer
_BEHIND = frozenset({"add", "relu", "maximum", "tanh", "sigmoid", "gelu", "silu"})


def _units(end: sg.Expr, bit: int, made: dict[sg.Expr, int], reach: dict[sg.Expr, int]) -> int:
    """Columns of the matrix whose product with the inputs ends here; 0 if it is not so simple."""
    node = end
    while True:
        weights = [a for a in node.args if made[a] == _WEIGHTS and reach[a] == bit and a.ndim > 1]
        if weights:
            columns = weights[0].shape[-1]
            return columns if isinstance(columns, int) and node.op.name in _PRODUCTS else 0
        data = [arg for arg in node.args if made[arg] == _DATA]
        if len(data) != 1 or node.op.name not in _BEHIND:
            return 0
        (node,) = data


def kept_by_dropout(nodes: list[sg.Expr]) -> list[float]:
    """The part that each dropout keeps: the masks are uniform numbers below a literal."""
    found = []
    for node in nodes:
        if node.op.name == "where" and node.args[0].op.name == "less":
            drawn, keep = node.args[0].args
            if drawn.op.name == "standard_uniform" and keep.op.name == "literal":
                found.append(float(keep.attrs["value"].array))
    return found


#: activations that die or saturate, by the name of their op
_KINDS = {"relu": "relu", "tanh": "tanh", "sigmoid": "sigmoid"}


def ends_of(nodes: list[sg.Expr], layers: list[Layer]) -> dict[str, tuple[sg.Expr, str | None]]:
    """The output of each layer: its activation if it has one, else what was declared in it last.

    An activation that was declared outside of any scope belongs to the layer that it follows.
    """
    owner: dict[sg.Expr, str | None] = {}
    named = {layer.name: layer for layer in layers}
    found: dict[str, tuple[sg.Expr, str | None]] = {}
    for node in nodes:
        if node.op.name == "param":
            owner[node] = _scope_of(node)
            continue
        below = [owner.get(arg) for arg in node.args]
        last = next((o for o in reversed(below) if o is not None), None)
        if node.scope in named:
            last = node.scope
        owner[node] = last
        if last is None or node.ndim < 2 or node.dtype.kind != "f":
            continue
        kind = _kind(node)
        inside = node.scope == last or (not node.scope and "." not in last)
        if kind is not None and (inside or found.get(last, (None, None))[1] is None):
            found[last] = (node, kind)
        elif inside and found.get(last, (None, None))[1] is None:
            found[last] = (node, None)
    for name, (_, kind) in found.items():
        named[name].activation = kind
    return found


def _kind(node: sg.Expr) -> str | None:
    if node.op.name == "maximum":  # of 0: a relu, as NumPy spells it
        for arg in node.args:
            value = arg.attrs.get("value") if arg.op.name == "literal" else None
            if value is not None and not value.array.any():
                return "relu"
    return _KINDS.get(node.op.name)
