"""Matrix products: forms, sizes that are checked, errors, and what gradients cost."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from symgrad.autodiff.point import holds
from symgrad.autodiff.reverse import cotangents
from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.code import Code
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.size import dim
from symgrad.ops.interpret import evaluate
from tests.ops.registry_cases import leaf, value

sg = SimpleNamespace(**FUNCTIONS)
B, K, T = dim("B"), dim("K"), dim("T")

#: shapes of left operands and of right ones: vector, matrix, stacks that broadcast
LEFT = [(4,), (3, 4), (5, 3, 4), (1, 3, 4), (2, 1, 3, 4), (2, 5, 1, 4)]
RIGHT = [(4,), (4, 2), (5, 4, 2), (1, 4, 2), (2, 1, 4, 2), (2, 5, 4, 1)]


def random(*shapes: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.integers(-3, 4, shape).astype("float64") for shape in shapes]


@pytest.mark.parametrize(("left", "right"), [*itertools.product(LEFT, RIGHT)])
def test_matmul_is_linear_in_each_operand(left: Any, right: Any) -> None:
    """Its value is NumPy's; <ct, t @ b> = <vjp of a, t> for integers, exactly."""
    a_, b_ = random(left, right)
    want = a_ @ b_
    a, b, ct = leaf(left, "float64"), leaf(right, "float64"), leaf(want.shape, "float64")
    node = a @ b
    assert node.shape == want.shape
    da, db = cotangents([node], [ct], [a, b])
    assert da is not None and db is not None
    ct_, ta, tb = random(want.shape, left, right)
    got, da_, db_ = evaluate([node, da, db], {a: a_, b: b_, ct: ct_})
    np.testing.assert_array_equal(got, want)
    assert da_.shape == left and db_.shape == right
    assert np.vdot(da_, ta) == np.vdot(ct_, ta @ b_)
    assert np.vdot(db_, tb) == np.vdot(ct_, a_ @ tb)


@pytest.mark.parametrize(
    "dtypes", [*itertools.product(["bool", "int8", "int64", "float32"], repeat=2)]
)
def test_matmul_has_the_dtype_of_numpy(dtypes: tuple[str, str]) -> None:
    arrays = [np.ones((2, 2), d) for d in dtypes]
    x, y = (leaf((2, 2), d) for d in dtypes)
    want = arrays[0] @ arrays[1]
    assert (x @ y).dtype == want.dtype
    np.testing.assert_array_equal(value(x @ y, [x, y], arrays), want)


def test_python_lists_and_arrays_are_operands() -> None:
    x = leaf((2, 3), "float64")
    assert (x @ [1.0, 2.0, 3.0]).shape == (2,)
    assert (np.ones((4, 2)) @ x).shape == (4, 3)
    with pytest.raises(DTypeError, match="expected an expression, an array or a number"):
        x @ "W"


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        ((3, 4), (3, 4), r"axis -1 of \(3, 4\) and axis -2 of \(3, 4\): 4 and 3 differ"),
        ((3, 4), (3,), r"axis -1 of \(3, 4\) and axis -1 of \(3,\): 4 and 3 differ"),
        ((B, 4), (5, 2), r"axis -1 of \(B, 4\) and axis -2 of \(5, 2\): 4 and 5 differ"),
        ((), (3,), "left operand has no axes"),
        ((3,), (), "right operand has no axes"),
        ((2, 3, 4), (5, 4, 2), "do not broadcast: axis -1 has 2 and 5"),
    ],
)
def test_errors_name_axes_and_sizes(left: Any, right: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message) as error:
        leaf(left, "float64") @ leaf(right, "float64")
    assert str(error.value).startswith("matmul: ")


def test_sizes_that_may_be_equal_are_checked() -> None:
    node = leaf((B, K), "float64") @ leaf((4, 2), "float64")
    assert node.shape == (B, 2)
    (check,) = node.checks
    assert holds(check, {"B": 1, "K": 4}) and not holds(check, {"B": 1, "K": 5})
    a, b = node.args
    da, db = cotangents([node], [leaf((B, 2), "float64")], [a, b])
    assert da is not None and da.shape == (B, K)
    assert db is not None and db.shape == (4, 2)


def test_source() -> None:
    a, b, c = (leaf((2, 2), "float64") for _ in range(3))
    x, y = Code("x"), Code("y")
    node = a @ b
    product = node.op.numpy(node, x, y)
    assert product.text == "x @ y"
    assert product.into("out") == "np.matmul(x, y, out=out)"
    assert node.op.numpy(node, x, product).text == "x @ (x @ y)"
    assert ((a @ b) @ c).op.expensive


def test_gradient_of_a_stack_times_a_matrix_is_one_product() -> None:
    """Not a stack of products that is then summed."""
    x, w = leaf((B, T, 8), "float64"), leaf((8, 5), "float64")
    for node, wrt in [(x @ w, w), (leaf((5, 8), "float64") @ sg.matrix_transpose(x), None)]:
        wrt = node.args[0] if wrt is None else wrt
        (g,) = cotangents([node], [leaf(node.shape, "float64")], [wrt])
        assert g is not None and g.shape == wrt.shape
        names = [n.op.name for n in topological([g])]
        assert names.count("matmul") == 1 and "sum" not in names
        assert all(n.ndim == 2 for n in topological([g]) if n.op.name == "matmul")


# ---- compositions


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        (name, shapes)
        for name, forms in {
            "dot": [((), (3,)), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 4)),
                    ((2, 5, 3), (3,)), ((2, 5, 3), (4, 3, 6)), ((3,), (4, 3, 6)), ((2, 3), ())],
            "inner": [((), (3,)), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (4, 3)),
                      ((3,), (4, 3)), ((2, 5, 3), (4, 6, 3))],
            "outer": [((3,), (4,)), ((2, 3), (4,)), ((), (3,)), ((0,), (3,))],
            "vdot": [((3,), (3,)), ((2, 3), (3, 2)), ((), ())],
        }.items()
        for shapes in forms
    ],
)  # fmt: skip
def test_products_as_numpy_defines_them(name: str, shapes: Any) -> None:
    values = random(*shapes)
    x, y = (leaf(shape, "float64") for shape in shapes)
    want = getattr(np, name)(*values)
    node = FUNCTIONS[name](x, y)
    assert node.shape == np.shape(want)
    np.testing.assert_array_equal(value(node, [x, y], values), want)
    assert getattr(np, name)(x, y) is node


@pytest.mark.parametrize(
    ("left", "right", "axes"),
    [
        ((2, 3), (4, 5), 0),
        ((2, 3), (3, 4), 1),
        ((2, 3, 4), (3, 4, 5), 2),
        ((2, 3), (2, 3), 2),
        ((2, 3, 4), (4, 3), ((1, 2), (1, 0))),
        ((2, 3, 4), (5, 2), (0, -1)),
        ((), (3,), 0),
        ((3,), (), 0),
        ((2, 0), (0, 3), 1),
    ],
)
def test_tensordot(left: Any, right: Any, axes: Any) -> None:
    values = random(left, right)
    x, y = leaf(left, "float64"), leaf(right, "float64")
    node = sg.tensordot(x, y, axes)
    want = np.tensordot(*values, axes=axes)
    assert node.shape == want.shape
    np.testing.assert_array_equal(value(node, [x, y], values), want)


@pytest.mark.parametrize("axes", [3, -1, 1.5, (0,), ((0, 1), (0,)), ((0, 0), (0, 1)), ("a", 0)])
def test_axes_that_cannot_be_paired(axes: Any) -> None:
    with pytest.raises(DeclarationError, match="tensordot"):
        sg.tensordot(leaf((2, 2), "float64"), leaf((2, 2), "float64"), axes)


def test_tensordot_pairs_sizes_one_by_one() -> None:
    """(2, 3) and (3, 2) have as many elements: that alone must not pass."""
    with pytest.raises(ShapeError, match="2 and 3 differ"):
        sg.tensordot(leaf((2, 3), "float64"), leaf((3, 2), "float64"), 2)
    node = sg.tensordot(leaf((B, K), "float64"), leaf((T, 3), "float64"), 2)
    checks = [c for n in topological([node]) for c in n.checks]
    assert all(holds(c, {"B": 2, "K": 3, "T": 2}) for c in checks)
    assert not all(holds(c, {"B": 3, "K": 2, "T": 2}) for c in checks)


@pytest.mark.parametrize("offset", [-3, -1, 0, 2, 4])
@pytest.mark.parametrize("axes", [(0, 1), (1, 0), (-1, 0), (1, 2)])
def test_diagonal_and_trace(offset: int, axes: tuple[int, int]) -> None:
    (values,) = random((3, 4, 2))
    x = leaf((3, 4, 2), "float64")
    for name in ("diagonal", "trace"):
        want = getattr(np, name)(values, offset, *axes)
        node = FUNCTIONS[name](x, offset, *axes)
        assert node.shape == want.shape
        np.testing.assert_array_equal(value(node, [x], [values]), want)


def test_gradient_of_trace_is_the_identity() -> None:
    x = leaf((K, K), "float64")
    (g,) = cotangents([sg.trace(x)], [sg.ones(())], [x])
    assert isinstance(g, Expr)
    np.testing.assert_array_equal(evaluate([g], {x: np.zeros((3, 3))})[0], np.eye(3))


def test_a_diagonal_needs_two_axes() -> None:
    with pytest.raises(DeclarationError, match="two axes"):
        sg.diagonal(leaf((3, 3), "float64"), 0, 1, -1)
