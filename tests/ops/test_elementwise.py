"""Elementwise ops: the conventions at kinks, ties and poles, which no finite difference sees."""

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad.ops  # noqa: F401 (fills the registry)
from symgrad.autodiff.forward import pushforward
from symgrad.autodiff.reverse import cotangents
from symgrad.errors import DeclarationError, DTypeError
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, identity, literal
from symgrad.ir.op import FUNCTIONS as F
from symgrad.ir.op import OPS
from symgrad.ops import masking
from symgrad.ops.interpret import evaluate

INF, NAN = math.inf, math.nan


def leaf(name: str, shape: tuple[int, ...] = (), dtype: str = "float64") -> Expr:
    return identity(OPS["input"], {"name": name, "shape": shape, "dtype": np.dtype(dtype)})


def slopes(fn: Callable[..., Expr], *values: float) -> list[float]:
    """Derivatives of a scalar function, found in reverse mode and checked in forward mode."""
    leaves = [leaf(f"x{i}") for i in range(len(values))]
    env = dict(zip(leaves, values, strict=True))
    y = fn(*leaves)
    backward = cotangents([y], [literal(1.0)], leaves)
    forward = [pushforward([y], [x], [literal(1.0)])[0] for x in leaves]
    found = [
        [0.0 if d is None else float(evaluate([d], env)[0]) for d in side]
        for side in (backward, forward)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    return found[0]


@pytest.mark.parametrize(
    ("fn", "point", "expected"),
    [
        (lambda x: F["abs"](x), (0.0,), [0]),
        (lambda x: F["sign"](x), (0.0,), [0]),
        (lambda x: F["floor"](x), (1.0,), [0]),
        (lambda x: F["round"](x), (0.5,), [0]),
        (lambda x: F["relu"](x), (0.0,), [0]),
        (lambda x: F["maximum"](x, 2.0), (2.0,), [0]),
        (lambda x: F["maximum"](2.0, x), (2.0,), [0]),
        (lambda x: F["minimum"](x, 2.0), (2.0,), [0]),
        (lambda x: F["fmax"](x, 2.0), (2.0,), [0]),
        (lambda x: F["clip"](x, -1, 1), (1.0,), [0]),
        (lambda x: F["clip"](x, -1, 1), (-1.0,), [0]),
        (lambda x: F["clip"](x, -1, 1), (0.5,), [1]),
        (lambda x: F["clip"](x, 1, -1), (0.0,), [0]),
        (lambda x: F["clip"](x, None, 1), (0.0,), [1]),
        (lambda x, y: F["maximum"](x, y), (2.0, 2.0), [0.5, 0.5]),
        (lambda x, y: F["minimum"](x, y), (2.0, 2.0), [0.5, 0.5]),
        (lambda x, y: F["fmin"](x, y), (2.0, 2.0), [0.5, 0.5]),
        (lambda x, y: F["fmax"](x, y), (NAN, 2.0), [0, 1]),
        (lambda x, y: F["fmin"](x, y), (2.0, NAN), [1, 0]),
        (lambda x, y: F["clip"](x, y, 5), (2.0, 2.0), [0.5, 0.5]),
        (lambda x, y: F["hypot"](x, y), (0.0, 0.0), [0, 0]),
        (lambda x, y: F["hypot"](x, y), (3e300, 4e300), [0.6, 0.8]),
        (lambda y, x: F["arctan2"](y, x), (0.0, 0.0), [0, 0]),
        (lambda x: F["sqrt"](x), (0.0,), [INF]),
        (lambda x: x**3, (0.0,), [0]),
        (lambda x: x**2, (0.0,), [0]),
        (lambda x: x**1, (0.0,), [1]),
        (lambda x: x**0, (0.0,), [0]),
        (lambda x: x**0.5, (0.0,), [INF]),
        (lambda x: x**-1, (2.0,), [-0.25]),
        (lambda x, y: x**y, (0.0, 3.0), [0, 0]),
        (lambda x, y: x**y, (0.0, 1.0), [1, 0]),
        (lambda x, y: x**y, (0.0, 0.5), [INF, 0]),
        (lambda x, y: x**y, (0.0, 0.0), [0, 0]),
        (lambda x, y: x**y, (2.0, 0.0), [0, math.log(2)]),
        (lambda x, y: F["logaddexp"](x, y), (-INF, -INF), [0, 0]),
        (lambda x, y: F["logaddexp"](x, y), (-INF, 1.0), [0, 1]),
        (lambda x, y: F["logaddexp"](x, y), (INF, 1.0), [1, 0]),
        (lambda x, y: F["copysign"](x, y), (-3.0, -0.0), [1, 0]),
        (lambda x: F["silu"](x), (-INF,), [0]),
    ],
)
def test_the_slope_at_a_special_point(
    fn: Callable[..., Expr], point: tuple[float, ...], expected: list[float]
) -> None:
    np.testing.assert_allclose(slopes(fn, *point), expected, rtol=1e-15)


# ---- what where did not take


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: F["where"](x > 0, F["sqrt"](x), 0.0),
        lambda x: F["where"](x <= 0, 1.0, F["log"](x)),
        lambda x: F["where"](x > 0, F["exp"](F["sqrt"](-F["log"](x)) * 1e9), 0.0),
        lambda x: F["where"](x > 0, 2.0 / F["sqrt"](x) - 1, x * 0),
        lambda x: F["where"](x > 5, x ** F["sqrt"](x), F["where"](x > 4, F["log"](x), 0.0)),
    ],
)
def test_the_element_not_taken_has_gradient_zero(fn: Callable[..., Expr]) -> None:
    assert slopes(fn, -1.0) == [0.0]
    assert slopes(fn, 0.0) == [0.0]


def test_cotangents_of_two_masks_stay_masked() -> None:
    x, a, b = leaf("x", (4,)), leaf("a", (4,)), leaf("b", (4,))
    zero = literal(0.0)
    where = F["where"]
    env = {x: [1.0, 2.0, 3.0, -1.0], a: [NAN, 2.0, 3.0, NAN], b: [1.0, NAN, 30.0, NAN]}
    first, second = where(x > 1, a, zero), where((x > 2) | (x == 1), b, zero)
    total = masking.add(first, second)
    # the mask shows at the top: what multiplies it later cannot bring a NaN in
    assert total.op.name == "where"
    np.testing.assert_array_equal(evaluate([total], env)[0], [1.0, 2.0, 33.0, 0.0])
    same = masking.add(where(x > 1, a, zero), where(x > 1, zero, b))
    assert same is where(x > 1, a, b)


# ---- values and dtypes


@pytest.mark.parametrize("left", ["bool", "int8", "int64", "uint8", "float32", "float64"])
@pytest.mark.parametrize("right", ["bool", "int32", "float32", "float64"])
def test_dtypes_are_those_of_numpy(left: str, right: str) -> None:
    x, y = np.ones(2, left), np.ones(2, right)
    for name in (
        "add",
        "subtract",
        "multiply",
        "divide",
        "power",
        "floor_divide",
        "remainder",
        "maximum",
        "arctan2",
        "hypot",
        "less",
        "logical_and",
        "bitwise_and",
        "left_shift",
    ):
        try:
            want = getattr(np, name)(x, y).dtype
        except TypeError:
            with pytest.raises(DTypeError, match=f"np.{name} is not defined for {left}, {right}"):
                F[name](leaf("x", (2,), left), leaf("y", (2,), right))
        else:
            assert F[name](leaf("x", (2,), left), leaf("y", (2,), right)).dtype == want


def test_python_numbers_are_weak() -> None:
    x = leaf("x", (2,), "float32")
    for y in (x**2, 1 / x, F["where"](x > 0, x, 0.0), F["clip"](x, 0, 1.5), F["maximum"](x, 0.1)):
        assert y.dtype == np.float32
    assert F["where"](leaf("c", (2,)), leaf("i", (2,), "int8"), 1).dtype == np.int8


def test_integers_to_negative_powers() -> None:
    i = leaf("i", (2,), "int64")
    with pytest.raises(DeclarationError, match="negative integer powers"):
        i**-1
    assert (i**-1.0).dtype == np.float64


def test_numpy_functions_dispatch() -> None:
    x = leaf("x", (3,))
    assert np.round(x) is np.around(x) is np.rint(x) is F["round"](x)
    assert np.abs(x) is abs(x)
    assert np.mod(x, 2) is x % 2
    assert np.clip(x, 0, 1) is np.clip(x, a_min=0, a_max=1) is x.clip(0, 1)
    assert np.where(x > 0, x, 0) is F["where"](x > 0, x, 0)
    assert np.asinh(x) is np.arcsinh(x) is F["asinh"](x)
    assert +x is np.positive(x) is x
    assert np.fix(x) is np.trunc(x)


@pytest.mark.parametrize("decimals", [-2, -1, 0, 1, 3])
def test_round(decimals: int) -> None:
    values = np.array([0.5, 1.5, 2.5, -0.5, 125.0, 135.55, 1e300, -1e-300, INF, 0.0005])
    x = leaf("x", values.shape)
    with np.errstate(all="ignore"):
        want = np.round(values, decimals)
    np.testing.assert_array_equal(evaluate([F["round"](x, decimals)], {x: values})[0], want)


def test_round_refuses_what_it_cannot_do() -> None:
    with pytest.raises(DeclarationError, match=r"decimals must be an integer; got 1\.5"):
        F["round"](leaf("x"), 1.5)
    i = leaf("i", (), "int64")
    assert F["round"](i) is i


def test_a_bound_is_given_once() -> None:
    with pytest.raises(DeclarationError, match="give each bound once"):
        F["clip"](leaf("x"), 0, 1, min=0)


# ---- source


def test_the_source_is_as_a_person_would_write_it() -> None:
    x, y = leaf("x", (3,)), leaf("y", (3,))
    a, b = Code("x"), Code.infix("-", Code("x"), Code("y"))
    for node, codes, want in (
        (F["relu"](x), (b,), "np.maximum(x - y, 0)"),
        (x**y, (b, a), "(x - y) ** x"),
        (F["where"](x > 0, x, y), (a, b, a), "np.where(x, x - y, x)"),
        (~(x > 0), (b,), "~(x - y)"),
        (F["logical_not"](x), (b,), "np.logical_not(x - y)"),
        (x % y, (b, b), "(x - y) % (x - y)"),
        (F["sigmoid"](x), (b,), "sigmoid(x - y)"),
    ):
        assert node.op.numpy(node, *codes).text == want


def test_source_that_writes_into_a_buffer() -> None:
    i = leaf("i", (3,), "int64")
    values = np.array([0, 5, -3])
    out = np.empty_like(values)
    into: Any = (~i).op.numpy(~i, Code("i")).into("out")
    exec(into, {"np": np, "i": values, "out": out})
    np.testing.assert_array_equal(out, ~values)
    choice = F["where"](i > 0, i, 0)
    assert choice.op.numpy(choice, Code("c"), Code("i"), Code("0")).into("out") is None


def test_common_networks_need_no_sympy() -> None:
    names = (
        "['exp', 'log', 'sqrt', 'tanh', 'relu', 'sigmoid', 'softplus', 'log_sigmoid', 'gelu', "
        "'silu', 'absolute', 'square', 'expm1', 'log1p', 'erf']"
    )
    program = f"""
import sys, numpy, symgrad.ops
from symgrad.ir.node import identity, literal
from symgrad.ir.op import FUNCTIONS, OPS
from symgrad.autodiff.reverse import cotangents
x = identity(OPS["input"], dict(name="x", shape=(), dtype=numpy.dtype(float)))
y = (x + 1) * x / 2 - x ** 3
for name in {names}:
    y = y + FUNCTIONS[name](x)
assert cotangents([y], [literal(1.0)], [x])[0] is not None
assert "sympy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
