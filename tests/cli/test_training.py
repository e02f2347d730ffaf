"""train, summary: what a run leaves, how it goes on, how it is repeated, how it fails."""

import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import symgrad as sg
from symgrad.cli.fresh import outputs_in_a_fresh_interpreter
from tests.cli.conftest import Command, Ran

NET = """\
import numpy as np
import symgrad as sg
from side import WIDTH

x = sg.input("x", ("B", 4))
t = sg.input("t", ("B",), dtype="int64")
with sg.scope("hidden"):
    h = sg.tanh(x @ sg.param("W", (4, WIDTH), init=sg.init.normal()) + sg.param("b", (WIDTH,)))
with sg.scope("out"):
    z = h @ sg.param("W", (WIDTH, 3), init=sg.init.normal())
loss = -sg.log_softmax(z, axis=1)[sg.arange(x.shape[0]), t].mean()
model = sg.compile(loss, outputs=z, optimizer=sg.optim.Adam(0.02))
free = sg.compile(loss, outputs=z)
noisy = sg.compile(
    loss + 0.1 * (sg.random.normal(h.shape) * h).mean(), outputs=z, optimizer=sg.optim.SGD(0.1)
)
gap = sg.log(z.mean() + 1.0)
narrow = sg.compile(2.0 * gap, outputs=z, optimizer=sg.optim.SGD(0.5))
rows = sg.function([x], sg.tanh(x))

rng = np.random.default_rng(3)
X = rng.normal(size=(60, 4))
arrays = {"x": X, "t": (X[:, :3]).argmax(axis=1)}


def loaded():
    return dict(arrays)


def batches(epoch):
    for start in range(0, 60, 20):
        yield {name: value[start : start + 20] for name, value in arrays.items()}


def broken():
    yield {name: value[:20] for name, value in arrays.items()}
    raise RuntimeError("the disk is gone")


def share(outputs, batch):
    return outputs.argmax(axis=1) == batch["t"]


def odd(outputs, batch):
    return batch["nothing"]
"""

Train = Callable[..., Ran]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a declaration and data, which is where the commands run."""
    (tmp_path / "side.py").write_text("WIDTH = 5\n")
    (tmp_path / "net.py").write_text(NET)
    x = np.random.default_rng(0).normal(size=(90, 4))
    t = x[:, :3].argmax(axis=1)
    np.savez(tmp_path / "data.npz", x=x, t=t)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "t.npy", t)
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    yield tmp_path
    sys.path[:] = before
    for name in set(sys.modules) & {"net", "side", "source"}:
        del sys.modules[name]


@pytest.fixture
def train(folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Run ``symgrad train net.py:model --data data.npz``, or with other data or another name.

    Without matplotlib, which is slow: the first test draws.
    """
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    def run(*arguments: str, name: str = "model", data: tuple[str, ...] = ("data.npz",)) -> Ran:
        given = [part for one in data for part in ("--data", one)]
        return command("train", f"net.py:{name}", *given, *arguments)

    return run


def params(folder: Path, run: str = "run") -> dict[str, np.ndarray]:
    return sg.load_arrays(folder / run / "params.npz")


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def environment() -> dict[str, str]:
    root = str(Path(str(sg.__file__)).parents[1])
    return {**os.environ, "PYTHONPATH": root}


# ---------------------------------------------------------------- what a run prints and leaves


def test_a_run_prints_the_layers_an_epoch_a_line_and_where_things_are(
    folder: Path, command: Command
) -> None:
    options = ("--epochs", "3", "--validation", "0.2", "--metric", "accuracy=t")
    ran = command("train", "net.py:model", "--data", "data.npz", *options)
    assert (ran.status, ran.err) == (0, "")
    table, epochs, files = ran.out.rstrip().rsplit("\n\n", 2)
    assert table.startswith("layer    output      parameters  FLOPs forward\n")
    assert f"{table}\n" == (folder / "run/summary.txt").read_text()
    pattern = r"epoch \d/3  loss [\d.]+  validation_loss [\d.]+  validation_accuracy [\d.]+"
    assert [bool(re.fullmatch(pattern, line)) for line in epochs.splitlines()] == [True] * 3
    told = [line.split()[0] for line in files.splitlines()]
    assert all((folder / path).is_file() for path in told)
    assert "<svg" in (folder / "run/history.svg").read_text()
    left = {p.name for p in (folder / "run").iterdir()}
    assert left == {Path(path).name for path in told} | {"modules"}


def test_the_folder_holds_the_declaration_the_history_and_a_module_that_runs_alone(
    train: Train, folder: Path
) -> None:
    assert train("--epochs", "2").status == 0
    run = folder / "run"
    assert (run / "source.py").read_text() == NET
    assert (run / "modules/side.py").read_text() == "WIDTH = 5\n"
    with (run / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert [row["epoch"] for row in history] == ["1", "2"]
    x = np.ones((2, 4))
    there = outputs_in_a_fresh_interpreter(run / "model.py", run / "params.npz", {"x": x})
    p = params(folder)
    here = np.tanh(x @ p["hidden.W"] + p["hidden.b"]) @ p["out.W"]
    np.testing.assert_allclose(there, here, rtol=1e-14)
    for entry in ("init", "predict", "evaluate", "value_and_grad", "init_optimizer", "step"):
        assert f"def {entry}(" in (run / "model.py").read_text()


def test_without_matplotlib_the_run_says_what_was_not_drawn(train: Train, folder: Path) -> None:
    ran = train("--epochs", "1")
    assert ran.status == 0
    assert "history.svg     not drawn: a plot needs the package matplotlib: pip install" in ran.out
    assert not (folder / "run/history.svg").exists()


def test_the_record_tells_all_that_decides_the_bits(train: Train, folder: Path) -> None:
    import hashlib

    train("--epochs", "1", "--seed", "7", "--batch-size", "all", "--out", "first run")
    record = json.loads((folder / "first run/run.json").read_text())
    assert record["command"].endswith("--batch-size all --out 'first run'")
    assert shlex.split(record["command"]) == ["symgrad", *record["arguments"]]
    assert record["settings"]["--seed"] == 7
    assert record["settings"]["--batch-size"] == "all"
    sha = hashlib.sha256((folder / "data.npz").read_bytes()).hexdigest()
    assert record["data"] == {"file": "data.npz", "sha256": sha}
    assert record["source"]["sha256"] == hashlib.sha256(NET.encode()).hexdigest()
    assert list(record["source"]["modules"]) == ["side.py"]
    assert record["versions"]["NumPy"] == np.__version__
    assert record["versions"]["symgrad"] == sg.__version__
    assert record["machine"]["BLAS"]


def test_a_run_repeated_from_its_record_gives_the_same_bits(train: Train, folder: Path) -> None:
    options = ("--epochs", "3", "--validation", "0.2", "--seed", "5", "--patience", "2")
    assert train(*options, name="noisy").status == 0
    record = json.loads((folder / "run/run.json").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "symgrad", *record["arguments"], "--out", "again"],
        cwd=record["folder"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, second = (folder / run / "params.npz" for run in ("run", "again"))
    assert first.read_bytes() == second.read_bytes()
    assert train(*options, "--seed", "6", "--out", "other", name="noisy").status == 0
    assert not same(params(folder), params(folder, "other"))


def test_the_command_does_what_fit_does(train: Train, folder: Path) -> None:
    train("--epochs", "4", "--seed", "2", "--batch-size", "16", name="free", data=("data.npz",))
    assert not (folder / "run").exists()  # it has no optimiser
    ran = train("--epochs", "4", "--seed", "2", "--optimizer", "adam", "--lr", "0.02", name="free")
    assert ran.status == 0
    module = sys.modules["net"]
    with np.load("data.npz") as data:
        result = sg.train.fit(module.model, dict(data), epochs=4, seed=2)
    assert same(params(folder), result.params)


def test_the_best_parameters_are_kept_with_patience(train: Train, folder: Path) -> None:
    options = ("--epochs", "40", "--patience", "2", "--validation", "0.3", "--batch-size", "4")
    ran = train(*options, "--optimizer", "sgd", "--lr", "30", name="loss")
    assert ran.status == 0
    assert "stopped: validation_loss has not improved since epoch" in ran.out
    with (folder / "run/history.csv").open() as file:
        losses = [float(row["validation_loss"]) for row in csv.DictReader(file)]
    best = int(np.argmin(losses)) + 1
    assert len(losses) == best + 2
    assert f"the trained parameters, of epoch {best}, the best" in ran.out
    last = sg.train.Checkpoint.load(folder / "run/checkpoint.npz").params
    assert not same(params(folder), last)


# ---------------------------------------------------------------- data


@pytest.mark.parametrize(
    "data",
    [
        ("data.npz",),
        ("x=x.npy", "t=t.npy"),
        (":arrays",),
        (":loaded",),
        ("net.py:arrays",),
        (":batches",),
    ],
)
def test_data_come_from_files_and_from_python(
    train: Train, folder: Path, data: tuple[str, ...]
) -> None:
    ran = train("--epochs", "1", "--metric", "share=:share", data=data)
    assert (ran.status, ran.err) == (0, "")
    assert "share 0." in ran.out
    assert json.loads((folder / "run/run.json").read_text())["data"]


def test_the_same_arrays_in_other_files_give_the_same_run(train: Train, folder: Path) -> None:
    train("--epochs", "2", "--validation", "data.npz")
    train("--epochs", "2", "--out", "mapped", data=("x=x.npy", "t=t.npy"))
    assert same(params(folder), params(folder, "mapped"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (("nothing.npz",), "--data: no such file: nothing.npz"),
        (("data.csv",), "--data: expected an .npz file, NAME=FILE.npy, FILE.py:NAME or :NAME"),
        (("x=x.npy", "x=t.npy"), "--data: x is given twice, x.npy and t.npy"),
        (("data.npz", "x=x.npy"), "only NAME=FILE.npy may be given more than once"),
        (("x=x.npy", "q=t.npy"), "data has 'q', which is no input of the model"),
        (("x=x.npy",), "the input 't' is missing"),
        ((":nothing",), "--data: net.py has no 'nothing'"),
        ((":h",), "'h' in net.py is of type Expr; expected a dict of arrays"),
        ((":broken",), 'raise RuntimeError("the disk is gone")\nRuntimeError: the disk is gone'),
    ],
)
def test_data_that_do_not_fit_are_one_message_and_leave_nothing(
    train: Train, folder: Path, data: tuple[str, ...], message: str
) -> None:
    ran = train(data=data)
    assert ran.status == 2
    assert ran.err.startswith("symgrad: ") and message in ran.err
    assert "site-packages" not in ran.err and "symgrad/" not in ran.err
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "name", "message"),
    [
        ((), "free", "'free' is compiled without an optimizer: pass --optimizer (one of ada"),
        (("--optimizer", "sgd"), "loss", "--optimizer sgd needs a learning rate"),
        (("--optimizer", "magic"), "loss", "expected one of ada"),
        (("--lr", "0.1"), "model", "compiled with an optimizer already, so --lr has no say"),
        ((), "rows", "'rows' is a Function, which has no loss to train"),
        (("--optimizer", "adam"), "z", "the loss has shape (B, 3)"),
        (("--metric", "accuracy=q"), "model", "the model has no input 'q'; it has ['t', 'x']"),
        (("--metric", "f1=t"), "model", "expected accuracy=LABELS or NAME=:FUNCTION; got 'f1=t'"),
        (("--metric", "odd=:odd"), "model", "--metric odd=:odd raised KeyError: 'nothing'"),
        (("--metric", "odd=:X"), "model", "--metric odd: 'X' in net.py is no function"),
        (("--validation", "1.5"), "model", "a fraction lies between 0 and 1; got 1.5"),
        (("--size", "T=3"), "model", "the model has no size 'T'"),
        (("--resume",), "model", "run holds no run to go on with"),
        (("--out", "net.py"), "model", "net.py is no folder"),
        (("--out", "."), "model", ". has a model.py, which the run would overwrite"),
    ],
)
def test_what_cannot_be_done_is_one_message(
    train: Train, folder: Path, arguments: tuple[str, ...], name: str, message: str
) -> None:
    (folder / "model.py").write_text("mine = True\n")
    before = sorted(p.name for p in folder.iterdir() if p.name != "__pycache__")
    ran = train(*arguments, name=name)
    assert ran.status == 2
    assert ran.err.startswith("symgrad: ") and message in ran.err
    assert sorted(p.name for p in folder.iterdir() if p.name != "__pycache__") == before
    assert (folder / "model.py").read_text() == "mine = True\n"


def test_each_optimiser_of_a_single_rate_may_be_asked_for(train: Train) -> None:
    ran = train("--optimizer", "magic", name="loss")
    known = ran.err.partition("one of ")[2].partition(";")[0].split(", ")
    assert {"adam", "adamw", "sgd", "rmsprop", "lion"} <= set(known)
    for name in known:
        assert train("--optimizer", name, "--lr", "0.01", "--dry-run", name="loss").status == 0


@pytest.mark.parametrize(
    "option",
    ["--batch-size=0", "--epochs=x", "--lr=-1", "--lr=two", "--size=T", "--seed=-1", "--seed=x"],
)
def test_a_bad_option_exits_with_2(train: Train, option: str) -> None:
    ran = train(option)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("usage: symgrad train")
    assert ": expected a" in ran.err and "invalid" not in ran.err


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_advice_is_of_the_command_line(train: Train, folder: Path, dry: tuple[str, ...]) -> None:
    x = np.load("x.npy")
    x[3, 1] = np.nan
    np.savez("bad.npz", x=x, t=np.load("t.npy"))
    ran = train(*dry, data=("bad.npz",))
    assert ran.status == 2
    assert ran.err.endswith("declared for missing values, pass --nan allow\n")


def test_a_dry_run_writes_nothing(train: Train, folder: Path) -> None:
    ran = train("--dry-run")
    assert ran.status == 0
    assert ran.out.rstrip().endswith("nothing is trained or written (--dry-run)")
    assert not (folder / "run").exists()
    assert train("--dry-run", data=("x=x.npy", "q=t.npy")).status == 2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones((6, 3))}, "['x']: expected shape (B, 4) = (6, 4); got (6, 3)"),
        ({"t": np.arange(6)}, "['t']: expected 0 <= t < 3; got 3 at (3,)"),
        ({"t": None}, "the input 't' is missing"),
    ],
)
def test_a_dry_run_checks_what_a_run_checks(
    train: Train, folder: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    data = {"x": np.ones((6, 4)), "t": np.zeros(6, int)} | arrays
    np.savez("bad.npz", **{name: array for name, array in data.items() if array is not None})
    text = f"\n\ndef bad(epoch):\n    yield dict(np.load({str(folder / 'bad.npz')!r}))\n"
    with (folder / "net.py").open("a") as file:
        file.write(text)
    for source in ("bad.npz", ":bad"):
        for options, where in (((), "data"), (("--validation", source), "validation")):
            ran = train("--dry-run", *options, data=("data.npz" if options else source,))
            assert (ran.status, "model and data fit" in ran.out) == (2, False)
            assert where in ran.err and message in ran.err


# ---------------------------------------------------------------- going on


def test_a_run_that_goes_on_ends_at_the_bits_of_one_that_was_whole(
    train: Train, folder: Path
) -> None:
    options = ("--validation", "0.2", "--patience", "9", "--metric", "accuracy=t")
    train("--epochs", "6", *options, "--out", "whole", name="noisy")
    train("--epochs", "2", *options, name="noisy")
    ran = train("--epochs", "6", *options, "--resume", name="noisy")
    assert ran.status == 0
    assert "going on after step 6, 2 epochs done\nepoch 3/6" in ran.out
    assert same(params(folder), params(folder, "whole"))
    rows = []
    for run in ("run", "whole"):
        with (folder / run / "history.csv").open() as file:
            rows.append([{**row, "seconds": ""} for row in csv.DictReader(file)])
    assert rows[0] == rows[1] and len(rows[0]) == 6
    record = json.loads((folder / "run/run.json").read_text())
    assert (record["epochs"], "--resume" in record["arguments"]) == (6, False)


def test_a_folder_that_holds_a_run_is_never_overwritten(train: Train, folder: Path) -> None:
    train("--epochs", "1")
    before = {p.name: p.read_bytes() for p in (folder / "run").iterdir() if p.is_file()}
    ran = train("--epochs", "2", "--seed", "3")
    assert ran.status == 2
    assert ran.err == "symgrad: run holds a run: go on with it by --resume, or give another --out\n"
    assert {p.name: p.read_bytes() for p in (folder / "run").iterdir() if p.is_file()} == before


def test_a_run_goes_on_only_with_what_it_was_begun_with(train: Train, folder: Path) -> None:
    assert train("--epochs", "2").status == 0
    before = {p.name: p.read_bytes() for p in (folder / "run").iterdir() if p.is_file()}
    (folder / "net.py").write_text(NET.replace("Adam(0.02)", "Adam(0.03)"))
    with np.load("data.npz") as data:
        np.savez("data.npz", x=data["x"] + 1.0, t=data["t"])
    ran = train("--epochs", "3", "--resume", "--seed", "4", "--validation", "0.1")
    assert ran.status == 2
    assert ran.err.splitlines()[1:-1] == [
        "  the source: net.py has changed",
        "  the data: data.npz has changed",
        "  the validation data: fraction: absent there, 0.1 here",
        "  --seed: 0 there, 4 here",
    ]
    assert {p.name: p.read_bytes() for p in (folder / "run").iterdir() if p.is_file()} == before


def test_a_module_that_has_changed_is_noticed(train: Train, folder: Path) -> None:
    train("--epochs", "1")
    (folder / "side.py").write_text("WIDTH = 5  # still\n")
    ran = train("--epochs", "2", "--resume")
    assert (ran.status, "the source: side.py has changed" in ran.err) == (2, True)


def test_other_versions_are_told_and_recorded(train: Train, folder: Path) -> None:
    train("--epochs", "1")
    path = folder / "run/run.json"
    record = json.loads(path.read_text())
    record["versions"]["NumPy"] = "1.0"
    path.write_text(json.dumps(record))
    ran = train("--epochs", "2", "--resume")
    assert ran.status == 0
    assert f"note: NumPy is {np.__version__}, and was 1.0 when the run began" in ran.err
    now = json.loads(path.read_text())
    assert now["versions"]["NumPy"] == "1.0"
    assert now["resumed"][0]["versions"]["NumPy"] == np.__version__


def test_fewer_epochs_than_are_done_are_refused(train: Train, folder: Path) -> None:
    train("--epochs", "3")
    ran = train("--epochs", "2", "--resume")
    assert (ran.status, "--epochs: the run has done 3 already; got 2" in ran.err) == (2, True)
    assert json.loads((folder / "run/run.json").read_text())["epochs"] == 3


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"settings": 3}'])
def test_a_record_that_is_none(train: Train, folder: Path, content: str) -> None:
    (folder / "run").mkdir()
    (folder / "run/run.json").write_text(content)
    ran = train("--resume")
    assert (ran.status, ran.err) == (
        2,
        "symgrad: --resume: run/run.json is not the record of a run\n",
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on(train: Train, folder: Path) -> None:
    command = [sys.executable, "-m", "symgrad", "train", "net.py:noisy", "--data", "data.npz"]
    with subprocess.Popen(
        [*command, "--epochs", "100000", "--out", "my run"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            if line.startswith("epoch "):
                process.send_signal(signal.SIGINT)
                break
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    told = re.search(r"interrupted after step (\d+); my run/checkpoint.npz holds the state", err)
    assert told is not None
    last = err.strip().splitlines()[-1]
    assert last == (
        "go on with: symgrad train net.py:noisy --data data.npz --epochs 100000 --out 'my run' "
        "--resume"
    )
    epochs = str(int(told[1]) // 3 + 2)
    again = ("--epochs", epochs, "--out", "my run", "--resume")
    ran = train(*again, name="noisy")
    assert (ran.status, f"going on after step {told[1]}" in ran.out) == (0, True)
    train("--epochs", epochs, "--out", "whole", name="noisy")
    assert same(params(folder, "my run"), params(folder, "whole"))


# ---------------------------------------------------------------- losses that are not finite


def test_a_loss_that_is_not_finite_names_the_expression(train: Train, folder: Path) -> None:
    ran = train("--epochs", "200", "--batch-size", "all", name="narrow", data=("x=x.npy",))
    assert ran.status == 1
    assert re.match(r"symgrad: step \d+, batch 1 of epoch \d+: the loss is ", ran.err)
    assert re.search(r"\n  gap is (nan|-inf) .*, declared at .*net.py:\d+", ran.err)
    assert (folder / "run/checkpoint.npz").exists() and (folder / "run/history.csv").exists()
    assert not (folder / "run/params.npz").exists()


def test_steps_that_are_not_finite_can_be_skipped(train: Train, folder: Path) -> None:
    options = ("--epochs", "99", "--batch-size", "4", "--nonfinite", "skip")
    ran = train(*options, name="narrow", data=("x=x.npy",))
    assert ran.status == 1  # of an epoch, nothing was left
    assert re.search(r"no step of epoch \d+ had a finite loss", ran.err)
    assert re.search(r"epoch +\d+/99  loss \S+  skipped \d+", ran.out)


# ---------------------------------------------------------------- the table alone


def test_summary_prints_the_table(folder: Path, command: Command) -> None:
    ran = command("summary", "net.py:model", "B=8")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.rstrip() == str(sys.modules["net"].model.summary(B=8))
    assert "with B = 8" in ran.out


def test_a_summary_of_what_is_no_model(folder: Path, command: Command) -> None:
    assert "a summary is of a model" in command("summary", "net.py:rows").err
    assert "no size 'Q'" in command("summary", "net.py:loss", "Q=3").err
    assert command("summary", "net.py:loss", "B").status == 2
