"""The engine: matching, fixpoints, fuel, cut leaves, origins, and linear cost."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symgrad.errors import CompileError
from symgrad.ir.graph import Graph, topological
from symgrad.ir.node import Expr, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.verify import verify
from symgrad.ops.interpret import evaluate
from symgrad.rewrite import RULES, rewrite, rewrite_exprs, rule
from symgrad.rewrite.pattern import NUMBER, exp, log, maximum, square, tanh, trace
from symgrad.rewrite.pattern import sum as sum_

ALL = ["stability", "arithmetic", "algebra", "shape", "folding"]


@contextmanager
def table(name: str) -> Iterator[str]:
    """A table of rules for one test."""
    RULES[name] = []
    try:
        yield name
    finally:
        del RULES[name]


# ---------------------------------------------------------------- patterns


def matches(pattern: Any, node: Expr, keep: Any = frozenset()) -> bool:
    return any(order.match(node, {}, keep) for order in trace(pattern).orders())


def test_commutative_ops_match_in_either_order(leaf: Any) -> None:
    x, y = leaf("x"), leaf("y")
    assert matches(lambda a: 1 + exp(a), exp(x) + 1.0)
    assert matches(lambda a: 1 + exp(a), 1.0 + exp(x))
    assert matches(lambda a, b: (a + exp(b)) * 2, 2.0 * (exp(y) + x))
    assert not matches(lambda a: 1 - exp(a), exp(x) - 1.0)


def test_one_name_is_one_expression(leaf: Any) -> None:
    x, y = leaf("x"), leaf("y")
    assert matches(lambda a: maximum(a, a), maximum(x, x))
    assert not matches(lambda a: maximum(a, a), maximum(x, y))
    assert matches(lambda a, b: (a + b) * a, y * (x + y))
    assert not matches(lambda a, b: (a + b) * a, tanh(y) * (x + y))


def test_one_name_is_one_attribute(leaf: Any) -> None:
    x = leaf("x")
    both = lambda a, axis: sum_(a, axis=axis) / sum_(exp(a), axis=axis)  # noqa: E731
    assert matches(both, x.sum(axis=1) / exp(x).sum(axis=1))
    assert not matches(both, x.sum(axis=0) / exp(x).sum(axis=(0, 1)))


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int64(1)])
def test_a_number_matches_literals_of_its_value(leaf: Any, value: Any) -> None:
    x = leaf("x", dtype="float64")
    assert matches(lambda a: a + 1, x + value)
    assert not matches(lambda a: a + 2, x + value)


def test_a_literal_that_decides_the_dtype_is_not_taken_away(leaf: Any) -> None:
    x = leaf("x", dtype="float32")
    y = x + literal(0.0, "float64")
    assert y.dtype == np.float64
    [new], _, _ = rewrite_exprs([y], ALL)
    assert new.dtype == np.float64


def test_a_captured_number_is_a_literal(leaf: Any) -> None:
    x, y = leaf("x"), leaf("y", ())
    assert matches(lambda a, c=NUMBER: a * c, 3.0 * x)
    assert not matches(lambda a, c=NUMBER: a * c, y * x)


# ---------------------------------------------------------------- the engine


def test_cut_leaves_are_not_looked_through(leaf: Any) -> None:
    z = leaf("z")
    e = exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -log(p)
    [free], _, fired = rewrite_exprs([loss], ["stability"])
    assert fired and e not in set(topological([free]))
    [cut], mapping, _ = rewrite_exprs([loss], ["stability"], keep=[e])
    assert e in set(topological([cut])) and mapping[e] is e
    [cut], _, fired = rewrite_exprs([log(1 + e)], ["stability"], keep=[e])
    assert set(fired) == {"log_of_one_plus"} and e in set(topological([cut]))
    [cut], _, _ = rewrite_exprs([loss], ["stability"], keep=[p])
    assert p in set(topological([cut]))


def test_a_looping_rule_is_named(leaf: Any) -> None:
    x = leaf("x")
    with table("loop") as name:

        @rule(name, lambda a: tanh(a))
        def there(a: Expr) -> Expr:
            """tanh(a) -> tanh(0 - a), for ever."""
            return tanh(0 - a)

        @rule(name, lambda a: tanh(0 - a))
        def back(a: Expr) -> Expr:
            """tanh(0 - a) -> tanh(a)."""
            return tanh(a)

        RULES[name].reverse()
        with pytest.raises(CompileError, match=r"rule (there|back)"):
            rewrite_exprs([tanh(x)], [name])


def test_a_growing_rule_runs_out_of_fuel(leaf: Any) -> None:
    x = leaf("x")
    with table("grow") as name:

        @rule(name, lambda a: tanh(a))
        def grow(a: Expr) -> Expr:
            """tanh(a) -> tanh(a + 1), for ever."""
            return tanh(a + 1.0)

        with pytest.raises(CompileError, match="rule grow"):
            rewrite_exprs([tanh(x)], [name])


def test_a_rule_that_changes_the_shape_is_named(leaf: Any) -> None:
    x = leaf("x")
    with table("wrong") as name:

        @rule(name, lambda a: tanh(a))
        def wrong(a: Expr) -> Expr:
            """tanh(a) -> sum(a), which is something else."""
            return a.sum(axis=0)

        with pytest.raises(CompileError, match=r"rule wrong.*\(4,\).*\(3, 4\)"):
            rewrite_exprs([tanh(x)], [name])


def test_an_unknown_name_twice_in_a_table_is_refused() -> None:
    with table("twice") as name:
        rule(name, lambda a: tanh(a))(tanh_rule := lambda a: a)
        with pytest.raises(ValueError, match="exists already"):
            rule(name, lambda a: exp(a))(tanh_rule)


def test_guards_see_what_they_name(leaf: Any) -> None:
    x, y = leaf("x"), leaf("y", (4,))
    with table("guard") as name:

        @rule(name, lambda a, b: a * b, when=lambda b: b.ndim == 1)
        def swap(a: Expr, b: Expr) -> Expr:
            """a * b -> b + a, for a vector b."""
            return b + a

        [new], _, _ = rewrite_exprs([x * y], [name])
        assert new is y + x
        [new], _, fired = rewrite_exprs([x * x], [name])
        assert new is x * x and not fired


def test_a_replaced_node_hands_on_its_origin(leaf: Any) -> None:
    x = leaf("x")
    h = log(1 + exp(x))
    graph, fired = rewrite(Graph({"y": square(h) + 0.0}), ALL)
    verify(graph, "rewriting")
    assert fired["log_of_exponentials"] == 1
    made = FUNCTIONS["softplus"](x)
    assert graph.origins[made] is h.origin or made.origin is not None


def test_outputs_keep_their_names_and_order(leaf: Any) -> None:
    x = leaf("x")
    graph, _ = rewrite(Graph({"b": x * 1.0, "a": 0 + x, "c": tanh(x)}), ALL)
    assert list(graph.outputs) == ["b", "a", "c"]
    assert graph.outputs["a"] is graph.outputs["b"] is x


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    [
        lambda h: tanh(h) * 0.5,
        lambda h: log(1 + exp(h)),
        lambda h: h * 1.01,
        lambda h: 0 - (0 - tanh(h)),
    ],
    ids=["nothing", "softplus", "literals", "signs"],
)
def test_cost_is_linear(leaf: Any, step: Any) -> None:
    def seconds(count: int) -> float:
        h = leaf("x")
        for _ in range(count):
            h = step(h)
        gc.collect()
        gc.disable()  # its cost is that of all that other tests left in memory
        try:
            start = time.process_time()
            rewrite_exprs([h], ALL)
            return time.process_time() - start
        finally:
            gc.enable()

    seconds(100)
    small, large = (min(seconds(count) for _ in range(2)) for count in (200, 1600))
    assert large < 8 * 2.5 * small + 0.1


# ---------------------------------------------------------------- random graphs

UNARY = ["negative", "tanh", "exp", "square", "absolute", "sigmoid", "log1p", "softplus"]
BINARY = ["add", "subtract", "multiply", "maximum"]
VIEWS = [
    lambda h: h.T,
    lambda h: h.reshape(h.shape[1], h.shape[0]),
    lambda h: FUNCTIONS["broadcast_to"](h.sum(axis=0), h.shape),
    lambda h: h - h.max(axis=1, keepdims=True),
    lambda h: h[:, None].sum(axis=1),
    lambda h: FUNCTIONS["zeros"](h.shape).at[1].add(h[0]),
]


@st.composite
def programs(draw: Any) -> list[tuple[str, int, int]]:
    kinds = st.sampled_from([*UNARY, *BINARY, "view", "scale", "shift", "log"])
    return draw(st.lists(st.tuples(kinds, st.integers(0, 20), st.integers(0, 20)), max_size=14))


def built(program: list[tuple[str, int, int]], leaves: list[Expr]) -> Expr:
    made = list(leaves)
    for kind, i, j in program:
        a, b = made[i % len(made)], made[j % len(made)]
        if kind in UNARY:
            made.append(FUNCTIONS[kind](a))
        elif kind in BINARY:
            made.append(FUNCTIONS[kind](a, b))
        elif kind == "view":
            made.append(VIEWS[j % len(VIEWS)](a))
        elif kind == "scale":
            made.append(a * [0.5, -1.0, 1.0, -2.0][j % 4])
        elif kind == "shift":
            made.append([1.0, 0.0][j % 2] - a)
        else:
            made.append(log(1 + exp(a)))
    return made[-1] + made[len(made) // 2]


@given(programs())
def test_rewriting_keeps_values_and_reaches_a_fixpoint(program: Any) -> None:
    from symgrad.ir.node import identity
    from symgrad.ops.leaf import INPUT

    leaves = [
        identity(INPUT, {"name": n, "shape": (4, 4), "dtype": np.dtype("float64")}) for n in "xy"
    ]
    out = built(program, leaves)
    [new], _, _ = rewrite_exprs([out], ALL)
    assert new.aval == out.aval
    [again], _, fired = rewrite_exprs([new], ALL)
    assert again is new, dict(fired)
    rng = np.random.default_rng(3)
    env = {x: rng.uniform(-1, 1, (4, 4)) for x in leaves}
    before, after = evaluate([out, new], env)
    finite = np.isfinite(before) & (np.abs(before) < 1e6)
    np.testing.assert_allclose(after[finite], before[finite], rtol=1e-9, atol=1e-9)
