"""Integers and literals that meet in a sum; floats, which round, stay."""

from typing import Any

import numpy as np
import pytest

from symgrad.ir.node import Expr
from symgrad.ops.interpret import evaluate
from symgrad.rewrite import SIMPLE, rewrite_exprs


def simplified(expr: Expr) -> Expr:
    return rewrite_exprs([expr], SIMPLE)[0][0]


def test_what_is_taken_and_added_again(leaf: Any) -> None:
    n = leaf("n", (), "int64")
    assert simplified((n - 1) + 1) is n
    assert simplified((n + 1) - 1) is n
    assert simplified((n + 3) - 1) is simplified(n + 2)
    assert simplified((n - 3) + 1) is simplified(n - 2)
    assert simplified(n + 2 + 3 - 5 + 1) is simplified(n + 1)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "float64"])
def test_values_wrap_or_round_as_they_did(leaf: Any, dtype: str) -> None:
    n = leaf("n", (4,), dtype)
    expr = (n + 100) - 50 + 70
    data = {n: np.array([0, 27, 100, 120], dtype)}
    before, after = evaluate([expr, simplified(expr)], data)
    assert before.dtype == after.dtype
    np.testing.assert_array_equal(after, before)
