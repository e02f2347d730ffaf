"""Symbolic sizes against Python's own integers, slices and arithmetic."""

from __future__ import annotations

import copy
import math
import operator
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir import size as sizes
from symgrad.ir.node import Expr
from symgrad.ir.size import (
    Dim,
    as_shape,
    as_size,
    dim,
    exact_quotient,
    is_provably_equal,
    lower_bound,
    product,
    size_max,
    size_min,
    slice_length,
    upper_bound,
)
from tests.fuzzing import examples

B, T, K = dim("B"), dim("T"), dim("K")
NAMES = ("B", "T", "K")

# A formula is a nested tuple; it is read twice, as sizes and as plain integers.
LEAVES = st.sampled_from(NAMES) | st.integers(-7, 7)
BINARY: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "+": (operator.add, operator.add),
    "-": (operator.sub, operator.sub),
    "*": (operator.mul, operator.mul),
    "//": (operator.floordiv, operator.floordiv),
    "%": (operator.mod, operator.mod),
    "max": (size_max, max),
    "min": (size_min, min),
}
FORMULAS = st.recursive(
    LEAVES, lambda inner: st.tuples(st.sampled_from(sorted(BINARY)), inner, inner), max_leaves=7
)
ENVIRONMENTS = st.fixed_dictionaries({name: st.integers(0, 9) for name in NAMES})


def symbolic(formula: Any) -> Any:
    if isinstance(formula, tuple):
        return BINARY[formula[0]][0](symbolic(formula[1]), symbolic(formula[2]))
    return dim(formula) if isinstance(formula, str) else formula


def numeric(formula: Any, env: dict[str, int]) -> int:
    if isinstance(formula, tuple):
        return BINARY[formula[0]][1](  # type: ignore[no-any-return]
            numeric(formula[1], env), numeric(formula[2], env)
        )
    return env[formula] if isinstance(formula, str) else formula


def both(formula: Any, env: dict[str, int]) -> tuple[Any, int]:
    """The size and its value in `env`; draws with a division by zero are discarded."""
    try:
        return symbolic(formula), numeric(formula, env)
    except ZeroDivisionError:
        assume(False)
        raise AssertionError from None


def value(size: Any, env: dict[str, int]) -> int:
    return size.evaluate(env) if isinstance(size, Dim) else size


@examples(600)
@given(FORMULAS, ENVIRONMENTS)
def test_canonical_form_has_the_value_of_the_formula(formula: Any, env: dict[str, int]) -> None:
    size, expected = both(formula, env)
    assert value(size, env) == expected
    assert eval(str(size), {"max": max, "min": min}, dict(env)) == expected


@examples(300)
@given(FORMULAS, ENVIRONMENTS)
def test_bounds_enclose_the_value(formula: Any, env: dict[str, int]) -> None:
    size, expected = both(formula, env)
    low, high = lower_bound(size), upper_bound(size)
    assert low is None or low <= expected
    assert high is None or high >= expected


@examples(300)
@given(FORMULAS, FORMULAS, FORMULAS, ENVIRONMENTS)
def test_ring_laws_hold_as_canonical_equality(f: Any, g: Any, h: Any, env: dict[str, int]) -> None:
    a, b, c = (both(formula, env)[0] for formula in (f, g, h))
    assert a + b == b + a
    assert a * b == b * a
    assert (a + b) + c == a + (b + c)
    assert (a + b) * c == a * c + b * c
    assert a - a == 0
    assert size_max(a, b) == size_max(b, a)
    assert size_max(a, b) + size_min(a, b) == a + b


@examples(300)
@given(FORMULAS, ENVIRONMENTS)
def test_pickle_and_copy_give_the_interned_object(formula: Any, env: dict[str, int]) -> None:
    size, _ = both(formula, env)
    assume(isinstance(size, Dim))
    assert pickle.loads(pickle.dumps(size)) is size
    assert copy.deepcopy(size) is size
    assert hash(symbolic(formula)) == hash(size)


@examples(200)
@given(FORMULAS, FORMULAS, ENVIRONMENTS)
def test_substitution_is_evaluation_in_two_steps(f: Any, g: Any, env: dict[str, int]) -> None:
    size, expected = both(f, {**env, "T": both(g, env)[1]})
    replacement = symbolic(g)
    assume(isinstance(size, Dim) and value(replacement, env) >= 0)
    try:
        assert value(size.substitute({"T": replacement}), env) == expected
    except ZeroDivisionError:
        assume(False)


@examples(200)
@given(FORMULAS, FORMULAS, ENVIRONMENTS)
def test_a_decided_comparison_is_right(f: Any, g: Any, env: dict[str, int]) -> None:
    (a, x), (b, y) = both(f, env), both(g, env)
    for compare in (operator.lt, operator.le, operator.gt, operator.ge):
        try:
            decided = compare(a, b)
        except DeclarationError as error:
            assert "cannot be decided at declaration" in str(error)
        else:
            assert decided is compare(x, y)
    if is_provably_equal(a, b):
        assert x == y


@pytest.mark.parametrize("n", range(7))
@pytest.mark.parametrize("step", [-3, -2, -1, None, 1, 2, 3])
def test_slices_agree_with_python(n: int, step: int | None) -> None:
    bounds = [None, *range(-7, 8)]
    for start in bounds:
        for stop in bounds:
            first, last, stride = slice(start, stop, step).indices(n)
            for size in (B, n):
                spec = slice_length(start, stop, step, size)
                assert value(spec.length, {"B": n}) == len(range(first, last, stride))
                assert (value(spec.start, {"B": n}), spec.step) == (first, stride)


@pytest.mark.parametrize("step", [-2, -1, 1, 3])
def test_slices_with_symbolic_bounds_agree_with_python(step: int) -> None:
    bounds: list[tuple[Any, Callable[[int], int]]] = [
        (T, lambda t: t), (T + 2, lambda t: t + 2), (-T - 1, lambda t: -t - 1),
        (T // 2, lambda t: t // 2),
    ]  # fmt: skip
    for start, start_of in bounds:
        for stop, stop_of in bounds:
            spec = slice_length(start, stop, step, B)
            for n in range(6):
                for t in range(8):
                    piece = slice(start_of(t), stop_of(t), step).indices(n)
                    env = {"B": n, "T": t}
                    assert value(spec.length, env) == len(range(*piece))
                    assert value(spec.start, env) == piece[0]


def test_common_slices_are_simple() -> None:
    def length(start: Any, stop: Any, step: Any) -> str:
        return str(slice_length(start, stop, step, B).length)

    assert length(None, None, None) == "B"
    assert length(None, None, -1) == "B"
    assert length(1, None, 1) == length(None, -1, 1) == "max(B - 1, 0)"
    assert length(None, None, 2) == "(B + 1)//2"
    assert length(1, None, 2) == "B//2"
    assert length(None, 3, 1) == length(-3, None, 1) == "min(B, 3)"
    assert length(None, B // 2, 1) == "B//2"
    once = slice_length(1, None, 1, B).length
    assert str(slice_length(1, None, 1, once).length) == "max(B - 2, 0)"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1 + T * 2, "2*T + 1"),
        (3 - T, "3 - T"),
        (T * B + B**2 + T**2 + 4, "B**2 + B*T + T**2 + 4"),
        (B * T // T, "B"),
        ((2 * B * T) // (2 * T), "B"),
        ((B * T + T) // (2 * T), "(B + 1)//2"),
        ((4 * T + 3) // 4, "T"),
        ((T + 5) // 2, "(T + 1)//2 + 2"),
        ((T // 2) // 3, "T//6"),
        ((6 * T + B) % 3, "B%3"),
        ((T + K * B) % K, "T%K"),
        ((T % 4) // 4, "0"),
        (T % 4 % 4, "T%4"),
        (-(-T // 2), "(T + 1)//2"),
        (-(-T // K), "-(-T//K)"),
        (2 * (T // 2), "2*(T//2)"),
        ((T**2 - 1) // (T + 1), "T - 1"),
        (T // T, "1"),
        (T % T, "0"),
        (T // -2, "-((T + 1)//2)"),
        (size_max(B, T), "max(B, T)"),
        (T + size_max(B - 1, 0), "T + max(B - 1, 0)"),
        (size_max(T, size_max(T, B)), "max(B, T)"),
        (size_min(T + 3, 3), "3"),
        (size_max(T // 2, T), "T"),
    ],
)
def test_canonical_text(size: Any, text: str) -> None:
    assert str(size) == text


def test_equality_and_hash() -> None:
    assert T + T == T * 2
    assert T * 2 is 2 * T
    assert len({T * 2, 2 * T, T + T}) == 1
    assert T != B and T != 3 and T != "T"
    assert type(T - T + 3) is int


def test_text_does_not_depend_on_the_hash_seed() -> None:
    program = (
        "from symgrad.ir.size import as_size\n"
        "s = as_size('(c*b + a*z + max(q, r*s) + y//3 + x % 5 + z)**2 // (7*w)')\n"
        "print(s, s.symbols, s.latex())"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1", "12345")
    }  # fmt: skip
    assert len(texts) == 1


@pytest.mark.parametrize("integer", [np.int64(3), np.int32(3), np.uint8(3), 3])
def test_numpy_integers_mix(integer: Any) -> None:
    assert integer * T == T * integer == 3 * T
    assert integer + T == T + 3
    assert integer - T == 3 - T
    assert integer // T == 3 // T
    assert integer % T == 3 % T
    assert type(as_size(integer)) is int


def test_floats_make_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "_as_expr", lambda size: size.evaluate({"T": 8, "B": 4}))
    assert T * 0.5 == 0.5 * T == 4.0
    assert np.float64(2.5) * T == T * np.float32(2.5) == 20.0
    assert 1 / T == 0.125
    assert T / B == 2.0
    assert T / 16 == 0.5
    assert math.sqrt(8) == T**0.5
    assert T**-1 == 0.125
    assert 2**B == 16
    assert 9.5 // T == 1.0
    assert (T > 2.5) is True


def test_other_types_get_their_turn() -> None:
    class Expression:
        def __radd__(self, other: object) -> str:
            return f"expression + {other}"

    assert T + Expression() == "expression + T"
    made = np.ones(3) * T
    assert isinstance(made, Expr) and made.shape == (3,)
    assert np.int64(2) * T is not made and str(np.int64(2) * T) == "2*T"
    assert np.log(T).shape == ()
    with pytest.raises(TypeError, match="unsupported operand"):
        T + True


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (math.nan, DTypeError, "a size must be an integer; got nan"),
        (2.0, DTypeError, "a size must be an integer; got 2.0"),
        (np.float32(2), DTypeError, "a size must be an integer; got 2.0"),
        (True, DTypeError, r"a size must be an integer; got True \(bool\)"),
        (None, DTypeError, r"a size must be an integer; got None \(NoneType\)"),
        (-1, ShapeError, "a size must not be negative; got -1"),
        (-T - 1, ShapeError, "a size must not be negative; got -T - 1"),
        ("2 - 3", ShapeError, "a size must not be negative"),
        ("", ShapeError, "a name or integer arithmetic"),
        ("T/2", ShapeError, "'T / 2' is not allowed in a size"),
        ("T + 0.5", ShapeError, "'0.5' is not allowed in a size"),
        ("__import__('os')", ShapeError, "is not allowed in a size"),
        ("T.real", ShapeError, "is not allowed in a size"),
        ("9**9**9", ShapeError, "an exponent must be an integer from 0 to 16"),
        ("T//0", ShapeError, "divided by zero"),
        ("lambda", ShapeError, "a name or integer arithmetic"),
        ("x; import os", ShapeError, "a name or integer arithmetic"),
    ],
)
def test_bad_sizes_say_what_came(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        as_size(value)


@pytest.mark.parametrize("name", ["", "2T", "a b", "class", "None", "max", "x; import os", 3])
def test_bad_names_say_what_came(name: Any) -> None:
    with pytest.raises(DeclarationError, match="size") as caught:
        dim(name)
    assert repr(name) in str(caught.value)


def test_text_is_parsed() -> None:
    H, p, k, s = (dim(name) for name in ("H", "p", "k", "s"))
    assert as_size("(H + 2*p - k)//s + 1") == (H + 2 * p - k) // s + 1
    assert as_size("max(T, 3) + min(B, 2)") == size_max(T, 3) + size_min(B, 2)
    assert as_size(" -(-T//2) ") == (T + 1) // 2
    assert as_shape(("B", 3, T * 2)) == (B, 3, 2 * T)
    assert as_shape(5) == (5,) and as_shape("T") == (T,) and as_shape([]) == ()
    with pytest.raises(DTypeError, match=r"axis 1 of shape \('B', 2.5\)"):
        as_shape(("B", 2.5))


@pytest.mark.parametrize("use", [int, operator.index, range, float])
def test_a_value_is_not_known_at_declaration(use: Callable[[Any], object]) -> None:
    with pytest.raises(DTypeError, match=r"size 2\*T is symbolic.*only known at call time"):
        use(2 * T)


def test_undecidable_questions_say_so() -> None:
    with pytest.raises(DeclarationError, match="comparison T < B cannot be decided at declaration"):
        T < B  # noqa: B015
    with pytest.raises(DeclarationError, match="whether size T is zero"):
        bool(T)
    with pytest.raises(DeclarationError, match="slice bound T - 3"):
        slice_length(T - 3, None, None, B)
    with pytest.raises(ShapeError, match="must not be zero"):
        slice_length(None, None, 0, B)
    with pytest.raises(ZeroDivisionError, match="size T"):
        T // 0
    assert bool(T + 1) and T + 1 > T and T >= 0 and T // 2 <= T and not T + B < T


def test_sizes_are_immutable() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        T._hash = 0
    with pytest.raises(DeclarationError, match="made by dim"):
        Dim("T")


@examples(200)
@given(st.integers(-4, 4), st.integers(-4, 4), st.integers(0, 2), ENVIRONMENTS)
def test_solve_inverts(a: int, b: int, c: int, env: dict[str, int]) -> None:
    size = a * T + b + c * B + c * B * T
    solved = size.solve("n", known=("B",)) if isinstance(size, Dim) else None
    slope = a + c * env["B"]
    assume(slope != 0 and solved is not None)
    assert solved is not None and solved[0] == "T"
    known = {"B": env["B"], "n": size.evaluate(env), "max": max}
    assert eval(solved[1], known) == env["T"]


def test_solve_is_readable() -> None:
    assert (2 * T + 1).solve("x.shape[0]", ()) == ("T", "(x.shape[0] - 1)//2")
    assert T.solve("n", ()) == ("T", "n")
    assert (T - 3).solve("n", ()) == ("T", "n + 3")
    assert (5 - T).solve("n", ()) == ("T", "5 - n")
    assert (B * T).solve("n", ("B",)) == ("T", "n//max(B, 1)")
    assert (B * T).solve("n", ()) is None
    assert (T**2).solve("n", ()) is None
    assert (T // 2).solve("n", ()) is None
    assert B.solve("n", ("B",)) is None


def test_quotients_and_products() -> None:
    assert exact_quotient(6 * B * T, 2 * T) == 3 * B
    assert exact_quotient(B * T + T, B + 1) == T
    assert exact_quotient(12, 4) == 3
    assert exact_quotient(12, 5) is None
    assert exact_quotient(B, 2) is None
    assert exact_quotient(B, T) is None
    assert exact_quotient(B, 0) is None
    assert product((2, B, T, 3)) == 6 * B * T
    assert product(()) == 1


def test_evaluation_names_what_is_missing() -> None:
    with pytest.raises(DeclarationError, match="needs a value for B, T"):
        (T * B * K).evaluate({"K": 1})


def test_latex() -> None:
    assert (2 * T**2 + 1).latex() == r"2 \, T^{2} + 1"
    half = as_size("seq_len//2")
    assert isinstance(half, Dim)
    assert half.latex() == r"\left\lfloor \frac{\mathrm{seq\_len}}{2} \right\rfloor"
    larger = size_max(B, 3)
    assert isinstance(larger, Dim) and larger.latex() == r"\max\left(B, 3\right)"
