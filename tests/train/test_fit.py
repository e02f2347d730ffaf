"""``train.fit`` against loops written by hand."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.train.models import blobs, classifier, same

train = sg.train


def by_hand(
    model: sg.Model, data: dict[str, Any], epochs: int, size: int, seed: int, random: bool
) -> tuple[dict[str, Any], dict[str, Any], list[float]]:
    """The documented order: permutations of [seed, epoch, 3], draws of [seed, step, 1]."""
    params = model.init(seed)
    state = model.init_optimizer(params)
    n, step, means = len(data["y"]), 0, []
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch, 3]).permutation(n)
        total = 0.0
        for start in range(0, n, size):
            rows = order[start : start + size]
            draws = {"rng": np.random.default_rng([seed, step, 1])} if random else {}
            batch = {k: v[rows] for k, v in data.items()}
            total += float(model.step(params, state, **batch, **draws)) * len(rows)
            step += 1
        means.append(total / n)
    return params, state, means


@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("size", [32, 40])
def test_fit_is_the_loop_that_one_would_write(size: int, rate: float) -> None:
    model, data = classifier(rate=rate), blobs()
    result = train.fit(model, data, epochs=3, batch_size=size, seed=5)
    params, state, means = by_hand(model, data, 3, size, 5, bool(rate))
    assert same(result.params, params)
    assert same(result.opt_state, state)
    np.testing.assert_allclose(result.history["loss"], means, rtol=1e-14)
    assert result.history["epoch"] == [1, 2, 3]
    assert result.history["step"] == [3, 6, 9]
    assert result.stopped is None


def test_it_learns_and_measures() -> None:
    model = classifier()
    accuracy = {"accuracy": train.accuracy("y")}
    result = train.fit(model, blobs(), epochs=60, validation=blobs(50, 1), metrics=accuracy)
    last = result.history[-1]
    assert last["validation_accuracy"] > 0.95
    outputs = model.predict(result.params, x=blobs(50, 1)["x"])
    assert last["validation_accuracy"] == np.mean(outputs.argmax(1) == blobs(50, 1)["y"])
    loss = model.evaluate(result.params, **blobs(50, 1))
    np.testing.assert_allclose(last["validation_loss"], loss, rtol=1e-13)
    assert train.evaluate(model, result.params, blobs(50, 1), batch_size=7)["loss"] == (
        pytest.approx(float(loss), rel=1e-13)
    )


def test_the_callers_parameters_are_trained_in_place() -> None:
    model, data = classifier(), blobs()
    params = model.init(3)
    before = {k: v.copy() for k, v in params.items()}
    result = train.fit(model, data, epochs=1, params=params)
    assert result.params is params
    assert not same(params, before)


def test_no_epochs_leave_the_parameters_alone() -> None:
    model = classifier()
    result = train.fit(model, blobs(), epochs=0)
    assert same(result.params, model.init(0))
    assert len(result.history) == 0


def test_sources_of_the_same_batches_agree(tmp_path: Path) -> None:
    model, data = classifier(), blobs()
    expected = train.fit(model, data, epochs=2, batch_size=24, shuffle=False).params
    batches = [{k: v[i : i + 24] for k, v in data.items()} for i in range(0, 96, 24)]

    def generator() -> Any:
        yield from batches

    def of_epoch(number: int) -> Any:
        assert number in (0, 1)
        return iter(batches)

    for source in (batches, generator, of_epoch):
        assert same(train.fit(model, source, epochs=2).params, expected)
    paths = {}
    for name, array in data.items():
        np.save(tmp_path / f"{name}.npy", array)
        paths[name] = tmp_path / f"{name}.npy"
    assert same(train.fit(model, paths, epochs=2, batch_size=24, shuffle=False).params, expected)
    shuffled = [
        train.fit(model, source, epochs=2, batch_size=24, seed=1).params for source in (paths, data)
    ]
    assert same(*shuffled)


def test_a_fraction_is_held_out() -> None:
    model, data = classifier(), blobs(100)

    class Watch(train.Callback):
        def on_step(self, run: train.Run) -> None:
            assert np.isfinite(run.loss)

    result = train.fit(model, data, epochs=1, validation=0.25, batch_size=25, callbacks=[Watch()])
    assert result.history["step"] == [3]
    assert "validation_loss" in result.history.columns


def test_whole_batches_and_dropped_remainders() -> None:
    model, data = classifier(), blobs(50)
    steps = {
        (size, rest): train.fit(model, data, epochs=1, batch_size=size, remainder=rest).history[
            "step"
        ]
        for size, rest in [(None, "keep"), (32, "keep"), (32, "drop"), (100, "keep")]
    }
    assert steps == {
        (None, "keep"): [1],
        (32, "keep"): [2],
        (32, "drop"): [1],
        (100, "keep"): [1],
    }


def test_data_without_examples_goes_with_each_batch() -> None:
    x, c = sg.input("x", ("B",)), sg.input("c", ())
    w = sg.param("w", ())
    model = sg.compile(((w - c * x) ** 2).mean(), optimizer=sg.optim.SGD(0.1))
    result = train.fit(model, {"x": np.ones(8), "c": 3.0}, epochs=40, batch_size=4)
    np.testing.assert_allclose(result.params["w"], 3.0, rtol=1e-6)


def test_early_stopping_gives_back_the_best() -> None:
    x, w = sg.input("x", ("B",)), sg.param("w", (), init=0.0)
    loss = ((w - x) ** 2).mean()
    model = sg.compile(loss, optimizer=sg.optim.SGD(0.05))
    stop = train.EarlyStopping(patience=3)
    kept: list[float] = []
    result = train.fit(
        model,
        {"x": np.full(4, 2.0)},
        validation={"x": np.full(4, 1.0)},
        epochs=100,
        callbacks=[stop, lambda run: kept.append(float(run.params["w"]))],
    )
    losses = result.history["validation_loss"]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 3
    assert float(result.params["w"]) == kept[best]
    assert result.stopped == f"validation_loss has not improved since epoch {best + 1}"


def test_early_stopping_by_a_metric_that_should_grow() -> None:
    stop = train.EarlyStopping("accuracy", patience=4, mode="max")
    result = train.fit(
        classifier(),
        blobs(),
        epochs=200,
        metrics={"accuracy": train.accuracy("y")},
        callbacks=[stop],
    )
    values = result.history["accuracy"]
    assert max(values) == values[stop.best_epoch - 1] == -stop.best
    assert len(values) == stop.best_epoch + 4


def test_callbacks_are_called_in_order_and_may_stop() -> None:
    calls: list[str] = []

    class Log(train.Callback):
        def on_begin(self, run: train.Run) -> None:
            calls.append("begin")

        def on_step(self, run: train.Run) -> None:
            calls.append(f"step {run.step}")

        def on_epoch(self, run: train.Run) -> None:
            calls.append(f"epoch {run.epoch}")
            if run.epoch == 2:
                run.stop("enough")

        def on_end(self, run: train.Run) -> None:
            calls.append("end")

    result = train.fit(classifier(), blobs(), epochs=9, batch_size=48, callbacks=[Log()])
    assert calls == [
        *("begin", "step 1", "step 2", "epoch 1", "step 3", "step 4", "epoch 2", "end"),
    ]
    assert result.stopped == "enough"


def test_a_history_is_data_csv_and_a_picture(tmp_path: Path) -> None:
    result = train.fit(
        classifier(), blobs(), epochs=3, validation=0.2, metrics={"accuracy": train.accuracy("y")}
    )
    with result.history.to_csv(tmp_path / "h.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == result.history["loss"]
    assert list(rows[0]) == result.history.columns
    pytest.importorskip("matplotlib")
    picture = result.history.plot(tmp_path / "h.svg").read_text()
    assert "<svg" in picture
    assert result.history.plot(tmp_path / "h.png").stat().st_size > 1000


def test_the_bar_is_shown_when_asked_for_only(capfd: pytest.CaptureFixture[str]) -> None:
    train.fit(classifier(), blobs(), epochs=2)
    assert capfd.readouterr() == ("", "")
    train.fit(classifier(), blobs(), epochs=2, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "epoch 1: loss" in err


# ---- bad input


def refused(
    kind: type[Exception], match: str, data: Any = None, model: Any = None, **options: Any
) -> None:
    model = classifier() if model is None else model
    with pytest.raises(kind, match=match):
        train.fit(model, blobs() if data is None else data, **({"epochs": 1} | options))


def test_data_that_does_not_fit() -> None:
    data = blobs()
    refused(sg.DeclarationError, "expected a dict of arrays by the names", data["x"])
    refused(sg.DeclarationError, "expected a dict of arrays by the names", 3)
    refused(sg.DeclarationError, "no input of the model; its inputs are", data | {"z": data["y"]})
    refused(
        sg.ShapeError,
        "as many examples in each array; got {'x': 96, 'y': 95}",
        data | {"y": data["y"][1:]},
    )
    refused(sg.ShapeError, "at least one example", {k: v[:0] for k, v in data.items()})
    refused(
        sg.ShapeError,
        r"expected shape \(B, 2\); got \(96,\)\n  declared at .*models.py",
        data | {"x": data["x"][:, 0]},
    )
    refused(
        sg.ShapeError,
        r"^data\['x'\]: expected shape \(B, 2\) = \(96, 2\); got \(96, 3\)",
        data | {"x": np.ones((96, 3))},
    )
    refused(sg.DTypeError, "expected int64; got float64", data | {"y": data["y"] * 1.0})
    place = r"\n  declared at .*models.py"
    for value, got in [(np.full(96, "a"), "<U1"), (np.full(96, 1j), "complex128"), (None, "None")]:
        refused(sg.DTypeError, f"y'.: expected numbers; got {got}{place}", data | {"y": value})
        batch = data | {"y": value}
        refused(sg.DTypeError, f"y': expected numbers; got {got}{place}", [batch])
    refused(sg.DTypeError, f"got object{place}", data | {"y": np.full(96, None)})
    refused(sg.ShapeError, f"rows that differ: .*{place}", data | {"x": [[1.0], [1.0, 2.0]]})
    refused(sg.CompileError, "the input 'y' is missing", {"x": data["x"]})
    refused(
        sg.CompileError,
        r"^data\['y'\]: expected 0 <= y < 3; got 7 at \(95,\)\n  y was declared at",
        data | {"y": np.append(data["y"][:-1], 7)},
    )
    refused(  # a stream is looked at as it comes
        sg.CompileError,
        r"y: expected 0 <= y < 3; got 7 at .*\n.*\n  in batch 1 of epoch 1",
        [data | {"y": np.full(96, 7)}],
    )
    broken = data["x"].copy()
    broken[70, 1] = np.nan
    refused(sg.CompileError, r"data\['x'\]: NaN at \(70, 1\)", data | {"x": broken})
    refused(sg.DeclarationError, "no such file", {"x": "nowhere.npy", "y": data["y"]})
    refused(sg.DeclarationError, "an array or a .npy file", {"x": "x.csv", "y": data["y"]})
    refused(sg.ShapeError, "rows that differ", data | {"y": [[1], [1, 2]]})


def test_iterables_that_do_not_fit() -> None:
    data = blobs()
    refused(sg.ShapeError, "at least one batch", [])
    refused(sg.ShapeError, "epoch 1 has no batch", lambda: iter([]))
    refused(sg.DeclarationError, "batch 1 of epoch 1: expected a dict", [(data["x"], data["y"])])
    refused(sg.DeclarationError, "expected the function to give an iterable", lambda: 3)
    refused(
        sg.DeclarationError,
        "a generator gives its batches once, and epoch 2 needs them again",
        (batch for batch in [data]),
        epochs=2,
    )
    bad = data | {"x": np.full((96, 2), np.nan)}
    refused(sg.CompileError, r"batch 2 of epoch 1, 'x': NaN at \(0, 0\)", [data, bad])


def test_one_numbering_of_the_batches_of_a_stream() -> None:
    good = blobs()
    for bad, told in (
        ({"x": np.full((96, 2), np.nan)}, "data, batch 2 of epoch 1, 'x': NaN"),
        ({"x": np.ones((96, 3))}, "in batch 2 of epoch 1"),
    ):
        refused(sg.SymgradError, told, [good, good | bad])
        refused(
            sg.SymgradError,
            "validation, batch 2 of epoch 1" if "data" in told else "in batch 2 of validation",
            validation=[good, good | bad],
        )


class Untouched(train.Callback):
    """No step is done: what does not fit is refused before."""

    def on_begin(self, run: train.Run) -> None:
        raise AssertionError("the run has begun")


def test_all_data_are_looked_at_before_the_first_step() -> None:
    good = blobs()
    late = {"callbacks": [Untouched()], "batch_size": 4}
    for bad, kind, told in (
        ({"y": np.append(good["y"][:-1], 3)}, sg.CompileError, r"\['y'\]: .* got 3 at \(95,\)"),
        ({"x": np.ones((96, 5))}, sg.ShapeError, r"\['x'\]: expected shape \(B, 2\)"),
        ({"x": np.ones(96)}, sg.ShapeError, r"\['x'\]: expected shape \(B, 2\); got \(96,\)"),
        ({"y": np.ones(96)}, sg.DTypeError, r"\['y'\]: expected int64; got float64"),
        ({"x": np.full((96, 2), np.nan)}, sg.CompileError, r"\['x'\]: NaN at"),
    ):
        refused(kind, "^data" + told, good | bad, **late)
        refused(kind, "^validation" + told, validation=good | bad, **late)
        if "NaN" not in told:
            with pytest.raises(kind, match=told):
                train.evaluate(classifier(), classifier().init(), good | bad)
    refused(sg.CompileError, "^data: step: the input 'y' is missing", {"x": good["x"]}, **late)
    refused(
        sg.CompileError,
        "^validation: evaluate: the input 'y' is missing",
        validation={"x": good["x"]},
        **late,
    )


def test_labels_of_batches_of_a_declared_size_and_of_other_dtypes_are_looked_at() -> None:
    labels = np.append(blobs(72)["y"][:-1], 3).astype(np.uint8)
    refused(
        sg.CompileError,
        r"got 3 at \(31,\)\n.*\n  in the examples from number 40 on",
        blobs(72) | {"y": labels},
        model=classifier(size=32),
        remainder="drop",
        callbacks=[Untouched()],
    )


def test_of_mapped_arrays_the_shapes_are_looked_at_first(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.full((96, 2), np.nan))
    np.save(tmp_path / "wide.npy", np.ones((96, 3)))
    np.save(tmp_path / "y.npy", np.append(blobs()["y"][:-1], 3))
    x, wide, y = (tmp_path / f"{name}.npy" for name in ("x", "wide", "y"))
    late = {"callbacks": [Untouched()]}
    refused(sg.ShapeError, "got .*, 3", {"x": wide, "y": y}, **late)
    refused(sg.CompileError, r"got 3 at \(95,\)", {"x": x, "y": np.load(y)}, **late)
    refused(sg.CompileError, "got 3 at", {"x": blobs()["x"], "y": y})


def test_sizes_that_the_examples_share_with_another_input() -> None:
    x, k, w = sg.input("x", ("B",)), sg.input("k", ("B", 2, "B")), sg.param("w", ())
    z = sg.input("z", (3, "B"))
    loss = ((w - x) ** 2).mean() + 0 * z.sum() + 0 * k.sum()
    model = sg.compile(loss, optimizer=sg.optim.SGD(0.1))
    data = {"x": np.ones(8), "z": np.ones((3, 4)), "k": np.ones((8, 2, 4))}
    assert len(train.fit(model, data, epochs=1, batch_size=4).history) == 1


def test_what_cannot_be_watched_or_measured_is_refused_before_the_first_step() -> None:
    late, known = [Untouched()], r"; it will have \['epoch', 'step', 'loss', 'seconds'\]"
    refused(
        sg.DeclarationError,
        f"EarlyStopping: the history will have no column 'validation_loss'{known}; pass "
        "validation=, or watch 'loss'",
        callbacks=[train.EarlyStopping(), *late],
    )
    refused(sg.DeclarationError, f"plateau: .*'f1'{known}$", plateau="f1", callbacks=late)
    metrics = {"a": train.accuracy("label")}
    refused(sg.DeclarationError, "the data have no 'label'", metrics=metrics, callbacks=late)

    def write(run: train.Run) -> None:
        run.history[-1]["f1"] = 1.0

    stop = train.EarlyStopping("f1", patience=2, mode="max")
    result = train.fit(classifier(), blobs(), epochs=9, callbacks=[write, stop])
    assert result.history["f1"] == [1.0] * 3


@pytest.mark.parametrize("value", [None, "high", [[1.0], [1.0, 2.0]], 1j])
def test_a_metric_that_gives_no_number_is_named(value: Any) -> None:
    match = r"^metrics\['f1'\]: expected a number, or an array of numbers; got "
    refused(
        sg.DeclarationError,
        match + re.escape(repr(value)),
        metrics={"f1": lambda outputs, batch: value},
        callbacks=[Untouched()],
    )


def test_metrics_that_cannot_be_called_or_give_nothing_are_named() -> None:
    refused(
        sg.DeclarationError,
        r"metrics\['f1'\]: expected a function of two arguments, .* takes \(outputs\)",
        metrics={"f1": lambda outputs: 1.0},
    )
    empty = {"f1": lambda outputs, batch: np.zeros(0)}
    refused(
        sg.ShapeError,
        r"metrics\['f1'\]: .* of validation; got empty",
        metrics=empty,
        validation=0.5,
    )

    def broken(outputs: Any, batch: Any) -> float:
        return float(batch["nothing"])

    with pytest.raises(KeyError) as caught:
        train.fit(classifier(), blobs(), epochs=1, metrics={"f1": broken})
    assert caught.value.__notes__ == ["raised by metrics['f1']"]


def test_options_that_do_not_fit() -> None:
    refused(sg.DeclarationError, "fit: expected epochs >= 0, an integer; got 1.5", epochs=1.5)
    refused(sg.DeclarationError, "data: expected batch_size >= 1, an integer; got 0", batch_size=0)
    refused(sg.DeclarationError, "fit: expected shuffle to be True or False", shuffle="yes")
    refused(sg.DeclarationError, "remainder: expected", remainder="pad")
    refused(sg.DeclarationError, "nonfinite: expected", nonfinite="ignore")
    refused(sg.DeclarationError, "nan: expected", nan="drop")
    refused(sg.DeclarationError, "fit: expected 0 < validation < 1, .*; got 1.5", validation=1.5)
    refused(sg.ShapeError, "leaves nothing to validate on", validation=0.001)
    refused(sg.DeclarationError, "held out of a dict of arrays only", [blobs()], validation=0.1)
    refused(sg.DeclarationError, "resume=True needs the path", resume=True)
    refused(sg.CheckpointError, "ends in .npz", checkpoint="run.pt")
    refused(sg.CompileError, "params has no", params={})
    refused(sg.ShapeError, "give no batch of 100", batch_size=100, remainder="drop")
    refused(sg.DeclarationError, "no column 'validation_loss'", callbacks=[train.EarlyStopping()])
    x, w = sg.input("x", ("B",)), sg.param("w", ())
    for call in (
        lambda: train.fit((w * x).mean(), {}, epochs=1),  # type: ignore[arg-type]
        lambda: train.evaluate((w * x).mean(), {}, {}),  # type: ignore[arg-type]
    ):
        with pytest.raises(sg.DeclarationError, match=r": expected a compiled model, .*; got Expr"):
            call()
    refused(sg.CompileError, "without optimizer=", model=sg.compile((w * x).mean()))
    plain = sg.compile((w * x).mean(), optimizer=sg.optim.SGD(0.1))
    refused(sg.CompileError, "metrics need outputs", model=plain, metrics={"a": max})


def test_batches_of_a_size_that_is_declared() -> None:
    model = classifier(size=32)
    refused(
        sg.ShapeError, "declared with 32 examples, and batches have 24", model=model, batch_size=24
    )
    refused(sg.ShapeError, "the last batch has 4 examples", blobs(100), model=model)
    result = train.fit(model, blobs(100), epochs=1, remainder="drop")
    assert result.history["step"] == [3]


def test_inputs_with_several_first_axes() -> None:
    x, z, w = sg.input("x", ("N",)), sg.input("z", ("M",)), sg.param("w", ())
    model = sg.compile(((w - x) ** 2).mean() + ((w - z) ** 2).mean(), optimizer=sg.optim.SGD(0.1))
    data = {"x": np.ones(5), "z": np.full(3, 2.0)}
    refused(sg.DeclarationError, "not known which to cut", data, model=model)
    result = train.fit(model, data, epochs=50, batch_size=None)
    np.testing.assert_allclose(result.params["w"], 1.5, rtol=1e-6)


def test_missing_values_may_be_allowed() -> None:
    x, w = sg.input("x", ("B",)), sg.param("w", ())
    loss = sg.where(sg.isnan(x), 0.0, (w - x) ** 2).sum()
    model = sg.compile(loss, optimizer=sg.optim.SGD(0.1))
    data = {"x": np.array([1.0, np.nan, 1.0, 1.0])}
    refused(sg.CompileError, r"NaN at \(1,\)", data, model=model)
    result = train.fit(model, data, epochs=50, nan="allow")
    np.testing.assert_allclose(result.params["w"], 1.0, rtol=1e-4)


def test_the_rate_falls_when_the_validation_loss_stands_still(tmp_path: Path) -> None:
    x, w = sg.input("x", ("B",)), sg.param("w", (), init=0.0)
    plateau = sg.optim.ReduceOnPlateau(0.1, factor=0.5, patience=1)
    model = sg.compile(((w - x) ** 2).mean(), optimizer=sg.optim.SGD(plateau))
    rates: list[float] = []

    class Watch(train.Callback):
        def on_epoch(self, run: train.Run) -> None:
            rates.append(float(run.opt_state["rate"]))

    data, held = {"x": np.ones(4)}, {"x": np.zeros(4)}  # the more it learns, the worse
    options: dict[str, Any] = {"validation": held, "checkpoint": tmp_path / "run.npz"}
    result = train.fit(model, data, epochs=8, callbacks=[Watch()], **options)
    losses = result.history["validation_loss"]
    assert losses == sorted(losses)
    assert rates == [0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125]
    resumed = train.fit(model, data, epochs=9, resume=True, callbacks=[Watch()], **options)
    assert rates[-1] == 0.00625
    whole = train.fit(model, data, epochs=9, validation=held)
    assert same(resumed.params, whole.params) and same(resumed.opt_state, whole.opt_state)


def test_weights_that_are_averaged_and_microbatches() -> None:
    optimizer = sg.optim.average(sg.optim.accumulate(sg.optim.SGD(0.5), every=2), decay=0.5)
    x, w = sg.input("x", ("B",)), sg.param("w", (), init=0.0)
    model = sg.compile(((w - x) ** 2).mean(), outputs=w + 0 * x, optimizer=optimizer)
    data = {"x": np.array([1.0, 3.0])}
    result = train.fit(model, data, epochs=3, batch_size=1, shuffle=False)
    assert float(result.params["w"]) == 2.0  # the mean of both gradients, at once
    averaged = sg.optim.averaged(result.params, result.opt_state)
    assert 0 < float(averaged["w"]) < 2
    assert (
        train.evaluate(model, averaged, data)["loss"]
        > train.evaluate(model, result.params, data)["loss"]
    )


def test_accuracy_counts_what_is_not_ignored() -> None:
    outputs = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    metric = train.accuracy("y", ignore=-1)
    assert metric(outputs, {"y": np.array([1, -1, 0])}).tolist() == [True, False]
    assert train.accuracy("y")(outputs, {"y": np.eye(2)[[1, 0, 0]]}).tolist() == [True, True, False]
    with pytest.raises(sg.DeclarationError, match="the data have no 'z'"):
        train.accuracy("z")(outputs, {"y": np.zeros(3)})


def test_a_metric_of_batches_of_unequal_counts_is_that_of_all_data() -> None:
    rng = np.random.default_rng(5)
    x, y = sg.input("x", ("B", 3)), sg.input("y", ("B",), dtype="int64")
    w = sg.param("w", (3, 3), init=np.eye(3))
    loss = sg.losses.mean(sg.losses.softmax_cross_entropy(x @ w, y, ignore=-1))
    model = sg.compile(loss, outputs=x @ w)
    data = {"x": rng.normal(size=(10, 3)), "y": np.array([0, -1, -1, -1, 2, 1, 1, 0, -1, 2])}
    metrics = {"right": train.accuracy("y", ignore=-1), "size": lambda outputs, batch: 2.0}
    found = train.evaluate(model, model.init(), data, batch_size=4, metrics=metrics)
    counted = data["y"] != -1
    right = data["x"].argmax(axis=1)[counted] == data["y"][counted]
    assert found["right"] == pytest.approx(right.mean())
    assert found["size"] == 2.0


def test_metrics_and_callbacks_of_the_wrong_kind() -> None:
    refused(sg.DeclarationError, "a dict of functions by name", metrics=["accuracy"])
    refused(sg.DeclarationError, "expected a function of the outputs", metrics={"a": "accuracy"})
    refused(sg.DeclarationError, "expected a list of them", callbacks=train.EarlyStopping("loss"))


def test_calls_with_the_wrong_kind_of_state() -> None:
    model = classifier()
    params = model.init()
    with pytest.raises(sg.CompileError, match="step: opt_state must be a dict"):
        model.step(params, None, **blobs())  # type: ignore[arg-type]
    with pytest.raises(sg.CompileError, match="params has no"):
        model.init_optimizer({})
    for seed in (-1, "a", 1.5):
        with pytest.raises(sg.CompileError, match="seed must be an integer >= 0"):
            model.init(seed)  # type: ignore[arg-type]


def test_options_of_early_stopping() -> None:
    stop = train.EarlyStopping(patience=np.int64(3), least=np.float32(0.5))  # type: ignore[arg-type]
    assert (type(stop.patience), type(stop.least)) == (int, float)
    for bad in ({"patience": 0}, {"patience": True}, {"least": math.nan}, {"restore_best": 1}):
        (name,) = bad
        with pytest.raises(sg.DeclarationError, match=f"^EarlyStopping: expected {name}"):
            train.EarlyStopping(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
def test_labels_are_checked_before_anything_is_trained(loss: str) -> None:
    x, y = sg.input("x", ("B", 3)), sg.input("y", ("B",), dtype="int64")
    z = sg.nn.dense(x, 2, name="out")
    values = getattr(sg.losses, loss)(z if loss[:2] == "so" else z[:, 0], y)
    model = sg.compile(sg.losses.mean(values), optimizer=sg.optim.SGD(0.1))
    params = model.init()
    before = {name: value.copy() for name, value in params.items()}
    labels = np.zeros(100, int)
    labels[97] = -1
    with pytest.raises(sg.CompileError, match=r"y'\]: expected 0 <= y < 2; got -1 at \(97,\)"):
        sg.train.fit(model, {"x": np.ones((100, 3)), "y": labels}, epochs=1, params=params)
    assert all((params[name] == before[name]).all() for name in params)


def test_a_label_to_ignore_is_none_of_the_classes() -> None:
    x, y = sg.input("x", ("B", 3)), sg.input("y", ("B",), dtype="int64")
    values = sg.losses.softmax_cross_entropy(sg.nn.dense(x, 2), y, ignore=-1)
    model = sg.compile(sg.losses.mean(values), optimizer=sg.optim.SGD(0.1))
    data = {"x": np.ones((3, 3)), "y": np.array([0, -1, 1])}
    sg.train.fit(model, data, epochs=1, progress=False)
    data["y"][1] = -2
    with pytest.raises(sg.CompileError, match="expected 0 <= y < 2; got -2"):
        sg.train.fit(model, data, epochs=1)
