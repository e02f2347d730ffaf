"""``sg.function``: how it is called, what it returns, what it checks at entry."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import traceback
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg

STYLES = ["fast", "readable"]
Pair = namedtuple("Pair", "low high")


@pytest.fixture(params=STYLES)
def style(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# ---- calling


def test_inputs_by_position_and_by_name(style: str) -> None:
    x, y = sg.input("x", ()), sg.input("y", ())
    f = sg.function([x, y], x - 2 * y, style=style)
    assert f(5.0, 1.0) == f(5.0, y=1.0) == f(y=1.0, x=5.0) == 3.0


def test_outputs_come_back_in_their_structure(style: str) -> None:
    x = sg.input("x", (2,))
    structures: list[Any] = [
        x,
        [x, x + 1],
        (x,),
        (x, [x * 2, {"a": x * 3}]),
        {"b": x, "a": (x, x)},
        {1: x, "one": [x]},
        Pair(x, x + 1),
        [],
        {},
        {"nested": {"deeper": [[x]]}},
    ]

    def same(found: Any, declared: Any) -> None:
        if isinstance(declared, dict):
            assert type(found) is dict and list(found) == list(declared)
            for key in declared:
                same(found[key], declared[key])
        elif isinstance(declared, (list, tuple)):
            assert type(found) is type(declared) and len(found) == len(declared)
            for one, other in zip(found, declared, strict=True):
                same(one, other)
        else:
            assert isinstance(found, np.ndarray) and found.shape == (2,)

    for structure in structures:
        same(sg.function([x], structure, style=style)([1.0, 2.0]), structure)


def test_a_function_may_have_no_inputs_and_constant_outputs(style: str) -> None:
    f = sg.function([], {"a": 1.5, "b": [1, 2], "c": np.ones(2), "d": sg.arange(3)}, style=style)
    found = f()
    assert found["a"] == 1.5
    np.testing.assert_array_equal(found["b"][1], 2)
    found["c"][:] = 7
    found["d"][:] = 7
    np.testing.assert_array_equal(f()["c"], np.ones(2))
    np.testing.assert_array_equal(f()["d"], np.arange(3))


def test_an_unused_input_is_accepted_and_still_checked(style: str) -> None:
    x, unused = sg.input("x", ()), sg.input("unused", ("B", 2))
    f = sg.function([x, unused], x * 2, style=style)
    assert f(2.0, np.zeros((5, 2))) == 4.0
    with pytest.raises(sg.ShapeError, match="unused"):
        f(2.0, np.zeros((5, 3)))


def test_an_unused_input_may_alone_decide_a_size(style: str) -> None:
    x, y = sg.input("x", ("B",)), sg.input("y", ("B", "T"))
    f = sg.function([x, y], x + y.shape[1], style=style)
    np.testing.assert_array_equal(f([1.0, 2.0], np.zeros((2, 7))), [8.0, 9.0])


def test_parameters_and_states_may_be_inputs(style: str) -> None:
    w, s = sg.param("w", (2,)), sg.state("s", ())
    np.testing.assert_array_equal(
        sg.function([w, s], w * s, style=style)([1.0, 2.0], 3.0), [3.0, 6.0]
    )


def test_missing_unknown_and_repeated_inputs() -> None:
    x, y = sg.input("x", ()), sg.input("y", ())
    f = sg.function([x, y], x + y, name="total")
    with pytest.raises(sg.CompileError, match=r"total lacks the input 'y'; it takes \['x', 'y'\]"):
        f(1.0)
    with pytest.raises(sg.CompileError, match=r"total has no input 'z'; it has \['x', 'y'\]"):
        f(1.0, 2.0, z=3.0)
    with pytest.raises(sg.CompileError, match="got the input 'x' twice"):
        f(1.0, x=2.0)
    with pytest.raises(sg.CompileError, match=r"takes 2 inputs.*got 3"):
        f(1.0, 2.0, 3.0)


def test_an_output_whose_input_is_not_given() -> None:
    x, forgotten = sg.input("x", ()), sg.input("forgotten", (3,))
    with pytest.raises(
        sg.CompileError, match=r"the input 'forgotten'.*test_function\.py:.*\('x'\)"
    ):
        sg.function([x], x + forgotten)


def test_what_is_no_input_is_refused() -> None:
    x = sg.input("x", ())
    for wrong in ([x * 2], [x, 3.0], ["x"]):
        with pytest.raises(sg.DeclarationError, match="inputs of a function are what"):
            sg.function(wrong, x)
    with pytest.raises(sg.DeclarationError, match="twice"):
        sg.function([x, x], x)


def test_what_is_no_output_is_refused() -> None:
    x = sg.input("x", ())
    for wrong in (None, "x", object()):
        with pytest.raises(sg.DTypeError, match="expected an expression, an array or a number"):
            sg.function([x], wrong)


@pytest.mark.parametrize(
    ("option", "value"), [("target", "fortran"), ("style", "neat"), ("debug", "all")]
)
def test_an_unknown_option_is_refused(option: str, value: str) -> None:
    x = sg.input("x", ())
    with pytest.raises(sg.CompileError, match=rf"{option}: expected one of .*; got '{value}'"):
        sg.function([x], x, **{option: value})
    with pytest.raises(sg.CompileError, match=rf"{option}: expected one of .*; got '{value}'"):
        sg.compile(x * sg.param("w", ()), **{option: value})


# ---- data


def test_lists_and_integers_are_data(style: str) -> None:
    x = sg.input("x", ("B", 2))
    f = sg.function([x], x / 2, style=style)
    for data in ([[1, 2]], ((1, 2),), np.array([[1, 2]]), np.array([[1, 2]], "float32")):
        found = f(data)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, [[0.5, 1.0]])


def test_non_contiguous_and_read_only_data(style: str) -> None:
    x = sg.input("x", ("B", 3))
    f = sg.function([x], (x.sum(axis=0), sg.exp(x)), style=style)
    data = np.arange(12.0).reshape(3, 4)[:, :3] / 10
    for given in (data, np.asfortranarray(data), data[::-1], np.broadcast_to(data[:1], (3, 3))):
        given.setflags(write=False)
        total, e = f(given)
        np.testing.assert_allclose(total, given.sum(axis=0), rtol=1e-15)
        np.testing.assert_allclose(e, np.exp(given), rtol=1e-15)


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8", "bool"])
def test_integer_and_boolean_inputs(dtype: str, style: str) -> None:
    x = sg.input("x", (3,), dtype=dtype)
    data = np.array([0, 1, 1], dtype)
    found = sg.function([x], (x, x * 2, x / 2), style=style)(data)
    for one, expected in zip(found, (data, data * 2, data / 2), strict=True):
        np.testing.assert_array_equal(one, expected)
        assert one.dtype == expected.dtype


def test_wrong_shapes_and_dtypes_say_what_was_expected_came_and_where() -> None:
    x = sg.input("x", ("B", 3))
    n = sg.input("n", ("B",), dtype="int64")
    f = sg.function([x, n], x.sum(axis=1) + n)
    cases: list[tuple[Any, Any, type, str]] = [
        (np.zeros(3), [1], sg.ShapeError, r"x: expected shape \(B, 3\).*got \(3,\)"),
        (np.zeros((1, 4)), [1], sg.ShapeError, r"x: expected shape \(B, 3\).*got \(1, 4\)"),
        (np.zeros((1, 3), complex), [1], sg.DTypeError, "x: expected float64; got complex128"),
        (np.zeros((1, 3)), [1.5], sg.DTypeError, "n: expected int64; got float64"),
        ([["a", "b", "c"]], [1], sg.DTypeError, "x: expected float64; got <U1"),
        ([[1, 2, 3], [1, 2]], [1], sg.ShapeError, r"x: expected an array \(B, 3\)"),
        (None, [1], sg.DTypeError, "x: expected float64; got None"),
    ]
    for first, second, kind, pattern in cases:
        with pytest.raises(kind, match=pattern) as caught:
            f(first, second)
        assert "was declared at" in str(caught.value)
        assert "test_function.py:" in str(caught.value)


def test_sizes_that_disagree_name_both(style: str) -> None:
    x, y = sg.input("x", ("B", 2)), sg.input("y", ("B",))
    f = sg.function([x, y], x.sum(axis=1) * y, style=style)
    with pytest.raises(sg.ShapeError, match=r"y: expected shape \(B,\) = \(4,\); got \(5,\)"):
        f(np.zeros((4, 2)), np.zeros(5))


def test_two_sizes_that_must_agree_are_checked_at_entry(style: str) -> None:
    x, y = sg.input("x", ("B",)), sg.input("y", ("C",))
    f = sg.function([x, y], x + y, style=style)
    np.testing.assert_array_equal(f([1.0, 2.0], [3.0, 4.0]), [4.0, 6.0])
    with pytest.raises(sg.ShapeError, match=r"B == C must hold; got B = 2, C = 3"):
        f([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(sg.ShapeError, match="B == C"):  # NumPy would stretch it
        f([1.0], [1.0, 2.0, 3.0])


def test_a_constant_index_on_a_symbolic_axis_is_checked_at_entry(style: str) -> None:
    x = sg.input("x", ("B",))
    f = sg.function([x], (x[2], x[-2]), style=style)
    assert f([1.0, 2.0, 3.0]) == (3.0, 2.0)
    with pytest.raises(sg.ShapeError, match=r"B.*must hold; got B = 2"):
        f([1.0, 2.0])


def test_compound_sizes_are_solved(style: str) -> None:
    x, y = sg.input("x", ("2*T",)), sg.input("y", (sg.dim("T") + 1, "T"))
    f = sg.function([x, y], x.reshape(2, "T").sum(axis=0) + y.sum(axis=0), style=style)
    np.testing.assert_array_equal(f(np.ones(6), np.ones((4, 3))), [6.0, 6.0, 6.0])
    with pytest.raises(sg.ShapeError, match=r"x: expected shape \(2\*T,\).*got \(5,\)"):
        f(np.ones(5), np.ones((3, 2)))
    alone = sg.function([x], x * 2, style=style)
    assert alone(np.ones(4)).shape == (4,)
    with pytest.raises(sg.ShapeError, match=r"x: expected shape \(2\*T,\).*got \(5,\)"):
        alone(np.ones(5))


def test_a_size_that_no_input_decides_is_an_error_at_compile_time() -> None:
    with pytest.raises(sg.CompileError, match="the size 'T' is not decided"):
        sg.function([], sg.zeros(("T", 2)))


@pytest.mark.parametrize("size", ["x", "n_", "t", "data", "h", "_a", "d_x", "out", "shape", "axis"])
def test_a_size_may_bear_any_name_that_the_source_does_not_need(size: str, style: str) -> None:
    x = sg.input("x", (size, 2))
    h = sg.tanh(x) * x.shape[0]
    f = sg.function([x], [h, sg.grad(h.sum(), x)], style=style)
    value, slope = f(np.ones((3, 2)))
    np.testing.assert_allclose(value, np.full((3, 2), 3 * np.tanh(1.0)), rtol=1e-15)
    np.testing.assert_allclose(slope, np.full((3, 2), 3 / np.cosh(1.0) ** 2), rtol=1e-14)


@pytest.mark.parametrize("size", ["np", "params", "_array", "len", "rng", "key", "ShapeError"])
def test_a_size_that_the_source_needs_works_or_says_so(size: str, style: str) -> None:
    x = sg.input("x", (size, 2))
    try:
        f = sg.function([x], sg.exp(x).sum(axis=0) / x.shape[0], style=style)
    except sg.SymgradError as error:
        assert repr(size) in str(error)
        return
    np.testing.assert_allclose(f(np.zeros((3, 2))), [1.0, 1.0])


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_empty_and_single_batches(rows: int, style: str) -> None:
    x, w = sg.input("x", ("B", 3)), sg.input("w", (3, 2))
    h = sg.tanh(x @ w)
    loss = (h * h).sum()
    f = sg.function([x, w], (h, loss, sg.grad(loss, [x, w])), style=style)
    data, weights = np.full((rows, 3), 0.1), np.full((3, 2), 0.2)
    value, total, (d_x, d_w) = f(data, weights)
    expected = np.tanh(data @ weights)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_allclose(total, (expected**2).sum(), rtol=1e-14)
    d_h = 2 * expected * (1 - expected**2)
    np.testing.assert_allclose(d_x, d_h @ weights.T, rtol=1e-14)
    np.testing.assert_allclose(d_w, data.T @ d_h, rtol=1e-14, atol=1e-300)


# ---- dtypes


def test_float32_stays_float32(style: str) -> None:
    x = sg.input("x", ("B", 3), dtype="float32")
    w = sg.input("w", (3, 2), dtype="float32")
    h = sg.log1p(sg.exp(x @ w * 2.5 + 1)) / 3
    p = sg.exp(h) / sg.exp(h).sum(axis=1, keepdims=True)
    loss = -(sg.log(p) * x.shape[0]).mean() + sg.sqrt((w**2).sum())
    f = sg.function([x, w], [h, p, loss, sg.grad(loss, [x, w])], style=style)
    h_, p_, loss_, (d_x, d_w) = f(np.ones((4, 3), "float32"), np.ones((3, 2), "float32"))
    assert [a.dtype for a in (h_, p_, loss_, d_x, d_w)] == [np.float32] * 5


# ---- outputs are the caller's


def _mixed() -> tuple[list[sg.Expr], list[Any]]:
    x, w = sg.input("x", ("B", 3)), sg.input("w", (3, 3))
    h = sg.tanh(x @ w)
    out = [
        h,
        h.T,
        h[1:],
        h + 1,
        h,
        x,
        x.T,
        x[:, 0],
        x.reshape(-1),
        sg.exp(x),
        sg.exp(x).T,
        w,
        sg.const(np.ones(3)),
        h.sum(),
        sg.grad((h * h).sum(), [x, w]),
        sg.arange(x.shape[0]),
        sg.broadcast_to(h[:, :1], h.shape),
        sg.zeros((x.shape[0],)),
        h.at[0].set(0.0),
        -h,
    ]
    return [x, w], out


def _flat(out: Any) -> list[np.ndarray[Any, Any]]:
    return [np.asarray(b) for a in out for b in (a if isinstance(a, list) else [a])]


def test_a_later_call_never_overwrites_an_earlier_result(style: str) -> None:
    inputs, outputs = _mixed()
    f = sg.function(inputs, outputs, style=style)
    rng = np.random.default_rng(0)
    calls = [(rng.normal(size=(n, 3)), rng.normal(size=(3, 3))) for n in (4, 4, 2, 7, 4)]
    first = f(*calls[0])
    before = [a.copy() for a in _flat(first)]
    for call in calls[1:]:
        f(*call)
    for array, kept in zip(_flat(first), before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_outputs_share_memory_with_nothing(style: str) -> None:
    inputs, outputs = _mixed()
    f = sg.function(inputs, outputs, style=style)
    data = [np.random.default_rng(1).normal(size=s) for s in ((4, 3), (3, 3))]
    copies = [d.copy() for d in data]
    first, second = _flat(f(*data)), _flat(f(*data))
    everything = [*first, *second, *data]
    for i, a in enumerate(first):
        for j, b in enumerate(everything):
            assert i == j or not np.shares_memory(a, b), (i, j)
    for array, kept in zip(data, copies, strict=True):
        np.testing.assert_array_equal(array, kept)
    for array in first:
        assert array.flags.writeable or not array.ndim
    for array in first:  # to change them harms nobody
        if array.ndim:
            array[...] = np.nan if array.dtype.kind == "f" else -1
    for array, expected in zip(_flat(f(*data)), second, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_eight_threads_agree_with_one(style: str) -> None:
    inputs, outputs = _mixed()
    f = sg.function(inputs, outputs, style=style)
    rng = np.random.default_rng(2)
    data = [(rng.normal(size=(2 + n % 5, 3)), rng.normal(size=(3, 3))) for n in range(40)]
    serial = [_flat(f(*d)) for d in data]
    found: dict[int, list[np.ndarray[Any, Any]]] = {}
    barrier = threading.Barrier(8)

    def work(start: int) -> None:
        barrier.wait()
        for i in range(start, len(data), 8):
            found[i] = _flat(f(*data[i]))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, expected in enumerate(serial):
        for a, b in zip(found[i], expected, strict=True):
            np.testing.assert_array_equal(a, b)


# ---- randomness


def _noisy(style: str) -> sg.Function:
    x = sg.input("x", ("B", 4))
    a, b = sg.random.normal(x.shape), sg.random.uniform(x.shape)
    mask = sg.random.bernoulli(0.5, x.shape)
    loss = (sg.where(mask, x * a, b * x * x)).sum()
    return sg.function([x], (a, b, mask, loss, sg.grad(loss, x)), style=style)


def test_the_same_seed_gives_the_same_bits_in_every_style() -> None:
    data = np.arange(12.0).reshape(3, 4)
    runs = [_noisy(s)(data, rng=np.random.default_rng(5)) for s in (*STYLES, *STYLES)]
    for run in runs[1:]:
        for one, other in zip(runs[0][:3], run[:3], strict=True):
            np.testing.assert_array_equal(one, other)
    a, b, mask, _, slope = runs[0]
    np.testing.assert_allclose(slope, np.where(mask, a, 2 * b * data), rtol=1e-15)


def test_another_seed_and_another_call_give_other_bits(style: str) -> None:
    f = _noisy(style)
    data, rng = np.ones((3, 4)), np.random.default_rng(5)
    first, second = f(data, rng=rng), f(data, rng=rng)
    assert (first[0] != second[0]).all()
    assert (first[0] != f(data, rng=np.random.default_rng(6))[0]).all()


def test_two_draws_differ_and_one_draw_is_one(style: str) -> None:
    a, b = sg.random.normal((100,)), sg.random.normal((100,))
    f = sg.function([], (a, b, a - a, a * 2), style=style)
    one, other, zero, twice = f(rng=np.random.default_rng(0))
    assert (one != other).all()
    np.testing.assert_array_equal(zero, np.zeros(100))
    np.testing.assert_array_equal(twice, one * 2)


def test_draws_have_their_distribution(style: str) -> None:
    n, u = sg.random.normal((20000,), 2.0, 3.0), sg.random.uniform((20000,), -1.0, 5.0)
    k = sg.random.bernoulli(0.3, (20000,))
    normal, uniform, coin = sg.function([], (n, u, k), style=style)(rng=np.random.default_rng(0))
    # six standard errors of mean and deviation
    assert abs(normal.mean() - 2) < 6 * 3 / 141 and abs(normal.std() - 3) < 6 * 3 / 200
    assert abs(uniform.mean() - 2) < 6 * 1.74 / 141 and uniform.min() >= -1 and uniform.max() < 5
    assert coin.dtype == bool and abs(coin.mean() - 0.3) < 6 * 0.46 / 141


def test_bits_do_not_depend_on_threads(style: str) -> None:
    f = _noisy(style)
    data = np.ones((50, 4))
    expected = [f(data, rng=np.random.default_rng(i))[0] for i in range(8)]
    found: dict[int, Any] = {}
    threads = [
        threading.Thread(
            target=lambda i=i: found.update({i: f(data, rng=np.random.default_rng(i))[0]})
        )
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(8):
        np.testing.assert_array_equal(found[i], expected[i])


def test_a_draw_needs_a_generator() -> None:
    f = sg.function([], sg.random.normal((2,)))
    with pytest.raises(sg.CompileError, match=r"pass rng=np\.random\.default_rng"):
        f()
    with pytest.raises(sg.CompileError, match="got int"):
        f(rng=3)


def test_rng_where_nothing_is_drawn_is_an_error_or_ignored_consistently() -> None:
    x = sg.input("x", ())
    f = sg.function([x], x)
    assert f(1.0, rng=np.random.default_rng(0)) == 1.0


# ---- pickling, source, tracebacks


def test_a_function_pickles(style: str, tmp_path: Path) -> None:
    f = _noisy(style)
    data = np.random.default_rng(0).normal(size=(3, 4))
    expected = f(data, rng=np.random.default_rng(1))
    again = pickle.loads(pickle.dumps(f))
    assert again.source == f.source
    for a, b in zip(again(data, rng=np.random.default_rng(1)), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    (tmp_path / "f.pickle").write_bytes(pickle.dumps((f, data)))
    code = (
        "import pickle, sys, numpy as np\n"
        "f, x = pickle.load(open(sys.argv[1], 'rb'))\n"
        "out = f(x, rng=np.random.default_rng(1))\n"
        "pickle.dump((f.source, out), open(sys.argv[2], 'wb'))\n"
    )
    paths = [str(tmp_path / "f.pickle"), str(tmp_path / "out.pickle")]
    subprocess.run([sys.executable, "-W", "error", "-c", code, *paths], check=True)
    source, fresh = pickle.loads((tmp_path / "out.pickle").read_bytes())
    assert source == f.source
    for a, b in zip(fresh, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_tracebacks_show_lines_of_generated_source(style: str) -> None:
    a, n = sg.input("a", (2, 2)), sg.input("n", (), dtype="int64")
    f = sg.function([a, n], a[n * 2] + 1, style=style)
    try:
        f(np.zeros((2, 2)), 1)
    except IndexError:
        text = traceback.format_exc()
    assert "<symgrad " in text
    assert "a[n * 2]" in text or "a[" in text.rsplit("<symgrad ", 1)[1]


def test_the_source_is_what_runs(style: str) -> None:
    f = _noisy(style)
    data = np.random.default_rng(0).normal(size=(3, 4))
    namespace: dict[str, Any] = {}
    exec(f.source, namespace)
    out = namespace["function"](data, rng=np.random.default_rng(1))
    for a, b in zip(out, f(data, rng=np.random.default_rng(1)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_call_raises_no_numpy_warnings(style: str) -> None:
    x = sg.input("x", (3,))
    f = sg.function([x], [sg.log(x), 1 / x, sg.sqrt(x), sg.exp(x * 1e4)], style=style)
    f([-1.0, 0.0, 1.0])  # warnings are errors in this suite


def test_debug_nan_names_the_first_expression_that_is_not_finite(style: str) -> None:
    x = sg.input("x", (3,))
    fine = sg.exp(x)
    culprit = sg.log(x)
    after = culprit * 2 + fine
    f = sg.function([x], after.sum(), style=style, debug="nan")
    assert np.isfinite(f([1.0, 2.0, 3.0]))
    with pytest.raises(sg.NonFiniteError, match=r"culprit is -inf at \(1,\) \(1 of 3") as caught:
        f([1.0, 0.0, 2.0])
    assert "test_function.py:" in str(caught.value)
    assert isinstance(caught.value, FloatingPointError)


def test_debug_verify_runs_the_verifier() -> None:
    x = sg.input("x", ("B", 3))
    loss = sg.log(sg.exp(x).sum(axis=1)).mean()
    f = sg.function([x], sg.grad(loss, x), debug="verify")
    np.testing.assert_allclose(f(np.zeros((1, 3))), np.full((1, 3), 1 / 3))


def test_the_names_of_functions_are_made_safe() -> None:
    x = sg.input("x", ())
    for name in (
        "f",
        "my function",
        "lambda",
        "print",
        "a\nb",
        '"""',
        "größe",
        "np",
        "_array",
        "x",
    ):
        f = sg.function([x], sg.exp(x), name=name)
        assert f.name == name
        assert f(0.0) == 1.0
        exec(f.source, {})
    for name in ("", 3):
        with pytest.raises(sg.DeclarationError, match="name"):
            sg.function([x], x, name=name)
