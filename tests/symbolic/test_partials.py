"""Declared partials: proved equal to SymPy's, finite and accurate far into the tails."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

import symgrad.ops  # noqa: F401 (fills the registry)
from symgrad.errors import CompileError, DeclarationError, GradientMismatch
from symgrad.ir.node import Expr, identity
from symgrad.ir.op import OPS
from symgrad.ops.elementwise import Elementwise
from symgrad.ops.interpret import evaluate
from symgrad.symbolic.formulas import parse, symbols_of
from symgrad.symbolic.partials import derive, partials
from symgrad.symbolic.proofs import prove_equal
from symgrad.symbolic.to_expr import builder

mp = mpmath.mp
OVERRIDES = [
    op for op in OPS.values() if isinstance(op, Elementwise) and op.partials_override and op.formula
]


def leaf(name: str, dtype: str = "float64", shape: tuple[int, ...] = ()) -> Expr:
    attrs = {"name": name, "shape": shape, "dtype": np.dtype(dtype)}
    return identity(OPS["input"], attrs)


# ---- proofs


@pytest.mark.parametrize("op", OVERRIDES, ids=lambda op: op.name)
def test_an_override_is_the_derivative_of_its_formula(op: Elementwise) -> None:
    proved = prove_equal(op)
    assert len(proved) == op.arity
    assert set(proved) <= {"symbolic", "numeric", "fixed"}
    assert [how == "fixed" for how in proved] == list(op.fixed)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("sigmoid", lambda out, x: (out * (1 + out),)),
        ("sin", lambda out, x: (OPS["sin"](x),)),
        ("multiply", lambda out, x, y: (y, y)),
        ("erf", lambda out, x: (1.128379167 * OPS["exp"](-x * x),)),
        ("maximum", lambda out, x, y: (x < y, x > y)),
        ("square", lambda out, x: (None,)),
    ],
)
def test_a_wrong_override_is_refuted(
    right: str, wrong: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OPS[right], "partials_override", wrong)
    with pytest.raises(GradientMismatch, match=rf"the partial of {right} with respect to [xy] at"):
        prove_equal(OPS[right])


# ---- accuracy, against mpmath

EDGES = [0.0, 1e-300, 1e-8, 0.3, 1.0, 2.5, 20.0, 40.0, 700.0, 1e3, 1e8, 1e300]
REALS = sorted({s * x for x in EDGES for s in (1, -1)})
POSITIVE = [x for x in REALS if x > 0]
INNER = [x for x in REALS if abs(x) < 1] + [1 - 2.0**-40, 2.0**-40 - 1]


def normal(x: Any) -> Any:
    return mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)


def sech2(x: Any) -> Any:
    e = mpmath.exp(-2 * abs(x))
    return 4 * e / (1 + e) ** 2


def logistic(x: Any) -> Any:
    e = mpmath.exp(-abs(x))
    return 1 / (1 + e) if x >= 0 else e / (1 + e)


def gelu_tanh_slope(x: Any) -> Any:
    c = mpmath.sqrt(2 / mpmath.pi)
    a = mpmath.mpf("0.044715")
    u = c * (x + a * x**3)
    return logistic(2 * u) + x * sech2(u) * c * (1 + 3 * a * x**2) / 2


# written by hand, apart from formulas and overrides: derivative, points
UNARY: dict[str, tuple[Callable[[Any], Any], list[float]]] = {
    "exp": (mpmath.exp, REALS),
    "expm1": (mpmath.exp, REALS),
    "exp2": (lambda x: mpmath.mpf(2) ** x * mpmath.log(2), REALS),
    "log": (lambda x: 1 / x, POSITIVE),
    "log1p": (lambda x: 1 / (1 + x), [x for x in REALS if x > -1] + [2.0**-40 - 1]),
    "log2": (lambda x: 1 / (x * mpmath.log(2)), POSITIVE),
    "log10": (lambda x: 1 / (x * mpmath.log(10)), POSITIVE),
    "sqrt": (lambda x: 1 / (2 * mpmath.sqrt(x)), POSITIVE),
    "cbrt": (lambda x: 1 / (3 * mpmath.cbrt(x * x)), [x for x in REALS if x]),
    "log1mexp": (lambda x: mpmath.exp(-x) / -mpmath.expm1(-x), POSITIVE),
    "absolute": (mpmath.sign, REALS),
    "square": (lambda x: 2 * x, REALS),
    "reciprocal": (lambda x: -1 / (x * x), [x for x in REALS if x]),
    "relu": (lambda x: mpmath.mpf(x > 0), REALS),
    "sigmoid": (lambda x: sech2(x / 2) / 4, REALS),
    "softplus": (logistic, REALS),
    "log_sigmoid": (lambda x: logistic(-x), REALS),
    "silu": (lambda x: logistic(x) + x * sech2(x / 2) / 4, REALS),
    "gelu": (lambda x: mpmath.ncdf(x) + x * normal(x), [x for x in REALS if abs(x) < 1e3]),
    "gelu_tanh": (gelu_tanh_slope, REALS),
    "erf": (lambda x: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x), REALS),
    "erfc": (lambda x: -2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x), REALS),
    "sin": (mpmath.cos, [x for x in REALS if abs(x) < 1e9]),
    "cos": (lambda x: -mpmath.sin(x), [x for x in REALS if abs(x) < 1e9]),
    "tan": (lambda x: 1 / mpmath.cos(x) ** 2, [x for x in REALS if abs(x) < 1e9]),
    "arcsin": (lambda x: 1 / mpmath.sqrt((1 - x) * (1 + x)), INNER),
    "arccos": (lambda x: -1 / mpmath.sqrt((1 - x) * (1 + x)), INNER),
    "arctan": (lambda x: 1 / (1 + x * x), REALS),
    "sinh": (mpmath.cosh, REALS),
    "cosh": (mpmath.sinh, REALS),
    "tanh": (sech2, REALS),
    "arcsinh": (lambda x: 1 / mpmath.sqrt(1 + x * x), REALS),
    "arccosh": (
        lambda x: 1 / mpmath.sqrt((x - 1) * (x + 1)),
        [x for x in REALS if x > 1] + [1 + 2.0**-40],
    ),
    "arctanh": (lambda x: 1 / ((1 - x) * (1 + x)), INNER),
}
SOME = [-1e300, -1e8, -700.0, -2.5, -1e-8, -1e-300, 1e-300, 1e-8, 1.0, 40.0, 1e3, 1e300]
BINARY: dict[str, tuple[tuple[Callable[[Any, Any], Any], ...], list[tuple[float, float]]]] = {
    "divide": (
        (lambda x, y: 1 / y, lambda x, y: -x / (y * y)),
        list(itertools.product(SOME, SOME)),
    ),
    "logaddexp": (
        (lambda x, y: logistic(x - y), lambda x, y: logistic(y - x)),
        list(itertools.product(SOME, SOME)),
    ),
    "hypot": (
        (
            lambda x, y: x / mpmath.sqrt(x * x + y * y),
            lambda x, y: y / mpmath.sqrt(x * x + y * y),
        ),
        list(itertools.product(SOME, SOME)),
    ),
    "arctan2": (
        (lambda y, x: x / (x * x + y * y), lambda y, x: -y / (x * x + y * y)),
        list(itertools.product(SOME, SOME)),
    ),
    "power": (
        (lambda x, y: y * x ** (y - 1), lambda x, y: x**y * mpmath.log(x)),
        list(itertools.product([1e-300, 1e-8, 0.3, 1.0, 40.0, 1e300], [-2.5, 0.5, 1.0, 3.0])),
    ),
}


def ulps(got: float, exact: Any) -> float:
    """The error in units in the last place of the exact value, rounded to float64."""
    nearest = float(exact)
    if math.isinf(nearest):
        return 0.0 if got == nearest else math.inf
    if not math.isfinite(got):
        return math.inf
    return float(abs(mpmath.mpf(got) - exact) / float(np.spacing(abs(nearest))))


def exponent_ulps(x: float, y: float) -> float:
    """What half an ulp of x - y, which every form without overflow rounds, is after exp."""
    return 0.5 * float(np.spacing(abs(x - y)) / np.finfo(float).eps)


def check(name: str, exact: tuple[Callable[..., Any], ...], points: list[Any]) -> None:
    """At every point, at most the larger of 4 ulps and the error of SymPy's own formula."""
    op = OPS[name]
    assert isinstance(op, Elementwise)
    leaves = [leaf(p, shape=(len(points),)) for p in op.parameters]
    node = op(*leaves)
    columns = [np.array(column, dtype=float) for column in zip(*points, strict=True)]
    env = dict(zip(leaves, columns, strict=True))
    assert op.formula is not None
    raw = derive(op.formula, op.parameters)
    worst = []
    for i, partial in enumerate(op.partials(node)):
        assert partial is not None
        (values,) = evaluate([partial], env)
        values = np.broadcast_to(np.asarray(values, float), (len(points),))
        naive = sympy.lambdify(symbols_of(op.parameters), raw[i], ["scipy", "numpy"])
        with np.errstate(all="ignore"):
            naives = np.broadcast_to(np.asarray(naive(*columns), float), (len(points),))
        for point, got, other in zip(points, values, naives, strict=True):
            with mp.workdps(60):
                want = mpmath.mpf(exact[i](*map(mpmath.mpf, point)))
                error, allowed = ulps(float(got), want), max(4.0, ulps(float(other), want))
                if name == "logaddexp":
                    allowed += exponent_ulps(*point)
            if not error <= allowed:
                worst.append(f"argument {i} at {point}: {got} for {float(want)}, {error:.3g} ulps")
    assert not worst, "\n".join(worst)


@pytest.mark.parametrize("name", UNARY)
def test_the_slope_is_accurate_in_the_tails(name: str) -> None:
    derivative, points = UNARY[name]
    check(name, (derivative,), [(x,) for x in points])


@pytest.mark.parametrize("name", BINARY)
def test_the_slopes_are_accurate_in_the_tails(name: str) -> None:
    check(name, *BINARY[name])


# ---- derivation


def derived(formula: str, *parameters: str) -> Elementwise:
    """An op that is not in the registry."""
    return Elementwise(
        name="made",
        arity=len(parameters),
        formula=formula,
        partials=None,
        numpy="made({0})",
        latex=None,
        dtype=lambda *dtypes: np.dtype(np.float64),
        kernels=(),
        examples=(),
        cost=1,
        weak=None,
        parameters=parameters,
        lower=None,
    )


def slopes(formula: str, **values: float) -> list[float]:
    op = derived(formula, *values)
    leaves = [leaf(p) for p in values]
    env = dict(zip(leaves, values.values(), strict=True))
    node = op(*leaves)
    env[node] = math.nan  # it has no source; a derivative that uses the value shows
    return [0.0 if p is None else float(evaluate([p], env)[0]) for p in partials(op, node)]


@pytest.mark.parametrize(
    ("formula", "values", "expected"),
    [
        ("x / (1 + abs(x))", {"x": -1.0}, [0.25]),
        ("Max(x, 0)", {"x": 0.0}, [0.0]),  # a constant bound
        ("Min(x, 2)", {"x": 2.0}, [0.0]),
        ("Max(x, 0)", {"x": 0.5}, [1.0]),
        ("Max(x, y)", {"x": 1.0, "y": 1.0}, [0.5, 0.5]),  # two variables share
        ("Max(x, y)", {"x": 2.0, "y": 1.0}, [1.0, 0.0]),
        ("Abs(x)", {"x": 0.0}, [0.0]),
        ("x * sign(x)", {"x": -3.0}, [-1.0]),
        ("x * floor(x / y)", {"x": 7.0, "y": 2.0}, [3.0, 0.0]),
        ("Piecewise((x**2, x < 1), (2*x, True))", {"x": 0.5}, [1.0]),
        ("x**y", {"x": 2.0, "y": 3.0}, [math.nan, math.nan]),  # by its own value
        ("log(1 + x * y)", {"x": 1.0, "y": 3.0}, [0.75, 0.25]),
        ("sqrt(x**2 + 4*y**2)", {"x": 3e200, "y": 2e200}, [0.6, 1.6]),  # no overflow
        ("sec(x)", {"x": 0.0}, [math.nan]),
        ("7 + 0*x", {"x": 1.0}, [0.0]),
    ],
)
def test_a_derived_slope(formula: str, values: dict[str, float], expected: list[float]) -> None:
    np.testing.assert_allclose(slopes(formula, **values), expected, rtol=1e-15)


def test_a_derivative_uses_the_value_of_the_op() -> None:
    x = leaf("x")
    for name in ("exp2", "tan"):
        node = OPS[name](x)  # type: ignore[operator]
        (partial,) = OPS[name].partials(node)  # type: ignore[attr-defined]
        assert node in set(_below(partial))


def _below(node: Expr) -> list[Expr]:
    return [node, *(found for arg in node.args for found in _below(arg))]


def test_squares_are_not_subtracted() -> None:
    (partial,) = OPS["arctanh"].partials(OPS["arctanh"](leaf("x")))  # type: ignore[attr-defined,operator]
    names = [node.op.name for node in _below(partial)]
    assert "square" not in names and "one_minus_square" in names


def test_float32_stays_float32() -> None:
    x = leaf("x", "float32")
    for name, (_, points) in UNARY.items():
        op = OPS[name]
        assert isinstance(op, Elementwise)
        (partial,) = op.partials(op(x))
        assert partial is not None and points
        assert partial.dtype in (np.dtype("float32"), np.dtype("bool")), name


def test_what_cannot_be_expressed_names_the_op_and_the_formula() -> None:
    op = derived("uppergamma(x, 2)", "x")
    with pytest.raises(
        CompileError, match=r"made, defined as uppergamma\(x, 2\).*no function hyp2f2"
    ):
        partials(op, op(leaf("x")))


def test_what_is_no_formula_is_refused() -> None:
    with pytest.raises(DeclarationError, match="'x \\+' is no formula"):
        parse("x +", ("x",))
    with pytest.raises(DeclarationError, match="symbol z, which is not among its parameters x, y"):
        parse("x * z", ("x", "y"))


def test_a_translation_is_the_formula() -> None:
    """Expressions built from SymPy agree with SymPy's own numbers."""
    symbols = symbols_of(("x", "y"))
    leaves = [leaf("x"), leaf("y")]
    for text in (
        "x**3 - 2*x*y + y/3 - 5",
        "exp(-x**2)/sqrt(2*pi) - exp(y) + 1",
        "sin(x)*cos(y) - tan(x)/(1 + y**2)",
        "1/sqrt(x) - x**Rational(-3, 2) + 2**y + x**y",
        "Max(x, y, 1) + Min(x, 2*y) + Heaviside(x - y)",
        "Piecewise((x, And(x > 1, y > 0)), (y, Or(x < 0, Not(y > 5))), (1, True))",
        "log(1 + x) + log(x)*coth(y) + asinh(x) - atan2(y, x) + (4 - x**2)",
        "erf(x) - erfc(y) + ceiling(x) + floor(y) + Abs(x - y)",
    ):
        expr = parse(text, ("x", "y"))
        built = builder(expr, {s: i for i, s in enumerate(symbols)})(leaves)
        for point in ((0.75, 1.5), (1.25, 0.5), (3.0, 6.5)):
            (got,) = evaluate([built], dict(zip(leaves, point, strict=True)))
            want = expr.subs(dict(zip(symbols, point, strict=True))).evalf(20)
            np.testing.assert_allclose(got, float(want), rtol=1e-13, err_msg=text)
