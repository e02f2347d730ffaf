"""What a step returns beside its loss: against gradients and updates computed apart."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg

X = np.sin(np.arange(24.0)).reshape(6, 4)
Y = np.array([0, 2, 1, 1, 0, 2])


def declared() -> tuple[sg.Expr, sg.Expr]:
    x, y = sg.input("x", ("B", 4)), sg.input("y", ("B",), dtype="int64")
    with sg.scope("hidden"):
        h = sg.relu(x @ sg.param("W", (4, 5), init=sg.init.he_normal()) + sg.param("b", (5,)))
    with sg.scope("out"):
        z = h @ sg.param("W", (5, 3), init=sg.init.he_normal())
    return -sg.log_softmax(z)[sg.arange(x.shape[0]), y].mean(), h


def everything(h: sg.Expr) -> Any:
    return lambda known: {
        "size of h": sg.sqrt((h * h).mean()),
        **{f"d {name}": g for name, g in known.grads.items()},
        **{f"change of {name}": c for name, c in known.changes.items()},
        **{f"before {name}": p for name, p in known.params.items()},
    }


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize(
    "optimizer", [sg.optim.SGD(0.1), sg.optim.SGD(0.1, momentum=0.9), sg.optim.Adam(0.01)]
)
def test_it_returns_what_the_step_makes(optimizer: Any, style: str) -> None:
    loss, h = declared()
    plain = sg.compile(loss, outputs=h, optimizer=optimizer, style=style)
    model = plain.recompiled(watch=everything(h))
    params, again = plain.init(1), plain.init(1)
    state, state_again = plain.init_optimizer(params), plain.init_optimizer(again)
    for _ in range(3):
        before = {k: v.copy() for k, v in params.items()}
        value, grads = plain.value_and_grad(params, x=X, y=Y)
        activations = plain.predict(params, x=X)
        got, watched = model.step(params, state, x=X, y=Y)
        assert got == plain.step(again, state_again, x=X, y=Y) == pytest.approx(value, rel=1e-14)
        np.testing.assert_allclose(watched["size of h"], np.sqrt(np.mean(activations**2)))
        for name in before:
            assert params[name].tobytes() == again[name].tobytes()  # watching changes nothing
            np.testing.assert_array_equal(watched[f"before {name}"], before[name])
            np.testing.assert_allclose(watched[f"d {name}"], grads[name], rtol=1e-12, atol=1e-15)
            change = params[name] - before[name]
            np.testing.assert_allclose(watched[f"change of {name}"], change, rtol=1e-9, atol=1e-15)


def test_what_is_returned_belongs_to_the_caller() -> None:
    loss, h = declared()
    model = sg.compile(loss, optimizer=sg.optim.Adam(0.1), watch=everything(h))
    params = model.init()
    state = model.init_optimizer(params)
    _, first = model.step(params, state, x=X, y=Y)
    kept = {k: np.copy(v) for k, v in first.items()}
    model.step(params, state, x=X, y=Y)
    for name, value in kept.items():
        np.testing.assert_array_equal(first[name], value)


def test_gradients_before_clipping_and_parameters_that_are_not_trained() -> None:
    loss, h = declared()
    trained = [leaf for name, leaf in sg.leaves(loss).items() if name.startswith("out")]
    model = sg.compile(loss, optimizer=sg.optim.SGD(0.1), wrt=trained, watch=everything(h))
    params = model.init()
    _, watched = model.step(params, model.init_optimizer(params), x=X, y=Y)
    assert not watched["d hidden.W"].any() and not watched["change of hidden.W"].any()
    np.testing.assert_allclose(watched["change of out.W"], -0.1 * watched["d out.W"])


def test_its_data_may_be_its_own() -> None:
    w, x, scale = sg.param("w", (), init=1.0), sg.input("x", ("B",)), sg.input("scale", ())
    model = sg.compile(
        ((w - x) ** 2).mean(),
        optimizer=sg.optim.SGD(0.1),
        watch=lambda known: {"scaled": known.grads["w"] * scale},
    )
    params = model.init()
    _, watched = model.step(params, model.init_optimizer(params), x=[2.0], scale=10.0)
    assert float(watched["scaled"]) == -20.0
    assert model.signature("step").data == ("x", "scale")
    assert model.signature("evaluate").data == ("x",)


def test_it_is_saved_and_pickled(tmp_path: Path) -> None:
    loss, h = declared()
    model = sg.compile(loss, optimizer=sg.optim.Adam(0.1), watch=everything(h))
    model.save(tmp_path / "net.py")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import net, numpy as np\n"
        "p = net.init(0); s = net.init_optimizer(p)\n"
        "loss, seen = net.step(p, s, np.sin(np.arange(24.0)).reshape(6, 4), [0, 2, 1, 1, 0, 2])\n"
        "print(repr(float(loss)), repr(float(seen['size of h'])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    params = model.init(0)
    value, seen = model.step(params, model.init_optimizer(params), x=X, y=Y)
    assert done.stdout.split() == [repr(float(value)), repr(float(seen["size of h"]))]
    for other in (pickle.loads(pickle.dumps(model)), model.recompiled(style="readable")):
        params = other.init(0)
        again, seen_again = other.step(params, other.init_optimizer(params), x=X, y=Y)
        assert again == pytest.approx(value, rel=1e-14)
        np.testing.assert_allclose(seen_again["d out.W"], seen["d out.W"], rtol=1e-12)


def test_what_is_no_watch() -> None:
    loss, h = declared()
    adam = sg.optim.Adam(0.1)
    with pytest.raises(sg.DeclarationError, match="expected a function of what a step knows"):
        sg.compile(loss, optimizer=adam, watch={"h": h})
    with pytest.raises(sg.DeclarationError, match="to give a dict of expressions; got"):
        sg.compile(loss, optimizer=adam, watch=lambda known: h)
    with pytest.raises(sg.DeclarationError, match="pass optimizer="):
        sg.compile(loss, watch=everything(h))
    with pytest.raises(sg.CompileError, match="recompiled: expected one of"):
        sg.compile(loss).recompiled(stlye="fast")
