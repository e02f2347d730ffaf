"""Measure at which learning rates a deep network trains, with and without normalisation.

    python examples/experiments_normalisation.py [--plot normalisation.svg] [--epochs 10] [--seed 0]

Ten hidden layers with relu and He's first weights learn handwritten digits by plain gradient
descent. The table gives the mean training loss of the last of ten epochs; log 10 = 2.30 is that
of guessing, and "diverged" is a loss that is not finite. Normalised layers bear larger rates: the
scale of their weights does not reach the next layer. Needs scikit-learn, for the images; --plot
needs matplotlib.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits

import symgrad as sg

NORMS = {
    "none": lambda z: z,
    "batch_norm": sg.nn.batch_norm,
    "layer_norm": sg.nn.layer_norm,
    "rms_norm": sg.nn.rms_norm,
}
RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)

x = sg.input("x", ("B", 64))
y = sg.input("y", ("B",), dtype="int64")


def loss_of(norm, depth=10):
    """The loss of a network whose layers are normalised before their activation."""
    h = x
    for i in range(depth):
        with sg.scope(f"hidden{i + 1}"):
            h = sg.relu(norm(sg.nn.dense(h, 64, init=sg.init.he_normal())))
    logits = sg.nn.dense(h, 10, name="out")
    return sg.losses.mean(sg.losses.softmax_cross_entropy(logits, y))


def main(norms=tuple(NORMS), rates=RATES, epochs=10, seed=0, plot=None):
    """Print the table row by row; give the losses of each network at the rates."""
    images, digits = load_digits(return_X_y=True)
    data = {"x": (images - images.mean()) / images.std(), "y": digits}
    found = {}
    print("rate      " + "".join(f"{rate:>10g}" for rate in rates))
    for name in norms:
        loss = loss_of(NORMS[name])
        row = found[name] = []
        for rate in rates:
            model = sg.compile(loss, optimizer=sg.optim.SGD(rate))
            try:
                run = sg.train.fit(model, data, epochs=epochs, batch_size=64, seed=seed)
                row.append(run.history["loss"][-1])
            except sg.NonFiniteError:
                row.append(np.inf)
        print(f"{name:10}" + "".join(f"{v:10.4f}" if v < np.inf else "  diverged" for v in row))
    if plot:
        draw(found, rates, plot)
    return found


def draw(found, rates, path):
    """Write a picture: loss against rate, a line for each network."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    ax = figure.subplots(subplot_kw={"xscale": "log", "yscale": "log"})
    for name, row in found.items():
        ax.plot(rates, row, "o-", label=name)
    ax.axhline(np.log(10), color="gray", lw=1, label="guessing")
    ax.set(xlabel="learning rate", ylabel="training loss")
    ax.legend()
    figure.savefig(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", help="where to draw the losses: .svg, .png or .pdf")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
