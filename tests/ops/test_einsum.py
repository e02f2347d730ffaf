"""Einstein summation against NumPy's, before and after it has become matrix products."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symgrad.autodiff.point import holds
from symgrad.autodiff.reverse import cotangents
from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.size import dim
from symgrad.ops.interpret import evaluate
from tests.ops.registry_cases import leaf, value

sg = SimpleNamespace(**FUNCTIONS)
SIZES = {"a": 2, "b": 3, "c": 1, "d": 4, "e": 2}


def integers(rng: Any, shape: tuple[int, ...]) -> Any:
    """Small integers as floats: sums of their products are exact in any order."""
    return rng.integers(-3, 4, shape).astype("float64")


def fully_lowered(node: Expr) -> Expr:
    """The node in primitives: no einsum stands in it."""
    lowered = node.op.lower(node) if node.op.composite else node
    names = {n.op.name for n in topological([lowered], stop=set(node.args).__contains__)}
    assert "einsum" not in names
    return lowered


@st.composite
def contractions(draw: Any) -> str:
    """Any subscripts: repeated labels, labels summed alone, scalars, one to four operands."""
    terms = draw(st.lists(st.text("abcde", min_size=0, max_size=3), min_size=1, max_size=4))
    labels = sorted(set("".join(terms)))
    output = "".join(draw(st.permutations(labels)))[: draw(st.integers(0, len(labels)))]
    return ",".join(terms) + "->" + output


@given(contractions(), st.integers(0, 2**32 - 1))
def test_any_einsum_is_that_of_numpy(subscripts: str, seed: int) -> None:
    """Value of the op and of its lowering; <ct, y(t)> = <vjp, t> in every operand, exactly."""
    rng = np.random.default_rng(seed)
    terms = subscripts.split("->")[0].split(",")
    values = [integers(rng, tuple(SIZES[c] for c in t)) for t in terms]
    xs = [leaf(v.shape, "float64") for v in values]
    want = np.einsum(subscripts, *values)
    node = sg.einsum(subscripts, *xs)
    assert node.shape == want.shape
    env: dict[Any, Any] = dict(zip(xs, values, strict=True))
    np.testing.assert_array_equal(evaluate([node], env)[0], want)
    np.testing.assert_array_equal(evaluate([fully_lowered(node)], env)[0], want)

    ct = leaf(want.shape, "float64")
    env[ct] = integers(rng, want.shape)
    gradients = [g for g in cotangents([node], [ct], xs) if g is not None]
    assert len(gradients) == len(xs)
    for k, (x, got) in enumerate(zip(xs, evaluate(gradients, env), strict=True)):
        assert got.shape == x.shape
        t = integers(rng, got.shape)
        moved = np.einsum(subscripts, *values[:k], t, *values[k + 1 :])
        assert np.vdot(got, t) == np.vdot(env[ct], moved)


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ba", [(2, 3)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("...", [(2, 3)]),
        ("...i->...", [(2, 3)]),
        ("...ii->i...", [(2, 3, 3)]),
        ("i...,i...->...", [(3, 2), (3, 4, 2)]),
        ("...ij,...jk->...ik", [(5, 1, 2, 3), (4, 3, 2)]),
        ("...,...", [(), (2, 3)]),
        (" i j , j k -> i k ", [(2, 3), (3, 4)]),
        ("ij,ij->ij", [(2, 1), (2, 3)]),
        ("ij,jk->ik", [(2, 1), (3, 4)]),
        ("ij,j", [(2, 3), (1,)]),
        ("aB,Ba->B", [(2, 3), (3, 2)]),
        ("ab,bc,cd,de,ea->", [(2, 3), (3, 4), (4, 2), (2, 3), (3, 2)]),
    ],
)
def test_forms_of_subscripts(subscripts: str, shapes: Any) -> None:
    rng = np.random.default_rng(0)
    values = [integers(rng, shape) for shape in shapes]
    xs = [leaf(shape, "float64") for shape in shapes]
    want = np.einsum(subscripts, *values)
    node = sg.einsum(subscripts, *xs)
    assert node.shape == want.shape
    np.testing.assert_array_equal(value(fully_lowered(node), xs, values), want)
    assert np.einsum(subscripts, *xs, optimize=True) is node


def test_lists_of_numbers_in_place_of_letters() -> None:
    a, b = leaf((2, 3), "float64"), leaf((3, 4), "float64")
    assert sg.einsum(a, [0, 1], b, [1, 2], [0, 2]) is sg.einsum("ab,bc->ac", a, b)
    assert sg.einsum(a, [0, 1], b, [1, 2]) is sg.einsum("ab,bc", a, b)
    assert sg.einsum(a, [..., 1], [1, ...]).shape == (3, 2)


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "float32"])
@pytest.mark.parametrize("subscripts", ["ij,jk->ik", "ij,jk->", "ij,ij->i"])
def test_dtype_is_that_of_numpy(dtype: str, subscripts: str) -> None:
    values = [np.array([[1, 0], [1, 1]]).astype(dtype)] * 2
    xs = [leaf((2, 2), dtype), leaf((2, 2), dtype)]
    node = sg.einsum(subscripts, *xs)
    want = np.einsum(subscripts, *values)
    assert node.dtype == fully_lowered(node).dtype == want.dtype
    np.testing.assert_array_equal(value(fully_lowered(node), xs, values), want)


@pytest.mark.parametrize(
    ("subscripts", "shapes", "message"),
    [
        ("ij,jk->ik", [(2, 3)], "2 terms for 1 operands"),
        ("ij->ijk", [(2, 3)], "'k' in the result is on no operand"),
        ("ij->ii", [(2, 3)], "a label is twice in the result"),
        ("ijk->i", [(2, 3)], "'ijk' labels 3 axes of an operand of shape"),
        ("i->i", [(2, 3)], "'i' labels 1 axes of an operand of shape"),
        ("i1->i", [(2, 3)], "expected letters"),
        ("i.j->i", [(2, 3)], "expected letters"),
        ("i->j->i", [(2,)], "expected letters"),
        ("...i->i", [(2, 3)], "the result has none"),
    ],
)
def test_errors_say_what_is_wrong(subscripts: str, shapes: Any, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        sg.einsum(subscripts, *[leaf(shape, "float64") for shape in shapes])


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [("ij,jk->ik", [(2, 3), (4, 5)]), ("ii->i", [(2, 3)]), ("ii", [(1, 3)])],
)
def test_sizes_of_a_label_must_agree(subscripts: str, shapes: Any) -> None:
    with pytest.raises(ShapeError, match="differ"):
        sg.einsum(subscripts, *[leaf(shape, "float64") for shape in shapes])


def test_symbolic_sizes_are_checked_label_by_label() -> None:
    a, b = leaf((dim("B"), dim("K")), "float64"), leaf((dim("B"), 3), "float64")
    node = sg.einsum("bk,bk->b", a, b)
    (check,) = node.checks
    assert holds(check, {"B": 2, "K": 3}) and not holds(check, {"B": 3, "K": 2})


@pytest.mark.parametrize(
    ("subscripts", "shapes", "products"),
    [
        ("bthd,bshd->bhts", [(2, 3, 4, 5), (2, 6, 4, 5)], [4]),
        ("btd,dn->btn", [(2, 3, 4), (4, 5)], [2]),
        ("btd,btn->dn", [(2, 3, 4), (2, 3, 5)], [2]),
        ("xyij,yjk->xyik", [(2, 7, 3, 4), (7, 4, 5)], [4]),
        ("ij,j->ij", [(3, 4), (4,)], []),
        ("i,j->ij", [(3,), (4,)], []),
        ("ij,kl->", [(3, 4), (5, 2)], []),
    ],
)
def test_what_it_costs(subscripts: str, shapes: Any, products: list[int]) -> None:
    """One matrix product for each contraction, and none where nothing is contracted."""
    lowered = fully_lowered(sg.einsum(subscripts, *[leaf(s, "float64") for s in shapes]))
    assert [n.ndim for n in topological([lowered]) if n.op.name == "matmul"] == products


def test_chains_are_contracted_in_the_cheap_order() -> None:
    """A B v is A (B v): no product of two matrices."""
    a, b, v = leaf((50, 50), "float64"), leaf((50, 50), "float64"), leaf((50,), "float64")
    lowered = fully_lowered(sg.einsum("ij,jk,k->i", a, b, v))
    products = [n for n in topological([lowered]) if n.op.name == "matmul"]
    assert [n.ndim for n in products] == [1, 1]


def test_one_contraction_needs_no_copies() -> None:
    """Axes of both operands lie in the order in which they are merged: views alone."""
    a, b = leaf((2, 3, 4), "float64"), leaf((5, 3, 4), "float64")
    lowered = fully_lowered(sg.einsum("ijk,ljk->il", a, b))
    names = [n.op.name for n in topological([lowered]) if n.args]
    assert sorted(names) == ["matmul", "reshape", "reshape", "transpose"]
    assert lowered.args[1].op.name == "transpose"
