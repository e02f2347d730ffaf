"""Learn kinds of handwritten digits without labels: an autoencoder with a discrete latent.

    python examples/discrete_latent.py [--epochs 40] [--seed 0]

Each image is told by one of 20 kinds, which is drawn from the encoder's probabilities, and is
decoded from that kind alone. A draw has no derivative: Gumbel-softmax makes it smooth, the score
function weighs its log-probability by its cost. Purity is the share of images whose digit is the
most frequent one of their kind. Needs scikit-learn, for the 1,797 images.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits

import symgrad as sg

KINDS = 20

x = sg.input("x", ("B", 64))

with sg.scope("encoder"):
    W = sg.param("W", (64, KINDS), init=sg.init.glorot_uniform())
    logits = x @ W + sg.param("b", (KINDS,))
with sg.scope("decoder"):
    V = sg.param("V", (KINDS, 64), init=sg.init.normal(0.1))
    c = sg.param("c", (64,))

prior = sg.losses.kl_divergence(logits, sg.zeros(KINDS))  # all kinds are equally likely

# a smooth draw: its gradient goes through the row that is decoded
smooth = sg.random.gumbel_softmax(logits, 0.5, hard=True)
gumbel = sg.losses.nll_bernoulli(x, smooth @ V + c) + prior

# an exact draw, four times: its gradient goes through its log-probability
kind = sg.random.categorical(logits, shape=(4, x.shape[0]))
log_p = sg.log_softmax(logits)[sg.arange(x.shape[0]), kind]
cost = (sg.softplus(V[kind] + c) - x * (V[kind] + c)).sum(axis=-1)
score = sg.losses.score_function(log_p, cost, baseline="leave_one_out") + prior

LOSSES = {"Gumbel-softmax": gumbel, "score function": score}


def main(epochs=40, seed=0):
    """Train with both estimators, print what they reach, and give the purities."""
    images, digits = load_digits(return_X_y=True)
    X = images / 16
    found = {}
    for name, loss in LOSSES.items():
        mean = sg.losses.mean(loss)
        model = sg.compile(mean, outputs=sg.argmax(logits, axis=1), optimizer=sg.optim.Adam(0.02))
        params, rng = model.init(seed), np.random.default_rng(seed)
        state = model.init_optimizer(params)
        for _ in range(epochs):
            order = rng.permutation(len(X))
            for rows in np.array_split(order, len(X) // 64):
                model.step(params, state, x=X[rows], rng=rng)
        kinds = model.predict(params, x=X)
        counts = np.zeros((KINDS, 10), int)
        np.add.at(counts, (kinds, digits), 1)
        found[name] = counts.max(axis=1).sum() / len(X)
        bound = model.evaluate(params, x=X, rng=rng)
        used = (counts.sum(axis=1) > 0).sum()
        print(f"{name}: {bound:.2f} nats an image, {used} kinds, purity {found[name]:.1%}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
