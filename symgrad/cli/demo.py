"""``symgrad demo``: a model from its declaration to one file that needs only NumPy."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.cli import console
from symgrad.cli.commands import entry
from symgrad.cli.errors import CommandError
from symgrad.cli.fresh import outputs_in_a_fresh_interpreter
from symgrad.cli.target import load

__all__ = ["run"]

Array = np.ndarray[Any, Any]

DECLARATION = Path(__file__).with_name("classifier.py")
BATCH = 32
HELD_OUT = 360  # of 1,797 images
SPLIT = 0  # the seed of the split, whatever the seed of the training
WANTED = 0.97


@dataclass(frozen=True)
class Digits:
    """Images and labels, to train on and held out."""

    x: Array
    y: Array
    x_test: Array
    y_test: Array


@dataclass(frozen=True)
class Epoch:
    """What an epoch of training gave."""

    number: int
    loss: float
    accuracy: float


def digits() -> Digits:
    """The handwritten digits of scikit-learn, 360 of which are held out."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise CommandError(
            "the demo trains on the digits of scikit-learn, which is not installed: "
            "pip install scikit-learn"
        ) from None
    bunch = load_digits()
    x, y = bunch.data / 16.0, bunch.target.astype(np.int64)
    order = np.random.default_rng(SPLIT).permutation(len(x))
    test, train = order[:HELD_OUT], order[HELD_OUT:]
    return Digits(x[train], y[train], x[test], y[test])


def train(
    model: sg.Model, data: Digits, epochs: int, seed: int
) -> tuple[dict[str, Array], list[Epoch]]:
    """Minibatches in a new order each epoch; the parameters, and what each epoch gave."""
    rng = np.random.default_rng(seed)
    params = model.init(seed=seed)
    state = model.init_optimizer(params)
    history = []
    for number in console.progress(range(1, epochs + 1), epochs, "training"):
        order = rng.permutation(len(data.x))
        total = 0.0
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            loss = model.step(params, state, x=data.x[batch], y=data.y[batch])
            total += float(loss) * len(batch)
        history.append(Epoch(number, total / len(order), accuracy(model, params, data)))
    return params, history


def accuracy(model: sg.Model, params: dict[str, Array], data: Digits) -> float:
    """The part of the held-out images that are classified rightly."""
    p = model.predict(params, x=data.x_test)
    return float((p.argmax(axis=1) == data.y_test).mean())


def run(folder: str, epochs: int, seed: int) -> int:
    """Run the demo; 1 if the accuracy or the numbers of the shipped file are not as they should."""
    data = digits()
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    declaration = out / DECLARATION.name
    shutil.copyfile(DECLARATION, declaration)

    console.heading(f"1. The declaration ({declaration})")
    console.source(declaration.read_text(encoding="utf-8"))
    module = load(declaration)
    model: sg.Model = module.model

    console.heading("2. Its gradients against finite differences")
    point = {**model.init(), "x": data.x[:8], "y": data.y[:8]}
    checked = sg.check_gradients(module.loss, point)
    print(
        f"{len(checked.rows)} comparisons, reverse and forward mode, first and second order: "
        f"largest error {checked.error:.1e}"
    )

    console.heading("3. The training step that was generated (readable style)")
    readable = sg.compile(
        module.loss, outputs=module.p, optimizer=sg.optim.Adam(3e-3), style="readable"
    )
    step = entry(readable, "step")
    console.source(step)

    console.heading(f"4. Training on {len(data.x)} images, {len(data.x_test)} held out")
    start = time.perf_counter()
    params, history = train(model, data, epochs, seed)
    seconds = time.perf_counter() - start
    last = history[-1]
    curve = _curve(history)
    print(curve)
    print(f"\nheld-out accuracy {last.accuracy:.2%} after {epochs} epochs, {seconds:.1f} s")

    console.heading("5. Shipping it")
    net, arrays = out / "net.py", out / "net.npz"
    model.save(net)
    np.savez(arrays, allow_pickle=False, **params)
    model.graph.render(out / "flow.svg")
    (out / "report.md").write_text(_report(model, step, curve, last, checked), encoding="utf-8")
    here = model.predict(params, x=data.x_test)
    there = outputs_in_a_fresh_interpreter(net, arrays, {"x": data.x_test})
    same = bool(np.array_equal(here, there))
    for path, what in (
        (net, "the model: forward, backward, training step; it needs NumPy and nothing else"),
        (arrays, "its trained parameters"),
        (out / "flow.svg", "its graph, forward and backward"),
        (out / "report.md", "equations, graph, source, numbers"),
    ):
        print(f"{path!s:<{len(str(out)) + 11}}  {what}")
    print(
        f"\n{net} in a fresh interpreter without symgrad: {len(there)} predictions, "
        + ("the same to the last bit" if same else "which differ from those above")
    )
    return _verdict(last.accuracy, same)


def _verdict(accuracy: float, same: bool) -> int:
    if accuracy < WANTED:
        print(f"\nThe held-out accuracy, {accuracy:.2%}, is below {WANTED:.0%}.")
    if not same:
        print("\nThe shipped file does not give the numbers of the model.")
    return 0 if accuracy >= WANTED and same else 1


def _curve(history: list[Epoch]) -> str:
    """Some epochs, ever further apart."""
    chosen = {1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500, len(history)}
    return console.table(
        ("epoch", "training loss", "held-out accuracy"),
        [
            (str(e.number), f"{e.loss:.4f}", f"{e.accuracy:.2%}")
            for e in history
            if e.number in chosen
        ],
    )


def _report(model: sg.Model, step: str, curve: str, last: Epoch, checked: Any) -> str:
    declaration = DECLARATION.read_text(encoding="utf-8")
    return f"""# A classifier of handwritten digits

## Declaration

```python
{declaration.strip()}
```

## Equations

$$
{model.latex().strip().strip("$").strip()}
$$

## Graph

![The graph, forward and backward](flow.svg)

## The generated training step

In readable style; `net.py` holds the style that runs, with every other entry.

```python
{step.strip()}
```

## Gradients against finite differences

```text
{checked}
```

## Training

{curve}

Held-out accuracy after {last.number} epochs: {last.accuracy:.2%}.

## What the compiler did

```text
{model.report()}
```
"""
