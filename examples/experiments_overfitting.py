"""Measure how far a network learns its examples by heart, and what holds it from that.

    python examples/experiments_overfitting.py [--plot overfitting.svg] [--epochs 60] [--seed 0]

A network of 26,000 weights has 200 handwritten digits to learn from, and a fifth of their labels
are drawn at random. Left to itself it learns these too, and is sure of what is wrong. The table
gives its loss on the examples, on 797 others, and the gap between both: with nothing done about
it, with dropout, with weight decay, and stopped when the loss on the others has not fallen for
five epochs. Needs scikit-learn, for the images; --plot needs matplotlib.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits

import symgrad as sg

x = sg.input("x", ("B", 64))
y = sg.input("y", ("B",), dtype="int64")


def classifier(optimizer, dropout=0.0):
    """A model with two hidden layers."""
    init = sg.init.he_normal()
    logits = sg.nn.mlp(x, [128, 128, 10], sg.relu, dropout=dropout, init=init, name="net")
    loss = sg.losses.mean(sg.losses.softmax_cross_entropy(logits, y))
    return sg.compile(loss, outputs=logits, optimizer=optimizer)


def main(epochs=60, seed=0, plot=None):
    """Train in each way, print the table; give (loss, held-out loss, accuracy, epochs) of each."""
    images, digits = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    X, Y = (images[order] - images.mean()) / images.std(), digits[order]
    few = {"x": X[:200], "y": np.concatenate([rng.integers(0, 10, 40), Y[40:200]])}
    held = {"x": X[1000:], "y": Y[1000:]}
    accuracy = {"accuracy": sg.train.accuracy("y")}

    adam = sg.optim.Adam(1e-3)
    ways = {
        "nothing": (classifier(adam), []),
        "dropout 0.5": (classifier(adam, dropout=0.5), []),
        "weight decay 3": (classifier(sg.optim.AdamW(1e-3, weight_decay=3.0)), []),
        "early stopping": (classifier(adam), [sg.train.EarlyStopping(patience=5)]),
    }
    print("                epochs   loss   held-out loss     gap   held-out accuracy")
    found, histories = {}, {}
    for name, (model, callbacks) in ways.items():
        run = sg.train.fit(
            model, few, epochs=epochs, validation=held, callbacks=callbacks, seed=seed
        )
        last = len(run.history)
        seen = sg.train.evaluate(model, run.params, few)["loss"]
        new, right = sg.train.evaluate(model, run.params, held, metrics=accuracy).values()
        print(f"{name:14} {last:7} {seen:6.3f} {new:15.3f} {new - seen:7.3f} {right:19.1%}")
        found[name], histories[name] = (seen, new, right, last), run.history
    if plot:
        draw(histories, plot)
    return found


def draw(histories, path):
    """Write a picture: loss on the examples (dashed) and on others against the epochs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    ax = figure.subplots()
    for i, (name, history) in enumerate(histories.items()):
        ax.plot(history["epoch"], history["validation_loss"], color=f"C{i}", label=name)
        ax.plot(history["epoch"], history["loss"], "--", color=f"C{i}", lw=1)
    ax.plot([], [], "--", color="gray", lw=1, label="on the examples")
    ax.set(xlabel="epoch", ylabel="loss", ylim=(0, 2))
    ax.legend()
    figure.savefig(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", help="where to draw the losses: .svg, .png or .pdf")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
