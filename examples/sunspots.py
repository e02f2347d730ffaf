"""Next year's sunspots: an LSTM against persistence and an autoregressive model.

    python examples/sunspots.py [--until 2009] [--epochs 100] [--seeds 5]

The last 60 years are forecast, each from the 11 before it, about a cycle of the sun; all that is
fitted is fitted to the years before those 60. Roots of the numbers are modelled, whose scatter is
even. Cycles differ in height more than in shape: a network learns from examples that are made
higher and lower at random. Forecasts of networks that differ in their seed are averaged. Akaike's
criterion chooses the order of the autoregressive models, up to 20.

Choices were made by the errors with --until 1949 and --until 1889, which look at no later year. Two
networks that learned one height had been tried on the last years before: they lost to the
autoregression there, where the maximum of 1957 is the highest of all. Needs statsmodels.
"""

import argparse

import numpy as np
import statsmodels.api as sm
from statsmodels.tsa.ar_model import AutoReg, ar_select_order

import symgrad as sg

PAST, AHEAD = 11, 60


def network(mean, std, steps):
    """A model of values with this mean and deviation, to be trained for so many steps."""
    x, y = sg.input("x", ("B", PAST)), sg.input("y", ("B",))
    height = sg.exp(0.3 * sg.random.normal(y.shape))
    height = sg.where(sg.training(), height, 1.0)
    past = (x * height[:, None] - mean) / std
    _, (h, _) = sg.nn.lstm(past[:, :, None], 16, forget_bias=1.0, name="memory")
    forecast = mean + std * sg.nn.dense(h, 1, name="out")[:, 0]
    loss = sg.losses.mean(sg.losses.mse(forecast, y * height))
    optimizer = sg.optim.AdamW(sg.optim.cosine(5e-3, steps))
    return sg.compile(loss, outputs=forecast, optimizer=optimizer)


def windows(series, times):
    """The values at some times, each with the `PAST` values before it."""
    return {"x": series[times[:, None] + np.arange(-PAST, 0)], "y": series[times]}


def recurrent(series, split, epochs, seeds):
    """One-step forecasts from `split` on by a network for each seed: (seeds, years)."""
    train = windows(series, np.arange(PAST, split))
    past = windows(series, np.arange(split, len(series)))["x"]
    batches = -(-(split - PAST) // 32)
    model = network(series[:split].mean(), series[:split].std(), steps=epochs * batches)
    fits = [sg.train.fit(model, train, epochs=epochs, seed=seed) for seed in range(seeds)]
    return np.stack([model.predict(fit.params, x=past) for fit in fits])


def autoregression(series, split):
    """One-step forecasts from `split` on by a linear model of the years before."""
    order = max(ar_select_order(series[:split], 20, ic="aic").ar_lags)
    params = AutoReg(series[:split], order).fit().params
    return AutoReg(series, order).predict(params, start=split)


def main(until=2009, epochs=100, seeds=5):
    """Print and give the root of the mean squared error of each forecast."""
    years, spots = sm.datasets.sunspots.load_pandas().data.to_numpy().T
    spots = spots[years < until]
    roots = np.sqrt(spots)
    split = len(spots) - AHEAD
    each = recurrent(roots, split, epochs, seeds) ** 2
    forecasts = {
        "persistence": spots[split - 1 : -1],
        "autoregression": autoregression(spots, split),
        "autoregression of roots": autoregression(roots, split) ** 2,
        "LSTM": each.mean(axis=0),
    }
    errors = {k: np.sqrt(np.mean((v - spots[split:]) ** 2)) for k, v in forecasts.items()}
    for name, error in errors.items():
        print(f"{name:24} {error:6.2f}")
    alone = np.sqrt(np.mean((each - spots[split:]) ** 2, axis=1))
    print(f"each network alone {alone.min():11.2f} .. {alone.max():.2f}")
    return errors


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--until", type=int, default=2009)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=5)
    main(**vars(parser.parse_args()))
