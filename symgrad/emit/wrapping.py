"""Long statements in lines of a readable length."""

from __future__ import annotations

from itertools import pairwise

__all__ = ["filled", "split"]


def filled(parts: list[str], width: int) -> list[str]:
    """Pieces joined into lines of at most `width`."""
    lines: list[str] = []
    short: list[str] = []
    for part in parts:  # what is still too long is broken after any comma, but in no string
        if len(part) > width:
            short += _after_commas(part)
        else:
            short.append(part)
    for part in short:
        if lines and len(lines[-1]) + 1 + len(part) <= width:
            lines[-1] += " " + part
        else:
            lines.append(part)
    return lines


def _after_commas(text: str) -> list[str]:
    """Broken after each comma that is in no string."""
    pieces, start, quote = [], 0, ""
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[i - 1] != "\\" else quote
        elif char in "\"'":
            quote = char
        elif text.startswith(", ", i):
            pieces.append(text[start : i + 1])
            start = i + 2
    return [*pieces, text[start:]]


def split(text: str) -> list[str]:
    """A long expression in pieces: the arguments of its outermost call, or its terms."""
    depth = 0
    terms: list[str] = []
    start = 0
    quote = ""
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif depth == 0 and char in "+-@*/" and text[i - 1] == " " and text[i + 1] == " ":
            terms.append(text[start:i].strip())
            start = i
    if terms:
        return [*terms, text[start:].strip()]
    opening, closing, commas = _longest_call(text)
    if closing < 0:
        return [text]
    head, tail = text[: opening + 1], text[closing:]
    edges = [opening, *commas, closing]
    inner = [text[i + 1 : j + 1].strip() for i, j in pairwise(edges)]
    inner[-1] = inner[-1].removesuffix(")")
    if len(inner) < 2:  # f(g(a, b)) is broken where g is
        if inner[0].startswith("[") and inner[0].endswith("]"):  # np.array([a, b])
            items = split(f"({inner[0][1:-1]})")
            return [f"{head}[", *items[1:-1], f"]{tail}"] if len(items) > 3 else [text]
        within = split(inner[0])
        if opening == 0 and len(within) > 1:  # (a @ b).reshape(-1)
            return [head, *within, tail]
        if len(within) < 2 or not within[0].endswith("("):
            return [text]
        return [head + within[0], *within[1:-1], within[-1] + tail]
    return [head, *inner, tail]


def _longest_call(text: str) -> tuple[int, int, list[int]]:
    """Where the longest pair of outermost parentheses is, and the commas between them.

    What follows it is part of the last line: ``f(a, b)[:, 1:]``, ``f(a, b).T``.
    """
    found: tuple[int, int, list[int]] = (-1, -1, [])
    depth, opening, quote = 0, -1, ""
    commas: list[int] = []
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            if depth == 0:
                opening, commas = (i if char == "(" else -1), []
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth == 0 and opening >= 0 and i - opening > found[1] - found[0]:
                found = (opening, i, commas)
        elif depth == 1 and char == ",":
            commas.append(i)
    return found if depth == 0 else (-1, -1, [])
