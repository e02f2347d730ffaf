"""Shape rules: what the generated tests of the rules cannot know."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symgrad.ir.node import Expr, identity
from symgrad.ir.size import dim
from symgrad.ops.interpret import evaluate
from symgrad.ops.leaf import INPUT
from symgrad.rewrite import rewrite_exprs
from symgrad.rewrite.pattern import (
    arange,
    broadcast_to,
    exp,
    expand_dims,
    reshape,
    softplus,
    squeeze,
    tanh,
    transpose,
)


def simplified(expr: Expr) -> Expr:
    return rewrite_exprs([expr], ["shape"])[0][0]


def test_views_cancel_on_symbolic_sizes(leaf: Any) -> None:
    x = leaf("x", ("B", "T", 3))
    assert simplified(reshape(reshape(x, (dim("B") * dim("T"), 3)), x.shape)) is x
    assert simplified(transpose(transpose(x, (2, 0, 1)), (1, 2, 0))) is x
    assert simplified(squeeze(x[:, None], 1)) is x
    assert simplified(x[:, :, :]) is x
    assert simplified(x[arange(dim("B"))]) is x


def test_a_symbolic_size_is_not_one(leaf: Any) -> None:
    x = leaf("x", ("B", "T"))
    wide = broadcast_to(x, (dim("B"), dim("B"), dim("T")))
    assert simplified(wide.sum(axis=0)) is x * dim("B")
    assert simplified(x.sum(axis=0)) is x.sum(axis=0)
    assert simplified(x[arange(dim("T"))]) is not x
    mean = wide.mean(axis=0)  # of none, if B is 0: then NaN
    assert simplified(mean) is mean


def test_sum_of_broadcast_counts(leaf: Any) -> None:
    x = leaf("x", ())
    assert simplified(broadcast_to(x, (3, 5)).sum()) is x * 15
    row = leaf("row", (5,))
    assert simplified(broadcast_to(row, (3, 5)).sum(axis=0)) is row * 3


def test_an_elementwise_result_used_elsewhere_is_not_computed_twice(leaf: Any) -> None:
    x = leaf("x")
    h = tanh(x)
    [a, b], _, _ = rewrite_exprs([h[1], h], ["shape"])
    assert a is h[1] and b is h
    assert simplified(h[1]) is tanh(x[1])


def test_a_copy_used_elsewhere_is_not_made_twice(leaf: Any) -> None:
    x = leaf("x", ("B", 3, 4))
    copy = reshape(transpose(x, (1, 0, 2)), (3 * dim("B"), 4))
    flat = reshape(copy, (-1,))
    assert simplified(flat) is reshape(transpose(x, (1, 0, 2)), (-1,))
    [a, b], _, _ = rewrite_exprs([copy, flat], ["shape"])
    assert a is copy and b is flat
    rows = reshape(x, (3 * dim("B"), 4))  # no copy: a view of each is as good
    [a, b], _, _ = rewrite_exprs([rows, reshape(rows, (-1,))], ["shape"])
    assert b is reshape(x, (-1,))


def test_a_gather_that_may_grow_stays_outside(leaf: Any) -> None:
    x, i = leaf("x", (3,)), leaf("i", (1000,), "int64")
    assert simplified(exp(x)[i]) is exp(x)[i]


def test_broadcast_goes_last(leaf: Any) -> None:
    x, row = leaf("x", ("B", 4)), leaf("row", (4,))
    assert simplified(x + broadcast_to(row, x.shape)) is x + row
    wide = softplus(broadcast_to(row, x.shape))
    assert simplified(wide) is broadcast_to(softplus(row), x.shape)


STEPS = [
    lambda h: transpose(h),
    lambda h: h[::-1] if h.ndim else h,
    lambda h: h[1:] if h.ndim and h.shape[0] > 1 else h,
    lambda h: h[..., ::2] if h.ndim else h,
    lambda h: h[..., 0] if h.ndim else h,
    lambda h: h[None],
    lambda h: expand_dims(h, h.ndim),
    lambda h: reshape(h, (-1,)),
    lambda h: reshape(h, (1, -1, 1)),
    lambda h: squeeze(h),
    lambda h: broadcast_to(h, (2, *h.shape)),
    lambda h: h.sum(axis=0) if h.ndim else h,
    lambda h: h.sum(axis=-1, keepdims=True) if h.ndim else h,
    lambda h: h.max(axis=0, keepdims=True) if h.ndim else h,
    lambda h: h.mean(),
    lambda h: tanh(h),
    lambda h: h + h[:1] if h.ndim else h + 1.0,
    lambda h: h[arange(h.shape[0])] if h.ndim else h,
]


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 3), (5,)])
@given(steps=st.lists(st.integers(0, len(STEPS) - 1), max_size=9))
def test_any_chain_of_views_keeps_its_value(shape: Any, steps: list[int]) -> None:
    x = identity(INPUT, {"name": "x", "shape": shape, "dtype": np.dtype("float64")})
    h = x
    for step in steps:
        h = STEPS[step](h)
    found = simplified(h)
    assert found.aval == h.aval
    value = np.random.default_rng(5).normal(size=shape)
    before, after = evaluate([h, found], {x: value})
    np.testing.assert_allclose(after, before, rtol=1e-12, atol=1e-12)
