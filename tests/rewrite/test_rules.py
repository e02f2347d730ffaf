"""What every rule promises, checked for each from the tables: nothing is written by hand."""

from typing import Any

import numpy as np
import pytest

from symgrad.ir.graph import topological
from symgrad.ir.op import OPS
from symgrad.ops.interpret import evaluate
from symgrad.rewrite import RULES, Rule, rewrite_exprs
from symgrad.rewrite.pattern import Node, Pattern
from tests.rewrite.rule_cases import ALL, CASES


def patterns(pattern: Pattern) -> list[Node]:
    if not isinstance(pattern, Node):
        return []
    return [pattern, *(node for arg in pattern.args for node in patterns(arg))]


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: f"{rule.table}-{rule.name}")
def test_rule_is_declared_in_full(rule: Rule) -> None:
    assert (rule.doc and "->" in rule.doc) or rule.doc.endswith("."), "a rule says what it does"
    for node in patterns(rule.pattern):
        assert node.op in OPS or node.op in ("anything", "elementwise"), node.op


@pytest.mark.parametrize(("rule", "names", "build"), CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_both_sides_agree(rule: Rule, names: Any, build: Any, dtype: str, leaf: Any) -> None:
    rng = np.random.default_rng(7)
    leaves = [leaf(name, dtype=dtype) for name in names]
    env = {x: rng.uniform(*rule.domain, (3, 4)).astype(dtype) for x in leaves}
    left = build(*leaves)
    [right], _, fired = rewrite_exprs([left], [rule.table])
    if dtype == "float64" or fired:
        assert fired[rule.name] >= 1, f"{rule} did not fire: {dict(fired)}"
        assert right is not left
    assert right.aval == left.aval
    expected, actual = evaluate([left, right], env)
    eps = float(np.finfo(dtype).eps)
    scale = np.abs(expected).max(initial=1.0)
    np.testing.assert_allclose(actual, expected, rtol=256 * eps, atol=32 * eps * scale)


@pytest.mark.parametrize(("rule", "names", "build"), CASES)
def test_normal_form_is_a_fixpoint(rule: Rule, names: Any, build: Any, leaf: Any) -> None:
    leaves = [leaf(name) for name in names]
    [right], _, _ = rewrite_exprs([build(*leaves)], list(RULES))
    [again], _, fired = rewrite_exprs([right], list(RULES))
    assert again is right, dict(fired)


@pytest.mark.parametrize(("rule", "names", "build"), CASES)
def test_nan_stays_where_it_was(rule: Rule, names: Any, build: Any, leaf: Any) -> None:
    expected, actual, _ = with_special(rule, names, build, leaf, (np.nan,))
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected))
    known = ~np.isnan(expected)
    np.testing.assert_allclose(actual[known], expected[known], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("rule", "names", "build"), CASES)
def test_inf_stays_where_it_was(rule: Rule, names: Any, build: Any, leaf: Any) -> None:
    expected, actual, extended = with_special(rule, names, build, leaf, (-np.inf, np.inf))
    known = ~np.isnan(expected)
    if not extended:
        np.testing.assert_array_equal(np.isnan(actual)[~known], True)
    np.testing.assert_allclose(actual[known], expected[known], rtol=1e-12, atol=1e-12)


def with_special(rule: Rule, names: Any, build: Any, leaf: Any, special: Any) -> Any:
    """Both sides on random numbers with special ones among them; whether NaN may become finite."""
    rng = np.random.default_rng(11)
    leaves = [leaf(name) for name in names]
    left = build(*leaves)
    [right], _, fired = rewrite_exprs([left], [rule.table])
    if {"softmax", "log_softmax"} & {node.op.name for node in topological([right])}:
        special = special[:1]  # the op is NaN in a row that holds inf, as everywhere else
    env = {x: rng.uniform(*rule.domain, (3, 4)) for x in leaves}
    for i, value in enumerate(env.values()):
        for place, one in enumerate(special):
            value[place, place + i] = one
    extended = any(r.extends_domain for r in RULES[rule.table] if fired[r.name])
    return *evaluate([left, right], env), extended
