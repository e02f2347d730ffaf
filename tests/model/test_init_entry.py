"""``init``, in process and from a saved file that runs where symgrad cannot be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import init
from symgrad.errors import CompileError, DeclarationError, DTypeError, ShapeError

MATRICES: dict[str, init.Initializer] = {
    "zeros": init.zeros(),
    "ones": init.ones(),
    "constant": init.constant(np.float32(0.1)),
    "minus_zero": init.constant(-0.0),
    "infinite": init.constant(-np.inf),
    "whole": init.constant(2**60 + 1),
    "normal": init.normal(0.3, np.float64(2.0)),
    "uniform": init.uniform(-1, 3),
    "truncated_normal": init.truncated_normal(np.float32(0.3)),
    "glorot_uniform": init.glorot_uniform(),
    "glorot_normal": init.glorot_normal(1.7),
    "he_uniform": init.he_uniform(),
    "he_normal": init.he_normal(np.float32(0.1)),
    "lecun_uniform": init.lecun_uniform(),
    "lecun_normal": init.lecun_normal(),
    "orthogonal": init.orthogonal(-2.5),
    "identity": init.identity(),
    "delta": init.delta(),
    "grouped": init.arranged(init.he_normal(1.7), 2),
    "transposed": init.arranged(init.orthogonal(), transposed=True),
    "grouped and transposed": init.arranged(init.glorot_uniform(), 2, True),
}
#: what needs two axes or more, of which the last is a multiple of two
KERNELS = ("orthogonal", "delta", "grouped", "transposed", "grouped and transposed")
SHAPES = [(), (5,), (6, 4), (4, 6), (3, 2, 4, 5), (0, 3)]

SAVE_ARRAYS = """
import sys
import numpy as np
import net
assert "symgrad" not in sys.modules
sizes = {key: int(value) for key, value in (pair.split("=") for pair in sys.argv[3:])}
np.savez(sys.argv[1], **net.init(int(sys.argv[2]), **sizes))
"""


def standalone(model: sg.Model, folder: Path, seed: int, **sizes: int) -> dict[str, np.ndarray]:
    """The parameters that the saved file gives, in a process of its own."""
    model.save(folder / "net.py")
    arguments = [str(folder / "arrays.npz"), str(seed), *(f"{k}={v}" for k, v in sizes.items())]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    blocked = "import sys; sys.modules['symgrad'] = None; del sys.modules['symgrad']\n"
    blocked += "sys.meta_path.insert(0, type('Block', (), {'find_spec': staticmethod("
    blocked += "lambda name, *rest: (_ for _ in ()).throw(ImportError(name))"
    blocked += " if name.split('.')[0] == 'symgrad' else None)}))\n"
    subprocess.run(
        [sys.executable, "-c", blocked + SAVE_ARRAYS, *arguments],
        cwd=folder,
        env=environment,
        check=True,
    )
    with np.load(folder / "arrays.npz") as found:
        return dict(found)


def assert_identical(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert list(a) == list(b)
    for name, array in a.items():
        other = b[name]
        assert (array.dtype, array.shape) == (other.dtype, other.shape), name
        assert array.tobytes() == other.tobytes(), name


def model_of(*leaves: sg.Expr) -> sg.Model:
    return sg.compile(sum((sg.astype(leaf, "float64").sum() for leaf in leaves), sg.const(0.0)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_initialiser_is_bit_identical_when_saved(tmp_path: Path, dtype: str) -> None:
    """In process, saved, and called directly on one generator in the parameters' order."""
    leaves = [sg.param(name, (6, 4), init=f, dtype=dtype) for name, f in MATRICES.items()]
    model = model_of(*leaves)
    params = model.init(seed=7)
    assert_identical(params, standalone(model, tmp_path, 7))
    rng = np.random.default_rng(7)
    assert_identical(params, {name: MATRICES[name](rng, (6, 4), dtype) for name in params})
    assert set(params) == set(MATRICES)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", MATRICES)
def test_source_gives_the_bits_of_a_call(name: str, shape: tuple[int, ...]) -> None:
    f: Any = MATRICES[name]
    if (name in KERNELS and len(shape) < 2) or (name == "identity" and len(shape) != 2):
        with pytest.raises(DeclarationError, match=r"axes|matrix"):
            f.source("rng", str(shape), "np.float64")
        return
    if "grouped" in name and shape[-1] % 2:
        with pytest.raises(DeclarationError, match=r"multiple of 2 groups"):
            f.source("rng", str(shape), "np.float64")
        return
    for dtype in ("float64", "float32", "float16"):
        with np.errstate(over="ignore"):
            called = f(np.random.default_rng(1), shape, dtype)
            names = {"np": np, "rng": np.random.default_rng(1)}
            names |= {kernel.__name__: kernel for kernel in f.kernels()}
            evaluated = eval(f.source("rng", str(shape), f"np.{dtype}"), names)
        assert type(evaluated) is np.ndarray and evaluated.flags.writeable
        assert_identical({name: called}, {name: evaluated})


def test_numbers_arrays_and_states(tmp_path: Path) -> None:
    given = np.random.default_rng(0).normal(size=(40, 50))
    leaves = {
        "none": sg.param("none", (2,)),
        "number": sg.param("number", (2, 3), init=0.1),
        "narrow": sg.param("narrow", (), init=np.float32(0.1)),
        "minus_zero": sg.param("minus_zero", (2,), init=-0.0),
        "small": sg.param("small", (2, 2), init=[[1, -0.0], [np.nan, np.inf]], dtype="float32"),
        "large": sg.param("large", (40, 50), init=given),
        "mean": sg.state("mean", (3,)),
        "count": sg.state("count", (), init=3, dtype="int64"),
        "seen": sg.state("seen", (2,), init=[True, False], dtype="bool"),
        "drawn": sg.state("drawn", (2,), init=init.uniform()),
    }
    model = model_of(*leaves.values())
    params = model.init(seed=5)
    expected: dict[str, Any] = {
        "none": np.zeros(2),
        "number": np.full((2, 3), 0.1),
        "narrow": np.array(np.float32(0.1), np.float64),
        "minus_zero": np.array([-0.0, -0.0]),
        "small": np.array([[1, -0.0], [np.nan, np.inf]], np.float32),
        "large": given,
        "mean": np.zeros(3),
        "count": np.array(3, np.int64),
        "seen": np.array([True, False]),
        "drawn": init.uniform()(np.random.default_rng(5), (2,), "float64"),
    }
    assert_identical(dict(sorted(params.items())), dict(sorted(expected.items())))
    assert_identical(params, standalone(model, tmp_path, 5))
    assert all(array.flags.writeable for array in params.values())
    again = model.init(seed=5)
    assert not any(np.shares_memory(params[name], again[name]) for name in params)
    assert not np.shares_memory(params["large"], given)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(5,), (18,), (40,), (20, 2), (40, 1)])
def test_a_given_array_of_any_length(shape: tuple[int, ...], dtype: str) -> None:
    """One that is too long for a line is the only argument of its call."""
    values = np.arange(np.prod(shape)).reshape(shape) + 0.25
    model = sg.compile(sg.param("w", shape, init=values, dtype=dtype).sum())
    np.testing.assert_array_equal(model.init()["w"], values.astype(dtype))
    assert max(map(len, model.source.splitlines())) <= 100


def test_symbolic_sizes(tmp_path: Path) -> None:
    sizes = sg.dim("D")
    leaves = [
        sg.param("W", ("D", 3), init=init.he_normal()),
        sg.param("Q", (sizes * 2, "D"), init=init.orthogonal()),
        sg.param("I", ("D", sizes + 1), init=init.identity()),
        sg.param("b", ("D",), init=0.5),
        sg.state("s", (sizes // 2,), init=[1.0, 2.0]),
    ]
    model = model_of(*leaves)
    params = model.init(3, D=5)
    assert {name: a.shape for name, a in params.items()} == {
        "W": (5, 3),
        "Q": (10, 5),
        "I": (5, 6),
        "b": (5,),
        "s": (2,),
    }
    np.testing.assert_allclose(params["Q"].T @ params["Q"], np.eye(5), atol=1e-14)
    assert_identical(params, standalone(model, tmp_path, 3, D=5))
    with pytest.raises(ShapeError, match=r"value for the size D.*D="):
        model.init(3)
    with pytest.raises(ShapeError, match=r"s: expected shape \(D//2,\) = \(4,\); got \(2,\)"):
        model.init(3, D=8)
    with pytest.raises(CompileError, match="no parameter has the size 'T'"):
        model.init(3, D=5, T=1)
    with pytest.raises(ShapeError, match="must be an integer >= 0"):
        model.init(3, D=-1)


@pytest.mark.parametrize("name", ["seed", "arrays", "variance_scaling"])
def test_a_size_that_would_hide_a_name_is_refused(name: str) -> None:
    model = model_of(sg.param("W", (name, 3), init=init.he_normal()))
    with pytest.raises(CompileError, match=f"size '{name}'"):
        model.source  # noqa: B018


def test_a_callable_gets_generator_shape_and_dtype() -> None:
    calls: list[tuple[Any, ...]] = []

    def initialise(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        calls.append((shape, dtype))
        return rng.normal(size=shape)

    leaves = [
        sg.param("W", ("D", 3), init=initialise, dtype="float32"),
        sg.param("U", (4,), init=init.normal()),
        sg.param("V", (2,), init=lambda rng, shape, dtype: rng.uniform(size=shape)),
    ]
    params = model_of(*leaves).init(9, D=2)
    assert calls == [((2, 3), np.dtype("float32"))]
    rng = np.random.default_rng(9)
    expected: dict[str, Callable[[], np.ndarray]] = {
        "W": lambda: rng.normal(size=(2, 3)).astype(np.float32),
        "U": lambda: rng.normal(size=4),
        "V": lambda: rng.uniform(size=2),
    }
    assert_identical(params, {name: expected[name]() for name in params})


def test_what_a_callable_returns_is_the_callers_own() -> None:
    kept = np.ones(3)
    params = model_of(sg.param("W", (3,), init=lambda rng, shape, dtype: kept)).init()
    assert not np.shares_memory(params["W"], kept)


def test_a_standalone_file_says_that_it_lacks_the_callable(tmp_path: Path) -> None:
    model = model_of(sg.param("W", (3,), init=lambda rng, shape, dtype: np.ones(shape)))
    path = model.save(tmp_path / "net.py")
    namespace: dict[str, Any] = {}
    exec(path.read_text(), namespace)
    with pytest.raises(namespace["CompileError"], match="initialiser of 'W' is a Python callable"):
        namespace["init"]()
    assert namespace["evaluate"]({"W": np.arange(3.0)}) == 3.0
    assert model.init()["W"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.ones(4), ShapeError, r"W: the initialiser should give shape \(3,\); got \(4,\)"),
        (1.0, ShapeError, r"W: the initialiser should give shape \(3,\); got \(\)"),
        (np.ones(3) * 1j, DTypeError, "W: the initialiser should give float64; got complex128"),
        (["a", "b", "c"], DTypeError, "W: the initialiser should give float64; got <U1"),
    ],
)
def test_what_a_callable_returns_is_checked(value: Any, error: type, message: str) -> None:
    model = model_of(sg.param("W", (3,), init=lambda rng, shape, dtype: value))
    with pytest.raises(error, match=message):
        model.init()


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        (lambda: sg.param("W", (3,), init=init.orthogonal()), "W: orthogonal: .*two axes"),
        (lambda: sg.param("W", (3,), init=init.identity()), "W: identity: needs a matrix"),
        (
            lambda: sg.state("n", (), init=init.normal(), dtype="int64"),
            "n: normal: needs a floating dtype, not int64",
        ),
        (
            lambda: sg.state("n", (), init=init.constant(0.5), dtype="int64"),
            "n: constant: int64 does not hold 0.5",
        ),
        (lambda: sg.state("n", (), init=0.5, dtype="int64"), "n: its init should be of int64"),
        (lambda: sg.state("n", (1,), init=[np.nan], dtype="int64"), "n: its init should be"),
    ],
)
def test_an_initialiser_that_does_not_fit_is_an_error(
    leaf: Callable[[], sg.Expr], message: str
) -> None:
    with pytest.raises(DeclarationError, match=message):
        model_of(leaf()).init()


def test_a_hostile_name_stays_a_string(tmp_path: Path) -> None:
    name = 'W"]; import os #\n'
    model = model_of(sg.param(name, (2,), init=init.glorot_uniform()))
    params = model.init(1)
    assert list(params) == [name]
    path = model.save(tmp_path / "net.py")
    namespace: dict[str, Any] = {}
    exec(path.read_text(), namespace)
    assert_identical(params, namespace["init"](1))
