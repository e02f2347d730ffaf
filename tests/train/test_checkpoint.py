"""A run that is ended at any moment goes on to the bits that it would have ended at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.train.models import blobs, classifier, same

train = sg.train
ROOT = Path(__file__).resolve().parents[2]

RUN = """
import sys, time
import symgrad as sg
from tests.train.models import blobs, classifier

class Slow(sg.train.Callback):
    def on_step(self, run):
        time.sleep(0.004)
        print(run.step, flush=True)

sg.train.fit(
    classifier(rate=0.2), blobs(), epochs=10, batch_size=24, seed=2, checkpoint=sys.argv[1],
    resume=True, checkpoint_every=1, callbacks=[Slow(), sg.train.EarlyStopping("loss", 50)],
)
"""


def started(path: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def whole_run(path: Path | None = None, **options: Any) -> sg.train.Result:
    return train.fit(
        classifier(rate=0.2),
        blobs(),
        epochs=10,
        batch_size=24,
        seed=2,
        checkpoint=path,
        callbacks=[train.EarlyStopping("loss", 50)],
        **options,
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_killed_again_and_again_it_ends_at_the_same_bits(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    rng = np.random.default_rng(time.time_ns())  # the moment does not matter
    kills = 0
    for _ in range(4):
        process = started(path)
        assert process.stdout is not None
        for _ in range(int(rng.integers(1, 9))):
            if not process.stdout.readline():
                break
        time.sleep(float(rng.uniform(0, 0.01)))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        if path.exists():  # it may have been killed before the first was written
            train.Checkpoint.load(path)  # whole, whenever it was killed
    assert kills
    process = started(path)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    expected = whole_run()
    saved = train.Checkpoint.load(path)
    assert same(saved.opt_state, expected.opt_state)
    resumed = whole_run(path, resume=True)
    assert same(resumed.params, expected.params)
    assert resumed.history["loss"] == expected.history["loss"]
    assert list(tmp_path.iterdir()) == [path]  # what was half written is gone


def test_ctrl_c_leaves_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"

    class Interrupt(train.Callback):
        def on_step(self, run: train.Run) -> None:
            if run.step == 6:
                os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train.fit(
            classifier(rate=0.2),
            blobs(),
            epochs=10,
            batch_size=24,
            seed=2,
            checkpoint=path,
            callbacks=[Interrupt(), train.EarlyStopping("loss", 50)],
        )
    assert signal.getsignal(signal.SIGINT) is before
    assert train.Checkpoint.load(path).progress["step"] == 6
    resumed = whole_run(path, resume=True)
    expected = whole_run()
    assert same(resumed.params, expected.params)
    assert same(resumed.opt_state, expected.opt_state)
    assert resumed.history["loss"] == expected.history["loss"]


def test_more_epochs_go_on_where_fewer_ended(tmp_path: Path) -> None:
    model, data, path = classifier(), blobs(), tmp_path / "run.npz"
    train.fit(model, data, epochs=2, checkpoint=path)
    longer = train.fit(model, data, epochs=5, checkpoint=path, resume=True)
    assert same(longer.params, train.fit(model, data, epochs=5).params)
    assert longer.history["epoch"] == [1, 2, 3, 4, 5]
    again = train.fit(model, data, epochs=5, checkpoint=path, resume=True)
    assert same(again.params, longer.params)


def test_a_stream_goes_on_at_its_next_batch(tmp_path: Path) -> None:
    data, path = blobs(), tmp_path / "run.npz"
    batches = [{k: v[i : i + 12] for k, v in data.items()} for i in range(0, 96, 12)]

    class Stop(train.Callback):
        def on_step(self, run: train.Run) -> None:
            if run.step == 11:
                raise RuntimeError("ended")

    def run(callbacks: Any, path: Path | None, resume: bool) -> sg.train.Result:
        return train.fit(
            classifier(),
            lambda epoch: batches[epoch:] + batches[:epoch],
            epochs=3,
            checkpoint=path,
            checkpoint_every=1 if path else None,
            callbacks=callbacks,
            resume=resume,
        )

    with pytest.raises(RuntimeError, match="ended"):
        run([Stop()], path, False)
    assert train.Checkpoint.load(path).progress["batch"] == 2
    assert same(run([], path, True).params, run([], None, False).params)


def test_a_run_that_stopped_early_stays_stopped(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"

    def run(resume: bool) -> sg.train.Result:
        stop = train.EarlyStopping("validation_loss", patience=2, least=1.0)
        return train.fit(
            classifier(),
            blobs(),
            epochs=20,
            validation=0.2,
            checkpoint=path,
            callbacks=[stop],
            resume=resume,
        )

    first, second = run(False), run(True)
    assert len(first.history) == len(second.history) == 3
    assert first.stopped == second.stopped is not None
    assert same(first.params, second.params)


def test_torn_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    train.fit(classifier(), blobs(), epochs=1, checkpoint=path)
    whole = path.read_bytes()

    def refused(match: str) -> None:
        with pytest.raises(sg.CheckpointError, match=match):
            train.fit(classifier(), blobs(), epochs=2, checkpoint=path, resume=True)

    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused("torn, or no checkpoint of symgrad")
    flipped = bytearray(whole)
    flipped[whole.index(b"params/hidden.W.npy") + 200] ^= 1
    path.write_bytes(bytes(flipped))
    refused("torn, or no checkpoint of symgrad")
    path.write_text("not a checkpoint")
    refused("cannot be read as the .npz file that train.fit writes$")
    sg.save_arrays(path, {"W": np.ones(3)})
    refused(r"is no checkpoint of symgrad: it holds the arrays \['W'\]")
    sg.save_arrays(path, {"about": np.frombuffer(b'{"format": "else"}', np.uint8)})
    refused("is no checkpoint")
    with pytest.raises(FileNotFoundError):
        train.Checkpoint.load(tmp_path / "absent.npz")


def test_another_run_is_refused(tmp_path: Path) -> None:
    path, data = tmp_path / "run.npz", blobs()
    train.fit(classifier(), data, epochs=1, checkpoint=path, seed=1)

    def refused(match: str, model: Any = None, data: Any = data, **options: Any) -> None:
        with pytest.raises(sg.CheckpointError, match=match):
            train.fit(
                classifier() if model is None else model,
                data,
                **({"epochs": 2, "seed": 1, "checkpoint": path, "resume": True} | options),
            )

    refused("is of a run with seed = 1; this one has 2", seed=2)
    refused(r"run with other data: batch_size: 32 there, 16 here\. To go on", batch_size=16)
    refused(
        r"run with other data: x: float64 \[96, 2\] there, float64 \[95, 2\] here; y: ",
        data={k: v[1:] for k, v in data.items()},
    )
    refused(
        "run with other data: the values of x differ; shuffle: True there, False here",
        data=data | {"x": data["x"] + 1},
        shuffle=False,
    )
    refused("run with other data: arrays there, stream here", data=[data])
    refused("run with validation = None; this one has some", validation=data)
    refused("is of another model; optimiser's m.hidden.W", classifier(sg.optim.SGD(0.1)))
    refused(
        r"was written with the callbacks \[\]; this run has \['EarlyStopping'\]",
        callbacks=[train.EarlyStopping("loss")],
    )


def test_a_checkpoint_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    train.fit(classifier(), blobs(), epochs=1, checkpoint=path)
    before = path.read_bytes()
    for epochs in (0, 2):
        with pytest.raises(sg.CheckpointError, match=r"resume=True goes on .* delete it"):
            train.fit(classifier(), blobs(), epochs=epochs, checkpoint=path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("resume", [False, True])
def test_two_runs_do_not_write_one_checkpoint(tmp_path: Path, resume: bool) -> None:
    path = tmp_path / "run.npz"
    told: list[str] = []

    def another(run: train.Run) -> None:
        if run.epoch == 1:
            with pytest.raises(sg.CheckpointError) as caught:
                train.fit(classifier(), blobs(), epochs=1, checkpoint=path, resume=resume)
            told.append(str(caught.value))

    first = train.fit(classifier(), blobs(), epochs=3, checkpoint=path, callbacks=[another])
    assert told == [
        f"checkpoint: another run writes {path}: wait for its end, or give another name"
    ]
    assert same(train.Checkpoint.load(path).params, first.params)
    assert list(tmp_path.iterdir()) == [path]


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    with started(path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(sg.CheckpointError, match="another run writes"):
            whole_run(path, resume=True)
        process.kill()
        process.communicate()
    assert same(whole_run(path, resume=True).params, whole_run().params)
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_file_resume_begins(tmp_path: Path) -> None:
    path = tmp_path / "new.npz"
    result = train.fit(classifier(), blobs(), epochs=1, checkpoint=path, resume=True)
    assert same(result.params, train.fit(classifier(), blobs(), epochs=1).params)
    assert path.exists()


def test_it_also_runs_in_another_thread(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(train.fit, classifier(), blobs(), epochs=1).result()
    assert same(result.params, train.fit(classifier(), blobs(), epochs=1).params)
