"""Formulas respelled at random by identities of algebra: what no author of a rule had in mind."""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable
from typing import Any

__all__ = ["FAMILIES", "OF_ROWS", "ROW_FAMILIES", "build", "respelled", "shown"]

#: ("x",), ("number", v), or (function, term, ...)
Term = tuple[Any, ...]

X: Term = ("x",)


def n(value: float) -> Term:
    return ("number", value)


def add(a: Term, b: Term) -> Term:
    return ("add", a, b)


def sub(a: Term, b: Term) -> Term:
    return ("subtract", a, b)


def mul(a: Term, b: Term) -> Term:
    return ("multiply", a, b)


def div(a: Term, b: Term) -> Term:
    return ("divide", a, b)


def f(name: str, a: Term) -> Term:
    return (name, a)


E: Term = f("exp", X)
MINUS: Term = f("negative", X)
EM: Term = f("exp", MINUS)

#: name -> formula; each of a family whose naive form fails somewhere
FAMILIES: dict[str, Term] = {
    "sigmoid": div(n(1), add(n(1), EM)),
    "complement of a sigmoid": sub(n(1), div(E, add(n(1), E))),
    "softplus": f("log", add(n(1), E)),
    "log-sigmoid": f("log", div(n(1), add(n(1), EM))),
    "tanh": div(sub(E, EM), add(E, EM)),
    "sech^2": div(n(4), f("square", add(E, EM))),
    "expm1": sub(E, n(1)),
    "log1p": f("log", add(n(1), X)),
    "log1mexp": f("log", sub(n(1), f("exp", f("negative", f("square", X))))),
    "Bose": div(X, sub(E, n(1))),
    "Einstein": div(mul(f("square", X), E), f("square", sub(E, n(1)))),
    "Langevin": sub(div(add(E, EM), sub(E, EM)), div(n(1), X)),
    "log cosh": f("log", div(add(E, EM), n(2))),
    "sinc": div(f("sin", X), X),
    "versine": div(sub(n(1), f("cos", X)), f("square", X)),
    "root less its base": sub(f("sqrt", add(f("square", X), n(1))), X),
    "root less one": sub(f("sqrt", add(f("square", X), n(1))), n(1)),
    "x less log1p": sub(X, f("log", add(n(1), X))),
    "difference of reciprocals": sub(div(n(1), X), div(n(1), add(X, n(1)))),
    "complement of erf": sub(n(1), f("erf", X)),
    "logistic density": div(EM, f("square", add(n(1), EM))),
    "quotient of sums": div(add(E, n(1)), add(E, n(2))),
}

#: functions along an axis, which they keep
OF_ROWS = ("sum", "mean", "max")
#: the length of the axis
LENGTH = 4


def total(a: Term) -> Term:
    return ("sum", a)


def mean(a: Term) -> Term:
    return ("mean", a)


P: Term = div(E, total(E))
CENTRED: Term = sub(X, mean(X))

#: name -> formula of rows; what is reduced keeps its axis
ROW_FAMILIES: dict[str, Term] = {
    "logsumexp": f("log", total(E)),
    "logsumexp of minus": f("log", total(EM)),
    "log-mean-exp": f("log", mean(E)),
    "log of one and more": f("log", add(n(1), total(E))),
    "softmax": P,
    "softmin": div(EM, total(EM)),
    "log-softmax": f("log", P),
    "log-softmin": f("log", div(EM, total(EM))),
    "norm": f("sqrt", total(f("square", X))),
    "root of mean square": f("sqrt", mean(f("square", X))),
    "direction": div(X, f("sqrt", total(f("square", X)))),
    "variance": sub(mean(f("square", X)), f("square", mean(X))),
    "spread": f("sqrt", mean(f("square", CENTRED))),
    "standardised": div(CENTRED, f("sqrt", mean(f("square", CENTRED)))),
}

Rule = Callable[[Term, random.Random], "Term | None"]


def _commuted(t: Term, rng: random.Random) -> Term | None:
    return (t[0], t[2], t[1]) if t[0] in ("add", "multiply") else None


def _sum_and_minus(t: Term, rng: random.Random) -> Term | None:
    if t[0] == "subtract":
        return rng.choice(
            [add(t[1], f("negative", t[2])), f("negative", sub(t[2], t[1])),
             add(f("negative", t[2]), t[1])]
        )  # fmt: skip
    if t[0] == "add":
        return sub(t[1], f("negative", t[2]))
    return None


def _quotient(t: Term, rng: random.Random) -> Term | None:
    if t[0] != "divide":
        return None
    return rng.choice(
        [mul(t[1], div(n(1), t[2])), f("negative", div(f("negative", t[1]), t[2])),
         div(mul(n(2), t[1]), mul(t[2], n(2))), div(n(1), div(t[2], t[1]))]
    )  # fmt: skip


def _square(t: Term, rng: random.Random) -> Term | None:
    return rng.choice([mul(t[1], t[1]), ("power", t[1], n(2))]) if t[0] == "square" else None


def _root(t: Term, rng: random.Random) -> Term | None:
    return ("power", t[1], n(0.5)) if t[0] == "sqrt" else None


def _exponential(t: Term, rng: random.Random) -> Term | None:
    if t == EM:
        return rng.choice([div(n(1), E), f("exp", mul(n(-1), X)), f("exp", sub(n(0), X))])
    if t == E:
        return rng.choice([div(n(1), EM), f("square", f("exp", div(X, n(2)))),
                           mul(f("exp", div(X, n(4))), f("exp", mul(n(0.75), X)))])  # fmt: skip
    return None


def _logarithm(t: Term, rng: random.Random) -> Term | None:
    if t[0] != "log":
        return None
    if t[1][0] == "divide" and t[1][1] == n(1):
        return f("negative", f("log", t[1][2]))
    return rng.choice(
        [f("negative", f("log", div(n(1), t[1]))), mul(n(2), f("log", f("sqrt", t[1])))]
    )


def _scaled(t: Term, rng: random.Random) -> Term | None:
    return rng.choice(
        [div(mul(n(4), t), n(4)), mul(n(0.5), add(t, t)), f("negative", f("negative", t))]
    )


def _reduced(t: Term, rng: random.Random) -> Term | None:
    if t[0] not in ("sum", "mean"):
        return None
    kind, a = t
    options: list[Term] = [
        div((kind, mul(n(2), a)), n(2)),
        f("negative", (kind, f("negative", a))),
        mul(n(LENGTH), mean(a)) if kind == "sum" else div(total(a), n(LENGTH)),
    ]
    return rng.choice(options)


def _shifted(t: Term, rng: random.Random) -> Term | None:
    """A quotient by a sum of exponentials, each less the greatest."""
    if t not in (P, div(EM, total(EM))):
        return None
    up = t[1][1]
    e = f("exp", sub(up, ("max", up)))
    return div(e, total(e))


IDENTITIES: tuple[Rule, ...] = (
    _commuted, _sum_and_minus, _quotient, _square, _root, _exponential, _logarithm, _scaled,
    _reduced, _shifted,
)  # fmt: skip


def respelled(term: Term, rng: random.Random, steps: int = 4) -> Term:
    """The same function of x in another spelling."""
    for _ in range(steps):
        places = list(_places(term))
        place = rng.choice(places)
        options = [new for rule in IDENTITIES if (new := rule(_at(term, place), rng)) is not None]
        if options:
            term = _replaced(term, place, rng.choice(options))
    return term


def _places(t: Term, above: tuple[int, ...] = ()) -> Any:
    yield above
    if t[0] not in ("x", "number"):
        for i, part in enumerate(t[1:], 1):
            yield from _places(part, (*above, i))


def _at(t: Term, place: tuple[int, ...]) -> Term:
    for i in place:
        t = t[i]
    return t


def _replaced(t: Term, place: tuple[int, ...], new: Term) -> Term:
    if not place:
        return new
    i = place[0]
    return (*t[:i], _replaced(t[i], place[1:], new), *t[i + 1 :])


NUMBERS: dict[str, Callable[..., float]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "negative": operator.neg,
    "square": lambda a: a * a,
    "sqrt": math.sqrt,
    "log": math.log,
    "exp": math.exp,
}


def build(t: Term, x: Any, functions: Callable[[str], Callable[..., Any]]) -> Any:
    """The term on `x`, by functions that are looked up by name."""
    if t[0] == "x":
        return x
    if t[0] == "number":
        return float(t[1])
    parts = [build(part, x, functions) for part in t[1:]]
    if all(isinstance(part, float) for part in parts):  # weak, as numbers in Python are
        return float(NUMBERS[t[0]](*parts))
    return functions(t[0])(*parts)


def shown(t: Term) -> str:
    """The term as one would type it."""
    if t[0] == "x":
        return "x"
    if t[0] == "number":
        return f"{t[1]:g}"
    signs = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}
    if t[0] in signs:
        return f"({shown(t[1])} {signs[t[0]]} {shown(t[2])})"
    return f"{t[0]}({', '.join(shown(part) for part in t[1:])})"
