"""The registry: an operation is one object that holds all that is known of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from symgrad.errors import DTypeError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code

if TYPE_CHECKING:
    from symgrad.ir.node import Expr

__all__ = [
    "EXAMPLES",
    "FUNCTIONS",
    "NAMESPACES",
    "OPS",
    "Example",
    "Op",
    "function",
    "public",
    "register",
]


@dataclass(frozen=True)
class Example:
    """Arguments that an op is tested on, and an independent oracle for its value.

    Parameters
    ----------
    build : callable
        Expressions, one per shape, -> expression.
    reference : callable
        Arrays -> array, written without symgrad (NumPy, SciPy, ``math``).
    shapes : tuple of shapes
        One per argument; static.
    domain : tuple of (low, high), or None
        Where the arguments are drawn from, one pair for each; (-2, 2) by default. Functions
        with kinks are given a domain, or `away` from them.
    dtypes : tuple of str, or None
        ``"float64"`` by default; integer and boolean arguments are drawn within the domain.
    away : tuple of float
        Points that drawn values keep 0.05 away from: kinks, where finite differences fail.
    smooth : bool
        False where there is no second derivative to be tested, or no derivative at all.
    """

    build: Callable[..., Any]
    reference: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    domain: tuple[tuple[float, float], ...] | None = None
    dtypes: tuple[str, ...] | None = None
    away: tuple[float, ...] = ()
    smooth: bool = True


class Op:
    """One operation: shape, dtype, derivative, batching, emission, LaTeX and examples.

    A subclass overrides what applies, and :func:`register` makes its one instance. An op is
    either differentiable by `vjp` and `jvp`, or a composition with `lower`, whose derivatives
    and batching may then be those of its parts.
    """

    name: ClassVar[str]
    #: value i of the result depends on value i (after broadcasting) of the arguments alone
    elementwise: ClassVar[bool] = False
    #: the result is the first argument with something written into it: see `update`
    updates: ClassVar[bool] = False
    #: each call of the constructor makes a new node: inputs, parameters, states, draws
    identity: ClassVar[bool] = False
    #: a formula of the user's: stabilisation looks through it
    transparent: ClassVar[bool] = False
    #: never recomputed to save memory: matrix products, loops, draws
    expensive: ClassVar[bool] = False
    #: a view that several elements of which may be one in memory: nothing is written into it
    read_only: ClassVar[bool] = False
    #: defined for complex arguments, with derivatives that are right for them: see
    #: `symgrad.ops.complex`; of all other ops they are refused
    takes_complex: ClassVar[bool] = False
    #: of an op that gives several arrays: a name for each, as a person would call it in source
    parts: ClassVar[tuple[str, ...]] = ()
    #: examples for the generated tests
    examples: tuple[Example, ...] = ()

    def aval(self, *args: Any, **attrs: Any) -> Aval:
        """Shape and dtype of the result; raises ShapeError or DTypeError with the detail."""
        raise NotImplementedError(self.name)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        """Cotangents of the arguments, each of the argument's own shape; None is zero.

        `needs` says which are wanted; the others may be None. For an op that gives several
        arrays, `ct` is a tuple with one cotangent for each, and None for zero.
        """
        raise DTypeError(f"{self.name} has no derivative")

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        """The tangent of the result; a tangent of None is zero.

        For an op that gives several arrays: a tuple with the tangent of each.
        """
        raise NotImplementedError(self.name)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        """The op on arguments of which some have one more axis, in front; so has the result."""
        raise NotImplementedError(self.name)

    def batched_item(self, whole: Expr, item: Expr) -> tuple[Expr, bool]:
        """What became of an item of a node when that was batched to `whole`; is it batched?"""
        return item.op.batch(item, (whole,), (True,)), True

    def lower(self, node: Expr) -> Expr:
        """The op as a composition of primitives. Only for ops that are compositions."""
        raise NotImplementedError(self.name)

    def alone(self, node: Expr, index: int) -> Expr | None:
        """For an op that gives several arrays: one of them, where nobody wants the others."""
        return None

    @property
    def composite(self) -> bool:
        """Whether the op is a composition, expanded before planning."""
        return type(self).lower is not Op.lower

    @property
    def has_derivative(self) -> bool:
        """Whether the op has derivatives of its own, rather than those of its parts."""
        return type(self).vjp is not Op.vjp

    def part_name(self, node: Expr, index: int) -> str:
        """What one of several arrays is called."""
        return self.parts[index]

    def numpy(self, node: Expr, *args: Code) -> Code:
        """The NumPy source of the op."""
        raise NotImplementedError(self.name)

    def is_view(self, node: Expr) -> bool:
        """Whether the result shares, or may share, the memory of the first argument."""
        return False

    def update(self, node: Expr, target: str, *args: Code) -> str:
        """For ops that update: the statement that writes into the buffer `target`.

        `target` holds the value of the first argument, and afterwards that of the node.
        """
        raise NotImplementedError(self.name)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        """Functions that the source calls, copied into it."""
        return ()

    def prelude_of(self, node: Expr) -> tuple[Callable[..., Any], ...]:
        """Those of the prelude that the source of this node calls; all, unless an op says so."""
        return self.prelude()

    def imports(self) -> tuple[str, ...]:
        """Statements that the source needs besides ``import numpy as np``.

        ``"from scipy import special"``: what is imported is an optional dependency, loaded when
        the source runs, and no name of the user's takes its place.
        """
        return ()

    def latex(self, node: Expr, *args: str) -> str:
        """The op in an equation; `args` are typeset already."""
        inner = ", ".join(args)
        return rf"\operatorname{{{self.name.replace('_', ' ')}}}\left({inner}\right)"

    def flops(self, node: Expr) -> int:
        """Floating point operations for each element of the result."""
        return 1

    def __reduce__(self) -> tuple[Any, ...]:
        return _lookup, (self.name,)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


#: name -> op
OPS: dict[str, Op] = {}
#: name -> public function: what operators, methods, NumPy dispatch and ``sg.<name>`` call
FUNCTIONS: dict[str, Callable[..., Any]] = {}
#: "linalg", "fft", "special", ... -> its functions: ``np.linalg.<name>``, ``sg.linalg.<name>``
NAMESPACES: dict[str, dict[str, Callable[..., Any]]] = {}
#: name of a public function that is a composition of ops -> what it is tested on
EXAMPLES: dict[str, tuple[Example, ...]] = {}

OpT = TypeVar("OpT", bound=Op)
F = TypeVar("F", bound=Callable[..., Any])


def _lookup(name: str) -> Op:
    return OPS[name]


def register(op: type[OpT]) -> OpT:
    """Class decorator: make the op's one instance and enter it in the registry."""
    made = op()
    return register_instance(made)


def register_instance(op: OpT) -> OpT:
    if op.name in OPS:
        raise ValueError(f"an op named {op.name} exists already")
    OPS[op.name] = op
    return op


def function(fn: F) -> F:
    """Enter a public function: it becomes ``sg.<name>``, and a method or operator may call it."""
    FUNCTIONS[fn.__name__] = fn
    return fn


def public(
    *, examples: Sequence[Example] = (), namespace: str | None = None, name: str | None = None
) -> Callable[[F], F]:
    """Enter a public function, as :func:`function` does, with more to say of it.

    Parameters
    ----------
    examples : sequence of Example
        For a function that is a composition: from them the suite makes its tests. Those of a
        function with an op of its own stand at the op.
    namespace : str, optional
        ``"linalg"``: it becomes ``sg.linalg.<name>`` too, and NumPy's function of that module and
        name calls it.
    name : str, optional
        The name in its namespace, of a function that NumPy has elsewhere with another meaning
        (``np.trace``, ``np.linalg.trace``): it is in its namespace alone then.
    """

    def enter(fn: F) -> F:
        if namespace is not None:
            NAMESPACES.setdefault(namespace, {})[name or fn.__name__] = fn
        if name is None:
            FUNCTIONS[fn.__name__] = fn
        if examples:
            EXAMPLES[f"{namespace}.{name}" if name else fn.__name__] = tuple(examples)
        return fn

    return enter
