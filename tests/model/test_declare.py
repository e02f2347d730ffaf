"""Declaring: what inputs, parameters, states, names and scopes are, and what is refused."""

from __future__ import annotations

import copy
import operator
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg

# ---- leaves


def test_input_has_the_declared_shape_and_dtype() -> None:
    x = sg.input("x", ("B", 3, sg.dim("T") * 2), dtype="int32")
    assert (x.name, x.ndim, x.dtype) == ("x", 3, np.dtype("int32"))
    assert x.shape == (sg.dim("B"), 3, sg.dim("T") * 2)
    assert sg.input("s", ()).dtype == np.float64


def test_a_string_and_a_dim_are_the_same_size() -> None:
    assert sg.input("x", ("B",)).shape == sg.input("y", (sg.dim("B"),)).shape


def test_rng_is_no_name_for_data() -> None:
    with pytest.raises(sg.DeclarationError, match="'rng'"):
        sg.input("rng", ())


@pytest.mark.parametrize("declare", [sg.input, sg.param, sg.state])
@pytest.mark.parametrize("name", ["", 3, None])
def test_a_name_is_a_non_empty_string(declare: Callable[..., Any], name: Any) -> None:
    with pytest.raises(sg.DeclarationError, match="non-empty string; got"):
        declare(name, ())


@pytest.mark.parametrize("declare", [sg.input, sg.param, sg.state])
@pytest.mark.parametrize(
    "shape", [(float("nan"),), (2.5,), (-1,), (None,), ("",), ("2*",), (True,)]
)
def test_what_is_no_size_is_refused(declare: Callable[..., Any], shape: tuple[Any, ...]) -> None:
    with pytest.raises(sg.SymgradError, match="'weights'") as caught:
        declare("weights", shape)
    assert isinstance(caught.value, (ValueError, TypeError))


@pytest.mark.parametrize("dtype", ["float99", "U5", object, "datetime64[s]"])
def test_what_is_no_numeric_dtype_is_refused(dtype: Any) -> None:
    with pytest.raises(sg.DTypeError):
        sg.input("x", (), dtype=dtype)


def test_a_parameter_is_floating() -> None:
    with pytest.raises(sg.DTypeError, match=r"'w'.*expected a floating dtype.*got int64"):
        sg.param("w", (3,), dtype="int64")


INITS: dict[str, tuple[Any, np.ndarray[Any, Any]]] = {
    "none": (None, np.zeros((2, 3))),
    "number": (1.5, np.full((2, 3), 1.5)),
    "integer": (2, np.full((2, 3), 2.0)),
    "array": (np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3)),
    "list": ([[1, 2, 3], [4, 5, 6]], np.array([[1.0, 2, 3], [4, 5, 6]])),
    "callable": (lambda rng, shape, dtype: np.full(shape, 7, dtype), np.full((2, 3), 7.0)),
    "zeros": (sg.init.zeros(), np.zeros((2, 3))),
    "ones": (sg.init.ones(), np.ones((2, 3))),
}


@pytest.mark.parametrize("kind", INITS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_kind_of_init(kind: str, dtype: str) -> None:
    init, expected = INITS[kind]
    w = sg.param("w", (2, 3), init=init, dtype=dtype)
    found = sg.compile(w.sum()).init(seed=0)["w"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


def test_an_initial_array_is_not_shared_with_the_user_or_between_calls() -> None:
    first = np.ones(3)
    model = sg.compile(sg.param("w", (3,), init=first).sum())
    first[:] = 5
    a, b = model.init(), model.init()
    a["w"][:] = 7
    np.testing.assert_array_equal(b["w"], np.ones(3))
    np.testing.assert_array_equal(model.init()["w"], np.ones(3))


def test_random_init_depends_on_the_seed_alone() -> None:
    w = sg.param("w", (4, 3), init=sg.init.he_normal())
    v = sg.param("v", (4, 3), init=sg.init.he_normal())
    model = sg.compile((w * v).sum())
    one, same, other = model.init(seed=1), model.init(seed=1), model.init(seed=2)
    np.testing.assert_array_equal(one["w"], same["w"])
    assert (one["w"] != other["w"]).all()
    assert (one["w"] != one["v"]).all()


@pytest.mark.parametrize("init", ["zeros", object(), [["a"]], 1j])
def test_what_is_no_init_is_refused(init: Any) -> None:
    with pytest.raises(sg.DeclarationError, match=r"init of 'w': expected an initialiser"):
        sg.param("w", (2,), init=init)


def test_init_of_another_shape_is_refused() -> None:
    with pytest.raises(sg.ShapeError, match=r"init of 'w': expected shape \(2, 3\); got \(3, 2\)"):
        sg.param("w", (2, 3), init=np.zeros((3, 2)))


# ---- names


def test_scopes_nest_and_prefix_parameters_and_states() -> None:
    with sg.scope("encoder"):
        with sg.scope("first"):
            w = sg.param("W", ())
        s = sg.state("mean", ())
    b = sg.param("b", ())
    assert (w.name, s.name, b.name) == ("encoder.first.W", "encoder.mean", "b")
    assert set(sg.compile(w * b + s).init()) == {"encoder.first.W", "encoder.mean", "b"}


def test_a_scope_does_not_prefix_data() -> None:
    with sg.scope("encoder"):
        assert sg.input("x", ()).name == "x"


def test_a_scope_ends_with_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), sg.scope("a"):
        1 / 0  # noqa: B018
    assert sg.param("w", ()).name == "w"


@pytest.mark.parametrize("name", ["", "a.b", None])
def test_a_bad_scope_is_refused(name: Any) -> None:
    with pytest.raises(sg.DeclarationError, match="scope"), sg.scope(name):
        pass


def test_a_scope_belongs_to_its_thread() -> None:
    names: list[str | None] = []
    with sg.scope("here"):
        thread = threading.Thread(target=lambda: names.append(sg.param("w", ()).name))
        thread.start()
        thread.join()
    assert names == ["w"]


def test_an_expression_is_called_after_its_variable() -> None:
    x = sg.input("x", ())
    hidden = sg.tanh(x)
    assert hidden.name == "hidden"


def test_a_name_of_the_users_wins() -> None:
    x = sg.input("x", ())
    hidden = sg.name(sg.cosh(x), "h1")
    assert hidden is sg.cosh(x)
    assert hidden.name == "h1"
    assert "h1 = np.cosh(x)" in sg.function([x], hidden + 1, style="readable").source


def test_a_leaf_keeps_its_name() -> None:
    x = sg.input("x", ())
    assert sg.name(x, "x") is x
    with pytest.raises(sg.DeclarationError, match=r"'x' is declared and has that name; got 'y'"):
        sg.name(x, "y")


def test_a_constant_may_be_named() -> None:
    weights = sg.const([1.0, 2.0, 3.0], name="weights")
    assert weights.name == "weights"
    x = sg.input("x", (3,))
    assert "WEIGHTS = np.array([1.0, 2.0, 3.0])" in sg.function([x], x * weights).source


def test_two_constants_of_one_name_do_not_meet() -> None:
    x = sg.input("x", (2,))
    y = x * sg.const([1.0, 2.0], name="c") + sg.const([3.0, 4.0], name="c")
    np.testing.assert_array_equal(sg.function([x], y)([1.0, 1.0]), [4.0, 6.0])


def test_a_constant_may_bear_the_name_of_an_input_or_a_table() -> None:
    x = sg.input("C", (2,))
    params = sg.const([5.0, 6.0], name="params")
    y = x * sg.const([1.0, 2.0], name="c") + params
    np.testing.assert_array_equal(sg.function([x], y)([1.0, 1.0]), [6.0, 8.0])


def test_numbers_need_no_wrapping() -> None:
    x = sg.input("x", (2,))
    f = sg.function([x], [x + 1, 2.5 * x, x - np.float64(3), np.array([1.0, 2.0]) / x, [1, 2] + x])
    for found, expected in zip(
        f([1.0, 2.0]), ([2, 3], [2.5, 5], [-2, -1], [1, 1], [2, 4]), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_const_copies_its_array() -> None:
    array = np.ones(3)
    x = sg.input("x", (3,))
    f = sg.function([x], x + sg.const(array))
    array[:] = 9
    np.testing.assert_array_equal(f(np.zeros(3)), np.ones(3))


def test_names_are_unique_per_compiled_object_not_per_process() -> None:
    one, two = sg.input("x", ()), sg.input("x", ())
    assert sg.function([one], one * 2)(3.0) == 6.0
    assert sg.function([two], two * 3)(3.0) == 9.0
    with pytest.raises(
        sg.DeclarationError, match=r"two leaves are named 'x'.*test_declare\.py:\d+"
    ):
        sg.function([one, two], one * two)
    w = sg.param("x", ())
    with pytest.raises(sg.DeclarationError, match=r"two leaves are named 'x'.*input.*param"):
        sg.compile(one * w)


def test_a_duplicate_name_is_found_in_updates_of_states_too() -> None:
    x, state = sg.input("x", ()), sg.state("s", ())
    sg.update(state, state + sg.input("x", ()))
    with pytest.raises(sg.DeclarationError, match="two leaves are named 'x'"):
        sg.compile(x * sg.param("w", ()) + state)


def test_default_dtype_is_a_setting_and_a_context_manager() -> None:
    assert sg.input("x", ()).dtype == np.float64
    with sg.default_dtype("float32"):
        assert sg.input("x", ()).dtype == np.float32
        assert sg.param("w", ()).dtype == np.float32
        assert sg.state("s", ()).dtype == np.float32
        assert sg.input("x", (), dtype="float64").dtype == np.float64
    assert sg.input("x", ()).dtype == np.float64
    sg.default_dtype("float32")
    try:
        assert sg.input("x", ()).dtype == np.float32
    finally:
        sg.default_dtype("float64")


@pytest.mark.parametrize("dtype", ["int64", "bool", "nonsense"])
def test_a_default_dtype_is_floating(dtype: str) -> None:
    with pytest.raises(sg.SymgradError):
        sg.default_dtype(dtype)
    assert sg.input("x", ()).dtype == np.float64


# ---- expressions


def test_equal_subexpressions_are_one_object() -> None:
    x = sg.input("x", ("B", 3))
    assert sg.exp(x * 2) is sg.exp(x * 2)
    assert x.sum(axis=-1) is x.sum(axis=1)
    assert x[:, 0:2] is x[:, :2]
    assert x * 2 is not x * 3
    assert sg.input("x", ("B", 3)) is not x


def test_expressions_are_hashable_by_identity() -> None:
    x, y = sg.input("x", ()), sg.input("x", ())
    assert {x: 1, y: 2}[x] == 1
    assert hash(x) != hash(y)
    assert copy.copy(x) is x
    assert copy.deepcopy(x) is x


def test_expressions_are_immutable() -> None:
    x = sg.input("x", (3,))
    for attribute in ("shape", "dtype", "name", "ndim"):
        with pytest.raises(AttributeError):
            setattr(x, attribute, None)
    with pytest.raises(sg.SymgradError, match=r"\.at\[index\]\.set"):
        x[0] = 1.0
    before = x
    x += 1
    assert x is not before


def test_a_shape_gives_a_size_and_a_number() -> None:
    x = sg.input("x", ("B", 3))
    size = x.shape[0]
    f = sg.function(
        [x], {"size": sg.zeros((size, 2)), "number": x.sum() / size, "sum": x + size, "bare": size}
    )
    found = f(np.ones((4, 3)))
    assert found["size"].shape == (4, 2)
    assert found["number"] == 3.0
    np.testing.assert_array_equal(found["sum"], np.full((4, 3), 5.0))
    assert found["bare"] == 4


OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"]
COMPARISONS = ["lt", "le", "gt", "ge", "eq", "ne"]


@pytest.mark.parametrize("name", OPERATORS + COMPARISONS)
def test_operators_are_numpys(name: str) -> None:
    fn = getattr(operator, name)
    a, b = np.array([1.5, 2.0, 4.0]), np.array([2.0, 2.0, 0.5])
    x, y = sg.input("x", (3,)), sg.input("y", (3,))
    f = sg.function([x, y], [fn(x, y), fn(x, 2), fn(2, x), fn(x, b), fn(a, y)])
    for found, expected in zip(
        f(a, b), (fn(a, b), fn(a, 2), fn(2, a), fn(a, b), fn(a, b)), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


@pytest.mark.parametrize("name", ["and_", "or_", "xor"])
@pytest.mark.parametrize("dtype", ["bool", "int64"])
def test_logic_is_numpys(name: str, dtype: str) -> None:
    fn = getattr(operator, name)
    a, b = np.array([0, 1, 0, 1], dtype), np.array([0, 0, 1, 1], dtype)
    x, y = sg.input("x", (4,), dtype), sg.input("y", (4,), dtype)
    found, inverse = sg.function([x, y], (fn(x, y), ~x))(a, b)
    np.testing.assert_array_equal(found, fn(a, b))
    np.testing.assert_array_equal(inverse, ~a)


A = np.random.default_rng(0).normal(size=(3, 4))
METHODS: dict[str, Callable[[Any], Any]] = {
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "sum": lambda x: x.sum(axis=0),
    "sum keepdims": lambda x: x.sum(axis=-1, keepdims=True),
    "mean": lambda x: x.mean(),
    "max": lambda x: x.max(axis=1),
    "min": lambda x: x.min(axis=0),
    "reshape": lambda x: x.reshape(2, 6),
    "reshape to a tuple": lambda x: x.reshape((6, -1)),
    "astype": lambda x: x.astype("float32"),
    "slice": lambda x: x[1:, ::2],
    "slice backwards": lambda x: x[::-1, -2:],
    "integer": lambda x: x[-1],
    "ellipsis": lambda x: x[..., 0],
    "new axis": lambda x: x[:, None],
    "integer array": lambda x: x[np.array([2, 0, 2])],
    "two integer arrays": lambda x: x[np.array([2, 0]), np.array([1, 3])],
    "mask": lambda x: x[np.array([True, False, True])],
    "neg": lambda x: -x,
    "abs": lambda x: abs(x),
    "np.tanh": lambda x: np.tanh(x),
    "np.sum": lambda x: np.sum(x, axis=0),
    "np.einsum": lambda x: np.einsum("ij,kj->ik", x, x),
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("style", ["fast", "readable"])
def test_methods_are_numpys(name: str, style: str) -> None:
    x = sg.input("x", (3, 4))
    expected = METHODS[name](A)
    made = METHODS[name](x)
    found = sg.function([x], made, style=style)(A)
    assert made.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_at_makes_a_changed_copy() -> None:
    x, i = sg.input("x", (4,)), sg.input("i", (3,), dtype="int64")
    f = sg.function([x, i], (x.at[i].add(1.0), x.at[1].set(9.0), x))
    data = np.arange(4.0)
    added, assigned, same = f(data, [0, 0, 2])
    np.testing.assert_array_equal(added, [2, 1, 3, 3])
    np.testing.assert_array_equal(assigned, [0, 9, 2, 3])
    np.testing.assert_array_equal(same, np.arange(4.0))
    np.testing.assert_array_equal(data, np.arange(4.0))


USES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "bool": (bool, "sg.where"),
    "if": (lambda x: 1 if x > 0 else 2, "sg.cond"),
    "chained": (lambda x: 0 < x < 1, "sg.where"),
    "np.asarray": (np.asarray, "sg.stack"),
    "np.array of a list": (lambda x: np.array([x, x]), "sg.stack"),
    "float": (float, "sg.function"),
    "int": (int, "sg.function"),
    "complex": (complex, "sg.function"),
    "index": (lambda x: [1, 2, 3][x], "sg.function"),
    "range": (range, "sg.function"),
}


@pytest.mark.parametrize("use", USES)
def test_what_an_expression_is_not(use: str) -> None:
    height = sg.input("height", ())
    fn, remedy = USES[use]
    with pytest.raises(sg.SymgradError) as caught:
        fn(height)
    message = str(caught.value)
    assert remedy in message
    assert ("() bool" if use in ("if", "chained") else "() float64") in message
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)
    if use not in ("if", "chained"):
        assert "'height'" in message
        assert "test_declare.py:" in message


def test_len_and_iteration_follow_static_shapes() -> None:
    x = sg.input("x", (3, 2))
    assert len(x) == 3
    a, b, c = x
    assert (a.shape, c) == ((2,), x[2])
    np.testing.assert_array_equal(sg.function([x], a + b)(np.ones((3, 2))), [2, 2])
    with pytest.raises(sg.SymgradError, match=r"len\(\) of.*no axes"):
        len(sg.input("s", ()))
    with pytest.raises(sg.SymgradError, match="B"):
        list(sg.input("y", ("B",)))


def test_array_assignment_into_numpy_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        np.zeros(3)[0] = sg.input("x", ())
    assert isinstance(caught.value.__cause__, sg.SymgradError)  # NumPy raises its own from ours
    with pytest.raises(sg.SymgradError):
        np.add(np.zeros(3), sg.input("x", (3,)), out=np.zeros(3))


# ---- states


def test_update_takes_one_state_and_one_value() -> None:
    s, x = sg.state("s", (2,)), sg.input("x", (2,))
    sg.update(s, s + x)
    sg.update(s, s + x)  # the same once more
    with pytest.raises(sg.DeclarationError, match="'s' has an update already"):
        sg.update(s, s - x)
    with pytest.raises(sg.DeclarationError, match=r"takes a state from sg\.state"):
        sg.update(x, s)
    with pytest.raises(sg.ShapeError, match=r"update of 't': expected \(2,\); got \(3,\)"):
        sg.update(sg.state("t", (2,)), np.zeros(3))


def test_no_gradient_reaches_a_state_through_compile() -> None:
    s, w = sg.state("s", (), init=3.0), sg.param("w", ())
    assert set(sg.compile(s * w).value_and_grad({"s": np.array(3.0), "w": np.array(2.0)})[1]) == {
        "w"
    }


def test_errors_of_declaration_name_operands_and_lines() -> None:
    left, right = sg.input("left", (2, 3)), sg.input("right", (4, 5))
    with pytest.raises(sg.ShapeError) as caught:
        left + right
    message = str(caught.value)
    for part in ("left: (2, 3)", "right: (4, 5)", "test_declare.py:", "left + right"):
        assert part in message


def test_trace_names_inputs_as_the_function_does() -> None:
    def energy(x: np.ndarray, *forces: np.ndarray) -> np.ndarray:
        return np.sum(np.square(x)) + np.sum(forces[0] * forces[1])

    loss = sg.trace(energy, sg.spec(("N",)), sg.spec((2,)), sg.spec((2,)))
    model = sg.compile(loss)
    data = {"x": [1.0, 2.0], "forces_0": [1.0, 2.0], "forces_1": [3.0, 4.0]}
    assert model.evaluate({}, **data) == 16.0
    with pytest.raises(sg.DeclarationError, match=r"trace: .*missing a required argument: 'x'"):
        sg.trace(energy)


@pytest.mark.parametrize(
    "init", [sg.init.he_normal, sg.init.zeros, sg.init.VarianceScaling, lambda shape: shape]
)
def test_an_initialiser_that_was_not_called_is_refused(init: Any) -> None:
    for declare in (sg.param, sg.state):
        with pytest.raises(
            sg.DeclarationError,
            match=rf"init of 'w': expected a callable \(rng, shape, dtype\); got {init.__name__}, "
            rf".*call it: {init.__name__}\(\)",
        ):
            declare("w", (3, 3), init=init)
