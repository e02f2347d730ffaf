"""Train a two-layer classifier of handwritten digits with minibatches and Adam.

    python examples/digits.py [--epochs 30] [--seed 0]

The loss is the textbook formula, softmax and logarithm written out; the compiler makes it safe
for logits of any size. Needs scikit-learn, for the 1,797 images.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits

import symgrad as sg

x = sg.input("x", ("B", 64))
y = sg.input("y", ("B",), dtype="int64")

with sg.scope("hidden"):
    W = sg.param("W", (64, 128), init=sg.init.he_normal())
    h = sg.relu(x @ W + sg.param("b", (128,)))
with sg.scope("out"):
    z = h @ sg.param("W", (128, 10), init=sg.init.glorot_uniform()) + sg.param("b", (10,))

e = sg.exp(z)
p = e / e.sum(axis=1, keepdims=True)
loss = -sg.log(p)[sg.arange(x.shape[0]), y].mean()

model = sg.compile(loss, outputs=p, optimizer=sg.optim.Adam(3e-3))


def minibatches(count, size, rng):
    """Indices of all examples in a random order, `size` at a time."""
    order = rng.permutation(count)
    return [order[start : start + size] for start in range(0, count, size)]


def main(epochs=30, seed=0):
    """Train, print how it goes, and give the accuracy on 360 images that are held out."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    test, train = order[:360], order[360:]
    X, Y = images / 16, labels.astype(np.int64)

    rng = np.random.default_rng(seed)
    params = model.init(seed=seed)
    state = model.init_optimizer(params)
    for epoch in range(1, epochs + 1):
        for batch in minibatches(len(train), 32, rng):
            rows = train[batch]
            model.step(params, state, x=X[rows], y=Y[rows])
        if epoch in (1, 3, 10) or epoch == epochs:
            guess = model.predict(params, x=X[test]).argmax(axis=1)
            accuracy = (guess == Y[test]).mean()
            print(f"epoch {epoch:3}   held-out accuracy {accuracy:.2%}")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
