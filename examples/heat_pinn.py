"""Solve the heat equation with a neural network: the equation itself is the loss.

    python examples/heat_pinn.py [--epochs 10] [--seed 0]

A rod with ends at temperature 0 cools down: u_t = k u_xx. The network u(x, t) is never shown the
solution. It learns from points drawn afresh for each step: inside, that the equation holds, with
the derivatives of the network by its inputs; on the edges, that start and ends are as given
(Raissi, Perdikaris and Karniadakis, 2019). The gradient of such a loss by the weights is a third
derivative. The exact solution, sin(pi x) exp(-k pi^2 t), is only for comparison.
"""

import argparse

import numpy as np

import symgrad as sg

CONDUCTIVITY, STEPS = 0.1, 200  # steps in what is called an epoch here


def network(x, t):
    """Temperature at places and times, (N,) each."""
    return sg.nn.mlp(sg.stack([x, t], axis=1), [24, 24, 1], sg.tanh, name="u")[:, 0]


x, t = sg.input("x", ("N",)), sg.input("t", ("N",))
x_edge, t_edge, u_edge = (sg.input(name, ("M",)) for name in ("x_edge", "t_edge", "u_edge"))

weights = sg.nn.shared()
with weights:
    u = network(x, t)
with weights:
    u_on_edge = network(x_edge, t_edge)

u_x, u_t = sg.grad(u.sum(), [x, t])  # each value depends on its own point alone
u_xx = sg.grad(u_x.sum(), x)
residual = u_t - CONDUCTIVITY * u_xx
loss = (residual**2).mean() + 10 * sg.losses.mean(sg.losses.mse(u_on_edge, u_edge))


def compiled(epochs):
    """The model; its learning rate falls to 0 over so many epochs."""
    rate = sg.optim.cosine(0.02, max(1, epochs * STEPS))
    return sg.compile(loss, outputs=(u, residual), optimizer=sg.optim.Adam(rate))


def exact(x, t):
    """The solution."""
    return np.sin(np.pi * x) * np.exp(-CONDUCTIVITY * np.pi**2 * t)


def main(epochs=10, seed=0):
    """Train, print how it goes, and give the model, its parameters and the relative error."""
    grid = np.meshgrid(np.linspace(0, 1, 51), np.linspace(0, 1, 51))
    at = {"x": grid[0].ravel(), "t": grid[1].ravel()}
    model, true = compiled(epochs), exact(**at)

    def points(epoch):
        rng = np.random.default_rng([seed, epoch])
        for _ in range(STEPS):
            along, zero = rng.random(64), np.zeros(64)
            yield {
                "x": rng.random(256),
                "t": rng.random(256),
                "x_edge": np.concatenate([along, zero, zero + 1]),
                "t_edge": np.concatenate([zero, along, along]),
                "u_edge": np.concatenate([exact(along, 0), zero, zero]),
            }

    def error(params):
        found, _ = model.predict(params, **at)
        return np.linalg.norm(found - true) / np.linalg.norm(true)

    def report(run):
        print(f"epoch {run.epoch:3}   loss {run.loss:.1e}   error {error(run.params):.2%}")

    result = sg.train.fit(model, points, epochs=epochs, seed=seed, callbacks=[report])
    return model, result.params, error(result.params)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
