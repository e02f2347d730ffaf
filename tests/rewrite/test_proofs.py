"""Every rule is proved: SymPy shows both sides equal, element by element.

Nothing is written by hand. Left sides are the rules' patterns or examples; what SymPy cannot be
told of, or cannot decide, is found by asking it.
"""

from collections import Counter
from typing import Any

import pytest
import sympy

from symgrad.errors import CompileError
from symgrad.ir.op import FUNCTIONS
from symgrad.rewrite import Rule, rewrite_exprs
from symgrad.symbolic.arrays import array_of_symbols, as_sympy_arrays
from symgrad.symbolic.proofs import prove_same
from tests.rewrite.rule_cases import CASES

#: reached now: SymPy decides all but log cosh, made of two pieces, and a sum of rounded roots
SYMBOLIC, NUMERIC = 239, 2


_found: dict[Any, str] = {}


def proof(rule: Rule, names: tuple[str, ...], build: Any, leaf: Any) -> str:
    """How both sides are shown to be equal, or why SymPy cannot speak about them."""
    if (rule.table, build) not in _found:
        _found[rule.table, build] = attempt(rule, names, build, leaf)
    return _found[rule.table, build]


def attempt(rule: Rule, names: tuple[str, ...], build: Any, leaf: Any) -> str:
    leaves = [leaf(name) for name in names]
    left = build(*leaves)
    [right], _, fired = rewrite_exprs([left], [rule.table])
    assert fired[rule.name]
    symbols = {x: array_of_symbols(name, (3, 4)) for x, name in zip(leaves, names, strict=True)}
    try:
        ours, theirs = as_sympy_arrays([left, right], symbols)
    except CompileError as error:
        return str(error)
    assert ours.shape == theirs.shape
    pairs = {alike(a, b) for a, b in zip(ours.flat, theirs.flat, strict=True)}
    found = {prove_same(a, b, rule.domain) for a, b in pairs}
    return "numeric" if "numeric" in found else "symbolic"


def alike(a: Any, b: Any) -> tuple[Any, Any]:
    """The pair with symbols called by their rank: the elements of most results then are one."""
    symbols = sorted(a.free_symbols | b.free_symbols, key=str)
    names = {old: sympy.Symbol(f"s{i:02}", real=True) for i, old in enumerate(symbols)}
    return a.xreplace(names), b.xreplace(names)


@pytest.mark.parametrize(("rule", "names", "build"), CASES)
def test_rule_is_proved(rule: Rule, names: Any, build: Any, leaf: Any) -> None:
    how = proof(rule, names, build, leaf)
    if how not in ("symbolic", "numeric"):
        assert rule.table != "stability", how
        pytest.skip(how)


def test_what_is_proved_does_not_become_less(leaf: Any) -> None:
    how = Counter(proof(*case.values, leaf) for case in CASES)
    assert how["symbolic"] >= SYMBOLIC, how
    assert how["symbolic"] + how["numeric"] >= SYMBOLIC + NUMERIC, how


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("log(1 + exp(x))", "log(2 + exp(x))"),
        ("log(1 + exp(x))", "log(1 + exp(x)) + Rational(1, 10**40)"),
        ("1 / (1 + exp(-x))", "1 / (1 + exp(x))"),
        ("sqrt(x**2)", "x"),
        ("erfc(x)", "1 + erf(x)"),
        ("Max(x, y)", "x"),
        ("Piecewise((x, x > 0), (y, True))", "Piecewise((y, x > 0), (x, True))"),
        ("log(x**2 + 1) - log(y**2 + 1)", "log((x**2 + 1) / (y**2 + 2))"),
    ],
)
def test_what_is_wrong_is_not_proved(left: str, right: str) -> None:
    names = {name: sympy.Symbol(name, real=True) for name in "xy"}
    with pytest.raises(CompileError, match=r" at .*x = "):
        prove_same(*[sympy.sympify(text, locals=names) for text in (left, right)])


def test_op_without_formula_is_named(leaf: Any) -> None:
    x = leaf("x")
    with pytest.raises(CompileError, match="cumsum has no formula"):
        as_sympy_arrays([FUNCTIONS["cumsum"](x, 0)], {x: array_of_symbols("x", (3, 4))})
