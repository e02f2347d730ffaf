"""The kernels against mpmath at 50 digits, far into their tails, and their contract."""

import ast
import inspect
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest

from symgrad.ops import kernels, special_kernels

mp = mpmath.mp.clone()
mp.dps = 50
mpf = mp.mpf  # the clone's own: mpmath.mpf computes in the shared context's 15 digits


def log1mexp(x: Any) -> Any:
    """log(1 - e^-x), in the form that 50 digits can hold."""
    return mp.log(-mp.expm1(-x)) if x < 1 else mp.log1p(-mp.exp(-x))


def erfc(x: Any) -> Any:
    """mpmath's, but for numbers so large that it overflows."""
    return mp.erfc(x) if abs(x) < 1000 else mpf(0 if x > 0 else 2)


def erfcx(x: Any) -> Any:
    """e^(x^2) erfc(x), and far out its asymptotic series."""
    if x < 1000:
        return mp.exp(x * x) * mp.erfc(x)
    w = 1 / (2 * x * x)
    series = 1 - w + 3 * w**2 - 15 * w**3 + 105 * w**4 - 945 * w**5 + 10395 * w**6 - 135135 * w**7
    return series / (x * mp.sqrt(mp.pi))  # the next term is below 1e-42


def log1p(x: Any) -> Any:
    return mp.log1p(x) if x > -1 else mp.ninf


def gelu_exponent(x: Any) -> Any:
    return 2 * mp.sqrt(2 / mp.pi) * (x + mpf("0.044715") * x**3)


NAN, INF = np.nan, np.inf


class Case(NamedTuple):
    """What is known of a kernel; ``ulps`` bounds its error in float64 and in float32.

    float32 inherits the error of np.exp and np.log1p: 2.5 ulps where NumPy vectorises them.
    """

    reference: Callable[[Any], Any]
    limits: tuple[float, float, float]  # at -inf, inf and 0
    range: tuple[float, float]
    ulps: tuple[int, int]


CASES = {
    "erf": Case(mp.erf, (-1, 1, 0), (-7, 7), (2, 2)),
    "erfc": Case(erfc, (2, 0, 1), (-7, 27.4), (2, 4)),
    "erfcx": Case(erfcx, (INF, 0, 1), (-26.6, 60), (3, 4)),
    "gelu": Case(lambda x: x * erfc(-x / mp.sqrt(2)) / 2, (0, INF, 0), (-39, 20), (4, 4)),
    "ndtr": Case(lambda x: erfc(-x / mp.sqrt(2)) / 2, (0, 1, 0.5), (-39, 9), (4, 4)),
    "sigmoid": Case(lambda x: 1 / (1 + mp.exp(-x)), (0, 1, 0.5), (-750, 40), (3, 3)),
    "softplus": Case(lambda x: mp.log1p(mp.exp(x)), (0, INF, np.log(2)), (-750, 40), (2, 4)),
    "log_sigmoid": Case(lambda x: -mp.log1p(mp.exp(-x)), (-INF, 0, -np.log(2)), (-40, 750), (2, 4)),
    "log1mexp": Case(log1mexp, (NAN, 0, -INF), (0, 750), (2, 4)),
    "silu": Case(lambda x: x / (1 + mp.exp(-x)), (0, INF, 0), (-755, 40), (3, 4)),
    "expm1_over_x": Case(lambda x: mp.expm1(x) / x, (0, INF, 1), (-50, 720), (3, 4)),
    "log1p_over_x": Case(lambda x: log1p(x) / x, (NAN, 0, 1), (-1, 100), (2, 4)),
}
ALL = [*CASES, "gelu_tanh"]
EDGES = [s * v for v in (5e-324, 1e-310, 1e-300, 1e-45, 1e-8, 0.5, 1, 5, 20, 40, 88, 103, 700, 745,
                         1e3, 1e8, 1e300) for s in (1.0, -1.0)]  # fmt: skip


def kernel(name: str) -> Callable[..., np.ndarray]:
    """The kernel of this name, wherever it stands."""
    module = kernels if hasattr(kernels, name) else special_kernels
    return getattr(module, name)  # type: ignore[no-any-return]


def ulps(got: np.ndarray, exact: list[Any]) -> np.ndarray:
    """Errors in units in the last place of the exact results; past the largest number it is inf."""
    info = np.finfo(got.dtype)
    errors = []
    for y, t in zip(got.tolist(), exact, strict=True):
        ulp = mpf(2) ** (mp.frexp(t)[1] - info.nmant - 1) if mp.isfinite(t) and t else mpf(0)
        ulp = max(ulp, mpf(float(info.smallest_subnormal)))
        if not np.isfinite(y) or mp.isinf(t):
            limit = mpf(float(info.max)) + ulp / 2
            agrees = np.isinf(y) and np.sign(y) == mp.sign(t) and (mp.isinf(t) or abs(t) >= limit)
            errors.append(0.0 if agrees else np.inf)
        else:
            errors.append(float(abs(mpf(y) - t) / ulp))
    return np.array(errors)


def points(name: str, dtype: type, n: int = 600) -> np.ndarray:
    """Edges, points across the range, points where the value is ordinary, and tiny ones."""
    low, high = CASES[name].range
    rng = np.random.default_rng(7)
    x = np.concatenate([
        EDGES,
        rng.uniform(low, high, n),
        rng.uniform(max(low, -3), min(high, 3), n),
        rng.choice([-1, 1], n // 4) * 10 ** rng.uniform(-30, 0, n // 4),
    ])  # fmt: skip
    with np.errstate(over="ignore", under="ignore"):
        x = x.astype(dtype)
    x = x[np.isfinite(x) & (x != 0)]
    if name == "log1mexp":
        return np.abs(x)
    return x[x >= -1] if name == "log1p_over_x" else x


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_accuracy(name: str, dtype: type, record_property: Callable[[str, object], None]) -> None:
    reference, bound = CASES[name].reference, CASES[name].ulps[dtype is np.float32]
    x = points(name, dtype)
    y = kernel(name)(x)
    assert y.dtype == dtype
    errors = ulps(y, [reference(mpf(v)) for v in x.tolist()])
    worst = int(errors.argmax())
    record_property("max ulps", float(errors[worst]))
    print(f"{name} {dtype.__name__}: at most {errors[worst]:.2f} ulps")
    message = f"{name}({x[worst]!r}) = {y[worst]!r} is off by {errors[worst]:.3g} ulps"
    assert errors[worst] <= bound, message


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gelu_tanh_is_as_good_as_its_exponent(
    dtype: type, record_property: Callable[[str, object], None]
) -> None:
    # e^v turns an error of some 2 eps in v into one of 2 |v| eps: no formula in v does better
    rng = np.random.default_rng(7)
    x = np.concatenate([rng.uniform(-22, 10, 600), rng.uniform(-3, 3, 600), [-1e300, 1e8, 1e-300]])
    with np.errstate(over="ignore", under="ignore"):
        x = x.astype(dtype)
    x = x[np.isfinite(x)]
    v = [gelu_exponent(mpf(a)) for a in x.tolist()]
    exact = [
        mpf(a) / (1 + mp.exp(-b)) if b > -1e6 else mpf(0)
        for a, b in zip(x.tolist(), v, strict=True)
    ]
    errors = ulps(kernels.gelu_tanh(x), exact)
    slope = np.array([float(abs(b) / (1 + mp.exp(b))) if b < 1e4 else 0.0 for b in v])
    record_property("max ulps", float(errors.max()))
    assert (errors <= 4 + 4 * slope).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_erfc_in_the_last_binades(dtype: type) -> None:
    x = np.linspace(26, 27.3, 400) if dtype is np.float64 else np.linspace(9, 10.1, 400)
    x = x.astype(dtype)
    y = special_kernels.erfc(x)
    assert y[0] > 0 == y[-1]
    assert ((y > 0) & (y < np.finfo(dtype).smallest_normal)).any()
    assert ulps(y, [mp.erfc(mpf(v)) for v in x.tolist()]).max() <= (2 if dtype is np.float64 else 4)


@pytest.mark.parametrize("name", ["erf", "erfc", "erfcx", "gelu"])
def test_both_sides_of_the_changeover(name: str) -> None:
    reference, bound = CASES[name].reference, CASES[name].ulps[0]
    edge = 1.05 if name == "gelu" else 0.75
    x = np.array([np.nextafter(edge, 0), edge, np.nextafter(edge, 2)])
    x = np.concatenate([x, -x])
    assert ulps(kernel(name)(x), [reference(mpf(v)) for v in x.tolist()]).max() <= bound


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_limits(name: str, dtype: type) -> None:
    at_minus_inf, at_inf, at_zero = CASES[name].limits
    y = kernel(name)(np.array([-INF, INF, 0.0, -0.0], dtype))
    np.testing.assert_array_equal(y, np.array([at_minus_inf, at_inf, at_zero, at_zero], dtype))


def test_limits_of_gelu_tanh() -> None:
    y = kernels.gelu_tanh(np.array([-INF, INF, 0.0]))
    np.testing.assert_array_equal(y, [0, INF, 0])


def test_odd_functions_keep_the_sign_of_zero() -> None:
    for name in ("erf", "gelu", "silu", "gelu_tanh"):
        assert np.signbit(kernel(name)(np.array([-0.0, 0.0]))).tolist() == [True, False]


def test_domain_errors_are_nan() -> None:
    assert np.isnan(kernels.log1mexp(np.array([-1e-300, -1.0, -1e300]))).all()
    assert np.isnan(kernels.log1p_over_x(np.array([-1.0000001, -1e300]))).all()
    assert kernels.log1p_over_x(np.array([-1.0]))[0] == INF


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ALL)
def test_no_warning_and_nan_stays_in_its_place(name: str, dtype: type) -> None:
    limits = np.finfo(dtype)
    with np.errstate(over="ignore", under="ignore"):
        x = np.array([*EDGES, 0.0, -0.0, INF, -INF, limits.max, limits.min, 27.0, -27.0]).astype(
            dtype
        )
    f = kernel(name)
    expected = f(x)
    with_nan = np.insert(x, [0, 5, len(x)], NAN)
    # underflow is what these functions are for, and np.exp itself reports it
    with np.errstate(divide="raise", over="raise", invalid="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        y = f(with_nan)
    is_nan = np.isnan(with_nan)
    assert np.isnan(y[is_nan]).all()
    np.testing.assert_array_equal(y[~is_nan], expected)


@pytest.mark.parametrize("name", ALL)
def test_out_and_aliasing(name: str) -> None:
    f = kernel(name)
    x = np.linspace(0.01, 5, 48) * (1 if name.startswith("log1") else np.tile([1, -1], 24))
    expected = f(x)
    out = np.full_like(x, NAN)
    assert f(x, out=out) is out
    np.testing.assert_array_equal(out, expected)
    assert f(x, x) is x
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("name", ALL)
def test_layouts(name: str) -> None:
    f = kernel(name)
    x = np.linspace(0.01, 5, 48).reshape(6, 8)
    expected = f(x)
    np.testing.assert_array_equal(f(x.T), expected.T)
    np.testing.assert_array_equal(f(x[::2, ::-3]), expected[::2, ::-3])
    wide = np.zeros((6, 16))
    f(x, out=wide[:, ::2])
    np.testing.assert_array_equal(wide[:, ::2], expected)
    assert f(np.empty((0, 3), np.float32)).shape == (0, 3)
    assert f(np.empty((0, 3), np.float32)).dtype == np.float32


@pytest.mark.parametrize("name", ALL)
def test_scalars_and_integers(name: str) -> None:
    f = kernel(name)
    expected = f(np.array([1.0, 2.0]))
    for scalar in (2, 2.0, np.float64(2), np.array(2.0), np.uint8(2)):
        y = f(scalar)
        assert np.ndim(y) == 0 and np.asarray(y).dtype == np.float64
        assert y == pytest.approx(expected[1], rel=4e-16)
    assert f(np.float32(2)).dtype == np.float32
    out = np.empty(())
    assert f(np.array(2.0), out=out) is out and out == pytest.approx(expected[1], rel=4e-16)
    for dtype in (np.int8, np.uint8, np.int64):
        np.testing.assert_array_equal(f(np.array([1, 2], dtype)), expected)
    np.testing.assert_array_equal(f(np.array([True])), expected[:1])


@pytest.mark.parametrize("module", [kernels, special_kernels])
def test_sources_stand_alone(module: object) -> None:
    """What a kernel names is NumPy, a builtin, or something that can be copied with it."""
    shared = {"as_floating", "blocks", "deliver", "room"}
    own = {n for n, v in vars(module).items() if inspect.isfunction(v) or isinstance(v, tuple)}
    for node in ast.parse(inspect.getsource(module)).body:  # type: ignore[arg-type]
        if isinstance(node, ast.FunctionDef):
            stored = {
                n.id
                for n in ast.walk(node)
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
            stored |= {a.arg for a in ast.walk(node) if isinstance(a, ast.arg)}
            loaded = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - stored
            assert loaded <= own | shared | {"np", "tuple", "float", "list", "range"}, node.name
            assert ast.get_docstring(node) and "\n" not in ast.get_docstring(node, clean=False)
