"""Measure how optimisers depend on their learning rate.

    python examples/experiments_rates.py [--plot rates.svg] [--epochs 10] [--seed 0]

A small network learns a thousand handwritten digits with each optimiser at each rate. The table
gives the training loss after ten epochs; log 10 = 2.30 is that of guessing, and "diverged" is a
loss above that of the first weights, or one that is not finite. Each optimiser has a range of
rates of its own. Needs scikit-learn, for the images; --plot needs matplotlib.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits

import symgrad as sg

OPTIMISERS = {
    "SGD": sg.optim.SGD,
    "momentum": lambda lr: sg.optim.SGD(lr, momentum=0.9),
    "Nesterov": lambda lr: sg.optim.SGD(lr, momentum=0.9, nesterov=True),
    "AdaGrad": sg.optim.AdaGrad,
    "RMSprop": sg.optim.RMSprop,
    "AdaDelta": sg.optim.AdaDelta,
    "Adam": sg.optim.Adam,
    "AMSGrad": sg.optim.AMSGrad,
    "AdamW": sg.optim.AdamW,
    "NAdam": sg.optim.NAdam,
    "Lion": sg.optim.Lion,
}
RATES = tuple(float(f"1e{k}") for k in range(-5, 3))

x = sg.input("x", ("B", 64))
y = sg.input("y", ("B",), dtype="int64")
logits = sg.nn.mlp(x, [32, 32, 10], sg.relu, init=sg.init.he_normal(), name="net")
loss = sg.losses.mean(sg.losses.softmax_cross_entropy(logits, y))


def reached(optimizer, data, epochs, seed):
    """The training loss that an optimiser reaches; inf if it is above that of the start."""
    model = sg.compile(loss, optimizer=optimizer)
    start = sg.train.evaluate(model, model.init(seed), data)["loss"]
    try:
        run = sg.train.fit(model, data, epochs=epochs, seed=seed)
    except sg.NonFiniteError:
        return np.inf
    end = sg.train.evaluate(model, run.params, data)["loss"]
    return end if end < start else np.inf


def main(optimisers=tuple(OPTIMISERS), rates=RATES, epochs=10, seed=0, plot=None):
    """Print the table row by row; give the losses of each optimiser at the rates."""
    images, digits = load_digits(return_X_y=True)
    data = {"x": (images[:1000] - images.mean()) / images.std(), "y": digits[:1000]}
    found = {}
    print("rate      " + "".join(f"{rate:>10g}" for rate in rates))
    for name in optimisers:
        row = [reached(OPTIMISERS[name](rate), data, epochs, seed) for rate in rates]
        print(f"{name:10}" + "".join(f"{v:10.4f}" if v < np.inf else "  diverged" for v in row))
        found[name] = row
    if plot:
        draw(found, rates, plot)
    return found


def draw(found, rates, path):
    """Write a picture: loss against rate, a line for each optimiser."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    ax = figure.subplots(subplot_kw={"xscale": "log", "yscale": "log"})
    for i, (name, row) in enumerate(found.items()):
        style = ("o-", "s--", "^:")[i % 3]
        ax.plot(rates, row, style, color=f"C{i % 10}", ms=4, label=name)
    ax.axhline(np.log(10), color="gray", lw=1, label="guessing")
    ax.set(xlabel="learning rate", ylabel="training loss")
    figure.legend(loc="outside right upper", fontsize=8)
    figure.savefig(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", help="where to draw the losses: .svg, .png or .pdf")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
