"""A model of each family trains in its saved module as it does here, bit for bit."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.losses.tables import table

L = sg.losses


def targets(kind: str) -> sg.Expr:
    return sg.input("t", ("B",) if kind == "int64" else ("B", 3), dtype=kind)


def estimated(h: Any) -> sg.Expr:
    k = sg.random.categorical(h, shape=(4, h.shape[0]))
    log_p = sg.log_softmax(h)[sg.arange(h.shape[0]), k]
    return L.score_function(log_p, sg.cos(k.astype(h.dtype)), baseline="leave_one_out")


FAMILIES: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "regression": ("float32", lambda h, t: L.huber(h, t, delta=0.5)),
    "classification": (
        "int64",
        lambda h, t: L.softmax_cross_entropy(h, t, ignore=-1, label_smoothing=0.1),
    ),
    "two classes": ("bool", lambda h, t: L.sigmoid_cross_entropy(h, t, pos_weight=2.0)),
    "likelihood": ("float32", lambda h, t: L.nll_student_t(t, h, 0.1, sg.tanh(h))),
    "counts": ("int64", lambda h, t: L.nll_negative_binomial(t + 1, h[:, 0], h[:, 1])),
    "divergence": ("float32", L.kl_divergence),
    "contrastive": ("float32", lambda h, t: L.info_nce(h, t, symmetric=True)),
    "estimator": ("float32", lambda h, t: estimated(h)),
    "gumbel": ("float32", lambda h, t: L.mse(sg.random.gumbel_softmax(h, 0.5, hard=True), t)),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_saved_model_trains_alike(name: str, tmp_path: Path) -> None:
    kind, loss = FAMILIES[name]
    W = sg.param("W", (2, 3), init=sg.init.normal(), dtype="float32")
    x, t = sg.input("x", ("B", 2), dtype="float32"), targets(kind)
    total = L.mean(loss(x @ W, t)) + 1e-3 * L.l2([W])
    model = sg.compile(total, optimizer=sg.optim.SGD(0.1, momentum=0.5))
    spec = importlib.util.spec_from_file_location("net", model.save(tmp_path / "net.py"))
    assert spec is not None and spec.loader is not None
    net = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(net)
    data: dict[str, Any] = {"x": table((5, 2), 1.1).astype(np.float32)}
    if kind == "int64":
        data["t"] = np.array([0, 2, -1, 1, 0])
    elif name not in ("estimator",):
        data["t"] = (table((5, 3), 2.3) > 0) if kind == "bool" else table((5, 3), 2.3).astype(kind)
    params, other = model.init(3), net.init(3)
    state, second = model.init_optimizer(params), net.init_optimizer(other)
    random = [{}, {}]
    if name in ("estimator", "gumbel"):
        random = [{"rng": np.random.default_rng(0)} for _ in range(2)]
    for _ in range(5):
        here = model.step(params, state, **data, **random[0])
        there = net.step(other, second, **data, **random[1])
        assert here == there and np.isfinite(here) and here.dtype == np.float32
    np.testing.assert_array_equal(params["W"], other["W"])
