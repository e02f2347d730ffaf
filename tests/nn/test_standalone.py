"""A saved network trains alone, to the same bits as the model that saved it."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.nn.peer import table

nn = sg.nn

IMAGES, SIGNALS, ROWS = ("B", 6, 6, 2), ("B", "T", 4), ("B", 4)


def twice(x: sg.Expr) -> sg.Expr:
    with nn.shared():
        return nn.dense(x, 3, name="d") * nn.dense(x[::-1], 3, name="d")


NETWORKS: dict[str, tuple[tuple[Any, ...], Callable[[sg.Expr], sg.Expr]]] = {
    "dense": (SIGNALS, lambda x: nn.dense(x, 3, sg.tanh)),
    "mlp": (ROWS, lambda x: nn.mlp(x, [5, 3], dropout=0.3)),
    "flatten": (IMAGES, lambda x: nn.dense(nn.flatten(x), 3)),
    "conv1d": (SIGNALS, lambda x: nn.conv1d(x, 3, 3, padding=[(2, 0)], activation=sg.relu)),
    "conv2d": (IMAGES, lambda x: nn.conv2d(x, 4, 3, stride=2, padding="same", groups=2)),
    "depthwise_conv2d": (IMAGES, lambda x: nn.depthwise_conv2d(x, 3, 2)),
    "separable_conv2d": (IMAGES, lambda x: nn.separable_conv2d(x, 3, 3)),
    "conv1d_transpose": (SIGNALS, lambda x: nn.conv1d_transpose(x, 3, 4, 2, padding="same")),
    "conv2d_transpose": (IMAGES, lambda x: nn.conv2d_transpose(x, 2, 3, stride=2, groups=2)),
    "max_pool": (IMAGES, lambda x: nn.max_pool2d(nn.conv2d(x, 3, 3), 2)),
    "avg_pool": (IMAGES, lambda x: nn.avg_pool2d(nn.conv2d(x, 3, 3), 2)),
    "global pools": (
        IMAGES,
        lambda x: nn.global_max_pool(nn.conv2d(x, 3, 3)) + nn.global_avg_pool(x)[:, :1],
    ),
    "batch_norm": (ROWS, nn.batch_norm),
    "batch_norm images": (IMAGES, lambda x: nn.batch_norm(nn.conv2d(x, 3, 3, bias=False))),
    "layer_norm": (SIGNALS, nn.layer_norm),
    "rms_norm": (SIGNALS, nn.rms_norm),
    "group_norm": (IMAGES, lambda x: nn.group_norm(nn.conv2d(x, 4, 3), 2)),
    "instance_norm": (IMAGES, nn.instance_norm),
    "embedding": (ROWS, lambda x: nn.embedding((x > 0).astype("int64"), 2, 3, dtype="float32")),
    "spatial_dropout": (SIGNALS, lambda x: nn.spatial_dropout(nn.dense(x, 3), 0.4)),
    "residual": (SIGNALS, lambda x: nn.residual(x, lambda h: nn.dense(h, 3, sg.relu))),
    "shared": (ROWS, twice),
}

#: trains each saved network where only the standard library and NumPy can be imported
ALONE = """
import importlib, pickle, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top != "numpy" and not top.startswith("net_"):
            raise ImportError(f"{name} is not available here")

sys.meta_path.insert(0, Blocker())
import numpy as np
with open("calls", "rb") as file:
    calls = pickle.load(file)
found = {}
for net, (data, random) in calls.items():
    module = importlib.import_module(net)
    params = module.init(seed=1)
    opt_state = module.init_optimizer(params)
    rng = np.random.default_rng(2)
    noise = {"rng": rng} if random else {}
    losses = [module.step(params, opt_state, **data, **noise) for _ in range(3)]
    found[net] = (losses, params, opt_state, module.predict(params, **data))
with open("found", "wb") as file:
    pickle.dump(found, file)
"""


def declared(name: str) -> tuple[sg.Model, dict[str, Any], bool]:
    shape, layer = NETWORKS[name]
    x = sg.input("x", shape, dtype="float32")
    out = layer(x)
    assert out.dtype == np.float32
    model = sg.compile((out**2).mean(), outputs=out, optimizer=sg.optim.Adam(0.01))
    data = {"x": table(tuple([5 if isinstance(n, str) else n for n in shape]), 1.7, "float32")}
    return model, data, "dropout" in name or name == "mlp"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the saved files gave, all of them in one process, and what the models give."""
    folder: Path = tmp_path_factory.mktemp("nets")
    here, calls = {}, {}
    for i, name in enumerate(NETWORKS):
        model, data, random = declared(name)
        model.save(folder / f"net_{i}.py")
        calls[f"net_{i}"] = (data, random)
        params = model.init(seed=1)
        opt_state = model.init_optimizer(params)
        noise: dict[str, Any] = {"rng": np.random.default_rng(2)} if random else {}
        losses = [model.step(params, opt_state, **data, **noise) for _ in range(3)]
        here[name] = (losses, params, opt_state, model.predict(params, **data))
    (folder / "calls").write_bytes(pickle.dumps(calls))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import sys; sys.path.insert(0, '')\n" + ALONE],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = pickle.loads((folder / "found").read_bytes())
    return here, {name: found[f"net_{i}"] for i, name in enumerate(NETWORKS)}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_trains_alone_to_the_same_bits(
    name: str, trained: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    here, alone = (each[name] for each in trained)
    assert [loss.tobytes() for loss in here[0]] == [loss.tobytes() for loss in alone[0]]
    assert here[0][2] < here[0][0] or "dropout" in name or name == "mlp"
    for one, other in zip(here[1:3], alone[1:3], strict=True):
        assert list(one) == list(other)
        for key in one:
            assert one[key].dtype == other[key].dtype
            assert one[key].tobytes() == other[key].tobytes(), key
    assert here[3].tobytes() == alone[3].tobytes() and here[3].dtype == alone[3].dtype


@pytest.mark.parametrize("name", NETWORKS)
def test_both_styles_agree(name: str) -> None:
    shape, layer = NETWORKS[name]
    out = layer(sg.input("x", shape))
    data = {"x": table(tuple([5 if isinstance(n, str) else n for n in shape]), 1.7)}
    noise = {}
    results = []
    for style in ("fast", "readable"):
        model = sg.compile((out**2).mean(), style=style)  # type: ignore[arg-type]
        if "dropout" in name or name == "mlp":
            noise = {"rng": np.random.default_rng(2)}
        results.append(model.value_and_grad(model.init(seed=1), **data, **noise))
    (one, grads), (two, others) = results
    np.testing.assert_allclose(one, two, rtol=1e-13)
    for key, value in grads.items():
        np.testing.assert_allclose(value, others[key], rtol=1e-10, atol=1e-13, err_msg=key)
