"""What once went wrong between steps, replays, checkpoints and callbacks."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.train.models import blobs, classifier, same

train, optim = sg.train, sg.optim
X = np.sin(np.arange(192.0)).reshape(64, 3)
LINE = {"x": X, "t": X @ [1.0, -2.0, 3.0]}


def line(optimizer: Any = None) -> sg.Model:
    x, t = sg.input("x", ("B", 3)), sg.input("t", ("B",))
    optimizer = optim.SGD(0.1) if optimizer is None else optimizer
    y = x @ sg.param("w", (3,))
    return sg.compile(((y - t) ** 2).mean(), outputs=y, optimizer=optimizer)


def root(optimizer: Any = None) -> sg.Model:
    """Its gradient is infinite at 0, where its value is not."""
    w, x = sg.param("w", (), init=1.0), sg.input("x", ("B",))
    optimizer = optim.SGD(0.1) if optimizer is None else optimizer
    return sg.compile(sg.sqrt(w * x).sum() + (w - 3.0) ** 2, optimizer=optimizer)


# ---- what is not finite


@pytest.mark.parametrize("epochs", [1, 5])
def test_an_infinite_gradient_does_not_become_permanent(tmp_path: Path, epochs: int) -> None:
    params, path = root().init(), tmp_path / "run.npz"
    data = {"x": np.zeros(3)}
    with pytest.raises(
        sg.NonFiniteError, match="step 1, batch 1 of epoch 1: the new w would not be finite"
    ):
        train.fit(
            root(),
            data,
            epochs=epochs,
            batch_size=None,
            params=params,
            checkpoint=path,
            checkpoint_every=1,
        )
    assert float(params["w"]) == 1.0
    assert not path.exists()


@pytest.mark.parametrize("optimizer", [optim.SGD(0.1), optim.accumulate(optim.SGD(0.1), every=2)])
@pytest.mark.parametrize("bad", [0, 2, 63, 64, 69])
def test_steps_with_infinite_gradients_are_left_out(bad: int, optimizer: Any) -> None:
    batches = [{"x": np.ones(2)}] * 70
    batches[bad] = {"x": np.zeros(2)}
    result = train.fit(root(optimizer), batches, epochs=1, nonfinite="skip")
    expected = train.fit(root(optimizer), [{"x": np.ones(2)}] * 69, epochs=1)
    assert same(result.params, expected.params)
    assert result.history["skipped"] == [1]
    np.testing.assert_allclose(result.history["loss"], expected.history["loss"], rtol=1e-12)


def test_skipping_and_resuming_end_at_the_same_bits(tmp_path: Path) -> None:
    batches = [{"x": np.full(2, 0.5 + i)} for i in range(6)]
    batches[2] = {"x": np.zeros(2)}

    class Stop(train.Callback):
        def on_step(self, run: train.Run) -> None:
            if run.step == 4:
                raise RuntimeError("ended")

    options: dict[str, Any] = {"epochs": 2, "nonfinite": "skip"}
    path = tmp_path / "run.npz"
    with pytest.raises(RuntimeError, match="ended"):
        train.fit(
            root(), batches, checkpoint=path, checkpoint_every=1, callbacks=[Stop()], **options
        )
    resumed = train.fit(root(), batches, checkpoint=path, resume=True, **options)
    whole = train.fit(root(), batches, **options)
    assert same(resumed.params, whole.params)
    assert np.isfinite(resumed.params["w"])
    for column in ("loss", "skipped"):
        assert resumed.history[column] == whole.history[column]


def test_a_state_that_is_infinite_by_design_is_no_fault() -> None:
    w, x = sg.param("w", (), init=1.0), sg.input("x", ("B",))
    least = sg.state("least", (), init=np.inf)
    sg.update(least, sg.minimum(least, x.min()))
    barred = sg.state("barred", (2,), init=[0.0, -np.inf])
    loss = (sg.log(w * x) ** 2).mean() + 0.0 * sg.where(sg.isfinite(least), least, 0.0)
    loss = loss + sg.exp(barred).sum()
    model = sg.compile(loss, optimizer=optim.SGD(0.1))
    batches = [{"x": np.full(2, 1.0 + 0.1 * i)} for i in range(8)]
    batches[5] = {"x": np.array([1.0, -1.0])}
    assert train.fit(model, batches, epochs=1, nonfinite="skip").history["skipped"] == [1]
    with pytest.raises(sg.NonFiniteError, match="step 6,"):
        train.fit(model, batches, epochs=1)


def test_a_source_that_uses_its_memory_again() -> None:
    def fresh(reused: bool) -> Any:
        buffer = {"x": np.empty((4, 3)), "t": np.empty(4)}
        for i in range(12):
            batch = buffer if reused else {"x": np.empty((4, 3)), "t": np.empty(4)}
            batch["x"][...] = X[i : i + 4] if i != 7 else np.inf
            batch["t"][...] = i
            yield batch

    results = [
        train.fit(line(), lambda r=r: fresh(r), epochs=1, nonfinite="skip", nan="allow")
        for r in (True, False)
    ]
    assert same(results[0].params, results[1].params)
    assert results[0].history["skipped"] == [1]


def test_what_a_callback_has_changed_survives_a_replay() -> None:
    class Move(train.Callback):
        def on_step(self, run: train.Run) -> None:
            if run.step == 2:
                run.params["w"][...] = 10.0
                run.changed()

    batches = [{k: v[i : i + 4] for k, v in LINE.items()} for i in range(8)]
    broken = [*batches[:6], {"x": np.full((4, 3), np.inf), "t": np.ones(4)}, *batches[6:]]
    with_bad = train.fit(line(), broken, epochs=1, nonfinite="skip", callbacks=[Move()])
    without = train.fit(line(), batches, epochs=1, callbacks=[Move()])
    assert same(with_bad.params, without.params)


def test_a_model_that_was_compiled_to_find_nan_trains_and_skips() -> None:
    w, x = sg.param("w", (), init=1.0), sg.input("x", ("B",))
    model = sg.compile((sg.log(w * x) ** 2).mean(), optimizer=optim.SGD(0.1), debug="nan")
    batches = [{"x": np.ones(2)}, {"x": -np.ones(2)}, {"x": np.ones(2)}]
    assert train.fit(model, batches, epochs=1, nonfinite="skip").history["skipped"] == [1]


# ---- callbacks


def test_callbacks_forget_an_earlier_run() -> None:
    stop, flow = train.EarlyStopping("loss", patience=3), train.gradient_flow()
    train.fit(line(), LINE, epochs=20, callbacks=[stop, flow])
    again = train.fit(line(), LINE, epochs=3, seed=1, callbacks=[stop, flow])
    fresh = train.fit(line(), LINE, epochs=3, seed=1, callbacks=[train.EarlyStopping("loss")])
    assert same(again.params, fresh.params)
    assert len(flow.steps) == 6
    data = {k: v[:64] for k, v in blobs().items()}
    train.fit(classifier(), data, epochs=1, callbacks=[flow])
    assert [layer.name for layer in flow.layers] == ["hidden", "out"]


def test_each_is_given_what_it_asked_for_and_when() -> None:
    flows = [train.gradient_flow(1), train.gradient_flow(4)]
    train.fit(line(), LINE, epochs=1, batch_size=8, callbacks=flows)
    assert [len(flow.steps) for flow in flows] == [8, 2]
    assert flows[0].to_dict()["layers"]["w"]["gradient"][4] == flows[1]["w"].gradient[1]


def test_callbacks_of_all_kinds(tmp_path: Path) -> None:
    @dataclass
    class Counting(train.Callback):  # compares by value, and does not hash
        count: int = 0

        def on_step(self, run: train.Run) -> None:
            self.count += 1

        def state(self) -> dict[str, Any]:
            return {} if not self.count else {"count": np.int64(self.count), "all": [np.ones(2), 1]}

        def restore(self, state: dict[str, Any]) -> None:
            self.count = int(state["count"])

    path, first, second = tmp_path / "run.npz", Counting(), Counting()
    options: dict[str, Any] = {"seed": np.int64(3), "checkpoint": path}
    rows = [lambda run: run.history[-1].update(rate=np.float64(0.5), many=np.arange(2))]
    train.fit(line(), LINE, epochs=1, callbacks=[first, second, *rows], **options)
    again = [Counting(), Counting()]
    result = train.fit(line(), LINE, epochs=2, resume=True, callbacks=[*again, *rows], **options)
    assert [c.count for c in again] == [4, 4]
    assert result.history["rate"] == [0.5, 0.5]


def test_parameters_of_any_name_are_kept(tmp_path: Path) -> None:
    def named() -> sg.Model:
        array, x = sg.param("array", (2,), init=1.0), sg.input("x", ("B", 2))
        return sg.compile(((array * x - 1) ** 2).mean(), optimizer=optim.Adam(0.1))

    data, path = {"x": X[:, :2]}, tmp_path / "run.npz"

    def run(epochs: int, **options: Any) -> Any:
        hooks = [train.EarlyStopping("loss"), train.gradient_flow()]
        return train.fit(named(), data, epochs=epochs, callbacks=hooks, **options)

    run(1, checkpoint=path)
    assert same(run(3, checkpoint=path, resume=True).params, run(3).params)


def test_a_stop_within_an_epoch_is_kept(tmp_path: Path) -> None:
    class Stop(train.Callback):
        def on_step(self, run: train.Run) -> None:
            if run.step == 3:
                run.stop("enough")

    path = tmp_path / "run.npz"
    result = train.fit(line(), LINE, epochs=5, batch_size=8, checkpoint=path, callbacks=[Stop()])
    assert (result.stopped, len(result.history), repr(result.history)) == (
        *("enough", 0),
        "<History of 0 epochs>",
    )
    assert train.Checkpoint.load(path).progress["step"] == 3
    resumed = train.fit(line(), LINE, epochs=5, batch_size=8, checkpoint=path, resume=True)
    assert same(resumed.params, train.fit(line(), LINE, epochs=5, batch_size=8).params)


def test_a_longer_patience_goes_on(tmp_path: Path) -> None:
    def run(patience: int, resume: bool) -> Any:
        stop = train.EarlyStopping("loss", patience, least=10.0)
        path = tmp_path / "run.npz"
        return train.fit(line(), LINE, epochs=9, callbacks=[stop], checkpoint=path, resume=resume)

    assert len(run(2, False).history) == 3  # the first epoch is an improvement
    assert len(run(5, True).history) == 6


def test_frozen_layers_are_not_ill() -> None:
    optimizer = optim.groups({"hidden": None, "*": optim.SGD(0.1)})
    flow = train.gradient_flow()
    train.fit(classifier(optimizer), blobs(), epochs=10, callbacks=[flow])
    assert [layer.trained for layer in flow.layers] == [False, True]
    assert list(flow.diagnose()) == []


# ---- what is refused


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"callbacks": [train.EarlyStopping]}, "expected objects such as sg.train.EarlyStopping"),
        ({"callbacks": [3]}, "callbacks: expected objects"),
        ({"callbacks": [(flow := train.gradient_flow()), flow]}, "stands twice"),
        ({"metrics": {"loss": lambda y, b: 0.0}}, "'loss' is the name of a column"),
        ({"metrics": {"validation_a": lambda y, b: 0.0}}, "is the name of a column"),
        ({"checkpoint": "nowhere/run.npz"}, "there is no folder 'nowhere'"),
        ({"validation": (b for b in [LINE])}, "pass the function that makes it"),
        ({"plateau": "accuracy"}, "the history will have no column 'accuracy'"),
        ({"data": LINE | {"x": np.ma.masked_array(X)}}, "got a masked one"),
        ({"params": {"w": [0.0, 0.0, 0.0]}}, "expected an array of float64; got list"),
        ({"params": {"w": np.zeros(3, np.float32)}}, "expected an array of float64; got float32"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], match: str) -> None:
    data = options.pop("data", LINE)
    with pytest.raises(sg.SymgradError, match=match):
        train.fit(line(), data, **({"epochs": 1} | options))


def test_parameters_that_cannot_be_written_to() -> None:
    params = line().init()
    params["w"].flags.writeable = False
    with pytest.raises(sg.DTypeError, match="cannot be written to"):
        train.fit(line(), LINE, epochs=1, params=params)


def test_a_run_of_another_rate_or_other_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    train.fit(line(), LINE, epochs=1, checkpoint=path, validation=LINE)

    def refused(match: str, model: Any = None, data: Any = LINE, **options: Any) -> None:
        options = {"validation": LINE} | options
        with pytest.raises(sg.CheckpointError, match=match):
            train.fit(
                line() if model is None else model,
                data,
                epochs=2,
                checkpoint=path,
                resume=True,
                **options,
            )

    refused("whose training step is another", line(optim.SGD(0.2)))
    refused("data", data={"x": X + 1.0, "t": LINE["t"]})
    refused("validation", validation={k: v[:5] for k, v in LINE.items()})
    params = {k: v for k, v in reversed(list(line().init().items()))}
    again = train.fit(
        line(), LINE, epochs=2, checkpoint=path, resume=True, validation=LINE, params=params
    )
    assert len(again.history) == 2


def test_ctrl_c_at_the_very_end_is_not_lost() -> None:
    class Late(train.Callback):
        def on_end(self, run: train.Run) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train.fit(line(), LINE, epochs=1, callbacks=[Late()])


# ---- data


def test_inputs_of_different_sizes_that_are_numbers() -> None:
    x, c = sg.input("x", (64, 3)), sg.input("c", (3, 4))
    loss = ((x @ c @ sg.param("w", (4,)) - 1.0) ** 2).mean()
    model = sg.compile(loss, optimizer=optim.SGD(0.01))
    result = train.fit(model, {"x": X, "c": np.ones((3, 4))}, epochs=3, batch_size=None)
    assert result.history["step"] == [1, 2, 3]


def test_functions_with_defaults_are_not_given_the_epoch() -> None:
    sizes: list[int] = []

    def batches(size: int = 32) -> Any:
        sizes.append(size)
        return [{k: v[:size] for k, v in LINE.items()}]

    train.fit(line(), batches, epochs=2)
    assert sizes == [32, 32]


def test_a_fraction_of_a_mapped_file_is_not_read_at_once(tmp_path: Path) -> None:
    for name, array in LINE.items():
        np.save(tmp_path / f"{name}.npy", array)
    mapped = {name: tmp_path / f"{name}.npy" for name in LINE}
    options: dict[str, Any] = {"epochs": 2, "validation": np.float32(0.25), "batch_size": 8}
    from_files, from_arrays = (train.fit(line(), d, **options) for d in (mapped, LINE))
    assert same(from_files.params, from_arrays.params)
    for column in ("loss", "validation_loss"):
        assert from_files.history[column] == from_arrays.history[column]


def test_metrics_without_validation_see_each_example_in_order() -> None:
    seen: list[Any] = []

    def metric(outputs: Any, batch: Any) -> Any:
        seen.append(batch["x"])
        return np.ones(len(outputs))

    options: dict[str, Any] = {"batch_size": 24, "remainder": "drop"}
    train.fit(line(), LINE, epochs=1, metrics={"seen": metric}, **options)
    np.testing.assert_array_equal(seen[0], X[:24])  # tried, before the first step
    np.testing.assert_array_equal(np.concatenate(seen[1:]), X)
    with pytest.raises(sg.DeclarationError, match="pass the function that makes it"):
        train.fit(line(), iter([LINE]), epochs=1, metrics={"seen": metric})
