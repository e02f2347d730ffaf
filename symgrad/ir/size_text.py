"""Text of symbolic sizes: Python source and LaTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgrad.ir.polynomial import Monomial, Operation, Term, add, of_atom, scale, sole_operation

if TYPE_CHECKING:
    from symgrad.ir.size import Size

__all__ = ["ATOM", "LATEX", "PYTHON", "joined", "render"]

SUM, PRODUCT, QUOTIENT, ATOM = range(4)  # precedences


class _Printer:
    """Prints Python source."""

    def symbol(self, name: str) -> str:
        return name

    def power(self, base: str, exponent: int) -> str:
        return f"{base}**{exponent}"

    def product(self, factors: list[str]) -> str:
        return "*".join(factors)

    def parenthesised(self, text: str) -> str:
        return f"({text})"

    def extremum(self, name: str, a: str, b: str) -> str:
        return f"{name}({a}, {b})"

    def operation(self, atom: Operation) -> tuple[str, int]:
        left, precedence = self.render(atom.left)
        if atom.op == "ramp":
            return self.extremum("max", left, "0"), ATOM
        if precedence in (SUM, QUOTIENT):
            left = self.parenthesised(left)
        right, precedence = self.render(atom.right)
        if precedence != ATOM:
            right = self.parenthesised(right)
        return f"{left}{atom.op}{right}", QUOTIENT

    def render(self, size: Size) -> tuple[str, int]:
        """Text and precedence."""
        if isinstance(size, int):
            return str(size), ATOM if size >= 0 else PRODUCT
        plain = self.sum(size._terms)
        for monomial, coefficient in size._terms:
            atom = sole_operation(monomial)
            if atom is not None and atom.op == "ramp" and abs(coefficient) == 1:
                # rest +- max(p, 0) is also the max or min of two sizes: the shorter is printed
                rest = add(size, scale(of_atom(atom), -coefficient))
                sides = [add(rest, scale(atom.left, coefficient)), rest]
                sides.sort(key=lambda side: isinstance(side, int))  # a constant goes last
                name = "max" if coefficient > 0 else "min"
                folded = self.extremum(name, *(self.render(side)[0] for side in sides))
                return (folded, ATOM) if len(folded) < len(plain[0]) else plain
        return plain

    def sum(self, terms: tuple[Term, ...]) -> tuple[str, int]:
        # A positive term goes first where there is one: 3 - T, not -T + 3.
        first = next((i for i, (_, c) in enumerate(terms) if c > 0), 0)
        text, precedence = self.term(*terms[first])
        if terms[first][1] < 0:
            text = f"-{self.parenthesised(text) if precedence == QUOTIENT else text}"
            precedence = PRODUCT
        for monomial, coefficient in terms[:first] + terms[first + 1 :]:
            text += f" {'+' if coefficient > 0 else '-'} {self.term(monomial, coefficient)[0]}"
            precedence = SUM
        return text, precedence

    def term(self, monomial: Monomial, coefficient: int) -> tuple[str, int]:
        """A term without its sign."""
        magnitude = abs(coefficient)
        if not monomial:
            return str(magnitude), ATOM
        atom = sole_operation(monomial)
        if atom is not None and magnitude == 1:
            return self.operation(atom)
        factors = [str(magnitude)] if magnitude != 1 else []
        for base, exponent in monomial:
            if isinstance(base, str):
                text = self.symbol(base)
            else:
                text, precedence = self.operation(base)
                text = self.parenthesised(text) if precedence == QUOTIENT else text
            factors.append(text if exponent == 1 else self.power(text, exponent))
        simple = len(factors) == 1 and monomial[0][1] == 1
        return self.product(factors), ATOM if simple else PRODUCT


class _LatexPrinter(_Printer):
    """Prints LaTeX."""

    def symbol(self, name: str) -> str:
        escaped = name.replace("_", r"\_")
        return name if len(name) == 1 and name != "_" else rf"\mathrm{{{escaped}}}"

    def power(self, base: str, exponent: int) -> str:
        return f"{base}^{{{exponent}}}"

    def product(self, factors: list[str]) -> str:
        return r" \, ".join(factors)

    def parenthesised(self, text: str) -> str:
        return rf"\left({text}\right)"

    def extremum(self, name: str, a: str, b: str) -> str:
        return rf"\{name}\left({a}, {b}\right)"

    def operation(self, atom: Operation) -> tuple[str, int]:
        left, precedence = self.render(atom.left)
        if atom.op == "//":
            right = self.render(atom.right)[0]
            return rf"\left\lfloor \frac{{{left}}}{{{right}}} \right\rfloor", ATOM
        if atom.op == "%":
            right, right_precedence = self.render(atom.right)
            left = left if precedence == ATOM else self.parenthesised(left)
            right = right if right_precedence == ATOM else self.parenthesised(right)
            return rf"{left} \bmod {right}", QUOTIENT
        return super().operation(atom)


PYTHON = _Printer()
LATEX = _LatexPrinter()


def render(size: Size) -> tuple[str, int]:
    """Python source of a size and its precedence, kept with the size."""
    if isinstance(size, int):
        return PYTHON.render(size)
    if size._rendered is None:
        object.__setattr__(size, "_rendered", PYTHON.render(size))
    assert size._rendered is not None
    return size._rendered


def joined(value: str, size: Size) -> str:
    """Source of ``value + size``; `value` may begin with a minus."""
    if size == 0:
        return value
    text = render(size)[0]
    if value.startswith("-") and not text.startswith("-"):
        return f"{text} - {value[1:]}"
    return f"{value} - {text[1:]}" if text.startswith("-") else f"{value} + {text}"
