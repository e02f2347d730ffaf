"""Shapes with symbolic sizes, refusals, views and source of the ops on shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad.ops
from symgrad.autodiff.forward import pushforward
from symgrad.autodiff.reverse import cotangents
from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, as_expr, identity
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.size import as_shape, dim
from symgrad.ops.interpret import evaluate
from symgrad.ops.leaf import INPUT

assert symgrad.ops.FAMILIES

B, T = dim("B"), dim("T")


def leaf(name: str, shape: Any, dtype: str = "float64") -> Expr:
    return identity(INPUT, {"name": name, "shape": as_shape(shape), "dtype": np.dtype(dtype)})


def source(node: Expr) -> str:
    codes = [Code(arg.name or f"a{i}") for i, arg in enumerate(node.args)]
    return node.op.numpy(node, *codes).text


def f(name: str, *args: Any, **kwargs: Any) -> Any:
    return FUNCTIONS[name](*args, **kwargs)


def checks(node: Expr) -> list[tuple[Any, str, Any]]:
    return [(c.left, c.relation, c.right) for c in node.checks]


# ---------------------------------------------------------------- symbolic sizes


def test_reshape_infers_a_symbolic_size() -> None:
    x = leaf("x", ("B", 4, 3))
    for shape, want in (
        ((-1, 12), (B, 12)),
        (("B", -1), (B, 12)),
        ((-1,), (12 * B,)),
        ((2, -1, 2), (2, 3 * B, 2)),
    ):
        node = x.reshape(shape)
        assert node.shape == want
        assert not node.checks


def test_reshape_checks_what_it_cannot_prove() -> None:
    node = leaf("x", ("B",)).reshape(-1, 3)
    assert node.shape == (B // 3, 3)
    assert checks(node) == [(B, "==", 3 * (B // 3))]
    assert checks(leaf("x", ("B", 2)).reshape("T")) == [(2 * B, "==", T)]


def test_a_symbolic_size_never_means_1() -> None:
    x = leaf("x", ("B", 1, 3))
    assert f("squeeze", x).shape == (B, 3)
    with pytest.raises(ShapeError, match="a symbolic size never means 1"):
        f("squeeze", x, axis=0)
    assert checks(f("broadcast_to", leaf("b", ("B",)), (5,))) == [(B, "==", 5)]


def test_concatenated_sizes_add_up() -> None:
    x, y = leaf("x", ("B", 3)), leaf("y", ("T", 3))
    assert f("concatenate", [x, y, x]).shape == (2 * B + T, 3)
    joined = f("concatenate", [x, y], axis=1)
    assert joined.shape == (B, 6)
    assert checks(joined) == [(B, "==", T)]
    values = {x: np.ones((2, 3)), y: np.zeros((4, 3))}
    assert evaluate([f("concatenate", [x, y])], values)[0].shape == (6, 3)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 7])
def test_parts_of_a_symbolic_axis(size: int) -> None:
    x = leaf("x", ("B",))
    values = np.arange(float(size))
    parts = f("array_split", x, 3)
    for got, want in zip(evaluate(parts, {x: values}), np.array_split(values, 3), strict=True):
        assert np.array_equal(got, want)
    if size:
        for shift in (1, -1, size + 2):
            got = evaluate([f("roll", x, shift)], {x: values})[0]
            assert np.array_equal(got, np.roll(values, shift))


def test_split_as_numpy_does() -> None:
    values = np.arange(12.0).reshape(2, 6)
    x = leaf("x", (2, 6))
    for given in (3, [1, 4], [2, 2, 9], (-2,)):
        got = evaluate(f("split", x, given, axis=1), {x: values})
        want = np.split(values, given, axis=1)
        assert [g.tolist() for g in got] == [w.tolist() for w in want]
    with pytest.raises(ShapeError, match="not a multiple of 4"):
        f("split", x, 4, axis=1)
    with pytest.raises(ShapeError, match="not a multiple of 2"):
        f("split", leaf("y", ("B",)), 2)
    assert [p.shape for p in f("split", leaf("y", (2 * B,)), 2)] == [(B,), (B,)]


def test_rolls_and_flips_along_several_axes() -> None:
    values = np.arange(24.0).reshape(2, 3, 4)
    x = leaf("x", (2, 3, 4))
    cases = [
        (f("roll", x, 2), np.roll(values, 2)),
        (f("roll", x, (1, -2), (0, 2)), np.roll(values, (1, -2), (0, 2))),
        (f("roll", x, 1, (0, 1)), np.roll(values, 1, (0, 1))),
        (f("roll", x, (1, 1), 2), np.roll(values, (1, 1), 2)),
        (f("flip", x), np.flip(values)),
        (f("flip", x, (0, -1)), np.flip(values, (0, -1))),
        (f("flipud", x), np.flipud(values)),
        (f("fliplr", x), np.fliplr(values)),
        (f("moveaxis", x, (0, 1), (-1, 0)), np.moveaxis(values, (0, 1), (-1, 0))),
    ]
    for node, want in cases:
        assert np.array_equal(evaluate([node], {x: values})[0], want)


@pytest.mark.parametrize("name", ["vstack", "hstack", "column_stack"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 1)])
def test_stacks(name: str, shape: tuple[int, ...]) -> None:
    x, y = leaf("x", shape), leaf("y", shape)
    a = np.arange(float(np.prod(shape))).reshape(shape)
    got = evaluate([f(name, [x, y])], {x: a, y: -a})[0]
    assert np.array_equal(got, getattr(np, name)([a, -a]))


def test_stack_takes_nested_lists_and_numbers() -> None:
    x = leaf("x", ())
    node = f("stack", [[x, 1.0], [0.0, x * 2]])
    assert node.shape == (2, 2)
    assert evaluate([node], {x: 3.0})[0].tolist() == [[3.0, 1.0], [0.0, 6.0]]


@pytest.mark.parametrize(
    "width", [1, (1, 2), ((1, 2),), ((0, 1), (2, 0)), [[1], [2]], np.array([[0, 1], [1, 0]])]
)
def test_pad_takes_numpys_forms(width: Any) -> None:
    x, values = leaf("x", (2, 3)), np.arange(6.0).reshape(2, 3)
    got = evaluate([f("pad", x, width, constant_values=-np.inf)], {x: values})[0]
    assert np.array_equal(got, np.pad(values, width, constant_values=-np.inf))


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (lambda x: x.reshape(5, -1), ShapeError, "not a multiple of 5"),
        (lambda x: x.reshape(-1, -1), ShapeError, "only one size may be -1"),
        (lambda x: x.reshape(5), ShapeError, "6 and 5 differ"),
        (lambda x: x.transpose(0, 0), DeclarationError, "names an axis twice"),
        (lambda x: x.transpose((0,)), DeclarationError, "for an array of 2 axes"),
        (lambda x: x.swapaxes(0, 2), DeclarationError, "axis2 2 is out of range for 2 axes"),
        (lambda x: x.squeeze(1), ShapeError, "has size 3, not 1"),
        (lambda x: x.squeeze(True), DeclarationError, "must be an integer"),
        (lambda x: f("expand_dims", x, (0, 4)), DeclarationError, "out of range for 4 axes"),
        (lambda x: f("broadcast_to", x, (3, 3)), ShapeError, "axis -2"),
        (lambda x: f("broadcast_to", x, (3,)), ShapeError, "2 axes cannot become 1"),
        (lambda x: f("concatenate", []), DeclarationError, "at least one array"),
        (lambda x: f("concatenate", [x, x[0]]), ShapeError, "2 and 1 axes"),
        (lambda x: f("concatenate", [x, x[:, :2]]), ShapeError, "axis 1: 3 and 2 differ"),
        (lambda x: f("stack", [x, x.T]), ShapeError, "axis 0: 2 and 3 differ"),
        (lambda x: f("pad", x, -1), ShapeError, "must not be negative"),
        (lambda x: f("pad", x, ((1, 1),) * 3), DeclarationError, "3 pairs of pad_width for 2 axes"),
        (lambda x: f("pad", x, 1, mode="circle"), DeclarationError, "mode is one of constant"),
        (lambda x: f("pad", x.astype(int), 1, constant_values=0.5), DTypeError, "float64"),
        (lambda x: f("repeat", x, [1, 2]), DeclarationError, "2 numbers for an axis of size 6"),
        (lambda x: f("repeat", x, -1), ShapeError, "must not be negative"),
        (lambda x: f("matrix_transpose", x[0]), ShapeError, "at least 2 axes"),
        (lambda x: f("roll", x, (1, 2, 3), (0, 1)), DeclarationError, "3 shifts for 2 axes"),
        (lambda x: f("split", x, 0), DeclarationError, "must be positive"),
        (lambda x: np.fft.fft(x).astype("float64"), DTypeError, "take their .real or .imag"),
    ],
)
def test_refusals_say_what_was_expected(declare: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        declare(leaf("x", (2, 3)))


# ---------------------------------------------------------------- casts


def test_derivative_of_a_cast_is_cast_back() -> None:
    x = leaf("x", (3,))
    y = x.astype("float32")
    seed = as_expr(np.array([1.0, 2.0, 3.0], np.float32))
    (d_x,) = cotangents([y], [seed], [x])
    (t_y,) = pushforward([y], [x], [leaf("t", (3,))])
    assert d_x is not None and t_y is not None
    assert (d_x.dtype, t_y.dtype) == (np.float64, np.float32)
    assert evaluate([d_x], {x: np.zeros(3)})[0].tolist() == [1.0, 2.0, 3.0]
    assert cotangents([x.astype(int).astype(float)], [leaf("s", (3,))], [x]) == [None]


# ---------------------------------------------------------------- source and views


def test_source_is_what_a_person_would_write() -> None:
    x, y = leaf("x", ("B", 4, 3)), leaf("y", ("T", 4, 3))
    m = leaf("m", ("B", 3))
    assert source(m.T) == "m.T"
    assert source(x.T) == "x.T"
    assert source(x.mT) == "x.mT"
    assert source(x.swapaxes(0, 1)) == "x.swapaxes(0, 1)"
    assert source(x.transpose(1, 2, 0)) == "x.transpose(1, 2, 0)"
    assert source(x.reshape("B", -1)) == "x.reshape(B, 12)"
    assert source(x.reshape(-1, 3)) == "x.reshape(-1, 3)"
    assert source(x.ravel()) == "x.ravel()"
    assert source(f("expand_dims", m, 1)) == "m[:, None]"
    assert source(f("expand_dims", m, 0)) == "m[None]"
    assert source(f("squeeze", leaf("s", ("B", 1, 3)))) == "s[:, 0]"
    assert source(f("broadcast_to", m, ("T", "B", 3))) == "np.broadcast_to(m, (T, B, 3))"
    assert source(f("concatenate", (x, y))) == "np.concatenate((x, y))"
    assert source(f("concatenate", (m, m), axis=1)) == "np.concatenate((m, m), axis=1)"
    assert source(f("stack", (m, m), axis=-1)) == "np.stack((m, m), axis=2)"
    assert source(f("pad", m, 1)) == "np.pad(m, 1)"
    assert source(f("pad", m, ((0, 0), (1, 2)))) == "np.pad(m, ((0, 0), (1, 2)))"
    assert (
        source(f("pad", m, 1, constant_values=-np.inf)) == "np.pad(m, 1, constant_values=-np.inf)"
    )
    assert source(f("tile", m, (2, 1))) == "np.tile(m, (2, 1))"
    assert source(f("repeat", m, 2, axis=0)) == "m.repeat(2, axis=0)"
    assert source(m.astype("float32")) == "m.astype(np.float32)"
    assert source(m.astype(bool)) == "m.astype(bool)"


def test_views_are_what_shares_memory() -> None:
    x = leaf("x", (2, 1, 3))
    values = np.arange(6.0).reshape(2, 1, 3)
    rows = np.array([0, 1])
    nodes = [
        x.T, x.mT, x.reshape(6), f("expand_dims", x, 0), f("squeeze", x), x[1:], x[::-1, 0],
        f("broadcast_to", x, (4, 2, 5, 3)), x[rows], x.astype("float32"), f("tile", x, 2),
        f("repeat", x, 1, axis=0), f("pad", x, 0), f("concatenate", [x]), f("stack", [x]),
    ]  # fmt: skip
    for node in nodes:
        source_text = node.op.numpy(node, Code("x"), *[Code("rows")] * (len(node.args) - 1)).text
        result = eval(source_text, {"np": np, "x": values, "rows": rows})
        assert np.shares_memory(result, values) == node.op.is_view(node), source_text


def test_nothing_is_made_where_nothing_changes() -> None:
    x = leaf("x", ("B", 3))
    assert x.astype("float64") is x
    assert f("squeeze", x) is x
    assert f("broadcast_to", x, ("B", 3)) is x
    assert x.transpose(0, 1) is x
