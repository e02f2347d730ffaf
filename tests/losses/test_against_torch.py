"""Values and gradients are PyTorch's, as ``record_torch`` has recorded them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.losses.tables import Array, evaluated, table

L = sg.losses
FOUND = json.loads(Path(__file__).with_name("torch.json").read_text())

LABELS, GRID = np.array([2, 0, 4, 2]), np.array([[2, 0, 1], [3, 3, 0]])
CLASS_WEIGHTS = np.array([1.0, 0.5, 2.0, 1.5, 0.25])
BITS, COUNTS = np.array([[1, 0, 1], [0, 0, 1]]), np.array([[0, 3, 1], [7, 2, 0]])


def softmax(z: Array) -> Array:
    e = np.exp(z)
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


z = table((4, 5), 1.7, 3.0)
grid = table((2, 3, 4), 1.3, 2.0)
y, t = table((2, 3), 0.9, 2.0), table((2, 3), 2.1, 2.0)
s, d = table((2, 3), 3.3), table((2, 3), 4.7)
positive, share = np.exp(t), 1 / (1 + np.exp(-t))
steps = table((3, 6, 4), 1.9, 2.0)
pairs = {"a": table((4, 3), 0.7), "p": table((4, 3), 1.2), "n": table((4, 3), 2.6)}
shares = softmax(table((4, 5), 0.3))

CE = L.softmax_cross_entropy
CASES: dict[str, tuple[Callable[..., Any], dict[str, Array]]] = {
    "ce": (lambda z: CE(z, LABELS), {"z": z}),
    "ce_grid": (lambda z: CE(z, GRID), {"z": grid}),
    "ce_weights": (lambda z: CE(z, LABELS, weights=CLASS_WEIGHTS), {"z": z}),
    "ce_smooth": (lambda z: CE(z, LABELS, label_smoothing=0.1), {"z": z}),
    "ce_smooth_weights": (
        lambda z: CE(z, LABELS, label_smoothing=0.1, weights=CLASS_WEIGHTS),
        {"z": z},
    ),
    "ce_ignore": (
        lambda z: CE(z, [2, -100, 4, -100], ignore=-100, label_smoothing=0.2),
        {"z": z},
    ),
    "ce_shares": (lambda z: CE(z, shares, label_smoothing=0.3), {"z": z}),
    "ce_shares_weights": (lambda z: CE(z, shares, weights=CLASS_WEIGHTS), {"z": z}),
    "bce": (lambda z: L.sigmoid_cross_entropy(z, BITS), {"z": y}),
    "bce_pos_weight": (
        lambda z: L.sigmoid_cross_entropy(z, share, pos_weight=CLASS_WEIGHTS[:3]),
        {"z": y},
    ),
    "mse": (L.mse, {"y": y, "t": t}),
    "mae": (L.mae, {"y": y, "t": t}),
    "huber": (lambda y, t: L.huber(y, t, delta=0.7), {"y": y, "t": t}),
    "normal": (lambda x, m, s: L.nll_normal(x, m, s), {"x": t, "m": y, "s": s}),
    "log_normal": (lambda x, m, s: L.nll_log_normal(x, m, s), {"x": positive, "m": y, "s": s}),
    "laplace": (lambda x, m, s: L.nll_laplace(x, m, s), {"x": t, "m": y, "s": s}),
    "student_t": (
        lambda x, m, s, d: L.nll_student_t(x, m, s, d),
        {"x": t, "m": y, "s": s, "d": d},
    ),
    "exponential": (lambda x, s: L.nll_exponential(x, s), {"x": positive, "s": s}),
    "gamma": (lambda x, d, s: L.nll_gamma(x, d, s), {"x": positive, "d": d, "s": s}),
    "beta": (lambda x, d, s: L.nll_beta(x, d, s), {"x": share, "d": d, "s": s}),
    "poisson": (lambda s: L.nll_poisson(COUNTS, s), {"s": s}),
    "negative_binomial": (
        lambda d, z: L.nll_negative_binomial(COUNTS, d, z),
        {"d": d, "z": y},
    ),
    "bernoulli": (lambda z: L.nll_bernoulli(BITS, z), {"z": y}),
    "categorical": (lambda z: L.nll_categorical(GRID, z), {"z": grid}),
    "multivariate_normal": (
        lambda x, factor, m: L.nll_multivariate_normal(x, m, factor),
        {"x": t, "factor": table((2, 3, 3), 1.1), "m": y},
    ),
    "kl_divergence": (L.kl_divergence, {"a": grid, "b": table((2, 3, 4), 0.6)}),
    "kl_normal": (
        lambda m, s, n, d: L.kl_normal(m, s, n, d),
        {"m": y, "s": s, "n": t, "d": d},
    ),
    "kl_bernoulli": (L.kl_bernoulli, {"a": y, "b": t}),
    "triplet": (lambda a, p, n: L.triplet(a, p, n, margin=0.5), pairs),
    "info_nce": (
        lambda a, p: L.info_nce(a, p, temperature=0.2),
        {"a": pairs["a"], "p": pairs["p"]},
    ),
    "ctc": (lambda z: L.ctc(z, [[1, 2], [3, 3], [2, 1]]), {"z": steps}),
    "ctc_lengths": (
        lambda z: L.ctc(z, [[1, 2, 3], [3, 3, -1], [7, 0, 0]], [6, 4, 2], [3, 2, 0]),
        {"z": steps},
    ),
}


def test_every_recorded_case_is_compared() -> None:
    assert set(CASES) == set(FOUND) - {"torch"}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_pytorchs(name: str) -> None:
    loss, arrays = CASES[name]
    recorded = FOUND[name]
    values, grads = evaluated(loss, arrays, symbolic=False)
    assert list(values.shape) == recorded["shape"]
    np.testing.assert_allclose(values.ravel(), recorded["loss"], rtol=1e-11, atol=1e-13)
    for key, grad in grads.items():
        np.testing.assert_allclose(
            grad.ravel(), recorded["grads"][key], rtol=1e-9, atol=1e-12, err_msg=key
        )


@pytest.mark.parametrize("name", CASES)
def test_float32_stays_float32(name: str) -> None:
    loss, arrays = CASES[name]
    values, grads = evaluated(loss, arrays, dtype="float32", symbolic=False)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values.ravel(), FOUND[name]["loss"], rtol=2e-4, atol=2e-5)
    for key, grad in grads.items():
        assert grad.dtype == np.float32
        recorded = np.array(FOUND[name]["grads"][key])
        np.testing.assert_allclose(grad.ravel(), recorded, rtol=2e-3, atol=1e-4, err_msg=key)
