"""To and from SymPy: one is the inverse of the other."""

from collections import namedtuple
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from tests.fuzzing import examples

x, y, t = sp.symbols("x y t")
a, b = sg.input("a", ()), sg.input("b", ())
real_a, real_b = sp.symbols("a b", real=True)


# ---- random formulas


LEAVES = st.sampled_from([x, y, sp.Integer(2), sp.Rational(1, 3), sp.Float("0.75"), sp.pi])


def extended(parts: Any) -> Any:
    unary = st.sampled_from([
        sp.sin, sp.cos, sp.tanh, sp.Abs, sp.atan, lambda e: sp.exp(-(e**2)), lambda e: e**3,
        lambda e: sp.sqrt(1 + e**2), lambda e: 1 / (2 + sp.cos(e)), lambda e: sp.log(2 + e**2),
        sp.erf, sp.sign, lambda e: sp.Heaviside(e - sp.Rational(1, 7)),
    ])  # fmt: skip
    binary = st.sampled_from([
        lambda p, q: p + q, lambda p, q: p - q, lambda p, q: p * q, sp.Max, sp.Min,
        lambda p, q: p / (1 + q**2), lambda p, q: sp.Piecewise((p, p < q), (q * 2, True)),
        lambda p, q: sp.sqrt(p**2 + q**2 + 1), lambda p, q: sp.atan2(p, 2 + sp.sin(q)),
    ])  # fmt: skip
    return st.one_of(
        st.builds(lambda f, e: f(e), unary, parts),
        st.builds(lambda f, p, q: f(p, q), binary, parts, parts),
    )


FORMULAS = st.recursive(LEAVES, extended, max_leaves=8)
POINTS = [(0.37, -1.21), (-2.4, 0.83), (1.6, 2.9)]


def sensitivity(expr: Any, point: dict[Any, Any]) -> float:
    """What roundings of the arguments and of parts may do to a value, in units of eps."""
    parts = [float(abs(part.subs(point).evalf(30))) for part in sp.preorder_traversal(expr)
             if isinstance(part, sp.Expr)]  # fmt: skip
    return 64 * (1 + max(parts)) * len(parts)


@examples(60)
@given(FORMULAS)
def test_lambdify_is_sympy_with_many_digits(expr: Any) -> None:
    f = sg.lambdify((x, y), expr)
    columns = np.array(POINTS).T
    values = f(*columns)
    for point, value in zip(POINTS, values, strict=True):
        at = {x: sp.Rational(point[0]), y: sp.Rational(point[1])}
        want = float(expr.subs(at).evalf(50))
        bound = np.finfo(float).eps * sensitivity(expr, at)
        assert abs(float(value) - want) <= bound * (1 + abs(want))
        assert abs(float(f(*point)) - want) <= bound * (1 + abs(want))


@examples(60)
@given(FORMULAS)
def test_there_and_back(expr: Any) -> None:
    back = sg.to_sympy(sg.from_sympy(expr, {x: a, y: b}), {a: x, b: y})
    for point in POINTS:
        at = {x: sp.Rational(point[0]), y: sp.Rational(point[1])}
        want, got = (complex(e.subs(at).evalf(30)) for e in (expr, sp.sympify(back)))
        assert abs(got - want) <= 1e-12 * (1 + abs(want))


@examples(25)
@given(FORMULAS)
def test_gradients_are_those_of_differences(expr: Any) -> None:
    f = sg.lambdify((x, y), expr, derivatives=1)
    slopes = [expr.diff(s) for s in (x, y)]
    for point in POINTS:
        at = {x: sp.Rational(point[0]), y: sp.Rational(point[1])}
        want = [complex(s.subs(at).doit().evalf(30)) for s in slopes]
        got = f(*point)[1]
        for one, other in zip(got, want, strict=True):
            assert abs(one - other.real) <= 1e-11 * (1 + abs(other)), (expr, point)


# ---- from SymPy


def test_arrays_and_names_stand_for_symbols() -> None:
    rows = sg.input("rows", ("B", 3))
    expr = sg.from_sympy(x * sp.exp(y) + 1, {"x": rows, y: a})
    assert expr.shape == rows.shape
    f = sg.function([rows, a], expr)
    np.testing.assert_allclose(f(np.ones((2, 3)), 1.0), np.full((2, 3), np.e + 1))
    np.testing.assert_allclose(
        sg.function([a], sg.from_sympy(x * y, {x: [1.0, 2.0], y: a}))(3.0), [3, 6]
    )


def test_structures() -> None:
    Pair = namedtuple("Pair", "left right")
    made = sg.from_sympy({"p": Pair(x, [y]), "m": sp.Matrix([[x, 1]])}, {x: a, y: b})
    assert made["p"].left is a and made["p"].right == [b] and made["m"].shape == (1, 2)


def test_the_graph_is_what_one_would_write() -> None:
    values = {x: a, y: b}
    for expr, want in [
        (x - y, a - b),
        (1 - x, 1 - a),
        (x / y, a / b),
        (x**-2 * y, b / sg.square(a)),
        (sp.sqrt(x), sg.sqrt(a)),
        (x**0.5, sg.sqrt(a)),
        (1 / sp.sqrt(x), 1 / sg.sqrt(a)),
        ((1 + sp.tanh(x)) / 2, 0.5 * (sg.tanh(a) + 1)),
        (sp.exp(x) - 1, sg.expm1(a)),
        (sp.log(x + 1), sg.log1p(a)),
        (sp.sqrt(x**2 + y**2), sg.hypot(a, b)),
        (2**x, sg.exp2(a)),
        (-x - y, -a - b),
    ]:
        assert sg.from_sympy(expr, values) is want, expr


def test_symbolic_sizes_bound_sums() -> None:
    k, n = sp.symbols("k n", integer=True)
    size = sg.dim("N")
    v = sg.input("v", ("N",))
    u = sp.IndexedBase("u")
    expr = sg.from_sympy(sp.Sum(u[k] * k, (k, 0, n - 1)), {u: v, n: size})
    assert expr.shape == ()
    np.testing.assert_allclose(sg.function([v], expr)(np.array([1.0, 2.0, 3.0])), 8.0)


def test_open_derivatives_are_ours() -> None:
    inner = sp.Derivative(sp.sin(x * y), x, 2, y)
    f = sg.function([a, b], sg.from_sympy(inner + sp.Derivative(y, x), {x: a, y: b}))
    want = inner.doit().subs({x: sp.Rational(1, 4), y: 2}).evalf()
    assert float(f(0.25, 2.0)) == pytest.approx(float(want), rel=1e-14)
    held = sp.Subs(sp.Derivative(sp.exp(t * x), t), t, 2 * y)
    g = sg.function([a, b], sg.from_sympy(held, {x: a, y: b}))
    assert float(g(0.5, 1.0)) == pytest.approx(0.5 * np.e)


def test_conditions() -> None:
    u, w = sg.input("u", ("B",)), sg.input("w", ("B",))
    points = np.array([-1.0, 0.5, 2.0]), np.array([1.0, 0.2, -1.0])
    for expr, want in [
        (sp.And(x > 0, y > 0), [False, True, False]),
        (sp.Or(x > 1, y > 0.5), [True, False, True]),
        (sp.Not(sp.Eq(x, y)), [True, True, True]),
        (sp.Xor(x > 0, y > 0), [True, False, True]),
        (sp.ITE(x > 0, y > 0, x < -2), [False, True, False]),
        (sp.Implies(x > 0, y > 0), [True, True, False]),
        (sp.Contains(x, sp.Interval(0, 1)), [False, True, False]),
        (sp.true, True),
    ]:
        got = sg.function([u, w], sg.from_sympy(expr, {x: u, y: w}))(*points)
        np.testing.assert_array_equal(got, want)


FUNCTIONS = [
    sp.sec(x), sp.csc(x), sp.cot(x), sp.sech(x), sp.csch(x), sp.coth(x), sp.acot(x),
    sp.asech(x / 3), sp.acsch(x), sp.acoth(3 * x), sp.asec(3 * x), sp.acsc(3 * x), sp.sinc(x),
    sp.sinc(32 * x), sp.asinh(x), sp.acosh(2 + x), sp.atanh(x), sp.asin(x), sp.acos(y), sp.atan(x),
    sp.frac(x), sp.Mod(x, y), sp.ceiling(x), sp.floor(x), sp.Heaviside(x, 0), sp.sign(-x),
    sp.KroneckerDelta(x, y), sp.KroneckerDelta(x, x), sp.arg(-x), sp.re(x), sp.im(x),
    sp.conjugate(x), sp.cbrt(x), x ** sp.Rational(2, 3), sp.real_root(-x, 3), sp.log(x, 2),
    sp.LeviCivita(0, 1, 2) * x, sp.legendre(4, x), sp.hermite(3, x),
    sp.chebyshevt(5, x), sp.EulerGamma * x, sp.GoldenRatio + x, sp.factorial(5) * x,
    sp.Rational(10**30, 3 * 10**30 + 1) * x, sp.Ynm(1, 0, x, y).expand(func=True),
    sp.UnevaluatedExpr(x) + 1, sp.DiracDelta(x), sp.Abs(x) ** y, sp.exp(x, evaluate=False) * 2,
]  # fmt: skip


@pytest.mark.parametrize("expr", FUNCTIONS, ids=str)
def test_functions(expr: Any) -> None:
    at = {x: sp.Rational(0.7), y: sp.Rational(0.3)}
    want = float(sp.sympify(expr).subs(at).doit().evalf(30))
    f = sg.lambdify((x, y), expr)
    np.testing.assert_allclose(f(0.7, 0.3), want, rtol=4e-15)
    np.testing.assert_allclose(f(np.full(2, 0.7), np.full(2, 0.3)), want, rtol=4e-15)


SPECIAL = [
    sp.gamma(x), sp.loggamma(x), sp.digamma(x), sp.polygamma(2, x), sp.beta(x, y), sp.erf(x),
    sp.erfc(x), sp.erfi(x), sp.erfinv(y), sp.erfcinv(y), sp.erf2(x, y), sp.lowergamma(x, y),
    sp.uppergamma(x, y), sp.besselj(1, x), sp.bessely(0, x), sp.besseli(2, x), sp.besselk(1, x),
    sp.besselj(sp.Rational(1, 3), x), sp.jn(1, x), sp.yn(1, x), sp.LambertW(x), sp.expint(2, x),
    sp.Ei(x), sp.E1(x), sp.Si(x), sp.Ci(x), sp.Shi(x), sp.Chi(x), sp.airyai(x), sp.airybi(-x),
    sp.airyaiprime(x), sp.airybiprime(x), sp.fresnels(x), sp.fresnelc(x), sp.elliptic_k(y),
    sp.elliptic_e(y), sp.zeta(2 + x), sp.zeta(2 + x, y), sp.factorial(x), sp.binomial(3 + x, y),
    sp.rf(x, 2 + y), sp.ff(4 + x, y), sp.log(sp.factorial(x)), sp.hyper([x], [y], x),
    sp.hyper([x, 1], [2], y), sp.hyper([], [x], y), sp.betainc_regularized(2, 3, 0, y),
    sp.trigamma(x), sp.harmonic(3) * x,
]  # fmt: skip


@pytest.mark.parametrize("expr", SPECIAL, ids=str)
def test_special_functions(expr: Any) -> None:
    point = (0.7, 0.3)
    at = {x: sp.Rational(point[0]), y: sp.Rational(point[1])}
    # of erf2, SymPy has no numbers
    want = float(expr.rewrite(sp.erf).rewrite(sp.erfinv).subs(at).evalf(30))
    f = sg.lambdify((x, y), expr)
    np.testing.assert_allclose(f(*point), want, rtol=2e-14)
    np.testing.assert_allclose(f(*np.full((2, 3), [[0.7], [0.3]])), want, rtol=2e-14)


def test_principal_roots_of_negative_numbers_are_not_real() -> None:
    f = sg.lambdify(x, [sp.cbrt(x), x ** sp.Rational(2, 3), sp.sqrt(x), sp.Abs(x) ** (1 / sp.S(3))])
    np.testing.assert_array_equal(f(-8.0), [np.nan, np.nan, np.nan, 2.0])


def test_rounding_is_done_once() -> None:
    values = sg.lambdify((), [sp.Rational(1, 3), sp.sqrt(2) / sp.pi, 10**400, sp.oo, sp.nan])()
    assert isinstance(values[0], np.float64)
    assert values[:2] == [1 / 3, float((sp.sqrt(2) / sp.pi).evalf(30))]
    assert values[2:4] == [np.inf, np.inf] and np.isnan(values[4])
    tiny = sg.lambdify(x, sp.Rational(10**400, 10**399) * x)
    assert tiny(1.0) == 10.0


# ---- to SymPy


def test_scalars_become_expressions() -> None:
    assert sg.to_sympy(sg.exp(a) * b + 1) == sp.exp(real_a) * real_b + 1
    assert sg.to_sympy([a, {"d": sg.grad(a * b, a)}]) == [real_a, {"d": real_b}]
    assert sg.to_sympy(a + b, {a: x, "b": y}) == x + y
    assert sg.to_sympy(sg.where(a > 0, a, b)) == sp.Piecewise((real_a, real_a > 0), (real_b, True))
    twin = sg.input("a", ())
    assert sg.to_sympy(a - twin) != 0  # two inputs of one name are two symbols


def test_elementwise_formulas_of_symbolic_sizes() -> None:
    rows, weight = sg.input("rows", ("B", 3)), sg.input("weight", (3,))
    got = sg.to_sympy(sg.tanh(rows * weight) / 2)
    assert got == sp.tanh(sp.Symbol("rows", real=True) * sp.Symbol("weight", real=True)) / 2
    with pytest.raises(sg.CompileError, match="sum has no formula for one element"):
        sg.to_sympy(rows.sum())


def test_arrays_of_static_sizes() -> None:
    m, v = sg.input("m", (2, 2)), sg.input("v", (2,))
    assert sg.to_sympy(m @ m).shape == (2, 2)
    product = sg.to_sympy(m @ v, {v: [x, y], "m": sp.Matrix([[1, 2], [3, 4]])})
    assert product == sp.Array([x + 2 * y, 3 * x + 4 * y])
    base = sp.IndexedBase("w")
    assert sg.to_sympy(v.sum(), {v: base}) == base[0] + base[1]
    assert sg.to_sympy(sg.softmax(v))[0].free_symbols == set(sp.symbols("v_0 v_1", real=True))
    with pytest.raises(sg.DeclarationError, match=r"expected symbols of shape \(2,\); got \(3,\)"):
        sg.to_sympy(v, {v: [x, y, t]})


def test_named_parts() -> None:
    h = sg.name(sg.tanh(a * b), "h")
    definitions, result = sg.to_sympy(h**2 + h, named=True)
    symbol = sp.Symbol("h", real=True)
    assert definitions == [(symbol, sp.tanh(real_a * real_b))]
    assert result == symbol**2 + symbol
    assert sg.to_sympy(h) == sp.tanh(real_a * real_b)


def test_ops_without_a_formula_are_named() -> None:
    with pytest.raises(sg.CompileError, match="argmax has no formula"):
        sg.to_sympy(sg.argmax(sg.input("v", (2,))))
