"""``sg.lambdify``: what may be an argument, how arguments broadcast, what comes back."""

import pickle
import runpy
import threading
import time
import warnings
from typing import Any

import numpy as np
import pytest
import sympy as sp
from sympy.physics.units import meter

import symgrad as sg
from symgrad.model.lambdify import BLOCK

x, y, z = sp.symbols("x y z")
POINT = np.array([0.3, 0.7, 1.9])
OTHER = np.array([1.1, -0.4, 0.6])


# ---- values and derivatives


def test_value_gradient_and_hessian_of_numbers() -> None:
    expr = sp.exp(x) * sp.sin(y) + x**3 / (1 + y**2)
    value, gradient, hessian = sg.lambdify((x, y), expr, derivatives=2)(0.3, 0.7)
    at = {x: sp.Rational(0.3), y: sp.Rational(0.7)}
    assert isinstance(value, np.float64) and gradient.shape == (2,) and hessian.shape == (2, 2)
    np.testing.assert_allclose(value, float(expr.subs(at).evalf()), rtol=1e-15)
    want = [float(expr.diff(s).subs(at).evalf()) for s in (x, y)]
    np.testing.assert_allclose(gradient, want, rtol=1e-14)
    second = [[float(expr.diff(s, t).subs(at).evalf()) for t in (x, y)] for s in (x, y)]
    np.testing.assert_allclose(hessian, second, rtol=1e-13)
    assert hessian[0, 1] == hessian[1, 0]


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_numbers_and_arrays_agree(style: str) -> None:
    expr = sp.log(1 + sp.exp(x * y)) + sp.Max(x, y, z) + sp.Piecewise((x, x < y), (z**2, True))
    f = sg.lambdify((x, y, z), expr, derivatives=2, style=style)
    arrays = f(POINT, OTHER, POINT[::-1])
    for i in range(3):
        numbers = f(float(POINT[i]), float(OTHER[i]), float(POINT[2 - i]))
        for whole, single in zip(arrays, numbers, strict=True):
            np.testing.assert_allclose(whole[i], single, rtol=1e-14, atol=1e-16)


SHAPES = [
    ((), ()),
    ((3,), ()),
    ((), (3,)),
    ((3,), (3,)),
    ((2, 1), (1, 3)),
    ((2, 3), (3,)),
    ((4, 2, 3), (4, 1, 3)),
    ((1,), (3,)),
    ((0,), ()),
    ((2, 0), (1,)),
    ((1, 1), (1,)),
]


@pytest.mark.parametrize(("first", "second"), SHAPES)
def test_arguments_broadcast(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    f = sg.lambdify((x, y), sp.sin(x) * y + x, derivatives=2)
    rng = np.random.default_rng(1)
    a, b = rng.uniform(size=first), rng.uniform(size=second)
    value, gradient, hessian = f(a, b)
    shape = np.broadcast_shapes(first, second)
    assert (
        value.shape == shape and gradient.shape == (*shape, 2) and hessian.shape == (*shape, 2, 2)
    )
    np.testing.assert_allclose(value, np.sin(a) * b + a, rtol=1e-14)
    np.testing.assert_allclose(gradient[..., 0], np.cos(a) * b + 1, rtol=1e-14)
    np.testing.assert_allclose(gradient[..., 1], np.broadcast_to(np.sin(a), shape), rtol=1e-14)
    np.testing.assert_allclose(hessian[..., 0, 0], -np.sin(a) * b, rtol=1e-14)
    np.testing.assert_allclose(hessian[..., 1, 0], np.broadcast_to(np.cos(a), shape), rtol=1e-14)
    assert not hessian[..., 1, 1].any()


def test_shapes_that_do_not_broadcast() -> None:
    f = sg.lambdify((x, y), x + y)
    with pytest.raises(sg.ShapeError, match=r"do not broadcast.*x \(2,\), y \(3,\)"):
        f(np.ones(2), np.ones(3))


def test_large_arrays_go_by_blocks() -> None:
    f = sg.lambdify((x, y), sp.exp(-x) * sp.cos(y), derivatives=2)
    n = 2 * BLOCK + 17
    a, b = np.linspace(0, 1, n), np.linspace(-1, 1, n)
    value, gradient, hessian = f(a, b)
    parts = [f(a[i : i + 1000], b[i : i + 1000]) for i in range(0, n, 1000)]
    for whole, blocks in zip((value, gradient, hessian), zip(*parts, strict=True), strict=True):
        np.testing.assert_allclose(whole, np.concatenate(blocks), rtol=1e-15)
    again, _, _ = f(a.reshape(-1, 1), b.reshape(-1, 1))
    np.testing.assert_array_equal(again[:, 0], value)


def test_a_constant_has_the_shape_of_the_arguments() -> None:
    value, gradient = sg.lambdify(x, 5, derivatives=1)(np.ones((2, 3)))
    np.testing.assert_array_equal(value, np.full((2, 3), 5.0))
    np.testing.assert_array_equal(gradient, np.zeros((2, 3, 1)))
    matrix = sg.lambdify((x, y), sp.Matrix([[x, 0], [1, y]]))(np.ones(4), 2.0)
    assert matrix.shape == (4, 2, 2)
    np.testing.assert_array_equal(matrix[2], [[1, 0], [1, 2]])
    assert sg.lambdify((), sp.pi)() == np.pi


def test_outputs_belong_to_the_caller() -> None:
    f = sg.lambdify((x, y), [x, y, x, sp.Integer(1)])
    a = np.ones(3)
    first, second, third, _ = f(a, a)
    first += 1
    assert a.sum() == 3 and third.sum() == 3 and second.sum() == 3
    assert f(a, a)[0].sum() == 3


# ---- dtypes


def test_dtypes() -> None:
    f = sg.lambdify((x, y), x / 3 + sp.Piecewise((1, y > 0), (0, True)), derivatives=1)
    single = np.ones(2, np.float32)
    assert [out.dtype for out in f(single, 2)] == [np.float32, np.float32]
    assert [out.dtype for out in f(single, single)] == [np.float32, np.float32]
    assert f(single, np.ones(2))[0].dtype == np.float64
    assert f(np.ones(2, int), 1)[0].dtype == np.float64
    assert f(1, 1)[0].dtype == np.float64
    assert f(True, 1)[0] == pytest.approx(4 / 3)
    assert f(np.float32(1), np.float32(1))[0].dtype == np.float32
    with pytest.raises(sg.DTypeError, match="y: expected real numbers; got complex128"):
        f(1.0, 1j)
    with pytest.raises(sg.DTypeError, match="x: expected real numbers"):
        f("a", 1.0)


# ---- branches


def test_a_branch_that_is_not_taken_neither_warns_nor_poisons() -> None:
    expr = sp.Piecewise((sp.log(x) / (x - 1), x > 1), (sp.sqrt(1 - x), x < 1), (0, True))
    f = sg.lambdify(x, expr, derivatives=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for point in (np.array([-3.0, 1.0, 2.0, 0.0]), -3.0, 2.0):
            for out in f(point):
                assert np.all(np.isfinite(out)), out
    value, gradient, _ = f(np.array([-3.0, 2.0]))
    np.testing.assert_allclose(value, [2.0, np.log(2)])
    np.testing.assert_allclose(gradient[:, 0], [-0.25, 0.5 - np.log(2)])


def test_where_no_branch_applies_the_value_is_nan() -> None:
    f = sg.lambdify(x, sp.Piecewise((x, x > 0), (2 * x, x < -1)))
    np.testing.assert_array_equal(f(np.array([1.0, -0.5, -2.0])), [1.0, np.nan, -4.0])
    assert np.isnan(f(-0.5)) and f(-2.0) == -4.0


@pytest.mark.parametrize("point", [0.0, 1000.0, -1.0, float("nan"), float("inf")])
def test_numbers_go_on_where_python_would_raise(point: float) -> None:
    expr = [1 / x, sp.log(x), sp.exp(x), sp.sqrt(x), x ** sp.Rational(5, 2), sp.gamma(x) * 0 + x]
    f = sg.lambdify(x, expr[:5])
    got = f(point)
    with np.errstate(all="ignore"):
        one = np.float64(point)
        want = [1 / one, np.log(one), np.exp(one), np.sqrt(one), one**2.5]
    np.testing.assert_allclose(got, want, rtol=1e-15)


def test_ties_share() -> None:
    _, gradient = sg.lambdify((x, y, z), sp.Max(x, y, z), 1)(np.ones(2), np.ones(2), np.ones(2))
    np.testing.assert_allclose(gradient, np.full((2, 3), 1 / 3))
    _, gradient = sg.lambdify((x, y), sp.Min(x, y), 1)(1.0, 1.0)
    np.testing.assert_array_equal(gradient, [0.5, 0.5])
    _, gradient = sg.lambdify((x, y), sp.Max(x, y, 0), 1)(0.0, -1.0)
    np.testing.assert_array_equal(gradient, [0.0, 0.0])


# ---- structures


def test_structures_of_expressions() -> None:
    f = sg.lambdify((x, y), {"sum": x + y, "parts": [x * y, (x,)]}, derivatives=1)
    value, gradient = f(2.0, 3.0)
    assert value == {"sum": 5.0, "parts": [6.0, (2.0,)]}
    np.testing.assert_array_equal(gradient["parts"][0], [3.0, 2.0])
    np.testing.assert_array_equal(gradient["sum"], [1.0, 1.0])
    assert sg.lambdify(x, sp.Tuple(x, 2 * x))(3.0) == (3.0, 6.0)


def test_nested_arguments() -> None:
    f = sg.lambdify(((x, y), z), x + 10 * y + 100 * z, derivatives=1)
    value, gradient = f((1.0, 2.0), 3.0)
    assert value == 321
    np.testing.assert_array_equal(gradient, [1, 10, 100])
    np.testing.assert_array_equal(f([np.ones(2), 2.0], np.arange(2.0))[0], [21, 121])
    with pytest.raises(sg.DeclarationError, match="2 arguments"):
        f(1.0, 2.0, 3.0)
    with pytest.raises(sg.DeclarationError, match="expected 2 values"):
        f((1.0,), 3.0)


def test_arguments_by_name() -> None:
    f = sg.lambdify([x, y], x - y)
    assert f(y=1.0, x=3.0) == 2.0 and f(3.0, y=1.0) == 2.0
    with pytest.raises(sg.DeclarationError, match="lacks the argument 'y'"):
        f(x=1.0)
    with pytest.raises(sg.DeclarationError, match="'q', but it has only"):
        f(1.0, q=2.0)


def test_matrices() -> None:
    expr = sp.Matrix([[x * y, sp.sin(x)], [y, 1]])
    value, jacobian, hessian = sg.lambdify((x, y), expr, derivatives=2)(POINT, 2.0)
    assert (value.shape, jacobian.shape, hessian.shape) == (
        (3, 2, 2),
        (3, 2, 2, 2),
        (3, 2, 2, 2, 2),
    )
    np.testing.assert_allclose(value[:, 0, 1], np.sin(POINT))
    np.testing.assert_allclose(jacobian[:, 0, 0], np.stack([np.full(3, 2.0), POINT], -1))
    np.testing.assert_allclose(hessian[:, 0, 1, 0, 0], -np.sin(POINT))
    np.testing.assert_allclose(hessian[1, 0, 0], [[0, 1], [1, 0]])
    vector = sg.lambdify(x, sp.Matrix([x, x**2]))(2.0)
    assert vector.shape == (2, 1)
    cube = sg.lambdify((x, y), sp.Array([[[x, y], [1, 2]]]))(1.0, POINT)
    assert cube.shape == (3, 1, 2, 2)


A, B, v = sp.MatrixSymbol("A", 2, 2), sp.MatrixSymbol("B", 2, 3), sp.MatrixSymbol("v", 2, 1)


def test_matrix_symbols() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.uniform(size=(5, 2, 2)), rng.uniform(size=(2, 3))
    np.testing.assert_allclose(sg.lambdify((A, B), 2 * A * B)(a, b), 2 * a @ b)
    quadratic = sg.lambdify((A, v), (v.T * A * v)[0, 0], derivatives=2)
    w = rng.uniform(size=(5, 2, 1))
    value, gradient, hessian = quadratic(a, w)
    np.testing.assert_allclose(value, np.einsum("bi,bij,bj->b", w[..., 0], a, w[..., 0]))
    assert gradient.shape == (5, 6) and hessian.shape == (5, 6, 6)
    outer = w @ w.swapaxes(1, 2)
    np.testing.assert_allclose(gradient[:, :4].reshape(5, 2, 2), outer)
    np.testing.assert_allclose(gradient[:, 4:, None], (a + a.swapaxes(1, 2)) @ w)
    np.testing.assert_allclose(hessian[:, 4:, 4:], a + a.swapaxes(1, 2))
    np.testing.assert_array_equal(hessian, hessian.swapaxes(1, 2))
    with pytest.raises(sg.ShapeError, match=r"A: expected shape \(\.\.\., 2, 2\)"):
        quadratic(np.ones((3, 3)), w)


MATRIX_EXPRESSIONS: list[tuple[Any, Any]] = [
    (A + A.T, lambda a, b, w: a + a.T),
    (3 * A - sp.Identity(2), lambda a, b, w: 3 * a - np.eye(2)),
    (A**3, lambda a, b, w: a @ a @ a),
    (A**0, lambda a, b, w: np.eye(2)),
    (sp.Trace(A * A), lambda a, b, w: np.trace(a @ a)),
    (sp.HadamardProduct(A, A), lambda a, b, w: a * a),
    (sp.HadamardPower(A, 3), lambda a, b, w: a**3),
    (sp.KroneckerProduct(A, B), lambda a, b, w: np.kron(a, b)),
    (sp.BlockMatrix([[A, B], [B.T, sp.ZeroMatrix(3, 3)]]),
     lambda a, b, w: np.block([[a, b], [b.T, np.zeros((3, 3))]])),
    (A[0, 1] * B[1, 2], lambda a, b, w: a[0, 1] * b[1, 2]),
    (sp.DotProduct(v, v), lambda a, b, w: (w.T @ w)[0, 0]),
    (A.applyfunc(sp.sin), lambda a, b, w: np.sin(a)),
    (B[0:2, 1:3], lambda a, b, w: b[0:2, 1:3]),
    (v.T * A * v, lambda a, b, w: w.T @ a @ w),
    (sp.OneMatrix(2, 2) * A, lambda a, b, w: np.ones((2, 2)) @ a),
    (sp.diag(x, 2) * 1, lambda a, b, w: np.diag([0.5, 2.0])),
]  # fmt: skip


@pytest.mark.parametrize(("expr", "oracle"), MATRIX_EXPRESSIONS)
def test_matrix_expressions(expr: Any, oracle: Any) -> None:
    rng = np.random.default_rng(3)
    a, b, w = rng.uniform(size=(2, 2)), rng.uniform(size=(2, 3)), rng.uniform(size=(2, 1))
    f = sg.lambdify((A, B, v, x), expr)
    np.testing.assert_allclose(f(a, b, w, 0.5), oracle(a, b, w), rtol=1e-14)
    batch = f(np.stack([a, a + 1]), b, w, np.array([0.5, 0.5]))
    np.testing.assert_allclose(batch[1], oracle(a + 1, b, w), rtol=1e-14)


def test_matrix_of_symbols_as_argument() -> None:
    q = sp.Matrix(sp.symbols("q0:3"))
    f = sg.lambdify([q, x], q[0] * q[1] + q[2] * x, derivatives=1)
    value, gradient = f(np.array([[1.0], [2.0], [3.0]]), 4.0)
    assert value == 14
    np.testing.assert_array_equal(gradient, [2, 1, 4, 3])


def test_indexed_bases() -> None:
    u, i = sp.IndexedBase("u"), sp.Symbol("i", integer=True)
    f = sg.lambdify([u, x], sp.Sum(u[i] * x**i, (i, 0, 5)), derivatives=1)
    coefficients = np.arange(1.0, 7.0)
    value, gradient = f(coefficients, POINT)
    np.testing.assert_allclose(value, np.polyval(coefficients[::-1], POINT))
    np.testing.assert_allclose(gradient[:, :6], POINT[:, None] ** np.arange(6))
    fixed = sp.IndexedBase("w", shape=(3,))
    assert sg.lambdify(fixed, fixed[0] - fixed[2])(np.array([5.0, 0.0, 3.0])) == 2.0
    with pytest.raises(sg.DeclarationError, match="give its indexed base a shape"):
        _ = f.source


def test_other_things_that_vary() -> None:
    t = sp.Symbol("t")
    position, speed = sp.Function("q")(t), sp.Function("q")(t).diff(t)
    energy = speed**2 / 2 + sp.cos(position)
    assert sg.lambdify([position, speed], energy)(0.0, 2.0) == 3.0
    deferred = sp.DeferredVector("d")
    assert sg.lambdify(deferred, deferred[0] * deferred[1])(np.array([3.0, 4.0])) == 12.0


def test_names_of_all_sorts() -> None:
    odd = [sp.Symbol(n) for n in ("lambda", "x'", "\\alpha_1", "a b", "rng", "N", "np", "exp")]
    odd += [sp.Dummy("x"), sp.Symbol("x"), sp.Symbol("x", positive=True)]
    f = sg.lambdify(odd, sum(k * s for k, s in enumerate(odd, 1)), derivatives=1)
    value, gradient = f(*np.ones((len(odd), 2)))
    np.testing.assert_array_equal(value, [66, 66])
    np.testing.assert_array_equal(gradient[0], np.arange(1, 12))
    assert "lambda" not in f.source.split("lambda_")[0].split("def lambdified(")[-1][:10]


# ---- sums and products


k, j, n = sp.symbols("k j n", integer=True)
SUMS: list[Any] = [
    sp.Sum(x**k / sp.factorial(k), (k, 0, 30)),
    sp.Sum(x**k, (k, 0, 3)),
    sp.Sum((-1) ** k * x ** (2 * k + 1) / sp.factorial(2 * k + 1), (k, 0, 12)),
    sp.Sum(sp.sin(k * x) / k, (k, 1, 9)),
    sp.Sum(x * j + k, (j, 0, k), (k, 0, 6)),
    sp.Sum(sp.exp(-k * x) * sp.binomial(9, k), (k, 0, 9)),
    sp.Sum(sp.Sum(x ** (j + k), (j, 0, 7)), (k, 0, 8)),
    sp.Sum(x, (k, 1, 10)),
    sp.Sum(x + k, (k, 5, 4)),
    sp.Sum(x + k, (k, 5, 1)),
    sp.Product(x + k, (k, 0, 6)),
    sp.Product(x + k, (k, 0, 2)),
    sp.Product(x, (k, 1, 9)),
    sp.Sum(sp.KroneckerDelta(j, k) * x**k, (j, 0, 5), (k, 0, 6)),
]


@pytest.mark.parametrize("expr", SUMS, ids=str)
def test_sums_and_products(expr: Any) -> None:
    f = sg.lambdify(x, expr, derivatives=2)
    plain = expr.doit()
    want = [[float(d.subs(x, sp.Rational(p)).evalf()) for p in POINT]
            for d in (plain, plain.diff(x), plain.diff(x, 2))]  # fmt: skip
    value, gradient, hessian = f(POINT)
    np.testing.assert_allclose(value, want[0], rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(gradient[:, 0], want[1], rtol=1e-13, atol=1e-12)
    np.testing.assert_allclose(hessian[:, 0, 0], want[2], rtol=1e-13, atol=1e-12)
    np.testing.assert_allclose(f(float(POINT[0]))[0], want[0][0], rtol=1e-13, atol=1e-13)


def test_a_long_sum_is_an_axis() -> None:
    f = sg.lambdify(x, sp.Sum(sp.cos(k * x) / k**2, (k, 1, 5000)))
    assert len(f.source) < 5000
    np.testing.assert_allclose(f(1.0), np.sum(np.cos(np.arange(1, 5001)) / np.arange(1, 5001) ** 2))


def test_a_sum_with_a_closed_form() -> None:
    f = sg.lambdify((x, n), sp.Sum(k * x, (k, 1, n)))
    assert f(2.0, 4.0) == 20.0
    with pytest.raises(sg.CompileError, match=r"the range of k .* must be known"):
        sg.lambdify((x, n), sp.Sum(sp.sin(k**2 * x), (k, 1, n)))


# ---- the object


def test_it_pickles_saves_and_shows_itself(tmp_path: Any) -> None:
    f = sg.lambdify((x, y), sp.log(1 + sp.exp(x)) * y, derivatives=1, name="cost")
    again = pickle.loads(pickle.dumps(f))
    np.testing.assert_array_equal(again(POINT, 2.0)[1], f(POINT, 2.0)[1])
    assert "cost" in repr(f) and "x" in repr(f)
    module = runpy.run_path(str(f.save(tmp_path / "cost.py")))
    value, gradient = module["cost"](POINT, OTHER)
    np.testing.assert_array_equal(value, f(POINT, OTHER)[0])
    np.testing.assert_array_equal(gradient, f(POINT, OTHER)[1])
    assert "of_exponentials" in str(f.report())
    assert r"\log" in f.latex() or "softplus" in f.latex()
    assert "digraph" in f.graph.dot()


def test_it_may_be_called_from_several_threads() -> None:
    f = sg.lambdify((x, y), sp.sin(x) * sp.exp(y), derivatives=2)
    want = f(POINT, OTHER)
    failures: list[Any] = []

    def work(i: int) -> None:
        for _ in range(20):
            got = f(POINT, OTHER) if i % 2 else f(POINT[:, None], OTHER)
            if i % 2 and not all(np.array_equal(g, w) for g, w in zip(got, want, strict=True)):
                failures.append(got)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# ---- large expressions


def recurrence(steps: int) -> Any:
    u, w = x, y
    for _ in range(steps):
        u, w = sp.sin(u * w) + u, sp.cos(u - w) * w
    return u + w


def test_a_shared_recurrence_is_linear() -> None:
    def nodes(steps: int) -> int:
        return len(sg.lambdify((x, y), recurrence(steps), 1).function.graph.to_networkx())

    assert nodes(40) < 2.5 * nodes(20)


def test_derivatives_of_a_recurrence() -> None:
    value, gradient, hessian = sg.lambdify((x, y), recurrence(20), 2)(0.3, 0.4)
    step = 1e-5

    def numeric(a: float, b: float) -> float:
        for _ in range(20):
            a, b = np.sin(a * b) + a, np.cos(a - b) * b
        return float(a + b)

    assert value == pytest.approx(numeric(0.3, 0.4), rel=1e-14)
    slope = (numeric(0.3 + step, 0.4) - numeric(0.3 - step, 0.4)) / (2 * step)
    assert gradient[0] == pytest.approx(slope, rel=1e-7)
    corner = sum(
        s * t * numeric(0.3 + s * step, 0.4 + t * step) for s in (1, -1) for t in (1, -1)
    ) / (4 * step**2)
    assert hessian[0, 1] == pytest.approx(corner, rel=1e-3)


def test_deep_expressions_do_not_recurse() -> None:
    with sp.evaluate(False):
        deep = x
        for _ in range(1500):
            deep = sp.Add(sp.Mul(deep, y), x)
    start = time.perf_counter()
    value, gradient = sg.lambdify((x, y), deep, 1)(1.0, 0.5)
    assert value == pytest.approx(2.0) and gradient == pytest.approx([2.0, 4.0])
    assert time.perf_counter() - start < 60


def test_many_terms() -> None:
    symbols = sp.symbols("x0:2000")
    value, gradient = sg.lambdify([symbols], sp.Add(*[s**2 for s in symbols]), 1)(np.arange(2000.0))
    assert value == np.sum(np.arange(2000.0) ** 2)
    np.testing.assert_array_equal(gradient, 2 * np.arange(2000.0))


# ---- errors


@pytest.mark.parametrize(
    ("args", "expr", "options", "match"),
    [
        (x, x + y, {}, "it has the symbol y, for which no expression is given"),
        (x, sp.Function("f")(x), {}, "the function f is undefined"),
        (x, sp.Integral(sp.exp(-(x**2)), x), {}, r"Integral is not evaluated.*\.doit\(\)"),
        (x, sp.I * x, {}, "it is complex"),
        (x, sp.sqrt(-2) * x, {}, "it is complex|no real number"),
        (x, meter * x, {}, "unit or physical quantity meter"),
        (x, x > 0, {"derivatives": 1}, "a condition has no derivative"),
        (x, x, {"derivatives": 3}, "expected 0, 1 or 2; got 3"),
        (x, x, {"style": "pretty"}, "style: expected one of"),
        (x, x, {"name": ""}, "non-empty string"),
        ((x, x), x, {}, "x is given twice"),
        ((x, 2 * y), x, {}, r"an argument must be a symbol.*2\*y"),
        ({x, y}, x, {}, "must be in an order"),
        (x, "x + 1", {}, "expected a SymPy expression"),
        (x, object(), {}, "expected a SymPy expression"),
        (x, sp.Matrix([[x]]) * sp.MatrixSymbol("Q", 1, 1), {}, "it has the matrix Q"),
        (x, sp.IndexedBase("u")[0] + x, {}, r"it has u\[0\], but no array is given for u"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(args: Any, expr: Any, options: Any, match: str) -> None:
    with pytest.raises(sg.SymgradError, match=match):
        sg.lambdify(args, expr, **options)
