"""The examples that learn from text and from an equation, and the experiments on training."""

import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.examples.test_examples import EXAMPLES, imported
from tests.nn.test_standalone import ALONE


@pytest.fixture(scope="module")
def word2vec() -> ModuleType:
    return imported(EXAMPLES / "word2vec.py")


@pytest.fixture(scope="module")
def heat() -> ModuleType:
    return imported(EXAMPLES / "heat_pinn.py")


# ---------------------------------------------------------------- word2vec


def test_words_are_told_from_shuffled_ones(
    word2vec: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    _, untrained = word2vec.main(epochs=0)
    assert 0.48 < untrained < 0.52
    params, apart = word2vec.main(epochs=2)
    assert apart > 0.58
    assert "coroutine" in word2vec.neighbours(params, "async", 5)
    assert "neighbours told from shuffled words" in capsys.readouterr().out


def test_words_are_the_same_for_the_same_seed(word2vec: ModuleType) -> None:
    rng = np.random.default_rng(0)
    paragraphs = word2vec.paragraphs[:200]
    first = word2vec.pairs(paragraphs, rng)
    again = word2vec.pairs(paragraphs, np.random.default_rng(0))
    np.testing.assert_array_equal(first, again)
    kept = set(map(tuple, first))
    assert kept == {(b, a) for a, b in kept}  # a neighbour's neighbour is the word itself


def test_words_have_the_gradient_of_the_paper(word2vec: ModuleType) -> None:
    rng = np.random.default_rng(0)
    params = word2vec.model.init(0)
    word, near, other = (rng.integers(0, 50, size) for size in (6, 6, 4))
    loss, grads = word2vec.model.value_and_grad(params, word=word, near=near, other=other)

    def sigmoid(a: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-a))

    W, C = params["word.W"], params["near.W"]
    expected, d_W, d_C = 0.0, np.zeros_like(W), np.zeros_like(C)
    for w, n in zip(word, near, strict=True):
        terms = [(n, 1.0, 1.0)] + [(o, 0.0, word2vec.WEIGHT / len(other)) for o in other]
        for c, label, weight in terms:
            p = sigmoid(W[w] @ C[c])
            expected -= weight * np.log(p if label else 1 - p) / len(word)
            d_W[w] += weight * (p - label) * C[c] / len(word)
            d_C[c] += weight * (p - label) * W[w] / len(word)
    np.testing.assert_allclose(loss, expected, rtol=1e-13)
    np.testing.assert_allclose(grads["word.W"], d_W, atol=1e-15)
    np.testing.assert_allclose(grads["near.W"], d_C, atol=1e-15)


# ---------------------------------------------------------------- heat_pinn


def test_heat_comes_near_the_exact_solution(
    heat: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, error = heat.main(epochs=3)
    assert error < 0.05
    assert "epoch   3   loss" in capsys.readouterr().out


def test_heat_has_the_residual_of_differences(heat: ModuleType) -> None:
    model = heat.compiled(1)
    params = model.init(3)
    x, t = np.array([0.2, 0.5, 0.9]), np.array([0.1, 0.7, 0.4])

    def u(x: np.ndarray, t: np.ndarray) -> np.ndarray:
        a = np.stack([x, t], axis=1)
        for layer in (1, 2):
            a = np.tanh(a @ params[f"u.layer{layer}.W"] + params[f"u.layer{layer}.b"])
        return (a @ params["u.layer3.W"] + params["u.layer3.b"])[:, 0]

    h = 1e-4
    by_t = (u(x, t + h) - u(x, t - h)) / (2 * h)
    by_xx = (u(x + h, t) - 2 * u(x, t) + u(x - h, t)) / h**2
    found, residual = model.predict(params, x=x, t=t)
    np.testing.assert_allclose(found, u(x, t), rtol=1e-13)
    np.testing.assert_allclose(residual, by_t - heat.CONDUCTIVITY * by_xx, atol=1e-7)


# ---------------------------------------------------------------- both


def test_both_train_in_saved_files_alone(
    word2vec: ModuleType, heat: ModuleType, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    word, near, other = (rng.integers(0, 50, size) for size in (6, 6, 4))
    x, t, x_edge, t_edge, u_edge = rng.random((5, 8))
    models = {"net_words": word2vec.model, "net_heat": heat.compiled(1)}
    data = {
        "net_words": {"word": word, "near": near, "other": other},
        "net_heat": {"x": x, "t": t, "x_edge": x_edge, "t_edge": t_edge, "u_edge": u_edge},
    }
    ask = {"net_words": ("word", "near", "other"), "net_heat": ("x", "t")}
    for net, model in models.items():
        model.save(tmp_path / f"{net}.py")
    (tmp_path / "calls").write_bytes(pickle.dumps({k: (v, False) for k, v in data.items()}))
    alone = ALONE.replace("module.predict(params, **data)", "None")
    subprocess.run([sys.executable, "-c", alone], cwd=tmp_path, check=True)
    there = pickle.loads((tmp_path / "found").read_bytes())
    for net, model in models.items():
        params = model.init(seed=1)
        opt_state = model.init_optimizer(params)
        losses = [model.step(params, opt_state, **data[net]) for _ in range(3)]
        np.testing.assert_array_equal(there[net][0], losses)
        for here, other_side in ((params, there[net][1]), (opt_state, there[net][2])):
            assert here.keys() == other_side.keys()
            for name in here:
                np.testing.assert_array_equal(here[name], other_side[name])
        model.predict(params, **{name: data[net][name] for name in ask[net]})


# ---------------------------------------------------------------- experiments


def test_depth_vanishes_with_sigmoid_and_not_with_he_and_relu() -> None:
    pytest.importorskip("sklearn")
    example = imported(EXAMPLES / "experiments_depth.py")
    shallow, deep = (example.main(("sigmoid", "linear"), (depth,)) for depth in (5, 20))
    for init in ("lecun", "glorot", "he", "orthogonal", "normal(0.01)"):
        assert deep["sigmoid", init][0] < 1e-6
        assert deep["sigmoid", init][0] < shallow["sigmoid", init][0] ** 2
    assert deep["linear", "orthogonal"][0] == pytest.approx(1, rel=1e-9)  # it keeps all lengths
    assert deep["linear", "he"][0] > 100  # the slope 1 where He expects one half on average
    relu = example.main(("relu",), (50,))
    assert 1e-2 < relu["relu", "he"][0] < 1e2
    assert relu["relu", "lecun"][0] < 1e-6


def test_normalisation_trains_at_a_rate_at_which_the_plain_network_does_not() -> None:
    pytest.importorskip("sklearn")
    example = imported(EXAMPLES / "experiments_normalisation.py")
    found = example.main(("none", "batch_norm"), rates=(0.03, 1.0), epochs=3)
    assert found["none"][0] < 1.5  # there is a rate for it
    assert found["none"][1] > 2  # log 10 = 2.3 is that of guessing
    assert found["batch_norm"][1] < 1


def test_rates_differ_between_optimisers() -> None:
    pytest.importorskip("sklearn")
    example = imported(EXAMPLES / "experiments_rates.py")
    found = example.main(("SGD", "momentum", "Adam", "AdaDelta"), (1e-3, 0.1, 100.0), epochs=3)
    assert found["Adam"][0] < 1 < found["momentum"][0] < found["SGD"][0]
    assert found["SGD"][1] < 1 < found["AdaDelta"][1]
    assert found["SGD"][2] == found["Adam"][2] == np.inf
    assert found["AdaDelta"][2] < np.inf


def test_overfitting_is_held_by_each_way(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    example = imported(EXAMPLES / "experiments_overfitting.py")
    found = example.main(epochs=40, plot=tmp_path / "overfitting.png")
    gaps = {name: held - seen for name, (seen, held, _, _) in found.items()}
    assert found["nothing"][0] < 0.1  # wrong labels too are known by heart
    assert found["early stopping"][3] < 40
    assert all(gap < 0.6 * gaps["nothing"] for name, gap in gaps.items() if name != "nothing")
    assert (tmp_path / "overfitting.png").stat().st_size > 10_000


@pytest.mark.parametrize("name", ["depth", "normalisation", "rates"])
def test_experiments_draw(name: str, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    example = imported(EXAMPLES / f"experiments_{name}.py")
    target = tmp_path / f"{name}.png"
    rows = {
        "depth": {("relu", "he"): [1.0, 0.5], ("tanh", "lecun"): [1.0, 1e-3]},
        "normalisation": {"none": [0.5, np.inf], "rms_norm": [0.5, 0.7]},
        "rates": {"SGD": [np.inf, np.inf], "Adam": [0.5, 0.1]},
    }
    example.draw(rows[name], (1, 10), target)
    assert target.stat().st_size > 5_000
