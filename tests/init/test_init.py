"""Initialisers: moments, bounds, fans, dtypes, determinism, errors."""

import math
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from scipy import stats

from symgrad import init
from symgrad.errors import DeclarationError, SymgradError

RANDOM = {
    "normal": init.normal(0.3, 2.0),
    "uniform": init.uniform(-1, 3),
    "truncated_normal": init.truncated_normal(0.5),
    "glorot_uniform": init.glorot_uniform(),
    "glorot_normal": init.glorot_normal(),
    "he_uniform": init.he_uniform(),
    "he_normal": init.he_normal(),
    "lecun_uniform": init.lecun_uniform(),
    "lecun_normal": init.lecun_normal(),
    "orthogonal": init.orthogonal(),
    "arranged": init.arranged(init.glorot_uniform(), transposed=True),
}
EVERY = {
    **RANDOM,
    "zeros": init.zeros(),
    "ones": init.ones(),
    "constant": init.constant(3),
    "identity": init.identity(),
    "delta": init.delta(),
}
TRUNCATED_STD = stats.truncnorm(-2, 2).std()
SHAPE = (400, 100)  # fans 400, 100; 250 on average


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def assert_distribution(x: np.ndarray, dist: stats.rv_continuous) -> None:
    """Mean and standard deviation within 5 sigma of sampling error, and the whole shape."""
    x = x.ravel()
    n, std = x.size, dist.std()
    kurtosis = float(dist.stats("k")) + 3
    assert abs(x.mean() - dist.mean()) < 5 * std / math.sqrt(n)
    assert abs(x.std() - std) < 5 * std * math.sqrt((kurtosis - 1) / (4 * n))
    assert stats.kstest(x, dist.cdf).pvalue > 1e-4


@pytest.mark.parametrize(
    ("initializer", "dist"),
    [
        (init.normal(), stats.norm(0, 1)),
        (init.normal(0.3, 2.0), stats.norm(2, 0.3)),
        (init.uniform(), stats.uniform(-1, 2)),
        (init.uniform(-1, 3), stats.uniform(-1, 4)),
        (init.truncated_normal(0.5), stats.truncnorm(-2, 2, scale=0.5)),
    ],
)
def test_plain_distributions(initializer: init.Initializer, dist: stats.rv_continuous) -> None:
    assert_distribution(initializer(rng(), SHAPE, np.float64), dist)


@pytest.mark.parametrize(
    ("family", "variance"), [("glorot", 1 / 250), ("he", 2 / 400), ("lecun", 1 / 400)]
)
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_variance_scaling(family: str, variance: float, gain: float) -> None:
    std = gain * math.sqrt(variance)
    bound = std * math.sqrt(3)
    x = getattr(init, f"{family}_uniform")(gain)(rng(), SHAPE, np.float64)
    assert_distribution(x, stats.uniform(-bound, 2 * bound))
    x = getattr(init, f"{family}_normal")(gain)(rng(), SHAPE, np.float64)
    assert_distribution(x, stats.truncnorm(-2, 2, scale=std / TRUNCATED_STD))
    assert abs(x).max() <= 2 * std / TRUNCATED_STD


def test_truncated_normal_reaches_its_bounds_but_not_beyond() -> None:
    x = init.truncated_normal(0.5)(rng(), (100_000,), np.float64)
    assert 0.99 < abs(x).max() <= 1.0


def test_kernels_use_the_window() -> None:
    x = init.he_normal()(rng(), (3, 3, 16, 64), np.float64)
    assert x.std() == pytest.approx(math.sqrt(2 / 144), rel=0.05)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), (1, 1)),
        ((7,), (7, 7)),
        ((0,), (0, 0)),
        ((3, 5), (3, 5)),
        ((4, 3, 5), (12, 20)),
        ((2, 3, 16, 32), (96, 192)),
        ((2, 3, 4, 5, 6), (120, 144)),
    ],
)
def test_fans(shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert init.fans(shape) == expected


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (3, 2, 4, 5), (1, 1, 2, 7)])
@pytest.mark.parametrize("gain", [1.0, -2.5])
def test_orthogonal(shape: tuple[int, ...], gain: float) -> None:
    x = init.orthogonal(gain)(rng(), shape, np.float64)
    assert x.shape == shape and x.flags.c_contiguous
    q = x.reshape(-1, shape[-1]) / gain
    q = q if q.shape[0] >= q.shape[1] else q.T
    np.testing.assert_allclose(q.T @ q, np.eye(q.shape[1]), atol=1e-14)


def test_orthogonal_is_uniform() -> None:
    """Under the Haar measure the first entry of a 2 x 2 is the cosine of a uniform angle."""
    generator = rng(3)
    first = [init.orthogonal()(generator, (2, 2), np.float64)[0, 0] for _ in range(4000)]
    assert stats.kstest(first, stats.arcsine(-1, 2).cdf).pvalue > 1e-4
    determinants = [
        np.linalg.det(init.orthogonal()(generator, (2, 2), np.float64)) for _ in range(1000)
    ]
    assert abs(np.mean(determinants)) < 5 / math.sqrt(1000)


def test_constants_and_identity() -> None:
    assert init.zeros()(rng(), (2, 3), np.float32).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert init.ones()(rng(), (2,), np.int64).tolist() == [1, 1]
    assert init.constant(-2.5)(rng(), (), np.float64) == -2.5
    assert np.isneginf(init.constant(-math.inf)(rng(), (2,), np.float32)).all()
    assert init.constant(True)(rng(), (2,), np.bool_).tolist() == [True, True]
    np.testing.assert_array_equal(
        init.identity()(rng(), (2, 3), np.float32), [[1, 0, 0], [0, 1, 0]]
    )


@pytest.mark.parametrize("shape", [(3, 4), (1, 4, 4), (3, 3, 4), (4, 2, 3, 2)])
def test_delta_is_the_identity_in_mid_window(shape: tuple[int, ...]) -> None:
    x = init.delta()(rng(), shape, np.float32)
    centre = tuple([(n - 1) // 2 for n in shape[:-2]])
    for at in np.ndindex(shape):
        assert x[at] == (at[:-2] == centre and at[-2] == at[-1])


def test_arranged_kernels_are_kernels_drawn_one_by_one() -> None:
    """A group at a time from the same generator, each with its axes as the layer has them."""
    base = init.he_normal()
    found = init.arranged(base, 3)(rng(4), (2, 2, 4, 9), np.float64)
    generator = rng(4)
    for part in np.split(found, 3, axis=-1):
        np.testing.assert_array_equal(part, base(generator, (2, 2, 4, 3), np.float64))
    turned = init.arranged(base, 3, transposed=True)(rng(4), (2, 2, 4, 9), np.float64)
    generator = rng(4)
    for part in np.split(turned, 3, axis=-1):
        drawn = base(generator, (2, 2, 3, 4), np.float64)
        np.testing.assert_array_equal(part, drawn.swapaxes(-1, -2))
    assert found.flags.c_contiguous and turned.flags.c_contiguous


def test_what_does_not_look_at_the_shape_needs_no_arranging() -> None:
    for f in (init.zeros(), init.normal(0.1), init.uniform(), init.truncated_normal(), 0.5, None):
        assert init.arranged(f, 4, True) is f
    assert init.arranged(init.he_normal()) == init.he_normal()


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("dtype", ["float64", "float32", np.float16])
def test_exact_dtype_and_type(name: str, dtype: str) -> None:
    x = EVERY[name](rng(), (4, 3), dtype)
    assert type(x) is np.ndarray and x.dtype == np.dtype(dtype) and x.shape == (4, 3)


@pytest.mark.parametrize("name", EVERY)
def test_float32_is_float64_rounded(name: str) -> None:
    wide, narrow = (EVERY[name](rng(5), (8, 3), d) for d in ("float64", "float32"))
    np.testing.assert_array_equal(narrow, wide.astype(np.float32))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    "shape", [(), (0,), (5,), (0, 3), (3, 0), (0, 0), (2, 0, 3, 4), (2, 2, 3, 0)]
)
def test_odd_shapes(name: str, shape: tuple[int, ...]) -> None:
    kernel = name in ("orthogonal", "arranged", "delta")
    if (kernel and len(shape) < 2) or (name == "identity" and len(shape) != 2):
        with pytest.raises(DeclarationError, match=name):
            EVERY[name](rng(), shape, "float64")
        return
    x = EVERY[name](rng(), shape, "float32")
    assert isinstance(x, np.ndarray) and x.shape == shape and x.dtype == np.float32
    assert np.isfinite(x).all()


@pytest.mark.parametrize("name", RANDOM)
def test_deterministic_from_the_generator_alone(name: str) -> None:
    f = RANDOM[name]
    first = f(rng(1), (5, 4), "float64")
    np.random.seed(99)
    np.testing.assert_array_equal(f(rng(1), (5, 4), "float64"), first)
    assert not np.array_equal(f(rng(2), (5, 4), "float64"), first)
    generator = rng(1)
    np.testing.assert_array_equal(f(generator, (5, 4), "float64"), first)
    assert not np.array_equal(f(generator, (5, 4), "float64"), first)


@pytest.mark.parametrize("name", EVERY)
def test_pickle_equality_repr_and_immutability(name: str) -> None:
    f = EVERY[name]
    again = pickle.loads(pickle.dumps(f))
    assert again == f and hash(again) == hash(f)
    np.testing.assert_array_equal(again(rng(), (3, 3), "float64"), f(rng(), (3, 3), "float64"))
    assert eval(repr(f), vars(init)) == f
    with pytest.raises((FrozenInstanceError, TypeError, AttributeError)):
        f.gain = 3.0  # type: ignore[attr-defined]


def test_every_call_gives_a_fresh_writable_array() -> None:
    for f in EVERY.values():
        x, y = f(rng(), (3, 3), "float64"), f(rng(), (3, 3), "float64")
        assert x.flags.writeable and not np.shares_memory(x, y)


def test_aliases() -> None:
    assert init.xavier_uniform(2.0) == init.glorot_uniform(2.0)
    assert init.xavier_normal() == init.glorot_normal()
    assert init.kaiming_uniform() == init.he_uniform()
    assert init.kaiming_normal() == init.he_normal()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: init.normal(-1.0), "normal: expected std >= 0, a finite number; got -1.0"),
        (lambda: init.normal(math.nan), "std >= 0, a finite number; got nan"),
        (lambda: init.normal(1.0, math.inf), "normal: expected mean, a finite number; got inf"),
        (
            lambda: init.uniform(2.0, 1.0),
            r"uniform: expected high >= 2.0, a finite number; got 1.0",
        ),
        (lambda: init.uniform(math.nan, 1.0), "uniform: expected low, a finite number; got nan"),
        (lambda: init.uniform(-1e308, 1e308), "high - low"),
        (lambda: init.truncated_normal(-0.1), "std >= 0, a finite number; got -0.1"),
        (lambda: init.he_normal(-1.0), "gain >= 0, a finite number; got -1.0"),
        (lambda: init.glorot_uniform(math.nan), "gain >= 0, a finite number; got nan"),
        (lambda: init.orthogonal(math.inf), "orthogonal: expected gain, a finite number; got inf"),
        (lambda: init.VarianceScaling(1.0, "both", "normal"), "fan should be"),  # type: ignore[arg-type]
        (lambda: init.VarianceScaling(1.0, "in", "cauchy"), "distribution should be"),  # type: ignore[arg-type]
        (lambda: init.orthogonal()(rng(), (3,), "float64"), "at least two axes"),
        (lambda: init.identity()(rng(), (3,), "float64"), "needs a matrix"),
        (lambda: init.delta()(rng(), (3,), "float64"), "delta: needs at least two axes"),
        (
            lambda: init.arranged(init.he_normal(), 0),
            "arranged: expected groups >= 1, an integer; got 0",
        ),
        (
            lambda: init.arranged(init.zeros(), 0),
            "arranged: expected groups >= 1, an integer; got 0",
        ),
        (lambda: init.arranged(init.he_normal(), 2.0), "groups >= 1, an integer; got 2.0"),  # type: ignore[arg-type]
        (lambda: init.Arranged(init.zeros(), 2), "looks at the shape, not Constant"),  # type: ignore[arg-type]
        (lambda: init.arranged(init.he_normal(), 2)(rng(), (3, 5), "float64"), "2 groups, not"),
        (lambda: init.arranged(init.he_normal(), 2)(rng(), (4,), "float64"), "two axes"),
        (lambda: init.normal()(rng(), (3,), "int64"), "floating dtype, not int64"),
        (lambda: init.constant(0.5)(rng(), (3,), "int64"), "int64 does not hold 0.5"),
        (lambda: init.constant(300)(rng(), (3,), "uint8"), "uint8 does not hold 300"),
        (lambda: init.constant(math.nan)(rng(), (3,), "int32"), "int32 does not hold nan"),
        (lambda: init.constant("one"), "a number"),  # type: ignore[arg-type]
        (lambda: init.constant(1j)(rng(), (3,), "float64"), "float64 does not hold"),
        (lambda: init.normal("one"), "a finite number"),  # type: ignore[arg-type]
    ],
)
def test_nonsense_is_a_declaration_error(make: Callable[[], object], message: str) -> None:
    with pytest.raises(DeclarationError, match=message) as caught:
        make()
    assert isinstance(caught.value, SymgradError) and isinstance(caught.value, ValueError)


def test_numpy_integers_count_groups() -> None:
    drawn = [
        init.arranged(init.he_normal(), groups)(rng(), (3, 2, 4), "float64")
        for groups in (2, np.int64(2))
    ]
    np.testing.assert_array_equal(*drawn)
