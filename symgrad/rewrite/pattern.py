"""Patterns: left sides of rules, written in the language of the ops themselves.

Any op of the registry can be imported from this module by its name. On expressions it is the op's
public function; on placeholders it builds a pattern. So a rule reads alike on both sides::

    from symgrad.rewrite.pattern import log, sigmoid, softplus

    @rule("stability", lambda x: log(sigmoid(x)))
    def log_sigmoid(x):
        return -softplus(-x)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import symgrad.ops  # noqa: F401  (its names are the language)
from symgrad.ir.node import LITERAL, Expr
from symgrad.ir.op import FUNCTIONS, OPS, Op

__all__ = ["COMMUTATIVE", "NUMBER", "Capture", "Node", "Number", "Pattern", "Word", "trace"]

COMMUTATIVE = frozenset(
    {
        "add",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "equal",
        "hypot",
        "logaddexp",
        "logical_and",
        "logical_or",
        "logical_xor",
        "maximum",
        "minimum",
        "multiply",
        "not_equal",
    }
)

#: names in patterns that stand for many ops
_CLASSES = ("anything", "elementwise")

Bindings = dict[str, Any]
Keep = Collection[Expr]

#: as the default of a parameter of a pattern: it captures scalar numbers only
NUMBER = object()


def _infix(name: str, swap: bool = False) -> Callable[[Any, Any], Node]:
    def operator(self: Pattern, other: Any) -> Node:
        return Node.of(name, (other, self) if swap else (self, other))

    return operator


class Pattern:
    """What an expression may look like."""

    __slots__ = ()

    __add__, __radd__ = _infix("add"), _infix("add", swap=True)
    __sub__, __rsub__ = _infix("subtract"), _infix("subtract", swap=True)
    __mul__, __rmul__ = _infix("multiply"), _infix("multiply", swap=True)
    __truediv__, __rtruediv__ = _infix("divide"), _infix("divide", swap=True)
    __pow__, __rpow__ = _infix("power"), _infix("power", swap=True)
    __matmul__, __rmatmul__ = _infix("matmul"), _infix("matmul", swap=True)

    def __neg__(self) -> Node:
        return Node.of("negative", (self,))

    def may_match(self, op: Op) -> bool:
        """Whether a node of `op` can match at all: what the engine's index goes by."""
        return True

    def match(self, node: Expr, bound: Bindings, keep: Keep) -> bool:
        """Whether `node` matches, given and extending the bindings; `keep` are cut leaves."""
        raise NotImplementedError

    def orders(self) -> Sequence[Pattern]:
        """The pattern with the arguments of commutative ops in each order."""
        return [self]


@dataclass(frozen=True, slots=True)
class Capture(Pattern):
    """Matches any expression; the same name must match the same one everywhere.

    With `rest`, as the last argument of a node, it binds the tuple of all further arguments;
    with `number`, it matches scalar numeric literals only.
    """

    name: str
    rest: bool = False
    number: bool = False

    def may_match(self, op: Op) -> bool:
        return not self.number or op is LITERAL

    def match(self, node: Expr, bound: Bindings, keep: Keep) -> bool:
        if self.number and not _is_number(node):
            return False
        return bound.setdefault(self.name, node) is node

    def bind(self, value: Any, bound: Bindings) -> bool:
        """Bind the value of an attribute, or a tuple of arguments."""
        return bool(bound.setdefault(self.name, value) == value)

    def __str__(self) -> str:
        return f"*{self.name}" if self.rest else self.name


def _is_number(node: Expr) -> bool:
    return (
        node.op is LITERAL
        and not node.shape
        and node.dtype.kind != "b"
        and "name" not in node.attrs
    )


@dataclass(frozen=True, slots=True)
class Number(Pattern):
    """Matches a scalar literal of this value, of any dtype."""

    value: float

    def may_match(self, op: Op) -> bool:
        return op is LITERAL

    def match(self, node: Expr, bound: Bindings, keep: Keep) -> bool:
        return (
            node.op is LITERAL and not node.shape and bool(node.attrs["value"].array == self.value)
        )

    def __str__(self) -> str:
        return f"{self.value:g}"


_SYMBOLS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}


@dataclass(frozen=True, slots=True)
class Node(Pattern):
    """Matches a node of one op, with its arguments in the order that is given.

    ``elementwise`` stands for any elementwise op, ``anything`` for any op at all. Attributes
    that the pattern does not mention may have any value.
    """

    op: str
    args: tuple[Pattern, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(op: str, args: tuple[Any, ...], attrs: Mapping[str, Any] | None = None) -> Node:
        return Node(
            op,
            tuple([arg if isinstance(arg, Pattern) else Number(arg) for arg in args]),
            attrs or {},
        )

    def orders(self) -> list[Node]:
        found: list[Node] = []
        for args in product(*[arg.orders() for arg in self.args]):
            flipped = (args, args[::-1]) if self.op in COMMUTATIVE else (args,)
            for order in flipped:
                made = Node(self.op, order, self.attrs)
                if made not in found:
                    found.append(made)
        return found

    def may_match(self, op: Op) -> bool:
        return (
            op.name == self.op
            or self.op == "anything"
            or (self.op == "elementwise" and op.elementwise and op.name != "named")
        )

    def fits(self, op: Op, below: tuple[Op, ...]) -> bool:
        """Whether a node of `op` on arguments made by the ops `below` can match."""
        args = self.args
        if args and isinstance(args[-1], Capture) and args[-1].rest:
            args = args[:-1]
            below = below[: len(args)]
        return (
            self.may_match(op)
            and len(args) == len(below)
            and all([p.may_match(one) for p, one in zip(args, below, strict=True)])
        )

    def match(self, node: Expr, bound: Bindings, keep: Keep) -> bool:
        return self.may_match(node.op) and node not in keep and self.match_root(node, bound, keep)

    def match_root(self, node: Expr, bound: Bindings, keep: Keep) -> bool:
        """As `match`, for a node that is known to be of the op and no cut leaf."""
        for key, wanted in self.attrs.items():
            value = node.attrs[key]
            if isinstance(wanted, Capture):
                if not wanted.bind(value, bound):
                    return False
            elif value != wanted:
                return False
        args = node.args
        for i, pattern in enumerate(self.args):
            if isinstance(pattern, Capture) and pattern.rest:
                return pattern.bind(args[i:], bound)
            if i >= len(args) or not pattern.match(args[i], bound, keep):
                return False
            if isinstance(pattern, Number) and not _leaves_dtype(args[i], node):
                return False
        return len(args) == len(self.args)

    def matched(self, node: Expr) -> list[tuple[Node, Expr]]:
        """Each node of the pattern with what it stands for in `node`, which matches."""
        found = [(self, node)]
        for pattern, arg in zip(self.args, node.args, strict=False):
            if isinstance(pattern, Node):
                found += pattern.matched(arg)
        return found

    def __str__(self) -> str:
        if self.op in _SYMBOLS:
            left, right = [f"({a})" if _is_sum(a) else str(a) for a in self.args]
            return f"{left} {_SYMBOLS[self.op]} {right}"
        parts = [str(arg) for arg in self.args]
        if self.op == "negative":
            return f"-({parts[0]})" if _is_sum(self.args[0]) else f"-{parts[0]}"
        return f"{self.op}({', '.join([*parts, *(f'{k}={v}' for k, v in self.attrs.items())])})"


def _is_sum(pattern: Pattern) -> bool:
    return isinstance(pattern, Node) and pattern.op in _SYMBOLS


def _leaves_dtype(number: Expr, node: Expr) -> bool:
    """Whether a literal takes no part in the dtype of `node`, so that it can be taken away."""
    if node.dtype.kind == "b":
        return True
    others = [arg.dtype for arg in node.args if arg is not number]
    return node.dtype in others and all([d == node.dtype or d.kind == "b" for d in others])


@dataclass(frozen=True, slots=True)
class Word:
    """An op in the language of rules: a pattern on patterns, the op itself on expressions."""

    name: str

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        if any([isinstance(arg, Pattern) for arg in (*args, *attrs.values())]):
            return Node.of(self.name, args, attrs)
        return FUNCTIONS[self.name](*args, **attrs)


def trace(pattern: Callable[..., Any]) -> Node:
    """Run the left side of a rule once, on placeholders named as its parameters.

    Examples
    --------
    >>> print(trace(lambda x: 1 / (1 + Word("exp")(-x))))
    1 / (1 + exp(-x))
    """
    args: list[Capture] = []
    kwargs: dict[str, Capture] = {}
    for name, parameter in inspect.signature(pattern).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            kwargs[name] = Capture(name)
        else:
            rest = parameter.kind is inspect.Parameter.VAR_POSITIONAL
            args.append(Capture(name, rest, number=parameter.default is NUMBER))
    traced = pattern(*args, **kwargs)
    if not isinstance(traced, Node):
        raise TypeError(f"the left side of a rule must be an operation; got {traced!r}")
    return traced


def __getattr__(name: str) -> Any:
    if name not in OPS and name not in FUNCTIONS and name not in _CLASSES:
        raise AttributeError(f"there is no op called {name}")
    return Word(name)
