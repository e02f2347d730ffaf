"""Names and expressions in LaTeX, with the parentheses that they need and no others."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from symgrad.ir.code import Code
from symgrad.ir.node import LITERAL, SIZE, Expr
from symgrad.ops.draws import Draw
from symgrad.ops.index import node_subscript
from symgrad.viz.formula import number
from symgrad.viz.outline import printable

__all__ = ["ATOM", "BIG", "SYMBOL", "at", "name_latex", "plain", "write"]

# How tightly a piece of mathematics binds: a big operator takes all that follows it, and
# the elementwise product is looser than the product of matrices, which it does not commute with.
BIG, COMPARE, SUM, ELEMENTWISE, PRODUCT, PREFIX, ATOM, SYMBOL = range(8)

_GREEK = re.compile(
    r"alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau"
    r"|upsilon|phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
)
_ESCAPES = {
    "\\": r"\backslash{}", "^": r"\wedge{}", "~": r"\sim{}", " ": r"\ ", "'": r"{\prime}",
    '"': r"{\prime\prime}", "-": "{-}", "`": "{\\prime}",
    **{c: f"\\{c}" for c in "_#$%&{}"},
}  # fmt: skip

#: op -> its own level, and those that its operands must have at least
_LEVELS: dict[str, tuple[int, tuple[int, ...]]] = {
    "add": (SUM, (SUM, SUM)),
    "subtract": (SUM, (SUM, ELEMENTWISE)),
    "multiply": (PRODUCT, (PRODUCT, PRODUCT)),
    "matmul": (PRODUCT, (PRODUCT, PRODUCT)),
    "remainder": (PRODUCT, (ATOM, ATOM)),
    "negative": (SUM, (ELEMENTWISE,)),
    "divide": (ATOM, (BIG, BIG)),
    "floor_divide": (ATOM, (BIG, BIG)),
    "exp": (ATOM, (BIG,)),
    "exp2": (ATOM, (BIG,)),
    "expm1": (SUM, (BIG,)),
    "log1p": (ATOM, (ELEMENTWISE,)),
    "square": (ATOM, (SYMBOL,)),
    "power": (ATOM, (SYMBOL, BIG)),
    "logaddexp": (ATOM, (BIG, BIG)),
    "hypot": (ATOM, (SYMBOL, SYMBOL)),
    **{
        op: (COMPARE, (SUM, SUM))
        for op in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
    },
}
_TRANSPARENT = ("broadcast_to", "expand_dims", "squeeze", "named", "reshape")


def plain(text: str) -> str:
    """User text in upright letters; nothing in it is taken for a command."""
    shown = "".join([_ESCAPES.get(c, c) for c in printable(text)])
    return rf"\mathrm{{{shown}}}" if shown.isascii() else rf"\text{{{shown}}}"


def name_latex(name: str) -> str:
    r"""A name as a symbol, its scope and what follows an underscore as subscript.

    Examples
    --------
    >>> name_latex("hidden.W"), name_latex("h1"), name_latex("sigma")
    ('W_{\\mathrm{hidden}}', 'h_{1}', '\\sigma')
    """
    scope, _, last = printable(name, 80).rpartition(".")
    base, *below = [part for part in last.split("_") if part] or [last]
    digits = re.fullmatch(r"([A-Za-z]+?)(\d+)", base)
    if digits:
        base, below = digits[1], [digits[2], *below]
    if _GREEK.fullmatch(base):
        symbol = rf"\{base}"
    else:
        symbol = base if re.fullmatch(r"[A-Za-z]", base) else plain(base)
    parts = [p if re.fullmatch(r"\d+|[A-Za-z]", p) else plain(p) for p in below]
    parts += [plain(scope)] if scope else []
    return f"{symbol}_{{{', '.join(parts)}}}" if parts else symbol


def write(node: Expr, args: list[Code], alone: bool = True) -> Code:
    """The equation of a node whose arguments are typeset, by the op's own `latex`."""
    op = node.op
    if op is LITERAL:
        return _literal(node)
    if op is SIZE:
        return Code(node.attrs["size"].latex(), SUM)
    if not node.args and op.identity:
        return Code(_guarded(op.latex(node)) if isinstance(op, Draw) else plain(op.name), ATOM)
    if op.name in _TRANSPARENT:
        return args[0]
    if op.name == "transpose" and node.attrs["axes"] == (1, 0):
        return Code(rf"{at(args[0], SYMBOL)}^\top", ATOM)
    if op.name == "getitem":
        base = at(args[0], SYMBOL)
        base = f"{{{base}}}" if "_" in base and args[0].precedence == SYMBOL else base
        return Code(f"{base}{_subscript(node, args[1:])}", ATOM)
    if op.name.startswith("scatter_"):
        arrow = {"add": r"\mathrel{+}=", "set": "="}.get(op.name[8:], rf"\{op.name[8:]}=")
        place = _subscript(node, args[1:-1])
        return Code(rf"\left({args[0].text}\right)_{{{place[2:-1]} {arrow} {args[-1].text}}}", ATOM)
    if op.name == "multiply" and all([arg.ndim for arg in node.args]):
        return Code(rf"{at(args[0], ELEMENTWISE)} \odot {at(args[1], ELEMENTWISE)}", ELEMENTWISE)
    if op.name == "multiply" and node.args[1].op is LITERAL:  # numbers stand in front
        args = args[::-1]
    level, needs = _LEVELS.get(op.name, (-1, ()))
    if level < 0:
        needs = _needs(node)
    operands = [at(arg, need) for arg, need in zip(args, needs, strict=True)]
    text = _guarded(op.latex(node, *operands))
    return Code(text, level if level >= 0 else _level(text))


def at(code: Code, level: int) -> str:
    """The text as an operand in a place that binds as tightly as `level`."""
    if code.precedence >= level:
        return code.text
    return rf"\left({code.text}\right)"


def _needs(node: Expr) -> tuple[int, ...]:
    """What an op without an entry asks of its operands, by where its template puts them."""
    probes = [f"Q{chr(97 + i % 26) * (1 + i // 26)}Q" for i in range(len(node.args))]
    text = node.op.latex(node, *probes)
    needs = []
    for probe in probes:
        before, _, after = text.partition(probe)
        opened = before.rstrip().endswith(("(", "{", "|", ",", "[", r"\lVert", "&", r"\\"))
        closed = re.match(r"\s*(\}(?![\^_])|\\right|,|&|\\\\|\\end)", after)
        inside = opened and closed
        needs.append(BIG if inside else SYMBOL if after.startswith(("^", "}^", "_")) else ATOM)
    return tuple(needs)


def _level(text: str) -> int:
    """How tightly the equation of an op without an entry binds, by its looks."""
    if re.match(r"\\(frac|sqrt)", text) or text.startswith((r"\begin", r"\lVert", r"\lfloor")):
        return ATOM
    if re.match(r"\\(sum|prod|bigvee|bigwedge)", text):
        return BIG
    head = re.match(r"(\\(operatorname\*?)\{[^{}]*\}|\\[A-Za-z]+)?\s*(_\{[^{}]*\})?\s*\\left", text)
    if head and _closes_at_end(text[head.end() - 5 :]):
        return ATOM
    if re.match(r"\\(operatorname|log|sin|cos|tan|arc|max|min|sinh|cosh)", text):
        return PREFIX
    return BIG if re.search(r"[-+=<>&]|\\(le|ge|ne|wedge|vee|oplus|bmod)\b", text) else PREFIX


def _closes_at_end(text: str) -> bool:
    """Whether the first ``\\left`` is closed by the last ``\\right``."""
    depth = 0
    for found in re.finditer(r"\\(left|right)(?![a-z])", text):
        depth += 1 if found[1] == "left" else -1
        if depth == 0:
            return len(text) - found.end() <= len(r"\rVert")
    return False


def _guarded(text: str) -> str:
    r"""``\operatorname{a_b}`` has an underscore that stands for itself."""
    return re.sub(
        r"\\operatorname(\*?)\{([^{}]*)\}",
        lambda m: rf"\operatorname{m[1]}{{{m[2].replace('_', ' ').replace(' ', chr(92) + ' ')}}}",
        text,
    )


def _subscript(node: Expr, arrays: list[Code]) -> str:
    """``_{i, 0:3}``, from the index as NumPy writes it."""
    inside = node_subscript(node, [Code(f"@{i}@") for i in range(len(arrays))])
    parts = []
    for i, part in enumerate(inside.split("@")):
        if i % 2:
            parts.append(arrays[int(part)].text)
        else:
            part = part.replace("...", r"\dots").replace("**", "^").replace("*", r"\,")
            parts.append(re.sub(r"[A-Za-z]\w+", lambda m: _word(m[0]), part).replace("%", r"\%"))
    return f"_{{{''.join(parts)}}}"


def _word(word: str) -> str:
    return word if word == "dots" else plain(word)


def _literal(node: Expr) -> Code:
    array = node.attrs["value"].array
    if array.size > 4:
        return Code(r"\mathrm{const}", ATOM)
    if array.shape:
        inner = ", ".join([_number(v).text for v in array.ravel()])
        return Code(rf"\left[{inner}\right]", ATOM)
    return _number(array[()])


def _complex(value: np.complexfloating[Any, Any]) -> Code:
    real, imag = _number(value.real), _number(abs(value.imag))
    if not value.imag:
        return real
    turned = "i" if abs(value.imag) == 1 else rf"{imag.text} \, i"
    if not value.real:
        return Code(f"-{turned}", SUM) if value.imag < 0 else Code(turned, PRODUCT)
    return Code(f"{real.text} {'-' if value.imag < 0 else '+'} {turned}", SUM)


def _number(value: object) -> Code:
    if isinstance(value, np.complexfloating):
        return _complex(value)
    text = number(value)
    mantissa, e, exponent = text.partition("e")
    if e and exponent.lstrip("+-").isdigit():
        text = rf"{mantissa} \cdot 10^{{{int(exponent)}}}".removeprefix(r"1 \cdot ")
        return Code(text, SUM if text.startswith("-") else PRODUCT)
    if text.lstrip("-") in ("inf", "nan"):
        text = text.replace("inf", r"\infty").replace("nan", r"\mathrm{nan}")
    elif text in ("True", "False"):
        text = rf"\mathrm{{{text}}}"
    return Code(text, SUM if text.startswith("-") else ATOM)
