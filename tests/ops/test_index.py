"""Indexing against NumPy's: every mixture of parts, batched or not, with sizes known or not."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import symgrad.ops
from symgrad.autodiff.batching import batch_outputs
from symgrad.autodiff.reverse import cotangents
from symgrad.errors import DeclarationError, DTypeError, ExpressionUseError, ShapeError
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, identity, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.size import as_shape, dim
from symgrad.ops.index import index_bounds, provably_unique
from symgrad.ops.interpret import evaluate
from symgrad.ops.labels import Within, label_bounds
from symgrad.ops.leaf import INPUT

assert symgrad.ops.FAMILIES

SHAPE = (4, 3, 5, 2)


def leaf(name: str, shape: Any, dtype: str = "float64") -> Expr:
    return identity(INPUT, {"name": name, "shape": as_shape(shape), "dtype": np.dtype(dtype)})


def source(node: Expr) -> str:
    codes = [Code(arg.name or f"a{i}") for i, arg in enumerate(node.args)]
    return node.op.numpy(node, *codes).text


def numbers(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)


# what may stand for one axis; an array is made an expression, or left as it is
PARTS: tuple[Any, ...] = (
    slice(None),
    slice(None, None, -1),
    slice(1, -1),
    1,
    -1,
    np.array([1, 0, 1]),
    np.array([[1], [0]]),
)


def random_indices(count: int) -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        parts = [PARTS[k] for k in rng.integers(len(PARTS), size=rng.integers(1, 5))]
        if rng.random() < 0.5:
            parts.insert(int(rng.integers(len(parts) + 1)), None)
        if len([p for p in parts if p is not None]) < 4 and rng.random() < 0.5:
            parts.insert(int(rng.integers(len(parts) + 1)), Ellipsis)
        found.append(tuple(parts))
    return found


@pytest.mark.parametrize("symbolic", [False, True])
def test_every_mixture_of_parts(symbolic: bool) -> None:
    x = leaf("x", ("A", "B", "C", "D") if symbolic else SHAPE)
    values = numbers(SHAPE)
    for index in random_indices(300):
        node = x[index]
        got = evaluate([node], {x: values})[0]
        want = values[index]
        assert got.shape == want.shape, index
        assert np.array_equal(got, want), index
        if not symbolic:
            assert node.shape == want.shape, index


def added(x: np.ndarray, index: Any, values: np.ndarray) -> np.ndarray:
    x = x.copy()
    np.add.at(x, index, values)
    return x


def replaced(x: np.ndarray, index: Any, values: np.ndarray) -> np.ndarray:
    x = x.copy()
    x[index] = values
    return x


def test_every_mixture_of_what_is_batched() -> None:
    rng = np.random.default_rng(1)
    size = 3
    for index in random_indices(200):
        spots = [i for i, part in enumerate(index) if isinstance(part, np.ndarray)]
        x = leaf("x", SHAPE)
        arrays = [leaf(f"i{i}", index[i].shape, "int64") for i in spots]

        def fill(arrays: Any, index: Any = index, spots: Any = spots) -> tuple[Any, ...]:
            parts = list(index)
            for spot, array in zip(spots, arrays, strict=True):
                parts[spot] = array
            return tuple(parts)

        here = fill(arrays)
        v = leaf("v", x[here].shape)
        leaves = [x, *arrays, v]
        flags = rng.integers(2, size=len(leaves)).astype(bool)
        env: dict[Expr, Any] = {}
        batched: dict[Expr, Expr] = {}
        for old, flag in zip(leaves, flags, strict=True):
            new = leaf(f"{old.name}s", (size, *old.shape), old.dtype.name) if flag else old
            # whole numbers: their sums are exact in any order
            high = 2 if old.dtype.kind == "i" else 50
            env[new] = rng.integers(0, high, size=new.shape).astype(old.dtype)
            if flag:
                batched[old] = new
        outputs = [x[here], x.at[here].add(v), x.at[here].set(v)]
        for (output, is_batched), oracle in zip(
            batch_outputs(outputs, batched),
            (lambda x, i, v: x[i], added, replaced),
            strict=True,
        ):
            got = evaluate([output], env)[0]
            for b in range(size if is_batched else 1):
                xb, *ib, vb = [env[batched[o]][b] if o in batched else env[o] for o in leaves]
                want = oracle(xb, fill(ib), vb)
                assert np.array_equal(got[b] if is_batched else got, want), (index, flags)


LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "reversed F": lambda a: np.asfortranarray(a[::-1, ::-1])[::-1, ::-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("full", [True, False])
def test_the_last_of_repeated_writes_wins_and_gets_the_gradient(layout: str, full: bool) -> None:
    """In whatever order memory lies: NumPy's own assignment follows the memory."""
    rng = np.random.default_rng(2)
    lay = LAYOUTS[layout]
    x, i, j = leaf("x", (4, 3)), leaf("i", (3, 4), "int64"), leaf("j", (3, 1), "int64")
    v = leaf("v", (3, 4) if full else (4,))
    y = x.at[i, j].set(v)
    ct = leaf("ct", y.shape)
    d_x, d_v = cotangents([y], [ct], [x, v])
    assert d_x is not None and d_v is not None
    for _ in range(10):
        env = {
            x: rng.random(x.shape),
            i: lay(rng.integers(0, 3, i.shape)),
            j: lay(rng.integers(0, 2, j.shape)),
            v: lay(rng.random(v.shape)) if full else rng.random(v.shape),
            ct: rng.random(y.shape),
        }
        got_y, got_x, got_v = evaluate([y, d_x, d_v], env)
        want_y, want_x, want_v = env[x].copy(), env[ct].copy(), np.zeros(v.shape)
        last: dict[tuple[int, int], tuple[int, int]] = {}
        for row, column in np.ndindex(3, 4):
            last[int(env[i][row, column]), int(env[j][row, 0])] = (row, column)
        for slot, place in last.items():
            at = place if full else place[1:]
            want_y[slot] = env[v][at]
            want_x[slot] = 0
            want_v[at] += env[ct][slot]
        assert np.array_equal(got_y, want_y)
        assert np.array_equal(got_x, want_x)
        assert np.allclose(got_v, want_v, rtol=1e-15, atol=0)


def test_gradient_of_repeated_indices_adds_up() -> None:
    x = leaf("x", (3,))
    y = x[[0, 2, 0, -1]]
    (d_x,) = cotangents([y], [as_expr(np.array([1.0, 2.0, 4.0, 8.0]))], [x])
    assert d_x is not None
    assert evaluate([d_x], {x: np.zeros(3)})[0].tolist() == [5.0, 0.0, 10.0]


# ---------------------------------------------------------------- masks and constants


@pytest.mark.parametrize("symbolic", [False, True])
def test_constant_masks(symbolic: bool) -> None:
    x = leaf("x", ("A", "B", 5) if symbolic else (4, 3, 5))
    values = numbers((4, 3, 5))
    row = np.array([True, False, True, True])
    both = values[:, :, 0] % 2 == 0
    for index in (
        row,
        row.tolist(),
        both,
        (slice(None), [True, False, True]),
        (row, 1),
        (0, both[0]),
    ):
        node, want = x[index], values[index]
        assert np.array_equal(evaluate([node], {x: values})[0], want)
    assert x[literal(row)] is x[row]
    assert symbolic == bool(x[row].args[0].checks), "the axis must be as long as the mask"


def test_mask_that_does_not_fit() -> None:
    with pytest.raises(ShapeError, match="boolean mask of shape"):
        leaf("x", (3, 4))[np.array([True, False])]


def test_boolean_expression_beside_other_indices_is_refused() -> None:
    x = leaf("x", ("B", 3))
    with pytest.raises(DeclarationError, match="whole axes"):
        x[x[:, 0] > 0, 1]


@pytest.mark.parametrize("index", [3, -4, [0, 3], np.array([-4]), (0, 2), (slice(None), [2])])
def test_constants_out_of_range_are_refused_at_declaration(index: Any) -> None:
    with pytest.raises(ShapeError, match="out of range"):
        leaf("x", (3, 2))[index]


@pytest.mark.parametrize(
    ("index", "error"),
    [
        (1.0, DTypeError),
        ("a", DTypeError),
        ([0.5], DTypeError),
        (True, DeclarationError),
        ((..., ...), DeclarationError),
        ((0, 0, 0), ShapeError),
    ],
)
def test_what_is_no_index(index: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        leaf("x", (3, 2))[index]


def test_constant_index_on_a_symbolic_axis_is_checked() -> None:
    B = dim("B")
    x = leaf("x", ("B",))
    assert [(c.left, c.relation, c.right) for c in x[2].checks] == [(3, "<=", B)]
    assert [(c.left, c.relation, c.right) for c in x[-2].checks] == [(0, "<=", B - 2)]
    assert x[-2].checks[0].reason == "index -2 is out of range for axis 0 of (B,)"
    assert not leaf("y", (3,))[-2].checks


# ---------------------------------------------------------------- source


def test_source_is_what_a_person_would_write() -> None:
    x = leaf("x", ("B", "T", 5))
    T = dim("T")
    rows, y = leaf("rows", ("B",), "int64"), leaf("y", ("B",), "int64")
    assert source(x[:, None]) == "x[:, None]"
    assert source(x[1:-1]) == "x[1:-1]"
    assert source(x[:, 2:]) == "x[:, 2:]"
    assert source(x[:, ::-2]) == "x[:, ::-2]"
    assert source(x[-5:-2]) == "x[-5:-2]"
    assert source(x[5:2:-1]) == "x[5:2:-1]"
    assert source(x[:T]) == "x[:T]"
    assert source(x[-1]) == "x[-1]"
    assert source(x[..., 1:4]) == "x[:, :, 1:4]"
    assert source(x[rows, y]) == "x[rows, y]"
    assert source(x[rows, :, y]) == "x[rows, :, y]"
    assert source(leaf("s", ())[()]) == "s[()]"


def bounds_of_slices() -> list[Any]:
    ends = [None, 0, 1, 2, 5, -1, -2, -5]
    return [slice(a, b, s) for a, b, s in itertools.product(ends, ends, (1, 2, -1, -3))]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7])
def test_every_slice_of_an_axis(size: int) -> None:
    values = numbers((size,))
    for symbolic in (True, False):
        x = leaf("x", ("B",) if symbolic else (size,))
        for index in bounds_of_slices():
            got = evaluate([x[index]], {x: values})[0]
            assert np.array_equal(got, values[index]), (index, source(x[index]))


def test_slices_with_sizes_as_bounds() -> None:
    T, B = dim("T"), dim("B")
    x, t = leaf("x", ("B",)), leaf("t", ("T",))
    cases = [
        (x[:T], lambda v, T, B: v[:T]),
        (x[T:], lambda v, T, B: v[T:]),
        (x[T // 2 : B - T // 2 + T], lambda v, T, B: v[T // 2 :]),
        (x[T::-1], lambda v, T, B: v[T::-1]),
        (x[: 2 * T : -1], lambda v, T, B: v[: 2 * T : -1]),
        (x[-T - 1 :], lambda v, T, B: v[-T - 1 :]),
        (x[-T - 1 :: -1], lambda v, T, B: v[-T - 1 :: -1]),
        (x[1 : T + 2 : 2], lambda v, T, B: v[1 : T + 2 : 2]),
    ]
    for size_b, size_t in itertools.product(range(5), repeat=2):
        env = {x: numbers((size_b,)), t: numbers((size_t,))}
        for node, oracle in cases:
            got = evaluate([node], env)[0]
            want = oracle(env[x], size_t, size_b)
            assert np.array_equal(got, want), (source(node), size_b, size_t)


# ---------------------------------------------------------------- updates


def update(node: Expr) -> str:
    codes = [Code(arg.name or f"a{i}") for i, arg in enumerate(node.args)]
    return node.op.update(node, "out", *codes)


def test_updates_in_place_only_where_no_element_comes_twice() -> None:
    x = leaf("x", ("B", 5))
    y, v, w = leaf("y", ("B",), "int64"), leaf("v", ("B",)), leaf("w", ("B", "B"))
    rows = FUNCTIONS["arange"](dim("B"))
    assert update(x.at[1:].add(1.0)) == "out[1:] += a1"
    assert update(x.at[rows, y].add(v)) == "out[a1, y] += v"
    assert update(x.at[y, y].add(v)) == "np.add.at(out, (y, y), v)"
    assert update(x.at[y].add(1.0)) == "add_rows(out, y, a2)"
    assert update(x.at[:, y].add(w)) == "np.add.at(out, np.s_[:, y], w)"
    assert update(x.at[y].set(0.0)) == "out[y] = a2"
    value = leaf("value", ())
    node = x.at[1:].add(-value)
    assert node.op.update(node, "out", Code("x"), Code.prefix("-", Code("value"))) == (
        "out[1:] -= value"
    )


def test_provably_unique() -> None:
    x = leaf("x", (4, 6))
    i = leaf("i", (4,), "int64")
    arange = FUNCTIONS["arange"]
    column = arange(4)[:, None]
    assert provably_unique(x[1:, ::2])
    assert provably_unique(x[arange(4), i])
    assert provably_unique(x[arange(1, 4), [0, 0, 0]])
    assert provably_unique(x[column, arange(6)])
    assert provably_unique(x[[3, 0, -2]])
    assert not provably_unique(x[[3, 0, -1]]), "-1 is 3"
    assert not provably_unique(x[i])
    assert not provably_unique(x[column, i]), "a row may repeat a column"
    assert not provably_unique(x[arange(-1, 3)]), "counted from both ends"
    assert not provably_unique(leaf("s", ("B", 2))[[0, -1]]), "the same if B is 1"


def test_a_label_bound_sees_through_a_mark_that_is_replaced() -> None:
    i, j = leaf("i", ("B",), "int64"), leaf("j", ("B",), "int64")
    where = FUNCTIONS["where"]
    assert label_bounds(i, 7) == [(i, Within(7))]
    assert label_bounds(where(i != -1, i, 0), 7) == [(i, Within(7, -1))]
    for other in (where(j != -1, i, 0), where(i != j, i, 0), where(i != -1, i, j)):
        assert label_bounds(other, 7) == [(other, Within(7))]


def test_label_bounds_see_through_what_rearranges_and_beyond_lengths() -> None:
    i, n = leaf("i", ("B", "T"), "int32"), leaf("n", ("B",), "int32")
    j = leaf("j", ("B", "T"), "int64")
    where, stack = FUNCTIONS["where"], FUNCTIONS["stack"]
    both = stack([i.astype("int64"), j, i.astype("int64")], axis=1).reshape((-1,))
    assert label_bounds(both, 7) == [(i, Within(7)), (j, Within(7))]
    steps = FUNCTIONS["arange"](i.shape[1])
    for column in (n[:, None], n.astype("int64")[:, None], n.reshape((-1, 1))):
        inside = where(steps < column, i, 0)
        known = column.op.name != "reshape"
        expected = (i, Within(7, lengths=n)) if known else (inside, Within(7))
        assert label_bounds(inside, 7) == [expected]
    for other in (where(steps <= n[:, None], i, 0), where(steps < n[:, None], i, j), i + 1):
        assert label_bounds(other, 7) == [(other, Within(7))]
    y = i.astype("float64").astype("int64")
    assert label_bounds(y, 7) == [(y, Within(7))]


def test_index_bounds_name_the_axis_that_each_array_must_lie_in() -> None:
    x = leaf("x", ("B", 5, 7))
    i, j = leaf("i", (2,), "int64"), leaf("j", (2,), "int64")
    assert index_bounds(x[i, None, :, j]) == [(i, dim("B")), (j, 7)]
    assert index_bounds(x.at[:, i].add(1.0)) == [(i, 5)]
    assert index_bounds(x[0]) == []


# ---------------------------------------------------------------- functions and refusals


def test_values_must_fit_the_slots_and_the_dtype() -> None:
    x, n = leaf("x", (3, 4)), leaf("n", (3,), "int64")
    with pytest.raises(ShapeError, match=r"values of shape \(3,\) for elements of shape \(4,\)"):
        x.at[0].set(np.zeros(3))
    with pytest.raises(DTypeError, match="values of float64"):
        n.at[0].add(0.5)
    assert leaf("f", (3,), "float32").at[0].set(0.5).dtype == np.float32


def test_put_along_axis_does_not_pretend_to_change_its_argument() -> None:
    x, i = leaf("x", (3, 4)), leaf("i", (3, 1), "int64")
    with pytest.raises(ExpressionUseError, match="inplace=False"):
        np.put_along_axis(x, i, 1.0, axis=1)  # type: ignore[call-overload]
    node = FUNCTIONS["put_along_axis"](x, i, 1.5, axis=1, inplace=False)
    values, ids = numbers((3, 4)), np.array([[3], [0], [2]])
    want = values.copy()
    np.put_along_axis(want, ids, 1.5, axis=1)
    assert np.array_equal(evaluate([node], {x: values, i: ids})[0], want)


def test_take_along_axis_broadcasts_as_numpy_does() -> None:
    x, i = leaf("x", (3, 1, 4)), leaf("i", (1, 2, 4), "int64")
    values = numbers((3, 1, 4))
    ids = np.array([0, 2, 1, 0, 2, 2, 0, 1]).reshape(1, 2, 4)
    node = FUNCTIONS["take_along_axis"](x, i, axis=0)
    got = evaluate([node], {x: values, i: ids})[0]
    assert np.array_equal(got, np.take_along_axis(values, ids, axis=0))
