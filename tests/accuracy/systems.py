"""What is compared: symgrad, the naive formula, and the frameworks that are installed.

Each runs the same formula on the same arrays, and gives values, gradients and second derivatives,
or None for what it cannot do.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.autodiff.reverse import cotangents
from symgrad.ir.node import Expr
from symgrad.ir.op import FUNCTIONS, NAMESPACES, OPS
from symgrad.ops.interpret import evaluate

__all__ = ["Problem", "Results", "Space", "System", "installed", "naive", "symgrad"]

Array = np.ndarray[Any, Any]
Formula = Callable[..., Any]


@dataclass(frozen=True)
class Problem:
    """A formula on arrays, and what is asked of it.

    Parameters
    ----------
    formula : callable
        ``(xp, *arrays) -> array``.
    args : list of array
    weights : array or None
        Of the result's shape: the cotangent. Ones, if not given.
    wrt : tuple of int
        The arguments with gradients.
    numbers : bool
        Whether the formula is one of numbers, each element a point of its own.
    curved : bool
        Whether the second derivative of each number is asked for.
    """

    formula: Formula
    args: list[Array]
    weights: Any = None
    wrt: tuple[int, ...] = (0,)
    numbers: bool = False
    curved: bool = False


@dataclass
class Results:
    """Arrays, or None for what a system cannot do."""

    value: Any = None
    slopes: list[Any] = field(default_factory=list)
    curvatures: list[Any] = field(default_factory=list)
    #: why something is missing
    refused: str = ""


class Space:
    """Functions by their NumPy names, looked up in some modules of a framework."""

    def __init__(self, modules: Sequence[str], names: dict[str, Any]) -> None:
        self._modules = modules
        self._names = names

    def __getattr__(self, name: str) -> Any:
        found = self._names.get(name, name)
        if callable(found):
            return found
        for module in self._modules:
            try:
                home = importlib.import_module(module)
            except ImportError:
                continue
            if hasattr(home, found):
                value = getattr(home, found)
                setattr(self, name, value)
                return value
        raise AttributeError(name)


class System:
    """One way of computing."""

    name: str
    #: what has to be imported
    module: str = "numpy"

    @property
    def space(self) -> Any:
        raise NotImplementedError

    def compute(self, problem: Problem, out: Results) -> None:
        raise NotImplementedError

    def run(self, problem: Problem) -> Results:
        """All that the system can do; what it refuses is left out, and the reason kept."""
        out = Results()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                self.compute(problem, out)
            except Exception as error:  # each framework has its own
                out.refused = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
        return out


def _weights(problem: Problem, like: Any) -> Array:
    shape = tuple(like.shape)
    dtype = problem.args[problem.wrt[0]].dtype
    if problem.weights is None:
        return np.ones(shape, dtype)
    return np.asarray(problem.weights, dtype).reshape(shape)


# ---------------------------------------------------------------- symgrad


class _Vocabulary(Space):
    """All functions of symgrad, also those of ops that are not public."""

    def __getattr__(self, name: str) -> Any:
        for table in (NAMESPACES.get("special", {}), FUNCTIONS, NAMESPACES.get("linalg", {})):
            if name in table:
                return table[name]
        if name in OPS:
            return OPS[name]
        raise AttributeError(name)


class _Symgrad(System):
    space = _Vocabulary((), {})

    def leaves(self, problem: Problem) -> list[Expr]:
        return [
            sg.input("xyzuvw"[i], array.shape, dtype=array.dtype.name)
            for i, array in enumerate(problem.args)
        ]


class Symgrad(_Symgrad):
    """Compiled as users compile it."""

    name = "symgrad"

    def compute(self, problem: Problem, out: Results) -> None:
        leaves = self.leaves(problem)
        wrt = [leaves[i] for i in problem.wrt]
        value = sg.as_expr(problem.formula(self.space, *leaves))
        slopes = sg.vjp(value, wrt, _weights(problem, value))
        curvatures = []
        if problem.curved:
            curvatures = [sg.vjp(s, x, np.ones(x.shape)) for s, x in zip(slopes, wrt, strict=True)]
        compiled = sg.function(leaves, (value, slopes, curvatures))
        out.value, out.slopes, out.curvatures = compiled(*problem.args)


class Naive(_Symgrad):
    """The formula as it stands, node by node, and the derivatives of its parts: no rewriting."""

    name = "naive"

    def compute(self, problem: Problem, out: Results) -> None:
        leaves = self.leaves(problem)
        wrt = [leaves[i] for i in problem.wrt]
        value = sg.as_expr(problem.formula(self.space, *leaves))
        slopes = self._slopes([value], [sg.as_expr(_weights(problem, value))], wrt)
        wanted = [value, *slopes]
        if problem.curved:
            for slope, x in zip(slopes, wrt, strict=True):
                wanted += self._slopes([slope], [sg.as_expr(np.ones(x.shape, x.dtype))], [x])
        found = evaluate(wanted, dict(zip(leaves, problem.args, strict=True)))
        n = len(wrt)
        out.value, out.slopes, out.curvatures = found[0], found[1 : n + 1], found[n + 1 :]

    @staticmethod
    def _slopes(outputs: list[Expr], seeds: list[Expr], wrt: list[Expr]) -> list[Expr]:
        found = cotangents(outputs, seeds, wrt)
        return [sg.zeros(x.shape, dtype=x.dtype) if g is None else g
                for g, x in zip(found, wrt, strict=True)]  # fmt: skip


# ---------------------------------------------------------------- peers


class Jax(System):
    name = "JAX"
    module = "jax"

    space = Space(
        ["jax.numpy", "jax.nn", "jax.scipy.special", "jax.numpy.linalg", "jax.lax"],
        {
            "silu": "silu", "gelu": "_gelu", "log_sigmoid": "log_sigmoid", "norm": "norm",
            # loops that do not end at some of the points
            "exp1": "_none", "expi": "_none", "expn": "_none",
        },
    )  # fmt: skip

    def compute(self, problem: Problem, out: Results) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)

        def run(*args: Any) -> Any:
            return problem.formula(self.space, *args)

        value, pull = jax.vjp(run, *[jax.numpy.asarray(a) for a in problem.args])
        out.value = np.asarray(value)
        weights = _weights(problem, value)

        def slope(i: int) -> Callable[..., Any]:
            return lambda *args: jax.vjp(run, *args)[1](weights)[i]

        found = pull(weights)
        out.slopes = [np.asarray(found[i]) for i in problem.wrt]
        if problem.curved:
            for i in problem.wrt:
                first, back = jax.vjp(slope(i), *problem.args)
                out.curvatures.append(np.asarray(back(np.ones(first.shape, first.dtype))[i]))


def _torch_where(condition: Any, x: Any, y: Any) -> Any:
    import torch

    return torch.where(condition, x, y)


def _torch_pair(name: str) -> Callable[..., Any]:
    def call(x: Any, y: Any) -> Any:
        import torch

        like = x if isinstance(x, torch.Tensor) else y
        x, y = (torch.as_tensor(v, dtype=like.dtype) for v in (x, y))
        return getattr(torch, name)(x, y)

    return call


class Torch(System):
    name = "PyTorch"
    module = "torch"

    space = Space(
        ["torch", "torch.special", "torch.nn.functional", "torch.linalg"],
        {
            "max": "amax", "min": "amin", "power": "pow", "log_sigmoid": "logsigmoid",
            "maximum": _torch_pair("maximum"), "minimum": _torch_pair("minimum"),
            "cbrt": "_none", "norm": "_none",
            "gelu_tanh": lambda x: importlib.import_module("torch.nn.functional").gelu(
                x, approximate="tanh"
            ),
            "var": lambda x, axis, keepdims=False: importlib.import_module("torch").var(
                x, dim=axis, correction=0, keepdim=keepdims
            ),
            "std": lambda x, axis, keepdims=False: importlib.import_module("torch").std(
                x, dim=axis, correction=0, keepdim=keepdims
            ),
            "logsumexp": lambda x, axis: importlib.import_module("torch").logsumexp(x, dim=axis),
            "softplus": lambda x: importlib.import_module("torch.nn.functional").softplus(x),
        },
    )  # fmt: skip

    def compute(self, problem: Problem, out: Results) -> None:
        import torch

        args = [torch.tensor(a, requires_grad=i in problem.wrt)
                for i, a in enumerate(problem.args)]  # fmt: skip
        value = problem.formula(self.space, *args)
        out.value = value.detach().numpy()
        wrt = [args[i] for i in problem.wrt]
        weights = torch.tensor(_weights(problem, value))
        found = torch.autograd.grad(
            value, wrt, weights, create_graph=problem.curved, allow_unused=True
        )
        out.slopes = [_torch_array(g, x) for g, x in zip(found, wrt, strict=True)]
        if problem.curved:
            for slope, x in zip(found, wrt, strict=True):
                [second] = (
                    torch.autograd.grad(
                        slope, [x], torch.ones_like(x), retain_graph=True, allow_unused=True
                    )
                    if slope is not None and slope.requires_grad
                    else [None]
                )
                out.curvatures.append(_torch_array(second, x))


def _torch_array(found: Any, like: Any) -> Array:
    return (like.detach() * 0 if found is None else found.detach()).numpy()


class PyTensor(System):
    name = "PyTensor"
    module = "pytensor"

    space = Space(
        ["pytensor.tensor", "pytensor.tensor.special", "pytensor.tensor.nlinalg",
         "pytensor.tensor.slinalg"],
        {
            "power": "pow", "hypot": "_none", "where": "switch", "divide": "true_divide",
            "clip": "clip", "cbrt": "_none", "absolute": "abs", "negative": "neg",
            "square": "sqr", "norm": "_none", "inv": "matrix_inverse",
        },
    )  # fmt: skip

    def compute(self, problem: Problem, out: Results) -> None:
        import pytensor
        import pytensor.tensor as pt

        # its rewrites, without the C compiler
        mode = pytensor.compile.mode.Mode(linker="py", optimizer="fast_run")
        args = [
            pt.tensor(f"x{i}", dtype=a.dtype.name, shape=a.shape)
            for i, a in enumerate(problem.args)
        ]
        value = problem.formula(self.space, *args)
        if not value.dtype.startswith("float"):
            raise TypeError(f"a result of {value.dtype}")
        wrt = [args[i] for i in problem.wrt]
        shape = pytensor.function(args, value, mode=mode, on_unused_input="ignore")
        out.value = np.asarray(shape(*problem.args))
        weights = _weights(problem, out.value)
        slopes = pt.grad(pt.sum(value * weights), wrt, disconnected_inputs="ignore")
        run = pytensor.function(args, slopes, mode=mode, on_unused_input="ignore")
        out.slopes = [np.asarray(v) for v in run(*problem.args)]
        if problem.curved:
            seconds = [
                pt.grad(pt.sum(s), x, disconnected_inputs="ignore")
                for s, x in zip(slopes, wrt, strict=True)
            ]
            run = pytensor.function(args, seconds, mode=mode, on_unused_input="ignore")
            out.curvatures = [np.asarray(v) for v in run(*problem.args)]


class Autograd(System):
    name = "autograd"
    module = "autograd"

    space = Space(
        ["autograd.numpy", "autograd.scipy.special", "autograd.numpy.linalg"],
        {"sigmoid": "expit", "norm": "_none"},
    )

    def compute(self, problem: Problem, out: Results) -> None:
        from autograd import make_vjp

        def run(*args: Any) -> Any:
            return problem.formula(self.space, *args)

        def slope(i: int) -> Callable[..., Any]:
            return lambda *args: make_vjp(run, i)(*args)[0](weights)

        out.value = np.asarray(run(*problem.args))
        weights = _weights(problem, out.value)
        out.slopes = [np.asarray(slope(i)(*problem.args)) for i in problem.wrt]
        if problem.curved:
            for i in problem.wrt:
                back, first = make_vjp(slope(i), i)(*problem.args)
                out.curvatures.append(np.asarray(back(np.ones_like(first))))


naive, symgrad = Naive(), Symgrad()
PEERS: tuple[System, ...] = (Jax(), Torch(), PyTensor(), Autograd())


def installed() -> list[System]:
    """The peers that can be imported here."""
    return [p for p in PEERS if importlib.util.find_spec(p.module) is not None]
