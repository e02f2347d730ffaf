"""A piece of Python source that knows how tightly it binds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ADD", "ATOM", "COMPARE", "MUL", "NONE", "POWER", "UNARY", "Code"]

# precedence levels of Python's grammar, loosest first
NONE, OR, AND, NOT, COMPARE, BITOR, BITXOR, BITAND, SHIFT, ADD, MUL, UNARY, POWER, ATOM = range(14)

#: infix operators whose operands may change places
_COMMUTATIVE = frozenset("+*&|^")

_INFIX = {
    "+": (ADD, "np.add"),
    "-": (ADD, "np.subtract"),
    "*": (MUL, "np.multiply"),
    "/": (MUL, "np.divide"),
    "//": (MUL, "np.floor_divide"),
    "%": (MUL, "np.remainder"),
    "@": (MUL, "np.matmul"),
    "**": (POWER, "np.power"),
    "&": (BITAND, "np.bitwise_and"),
    "|": (BITOR, "np.bitwise_or"),
    "^": (BITXOR, "np.bitwise_xor"),
    "<<": (SHIFT, "np.left_shift"),
    ">>": (SHIFT, "np.right_shift"),
    "<": (COMPARE, "np.less"),
    "<=": (COMPARE, "np.less_equal"),
    ">": (COMPARE, "np.greater"),
    ">=": (COMPARE, "np.greater_equal"),
    "==": (COMPARE, "np.equal"),
    "!=": (COMPARE, "np.not_equal"),
}


@dataclass(frozen=True, slots=True)
class Code:
    """Source text, its precedence, and, where NumPy can write into a buffer, the call for it.

    Examples
    --------
    >>> x, y = Code("x"), Code("y")
    >>> product = Code.infix("*", Code.infix("+", x, y), y)
    >>> product.text
    '(x + y) * y'
    >>> product.into("out")
    'np.multiply(x + y, y, out=out)'
    """

    text: str
    precedence: int = ATOM
    #: function and arguments of the same value as a call that takes ``out=``
    call_into: tuple[str, tuple[str, ...]] | None = None
    #: for an infix operator: symbol and right operand, for an augmented assignment
    augmented: tuple[str, str, str] | None = None

    def at(self, precedence: int) -> str:
        """The text as an operand in a place that binds as tightly as `precedence`."""
        return f"({self.text})" if self.precedence < precedence else self.text

    def into(self, out: str) -> str | None:
        """The call that writes into the buffer `out`, or None if there is none."""
        if self.call_into is None:
            return None
        name, args = self.call_into
        return f"{name}({', '.join((*args, f'out={out}'))})"

    def onto(self, name: str) -> tuple[str, str] | None:
        """Symbol and other operand of the augmented assignment that has the value in `name`.

        Examples
        --------
        >>> Code.infix("*", Code("2 / n"), Code("x")).onto("x")
        ('*', '2 / n')
        """
        if self.augmented is None:
            return None
        symbol, left, right = self.augmented
        if left == name:
            return symbol, right
        return (symbol, left) if right == name and symbol in _COMMUTATIVE else None

    @staticmethod
    def infix(symbol: str, left: Code, right: Code) -> Code:
        """``left symbol right`` with the parentheses that it needs, and no others."""
        level, ufunc = _INFIX[symbol]
        if symbol == "**":
            text = f"{left.at(ATOM)} ** {right.at(UNARY)}"
        elif level == COMPARE:  # comparisons chain in Python: operands must bind tighter
            text = f"{left.at(BITOR)} {symbol} {right.at(BITOR)}"
            return Code(text, level, (ufunc, (left.text, right.text)))
        else:
            text = f"{left.at(level)} {symbol} {right.at(level + 1)}"
        return Code(text, level, (ufunc, (left.text, right.text)), (symbol, left.text, right.text))

    @staticmethod
    def prefix(symbol: str, operand: Code) -> Code:
        """``-x`` or ``~x``."""
        ufunc = {"-": "np.negative", "~": "np.invert", "+": "np.positive"}[symbol]
        return Code(f"{symbol}{operand.at(UNARY)}", UNARY, (ufunc, (operand.text,)))

    @staticmethod
    def call(name: str, *args: Code | str, out: bool = False, **kwargs: object) -> Code:
        """``name(args, key=value)``; `out` says that the callee takes ``out=``."""
        texts = [arg.text if isinstance(arg, Code) else arg for arg in args]
        texts += [f"{key}={value}" for key, value in kwargs.items()]
        return Code(f"{name}({', '.join(texts)})", ATOM, (name, tuple(texts)) if out else None)

    @staticmethod
    def method(
        operand: Code, name: str, *args: Code | str, out: bool = False, **kwargs: object
    ) -> Code:
        """``operand.name(args, key=value)``."""
        return Code.call(f"{operand.at(ATOM)}.{name}", *args, out=out, **kwargs)

    @staticmethod
    def attribute(operand: Code, name: str) -> Code:
        """``operand.name``."""
        return Code(f"{operand.at(ATOM)}.{name}")

    @staticmethod
    def subscript(operand: Code, index: str) -> Code:
        """``operand[index]``."""
        return Code(f"{operand.at(ATOM)}[{index}]")
