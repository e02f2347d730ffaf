"""Measure what is left of a gradient after many layers, by activation and first weights.

    python examples/experiments_depth.py [--plot depth.svg] [--seed 0]

On its way back through a network the gradient is multiplied by the weights of each layer and by
the slopes of its activation: where that makes it smaller it vanishes exponentially in the depth,
where larger it explodes. The table gives the norm of the gradient by the sums of the first layer
over that by the sums of the last, of networks of equal layers that are not yet trained. Between
layers of one width Glorot's weights are LeCun's. Needs scikit-learn, for the images of digits;
--plot needs matplotlib.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits

import symgrad as sg

ACTIVATIONS = {f.__name__: f for f in (sg.sigmoid, sg.tanh, sg.relu, sg.gelu)}
ACTIVATIONS["linear"] = lambda z: z
INITS = {
    "normal(0.01)": sg.init.normal(0.01),
    "lecun": sg.init.lecun_normal(),
    "glorot": sg.init.glorot_normal(),
    "he": sg.init.he_normal(),
    "orthogonal": sg.init.orthogonal(),
}
DEPTHS = (2, 5, 10, 20, 50)

x = sg.input("x", ("B", 64))
y = sg.input("y", ("B",), dtype="int64")


def gradients(activation, depth):
    """A model whose output is the gradient's norm by the sums of the first layer over the last."""
    h, sums = x, []
    for i in range(depth):
        sums.append(sg.nn.dense(h, 64, name=f"hidden{i + 1}"))
        h = activation(sums[-1])
    logits = sg.nn.dense(h, 10, name="out")
    loss = sg.losses.mean(sg.losses.softmax_cross_entropy(logits, y))
    first, last = sg.grad(loss, [sums[0], sums[-1]])  # a gradient by any expression
    return sg.compile(loss, outputs=sg.linalg.norm(first) / sg.linalg.norm(last))


def main(activations=tuple(ACTIVATIONS), depths=DEPTHS, seed=0, plot=None):
    """Print the table; give {(activation, init): ratios at the depths}."""
    images, digits = load_digits(return_X_y=True)
    data = {"x": (images[:256] - images.mean()) / images.std(), "y": digits[:256]}
    found = {}
    print("activation  first weights " + "".join(f"{depth:>9}" for depth in depths))
    for name in activations:
        models = [gradients(ACTIVATIONS[name], depth) for depth in depths]
        for kind, init in INITS.items():
            row = found[name, kind] = []
            for model in models:
                rng, params = np.random.default_rng(seed), model.init(seed)
                for key, value in params.items():
                    if key.startswith("hidden") and key.endswith(".W"):
                        params[key] = init(rng, value.shape, value.dtype)
                row.append(float(model.predict(params, **data)))
            print(f"{name:11} {kind:14}" + "".join(f"{ratio:9.0e}" for ratio in row))
    if plot:
        draw(found, depths, plot)
    return found


def draw(found, depths, path):
    """Write a picture: the ratio against the depth, a panel for each of the first weights."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.2), layout="constrained")
    panels = figure.subplots(1, len(INITS), sharey=True)
    for ax, kind in zip(panels, INITS, strict=True):
        ax.set(title=kind, xlabel="depth", yscale="log", ylim=(1e-20, 1e10))
        for (name, init), row in found.items():
            if init == kind:
                ax.plot(depths, row, "o-", ms=3, label=name)
    panels[0].set_ylabel("gradient, first over last layer")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center")
    figure.savefig(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", help="where to draw the ratios: .svg, .png or .pdf")
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
