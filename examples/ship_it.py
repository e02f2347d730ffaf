"""Ship a model as one file: it trains and predicts with NumPy alone.

    python examples/ship_it.py [FOLDER]

Declares a small regression, saves the module that was generated, and then uses nothing but
that module and NumPy, as would whoever receives the file.
"""

import importlib.util
import sys
import tempfile
from pathlib import Path

import numpy as np

import symgrad as sg

x = sg.input("x", ("B", 1))
t = sg.input("t", ("B",))
with sg.scope("hidden"):
    h = sg.tanh(x @ sg.param("W", (1, 16), init=sg.init.normal(2.0)) + sg.param("b", (16,)))
with sg.scope("out"):
    prediction = (h @ sg.param("w", (16,), init=sg.init.normal(0.2))) + sg.param("b", ())
loss = ((prediction - t) ** 2).mean()

model = sg.compile(loss, outputs=prediction, optimizer=sg.optim.Adam(1e-2), style="readable")


def receive(path):
    """Import a module from a file, as its receiver may do."""
    spec = importlib.util.spec_from_file_location("regression", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(folder=None, steps=2000):
    """Save, train in the saved module, store the parameters; give the module's last loss."""
    folder = Path(folder or tempfile.mkdtemp())
    net = receive(model.save(folder / "regression.py"))

    points = np.linspace(-2, 2, 64)[:, None]
    targets = np.sin(3 * points[:, 0])

    params = net.init(0)
    state = net.init_optimizer(params)
    print(f"before training: loss {float(net.evaluate(params, points, targets)):.2f}")
    for _ in range(steps):
        net.step(params, state, points, targets)
    last = float(net.evaluate(params, points, targets))
    print(f"after {steps} steps: loss {'below' if last < 1e-3 else 'above'} 0.001")

    np.savez(folder / "regression.npz", **params)
    with np.load(folder / "regression.npz", allow_pickle=False) as stored:
        again = net.predict(dict(stored), points)
    same = (again == net.predict(params, points)).all()
    print("same predictions from the stored parameters:", same)
    return last


if __name__ == "__main__":
    main(*sys.argv[1:])
